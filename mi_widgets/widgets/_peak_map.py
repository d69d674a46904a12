"""What the map of PeakMapper shows: intensity in a window, or any variable of the result."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets.plots._style import text_of
from mi_widgets.widgets._peak_controls import _field

__all__ = ["INTENSITY", "MapChoice", "variables_of"]

INTENSITY = "intensity"
_ORDER = ("center", "amplitude", "height", "fwhm", "sigma", "fraction")


def variables_of(result: xr.Dataset | None, dims: tuple[str, ...]) -> list[str]:
    """Names of the variables of a result that can be drawn as a map, the usual ones first."""
    if result is None:
        return []
    names = [
        str(n)
        for n in result.data_vars
        if set(dims) <= set(result[n].dims) <= {*dims, "peak"} and not str(n).endswith("_stderr")
    ]
    return sorted(names, key=lambda n: (_ORDER.index(n) if n in _ORDER else len(_ORDER), names.index(n)))


class MapChoice(ipw.HBox):
    """Fields that choose the variable, the peak, value or error, colour limits and what is hidden.

    Parameters
    ----------
    on_change : callable
        Called without arguments when another picture is wanted.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change, self._quiet = on_change, False
        self.variable = ipw.Dropdown(options=[INTENSITY], layout={"width": "128px"}, tooltip="What the map shows")
        self.peak = ipw.Dropdown(options=[("1", 0)], layout={"width": "52px"}, tooltip="Peak, counted by position")
        self.kind = ipw.Dropdown(
            options=[("value", ""), ("std. error", "_stderr")], layout={"width": "92px"},
            tooltip="The value itself or its standard error",
        )  # fmt: skip
        self.percentile = ipw.FloatRangeSlider(
            value=(2, 98), min=0, max=100, step=0.5, readout_format=".0f", continuous_update=False,
            layout={"width": "150px"}, tooltip="Percentiles of the values at which the colours end",
        )  # fmt: skip
        self.pixels = ipw.Dropdown(
            options=[("converged", 1), ("ok only", 0), ("all", 99)], layout={"width": "112px"},
            tooltip="Pixels shown: converged (status ok or a parameter at its bound), ok only, or all",
        )  # fmt: skip
        self.max_error = ipw.Text(
            "", placeholder="none", continuous_update=False, layout={"width": "64px"},
            tooltip="Hide pixels whose standard error of this variable is larger than this, in its unit",
        )  # fmt: skip
        self._fields = {
            name: _field(text, widget)
            for name, text, widget in (
                ("variable", "map of", self.variable), ("peak", "peak", self.peak), ("kind", "show", self.kind),
                ("pixels", "pixels", self.pixels), ("percentile", "colours, percentiles", self.percentile),
                ("max_error", "max. error", self.max_error),
            )
        }  # fmt: skip
        for widget in (self.variable, self.peak, self.kind, self.percentile, self.pixels, self.max_error):
            widget.observe(self._changed, "value")
        super().__init__(list(self._fields.values()))
        self.add_class("mi-row")
        self.add_class("mi-map-choice")
        self._enable(None)

    def offer(self, result: xr.Dataset | None, dims: tuple[str, ...]) -> None:
        """Offer the variables of a result; keeps what is chosen if it is still there."""
        self._quiet = True
        try:
            options = [(INTENSITY, INTENSITY), *((n.replace("_", " "), n) for n in variables_of(result, dims))]
            if tuple(self.variable.options) != tuple(options):
                chosen = self.variable.value
                self.variable.options = options
                self.variable.value = chosen if chosen in dict(options).values() else INTENSITY
            n = int(result.sizes.get("peak", 1)) if result is not None else 1
            if len(self.peak.options) != n:
                at = self.peak.value or 0
                self.peak.options = [(str(i + 1), i) for i in range(n)]
                self.peak.value = min(at, n - 1)
            self._enable(result)
        finally:
            self._quiet = False

    def choose(self, variable: str) -> None:
        """Choose a variable without telling."""
        self._quiet = True
        try:
            self.variable.value = variable
        finally:
            self._quiet = False

    def _enable(self, result: xr.Dataset | None) -> None:
        name = self.variable.value
        variable = result[name] if result is not None and name != INTENSITY else None
        fitted = variable is not None
        has_error = result is not None and f"{name}_stderr" in result
        self.peak.disabled = variable is None or "peak" not in variable.dims
        self.kind.disabled = self.max_error.disabled = not has_error
        self.pixels.disabled = not fitted or name == "status"

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self._on_change()

    def pick(self, result: xr.Dataset) -> tuple[xr.DataArray, str, list[str] | None]:
        """The chosen map, its title, and the names of its categories for the status."""
        self._enable(result)
        name = str(self.variable.value)
        da = result[name]
        if name == "status":
            return da, "status of the fit", [m.replace("_", " ") for m in str(da.attrs["flag_meanings"]).split()]
        error = result.get(f"{name}_stderr")
        shown = error if error is not None and self.kind.value else da
        title = f"{'std. error of ' if shown is error and error is not None else ''}{text_of(da)}"
        if "peak" in shown.dims:
            at = {"peak": min(self.peak.value or 0, result.sizes["peak"] - 1)}
            shown, title = shown.isel(at, drop=True), f"peak {at['peak'] + 1} · {title}"
            error = None if error is None else error.isel(at, drop=True)
        shown = shown.astype(float)
        if "status" in result:
            shown = shown.where(result["status"] <= self.pixels.value)
        limit = self._limit()
        if limit is not None and error is not None:
            shown = shown.where(error <= limit)
        return shown, title, None

    def _limit(self) -> float | None:
        try:
            value = float(self.max_error.value.replace(",", "."))
        except ValueError:
            return None
        return value if np.isfinite(value) else None
