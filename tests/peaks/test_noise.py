"""Noise read off the data, cosmic rays and masks."""

import contextlib

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks._spikes import find_spikes


@pytest.fixture(scope="module")
def truth() -> xr.Dataset:
    return datasets.make_spectral_map(preset="separated", shape=(16, 16), counts=600, seed=21)


def with_noise(truth: xr.Dataset, gain: float, read: float) -> xr.DataArray:
    rng = np.random.default_rng(0)
    mean = gain * rng.poisson(truth.expected / gain) if gain else truth.expected.values
    values = mean + rng.normal(0, max(read, 1e-12), truth.expected.shape)
    return truth.expected.copy(data=values)


@pytest.mark.parametrize(("gain", "read"), [(1.0, 0.0), (20.0, 0.0), (0.05, 0.0), (3.0, 15.0), (0.0, 8.0)])
def test_gain_and_read_noise_are_found(truth: xr.Dataset, gain: float, read: float) -> None:
    da = (
        with_noise(truth, gain, read)
        if gain
        else (truth.expected + np.random.default_rng(1).normal(0, read, truth.expected.shape))
    )
    da.attrs = truth.expected.attrs
    fit = peaks.fit_peaks(da, n_peaks=2, likelihood="gaussian", noise="auto")
    assert fit.attrs["noise_gain"] == pytest.approx(gain, rel=0.08, abs=0.02)
    assert fit.attrs["noise_read"] == pytest.approx(read, rel=0.08, abs=1.0 + np.sqrt(gain))
    assert float(fit.reduced_deviance.mean()) == pytest.approx(1, abs=0.08)
    z = np.abs(fit.center - truth.true_center) / fit.center_stderr
    assert 0.62 < float((z < 1).mean()) < 0.76


def test_noise_that_does_not_grow_is_not_that_of_counts(truth: xr.Dataset) -> None:
    spread = np.where(truth.expected > truth.expected.median(), 3.0, 9.0)  # less where there is more
    noise = spread * np.random.default_rng(2).normal(size=spread.shape)
    with pytest.raises(DataError, match="likelihood='gaussian'"):
        peaks.fit_peaks(truth.expected + 100 + noise, n_peaks=2, noise="auto")


def test_channels_that_counted_nothing_are_not_certain() -> None:
    energy = np.linspace(-5, 5, 200)
    counts = np.random.default_rng(0).poisson(0.05 + 5 * np.exp(-(energy**2)), (6, 5, 200))
    da = xr.DataArray(counts, dims=("y", "x", "energy"), coords={"energy": ("energy", energy, {"units": "eV"})})
    auto = peaks.fit_peaks(da, n_peaks=1, likelihood="gaussian", noise="auto")
    counted = peaks.fit_peaks(da, n_peaks=1)
    assert float(np.abs(auto.center).max()) < 0.4
    assert 0.7 < float((auto.center_stderr / counted.center_stderr).median()) < 1.6
    assert np.isfinite(auto.center_stderr).all()


def test_labels_of_masks_and_noise_are_those_of_the_data(truth: xr.Dataset) -> None:
    da = truth.spectra
    low = xr.DataArray(da.energy.values < float(da.energy[40]), dims="energy", coords={"energy": da.energy.values})
    for mask in (low, low & (da.y == da.y[0])):
        assert int(peaks.fit_peaks(da, n_peaks=2, mask=mask).dof[0, 0]) == da.sizes["energy"] - 40 - 10
        with pytest.raises(LabelError, match="mask has other labels along 'energy'"):
            peaks.fit_peaks(da, n_peaks=2, mask=mask.isel(energy=slice(None, None, -1)))
    with pytest.raises(LabelError, match="mask has other labels along 'y'"):
        peaks.fit_peaks(da, n_peaks=2, mask=(low & (da.y == da.y[0])).isel(y=slice(None, None, -1)))
    single = low.assign_coords(energy=low.energy.astype(np.float32))
    xr.testing.assert_identical(
        peaks.fit_peaks(da, n_peaks=2, mask=single), peaks.fit_peaks(da, n_peaks=2, mask=low.drop_vars("energy"))
    )
    sigma = xr.ones_like(da.isel(x=0, drop=True)) * 3.0
    options = {"n_peaks": 2, "likelihood": "gaussian"}
    down = da.isel(energy=slice(None, None, -1))
    same = peaks.fit_peaks(down, noise=sigma.isel(energy=slice(None, None, -1)), **options)
    np.testing.assert_allclose(same.center, peaks.fit_peaks(da, noise=sigma, **options).center, atol=1e-6)
    with pytest.raises(LabelError, match="noise has other labels along 'energy'"):
        peaks.fit_peaks(down, noise=sigma, **options)
    with pytest.raises(LabelError, match="noise has other labels along 'y'"):
        peaks.fit_peaks(da, noise=sigma.assign_coords(y=sigma.y + 100), **options)


@pytest.mark.parametrize("gain", [20.0, 0.05])
def test_counts_of_a_detector_with_gain(truth: xr.Dataset, gain: float) -> None:
    da = with_noise(truth, gain, 0.0).clip(min=0)
    da.attrs = truth.expected.attrs
    with pytest.warns(MIWidgetsWarning, match="noise='auto'") if gain < 1 else contextlib.nullcontext():
        blind = peaks.fit_peaks(da, n_peaks=2)
    fit = peaks.fit_peaks(da, n_peaks=2, noise="auto")
    assert float(blind.reduced_deviance.mean()) == pytest.approx(gain, rel=0.1)
    assert float(fit.reduced_deviance.mean()) == pytest.approx(1, abs=0.1)
    np.testing.assert_allclose(fit.center, blind.center, atol=1e-6)
    ratio = float((fit.center_stderr / blind.center_stderr).mean())
    assert ratio == pytest.approx(np.sqrt(gain), rel=0.05)
    z = np.abs(fit.center - truth.true_center) / fit.center_stderr
    assert 0.62 < float((z < 1).mean()) < 0.76


def test_weights_from_the_data_do_not_bias(truth: xr.Dataset) -> None:
    da = with_noise(truth, 3.0, 5.0)
    da.attrs = truth.expected.attrs
    fit = peaks.fit_peaks(da, n_peaks=2, likelihood="gaussian", noise="auto")
    assert float(fit.amplitude.sum() / truth.true_amplitude.sum()) == pytest.approx(1, abs=0.01)


def test_cosmic_rays_are_left_out(truth: xr.Dataset) -> None:
    da = truth.spectra.copy(deep=True)
    rng = np.random.default_rng(2)
    rows = rng.choice(256, 60, replace=False)
    for row in rows:
        da[row // 16, row % 16, int(rng.integers(20, 380))] += 3000
    clean, hit, kept = (
        peaks.fit_peaks(d, n_peaks=2, robust=r) for d, r in ((truth.spectra, False), (da, False), (da, True))
    )
    touched = np.zeros((16, 16), dtype=bool)
    touched.ravel()[rows] = True
    off = [np.abs((f.center - clean.center) / clean.center_stderr).max("peak").values for f in (hit, kept)]
    assert np.median(off[0][touched]) > 1
    assert off[1][touched].max() < 1.5
    np.testing.assert_allclose(kept.center.values[~touched], clean.center.values[~touched], atol=0.02)
    assert (kept.dof.values[touched] < clean.dof.values[touched]).all()


def test_lines_are_no_cosmic_rays() -> None:
    rng = np.random.default_rng(3)
    x = np.arange(200.0)
    for width in (4.0, 8.0, 30.0):
        line = 5000 * np.exp(-4 * np.log(2) * ((x - 100.3) / width) ** 2)
        assert not find_spikes(rng.poisson(line + 50, (200, 200)).astype(float)).any()
    empty = rng.normal(0, 3, (200, 200))
    assert find_spikes(empty).mean() < 1e-4
    empty[:, 77] += 100
    assert find_spikes(empty)[:, 77].all()


def test_masked_channels_do_not_count(truth: xr.Dataset) -> None:
    da = truth.spectra[:4, :4].copy(deep=True)
    inside = (da.energy > 288.5) & (da.energy < 289.5)
    da.loc[{"energy": inside}] += 4000
    fit = peaks.fit_peaks(da, n_peaks=2, mask=inside)
    clean = peaks.fit_peaks(truth.spectra[:4, :4], n_peaks=2)
    assert (np.abs(fit.center - clean.center) < 2 * clean.center_stderr).all()
    assert (fit.dof == clean.dof - int(inside.sum())).all()
    one = xr.zeros_like(da, dtype=bool)
    one[1, 2] = inside.values
    local = peaks.fit_peaks(da[..., ::-1], n_peaks=2, mask=one[..., ::-1])
    assert int(local.dof[1, 2]) == int(local.dof[0, 0]) - int(inside.sum())


def test_bad_masks_and_noise(truth: xr.Dataset) -> None:
    da = truth.spectra[:2, :2]
    with pytest.raises(DataError, match="DataArray of bool"):
        peaks.fit_peaks(da, n_peaks=2, mask=da)
    with pytest.raises(LabelError, match="needs 'energy'"):
        peaks.fit_peaks(da, n_peaks=2, mask=da.isel(energy=0) > 3)
    with pytest.raises(ParameterError, match="'auto'"):
        peaks.fit_peaks(da, n_peaks=2, likelihood="gaussian", noise="guess")
    with pytest.raises(DataError, match="finds no noise"):
        peaks.fit_peaks(da * 0 + 3, n_peaks=2, likelihood="gaussian", noise="auto")


def test_what_is_known_of_the_detector_can_be_said() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(12, 12), counts=1000, seed=5)
    scaled = (ds.spectra * 0.25).assign_attrs(ds.spectra.attrs)
    said = peaks.fit_peaks(scaled, n_peaks=2, noise={"gain": 0.25})
    found = peaks.fit_peaks(scaled, n_peaks=2, noise="auto")
    assert said.attrs["noise_gain"] == 0.25
    assert found.attrs["noise_gain"] == pytest.approx(0.25, rel=0.05)
    np.testing.assert_allclose(said.center_stderr, found.center_stderr, rtol=0.05)
    one = peaks.fit_peaks(scaled[0, 0], n_peaks=2, noise={"gain": 0.25})
    np.testing.assert_allclose(one.center_stderr, said.center_stderr[0, 0], rtol=1e-3)
    gaussian = peaks.fit_peaks(scaled, n_peaks=2, likelihood="gaussian", noise={"gain": 0.25, "read": 0.5})
    assert float(gaussian.reduced_deviance.mean()) == pytest.approx(1, abs=0.05)
    for wrong in ({"gain": 0}, {"read": 3.0}, {"gain": 1, "dark": 2}, {"gain": "high"}):
        with pytest.raises(ParameterError, match="must have a gain"):
            peaks.fit_peaks(scaled, n_peaks=2, noise=wrong)


def test_one_spectrum_whose_noise_is_even_has_no_gain() -> None:
    rng = np.random.default_rng(0)
    x = np.linspace(0.0, 10.0, 80)
    da = label_spectra(1000 + 500 * np.exp(-((x - 5) ** 2)) + rng.normal(0, 3, x.size), x)
    fit = peaks.fit_peaks(da, likelihood="gaussian", noise="auto")
    assert 1.5 < float(fit.attrs["noise_read"]) + float(fit.attrs["noise_gain"]) * 1000 < 6**2
    assert np.isfinite(fit.center_stderr).all()
    assert 1e-4 < float(fit.center_stderr[0]) < 0.1


def test_read_noise_that_poisson_leaves_out_is_told() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(4, 4), counts=1000, seed=5)
    with pytest.warns(MIWidgetsWarning, match="read noise"):
        peaks.fit_peaks(ds.spectra, n_peaks=2, noise={"gain": 1.0, "read": 30.0})


def test_channels_beside_a_gap_weigh_as_others_do() -> None:
    ds = datasets.make_spectral_map(preset="separated", n_peaks=1, shape=(16, 16), counts=1000, seed=6)
    middle = float(ds.true_center.mean())
    gap = ds.spectra.where(abs(ds.energy - middle) > 0.2)
    fit = peaks.fit_peaks(gap, n_peaks=1, likelihood="gaussian", noise={"gain": 1.0})
    pull = (fit.amplitude - ds.true_amplitude) / fit.amplitude_stderr
    assert 0.85 < float(pull.std()) < 1.15
