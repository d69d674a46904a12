"""Regions of a map whose peaks are alike."""

from collections.abc import Sequence
from typing import Any

import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.labels import label
from mi_widgets.methods import cluster

__all__ = ["character_map"]


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
