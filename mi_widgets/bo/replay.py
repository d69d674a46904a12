"""Strategies beside each other on a table whose answers are known."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._runs import Result, Runs, Strategies, known_table, named_strategies, units_of
from mi_widgets.errors import ParameterError
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_replay", "replay"]

#: Parts follow each other after so many seconds at least: to make a Dataset takes a while as well.
LEAST = 0.2


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
    target : str, array_like, pandas.Series or xarray.DataArray
        The known value of each candidate: a column of `pool`, values in its order, or a Series or DataArray by label.
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
        The target is not finite, or has not one value for each candidate; or `resume` was found on another table.
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
    X, y = known_table(pool, target)
    named = named_strategies(strategies)
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
        "stop": bool(stop),
    }
    runs = Runs(X, y, named, goal, int(n_initial), int(n_steps), int(seed), edge, stop)
    result = Result(named, int(n_repeats), int(n_steps), y, goal, parameters, units_of(pool, target), resume)
    return _iterate(runs, result, n_workers or os.cpu_count() or 1)


def _iterate(runs: Runs, result: Result, n_workers: int) -> Iterator[Part]:
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
