"""What a candidate promises. Values are minimised here; `best` is the lowest that was told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

__all__ = ["ACQUISITIONS", "Belief", "expected_hypervolume", "log_expected_improvement", "score"]

LOG_2PI = float(np.log(2 * np.pi))
#: Names, with what each is.
ACQUISITIONS: dict[str, str] = {
    "ei": "expected improvement",
    "log_ei": "logarithm of the expected improvement",
    "pi": "probability of improvement",
    "ucb": "confidence bound",
    "z_score": "Z score",
    "max_variance": "standard deviation",
    "thompson": "sample of the posterior",
    "target": "expected approach to the target",
}


@dataclass
class Belief:
    """What an acquisition is computed from: mean and standard deviation of every candidate, lower is better."""

    mean: np.ndarray
    std: np.ndarray
    best: float
    beta: float = 1.0
    target: float = 0.0
    closest: float = np.inf  # distance of the told value that is nearest to the target
    sample: Callable[[], np.ndarray] | None = None


def log_expected_improvement(mean: np.ndarray, std: np.ndarray, best: float) -> np.ndarray:
    """Log of E[max(best - f, 0)], without underflow (S. Ament et al. (2023), arXiv:2310.20708)."""
    z = (best - mean) / std
    out = np.empty_like(z)
    near = z > -1
    a = z[near]
    out[near] = np.log(np.exp(-0.5 * a * a - 0.5 * LOG_2PI) + a * ndtr(a))
    b = z[~near]
    # phi + z Phi = phi (1 - |z| R) with Mills' ratio R; for large |z| it tends to phi / z^2.
    ratio = np.sqrt(np.pi / 2) * erfcx(-b / np.sqrt(2))
    with np.errstate(divide="ignore"):
        rest = np.where(b > -1e4, np.log(np.maximum(1 + b * ratio, 1e-300)), -2 * np.log(-b))
    out[~near] = -0.5 * b * b - 0.5 * LOG_2PI + rest
    return np.asarray(out + np.log(std))


def _target(belief: Belief) -> np.ndarray:
    """E[max(closest - |f - target|, 0)], whose logarithm falls off as a Gaussian does where it underflows."""
    closest = belief.closest if np.isfinite(belief.closest) else float(np.ptp(belief.mean) + belief.std.max())
    u = (belief.target - belief.mean) / belief.std
    half = max(closest, 1e-12) / belief.std
    a, b = u - half, u + half

    def phi(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-0.5 * x * x - 0.5 * LOG_2PI))

    value = phi(a) + phi(b) - 2 * phi(u) - a * (ndtr(u) - ndtr(a)) + b * (ndtr(b) - ndtr(u))
    with np.errstate(divide="ignore"):
        log = np.log(np.maximum(value, 0) * belief.std)
    far = -0.5 * np.maximum(np.abs(u) - half, 0) ** 2 - 700 + np.log(belief.std)
    return np.where(value > 1e-290, log, far)


def score(name: str | Callable[..., Any], belief: Belief) -> tuple[np.ndarray, np.ndarray, bool]:
    """What to rank by (higher is better), what to show, and whether the former is a logarithm."""
    mean, std, best = belief.mean, belief.std, belief.best
    if callable(name):
        found = np.asarray(name(mean, std, best), dtype=float)
        return found, found, False
    if name in ("ei", "log_ei"):
        log = log_expected_improvement(mean, std, best)
        return log, np.exp(log) if name == "ei" else log, True
    if name == "target":
        log = _target(belief)
        return log, np.exp(log), True
    if name == "pi":
        z = (best - mean) / std
        return log_ndtr(z), ndtr(z), True
    if name == "z_score":
        z = (best - mean) / std
        return z, z, False
    if name == "max_variance":
        return std, std, False
    if name == "ucb":
        bound = mean - belief.beta * std
        return best - bound, bound, False
    if belief.sample is None:
        raise ValueError("thompson needs a sample")
    sample = belief.sample()
    return best - sample, sample, False


def expected_hypervolume(mean: np.ndarray, std: np.ndarray, front: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Log of the expected gain of hypervolume of two minimised, independent objectives, exactly.

    The gain is the integral, over the region that the front leaves, of P(f1 <= a) P(f2 <= b): a sum over the strips
    between neighbours on the front (M. Emmerich et al. (2011), doi:10.1109/CEC.2011.5949880).

    Parameters
    ----------
    mean, std : (N, 2)
    front : (p, 2)
        Points that no other dominates, by rising first objective.
    reference : (2,)
        The worst values that count.
    """
    edges = np.r_[-np.inf, front[:, 0], reference[0]]
    tops = np.r_[reference[1], front[:, 1]]
    total = np.zeros(len(mean))
    lower = np.zeros(len(mean))
    for right, top in zip(edges[1:], tops, strict=True):
        upper = _ramp(mean[:, 0], std[:, 0], right)
        total += np.maximum(upper - lower, 0) * _ramp(mean[:, 1], std[:, 1], top)
        lower = upper
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(total, 1e-300))


def _ramp(mean: np.ndarray, std: np.ndarray, edge: float) -> np.ndarray:
    """E[max(edge - f, 0)]."""
    return np.asarray(np.exp(log_expected_improvement(mean, std, edge)))
