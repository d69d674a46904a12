"""Pressure and everything that follows from it, at volumes and temperatures, on plain arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mi_widgets.eos._forms import FORMS, pressure_and_modulus
from mi_widgets.eos._thermal import THERMAL, Thermal, gamma_theta, thermal_part

__all__ = ["Model", "solve_volume"]

Parameters = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Model:
    """Which form, which thermal part, how many atoms.

    Attributes
    ----------
    form, thermal : str
        Keys of `FORMS` and of `THERMAL`.
    n_atoms : float
        Atoms in the volume; not used without a thermal part.
    t0 : float
        Temperature of the isothermal form (K).
    """

    form: str
    thermal: str
    n_atoms: float
    t0: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters."""
        return FORMS[self.form].parameters + THERMAL[self.thermal]

    def state(self, p: Parameters, v: np.ndarray, t: np.ndarray) -> Thermal:
        """Pressure, modulus and the rest in all, at volumes (angstrom**3) and temperatures (K)."""
        pressure, modulus = pressure_and_modulus(self.form, p, v)
        if self.thermal == "none":
            none = np.full(np.shape(pressure), np.nan)
            return Thermal(pressure, modulus, np.zeros_like(none), none, none, none)
        add = thermal_part(self.thermal, p, v, t, self.t0, self.n_atoms)
        return Thermal(
            pressure=pressure + add.pressure,
            modulus=modulus + add.modulus,
            slope=add.slope,
            gamma=add.gamma,
            theta=add.theta,
            heat_capacity=add.heat_capacity,
        )

    def volume(self, p: Parameters, pressure: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Volumes (angstrom**3) at pressures (GPa) and temperatures (K); NaN where there is none."""

        def at(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            found = self.state(p, v, t)
            return found.pressure, found.modulus

        return solve_volume(at, pressure, p["v0"])

    def adiabat(self, p: Parameters, pressure: np.ndarray, t_start: float) -> tuple[np.ndarray, np.ndarray]:
        """Volumes and temperatures along the adiabat that has `t_start` at the lowest of the pressures.

        A Debye solid's entropy is a function of theta / T alone, so that T / theta stays as it is.
        """
        start = self.volume(p, np.nanmin(pressure, axis=-1, keepdims=True), np.asarray(t_start))
        ratio = t_start / gamma_theta(self.thermal, p, start)[1]

        def at(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            theta = gamma_theta(self.thermal, p, v)[1]
            found = self.state(p, v, ratio * theta)
            return found.pressure, found.modulus + found.gamma * ratio * theta * found.slope

        volume = solve_volume(at, pressure, start)
        return volume, ratio * gamma_theta(self.thermal, p, volume)[1]


def solve_volume(
    at: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], target: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Volumes where a pressure has its target, by Newton's steps in ln V from `start`; `at` gives P and -V dP/dV."""
    v = np.array(np.broadcast_to(start, np.broadcast_shapes(np.shape(start), np.shape(target))), dtype=float)
    miss = np.full(v.shape, np.inf)
    with np.errstate(all="ignore"):
        for _ in range(80):
            pressure, modulus = at(v)
            miss = target - pressure
            # Where the modulus is below zero the curve has passed its lowest pressure: go back into the solid.
            step = np.where(modulus > 0, np.clip(-miss / modulus, -0.08, 0.08), -0.05)
            v = v * np.exp(step)
            if not (np.abs(step) > 1e-13).any():
                break
        pressure, modulus = at(v)
        good = (np.abs(target - pressure) < 1e-7 * (1 + np.abs(target))) & (modulus > 0)
    return np.where(good, v, np.nan)
