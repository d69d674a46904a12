"""Averages over rings about a point of a map."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label, require_axis, require_numeric

__all__ = ["radial_average"]


def radial_average(
    da: xr.DataArray,
    dims: Sequence[str] = ("y", "x"),
    *,
    center: Sequence[float] = (0.0, 0.0),
    width: float | None = None,
    largest: float | None = None,
    name: str = "radius",
) -> xr.Dataset:
    """Average a map over rings about a point.

    Parameters
    ----------
    da : xarray.DataArray
        Map over `dims`, in any order; other dimensions are kept. What is not finite is left out.
    dims : (str, str)
        The two dimensions of the plane, whose coordinates have one unit.
    center : (float, float)
        The point, in the order of `dims`.
    width : float, optional
        Width of a ring; by default the larger of the mean steps of both axes.
    largest : float, optional
        Where the last ring ends; by default the distance from the point to the nearest edge of the map, so that every
        ring is whole, or, where that is less than three rings, to the farthest corner.
    name : str
        Name of the new dimension.

    Returns
    -------
    xarray.Dataset
        ``mean`` and ``stderr`` (other dims, `name`) in the unit of `da`: mean of the ring and standard error from the
        scatter in it (NaN below two points); ``n_points`` (other dims, `name`). The coordinate `name` is the mean
        distance of the points of each ring, where it has any, else its middle.

    Raises
    ------
    LabelError
        A dimension, coordinate or unit is missing, or the two have different units.
    DataError
        The values are not real numbers.
    ParameterError
        `width` or `largest` is not above zero.

    Examples
    --------
    >>> at = {"units": "nm"}
    >>> axis = np.arange(-3.0, 4.0)
    >>> cone = xr.DataArray(np.hypot(axis[:, None], axis), {"y": ("y", axis, at), "x": ("x", axis, at)}, ("y", "x"))
    >>> radial_average(cone)["mean"].values.round(2)
    array([0.  , 1.21, 2.46])
    """
    who = "radial_average"
    require_numeric(da, who=who)
    first, second = (require_axis(da, d, who=who) for d in dims)
    units = [str(da[d].attrs["units"]) for d in dims]
    if units[0] != units[1]:
        raise LabelError(f"{who}: {dims[0]!r} is in {units[0]!r} and {dims[1]!r} in {units[1]!r}; convert one of them.")
    edges = _edges(first, second, center, width, largest)
    distance = np.hypot((first - center[0])[:, None], second - center[1]).ravel()
    ring = np.searchsorted(edges, distance, side="right") - 1
    n = edges.size - 1
    ring[distance == edges[-1]] = n - 1
    inside = (ring >= 0) & (ring < n)
    if not inside.any():
        raise DataError(
            f"{who}: no point of the map lies within {edges[-1]:g} {units[0]} of the center {tuple(center)}."
        )
    ring = ring[inside]
    values = da.transpose(..., *dims)
    other = values.dims[: values.ndim - 2]
    rows = np.asarray(values.values, dtype=float).reshape(-1, distance.size)[:, inside]
    found = np.stack([_rings(row, ring, n) for row in rows])
    size = np.bincount(ring, minlength=n)
    total = np.bincount(ring, weights=distance[inside], minlength=n)
    place = np.where(size > 0, total / np.maximum(size, 1), (edges[1:] + edges[:-1]) / 2)
    shape = (*values.shape[: len(other)], n)
    out: dict[str, Any] = {
        key: ((*other, name), found[:, k].reshape(shape)) for k, key in enumerate(("mean", "stderr", "n_points"))
    }
    kept = {str(k): v for k, v in values.coords.items() if not set(v.dims) & set(dims)}
    ds = xr.Dataset(out, coords=kept | {name: place})
    long_name = str(da.attrs.get("long_name") or da.name or "value")
    unit = str(da.attrs.get("units", "1"))
    ds["mean"] = label(ds["mean"], unit, f"mean {long_name}")
    ds["stderr"] = label(ds["stderr"], unit, f"standard error of mean {long_name}")
    ds["n_points"] = label(ds["n_points"].astype(np.int64), "1", "number of points")
    ds[name].attrs = {"units": units[0], "long_name": name.replace("_", " ")}
    return ds


def _edges(
    first: np.ndarray, second: np.ndarray, center: Sequence[float], width: float | None, largest: float | None
) -> np.ndarray:
    steps = [float(np.abs(np.diff(a)).mean()) for a in (first, second) if a.size > 1]
    if not steps and width is None:
        raise DataError("radial_average: one point has no rings.")
    for key, value in (("width", width), ("largest", largest)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ParameterError(f"radial_average: {key} must be above zero; got {value!r}.")
    step = max(steps) if width is None else float(width)
    reach = [(float(a.min()) - c, float(a.max()) - c) for a, c in zip((first, second), center, strict=True)]
    whole = min(min(-low, high) for low, high in reach)
    corner = float(np.linalg.norm([max(abs(low), abs(high)) for low, high in reach]))
    end = float(largest) if largest is not None else whole if whole >= 3 * step else corner
    return step * np.arange(max(int(np.ceil(end / step - 1e-9)), 1) + 1)


def _rings(values: np.ndarray, ring: np.ndarray, n: int) -> np.ndarray:
    """Mean, standard error and number of finite values of each ring."""
    good = np.isfinite(values)
    size = np.bincount(ring[good], minlength=n)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(ring[good], weights=values[good], minlength=n) / size
        apart = values[good] - mean[ring[good]]
        variance = np.bincount(ring[good], weights=apart**2, minlength=n) / (size - 1)
        return np.stack([mean, np.where(size > 1, np.sqrt(variance / size), np.nan), size])
