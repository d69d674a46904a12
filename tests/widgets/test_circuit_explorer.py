"""CircuitExplorer without a page: same numbers as without a widget, clicks, typing, dragging, series, bad input."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import impedance
from mi_widgets.datasets import make_impedance
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets.impedance import CircuitExplorer

FEW = ["R-p(R,C)", "R-p(R,C)-p(R,C)", "R-p(C,R-p(R,C))"]


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_impedance("R-p(R,C)-p(R,C)", seed=3)


@pytest.fixture
def app(ds: xr.Dataset) -> CircuitExplorer:
    made = CircuitExplorer(ds, params={"circuits": FEW}, threaded=False)
    made.run(wait=True)
    return made


def columns(app: CircuitExplorer, label: str) -> dict[str, Any]:
    view = app.bode.view if label.startswith(("modulus", "phase", "real", "imaginary")) else app.nyquist.view
    return dict(view.part(label).handles["source"].data)


def test_result_is_that_of_the_call_and_of_the_code(app: CircuitExplorer, ds: xr.Dataset) -> None:
    xr.testing.assert_identical(app.result, impedance.compare_circuits(ds, FEW))
    names = {"ds": ds}
    exec(app.code, names)
    xr.testing.assert_identical(names["result"], app.result)
    assert app.state == "done"
    assert "3 circuits" in app.header.value


def test_before_a_run(ds: xr.Dataset) -> None:
    app = CircuitExplorer(ds, threaded=False)
    assert [row["cells"][0] for row in app.table.rows] == list(impedance.CIRCUITS)
    assert {row["cells"][-1] for row in app.table.rows} == {"not run"}
    assert len(columns(app, "data")["re"]) == 50
    assert columns(app, "nyquist curve 0")["re"].size == 0
    assert "consistent" in app.verdict.value
    assert app.sliders.names == ()
    with pytest.raises(ParameterError, match="fitted circuit"):
        app.trial = {"R0": 1.0}


def test_table_is_grouped_into_classes(app: CircuitExplorer) -> None:
    cells = [row["cells"] for row in app.table.rows]
    assert [c[1] for c in cells] == ["A", "A", "B"]
    assert {c[0] for c in cells[:2]} == set(FEW[1:])
    assert all("exact twins" in c[-1] for c in cells[:2])
    assert app.table.rows[0]["color"] == app.table.rows[1]["color"] != app.table.rows[2]["color"]
    assert float(cells[0][2]) == pytest.approx(1.0, abs=0.01)


def test_a_row_shows_curve_residuals_circuit_and_sliders(app: CircuitExplorer, ds: xr.Dataset) -> None:
    app.table._receive(app.table, {"k": "pick", "id": 0}, [])
    assert app.selection["candidate"] == ["R-p(R,C)"]
    assert app.table.chosen == [0]
    assert app.sliders.names == ("R0", "R1", "C1")
    found = app.result.sel(candidate="R-p(R,C)")
    np.testing.assert_allclose(columns(app, "real")["residual"], 100 * found.residual_real)
    curve = columns(app, "nyquist curve 0")
    assert curve["re"].max() == pytest.approx(float(found.R0 + found.R1), rel=1e-2)
    assert list(app.drawing.view.part("names").handles["source"].data["text"]) == ["R0", "R1", "C1"]
    app.table._receive(app.table, {"k": "pick", "id": 1, "shift": True}, [])
    assert columns(app, "phase curve 1")["phase"].size == curve["re"].size
    app.table._receive(app.table, {"k": "pick", "id": 99}, [])  # a row that is gone
    assert app.selection["candidate"] == ["R-p(R,C)", FEW[1]]


def test_a_click_on_a_point_marks_its_frequency_everywhere(app: CircuitExplorer, ds: xr.Dataset, page_of: Any) -> None:
    page, figure = page_of(app.nyquist.view), app.nyquist.view.figure("data")
    page.open()
    k = 20
    page.event("tap", figure, sx=0, sy=0, x=float(ds.impedance_real[k]), y=-float(ds.impedance_imag[k]))
    assert app.selection["frequency"] == [float(ds.frequency[k])]
    assert columns(app, "phase mark")["frequency"].tolist() == [float(ds.frequency[k])]
    assert f"{float(ds.frequency[k]):.4g} Hz" in app.pointed.value
    page.event("tap", figure, sx=0, sy=0, x=float(ds.impedance_real.max()), y=90.0)
    assert app.selection["frequency"] == []
    bode = page_of(app.bode.view)
    bode.open()
    bode.event("tap", app.bode.view.figure("phase"), sx=0, sy=0, x=float(ds.frequency[7]) * 1.01, y=0.0)
    assert app.selection["frequency"] == [float(ds.frequency[7])]
    assert columns(app, "nyquist mark")["re"].tolist() == [float(ds.impedance_real[7])]


def test_dragging_a_parameter(app: CircuitExplorer) -> None:
    slider = app.sliders._sliders["R0"]
    slider.value += 0.3 * slider.step  # what a page tells when it has rounded
    assert app.trial == {}
    slider.value += 30 * slider.step
    assert app.trial["R0"] > 1.2 * app._fitted(app._chosen()[0])["R0"][0]
    assert columns(app, "nyquist trial")["re"].min() == pytest.approx(app.trial["R0"], rel=1e-2)
    assert "rms" in app.sliders.said.value
    app.fit_from_here()
    assert app.trial["R0"] == pytest.approx(app._fitted(app._chosen()[0])["R0"][0], rel=1e-4)
    app.sliders.reset.click()
    assert app.trial == {}
    assert columns(app, "nyquist trial")["re"].size == 0
    with pytest.raises(ParameterError, match="no parameter 'X1'"):
        app.trial = {"X1": 1.0}
    with pytest.raises(ParameterError, match="above zero"):
        app.trial = {"R0": -1.0}


def test_typing_a_circuit(app: CircuitExplorer) -> None:
    app.typed.value = "R-p(R,<b>"
    assert "&lt;b&gt;" in app.typed_said.value
    assert "<b>" not in app.typed_said.value
    app.typed.value = "p(C,R)-R"
    assert "in the table already" in app.typed_said.value
    assert app.params["circuits"] == FEW
    app.typed.value = "R-p(R,Q)"
    assert app.params["circuits"][-1] == "R-p(R,Q)"
    assert (app.state, app.typed.value, app.typed_said.value) == ("done", "", "")
    assert app.selection["candidate"] == ["R-p(R,Q)"]
    assert app.result.sizes["candidate"] == 4
    app.remove_button.click()
    assert app.params["circuits"] == FEW
    assert app.is_stale
    app.undo()
    assert "R-p(R,Q)" in app.params["circuits"]


def test_series_is_shown_spectrum_by_spectrum() -> None:
    ds = make_impedance("R-p(R,C)", {"R0": 20.0, "R1": [100.0, 150.0], "C1": 1e-5}).assign_coords(
        spectrum=("spectrum", [3.0, 7.0], {"units": "h"})
    )
    app = CircuitExplorer(ds, params={"circuits": FEW[:1]}, threaded=False)
    app.run(wait=True)
    assert app.selection["spectrum"] == [3.0]
    first = columns(app, "nyquist curve 0")["re"].max()
    app.slider.value = 1
    assert app.selection["spectrum"] == [7.0]
    assert "7.0 h (2 of 2)" in app.place.value
    assert columns(app, "nyquist curve 0")["re"].max() > first + 40
    np.testing.assert_allclose(columns(app, "data")["re"], ds.impedance_real[1])
    app.selection = dict(app.selection) | {"spectrum": [3.0]}
    assert app.slider.value == 0
    names = {"ds": ds}
    exec(app.code, names)
    xr.testing.assert_identical(names["result"], app.result)


def test_a_drifting_cell_is_told() -> None:
    app = CircuitExplorer(make_impedance(drift=0.5), params={"circuits": FEW}, threaded=False)
    assert "inconsistent" in app.verdict.value
    short = CircuitExplorer(make_impedance("R-p(R,C)", frequency=[1e4, 1e3, 1e2, 10, 1]), threaded=False)
    assert "too few points" in short.verdict.value


def test_wrong_input(ds: xr.Dataset, app: CircuitExplorer) -> None:
    with pytest.raises(LabelError, match="impedance_real"):
        CircuitExplorer(xr.Dataset())
    with pytest.raises(DataError, match="one spectrum or a series"):
        CircuitExplorer(ds.expand_dims(y=2, x=2))
    for params, message in (
        ({"circuits": []}, "list of text"),
        ({"circuits": ["R-R"]}, "act as one"),
        ({"circuits": ["R-C", "C-R"]}, "already"),
        ({"weights": "mine"}, "weights must be"),
        ({"n_starts": 0}, "n_starts"),
        ({"colour": 1}, "unknown parameter"),
    ):
        with pytest.raises(ParameterError, match=message):
            CircuitExplorer(ds, params=params)
    with pytest.raises(LabelError, match="not among the circuits"):
        app.selection = {"candidate": ["R-L"]}
    with pytest.raises(LabelError, match="outside the data"):
        app.selection = {"frequency": [1e12]}
    few = make_impedance("R-p(R,C)", frequency=[1e4, 1e3])
    failing = CircuitExplorer(few, params={"circuits": FEW[:1]}, threaded=False)
    with pytest.raises(DataError, match="too few"):
        failing.run(wait=True)
    assert failing.state == "failed"
    assert "too few" in failing.message.value


def test_cancelled_run_keeps_what_is_finished(ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mi_widgets.impedance.compare.PART_SECONDS", 0.0)  # a part for each step, however quick it is
    monkeypatch.setattr("mi_widgets.widgets._run._DRAW_EVERY", 0.0)
    app = CircuitExplorer(ds, threaded=False)
    app.observe(lambda change: app.cancel() if (app.result.status != 4).any() else None, "result")
    app.run(wait=True)
    assert app.state == "cancelled"
    waiting = [row["cells"][-1] for row in app.table.rows]
    assert "not run" in waiting
    assert waiting.count("not run") < len(waiting)


def test_weights_and_criterion_make_the_result_stale(app: CircuitExplorer) -> None:
    app.controls.widgets["criterion"].value = "aicc"
    assert app.is_stale
    app.run(wait=True)
    assert app.result.attrs["criterion"] == "aicc"
    assert "AICC" in app.table.note
