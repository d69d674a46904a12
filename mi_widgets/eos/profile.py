"""Density and velocity against depth, along an adiabat or isotherm, beside a reference model of the Earth."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._data import number
from mi_widgets.eos._propagate import source_of
from mi_widgets.eos._result import finish
from mi_widgets.eos.equation import Equation
from mi_widgets.eos.evaluate import label_quantities, quantities
from mi_widgets.errors import DataError, LabelError, ParameterError

__all__ = ["depth_profile"]

_COMPARED = {"density": "g/cm**3", "adiabatic_bulk_modulus": "GPa", "sound_velocity": "km/s"}


def depth_profile(
    eos: Equation | xr.Dataset,
    reference: xr.Dataset,
    *,
    temperature: float = 2000.0,
    path: str = "adiabat",
) -> xr.Dataset:
    r"""Density, adiabatic bulk modulus and bulk sound velocity of a substance at the depths of a reference model.

    Parameters
    ----------
    eos : Equation or xarray.Dataset
        An equation of state with a molar mass, or a result of `fit_eos`, whose errors are then propagated.
    reference : xarray.Dataset
        ``pressure`` (GPa) against ``depth``, as ``datasets.load_prem(region="lower_mantle")`` gives it; its
        ``density``, ``adiabatic_bulk_modulus`` and ``sound_velocity`` are compared, if it has them.
    temperature : float
        Temperature (K) at the top (the lowest pressure), or everywhere on an isotherm; not used for an isentropic form.
    path : str
        ``"adiabat"`` (default) or ``"isotherm"``.

    Returns
    -------
    xarray.Dataset
        Dim ``depth``: ``pressure`` (GPa), ``temperature`` (K; not for an isentropic form), ``volume``, ``density``
        (g/cm**3), ``adiabatic_bulk_modulus`` (GPa), ``sound_velocity`` (km/s) and what else `evaluate` gives, of a fit
        with ``<name>_stderr``; ``reference_<name>``, and ``<name>_excess``: over the reference, relative (1);
        ``extrapolated``, of a fit: 1 where the volume is outside those that were fitted.

    Raises
    ------
    LabelError
        `eos` or `reference` is not what it must be.
    DataError
        There is no molar mass.
    ParameterError
        The path is unknown, the temperature not above zero, or the equation has no thermal part.

    Notes
    -----
    Along the adiabat of a Debye solid :math:`T/\theta(V)` stays as it is. A substance that fits is not thereby what is
    down there, and one that does not fit may be part of it.

    Examples
    --------
    >>> from mi_widgets.datasets import load_prem
    >>> from mi_widgets.eos import reference_equation
    >>> iron = depth_profile(reference_equation("liquid_iron_1994"), load_prem(region="outer_core"))
    >>> round(float(iron.density_excess[0]), 2)
    0.1
    """
    who = "depth_profile"
    source = source_of(eos, who=who)
    e = source.equation
    _check(e, reference, path, who)
    t = number("temperature", temperature, who=who)
    depth = reference["depth"]
    p_ref = np.asarray(reference["pressure"].values, dtype=float)

    def compute(p: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        if e.isentropic:
            v, here = e.model.volume(p, p_ref, np.asarray(t)), np.full(p_ref.shape, np.nan)
        elif path == "adiabat":
            v, here = e.model.adiabat(p, p_ref, t)
        else:
            here = np.full(p_ref.shape, t)
            v = e.model.volume(p, p_ref, here)
        state = e.model.state(p, v, here)
        more = {} if e.isentropic else {"temperature": here}
        return {"volume": v / e.volume_factor, **more} | quantities(e, p, state, v, here)

    out = label_quantities(source, source.apply(compute), ("depth",)).assign_coords(depth=depth.variable)
    out["pressure"] = ("depth", p_ref, dict(reference["pressure"].attrs))
    for name in _COMPARED:
        if name in reference:
            out[f"reference_{name}"] = ("depth", reference[name].values, dict(reference[name].attrs))
            excess = out[name].values / reference[name].values - 1
            text = f"{out[name].attrs['long_name']} over the reference"
            out[f"{name}_excess"] = ("depth", excess, {"units": "1", "long_name": text})
    if source.fit is not None:
        low, high = source.fit.attrs["volume_range"]
        flag = ((out["volume"].values < low) | (out["volume"].values > high)).astype("int8")
        attrs = {"units": "1", "long_name": "outside the volumes that were fitted"}
        out["extrapolated"] = ("depth", flag, {**attrs, "flag_values": [0, 1], "flag_meanings": "within extrapolated"})
    out.attrs["reference"] = str(reference.attrs.get("source", reference.attrs.get("title", "")))
    of: dict[str, Any] = {"source": e.source} if e.source else {}
    return finish(out, who, "Profile against depth", {"temperature": t, "path": path}, of=of)


def _check(e: Equation, reference: Any, path: str, who: str) -> None:
    if not isinstance(reference, xr.Dataset) or "pressure" not in reference or reference["pressure"].dims != ("depth",):
        raise LabelError(
            f"{who} needs a reference with pressure over depth; got {type(reference).__name__}. "
            'Write datasets.load_prem(region="lower_mantle").'
        )
    if reference["pressure"].attrs.get("units") != "GPa":
        raise LabelError(
            f"{who}: pressure of the reference has the unit {reference['pressure'].attrs.get('units')!r}, not GPa."
        )
    for name, unit in _COMPARED.items():
        if name in reference and reference[name].attrs.get("units") != unit:
            raise LabelError(
                f"{who}: {name} of the reference has the unit {reference[name].attrs.get('units')!r}, not {unit}. "
                "Convert it, or leave it out."
            )
    if path not in ("adiabat", "isotherm"):
        raise ParameterError(f"{who}: path is 'adiabat' or 'isotherm'; got {path!r}.")
    if e.molar_mass is None:
        raise DataError(
            f"{who}: a density needs the mass of the atoms in the volume. Write ds.attrs['molar_mass'] = 161.2 (g/mol) "
            "before the fit, or Equation(..., molar_mass=161.2)."
        )
    if e.thermal == "none" and not e.isentropic:
        raise ParameterError(
            f'{who}: an isothermal form has no adiabatic modulus. Fit with thermal="debye", or give isentropic=True '
            "for a form that holds along an isentrope."
        )
