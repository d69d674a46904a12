"""Pictures of QPIExplorer: the map with its sampled pixels, and the q plane in two ways with one zoom."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, HoverTool, PanTool, ResetTool, WheelZoomTool
from bokeh.models.annotations import BoxAnnotation

from mi_widgets.plots._style import color_limits, is_signed, palette, plain
from mi_widgets.plots.maps import map_element, plot_map
from mi_widgets.plots.qpi import NAMES, RING_COLOR, q_image, q_layout, q_limits
from mi_widgets.widgets._dos_marks import set_range
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["PlanePanel", "SamplePanel"]

_SIDE = 226  # pixels of a q image
_MAP = 372
_TURN = np.linspace(0, 2 * np.pi, 121)
POINTED_COLOR = "#ffffff"
MakeView = Callable[..., View]


class SamplePanel:
    """The real-space map; dragging chooses the region that is sampled.

    Parameters
    ----------
    make_view : callable
        `Study.view`.
    da : xarray.DataArray
        Map over y and x.
    on_region : callable
        Called with ``{"y": [low, high], "x": [low, high]}``.
    """

    def __init__(
        self, make_view: MakeView, da: xr.DataArray, on_region: Callable[[dict[str, list[float]]], None]
    ) -> None:
        self._on_region, self._da = on_region, da
        picture = plot_map(da.astype(np.float32), size=_MAP, title=" ")
        self.view = make_view("map", picture, self._wire)
        self.view.add_class("mi-map")

    def show(self, da: xr.DataArray, title: str) -> None:
        """Draw other values of the same map."""
        with self.view.lock:
            self.view.put(map_element(da.transpose("y", "x").astype(np.float32)))
            self.view.figure("map").title.text = plain(title)
            low, high = color_limits(da)
            mapper = self.view.part("map").handles["color_mapper"]
            mapper.update(low=low, high=high)
            colors = list(palette(is_signed(np.asarray(da.values, dtype=float))))
            if list(mapper.palette) != colors:
                mapper.palette = colors

    def mark(self, region: Mapping[str, Any] | None) -> None:
        """Draw the frame of the region, or none."""
        ends = region or {}
        x, y = (list(ends.get(d) or (None, None)) for d in ("x", "y"))
        with self.view.lock:
            self._frame.update(left=x[0], right=x[1], bottom=y[0], top=y[1], visible=region is not None)

    def _wire(self, view: View) -> None:
        figure = view.figure("map")
        self._frame = BoxAnnotation(fill_color=None, line_color="#c2272d", line_width=2, visible=False, level="overlay")
        figure.add_layout(self._frame)
        hover = HoverTool(tooltips=[("y", "$y{0.0}"), ("x", "$x{0.0}"), ("value", "@image{0.000}")],
                          renderers=[view.part("map").handles["glyph_renderer"]])  # fmt: skip
        set_tools(figure, "both", tip="Drag a region: only pixels in it are sampled", hover=hover, location="right")
        figure.on_event(SelectionGeometry, self._dragged)

    def _dragged(self, event: SelectionGeometry) -> None:
        box: Any = event.geometry
        if not event.final or box is None or box["type"] != "rect":
            return
        region = {}
        for d in ("y", "x"):
            axis = np.asarray(self._da[d].values, dtype=float)
            ends = sorted((float(box[f"{d}0"]), float(box[f"{d}1"])))
            region[d] = [float(np.clip(v, axis.min(), axis.max())) for v in ends]
        if all(high > low for low, high in region.values()):
            self._on_region(region)


class PlanePanel:
    """Two images of the q plane that zoom together; a click points at a distance from its middle.

    Parameters
    ----------
    make_view : callable
        `Study.view`.
    empty : xarray.DataArray
        A q plane of NaN.
    on_q : callable
        Called with the distance |q| (1/nm).
    """

    def __init__(self, make_view: MakeView, empty: xr.DataArray, on_q: Callable[[float], None]) -> None:
        self._on_q = on_q
        self.view = make_view("q plane", q_layout({"transform": empty, "lasso": empty}, {}, _SIDE), self._wire)
        self.view.add_class("mi-qpi-planes")

    def show(self, name: str, da: xr.DataArray, note: str = "") -> None:
        """Draw one image, its colours from zero."""
        with self.view.lock:
            figure = self.view.figure(name)
            before = figure.x_range.reset_end
            self.view.put(q_image(da, name))
            figure.title.text = plain(NAMES[name] + note)
            low, high = q_limits(da)
            self.view.part(name).handles["color_mapper"].update(low=low, high=high)
            q = np.asarray(da["qx"].values, dtype=float)
            reach = float(q[-1] + (q[1] - q[0]) / 2)
            if before != reach:  # the same zoom stays for a picture of the same plane
                set_range(figure.x_range, (-reach, reach))
                set_range(figure.y_range, (-reach, reach))

    def rings(self, name: str, radii: Any) -> None:
        """Draw the fitted rings."""
        self._circles(f"rings {name}", radii)

    def point(self, radii: Any) -> None:
        """Draw a ring at what is pointed at, in both images."""
        for name in NAMES:
            self._circles(f"pointed {name}", radii)

    def _circles(self, label: str, radii: Any) -> None:
        good = [float(r) for r in np.atleast_1d(radii) if np.isfinite(r)]
        columns = {
            "xs": [(r * np.cos(_TURN)).tolist() for r in good],
            "ys": [(r * np.sin(_TURN)).tolist() for r in good],
        }
        self.view.write(label, columns)

    def _wire(self, view: View) -> None:
        for name in NAMES:
            figure = view.figure(name)
            for label, color, dash in ((f"rings {name}", RING_COLOR, "dashed"),
                                       (f"pointed {name}", POINTED_COLOR, "solid")):  # fmt: skip
                line = figure.multi_line("xs", "ys", source={"xs": [], "ys": []}, line_color=color, line_dash=dash,
                                         line_width=1.3, line_alpha=0.9)  # fmt: skip
                view.add(label, figure, line)
            hover = HoverTool(tooltips=[("qx", "$x{0.00}"), ("qy", "$y{0.00}"), ("amplitude", "@image{0.0000}")],
                              renderers=[view.part(name).handles["glyph_renderer"]])  # fmt: skip
            zoom = BoxSelectTool(description="Drag a rectangle: both pictures show it alone", renderers=[])
            figure.tools = [zoom, PanTool(), WheelZoomTool(), ResetTool(), hover]
            figure.toolbar.update(active_drag=zoom, active_scroll=None, active_tap=None, active_inspect=None, logo=None)
            figure.toolbar_location = "above"
            figure.on_event(Tap, self._tapped)
            figure.on_event(DoubleTap, self._tapped)
            figure.on_event(SelectionGeometry, self._zoomed)

    def _tapped(self, event: Tap) -> None:
        if event.x is not None and event.y is not None:
            self._on_q(float(np.hypot(event.x, event.y)))

    def _zoomed(self, event: SelectionGeometry) -> None:
        box: Any = event.geometry
        if not event.final or box is None or box["type"] != "rect":
            return
        with self.view.lock:
            figure = self.view.figure("transform")  # the two share their ranges
            for range_, key in ((figure.x_range, "x"), (figure.y_range, "y")):
                low, high = sorted((box[f"{key}0"], box[f"{key}1"]))
                if high > low:
                    range_.update(start=low, end=high)
