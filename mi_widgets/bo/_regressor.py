"""A regressor of scikit-learn in the place of the pool's own Gaussian process."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from mi_widgets.bo._observed import Observations
from mi_widgets.errors import ParameterError

__all__ = ["RegressorGP"]


class RegressorGP(Observations):
    """What `PoolGP` offers, by fitting a copy of `regressor` anew; its ``predict`` must know ``return_std``.

    What the regressor draws is seeded by the search, unless it has a seed of its own.
    """

    def __init__(self, points: np.ndarray, regressor: Any, seed: int = 0) -> None:
        if not all(hasattr(regressor, name) for name in ("fit", "predict", "get_params")) or isinstance(
            regressor, type
        ):
            raise ParameterError(
                f"Search: regressor needs fit(X, y) and predict(X, return_std=True), as GaussianProcessRegressor() "
                f"has; got {regressor if isinstance(regressor, type) else type(regressor).__name__}."
            )
        super().__init__()
        self.points, self.regressor, self.seed = points, regressor, seed
        self._fitted: Any = None

    def update(self, *, refit: bool = True) -> None:
        """Fit a copy of the regressor."""
        self._fitted = self._fit(self.index, self.values, refit) if self.n else None

    def _fit(self, index: Sequence[int], values: Sequence[float], refit: bool) -> Any:
        from sklearn.base import clone

        copy = clone(self.regressor)
        if copy.get_params(deep=False).get("random_state", 0) is None:
            copy.set_params(random_state=self.seed)
        if not refit and self._fitted is not None and hasattr(self._fitted, "kernel_"):
            copy.set_params(kernel=self._fitted.kernel_, optimizer=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence at bounds: told by diagnose
            return copy.fit(self.points[list(index)], np.asarray(values))

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of every candidate."""
        mean, std = self._fitted.predict(self.points, return_std=True)
        return np.asarray(mean), np.maximum(np.asarray(std), 1e-12)

    def what_if(self, i: int, value: float, variance: float = np.nan) -> tuple[np.ndarray, np.ndarray]:
        """The posterior if candidate i were observed with this value."""
        del variance
        peer = self._fit([*self.index, i], [*self.values, value], refit=False)
        mean, std = peer.predict(self.points, return_std=True)
        return np.asarray(mean), np.maximum(np.asarray(std), 1e-12)

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Mean at any embedded points."""
        return np.asarray(self._fitted.predict(points))

    def covariance(self, some: np.ndarray) -> np.ndarray:
        """Posterior covariance of some candidates; independent where the regressor knows none."""
        try:
            return np.asarray(self._fitted.predict(self.points[some], return_cov=True)[1])
        except TypeError:
            return np.diag(self.posterior()[1][some] ** 2)

    def fantasy(self, picks: Sequence[int]) -> "_Believed":
        """Spread with some candidates taken as observed."""
        mean, _ = self.posterior()
        peer = self._fit([*self.index, *picks], [*self.values, *mean[list(picks)]], refit=False)
        return _Believed(np.maximum(np.asarray(peer.predict(self.points, return_std=True)[1]), 1e-12))

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray]:
        """Prediction for each observation from all others, hyperparameters kept."""
        mean, std = np.empty(self.n), np.empty(self.n)
        for k in range(self.n):
            rest = [j for j in range(self.n) if j != k]
            peer = self._fit([self.index[j] for j in rest], [self.values[j] for j in rest], refit=False)
            found = peer.predict(self.points[[self.index[k]]], return_std=True)
            mean[k], std[k] = found[0][0], max(found[1][0], 1e-12)
        return mean, std


class _Believed:
    def __init__(self, std: np.ndarray) -> None:
        self.std = std
