"""Taking things away: data, picture and code; never over a file that is already there."""

import html
import logging
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as ipw
import traitlets
import xarray as xr

from mi_widgets.errors import DataError, MIWidgetsError
from mi_widgets.widgets._view import View

__all__ = ["CodeBox", "ExportBar", "free_path", "safe_stem"]

_log = logging.getLogger("mi_widgets")

_CODE_JS = """
export default {
  render({ model, el }) {
    el.classList.add("mi-code");
    const pre = document.createElement("pre"), copy = document.createElement("button");
    copy.textContent = "Copy";
    copy.title = "Copy the code";
    copy.onclick = async () => {
      const text = model.get("code");
      try { await navigator.clipboard.writeText(text); }
      catch {                                   // pages that are not served securely have no clipboard
        const area = Object.assign(document.createElement("textarea"), { value: text });
        document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
      }
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    };
    const show = () => { pre.textContent = model.get("code"); };
    model.on("change:code", show);
    show();
    el.replaceChildren(pre, copy);
    return () => model.off("change:code", show);
  },
};
"""


class CodeBox(anywidget.AnyWidget):
    """Code as text with a button that copies it.

    Attributes
    ----------
    code : str
        The text; shown as it is, never as HTML.
    """

    _esm = _CODE_JS
    code = traitlets.Unicode("").tag(sync=True)


def safe_stem(text: str, default: str = "result") -> str:
    """File name without ending made from any text.

    Examples
    --------
    >>> safe_stem("../C 1s <b>map</b>")
    'C_1s_b_map_b'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:60] or default


def free_path(path: Path) -> Path:
    """The path itself, or the first of ``name-2``, ``name-3`` … that does not exist yet."""
    candidate, n = path, 2
    while candidate.exists():
        candidate = path.with_name(f"{path.stem}-{n}{path.suffix}")
        n += 1
    return candidate


class ExportBar(ipw.VBox):
    """File name, kind, and two buttons: save beside the notebook, or download through the browser.

    Parameters
    ----------
    stem : str
        Suggested file name without ending.
    result : callable
        Gives the Dataset to be written, or None.
    views : sequence of (str, View)
        Names of the pictures and their views.
    code : callable
        Gives the code that is written as ``.py``.
    tell : callable
        Called with a text and ``"info"`` or ``"error"``.
    """

    def __init__(
        self,
        stem: str,
        *,
        result: Callable[[], xr.Dataset | None],
        views: Sequence[tuple[str, View]],
        code: Callable[[], str],
        tell: Callable[[str, str], None],
    ) -> None:
        self._result, self._views, self._code, self._told = result, dict(views), code, tell
        kinds = [("data (netCDF)", "nc"), ("data (CSV)", "csv")]
        for name in self._views:
            kinds += [(f"{name} (PNG)", f"png:{name}"), (f"{name} (SVG)", f"svg:{name}"),
                      (f"{name} (HTML page)", f"html:{name}")]  # fmt: skip
        kinds.append(("code (Python)", "py"))
        narrow = {"width": "auto"}
        self.name = ipw.Text(safe_stem(stem), layout={"width": "190px"}, tooltip="File name without ending")
        self.kind = ipw.Dropdown(options=kinds, value="nc", layout={"width": "190px"}, tooltip="What is written")
        self.save = ipw.Button(
            description="Save", tooltip="Write beside the notebook; a file that exists is kept", layout=narrow
        )
        self.fetch = ipw.Button(description="Download", tooltip="Download through the browser", layout=narrow)
        self.box = CodeBox(code=code())
        self.save.on_click(lambda _: self._go(self._write))
        self.fetch.on_click(lambda _: self._go(self._download))
        self.said = ipw.HTML("", placeholder="")
        super().__init__([ipw.HBox([self.name, self.kind, self.save, self.fetch]), self.said, self.box])
        self.children[0].add_class("mi-row")

    def _tell(self, text: str, kind: str) -> None:
        """Tell the application, and say the same beside the buttons, which may be far from its message."""
        self.said.value = f'<div class="mi-said mi-said-{kind}">{html.escape(text)}</div>'
        self._told(text, kind)

    def _go(self, finish: Callable[[str, bytes], None]) -> None:
        self._try(self._send, finish)

    def _send(self, finish: Callable[[str, bytes], None]) -> None:
        stem, (kind, _, view) = safe_stem(self.name.value), self.kind.value.partition(":")
        stem = f"{stem}_{view}" if view else stem
        if kind not in ("png", "svg"):
            finish(f"{stem}.{kind}", self._content(kind, view))
        elif not self._views[view].request_figure(kind, lambda data: self._try(finish, f"{stem}.{kind}", data)):
            raise DataError("no page shows this picture; display the widget, or choose the HTML page.")

    def _try(self, step: Callable[..., None], *args: Any) -> None:
        try:
            step(*args)
        except (MIWidgetsError, OSError) as error:
            self._tell(f"Nothing was written: {error}", "error")
        except Exception as error:  # noqa: BLE001 - an exception of a button is seen nowhere else in JupyterLab
            _log.error("unexpected error in the export", exc_info=error)
            self._tell(f"Nothing was written: {type(error).__name__}: {error}", "error")

    def _content(self, kind: str, view: str) -> bytes:
        if kind == "html":
            return self._views[view].to_html(view).encode()
        if kind == "py":
            return (self._code() + "\n").encode()
        ds = self._result()
        if ds is None:
            raise DataError("there is no result yet; run the fit first.")
        return _file_bytes(ds, kind)

    def _write(self, name: str, content: bytes) -> None:
        wanted = Path.cwd() / name
        path = free_path(wanted)
        handle, name_now = tempfile.mkstemp(dir=path.parent, prefix=".mi_widgets-")
        temp = Path(name_now)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            with suppress(OSError):  # some file systems have no modes
                temp.chmod(0o644)
            try:
                os.link(temp, path)  # unlike a rename it never replaces a file that came into being meanwhile
            except OSError:  # no hard links on this file system
                path = temp.rename(free_path(path))
        finally:
            temp.unlink(missing_ok=True)
        note = "" if path == wanted else f" ({wanted.name} was there already and is kept)"
        self._tell(f"Written: {path.name}, {_size(len(content))}{note}, in {path.parent}", "info")

    def _download(self, name: str, content: bytes) -> None:
        mime = {"nc": "application/x-netcdf", "csv": "text/csv", "py": "text/x-python", "png": "image/png",
                "svg": "image/svg+xml", "html": "text/html"}[name.rpartition(".")[2]]  # fmt: skip
        if not any(view.download(name, content, mime) for view in self._views.values()):
            raise DataError("no page shows this widget; use Save.")
        self._tell(f"Sent to the browser: {name}, {_size(len(content))}", "info")


def _file_bytes(ds: xr.Dataset, kind: str) -> bytes:
    from mi_widgets.io import write_csv, write_netcdf

    with tempfile.TemporaryDirectory(prefix="mi_widgets-") as folder:
        path = Path(folder) / f"result.{kind}"
        (write_csv if kind == "csv" else write_netcdf)(ds, path)
        return path.read_bytes()


def _size(n: int) -> str:
    return f"{n / 1e6:.1f} MB" if n >= 1e6 else f"{n / 1e3:.0f} kB" if n >= 1e3 else f"{n} bytes"
