"""Strategies beside each other: histograms of trials, their means, and bands of the best so far."""

import json
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.plots._bo_columns import Row, best_bands, expected_best, expected_trials, histogram_rows
from mi_widgets.plots._bo_marks import LINES
from mi_widgets.plots._style import BACKGROUND_COLOR, PEAK_COLORS, figure_style, nice_unit, plain, text_of

__all__ = ["draw_bands", "draw_histograms", "draw_means", "strategy_color"]

_RANDOM, _PITCH = "#5f6972", 1.36
_FRAME: dict[str, Any] = {"responsive": True, "min_width": 320, "show_grid": True, "backend": "bokeh",
                          "hooks": [figure_style]}  # fmt: skip


def strategy_color(result: xr.Dataset, name: str) -> str:
    """Colour of a strategy: grey for chance, the others in their order."""
    if name == "random":
        return _RANDOM
    names = [str(n) for n in result["strategy"].values if str(n) != "random"]
    return PEAK_COLORS[names.index(name) % len(PEAK_COLORS)]


def goal_of(result: xr.Dataset, goal: str | None) -> str:
    """What the best is, by the record of the result."""
    return goal or str(_parameters(result).get("goal", "min"))


def draw_histograms(result: xr.Dataset, goal: str | None, table: Any, title: str) -> hv.Overlay:
    """A row for each strategy; the height of a bar is the number of searches that ended there."""
    edges, rows = histogram_rows(result)
    if not _begun(rows):
        return _empty("trials until found", title)
    width = float(edges[1] - edges[0])
    most = float(max(1, *(max(int(row.counts.max(initial=0)), row.missed) for row in rows)))
    x, y = hv.Dimension("trials", label="trials until found"), hv.Dimension("row", label="searches")
    parts: list[Any] = []
    beyond = float(edges[-1]) + 0.6 * width
    end = beyond + 1.4 * width if any(row.missed for row in rows) else float(edges[-1])
    for k, row in enumerate(rows[::-1]):
        color, base = strategy_color(result, row.name), _PITCH * k
        some = row.counts > 0
        bars = (edges[:-1][some], np.full(some.sum(), base), edges[1:][some], base + row.counts[some] / most)
        parts.append(hv.Rectangles(bars, [x, y, "x1", "y1"], label=row.name).opts(
            color=color, line_color="white", **LINES))  # fmt: skip
        left = [(beyond, base, beyond + width, base + row.missed / most)] if row.missed else []
        parts.append(hv.Rectangles(left, [x, y, "x1", "y1"], label=f"{row.name}: not found").opts(
            color="#b9c0c7", line_color="white", **LINES))  # fmt: skip
        missed = f"{row.missed} not found" if row.missed else ""
        parts.append(_texts([0.995 * end], [base + 1.17], [missed], "right", f"missed {row.name}"))
        line = hv.Segments([(row.mean, base, row.mean, base + 1.0)], [x, y, "x1", "y1"], label=f"mean {row.name}")
        parts.append(line.opts(color="#2b3138", line_width=2, line_dash="dotted", **LINES))
        parts.append(
            _texts([0.004 * end], [base + 1.17], [f"{_spoken(row.name)}: {_said(row)}"], "left", f"text {row.name}")
        )
    if table is not None:
        chance = expected_trials(table, _threshold(result, table, goal), goal_of(result, goal))
        parts += _chance(chance, float(edges[-1]), _PITCH * len(rows) - 0.4, 0.6)
    ticks = [(_PITCH * k + up, f"{up * most:.0f}") for k in range(len(rows)) for up in (0.0, 1.0)]
    return hv.Overlay(parts).opts(
        xlim=(0.0, end), ylim=(-0.04, _PITCH * len(rows) - 0.05), yticks=ticks, show_legend=False, title=title,
        height=80 + 96 * len(rows), xlabel="trials until found", ylabel="number of searches", **_FRAME,
    )  # fmt: skip


def _texts(x: list[float], y: list[float], texts: list[str], align: str, label: str) -> hv.Labels:
    labels = hv.Labels((x, y, [plain(t) for t in texts]), ["trials", "row"], "text", label=label)
    return labels.opts(text_font_size="9pt", text_align=align, text_color="#2b3138", text_baseline="middle", **LINES)


def _begun(rows: list[Row]) -> bool:
    return any(np.isfinite(row.mean) for row in rows)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _said(row: Row) -> str:
    if not np.isfinite(row.mean):
        return "not run yet"
    error = f" ± {row.stderr:.1f}" if np.isfinite(row.stderr) else ""
    found = "" if row.share == 1 else f", {100 * row.share:.0f} % found"
    return f"mean {'≥ ' if row.share < 1 else ''}{row.mean:.1f}{error}{found}"


def _chance(trials: float, last: float, top: float, up: float) -> list[hv.Element]:
    if not 0 < trials <= last:
        return []
    line = hv.Curve(([trials, trials], [0.0, top]), label="chance").opts(
        color=BACKGROUND_COLOR, line_dash="dashed", line_width=2, **LINES)  # fmt: skip
    return [line, _texts([trials], [up], [f"  chance: {trials:.4g}"], "left", "chance text")]


def draw_means(result: xr.Dataset, goal: str | None, table: Any, title: str) -> hv.Overlay:
    """Mean trials with their standard error, the strategies below each other."""
    _, rows = histogram_rows(result)
    if not _begun(rows):
        return _empty("mean number of trials", title)
    x, y = hv.Dimension("trials", label="mean number of trials"), hv.Dimension("row", label="strategy")
    parts: list[Any] = []
    highest = max(row.mean + np.nan_to_num(row.stderr) for row in rows if np.isfinite(row.mean))
    if table is not None:
        chance = expected_trials(table, _threshold(result, table, goal), goal_of(result, goal))
        parts += _chance(chance, max(2.5 * highest, highest + 20), len(rows) - 0.4, -0.4)
        highest = max(highest, chance) if parts else highest
    for k, row in enumerate(rows[::-1]):
        color = strategy_color(result, row.name)
        bar = hv.Segments([(row.mean - row.stderr, k, row.mean + row.stderr, k)], [x, y, "x1", "y1"])
        parts.append(bar.relabel(f"error {row.name}").opts(color=color, line_width=3, **LINES))
        shape = "circle" if row.share == 1 else "inverted_triangle"
        dot = hv.Points(([row.mean], [k]), [x, y], label=row.name)
        angle = 0 if row.share == 1 else 90
        parts.append(dot.opts(marker=shape, angle=angle, color=color, size=11, line_color="white", **LINES))
    texts = [_said(row) for row in rows[::-1]]
    places = (np.arange(len(rows)) + 0.3).tolist()
    parts.append(_texts([row.mean for row in rows[::-1]], places, texts, "center", "means"))
    ticks = [(float(k), plain(_spoken(row.name))) for k, row in enumerate(rows[::-1])]
    return hv.Overlay(parts).opts(
        xlim=(0.0, 1.12 * highest), ylim=(-0.6, len(rows) - 0.4), yticks=ticks, show_legend=False,
        height=90 + 46 * len(rows), xlabel="mean number of trials", ylabel="", title=title, **_FRAME,
    )  # fmt: skip


def draw_bands(result: xr.Dataset, goal: str | None, table: Any, title: str) -> hv.Overlay:
    """Median of the best so far, and the band between its quartiles."""
    goal = goal_of(result, goal)
    known = None if table is None else np.asarray(table, dtype=float)
    optimum = None if known is None else float(np.nanmin(known) if goal == "min" else np.nanmax(known))
    units = nice_unit(str(result["best"].attrs.get("units", "1")))
    text = text_of(result["best"]) if optimum is None else "distance from the best" + (
        "" if units == "1" else f" ({units})")  # fmt: skip
    bands = best_bands(result, optimum)
    if not bands:
        return _empty("trial", title)
    x, y = hv.Dimension("step", label="trial"), hv.Dimension("best", label=plain(text))
    step = result["step"].values.astype(float)
    parts: list[Any] = []
    for name, (low, middle, high) in bands.items():
        color = strategy_color(result, name)
        area = hv.Area((step, low, high), x, [y, "high"], label=f"band {name}")
        parts.append(area.opts(color=color, alpha=0.16, line_alpha=0, show_legend=False, **LINES))
        curve = hv.Curve((step, middle), x, y, label=name)
        parts.append(curve.opts(color=color, line_width=2.2, **LINES))
    if known is not None and optimum is not None:
        chance = np.abs(expected_best(known, step.size, goal) - optimum)
        curve = hv.Curve((step, chance), x, y, label="chance, expected")
        parts.append(curve.opts(color=BACKGROUND_COLOR, line_dash="dashed", line_width=2, **LINES))
    every = np.concatenate([b.ravel() for b in bands.values()])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    pad = 0.05 * (high - low) or 0.5
    return hv.Overlay(parts).opts(
        xlim=(0.0, float(step[-1])), ylim=(low - pad, high + pad), show_legend=True, legend_position="top",
        height=330, xlabel="trial", title=title, **_FRAME,
    )  # fmt: skip


def _empty(xlabel: str, title: str) -> hv.Overlay:
    points = hv.Points([], ["x", "y"], label="empty").opts(**LINES)
    return hv.Overlay([points]).opts(xlim=(0, 1), ylim=(0, 1), yaxis=None, xlabel=xlabel, title=title or
                                     "nothing has been run yet", height=200, show_legend=False, **_FRAME)  # fmt: skip


def _threshold(result: xr.Dataset, table: Any, goal: str | None) -> float:
    known = np.asarray(table, dtype=float)
    best = float(np.nanmin(known) if goal_of(result, goal) == "min" else np.nanmax(known))
    return float(_parameters(result).get("threshold", best))


def _parameters(result: xr.Dataset) -> dict[str, Any]:
    try:
        found = json.loads(str(result.attrs.get("history", "{}"))).get("parameters", {})
    except (json.JSONDecodeError, AttributeError):
        return {}
    return dict(found) if isinstance(found, dict) else {}
