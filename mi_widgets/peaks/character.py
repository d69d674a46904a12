"""Regions of a map whose peaks are alike, and peaks that keep their number from pixel to pixel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.labels import label
from mi_widgets.methods import cluster

__all__ = ["character_map", "track_peaks"]


def character_map(
    fit: xr.Dataset,
    *,
    variables: Sequence[str] = ("center", "fwhm", "amplitude"),
    n_clusters: int = 4,
    estimator: Any = None,
    seed: int | None = 0,
) -> xr.Dataset:
    """Divide a map into regions by the parameters of its peaks.

    Each parameter of each peak is one feature, measured from its median in units of its spread over the map (median
    absolute deviation), or of its median standard error where that is larger: what is only noise then weighs little.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of `fit_peaks`.
    variables : sequence of str
        Parameters that make up the character of a spectrum.
    n_clusters, estimator, seed
        As in `mi_widgets.methods.cluster`.

    Returns
    -------
    xarray.Dataset
        ``label`` over the map (-1 where the fit failed), ``size_of_cluster`` (cluster), and the mean of each of
        `variables` over ``(cluster, peak)`` in its own unit.

    Raises
    ------
    LabelError
        `fit` lacks one of `variables`.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(6, 12), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> peaks.character_map(fit, n_clusters=2).label.dims
    ('y', 'x')
    """
    missing = [name for name in variables if name not in fit or "peak" not in fit[name].dims]
    if missing or not variables:
        raise LabelError(f"character_map: the fit has no {missing or 'variables'}; it has {', '.join(map(str, fit))}.")
    features = xr.concat([_feature(fit, name) for name in variables], dim="feature").stack(all=("feature", "peak"))
    found = cluster(
        features.reset_index("all", drop=True), "all", n_clusters=n_clusters, estimator=estimator, seed=seed
    )
    out = found[["label", "size_of_cluster"]]
    out["label"].attrs["long_name"] = "region"
    number = out["cluster"]
    for name in variables:
        means = [fit[name].where(out["label"] == k).mean(out["label"].dims) for k in range(number.size)]
        mean = xr.concat(means, dim=number).transpose("cluster", "peak")
        out[name] = label(mean, str(fit[name].attrs["units"]), f"mean {fit[name].attrs['long_name']}")
    return out.assign_attrs(title="regions of like peaks", source=fit.attrs.get("source", ""))


def _feature(fit: xr.Dataset, name: str) -> xr.DataArray:
    over = [d for d in fit[name].dims if d != "peak"]
    values = fit[name]
    middle = values.median(over)
    spread = 1.4826 * abs(values - middle).median(over)
    if f"{name}_stderr" in fit:
        error = fit[f"{name}_stderr"].median(over)
        spread = spread.where(~(error > spread), error)
    return ((values - middle) / spread.where(spread > 0, 1.0)).drop_attrs()


def track_peaks(fit: xr.Dataset, *, n_sweeps: int = 10) -> xr.Dataset:
    """Number the peaks so that each keeps its identity over the map, also where two of them cross.

    `fit_peaks` numbers peaks by position, so that where lines cross their numbers swap. Here each spectrum's peaks are
    given the numbers that bring them nearest to the mean of the neighbours' (position in units of the width, logarithms
    of area and width), by optimal assignment, until nothing changes.

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
    order = _consistent_order(features, n_sweeps).reshape(*fit["status"].shape, k)
    index = xr.DataArray(order, dims=(*dims, "peak"))
    return fit.map(
        lambda v: v.isel(peak=index).transpose(*v.dims).drop_vars("peak", errors="ignore") if "peak" in v.dims else v,
        keep_attrs=True,
    ).assign_coords(peak=fit["peak"])


def _consistent_order(features: np.ndarray, n_sweeps: int) -> np.ndarray:
    """Order of the peaks of every pixel, shape (ny, nx, k), from features (ny, nx, k, n)."""
    ny, nx, k, _ = features.shape
    order = np.broadcast_to(np.arange(k), (ny, nx, k)).copy()
    known = np.isfinite(features).all(axis=(2, 3))
    current = np.where(known[..., None, None], features, 0.0)
    # grow from one pixel over the map first: sweeps alone would leave walls between two consistent halves
    for y, x, near in _growth(known):
        mean = np.mean([current[at] for at in near], axis=0)
        order[y, x] = _assign(features[y, x], mean)
        current[y, x] = features[y, x][order[y, x]]
    for _ in range(n_sweeps):
        changed = False
        for y, x in np.argwhere(known):
            near = [at for at in _around(y, x, ny, nx) if known[at]]
            if near:
                best = _assign(features[y, x], np.mean([current[at] for at in near], axis=0))
                if (best != order[y, x]).any():
                    order[y, x], changed = best, True
                    current[y, x] = features[y, x][best]
        if not changed:
            break
    return order


def _assign(features: np.ndarray, reference: np.ndarray) -> np.ndarray:
    cost = ((reference[:, None] - features[None]) ** 2).sum(axis=-1)
    return np.asarray(linear_sum_assignment(cost)[1])


def _around(y: int, x: int, ny: int, nx: int) -> list[tuple[int, int]]:
    return [
        (y + dy, x + dx)
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1))
        if 0 <= y + dy < ny and 0 <= x + dx < nx
    ]


def _growth(known: np.ndarray) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Pixels in the order in which a front from the middle of each connected part reaches them, with those before."""
    ny, nx = known.shape
    done, out = np.zeros_like(known), []
    for start in np.argwhere(known):
        if done[tuple(start)]:
            continue
        front = [(int(start[0]), int(start[1]))]
        done[front[0]] = True
        for y, x in front:
            for at in _around(y, x, ny, nx):
                if known[at] and not done[at]:
                    out.append((*at, [n for n in _around(*at, ny, nx) if done[n]]))
                    done[at] = True
                    front.append(at)
    return out
