"""Strategies beside each other on a table whose answers are known."""

import dataclasses
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._look import finish, name_of
from mi_widgets.bo.search import Search
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_replay", "replay"]

STATUS = ("ok", "not_run")
#: Parts follow each other after so many seconds at least: to make a Dataset takes a while as well.
LEAST = 0.2
#: Strategies that a word stands for.
Strategies = Sequence[str] | Mapping[str, Mapping[str, Any] | None]


def replay(
    pool: pd.DataFrame | xr.DataArray,
    *,
    target: str | Any,
    strategies: Strategies = ("random", "default"),
    goal: str = "min",
    n_initial: int = 5,
    n_steps: int | None = None,
    n_repeats: int = 20,
    seed: int | None = None,
    threshold: float | None = None,
    stop: bool = False,
    n_workers: int | None = None,
    resume: xr.Dataset | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Run strategies on a known table and count the trials that each needs to find the best candidate.

    In each repeat all strategies begin with the same candidates, drawn at random, and the order of the table plays no
    part. Repeats run in threads: NumPy lets others work while it computes, so two cores help most on large pools.

    Parameters
    ----------
    pool : pandas.DataFrame or xarray.DataArray
        Candidates by features, as `Search` takes them.
    target : str, array_like or pandas.Series
        The known value of each candidate: a column of `pool`, values in its order, or a Series by label.
    strategies : sequence of str, or mapping of str to mapping
        Names of acquisitions, ``"default"`` and ``"random"``; or a name for each strategy with its options of `Search`,
        None for random: ``{"isotropic": {"ard": False, "acquisition": "ei"}, "random": None}``.
    goal : {"min", "max"}
        What is looked for.
    n_initial : int
        Candidates drawn at random at the beginning of each repeat; they count as trials.
    n_steps : int, optional
        Trials of each repeat; by default all candidates, at most 200.
    n_repeats : int
        Repeats of each strategy.
    seed : int, optional
        Of everything that is drawn.
    threshold : float, optional
        What counts as found: a value at least as good as this; by default the best of the table.
    stop : bool
        Whether a repeat ends once it has found what it looked for; later steps are NaN then.
    n_workers : int, optional
        Threads; by default as many as there are cores.
    resume : xarray.Dataset, optional
        An unfinished result of the same call: what is in it is not run again.
    progress : callable, optional
        Called with each `runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``strategy``, ``repeat`` and ``step`` (the number of the trial, from 1):

        - ``value`` and ``best`` (strategy, repeat, step): told value, and the best so far, in the unit of the target
        - ``candidate`` (strategy, repeat, step): place in the pool, from 0; -1 where nothing was told
        - ``trials`` (strategy, repeat): trials until it was found; NaN where it was not
        - ``mean_trials``, ``mean_trials_stderr`` (strategy): mean over the repeats, one that did not find it counted as
          `n_steps`, so that it is a lower bound where ``share_found`` is below 1
        - ``share_found`` (strategy)
        - ``status`` (strategy, repeat): ok, not_run

    Raises
    ------
    DataError
        The target is not finite, or has not one value for each candidate.
    LabelError
        There is no such column.
    ParameterError
        An option is unknown or out of range, or `resume` is of another call.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 60)
    >>> table = pd.DataFrame({"x": x, "y": (x - 0.4) ** 2})
    >>> found = replay(table, target="y", strategies=["random", "ei"], n_repeats=4, seed=0)
    >>> bool(found.mean_trials.sel(strategy="ei") < found.mean_trials.sel(strategy="random"))
    True
    """
    parts = iter_replay(
        pool,
        target=target,
        strategies=strategies,
        goal=goal,
        n_initial=n_initial,
        n_steps=n_steps,
        n_repeats=n_repeats,
        seed=seed,
        threshold=threshold,
        stop=stop,
        n_workers=n_workers,
        resume=resume,
    )
    result: xr.Dataset = collect(parts, progress)
    return result


def iter_replay(
    pool: pd.DataFrame | xr.DataArray,
    *,
    target: str | Any,
    strategies: Strategies = ("random", "default"),
    goal: str = "min",
    n_initial: int = 5,
    n_steps: int | None = None,
    n_repeats: int = 20,
    seed: int | None = None,
    threshold: float | None = None,
    stop: bool = False,
    n_workers: int | None = None,
    resume: xr.Dataset | None = None,
) -> Iterator[Part]:
    """`replay` part by part, each of some finished repeats; whoever stops early can go on with the last result.

    Parameters
    ----------
    pool, target, strategies, goal, n_initial, n_steps, n_repeats, seed, threshold, stop, n_workers, resume
        As in `replay`.

    Yields
    ------
    runs.Part
        ``result``: the Dataset so far; ``index``: numbers of strategy and repeat that are new. `done` and `total` count
        repeats of all strategies.

    Raises
    ------
    DataError, LabelError, ParameterError
        As in `replay`.

    Examples
    --------
    >>> table = pd.DataFrame({"x": np.linspace(-1, 1, 30), "y": np.linspace(-1, 1, 30) ** 2})
    >>> parts = list(iter_replay(table, target="y", strategies=["random"], n_repeats=3, seed=0))
    >>> parts[-1].done, parts[-1].result.sizes["repeat"]
    (3, 3)
    """
    X, y = _table(pool, target)
    named = _named(strategies)
    if goal not in ("min", "max"):
        raise ParameterError(f"replay: goal must be 'min' or 'max'; got {goal!r}.")
    n_steps = min(len(y), 200) if n_steps is None else n_steps
    for name, number, least, most in (
        ("n_initial", n_initial, 1, len(y)),
        ("n_steps", n_steps, n_initial, len(y)),
        ("n_repeats", n_repeats, 1, 10**6),
    ):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or not least <= number <= most:
            raise ParameterError(f"replay: {name} must be a whole number from {least} to {most}; got {number!r}.")
    if seed is None:
        seed = int(np.random.default_rng().integers(2**31))
    edge = float(y.min() if goal == "min" else y.max()) if threshold is None else float(threshold)
    parameters = {
        "strategies": {k: v or {} for k, v in named.items()},
        "goal": goal,
        "n_initial": int(n_initial),
        "n_steps": int(n_steps),
        "n_repeats": int(n_repeats),
        "seed": int(seed),
        "threshold": edge,
    }
    runs = _Runs(X, y, named, goal, int(n_initial), int(n_steps), int(seed), edge, stop)
    result = _Result(named, int(n_repeats), int(n_steps), y, goal, parameters, _units(pool, target), resume)
    return _iterate(runs, result, n_workers or os.cpu_count() or 1)


def _iterate(runs: "_Runs", result: "_Result", n_workers: int) -> Iterator[Part]:
    todo = result.missing()
    total = result.status.size
    cancel = threading.Event()
    if not todo:
        yield Part(total, total, result.dataset())
        return
    pool = ThreadPoolExecutor(n_workers, thread_name_prefix="replay")
    try:
        waiting: dict[Future[Any], tuple[int, int]] = {pool.submit(runs.run, s, r, cancel): (s, r) for s, r in todo}
        done, shown = total - len(todo), 0.0
        new: list[tuple[int, int]] = []
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                new.append(waiting.pop(future))
                result.put(new[-1], future.result())
                done += 1
            if not waiting or time.monotonic() - shown > LEAST:
                yield Part(done, total, result.dataset(), new, f"{result.names[new[-1][0]]}, repeat {new[-1][1] + 1}")
                shown, new = time.monotonic(), []
    finally:
        cancel.set()
        pool.shutdown(wait=True, cancel_futures=True)


class _Runs:
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


class _Result:
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
        import json

        known = json.loads(resume.attrs.get("history", "{}")).get("parameters")
        same = json.loads(json.dumps(self.parameters, default=name_of))
        if known != same or "candidate" not in resume or resume["candidate"].shape != self.place.shape:
            raise ParameterError(
                "replay: resume= is the result of another call. Give the same strategies, seed and numbers (the seed "
                f"of that result stands in its attribute history), or leave it out; it was {known}."
            )
        self.place[:] = resume["candidate"].values
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


def _table(pool: Any, target: Any) -> tuple[pd.DataFrame, np.ndarray]:
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
        y, X = target.reindex(pool.index) if isinstance(target, pd.Series) else np.asarray(target), pool
    values = np.asarray(y, dtype=float)
    if values.shape != (len(X),) or not np.isfinite(values).all():
        raise DataError(
            f"replay: target needs one finite value for each of {len(X)} candidates; got shape {values.shape} with "
            f"{int((~np.isfinite(values)).sum())} that are not finite. Leave those candidates out."
        )
    return X, values


def _units(pool: Any, target: Any) -> str:
    holder = target if hasattr(target, "attrs") else pool
    return str(getattr(holder, "attrs", {}).get("units", "1"))


def _named(strategies: Strategies) -> dict[str, Mapping[str, Any] | None]:
    if isinstance(strategies, str) or not strategies:
        raise ParameterError(f"replay: strategies must be several names, or a mapping; got {strategies!r}.")
    if isinstance(strategies, Mapping):
        return {str(name): options for name, options in strategies.items()}
    words: dict[str, Mapping[str, Any] | None] = {"random": None, "default": {}}
    return {str(name): words.get(str(name), {"acquisition": name}) for name in strategies}
