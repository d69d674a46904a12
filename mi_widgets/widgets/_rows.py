"""A table in the page whose rows can be pointed at, and whose names can be changed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

__all__ = ["RowTable"]

_HERE = Path(__file__).parent
_LONGEST_NAME = 80


class RowTable(anywidget.AnyWidget):
    """Rows of text.

    Parameters
    ----------
    columns : sequence of dict
        ``title``; ``tip``; ``left`` aligns text; ``name`` marks the column that can be changed, and ``edit`` says how.
    on_pick : callable
        Called with the number of a row and whether it is added to those chosen before.
    on_rename : callable, optional
        Called with the number of a row and its new name.

    Attributes
    ----------
    rows : list of dict
        ``id`` (number), ``cells`` (texts), ``color`` of the swatch, ``name``.
    chosen : list of int
        Numbers of the rows that are marked.
    note : str
        Line below the table.
    """

    _esm = (_HERE / "_rows.js").read_text(encoding="utf-8")
    _css = (_HERE / "_rows.css").read_text(encoding="utf-8")
    columns: Any = traitlets.List().tag(sync=True)
    rows: Any = traitlets.List().tag(sync=True)
    chosen: Any = traitlets.List().tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        columns: Sequence[dict[str, Any]],
        on_pick: Callable[[int, bool], None],
        on_rename: Callable[[int, str], None] | None = None,
    ) -> None:
        self._on_pick, self._on_rename = on_pick, on_rename
        super().__init__(columns=[dict(c) for c in columns])
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, message: dict[str, Any], _buffers: list[Any]) -> None:
        known = {row["id"] for row in self.rows}
        number = message.get("id")
        if not isinstance(number, int) or number not in known:
            return  # the page showed rows that are gone by now
        if message.get("k") == "pick":
            self._on_pick(number, bool(message.get("shift")))
        elif message.get("k") == "rename" and self._on_rename is not None:
            self._on_rename(number, str(message.get("text", ""))[:_LONGEST_NAME])
