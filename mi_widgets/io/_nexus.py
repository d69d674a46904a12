"""NeXus/HDF5: spectra and the results of fits as plotting programs and repositories for research data read them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io._times import as_texts
from mi_widgets.io._write import as_dataset, check_storable, replace_file
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["write_nexus"]

_LONG = 60_000  # HDF5 keeps an attribute below 64 kB


def write_nexus(
    data: xr.Dataset | xr.DataArray,
    path: str | os.PathLike[str],
    *,
    spectra: xr.DataArray | None = None,
    overwrite: bool = False,
) -> Path:
    """Write spectra or the result of a fit as a NeXus file (HDF5).

    The layout follows NeXus' NXdata and NXprocess (the parts that NXfit is made of)::

        entry (NXentry)
            title, source, references       texts, where there are any
            spectra (NXdata)                signal and axes: what was measured
            fit (NXprocess)                 program, version, history
                center (NXdata)             center, center_errors, axes
                ...                         one group for each quantity

    Every quantity keeps its attributes, ``units`` among them; a standard error ``center_stderr`` is stored as
    ``center_errors``, as NeXus calls it. Dates are texts (ISO 8601), durations seconds. The file appears whole or not
    at all.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        Spectra, or a result such as `fit_peaks` gives.
    path, overwrite
        As in `write_netcdf`. The usual suffix is ``.nxs``.
    spectra : xarray.DataArray, optional
        The spectra that were fitted, to be kept in the same file.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ParameterError
        As in `write_netcdf`, or spectra are given twice.
    DataError
        As in `write_netcdf`, or a name that HDF5 cannot hold.

    References
    ----------
    .. [1] M. Koennecke et al., J. Appl. Cryst. 48, 301 (2015), doi:10.1107/S1600576714027575

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from mi_widgets.io import read_spectra
    >>> from mi_widgets.labels import label_spectra
    >>> file = write_nexus(label_spectra([3, 4], [283.0, 284.0]), pathlib.Path(tempfile.mkdtemp()) / "a.nxs")
    >>> read_spectra(file).dims
    ('energy',)
    """
    ds = as_dataset(data, "write_nexus")
    check_storable(ds, "NeXus")
    if spectra is not None:
        if not isinstance(spectra, xr.DataArray):
            raise DataError(f"write_nexus: spectra must be a DataArray; got {type(spectra).__name__}.")
        check_storable(as_dataset(spectra, "write_nexus"), "NeXus")
    if not ds.data_vars:
        raise DataError("write_nexus: this Dataset has no variables.")
    measured, fitted = _parts(ds)
    if spectra is not None:
        if "spectra" in measured:
            raise ParameterError("write_nexus: the data already hold a variable 'spectra'. Leave out spectra=.")
        measured["spectra"] = spectra
    for name in (*measured, *fitted):
        if "/" in name or name in (".", "fit"):
            raise DataError(f"write_nexus: a variable cannot be called {name!r} in HDF5. Rename it: ds.rename(...).")

    def write(file: Path) -> None:
        with h5py.File(file, "w", track_order=True) as root:
            root.attrs["NX_class"] = "NXroot"
            root.attrs["creator"] = f"mi_widgets {__version__}"
            root.attrs["default"] = "entry"
            entry = _group(root, "entry", "NXentry")
            for key in ("title", "source", "references"):
                if ds.attrs.get(key):
                    entry[key] = str(ds.attrs[key])
            for name, da in measured.items():
                _data(entry, name, da, None)
            if fitted:
                _process(entry, ds, fitted)
            first = next(iter(measured), None)
            entry.attrs["default"] = first if first is not None else "fit"

    return replace_file(path, overwrite, write, "write_nexus")


def _parts(ds: xr.Dataset) -> tuple[dict[str, xr.DataArray], dict[str, xr.DataArray]]:
    """Variables along a spectral axis, and all others."""
    measured: dict[str, xr.DataArray] = {}
    fitted: dict[str, xr.DataArray] = {}
    for name, da in ds.data_vars.items():
        (measured if set(map(str, da.dims)) & set(SPECTRAL_DIMS) - {"time"} else fitted)[str(name)] = da
    return measured, fitted


def _group(parent: h5py.Group, name: str, nexus_class: str) -> h5py.Group:
    group = parent.create_group(name, track_order=True)
    group.attrs["NX_class"] = nexus_class
    return group


def _process(entry: h5py.Group, ds: xr.Dataset, fitted: Mapping[str, xr.DataArray]) -> None:
    group = _group(entry, "fit", "NXprocess")
    group["program"] = "mi_widgets"
    group["version"] = __version__
    _set_attrs(group, ds.attrs)
    errors = {name for name in fitted if name.endswith("_stderr") and name.removesuffix("_stderr") in fitted}
    for name, da in fitted.items():
        if name not in errors:
            _data(group, name, da, fitted.get(f"{name}_stderr") if f"{name}_stderr" in errors else None)
    first = "center" if "center" in fitted else next(name for name in fitted if name not in errors)
    group.attrs["default"] = first


def _data(parent: h5py.Group, name: str, da: xr.DataArray, error: xr.DataArray | None) -> None:
    """One NXdata: the signal, its errors and a data set for each dimension."""
    group = _group(parent, name, "NXdata")
    group.attrs["signal"] = name
    signal = _dataset(group, name, da)
    taken = {name, f"{name}_errors"}
    axes = [str(d) for d in da.dims]
    if axes:
        group.attrs["axes"] = axes
    for i, dim in enumerate(da.dims):
        if str(dim) in taken:
            raise DataError(f"write_nexus: a variable and a dimension are called {name!r}. Rename one: ds.rename(...).")
        group.attrs[f"{dim}_indices"] = i
        axis = _dataset(group, str(dim), da[dim])
        axis.make_scale(str(dim))
        signal.dims[i].attach_scale(axis)
        taken.add(str(dim))
    for key, coord in da.coords.items():
        if str(key) not in taken and "/" not in str(key):
            _dataset(group, str(key), coord)
            group.attrs[f"{key}_indices"] = [axes.index(str(d)) for d in coord.dims] if coord.dims else 0
            taken.add(str(key))
    if error is not None:
        _dataset(group, f"{name}_errors", error.transpose(*da.dims))


def _dataset(group: h5py.Group, name: str, da: xr.DataArray) -> h5py.Dataset:
    """Values with their attributes; a chunked array is computed block by block."""
    if da.dtype.kind == "m":
        da = (da / np.timedelta64(1, "s")).assign_attrs(da.attrs, units="s")
    if da.dtype.kind in "OUM":
        texts = np.asarray(as_texts(da.values) if da.dtype.kind == "M" else da.values, dtype=object)
        dataset = group.create_dataset(name, data=texts, dtype=h5py.string_dtype())
    elif da.chunks is not None and da.ndim:
        dataset = group.create_dataset(name, da.shape, da.dtype, chunks=tuple(c[0] for c in da.chunks))
        da.data.store(dataset, lock=True)
    else:
        packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if da.size > 256 and da.ndim else {}
        dataset = group.create_dataset(name, data=da.values, **packed)
    _set_attrs(dataset, da.attrs)
    return dataset


def _set_attrs(item: h5py.Group | h5py.Dataset, attrs: Mapping[Any, Any]) -> None:
    for key, value in attrs.items():
        if isinstance(value, str) and len(value.encode()) > _LONG:
            text = value.encode()[:_LONG].decode("utf-8", "ignore")
            item.attrs[str(key)] = text + " (shortened)"
        elif isinstance(value, list | tuple) and any(isinstance(v, str) for v in value):
            item.attrs.create(str(key), [str(v) for v in value], dtype=h5py.string_dtype())
        else:
            item.attrs[str(key)] = value
