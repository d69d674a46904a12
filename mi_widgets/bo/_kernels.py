"""Covariance functions of squared scaled distances, and their slopes."""

from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist

__all__ = ["KERNELS", "correlation", "cross", "cross_exact", "evaluate"]

#: Up to so many columns distances are taken from differences.
FEW = 12
SQRT3, SQRT5 = np.sqrt(3.0), np.sqrt(5.0)


def _rbf(r2: np.ndarray, work: np.ndarray) -> np.ndarray:
    del work
    r2 *= -0.5
    return np.exp(r2, out=r2)


def _matern32(r2: np.ndarray, work: np.ndarray) -> np.ndarray:
    r = np.sqrt(r2, out=r2)
    r *= -SQRT3
    np.exp(r, out=work)
    np.subtract(1.0, r, out=r)
    r *= work
    return r


def _matern52(r2: np.ndarray, work: np.ndarray) -> np.ndarray:
    r = np.sqrt(r2, out=work)
    r *= -SQRT5
    r2 *= 5 / 3
    r2 -= r
    r2 += 1.0
    np.exp(r, out=r)
    r2 *= r
    return r2


#: Correlation as a function of r^2, which it overwrites; the second array is room to work in.
KERNELS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "matern52": _matern52,
    "matern32": _matern32,
    "rbf": _rbf,
}


def correlation(name: str, r2: np.ndarray) -> np.ndarray:
    """Correlation of squared distances, which it overwrites."""
    return KERNELS[name](r2, np.empty_like(r2))


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


def cross(name: str, some: np.ndarray, pool: np.ndarray, room: np.ndarray | None = None) -> np.ndarray:
    """Correlation (n, N) of some points (n, m) with a pool (N, m), all in units of the length scales.

    `room` are two arrays (2, at least n N): to make them anew for each block would cost more than the arithmetic.
    """
    n, size = len(some), len(pool)
    room = np.empty((2, n * size)) if room is None else room[:, : n * size]
    r2, work = room.reshape(2, n, size)
    if pool.shape[1] <= FEW:  # differences lose no digits
        cdist(some, pool, "sqeuclidean", out=r2)
    else:
        np.matmul(some, pool.T, out=r2)
        r2 *= -2
        r2 += np.einsum("ij,ij->i", pool, pool)
        r2 += np.einsum("ij,ij->i", some, some)[:, None]
        np.maximum(r2, 0.0, out=r2)
    return KERNELS[name](r2, work)


def cross_exact(name: str, points: np.ndarray) -> np.ndarray:
    """Correlation matrix of scaled points among themselves, from differences."""
    return correlation(name, cdist(points, points, "sqeuclidean"))
