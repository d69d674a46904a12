"""Arrays of a structure whose labels, units and values have been checked, for potentials that need numbers alone."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.methods._elements import masses
from mi_widgets.potentials._snapshot_ase import need_ase

__all__ = ["Atoms", "atoms_of", "to_ase"]

#: Other names of our units.
_SAME = {"angstrom": ("Å",), "angstrom/fs": ("Å/fs", "angstrom / fs"), "u": ("amu", "Da", "unified_atomic_mass_unit")}


class Atoms(NamedTuple):
    """One structure, or a trajectory with the frames first; angstrom, u, angstrom/fs.

    Attributes
    ----------
    position : ((n_frames,) n_atoms, 3)
    cell : ((n_frames,) 3, 3)
    pbc : (3,) bool
    element : (n_atoms,) str
    mass : (n_atoms,)
    velocity : as position, or None
    label : (n_atoms,), or None
        Labels of the atoms.
    """

    position: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    element: np.ndarray
    mass: np.ndarray
    velocity: np.ndarray | None
    label: np.ndarray | None = None


def atoms_of(structure: xr.Dataset, *, who: str, frames: bool = False) -> Atoms:
    """Arrays of a structure; of a trajectory only where `frames` are allowed."""
    if not isinstance(structure, xr.Dataset) or not {"position", "cell", "pbc"} <= set(structure.variables):
        raise LabelError(
            f"{who} needs a structure with position, cell and pbc; got {type(structure).__name__}. Write "
            "labels.label_structure(position, element, cell=cell) or structure.read_structure(path)."
        )
    over = [d for d in structure["position"].dims if d not in ("atom", "axis")]
    if over not in ([], ["frame"]) or not {"atom", "axis"} <= set(structure["position"].dims):
        raise LabelError(f"{who}: position needs dims ((frame,) atom, axis); got {structure['position'].dims}.")
    if over and not frames:
        raise LabelError(f"{who} needs one structure; this is a trajectory. Write structure.isel(frame=-1).")
    if "element" not in structure.coords:
        raise LabelError(
            f"{who}: the structure does not say its elements; write ds.assign_coords(element=('atom', …))."
        )
    values = {}
    for name, units, dims in (
        ("position", "angstrom", (*over, "atom", "axis")),
        ("cell", "angstrom", (*over, "cell_vector", "axis")),
        ("velocity", "angstrom/fs", (*over, "atom", "axis")),
        ("mass", "u", ("atom",)),
    ):
        if name not in structure:
            continue
        given = structure[name].attrs.get("units")
        if given not in (None, units, *_SAME.get(units, ())):
            raise LabelError(f"{who}: {name} must be in {units}; it is in {given!r}. Convert it, and set its units.")
        array = structure[name].transpose(*[d for d in dims if d in structure[name].dims])
        values[name] = np.ascontiguousarray(array.values, dtype=float)
        if not np.isfinite(values[name]).all():
            raise DataError(f"{who}: {name} holds NaN or infinite values.")
    element = np.asarray(structure["element"].values, dtype=np.str_)
    if element.size == 0:
        raise DataError(f"{who}: the structure has no atoms.")
    mass = values["mass"] if "mass" in values else masses(element)
    if "mass" in values and not (mass > 0).all():
        raise DataError(f"{who}: masses must be above 0 (u).")
    pbc = np.asarray(structure["pbc"].values, dtype=bool)
    label = np.asarray(structure["atom"].values) if "atom" in structure.coords else None
    return Atoms(values["position"], values["cell"], pbc, element, mass, values.get("velocity"), label)


def to_ase(atoms: Atoms, *, who: str) -> Any:
    """ASE's Atoms of one structure."""
    need_ase(who)
    import ase

    return ase.Atoms(list(atoms.element), positions=atoms.position, cell=atoms.cell, pbc=atoms.pbc)
