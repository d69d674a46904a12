"""Columns of a table of substrates as variables of a result."""

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import DataError

__all__ = ["names_of", "table_columns"]

_COLUMN_UNITS = {"a": "angstrom", "b": "angstrom", "gamma": "degree", "band_gap": "eV", "work_function": "eV"}


def names_of(table: pd.DataFrame) -> np.ndarray:
    """Names of the rows."""
    return np.array([str(n) for n in table.index], dtype=np.str_)


def table_columns(ds: xr.Dataset, table: pd.DataFrame) -> xr.Dataset:
    """The Dataset with the columns of the table, row by row, over ``substrate``."""
    for column in table.columns:
        name = f"lattice_{column}" if column in ("a", "b", "gamma") else str(column)
        if name in ds.variables or name in ds.dims:
            raise DataError(f"column {column!r} of the table has a name that a result needs; call it otherwise.")
        values = table[column].to_numpy()
        if values.dtype.kind == "b":
            values, attrs = values.astype(np.int8), {"units": "1"}
        elif values.dtype.kind in "uif":
            values, attrs = values.astype(float), {"units": _COLUMN_UNITS.get(str(column), "1")}
        else:
            values, attrs = np.array(["" if pd.isna(v) else str(v) for v in values], dtype=np.str_), {}
        ds[name] = ("substrate", values, {**attrs, "long_name": str(column).replace("_", " ")})
    return ds
