"""CSV and text columns: an axis with one or more spectra beside it, or one row per value (y, x, energy, counts)."""

from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io._finish import finish_spectra, monotonic
from mi_widgets.io._table import Table, read_table
from mi_widgets.io._units import Quantity, position_dim, spectral_quantity
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["SUFFIXES", "read"]

SUFFIXES = frozenset({".csv", ".txt", ".dat", ".asc", ".xy", ".tsv"})


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None = None
) -> xr.DataArray:
    """Read text columns; see `mi_widgets.io.read_spectra`. Text is never lazy."""
    del lazy
    table = read_table(path)
    if table.values.shape[1] < 2:
        raise DataError(f"{path.name} has one column of numbers; write the axis and the intensity side by side.")
    positions = [i for i, name in enumerate(table.names) if position_dim(name) in ("x", "y", "z")]
    axes = [i for i, name in enumerate(table.names) if _axis(name, table.units[i], dim)]
    rows = table.values.shape[1] >= 3 and positions and len(axes) == 1 and axes[0] not in positions
    if rows and len(positions) + 2 == table.values.shape[1]:
        da, spectral = _from_rows(table, positions, axes[0], path, dim, units)
    else:
        da, spectral = _from_columns(table, path, variable, dim, units)
    metadata = {"header": table.header} if table.header else None
    return finish_spectra(da, spectral, path=path, reader="text", metadata=metadata)


def _axis(name: str, unit: str | None, dim: str | None) -> Quantity | None:
    if dim is not None and name == dim:
        return Quantity(dim, SPECTRAL_DIMS.get(dim, "1"), dim.replace("_", " "))
    return spectral_quantity(name, unit)


def _spectral(table: Table, column: int, path: Path, dim: str | None, units: str | None) -> tuple[Quantity, str]:
    quantity = _axis(table.names[column], table.units[column], dim)
    if dim is not None:
        default = SPECTRAL_DIMS.get(dim, "1")
        text = quantity.long_name if quantity and quantity.dim == dim else dim.replace("_", " ")
        quantity = Quantity(dim, default, text)
    if quantity is None:
        title = f"is called {table.names[column]!r}" if table.names[column] else "has no title"
        columns = _titles(table)
        raise LabelError(
            f"{path.name}: the first column {title}, so the axis is unknown. Found: {columns}. Write "
            f'read_spectra(path, dim="energy", units="eV") or another dim of {", ".join(SPECTRAL_DIMS)}.'
        )
    stated = table.units[column]
    return quantity, units or (quantity.units if stated in (None, "1") else str(stated))


def _titles(table: Table) -> str:
    if not any(table.names):
        return f"{len(table.names)} columns without titles"
    titles = zip(table.names, table.units, strict=True)
    return ", ".join(f"{name!r} ({unit})" if unit else repr(name) for name, unit in titles)[:500]


def _axis_values(values: np.ndarray, table: Table, title: str, path: Path) -> np.ndarray:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{path.name} line {table.lines[bad[0]]}: {title} is missing or not finite. Remove the line or fill it in."
        )
    return values


def _value_attrs(values: np.ndarray, name: str, unit: str | None) -> dict[str, str]:
    """Give unit and name of the values; whole numbers without a unit are taken for counts."""
    finite = values[np.isfinite(values)]
    whole = finite.size > 0 and bool((finite >= 0).all() and (finite == np.round(finite)).all())
    return {"units": unit or ("count" if whole else "1"), "long_name": name or "intensity"}


def _from_columns(
    table: Table, path: Path, variable: str | int | None, dim: str | None, units: str | None
) -> tuple[xr.DataArray, str]:
    quantity, unit = _spectral(table, 0, path, dim, units)
    axis = _axis_values(table.values[:, 0], table, quantity.long_name, path)
    values, names = table.values[:, 1:].T, table.names[1:]
    value_units = table.units[1:]
    if variable is not None:
        index = _column(variable, names, path)
        values, names, value_units = values[index : index + 1], names[index : index + 1], value_units[index : index + 1]
    if np.unique(axis).size == axis.size and not monotonic(axis):
        order = np.argsort(axis)
        axis, values = axis[order], values[:, order]
    coords = {quantity.dim: (quantity.dim, axis, {"units": unit, "long_name": quantity.long_name})}
    if len(values) == 1:
        attrs = _value_attrs(values, names[0], value_units[0])
        return xr.DataArray(values[0], coords, (quantity.dim,), attrs=attrs), quantity.dim
    da = xr.DataArray(values, coords, ("x", quantity.dim), attrs=_value_attrs(values, "", value_units[0]))
    if any(names):
        da = da.assign_coords(column=("x", np.array(names, dtype=str), {"units": "1", "long_name": "column title"}))
    return da, quantity.dim


def _column(variable: str | int, names: list[str], path: Path) -> int:
    if isinstance(variable, int) and 0 <= variable < len(names):
        return variable
    if variable in names:
        return names.index(str(variable))
    raise ParameterError(
        f"{path.name} has no intensity column {variable!r}. It has 0 to {len(names) - 1}: {', '.join(names)[:500]}."
    )


def _from_rows(
    table: Table, positions: list[int], axis_column: int, path: Path, dim: str | None, units: str | None
) -> tuple[xr.DataArray, str]:
    """One row per value: every combination of positions and axis must be there once."""
    quantity, unit = _spectral(table, axis_column, path, dim, units)
    order = [*positions, axis_column]
    (value_column,) = set(range(table.values.shape[1])) - set(order)
    names = [position_dim(table.names[i]) for i in positions] + [quantity.dim]
    levels, index = [], []
    for i, name in zip(order, names, strict=True):
        unique, inverse = np.unique(_axis_values(table.values[:, i], table, name, path), return_inverse=True)
        if table.values[0, i] == unique[-1] and unique.size > 1:  # falling in the file: keep it so
            unique, inverse = unique[::-1], unique.size - 1 - inverse
        levels.append(unique)
        index.append(inverse)
    shape = tuple(level.size for level in levels)
    n_rows = table.values.shape[0]
    # before making the array: a damaged file of n rows could ask for n**3 values
    flat = np.ravel_multi_index(index, shape) if np.prod(shape, dtype=float) < 2**62 else np.arange(n_rows)
    unique_flat, n = np.unique(flat, return_counts=True)
    if (n > 1).any():
        where = np.flatnonzero(flat == unique_flat[np.argmax(n > 1)])[1]
        at = ", ".join(f"{name} {table.values[where, i]:g}" for i, name in zip(order, names, strict=True))
        raise DataError(f"{path.name} line {table.lines[where]}: {at} appears more than once. Keep one value.")
    if unique_flat.size != np.prod(shape, dtype=float):
        raise DataError(
            f"{path.name} has {n_rows} rows for a grid of {' x '.join(map(str, shape))} ({', '.join(names)}): values "
            "are missing, or a position is not written the same way in every row. Write every combination once."
        )
    values = np.empty(shape)
    values.flat[flat] = table.values[:, value_column]
    attrs = _value_attrs(values, table.names[value_column], table.units[value_column])
    coords = {}
    for i, name, level in zip(order, names, levels, strict=True):
        text = quantity.long_name if name == quantity.dim else name
        coords[name] = (
            name,
            level,
            {"units": unit if name == quantity.dim else table.units[i] or "1", "long_name": text},
        )
    return xr.DataArray(values, coords, names, attrs=attrs), quantity.dim
