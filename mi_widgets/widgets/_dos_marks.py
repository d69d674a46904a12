"""What the pictures of a DOSClusterer share: distances in pixels, the key that adds, the mark of what is chosen."""

from typing import Any

import numpy as np
from bokeh.core.property.descriptors import UnsetValueError

from mi_widgets.widgets._structure_flat import inside_polygon

__all__ = ["CHOSEN_COLOR", "REACH", "drawn_around", "pixel_scale", "set_range", "shift_held"]

CHOSEN_COLOR = "#ffc70d"  # as in the viewer of structures
REACH = 8.0  # pixels from a line or point that still mean it
_WIDTH, _HEIGHT = 460, 220  # of a picture that no page has drawn yet


def shift_held(event: Any) -> bool:
    """Whether shift was held when the page was clicked on."""
    keys = getattr(event, "modifiers", None)
    if keys is None:
        return False
    return bool(keys.get("shift") if isinstance(keys, dict) else getattr(keys, "shift", False))


def drawn_around(event: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray | None:
    """Which points lie in the rectangle or lasso that was drawn; None while it is being drawn."""
    shape: Any = event.geometry
    if not event.final or shape is None:
        return None
    if shape["type"] == "rect":
        (x0, x1), (y0, y1) = sorted((shape["x0"], shape["x1"])), sorted((shape["y0"], shape["y1"]))
        return np.asarray((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1))
    return inside_polygon(x, y, np.asarray(shape["x"]), np.asarray(shape["y"])) if shape["type"] == "poly" else None


def pixel_scale(figure: Any) -> tuple[float, float]:
    """Pixels of one unit along both axes of a Bokeh figure."""
    width, height = _told(figure, "inner_width", _WIDTH), _told(figure, "inner_height", _HEIGHT)
    return width / (figure.x_range.end - figure.x_range.start), height / (figure.y_range.end - figure.y_range.start)


def set_range(range_: Any, ends: tuple[float, float]) -> None:
    """Ends of an axis, also those to which the page goes back."""
    low, high = (float(v) for v in ends)
    range_.update(start=low, end=high, reset_start=low, reset_end=high)


def _told(figure: Any, name: str, default: float) -> float:
    """What the page has told of the size of a picture."""
    try:
        value = getattr(figure, name)
    except UnsetValueError:
        return default
    return float(value) if isinstance(value, int | float) and value > 0 else default
