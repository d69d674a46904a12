"""The rose diagram one can point at: sectors, curves of components, and the share of each sector that is chosen."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, Tap
from bokeh.models import HoverTool

from mi_widgets.plots._orientation_rose import (
    RING_COLOR,
    SECTOR_COLOR,
    TEXT_COLOR,
    angle_of,
    curve,
    degree_labels,
    place,
    radius,
    rings,
    round_frame,
    wedges,
)
from mi_widgets.plots.orientation import expected_lines, rose_top
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, shift_held
from mi_widgets.widgets._view import View

__all__ = ["RosePanel"]

_SIZE = 400


class RosePanel:
    """The view of the rose diagram.

    Parameters
    ----------
    make : callable
        `Study.view`.
    on_sector : callable
        Called with the number of a sector, or None beside the circle, and whether it is added.
    """

    def __init__(self, make: Callable[..., View], on_sector: Callable[[int | None, bool], None]) -> None:
        self._on_sector = on_sector
        self._rose: xr.Dataset | None = None
        self._north, self._scale, self._top = True, "area", 1.0
        self.view = make("rose", round_frame(_SIZE), wire=self._wire)
        self.view.add_class("mi-rose")

    def show(self, rose: xr.Dataset, density: xr.Dataset | None, north: bool, scale: str) -> None:
        """Draw sectors, and the curves of one candidate."""
        self._rose, self._north, self._scale = rose, north, scale
        low, high, period = rose["angle_low"].values, rose["angle_high"].values, float(rose["period"])
        count, total = rose["number"].values, float(rose["n_grains"])
        lines = [] if density is None else expected_lines(density, total * float(high[0] - low[0]))
        self._top = top = rose_top(count, lines[-1][2] if lines else None)
        xs, ys = wedges(low, high, radius(count, top, scale), north, period)
        texts = [
            f"{a:g}° to {b:g}°: {c:g} grains, {100 * c / total:.1f} %" for a, b, c in zip(low, high, count, strict=True)
        ]
        marks = rings(top)
        circles = [place(np.arange(0, 361, 3), radius(v, top, scale), north) for v in [*marks, top]]
        at = float(rose["angle"].values[np.argmin(count)])  # where the texts hide least
        where = [place(at, radius(v, top, scale), north) for v in marks]
        x, y, names = degree_labels(north)
        turns = len(xs) // len(texts)
        drawn = [
            (curve(density["angle"].values, radius(v, top, scale), north, period), color)
            for _, color, v in lines
            if density is not None
        ]
        parts, total_line = drawn[:-1], drawn[-1:]
        with self.view.lock:
            self.view.write("sectors", {"xs": xs, "ys": ys, "text": texts * turns})
            self.view.write("rings", {"xs": [c[0] for c in circles], "ys": [c[1] for c in circles]})
            self.view.write("degrees", {"x": x, "y": y, "text": names})
            self.view.write("counts", {
                "x": [float(w[0]) for w in where], "y": [float(w[1]) for w in where], "text": [f"{v:g}" for v in marks],
            })  # fmt: skip
            for label, some in (("parts", parts), ("sum", total_line)):
                columns = {"xs": [c[0] for c, _ in some], "ys": [c[1] for c, _ in some], "color": [k for _, k in some]}
                self.view.write(label, columns)

    def choose(self, number: np.ndarray) -> None:
        """Mark so many grains of each sector."""
        rose = self._rose
        if rose is None:
            return
        there = np.flatnonzero(number)
        low, high = rose["angle_low"].values[there], rose["angle_high"].values[there]
        r = radius(number[there], self._top, self._scale)
        xs, ys = wedges(low, high, r, self._north, float(rose["period"]))
        self.view.write("chosen", {"xs": xs, "ys": ys})

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        figure.update(toolbar_location=None, tools=[])

        def lines(label: str, **style: Any) -> None:
            columns: dict[str, Any] = {"xs": [], "ys": []} | (
                {"color": []} if style.get("line_color") == "color" else {}
            )
            view.add(label, figure, figure.multi_line("xs", "ys", source=columns, **style))

        def texts(label: str, **style: Any) -> None:
            columns: dict[str, Any] = {"x": [], "y": [], "text": []}
            drawn = figure.text("x", "y", "text", source=columns, text_align="center", text_baseline="middle", **style)
            view.add(label, figure, drawn)

        lines("rings", line_color=RING_COLOR)
        sectors = figure.patches(
            "xs", "ys", source={"xs": [], "ys": [], "text": []}, fill_color=SECTOR_COLOR, line_color="white"
        )
        view.add("sectors", figure, sectors)
        chosen = figure.patches("xs", "ys", source={"xs": [], "ys": []}, fill_color=CHOSEN_COLOR, line_color="#d9a400")
        view.add("chosen", figure, chosen)
        lines("parts", line_color="color", line_width=2.5)
        lines("sum", line_color="color", line_width=1.8, line_dash="dashed")
        texts("degrees", text_font_size="12px", text_color=TEXT_COLOR)
        texts("counts", text_font_size="11px", text_color=TEXT_COLOR)
        hover = HoverTool(renderers=[sectors], tooltips=[("", "@text")], description="Say what is under the pointer")
        figure.tools = [hover]
        figure.toolbar.update(active_inspect=hover, active_drag=None, active_tap=None, active_scroll=None)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        rose = self._rose
        if rose is None or event.x is None or event.y is None:
            return
        if np.hypot(event.x, event.y) > 1.03:
            self._on_sector(None, shift_held(event))
            return
        low, high = rose["angle_low"].values, rose["angle_high"].values
        angle = (angle_of(event.x, event.y, self._north) - low[0]) % float(rose["period"])
        sector = min(int(angle // (high[0] - low[0])), low.size - 1)
        self._on_sector(sector, shift_held(event))
