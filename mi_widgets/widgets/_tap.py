"""A click on a picture of points: the nearest one within reach, and the mark of what is chosen."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from bokeh.events import Tap

from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, pixel_scale
from mi_widgets.widgets._view import View

__all__ = ["NearestTap"]

Points = tuple[np.ndarray, np.ndarray, Sequence[Any]]


class NearestTap:
    """Makes points of one figure answer to clicks.

    Parameters
    ----------
    points : callable
        Gives x, y and labels of the points that can be clicked on.
    on_pick : callable
        Called with a label, or None beside all points.
    size : float
        Of the mark (pixels).
    """

    def __init__(self, points: Callable[[], Points], on_pick: Callable[[Any], None], size: float = 17.0) -> None:
        self._points, self._on_pick, self._size = points, on_pick, size
        self._view: View | None = None
        self._marked: list[Any] = []
        self._name = ""

    def wire_to(self, label: str) -> Callable[[View], None]:
        """The ``wire`` of a view in which the element with this label is drawn."""

        def wire(view: View) -> None:
            self._view, self._name = view, f"chosen {label}"
            figure = view.figure(label)
            ring = figure.scatter("x", "y", source={"x": [], "y": []}, size=self._size, fill_color=CHOSEN_COLOR,
                                  fill_alpha=0.6, line_color="#d9a400", level="underlay")  # fmt: skip
            view.add(self._name, figure, ring)
            figure.on_event(Tap, self.tapped)
            self.mark(self._marked)

        return wire

    def mark(self, labels: Sequence[Any]) -> None:
        """Mark the points with these labels."""
        self._marked = list(labels)
        if self._view is None:
            return
        x, y, names = self._points()
        at = [i for i, n in enumerate(names) if n in self._marked]
        self._view.write(self._name, {"x": np.asarray(x)[at], "y": np.asarray(y)[at]})

    def tapped(self, event: Any) -> None:
        """Pick what was clicked on."""
        x, y, names = self._points()
        if event.x is None or event.y is None or not len(names) or self._view is None:
            return
        per_x, per_y = pixel_scale(self._view.part(self._name).handles["plot"])
        away = np.hypot((np.asarray(x) - event.x) * per_x, (np.asarray(y) - event.y) * per_y)
        away = np.where(np.isfinite(away), away, np.inf)
        near = int(np.argmin(away))
        self._on_pick(names[near] if away[near] <= 1.5 * REACH else None)
