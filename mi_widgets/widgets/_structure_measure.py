"""Distance, angle and dihedral of the atoms picked last, by the nearest images."""

from itertools import product

import numpy as np
import xarray as xr

from mi_widgets.plots._scene import Sites

__all__ = ["chain", "measure_chosen", "measures"]

_MOST = 12  # cells in each direction
_MOST_CHOSEN = 12  # a lasso has no order
_UNITS = {"distance": " Å", "angle": "°", "dihedral": "°"}


def measure_chosen(now: xr.Dataset, sites: Sites, chosen: list[int]) -> tuple[dict[str, float], dict[str, object]]:
    """Measures of the atoms chosen last in one frame, and what the page draws of them: points and a text."""
    nothing: dict[str, object] = {"points": [], "text": ""}
    if not 1 < len(chosen) <= _MOST_CHOSEN:
        return {}, nothing
    points = now["position"].transpose("atom", "axis").values[chosen[-4:]]
    if not np.isfinite(points).all():
        return {}, nothing
    pbc = np.asarray(now["pbc"].values, bool) if "pbc" in now else np.zeros(3, bool)
    cell = np.zeros((3, 3)) if sites.cell is None else sites.cell
    points = chain(points, cell, np.broadcast_to(pbc, 3) & sites.vectors)
    found = measures(points)
    if not found:
        return {}, nothing
    name = list(found)[-1]
    return found, {
        "points": points.tolist(),
        "text": f"{found[name]:.{3 if name == 'distance' else 1}f}{_UNITS[name]}",
    }


def chain(points: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """The same points, each moved to the image that is nearest to the one before.

    Parameters
    ----------
    points : (n, 3)
    cell : (3, 3)
    pbc : (3,) bool
        Directions that repeat; their vectors must have a length.
    """
    out = np.array(points, dtype=float)
    inverse = np.linalg.pinv(cell)
    heights = 1 / np.maximum(np.linalg.norm(inverse, axis=0), 1e-12)
    for k in range(1, len(out)):
        step = out[k] - out[k - 1]
        step = step - (np.round(step @ inverse) * pbc) @ cell  # near; a skewed cell may have one nearer still
        far = np.minimum(np.ceil(np.linalg.norm(step) / heights), _MOST) * pbc
        turns = np.array(list(product(*(np.arange(-n, n + 1) for n in far))))
        choices = step + turns @ cell
        out[k] = out[k - 1] + choices[np.argmin(np.einsum("ij,ij->i", choices, choices))]
    return out


def measures(points: np.ndarray) -> dict[str, float]:
    """Distance (angstrom), angle and dihedral (degree) of the last two, three and four points of a chain.

    The dihedral is positive for a clockwise turn from the first to the last, seen along the middle bond (IUPAC).
    """
    out: dict[str, float] = {}
    p = np.asarray(points, dtype=float)
    if len(p) < 2 or not np.isfinite(p).all():
        return out
    out["distance"] = float(np.linalg.norm(p[-1] - p[-2]))
    if len(p) > 2:
        a, b = p[-3] - p[-2], p[-1] - p[-2]
        long = np.linalg.norm(a) * np.linalg.norm(b)
        if long > 0:
            out["angle"] = float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))
    if len(p) > 3:
        b1, b2, b3 = np.diff(p[-4:], axis=0)
        n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
        if min(np.linalg.norm(n1), np.linalg.norm(n2)) > 1e-9:
            out["dihedral"] = float(np.degrees(np.arctan2(b1 @ n2 * np.linalg.norm(b2), n1 @ n2)))
    return out
