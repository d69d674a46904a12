"""The nearest minimum of the energy, with or without the cell."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._md_forces import stresses_of

__all__ = ["relax_structure"]

_SHRUNK = 0.4  # strain beyond which a relaxation has gone astray


class _Found(NamedTuple):
    position: np.ndarray
    cell: np.ndarray
    energy: float
    force: np.ndarray
    stress: np.ndarray
    n_calls: int
    good: bool


def relax_structure(
    structure: xr.Dataset,
    forces: Any,
    *,
    cell: bool = False,
    max_force: float = 1e-3,
    max_stress: float = 1e-5,
    max_calls: int = 2000,
) -> xr.Dataset:
    """Move atoms, and the cell if asked for, to the nearest minimum of the energy.

    Parameters
    ----------
    structure : xarray.Dataset
        See `mi_widgets.labels.label_structure`.
    forces : TTAM, fitted potential or calculator of ASE
        What gives energy, forces and, for the cell, stress.
    cell : bool
        Whether the cell relaxes as well: all its lengths and angles.
    max_force : float
        The largest component of a force (eV/angstrom) that is taken for zero.
    max_stress : float
        The same for the stress (eV/angstrom^3; 1e-5 is 1.6 MPa).
    max_calls : int
        How often forces are computed at most.

    Returns
    -------
    xarray.Dataset
        The structure at its minimum: ``position`` (atom, axis), ``cell`` in angstrom, with ``energy`` (eV), ``force``
        (atom, axis; eV/angstrom), ``stress`` (axis, axis_2; eV/angstrom^3; NaN where it was not asked for), ``n_calls``
        and ``status``: ``ok`` or ``not_converged``.

    Raises
    ------
    ParameterError
        A number is out of range, or `forces` gives none.
    LabelError, DataError
        No structure, or one that the potential cannot compute; the cell collapses.

    Examples
    --------
    >>> from mi_widgets.datasets._silica_crystals import make_silica_crystal
    >>> from mi_widgets.potentials.ttam import TTAM
    >>> quartz = relax_structure(make_silica_crystal("quartz"), TTAM(), cell=True)
    >>> round(float(quartz.cell[0, 0]), 2)
    4.99
    """
    who = "relax_structure"
    if not (max_force > 0 and max_stress > 0 and max_calls >= 1):
        raise ParameterError(f"{who}: max_force, max_stress and max_calls must be above 0.")
    atoms = atoms_of(structure, who=who)
    found = _minimum(stresses_of(forces, atoms, cell=cell, who=who), atoms, cell, max_force, max_stress, max_calls, who)
    ds = label_structure(found.position, atoms.element, cell=found.cell, pbc=atoms.pbc)
    ds = ds.assign_coords({"atom": structure["atom"]} if "atom" in structure.coords else {})
    ds = ds.assign_coords(axis_2=("axis_2", ["x", "y", "z"], {"long_name": "second Cartesian axis"}))
    ds["energy"] = ((), found.energy, {"units": "eV", "long_name": "energy"})
    ds["force"] = (("atom", "axis"), found.force, {"units": "eV/angstrom", "long_name": "force"})
    ds["stress"] = (("axis", "axis_2"), found.stress, {"units": "eV/angstrom^3", "long_name": "stress"})
    ds["n_calls"] = ((), found.n_calls, {"units": "1", "long_name": "computations of forces"})
    flags = {"flag_values": [0, 1], "flag_meanings": "ok not_converged"}
    ds["status"] = ((), np.int8(0 if found.good else 1), {"long_name": "how it ended", **flags})
    parameters = {"forces": repr(forces), "cell": cell, "max_force": max_force, "max_stress": max_stress}
    ds.attrs = origin("potentials.relax_structure", "relaxed structure", parameters, of=structure)
    return ds


def _minimum(
    evaluate: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]],
    atoms: Atoms,
    cell: bool,
    max_force: float,
    max_stress: float,
    max_calls: int,
    who: str,
) -> _Found:
    """L-BFGS in positions of the undeformed cell and a symmetric strain."""
    from scipy.optimize import minimize

    n, start, calls = len(atoms.position), atoms.position, 0
    weight = 4.0 * n ** (1 / 2)  # makes a strain as stiff as an atom
    volume = abs(float(np.linalg.det(atoms.cell)))

    def deformation(x: np.ndarray) -> np.ndarray:
        if not cell:
            return np.eye(3)
        a = x[3 * n :] / weight
        return np.eye(3) + np.array([[a[0], a[5], a[4]], [a[5], a[1], a[3]], [a[4], a[3], a[2]]])

    def value(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal calls
        f = deformation(x)
        if cell and np.abs(f - np.eye(3)).max() > _SHRUNK:
            raise DataError(
                f"{who}: the cell has been strained by more than {_SHRUNK:.0%}: this potential has no minimum here."
            )
        calls += 1
        energy, force, virial = evaluate(x[: 3 * n].reshape(-1, 3) @ f, atoms.cell @ f)
        gradient = -(force @ f).ravel()
        if cell:
            slope = np.linalg.inv(f) @ virial
            slope = 0.5 * (slope + slope.T)
            twice = 2 * slope
            shear = [slope[0, 0], slope[1, 1], slope[2, 2], twice[1, 2], twice[0, 2], twice[0, 1]]
            gradient = np.concatenate([gradient, np.array(shear) / weight])
        return energy, gradient

    x = np.concatenate([start.ravel(), np.zeros(6 if cell else 0)])
    for _ in range(5):  # SciPy stops where the energy no longer tells its values apart
        limit = 0.5 * min(max_force, max_stress * volume / weight if cell else max_force)
        options = {"gtol": limit, "ftol": 1e-16, "maxfun": max(1, max_calls - calls), "maxiter": 10_000, "maxcor": 30}
        x = np.asarray(minimize(value, x, jac=True, method="L-BFGS-B", options=options).x)
        f = deformation(x)
        position, vectors = x[: 3 * n].reshape(-1, 3) @ f, atoms.cell @ f
        energy, force, virial = evaluate(position, vectors)
        stress = virial / abs(float(np.linalg.det(vectors))) if cell else np.full((3, 3), np.nan)
        good = bool(np.abs(force).max() <= max_force and (not cell or np.abs(stress).max() <= max_stress))
        if good or calls >= max_calls:
            break
    return _Found(position, vectors, energy, force, stress, calls, good)
