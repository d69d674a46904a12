"""Runs of `replay`: searches on a known table, and the arrays of their result."""

import dataclasses
import json
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._look import finish, name_of
from mi_widgets.bo.search import Search
from mi_widgets.errors import DataError, LabelError, ParameterError

__all__ = ["Result", "Runs", "Strategies", "known_table", "named_strategies", "units_of"]

STATUS = ("ok", "not_run")
#: Names of acquisitions, or options of each strategy.
Strategies = Sequence[str] | Mapping[str, Mapping[str, Any] | None]


class Runs:
    """One search after the other on the same table."""

    def __init__(
        self,
        X: pd.DataFrame,
        y: np.ndarray,
        named: Mapping[str, Mapping[str, Any] | None],
        goal: str,
        n_initial: int,
        n_steps: int,
        seed: int,
        edge: float,
        stop: bool,
    ) -> None:
        self.y, self.goal, self.n_initial, self.n_steps, self.seed = y, goal, n_initial, n_steps, seed
        self.edge, self.stop = edge, stop
        self.templates = [
            None if options is None else Search(X, goal=goal, **{"seed": 0, **options}) for options in named.values()
        ]
        first = next((t for t in self.templates if t is not None), None)
        labels = [] if first is None else first.pool.candidate.values.tolist()
        self.labels = labels
        self.place = {label: k for k, label in enumerate(labels)}

    def run(self, strategy: int, repeat: int, cancel: threading.Event) -> np.ndarray:
        """Places of the candidates in the order in which they were told."""
        rng = np.random.default_rng([self.seed, repeat])
        order = rng.permutation(len(self.y))
        template = self.templates[strategy]
        told = order[: self.n_initial].tolist() if template else order[: self.n_steps].tolist()
        if template is None:
            return np.array(told[: self._end(told)])
        search = template.branch(0)
        seeded = dataclasses.replace(search._settings, seed=int(rng.integers(2**31)))  # noqa: SLF001
        search._settings = search._model.settings = seeded  # noqa: SLF001
        search.tell([self.labels[k] for k in told], self.y[told])
        told = told[: self._end(told)]
        while len(told) < self.n_steps and not cancel.is_set() and not self._found(told):
            [label] = search.ask()
            k = self.place[label]
            told.append(k)
            search.tell(label, self.y[k])
        return np.array(told)

    def _hit(self, told: list[int]) -> np.ndarray:
        return np.asarray(self.y[told] <= self.edge if self.goal == "min" else self.y[told] >= self.edge)

    def _found(self, told: list[int]) -> bool:
        return self.stop and bool(self._hit(told).any())

    def _end(self, told: list[int]) -> int:
        """How many of these trials count: all, or up to the one that found it."""
        return int(np.argmax(self._hit(told))) + 1 if self._found(told) else len(told)


class Result:
    """The arrays of a result, filled run by run."""

    def __init__(
        self,
        named: Mapping[str, Any],
        n_repeats: int,
        n_steps: int,
        y: np.ndarray,
        goal: str,
        parameters: dict[str, Any],
        units: str,
        resume: xr.Dataset | None,
    ) -> None:
        self.names, self.y, self.goal, self.n_steps = list(named), y, goal, n_steps
        self.parameters, self.units = parameters, units
        self.place = np.full((len(self.names), n_repeats, n_steps), -1, dtype=np.int64)
        self.status = np.ones((len(self.names), n_repeats), dtype=np.int8)
        if resume is not None:
            self._take(resume)

    def _take(self, resume: xr.Dataset) -> None:
        known = json.loads(resume.attrs.get("history", "{}")).get("parameters")
        same = json.loads(json.dumps(self.parameters, default=name_of))
        if known is not None and "stop" not in known:  # written before it was kept
            known["stop"] = same["stop"]
        if known != same or "candidate" not in resume or resume["candidate"].shape != self.place.shape:
            raise ParameterError(
                "replay: resume= is the result of another call. Give the same strategies, seed and numbers (the seed "
                f"of that result stands in its attribute history), or leave it out; it was {known}."
            )
        place = resume["candidate"].values
        if not np.array_equal(np.where(place >= 0, self.y[place], np.nan), resume["value"].values, equal_nan=True):
            raise DataError(
                "replay: resume= was found on another table: its candidates have other values here. Give the pool and "
                "target it was begun with, in their order, or leave resume= out."
            )
        self.place[:] = place
        self.status[:] = resume["status"].values

    def missing(self) -> list[tuple[int, int]]:
        """Strategies and repeats that were not run, all strategies of a repeat one after the other."""
        return [(int(s), int(r)) for r, s in np.argwhere(self.status.T != 0)]

    def put(self, at: tuple[int, int], told: np.ndarray) -> None:
        """Take one run."""
        self.place[at][: len(told)] = told
        self.status[at] = 0

    def dataset(self) -> xr.Dataset:
        """Everything so far."""
        value = np.where(self.place >= 0, self.y[self.place], np.nan)
        minimum = self.goal == "min"
        best = (np.fmin if minimum else np.fmax).accumulate(value, axis=2)
        edge = self.parameters["threshold"]
        with np.errstate(invalid="ignore"):
            hit = value <= edge if minimum else value >= edge
        trials = np.where(hit.any(axis=2), hit.argmax(axis=2) + 1.0, np.nan)
        ran = self.status == 0
        counted = np.where(ran, np.where(np.isnan(trials), self.n_steps, trials), np.nan)
        number = ran.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.nansum(counted, axis=1) / number
            spread = np.sqrt(np.nansum((counted - mean[:, None]) ** 2, axis=1) / (number - 1.0) / number)
            share = np.where(ran, ~np.isnan(trials), 0).sum(axis=1) / number
        unit, one = {"units": self.units}, {"units": "1"}
        flags = {"flag_values": [0, 1], "flag_meanings": " ".join(STATUS)}
        over = ("strategy", "repeat", "step")
        ds = xr.Dataset(
            {
                "value": (over, value, {**unit, "long_name": "told value"}),
                "best": (over, best, {**unit, "long_name": "best value so far"}),
                "candidate": (over, self.place.copy(), {**one, "long_name": "place in the pool"}),
                "trials": (over[:2], trials, {"units": "count", "long_name": "trials until found"}),
                "mean_trials": ("strategy", mean, {"units": "count", "long_name": "mean trials until found"}),
                "mean_trials_stderr": (
                    "strategy",
                    spread,
                    {"units": "count", "long_name": "standard error"},
                ),
                "share_found": ("strategy", share, {**one, "long_name": "share of repeats that found it"}),
                "status": (over[:2], self.status.copy(), {**one, "long_name": "status", **flags}),
            },
            coords={
                "strategy": ("strategy", self.names, {"long_name": "strategy"}),
                "repeat": ("repeat", np.arange(self.place.shape[1]), {**one, "long_name": "repeat"}),
                "step": ("step", np.arange(1, self.n_steps + 1), {**one, "long_name": "trial"}),
            },
        )
        return finish(ds, "replay", "strategies on a known table", self.parameters)


def known_table(pool: Any, target: Any) -> tuple[pd.DataFrame, np.ndarray]:
    """Features and values, in the order of the pool."""
    if isinstance(pool, xr.DataArray):
        if set(pool.dims) != {"candidate", "feature"}:
            raise LabelError(f"replay needs an array over ('candidate', 'feature'); this one has {pool.dims}.")
        pool = pool.transpose("candidate", "feature").to_pandas()
    if not isinstance(pool, pd.DataFrame):
        raise LabelError(f"replay needs a DataFrame or a DataArray; got {type(pool).__name__}.")
    if isinstance(target, str):
        if target not in pool.columns:
            raise LabelError(f"replay: there is no column {target!r}; there are {', '.join(map(str, pool.columns))}.")
        y, X = pool[target], pool.drop(columns=target)
    else:
        if isinstance(target, xr.DataArray) and target.dims == ("candidate",) and "candidate" in target.coords:
            labels = target["candidate"].to_index()
            if len(labels) == len(pool) and labels.is_unique and set(labels) == set(pool.index):
                target = target.to_series()  # else labels of its own: values in the order of the pool
        y, X = target.reindex(pool.index) if isinstance(target, pd.Series) else np.asarray(target), pool
    values = np.asarray(y, dtype=float)
    if values.shape != (len(X),) or not np.isfinite(values).all():
        raise DataError(
            f"replay: target needs one finite value for each of {len(X)} candidates; got shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} that are not finite. Leave those candidates out."
        )
    return X, values


def units_of(pool: Any, target: Any) -> str:
    holder = target if hasattr(target, "attrs") else pool
    return str(getattr(holder, "attrs", {}).get("units", "1"))


def named_strategies(strategies: Strategies) -> dict[str, Mapping[str, Any] | None]:
    if isinstance(strategies, str) or not strategies:
        raise ParameterError(f"replay: strategies must be several names, or a mapping; got {strategies!r}.")
    if isinstance(strategies, Mapping):
        return {str(name): options for name, options in strategies.items()}
    words: dict[str, Mapping[str, Any] | None] = {"random": None, "default": {}}
    return {str(name): words.get(str(name), {"acquisition": name}) for name in strategies}
