"""What has been told, and the models that follow it, one for each objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mi_widgets.bo._gp import PoolGP
from mi_widgets.bo._hyper import Prior
from mi_widgets.bo._pool import Pool
from mi_widgets.bo._settings import Settings
from mi_widgets.bo._sparse import EXACT, SparseGP
from mi_widgets.bo._threads import one_thread
from mi_widgets.bo._transform import Transform

__all__ = ["Model", "Observation"]

#: Up to so many observations each update refits; after that, whenever their number has grown by a twentieth.
REFIT_EACH = 200


@dataclass
class Observation:
    """One told value for each objective; none where the candidate turned out not to be feasible."""

    place: int
    values: tuple[float, ...] | None
    noise: float = float("nan")
    trial: int = 0


class Model:
    """Gaussian processes over the pool; told things are worked off, one after the other, when something is asked.

    Values are turned so that lower is better, then transformed. The state depends on what was told and in which
    order, not on when it was asked for: so it is the same after a restart.
    """

    def __init__(self, pool: Pool, settings: Settings, regressor: Any = None) -> None:
        self.pool, self.settings = pool, settings
        self.told: list[Observation] = []
        self.signs = [1.0 if goal == "min" else -1.0 for goal in settings.goals]
        self.transforms = [Transform(settings.transform) for _ in settings.goals]
        self.gps: list[Any] = [self._make(regressor) for _ in settings.goals]
        self.feasibility: Any = self._make(None, noise=0.1) if settings.learn_feasibility else None
        self._feasible: list[bool] = []  # of what has been worked off
        self._batches: list[tuple[str, Any]] = []
        self._raw: list[list[float]] = [[] for _ in settings.goals]
        self._noise: list[float] = []
        self._fitted_at = 0

    def _make(self, regressor: Any, noise: float | None = None) -> Any:
        if regressor is not None:
            from mi_widgets.bo._regressor import RegressorGP

            return RegressorGP(self.pool.points, regressor, self.settings.seed)
        n_features = len(self.pool.feature_group)
        return PoolGP(
            self.pool.points,
            self.pool.group,
            kernel=self.settings.kernel,
            noise_std=self.settings.noise if noise is None else noise,
            prior=Prior(int(self.pool.group.max()) + 1, n_features),
        )

    # ---- what is told

    def add(self, observations: Sequence[Observation]) -> None:
        """Take new observations; one update serves all of them."""
        self.told += observations
        self._batches.append(("add", list(observations)))

    def remove(self, k: int) -> None:
        """Take the k-th observation back."""
        gone = self.told.pop(k)
        self._batches.append(("remove", (k, gone)))

    def replace(self, k: int, new: Observation) -> None:
        """Correct the k-th observation."""
        old = self.told[k]
        self.told[k] = new
        self._batches.append(("replace", (k, old, new)))

    # ---- working it off

    @one_thread
    def ready(self) -> None:
        """Bring the models up to what was told."""
        for kind, what in self._batches:
            self._work(kind, what)
        self._batches.clear()

    def _work(self, kind: str, what: Any) -> None:
        if kind == "add":
            for new in what:
                self._insert(None, new)
        elif kind == "remove":
            self._take(*what)
        else:
            k, old, new = what
            if old.values is not None and new.values is not None and self.feasibility is None:
                self._change(self._position(k), new)
            else:
                self._take(k, old)
                self._insert(k, new)
        self._update()

    def _position(self, k: int) -> int:
        """Place among the feasible of the k-th of those that have been worked off."""
        return sum(self._feasible[:k])

    def _insert(self, k: int | None, new: Observation) -> None:
        k = len(self._feasible) if k is None else k
        if self.feasibility is not None:
            self.feasibility.add(new.place, -1.0 if new.values is not None else 1.0)
        at = self._position(k)
        self._feasible.insert(k, new.values is not None)
        if new.values is None:
            return
        self._noise.insert(at, new.noise)
        for gp, raw, value in zip(self.gps, self._raw, new.values, strict=True):
            raw.insert(at, value)
            gp.add(new.place, 0.0)
            if at < gp.n - 1:  # rare: a correction between feasible and not
                for entries in (gp.index, gp.values, gp.given):
                    entries.insert(at, entries.pop())
                gp.forget()

    def _take(self, k: int, gone: Observation) -> None:
        at = self._position(k)
        if self.feasibility is not None:
            self.feasibility.remove(self._feasibility_row(gone.place))
        self._feasible.pop(k)
        if gone.values is None:
            return
        self._noise.pop(at)
        for gp, raw in zip(self.gps, self._raw, strict=True):
            raw.pop(at)
            gp.remove(at)

    def _feasibility_row(self, place: int) -> int:
        rows = [r for r, i in enumerate(self.feasibility.index) if i == place]
        return rows[-1]

    def _change(self, at: int, new: Observation) -> None:
        if new.values is None:
            return
        same = new.noise == self._noise[at] or (np.isnan(new.noise) and np.isnan(self._noise[at]))
        self._noise[at] = new.noise
        for gp, raw, value in zip(self.gps, self._raw, new.values, strict=True):
            raw[at] = value
            if not same:
                gp.forget()

    def _update(self) -> None:
        n = len(self._noise)
        due = self._refit_due(n)
        noise = np.asarray(self._noise)
        for k, (raw, sign, transform) in enumerate(zip(self._raw, self.signs, self.transforms, strict=True)):
            gp = self.gps[k] = self._of_size(self.gps[k], n)
            y = np.asarray(raw)
            if n:
                if due:
                    transform.fit(y)
                gp.values[:] = (sign * transform.forward(y)).tolist()
                if not np.isnan(noise).all():
                    given = np.square(noise * transform.slope(y))
                    if transform.name == "power":
                        gp.forget()  # the noise moves with the exponent
                    gp.given[:] = given.tolist()
            gp.update(refit=due)
        if due:
            self._fitted_at = n
        if self.feasibility is not None:
            self.feasibility.update(refit=due)

    @staticmethod
    def _of_size(gp: Any, n: int) -> Any:
        """An exact model up to so many observations, and one with inducing points beyond."""
        if isinstance(gp, PoolGP) and isinstance(gp, SparseGP) != (n > EXACT):
            return (SparseGP if n > EXACT else PoolGP).from_other(gp)
        return gp

    def _refit_due(self, n: int) -> bool:
        refit = self.settings.refit
        if refit == "auto":
            return n <= REFIT_EACH or abs(n - self._fitted_at) >= self._fitted_at / 20
        return abs(n - self._fitted_at) >= int(refit) or n <= 2

    # ---- what is believed

    @property
    def n(self) -> int:
        """Number of observations with values."""
        return sum(o.values is not None for o in self.told)

    def values(self, k: int = 0) -> np.ndarray:
        """Told values of an objective."""
        return np.array([o.values[k] for o in self.told if o.values is not None])

    def places(self) -> np.ndarray:
        """Where they were told."""
        return np.array([o.place for o in self.told if o.values is not None], dtype=np.int64)

    def turned(self, k: int = 0) -> np.ndarray:
        """Told values as the model sees them: lower is better."""
        return np.asarray(self.signs[k] * self.transforms[k].forward(self.values(k)))

    def moments(self, k: int, mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation in the unit of the values."""
        return self.transforms[k].moments(self.signs[k] * mean, std)

    def back(self, k: int, values: np.ndarray) -> np.ndarray:
        """Values of the model in the unit of what was told."""
        return self.transforms[k].back(self.signs[k] * values)

    def feasible(self) -> np.ndarray:
        """Probability that each candidate is feasible."""
        from scipy.special import ndtr

        if self.feasibility is None or not self.feasibility.n:
            return np.ones(len(self.pool))
        mean, std = self.feasibility.posterior()
        return np.asarray(np.clip(ndtr(-mean / np.sqrt(std**2 + 0.01)), 1e-12, 1.0))
