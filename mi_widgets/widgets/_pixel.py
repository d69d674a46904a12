"""Fields that say which pixel is pointed at, and take another one."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._fields import field

__all__ = ["PixelFields"]


class PixelFields(ipw.HBox):
    """One field for each dimension of the map, one slider for each other dimension.

    Parameters
    ----------
    coords : mapping of str to DataArray or None
        Coordinates, for their units.
    labels : mapping of str to numpy.ndarray
        Labels that can be pointed at.
    map_dims : tuple of str
        Dimensions that the map shows; the others get sliders.
    on_point : callable
        Called with labels.
    on_error : callable
        Called with a `ParameterError` when a field holds no number.
    """

    def __init__(
        self,
        coords: Mapping[str, xr.DataArray | None],
        labels: Mapping[str, np.ndarray],
        map_dims: tuple[str, ...],
        on_point: Callable[[dict[str, Any]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_point, self._on_error, self._labels, self._quiet = on_point, on_error, labels, False
        self._shown: Mapping[str, Any] = {}
        self.fields: dict[str, ipw.Widget] = {}
        boxes = []
        for dim, coord in coords.items():
            units = str(coord.attrs.get("units", "1")) if coord is not None else "1"
            caption = html.escape(dim if units in ("", "1") else f"{dim} ({nice_unit(units)})")
            if dim in map_dims:
                widget = ipw.Text(
                    "", continuous_update=False, layout={"width": "70px"},
                    tooltip="Type a position; the nearest pixel is taken. Arrow keys on the map move it too.",
                )  # fmt: skip
            else:
                options = [(f"{v:.6g}" if isinstance(v, float) else str(v), v) for v in labels[dim].tolist()]
                widget = ipw.SelectionSlider(options=options, layout={"width": "230px"}, tooltip="Plane of the data")
            widget.observe(lambda change, dim=dim: self._changed(dim, change["new"]), "value")
            self.fields[dim] = widget
            boxes.append(field(caption, widget))
        super().__init__(boxes)
        self.add_class("mi-row")

    def show(self, selection: Mapping[str, Any]) -> None:
        """Show what is pointed at."""
        self._quiet, self._shown = True, selection
        try:
            for dim, widget in self.fields.items():
                value = selection[dim]
                if isinstance(widget, ipw.Text):
                    ends = [value[0], value[-1]] if isinstance(value, list) else [value]
                    widget.value = " – ".join(f"{v:.6g}" if isinstance(v, float) else str(v) for v in ends)
                elif not isinstance(value, list):
                    widget.value = value
        finally:
            self._quiet = False

    def _changed(self, dim: str, value: Any) -> None:
        if self._quiet:
            return
        if isinstance(value, str) and self._labels[dim].dtype.kind in "uif":
            try:
                value = float(value.strip().replace(",", "."))
            except ValueError:
                error = ParameterError(
                    f"{dim}: {value!r} is not a number; write a position such as {self._labels[dim][0]}."
                )
                self._on_error(error)
                self.show(self._shown)
                return
        self._on_point({dim: value})
