"""Maximum of the likelihood by damped Gauss-Newton steps, the variances depending on the parameters too."""

from dataclasses import dataclass

import numpy as np

from mi_widgets.eos._forms import pressure_and_modulus
from mi_widgets.eos._problem import EV, Problem
from mi_widgets.errors import DataError

__all__ = ["Found", "maximise", "start"]


@dataclass(frozen=True)
class Found:
    """The maximum.

    Attributes
    ----------
    theta : numpy.ndarray
        Free parameters.
    covariance : numpy.ndarray
        Inverse of the information; NaN in the rows of parameters that the data say nothing of.
    deviance : float
        Minus two log-likelihoods, priors included.
    converged : bool
        Whether nothing better was within reach.
    at_bound, unknown : numpy.ndarray of bool
        Parameters that stand on a bound, and those that the data say nothing of.
    """

    theta: np.ndarray
    covariance: np.ndarray
    deviance: float
    converged: bool
    at_bound: np.ndarray
    unknown: np.ndarray


def maximise(problem: Problem, theta: np.ndarray, *, n_steps: int = 200) -> Found:
    """Climb from `theta` with damped steps; a parameter that would pass its bound stays on it."""
    theta = np.clip(np.asarray(theta, dtype=float), problem.low, problem.high)
    best, damping, converged = float(problem.deviance(theta)), 1e-3, False
    if not np.isfinite(best):
        raise DataError(
            "the model has no value at any first guess, with these held parameters and bounds: "
            f"{dict(problem.held)}. Look at their numbers, or hold fewer."
        )
    gradient, information = _slopes(problem, theta)
    for _ in range(n_steps):
        move, expected = _step(problem, theta, gradient, information, damping)
        if expected < 1e-9 * (1 + abs(best) * 1e-6):
            converged = True
            break
        tried = np.clip(theta + move, problem.low, problem.high)
        value = float(problem.deviance(tried))
        if value < best:
            theta, best, damping = tried, value, max(damping / 10, 1e-9)
            gradient, information = _slopes(problem, theta)
        else:
            damping = max(damping * 5, 1e-6)
            if damping > 1e12:
                converged = expected < 1e-6
                break
    width = np.where(np.isfinite(problem.high - problem.low), problem.high - problem.low, np.inf)
    at_bound = np.minimum(theta - problem.low, problem.high - theta) < 1e-9 * np.where(np.isfinite(width), width, 1.0)
    covariance, unknown = _invert(information)
    return Found(theta, covariance, best, converged, at_bound, unknown)


def _slopes(problem: Problem, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of half the deviance, and the information, both by central differences of mean and variance."""
    k = theta.size
    h = 1e-5 * np.maximum(np.abs(theta), 1e-2)
    around = theta + np.concatenate([np.zeros((1, k)), np.diag(h), -np.diag(h)])
    mean, variance = problem.predict(around)
    by_mean = (mean[1 : k + 1] - mean[k + 1 :]) / (2 * h[:, None])
    by_log = (np.log(variance[1 : k + 1]) - np.log(variance[k + 1 :])) / (2 * h[:, None])
    sigma = np.sqrt(variance[0])
    residual = (problem.points.value - mean[0]) / sigma
    slopes = -by_mean / sigma - 0.5 * by_log * residual  # of the normalised residuals
    gradient, information = slopes @ residual, slopes @ slopes.T
    for name, (centre, spread) in problem.priors.items():
        i = problem.free.index(name)
        gradient[i] += (theta[i] - centre) / spread**2
        information[i, i] += 1 / spread**2
    return gradient, information


def _step(
    problem: Problem, theta: np.ndarray, gradient: np.ndarray, information: np.ndarray, damping: float
) -> tuple[np.ndarray, float]:
    """Damped step of the parameters that do not press against a bound, and what it should gain."""
    active = ~(((theta <= problem.low) & (gradient > 0)) | ((theta >= problem.high) & (gradient < 0)))
    move = np.zeros_like(theta)
    if active.any():
        part = information[np.ix_(active, active)]
        scale = np.sqrt(np.where(np.diag(part) > 0, np.diag(part), 1.0))
        scaled = part / np.outer(scale, scale) + damping * np.eye(scale.size)
        move[active] = np.linalg.lstsq(scaled, -gradient[active] / scale, rcond=1e-14)[0] / scale
    return move, float(-gradient @ move)


def _invert(information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance, and which parameters have no information of their own or none beside the others."""
    diagonal = np.diag(information)
    scale = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    flat = values < 1e-12 * max(values.max(initial=0.0), 1e-300)
    unknown = (vectors[:, flat] ** 2).sum(axis=1) > 0.05
    kept = ~flat
    covariance = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T / np.outer(scale, scale)
    covariance[unknown], covariance[:, unknown] = np.nan, np.nan
    return covariance, unknown


def start(problem: Problem) -> np.ndarray:
    """A first guess: v0 from a grid, with the bulk modulus that then fits best, and usual values of the others."""
    usual = {"k0_prime": 4.0, "k0_double_prime": -0.02, "gamma0": 1.5, "q": 1.0, "a": 0.2, "b": 4.0, "theta0": 700.0}
    d, free = problem.points, problem.free
    if d.is_energy:
        return _start_energy(problem, usual)
    rows = []
    for ratio in np.geomspace(0.9, 1.4, 60):
        p = usual | {"v0": float(d.volume.max() * ratio), "pressure_scale": 0.0, "k0": 1.0} | dict(problem.held)
        rows.append([p[name] for name in free])
    theta = np.array(rows)
    if "k0" in free:
        cold = _cold_shape(problem, theta)
        thermal = problem.predict(theta)[0] - cold
        theta[:, free.index("k0")] = np.clip(
            (cold * (d.value - thermal)).sum(axis=1) / np.maximum((cold**2).sum(axis=1), 1e-300), 1.0, 2000.0
        )
    theta = np.clip(theta, problem.low, problem.high)
    squares = ((problem.predict(theta)[0] - d.value) ** 2).sum(axis=1)
    return np.asarray(theta[int(np.nanargmin(np.where(np.isfinite(squares), squares, np.inf)))])


def _cold_shape(problem: Problem, theta: np.ndarray) -> np.ndarray:
    """Pressure of the isothermal form over k0, which is 1 in `theta`."""
    return pressure_and_modulus(problem.model.form, problem.named(theta), problem.points.volume)[0]


def _start_energy(problem: Problem, usual: dict[str, float]) -> np.ndarray:
    d = problem.points
    curvature, slope, _ = np.polyfit(d.volume - d.volume.mean(), d.value, 2)
    v0 = d.volume.mean() - slope / (2 * curvature) if curvature > 0 else d.volume[np.argmin(d.value)]
    v0 = float(np.clip(v0, d.volume.min(), d.volume.max()))
    guess = {
        "v0": v0,
        "k0": float(np.clip(2 * abs(curvature) * v0 * EV, 1.0, 2000.0)),
        "e0": float(d.value.min()),
    }
    p = usual | guess | dict(problem.held)
    return np.clip(np.array([p[name] for name in problem.free]), problem.low, problem.high)
