"""Fisher information of a mixture of von Mises densities: standard errors, and the last steps to the maximum."""

from dataclasses import dataclass

import numpy as np

from mi_widgets.orientation._von_mises import TWO_PI, log_density, mean_resultant

__all__ = ["Ascent", "ascend", "covariance", "information"]

#: A gain of the log-likelihood that is none.
CLOSE = 1e-7


@dataclass
class Ascent:
    """Where scoring ended."""

    mean: np.ndarray
    concentration: np.ndarray
    weight: np.ndarray
    log_likelihood: float
    converged: bool


def _densities(
    cosine: np.ndarray, sine: np.ndarray, mean: np.ndarray, concentration: np.ndarray, parts: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Density of every part (parts, m), and cosine and sine of the way from each mean (K, m)."""
    toward = np.cos(mean)[:, None] * cosine + np.sin(mean)[:, None] * sine
    aside = np.cos(mean)[:, None] * sine - np.sin(mean)[:, None] * cosine
    density = np.full((parts, cosine.size), 1 / TWO_PI)
    density[: mean.size] = np.exp(log_density(toward, concentration[:, None]))
    return density, toward, aside


def _slopes(
    cosine: np.ndarray, sine: np.ndarray, mean: np.ndarray, concentration: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Density (m,) and its derivatives (p, m) by means, concentrations and all weights but the last."""
    k = mean.size
    density, toward, aside = _densities(cosine, sine, mean, concentration, weight.size)
    own = weight[:k, None] * density[:k]
    by_mean = own * concentration[:, None] * aside
    by_concentration = own * (toward - mean_resultant(concentration)[:, None])
    by_weight = density[:-1] - density[-1]
    return weight @ density, np.concatenate([by_mean, by_concentration, by_weight])


def information(mean: np.ndarray, concentration: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Expected Fisher information of one grain (p, p), by the trapezoidal rule on a circle, exact to rounding."""
    n = max(1024, 1 << int(np.ceil(np.log2(20 * np.sqrt(concentration.max(initial=1.0))))))
    phi = np.arange(n) * (TWO_PI / n)
    p, slopes = _slopes(np.cos(phi), np.sin(phi), mean, concentration, weight)
    return np.asarray((slopes / np.maximum(p, 1e-300)) @ slopes.T) * (TWO_PI / n)


def covariance(mean: np.ndarray, concentration: np.ndarray, weight: np.ndarray, n: float) -> np.ndarray:
    """Covariance (2K + parts,) of means, concentrations and all weights; NaN where the information is singular."""
    size = 2 * mean.size + weight.size
    if mean.size == 0:
        return np.zeros((size, size))
    matrix = n * information(mean, concentration, weight)
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    scaled = matrix / np.outer(scale, scale)
    if not np.isfinite(scaled).all() or np.linalg.eigvalsh(scaled)[0] < 1e-12:
        return np.full((size, size), np.nan)
    free = np.linalg.inv(scaled) / np.outer(scale, scale)
    back = np.zeros((size, size - 1))  # the last weight is one minus the others
    back[:-1] = np.eye(size - 1)
    back[-1, 2 * mean.size :] = -1
    return np.asarray(back @ free @ back.T)


def ascend(
    cosine: np.ndarray,
    sine: np.ndarray,
    counts: np.ndarray,
    mean: np.ndarray,
    concentration: np.ndarray,
    weight: np.ndarray,
    *,
    largest: float,
    max_iter: int = 200,
) -> Ascent:
    """Damped Fisher scoring from where expectation maximisation stopped; a step that loses is not taken."""
    k, n = mean.size, counts.sum()
    point = np.concatenate([mean, concentration, weight[:-1]])

    def value(x: np.ndarray) -> float:
        rest = 1 - x[2 * k :].sum()
        w = np.append(x[2 * k :], rest)
        if (w < 0).any() or (x[k : 2 * k] < 0).any() or (x[k : 2 * k] > largest).any():
            return -np.inf
        density, _, _ = _densities(cosine, sine, x[:k], x[k : 2 * k], w.size)
        return float(counts @ np.log(np.maximum(w @ density, 1e-300)))

    best, converged, damping, small = value(point), False, 1e-4, 0
    for _ in range(max_iter):
        w = np.append(point[2 * k :], 1 - point[2 * k :].sum())
        p, slopes = _slopes(cosine, sine, point[:k], point[k : 2 * k], w)
        gradient = slopes @ (counts / np.maximum(p, 1e-300))
        free = np.ones(point.size, dtype=bool)  # a concentration at its cap stays there
        free[k : 2 * k] = ~((point[k : 2 * k] >= largest) & (gradient[k : 2 * k] > 0))
        matrix = n * information(point[:k], point[k : 2 * k], w)[np.ix_(free, free)]
        ridge = np.diag(np.maximum(np.diag(matrix), 1e-12))
        found, trial = -np.inf, point
        while damping < 1e8:
            trial = point.copy()
            trial[free] += np.linalg.solve(matrix + damping * ridge, gradient[free])
            found = value(trial)
            if found >= best:
                break
            damping *= 5
        if found < best:
            break
        small = small + 1 if found - best < CLOSE else 0
        point, best, damping = trial, found, max(damping / 5, 1e-10)
        if small == 2:
            converged = True
            break
    w = np.append(point[2 * k :], 1 - point[2 * k :].sum())
    return Ascent(point[:k] % TWO_PI, point[k : 2 * k], w, best, converged)
