"""The map of a pool: every candidate at its place, what is believed of it as colour, what was told as marks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models import (
    BasicTicker,
    BoxSelectTool,
    FixedTicker,
    HoverTool,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    ResetTool,
    WheelZoomTool,
)  # fmt: skip
from bokeh.models.annotations import ColorBar

from mi_widgets.plots._bo_grid import PoolGrid, levels_of
from mi_widgets.plots._bo_marks import BEST_COLOR, NEXT_COLOR, TOLD_COLOR, Axis
from mi_widgets.plots._dos_frames import map_frame
from mi_widgets.plots._style import MISSING_COLOR, PIN_COLOR, is_signed, palette, plain
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, drawn_around, pixel_scale, set_range, shift_held
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._view import View

__all__ = ["Paint", "PoolMap"]

HEIGHT = 400
_MOST_DOTS = 3000  # of more candidates a raster is drawn
_MOST_PIXELS = 256  # of a raster along one axis
_REACH = 9.0  # pixels
_MARKS: Mapping[str, Mapping[str, Any]] = {
    "why": {"size": 19, "fill_alpha": 0.0, "line_color": "#d55e00", "line_width": 2.0},
    "chosen": {"size": 21, "fill_color": CHOSEN_COLOR, "fill_alpha": 0.45, "line_color": "#9c7400", "line_width": 2.5},
    "excluded": {"marker": "x", "size": 7, "line_color": "#8a939c", "fill_color": None},
    "pending": {"marker": "square", "size": 10, "fill_color": PIN_COLOR, "line_color": "white"},
    "next": {"marker": "diamond", "size": 15, "fill_color": NEXT_COLOR, "line_color": "white", "line_width": 1.2},
    "best": {"marker": "star", "size": 20, "fill_color": BEST_COLOR, "line_color": "black"},
}


@dataclass(frozen=True)
class Paint:
    """What colours the map.

    Attributes
    ----------
    values : (N,)
        NaN where there is nothing.
    how : {"min", "max"}
        Which of several candidates in one place is shown.
    inside : (N,) bool or None
        Candidates that are drawn.
    limits : (float, float)
        Of the colours.
    label : str
        What it is, with its unit.
    told : bool
        Told values are of the same kind, and coloured alike.
    """

    values: np.ndarray
    how: Any
    inside: np.ndarray | None
    limits: tuple[float, float]
    label: str
    told: bool


class PoolMap:
    """The view of the map.

    Parameters
    ----------
    lock : AppLock
        Lock of the application.
    on_candidates : callable
        Called with places in the pool and whether they are added to those chosen before.
    on_key : callable
        Called with the name of an arrow key.
    on_error : callable
        Called with what a callback raised.
    """

    def __init__(
        self,
        *,
        lock: AppLock,
        on_candidates: Callable[[np.ndarray, bool], None],
        on_key: Callable[[str], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_candidates = on_candidates
        self._x = self._y = np.empty(0)
        self._grid: PoolGrid | None = None
        self._raster = False
        self._marked: dict[str, np.ndarray] = {}
        self._lines: tuple[int | None, np.ndarray, np.ndarray] = (None, np.empty(0, dtype=int), np.empty(0))
        self.paint: Paint | None = None
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_key(lambda key, _: on_key(key) if key.startswith("Arrow") else None)
        self.view.add_class("mi-pool")

    @property
    def xy(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the candidates."""
        return self._x, self._y

    @property
    def is_raster(self) -> bool:
        """Cells are drawn in place of candidates: one of several stands for the others."""
        return self._raster

    def place(self, x: Axis, y: Axis, *, keep: bool = False) -> None:
        """Put the candidates at other places, NaN where one has none; `keep` the ends of the axes."""
        self._x, self._y = x.values, y.values
        there = np.isfinite(x.values) & np.isfinite(y.values)
        self._grid = PoolGrid(x.values, y.values) if there.all() else None
        size = x.values.size
        self._pool_drawn: Any = "nothing"
        many = self._grid is not None and size > _MOST_DOTS
        lattice = self._grid is not None and levels_of(x.values) is not None and levels_of(y.values) is not None
        self._raster = many or (lattice and len(np.unique(self._grid.cell)) < 0.6 * size)  # type: ignore[union-attr]
        with self.view.lock:
            figure = self.view.figure("frame")
            for axis, range_, guide in ((x, figure.x_range, figure.xaxis[0]), (y, figure.y_range, figure.yaxis[0])):
                low, high = _ends(axis.values[there])
                if not keep:
                    set_range(range_, (low, high))
                guide.axis_label = plain(axis.text or axis.name)
                ticks = dict(axis.ticks or [])
                guide.update(
                    ticker=FixedTicker(ticks=list(ticks)) if ticks else BasicTicker(), major_label_overrides=ticks
                )
            self.explain(*self._lines)
            dots = np.empty(0) if self._raster else np.flatnonzero(there)
            self._drawn = dots.astype(np.int64)
            self.view.part("dots").handles["glyph"].size = 9 if dots.size < 400 else 6 if dots.size < 1500 else 4
            self.view.write("dots", self._dots(np.full(dots.size, np.nan, np.float32)))
            if not self._raster:
                for name in ("pool", "image", "veil"):
                    self._write_image(name, None)

    def spread(self, half: np.ndarray | None, *, keep: bool = False) -> None:
        """Draw a bar of this half length up and down at each candidate, None for none; `keep` the end of the axis."""
        at = np.empty(0, dtype=int) if half is None or self._raster else np.flatnonzero(np.isfinite(self._y))
        low, high = (self._y[at] - half[at], self._y[at] + half[at]) if half is not None else (at, at)
        self.view.write("bars", {"x": _small(self._x[at]), "low": _small(low), "high": _small(high)})
        if at.size and not keep:
            set_range(self.view.figure("frame").y_range, _ends(np.concatenate([low, high])))

    def show(self, paint: Paint, veil: np.ndarray | None, title: str) -> None:
        """Colour the candidates; those of `veil` (N,) bool are pale: they are not to be suggested."""
        self.paint = paint
        with self.view.lock:
            colors = palette(is_signed(np.asarray(paint.limits)))
            for mapper in self._mappers:
                if list(mapper.palette) != list(colors):
                    mapper.palette = list(colors)
                mapper.update(low=float(paint.limits[0]), high=float(paint.limits[1]))
            figure = self.view.figure("frame")
            figure.title.update(text=plain(title), text_font_size="13px")
            self._bar.visible = bool(np.isfinite(paint.values).any())
            if self._raster and self._grid is not None:
                image = self._grid.reduce(paint.values, paint.how, paint.inside)
                key = None if paint.inside is None else paint.inside.tobytes()
                if key != self._pool_drawn:
                    self._pool_drawn = key
                    self._write_image("pool", self._grid.reduce(np.zeros(self._x.size), "max", paint.inside))
                pale = None
                if veil is not None and veil.any():
                    open_ = self._grid.reduce(np.where(veil, 0.0, 1.0), "max", paint.inside)
                    pale = np.where(open_ == 0, 1.0, np.nan)
                self._write_image("image", image)
                self._write_image("veil", pale)
            else:
                values = np.asarray(paint.values, dtype=np.float32)[self._drawn]
                if paint.inside is not None:
                    values = np.where(paint.inside[self._drawn], values, np.float32(np.nan))
                self._write_dots(values)

    def mark(self, name: str, places: np.ndarray, inside: np.ndarray | None = None) -> None:
        """Mark candidates as ``chosen``, ``next``, ``pending``, ``best``, ``excluded`` or ``why``."""
        at = np.asarray(places, dtype=np.int64)
        if inside is not None:
            at = at[inside[at]]
        if name == "excluded":
            at = np.empty(0, dtype=np.int64) if self._raster else at
        else:
            self._marked[name] = at
        if name == "chosen":  # of many a small mark
            at = at[np.linspace(0, at.size - 1, min(at.size, _MOST_DOTS)).astype(int)]
            size, line = (21, 2.5) if at.size == 1 else (11, 1.0) if at.size < 200 else (5, 0.0)
            glyph = self.view.part(name).handles["glyph"]
            if glyph.size != size:
                glyph.update(size=size, line_width=line)
        self.view.write(name, {"x": _small(self._x[at]), "y": _small(self._y[at])})

    def tell(
        self, places: np.ndarray, values: np.ndarray, inside: np.ndarray | None,
        x: np.ndarray | None = None, y: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Mark the told candidates, in the colour of their value where colours mean that; at `x` and `y` if given."""
        at = np.asarray(places, dtype=np.int64)
        x, y = self._x[at] if x is None else x, self._y[at] if y is None else y
        if inside is not None:
            values, x, y, at = values[inside[at]], x[inside[at]], y[inside[at]], at[inside[at]]
        self._marked["told"] = at
        same = self.paint is not None and self.paint.told
        shown = values if same else np.full(at.size, np.nan)
        self.view.write("told", {"x": _small(x), "y": _small(y), "v": _small(shown)})

    def explain(self, start: int | None, ends: np.ndarray, weights: np.ndarray) -> None:
        """Draw lines from a candidate to the told ones that count most for it."""
        self._lines = (start, ends, weights)
        at = np.asarray(ends if start is not None else [], dtype=np.int64)
        alpha = np.clip(np.abs(weights[: at.size]) / max(float(np.abs(weights).max(initial=0.0)), 1e-12), 0.15, 1.0)
        x0, y0 = (np.full(at.size, v[start] if start is not None else 0.0) for v in (self._x, self._y))
        columns = {"x0": x0, "y0": y0, "x1": self._x[at], "y1": self._y[at], "a": alpha}
        self.view.write("lines", {n: _small(v) for n, v in columns.items()})
        self.view.write("why", {"x": _small(self._x[at]), "y": _small(self._y[at])})

    # ---- what the figure is made of --------------------------------------------------------------------------------

    def _picture(self) -> Any:
        frame = map_frame(np.empty((0, 2)), ("x", "y"), height=HEIGHT)
        return hv.Overlay([frame]).opts(backend="bokeh", show_legend=False)

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        self._colors = LinearColorMapper(palette=palette(False), low=0.0, high=1.0, nan_color=(0, 0, 0, 0))
        told = LinearColorMapper(palette=palette(False), low=0.0, high=1.0, nan_color="white")
        spread = LinearColorMapper(palette=palette(False), low=0.0, high=1.0, nan_color=MISSING_COLOR)
        self._mappers = (self._colors, told, spread)
        empty: dict[str, Any] = {n: [] for n in ("image", "x", "y", "dw", "dh")}
        plain_ = LinearColorMapper(palette=[MISSING_COLOR], low=0.0, high=1.0, nan_color=(0, 0, 0, 0))
        pool = figure.image("image", "x", "y", "dw", "dh", source=dict(empty), color_mapper=plain_)
        view.add("pool", figure, pool)
        image = figure.image("image", "x", "y", "dw", "dh", source=dict(empty), color_mapper=self._colors)
        view.add("image", figure, image)
        pale = LinearColorMapper(palette=["white"], low=0.0, high=1.0, nan_color=(0, 0, 0, 0))
        veil = figure.image("image", "x", "y", "dw", "dh", source=dict(empty), color_mapper=pale, global_alpha=0.72)
        view.add("veil", figure, veil)
        bars = figure.segment("x", "low", "x", "high", source={n: [] for n in ("x", "low", "high")},
                              line_color="#9aa3ab", line_width=1.5, line_alpha=0.55)  # fmt: skip
        view.add("bars", figure, bars)
        bars = figure.segment("x", "low", "x", "high", source={n: [] for n in ("x", "low", "high")},
                              line_color="#9aa3ab", line_width=1.5, line_alpha=0.55)  # fmt: skip
        view.add("bars", figure, bars)
        dots = figure.scatter(
            "x", "y", source={n: [] for n in ("x", "y", "v")}, size=6, line_color="#6b757e", line_width=0.4,
            fill_color={"field": "v", "transform": spread},
        )  # fmt: skip
        view.add("dots", figure, dots)
        lines = figure.segment("x0", "y0", "x1", "y1", source={n: [] for n in ("x0", "y0", "x1", "y1", "a")},
                               line_color="#d55e00", line_width=2, line_alpha="a")  # fmt: skip
        view.add("lines", figure, lines)
        for name in ("why", "excluded"):
            self._add_mark(view, figure, name)
        spots = figure.scatter("x", "y", source={n: [] for n in ("x", "y", "v")}, size=8, line_color="white",
                               line_width=1.5, fill_color={"field": "v", "transform": told})  # fmt: skip
        figure.scatter("x", "y", source=spots.data_source, size=10.5, fill_color=None, line_color=TOLD_COLOR)
        view.add("told", figure, spots)
        for name in ("pending", "next", "best", "chosen"):
            self._add_mark(view, figure, name)
        self._bar = ColorBar(color_mapper=self._colors, width=12, padding=4, bar_line_color=None,
                             major_tick_line_color=None, location=(0, 0))  # fmt: skip
        figure.add_layout(self._bar, "right")
        self._add_tools(figure, image)

    def _add_mark(self, view: View, figure: Any, name: str) -> None:
        view.add(name, figure, figure.scatter("x", "y", source={"x": [], "y": []}, **_MARKS[name]))

    def _add_tools(self, figure: Any, image: Any) -> None:
        box = BoxSelectTool(renderers=[], description="Drag a rectangle: choose the candidates in it")
        lasso = LassoSelectTool(renderers=[], continuous=False, description="Draw around candidates")
        hover = HoverTool(renderers=[image], tooltips=[("", "@image{0.[0000]}")], point_policy="follow_mouse",
                          description="Say the value under the pointer")  # fmt: skip
        figure.tools = [box, lasso, PanTool(), WheelZoomTool(), ResetTool(), hover]
        figure.toolbar.update(active_drag=box, active_scroll=None, active_tap=None, active_inspect=None, logo=None)
        figure.toolbar_location = "right"
        figure.update(min_border_left=62, min_border_bottom=52)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)
        figure.on_event(SelectionGeometry, self._dragged)

    def _dots(self, values: np.ndarray) -> dict[str, Any]:
        return {"x": _small(self._x[self._drawn]), "y": _small(self._y[self._drawn]), "v": values}

    def _write_dots(self, values: np.ndarray) -> None:
        self.view.write("dots", self._dots(values))  # places are the same: colours alone travel

    def _write_image(self, name: str, values: np.ndarray | None) -> None:
        if values is None or self._grid is None or not np.isfinite(values).any():
            if len(self.view.part(name).handles["source"].data["x"]):
                self.view.write(name, {n: [] for n in ("image", "x", "y", "dw", "dh")})
            return
        rows, (y0, y1) = _even(self._grid.y)
        columns, (x0, x1) = _even(self._grid.x)
        columns_ = {
            "image": [_small(values[np.ix_(rows, columns)])],
            "x": [x0],
            "y": [y0],
            "dw": [x1 - x0],
            "dh": [y1 - y0],
        }
        self.view.write(name, columns_)

    # ---- what it tells ---------------------------------------------------------------------------------------------

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None or self.paint is None:
            return
        found = self.at(event.x, event.y)
        add = shift_held(event)
        if found is not None:
            self._on_candidates(np.array([found]), add)
        elif not add:
            self._on_candidates(np.empty(0, dtype=int), False)

    def at(self, x: float, y: float) -> int | None:
        """The candidate that is meant by a place: a mark near it, else what is drawn there."""
        marked = np.concatenate([np.empty(0, dtype=np.int64), *(self._marked.get(n, []) for n in (
            "best", "next", "told", "pending"))]).astype(np.int64)  # fmt: skip
        near = self._nearest(x, y, marked)
        if near is not None or self.paint is None:
            return near
        if not self._raster or self._grid is None:
            drawn = self._drawn
            return self._nearest(x, y, drawn if self.paint.inside is None else drawn[self.paint.inside[drawn]])
        values = self.paint.values
        if not np.isfinite(values).any():  # nothing told: any candidate of the place will do
            values = np.zeros_like(values)
        at = self._grid.candidate(values, self.paint.how, self.paint.inside)
        cell = [_cell(axis, v) for axis, v in ((self._grid.y, y), (self._grid.x, x))]
        found = -1 if None in cell else int(at[tuple(cell)])
        return found if found >= 0 else None

    def _nearest(self, x: float, y: float, places: np.ndarray) -> int | None:
        if not places.size:
            return None
        per_x, per_y = pixel_scale(self.view.figure("frame"))
        away = np.hypot((self._x[places] - x) * per_x, (self._y[places] - y) * per_y)
        k = int(np.argmin(np.where(np.isfinite(away), away, np.inf)))
        return int(places[k]) if away[k] <= _REACH else None

    def _dragged(self, event: SelectionGeometry) -> None:
        inside = drawn_around(event, self._x, self._y)
        if inside is None or self.paint is None:
            return
        if self.paint.inside is not None:
            inside = inside & self.paint.inside
        self._on_candidates(np.flatnonzero(inside), False)


def _small(values: Any) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.float32)


def _cell(axis: np.ndarray, value: float) -> int | None:
    """Number of the cell at a value; None beside all of them."""
    k = int(np.argmin(np.abs(axis - value)))
    step = float(np.max(np.diff(axis))) if axis.size > 1 else 1.0
    return k if abs(axis[k] - value) <= 0.55 * step else None


def _ends(values: np.ndarray) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    levels = np.unique(values[:5000])
    step = float(np.median(np.diff(levels))) / 2 if 1 < levels.size <= _MOST_PIXELS else 0.0
    pad = max(step, 0.03 * (high - low)) or max(abs(low) * 0.05, 0.5)
    return low - pad, high + pad


def _even(axis: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """For each of some even pixels the nearest cell of an axis, and the ends of the pixels."""
    if axis.size == 1:
        return np.zeros(1, dtype=int), (float(axis[0]) - 0.5, float(axis[0]) + 0.5)
    steps = np.diff(axis)
    step = float(steps.mean())
    if np.allclose(steps, step, rtol=1e-2):
        return np.arange(axis.size), (float(axis[0]) - step / 2, float(axis[-1]) + step / 2)
    low, high = float(axis[0] - steps[0] / 2), float(axis[-1] + steps[-1] / 2)
    centres = low + (high - low) * (np.arange(_MOST_PIXELS) + 0.5) / _MOST_PIXELS
    return np.searchsorted((axis[1:] + axis[:-1]) / 2, centres), (low, high)
