"""Checks of spectra on the way in, and what every result gets on the way out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import require_dims

__all__ = ["Spectra", "check_spectra", "check_weights", "finish", "frequencies", "require_points", "whole"]

_READ = "Read a file with io.read_impedance(path), or make data with datasets.make_impedance()"


@dataclass(frozen=True)
class Spectra:
    """Spectra as rows.

    Attributes
    ----------
    omega : (frequency,)
        Angular frequencies (rad/s).
    z : (rows, frequency) complex
        Impedance; 0 where there is none.
    usable : (rows, frequency) bool
        Where there is one.
    dims, shape : tuple
        Dims beside the frequency and their sizes.
    coords : dict
        Coordinates that do not depend on the frequency.
    frequency : xarray.DataArray
        The coordinate.
    units : str
        Unit of the impedance.
    source : str
        Where the data come from.
    """

    omega: np.ndarray
    z: np.ndarray
    usable: np.ndarray
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, xr.DataArray]
    frequency: xr.DataArray
    units: str
    source: str


def check_spectra(data: Any, *, who: str) -> Spectra:
    """Rows of complex impedance, labels and units checked."""
    z = _complex(data, who)
    require_dims(z, ["frequency"], who=who)
    frequency = frequencies(z, who)
    dims = tuple(str(d) for d in z.dims if d != "frequency")
    values = np.asarray(z.transpose(*dims, "frequency").values, dtype=complex)
    if not values.size:
        raise DataError(f"{who}: the data hold no spectrum: dims {dict(z.sizes)}.")
    shape, rows = values.shape[:-1], values.reshape(-1, values.shape[-1])
    usable = np.isfinite(rows.real) & np.isfinite(rows.imag) & (rows != 0)
    if not usable.any():
        raise DataError(f"{who}: no impedance is a finite number other than zero. Is the right column read?")
    coords = {str(k): c for k, c in z.coords.items() if "frequency" not in c.dims}
    return Spectra(
        2 * np.pi * frequency.values.astype(float), np.where(usable, rows, 0), usable, dims, shape, coords, frequency,
        _ohm(z, who), str(data.attrs.get("source", "")),
    )  # fmt: skip


def _complex(data: Any, who: str) -> xr.DataArray:
    if isinstance(data, xr.Dataset):
        missing = [n for n in ("impedance_real", "impedance_imag") if n not in data]
        if missing:
            found = ", ".join(map(str, data.data_vars)) or "no variables"
            raise LabelError(f"{who}: the Dataset has no {missing[0]!r}; it has {found}. {_READ}.")
        parts = [data[n] for n in ("impedance_real", "impedance_imag")]
        for part in parts:
            if part.dtype.kind not in "buif":
                raise DataError(f"{who}: {part.name!r} holds {part.dtype}; it must hold real numbers.")
        z: xr.DataArray = (parts[0] + 1j * parts[1]).assign_attrs(parts[0].attrs)
        if parts[0].attrs.get("units") != parts[1].attrs.get("units"):
            raise LabelError(f"{who}: impedance_real and impedance_imag have different units. Convert one of them.")
        return z
    if not isinstance(data, xr.DataArray):
        raise LabelError(
            f"{who} needs a Dataset with impedance_real and impedance_imag, or a complex DataArray; got "
            f"{type(data).__name__}. {_READ}."
        )
    if data.dtype.kind != "c":
        raise DataError(f"{who} needs complex impedance; this array holds {data.dtype}. Write da = real + 1j * imag.")
    return data


def frequencies(da: xr.DataArray, who: str) -> xr.DataArray:
    """The coordinate ``frequency``, in Hz, above zero, rising or falling."""
    if "frequency" not in da.coords:
        raise LabelError(
            f"{who}: 'frequency' has no coordinate. Write da = da.assign_coords(frequency=('frequency', hertz, "
            "{'units': 'Hz'}))."
        )
    axis = da["frequency"]
    units = axis.attrs.get("units")
    if units != "Hz":
        came = f"is in {units!r}" if units else "has no units"
        raise LabelError(
            f"{who}: frequency {came}; it must be in Hz. Convert it (rad/s / 2 pi is Hz) and write "
            "da.frequency.attrs['units'] = 'Hz'."
        )
    values = np.asarray(axis.values)
    if values.dtype.kind not in "buif" or not np.isfinite(values).all():
        raise DataError(f"{who}: frequencies must be finite numbers. Write da = da.dropna('frequency').")
    if (values <= 0).any():
        raise DataError(
            f"{who}: frequencies must be above zero; the least is {values.min():g} Hz. Write da = da.sel(frequency="
            "da.frequency > 0)."
        )
    step = np.diff(values.astype(float))
    if not ((step > 0).all() or (step < 0).all()):
        again = np.unique(values).size < values.size
        raise DataError(
            f"{who}: frequencies {'appear more than once' if again else 'go up and down'}. Write "
            + ("da = da.groupby('frequency').mean(), or drop_duplicates." if again else "da = da.sortby('frequency').")
        )
    return axis


def _ohm(z: xr.DataArray, who: str) -> str:
    units = str(z.attrs.get("units", ""))
    plain = _plain(units)
    if not re.match(r"[a-zA-Zµ]?ohm", plain) or re.match(r"\w*ohm\s*(\*\*|\^)\s*-", plain):  # 1/ohm is an admittance
        came = f"is in {units!r}" if units else "has no units"
        raise LabelError(
            f"{who}: the impedance {came}; it must be in ohm (or ohm*cm**2). Write da.attrs['units'] = 'ohm'."
        )
    return plain


def _plain(units: str) -> str:
    return re.sub(r"Ω|\u2126|[Oo]hms?|OHM", "ohm", units.strip())


def require_points(spectra: Spectra, n_parameters: int, *, who: str, what: str) -> np.ndarray:
    """Which rows have points enough; raises where there is one spectrum, or none of them has."""
    enough = 2 * spectra.usable.sum(axis=1) >= n_parameters + 3
    if not enough.any():
        n = int(spectra.usable.sum(axis=1).max())
        need = -(-(n_parameters + 3) // 2)
        raise DataError(
            f"{who}: {n} usable frequencies are too few for {what} with {n_parameters} parameters; {need} are needed "
            "at least. Measure more frequencies, or take a simpler circuit."
        )
    return enough


def check_weights(weights: Any, spectra: Spectra, *, who: str) -> tuple[np.ndarray, bool]:
    """What residuals are multiplied with (rows, frequency), 0 where nothing is measured; whether noise is known."""
    if isinstance(weights, xr.DataArray):
        return _from_sigma(weights, spectra, who), True
    if weights not in ("modulus", "unit"):
        raise ParameterError(
            f"{who}: weights must be 'modulus', 'unit' or a DataArray of standard deviations; got {weights!r}."
        )
    modulus = np.abs(spectra.z)
    if weights == "unit":  # relative to the size of the spectrum, so that a residual of 0.01 means the same everywhere
        n = np.maximum(spectra.usable.sum(axis=1, keepdims=True), 1)
        modulus = np.sqrt((modulus**2).sum(axis=1, keepdims=True) / n) + np.zeros_like(modulus)
    return np.divide(1.0, modulus, out=np.zeros_like(modulus), where=spectra.usable & (modulus > 0)), False


def _from_sigma(sigma: xr.DataArray, spectra: Spectra, who: str) -> np.ndarray:
    require_dims(sigma, ["frequency"], who=f"{who}: weights")
    other = [d for d in sigma.dims if d not in (*spectra.dims, "frequency")]
    if other or sigma.sizes["frequency"] != spectra.omega.size or sigma.dtype.kind not in "uif":
        raise LabelError(
            f"{who}: weights must be real standard deviations over the dims of the data, "
            f"{(*spectra.dims, 'frequency')}; got {sigma.dtype} over {dict(sigma.sizes)}."
        )
    if _plain(str(sigma.attrs.get("units", spectra.units))) != spectra.units:
        raise LabelError(f"{who}: weights are in {sigma.attrs['units']!r}, the impedance in {spectra.units!r}.")
    if "frequency" in sigma.coords and not np.array_equal(sigma["frequency"], spectra.frequency):
        raise LabelError(f"{who}: weights have other frequencies than the data. Write weights.sel(frequency=...).")
    sizes = dict(zip(spectra.dims, spectra.shape, strict=True))
    for d in spectra.dims:
        if d not in sigma.dims:
            continue
        same = d not in sigma.coords or d not in spectra.coords or np.array_equal(sigma[d], spectra.coords[d])
        if sigma.sizes[d] != sizes[d] or not same:
            raise LabelError(
                f"{who}: weights do not belong to the same {d!r} as the data: {sigma.sizes[d]} and {sizes[d]} values"
                f"{'' if same else ' in another order'}. Write weights.sel({d}=data.{d})."
            )
    full = sigma.expand_dims({d: sizes[d] for d in spectra.dims if d not in sigma.dims})
    values = full.transpose(*spectra.dims, "frequency").values.reshape(spectra.z.shape).astype(float)
    if (values[spectra.usable] <= 0).any() or not np.isfinite(values[spectra.usable]).all():
        raise DataError(f"{who}: standard deviations must be finite and above zero. Leave such points out (NaN).")
    return np.divide(1.0, values, out=np.zeros_like(values), where=spectra.usable)


def whole(name: str, value: Any, *, who: str, least: int, most: int) -> int:
    """A whole number in a range."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ParameterError(f"{who}: {name} must be a whole number from {least} to {most}; got {value!r}.")
    return int(value)


def finish(
    ds: xr.Dataset, function: str, title: str, parameters: Mapping[str, Any], spectra: Spectra, references: str
) -> xr.Dataset:
    """Global attributes of a result."""
    plain = {k: v if isinstance(v, str | int | float | list | dict | None) else "given" for k, v in parameters.items()}
    ds.attrs = dict(origin(f"impedance.{function}", title, plain, source=spectra.source, references=[references]))
    return ds
