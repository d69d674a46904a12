"""What an EOSExplorer is told: its fields, what they mean for a call, and the code of that call."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import eos
from mi_widgets.errors import MIWidgetsError, ParameterError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._study_fields import Field

__all__ = [
    "FORMS",
    "SLIDERS",
    "call_options",
    "check",
    "code_of",
    "fields_for",
    "first_fit",
    "forms_of",
    "snapped",
    "yours",
]

FORMS = {"bm2": "BM2", "bm3": "BM3", "bm4": "BM4", "vinet": "Vinet", "murnaghan": "Murnaghan"}
SLIDERS = ("v0", "k0", "k0_prime", "gamma0")
_SIGNS = {"v0": "V₀", "k0": "K₀", "k0_prime": "K₀′", "gamma0": "γ₀"}


def first_fit(ds: xr.Dataset) -> tuple[xr.Dataset, str]:
    """A quick fit, which also checks the data, and the thermal part that suits them."""
    spread = float(np.ptp(ds["temperature"].values)) if "temperature" in getattr(ds, "variables", {}) else 0.0
    if spread > 100:
        hold = {"theta0": 700.0, "q": 1.0}
        return eos.fit_eos(ds, form="bm2", thermal="debye", hold=hold), "debye"
    return eos.fit_eos(ds, form="bm2"), "none"


def fields_for(fit: xr.Dataset, thermal: str) -> tuple[Field, ...]:
    """Fields with defaults and ranges that suit the data."""
    v0, k0 = float(fit["v0"]), float(fit["k0"])
    units = str(fit["v0"].attrs["units"])
    tips = {"bm2": "Birch-Murnaghan, second order: K₀′ is 4", "bm3": "Birch-Murnaghan, third order",
            "bm4": "Birch-Murnaghan, fourth order", "vinet": "Vinet", "murnaghan": "Murnaghan"}  # fmt: skip
    parts = [("none", "none"), ("Debye, γ₀(V/V₀)^q", "debye"), ("Debye, Tange's γ", "tange")]
    regions = [("lower mantle", "lower_mantle"), ("outer core", "outer_core")]
    return (
        *(Field(n, n != "bm4", text, tips[n], kind="flag") for n, text in FORMS.items()),
        Field("thermal", thermal, "thermal part", "None for one isotherm or for energies", kind="choice", options=parts,
              width="150px"),
        Field("theta0", 700.0, "θ₀", "Debye temperature at V₀, held at this value; empty: free, which rarely works",
              unit="K", low=20.0, high=5000.0, optional=True),
        Field("q", 1.0, "q", "Exponent of γ, held at this value; empty: free", low=-5.0, high=15.0, optional=True),
        Field("a", 0.14, "a", "Share of γ that depends on volume (Tange), held; empty: free", low=0.0, high=3.0,
              optional=True),
        Field("b", 5.4, "b", "Exponent of that share (Tange), held; empty: free", low=1e-3, high=30.0, optional=True),
        Field("pressure_scale", 0.0, "scale error", "Relative error that all pressures share, as that of a pressure "
              "standard", unit="%", low=0.0, high=30.0),
        Field("n_steps", 400, "steps", "Steps of each walker when the posterior is sampled; half of them are left out",
              kind="integer", low=40, high=20_000, compute=False),
        Field("region", "lower_mantle", "beside", "Part of the Earth with which the profile is compared", kind="choice",
              options=regions, compute=False),
        Field("start_temperature", 2000.0, "T at its top", "Temperature at the top of the profile", unit="K", low=1.0,
              high=10_000.0, compute=False),
        Field("path", "adiabat", "along", "How the temperature goes on below", kind="choice",
              options=["adiabat", "isotherm"], compute=False),
        Field("v0", v0, _SIGNS["v0"], "Move the dashed curves: volume at no pressure", kind="slider",
              unit=nice_unit(units), low=0.96 * v0, high=1.04 * v0, step=1e-4 * v0, compute=False),
        Field("k0", k0, _SIGNS["k0"], "Move the dashed curves: bulk modulus", kind="slider", unit="GPa", low=0.3 * k0,
              high=2 * k0, step=1e-3 * k0, compute=False),
        Field("k0_prime", 4.0, _SIGNS["k0_prime"], "Move the dashed curves: pressure derivative of K₀", kind="slider",
              low=1.0, high=12.0, step=0.01, compute=False),
        Field("gamma0", 1.5, _SIGNS["gamma0"], "Move the dashed curves: Grueneisen parameter", kind="slider", low=0.0,
              high=4.0, step=0.005, compute=False),
    )  # fmt: skip


def forms_of(params: Mapping[str, Any]) -> list[str]:
    """Forms that are ticked."""
    return [name for name in FORMS if params[name]]


def call_options(params: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `eos.fit_eos` that these parameters stand for."""
    thermal = params["thermal"]
    out: dict[str, Any] = {}
    if thermal != "none":
        names = ("theta0", "q") if thermal == "debye" else ("theta0", "a", "b")
        out = {"thermal": thermal, "hold": {n: params[n] for n in names if params[n] is not None}}
    if params["pressure_scale"]:
        out["pressure_scale"] = params["pressure_scale"] / 100
    return out


def check(params: dict[str, Any]) -> dict[str, Any]:
    """Refuse what no call could mean."""
    if not forms_of(params):
        raise ParameterError("no form is ticked; tick at least one, such as BM3.")
    return params


def code_of(params: Mapping[str, Any], sampled: str | None = None, n_steps: int = 0) -> str:
    """Lines that give the comparison, and draws of the form that was sampled."""
    options = "".join(f", {k}={v!r}" for k, v in call_options(params).items())
    lines = ["from mi_widgets import eos", f"result = eos.compare_eos(ds, {forms_of(params)!r}{options})"]
    if sampled is not None:
        lines.append(f"draws = eos.sample_eos(ds, form={sampled!r}, n_steps={n_steps}{options})")
    return "\n".join(lines)


def snapped(field: Field, value: float) -> float:
    """The value to which the page would move a slider."""
    low, high, step = float(field.low or 0.0), float(field.high or 1.0), float(field.step or 1.0)
    return float(np.clip(low + step * round((value - low) / step), low, high))


def yours(fit: xr.Dataset, params: Mapping[str, Any], steps: Mapping[str, float]) -> eos.Equation | None:
    """The equation of the sliders: that of the fit with the parameters that were moved; None if nothing was."""
    equation = eos.Equation.from_fit(fit)
    moved = {n: params[n] for n in SLIDERS if n in equation.parameters}
    if all(abs(v - equation.parameters[n]) <= steps[n] for n, v in moved.items()):
        return None
    try:
        return eos.Equation(
            equation.form, {**equation.parameters, **moved}, thermal=equation.thermal, n_atoms=equation.n_atoms,
            volume_units=equation.volume_units, molar_mass=equation.molar_mass,
            reference_temperature=equation.reference_temperature,
        )  # fmt: skip
    except MIWidgetsError:
        return None
