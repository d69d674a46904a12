"""What every learnt potential can do: predict, say how sure it is, serve as a calculator, be saved and loaded."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.history import origin
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._potential_file import read_potential, write_potential
from mi_widgets.potentials._potential_results import error_dataset, prediction_dataset
from mi_widgets.potentials._snapshot_checks import ordered, require_snapshots
from mi_widgets.potentials.snapshots import snapshots_from_trajectory

__all__ = ["Evaluation", "Potential", "load_potential", "to_geometries"]

_AT_ONCE = 1500  # atoms whose derivatives are in memory at a time


class Evaluation(NamedTuple):
    """What a potential finds for some structures, one after another, as plain arrays.

    Attributes
    ----------
    energy : (n_frames,)
        eV.
    atomic_energy : (n_env,)
        eV.
    outside : (n_env,) bool
        Outside the training domain.
    force : (n_env, 3) or None
        eV/angstrom.
    virial : (n_frames, 3, 3) or None
        -dE/dstrain (eV).
    energy_stderr, atomic_energy_stderr, force_stderr : as above, or None
        Standard errors.
    """

    energy: np.ndarray
    atomic_energy: np.ndarray
    outside: np.ndarray
    force: np.ndarray | None = None
    virial: np.ndarray | None = None
    energy_stderr: np.ndarray | None = None
    atomic_energy_stderr: np.ndarray | None = None
    force_stderr: np.ndarray | None = None


class Potential(ABC):
    """A fitted potential: energy of a structure as a sum over its atoms, forces as derivatives of it.

    Made by ``fit`` of `Network`, `SparseGaussianProcess` or `LinearPotential`, or by `load_potential`. Atomic energies
    are not unique: only their sum was learnt.

    Parameters
    ----------
    settings : Network, SparseGaussianProcess or LinearPotential
        How it was fitted.
    training : xarray.Dataset
        The course of the fit.

    Attributes
    ----------
    settings : object
        As given.
    training : xarray.Dataset
        As given.
    """

    #: Name in files.
    kind: ClassVar[str]

    def __init__(self, settings: Any, training: xr.Dataset) -> None:
        self.settings, self.training = settings, training

    @property
    def descriptor(self) -> Any:
        """What describes an environment."""
        return self.settings.descriptor

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols that it knows."""
        return tuple(self.descriptor.elements)

    @abstractmethod
    def _evaluate(self, geometries: Sequence[Geometry], *, derivatives: bool, uncertainty: bool) -> Evaluation:
        """Energies, and where asked forces, virials and standard errors, of some structures."""

    @abstractmethod
    def _arrays(self) -> dict[str, np.ndarray]:
        """Everything that was learnt, by name."""

    @classmethod
    @abstractmethod
    def _restore(
        cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray], training: xr.Dataset
    ) -> "Potential":
        """The potential from ``settings.to_dict()``, `_arrays` and `training`."""

    def _evaluate_one(self, geometry: Geometry) -> Evaluation:
        """Energy, forces and virial of one structure, for molecular dynamics; a subclass may know a quicker way."""
        return self._evaluate([geometry], derivatives=True, uncertainty=False)

    def _outside_frames(self, geometries: Sequence[Geometry]) -> np.ndarray | None:
        """Which frames have a density that was not learnt from; None where that is not known."""
        domain = getattr(self, "_domain", None)
        return None if domain is None else domain.outside_frames(geometries)

    def predict(self, snapshots: xr.Dataset, *, forces: bool = True, uncertainty: bool = True) -> xr.Dataset:
        """Predict energies, forces and stress, with standard errors where the potential knows them.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As `label_snapshots` makes it, or one structure or trajectory.
        forces : bool
            Whether forces and stress are wanted.
        uncertainty : bool
            Whether standard errors are wanted.

        Returns
        -------
        xarray.Dataset
            Over ``frame``: ``energy`` (eV), ``energy_stderr``, ``stress`` (frame, axis, axis_2; eV/angstrom^3; NaN
            without a cell). Over ``environment``: ``atomic_energy`` (eV), ``atomic_energy_stderr``, ``force``
            (environment, axis; eV/angstrom), ``force_stderr`` and ``outside`` (1 where the environment is outside the
            training domain), with the coordinates ``element``, ``frame_of`` and ``atom_of``. ``outside_frame`` (frame)
            is 1 where the frame has a density that was not learnt from: there energies are far less certain than their
            standard errors say.

        Raises
        ------
        LabelError
            These are no snapshots.
        DataError
            An element is unknown to the potential, or a position is not a number.
        """
        found = _as_snapshots(snapshots)
        geometries = to_geometries(found)
        parts = [
            self._evaluate(geometries[a:b], derivatives=forces, uncertainty=uncertainty)
            for a, b in _blocks([len(g.numbers) for g in geometries])
        ]
        ds = prediction_dataset(found, _joined(parts), self._outside_frames(geometries))
        given = {"kind": self.kind, "forces": forces, "uncertainty": uncertainty}
        ds.attrs = origin("potentials.Potential.predict", "predicted energies and forces", given, of=snapshots)
        return ds

    def atomic_energies(self, snapshots: xr.Dataset) -> xr.DataArray:
        """Predict the energy of each atom; only their sums over frames were learnt.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As in `predict`.

        Returns
        -------
        xarray.DataArray
            ``atomic_energy`` (environment; eV).

        Raises
        ------
        LabelError
            These are no snapshots.
        DataError
            An element is unknown to the potential.
        """
        return self.predict(snapshots, forces=False, uncertainty=False)["atomic_energy"]

    def uncertainty(self, snapshots: xr.Dataset, *, forces: bool = True) -> xr.Dataset:
        """Standard errors of the prediction, and which environments are outside the training domain.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As in `predict`.
        forces : bool
            Whether those of forces are wanted, which take most of the time.

        Returns
        -------
        xarray.Dataset
            ``energy_stderr`` (frame), ``atomic_energy_stderr`` (environment), ``force_stderr`` (environment, axis) as
            far as the potential knows them, ``outside`` (environment) and ``outside_frame`` (frame).

        Raises
        ------
        LabelError
            These are no snapshots.
        DataError
            An element is unknown to the potential.
        """
        ds = self.predict(snapshots, forces=forces)
        names = ("energy_stderr", "atomic_energy_stderr", "force_stderr", "outside", "outside_frame")
        return ds[[name for name in names if name in ds]]

    def errors(self, snapshots: xr.Dataset, *, level: float = 0.9) -> xr.Dataset:
        """Compare predictions with what snapshots hold.

        Parameters
        ----------
        snapshots : xarray.Dataset
            As `label_snapshots` makes it, or a structure or trajectory with ``energy``. Values that are no numbers are
            left out of the means.
        level : float
            Of the intervals whose coverage is counted.

        Returns
        -------
        xarray.Dataset
            ``energy_rmse`` and ``energy_mae`` (eV per atom), ``force_rmse`` and ``force_mae`` (eV/angstrom; over
            components), ``energy_error`` (frame; eV per atom, predicted minus given), ``force_error`` (frame; RMSE),
            ``n_outside`` (frame) and, where the potential knows standard errors, ``energy_coverage`` and
            ``force_coverage``: shares of given values inside the predicted intervals of `level`.

        Raises
        ------
        LabelError
            These are no snapshots.
        DataError
            An element is unknown to the potential.
        """
        found = snapshots
        if isinstance(snapshots, xr.Dataset) and "atom" in snapshots.dims and "frame_of" not in snapshots.coords:
            found = snapshots_from_trajectory(snapshots)
        ds = error_dataset(found, self.predict(found, forces="force" in found), level)
        ds.attrs = origin("potentials.Potential.errors", "errors of a potential", {"level": level}, of=snapshots)
        return ds

    def calculator(self) -> Any:
        """Make a calculator of ASE: energy, energies of atoms, forces, stress, and ``outside`` in its results.

        Returns
        -------
        ase.calculators.calculator.Calculator
            Its ``results["outside"]`` is 1 for each atom outside the training domain, ``results["outside_frame"]`` 1
            where the density is.

        Raises
        ------
        MissingDependencyError
            ASE is not installed.
        """
        from mi_widgets.potentials._calculator import make_calculator

        return make_calculator(self)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the potential to a netCDF file, from which `load_potential` makes it again; nothing in it is code.

        Parameters
        ----------
        path : path-like
            Where; the file appears whole or not at all.
        overwrite : bool
            Whether a file of this name may be replaced.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        ParameterError
            The file exists, or its folder does not.
        """
        return write_potential(path, self.kind, self.settings.to_dict(), self._arrays(), self.training, overwrite)


def load_potential(path: str | os.PathLike[str]) -> Potential:
    """Load a potential that `Potential.save` wrote.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Potential
        The same predictions, to the last digit.

    Raises
    ------
    FileFormatError
        The file is missing, damaged, holds no potential, or was written by another version.

    Examples
    --------
    >>> load_potential("nowhere.nc")
    Traceback (most recent call last):
    mi_widgets.errors.FileFormatError: there is no file 'nowhere.nc' ...
    """
    return read_potential(path)


def to_geometries(snapshots: xr.Dataset) -> list[Geometry]:
    """Plain arrays of each frame of snapshots.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `label_snapshots` makes it.

    Returns
    -------
    list of Geometry
        Atomic numbers, positions (angstrom), cell, pbc.

    Raises
    ------
    LabelError
        These are no snapshots.
    DataError
        A symbol is no element, a position is not a number, or atoms are not in the order of the frames.

    Examples
    --------
    >>> from mi_widgets.potentials.snapshots import label_snapshots
    >>> position = [[[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]]]
    >>> to_geometries(label_snapshots(position, ["H", "H"], [-31.7], cell=np.zeros((3, 3)), pbc=False))[0].numbers
    array([1, 1])
    """
    require_snapshots(snapshots, "to_geometries")
    snapshots = ordered(snapshots)
    labels, frame_of = snapshots["frame"].values, snapshots["frame_of"].values
    place = {label: i for i, label in enumerate(labels.tolist())}
    at = np.array([place.get(f, -1) for f in frame_of.tolist()], dtype=int)
    if at.size == 0 or (at < 0).any() or (np.diff(at) < 0).any():
        raise DataError(
            "the atoms of snapshots must follow their frames, one after another. After choosing frames, take their "
            "atoms too: snapshots.isel(frame=i, environment=snapshots.frame_of.isin(labels)), or use take_frames."
        )
    counts = np.bincount(at, minlength=len(labels))
    if (counts == 0).any() or ("n_atoms" in snapshots and (counts != snapshots["n_atoms"].values).any()):
        raise DataError(
            "atoms of a frame are missing: choose whole frames, by take_frames, and atoms only in what was predicted."
        )
    symbols = snapshots["element"].values
    known = {symbol: z for z, symbol in enumerate(SYMBOLS)}
    strange = sorted(set(map(str, symbols)) - set(SYMBOLS[1:]))
    if strange:
        raise DataError(f"no chemical symbols: {strange[:5]}. Rename them in the coordinate 'element'.")
    numbers = np.array([known[str(e)] for e in symbols])
    position = np.asarray(snapshots["position"].transpose("environment", "axis").values, dtype=float)
    if not np.isfinite(position).all():
        raise DataError("positions hold values that are no numbers; leave those frames out.")
    ends = np.cumsum(counts)
    cells, pbc = np.asarray(snapshots["cell"].values, dtype=float), np.asarray(snapshots["pbc"].values, dtype=bool)
    return [
        Geometry(numbers[a:b], position[a:b], cells[i], pbc[i])
        for i, (a, b) in enumerate(zip(np.concatenate([[0], ends[:-1]]), ends, strict=True))
    ]


def _as_snapshots(data: Any) -> xr.Dataset:
    """Snapshots; a structure or a trajectory becomes some, whose energies are not known."""
    if isinstance(data, xr.Dataset) and "atom" in data.dims and "frame_of" not in data.coords:
        from mi_widgets.potentials._snapshot_frames import unlabelled

        return unlabelled(data)
    require_snapshots(data, "predict")
    return data


def _blocks(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    first, atoms = 0, 0
    for i, size in enumerate(sizes):
        if atoms and atoms + size > _AT_ONCE:
            yield first, i
            first, atoms = i, 0
        atoms += size
    yield first, len(sizes)


def _joined(parts: Sequence[Evaluation]) -> Evaluation:
    columns = zip(*parts, strict=True)
    return Evaluation(*(None if any(v is None for v in c) else np.concatenate(c) for c in columns))  # type: ignore[arg-type]
