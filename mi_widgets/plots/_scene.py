"""What of a structure is drawn: copies, images across the edge of the cell, and bonds."""

from dataclasses import dataclass, field
from itertools import product

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.plots._scene_colors import element_numbers

__all__ = ["Sites", "frame_arrays", "make_sites", "radii"]

_ON_TOP, _THINNEST = 0.01, 0.3  # angstrom


@dataclass(frozen=True)
class Sites:
    """Drawn sites, the real atoms first.

    Attributes
    ----------
    position : (n_sites, 3) float64
    parent : (n_sites,)
        Position of the atom in the structure.
    image : (n_sites,) bool
        A neighbour across the edge of the cell, drawn so that its bond has an end.
    bonds : (n_bonds, 2)
    cell : (3, 3) or None
    vectors : (3,) bool
        Which vectors of the cell there are.
    notes : list of str
        What the user should know.
    """

    position: np.ndarray
    parent: np.ndarray
    image: np.ndarray
    bonds: np.ndarray
    cell: np.ndarray | None
    vectors: np.ndarray
    notes: list[str] = field(default_factory=list)


def frame_arrays(ds: xr.Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions ``(n, 3)``, cell ``(3, 3)`` (zeros where there is none) and pbc ``(3,)`` of one frame."""
    position = ds["position"]
    if set(position.dims) != {"atom", "axis"}:
        raise LabelError(
            f"one frame is drawn at a time; positions have {position.dims}. Write structure.isel(frame=0)."
        )
    xyz = np.asarray(position.transpose("atom", "axis").values, dtype=float)
    if xyz.shape[1] != 3:
        raise DataError(f"positions need three components along 'axis'; there are {xyz.shape[1]}.")
    cell = np.asarray(ds["cell"].values, dtype=float) if "cell" in ds else np.zeros((3, 3))
    pbc = np.asarray(ds["pbc"].values, dtype=bool) if "pbc" in ds else np.zeros(3, dtype=bool)
    if cell.shape != (3, 3) or pbc.size not in (1, 3):
        raise DataError(f"the cell of one frame is (3, 3) and pbc has 3 values; got {cell.shape} and {pbc.shape}.")
    return xyz, cell, np.broadcast_to(pbc, 3).copy()


def radii(elements: np.ndarray) -> np.ndarray:
    """Covalent radii (angstrom) by atomic number, 0.7 for an unknown species."""
    from mi_widgets.methods._elements import SYMBOLS, covalent_radii

    table = np.array([0.7, *covalent_radii(SYMBOLS[1:])])
    return table[element_numbers(elements)]


def make_sites(
    ds: xr.Dataset,
    *,
    repeat: tuple[int, int, int] = (1, 1, 1),
    bonds: bool = True,
    bond_factor: float = 1.2,
    images: bool = True,
) -> Sites:
    """Sites and bonds of one frame; anything odd about it is a note, not an error."""
    xyz, cell, pbc = frame_arrays(ds)
    notes: list[str] = []
    there = np.isfinite(cell).all(axis=1) & (np.linalg.norm(np.nan_to_num(cell), axis=1) > 1e-8)
    cell = np.where(there[:, None], cell, 0.0)
    flat = there.all() and abs(np.linalg.det(cell)) < 1e-8 * np.prod(np.linalg.norm(cell, axis=1))
    if flat:
        notes.append("The vectors of the cell lie in a plane: it is drawn without repetition.")
    pbc = pbc & there & (not flat)
    known = np.isfinite(xyz).all(axis=1)
    if not known.all():
        notes.append(f"{(~known).sum()} of {known.size} atoms have no position and are not drawn.")
    keep = np.flatnonzero(known)
    numbers = element_numbers(ds["element"].values)
    if (numbers[keep] == 0).any():
        odd = sorted({str(e) for e in np.asarray(ds["element"].values)[numbers == 0]})[:4]
        notes.append(f"Unknown species ({', '.join(odd)}): drawn grey, with a radius of 0.7 Å.")
    pairs = _bonds(xyz[keep], cell, pbc, numbers[keep], bond_factor, notes) if bonds else None
    many = np.where(there & (not flat), repeat, 1).astype(int)
    sites = _copies(xyz[keep], cell, many, pairs, images=images)
    position, parent, image, ends = sites
    shown = cell if there.any() else None
    return Sites(position, keep[parent], image, ends, shown, there & (not flat), notes)


def _bonds(
    xyz: np.ndarray, cell: np.ndarray, pbc: np.ndarray, numbers: np.ndarray, factor: float, notes: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and second atom and shift of every bond, each bond once."""
    from mi_widgets.methods._elements import SYMBOLS, covalent_radii, not_bonded
    from mi_widgets.structure._cells import complete_cell, heights
    from mi_widgets.structure._neighbors import find_pairs, resolve_engine

    nothing = np.empty(0, int), np.empty(0, int), np.empty((0, 3), int)
    if len(xyz) == 0:
        return nothing
    radius = np.array([0.7, *covalent_radii(SYMBOLS[1:])])[numbers]
    box = complete_cell(cell) if not np.isclose(np.linalg.det(complete_cell(cell)), 0) else np.eye(3)
    thin = pbc & (heights(box) < _THINNEST)
    if thin.any():
        notes.append(f"No bonds are drawn: the cell is {heights(box).min():.3g} Å thin.")
        return nothing
    try:
        found = find_pairs(xyz, box, pbc, float(2 * factor * radius.max()), engine=resolve_engine("auto"))
    except DataError as error:
        notes.append(f"No bonds are drawn: {error}")
        return nothing
    i, j, shift, length = found.first, found.second, found.shift, found.distance
    once = (i < j) | ((i == j) & _positive(shift))
    on_top = length < _ON_TOP
    if (on_top & once).any():
        notes.append(f"{int((on_top & once).sum())} pairs of atoms lie on the same spot.")
    near = np.flatnonzero(~on_top & (length < factor * (radius[i] + radius[j])))
    keep = near[once[near] & ~not_bonded(i[near], j[near], numbers)]
    return i[keep], j[keep], shift[keep]


def _positive(shift: np.ndarray) -> np.ndarray:
    """One of each pair of opposite shifts."""
    x, y, z = shift.T
    return np.asarray((x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0)))))


def _copies(
    xyz: np.ndarray,
    cell: np.ndarray,
    many: np.ndarray,
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
    *,
    images: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n = len(xyz)
    turns = np.array(list(product(*(range(k) for k in many))))
    position = (xyz + (turns @ cell)[:, None, :]).reshape(-1, 3)
    parent = np.tile(np.arange(n), len(turns))
    no_ends = np.empty((0, 2), dtype=np.int32)
    if pairs is None or len(pairs[0]) == 0:
        return position, parent, np.zeros(len(parent), bool), no_ends
    i, j, shift = pairs
    # Copy T of (i, j, S) ends at j in copy T + S; outside there is only an image, seen from either end.
    there = turns[:, None, :] + shift
    back = turns[:, None, :] - shift
    inside, inside_back = (((t >= 0) & (t < many)).all(axis=2) for t in (there, back))
    number = np.arange(len(turns))[:, None] * n

    def index(t: np.ndarray) -> np.ndarray:
        return np.asarray(((t[..., 0] * many[1] + t[..., 1]) * many[2] + t[..., 2]) * n)

    whole = np.stack([(number + i)[inside], (index(there) + j)[inside]], axis=1)
    if not images:
        return position, parent, np.zeros(len(parent), bool), whole.astype(np.int32)
    out, out_back = ~inside, ~inside_back
    base = np.concatenate([(number + i)[out], (number + j)[out_back]])
    atom = np.concatenate([np.broadcast_to(j, out.shape)[out], np.broadcast_to(i, out.shape)[out_back]])
    turn = np.concatenate([there[out], back[out_back]])
    keys, inverse = np.unique(np.column_stack([atom, turn]), axis=0, return_inverse=True)
    extra = xyz[keys[:, 0]] + keys[:, 1:] @ cell
    cut = np.stack([base, len(position) + inverse.reshape(-1)], axis=1)
    image = np.concatenate([np.zeros(len(position), bool), np.ones(len(extra), bool)])
    ends = np.concatenate([whole, cut]).astype(np.int32)
    return np.concatenate([position, extra]), np.concatenate([parent, keys[:, 0]]), image, ends
