"""StructureViewer without a page: choosing atoms by click, expression and link, and measuring them."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from viewer_front import BAD, Front, make

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.methods.expression import match
from mi_widgets.widgets import link
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._structure_measure import chain, measures
from mi_widgets.widgets.structure import StructureViewer


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


def test_an_atom_without_a_position_has_no_measures() -> None:
    ds = make(4)
    ds["position"][2] = np.nan
    viewer = StructureViewer(ds)
    front = Front(viewer)
    for atom in (0, 2):
        front.say("pick", atom=atom, shift=True)
    assert viewer.selection["atom"] == [0, 2]
    assert viewer.measures == {}
    assert front.last("measure") == {"points": [], "text": ""}
    assert "error" not in viewer.message.value


def test_measures_can_be_switched_off() -> None:
    viewer = StructureViewer(make(5), params={"measures": False})
    front = Front(viewer)
    for atom in (0, 3, 1):
        front.say("pick", atom=atom, shift=True)
    assert viewer.measures == {}
    assert front.last("measure") == {"points": [], "text": ""}
    viewer.controls.measures.value = True
    assert set(viewer.measures) == {"distance", "angle"}
    assert len(front.last("measure")["points"]) == 3
    with pytest.raises(ParameterError, match="measures must be True or False"):
        viewer.set_params(measures="no")
