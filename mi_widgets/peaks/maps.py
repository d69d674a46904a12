"""Maps straight from the spectra, without a fit."""

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.labels import find_spectral_dim, label, product_unit, require_axis, require_numeric, require_units

__all__ = ["integrate_window"]

_BLOCK = 4_000_000  # values turned into float64 at a time


def integrate_window(
    da: xr.DataArray, dim: str | None = None, *, window: tuple[float, float] | None = None
) -> xr.DataArray:
    r"""Integrate spectra over a window: the area under the curve, background included.

    The integral is :math:`\sum_i y_i\,\Delta_i` over the channels whose centres lie in the window, with the channel
    widths :math:`\Delta_i`; for an even axis it is the sum of the counts times the step.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra, dims ``(..., dim)``; any number type, eight-bit counts do not overflow. A chunked array stays lazy.
    dim : str, optional
        The spectral dimension; by default `mi_widgets.labels.find_spectral_dim`.
    window : (float, float), optional
        Lower and upper end in the unit of the axis, in any order, ends included; by default the whole axis.

    Returns
    -------
    xarray.DataArray
        ``intensity`` over the other dims, float64, in ``<unit of da> * <unit of the axis>``. Channels that are not
        finite are left out; a spectrum without any finite channel in the window gives NaN.

    Raises
    ------
    LabelError
        No such dimension, or it has no coordinate or no unit.
    DataError
        The values are not real numbers, or the axis is not strictly monotonic.
    ParameterError
        The window holds no channel.

    Examples
    --------
    >>> from mi_widgets.labels import label_spectra
    >>> da = label_spectra(np.ones((2, 5)), [280.0, 281.0, 282.0, 283.0, 284.0])
    >>> integrate_window(da, window=(281, 283)).values
    array([3., 3.])
    """
    who = "integrate_window"
    require_numeric(da, who=who)
    dim = dim or find_spectral_dim(da)
    axis = require_axis(da, str(dim), who=who)
    low, high = _ends(window) if window is not None else (axis.min(), axis.max())
    inside = np.flatnonzero((axis >= low) & (axis <= high))
    if inside.size == 0:
        raise ParameterError(
            f"{who}: the window {low:g} to {high:g} holds no channel; the axis runs from {axis.min():g} to "
            f"{axis.max():g}. Write window=({axis.min():g}, {axis.max():g}) or a part of it."
        )
    part = slice(int(inside[0]), int(inside[-1]) + 1)
    width = np.abs(np.gradient(axis)) if axis.size > 1 else np.ones(1)
    out = xr.apply_ufunc(
        _weighted_sum,
        da.isel({dim: part}),
        kwargs={"weights": width[part]},
        input_core_dims=[[dim]],
        dask="parallelized",
        dask_gufunc_kwargs={"allow_rechunk": True},
        output_dtypes=[np.float64],
    )
    units = product_unit(str(da.attrs.get("units", "1")), require_units(da[dim], who=who))
    return label(out, units, "intensity").rename("intensity")


def _ends(window: tuple[float, float]) -> list[float]:
    try:
        low, high = sorted(float(end) for end in window)
    except (TypeError, ValueError):
        raise ParameterError(f"window must be two numbers, such as (284, 286), or None; got {window!r}.") from None
    return [low, high]


def _weighted_sum(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sum over the last axis in blocks, so that a big cube is never copied as float64."""
    shape = values.shape[:-1]
    if not shape:
        return _block_sum(values[None], weights)[0]
    out = np.empty(shape)
    rows = max(1, _BLOCK // max(1, int(np.prod(values.shape[1:]))))
    for start in range(0, shape[0], rows):
        out[start : start + rows] = _block_sum(values[start : start + rows], weights)
    return out


def _block_sum(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    values = values.astype(np.float64, copy=False)
    with np.errstate(invalid="ignore"):
        out = values @ weights
    bad = ~np.isfinite(out)
    if bad.any():
        rest = values[bad]
        good = np.isfinite(rest)
        out[bad] = np.where(good.any(-1), np.where(good, rest, 0.0) @ weights, np.nan)
    return np.asarray(out)
