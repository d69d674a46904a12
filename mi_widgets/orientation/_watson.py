"""Watson density on the sphere and its mixtures, by expectation maximisation, all starts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import dawsn, erf

__all__ = ["FOUR_PI", "AxisMixture", "concentration_of", "fit_axis_mixture", "log_density", "log_parts", "mean_square"]

FOUR_PI = 4 * np.pi
GAIN, FIRST_STEPS, SURVIVORS = 1e-7, 25, 4


@dataclass
class AxisMixture:
    """Mean axes (K, 3), concentrations (K,), weights (K or K + 1, the uniform part last)."""

    direction: np.ndarray
    concentration: np.ndarray
    weight: np.ndarray
    log_likelihood: float
    n_iter: int = 0
    converged: bool = True


def log_norm(concentration: np.ndarray) -> np.ndarray:
    """Logarithm of 1F1(1/2, 3/2, kappa), the mean of exp(kappa t**2) over axes."""
    kappa = np.asarray(concentration, dtype=float)
    root = np.sqrt(np.maximum(np.abs(kappa), 1e-12))
    high = kappa + np.log(dawsn(root) / root)
    low = np.log(np.sqrt(np.pi) / 2 * erf(root) / root)
    near = kappa / 3 + 2 * kappa**2 / 45
    return np.where(np.abs(kappa) < 1e-4, near, np.where(kappa > 0, high, low))


def log_density(square: np.ndarray, concentration: np.ndarray) -> np.ndarray:
    """Logarithm of the density (1/sr) where ``(mean . x)**2`` is `square`."""
    return np.asarray(concentration * square - log_norm(concentration) - np.log(FOUR_PI))


def mean_square(concentration: np.ndarray) -> np.ndarray:
    """Mean of (mean . x)**2: from 0 (girdle) over 1/3 (uniform) to 1."""
    kappa = np.asarray(concentration, dtype=float)
    safe = np.where(np.abs(kappa) < 1e-3, 1.0, kappa)
    with np.errstate(over="ignore"):
        exact = (np.exp(safe - log_norm(safe)) - 1) / (2 * safe)
    return np.where(np.abs(kappa) < 1e-3, 1 / 3 + 4 * kappa / 45 + 8 * kappa**2 / 945, exact)


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    kappa = np.sinh(np.linspace(-16, 16, 4001))
    return mean_square(kappa), kappa


def concentration_of(square: np.ndarray, largest: float) -> np.ndarray:
    """Concentration of a given mean square, of size `largest` at most: a table, and Newton's method from there."""
    wanted = np.asarray(square, dtype=float)
    kappa = np.clip(np.interp(wanted, *_table()), -largest, largest)
    for _ in range(3):
        found = mean_square(kappa)
        small = np.abs(kappa) < 1e-2
        safe = np.where(small, 1.0, kappa)
        fourth = (1 + (2 * safe - 3) * found) / (2 * safe)  # the mean of (mean . x)**4
        slope = np.where(small, 4 / 45, fourth - found * found)
        kappa = np.clip(kappa + (wanted - found) / np.maximum(slope, 1e-300), -largest, largest)
    return kappa


def log_parts(x: np.ndarray, direction: np.ndarray, concentration: np.ndarray, weight: np.ndarray) -> np.ndarray:
    k = direction.shape[-2]
    out = np.empty((*weight.shape, len(x)))
    square = np.square(direction @ x.T)
    out[..., :k, :] = log_density(square, concentration[..., None]) + np.log(np.maximum(weight[..., :k, None], 1e-300))
    out[..., k:, :] = (np.log(np.maximum(weight[..., k:], 1e-300)) - np.log(FOUR_PI))[..., None]
    return out


State = tuple[np.ndarray, np.ndarray, np.ndarray]


def step(x: np.ndarray, outer: np.ndarray, state: State, largest: float) -> tuple[State, np.ndarray]:
    """One step of every start (S, ...): the next state, and the log-likelihood (S,) of the one that came.

    Of each component both the longest and the shortest axis of its scatter are tried: a cluster, or a girdle.
    """
    k = state[0].shape[-2]
    parts = log_parts(x, *state)
    top = parts.max(axis=-2, keepdims=True)
    share = np.exp(parts - top)
    total = share.sum(axis=-2, keepdims=True)
    likelihood = (top + np.log(total))[..., 0, :].sum(axis=-1)
    share /= total
    mass = share.sum(axis=-1)
    scatter = (share[..., :k, :] @ outer).reshape(*mass.shape[:-1], k, 3, 3)
    scatter /= np.maximum(mass[..., :k, None, None], 1e-12)
    values, vectors = np.linalg.eigh(scatter)
    kappa = concentration_of(np.clip(values[..., [0, 2]], 0.0, 1.0), largest)
    worth = kappa * values[..., [0, 2]] - log_norm(kappa)
    cluster = worth[..., 1] >= worth[..., 0]
    direction = np.where(cluster[..., None], vectors[..., :, 2], vectors[..., :, 0])
    return (direction, np.where(cluster, kappa[..., 1], kappa[..., 0]), mass / len(x)), likelihood


def fit_axis_mixture(
    x: np.ndarray,
    n_components: int,
    uniform: bool,
    rng: np.random.Generator,
    *,
    largest: float,
    n_starts: int = 16,
    max_iter: int = 400,
    nested: Sequence[AxisMixture] = (),
) -> AxisMixture:
    """Mixture of the highest likelihood found from several starts, heaviest component first.

    `x` (n, 3) are unit vectors; fits that are `nested` in this one only guard against an end below theirs.
    """
    if n_components == 0:
        none = np.empty(0)
        return AxisMixture(np.empty((0, 3)), none, np.ones(1), -len(x) * float(np.log(FOUR_PI)))
    outer = (x[:, :, None] * x[:, None, :]).reshape(-1, 9)
    starts = n_starts if n_components > 1 or uniform else 2
    parts = n_components + int(uniform)
    direction = x[rng.choice(len(x), (starts, n_components))]
    concentration = np.minimum(np.exp(rng.uniform(0.0, 3.0, (starts, n_components))), largest)
    state: State = (direction, concentration, np.full((starts, parts), 1.0 / parts))
    state, likelihood, steps, _ = _run(x, outer, state, largest, FIRST_STEPS)
    best = np.argsort(-likelihood, kind="stable")[:SURVIVORS]
    state = (state[0][best], state[1][best], state[2][best])
    state, likelihood, more, converged = _run(x, outer, state, largest, max_iter)
    at = int(np.argmax(likelihood))
    direction, concentration, weight = (part[at] for part in state)
    order = np.argsort(-weight[:n_components], kind="stable")
    weight = np.concatenate([weight[:n_components][order], weight[n_components:]])
    reached = converged and not any(f.log_likelihood > likelihood[at] + 0.1 for f in nested)
    return AxisMixture(
        direction[order], concentration[order], weight, float(likelihood[at]), steps + more, reached
    )  # fmt: skip


def _run(
    x: np.ndarray, outer: np.ndarray, state: State, largest: float, max_iter: int
) -> tuple[State, np.ndarray, int, bool]:
    before: np.ndarray | None = None
    likelihood = np.empty(0)
    for number in range(1, max_iter + 1):
        new, likelihood = step(x, outer, state, largest)
        if before is not None and np.all(likelihood - before < GAIN * len(x)):
            return state, likelihood, number, True
        state, before = new, likelihood
    last = step(x, outer, state, largest)[1]
    best = int(np.argmax(last))
    slow = bool(last[best] - likelihood[best] < 100 * GAIN * len(x))  # a part that is not needed fades for ever
    return state, last, max_iter, slow
