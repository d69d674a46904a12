"""Pairs of atoms within a cutoff, for any cell: the compiled search, and the same with SciPy where numba is missing."""

import math
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from mi_widgets.errors import DataError, MissingDependencyError, ParameterError
from mi_widgets.structure._cells import heights, wrap

__all__ = ["Pairs", "count_pairs", "find_pairs", "resolve_engine"]

_MOST_IMAGES = 20_000_000


@dataclass(frozen=True)
class Pairs:
    """Directed pairs, sorted by first atom, second atom and shift.

    Attributes
    ----------
    first, second : (n_pairs,)
    shift : (n_pairs, 3)
        Cells between the two: vector = position[second] - position[first] + shift @ cell.
    vector : (n_pairs, 3)
    distance : (n_pairs,)
    """

    first: np.ndarray
    second: np.ndarray
    shift: np.ndarray
    vector: np.ndarray
    distance: np.ndarray

    def take(self, keep: np.ndarray) -> "Pairs":
        """Some of the pairs."""
        return Pairs(self.first[keep], self.second[keep], self.shift[keep], self.vector[keep], self.distance[keep])


@cache
def _numba_engine() -> ModuleType | None:
    try:
        from mi_widgets.structure import _numba
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None
    return _numba


def resolve_engine(engine: str) -> str:
    """Name of the engine to use: ``"numba"`` or ``"numpy"``."""
    if engine not in ("auto", "numba", "numpy"):
        raise ParameterError(f"unknown engine {engine!r}; write 'auto', 'numba' or 'numpy'.")
    if engine != "numpy" and _numba_engine() is None:
        if engine == "numba":
            raise MissingDependencyError("engine='numba' needs numba: pip install \"mi-widgets[fast]\".")
        return "numpy"
    return "numpy" if engine == "numpy" else "numba"


@dataclass(frozen=True)
class _Grid:
    fraction: np.ndarray
    position: np.ndarray
    turns: np.ndarray
    low: np.ndarray
    inverse_span: np.ndarray
    n_bins: np.ndarray
    reach: np.ndarray


def _grid(position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> _Grid:
    """Bins for the search: as wide as a part of the cutoff, but no more than a few for each atom."""
    fraction, turns, wrapped = wrap(position, cell, pbc)
    height = heights(cell)
    low = np.where(pbc, 0.0, fraction.min(axis=0))
    span = np.where(pbc, 1.0, np.maximum(fraction.max(axis=0) - low, 1e-12))
    images = float(np.prod(np.where(pbc, 2 * cutoff / height + 1, 1.0)))
    if images * len(position) > _MOST_IMAGES:
        raise DataError(
            f"a cutoff of {cutoff:g} angstrom reaches {images:.3g} images of each of the {len(position)} atoms: the "
            f"cell is very thin (heights {', '.join(f'{h:.3g}' for h in height)} angstrom). Check the cell or its unit."
        )
    extent = span * height
    volume = float(np.prod(np.maximum(extent, 0.1 * cutoff)))
    parts = min(max(round(cutoff / (2 * volume / len(position)) ** (1 / 3)), 1), 4)
    width = cutoff / parts
    n_bins = np.clip(np.floor(extent / width), 1, 4096)
    while n_bins.prod() > 8 * len(position) + 64:  # mostly empty space
        n_bins = np.maximum(np.floor(n_bins / 2), 1)
    return _Grid(fraction, wrapped, turns, low, 1 / span, n_bins.astype(np.int64), cutoff / height)


def find_pairs(
    position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float, *, engine: str = "numba"
) -> Pairs:
    """All directed pairs nearer than a cutoff, images included, an atom with itself left out.

    Parameters
    ----------
    position : (n_atoms, 3)
    cell : (3, 3)
        Rows are vectors; it must have a volume.
    pbc : (3,) bool
    cutoff : float
        May be larger than the cell.
    engine : {"numba", "numpy"}
    """
    if len(position) == 0 or cutoff <= 0:
        none = np.empty((0, 3))
        return Pairs(np.empty(0, np.int64), np.empty(0, np.int64), none.astype(np.int32), none, np.empty(0))
    grid = _grid(position, cell, pbc, cutoff)
    if engine == "numba":
        return _find_numba(grid, cell, pbc, cutoff)
    first, second, shift, vector = _find_scipy(grid, cell, pbc, cutoff)
    shift = (shift + grid.turns[second] - grid.turns[first]).astype(np.int32)
    order = np.lexsort((*shift.T[::-1], second, first))
    vector = vector[order]
    return Pairs(first[order], second[order], shift[order], vector, np.sqrt(np.einsum("ij,ij->i", vector, vector)))


def _find_numba(grid: _Grid, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> Pairs:
    kernels: Any = _numba_engine()
    # a little more than an even density gives, so that room is mostly enough
    n_atoms, sphere = len(grid.position), 4.19 * cutoff**3
    extent = np.where(pbc, 1.0, 1 / grid.inverse_span + 2 * grid.reach) * cutoff / grid.reach
    size = int(min(1.2 * n_atoms**2 * sphere / float(np.prod(extent)), 1e8)) + 16 * n_atoms + 1024
    found = kernels.search(
        grid.position, grid.fraction, cell, pbc, grid.low, grid.inverse_span, grid.n_bins, grid.reach, cutoff, size
    )
    n = int(found[-1][-1])
    pairs = Pairs(
        np.empty(n, np.int64), np.empty(n, np.int64), np.empty((n, 3), np.int32), np.empty((n, 3)), np.empty(n)
    )
    kernels.write_pairs(*found, cell, grid.turns, pairs.first, pairs.second, pairs.shift, pairs.vector, pairs.distance)
    return pairs


def _find_scipy(grid: _Grid, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> tuple[np.ndarray, ...]:
    """Atoms and those images that lie within the cutoff of the cell, in one k-d tree."""
    from scipy.spatial import cKDTree

    n = len(grid.position)
    low, high = grid.fraction.min(axis=0) - grid.reach - 1e-9, grid.fraction.max(axis=0) + grid.reach + 1e-9
    span = [
        np.arange(math.floor(a) - 1, math.ceil(b) + 1) if p else np.zeros(1)
        for a, b, p in zip(low, high, pbc, strict=True)
    ]
    parent, image = [np.arange(n)], [np.zeros((n, 3))]
    for cells in np.stack(np.meshgrid(*span, indexing="ij"), axis=-1).reshape(-1, 3):
        if cells.any():
            moved = grid.fraction + cells
            near = np.flatnonzero(((moved >= low) & (moved <= high)).all(axis=1))
            parent.append(near)
            image.append(np.broadcast_to(cells, (near.size, 3)))
    of, shift = np.concatenate(parent), np.concatenate(image).astype(np.int64)
    places = grid.position[of] + shift @ cell
    found = cKDTree(grid.position).sparse_distance_matrix(cKDTree(places), cutoff * (1 + 1e-9), output_type="ndarray")
    first, last = found["i"], found["j"]
    vector = grid.position[of[last]] - grid.position[first] + shift[last] @ cell
    near = (np.einsum("ij,ij->i", vector, vector) < cutoff * cutoff) & (first != last)
    return first[near], of[last[near]], shift[last[near]], vector[near]


def count_pairs(
    position: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    group: np.ndarray,
    n_groups: int,
    r_max: float,
    n_r: int,
    *,
    engine: str = "numba",
) -> np.ndarray:
    """Histogram of the distances of one frame, by the groups of both atoms; each directed pair counts once.

    Bin k holds k <= r n_r / r_max < k + 1. `group` is negative for atoms that are left out.

    Returns
    -------
    (n_groups, n_groups, n_r) int64
    """
    used = group >= 0
    if not used.all():
        position, group = position[used], group[used]
    if len(position) == 0:
        return np.zeros((n_groups, n_groups, n_r), dtype=np.int64)
    scale = n_r / r_max
    if engine == "numba":
        grid = _grid(position, cell, pbc, r_max)
        counts = np.zeros((n_groups * n_groups, n_r + 1), dtype=np.int64)
        _numba_engine().count_pairs(  # type: ignore[union-attr]
            grid.position, grid.fraction, cell, pbc, grid.low, grid.inverse_span, grid.n_bins, grid.reach, group,
            n_groups, scale, counts,
        )  # fmt: skip
        once = counts[:, :-1].reshape(n_groups, n_groups, n_r)
        return np.asarray(once + once.transpose(1, 0, 2))
    pairs = find_pairs(position, cell, pbc, r_max, engine=engine)
    place = (pairs.distance * scale).astype(np.int64)
    flat = (group[pairs.first] * n_groups + group[pairs.second]) * (n_r + 1) + np.minimum(place, n_r)
    counts = np.bincount(flat, minlength=n_groups * n_groups * (n_r + 1))
    return np.asarray(counts.reshape(n_groups, n_groups, n_r + 1)[..., :-1], dtype=np.int64)
