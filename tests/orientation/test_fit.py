"""Fits of mixtures against the truth, against SciPy's optimisers, and against the formula."""

import numpy as np
import pytest
import xarray as xr
from scipy import optimize, special, stats

from mi_widgets import orientation
from mi_widgets.datasets import make_orientations
from mi_widgets.errors import MIWidgetsWarning
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.orientation._em import fit_mixture, step
from mi_widgets.orientation._von_mises import concentration_of, mean_resultant


def log_likelihood(degrees, mean, kappa, weight, rest=0.0):
    """Written out with unscaled functions, as the formula stands."""
    phi = 2 * np.radians(np.asarray(degrees))
    p = np.full(phi.shape, rest / (2 * np.pi))
    for m, k, w in zip(*(np.asarray(v, dtype=float) for v in (mean, kappa, weight)), strict=True):
        p = p + w * np.exp(k * np.cos(phi - 2 * np.radians(m))) / (2 * np.pi * special.i0(k))
    return float(np.log(p).sum())


def test_concentration_inverts_the_resultant():
    kappa = np.geomspace(1e-4, 1e5, 60)
    assert concentration_of(mean_resultant(kappa), 1e9) == pytest.approx(kappa, rel=1e-4)
    assert concentration_of(np.array([0.0, 1.0]), 50.0).tolist() == [0.0, 50.0]


def test_one_component_is_scipys():
    grains = make_orientations(800, components=((1.0, 70.0, 4.0),), rounding=0, seed=3)
    fit = orientation.fit_orientation(grains.angle)
    kappa, loc, _ = stats.vonmises.fit(2 * np.radians(grains.angle.values), fscale=1)
    assert float(fit.concentration[0]) == pytest.approx(kappa, rel=1e-5)
    assert float(fit.mean_axis[0]) == pytest.approx(np.degrees(loc) / 2 % 180, abs=1e-5)
    assert float(fit.log_likelihood) == pytest.approx(
        log_likelihood(grains.angle, fit.mean_axis, fit.concentration, [1])
    )


def test_two_components_and_uniform_rest_reach_the_maximum_that_scipy_finds(two):
    fit = orientation.fit_orientation(two.angle, n_components=2, uniform=True)
    degrees = two.angle.values

    def negative(x):
        share = special.softmax(np.append(x[4:], 0.0))
        return -log_likelihood(degrees, x[:2], np.exp(x[2:4]), share[:2], share[2])

    start = np.array([60.0, 120.0, 1.6, 1.1, 2.0, 1.0])
    found = optimize.minimize(negative, start, method="Nelder-Mead", options={"maxfev": 4000, "fatol": 1e-8})
    assert float(fit.log_likelihood) >= -found.fun - 1e-3
    assert fit.status == 0


def test_truth_lies_within_the_errors_and_errors_are_the_scatter(two):
    del two
    table = []
    for seed in range(12):
        grains = make_orientations(1000, components=((0.6, 60.0, 5.0), (0.25, 130.0, 4.0)), seed=seed)
        fit = orientation.fit_orientation(grains.angle, n_components=2, uniform=True, n_starts=4, seed=seed)
        row = [
            ((fit[n] - grains[f"true_{n}"]) / fit[f"{n}_stderr"]).values
            for n in ("mean_axis", "concentration", "weight")
        ]
        rest = (fit.uniform_weight - grains.true_uniform_weight) / fit.uniform_weight_stderr
        table.append(np.append(np.concatenate(row), rest))
    z = np.array(table)
    assert (np.abs(z) < 2).mean() > 0.88
    assert 0.75 < np.sqrt(np.square(z).mean()) < 1.3  # 1 where the errors are right


def test_errors_agree_with_a_numerical_hessian(two):
    fit = orientation.fit_orientation(two.angle, n_components=2)
    x = np.concatenate([fit.mean_axis, fit.concentration, fit.weight[:1]]).astype(float)
    steps = np.array([0.1, 0.1, 0.02, 0.02, 0.004])

    def value(v):
        return -log_likelihood(two.angle.values, v[:2], v[2:4], [v[4], 1 - v[4]])

    hessian = np.empty((5, 5))
    for i in range(5):
        for j in range(5):
            a, b = np.eye(5)[i] * steps[i], np.eye(5)[j] * steps[j]
            hessian[i, j] = (value(x + a + b) - value(x + a - b) - value(x - a + b) + value(x - a - b)) / (
                4 * steps[i] * steps[j]
            )
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    ours = np.concatenate([fit.mean_axis_stderr, fit.concentration_stderr, fit.weight_stderr[:1]])
    assert ours == pytest.approx(errors, rel=0.1)


def test_likelihood_never_falls(two):
    rng = np.random.default_rng(0)
    phi, counts = np.unique(2 * np.radians(two.angle.values), return_counts=True)
    state = (rng.uniform(0, 2 * np.pi, (20, 3)), rng.uniform(0.5, 40, (20, 3)), np.full((20, 4), 0.25))
    cosine, sine, before = np.cos(phi), np.sin(phi), np.full(20, -np.inf)
    for _ in range(150):
        state, likelihood = step(cosine, sine, counts, state, 60.0)  # the cap is met by some
        assert (likelihood >= before - 1e-8).all()
        before = likelihood


def test_scaled_functions_hold_at_high_concentration():
    rng = np.random.default_rng(2)
    phi = np.concatenate([rng.normal(1.0, 0.004, 300), rng.uniform(0, 2 * np.pi, 100)]) % (2 * np.pi)
    found = fit_mixture(phi, np.ones(400), 1, True, rng, largest=1e6)
    assert found.concentration[0] == pytest.approx(1 / 0.004**2, rel=0.2)
    assert np.isfinite(found.log_likelihood)


def test_duplicated_angles_do_not_make_an_infinitely_narrow_component(angles):
    rng = np.random.default_rng(1)
    values = np.concatenate([np.full(200, 40.0), rng.integers(0, 180, 300)])
    fit = orientation.fit_orientation(angles(values), n_components=1, uniform=True)
    assert fit.attrs["title"]
    assert float(fit.rounding) == 1.0
    assert float(fit.concentration[0]) == pytest.approx(np.pi / (2 * np.radians(1.0) ** 2), rel=1e-6)
    assert "at_bound" in fit.status.attrs["flag_meanings"].split()[int(fit.status)]
    assert np.isnan(float(fit.concentration_stderr[0]))  # where the cap stands says nothing of the data
    assert np.isnan(float(fit.spread_stderr[0]))
    assert np.isfinite(float(fit.mean_axis_stderr[0]))
    with pytest.warns(MIWidgetsWarning, match="concentration at its cap"):
        chosen = orientation.select_orientation(angles(values), candidates=["uniform", "1+u"])
    assert chosen.attrs["chosen"] == "1+u"


def test_radians_weights_order_and_both_ends_do_not_matter(two, angles):
    fit = orientation.fit_orientation(two.angle, n_components=2)
    turned = angles((two.angle.values[::-1] + 180) % 360)
    values, counts = np.unique(two.angle.values, return_counts=True)
    others = [
        orientation.fit_orientation(angles(np.radians(two.angle.values), "rad"), n_components=2, rounding=1.0),
        orientation.fit_orientation(angles(values), n_components=2, weights=counts),
    ]
    with pytest.warns(UserWarning, match="folded to axes"):
        others.append(orientation.fit_orientation(turned, n_components=2))
    for other in others:
        for name in ("mean_axis", "concentration", "weight", "log_likelihood", "bic", "weight_stderr"):
            assert other[name].values == pytest.approx(fit[name].values, rel=1e-5), name


def test_mean_axes_follow_a_rotation(two, angles):
    fit = orientation.fit_orientation(two.angle, n_components=2)
    moved = orientation.fit_orientation(angles((two.angle.values + 130) % 180), n_components=2)
    assert moved.mean_axis.values == pytest.approx((fit.mean_axis.values + 130) % 180, abs=1e-3)
    assert float(moved.log_likelihood) == pytest.approx(float(fit.log_likelihood), abs=1e-5)


def test_directions_keep_their_ends(angles):
    rng = np.random.default_rng(0)
    fit = orientation.fit_orientation(angles(np.degrees(rng.vonmises(-1.0, 6.0, 900)) % 360), period=360)
    assert float(fit.mean_axis[0]) == pytest.approx(np.degrees(-1.0) + 360, abs=3)
    assert float(fit.concentration[0]) == pytest.approx(6.0, rel=0.2)


def test_density_integrates_to_one_and_is_that_of_the_formula(two):
    fit = orientation.fit_orientation(two.angle, n_components=2, uniform=True)
    curve = orientation.evaluate(fit)
    assert float(curve.density.sum()) == pytest.approx(1.0, abs=1e-9)
    at = orientation.evaluate(fit, [10.0, 75.5])
    expected = [
        log_likelihood([v], fit.mean_axis, fit.concentration, fit.weight, float(fit.uniform_weight))
        for v in (10.0, 75.5)
    ]
    assert np.log(at.density.values * 90 / np.pi) == pytest.approx(expected)
    total = at.component_density.sum("component") + at.uniform_density
    assert total.values == pytest.approx(at.density.values)


def test_members_are_the_likeliest_components(two):
    fit = orientation.fit_orientation(two.angle, n_components=2)
    right = (fit.member == two.true_component).mean()
    assert float(right) > 0.9
    assert float(fit.member_probability.min()) >= 0.5


def test_groups_are_fits_of_their_own(two):
    sample = np.where(np.arange(1577) % 3 == 0, "b", "a")
    named = two.angle.assign_coords(sample=("grain", sample))
    fit = orientation.fit_orientation(named, n_components=1, by="sample")
    alone = orientation.fit_orientation(two.angle.isel(grain=sample == "b"), n_components=1)
    assert fit.mean_axis.sel(sample="b").values == pytest.approx(alone.mean_axis.values)
    assert fit.member.dims == ("grain",)
    chosen = orientation.select_orientation(named, candidates=["1", "2"], by="sample")
    assert chosen.chosen.values.tolist() == ["2", "2"]
    statistics = orientation.axial_statistics(named, by="sample")
    assert statistics.n_grains.values.tolist() == [(sample == "a").sum(), (sample == "b").sum()]


def test_results_survive_a_file_and_leave_their_input_alone(two, tmp_path):
    before = two.copy(deep=True)
    results = {
        "fit": orientation.fit_orientation(two.angle, n_components=2),
        "select": orientation.select_orientation(
            two.angle, candidates=["uniform", "1", "2"], sampling=orientation.Sampling(n_sweeps=60, engine="numpy")
        ),
        "curve": orientation.evaluate(orientation.fit_orientation(two.angle)),
        "rose": orientation.rose(two.angle),
        "statistics": orientation.axial_statistics(two.angle),
        "data": two,
    }
    for name, result in results.items():
        write_netcdf(result, tmp_path / f"{name}.nc")
        xr.testing.assert_identical(read_netcdf(tmp_path / f"{name}.nc").load(), result)
        assert {"title", "source", "history"} <= set(result.attrs)
        for variable in result.variables:
            assert "long_name" in result[variable].attrs, (name, variable)
    xr.testing.assert_identical(two, before)


def test_statistics_against_scipy_and_simulation(two, angles):
    found = orientation.axial_statistics(two.angle)
    phi = 2 * np.radians(two.angle.values)
    assert float(found.resultant_length) == pytest.approx(1 - stats.circvar(phi))
    assert float(found.mean_axis) == pytest.approx(np.degrees(stats.circmean(phi)) / 2)
    assert float(found.rayleigh_p) < 1e-10
    rng = np.random.default_rng(0)
    tests = [orientation.axial_statistics(angles(rng.uniform(0, 180, 60))) for _ in range(300)]
    tests += [orientation.axial_statistics(angles(rng.integers(0, 36, 60) * 5.0)) for _ in range(300)]
    for name in ("rayleigh_p", "kuiper_p"):
        p = np.array([float(t[name]) for t in tests])
        assert 0.02 < (p[:300] < 0.05).mean() < 0.085, name
        assert (p[300:] < 0.05).mean() < 0.085, name  # rounding does not feign structure
    cross = angles(np.concatenate([rng.normal(30, 4, 100), rng.normal(120, 4, 100)]))
    both = orientation.axial_statistics(cross)
    assert float(both.rayleigh_p) > 0.01 > float(both.kuiper_p)


def test_rounding_is_seen_where_there_is_enough_to_see(angles):
    def seen(values):
        return float(orientation.rose(angles(values), width=180.0).rounding)

    rng = np.random.default_rng(0)
    assert seen(rng.integers(0, 36, 200) * 5) == 5.0
    assert seen([40.0, 50.0] * 20) == 10.0
    assert seen([10.0, 40.0, 70.0]) == 1.0  # multiples of 10 by chance
    assert seen(rng.integers(0, 1800, 200) / 10) == 0.1
    assert seen(rng.uniform(0, 180, 200)) == 0.0
    assert seen([0.0, 180.0, 179.9999999999, -1e-12]) == 1.0
    said = angles(rng.uniform(0, 180, 50)).assign_attrs(rounding=2.0)
    assert float(orientation.rose(said).rounding) == 2.0


def test_rose_counts_every_value_once(angles):
    found = orientation.rose(angles(np.arange(0.0, 180.0)), width=10)
    assert found.number.values.tolist() == [10.0] * 18
    assert found.angle_low.values[:2].tolist() == [-0.5, 9.5]
    assert found.sector.values[:12].tolist() == [0] * 10 + [1] * 2
    assert float((found.density * 10).sum()) == pytest.approx(1.0)


def test_stretched_lines_have_the_wrapped_cauchy_density():
    grains = make_orientations(20000, components=((1.0, 40.0, 1.0),), strain=0.8, rounding=0, seed=0)
    ratio = np.exp(1.6)
    length = abs(np.exp(2j * np.radians(grains.angle.values)).mean())
    assert length == pytest.approx((ratio - 1) / (ratio + 1), abs=0.01)  # of the wrapped Cauchy distribution
    stiff = make_orientations(20000, components=((1.0, 40.0, 1.0),), strain=0.8, aspect_ratio=2.0, rounding=0, seed=0)
    ratio = np.exp(1.6 * 3 / 5)
    assert abs(np.exp(2j * np.radians(stiff.angle.values)).mean()) == pytest.approx((ratio - 1) / (ratio + 1), abs=0.01)
