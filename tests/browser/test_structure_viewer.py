"""StructureViewer in a real page: colours and clicks, the right atom, reload, second display, no WebGL, failures."""

import io
import json
import time
from typing import Any

import numpy as np
import pytest
from harness import Server, run_notebook, until, wait_for_kernel
from PIL import Image
from playwright.sync_api import Page

SETTLE = 500
SEEN = [i for i in range(16) if i % 4 != 2]  # of a camera's matrix: the rest is the depth, and follows what is drawn

SLAB = """
    import json, numpy as np, xarray as xr
    from ase.build import bulk, surface
    from mi_widgets.widgets.structure import StructureViewer

    def dataset(atoms):
        return xr.Dataset({
            "position": (("atom", "axis"), atoms.positions, {"units": "angstrom"}),
            "element": ("atom", atoms.get_chemical_symbols()),
            "cell": (("cell_vector", "axis"), np.asarray(atoms.cell)),
            "pbc": ("cell_vector", atoms.pbc),
        })

    atoms = surface(bulk("Si"), (1, 1, 0), 4, vacuum=6, periodic=True) * (2, 2, 1)
    atoms.rotate(25, "z", rotate_cell=True)
    ds = dataset(atoms).assign(kind=("atom", np.array(["a", "b", "c"])[np.arange(len(atoms)) % 3]))
    params = {"color_by": "kind", "style": "spacefill", "projection": "orthographic"}
    viewer = StructureViewer(ds, params=params)
"""
SHOW = """
    import ipywidgets as ipw
    state = ipw.HTML("")
    state.add_class("mi-state")
    def tell(*_):
        state.value = json.dumps(viewer.selection)
    viewer.observe(tell, "selection")
    tell()
    ipw.VBox([state, viewer])
"""
# What the page draws, read back from the buffers of NGL, and from model to pixel.
PROBE = """i => {
  const page = [...globalThis.__mi_structures.pages].filter((p) => p.three && p.drawn).at(i);
  const t = page.three, m = t.matrices();
  const r = t.viewer.renderer.domElement.getBoundingClientRect();
  const names = t.atoms.buffer.geometry.attributes, each = names.position.array.length / t.atoms.room;
  return { full: m.full, width: m.width, height: m.height, box: [r.x, r.y], position: [...page.data.position],
    parent: [...page.data.parent], size: [...t.size], room: t.atoms.room, drawn: t.atoms.n,
    buffer: [0, 1, 2, 3, 4, 5, 6, 7].flatMap((k) => [...names.position.array.slice(k * each, k * each + 3)]), each };
}"""


def open_viewer(page: Page, server: Server, name: str, *cells: str) -> None:
    run_notebook(page, server, name, *cells)
    wait_for_drawing(page)


def wait_for_drawing(page: Page, n: int = 1) -> None:
    page.wait_for_function(
        "n => [...(globalThis.__mi_structures?.pages ?? [])].filter((p) => p.three && p.drawn).length >= n", arg=n
    )
    page.evaluate("() => document.querySelector('.mi-stage-box').scrollIntoView({block: 'center'})")
    page.wait_for_timeout(SETTLE)


def probe(page: Page, i: int = 0) -> dict[str, Any]:
    out = page.evaluate(PROBE, i)
    return {k: np.array(v) if isinstance(v, list) else v for k, v in out.items()}


def project(p: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels, depth and radius in pixels of every site, from the camera matrix alone."""
    xyz = p["position"].reshape(-1, 3)
    full = p["full"].reshape(4, 4).T
    clip = np.c_[xyz, np.ones(len(xyz))] @ full.T
    ndc = clip[:, :3] / clip[:, 3:]
    pixel = np.c_[(ndc[:, 0] + 1) * p["width"] / 2, (1 - ndc[:, 1]) * p["height"] / 2]
    scale = np.linalg.norm(full[0, :3]) * p["width"] / 2 / clip[:, 3]
    return pixel, np.where(p["size"] > 0, ndc[:, 2], np.inf), p["size"] * scale  # what has no size is not drawn


def top_atom(p: dict[str, Any], x: float, y: float) -> int | None:
    """The atom whose sphere is hit first by the ray through a pixel, found by marching from near to far."""
    full = p["full"].reshape(4, 4).T
    back = np.linalg.inv(full)
    ends = [back @ [2 * x / p["width"] - 1, 1 - 2 * y / p["height"], z, 1] for z in (-1, 1)]
    a, b = (e[:3] / e[3] for e in ends)
    d = (b - a) / np.linalg.norm(b - a)
    xyz, best = p["position"].reshape(-1, 3), (np.inf, None)
    for i, (c, r) in enumerate(zip(xyz, p["size"], strict=True)):
        closest = a + ((c - a) @ d) * d
        off = np.linalg.norm(c - closest)
        if off <= r:
            t = (closest - a) @ d - np.sqrt(r**2 - off**2)
            best = min(best, (t, int(p["parent"][i])))
    return best[1]


def click(page: Page, p: dict[str, Any], x: float, y: float, **kwargs: Any) -> None:
    page.mouse.move(p["box"][0] + x, p["box"][1] + y)
    if kwargs.get("shift"):
        page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.up()
    if kwargs.get("shift"):
        page.keyboard.up("Shift")


def selection(page: Page) -> list[Any]:
    return json.loads(page.locator(".mi-state").first.inner_text())["atom"]


def picture(page: Page, i: int = 0) -> np.ndarray:
    shot = page.locator(".mi-stage").nth(i).screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)


def coloured(image: np.ndarray) -> int:
    return int((np.ptp(image, axis=2) > 60).sum())


def wait_for_selection(page: Page, wanted: list[Any]) -> None:
    page.wait_for_function(
        "w => JSON.stringify(JSON.parse(document.querySelector('.mi-state').innerText).atom) === w",
        arg=json.dumps(wanted, separators=(",", ":")),
        timeout=10_000,
    )


def test_colours_clicks_and_camera_survive_a_reload_and_a_second_display(page: Page, lab: Server) -> None:
    open_viewer(page, lab, "viewer_reload", SLAB, SHOW)
    p = probe(page)
    before = coloured(picture(page))
    assert before > 5_000
    pixel, depth, _ = project(p)
    first = int(np.argmin(depth))
    click(page, p, *pixel[first])
    wait_for_selection(page, [int(p["parent"][first])])
    page.wait_for_timeout(300)
    click(page, p, 3, 3)  # beside every atom
    wait_for_selection(page, [])
    page.mouse.move(p["box"][0] + 300, p["box"][1] + 200)
    page.mouse.down()
    page.mouse.move(p["box"][0] + 380, p["box"][1] + 240, steps=4)
    page.mouse.up()  # turns the structure, chooses nothing
    until(page, lambda: not np.allclose(probe(page)["full"], p["full"], atol=1e-3))
    page.wait_for_timeout(SETTLE)
    turned = probe(page)["full"]
    assert selection(page) == []
    before = coloured(picture(page))

    page.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); return true; }")
    page.reload()
    wait_for_kernel(page)
    wait_for_drawing(page)  # the saved output, shown again; no cell is run
    again = probe(page, -1)
    np.testing.assert_allclose(again["full"][SEEN], turned[SEEN], atol=1e-3)
    assert abs(coloured(picture(page)) - before) <= 0.02 * before
    pixel, depth, _ = project(again)
    first = int(np.argmin(depth))
    click(page, again, *pixel[first])
    wait_for_selection(page, [int(again["parent"][first])])

    page.evaluate("() => { window.__before = new Set(globalThis.__mi_structures.pages); }")
    page.evaluate("""() => { const w = window.jupyterapp.shell.currentWidget;
        w.content.activeCellIndex = 1; window.jupyterapp.commands.execute('notebook:run-cell'); }""")
    page.wait_for_function(
        "() => [...globalThis.__mi_structures.pages].some((p) => !__before.has(p) && p.three && p.drawn)"
    )
    wait_for_drawing(page)
    second = probe(page, -1)
    np.testing.assert_allclose(second["full"][SEEN], turned[SEEN], atol=1e-3)
    assert abs(coloured(picture(page)) - before) <= 0.1 * before  # one atom is chosen now


CELLS = """
    import json, numpy as np, xarray as xr, ipywidgets as ipw
    from mi_widgets.widgets.structure import StructureViewer

    rng = np.random.default_rng(3)
    def structure(cell, n, turn):
        cell = np.array(cell, float) @ turn
        return xr.Dataset({
            "position": (("atom", "axis"), rng.random((n, 3)) @ cell), "element": ("atom", ["C", "O", "Cu"] * (n // 3)),
            "cell": (("cell_vector", "axis"), cell), "pbc": ("cell_vector", [True, True, True]),
        })
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    cases = [
        (structure([[9, 0, 0], [0, 9, 0], [0, 0, 9]], 9, turn), [1, 1, 1], "perspective"),
        (structure([[7, 0, 0], [3, 6, 0], [2, 2, 8]], 9, turn), [2, 1, 2], "orthographic"),
        (structure([[6, 0, 0], [-4, 5, 0], [1, 3, -7]], 6, np.eye(3)), [2, 2, 2], "perspective"),
    ]
    viewers = [StructureViewer(ds, params={"repeat": r, "projection": k, "height": 260}) for ds, r, k in cases]
    state = ipw.HTML("")
    state.add_class("mi-state")
    def tell(*_):
        state.value = json.dumps({
            "atom": [v.selection["atom"] for v in viewers], "n": [ds.sizes["atom"] for ds, _, _ in cases],
            "position": [ds.position.values.tolist() for ds, _, _ in cases],
        })
    for v in viewers:
        v.observe(tell, "selection")
    tell()
    ipw.VBox([state, *[v.stage for v in viewers]])
"""


def picked_after(page: Page, i: int, wanted: list[Any], seconds: float = 3.0) -> list[Any]:
    """What the kernel says is chosen, as soon as it is what is wanted, or after a while: a busy kernel answers late."""
    end = time.monotonic() + seconds
    while True:
        page.wait_for_timeout(60)
        got = json.loads(page.locator(".mi-state").first.inner_text())["atom"][i]
        if got == wanted or time.monotonic() > end:
            return list(got)


def test_the_picked_index_is_the_structures_own(page: Page, lab: Server) -> None:
    """Rotated, triclinic, left-handed and replicated cells: 36 random clicks, and positions as they were given."""
    open_viewer(page, lab, "viewer_index", CELLS)
    wait_for_drawing(page, 3)
    state = json.loads(page.locator(".mi-state").first.inner_text())
    rng = np.random.default_rng(0)
    right = total = 0
    for i in range(3):
        page.evaluate("i => [...globalThis.__mi_structures.pages][i].box.scrollIntoView({block: 'center'})", i)
        page.wait_for_timeout(SETTLE)
        p = probe(page, i)
        n, given = state["n"][i], np.array(state["position"][i])
        np.testing.assert_allclose(p["position"].reshape(-1, 3)[:n], given, atol=1e-3)
        np.testing.assert_allclose(p["buffer"][: 3 * min(n, 8)].reshape(-1, 3), given[: min(n, 8)], atol=1e-3)
        pixel, _, radius = project(p)
        for _ in range(12):
            site = rng.integers(len(pixel))
            angle, part = rng.random() * 2 * np.pi, 0.9 * np.sqrt(rng.random())
            x, y = pixel[site] + part * radius[site] * np.array([np.cos(angle), np.sin(angle)])
            x, y = np.round(np.add([x, y], p["box"])) - p["box"]  # a mouse has whole pixels
            wanted = top_atom(p, x, y)
            click(page, p, x, y)
            got = picked_after(page, i, [wanted])
            right += got == [wanted]
            total += 1
    assert total == 36
    assert right == total


def test_the_atom_that_is_picked_is_the_one_that_is_drawn_there(page: Page, lab: Server) -> None:
    """Independent of any matrix: what is coloured red is what is picked where red is seen."""
    red = """
    viewer.color_by(np.where(np.arange(len(atoms)) == 29, "marked", ""), "mark")
    viewer.set_params(legend=False, view="side")
    """
    open_viewer(page, lab, "viewer_red", SLAB + red, SHOW)
    image = picture(page)
    blue = (image[..., 2] - image[..., 0] > 60) & (image[..., 2] > 90)
    assert blue.sum() > 100
    y, x = (int(np.median(v)) for v in np.nonzero(blue))
    assert blue[y, x]
    click(page, probe(page), x, y)
    wait_for_selection(page, [29])


def test_without_webgl_the_projection_is_offered_and_works_the_same_way(
    page: Page, lab: Server, page_errors: list[str]
) -> None:
    page.add_init_script("""
        const real = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return String(kind).includes("webgl") ? null : real.call(this, kind, ...rest);
        };""")
    run_notebook(page, lab, "viewer_flat", SLAB, SHOW)
    page.locator(".mi-view-note", has_text="WebGL").first.wait_for()
    page.wait_for_function("() => __mi.canvases().length >= 1")
    page.wait_for_timeout(SETTLE)
    page.evaluate("() => document.querySelector('.mi-flat').scrollIntoView({block: 'center'})")
    page.wait_for_timeout(300)
    left, top, width, height = page.evaluate("""() => {
        const c = __mi.canvases().at(-1).getBoundingClientRect(); return [c.x, c.y, c.width, c.height]; }""")
    page.mouse.move(left + 0.25 * width, top + 0.25 * height)
    page.mouse.down()
    page.mouse.move(left + 0.7 * width, top + 0.7 * height, steps=6)
    page.mouse.up()
    page.wait_for_function("() => JSON.parse(document.querySelector('.mi-state').innerText).atom.length > 3")
    before = selection(page)
    page.keyboard.down("Shift")  # adds what else lies in a second box
    page.mouse.move(left + 0.6 * width, top + 0.05 * height)
    page.mouse.down()
    page.mouse.move(left + 0.97 * width, top + 0.97 * height, steps=6)
    page.mouse.up()
    page.keyboard.up("Shift")
    more = "n => JSON.parse(document.querySelector('.mi-state').innerText).atom.length > n"
    page.wait_for_function(more, arg=len(before))
    assert selection(page)[: len(before)] == before
    page.locator(".mi-view-note", has_text="WebGL").first.wait_for()


def test_a_failure_in_the_page_is_said_there(page: Page, lab: Server, page_errors: list[str]) -> None:
    """A blank box says nothing: here NGL itself throws."""
    broken = (
        SLAB
        + """
    import mi_widgets.widgets._structure_stage as stage
    stage.ngl_script = lambda: "globalThis.__mi_ngl = { Stage: function () { throw new Error('planted') } };"
    """
    )
    run_notebook(page, lab, "viewer_broken", broken, SHOW)
    page.locator(".mi-view-note", has_text="planted").first.wait_for()
    page.locator(".mi-flat").first.wait_for()


@pytest.mark.slow
def test_more_atoms_than_a_pdb_file_can_count(page: Page, lab: Server) -> None:
    many = """
    import json, numpy as np, xarray as xr
    from mi_widgets.widgets.structure import StructureViewer
    n = 101_000
    grid = np.stack(np.meshgrid(*[np.arange(47) * 3.0] * 3), -1).reshape(-1, 3)[:n]
    ds = xr.Dataset({"position": (("atom", "axis"), grid), "element": ("atom", np.full(n, "Ar"))})
    viewer = StructureViewer(ds, params={"bonds": False, "view": "top"})
    """
    open_viewer(page, lab, "viewer_many", many, SHOW)
    p = probe(page)
    assert p["drawn"] == 101_000
    pixel, _, _ = project(p)
    site = 100_500
    wanted = top_atom(p, *pixel[site])
    click(page, p, *pixel[site])
    wait_for_selection(page, [wanted])


FILM = """
    import json, numpy as np, dask.array as da, xarray as xr
    from mi_widgets.widgets.structure import StructureViewer

    read = []
    def block(block_info=None):
        i = block_info[None]["array-location"][0][0]
        read.append(i)
        return (grid + [0, 0, 0.002 * i])[None]
    grid = np.stack(np.meshgrid(*[np.arange(4) * 3.0] * 3), -1).reshape(-1, 3)
    position = da.map_blocks(block, chunks=((1,) * 2000, (64,), (3,)), dtype=float, meta=np.empty((0, 0, 0)))
    cells = np.diag([12.0, 12, 12]) * (1 + np.arange(2000)[:, None, None] / 1000)
    ds = xr.Dataset({"position": (("frame", "atom", "axis"), position), "element": ("atom", ["Ar"] * 64),
                     "cell": (("frame", "cell_vector", "axis"), cells), "pbc": ("cell_vector", [True] * 3)})
    viewer = StructureViewer(ds)
    viewer.selection = {"atom": [5]}
"""


def test_a_trajectory_is_played_frame_by_frame_with_its_cell(page: Page, lab: Server) -> None:
    show = SHOW.replace("viewer.selection)", 'viewer.selection | {"read": len(read)})')
    open_viewer(page, lab, "viewer_film", FILM, show)
    state = json.loads(page.locator(".mi-state").first.inner_text())
    assert state["read"] == 1
    page.get_by_role("button", name="One frame forth").click()
    page.wait_for_function("() => JSON.parse(document.querySelector('.mi-state').innerText).frame === 1")
    page.locator("select[title='Frames per second']").select_option("60")
    page.get_by_role("button", name="Play or pause").click()
    page.wait_for_function("() => JSON.parse(document.querySelector('.mi-state').innerText).frame > 25")
    page.get_by_role("button", name="Play or pause").click()
    page.wait_for_timeout(800)
    state = json.loads(page.locator(".mi-state").first.inner_text())
    assert state["atom"] == [5], "playing leaves the atoms chosen"
    assert state["read"] == state["frame"] + 1, "each frame was read once, and no other"
    drawn = page.evaluate("""() => { const p = [...__mi_structures.pages][0];
        return [p.player.at, p.data.cell[0][0], Math.max(...p.data.edges), p.data.position[2]]; }""")
    assert drawn[0] == state["frame"]
    np.testing.assert_allclose(drawn[1:3], 12 * (1 + state["frame"] / 1000), rtol=1e-6)
    np.testing.assert_allclose(drawn[3], 0.002 * state["frame"], atol=1e-6)


@pytest.mark.parametrize("door", ["notebook7", "voila"])
def test_other_doors_draw_pick_and_play(page: Page, door: str, request: pytest.FixtureRequest) -> None:
    open_viewer(page, request.getfixturevalue(door), f"viewer_{door}", FILM, SHOW)
    p = probe(page)
    assert coloured(picture(page)) > 1_000
    pixel, depth, _ = project(p)
    site = int(np.argmin(depth))
    click(page, p, *pixel[site])
    wait_for_selection(page, [int(p["parent"][site])])
    page.get_by_role("button", name="Play or pause").click()
    page.wait_for_function("() => JSON.parse(document.querySelector('.mi-state').innerText).frame > 10")
    page.get_by_role("button", name="Play or pause").click()
    if door == "notebook7":  # as the button does, at a scale of its own
        with page.expect_download() as saved:
            run_in_kernel(page, "viewer.screenshot('mine.png', scale=3)")
        assert saved.value.suggested_filename == "mine.png"
        image = Image.open(saved.value.path())
        assert image.size == (3 * p["width"], 3 * p["height"])
        assert coloured(np.asarray(image.convert("RGB")).astype(int)) > 9_000


def test_the_page_that_is_taken_away_works_without_a_server(page: Page, lab: Server, page_errors: list[str]) -> None:
    """The one file holds everything: opened from the disk, with no network, it draws, picks and plays."""
    take = """
    from pathlib import Path
    Path("taken.html").write_text(viewer.to_html("taken", frames=slice(0, 5)), encoding="utf-8")
    """
    run_notebook(page, lab, "viewer_take", FILM, take)
    page.goto((lab.root / "taken.html").as_uri())
    page.wait_for_function("() => [...(globalThis.__mi_structures?.pages ?? [])].some((p) => p.three && p.drawn)")
    page.wait_for_timeout(SETTLE)
    p = probe(page)
    pixel, depth, _ = project(p)
    site = int(np.argmin(depth))
    click(page, p, *pixel[site])
    chosen = "() => [...__mi_structures.pages][0].three.chosen"
    page.wait_for_function(f"() => ({chosen})().length === 1 && ({chosen})()[0] === {int(p['parent'][site])}")
    page.get_by_role("button", name="One frame forth").click()
    page.wait_for_function("() => Math.abs([...__mi_structures.pages][0].data.position[2] - 0.002) < 1e-6")
    asked = [e for e in page_errors if "request to another host" in e]
    assert asked == [f"request to another host: {(lab.root / 'taken.html').as_uri()}"], "but for itself"
    page_errors.remove(asked[0])


# Every WebGL context that the page has made, weakly.
CONTEXTS = """(() => {
  const real = HTMLCanvasElement.prototype.getContext;
  window.__made = new Map();
  HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
    const context = real.call(this, kind, ...rest);
    if (context && String(kind).includes("webgl") && !__made.has(context.__n)) {
      context.__n = __made.size + 1;
      __made.set(context.__n, new WeakRef(context));
    }
    return context;
  };
})()"""
TWENTY = """
    import asyncio, threading, numpy as np, xarray as xr, ipywidgets as ipw
    from mi_widgets.widgets.structure import StructureViewer

    rng = np.random.default_rng(0)
    ds = xr.Dataset({"position": (("atom", "axis"), rng.random((60, 3)) * 9), "element": ("atom", ["Si", "O"] * 30),
                     "cell": (("cell_vector", "axis"), np.eye(3) * 9), "pbc": ("cell_vector", [True] * 3)})
    box, state, before = ipw.VBox([]), ipw.HTML("0"), None
    state.add_class("mi-state")

    async def go(first, last):
        global before
        for _ in range(first, last):
            viewer = StructureViewer(ds, params={"height": 150, "labels": "index"})
            box.children = [viewer.stage]
            while not viewer.stage.shown:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
            box.children = []
            viewer.close()
        before = before or threading.active_count()
        state.value = f"{last} {threading.active_count() - before}"

    task = asyncio.ensure_future(go(0, 5))
    ipw.VBox([state, box])
"""


def what_is_left(page: Page) -> tuple[int, int, int, float]:
    """WebGL contexts and views that are still there, nodes of the page, and MB of its memory."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    for _ in range(4):
        cdp.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(100)
    found = {m["name"]: m["value"] for m in cdp.send("Performance.getMetrics")["metrics"]}
    contexts = page.evaluate("() => [...__made.values()].filter((r) => r.deref()).length")
    views = page.evaluate("() => globalThis.__mi_structures?.pages.size ?? 0")
    return contexts, views, int(found["Nodes"]), found["JSHeapUsedSize"] / 1e6


def run_in_kernel(page: Page, code: str) -> None:
    page.evaluate(
        "async (code) => { const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;"
        " await kernel.requestExecute({ code }).done; }",
        code,
    )


def test_nothing_is_left_in_the_page_after_twenty_viewers(page: Page, lab: Server) -> None:
    page.add_init_script(CONTEXTS)
    run_notebook(page, lab, "viewer_twenty", TWENTY)
    done = "t => document.querySelector('.mi-state')?.innerText.startsWith(t)"
    page.wait_for_function(done, arg="5 ", timeout=60_000)
    first = what_is_left(page)
    run_in_kernel(page, "task = asyncio.ensure_future(go(5, 20))")
    page.wait_for_function(done, arg="20 ", timeout=120_000)
    contexts, views, nodes, memory = what_is_left(page)
    assert page.locator(".mi-state").inner_text() == "20 0", "no thread in the kernel"
    assert page.evaluate("() => __made.size") >= 20, "each view has had its own"
    assert (contexts, views) == (0, 0)
    assert nodes - first[2] < 15 * 6
    assert (memory - first[3]) / 15 < 0.8, "MB each: what JupyterLab keeps of 45 small widgets, and no arrays of ours"
