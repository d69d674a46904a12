"""Campaigns: searches that are kept in a file, and what was told in them."""

import copy
import inspect
import os
from collections.abc import Iterator
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._given import (
    check_arrays,
    check_pool,
    describe_objects,
    plain_options,
    recall_arrays,
    recall_objects,
    sums_of_features,
    written_arrays,
)
from mi_widgets.bo._journal import FORMAT, Journal, read_events
from mi_widgets.bo._look import finish
from mi_widgets.bo._model import Model
from mi_widgets.bo._record import Record
from mi_widgets.errors import DataError, ParameterError

__all__ = ["Campaign"]

#: Pools of up to so many numbers are written into their journal.
IN_JOURNAL = 200_000


class Campaign(Record):
    """The part of `Search` that opens, branches and exports."""

    _regressor: Any
    _mask: np.ndarray | None
    _cost: np.ndarray | None

    def __init__(self, X: Any, **options: Any) -> None:
        raise NotImplementedError

    @property
    def pool(self) -> xr.Dataset:
        """The candidates."""
        raise NotImplementedError

    @classmethod
    def open(cls, path: str | os.PathLike[str], X: Any = None, *, repair: bool = False, **options: Any) -> Self:
        """Begin a campaign that is kept in a file, or go on with it.

        Each event is a line of JSON with a checksum, on the disk before `tell` returns: whatever ends the process, no
        told value is lost, and the reopened search suggests the same. One process at a time holds the file.

        Parameters
        ----------
        path : path-like
            The journal; it is made if it is not there.
        X : as in `Search`, optional
            The candidates; needed for a new journal and for pools of more than 200,000 numbers, which are not written
            into it. There may be more candidates than before: they are known by their labels.
        repair : bool
            Leave damaged lines out and go on; the file as it was is kept beside it as ``*.damaged``.
        **options
            Options of `Search`, for a new journal; an old one knows them, and if given they must be the same. What it
            cannot hold is asked for again: `regressor` and functions always (what they are is written as text and
            compared), `cost` and `mask` where the pool is not in it or has become longer.

        Returns
        -------
        Search
            It holds the file until ``close()``; it can be used in a ``with``.

        Raises
        ------
        JournalError
            The file is held by another process, cannot be written, or the disk is full.
        FileFormatError
            It is no journal, or a line in it is damaged.
        DataError
            The pool was changed, or X is missing.
        ParameterError
            Options are not those of the journal, or one that it cannot hold is not given again.
        """
        journal = Journal(path, repair=repair)
        try:
            if journal.events:
                search = cls._from_events(journal.events, X, options, str(path))
            else:
                search = cls._begin(journal, X, options)
        except BaseException:
            journal.close()
            if not journal.events and journal.path.exists() and journal.path.stat().st_size == 0:
                journal.path.unlink()
            raise
        search._journal = journal  # noqa: SLF001
        return search

    @classmethod
    def read(cls, path: str | os.PathLike[str], X: Any = None, **options: Any) -> Self:
        """Look at a campaign without holding its file: what is told to this search is not written down.

        Parameters
        ----------
        path : path-like
            A journal; another process may be writing it.
        X : as in `open`, optional
            The candidates.
        **options
            As in `open`.

        Returns
        -------
        Search
            In memory.

        Raises
        ------
        JournalError, FileFormatError, DataError, ParameterError
            As in `open`.
        """
        return cls._from_events(read_events(path), X, options, str(path))

    @classmethod
    def _begin(cls, journal: Journal, X: Any, options: dict[str, Any]) -> Self:
        if X is None:
            raise DataError(f"{journal.path} is a new journal: it needs the candidates. Write Search.open(path, X).")
        search = cls(X, **options)
        # Defaults too: those of another version may be others.
        defaults = {k: p.default for k, p in inspect.signature(cls).parameters.items() if p.default is not p.empty}
        settings, pool = search._settings, search._pool
        written = plain_options({**defaults, **options, "seed": settings.seed, "acquisition": settings.acquisition})
        header: dict[str, Any] = {"format": FORMAT, "options": written, "n_candidates": len(pool)}
        header["objects"] = describe_objects(options)
        given = np.argsort(pool.order) if pool.frame.size <= IN_JOURNAL else None
        header["arrays"] = written_arrays({"cost": search._cost, "mask": search._mask}, given)
        if given is not None:
            header["labels"] = [pool.labels[k] for k in given]
            header["features"] = {str(c): pool.frame[c].iloc[given].tolist() for c in pool.frame.columns}
            header["feature_units"] = pool.units
        else:
            header["sums"] = sums_of_features(pool.frame)
        journal.append(header)
        return search

    @classmethod
    def _from_events(cls, events: list[dict[str, Any]], X: Any, options: dict[str, Any], path: str) -> Self:
        header = events[0]
        stored = dict(header["options"])
        recall_objects(header.get("objects"), options, path)
        for name, value in plain_options(options).items():
            if name not in stored or stored[name] != value:
                raise ParameterError(
                    f"{path}: the campaign was begun with {name}={stored.get(name, 'its default')!r}, not {value!r}. "
                    "Leave the option out, or begin another journal."
                )
        if X is None:
            if "labels" not in header:
                raise DataError(
                    f"{path}: the {header['n_candidates']} candidates are too many to stand in the journal. Write "
                    "Search.open(path, X)."
                )
            X = pd.DataFrame(header["features"], index=header["labels"])
        unwritten = {name: value for name, value in options.items() if name not in stored}
        search = cls(X, **recall_arrays(header, {**stored, **unwritten}, path))
        check_arrays(header, {"cost": search._cost, "mask": search._mask}, search._pool.labels, path)
        if "labels" in header:
            search._pool.units.update({k: v for k, v in header["feature_units"].items() if k not in search._pool.units})
        search._replay(events[1:])
        check_pool(header, search._pool.frame, search._pool.labels, path)
        return search

    def close(self) -> None:
        """Let the journal go, so that another process may open it; the search can still be looked at."""
        if self._journal is not None:
            self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def branch(self, n_events: int | None = None) -> Self:
        """A copy in memory as the search was after so many events: to look back, or to try something else.

        Parameters
        ----------
        n_events : int, optional
            Events to take over, of ``n_events``; by default all.

        Returns
        -------
        Search
            Without a journal.

        Raises
        ------
        ParameterError
            There are not so many events.
        """
        n = len(self._events) if n_events is None else n_events
        if isinstance(n, bool) or not 0 <= n <= len(self._events):
            raise ParameterError(f"branch: n_events must be 0 to {len(self._events)}; got {n_events!r}.")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._model = Model(self._pool, self._settings, self._regressor)
        other._pending, other._events, other._journal = [], [], None
        other._excluded = np.zeros(len(self._pool), dtype=bool)
        for event in self._events[:n]:
            other._apply(event)
        return other

    def retrace(self, n_events: int = 0) -> Iterator[Self]:
        """The search as it was after so many events, then after each one more, up to now: far quicker than branches.

        Parameters
        ----------
        n_events : int
            Where to begin, 0 to ``n_events``.

        Returns
        -------
        iterator of Search
            One copy in memory, without a journal, that is one event further each time; what it is told does no harm
            to the search itself.

        Raises
        ------
        ParameterError
            There are not so many events.

        Examples
        --------
        >>> from mi_widgets.bo import Search
        >>> search = Search({"x": range(9)}, seed=0).tell(3, 1.0).tell(5, 0.5)
        >>> [past.n_told for past in search.retrace()]
        [0, 1, 2]
        """
        past = self.branch(n_events)
        return _forward(past, self._events[n_events:])

    @property
    def events(self) -> list[dict[str, Any]]:
        """What has happened so far, in its order, as it stands in a journal: copies.

        Each has ``event`` (``"tell"``, ``"correct"``, ``"retract"``, ``"pending"``, ``"exclude"``, ``"include"``),
        ``time``, and ``rows`` of label, values and known noise, ``label`` or ``labels``.
        """
        return copy.deepcopy(self._events)

    def trials(self) -> xr.Dataset:
        """What was told, in its order: the record of the campaign.

        Returns
        -------
        xarray.Dataset
            Over ``trial``: ``value`` (with ``objective``, where there are several), ``noise`` (NaN where it is learnt)
            and ``best``, the best value so far of the first objective, in the unit of the search; ``candidate`` and
            ``time`` (as text, UTC) as coordinates, and each feature.

        Raises
        ------
        DataError
            Nothing was told so far.
        """
        told = self._model.told
        if not told:
            raise DataError("trials: nothing was told so far. Write search.tell(candidate, value) first.")
        settings = self._settings
        k = len(settings.goals)
        values = np.array([o.values or (np.nan,) * k for o in told])
        better = np.fmin if settings.goals[0] == "min" else np.fmax
        best = better.accumulate(values[:, 0])
        places = np.array([o.place for o in told])
        times = [str(self._events[o.trial].get("time", "")) for o in told]
        unit = {"units": settings.units}
        several = k > 1
        ds = xr.Dataset(
            {
                "value": (
                    ("trial", "objective") if several else "trial",
                    values if several else values[:, 0],
                    {**unit, "long_name": "value"},
                ),
                "noise": ("trial", np.array([o.noise for o in told]), {**unit, "long_name": "known noise"}),
                "best": ("trial", best, {**unit, "long_name": "best value so far"}),
            },
            coords={
                "trial": ("trial", np.arange(len(told)), {"units": "1", "long_name": "trial"}),
                "candidate": (
                    "trial",
                    self._pool.coordinate().values[self._pool.order[places]],
                    {"long_name": "candidate"},
                ),
                "time": ("trial", times, {"long_name": "time (UTC)"}),
            },
        )
        if several:
            ds = ds.assign_coords(objective=("objective", list(settings.objectives), {"long_name": "objective"}))
        pool = self.pool.isel(candidate=self._pool.order[places])
        for name in pool.data_vars:
            if name not in ds.variables:
                ds[name] = ("trial", pool[name].values, pool[name].attrs)
        parameters = {"goal": list(settings.goals), "seed": settings.seed}
        return finish(ds, "Search.trials", "trials of a search", parameters)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the trials as a table, one line each.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.
        """
        self.trials().to_dataframe().reset_index().to_csv(path, index=False)


def _forward(past: Any, events: list[dict[str, Any]]) -> Iterator[Any]:
    yield past
    for event in events:
        past._apply(event)  # noqa: SLF001
        yield past
