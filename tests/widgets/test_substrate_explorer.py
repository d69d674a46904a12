"""SubstrateExplorer without a page: the numbers of the headless call, what clicks choose, the table that is edited."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mi_widgets import screening
from mi_widgets.datasets._substrates import load_substrates
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets import link
from mi_widgets.widgets.substrates import SubstrateExplorer

SMALL = {"max_area": 60.0}


@pytest.fixture
def app() -> Iterator[SubstrateExplorer]:
    table = load_substrates().loc[["GaTe", "InSe", "MoTe2", "Al2O3(0001)"]]
    widget = SubstrateExplorer(table, params=SMALL, threaded=False)
    yield widget
    widget.close()


def tap(x: float, y: float) -> Any:
    return SimpleNamespace(x=x, y=y, modifiers=None)


def test_it_screens_at_once_as_its_code_does(app: SubstrateExplorer) -> None:
    assert app.state == "done"
    assert app.message.value == ""
    space: dict[str, Any] = {"table": app.data}
    exec(app.code, space)
    xr.testing.assert_identical(space["result"], app.result)
    assert app.selection == {"substrate": ["MoTe2"], "coincidence": ["MoTe2 1"]}
    assert app.stack is not None
    assert app.stack.sizes["atom"] == app.viewer.data.sizes["atom"] == 18
    assert "≈ first" in app._rows.rows[1]["cells"]


def test_a_click_on_a_point_a_rank_or_a_row_shows_the_supercell(app: SubstrateExplorer) -> None:
    x, y, names = app._points()
    at = names.index("GaTe 1")
    app._taps["coincidences"].tapped(tap(x[at] + 0.01, y[at]))
    assert app.selection == {"substrate": ["GaTe"], "coincidence": ["GaTe 1"]}
    assert app.viewer.data.sizes["atom"] == 6
    assert set(app.viewer.data.element.values) == {"Ge", "Ga", "Te"}
    assert "germanene on GaTe" in app._about.value
    assert "+0.74 %" in app._about.value
    assert app._rows.chosen == [app._names.index("GaTe")]
    ring = app.coincidences.part("chosen best").handles["source"].data
    np.testing.assert_allclose([ring["x"][0], ring["y"][0]], [x[at], y[at]])
    app._taps["ranking"].tapped(tap(float(app.result.best_score[2]), -2.0))
    assert app.selection["substrate"] == [app.result.substrate.values[2]]
    app._row_picked(app._names.index("InSe"), False)
    assert app.viewer.data.attrs["title"] == "germanene on InSe"
    app._taps["ranking"].tapped(tap(1e3, 1e3))  # beside all points: nothing changes
    assert app.selection["substrate"] == ["InSe"]
    assert len(app._few.rows) == int((app.result.substrate_name == "InSe").sum())
    with pytest.raises(LabelError, match="there is no coincidence 'InSe 99'"):
        app.selection = {"coincidence": ["InSe 99"]}


def test_the_table_is_edited_and_undone(app: SubstrateExplorer) -> None:
    before = app.result
    app._length_typed(app._names.index("InSe"), "4,06")
    assert app.table.loc["InSe", "a"] == 4.06
    assert app.data.loc["InSe", "a"] == 4.005
    assert app.result.substrate.values[0] == "InSe"
    assert float(app.result.strain.sel(coincidence="InSe 1")) == pytest.approx(0, abs=1e-12)
    assert "edit_substrates(table, {'InSe': {'a': 4.06}})" in app.code
    space: dict[str, Any] = {"table": app.data}
    exec(app.code, space)
    xr.testing.assert_identical(space["result"], app.result)
    app._edit.name.value, app._edit.a.value = "<b>mine", "4.1"
    app._edit.buttons[0].click()
    assert app.table.index[-1] == "<b>mine"
    assert app._edit.a.value == ""
    app._choose("<b>mine")
    assert "<b>mine" not in app._about.value  # escaped
    assert app.viewer.data.element.values.tolist().count("X") == 1  # a lattice without atoms that are known
    app._edit.buttons[1].click()
    assert "<b>mine" not in app.table.index
    app._edit.buttons[2].click()
    assert app.params["changes"] == {}
    xr.testing.assert_identical(app.result, before)
    app.undo()
    assert "InSe" in app.params["changes"]


def test_what_cannot_be_is_refused_in_the_page(app: SubstrateExplorer) -> None:
    rows = app._rows.rows
    typed = app.guard(app._length_typed)
    for text, said in (("-4.1", "a of &#x27;MoTe2&#x27; must be a number from 0.5 to 100 angstrom; got -4.1"),
                       ("four", "is not a number"), ("", "is empty")):  # fmt: skip
        typed(app._names.index("MoTe2"), text)
        assert said in app.message.value
    app._edit.buttons[0].click()
    assert "the new substrate has no name" in app.message.value
    assert app.params["changes"] == {}
    assert app._rows.rows == rows


def test_parameters_are_checked_and_run_again(app: SubstrateExplorer) -> None:
    app.set_params(only_layered=True)
    assert "Al2O3(0001)" not in app.result.substrate.values
    app.set_params(film="stanene")
    assert app.viewer.data.attrs["title"].startswith("stanene on ")
    app.set_params(film_a=4.09)
    assert float(app.result.strain.sel(coincidence="GaTe 1")) == pytest.approx(0, abs=1e-12)
    for bad in ({"max_strain": 90.0}, {"film": "silicene"}, {"changes": {"GaTe": {"a": -1}}}, {"changes": {"new": {}}}):
        with pytest.raises((ParameterError, DataError)):
            app.set_params(**bad)
    with pytest.raises(DataError, match="a column 'a'"):
        SubstrateExplorer(pd.DataFrame({"b": [1.0]}))


def test_two_films_are_linked_by_substrate(app: SubstrateExplorer) -> None:
    other = SubstrateExplorer(app.data, params={**SMALL, "film": "stanene"}, threaded=False)
    linked = link(app, other, on="substrate")
    app._choose("GaTe")
    assert other.selection["substrate"] == ["GaTe"]
    assert other.viewer.data.attrs["title"] == "stanene on GaTe"
    other.selection = {"coincidence": [str(other.result.coincidence.values[-1])]}
    assert app.selection["substrate"] == other.selection["substrate"] == [other._owner(other.result.coincidence[-1])]
    linked.unlink()
    other.close()


def test_a_run_is_cancelled_and_what_is_finished_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = screening.iter_screen_substrates

    def parts(*given: Any, **options: Any) -> Iterator[Any]:
        for part in slow(*given, **options):
            time.sleep(0.05)
            yield part

    monkeypatch.setattr("mi_widgets.screening.iter_screen_substrates", parts)
    widget = SubstrateExplorer(load_substrates(), params={"max_area": 30.0})
    while widget.run_bar.bar.value == 0:
        time.sleep(0.01)
    widget.cancel()
    assert widget.state == "cancelled"
    assert 0 < int((widget.result.status < 4).sum()) < 21
    widget.close()
