"""What pictures of a pool are put together from; views ask for all marks, so that they only change their places."""

from collections.abc import Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._bo_belief import belief_curves
from mi_widgets.plots._bo_marks import (
    check_goal,
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
from mi_widgets.plots._style import figure_style

__all__ = ["belief_picture", "pool_overlay"]


def pool_overlay(
    pool: xr.Dataset | xr.DataArray, belief: xr.Dataset | None, *, trials: xr.Dataset | None, x: str | None,
    y: str | None, color: Any, goal: str, suggested: Sequence[Any], at: Mapping[str, Any] | None = None,
    limits: tuple[float, float] | None = None, title: str = "", size: int = 520, every_mark: bool = False,
) -> hv.Overlay:  # fmt: skip
    """As `plot_pool`; with `every_mark` told, best and next are there even where they mark nothing."""
    pool = require_pool(pool, "plot_pool")
    check_goal(goal)
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
        if inside.size or every_mark:
            parts.append(mark(label, axes[0].values[inside], axes[1].values[inside]))
    return hv.Overlay(parts).opts(
        show_legend=len(parts) > 1, legend_position="bottom", frame_width=frame[0], frame_height=frame[1],
        hooks=[figure_style], backend="bokeh",
    )  # fmt: skip


def belief_picture(
    pool: xr.Dataset | xr.DataArray, belief: xr.Dataset, *, trials: xr.Dataset | None, x: str | None, y: str | None,
    field: str, goal: str, suggested: Sequence[Any], at: Mapping[str, Any] | None = None, table: Any = None,
    title: str = "", limits: tuple[float, float] | None = None, every_mark: bool = False,
) -> hv.Overlay | hv.Layout:  # fmt: skip
    """As `plot_belief`."""
    pool = require_pool(pool, "plot_belief")
    check_goal(goal)
    if not isinstance(belief, xr.Dataset) or "mean" not in belief:
        raise LabelError("plot_belief needs the result of search.posterior() or search.what_if(...).")
    if belief["mean"].ndim > 1:
        raise LabelError("plot_belief draws one objective; write belief.sel(objective=...).")
    first, second = choose_axes(pool, x, y)
    if second is not None and (y is not None or x is None):
        return pool_overlay(pool, belief, trials=trials, x=first, y=second, color=field, goal=goal, at=at,
                            suggested=suggested, title=title, limits=limits, every_mark=every_mark)  # fmt: skip
    return belief_curves(pool, belief, pool_axis(pool, first), kept_at(pool, at), goal, trials=trials, table=table,
                         suggested=places_of(pool, list(suggested)), title=title, every_mark=every_mark)  # fmt: skip


def _told(
    pool: xr.Dataset, belief: xr.Dataset | None, trials: xr.Dataset | None, goal: str
) -> tuple[np.ndarray, np.ndarray]:
    """Places of told candidates, and of the best of them where values are known."""
    nothing = np.empty(0, dtype=np.int64)
    if trials is None:
        told = belief is not None and "told" in belief
        return (np.flatnonzero(belief["told"].values) if belief is not None and told else nothing), nothing
    places = places_of(pool, trials["candidate"].values)
    value = trials["value"].values if trials["value"].ndim == 1 else trials["value"].values[:, 0]
    known = np.flatnonzero(np.isfinite(value))
    if not known.size:
        return places, nothing
    best = known[np.argmin(value[known]) if goal == "min" else np.argmax(value[known])]
    return places, places[[best]]
