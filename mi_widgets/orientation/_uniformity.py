"""Tests on a circle: Rayleigh's against a uniform distribution, Kuiper's against any."""

from collections.abc import Callable

import numpy as np

from mi_widgets.orientation._check import Angles
from mi_widgets.orientation._von_mises import TWO_PI, log_density

__all__ = ["cumulative", "kuiper", "kuiper_p", "rayleigh_p"]


def rayleigh_p(resultant: float, n: float) -> float:
    """Chance of so long a resultant under a uniform distribution (Wilkie 1983, doi:10.2307/2347954)."""
    length = n * resultant
    value = np.exp(np.sqrt(1 + 4 * n + 4 * (n * n - length * length)) - (1 + 2 * n))
    return float(np.clip(value, 0.0, 1.0))


def kuiper(angles: Angles, cdf: Callable[[np.ndarray], np.ndarray]) -> float:
    """Greatest excess plus greatest lack of the share of grains over `cdf`, a function of phi (rad).

    Rounded angles are compared at the ends of their cells, where rounding changes nothing.
    """
    after = np.cumsum(angles.counts) / angles.total
    if angles.rounding > 0:
        half = np.radians(angles.rounding * angles.turns) / 2
        gap = after - cdf(angles.phi + half)
        before = np.concatenate([[0.0], after[:-1]]) - cdf(angles.phi - half)
        every = np.concatenate([gap, before])
        return float(every.max() - every.min())
    expected = cdf(angles.phi)
    before = np.concatenate([[0.0], after[:-1]])
    return float((after - expected).max() + (expected - before).max())


def kuiper_p(statistic: float, n: float) -> float:
    """Chance of so great a statistic where the distribution is right (Stephens 1970, J. R. Stat. Soc. B 32, 115)."""
    root = np.sqrt(n)
    reach = (root + 0.155 + 0.24 / root) * statistic
    if reach < 0.4:
        return 1.0
    square = np.square(np.arange(1, 101) * reach)
    return float(np.clip(2 * np.sum((4 * square - 1) * np.exp(-2 * square)), 0.0, 1.0))


def cumulative(mean: np.ndarray, concentration: np.ndarray, weight: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Cumulative distribution of a mixture from phi = 0 on; below 0 and above a circle it goes on."""
    n = max(4096, 1 << int(np.ceil(np.log2(60 * np.sqrt(concentration.max(initial=1.0))))))
    phi = np.linspace(0.0, TWO_PI, n + 1)
    density = np.full(n + 1, weight[mean.size :].sum() / TWO_PI)
    for m, k, w in zip(mean, concentration, weight, strict=False):
        density += w * np.exp(log_density(np.cos(phi - m), np.asarray(k)))
    rise = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    rise /= rise[-1]

    def cdf(at: np.ndarray) -> np.ndarray:
        turns = np.floor(at / TWO_PI)
        return np.asarray(turns + np.interp(at - TWO_PI * turns, phi, rise))

    return cdf
