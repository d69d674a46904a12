"""Cells as arrays: heights, volumes, missing vectors, fractional positions."""

import numpy as np

from mi_widgets.errors import DataError

__all__ = ["check_cells", "complete_cell", "heights", "volumes", "wrap"]

_SMALL = 1e-10


def complete_cell(cell: np.ndarray) -> np.ndarray:
    """Replace zero vectors of one cell by unit vectors at right angles to the others."""
    cell = np.array(cell, dtype=float)
    zero = np.linalg.norm(cell, axis=1) < _SMALL
    if zero.all():
        return np.eye(3)
    if zero.sum() == 2:
        kept = cell[~zero][0] / np.linalg.norm(cell[~zero][0])
        helper = np.eye(3)[np.argmin(np.abs(kept))]
        side = np.cross(kept, helper)
        side /= np.linalg.norm(side)
        cell[np.flatnonzero(zero)] = side, np.cross(kept, side)
    elif zero.any():
        k = int(np.flatnonzero(zero)[0])
        normal = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
        length = np.linalg.norm(normal)
        cell[k] = normal / length if length > _SMALL else normal
    return cell


def check_cells(cells: np.ndarray, pbc: np.ndarray, *, who: str, first: int = 0) -> np.ndarray:
    """Cells that can be inverted, zero vectors completed; raises where a repeated direction has no extent."""
    for k, cell in enumerate(cells):
        if not np.isfinite(cell).all():
            raise DataError(f"{who}: the cell of frame {first + k} has values that are not finite.")
        empty = pbc & (np.linalg.norm(cell, axis=1) < _SMALL)
        if empty.any():
            names = ", ".join("abc"[i] for i in np.flatnonzero(empty))
            raise DataError(
                f"{who}: the structure repeats along {names}, but the cell vector there is zero. Give it a cell, or "
                f"write structure['pbc'] = ('cell_vector', {(~empty & pbc).tolist()})."
            )
    out = np.array([complete_cell(cell) for cell in cells]).reshape(-1, 3, 3)
    if out.size:
        lengths = np.linalg.norm(out, axis=2).prod(axis=1)
        flat = np.abs(np.linalg.det(out)) <= 1e-8 * lengths
        if flat.any():
            raise DataError(
                f"{who}: the cell vectors of frame {first + int(np.argmax(flat))} lie in a plane or on a line; give a "
                "cell with a volume."
            )
    return out


def heights(cell: np.ndarray) -> np.ndarray:
    """Distances between opposite faces of a cell."""
    return np.asarray(1 / np.linalg.norm(np.linalg.inv(cell), axis=0))


def volumes(cells: np.ndarray) -> np.ndarray:
    """Volumes of cells of either handedness."""
    return np.asarray(np.abs(np.linalg.det(cells)))


def wrap(position: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fractional positions in the cell along repeated directions, how many cells each atom was moved, new positions."""
    fraction = position @ np.linalg.inv(cell)
    turns = np.where(pbc, -np.floor(fraction), 0.0)
    fraction = fraction + turns
    over = pbc & (fraction >= 1.0)  # -1e-17 + 1
    turns, fraction = turns - over, fraction - over
    return fraction, turns.astype(np.int64), position + turns @ cell
