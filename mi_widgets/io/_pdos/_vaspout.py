"""VASP's vaspout.h5."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._hdf5 import check_heaps
from mi_widgets.io._pdos._model import LARGEST, Projections, Structure, curves_of, finish, no_sites, warn
from mi_widgets.io._pdos._names import symbol_of
from mi_widgets.io._pdos._structures import agree

__all__ = ["read", "takes"]

_MOST = 1 << 28  # numbers: two gigabytes


def _inside(path: Path) -> Path | None:
    file = path / "vaspout.h5" if path.is_dir() else path
    return file if file.is_file() else None


def takes(path: Path) -> bool:
    """Whether this is a vaspout.h5, or a folder that holds one."""
    file = _inside(path)
    return file is not None and file.name.lower().endswith(".h5") and "vaspout" in file.name.lower()


def read(path: Path) -> xr.Dataset:
    """Read vaspout.h5; see `mi_widgets.io.read_pdos`. Links to other files are not followed."""
    file = _inside(path)
    if file is None:
        raise FileFormatError(f"{path.name} holds no vaspout.h5.")
    check_heaps(file)
    with h5py.File(file, "r") as h5:
        group = _node(h5, "results/electron_dos")
        if group is None:
            raise DataError(f"{file.name} has no density of states (results/electron_dos).")
        out = _projections(h5, group, file.name)
    return finish(out, path=path, reader="vaspout")


def _node(h5: Any, name: str) -> Any:
    """A group or data set of this file; None where there is none."""
    for part in name.split("/"):
        if not isinstance(h5, h5py.Group) or not isinstance(h5.get(part, getlink=True), h5py.HardLink):
            return None
        h5 = h5[part]
    return h5


def _array(h5: Any, name: str) -> np.ndarray | None:
    node = _node(h5, name)
    if not isinstance(node, h5py.Dataset):
        return None
    if node.size > _MOST or node.is_virtual or node.external:
        raise FileFormatError(f"{name} has shape {node.shape}: too large, or kept in another file.")
    return np.asarray(node[()])


def _numbers(h5: Any, name: str) -> np.ndarray:
    values = _array(h5, name)
    if values is None or values.dtype.kind not in "iuf":
        raise FileFormatError(f"results/electron_dos/{name} is missing or holds no numbers")
    return values.astype(float)


def _texts(values: np.ndarray | None) -> list[str]:
    raw = [] if values is None else np.atleast_1d(values).tolist()
    return [(v.decode("latin-1") if isinstance(v, bytes) else str(v)).strip()[:40] for v in raw]


def _projections(h5: Any, group: Any, file: str) -> Projections:
    axis, dos = _numbers(group, "energies").reshape(-1), np.atleast_2d(_numbers(group, "dos"))
    if "dospar" not in group:
        raise no_sites(file)
    sites = _numbers(group, "dospar")
    names = _texts(_array(h5, "results/projectors/lchar"))
    if sites.ndim != 4 or sites.shape[3] != axis.size or sites.shape[2] != len(names) or dos.shape[1] != axis.size:
        raise FileFormatError(
            f"{file}: projections have shape {sites.shape} for {len(names)} orbitals and {axis.size} energies."
        )
    n_spins = 2 if sites.shape[1] == 2 else 1  # non-collinear: the first of four is the sum
    fermi = _array(group, "efermi")
    out = Projections(axis, [], [], f"VASP {'.'.join(_texts_of_version(h5))}".strip())
    out.fermi = float(fermi) if fermi is not None and fermi.size == 1 else float("nan")
    for k, site in enumerate(sites):
        bad = not (np.abs(site[:n_spins]) < LARGEST).all()
        fault = "values that are not finite or beyond reason" if bad else ""
        out.add(f"site {k}", fault, None if fault else curves_of(names, [site[s].T for s in range(n_spins)]))
    if np.isfinite(dos).all():
        out.dos = dos[:n_spins]
    else:
        warn(f"{file}: the total density of states holds values that are not finite and is left out.")
    structure = _structure(h5)
    elements = structure.elements if structure is not None else []
    out.elements = elements if len(elements) == len(sites) else ["X"] * len(sites)
    out.structure = agree(structure, out.elements, file)
    titles = _texts(_array(h5, "results/positions/system")) or _texts(_array(h5, "input/poscar/system"))
    out.title = titles[0] if titles else ""
    return out


def _texts_of_version(h5: Any) -> list[str]:
    parts = [_texts(_array(h5, f"version/{name}")) for name in ("major", "minor", "patch")]
    return [part[0] for part in parts if part]


def _structure(h5: Any) -> Structure | None:
    """Last positions of the run, else those of the input."""
    for place in ("results/positions", "input/poscar"):
        group = _node(h5, place)
        if group is None:
            continue
        names, counts = _texts(_array(group, "ion_types")), _array(group, "number_ion_types")
        cell, position = _array(group, "lattice_vectors"), _array(group, "position_ions")
        scale = _array(group, "scale")
        if counts is None or cell is None or position is None or cell.shape != (3, 3):
            continue
        counts = np.atleast_1d(counts).astype(int)
        if len(names) != len(counts) or (counts < 0).any() or counts.sum() != len(position):
            continue
        elements = [symbol_of(name) for name, n in zip(names, counts.tolist(), strict=True) for _ in range(n)]
        factor = float(scale) if scale is not None and scale.size == 1 else 1.0
        direct = _array(group, "direct_coordinates")
        cell = cell.astype(float) * factor
        cartesian = direct is not None and direct.size == 1 and int(direct) == 0
        where = position.astype(float) * factor if cartesian else position.astype(float) @ cell
        if np.isfinite(where).all() and np.isfinite(cell).all():
            return Structure(elements, where, cell)
    return None
