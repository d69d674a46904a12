"""A map one can point at: any array over one or two dimensions, its colour scale, the pointed pixel, a region."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models import BasicTicker, FixedTicker, HoverTool

from mi_widgets.plots._style import color_limits, is_signed, palette, plain
from mi_widgets.plots.maps import map_element, plot_map
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._marks import Marks
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["MapPanel"]

MAP_SIZE = 326  # pixels; with everything around it the page fits on a laptop's screen


class MapPanel:
    """The view of one map and what it reports.

    Parameters
    ----------
    da : xarray.DataArray
        First map, dims ``(y, x)`` under any name, or one dimension.
    lock : AppLock
        Lock of the application.
    on_point : callable
        Called with labels such as ``{"y": 1.2, "x": 0.4}`` when the user clicks or uses the arrow keys.
    on_region : callable
        Called with lists of labels when the user drags a rectangle.
    on_key : callable
        Called with the name of a key that is no arrow, and whether shift was held.
    on_error : callable
        Called with what a callback raised.
    """

    def __init__(
        self,
        da: xr.DataArray,
        *,
        lock: AppLock,
        on_point: Callable[[dict[str, Any]], None],
        on_region: Callable[[dict[str, list[Any]]], None],
        on_key: Callable[[str, bool], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._point, self._region, self._other_key = on_point, on_region, on_key
        self._marked: dict[str, Any] = {}
        self._pinned: dict[str, Any] = {}
        self._shape: tuple[Any, ...] = ()
        self._axes: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.dims: tuple[str, ...] = ()
        self.view = View(self._picture(da, None, ""), lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_key(self._key)
        self.view.add_class("mi-map")

    def show(
        self,
        da: xr.DataArray,
        *,
        title: str,
        limits: tuple[float, float] | None = None,
        flags: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """Draw another map; `flags` are names and colours of whole numbers 0, 1, 2 … for a map of categories."""
        element = map_element(da.astype(np.float32))  # what the screen shows; half the bytes
        kind = (type(element), da.dims, *((da.shape,) if not isinstance(element, hv.Image) else ()), flags is None)
        limits = (-0.5, len(flags) - 0.5) if flags else limits or color_limits(da)
        with self.view.lock:
            if kind[:-1] != self._shape[:-1]:
                self._shape = kind
                self.view.show(self._picture(da, limits, title))
                self.mark(self._marked)
                self.pin(self._pinned)
            else:
                self.view.put(element)
            figure = self.view.figure("map")
            figure.title.text = plain(title)
            if da.ndim == 1:
                _set_range(figure.y_range, *color_limits(da, (0, 100)), pad=0.06)
                figure.yaxis[0].axis_label = element.vdims[0].label
                return
            self._scale(da, limits, flags)

    def _scale(self, da: xr.DataArray, limits: tuple[float, float], flags: Sequence[tuple[str, str]] | None) -> None:
        handles = self.view.part("map").handles
        mapper, bar = handles["color_mapper"], handles["colorbar"]
        if flags:
            colors: Sequence[str] = [color for _, color in flags]
            ticks = {i: plain(name) for i, (name, _) in enumerate(flags)}
            bar.update(ticker=FixedTicker(ticks=list(ticks)), major_label_overrides=ticks)
        else:
            colors = palette(is_signed(np.asarray(da.values, dtype=float)))
            if bar.major_label_overrides:
                bar.update(ticker=BasicTicker(), major_label_overrides={})
        if list(mapper.palette) != list(colors):
            mapper.palette = list(colors)
        mapper.update(low=limits[0], high=limits[1])

    def mark(self, selection: Mapping[str, Any]) -> None:
        """Draw the cross at one pixel, or the frame around a region, given by labels."""
        self._marked = {d: selection[d] for d in self.dims if d in selection}
        if len(self._marked) == len(self.dims):
            with self.view.lock:
                self._marks.point(self._ends(self._marked), [_half_step(a) for a in self._axes])

    def pin(self, selection: Mapping[str, Any]) -> None:
        """Mark the pinned pixel or region, given by labels; nothing for an empty selection."""
        self._pinned = {d: selection[d] for d in self.dims if d in selection}
        with self.view.lock:
            ends = self._ends(self._pinned) if len(self._pinned) == len(self.dims) else []
            self._marks.pin(ends, [_half_step(a) for a in self._axes])

    def _ends(self, selection: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Lowest and highest position of the selected labels along each dimension."""
        out = []
        for i, dim in enumerate(self.dims):
            where = np.flatnonzero(np.isin(self.labels[i], np.atleast_1d(selection[dim])))
            spot = self._axes[i][where] if where.size else np.array([np.nan])
            out.append((float(spot.min()), float(spot.max())))
        return out

    def _picture(self, da: xr.DataArray, limits: tuple[float, float] | None, title: str) -> hv.Element:
        self.dims = tuple(str(d) for d in da.dims)
        base = plot_map(da, limits=limits, title=title, size=MAP_SIZE)
        self._shape = (type(base), da.dims, *((da.shape,) if not isinstance(base, hv.Image) else ()), True)
        return base

    def grid(self, labels: Sequence[np.ndarray]) -> None:
        """Tell which labels can be pointed at, one array for each dimension, in the order of `dims`."""
        self.labels = [np.asarray(values) for values in labels]
        self._axes = [
            v.astype(float) if v.dtype.kind in "uif" and np.isfinite(v).all() else np.arange(v.size, dtype=float)
            for v in self.labels
        ]

    def _wire(self, view: View) -> None:
        figure = view.figure("map")
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)  # two quick clicks on two pixels are one of these
        figure.on_event(SelectionGeometry, self._dragged)
        flat = len(self.dims) == 1
        self._marks = Marks(view, figure, flat)
        hover = None
        if isinstance(view.part("map").current_frame, hv.Image):
            rows = [(name, "$y{0.[000]}" if i == 0 else "$x{0.[000]}") for i, name in enumerate(map(plain, self.dims))]
            hover = HoverTool(tooltips=[*rows, ("value", "@image{0.[0000]}")], renderers=[
                view.part("map").handles["glyph_renderer"]
            ], point_policy="follow_mouse")  # fmt: skip
        set_tools(
            figure, "width" if flat else "both", tip="Drag a region: its mean spectrum", hover=hover, location="right"
        )

    def _tapped(self, event: Tap) -> None:
        where = dict(zip(self.dims, [event.x] if len(self.dims) == 1 else [event.y, event.x], strict=True))
        point = {}
        for i, (dim, value) in enumerate(where.items()):
            axis, reach = self._axes[i], 1.5 * _half_step(self._axes[i])
            if value is None or not axis.min() - reach <= value <= axis.max() + reach:
                return
            point[dim] = self.labels[i][int(np.argmin(np.abs(axis - value)))].item()
        self._point(point)

    def _dragged(self, event: SelectionGeometry) -> None:
        box: Any = event.geometry
        if not event.final or box is None or box["type"] != "rect":
            return
        spans = [("x0", "x1")] if len(self.dims) == 1 else [("y0", "y1"), ("x0", "x1")]
        region: dict[str, list[Any]] = {}
        for i, (dim, (a, b)) in enumerate(zip(self.dims, spans, strict=True)):
            low, high = sorted((box[a], box[b]))
            inside = (self._axes[i] >= low) & (self._axes[i] <= high)
            if not inside.any():  # a rectangle smaller than a pixel still means the pixel it touches
                inside[int(np.argmin(np.abs(self._axes[i] - (low + high) / 2)))] = True
            region[dim] = self.labels[i][inside].tolist()
        self._region(region)

    def _key(self, key: str, shift: bool) -> None:
        if not key.startswith("Arrow"):
            self._other_key(key, shift)
            return
        step = {"ArrowLeft": (-1, -1), "ArrowRight": (-1, 1), "ArrowUp": (0, 1), "ArrowDown": (0, -1)}[key]
        if step[0] == 0 and len(self.dims) == 1:
            return
        point = {}
        for i, dim in enumerate(self.dims):
            labels, marked = self.labels[i], np.atleast_1d(self._marked.get(dim, self.labels[i][0]))
            at = int(np.argmax(labels == marked[0]))
            if i == step[0] % len(self.dims):
                order = 1 if self._axes[i][-1] >= self._axes[i][0] else -1
                at = int(np.clip(at + step[1] * order * (10 if shift else 1), 0, labels.size - 1))
            point[dim] = labels[at].item()
        self._point(point)


def _half_step(axis: np.ndarray) -> float:
    return float(abs(axis[-1] - axis[0]) / (axis.size - 1) / 2) if axis.size > 1 else 0.5


def _set_range(range_: Any, low: float, high: float, pad: float = 0.0) -> None:
    extra = (high - low) * pad
    range_.update(start=low - extra, end=high + extra)
