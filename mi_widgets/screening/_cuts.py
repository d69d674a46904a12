"""Best cuts of many descriptors at once: below, above or between two values, with groups left out in turn."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Scores", "fit_platt", "mc_nemar", "order_keys", "score"]


@dataclass(frozen=True)
class Scores:
    """How descriptors divide two classes.

    Attributes
    ----------
    low, high : (descriptors,)
        The class lies between them, of all compounds; infinite where one end is open.
    wrong : (descriptors,)
        Number of compounds on the wrong side, or without a value.
    train_wrong, test_wrong : (descriptors, groups)
        Without a group; and in it, by the cut that was found without it.
    right : (descriptors, compounds) bool
        On the right side of the cut that was found without their group.
    undefined : (descriptors,)
        Compounds without a value.
    """

    low: np.ndarray
    high: np.ndarray
    wrong: np.ndarray
    train_wrong: np.ndarray
    test_wrong: np.ndarray
    right: np.ndarray
    undefined: np.ndarray


def score(values: np.ndarray, positive: np.ndarray, group: np.ndarray, *, window: bool) -> Scores:
    """Cuts with the fewest errors, of all compounds and without each group.

    Parameters
    ----------
    values : (descriptors, n)
        NaN where undefined.
    positive : (n,) bool
    group : (n,) int
        Numbers from 0.
    window : bool
        Two cuts; else one.
    """
    order = np.argsort(values, axis=1, kind="stable")
    there = np.isfinite(values)
    n_there = there.sum(axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    sign = np.where(positive, 1, -1).astype(np.int32)[order] * (np.arange(values.shape[1]) < n_there[:, None])
    place = group[order]
    allowed = np.zeros((len(values), values.shape[1] + 1), dtype=bool)
    with np.errstate(invalid="ignore"):
        allowed[:, 1:-1] = ranked[:, :-1] < ranked[:, 1:]  # never between equal values
    allowed[:, 0] = True
    np.put_along_axis(allowed, n_there[:, None], True, axis=1)
    n_groups = int(group.max()) + 1
    train = np.empty((len(values), n_groups), dtype=np.int64)
    test = np.empty_like(train)
    right = np.zeros(values.shape, dtype=bool)
    for k in range(n_groups):
        outside = group != k
        low, high, best = _cut(ranked, sign * (place != k), (place != k) & (sign != 0), allowed, window)
        train[:, k] = outside.sum() - (best + np.sum(~positive & outside))
        train[:, k] += _negative_undefined(there, positive, outside)
        inside = _within(values[:, ~outside], low, high)
        right[:, ~outside] = (inside == positive[~outside]) & there[:, ~outside]
        test[:, k] = (~right[:, ~outside]).sum(axis=1)
    low, high, best = _cut(ranked, sign, sign != 0, allowed, window)
    wrong = len(positive) - (best + np.sum(~positive)) + _negative_undefined(there, positive, np.ones_like(positive))
    return Scores(low, high, wrong, train, test, right, len(positive) - n_there)


def _negative_undefined(there: np.ndarray, positive: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Undefined compounds outside the class: without a value none is right."""
    return np.asarray((~there & (~positive & chosen)).sum(axis=1))


def _within(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.asarray((values > low[:, None]) & (values < high[:, None]))


def _cut(
    ranked: np.ndarray, sign: np.ndarray, used: np.ndarray, allowed: np.ndarray, window: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends of the best interval, and positives minus negatives within."""
    n = ranked.shape[1]
    total = np.zeros((len(ranked), n + 1), dtype=np.int32)
    np.cumsum(sign, axis=1, out=total[:, 1:])
    far = np.int32(4 * n)
    rows = np.arange(len(ranked))
    up = np.where(allowed, total, -far)
    if window:
        least = np.minimum.accumulate(np.where(allowed, total, far), axis=1)
        right = np.argmax(up - least, axis=1)
        best = (up - least)[rows, right]
        left = np.argmax(allowed & (total == least[rows, right][:, None]), axis=1)
    else:
        below, above = np.argmax(up, axis=1), np.argmin(np.where(allowed, total, far), axis=1)
        gain_below, gain_above = total[rows, below], total[rows, -1] - total[rows, above]
        under = gain_below >= gain_above
        left, right = np.where(under, 0, above), np.where(under, below, n)
        best = np.where(under, gain_below, gain_above)
    return _ends(ranked, used, left, open_to=-np.inf), _ends(ranked, used, right, open_to=np.inf), best


def _ends(ranked: np.ndarray, used: np.ndarray, at: np.ndarray, *, open_to: float) -> np.ndarray:
    """Middle between the values, of those that may be used, on both sides of a cut."""
    n = ranked.shape[1]
    place = np.arange(n)
    before = np.where(used & (place < at[:, None]), place, -1).max(axis=1)
    after = np.where(used & (place >= at[:, None]), place, n).min(axis=1)
    rows = np.arange(len(ranked))
    closed = (before >= 0) & (after < n)
    middle = 0.5 * ranked[rows, np.maximum(before, 0)] + 0.5 * ranked[rows, np.minimum(after, n - 1)]
    empty = -np.inf if open_to > 0 else np.inf  # nothing within: at the far end
    return np.where(closed, middle, np.where(before < 0, -np.inf if open_to < 0 else empty, np.inf))


def order_keys(values: np.ndarray) -> np.ndarray:
    """A number for each descriptor that is the same for those that rank the compounds alike, or the other way round.

    Differences below 1e-10 of the largest value are rounding.
    """
    scale = np.nanmax(np.abs(values), axis=1, initial=0, where=np.isfinite(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        rounded = np.round(values / np.where(scale > 0, scale, 1)[:, None], 10) + 0.0
    order = np.argsort(rounded, axis=1, kind="stable")
    ranked = np.take_along_axis(rounded, order, axis=1)
    steps = np.zeros(values.shape, dtype=np.int64)
    with np.errstate(invalid="ignore"):
        steps[:, 1:] = np.cumsum(ranked[:, 1:] > ranked[:, :-1], axis=1)
    rank = np.empty_like(steps)
    np.put_along_axis(rank, order, steps, axis=1)
    other = steps[np.arange(len(values)), np.maximum(np.isfinite(ranked).sum(axis=1) - 1, 0)][:, None] - rank
    weights = np.random.default_rng(20_140_707).integers(1, 2**40, values.shape[1])
    gone = np.isnan(values)
    first, second = (np.where(gone, 4 * values.shape[1], r) @ weights for r in (rank, other))
    return np.asarray(np.minimum(first, second))


def mc_nemar(right: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Probability, by discordant pairs, that descriptors (descriptors, n) are as often right as the best one (n,)."""
    from scipy.stats import binom

    only = (right & ~best).sum(axis=1)
    other = (~right & best).sum(axis=1)
    both = only + other
    return np.asarray(np.where(both == 0, 1.0, np.minimum(1.0, 2 * binom.cdf(np.minimum(only, other), both, 0.5))))


def fit_platt(margin: np.ndarray, positive: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Slope, offset and their covariance of ``P = 1 / (1 + exp(-(slope margin + offset)))``, with Platt's targets.

    Targets a little within 0 and 1 keep the slope finite where the classes do not overlap.
    """
    n_plus, n_minus = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (n_plus + 1) / (n_plus + 2), 1 / (n_minus + 2))
    center, scale = float(np.median(margin)), float(np.median(np.abs(margin - np.median(margin)))) or 1.0
    design = np.column_stack([np.clip((margin - center) / scale, -30, 30), np.ones(margin.size)])
    beta, hessian = np.array([0.0, np.log((n_plus + 1) / (n_minus + 1))]), np.eye(2)
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(design @ beta, -40, 40)))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (target - p))
        beta += step / max(1.0, float(np.abs(step).max()) / 2)
        if np.abs(step).max() < 1e-10:
            break
    turn = np.array([[1 / scale, 0.0], [-center / scale, 1.0]])
    slope, offset = turn @ beta
    return float(slope), float(offset), turn @ np.linalg.inv(hessian) @ turn.T
