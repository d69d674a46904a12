"""Least squares of a volcano over an unknown direction of the variables; arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np

__all__ = ["VolcanoFit", "difference_stderr", "fit_arrays", "predict_arrays"]

_STARTS, _STEPS = 24, 200


@dataclass(frozen=True)
class VolcanoFit:
    """Parameters: height at the top, energy of the mean candidate, energy per standard deviation of each variable."""

    parameters: np.ndarray
    covariance: np.ndarray
    sigma: float
    converged: bool
    steepness: float


def fit_arrays(x: np.ndarray, y: np.ndarray, steepness: float) -> VolcanoFit:
    """Best of several starts.

    Parameters
    ----------
    x : numpy.ndarray, shape (candidate, variable)
        Standardized.
    y : numpy.ndarray, shape (candidate,)
        Log odds.
    steepness : float
        Slope over kT (1/eV).
    """
    from scipy.optimize import least_squares

    rng = np.random.default_rng(0)
    columns = np.column_stack([np.ones(len(x)), x])
    best, size = None, max(float(y.std()), 1e-3) / steepness

    def rest(theta: np.ndarray) -> np.ndarray:
        return _curve(theta, columns, steepness) - y

    def slope(theta: np.ndarray) -> np.ndarray:
        return _jacobian(theta, columns, steepness)

    for _ in range(_STARTS):
        direction = rng.standard_normal(columns.shape[1]) * size
        start = np.concatenate([[y.max() + np.log(2.0)], direction])
        found = least_squares(rest, start, jac=slope, method="lm", max_nfev=_STEPS)
        if best is None or found.cost < best.cost:
            best = found
    if best is None:
        raise ValueError("no start")
    theta = np.array(best.x)
    lead = np.argmax(np.abs(theta[2:])) + 2
    theta[1:] *= 1.0 if theta[lead] >= 0 else -1.0  # energies are known up to their sign: see fit_volcano
    sigma = float(np.sqrt(2 * best.cost / max(len(y) - theta.size, 1)))
    jacobian = _jacobian(theta, columns, steepness)
    covariance = sigma**2 * np.linalg.pinv(jacobian.T @ jacobian, rcond=1e-12)
    return VolcanoFit(theta, covariance, sigma, bool(best.success), steepness)


def predict_arrays(fit: VolcanoFit, x: np.ndarray) -> dict[str, np.ndarray]:
    """Energies and log odds with their standard errors, those of the log odds for a new measurement."""
    columns = np.column_stack([np.ones(len(x)), x])
    jacobian = _jacobian(fit.parameters, columns, fit.steepness)
    certain = np.einsum("nc,cd,nd->n", jacobian, fit.covariance, jacobian)
    energy = np.einsum("nc,cd,nd->n", columns, fit.covariance[1:, 1:], columns)
    return {
        "energy": columns @ fit.parameters[1:],
        "energy_stderr": np.sqrt(np.maximum(energy, 0.0)),
        "prediction": _curve(fit.parameters, columns, fit.steepness),
        "prediction_stderr": np.sqrt(np.maximum(certain, 0.0) + fit.sigma**2),
        "mean_stderr": np.sqrt(np.maximum(certain, 0.0)),
    }


def difference_stderr(fit: VolcanoFit, x: np.ndarray, best: int) -> np.ndarray:
    """Standard error of the difference of the curve between each candidate and one of them."""
    jacobian = _jacobian(fit.parameters, np.column_stack([np.ones(len(x)), x]), fit.steepness)
    gap = jacobian - jacobian[best]
    return np.sqrt(np.maximum(np.einsum("nc,cd,nd->n", gap, fit.covariance, gap), 0.0))


def _curve(theta: np.ndarray, columns: np.ndarray, steepness: float) -> np.ndarray:
    """Two steps one after the other, of opposite slopes: the slower one decides."""
    u = steepness * (columns @ theta[1:])
    return np.asarray(theta[0] - np.logaddexp(u, -u))


def _jacobian(theta: np.ndarray, columns: np.ndarray, steepness: float) -> np.ndarray:
    u = steepness * (columns @ theta[1:])
    return np.column_stack([np.ones(len(columns)), -(steepness * np.tanh(u))[:, None] * columns])
