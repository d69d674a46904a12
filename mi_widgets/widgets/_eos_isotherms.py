"""The picture of points, isotherms and residuals that one can point at, with the dashed curves of the sliders."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, Tap

from mi_widgets.plots.eos import isotherm_columns, plot_isotherms
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, pixel_scale, shift_held
from mi_widgets.widgets._view import View

__all__ = ["Isotherms"]


class Isotherms:
    """The view of points and isotherms.

    Parameters
    ----------
    make : callable
        Makes the `View` of an element, given a ``wire``.
    on_points : callable
        Called with positions of points and whether they are added to those chosen before.
    fit, curves : xarray.Dataset
        What is drawn first.
    """

    def __init__(
        self,
        make: Callable[..., View],
        on_points: Callable[[list[int], bool], None],
        fit: xr.Dataset,
        curves: xr.Dataset,
    ) -> None:
        self._on_points, self._fit, self._curves = on_points, fit, curves
        self._chosen: list[int] = []
        self.view = make("isotherms", plot_isotherms(fit, curves, yours=True), wire=self._wire)

    def show(self, fit: xr.Dataset, curves: xr.Dataset) -> None:
        """Draw another fit of the same points; the figures stay where the isotherms do."""
        same = np.array_equal(curves["temperature"], self._curves["temperature"])
        self._fit, self._curves = fit, curves
        if not same:
            self.view.show(plot_isotherms(fit, curves, yours=True))
        else:
            for label, columns in isotherm_columns(fit, curves).items():
                if label not in ("points", "errors"):
                    self._write(label, columns)
        self.choose(self._chosen)

    def show_yours(self, curves: xr.Dataset | None) -> None:
        """Draw the dashed curves, or none."""
        for i, t in enumerate(self._curves["temperature"].values):
            x = curves["volume"].values if curves is not None else np.empty(0)
            y = curves["pressure"].values[i] if curves is not None else np.empty(0)
            self._write(f"yours {float(t):.0f} K", {"volume": x, "value": y})

    def choose(self, points: list[int]) -> None:
        """Mark points, by position."""
        self._chosen = points
        kind = "energy" if "energy" in self._fit else "pressure"
        x = self._fit["volume"].values[points]
        for label, y in ((kind, self._fit[kind]), ("residual", self._fit["residual_normalized"])):
            name = "halo" if label == kind else "halo below"
            self.view.write(name, {"x": x, "y": y.values[points]})

    def _write(self, label: str, columns: dict[str, np.ndarray]) -> None:
        """New values of the two coordinates; colours stay."""
        data = dict(self.view.part(label).handles["source"].data)
        self.view.write(label, data | dict(zip(list(data)[:2], columns.values(), strict=False)))

    def _wire(self, view: View) -> None:
        for label, name in (("points", "halo"), ("residuals", "halo below")):
            figure = view.figure(label)
            halo = figure.scatter("x", "y", source={"x": [], "y": []}, size=15, fill_color=CHOSEN_COLOR, fill_alpha=0.6,
                                  line_color="#d9a400", level="underlay")  # fmt: skip
            view.add(name, figure, halo)
            figure.on_event(Tap, lambda event, label=label: self._tapped(event, label))
            figure.on_event(DoubleTap, lambda event, label=label: self._tapped(event, label))

    def _tapped(self, event: Tap, label: str) -> None:
        if event.x is None or event.y is None:
            return
        kind = "energy" if "energy" in self._fit else "pressure"
        x = self._fit["volume"].values
        y = self._fit[kind if label == "points" else "residual_normalized"].values
        per_x, per_y = pixel_scale(self.view.figure(label))
        away = np.hypot((x - event.x) * per_x, (y - event.y) * per_y)
        away = np.where(np.isfinite(away), away, np.inf)
        near = int(np.argmin(away))
        if away[near] <= 1.5 * REACH:
            self._on_points([near], shift_held(event))
        elif not shift_held(event):
            self._on_points([], False)
