"""What was there before: the last fits with their parameters, to go back to and forth again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as ipw
import xarray as xr

__all__ = ["History", "HistoryButtons", "Snapshot"]

LONGEST, MOST_BYTES = 10, 500e6


@dataclass(frozen=True)
class Snapshot:
    """Parameters and what they gave; Datasets are kept as they are, not copied.

    Attributes
    ----------
    params : dict
    result, counted : xarray.Dataset or None
        Fit, and number of peaks.
    code, counted_code : str
        Lines that give them.
    state, text : str
        How the run ended, and what its line said.
    computed : dict or None
        Parameters of the result; other than `params` where these were changed since.
    """

    params: dict[str, Any]
    result: xr.Dataset | None
    counted: xr.Dataset | None
    code: str
    counted_code: str
    state: str
    text: str
    computed: dict[str, Any] | None = None

    def same(self, other: "Snapshot") -> bool:
        """Nothing that a user would miss is different."""
        return self.params == other.params and self.result is other.result and self.counted is other.counted


class History:
    """A bounded line of snapshots and a place in it.

    Parameters
    ----------
    first : Snapshot
        Where it begins.
    """

    def __init__(self, first: Snapshot) -> None:
        self._line, self._at = [first], 0

    def keep(self, now: Snapshot) -> None:
        """Go on from here with a new snapshot; what could be redone is dropped."""
        if now.same(self._line[self._at]):
            self._line[self._at] = now
            return
        self._line = [*self._line[: self._at + 1], now]
        while len(self._line) > 2 and (len(self._line) > LONGEST + 1 or self._nbytes() > MOST_BYTES):
            self._line.pop(0)
        self._at = len(self._line) - 1

    def back(self, now: Snapshot) -> Snapshot | None:
        """The snapshot before the present one, None where there is none; changes not kept yet can be redone."""
        self.keep(now)
        if not self.can_undo:
            return None
        self._at -= 1
        return self._line[self._at]

    def forth(self, now: Snapshot) -> Snapshot | None:
        """The snapshot after the present one, None where there is none."""
        if not self.can_redo or self.differs(now):
            return None
        self._at += 1
        return self._line[self._at]

    @property
    def can_undo(self) -> bool:
        """There is something before."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """There is something after."""
        return self._at + 1 < len(self._line)

    def unchanged(self, now: Snapshot) -> bool:
        """The results are those of the place in the line, whatever the parameters are by now."""
        here = self._line[self._at]
        return now.result is here.result and now.counted is here.counted

    def differs(self, now: Snapshot) -> bool:
        """The present has changed since the place in the line."""
        return not now.same(self._line[self._at])

    def _nbytes(self) -> int:
        seen = {id(ds): ds.nbytes for s in self._line for ds in (s.result, s.counted) if ds is not None}
        return sum(seen.values())


class HistoryButtons(ipw.HBox):
    """Undo and redo.

    Parameters
    ----------
    on_undo, on_redo : callable
        Called without arguments.
    """

    def __init__(self, on_undo: Callable[[], None], on_redo: Callable[[], None]) -> None:
        self.undo = ipw.Button(icon="undo", description="Undo", disabled=True,
                               tooltip="Back to the fit and the parameters before")  # fmt: skip
        self.redo = ipw.Button(icon="repeat", description="Redo", disabled=True,
                               tooltip="Forth again to what was undone")  # fmt: skip
        self.undo.on_click(lambda _: on_undo())
        self.redo.on_click(lambda _: on_redo())
        super().__init__([self.undo, self.redo])

    def show(self, history: History, now: Snapshot, *, running: bool) -> None:
        """Enable what can be done."""
        self.undo.disabled = running or not (history.can_undo or history.differs(now))
        self.redo.disabled = running or not history.can_redo or history.differs(now)
