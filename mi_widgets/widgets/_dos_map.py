"""The map of sites one can point at: near points are alike; click, box and lasso."""

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, HoverTool, LassoSelectTool, ResetTool, WheelZoomTool
from bokeh.transform import linear_cmap

from mi_widgets.plots._dos_frames import map_frame, map_limits
from mi_widgets.plots._dos_groups import CLUSTER_COLORS, OTHER_COLOR
from mi_widgets.plots._style import plain
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, drawn_around, pixel_scale, set_range, shift_held
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._view import View

__all__ = ["MapPanel"]

_HEIGHT = 232
_MOST = 3000  # points that are drawn; all of them can be chosen
_PALETTE = [OTHER_COLOR, *CLUSTER_COLORS]


class MapPanel:
    """The view of the map.

    Parameters
    ----------
    lock : AppLock
        Lock of the application.
    on_atoms : callable
        Called with positions of atoms and whether they are added to those chosen before.
    on_error : callable
        Called with what a callback raised.

    Attributes
    ----------
    adding : bool
        Box and lasso add to what was chosen: the page does not tell whether shift was held while dragging.
    """

    def __init__(
        self, *, lock: AppLock, on_atoms: Callable[[np.ndarray, bool], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._on_atoms, self.adding = on_atoms, False
        self._xy = np.empty((0, 2))
        self._drawn = self._chosen = np.empty(0, dtype=int)
        self._slots = np.empty(0, dtype=int)
        self._texts: list[str] = []
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.add_class("mi-embedding")

    def show(self, xy: np.ndarray, slots: np.ndarray, texts: list[str], axes: tuple[str, str]) -> None:
        """Draw other points: (n_atoms, 2), NaN where an atom has no place; `texts` are for the pointer."""
        self._xy, self._slots, self._texts = np.asarray(xy, dtype=float), slots, texts
        there = np.flatnonzero(np.isfinite(self._xy).all(axis=1))
        step = max(1, -(-there.size // _MOST))
        self._drawn = there[::step]
        with self.view.lock:
            figure = self.view.figure("frame")
            xlim, ylim = map_limits(self._xy)
            set_range(figure.x_range, xlim)
            set_range(figure.y_range, ylim)
            for axis, text in zip((figure.xaxis[0], figure.yaxis[0]), axes, strict=True):
                axis.axis_label = plain(text)
            self.view.part("dots").handles["glyph"].size = 8 if self._drawn.size < 400 else 5
            self.view.write("dots", self._dots())
        self.choose(self._chosen)

    def color(self, slots: np.ndarray) -> None:
        """Draw the same points in the colours of other clusters."""
        self._slots = slots
        with self.view.lock:
            source = self.view.part("dots").handles["source"]
            source.data = {**source.data, "slot": self._dots()["slot"]}  # one column alone is read when it is sent

    def choose(self, atoms: np.ndarray) -> None:
        """Mark atoms."""
        self._chosen = atoms
        at = self._xy[atoms[:_MOST]] if len(self._xy) else np.empty((0, 2))
        self.view.write("halo", {"x": at[:, 0].astype(np.float32), "y": at[:, 1].astype(np.float32)})

    # ---- what the figure is made of --------------------------------------------------------------------------------

    def _dots(self) -> dict[str, Any]:
        xy = self._xy[self._drawn].astype(np.float32)
        slots = (self._slots[self._drawn] if len(self._slots) else np.empty(0)) + 1
        texts = [self._texts[i] for i in self._drawn.tolist()] if self._texts else []
        return {"x": xy[:, 0], "y": xy[:, 1], "slot": np.maximum(slots, 0).astype(np.uint8), "text": texts}

    def _picture(self) -> Any:
        return hv.Overlay([map_frame(self._xy, ("x", "y"), height=_HEIGHT)]).opts(backend="bokeh", show_legend=False)

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        halo = figure.scatter("x", "y", source={"x": [], "y": []}, size=15, fill_color=CHOSEN_COLOR, fill_alpha=0.65,
                              line_color="#d9a400")  # fmt: skip
        view.add("halo", figure, halo)
        color: Any = linear_cmap("slot", _PALETTE, -0.5, len(_PALETTE) - 0.5)
        dots = figure.scatter("x", "y", source=self._dots(), size=8, fill_color=color,
                              line_color="#30363c", line_width=0.5, fill_alpha=0.85)  # fmt: skip
        view.add("dots", figure, dots)
        box = BoxSelectTool(renderers=[], description="Drag a rectangle: choose the sites in it")
        lasso = LassoSelectTool(renderers=[], continuous=False, description="Draw around sites")
        hover = HoverTool(renderers=[dots], tooltips=[("", "@text")], description="Say what is under the pointer")
        figure.tools = [box, lasso, WheelZoomTool(), ResetTool(), hover]
        figure.toolbar.update(active_drag=box, active_scroll=None, active_tap=None, active_inspect=hover, logo=None)
        figure.toolbar_location = "right"
        figure.update(min_border_left=64, min_border_bottom=64)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)
        figure.on_event(SelectionGeometry, self._dragged)

    # ---- what it tells ---------------------------------------------------------------------------------------------

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None or not len(self._xy):
            return
        per_x, per_y = pixel_scale(self.view.figure("frame"))
        away = np.hypot((self._xy[:, 0] - event.x) * per_x, (self._xy[:, 1] - event.y) * per_y)
        away = np.where(np.isfinite(away), away, np.inf)
        near = int(np.argmin(away))
        add = shift_held(event)
        if away[near] <= REACH:
            same = np.flatnonzero(away <= away[near] + 0.5)  # equivalent sites lie on one another
            self._on_atoms(same, add)
        elif not add:
            self._on_atoms(np.empty(0, dtype=int), False)

    def _dragged(self, event: SelectionGeometry) -> None:
        inside = drawn_around(event, *self._xy.T) if len(self._xy) else None
        if inside is None:
            return
        at = np.flatnonzero(inside)
        if self.adding:  # what was chosen already stays, unlike with a click
            at = np.concatenate([self._chosen, np.setdiff1d(at, self._chosen)])
        self._on_atoms(at, False)
