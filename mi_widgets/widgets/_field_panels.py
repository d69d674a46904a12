"""Pictures of FieldExplorer: a slice of the field, and the energies along the path."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from bokeh.events import DoubleTap, Tap

from mi_widgets.plots._style import palette, plain
from mi_widgets.plots.maps import map_element
from mi_widgets.plots.potentials_field import (
    TERMS,
    atoms_near,
    path_near,
    plot_guest_field,
    plot_path_profile,
    slice_limits,
    slice_values,
    threshold_lines,
)
from mi_widgets.widgets._tools import set_tools
from mi_widgets.widgets._view import View

__all__ = ["ProfilePanel", "SlicePanel"]

MakeView = Callable[..., View]
_POINTED = "#ffffff"


class SlicePanel:
    """A slice of the field with atoms, path and threshold; a click points at a place.

    Parameters
    ----------
    make_view : callable
        `Study.view`.
    empty : xarray.Dataset
        A field of the right size without values.
    on_point : callable
        Called with x and y (angstrom).
    """

    def __init__(self, make_view: MakeView, empty: xr.Dataset, on_point: Callable[[float, float], None]) -> None:
        self._on_point = on_point
        self._shape = (empty.sizes["x"], empty.sizes["y"])
        self.view = make_view("slice", plot_guest_field(empty, title=" "), self._wire)
        self.view.add_class("mi-field-slice")

    def show(self, field: xr.Dataset, paths: xr.Dataset | None, z: float, direction: str, shown: str) -> None:
        """Draw one slice; what does not change is not sent again."""
        at = float(field["z"].sel(z=z, method="nearest"))
        with self.view.lock:
            self.view.put(map_element(slice_values(field, at, shown).transpose("y", "x"), label="field"))
            mapper = self.view.part("field").handles["color_mapper"]
            low, high = slice_limits(field, shown)
            mapper.update(low=low, high=high)
            shades = list(palette())[:: -1 if shown in ("energy", "guest_energy") else 1]
            if list(mapper.palette) != shades:
                mapper.palette = shades
            self._lines("threshold", threshold_lines(field, paths, at, direction))
            whole, near = path_near(field, paths, at, direction)
            self._lines("whole path", whole)
            self.view.write("path", {"x": near[:, 0], "y": near[:, 1]})
            atoms = atoms_near(field, at)
            columns: Any = list(zip(*atoms, strict=True)) or [(), (), (), ()]
            names = ("x", "y", "color", "size")
            each = {n: list(c) if n == "color" else np.array(c) for n, c in zip(names, columns, strict=True)}
            self.view.write("atoms", each)
            self.view.figure("field").title.text = plain(f"{TERMS[shown]} (eV) at z = {at:.2f} Å")

    def mark(self, place: tuple[float, float] | None) -> None:
        """Mark the place that is pointed at, if it is in this slice."""
        x, y = ([], []) if place is None else ([place[0]], [place[1]])
        self.view.write("pointed", {"x": np.array(x, dtype=float), "y": np.array(y, dtype=float)})

    def _lines(self, label: str, lines: list[np.ndarray]) -> None:
        self.view.write(label, {"xs": [line[:, 0] for line in lines], "ys": [line[:, 1] for line in lines]})

    def _wire(self, view: View) -> None:
        figure = view.figure("field")
        mark = figure.scatter(x=[], y=[], marker="cross", size=18, line_color=_POINTED, line_width=3)
        view.add("pointed", figure, mark)
        set_tools(figure, None)
        figure.on_event(Tap, self._tapped)
        figure.on_event(DoubleTap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is not None and event.y is not None:
            self._on_point(float(event.x), float(event.y))


class ProfilePanel:
    """Energies along the path.

    Parameters
    ----------
    make_view : callable
        `Study.view`.
    paths : xarray.Dataset
        Paths of an empty field.
    on_distance : callable
        Called with a distance along the path (angstrom).
    """

    def __init__(self, make_view: MakeView, paths: xr.Dataset, on_distance: Callable[[float], None]) -> None:
        self._on_distance = on_distance
        self.view = make_view("profile", plot_path_profile(paths, title=" ", height=300), self._wire)

    def show(self, paths: xr.Dataset, direction: str) -> None:
        """Draw another path."""
        self.view.show(plot_path_profile(paths, direction, height=300))

    def _wire(self, view: View) -> None:
        figure = view.figure("field")
        set_tools(figure, None)
        figure.on_event(Tap, self._tapped)

    def _tapped(self, event: Tap) -> None:
        if event.x is not None:
            self._on_distance(float(event.x))
