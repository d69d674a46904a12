"""StructureViewer without a page: odd structures, objects of others, bad input, text from files."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from viewer_front import BAD, Front, make

from mi_widgets.errors import DataError, LabelError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.widgets.structure import StructureViewer


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


@pytest.mark.parametrize(
    "values",
    [
        np.array([1 + 2j, 0, 0]),
        np.array(["2020-01-01"] * 3, "M8[D]"),
        np.array([1, 2, 3], "m8[s]"),
        [b"a", b"b", b"c"],
        [{}, [], ()],
        [object()] * 3,
        [[1], [1, 2], 3],
    ],
)
def test_what_is_neither_number_nor_name_colours_nothing_and_breaks_nothing(values: Any) -> None:
    viewer = StructureViewer(make(3))
    with pytest.raises(DataError, match="numbers or names"):
        viewer.color_by(values)
    viewer.set_params(style="licorice", color_by="charge")
    assert viewer.colors.kind == "continuous"


def test_dates_in_the_structure_are_no_colours() -> None:
    ds = make(3).assign(born=("atom", np.array(["2020-01-01"] * 3, "M8[ns]")))
    viewer = StructureViewer(ds)
    with pytest.raises(ParameterError, match="color_by must be one of element, charge"):
        viewer.set_params(color_by="born")
    viewer.set_params(style="licorice")


@pytest.mark.parametrize(
    "values",
    [[np.inf, 0.0, 1.0], [-np.inf, np.nan, 1.0], ["a", None, np.nan], ["inf", "nan", "x"],
     np.array([np.float64(1.5), None, "x"], object)],
)  # fmt: skip
def test_the_code_of_odd_values_runs(values: Any) -> None:
    viewer = StructureViewer(make(3))
    viewer.color_by(values)
    names = {"ds": viewer.data}
    exec(viewer.code, names)
    xr.testing.assert_identical(names["result"], viewer.result)


def test_an_error_goes_when_the_field_is_put_right_and_no_match_is_said() -> None:
    viewer = StructureViewer(make(), threaded=False)
    viewer.controls.limits[0].value = "abc"
    assert "is not a number" in viewer.message.value
    viewer.controls.limits[0].value = ""
    assert not viewer.message.value
    viewer.controls.expression.value = "element == 'Uuo'"
    assert "None of the 6 atoms matches" in viewer.message.value
    assert not viewer.selection.get("atom")
