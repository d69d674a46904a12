"""What a Gaussian process of a pool was told, and the hyperparameters that follow from it."""

from dataclasses import replace

import numpy as np

from mi_widgets.bo._hyper import Data, Prior, best_theta, objective, pair_distances
from mi_widgets.bo._threads import one_thread

__all__ = ["Fitted", "Observations"]

#: Up to so many observations each fit is also begun afresh; later whenever their number has changed by the second.
AFRESH, AFRESH_EACH = 30, 8


class Observations:
    """Told values in their order.

    Attributes
    ----------
    index : list of int
        Places in the pool.
    values : list of float
        Lower is better.
    given : list of float
        Variances of their noise, NaN where it is learnt.
    """

    def __init__(self) -> None:
        self.index: list[int] = []
        self.values: list[float] = []
        self.given: list[float] = []

    @property
    def n(self) -> int:
        """Number of observations."""
        return len(self.index)

    def add(self, i: int, value: float, variance: float = np.nan) -> None:
        """An observation of candidate i; `variance` of its noise where it is known."""
        self.index.append(int(i))
        self.values.append(float(value))
        self.given.append(float(variance))

    def remove(self, k: int) -> None:
        """Take the k-th observation back."""
        for entries in (self.index, self.values, self.given):
            del entries[k]
        self.forget()

    def forget(self) -> None:
        """Have everything made anew: the observations were put in another order, or their noise is another."""


class Fitted(Observations):
    """Hyperparameters of a Gaussian process, refitted at each update.

    Parameters
    ----------
    points, group, kernel, noise_std, tolerance, prior
        As of `PoolGP`.
    """

    def __init__(
        self,
        points: np.ndarray,
        group: np.ndarray,
        *,
        kernel: str,
        noise_std: float | None,
        tolerance: float,
        prior: Prior | None,
    ) -> None:
        super().__init__()
        self.points = np.ascontiguousarray(points, dtype=float)
        self.group = np.asarray(group)
        self.n_groups = int(self.group.max()) + 1
        self.kernel, self.noise_std, self.tolerance = kernel, noise_std, tolerance
        self.prior = Prior(self.n_groups, self.points.shape[1]) if prior is None else prior
        self.theta = self.prior.start
        self._distance = np.zeros((self.n_groups, 256))
        self._n_distances = 0
        self._afresh_at = 0  # number of observations when a fit was last begun afresh
        self._used: np.ndarray | None = None  # hyperparameters of W, in the unit of the values
        self._rebuilt_at = 0  # number of observations when W was last due to be made anew
        self._rows = 0  # rows of W that are there

    def replace(self, k: int, value: float, variance: float = np.nan) -> None:
        """Correct the k-th observation."""
        if not (np.isnan(variance) and np.isnan(self.given[k])) and variance != self.given[k]:
            self._used = None
        self.values[k], self.given[k] = float(value), float(variance)

    def forget(self) -> None:
        """Have everything made anew: the observations were put in another order, or their noise is another."""
        self._n_distances = 0
        self._used = None

    def standard(self) -> tuple[float, float]:
        """Mean and standard deviation of the values; 1 where all are the same."""
        y = np.asarray(self.values)
        mean, std = float(y.mean()), float(y.std())
        return mean, std if std > 1e-12 * np.abs(y).max() else 1.0

    # ---- hyperparameters

    def data(self) -> Data:
        """The observations, standardised, with distances that are only ever added to."""
        mean, std = self.standard()
        n = self.n
        size = n * (n - 1) // 2
        first = round((1 + np.sqrt(1 + 8 * self._n_distances)) / 2) if self._n_distances else 0
        if self._n_distances < size:
            new = pair_distances(self.points[self.index], self.group, self.n_groups, first)
            if size > self._distance.shape[1]:
                bigger = np.zeros((self.n_groups, 2 * size))
                bigger[:, : self._n_distances] = self._distance[:, : self._n_distances]
                self._distance = bigger
            self._distance[:, self._n_distances : size] = new
            self._n_distances = size
        return Data(self._distance[:, :size], (np.asarray(self.values) - mean) / std, np.asarray(self.given) / std**2)

    def prior_now(self) -> Prior:
        """The prior; a known noise stands in it in the standardised unit of now."""
        if self.noise_std is None:
            return self.prior
        fixed = 2 * float(np.log(max(self.noise_std, 1e-9) / self.standard()[1]))
        return replace(self.prior, fixed_noise=fixed)

    def starts(self) -> list[np.ndarray]:
        """Where to begin: where the last fit ended, and often afresh in two places, as that may lie in a side valley.

        Almost no noise, and short length scales: smooth values are else taken for noise, rough ones for a plain.
        """
        if self.n > AFRESH and abs(self.n - self._afresh_at) < AFRESH_EACH:
            return [self.theta]
        self._afresh_at = self.n
        prior = self.prior_now()
        quiet, short = prior.start, prior.start
        quiet[-1] -= 3.0
        short[:-2] -= 1.5
        return [self.theta, quiet, short]

    @one_thread
    def update(self, *, refit: bool = True) -> None:
        """Refit after observations have changed, and decide whether W must be made anew."""
        if not self.n:
            self._used = None
            self._rows = self._rebuilt_at = 0
            return
        mean_std = self.standard()[1]
        shift = np.r_[np.zeros(self.n_groups), np.full(2, 2 * np.log(mean_std))]
        if refit:
            data, prior = self.data(), self.prior_now()
            self.theta, lowest = best_theta(self.starts(), data, self.kernel, prior)
            if self._used is not None:
                value, _ = objective(self._used - shift, data, self.kernel, prior)
                if value - lowest < self.tolerance:
                    return
        elif self._used is not None:
            return
        self.use(self.theta + shift)

    def use(self, theta: np.ndarray) -> None:
        """Have W made anew with these hyperparameters, which are in the unit of the values."""
        self._used = np.array(theta)
        self._rebuilt_at = self.n
        self._rows = 0

    @property
    def signal(self) -> float:
        """Signal variance in use, in the square of the unit of the values."""
        return float(np.exp(self.used[-2]))

    @property
    def noise(self) -> float:
        """Noise variance in use."""
        return float(np.exp(self.used[-1]))

    @property
    def lengths(self) -> np.ndarray:
        """Length scales in use, by group."""
        return np.asarray(np.exp(self.used[:-2]))

    @property
    def used(self) -> np.ndarray:
        """Hyperparameters of W, in the unit of the values."""
        if self._used is None:
            raise RuntimeError("update() has not been called")
        return self._used
