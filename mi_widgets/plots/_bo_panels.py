"""Leave-one-out with its calibration, and two objectives with their front."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.plots._bo_columns import calibration, staircase
from mi_widgets.plots._bo_marks import BEST_COLOR, LINES, NEXT_COLOR, TOLD_COLOR
from mi_widgets.plots._style import BACKGROUND_COLOR, PEAK_COLORS, figure_style, nice_unit, plain, text_of

__all__ = ["front_picture", "parity_pictures", "room_for"]


def parity_pictures(diagnosis: xr.Dataset, title: str, size: int) -> hv.Layout:
    """Told and predicted values; shares of them within error bars."""
    value, predicted = diagnosis["value"], diagnosis["predicted"]
    error = diagnosis["predicted_stderr"].values
    ends = room_for(np.concatenate([value.values, predicted.values - error, predicted.values + error]))
    dims = [hv.Dimension("told", label=text_of(value))], [hv.Dimension("guess", label=text_of(predicted))]
    line = hv.Curve((ends, ends), *dims, label="equal").opts(color=BACKGROUND_COLOR, line_width=1.5, **LINES)
    bars = hv.ErrorBars((value.values, predicted.values, error), dims[0], [*dims[1], "error"], label="error bars")
    dots = hv.Scatter((value.values, predicted.values), *dims, label="trials")
    q2 = float(diagnosis["q2"])
    left = hv.Overlay([line, bars.opts(line_color=PEAK_COLORS[4], upper_head=None, lower_head=None, **LINES),
                       dots.opts(color=PEAK_COLORS[0], line_color="white", size=8, **LINES)])  # fmt: skip
    common: dict[str, Any] = {"frame_width": size, "frame_height": size, "show_grid": True, "backend": "bokeh",
                              "show_legend": False, "hooks": [figure_style]}  # fmt: skip
    left = left.opts(xlim=ends, ylim=ends, title=title or f"left out in turn: q² {q2:.2f}", **common)
    expected, found = calibration(diagnosis["residual"].values)
    axes = [hv.Dimension("expected", label="expected share")], [hv.Dimension("found", label="share of the trials")]
    line = hv.Curve(([0, 1], [0, 1]), *axes, label="right").opts(color=BACKGROUND_COLOR, line_width=1.5, **LINES)
    curve = hv.Curve((expected, found), *axes, label="calibration")
    inside = float(diagnosis["coverage_95"])
    right = hv.Overlay([line, curve.opts(color=PEAK_COLORS[0], line_width=2.5, interpolation="steps-post", **LINES)])
    right = right.opts(xlim=(0, 1), ylim=(0, 1.02), title=f"calibration: {100 * inside:.0f} % in 95 %", **common)
    return (left + right).opts(shared_axes=False, toolbar=None, backend="bokeh")


def front_picture(
    trials: xr.Dataset, front: xr.Dataset, belief: xr.Dataset | None, goal: tuple[str, str], title: str, height: int
) -> hv.Overlay:
    """Told values of two objectives, and the staircase of those that none beats in both."""
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
        xlim=room_for(shown[:, 0]), ylim=room_for(shown[:, 1]), show_legend=True, legend_position="top",
        title=title, height=height, hooks=[figure_style], responsive=True, min_width=300,
        show_grid=True, backend="bokeh",
    )  # fmt: skip


def room_for(values: np.ndarray) -> tuple[float, float]:
    """Ends of an axis that shows all values with some room."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    pad = 0.06 * (high - low) or abs(low) * 0.05 or 0.5
    return low - pad, high + pad
