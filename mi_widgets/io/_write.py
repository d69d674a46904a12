"""Write arrays and results: netCDF and Zarr that open identical, CSV that other programs read."""

import csv
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io._zarr import is_store, require

__all__ = ["as_dataset", "check_storable", "replace_file", "write_csv", "write_netcdf", "write_zarr"]


def write_netcdf(data: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a netCDF file, compressed, that `read_netcdf` gives back identical.

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
        The file exists and `overwrite` is False, or the folder does not exist.
    DataError
        Values or attributes that netCDF cannot hold: complex numbers, objects, None, bool, dict.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.nc"
    >>> write_netcdf(xr.Dataset({"a": ("x", [1.0, 2.0])}), file).name
    'a.nc'
    """
    ds = as_dataset(data, "write_netcdf")
    check_storable(ds, "netCDF")
    ds = ds.drop_encoding()
    encoding: dict[Any, dict[str, Any]] = {}
    for name, variable in ds.variables.items():
        encoding[name] = {"_FillValue": None} if variable.dtype.kind == "f" else {}
        if variable.dtype.kind in "iuf" and variable.size > 256:
            encoding[name] |= {"zlib": True, "complevel": 4, "shuffle": True}
    return replace_file(path, overwrite, lambda file: ds.to_netcdf(file, engine="h5netcdf", encoding=encoding))


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
    path : path-like
        Where; the folder that it lies in must exist. The usual suffix is ``.zarr``.
    chunks : mapping, optional
        Length of a chunk along each dimension; by default those of the data, else about 10 MB with the last
        dimension whole.
    overwrite : bool
        Whether a store of this name may be replaced.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ParameterError
        The store exists and `overwrite` is False, the folder does not exist, or `chunks` names no dimension.
    DataError
        Values or attributes that Zarr cannot hold: objects, None, bool, dict, complex numbers.
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
    return replace_file(
        path, overwrite, lambda store: ds.to_zarr(store, zarr_format=2, consolidated=True, encoding=encoding)
    )


def _chunk_shape(variable: xr.Variable, wanted: Mapping[str, int]) -> tuple[int, ...]:
    shape = [max(1, min(int(wanted.get(str(d), n)), n)) for d, n in zip(variable.dims, variable.shape, strict=True)]
    for i, d in enumerate(variable.dims[:-1]):
        rest = variable.dtype.itemsize * int(np.prod(shape[i + 1 :]))
        if str(d) not in wanted:
            shape[i] = max(1, min(shape[i], 10_000_000 // max(1, rest)))
    return tuple(shape)


def write_csv(data: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a table with one row per point, titles with units in its first line.

    Spectra become one row per value (``y (um),x (um),energy (eV),spectra (count)``), which `read_spectra` reads back
    without loss. The result of a fit becomes one row per pixel, with a column per peak: ``center_0 (eV)``,
    ``center_1 (eV)`` …

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        What to write. Variables of a Dataset share their dimensions, but for ``peak``.
    path : path-like
        Where; the folder must exist. The file appears whole or not at all.
    overwrite : bool
        Whether a file of this name may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ParameterError
        The file exists and `overwrite` is False, or the folder does not exist.
    DataError
        The variables of a Dataset do not share their dimensions, or there is none.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> da = xr.DataArray([3.0, 4.0], {"energy": ("energy", [284.0, 285.0], {"units": "eV"})}, name="spectra")
    >>> print(write_csv(da, pathlib.Path(tempfile.mkdtemp()) / "a.csv").read_text().splitlines()[0])
    energy (eV),spectra
    """
    ds = as_dataset(data, "write_csv")
    columns = _columns(ds)

    def write(file: Path) -> None:
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))

    return replace_file(path, overwrite, write)


def as_dataset(data: Any, who: str) -> xr.Dataset:
    if isinstance(data, xr.DataArray):
        return data.to_dataset(name=data.name or "spectra")
    if isinstance(data, xr.Dataset):
        return data
    raise DataError(f"{who} needs an xarray Dataset or DataArray; got {type(data).__name__}.")


def check_storable(ds: xr.Dataset, what: str) -> None:
    """Raise `DataError` for values and attributes that files of this format cannot hold."""
    _check_attrs(ds, "", what)
    for name, variable in ds.variables.items():
        _check_attrs(variable, f" of {name!r}", what)
        if variable.dtype.kind == "c":
            raise DataError(
                f"{what} holds no complex numbers: {name!r}. Write {name}_real and {name}_imag as two variables."
            )
        if variable.dtype.kind == "O" and not all(isinstance(v, str) for v in variable.values.flat):
            raise DataError(
                f"{what} holds numbers and text; {name!r} holds Python objects. Convert with .astype(float)."
            )


def _check_attrs(holder: xr.Dataset | xr.Variable, where: str, what: str) -> None:
    for key, value in holder.attrs.items():
        number = isinstance(value, str | int | float | np.integer | np.floating | np.ndarray | list | tuple)
        if isinstance(value, bool | np.bool_) or not number:
            raise DataError(
                f"attribute {key!r}{where} is a {type(value).__name__}; {what} holds text, numbers and lists of them. "
                f"Write attrs[{key!r}] = str(...) or json.dumps(...)."
            )


def _title(name: str, units: object) -> str:
    title = f"{name} ({units})" if units and units != "1" else name
    # a spreadsheet would run a title that begins so as a formula
    return "'" + title if title.startswith(("=", "+", "-", "@")) else title


def _columns(ds: xr.Dataset) -> dict[str, np.ndarray]:
    variables = {str(name): da for name, da in ds.data_vars.items()}
    if not variables:
        raise DataError("write_csv: this Dataset has no variables.")
    dims = max((tuple(d for d in da.dims if d != "peak") for da in variables.values()), key=len)
    for name, da in variables.items():
        if set(da.dims) - {"peak"} != set(dims) and da.ndim > 0:
            raise DataError(
                f"write_csv: {name!r} has dims {tuple(da.dims)} where others have {dims}. Write them to files of their "
                f"own, write_csv(ds[[{name!r}]], path), or keep everything in one netCDF file."
            )
    columns: dict[str, np.ndarray] = {}
    shape = tuple(ds.sizes[d] for d in dims)
    for i, d in enumerate(dims):
        values = ds[d].values
        grid = np.broadcast_to(values.reshape([-1 if j == i else 1 for j in range(len(dims))]), shape)
        columns[_title(str(d), ds[d].attrs.get("units"))] = grid.ravel()
    for name, da in variables.items():
        if da.ndim == 0:
            continue
        units = da.attrs.get("units")
        if "peak" in da.dims:
            for k in range(ds.sizes["peak"]):
                columns[_title(f"{name}_{k}", units)] = da.isel(peak=k).transpose(*dims).values.ravel()
        else:
            columns[_title(name, units)] = da.transpose(*dims).values.ravel()
    return columns


def replace_file(path: str | os.PathLike[str], overwrite: bool, write: Callable[[Path], object]) -> Path:
    """Write beside the target, then move: a good file is never lost to a full disk or a stopped kernel."""
    target = Path(os.fspath(path)).expanduser()
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
