"""Pictures of equations of state hold the numbers they were given, with units on their axes."""

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets import eos
from mi_widgets.datasets._eos import load_mgo, make_eos
from mi_widgets.datasets._prem import load_prem
from mi_widgets.errors import LabelError
from mi_widgets.plots.eos import isotherm_columns, plot_forms, plot_isotherms, plot_posterior, plot_profile

POWER = {"thermal": "debye", "hold": {"theta0": 773.0, "q": 1.0}}


@pytest.fixture(scope="module")
def compared() -> xr.Dataset:
    return eos.compare_eos(load_mgo(), ["bm3", "vinet"], **POWER)


def labels(overlay: hv.Overlay) -> list[str]:
    return [e.label for e in overlay]


def test_isotherms_and_residuals(compared):
    fit = compared.sel(candidate="vinet")
    curves = eos.evaluate(fit, temperature=[300.0, 2000.0])
    top, below = plot_isotherms(fit, curves, yours=True, title="MgO")
    named = {e.label: e for e in top}
    np.testing.assert_array_equal(named["2000 K"].dimension_values("value"), curves.pressure[1])
    np.testing.assert_array_equal(named["points"].dimension_values("volume"), fit.volume)
    width = named["band 300 K"].dimension_values("top") - named["band 300 K"].dimension_values("value")
    np.testing.assert_allclose(width, 2 * 1.96 * curves.pressure_stderr[0])
    assert named["yours 300 K"].dimension_values("volume").size == 0
    assert named["points"].kdims[0].label == "volume (Å³)"
    assert named["300 K"].vdims[0].label == "pressure (GPa)"
    np.testing.assert_array_equal(
        {e.label: e for e in below}["residuals"].dimension_values("residual"), fit.residual_normalized
    )
    columns = isotherm_columns(fit, curves)
    np.testing.assert_array_equal(columns["errors"]["error"], fit.pressure_stderr)
    assert labels(plot_isotherms(fit)[0])[-1] == "points"


def test_points_have_the_unit_of_the_curves():
    """Points that came in kbar lie on an isotherm in GPa."""
    volume = np.linspace(62.0, 74.0, 9)
    truth = eos.Equation("bm3", {"v0": 74.7, "k0": 160.0, "k0_prime": 4.2})
    kbar = 10 * eos.pressure(truth, volume).values
    fit = eos.fit_eos(eos.label_points(volume, pressure=kbar, pressure_units="kbar", pressure_stderr=1.0))
    columns = isotherm_columns(fit, eos.evaluate(fit, volume=volume))
    np.testing.assert_allclose(columns["points"]["value"], columns["300 K"]["value"], rtol=1e-6)
    np.testing.assert_allclose(columns["errors"]["error"], 0.1)
    assert fit.pressure.attrs["units"] == fit.pressure_stderr.attrs["units"] == "GPa"
    hartree = eos.evaluate(truth, volume=volume).energy.values.ravel() / 27.211386245988
    static = eos.fit_eos(eos.label_points(volume, energy=hartree, energy_units="hartree"))
    np.testing.assert_allclose(static.energy, static.expected, atol=1e-9)
    assert static.energy.attrs["units"] == "eV"


def test_energies_are_drawn_too():
    volume = np.linspace(60.0, 80.0, 9)
    truth = eos.Equation("bm3", {"v0": 70.0, "k0": 150.0, "k0_prime": 4.5})
    energies = eos.evaluate(truth, volume=volume).energy.values.ravel() - 12.0
    fit = eos.fit_eos(eos.label_points(volume, energy=energies))
    top, _ = plot_isotherms(fit, eos.evaluate(fit))
    drawn = {e.label: e for e in top}
    curve = next(e for name, e in drawn.items() if name.endswith(" K") and "band" not in name)
    assert curve.vdims[0].label == "energy (eV)"
    assert curve.dimension_values("value").min() == pytest.approx(-12.0, abs=1e-3)


def test_forms_part_beyond_the_data(compared):
    curves = eos.compare_curves(compared, candidate="bm3")
    picture = plot_forms(curves)
    assert labels(picture) == ["nothing measured", "95 % of bm3", "bm3", "vinet"]
    inside = curves.extrapolated == 0
    apart = np.abs(curves.difference.sel(candidate="vinet"))
    assert float(apart.where(inside).max()) < 0.2 < float(apart.max())
    assert picture.get(3).vdims[0].label == "pressure less that of bm3 (GPa)"


def test_pairs_of_the_posterior():
    draws = eos.sample_eos(make_eos(seed=0).isel(point=slice(0, 20)), form="bm2", n_steps=40)
    figures = list(plot_posterior(draws))
    assert len(figures) == 4
    assert isinstance(figures[1], hv.Empty)
    assert [d.label for d in figures[2].kdims] == ["V₀ (Å³)", "K₀ (GPa)"]
    hv.renderer("bokeh").get_plot(plot_posterior(draws))


def test_profiles_beside_the_reference(compared):
    prem = load_prem(region="lower_mantle")
    density, _, velocity = plot_profile(eos.depth_profile(compared.sel(candidate="vinet"), prem))
    assert {"reference", "this substance", "extrapolated"} <= set(labels(density))
    assert density.get(1).kdims[0].label == "depth (km)"
    assert velocity.get(1).vdims[0].label == "bulk sound velocity (km/s)"


@pytest.mark.parametrize("plot", [plot_isotherms, plot_forms, plot_posterior, plot_profile])
def test_other_data_are_refused(plot):
    with pytest.raises(LabelError, match="eos"):
        plot(make_eos(seed=0))
