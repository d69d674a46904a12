"""Fit of a region: all its spectra added up, so that counts stay counts, and the values given per spectrum."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import xarray as xr

__all__ = ["fit_region", "is_sum"]

_SUMMED = "summed_spectra"  # stands for the unit of the data during the fit, so that what carries it is known
_LEVELS = ("background_level", "background_left", "background_middle", "background_right")


def is_sum(fit: xr.Dataset) -> int:
    """How many spectra were added up for a fit; 0 for a fit of one."""
    return int(fit.attrs.get("n_spectra_summed", 0))


def fit_region(mean: xr.DataArray, n: int, options: Mapping[str, Any]) -> xr.Dataset:
    """Fit the sum of `n` spectra whose mean is given; amplitudes, heights and levels are those of one spectrum.

    The mean of counts is no count: its variance is the mean divided by `n`. The sum is one, so it is what is fitted;
    dividing its values and standard errors by `n` gives those of the mean.

    Parameters
    ----------
    mean : xarray.DataArray
        Mean spectrum, dims ``(dim,)``.
    n : int
        Number of spectra.
    options : mapping
        Keyword arguments of `mi_widgets.peaks.fit_peaks`, for one spectrum.

    Returns
    -------
    xarray.Dataset
        As from `fit_peaks`, with the attribute ``n_spectra_summed``; ``deviance`` is that of the sum.
    """
    from mi_widgets.peaks import fit_peaks

    units = str(mean.attrs.get("units", "1") or "1")
    total = (mean.astype(float) * n).assign_attrs(mean.attrs | {"units": _SUMMED})
    fit = fit_peaks(total, **_for_sum(options, n))
    return _per_spectrum(fit, n, units)


def _for_sum(options: Mapping[str, Any], n: int) -> dict[str, Any]:
    out = dict(options)
    if isinstance(out.get("noise"), int | float):
        out["noise"] = out["noise"] * sqrt(n)
    if isinstance(out.get("noise"), Mapping):
        out["noise"] = {"gain": out["noise"]["gain"], "read": out["noise"].get("read", 0.0) * sqrt(n)}
    for name in ("bounds", "start"):
        out[name] = {
            k: _times(v, n) if k == "amplitude" or k in _LEVELS else v for k, v in (out.get(name) or {}).items()
        }
        out[name] = out[name] or None
    ties = {
        k: v * n if isinstance(v, int | float) and (k.endswith("amplitude") or k in _LEVELS) else v
        for k, v in (out.get("ties") or {}).items()
    }
    return out | {"ties": ties or None}


def _times(value: Any, n: int) -> Any:
    if isinstance(value, list | tuple):
        return [_times(v, n) for v in value]
    return None if value is None else value * n


def _per_spectrum(fit: xr.Dataset, n: int, units: str) -> xr.Dataset:
    out = {}
    for name, da in fit.data_vars.items():
        given = str(da.attrs.get("units", "1"))
        power = given.count(_SUMMED)
        unit = " * ".join(u for u in given.replace(_SUMMED, units).split(" * ") if u != "1") or "1"
        out[name] = (da / n**power if power else da).assign_attrs(da.attrs | {"units": unit})
    fit = fit.assign(out)
    fit.attrs["n_spectra_summed"] = n
    # the variance of a mean of counts is gain / n times the mean: so residuals come out in their standard deviations
    fit.attrs["noise_gain"] = float(fit.attrs.get("noise_gain", 1.0)) / n
    if "noise_read" in fit.attrs:
        fit.attrs["noise_read"] = float(fit.attrs["noise_read"]) / sqrt(n)
    return fit
