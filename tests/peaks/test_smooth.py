"""Maps with less noise than single spectra give: smooth ones, edges, no order at all."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.datasets._fields import smooth_field as true_field
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks._smooth import Plate, differences, smooth_field
from mi_widgets.peaks.smooth import smooth_maps


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values))))


def as_fit(values: np.ndarray, error: float | np.ndarray = 1.0, dims: tuple[str, ...] = ("y", "x")) -> xr.Dataset:
    """What a fit with known errors would give, one peak."""
    z = xr.DataArray(values[..., None], dims=(*dims, "peak"), attrs={"units": "eV", "long_name": "position"})
    return xr.Dataset({
        "center": z,
        "center_stderr": xr.full_like(z, 0.0) + np.asarray(error),
        "status": (dims, np.zeros(values.shape, dtype=np.int8)),
    })  # fmt: skip


@pytest.mark.parametrize("counts", [100, 1000])
def test_smooth_map_is_better_than_any_single_spectrum(counts: int) -> None:
    ds = datasets.make_spectral_map(preset="overlap", shape=(32, 32), counts=counts, seed=1)
    fit = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2)
    found = smooth_maps(fit)
    bound = datasets.cramer_rao_bound(ds)
    error = found.center_smooth - ds.true_center
    for k in range(2):
        assert rms((error / bound.center_stderr).values[..., k]) < 0.5
    z = np.abs(error / found.center_smooth_stderr).values
    assert 0.6 < (z < 1).mean() < 0.82
    assert 0.9 < (z < 1.96).mean() < 0.99
    for name in ("fwhm", "amplitude"):
        assert rms(found[f"{name}_smooth"] - ds[f"true_{name}"]) < 0.5 * rms(fit[name] - ds[f"true_{name}"])
    xr.testing.assert_identical(found[list(fit)], fit)
    assert found.center_smooth.dims == fit.center.dims
    assert found.center_smooth_stderr.attrs["units"] == "eV"


@pytest.mark.parametrize("channels", [2, 4, 8])
def test_a_sharp_edge_stays(channels: int) -> None:
    """Half of the map shifted by some 4 to 17 standard errors of the positions."""
    ds = datasets.make_spectral_map(preset="overlap", shape=(32, 32), counts=1000, seed=3)
    expected = ds.expected.values.copy()
    shifted = np.roll(expected[:, 16:], channels, axis=-1)
    shifted[..., :channels] = expected[:, 16:, :1]
    expected[:, 16:] = shifted
    da = label_spectra(np.random.default_rng(0).poisson(expected), ds.energy.values)
    truth = ds.true_center.values.copy()
    truth[:, 16:] += channels * float(ds.energy[1] - ds.energy[0])
    found = smooth_maps(peaks.fit_peaks(da, n_peaks=2), variables=["center"])
    ratio = (found.center_smooth.values - truth) / datasets.cramer_rao_bound(ds).center_stderr.values
    assert rms(ratio[:, 15:17]) < 1.1
    assert rms(ratio) < 0.6
    z = np.abs(found.center_smooth.values - truth) / found.center_smooth_stderr.values
    assert (z[:, 15:17] < 1.96).mean() > 0.7


@pytest.mark.parametrize("size", [3.0, 5.0, 10.0])
def test_slanting_edges_of_few_standard_errors(size: float) -> None:
    y, x = np.mgrid[:32, :32]
    right = x + 0.4 * (y - 16) >= 16
    edge = np.zeros_like(right)
    edge[:, 1:] |= right[:, 1:] != right[:, :-1]
    edge[:, :-1] |= right[:, 1:] != right[:, :-1]
    errors, misses = [], []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        truth = true_field((32, 32), rng, 2.0) + size * right
        found = smooth_maps(as_fit(truth + rng.standard_normal(truth.shape)), variables="center").isel(peak=0)
        errors.append(found.center_smooth.values - truth)
        misses.append(np.abs(errors[-1]) / found.center_smooth_stderr.values)
    assert rms(np.array(errors)[:, edge]) < 1.1
    assert rms(np.array(errors)) < 0.5
    assert (np.array(misses)[:, edge] < 1.96).mean() > 0.65


@pytest.mark.parametrize("spread", [1.0, 3.0, 10.0])
def test_a_map_without_order_is_left_as_it_is(spread: float) -> None:
    rng = np.random.default_rng(2)
    truth = spread * rng.standard_normal((32, 32))
    raw = truth + rng.standard_normal(truth.shape)
    found = smooth_maps(as_fit(raw), variables=["center"]).isel(peak=0)
    error = found.center_smooth.values - truth
    assert rms(error) < 1.1 * rms(raw - truth)
    assert (np.abs(error) < found.center_smooth_stderr.values).mean() > 0.55


def test_single_pixels_far_off_are_kept() -> None:
    rng = np.random.default_rng(0)
    truth = true_field((32, 32), rng, 2.0)
    truth[8, 9] += 30.0
    truth[20, 22] -= 30.0
    found = smooth_maps(as_fit(truth + rng.standard_normal(truth.shape)), variables=["center"]).isel(peak=0)
    error = found.center_smooth.values - truth
    assert abs(error[8, 9]) < 4
    assert abs(error[20, 22]) < 4
    assert rms(error) < 0.5


def test_gaps_doubtful_pixels_and_held_values() -> None:
    rng = np.random.default_rng(1)
    truth = true_field((24, 20), rng, 3.0)
    values = truth + rng.standard_normal(truth.shape)
    values[5, 6] += 15.0  # a fit that went wrong and says so
    values[3:6, 15:18] = np.nan
    fit = as_fit(values)
    fit["status"][5, 6] = 2
    fit["center_stderr"][10, 10] = np.nan
    before = fit.copy(deep=True)
    found = smooth_maps(fit, variables=["center"]).isel(peak=0)
    xr.testing.assert_identical(fit, before)
    np.testing.assert_array_equal(np.isnan(found.center_smooth), np.isnan(values))
    np.testing.assert_array_equal(np.isnan(found.center_smooth_stderr), np.isnan(values))
    assert abs(float(found.center_smooth[5, 6]) - truth[5, 6]) < 3
    assert rms(found.center_smooth - truth) < 0.6
    held = smooth_maps(as_fit(np.full((6, 6), 2.0), 0.0), variables=["center"])
    assert (held.center_smooth == 2.0).all()
    assert (held.center_smooth_stderr == 0.0).all()
    empty = smooth_maps(as_fit(np.full((6, 6), np.nan)), variables=["center"])
    assert np.isnan(empty.center_smooth).all()
    small = smooth_maps(as_fit(np.arange(6.0).reshape(2, 3)), variables=["center"])
    np.testing.assert_array_equal(small.center_smooth, small.center)


def test_lines_and_stacks_of_maps() -> None:
    rng = np.random.default_rng(4)
    truth = 4 * np.sin(np.linspace(0, 3, 120))
    line = as_fit(truth + rng.standard_normal(120), dims=("x",))
    found = smooth_maps(line, variables=["center"])
    assert rms(found.center_smooth.values[:, 0] - truth) < 0.5
    stack = np.stack([true_field((16, 16), rng, 3.0) + rng.standard_normal((16, 16)) for _ in range(2)])
    fit = as_fit(stack, dims=("time", "y", "x"))
    with pytest.raises(ParameterError, match="one or two dims"):
        smooth_maps(fit, variables=["center"])
    both = smooth_maps(fit, variables=["center"], dims=("y", "x"))
    alone = smooth_maps(fit.isel(time=1), variables=["center"])
    assert both.center_smooth.dims == ("time", "y", "x", "peak")
    np.testing.assert_allclose(both.center_smooth.isel(time=1), alone.center_smooth)


def test_uneven_coordinates_count() -> None:
    """A field that is straight along an uneven coordinate has no curvature."""
    x = np.cumsum(np.random.default_rng(0).uniform(0.2, 3.0, 40))
    y = np.arange(30.0)[::-1]
    plane = 3.0 * x[None, :] - 2.0 * y[:, None]
    assert np.abs(differences(y, x) @ plane.ravel()).max() < 1e-9
    noisy = plane + np.random.default_rng(1).standard_normal(plane.shape)
    fit = as_fit(noisy).assign_coords(y=y, x=x)
    found = smooth_maps(fit, variables=["center"]).center_smooth.isel(peak=0)
    assert rms(found - plane) < 0.4


def test_posterior_is_that_of_dense_algebra() -> None:
    rng = np.random.default_rng(0)
    z, v = rng.standard_normal((7, 8)), rng.uniform(0.5, 2.0, (7, 8))
    known = rng.random((7, 8)) > 0.1
    d = differences(np.arange(7.0), np.arange(8.0))
    plate = Plate(z, v, known, d, np.random.default_rng(1), stiffness=0.7)
    plate.weights[:] = rng.uniform(0.01, 1.0, plate.weights.size)
    plate.factor()
    weight = np.where(known, 1 / v, 0.0).ravel()
    covariance = np.linalg.inv(np.diag(weight + 1e-9) + 0.7 * d.toarray().T @ np.diag(plate.weights) @ d.toarray())
    np.testing.assert_allclose(plate.mean, covariance @ (weight * z.ravel()), atol=1e-9)
    by_noise, by_prior = plate.draw(4000)
    np.testing.assert_allclose(((by_noise + by_prior) ** 2).mean(axis=1), np.diag(covariance), rtol=0.12)


def test_large_maps_learn_from_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    truth = true_field((48, 56), rng, 4.0)
    truth[:, 30:] += 6.0
    z = truth + rng.standard_normal(truth.shape)
    z[:20, :20] = np.nan
    places = [np.arange(48.0), np.arange(56.0)]
    whole, _ = smooth_field(z, np.ones_like(z), *places)
    monkeypatch.setattr("mi_widgets.peaks._smooth.BIG", 1000)
    monkeypatch.setattr("mi_widgets.peaks._smooth.TILE", 24)
    parts, deviation = smooth_field(z, np.ones_like(z), *places)
    assert rms(whole - truth) < 0.4
    assert rms(parts - truth) < 0.4
    assert rms((parts - truth)[:, 29:31]) < 1.0
    assert 0.6 < np.nanmean((np.abs(parts - truth) < deviation)[np.isfinite(z)]) < 0.9


def test_draws_do_not_change_from_call_to_call() -> None:
    z = np.random.default_rng(0).standard_normal((12, 12))
    first, second = (smooth_field(z, np.ones((12, 12)), np.arange(12.0), np.arange(12.0)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_bad_input_is_named() -> None:
    fit = as_fit(np.zeros((4, 4)))
    with pytest.raises(LabelError, match="no map 'fwhm'; write center"):
        smooth_maps(fit)
    with pytest.raises(LabelError, match="no map 'center_stderr'"):
        smooth_maps(fit.drop_vars("center_stderr"), variables=["center"])
    with pytest.raises(LabelError, match="no map dim 'z'"):
        smooth_maps(fit, variables=["center"], dims="z")
    with pytest.raises(LabelError, match="result of fit_peaks"):
        smooth_maps(fit.drop_vars("status"), variables=["center"])
    with pytest.raises(ParameterError, match="fit of one spectrum"):
        smooth_maps(fit.isel(y=0, x=0), variables=["center"])
