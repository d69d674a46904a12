"""Curves of a fit, and the way to lmfit."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import LabelError, ParameterError


def test_parts_add_up(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    curves = peaks.evaluate(overlap_fit, overlap.spectra)
    xr.testing.assert_allclose(curves.components.sum("peak") + curves.background, curves.best_fit)
    np.testing.assert_allclose(curves.residual, overlap.spectra - curves.best_fit)
    assert float(curves.residual_normalized.std()) == pytest.approx(1, abs=0.02)
    deviation = (curves.best_fit - overlap.expected) / np.sqrt(overlap.expected)
    assert float(np.sqrt((deviation**2).mean())) < 0.2  # ten parameters of 400 channels: sqrt(10/400)
    assert curves.best_fit.attrs["units"] == "count"


def test_one_pixel_on_a_fine_axis(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    fine = xr.DataArray(
        np.linspace(float(overlap.energy[0]), float(overlap.energy[-1]), 2000), dims="energy", name="energy"
    )
    fine = fine.assign_coords(energy=fine)
    fine.energy.attrs["units"] = "eV"
    one = peaks.evaluate(overlap_fit.isel(y=3, x=4), fine.energy)
    assert one.best_fit.shape == (2000,)
    area = (one.components.isel(peak=0)).integrate("energy")
    lorentz_tails = 0.08 * float(overlap_fit.amplitude[3, 4, 0])
    assert 0 < float(overlap_fit.amplitude[3, 4, 0]) - float(area) < lorentz_tails
    top = float(one.components.isel(peak=1).max())
    assert top == pytest.approx(float(overlap_fit.height[3, 4, 1]), rel=1e-4)


def test_failed_pixels_stay_empty(overlap: xr.Dataset) -> None:
    data = overlap.spectra[:2, :3].copy(deep=True)
    data[0, 0] = np.nan
    fit = peaks.fit_peaks(data, n_peaks=2)
    curves = peaks.evaluate(fit, data)
    assert np.isnan(curves.best_fit[0, 0]).all()
    assert np.isfinite(curves.best_fit[1, 1]).all()
    with pytest.raises(ParameterError, match="has no fit"):
        peaks.to_lmfit(fit, data, y=data.y[0], x=data.x[0])


def test_residuals_of_other_spectra_are_refused(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="other labels along 'y'"):
        peaks.evaluate(overlap_fit, overlap.spectra.isel(y=slice(None, None, -1)))
    with pytest.raises(LabelError, match="other labels along 'x'"):
        peaks.evaluate(overlap_fit.isel(x=slice(0, 3)), overlap.spectra.isel(x=slice(3, 6)))


def test_residuals_of_counts_with_a_gain(overlap: xr.Dataset) -> None:
    data = overlap.spectra[:8, :8] * 7.0
    fit = peaks.fit_peaks(data.assign_attrs(overlap.spectra.attrs), n_peaks=2, noise="auto")
    assert float(peaks.evaluate(fit, data).residual_normalized.std()) == pytest.approx(1, abs=0.08)


def test_what_is_no_fit_is_refused(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="no result of fit_peaks"):
        peaks.evaluate(overlap, overlap.spectra)
    with pytest.raises(LabelError, match="'center' is missing"):
        peaks.evaluate(overlap_fit.drop_vars("center"), overlap.spectra)
    with pytest.raises(LabelError, match="the fit is over 'energy'"):
        peaks.evaluate(overlap_fit, overlap.y)
    with pytest.raises(ParameterError, match="label for each"):
        peaks.to_lmfit(overlap_fit, overlap.spectra, y=0.0)


def test_lmfit_goes_on_from_our_fit(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    result = peaks.to_lmfit(overlap_fit, overlap.spectra, y=overlap.y[2], x=overlap.x[3])
    assert result.success
    assert result.nfev < 40  # started at the optimum
    assert result.params["background_slope"].value == pytest.approx(
        float(overlap_fit.background_right[2, 3] - overlap_fit.background_left[2, 3])
        / float(overlap.energy[-1] - overlap.energy[0]),
        abs=3 * result.params["background_slope"].stderr,
    )
    assert "p0_center" in result.fit_report()


@pytest.mark.parametrize(
    ("lineshape", "background"),
    [
        ("asymmetric-pseudo-voigt", "linear"),
        ("doniach", "constant"),
        ("doniach", "tougaard"),
        ("gaussian", "tougaard-u3"),
    ],
)
def test_functions_of_ours_go_to_lmfit(lineshape: str, background: str) -> None:
    ds = datasets.make_spectral_map(
        preset="separated", shape=(2, 2), counts=3e4, lineshape=lineshape, n_channels=160,
        background="linear" if background in ("linear", "constant") else background,
    )  # fmt: skip
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, lineshape=lineshape, background=background)
    result = peaks.to_lmfit(fit, ds.spectra, y=ds.y[0], x=ds.x[1])
    one = fit.isel(y=0, x=1)
    for name in ("amplitude", "center", "sigma", *(("gamma", "gaussian_sigma") if lineshape == "doniach" else ())):
        theirs = result.params[f"p1_{name}"]
        assert abs(float(one[name][1]) - theirs.value) < 0.2 * theirs.stderr, name
        assert float(one[f"{name}_stderr"][1]) == pytest.approx(theirs.stderr, rel=0.1), name
    if background.startswith("tougaard"):
        assert not result.params["background_c"].vary
        assert result.params["background_b"].stderr == pytest.approx(float(one.background_b_stderr), rel=0.1)


@pytest.mark.parametrize("background", ["shirley", "tougaard", "tougaard-u3"])
def test_curves_are_what_was_fitted(background: str) -> None:
    """On the axis of the data, whichever way it runs, and on a part of it."""
    ds = datasets.make_spectral_map(preset="separated", shape=(2, 2), counts=3e4, background=background, n_channels=160)
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, background=background)
    best = peaks.evaluate(fit, ds.spectra).best_fit
    y = ds.spectra.values
    deviance = 2 * (best - y + y * np.log(y / best)).sum("energy")
    np.testing.assert_allclose(deviance, fit.deviance, rtol=1e-6)
    turned = peaks.evaluate(fit, ds.spectra[..., ::-1]).best_fit.sortby("energy")
    np.testing.assert_allclose(turned, best, rtol=1e-12)
    part = peaks.evaluate(fit, ds.energy[60:110]).best_fit
    np.testing.assert_allclose(part, best[..., 60:110], rtol=5e-3)


@pytest.mark.parametrize("noise", [20.0, "poisson", "auto"])
def test_residuals_are_in_units_of_the_noise_that_was_given(noise: float | str) -> None:
    """A wrong model shows: its residuals are more than one, as they would not be in units of their own spread."""
    ds = datasets.make_spectral_map(preset="separated", shape=(4, 4), counts=2000, seed=4)
    wrong = peaks.fit_peaks(ds.spectra, n_peaks=1, likelihood="gaussian", noise=noise)
    right = peaks.fit_peaks(ds.spectra, n_peaks=2, likelihood="gaussian", noise=noise)
    assert float(peaks.evaluate(wrong, ds.spectra).residual_normalized.std()) > 3
    spread = peaks.evaluate(right, ds.spectra).residual_normalized.std(("y", "x", "energy"))
    expected = {"poisson": 1.0, "auto": 1.0}.get(noise)
    if expected is None:
        expected = float(np.sqrt(ds.spectra.mean())) / noise
    assert float(spread) == pytest.approx(expected, rel=0.05)
