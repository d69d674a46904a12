"""Axes in space."""

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, special

from mi_widgets import orientation
from mi_widgets.datasets import make_orientation_axes
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.orientation._watson import concentration_of, log_density, log_norm, mean_square


def test_density_is_normalised_and_its_constant_kummers():
    for kappa in (-40.0, -1e-5, 0.0, 3.0, 60.0):
        total = integrate.quad(lambda t, k=kappa: 4 * np.pi * np.exp(log_density(t * t, np.float64(k))), 0, 1)[0]
        assert total == pytest.approx(1.0, rel=1e-8)
        assert np.exp(log_norm(kappa)) == pytest.approx(special.hyp1f1(0.5, 1.5, kappa), rel=1e-12)
    kappa = np.array([-500.0, -3.0, 0.01, 7.0, 900.0])
    assert concentration_of(mean_square(kappa), 1e4) == pytest.approx(kappa, rel=1e-6)


def test_two_clusters_and_a_rest_are_found_within_their_errors(tmp_path):
    axes = make_orientation_axes(1577, seed=2)
    found = orientation.select_axes(axes.direction, candidates=["uniform", "1", "2", "2+u"], n_starts=8)
    assert found.attrs["chosen"] == "2+u"
    best = found.sel(candidate="2+u")
    cosine = np.abs((best.mean_direction * axes.true_direction).sum("axis"))
    assert (np.degrees(np.arccos(cosine.clip(max=1))) < 4 * best.direction_stderr).all()
    assert (np.abs(best.concentration - axes.true_concentration) < 3 * best.concentration_stderr).all()
    assert (np.abs(best.weight - axes.true_weight) < 3 * best.weight_stderr).all()
    assert best.trend.values == pytest.approx([30.0, 130.0], abs=5)
    assert best.plunge.values == pytest.approx([10.0, 40.0], abs=5)
    assert float((best.member == axes.true_component).mean()) > 0.85
    write_netcdf(found, tmp_path / "axes.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "axes.nc").load(), found)


def test_a_girdle_has_a_negative_concentration_and_ends_do_not_matter():
    axes = make_orientation_axes(900, components=((1.0, 0.0, 90.0, -15.0),), seed=0)
    flipped = axes.direction * xr.DataArray(np.random.default_rng(0).choice([-3.0, 2.0], 900), dims="grain")
    both = [orientation.select_axes(d, candidates=["1"]) for d in (axes.direction, flipped)]
    assert float(both[0].concentration[0, 0]) == pytest.approx(-15, abs=3)
    assert float(both[0].plunge[0, 0]) > 85
    assert both[1].concentration.values == pytest.approx(both[0].concentration.values)


def test_uniform_axes_are_uniform():
    axes = make_orientation_axes(600, components=(), seed=1)
    assert orientation.select_axes(axes.direction).attrs["chosen"] == "uniform"


def test_bad_axes():
    good = make_orientation_axes(20, seed=0).direction
    with pytest.raises(LabelError, match="grain"):
        orientation.select_axes(good.rename(grain="atom"))
    few = orientation.select_axes(good.isel(grain=slice(5)), candidates=["2"])  # too few for every candidate
    assert few.attrs["chosen"] == ""
    assert few.delta_bic.isnull().all()
    turned = orientation.select_axes(good.isel(axis=[2, 0, 1]))  # names count, not places
    xr.testing.assert_equal(turned.trend, orientation.select_axes(good).trend)
    with pytest.raises(LabelError, match="east, north, up"):
        orientation.select_axes(good.assign_coords(axis=["a", "b", "c"]))
    with pytest.raises(ParameterError, match="largest"):
        orientation.select_axes(good, largest=-1.0)
    with pytest.raises(DataError, match="the same"):
        orientation.select_axes(good.isel(grain=[0] * 20))
    with pytest.raises(DataError, match="at least 5"), pytest.warns(MIWidgetsWarning, match="left out"):
        orientation.select_axes(good.where(good.grain < 3))
