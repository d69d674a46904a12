"""What is marked on a map: the pointed pixel by a cross, a region by a frame, the pinned pixel by a diamond."""

from typing import Any

import numpy as np
from bokeh.models.annotations import BoxAnnotation, Span

from mi_widgets.plots._style import PIN_COLOR
from mi_widgets.widgets._view import View

__all__ = ["Marks"]

_SIDES = ("left", "right", "bottom", "top")
Ends = list[tuple[float, float]]


class Marks:
    """Marks of one figure; added to it by Bokeh itself, which takes a fifth of the time of HoloViews elements.

    Parameters
    ----------
    view : View
        The view that is being built.
    figure : bokeh.plotting.figure
        Figure of the map.
    flat : bool
        The map has one dimension.
    """

    def __init__(self, view: View, figure: Any, flat: bool) -> None:
        self._view, self._flat, self._region_shown = view, flat, False
        line: dict[str, Any] = {"line_alpha": 0.6, "level": "overlay", "visible": False}
        line["line_color"] = "#c2272d" if flat else "white"
        self._vline = Span(dimension="height", **line)
        figure.add_layout(self._vline)
        if flat:
            self._stretch = BoxAnnotation(fill_color="#0072b2", fill_alpha=0.12, line_color=None, visible=False)
            figure.add_layout(self._stretch)
            pin = figure.vspan("x", source={"x": []}, line_color=PIN_COLOR, line_width=2, level="overlay")
            view.add("pin", figure, pin)
            return
        self._hline = Span(dimension="width", **line)
        figure.add_layout(self._hline)
        self._add_spots(view, figure)

    def _add_spots(self, view: View, figure: Any) -> None:
        frames: dict[str, dict[str, Any]] = {
            "region": {"fill_alpha": 0.12, "fill_color": "white", "line_color": "white"},
            "pin frame": {"fill_color": None, "line_color": PIN_COLOR, "level": "overlay"},
        }
        for name, style in frames.items():
            box = figure.quad(*_SIDES, source={s: [] for s in _SIDES}, line_width=2, **style)
            view.add(name, figure, box)
        spots: dict[str, dict[str, Any]] = {
            "halo": {"line_color": "#111111", "line_width": 4, "line_alpha": 0.55, "fill_alpha": 0},
            "pointer": {"line_color": "white", "line_width": 2, "fill_alpha": 0},
            "pin": {"line_color": "white", "line_width": 1.5, "fill_color": PIN_COLOR, "marker": "diamond"},
        }
        for name, style in spots.items():
            spot = figure.scatter("x", "y", source={"x": [], "y": []}, size=13, level="overlay", **style)
            view.add(name, figure, spot)

    def point(self, ends: Ends, half: list[float]) -> None:
        """Mark what lies between the lowest and highest positions along each dimension; `half` a pixel around it."""
        region = any(high > low for low, high in ends)
        mid = [float(np.mean(e)) for e in ends]
        self._vline.update(location=mid[-1], visible=not region)
        if self._flat:
            (low, high), d = ends[0], half[0]
            self._stretch.update(left=low - d, right=high + d, visible=region)
            return
        self._hline.update(location=mid[0], visible=not region)
        spot = {"x": [] if region else [mid[1]], "y": [] if region else [mid[0]]}
        for name in ("halo", "pointer"):
            self._view.write(name, dict(spot))
        if region or self._region_shown:
            self._view.write("region", _frame(ends if region else [], half))
        self._region_shown = region

    def pin(self, ends: Ends, half: list[float]) -> None:
        """Mark the pinned pixel or region; nothing for no ends."""
        mid = [[float(np.mean(e))] for e in ends]
        if self._flat:
            self._view.write("pin", {"x": mid[0] if mid else []})
            return
        self._view.write("pin", {"x": mid[1], "y": mid[0]} if mid else {"x": [], "y": []})
        self._view.write("pin frame", _frame(ends, half))


def _frame(ends: Ends, half: list[float]) -> dict[str, list[float]]:
    if not ends:
        return {side: [] for side in _SIDES}
    (y0, y1), (x0, x1) = ends
    return {"left": [x0 - half[1]], "right": [x1 + half[1]], "bottom": [y0 - half[0]], "top": [y1 + half[0]]}
