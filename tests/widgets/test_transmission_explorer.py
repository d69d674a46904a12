"""TransmissionExplorer without a page: the numbers of the headless call, what clicks choose, what is drawn."""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import transmission
from mi_widgets.datasets._transmission import make_molecular_junctions
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._style import palette
from mi_widgets.widgets import link
from mi_widgets.widgets.transmission import TransmissionExplorer


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_molecular_junctions(n_junctions=60, n_energies=21)


@pytest.fixture
def app(ds: xr.Dataset) -> Iterator[TransmissionExplorer]:
    widget = TransmissionExplorer(ds, threaded=False)
    yield widget
    widget.close()


@pytest.fixture(scope="module")
def done(ds: xr.Dataset) -> Iterator[TransmissionExplorer]:
    """After a run; tests that take it leave its parameters alone."""
    widget = TransmissionExplorer(ds, threaded=False)
    widget.run(wait=True)
    yield widget
    widget.close()


def column(panel: Any, part: str, name: str) -> np.ndarray:
    return np.asarray(panel.view.part(part).handles["source"].data[name])


def test_clusters_are_there_before_the_run(app: TransmissionExplorer, ds: xr.Dataset) -> None:
    assert app.state == "idle"
    assert app.message.value == ""
    xr.testing.assert_identical(app.clusters, transmission.cluster_spectra(ds))
    assert [row["cells"][:2] for row in app.cluster_table.rows] == [[f"cluster {k}", "20"] for k in range(3)]
    np.testing.assert_allclose(column(app.spectra, "means", "m1"), app.clusters["mean"][1], rtol=1e-6)
    assert np.isnan(column(app.spectra, "means", "m3")).all()
    assert app.variable_table.note == "Nothing yet: start the run."
    app.set_params(n_clusters=5)
    assert len(app.cluster_table.rows) == 5


def test_result_is_that_of_the_code(done: TransmissionExplorer, ds: xr.Dataset) -> None:
    space: dict[str, Any] = {"ds": ds}
    exec(done.code, space)
    xr.testing.assert_identical(space["result"], done.result)
    assert done.result.sizes["energy"] == 6
    assert abs(done.energy) == np.abs(done.result.energy).min()
    strongest = transmission.rank_variables(done.result, cluster=0)["variable"][0]
    assert done.selection["variable"] == [strongest]
    assert done.variable_table.chosen == [0]


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_the_strongest_variable_is_chosen_however_quick_the_run_is(
    ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("mi_widgets.widgets._run._DRAW_EVERY", seconds)
    widget = TransmissionExplorer(ds, threaded=False)
    widget.run(wait=True)
    assert widget.selection["variable"] == widget._strongest[:1] != []
    widget.close()


def test_a_click_on_the_map_chooses_and_says_what_it_means(done: TransmissionExplorer, ds: xr.Dataset) -> None:
    beta = done.result.coefficient.sel(cluster_label=0)
    at, place = np.unravel_index(int(np.abs(beta.values).argmax()), beta.shape)
    energy = float(done.result.energy[at])
    name = str(ds["variable"].values[place])
    done.heat._tapped(Tap(energy + 0.01, done.heat.rows.middle(place)))
    assert done.selection["variable"] == [name]
    assert done.selection["energy"] == [energy]
    value = float(beta[at, place])
    assert f"log T {'rises' if value > 0 else 'falls'} by {abs(value):.3g}" in done.chosen.value
    np.testing.assert_allclose(
        column(done.beta, "means", "m0"), done.result.coefficient.sel(variable=name, cluster_label=0), rtol=1e-6
    )
    np.testing.assert_allclose(
        column(done.errors, "line approximate", "y"), done.result.error.sel(cluster_label=0, energy=energy)
    )
    mapper = done.heat.view.part("heat").handles["color_mapper"]
    assert mapper.low == -mapper.high
    assert list(mapper.palette) == list(palette(True))
    trust = done.result.trust.sel(cluster_label=0, energy=energy)
    assert bool((trust != 0).any()) == bool(len(column(done.errors, "untrusted", "left")))


@pytest.mark.parametrize(
    ("name", "atoms", "color"),
    [
        ("S2-AuR5", [7, 52], "element"),
        ("AuL5-S1-S2", [16, 6, 7], "element"),
        ("charge of C3", [2], "charge"),
        ("HOMO", [], "element"),
    ],
)
def test_the_variable_is_drawn_on_the_junction(
    done: TransmissionExplorer, ds: xr.Dataset, name: str, atoms: list[int], color: str
) -> None:
    done.selection = dict(done.selection) | {"variable": [name], "junction": [17]}
    viewer = done.viewer
    assert viewer is not None
    assert viewer.selection == {"frame": 17, "atom": atoms}
    assert viewer.params["color_by"] == color
    value = float(ds.features.sel(junction=17, variable=name))
    assert f"Junction 17: {name} = {value:.4g}" in done.junction_text.value
    if len(atoms) > 1:  # the viewer measures the same
        found = viewer.measures["distance" if len(atoms) == 2 else "angle"]
        assert found == pytest.approx(value, rel=1e-6)


def test_clusters_and_junctions_by_clicks(done: TransmissionExplorer, ds: xr.Dataset) -> None:
    done.cluster_table._on_pick(2, False)
    assert done.cluster == 2
    junction = done.selection["junction"][0]
    assert done.clusters.cluster.sel(junction=junction) == 2
    other = int(np.flatnonzero(done.clusters.cluster.values == 1)[0])
    x, y = done.scores._places[other]
    done.scores._tapped(Tap(x, y))
    assert (done.cluster, done.selection["junction"]) == (1, [other])
    np.testing.assert_allclose(column(done.spectra, "picked", "p0"), ds.transmission[other], rtol=1e-6)
    mean = done.clusters["mean"]
    done.spectra._tapped(Tap(float(ds.energy[3]), float(mean[0, 3])))
    assert done.cluster == 0
    assert done.energy == float(ds.energy[3])
    done.viewer.selection = {"frame": 33, "atom": []}
    assert done.selection["junction"] == [33]


def test_errors_side_by_side(done: TransmissionExplorer, ds: xr.Dataset) -> None:
    done.selection = dict(done.selection) | {"cluster_label": [1], "energy": [0.0]}
    done.compare(wait=True)
    expected = transmission.compare_validations(ds, done.clusters, cluster=1, energy=0.0)
    for way in ("approximate", "k_fold", "leave_one_out"):
        np.testing.assert_allclose(column(done.errors, f"line {way}", "y"), expected.error.sel(validation=way))
    done.selection = dict(done.selection) | {"energy": [0.6]}
    assert column(done.errors, "line k_fold", "y").size == 0


def test_links_by_label(done: TransmissionExplorer, ds: xr.Dataset) -> None:
    other = TransmissionExplorer(ds.isel(junction=slice(None, None, -1)), threaded=False)
    made = link(done, other, on=("junction", "variable"))
    done.selection = dict(done.selection) | {"junction": [4], "variable": ["HOMO"]}
    assert other.selection["junction"] == [4]
    assert other.selection["variable"] == ["HOMO"]
    made.unlink()
    other.close()


def test_undo_brings_clusters_and_result_back(app: TransmissionExplorer) -> None:
    app.set_params(every=10, n_penalties=4)
    app.run(wait=True)
    first = app.result
    app.set_params(n_clusters=2)
    assert app.is_stale
    app.run(wait=True)
    assert app.result.sizes["cluster_label"] == 2
    while app.params["n_clusters"] != 3:
        app.undo()
    assert app.result is first
    assert len(app.cluster_table.rows) == 3


def test_cancel_keeps_what_is_finished(ds: xr.Dataset) -> None:
    app = TransmissionExplorer(ds, params={"every": 1, "validation": "leave_one_out"})
    app.run()
    while app.result is None:
        time.sleep(0.01)
    app.cancel()
    app.worker.wait()
    assert app.state == "cancelled"
    assert (app.result.status == 6).any()
    assert (app.result.status != 6).any()
    app.close()


def test_data_without_atoms_and_with_gaps(ds: xr.Dataset) -> None:
    bare = ds[["transmission", "features"]].drop_vars(["first_atom", "kind", "units", "group"]).copy(deep=True)
    bare["features"][3, 4] = np.nan
    bare["transmission"][5] = np.nan
    app = TransmissionExplorer(bare, params={"every": 10}, threaded=False)
    assert app.viewer is None
    assert app.clusters.cluster[5] == -1
    app.run(wait=True)
    assert app.state == "done"
    assert "samples have gaps and are left out" in app.message.value
    app.close()


def test_names_out_of_data_are_text(ds: xr.Dataset) -> None:
    names = ds["variable"].values.astype("<U40")
    names[0] = "<img src=x onerror=hack()>"
    app = TransmissionExplorer(ds.assign_coords(variable=names), params={"every": 20, "n_penalties": 3}, threaded=False)
    app.selection = dict(app.selection) | {"variable": [names[0]]}
    assert "<img" not in app.junction_text.value + app.chosen.value
    assert "&lt;img" in app.junction_text.value
    app.close()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_clusters": 0}, "n_clusters must be a whole number from 1"),
        ({"n_clusters": 9}, "up to 8"),
        ({"response": "ln"}, "response must be one of"),
        ({"every": 1.5}, "every must be a whole number"),
        ({"penalty": 1}, "unknown parameter 'penalty'"),
    ],
)
def test_bad_parameters(done: TransmissionExplorer, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        done.set_params(**params)


def test_bad_data_and_selection(app: TransmissionExplorer, ds: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="'features'"):
        TransmissionExplorer(ds.drop_vars("features"))
    with pytest.raises(LabelError, match="junctions need labels"):
        TransmissionExplorer(ds.drop_vars("junction"))
    with pytest.raises(LabelError, match="no cluster 3"):
        app.selection = {"cluster_label": [3]}
    with pytest.raises(LabelError, match="colour"):
        app.selection = {"colour": [3]}
    with pytest.raises(LabelError):
        app.selection = {"variable": ["colour"]}
    with pytest.raises(ParameterError, match="needs a cluster and an energy"):
        app.compare()


class Tap:
    """What Bokeh tells of a click."""

    modifiers = None

    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y


def test_a_comparison_is_that_of_its_own_clusters(ds: xr.Dataset) -> None:
    """After a run with other clusters, cluster 0 is another one: its error was not compared."""
    app = TransmissionExplorer(ds, threaded=False)
    app.run(wait=True)
    app.selection = dict(app.selection) | {"cluster_label": [0], "energy": [0.0]}
    app.compare(wait=True)
    assert column(app.errors, "line k_fold", "y").size
    app.set_params(n_clusters=1)
    app.run(wait=True)
    assert column(app.errors, "line k_fold", "y").size == 0
    app.close()


def test_words_are_those_of_the_result(ds: xr.Dataset) -> None:
    app = TransmissionExplorer(ds, threaded=False)
    app.run(wait=True)
    app.set_params(response="transmission")
    assert app.is_stale
    assert [row["cells"][2:] for row in app.cluster_table.rows] == [["", ""]] * 3  # these clusters were not explained
    app.selection = dict(app.selection) | {"energy": [0.6]}
    assert "log T" in app.heading.value
    app.close()
