"""Covariance functions of squared scaled distances, and their slopes."""

from collections.abc import Callable

import numpy as np

__all__ = ["KERNELS", "cross", "evaluate"]

SQRT3, SQRT5 = np.sqrt(3.0), np.sqrt(5.0)


def _rbf(r2: np.ndarray) -> np.ndarray:
    r2 *= -0.5
    return np.exp(r2, out=r2)


def _matern32(r2: np.ndarray) -> np.ndarray:
    r = np.sqrt(r2, out=r2)
    r *= -SQRT3
    e = np.exp(r)
    np.subtract(1.0, r, out=r)
    r *= e
    return r


def _matern52(r2: np.ndarray) -> np.ndarray:
    r = np.sqrt(r2)
    r *= -SQRT5
    r2 *= 5 / 3
    r2 -= r
    r2 += 1.0
    np.exp(r, out=r)
    r2 *= r
    return r2


#: Correlation as a function of r^2, worked in place.
KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"matern52": _matern52, "matern32": _matern32, "rbf": _rbf}


def evaluate(name: str, r2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlation and ``-2 d correlation / d r^2``; the latter times D_k / l_k^2 is the slope along log l_k."""
    if name == "rbf":
        k = np.exp(-0.5 * r2)
        return k, k
    if name == "matern32":
        r = SQRT3 * np.sqrt(r2)
        e = np.exp(-r)
        return (1 + r) * e, 3 * e
    r = SQRT5 * np.sqrt(r2)
    e = np.exp(-r)
    slope = (1 + r) * e
    return slope + (5 / 3) * r2 * e, (5 / 3) * slope


def cross(name: str, some: np.ndarray, pool: np.ndarray, pool_square: np.ndarray) -> np.ndarray:
    """Correlation (n, N) of some points (n, m) with the pool (m, N), all in units of the length scales."""
    if len(some) == 1 and pool.shape[0] <= 8:  # differences lose no digits, and one row costs little
        r2 = np.zeros((1, pool.shape[1]))
        for a, z in zip(some[0], pool, strict=True):
            step = z - a
            step *= step
            r2[0] += step
    else:
        r2 = some @ pool
        r2 *= -2
        r2 += pool_square
        r2 += np.einsum("ij,ij->i", some, some)[:, None]
        np.maximum(r2, 0.0, out=r2)
    return KERNELS[name](r2)
