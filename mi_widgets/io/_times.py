"""Dates and durations in files: whole numbers with CF units, of the resolution that they have."""

import re
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError

__all__ = ["as_texts", "check_times", "decode_times", "encode_times", "since"]

_CF = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_SINCE = " since 1970-01-01 00:00:00"
_TAKEN = ("units", "calendar", "dtype")


def check_times(ds: xr.Dataset, what: str) -> None:
    """Raise `DataError` for dates whose attributes would clash with those that tell how they are stored."""
    for name, variable in ds.variables.items():
        clash = [key for key in _TAKEN if key in variable.attrs]
        if variable.dtype.kind in "mM" and clash:
            raise DataError(
                f"{name!r} holds {variable.dtype}, whose unit {what} keeps itself; its attribute {clash[0]!r} is in "
                f"the way. Write del ds[{name!r}].attrs[{clash[0]!r}]."
            )


def encode_times(ds: xr.Dataset) -> xr.Dataset:
    """Dates and durations as whole numbers; `decode_times` makes them what they were, and so does xarray."""
    changed = {}
    for name, variable in ds.variables.items():
        if variable.dtype.kind in "mM":
            unit = np.datetime_data(variable.dtype)[0]
            date = variable.dtype.kind == "M"
            attrs: dict[str, Any] = {**variable.attrs, "dtype": str(variable.dtype).lstrip("<>")}
            attrs["units"] = _CF[unit] + (_SINCE if date else "")
            if date:
                attrs["calendar"] = "proleptic_gregorian"
            changed[name] = xr.Variable(variable.dims, variable.data.astype("int64"), attrs)
    return _replace(ds, changed)


def decode_times(ds: xr.Dataset) -> xr.Dataset:
    """Undo `encode_times`; other numbers with units of time stay numbers."""
    changed = {}
    for name, variable in ds.variables.items():
        found = re.fullmatch(r"(datetime|timedelta)64\[(s|ms|us|ns)\]", str(variable.attrs.get("dtype", "")))
        if found and variable.dtype == "int64":
            units = _CF[found[2]] + (_SINCE if found[1] == "datetime" else "")
            if variable.attrs.get("units") == units:
                attrs = {k: v for k, v in variable.attrs.items() if k not in _TAKEN}
                changed[name] = xr.Variable(variable.dims, variable.data.astype(found[0]), attrs)
    return _replace(ds, changed)


def _replace(ds: xr.Dataset, changed: dict[Any, xr.Variable]) -> xr.Dataset:
    coords = {name: variable for name, variable in changed.items() if name in ds.coords}
    return ds.assign_coords(coords).assign({k: v for k, v in changed.items() if k not in coords}) if changed else ds


def as_texts(values: np.ndarray) -> np.ndarray:
    """Dates as ISO 8601 texts, ``2024-01-31T12:00:00``; a missing one is empty."""
    return np.where(np.isnat(values), "", np.datetime_as_string(values))


def since(units: object) -> tuple[str, str]:
    """Split CF's ``days since 2000-01-01`` into unit and the rest; the rest is empty for any other unit."""
    text = str(units) if isinstance(units, str) else ""
    unit, word, start = text.partition(" since ")
    return (unit.strip(), f"since {start.strip()}") if word else (text, "")
