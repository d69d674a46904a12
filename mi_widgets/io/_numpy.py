"""NumPy .npy and .npz: numbers only, never pickled objects."""

import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._arrays import Stored, from_arrays
from mi_widgets.io._netcdf import check_size

__all__ = ["SUFFIXES", "read"]

SUFFIXES = frozenset({".npy", ".npz"})


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None
) -> xr.DataArray:
    """Read an array, its last dimension spectral; a vector of fitting length in the same .npz is the axis."""
    with path.open("rb") as stream:
        zipped = stream.read(4) == b"PK\x03\x04"
    stored = _members(path) if zipped else [_single(path)]
    return from_arrays(stored, path=path, reader="numpy", variable=variable, dim=dim, units=units, lazy=lazy, bare=True)


def _single(path: Path) -> Stored:
    _check_dtype(path, path.name)
    values = np.load(path, mmap_mode="r", allow_pickle=False)  # fails at once where the file is too short
    return Stored("array", values.shape, values.dtype, lambda: values)


def _check_dtype(path: Path, name: str) -> None:
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        _refuse(read(stream)[2], name)


def _refuse(dtype: np.dtype[Any], name: str) -> None:
    if dtype.hasobject:
        raise DataError(
            f"{name} holds pickled Python objects, which are not opened: they could run anything. Save plain numbers, "
            "np.save(path, np.asarray(values, dtype=float))."
        )


def _members(path: Path) -> list[Stored]:
    stored = []
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if info.filename.endswith(".npy")]
        if len(infos) > 1000:
            raise FileFormatError(f"{path.name} holds {len(infos)} arrays; at most 1000 are read.")
        for info in infos:
            # what a header claims costs nothing until it is read, and is checked before
            with archive.open(info) as stream:
                version = np.lib.format.read_magic(stream)
                first = version == (1, 0)
                read_header = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
                shape, _, dtype = read_header(stream)
            name = info.filename.removesuffix(".npy")
            if dtype.hasobject:
                stored.append(Stored(name, (), dtype, partial(_refuse, dtype, name)))
                continue
            array = Stored(name, shape, dtype, partial(_load, path, info))
            if array.n_bytes > info.file_size:
                raise FileFormatError(
                    f"{path.name}: {name!r} claims {array.n_bytes:.3g} bytes and has {info.file_size}: damaged."
                )
            stored.append(array)
    if stored and all(a.dtype.hasobject for a in stored):
        _refuse(stored[0].dtype, f"{path.name}: {stored[0].name!r}")
    return stored


def _load(path: Path, info: zipfile.ZipInfo) -> np.ndarray:
    check_size(info.file_size, path)
    with zipfile.ZipFile(path) as archive, archive.open(info) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
