"""The same few tools on every figure: select by dragging, pan, zoom, reset."""

from typing import Any, Literal

from bokeh.models import BoxSelectTool, HoverTool, PanTool, ResetTool, WheelZoomTool

__all__ = ["set_tools"]


def set_tools(
    figure: Any,
    select: Literal["both", "width"] | None,
    *,
    tip: str = "",
    hover: HoverTool | None = None,
    location: Literal["above", "right"] = "above",
) -> None:
    """Replace the tools of a Bokeh figure; dragging selects, the wheel leaves the page its scrolling.

    Parameters
    ----------
    figure : bokeh.plotting.figure
        Changed in place, before it is shown.
    select : {"both", "width"} or None
        Directions in which dragging selects; None takes all tools away.
    tip : str
        What dragging does.
    hover : bokeh.models.HoverTool, optional
        What is shown beside the pointer, once the user switches it on.
    location : {"above", "right"}
        Where the buttons are.
    """
    figure.toolbar_location = location if select else None
    if select is None:
        figure.tools = []
        return
    drag = BoxSelectTool(dimensions=select, renderers=[], continuous=True, description=tip)
    if select == "width":
        drag.overlay.update(fill_color="#0072b2", fill_alpha=0.12, line_color="#0072b2", line_alpha=0.6)
    tools = [drag, PanTool(dimensions=select), WheelZoomTool(dimensions=select), ResetTool()]
    figure.tools = [*tools, hover] if hover is not None else tools
    figure.toolbar.update(active_drag=drag, active_scroll=None, active_tap=None, active_inspect=None, logo=None)
