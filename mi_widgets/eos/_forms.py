"""Isothermal equations of state on plain arrays: pressure, bulk modulus and energy of each form against volume."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["FORMS", "Form", "energy", "pressure_and_modulus"]

Parameters = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Form:
    """One isothermal form.

    Attributes
    ----------
    text : str
        Its name as it is printed.
    parameters : tuple of str
        Its parameters; those of all forms mean the same.
    reference : str
        Where it was published.
    """

    text: str
    parameters: tuple[str, ...]
    reference: str


_THREE = ("v0", "k0", "k0_prime")
FORMS: Mapping[str, Form] = {
    "bm2": Form("Birch-Murnaghan, second order", ("v0", "k0"), "doi:10.1103/PhysRev.71.809"),
    "bm3": Form("Birch-Murnaghan, third order", _THREE, "doi:10.1103/PhysRev.71.809"),
    "bm4": Form("Birch-Murnaghan, fourth order", (*_THREE, "k0_double_prime"), "doi:10.1103/PhysRev.71.809"),
    "vinet": Form("Vinet", _THREE, "doi:10.1029/JB092iB09p09319"),
    "murnaghan": Form("Murnaghan", _THREE, "doi:10.1073/pnas.30.9.244"),
}


def pressure_and_modulus(form: str, p: Parameters, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pressure and bulk modulus -V dP/dV along the curve, in the unit of ``k0``."""
    v0, k0 = p["v0"], p["k0"]
    if form == "vinet":
        x, eta = np.cbrt(v / v0), 1.5 * (p["k0_prime"] - 1)
        e = k0 * np.exp(eta * (1 - x)) / x**2
        return 3 * e * (1 - x), e * (1 + (eta * x + 1) * (1 - x))
    if form == "murnaghan":
        modulus = k0 * (v0 / v) ** p["k0_prime"]
        return (modulus - k0) / p["k0_prime"], modulus
    f = 0.5 * (np.cbrt(v0 / v) ** 2 - 1)
    a, b = _finite_strain(form, p)
    s, scale = 1 + 2 * f, k0 * np.sqrt(1 + 2 * f) ** 5
    bracket = 1 + f * (a + b * f)
    return 3 * scale * f * bracket, scale * (s * (1 + f * (2 * a + 3 * b * f)) + 5 * f * bracket)


def energy(form: str, p: Parameters, v: np.ndarray) -> np.ndarray:
    """Energy over that at ``v0``, in the unit of ``k0 * v0``: minus the integral of the pressure."""
    v0, k0 = p["v0"], p["k0"]
    if form == "vinet":
        x, eta = np.cbrt(v / v0), 1.5 * (p["k0_prime"] - 1)
        return 9 * k0 * v0 * (1 - x) ** 2 * _vinet_bracket(eta * (1 - x))
    if form == "murnaghan":
        k1, log = p["k0_prime"], np.log(v0 / v)
        u = (k1 - 1) * log
        with np.errstate(divide="ignore", invalid="ignore"):
            rise = log * np.where(np.abs(u) > 1e-8, np.expm1(u) / u, 1 + u / 2)  # K0' = 1 is a limit
        return k0 * v0 / k1 * (rise + v / v0 - 1)
    f = 0.5 * (np.cbrt(v0 / v) ** 2 - 1)
    a, b = _finite_strain(form, p)
    return 4.5 * k0 * v0 * f**2 * (1 + f * (2 * a / 3 + b * f / 2))


def _finite_strain(form: str, p: Parameters) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Coefficients of f and f**2 in Birch's bracket."""
    if form == "bm2":
        return 0.0, 0.0
    k1 = p["k0_prime"]
    if form == "bm3":
        return 1.5 * (k1 - 4), 0.0
    return 1.5 * (k1 - 4), 1.5 * (p["k0"] * p["k0_double_prime"] + (k1 - 4) * (k1 - 3) + 35 / 9)


def _vinet_bracket(u: np.ndarray) -> np.ndarray:
    """(1 - (1 - u) exp(u)) / u**2, by its series where u is small."""
    small = np.abs(u) < 1e-3
    safe = np.where(small, 1.0, u)
    series = 0.5 + u / 3 + u**2 / 8 + u**3 / 30
    return np.where(small, series, (1 - (1 - safe) * np.exp(safe)) / safe**2)
