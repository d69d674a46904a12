"""What a search believed at each step of its campaign, kept so that going back and forth is quick."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mi_widgets.bo import Search
from mi_widgets.errors import DataError

__all__ = ["Moment", "Past"]

#: Events that change what is believed.
_STOPS = ("tell", "correct", "retract")


class Moment(NamedTuple):
    """What was believed, suggested and told next, after `n_events` events and `n_told` values."""

    n_events: int
    n_told: int
    belief: xr.Dataset
    trials: xr.Dataset | None
    suggested: Any
    next: list[tuple[Any, float]]
    best: tuple[Any, float] | None


class Past:
    """The steps of a campaign: step 0 before anything was told, then one after each event that changed what was told.

    Parameters
    ----------
    search : mi_widgets.bo.Search
        It is only looked at: the past is retraced in a copy.
    most_bytes : int
        Beliefs beyond that are forgotten, those looked at longest ago first.
    """

    def __init__(self, search: Search, *, most_bytes: int = 80_000_000) -> None:
        self._lock = threading.RLock()
        self._most, self._size = most_bytes, 0
        self._kept: OrderedDict[int, Moment] = OrderedDict()
        self.events: list[dict[str, Any]] = []
        self.stops = [0]
        self._pool: Any = None
        self._walk: Iterator[Search] | None = None
        self._at = 0
        self._frozen = search
        self.renew(search)

    @property
    def n_steps(self) -> int:
        """Steps after the beginning."""
        return len(self.stops) - 1

    def renew(self, search: Search) -> None:
        """Take over what happened since; what was kept and is still true stays."""
        with self._lock:
            events, pool = search.events, search._pool
            differ = (k for k, (a, b) in enumerate(zip(events, self.events, strict=False)) if a != b)
            same = next(differ, min(len(events), len(self.events))) if pool is self._pool else 0
            if pool is self._pool and same == len(events) == len(self.events):
                return
            after = dict(enumerate(self.stops[1:]))
            for step in [s for s in self._kept if after.get(s, same + 1) > same]:  # with what was told next
                self._forget(step)
            self._frozen, self._pool, self.events = search.branch(), pool, events
            self.stops = [0, *(k for k, e in enumerate(events, 1) if e["event"] in _STOPS)]
            self._walk, self._at = None, 0

    def known(self, step: int) -> Moment | None:
        """The moment, if it is kept."""
        with self._lock:
            if step in self._kept:
                self._kept.move_to_end(step)
            return self._kept.get(step)

    def at(self, step: int) -> Moment:
        """The moment, computed if it is not kept."""
        for passed in self.walk(step):
            found = passed.moment
        return found

    def walk(self, step: int) -> Iterator["Passed"]:
        """Go to a step, and give what is passed on the way; the last one is the moment asked for."""
        if not 0 <= step <= self.n_steps:
            raise DataError(f"there are steps 0 to {self.n_steps}; got {step}.")
        while True:
            with self._lock:
                passed = self._advance(step)
            yield passed
            if passed.step == step:
                return

    # ---- pieces

    def _advance(self, step: int) -> "Passed":
        """One step further, from the beginning where the one asked for lies behind."""
        kept = self.known(step)
        if kept is not None:
            return Passed(step, kept)
        if self._walk is None or self._at > step:
            self._walk, self._at = self._frozen.retrace(), 0
            past = next(self._walk)
        else:
            past = self._step()
        if self._at not in self._kept:
            self._keep(self._at, self._moment(past, self._at))
        return Passed(self._at, self._kept[self._at])

    def _step(self) -> Search:
        walk = self._walk
        if walk is None:
            raise DataError("nothing to go on from.")
        target, past = self.stops[self._at + 1], None
        while past is None or past.n_events < target:
            past = next(walk)
        self._at += 1
        return past

    def _moment(self, past: Search, step: int) -> Moment:
        belief = past.posterior()
        left = int((~(belief["told"].values | belief["pending"].values | belief["excluded"].values)).sum())
        suggested = past.ask()[0] if left else None
        trials = past.trials() if past.n_told else None
        best = None
        if trials is not None and np.isfinite(trials["best"].values[-1]):
            label = past.best()
            best = (label, float(trials["best"].values[-1]))
        following = self.events[self.stops[step + 1] - 1] if step < self.n_steps else None
        return Moment(past.n_events, past.n_told, belief, trials, suggested, _told_in(following), best)

    def _keep(self, step: int, moment: Moment) -> None:
        self._kept[step] = moment
        self._size += _bytes(moment)
        while self._size > self._most and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, step: int) -> None:
        self._size -= _bytes(self._kept.pop(step))


class Passed(NamedTuple):
    """A step that was passed, and its moment."""

    step: int
    moment: Moment


def _bytes(moment: Moment) -> int:
    return int(moment.belief.nbytes)


def _told_in(event: dict[str, Any] | None) -> list[tuple[Any, float]]:
    """Labels and first values that an event told; nothing for other events."""
    if event is None or event["event"] == "retract":
        return []
    rows = event.get("rows", [])
    return [(label, float("nan") if values is None else float(values[0])) for label, values, _ in rows]
