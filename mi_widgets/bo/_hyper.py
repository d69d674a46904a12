"""Hyperparameters of a Gaussian process by maximum posterior, with analytic gradients.

Everything is in units of the standardised values. ``theta`` is log length scales, one for each group of columns, then
log signal variance and log noise variance. Distances are kept for pairs ``i > j``, row after row, so that a new
observation adds to the end.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from mi_widgets.bo._kernels import evaluate

__all__ = ["JITTER", "Data", "Prior", "best_theta", "objective", "pair_distances"]

LOG_2PI = float(np.log(2 * np.pi))
#: Added to the diagonal, as a share of the signal variance: copies of a candidate then do no harm.
JITTER = 1e-8


@dataclass(frozen=True)
class Prior:
    """Normal priors on the logarithms, and bounds.

    Length scales grow with the square root of the number of features, as distances do: their density is log-normal,
    the mean of the logarithm sqrt(2) + log(d) / 2 and its deviation sqrt(3); that of the noise has -4 and 1 (C.
    Hvarfner et al. (2024), arXiv:2402.02229). The highest density of a length scale is asked for, not that of its
    logarithm, so the means that stand here are lower by the squares of the deviations.
    """

    n_groups: int
    n_features: int
    length_mean: float = float(np.sqrt(2)) - 3.0
    length_std: float = float(np.sqrt(3))
    signal_std: float = 1.5
    noise_mean: float = -5.0
    noise_std: float = 1.0
    noise_bounds: tuple[float, float] = (1e-6, 1.0)
    fixed_noise: float | None = None

    @property
    def start(self) -> np.ndarray:
        """Where a search begins that knows nothing."""
        noise = self.noise_mean if self.fixed_noise is None else self.fixed_noise
        return np.r_[np.full(self.n_groups, 0.5 * np.log(self.n_features)), 0.0, noise]

    @property
    def bounds(self) -> np.ndarray:
        """Lowest and highest value of each logarithm."""
        length = (np.log(1e-2), np.log(1e2 * np.sqrt(self.n_features)))
        noise = np.log(self.noise_bounds) if self.fixed_noise is None else (self.fixed_noise,) * 2
        return np.array([length] * self.n_groups + [(np.log(1e-2), np.log(1e2)), tuple(noise)])

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus log of the prior up to a constant, and its gradient."""
        mean = np.r_[np.full(self.n_groups, self.length_mean + 0.5 * np.log(self.n_features)), 0.0, self.noise_mean]
        std = np.r_[np.full(self.n_groups, self.length_std), self.signal_std, self.noise_std]
        z = (theta - mean) / std
        return 0.5 * float(z @ z), z / std


@dataclass
class Data:
    """Standardised observations of one fit.

    Attributes
    ----------
    distance : (n_groups, n (n - 1) / 2)
        Squared distances of pairs ``i > j``.
    y : (n,)
    given : (n,)
        Noise variances that are known; NaN where the noise is learnt.
    """

    distance: np.ndarray
    y: np.ndarray
    given: np.ndarray
    i: np.ndarray = field(init=False)
    j: np.ndarray = field(init=False)
    pairs: np.ndarray = field(init=False)
    learnt: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.y)
        self.i, self.j = np.tril_indices(n, -1)
        self.pairs = self.i + n * self.j  # flat places in a matrix in Fortran's order
        self.learnt = np.isnan(self.given)


def pair_distances(points: np.ndarray, group: np.ndarray, n_groups: int, first: int = 0) -> np.ndarray:
    """Squared distances of the pairs ``i > j`` with ``i >= first``, by group of columns."""
    blocks = []
    for i in range(max(first, 1), len(points)):
        step = (points[i] - points[:i]) ** 2
        if n_groups == step.shape[1]:
            blocks.append(step.T)
        else:
            sums = np.zeros((n_groups, i))
            np.add.at(sums, group, step.T)
            blocks.append(sums)
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((n_groups, 0))


def objective(theta: np.ndarray, data: Data, kernel: str, prior: Prior) -> tuple[float, np.ndarray]:
    """Minus log posterior of the hyperparameters, and its gradient."""
    n = len(data.y)
    inverse, signal, noise = np.exp(-2 * theta[:-2]), np.exp(theta[-2]), np.exp(theta[-1])
    k, slope = evaluate(kernel, inverse @ data.distance)
    K = np.zeros((n, n), order="F")
    flat = K.ravel(order="K")
    flat[data.pairs] = signal * k
    flat[:: n + 1] = signal * (1 + JITTER) + np.where(data.learnt, noise, data.given)
    L, info = lapack.dpotrf(K, lower=1, clean=0, overwrite_a=1)
    if info:
        return 1e10, np.zeros_like(theta)
    half_log_det = np.log(L.ravel(order="K")[:: n + 1]).sum()
    a = lapack.dpotrs(L, data.y, lower=1)[0]
    value = 0.5 * float(data.y @ a) + half_log_det + 0.5 * n * LOG_2PI
    inverted = lapack.dpotri(L, lower=1, overwrite_c=1)[0].ravel(order="K")
    diagonal = 0.5 * (inverted[:: n + 1] - a * a)
    off = inverted[data.pairs] - a[data.i] * a[data.j]  # twice one half: pairs stand for both triangles
    gradient = np.empty_like(theta)
    gradient[:-2] = data.distance @ (off * slope) * (signal * inverse)
    gradient[-2] = signal * (off @ k + (1 + JITTER) * diagonal.sum())
    gradient[-1] = noise * diagonal[data.learnt].sum()
    penalty, slope_of_penalty = prior.penalty(theta)
    return value + penalty, gradient + slope_of_penalty


def best_theta(starts: list[np.ndarray], data: Data, kernel: str, prior: Prior) -> tuple[np.ndarray, float]:
    """The hyperparameters of highest posterior that the starts lead to, and minus its logarithm."""
    bounds = prior.bounds
    found = None
    for start in starts:
        begin = np.clip(start, bounds[:, 0], bounds[:, 1])
        run = minimize(
            objective,
            begin,
            args=(data, kernel, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 100, "ftol": 1e-5, "gtol": 1e-3},
        )
        if found is None or run.fun < found[1]:
            found = (np.asarray(run.x), float(run.fun))
    if found is None:
        raise ValueError("no start was given")
    return found
