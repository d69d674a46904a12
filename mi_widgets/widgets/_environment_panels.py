"""The pictures of an EnvironmentExplorer: clouds of points, the features of an atom, the course of a training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.events import RangesUpdate, Reset, Tap
from bokeh.models import BoxZoomTool, HoverTool, PanTool, ResetTool, WheelZoomTool
from bokeh.models.annotations import ColorBar, Legend, LegendItem, Span
from bokeh.models.mappers import LinearColorMapper
from bokeh.models.tickers import BasicTicker, FixedTicker

from mi_widgets.plots._potentials_frames import (
    OUTSIDE_COLOR,
    axes_frame,
    descriptor_columns,
    feature_groups,
    raster,
    step_limit,
    training_lines,
)
from mi_widgets.plots._style import PEAK_COLORS, plain
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, pixel_scale, set_range
from mi_widgets.widgets._view import View

__all__ = ["Cloud", "CloudPanel", "DescriptorPanel", "TrainingPanel"]

_MOST_DOTS = 3000  # more are drawn as an image
_MOST_RINGS = 2000
_MOST_NAMES = 8
_CELL = 3.0  # pixels of a cell of the image
MakeView = Callable[..., View]


@dataclass(frozen=True)
class Cloud:
    """What a `CloudPanel` shows.

    Attributes
    ----------
    x, y : (n,)
        Places, NaN where there is none.
    xlim, ylim : (float, float)
    labels : (str, str)
        Texts of the axes.
    title : str
    values : (n,) or None
        What colours them; None colours by how many there are in a cell.
    palette : list of str
    limits : (float, float)
        Values at the ends of the palette.
    names : list of str
        Of the values, where they are categories.
    text : str
        Beside the scale of colours.
    outside : (n,) bool
        Marked by a ring.
    bar : (n,)
        Half length of the error bars; empty for none.
    color : str
        Of dots without values.
    held : (n,) bool
        Drawn in another colour; empty for none.
    legend : list of (str, str)
        Texts and colours.
    diagonal : bool or None
        Line of equal values; False: line at zero; None: no line.
    largest : bool
        A cell shows the largest value and not the mean.
    """

    x: np.ndarray
    y: np.ndarray
    xlim: tuple[float, float] = (0.0, 1.0)
    ylim: tuple[float, float] = (0.0, 1.0)
    labels: tuple[str, str] = ("x", "y")
    title: str = ""
    values: np.ndarray | None = None
    palette: Sequence[str] = ("#3a6ea5",)
    limits: tuple[float, float] = (0.0, 1.0)
    names: Sequence[str] = ()
    text: str = ""
    outside: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    bar: np.ndarray = field(default_factory=lambda: np.zeros(0))
    color: str = "#3a6ea5"
    held: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))
    held_color: str = "#e69f00"
    diagonal: bool | None = None
    largest: bool = False
    legend: Sequence[tuple[str, str]] = ()


class CloudPanel:
    """Points: all of them can be pointed at; many are drawn as an image, those of a closer look as dots.

    Parameters
    ----------
    name : str
        In the list of exports.
    make_view : callable
        ``Study.view``.
    on_pick : callable
        Called with the position of a point.
    height : int
        In pixels.
    scale : bool
        Draw the scale of colours.
    """

    def __init__(
        self, name: str, make_view: MakeView, on_pick: Callable[[int], None], *, height: int, scale: bool = False
    ) -> None:
        self._on_pick, self._scale = on_pick, scale
        self.cloud = Cloud(np.zeros(0), np.zeros(0))
        self._marked: list[int] = []
        frame = axes_frame(("x", "y"), (0.0, 1.0), (0.0, 1.0), height=height)
        self.view = make_view(name, hv.Overlay([frame]).opts(backend="bokeh", show_legend=False), self._wire)
        self.view.add_class("mi-cloud")
        self.view.add_class(f"mi-{name}")

    def show(self, cloud: Cloud) -> None:
        """Draw another cloud."""
        old, self.cloud = self.cloud, cloud
        self._marked = [i for i in self._marked if i < cloud.x.size]
        with self.view.lock:
            figure = self.view.figure("frame")
            if (old.xlim, old.ylim) != (cloud.xlim, cloud.ylim):
                set_range(figure.x_range, cloud.xlim)
                set_range(figure.y_range, cloud.ylim)
            for axis, text in zip((figure.xaxis[0], figure.yaxis[0]), cloud.labels, strict=True):
                axis.axis_label = plain(text)
            figure.title.text = plain(cloud.title)
            ends = np.array(cloud.xlim)
            line = {None: np.full(2, np.nan), True: ends, False: np.zeros(2)}[cloud.diagonal]
            self.view.write("line", {"x": ends, "y": line})
            self._draw_scale()
            self._draw(cloud.xlim, cloud.ylim)
            rings = np.flatnonzero(cloud.outside & np.isfinite(cloud.x + cloud.y))[:_MOST_RINGS] if (
                cloud.outside.size) else np.zeros(0, dtype=int)  # fmt: skip
            self.view.write("outside", {"x": cloud.x[rings], "y": cloud.y[rings]})
        self.mark(self._marked)

    def mark(self, at: Sequence[int]) -> None:
        """Rings around points, with their error bars."""
        self._marked = list(at)
        c = self.cloud
        x, y = c.x[self._marked], c.y[self._marked]
        bar = c.bar[self._marked] if c.bar.size else np.zeros(x.size)
        bar = np.where(np.isfinite(bar), bar, 0.0)
        self.view.write("chosen", {"x": x, "y": y, "low": y - bar, "high": y + bar})

    # ---- inside ------------------------------------------------------------------------------------------------

    def _draw_scale(self) -> None:
        c = self.cloud
        low, high = c.limits
        self._mapper.update(palette=list(c.palette), low=low, high=high if high > low else low + 1e-9)
        for k, (item, dot) in enumerate(zip(self._items, self._keys, strict=False)):
            there = k < len(c.legend)
            item.update(visible=there, label={"value": plain(c.legend[k][0]) if there else ""})
            if there:
                dot.glyph.fill_color = c.legend[k][1]
        self._items[-1].visible = bool(c.outside.any())
        if self._bar is not None:
            self._bar.update(visible=c.values is not None and not c.names, title=plain(c.text))

    def _draw(self, xlim: tuple[float, float], ylim: tuple[float, float]) -> None:
        """Points within these ends: dots where they are few, else an image of all."""
        c = self.cloud
        with np.errstate(invalid="ignore"):
            inside = (c.x >= xlim[0]) & (c.x <= xlim[1]) & (c.y >= ylim[0]) & (c.y <= ylim[1])
        at = np.flatnonzero(inside)
        few = at.size <= _MOST_DOTS
        shown = at if few else at[:0]
        self.view.write("dots", {"x": c.x[shown], "y": c.y[shown], "color": self._colors(shown)})
        bar = c.bar[shown] if c.bar.size else np.zeros(shown.size)
        bar = np.where(np.isfinite(bar), bar, 0.0) if c.bar.size else bar[:0]
        ends = shown if c.bar.size else shown[:0]
        self.view.write("bars", {"x": c.x[ends], "low": c.y[ends] - bar, "high": c.y[ends] + bar})
        if few:
            cells = np.full((1, 1), np.nan, dtype=np.float32)
        else:
            per_x, per_y = pixel_scale(self.view.figure("frame"))
            current = self.view.figure("frame")
            width = per_x * (current.x_range.end - current.x_range.start)
            height = per_y * (current.y_range.end - current.y_range.start)
            shape = (max(20, int(height / _CELL)), max(20, int(width / _CELL)))
            cells = raster(c.x, c.y, xlim, ylim, shape, c.values, c.largest)
            if c.values is None:
                self._mapper.update(low=0.0, high=max(float(np.nanmax(cells, initial=0.0)), 0.5))
        self.view.write("cells", {"image": [cells], "x": [xlim[0]], "y": [ylim[0]], "dw": [xlim[1] - xlim[0]],
                                  "dh": [ylim[1] - ylim[0]]})  # fmt: skip

    def _colors(self, at: np.ndarray) -> list[str]:
        c = self.cloud
        if c.values is None:
            held = c.held[at] if c.held.size else np.zeros(at.size, dtype=bool)
            return [c.held_color if h else c.color for h in held.tolist()]
        low, high = c.limits
        n = len(c.palette)
        values = c.values[at]
        with np.errstate(invalid="ignore"):
            place = np.clip(np.floor((values - low) / max(high - low, 1e-300) * n), 0, n - 1)
        codes = np.where(np.isfinite(values), np.nan_to_num(place), n).astype(int)
        table = [*c.palette, "#b4b9be"]
        return [table[k] for k in codes.tolist()]

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        empty: list[float] = []
        self._mapper = LinearColorMapper(palette=["#3a6ea5"], low=0.0, high=1.0, nan_color="rgba(0, 0, 0, 0)")
        blank = {"image": [np.full((1, 1), np.nan, dtype=np.float32)], "x": [0.0], "y": [0.0], "dw": [1.0], "dh": [1.0]}
        layers = {
            "cells": figure.image("image", "x", "y", "dw", "dh", source=blank, color_mapper=self._mapper),
            "line": figure.line("x", "y", source={"x": empty, "y": empty}, line_color="#8a939c", line_width=1),
            "bars": figure.segment("x", "low", "x", "high", source={"x": empty, "low": empty, "high": empty},
                                   line_color="#8fa8c3", line_width=1),
            "dots": figure.scatter("x", "y", size=5, fill_color="color", fill_alpha=0.85, line_color=None,
                                   source={"x": empty, "y": empty, "color": []}),
            "outside": figure.scatter("x", "y", size=6, fill_color=OUTSIDE_COLOR, line_color="white", line_width=0.6,
                                      source={"x": empty, "y": empty}),
        }  # fmt: skip
        source = {"x": empty, "y": empty, "low": empty, "high": empty}
        ring = figure.scatter("x", "y", size=12, fill_color=CHOSEN_COLOR, fill_alpha=0.75, line_color="#111111",
                              line_width=1.6, source=source)  # fmt: skip
        figure.segment("x", "low", "x", "high", source=ring.data_source, line_color="#111111", line_width=1.6)
        layers["chosen"] = ring
        for label, renderer in layers.items():
            view.add(label, figure, renderer)
        self._bar: ColorBar | None = None
        self._keys = [figure.scatter("x", "y", size=7, line_color=None, fill_color="#3a6ea5",
                                     source={"x": [np.nan], "y": [np.nan]}) for _ in range(_MOST_NAMES)]  # fmt: skip
        self._items = [LegendItem(label="", renderers=[key], visible=False) for key in self._keys]
        self._items.append(
            LegendItem(label="outside the training domain", renderers=[layers["outside"]], visible=False)
        )
        figure.add_layout(_legend(self._items), "above")
        if self._scale:
            self._bar = ColorBar(color_mapper=self._mapper, width=12, bar_line_color=None, title_text_font_size="12px",
                                 title_text_font_style="normal", padding=6, major_label_text_font_size="11px",
                                 title_standoff=6)  # fmt: skip
            figure.add_layout(self._bar, "right")
        box = BoxZoomTool(dimensions="both", description="Drag to look closer")
        figure.tools = [box, PanTool(), WheelZoomTool(), ResetTool()]
        figure.toolbar.update(active_drag=box, active_scroll=None, active_tap=None, logo=None)
        figure.toolbar_location = "right"
        figure.xaxis[0].ticker = BasicTicker(desired_num_ticks=5)
        figure.title.text_font_size = "12px"
        figure.update(min_border_left=72, min_border_bottom=52)
        figure.on_event(Tap, self._tapped)
        figure.on_event(RangesUpdate, self._zoomed)
        figure.on_event(Reset, lambda _: self._draw(self.cloud.xlim, self.cloud.ylim))

    def _zoomed(self, event: RangesUpdate) -> None:
        ends: tuple[Any, ...] = (event.x0, event.x1, event.y0, event.y1)
        if all(isinstance(v, int | float) for v in ends) and ends[1] > ends[0] and ends[3] > ends[2]:
            self._draw((float(ends[0]), float(ends[1])), (float(ends[2]), float(ends[3])))

    def _tapped(self, event: Tap) -> None:
        c = self.cloud
        if event.x is None or event.y is None or not np.isfinite(c.x).any():
            return
        per_x, per_y = pixel_scale(self.view.figure("frame"))
        gap = np.hypot((c.x - event.x) * per_x, (c.y - event.y) * per_y)
        gap = np.where(np.isfinite(gap), gap, np.inf)
        nearest = int(np.argmin(gap))
        if gap[nearest] <= 1.5 * REACH:
            self._on_pick(nearest)


class DescriptorPanel:
    """Features of one atom as bars against the distribution of those of its element.

    Parameters
    ----------
    make_view : callable
        ``Study.view``.
    height : int
        In pixels.
    """

    def __init__(self, make_view: MakeView, *, height: int) -> None:
        self._names: tuple[str, ...] = ()
        self._edges: list[Span] = []
        frame = axes_frame(("feature", "deviation (σ of the element)"), (-1.0, 10.0), (-4.0, 4.0), height=height)
        self.view = make_view("descriptor", hv.Overlay([frame]).opts(backend="bokeh", show_legend=False), self._wire)
        self.view.add_class("mi-descriptor")

    def show(self, result: xr.Dataset | None, environment: int | None, title: str) -> None:
        """Draw an environment; None clears."""
        with self.view.lock:
            figure = self.view.figure("frame")
            figure.title.text = plain(title)
            if result is None or "feature_value" not in result:
                self._clear()
                return
            self._draw_axis(tuple(result["feature"].values.astype(str).tolist()))
            columns = descriptor_columns(result, environment)
            for label, column in columns.items():
                self.view.write(label, column)
            if environment is not None:
                band = columns["band"]
                top = step_limit(np.concatenate([columns["bars"]["y"], band["low"], band["high"]]))
                if figure.y_range.end != top:
                    set_range(figure.y_range, (-top, top))

    def _clear(self) -> None:
        for label in ("band", "bars"):
            source = self.view.part(label).handles["source"]
            if len(next(iter(source.data.values()), ())):
                self.view.write(label, {k: np.zeros(0) for k in source.data})

    def _draw_axis(self, names: tuple[str, ...]) -> None:
        if names == self._names:
            return
        self._names = names
        figure = self.view.figure("frame")
        edges, heads = feature_groups(names)
        set_range(figure.x_range, (-1.0, float(len(names))))
        middle = [(a + b - 1) / 2 for a, b in pairwise(edges)]
        figure.xaxis[0].ticker = FixedTicker(ticks=middle)
        figure.xaxis[0].major_label_overrides = {m: plain(h) for m, h in zip(middle, heads, strict=True)}
        for span, place in zip(self._edges, edges[1:-1], strict=False):
            span.update(location=place - 0.5, visible=True)
        for span in self._edges[len(edges) - 2 :]:
            span.visible = False

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        self._edges = [Span(location=0.0, dimension="height", line_color="#c3cad0", line_width=1, visible=False)
                       for _ in range(24)]  # fmt: skip
        for span in self._edges:
            figure.add_layout(span)
        keys = ("x", "left", "right", "low", "high", "inner_low", "inner_high")
        band = figure.quad("left", "right", "low", "high", source={k: [] for k in keys}, line_color=None,
                           fill_color=PEAK_COLORS[0], fill_alpha=0.2)  # fmt: skip
        inner = figure.quad("left", "right", "inner_low", "inner_high", source=band.data_source, line_color=None,
                            fill_color=PEAK_COLORS[0], fill_alpha=0.3)  # fmt: skip
        mapper = LinearColorMapper(palette=["#30363c", OUTSIDE_COLOR], low=-0.5, high=1.5)
        bars = figure.vbar("x", top="y", width=0.45, line_color=None,
                           fill_color={"field": "unusual", "transform": mapper},
                           source={k: [] for k in ("x", "y", "value", "mean", "name", "unusual")})  # fmt: skip
        view.add("band", figure, band)
        view.add("bars", figure, bars)
        said = [("", "@name"), ("value", "@value{0.0000}"), ("mean of the element", "@mean{0.0000}")]
        hover = HoverTool(renderers=[bars], mode="vline", tooltips=said, description="Say which feature it is")
        box = BoxZoomTool(dimensions="width", description="Drag to look closer")
        figure.tools = [box, ResetTool(), hover]
        figure.toolbar.update(active_drag=box, active_scroll=None, active_tap=None, active_inspect=hover, logo=None)
        figure.toolbar_location = "right"
        figure.update(min_border_left=64, min_border_bottom=40)
        items = [LegendItem(label="5 to 95 % of the element", renderers=[band]),
                 LegendItem(label="25 to 75 %", renderers=[inner])]  # fmt: skip
        figure.add_layout(_legend(items), "above")
        figure.xgrid.visible = False


class TrainingPanel:
    """Errors over the epochs of a training, as it goes on.

    Parameters
    ----------
    make_view : callable
        ``Study.view``.
    height : int
        In pixels.
    """

    MOST = 6

    def __init__(self, make_view: MakeView, *, height: int) -> None:
        frame = axes_frame(("epoch", "error (eV/atom, eV/Å)"), (0.0, 1.0), (1e-3, 1.0), height=height, logy=True)
        self.view = make_view("training", hv.Overlay([frame]).opts(backend="bokeh", show_legend=False), self._wire)
        self.view.add_class("mi-training")

    def show(self, training: xr.Dataset | None) -> None:
        """Draw what has been trained so far."""
        lines = list(training_lines(training).items())[: self.MOST]
        values = [y[np.isfinite(y) & (y > 0)] for _, (_, y) in lines]
        there = np.concatenate(values) if values else np.zeros(0)
        with self.view.lock:
            figure = self.view.figure("frame")
            for k, item in enumerate(self._items):
                name, (x, y) = lines[k] if k < len(lines) else ("", (np.zeros(0), np.zeros(0)))
                self.view.write(f"line {k}", {"x": x, "y": np.where(y > 0, y, np.nan)})
                item.update(visible=k < len(lines), label={"value": plain(name.replace("_", " "))})
            if there.size:
                set_range(figure.y_range, (float(there.min()) / 1.3, float(there.max()) * 1.3))
                last = max(float(x.max()) for _, (x, _) in lines if x.size)
                set_range(figure.x_range, (0.0, max(last, 1.0)))
            figure.title.text = "" if lines else "no training yet"

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        self._items = []
        for k in range(self.MOST):
            line = figure.line("x", "y", source={"x": [], "y": []}, line_width=2, line_color=PEAK_COLORS[k])
            view.add(f"line {k}", figure, line)
            self._items.append(LegendItem(label=f"line {k}", renderers=[line], visible=False))
        figure.add_layout(_legend(self._items), "above")
        figure.tools = [BoxZoomTool(), PanTool(), ResetTool()]
        figure.toolbar.update(active_drag=None, active_scroll=None, active_tap=None, logo=None)
        figure.toolbar_location = "right"
        figure.update(min_border_left=72)


def _legend(items: list[LegendItem]) -> Legend:
    look: dict[str, Any] = {"padding": 2, "margin": 0, "spacing": 10, "label_height": 12, "glyph_height": 12}
    look |= {"glyph_width": 18, "label_text_font_size": "11px", "label_text_color": "#2b3138"}
    look |= {"border_line_color": None, "background_fill_alpha": 0.0}
    return Legend(items=items, location="top_left", orientation="horizontal", **look)
