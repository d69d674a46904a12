"""Curves of QPIExplorer: the radial profiles with their rings, and the error of cross-validation."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, Tap
from bokeh.models.annotations import Span

from mi_widgets.plots._style import FIT_COLOR, PEAK_COLORS
from mi_widgets.plots.qpi import (
    NAMES,
    profile_elements,
    profile_overlay,
    validation_elements,
    validation_overlay,
)
from mi_widgets.widgets._dos_marks import set_range
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["ErrorPanel", "ProfilePanel"]

MakeView = Callable[..., View]
Curves = Mapping[str, tuple[xr.DataArray, xr.DataArray | None]]
POINTED_COLOR = "#8e44ad"
_LINES = ((FIT_COLOR, "solid", 1.2), (FIT_COLOR, "dotted", 1.2), (PEAK_COLORS[2], "solid", 2.0))


class ProfilePanel:
    """Radial profiles; a click points at a distance.

    Parameters
    ----------
    make_view : callable
        `Study.view`.
    empty : xarray.DataArray
        A profile of NaN over q.
    on_q : callable
        Called with |q| (1/nm).
    """

    def __init__(self, make_view: MakeView, empty: xr.DataArray, on_q: Callable[[float], None]) -> None:
        self._on_q = on_q
        overlay = profile_overlay(dict.fromkeys(NAMES, (empty, None)), height=272)
        self.view = make_view("radial profile", overlay, self._wire)

    def show(self, curves: Curves) -> None:
        """Draw other profiles; those that are not given become empty."""
        with self.view.lock:
            top = 0.0
            for name in NAMES:
                profile, fit = curves.get(name, (None, None))
                if profile is None:
                    nothing = xr.DataArray([np.nan], {"q": [0.0]}, ("q",))
                    profile, fit = nothing, None
                else:
                    top = max(top, float(np.nanmax(profile.values, initial=0.0)))
                for element in profile_elements(name, profile, fit):
                    self.view.put(element)
            figure = self.view.figure("LASSO")
            set_range(figure.y_range, (-0.04 * (top or 1.0), 1.12 * (top or 1.0)))
            reach = max((float(p["q"].values[-1]) for p, _ in curves.values()), default=5.0)
            if figure.x_range.reset_end != reach:
                set_range(figure.x_range, (0.0, reach))

    def point(self, radii: Any) -> None:
        """Draw a line at what is pointed at, or none."""
        good = [float(r) for r in np.atleast_1d(radii) if np.isfinite(r)]
        with self.view.lock:
            self._mark.update(location=good[0] if good else None, visible=bool(good))

    def _wire(self, view: View) -> None:
        figure = view.figure("LASSO")
        self._mark = Span(dimension="height", line_color=POINTED_COLOR, line_width=1.5, visible=False)
        figure.add_layout(self._mark)
        set_tools(figure, "width", tip="", location="right")
        figure.tools = figure.tools[1:]
        figure.toolbar.update(active_drag=None)
        figure.update(min_border_left=70)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is not None:
            self._on_q(float(event.x))


class ErrorPanel:
    """Error of cross-validation against the penalty; a click shows the picture of the nearest one.

    Parameters
    ----------
    make_view : callable
        `Study.view`.
    on_penalty : callable
        Called with a penalty of the path.
    """

    def __init__(self, make_view: MakeView, on_penalty: Callable[[float], None]) -> None:
        self._on_penalty = on_penalty
        self._path = np.empty(0)
        self.view = make_view("cross-validation", validation_overlay(None, height=230), self._wire)

    def show(self, found: xr.Dataset | None) -> None:
        """Draw the errors of a result, or nothing."""
        with self.view.lock:
            for element in validation_elements(found):
                self.view.put(element)
            figure = self.view.figure("naive")
            self._path = np.empty(0) if found is None else np.asarray(found["penalty"].values, dtype=float)
            if found is None:
                self._best.visible = self._one_se.visible = False
                set_range(figure.y_range, (0.5, 1.5))
                return
            place, mean, error = (np.asarray(found[n].values, float) for n in ("penalty", "cv_mean", "cv_stderr"))
            naive = float(found["naive_error"].mean())
            good = mean[np.isfinite(mean)]
            low = float(np.min([*good, naive])) if good.size else naive
            spread = max(float(np.nanmax(error, initial=0.0)), 0.02 * abs(naive))
            # what lies far above the naive error is of no interest, and would press the rest flat
            high = max(naive + 2 * spread, min(float(good.max(initial=naive)), 1.15 * naive))
            set_range(figure.y_range, (low - 1.4 * spread, high + spread))
            set_range(figure.x_range, (0.8 * place.min(), 1.25 * place.max()))
            for span, name in ((self._best, "best_penalty"), (self._one_se, "one_se_penalty")):
                value = float(found[name])
                span.update(location=value, visible=bool(np.isfinite(value)))

    def mark(self, penalty: float | None) -> None:
        """Draw a line at the penalty whose picture is shown."""
        with self.view.lock:
            self._shown.update(location=penalty, visible=penalty is not None)

    def _wire(self, view: View) -> None:
        figure = view.figure("naive")
        self._best, self._one_se, self._shown = (
            Span(dimension="height", line_color=color, line_dash=dash, line_width=width, visible=False)
            for color, dash, width in _LINES
        )  # fmt: skip
        for span in (self._best, self._one_se, self._shown):
            figure.add_layout(span)
        set_tools(figure, "width", location="right")
        figure.tools = figure.tools[1:]
        figure.toolbar.update(active_drag=None)
        figure.update(min_border_left=70)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is not None and event.x > 0 and self._path.size:
            self._on_penalty(float(self._path[int(np.argmin(np.abs(np.log(self._path / event.x))))]))
