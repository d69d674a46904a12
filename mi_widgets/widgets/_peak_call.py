"""From the parameters of PeakMapper to the public calls, and to the lines that make them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.runs import Part

__all__ = ["FitCall", "axis_mask"]

_HEAD = ["from mi_widgets import peaks", "", "# da = spectra   <- put the name of your array here"]


class FitCall:
    """Arguments of `mi_widgets.peaks.fit_peaks` for given parameters, and the same as code.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra.
    dim : str
        The spectral dimension.
    """

    def __init__(self, da: xr.DataArray, dim: str) -> None:
        self.dim = dim
        self._axis = da[dim].values
        self.step = float(np.median(np.abs(np.diff(self._axis)))) if self._axis.size > 1 else None
        self._ascending = bool(self._axis[0] <= self._axis[-1])
        self._noise: dict[str, float] | None = None

    # ---- the fit -----------------------------------------------------------------------------------------

    def options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments that are plain values."""
        others = {k: v for k, v in params.items() if k not in ("window", "mask") and v is not None and v is not False}
        return {"dim": self.dim} | others

    def arguments(self, da: xr.DataArray, params: Mapping[str, Any]) -> tuple[xr.DataArray, dict[str, Any]]:
        """What is given to `fit_peaks`: the part of the spectra that is fitted, and all keyword arguments."""
        part = self.part(da, params["window"])
        mask = axis_mask(part[self.dim], params["mask"]) if params["mask"] else None
        # in the order of fit_peaks: the result remembers how it was called
        names = (
            "n_peaks",
            "lineshape",
            "background",
            "likelihood",
            "noise",
            "mask",
            "robust",
            "ties",
            "bounds",
            "start",
        )
        return part, {"dim": self.dim} | {name: mask if name == "mask" else params[name] for name in names}

    def noise(self, da: xr.DataArray) -> dict[str, float]:
        """Gain and read noise of the whole map, found once; a Poisson gain of zero is left to the fit to refuse."""
        from mi_widgets.peaks import estimate_noise

        if self._noise is None:
            self._noise = estimate_noise(da, self.dim)
        return self._noise

    def code(self, params: Mapping[str, Any]) -> str:
        """Lines that give the result from ``da``."""
        options = [f"{name}={value!r}" for name, value in self.options(params).items()]
        before, spectra, mask = self._before(params)
        return "\n".join([*_HEAD, *before, *_call("result = peaks.fit_peaks", [spectra, *options, *mask])])

    # ---- the number of peaks -----------------------------------------------------------------------------

    def count_options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments of `select_n_peaks`: the line shape that is chosen, on it or on other backgrounds."""
        shape = params["lineshape"]
        out = {
            "dim": self.dim,
            "lineshapes": list(dict.fromkeys([shape] if isinstance(shape, str) else shape)),
            "backgrounds": list(dict.fromkeys([params["background"], "linear", "shirley"])),
            "complete": False,  # what can hardly win is left out: far quicker
            "likelihood": params["likelihood"],
        }
        return out | ({} if params["noise"] is None else {"noise": params["noise"]})

    def count(self, da: xr.DataArray, params: Mapping[str, Any]) -> Iterator[Part]:
        """The number of peaks of every spectrum, part by part."""
        from mi_widgets.peaks.select import iter_select_n_peaks

        part = self.part(da, params["window"])
        if params["mask"]:
            part = part.where(~axis_mask(part[self.dim], params["mask"]))
        return iter_select_n_peaks(part, **self.count_options(params))

    def count_code(self, params: Mapping[str, Any]) -> str:
        """Lines that give the number of peaks from ``da``."""
        options = [f"{name}={value!r}" for name, value in self.count_options(params).items()]
        before, spectra, mask = self._before(params)
        spectra = f"{spectra}.where(~left_out)" if mask else spectra
        return "\n".join([*_HEAD, *before, *_call("n_peaks_result = peaks.select_n_peaks", [spectra, *options])])

    # ---- windows -----------------------------------------------------------------------------------------

    def part(self, da: xr.DataArray, window: Any) -> xr.DataArray:
        """The spectra within a window, in the order of their axis; all for None."""
        return da.sel(self._where(window)) if window else da

    def window(self, window: Any, what: str = "window") -> tuple[float, float] | None:
        """The two ends in order, or `ParameterError` where they hold no channel."""
        if window is None:
            return None
        low, high = sorted(float(v) for v in window)
        if not np.any((self._axis >= low) & (self._axis <= high)):
            raise ParameterError(
                f"the {what} {low:g} to {high:g} holds no channel; "
                f"the axis runs from {self._axis.min():g} to {self._axis.max():g}."
            )
        return low, high

    def check_start(self, start: Mapping[str, Any] | None) -> None:
        """Raise `ParameterError` for a position that is not on the axis."""
        low, high = float(self._axis.min()), float(self._axis.max())
        for x in np.atleast_1d((start or {}).get("center", [])):
            if not low <= x <= high:
                raise ParameterError(f"start: the position {x:g} is not on the axis, from {low:g} to {high:g}.")

    def _where(self, window: Any) -> dict[str, slice]:
        low, high = (float(v) for v in window)
        return {self.dim: slice(low, high) if self._ascending else slice(high, low)}

    def _short(self, window: Any) -> tuple[float, float]:
        """The ends with as few digits as leave the same channels."""
        first = max(0, 1 - int(np.floor(np.log10(self.step)))) if self.step else 0
        low, high = (float(v) for v in window)
        inside = (self._axis >= low) & (self._axis <= high)
        for digits in range(first, first + 3):
            ends = round(low, digits), round(high, digits)
            if np.array_equal((self._axis >= ends[0]) & (self._axis <= ends[1]), inside):
                return ends
        return low, high

    def _before(self, params: Mapping[str, Any]) -> tuple[list[str], str, list[str]]:
        """Lines before the call, what the call is given as data, and its mask."""
        lines, spectra = [], "da"
        if params["window"]:
            lines, spectra = [f"part = da.sel({self._where(self._short(params['window']))!r})"], "part"
        if not params["mask"]:
            return lines, spectra, []
        inside = " | ".join(
            f"((axis >= {low!r}) & (axis <= {high!r}))" for low, high in map(self._short, params["mask"])
        )
        return [*lines, f"axis = {spectra}[{self.dim!r}]", f"left_out = {inside}"], spectra, ["mask=left_out"]


def axis_mask(axis: xr.DataArray, windows: list[list[float]]) -> xr.DataArray:
    """True for the channels in any of some windows, ends included."""
    inside = [(axis >= low) & (axis <= high) for low, high in windows]
    out = inside[0]
    for more in inside[1:]:
        out = out | more
    return out


def _call(function: str, arguments: list[str]) -> list[str]:
    return [f"{function}(", *(f"    {text}," for text in arguments), ")"]
