"""Pictures of pre-screens and of yields: what is drawn is what the results say."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import screening
from mi_widgets.datasets import make_catalyst_yields
from mi_widgets.datasets._substrates import load_substrates
from mi_widgets.errors import LabelError
from mi_widgets.plots import substrates as on_substrates
from mi_widgets.plots import yields as of_yields


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return screening.screen_substrates(4.06, load_substrates(), max_area=60.0)


@pytest.fixture(scope="module")
def ds() -> xr.Dataset:
    return make_catalyst_yields(n_catalysts=30)


def part(drawn: hv.Overlay, label: str) -> hv.Element:
    return next(e for e in drawn if e.label == label)


def test_coincidences_and_lines_of_equal_score(found: xr.Dataset) -> None:
    drawn = on_substrates.plot_coincidences(found)
    best = part(drawn, "best")
    assert len(best) == int((found.status == 0).sum())
    assert len(best) + len(part(drawn, "others")) == found.sizes["coincidence"]
    np.testing.assert_allclose(np.abs(best["strain"]) + 0.02 * best["area"], best["score"])
    for line in part(drawn, "equal score").split():
        x, y = line.array(["x", "y"]).T
        np.testing.assert_allclose(np.ptp(np.abs(x) + 0.02 * y), 0, atol=1e-9)
    assert len(part(drawn, "names")) <= len(best)
    hv.render(drawn, backend="bokeh")


def test_ranks_are_in_their_order(found: xr.Dataset) -> None:
    drawn = on_substrates.plot_ranking(found)
    points = part(drawn, "score")
    assert (np.diff(points["x"]) >= 0).all()
    assert on_substrates.ranking_order(found) == found.substrate.values[found.status == 0].tolist()
    assert (points["color"] == "#e69f00").sum() == int(found.undecided.sum())
    hv.render(drawn, backend="bokeh")


def test_density_counts_every_subset(ds: xr.Dataset) -> None:
    search = screening.exhaustive_search(ds.features, ds.logit_yield, degree=2)
    bars = of_yields.density_columns(search)
    assert int(bars["counts"].sum()) == search.sizes["subset"]
    assert int(bars["near"].sum()) == int(search.undecided.sum())
    for drawn in (of_yields.plot_score_density(search), of_yields.plot_chosen_variables(search)):
        hv.render(drawn, backend="bokeh")
    rise = part(of_yields.plot_chosen_variables(search), "rise")
    top = str(rise["name"][np.argmax(rise["x1"])])
    assert top in ("d_band_center", "work_function", "metal_charge")


def test_predictions_models_and_volcano(ds: xr.Dataset) -> None:
    planted = ["d_band_center", "work_function", "metal_charge"]
    compared = screening.compare_yield_models(ds.features, ds.logit_yield, ["mean", "quadratic"], n_folds=3)
    one = compared.sel(model="quadratic")
    dots = part(of_yields.plot_subset(one), "candidates")
    np.testing.assert_allclose(dots["y"], one.prediction)
    fit = screening.fit_volcano(ds.features.sel(feature=planted), ds.logit_yield)
    for percent in (False, True):
        drawn = of_yields.plot_volcano(fit, percent=percent)
        curve = part(drawn, "volcano")
        values = np.interp(fit.energy, curve["x"], curve["y"])
        expected = 100 / (1 + np.exp(-fit.prediction)) if percent else fit.prediction
        np.testing.assert_allclose(values, expected, atol=1.0 if percent else 0.01)
        hv.render(drawn, backend="bokeh")
    hv.render(of_yields.plot_nested_predictions(compared), backend="bokeh")
    search = screening.exhaustive_search(ds.features, ds.logit_yield, max_features=2)
    shares = part(of_yields.plot_chosen_variables(search, compared), "share")
    assert len(shares) == int((compared.chosen_share.sel(model="quadratic") > 0).sum())


def test_other_data_are_refused(found: xr.Dataset) -> None:
    for draw in (on_substrates.plot_coincidences, on_substrates.plot_ranking):
        with pytest.raises(LabelError, match="screen_substrates"):
            draw(xr.Dataset())
    for draw in (of_yields.plot_score_density, of_yields.plot_subset, of_yields.plot_nested_predictions,
                 of_yields.plot_volcano, of_yields.plot_chosen_variables):  # fmt: skip
        with pytest.raises(LabelError, match=r"screening\."):
            draw(found)
