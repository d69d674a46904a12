"""Peaks that keep their number from pixel to pixel."""

from itertools import permutations, product

import numpy as np
import xarray as xr
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from mi_widgets.errors import LabelError, ParameterError

__all__ = ["track_peaks"]

MAX_PEAKS = 6  # of one line shape, whose orders are all compared; more are assigned pixel by pixel


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
    width = float(fit["fwhm"].median())
    features = np.stack(
        [
            fit["center"].transpose(*dims, "peak").values / width,
            np.log(np.maximum(fit["amplitude"].transpose(*dims, "peak").values, 1e-300)),
            np.log(fit["fwhm"].transpose(*dims, "peak").values),
        ],
        axis=-1,
    )
    features = features.reshape(*(1,) * (2 - len(dims)), *features.shape)
    order = _consistent_order(features, _allowed(fit), n_sweeps).reshape(*fit["status"].shape, k)
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


def _consistent_order(features: np.ndarray, allowed: np.ndarray, n_sweeps: int) -> np.ndarray:
    """Order of the peaks of every pixel, shape (ny, nx, k), from features (ny, nx, k, n)."""
    ny, nx, k, _ = features.shape
    rim = [(1, 1), (1, 1), (0, 0), (0, 0)]  # so that every pixel has eight neighbours
    given = np.pad(features, rim, constant_values=np.nan).reshape((ny + 2) * (nx + 2), k, -1)
    known = np.isfinite(given).all(axis=(1, 2))
    current, done = np.where(known[:, None, None], given, 0.0), np.zeros(len(given), dtype=bool)
    order = np.broadcast_to(np.arange(k), (len(given), k)).copy()
    steps = np.array([dy * (nx + 2) + dx for dy, dx in product((-1, 0, 1), repeat=2) if (dy, dx) != (0, 0)])

    def around(at: np.ndarray) -> np.ndarray:
        near = np.unique(at[:, None] + steps)
        return np.asarray(near[known[near]])

    def settle(at: np.ndarray) -> np.ndarray:
        """Give pixels the order that is nearest to their settled neighbours'; returns those where that is new."""
        near = at[:, None] + steps
        weight = done[near]
        at, near, weight = (v[weight.any(axis=1)] for v in (at, near, weight))
        mean = np.einsum("ps,pskn->pkn", weight / weight.sum(axis=1, keepdims=True), current[near])
        best = _assign(given[at], mean, allowed)
        new = (best != order[at]).any(axis=1)
        order[at] = best
        current[at] = np.take_along_axis(given[at], best[:, :, None], axis=1)
        return np.asarray(at[new])

    # grow from one pixel over the map first: sweeps alone would leave walls between two consistent halves
    parts, n_parts = ndimage.label(known.reshape(ny + 2, nx + 2), structure=np.ones((3, 3)))
    front = np.unique(parts.ravel(), return_index=True)[1][1:] if n_parts else np.empty(0, dtype=int)
    done[front] = True
    while front.size:
        front = around(front)
        front = front[~done[front]]
        settle(front)
        done[front] = True
    color = np.add.outer(2 * (np.arange(ny + 2) % 2), np.arange(nx + 2) % 2).ravel()
    todo = np.flatnonzero(known)
    for _ in range(n_sweeps):
        # of one colour no two are neighbours
        changed = np.concatenate([settle(todo[color[todo] == c]) for c in range(4)])
        if not changed.size:
            break
        todo = around(changed)
    return order.reshape(ny + 2, nx + 2, k)[1:-1, 1:-1]


def _assign(features: np.ndarray, reference: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The order of each pixel's peaks that is nearest to its reference, shape ``(n_pixels, n_peaks)``."""
    cost = ((reference[:, :, None] - features[:, None]) ** 2).sum(axis=-1)
    if not len(allowed):
        return np.array([linear_sum_assignment(one)[1] for one in cost], dtype=int).reshape(cost.shape[:2])
    places = np.arange(cost.shape[1])
    total = np.stack([cost[:, places, order].sum(axis=1) for order in allowed], axis=1)
    return np.asarray(allowed[np.argmin(total, axis=1)])
