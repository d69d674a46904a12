"""The curves of the clusters and of the chosen sites: one can point at a curve, and drag a window of energies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.core.properties import value
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models.annotations import BoxAnnotation, Legend, LegendItem, Span

from mi_widgets.plots._dos_frames import DENSITY, curve_frame, stack_offsets
from mi_widgets.plots._dos_groups import CLUSTER_COLORS, slot_color
from mi_widgets.plots._style import plain, text_of
from mi_widgets.widgets._dos_marks import REACH, pixel_scale, set_range, shift_held
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["N_PICKED", "Curve", "CurvePanel"]

N_SLOTS, N_PICKED = len(CLUSTER_COLORS), 6
_PICK_COLOR, _WINDOW_COLOR = "#111111", "#0072b2"
_HEIGHT, _LEGEND, _LONGEST = 264, 112, 18
_MANY_COLUMNS = 12
_FINE = 400  # energies from which the ends of the bands are drawn at every second one


@dataclass(frozen=True)
class Curve:
    """One cluster in the picture.

    Attributes
    ----------
    label : int
        Its number.
    slot : int
        Its colour.
    text : str
        For the legend.
    mean, low, high : (n_energies,)
    """

    label: int
    slot: int
    text: str
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class CurvePanel:
    """The view of the curves.

    Parameters
    ----------
    lock : AppLock
        Lock of the application.
    on_cluster : callable
        Called with the number of a cluster and whether it is added to what was chosen before; with -1 for none.
    on_window : callable
        Called with two energies.
    on_error : callable
        Called with what a callback raised.
    """

    def __init__(
        self,
        *,
        lock: AppLock,
        on_cluster: Callable[[int, bool], None],
        on_window: Callable[[float, float], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_cluster, self._on_window = on_cluster, on_window
        self._energy = xr.DataArray([0.0, 1.0], dims="energy", attrs={"units": "eV", "long_name": "energy"})
        self._curves: list[Curve] = []
        self._offsets = np.zeros(0)
        self._limits: tuple[float, float] | None = None
        self._looks: list[tuple[str, str] | None] = [None] * N_SLOTS
        self._window: tuple[float | None, ...] = (None, None)
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.add_class("mi-curves")

    def frame(self, energy: xr.DataArray, xlim: tuple[float, float], zero: float) -> None:
        """Draw with another axis, a line at `zero` unless it is NaN; curves are drawn anew after it."""
        self._energy, self._curves, self._limits = energy, [], None
        x = np.asarray(energy.values, dtype=np.float32)
        nothing = np.full(x.size, np.nan, dtype=np.float32)
        with self.view.lock:
            figure = self.view.figure("frame")
            set_range(figure.x_range, xlim)
            figure.xaxis[0].axis_label = text_of(energy)
            there = bool(np.isfinite(zero))
            self._zero.update(location=float(zero) if there else 0.0, visible=there)
            for label in ("means", "bands", "picked"):
                names = [n for n in self.view.part(label).handles["source"].data if n != "x"]
                own = (self._sparse(x), self._sparse(nothing)) if label == "bands" else (x, nothing)
                self.view.write(label, {"x": own[0], **dict.fromkeys(names, own[1])})

    def show(self, curves: Sequence[Curve], *, stacked: bool, title: str) -> None:
        """Draw the curves of the clusters, the first one on top: only columns that change are sent."""
        self._curves = list(curves)
        mean = np.array([c.mean for c in curves]).reshape(len(curves), self._energy.size)
        self._offsets = stack_offsets(mean, stacked)
        nothing = np.full(self._energy.size, np.nan, dtype=np.float32)
        sparse = self._sparse(nothing)
        means, bands = {}, {}
        for i in range(N_SLOTS):
            if i >= len(curves):
                means[f"m{i}"], bands[f"l{i}"], bands[f"h{i}"] = nothing, sparse, sparse
                continue
            c, up = curves[i], self._offsets[i]
            means[f"m{i}"] = (c.mean + up).astype(np.float32)
            for name, values in (("l", c.low), ("h", c.high)):
                bands[f"{name}{i}"] = (self._sparse(values) + up).astype(np.float32)
        with self.view.lock:
            self._put("means", means)
            self._put("bands", bands)
            for i in range(N_SLOTS):
                there = i < len(curves)
                self._dress(i, (slot_color(curves[i].slot), _short(curves[i].text)) if there else None)
            figure = self.view.figure("frame")
            figure.title.text = plain(title)
            figure.yaxis[0].major_label_text_alpha = 0.0 if self._offsets.any() else 1.0  # numbers would be offsets
            tops = [float(np.nanmax(c.high, initial=0.0)) + up for c, up in zip(curves, self._offsets, strict=True)]
            self._reach(max(tops, default=1.0))

    def pick(self, sites: Sequence[tuple[str, np.ndarray, int]], labels: set[int]) -> None:
        """Draw chosen sites over them, each as (text, curve, cluster), and bring their clusters to the fore."""
        up = {c.label: self._offsets[i] for i, c in enumerate(self._curves)}
        nothing = np.full(self._energy.size, np.nan, dtype=np.float32)
        lines = {f"p{i}": nothing for i in range(N_PICKED)}
        for i, (_, curve, label) in enumerate(sites[:N_PICKED]):
            lines[f"p{i}"] = (curve + up.get(label, 0.0)).astype(np.float32)
        with self.view.lock:
            self._put("picked", lines)
            for i, item in enumerate(self._picked_items):
                item.update(visible=i < len(sites))
                if i < len(sites):
                    item.label = value(_short(sites[i][0]))
            for c, (area, line) in zip(self._curves, self._renderers, strict=False):
                faint = bool(labels) and c.label not in labels
                if faint != (line.glyph.line_alpha < 1):
                    line.glyph.line_alpha = 0.3 if faint else 1.0
                    area.glyph.fill_alpha = 0.06 if faint else 0.22

    def mark(self, window: Sequence[float | None] | None) -> None:
        """Shade what lies outside the window of energies that are compared."""
        ends = tuple(window or (None, None))
        if ends == self._window:
            return
        self._window = ends
        with self.view.lock:
            self._below.update(visible=ends[0] is not None, right=ends[0])
            self._above.update(visible=ends[1] is not None, left=ends[1])

    # ---- what the figure is made of --------------------------------------------------------------------------------

    def _sparse(self, values: np.ndarray) -> np.ndarray:
        return values[:: 2 if self._energy.size > _FINE else 1]

    def _put(self, label: str, columns: dict[str, np.ndarray]) -> None:
        """Send the columns that change; many of them as one, which is quicker."""
        data = self.view.part(label).handles["source"].data
        new = {n: v for n, v in columns.items() if not np.array_equal(data[n], v, equal_nan=True)}
        if len(new) > _MANY_COLUMNS:
            self.view.write(label, {**data, **columns})
            return
        for name, values in new.items():
            data[name] = values

    def _dress(self, i: int, look: tuple[str, str] | None) -> None:
        """Colour and text of the curve in place `i`; None hides it. Places keep theirs: to reorder a legend is slow."""
        if look == self._looks[i]:
            return
        area, line = self._renderers[i]
        before, self._looks[i] = self._looks[i], look
        if (look is None) != (before is None):
            area.visible = line.visible = self._items[i].visible = look is not None
        if look is not None:
            color, text = look
            if before is None or before[0] != color:
                area.glyph.fill_color = line.glyph.line_color = color
            if before is None or before[1] != text:
                self._items[i].label = value(text)

    def _reach(self, top: float) -> None:
        low = float(np.nanmin([np.nanmin(c.mean, initial=0.0) for c in self._curves] or [0.0]))
        top = top if np.isfinite(top) and top > 0 else 1.0
        limits = (min(low, 0.0) - 0.02 * top, 1.04 * top)
        if limits != self._limits:
            self._limits = limits
            set_range(self.view.figure("frame").y_range, limits)

    def _picture(self) -> Any:
        frame = curve_frame(self._energy, DENSITY, (0.0, 1.0), height=_HEIGHT)
        return hv.Overlay([frame]).opts(backend="bokeh", show_legend=False)

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        x = np.asarray(self._energy.values, dtype=np.float32)
        sparse, nothing = self._sparse(x), np.full(x.size, np.nan, dtype=np.float32)
        few = np.full(sparse.size, np.nan, dtype=np.float32)
        band_source = figure.varea("x", "l0", "h0", source={"x": sparse, **{
            f"{e}{i}": few for i in range(N_SLOTS) for e in "lh"}})  # fmt: skip
        mean_source = figure.line("x", "m0", source={"x": x, **{f"m{i}": nothing for i in range(N_SLOTS)}})
        pick_source = figure.line("x", "p0", source={"x": x, **{f"p{i}": nothing for i in range(N_PICKED)}})
        for label, first in (("bands", band_source), ("means", mean_source), ("picked", pick_source)):
            view.add(label, figure, first)
        figure.renderers = [r for r in figure.renderers if r not in (band_source, mean_source, pick_source)]
        self._renderers = []
        for i, color in enumerate(CLUSTER_COLORS):
            area = figure.varea("x", f"l{i}", f"h{i}", source=band_source.data_source, fill_color=color,
                                fill_alpha=0.22, visible=False)  # fmt: skip
            line = figure.line("x", f"m{i}", source=mean_source.data_source, line_color=color, line_width=2,
                               visible=False)  # fmt: skip
            self._renderers.append((area, line))
        picked = [figure.line("x", f"p{i}", source=pick_source.data_source, line_color=_PICK_COLOR, line_width=1.4,
                              line_dash=("solid", "dashed", "dotted")[i % 3]) for i in range(N_PICKED)]  # fmt: skip
        self._add_legend(figure, picked)
        self._below, self._above = (
            BoxAnnotation(fill_color="#5b6770", fill_alpha=0.13, line_color=_WINDOW_COLOR, line_alpha=0.6,
                          line_width=1, visible=False, level="underlay") for _ in range(2)
        )  # fmt: skip
        self._zero = Span(location=0.0, visible=False, dimension="height", line_color="#6b7680", line_dash="dashed",
                          line_width=1)  # fmt: skip
        for thing in (self._below, self._above, self._zero):
            figure.add_layout(thing)
        set_tools(figure, "width", tip="Drag a window: the states that are compared", location="right")
        figure.update(min_border_left=64)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)
        figure.on_event(SelectionGeometry, self._dragged)

    def _add_legend(self, figure: Any, picked: list[Any]) -> None:
        self._items = [LegendItem(label=value(""), renderers=[r[1]], visible=False) for r in self._renderers]
        self._picked_items = [LegendItem(label=value(""), renderers=[p], visible=False) for p in picked]
        look: dict[str, Any] = {"padding": 4, "margin": 2, "spacing": 1, "label_standoff": 5, "border_line_color": None}
        look |= {"label_width": _LEGEND, "label_height": 12, "glyph_height": 12, "glyph_width": 16}
        look |= {"label_text_font_size": "11px", "label_text_color": "#2b3138", "background_fill_alpha": 0.0}
        self._legend = Legend(items=[*self._items, *self._picked_items], location="top_left", **look)
        figure.add_layout(self._legend, "right")

    # ---- what it tells ---------------------------------------------------------------------------------------------

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None or not self._curves:
            return
        per_x, per_y = pixel_scale(self.view.figure("frame"))
        x = np.asarray(self._energy.values, dtype=float)
        near = np.abs(x - event.x) * per_x <= REACH
        add = shift_held(event)
        if near.any():
            gaps = [float(np.nanmin(np.abs(c.mean[near] + up - event.y), initial=np.inf)) * per_y
                    for c, up in zip(self._curves, self._offsets, strict=True)]  # fmt: skip
            best = int(np.argmin(gaps))
            if gaps[best] <= REACH:
                self._on_cluster(self._curves[best].label, add)
                return
        if not add:
            self._on_cluster(-1, False)

    def _dragged(self, event: SelectionGeometry) -> None:
        box: Any = event.geometry
        if event.final and box is not None:
            low, high = sorted((box["x0"], box["x1"]))
            if high > low:
                self._on_window(float(low), float(high))


def _short(text: str) -> str:
    out = plain(text)
    return out if len(out) <= _LONGEST else out[: _LONGEST - 1] + "…"
