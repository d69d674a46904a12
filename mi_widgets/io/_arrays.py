"""Arrays that a file stores with few labels or none: which one holds the spectra, and along which dimension."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io._finish import finish_spectra, plain_attrs
from mi_widgets.io._netcdf import check_size, stays_on_disk
from mi_widgets.io._units import Quantity, compound_unit, plain_unit, position_dim, spectral_quantity
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["Scale", "Stored", "from_arrays"]

_NAMES = "axis_{}"


@dataclass(frozen=True)
class Scale:
    """What a file says of one dimension."""

    name: str = ""
    units: str | None = None
    values: np.ndarray | None = None
    long_name: str = ""


@dataclass(frozen=True)
class Stored:
    """One array of a file, its values not read yet."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    load: Callable[[], Any]
    scales: tuple[Scale, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    preferred: bool = False

    @property
    def n_bytes(self) -> int:
        """Size of the values in memory."""
        n = self.dtype.itemsize
        for size in self.shape:
            n *= int(size)
        return n


def from_arrays(
    stored: Sequence[Stored],
    *,
    path: Path,
    reader: str,
    variable: str | int | None,
    dim: str | None,
    units: str | None,
    lazy: bool | None,
    metadata: Mapping[str, Any] | None = None,
    bare: bool = False,
) -> xr.DataArray:
    """Choose the array of spectra, find or number its axes and give it its final form.

    Parameters
    ----------
    stored : sequence of Stored
        Everything the file holds; one-dimensional arrays among them serve as axes by name and length.
    bare : bool
        Whether an array without any label is taken as it is, its last dimension spectral.
    path, reader, variable, dim, units, lazy, metadata
        As elsewhere.
    """
    array, scales, spectral = _choose(stored, path, variable, dim, bare)
    check_size(array.n_bytes, path)
    on_disk = stays_on_disk(array.n_bytes, lazy)
    values = array.load()
    if on_disk:
        import dask.array

        chunks = {i: -1 if i == spectral else "auto" for i in range(len(array.shape))}
        values = dask.array.from_array(values, chunks=chunks)  # type: ignore[no-untyped-call]
    else:
        values = values[...]
        values = np.array(values) if isinstance(values, np.memmap) else np.asarray(values)
    quantity = _quantity(scales[spectral], dim)
    names = _dim_names(scales, spectral, quantity.dim)
    coords: dict[str, Any] = {}
    for i, (name, scale) in enumerate(zip(names, scales, strict=True)):
        given = np.arange(array.shape[i], dtype=float) if scale.values is None else scale.values
        unit = plain_unit(scale.units) or "1"
        long_name = scale.long_name or scale.name or name
        if i == spectral:
            unit = units or (quantity.units if unit == "1" and scale.values is not None else unit)
            long_name = scale.long_name or quantity.long_name
            if scale.values is None and quantity.dim != "channel":
                long_name = f"{long_name} (channel)"
        elif scale.values is None:
            continue
        coords[name] = (name, given, {"units": unit, "long_name": long_name})
    attrs = plain_attrs(array.attrs)
    stated = attrs.get("units")
    attrs["units"] = compound_unit(stated) or "1"
    attrs.setdefault("long_name", "intensity" if bare else (array.name.rpartition("/")[2] or "intensity"))
    da = xr.DataArray(values, coords, names, attrs=attrs)
    return finish_spectra(da, quantity.dim, path=path, reader=reader, metadata=metadata)


def _listing(stored: Sequence[Stored]) -> str:
    """Names and shapes, with the units of what may be an axis; texts and single values are passed over."""
    shown = [(i, a) for i, a in enumerate(stored) if a.dtype.kind in "buif" and a.shape] or list(enumerate(stored))
    units = {i: f" {a.attrs['units']}" for i, a in shown if len(a.shape) == 1 and isinstance(a.attrs.get("units"), str)}
    return ", ".join(f"{i}: {a.name} {a.shape}{units.get(i, '')}" for i, a in shown)[:1000] or "nothing"


def _remedy(candidates: Sequence[Stored]) -> str:
    """The line to write, with the array of most dimensions, whose last one is taken for the spectral one."""
    if not candidates:
        return "None of it is an array of numbers."
    array = max(candidates, key=lambda a: len(a.shape))
    return (
        f"If the last dimension of {array.name!r} is spectral, write read_spectra(path, variable={array.name!r}, "
        'dim="energy", units="eV"), with axis=[...] where its values are not in the file.'
    )


def _choose(
    stored: Sequence[Stored], path: Path, variable: str | int | None, dim: str | None, bare: bool
) -> tuple[Stored, list[Scale], int]:
    if variable is not None:
        wanted = [a for i, a in enumerate(stored) if _is(a.name, i, variable)]
        if not wanted:
            raise ParameterError(f"{path.name} has no array {variable!r}. It has: {_listing(stored)}.")
        candidates = wanted[:1]
    else:
        candidates = [a for a in stored if a.dtype.kind in "buif" and 0 < len(a.shape) <= 4 and max(a.shape) > 1]
        candidates = [a for a in candidates if a.preferred] or candidates
    found = []
    for array in candidates:
        if not array.shape:
            continue
        scales = _scales(array, stored, dim)
        spectral = _spectral(scales, dim)
        # an axis is no spectrum of its own
        own = len(array.shape) == 1 and spectral_quantity(array.name.rpartition("/")[2])
        if spectral is not None and not (own and variable is None):
            found.append((array, scales, spectral))
    if not found and (bare or dim is not None):
        found = [(a, _scales(a, stored, dim), len(a.shape) - 1) for a in candidates if a.shape]
        found = [item for item in found if len(item[0].shape) == max(len(a.shape) for a, *_ in found)]
    if not found:
        raise LabelError(
            f"{path.name} holds no array with a known spectral axis. It has: {_listing(stored)}. "
            f"{_remedy([a for a in candidates if a.shape])}"
        )
    most = max(len(a.shape) for a, *_ in found)
    found = [item for item in found if len(item[0].shape) == most]
    if len(found) > 1:
        raise ParameterError(
            f"{path.name} holds several arrays of spectra. Write read_spectra(path, variable={found[0][0].name!r}) or "
            f"another of: {_listing(stored)}."
        )
    return found[0]


def _is(name: str, number: int, variable: str | int) -> bool:
    if isinstance(variable, int):
        return number == variable
    return name.strip("/") == variable.strip("/")


def _scales(array: Stored, stored: Sequence[Stored], dim: str | None) -> list[Scale]:
    """What is known of each dimension: from the file, else from a vector of fitting name and length beside it."""
    scales = list(array.scales) or [Scale() for _ in array.shape]
    folder = array.name.rpartition("/")[0]
    vectors = [a for a in stored if len(a.shape) == 1 and a.dtype.kind in "buif" and a.name != array.name]
    for vector in vectors:
        head, _, name = vector.name.rpartition("/")
        known = name == dim or spectral_quantity(name) is not None or position_dim(name) in ("x", "y", "z")
        fits = [i for i, size in enumerate(array.shape) if size == vector.shape[0] and scales[i].values is None]
        named = [i for i in fits if scales[i].name == name]
        if head == folder and (known or named) and fits:
            # the last of several of one length is the spectral one, as in most files
            at = (named or (fits if spectral_quantity(name) or name == dim else fits[:-1] or fits))[-1]
            units = vector.attrs.get("units")
            scales[at] = Scale(name, str(units) if isinstance(units, str) else None, _vector(vector))
    return scales


def _vector(vector: Stored) -> np.ndarray:
    if vector.n_bytes > 64_000_000:
        raise DataError(f"{vector.name!r} has {vector.shape[0]} points, too many for an axis.")
    return np.asarray(vector.load()[...], dtype=float)


def _spectral(scales: Sequence[Scale], dim: str | None) -> int | None:
    if dim is not None:
        named = [i for i, s in enumerate(scales) if s.name == dim or _dim_of(s) == dim]
        return named[-1] if named else None
    by_name = [i for i, s in enumerate(scales) if spectral_quantity(s.name)]
    by_unit = [i for i, s in enumerate(scales) if spectral_quantity("", plain_unit(s.units))]
    house = [i for i, s in enumerate(scales) if s.name in SPECTRAL_DIMS]
    for found in (by_name, by_unit, house):
        slow = [i for i in found if _dim_of(scales[i]) != "time"]
        if found:
            return (slow or found)[-1]
    return None


def _dim_of(scale: Scale) -> str | None:
    quantity = spectral_quantity(scale.name, plain_unit(scale.units))
    return quantity.dim if quantity else None


def _quantity(scale: Scale, dim: str | None) -> Quantity:
    quantity = spectral_quantity(scale.name, plain_unit(scale.units))
    if dim is not None and (quantity is None or quantity.dim != dim):
        return Quantity(dim, SPECTRAL_DIMS.get(dim, "1"), dim.replace("_", " "))
    return quantity or Quantity("channel", "1", "channel")


def _dim_names(scales: Sequence[Scale], spectral: int, name: str) -> list[str]:
    names = [position_dim(scale.name) if scale.name else "" for scale in scales]
    names[spectral] = name
    free = [d for d in ("x", "y", "z") if d not in names]
    for i in reversed(range(len(names))):
        if i != spectral and (names[i] in ("", "undefined") or names[i] in names[:i] + names[i + 1 :]):
            names[i] = free.pop(0) if free else _NAMES.format(i)
    return names
