"""The 3-D view as a widget: it hands the page what to draw, and hears what is pointed at."""

import logging
import uuid
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from mi_widgets.errors import MIWidgetsError
from mi_widgets.widgets._structure_ngl import ngl_script

__all__ = ["SCRIPT", "STYLE", "StructureStage"]

_HERE = Path(__file__).parent
_log = logging.getLogger("mi_widgets")
#: The page side, without the line that exports it.
_PARTS = ("quick", "stage", "player", "page")
SCRIPT = "\n".join((_HERE / f"_structure_{part}.js").read_text(encoding="utf-8") for part in _PARTS)
LOADER = (_HERE / "_structure_loader.js").read_text(encoding="utf-8")
STYLE = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("_style.css", "_structure_style.css"))
_TYPES = {
    "position": "<f4", "parent": "<i4", "image": "u1", "bonds": "<i4", "edges": "<f4", "rgb": "u1", "values": "<f4",
    "radius": "<f4", "codes": "<i2",
}  # fmt: skip


class StructureStage(anywidget.AnyWidget):
    """Every display asks for the whole state, so that it is right after a reload and in a second output as well.

    Parameters
    ----------
    state : callable
        Gives all there is to draw: parts and arrays as for `draw`.
    on_event : callable
        Called with what the page says: ``pick``, ``frame``, ``camera``, ``flat``, ``failed``.
    """

    _esm = f'const VERSION = "{sha256(SCRIPT.encode()).hexdigest()[:16]}";\n{LOADER}'
    _css = STYLE
    shown = traitlets.Int(0)

    def __init__(
        self,
        state: Callable[[], tuple[dict[str, Any], Mapping[str, np.ndarray]]],
        on_event: Callable[[dict[str, Any]], None],
        **kwargs: Any,
    ) -> None:
        self._state, self._on_event = state, on_event
        self._displays: dict[str, None] = {}
        self._wanted: dict[str, Callable[[bytes | None, str], None]] = {}
        super().__init__(**kwargs)
        self.on_msg(self._receive)

    def draw(self, parts: dict[str, Any], arrays: Mapping[str, np.ndarray], vid: str | None = None) -> int:
        """Send what has changed; returns the number of bytes in the arrays.

        Parameters
        ----------
        parts : dict
            ``sites``, ``atoms``, ``colors``, ``look``, ``labels``, ``select``, ``measure``, ``frame``, ``camera``.
        arrays : mapping
            By the names that the page knows.
        vid : str, optional
            One display alone.
        """
        if vid is None and not self._displays:
            return 0  # whoever displays it later asks for everything
        buffers = [np.ascontiguousarray(values, dtype=_TYPES[name]).tobytes() for name, values in arrays.items()]
        message = {"k": "state", "parts": parts, "bufs": list(arrays)} | ({"vid": vid} if vid else {})
        self.send(message, buffers)
        return sum(map(len, buffers))

    def request_image(self, callback: Callable[[bytes | None, str], None]) -> bool:
        """Ask the page for a picture (PNG), or the reason why there is none; False where no page shows the view."""
        if not self._displays:
            return False
        rid = uuid.uuid4().hex
        self._wanted[rid] = callback
        self.send({"k": "image", "rid": rid, "vid": next(reversed(self._displays))})
        return True

    def download_image(self, name: str, scale: int = 2) -> bool:
        """Let the browser save a picture (PNG); False where no page shows the view."""
        if self._displays:
            self.send({"k": "image", "download": name, "scale": scale, "vid": next(reversed(self._displays))})
        return bool(self._displays)

    def _receive(self, _widget: Any, message: dict[str, Any], buffers: list[Any]) -> None:
        kind, vid = message.get("k"), str(message.get("vid"))
        if kind == "need-page":
            self.send({"k": "page"}, [(SCRIPT + "\nexport { render };\n").encode()])
        elif kind == "need-ngl":
            try:
                self.send({"k": "ngl"}, [ngl_script().encode()])
            except MIWidgetsError as error:
                self.send({"k": "ngl", "text": str(error)})
        elif kind == "ready":
            self._displays[vid] = None
            self.shown = len(self._displays)
            self.draw(*self._state(), vid=vid)
        elif kind == "gone":
            self._displays.pop(vid, None)
            self.shown = len(self._displays)
        elif kind == "image":
            answer = self._wanted.pop(str(message.get("rid")), None)
            if answer is not None:
                answer(bytes(buffers[0]) if buffers else None, str(message.get("text", "")))
        else:
            if vid in self._displays:  # the display used last is the last in order
                self._displays.pop(vid)
                self._displays[vid] = None
            if kind == "failed":
                _log.error("a structure view failed in the page: %s", message.get("text"))
            self._on_event(message)
