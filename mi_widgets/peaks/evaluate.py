"""From a fit back to curves, and to lmfit for a closer look at one spectrum."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import require_axis
from mi_widgets.peaks._checks import require_same_labels
from mi_widgets.peaks._engines._numpy import background_values, peak_values
from mi_widgets.peaks._engines._numpy import model as model_values
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._ties import EQUAL

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
        ``residual_normalized`` (in standard deviations: of the fitted counts, of the noise where the fit knows it, or
        of the residuals themselves).

    Raises
    ------
    LabelError
        `fit` is no result of `fit_peaks`, `axis` has not its spectral dimension, or data have other labels than `fit`.

    Examples
    --------
    >>> from mi_widgets import datasets, peaks
    >>> spectra = datasets.make_spectral_map(shape=(3, 3), seed=1).spectra
    >>> fit = peaks.fit_peaks(spectra, "energy", n_peaks=2)
    >>> peaks.evaluate(fit, spectra).components.dims
    ('y', 'x', 'peak', 'energy')
    """
    problem, dim = _problem_of(fit), str(fit.attrs["spectral_dim"])
    if dim not in axis.dims:
        raise LabelError(
            f"evaluate: the fit is over {dim!r}; got an array over {tuple(axis.dims)}. Give da or da[{dim!r}]."
        )
    x = require_axis(axis, dim, who="evaluate")
    order = np.argsort(x)
    dims = tuple(str(d) for d in fit["status"].dims)
    shape = fit["status"].shape
    p = _parameters(fit, problem, dims)
    each = peak_values(problem, x[order], p)
    background = _background(problem, x[order], p, each)
    back = np.argsort(order)
    each, background = [values[:, back] for values in each], background[:, back]
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
    """Arrays instead of labelled arithmetic: this is on the way from a click on a map to the drawn spectrum."""
    dims, best = result["best_fit"].dims, result["best_fit"].values
    values = data.transpose(*dims).values
    if values.shape != best.shape:
        raise DataError(f"evaluate: the data have shape {values.shape}, the fit {best.shape}.")
    for d in dims:
        if d in fit.coords:
            require_same_labels("da", data, str(d), fit[d].values)
    residual = values.astype(float) - best
    spread = _spread(fit, best)
    if spread is None:
        along = dims.index(str(fit.attrs["spectral_dim"]))
        spread = np.sqrt(np.maximum(np.nanmean(residual**2, axis=along, keepdims=True), 1e-300))
    normalized = {"units": "1", "long_name": "residual / σ"}
    result["residual"] = (dims, residual, {"units": units, "long_name": "residual"})
    result["residual_normalized"] = (dims, residual / spread, normalized)


def _spread(fit: xr.Dataset, best: np.ndarray) -> np.ndarray | None:
    """Standard deviation of the data that the fit was made with; None where it is known from the residuals alone."""
    if "noise_sigma" in fit.attrs:
        return np.full(best.shape, float(fit.attrs["noise_sigma"]))
    counts = fit.attrs["likelihood"] == "poisson"
    if counts or "noise_gain" in fit.attrs:
        read = 0.0 if counts else float(fit.attrs.get("noise_read", 0.0))  # counts: the gain has it all
        return np.asarray(np.sqrt(np.maximum(read**2 + best * float(fit.attrs.get("noise_gain", 1.0)), 1e-12)))
    return None


def _background(problem: Problem, x: np.ndarray, p: np.ndarray, each: list[np.ndarray]) -> np.ndarray:
    """Background at x, ascending. What is made from the peaks needs the whole axis, also where x is a part of it."""
    step = float(np.diff(x).max(initial=0.0))
    low, high = problem.axis[[0, -1]]
    if not problem.model.ground.active or (x.size > 2 and x[0] <= low + step and x[-1] >= high - step):
        return background_values(problem, x, p, sum(each, np.zeros((len(p), x.size))))
    fine = np.linspace(low, high, 1024)
    whole = background_values(problem, fine, p, sum(peak_values(problem, fine, p), np.zeros((len(p), fine.size))))
    return np.stack([np.interp(x, fine, row) for row in whole])


def _parameters(fit: xr.Dataset, problem: Problem, dims: tuple[str, ...]) -> np.ndarray:
    """Parameters as the engines have them, shape ``(n_spectra, n_parameters)``."""
    model, columns = problem.model, []
    for k, shape in enumerate(model.shapes):
        columns += [fit[name].isel(peak=k).transpose(*dims).values.ravel() for name in shape.parameters]
    columns += [fit[name].transpose(*dims).values.ravel() for name in model.background_names]
    return np.stack(columns, axis=1).astype(float)


def _problem_of(fit: xr.Dataset) -> Problem:
    missing = [key for key in ("spectral_dim", "lineshape", "background", "axis_range") if key not in fit.attrs]
    if missing or "status" not in fit:
        what = f"attribute {missing[0]!r}" if missing else "variable 'status'"
        raise LabelError(
            f"this is no result of fit_peaks: it has no {what}. Keep attributes: xr.set_options(keep_attrs=True)."
        )
    shapes = str(fit.attrs["lineshape"]).split(", ")
    n_peaks = int(fit.sizes.get("peak", 1))
    model = Model.of(shapes[0] if len(shapes) == 1 else shapes, n_peaks, str(fit.attrs["background"]))
    for name in (*model.peak_names, *model.background_names):
        if name not in fit:
            raise LabelError(f"this is no whole result of fit_peaks: {name!r} is missing.")
    free = np.full(model.n_parameters, np.inf)
    return Problem(
        axis=np.asarray(fit.attrs["axis_range"], dtype=float),
        model=model,
        low=-free,
        high=free,
        poisson=fit.attrs["likelihood"] == "poisson",
        rising=bool(fit.attrs.get("background_rising", 1)),
    )


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
        Fitted by lmfit with the same ties and positions inside the axis, but without other bounds, masks or a
        noise that was given; with weights 1/sqrt(max(fit, 1)) for counts (the weighting at the optimum of the Poisson
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
    problem, dim = _problem_of(fit), str(fit.attrs["spectral_dim"])
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
    composite, params = _lmfit_model(one, problem)
    weights = None
    if problem.poisson:
        best = evaluate(one, spectrum[dim])["best_fit"].values[keep]
        weights = 1 / np.sqrt(np.maximum(best, 1.0))
    return composite.fit(y, params, x=x[keep], weights=weights, scale_covar=not problem.poisson)


def _lmfit_model(one: xr.Dataset, problem: Problem) -> tuple[Any, Any]:
    """Lmfit's model of the same curve, and its parameters at the values of the fit."""
    import lmfit

    model, (low, high) = problem.model, problem.axis
    parts = [
        getattr(lmfit.models, shape.lmfit)(prefix=f"p{k}_")
        if shape.lmfit
        else lmfit.Model(_peak_curve(problem, k), independent_vars=["x"], prefix=f"p{k}_")
        for k, shape in enumerate(model.shapes)
    ]
    values = {f"p{k}_{n}": float(one[n].isel(peak=k)) for k, s in enumerate(model.shapes) for n in s.parameters}
    ground = {name: float(one[name]) for name in model.background_names}
    if model.background == "constant":
        parts.append(lmfit.models.ConstantModel(prefix="background_"))
        values["background_c"] = ground["background_level"]
    elif model.background == "linear":
        parts.append(lmfit.models.LinearModel(prefix="background_"))
        slope = (ground["background_right"] - ground["background_left"]) / (high - low)
        values |= {"background_slope": slope, "background_intercept": ground["background_left"] - slope * low}
    elif model.background != "none":  # what lmfit has no model for is a function of ours
        parts = [lmfit.Model(_curve(problem, model.names), independent_vars=["x"])]
        values |= ground
    composite = parts[0]
    for part in parts[1:]:
        composite = composite + part
    params = composite.make_params(**values)
    for name, rule in _ties_of(one).items():
        followers = [f"p{k}_{name}" for k in model.having(name)][1:] if rule == EQUAL else [name]
        for follower in followers:
            if follower in params:
                params[follower].set(expr=f"p{model.having(name)[0]}_{name}" if rule == EQUAL else str(rule))
    for k, shape in enumerate(model.shapes):
        params[f"p{k}_center"].set(min=low, max=high)
        if shape.lmfit == "VoigtModel":  # lmfit ties it to sigma unless told otherwise
            params[f"p{k}_gamma"].set(expr="", value=values[f"p{k}_gamma"], vary=True, min=0)
        if not shape.lmfit:  # a function of ours has no limits of its own
            for name in shape.parameters:
                low_limit, high_limit = model.hard_limits(f"p{k}_{name}", 1e-3 * (high - low), problem.poisson)
                params[f"p{k}_{name}"].set(min=low_limit, max=high_limit)
            params[f"p{k}_center"].set(min=low, max=high)
    for name in model.background_names if model.ground.held else ():
        params[name].set(min=0, vary=float(one[f"{name}_stderr"]) != 0)
    return composite, params


def _ties_of(fit: xr.Dataset) -> dict[str, Any]:
    try:
        return dict(json.loads(fit.attrs["history"])["parameters"]["ties"])
    except (KeyError, TypeError, ValueError):  # a result without its history has lost its ties
        return {}


def _peak_curve(problem: Problem, k: int) -> Callable[..., np.ndarray]:
    alone = replace(problem, model=Model((problem.model.lineshapes[k],), "none"))
    return _curve(alone, alone.model.shapes[0].parameters)


def _curve(problem: Problem, names: Sequence[str]) -> Callable[..., np.ndarray]:
    def curve(x: np.ndarray, **values: float) -> np.ndarray:
        p = np.array([[values[name] for name in names]])
        return np.asarray(model_values(problem, x, p)[0])

    # lmfit reads the parameters off the signature
    known = ["x", *names]
    curve.__signature__ = Signature([Parameter(n, Parameter.POSITIONAL_OR_KEYWORD) for n in known])  # type: ignore[attr-defined]
    return curve
