"""What a search is told: checked, written to the journal, and only then believed."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from mi_widgets.bo._checks import as_list, check_noise, check_values
from mi_widgets.bo._journal import Journal
from mi_widgets.bo._model import Model, Observation
from mi_widgets.bo._pool import Label, Pool
from mi_widgets.bo._settings import Settings
from mi_widgets.errors import DataError, LabelError

__all__ = ["Record"]


class Record:
    """The part of `Search` that takes observations."""

    _pool: Pool
    _settings: Settings
    _model: Model
    _journal: Journal | None
    _events: list[dict[str, Any]]
    _pending: list[int]
    _excluded: np.ndarray

    # ---- public

    def tell(
        self, candidate: Any, value: Any, *, noise: Any = None, feasible: bool = True, repeat: bool = False
    ) -> Self:
        """Take the measured value of a candidate, or those of several at once.

        With a journal, the value is on the disk when this returns.

        Parameters
        ----------
        candidate : label or sequence of labels
            As in `X`; `ask` gives such a list.
        value : float, sequence of float, or None
            In the unit of the search; for several objectives a sequence for each candidate. None with
            ``feasible=False``.
        noise : float or sequence of float, optional
            Known standard deviation of each value, in its unit; by default the noise is learnt.
        feasible : bool
            False where the experiment showed that the candidate cannot be made or measured: the search, if made with
            ``learn_feasibility=True``, learns where that happens.
        repeat : bool
            Whether a candidate that was told before may be told again, as one more measurement.

        Returns
        -------
        Search
            Itself.

        Raises
        ------
        LabelError
            There is no such candidate.
        DataError
            A value is not finite, there are not as many values as candidates, or the candidate was told before.
        JournalError
            The journal cannot be written; nothing was told then.
        """
        labels, many = as_list(candidate)
        places = [self._pool.find(label, who="tell") for label in labels]
        values = check_values(value, labels, many, feasible, self._settings, self._model.transforms[0])
        spread = check_noise(noise, len(labels))
        if not (repeat or self._settings.repeats):
            self._refuse_twice(labels, places)
        rows = [
            [self._pool.labels[i], None if v is None else list(v), s]
            for i, v, s in zip(places, values, spread, strict=True)
        ]
        self._record({"event": "tell", "rows": rows, "x": [self._pool.row(i) for i in places]})
        return self

    def tell_pending(self, candidate: Any) -> Self:
        """Mark candidates that are being measured: they are not suggested, and what they may teach is reckoned with.

        Parameters
        ----------
        candidate : label or sequence of labels
            As in `X`; they cease to be pending when they are told or retracted.

        Returns
        -------
        Search
            Itself.

        Raises
        ------
        LabelError
            There is no such candidate.
        """
        labels, _ = as_list(candidate)
        places = [self._pool.find(label, who="tell_pending") for label in labels]
        self._record({"event": "pending", "labels": [self._pool.labels[i] for i in places]})
        return self

    def retract(self, candidate: Any) -> Self:
        """Take back what was told last of a candidate, or that it is pending.

        Parameters
        ----------
        candidate : label
            As in `X`.

        Returns
        -------
        Search
            Itself.

        Raises
        ------
        LabelError
            There is no such candidate.
        DataError
            It was not told.
        """
        i = self._pool.find(candidate, who="retract")
        if i not in self._pending:
            self._last(i, "retract")
        self._record({"event": "retract", "label": self._pool.labels[i]})
        return self

    def correct(self, candidate: Any, value: Any, *, noise: float | None = None) -> Self:
        """Put another value in the place of the one that was told last of a candidate.

        Parameters
        ----------
        candidate : label
            As in `X`.
        value : float or sequence of float
            The right value.
        noise : float, optional
            Known standard deviation of it.

        Returns
        -------
        Search
            Itself.

        Raises
        ------
        LabelError
            There is no such candidate.
        DataError
            It was not told, or the value is not finite.
        """
        i = self._pool.find(candidate, who="correct")
        self._last(i, "correct")
        new = check_values(value, [candidate], False, True, self._settings, self._model.transforms[0])[0]
        spread = check_noise(noise, 1)[0]
        row = [self._pool.labels[i], None if new is None else list(new), spread]
        self._record({"event": "correct", "rows": [row]})
        return self

    def exclude(self, candidate: Any) -> Self:
        """Leave candidates out of all suggestions from now on.

        Parameters
        ----------
        candidate : label or sequence of labels
            As in `X`.

        Returns
        -------
        Search
            Itself.

        Raises
        ------
        LabelError
            There is no such candidate.
        """
        return self._bar(candidate, "exclude")

    def include(self, candidate: Any) -> Self:
        """Let candidates that were excluded be suggested again; the reverse of `exclude`, with the same parameters.

        Parameters
        ----------
        candidate : label or sequence of labels
            As in `X`.

        Returns
        -------
        Search
            Itself.

        Raises
        ------
        LabelError
            There is no such candidate.
        """
        return self._bar(candidate, "include")

    # ---- checks

    def _bar(self, candidate: Any, event: str) -> Self:
        labels, _ = as_list(candidate)
        places = [self._pool.find(label, who=event) for label in labels]
        self._record({"event": event, "labels": [self._pool.labels[i] for i in places]})
        return self

    def _refuse_twice(self, labels: Sequence[Any], places: Sequence[int]) -> None:
        known = {o.place: o for o in self._model.told}
        for k, (label, i) in enumerate(zip(labels, places, strict=True)):
            if i in known or i in places[:k]:
                before = known[i].values if i in known else None
                said = f" ({', '.join(f'{v:g}' for v in before)})" if before else ""
                raise DataError(
                    f"tell: candidate {label!r} was told before{said}. Write search.correct(candidate, value) to put "
                    "it right, or tell(..., repeat=True) for one more measurement of it."
                )

    def _last(self, place: int, who: str) -> int:
        for k in range(len(self._model.told) - 1, -1, -1):
            if self._model.told[k].place == place:
                return k
        raise DataError(
            f"{who}: candidate {self._pool.labels[place]!r} was not told. Told are "
            f"{', '.join(repr(self._pool.labels[o.place]) for o in self._model.told[-5:]) or 'none'}."
        )

    # ---- events

    def _record(self, event: dict[str, Any]) -> None:
        """Write an event down, then believe it."""
        event["time"] = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        if self._journal is not None:
            self._journal.append(event)
        self._apply(event)

    def _apply(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind in ("tell", "correct"):
            new = [self._observation(row, len(self._events)) for row in event["rows"]]
            if kind == "correct":
                k = self._last(new[0].place, "correct")
                new[0].trial = self._model.told[k].trial
                self._model.replace(k, new[0])
            else:
                self._model.add(new)
                told = {o.place for o in new}
                self._pending = [i for i in self._pending if i not in told]
        elif kind == "retract":
            i = self._place(event["label"])
            if i in self._pending:
                self._pending.remove(i)
            else:
                self._model.remove(self._last(i, "retract"))
        elif kind == "pending":
            places = [self._place(label) for label in event["labels"]]
            self._pending += [i for i in places if i not in self._pending]
        else:
            for label in event["labels"]:
                self._excluded[self._place(label)] = kind == "exclude"
        self._events.append(event)

    def _observation(self, row: Sequence[Any], trial: int) -> Observation:
        label, values, noise = row
        return Observation(
            self._place(label),
            None if values is None else tuple(float(v) for v in values),
            float("nan") if noise is None else float(noise),
            trial,
        )

    def _place(self, label: Label) -> int:
        return self._pool.find(label, who="Search")

    def _replay(self, events: Iterable[dict[str, Any]]) -> None:
        """Believe events that were written earlier, after a look at whether they are of this pool."""
        for event in events:
            rows = event.get("rows", [])
            for row, x in zip(rows, event.get("x", []), strict=False):
                self._check_row(row[0], x)
            self._apply(event)

    def _check_row(self, label: Label, x: list[Any]) -> None:
        try:
            i = self._pool.find(label, who="Search.open")
        except LabelError:
            raise DataError(
                f"Search.open: candidate {label!r}, which the journal tells of, is not in X: the pool was changed. "
                "Give the X of that campaign; it may have more candidates, not fewer."
            ) from None
        now = self._pool.row(i)
        same = len(now) == len(x) and all(
            a == b
            or (isinstance(a, float | int) and isinstance(b, float | int) and np.isclose(a, b, rtol=1e-9, atol=0))
            for a, b in zip(now, x, strict=True)
        )
        if not same:
            raise DataError(
                f"Search.open: candidate {label!r} had the features {x} when it was told and has {now} in X: the pool "
                "was changed between runs. Give the X of that campaign, or begin another journal."
            )
