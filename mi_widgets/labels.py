"""Names, units and checks of dimensions and coordinates: the vocabulary of every Dataset here."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError

__all__ = [
    "SPECTRAL_DIMS",
    "axis_label",
    "find_spectral_dim",
    "label",
    "label_spectra",
    "label_structure",
    "product_unit",
    "require_axis",
    "require_dims",
    "require_numeric",
    "require_units",
]

#: Spectral dimensions and the unit assumed when a file states none.
SPECTRAL_DIMS: Mapping[str, str] = {
    "energy": "eV",
    "raman_shift": "1/cm",
    "wavenumber": "1/cm",
    "wavelength": "nm",
    "frequency": "Hz",
    "mass_to_charge": "1",
    "two_theta": "degree",
    "bias": "V",
    "time": "s",
    "channel": "1",
}


def label(da: xr.DataArray, units: str, long_name: str) -> xr.DataArray:
    """Give an array its unit and readable name, dropping whatever attributes it inherited.

    Parameters
    ----------
    da : xarray.DataArray
        Any array; it is not modified.
    units : str
        Unit as pint reads it, such as ``"eV"``, ``"1/cm"``, ``"count"``, ``"1"``.
    long_name : str
        What is drawn beside an axis.

    Returns
    -------
    xarray.DataArray
        A shallow copy with exactly these two attributes.

    Examples
    --------
    >>> label(xr.DataArray([1.0], dims="energy", attrs={"offset": 3}), "eV", "energy").attrs
    {'units': 'eV', 'long_name': 'energy'}
    """
    out = da.copy(deep=False)
    out.attrs = {"units": units, "long_name": long_name}
    return out


def label_spectra(
    values: Any,
    axis: Any,
    *,
    dim: str = "energy",
    units: str = "eV",
    counts_units: str = "count",
    long_name: str = "intensity",
) -> xr.DataArray:
    """Make a labelled array of spectra from plain NumPy arrays.

    Parameters
    ----------
    values : array_like
        Spectra, spectral axis last: ``(n_channels,)``, ``(x, n_channels)`` or ``(y, x, n_channels)``.
    axis : array_like, shape (n_channels,)
        Spectral axis, strictly monotonic.
    dim, units : str
        Name and unit of the spectral axis.
    counts_units, long_name : str
        Unit and name of the values.

    Returns
    -------
    xarray.DataArray
        Dims ``(y, x, dim)`` as far as present; positions are pixel numbers with unit ``1``.

    Raises
    ------
    DataError
        The axis and the last dimension of the values differ in length, or there are more than three dims.

    Examples
    --------
    >>> import numpy as np
    >>> label_spectra(np.ones((2, 3, 5)), np.arange(5.0)).dims
    ('y', 'x', 'energy')
    """
    values, axis = np.asarray(values), np.asarray(axis, dtype=float)
    if not 1 <= values.ndim <= 3 or axis.ndim != 1 or values.shape[-1] != axis.size:
        raise DataError(
            f"spectra must be 1 to 3 dimensional with as many channels as the axis has points; got values of "
            f"shape {values.shape} and an axis of shape {axis.shape}. Put the spectral axis last."
        )
    positions = ("y", "x")[3 - values.ndim :]
    da = xr.DataArray(values, dims=(*positions, dim), coords={dim: axis}, name="spectra")
    for name, size in zip(positions, values.shape[:-1], strict=True):
        da = da.assign_coords({name: label(xr.DataArray(np.arange(size), dims=name), "1", f"{name} (pixel)")})
    da[dim].attrs = {"units": units, "long_name": dim.replace("_", " ")}
    da.attrs = {"units": counts_units, "long_name": long_name}
    return da


def label_structure(
    position: Any,
    element: Any,
    *,
    cell: Any = None,
    pbc: Any = None,
    time: Any = None,
    time_units: str = "fs",
) -> xr.Dataset:
    """Make a labelled structure or trajectory from plain arrays.

    Parameters
    ----------
    position : array_like, shape (n_atoms, 3) or (n_frames, n_atoms, 3)
        Cartesian positions (angstrom); a dask array stays lazy.
    element : sequence of str, shape (n_atoms,)
        Chemical symbols; ``"X"`` where the kind is not known.
    cell : array_like, shape (3, 3) or (n_frames, 3, 3), optional
        Cell vectors as rows (angstrom); zero where there is none, which is also the default.
    pbc : bool or (bool, bool, bool), optional
        Whether the structure repeats along each cell vector; by default along those that are not zero.
    time : array_like, shape (n_frames,), optional
        Time of each frame.
    time_units : str
        Unit of `time`.

    Returns
    -------
    xarray.Dataset
        ``position`` ((frame,) atom, axis) and ``cell`` ((frame,) cell_vector, axis) in angstrom, ``pbc`` (cell_vector);
        coordinates ``atom`` and ``frame`` (numbers from 0), ``element`` (atom), ``axis`` (x, y, z), ``cell_vector``
        (a, b, c) and, where given, ``time`` (frame).

    Raises
    ------
    DataError
        Shapes do not fit together.

    Examples
    --------
    >>> dict(label_structure([[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]], ["H", "H"]).sizes)
    {'atom': 2, 'axis': 3, 'cell_vector': 3}
    """
    position = _lazy_or_float(position)
    names = np.asarray(element, dtype=np.str_).reshape(-1)
    cell = np.zeros((3, 3)) if cell is None else _lazy_or_float(cell)
    if position.shape == (0,):
        position = position.reshape(0, 3)
    if position.ndim not in (2, 3) or position.shape[-1] != 3 or position.shape[-2] != names.size:
        raise DataError(
            f"positions must have shape (n_atoms, 3) or (n_frames, n_atoms, 3) with one element for each atom; got "
            f"{tuple(position.shape)} and {names.size} elements."
        )
    frames = position.shape[:-2]
    if tuple(cell.shape) not in {(3, 3), (*frames, 3, 3)}:
        raise DataError(
            f"cell must hold three rows of three numbers{', for each frame or for all' if frames else ''}; got shape "
            f"{tuple(cell.shape)} for positions of shape {tuple(position.shape)}. Write cell=np.diag([a, b, c])."
        )
    if pbc is None:
        pbc = np.linalg.norm(cell, axis=-1).reshape(-1, 3).all(axis=0) if isinstance(cell, np.ndarray) else True
    frame = {"frame": ("frame", np.arange(frames[0]), {"units": "1", "long_name": "frame"})} if frames else {}
    over = ("frame",) if frames else ()
    length = {"units": "angstrom"}
    repeats = np.broadcast_to(np.asarray(pbc, dtype=bool), 3).copy()
    ds = xr.Dataset(
        {
            "position": ((*over, "atom", "axis"), position, {**length, "long_name": "position"}),
            "cell": ((*over[: cell.ndim - 2], "cell_vector", "axis"), cell, {**length, "long_name": "cell"}),
            "pbc": ("cell_vector", repeats, {"long_name": "periodic along the cell vector"}),
        },
        {
            "atom": ("atom", np.arange(names.size), {"units": "1", "long_name": "atom"}),
            "axis": ("axis", ["x", "y", "z"], {"long_name": "Cartesian axis"}),
            "cell_vector": ("cell_vector", ["a", "b", "c"], {"long_name": "cell vector"}),
            "element": ("atom", names, {"long_name": "chemical element"}),
            **frame,
        },
    )
    if time is not None and frames:
        values = np.asarray(time, dtype=float)
        ds = ds.assign_coords(time=("frame", values, {"units": time_units, "long_name": "time"}))
    return ds


def _lazy_or_float(values: Any) -> Any:
    return values if hasattr(values, "dask") else np.asarray(values, dtype=float)


def require_dims(da: xr.DataArray, dims: Iterable[str], *, who: str) -> None:
    """Raise unless an array has every dimension that is needed.

    Parameters
    ----------
    da : xarray.DataArray
        Any array.
    dims : iterable of str
        The dimensions it must have.
    who : str
        Name of the calling function, for the message.

    Raises
    ------
    LabelError
        One is missing.

    Examples
    --------
    >>> require_dims(xr.DataArray([1.0], dims="energy"), ["energy"], who="my_function")
    """
    missing = [d for d in dims if d not in da.dims]
    if missing:
        close = find_spectral_dim(da, default=None)
        hint = f' Write dim="{close}"' if close and len(missing) == 1 else " Rename with da.rename({'old': 'new'})"
        raise LabelError(f"{who} needs dimension {missing[0]!r}; this array has {tuple(da.dims)}.{hint}.")


def require_numeric(da: xr.DataArray, *, who: str) -> None:
    """Raise unless the values are real numbers.

    Parameters
    ----------
    da : xarray.DataArray
        Any array.
    who : str
        Name of the calling function, for the message.

    Raises
    ------
    DataError
        The values are text, objects, dates or complex.

    Examples
    --------
    >>> require_numeric(xr.DataArray([1, 2]), who="my_function")
    """
    if da.dtype.kind not in "buif":
        raise DataError(f"{who} needs real numbers; this array holds {da.dtype}. Convert with da.astype(float).")


def require_units(da: xr.DataArray, *, who: str) -> str:
    """Unit of a coordinate or array.

    Parameters
    ----------
    da : xarray.DataArray
        Coordinate or array with the attribute ``units``.
    who : str
        Name of the calling function, for the message.

    Returns
    -------
    str
        The unit.

    Raises
    ------
    LabelError
        There is none; the message has the line that sets it.

    Examples
    --------
    >>> require_units(xr.DataArray([1.0], attrs={"units": "eV"}), who="my_function")
    'eV'
    """
    units = da.attrs.get("units")
    if not isinstance(units, str) or not units:
        raise LabelError(
            f"{who}: {da.name!r} has no units. Write da[{str(da.name)!r}].attrs['units'] = 'eV' (or the unit it has)."
        )
    return units


def require_axis(da: xr.DataArray, dim: str, *, who: str) -> np.ndarray:
    """Values of the coordinate of `dim`, checked.

    Parameters
    ----------
    da : xarray.DataArray
        Array with dimension `dim`.
    dim : str
        The dimension whose coordinate is wanted.
    who : str
        Name of the calling function, for the message.

    Returns
    -------
    numpy.ndarray
        float64 values, in the order of the array.

    Raises
    ------
    LabelError
        No such dimension, no coordinate, no unit.
    DataError
        The coordinate is not finite or not strictly monotonic.

    Examples
    --------
    >>> require_axis(label_spectra([3, 4], [283.0, 284.0]), "energy", who="my_function")
    array([283., 284.])
    """
    require_dims(da, [dim], who=who)
    if dim not in da.coords:
        raise LabelError(
            f"{who}: dimension {dim!r} has no coordinate. Write da = da.assign_coords({dim}=values) "
            f"and da[{dim!r}].attrs['units'] = 'eV' (or the unit it has)."
        )
    require_units(da[dim], who=who)
    if da[dim].dtype.kind not in "buif":
        raise DataError(f"{who}: coordinate {dim!r} holds {da[dim].dtype}, not numbers. Give it numeric values.")
    axis = np.asarray(da[dim].values, dtype=float)
    step = np.diff(axis)
    if not np.isfinite(axis).all() or not ((step > 0).all() or (step < 0).all()):
        raise DataError(
            f"{who}: coordinate {dim!r} must be finite and strictly monotonic; it runs {_short(axis)}. "
            f"Write da = da.sortby({dim!r}).drop_duplicates({dim!r})."
        )
    return axis


def find_spectral_dim(da: xr.DataArray, default: str | None = "error") -> str | None:
    """Name of the spectral dimension: a known name, else the last dimension with a unit that is no length.

    ``time`` is taken only where no other known name is there: a series of spectra has both.

    Parameters
    ----------
    da : xarray.DataArray
        Any array.
    default : str or None
        Returned when none is found; ``"error"`` raises `LabelError` instead.

    Returns
    -------
    str or None
        The dimension, or `default`.

    Raises
    ------
    LabelError
        None is found and `default` is ``"error"``.

    Examples
    --------
    >>> find_spectral_dim(label_spectra([[3, 4]], [283.0, 284.0]))
    'energy'
    """
    known = [str(d) for d in da.dims if d in SPECTRAL_DIMS]
    if known:  # a series in time has another axis beside it
        return ([d for d in known if d != "time"] or known)[-1]
    lengths = {"", "1", "m", "mm", "um", "µm", "micrometer", "nm", "pm", "angstrom", "Å"}
    other = [str(d) for d in da.dims if d in da.coords and da[d].attrs.get("units", "") not in lengths]
    if other:
        return other[-1]
    if default == "error":
        raise LabelError(
            f"no spectral dimension found among {tuple(da.dims)}. Rename one, da.rename({{'old': 'energy'}}), and "
            f"give it a unit, da['energy'].attrs['units'] = 'eV'. Known names: {', '.join(SPECTRAL_DIMS)}."
        )
    return default


def axis_label(da: xr.DataArray) -> str:
    """Text for an axis: readable name and unit.

    Parameters
    ----------
    da : xarray.DataArray
        Coordinate or array.

    Returns
    -------
    str
        ``long_name`` or name, and the unit in brackets unless it is ``1``.

    Examples
    --------
    >>> axis_label(xr.DataArray([1.0], attrs={"long_name": "binding energy", "units": "eV"}))
    'binding energy (eV)'
    """
    name = str(da.attrs.get("long_name") or da.name or "")
    units = str(da.attrs.get("units") or "")
    return f"{name} ({units})" if units and units != "1" else name


def product_unit(left: str, right: str) -> str:
    """Unit of a product, as pint reads it, leaving out ``1``.

    Parameters
    ----------
    left, right : str
        Units of the two factors.

    Returns
    -------
    str
        Their product.

    Examples
    --------
    >>> product_unit("count", "eV")
    'count * eV'
    """
    parts = [f"({u})" if "/" in u else u for u in (left, right) if u not in ("", "1")]
    return " * ".join(parts) or "1"


def _short(values: np.ndarray, n: int = 3) -> str:
    shown: list[Hashable] = [float(v) for v in values[:n]]
    return ", ".join(str(v) for v in shown) + (f" … {float(values[-1])}" if values.size > n else "")
