"""Linear Kramers-Kronig test: a chain of RC elements with given time constants, and whether what it leaves is noise."""

from dataclasses import dataclass

import numpy as np

__all__ = ["LinearTest", "elements_by_mu", "examine_row"]

_CUT = 1e-10


@dataclass
class LinearTest:
    """Result for one spectrum.

    Attributes
    ----------
    fitted : (frequency,) complex
        Impedance of the chain.
    residual_rms : float
        Of the residuals over the modulus, per degree of freedom.
    mu : float
        1 minus the ratio of negative to positive resistances.
    score : float
        Correlation of neighbouring residuals, in standard deviations of what noise gives.
    """

    fitted: np.ndarray
    residual_rms: float
    mu: float
    score: float


def _columns(omega: np.ndarray, n_elements: int) -> np.ndarray:
    """Columns (frequency, 3 + n): resistor, inductor and capacitor in series, and the RC elements."""
    tau = np.geomspace(1 / omega.max(), 1 / omega.min(), n_elements)
    alone = [np.ones(omega.size), 1j * omega / omega.max(), omega.min() / (1j * omega)]
    return np.column_stack([*alone, 1 / (1 + 1j * omega[:, None] * tau)])


def _chain(omega: np.ndarray, z: np.ndarray, n_elements: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthonormal basis of what chains can be, residuals over the modulus (real, then imaginary), and mu's resistances.

    Singular values near zero are left out: chains of many elements describe nearly the same.
    """
    modulus = np.abs(z)
    matrix = _columns(omega, n_elements) / modulus[:, None]
    real = np.concatenate([matrix.real, matrix.imag])
    size = np.linalg.norm(real, axis=0)
    u, s, vt = np.linalg.svd(real / size, full_matrices=False)
    keep = s > _CUT * s[0]
    u, s, vt = u[:, keep], s[keep], vt[keep]
    target = np.concatenate([(z / modulus).real, (z / modulus).imag])
    inside = u.T @ target
    resistances = (vt.T @ (inside / s) / size)[3:]
    return u, target - u @ inside, resistances


def mu_of(resistances: np.ndarray) -> float:
    """1 minus the sum of negative over the sum of positive resistances."""
    positive = float(resistances[resistances >= 0].sum())
    return 1 - float(-resistances[resistances < 0].sum()) / positive if positive > 0 else -np.inf


def elements_by_mu(omega: np.ndarray, z: np.ndarray, limit: float) -> int:
    """Least number of elements at which mu falls below `limit`, at most as many as points."""
    for n in range(3, omega.size):
        if mu_of(_chain(omega, z, n)[2]) < limit:
            return n
    return omega.size


def examine_row(omega: np.ndarray, z: np.ndarray, n_elements: int) -> LinearTest:
    """Test one spectrum of usable points, in the order of the frequencies."""
    basis, residual, resistances = _chain(omega, z, n_elements)
    n = omega.size
    dof = max(2 * n - basis.shape[1], 1)
    # neighbours in frequency, in the real and in the imaginary parts
    lag = np.zeros((2 * n, 2 * n))
    k = np.arange(2 * n - 1)
    k = k[k != n - 1]
    lag[k, k + 1] = lag[k + 1, k] = 0.5
    outside = np.eye(2 * n) - basis @ basis.T
    form = outside @ lag @ outside
    # exact mean and variance of the correlation if residuals are nothing but noise
    trace, square = float(np.trace(form)), float((form * form).sum())
    mean = trace / dof
    variance = (trace**2 + 2 * square) / (dof * (dof + 2)) - mean**2
    total = float(residual @ residual)
    floor = 2 * n * (100 * np.finfo(float).eps) ** 2
    score = 0.0 if total <= floor else (float(residual @ lag @ residual) / total - mean) / np.sqrt(max(variance, 1e-12))
    fitted = z - np.abs(z) * (residual[:n] + 1j * residual[n:])
    return LinearTest(fitted, float(np.sqrt(total / dof)), mu_of(resistances), score)
