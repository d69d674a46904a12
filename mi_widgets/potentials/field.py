"""The energy of a guest atom everywhere in a frozen amorphous matrix: E = E_amorph + dE_guest + dE_opt."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._field_dataset import field_dataset, point_dataset
from mi_widgets.potentials._field_regress import Fitted, blocks_of, fit_references, make_regressor
from mi_widgets.potentials._guest_system import GuestSystem
from mi_widgets.runs import Part, Progress, collect

__all__ = ["guest_at", "guest_field", "iter_guest_field"]

_PART = 15
_LEAST = 40
_MOST_POINTS = 500_000


def guest_field(
    structure: xr.Dataset,
    forces: Any = None,
    guest: Any = None,
    *,
    spacing: float = 0.5,
    n_references: int = 360,
    n_refine: int = 60,
    n_rounds: int = 2,
    most_frozen: float = 8.0,
    regressor: Any = "gp",
    n_folds: int = 4,
    largest_force: float = 0.05,
    settle: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Find the energy of a guest atom at every point of a periodic cell, the matrix relaxed around it.

    .. math:: E(x, y, z) = E_\mathrm{amorph} + \Delta E_\mathrm{guest}(x, y, z) + \Delta E_\mathrm{opt}(x, y, z)

    The first term is the matrix alone at its minimum, the second puts the guest into the rigid matrix, and the third
    (zero or less) is what the matrix gains by giving way, its centre held, the guest held at the point. The second is
    computed everywhere. The third is computed at reference points and learnt: first an elastic matrix, in which the
    nearest atoms give way as the matrix of second derivatives says, then a regression of what that leaves over on the
    energies and forces of the pairs and radial symmetry functions of the point. Its error is that on references whose
    whole block of the cell (about 3 angstrom) was left out, since neighbours tell each other's answer. In some rounds
    further references are put where the lowest paths through the cell are highest and lowest.

    Parameters
    ----------
    structure : xarray.Dataset
        The matrix: one structure in a cell with right angles, see `mi_widgets.labels.label_structure`.
    forces : TTAM, fitted potential, calculator of ASE, or callable, optional
        Of the matrix, see `run_md`; by default ``TTAM()``.
    guest : LennardJonesGuest or CalculatorGuest, optional
        By default the made-up `LennardJonesGuest`.
    spacing : float
        Largest step of the grid (angstrom), 0.15 to 1.
    n_references : int
        Points at which the matrix is relaxed, half of them among the lower half by the elastic estimate.
    n_refine, n_rounds : int
        References along the paths in each round, and rounds.
    most_frozen : float
        Where the guest in the rigid matrix is higher than this (eV), it is not looked at: status blocked.
    regressor : {"gp", "ridge"} or estimator of scikit-learn
        A Gaussian process, linear ridge regression, or any other.
    n_folds : int
        Folds of blocks for the error, 2 to 20.
    largest_force : float
        Where relaxations end (eV/angstrom).
    settle : bool
        Relax the matrix alone first; without it, the matrix must be at its minimum.
    seed : int
        Of the choice of references and folds.
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over the grid (x, y, z), angstrom, eV:

        - ``energy`` and ``energy_stderr``: E, NaN where it is blocked; ``guest_energy``: the second term;
          ``relaxation_energy``: the third
        - ``elastic_energy``: the third term of the elastic matrix alone
        - ``status``: ok, blocked (1)

        scalars ``matrix_energy`` (the first term), ``relaxation_rmse`` (on blocks left out; NaN until there are
        references) and ``frozen_std`` (spread of the third term, for comparison), eV; over ``reference``:
        ``reference_position`` (reference, axis), ``reference_guest_energy``, ``reference_relaxation_energy``,
        ``reference_held_out`` and its ``_stderr``, ``reference_round`` and ``reference_status`` (ok, not_converged);
        and the relaxed matrix as a structure: ``position``, ``cell``, ``pbc``, ``element``.

    Raises
    ------
    LabelError
        `structure` is no structure.
    DataError
        The cell has no right angles or is too small for the guest, positions are not finite, or the guest fits nowhere.
    ParameterError
        An element is not known to guest or forces, the grid is too coarse, or another number is out of range.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> from ase.calculators.lj import LennardJones
    >>> from mi_widgets.potentials import LennardJonesGuest
    >>> place = 4.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3)
    >>> argon = label_structure(place, ["Ar"] * 27, cell=12.0 * np.eye(3))
    >>> soft = LennardJonesGuest("He", {"Ar": 2.5}, {"Ar": 0.01}, cutoff=5.9)
    >>> forces = LennardJones(sigma=3.4, epsilon=0.01, rc=5.9, smooth=True)
    >>> found = guest_field(argon, forces, soft, spacing=1.0, n_references=40, n_rounds=0)
    >>> bool(found.relaxation_energy.max() <= 0.01)
    True
    """
    return collect(
        iter_guest_field(
            structure, forces, guest, spacing=spacing, n_references=n_references, n_refine=n_refine, n_rounds=n_rounds,
            most_frozen=most_frozen, regressor=regressor, n_folds=n_folds, largest_force=largest_force, settle=settle,
            seed=seed,
        ),
        progress,
    )  # fmt: skip


def iter_guest_field(structure: xr.Dataset, forces: Any = None, guest: Any = None, **options: Any) -> Iterator[Part]:
    """Find the field of a guest part by part: first the rigid matrix with the elastic estimate, then references.

    Parameters
    ----------
    structure, forces, guest, **options
        As in `guest_field`.

    Yields
    ------
    mi_widgets.runs.Part
        ``result`` is the field so far; ``done`` counts references.

    Examples
    --------
    >>> from mi_widgets.datasets import make_silica
    >>> first = next(iter_guest_field(make_silica(), spacing=1.0))  # doctest: +SKIP
    """
    settings = _Settings(**options)
    work = _Work(GuestSystem(structure, forces, guest, who="guest_field"), structure, settings)
    return work.parts()


class _Settings:
    """Checked options."""

    def __init__(
        self, *, spacing: float = 0.5, n_references: int = 360, n_refine: int = 60, n_rounds: int = 2,
        most_frozen: float = 8.0, regressor: Any = "gp", n_folds: int = 4, largest_force: float = 0.05,
        settle: bool = True, seed: int = 0,
    ) -> None:  # fmt: skip
        who = "guest_field"
        if not 0.15 <= spacing <= 1.0:
            raise ParameterError(
                f"{who}: spacing must be 0.15 to 1 angstrom; got {spacing!r}. A coarser grid steps over barriers."
            )
        for name, value, low, high in (
            ("n_references", n_references, _LEAST, 100_000), ("n_refine", n_refine, 1, 10_000),
            ("n_rounds", n_rounds, 0, 20), ("n_folds", n_folds, 2, 20),
        ):  # fmt: skip
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
                raise ParameterError(f"{who}: {name} must be a whole number from {low} to {high}; got {value!r}.")
        for name, number in (("most_frozen", most_frozen), ("largest_force", largest_force)):
            if not (np.isfinite(number) and number > 0):
                raise ParameterError(f"{who}: {name} must be a number above zero; got {number!r}.")
        self.spacing, self.n_references, self.n_refine, self.n_rounds = spacing, n_references, n_refine, n_rounds
        self.most_frozen, self.n_folds, self.largest_force = most_frozen, n_folds, largest_force
        self.settle, self.seed = bool(settle), int(seed)
        self.estimator = make_regressor(regressor, who)
        self.history = {k: v for k, v in vars(self).items() if k != "estimator"} | {"regressor": str(regressor)}


class _Work:
    """What is known while the field is made."""

    def __init__(self, system: GuestSystem, structure: xr.Dataset, settings: _Settings) -> None:
        self.system, self.structure, self.settings = system, structure, settings
        n = np.maximum(np.ceil(system.box / settings.spacing).astype(int), 4)
        if n.prod() > _MOST_POINTS:
            raise ParameterError(
                f"guest_field: {n.prod():,} points are more than {_MOST_POINTS:,}; write a larger spacing."
            )
        self.axes = [np.arange(k) * b / k for k, b in zip(n, system.box, strict=True)]
        self.point = np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, 3)
        self.rows: list[tuple[int, float, bool, int]] = []  # grid point, relaxation energy, converged, round
        self.fitted: Fitted | None = None

    @one_thread
    def start(self) -> None:
        """The rigid matrix, and the elastic estimate."""
        self.system.prepare(settle=self.settings.settle, largest_force=self.settings.largest_force)
        self.frozen, _ = self.system.frozen(self.point)
        self.open = np.flatnonzero(self.frozen < self.settings.most_frozen)
        if self.open.size < _LEAST:
            raise DataError(
                f"guest_field: the guest is below {self.settings.most_frozen:g} eV at {self.open.size} of "
                f"{self.frozen.size} points; it fits nowhere. Take a smaller sigma or a larger most_frozen."
            )
        features, first = self.system.features(self.point[self.open])
        self.features = np.column_stack([self.frozen[self.open], features])
        self.elastic = first
        self.order = self._chosen()

    def _chosen(self) -> np.ndarray:
        """Numbers among the open points: every second one from the lower half."""
        rng = np.random.default_rng(self.settings.seed)
        estimate = self.frozen[self.open] + self.elastic
        low = rng.permutation(np.flatnonzero(estimate <= np.median(estimate)))
        all_of = rng.permutation(len(self.open))
        mixed = [k for pair in itertools.zip_longest(low, all_of) for k in pair if k is not None]
        return np.array(list(dict.fromkeys(mixed)))[: self.settings.n_references]

    @one_thread
    def relax_at(self, numbers: np.ndarray, turn: int) -> None:
        """Relax the matrix around some open points."""
        for k in numbers:
            at = self.open[k]
            found = self.system.relaxed(self.point[at], largest_force=self.settings.largest_force)
            gained = found.energy - self.system.energy - self.frozen[at]
            if np.isfinite(gained):
                self.rows.append((int(k), float(gained), found.converged, turn))

    @one_thread
    def fit(self) -> None:
        """Learn what the elastic estimate leaves over."""
        if len(self.rows) < _LEAST:
            return
        at = np.array([r[0] for r in self.rows])
        target = np.array([r[1] for r in self.rows]) - self.elastic[at]
        block = blocks_of(self.point[self.open[at]], self.system.box)
        self.fitted = fit_references(
            self.settings.estimator, self.features[at], target, block, n_folds=self.settings.n_folds,
            seed=self.settings.seed,
        )  # fmt: skip

    def result(self) -> xr.Dataset:
        """The field as far as it is known."""
        value, error = np.zeros(len(self.open)), np.full(len(self.open), np.nan)
        if self.fitted is not None:
            value, error = self.fitted.predict(self.features)
        gained = np.minimum(self.elastic + value, 0.0)  # giving way never costs energy
        for k, true, converged, _ in self.rows:
            if self.fitted is not None and converged:
                gained[k], error[k] = true, 0.1 * self.fitted.rmse
        return field_dataset(self, gained, error)

    def parts(self) -> Iterator[Part]:
        """References in parts, and the rounds along the paths."""
        s = self.settings
        self.start()
        total = len(self.order) + s.n_rounds * s.n_refine
        result = self.result()
        yield Part(0, total, result, message="rigid matrix and elastic estimate")
        fits = {round(q * len(self.order) / _PART) * _PART for q in (0.25, 0.5)}
        for done in range(0, len(self.order), _PART):
            self.relax_at(self.order[done : done + _PART], 0)
            now = min(done + _PART, len(self.order))
            if now in fits or now == len(self.order):
                self.fit()
                result = self.result()
            yield Part(now, total, result, index=now, message="matrix relaxed around the guest")
        now = len(self.order)
        for turn in range(1, s.n_rounds + 1):
            numbers = self._along_paths(result)
            for k in range(0, len(numbers), _PART):
                self.relax_at(numbers[k : k + _PART], turn)
                yield Part(now + min(k + _PART, len(numbers)), total, result, message="along the paths")
            now += s.n_refine
            self.fit()
            result = self.result()
            yield Part(now, total, result, index=now, message="along the paths")

    def _along_paths(self, result: xr.Dataset) -> np.ndarray:
        """Open points on or beside the paths that are not yet known: near the threshold first, some of the lowest."""
        from mi_widgets.potentials.percolation import percolation_barriers

        paths = percolation_barriers(result, n_draws=0)
        place = paths["path_position"].values.reshape(-1, 3)
        place = place[np.isfinite(place).all(axis=1)]
        number = np.full(self.frozen.size, -1)
        number[self.open] = np.arange(len(self.open))
        n = np.array([len(a) for a in self.axes])
        step = self.system.box / n
        grid = np.unique(np.round(place / step).astype(int) % n, axis=0)
        flat = np.ravel_multi_index(tuple(grid.T), tuple(n))
        known = {r[0] for r in self.rows}
        wanted = np.array([k for k in number[flat] if k >= 0 and k not in known], dtype=int)
        energy = result["energy"].values.ravel()[self.open[wanted]]
        order = np.argsort(energy)
        few = len(order) // 4  # the lowest, too: a barrier has two ends
        best = np.concatenate([order[::-1][: self.settings.n_refine - few], order[:few]]) if len(order) else order
        return wanted[list(dict.fromkeys(best.tolist()))][: self.settings.n_refine]


def guest_at(
    field: xr.Dataset, point: Any, forces: Any = None, guest: Any = None, *, largest_force: float = 0.05
) -> xr.Dataset:
    """Put the guest at one point of a field's matrix, and relax the matrix around it: the true terms.

    Parameters
    ----------
    field : xarray.Dataset
        Of `guest_field`, or any relaxed structure.
    point : (float, float, float)
        Angstrom.
    forces, guest
        As in `guest_field`.
    largest_force : float
        Where the relaxation ends (eV/angstrom).

    Returns
    -------
    xarray.Dataset
        ``guest_energy``, ``relaxation_energy`` and ``energy``, eV, as in `guest_field`; ``nearest`` (angstrom), the
        distance to the nearest atom of the relaxed matrix; the structure ``position`` (atom, axis), the guest last; and
        ``status``: ok, not_converged (1).

    Raises
    ------
    DataError
        The guest lies on top of an atom.
    ParameterError
        `point` is no three finite numbers.

    Examples
    --------
    >>> from mi_widgets.datasets import make_silica
    >>> found = guest_at(make_silica(), (5.0, 5.0, 5.0))  # doctest: +SKIP
    """
    who = "guest_at"
    at = np.asarray(point, dtype=float)
    if at.shape != (3,) or not np.isfinite(at).all():
        raise ParameterError(f"{who}: a point is three finite numbers (angstrom); got {point!r}.")
    system = GuestSystem(field, forces, guest, who=who)
    system.prepare(settle=False, largest_force=largest_force, elastic=False)
    return point_dataset(system, at, field, largest_force)
