"""The structure projected onto a plane: drawn by HoloViews, with click, box and lasso; it needs no WebGL."""

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr
from bokeh.events import PanStart, SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, HoverTool, LassoSelectTool, PanTool, ResetTool, WheelZoomTool

from mi_widgets.plots.structures import PLANES, projection_columns, projection_frame
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._view import View

__all__ = ["FlatView", "inside_polygon"]

_HALO: dict[str, list[float]] = {"x": [], "y": [], "r": []}


class FlatView:
    """Projection of a scene.

    Parameters
    ----------
    scene : xarray.Dataset
        From `mi_widgets.plots.structures.structure_scene`.
    plane : str
        ``"x-y"``, ``"x-z"`` or ``"y-z"``.
    point : callable
        Called with a list of positions of atoms and whether they are added to those chosen before.
    describe : callable
        Gives one text for each atom, for the pointer.
    """

    def __init__(
        self,
        scene: xr.Dataset,
        plane: str,
        *,
        size: float,
        point: Callable[[list[int], bool], None],
        describe: Callable[[], list[str]],
        lock: AppLock,
        on_error: Callable[[Exception], None],
    ) -> None:
        self.plane, self.size, self._point, self._describe = plane, size, point, describe
        self._chosen: list[int] = []
        self.adding, self._shift = False, False
        self._set(scene)
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.add_class("mi-flat")
        self.select([])

    def show(self, scene: xr.Dataset, *, plane: str, size: float) -> None:
        """Draw another scene, plane or size."""
        self.plane, self.size = plane, size
        self._set(scene)
        self.view.show(self._picture())
        self.select(self._chosen)

    def move(self, scene: xr.Dataset) -> None:
        """Draw the same atoms elsewhere, or in other colours: the quick way."""
        self._set(scene)
        with self.view.lock:
            self.view.write("dots", self._dots())
            self.view.write("sticks", self._sticks())
            self.view.write("edges", self._lines())
        self.select(self._chosen)

    def close(self) -> None:
        """Let go of everything: Bokeh and HoloViews keep documents, and these their callbacks."""
        document, figure = self.view._document, self.view.figure("frame")
        document.remove_on_change(self.view)
        figure._event_callbacks.clear()
        document.clear()
        self.view._wire = self.view._on_error = None  # anywidget keeps every view whose script is a file
        self.view.plot.cleanup()
        self._point, self._describe = (lambda _atoms, _add: None), list

    def select(self, atoms: list[int]) -> None:
        """Mark atoms by their positions in the structure."""
        self._chosen = list(atoms)
        at = np.isin(self.columns["atom"], atoms)
        c = self.columns
        self.view.write("halo", {"x": c["x"][at], "y": c["y"][at], "r": 1.06 * c["r"][at] + 0.04})

    def _set(self, scene: xr.Dataset) -> None:
        self.scene = scene
        self._image = scene["image"].values.astype(bool)
        position, parent = scene["position"].values, scene["atom"].values
        self.columns = projection_columns(
            position, parent, scene["color"].values, scene["radius"].values, self.plane, self.size
        )

    def _picture(self) -> Any:
        base, dims = projection_frame(self.columns, self.plane)
        return hv.Overlay([hv.Points([], dims, label="frame").opts(apply_ranges=False, backend="bokeh")]).opts(**base)

    def _dots(self) -> dict[str, Any]:
        c, texts = self.columns, self._describe()
        alpha = np.where(self._image[c["site"]], 0.35, 1.0)
        return {"x": c["x"], "y": c["y"], "r": c["r"], "color": c["color"].tolist(), "alpha": alpha,
                "text": [texts[a] for a in c["atom"]]}  # fmt: skip

    def _sticks(self) -> dict[str, Any]:
        ends = self.scene["bond_site"].values
        xy = self.scene["position"].values[:, list(PLANES[self.plane][:2])]
        return dict(zip(("x0", "y0", "x1", "y1"), [*xy[ends[:, 0]].T, *xy[ends[:, 1]].T], strict=True))

    def _lines(self) -> dict[str, Any]:
        xy = self.scene["cell_edge"].values[:, :, list(PLANES[self.plane][:2])]
        return dict(zip(("x0", "y0", "x1", "y1"), [*xy[:, 0].T, *xy[:, 1].T], strict=True))

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")  # HoloViews has made the axes; these layers are quicker to change
        ends = ("x0", "y0", "x1", "y1")
        view.add("edges", figure, figure.segment(*ends, source=self._lines(), line_color="#7b858e", line_width=1.2))
        view.add("sticks", figure, figure.segment(*ends, source=self._sticks(), line_color="#9aa3ab", line_width=2.5))
        dots = figure.circle("x", "y", radius="r", source=self._dots(), fill_color="color", line_color="#30363c",
                             line_width=0.6, fill_alpha="alpha", line_alpha="alpha")  # fmt: skip
        view.add("dots", figure, dots)
        # an outline over all atoms: those behind others are seen, and every atom keeps its colour
        halo = figure.circle(
            "x", "y", radius="r", source=dict(_HALO), fill_alpha=0.0, line_color="#f20099", line_width=2.5
        )
        view.add("halo", figure, halo)
        box = BoxSelectTool(renderers=[], description="Drag a rectangle: choose the atoms in it; Shift adds")
        lasso = LassoSelectTool(renderers=[], continuous=False, description="Draw around atoms; Shift adds")
        hover = HoverTool(renderers=[dots], tooltips=[("", "@text")], description="Say what is under the pointer")
        figure.tools = [box, lasso, PanTool(), WheelZoomTool(), ResetTool(), hover]
        figure.toolbar.update(active_drag=box, active_scroll=None, active_tap=None, logo=None)
        figure.toolbar_location = "right"
        figure.on_event(Tap, self._tapped)
        figure.on_event(PanStart, self._drag_begins)
        figure.on_event(SelectionGeometry, self._dragged)

    def _drag_begins(self, event: PanStart) -> None:
        self._shift = _shift_held(event)  # what is drawn around comes without it

    def _tapped(self, event: Tap) -> None:
        c, add = self.columns, _shift_held(event)
        if event.x is None or event.y is None:
            return
        on = np.flatnonzero(np.hypot(c["x"] - event.x, c["y"] - event.y) <= c["r"])
        if on.size or not add:
            self._point([int(c["atom"][on[-1]])] if on.size else [], add)

    def _dragged(self, event: SelectionGeometry) -> None:
        shape: Any = event.geometry
        if not event.final or shape is None:
            return
        c = self.columns
        if shape["type"] == "rect":
            inside = (c["x"] >= min(shape["x0"], shape["x1"])) & (c["x"] <= max(shape["x0"], shape["x1"]))
            inside &= (c["y"] >= min(shape["y0"], shape["y1"])) & (c["y"] <= max(shape["y0"], shape["y1"]))
        elif shape["type"] == "poly":
            inside = inside_polygon(c["x"], c["y"], np.asarray(shape["x"]), np.asarray(shape["y"]))
        else:
            return
        inside &= ~self._image[c["site"]]
        self._point(np.unique(c["atom"][inside]).tolist(), self.adding or self._shift)


def _shift_held(event: Tap | PanStart) -> bool:
    held: Any = event.modifiers
    return bool(held is not None and (held.get("shift") if isinstance(held, dict) else getattr(held, "shift", False)))


def inside_polygon(x: np.ndarray, y: np.ndarray, px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """Which points lie inside a polygon, by the number of edges to their right."""
    inside = np.zeros(len(x), dtype=bool)
    for x0, y0, x1, y1 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside
