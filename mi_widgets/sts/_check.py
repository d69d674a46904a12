"""What comes in: spectra over an energy or bias in meV; and what goes out, labelled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import history
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import find_spectral_dim, require_axis, require_dims, require_numeric

__all__ = ["DYNES", "MILLI_EV", "check_spectra", "number", "origin", "plane"]

#: What one unit of an axis is in meV; a bias moves an electron by its charge times the voltage.
MILLI_EV = {"meV": 1.0, "eV": 1e3, "ueV": 1e-3, "V": 1e3, "mV": 1.0, "uV": 1e-3}
DYNES = "R. C. Dynes et al., Phys. Rev. Lett. 41, 1509 (1978), doi:10.1103/PhysRevLett.41.1509"


def check_spectra(da: Any, dim: str | None, *, who: str) -> tuple[xr.DataArray, str, np.ndarray]:
    """Spectra with their axis last, its name, and its values in meV."""
    if not isinstance(da, xr.DataArray):
        hint = ". Choose one of its variables, such as ds['conductance']" if isinstance(da, xr.Dataset) else ""
        raise LabelError(f"{who} needs a DataArray of spectra; got {type(da).__name__}{hint}.")
    require_numeric(da, who=who)
    name = str(dim or find_spectral_dim(da))
    require_dims(da, [name], who=who)
    axis = require_axis(da, name, who=who)
    units = str(da[name].attrs["units"])
    if units not in MILLI_EV:
        raise LabelError(
            f"{who}: {name!r} is in {units!r}, which is no energy and no bias ({', '.join(MILLI_EV)}). Write "
            f"da[{name!r}].attrs['units'] = 'meV', or convert it."
        )
    if axis.size < 11:
        raise DataError(f"{who}: spectra of {axis.size} points show no gap; 11 are needed at least.")
    return da.transpose(..., name), name, axis * MILLI_EV[units]


def plane(da: xr.DataArray, *, who: str) -> tuple[np.ndarray, np.ndarray, str]:
    """Positions y and x of a map, and their unit."""
    if set(da.dims) != {"y", "x"}:
        raise LabelError(f"{who} needs a map over y and x; this has {tuple(da.dims)}.")
    y, x = (require_axis(da, d, who=who) for d in ("y", "x"))
    units = [str(da[d].attrs["units"]) for d in ("y", "x")]
    if units[0] != units[1]:
        raise LabelError(f"{who}: y is in {units[0]!r} and x in {units[1]!r}; convert one of them.")
    return y, x, units[0]


def number(name: str, value: Any, *, who: str, least: float = 0.0, also: bool = False) -> float:
    """A finite number above `least`, or, with `also`, equal to it."""
    try:
        out = float("nan") if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        out = float("nan")
    if not np.isfinite(out) or out < least or (out == least and not also):
        raise ParameterError(f"{who}: {name} must be {'at least' if also else 'above'} {least:g}; got {value!r}.")
    return out


def origin(function: str, title: str, parameters: Mapping[str, Any], of: Any, references: str = "") -> dict[str, Any]:
    """Global attributes of a result."""
    source = str(of.attrs.get("source") or getattr(of, "name", None) or "a map")
    given = [references] if references else []
    return dict(history.origin(f"sts.{function}", title, parameters, source=source, references=given))
