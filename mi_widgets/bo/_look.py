"""What a search believes, as Datasets."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.bo._acquisition import ACQUISITIONS
from mi_widgets.bo._choose import draw_lowest, pareto_mask, rank, scores
from mi_widgets.bo._gp import PoolGP
from mi_widgets.bo._model import Model
from mi_widgets.bo._pool import Pool
from mi_widgets.bo._settings import Settings
from mi_widgets.bo._threads import one_thread
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin

__all__ = ["Look", "finish", "name_of"]

Acquisition = str | Callable[..., Any]


def finish(ds: xr.Dataset, function: str, title: str, parameters: Mapping[str, Any]) -> xr.Dataset:
    """Global attributes of a result."""
    source = "computed by mi_widgets.bo"
    ds.attrs = dict(origin(f"bo.{function}", title, parameters, source=source, default=name_of))
    return ds


def name_of(value: Any) -> str:
    """What stands in a history for something that JSON cannot hold."""
    return str(getattr(value, "__name__", type(value).__name__))


class Look:
    """The part of `Search` that looks at the models."""

    _pool: Pool
    _settings: Settings
    _model: Model
    _pending: list[int]
    _cost: np.ndarray | None

    def _allowed(self) -> np.ndarray:
        raise NotImplementedError

    def _rng(self, stream: int = 0) -> np.random.Generator:
        raise NotImplementedError

    def _rule(self, acquisition: Acquisition | None) -> Acquisition:
        raise NotImplementedError

    # ---- public

    @one_thread
    def posterior(self, *, acquisition: Acquisition | None = None) -> xr.Dataset:
        """What is believed of every candidate now.

        Parameters
        ----------
        acquisition : str or callable, optional
            As in `Search`; by default the one of the search.

        Returns
        -------
        xarray.Dataset
            Over ``candidate`` in the order of `X` (and ``objective``, where there are several):

            - ``mean``, ``stderr``: expectation and standard deviation of the true value, without the noise of a
              measurement, in the unit of the search; NaN as long as nothing was told
            - ``acquisition``: what suggestions are ranked by
            - ``told``, ``pending``, ``excluded``: bool
            - ``rank``: 1 for the candidate to be suggested first; 0 where none is suggested
            - ``feasible``: probability, of a search with ``learn_feasibility=True``

        Raises
        ------
        ParameterError
            There is no such acquisition.
        """
        rule = self._rule(acquisition)
        self._model.ready()
        size, k = len(self._pool), len(self._settings.goals)
        mean, std = np.full((size, k), np.nan), np.full((size, k), np.nan)
        value, order = np.full(size, np.nan), np.zeros(size, dtype=np.int64)
        if self._model.n:
            for j, gp in enumerate(self._model.gps):
                mean[:, j], std[:, j] = self._model.moments(j, *gp.posterior())
        if self._model.told:
            allowed = self._allowed()
            ranked, value = scores(
                self._model, rule, self._rng(), cost=self._cost, pending=tuple(self._pending), allowed=allowed
            )
            order = rank(ranked, allowed)
        return self._dataset(mean, std, value, order, rule, "posterior")

    @one_thread
    def what_if(self, candidate: Any, value: Any, *, acquisition: Acquisition | None = None) -> xr.Dataset:
        """What would be believed if a candidate came out with a value; nothing is told.

        Hyperparameters stay as they are, so this costs one row of the pool's factor.

        Parameters
        ----------
        candidate : label
            As in `X`.
        value : float or sequence of float
            In the unit of the search, one for each objective.
        acquisition : str or callable, optional
            As in `Search`; those that draw samples give none here.

        Returns
        -------
        xarray.Dataset
            As of `posterior`.

        Raises
        ------
        LabelError
            There is no such candidate.
        DataError
            Nothing was told so far, or the value is not finite.
        """
        rule = self._rule(acquisition)
        i = self._pool.find(candidate, who="what_if")
        k = len(self._settings.goals)
        found = np.asarray(value, dtype=float).reshape(-1)
        if found.size != k or not np.isfinite(found).all():
            raise DataError(f"what_if: {k} finite value(s) are needed, one for each objective; got {value!r}.")
        self._require_told("what_if")
        size = len(self._pool)
        mean, std = np.empty((size, k)), np.empty((size, k))
        raw = []
        for j, gp in enumerate(self._model.gps):
            self._model.transforms[j].check(float(found[j]), "what_if")
            turned = float(self._model.signs[j] * self._model.transforms[j].forward(found[j : j + 1])[0])
            raw.append(gp.what_if(i, turned))
            mean[:, j], std[:, j] = self._model.moments(j, *raw[-1])
        allowed = self._allowed()
        allowed[i] &= self._settings.repeats
        ranked, shown = np.full(size, np.nan), np.full(size, np.nan)
        if rule not in ("thompson", "scalarised") and k == 1 and allowed.any():
            with _Pretend(self._model, i, float(found[0]), raw[0]):
                ranked, shown = scores(self._model, rule, self._rng(), cost=self._cost, allowed=allowed)
        order = rank(ranked, allowed) if np.isfinite(ranked).any() else np.zeros(size, dtype=np.int64)
        return self._dataset(mean, std, shown, order, rule, "what_if", extra=i)

    @one_thread
    def probability_of_better(self, delta: float = 0.0, *, n_samples: int = 2000) -> float:
        """Probability that a candidate not told yet is better than the best by more than `delta`.

        Joint samples are drawn over the 1,000 candidates whose optimistic bound is best, which for larger pools gives a
        value that is slightly low.

        Parameters
        ----------
        delta : float
            In the unit of the search, zero or more.
        n_samples : int
            Number of samples (the error is 0.5 / sqrt(n_samples) at most).

        Returns
        -------
        float
            Between 0 and 1; 0 where all candidates were told.

        Raises
        ------
        DataError
            Nothing was told so far.
        ParameterError
            `delta` is negative, or there are several objectives.
        """
        if not (np.isfinite(delta) and delta >= 0) or len(self._settings.goals) > 1:
            raise ParameterError(f"probability_of_better needs one objective and delta of zero or more; got {delta!r}.")
        self._require_told("probability_of_better")
        allowed = self._allowed()
        allowed[self._model.places()] = False
        if not allowed.any():
            return 0.0
        sign = self._model.signs[0]
        y = self._model.values()
        edge = (y.min() if sign > 0 else y.max()) - sign * delta
        if self._settings.transform == "log" and edge <= 0:
            return 0.0
        turned = float(sign * self._model.transforms[0].forward(np.array([edge]))[0])
        lowest = draw_lowest(self._model.gps[0], self._rng(1), n_samples, allowed)
        return float(np.mean(lowest < turned))

    @one_thread
    def importance(self, *, objective: int = 0) -> xr.Dataset:
        """Which features the value depends on, as the model sees it.

        Parameters
        ----------
        objective : int
            Which objective, from 0.

        Returns
        -------
        xarray.Dataset
            Over ``feature``:

            - ``importance``, 1: share of the variance of the mean over the pool that goes when the feature alone is
              permuted among 1,000 candidates; the shares are normalised to 1 in the sum
            - ``length_scale``: over which difference of the feature the value changes, in the unit of the feature; NaN
              for text and where a regressor was given
            - ``group``: features of the same number share a length scale

        Raises
        ------
        DataError
            Nothing was told so far.
        """
        self._require_told("importance")
        gp = self._model.gps[objective]
        names = list(self._pool.feature_group)
        rng = np.random.default_rng(0)
        some = rng.permutation(len(self._pool))[:1000]
        share = np.array([_permuted(gp, self._pool, some, name, rng) for name in names])
        lengths = np.full(len(names), np.nan)
        if isinstance(gp, PoolGP):
            for j, name in enumerate(names):
                lengths[j] = gp.lengths[self._pool.feature_group[name]] * self._pool.scale[name]
        total = share.sum()
        units = [self._pool.units.get(name, "1") for name in names]
        ds = xr.Dataset(
            {
                "importance": (
                    "feature",
                    share / total if total > 0 else share,
                    {"units": "1", "long_name": "share of the variance"},
                ),
                "length_scale": ("feature", lengths, {"units": "1", "long_name": "length scale (unit of the feature)"}),
                "group": (
                    "feature",
                    np.array([self._pool.feature_group[name] for name in names]),
                    {"units": "1", "long_name": "number of the length scale"},
                ),
            },
            coords={
                "feature": ("feature", names, {"long_name": "feature"}),
                "feature_units": ("feature", units, {"long_name": "unit of the feature"}),
            },
        )
        return finish(ds, "Search.importance", "importance of features", {"objective": objective})

    def pareto_front(self) -> xr.Dataset:
        """Told candidates that no other told candidate beats in every objective.

        Returns
        -------
        xarray.Dataset
            ``value`` (candidate, objective) in the unit of the search; for one objective, the best.

        Raises
        ------
        DataError
            Nothing was told so far.
        """
        self._require_told("pareto_front")
        told = [o for o in self._model.told if o.values is not None]
        turned = np.stack([self._model.turned(k) for k in range(len(self._settings.goals))], axis=1)
        keep = np.flatnonzero(pareto_mask(turned))
        keep = keep[np.argsort(turned[keep, 0], kind="stable")]
        values = np.array([told[k].values for k in keep])
        labels = self._pool.coordinate()
        chosen = labels.isel(candidate=self._pool.order[[told[k].place for k in keep]])
        ds = xr.Dataset(
            {"value": (("candidate", "objective"), values, {"units": self._settings.units, "long_name": "value"})},
            coords={"candidate": chosen, "objective": ("objective", list(self._settings.objectives))},
        )
        return finish(ds, "Search.pareto_front", "candidates that none dominates", {})

    # ---- pieces

    def _require_told(self, who: str) -> None:
        self._model.ready()
        if not self._model.n:
            raise DataError(f"{who}: nothing was told so far. Write search.tell(search.ask()[0], value) first.")

    def _dataset(
        self,
        mean: np.ndarray,
        std: np.ndarray,
        value: np.ndarray,
        order: np.ndarray,
        rule: Acquisition,
        function: str,
        extra: int | None = None,
    ) -> xr.Dataset:
        pool, settings = self._pool, self._settings
        several = len(settings.goals) > 1
        dims = ("candidate", "objective") if several else ("candidate",)
        told = np.zeros(len(pool), dtype=bool)
        told[[o.place for o in self._model.told]] = True
        pending = np.zeros(len(pool), dtype=bool)
        pending[self._pending] = True
        name = rule if isinstance(rule, str) else name_of(rule)
        units = settings.units if name in ("ucb", "thompson") else "1"
        if name in ("ei", "max_variance", "target") and settings.transform == "none":
            units = settings.units

        def spread(values: np.ndarray) -> np.ndarray:
            return pool.spread(values) if several else pool.spread(values.reshape(len(pool), -1)[:, 0])

        long = ACQUISITIONS.get(name, name.replace("_", " "))
        coords: dict[str, Any] = {"candidate": pool.coordinate()}
        if several:
            coords["objective"] = ("objective", list(settings.objectives), {"long_name": "objective"})
        ds = xr.Dataset(
            {
                "mean": (dims, spread(mean), {"units": settings.units, "long_name": "expected value"}),
                "stderr": (dims, spread(std), {"units": settings.units, "long_name": "standard deviation"}),
                "acquisition": ("candidate", pool.spread(value), {"units": units, "long_name": long}),
                "told": ("candidate", pool.spread(told), {"long_name": "told"}),
                "pending": ("candidate", pool.spread(pending), {"long_name": "pending"}),
                "excluded": ("candidate", pool.spread(self._barred()), {"long_name": "excluded"}),
                "rank": ("candidate", pool.spread(order), {"units": "1", "long_name": "rank"}),
            },
            coords=coords,
        )
        if self._model.feasibility is not None:
            chance = pool.spread(self._model.feasible())
            ds["feasible"] = ("candidate", chance, {"units": "1", "long_name": "probability of being feasible"})
        parameters = {"acquisition": name, "trials": len(self._model.told)}
        if extra is not None:
            parameters["candidate"] = pool.labels[extra]
        return finish(ds, f"Search.{function}", "posterior over the pool", parameters)

    def _barred(self) -> np.ndarray:
        raise NotImplementedError


class _Pretend:
    """For the length of a ``with``, the model answers as if one more value had been told."""

    def __init__(self, model: Model, i: int, value: float, posterior: tuple[np.ndarray, np.ndarray]) -> None:
        self.model, self.i, self.value, self.posterior = model, i, value, posterior

    def __enter__(self) -> None:
        from mi_widgets.bo._model import Observation

        self.gp = self.model.gps[0]
        self.model.gps[0] = _Frozen(self.posterior)
        self.model.told.append(Observation(self.i, (self.value,)))

    def __exit__(self, *_: object) -> None:
        self.model.gps[0] = self.gp
        self.model.told.pop()


class _Frozen:
    def __init__(self, posterior: tuple[np.ndarray, np.ndarray]) -> None:
        self._posterior = posterior

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        return self._posterior


def _permuted(gp: Any, pool: Pool, some: np.ndarray, name: str, rng: np.random.Generator) -> float:
    """Half the mean square by which the mean changes when one feature is exchanged among candidates."""
    columns = np.flatnonzero(np.array(pool.feature_of) == name)
    points = pool.points[some].copy()
    before = gp.predict(points)
    points[:, columns] = pool.points[np.ix_(rng.permutation(some), columns)]
    return float(0.5 * np.mean((gp.predict(points) - before) ** 2))
