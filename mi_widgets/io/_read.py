"""Open a file of spectra, whatever its format."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import FileFormatError, ParameterError
from mi_widgets.io import _hdf5_data, _igor, _nanonis, _netcdf, _numpy, _rosettasciio, _text, _vamas, _zarr
from mi_widgets.io._doors import as_path, check_options, guarded, seems
from mi_widgets.io._finish import with_axis
from mi_widgets.io._times import decode_times

__all__ = ["READERS", "Reader", "list_formats", "read_netcdf", "read_spectra"]


@dataclass(frozen=True)
class Reader:
    """One family of formats.

    Attributes
    ----------
    read : callable
        ``read(path, variable=, dim=, units=, lazy=) -> DataArray``; may raise anything on a damaged file.
    suffixes : callable
        Suffixes with the dot, lower case, that it opens here and now.
    text : str
        What it reads, for people.
    takes : callable, optional
        Whether it opens this file, where a suffix belongs to several formats.
    """

    read: Callable[..., xr.DataArray]
    suffixes: Callable[[], frozenset[str]]
    text: str
    takes: Callable[[Path], bool] = field(default=lambda path: True)  # noqa: ARG005


#: Format name -> reader; the first that knows a suffix opens it. A new family of formats is one line here.
READERS: dict[str, Reader] = {
    "netcdf": Reader(_netcdf.read, lambda: _netcdf.SUFFIXES, "netCDF, ours and others'"),
    "vamas": Reader(_vamas.read, lambda: _vamas.SUFFIXES, "VAMAS, ISO 14976: XPS, AES, SIMS"),
    "igor": Reader(_igor.read, lambda: _igor.SUFFIXES, "Igor waves and packed experiments"),
    "nanonis": Reader(_nanonis.read, lambda: _nanonis.SUFFIXES, "Nanonis spectra, grids, scans", _nanonis.takes),
    "text": Reader(_text.read, lambda: _text.SUFFIXES, "CSV and text columns"),
    "numpy": Reader(_numpy.read, lambda: _numpy.SUFFIXES, "NumPy arrays"),
    "zarr": Reader(_zarr.read, lambda: _zarr.SUFFIXES, "Zarr folders (optional extra)"),
    "hdf5": Reader(_hdf5_data.read, lambda: _hdf5_data.SUFFIXES, "HDF5 and NeXus of any layout", _hdf5_data.takes),
    "rosettasciio": Reader(_rosettasciio.read, _rosettasciio.suffixes, "Renishaw, Horiba, Gatan … (optional extra)"),
}


def read_spectra(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word that readers of other packages use
    variable: str | int | None = None,
    dim: str | None = None,
    units: str | None = None,
    axis: Sequence[float] | np.ndarray | xr.DataArray | None = None,
    lazy: bool | None = None,
) -> xr.DataArray:
    r"""Read a spectrum, a line scan or a spectral map as a calibrated, labelled array.

    Nothing in the file is executed. Positions that cannot serve as a coordinate (repeated, missing) become pixel
    numbers; integers and half-precision numbers become floats, so that sums and differences cannot overflow.

    Parameters
    ----------
    path : path-like
        The file; for Zarr, the folder.
    format : {"netcdf", "vamas", "igor", "nanonis", "text", "numpy", "zarr", "hdf5", "rosettasciio"}, optional
        By default the file's suffix decides; see `list_formats`.
    variable : str or int, optional
        Which one, when a file holds several, by name or number: variable (netCDF, Zarr), path of a data set (HDF5),
        array (.npz), block or region or corresponding variable (VAMAS: ``"C 1s"``, ``"transmission"``,
        ``"C 1s/transmission"``), wave (Igor), channel (Nanonis: ``"Current (A)"``), column or signal (others).
    dim : str, optional
        Name of the spectral dimension, when the file does not tell: ``"energy"``, ``"raman_shift"`` …
    units : str, optional
        Unit of the spectral axis, when the file does not tell.
    axis : array_like, optional
        Values of the spectral axis, instead of those in the file or of the channel numbers where it has none.
    lazy : bool, optional
        True leaves the values on disk (dask array), False loads them; by default files above 1 GB stay on disk where
        the format can.

    Returns
    -------
    xarray.DataArray
        Named ``spectra``, dims ``(y, x, <spectral>)`` as far as present (``(block, <spectral>)`` for blocks of VAMAS
        that are no map), the spectral one named as in `mi_widgets.labels.SPECTRAL_DIMS` and last; coordinates with
        ``units`` that pint reads. Attributes: ``units``, ``long_name``, ``title``, ``source``, ``history`` and
        ``original_metadata`` (JSON text, shortened to 30,000 characters). A Nanonis .sxm holds no spectra: one channel
        comes as ``image``, dims ``(direction, y, x)``.

    Raises
    ------
    FileFormatError
        No such file; empty, truncated or damaged; not what its name says; a format nobody here reads.
    DataError
        The values cannot be used: one channel, repeated energies, no finite number.
    LabelError
        The spectral axis cannot be told from the file; the message names `dim`.
    ParameterError
        An option is unknown or of the wrong kind, `path` is none, `dim` names a position, or the file holds several
        spectra and `variable` does not choose one.
    MissingDependencyError
        The format needs an optional package: rosettasciio, zarr.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "c1s.csv"
    >>> _ = file.write_text("binding energy (eV),intensity (counts)\n284.0,120\n284.5,900\n285.0,310\n")
    >>> da = read_spectra(file)
    >>> da.dims, da.energy.attrs["units"]
    (('energy',), 'eV')
    """
    check_options(variable=variable, dim=dim, units=units, lazy=lazy)
    file = _existing(path, "read_spectra")
    name = _reader_name(file, format)
    variable = int(variable) if isinstance(variable, np.integer) else variable
    options = {"variable": variable, "dim": dim, "units": units, "lazy": lazy}
    da: xr.DataArray = guarded(file, name, lambda: READERS[name].read(file, **options))
    return da if axis is None else with_axis(da, axis, units, file.name)


def read_netcdf(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a netCDF file back as the Dataset that `write_netcdf` was given, such as the result of a fit.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    xarray.Dataset
        In memory, the file closed. Dates and durations that `write_netcdf` was given are dates and durations again;
        others' times are left as numbers.

    Raises
    ------
    FileFormatError
        No such file; empty, truncated or damaged; not netCDF.
    ParameterError
        `path` is neither text nor a pathlib.Path.

    Examples
    --------
    >>> import tempfile, pathlib, xarray as xr
    >>> from mi_widgets.io import write_netcdf
    >>> file = write_netcdf(xr.Dataset({"a": ("x", [1.0, 2.0])}), pathlib.Path(tempfile.mkdtemp()) / "a.nc")
    >>> read_netcdf(file).a.values
    array([1., 2.])
    """
    file = _existing(path, "read_netcdf")
    return guarded(file, "netcdf", lambda: decode_times(_netcdf.open_dataset(file, lazy=False)))


def list_formats() -> pd.DataFrame:
    """List the formats that `read_spectra` opens here and now.

    Returns
    -------
    pandas.DataFrame
        One row per reader: ``format``, ``suffixes``, ``reads``. Suffixes of an optional package that is not installed
        are left out.

    Examples
    --------
    >>> "netcdf" in set(list_formats()["format"])
    True
    """
    rows = [(name, " ".join(sorted(r.suffixes())), r.text) for name, r in READERS.items()]
    return pd.DataFrame(rows, columns=["format", "suffixes", "reads"])


def _existing(path: str | os.PathLike[str], who: str) -> Path:
    file = as_path(path, who)
    if str(path).startswith(("http://", "https://", "ftp://")):
        raise FileFormatError(f"{path} is an address on the web. Download the file, then give its path.")
    try:
        size = file.stat().st_size
    except (OSError, ValueError) as error:
        raise FileFormatError(f"there is no file {str(file)!r} (looked in {Path.cwd()}): {error}") from error
    if file.is_dir():
        if not _zarr.is_store(file):
            raise FileFormatError(f"{file} is a folder. Give the path of one file in it.")
    elif size == 0:
        raise FileFormatError(f"{file.name} is empty (0 bytes). Copy or export it again.")
    return file


def _reader_name(file: Path, format_name: str | None) -> str:
    if format_name is not None:
        if format_name not in READERS:
            raise ParameterError(f"format must be one of {', '.join(map(repr, READERS))}; got {format_name!r}.")
        return format_name
    suffix = ".zarr" if file.is_dir() else file.suffix.lower()
    for name, reader in READERS.items():
        if suffix in reader.suffixes() and reader.takes(file):
            return name
    _rosettasciio.require(file)
    raise FileFormatError(
        f"no reader for {suffix or 'a file without suffix'!r} ({file.name}{seems(file)}). "
        f"Read: {' '.join(sorted(set().union(*(r.suffixes() for r in READERS.values()))))}. If it is columns of "
        'numbers, write read_spectra(path, format="text").'
    )
