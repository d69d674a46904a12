"""Background of inelastically scattered electrons, made from the fitted peaks.

What is measured, less a level, is ``g = p + K g``: the peaks p, and g itself after one more loss of energy T, with
probability ``B T / (C + T^2)^2`` (two parameters) or ``B T / ((C - T^2)^2 + D T^2)`` (three). The sum over channels is
triangular and solved as it stands.

S. Tougaard (1997), doi:10.1002/(SICI)1096-9918(199703)25:3<137::AID-SIA230>3.0.CO;2-L.
"""

import numpy as np
from scipy.linalg import solve_triangular


def scattered(x: np.ndarray, b: np.ndarray, peaks: np.ndarray, *, rising: bool) -> np.ndarray:
    """Peaks with their scattered electrons, ``g``.

    Parameters
    ----------
    x : numpy.ndarray, shape (n_channels,)
    b : numpy.ndarray, shape (n_spectra, 2 or 3)
        B, C and for the universal cross section of three parameters D.
    peaks : numpy.ndarray, shape (n_spectra, n_channels)
    rising : bool
        Scattered electrons are found above the peaks on the axis, as with binding energies; else below.
    """
    out, kernel = np.empty_like(peaks), None
    for i, constants in enumerate(b):
        if kernel is None or (constants[1:] != b[i - 1, 1:]).any():
            kernel = _kernels(x, constants[1:], rising=rising)[0]
        out[i] = _solve(constants[0] * kernel, peaks[i], rising=rising)
    return out


def derivatives(x: np.ndarray, b: np.ndarray, g: np.ndarray, jac: np.ndarray, *, rising: bool) -> np.ndarray:
    """Derivatives of g by B, C (and D), ``(n_spectra, 2 or 3, n_channels)``; `jac` of the peaks becomes that of g."""
    out, kernels = np.empty((*b.shape, x.size)), None
    for i, constants in enumerate(b):
        if kernels is None or (constants[1:] != b[i - 1, 1:]).any():
            kernels = _kernels(x, constants[1:], rising=rising)
        out[i] = [kernel @ g[i] for kernel in kernels]
        out[i, 1:] *= constants[0]
        both = _solve(constants[0] * kernels[0], np.concatenate([jac[i], out[i]]).T, rising=rising).T
        jac[i], out[i] = both[: len(jac[i])], both[len(jac[i]) :]
    return out


def _kernels(x: np.ndarray, constants: np.ndarray, *, rising: bool) -> list[np.ndarray]:
    """Cross section over B between all channels, and its derivatives by C (and D)."""
    loss = x[:, None] - x if rising else x - x[:, None]
    loss = np.where(loss > 0, loss, 0.0)
    t2, width = loss * loss, np.gradient(x)
    if constants.size == 1:
        den = constants[0] + t2
        unit = loss / den**2 * width
        return [unit, -2 * unit / den]
    off = constants[0] - t2
    den = off**2 + constants[1] * t2
    unit = loss / den * width
    return [unit, -2 * off / den * unit, -t2 / den * unit]


def _solve(kernel: np.ndarray, right: np.ndarray, *, rising: bool) -> np.ndarray:
    return np.asarray(solve_triangular(-kernel, right, lower=rising, unit_diagonal=True, check_finite=False))
