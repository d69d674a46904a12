"""Pictures of CircuitExplorer: Nyquist, Bode with residuals, and the circuit; one frequency is marked in all."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from bokeh.events import Tap

from mi_widgets.plots._style import MISSING_COLOR, plain
from mi_widgets.plots.impedance import (
    bode_columns,
    circuit_columns,
    nyquist_columns,
    nyquist_limits,
    plot_bode,
    plot_circuit,
    plot_nyquist,
    residual_columns,
)
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, pixel_scale, set_range
from mi_widgets.widgets._view import View

__all__ = ["N_CURVES", "Bode", "CircuitDrawing", "CurveOf", "Nyquist"]

N_CURVES = 4
TRIAL_COLOR = "#c2272d"
_REACH = 14.0  # pixels from a point that still mean it


class CurveOf(NamedTuple):
    """A curve, its colour, and whether it is dashed because another one of the same colour lies below."""

    data: xr.Dataset
    color: str
    dashed: bool


def _add_lines(view: View, figure: Any, name: str, x: str, y: str) -> None:
    """Places for curves, for that of the sliders and for the mark of a frequency."""
    for k in range(N_CURVES):
        line = figure.line(x, y, source={x: [], y: []}, line_width=2, line_color=MISSING_COLOR)
        view.add(f"{name} curve {k}", figure, line)
    trial = figure.line(x, y, source={x: [], y: []}, line_width=2, line_color=TRIAL_COLOR, line_dash=[2, 3])
    view.add(f"{name} trial", figure, trial)
    ring = figure.scatter(x, y, source={x: [], y: []}, size=15, fill_color=CHOSEN_COLOR, fill_alpha=0.55,
                          line_color="#d9a400", line_width=1.5, level="overlay")  # fmt: skip
    view.add(f"{name} mark", figure, ring)


def _dress(view: View, label: str, curve: CurveOf | None) -> None:
    if curve is not None:
        glyph = view.part(label).handles["glyph"]
        glyph.update(line_color=curve.color, line_dash=[6, 5] if curve.dashed else [])


def _bare_tools(figure: Any) -> None:
    figure.toolbar.update(active_scroll=None, active_tap=None, logo=None, autohide=True)


def reach(figure: Any, ends: Sequence[tuple[float, float]]) -> None:
    """Ends of both axes."""
    for axis, pair in zip((figure.x_range, figure.y_range), ends, strict=True):
        set_range(axis, pair)


class Nyquist:
    """The complex plane.

    Parameters
    ----------
    make : callable
        Makes a view, as `Study.view`.
    data : xarray.Dataset
        One spectrum.
    on_frequency : callable
        Called with the position of a point along the frequencies, None where there is none near.
    """

    FRAME = (462, 300)

    def __init__(self, make: Callable[..., View], data: xr.Dataset, on_frequency: Callable[[int | None], None]) -> None:
        self._on_frequency, self._columns = on_frequency, nyquist_columns(data)
        self._limits = nyquist_limits(data, self.FRAME)
        size = {"frame_width": self.FRAME[0], "frame_height": self.FRAME[1], "backend": "bokeh"}
        self.view = make("nyquist", plot_nyquist(data).opts(**size), self._wire)

    def show(self, data: xr.Dataset) -> None:
        """Another spectrum."""
        self._columns, limits = nyquist_columns(data), nyquist_limits(data, self.FRAME)
        with self.view.lock:
            self.view.write("data", self._columns)
            if limits != self._limits:
                self._limits = limits
                reach(self.view.figure("data"), limits)

    def curves(self, curves: Sequence[CurveOf]) -> None:
        """Curves of circuits."""
        for k in range(N_CURVES):
            curve = curves[k] if k < len(curves) else None
            self.view.write(f"nyquist curve {k}", nyquist_columns(curve.data if curve else None))
            _dress(self.view, f"nyquist curve {k}", curve)

    def trial(self, data: xr.Dataset | None) -> None:
        """The curve of the sliders."""
        self.view.write("nyquist trial", nyquist_columns(data))

    def mark(self, at: Sequence[int]) -> None:
        """Mark points."""
        self.view.write("nyquist mark", {k: v[list(at)] for k, v in self._columns.items()})

    def _wire(self, view: View) -> None:
        figure = view.figure("data")
        reach(figure, self._limits)
        _add_lines(view, figure, "nyquist", "re", "minus_im")
        _bare_tools(figure)
        figure.legend.visible = False
        figure.on_event(Tap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        per_x, per_y = pixel_scale(self.view.figure("data"))
        away = np.hypot((self._columns["re"] - event.x) * per_x, (self._columns["minus_im"] - event.y) * per_y)
        away = np.where(np.isfinite(away), away, np.inf)
        near = int(np.argmin(away))
        self._on_frequency(near if away[near] <= _REACH else None)


class Bode:
    """Modulus, phase and residuals over the frequency; parameters as of `Nyquist`."""

    def __init__(self, make: Callable[..., View], data: xr.Dataset, on_frequency: Callable[[int | None], None]) -> None:
        self._on_frequency, self._data = on_frequency, data
        self._residuals = residual_columns(None)
        empty = xr.Dataset({f"residual_{p}": data["impedance_real"] * np.nan for p in ("real", "imag")})
        self.view = make("bode", plot_bode(data, residuals=empty), self._wire)
        self._fit_axes()

    def show(self, data: xr.Dataset) -> None:
        """Another spectrum."""
        self._data = data
        with self.view.lock:
            for name, columns in bode_columns(data).items():
                self.view.write(name, columns)
            self._fit_axes()

    def curves(self, curves: Sequence[CurveOf]) -> None:
        """Curves of circuits."""
        for k in range(N_CURVES):
            curve = curves[k] if k < len(curves) else None
            for name, columns in bode_columns(curve.data if curve else None).items():
                self.view.write(f"{name} curve {k}", columns)
                _dress(self.view, f"{name} curve {k}", curve)

    def trial(self, data: xr.Dataset | None) -> None:
        """The curve of the sliders."""
        for name, columns in bode_columns(data).items():
            self.view.write(f"{name} trial", columns)

    def residuals(self, fit: xr.Dataset | None) -> None:
        """Residuals of one fit."""
        self._residuals = residual_columns(fit)
        values = [c["residual"] for c in self._residuals.values()]
        finite = np.concatenate(values)[np.isfinite(np.concatenate(values))]
        top = 1.15 * float(np.abs(finite).max()) if finite.size else 1.0
        with self.view.lock:
            for name, columns in self._residuals.items():
                self.view.write(name, columns)
            set_range(self.view.figure("real").y_range, (-(top or 1.0), top or 1.0))

    def mark(self, at: Sequence[int]) -> None:
        """Mark points."""
        for name, columns in bode_columns(self._data).items():
            self.view.write(f"{name} mark", {k: v[list(at)] for k, v in columns.items()})

    def _fit_axes(self) -> None:
        f = np.asarray(self._data["frequency"].values, dtype=float)
        columns = bode_columns(self._data)
        modulus, phase = columns["modulus"]["modulus"], columns["phase"]["phase"]
        low, high = np.nanmin(modulus[modulus > 0]), np.nanmax(modulus)
        pad = (high / low) ** 0.08 if high > low else 1.5
        ends = (float(np.nanmin(phase)), float(np.nanmax(phase)))
        room = 0.08 * (ends[1] - ends[0]) or 5.0
        x = (f.min() / 1.5, f.max() * 1.5)
        reach(self.view.figure("modulus"), (x, (low / pad, high * pad)))
        reach(self.view.figure("phase"), (x, (ends[0] - room, ends[1] + room)))
        set_range(self.view.figure("real").x_range, x)

    def _wire(self, view: View) -> None:
        for name in ("modulus", "phase"):
            figure = view.figure(name)
            _add_lines(view, figure, name, "frequency", name)
            figure.on_event(Tap, self._tapped)
            _bare_tools(figure)
        figure = view.figure("real")
        figure.on_event(Tap, self._tapped)
        _bare_tools(figure)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or not event.x > 0:
            return
        f = np.asarray(self._data["frequency"].values, dtype=float)
        self._on_frequency(int(np.argmin(np.abs(np.log(f / event.x)))))


class CircuitDrawing:
    """The circuit as a picture."""

    SIZE = (520, 132)

    def __init__(self, make: Callable[..., View], circuit: str) -> None:
        self._shown = circuit
        element = plot_circuit(circuit).opts(frame_width=self.SIZE[0], frame_height=self.SIZE[1], backend="bokeh")
        self.view = make("circuit", element, self._wire)

    def show(self, circuit: str) -> None:
        """Another circuit."""
        if circuit == self._shown:
            return
        self._shown = circuit
        columns = circuit_columns(circuit)
        names = columns["names"]
        with self.view.lock:
            self.view.write("lines", columns["lines"])
            self.view.write("names", {"x": names["x"], "y": names["y"], "text": [plain(t) for t in names["text"]]})
            self._reach(self.view)

    def _wire(self, view: View) -> None:
        self._reach(view)

    def _reach(self, view: View) -> None:
        """The same scale along both axes, the circuit in the middle."""
        limits = circuit_columns(self._shown)["limits"]
        (x0, x1), (y0, y1) = limits["x"], limits["y"]
        scale = min(40.0, self.SIZE[0] / (x1 - x0), self.SIZE[1] / (y1 - y0 + 0.2))
        ends = []
        for (low, high), size in (((x0, x1), self.SIZE[0]), ((y0, y1 + 0.15), self.SIZE[1])):
            middle, half = (low + high) / 2, size / scale / 2
            ends.append((middle - half, middle + half))
        reach(view.figure("lines"), ends)
