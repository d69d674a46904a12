r"""The LASSO by two algorithms that share nothing but the operator, so that one checks the other.

Both minimise :math:`\frac{1}{2M} \|y - A c\|^2 + \lambda \|c\|_1`; divided by the number of pixels M, a penalty means
the same for any number of them.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from mi_widgets.qpi._operator import PlaneWaves

__all__ = ["SOLVERS", "Solution", "fit_amp", "fit_fista", "largest_penalty"]


class Solution(NamedTuple):
    """Coefficients, iterations, and whether they stopped to change."""

    coefficients: np.ndarray
    n_iter: int
    converged: bool


def largest_penalty(waves: PlaneWaves, y: np.ndarray) -> float:
    """The penalty from which on every coefficient is zero."""
    return float(np.abs(waves.transpose(y)).max()) / waves.n_pixels


def _soft(values: np.ndarray, threshold: float) -> np.ndarray:
    out = np.abs(values)
    out -= threshold
    np.maximum(out, 0.0, out=out)
    return np.copysign(out, values, out=out)


def fit_fista(
    waves: PlaneWaves,
    y: np.ndarray,
    penalty: float,
    *,
    start: np.ndarray | None = None,
    norm: float | None = None,
    max_iter: int = 500,
    tolerance: float = 1e-4,
) -> Solution:
    """Accelerated proximal gradient, its momentum dropped wherever it points uphill."""
    m = waves.n_pixels
    step = 1 / (norm if norm is not None else waves.norm())
    c = np.zeros(waves.shape, waves.dtype) if start is None else start
    z, t = c, 1.0
    for k in range(max_iter):
        new = _soft(z - step * waves.transpose(waves.forward(z) - y), step * m * penalty)
        move = new - c
        size = float(np.linalg.norm(new))
        small = float(np.linalg.norm(move)) <= tolerance * size
        if np.vdot(z - new, move) > 0:
            z, t = new, 1.0
        else:
            after = (1 + sqrt(1 + 4 * t * t)) / 2
            z, t = new + ((t - 1) / after) * move, after
        c = new
        if small:
            return Solution(c, k + 1, True)
    return Solution(c, max_iter, False)


def fit_amp(
    waves: PlaneWaves,
    y: np.ndarray,
    penalty: float,
    *,
    start: np.ndarray | None = None,
    norm: float | None = None,
    max_iter: int = 500,
    tolerance: float = 1e-4,
    damping: float = 0.7,
) -> Solution:
    """Approximate message passing with a threshold that ends at the penalty.

    It holds where columns are as good as random, as for pixels drawn at random; elsewhere it may run away, which is
    told by ``converged``.
    """
    del norm
    m = waves.n_pixels
    scale = sqrt(m / 2)  # of a column
    c = np.zeros(waves.shape, waves.dtype) if start is None else start * scale
    z, wanted = y - waves.forward(c) / scale, m * penalty / scale
    threshold, least = wanted, float(y @ y)
    for k in range(max_iter):
        new = _soft(c + waves.transpose(z) / scale, threshold)
        share = np.count_nonzero(new) / m
        after = y - waves.forward(new) / scale + share * z
        z = damping * after + (1 - damping) * z
        threshold = wanted + threshold * min(share, 0.95)
        small = float(np.linalg.norm(new - c)) <= tolerance * float(np.linalg.norm(new))
        c = new
        if small and abs(threshold * (1 - share) - wanted) <= 10 * tolerance * wanted:
            return Solution(c / scale, k + 1, True)
        if not float(z @ z) < 100 * least:
            break
    return Solution(c / scale, k + 1, False)


SOLVERS = {"fista": fit_fista, "amp": fit_amp}
