"""Heights of atoms along an axis, and their layers."""

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError

__all__ = ["heights", "split_layers"]


def heights(ds: xr.Dataset, axis: str, *, who: str) -> np.ndarray:
    """Height of each atom; a slab that the cell's face cuts is put together at its widest gap."""
    position = np.asarray(ds["position"].transpose("atom", "axis").values, dtype=float)
    cell = np.asarray(ds["cell"].transpose("cell_vector", "axis").values, dtype=float)
    pbc = np.asarray(ds["pbc"].values, dtype=bool) if "pbc" in ds else cell.any(axis=1)
    if axis in ("x", "y", "z"):
        normal = np.eye(3)["xyz".index(axis)]
    elif axis in ("a", "b", "c"):
        k = "abc".index(axis)
        normal = np.cross(cell[(k + 1) % 3], cell[(k + 2) % 3])
        if not np.linalg.norm(normal) > 0:
            raise LabelError(f"{who}: the cell has no face across {axis!r}; write axis='z'.")
        normal = normal / np.linalg.norm(normal) * np.sign(normal @ cell[k] or 1.0)
    else:
        raise LabelError(f"{who}: there is no axis {axis!r}; write 'x', 'y', 'z', or 'a', 'b', 'c' for the cell.")
    height = position @ normal
    # It repeats along the axis where one periodic vector has a part along it, and the others have none.
    along = np.where(pbc, cell @ normal, 0.0)
    parts = np.abs(along)[np.abs(along) > 1e-6 * np.abs(cell).max(initial=1e-300)]
    return _whole(height, float(parts[0])) if parts.size == 1 and height.size else np.asarray(height)


def _whole(height: np.ndarray, period: float) -> np.ndarray:
    wrapped = height % period
    order = np.sort(wrapped)
    gaps = np.diff(np.concatenate([order, order[:1] + period]))
    first = order[(int(gaps.argmax()) + 1) % order.size]
    out = (wrapped - first + 1e-9) % period - 1e-9 + first
    # As near to the given heights as whole periods allow.
    return np.asarray(out + period * np.round((height.mean() - out.mean()) / period))


def split_layers(height: np.ndarray, gap: float) -> np.ndarray:
    """Number of the layer of each atom, from below."""
    order = np.argsort(height, kind="stable")
    steps = np.diff(height[order], prepend=height[order[:1]])
    out = np.empty(height.size, dtype=np.int64)
    out[order] = np.cumsum(steps > gap)
    return out
