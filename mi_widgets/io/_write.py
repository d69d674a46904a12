"""Write arrays and results: netCDF and Zarr that open identical."""

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io._doors import as_path
from mi_widgets.io._times import check_times, encode_times
from mi_widgets.io._zarr import is_store, require

__all__ = ["as_dataset", "check_storable", "replace_file", "write_netcdf", "write_zarr"]


def write_netcdf(data: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a netCDF file, compressed, that `read_netcdf` gives back identical, dates and durations too.

    The file appears whole or not at all: it is written beside its place under another name and then moved.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        What to write; an array without a name is called ``spectra``.
    path : path-like
        Where; the folder must exist.
    overwrite : bool
        Whether a file of this name may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ParameterError
        The file exists and `overwrite` is False, the folder does not exist, or `path` is none.
    DataError
        Values, names or attributes that netCDF cannot hold: complex numbers, objects, None, bool, dict; a date with an
        attribute ``units``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.nc"
    >>> write_netcdf(xr.Dataset({"a": ("x", [1.0, 2.0])}), file).name
    'a.nc'
    """
    ds = as_dataset(data, "write_netcdf")
    check_storable(ds, "netCDF")
    ds = encode_times(ds.drop_encoding())
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        encoding[name] = {"_FillValue": None} if variable.dtype.kind == "f" else {}
        if variable.dtype.kind in "iuf" and variable.size > 256:
            encoding[name] |= {"zlib": True, "complevel": 4, "shuffle": True}
    return replace_file(
        path, overwrite, lambda file: ds.to_netcdf(file, engine="h5netcdf", encoding=encoding), "write_netcdf"
    )


def write_zarr(
    data: xr.Dataset | xr.DataArray,
    path: str | os.PathLike[str],
    *,
    chunks: Mapping[str, int] | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a Zarr folder, block by block, that ``xarray.open_zarr`` gives back identical and lazy.

    A chunked array is never held in memory as a whole. The folder appears whole or not at all.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        What to write; an array without a name is called ``spectra``.
    path, overwrite
        As in `write_netcdf`, for a folder. The usual suffix is ``.zarr``.
    chunks : mapping, optional
        Length of a chunk along each dimension; by default those of the data, else about 10 MB with the last
        dimension whole.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ParameterError
        As in `write_netcdf`, or `chunks` names no dimension.
    DataError
        As in `write_netcdf`, or dates before 1678 or after 2261, which ``xarray.open_zarr`` cannot read.
    MissingDependencyError
        The package zarr is not installed.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> store = write_zarr(xr.Dataset({"a": ("x", [1.0, 2.0])}), pathlib.Path(tempfile.mkdtemp()) / "a.zarr")
    >>> xr.open_zarr(store, chunks=None).a.values
    array([1., 2.])
    """
    require("write_zarr")
    ds = as_dataset(data, "write_zarr")
    check_storable(ds, "Zarr")
    _check_zarr(ds)
    if unknown := set(chunks or {}) - set(map(str, ds.dims)):
        raise ParameterError(f"write_zarr: chunks name {sorted(unknown)}, the data have dims {tuple(ds.dims)}.")
    ds = ds.drop_encoding()
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        if variable.chunks is not None:  # Zarr's chunks are all of one length but for the last
            longest = dict(zip(map(str, variable.dims), map(max, variable.chunks), strict=True))
            ds[name] = ds[name].chunk({d: (chunks or {}).get(d, n) for d, n in longest.items()})
        elif variable.ndim:
            encoding[name] = {"chunks": _chunk_shape(variable, chunks or {})}
        if variable.dtype.kind == "f":
            encoding.setdefault(name, {})["_FillValue"] = None
    # format 2: what other programs read as well, and its metadata can be kept together
    options: dict[str, Any] = {"zarr_format": 2, "consolidated": True, "encoding": encoding}
    return replace_file(path, overwrite, lambda store: ds.to_zarr(store, **options), "write_zarr")


def _check_zarr(ds: xr.Dataset) -> None:
    for name, variable in ds.variables.items():
        if variable.dtype.kind == "f" and variable.dtype.itemsize > 8:
            raise DataError(f"Zarr holds no {variable.dtype}: {name!r}. Convert with .astype(float).")
        if variable.dtype.kind == "M" and variable.chunks is None:
            years = variable.values[~np.isnat(variable.values)].astype("M8[Y]").astype(int) + 1970
            if years.size and (years.min() < 1678 or years.max() > 2261):
                raise DataError(
                    f"{name!r} has dates from {years.min()} to {years.max()}; xarray.open_zarr reads 1678 to 2261. Use "
                    "write_netcdf, or keep the dates as numbers with a unit such as 'day'."
                )


def _chunk_shape(variable: xr.Variable, wanted: Mapping[str, int]) -> tuple[int, ...]:
    shape = [max(1, min(int(wanted.get(str(d), n)), n)) for d, n in zip(variable.dims, variable.shape, strict=True)]
    for i, d in enumerate(variable.dims[:-1]):
        rest = variable.dtype.itemsize * int(np.prod(shape[i + 1 :]))
        if str(d) not in wanted:
            shape[i] = max(1, min(shape[i], 10_000_000 // max(1, rest)))
    return tuple(shape)


def as_dataset(data: Any, who: str) -> xr.Dataset:
    if isinstance(data, xr.DataArray):
        return data.to_dataset(name=data.name or "spectra")
    if isinstance(data, xr.Dataset):
        return data
    raise DataError(f"{who} needs an xarray Dataset or DataArray; got {type(data).__name__}.")


def check_storable(ds: xr.Dataset, what: str) -> None:
    """Raise `DataError` for names, values and attributes that files of this format cannot hold."""
    _check_attrs(ds, "", what)
    check_times(ds, what)
    for name, variable in ds.variables.items():
        if not isinstance(name, str) or "/" in name:
            raise DataError(
                f"a variable cannot be called {name!r} in {what}. Rename it: ds.rename({{{name!r}: 'new_name'}})."
            )
        _check_attrs(variable, f" of {name!r}", what)
        if variable.dtype.kind == "c":
            raise DataError(
                f"{what} holds no complex numbers: {name!r}. Write {name}_real and {name}_imag as two variables."
            )
        if isinstance(ds.indexes.get(name), pd.MultiIndex):
            raise DataError(f"{what} holds no index of several levels: {name!r}. Write ds.reset_index({name!r}).")
        if variable.dtype.kind == "O" and not all(isinstance(v, str) for v in variable.values.flat):
            raise DataError(
                f"{what} holds numbers and text; {name!r} holds Python objects. Convert with .astype(float)."
            )


def _check_attrs(holder: xr.Dataset | xr.Variable, where: str, what: str) -> None:
    for key, value in holder.attrs.items():
        if not isinstance(key, str):
            raise DataError(f"attribute {key!r}{where}: its name is no text. Write attrs[{str(key)!r}] = ... instead.")
        if not _storable(value):
            raise DataError(
                f"attribute {key!r}{where} is a {type(value).__name__}; {what} holds text, numbers and lists of them. "
                f"Write attrs[{key!r}] = str(...) or json.dumps(...)."
            )


def _storable(value: object) -> bool:
    """Tell whether an attribute is text, a number of 64 bits, or a list of one of them."""
    if isinstance(value, list | tuple):
        texts = [isinstance(v, str) for v in value]
        return all(texts) or (not any(texts) and all(_storable(v) and np.ndim(v) == 0 for v in value))
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, int):
        return -(2**63) <= value < 2**64
    return isinstance(value, str | float | np.integer | np.floating | np.ndarray)


def replace_file(path: str | os.PathLike[str], overwrite: bool, write: Callable[[Path], object], who: str) -> Path:
    """Write beside the target, then move: a good file is never lost to a full disk or a stopped kernel."""
    target = as_path(path, who)
    if not target.parent.is_dir():
        raise ParameterError(f"there is no folder {str(target.parent)!r}. Make it: Path(...).mkdir(parents=True).")
    if target.is_dir() and not is_store(target):
        raise ParameterError(f"{str(target)!r} is a folder. Give the name of a file in it.")
    if target.exists() and not overwrite:
        raise ParameterError(f"{str(target)!r} exists. Write overwrite=True to replace it, or choose another name.")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        write(part)
        if part.is_file():
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
        if target.is_dir() or (part.is_dir() and target.exists()):  # a folder cannot take another's place at once
            old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
            target.rename(old)
            part.replace(target)
            _remove(old)
        else:
            part.replace(target)
    finally:
        _remove(part)
    return target


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
