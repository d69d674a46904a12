"""StructureViewer without a page: what is drawn, chosen, measured, played, and what goes wrong."""

import gc
import json
import threading
import weakref
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.methods.expression import match
from mi_widgets.widgets import _structure_ngl as ngl
from mi_widgets.widgets import link
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._structure_measure import chain, measures
from mi_widgets.widgets.structure import StructureViewer

BAD = "<img src=x onerror=hacked=1>"


def make(n: int = 6, frames: int = 0, seed: int = 0, cell: Any = None) -> xr.Dataset:
    """Random atoms in a skewed cell."""
    rng = np.random.default_rng(seed)
    box = np.array([[8.0, 0, 0], [3, 7, 0], [-2, 1, 9]]) if cell is None else np.asarray(cell, float)
    position = rng.random(((frames,) if frames else ()) + (n, 3)) @ box
    return xr.Dataset(
        {
            "position": ((("frame",) if frames else ()) + ("atom", "axis"), position, {"units": "angstrom"}),
            "element": ("atom", np.array(["O", "H", "Si"])[np.arange(n) % 3]),
            "cell": (("cell_vector", "axis"), box),
            "pbc": ("cell_vector", [True, True, True]),
            "charge": ("atom", np.linspace(-1, 1, n), {"units": "e", "long_name": "charge"}),
        }
    )


class Front:
    """The page of one viewer."""

    def __init__(self, viewer: StructureViewer, vid: str = "p1") -> None:
        self.viewer, self.vid = viewer, vid
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        viewer.stage.send = lambda content, buffers=None: self.messages.append((content, buffers or []))
        self.say("ready")

    def say(self, kind: str, buffers: list[bytes] | None = None, **more: Any) -> None:
        self.viewer.stage._receive(self.viewer.stage, {"k": kind, "vid": self.vid, **more}, buffers or [])

    def last(self, part: str) -> Any:
        return next(m["parts"][part] for m, _ in reversed(self.messages) if part in m.get("parts", {}))

    def array(self, name: str, dtype: str) -> np.ndarray:
        for message, buffers in reversed(self.messages):
            if name in message.get("bufs", []):
                return np.frombuffer(buffers[message["bufs"].index(name)], dtype)
        raise AssertionError(name)


# ---- what is drawn ---------------------------------------------------------------------------------------------


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
    names = {"structure": viewer.data}
    exec(viewer.code, names)
    xr.testing.assert_identical(names["result"], viewer.result)
    xr.testing.assert_identical(names["chosen"], viewer.data.isel(frame=2, atom=[2, 4]))
    viewer.color_by([1.0, np.nan, 3, 4, 5, 6], "order <b>")
    names = {"structure": viewer.data}
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
    names_of = {"structure": viewer.data}
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


# ---- choosing --------------------------------------------------------------------------------------------------


def test_clicks_choose_add_let_go_and_clear() -> None:
    viewer = StructureViewer(make(6))
    front = Front(viewer)
    for atom, shift, wanted in ((2, False, [2]), (4, True, [2, 4]), (2, True, [4]), (0, False, [0]), (None, True, [0]),
                                (None, False, [])):  # fmt: skip
        front.say("pick", atom=atom, shift=shift)
        assert viewer.selection["atom"] == wanted
        assert front.last("select")["atoms"] == wanted


def test_labels_of_atoms_are_used_where_there_are_some() -> None:
    ds = make(4).assign_coords(atom=["a", "b", "c", BAD])
    viewer = StructureViewer(ds)
    front = Front(viewer)
    front.say("pick", atom=3, shift=False)
    assert viewer.selection == {"atom": [BAD]}
    assert "<img" not in viewer.text.value
    with pytest.raises(LabelError, match="there is no atom 'x'"):
        viewer.selection = {"atom": ["x"]}


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("element == 'O'", lambda d: d["element"] == "O"),
        ("element == 'O' and z > 3", lambda d: (d["element"] == "O") & (d["z"] > 3)),
        ("1 < x <= 4 or not element != 'H'", lambda d: ((d["x"] > 1) & (d["x"] <= 4)) | (d["element"] == "H")),
        ("element in ('O', 'Si') and index % 2 == 0", lambda d: np.isin(d["element"], ["O", "Si"]) & (d["i"] % 2 == 0)),
        ("sqrt(x**2 + y**2) < 5", lambda d: np.hypot(d["x"], d["y"]) < 5),
        ("abs(charge) > 0.5", lambda d: abs(d["charge"]) > 0.5),
        ("index not in [0, 1]", lambda d: d["i"] > 1),
    ],
)
def test_expressions_mean_what_they_say(expression: str, wanted: Any) -> None:
    ds = make(30)
    x, y, z = ds.position.values.T
    names = {"element": ds.element.values, "x": x, "y": y, "z": z, "charge": ds.charge.values, "i": np.arange(30)}
    assert StructureViewer(ds).select(expression) == np.flatnonzero(wanted(names)).tolist()


REFUSED = """
__import__('os').system('x') | z.__class__ | (lambda: 1)() | [x for x in z] | open('a') | z | z > 'a' | zz > 1
element > 'A' | z > | 9**9**9**9 | x if y else z | z[0] > 1 | f'{z}' == 'a' | z is None | z in element | not z | z and x
print(z) | element + 1 > 2 | (z := 1) > 0 | z > 1; x > 1 | *z | z @ x > 0 | z > (yield) | 'a' * 99999999999 == 'a'
""".strip()


@pytest.mark.parametrize(
    "expression",
    [*(e.strip() for line in REFUSED.splitlines() for e in line.split(" | ")), "a" * 3000, "(" * 300 + "z" + ")" * 300],
)
def test_nothing_else_is_read(expression: str) -> None:
    with pytest.raises(ParameterError):
        match(expression, {"z": np.ones(3), "x": np.ones(3), "element": np.array(["O", "H", "H"])}, 3)


def test_a_wrong_expression_is_said_in_the_page_and_changes_nothing() -> None:
    viewer = StructureViewer(make(6))
    viewer.selection = {"atom": [1]}
    viewer.controls.expression.value = "<b>oops</b>"
    assert "&lt;b&gt;" in viewer.message.value
    assert viewer.selection["atom"] == [1]
    viewer.controls.expression.value = "index < 2"
    assert viewer.selection["atom"] == [0, 1]
    viewer.controls.clear.click()
    assert viewer.selection["atom"] == []


def test_two_viewers_are_linked_by_atom_and_by_frame() -> None:
    a, b = StructureViewer(make(6, frames=4)), StructureViewer(make(6, frames=4, seed=1))
    link(a, b, on=("atom", "frame"))
    a.selection = {"atom": [5, 2], "frame": 3}
    assert b.selection == {"atom": [5, 2], "frame": 3}
    b.selection = b.selection | {"frame": 1}
    assert a.selection["frame"] == 1


def test_a_viewer_is_linked_with_any_explorer() -> None:
    class Clusters(Explorer):
        def __init__(self) -> None:
            super().__init__(xr.DataArray(np.zeros(6), dims="atom"))
            self.selection = {"atom": []}

    clusters, viewer = Clusters(), StructureViewer(make(6))
    link(clusters, viewer, on="atom")
    clusters.selection = {"atom": [0, 3]}
    assert viewer.selection == {"atom": [0, 3]}
    Front(viewer).say("pick", atom=4, shift=True)
    assert clusters.selection == {"atom": [0, 3, 4]}


# ---- measuring -------------------------------------------------------------------------------------------------


def test_measures_by_nearest_images_agree_with_ase() -> None:
    ase = pytest.importorskip("ase")
    rng = np.random.default_rng(5)
    for cell in (np.diag([4.0, 5, 6]), [[4, 0, 0], [1.5, 4, 0], [-1, 2, 5]], [[4, 0, 0], [-1.9, 3.3, 0], [0, 0, -6]]):
        atoms = ase.Atoms("H8", positions=rng.normal(scale=9, size=(8, 3)), cell=cell, pbc=True)
        for _ in range(20):
            i, j, k, m = rng.choice(8, 4, replace=False)
            got = measures(chain(atoms.positions[[i, j, k, m]], np.asarray(cell, float), np.ones(3, bool)))
            assert got["distance"] == pytest.approx(atoms.get_distance(k, m, mic=True), abs=1e-9)
            assert got["angle"] == pytest.approx(atoms.get_angle(j, k, m, mic=True), abs=1e-5)
            turn = (got["dihedral"] - atoms.get_dihedral(i, j, k, m, mic=True) + 180) % 360 - 180
            assert turn == pytest.approx(0, abs=1e-5)


def test_the_nearest_image_is_found_in_a_very_skewed_cell() -> None:
    """Against all images within ten cells: ASE takes a longer way here, for its shortest vector is not the shortest."""
    cell = np.array([[4.0, 0, 0], [3.5, 2, 0], [-1, 3, 5]])
    rng = np.random.default_rng(1)
    images = np.array([[a, b, c] for a in range(-10, 11) for b in range(-10, 11) for c in range(-10, 11)]) @ cell
    for _ in range(30):
        step = rng.random(3) @ cell
        got = chain(np.array([[0.0, 0, 0], step + 3 * cell[0] - 2 * cell[1]]), cell, np.ones(3, bool))
        assert np.linalg.norm(got[1]) == pytest.approx(np.linalg.norm(step + images, axis=1).min(), abs=1e-9)


def test_measures_follow_the_last_picked_and_the_frame() -> None:
    ds = make(5, frames=2)
    viewer = StructureViewer(ds.drop_vars(["cell", "pbc"]))
    front = Front(viewer)
    for atom in (0, 3, 1):
        front.say("pick", atom=atom, shift=True)
    p = ds.position.values
    assert viewer.measures["distance"] == pytest.approx(np.linalg.norm(p[0, 1] - p[0, 3]))
    assert set(viewer.measures) == {"distance", "angle"}
    assert front.last("measure")["text"].endswith("°")
    viewer.selection = viewer.selection | {"frame": 1}
    assert viewer.measures["distance"] == pytest.approx(np.linalg.norm(p[1, 1] - p[1, 3]))
    viewer.selection = {"atom": []}
    assert viewer.measures == {}


# ---- trajectories ----------------------------------------------------------------------------------------------


def lazy(n_frames: int, n_atoms: int) -> tuple[xr.Dataset, list[int]]:
    dask = pytest.importorskip("dask.array")
    read: list[int] = []
    cells = np.eye(3) * (10 + np.arange(n_frames)[:, None, None])

    def block(block_info: Any = None) -> np.ndarray:
        i = block_info[None]["array-location"][0][0]
        read.append(i)
        return np.random.default_rng(i).random((1, n_atoms, 3)) * 10

    position = dask.map_blocks(block, chunks=((1,) * n_frames, (n_atoms,), (3,)), dtype=float, meta=np.empty((0, 0, 0)))
    ds = xr.Dataset(
        {
            "position": (("frame", "atom", "axis"), position),
            "element": ("atom", np.full(n_atoms, "Ar")),
            "cell": (("frame", "cell_vector", "axis"), cells),
            "pbc": ("cell_vector", [True] * 3),
        },
        coords={"frame": np.arange(n_frames) * 10},
    )
    return ds, read


def test_only_the_frame_that_is_shown_is_read_and_the_cell_moves_with_it() -> None:
    ds, read = lazy(50, 20)
    viewer = StructureViewer(ds)
    assert read == [0]
    front = Front(viewer)
    front.say("frame", wanted=[[7, 1]])
    assert read == [0, 7]
    assert viewer.selection["frame"] == 70
    assert front.last("frame")["i"] == 7
    assert front.last("sites")["cell"][0][0] == 17
    np.testing.assert_allclose(viewer.result.cell_edge.values.max(), 17)
    xyz = front.array("position", "<f4").reshape(-1, 3)[:20]
    np.testing.assert_allclose(xyz, np.random.default_rng(7).random((20, 3)) * 10, atol=1e-5)
    front.say("frame", wanted=[[7, 1]])  # asked again: answered, not read again
    viewer.selection = {"atom": [3]}
    viewer.set_params(style="licorice")
    assert read == [0, 7]


def test_a_frame_that_cannot_be_read_is_said_and_the_rest_stays_usable() -> None:
    dask = pytest.importorskip("dask.array")
    ds = make(4, frames=3)

    def block(values: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info[0]["array-location"][0][0] == 1:
            raise OSError("the file ends here")
        return values

    broken = dask.from_array(ds.position.values, chunks=(1, 4, 3)).map_blocks(block, meta=np.empty((0, 0, 0)))
    viewer = StructureViewer(ds.assign(position=(("frame", "atom", "axis"), broken)))
    front = Front(viewer)
    front.say("frame", wanted=[[1, 1]])
    assert "the file ends here" in viewer.message.value
    assert front.last("frame")["i"] == 0
    front.say("frame", wanted=[[2, 1]])
    np.testing.assert_allclose(viewer.result.position.values[:4], ds.position.values[2])


def test_colours_follow_an_array_over_frames() -> None:
    ds = make(4, frames=2).assign(height=(("frame", "atom"), [[0.0, 1, 2, 3], [3, 2, 1, 0]]))
    viewer = StructureViewer(ds, params={"color_by": "height", "limits": [0, 3]})
    front = Front(viewer)
    before = front.array("rgb", "u1").reshape(-1, 3)
    viewer.selection = {"frame": 1}
    np.testing.assert_array_equal(front.array("rgb", "u1").reshape(-1, 3), before[::-1])


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


def test_nothing_is_left_after_fifty_viewers() -> None:
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
    refs = [once() for _ in range(50)]
    gc.collect()
    assert threading.active_count() <= threads
    assert len(ipywidgets.widgets.widget._instances) == widgets
    assert sum(r() is not None for r in refs) == 0


# ---- odd structures --------------------------------------------------------------------------------------------


def odd(**changes: Any) -> xr.Dataset:
    return make(4).assign(changes)


@pytest.mark.parametrize(
    ("ds", "note"),
    [
        (make(4).isel(atom=[]), ""),
        (make(4).isel(atom=[2]), ""),
        (odd(position=(("atom", "axis"), np.ones((4, 3)))), "same spot"),
        (odd(cell=(("cell_vector", "axis"), np.zeros((3, 3)))), ""),
        (odd(cell=(("cell_vector", "axis"), np.diag([5.0, 5, -5]))), ""),
        (odd(cell=(("cell_vector", "axis"), np.diag([5.0, 5, 0]))), ""),
        (odd(cell=(("cell_vector", "axis"), [[5.0, 0, 0], [0, 5, 0], [5, 5, 0]])), "lie in a plane"),
        (odd(cell=(("cell_vector", "axis"), np.diag([5.0, 5, np.nan]))), ""),
        (odd(position=(("atom", "axis"), np.where(np.eye(4, 3) > 0, np.nan, 1.0))), "no position"),
        (odd(element=("atom", ["Xx", "C", "", BAD])), "Unknown species"),
        (make(4).drop_vars(["cell", "pbc"]), ""),
        (odd(cell=(("cell_vector", "axis"), np.diag([5.0, 5, 1e-5]))), "No bonds"),
    ],
)  # fmt: skip
def test_odd_structures_are_shown_and_what_is_odd_is_said(ds: xr.Dataset, note: str) -> None:
    viewer = StructureViewer(ds, params={"flat": True, "repeat": [2, 1, 2], "labels": "name"})
    front = Front(viewer)
    assert note in viewer.notes
    if note:
        assert note in viewer.message.value
    assert np.isfinite(front.array("position", "<f4")).all()
    assert "<img" not in viewer.message.value + viewer.head.value
    for name in ("top", "side"):
        viewer.view(name)
    viewer.to_html()


def test_a_structure_of_two_cell_vectors_is_repeated_along_them_only() -> None:
    ds = odd(cell=(("cell_vector", "axis"), np.diag([5.0, 5, 0])))
    viewer = StructureViewer(ds, params={"repeat": [2, 2, 3], "bonds": False})
    assert viewer.result.sizes["site"] == 16
    assert viewer.result.sizes["edge"] == 12


@pytest.mark.parametrize(
    ("make_it", "error", "says"),
    [
        (lambda: StructureViewer(xr.Dataset({"a": 1})), LabelError, "position"),
        (lambda: StructureViewer(np.zeros((3, 3))), LabelError, "from_ase"),
        (lambda: StructureViewer(None), LabelError, "from_ase"),
        (lambda: StructureViewer(make(3, frames=2).isel(frame=[])), DataError, "no frame"),
        (lambda: StructureViewer(make(3).assign_coords(atom=[1, 1, 2])), LabelError, "not unique"),
        (lambda: StructureViewer(make(3), params={"color_by": "nothing"}), ParameterError, "charge"),
        (lambda: StructureViewer(make(3), params={"style": "cartoon"}), ParameterError, "licorice"),
        (lambda: StructureViewer(make(3), params={"repeat": [0, 1, 1]}), ParameterError, "whole numbers"),
        (lambda: StructureViewer(make(3), params={"limits": [2, 1]}), ParameterError, "lower one first"),
        (lambda: StructureViewer(make(3), params={"cmap": "no such map"}), ParameterError, "colour map"),
        (lambda: StructureViewer(make(3), params={"background": "red;"}), ParameterError, "#ffffff"),
        (lambda: StructureViewer(make(3)).color_by([1, 2]), DataError, "one value for each of the 3"),
        (lambda: StructureViewer(make(3)).color_by([1, 2, 3], "charge"), ParameterError, "another name"),
        (lambda: StructureViewer(make(3)).color_by([0, 1, 2], "c", labels=["a", "b"]), DataError, "-1 .none. to 1"),
        (lambda: StructureViewer(make(3)).color_by([0.0, 1, 1], "c", labels=["a", "b"]), DataError, "whole numbers"),
        (lambda: StructureViewer(make(3)).color_by([0, 0, 0], "c", colors=["#000000"]), ParameterError, "labels must"),
        (lambda: StructureViewer(make(3)).color_by([0, 0, 0], labels=["a"], colors=["red"]), ParameterError, "#0072b2"),
        (lambda: setattr(StructureViewer(make(3)), "selection", {"atom": [3]}), LabelError, "no atom 3"),
        (lambda: setattr(StructureViewer(make(3)), "selection", {"frame": 0}), LabelError, "frame"),
        (lambda: setattr(StructureViewer(make(3, frames=2)), "selection", {"frame": 9}), LabelError, "no frame 9"),
        (lambda: StructureViewer(make(3)).view("inside"), ParameterError, "oblique"),
        (lambda: StructureViewer(make(3)).screenshot(scale=0), ParameterError, "1 to 6"),
    ],
)  # fmt: skip
def test_errors_have_names_and_say_what_to_write(make_it: Any, error: type[MIWidgetsError], says: str) -> None:
    with pytest.raises(error, match=says):
        make_it()


def test_objects_of_ase_are_taken() -> None:
    build = pytest.importorskip("ase.build")
    viewer = StructureViewer(build.fcc111("Pt", (2, 2, 3), vacuum=6))
    assert viewer.frames.n_atoms == 12
    assert StructureViewer([build.molecule("H2O"), build.molecule("H2O")]).frames.n_frames == 2
    with pytest.raises(DataError, match="frame 1 has 6 atoms, not 5"):
        StructureViewer([build.molecule(name) for name in ("CH4", "CH3OH", "CH4")])


def test_what_was_read_of_a_trajectory_that_breaks_off_is_shown(tmp_path: Any) -> None:
    """A file that ends in the middle of its third frame: two frames are played, and the end is said."""
    one = "2\nProperties=species:S:1:pos:R:3\nC 0 0 {z}\nO 0 0 {y}\n"
    path = tmp_path / "short.xyz"
    path.write_text(one.format(z=0, y=1.1) + one.format(z=0, y=1.2) + "2\nProperties=species:S:1:pos:R:3\nC 0 0")
    with pytest.warns(MIWidgetsWarning, match="."):
        viewer = StructureViewer(path)
    assert viewer.frames.n_frames == 2
    viewer.selection = {"frame": 1, "atom": [0, 1]}
    assert viewer.measures["distance"] == pytest.approx(1.2)


def test_text_from_data_does_not_become_markup() -> None:
    ds = make(3).assign_coords(atom=[BAD, "b", "c"]).assign_attrs(title=BAD)
    ds = ds.assign(kind=("atom", [BAD, "x", ""], {"long_name": BAD, "units": BAD}))
    viewer = StructureViewer(ds, params={"color_by": "kind", "flat": True})
    viewer.selection = {"atom": [BAD, "b"]}
    shown = viewer.head.value + viewer.text.value + viewer.message.value
    assert "<img" not in shown
    page = viewer.to_html(BAD)
    assert page.count("<img") == 0


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
