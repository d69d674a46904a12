"""Places of a rose diagram: sectors, curves, rings and texts in a plane; pictures and views share them."""

from typing import Any

import holoviews as hv
import numpy as np

from mi_widgets.plots._style import PEAK_COLORS, figure_style, plain

__all__ = [
    "LINES",
    "REST_COLOR",
    "RING_COLOR",
    "SECTOR_COLOR",
    "TEXT_COLOR",
    "angle_of",
    "component_colors",
    "curve",
    "degree_labels",
    "place",
    "radius",
    "rings",
    "round_frame",
    "wedges",
]

SECTOR_COLOR, RING_COLOR, TEXT_COLOR, REST_COLOR = "#b9cfe0", "#d5dade", "#4a535c", "#8a939c"
LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}

#: Ends of both axes: the circle has radius 1, texts stand outside.
LIMITS = (-1.24, 1.24)
#: Where the texts of the angles stand.
LABEL_AT = 1.1


def place(angle: Any, r: Any, north: bool) -> tuple[np.ndarray, np.ndarray]:
    """Place (x, y) of an angle (degree): from north clockwise, or from the right anticlockwise."""
    turn = np.radians(np.asarray(angle, dtype=float))
    first, second = np.sin(turn) * r, np.cos(turn) * r
    return (first, second) if north else (second, first)


def angle_of(x: float, y: float, north: bool) -> float:
    """Angle (degree, 0 to 360) of a place."""
    return float(np.degrees(np.arctan2(x, y) if north else np.arctan2(y, x)) % 360)


def radius(value: Any, top: float, scale: str) -> np.ndarray:
    """Radius of a number of grains: its root with ``"area"``, so that areas are as the numbers."""
    share = np.maximum(np.asarray(value, dtype=float), 0.0) / (top or 1.0)
    return np.sqrt(share) if scale == "area" else share


def wedges(
    low: np.ndarray, high: np.ndarray, r: np.ndarray, north: bool, period: float
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Outlines of the sectors; those of axes a second time on the other side."""
    xs, ys = [], []
    for turn in np.arange(0.0, 360.0, period):
        for a, b, one in zip(low, high, r, strict=True):
            arc = np.linspace(a, b, max(3, int((b - a) / 2) + 2)) + turn
            x, y = place(arc, one, north)
            xs.append(np.append(0.0, x))
            ys.append(np.append(0.0, y))
    return xs, ys


def curve(angle: np.ndarray, r: np.ndarray, north: bool, period: float) -> tuple[np.ndarray, np.ndarray]:
    """A closed curve of radii over one period, repeated around the circle."""
    turns = np.arange(0.0, 360.0, period)
    every = np.concatenate([angle + t for t in turns])
    radii = np.tile(r, turns.size)
    return place(np.append(every, every[:1] + 360.0), np.append(radii, radii[:1]), north)


def rings(top: float, n: int = 4) -> list[float]:
    """Round numbers of grains for the rings."""
    if not top > 0:
        return []
    raw = top / n
    unit = 10.0 ** np.floor(np.log10(raw))
    step = next(s * unit for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * unit >= raw * 0.999)
    return [float(v) for v in np.arange(step, top * 1.0001, step)]


def degree_labels(north: bool) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Texts of the angles around the circle, every 30 degree."""
    angle = np.arange(0, 360, 30)
    x, y = place(angle, LABEL_AT, north)
    return x, y, [f"{a}°" for a in angle]


def component_colors(n: int) -> list[str]:
    """Colours of components, which every picture of orientations uses.

    Parameters
    ----------
    n : int
        Number of components.

    Returns
    -------
    list of str
        One for each.

    Examples
    --------
    >>> len(component_colors(3))
    3
    """
    return [PEAK_COLORS[k % len(PEAK_COLORS)] for k in range(n)]


def _no_grid(plot: Any, _element: Any) -> None:
    """HoloViews hook: a circle has rings of its own."""
    plot.state.xgrid.visible = plot.state.ygrid.visible = False
    plot.state.outline_line_color = None


def round_frame(size: int, title: str = "", label: str = "frame") -> hv.Points:
    """Square without axes, for what is drawn on a circle."""
    return hv.Points([], ["x", "y"], label=label).opts(
        xlim=LIMITS, ylim=LIMITS, frame_width=size, frame_height=size, xaxis=None, yaxis=None, show_grid=False,
        show_legend=False, title=plain(title), hooks=[figure_style, _no_grid], **LINES,
    )  # fmt: skip
