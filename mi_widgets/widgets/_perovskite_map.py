"""The map of compounds over two descriptors, on which one can point at compounds."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, Tap

from mi_widgets.plots.perovskites import plot_descriptor_map
from mi_widgets.widgets._dos_marks import CHOSEN_COLOR, REACH, pixel_scale, shift_held
from mi_widgets.widgets._view import View

__all__ = ["CompoundMap"]


class CompoundMap:
    """The view of compounds.

    Parameters
    ----------
    make : callable
        Makes the `View` of an element, given a ``wire``.
    on_compounds : callable
        Called with positions of compounds and whether they are added to those chosen before.
    x, y : xarray.Dataset
        Fits of the two descriptors.
    """

    def __init__(
        self,
        make: Callable[..., View],
        on_compounds: Callable[[list[int], bool], None],
        x: xr.Dataset,
        y: xr.Dataset,
    ) -> None:
        self._on_compounds, self._x, self._y = on_compounds, x, y
        self._shown, self._chosen = np.ones(x.sizes["candidate"], dtype=bool), list[int]()
        self.view = make("descriptors", plot_descriptor_map(x, y), wire=self._wire)

    def show(self, x: xr.Dataset, y: xr.Dataset, shown: np.ndarray) -> None:
        """Draw other descriptors or other compounds."""
        self._x, self._y, self._shown = x, y, shown
        self.view.show(plot_descriptor_map(x, y, shown=shown))
        self.choose(self._chosen)

    def choose(self, compounds: list[int]) -> None:
        """Mark compounds, by position."""
        self._chosen = compounds
        seen = [i for i in compounds if self._shown[i]]
        self.view.write("halo", {"x": self._x["value"].values[seen], "y": self._y["value"].values[seen]})

    def _wire(self, view: View) -> None:
        figure = view.figure("perovskites")
        halo = figure.scatter("x", "y", source={"x": [], "y": []}, size=16, fill_color=CHOSEN_COLOR, fill_alpha=0.6,
                              line_color="#d9a400", level="underlay")  # fmt: skip
        view.add("halo", figure, halo)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is None or event.y is None:
            return
        per_x, per_y = pixel_scale(self.view.figure("perovskites"))
        x, y = self._x["value"].values, self._y["value"].values
        away = np.hypot((x - event.x) * per_x, (y - event.y) * per_y)
        away = np.where(np.isfinite(away) & self._shown, away, np.inf)
        near = int(np.argmin(away))
        if away[near] <= 1.5 * REACH:
            self._on_compounds([near], shift_held(event))
        elif not shift_held(event):
            self._on_compounds([], False)
