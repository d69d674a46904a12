"""Models of lmfit over maps: lmfit's numbers where our engines fit them, and lmfit itself where they cannot."""

import json
from typing import Any

import lmfit
import numpy as np
import pytest
import xarray as xr
from lmfit import models

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks.lmfit_models import batched_options, fit_by_lmfit, from_lmfit, iter_fit_by_lmfit

X = np.linspace(280.0, 290.0, 201)


def spectra_of(model: Any, params: Any, n: int = 2, noise: float = 3.0) -> xr.DataArray:
    """Noisy curves of a model, its amplitudes a little different from spectrum to spectrum."""
    rng = np.random.default_rng(0)
    params.update_constraints()
    curves = [model.eval(params, x=X) * (1 + 0.1 * i) + noise * rng.standard_normal(X.size) for i in range(n)]
    return label_spectra(np.array(curves), X)


def two(shape: str, **background: float) -> tuple[Any, Any]:
    """Two peaks on a background, with parameters near the truth of `truth_of`."""
    kind = getattr(models, shape)
    model = kind(prefix="a_") + kind(prefix="second_")
    grounds = {
        "": None,
        "c": models.ConstantModel,
        "slope": models.LinearModel,
        "b": models.QuadraticModel,
        "decay": models.ExponentialModel,
    }
    ground = grounds[next((n for n in background if n in grounds), "")]
    if ground is not None:
        model = model + ground(prefix="bg_")
    peaks_ = {"a_amplitude": 900.0, "a_center": 284.2, "a_sigma": 0.5}
    peaks_ |= {"second_amplitude": 500.0, "second_center": 286.3, "second_sigma": 0.6}
    return model, model.make_params(**peaks_, **{f"bg_{k}": v for k, v in background.items()})


def compare(model: Any, params: Any, da: xr.DataArray, rtol: float = 1e-5) -> xr.Dataset:
    """Fit in one go and by lmfit; values and standard errors of the peaks must agree."""
    options = from_lmfit(model, params, X)
    fit = peaks.fit_peaks(da, likelihood="gaussian", engine="numpy", **options)
    prefixes = [p.prefix for p in model.components if "center" in "".join(p.param_names)]
    for i in range(da.sizes["x"]):
        # derivatives by central differences: with lmfit's usual ones the errors are good to some 1e-3 only
        tight = {"ftol": 1e-14, "xtol": 1e-14, "gtol": 1e-14, "jac": "3-point", "x_scale": "jac"}
        result = model.fit(da[i].values, params, x=X, method="least_squares", fit_kws=tight)
        one = fit.isel(x=i)
        for k, prefix in enumerate(prefixes):
            for root in ("amplitude", "center", "sigma", "fraction", "gamma", "fwhm", "height"):
                if root not in one or f"{prefix}{root}" not in result.params:
                    continue
                theirs = result.params[f"{prefix}{root}"]
                loose = 1e-3 if root in ("fwhm", "height") else rtol  # lmfit writes their factors with six digits
                near = 1e-3 * (theirs.stderr or 0.0)
                np.testing.assert_allclose(float(one[root][k]), theirs.value, loose, near, err_msg=theirs.name)
                followed = params[f"{prefix}sigma"].expr and loose == 1e-3  # lmfit's errors are wrong through two steps
                if (theirs.vary or theirs.expr) and not followed:
                    error = float(one[f"{root}_stderr"][k])
                    np.testing.assert_allclose(error, theirs.stderr, rtol=3e-3 if loose == 1e-3 else 1e-3)
        np.testing.assert_allclose(float(one.deviance), result.chisqr, rtol=1e-6)
        assert int(one.dof) == result.nfree
        best = peaks.evaluate(one, da[i])["best_fit"].values
        np.testing.assert_allclose(best, result.best_fit, atol=0.02, rtol=1e-5)  # the noise is 3
    return fit


@pytest.mark.parametrize("shape", ["GaussianModel", "LorentzianModel", "PseudoVoigtModel", "VoigtModel"])
@pytest.mark.parametrize(
    "background",
    [{}, {"c": 20.0}, {"slope": 2.0, "intercept": -500.0}, {"a": 0.5, "b": -285.0, "c": 40630.0}],
    ids=["none", "constant", "linear", "quadratic"],
)
def test_same_numbers_as_lmfit(shape: str, background: dict[str, float]) -> None:
    model, params = two(shape, **background)
    truth = params.copy()
    da = spectra_of(model, truth)
    params["a_center"].value += 0.1
    params["second_amplitude"].value *= 1.2
    fit = compare(model, params, da)
    assert fit.attrs["background"] == (
        ["constant", "linear", "quadratic"][len(background) - 1] if background else "none"
    )


def test_exponential_background() -> None:
    model, params = two("GaussianModel", amplitude=80 * np.exp(280 / 6.0), decay=6.0)
    compare(model, params, spectra_of(model, params))
    params["bg_amplitude"].set(min=0)
    compare(model, params, spectra_of(model, params))


def test_held_parameters_bounds_and_expressions() -> None:
    model, params = two("PseudoVoigtModel", slope=2.0, intercept=-500.0)
    da = spectra_of(model, params)
    params["a_fraction"].set(value=0.4, vary=False)
    params["second_center"].set(expr="a_center + split")
    params.add("split", value=2.1, vary=False)
    params["second_sigma"].set(expr="1.2 * a_sigma")
    params["second_fraction"].set(value=0.6, min=0.55, max=0.8)
    params["a_amplitude"].set(min=0)
    fit = compare(model, params, da)
    assert (fit.fraction[:, 0] == 0.4).all()
    np.testing.assert_allclose(fit.center[:, 1] - fit.center[:, 0], 2.1)
    options = from_lmfit(model, params, X)
    assert options["ties"]["p0_fraction"] == 0.4
    assert options["ties"]["p1_sigma"] == "1.2 * p0_sigma"
    assert options["bounds"]["p1_fraction"] == (0.55, 0.8)
    assert options["bounds"]["p0_amplitude"] == (0, np.inf)
    assert options["start"]["center"] == [284.2, 286.3]


def test_expressions_through_helpers() -> None:
    model, params = two("GaussianModel")
    params.add("ratio", expr="0.5 + 0.05")
    params["second_amplitude"].set(expr="ratio * a_amplitude")
    params["second_sigma"].set(expr="a_fwhm / 2.0")
    compare(model, params, spectra_of(model, params))
    assert from_lmfit(model, params, X)["ties"]["p1_amplitude"] == "(0.5 + 0.05) * p0_amplitude"


@pytest.mark.parametrize("held", [["slope"], ["intercept"], ["slope", "intercept"]])
def test_held_parts_of_a_line(held: list[str]) -> None:
    model, params = two("LorentzianModel", slope=2.0, intercept=-500.0)
    for name in held:
        params[f"bg_{name}"].vary = False
    compare(model, params, spectra_of(model, params))


def test_free_gamma_and_negative_peaks() -> None:
    model, params = two("VoigtModel", c=200.0)
    params["a_gamma"].set(expr="", value=0.3, vary=True, min=0)
    params["second_amplitude"].set(value=-200.0)
    fit = compare(model, params, spectra_of(model, params, noise=1.0), rtol=2e-5)
    assert (fit.amplitude[:, 1] < 0).all()


def test_single_peak_and_order_of_the_components() -> None:
    model = models.GaussianModel(prefix="high_") + models.LorentzianModel(prefix="low_")
    params = model.make_params(high_center=287.0, low_center=283.0, high_amplitude=600.0, low_amplitude=900.0)
    da = spectra_of(model, params)
    fit = compare(model, params, da)
    assert (fit.center[:, 0] > fit.center[:, 1]).all()
    one = models.GaussianModel()
    compare(
        one, one.make_params(center=287.0, amplitude=500), spectra_of(one, one.make_params(center=287.1, amplitude=600))
    )


NONLINEAR = {
    "has no counterpart": models.StepModel() + models.GaussianModel(prefix="g_"),
    "joined by mul": models.GaussianModel() * models.ConstantModel(),
    "more than one background": models.GaussianModel() + models.ConstantModel() + models.LinearModel(prefix="l_"),
    "no peak": models.LinearModel(),
    "Model\\(doniach\\) has no counterpart": models.DoniachModel(),
}


@pytest.mark.parametrize("reason", NONLINEAR)
def test_what_cannot_be_batched_is_named(reason: str) -> None:
    model = NONLINEAR[reason]
    options, why = batched_options(model, model.make_params(), X)
    assert options is None
    with pytest.raises(ParameterError, match=reason):
        from_lmfit(model, model.make_params(), X)
    assert why


def test_parameters_that_cannot_be_batched_are_named() -> None:
    def why(change: Any, **background: float) -> str | None:
        model, params = two("GaussianModel", **background)
        change(params)
        return batched_options(model, params, X)[1]

    line = {"slope": 2.0, "intercept": -500.0}
    assert "has bounds" in str(why(lambda p: p["bg_slope"].set(min=0), **line))
    assert "follows an expression" in str(why(lambda p: p["bg_slope"].set(expr="a_sigma"), **line))
    assert "one parameter" in str(why(lambda p: p["second_sigma"].set(expr="a_sigma ** 2")))
    assert "one parameter" in str(why(lambda p: p["second_sigma"].set(expr="a_sigma + a_center")))
    assert "one parameter" in str(why(lambda p: p["second_sigma"].set(expr="sqrt(a_sigma)")))
    assert "unknown parameter 'bg_slope'" in str(why(lambda p: p["a_sigma"].set(expr="0.1 * bg_slope"), **line))
    curve = {"a": 0.5, "b": -285.0, "c": 40630.0}
    assert "only some" in str(why(lambda p: p["bg_a"].set(vary=False), **curve))
    growth = {"amplitude": 1e20, "decay": 6.0}
    assert "only one" in str(why(lambda p: p["bg_decay"].set(vary=False), **growth))
    assert "start above zero" in str(why(lambda p: p["bg_amplitude"].set(value=-1.0), **growth))
    assert "beyond all numbers" in str(why(lambda p: p["bg_decay"].set(value=0.01), **growth))


def test_wrong_objects_are_named() -> None:
    model = models.GaussianModel()
    with pytest.raises(ParameterError, match="model must be a model of lmfit"):
        from_lmfit("gaussian", None, X)
    with pytest.raises(ParameterError, match=r"params must be lmfit\.Parameters"):
        from_lmfit(model, {"center": 1.0}, X)
    with pytest.raises(ParameterError, match="params lack 'g_amplitude'"):
        from_lmfit(models.GaussianModel(prefix="g_"), model.make_params(), X)
    own = lmfit.Model(lambda x, height: height + 0 * x)
    with pytest.raises(ParameterError, match="no value to start from"):
        fit_by_lmfit(label_spectra(np.ones(5), np.arange(5.0)), model=own)


def test_fallback_gives_what_lmfit_gives() -> None:
    model = models.StepModel(prefix="s_", form="erf") + models.GaussianModel(prefix="g_")
    params = model.make_params(
        s_amplitude=100, s_center=285.0, s_sigma=0.6, g_center=284.0, g_sigma=0.4, g_amplitude=300
    )
    params["g_sigma"].set(min=0.35)
    truth = params.copy()
    truth["s_center"].value = 285.2
    da = spectra_of(model, truth, n=4).assign_coords(x=[0.0, 1.0, 2.0, 3.0])
    da[2] = np.nan
    with pytest.warns(MIWidgetsWarning, match="no counterpart.*hundreds of times slower"):
        fit = fit_by_lmfit(
            da, model=model, params=params, likelihood="gaussian", reason=batched_options(model, params, X)[1]
        )
    for i in (0, 1, 3):
        result = model.fit(da[i].values, params, x=X)
        for name in result.params:
            np.testing.assert_allclose(float(fit[name][i]), result.params[name].value, rtol=1e-5)
            np.testing.assert_allclose(float(fit[f"{name}_stderr"][i]), result.params[name].stderr, rtol=1e-3)
        np.testing.assert_allclose(float(fit.deviance[i]), result.chisqr, rtol=1e-8)
        assert int(fit.dof[i]) == result.nfree
        assert int(fit.status[i]) == 0
    assert int(fit.status[2]) == 3
    assert np.isnan(float(fit.g_center[2]))
    assert fit.g_center.attrs["units"] == "eV"
    assert fit.g_amplitude.attrs["units"] == "count * eV"
    assert fit.s_amplitude.attrs["units"] == "count"
    assert json.loads(fit.attrs["history"])["parameters"]["params"]["g_sigma"]["min"] == 0.35


def test_fallback_for_counts_is_the_poisson_likelihood() -> None:
    """The same model in our engines is the oracle."""
    ds = datasets.make_spectral_map(preset="separated", shape=(2, 3), counts=30, seed=2)
    model = models.PseudoVoigtModel(prefix="a_") + models.PseudoVoigtModel(prefix="b_") + models.LinearModel()
    params = model.make_params(a_center=283.5, b_center=286.5, a_sigma=0.45, b_sigma=0.45, a_amplitude=40,
                               b_amplitude=30, slope=0, intercept=4)  # fmt: skip
    theirs = fit_by_lmfit(ds.spectra, model=model, params=params)
    ours = peaks.fit_peaks(ds.spectra, engine="numpy", **from_lmfit(model, params, ds.energy))
    inside = ((ours.status == 0) & (theirs.status == 0)).values
    assert inside.sum() >= 3
    for k, prefix in enumerate("ab"):
        center = ours.center.isel(peak=k).values
        error = ours.center_stderr.isel(peak=k).values
        assert (np.abs(theirs[f"{prefix}_center"].values - center)[inside] < 0.02 * error[inside]).all()
        np.testing.assert_allclose(theirs[f"{prefix}_center_stderr"].values[inside], error[inside], rtol=0.15)
    np.testing.assert_allclose(theirs.deviance.values[inside], ours.deviance.values[inside], rtol=1e-4)
    np.testing.assert_allclose(theirs.bic.values[inside], ours.bic.values[inside], rtol=1e-4)
    assert theirs.sizes == {"y": 2, "x": 3}


def test_noise_and_mask_reach_lmfit() -> None:
    model, params = two("GaussianModel", c=20.0)
    da = spectra_of(model, params, n=1)[0]
    da = da.copy()
    da[50] = 1e5
    mask = xr.zeros_like(da, dtype=bool)
    mask[50] = True
    fit = fit_by_lmfit(da, model=model, params=params, likelihood="gaussian", noise=3.0, mask=mask)
    keep = ~mask.values
    result = model.fit(da.values[keep], params, x=X[keep], weights=1 / 3.0, scale_covar=False)
    for name in ("a_center", "second_amplitude", "bg_c"):
        np.testing.assert_allclose(float(fit[name]), result.params[name].value, rtol=1e-5)
        np.testing.assert_allclose(float(fit[f"{name}_stderr"]), result.params[name].stderr, rtol=1e-3)
    np.testing.assert_allclose(float(fit.deviance), result.chisqr, rtol=1e-8)
    assert fit.status.dims == ()


def test_a_model_that_fails_somewhere_does_not_stop_the_map() -> None:
    def fragile(x: np.ndarray, height: float, width: float) -> np.ndarray:
        if height > 50:
            raise ValueError("no such height")
        return height * np.exp(-x / width)

    model = lmfit.Model(fragile)
    x = np.linspace(0.0, 5.0, 40)
    rng = np.random.default_rng(0)
    da = label_spectra(np.array([[10.0], [90.0], [20.0]]) * np.exp(-x / 2) + 0.1 * rng.standard_normal((3, 40)), x)
    fit = fit_by_lmfit(da, model=model, params=model.make_params(height=12.0, width=1.5), likelihood="gaussian")
    assert fit.status.values.tolist() == [0, 2, 0]
    assert np.isnan(float(fit.height[1]))
    np.testing.assert_allclose(fit.height.values[[0, 2]], [10, 20], rtol=0.05)


def test_parts_hold_what_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mi_widgets.peaks._lmfit_map.PART_SECONDS", 0.0)
    model, params = two("GaussianModel", c=20.0)
    da = spectra_of(model, params, n=3)
    parts = list(iter_fit_by_lmfit(da, model=model, params=params, likelihood="gaussian"))
    assert [p.done for p in parts] == [1, 2, 3]
    assert parts[-1].message == "done"
    assert parts[0].result.status.values.tolist() == [0, 4, 4]
    assert np.isfinite(parts[0].result.a_center.values).tolist() == [True, False, False]
    assert [list(p.index) for p in parts] == [[0], [1], [2]]
    seen: list[int] = []
    fit_by_lmfit(da, model=model, params=params, likelihood="gaussian", progress=lambda part: seen.append(part.done))
    assert seen == [1, 2, 3]


def test_bounds_and_bad_input_of_the_fallback(tmp_path: Any) -> None:
    model, params = two("GaussianModel", c=20.0)
    da = spectra_of(model, params, n=2)
    params["a_sigma"].set(value=0.3, max=0.4)
    fit = fit_by_lmfit(da, model=model, params=params, likelihood="gaussian")
    assert (fit.status == 1).all()
    fit.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "fit.nc", engine="h5netcdf"), fit)
    with pytest.raises(DataError, match="at least 8 channels"):
        fit_by_lmfit(da[:, :5], model=model, params=params, likelihood="gaussian")
    own = lmfit.Model(lambda x, status: status + 0 * x)
    with pytest.raises(ParameterError, match="parameter 'status' has the name"):
        fit_by_lmfit(da, model=own, params=own.make_params(status=1.0), likelihood="gaussian")
    both = lmfit.Model(lambda x, z, height: height + x + z, independent_vars=["x", "z"])
    with pytest.raises(ParameterError, match="one only"):
        fit_by_lmfit(da, model=both, params=both.make_params(height=1.0), likelihood="gaussian")


# ---- through fit_peaks


def test_fit_peaks_takes_a_model_of_lmfit() -> None:
    model, params = two("PseudoVoigtModel", slope=0.0, intercept=100.0)
    da = spectra_of(model, params)
    options = {"likelihood": "gaussian", "correlations": True, "engine": "numpy"}
    fit = peaks.fit_peaks(da, model=model, params=params, **options)
    said = peaks.fit_peaks(da, **from_lmfit(model, params, X), **options)
    xr.testing.assert_equal(fit, said)
    json.loads(fit.attrs["history"], parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    lazy = peaks.fit_peaks(da.chunk({"x": 1}), model=model, params=params, **options)
    np.testing.assert_allclose(lazy.center, fit.center, rtol=1e-6)


def test_fit_peaks_leaves_to_lmfit_what_it_cannot_say() -> None:
    model = models.SkewedGaussianModel(prefix="a_") + models.ConstantModel()
    params = model.make_params(a_center=285.0, a_sigma=0.5, a_amplitude=900.0, a_gamma=0.5, c=50.0)
    da = spectra_of(model, params, n=2)
    told: list[int] = []
    with pytest.warns(MIWidgetsWarning, match="one by one"):
        fit = peaks.fit_peaks(
            da, model=model, params=params, likelihood="gaussian", progress=lambda part: told.append(part.done)
        )
    assert told[-1] == 2
    assert "a_gamma" in fit
    with pytest.raises(ParameterError, match="chunked"):
        peaks.fit_peaks(da.chunk(), model=model, params=params)
    with pytest.raises(ParameterError, match="correlations needs"):
        peaks.fit_peaks(da, model=model, params=params, correlations=True)
    with pytest.raises(ParameterError, match="smooth='spatial' needs a model"):
        peaks.fit_peaks(da, model=model, params=params, smooth="spatial")


def test_a_model_stands_alone() -> None:
    model, params = two("GaussianModel", c=10.0)
    da = spectra_of(model, params, n=1)
    for options, text in (
        ({"params": params}, "params go with a model"),
        ({"model": model, "n_peaks": 2}, "n_peaks cannot go with model"),
        ({"model": model, "bounds": {"center": (284, 286)}}, "bounds cannot go"),
        ({"model": "gaussian"}, "must be a model of lmfit"),
    ):
        with pytest.raises(ParameterError, match=text):
            peaks.fit_peaks(da, **options)


def test_limits_of_what_follows_hold() -> None:
    model, params = two("GaussianModel", c=9.0)
    params["second_sigma"].set(expr="2 * a_sigma", max=0.7)
    da = spectra_of(model, params.copy(), n=2)
    fit = peaks.fit_peaks(da, model=model, params=params, likelihood="gaussian")
    assert float(fit.sigma[:, 1].max()) <= 0.7 + 1e-12
