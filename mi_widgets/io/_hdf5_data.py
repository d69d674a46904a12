"""HDF5 of any layout: a data set chosen by its path, its axes from dimension scales or NeXus attributes."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from mi_widgets.errors import FileFormatError
from mi_widgets.io._arrays import Scale, Stored, from_arrays
from mi_widgets.io._finish import plain_attrs
from mi_widgets.io._hdf5 import check_heaps

__all__ = ["SUFFIXES", "read", "takes"]

SUFFIXES = frozenset({".h5", ".hdf5", ".hdf", ".he5", ".nxs", ".nx", ".nexus"})
# Groups at the root by which formats of instruments are known, read by rosettasciio.
_FOREIGN = ("Acquisition", "FullSpectra", "PeakData", "Measurement_", "Experiments")
_MOST = 10_000
_LONGEST = 10_000_000


def takes(path: Path) -> bool:
    """Tell whether no format that rosettasciio reads better is recognised in an HDF5 file."""
    with path.open("rb") as stream:
        if stream.read(4) != b"\x89HDF":
            return True  # and complain about it
    if importlib.util.find_spec("rsciio") is None:
        return True
    try:
        with h5py.File(path, "r") as file:
            return not any(str(name).startswith(_FOREIGN) for name in file)
    except (OSError, ValueError, RuntimeError, KeyError):
        return True


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None
) -> xr.DataArray:
    """Read a data set of an HDF5 file; see `mi_widgets.io.read_spectra`. Links to other files are not followed."""
    check_heaps(path)
    file = h5py.File(path, "r")
    keep = False
    try:
        stored = [_stored(dataset, path) for dataset in _datasets(file, path)]
        metadata = {k: v for k, v in plain_attrs(file.attrs).items() if k != "history"}
        da = from_arrays(
            stored, path=path, reader="hdf5", variable=variable, dim=dim, units=units, lazy=lazy, metadata=metadata
        )
        keep = not isinstance(da.data, np.ndarray)  # values stay on disk: the file stays open as long as they live
    finally:
        if not keep:
            file.close()
    return da


def _datasets(file: h5py.File, path: Path) -> Iterator[h5py.Dataset]:
    """Every data set once, in the order of the file; soft and external links are left alone."""
    seen = 0
    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    visited = set()
    while waiting:
        group, depth = waiting.pop(0)
        for name in group:
            seen += 1
            if seen > _MOST or depth > 30:
                raise FileFormatError(f"{path.name} has more than {_MOST} entries, or its groups are nested too deep.")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in visited:  # hard links can go round in a circle
                continue
            visited.add(address)
            if isinstance(item, h5py.Group):
                waiting.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                yield item


def _stored(dataset: h5py.Dataset, path: Path) -> Stored:
    attrs = plain_attrs(dataset.attrs) if dataset.dtype.kind in "buif" else {}
    name = str(dataset.name).strip("/")
    shape = tuple(dataset.shape or ())

    def load() -> Any:
        _check_elsewhere(dataset, path)
        return dataset

    if dataset.dtype.kind not in "buif" or not shape:
        return Stored(name, shape, np.dtype(dataset.dtype), load)
    preferred = _text(dataset.parent.attrs.get("signal")) == name.rpartition("/")[2] and _is_default(dataset)
    return Stored(name, shape, np.dtype(dataset.dtype), load, tuple(_scales(dataset)), attrs, preferred)


def _check_elsewhere(dataset: h5py.Dataset, path: Path) -> None:
    """Refuse values kept in other files, unless those lie there: HDF5 gives zeros in their place."""
    if dataset.external:
        raise FileFormatError(f"{path.name}: {dataset.name!r} keeps its values in another file, which is not followed.")
    if dataset.is_virtual:
        for source in dataset.virtual_sources():
            if source.file_name != "." and not (path.parent / source.file_name).is_file():
                raise FileFormatError(f"{path.name}: {dataset.name!r} needs {source.file_name!r} beside it.")


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _is_default(dataset: h5py.Dataset) -> bool:
    """Follow NeXus ``default`` up to the root: of several plots of an entry, one is meant."""
    group = dataset.parent
    while group.name != "/":
        default = group.parent.attrs.get("default")
        if default is not None and _text(default) != group.name.rpartition("/")[2]:
            return False
        group = group.parent
    return True


def _scales(dataset: h5py.Dataset) -> Iterator[Scale]:
    """One for each dimension: its attached scale, its label, or what NeXus' ``axes`` names."""
    axes = np.atleast_1d(dataset.parent.attrs.get("axes", []))
    axes = axes if len(axes) == dataset.ndim else np.array([""] * dataset.ndim)
    for i, (dimension, nexus) in enumerate(zip(dataset.dims, axes, strict=True)):
        name = _text(nexus).strip(".")
        scale = dimension[0] if len(dimension) else None
        if scale is None and name and isinstance(dataset.parent.get(name), h5py.Dataset):
            scale = dataset.parent[name]
        if scale is None:
            yield Scale(name or dimension.label)
            continue
        name = name or dimension.label or str(scale.name).rpartition("/")[2]
        usable = (
            scale.shape == (dataset.shape[i],)
            and scale.size <= _LONGEST
            and scale.dtype.kind in "buif"
            and scale.id != dataset.id
        )
        placeholder = _text(scale.attrs.get("NAME", "")).startswith("This is a netCDF dimension but not")
        units = scale.attrs.get("units")
        values = np.asarray(scale[...], dtype=float) if usable and not placeholder else None
        yield Scale(name, None if units is None else _text(units), values, _text(scale.attrs.get("long_name", "")))
