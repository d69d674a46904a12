"""Numbers that pictures of a search are drawn from."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

__all__ = [
    "Row",
    "best_bands",
    "calibration",
    "expected_best",
    "expected_trials",
    "histogram_rows",
    "staircase",
]


def expected_best(table: Any, n_steps: int, goal: str) -> np.ndarray:
    """Best value that n different candidates drawn at random hold on average, n = 1 … `n_steps`: exact.

    E[min of n] = sum_k v_k C(N - k, n - 1) / C(N, n), values v_1 <= v_2 <= … <= v_N.
    """
    from scipy.special import gammaln

    sign = 1.0 if goal == "min" else -1.0
    v = np.sort(sign * np.asarray(table, dtype=float))
    v = v[np.isfinite(v)]
    size, k = v.size, np.arange(1, v.size + 1.0)
    out = np.full(n_steps, sign * v[0])
    for n in range(1, min(n_steps, size) + 1):
        there = size - k >= n - 1
        left = size - k[there]
        chance = gammaln(left + 1) - gammaln(n) - gammaln(left - n + 2)
        chance -= gammaln(size + 1) - gammaln(n + 1) - gammaln(size - n + 1)
        out[n - 1] = sign * float(np.exp(chance) @ v[there])
    return out


def expected_trials(table: Any, threshold: float, goal: str) -> float:
    """Trials that chance needs on average for one of the k good candidates among N: (N + 1) / (k + 1)."""
    v = np.asarray(table, dtype=float)
    good = int((v <= threshold).sum() if goal == "min" else (v >= threshold).sum())
    return (v.size + 1) / (good + 1) if good else float("nan")


def calibration(residual: Any) -> tuple[np.ndarray, np.ndarray]:
    """Share of standardised residuals within central intervals, beside the share that should be there."""
    from scipy.special import ndtri

    expected = np.linspace(0.0, 1.0, 41)[:-1]
    z = np.abs(np.asarray(residual, dtype=float))
    z = z[np.isfinite(z)]
    return expected, np.array([float(np.mean(z <= edge)) if z.size else np.nan for edge in ndtri(0.5 + expected / 2)])


class Row(NamedTuple):
    """Histogram of the trials of one strategy."""

    name: str
    counts: np.ndarray
    missed: int
    mean: float
    stderr: float
    share: float


def histogram_rows(result: xr.Dataset, n_bins: int = 24) -> tuple[np.ndarray, list[Row]]:
    """Edges in trials, and a row for each strategy; its numbers are NaN where it was not run."""
    last = float(result["step"].max())
    width = max(1.0, np.ceil(last / n_bins))
    edges = np.arange(0.5, last + width + 0.5, width)
    rows = []
    for name in result["strategy"].values:
        one = result.sel(strategy=name)
        ran = one["status"].values == 0
        trials = one["trials"].values[ran]
        found = np.isfinite(trials)
        counts, _ = np.histogram(trials[found], edges)
        numbers = (float(one[n]) if ran.any() else np.nan for n in ("mean_trials", "mean_trials_stderr", "share_found"))
        rows.append(Row(str(name), counts, int((~found).sum()), *numbers))
    return edges, rows


def best_bands(result: xr.Dataset, optimum: float | None) -> dict[str, np.ndarray]:
    """Quartiles (3, step) of the best value so far of each strategy, or of its distance from the optimum."""
    out = {}
    for name in result["strategy"].values:
        one = result.sel(strategy=name)
        best = one["best"].values[one["status"].values == 0]
        if not len(best):
            continue
        if optimum is not None:
            best = np.abs(best - optimum)
        out[str(name)] = np.nanquantile(_carried(best), [0.25, 0.5, 0.75], axis=0)
    return out


def _carried(best: np.ndarray) -> np.ndarray:
    """A search that has ended keeps the best it had."""
    at = np.where(np.isfinite(best), np.arange(best.shape[1]), 0)
    return np.asarray(np.take_along_axis(best, np.maximum.accumulate(at, axis=1), axis=1))


def staircase(front: np.ndarray, goals: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the border between what the front (n, 2) dominates and what it does not."""
    points = front[np.argsort(front[:, 0], kind="stable")]
    x, y = np.repeat(points[:, 0], 2), np.repeat(points[:, 1], 2)
    if goals[0] == "min":
        return x[1:], y[:-1]
    return x[:-1], y[1:]
