"""DOSClusterer without a page: same numbers as without a widget, picking in any view picks in all, edits, bad input."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import dos
from mi_widgets.datasets._pdos import make_pdos
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets import link
from mi_widgets.widgets.dos import DOSClusterer
from mi_widgets.widgets.structure import StructureViewer

BAD = "<img src=x onerror=hacked=1>"
METRIC = "relative_wasserstein"  # by which the page compares
CUT = 0.03


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_pdos(defects=("vacancy", "adsorbate"), jitter=0.1)


@pytest.fixture
def make(ds: xr.Dataset) -> Callable[..., DOSClusterer]:
    def make(data: xr.Dataset | None = None, **params: Any) -> DOSClusterer:
        return DOSClusterer(ds if data is None else data, params={"cut": CUT} | params, threaded=False)

    return make


@pytest.fixture
def app(make: Callable[..., DOSClusterer]) -> DOSClusterer:
    return make()


def same_as_code(app: DOSClusterer) -> None:
    names = {"ds": app.data}
    exec(app.code, names)
    xr.testing.assert_identical(names["result"], app.result)


def geometry(kind: str, **values: Any) -> dict[str, Any]:
    """What was drawn around, as BokehJS sends it."""
    return {"type": "map", "entries": [["type", kind], *([k, v] for k, v in values.items())]}


def atoms(app: DOSClusterer) -> list[Any]:
    return list(app.selection["atom"])


def everywhere(app: DOSClusterer, chosen: list[int]) -> None:
    """The same sites are marked in every view."""
    assert atoms(app) == app.atoms[chosen].tolist()
    assert app.viewer.selection["atom"] == atoms(app)
    inside = sorted({int(k) for k in app.result.cluster.values[chosen] if k >= 0})
    assert app.rows.chosen == inside
    assert app.unusual.chosen == chosen
    halo = app.map.view.part("halo").handles["source"].data
    assert len(halo["x"]) == len(chosen)
    marked = app.tree.view.part("halo").handles["source"].data["left"]
    assert (len(marked) > 0) == (len(chosen) > 0)
    alphas = [line.glyph.line_alpha for _, line in app.curves._renderers[: len(app.curves._curves)]]
    shown = [c.label for c in app.curves._curves]
    assert [label in inside or not inside for label in shown] == [a == 1.0 for a in alphas]


# ---- the same numbers as without a widget ------------------------------------------------------------------------


def test_result_is_that_of_the_headless_call_and_the_code_gives_it(app: DOSClusterer, ds: xr.Dataset) -> None:
    assert app.state == "done"
    xr.testing.assert_identical(app.result, dos.cluster(dos.align(ds, "fermi"), metric=METRIC, cut=CUT))
    same_as_code(app)


@pytest.mark.parametrize(
    "params",
    [
        {"reference": None, "window": [-10.0, None]},
        {"metric": "jensen_shannon", "shift": 0.0, "linkage": "complete"},
        {"orbitals": "sum", "broadening": 0.2, "cut": 0.1, "elements": "together"},
        {"edits": [["merge", [0, 1]], ["split", 0], ["rename", 1, 'it\'s "one"']]},
    ],
)
def test_code_of_other_parameters_gives_their_result(make: Callable[..., DOSClusterer], params: dict[str, Any]) -> None:
    app = make(**params)
    assert app.state == "done", app.message.value
    same_as_code(app)


def test_a_cut_that_moves_gives_what_a_new_run_gives(app: DOSClusterer, ds: xr.Dataset) -> None:
    for cut in (0.2, 0.02, 0.05, 0.5, 0.0):
        app.cut_field.slider.value = cut
        xr.testing.assert_identical(app.result, dos.cluster(dos.align(ds, "fermi"), metric=METRIC, cut=cut))
    app.cut_field.slider.value = 0.045
    same_as_code(app)


def test_curves_are_means_of_clusters_for_the_chosen_orbitals(app: DOSClusterer, ds: xr.Dataset) -> None:
    app.stacked = False
    for orbital, part in (("total", ds), ("p", ds.isel(orbital=[1]))):
        app.shown_orbital = orbital
        wide = dos.broaden(dos.align(part, "fermi"), app.params["broadening"])
        mean = dos.cluster_mean(wide, app.result)
        drawn = app.curves.view.part("means").handles["source"].data
        for i, curve in enumerate(app.curves._curves):
            truth = mean["mean"].sel(cluster_label=curve.label).values.ravel()
            np.testing.assert_allclose(drawn[f"m{i}"], truth, atol=1e-5)
            low = mean["band"].sel(cluster_label=curve.label).isel(quantile=0).values.ravel()
            np.testing.assert_allclose(curve.low, low, atol=1e-5)
    np.testing.assert_allclose(drawn["x"], wide.energy.values, atol=1e-5)
    assert app.curves.view.figure("frame").xaxis.axis_label == "energy from the Fermi energy (eV)"


def test_the_table_says_what_is_in_a_cluster(app: DOSClusterer, ds: xr.Dataset) -> None:
    assert len(app.rows.rows) == app.result.sizes["cluster_label"]
    row = next(r for r in app.rows.rows if r["id"] == 0)
    own = app.result.cluster.values == 0
    neighbours = sorted(set(ds.coordination.values[own].tolist()))
    assert row["cells"][1] == str(ds.element.values[own][0])
    assert row["cells"][2] == str(int(own.sum()))
    assert row["cells"][3] == (str(neighbours[0]) if len(neighbours) == 1 else f"{neighbours[0]}–{neighbours[-1]}")
    center = dos.band_center(dos.align(ds, "fermi"), window=(None, 0.0)).band_center.values[own, 0]
    assert row["cells"][4].startswith(f"{center.mean():.2f}")


def test_unusual_sites_are_listed_in_their_order(app: DOSClusterer) -> None:
    app.table_buttons.value = app.table_buttons.options[1]
    ranked = dos.rank_unusual(app.result)
    assert [r["id"] for r in app.unusual.rows] == ranked.atom_index.values[:30].tolist()


# ---- pointing ----------------------------------------------------------------------------------------------------


def test_picking_in_any_view_picks_in_all(app: DOSClusterer, page_of: Any) -> None:
    app.overview = "map (PCA)"
    tree, places, curves = (page_of(v) for v in (app.tree.view, app.map.view, app.curves.view))
    for page in (tree, places, curves):
        page.open()
    twigs = app.tree._twigs
    figure = app.tree.view.figure("frame")
    tree.event("tap", figure, x=3.0, y=-0.001, sx=0, sy=0)
    everywhere(app, app.leaf_atoms[twigs.tree.members(int(twigs.leaves[3]))].tolist())
    node = int(twigs.inner[0])
    tree.event("tap", figure, x=twigs.x[node], y=float(np.sqrt(twigs.y[node])), sx=0, sy=0)
    assert len(atoms(app)) >= 2
    at = app.map_places[7]
    places.event("tap", app.map.view.figure("frame"), x=float(at[0]), y=float(at[1]), sx=0, sy=0)
    assert 7 in atoms(app)
    everywhere(app, app.chosen.tolist())
    curve = app.curves._curves[2]
    k = int(np.argmax(curve.mean))
    x, y = float(app.site_curves.energy[k]), float(curve.mean[k] + app.curves._offsets[2])
    curves.event("tap", app.curves.view.figure("frame"), x=x, y=y, sx=0, sy=0)
    everywhere(app, app.group_of(curve.label).atoms.tolist())
    app.rows._receive(app.rows, {"k": "pick", "id": 1, "shift": False}, [])
    everywhere(app, app.group_of(1).atoms.tolist())
    app.unusual.rows, app.unusual.note = [{"id": 5, "cells": []}], ""
    app.unusual._receive(app.unusual, {"k": "pick", "id": 5, "shift": False}, [])
    everywhere(app, [5])
    app.viewer.stage._receive(app.viewer.stage, {"k": "pick", "atom": 11, "shift": False, "vid": "p"}, [])
    everywhere(app, [11])
    app.selection = {"atom": [4, 3]}
    everywhere(app, [4, 3])
    curves.event("tap", app.curves.view.figure("frame"), x=x, y=-5.0, sx=0, sy=0)
    everywhere(app, [])
    assert not app.message.value


def test_box_and_lasso_choose_on_the_map(app: DOSClusterer, page_of: Any) -> None:
    app.overview = "map (MDS)"
    figure = app.map.view.figure("frame")
    page = page_of(app.map.view)
    page.open()
    x, y = app.map_places.T
    box = geometry("rect", x0=float(np.median(x)), x1=float(x.max()), y0=float(y.min()), y1=float(y.max()))
    page.event("selectiongeometry", figure, geometry=box, final=True)
    right = np.flatnonzero(x >= np.median(x)).tolist()
    assert atoms(app) == right
    app.adding.value = True
    left = int(np.argmin(x))
    around = [float(x[left]) - 1e-6, float(x.max()) + 1.0]
    poly = geometry("poly", x=[around[0], around[1], around[1], around[0]], y=[-9, -9, 9, 9])
    page.event("selectiongeometry", figure, geometry=poly, final=True)
    assert sorted(atoms(app)) == list(range(app.n_atoms)), "what was chosen stays"


def test_shift_adds_and_takes_away(app: DOSClusterer) -> None:
    pick = app.rows._receive
    pick(app.rows, {"k": "pick", "id": 0, "shift": False}, [])
    pick(app.rows, {"k": "pick", "id": 2, "shift": True}, [])
    assert len(atoms(app)) == app.group_of(0).size + app.group_of(2).size
    pick(app.rows, {"k": "pick", "id": 0, "shift": True}, [])
    assert atoms(app) == app.group_of(2).atoms.tolist()
    pick(app.rows, {"k": "pick", "id": 10_000, "shift": False}, [])
    pick(app.rows, {"k": "pick", "id": None, "shift": False}, [])
    assert atoms(app) == app.group_of(2).atoms.tolist(), "a row that is gone"


def test_linked_explorers_point_at_the_same_atoms(app: DOSClusterer, ds: xr.Dataset) -> None:
    other = StructureViewer(ds)
    link(app, other, on="atom")
    app.select_cluster(1)
    assert other.selection["atom"] == atoms(app)
    other.selection = {"atom": [8]}
    everywhere(app, [8])


def test_labels_of_atoms_may_be_text(ds: xr.Dataset, make: Callable[..., DOSClusterer]) -> None:
    app = make(ds.assign_coords(atom=[f"a{i}" for i in range(ds.sizes["atom"])]))
    app.selection = {"atom": ["a3", "a3", "a0"]}
    everywhere(app, [3, 0])
    with pytest.raises(LabelError, match="there is no atom 'b'"):
        app.selection = {"atom": ["b"]}
    with pytest.raises(LabelError, match="cannot point along 'energy'"):
        app.selection = {"energy": 3}


# ---- the cut -----------------------------------------------------------------------------------------------------


def test_the_cut_moves_with_a_double_click_and_with_its_line(app: DOSClusterer, page_of: Any) -> None:
    page = page_of(app.tree.view)
    page.open()
    figure = app.tree.view.figure("frame")
    page.event("tap", figure, x=-0.6, y=0.5, sx=0, sy=0)
    assert app.params["cut"] == CUT, "a slip beside a branch undoes nothing"
    page.event("doubletap", figure, x=-0.6, y=0.5, sx=0, sy=0)
    assert app.params["cut"] == pytest.approx(0.25)
    assert app.cut_field.slider.value == pytest.approx(0.25)
    assert app.tree._line.location == pytest.approx(0.5)
    page.set(app.tree._line, location=0.2)
    assert app.params["cut"] == pytest.approx(0.04)
    assert not atoms(app)
    app.set_params(cut=5.0)
    assert app.tree._line.location <= figure.y_range.end, "it can still be dragged back"
    assert app.cut_field.slider.value == 5.0


def test_clusters_keep_their_colours_while_the_cut_moves(app: DOSClusterer) -> None:
    for cut in (0.03, 0.028, 0.026, 0.04, 0.1):
        before, painted = app.result.cluster.values.copy(), app.atom_slots.copy()
        app.set_params(cut=cut)
        for g in app.groups:
            old = set(before[g.atoms])
            if len(old) == 1 and (before == old.pop()).sum() == g.size:  # the same sites as before
                assert (app.atom_slots[g.atoms] == painted[g.atoms]).all()


def colours(app: DOSClusterer) -> dict[bytes, int]:
    return {g.atoms.tobytes(): app.slots[g.label] for g in app.groups}


def test_the_same_sites_get_their_colour_back(make: Callable[..., DOSClusterer]) -> None:
    app = make(cut=None)
    first = colours(app)
    for cut in (0.3, 0.02, 0.5, 0.05):
        app.set_params(cut=cut)
    before = colours(app)
    app.selection = {"atom": [int(app.group_of(0).atoms[0]), int(app.group_of(1).atoms[0])]}
    app.merge_button.click()
    app.undo()
    assert colours(app) == before
    app.cut_field.auto.click()
    assert colours(app) == first


def test_colours_travel_with_their_points(app: DOSClusterer) -> None:
    app.overview = "map (PCA)"
    with app.lock:  # what is sent is read when the lock is let go
        app.map.color(np.zeros(app.n_atoms, dtype=int))
        app.tree.color(np.zeros(len(app.leaf_atoms), dtype=int))
        events = [e for view in (app.map.view, app.tree.view) for e in view._events if getattr(e, "attr", "") == "data"]
        assert events
        assert all(getattr(e, "cols", None) is None for e in events), "a column alone may meet points that are gone"


def test_colours_are_the_same_in_every_view(app: DOSClusterer) -> None:
    app.overview = "map (PCA)"
    app.set_params(cut=0.025)
    slab = app.viewer.colors.rgb
    dots = app.map.view.part("dots").handles["source"].data["slot"].astype(int) - 1
    for i, curve in enumerate(app.curves._curves):
        color = app.curves._renderers[i][1].glyph.line_color
        own = app.group_of(curve.label).atoms
        assert {"#{:02x}{:02x}{:02x}".format(*v) for v in slab[own]} == {color}
        assert set(dots[own]) == {curve.slot}
        assert next(r for r in app.rows.rows if r["id"] == curve.label)["color"] == color


def test_the_cut_is_found_in_the_tree_unless_it_is_given(ds: xr.Dataset, make: Callable[..., DOSClusterer]) -> None:
    app, aligned = make(cut=None), dos.align(ds)
    truth = dos.cluster(aligned)
    xr.testing.assert_identical(app.result, truth)
    assert app.cut_field.slider.value == pytest.approx(float(truth["cut"]), abs=5.1e-4)
    app.cut_field.slider.value += 1e-5  # the page rounds what it shows
    assert app.params["cut"] is None
    assert app.cut_field.auto.disabled
    same_as_code(app)
    app.cut_field.slider.value = 0.3
    assert not app.cut_field.auto.disabled
    same_as_code(app)
    app.cut_field.auto.click()
    xr.testing.assert_identical(app.result, truth)
    app.set_params(cut=0.2)
    app.controls.choices["metric"].value = "total_variation"
    assert app.params["cut"] is None, "the cut of another distance means nothing"
    xr.testing.assert_identical(app.result, dos.cluster(aligned, metric="total_variation"))
    assert "elsewhere" in app.cut_field.caption.value


def test_states_that_are_compared(app: DOSClusterer, ds: xr.Dataset) -> None:
    aligned = dos.align(ds)
    assert app.curves._above.visible, "empty states are shaded"
    assert app.curves._above.left == 0.0
    app.controls.states.value = "all"
    assert not app.curves._above.visible
    xr.testing.assert_identical(app.result, dos.cluster(aligned, window="all", metric=METRIC, cut=CUT))
    app.controls.states.value = "window"
    assert app.params["window"] == "all", "its ends are still to be typed"
    app.controls.window[1].value = "-1"
    assert app.params["window"] == [None, -1.0]
    xr.testing.assert_identical(app.result, dos.cluster(aligned, window=(None, -1.0), metric=METRIC, cut=CUT))
    same_as_code(app)
    app.controls.states.value = ""
    assert app.params["window"] is None
    xr.testing.assert_identical(app.result, dos.cluster(aligned, metric=METRIC, cut=CUT))


# ---- changes by hand ---------------------------------------------------------------------------------------------


def test_merge_split_rename_and_back_again(app: DOSClusterer) -> None:
    first = app.result
    app.selection = {"atom": [int(app.group_of(0).atoms[0]), int(app.group_of(1).atoms[0])]}
    app.merge_button.click()
    assert app.result.sizes["cluster_label"] == first.sizes["cluster_label"] - 1
    same_as_code(app)
    merged = app.result
    app.select_cluster(0)
    app.split_button.click()
    assert app.result.sizes["cluster_label"] == first.sizes["cluster_label"]
    app.rows._receive(app.rows, {"k": "rename", "id": 0, "text": f"  {BAD} "}, [])
    assert app.result.cluster_name.values[0] == BAD
    assert BAD not in app.chosen_text.value
    same_as_code(app)
    app.undo()
    app.undo()
    xr.testing.assert_identical(app.result, merged)
    same_as_code(app)
    app.undo()
    xr.testing.assert_identical(app.result, first)
    assert app.history_buttons.undo.disabled
    for _ in range(3):
        app.redo()
    assert app.result.cluster_name.values[0] == BAD
    assert not app.message.value


def test_what_cannot_be_changed_is_said_and_changes_nothing(app: DOSClusterer) -> None:
    before, params = app.result, app.params
    app.rows._receive(app.rows, {"k": "rename", "id": 0, "text": app.group_of(1).name}, [])
    assert "used twice" in app.message.value
    app.rows._receive(app.rows, {"k": "rename", "id": 0, "text": "   "}, [])
    assert "needs a name" in app.message.value
    with pytest.raises(ParameterError, match="merge needs sites in two clusters"):
        app.merge()
    with pytest.raises(ParameterError, match="split needs sites of one cluster"):
        app.split()
    with pytest.raises(ParameterError, match="there is no cluster 'nowhere'"):
        app.select_cluster("nowhere")
    assert app.result is before
    assert app.params == params
    app.rename(0, "bulk")
    assert app.result.cluster_name.values[0] == "bulk"
    assert "used twice" not in app.message.value, "what was refused has been put right"


def test_a_new_cut_undoes_changes_by_hand_and_undo_brings_them_back(app: DOSClusterer) -> None:
    app.rename(0, "bulk")
    app.cut_field.slider.value = 0.1
    assert app.params["edits"] == []
    assert "bulk" not in app.result.cluster_name.values
    app.undo()
    assert "bulk" in app.result.cluster_name.values
    assert app.params["cut"] == CUT


@pytest.mark.parametrize("change", ["cut", "broadening"])
def test_names_that_go_are_told(app: DOSClusterer, change: str) -> None:
    app.rename(0, "bulk")
    if change == "cut":
        app.cut_field.slider.value = 0.1
    else:
        app.controls.broadening.value = "0.3"
    assert "1 name by hand dropped; Undo brings it back" in app.message.value
    app.undo()
    assert "bulk" in app.result.cluster_name.values
    assert not app.message.value


def test_moving_the_slider_is_one_step_back(app: DOSClusterer) -> None:
    for cut in np.linspace(0.03, 0.3, 15):
        app.cut_field.slider.value = float(cut)
    app.undo()
    assert app.params["cut"] == CUT
    app.redo()
    assert app.params["cut"] == 0.3


def test_edits_that_do_not_fit_other_parameters_are_left_out_and_said(make: Callable[..., DOSClusterer]) -> None:
    app = make(edits=[["rename", 700, "nothing"]])
    assert app.params["edits"] == []
    assert "left out" in app.message.value
    same_as_code(app)


# ---- runs --------------------------------------------------------------------------------------------------------


def test_a_changed_parameter_compares_again_at_once_or_says_so(app: DOSClusterer, ds: xr.Dataset) -> None:
    app.controls.broadening.value = "0,6"
    xr.testing.assert_identical(app.result, dos.cluster(dos.align(ds), broadening=0.6, metric=METRIC, cut=CUT))
    app.undo()
    assert app.controls.broadening.value == "0.2"
    xr.testing.assert_identical(app.result, dos.cluster(dos.align(ds), metric=METRIC, cut=CUT))
    app.live = False
    app.controls.shift_free.value = False
    assert app.params["shift"] == 0.0
    assert app.is_stale
    assert "other parameters" in app.header.value
    same_as_code(app)
    app.cut_field.slider.value = 0.08
    same_as_code(app)
    app.run()
    assert not app.is_stale
    same_as_code(app)
    assert "shift=0.0" in app.code


def test_a_dragged_window_is_compared(app: DOSClusterer, page_of: Any) -> None:
    page = page_of(app.curves.view)
    page.open()
    box = geometry("rect", x0=-16.0, x1=1.0, y0=0.0, y1=1.0)
    page.event("selectiongeometry", app.curves.view.figure("frame"), geometry=box, final=True)
    assert app.params["window"] == [-16.0, 1.0]
    assert app.controls.window[0].value == "-16"
    assert app.curves._below.right == -16.0
    same_as_code(app)


def test_a_run_that_fails_says_why_and_keeps_the_clusters(app: DOSClusterer) -> None:
    before = app.result
    app.set_params(window=[500.0, 600.0])
    assert app.state == "failed"
    assert "window" in app.message.value
    assert app.result is before
    app.undo()
    assert app.params["window"] is None
    assert app.state == "done"
    assert not app.message.value
    app.set_params(reference="vbm")
    assert app.state in ("done", "failed")
    same_as_code(app)


def test_a_run_can_be_cancelled_and_the_page_goes_on(ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    go, began = threading.Event(), threading.Event()
    real = dos.cluster

    def slow(*args: Any, **kwargs: Any) -> xr.Dataset:
        began.set()
        go.wait(20)
        return real(*args, **kwargs)

    monkeypatch.setattr(dos, "cluster", slow)
    app = DOSClusterer(ds, params={"cut": CUT})
    assert began.wait(20)
    assert app.state == "running"
    start = time.monotonic()
    app.run_bar.cancel_button.click()
    assert time.monotonic() - start < 2
    assert app.state == "cancelled"
    assert app.result is None
    app.cut_field.slider.value = 0.5  # without clusters yet
    go.set()
    app.run(wait=True)
    assert app.state == "done"
    assert float(app.result["cut"]) == 0.5
    app.close()


def test_maps_are_computed_when_they_are_looked_at(app: DOSClusterer, ds: xr.Dataset) -> None:
    assert not app.found.maps
    aligned = dos.align(ds)
    apart = {"elements": "together", "metric": app.params["metric"], "shift": app.params["shift"]}
    for name, method, more in (("map (PCA)", "pca", {}), ("map (MDS)", "mds", apart)):
        app.overview = name
        truth = dos.embed(aligned, method, broadening=app.params["broadening"], **more).embedding.values
        np.testing.assert_allclose(app.map_places, truth, atol=1e-9)
    app.set_params(broadening=0.8)
    truth = dos.embed(aligned, "mds", broadening=0.8, **apart).embedding.values
    np.testing.assert_allclose(app.map_places, truth, atol=1e-9)


# ---- bad input ---------------------------------------------------------------------------------------------------


def test_data_that_cannot_be_shown_are_refused(ds: xr.Dataset) -> None:
    with pytest.raises(DataError, match=r"io\.read_pdos"):
        DOSClusterer(None)
    with pytest.raises(DataError, match="takes a Dataset with 'pdos'"):
        DOSClusterer(ds.drop_vars("pdos"))
    with pytest.raises(DataError, match="at least two sites"):
        DOSClusterer(ds.isel(atom=[0]))
    with pytest.raises(LabelError, match="not unique"):
        DOSClusterer(ds.assign_coords(atom=np.zeros(ds.sizes["atom"], int)))
    with pytest.raises(LabelError, match="energy"):
        DOSClusterer(ds.rename(energy="e"))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"metric": "nearest"}, "metric must be one of"),
        ({"broadening": -1}, "broadening must be a number"),
        ({"cut": "half"}, "cut must be a number"),
        ({"window": [3, 1]}, "low must be below high"),
        ({"window": 3}, "window must be two energies"),
        ({"edits": [["melt", 3]]}, "an edit is"),
        ({"edits": [["merge", [1]]]}, "an edit is"),
        ({"edits": [["rename", "a", "b"]]}, "an edit is"),
        ({"edits": "merge"}, "edits must be a list"),
        ({"linkages": "average"}, "unknown parameter 'linkages'"),
    ],
)
def test_wrong_parameters_are_refused(ds: xr.Dataset, params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        DOSClusterer(ds, params=params)


def test_what_is_typed_wrong_is_said_and_taken_back(app: DOSClusterer) -> None:
    for field, text in ((app.controls.broadening, "wide"), (app.controls.shift, "-3"), (app.controls.window[0], "x")):
        shown = field.value
        field.value = text
        assert "mi-error" in app.message.value
        assert field.value == shown
    app.controls.broadening.value = "0.4"
    assert "mi-error" not in app.message.value
    app.controls.shift.value = "100"
    assert "from 0 to 20 eV" in app.message.value
    app.controls.shift._handle_custom_msg({"event": "submit"}, [])  # Enter on what stands there
    assert not app.message.value
    app.controls.shift.value = "100"
    app.controls.states.value = "window"
    assert not app.message.value


def test_without_fermi_energy_energies_stay_as_they_are(ds: xr.Dataset, make: Callable[..., DOSClusterer]) -> None:
    app = make(ds.drop_vars("fermi_energy"))
    assert app.params["reference"] is None
    same_as_code(app)
    assert app.curves.view.figure("frame").xaxis.axis_label.startswith("energy")
    with pytest.raises(ParameterError, match="needs the Fermi energy"):
        app.set_params(reference="fermi")


def test_without_positions_or_elements_the_rest_works(ds: xr.Dataset, make: Callable[..., DOSClusterer]) -> None:
    for part in (ds.drop_vars("position"), ds.drop_vars("element"), ds["pdos"]):
        app = make(part)
        assert app.state == "done"
        assert app.viewer is None
        app.select_cluster(0)
        assert app.rows.chosen == [0]


def test_sites_that_cannot_be_compared_are_left_aside(ds: xr.Dataset, make: Callable[..., DOSClusterer]) -> None:
    broken = ds.copy(deep=True)
    broken["pdos"].values[3] = np.nan
    broken["pdos"].values[5] = 0
    app = make(broken)
    assert "2 of" in app.message.value
    assert app.result.cluster.values[[3, 5]].tolist() == [-1, -1]
    assert "2 sites cannot be compared" in app.rows.note
    app.selection = {"atom": [3]}
    assert app.rows.chosen == []
    app.overview = "map (PCA)"
    assert np.isnan(app.map_places[[3, 5]]).all()
    app.map._on_atoms(np.array([4]), False)
    everywhere(app, [4])


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_data_without_any_states_are_no_crash(ds: xr.Dataset, make: Callable[..., DOSClusterer], value: float) -> None:
    empty = ds.copy(deep=True)
    empty["pdos"][:] = value
    app = make(empty)
    assert app.state == "done"
    assert app.groups == []
    for view in ("map (PCA)", "map (MDS)", "dendrogram"):
        app.overview = view
        assert app.state == "done", app.message.value
    app.cut_field.slider.value = 0.4
    app.selection = {"atom": [2]}


def test_spins_reversed_energies_and_fine_axes_are_drawn(make: Callable[..., DOSClusterer]) -> None:
    fine = make_pdos(defects=(), spin=True, n_energies=2001).isel(energy=slice(None, None, -1), atom=slice(0, 30))
    app = make(fine)
    assert app.state == "done", app.message.value
    assert app.site_curves.energy.size <= 700
    assert np.all(np.diff(app.site_curves.energy.values) > 0)
    app.set_params(spin="resolved")
    same_as_code(app)


def test_text_of_data_is_escaped(ds: xr.Dataset, make: Callable[..., DOSClusterer]) -> None:
    named = ds.assign_coords(atom=[f"{BAD}{i}" for i in range(ds.sizes["atom"])]).assign_attrs(title=BAD)
    app = make(named)
    app.selection = {"atom": [f"{BAD}1"]}
    assert BAD not in app.header.value
    assert BAD not in app.chosen_text.value


# ---- taking it away, displays, budgets ---------------------------------------------------------------------------


def test_data_code_and_pages_are_written(app: DOSClusterer, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from mi_widgets.io import read_netcdf

    monkeypatch.chdir(tmp_path)
    app.rename(0, "bulk")
    for kind in ("nc", "csv", "py", "html:dendrogram", "html:curves", "html:slab"):
        app.export.kind.value = kind
        app.export.save.click()
        assert "Written" in app.export.said.value, app.export.said.value
    stem = app.export.name.value
    xr.testing.assert_identical(read_netcdf(tmp_path / f"{stem}.nc"), app.result)
    lines = (tmp_path / f"{stem}.csv").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if not line.startswith("#")]
    assert len(rows) >= app.n_atoms + 1
    assert any("bulk" in line for line in rows)
    assert (tmp_path / f"{stem}.py").read_text(encoding="utf-8").strip() == app.code


def test_the_projection_takes_the_place_of_the_stage(app: DOSClusterer, page_of: Any) -> None:
    app.plane.value = True
    assert app.viewer._flat.plane == "x-z"
    assert app.viewer.stage.layout.display == "none"
    page = page_of(app.viewer._flat.view)
    page.open()
    around = geometry("rect", x0=-100.0, x1=100.0, y0=-100.0, y1=100.0)
    page.event("selectiongeometry", app.viewer._flat.view.figure("frame"), geometry=around, final=True)
    everywhere(app, list(range(app.n_atoms)))
    app.plane.value = False
    assert app.viewer.stage.layout.display is None
    assert app.viewer._flat.view not in app.viewer.panel.children


def test_two_displays_and_a_reload_show_the_same(app: DOSClusterer, page_of: Any) -> None:
    first = page_of(app.tree.view, "one")
    text = json.dumps(first.open())
    app.set_params(cut=0.1)
    assert first.of("patch")
    second = page_of(app.tree.view, "two")
    after = json.dumps(second.open())
    assert after != text
    assert json.dumps(page_of(app.tree.view, "one").open()) == after


def test_nothing_is_left_when_it_is_closed(ds: xr.Dataset) -> None:
    from ipywidgets.widgets.widget import _instances

    DOSClusterer(ds, threaded=False).close()
    threads, known = threading.active_count(), len(_instances)
    for _ in range(2):
        app = DOSClusterer(ds)
        app.worker.wait()
        app.overview = "map (PCA)"
        app.worker.wait()
        app.close()
    assert threading.active_count() == threads
    assert len(_instances) == known


def test_a_moved_cut_of_a_thousand_sites_is_quick_and_small(page_of: Any) -> None:
    rng = np.random.default_rng(0)
    n, axis = 1000, np.linspace(-15, 10, 600)
    centers = rng.uniform(-12, 8, (25, 9))[rng.integers(0, 25, n)] + 0.4 * rng.normal(size=(n, 9))
    values = np.exp(-(((axis - centers[:, :, None]) / 0.8) ** 2)).astype(np.float32)
    base = make_pdos(defects=())
    position = np.c_[np.indices((10, 10, 10)).reshape(3, -1).T * 2.1]
    data = xr.Dataset(
        {
            "pdos": (("atom", "orbital", "energy"), values, {"units": "1/eV"}),
            "position": (("atom", "axis"), position, {"units": "angstrom"}),
            "cell": (("cell_vector", "axis"), 21.0 * np.eye(3), {"units": "angstrom"}),
            "pbc": ("cell_vector", [True] * 3),
            "fermi_energy": base["fermi_energy"],
        },
        coords={
            "element": ("atom", np.array(["Mg", "O"])[np.arange(n) % 2]),
            "orbital": ["s", "p_y", "p_z", "p_x", "d_xy", "d_yz", "d_z2", "d_xz", "d_x2-y2"],
            "energy": ("energy", axis, {"units": "eV"}),
        },
    )
    app = DOSClusterer(data, params={"shift": 0.0}, threaded=False)
    pages = [page_of(v) for v in (app.tree.view, app.map.view, app.curves.view)]
    for page in pages:
        page.open()
    sent: list[int] = []
    stage = app.viewer.stage
    stage._receive(stage, {"k": "ready", "vid": "p"}, [])
    stage.send = lambda content, buffers=None: sent.append(len(json.dumps(content)) + sum(map(len, buffers or [])))
    times = []
    for cut in (0.05, 0.1, 0.3, 0.2, 0.15):
        for page in pages:
            page.clear()
        sent.clear()
        start = time.thread_time()
        app.cut_field.slider.value = cut
        times.append(time.thread_time() - start)
        own = sum(len(json.dumps(m)) + sum(map(len, b)) for page in pages for m, b in page.messages)
        table = len(json.dumps(app.rows.rows))
        assert own + sum(sent) + table <= 150_000
        assert own > 1000
        assert sent, "the slab is recoloured"
    assert np.median(times) <= 0.1
