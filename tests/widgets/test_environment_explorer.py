"""EnvironmentExplorer without a page: the numbers of the headless call, what clicks choose, what is drawn, training."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.potentials.environments import neighbors_of
from mi_widgets.potentials.snapshots import one_structure
from mi_widgets.widgets import link
from mi_widgets.widgets.potentials import EnvironmentExplorer
from mi_widgets.widgets.structure import StructureViewer

sys.path.insert(0, str(Path(__file__).parent))
from environment_models import Model, Springs, make_snapshots


@pytest.fixture(scope="module")
def snapshots() -> xr.Dataset:
    return make_snapshots()


@pytest.fixture(scope="module")
def shared(snapshots: xr.Dataset) -> Iterator[EnvironmentExplorer]:
    widget = EnvironmentExplorer(snapshots, Springs(), threaded=False)
    assert widget.message.value == ""
    assert widget.environment == int(np.argmax(widget.result.atomic_energy_stderr.values))
    yield widget
    widget.close()


@pytest.fixture
def app(shared: EnvironmentExplorer) -> EnvironmentExplorer:
    """As it is after its first run; to make one takes a second."""
    shared.params = shared._default_params()
    shared._to_least_certain()
    shared.clear_message()
    return shared


def column(panel: Any, part: str, name: str) -> np.ndarray:
    return np.asarray(panel.view.part(part).handles["source"].data[name])


def tap(panel: Any, x: float, y: float) -> None:
    panel._tapped(SimpleNamespace(x=x, y=y))


def test_result_is_that_of_the_code(app: EnvironmentExplorer, snapshots: xr.Dataset) -> None:
    assert app.state == "done"
    space: dict[str, Any] = {"snapshots": snapshots, "potential": Springs()}
    exec(app.code, space)
    xr.testing.assert_identical(space["result"], app.result)
    assert app.result.sizes["environment"] == snapshots.sizes["environment"]


def test_an_atom_picked_in_the_structure_is_shown_everywhere(app: EnvironmentExplorer, snapshots: xr.Dataset) -> None:
    app._go_to(4)
    app.structure.viewer._heard({"k": "pick", "atom": 5})
    assert app.selection == {"frame": [4], "atom": [5]}
    at = 4 * 12 + 5
    assert app.environment == at
    result = app.result
    z = (result.feature_value[at] - result.feature_mean.sel(species="O")) / result.feature_std.sel(species="O")
    np.testing.assert_allclose(column(app.descriptor, "bars", "y"), z, rtol=1e-5)
    band = (result.feature_quantile.sel(species="O", quantile=0.95) - result.feature_mean.sel(species="O")) / (
        result.feature_std.sel(species="O")
    )
    np.testing.assert_allclose(column(app.descriptor, "band", "high"), band, rtol=1e-5)
    np.testing.assert_allclose(column(app.map, "chosen", "x"), [result.score[at, 0]])
    np.testing.assert_allclose(column(app.forces, "chosen", "y"), result.force[at])
    np.testing.assert_allclose(column(app.energies, "chosen", "x"), [result.reference_energy[4] / 12])
    assert f"{float(result.atomic_energy[at]):.3f}" in app.about.value
    assert "not unique" in app.about.value


def test_neighbours_keep_their_colours(app: EnvironmentExplorer, snapshots: xr.Dataset) -> None:
    app.selection = {"frame": [2], "atom": [1]}
    app.set_params(cutoff=2.9)
    near = neighbors_of(one_structure(snapshots, 2), 1, 2.9)
    viewer = app.structure.viewer
    kept = np.flatnonzero(viewer.colors.values >= 0)
    flagged = np.flatnonzero(app.result.outside.values[24:36])
    assert set(kept) - set(flagged) == {1, *near.atom.values.tolist()} - set(flagged)
    app.set_params(atoms_by="element")
    app.selection = {"frame": [0], "atom": []}
    assert "no atom chosen" in app.descriptor.view.figure("frame").title.text
    assert "Click on an atom" in app.about.value


def test_a_point_of_each_picture_leads_to_its_frame_and_atom(app: EnvironmentExplorer) -> None:
    result = app.result
    tap(app.map, float(result.score[100, 0]), float(result.score[100, 1]))
    assert app.environment == 100
    tap(app.forces, float(result.reference_force[31, 2]), float(result.force[31, 2]))
    assert app.environment == 31
    tap(app.energies, float(result.reference_energy[7] / 12), float(result.energy[7] / 12))
    error = np.linalg.norm(result.force[84:96] - result.reference_force[84:96], axis=1)
    assert app.selection == {"frame": [7], "atom": [int(error.argmax())]}
    tap(app.energies, 1e3, 1e3)  # beside all points
    assert app.selection["frame"] == [7]


def test_what_lies_outside_is_flagged_in_every_view(app: EnvironmentExplorer) -> None:
    at = int(np.flatnonzero(app.result.outside.values)[0])
    app._environment_picked(at)
    n = int(app.result.outside.sum())
    assert len(column(app.map, "outside", "x")) == n
    assert len(column(app.forces, "outside", "x")) == 3 * n
    frames = np.unique(app.result.frame_of.values[app.result.outside.values != 0])
    assert len(column(app.energies, "outside", "x")) == frames.size
    assert "OUTSIDE" in app.descriptor.view.figure("frame").title.text
    assert "outside the training domain" in app.about.value
    assert "outside: " in app.heading.value
    assert "outside the training domain" in app.structure.viewer.colors.labels
    assert f"{n} atoms outside" in app.header.value


def test_colours_and_maps(app: EnvironmentExplorer) -> None:
    for by, name in (("atomic_energy", "atomic energy, from its median"), ("uncertainty", "uncertainty")):
        app.set_params(atoms_by=by, color_by=by, map_of="Si")
        assert app.structure.viewer.params["color_by"] == name
        limits = app.structure.viewer.params["limits"]
        app._go_to(3)
        assert app.structure.viewer.params["limits"] == limits  # a colour means the same in all frames
    assert np.isfinite(app.map.cloud.x).sum() == (app.result.element == "Si").sum()
    np.testing.assert_allclose(app.map.cloud.x[:4], app.result.species_score[:4, 0])
    app.set_params(show_errors=True)
    np.testing.assert_allclose(
        app.energies.cloud.y, 1000 * (app.result.energy - app.result.reference_energy) / 12, atol=1e-9
    )
    assert "RMSE" in app.energies.view.figure("frame").title.text
    assert app.message.value == ""


def test_a_closer_look_shows_dots_and_many_points_an_image(app: EnvironmentExplorer) -> None:
    from mi_widgets.widgets import _environment_panels as panels

    panel = app.forces
    everything = panel.cloud
    assert len(column(panel, "dots", "x")) == everything.x.size
    old, panels._MOST_DOTS = panels._MOST_DOTS, 50
    try:
        panel.show(everything)
        assert len(column(panel, "dots", "x")) == 0
        cells = panel.view.part("cells").handles["source"].data["image"][0]
        assert 10.0 ** cells[np.isfinite(cells)].astype(float).max() > 1
        total = (10.0 ** cells[np.isfinite(cells)].astype(float)).sum()
        assert total == pytest.approx(everything.x.size, rel=1e-4)
        x0, x1 = np.sort(everything.x)[[10, 30]]
        panel._zoomed(SimpleNamespace(x0=x0, x1=x1, y0=everything.ylim[0], y1=everything.ylim[1]))
        assert len(column(panel, "dots", "x")) == 21
    finally:
        panels._MOST_DOTS = old


def test_fields_lead_to_a_frame_and_an_atom(app: EnvironmentExplorer) -> None:
    app.frame_field.value = "6"
    app.atom_field.value = "3"
    assert app.selection == {"frame": [6], "atom": [3]}
    for field, text, said in (
        (app.frame_field, "99", "no frame 99"),
        (app.frame_field, "first", "not a number"),
        (app.atom_field, "12", "no atom 12"),
        (app.atom_field, "1.5", "whole number"),
    ):
        field.value = text
        assert said in app.message.value
        assert (app.frame_field.value, app.atom_field.value) == ("6", "3")
    app.atom_field.value = ""
    assert app.selection == {"frame": [6], "atom": []}
    app._step(1)
    app._step(100)
    assert app.frame == 11
    assert app.frame_field.value == "11"
    app.set_params(flat=True)
    assert app._play.layout.display is None
    app.slider.value = 2
    assert app.frame == 2


def test_frames_of_other_atoms_have_viewers_of_their_own() -> None:
    app = EnvironmentExplorer(make_snapshots(sizes=(12, 9)), Springs(), threaded=False)
    first = app.structure.viewer
    for frame, n in ((0, 12), (1, 9), (3, 9), (4, 12)):
        app._go_to(frame)
        assert app.structure.viewer.frames.n_atoms == n
    app._go_to(0)
    app.selection = {"frame": [0], "atom": [11]}
    app._go_to(1)
    assert app.selection["atom"] == []  # there is no such atom
    assert app.structure.viewer is not first or first.frames.n_atoms == 9
    assert app.message.value == ""
    assert app._play.layout.display is None  # the players of the viewers have some of the frames
    app.close()


def test_it_can_be_linked(app: EnvironmentExplorer, snapshots: xr.Dataset) -> None:
    other = StructureViewer(app.index.trajectory(0), threaded=False)
    link(app, other, on=("frame", "atom"))
    app.selection = {"frame": [5], "atom": [2, 8]}
    assert other.selection == {"frame": 5, "atom": [2, 8]}
    other.selection = {"frame": 9, "atom": [4]}
    assert app.selection == {"frame": [9], "atom": [4]}
    other.close()


# ---- training --------------------------------------------------------------------------------------------------------


def test_a_model_is_trained_and_its_code_gives_the_same(snapshots: xr.Dataset) -> None:
    app = EnvironmentExplorer(snapshots, Model(), params={"every": 4, "seed": 3}, threaded=False)
    assert app.state == "idle"
    assert app.result is None
    assert app.potential is None
    assert "start the run" in app.map.view.figure("frame").title.text
    assert app.energies.view.figure("frame").title.text == "Energies: not predicted yet"
    app.run(wait=True)
    assert app.state == "done"
    assert app.result.frame.values[app.result.held_out.values == 1].tolist() == [3, 7, 11]
    space: dict[str, Any] = {"snapshots": snapshots, "estimator": Model()}
    exec(app.code, space)
    xr.testing.assert_identical(space["result"], app.result)
    np.testing.assert_allclose(column(app.training, "line 0", "y"), 0.5 ** np.arange(1, 6))
    assert "held out" in app.energies.view.figure("frame").title.text
    assert app.predict_button.disabled
    app.set_params(seed=4)
    assert app.is_stale
    app.close()


def test_what_is_learnt_before_a_cancel_can_be_looked_at(snapshots: xr.Dataset) -> None:
    app = EnvironmentExplorer(snapshots, Model(n_epochs=200, seconds=0.02))
    app.run()
    while app.potential is None:
        app.worker.wait(0.02)
    app.cancel()
    assert app.state == "cancelled"
    assert app.result is None
    assert "Predict shows what has been learnt so far" in app.message.value
    assert not app.predict_button.disabled
    app.predict(wait=True)
    assert app.state == "done"
    space: dict[str, Any] = {"snapshots": snapshots, "potential": app.potential}
    exec(app.code, space)
    xr.testing.assert_identical(space["result"], app.result)
    app.close()


def test_a_failed_training_says_why_and_can_be_started_again(snapshots: xr.Dataset) -> None:
    app = EnvironmentExplorer(snapshots, Model(fails=True), threaded=False)
    app.run()
    assert app.state == "failed"
    assert "&lt;b&gt;gone" in app.message.value
    with pytest.raises(ValueError, match="weights"):
        app.run(wait=True)
    app._environment_picked(3)
    assert app.selection["atom"] == [3]
    app.close()


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_bad_input(snapshots: xr.Dataset, app: EnvironmentExplorer) -> None:
    with pytest.raises(LabelError, match="read_snapshots"):
        EnvironmentExplorer(snapshots.drop_vars("position"), Springs())
    with pytest.raises(DataError, match="nothing to show"):
        EnvironmentExplorer(snapshots.isel(frame=[], environment=[]), Springs())
    with pytest.raises(DataError, match="frame after frame"):
        EnvironmentExplorer(snapshots.isel(environment=slice(None, None, -1)), Springs())
    with pytest.raises(ParameterError, match="load_potential"):
        EnvironmentExplorer(snapshots, "network.nc")
    with pytest.raises(ParameterError, match="every"):
        EnvironmentExplorer(snapshots, Model(), params={"every": 13})
    with pytest.raises(ParameterError, match="color_by"):
        app.set_params(color_by="charge")
    with pytest.raises(ParameterError, match="map_of"):
        app.set_params(map_of="Cu")
    before = dict(app.selection)
    for wrong in ({"frame": [99]}, {"frame": [1], "atom": [12]}, {"atom": [True]}, {"cell": [1]}):
        with pytest.raises(LabelError):
            app.selection = before | wrong
    assert app.selection == before


def test_without_forces_energies_or_uncertainties(snapshots: xr.Dataset) -> None:
    class Plain(Springs):
        def predict(self, snapshots: xr.Dataset) -> xr.Dataset:
            whole = super().predict(snapshots.assign(force=(("environment", "axis"), np.zeros((n(snapshots), 3)))))
            return whole[["energy", "atomic_energy", "force"]]

    def n(snapshots: xr.Dataset) -> int:
        return int(snapshots.sizes["environment"])

    app = EnvironmentExplorer(snapshots.drop_vars("force"), Plain(), threaded=False)
    assert app.message.value == ""
    assert app.state == "done"
    assert app.selection["atom"] == [0]
    assert app.forces.view.figure("frame").title.text == "Forces: no reference in the data"
    app.set_params(color_by="uncertainty", atoms_by="uncertainty")
    assert app.message.value == ""
    app.guard(app._to_least_certain)()
    assert "not known" in app.message.value
    app.close()
