"""The last steps every reader shares: names, units, order, number type, attributes."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.errors import DataError, FileFormatError, ParameterError
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = [
    "METADATA_LIMIT",
    "bounded_json",
    "finish_image",
    "finish_spectra",
    "monotonic",
    "plain_attrs",
    "widen",
    "with_axis",
]

#: Longest ``original_metadata`` text; HDF5 keeps an attribute beside its variable only below 64 kB.
METADATA_LIMIT = 30_000
_GLOBAL = ("title", "source", "references", "history", "original_metadata")


def widen(da: xr.DataArray, name: str) -> xr.DataArray:
    """Convert to a float type in which neither a sum nor a difference overflows; a chunked array stays lazy."""
    kind, size = da.dtype.kind, da.dtype.itemsize
    if kind not in "buif":
        raise DataError(f"{name} holds {da.dtype} values; spectra must be real numbers. Choose another variable=.")
    keep = kind == "f" and size in (4, 8) and da.dtype.isnative
    return da if keep else da.astype("float32" if size <= 2 or (kind == "f" and size == 4) else "float64")


def finish_spectra(
    da: xr.DataArray, spectral: str, *, path: Path, reader: str, metadata: Mapping[str, Any] | None = None
) -> xr.DataArray:
    """Check the array of a reader and give it its final form.

    Parameters
    ----------
    da : xarray.DataArray
        Dims already named; coordinates and values carry ``units`` and ``long_name``.
    spectral : str
        Name of the spectral dimension; it is put last, ``y`` and ``x`` before it.
    path, reader
        For messages and attributes.
    metadata : mapping, optional
        What else the file says; kept as bounded JSON text.
    """
    if spectral not in da.dims:
        raise FileFormatError(f"{path.name} holds one value and no spectrum: its data have dims {tuple(da.dims)}.")
    if da.size == 0:
        raise DataError(f"{path.name} holds no values: dims {dict(da.sizes)}. Was the measurement stopped early?")
    if da.sizes[spectral] < 2:
        raise DataError(f"{path.name} has one channel along {spectral!r}; a spectrum needs two or more.")
    _check_axis(da[spectral].values, spectral, path)
    first = [d for d in da.dims if d not in ("y", "x", spectral)]
    da = da.transpose(*first, *[d for d in ("y", "x") if d in da.dims], spectral)
    for dim in da.dims[:-1]:
        da = _usable_position(da, str(dim))
    return _labelled(da, "spectra", path, reader, metadata)


def finish_image(
    da: xr.DataArray, *, path: Path, reader: str, metadata: Mapping[str, Any] | None = None
) -> xr.DataArray:
    """Check an image, which has no spectral dimension, and give it its final form."""
    if da.size == 0:
        raise DataError(f"{path.name} holds no values: dims {dict(da.sizes)}. Was the measurement stopped early?")
    for dim in da.dims:
        da = _usable_position(da, str(dim))
    return _labelled(da, "image", path, reader, metadata)


def _labelled(da: xr.DataArray, name: str, path: Path, reader: str, metadata: Mapping[str, Any] | None) -> xr.DataArray:
    da = widen(da, path.name)
    if isinstance(da.data, np.ndarray):
        _check_values(da.values, path)
    da.name = name
    attrs = plain_attrs(da.attrs)
    attrs.setdefault("source", path.name)
    history = {"function": "mi_widgets.io.read_spectra", "version": __version__}
    attrs.setdefault("history", json.dumps({**history, "parameters": {"path": path.name, "format": reader}}))
    if metadata:
        attrs.setdefault("original_metadata", bounded_json(metadata))
    lead = {key: attrs.pop(key) for key in ("units", "long_name") if key in attrs}
    da.attrs = {"units": "1", "long_name": "intensity", **lead, **attrs}
    da.encoding = {}
    return da


def with_axis(da: xr.DataArray, axis: Any, units: str | None, file_name: str) -> xr.DataArray:
    """Replace the spectral axis by given values."""
    dim = str(da.dims[-1])
    given = axis.values if isinstance(axis, xr.DataArray) else np.asarray(axis)
    if given.dtype.kind not in "buif" or given.shape != (da.sizes[dim],):
        raise ParameterError(
            f"axis must hold {da.sizes[dim]} numbers, one for each channel of {file_name}; got shape {given.shape} of "
            f"{given.dtype}."
        )
    _check_axis(given, dim, Path("axis"))
    stated = axis.attrs if isinstance(axis, xr.DataArray) else {}
    unit = units or str(stated.get("units") or da[dim].attrs.get("units", "1"))
    if unit == "1":
        unit = SPECTRAL_DIMS.get(dim, "1")
    long_name = str(stated.get("long_name") or da[dim].attrs.get("long_name", dim)).removesuffix(" (channel)")
    return da.assign_coords({dim: (dim, given.astype(float), {"units": unit, "long_name": long_name})})


def monotonic(values: np.ndarray) -> bool:
    """Tell whether values rise or fall throughout; compared, not subtracted, which could overflow."""
    return bool((values[1:] > values[:-1]).all() or (values[1:] < values[:-1]).all())


def _check_axis(axis: np.ndarray, spectral: str, path: Path) -> None:
    if axis.dtype.kind not in "buif" or not np.isfinite(axis).all():
        raise DataError(
            f"{path.name}: the {spectral} axis has values that are no finite numbers. Export the file again."
        )
    if monotonic(axis):
        return
    values, n = np.unique(axis, return_counts=True)
    if (n > 1).any():
        twice = float(values[np.argmax(n > 1)])
        rows = " and ".join(str(i + 1) for i in np.flatnonzero(axis == twice)[:2])
        raise DataError(
            f"{path.name}: {spectral} {twice:g} appears {int(n.max())} times (points {rows}). Keep one spectrum per "
            "column, or average the repeats before reading."
        )
    raise DataError(f"{path.name}: the {spectral} axis goes up and down. Sort the file by {spectral}.")


def _check_values(values: np.ndarray, path: Path) -> None:
    finite = np.isfinite(values)
    if finite.all():
        return
    if not finite.any():
        raise DataError(f"{path.name}: no value is a finite number. Is the right variable or column read?")
    if np.isinf(values).any():
        raise DataError(f"{path.name}: {int(np.isinf(values).sum())} values are infinite. Mark missing values as NaN.")


def _usable_position(da: xr.DataArray, dim: str) -> xr.DataArray:
    """Replace a position that cannot serve as a coordinate (missing, repeated, not finite) by the pixel number."""
    if dim in da.coords and da[dim].dtype.kind in "buif":
        values = da[dim].values.astype(float)
        if np.isfinite(values).all() and monotonic(values):
            attrs = {"units": "1", "long_name": dim, **plain_attrs(da[dim].attrs)}
            return da.assign_coords({dim: (dim, values, attrs)})
    number = np.arange(da.sizes[dim], dtype=float)
    return da.drop_vars(dim, errors="ignore").assign_coords(
        {dim: (dim, number, {"units": "1", "long_name": f"{dim} (pixel)"})}
    )


def plain_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes that netCDF can hold: text without control characters, numbers, lists of numbers or texts."""
    out: dict[str, Any] = {}
    for key, given in attrs.items():
        value = given.tolist() if isinstance(given, np.ndarray | np.generic) else given
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str):
            limit = METADATA_LIMIT if key in _GLOBAL else 1000
            out[str(key)] = "".join(c for c in value if c.isprintable() or c in "\n\t")[:limit]
        elif isinstance(value, int | float):
            out[str(key)] = int(value) if isinstance(value, bool) else value
        elif isinstance(value, list | tuple) and 0 < len(value) <= 1000 and _one_kind(value):
            out[str(key)] = list(value)
    return out


def _one_kind(values: Sequence[Any]) -> bool:
    return all(isinstance(v, str) for v in values) or all(type(v) in (int, float) for v in values)


def bounded_json(metadata: Mapping[str, Any], limit: int = METADATA_LIMIT) -> str:
    """JSON text of at most `limit` characters: the largest entries are left out, and say so."""
    return json.dumps(_shrink(_jsonable(metadata), limit))


def _jsonable(value: Any, depth: int = 0) -> Any:
    if depth > 20:
        return "(left out: nested too deep)"
    if isinstance(value, Mapping):
        return {str(k)[:200]: _jsonable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, np.ndarray) and value.size > 64:
        return f"(left out: array of shape {value.shape})"
    if isinstance(value, np.ndarray | np.generic):
        return _jsonable(value.tolist(), depth + 1)
    if isinstance(value, list | tuple | set):
        return [_jsonable(v, depth + 1) for v in value]
    if isinstance(value, bytes):
        return value[:200].decode("latin-1")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str | int | bool) or value is None:
        return value
    return str(value)[:200]


def _shrink(value: Any, budget: int) -> Any:
    """Cut a JSON value to `budget` characters: small entries stay, large ones share what is left."""
    size = len(json.dumps(value))
    if size <= budget:
        return value
    note = f"(left out: {size} characters)"
    if not isinstance(value, dict) or budget < 200:
        return note
    out = {}
    room = budget - 2
    waiting = sorted(value.items(), key=lambda item: len(json.dumps(item[1])))
    for i, (key, entry) in enumerate(waiting):
        share = room // (len(waiting) - i) - len(json.dumps(key)) - 4
        if share < len(note) + 2:
            out["(left out)"] = f"{len(waiting) - i} entries"
            break
        out[key] = _shrink(entry, share)
        room -= len(json.dumps({key: out[key]})) + 2
    return out
