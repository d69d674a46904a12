"""EOSExplorer: what it shows is what a script gets; pointing, sliders, sampling, wrong input."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import eos
from mi_widgets.datasets import load_mgo, make_eos
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets.eos import EOSExplorer

FEW = {"theta0": 773.0, "murnaghan": False}


@pytest.fixture
def explorer() -> Iterator[EOSExplorer]:
    widget = EOSExplorer(load_mgo(), params=FEW, threaded=False)
    yield widget
    widget.close()


def columns(explorer: EOSExplorer, label: str) -> dict[str, Any]:
    return dict(explorer._isotherms.view.part(label).handles["source"].data)


def cells(explorer: EOSExplorer, name: str) -> list[str]:
    return next(r["cells"] for r in explorer._table.rows if r["cells"][0] == name)


def test_the_result_is_that_of_the_code(explorer: EOSExplorer) -> None:
    assert explorer.state == "done"
    space: dict[str, Any] = {"ds": explorer.data}
    exec(explorer.code, space)
    xr.testing.assert_identical(space["result"], explorer.result)
    assert [r["cells"][0] for r in explorer._table.rows] == ["BM2", "Vinet", "BM3"]
    assert cells(explorer, "BM2")[3].startswith("161.7")
    assert "cannot separate" in explorer._note.value
    assert "3 forms fitted" in explorer.header.value


def test_a_row_draws_its_form_and_a_point_is_seen_in_both_figures(explorer: EOSExplorer) -> None:
    assert explorer.chosen == "bm2"
    before = columns(explorer, "300 K")["value"].copy()
    number = next(r["id"] for r in explorer._table.rows if r["cells"][0] == "Vinet")
    explorer._table._receive(explorer._table, {"k": "pick", "id": number}, [])
    assert explorer.selection["candidate"] == ["vinet"]
    assert explorer._table.chosen == [number]
    fit = explorer.result.sel(candidate="vinet")
    drawn = columns(explorer, "300 K")
    assert not np.array_equal(drawn["value"], before)
    at = eos.evaluate(fit, volume=drawn["volume"], temperature=300.0)
    np.testing.assert_allclose(drawn["value"], at.pressure[0])
    np.testing.assert_array_equal(columns(explorer, "residuals")["residual"], fit.residual_normalized)
    where = {"x": float(fit.volume[7]), "y": float(fit.pressure[7]), "modifiers": None}
    explorer._isotherms._tapped(SimpleNamespace(**where), "points")
    assert explorer.selection["point"] == [7]
    assert columns(explorer, "halo")["x"].tolist() == [float(fit.volume[7])]
    assert columns(explorer, "halo below")["y"].tolist() == [float(fit.residual_normalized[7])]
    assert "point 7: 31.7 ± 1.6 GPa" in explorer._about_point.value
    explorer.selection = {"point": [3, 4]}
    assert columns(explorer, "halo")["x"].size == 2
    with pytest.raises(LabelError, match="no form 'bm9'"):
        explorer.selection = {"candidate": ["bm9"]}


def test_sliders_move_dashed_curves_at_once(explorer: EOSExplorer) -> None:
    assert columns(explorer, "yours 300 K")["volume"].size == 0
    result = explorer.result
    explorer.controls.widgets["k0"].value = 150.0
    drawn = columns(explorer, "yours 300 K")
    fit = result.sel(candidate="bm2")
    k0 = eos.Equation("bm2", {"v0": float(explorer.params["v0"]), "k0": explorer.params["k0"]})
    np.testing.assert_allclose(drawn["value"], eos.pressure(k0, drawn["volume"]), atol=1e-9)
    assert explorer.result is result
    assert not explorer.is_stale
    said = float(explorer._about_yours.value.split("χ² = ")[1].split(";")[0])
    assert said > float(fit.chi2) + 10
    explorer._sliders_to_fit()
    assert columns(explorer, "yours 300 K")["volume"].size == 0
    assert explorer.controls.widgets["k0_prime"].disabled  # BM2 has none


def test_parameters_fit_again_and_wrong_ones_are_put_back(explorer: EOSExplorer) -> None:
    fields = explorer.controls.widgets
    first = explorer.result
    fields["q"].value = ""
    assert explorer.params["q"] is None
    assert explorer.result is not first
    assert np.isfinite(float(explorer.result.q_stderr.sel(candidate="bm3")))
    fields["theta0"].value = "hot"
    assert "is not a number" in explorer.message.value
    assert fields["theta0"].value == "773"
    fields["theta0"].value = "773,5"
    assert explorer.message.value == ""
    for name in ("bm3", "vinet"):
        fields[name].value = False
    fields["bm2"].value = False
    assert "tick at least one" in explorer.message.value
    assert fields["bm2"].value
    with pytest.raises(ParameterError, match="thermal must be one of"):
        explorer.set_params(thermal="einstein")
    assert explorer._captioned["a"].layout.display == "none"
    explorer.set_params(thermal="tange")
    assert explorer._captioned["a"].layout.display == ""
    assert explorer._captioned["q"].layout.display == "none"
    assert explorer.state == "done"


def test_a_run_that_fails_says_why_and_the_next_one_works(explorer: EOSExplorer) -> None:
    before = explorer.result
    explorer.set_params(thermal="none")
    assert explorer.state == "failed"
    assert "one isotherm" in explorer.message.value.lower()
    assert explorer.result is before
    explorer.set_params(thermal="debye")
    assert explorer.state == "done"
    assert explorer.message.value == ""


def test_draws_come_from_the_chosen_form(explorer: EOSExplorer) -> None:
    assert "No draws yet" in explorer._about_draws.value or not explorer._drawn_tabs & {"posterior"}
    explorer.selection = {"candidate": ["bm2"]}
    k0 = explorer.controls.widgets["k0"]
    k0.value = 150.0
    explorer.set_params(n_steps=40)
    explorer.sample(wait=True)
    assert explorer.state == "done"
    assert explorer._tabs.buttons.value == "posterior"
    assert "not arrived yet" in explorer._about_draws.value
    assert "K₀ = 16" in explorer._about_draws.value
    assert explorer._places["posterior"].children
    assert "40 steps" in explorer.run_bar.text.value
    assert explorer.params["k0"] == pytest.approx(150.0, abs=0.2)  # sampling moves no slider
    space: dict[str, Any] = {"ds": explorer.data}
    exec(explorer.code, space)
    xr.testing.assert_identical(space["draws"], explorer.draws)
    xr.testing.assert_identical(space["result"], explorer.result)
    explorer.set_params(theta0=800.0)
    assert "of other parameters" in explorer._about_draws.value
    assert "draws" not in explorer.code


def test_the_profile_beside_the_earth(explorer: EOSExplorer) -> None:
    explorer._tabs.buttons.value = "depth profile"
    assert "lighter at the top" in explorer._about_profile.value
    explorer.set_params(start_temperature=1500.0)
    assert "1,500 K at the top" in explorer._about_profile.value
    assert not explorer.is_stale
    explorer.set_params(region="outer_core")
    assert "of the top" in explorer._about_profile.value or "at the top" in explorer._about_profile.value


def test_what_a_profile_lacks_is_said_in_its_place() -> None:
    ds = make_eos(seed=0).isel(point=slice(0, 20))
    explorer = EOSExplorer(ds, params={"murnaghan": False, "vinet": False}, threaded=False)
    explorer._tabs.buttons.value = "depth profile"
    assert "no adiabatic modulus" in explorer._about_profile.value
    assert explorer._places["profile"].children == ()
    explorer.close()


def test_energies() -> None:
    volume = np.linspace(60.0, 80.0, 11)
    truth = eos.Equation("bm3", {"v0": 70.0, "k0": 150.0, "k0_prime": 4.5})
    ds = eos.label_points(volume, energy=eos.evaluate(truth, volume=volume).energy.values.ravel() - 3.0)
    explorer = EOSExplorer(ds, threaded=False)
    assert explorer.state == "done"
    assert explorer.chosen == "bm3"
    assert explorer.controls.widgets["k0"].disabled
    explorer._isotherms._tapped(SimpleNamespace(x=volume[5], y=float(ds.energy[5]), modifiers=None), "points")
    assert "eV" in explorer._about_point.value
    explorer.close()


def test_points_without_errors_or_numbers_of_their_own() -> None:
    ds = make_eos(seed=0).isel(point=slice(0, 20))[["volume", "pressure"]].drop_vars("point")
    explorer = EOSExplorer(ds, threaded=False)
    assert cells(explorer, "BM3")[-2] == "–"
    explorer.controls.widgets["k0"].value = 140.0
    assert "no χ²" in explorer._about_yours.value
    explorer.selection = {"point": [2]}
    assert "point 2" in explorer._about_point.value
    explorer.close()


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (lambda: load_mgo().drop_vars("pressure"), LabelError, "label_points"),
        (lambda: np.zeros(3), LabelError, "label_points"),
        (lambda: load_mgo().isel(point=[0]), DataError, "1 points cannot give"),
        (lambda: load_mgo().drop_attrs(deep=False), ParameterError, "number of atoms"),
    ],
)
def test_data_that_cannot_be_used_make_no_widget(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        EOSExplorer(data())


def test_text_of_the_data_is_escaped() -> None:
    ds = make_eos(seed=0).isel(point=slice(0, 20)).assign_attrs(title="<img src=x onerror=alert(1)>")
    ds = ds.assign_coords(point=[f"<b>{i}</b>" for i in range(20)])
    explorer = EOSExplorer(ds, params={"murnaghan": False, "vinet": False}, threaded=False)
    explorer.selection = {"point": ["<b>3</b>"]}
    assert "<b>3" not in explorer._about_point.value
    assert "&lt;b&gt;3" in explorer._about_point.value
    assert "<img" not in explorer.header.value
    explorer.close()
