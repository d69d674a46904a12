"""The tree of merges one can point at: branches, boxes, and the cut as a line that is moved."""

from collections.abc import Callable
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import DoubleTap, Tap
from bokeh.models import FixedTicker, HoverTool, PanTool, ResetTool, WheelZoomTool
from bokeh.models.annotations import Span

from mi_widgets.plots._dos_frames import (
    BOX_DEPTH,
    box_texts,
    branch_colors,
    from_scale,
    root_ticks,
    to_scale,
    tree_frame,
    tree_limits,
)
from mi_widgets.plots._dos_tree import Twigs
from mi_widgets.plots._style import plain
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, pixel_scale, set_range, shift_held
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._view import View

__all__ = ["TreePanel"]

_HEIGHT = 232
_REACH = 12.0  # pixels from a branch that still mean it
_ENDS = ("x0", "y0", "x1", "y1")
_QUAD = ("left", "right", "bottom", "top")


class TreePanel:
    """The view of the tree.

    Parameters
    ----------
    lock : AppLock
        Lock of the application.
    on_sites : callable
        Called with positions of sites of the tree and whether they are added to those chosen before.
    on_cut : callable
        Called with a height.
    on_error : callable
        Called with what a callback raised.
    """

    def __init__(
        self,
        *,
        lock: AppLock,
        on_sites: Callable[[np.ndarray, bool], None],
        on_cut: Callable[[float], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_sites, self._on_cut = on_sites, on_cut
        self._twigs: Twigs | None = None
        self._cut: float | None = None
        self._chosen = np.empty(0, dtype=int)
        self._slots = np.empty(0, dtype=int)
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_patch(self._cut_moved)
        self.view.add_class("mi-tree")

    def show(
        self, twigs: Twigs | None, slots: np.ndarray, elements: np.ndarray | None, axis: str, *, percent: bool
    ) -> None:
        """Draw another tree; `slots` are the colours of its sites, `elements` their elements."""
        self._twigs, self._slots = twigs, slots
        texts = box_texts(twigs, elements) if twigs is not None else []
        with self.view.lock:
            figure = self.view.figure("frame")
            xlim, ylim = tree_limits(twigs)
            set_range(figure.x_range, xlim)
            set_range(figure.y_range, ylim)
            ticks = root_ticks(ylim[1], percent)
            figure.yaxis[0].update(ticker=FixedTicker(ticks=list(ticks)), major_label_overrides=ticks,
                                   axis_label=plain(axis))  # fmt: skip
            self._label_boxes(figure.xaxis[0], texts)
            self._write(texts, ylim[1])
            self._line.update(**self._line_place())
        self.choose(self._chosen)

    def color(self, slots: np.ndarray) -> None:
        """Draw the same tree in the colours of other clusters."""
        self._slots = slots
        if self._twigs is None:
            return
        lines, boxes = branch_colors(self._twigs, slots)
        with self.view.lock:
            for label, colors in (("lines", lines), ("boxes", boxes)):
                source = self.view.part(label).handles["source"]
                if source.data["color"] != colors.tolist():  # one column alone is read when it is sent, not now
                    source.data = {**source.data, "color": colors.tolist()}

    def cut(self, height: float | None) -> None:
        """Draw the line of the cut."""
        self._cut = height
        with self.view.lock:
            self._line.update(**self._line_place())

    def choose(self, sites: np.ndarray) -> None:
        """Mark the boxes that hold some sites."""
        self._chosen = sites
        ends = {side: np.empty(0, np.float32) for side in _QUAD}
        if self._twigs is not None and len(sites):
            tree = self._twigs.tree
            there = np.zeros(tree.n, dtype=bool)
            there[sites] = True
            total = np.concatenate([[0], np.cumsum(there[tree.order])])
            leaves = self._twigs.leaves
            at = np.flatnonzero(total[tree.stop[leaves]] > total[tree.start[leaves]]).astype(np.float32)
            depth = BOX_DEPTH * self._top
            sides = (at - 0.5, at + 0.5, np.full_like(at, -depth), np.full_like(at, 0.5 * depth))
            ends = dict(zip(_QUAD, sides, strict=True))
        self.view.write("halo", ends)

    # ---- what the figure is made of --------------------------------------------------------------------------------

    def _line_place(self) -> dict[str, Any]:
        there = self._cut is not None and self._twigs is not None
        place = min(float(to_scale(self._cut or 0.0)), 0.99 * self._top)  # above all merges it stands at the edge
        return {"location": place, "visible": there}

    @property
    def _top(self) -> float:
        return float(self.view.figure("frame").y_range.end)

    def _picture(self) -> Any:
        frame = tree_frame(None, "distance", percent=False, height=_HEIGHT)
        return hv.Overlay([frame]).opts(backend="bokeh", show_legend=False)

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        lines: dict[str, Any] = {name: [] for name in (*_ENDS, "color")}
        boxes: dict[str, Any] = {name: [] for name in (*_QUAD, "color", "text")}
        halo = figure.quad(*_QUAD, source={s: [] for s in _QUAD}, fill_color=CHOSEN_COLOR, fill_alpha=0.55,
                           line_color="#d9a400")  # fmt: skip
        view.add("halo", figure, halo)
        drawn = figure.segment(*_ENDS, source=lines, line_color="color", line_width=1.8, line_cap="square")
        view.add("lines", figure, drawn)
        quads = figure.quad(*_QUAD, source=boxes, fill_color="color", line_color="white", line_width=0.8)
        view.add("boxes", figure, quads)
        self._line = Span(
            dimension="width", line_color="#c2272d", line_width=2.5, line_dash="solid", line_alpha=0.9, editable=True,
            level="overlay", hover_line_color="#111111", visible=False,
        )  # fmt: skip
        figure.add_layout(self._line)
        # labels of another length must not move what stands below
        figure.update(min_border_bottom=56, min_border_left=64)
        figure.xaxis[0].update(major_tick_line_color=None, axis_line_color=None)
        hover = HoverTool(renderers=[quads], tooltips=[("", "@text")], description="Say what is under the pointer")
        figure.tools = [PanTool(dimensions="both"), WheelZoomTool(dimensions="height"), ResetTool(), hover]
        figure.toolbar.update(active_drag=None, active_scroll=None, active_tap=None, active_inspect=hover, logo=None)
        figure.toolbar_location = "right"
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped_twice)

    def _write(self, texts: list[str], top: float) -> None:
        if self._twigs is None:
            for label, names in (("lines", (*_ENDS, "color")), ("boxes", (*_QUAD, "color", "text"))):
                self.view.write(label, {name: [] for name in names})
            return
        ends, _ = self._twigs.segments()
        ends[:, [1, 3]] = to_scale(ends[:, [1, 3]])
        line_colors, box_colors = branch_colors(self._twigs, self._slots)
        x = np.arange(len(texts), dtype=np.float32)
        sides = (x - 0.45, x + 0.45, np.full_like(x, -0.7 * BOX_DEPTH * top), np.zeros_like(x))
        lines = {**dict(zip(_ENDS, ends.T.copy(), strict=True)), "color": line_colors.tolist()}
        self.view.write("lines", lines)
        boxes = {**dict(zip(_QUAD, sides, strict=True)), "color": box_colors.tolist(), "text": texts}
        self.view.write("boxes", boxes)

    def _label_boxes(self, axis: Any, texts: list[str]) -> None:
        upright = len(texts) > 12
        axis.update(
            ticker=FixedTicker(ticks=list(range(len(texts)))),
            major_label_overrides={i: text[:14] for i, text in enumerate(texts)},
            major_label_orientation="vertical" if upright else "horizontal",
            major_label_text_font_size="9px" if len(texts) > 36 else "10px" if upright else "11px",
        )

    # ---- what it tells ---------------------------------------------------------------------------------------------

    def _tapped(self, event: Tap | DoubleTap) -> None:
        if self._twigs is None or event.x is None or event.y is None:
            return
        node = self._twigs.nearest(event.x, event.y, *pixel_scale(self.view.figure("frame")), _REACH, to_scale)
        if node is not None:
            self._on_sites(self._twigs.tree.members(node), shift_held(event))
        elif not shift_held(event):
            self._on_sites(np.empty(0, dtype=int), False)

    def _tapped_twice(self, event: DoubleTap) -> None:
        """Beside the branches the cut moves there; a single click must not, it would undo work by a slip."""
        if self._twigs is None or event.x is None or event.y is None:
            return
        scale = pixel_scale(self.view.figure("frame"))
        near = self._twigs.nearest(event.x, event.y, *scale, _REACH, to_scale) is not None
        if near or event.y <= 0:
            self._tapped(event)
        else:
            self._on_cut(from_scale(event.y))

    def _cut_moved(self) -> None:
        """The page moved the line itself."""
        at = self._line.location
        if isinstance(at, int | float) and self._cut is not None and at != self._line_place()["location"]:
            self._on_cut(from_scale(at))
