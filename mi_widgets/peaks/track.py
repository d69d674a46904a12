"""Peaks that keep their number from pixel to pixel."""

from itertools import permutations

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.peaks._follow import MAX_PEAKS, consistent_order, features_of

__all__ = ["track_peaks"]


def track_peaks(fit: xr.Dataset, *, n_sweeps: int = 10) -> xr.Dataset:
    """Number the peaks so that each keeps its identity over the map, also where two of them cross.

    `fit_peaks` numbers peaks by position, so that where lines cross their numbers swap. Here each spectrum's peaks are
    given the numbers that bring them nearest to the mean of the neighbours' (position in units of the width, logarithms
    of area and width), by optimal assignment, until nothing changes. Peaks change places only with peaks of their own
    line shape.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of `fit_peaks` over one or two dims.
    n_sweeps : int
        Passes over the map at most.

    Returns
    -------
    xarray.Dataset
        `fit` with the peaks of each spectrum reordered; no number is changed but the peaks' own.

    Raises
    ------
    LabelError
        `fit` is no result of `fit_peaks`.
    ParameterError
        The map has more than two dims.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(4, 6), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> peaks.track_peaks(fit).center.dims
    ('y', 'x', 'peak')
    """
    missing = [name for name in ("status", "center", "fwhm", "amplitude") if name not in fit]
    if missing:
        raise LabelError(
            f"track_peaks: this is no result of fit_peaks, it has no {missing[0]!r}. Give peaks.fit_peaks(da)."
        )
    dims = [str(d) for d in fit["status"].dims]
    if len(dims) > 2:
        raise ParameterError(f"track_peaks works on maps of one or two dims; this has {dims}. Select a slice first.")
    k = fit.sizes["peak"]
    if k < 2 or not dims:
        return fit.copy()
    center, fwhm, amplitude = (fit[n].transpose(*dims, "peak").values for n in ("center", "fwhm", "amplitude"))
    features = features_of(center, fwhm, amplitude)
    features = features.reshape(*(1,) * (2 - len(dims)), *features.shape)
    order = consistent_order(features, _allowed(fit), n_sweeps).reshape(*fit["status"].shape, k)
    index = xr.DataArray(order, dims=(*dims, "peak"))
    out = fit.map(
        lambda v: v.isel(peak=index).transpose(*v.dims).drop_vars("peak", errors="ignore") if "peak" in v.dims else v,
        keep_attrs=True,
    ).assign_coords(peak=fit["peak"])
    if "correlation" in fit:
        out["correlation"] = _reorder_correlation(fit["correlation"], order, dims)
    return out


def _reorder_correlation(matrix: xr.DataArray, order: np.ndarray, dims: list[str]) -> xr.DataArray:
    names = [str(n) for n in matrix["parameter"].values]
    columns = np.empty((*order.shape[:-1], len(names)), dtype=int)
    for i, name in enumerate(names):
        peak, _, quantity = name.partition("_")
        if peak[0] == "p" and peak[1:].isdigit():
            old = np.array([names.index(f"p{k}_{quantity}") if f"p{k}_{quantity}" in names else -1
                            for k in range(order.shape[-1])])  # fmt: skip
            columns[..., i] = old[order[..., int(peak[1:])]]
        else:
            columns[..., i] = i
    one, two = (xr.DataArray(columns, dims=(*dims, d)) for d in ("parameter", "parameter_2"))
    labels = {d: matrix[d] for d in ("parameter", "parameter_2")}
    bare = matrix.drop_vars(list(labels))
    return bare.isel(parameter=one, parameter_2=two).transpose(*matrix.dims).assign_coords(labels)


def _allowed(fit: xr.Dataset) -> np.ndarray:
    """Orders with every peak at the place of one of its line shape, ``(n_orders, n_peaks)``; empty if too many."""
    k = fit.sizes["peak"]
    shapes = str(fit.attrs.get("lineshape", "")).split(", ")
    shapes = shapes * k if len(shapes) == 1 else shapes
    if k > MAX_PEAKS and len(set(shapes)) == 1:
        return np.empty((0, k), dtype=int)
    every = [order for order in permutations(range(k)) if all(shapes[a] == shapes[b] for a, b in enumerate(order))]
    return np.array(every)
