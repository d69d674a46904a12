"""What follows from an equation: derived quantities and their errors, forms compared, draws, depth profiles, data."""

import runpy

import numpy as np
import pytest
import xarray as xr

from mi_widgets import eos
from mi_widgets._share import share_path
from mi_widgets.datasets._eos import load_mgo, make_eos
from mi_widgets.datasets._prem import load_prem
from mi_widgets.io import read_netcdf, write_netcdf

POWER = {"thermal": "debye", "hold": {"theta0": 773.0, "q": 1.0}}


@pytest.fixture(scope="module")
def compared() -> xr.Dataset:
    return eos.compare_eos(load_mgo(), **POWER)


# ---- derived quantities


def test_thermodynamics_hold_together():
    mgo = eos.reference_equation("mgo_tange_2009")
    at = eos.evaluate(mgo, volume=np.linspace(60.0, 75.0, 4), temperature=[500.0, 2000.0])
    gamma = at.thermal_expansion * at.bulk_modulus * at.volume / (at.heat_capacity / 8.31446261815324 * 8 * 0.01380649)
    np.testing.assert_allclose(at.grueneisen, gamma)
    ks = at.bulk_modulus * (1 + at.thermal_expansion * at.grueneisen * at.temperature)
    np.testing.assert_allclose(at.adiabatic_bulk_modulus, ks)
    np.testing.assert_allclose(at.sound_velocity**2 * at.density, at.adiabatic_bulk_modulus)
    near = eos.evaluate(mgo, pressure=[30.0], temperature=[1499.0, 1501.0])
    expansion = float(np.log(near.volume[1, 0] / near.volume[0, 0])) / 2
    middle = eos.evaluate(mgo, pressure=[30.0], temperature=1500.0)
    assert middle.thermal_expansion.item() == pytest.approx(expansion, rel=1e-5)
    hot = eos.evaluate(mgo, pressure=[0.0], temperature=3000.0).heat_capacity.item()
    assert hot == pytest.approx(3 * 8.314, rel=0.01)  # Dulong and Petit


def test_known_numbers_of_mgo():
    """Handbook values at room conditions: density 3.58 g/cm3, expansion 31e-6 / K, K_S 163 GPa."""
    at = eos.evaluate(eos.reference_equation("mgo_tange_2009"), pressure=[0.0])
    assert at.density.item() == pytest.approx(3.585, abs=0.005)
    assert at.thermal_expansion.item() == pytest.approx(31e-6, rel=0.1)
    assert at.adiabatic_bulk_modulus.item() == pytest.approx(163, abs=1.5)


def test_errors_are_propagated():
    """The band of the pressure, beside draws from the normal distribution of the parameters."""
    fit = eos.fit_eos(make_eos(seed=2), form="vinet", **POWER)
    at = eos.evaluate(fit, volume=[62.0, 70.0], temperature=[300.0, 2000.0])
    names = [str(n) for n in fit.parameter.values]
    stderr = np.array([float(fit[f"{n}_stderr"]) for n in names])
    covariance = fit.correlation.values * np.outer(stderr, stderr)
    rng = np.random.default_rng(0)
    held = {"theta0": 773.0, "q": 1.0}
    rows = []
    for theta in rng.multivariate_normal([float(fit[n]) for n in names], covariance, 150):
        equation = eos.Equation("vinet", dict(zip(names, theta, strict=True)) | held, thermal="debye", n_atoms=8)
        rows.append(eos.evaluate(equation, volume=[62.0, 70.0], temperature=[300.0, 2000.0]))
    spread = xr.concat(rows, "draw").std("draw")
    for name in ("pressure", "bulk_modulus", "thermal_expansion"):
        np.testing.assert_allclose(at[f"{name}_stderr"], spread[name], rtol=0.25)
    assert set(at.extrapolated.values.ravel().tolist()) == {0}
    beyond = eos.evaluate(fit, volume=[40.0, 70.0], temperature=[300.0, 4000.0])
    np.testing.assert_array_equal(beyond.extrapolated, [[1, 0], [1, 1]])


def test_no_volume_has_so_low_a_pressure():
    at = eos.evaluate(eos.reference_equation("mgo_tange_2009"), pressure=[-100.0, 0.0])
    assert np.isnan(at.volume.values[0, 0])
    assert np.isfinite(at.volume.values[0, 1])


# ---- forms compared


def test_forms_that_the_data_cannot_separate_are_named(compared):
    assert compared.undecided.sel(candidate=["bm3", "vinet"]).values.tolist() == [1, 1]
    assert abs(float(compared.aic.sel(candidate="bm3") - compared.aic.sel(candidate="vinet"))) < 2
    assert "cannot separate" in compared.attrs["conclusion"]
    for name in ("bm2", "bm3", "vinet"):
        assert name in compared.attrs["conclusion"]
    assert float(compared.weight_aic.sum()) == pytest.approx(1)
    assert float(compared.distance.sel(candidate="bm3", candidate_2="vinet")) < 1


def test_better_data_do_separate_them():
    ds = make_eos(n_points=200, pressure_error=(0.0, 0.001), temperature_error=0.001, volume_error=1e-5, seed=4)
    ds["pressure_stderr"] = ds.pressure_stderr * 0 + 0.01
    ds["pressure"] = ds.true_pressure + 0.01 * np.random.default_rng(1).standard_normal(200)
    ds["pressure"].attrs = ds["pressure_stderr"].attrs = {"units": "GPa"}
    found = eos.compare_eos(
        ds, ["bm2", "bm3", "vinet", "murnaghan"], thermal="tange", hold={"theta0": 761.0, "a": 0.138, "b": 5.4}
    )
    assert found.candidate.values[int(found.aic.values.argmin())] == "vinet"
    assert "cannot" not in found.attrs["conclusion"]
    assert int(found.undecided.sum()) == 1


def test_a_candidate_is_a_fit(compared):
    one = eos.fit_eos(load_mgo(), form="vinet", **POWER)
    chosen = compared.sel(candidate="vinet")
    for name in ("k0", "k0_prime_stderr", "aic"):
        assert float(chosen[name]) == pytest.approx(float(one[name]))
    a, b = (eos.evaluate(x, volume=[65.0], temperature=1000.0) for x in (chosen, one))
    assert a.pressure_stderr.item() == pytest.approx(b.pressure_stderr.item(), rel=1e-9)
    assert eos.Equation.from_fit(compared.sel(candidate="bm2")).form == "bm2"
    parts = list(eos.iter_compare(load_mgo(), ["bm2", "vinet"], **POWER))
    assert [p.done for p in parts] == [1, 2]
    meanings = parts[0].result.status.attrs["flag_meanings"].split()
    assert [meanings[i] for i in parts[0].result.status.values] == ["ok", "not_run"]


def test_a_candidate_that_fails_is_flagged_and_the_others_go_on(tmp_path):
    few = load_mgo().isel(point=slice(41, 44))
    found = eos.compare_eos(few, ["bm2", "bm4"])
    meanings = found.status.attrs["flag_meanings"].split()
    assert meanings[int(found.status[1])] == "failed"
    assert "3 points" in found.remarks.values[1]
    write_netcdf(found, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), found)


# ---- draws


def test_draws_agree_with_the_errors_of_the_fit(tmp_path):
    ds = make_eos(seed=0).isel(point=slice(0, 20)).drop_vars("volume_stderr")
    fit = eos.fit_eos(ds, form="bm2")
    draws = eos.sample_eos(ds, form="bm2", n_steps=400, n_chains=2, seed=1)
    assert int(draws.status) == 0
    assert float(draws.r_hat.max()) < 1.05
    assert float(draws.effective_draws.min()) > 300
    for name in ("v0", "k0"):
        assert float(draws[name].mean()) == pytest.approx(float(fit[name]), abs=0.2 * float(fit[f"{name}_stderr"]))
        assert float(draws[name].std()) == pytest.approx(float(fit[f"{name}_stderr"]), rel=0.15)
    between = float(fit.correlation.sel(parameter="v0", parameter_2="k0"))
    assert float(draws.correlation.sel(parameter="v0", parameter_2="k0")) == pytest.approx(between, abs=0.05)
    again = eos.sample_eos(ds, form="bm2", n_steps=400, n_chains=2, seed=1)
    xr.testing.assert_identical(draws, again)
    write_netcdf(draws, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), draws)


def test_a_short_run_says_that_it_is_short():
    ds = make_eos(seed=0).isel(point=slice(0, 20))
    parts = list(eos.iter_sample(ds, n_steps=40, n_chains=2, seed=0))
    assert [p.done for p in parts] == [20, 40]
    assert int(parts[-1].result.status) == 1
    assert "n_steps=" in parts[-1].result.remarks.item()


def test_without_emcee_the_message_says_how_to_get_it(monkeypatch):
    import sys

    from mi_widgets.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "emcee", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        eos.sample_eos(make_eos(seed=0).isel(point=slice(0, 20)), n_steps=20)


# ---- depth profiles and data


def test_the_outer_core_is_lighter_and_faster_than_iron():
    """Published: 8 to 10 % lighter, 3 to 5 % faster than liquid iron."""
    iron = eos.depth_profile(eos.reference_equation("liquid_iron_1994"), load_prem(region="outer_core"))
    top = iron.isel(depth=0)
    assert 0.08 < float(top.density_excess) < 0.11
    assert -0.055 < float(top.sound_velocity_excess) < -0.03
    assert "temperature" not in iron


def test_a_profile_of_a_fit_has_errors_and_says_where_it_is_extrapolated(compared, tmp_path):
    prem = load_prem(region="lower_mantle")
    profile = eos.depth_profile(compared.sel(candidate="vinet"), prem, temperature=1900.0)
    assert (profile.density_stderr > 0).all()
    np.testing.assert_array_equal(profile.extrapolated, profile.volume < 61.778)
    assert -0.13 < float(profile.density_excess.mean()) < -0.05  # MgO is lighter than what is there
    isotherm = eos.depth_profile(compared.sel(candidate="vinet"), prem, temperature=1900.0, path="isotherm")
    assert float(profile.temperature[-1]) > 2300 > float(isotherm.temperature[-1])
    assert float(isotherm.density[-1]) > float(profile.density[-1])
    upward = eos.depth_profile(
        compared.sel(candidate="vinet"), prem.isel(depth=slice(None, None, -1)), temperature=1900
    )
    np.testing.assert_allclose(upward.temperature[::-1], profile.temperature)  # the temperature is that of the top
    write_netcdf(profile, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), profile)


def test_the_reference_earth_has_its_mass_gravity_and_pressures():
    earth = load_prem(step=10.0)
    r, rho = earth.radius.values[::-1] * 1e3, earth.density.values[::-1] * 1e3
    mass = np.trapezoid(4 * np.pi * r**2 * rho, r)
    assert mass == pytest.approx(5.974e24, rel=1e-3)
    moment = np.trapezoid(8 / 3 * np.pi * r**4 * rho, r) / (mass * 6.371e6**2)
    assert moment == pytest.approx(0.3308, abs=2e-4)
    boundary = earth.isel(depth=earth.layer == "outer core")  # the paper's own table: 135.75, 328.85, 363.85 GPa
    assert float(boundary.pressure[0]) == pytest.approx(135.75, rel=1.5e-3)
    assert float(boundary.pressure[-1]) == pytest.approx(328.85, rel=1.5e-3)
    assert float(earth.pressure[-1]) == pytest.approx(363.85, rel=1.5e-3)
    assert float(boundary.gravity[0]) == pytest.approx(10.68, rel=1e-3)
    assert float(boundary.density[0]) == pytest.approx(9.9035, abs=1e-3)
    assert float(boundary.velocity_p[0]) == pytest.approx(8.0648, abs=1e-3)
    mantle = load_prem(region="lower_mantle")
    assert mantle.depth.values[[0, -1]].tolist() == [771, 2741]


def test_the_recipe_makes_the_bundled_table():
    made = runpy.run_path(str(share_path("data") / "recipes" / "mgo_dewaele_2000.py"))["make"]()
    xr.testing.assert_identical(made, load_mgo())
    assert made.sizes["point"] == 61
    assert int((made.temperature == 300).sum()) == 20


def test_the_generator_keeps_its_truth():
    ds = make_eos(seed=7)
    xr.testing.assert_identical(ds, make_eos(seed=7))
    for name in ("pressure", "volume", "temperature"):
        z = (ds[name] - ds[f"true_{name}"]) / ds[f"{name}_stderr"]
        assert 0.75 < float(z.std()) < 1.3
    truth = {n: float(ds[f"true_{n}"]) for n in ("v0", "k0", "k0_prime", "gamma0", "a", "b", "theta0")}
    equation = eos.Equation("vinet", truth, thermal="tange", n_atoms=8)
    np.testing.assert_allclose(eos.pressure(equation, ds.true_volume, ds.true_temperature), ds.true_pressure, atol=1e-6)
