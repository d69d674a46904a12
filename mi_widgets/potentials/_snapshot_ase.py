"""Snapshots from ASE's Atoms and back; extended XYZ by ASE's reader."""

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, MissingDependencyError
from mi_widgets.potentials._snapshot_checks import ordered

__all__ = ["arrays_of", "atoms_of", "need_ase", "read_images"]

_ENERGY = ("energy", "Energy", "TotEnergy", "ref_energy", "dft_energy", "energy_dft", "free_energy")
_FORCE = ("forces", "force", "ref_forces", "ref_force", "dft_forces", "dft_force", "forces_dft")
_STRESS = ("stress", "ref_stress", "dft_stress")
_VIRIAL = ("virial", "virials", "ref_virial", "ref_virials", "dft_virial")


def need_ase(who: str, module: str = "ase") -> Any:
    """A module of ASE, which is imported when it is needed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(f'{who} needs the package ase: pip install "mi-widgets[structure]"') from error


def read_images(path: str | os.PathLike[str]) -> tuple[list[Any], str]:
    """Atoms of a file of extended XYZ, and its name."""
    ase_io = need_ase("read_snapshots", "ase.io")

    if not isinstance(path, str | os.PathLike):
        raise FileFormatError(f"read_snapshots needs the path of a file; got {type(path).__name__}.")
    file = Path(path)
    if not file.is_file():
        raise FileFormatError(f"there is no file {str(file)!r} (looked in {Path.cwd()}).")
    if file.stat().st_size == 0:
        raise FileFormatError(f"{file.name} is empty (0 bytes). Copy or export it again.")
    try:
        _check_counts(file)
        images = list(ase_io.iread(file, index=":", format="extxyz"))
    except Exception as error:  # damaged text can end in any exception inside ASE
        raise FileFormatError(
            f"{file.name} cannot be read as extended XYZ: {str(error)[:300] or type(error).__name__}. Each frame is "
            "the number of atoms, a comment line with Lattice=, Properties= and energy=, and a line for each atom. "
            "Other formats: snapshots_from_ase(ase.io.read(path, ':'))."
        ) from error
    if not images:
        raise FileFormatError(f"{file.name} holds no frame.")
    return images, file.name


def _check_counts(file: Path) -> None:
    """Raise where a frame says that it has more atoms than the file has bytes: ASE would look for them for days."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        while line := stream.readline():
            if not line.strip().isdigit():
                return  # ASE says what is wrong
            if (n := int(line[:30])) > size - stream.tell():
                raise ValueError(f"a frame says that it has {n} atoms")
            for _ in range(n + 1):
                stream.readline()


def arrays_of(images: Any) -> dict[str, Any]:
    """Arguments of `label_snapshots` from Atoms."""
    ase = need_ase("snapshots_from_ase")

    listed = [images] if isinstance(images, ase.Atoms) else list(images)
    if not listed or not all(isinstance(a, ase.Atoms) for a in listed):
        raise DataError("snapshots_from_ase needs ase.Atoms, one or a list; got something else or an empty list.")
    energy = [_energy(a) for a in listed]
    if not np.isfinite([np.nan if e is None else e for e in energy]).any():
        keys = ", ".join(sorted({str(k) for a in listed[:5] for k in a.info})[:10]) or "nothing"
        raise DataError(
            f"snapshots_from_ase: no frame has an energy; the first have {keys}. It is looked for under "
            f"{', '.join(_ENERGY[:5])}: rename it, atoms.info['energy'] = ..., in eV."
        )
    force = [_named(a, a.arrays, _FORCE) for a in listed]
    some = any(f is not None for f in force)
    stress = [_stress(a) for a in listed]
    return {
        "position": [a.get_positions() for a in listed],
        "element": [a.get_chemical_symbols() for a in listed],
        "energy": [np.nan if e is None else e for e in energy],
        "cell": np.array([np.asarray(a.cell) for a in listed]),
        "pbc": np.array([a.pbc for a in listed]),
        "force": [_or_nan(f, (len(a), 3)) for f, a in zip(force, listed, strict=True)] if some else None,
        "stress": np.array([_or_nan(s, (3, 3)) for s in stress]) if any(s is not None for s in stress) else None,
        "info": _common_info(listed),
    }


def _or_nan(values: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, np.nan) if values is None else values


def _energy(atoms: Any) -> float | None:
    value = _named(atoms, atoms.info, _ENERGY)
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _named(atoms: Any, holder: Any, names: tuple[str, ...]) -> Any:
    """A result of the calculator, else the first of the usual names, capitals or not."""
    results = getattr(atoms.calc, "results", {}) or {}
    for place in (results, holder):
        lower = {str(key).lower(): key for key in place}
        for name in names:
            key = lower.get(name.lower())
            if key is not None and place[key] is not None:
                return place[key]
    return None


def _stress(atoms: Any) -> np.ndarray | None:
    value = _named(atoms, atoms.info, _STRESS)
    if value is None:
        virial = _named(atoms, atoms.info, _VIRIAL)
        if virial is None or atoms.cell.rank < 3:
            return None
        value = -np.asarray(virial, dtype=float) / atoms.get_volume()
    stress = np.asarray(value, dtype=float)
    if stress.size == 6:
        xx, yy, zz, yz, xz, xy = stress.reshape(6)
        return np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    return stress.reshape(3, 3) if stress.size == 9 else None


def _common_info(images: list[Any]) -> dict[str, np.ndarray]:
    """Numbers and texts that every image has, but for what is data already."""
    taken = {n.lower() for n in (*_ENERGY, *_FORCE, *_STRESS, *_VIRIAL)}
    taken |= {"frame", "axis", "axis_2", "cell_vector", "element", "frame_of", "atom_of", "environment", "position"}
    taken |= {"cell", "pbc", "n_atoms"}
    found = {}
    for key in images[0].info:
        values = [a.info.get(key) for a in images]
        plain = all(isinstance(v, int | float | str | np.number) and not isinstance(v, bool) for v in values)
        text = {isinstance(v, str) for v in values}
        if isinstance(key, str) and key.isidentifier() and key.lower() not in taken and plain and len(text) == 1:
            found[key] = np.array(values)
    return found


def atoms_of(snapshots: xr.Dataset, i: int) -> Any:
    """One frame, by its position, as Atoms with results."""
    ase = need_ase("snapshots_to_ase")
    single = need_ase("snapshots_to_ase", "ase.calculators.singlepoint")

    snapshots, label = ordered(snapshots), snapshots["frame"].values[i]
    here = snapshots["frame_of"].values == label
    atoms = ase.Atoms(
        snapshots["element"].values[here].tolist(),
        snapshots["position"].values[here],
        cell=snapshots["cell"].values[i],
        pbc=snapshots["pbc"].values[i],
    )
    results: dict[str, Any] = {"energy": float(snapshots["energy"].values[i])}
    if "force" in snapshots:
        results["forces"] = snapshots["force"].values[here]
    if "stress" in snapshots and np.isfinite(snapshots["stress"].values[i]).all():
        s = snapshots["stress"].values[i]
        results["stress"] = np.array([s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]])
    atoms.calc = single.SinglePointCalculator(atoms, **results)
    for name, coord in snapshots.coords.items():
        if coord.dims == ("frame",) and name != "frame":
            atoms.info[str(name)] = coord.values[i].item()
    return atoms
