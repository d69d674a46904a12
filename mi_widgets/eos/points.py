"""Labelled points of an equation of state from plain arrays."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._data import factor_of, number
from mi_widgets.errors import DataError, ParameterError

__all__ = ["label_points"]


def label_points(
    volume: Any,
    *,
    pressure: Any = None,
    energy: Any = None,
    temperature: Any = None,
    volume_stderr: Any = None,
    pressure_stderr: Any = None,
    energy_stderr: Any = None,
    temperature_stderr: Any = None,
    volume_units: str = "angstrom**3",
    pressure_units: str = "GPa",
    energy_units: str = "eV",
    n_atoms: float | None = None,
    molar_mass: float | None = None,
    title: str = "",
    source: str = "",
) -> xr.Dataset:
    """Make the Dataset that `fit_eos` takes from plain arrays.

    Parameters
    ----------
    volume : array_like, shape (n,)
        Volumes, in `volume_units`: of a cell, or molar.
    pressure, energy : array_like, shape (n,)
        One of the two: measured pressures, or energies of a static lattice.
    temperature : float or array_like, optional
        Temperatures (K); by default 300 K, and none with energies.
    volume_stderr, pressure_stderr, energy_stderr, temperature_stderr : float or array_like, optional
        Standard deviations, in the same units; where none is given, `fit_eos` finds one for all from the residuals.
    volume_units : str
        ``"angstrom**3"`` (default), ``"cm**3/mol"``, ``"nm**3"`` or ``"bohr**3"``.
    pressure_units : str
        ``"GPa"`` (default), ``"kbar"``, ``"MPa"``, ``"bar"`` or ``"Pa"``.
    energy_units : str
        ``"eV"`` (default), ``"meV"``, ``"hartree"`` or ``"rydberg"``.
    n_atoms : float, optional
        Atoms in the volume: 8 in a cell of MgO, 2 in its molar volume. Needed for what depends on temperature.
    molar_mass : float, optional
        Mass of these atoms (g/mol): for densities and velocities.
    title, source : str
        What the data are, and where they come from.

    Returns
    -------
    xarray.Dataset
        ``volume``, ``pressure`` or ``energy``, ``temperature`` and each ``<name>_stderr`` given, dims ``(point,)``;
        attributes ``n_atoms`` and ``molar_mass``.

    Raises
    ------
    DataError
        The columns differ in length, or not one of pressure and energy is given.
    LabelError
        A unit is not known.
    ParameterError
        `n_atoms` or `molar_mass` is no number above zero.

    Examples
    --------
    >>> ds = label_points([74.7, 70.1, 66.9], pressure=[0.0, 11.5, 22.6], n_atoms=8)
    >>> ds.volume.units, float(ds.temperature[0])
    ('angstrom**3', 300.0)
    """
    who = "label_points"
    if (pressure is None) == (energy is None):
        raise DataError(f"{who} needs either pressures or energies. Write label_points(volume, pressure=pressure).")
    kind = "pressure" if energy is None else "energy"
    units = {"volume": volume_units, "pressure": pressure_units, "energy": energy_units, "temperature": "K"}
    for name in ("volume", kind):
        factor_of(units[name], name, who=who)
    if temperature is None and kind == "pressure":
        temperature = 300.0
    columns: dict[str, Any] = {"volume": volume, kind: pressure if energy is None else energy}
    columns |= {} if temperature is None else {"temperature": temperature}
    spreads = {
        "volume": volume_stderr, "pressure": pressure_stderr, "energy": energy_stderr,
        "temperature": temperature_stderr,
    }  # fmt: skip
    n = np.size(volume)
    out = xr.Dataset(coords={"point": ("point", np.arange(n), {"units": "1", "long_name": "point"})})
    for name, values in columns.items():
        out[name] = ("point", _column(name, values, n), {"units": units[name], "long_name": name})
        if spreads[name] is not None:
            attrs = {"units": units[name], "long_name": f"standard deviation of the {name}"}
            out[f"{name}_stderr"] = ("point", _column(f"{name}_stderr", spreads[name], n), attrs)
    for name, value in (("n_atoms", n_atoms), ("molar_mass", molar_mass)):
        if value is not None:
            out.attrs[name] = number(name, value, who=who)
    out.attrs |= {k: v for k, v in (("title", title), ("source", source)) if v}
    return out


def _column(name: str, values: Any, n: int) -> np.ndarray:
    try:
        out = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ParameterError(f"label_points: {name} must hold numbers; got {values!r}.") from None
    if out.ndim > 1 or out.size not in (1, n):
        raise DataError(f"label_points: {name} has shape {out.shape}, there are {n} volumes. Give one value for each.")
    return np.broadcast_to(out, (n,)).copy()
