"""Pictures of standing waves."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import qpi
from mi_widgets.datasets import make_interference_map
from mi_widgets.errors import LabelError
from mi_widgets.plots.qpi import plot_cross_validation, plot_q_images, plot_radial_profile, plot_sampling


@pytest.fixture(scope="module")
def da() -> xr.DataArray:
    return make_interference_map((60, 120), width=33.0, noise=1.0).conductance


@pytest.fixture(scope="module")
def found(da: xr.DataArray) -> xr.Dataset:
    return qpi.analyze(da, n_q=48, n_folds=3, n_penalties=4)


def _figures(element: object) -> list[object]:
    state = hv.renderer("bokeh").get_plot(element).state
    return [child[0] for child in state.children] if hasattr(state, "children") else [state]


def test_pixels_that_are_not_sampled_are_missing(da: xr.DataArray) -> None:
    sampled = qpi.sample_pixels(da, n_pixels=500)
    element = plot_sampling(da, sampled)
    assert int(np.isfinite(element.dimension_values("value")).sum()) == 500
    assert element.opts.get("plot").kwargs["title"] == "500 of 7,200 pixels"


def test_q_images_zoom_together(found: xr.Dataset) -> None:
    first, second = _figures(plot_q_images(found))
    assert first.x_range is second.x_range
    assert first.y_range is second.y_range
    assert "λ" in second.title.text
    assert first.xaxis[0].axis_label == "qx = 2kx (nm⁻¹)"


def test_profile_has_units_and_both_ways(found: xr.Dataset) -> None:
    overlay = plot_radial_profile(found)
    (figure,) = _figures(overlay)
    assert figure.xaxis[0].axis_label == "|q| = 2k (nm⁻¹)"
    assert figure.yaxis[0].axis_label == "mean amplitude (nS)"
    points = {e.label: e for e in overlay if isinstance(e, hv.Scatter)}
    np.testing.assert_allclose(points["LASSO"].dimension_values(1), found.profile.sel(image="lasso"))


def test_validation_shows_what_was_chosen(found: xr.Dataset) -> None:
    overlay = plot_cross_validation(found)
    lines = [float(e.data) for e in overlay if isinstance(e, hv.VLine)]
    assert lines == [float(found.best_penalty), float(found.one_se_penalty)]
    (figure,) = _figures(overlay)
    assert figure.xaxis[0].axis_label == "penalty λ (nS)"


def test_wrong_input(da: xr.DataArray) -> None:
    for plot in (plot_q_images, plot_radial_profile, plot_cross_validation):
        with pytest.raises(LabelError, match=r"needs the result of qpi\.analyze"):
            plot(da)  # type: ignore[arg-type]
