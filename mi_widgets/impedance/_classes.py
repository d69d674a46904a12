"""Circuits that the data cannot tell apart: one is fitted to the noiseless curve of the other."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mi_widgets.impedance._fit import Fits, Settings, fit_rows, fit_steps
from mi_widgets.impedance._grammar import Circuit, read_circuit
from mi_widgets.impedance._kernels import impedance
from mi_widgets.impedance._starts import Scale, draw_starts

__all__ = ["EXACT", "SHARE_OF_NOISE", "Classes", "classify", "distance_steps", "noise_level"]

#: Curves that agree to this (rms over modulus) are of circuits that are mathematically the same.
EXACT = 1e-8
#: Curves that agree to this share of the noise are not separable by these data.
SHARE_OF_NOISE = 0.2
#: Circuits whose residuals are below so many times the noise describe the data.
GOOD = 1.5
RIVAL_STARTS = 4


@dataclass
class Classes:
    """Which circuits go together, for each row of spectra.

    Attributes
    ----------
    number : (rows, candidate)
        Class, 0 that of the best circuit; -1 for a circuit without a fit.
    exact : (rows, candidate) bool
        Whether the circuit is mathematically the same as the best of its class.
    simpler : (rows, candidate)
        Circuit with fewer parameters that has the same curve, -1 for none.
    """

    number: np.ndarray
    exact: np.ndarray
    simpler: np.ndarray


def noise_level(fits: list[Fits], criterion: np.ndarray) -> np.ndarray:
    """Weighted root mean square residual of the best candidate, per degree of freedom (rows,)."""
    best = np.where(np.isfinite(criterion).any(axis=1), _argmin(criterion), 0)
    rms = np.stack([np.sqrt(f.chi_squared / np.maximum(f.n_data - f.n_free, 1)) for f in fits], axis=1)
    return rms[np.arange(len(rms)), best]


def distance_steps(
    circuits: list[Circuit],
    fits: list[Fits],
    omega: np.ndarray,
    weight: np.ndarray,
    noise: np.ndarray,
    settings: Settings,
) -> Generator[None, None, np.ndarray]:
    """Weighted rms (rows, candidate a, candidate b) between the curve of a and the fit of b to it; NaN where not tried.

    b is fitted to a where both have the same curve already, and where both describe the data: b comes to within a share
    of the noise of the curve of a only if it fits the data nearly as well as a. Circuits with more parameters are not
    fitted to those with fewer. There is a pause after each fit.
    """
    n, rows = len(circuits), len(weight)
    out = np.full((rows, n, n), np.nan)
    n_data = np.maximum((weight > 0).sum(axis=1) * 2, 1)
    rms = np.stack([np.sqrt(f.chi_squared / n_data) for f in fits], axis=1)
    limit = SHARE_OF_NOISE * noise
    good = rms <= GOOD * noise[:, None]
    for a in range(n):
        out[:, a, a] = np.where(np.isfinite(rms[:, a]), 0.0, np.nan)
        for b in range(n):
            if a == b or circuits[b].n_parameters > circuits[a].n_parameters:
                continue
            with np.errstate(invalid="ignore"):
                apart = np.sqrt((np.abs((fits[a].fitted - fits[b].fitted) * weight) ** 2).sum(axis=1) / n_data)
            near = (rms[:, b] <= rms[:, a] + limit) & ((apart < limit) | (good[:, a] & good[:, b]))
            rivals = near & (apart >= limit) & (circuits[a].n_parameters == circuits[b].n_parameters)
            # what fits the same data alike starts at the minimum; only rivals that differ are searched for anew
            for some, starts in ((near & ~rivals, 1), (rivals, RIVAL_STARTS)):
                at = np.flatnonzero(some)
                if at.size:
                    options = replace(settings, n_starts=starts, n_steps=60)
                    curve = fits[a].fitted[at]
                    found = yield from fit_steps(
                        circuits[b], omega, curve, weight[at], options, first=fits[b].values[at]
                    )
                    out[at, a, b] = np.sqrt(found.chi_squared / n_data[at])
                    yield
    return out


def classify(
    circuits: list[Circuit], distance: np.ndarray, noise: np.ndarray, criterion: np.ndarray, scale: np.ndarray
) -> Classes:
    """Group circuits, from the best on: a circuit joins the first class whose best has its curve.

    `scale` (rows,) turns a weighted rms into one over the modulus. Only circuits with as many parameters are of a
    class: of those with more the criterion decides, and they are marked with the simpler one.
    """
    rows, n = criterion.shape
    out = Classes(np.full((rows, n), -1), np.zeros((rows, n), dtype=bool), np.full((rows, n), -1))
    size = np.array([c.n_parameters for c in circuits])
    for row in range(rows):
        heads: list[int] = []
        limit = SHARE_OF_NOISE * noise[row]
        for b in np.argsort(np.where(np.isfinite(criterion[row]), criterion[row], np.inf), kind="stable"):
            if not np.isfinite(criterion[row, b]):
                continue
            both = np.maximum(distance[row][:, b], distance[row][b])
            joined = next((k for k, a in enumerate(heads) if size[a] == size[b] and both[a] < limit), None)
            if joined is None:
                joined = len(heads)
                heads.append(int(b))
            out.number[row, b] = joined
            head = heads[joined]
            out.exact[row, b] = both[head] * scale[row] < EXACT and same_by_form(circuits[head], circuits[b])
            less = [a for a in heads if size[a] < size[b] and distance[row, b, a] < limit]
            out.simpler[row, b] = less[0] if less else -1
    return out


def same_by_form(one: Circuit, other: Circuit) -> bool:
    """Whether two circuits have the same impedance for any parameters, and not only for those of one spectrum.

    The other is fitted to the one with parameters that are drawn: that two curves agree to 1e-8 by chance is out of the
    question.
    """
    return one.canonical == other.canonical or _same_by_form(one.text, other.text)


@lru_cache(maxsize=512)
def _same_by_form(one: str, other: str) -> bool:
    a, b = (read_circuit(text, who="compare_circuits") for text in (one, other))
    omega = np.geomspace(1e-1, 1e5, 25)
    drawn = draw_starts(a, Scale(10.0, 300.0, 1.0, 1e4), 3, np.random.default_rng(1))
    z = impedance(a, drawn, omega)
    found = fit_rows(b, omega, z, 1 / np.abs(z), Settings(n_starts=24, n_steps=150))
    return bool((np.sqrt(found.chi_squared / found.n_data) < EXACT).any())


def _argmin(criterion: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(criterion), criterion, np.inf).argmin(axis=1)
