"""Von Mises density and its concentration, for any shape of arrays; scaled Bessel functions, so nothing overflows."""

import numpy as np
from scipy.special import i0e, i1e

__all__ = ["TWO_PI", "concentration_of", "log_density", "mean_resultant", "spread_of"]

TWO_PI = 2 * np.pi
#: Above this resultant length, series replace differences of nearly equal numbers.
_NEAR_ONE = 1 - 1e-7


def log_density(cosine: np.ndarray, concentration: np.ndarray) -> np.ndarray:
    """Logarithm of the density (1/rad) where ``cos(phi - mean)`` is `cosine`."""
    return np.asarray(concentration * (cosine - 1.0) - np.log(TWO_PI * i0e(concentration)))


def mean_resultant(concentration: np.ndarray) -> np.ndarray:
    """Resultant length A(kappa) = I1 / I0."""
    return np.asarray(i1e(concentration) / i0e(concentration))


def concentration_of(resultant: np.ndarray, largest: float) -> np.ndarray:
    """Concentration whose resultant length is `resultant`, at most `largest`; Newton's method on A(kappa) = R."""
    r = np.clip(np.asarray(resultant, dtype=float), 0.0, _NEAR_ONE)
    kappa = r * (2 - r * r) / (1 - r * r)
    for _ in range(8):
        a = mean_resultant(kappa)
        slope = np.where(kappa > 1e-6, 1 - a * a - a / np.maximum(kappa, 1e-6), 0.5)
        kappa = np.clip(kappa - (a - r) / np.maximum(slope, 1e-300), 0.0, 1e8)
    return np.minimum(kappa, largest)


def spread_of(concentration: np.ndarray) -> np.ndarray:
    """Circular standard deviation sqrt(-2 ln A(kappa)) (rad); infinite for 0."""
    with np.errstate(divide="ignore"):
        return np.sqrt(-2 * np.log(mean_resultant(np.asarray(concentration, dtype=float))))
