"""What the map of PeakMapper shows: intensity in a window, any variable of the fit, or the number of peaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets.plots._style import PEAK_COLORS, STATUS_COLORS
from mi_widgets.widgets._fields import Quiet, field
from mi_widgets.widgets._names import name_of, with_unit

__all__ = ["COUNTED", "INTENSITY", "MapChoice", "Picked", "variables_of"]

INTENSITY = "intensity"
#: Variables of the number of peaks that can be drawn; they come first once it is known.
COUNTED = ("n_peaks", "margin", "family_suspect")
_ORDER = ("center", "amplitude", "height", "fwhm", "sigma", "fraction")
_NONE_COLOR, _FAR, _MOST = "#b9c0c7", 5.0, 0.8
_COUNTED_NAMES = {"n_peaks": "number of peaks", "margin": "margin of the number", "family_suspect": "model suspect"}


@dataclass(frozen=True)
class Picked:
    """One map.

    Attributes
    ----------
    da : xarray.DataArray
        What is drawn; NaN where pixels are hidden.
    trusted : xarray.DataArray
        The same, NaN also where a value says nothing: the limits of the colours come from the rest.
    title, text : str
        Title of the map, name and unit of its values.
    key : str
        Name under which limits of the colours are kept.
    flags : list of (str, str) or None
        Names and colours of the categories 0, 1, 2 …
    """

    da: xr.DataArray
    trusted: xr.DataArray
    title: str
    text: str
    key: str
    flags: list[tuple[str, str]] | None = None


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
    """Fields that choose the variable, the peak, value or error, and what is hidden.

    Parameters
    ----------
    on_change : callable
        Called without arguments when another picture is wanted.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change, self._quiet = on_change, Quiet()
        self.variable = ipw.Dropdown(options=[INTENSITY], layout={"width": "148px"}, tooltip="What the map shows")
        self.peak = ipw.Dropdown(options=[("1", 0)], layout={"width": "48px"}, tooltip="Peak, counted by position")
        self.kind = ipw.Dropdown(
            options=[("value", ""), ("std. error", "_stderr")], layout={"width": "86px"},
            tooltip="The value itself or its standard error",
        )  # fmt: skip
        self.pixels = ipw.Dropdown(
            options=[("converged", 1), ("ok only", 0), ("all", 99)], layout={"width": "104px"},
            tooltip="Pixels shown: converged (status ok or a parameter at its bound), ok only, or all",
        )  # fmt: skip
        self.max_error = ipw.Text(
            "", placeholder="none", continuous_update=False, layout={"width": "56px"},
            tooltip="Hide pixels whose standard error of this variable is larger than this, in its unit",
        )  # fmt: skip
        fields = {"map of": self.variable, "peak": self.peak, "show": self.kind, "pixels": self.pixels,
                  "max. error": self.max_error}  # fmt: skip
        for widget in fields.values():
            widget.observe(self._changed, "value")
        super().__init__([field(text, widget) for text, widget in fields.items()])
        self.add_class("mi-row")
        self.add_class("mi-map-choice")
        self.enable(None)

    def offer(self, result: xr.Dataset | None, dims: tuple[str, ...], counted: xr.Dataset | None = None) -> None:
        """Offer the variables of the results; keeps what is chosen if it is still there."""
        with self._quiet:
            options = [(INTENSITY, INTENSITY)]
            options += [(_COUNTED_NAMES.get(n, name_of(n)), n) for n in COUNTED if counted is not None]
            options += [(name_of(n), n) for n in variables_of(result, dims)]
            if tuple(self.variable.options) != tuple(options):
                chosen = self.variable.value
                self.variable.options = options
                self.variable.value = chosen if chosen in dict(options).values() else INTENSITY
            n = int(result.sizes.get("peak", 1)) if result is not None else 1
            if len(self.peak.options) != n:
                at = self.peak.value or 0
                self.peak.options = [(str(i + 1), i) for i in range(n)]
                self.peak.value = min(at, n - 1)
            self.enable(result)

    def choose(self, variable: str) -> None:
        """Choose a variable without telling."""
        with self._quiet:
            self.variable.value = variable

    def enable(self, result: xr.Dataset | None) -> None:
        """Enable the fields that mean something for the chosen variable."""
        name = self.variable.value
        variable = result[name] if result is not None and name in result else None
        has_error = result is not None and f"{name}_stderr" in result
        self.peak.disabled = variable is None or "peak" not in variable.dims
        self.kind.disabled = self.max_error.disabled = not has_error
        self.pixels.disabled = variable is None or name == "status"

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self._on_change()

    def pick(self, result: xr.Dataset | None, counted: xr.Dataset | None) -> Picked | None:
        """The chosen map; None for the intensity, which is not in the results."""
        self.enable(result)
        name = str(self.variable.value)
        if name in COUNTED and counted is not None:
            return _of_counted(counted, name)
        if result is None or name not in result:
            return None
        if name == "status":
            return _of_status(result["status"])
        da, error = result[name], result.get(f"{name}_stderr")
        shown = error if error is not None and self.kind.value else da
        what = f"{'std. error of ' if shown is error and error is not None else ''}{name_of(name)}"
        key, peak = f"{name}{self.kind.value if error is not None else ''}", ""
        if "peak" in shown.dims:
            at = {"peak": min(self.peak.value or 0, result.sizes["peak"] - 1)}
            shown, error = shown.isel(at, drop=True), None if error is None else error.isel(at, drop=True)
            peak = f"peak {at['peak'] + 1} · "
            key += f" {at['peak'] + 1}"
        shown = shown.astype(float)
        if "status" in result:
            shown = shown.where(result["status"] <= self.pixels.value)
        limit = self._limit()
        if limit is not None and error is not None:
            shown = shown.where(error <= limit)
        text = with_unit(what, str(da.attrs.get("units", "1")))
        return Picked(shown, _trusted(shown, error, result.get("status")), peak + text, text, key)

    def _limit(self) -> float | None:
        try:
            value = float(self.max_error.value.replace(",", "."))
        except ValueError:
            return None
        return value if np.isfinite(value) else None


def _trusted(shown: xr.DataArray, error: xr.DataArray | None, status: xr.DataArray | None) -> xr.DataArray:
    """Values of fits that are ok and not far less certain than most.

    Only where nearly all are so: what is left aside must be single pixels, no region of the map.
    """
    most = _MOST * int(np.isfinite(shown.values).sum())
    out = shown
    if status is not None:
        out = _unless_few(shown.where(status == 0), most, out)
    if error is not None:
        known = error.values[np.isfinite(out.values) & np.isfinite(error.values)]
        if known.size:
            out = _unless_few(out.where(error <= _FAR * float(np.median(known))), most, out)
    return out


def _unless_few(fewer: xr.DataArray, most: float, otherwise: xr.DataArray) -> xr.DataArray:
    return fewer if int(np.isfinite(fewer.values).sum()) >= most else otherwise


def _of_status(da: xr.DataArray) -> Picked:
    names = [m.replace("_", " ") for m in str(da.attrs["flag_meanings"]).split()]
    colors = (STATUS_COLORS * (1 + len(names) // len(STATUS_COLORS)))[: len(names)]
    return Picked(da, da, "status of the fit", "status", "status", list(zip(names, colors, strict=True)))


def _of_counted(counted: xr.Dataset, name: str) -> Picked:
    da = counted[name]
    if name == "margin":
        text = f"{da.attrs.get('long_name', name)}"
        return Picked(da, da, f"number of peaks · {text}", text, name)
    if name == "family_suspect":
        flags = [("plausible", STATUS_COLORS[0]), ("suspect", STATUS_COLORS[2])]
        return Picked(da, da, "do the residuals say that no candidate is right?", name, name, flags)
    most = max(int(counted["candidate"].max()), 1)
    colors: Sequence[str] = (_NONE_COLOR, *(PEAK_COLORS * (1 + most // len(PEAK_COLORS))))
    flags = [(str(k), colors[k]) for k in range(most + 1)]
    return Picked(da.where(da >= 0), da, _COUNTED_NAMES[name], name, name, flags)
