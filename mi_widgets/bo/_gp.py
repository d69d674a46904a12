"""A Gaussian process whose posterior over a whole pool of candidates is kept up to date.

With L the Cholesky factor of the covariance of the n observations, ``W = L^-1 K(told, pool)`` is kept: a new
observation adds one row in O(n N), and mean and variance of all N candidates follow in O(n N) more. Hyperparameters are
refitted at each update; W is made anew only where those it was made with have become worse by more than `tolerance`
nats. What W is depends on the order of the updates alone, not on when it is asked for: it is made when it is needed.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.linalg import blas, lapack, solve_triangular
from scipy.spatial.distance import cdist

from mi_widgets.bo._hyper import JITTER, Prior
from mi_widgets.bo._kernels import correlation, cross, cross_exact
from mi_widgets.bo._observed import Fitted
from mi_widgets.bo._threads import one_thread

__all__ = ["PoolGP"]

#: Numbers of one block of the pool: what a core keeps near while it works on them.
BLOCK = 1 << 17
#: Of pools longer than this, W is kept in single precision.
LARGE = 1_000_000


class PoolGP(Fitted):
    """Exact Gaussian process over a pool.

    Parameters
    ----------
    points : (N, m)
        Candidates, embedded so that every column is of order 1.
    group : (m,)
        Which columns share a length scale: numbers from 0.
    kernel : str
        A name of `_kernels.KERNELS`.
    noise_std : float, optional
        Known standard deviation of every observation; by default it is learnt.
    tolerance : float
        How many nats the hyperparameters in use may be worse than the best.
    prior : Prior, optional
        By default that of the number of groups.
    """

    def __init__(
        self,
        points: np.ndarray,
        group: np.ndarray,
        *,
        kernel: str = "matern52",
        noise_std: float | None = None,
        tolerance: float = 0.1,
        prior: Prior | None = None,
    ) -> None:
        super().__init__(points, group, kernel=kernel, noise_std=noise_std, tolerance=tolerance, prior=prior)
        self._W = np.empty((0, len(self.points)))
        self._L = np.empty((0, 0))
        self._scaled = np.empty((0, 0))
        self._sum = np.empty(0)  # variance that the observations have taken away
        self._ones = np.empty(0)  # 1 L^-T W: how the mean of the values comes back
        self._last: tuple[Any, np.ndarray] | None = None  # what the last mean was made from, and it
        self.dtype: Any = np.float64 if len(self.points) <= LARGE else np.float32
        self.n_rebuilds = 0

    @classmethod
    def from_other(cls, gp: "PoolGP") -> Self:
        """Go on from one of another kind."""
        new = cls(gp.points, gp.group, kernel=gp.kernel, noise_std=gp.noise_std, prior=gp.prior)
        new.theta = gp.theta.copy()
        new.index, new.values, new.given = list(gp.index), list(gp.values), list(gp.given)
        return new

    # ---- the factor of the whole pool

    def _diagonal(self) -> np.ndarray:
        given = np.asarray(self.given)
        return self.signal * (1 + JITTER) + np.where(np.isnan(given), self.noise, given)

    def correlate(
        self, some: Sequence[int] | np.ndarray, part: slice = slice(None), room: np.ndarray | None = None
    ) -> np.ndarray:
        """Covariance (n, N) of some candidates with the pool."""
        k = cross(self.kernel, self._scaled[some], self._scaled[part], room)
        k *= self.signal
        return k

    def _ready(self) -> None:
        """Make what is missing of L and W."""
        if self._used is None:
            raise RuntimeError("update() has not been called")
        if self._rows == 0:
            self._rebuild(self._rebuilt_at)
        while self._rows < self.n:
            self._append(self.index[self._rows], self._diagonal()[self._rows])

    def _room(self, rows: int) -> None:
        size = len(self.points)
        if rows > len(self._W):  # pages that are not written to are not there yet
            W = np.empty((max(128, 2 * rows), size), self.dtype)
            W[: self._rows] = self._W[: self._rows]
            L = np.zeros((len(W), len(W)), order="F")
            L[: self._rows, : self._rows] = self._L[: self._rows, : self._rows]
            self._W, self._L = W, L

    def _scale(self) -> None:
        """The pool in units of the length scales."""
        self._scaled = self.points / self.lengths[self.group]

    def _rebuild(self, n: int) -> None:
        self._scale()
        self._room(n)
        index = self.index[:n]
        K = cross_exact(self.kernel, self._scaled[index]) * self.signal
        K.flat[:: n + 1] = self._diagonal()[:n]
        L, info = lapack.dpotrf(np.asfortranarray(K), lower=1, clean=1)
        if info:
            raise np.linalg.LinAlgError("the covariance of the observations is not positive definite")
        self._L[:n, :n] = L
        size = len(self.points)
        width = max(256, BLOCK // max(n, 1))
        self._sum = np.empty(size)
        self._ones = np.empty(size)
        one = solve_triangular(L, np.ones(n), lower=True, check_finite=False).astype(self.dtype, copy=False)
        room = np.empty((2, n * width))
        for start in range(0, size, width):
            part = slice(start, min(start + width, size))
            k = self.correlate(index, part, room)
            w = blas.dtrsm(1.0, L, k.T, side=1, lower=1, trans_a=1, overwrite_b=1).T
            self._W[:n, part] = w
            np.einsum("ij,ij->j", w, w, out=self._sum[part])
            self._ones[part] = one @ self._W[:n, part]
        self._rows = n
        self.n_rebuilds += 1

    def _new_row(self, i: int, diagonal: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Row of W, row of L and its last number, if candidate i were observed."""
        rows = self._rows
        row = self.correlate([i])[0]
        left = self._W[:rows, i].astype(float)
        last = float(np.sqrt(max(float(diagonal - left @ left), JITTER * self.signal)))
        row -= left.astype(self.dtype, copy=False) @ self._W[:rows]
        row /= last
        return row, left, last

    def _append(self, i: int, diagonal: float) -> None:
        row, left, last = self._new_row(i, diagonal)
        rows = self._rows
        self._room(rows + 1)
        self._W[rows] = row
        self._L[rows, :rows] = left
        self._L[rows, rows] = last
        one = solve_triangular(self._L[: rows + 1, : rows + 1], np.ones(rows + 1), lower=True, check_finite=False)
        self._ones += one[rows] * row
        row *= row
        self._sum += row
        self._rows += 1

    # ---- what is believed

    def _whitened(self) -> tuple[np.ndarray, np.ndarray]:
        """L^-1 y and L^-1 1."""
        both = np.stack([np.asarray(self.values), np.ones(self.n)], axis=1)
        out = solve_triangular(self._L[: self.n, : self.n], both, lower=True, check_finite=False)
        return out[:, 0], out[:, 1]

    def _project(self, whitened: np.ndarray) -> np.ndarray:
        found = whitened.astype(self.dtype, copy=False) @ self._W[: self.n]
        return np.asarray(found, dtype=float)

    def _mean(self) -> np.ndarray:
        """Mean of every candidate, made anew only where something has changed."""
        made_from = (self.n_rebuilds, list(self.values))
        if self._last is None or self._last[0] != made_from:
            mean = self.standard()[0]
            y, one = self._whitened()
            self._last = made_from, mean + self._project(y - mean * one)
        return self._last[1]

    def _std(self, total: np.ndarray) -> np.ndarray:
        variance = np.subtract(self.signal, total)
        np.maximum(variance, 1e-12 * self.signal, out=variance)
        return np.sqrt(variance, out=variance)

    @one_thread
    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of every candidate, without the noise of an observation."""
        self._ready()
        return self._mean().copy(), self._std(self._sum)

    @one_thread
    def what_if(self, i: int, value: float, variance: float = np.nan) -> tuple[np.ndarray, np.ndarray]:
        """The posterior if candidate i were observed with this value; hyperparameters and state stay."""
        self._ready()
        row, _, last = self._new_row(i, self._noisy(variance))
        before = self.standard()[0]
        shift = (sum(self.values) + value) / (self.n + 1) - before
        # One pass over W, for the row: the mean is there, and moves with that of the values.
        expected = self._mean().copy()
        expected += shift
        blas.daxpy(self._ones, expected, a=-shift)
        blas.daxpy(row, expected, a=(value - expected[i]) / last)
        row *= row
        row += self._sum
        return expected, self._std(row)

    @one_thread
    def predict(self, points: np.ndarray) -> np.ndarray:
        """Mean at any embedded points."""
        self._ready()
        inverse = 1 / self.lengths[self.group]
        k = cross(self.kernel, points * inverse, self._scaled[self.index]) * self.signal
        mean = self.standard()[0]
        y, one = self._whitened()
        L = self._L[: self.n, : self.n]
        return mean + k @ solve_triangular(L, y - mean * one, lower=True, trans=1, check_finite=False)

    def _noisy(self, variance: float) -> float:
        return self.signal * (1 + JITTER) + (self.noise if np.isnan(variance) else variance)

    @one_thread
    def fantasy(self, picks: Sequence[int]) -> "Fantasy":
        """A view in which some candidates are taken as observed, with the mean as their value."""
        self._ready()
        return Fantasy(self, picks)

    def cross_covariance(self, i: int) -> tuple[np.ndarray, float]:
        """Posterior covariance of candidate i with the pool, and the variance of an observation of it."""
        row, _, last = self._new_row(i, self._noisy(np.nan))
        row *= last
        return row, last * last

    @one_thread
    def covariance(self, some: np.ndarray) -> np.ndarray:
        """Posterior covariance (s, s) of some candidates."""
        self._ready()
        w = self._W[: self.n, some].astype(float)
        if self.dtype != np.float64:  # small differences of large numbers
            k = cdist(self._scaled[self.index], self._scaled[some], "sqeuclidean")
            w = solve_triangular(self._L[: self.n, : self.n], self.signal * correlation(self.kernel, k), lower=True)
        k = cross_exact(self.kernel, self._scaled[some]) * self.signal
        k -= w.T @ w
        return k

    @one_thread
    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation predicted for each observation from all others (S. Sundararajan (2001))."""
        self._ready()
        n = self.n
        inverse = lapack.dpotri(np.asfortranarray(self._L[:n, :n]), lower=1)[0]
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        mean = self.standard()[0]
        y = np.asarray(self.values)
        spread = 1 / np.diag(inverse)
        return y - (inverse @ (y - mean)) * spread, np.sqrt(spread)


class Fantasy:
    """The posterior of a `PoolGP` with some candidates taken as observed at their mean: kriging believer."""

    def __init__(self, model: PoolGP, picks: Sequence[int] = ()) -> None:
        self.model = model
        self.mean, _ = model.posterior()
        self.sum = model._sum.copy()  # noqa: SLF001
        self._rows: list[np.ndarray] = []
        for i in picks:
            self.add(i)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of every candidate."""
        return self.model._std(self.sum.copy())  # noqa: SLF001

    def add(self, i: int) -> None:
        """Take one more candidate as observed: the mean stays, the variance shrinks."""
        row, square = self.model.cross_covariance(i)
        for earlier in self._rows:
            row -= earlier[i] * earlier
            square -= earlier[i] ** 2
        row /= np.sqrt(max(square, JITTER * self.model.signal))
        self._rows.append(row)
        self.sum += row * row
