"""Which candidates are worth measuring next, alone and in batches."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mi_widgets.bo._acquisition import Belief, expected_hypervolume, score
from mi_widgets.bo._model import Model

__all__ = ["JOINT", "choose", "draw", "draw_lowest", "pareto_mask", "pick", "rank", "scores"]

#: A joint sample is drawn over so many candidates: those whose optimistic bound is best.
JOINT = 1000


def pick(values: np.ndarray, allowed: np.ndarray, rng: np.random.Generator) -> int:
    """Place of the highest value among those allowed; equal ones are drawn by lot."""
    places = np.flatnonzero(allowed)
    found = values[places]
    found = np.where(np.isnan(found), -np.inf, found)
    highest = found.max()
    near = found >= highest - 1e-10 * max(1.0, abs(highest)) if np.isfinite(highest) else found == highest
    return int(places[rng.choice(np.flatnonzero(near))])


def rank(values: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """1 for the most promising candidate; 0 for those that cannot be chosen."""
    out = np.zeros(len(values), dtype=np.int64)
    places = np.flatnonzero(allowed)
    order = np.argsort(-np.where(np.isnan(values[places]), -np.inf, values[places]), kind="stable")
    out[places[order]] = np.arange(1, len(places) + 1)
    return out


def draw(gp: Any, rng: np.random.Generator, n: int = 1, allowed: np.ndarray | None = None) -> np.ndarray:
    """Samples (n, N) of the posterior, joint over the candidates that may be best and infinite elsewhere."""
    some, samples, size = _joint(gp, rng, n, allowed)
    out = np.full((n, size), np.inf)
    out[:, some] = samples
    return out


def draw_lowest(gp: Any, rng: np.random.Generator, n: int, allowed: np.ndarray | None = None) -> np.ndarray:
    """The lowest value of each of n samples of the posterior, without a number for each candidate of the pool."""
    return np.asarray(_joint(gp, rng, n, allowed)[1].min(axis=1))


def _joint(gp: Any, rng: np.random.Generator, n: int, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, int]:
    """Candidates that may be best, n joint samples over them, and the size of the pool."""
    mean, std = gp.posterior()
    size = len(mean)
    bound = mean - np.sqrt(2 * np.log(max(size, 2))) * std
    if allowed is not None:
        bound = np.where(allowed, bound, np.inf)
    number = min(JOINT, size if allowed is None else int(allowed.sum()))
    some = np.sort(np.argpartition(bound, number - 1)[:number]) if number < size else np.arange(size)
    factor = _factor(gp.covariance(some))
    return some, mean[some] + rng.standard_normal((n, len(some))) @ factor.T, size


def _factor(covariance: np.ndarray) -> np.ndarray:
    """Cholesky factor; neighbours that are almost the same need a little on the diagonal."""
    from scipy.linalg import lapack

    scale = float(np.max(np.diag(covariance)))
    for power in range(-10, 0):
        K = covariance.copy(order="F")
        K.flat[:: len(K) + 1] += 10.0**power * scale
        L, info = lapack.dpotrf(K, lower=1, clean=1, overwrite_a=1)
        if not info:
            return np.asarray(L)
    raise np.linalg.LinAlgError("the posterior covariance is not positive definite")


def pareto_mask(values: np.ndarray) -> np.ndarray:
    """Which rows no other row dominates; lower is better, and of equal rows all stay."""
    keep = np.ones(len(values), dtype=bool)
    for k, row in enumerate(values):
        better = (values <= row).all(axis=1) & (values < row).any(axis=1)
        keep[k] = not better.any()
    return keep


def scores(
    model: Model,
    name: str | Callable[..., Any],
    rng: np.random.Generator,
    *,
    cost: np.ndarray | None = None,
    pending: tuple[int, ...] = (),
    allowed: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """What to rank by and what to show, both over the pool, with costs and feasibility."""
    weight = model.feasible()
    if cost is not None:
        weight = weight / cost
    if not model.n:  # nothing feasible yet
        return np.log(weight), weight
    if len(model.gps) > 1:
        values, is_log = _several(model, name, rng, pending, allowed)
        shown = np.exp(values) if is_log else values
    else:
        values, shown, is_log = _one(model, name, rng, pending, allowed)
    if (weight == 1).all():
        return values, shown
    if is_log:
        return values + np.log(weight), shown
    return _log_softplus(values) + np.log(weight), shown


def _one(
    model: Model,
    name: str | Callable[..., Any],
    rng: np.random.Generator,
    pending: tuple[int, ...],
    allowed: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, bool]:
    gp = model.gps[0]
    mean, std = gp.posterior()
    if pending:
        std = gp.fantasy(pending).std
    y = model.turned()
    best = float(mean[model.places()].min() if model.settings.noise or len(set(model.places())) < len(y) else y.min())
    if callable(name):
        value, spread = model.moments(0, mean, std)
        told = float(model.back(0, np.array([best]))[0])
        found, shown, is_log = score(name, Belief(value, spread, told))
        return found, shown, is_log
    target = model.settings.target
    turned = 0.0 if target is None else float(model.signs[0] * model.transforms[0].forward(np.array([target]))[0])
    belief = Belief(
        mean,
        std,
        best,
        beta=model.settings.beta,
        target=turned,
        closest=float(np.abs(y - turned).min()),
        sample=lambda: draw(gp, rng, 1, allowed)[0],
    )
    found, shown, is_log = score(name, belief)
    if name in ("ucb", "thompson"):
        finite = np.isfinite(shown)
        shown = np.where(finite, model.back(0, np.where(finite, shown, 0.0)), np.nan)
    return found, shown, is_log


def _several(
    model: Model, name: str | Callable[..., Any], rng: np.random.Generator, pending: tuple[int, ...], allowed: Any
) -> tuple[np.ndarray, bool]:
    told = np.stack([model.turned(k) for k in range(len(model.gps))], axis=1)
    low, high = told.min(axis=0), told.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    front = told[pareto_mask(told)]
    if name == "ehvi":
        mean, std = (np.stack(part, axis=1) for part in zip(*[gp.posterior() for gp in model.gps], strict=True))
        if pending:
            std = np.stack([gp.fantasy(pending).std for gp in model.gps], axis=1)
        front = front[np.argsort(front[:, 0], kind="stable")]
        reference = (high - low) / width + 0.1
        return expected_hypervolume((mean - low) / width, std / width, (front - low) / width, reference), True
    # A sample of each objective, weighed at random: augmented Chebyshev, J. Knowles (2006),
    # doi:10.1109/TEVC.2005.851274.
    weight = rng.dirichlet(np.ones(len(model.gps)))
    samples = np.stack([draw(gp, rng, 1, allowed)[0] for gp in model.gps], axis=1)
    scaled = weight * (np.where(np.isfinite(samples), samples, 1e6) - low) / width
    return -(scaled.max(axis=1) + 0.05 * scaled.sum(axis=1)), False


def choose(
    model: Model,
    n: int,
    name: str | Callable[..., Any],
    batch: str,
    allowed: np.ndarray,
    rng: np.random.Generator,
    *,
    cost: np.ndarray | None = None,
    pending: tuple[int, ...] = (),
) -> list[int]:
    """Places of the next `n` candidates."""
    allowed = allowed.copy()
    picked: list[int] = []
    penalty = np.zeros(len(allowed))
    base: np.ndarray | None = None
    for _ in range(n):
        if batch == "local_penalty":
            if base is None:
                base, _ = scores(model, name, rng, cost=cost, pending=pending, allowed=allowed)
                base = base if name in ("ei", "log_ei", "pi", "target", "ehvi") else _log_softplus(base)
            values = base + penalty
        else:
            believed = () if batch == "thompson" else (*pending, *picked)
            rule = "thompson" if batch == "thompson" else name
            values, _ = scores(model, rule, rng, cost=cost, pending=believed, allowed=allowed)
        i = pick(values, allowed, rng)
        allowed[i] = False
        picked.append(i)
        if batch == "local_penalty" and len(picked) < n:
            penalty += _penalty(model, i)
    return picked


def _log_softplus(values: np.ndarray) -> np.ndarray:
    """Logarithm of a promise that may be negative, made positive: what costs and chances can then be added to."""
    spread = float(np.std(values[np.isfinite(values)])) or 1.0
    z = values / spread
    return np.where(z > -30, np.log(np.logaddexp(0.0, np.maximum(z, -31))), z)


def _penalty(model: Model, i: int) -> np.ndarray:
    """Logarithm of the chance that a candidate is outside the ball around candidate i in which the best cannot lie.

    J. Gonzalez et al. (2016), arXiv:1505.08052; the steepest slope is taken from the told values.
    """
    from scipy.special import log_ndtr

    gp = model.gps[0]
    mean, std = gp.posterior()
    lengths = getattr(gp, "lengths", None)
    scaled = gp.points if lengths is None else gp.points / lengths[gp.group]
    told, y = scaled[model.places()], model.turned()
    distance = np.sqrt(((told[:, None] - told[None]) ** 2).sum(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.nanmax(np.where(distance > 0, np.abs(y[:, None] - y[None]) / distance, 0.0))
    away = np.sqrt(((scaled - scaled[i]) ** 2).sum(axis=1))
    z = (max(slope, 1e-12) * away - (mean[i] - y.min())) / max(float(std[i]), 1e-300)
    return np.asarray(log_ndtr(z))
