"""List of pairs within a cutoff, each once, compiled: kept over many steps of molecular dynamics."""

from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np

from mi_widgets.errors import DataError

__all__ = ["Grid", "PairList", "make_grid", "make_list", "numba_module"]

_MOST_IMAGES = 30_000


class Grid(NamedTuple):
    """How the search for pairs divides a cell.

    Attributes
    ----------
    n_bins, reach, n_images : (3,) int
        Bins along each cell vector, bins that a neighbour can be away, images that are needed.
    shifts : (n_shifts, 3)
        Cartesian vectors of all images, the cell itself in the middle.
    """

    n_bins: np.ndarray
    reach: np.ndarray
    n_images: np.ndarray
    shifts: np.ndarray


class PairList(NamedTuple):
    """Each pair once: those of atom i at start[i] … start[i + 1]; `image` numbers the rows of `shifts`."""

    start: np.ndarray
    other: np.ndarray
    image: np.ndarray


@cache
def numba_module(name: str) -> ModuleType | None:
    """A compiled module of this topic, or None where numba cannot be used."""
    import importlib

    try:
        return importlib.import_module(f"mi_widgets.potentials.{name}")
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None


def make_grid(cell: np.ndarray, cutoff: float, n_atoms: int) -> Grid:
    """Bins about half as wide as the cutoff, not many more than atoms."""
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    fine = np.maximum(1, np.floor(2 * heights / cutoff)).astype(np.int64)
    crowd = max(1.0, float(np.prod(fine)) / max(1, n_atoms))
    n_bins = np.maximum(1, np.floor(fine / crowd ** (1 / 3))).astype(np.int64)
    reach = np.ceil(cutoff * n_bins / heights).astype(np.int64)
    n_images = -(-reach // n_bins)
    if float(np.prod(2 * n_images + 1)) > _MOST_IMAGES:
        raise DataError(
            f"the cell is too small or too flat: heights {', '.join(f'{h:.2g}' for h in heights)} angstrom against a "
            f"cutoff of {cutoff:g}. Are its vectors in angstrom? Repeat the cell."
        )
    axes = [np.arange(-m, m + 1) for m in n_images]
    shifts = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    return Grid(n_bins, reach, n_images, np.ascontiguousarray(shifts, dtype=float))


def make_list(position: np.ndarray, cell: np.ndarray, grid: Grid, cutoff: float) -> PairList:
    """Pairs of atoms that lie in the cell."""
    n, module = len(position), numba_module("_numba_pair_list")
    fraction = np.clip(position @ np.linalg.inv(cell), 0.0, np.nextafter(1.0, 0.0))
    volume = abs(float(np.linalg.det(cell)))
    room = int(1.4 * n * (n / volume * 4.19 * cutoff**3) / 2) + 1000
    start = np.zeros(n + 1, np.int64)
    while True:
        other, image = np.empty(room, np.int32), np.empty(room, np.int16)
        found = module.list_pairs(  # type: ignore[union-attr]
            position, fraction, grid.shifts, grid.n_bins, grid.reach, grid.n_images, cutoff, start, other, image
        )
        if found <= room:
            return PairList(start, other, image)
        room = int(1.2 * found)
