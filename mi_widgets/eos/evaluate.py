"""Pressure, moduli, expansion, density and velocity that follow from an equation of state, with their errors."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._data import UNITS
from mi_widgets.eos._forms import energy
from mi_widgets.eos._problem import EV
from mi_widgets.eos._propagate import Source, source_of
from mi_widgets.eos._result import finish
from mi_widgets.eos._thermal import BOLTZMANN, Thermal
from mi_widgets.eos.equation import Equation
from mi_widgets.errors import DataError, ParameterError

__all__ = ["evaluate", "pressure"]

#: g/mol per angstrom**3 in g/cm**3, and k in J/(K mol).
DENSITY, GAS = 1 / 0.602214076, 8.31446261815324
_QUANTITIES = {
    "pressure": ("GPa", "pressure"),
    "volume": ("", "volume"),
    "temperature": ("K", "temperature"),
    "energy": ("eV", "energy of the static lattice over that at V0"),
    "bulk_modulus": ("GPa", "isothermal bulk modulus"),
    "adiabatic_bulk_modulus": ("GPa", "adiabatic bulk modulus"),
    "thermal_expansion": ("1/K", "thermal expansion"),
    "grueneisen": ("1", "Grueneisen parameter"),
    "debye_temperature": ("K", "Debye temperature"),
    "heat_capacity": ("J/(K*mol)", "heat capacity at constant volume, per mole of atoms"),
    "density": ("g/cm**3", "density"),
    "sound_velocity": ("km/s", "bulk sound velocity"),
}


def pressure(eos: Equation | xr.Dataset, volume: Any, temperature: Any = None) -> xr.DataArray:
    """Pressure at volumes and temperatures, element by element.

    Parameters
    ----------
    eos : Equation or xarray.Dataset
        An equation of state, or a result of `fit_eos`.
    volume : array_like
        Volumes in the unit of the equation; any shape.
    temperature : array_like, optional
        Temperatures (K) that broadcast against the volumes; by default the reference temperature.

    Returns
    -------
    xarray.DataArray
        ``pressure`` (GPa), of the shape to which both broadcast, with the dims of `volume` if it has them.

    Raises
    ------
    LabelError
        `eos` is neither.
    DataError
        A volume or temperature is not above zero, or their shapes do not fit.

    Examples
    --------
    >>> from mi_widgets.eos import reference_equation
    >>> round(float(pressure(reference_equation("mgo_tange_2009"), 60.0, 2000.0)), 1)
    67.4
    """
    source = source_of(eos, who="pressure")
    e = source.equation
    try:
        v, t = np.broadcast_arrays(
            *(
                np.asarray(x, dtype=float)
                for x in (volume, e.reference_temperature if temperature is None else temperature)
            )
        )
    except (TypeError, ValueError) as error:
        raise DataError(f"pressure needs volumes and temperatures of shapes that fit together: {error}.") from None
    _positive("volume", v)
    _positive("temperature", t)
    p = {k: np.asarray(x) for k, x in e.parameters.items()} | {"v0": np.asarray(e.parameters["v0"] * e.volume_factor)}
    dims = volume.dims if isinstance(volume, xr.DataArray) and volume.shape == v.shape else None
    values = e.model.state(p, v * e.volume_factor, t).pressure
    return xr.DataArray(values, dims=dims, name="pressure", attrs={"units": "GPa", "long_name": "pressure"})


def evaluate(
    eos: Equation | xr.Dataset,
    *,
    volume: Any = None,
    pressure: Any = None,
    temperature: Any = None,
) -> xr.Dataset:
    r"""Everything that follows from an equation of state, on a grid of temperatures and volumes or pressures.

    Parameters
    ----------
    eos : Equation or xarray.Dataset
        An equation of state, or a result of `fit_eos`, whose errors are then propagated.
    volume : array_like, optional
        Volumes in the unit of the equation; by default 60 over the range of the fitted data.
    pressure : array_like, optional
        Pressures (GPa), in place of volumes.
    temperature : float or array_like, optional
        Temperatures (K); by default the reference temperature.

    Returns
    -------
    xarray.Dataset
        Dims ``(temperature, volume)`` or ``(temperature, pressure)``: the other of ``pressure`` (GPa) and ``volume``;
        ``bulk_modulus`` (GPa), isothermal; with a thermal part ``adiabatic_bulk_modulus`` (GPa),
        ``thermal_expansion`` (1/K), ``grueneisen`` (1), ``debye_temperature`` (K), ``heat_capacity`` (J/(K mol) of
        atoms); with a molar mass ``density`` (g/cm**3), and ``sound_velocity`` (km/s) where the adiabatic modulus is
        known; of a form without thermal part ``energy`` (eV) over that at V0. Of a fit each has ``<name>_stderr``, and
        ``extrapolated`` is 1 outside the volumes and temperatures that were fitted. NaN where no volume has the
        pressure.

    Raises
    ------
    LabelError
        `eos` is neither.
    DataError
        A volume or temperature is not above zero.
    ParameterError
        Both volumes and pressures are given, or neither of an equation that was not fitted.

    Notes
    -----
    Errors are propagated to first order. :math:`K_S = K_T (1 + \alpha\gamma T)`,
    :math:`\alpha = \gamma C_V / (V K_T)`, :math:`v_\phi^2 = K_S/\rho`.

    Examples
    --------
    >>> from mi_widgets.eos import reference_equation
    >>> at = evaluate(reference_equation("mgo_tange_2009"), pressure=[0.0, 100.0], temperature=2000.0)
    >>> at.density.values.round(2).tolist()
    [[3.32, 4.81]]
    """
    source = source_of(eos, who="evaluate")
    e, fit = source.equation, source.fit
    if (volume is not None) and (pressure is not None):
        raise ParameterError("evaluate takes volumes or pressures, not both. Leave one out.")
    if volume is None and pressure is None:
        if fit is None:
            raise ParameterError("evaluate needs volumes or pressures. Write evaluate(eos, pressure=[0, 50, 100]).")
        volume = np.linspace(fit.attrs["volume_range"][0], fit.attrs["volume_range"][1], 60)
    given = "volume" if pressure is None else "pressure"
    axis = _axis(given, volume if pressure is None else pressure)
    t = _axis("temperature", e.reference_temperature if temperature is None else temperature)

    def compute(p: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if given == "volume":
            v = np.broadcast_to(axis * e.volume_factor, (t.size, axis.size))
        else:
            v = e.model.volume(p, axis + 0 * t[:, None], t[:, None])
        state = e.model.state(p, v, t[:, None])
        other = {"volume": v / e.volume_factor} if given == "pressure" else {"pressure": state.pressure}
        return other | quantities(e, p, state, v, t[:, None])

    out = label_quantities(source, source.apply(compute), ("temperature", given))
    coords = {"temperature": t, given: axis}
    units = {"temperature": "K", "volume": e.volume_units, "pressure": "GPa"}
    for name, values in coords.items():
        out = out.assign_coords({name: (name, values, {"units": units[name], "long_name": name})})
    if fit is not None:
        out["extrapolated"] = _extrapolated(fit, out)
    parameters = {"temperature": t.tolist(), given: [float(axis[0]), float(axis[-1])]}
    return finish(out, "evaluate", "What follows from an equation of state", parameters, of=_origin(source))


def quantities(
    e: Equation, p: dict[str, np.ndarray], state: Thermal, v: np.ndarray, t: np.ndarray
) -> dict[str, np.ndarray]:
    """Quantities at states, by name; `v` in angstrom**3."""
    out: dict[str, np.ndarray] = {}
    adiabatic = None
    if e.isentropic:
        adiabatic = out["adiabatic_bulk_modulus"] = state.modulus
    else:
        out["bulk_modulus"] = state.modulus
    if e.thermal != "none":
        expansion = state.slope / state.modulus
        adiabatic = state.modulus * (1 + expansion * state.gamma * t)
        out |= {"adiabatic_bulk_modulus": adiabatic, "thermal_expansion": expansion, "grueneisen": state.gamma}
        out["debye_temperature"] = state.theta
        out["heat_capacity"] = state.heat_capacity / (e.model.n_atoms * BOLTZMANN) * GAS
    elif not e.isentropic:
        out["energy"] = energy(e.form, p, v) / EV + 0 * t
    if e.molar_mass is not None:
        out["density"] = e.molar_mass * DENSITY / v
        if adiabatic is not None:
            with np.errstate(invalid="ignore"):
                out["sound_velocity"] = np.sqrt(adiabatic / out["density"])
    return out


def label_quantities(
    source: Source, found: dict[str, tuple[np.ndarray, np.ndarray]], dims: tuple[str, ...]
) -> xr.Dataset:
    """Name and label values and, of a fit, their errors."""
    out = xr.Dataset()
    for name, (values, errors) in found.items():
        units, text = _QUANTITIES[name]
        attrs = {"units": units or source.equation.volume_units, "long_name": text}
        out[name] = (dims, np.asarray(values), attrs)
        if source.fit is not None:
            out[f"{name}_stderr"] = (dims, errors, {**attrs, "long_name": f"standard error of the {text}"})
    return out


def _origin(source: Source) -> dict[str, Any]:
    return {"source": source.equation.source} if source.equation.source else {}


def _axis(name: str, values: Any) -> np.ndarray:
    try:
        out = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError):
        raise DataError(f"evaluate: {name} must hold numbers; got {values!r}.") from None
    if out.ndim != 1 or out.size == 0:
        raise DataError(f"evaluate: {name} must be a number or a list of them; got shape {out.shape}.")
    if not np.isfinite(out).all():
        raise DataError(f"evaluate: {name} holds NaN or infinity. Leave those out.")
    if name != "pressure":
        _positive(name, out)
    return out


def _positive(name: str, values: np.ndarray) -> None:
    if not (values > 0).all():
        unit = " (K)" if name == "temperature" else f", one of {', '.join(UNITS['volume'])}"
        raise DataError(f"a {name} must be above zero; the least is {values.min():g}. Give it in its unit{unit}.")


def _extrapolated(fit: xr.Dataset, out: xr.Dataset) -> xr.DataArray:
    def outside(values: xr.DataArray, limits: Any, slack: float) -> xr.DataArray:
        low, high = (float(x) for x in limits)
        return (values < low - slack) | (values > high + slack)

    low, high = fit.attrs["volume_range"]
    flag = outside(out["volume"], (low, high), 1e-9 * high)
    if str(fit["thermal"].item()) == "none":
        flag = flag | outside(out["temperature"], fit.attrs["temperature_range"], 30.0)
    else:
        t_low, t_high = fit.attrs["temperature_range"]
        flag = flag | outside(out["temperature"], (min(t_low, 300.0), t_high), 1.0)
    dims = out["bulk_modulus" if "bulk_modulus" in out else "adiabatic_bulk_modulus"].dims
    flag = flag.transpose(*dims).astype("int8")
    attrs = {"units": "1", "long_name": "outside the volumes and temperatures that were fitted"}
    flag.attrs = {**attrs, "flag_values": [0, 1], "flag_meanings": "within extrapolated"}
    return flag
