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
from mi_widgets.plots._dos_groups import CLUSTER_COLORS
from mi_widgets.plots._style import plain
from mi_widgets.widgets._dos_marks import REACH, pixel_scale, shift_held
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["N_PICKED", "Curve", "CurvePanel"]

N_SLOTS, N_PICKED = len(CLUSTER_COLORS), 6
_PICK_COLOR, _WINDOW_COLOR = "#111111", "#0072b2"
_HEIGHT, _LEGEND, _LONGEST = 316, 112, 18
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
        self._xlim, self._zero = (0.0, 1.0), float("nan")
        self._curves: list[Curve] = []
        self._offsets = np.zeros(0)
        self._legend_order: list[int] = []
        self._limits: tuple[float, float] | None = None
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.add_class("mi-curves")

    def frame(self, energy: xr.DataArray, xlim: tuple[float, float], zero: float) -> None:
        """Draw with another axis, a line at `zero` unless it is NaN; curves are drawn anew after it."""
        self._energy, self._xlim, self._zero, self._curves = energy, xlim, zero, []
        self._legend_order = []
        self.view.show(self._picture())

    def show(self, curves: Sequence[Curve], *, stacked: bool, title: str) -> None:
        """Draw the curves of the clusters, the first one on top: only columns that change are sent."""
        self._curves = list(curves)
        mean = np.array([c.mean for c in curves]).reshape(len(curves), self._energy.size)
        self._offsets = stack_offsets(mean, stacked)
        taken = {c.slot: (c, self._offsets[i]) for i, c in enumerate(curves)}
        nothing = np.full(self._energy.size, np.nan, dtype=np.float32)
        sparse = self._sparse(nothing)
        means, bands = {}, {}
        for slot in range(N_SLOTS):
            there = taken.get(slot)
            if there is None:
                means[f"m{slot}"], bands[f"l{slot}"], bands[f"h{slot}"] = nothing, sparse, sparse
                continue
            c, up = there
            means[f"m{slot}"] = (c.mean + up).astype(np.float32)
            for name, values in (("l", c.low), ("h", c.high)):
                bands[f"{name}{slot}"] = (self._sparse(values) + up).astype(np.float32)
        with self.view.lock:
            self._put("means", means)
            self._put("bands", bands)
            for slot, renderers in enumerate(self._renderers):
                for r in renderers:
                    r.visible = slot in taken
            self._write_legend([c.slot for c in curves], {c.slot: c.text for c in curves})
            self.view.figure("frame").title.text = plain(title)
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
            there = {c.slot: c.label for c in self._curves}
            for slot, (area, line) in enumerate(self._renderers):
                faint = bool(labels) and there.get(slot) not in labels
                line.glyph.update(line_alpha=0.3 if faint else 1.0)
                area.glyph.update(fill_alpha=0.06 if faint else 0.22)

    def mark(self, window: Sequence[float | None] | None) -> None:
        """Shade what lies outside the window of energies that are compared."""
        low, high = window or (None, None)
        with self.view.lock:
            for box, ends in ((self._below, {"right": low}), (self._above, {"left": high})):
                box.update(visible=next(iter(ends.values())) is not None, **ends)

    # ---- what the figure is made of --------------------------------------------------------------------------------

    def _sparse(self, values: np.ndarray) -> np.ndarray:
        return values[:: 2 if self._energy.size > _FINE else 1]

    def _put(self, label: str, columns: dict[str, np.ndarray]) -> None:
        source = self.view.part(label).handles["source"]
        for name, values in columns.items():
            if not np.array_equal(source.data[name], values, equal_nan=True):
                source.data[name] = values

    def _reach(self, top: float) -> None:
        low = float(np.nanmin([np.nanmin(c.mean, initial=0.0) for c in self._curves] or [0.0]))
        top = top if np.isfinite(top) and top > 0 else 1.0
        limits = (min(low, 0.0) - 0.02 * top, 1.04 * top)
        if limits != self._limits:
            self._limits = limits
            self.view.figure("frame").y_range.update(start=limits[0], end=limits[1])

    def _picture(self) -> Any:
        self._limits = None
        frame = curve_frame(self._energy, DENSITY, self._xlim, height=_HEIGHT)
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
        for slot, color in enumerate(CLUSTER_COLORS):
            area = figure.varea("x", f"l{slot}", f"h{slot}", source=band_source.data_source, fill_color=color,
                                fill_alpha=0.22, visible=False)  # fmt: skip
            line = figure.line("x", f"m{slot}", source=mean_source.data_source, line_color=color, line_width=2,
                               visible=False)  # fmt: skip
            self._renderers.append((area, line))
        picked = [figure.line("x", f"p{i}", source=pick_source.data_source, line_color=_PICK_COLOR, line_width=1.4,
                              line_dash=("solid", "dashed", "dotted")[i % 3]) for i in range(N_PICKED)]  # fmt: skip
        self._add_legend(figure, picked)
        self._below, self._above = (
            BoxAnnotation(fill_color="#5b6770", fill_alpha=0.13, line_color=_WINDOW_COLOR, line_alpha=0.6,
                          line_width=1, visible=False, level="underlay") for _ in range(2)
        )  # fmt: skip
        there = bool(np.isfinite(self._zero))
        zero = Span(location=self._zero if there else 0.0, visible=there, dimension="height", line_color="#6b7680",
                    line_dash="dashed", line_width=1)  # fmt: skip
        for thing in (self._below, self._above, zero):
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

    def _write_legend(self, order: list[int], texts: dict[int, str]) -> None:
        for slot, item in enumerate(self._items):
            item.update(visible=slot in texts)
            if slot in texts:
                item.label = value(_short(texts[slot]))
        if order != self._legend_order:
            self._legend_order = order
            rest = [i for i in range(N_SLOTS) if i not in order]
            self._legend.items = [*(self._items[i] for i in [*order, *rest]), *self._picked_items]

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
