"""What a search believes along one feature: mean and band above, acquisition below."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.plots._bo_grid import PoolGrid
from mi_widgets.plots._bo_marks import LINES, NEXT_COLOR, TOLD_COLOR, Axis, places_of, reduction
from mi_widgets.plots._style import BACKGROUND_COLOR, PEAK_COLORS, figure_style, plain, text_of

__all__ = ["belief_curves"]

_GREEN = PEAK_COLORS[2]


def belief_curves(
    pool: xr.Dataset, belief: xr.Dataset, axis: Axis, keep: np.ndarray, goal: str, *, trials: xr.Dataset | None,
    suggested: np.ndarray, table: Any, title: str, every_mark: bool = False,
) -> hv.Layout:  # fmt: skip
    """Two pictures below each other with one axis; where candidates share a place, the best expected one is drawn."""
    mean, std, promise = (belief[n].values.astype(float) for n in ("mean", "stderr", "acquisition"))
    grid = PoolGrid(axis.values[keep], np.zeros(int(keep.sum())), bins=600, levels=2000)
    inside = np.flatnonzero(keep)
    shown = inside[np.argsort(axis.values[inside], kind="stable")]
    if grid.x.size < inside.size:
        places = grid.candidate(mean[inside], "max" if goal == "max" else "min").ravel()
        shown = inside[places[places >= 0]]
    x = axis.values[shown]
    dims = hv.Dimension("d0", label=axis.text or axis.name), hv.Dimension("value", label=text_of(belief["mean"]))
    low, high = (mean - 2 * std)[shown], (mean + 2 * std)[shown]
    band = hv.Area((x, low, high), dims[0], [dims[1], "high"], label="± 2 standard deviations")
    line = hv.Curve((x, mean[shown]), *dims, label="expected value")
    parts: list[Any] = [
        band.opts(color=PEAK_COLORS[4], alpha=0.3, line_alpha=0, **LINES),
        line.opts(color=PEAK_COLORS[0], line_width=2.5, **LINES),
    ]
    seen = [low, high]
    if table is not None:
        truth = np.asarray(table, dtype=float)[shown]
        parts.append(hv.Curve((x, truth), *dims, label="truth, not known to the search").opts(
            color=BACKGROUND_COLOR, line_dash="dotted", line_width=2, **LINES))  # fmt: skip
        seen.append(truth)
    if trials is not None or every_mark:
        at, value = np.empty(0, dtype=np.int64), np.empty(0)
        if trials is not None:
            at, value = places_of(pool, trials["candidate"].values), trials["value"].values
        at, value = at[keep[at]], value[keep[at]]
        dots = hv.Scatter((axis.values[at], value), *dims, label="told")
        parts.append(dots.opts(color="white", line_color=TOLD_COLOR, line_width=1.5, size=8, **LINES))
        seen.append(value)
    ends = _room(np.concatenate(seen))
    where = axis.values[suggested[keep[suggested]]]
    if where.size or every_mark:
        spikes = hv.Scatter((where, np.full(where.size, ends[0])), *dims, label="next")
        parts.append(spikes.opts(marker="triangle", color=NEXT_COLOR, size=13, **LINES))
    common: dict[str, Any] = {
        "responsive": True, "min_width": 320, "show_grid": True, "hooks": [figure_style, _aligned], "backend": "bokeh",
        "xlim": (float(x.min()), float(x.max())) if np.ptp(x) else (float(x.min()) - 1, float(x.max()) + 1),
    }  # fmt: skip
    if axis.ticks:
        common["xticks"] = axis.ticks
    above = hv.Overlay(parts).opts(ylim=ends, height=270, show_legend=True, legend_position="top", xlabel="",
                                   title=plain(title), **common)  # fmt: skip
    below = _acquisition(belief, promise, grid, inside, x, shown, dims[0], where, common, every_mark)
    return (above + below).cols(1).opts(
        shared_axes=True, toolbar=None, sizing_mode="stretch_width", backend="bokeh")  # fmt: skip


def _acquisition(
    belief: xr.Dataset, promise: np.ndarray, grid: PoolGrid, inside: np.ndarray, x: np.ndarray, shown: np.ndarray,
    dim: hv.Dimension, where: np.ndarray, common: dict[str, Any], every_mark: bool,
) -> hv.Overlay:  # fmt: skip
    most = promise[shown]
    if len(shown) < inside.size:  # what is most promising in a place is what may be asked for there
        most = grid.reduce(promise[inside], reduction("acquisition", "max")).ravel()
        x = grid.x
    finite = most[np.isfinite(most)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.08 * (high - low) or 0.5
    low, high = low - pad, high + pad
    value = hv.Dimension("promise", label=text_of(belief["acquisition"]))
    area = hv.Area((x, np.full(x.size, low), most), dim, [value, "top"], label="acquisition")
    line = hv.Curve((x, most), dim, value, label="promise").opts(color=_GREEN, line_width=2, **LINES)
    parts: list[Any] = [area.opts(color=_GREEN, alpha=0.25, line_alpha=0, **LINES), line]
    if where.size or every_mark:
        lines = hv.Segments((where, np.full(where.size, low), where, np.full(where.size, high)),
                            [dim, value, "x1", "y1"], label="next trial")  # fmt: skip
        parts.append(lines.opts(color=NEXT_COLOR, line_width=2, **LINES))
    return hv.Overlay(parts).opts(ylim=(low, high), height=140, yformatter="%.2g", show_legend=False, title="",
                                  ylabel="acquisition", **common)  # fmt: skip


def _aligned(plot: Any, _element: Any) -> None:
    """HoloViews hook: both pictures begin at one place."""
    plot.state.min_border_left = 78
    plot.state.toolbar_location = None


def _room(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.07 * (high - low) or abs(low) * 0.05 or 0.5
    return low - pad, high + pad
