"""The map of a cube at one energy after the other, and where that is in the spectrum."""

import html
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np
import xarray as xr
from bokeh.models.annotations import Span

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import nice_unit, text_of
from mi_widgets.widgets._fields import Quiet, field, read_number

if TYPE_CHECKING:
    from mi_widgets.widgets.peaks import PeakMapper

__all__ = ["SlicePlayer", "draw_slice", "nearest_label"]

_COLOR = "#009e73"
_MOST = 200_000  # values from which the common colours of all slices are taken
_TICK = 160  # ms between two slices that are played
_LATE = 0.5  # s after the player was stopped, in which a step may still arrive


class SlicePlayer(ipw.HBox):
    """Play, pause, stop and step through the channels of a spectral axis; a field for the energy itself.

    Parameters
    ----------
    axis : xarray.DataArray
        Coordinate of the spectral axis.
    on_slice : callable
        Called with a label of the axis, or None where the map of a window is wanted again.
    on_error : callable
        Called with a `ParameterError` when the field holds no number.
    """

    def __init__(
        self, axis: xr.DataArray, *, on_slice: Callable[[float | None], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._axis, self._on_slice, self._on_error, self._quiet = axis, on_slice, on_error, Quiet()
        self._labels = np.asarray(axis.values, dtype=float)
        self._order = np.argsort(self._labels)  # to the right is always higher
        self._shown: float | None = None
        self._stopped = float("-inf")
        last = self._labels.size - 1
        self.play = ipw.Play(min=0, max=last, value=last // 2, interval=_TICK, layout={"width": "auto"})
        self.play.tooltip = "Show the map at one energy after the other"
        self.slider = ipw.IntSlider(min=0, max=last, value=last // 2, readout=False, layout={"width": "130px"},
                                    tooltip="Energy of the map")  # fmt: skip
        self._link = ipw.jslink((self.play, "value"), (self.slider, "value"))
        self.back, self.forth = (_button(text, tip) for text, tip in (("‹", "One channel back"),
                                 ("›", "One channel forth")))  # fmt: skip
        self.text = ipw.Text("", placeholder="off", continuous_update=False, layout={"width": "68px"},
                             tooltip="Energy of the map; empty for the intensity of the window")  # fmt: skip
        self.off = _button("off", "The intensity of the window again")
        self.slider.observe(self._slid, "value")
        self.text.observe(self._typed, "value")
        self.back.on_click(lambda _: self._step(-1))
        self.forth.on_click(lambda _: self._step(1))
        self.off.on_click(lambda _: self._switch_off())
        name = html.escape(str(axis.attrs.get("long_name") or axis.name or "channel"))
        units = html.escape(nice_unit(str(axis.attrs.get("units", "1"))))
        parts = (self.back, self.play, self.forth, self.slider, self.text, self.off)
        super().__init__([field(f"map at one {name}" + (f" ({units})" if units != "1" else ""), *parts)])
        self.add_class("mi-slices")
        self.show(None)

    def show(self, label: float | None) -> None:
        """Show which slice is drawn, or that none is."""
        self._shown = label
        with self._quiet:
            self.off.disabled = label is None
            self.text.value = "" if label is None else f"{label:.5g}"
            if label is not None:
                self.slider.value = int(np.flatnonzero(self._labels[self._order] == label)[0])

    def close(self) -> None:
        """Remove the widget; the link between its parts would keep it alive."""
        self._link.close()
        super().close()

    def _label(self, place: int) -> float:
        return float(self._labels[self._order[place]])

    def _slid(self, change: Any) -> None:
        late = self.off.disabled and time.monotonic() - self._stopped < _LATE  # a step that was on its way
        if not self._quiet and not late:
            self._on_slice(self._label(change["new"]))

    def _switch_off(self) -> None:
        """Stop what is played, else its next step brings the slice back."""
        if self.play.playing:
            self.play.playing, self._stopped = False, time.monotonic()
        self._on_slice(None)

    def _step(self, by: int) -> None:
        place = int(np.clip(self.slider.value + by, 0, self.slider.max))
        self._on_slice(self._label(self.slider.value if self.text.value == "" else place))

    def _typed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            self._on_slice(read_number(self.text.value, "energy"))
        except ParameterError as error:
            self._on_error(error)
        self.show(self._shown)  # what was refused is not left standing


def nearest_label(axis: xr.DataArray, value: Any) -> float | None:
    """Label of the channel nearest to a value; `ParameterError` beyond the axis."""
    if value is None:
        return None
    labels = np.asarray(axis.values, dtype=float)
    reach = float(np.abs(np.diff(labels)).max()) if labels.size > 1 else 0.0
    if not labels.min() - reach <= float(value) <= labels.max() + reach:
        raise ParameterError(
            f"there is no channel at {float(value):g}; the axis runs from {labels.min():g} to {labels.max():g}."
        )
    return float(labels[int(np.argmin(np.abs(labels - float(value))))])


def draw_slice(app: "PeakMapper") -> None:
    """Draw the map at the chosen energy, with the same colours for all energies, and mark it in the spectrum."""
    label = app.slice_at
    if app.slices is None or app.map is None:
        return
    app.slices.show(label)
    _mark(app, label)
    if label is None:
        return
    plane = app.at.plane(app.selection)
    if app.data.chunks is not None:  # read in the background, as the intensity of a window of one channel
        app._painter.start((label, label), plane)
        return
    app._painter.cancel()
    cube = app.data.isel(plane)
    da = cube.isel({app.dim: int(np.flatnonzero(app.data[app.dim].values == label)[0])})
    da = da.transpose(*app.at.map_dims).astype(float)
    limits = app.limits.show(da, _scale(app, cube, plane), "slice", text_of(app.data))
    app.map.show(da, title=f"{text_of(app.data)} at {label:.5g} {nice_unit(app.units)}", limits=limits)
    app._limits_drawn()


def _scale(app: "PeakMapper", cube: xr.DataArray, plane: dict[str, int]) -> xr.DataArray:
    """A sample of the values of all slices, so that colours mean the same while they are played."""
    kept = getattr(app, "_slice_scale", None)
    if kept is None or kept[0] != plane:
        values = np.asarray(cube.values).reshape(-1)
        kept = (dict(plane), xr.DataArray(values[:: max(1, values.size // _MOST)].astype(float)))
        app._slice_scale = kept
    return kept[1]


def _mark(app: "PeakMapper", label: float | None) -> None:
    with app.lock:
        span = getattr(app, "_slice_mark", None)
        if span is None:
            span = app._slice_mark = Span(dimension="height", line_color=_COLOR, line_width=2, visible=False)
            app.spectrum.view.figure("data").add_layout(span)
        span.update(location=label, visible=label is not None)


def _button(text: str, tip: str) -> ipw.Button:
    return ipw.Button(description=text, tooltip=tip, layout={"width": "auto", "min_width": "28px"})
