"""The tree of merges one can point at: branches, boxes, and the cut as a line that is moved."""

from collections.abc import Callable, Sequence
from typing import Any

import holoviews as hv
import numpy as np
from bokeh.events import DoubleTap, Tap
from bokeh.models import FixedTicker, HoverTool, PanTool, ResetTool, WheelZoomTool
from bokeh.models.annotations import Span

from mi_widgets.plots._dos_frames import BOX_DEPTH, box_texts, branch_colors, from_scale, to_scale, tree_frame
from mi_widgets.plots._dos_tree import Twigs
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, pixel_scale, shift_held
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._view import View

__all__ = ["TreePanel"]

_HEIGHT = 262
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
        self._texts: list[str] = []
        self._cut: float | None = None
        self._chosen = np.empty(0, dtype=int)
        self._slots = np.empty(0, dtype=int)
        self._axis, self._percent = "distance of merging", False
        self.view = View(self._picture(), lock=lock, wire=self._wire, on_error=on_error)
        self.view.on_patch(self._cut_moved)
        self.view.add_class("mi-tree")

    def show(
        self, twigs: Twigs | None, slots: np.ndarray, elements: np.ndarray | None, axis: str, *, percent: bool
    ) -> None:
        """Draw another tree; `slots` are the colours of its sites, `elements` their elements."""
        self._twigs, self._slots, self._axis, self._percent = twigs, slots, axis, percent
        self._texts = box_texts(twigs, elements) if twigs is not None else []
        self.view.show(self._picture())
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
                if source.data["color"] != colors.tolist():
                    source.data["color"] = colors.tolist()

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
            ends = dict(zip(_QUAD, (at - 0.5, at + 0.5, np.full_like(at, -depth), np.full_like(at, 0.35 * depth)),
                            strict=True))  # fmt: skip
        self.view.write("halo", ends)

    # ---- what the figure is made of --------------------------------------------------------------------------------

    def _line_place(self) -> dict[str, Any]:
        there = self._cut is not None and self._twigs is not None
        return {"location": float(to_scale(self._cut or 0.0)), "visible": there}

    @property
    def _top(self) -> float:
        return float(self.view.figure("frame").y_range.end)

    def _picture(self) -> Any:
        return hv.Overlay([tree_frame(self._twigs, self._axis, percent=self._percent, height=_HEIGHT)]).opts(
            backend="bokeh", show_legend=False
        )

    def _wire(self, view: View) -> None:
        figure = view.figure("frame")
        lines, boxes = self._columns(float(figure.y_range.end))
        halo = figure.quad(*_QUAD, source={s: [] for s in _QUAD}, fill_color=CHOSEN_COLOR, fill_alpha=0.55,
                           line_color="#d9a400")  # fmt: skip
        view.add("halo", figure, halo)
        drawn = figure.segment(*_ENDS, source=lines, line_color="color", line_width=1.8, line_cap="square")
        view.add("lines", figure, drawn)
        quads = figure.quad(*_QUAD, source=boxes, fill_color="color", line_color="white", line_width=0.8)
        view.add("boxes", figure, quads)
        self._line = Span(
            dimension="width", line_color="#c2272d", line_width=2.5, line_dash="solid", line_alpha=0.9, editable=True,
            level="overlay", hover_line_color="#111111", **self._line_place(),
        )  # fmt: skip
        figure.add_layout(self._line)
        self._label_boxes(figure)
        hover = HoverTool(renderers=[quads], tooltips=[("", "@text")], description="Say what is under the pointer")
        figure.tools = [PanTool(dimensions="both"), WheelZoomTool(dimensions="height"), ResetTool(), hover]
        figure.toolbar.update(active_drag=None, active_scroll=None, active_tap=None, active_inspect=hover, logo=None)
        figure.toolbar_location = "right"
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)

    def _columns(self, top: float) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._twigs is None:
            return {**{e: [] for e in _ENDS}, "color": []}, {**{s: [] for s in _QUAD}, "color": [], "text": []}
        ends, _ = self._twigs.segments()
        ends[:, [1, 3]] = to_scale(ends[:, [1, 3]])
        line_colors, box_colors = branch_colors(self._twigs, self._slots)
        x = np.arange(len(self._texts), dtype=np.float32)
        depth = BOX_DEPTH * top
        boxes = (x - 0.45, x + 0.45, np.full_like(x, -0.85 * depth), np.zeros_like(x))
        return (
            {**dict(zip(_ENDS, ends.T.copy(), strict=True)), "color": line_colors.tolist()},
            {**dict(zip(_QUAD, boxes, strict=True)), "color": box_colors.tolist(), "text": self._texts},
        )

    def _label_boxes(self, figure: Any) -> None:
        texts: Sequence[str] = self._texts
        axis = figure.xaxis[0]
        axis.ticker = FixedTicker(ticks=list(range(len(texts))))
        axis.major_label_overrides = {i: text[:14] for i, text in enumerate(texts)}
        axis.update(major_tick_line_color=None, axis_line_color=None)
        if len(texts) > 12:
            axis.update(major_label_orientation="vertical",
                        major_label_text_font_size="9px" if len(texts) > 40 else "10px")  # fmt: skip
        # labels of another length must not move what stands below
        figure.update(min_border_bottom=56, min_border_left=64)

    # ---- what it tells ---------------------------------------------------------------------------------------------

    def _tapped(self, event: Tap) -> None:
        if self._twigs is None or event.x is None or event.y is None:
            return
        node = self._twigs.nearest(event.x, event.y, *pixel_scale(self.view.figure("frame")), REACH, to_scale)
        if node is not None:
            self._on_sites(self._twigs.tree.members(node), shift_held(event))
        elif event.y > 0:
            self._on_cut(from_scale(event.y))

    def _cut_moved(self) -> None:
        """The page moved the line itself."""
        at = self._line.location
        if isinstance(at, int | float) and self._cut is not None and at != self._line_place()["location"]:
            self._on_cut(from_scale(at))
