"""The grains in the plane of the section, which one can point at."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, SelectionGeometry, Tap

from mi_widgets.plots._orientation_plane import grain_frame, grain_segments
from mi_widgets.plots._orientation_rose import REST_COLOR, component_colors
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, pixel_scale, shift_held
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["GrainsPanel"]

_HEIGHT = 360
_REACH = 12.0  # pixels


class GrainsPanel:
    """The view of the section.

    Parameters
    ----------
    make : callable
        `Study.view`.
    angles : xarray.DataArray
        With coordinates ``x`` and ``y``.
    on_grains : callable
        Called with places of grains and whether they are added.
    """

    def __init__(
        self, make: Callable[..., View], angles: xr.DataArray, on_grains: Callable[[np.ndarray, bool], None]
    ) -> None:
        self._angles, self._on_grains = angles, on_grains
        self._ends = np.empty((0, 4))
        self._colors = np.full(angles.size, REST_COLOR)
        self._x, self._y = (angles[n].values.astype(float) for n in ("x", "y"))
        self.view = make("section", grain_frame(angles, height=_HEIGHT), wire=self._wire)

    def show(self, degrees: np.ndarray, north: bool, member: np.ndarray | None) -> None:
        """Draw all grains in the colours of their components."""
        self._ends = grain_segments(self._angles, degrees, north)
        number = np.zeros(degrees.size, dtype=int) if member is None else np.maximum(member.astype(int), 0)
        self._colors = np.array([REST_COLOR, *component_colors(max(int(number.max(initial=0)), 1))])[number]
        self.view.write("grains", self._columns(np.arange(degrees.size)) | {"color": self._colors.tolist()})

    def choose(self, places: np.ndarray) -> None:
        """Mark grains."""
        if len(self._ends):
            self.view.write("chosen", self._columns(places))

    def _columns(self, places: np.ndarray) -> dict[str, Any]:
        ends = self._ends[places].astype(np.float32)
        return dict(zip(("x0", "y0", "x1", "y1"), ends.T, strict=True))

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        empty: dict[str, Any] = {n: [] for n in ("x0", "y0", "x1", "y1")}
        halo = figure.segment(**{n: n for n in empty}, source=dict(empty), line_color=CHOSEN_COLOR, line_width=7,
                              line_cap="round")  # fmt: skip
        view.add("chosen", figure, halo)
        lines = figure.segment(**{n: n for n in empty}, source=empty | {"color": []}, line_color="color", line_width=2)
        view.add("grains", figure, lines)
        set_tools(figure, "both", tip="Drag a rectangle: choose the grains in it", location="right")
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)
        figure.on_event(SelectionGeometry, self._dragged)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None or not len(self._ends):
            return
        per = np.array(pixel_scale(self.view.figure("frame")))
        a, b = self._ends[:, :2] * per, self._ends[:, 2:] * per
        p, way = np.array([event.x, event.y]) * per, b - a
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.clip(((p - a) * way).sum(axis=1) / np.square(way).sum(axis=1), 0, 1)
        away = np.hypot(*(p - a - np.nan_to_num(t)[:, None] * way).T)
        away = np.where(np.isfinite(away), away, np.inf)
        near = int(np.argmin(away))
        add = shift_held(event)
        if away[near] <= _REACH:
            self._on_grains(np.array([near]), add)
        elif not add:
            self._on_grains(np.empty(0, dtype=int), False)

    def _dragged(self, event: SelectionGeometry) -> None:
        shape: Any = event.geometry
        if not event.final or shape is None or shape["type"] != "rect":
            return
        (x0, x1), (y0, y1) = sorted((shape["x0"], shape["x1"])), sorted((shape["y0"], shape["y1"]))
        inside = (self._x >= x0) & (self._x <= x1) & (self._y >= y0) & (self._y <= y1)
        self._on_grains(np.flatnonzero(inside), False)
