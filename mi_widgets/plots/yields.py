"""Pictures of a search of variables and of models of a yield: scores, parity, volcano, importance."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import PEAK_COLORS, figure_style, plain, text_of

__all__ = [
    "MODEL_COLORS",
    "plot_chosen_variables",
    "plot_nested_predictions",
    "plot_score_density",
    "plot_subset",
    "plot_volcano",
]

_LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}
_INK, _FIT, _BAR, _NEAR = "#3d4852", "#c2272d", "#9fb3c4", "#e69f00"
#: Colours of the models that are compared.
MODEL_COLORS = {"mean": "#8a939c", "lasso": PEAK_COLORS[0], "quadratic": PEAK_COLORS[1], "kernel": PEAK_COLORS[2],
                "gaussian_process": PEAK_COLORS[3], "volcano": PEAK_COLORS[5]}  # fmt: skip
_N_BINS = 60


def _options(title: str, height: int, xlabel: str, ylabel: str, **more: Any) -> dict[str, Any]:
    return {"backend": "bokeh", "height": height, "responsive": True, "min_width": 300, "show_grid": True,
            "hooks": [figure_style], "title": plain(title), "xlabel": plain(xlabel), "ylabel": plain(ylabel),
            "show_legend": False, **more}  # fmt: skip


def density_columns(result: xr.Dataset) -> dict[str, np.ndarray]:
    """Bars of the density of scores: edges of the bins, number of subsets, and of those near the best."""
    error = result["error"].values
    low, high = float(error.min()), float(np.quantile(error, 0.999))
    high = max(high, low * (1 + 1e-6) + 1e-12)
    edges = np.linspace(low, high, _N_BINS + 1)
    inside = np.minimum(error, high)
    counts = np.histogram(inside, edges)[0]
    near = np.histogram(inside[result["undecided"].values == 1], edges)[0]
    return {"left": edges[:-1], "right": edges[1:], "counts": counts, "near": near}


def plot_score_density(result: xr.Dataset, *, title: str = "", height: int = 270) -> hv.Overlay:
    """Draw how many subsets of variables have which leave-one-out error.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.screening.exhaustive_search`.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        ``subsets``, bars of the number of subsets over the error, on a logarithmic axis; ``near the best``: those
        within a standard error of the best.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> from mi_widgets.screening import exhaustive_search
    >>> ds = make_catalyst_yields()
    >>> drawn = plot_score_density(exhaustive_search(ds.features, ds.logit_yield, degree=2))
    >>> [e.label for e in drawn]
    ['subsets', 'near the best']
    """
    if not isinstance(result, xr.Dataset) or "error_without" not in result:
        raise LabelError("plot_score_density needs the result of screening.exhaustive_search.")
    bars = density_columns(result)
    dims = ["x0", "y0", "x1", "y1"]
    parts = []
    for name, counts, color in (("subsets", bars["counts"], _BAR), ("near the best", bars["near"], _NEAR)):
        base = np.full(len(counts), 0.5)
        there = counts > 0
        boxes = (bars["left"][there], base[there], bars["right"][there], counts[there].astype(float))
        tips = [("error", "@x0{0.000} to @x1{0.000}"), ("subsets", "@y1{0}")]
        element = hv.Rectangles(boxes, dims, label=name)
        parts.append(element.opts(color=color, line_color="white", line_width=0.5, hover_tooltips=tips, **_LINES))
    pad = 0.02 * float(bars["right"][-1] - bars["left"][0])
    xlim = float(bars["left"][0]) - pad, float(bars["right"][-1]) + pad
    top = 1.6 * float(max(bars["counts"].max(initial=1), 1))
    return hv.Overlay(parts).opts(
        **_options(title, height, text_of(result["error"]), "number of subsets", logy=True, xlim=xlim, ylim=(0.5, top))
    )


def _limits(values: np.ndarray, errors: np.ndarray | None = None) -> tuple[float, float]:
    errors = np.zeros_like(values) if errors is None else errors
    finite = np.isfinite(values) & np.isfinite(errors)
    if not finite.any():
        return -1.0, 1.0
    low, high = float((values - errors)[finite].min()), float((values + errors)[finite].max())
    pad = 0.06 * (high - low) or 1.0
    return low - pad, high + pad


def _bars(x: np.ndarray, y: np.ndarray, spread: np.ndarray, label: str, color: Any) -> hv.Segments:
    """Bars of one standard error."""
    segments = hv.Segments((x, y - spread, x, y + spread), ["x", "low", "x1", "high"], label=label)
    return segments.opts(color=color, line_width=1.2, alpha=0.55, **_LINES)


def plot_subset(prediction: xr.Dataset, *, title: str = "", height: int = 300) -> hv.Overlay:
    """Draw predictions of candidates that were left out beside what was measured, with error bars.

    Parameters
    ----------
    prediction : xarray.Dataset
        Of `mi_widgets.screening.predict_subset`, or of `mi_widgets.screening.compare_yield_models` for one model.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        ``diagonal``, ``error bars`` of one standard error and ``candidates``.

    Raises
    ------
    LabelError
        It is no such Dataset, or there are several models.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> from mi_widgets.screening import predict_subset
    >>> ds = make_catalyst_yields()
    >>> drawn = plot_subset(predict_subset(ds.features, ds.logit_yield, ["metal_charge"], degree=2))
    >>> [e.label for e in drawn]
    ['diagonal', 'error bars', 'candidates']
    """
    if not isinstance(prediction, xr.Dataset) or "prediction" not in prediction or prediction["prediction"].ndim != 1:
        raise LabelError("plot_subset needs the result of screening.predict_subset, or found.sel(model='kernel').")
    true, y = prediction["true"].values, prediction["prediction"].values
    spread = prediction["prediction_stderr"].values
    there = np.isfinite(y)
    both = _limits(np.concatenate([true, y[there]]), np.concatenate([np.zeros_like(true), spread[there]]))
    names = _labels(prediction["prediction"])
    dims = [hv.Dimension("x", label=text_of(prediction["true"])), hv.Dimension("y", label="predicted")]
    points = hv.Points(
        (true[there], y[there], names[there], spread[there]), dims, ["name", "spread"], label="candidates"
    )
    tips = [("candidate", "@name"), ("measured", "@x{0.00}"), ("predicted", "@y{0.00} ± @spread{0.00}")]
    line = hv.Curve((np.array(both), np.array(both)), "x", "y", label="diagonal")
    return hv.Overlay(
        [
            line.opts(color="#8a939c", line_width=1, line_dash="dashed", **_LINES),
            _bars(true[there], y[there], spread[there], "error bars", _BAR),
            points.opts(size=7, color=PEAK_COLORS[0], line_color="white", hover_tooltips=tips, **_LINES),
        ]
    ).opts(**_options(title, height, text_of(prediction["true"]), "predicted without it", xlim=both, ylim=both))


def _labels(da: xr.DataArray) -> np.ndarray:
    dim = str(da.dims[-1])
    labels = da[dim].values if dim in da.coords else np.arange(da.sizes[dim])
    return np.array([str(v) for v in labels], dtype=object)


def plot_nested_predictions(found: xr.Dataset, *, title: str = "", height: int = 300) -> hv.Overlay:
    """Draw the errors of the models that were compared, with standard errors.

    Parameters
    ----------
    found : xarray.Dataset
        Of `mi_widgets.screening.compare_yield_models`.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        ``standard errors`` and ``models``; filled in orange where the candidates cannot separate a model from the best.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> from mi_widgets.screening import compare_yield_models
    >>> ds = make_catalyst_yields(n_catalysts=30)
    >>> found = compare_yield_models(ds.features, ds.logit_yield, ["mean", "quadratic"], n_folds=3)
    >>> [e.label for e in plot_nested_predictions(found)]
    ['standard errors', 'models']
    """
    if not isinstance(found, xr.Dataset) or "chosen_share" not in found:
        raise LabelError("plot_nested_predictions needs the result of screening.compare_yield_models.")
    names = [str(n) for n in found["model"].values]
    error, spread = found["error"].values, np.nan_to_num(found["error_stderr"].values)
    y = -np.arange(len(names), dtype=float)
    color = np.where(found["undecided"].values == 1, _NEAR, _INK).astype(object)
    there = np.isfinite(error)
    segments = hv.Segments(((error - spread)[there], y[there], (error + spread)[there], y[there]),
                           ["x", "y", "x1", "y1"], label="standard errors")  # fmt: skip
    values = (error[there], y[there], np.array(names, dtype=object)[there], spread[there],
              found["r_squared"].values[there], found["coverage"].values[there], color[there])  # fmt: skip
    points = hv.Points(values, ["x", "y"], ["name", "spread", "r2", "coverage", "color"], label="models")
    tips = [("", "@name"), ("error", "@x{0.000} ± @spread{0.000}"), ("r²", "@r2{0.00}"),
            ("within two standard errors", "@coverage{0%}")]  # fmt: skip
    high = _limits(error, spread)[1]
    ticks = [(v, plain(n.replace("_", " "))) for v, n in zip(y, names, strict=True)]
    return hv.Overlay(
        [
            segments.opts(color="#7d868e", line_width=2, **_LINES),
            points.opts(size=11, color="color", line_color="white", hover_tooltips=tips, **_LINES),
        ]
    ).opts(
        **_options(title, height, text_of(found["error"]), "", xlim=(0.0, high), ylim=(-len(names) + 0.4, 0.6),
                   yticks=ticks)
    )  # fmt: skip


def plot_volcano(fit: xr.Dataset, *, percent: bool = False, title: str = "", height: int = 320) -> hv.Overlay:
    """Draw the yield over the adsorption energy that the yields let one estimate, with the error of both.

    Parameters
    ----------
    fit : xarray.Dataset
        Of `mi_widgets.screening.fit_volcano`.
    percent : bool
        Yields in percent; else their log odds, over which errors are even.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        ``volcano``, the curve; ``errors of the energy``, bars of one standard error; ``candidates``.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> from mi_widgets.screening import fit_volcano
    >>> ds = make_catalyst_yields()
    >>> drawn = plot_volcano(fit_volcano(ds.features.isel(feature=[0, 2, 4]), ds.logit_yield))
    >>> [e.label for e in drawn]
    ['volcano', 'errors of the energy', 'candidates']
    """
    if not isinstance(fit, xr.Dataset) or "weight_stderr" not in fit or "height" not in fit:
        raise LabelError("plot_volcano needs the result of screening.fit_volcano.")
    energy, spread, true = fit["energy"].values, fit["energy_stderr"].values, fit["true"].values
    xlim = _limits(energy, spread)
    grid = np.linspace(*xlim, 201)
    u = float(fit.attrs["slope"]) / (8.617333262e-5 * float(fit.attrs["temperature"])) * grid
    curve = float(fit["height"]) - np.logaddexp(u, -u)

    def shown(values: np.ndarray) -> np.ndarray:
        return 100 / (1 + np.exp(-values)) if percent else values

    ylabel = "yield (%)" if percent else "log odds of the yield"
    dims = [hv.Dimension("x", label="estimated adsorption energy above the top (eV)"), hv.Dimension("y", label=ylabel)]
    across = hv.Segments((energy - spread, shown(true), energy + spread, shown(true)), ["x", "y", "x1", "y1"],
                         label="errors of the energy")  # fmt: skip
    values = (energy, shown(true), _labels(fit["energy"]), spread, 100 / (1 + np.exp(-true)))
    points = hv.Points(values, dims, ["name", "spread", "yield"], label="candidates")
    tips = [("candidate", "@name"), ("energy", "@x{0.000} ± @spread{0.000} eV"), ("yield", "@yield{0.0} %")]
    ylim = (0.0, 100.0) if percent else _limits(np.concatenate([true, curve]))
    return hv.Overlay(
        [
            hv.Curve((grid, shown(curve)), *dims, label="volcano").opts(color=_FIT, line_width=2, **_LINES),
            across.opts(color=_BAR, line_width=1.5, **_LINES),
            points.opts(size=7, color=PEAK_COLORS[0], line_color="white", hover_tooltips=tips, **_LINES),
        ]
    ).opts(**_options(title, height, dims[0].label, ylabel, xlim=xlim, ylim=ylim))


def plot_chosen_variables(
    result: xr.Dataset, found: xr.Dataset | None = None, *, title: str = "", height: int = 320
) -> hv.Overlay:
    """Draw how much worse the best subset becomes without each variable, and in how many folds it is chosen.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.screening.exhaustive_search`.
    found : xarray.Dataset, optional
        Of `mi_widgets.screening.compare_yield_models`.
    title : str
        Text above.
    height : int
        Pixels.

    Returns
    -------
    holoviews.Overlay
        ``rise``: bars of the least error without a variable over the least error of all, less one; ``share``: points,
        for each model, of the share of folds that chose the variable.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> from mi_widgets.screening import exhaustive_search
    >>> ds = make_catalyst_yields()
    >>> drawn = plot_chosen_variables(exhaustive_search(ds.features, ds.logit_yield, degree=2))
    >>> [e.label for e in drawn]
    ['rise', 'share']
    """
    if not isinstance(result, xr.Dataset) or "error_without" not in result:
        raise LabelError("plot_chosen_variables needs the result of screening.exhaustive_search.")
    names = [str(n) for n in result["feature"].values]
    rise = 100 * (np.nan_to_num(result["error_without"].values, nan=np.inf) / float(result["error"].min()) - 1)
    top = max(float(np.max(rise[np.isfinite(rise)], initial=10.0)), 100.0 if found is not None else 10.0)
    rise = np.where(np.isfinite(rise), rise, top)
    order = np.argsort(-rise, kind="stable")
    y = np.empty(len(names))
    y[order] = -np.arange(len(names))
    bars = hv.Rectangles((np.zeros(len(y)), y - 0.36, rise, y + 0.36, np.array(names, dtype=object)),
                         ["x0", "y0", "x1", "y1"], ["name"], label="rise")  # fmt: skip
    dots = _shares(found, names, y, top)
    ticks = [(v, plain(n.replace("_", " "))) for v, n in zip(y, names, strict=True)]
    label = "least error without it: more than with all (%)"
    label += "; points: share of folds, full width is all" if found is not None else ""
    return hv.Overlay(
        [
            bars.opts(color=_BAR, line_color=None, hover_tooltips=[("", "@name"), ("more", "@x1{0} %")], **_LINES),
            dots.opts(
                size=9,
                color="color",
                line_color="white",
                alpha=0.85,
                hover_tooltips=[("", "@name"), ("chosen in", "@share{0%}")],
                **_LINES,
            ),
        ]
    ).opts(**_options(title, height, label, "", xlim=(0.0, 1.06 * top), ylim=(-len(names) + 0.4, 0.6), yticks=ticks))


def _shares(found: xr.Dataset | None, names: list[str], y: np.ndarray, top: float) -> hv.Points:
    x, at, text, share, color = [], [], [], [], []
    models = [] if found is None else [str(m) for m in found["model"].values if str(m) != "mean"]
    for k, model in enumerate(models):
        for i, name in enumerate(names):
            if found is None or name not in found["feature"].values:
                continue
            part = float(found["chosen_share"].sel(model=model, feature=name))
            if part > 0:
                x.append(part * top)
                at.append(y[i] + 0.28 - 0.56 * k / max(len(models) - 1, 1))
                text.append(f"{model.replace('_', ' ')}: {name}")
                share.append(part)
                color.append(MODEL_COLORS.get(model, _INK))
    values = (np.array(x), np.array(at), np.array(text, dtype=object), np.array(share), np.array(color, dtype=object))
    return hv.Points(values, ["x", "y"], ["name", "share", "color"], label="share")
