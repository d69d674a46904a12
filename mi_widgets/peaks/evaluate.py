"""From a fit back to curves, and to lmfit for a closer look at one spectrum."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label, require_axis
from mi_widgets.peaks._model import BACKGROUND_PARAMETERS, PEAK_PARAMETERS, Model
from mi_widgets.peaks._numpy import background_values, peak_values

if TYPE_CHECKING:
    from lmfit.model import ModelResult

__all__ = ["evaluate", "to_lmfit"]


def evaluate(fit: xr.Dataset, axis: xr.DataArray) -> xr.Dataset:
    """Curves of a fit: sum, components, background, and residuals where the data are given.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of `fit_peaks`, or a part of it such as ``fit.sel(y=3, x=5)``.
    axis : xarray.DataArray
        Where to evaluate: a coordinate (any points), or the data themselves, whose map dims must be those of `fit`.

    Returns
    -------
    xarray.Dataset
        ``best_fit`` and ``background`` over the map and the spectral dim, ``components`` also over ``peak`` (each
        peak without the background), in the unit of the data. With data also ``residual`` (data less fit) and
        ``residual_normalized`` (in standard deviations: of the fitted counts, or of the residuals themselves).

    Raises
    ------
    LabelError
        `fit` is no result of `fit_peaks`, or `axis` has not its spectral dimension.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(3, 3), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> peaks.evaluate(fit, spectra).components.dims
    ('y', 'x', 'peak', 'energy')
    """
    model, dim = _model_of(fit), str(fit.attrs["spectral_dim"])
    if dim not in axis.dims:
        raise LabelError(
            f"evaluate: the fit is over {dim!r}; got an array over {tuple(axis.dims)}. Give da or da[{dim!r}]."
        )
    x = require_axis(axis, dim, who="evaluate")
    dims = tuple(str(d) for d in fit["status"].dims)
    shape = fit["status"].shape
    columns = [_column(fit, name, k, dims) for k in range(model.n_peaks) for name in model.peak_names]
    columns += [fit[name].transpose(*dims).values.ravel() for name in model.background_names]
    p = np.stack(columns, axis=1).astype(float)
    each, at = peak_values(x, p, model.codes)
    ends = np.asarray(fit.attrs["axis_range"], dtype=float)
    background = np.broadcast_to(background_values(x, ends, p[:, at:]), (len(p), x.size))
    background = np.where(np.isfinite(p[:, :1]), background, np.nan)
    best = sum(each, background)
    units = str(fit["height"].attrs.get("units", "1"))
    out = {
        "best_fit": (dims, best, "best fit"),
        "background": (dims, background, "background"),
        "components": ((*dims, "peak"), np.stack(each, axis=1), "component"),
    }
    result = xr.Dataset(
        {
            name: ((*over, dim), values.reshape(*shape, *values.shape[1:]), {"units": units, "long_name": text})
            for name, (over, values, text) in out.items()
        },
        coords={**{k: v for k, v in fit.coords.items() if dim not in v.dims}, dim: axis[dim]},
        attrs={"title": "evaluated peak fit", "source": fit.attrs.get("source", ""), "spectral_dim": dim},
    )
    if set(axis.dims) == {*dims, dim} and axis.ndim == len(dims) + 1 and axis.name != dim:
        _add_residuals(result, fit, axis, units)
    return result


def _add_residuals(result: xr.Dataset, fit: xr.Dataset, data: xr.DataArray, units: str) -> None:
    data = data.transpose(*result["best_fit"].dims).astype(float)
    if data.shape != result["best_fit"].shape:
        raise DataError(f"evaluate: the data have shape {data.shape}, the fit {result['best_fit'].shape}.")
    residual = data - result["best_fit"].values
    if fit.attrs["likelihood"] == "poisson":
        spread = np.sqrt(np.maximum(result["best_fit"], 1e-12))
    else:
        spread = np.sqrt((residual**2).mean(fit.attrs["spectral_dim"]))
    result["residual"] = label(residual, units, "residual")
    result["residual_normalized"] = label(residual / spread, "1", "residual / σ")


def _column(fit: xr.Dataset, name: str, peak: int, dims: tuple[str, ...]) -> np.ndarray:
    return np.asarray(fit[name].isel(peak=peak).transpose(*dims).values).ravel()


def _model_of(fit: xr.Dataset) -> Model:
    missing = [key for key in ("spectral_dim", "lineshape", "background", "axis_range") if key not in fit.attrs]
    if missing or "status" not in fit:
        what = f"attribute {missing[0]!r}" if missing else "variable 'status'"
        raise LabelError(
            f"this is no result of fit_peaks: it has no {what}. Keep attributes: xr.set_options(keep_attrs=True)."
        )
    lineshape, background = str(fit.attrs["lineshape"]), str(fit.attrs["background"])
    model = Model(lineshape, int(fit.sizes.get("peak", 1)), background)
    for name in (*PEAK_PARAMETERS[lineshape], *BACKGROUND_PARAMETERS[background]):
        if name not in fit:
            raise LabelError(f"this is no whole result of fit_peaks: {name!r} is missing.")
    return model


def to_lmfit(fit: xr.Dataset, da: xr.DataArray, **pixel: Any) -> "ModelResult":
    """One spectrum as a live lmfit fit, started from our result: its report, its confidence intervals, its plots.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of `fit_peaks`.
    da : xarray.DataArray
        The data it was fitted to.
    **pixel
        Labels of the spectrum, such as ``y=1.2, x=0.4``; the nearest is taken.

    Returns
    -------
    lmfit.model.ModelResult
        Fitted by lmfit with weights 1/sqrt(max(fit, 1)) for counts (the weighting at the optimum of the Poisson
        likelihood; standard errors not scaled) or without weights. Peaks have prefixes ``p0_``, ``p1_`` …, the
        background ``background_``.

    Raises
    ------
    ParameterError
        Labels of a map dim are missing or unknown, or the fit of that spectrum failed.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(3, 3), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> peaks.to_lmfit(fit, spectra, y=0.0, x=0.0).success
    True
    """
    import lmfit

    model, dim = _model_of(fit), str(fit.attrs["spectral_dim"])
    dims = [str(d) for d in fit["status"].dims]
    if set(pixel) != set(dims):
        raise ParameterError(f"to_lmfit needs a label for each of {dims}; got {sorted(pixel)}.")
    try:
        one, spectrum = (fit.sel(pixel, method="nearest"), da.sel(pixel, method="nearest")) if pixel else (fit, da)
    except (KeyError, TypeError) as error:
        raise ParameterError(f"to_lmfit: cannot find the spectrum {pixel}: {error}") from None
    x = require_axis(spectrum, dim, who="to_lmfit")
    inside = (x >= fit.attrs["axis_range"][0]) & (x <= fit.attrs["axis_range"][1])
    keep = inside & np.isfinite(spectrum.values.astype(float))
    y = spectrum.values.astype(float)[keep]
    if not bool(np.isfinite(one["center"]).all()):
        raise ParameterError(f"to_lmfit: the spectrum at {pixel} has no fit (status {int(one['status'])}).")
    shapes = {"gaussian": "GaussianModel", "lorentzian": "LorentzianModel", "pseudo-voigt": "PseudoVoigtModel"}
    parts = [getattr(lmfit.models, shapes[model.lineshape])(prefix=f"p{k}_") for k in range(model.n_peaks)]
    values = {f"p{k}_{n}": float(one[n].isel(peak=k)) for k in range(model.n_peaks) for n in model.peak_names}
    if model.background == "constant":
        parts.append(lmfit.models.ConstantModel(prefix="background_"))
        values["background_c"] = float(one["background_level"])
    elif model.background == "linear":
        low, high = fit.attrs["axis_range"]
        parts.append(lmfit.models.LinearModel(prefix="background_"))
        slope = float(one["background_right"] - one["background_left"]) / (high - low)
        values |= {"background_slope": slope, "background_intercept": float(one["background_left"]) - slope * low}
    composite = parts[0]
    for part in parts[1:]:
        composite = composite + part
    params = composite.make_params(**values)
    for k in range(model.n_peaks):
        params[f"p{k}_center"].set(min=fit.attrs["axis_range"][0], max=fit.attrs["axis_range"][1])
    poisson = fit.attrs["likelihood"] == "poisson"
    weights = None
    if poisson:
        best = evaluate(one, spectrum[dim])["best_fit"].values[keep]
        weights = 1 / np.sqrt(np.maximum(best, 1.0))
    return composite.fit(y, params, x=x[keep], weights=weights, scale_covar=not poisson)
