"""What comes in: a map with positions in lengths, its sampled pixels, a q grid, all checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import history
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import require_axis, require_numeric
from mi_widgets.qpi._operator import PlaneWaves, q_axis

__all__ = ["LEAST", "NANOMETRES", "REFERENCE", "Pixels", "check_map", "check_pixels", "number", "origin", "whole"]

NANOMETRES = {"m": 1e9, "mm": 1e6, "um": 1e3, "nm": 1.0, "angstrom": 0.1, "pm": 1e-3}
LEAST = 100  # pixels; with fewer there is no ring to be seen
REFERENCE = "Y. Nakanishi-Ohno et al., J. Phys. Soc. Jpn. 85 (2016), doi:10.48550/arXiv.1607.07189"


@dataclass(frozen=True)
class Pixels:
    """The sampled pixels of a map, ready for the regression.

    Attributes
    ----------
    y, x : numpy.ndarray
        Positions of rows and columns from the middle of the map (nm).
    mask : numpy.ndarray of bool, shape (ny, nx)
        Sampled pixels whose value is finite.
    values : numpy.ndarray
        Their values, in row order, without their mean.
    mean : float
        What was taken off.
    q : numpy.ndarray
        Axis of the q grid (1/nm), along y and x alike.
    center : (float, float)
        Middle of the map, y and x (nm): where phases are zero.
    units : str
        Of the values.
    """

    y: np.ndarray
    x: np.ndarray
    mask: np.ndarray
    values: np.ndarray
    mean: float
    q: np.ndarray
    center: tuple[float, float]
    units: str

    def waves(self, chosen: np.ndarray | None = None, dtype: Any = np.float64) -> PlaneWaves:
        """Operator of all sampled pixels, or of those that are `chosen` among them."""
        mask = self.mask
        if chosen is not None:
            mask = np.zeros_like(self.mask)
            mask.ravel()[np.flatnonzero(self.mask)[chosen]] = True
        return PlaneWaves(self.y, self.x, self.q, mask, dtype)


def check_map(da: Any, *, who: str) -> xr.DataArray:
    """A map over y and x with lengths along both axes, in that order of dims."""
    if not isinstance(da, xr.DataArray):
        hint = ". Choose one of its variables, such as ds['conductance']" if isinstance(da, xr.Dataset) else ""
        raise LabelError(f"{who} needs a DataArray over y and x; got {type(da).__name__}{hint}.")
    extra = [str(d) for d in da.dims if d not in ("y", "x")]
    if extra or set(da.dims) != {"y", "x"}:
        named = {"y", "x"} <= set(da.dims)
        example = f"da.isel({extra[0]}=0)" if named else "da.rename({'row': 'y', 'column': 'x'})"
        raise LabelError(f"{who} needs one map with dimensions y and x; this has {tuple(da.dims)}. Write {example}.")
    require_numeric(da, who=who)
    da = da.transpose("y", "x")
    for d in ("y", "x"):
        require_axis(da, d, who=who)
        if da.sizes[d] < 2:
            raise DataError(f"{who}: the map has {da.sizes[d]} pixel along {d!r}; waves need two dimensions.")
        units = str(da[d].attrs["units"])
        if units not in NANOMETRES:
            raise LabelError(
                f"{who}: {d!r} is in {units!r}, which is no length that is known ({', '.join(NANOMETRES)}). With "
                f"pixels of 0.28 nm, write da = da.assign_coords({d}=0.28 * da.{d}); da[{d!r}].attrs['units'] = 'nm'."
            )
    return da


def lengths(da: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows and columns (nm)."""
    y, x = (np.asarray(da[d].values, dtype=float) * NANOMETRES[str(da[d].attrs["units"])] for d in ("y", "x"))
    return y, x


def check_pixels(da: Any, sampled: Any, q_max: Any, n_q: Any, *, who: str) -> Pixels:
    """Map, sampled pixels and q grid, checked and put together."""
    da = check_map(da, who=who)
    values = np.asarray(da.values, dtype=float)
    mask = np.isfinite(values) & _sampled(da, sampled, who)
    n = int(mask.sum())
    if n < LEAST:
        lost = int((~np.isfinite(values)).sum())
        note = f", and {lost} of the map are not finite" if lost else ""
        raise DataError(f"{who} needs at least {LEAST} sampled pixels with a value; there are {n}{note}. Sample more.")
    chosen = values[mask]
    mean = float(chosen.mean())
    apart = chosen - mean
    if not float(np.abs(apart).max()) > 1e-12 * max(abs(mean), 1e-300):
        raise DataError(f"{who}: all sampled pixels have the value {mean:g}; a constant map has no waves.")
    y, x = lengths(da)
    center = (float(y.min() + y.max()) / 2, float(x.min() + x.max()) / 2)
    q = _axis(q_max, n_q, [float(np.abs(np.diff(a)).min()) for a in (y, x)], who)
    return Pixels(y - center[0], x - center[1], mask, apart, mean, q, center, str(da.attrs.get("units", "1")))


def _sampled(da: xr.DataArray, sampled: Any, who: str) -> np.ndarray:
    if sampled is None:
        return np.ones(da.shape, dtype=bool)
    if not isinstance(sampled, xr.DataArray) or set(sampled.dims) != {"y", "x"} or sampled.dtype.kind not in "iub":
        came = f"{sampled.dtype} over {sampled.dims}" if isinstance(sampled, xr.DataArray) else type(sampled).__name__
        raise LabelError(
            f"{who}: sampled must be a DataArray of bool over y and x, as qpi.sample_pixels gives it; got {came}. "
            "Write da.y < 20, say, or xr.zeros_like(da, dtype=bool) and set what is sampled."
        )
    sampled = sampled.transpose("y", "x")
    same = all(
        sampled.sizes[d] == da.sizes[d] and (d not in sampled.coords or np.array_equal(sampled[d].values, da[d].values))
        for d in ("y", "x")
    )
    if not same:
        raise LabelError(
            f"{who}: sampled has other positions than the map ({dict(sampled.sizes)} and {dict(da.sizes)}). Make it "
            "from this map: qpi.sample_pixels(da)."
        )
    return np.asarray(sampled.values != 0)


def _axis(q_max: Any, n_q: Any, steps: list[float], who: str) -> np.ndarray:
    reach = number("q_max", q_max, who=who)
    limit = np.pi / max(steps)
    if reach > limit * (1 + 1e-9):
        raise ParameterError(
            f"{who}: q_max={reach:g} 1/nm is more than pixels {max(steps):.3g} nm apart resolve, {limit:.4g} (pi over "
            f"their distance). Write q_max={np.floor(limit * 100) / 100:g} or less."
        )
    n = whole("n_q", n_q, who=who, least=8, most=512)
    if n % 2:
        raise ParameterError(
            f"{who}: n_q must be even, so that every q has its opposite and zero is left out; got {n}."
        )
    return q_axis(reach, n)


def number(name: str, value: Any, *, who: str, least: float = 0.0) -> float:
    """A finite number above `least`."""
    try:
        out = float("nan") if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        out = float("nan")
    if not (np.isfinite(out) and out > least):
        raise ParameterError(f"{who}: {name} must be a number above {least:g}; got {value!r}.")
    return out


def whole(name: str, value: Any, *, who: str, least: int = 1, most: int | None = None) -> int:
    """A whole number in a range."""
    good = isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= least
    if not good or (most is not None and value > most):
        reach = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ParameterError(f"{who}: {name} must be a whole number {reach}; got {value!r}.")
    return int(value)


def origin(function: str, title: str, parameters: Mapping[str, Any], of: xr.DataArray) -> dict[str, Any]:
    """Global attributes of a result."""
    source = str(of.attrs.get("source") or of.name or "a map")
    convention = "q = 2k: a wave of the density of states has twice the wave number k of the electrons"
    return {
        **history.origin(f"qpi.{function}", title, parameters, source=source, references=[REFERENCE]),
        "convention": convention,
    }
