"""One HoloViews picture in one widget: the only module that knows how Bokeh meets ipywidgets."""

import html
import json
import logging
import re
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anywidget
import bokeh
import holoviews as hv
import numpy as np
import traitlets
from bokeh.core.json_encoder import serialize_json
from bokeh.core.serialization import Serializer, UnknownReferenceError
from bokeh.document import Document
from bokeh.embed.util import standalone_docs_json_and_render_items
from bokeh.io.doc import patch_curdoc
from holoviews.plotting.bokeh.element import ElementPlot, OverlayPlot

from mi_widgets.errors import ParameterError
from mi_widgets.widgets._lock import AppLock

__all__ = ["View"]

_HERE = Path(__file__).parent
_BOKEH_JS = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
_log = logging.getLogger("mi_widgets")


def _same(old: Any, new: Any) -> bool:
    return isinstance(old, np.ndarray) and isinstance(new, np.ndarray) and np.array_equal(old, new)


class View(anywidget.AnyWidget):
    """A HoloViews picture as a widget.

    HoloViews declares the figure once. Changes of the Bokeh document travel to the page in batches with binary
    buffers; `put` and, faster still, `write` give new columns to the figure. BokehJS
    comes from the installed package through the kernel connection, once per page: no network is used.

    Parameters
    ----------
    element : holoviews object
        What is drawn.
    lock : AppLock, optional
        The lock of the application this view belongs to.
    wire : callable, optional
        Called with the view before it is shown, to connect events of the figures.
    on_error : callable, optional
        Called with an exception that a callback of the page raised; by default the text is shown in the page.
    frames : bool, default False
        Keep the shape of figures with a fixed frame and shrink them when the cell is narrow.

    Notes
    -----
    A view may be displayed several times, and again after a page reload: each display asks for the document anew.
    """

    _esm = (_HERE / "_view.js").read_text(encoding="utf-8")  # as paths they would hold every view for ever
    _css = (_HERE / "_style.css").read_text(encoding="utf-8")
    bokeh_version = traitlets.Unicode(bokeh.__version__).tag(sync=True)

    def __init__(
        self,
        element: Any,
        *,
        lock: AppLock | None = None,
        wire: Callable[["View"], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
        **kwargs: Any,
    ) -> None:
        self.lock = lock or AppLock()
        self._wire, self._on_error = wire, on_error
        self._events: list[Any] = []
        self._displays: dict[str, None] = {}
        self._behind: set[str] = set()  # displays that still show what was drawn before
        self._replaced = False
        self._ack: dict[str, Any] | None = None
        self._wanted: dict[str, Callable[[bytes], None]] = {}
        self._keys: list[Callable[[str, bool], None]] = []
        self._after: list[Callable[[], None]] = []
        super().__init__(**kwargs)
        self.lock.add(self)
        self.on_msg(self._receive)
        with self.lock:
            self._build(element)

    def show(self, element: Any) -> None:
        """Draw something else; every display of this view asks for it."""
        with self.lock:
            self._document.remove_on_change(self)
            self._behind, self._replaced = set(self._displays), True
            self._build(element)
            self.send({"k": "reset"})

    def _build(self, element: Any) -> None:
        self._events = []
        self._document = Document()
        with patch_curdoc(self._document):  # else HoloViews ties every plot to the document of the process
            self.plot = hv.renderer("bokeh").get_plot(element, doc=self._document)
        drawn = [p for p in self.plot.traverse(lambda p: p) if isinstance(p, ElementPlot)]
        drawn = [p for p in drawn if not isinstance(p, OverlayPlot) and p.current_frame is not None]
        self._parts: dict[str, Any] = {p.current_frame.label: p for p in drawn}
        if self._wire is not None:
            self._wire(self)
        self._document.add_root(self.plot.state)
        self._document.on_change_dispatch_to(self)

    def part(self, label: str) -> Any:
        """HoloViews' plot of the element with this label; its ``handles`` hold the Bokeh models.

        Raises
        ------
        ParameterError
            No element has this label.
        """
        try:
            return self._parts[label]
        except KeyError:
            raise ParameterError(f"nothing drawn is labelled {label!r}; there are {list(self._parts)}") from None

    def add(self, label: str, figure: Any, renderer: Any) -> None:
        """Know a renderer, which `wire` added to a figure by Bokeh itself, by a label: far quicker than an element."""
        source, glyph = renderer.data_source, renderer.glyph
        handles = {"plot": figure, "source": source, "glyph": glyph, "glyph_renderer": renderer}
        self._parts[label] = SimpleNamespace(handles=handles)

    def figure(self, label: str) -> Any:
        """Bokeh figure in which the element with this label is drawn."""
        return self.part(label).handles["plot"]

    def put(self, element: hv.Element) -> None:
        """Replace the data of the element with the same label, and nothing else."""
        data, _, _ = self.part(element.label).get_data(element, {}, {})
        self.write(element.label, data)

    def write(self, label: str, columns: dict[str, Any]) -> None:
        """Replace columns of one element as Bokeh has them: the hot path, it makes no HoloViews element.

        Columns that are the same as before, such as an axis, are not sent again; all columns keep one length.
        """
        with self.lock:
            source = self.part(label).handles["source"]
            new = {k: v for k, v in columns.items() if not _same(source.data.get(k), v)}
            if len(new) == 1 and len(columns) == len(source.data) > 1:
                name, values = next(iter(new.items()))
                source.data[name] = values
            elif new:
                source.data = dict(columns)

    def on_key(self, callback: Callable[[str, bool], None]) -> None:
        """Call back with the name of an arrow key (``"ArrowLeft"``) or ``"p"``, and whether shift was held."""
        self._keys.append(callback)

    def on_patch(self, callback: Callable[[], None]) -> None:
        """Call back once after each batch of changes that the page has made to the figures."""
        self._after.append(callback)

    def request_figure(self, kind: str, callback: Callable[[bytes], None]) -> bool:
        """Ask the page for this picture as ``"png"`` or ``"svg"``; False where no page shows the view."""
        if not self._displays:
            return False
        rid = uuid.uuid4().hex
        self._wanted[rid] = callback
        self.send({"k": "figure", "rid": rid, "format": kind, "vid": next(reversed(self._displays))})
        return True

    def download(self, name: str, content: bytes, mime: str) -> bool:
        """Hand a file to the browser that used this view last; False where no page shows the view."""
        if not self._displays:
            return False
        self.send({"k": "download", "name": name, "mime": mime, "vid": next(reversed(self._displays))}, [content])
        return True

    def to_html(self, title: str = "") -> str:
        """A page that needs nothing else: this picture with BokehJS inline."""
        with self.lock:  # Bokeh's own page would add scripts of every package that extends it, from elsewhere
            docs, _ = standalone_docs_json_and_render_items([self.plot.state], suppress_callback_warning=True)
        doc = next(iter(docs.values()))
        root = doc["roots"][0]["id"]
        item = serialize_json({"target_id": "picture", "root_id": root, "doc": doc, "version": bokeh.__version__})
        script = _BOKEH_JS.read_text(encoding="utf-8")
        for address in set(re.findall(r'https?://cdn\.[^"\'`\s)]+', script)):  # of fonts and formulas
            script = script.replace(address, "data:,")
        inside = f"{script}\n;Bokeh.embed.embed_item({item});".replace("</", "<\\/")
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f'</head>\n<body><div id="picture"></div>\n<script>{inside}</script>\n</body>\n</html>\n'
        )

    def _frames(self) -> list[dict[str, Any]]:
        figures = {id(p.handles["plot"]): p.handles["plot"] for p in self._parts.values()}
        return [
            {"id": f.id, "width": f.frame_width, "height": f.frame_height, "beside": 198}
            for f in figures.values()
            if f.frame_width and f.frame_height
        ]

    # Bokeh calls this for every change of the document (the name is Bokeh's).
    def _document_patched(self, event: Any) -> None:
        if event.setter is self and len(self._displays) < 2:
            return
        with self.lock:
            self._events.append(event)

    def _flush(self, last: bool = True) -> None:
        if not (last or self._events):
            return  # an acknowledgement alone can wait
        ack, self._ack = self._ack, None
        events, self._events = self._events, []
        message: dict[str, Any] = {"k": "ack"}
        buffers: list[bytes] = []
        own = [e for e in events if e.setter is self]
        events = [e for e in events if e.setter is not self]
        if own and ack:
            self._send_patch(own, {"k": "patch", "from": ack["vid"]})
        if events:
            self._send_patch(events, {"k": "patch"} | ({"ack": ack} if ack else {}))
        elif ack:
            self.send(message | {"ack": ack}, buffers)

    def _send_patch(self, events: Sequence[Any], message: dict[str, Any]) -> None:
        models = self._document.models
        serializer = Serializer(references=models.synced_references, deferred=True)
        patch = {"events": serializer.encode(list(events))}
        models.flush_synced(lambda model: not serializer.has_ref(model))
        message |= {"patch": serialize_json(patch), "ids": [b.id for b in serializer.buffers]}
        self.send(message, [b.to_bytes() for b in serializer.buffers])

    def _receive(self, _widget: Any, message: dict[str, Any], buffers: list[Any]) -> None:
        try:
            with self.lock:
                self._handle(message, buffers)
        except Exception as error:  # noqa: BLE001 - whatever a callback raises belongs in the page, where the user looks
            _log.exception("callback of a view failed")
            with self.lock:
                if self._on_error is not None:
                    self._on_error(error)
                else:
                    self.send({"k": "error", "text": f"{type(error).__name__}: {error}"})

    def _handle(self, message: dict[str, Any], buffers: list[Any]) -> None:
        kind, vid = message.get("k"), str(message.get("vid"))
        if kind == "need-bokehjs":
            self.send({"k": "bokehjs"}, [_BOKEH_JS.read_bytes()])
            return
        if kind == "gone":
            self._displays.pop(vid, None)
            return
        if vid in self._displays or kind == "ready":  # the display used last is the last in order
            self._displays.pop(vid, None)
            self._displays[vid] = None
        if kind == "ready":
            self._behind.discard(vid)
            self._flush()
            docs, _ = standalone_docs_json_and_render_items([self.plot.state], suppress_callback_warning=True)
            doc = serialize_json(next(iter(docs.values())))
            self.send({"k": "doc", "vid": vid, "n": message.get("n"), "doc": doc, "frames": self._frames()})
        elif kind == "patch":
            self._ack = {"vid": vid, "seq": message["seq"]}
            if vid in self._behind:
                self._flush()
                return  # of figures that are gone: nothing here has their names
            try:
                self._document.apply_json_patch(json.loads(message["patch"]), setter=self)
            except UnknownReferenceError:  # said of the old figures by a page that has yet to draw the new ones
                if not self._replaced:
                    raise
                return
            for after in self._after:
                after()
        elif kind == "key":
            for callback in self._keys:
                callback(str(message["key"]), bool(message.get("shift")))
        elif kind == "figure":
            callback_ = self._wanted.pop(str(message.get("rid")), None)
            if callback_ is not None:
                callback_(bytes(buffers[0]))
        elif kind == "failed":
            _log.error("a view failed in the page: %s", message.get("text"))
