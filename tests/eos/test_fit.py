"""Fits against published numbers, generated truth, energies of other programs, and a fit of every true value."""

import numpy as np
import pytest
import xarray as xr
from ase.eos import EquationOfState
from ase.units import GPa
from scipy.optimize import least_squares

from mi_widgets import eos
from mi_widgets.datasets._eos import load_mgo, make_eos
from mi_widgets.io import read_netcdf, write_netcdf

POWER = {"thermal": "debye", "hold": {"theta0": 773.0, "q": 1.0}}
TRUE = {"thermal": "tange", "hold": {"theta0": 761.0, "a": 0.138, "b": 5.4}}
NAMES = ("v0", "k0", "k0_prime", "gamma0")


def off(fit: xr.Dataset, ds: xr.Dataset, names: tuple[str, ...] = NAMES) -> np.ndarray:
    return np.array([float((fit[n] - ds[f"true_{n}"]) / fit[f"{n}_stderr"]) for n in names])


@pytest.mark.parametrize("form", ["bm2", "bm3", "vinet", "murnaghan"])
def test_published_points_of_mgo(form):
    fit = eos.fit_eos(load_mgo(), form=form, **POWER)
    assert int(fit.status) == 0
    assert float(fit.k0) == pytest.approx(162, abs=3)
    assert float(fit.gamma0) == pytest.approx(1.48, abs=0.1)
    assert float(fit.v0) == pytest.approx(74.62, abs=0.03)
    assert 0.7 < float(fit.reduced_chi2) < 1.2
    assert float(fit.k0_stderr) < (2 if form == "bm2" else 5)


def test_the_debye_temperature_cannot_be_found_and_that_is_said():
    fit = eos.fit_eos(load_mgo(), thermal="debye", hold={})
    names = fit.status.attrs["flag_meanings"].split()
    assert names[int(fit.status)] in ("at_bound", "not_identified")
    assert "theta0" in fit.remarks.item()


def intervals(seeds) -> tuple[np.ndarray, float]:
    z, apart = [], 0.0
    for seed in seeds:
        ds = make_eos(seed=seed)
        fits = [eos.fit_eos(ds, form=form, **TRUE) for form in ("vinet", "bm3")]
        z.append(off(fits[0], ds))
        apart = max(apart, abs(float(fits[0].aic - fits[1].aic)))
    return np.array(z), apart


def test_intervals_hold_the_truth(summary):
    """A few sets of the hundred that the nightly test takes."""
    z, apart = intervals(range(12))
    assert (np.abs(z) < 1.96).mean() > 0.8
    assert np.abs(z).max() < 4.5
    assert apart < 2


@pytest.mark.nightly
def test_intervals_of_a_hundred_sets(summary):
    z, apart = intervals(range(100))
    cover = (np.abs(z) < 1.96).mean(axis=0)
    summary.append(f"eos: 95 % intervals of {NAMES} cover {cover}, AIC of BM3 and Vinet differs by {apart:.2f} at most")
    assert (cover >= 0.9).all()
    assert (cover <= 0.99).all()
    assert np.abs(z.mean(axis=0)).max() < 0.4
    assert apart < 2


def test_the_likelihood_is_that_of_all_true_values():
    """The same maximum with every true volume and temperature as a parameter of its own."""
    ds = make_eos(n_points=24, n_cold=8, seed=3)
    fit = eos.fit_eos(ds, form="vinet", **TRUE)
    p, v, t = (ds[n].values for n in ("pressure", "volume", "temperature"))
    sp, sv, st = (ds[f"{n}_stderr"].values for n in ("pressure", "volume", "temperature"))

    def residuals(x):
        values = dict(zip(NAMES, x[:4], strict=True)) | TRUE["hold"]
        equation = eos.Equation("vinet", values, thermal="tange", n_atoms=8)
        a, b = x[4:28], x[28:]
        return np.concatenate([(p - eos.pressure(equation, a, b).values) / sp, (v - a) / sv, (t - b) / st])

    start = np.concatenate([[74.7, 160.0, 4.0, 1.5], v, t])
    found = least_squares(residuals, start, x_scale=np.abs(start), method="trf")
    scale = [float(fit[f"{n}_stderr"]) for n in NAMES]
    np.testing.assert_allclose(
        [float(fit[n]) for n in NAMES] / np.array(scale), found.x[:4] / np.array(scale), atol=0.15
    )
    assert float(fit.chi2) == pytest.approx(2 * found.cost, rel=0.02)


def test_energies_give_what_ase_finds():
    ase_names = {"bm3": "birchmurnaghan", "vinet": "vinet", "murnaghan": "murnaghan"}
    volumes = np.linspace(60.0, 80.0, 11)
    truth = eos.Equation("bm4", {"v0": 70.0, "k0": 150.0, "k0_prime": 4.5, "k0_double_prime": -0.04})
    energies = eos.evaluate(truth, volume=volumes).energy.values.ravel() - 12.0
    for form, name in ase_names.items():
        fit = eos.fit_eos(eos.label_points(volumes, energy=energies), form=form)
        other = EquationOfState(volumes, energies, eos=name)
        v0, e0, b = other.fit(warn=False)
        assert float(fit.v0) == pytest.approx(v0, rel=1e-5)
        assert float(fit.e0) == pytest.approx(e0, abs=1e-6)
        assert float(fit.k0) == pytest.approx(b / GPa, rel=1e-4)
        assert float(fit.k0_prime) == pytest.approx(other.eos_parameters[2], rel=1e-3)
    exact = eos.fit_eos(eos.label_points(volumes, energy=energies), form="bm4")
    assert float(exact.k0) == pytest.approx(150.0, rel=1e-6)
    assert float(exact.k0_double_prime) == pytest.approx(-0.04, rel=1e-4)


def test_units_do_not_matter():
    ds = make_eos(seed=1)
    molar = ds.copy()
    for name in ("volume", "volume_stderr"):
        molar[name] = ds[name] * 0.602214076 / 4
        molar[name].attrs = {"units": "cm**3/mol"}
    for name in ("pressure", "pressure_stderr"):
        molar[name] = ds[name] * 10
        molar[name].attrs = {"units": "kbar"}
    molar.attrs |= {"n_atoms": 2, "molar_mass": 40.304}
    a, b = (eos.fit_eos(x, form="vinet", **TRUE) for x in (ds, molar))
    assert b.v0.attrs["units"] == "cm**3/mol"
    assert float(b.v0) == pytest.approx(float(a.v0) * 0.602214076 / 4, rel=1e-7)
    assert float(b.v0_stderr) == pytest.approx(float(a.v0_stderr) * 0.602214076 / 4, rel=1e-4)
    for name in ("k0", "k0_stderr", "gamma0", "chi2"):
        assert float(a[name]) == pytest.approx(float(b[name]), rel=1e-5)
    np.testing.assert_allclose(a.correlation, b.correlation, atol=1e-5)
    at = [eos.evaluate(f, pressure=[20.0], temperature=1500.0).density.item() for f in (a, b)]
    assert at[0] == pytest.approx(at[1], rel=1e-6)


def test_without_errors_the_noise_is_found():
    rng = np.random.default_rng(0)
    truth = eos.Equation("vinet", {"v0": 74.7, "k0": 160.0, "k0_prime": 4.4})
    v = np.linspace(60.0, 75.0, 60)
    p = eos.pressure(truth, v).values + 0.3 * rng.standard_normal(60)
    fit = eos.fit_eos(eos.label_points(v, pressure=p), form="vinet")
    known = eos.fit_eos(eos.label_points(v, pressure=p, pressure_stderr=0.3), form="vinet")
    assert float(fit.sigma[0]) == pytest.approx(0.3, rel=0.25)
    assert float(fit.k0) == pytest.approx(float(known.k0), rel=1e-6)
    assert float(fit.k0_stderr / known.k0_stderr) == pytest.approx(float(fit.sigma[0]) / 0.3, rel=1e-3)
    assert int(fit.n_parameters) == int(known.n_parameters) + 1


def test_a_shared_error_of_the_pressures_widens_k0_and_nothing_hides_it():
    ds = make_eos(scale_error=0.05, seed=5)
    plain, wide = (eos.fit_eos(ds, form="vinet", pressure_scale=s, **TRUE) for s in (0.0, 0.05))
    assert float(wide.k0_stderr) > 1.4 * float(plain.k0_stderr)
    assert abs(off(wide, ds, ("k0",))[0]) < 3
    assert float(wide.pressure_scale_stderr) <= 0.0501
    assert int(wide.n_parameters) == int(plain.n_parameters)


def test_priors_and_bounds():
    ds = load_mgo()
    free = eos.fit_eos(ds, **POWER)
    tight = eos.fit_eos(ds, priors={"k0_prime": (4.2, 0.01)}, **POWER)
    assert float(tight.k0_prime) == pytest.approx(4.2, abs=0.01)
    assert float(tight.k0_stderr) < 0.5 * float(free.k0_stderr)
    bound = eos.fit_eos(ds, bounds={"k0": (100.0, 150.0)}, **POWER)
    assert float(bound.k0) == 150.0
    assert "at_bound" in bound.status.attrs["flag_meanings"].split()[int(bound.status)]
    assert np.isnan(float(bound.k0_stderr))  # where a bound was set says nothing of the data
    assert np.isfinite(float(bound.v0_stderr))
    curve = eos.evaluate(bound, volume=[65.0])
    assert np.isfinite(curve.pressure_stderr).all()


def test_points_with_nan_are_left_out_and_the_input_stays():
    ds = load_mgo()
    ds.pressure.values[[0, 7]] = np.nan
    before = ds.copy(deep=True)
    fit = eos.fit_eos(ds, **POWER)
    xr.testing.assert_identical(ds, before)
    assert np.isnan(fit.residual.values[[0, 7]]).all()
    assert int(np.isfinite(fit.residual).sum()) == 59
    other = eos.fit_eos(before.isel(point=[i for i in range(61) if i not in (0, 7)]), **POWER)
    assert float(fit.k0) == pytest.approx(float(other.k0))


def test_results_keep_their_units_in_a_file(tmp_path):
    fit = eos.fit_eos(load_mgo(), form="bm2", **POWER)
    assert fit.k0.attrs["units"] == "GPa"
    assert all(v.attrs["long_name"] and v.attrs["units"] for v in fit.data_vars.values())
    assert fit.attrs["source"].startswith("Dewaele")
    assert np.isnan(fit.theta0_stderr)
    assert fit.theta0.attrs["held"] == 1
    write_netcdf(fit, tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc"), fit)
