"""The pool on two coordinates: axes, colours, and marks for what was told, is best, is suggested."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._bo_grid import PoolGrid, Reduce, levels_of
from mi_widgets.plots._style import MISSING_COLOR, color_limits, figure_style, is_signed, palette, plain, text_of
from mi_widgets.plots.maps import map_frame

__all__ = [
    "BEST_COLOR",
    "LINES",
    "NEXT_COLOR",
    "TOLD_COLOR",
    "Axis",
    "check_goal",
    "choose_axes",
    "field_of",
    "kept_at",
    "mark",
    "places_of",
    "pool_axis",
    "pool_layer",
    "reduction",
    "require_pool",
]

#: From here on a raster is drawn in place of points.
MOST_POINTS = 20_000
TOLD_COLOR, BEST_COLOR, NEXT_COLOR = "#2b3138", "#ffb000", "#d01c8b"
LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}
_BAR = {"width": 12, "padding": 4, "bar_line_color": None, "major_tick_line_color": None}


class Axis(NamedTuple):
    """One coordinate of the candidates."""

    name: str
    values: np.ndarray
    text: str
    ticks: list[tuple[float, str]] | None
    units: str


def check_goal(goal: str) -> None:
    """Raise unless it is ``"min"`` or ``"max"``."""
    if goal not in ("min", "max"):
        raise ParameterError(f"goal must be 'min' or 'max'; got {goal!r}.")


def require_pool(pool: Any, who: str) -> xr.Dataset:
    """The pool as `Search.pool` gives it, also from an array over candidates and features, or `LabelError`."""
    if isinstance(pool, xr.DataArray) and set(pool.dims) == {"candidate", "feature"}:
        units = pool["units"].values if "units" in pool.coords else np.full(pool.sizes["feature"], "1")
        columns = pool.transpose("feature", "candidate").values
        names = pool["feature"].values.tolist()
        out = {str(n): ("candidate", v, {"units": str(u), "long_name": str(n)})
               for n, v, u in zip(names, columns, units, strict=True)}  # fmt: skip
        return xr.Dataset(out, {"candidate": pool.indexes.get("candidate", np.arange(pool.sizes["candidate"]))})
    if not isinstance(pool, xr.Dataset) or set(pool.dims) != {"candidate"} or not pool.data_vars:
        raise LabelError(
            f"{who} needs a Dataset with one variable for each feature over 'candidate', as search.pool; "
            f"got {type(pool).__name__} {dict(getattr(pool, 'sizes', {}))}."
        )
    return pool


def pool_axis(pool: xr.Dataset, name: str) -> Axis:
    """A feature as a coordinate; text becomes numbers with ticks."""
    if name not in pool.variables:
        raise LabelError(f"the pool has no feature {name!r}; it has {', '.join(map(str, pool.data_vars))}.")
    values, units = pool[name].values, str(pool[name].attrs.get("units", "1"))
    if values.dtype.kind in "biuf":
        return Axis(name, values.astype(float), text_of(pool[name]), None, units)
    words, codes = np.unique(values.astype(np.str_), return_inverse=True)
    ticks = [(float(k), plain(word)) for k, word in enumerate(words.tolist())]
    return Axis(name, codes.astype(float), text_of(pool[name]), ticks, "category")


def choose_axes(pool: xr.Dataset, x: str | None, y: str | None) -> tuple[str, str | None]:
    """The two features given, else the first that differ among the candidates; None where there is one only."""
    differ = [str(n) for n in pool.data_vars if n not in (x, y) and np.unique(pool[n].values).size > 1]
    x = x or (differ.pop(0) if differ else str(next(iter(pool.data_vars))))
    return x, y or (differ[0] if differ else None)


def field_of(pool: xr.Dataset, belief: xr.Dataset | None, trials: xr.Dataset | None, color: Any) -> xr.DataArray:
    """What colours the candidates: a variable by name, or an array over the candidates."""
    if isinstance(color, xr.DataArray):
        if color.dims != ("candidate",) or color.size != pool.sizes["candidate"]:
            raise LabelError(
                f"color must be over the {pool.sizes['candidate']} candidates; got {dict(color.sizes)}. "
                "Several objectives: color=belief['mean'].sel(objective=...)."
            )
        return color
    if color == "value" and trials is not None:
        value = np.full(pool.sizes["candidate"], np.nan)
        value[places_of(pool, trials["candidate"].values)] = trials["value"].values
        return xr.DataArray(value, dims="candidate", attrs={**trials["value"].attrs, "long_name": "told value"})
    for holder in (belief, pool):
        if holder is not None and color in holder.variables:
            return field_of(pool, belief, trials, holder[color].reset_coords(drop=True))
    there = [str(n) for h in (belief, pool) if h is not None for n in h.data_vars]
    raise LabelError(f"there is nothing called {color!r} to colour by; there are {', '.join(there[:40])}.")


def places_of(pool: xr.Dataset, labels: Any) -> np.ndarray:
    """Places of labels in the pool."""
    at = pool.indexes["candidate"].get_indexer(np.atleast_1d(labels))
    if (at < 0).any():
        raise LabelError(f"{np.atleast_1d(labels)[at < 0][0]!r} is no candidate of this pool.")
    return np.asarray(at)


def reduction(name: str, goal: str) -> Reduce:
    """What stands for several candidates in one place: the best of values, the largest of errors and promises."""
    if name in ("mean", "value", "told value") or name not in ("stderr", "acquisition", "feasible", "rank"):
        return "max" if goal == "max" else "min"
    return "min" if name == "rank" else "max"


def kept_at(pool: xr.Dataset, at: Mapping[str, Any] | None) -> np.ndarray:
    """Candidates in a slice: at the nearest level of each feature, or within a twentieth of its range."""
    keep = np.ones(pool.sizes["candidate"], dtype=bool)
    for name, wanted in (at or {}).items():
        axis = pool_axis(pool, str(name))
        if axis.ticks is not None:
            words = [word for _, word in axis.ticks]
            if str(wanted) not in words:
                raise ParameterError(f"at: {name} has no {wanted!r}; it has {', '.join(words[:20])}.")
            keep &= axis.values == words.index(str(wanted))
            continue
        away = np.abs(axis.values - float(wanted))
        room = 0.0 if _few(axis.values) else np.ptp(axis.values) / 40
        keep &= away <= max(float(away.min()), room) + 1e-12
    return keep


def pool_layer(
    x: Axis, y: Axis, values: xr.DataArray, keep: np.ndarray, how: Reduce, *,
    limits: tuple[float, float] | None = None, size: int = 520, title: str = "",
) -> tuple[hv.Element, tuple[int, int]]:  # fmt: skip
    """All candidates in their colours, as points or as a raster, with axes; and the size of its frame."""
    shown = np.asarray(values.values, dtype=float)[keep]
    px, py = x.values[keep], y.values[keep]
    raster = len(px) > MOST_POINTS
    grid = PoolGrid(px, py) if raster or (_few(px) and _few(py)) else None
    raster |= grid is not None and grid.share_filled > (0.45 if min(grid.shape) > 8 else 0.7)
    signed = is_signed(shown)
    style: dict[str, Any] = {
        "cmap": palette(signed), "clim": tuple(limits or color_limits(values[keep])), "colorbar": True,
        "colorbar_opts": _BAR, "clabel": "", "title": plain(title or text_of(values)), "backend": "bokeh",
        "hooks": [figure_style, _room], "show_grid": True,
    }  # fmt: skip
    style |= {f"{n}ticks": a.ticks for n, a in (("x", x), ("y", y)) if a.ticks}
    dims = [hv.Dimension(f"d{k}", label=a.text or a.name) for k, a in enumerate((x, y))]
    value = hv.Dimension("value", label=text_of(values) or "value")
    if raster and grid is not None:
        da = _labelled(grid, grid.reduce(shown, how), x, y)
        frame = map_frame(da, size)
        element = _raster(grid, da.values, dims, value).opts(clipping_colors={"NaN": MISSING_COLOR}, **style)
    else:
        order = np.argsort(-shown if how == "min" else shown, kind="stable")
        order = np.concatenate([order[~np.isfinite(shown[order])], order[np.isfinite(shown[order])]])
        element = hv.Points((px[order], py[order], shown[order]), dims, value, label="pool")
        small = 9 if len(px) < 300 else 6 if len(px) < 3000 else 4
        element = element.opts(color="value", show_legend=False, size=small, line_color="#6b757e", line_width=0.3,
                               clipping_colors={"NaN": MISSING_COLOR}, **style)  # fmt: skip
        frame = (size, round(0.66 * size))
        if x.units == y.units != "category" and np.ptp(px) > 0 and 0.35 < np.ptp(py) / np.ptp(px) < 1.2:
            frame = (size, round(size * np.ptp(py) / np.ptp(px)))
        xlim, ylim = (_padded(v) for v in (px, py))
        element = element.opts(xlim=xlim, ylim=ylim)
    return element.opts(frame_width=frame[0], frame_height=frame[1]), frame


def _few(values: np.ndarray) -> bool:
    """Whether an axis has levels, each with some candidates."""
    levels = levels_of(values)
    return levels is not None and levels.size <= max(2, len(values) // 3)


def _raster(grid: PoolGrid, values: np.ndarray, dims: list[hv.Dimension], value: hv.Dimension) -> hv.Element:
    if not np.isfinite(values).any():
        value = value.clone(range=(0.0, 1.0))
    edges = [_ends(a) for a in (grid.x, grid.y)]
    if all(a.size < 3 or np.allclose(np.diff(a), np.diff(a).mean(), rtol=1e-2) for a in (grid.x, grid.y)):
        (left, right), (low, high) = edges
        return hv.Image(np.flipud(values), dims, value, bounds=(left, low, right, high), label="pool")
    return hv.QuadMesh((grid.x, grid.y, values), dims, value, label="pool")


def _labelled(grid: PoolGrid, values: np.ndarray, x: Axis, y: Axis) -> xr.DataArray:
    coords = {"y": ("y", grid.y, {"units": y.units}), "x": ("x", grid.x, {"units": x.units})}
    return xr.DataArray(values, coords, ("y", "x"))


def _ends(axis: np.ndarray) -> tuple[float, float]:
    half = np.ptp(axis) / (axis.size - 1) / 2 if axis.size > 1 else 0.5
    return float(axis[0] - half), float(axis[-1] + half)


def _padded(values: np.ndarray) -> tuple[float, float]:
    pad = 0.04 * float(np.ptp(values)) or 0.5
    return float(values.min()) - pad, float(values.max()) + pad


def mark(label: str, x: np.ndarray, y: np.ndarray, dims: Sequence[Any] = ("d0", "d1")) -> hv.Points:
    """Points of one kind over the pool: ``told``, ``best`` or ``next``."""
    points = hv.Points((x, y), list(dims), label=label)
    if label == "told":
        return points.opts(color="white", line_color=TOLD_COLOR, line_width=1.4, size=7, fill_alpha=0.95, **LINES)
    if label == "best so far":
        return points.opts(marker="star", color=BEST_COLOR, line_color="black", size=19, **LINES)
    return points.opts(marker="diamond", color=NEXT_COLOR, line_color="white", line_width=1.2, size=15, **LINES)


def _room(plot: Any, _element: Any) -> None:
    """HoloViews hook: room for tick labels and the bar of colours."""
    plot.state.min_border_left, plot.state.min_border_right = 66, 96
    if "colorbar" in plot.handles:
        plot.handles["colorbar"].update(title=None, major_label_text_font_size="11px", major_label_text_color="#4a535c")
