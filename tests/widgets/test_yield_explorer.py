"""YieldExplorer without a page: the numbers of the headless calls, what clicks choose, what is refused."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import screening
from mi_widgets.datasets import make_catalyst_yields
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots.yields import density_columns
from mi_widgets.widgets import link
from mi_widgets.widgets.yields import YieldExplorer

PLANTED = ["d_band_center", "work_function", "metal_charge"]


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_catalyst_yields(n_catalysts=40, seed=3)


@pytest.fixture(scope="module")
def app(ds: xr.Dataset) -> Iterator[YieldExplorer]:
    widget = YieldExplorer(ds, params={"kind": "quadratic", "n_folds": 4}, threaded=False)
    widget.run(wait=True)
    widget.compare(wait=True)
    yield widget
    widget.close()


def tap(x: float, y: float) -> Any:
    return SimpleNamespace(x=x, y=y, modifiers=None)


def test_results_are_those_of_the_code(app: YieldExplorer, ds: xr.Dataset) -> None:
    assert (app.state, app.message.value) == ("done", "")
    space: dict[str, Any] = {"ds": ds}
    exec(app.code, space)
    xr.testing.assert_identical(space["result"], app.result)
    xr.testing.assert_identical(space["compared"], app.compared)
    assert app.selection["feature"] == PLANTED
    assert app.selection["model"] == ["volcano"]
    assert app._subsets.chosen == [0]
    assert app._subsets.rows[0]["cells"][-1] == "best"


def test_a_bar_lists_its_subsets_and_shows_the_first(app: YieldExplorer) -> None:
    bars = density_columns(app.result)
    assert int(bars["counts"].sum()) == app.result.sizes["subset"]
    at = int(bars["counts"].argmax())
    app._bin_tapped(tap((bars["left"][at] + bars["right"][at]) / 2, 3.0))
    assert f"of {bars['counts'][at]:,} in this bar" in app._subsets.note
    first = app.result.isel(subset=int(app._places[0]))
    chosen = app.result.feature.values[first.member.values == 1].tolist()
    assert app.selection["feature"] == chosen != PLANTED
    one = screening.predict_subset(app.data.features, app.target, chosen, degree=2)
    xr.testing.assert_identical(app._prediction, one)
    drawn = app._pictures["subset"].part("candidates").handles["source"].data
    np.testing.assert_allclose(drawn["y"], one.prediction)
    app._subset_picked(1, False)
    assert app._subsets.chosen == [1]
    app.selection = dict(app.selection) | {"feature": PLANTED}


def test_a_candidate_is_the_same_in_every_picture(app: YieldExplorer, ds: xr.Dataset) -> None:
    app._tabs.buttons.value = "volcano"
    x, y, _ = app._over_energy()
    app._taps["volcano"].tapped(tap(x[7], y[7]))
    assert app.selection["candidate"] == [7]
    for name, where in (("subset", app._prediction), ("model", app.compared.sel(model="volcano"))):
        ring = app._pictures[name].part("chosen candidates").handles["source"].data
        np.testing.assert_allclose([ring["x"][0], ring["y"][0]], [where.true[7], where.prediction[7]])
    assert f"measured {float(ds['yield'][7]):.1f} %" in app._notes["candidate"].value
    assert "The sign of the energies is not in the data" in app._notes["volcano"].value
    app.set_params(percent=True)
    assert app._over_energy()[1].max() <= 100
    assert app._pictures["volcano"].part("chosen candidates").handles["source"].data["x"][0] == x[7]
    app.set_params(percent=False)
    app._tabs.buttons.value = "variables"
    assert app.message.value == ""
    app._tabs.buttons.value = "models side by side"
    app._model_picked(1, False)
    assert app.selection["model"] == ["lasso"]
    assert app.state == "done"


def test_fields_of_the_comparison_make_it_old(app: YieldExplorer) -> None:
    app.set_params(n_folds=5)
    assert "With other parameters" in app._notes["models"].value
    assert not app.is_stale  # the search is not concerned
    assert "compare" not in app._make_code()
    app.set_params(n_folds=4)
    assert "With other parameters" not in app._notes["models"].value
    app.set_params(kind="linear")
    assert app.is_stale
    app.set_params(kind="quadratic")


def test_what_cannot_be_is_refused(app: YieldExplorer, ds: xr.Dataset) -> None:
    for bad in ({"kind": "magic"}, {"max_features": 99}, {"n_folds": 30}, {"temperature": -1.0}, {"slope": 0.0}):
        with pytest.raises(ParameterError):
            app.set_params(**bad)
    with pytest.raises(LabelError, match="there is no variable 'magic'"):
        app.selection = {"feature": ["magic"]}
    with pytest.raises(LabelError, match="there is no model 'magic'"):
        app.selection = {"model": ["magic"]}
    high = ds.copy(deep=True)
    high["yield"][3] = 130.0
    constant = ds.copy(deep=True)
    constant["features"][:, 2] = 1.0
    hollow = ds.copy(deep=True)
    hollow["features"][2, 2] = np.nan
    for data, error, said in (
        (high, DataError, "within 0 and 100 percent; got 130"),
        (constant, DataError, "'work_function' is constant"),
        (hollow, DataError, "missing or infinite"),
        (ds.isel(candidate=slice(8)), DataError, "give 12 or more"),
        (ds.rename({"yield": "y"}), LabelError, "'yield'"),
        (ds.rename(candidate="sample"), LabelError, "dims"),
        (None, LabelError, "needs a Dataset"),
    ):
        with pytest.raises(error, match=said):
            YieldExplorer(data, threaded=False)


def test_collinear_variables_and_yields_at_the_limit_are_told(ds: xr.Dataset) -> None:
    twin = ds.copy(deep=True)
    twin["features"][:, 7] = 2 * twin["features"].values[:, 2]
    twin["yield"][0] = 100.0
    widget = YieldExplorer(twin, params={"max_features": 1}, threaded=False)
    assert "1 yields nearer" in widget.message.value
    assert "collinear variables: atomic_radius and work_function" in widget.message.value
    widget.run(wait=True)
    assert "nothing can choose: atomic_radius = work_function" in widget._notes["search"].value
    widget.close()


def test_too_many_variables_for_a_volcano_are_said_in_its_place(ds: xr.Dataset) -> None:
    few = YieldExplorer(ds.isel(candidate=slice(14)), params={"kind": "linear", "max_features": 1, "n_folds": 3},
                        threaded=False)  # fmt: skip
    few.run(wait=True)
    few._tabs.buttons.value = "volcano"
    few.selection = {"feature": ds.feature.values[:12].tolist()}
    assert "too few" in few._notes["volcano"].value + few.message.value
    few.close()


def test_two_explorers_are_linked_by_candidate(app: YieldExplorer, ds: xr.Dataset) -> None:
    other = YieldExplorer(ds, params={"kind": "linear", "max_features": 1}, threaded=False)
    linked = link(app, other, on="candidate")
    app.selection = dict(app.selection) | {"candidate": [11]}
    assert other.selection["candidate"] == [11]
    linked.unlink()
    other.close()


def test_a_comparison_is_cancelled_and_what_is_finished_is_kept(
    ds: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = screening.iter_compare_yield_models

    def parts(*given: Any, **options: Any) -> Iterator[Any]:
        for part in slow(*given, **options):
            time.sleep(0.05)
            yield part

    monkeypatch.setattr("mi_widgets.screening.iter_compare_yield_models", parts)
    widget = YieldExplorer(ds, params={"n_folds": 10})
    widget.compare()
    while widget.run_bar.bar.value < 0.05:
        time.sleep(0.01)
    widget.cancel()
    assert widget.state == "cancelled"
    assert 0 < int(np.isfinite(widget.compared.prediction).sum()) < widget.compared.prediction.size
    widget.close()


def test_a_volcano_can_be_clicked_after_another_search_with_the_same_variables(ds: xr.Dataset) -> None:
    one = YieldExplorer(ds, params={"kind": "quadratic", "max_features": 3}, threaded=False)
    one.run(wait=True)
    one._tabs.buttons.value = "volcano"
    one.params = one.params | {"kind": "kernel"}
    one.run(wait=True)
    assert one.selection["feature"] == PLANTED
    x, y, labels = one._over_energy()
    one._taps["volcano"].tapped(tap(x[5], y[5]))
    assert [str(v) for v in one.selection["candidate"]] == [labels[5]]
    one.close()


def test_candidates_with_one_name_are_refused(ds: xr.Dataset) -> None:
    with pytest.raises(DataError, match="candidate 'a' is there twice"):
        YieldExplorer(ds.assign_coords(candidate=["a", "a", *map(str, range(38))]), threaded=False)
