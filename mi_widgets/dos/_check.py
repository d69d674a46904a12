"""Checks of densities of states on the way in, and what every result gets on the way out."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import require_axis, require_dims, require_numeric

__all__ = [
    "DAMAGED",
    "NO_PROJECTION",
    "NO_STATES",
    "STATUS",
    "as_window",
    "check_pdos",
    "element_names",
    "finish",
    "kept_structure",
    "number",
    "one_of",
    "site_status",
    "warn",
]

STATUS = ("ok", "no_projection", "damaged", "no_states")
NO_PROJECTION, DAMAGED, NO_STATES = 1, 2, 3
_ORDER = ("atom", "orbital", "spin", "energy")


def check_pdos(ds: xr.Dataset | xr.DataArray, *, who: str) -> xr.DataArray:
    """The array (atom, orbital[, spin], energy) of a Dataset, energies rising, its labels checked."""
    if isinstance(ds, xr.Dataset):
        if "pdos" not in ds:
            raise LabelError(
                f"{who}: the Dataset has no 'pdos'; it has {', '.join(map(str, ds.data_vars)) or 'no variables'}. "
                "Read one with io.read_pdos(path), or rename with ds.rename({'old': 'pdos'})."
            )
        pdos = ds["pdos"]
    elif isinstance(ds, xr.DataArray):
        pdos = ds
    else:
        raise LabelError(
            f"{who} needs a Dataset with 'pdos' or a DataArray; got {type(ds).__name__}. Write io.read_pdos(path)."
        )
    require_dims(pdos, ("atom", "energy"), who=who)
    require_numeric(pdos, who=who)
    other = [d for d in pdos.dims if d not in _ORDER]
    if other:
        raise LabelError(f"{who}: pdos has dims {pdos.dims}; {other[0]!r} is none of {', '.join(_ORDER)}. Select one.")
    axis = require_axis(pdos, "energy", who=who)
    if axis.size < 2:
        raise DataError(f"{who} needs at least 2 energies; got {axis.size}.")
    if axis[0] > axis[-1]:
        pdos = pdos.isel(energy=slice(None, None, -1))
    return pdos.transpose(*[d for d in _ORDER if d in pdos.dims])


def element_names(ds: xr.Dataset | xr.DataArray) -> np.ndarray:
    """Chemical symbol of each atom; ``X`` where they are not known."""
    n = ds.sizes["atom"]
    if "element" in ds.coords or (isinstance(ds, xr.Dataset) and "element" in ds):
        return np.asarray(ds["element"].values).astype(np.str_)
    return np.full(n, "X")


def site_status(ds: xr.Dataset | xr.DataArray, pdos: xr.DataArray) -> np.ndarray:
    """0 where a site can be used, else `NO_PROJECTION` or `DAMAGED`; (atom,) int8."""
    n = pdos.sizes["atom"]
    rows = np.asarray(pdos.values).reshape(n, -1)
    # A sum is not finite where any value is not; it needs no second array of the size of the data.
    with np.errstate(all="ignore"):
        bad = ~np.isfinite(rows.sum(axis=1))
    out = np.where(bad, DAMAGED, 0).astype(np.int8)
    if isinstance(ds, xr.Dataset):
        if "projected" in ds and "atom" in ds["projected"].dims:
            none = ~ds["projected"].any([d for d in ds["projected"].dims if d != "atom"]).values
            out[none] = NO_PROJECTION
        if "status" in ds and ds["status"].dims == ("atom",):
            given = ds["status"]
            meanings = str(given.attrs.get("flag_meanings", "ok no_projection damaged")).split()
            values = np.asarray(given.values)
            for code, name in enumerate(meanings):
                if name in STATUS[1:]:
                    out[values == code] = STATUS.index(name)
    return out


def as_window(window: Any, axis: np.ndarray, *, who: str) -> tuple[float, float]:
    """Two energies (eV) inside which states count; None is the whole axis."""
    low, high = float(axis.min()), float(axis.max())
    if window is None:
        return low, high
    try:
        a, b = (float(v) if v is not None else None for v in window)
    except (TypeError, ValueError):
        raise ParameterError(f"{who}: window must be two energies (eV) such as (-10.0, 2.0); got {window!r}.") from None
    first, last = low if a is None else max(a, low), high if b is None else min(b, high)
    if not first < last:
        raise ParameterError(
            f"{who}: window {window!r} holds nothing of the energies {low:.6g} to {high:.6g} eV. Write the lower "
            "energy first, both within the axis."
        )
    return first, last


def number(name: str, value: Any, *, who: str, least: float = 0.0, above: bool = False) -> float:
    """A finite number of at least (or above) `least`."""
    try:
        out = float(value)
    except (TypeError, ValueError):
        out = np.nan
    if not np.isfinite(out) or out < least or (above and out == least):
        limit = "above" if above else "of at least"
        raise ParameterError(f"{who}: {name} must be a number {limit} {least:g}; got {value!r}.")
    return out


def one_of(name: str, value: Any, known: Sequence[str], *, who: str) -> str:
    """A name out of a list."""
    if value not in known:
        raise ParameterError(f"{who}: there is no {name} {value!r}; write one of {', '.join(known)}.")
    return str(value)


def kept_structure(ds: xr.Dataset | xr.DataArray) -> dict[str, xr.DataArray]:
    """Variables and coordinates of the structure, to be carried into a result over ``atom``."""
    names = [str(k) for k in ds.coords if set(ds[k].dims) <= {"atom", "axis", "cell_vector"}]
    if isinstance(ds, xr.Dataset):
        names += [k for k in ("position", "cell", "pbc") if k in ds]
    return {k: ds[k] for k in names if k in ds.coords or isinstance(ds, xr.Dataset)}


def finish(ds: xr.Dataset, function: str, title: str, parameters: Mapping[str, Any], source: Any = "") -> xr.Dataset:
    """Global attributes of a result."""
    ds.attrs = dict(origin(f"dos.{function}", title, parameters, source=str(source)))
    return ds


def warn(message: str) -> None:
    """Say something that leaves the result usable."""
    warnings.warn(message, MIWidgetsWarning, stacklevel=3)
