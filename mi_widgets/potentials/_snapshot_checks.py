"""Which snapshots cannot be learnt from, and why."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.methods._elements import SYMBOLS

__all__ = [
    "OVERLAP",
    "RESERVED",
    "check_elements",
    "check_shapes",
    "faults",
    "nearest",
    "ordered",
    "require_snapshots",
    "require_units",
]

#: Atoms nearer than this (angstrom) lie on each other; the bond of H2 is 0.74 angstrom long.
OVERLAP = 0.4
#: Names that snapshots use for themselves.
RESERVED = frozenset({
    "frame", "environment", "axis", "axis_2", "cell_vector", "energy", "n_atoms", "cell", "pbc", "position", "force",
    "stress", "element", "frame_of", "atom_of",
})  # fmt: skip
_UNITS = {
    "position": ("angstrom", "Å", "Angstrom"),
    "cell": ("angstrom", "Å", "Angstrom"),
    "energy": ("eV",),
    "force": ("eV/angstrom", "eV/Å", "eV / angstrom"),
    "stress": ("eV/angstrom^3", "eV/angstrom**3", "eV/Å^3", "eV / angstrom ** 3"),
}


def check_elements(elements: Sequence[np.ndarray], who: str) -> None:
    """Raise for a symbol that is no element."""
    found = set().union(*(set(map(str, e)) for e in elements)) if elements else set()
    unknown = sorted(found - set(SYMBOLS[1:]))
    if unknown:
        raise DataError(
            f"{who}: {', '.join(map(repr, unknown[:5]))} is no chemical element. Write symbols such as 'Si' and 'O'; "
            "ghost atoms and types of a force field need to be given the element that they stand for."
        )


def check_shapes(
    positions: Sequence[np.ndarray], elements: Sequence[np.ndarray], forces: Sequence[np.ndarray] | None, who: str
) -> None:
    """Raise unless every frame has one position, element and force for each atom."""
    for i, (position, element) in enumerate(zip(positions, elements, strict=True)):
        force = None if forces is None else forces[i].shape
        if position.ndim != 2 or position.shape != (element.size, 3) or force not in (None, position.shape):
            raise DataError(
                f"{who}: frame {i} has positions of shape {position.shape}, {element.size} elements"
                f"{'' if force is None else f' and forces of shape {force}'}. Each frame needs positions and forces of "
                "shape (n_atoms, 3) and n_atoms elements."
            )


def faults(
    positions: Sequence[np.ndarray],
    cells: np.ndarray,
    pbc: np.ndarray,
    energy: np.ndarray,
    forces: Sequence[np.ndarray] | None,
    *,
    need_force: bool,
) -> dict[int, str]:
    """What is wrong with which frame."""
    wrong: dict[int, str] = {}
    for i, position in enumerate(positions):
        force = None if forces is None else forces[i]
        if not np.isfinite(energy[i]):
            wrong[i] = "energy is not a number"
        elif not (np.isfinite(position).all() and np.isfinite(cells[i]).all()):
            wrong[i] = "position or cell is not a number"
        elif need_force and force is not None and not np.isfinite(force).all():
            wrong[i] = "forces are missing or not numbers"
        elif nearest(position, cells[i], pbc[i]) < OVERLAP:
            wrong[i] = f"atoms nearer than {OVERLAP} angstrom"
    return wrong


def nearest(position: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> float:
    """Shortest distance between two atoms (angstrom), right as long as it is below half the cell's height."""
    full = np.where((np.linalg.norm(cell, axis=1) > 0)[:, None], cell, np.eye(3))
    if abs(np.linalg.det(full)) < 1e-9:
        return np.inf
    fraction = position @ np.linalg.inv(full)
    shortest = np.inf
    for i in range(len(position) - 1):
        step = fraction[i + 1 :] - fraction[i]
        step -= np.round(step) * pbc
        shortest = min(shortest, float(((step @ full) ** 2).sum(axis=1).min()))
    return float(np.sqrt(shortest))


def ordered(snapshots: xr.Dataset) -> xr.Dataset:
    """The same with the dimensions of all variables in our order; nothing is copied."""
    return snapshots.transpose("frame", "environment", "cell_vector", "axis", "axis_2", ..., missing_dims="ignore")


def require_units(data: xr.Dataset, who: str) -> None:
    """Raise where a length, energy, force or stress is in other units than ours; none at all are taken for ours."""
    for name, units in _UNITS.items():
        given = data[name].attrs.get("units") if name in data.variables else None
        if given is not None and given not in units:
            raise LabelError(f"{who}: {name} must be in {units[0]}; it is in {given!r}. Convert it, and set its units.")


def require_snapshots(snapshots: Any, who: str) -> None:
    """Raise unless this is what `label_snapshots` makes, in its units, and no label of a frame comes twice."""
    names = ("energy", "cell", "pbc", "position", "element", "frame_of", "atom_of")
    found = snapshots.variables if isinstance(snapshots, xr.Dataset) else ()
    missing = [name for name in names if name not in found]
    if missing:
        raise LabelError(
            f"{who} needs snapshots; {missing[0]!r} is missing. Make them by potentials.label_snapshots, "
            "read_snapshots, snapshots_from_ase or snapshots_from_trajectory."
        )
    require_units(snapshots, who)
    labels = snapshots["frame"].values
    if len(set(labels.tolist())) < len(labels):
        raise LabelError(
            f"{who}: labels of frames come more than once, so that atoms cannot be told to which they belong. Number "
            "the frames before they are joined: snapshots_from_ase(snapshots_to_ase(a) + snapshots_to_ase(b))."
        )
