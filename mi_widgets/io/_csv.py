"""Tables that other programs read: one row per point, and nothing in them that a spreadsheet would run."""

import csv
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.io._times import as_texts
from mi_widgets.io._write import as_dataset, replace_file

__all__ = ["write_csv"]


def write_csv(data: xr.Dataset | xr.DataArray, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a table with one row per point, titles with units in its first line.

    Spectra become one row per value (``y (um),x (um),energy (eV),spectra (count)``), which `read_spectra` reads back
    without loss. The result of a fit becomes one row per pixel, with a column per peak: ``center_0 (eV)``,
    ``center_1 (eV)`` … Dates are written as ISO 8601 texts, durations in seconds.

    Titles and texts that a spreadsheet would run as a formula, as they begin with ``=``, ``+``, ``-``, ``@``, a tab or
    a line break, are written with an apostrophe in front; line breaks become blanks. Numbers stay as they are.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        What to write. Variables of a Dataset share their dimensions, but for ``peak``.
    path, overwrite
        As in `write_netcdf`.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ParameterError
        As in `write_netcdf`.
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
            writer.writerows(zip(*(_cells(column) for column in columns.values()), strict=True))

    return replace_file(path, overwrite, write, "write_csv")


def _title(name: str, units: object) -> str:
    title = f"{name} ({units})" if units and units != "1" else name
    return _harmless(title)


def _units(da: xr.DataArray) -> object:
    return "s" if da.dtype.kind == "m" else da.attrs.get("units")


def _harmless(text: str) -> str:
    """Text in one line, with an apostrophe in front if a spreadsheet would run it as a formula."""
    runs = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(("=", "+", "-", "@"))
    line = re.sub(r"\r\n|\r|\n", " ", text)  # the writer leaves a lone \r unquoted: what follows would begin a row
    return "'" + line if runs else line


def _cells(column: np.ndarray) -> list[Any]:
    """Values of a column as they are written: numbers as they are, dates and texts as harmless texts."""
    if column.dtype.kind == "M":
        return list(as_texts(column))
    if column.dtype.kind == "m":
        return list((column / np.timedelta64(1, "s")).tolist())
    if column.dtype.kind == "S":
        column = np.char.decode(column, "utf-8", "replace")
    cells: list[Any] = column.tolist()
    if column.dtype.kind not in "OU":
        return cells
    return [_harmless(cell) if isinstance(cell, str) else cell for cell in cells]


def _columns(ds: xr.Dataset) -> dict[str, np.ndarray]:
    variables = {str(name): da for name, da in ds.data_vars.items()}
    if not variables:
        raise DataError("write_csv: this Dataset has no variables.")
    wide = {name: tuple(d for d in da.dims if d != "peak") for name, da in variables.items() if da.ndim > 0}
    alike = Counter(frozenset(dims) for dims in wide.values())
    usual = max(alike, key=lambda dims: (alike[dims], len(dims)), default=frozenset())
    dims = next((dims for dims in wide.values() if set(dims) == usual), ())
    if odd := [name for name, dims_of in wide.items() if set(dims_of) != usual]:
        raise DataError(
            f"write_csv: {odd[0]!r} has dims {variables[odd[0]].dims} where others have {dims}. Write the others, "
            f"write_csv(ds.drop_vars({odd}), path), and these to files of their own, write_csv(ds[[{odd[0]!r}]], "
            "path), or keep everything in one netCDF file."
        )
    columns: dict[str, np.ndarray] = {}
    shape = tuple(ds.sizes[d] for d in dims)
    for i, d in enumerate(dims):
        values = ds[d].values
        grid = np.broadcast_to(values.reshape([-1 if j == i else 1 for j in range(len(dims))]), shape)
        columns[_title(str(d), _units(ds[d]))] = grid.ravel()
    for name, da in variables.items():
        if da.ndim == 0:
            continue
        units = _units(da)
        if "peak" in da.dims:
            for k in range(ds.sizes["peak"]):
                columns[_title(f"{name}_{k}", units)] = da.isel(peak=k).transpose(*dims).values.ravel()
        else:
            columns[_title(name, units)] = da.transpose(*dims).values.ravel()
    return columns
