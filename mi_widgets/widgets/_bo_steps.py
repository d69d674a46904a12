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
    """A line of steps and a place in it."""

    def __init__(self) -> None:
        self._line: list[Step] = []
        self._at = 0

    def do(self, search: Any, step: Step) -> None:
        """Do something, and remember it once it has succeeded."""
        _call(search, step.forth)
        self.add(step)

    def add(self, step: Step) -> None:
        """Remember what was done already."""
        self._line = [*self._line[: self._at], step]
        self._at += 1

    def back(self, search: Any) -> Step | None:
        """Take the last step back; None where there is none."""
        if not self.can_undo:
            return None
        _call(search, self._line[self._at - 1].back)
        self._at -= 1
        return self._line[self._at]

    def forth(self, search: Any) -> Step | None:
        """Do again what was taken back; None where there is nothing."""
        if not self.can_redo:
            return None
        _call(search, self._line[self._at].forth)
        self._at += 1
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
