"""From a labelled Dataset of points to plain arrays in GPa, eV, angstrom**3 and K: everything is checked here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._problem import Points
from mi_widgets.errors import DataError, LabelError, ParameterError

__all__ = ["NAMES", "UNITS", "Checked", "as_points", "factor_of", "number"]

#: What a unit is in GPa, angstrom**3, K or eV; a mole of cm**3 is that of one formula unit.
UNITS: Mapping[str, Mapping[str, float]] = {
    "pressure": {"GPa": 1.0, "kbar": 0.1, "MPa": 1e-3, "bar": 1e-4, "Pa": 1e-9},
    "volume": {
        "angstrom**3": 1.0, "angstrom^3": 1.0, "Å³": 1.0, "nm**3": 1e3, "bohr**3": 0.529177210903**3,
        "cm**3/mol": 1 / 0.602214076, "cm^3/mol": 1 / 0.602214076,
    },
    "temperature": {"K": 1.0, "kelvin": 1.0},
    "energy": {"eV": 1.0, "meV": 1e-3, "hartree": 27.211386245988, "rydberg": 13.605693122994},
}  # fmt: skip
NAMES = tuple(UNITS)


@dataclass(frozen=True)
class Checked:
    """Points that can be fitted, and what is known of them.

    Attributes
    ----------
    points : Points
        The usable points.
    used : numpy.ndarray of bool
        Which points of the Dataset these are.
    volume_units : str
        Unit of the volumes that came.
    volume_factor : float
        What that unit is in angstrom**3.
    n_atoms, molar_mass : float or None
        Atoms in the volume, and their mass (g/mol).
    """

    points: Points
    used: np.ndarray
    volume_units: str
    volume_factor: float
    n_atoms: float | None
    molar_mass: float | None


def factor_of(units: object, kind: str, *, who: str) -> float:
    """What a unit is in the unit used inside."""
    known = UNITS[kind]
    if not isinstance(units, str) or units.strip() not in known:
        extra = " Convert to kelvin first." if kind == "temperature" else ""
        raise LabelError(
            f"{who}: {kind} has the unit {units!r}; known are {', '.join(known)}.{extra} "
            f"Write ds[{kind!r}].attrs['units'] = {next(iter(known))!r}."
        )
    return known[units.strip()]


def number(name: str, value: Any, *, who: str, above: float = 0.0) -> float:
    """A finite number above a limit."""
    try:
        out = float(value)
    except (TypeError, ValueError):
        out = np.nan
    if isinstance(value, bool | str) or not np.isfinite(out) or out <= above:
        raise ParameterError(f"{who}: {name} must be a number above {above:g}; got {value!r}.")
    return out


def as_points(ds: Any, *, who: str) -> Checked:
    """Check a Dataset of points and take out those that can be used."""
    if not isinstance(ds, xr.Dataset) or "volume" not in ds or ("pressure" in ds) == ("energy" in ds):
        got = list(map(str, ds.data_vars)) if isinstance(ds, xr.Dataset) else type(ds).__name__
        raise LabelError(
            f"{who} needs a Dataset with volume and either pressure or energy; got {got}. "
            "Write ds = eos.label_points(volume, pressure=pressure, temperature=temperature)."
        )
    kind = "pressure" if "pressure" in ds else "energy"
    values, errors, factors = {}, {}, {}
    for name in ("volume", kind, *(["temperature"] if "temperature" in ds else [])):
        factors[name] = factor_of(ds[name].attrs.get("units"), name, who=who)
        values[name] = _column(ds, name, who) * factors[name]
        if f"{name}_stderr" in ds:
            errors[name] = _column(ds, f"{name}_stderr", who) * factors[name]
    n = values["volume"].size
    values.setdefault("temperature", np.full(n, 300.0))
    used: np.ndarray = np.asarray(np.isfinite(np.stack(list(values.values()))).all(axis=0))
    if not used.any():
        raise DataError(f"{who}: no point has volume, {kind} and temperature; all {n} hold NaN. Look at the file.")
    _check_values(values, errors, used, who)
    known = any(e[used].any() for e in errors.values())
    range_ = float(np.ptp(values[kind][used])) or 1.0
    spread = {name: errors.get(name, np.zeros(n))[used] for name in values}
    total = np.sum(list(spread.values()), axis=0)
    if known and not (total > 0).all():
        at = int(np.flatnonzero(used)[np.argmin(total)])
        raise DataError(
            f"{who}: point {at} has no error in pressure, volume or temperature, which would give it all the weight. "
            "Give it an error, or leave the errors of all points out."
        )
    points = Points(
        volume=values["volume"][used],
        temperature=values["temperature"][used],
        value=values[kind][used],
        volume_error=spread["volume"],
        temperature_error=spread["temperature"],
        value_error=spread[kind] if known else np.full(int(used.sum()), 1e-5 * range_),
        is_energy=kind == "energy",
        known=known,
    )
    atoms, mass = (
        None if ds.attrs.get(k) is None else number(k, ds.attrs[k], who=who) for k in ("n_atoms", "molar_mass")
    )
    units = str(ds["volume"].attrs["units"]).strip()
    return Checked(points, used, units, factors["volume"], atoms, mass)


def _column(ds: xr.Dataset, name: str, who: str) -> np.ndarray:
    da = ds[name]
    if da.dims != ("point",) or da.dtype.kind not in "iuf":
        raise LabelError(
            f"{who}: {name} must hold numbers over the one dimension 'point'; it has dims {da.dims} and type "
            f"{da.dtype}. Write ds.stack(point=[...]), or eos.label_points."
        )
    return np.asarray(da.values, dtype=float)


def _check_values(values: dict[str, np.ndarray], errors: dict[str, np.ndarray], used: np.ndarray, who: str) -> None:
    for name, unit in (("volume", "a volume"), ("temperature", "a temperature, in K,")):
        bad = used & ~(values[name] > 0)
        if bad.any():
            at = int(np.argmax(bad))
            raise DataError(
                f"{who}: {unit} must be above zero; point {at} has {values[name][at]:g}. "
                f"Leave such points out: ds.isel(point=ds.{name} > 0)."
            )
    for name, error in errors.items():
        bad = used & ~(np.isfinite(error) & (error >= 0))
        if bad.any():
            at = int(np.argmax(bad))
            raise DataError(
                f"{who}: {name}_stderr must be zero or more; point {at} has {error[at]:g}. Give the standard "
                "deviation, or leave the point out."
            )
