"""netCDF files, ours and others'."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import FileFormatError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.io._finish import finish_spectra, plain_attrs
from mi_widgets.io._hdf5 import check_heaps
from mi_widgets.io._times import since
from mi_widgets.io._units import Quantity, compound_unit, plain_unit, position_dim, spectral_quantity
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["SUFFIXES", "check_size", "from_dataset", "open_dataset", "read", "stays_on_disk"]

SUFFIXES = frozenset({".nc", ".nc4", ".cdf", ".netcdf"})
LAZY_BYTES = 1_000_000_000
_GLOBAL = ("title", "source", "references", "history", "original_metadata")


def open_dataset(path: Path, *, lazy: bool | None) -> xr.Dataset:
    """Open a netCDF file; in memory with the file closed, unless `lazy` (None: unless it is above 1 GB)."""
    with path.open("rb") as stream:
        start = stream.read(4)
    if start == b"\x89HDF":
        engine = "h5netcdf"
    elif start[:3] == b"CDF":
        engine = "scipy"
    else:
        raise ValueError("netCDF begins with the bytes 'CDF' or '\\x89HDF'")
    # times stay numbers: an axis in seconds is no duration to xarray's fits and plots
    options = {"engine": engine, "decode_times": False, "decode_timedelta": False}
    if engine == "h5netcdf":
        import h5py

        check_heaps(path)
        # fails cleanly, where h5netcdf would leave a half-made object that complains later
        with h5py.File(path, "r") as file:
            file.attrs.get("_nc3_strict")
        options["phony_dims"] = "sort"  # plain HDF5 names no dimensions
    ds = xr.open_dataset(path, **options)  # type: ignore[arg-type]
    try:
        check_size(ds.nbytes, path)
        if stays_on_disk(ds.nbytes, lazy):
            return ds
        ds.load()
    except BaseException:
        ds.close()
        raise
    ds.close()
    return ds.drop_encoding()


def stays_on_disk(n_bytes: int, lazy: bool | None) -> bool:
    """Tell whether values stay on disk, as dask arrays."""
    installed = importlib.util.find_spec("dask") is not None
    if lazy and not installed:
        raise MissingDependencyError("lazy=True needs the package dask: pip install dask")
    return bool(lazy) or (lazy is None and installed and n_bytes > LAZY_BYTES)


def check_size(n_bytes: int, path: Path) -> None:
    """Refuse a file whose header claims far more data than compression can have put into it."""
    size = path.stat().st_size if path.is_file() else n_bytes
    if n_bytes > 64_000_000 + 2000 * size:
        raise FileFormatError(
            f"{path.name} says it holds {n_bytes:.3g} bytes of data but has {size} bytes: its header is damaged. "
            "Copy or export it again."
        )


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None
) -> xr.DataArray:
    """Read the spectra of a netCDF file; see `mi_widgets.io.read_spectra`."""
    ds = open_dataset(path, lazy=lazy)
    return from_dataset(ds, path, variable=variable, dim=dim, units=units, lazy=lazy)


def from_dataset(
    ds: xr.Dataset,
    path: Path,
    *,
    variable: str | int | None,
    dim: str | None,
    units: str | None,
    lazy: bool | None,
    reader: str = "netcdf",
) -> xr.DataArray:
    """Find the spectra among the variables of an open Dataset and give them their final form."""
    da, spectral, quantity = _choose(ds, path, variable, dim)
    on_disk = stays_on_disk(ds.nbytes, lazy)
    attrs = {**plain_attrs(da.attrs), **{k: v for k, v in plain_attrs(ds.attrs).items() if k in _GLOBAL}}
    left = {str(k): v for k, v in ds.attrs.items() if k not in (*_GLOBAL, "spectral_dim", "lineshape")}
    da = da.drop_vars([extra for extra in da.coords if extra not in da.dims])
    if spectral not in da.coords:
        if dim is None:
            raise LabelError(
                f"{path.name}: dimension {spectral!r} of {da.name!r} {da.shape} has no coordinate. Write "
                f'read_spectra(path, dim={spectral!r}, axis=[...], units="{quantity.units}") with its '
                f"{da.sizes[spectral]} values; without axis= you get channel numbers."
            )
        number = {"units": "1", "long_name": f"{quantity.long_name} (channel)"}
        da = da.assign_coords({spectral: (spectral, np.arange(da.sizes[spectral], dtype=float), number)})
        quantity = quantity._replace(units="1")
    axis = da[spectral]
    stated_unit, start = since(axis.attrs.get("units"))
    unit = units or plain_unit(stated_unit) or "1"
    axis.attrs = {
        "units": quantity.units if unit == "1" else unit,
        "long_name": f"{axis.attrs.get('long_name') or quantity.long_name} {start}".strip(),
    }
    names = {spectral: quantity.dim}
    for other in da.dims:
        if other != spectral and (new := position_dim(str(other))) not in (*names.values(), *da.dims):
            names[str(other)] = new
    for position in da.dims:
        if position != spectral and position in da.coords:
            for key in ("dtype", "calendar"):  # how dates are stored
                da[position].attrs.pop(key, None)
            stated_unit, start = since(da[position].attrs.get("units"))
            da[position].attrs["units"] = plain_unit(stated_unit) or "1"
            if start:
                da[position].attrs["long_name"] = f"{da[position].attrs.get('long_name', position)} {start}"
    stated = attrs.get("units")
    known = compound_unit(stated)
    attrs["units"] = known or "1"
    if known is None:
        attrs["long_name"] = f"{attrs.get('long_name') or da.name} ({stated})"
    da = da.rename({old: new for old, new in names.items() if old != new})
    da.attrs = attrs
    if on_disk:
        da = da.chunk({d: -1 if d == quantity.dim else "auto" for d in da.dims})
    return finish_spectra(da, quantity.dim, path=path, reader=reader, metadata=left)


def _spectral_dim(da: xr.DataArray, dim: str | None) -> tuple[str, Quantity] | None:
    if dim is not None:
        if dim in da.dims:
            return dim, spectral_quantity(dim) or Quantity(dim, SPECTRAL_DIMS.get(dim, "1"), dim.replace("_", " "))
        return None
    found = None
    for name in map(str, da.dims):
        attrs = da[name].attrs if name in da.coords else {}
        known = name in SPECTRAL_DIMS and (name != "channel" or not attrs)
        quantity = Quantity(name, SPECTRAL_DIMS[name], name.replace("_", " ")) if known else None
        quantity = quantity or spectral_quantity(name) or spectral_quantity("", plain_unit(attrs.get("units")))
        quantity = quantity or (attrs.get("long_name") and spectral_quantity(str(attrs["long_name"]))) or None
        # time is spectral only where nothing else is: a series of spectra has both
        if quantity and (found is None or found[1].dim == "time" or quantity.dim != "time"):
            found = (name, quantity)
    return found


def _coordinates(ds: xr.Dataset) -> str:
    texts = (
        f"{name} ({coord.attrs['units']})" if "units" in coord.attrs else name for name, coord in ds.coords.items()
    )
    return ", ".join(map(str, texts))[:300] or "none"


def _remedy(ds: xr.Dataset, names: list[Any]) -> str:
    """The line to write, with a dimension that may be the spectral one: the last of the largest array."""
    dims = [d for name in sorted(names, key=lambda n: -ds[n].ndim) for d in reversed(ds[name].dims)]
    free = [d for d in dims if d not in ("x", "y", "peak", "parameter", "parameter_2")]
    if not free:
        return "If it is the result of a fit, write read_netcdf(path); else give its spectral axis a name: energy …"
    axis = "" if free[0] in ds.coords else ", axis=[...]"
    return f'If {free[0]!r} is the spectral one, write read_spectra(path, dim={free[0]!r}{axis}, units="eV").'


def _choose(
    ds: xr.Dataset, path: Path, variable: str | int | None, dim: str | None
) -> tuple[xr.DataArray, str, Quantity]:
    listing = ", ".join(f"{name} {tuple(da.dims)}" for name, da in ds.data_vars.items()) or "none"
    if variable is not None and variable not in ds.data_vars:
        raise ParameterError(f"{path.name} has no variable {variable!r}. It has: {listing[:1000]}.")
    names = [variable] if variable is not None else [name for name in ds.data_vars if ds[name].dtype.kind in "buif"]
    found = {name: axis for name in names if (axis := _spectral_dim(ds[name], dim))}
    if len(found) > 1 and "spectra" in found:
        found = {"spectra": found["spectra"]}
    if len(found) > 1:
        raise ParameterError(
            f"{path.name} holds several variables with a spectral dimension. Write read_spectra(path, variable="
            f"{next(iter(found))!r}) or another of: {listing[:1000]}."
        )
    if not found:
        raise LabelError(
            f"{path.name} has no variable with {'dimension ' + repr(dim) if dim else 'a known spectral dimension'}. It "
            f"has: {listing[:1000]}; coordinates: {_coordinates(ds)}. {_remedy(ds, names)}"
        )
    name, (spectral, quantity) = next(iter(found.items()))
    return ds[name].copy(), spectral, quantity
