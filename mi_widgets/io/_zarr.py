"""Zarr folders, versions 2 and 3: opened without running anything they name, and lazily where they are large."""

import importlib.util
import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import xarray as xr

from mi_widgets.errors import FileFormatError, MissingDependencyError
from mi_widgets.io._netcdf import from_dataset, stays_on_disk

__all__ = ["SUFFIXES", "is_store", "read", "require"]

SUFFIXES = frozenset({".zarr"})
_METADATA = (".zarray", ".zmetadata", "zarr.json")
_MARKS = (".zgroup", ".zarray", ".zmetadata", "zarr.json")
# Everything else is refused: a store may name a codec that unpickles, or one that another package registers.
_CODECS = frozenset(
    {
        "adler32", "astype", "base64", "bitround", "blosc", "bytes", "bz2", "categorize", "crc32", "crc32c", "delta",
        "fixedscaleoffset", "fletcher32", "gzip", "json2", "lz4", "lzma", "packbits", "quantize", "sharding_indexed",
        "shuffle", "transpose", "vlen-bytes", "vlen-utf8", "zlib", "zstd",
    }
)  # fmt: skip
_METADATA_BYTES = 20_000_000


def is_store(folder: Path) -> bool:
    """Tell whether a folder is a Zarr store, or is called one."""
    return folder.suffix.lower() in SUFFIXES or any((folder / mark).is_file() for mark in _MARKS)


def require(what: str) -> None:
    """Raise `MissingDependencyError` if zarr is not installed."""
    if importlib.util.find_spec("zarr") is None:
        raise MissingDependencyError(f'{what} needs the package zarr: pip install "mi-widgets[files]"')


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None
) -> xr.DataArray:
    """Read the spectra of a Zarr store written by xarray; see `mi_widgets.io.read_spectra`."""
    require(f"reading {path.name}")
    if not path.is_dir():
        raise ValueError("a Zarr store is a folder")
    n_files, n_bytes = _check_store(path)
    # in memory below the limit, as netCDF; None and not {} keeps dask out of it
    ds = xr.open_zarr(path, chunks=None, decode_times=False, decode_timedelta=False, consolidated=False)
    if stays_on_disk(ds.nbytes, lazy):
        ds = xr.open_zarr(path, chunks={}, decode_times=False, decode_timedelta=False, consolidated=False)
    else:
        _check_claims(ds, path, n_files, n_bytes)
        ds = ds.load()
    return from_dataset(ds, path, variable=variable, dim=dim, units=units, lazy=lazy, reader="zarr")


def _check_claims(ds: xr.Dataset, path: Path, n_files: int, n_bytes: int) -> None:
    """Refuse to load far more than the files can hold: chunks that are not there would be filled up."""
    if ds.nbytes > 64_000_000 + 2000 * n_bytes:
        raise FileFormatError(
            f"{path.name} says it holds {ds.nbytes:.3g} bytes of data but has {n_bytes} bytes: chunks are missing or "
            "its metadata are damaged. Copy it again."
        )
    for name, variable in ds.variables.items():
        chunks = variable.encoding.get("chunks") or variable.shape
        n_chunks, size = 1, variable.dtype.itemsize
        for length, chunk in zip(variable.shape, chunks, strict=True):
            n_chunks *= -(-length // max(1, chunk))
            size *= max(1, chunk)
        if size > 64_000_000 + 2000 * n_bytes or n_chunks > 10_000 + 10 * n_files:
            raise FileFormatError(
                f"{path.name}: {name!r} claims {n_chunks} chunks of {size} bytes, the store has {n_files} files of "
                f"{n_bytes} bytes: its metadata are damaged. Copy it again."
            )


def _check_store(path: Path) -> tuple[int, int]:
    """Number and size of the files; raise for codecs that are not known to be harmless and for cut-off chunks."""
    n_files = n_bytes = 0
    found = False
    packed: dict[Path, bool] = {}
    for name, _, files in os.walk(path):
        folder = Path(name)
        packed[folder] = packed.get(folder.parent, False)
        for mark in set(files) & set(_METADATA):
            found = True
            metadata = _metadata(folder / mark, path)
            _check_codecs(metadata, path)
            packed[folder] |= mark != ".zmetadata" and _ends_with_blosc(metadata, path)
        for file in files:
            size = (folder / file).stat().st_size
            n_files, n_bytes = n_files + 1, n_bytes + size
            if packed[folder] and not file.startswith(".z") and file != "zarr.json":
                _check_blosc(folder / file, size, path)
    if not found:
        raise FileFormatError(f"{path.name} holds no Zarr arrays: no .zarray and no zarr.json. Copy the whole folder.")
    return n_files, n_bytes


def _metadata(file: Path, path: Path) -> Any:
    size = file.stat().st_size
    if size > _METADATA_BYTES:
        raise FileFormatError(f"{path.name}: {file.name} has {size} bytes, too many for metadata: damaged.")
    with file.open("rb") as stream:
        return json.load(stream)


def _name(codec: Any) -> str | None:
    name = codec.get("id") or codec.get("name") if isinstance(codec, Mapping) else codec
    return None if name is None else str(name).removeprefix("numcodecs.")


def _check_codecs(metadata: Any, path: Path) -> None:
    for key, value in _entries(metadata):
        if key in ("compressor", "filters", "codecs", "index_codecs"):
            for codec in value if isinstance(value, list) else [value]:
                name = _name(codec)
                if name is not None and name not in _CODECS:
                    raise FileFormatError(
                        f"{path.name} is packed with {name[:40]!r}, which is not opened: it may run what the file "
                        "holds. Write the store again with zlib, zstd or blosc."
                    )


def _ends_with_blosc(metadata: Any, path: Path) -> bool:
    """Tell whether the chunks of an array are what Blosc wrote."""
    if not isinstance(metadata, Mapping):
        raise FileFormatError(f"{path.name}: the metadata of an array are no JSON object. Copy the store again.")
    codecs = metadata.get("codecs") or [*(metadata.get("filters") or []), metadata.get("compressor")]
    names = [name for codec in codecs if (name := _name(codec)) not in (None, "crc32c", "crc32", "adler32")]
    if "blosc" in names[:-1]:
        raise FileFormatError(
            f"{path.name}: an array is packed twice, by {' and '.join(map(str, names))}. Pack it once."
        )
    return names[-1:] == ["blosc"]


def _check_blosc(file: Path, size: int, path: Path) -> None:
    """Raise if a chunk is shorter than it says: numcodecs (0.16) reads on behind its end and ends the process."""
    with file.open("rb") as stream:
        head = stream.read(16)
    claimed, block, packed = struct.unpack_from("<3I", head, 4) if len(head) == 16 else (0, 0, 2**32)
    if packed > size or block > claimed or claimed > 64_000_000 + 2000 * size:
        raise FileFormatError(
            f"{path.name}: the chunk {file.relative_to(path).as_posix()} of {size} bytes is cut off or damaged. Copy "
            "the store again."
        )


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield str(key), entry
            yield from _entries(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _entries(entry)
