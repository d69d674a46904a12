"""Parameters shared over the map, correlations, and expectation maximisation as a method of fit_peaks."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

from mi_widgets import datasets, peaks
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks._engines import _numpy
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._problem import Problem


@pytest.fixture(scope="module")
def common() -> xr.Dataset:
    """Two overlapping lines whose Lorentzian fraction is the same everywhere."""
    return datasets.make_spectral_map(preset="overlap", shape=(12, 12), counts=200, seed=8)


def test_a_shared_parameter_is_one_number_and_the_others_gain_by_it(common: xr.Dataset) -> None:
    alone = peaks.fit_peaks(common.spectra, n_peaks=2)
    shared = peaks.fit_peaks(common.spectra, n_peaks=2, shared=["fraction"])
    assert np.ptp(shared.fraction.values, axis=(0, 1)).max() == 0
    assert int((shared.status > 1).sum()) == 0
    # known once for all: its error falls as from 144 spectra, and so do those of what it is correlated with
    ratio = (shared.fraction_stderr / alone.fraction_stderr).median()
    assert 0.04 < float(ratio) < 0.16  # 1 / sqrt(144) = 0.083
    assert float((shared.amplitude_stderr / alone.amplitude_stderr).median()) < 0.99
    assert int(shared.dof[0, 0]) == int(alone.dof[0, 0]) + 2
    for fit in (alone, shared):
        error = (fit.amplitude - common.true_amplitude) / fit.amplitude_stderr
        assert 0.8 < float(np.sqrt((error**2).mean())) < 1.25


@pytest.mark.parametrize("likelihood", ["poisson", "gaussian"])
def test_the_shared_value_is_the_maximum_of_the_joint_likelihood(likelihood: str) -> None:
    ds = datasets.make_spectral_map(lineshape="gaussian", shape=(1, 3), counts=300, seed=2, n_channels=60)
    options = {"lineshape": "gaussian", "background": "constant", "n_peaks": 2, "likelihood": likelihood}
    if likelihood == "gaussian":
        options["noise"] = 12.0
    fit = peaks.fit_peaks(ds.spectra, shared=["p0_sigma"], **options)
    model, y = Model.of("gaussian", 2, "constant"), ds.spectra.values.reshape(3, -1).astype(float)
    free = np.full(model.n_parameters, np.inf)
    problem = Problem(ds.energy.values, model, -free, free, likelihood == "poisson")

    def cost(q: np.ndarray) -> float:
        p = np.insert(q[1:].reshape(3, -1), 2, q[0], axis=1)
        f = _numpy.model(problem, problem.axis, p)
        return float((f - y * np.log(f)).sum() if likelihood == "poisson" else ((y - f) ** 2).sum() / 2 / 144)

    names = ["amplitude", "center", "sigma"]
    rows = np.stack([fit[n].values.reshape(3, 2) for n in names], axis=2).reshape(3, 6)
    rows = np.concatenate([rows, fit.background_level.values.reshape(3, 1)], axis=1)
    start = np.concatenate([rows[:1, 2], np.delete(rows, 2, axis=1).ravel()])
    best = minimize(cost, start * 1.001, method="BFGS", options={"gtol": 1e-7})
    assert cost(start) <= best.fun + 2e-3
    assert fit.sigma.values[0, 0, 0] == pytest.approx(best.x[0], abs=0.05 * float(fit.sigma_stderr[0, 0, 0]))
    # its standard error is that of the joint information: the curvature of the profile
    h = float(fit.sigma_stderr[0, 0, 0])
    profile = [
        minimize(lambda r, s=s: cost(np.concatenate([[s], r])), best.x[1:], method="BFGS").fun
        for s in (best.x[0] - h, best.x[0] + h)
    ]
    assert np.mean(profile) - best.fun == pytest.approx(0.5, rel=0.1)


def test_shared_with_ties(common: xr.Dataset) -> None:
    fit = peaks.fit_peaks(common.spectra, n_peaks=2, ties={"fraction": "equal"}, shared=["fraction"])
    assert np.ptp(fit.fraction.values) == 0


def test_wrong_shares_are_refused(common: xr.Dataset) -> None:
    few = common.spectra[:2, :2]
    with pytest.raises(ParameterError, match="shared must list"):
        peaks.fit_peaks(few, n_peaks=2, shared=["gamma"])
    with pytest.raises(ParameterError, match="shared must list"):
        peaks.fit_peaks(few, n_peaks=2, shared="fraction")
    with pytest.raises(ParameterError, match="follows another"):
        peaks.fit_peaks(few, n_peaks=2, ties={"p1_sigma": "p0_sigma"}, shared=["p1_sigma"])
    with pytest.raises(ParameterError, match="nothing is left"):
        peaks.fit_peaks(few, lineshape="gaussian", background="none", shared=["amplitude", "center", "sigma"])


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_correlations_are_those_of_lmfit(common: xr.Dataset, engine: str) -> None:
    fit = peaks.fit_peaks(common.spectra[:2, :2], n_peaks=2, correlations=True, engine=engine)
    matrix = fit.correlation.sel(y=fit.y[0], x=fit.x[0])
    np.testing.assert_allclose(np.diag(matrix), 1, rtol=1e-12)
    np.testing.assert_allclose(matrix, matrix.transpose("parameter_2", "parameter").values, atol=1e-12)
    peer = peaks.to_lmfit(fit, common.spectra, y=float(fit.y[0]), x=float(fit.x[0]))
    theirs = peer.params["p0_center"].correl["p1_center"]
    assert float(matrix.sel(parameter="p0_center", parameter_2="p1_center")) == pytest.approx(theirs, abs=0.05)


def test_what_is_held_correlates_with_nothing(common: xr.Dataset) -> None:
    fit = peaks.fit_peaks(common.spectra[:2, :2], n_peaks=2, correlations=True, ties={"p0_fraction": 0.3})
    assert np.isnan(fit.correlation.sel(parameter="p0_fraction")).all()


@pytest.mark.parametrize("lineshape", ["gaussian", "lorentzian", "pseudo-voigt"])
def test_em_ends_where_newton_does(lineshape: str) -> None:
    ds = datasets.make_spectral_map(preset="overlap", lineshape=lineshape, shape=(5, 5), counts=1000, seed=9)
    em = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape=lineshape, method="em")
    lm = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape=lineshape)
    assert int((em.status > 1).sum()) == 0
    assert float((em.deviance - lm.deviance).max()) < 0.3
    for name in ("center", "amplitude"):
        assert float(np.sqrt((((em[name] - lm[name]) / lm[f"{name}_stderr"]) ** 2).mean())) < 0.2, name
    np.testing.assert_allclose(em.center_stderr, lm.center_stderr, rtol=0.1)


def test_em_leaves_gaps_out() -> None:
    ds = datasets.make_spectral_map(preset="separated", lineshape="gaussian", shape=(4, 4), counts=1000, seed=3)
    low = float(ds.true_center.min()) - 0.05
    gaps = ds.spectra.where((ds.energy < low) | (ds.energy > low + 0.4))
    em = peaks.fit_peaks(gaps, n_peaks=2, lineshape="gaussian", method="em")
    lm = peaks.fit_peaks(gaps, n_peaks=2, lineshape="gaussian")
    assert float((abs(em.amplitude - lm.amplitude) / lm.amplitude_stderr).max()) < 0.1


def test_em_says_what_it_cannot_do(common: xr.Dataset) -> None:
    for options, text in (
        ({"lineshape": "voigt"}, "closed steps"),
        ({"likelihood": "gaussian"}, "for counts"),
        ({"ties": {"sigma": "equal"}, "n_peaks": 2}, "no ties"),
        ({"method": "simplex"}, "unknown method"),
    ):
        with pytest.raises(ParameterError, match=text):
            peaks.fit_peaks(common.spectra[:2, :2], **{"method": "em", **options})


def gaussian(energy: np.ndarray, area: float, center: float, sigma: float) -> np.ndarray:
    return area / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((energy - center) / sigma) ** 2)


ENERGY = np.linspace(280.0, 290.0, 161)


def counts_of(curves: np.ndarray) -> xr.DataArray:
    return label_spectra(np.random.default_rng(3).poisson(curves), ENERGY)


def test_em_ends_there_at_few_counts_of_background_too() -> None:
    """A step onto zero would hold a component there for ever."""
    da = counts_of(np.stack([gaussian(ENERGY, 3000, 284, 0.5) + gaussian(ENERGY, 2000, 286, 0.6) + 1] * 40))
    options = {"n_peaks": 2, "lineshape": "gaussian"}
    em, lm = peaks.fit_peaks(da, method="em", **options), peaks.fit_peaks(da, **options)
    assert float((em.deviance - lm.deviance).max()) < 0.05


def test_em_needs_an_even_axis() -> None:
    da = counts_of(np.stack([gaussian(ENERGY, 3000, 284, 0.5) + 10]))
    uneven = da.isel(energy=np.r_[0:80, 80:161:3])
    with pytest.raises(ParameterError, match="even axis"):
        peaks.fit_peaks(uneven, method="em")


def test_shared_parameters_keep_the_bounds_of_what_follows_them() -> None:
    da = counts_of(np.stack([gaussian(ENERGY, 2000, 284, 0.5) + gaussian(ENERGY, 1000, 286.5, 0.9) + 20] * 4))
    fit = peaks.fit_peaks(
        da,
        n_peaks=2,
        lineshape="gaussian",
        background="constant",
        ties={"p1_sigma": "1.8 * p0_sigma"},
        bounds={"p1_sigma": (0.1, 0.8)},
        shared=["p0_sigma"],
    )
    assert float(fit.sigma.max()) <= 0.8 + 1e-12


def test_shared_widths_belong_to_lines_that_cross() -> None:
    shift = np.linspace(-0.9, 0.9, 9)
    da = counts_of(
        np.stack([gaussian(ENERGY, 3000, 285 + s, 0.35) + gaussian(ENERGY, 1500, 285 - s, 0.9) + 20 for s in shift])
    )
    fit = peaks.fit_peaks(da, n_peaks=2, lineshape="gaussian", background="constant", shared=["sigma"])
    np.testing.assert_allclose(np.sort(fit.sigma[0]), [0.35, 0.9], rtol=0.02)
    assert float(fit.reduced_deviance.max()) < 1.4
    narrow = int(np.argmin(fit.sigma.values[0]))
    np.testing.assert_allclose(fit.center[:, narrow], 285 + shift, atol=0.05)


def test_what_stands_on_a_bound_is_not_certain_beside_shared_parameters() -> None:
    da = counts_of(np.stack([gaussian(ENERGY, 2000, 284, 0.5) + 20] * 5))
    shared = peaks.fit_peaks(da, background="constant", shared=["sigma"])
    alone = peaks.fit_peaks(da, background="constant")
    ratio = shared.fraction_stderr / alone.fraction_stderr
    assert float(ratio.min()) > 0.6
    assert float(ratio.max()) < 1.05


def test_a_shared_value_has_one_error_where_the_noise_is_unknown() -> None:
    noise = np.array([1, 1, 1, 5, 5, 5.0])[:, None] * np.random.default_rng(1).normal(0, 1, (6, ENERGY.size))
    da = label_spectra(np.stack([gaussian(ENERGY, 200, 285, 0.5) + 20] * 6) + noise, ENERGY)
    fit = peaks.fit_peaks(da, lineshape="gaussian", likelihood="gaussian", shared=["sigma"])
    errors = fit.sigma_stderr.values[:, 0]
    np.testing.assert_allclose(errors, errors[0], rtol=1e-9)
    quiet = peaks.fit_peaks(da[:3], lineshape="gaussian", likelihood="gaussian", shared=["sigma"])
    assert errors[0] == pytest.approx(float(quiet.sigma_stderr[0, 0]), rel=0.3), "the quiet spectra decide"
