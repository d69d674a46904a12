"""What TTAM cannot compute, said in words."""

from collections.abc import Iterable

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.potentials._ttam_pairs import ELEMENTS

__all__ = ["check_geometry", "kinds_of"]

_DENSEST, _LARGEST = 0.5, 2e6


def kinds_of(elements: Iterable[str], *, who: str) -> np.ndarray:
    """0 for Si, 1 for O."""
    names = np.asarray(list(elements), dtype=np.str_)
    other = sorted(set(names.tolist()) - set(ELEMENTS))
    if other:
        raise DataError(
            f"{who} knows Si and O alone; the structure has {', '.join(other)} as well. Leave these atoms out, or use "
            "another potential."
        )
    return (names == "O").astype(np.int64)


def check_geometry(position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, *, who: str) -> None:
    """Raise unless the positions are numbers and the cell repeats and has a volume that such a solid can have."""
    if not np.isfinite(position).all():
        raise DataError(f"{who}: positions must be finite numbers (angstrom); {_count(position)} atoms have others.")
    if not np.asarray(pbc).all():
        raise DataError(
            f"{who} sums over a crystal's repeats: the structure must repeat along all three cell vectors; pbc is "
            f"{np.asarray(pbc).tolist()}. Give a cell, with a vacuum where there is nothing, and set pbc=True."
        )
    volume = abs(float(np.linalg.det(cell))) if np.isfinite(cell).all() else 0.0
    if not volume > 1e-6 * float(np.prod(np.linalg.norm(cell, axis=1))) or volume == 0.0:
        raise DataError(f"{who}: the cell has no volume; its rows are {np.round(cell, 3).tolist()} (angstrom).")
    if len(position) / volume > _DENSEST or volume > _LARGEST:
        raise DataError(
            f"{who}: {len(position)} atoms in {volume:.3g} angstrom**3; a silica has 0.07 atoms per angstrom**3. Are "
            "positions and cell in angstrom?"
        )


def _count(position: np.ndarray) -> int:
    return int((~np.isfinite(position)).any(axis=1).sum())
