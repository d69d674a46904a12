"""Neighbours of every atom within a cutoff: any cell, periodic along any of its vectors, with images."""

from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import DataError, MissingDependencyError, ParameterError

__all__ = ["Neighbors", "compiled", "complete_cell", "find_neighbors", "resolve_engine"]

_MOST_IMAGES = 20_000_000


class Neighbors(NamedTuple):
    """Neighbours of the atoms of one structure, one after another.

    Attributes
    ----------
    start : (n_atoms + 1,)
        Where the neighbours of each atom begin.
    other : (n_pairs,) int32
        The neighbour.
    vector : (n_pairs, 3)
        From the atom to its neighbour (angstrom).
    distance : (n_pairs,)
    """

    start: np.ndarray
    other: np.ndarray
    vector: np.ndarray
    distance: np.ndarray


@cache
def compiled() -> ModuleType | None:
    """The compiled kernels, or None where numba is missing."""
    try:
        from mi_widgets.potentials import _numba_acsf
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None
    return _numba_acsf


def resolve_engine(engine: str) -> str:
    """Name of the engine to use: ``"numba"`` or ``"numpy"``."""
    if engine not in ("auto", "numba", "numpy"):
        raise ParameterError(f"unknown engine {engine!r}; write 'auto', 'numba' or 'numpy'.")
    if engine != "numpy" and compiled() is None:
        if engine == "numba":
            raise MissingDependencyError("engine='numba' needs numba: pip install \"mi-widgets[fast]\".")
        return "numpy"
    return "numpy" if engine == "numpy" else "numba"


def find_neighbors(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float, *, engine: str = "numba"
) -> Neighbors:
    """All neighbours nearer than a cutoff, images of the atom itself included.

    Parameters
    ----------
    positions : (n_atoms, 3)
        Angstrom; inside the cell or not.
    cell : (3, 3)
        Rows are vectors; those that do not repeat may be zero.
    pbc : (3,) bool
    cutoff : float
        It may be larger than the cell.
    engine : {"numba", "numpy"}
    """
    positions = np.ascontiguousarray(positions, dtype=float)
    repeats = np.broadcast_to(np.asarray(pbc, dtype=bool), 3)
    if not np.isfinite(positions).all():
        raise DataError("positions must be finite numbers (angstrom); some are NaN or infinite.")
    if len(positions) == 0:
        return Neighbors(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty((0, 3)), np.empty(0))
    base, parent, shift = _images(positions, np.asarray(cell, dtype=float), repeats, cutoff)
    if engine == "numba":
        kernels: Any = compiled()
        return Neighbors(*kernels.near(base, parent, shift, cutoff))
    return _near_scipy(base, parent, shift, cutoff)


def _images(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Atoms inside the cell; atom and displacement of each copy that can be near, the atoms themselves first."""
    n = len(positions)
    if not pbc.any():
        return positions, np.arange(n, dtype=np.int32), np.zeros((n, 3))
    vectors, heights = complete_cell(cell, pbc)
    fraction = positions @ np.linalg.inv(vectors)
    inside = fraction - np.where(pbc, np.floor(fraction), 0.0)
    reach = np.where(pbc, cutoff / heights + 1e-9, np.inf)
    count = np.where(pbc, np.ceil(cutoff / heights), 0).astype(np.int64)
    if n * float(np.prod(2.0 * count + 1)) > _MOST_IMAGES:
        raise DataError(
            f"a cutoff of {cutoff:g} angstrom reaches {np.prod(2.0 * count + 1):.3g} images of each of the {n} atoms: "
            f"the cell is very thin (heights {', '.join(f'{h:.3g}' for h in heights)} angstrom). Check its unit."
        )
    low, high = inside.min(axis=0) - reach, inside.max(axis=0) + reach
    steps = np.stack(np.meshgrid(*[np.arange(-c, c + 1) for c in count], indexing="ij"), axis=-1).reshape(-1, 3)
    steps = steps[np.argsort(np.abs(steps).sum(axis=1), kind="stable")]  # no shift comes first
    moved = inside + steps[:, None]
    cells, parent = np.nonzero(((moved >= low) & (moved <= high)).all(axis=-1))
    return inside @ vectors, parent.astype(np.int32), steps[cells] @ vectors


def complete_cell(cell: np.ndarray, pbc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell with unit vectors, at right angles to the others, where it does not repeat; and its heights."""
    if cell.shape != (3, 3) or not np.isfinite(cell).all():
        raise DataError(f"a cell is three rows of three finite numbers (angstrom); got {cell.tolist()}.")
    vectors = np.array(cell, dtype=float)
    vectors[~pbc] = np.linalg.svd(vectors[pbc])[2][int(pbc.sum()) :]
    volume = abs(float(np.linalg.det(vectors)))
    if volume < 1e-6 * max(float(np.prod(np.linalg.norm(vectors, axis=1))), 1e-30):
        raise DataError(
            f"the cell has no volume along the vectors that repeat (pbc {pbc.tolist()}, cell {cell.tolist()}). Give "
            "three vectors that span the space, or set pbc to False."
        )
    faces = np.linalg.norm(np.cross(np.roll(vectors, -1, axis=0), np.roll(vectors, -2, axis=0)), axis=1)
    return vectors, volume / faces


def _near_scipy(base: np.ndarray, parent: np.ndarray, shift: np.ndarray, cutoff: float) -> Neighbors:
    from scipy.spatial import cKDTree

    n, size = len(base), cutoff * (1 + 1e-9)
    found = cKDTree(base).sparse_distance_matrix(cKDTree(base[parent] + shift), size, output_type="ndarray")
    order = np.lexsort((found["j"], found["i"]))
    first, copy = found["i"][order], found["j"][order]
    vector = (base[parent[copy]] - base[first]) + shift[copy]
    distance = np.sqrt(np.einsum("ij,ij->i", vector, vector))
    keep = (distance < cutoff) & (first != copy)  # the first n copies are the atoms themselves
    start = np.concatenate([[0], np.cumsum(np.bincount(first[keep], minlength=n))]).astype(np.int64)
    return Neighbors(start, parent[copy[keep]], vector[keep], distance[keep])
