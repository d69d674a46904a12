"""Searches: the pool, what is believed of it, how the trials went, and strategies beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._bo_belief import belief_curves
from mi_widgets.plots._bo_columns import calibration, expected_best, staircase
from mi_widgets.plots._bo_marks import (
    BEST_COLOR,
    LINES,
    NEXT_COLOR,
    TOLD_COLOR,
    choose_axes,
    field_of,
    kept_at,
    mark,
    places_of,
    pool_axis,
    pool_layer,
    reduction,
    require_pool,
)
from mi_widgets.plots._bo_strategies import draw_bands, draw_histograms, draw_means
from mi_widgets.plots._style import BACKGROUND_COLOR, FIT_COLOR, PEAK_COLORS, figure_style, nice_unit, plain, text_of

__all__ = [
    "plot_belief",
    "plot_convergence",
    "plot_importance",
    "plot_pareto",
    "plot_parity",
    "plot_pool",
    "plot_strategies",
]

_FRAME: dict[str, Any] = {"responsive": True, "min_width": 300, "show_grid": True, "backend": "bokeh"}


def plot_pool(
    pool: xr.Dataset,
    belief: xr.Dataset | None = None,
    *,
    trials: xr.Dataset | None = None,
    x: str | None = None,
    y: str | None = None,
    color: Any = "mean",
    goal: str = "min",
    suggested: Sequence[Any] = (),
    at: Mapping[str, Any] | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "",
    size: int = 520,
) -> hv.Overlay:
    """Draw all candidates on two of their features, coloured by a third or by what is believed of them.

    Where several candidates lie in one place, as on a grid with more features than two, the best of them is drawn
    (the largest standard deviation, the largest acquisition): nothing is hidden by what is held fixed.

    Parameters
    ----------
    pool : xarray.Dataset
        Features over ``candidate``, as ``Search.pool``.
    belief : xarray.Dataset, optional
        Of `mi_widgets.bo.Search.posterior`.
    trials : xarray.Dataset, optional
        Of `mi_widgets.bo.Search.trials`: told candidates are marked, the best of them by a star.
    x, y : str, optional
        Features on the axes; by default the first two that differ.
    color : str or xarray.DataArray
        A variable of `belief` or `pool`, ``"value"`` for told values, or an array over ``candidate`` with its unit.
    goal : {"min", "max"}
        What the best is.
    suggested : sequence of labels
        Candidates that are marked as suggested.
    at : mapping of str to value, optional
        A slice: only candidates at the nearest level of these features (within 1/40 of the range of those without
        levels).
    limits : (float, float), optional
        Ends of the colours, in the unit of `color`.
    title : str
        Text above; by default what the colours mean, with the unit.
    size : int
        Longest side of the frame in pixels.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``pool`` (points; a raster for grids and for more than 20,000 candidates), ``told``, ``best
        so far`` and ``next``.

    Raises
    ------
    LabelError
        It is no pool, or there is no such feature or candidate.
    ParameterError
        `goal` or a level in `at` is not known.

    Examples
    --------
    >>> from mi_widgets.bo import Search
    >>> search = Search({"x": range(9), "y": range(7)}, seed=0).tell([3, 40, 8], [1.0, 0.2, 0.6])
    >>> [e.label for e in plot_pool(search.pool, search.posterior(), trials=search.trials())]
    ['pool', 'told', 'best so far']
    """
    pool = require_pool(pool, "plot_pool")
    _check_goal(goal)
    first, second = choose_axes(pool, x, y)
    if second is None:
        raise LabelError("plot_pool needs two features that differ; for one, write plot_belief(pool, belief).")
    axes = pool_axis(pool, first), pool_axis(pool, second)
    values = field_of(pool, belief, trials, color)
    name = color if isinstance(color, str) else "value"
    keep = kept_at(pool, at)
    layer, frame = pool_layer(*axes, values, keep, reduction(name, goal), limits=limits, size=size, title=title)
    parts: list[Any] = [layer]
    told, best = _told(pool, belief, trials, goal)
    for label, places in (("told", told), ("best so far", best), ("next", places_of(pool, list(suggested)))):
        inside = places[keep[places]]
        if inside.size:
            parts.append(mark(label, axes[0].values[inside], axes[1].values[inside]))
    return hv.Overlay(parts).opts(
        show_legend=len(parts) > 1, legend_position="bottom", frame_width=frame[0], frame_height=frame[1],
        hooks=[figure_style], backend="bokeh",
    )  # fmt: skip


def _told(
    pool: xr.Dataset, belief: xr.Dataset | None, trials: xr.Dataset | None, goal: str
) -> tuple[np.ndarray, np.ndarray]:
    """Places of told candidates, and of the best of them where values are known."""
    nothing = np.empty(0, dtype=np.int64)
    if trials is not None:
        places = places_of(pool, trials["candidate"].values)
        value = trials["value"].values if trials["value"].ndim == 1 else trials["value"].values[:, 0]
        known = np.flatnonzero(np.isfinite(value))
        if not known.size:
            return places, nothing
        best = known[np.argmin(value[known]) if goal == "min" else np.argmax(value[known])]
        return places, places[[best]]
    return (np.flatnonzero(belief["told"].values), nothing) if belief is not None and "told" in belief else (
        nothing, nothing)  # fmt: skip


def plot_belief(
    pool: xr.Dataset,
    belief: xr.Dataset,
    *,
    trials: xr.Dataset | None = None,
    x: str | None = None,
    y: str | None = None,
    field: Literal["mean", "stderr", "acquisition"] = "mean",
    goal: str = "min",
    suggested: Sequence[Any] = (),
    at: Mapping[str, Any] | None = None,
    table: Any = None,
    title: str = "",
) -> hv.Overlay | hv.Layout:
    """Draw what a search believes: along one feature with its band and acquisition, or on two as a map.

    Parameters
    ----------
    pool : xarray.Dataset
        Features over ``candidate``, as ``Search.pool``.
    belief : xarray.Dataset
        Of `mi_widgets.bo.Search.posterior`, of one objective.
    trials : xarray.Dataset, optional
        Of `mi_widgets.bo.Search.trials`.
    x, y : str, optional
        Features on the axes. Without `y`, and for a pool with one feature, curves over `x`; else a map.
    field : {"mean", "stderr", "acquisition"}
        What a map shows.
    goal : {"min", "max"}
        What the best is.
    suggested : sequence of labels
        What is to be tried next.
    at : mapping of str to value, optional
        Levels of the other features; by default the best over all of them is drawn.
    table : array_like, shape (n_candidates,), optional
        The truth, where it is known: a dotted curve.
    title : str
        Text above.

    Returns
    -------
    holoviews.Layout or holoviews.Overlay
        Curves: ``± 2 standard deviations``, ``expected value``, ``told``, ``next`` in the unit of the search,
        and below them ``acquisition``. A map: as of `plot_pool`.

    Raises
    ------
    LabelError, ParameterError
        As `plot_pool`.

    Examples
    --------
    >>> from mi_widgets.bo import Search
    >>> search = Search({"x": range(30)}, seed=0).tell([3, 20, 8], [1.0, 0.2, 0.6])
    >>> len(plot_belief(search.pool, search.posterior(), trials=search.trials()))
    2
    """
    pool = require_pool(pool, "plot_belief")
    _check_goal(goal)
    if not isinstance(belief, xr.Dataset) or "mean" not in belief:
        raise LabelError("plot_belief needs the result of search.posterior() or search.what_if(...).")
    if belief["mean"].ndim > 1:
        raise LabelError("plot_belief draws one objective; write belief.sel(objective=...).")
    first, second = choose_axes(pool, x, y)
    if second is not None and (y is not None or x is None):
        return plot_pool(pool, belief, trials=trials, x=first, y=second, color=field, goal=goal, at=at,
                         suggested=suggested, title=title)  # fmt: skip
    return belief_curves(pool, belief, pool_axis(pool, first), kept_at(pool, at), goal, trials=trials,
                         suggested=places_of(pool, list(suggested)), table=table, title=title)  # fmt: skip


def plot_convergence(
    trials: xr.Dataset, *, goal: str = "min", table: Any = None, title: str = "", height: int = 300
) -> hv.Overlay:
    """Draw told values and the best so far over the number of the trial.

    Parameters
    ----------
    trials : xarray.Dataset
        Of `mi_widgets.bo.Search.trials`, of one objective or the first of several.
    goal : {"min", "max"}
        What the best is.
    table : array_like, optional
        Known values of the whole pool: what random draws would have found on average is drawn beside, and the best
        of the table.
    title : str
        Text above.
    height : int
        Height in pixels.

    Returns
    -------
    holoviews.Overlay
        ``told``, ``best so far`` and, with `table`, ``random, expected`` and ``best of all``; trials from 1, values in
        the unit of the search.

    Raises
    ------
    LabelError
        It is no result of `mi_widgets.bo.Search.trials`.

    Examples
    --------
    >>> from mi_widgets.bo import Search
    >>> search = Search({"x": range(30)}, seed=0).tell([3, 20, 8], [1.0, 0.2, 0.6])
    >>> [e.label for e in plot_convergence(search.trials())]
    ['best so far', 'told']
    """
    if not isinstance(trials, xr.Dataset) or not {"value", "best"} <= set(trials) or "trial" not in trials.dims:
        raise LabelError("plot_convergence needs the result of search.trials().")
    _check_goal(goal)
    value = trials["value"] if trials["value"].ndim == 1 else trials["value"].isel(objective=0)
    n = np.arange(1, value.size + 1.0)
    dims = hv.Dimension("trial", label="trial"), hv.Dimension("value", label=text_of(value))
    parts: list[Any] = []
    if table is not None:
        chance = expected_best(table, value.size, goal)
        curve = hv.Curve((n, chance), *dims, label="random, expected")
        parts.append(curve.opts(color=BACKGROUND_COLOR, line_dash="dashed", line_width=2, **LINES))
        known = np.asarray(table, dtype=float)
        edge = float(np.nanmin(known) if goal == "min" else np.nanmax(known))
        line = hv.Curve(([1.0, max(2.0, n[-1])], [edge, edge]), *dims, label="best of all")
        parts.append(line.opts(color=PEAK_COLORS[2], line_width=1.2, **LINES))
    best = hv.Curve((n, trials["best"].values), *dims, label="best so far")
    parts.append(best.opts(color=FIT_COLOR, line_width=2.5, interpolation="steps-post", **LINES))
    dots = hv.Scatter((n, value.values), *dims, label="told")
    parts.append(dots.opts(color=PEAK_COLORS[0], size=7, line_color="white", **LINES))
    shown = np.concatenate([np.asarray(p.dimension_values(1), dtype=float) for p in parts])
    return hv.Overlay(parts).opts(
        xlim=(0.0, n[-1] + 1.0), ylim=_room_for(shown), show_legend=True, legend_position="top", title=plain(title),
        height=height, hooks=[figure_style], **_FRAME,
    )  # fmt: skip


def plot_parity(diagnosis: xr.Dataset, *, title: str = "", size: int = 330) -> hv.Layout:
    """Draw each told value beside what the others say of it, and whether the error bars are right.

    Parameters
    ----------
    diagnosis : xarray.Dataset
        Of `mi_widgets.bo.Search.diagnose`.
    title : str
        Text above; by default the share of the variance that is predicted.
    size : int
        Side of each frame in pixels.

    Returns
    -------
    holoviews.Layout
        Left: ``trials`` with ``error bars`` of one standard error, in the unit of the model. Right: ``calibration``,
        the share of values within central intervals of the prediction over the share that belongs there; on the
        diagonal error bars are right, below it they are too small.

    Raises
    ------
    LabelError
        It is no result of `mi_widgets.bo.Search.diagnose`.

    Examples
    --------
    >>> from mi_widgets.bo import Search
    >>> search = Search({"x": range(30)}, seed=0).tell([3, 20, 8], [1.0, 0.2, 0.6])
    >>> len(plot_parity(search.diagnose()))
    2
    """
    if not isinstance(diagnosis, xr.Dataset) or not {"predicted", "predicted_stderr", "residual"} <= set(diagnosis):
        raise LabelError("plot_parity needs the result of search.diagnose().")
    value, predicted = diagnosis["value"], diagnosis["predicted"]
    error = diagnosis["predicted_stderr"].values
    ends = _room_for(np.concatenate([value.values, predicted.values - error, predicted.values + error]))
    dims = [hv.Dimension("told", label=text_of(value))], [hv.Dimension("guess", label=text_of(predicted))]
    line = hv.Curve((ends, ends), *dims, label="equal").opts(color=BACKGROUND_COLOR, line_width=1.5, **LINES)
    bars = hv.ErrorBars((value.values, predicted.values, error), dims[0], [*dims[1], "error"], label="error bars")
    dots = hv.Scatter((value.values, predicted.values), *dims, label="trials")
    q2 = float(diagnosis["q2"])
    left = hv.Overlay([line, bars.opts(line_color=PEAK_COLORS[4], upper_head=None, lower_head=None, **LINES),
                       dots.opts(color=PEAK_COLORS[0], line_color="white", size=8, **LINES)])  # fmt: skip
    common: dict[str, Any] = {"frame_width": size, "frame_height": size, "show_grid": True, "backend": "bokeh",
                              "show_legend": False, "hooks": [figure_style]}  # fmt: skip
    left = left.opts(xlim=ends, ylim=ends, title=plain(title or f"each left out in turn: q² = {q2:.2f}"), **common)
    expected, found = calibration(diagnosis["residual"].values)
    axes = [hv.Dimension("expected", label="expected share")], [hv.Dimension("found", label="share of the trials")]
    line = hv.Curve(([0, 1], [0, 1]), *axes, label="right").opts(color=BACKGROUND_COLOR, line_width=1.5, **LINES)
    curve = hv.Curve((expected, found), *axes, label="calibration")
    inside = float(diagnosis["coverage_95"])
    right = hv.Overlay([line, curve.opts(color=PEAK_COLORS[0], line_width=2.5, interpolation="steps-post", **LINES)])
    right = right.opts(xlim=(0, 1), ylim=(0, 1.02), title=f"{100 * inside:.0f} % within 1.96 standard errors", **common)
    return (left + right).opts(shared_axes=False, toolbar=None, backend="bokeh")


def plot_importance(importance: xr.Dataset, *, n: int = 12, title: str = "", height: int | None = None) -> hv.Bars:
    """Draw which features the value depends on, as the model sees it.

    Parameters
    ----------
    importance : xarray.Dataset
        Of `mi_widgets.bo.Search.importance`.
    n : int
        So many features are drawn, the most important ones.
    title : str
        Text above.
    height : int, optional
        Height in pixels; by default as the number of features needs it.

    Returns
    -------
    holoviews.Bars
        Share of the variance of each feature, the largest on top; beside its name the length over which the value
        changes, with the unit of the feature.

    Raises
    ------
    LabelError
        It is no result of `mi_widgets.bo.Search.importance`.

    Examples
    --------
    >>> from mi_widgets.bo import Search
    >>> search = Search({"x": range(9), "y": range(7)}, seed=0).tell([3, 40, 8], [1.0, 0.2, 0.6])
    >>> len(plot_importance(search.importance()))
    2
    """
    if not isinstance(importance, xr.Dataset) or not {"importance", "length_scale"} <= set(importance):
        raise LabelError("plot_importance needs the result of search.importance().")
    order = np.argsort(importance["importance"].values, kind="stable")[-n:]
    rows = []
    for k in order:
        one = importance.isel(feature=int(k))
        unit = nice_unit(str(one["feature_units"].values))
        length = float(one["length_scale"])
        far = f"  (over {length:.2g}{'' if unit == '1' else ' ' + unit})" if np.isfinite(length) else ""
        rows.append((plain(f"{one['feature'].values}{far}"), float(one["importance"])))
    bars = hv.Bars(rows, hv.Dimension("feature", label="feature"), hv.Dimension("share", label="share of the variance"))
    return bars.opts(
        invert_axes=True, color=PEAK_COLORS[4], line_color="white", height=height or 70 + 30 * len(rows), toolbar=None,
        ylabel="share of the variance", xlabel="", ylim=(0, 1), title=plain(title), hooks=[figure_style], **_FRAME,
    )  # fmt: skip


def plot_strategies(
    result: xr.Dataset,
    *,
    kind: Literal["trials", "mean", "best"] = "trials",
    goal: str | None = None,
    table: Any = None,
    title: str = "",
) -> hv.Overlay:
    """Draw strategies beside each other: how many trials each needs to find what is looked for.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.bo.replay`, also an unfinished one.
    kind : {"trials", "mean", "best"}
        - ``"trials"``: a histogram of the trials until it was found, one row for each strategy, as Fig. 5 of [1]_;
          searches that did not find it are the grey bar at the end
        - ``"mean"``: mean number of trials with its standard error (N_av of [2]_); an arrow where some did not find it
        - ``"best"``: best value so far over the trials, median and quartiles of the repeats; with `table` its distance
          from the best of all (the regret)
    goal : {"min", "max"}, optional
        What the best is; by default as in `result`.
    table : array_like, optional
        Known values of all candidates: what chance needs on average is drawn as a dashed line.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        One element, or a few, for each strategy; trials on an axis, values in the unit of the target.

    Raises
    ------
    LabelError
        It is no result of `mi_widgets.bo.replay`.
    ParameterError
        `kind` or `goal` is not known.

    References
    ----------
    .. [1] S. Kiyohara et al., Jpn. J. Appl. Phys. 55, 045502 (2016), doi:10.7567/JJAP.55.045502
    .. [2] A. Seko et al., Phys. Rev. Lett. 115, 205901 (2015), doi:10.1103/PhysRevLett.115.205901

    Examples
    --------
    >>> import pandas as pd
    >>> from mi_widgets.bo import replay
    >>> t = pd.DataFrame({"x": np.linspace(-1, 1, 40), "y": np.linspace(-1, 1, 40) ** 2})
    >>> found = replay(t, target="y", strategies=["random", "ei"], n_repeats=3, seed=0)
    >>> plot_strategies(found, kind="mean").opts.get("plot").kwargs["xlabel"]
    'mean number of trials'
    """
    if not isinstance(result, xr.Dataset) or not {"trials", "best", "mean_trials"} <= set(result):
        raise LabelError("plot_strategies needs the result of bo.replay(...).")
    draw = {"trials": draw_histograms, "mean": draw_means, "best": draw_bands}.get(kind)
    if draw is None:
        raise ParameterError(f"plot_strategies: kind must be 'trials', 'mean' or 'best'; got {kind!r}.")
    if goal is not None:
        _check_goal(goal)
    return draw(result, goal, table, plain(title))


def plot_pareto(
    trials: xr.Dataset,
    front: xr.Dataset,
    *,
    belief: xr.Dataset | None = None,
    goal: tuple[str, str] = ("min", "min"),
    title: str = "",
    height: int = 360,
) -> hv.Overlay:
    """Draw two objectives: what was told, and the front that nothing told beats in both.

    Parameters
    ----------
    trials : xarray.Dataset
        Of `mi_widgets.bo.Search.trials`, of two objectives.
    front : xarray.Dataset
        Of `mi_widgets.bo.Search.pareto_front`.
    belief : xarray.Dataset, optional
        Of `mi_widgets.bo.Search.posterior`: expected values of all candidates, pale.
    goal : (str, str)
        ``"min"`` or ``"max"`` of each objective.
    title : str
        Text above.
    height : int
        Height in pixels.

    Returns
    -------
    holoviews.Overlay
        ``expected``, ``front`` (a staircase), ``told`` and ``not dominated``, in the unit of the search.

    Raises
    ------
    LabelError
        There are not two objectives.

    Examples
    --------
    >>> from mi_widgets.bo import Search
    >>> search = Search({"x": range(30)}, goal={"cost": "min", "life": "max"}, seed=0)
    >>> search = search.tell([3, 20, 8], [[1.0, 2.0], [0.2, 0.5], [2.0, 1.0]])
    >>> len(plot_pareto(search.trials(), search.pareto_front(), goal=("min", "max")))
    3
    """
    two = [isinstance(ds, xr.Dataset) and ds.sizes.get("objective") == 2 for ds in (trials, front)]
    if not all(two):
        raise LabelError("plot_pareto needs search.trials() and search.pareto_front() of two objectives.")
    for one in goal:
        _check_goal(one)
    units = nice_unit(str(trials["value"].attrs.get("units", "1")))
    names = [str(v) + ("" if units == "1" else f" ({units})") for v in trials["objective"].values]
    dims = [hv.Dimension(f"o{k}", label=plain(name)) for k, name in enumerate(names)]
    parts: list[Any] = []
    if belief is not None:
        means = belief["mean"].transpose("candidate", "objective").values
        means = means[:: max(1, len(means) // 3000)]
        pale = hv.Points((means[:, 0], means[:, 1]), dims, label="expected")
        parts.append(pale.opts(color=BACKGROUND_COLOR, size=3, alpha=0.35, **LINES))
    edge = front["value"].transpose("candidate", "objective").values
    stairs = hv.Curve(staircase(edge, (goal[0], goal[1])), dims[0], dims[1], label="front")
    parts.append(stairs.opts(color=NEXT_COLOR, line_width=2, **LINES))
    told = trials["value"].transpose("trial", "objective").values
    parts.append(hv.Points((told[:, 0], told[:, 1]), dims, label="told").opts(
        color="white", line_color=TOLD_COLOR, line_width=1.4, size=8, **LINES))  # fmt: skip
    parts.append(hv.Points((edge[:, 0], edge[:, 1]), dims, label="not dominated").opts(
        color=BEST_COLOR, line_color="black", size=10, **LINES))  # fmt: skip
    shown = np.concatenate([told, edge, *([means] if belief is not None else [])])
    return hv.Overlay(parts).opts(
        xlim=_room_for(shown[:, 0]), ylim=_room_for(shown[:, 1]), show_legend=True, legend_position="top",
        title=plain(title), height=height, hooks=[figure_style], **_FRAME,
    )  # fmt: skip


def _check_goal(goal: str) -> None:
    if goal not in ("min", "max"):
        raise ParameterError(f"goal must be 'min' or 'max'; got {goal!r}.")


def _room_for(values: np.ndarray) -> tuple[float, float]:
    """Ends of an axis that shows all values with some room."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.06 * (high - low) or abs(low) * 0.05 or 0.5
    return low - pad, high + pad
