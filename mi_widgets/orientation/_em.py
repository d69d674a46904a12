"""Mixtures of von Mises densities and a uniform part by expectation maximisation, all starts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import i0e

from mi_widgets.orientation._fisher import Ascent, ascend
from mi_widgets.orientation._von_mises import TWO_PI, concentration_of, log_density

__all__ = ["Mixture", "fit_mixture", "log_parts", "n_parameters"]

#: Steps of every start before the best few go on, and how many do.
FIRST_STEPS, SURVIVORS = 40, 8
#: A gain of the log-likelihood per grain below which expectation maximisation stops.
GAIN = 1e-7
#: Starts whose log-likelihoods differ by less have found the same maximum.
SAME = 1e-2
#: More different angles are gathered in so many cells while starts are compared; the last steps see them all.
MANY = 720


@dataclass
class Mixture:
    """Means (rad, of the doubled angle) and concentrations (K,), weights (K or K + 1, the uniform part last)."""

    mean: np.ndarray
    concentration: np.ndarray
    weight: np.ndarray
    log_likelihood: float
    n_iter: int = 0
    converged: bool = True

    @property
    def uniform(self) -> bool:
        """Whether there is a uniform part."""
        return self.weight.size > self.mean.size

    def ordered(self) -> "Mixture":
        """The same with the heaviest component first."""
        k = self.mean.size
        order = np.argsort(-self.weight[:k], kind="stable")
        weight = np.concatenate([self.weight[:k][order], self.weight[k:]])
        mean, concentration = self.mean[order] % TWO_PI, self.concentration[order]
        return Mixture(mean, concentration, weight, self.log_likelihood, self.n_iter, self.converged)


def n_parameters(n_components: int, uniform: bool) -> int:
    """Free parameters: mean and concentration of each component, and weights that sum to one."""
    return 2 * n_components + max(n_components + int(uniform) - 1, 0)


def log_parts(
    cosine: np.ndarray, sine: np.ndarray, mean: np.ndarray, concentration: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """Log of weight times density (..., parts, m) of parameters (..., K) and weights (..., parts)."""
    n = mean.shape[-1]
    out = np.empty((*weight.shape, cosine.size))
    a, b = (concentration * np.cos(mean))[..., None], (concentration * np.sin(mean))[..., None]
    level = -concentration - np.log(TWO_PI * i0e(concentration)) + _log(weight[..., :n])
    out[..., :n, :] = a * cosine + b * sine + level[..., None]
    out[..., n:, :] = (_log(weight[..., n:]) - np.log(TWO_PI))[..., None]
    return out


def _log(weight: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(weight, 1e-300))


def fit_mixture(
    phi: np.ndarray,
    counts: np.ndarray,
    n_components: int,
    uniform: bool,
    rng: np.random.Generator,
    *,
    largest: float,
    n_starts: int = 24,
    max_iter: int = 500,
    nested: Sequence[Mixture] = (),
) -> Mixture:
    """Mixture of the highest likelihood found from several starts.

    Parameters
    ----------
    phi, counts : (m,)
        Different doubled angles (rad), and how many grains have each.
    n_components, uniform
        Components, and whether there is a uniform part; with no component there is nothing else.
    rng : Generator
        Draws the starts.
    largest : float
        Highest concentration.
    n_starts, max_iter : int
        Starts, and most steps of the best of them.
    nested : sequence of Mixture
        Fits of models that are contained in this one: starts too, so that more freedom never fits worse.
    """
    n = float(counts.sum())
    if n_components == 0:
        nothing = np.empty(0)
        return Mixture(nothing, nothing, np.ones(1), -n * float(np.log(TWO_PI)))
    cosine, sine = np.cos(phi), np.sin(phi)
    exact = cosine, sine, counts
    if phi.size > MANY:
        phi, counts = _gathered(phi, counts)
        cosine, sine = np.cos(phi), np.sin(phi)
    if n_components == 1 and not uniform:  # no mixture: the answer is known
        n_starts = 1
    state = _starts(phi, counts, n_components, uniform, rng, n_starts, largest)
    for inner in sorted(nested, key=lambda mixture: -mixture.log_likelihood)[:2]:
        wide = _widened(inner, n_components, uniform, phi, counts, min(5.0, largest))
        state = _joined(state, wide)
    state, likelihood, steps = _run(cosine, sine, counts, state, largest, FIRST_STEPS)
    best = np.argsort(-likelihood, kind="stable")[:SURVIVORS]
    state = (state[0][best], state[1][best], state[2][best])
    state, likelihood, more = _run(cosine, sine, counts, state, largest, max_iter)
    best = np.argsort(-likelihood, kind="stable")
    ends: list[Ascent] = []
    for k in best:
        if ends and likelihood[k] > likelihood[best[0]] - SAME:  # the same maximum
            continue
        mean, concentration, weight = (part[k] for part in state)
        ends.append(ascend(*exact, mean, concentration, weight, largest=largest))
    found = max(ends, key=lambda end: end.log_likelihood)
    return Mixture(
        found.mean, found.concentration, found.weight, found.log_likelihood, steps + more, found.converged
    ).ordered()  # fmt: skip


State = tuple[np.ndarray, np.ndarray, np.ndarray]


def _gathered(phi: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and numbers of the angles in `MANY` cells."""
    cell = np.minimum((phi % TWO_PI * (MANY / TWO_PI)).astype(int), MANY - 1)
    number = np.bincount(cell, weights=counts, minlength=MANY)
    there = number > 0
    return np.bincount(cell, weights=counts * (phi % TWO_PI), minlength=MANY)[there] / number[there], number[there]


def _starts(
    phi: np.ndarray, counts: np.ndarray, k: int, uniform: bool, rng: np.random.Generator, n_starts: int, largest: float
) -> State:
    """Means at grains drawn at random, broad and narrow concentrations, equal weights."""
    mean = phi[rng.choice(phi.size, (n_starts, k), p=counts / counts.sum())]
    concentration = np.minimum(np.exp(rng.uniform(np.log(0.5), np.log(30.0), (n_starts, k))), largest)
    parts = k + int(uniform)
    return mean, concentration, np.full((n_starts, parts), 1.0 / parts)


def _joined(state: State, one: State) -> State:
    a, b, c = (np.concatenate([many, single[None]]) for many, single in zip(state, one, strict=True))
    return a, b, c


def _widened(inner: Mixture, k: int, uniform: bool, phi: np.ndarray, counts: np.ndarray, concentration: float) -> State:
    """A contained model with further parts of small weight, new components where it lacks grains most."""
    mean, kappa = list(inner.mean), list(inner.concentration)
    weight, rest = list(inner.weight[: len(mean)]), float(inner.weight[len(mean) :].sum())
    model = np.exp(log_parts(np.cos(phi), np.sin(phi), inner.mean, inner.concentration, inner.weight)).sum(axis=-2)
    near = np.exp(log_density(np.cos(phi[:, None] - phi), np.asarray(concentration)))
    lack = near @ (counts / counts.sum() / np.maximum(model, 1e-12))
    if rest > 0 and not uniform:  # a component without concentration is a uniform part
        mean, kappa, weight, rest = [*mean, 0.0], [*kappa, 1e-3], [*weight, rest], 0.0
    small = 0.02
    while len(mean) < k:
        mean, kappa = [*mean, float(phi[np.argmax(lack)])], [*kappa, concentration]
        weight = [*(w * (1 - small) for w in weight), small]
        rest *= 1 - small
    if uniform and rest == 0:
        weight, rest = [w * (1 - small) for w in weight], small
    return np.array(mean), np.array(kappa), np.array([*weight, rest] if uniform else weight)


def _run(
    cosine: np.ndarray, sine: np.ndarray, counts: np.ndarray, state: State, largest: float, max_iter: int
) -> tuple[State, np.ndarray, int]:
    """State after at most `max_iter` steps, log-likelihood of each start, steps made."""
    before: np.ndarray | None = None
    n = counts.sum()
    for step_number in range(1, max_iter + 1):
        new, likelihood = step(cosine, sine, counts, state, largest)
        if before is not None and np.all(likelihood - before < GAIN * n):
            return state, likelihood, step_number
        state, before = new, likelihood
    return state, step(cosine, sine, counts, state, largest)[1], max_iter


def step(
    cosine: np.ndarray, sine: np.ndarray, counts: np.ndarray, state: State, largest: float
) -> tuple[State, np.ndarray]:
    """One step of every start (S, ...): the next state, and the log-likelihood (S,) of the one that came.

    A concentration at its cap is the best within the cap, because the expected log-likelihood is concave in it: so
    the likelihood never falls.
    """
    mean, concentration, weight = state
    k, n = mean.shape[-1], counts.sum()
    parts = log_parts(cosine, sine, mean, concentration, weight)
    top = parts.max(axis=-2, keepdims=True)
    share = np.exp(parts - top)
    total = share.sum(axis=-2, keepdims=True)
    likelihood = (top + np.log(total))[..., 0, :] @ counts
    share *= counts / total
    mass = share.sum(axis=-1)
    c, s = share[..., :k, :] @ cosine, share[..., :k, :] @ sine
    resultant = np.hypot(c, s) / np.maximum(mass[..., :k], 1e-12)
    new = np.arctan2(s, c), concentration_of(resultant, largest), mass / n
    return new, likelihood
