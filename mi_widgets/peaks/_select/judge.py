"""The verdict: which number of peaks, by how much, and whether the residuals allow any."""

from functools import cache

import numpy as np
from scipy import ndimage, stats

from mi_widgets.peaks._engines import _numpy
from mi_widgets.peaks._noise import Noise
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._select.search import deviance

SUSPECT_SIGMA, LARGE_SIGMA, SUSPECT_MAP_SIGMA = 4.5, 5.5, 6.0
MOST = 1024  # spectra that count for the map as a whole: with more, the smallest of flaws would be significant


def choose(evidence: np.ndarray, shape: tuple[int, ...], pool: int) -> tuple[np.ndarray, np.ndarray]:
    """Best candidate of every spectrum (-1: none) and its margin over the second best."""
    fitted = np.isfinite(evidence).any(axis=1)
    pooled = np.where(np.isfinite(evidence), evidence, np.inf)
    if pool > 1 and shape:
        reference = pooled.min(axis=1, initial=np.inf)[:, None]
        relative = np.where(
            np.isfinite(pooled) & fitted[:, None], pooled - np.where(fitted[:, None], reference, 0.0), 0.0
        )
        size = tuple(min(pool, n) for n in shape)
        relative = relative.reshape(*shape, -1)
        summed = ndimage.uniform_filter(relative, size=(*size, 1), mode="constant") * np.prod(size)
        pooled = np.where(np.isfinite(pooled), summed.reshape(evidence.shape), np.inf)
    ordered = np.sort(pooled, axis=1)
    with np.errstate(invalid="ignore"):
        margin = ordered[:, 1] - ordered[:, 0] if evidence.shape[1] > 1 else np.full(len(evidence), np.inf)
    return np.where(fitted, np.argmin(pooled, axis=1), -1), np.where(fitted, margin, np.nan)


def residual_test(
    problem: Problem, noise: Noise, y: np.ndarray, w: np.ndarray, p: np.ndarray, cost: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How much neighbouring residuals hang together, in standard deviations, and whether residuals are too large.

    Returns
    -------
    correlation : numpy.ndarray, shape (n_spectra,)
        About normal where the model is right.
    large : numpy.ndarray of bool, shape (n_spectra,)
    """
    f, known = _numpy.model(problem, problem.axis, p), np.isfinite(y)
    scale = 1 / np.sqrt(np.maximum(f, 1e-9)) if problem.poisson else np.sqrt(w)
    residual = np.where(known, (y - f) * scale, 0.0)
    power = np.maximum((residual**2).sum(axis=1), 1e-300)
    n, k = known.sum(axis=1), problem.free.size  # each parameter takes 1/n off the correlation of noise
    correlation = (residual[:, 1:] * residual[:, :-1]).sum(axis=1) / power + k / np.maximum(n, 1)
    large = np.zeros(len(y), dtype=bool)
    if not noise.unknown:
        mean, variance = n - float(k), 2.0 * np.maximum(n - k, 1)
        if problem.poisson and noise.gain == 1:
            m, v = (np.where(known, t, 0.0).sum(axis=1) for t in _few_counts(f))
            mean, variance = m - k, np.maximum(v, 1.0)
        large = (deviance(problem, noise, y, w, cost) - mean) / np.sqrt(variance) > LARGE_SIGMA
    return correlation * np.sqrt(n), large


def of_the_map(correlation: np.ndarray) -> float:
    """What all spectra together say of their residuals, in standard deviations."""
    known = correlation[np.isfinite(correlation)]
    return float(known.mean() * np.sqrt(min(known.size, MOST))) if known.size else 0.0


@cache
def _table() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and variance of one channel's deviance by its expected counts: 1 and 2 only where there are many."""
    mu = np.geomspace(1e-3, 100, 60)
    y = np.arange(200)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        d = 2 * (np.where(y > 0, y * np.log(y / mu), 0.0) - y + mu)
    chance = stats.poisson.pmf(y, mu)
    mean = (chance * d).sum(axis=0)
    return np.log(mu), mean, (chance * d**2).sum(axis=0) - mean**2


def _few_counts(f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    grid, mean, variance = _table()
    at = np.log(np.maximum(f, 1e-3))
    return np.interp(at, grid, mean), np.interp(at, grid, variance)
