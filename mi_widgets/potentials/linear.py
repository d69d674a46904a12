"""Linear potentials: an energy that is a polynomial of the features, learnt by linear algebra."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials._pair_part import pair_descriptor, pair_terms
from mi_widgets.potentials._sum_fit import Noise, base_energies, iter_sum_fit, learnable
from mi_widgets.potentials._sum_model import SumModel
from mi_widgets.potentials._sum_potential import SumPotential
from mi_widgets.potentials._terms import PolynomialTerms
from mi_widgets.potentials.descriptors import SmoothOverlap, SymmetryFunctions, descriptor_from_dict
from mi_widgets.potentials.domain import Domain
from mi_widgets.runs import Part, Progress, collect

__all__ = ["LinearPotential", "PolynomialPotential"]

_PAIR_SIZE = 10.0
_SIZE = 3.0  # eV for a feature that changes by its standard deviation


class PolynomialPotential(SumPotential):
    """What `LinearPotential.fit` gives; see `Potential`."""

    kind = "linear"
    terms = (PolynomialTerms, PolynomialTerms)

    @classmethod
    def _settings(cls, settings: Mapping[str, Any]) -> "LinearPotential":
        given = dict(settings)
        return LinearPotential(descriptor_from_dict(given.pop("descriptor")), **given)


@dataclass(frozen=True)
class LinearPotential:
    """An energy that is linear in the features of environments, or in their products of two.

    E = sum_i [e_i + sum_j v(r_ij) / 2 + c . P (G_i - m) + (P (G_i - m))^T C P (G_i - m)], with P the principal
    components of the features of each element. With G2 alone it is a pair potential; with all symmetry functions and
    ``degree=1`` a sum of pairs and triples of atoms; ``degree=2`` goes beyond that.

    Parameters
    ----------
    descriptor : SymmetryFunctions or SmoothOverlap
        Features of an environment.
    degree : {1, 2}
        Highest power.
    n_components : int
        Principal components whose products are taken, for ``degree=2``.
    pairs : bool
        Whether smooth functions of the distance are added, every 0.2 angstrom.
    energy_noise, force_noise, virial_noise : float, optional
        Standard deviation of energies (eV per atom), forces (eV/angstrom) and virials (eV per atom): that of forces is
        found by default, and the others are 0.02 and 0.1 angstrom times that.

    Raises
    ------
    ParameterError
        A setting is out of range.

    References
    ----------
    M. A. Wood, A. P. Thompson, J. Chem. Phys. 148, 241721 (2018), doi:10.1063/1.5017641.

    Examples
    --------
    >>> LinearPotential(SymmetryFunctions(("Si", "O")), degree=2).n_components
    24
    """

    descriptor: SymmetryFunctions | SmoothOverlap = field(default_factory=SymmetryFunctions)
    degree: Literal[1, 2] = 1
    n_components: int = 24
    pairs: bool = True
    energy_noise: float | None = None
    force_noise: float | None = None
    virial_noise: float | None = None

    def __post_init__(self) -> None:
        if self.degree not in (1, 2):
            raise ParameterError(f"degree must be 1 or 2; got {self.degree!r}.")
        if isinstance(self.n_components, bool) or not 1 <= self.n_components <= 200:
            raise ParameterError(f"n_components must lie between 1 and 200; got {self.n_components!r}.")
        for name in ("energy_noise", "force_noise", "virial_noise"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ParameterError(f"{name} must be a positive number; got {value!r}.")

    def fit(
        self,
        snapshots: xr.Dataset,
        *,
        validation: xr.Dataset | None = None,
        progress: Progress | None = None,
        seed: int | np.random.Generator | None = 0,
        resume: Any = None,
    ) -> PolynomialPotential:
        """Learn from snapshots.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As `label_snapshots` makes it; forces and stress are used where they are known.
        validation : xarray.Dataset, optional
            Snapshots from which the size of errors is learnt; by default a fifth of the others (40 at most), which is
            learnt from in the end.
        progress : callable, optional
            Called with each `mi_widgets.runs.Part`.
        seed : int or numpy.random.Generator or None
            Order of the frames.
        resume : None
            There is nothing to continue: fit to all snapshots at once.

        Returns
        -------
        PolynomialPotential
            Its ``training`` has the errors over the number of frames learnt from.

        Raises
        ------
        LabelError
            These are no snapshots.
        DataError
            No energy is finite, atoms are in one place, or an element is not known to the descriptor.
        ParameterError
            `resume` is given.

        Warns
        -----
        MIWidgetsWarning
            Forces or energies are missing.
        """
        return collect(self.iter_fit(snapshots, validation=validation, seed=seed, resume=resume), progress)

    def iter_fit(
        self,
        snapshots: xr.Dataset,
        *,
        validation: xr.Dataset | None = None,
        seed: int | np.random.Generator | None = 0,
        resume: Any = None,
    ) -> Iterator[Part]:
        """Learn in parts; the result of each is the potential of the frames so far.

        Parameters
        ----------
        snapshots, validation, seed, resume
            As in `fit`.

        Yields
        ------
        mi_widgets.runs.Part
        """
        if resume is not None:
            raise ParameterError("a fit by linear algebra has nothing to continue; fit to all snapshots at once.")
        data = learnable(snapshots, "LinearPotential.fit")
        held = None if validation is None else learnable(validation, "LinearPotential.fit", warn=False)
        features = self.descriptor.features(data.geometries, derivatives=False)
        own = np.unique(features.numbers)
        parts: list[Any] = [(self.descriptor, self._terms(features.values, features.numbers, own))]
        if self.pairs:
            numbers = np.array([SYMBOLS.index(e) for e in self.descriptor.elements])
            pairs = self.descriptors()[0]
            parts.insert(0, (pairs, pair_terms(pairs, numbers, own, _PAIR_SIZE)))
        model = SumModel(tuple(parts), own, base_energies(data, own))
        domain = Domain.of(features.values, features.numbers, data.geometries)
        attrs = origin("potentials.LinearPotential.fit", "course of the fit", self.to_dict(), of=snapshots)
        noise = Noise(self.energy_noise, self.force_noise, self.virial_noise)
        yield from iter_sum_fit(
            model, data, held, noise,
            lambda posterior, calibration, course: PolynomialPotential(
                self, course, model, posterior, calibration, domain
            ),
            seed=seed, attrs=attrs,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON can write them."""
        names = [name for name in self.__dataclass_fields__ if name != "descriptor"]
        return {"descriptor": self.descriptor.to_dict(), **{name: getattr(self, name) for name in names}}

    def descriptors(self) -> list[Any]:
        """Descriptor of each part, that of environments last."""
        pairs = [pair_descriptor(self.descriptor.elements, self.descriptor.cutoff)] if self.pairs else []
        return [*pairs, self.descriptor]

    def _terms(self, values: np.ndarray, numbers: np.ndarray, own: np.ndarray) -> PolynomialTerms:
        """Principal components of scaled features, all of them for degree 1."""
        n = values.shape[1] if self.degree == 1 else min(self.n_components, values.shape[1])
        center, axes = [], []
        for z in own:
            rows = values[numbers == z]
            spread = rows.std(axis=0)
            scale = np.maximum(spread, 0.1 * max(float(spread.max()), 1e-8))
            u = (rows - rows.mean(axis=0)) / scale
            size, vectors = np.linalg.eigh(u.T @ u / len(u))
            best = vectors[:, ::-1][:, :n] / np.sqrt(np.maximum(size[::-1][0], 1e-12))
            center.append(rows.mean(axis=0))
            axes.append(best.T / scale)
        n_raw = n + (n * (n + 1) // 2 if self.degree == 2 else 0)
        term_of = np.arange(len(own) * n_raw).reshape(len(own), n_raw)
        size = np.full(len(own) * n_raw, _SIZE)
        return PolynomialTerms(own, np.array(axes), np.array(center), self.degree, term_of, size)
