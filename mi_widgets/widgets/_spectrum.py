"""One spectrum with its fit, and a window on it that can be drawn, moved and resized."""

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.events import SelectionGeometry

from mi_widgets.plots._style import plain
from mi_widgets.plots.spectra import fit_columns, plot_fit
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["N_SLOTS", "SpectrumPanel"]

N_SLOTS = 8
_WINDOW_COLOR = "#0072b2"


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
        on_error: Callable[[Exception], None],
    ) -> None:
        self.dim, self._on_window = dim, on_window
        self._filled: set[str] = set()
        self._window: tuple[float, float] | None = None
        window = hv.VSpan(None, None, label="window").opts(
            color=_WINDOW_COLOR, alpha=0.10, line_color=_WINDOW_COLOR, line_alpha=0.6, line_width=1, backend="bokeh"
        )
        picture = plot_fit(None, spectrum, dim=dim, n_slots=N_SLOTS, extras=(window,))
        self.view = View(picture, lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_patch(self._window_moved)
        self.view.add_class("mi-spectrum")

    def show(self, spectrum: xr.DataArray, evaluated: xr.Dataset | None = None, title: str = "") -> None:
        """Draw another spectrum: writes columns and the vertical range, nothing else."""
        columns = fit_columns(spectrum, evaluated, dim=self.dim, n_slots=N_SLOTS)
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
            _fit_range(figure.y_range, np.concatenate([columns[n]["value"] for n in ("data", "best fit")]))
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


def _fit_range(range_: Any, values: np.ndarray) -> None:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        range_.update(start=0.0, end=1.0)
        return
    low, high = float(finite.min()), float(finite.max())
    pad = 0.06 * (high - low) or max(abs(high) * 0.05, 0.5)
    range_.update(start=low - pad, end=high + pad)
