"""StructureViewer: colours, opening, playing, threads, and 1,000 clicks on ten cells; threads beside plain nglview.

JupyterLab on loopback in headless Chromium, as in the browser tests. The mouse is clicked in the page, and the atom
that the kernel hears of is compared with a computation of its own: the ray through the pixel, from the camera's matrix,
against the spheres. Run it on an idle machine; `python benchmarks/viewer.py clicks` does the clicks alone.
"""

import gc
import json
import os
import statistics
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter

import numpy as np
import xarray as xr
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import chromium
from harness import CHROMIUM_ARGS, Server, jupyter_server, run_notebook
from harness import PROBE as CANVASES
from test_structure_viewer import probe, project, top_atom, wait_for_drawing

TEN = """
import json, numpy as np, xarray as xr, ipywidgets as ipw
from mi_widgets.widgets.structure import StructureViewer
rng = np.random.default_rng(7)
viewers, heard = [], []
state = ipw.HTML("", layout={"height": "20px", "overflow": "hidden"})
state.add_class("mi-state")
for k in range(10):
    cell = np.eye(3) * rng.uniform(6, 9, 3) + (k % 3 > 0) * np.tril(rng.uniform(-3, 3, (3, 3)), -1)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] if k % 2 else np.eye(3)
    cell = cell @ turn
    n = int(rng.integers(6, 14))
    ds = xr.Dataset({"position": (("atom", "axis"), rng.random((n, 3)) @ cell),
                     "element": ("atom", rng.choice(["O", "Si", "Cu"], n)),
                     "cell": (("cell_vector", "axis"), cell), "pbc": ("cell_vector", [True] * 3)})
    viewers.append(StructureViewer(ds, params={"repeat": rng.integers(1, 4, 3).tolist(), "height": 300, "legend": False,
        "projection": ["perspective", "orthographic"][k % 2], "view": ["oblique", "top", "side"][k % 3],
        "style": ["ball+stick", "spacefill", "licorice"][k % 3]}))
def hear(k):
    def listen(_, message, __):
        if message.get("k") == "pick":
            heard[-1].append(message["atom"])
            chosen = viewers[k].selection["atom"]
            state.value = json.dumps([len(heard[-1]), heard[-1], chosen])
    return listen
heard.append([])
for k in (FIRST, FIRST + 1):
    viewers[k].stage.on_msg(hear(k))
ipw.VBox([viewers[FIRST].stage, viewers[FIRST + 1].stage, state])
"""
FILM = """
import numpy as np, dask.array as da, xarray as xr
from mi_widgets.widgets.structure import StructureViewer
def block(block_info=None):
    i = block_info[None]["array-location"][0][0]
    return (grid + np.random.default_rng(i).normal(scale=0.1, size=grid.shape))[None]
grid = np.stack(np.meshgrid(*[np.arange(10) * 2.5] * 3), -1).reshape(-1, 3)
position = da.map_blocks(block, chunks=((1,) * 100_000, (1000,), (3,)), dtype=float, meta=np.empty((0, 0, 0)))
ds = xr.Dataset({"position": (("frame", "atom", "axis"), position), "element": ("atom", ["Si", "O"] * 500),
                 "cell": (("cell_vector", "axis"), np.eye(3) * 25), "pbc": ("cell_vector", [True] * 3)})
viewer = StructureViewer(ds)
viewer
"""


def structure(n: int, length: float) -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {
            "position": (("atom", "axis"), rng.random((n, 3)) * length),
            "element": ("atom", np.array(["Si", "O"])[np.arange(n) % 2]),
            "cell": (("cell_vector", "axis"), np.eye(3) * length),
            "pbc": ("cell_vector", [True] * 3),
            "one": ("atom", rng.random(n)),
            "two": ("atom", rng.random(n)),
        }
    )


def in_the_kernel() -> None:
    """Print what the kernel alone takes."""
    from mi_widgets.widgets.structure import StructureViewer

    viewer = StructureViewer(structure(10_000, 60.0))
    sent: list[int] = []
    viewer.stage.send = lambda _content, buffers=None: sent.append(sum(map(len, buffers or [])))
    viewer.stage._receive(viewer.stage, {"k": "ready", "vid": "page"}, [])  # noqa: SLF001
    took = []
    for k in range(20):
        began = perf_counter()
        viewer.set_params(color_by=("one", "two")[k % 2])
        took.append(1e3 * (perf_counter() - began))
    print(f"recolour 10,000 atoms: {statistics.median(took):.1f} ms (goal 50), {sent[-1] / 1e3:.0f} kB (goal 150)")

    read: list[int] = []
    import dask.array as da

    def block(block_info: dict | None = None) -> np.ndarray:
        read.append(block_info[None]["array-location"][0][0])
        return np.random.default_rng(read[-1]).random((1, 1000, 3)) * 25

    position = da.map_blocks(block, chunks=((1,) * 100_000, (1000,), (3,)), dtype=float, meta=np.empty((0, 0, 0)))
    ds = structure(1000, 25.0).assign(position=(("frame", "atom", "axis"), position))
    began = perf_counter()
    StructureViewer(ds)
    seconds = perf_counter() - began
    print(f"open 100,000 frames x 1,000 atoms: {seconds:.2f} s (goal 0.5), {len(read)} frame read (goal 1)")

    before = threading.active_count()
    for _ in range(50):
        StructureViewer(structure(20, 8.0)).close()
    gc.collect()
    print(f"threads after 50 viewers: {threading.active_count() - before:+d} (goal +0)", end="")
    import nglview

    before = threading.active_count()
    for _ in range(50):
        nglview.NGLWidget().close()
    gc.collect()
    print(f"; after 50 of plain nglview: {threading.active_count() - before:+d}")


def spots_on(p: dict, rng: np.random.Generator, n: int) -> np.ndarray:
    """Whole pixels of the page on drawn spheres, chosen at random, within the view."""
    pixel, _, radius = project(p)
    sites = rng.choice(np.flatnonzero(p["size"] > 0), 20 * n)
    angle, part = rng.random(20 * n) * 2 * np.pi, 0.97 * np.sqrt(rng.random(20 * n))
    spots = pixel[sites] + (part * radius[sites])[:, None] * np.c_[np.cos(angle), np.sin(angle)]
    spots = np.round(spots + p["box"]) - p["box"]
    return spots[((spots > 2) & (spots < np.array([p["width"], p["height"]]) - 2)).all(axis=1)][:n]


def clicks(page: Page, lab: Server) -> None:
    """1,000 clicks of the mouse at random points of drawn spheres, 100 in each of ten cells."""
    rng, right, total, worst = np.random.default_rng(0), 0, 0, 0.0
    for first in range(0, 10, 2):
        run_notebook(page, lab, f"ten_{first}", TEN.replace("FIRST", str(first)))
        wait_for_drawing(page, 2)
        before = 0
        for i in range(2):
            page.evaluate("i => [...__mi_structures.pages][i].box.scrollIntoView({block: 'center'})", i)
            page.wait_for_timeout(500)
            p = probe(page, i)
            # In perspective a pixel near the edge may lie beside the sphere; there the nearest atom is taken.
            spots = [s for s in spots_on(p, rng, 150) if top_atom(p, *s) is not None][:100]
            for x, y in spots:
                page.mouse.click(p["box"][0] + x, p["box"][1] + y)
            before += len(spots)
            told = "n => JSON.parse(document.querySelector('.mi-state').innerText || '[0]')[0] >= n"
            page.wait_for_function(told, arg=before)
            _, heard, chosen = json.loads(page.locator(".mi-state").first.inner_text())
            wanted = [top_atom(p, x, y) for x, y in spots]
            right += sum(a == b for a, b in zip(heard[-len(spots) :], wanted, strict=True))
            total += len(spots)
            if chosen != [heard[-1]]:
                print(f"cell {first + i}: the selection is {chosen} after a click on {heard[-1]}")
            n = int(p["parent"].max()) + 1
            shown = p["buffer"].reshape(-1, 3)[: min(8, n)]
            worst = max(worst, float(np.abs(shown - p["position"].reshape(-1, 3)[: len(shown)]).max()))
    print(f"clicks: {right} of {total} right ({100 * right / total:.1f} %, goal 99.5); buffer off by {worst:.1e} Å")


def playing(page: Page, lab: Server) -> None:
    """Frames a second of 1,000 atoms with bonds and cell in ball+stick, 100,000 frames, in the page."""
    run_notebook(page, lab, "film", FILM)
    wait_for_drawing(page)
    page.locator("select[title='Frames per second']").select_option("60")
    page.get_by_role("button", name="Play or pause").click()
    page.wait_for_timeout(3000)
    at, rates = "() => [[...__mi_structures.pages][0].player.at, performance.now()]", []
    for _ in range(8):
        a, t0 = page.evaluate(at)
        page.wait_for_timeout(1000)
        b, t1 = page.evaluate(at)
        rates.append(1e3 * (b - a) / (t1 - t0))
    drawn = page.evaluate(
        "() => { const t = [...__mi_structures.pages][0].three; return [t.atoms.n, t.sticks.n, t.slow]; }"
    )
    print(
        f"played: {statistics.median(rates):.0f} frames/s, median of 8 s, the slowest {min(rates):.0f} (goal 20); "
        f"{drawn[0]} spheres, {drawn[1]} bonds, software WebGL: {drawn[2]}, load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    alone = sys.argv[1:] == ["clicks"]
    if not alone:
        in_the_kernel()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        root = Path(home) / "notebooks"
        root.mkdir()
        with jupyter_server(root, Path(home)) as lab:
            browser = playwright.chromium.launch(executable_path=chromium.find(), args=CHROMIUM_ARGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.add_init_script(CANVASES)
            if not alone:
                playing(page, lab)
            clicks(page, lab)
            browser.close()


if __name__ == "__main__":
    main()
