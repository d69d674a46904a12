"""Mie-Grueneisen-Debye on plain arrays: the Debye functions, gamma and theta against volume, thermal pressure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

__all__ = ["BOLTZMANN", "THERMAL", "Thermal", "debye", "gamma_theta", "thermal_part"]

#: Boltzmann's constant in GPa angstrom**3 / K.
BOLTZMANN = 1.380649e-2
#: Names of the thermal parts and of their parameters.
THERMAL: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "debye": ("gamma0", "q", "theta0"),
    "tange": ("gamma0", "a", "b", "theta0"),
}


@dataclass(frozen=True)
class Thermal:
    """What the vibrations add, and what they are made of.

    Attributes
    ----------
    pressure, modulus : numpy.ndarray
        What is added to the pressure and to -V dP/dV (GPa).
    slope : numpy.ndarray
        dP/dT at constant volume (GPa/K).
    gamma, theta : numpy.ndarray
        Grueneisen parameter (1) and Debye temperature (K).
    heat_capacity : numpy.ndarray
        At constant volume, of all the atoms (GPa angstrom**3 / K).
    """

    pressure: np.ndarray
    modulus: np.ndarray
    slope: np.ndarray
    gamma: np.ndarray
    theta: np.ndarray
    heat_capacity: np.ndarray


def debye(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Debye's function of the energy, 3/x**3 times the integral of t**3/(exp(t)-1), and C_V over 3 n k."""
    x = np.asarray(x, dtype=float)
    # The integrand has its poles at 2 pi i: these numbers of points give 1e-12 and better up to there.
    top = float(np.max(x, initial=0.0))
    nodes, weights = _nodes(16 if top < 6 else 32 if top < 15 else 64)
    cut = np.minimum(x, 40.0)  # beyond, nothing is added to the integral
    t = 0.5 * cut[..., None] * (nodes + 1)
    integral = 0.5 * cut * ((t**3 / np.expm1(t)) @ weights)
    with np.errstate(over="ignore"):
        mean = 3 * integral / x**3
        return mean, 4 * mean - 3 * x / np.expm1(x)


@cache
def _nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return nodes, weights


def gamma_theta(thermal: str, p: Mapping[str, np.ndarray], v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gamma, theta, and d gamma / d ln V; the power law is Tange's with a = 1 and b = q."""
    a, b = (1.0, p["q"]) if thermal == "debye" else (p["a"], p["b"])
    gamma0, log_ratio = p["gamma0"], np.log(v / p["v0"])
    u = b * log_ratio
    rise = np.expm1(u)
    gamma = gamma0 * (1 + a * rise)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(np.abs(u) > 1e-8, rise / u, 1 + u / 2)
    theta = p["theta0"] * np.exp(-gamma0 * log_ratio * (1 - a + a * mean))
    return gamma, theta, gamma0 * a * b * (1 + rise)


def thermal_part(
    thermal: str, p: Mapping[str, np.ndarray], v: np.ndarray, t: np.ndarray, t0: float, n_atoms: float
) -> Thermal:
    """What the vibrations of `n_atoms` in `v` (angstrom**3) add from temperature `t0` to `t`."""
    gamma, theta, slope = gamma_theta(thermal, p, v)
    scale = 3 * n_atoms * BOLTZMANN
    mean, heat = debye(theta / t)
    mean0, heat0 = debye(theta / t0)
    energy, times_t = scale * (t * mean - t0 * mean0), scale * (t * heat - t0 * heat0)
    return Thermal(
        pressure=gamma * energy / v,
        modulus=((gamma + gamma**2 - slope) * energy - gamma**2 * times_t) / v,
        slope=gamma * scale * heat / v,
        gamma=gamma,
        theta=theta,
        heat_capacity=scale * heat,
    )
