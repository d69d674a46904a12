"""Undo and redo of what a search is told: each step knows the calls that take it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Step", "Steps"]

#: Name of a method of `Search`, its arguments, its keywords.
Call = tuple[str, tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """One thing that was done.

    Attributes
    ----------
    text : str
        What it was.
    forth, back : tuple of Call
        What does it, and what takes it back.
    """

    text: str
    forth: tuple[Call, ...]
    back: tuple[Call, ...]


class Steps:
    """A line of steps and a place in it.

    Where a search was told something by others meanwhile, the steps before do not lead back any more: they are dropped.
    """

    def __init__(self) -> None:
        self._line: list[Step] = []
        self._at = 0
        self._n_events: int | None = None

    def do(self, search: Any, step: Step) -> None:
        """Do something, and remember it once it has succeeded."""
        self.follow(search)
        _call(search, step.forth)
        self._line = [*self._line[: self._at], step]
        self._moved(1, search)

    def follow(self, search: Any) -> None:
        """Forget all steps if something else was told to the search after the last of them."""
        if self._n_events is not None and search.n_events != self._n_events:
            self._line, self._at, self._n_events = [], 0, None

    def _moved(self, by: int, search: Any) -> None:
        self._at += by
        self._n_events = search.n_events

    def back(self, search: Any) -> Step | None:
        """Take the last step back; None where there is none."""
        self.follow(search)
        if not self.can_undo:
            return None
        _call(search, self._line[self._at - 1].back)
        self._moved(-1, search)
        return self._line[self._at]

    def forth(self, search: Any) -> Step | None:
        """Do again what was taken back; None where there is nothing."""
        self.follow(search)
        if not self.can_redo:
            return None
        _call(search, self._line[self._at].forth)
        self._moved(1, search)
        return self._line[self._at - 1]

    @property
    def can_undo(self) -> bool:
        """There is a step before."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """There is a step after."""
        return self._at < len(self._line)

    @property
    def undo_text(self) -> str:
        """What would be taken back."""
        return self._line[self._at - 1].text if self.can_undo else ""

    @property
    def redo_text(self) -> str:
        """What would be done again."""
        return self._line[self._at].text if self.can_redo else ""


def _call(search: Any, calls: Sequence[Call]) -> None:
    for name, args, keywords in calls:
        getattr(search, name)(*args, **keywords)
