"""FHI-aims: ``atom_projected_dos_Mg0001.dat``, ``atom_proj_dos_spin_upMg0001.dat`` and their ``_raw`` companions."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._pdos._model import (
    NO_PROJECTION,
    Projections,
    check_axis,
    curves_of,
    finish,
    same_axis,
    site_fault,
    warn,
)
from mi_widgets.io._pdos._names import by_l, symbol_of
from mi_widgets.io._pdos._structures import agree, first_structure
from mi_widgets.io._pdos._tables import number, parse_table

__all__ = ["read", "takes"]

_NAME = re.compile(
    r"atom_proj(?:ected)?_dos_(?:tetrahedron_)?(?:spin_(?P<spin>up|dn|down)_?)?(?P<label>[A-Za-z].{0,40}?)"
    r"(?P<atom>\d{4})(?P<raw>_raw)?\.dat"
)
_FERMI = re.compile(rb"chemical potential, mu\s*=\s*(\S+)\s*eV")
_SKIP = re.compile(rb"^\s*#.*$", re.MULTILINE)


@dataclass(frozen=True)
class _File:
    path: Path
    atom: int
    label: str
    spin: int
    raw: bool


def takes(path: Path) -> bool:
    """Whether this is such a file, or a folder that holds some."""
    return bool(_NAME.fullmatch(path.name)) if path.is_file() else path.is_dir() and bool(_files(path))


def _files(folder: Path) -> list[_File]:
    out = []
    for path in folder.iterdir():
        m = _NAME.fullmatch(path.name)
        if m and path.is_file():
            out.append(_File(path, int(m["atom"]) - 1, m["label"], int(m["spin"] in ("dn", "down")), bool(m["raw"])))
    return sorted(out, key=lambda f: (f.raw, f.atom, f.spin))


def read(path: Path) -> xr.Dataset:
    """Read all sites of a folder; see `mi_widgets.io.read_pdos`. Raw files (absolute energies) are preferred."""
    folder = path if path.is_dir() else path.parent
    every = _files(folder)
    match = _NAME.fullmatch(path.name)
    raw, shifted = [f for f in every if f.raw], [f for f in every if not f.raw]
    use_raw = bool(match["raw"]) if match else len(raw) >= len(shifted)
    files = raw if use_raw else shifted
    if not files:
        raise FileFormatError(f"{path.name}: no file like atom_projected_dos_Mg0001.dat stands there.")
    mu = next((number(m[1]) for f in shifted if (m := _FERMI.search(_head(f.path)))), float("nan"))
    out = _collect(files, folder)
    out.fermi, out.reference = (mu, "absolute") if use_raw else (0.0, "fermi")
    out.note = "" if use_raw else f"energies are relative to the chemical potential at {mu:.6g} eV"
    out.dos = _total(folder / f"KS_DOS_total{'_raw' if use_raw else ''}.dat", out.energy)
    return finish(out, path=path, reader="aims")


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(2000)


def _collect(files: list[_File], folder: Path) -> Projections:
    tables = {f: parse_table(_SKIP.sub(b"", f.path.read_bytes())) for f in files}
    size = Counter(len(t) for t in tables.values() if t.shape[1:] >= (3,)).most_common(1)
    if not size:
        raise FileFormatError(
            f"{files[0].path.name} has no table of energy, sum and l = 0, 1 …: it is cut off or damaged."
        )
    first = next(f for f in files if len(tables[f]) == size[0][0] and tables[f].shape[1] >= 3)
    axis = check_axis(tables[first][:, 0], first.path.name)
    for f, t in tables.items():
        n = min(len(t), axis.size)
        if t.size and not same_axis(t[:n, 0], axis[:n], axis):
            raise DataError(
                f"{f.path.name} has other energies than {first.path.name}: they are of two runs. Delete the older ones."
            )
    by_atom: dict[int, dict[int, _File]] = defaultdict(dict)
    for f in files:
        by_atom[f.atom][f.spin] = f
    n_spins = 2 if any(re.search(r"_spin_(up|dn|down)", f.path.name) for f in files) else 1
    n_atoms = max(by_atom) + 1
    structure = first_structure([folder / "geometry.in"])
    n_atoms = max(n_atoms, len(structure.elements) if structure is not None else 0)
    labels = {f.atom: f.label for f in files}
    out = Projections(axis, [], [symbol_of(labels.get(k, "X")) for k in range(n_atoms)], "FHI-aims")
    out.site_labels = [labels.get(k, "X") for k in range(n_atoms)]
    for k in range(n_atoms):
        mine = [by_atom[k][s] for s in range(n_spins) if s in by_atom.get(k, {})]
        if not mine:
            out.add(f"atom {k}", "no file", None)
            out.status[-1] = NO_PROJECTION
            continue
        parts = [tables[f] for f in mine]
        fault = "the file of one spin is missing" if len(mine) < n_spins else ""
        fault = fault or next((why for t in parts if (why := _fault(t, axis, parts[0].shape[1]))), "")
        names = [by_l(l) for l in range(parts[0].shape[1] - 2)]
        out.add(mine[0].path.name, fault, None if fault else curves_of(names, [t[:, 2:] for t in parts]))
    out.structure = agree(structure, out.elements, folder.name)
    if out.structure is not None:
        out.elements = out.structure.elements
    return out


def _fault(table: np.ndarray, axis: np.ndarray, width: int) -> str:
    fault = site_fault(table, axis, width)
    if not fault and not 3 <= width <= 9:
        fault = f"{width} columns"
    if not fault and np.abs(table[:, 2:].sum(axis=1) - table[:, 1]).max() > 1e-3 * np.abs(table[:, 1]).max() + 1e-6:
        fault = "columns that do not add up to their sum"
    return fault


def _total(path: Path, axis: np.ndarray) -> np.ndarray | None:
    """Total density of states, brought to the axis of the sites with a warning where it has another."""
    if not path.is_file():
        return None
    values = parse_table(_SKIP.sub(b"", path.read_bytes()))
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 2 or not np.isfinite(values).all():
        warn(f"{path.name} is left out: it is cut off or damaged.")
        return None
    curves = values[:, 1:3].T if values.shape[1] == 3 else values[:, 1:2].T
    if same_axis(values[:, 0], axis):
        return curves
    if (np.diff(values[:, 0]) <= 0).any() or values[0, 0] > axis[0] + 1e-6 or values[-1, 0] < axis[-1] - 1e-6:
        warn(f"{path.name} is left out: its energies do not reach over those of the sites.")
        return None
    warn(f"{path.name} has other energies than the sites; it is interpolated to theirs.")
    return np.stack([np.interp(axis, values[:, 0], curve) for curve in curves])
