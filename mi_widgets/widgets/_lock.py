"""One lock for all that belongs to one application, wherever its callbacks come from."""

import threading
from types import TracebackType
from typing import Protocol, Self
from weakref import WeakSet

__all__ = ["AppLock", "Sender"]


class Sender(Protocol):
    """What collects changes and sends them when it is told to."""

    def _flush(self, last: bool = True) -> None: ...


class _Core:
    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.depth = 0
        self.views: WeakSet[Sender] = WeakSet()
        self.into: _Core | None = None


class AppLock:
    """Re-entrant lock of one application; letting go of it sends what its views have collected.

    Callbacks come from the main thread, from subshell threads of the kernel and from the worker; every one
    of them takes this lock, so a Bokeh document never sees two at a time, and what one callback changes
    travels to the page as one message per view.
    """

    def __init__(self) -> None:
        self._core = _Core()
        self._held: list[_Core] = []

    def share(self, other: "AppLock") -> None:
        """Make two applications use one lock, so that they can change each other without waiting for ever."""
        with self, other:
            mine, theirs = self._find(), other._find()
            if mine is not theirs:
                for view in theirs.views:
                    mine.views.add(view)
                theirs.into = mine

    def add(self, view: Sender) -> None:
        """Let this lock send what `view` collects."""
        with self:
            self._find().views.add(view)

    def flush(self) -> None:
        """Send what the views have collected so far, before something slower is done."""
        with self:
            for view in list(self._find().views):
                view._flush(last=False)

    def _find(self) -> _Core:
        while self._core.into is not None:
            self._core = self._core.into
        return self._core

    def __enter__(self) -> Self:
        while True:
            core = self._find()
            core.lock.acquire()
            if core is self._find():  # else the lock was merged into another one while this thread waited
                core.depth += 1
                self._held.append(core)
                return self
            core.lock.release()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        core = self._held.pop()
        try:
            if core.depth == 1:
                for view in list(core.views):
                    view._flush()
        finally:
            core.depth -= 1
            core.lock.release()
