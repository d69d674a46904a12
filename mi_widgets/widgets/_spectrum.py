"""One spectrum with its fit, a second one that is pinned, and what can be dragged: a window, starting positions."""

from collections.abc import Callable, Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.core.properties import value
from bokeh.events import SelectionGeometry
from bokeh.models.annotations import LegendItem, Span

from mi_widgets.plots._style import PEAK_COLORS, PIN_COLOR, plain
from mi_widgets.plots.spectra import fit_columns, plot_fit
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["N_SLOTS", "SpectrumPanel"]

N_SLOTS = 8
_WINDOW_COLOR, _LEFT_OUT_COLOR = "#0072b2", "#6b7680"
Drawn = tuple[xr.DataArray, xr.Dataset | None]


class SpectrumPanel:
    """The view of one spectrum, its fit and the residual below.

    Parameters
    ----------
    spectrum : xarray.DataArray
        First spectrum, dims ``(dim,)``.
    dim : str
        The spectral dimension.
    lock : AppLock
        Lock of the application.
    on_window : callable
        Called with the two ends of the window, in the unit of the axis, while it is dragged and once more with
        ``final=True``.
    on_starts : callable
        Called with the positions of the starting lines after one of them was dragged.
    on_key : callable
        Called with the name of a key that is no arrow, and whether shift was held.
    on_error : callable
        Called with what a callback raised.
    """

    def __init__(
        self,
        spectrum: xr.DataArray,
        *,
        dim: str,
        lock: AppLock,
        on_window: Callable[[float, float, bool], None],
        on_starts: Callable[[list[float]], None],
        on_key: Callable[[str, bool], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self.dim, self._on_window, self._on_starts = dim, on_window, on_starts
        self._filled: set[str] = set()
        self._window: tuple[float, float] | None = None
        self._starts: list[float] = []
        window = hv.VSpan(None, None, label="window").opts(
            color=_WINDOW_COLOR, alpha=0.10, line_color=_WINDOW_COLOR, line_alpha=0.6, line_width=1, backend="bokeh"
        )
        picture = plot_fit(None, spectrum, dim=dim, extras=(window,))
        self.view = View(picture, lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_patch(self._window_moved)
        self.view.on_patch(self._start_moved)
        self.view.on_key(on_key)
        self.view.add_class("mi-spectrum")

    # ---- drawing -------------------------------------------------------------------------------------------

    def show(
        self, spectrum: xr.DataArray, evaluated: xr.Dataset | None = None, title: str = "", pinned: Drawn | None = None
    ) -> None:
        """Draw another spectrum, and one that is pinned: writes columns and the vertical range, nothing else."""
        columns = fit_columns(spectrum, evaluated, dim=self.dim, n_slots=N_SLOTS)
        other = fit_columns(*(pinned or (None, None)), dim=self.dim)
        columns["pinned"], columns["pinned fit"] = other["data"], other["best fit"]
        with self.view.lock:
            for name, values in columns.items():
                if name == "counts":
                    continue
                some = any(v.size for v in values.values())
                if some or name in self._filled:
                    self.view.write(name, values)
                (self._filled.add if some else self._filled.discard)(name)
            figure = self.view.figure("data")
            figure.title.text = plain(title)
            shown = ("data", "best fit", "pinned", "pinned fit")
            _fit_range(figure.y_range, np.concatenate([columns[n]["value"] for n in shown]))
            for item in figure.legend[0].items:
                item.visible = item.label.value in self._filled
            rest = columns["residual"]["residual"]
            if rest.size:
                reach = max(4.0, float(np.nanmax(np.abs(rest), initial=0.0))) * 1.1
                self.view.figure("residual").y_range.update(start=-reach, end=reach)

    def mark(self, window: tuple[float, float] | None) -> None:
        """Draw the window, or none."""
        self._window = None if window is None else (min(window), max(window))
        low, high = self._window or (None, None)
        with self.view.lock:
            self._box.update(left=low, right=high, visible=window is not None)

    def leave_out(self, windows: Sequence[Sequence[float]]) -> None:
        """Shade the windows that are left out of the fit."""
        low, high = (np.array([w[i] for w in windows], dtype=float) for i in (0, 1))
        self.view.write("left out", {"x0": low, "x1": high})

    def show_starts(self, positions: Sequence[float]) -> None:
        """Draw one line that can be dragged for each starting position; none hides them."""
        self._starts = [float(x) for x in positions]
        with self.view.lock:
            for i, span in enumerate(self._spans):
                at = self._starts[i] if i < len(self._starts) else None
                span.update(location=at, visible=at is not None)

    # ---- what the figures are made of, and what they tell ----------------------------------------------------

    @property
    def _box(self) -> Any:
        return self.view.part("window").handles["glyph"]

    def _wire(self, view: View) -> None:
        figure = view.figure("data")
        figure.on_event(SelectionGeometry, self._dragged)
        set_tools(figure, "width", tip="Drag a window: the map shows its intensity", location="right")
        residual = view.figure("residual")
        set_tools(residual, None)
        residual.y_range.update(start=-4.4, end=4.4)
        # Points and the thin line through them are one spectrum: one source, sent once.
        view.part("counts").handles["glyph_renderer"].data_source = view.part("data").handles["source"]
        box = view.part("window").handles["glyph"]
        box.update(editable=True, movable="x", resizable="x", symmetric=False, visible=False, level="underlay")
        box.update(hover_line_color=_WINDOW_COLOR, hover_fill_color=_WINDOW_COLOR, hover_fill_alpha=0.18)
        self._add_renderers(view, figure)
        self._spans = [
            Span(
                dimension="height", editable=True, visible=False, line_color=PEAK_COLORS[i % len(PEAK_COLORS)],
                line_width=3, line_alpha=0.75, line_dash="solid", level="overlay", hover_line_color="#111111",
            )
            for i in range(N_SLOTS)
        ]  # fmt: skip
        for span in self._spans:
            figure.add_layout(span)

    def _add_renderers(self, view: View, figure: Any) -> None:
        """What is empty at first is added without HoloViews, which takes five times as long for each of them."""
        drawn = list(figure.renderers)
        left_out = figure.vstrip("x0", "x1", source={"x0": [], "x1": []}, fill_color=_LEFT_OUT_COLOR, fill_alpha=0.16,
                                 line_color=None, hatch_pattern="/", hatch_color=_LEFT_OUT_COLOR, hatch_alpha=0.35,
                                 hatch_weight=0.6)  # fmt: skip
        view.add("left out", figure, left_out)
        for i in range(N_SLOTS):
            color = PEAK_COLORS[i % len(PEAK_COLORS)]
            area = figure.patch("x", "y", source={"x": [], "y": []}, fill_color=color, fill_alpha=0.28,
                                line_color=color, line_width=1.2)  # fmt: skip
            view.add(f"peak {i + 1}", figure, area)
        empty: dict[str, list[float]] = {"axis": [], "value": []}
        points = figure.scatter(
            "axis", "value", source=dict(empty), color=PIN_COLOR, size=3.4, alpha=0.75, marker="diamond"
        )
        line = figure.line("axis", "value", source=dict(empty), color=PIN_COLOR, line_width=1.6)
        view.add("pinned", figure, points)
        view.add("pinned fit", figure, line)
        behind = [r for r in figure.renderers if r not in drawn]
        figure.renderers = [*behind, *drawn]
        figure.legend[0].items.append(LegendItem(label=value("pinned"), renderers=[points, line], visible=False))

    def _dragged(self, event: SelectionGeometry) -> None:
        box: Any = event.geometry
        low, high = sorted((box["x0"], box["x1"]))
        if high > low:
            self._on_window(low, high, event.final)

    def _window_moved(self) -> None:
        """The page moved or resized the window itself."""
        box = self._box
        ends = (box.left, box.right)
        if self._window is None or any(not isinstance(v, int | float) for v in ends):
            return
        low, high = sorted(float(v) for v in ends)
        if high > low and (low, high) != self._window:
            self._window = (low, high)
            self._on_window(low, high, True)

    def _start_moved(self) -> None:
        """The page moved one of the starting lines."""
        now = [float(s.location) for s in self._spans[: len(self._starts)] if isinstance(s.location, int | float)]
        if len(now) == len(self._starts) and now != self._starts:
            self._starts = now
            self._on_starts(list(now))


def _fit_range(range_: Any, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        range_.update(start=0.0, end=1.0)
        return
    low, high = float(finite.min()), float(finite.max())
    pad = 0.06 * (high - low) or max(abs(high) * 0.05, 0.5)
    range_.update(start=low - pad, end=high + pad)
