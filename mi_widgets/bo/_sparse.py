"""Beyond some thousand observations: a Gaussian process that sees the pool through inducing points.

The inducing points are told candidates, picked one after the other where those picked so far say least (pivoted
Cholesky). The covariance of an observation with itself is kept exact (FITC: E. Snelson, Z. Ghahramani (2005)), so that
error bars stay honest away from the inducing points. Hyperparameters come from a part of the observations.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from mi_widgets.bo._gp import PoolGP
from mi_widgets.bo._hyper import JITTER, Data, best_theta, pair_distances
from mi_widgets.bo._kernels import correlation, cross, cross_exact

__all__ = ["EXACT", "SparseGP", "exact_at"]

#: Up to so many observations the Gaussian process is exact.
EXACT = 2000
INDUCING = 500
#: Hyperparameters are fitted to so many observations, evenly spread over those told.
FITTED = 600


class SparseGP(PoolGP):
    """A `PoolGP` whose cost of an update is O(N m) with m inducing points, whatever the number of observations."""

    def update(self, *, refit: bool = True) -> None:
        """Refit to a part of the observations; new inducing points are picked whenever that is done."""
        mean, std = self.standard()
        if refit or self._used is None:
            if refit:
                some = np.unique(np.linspace(0, self.n - 1, min(self.n, FITTED)).astype(int))
                index = np.asarray(self.index)[some]
                distance = pair_distances(self.points[index], self.group, self.n_groups)
                given = np.asarray(self.given)[some] / std**2
                data = Data(distance, (np.asarray(self.values)[some] - mean) / std, given)
                self.theta, _ = best_theta([self.theta], data, self.kernel, self.prior_now())
            self.use(self.theta + np.r_[np.zeros(self.n_groups), np.full(2, 2 * np.log(std))])

    def _ready(self) -> None:
        if self._used is None:
            raise RuntimeError("update() has not been called")
        if self._rows == 0:
            self._build()
        elif self._rows < self.n:
            self._solve()

    def _build(self) -> None:
        """Features of the pool: phi = L_m^-1 K(inducing, pool)."""
        self._scale()
        self.inducing = self._pick_inducing()
        K = cross_exact(self.kernel, self._scaled[self.inducing]) * self.signal
        K.flat[:: len(K) + 1] += 1e-8 * self.signal
        L = np.linalg.cholesky(K)
        size, m = len(self.points), len(self.inducing)
        self._phi = np.empty((m, size))
        width = max(256, (1 << 20) // m)
        for start in range(0, size, width):
            part = slice(start, min(start + width, size))
            k = self.correlate(self.inducing, part)
            self._phi[:, part] = solve_triangular(L, k, lower=True, check_finite=False)
        self._rest = np.maximum(self.signal - np.einsum("ij,ij->j", self._phi, self._phi), 0.0)
        self._solve()
        self.n_rebuilds += 1

    def _pick_inducing(self) -> np.ndarray:
        told = np.unique(self.index)
        scaled = np.ascontiguousarray(self._scaled[told])
        rest = np.full(len(told), self.signal)
        rows: list[np.ndarray] = []
        picked: list[int] = []
        while len(picked) < min(INDUCING, len(told)):
            k = int(np.argmax(rest))
            if rest[k] < 1e-7 * self.signal:
                break
            row = cross_rows(self.kernel, scaled[k], scaled) * self.signal
            for earlier in rows:
                row -= earlier[k] * earlier
            row /= np.sqrt(rest[k])
            rows.append(row)
            rest = np.maximum(rest - row * row, 0.0)
            rest[k] = 0.0
            picked.append(k)
        return told[picked]

    def _solve(self) -> None:
        """Weights of the features from all observations: O(n m^2 + N m^2)."""
        phi = self._phi[:, self.index]
        self._noise_of = self._diagonal() - self.signal + self._rest[self.index]
        A = (phi / self._noise_of) @ phi.T
        A.flat[:: len(A) + 1] += 1.0
        self._factor = cho_factor(A, lower=True, check_finite=False)
        mean = self.standard()[0]
        self._weights = cho_solve(self._factor, (phi / self._noise_of) @ (np.asarray(self.values) - mean))
        v = solve_triangular(self._factor[0], self._phi, lower=True, check_finite=False)
        self._variance = self._rest + np.einsum("ij,ij->j", v, v)
        self._sum = self.signal - self._variance
        self._rows = self.n

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of every candidate, approximately."""
        self._ready()
        mean = self.standard()[0]
        y = np.asarray(self.values) - mean
        phi = self._phi[:, self.index]
        self._weights = cho_solve(self._factor, (phi / self._noise_of) @ y)  # values may have been corrected
        return mean + self._weights @ self._phi, self._std(self._sum.copy())

    def cross_covariance(self, i: int) -> tuple[np.ndarray, float]:
        """Posterior covariance of candidate i with the pool, and the variance of an observation of it."""
        self._ready()
        row = cho_solve(self._factor, self._phi[:, i]) @ self._phi
        row[i] += self._rest[i]
        return row, float(row[i] + self._noisy(np.nan) - self.signal)

    def what_if(self, i: int, value: float, variance: float = np.nan) -> tuple[np.ndarray, np.ndarray]:
        """The posterior if candidate i were observed with this value."""
        mean, std = self.posterior()
        phi = self._phi[:, self.index]
        ones = cho_solve(self._factor, (phi / self._noise_of).sum(axis=1)) @ self._phi
        shift = (sum(self.values) + value) / (self.n + 1) - self.standard()[0]
        mean += (1 - ones) * shift  # the mean of the values moves, and the prior with it
        row, square = self.cross_covariance(i)
        square += self._noisy(variance) - self._noisy(np.nan)
        return mean + row * ((value - mean[i]) / square), np.sqrt(np.maximum(std**2 - row**2 / square, 1e-12 * std**2))

    def covariance(self, some: np.ndarray) -> np.ndarray:
        """Posterior covariance of some candidates."""
        self._ready()
        v = solve_triangular(self._factor[0], self._phi[:, some], lower=True, check_finite=False)
        return np.asarray(v.T @ v + np.diag(self._rest[some]))

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Mean at any embedded points, from the told values near the inducing points."""
        self._ready()
        some = self._scaled[self.inducing]
        k = cross(self.kernel, points / self.lengths[self.group], some) * self.signal
        K = cross_exact(self.kernel, some) * self.signal
        K.flat[:: len(K) + 1] += 1e-8 * self.signal
        L = np.linalg.cholesky(K)
        weights = solve_triangular(L, self._weights, lower=True, trans=1, check_finite=False)
        return np.asarray(self.standard()[0] + k @ weights)

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Prediction for each observation from all others, by taking its share of the weights back."""
        mean, std = self.posterior()
        index = np.asarray(self.index)
        shared = np.maximum(std[index] ** 2, 1e-300)
        noise = self._diagonal() - self.signal
        # A Gaussian observation is taken out of the posterior of its own value.
        without = 1 / np.maximum(1 / shared - 1 / noise, 1e-12 / noise)
        expected = without * (mean[index] / shared - np.asarray(self.values) / noise)
        return expected, np.sqrt(without + noise)


def cross_rows(kernel: str, one: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Correlation of one scaled point with others."""
    return correlation(kernel, ((points - one) ** 2).sum(axis=1))


def exact_at(gp: PoolGP, some: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exact posterior at some candidates with the hyperparameters in use: O(n^3)."""
    told = gp.points[gp.index] / gp.lengths[gp.group]
    K = cross_exact(gp.kernel, told) * gp.signal
    K.flat[:: len(K) + 1] = gp._diagonal()  # noqa: SLF001
    L = np.linalg.cholesky(K)
    mean = gp.standard()[0]
    both = np.vstack([told, gp.points[some] / gp.lengths[gp.group]])
    k = cross_exact(gp.kernel, both)[len(told) :, : len(told)] * gp.signal
    v = solve_triangular(L, k.T, lower=True, check_finite=False)
    y = solve_triangular(L, np.asarray(gp.values) - mean, lower=True, check_finite=False)
    variance = np.maximum(gp.signal - np.einsum("ij,ij->j", v, v), JITTER * gp.signal)
    return mean + y @ v, np.sqrt(variance)
