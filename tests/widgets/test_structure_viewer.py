"""StructureViewer without a page: what is drawn, projected, taken away, and that nothing is left behind."""

import gc
import json
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import xarray as xr
from viewer_front import Front, make

from mi_widgets.widgets import _structure_ngl as ngl
from mi_widgets.widgets.structure import StructureViewer


def test_the_page_gets_the_positions_as_they_are() -> None:
    for cell in (np.eye(3) * 9, [[7, 0, 0], [3, 6, 0], [2, 2, 8]], [[6, 0, 0], [-4, 5, 0], [1, 3, -7]]):
        ds = make(7, cell=cell)
        front = Front(StructureViewer(ds))
        xyz = front.array("position", "<f4").reshape(-1, 3)
        np.testing.assert_allclose(xyz[:7], ds.position.values, atol=1e-5)
        np.testing.assert_array_equal(front.array("parent", "<i4")[:7], np.arange(7))


def test_a_replicated_site_belongs_to_the_atom_it_is_a_copy_of() -> None:
    ds = make(5)
    viewer = StructureViewer(ds, params={"repeat": [2, 1, 3], "bonds": False})
    front = Front(viewer)
    xyz, parent = front.array("position", "<f4").reshape(-1, 3), front.array("parent", "<i4")
    np.testing.assert_array_equal(parent, np.arange(30) % 5)
    shift = (xyz - ds.position.values[parent]) @ np.linalg.inv(ds.cell.values)
    np.testing.assert_allclose(shift, np.round(shift), atol=1e-5)
    assert {tuple(s) for s in np.round(shift).astype(int).tolist()} == {(a, 0, c) for a in range(2) for c in range(3)}
    front.say("pick", atom=int(parent[23]), shift=False)
    assert viewer.selection == {"atom": [3]}


def test_code_gives_the_result_again() -> None:
    viewer = StructureViewer(make(6, frames=3), params={"color_by": "charge", "repeat": [1, 2, 1], "limits": [-1, 2]})
    viewer.selection = {"atom": [2, 4], "frame": 2}
    names = {"ds": viewer.data}
    exec(viewer.code, names)
    xr.testing.assert_identical(names["result"], viewer.result)
    xr.testing.assert_identical(names["chosen"], viewer.data.isel(frame=2, atom=[2, 4]))
    viewer.color_by([1.0, np.nan, 3, 4, 5, 6], "order <b>")
    names = {"ds": viewer.data}
    exec(viewer.code, names)
    xr.testing.assert_identical(names["result"], viewer.result)


def test_recolouring_is_one_small_message_and_leaves_the_camera() -> None:
    ds = make(10_000, cell=np.eye(3) * 60)
    viewer = StructureViewer(ds, params={"bonds": False})
    front = Front(viewer)
    front.say("camera", orientation=list(range(16)))
    front.messages.clear()
    viewer.set_params(color_by="charge")
    assert len(front.messages) == 1
    message, buffers = front.messages[0]
    assert sum(map(len, buffers)) + len(json.dumps(message)) <= 150_000
    assert set(message["parts"]) == {"colors"}
    assert viewer._state()[0]["camera"] == {"orientation": [float(v) for v in range(16)]}


def test_categories_from_outside_have_their_names_and_colours() -> None:
    """As another widget hands over its clusters: integers, names, colours; camera, selection and frame stay."""
    n = 10_000
    viewer = StructureViewer(make(n, frames=2, cell=np.eye(3) * 60), params={"bonds": False})
    front = Front(viewer)
    front.say("camera", orientation=list(range(16)))
    viewer.selection = {"atom": [3], "frame": 1}
    codes, names, colors = np.arange(n) % 4 - 1, ["bulk <b>", "step", "nobody"], ["#0072b2", "#d55e00", "#111111"]
    front.messages.clear()
    viewer.color_by(codes, "cluster", labels=names, colors=colors)
    assert len(front.messages) == 1
    message, buffers = front.messages[0]
    assert set(message["parts"]) == {"colors"}
    assert sum(map(len, buffers)) + len(json.dumps(message)) <= 150_000
    about = front.last("colors")
    assert (about["labels"], about["label_colors"], about["missing"]) == (names, colors, n // 4)
    wanted = [[0xB4, 0xB9, 0xBE], [0, 0x72, 0xB2], [0xD5, 0x5E, 0], [0x11] * 3]
    np.testing.assert_array_equal(viewer.result.color.values[:4], wanted)
    assert viewer.selection == {"atom": [3], "frame": 1}
    assert viewer._state()[0]["camera"] == {"orientation": [float(v) for v in range(16)]}
    viewer.color_by(codes[::-1], "cluster", labels=names)  # again, with colours of ours
    assert len({*front.last("colors")["label_colors"], "#0072b2"}) == 3
    names_of = {"ds": viewer.data}
    exec(viewer.code, names_of)
    xr.testing.assert_identical(names_of["result"], viewer.result)


def test_a_structure_may_bring_names_of_its_categories() -> None:
    flags = {"flag_values": [2, 0, 7], "flag_meanings": "second zeroth unseen", "flag_colors": ["#000001"] * 3}
    ds = make(4).assign(status=("atom", np.array([0, 2, 5, 0], np.int8), flags))
    viewer = StructureViewer(ds, params={"color_by": "status"})
    assert viewer.colors.labels == ["second", "zeroth", "unseen"]
    np.testing.assert_array_equal(viewer.colors.values, [1, 0, -1, 1])
    for broken in ({"flag_colors": ["red;}"] * 3}, {"flag_meanings": "two words"}):
        StructureViewer(ds.assign(status=ds.status.assign_attrs(broken)), params={"color_by": "status"})


def test_copies_and_colours_may_change_at_once() -> None:
    viewer = StructureViewer(make(6))
    front = Front(viewer)
    viewer.set_params(color_by="charge", repeat=[2, 1, 1])
    assert front.last("colors")["kind"] == "continuous"
    np.testing.assert_array_equal(front.array("rgb", "u1").reshape(-1, 3), viewer.result.color.values)


def test_missing_values_are_grey_and_counted() -> None:
    ds = make(6)
    ds["charge"][1] = np.nan
    viewer = StructureViewer(ds, params={"color_by": "charge"})
    assert viewer.result.color.values[1].tolist() == [0xB4, 0xB9, 0xBE]
    assert Front(viewer).last("colors")["missing"] == 1
    viewer.color_by(["a", None, "b", "a", "", "b"], "kind")
    assert Front(viewer).last("colors")["labels"] == ["a", "b"]
    np.testing.assert_array_equal(viewer.result.color.values[[1, 4]], np.tile([0xB4, 0xB9, 0xBE], (2, 1)))


def test_every_display_gets_the_whole_state() -> None:
    viewer = StructureViewer(make(6), params={"color_by": "charge"})
    first = Front(viewer)
    viewer.selection = {"atom": [1, 3]}
    n = len(first.messages)
    viewer.stage._receive(viewer.stage, {"k": "ready", "vid": "p2"}, [])
    message, buffers = first.messages[n]
    assert message["vid"] == "p2"
    assert {"sites", "colors", "atoms", "look", "select", "camera", "frame"} <= set(message["parts"])
    assert message["parts"]["select"]["atoms"] == [1, 3]
    assert len(buffers) == len(message["bufs"])


# ---- the projection --------------------------------------------------------------------------------------------


def test_the_projection_chooses_by_click_box_and_lasso(page_of: Any) -> None:
    ds = make(12, cell=np.eye(3) * 20)
    viewer = StructureViewer(ds, params={"flat": True, "bonds": False})
    page = page_of(viewer._flat.view)
    page.open()
    figure = viewer._flat.view.figure("frame")
    x, y, _ = ds.position.values.T
    page.event("tap", figure, x=float(x[4]), y=float(y[4]), sx=0, sy=0, modifiers=None)
    top = [i for i in range(12) if np.hypot(x[i] - x[4], y[i] - y[4]) < 0.1]
    assert viewer.selection["atom"][0] in top
    box = {"type": "map", "entries": [["type", "rect"], ["x0", 0.0], ["x1", 10.0], ["y0", 0.0], ["y1", 20.0]]}
    page.event("selectiongeometry", figure, geometry=box, final=True)
    assert viewer.selection["atom"] == np.flatnonzero(x <= 10).tolist()
    viewer.controls.add.value = True
    corners = [["x", [10.0, 20.0, 20.0]], ["y", [20.0, 20.0, 0.0]]]
    lasso = {"type": "map", "entries": [["type", "poly"], *corners]}
    page.event("selectiongeometry", figure, geometry=lasso, final=True)
    wanted = np.flatnonzero((x <= 10) | (y >= 40 - 2 * x)).tolist()
    assert len(wanted) > (x <= 10).sum()
    assert sorted(viewer.selection["atom"]) == wanted
    marked = viewer._flat.view.part("halo").handles["source"].data["x"]
    np.testing.assert_allclose(sorted(marked), sorted(x[wanted]))
    page.event("tap", figure, x=-3.0, y=-3.0, sx=0, sy=0, modifiers=None)
    assert viewer.selection["atom"] == []
    viewer.controls.add.value = False
    held = {"type": "map", "entries": [["alt", False], ["ctrl", False], ["shift", True]]}
    for shift, corner, total in ((None, 10.0, (x <= 10).sum()), (held, 20.0, 12)):
        page.event("panstart", figure, x=0.0, y=0.0, sx=0, sy=0, modifiers=shift)
        box = {
            "type": "map",
            "entries": [["type", "rect"], ["x0", corner - 10], ["x1", corner], ["y0", 0.0], ["y1", 20.0]],
        }
        page.event("selectiongeometry", figure, geometry=box, final=True)
        assert len(viewer.selection["atom"]) == total, "Shift adds what is on the other side"


def test_without_webgl_the_projection_is_shown_by_itself() -> None:
    viewer = StructureViewer(make(6))
    assert viewer.panel.children == (viewer.stage,)
    Front(viewer).say("flat", text="This browser offers no WebGL")
    assert viewer.panel.children == (viewer.stage, viewer._flat.view)
    viewer.selection = {"atom": [1]}
    viewer.set_params(plane="y-z", color_by="charge")
    assert len(viewer._flat.view.part("halo").handles["source"].data["x"]) >= 1


# ---- leaving nothing behind ------------------------------------------------------------------------------------


def test_nothing_is_left_after_twenty_viewers() -> None:
    import ipywidgets

    def once() -> weakref.ref[Any]:
        ds = make(6, frames=2)
        viewer = StructureViewer(ds, params={"flat": True})
        Front(viewer)
        viewer.close()
        return weakref.ref(viewer)

    once()
    gc.collect()
    threads, widgets = threading.active_count(), len(ipywidgets.widgets.widget._instances)
    refs = [once() for _ in range(20)]
    gc.collect()
    assert threading.active_count() <= threads
    assert len(ipywidgets.widgets.widget._instances) == widgets
    assert sum(r() is not None for r in refs) == 0


# ---- nglview and the page without a kernel -----------------------------------------------------------------------


def test_versions_that_do_not_fit_are_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngl, "nglview_versions", lambda: ("4.0.1", "4.0", "3.1.5"))
    text = ngl.check_nglview()
    assert "4.0.1" in text
    assert "pip install" in text
    assert "\n" not in text
    viewer = StructureViewer(make(3))
    assert "pip install" in viewer.message.value
    monkeypatch.setattr(ngl, "nglview_versions", lambda: ("3.1.4", "3.1.4", "3.1.4"))
    assert ngl.check_nglview() == ""


def test_without_nglview_the_page_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Any:
        raise ngl.metadata.PackageNotFoundError("nglview")

    monkeypatch.setattr(ngl.metadata, "distribution", missing)
    ngl.ngl_script.cache_clear()
    ngl.nglview_versions.cache_clear()
    viewer = StructureViewer(make(3))
    assert "pip install" in viewer.message.value
    front = Front(viewer)
    front.say("need-ngl")
    message, buffers = front.messages[-1]
    assert message["k"] == "ngl"
    assert "pip install" in message["text"]
    assert not buffers
    ngl.ngl_script.cache_clear()


def test_the_page_without_a_kernel_needs_nothing_else() -> None:
    viewer = StructureViewer(make(6, frames=5), params={"color_by": "charge"})
    page = viewer.to_html("A <title>", frames=slice(0, 4))
    assert "http://" not in page.split("<script>")[0]
    assert "src=" not in page.split("<script>")[0]
    assert "A &lt;title&gt;" in page
    saved = json.loads(page.split("const SAVED = ")[1].split(";\n")[0])
    assert len(saved["frames"]) == 4
    assert viewer.selection["frame"] == 0
