"""Fits with 0, 1, 2 … peaks of the same spectra, each number started from the one below.

A local minimum at one number of peaks looks like evidence for another. So every number is tried from two sides, from
the fit with one peak less and from the spectrum itself, and the verdict is contested from above and from below.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.special import xlogy

from mi_widgets.peaks import _starts
from mi_widgets.peaks._engines import _numpy
from mi_widgets.peaks._engines._door import MAX_ITER, Fitted, fit_block
from mi_widgets.peaks._noise import Noise
from mi_widgets.peaks._problem import Problem

KEEN = 12.0  # expected gain in deviance above which a further peak is looked for from more than one start
CONTEST = 10.0  # a number of peaks that is worse by less is tried from more starts
WEAK = 30.0  # squared significance of an area below which the peak may be one too many
SHORT, SHORTEST = 15, 5  # iterations for what can hardly win
SPLIT = 0.6  # of sigma: how far the halves of a peak are moved apart


@dataclass
class Rungs:
    """Fits of some spectra with every number of peaks.

    Attributes
    ----------
    fits : list of Fitted
        One for each number of peaks, from 0; not tried is NaN.
    evidence : numpy.ndarray, shape (n_spectra, n_rungs)
        Information criterion; NaN where not tried.
    """

    fits: list[Fitted]
    evidence: np.ndarray

    @classmethod
    def joined(cls, parts: Sequence["Rungs"]) -> "Rungs":
        """The same of all spectra together."""
        fits = [
            Fitted(*(np.concatenate([getattr(f, name) for f in of_k]) for name in Fitted.__dataclass_fields__))
            for of_k in zip(*(part.fits for part in parts), strict=True)
        ]
        return cls(fits, np.concatenate([part.evidence for part in parts]))


@dataclass
class Ladder:
    """One family of models with 0, 1, 2 … peaks.

    Attributes
    ----------
    problems : list of Problem
        One for each number of peaks, from 0.
    noise : Noise
        Weights.
    engine : str
        ``numba`` or ``numpy``.
    criterion : str
        ``bic``, ``aic`` or ``aicc``.
    half_widths : sequence of float
        Of peaks to look for, the usual one first.
    complete : bool
        Fit also the numbers of peaks that can hardly win.
    thorough : bool
        Look in the spectrum for peaks of every half width, not of the usual one alone.
    """

    problems: list[Problem]
    noise: Noise
    engine: str
    criterion: str
    half_widths: Sequence[float]
    complete: bool = True
    thorough: bool = False
    _templates: "Templates" = field(init=False)

    def __post_init__(self) -> None:
        self._templates = Templates.of(self.problems[0].axis, self.half_widths)

    def climb(self, y: np.ndarray) -> Rungs:
        """Fit spectra, shape ``(n_spectra, n_channels)``, with every number of peaks."""
        rungs = Rungs(
            [nothing(problem, len(y)) for problem in self.problems], np.full((len(y), len(self.problems)), np.nan)
        )
        w, count = self.noise.weights(np.arange(len(y)), y), np.isfinite(y).sum(axis=1)
        some = np.where(np.isfinite(y), y != 0, False).any(axis=1)
        for k, problem in enumerate(self.problems):
            rows = np.flatnonzero(some & (count > problem.free.size))
            if not self.complete and k >= 3:
                rows = rows[~self._settled(rungs, k, rows)]
            if rows.size:
                self._step(rungs, k, y, w, rows)
        self._contest(rungs, y, w)
        self._descend(rungs, y, w)
        return rungs

    def _step(self, rungs: Rungs, k: int, y: np.ndarray, w: np.ndarray, rows: np.ndarray) -> None:
        problem = self.problems[k]
        if k == 0:
            start = _starts.pursue(problem, y[rows], _starts.Recipe(self.half_widths[0], tilted=True))
            self._try(rungs, k, y, w, rows, start)
            return
        start, gain = self._one_more(k - 1, y[rows], w if len(w) == 1 else w[rows], rungs.fits[k - 1].parameters[rows])
        keen = gain > KEEN * self.noise.gain
        if not self.complete and k >= 2:
            hopeless = ~keen & (rungs.evidence[rows, k - 1] > rungs.evidence[rows, k - 2])
            rows, start, keen = rows[~hopeless], start[~hopeless], keen[~hopeless]
        self._try(rungs, k, y, w, rows[keen], start[keen])
        risen = self._settled(rungs, k, rows) if k >= 3 else np.zeros(rows.size, dtype=bool)
        for short, few in ((~keen & ~risen, SHORT), (~keen & risen, SHORTEST)):
            self._try(rungs, k, y, w, rows[short], start[short], max_iter=few)
        rows = rows[keen]
        if rows.size:
            for recipe in self._recipes(k)[: None if self.thorough else 1]:
                self._try(rungs, k, y, w, rows, _starts.pursue(problem, y[rows], recipe))

    def _settled(self, rungs: Rungs, k: int, rows: np.ndarray) -> np.ndarray:
        """Spectra whose evidence has risen twice before `k` peaks."""
        below = rungs.evidence[rows, k - 3 : k]
        return np.asarray(~(np.diff(below, axis=1) <= 0).any(axis=1))

    def _recipes(self, k: int) -> list[_starts.Recipe]:
        """How to look for `k` peaks in a spectrum."""
        tilted = len(self.problems[k].model.background_names) > 1
        return [_starts.Recipe(width, tilted) for width in self.half_widths]

    def _try(
        self,
        rungs: Rungs,
        k: int,
        y: np.ndarray,
        w: np.ndarray,
        rows: np.ndarray,
        start: np.ndarray,
        max_iter: int = MAX_ITER,
    ) -> None:
        """Fit `rows` from `start` and keep what is better."""
        if not rows.size:
            return
        problem, weights = self.problems[k], w if len(w) == 1 else w[rows]
        fitted = fit_block(problem, y[rows], weights, start, engine=self.engine, max_iter=max_iter)
        better = rows[rungs.fits[k].take_better(fitted, rows, 0.0)]
        if better.size:
            weights = w if len(w) == 1 else w[better]
            rungs.evidence[better, k] = self.judge(k, y[better], weights, rungs.fits[k].cost[better])

    def judge(self, k: int, y: np.ndarray, w: np.ndarray, cost: np.ndarray) -> np.ndarray:
        """Information criterion of fits with `k` peaks."""
        n, free = np.isfinite(y).sum(axis=1).astype(float), self.problems[k].free.size + int(self.noise.unknown)
        misfit = deviance(self.problems[k], self.noise, y, w, cost)
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.noise.unknown:
                misfit = n * np.log(misfit / n)
            if self.criterion == "bic":
                return np.asarray(misfit + free * np.log(n))
            if self.criterion == "aic":
                return np.asarray(misfit + 2.0 * free)
            return misfit + 2.0 * free + np.where(n > free + 1, 2.0 * free * (free + 1) / (n - free - 1), np.inf)

    def _contest(self, rungs: Rungs, y: np.ndarray, w: np.ndarray) -> None:
        """Try one peak more than the best number again, from more starts, where it comes near."""
        best = lowest(rungs.evidence)
        for k in range(2, len(self.problems)):
            near = rungs.evidence[:, k] - rungs.evidence[:, k - 1]
            rows = np.flatnonzero((best == k - 1) & (near < CONTEST))
            if not rows.size:
                continue
            for start in self._splits(k, rungs.fits[k - 1].parameters[rows]):
                self._try(rungs, k, y, w, rows, start)
            for recipe in self._recipes(k)[1:]:
                self._try(rungs, k, y, w, rows, _starts.pursue(self.problems[k], y[rows], recipe))
            best = lowest(rungs.evidence)

    def _descend(self, rungs: Rungs, y: np.ndarray, w: np.ndarray) -> None:
        """Try the best number of peaks less its weakest: had the fit below been a wrong one, this would show it."""
        for k in range(len(self.problems) - 1, 1, -1):
            fit, shape = rungs.fits[k], self.problems[k].model
            rows = np.flatnonzero(lowest(rungs.evidence) == k)
            if not rows.size:
                continue
            columns = shape.columns("amplitude")
            variance = np.einsum("nii->ni", fit.covariance[rows])[:, columns]
            with np.errstate(divide="ignore", invalid="ignore"):
                strength = np.nan_to_num(fit.parameters[rows][:, columns] ** 2 / variance, nan=0.0)
            weakest = strength.argmin(axis=1)
            weak = strength.min(axis=1) < WEAK * self.noise.gain
            rows, weakest = rows[weak], weakest[weak]
            if rows.size:
                start = drop(self.problems[k], self.problems[k - 1], fit.parameters[rows], weakest)
                self._try(rungs, k - 1, y, w, rows, start)

    def _splits(self, k: int, p: np.ndarray) -> Iterator[np.ndarray]:
        """Starts with `k` peaks: each peak of a fit with one less in two halves, drawn apart."""
        below, above = self.problems[k - 1], self.problems[k]
        for peak in range(k - 1):
            at = below.model.peak(peak)
            start = insert(below, above, p, p[:, at])
            new = above.model.peak(k - 1).start
            for column, way in ((at.start, -1), (new, 1)):
                start[:, column] *= 0.5
                start[:, column + 1] += way * SPLIT * p[:, at.start + 2]
                start[:, column + 2] *= 0.7
            yield np.clip(start, above.low, above.high)

    def _one_more(self, k: int, y: np.ndarray, w: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start with one peak more than `k`, where it promises most, and by how much it should lower the deviance."""
        below, above = self.problems[k], self.problems[k + 1]
        center, width, height, gain = self._templates.best(below, y, w, p)
        shape = above.model.shapes[-1]
        peak = np.empty((len(y), len(shape.parameters)))
        for half in np.unique(width):
            peak[width == half] = np.array([1.0, 0.0, *shape.guess(float(half))])
        peak[:, 1] = center
        peak[:, 0] = height / shape.height(peak)
        start = insert(below, above, p, peak)
        return np.clip(start, above.low, above.high), gain


@dataclass(frozen=True)
class Templates:
    """Gaussians of several widths all over the axis, for where one more peak would help.

    Attributes
    ----------
    bin : int
        Channels taken together: the search need not be as fine as the data.
    x : numpy.ndarray, shape (n_bins,)
    curves : numpy.ndarray, shape (n_bins, n_templates)
    center, half_width : numpy.ndarray, shape (n_templates,)
    """

    bin: int
    x: np.ndarray
    curves: np.ndarray
    center: np.ndarray
    half_width: np.ndarray

    @classmethod
    def of(cls, axis: np.ndarray, half_widths: Sequence[float]) -> "Templates":
        """Lay out templates that are a half width apart."""
        widths = np.unique(half_widths)
        n = min(max(1, int(widths[0] / 3 / np.median(np.diff(axis)))), max(1, axis.size // 32))
        x = axis[: axis.size // n * n].reshape(-1, n).mean(axis=1)
        margin = 0.03 * (axis[-1] - axis[0])
        places = [
            np.linspace(axis[0] + margin, axis[-1] - margin, max(4, round((axis[-1] - axis[0]) / h))) for h in widths
        ]
        center = np.concatenate(places)
        half = np.repeat(widths, [place.size for place in places])
        return cls(n, x, np.exp(-np.log(2) * ((x[:, None] - center) / half) ** 2), center, half)

    def best(
        self, problem: Problem, y: np.ndarray, w: np.ndarray, p: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Center, half width and height of the template that lowers the deviance most, and by how much.

        What the parameters there are can do for themselves is taken off: the gain is that of a score test.
        """
        f = _numpy.model(problem, problem.axis, p)
        known = np.isfinite(y)
        floor = 1e-3 * np.where(known, np.abs(y), 0.0).mean(axis=1, keepdims=True) + 1e-300
        weight = np.where(known, 1 / np.maximum(f, floor) if problem.poisson else w, 0.0)
        rest = self._binned(np.where(known, y - f, 0.0) * weight)
        weight = self._binned(weight)
        score, size = rest @ self.curves, weight @ (self.curves * self.curves)
        jac = _numpy.jacobian(problem, self.x, p)[1]
        weighted = jac * weight[:, None]
        hess = weighted @ jac.transpose(0, 2, 1)
        scale = 1 / np.sqrt(np.einsum("nii->ni", hess) + 1e-300)
        hess = hess * scale[:, :, None] * scale[:, None, :] + 1e-6 * np.eye(p.shape[1])
        cross = (weighted @ self.curves) * scale[:, :, None]
        free = np.maximum(size - np.einsum("npm,npm->nm", cross, np.linalg.solve(hess, cross)), 0.02 * size + 1e-300)
        gain = np.where(score > 0, score * score / free, 0.0)
        rows, best = np.arange(len(y)), gain.argmax(axis=1)
        height = np.maximum(score[rows, best] / free[rows, best], 1e-3 * np.abs(f).max(axis=1))
        return self.center[best], self.half_width[best], height, gain[rows, best]

    def _binned(self, values: np.ndarray) -> np.ndarray:
        n = self.bin
        return values[:, : self.x.size * n].reshape(len(values), -1, n).sum(axis=2) if n > 1 else values


def nothing(problem: Problem, n: int) -> Fitted:
    """Fits that have not been tried."""
    p = problem.low.size
    nan = np.full((n, p), np.nan)
    return Fitted(
        nan, np.full(n, np.nan), np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool), np.full((n, p, p), np.nan)
    )


def lowest(evidence: np.ndarray) -> np.ndarray:
    """Candidate of least evidence; the first where there is none."""
    return np.asarray(np.argmin(np.where(np.isfinite(evidence), evidence, np.inf), axis=1))


def insert(below: Problem, above: Problem, p: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Parameters with one peak more, put after the others; what the background lacks is zero."""
    out = np.zeros((len(p), above.low.size))
    old, new = int(below.offsets[-1]), int(above.offsets[-1])
    out[:, :old], out[:, old:new] = p[:, :old], peak
    out[:, new : new + p.shape[1] - old] = p[:, old:]
    return out


def drop(above: Problem, below: Problem, p: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Parameters without one peak; the nearest other one takes over its area."""
    model, k = above.model, above.model.n_peaks
    order = np.argsort(np.arange(k) == which[:, None], axis=1, kind="stable")  # the one to go comes last
    moved = np.take_along_axis(p, model.reorder(order), axis=1)
    areas, centers = model.columns("amplitude"), model.columns("center")
    nearest = np.abs(moved[:, centers[:-1]] - moved[:, centers[-1:]]).argmin(axis=1)
    moved[np.arange(len(p)), areas[nearest]] += moved[:, areas[-1]]
    start = np.delete(moved, np.arange(*model.peak(k - 1).indices(moved.shape[1])), axis=1)
    return np.clip(start, below.low, below.high)


def deviance(problem: Problem, noise: Noise, y: np.ndarray, w: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Deviance of fits from their cost; the sum of squares itself where the noise is unknown."""
    if problem.poisson:
        y = np.where(np.isfinite(y), y, 0.0)
        return np.asarray(2 / noise.gain * (cost - (y - xlogy(y, y)).sum(axis=1)))
    if noise.unknown:
        return np.asarray(2 * cost / np.broadcast_to(w, (len(y), w.shape[1]))[:, 0])
    return np.asarray(2 * cost)
