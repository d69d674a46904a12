"""The likelihood of all replicas, compiled; the same numbers as `_likelihood.log_likelihood`."""

import math

import numba
import numpy as np

__all__ = ["log_likelihood"]

FLOOR = 1e-300


@numba.njit(cache=True, nogil=True)
def log_likelihood(
    cosine: np.ndarray,
    sine: np.ndarray,
    counts: np.ndarray,
    single: bool,
    base: np.ndarray,
    weight: np.ndarray,
    density: np.ndarray,
    changed: int,
    along: np.ndarray,
    aside: np.ndarray,
    level: np.ndarray,
    new: np.ndarray,
) -> np.ndarray:
    """Log-likelihoods (R,); where component `changed` is not negative its density is made anew into `new` (R, m).

    Where every angle stands for one grain, logarithms are taken of products, which saves most of them.
    """
    n_replicas, n_components, m = density.shape
    out = np.empty(n_replicas)
    for r in range(n_replicas):
        if changed >= 0:
            a, b, c = along[r], aside[r], level[r]
            for j in range(m):
                new[r, j] = math.exp(a * cosine[j] + b * sine[j] + c)
        total, product = 0.0, 1.0
        for j in range(m):
            p = base[r]
            for k in range(n_components):
                p += weight[r, k] * (new[r, j] if k == changed else density[r, k, j])
            p = max(p, FLOOR)
            if single and p > 1e-20:
                product *= p
                if product < 1e-200 or product > 1e200:
                    total += math.log(product)
                    product = 1.0
            else:
                total += counts[j] * math.log(p)
        out[r] = total + math.log(product)
    return out
