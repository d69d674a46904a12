"""The likelihood of an equation of state: points with errors in all they are made of, free and held parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.eos._forms import energy, pressure_and_modulus
from mi_widgets.eos._state import Model

__all__ = ["BOUNDS", "EV", "Points", "Problem"]

#: eV in GPa angstrom**3.
EV = 160.2176634
#: Where a parameter may be: GPa, 1/GPa, K and pure numbers; volume and energy have bounds from the data.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "k0": (1e-2, 1e4),
    "k0_prime": (0.1, 20.0),
    "k0_double_prime": (-10.0, 10.0),
    "gamma0": (0.0, 10.0),
    "q": (-5.0, 15.0),
    "a": (0.0, 3.0),
    "b": (1e-3, 30.0),
    "theta0": (20.0, 5000.0),
    "pressure_scale": (-0.5, 0.5),
}


@dataclass(frozen=True)
class Points:
    """Measured or computed points in GPa, eV, angstrom**3 and K, none missing.

    Attributes
    ----------
    volume, temperature, value : numpy.ndarray
        `value` is the pressure, or the energy.
    volume_error, temperature_error, value_error : numpy.ndarray
        Standard deviations.
    is_energy : bool
        What `value` is.
    known : bool
        Whether errors were given; if not, one error for all is found from the residuals.
    """

    volume: np.ndarray
    temperature: np.ndarray
    value: np.ndarray
    volume_error: np.ndarray
    temperature_error: np.ndarray
    value_error: np.ndarray
    is_energy: bool
    known: bool

    @property
    def constant(self) -> float:
        """Logarithms of the densities of all errors at their top, minus two times: the same for every model."""
        errors = np.concatenate([self.value_error, self.volume_error, self.temperature_error])
        return float(np.log(2 * np.pi * errors[errors > 0] ** 2).sum())


@dataclass(frozen=True)
class Problem:
    """Points, a model of them, and which of its parameters are free.

    Attributes
    ----------
    points : Points
        The data.
    model : Model
        Form and thermal part.
    free : tuple of str
        Free parameters, in the order of the columns of every array of parameters.
    held : mapping
        Values of the others.
    low, high : numpy.ndarray
        Bounds of the free ones.
    priors : mapping
        Normal priors of free ones: mean and standard deviation.
    """

    points: Points
    model: Model
    free: tuple[str, ...]
    held: Mapping[str, float]
    low: np.ndarray
    high: np.ndarray
    priors: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def named(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Parameters by name, to broadcast against the points; `theta` is (..., free)."""
        out = {name: np.asarray(value) for name, value in self.held.items()}
        return out | {name: theta[..., i, None] for i, name in enumerate(self.free)}

    def predict(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected values and the variances of the data about them, (..., point).

        An error of the volume or temperature acts through the slope of the curve there.
        """
        p, d = self.named(theta), self.points
        if d.is_energy:
            mean = p["e0"] + energy(self.model.form, p, d.volume) / EV
            slope = pressure_and_modulus(self.model.form, p, d.volume)[0] / EV if d.volume_error.any() else np.zeros(1)
            return mean, d.value_error**2 + (slope * d.volume_error) ** 2 + 0 * mean
        state = self.model.state(p, d.volume, d.temperature)
        by_volume = state.modulus / d.volume * d.volume_error
        variance = d.value_error**2 + by_volume**2 + (state.slope * d.temperature_error) ** 2
        return state.pressure * (1 + p.get("pressure_scale", np.zeros(1))), variance

    def deviance(self, theta: np.ndarray) -> np.ndarray:
        """Minus two log-likelihoods of the data and priors, (...); infinite where the model has no value.

        The likelihood is that of all that was measured, at the most likely true volumes and temperatures; to first
        order these are found in closed form, and chi2 with the variances of `predict` remains. To integrate over them
        under a flat prior instead adds the logarithms of the variances, which pull gamma0 down: by 0.6 standard errors
        on sets like those of `make_eos`. Spread evenly along the curve, in units of the errors, they add nothing.
        """
        mean, variance = self.predict(theta)
        with np.errstate(all="ignore"):
            out = ((self.points.value - mean) ** 2 / variance).sum(axis=-1) + self.prior_deviance(theta)
        return np.where(np.isfinite(out), out + self.points.constant, np.inf)

    def prior_deviance(self, theta: np.ndarray) -> np.ndarray:
        """Minus two logarithms of the normal priors, (...)."""
        out = np.zeros(theta.shape[:-1])
        for name, (mean, spread) in self.priors.items():
            column = theta[..., self.free.index(name)]
            out = out + ((column - mean) / spread) ** 2 + np.log(2 * np.pi * spread**2)
        return out
