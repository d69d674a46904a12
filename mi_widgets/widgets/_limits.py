"""Where the colours of the map end: a histogram with two ends that can be dragged, typed, or left to percentiles."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr
from bokeh.models.annotations import BoxAnnotation

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import color_limits, plain
from mi_widgets.plots.maps import plot_histogram
from mi_widgets.widgets._fields import Quiet, field, fill, pair, read
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["LimitsPanel"]

_COLOR = "#0072b2"
_BINS, _HEIGHT = 60, 92


class LimitsPanel(ipw.VBox):
    """Histogram of the shown map, fields for the limits of its colours, and a slider for their percentiles.

    Limits that a user sets belong to the map that is shown and come back with it; others follow the percentiles of
    the shown values; a few failed pixels, up to a fifth of the map, are left aside so as not to spoil the colours.

    Parameters
    ----------
    lock : AppLock
        Lock of the application.
    on_change : callable
        Called without arguments when other limits are wanted.
    on_error : callable
        Called with a `ParameterError` when a field holds no number, or with what a callback raised.
    """

    def __init__(self, *, lock: AppLock, on_change: Callable[[], None], on_error: Callable[[Exception], None]) -> None:
        self._on_change, self._on_error, self._quiet = on_change, on_error, Quiet()
        self.given: dict[str, tuple[float, float]] = {}
        self.key, self.now = "", (0.0, 1.0)
        self.ends = pair("Values at which the colours end; drag them in the histogram or type them", "82px")
        self.auto = ipw.Button(
            description="auto", tooltip="Limits from the percentiles again", layout={"width": "auto"}, disabled=True
        )
        self.percentile = ipw.FloatRangeSlider(
            value=(2, 98), min=0, max=100, step=0.5, readout_format=".0f", continuous_update=False,
            layout={"width": "142px"}, tooltip="Percentiles of the shown values at which the colours "
            "end; fits that are not ok, or five times less certain than most, are left aside while they are fewer "
            "than a fifth",
        )  # fmt: skip
        first = plot_histogram(xr.DataArray([0.0, 1.0]), bins=_BINS, limits=(0.0, 1.0))
        self.view = View(first, lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_patch(self._dragged)
        self.view.add_class("mi-histogram")
        for end in self.ends:
            end.observe(self._typed, "value")
        self.percentile.observe(self._percentile_changed, "value")
        self.auto.on_click(lambda _: self.set(None))
        row = ipw.HBox([field("colours from, to", *self.ends, self.auto), field("percentiles", self.percentile)])
        row.add_class("mi-row")
        super().__init__([self.view, row])

    def show(self, da: xr.DataArray, trusted: xr.DataArray, key: str, text: str) -> tuple[float, float]:
        """Show the histogram of a map and give its limits.

        Parameters
        ----------
        da : xarray.DataArray
            The map as it is shown.
        trusted : xarray.DataArray
            The same with NaN where a value says nothing.
        key : str
            Name under which limits of this map are kept.
        text : str
            Name and unit of the values, for the axis.
        """
        self.key = key
        self.now = self.given.get(key) or color_limits(trusted, tuple(self.percentile.value))
        low, high = _range(trusted, self.now)
        with self.view.lock, self._quiet:
            fill(self.ends, self.now, 5)
            self.auto.disabled = key not in self.given
            self.view.put(plot_histogram(da, bins=_BINS, limits=(low, high)))
            figure = self.view.figure("histogram")
            figure.x_range.update(start=low, end=high)
            top = float(np.max(self.view.part("histogram").handles["source"].data["top"], initial=1.0))
            figure.y_range.update(start=-0.06 * top, end=1.14 * top)
            figure.xaxis.axis_label = plain(text)
            self._box.update(left=self.now[0], right=self.now[1], bottom=0.0, top=1.06 * top, visible=True)
        self._enable(True)
        return self.now

    def hide(self) -> None:
        """Nothing to choose: a map of categories."""
        self._enable(False)

    def set(self, limits: tuple[float, float] | None) -> None:
        """Set the limits of the shown map, or None for its percentiles.

        Raises
        ------
        ParameterError
            They are not two numbers in order.
        """
        if limits is None:
            self.given.pop(self.key, None)
        else:
            low, high = (float(v) for v in limits)
            if not (np.isfinite([low, high]).all() and low < high):
                raise ParameterError(f"the colours must end at two numbers, low < high; got {low:g} and {high:g}.")
            self.given[self.key] = (low, high)
        self._on_change()

    @property
    def _box(self) -> Any:
        return self._window

    def _enable(self, on: bool) -> None:
        for widget in (*self.ends, self.percentile):
            widget.disabled = not on
        self.view.layout.visibility = "visible" if on else "hidden"
        if not on:
            self.auto.disabled = True

    def _wire(self, view: View) -> None:
        figure = view.figure("histogram")
        set_tools(figure, None)
        figure.update(height=_HEIGHT, min_border_left=66, min_border_right=20, min_border_top=0, title=None)
        figure.yaxis.visible, figure.ygrid.visible, figure.xgrid.visible = False, False, False
        figure.xaxis.axis_label_text_font_size = "11px"
        figure.xaxis.axis_label_standoff = 1
        view.part("histogram").handles["glyph"].update(line_color=None, fill_color="#8a939c")
        self._window = BoxAnnotation(
            editable=True, movable="x", resizable="x", symmetric=False, visible=False, level="overlay",
            fill_color=_COLOR, fill_alpha=0.10, line_color=_COLOR, line_alpha=0.9, line_width=2,
            hover_line_color=_COLOR, hover_fill_color=_COLOR, hover_fill_alpha=0.18,
        )  # fmt: skip
        figure.add_layout(self._window)

    def _dragged(self) -> None:
        """The page moved or resized the window itself."""
        ends = (self._box.left, self._box.right)
        if any(not isinstance(v, int | float) for v in ends):
            return
        low, high = sorted(float(v) for v in ends)
        if high > low and (low, high) != self.now:
            self.set((low, high))

    def _typed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            low, high = read(self.ends, "colours")
            if low is not None and high is not None:
                self.set((low, high))
            elif low is None and high is None:
                self.set(None)
        except ParameterError as error:
            self._on_error(error)
            with self._quiet:
                fill(self.ends, self.now, 5)

    def _percentile_changed(self, _change: Any) -> None:
        self.set(None)


def _range(trusted: xr.DataArray, limits: tuple[float, float]) -> tuple[float, float]:
    """Range of the histogram: most values and the limits, with room to drag them outwards."""
    low, high = color_limits(trusted, (0.5, 99.5))
    low, high = min(low, limits[0]), max(high, limits[1])
    room = 0.12 * (high - low)
    return low - room, high + room
