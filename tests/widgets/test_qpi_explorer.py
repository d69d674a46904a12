"""QPIExplorer without a page: parameters, what is drawn, the run, its code, wrong input."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from bokeh.events import SelectionGeometry, Tap

from mi_widgets import qpi
from mi_widgets.datasets import make_interference_map
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets._qpi_table import verdict_text
from mi_widgets.widgets.qpi import QPIExplorer

QUICK = {"n_q": 64, "n_folds": 3, "n_penalties": 4}


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_interference_map((90, 180), width=50.0, noise=1.0)


@pytest.fixture
def explorer(ds: xr.Dataset) -> QPIExplorer:
    return QPIExplorer(ds.conductance, params=QUICK, threaded=False)


def _image(explorer: QPIExplorer, name: str) -> np.ndarray:
    source = explorer.planes.view.part(name).handles["source"]
    return np.asarray(source.data["image"][0])


def test_transform_is_there_before_a_run(explorer: QPIExplorer, ds: xr.Dataset) -> None:
    expected = qpi.fourier_transform(ds.conductance, qpi.sample_pixels(ds.conductance), n_q=64).amplitude
    np.testing.assert_allclose(_image(explorer, "transform"), expected, rtol=1e-5)
    assert np.isnan(_image(explorer, "lasso")).all()
    assert explorer.state == "idle"
    assert "1,800 of 16,200 pixels" in explorer.map.view.figure("map").title.text


def test_result_is_that_of_the_headless_call(explorer: QPIExplorer, ds: xr.Dataset) -> None:
    explorer.run()
    assert explorer.state == "done", explorer.message.value
    there: dict[str, Any] = {"da": ds.conductance}
    exec(explorer.code, there)
    xr.testing.assert_identical(there["result"], explorer.result)
    chosen = explorer.result.amplitude.sel(penalty=explorer.result.chosen_penalty)
    np.testing.assert_allclose(_image(explorer, "lasso"), chosen, rtol=1e-5)
    for word in ("sufficient", "p = "):
        assert word in explorer.verdict.value
    part = explorer.result[["naive_error", "sufficiency", "p_value", "p_value_corrected"]].pad(fold=(0, 2))
    assert "so far " in verdict_text(part)
    assert "mi-chip-done" not in verdict_text(part)
    assert explorer.table.value.count("LASSO") == 2
    assert "nm⁻¹" in explorer.header.value


def test_slider_and_click_show_another_penalty(explorer: QPIExplorer) -> None:
    explorer.run()
    path = explorer.result.penalty.values
    explorer.slider.value = float(path[-1])
    assert explorer.shown_penalty == path[-1]
    np.testing.assert_allclose(_image(explorer, "lasso"), explorer.result.amplitude[-1], rtol=1e-5)
    explorer.errors._tapped(Tap(explorer.errors.view.figure("naive"), x=float(path[1]) * 1.1, y=0.0))
    assert explorer.shown_penalty == path[1]
    assert explorer.slider.value == path[1]
    explorer.shown_map = "waves found"
    again = qpi.reconstruct_map(explorer.result.isel(penalty=1), explorer.data)
    drawn = explorer.map.view.part("map").handles["source"].data["image"][0]
    np.testing.assert_allclose(drawn, again, rtol=1e-4, atol=1e-5)


def test_region_is_dragged_and_cleared(explorer: QPIExplorer) -> None:
    explorer.run()
    figure = explorer.map.view.figure("map")
    box = {"type": "rect", "x0": 30.0, "x1": 5.0, "y0": -3.0, "y1": 20.0}
    explorer.map._dragged(SelectionGeometry(figure, geometry=box, final=True))
    assert explorer.params["region"] == {"y": [0.0, 20.0], "x": [5.0, 30.0]}
    inside = explorer.sampled.where(explorer.sampled, drop=True)
    assert float(inside.x.max()) <= 30.0
    assert explorer.is_stale
    assert np.isnan(_image(explorer, "lasso")).all(), "a picture of other pixels is not shown"
    assert "region={'y': (0.0, 20.0), 'x': (5.0, 30.0)}" in explorer._make_code()
    explorer.undo()
    assert explorer.params["region"] is None
    assert np.isfinite(_image(explorer, "lasso")).all()


def test_pointing(explorer: QPIExplorer) -> None:
    explorer.planes._tapped(Tap(explorer.planes.view.figure("transform"), x=3.0, y=-4.0))
    assert explorer.selection == {"q": [5.0]}
    rings = explorer.planes.view.part("pointed lasso").handles["source"].data
    assert np.hypot(rings["xs"][0], rings["ys"][0]) == pytest.approx(5.0)
    assert explorer.profiles._mark.location == 5.0
    explorer.profiles._tapped(Tap(explorer.profiles.view.figure("LASSO"), x=5.0, y=0.0))
    assert explorer.selection == {"q": []}
    with pytest.raises(LabelError, match="distance of zero or more"):
        explorer.selection = {"q": [-1.0]}


def test_zoom_is_shared(explorer: QPIExplorer) -> None:
    figures = [explorer.planes.view.figure(name) for name in ("transform", "lasso")]
    assert figures[0].x_range is figures[1].x_range
    box = {"type": "rect", "x0": 1.0, "x1": 2.0, "y0": -1.0, "y1": 0.5}
    explorer.planes._zoomed(SelectionGeometry(figures[1], geometry=box, final=True))
    assert (figures[0].x_range.start, figures[0].x_range.end, figures[0].y_range.end) == (1.0, 2.0, 0.5)
    explorer.set_params(seed=1)
    assert figures[0].x_range.start == 1.0, "another sampling keeps the zoom"
    explorer.set_params(q_max=4.0)
    assert figures[0].x_range.start == -4.0


def test_rings_are_drawn_on_demand(explorer: QPIExplorer) -> None:
    def drawn() -> int:
        return len(explorer.planes.view.part("rings transform").handles["source"].data["xs"])

    assert drawn() == 0
    explorer.show_rings = True
    assert drawn() == 2


def test_other_samplings(explorer: QPIExplorer) -> None:
    for kind in ("grid", "centre", "all"):
        explorer.set_params(kind=kind)
        xr.testing.assert_identical(explorer.sampled, qpi.sample_pixels(explorer.data, kind))


def test_pixels_of_ones_own(ds: xr.Dataset) -> None:
    mine = ds.conductance.x + ds.conductance.y < 40
    explorer = QPIExplorer(ds.conductance, sampled=mine.transpose("y", "x"), params=QUICK, threaded=False)
    assert explorer.params["kind"] == "given"
    explorer.run()
    there: dict[str, Any] = {"da": ds.conductance, "sampled": mine}
    exec(explorer.code, there)
    assert int(there["result"].attrs["n_pixels"]) == int(mine.sum())


def test_wrong_input(ds: xr.Dataset, explorer: QPIExplorer) -> None:
    with pytest.raises(LabelError, match="'x' is in '1'"):
        QPIExplorer(ds.conductance.assign_coords(x=("x", np.arange(180.0), {"units": "1"})))
    with pytest.raises(DataError, match="constant map"):
        QPIExplorer(xr.zeros_like(ds.conductance))
    before = dict(explorer.params)
    for wrong, text in (({"n_q": 33}, "even"), ({"q_max": 40.0}, "resolve"), ({"n_pixels": 99_999}, "are wanted")):
        with pytest.raises(ParameterError, match=text):
            explorer.set_params(**wrong)
        assert explorer.params == before
    with pytest.raises(DataError, match="at least 100"):
        explorer.set_params(region={"y": [0, 2], "x": [0, 2]})
    assert int(explorer.sampled.sum()) == 1800, "what was refused has changed nothing"
    field = explorer.controls.widgets["n_q"]
    field.value = "33"
    assert "must be even" in explorer.message.value
    assert field.value == "64"
    field.value = "48"
    assert explorer.message.value == ""
    assert explorer.params["n_q"] == 48


def test_cancel_and_run_again(ds: xr.Dataset) -> None:
    explorer = QPIExplorer(ds.conductance, params=QUICK, threaded=True)
    explorer.run()
    explorer.run()  # a second click does nothing
    explorer.cancel()
    assert explorer.state == "cancelled"
    explorer.run(wait=True)
    assert explorer.state == "done"
    assert int(np.isfinite(explorer.result.naive_error).sum()) == 3
    explorer.close()
