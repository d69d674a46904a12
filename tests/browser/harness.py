"""Drive a notebook in a real page: servers, run all, canvases by number, time from an event to the changed frame."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Page
from warm_kernels import WARM

CHROMIUM_ARGS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    # Nothing but the local server can be reached, so a page that needs a CDN fails its test.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-gpu",  # 2-D canvases on the CPU, which is fast; WebGL still paints, through SwiftShader
]

# window.__mi: canvases (shadow roots included) in page order, a hash of what one shows, and the time from an event on
# the window to the first frame in which that hash differs.
PROBE = r"""
(() => {
  const deep = (root, css, out) => {
    out.push(...root.querySelectorAll(css));
    root.querySelectorAll("*").forEach((e) => e.shadowRoot && deep(e.shadowRoot, css, out));
    return out;
  };
  const off = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
  const cx = off.getContext("2d", { willReadFrequently: true });
  const hash = (c) => {
    cx.clearRect(0, 0, 64, 64);
    cx.drawImage(c, 0, 0, 64, 64);
    let h = 5381;
    for (const v of cx.getImageData(0, 0, 64, 64).data) h = Math.imul(h, 33) ^ v;
    return h;
  };
  window.__mi = {
    all: (css) => deep(document, css, []),
    canvases: () => deep(document, "canvas", []).filter((c) => c.getBoundingClientRect().width > 60),
    hash,
    timed(i, event, limit = 10000) {
      const c = this.canvases()[i], before = hash(c);
      this.ms = null;
      let t0;
      const tick = () => {
        if (hash(c) !== before) this.ms = performance.now() - t0;
        else if (performance.now() - t0 < limit) requestAnimationFrame(tick);
        else this.ms = Infinity;
      };
      addEventListener(event, () => { t0 = performance.now(); tick(); }, { capture: true, once: true });
    },
  };
})();
"""

# Whether for `ms` no picture of the page changed and its kernel, where the page tells of one, had nothing to do.
_STILL = """async (ms) => {
  const now = () => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return [kernel?.status === "busy" ? Math.random() : 0, ...__mi.canvases().map(__mi.hash)].join();
  };
  const before = now();
  await new Promise((done) => setTimeout(done, ms));
  return now() === before;
}"""
_READY = """() => {
  const w = window.jupyterapp?.shell.currentWidget;
  return w?.sessionContext?.session?.kernel?.status === "idle" && w.content.widgets.length > 0;
}"""
_RUN_ALL = "async () => { await window.jupyterapp.commands.execute('notebook:run-all-cells'); return true; }"
_OUTPUTS = """() => window.jupyterapp.shell.currentWidget.content.widgets
  .filter((c) => c.model.type === "code").map((c) => c.model.outputs.toJSON())"""
_FINISHED = """() => {
  const w = window.jupyterapp.shell.currentWidget;
  const code = w.content.widgets.filter((c) => c.model.type === "code" && c.model.sharedModel.getSource().trim());
  const failed = code.some((c) => c.model.outputs.toJSON().some((o) => o.output_type === "error"));
  return w.sessionContext.session.kernel.status === "idle" && (failed || code.every((c) => c.model.executionCount));
}"""


@dataclass(frozen=True)
class Server:
    """A running Jupyter server and one of the three doors it opens: JupyterLab, Notebook 7, Voila."""

    base: str
    token: str
    root: Path
    log: Path
    door: Literal["lab", "notebook7", "voila"] = "lab"

    def url(self, name: str) -> str:
        """Address of a notebook in this door; Lab shows the single document, without side bars."""
        path = {"lab": "doc/tree", "notebook7": "notebooks", "voila": "voila/render"}[self.door]
        return f"{self.base}/{path}/{name}?token={self.token}" + ("&reset" if self.door == "lab" else "")

    def through(self, door: Literal["lab", "notebook7", "voila"]) -> "Server":
        """The same server through another door."""
        return replace(self, door=door)


def free_port() -> int:
    """A TCP port on loopback that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def private_environment(home: Path) -> dict[str, str]:
    """The environment with every Jupyter folder inside `home`, so that no setting of the user is read or written."""
    settings = home / "settings" / "@jupyterlab"
    (settings / "apputils-extension").mkdir(parents=True, exist_ok=True)
    (settings / "apputils-extension" / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}', encoding="utf-8"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))}
    return env | {
        "JUPYTER_CONFIG_DIR": f"{home}/config",
        "JUPYTER_DATA_DIR": f"{home}/data",
        "JUPYTER_RUNTIME_DIR": f"{home}/run",
        "JUPYTERLAB_SETTINGS_DIR": f"{home}/settings",
        "JUPYTERLAB_WORKSPACES_DIR": f"{home}/workspaces",
        "IPYTHONDIR": f"{home}/ipython",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


@contextmanager
def stopped_at_exit(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in its own group, its output in `log`, and end the whole group on leaving."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        # A server that has been asked twice stops without a question; the group holds its kernels too.
        for sig, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
            if process.poll() is None:
                os.killpg(process.pid, sig)
                try:
                    process.wait(seconds)
                    break
                except subprocess.TimeoutExpired:
                    continue


def wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> bytes:
    """Body of the first answer of `url`; a process that ends first or never answers raises with the end of its log."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bytes(answer.read())
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not come up; the end of its log:\n{log.read_text(errors='replace')[-3000:]}")


@contextmanager
def jupyter_server(root: Path, home: Path, kernels: Path) -> Iterator[Server]:
    """A server on loopback with a free port and a token; JupyterLab, Notebook 7 and Voila are its three doors.

    `kernels` is a data folder with more kernels than ``python3``.
    """
    port, token, log = free_port(), secrets.token_hex(16), home / "server.log"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"),
        *(f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"),
        *(f"--IdentityProvider.token={token}", "--ServerApp.terminals_enabled=False"),
        *("--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"),
        "--JupyterNotebookApp.expose_app_in_browser=True",
    ]
    variables = private_environment(home) | {"JUPYTER_PATH": str(kernels)}
    with stopped_at_exit(command, variables, log) as process:
        base = f"http://127.0.0.1:{port}"
        wait_until_up(f"{base}/api/status?token={token}", process, log)
        yield Server(base, token, root, log)


def end_kernels(server: Server) -> None:
    """End every kernel of the server, so that none works or holds memory beside the next test."""
    api = f"{server.base}/api/kernels"
    with urllib.request.urlopen(f"{api}?token={server.token}", timeout=10) as answer:
        found = json.load(answer)
    for kernel in found:
        address = f"{api}/{kernel['id']}?token={server.token}"
        with suppress(urllib.error.HTTPError):  # it has just ended by itself
            urllib.request.urlopen(urllib.request.Request(address, method="DELETE"), timeout=30).close()


def write_notebook(server: Server, name: str, *cells: str) -> str:
    """Write code cells as ``name.ipynb`` where the server finds it; the file name is returned."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(c).strip()) for c in cells])
    nb.metadata["kernelspec"] = {"name": WARM, "display_name": "Python 3"}
    nbformat.write(nb, server.root / f"{name}.ipynb")
    return f"{name}.ipynb"


def run_notebook(page: Page, server: Server, name: str, *cells: str, seconds: float = 120) -> None:
    """Open a notebook and run all its cells; an error or any text on stderr fails the test.

    With `cells` the notebook is written first, as ``name.ipynb``; without, ``name.ipynb`` must lie in ``server.root``.
    The fixture that `server` comes from decides whether JupyterLab, Notebook 7 or Voila shows it.
    """
    file = write_notebook(server, name, *cells) if cells else f"{name}.ipynb"
    page.goto(server.url(file), timeout=seconds * 1000)
    if server.door == "voila":  # runs the cells itself before the page is whole
        shown = page.locator("[data-mime-type$='jupyter.error'], [data-mime-type$='jupyter.stderr'], .voila-error")
        assert shown.count() == 0, shown.all_inner_texts()
        return
    wait_for_kernel(page, seconds)
    run_all(page, seconds)


def wait_for_kernel(page: Page, seconds: float = 120) -> None:
    """Wait until the open notebook's kernel is idle (Lab and Notebook 7); also after ``page.reload()``."""
    page.wait_for_function(_READY, timeout=seconds * 1000)


def run_all(page: Page, seconds: float = 120) -> None:
    """Run all cells of the open notebook (Lab and Notebook 7) and check what they print."""
    page.evaluate(_RUN_ALL)
    page.wait_for_function(_FINISHED, timeout=seconds * 1000)
    bad = [text for cell in outputs(page) for text in map(_complaint, cell) if text]
    assert not bad, "\n".join(bad)


def outputs(page: Page) -> list[list[dict[str, Any]]]:
    """Outputs of each code cell of the open notebook, as nbformat has them (Lab and Notebook 7)."""
    found: list[list[dict[str, Any]]] = page.evaluate(_OUTPUTS)
    return found


def _complaint(output: dict[str, Any]) -> str:
    if output["output_type"] == "error":
        return "\n".join(output["traceback"])
    return "".join(output["text"]) if output.get("name") == "stderr" else ""


def wait_for_canvases(page: Page, n: int, seconds: float = 60) -> None:
    """Wait until at least `n` canvases wider than 60 px are on the page."""
    page.wait_for_function("n => __mi.canvases().length >= n", arg=n, timeout=seconds * 1000)


def settle(page: Page, ms: int = 150, seconds: float = 10) -> None:
    """Wait until for `ms` nothing that is drawn changes and the kernel is idle; animations are over and answers in."""
    limit = time.monotonic() + seconds
    while not page.evaluate(_STILL, ms):
        assert time.monotonic() < limit, "the page never comes to rest"


def until(page: Page, what: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until `what` is true."""
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "it never happens"
        page.wait_for_timeout(50)


def canvas_hash(page: Page, i: int) -> int:
    """Hash of what canvas `i` shows; two equal pictures hash equally."""
    return int(page.evaluate("i => __mi.hash(__mi.canvases()[i])", i))


def wait_for_change(page: Page, i: int, before: int, seconds: float = 10) -> None:
    """Wait until canvas `i` no longer shows what hashed to `before`."""
    page.wait_for_function("([i, h]) => __mi.hash(__mi.canvases()[i]) !== h", arg=[i, before], timeout=seconds * 1000)


def canvas_box(page: Page, i: int) -> tuple[float, float, float, float]:
    """``(x, y, width, height)`` of canvas `i` in page pixels, after scrolling it into view."""
    left, top, width, height = page.evaluate(
        """i => { const c = __mi.canvases()[i]; c.scrollIntoView({block: "nearest"});
                  const r = c.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }""",
        i,
    )
    return left, top, width, height


def click_canvas(page: Page, i: int, at: tuple[float, float]) -> None:
    """Click on canvas `i`; `at` is the fraction of its width from the left and of its height from the top."""
    left, top, width, height = canvas_box(page, i)
    page.mouse.move(left + at[0] * width, top + at[1] * height)
    page.mouse.down()
    page.mouse.up()


def drag_canvas(page: Page, i: int, start: tuple[float, float], stop: tuple[float, float], *, steps: int = 8) -> None:
    """Drag on canvas `i` from `start` to `stop`, both fractions of its width and height."""
    left, top, width, height = canvas_box(page, i)
    page.mouse.move(left + start[0] * width, top + start[1] * height)
    page.mouse.down()
    page.mouse.move(left + stop[0] * width, top + stop[1] * height, steps=steps)
    page.mouse.up()


def timed_click(page: Page, i: int, at: tuple[float, float], *, watch: int, seconds: float = 10) -> float:
    """Click on canvas `i` and return the milliseconds to the first frame in which canvas `watch` has changed.

    The mouse rests on the spot first, so that what hovering draws is not counted.
    """
    left, top, width, height = canvas_box(page, i)
    page.mouse.move(left + at[0] * width, top + at[1] * height)
    page.wait_for_timeout(100)
    page.evaluate("([i, ms]) => __mi.timed(i, 'pointerup', ms)", [watch, seconds * 1000])
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("() => __mi.ms !== null", timeout=seconds * 1000 + 2000)
    return float(page.evaluate("() => __mi.ms"))
