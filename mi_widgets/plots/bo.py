"""Searches: the pool, what is believed of it, how the trials went, and strategies beside each other."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._bo_columns import expected_best
from mi_widgets.plots._bo_marks import LINES, check_goal
from mi_widgets.plots._bo_overlay import belief_picture, pool_overlay
from mi_widgets.plots._bo_panels import front_picture, parity_pictures, room_for
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
    pool: xr.Dataset | xr.DataArray,
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
    pool : xarray.Dataset or xarray.DataArray
        Features over ``candidate``, as ``Search.pool``; or an array over ``candidate`` and ``feature``.
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
    return pool_overlay(pool, belief, trials=trials, x=x, y=y, color=color, goal=goal, suggested=suggested, at=at,
                        limits=limits, title=title, size=size)  # fmt: skip


def plot_belief(
    pool: xr.Dataset | xr.DataArray,
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
    pool : xarray.Dataset or xarray.DataArray
        Features over ``candidate``, as ``Search.pool``; or an array over ``candidate`` and ``feature``.
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
    return belief_picture(pool, belief, trials=trials, x=x, y=y, field=field, goal=goal, suggested=suggested, at=at,
                          table=table, title=title)  # fmt: skip


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
    check_goal(goal)
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
        xlim=(0.0, n[-1] + 1.0), ylim=room_for(shown), show_legend=True, legend_position="top", title=plain(title),
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
    return parity_pictures(diagnosis, plain(title), size)


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
        size = f"{length:.2g}" if abs(length) < 100 else f"{float(f'{length:.2g}'):.0f}"
        far = f"  (over {size}{'' if unit == '1' else ' ' + unit})" if np.isfinite(length) else ""
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
        check_goal(goal)
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
        check_goal(one)
    return front_picture(trials, front, belief, goal, plain(title), height)
