"""Structures to and from ASE and pymatgen."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning
from mi_widgets.labels import label_structure
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.structure._cells import check_cells
from mi_widgets.structure._check import check_structure, finish
from mi_widgets.structure._optional import need
from mi_widgets.structure._packages import (
    COMPUTED,
    computed_arrays,
    held_by_ase,
    held_by_pymatgen,
    hold,
    site_properties,
    species_of,
)

__all__ = ["from_ase", "from_pymatgen", "to_ase", "to_pymatgen"]

#: Arrays of ASE with our names and units; others keep their name.
PER_ATOM: Mapping[str, tuple[str, str]] = {
    "force": ("eV/angstrom", "force"),
    "velocity": ("angstrom/fs", "velocity"),
    "mass": ("u", "mass"),
    "charge": ("elementary_charge", "charge"),
    "magmom": ("bohr_magneton", "magnetic moment"),
    "initial_charge": ("elementary_charge", "charge at the start"),
    "initial_magmom": ("bohr_magneton", "magnetic moment at the start"),
    "oxidation_state": ("elementary_charge", "oxidation state"),
    "fixed": ("1", "held in place"),
    "fixed_scaled": ("1", "held in place along the cell vector"),
    "tag": ("1", "tag"),
}
_ASE_NAMES = {"forces": "force", "velocities": "velocity", "masses": "mass", "charges": "charge", "magmoms": "magmom"}
_ASE_NAMES |= {"initial_charges": "charge", "initial_magmoms": "magmom", "tags": "tag"}
_BACK = {"mass": "masses", "charge": "initial_charges", "magmom": "initial_magmoms", "tag": "tags"}
_BACK |= {"initial_charge": "initial_charges", "initial_magmom": "initial_magmoms"}
_OWN = {"numbers", "positions", "momenta"}
_TAKEN = {"atom", "frame", "axis", "cell_vector", "element", "position", "cell", "pbc", "time", "step", "parent"}


def from_ase(atoms: Any) -> xr.Dataset:
    """Make a structure of ASE's Atoms, or a trajectory of several.

    Parameters
    ----------
    atoms : ase.Atoms or sequence of ase.Atoms
        Every per-atom array that NumPy numbers or texts is kept, and energy and forces where they are computed already.

    Returns
    -------
    xarray.Dataset
        As `mi_widgets.labels.label_structure` makes it, with ``velocity`` (angstrom/fs), ``force`` (eV/angstrom),
        ``energy`` (eV) and other arrays under their own names. ``magmom`` and ``charge`` are the computed ones where
        there are any, marked by the attribute ``computed`` = 1, and those at the start are then ``initial_magmom`` and
        ``initial_charge``. ``fixed`` (atom or atom, axis) and ``fixed_scaled`` (atom, cell_vector) say what FixAtoms,
        FixCartesian and FixScaled hold in place. ``info`` and the stress are not kept.

    Raises
    ------
    MissingDependencyError
        ASE is not installed.
    DataError
        Frames differ in their atoms.
    LabelError
        These are no Atoms.

    Warns
    -----
    MIWidgetsWarning
        The structure repeats along a zero cell vector; it is taken as not repeating there. Or it has constraints of
        another kind, which are not kept.

    Examples
    --------
    >>> from ase.build import bulk
    >>> dict(from_ase(bulk("MgO", "rocksalt", a=4.2)).sizes)
    {'atom': 2, 'axis': 3, 'cell_vector': 3}
    """
    Atoms = need("ase", "from_ase").Atoms
    single = isinstance(atoms, Atoms)
    frames = [atoms] if single else list(atoms) if isinstance(atoms, Iterable) else []
    if not frames or not all(isinstance(a, Atoms) for a in frames):
        raise LabelError(f"from_ase takes Atoms or a list of Atoms, one at least; got {type(atoms).__name__}.")
    same_atoms([a.get_chemical_symbols() for a in frames])
    pbc = frames[0].pbc
    for k, other in enumerate(frames):
        if (other.pbc != pbc).any():
            raise DataError(f"from_ase: frame 0 repeats along {pbc.tolist()}, frame {k} along {other.pbc.tolist()}.")
    cell = np.array([np.asarray(a.cell) for a in frames])
    fixed = bool((cell == cell[0]).all())
    pbc = usable_pbc(pbc, cell, "from_ase")
    position = np.array([a.positions for a in frames])
    ds = label_structure(
        position[0] if single else position,
        frames[0].get_chemical_symbols(),
        cell=cell[0] if fixed else cell,
        pbc=pbc,
    )
    for name, values in arrays_of(frames).items():
        add_array(ds, name, values[0] if single else values)
    for name in ("charge", "magmom"):
        if name in ds and all(name in computed_arrays(a) for a in frames):
            ds[name].attrs["computed"] = 1
    return finish(ds, "from_ase", frames[0].get_chemical_formula() or "empty structure", {})


def same_atoms(symbols: Sequence[Sequence[str]]) -> None:
    """Raise unless all frames have the same atoms in the same order."""
    first = list(symbols[0])
    for k, other in enumerate(symbols):
        if list(other) != first:
            what = f"{len(other)} atoms, not {len(first)}" if len(other) != len(first) else "other elements or order"
            raise DataError(
                f"frame {k} has {what} as frame 0. A trajectory keeps its atoms: read such frames one by one, "
                f"structure.read_structure(path, frame={k})."
            )


def usable_pbc(pbc: Any, cell: np.ndarray, who: str) -> np.ndarray:
    """Directions that can repeat: not those whose cell vector is zero, which is said."""
    repeats = np.array(np.broadcast_to(np.asarray(pbc, dtype=bool), 3))
    empty = repeats & (np.linalg.norm(cell.reshape(-1, 3, 3), axis=-1) < 1e-10).any(axis=0)
    if empty.any():
        names = ", ".join("abc"[i] for i in np.flatnonzero(empty))
        warnings.warn(
            f"{who}: the structure is said to repeat along {names}, where its cell vector is zero; it is taken as not "
            "repeating there.",
            MIWidgetsWarning,
            stacklevel=3,
        )
    return np.asarray(repeats & ~empty)


def free_name(name: str) -> str:
    """Name of an array that is not one of the structure's own."""
    return f"{name}_array" if name in _TAKEN else name


def add_array(ds: xr.Dataset, name: str, values: Any, units: str | None = None) -> None:
    """Put the energy or an array over (frame,) atom into a structure; known names get their unit."""
    name = free_name(name)
    if name == "energy":
        ds[name] = (ds["position"].dims[:-2], values, {"units": "eV", "long_name": "energy"})
        return
    over = ds["position"].dims[:-1]
    lead = len(over)
    three = "cell_vector" if name in ("image", "fixed_scaled") else "axis"
    rest = tuple(three if n == 3 else f"{name}_{k}" for k, n in enumerate(values.shape[lead:]))
    known, long_name = PER_ATOM.get(name, ("1", name.replace("_", " ")))
    ds[name] = ((*over, *(rest if len(set(rest)) == len(rest) else (f"{name}_{k}" for k in range(len(rest))))), values)
    ds[name].attrs = {"units": units or known, "long_name": long_name}


def arrays_of(frames: list[Any]) -> dict[str, np.ndarray]:
    """Per-atom arrays and energies that all frames have, frames first."""
    fs = need("ase.units", "from_ase").fs
    found: dict[str, list[Any]] = {}
    for atoms in frames:
        computed = computed_arrays(atoms)
        for name, values in atoms.arrays.items():
            if name not in _OWN and values.dtype.kind in "biufUS":
                key = _ASE_NAMES.get(name, name)
                found.setdefault(f"initial_{key}" if key in computed else key, []).append(values)
        for key, values in (computed | held_by_ase(atoms)).items():
            found.setdefault(key, []).append(values)
        if "momenta" in atoms.arrays:
            found.setdefault("velocity", []).append(atoms.get_velocities() * fs)
    kept = {k: np.array(v) for k, v in found.items() if len(v) == len(frames) and len({x.shape for x in v}) == 1}
    energies = [(getattr(a.calc, "results", {}) or {}).get("energy") for a in frames]
    if all(e is not None for e in energies):
        kept["energy"] = np.array(energies, dtype=float)
    return kept


def to_ase(structure: xr.Dataset) -> Any:
    """Make ASE's Atoms of a structure, or a list of them of a trajectory.

    Parameters
    ----------
    structure : xarray.Dataset
        Structure or trajectory; write it with ``ase.io.write(path, to_ase(structure))``.

    Returns
    -------
    ase.Atoms or list of ase.Atoms
        Per-atom arrays go with it; ``energy``, ``force``, and charges and moments that are marked as computed, in a
        SinglePointCalculator; ``fixed`` and ``fixed_scaled`` as constraints.

    Raises
    ------
    MissingDependencyError
        ASE is not installed.
    DataError
        A species is no chemical symbol.
    LabelError
        An array is missing.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> to_ase(label_structure([[0, 0, 0], [0, 0, 0.74]], ["H", "H"]))
    Atoms(symbols='H2', pbc=False)
    """
    ase = need("ase", "to_ase")
    single_point = need("ase.calculators.singlepoint", "to_ase").SinglePointCalculator
    symbols = _symbols(structure, "to_ase")
    frames = check_structure(structure, who="to_ase")
    over = "frame" in structure["position"].dims
    position = np.asarray(frames.position, dtype=float)
    cell = np.broadcast_to(np.asarray(frames.cell, dtype=float), (len(position), 3, 3))
    extra = {n: _per_frame(structure, n, over) for n in _extra(structure)}
    energy = np.broadcast_to(structure["energy"].values, len(position)) if "energy" in structure else None
    computed = {n for n in extra if n == "force" or (n in COMPUTED and structure[n].attrs.get("computed") == 1)}
    out = []
    for k in range(len(position)):
        atoms = ase.Atoms(symbols, positions=position[k], cell=cell[k], pbc=frames.pbc)
        results: dict[str, Any] = {} if energy is None else {"energy": float(energy[k])}
        for name, values in extra.items():
            if name in computed:
                results[COMPUTED[name]] = np.array(values[k])
            elif name in ("fixed", "fixed_scaled"):
                hold(atoms, name, values[k])
            elif name != "velocity":
                atoms.set_array(_BACK.get(name, name), np.array(values[k]))
        if "velocity" in extra:  # after the masses: ASE keeps momenta
            velocity = extra["velocity"][k] * _velocity_factor(structure) / ase.units.fs
            atoms.set_momenta(velocity * atoms.get_masses()[:, None], apply_constraint=False)
        if results:
            atoms.calc = single_point(atoms, **results)
        out.append(atoms)
    return out if over else out[0]


def _velocity_factor(structure: xr.Dataset) -> float:
    return {"angstrom/ps": 1e-3}.get(str(structure["velocity"].attrs.get("units")), 1.0)


def _extra(structure: xr.Dataset) -> Iterable[str]:
    return [str(n) for n, v in structure.data_vars.items() if "atom" in v.dims and n != "position"]


def _per_frame(structure: xr.Dataset, name: str, over: bool) -> np.ndarray:
    values = structure[name].transpose(..., "atom", *[d for d in structure[name].dims if d not in ("frame", "atom")])
    data = np.asarray(values.values)
    if "frame" in values.dims:
        return data
    return np.broadcast_to(data, (structure.sizes["frame"] if over else 1, *data.shape))


def _symbols(structure: xr.Dataset, who: str) -> list[str]:
    if not isinstance(structure, xr.Dataset) or "element" not in structure:
        raise LabelError(f"{who} needs a structure with the coordinate 'element' (atom); see label_structure.")
    names = [str(s) for s in structure["element"].values]
    unknown = sorted(set(names) - set(SYMBOLS))
    if unknown:
        raise DataError(
            f"{who}: no chemical symbol: {', '.join(map(repr, unknown[:5]))}. Write "
            "structure.assign_coords(element=('atom', symbols)), with 'X' where the kind is not known."
        )
    return names


def from_pymatgen(structure: Any) -> xr.Dataset:
    """Make a structure of pymatgen's Structure or Molecule.

    Parameters
    ----------
    structure : pymatgen.core.Structure, Molecule, or sequence of them
        Site properties that are numbers or texts are kept, ``velocities`` and ``forces`` as ``velocity`` (angstrom/fs)
        and ``force`` (eV/angstrom), ``selective_dynamics`` as ``fixed`` or ``fixed_scaled``; so are ``oxidation_state``
        and ``spin`` of species that have one, NaN elsewhere. A site with several species is refused.

    Returns
    -------
    xarray.Dataset
        As `from_ase` gives it.

    Raises
    ------
    DataError
        A site is shared by several species, or frames differ in their atoms.
    LabelError
        This is no Structure or Molecule.

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> dict(from_pymatgen(Structure(Lattice.cubic(4.2), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])).sizes)
    {'atom': 2, 'axis': 3, 'cell_vector': 3}
    """
    single = hasattr(structure, "site_properties")
    frames = [structure] if single else list(structure) if isinstance(structure, Iterable) else [structure]
    if not frames:
        raise DataError("from_pymatgen: the list is empty; give one structure at least.")
    odd = [type(item).__name__ for item in frames if not hasattr(item, "site_properties")]
    if odd:
        raise LabelError(f"from_pymatgen takes a Structure, a Molecule or a list of them; got {odd[0]}.")
    for item in frames:
        if not all(site.is_ordered for site in item):
            raise DataError("from_pymatgen: a site holds several species at once; order the structure first.")
    symbols = [[getattr(s.specie, "symbol", str(s.specie)) for s in item] for item in frames]
    same_atoms(symbols)
    position = np.array([np.asarray(item.cart_coords).reshape(-1, 3) for item in frames])
    lattices = [getattr(item, "lattice", None) for item in frames]
    cell = np.array([np.zeros((3, 3)) if lattice is None else lattice.matrix for lattice in lattices])
    pbc = (False,) * 3 if lattices[0] is None else lattices[0].pbc
    fixed = bool((cell == cell[0]).all())
    pbc = usable_pbc(pbc, cell, "from_pymatgen")
    ds = label_structure(position[0] if single else position, symbols[0], cell=cell[0] if fixed else cell, pbc=pbc)
    for name in frames[0].site_properties:
        given = [np.asarray(item.site_properties.get(name)) for item in frames]
        if all(v.dtype.kind in "biufU" and v.shape == given[0].shape for v in given):
            values = given[0] if single else np.array(given)
            own = held_by_pymatgen(values) if name == "selective_dynamics" else (_ASE_NAMES.get(name, name), values)
            add_array(ds, *own)
    for name, attribute in (("oxidation_state", "oxi_state"), ("spin", "spin")):
        table = [[getattr(site.specie, attribute, None) for site in item] for item in frames]
        if name not in ds and any(value is not None for row in table for value in row):
            values = np.array([[np.nan if value is None else float(value) for value in row] for row in table])
            add_array(ds, name, values[0] if single else values)
    return finish(ds, "from_pymatgen", str(frames[0].formula), {})


def to_pymatgen(structure: xr.Dataset) -> Any:
    """Make pymatgen's Structure, or Molecule where nothing repeats, or a list of them of a trajectory.

    Parameters
    ----------
    structure : xarray.Dataset
        Structure or trajectory; numeric per-atom arrays become site properties, ``oxidation_state`` and ``spin`` of
        the species.

    Returns
    -------
    pymatgen.core.Structure, Molecule, or list of them
        Zero cell vectors are replaced by unit vectors at right angles.

    Raises
    ------
    MissingDependencyError
        pymatgen is not installed.
    DataError
        A species is no chemical symbol, or a cell is flat, or zero where the structure repeats.
    LabelError
        An array is missing.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> to_pymatgen(label_structure([[0, 0, 0], [0, 0, 0.74]], ["H", "H"])).formula
    'H2'
    """
    core = need("pymatgen.core", "to_pymatgen")
    symbols = [core.DummySpecies("X") if s == "X" else s for s in _symbols(structure, "to_pymatgen")]
    frames = check_structure(structure, who="to_pymatgen")
    over = "frame" in structure["position"].dims
    position = np.asarray(frames.position, dtype=float)
    cell = np.broadcast_to(np.asarray(frames.cell, dtype=float), (len(position), 3, 3))
    if frames.pbc.any():
        cell = check_cells(cell, frames.pbc, who="to_pymatgen")
    extra = {n: _per_frame(structure, n, over) for n in _extra(structure)}
    out = []
    for k in range(len(position)):
        own = {n: v[k] for n, v in extra.items()}
        properties, species = site_properties(own), species_of(core, symbols, own)
        if frames.pbc.any():
            lattice = core.Lattice(cell[k], pbc=tuple(bool(p) for p in frames.pbc))
            out.append(
                core.Structure(lattice, species, position[k], coords_are_cartesian=True, site_properties=properties)
            )
        else:
            out.append(core.Molecule(species, position[k], site_properties=properties))
    return out if over else out[0]
