"""What `fit_peaks` finds, against the truth of synthetic maps and against lmfit."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import LabelError, MIWidgetsWarning
from mi_widgets.labels import label_spectra


def misplaced(fit: xr.Dataset, truth: xr.Dataset, limit: float = 0.225) -> np.ndarray:
    """Pixels with a peak off by more than a quarter of its width of 0.9 eV."""
    return np.asarray((np.abs(fit.center.values - truth.true_center.values) > limit).any(axis=-1))


def truth_start(ds: xr.Dataset) -> dict[str, xr.DataArray]:
    return {str(n).removeprefix("true_"): ds[n] for n in ds if str(n).removeprefix("true_") in
            ("amplitude", "center", "sigma", "fraction", "background_left", "background_right")}  # fmt: skip


def test_positions_reach_the_cramer_rao_bound(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    bound = datasets.cramer_rao_bound(overlap)
    ratio = (overlap_fit.center - overlap.true_center) / bound.center_stderr
    # 1152 values: the root mean square of as many unit normals scatters by 0.021
    assert np.sqrt((ratio**2).mean()) < 1.08
    assert not misplaced(overlap_fit, overlap).any()


def test_standard_errors_cover_the_truth(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    for name in ("center", "amplitude", "fwhm", "height"):
        z = np.abs(overlap_fit[name] - overlap[f"true_{name}"]) / overlap_fit[f"{name}_stderr"]
        assert 0.63 < float((z < 1).mean()) < 0.74, name
        assert 0.92 < float((z < 2).mean()) < 0.98, name
    for side in ("left", "right"):
        z = np.abs(overlap_fit[f"background_{side}"] - overlap[f"true_background_{side}"])
        assert 0.60 < float((z < overlap_fit[f"background_{side}_stderr"]).mean()) < 0.76


def test_a_drift_of_two_widths_fails_nowhere() -> None:
    ds = datasets.make_spectral_map(preset="overlap", shape=(24, 24), counts=1000, drift=2.0, seed=4)
    fit = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2)
    assert misplaced(fit, ds).mean() <= 0.005
    oracle = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2, start=truth_start(ds))
    assert float((fit.deviance > oracle.deviance + 1).mean()) <= 0.005


def test_low_counts_are_not_biased() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(24, 24), counts=10, seed=5)
    fit = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2)
    total = float(fit.amplitude.sum() / ds.true_amplitude.sum())
    weighted = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2, likelihood="gaussian", noise="poisson")
    assert abs(total - 1) < 0.02
    assert float(weighted.amplitude.sum() / ds.true_amplitude.sum()) < 0.93  # what the Poisson likelihood avoids


@pytest.mark.parametrize("lineshape", ["gaussian", "lorentzian", "pseudo-voigt"])
@pytest.mark.parametrize("likelihood", ["poisson", "gaussian"])
def test_agrees_with_lmfit(lineshape: str, likelihood: str) -> None:
    ds = datasets.make_spectral_map(
        preset="separated", lineshape=lineshape, shape=(2, 3), counts=20000, n_channels=200, seed=6
    )
    fit = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2, lineshape=lineshape, likelihood=likelihood)
    result = peaks.to_lmfit(fit, ds.spectra, y=ds.y[1], x=ds.x[2])
    ours = fit.isel(y=1, x=2)
    for name in ("amplitude", "center", "sigma", "fwhm", "height"):
        for k in range(2):
            theirs = result.params[f"p{k}_{name}"]
            # at the optimum of the Poisson likelihood weighted least squares is off by about 1/sqrt(counts) of an error
            tolerance = 0.1 if likelihood == "poisson" else 0.01
            assert abs(float(ours[name][k]) - theirs.value) < tolerance * theirs.stderr
            assert float(ours[f"{name}_stderr"][k]) == pytest.approx(theirs.stderr, rel=0.05)


def test_one_spectrum_and_three_map_dims() -> None:
    ds = datasets.make_spectral_map(shape=(4, 6), seed=7)
    whole = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2)
    one = peaks.fit_peaks(ds.spectra[1, 2], "energy", n_peaks=2)
    assert one.center.dims == ("peak",)
    np.testing.assert_allclose(one.center, whole.center[1, 2], atol=1e-3)
    stack = ds.spectra.expand_dims(time=[0.0, 1.0]).transpose("energy", "time", "x", "y")
    cube = peaks.fit_peaks(stack, "energy", n_peaks=2)
    assert cube.center.dims == ("time", "x", "y", "peak")
    np.testing.assert_allclose(cube.center[0].transpose("y", "x", "peak"), whole.center, atol=1e-3)


def test_descending_axis_gives_the_same() -> None:
    ds = datasets.make_spectral_map(shape=(3, 4), seed=8)
    up = peaks.fit_peaks(ds.spectra, "energy", n_peaks=2)
    down = peaks.fit_peaks(ds.spectra[..., ::-1], "energy", n_peaks=2)
    xr.testing.assert_identical(up, down)


def test_uint8_counts_do_not_overflow() -> None:
    ds = datasets.make_spectral_map(shape=(3, 4), counts=150, seed=9)
    small = ds.spectra.astype(np.uint8)
    small.attrs = ds.spectra.attrs
    assert int(ds.spectra.max()) < 256
    xr.testing.assert_identical(
        peaks.fit_peaks(small, n_peaks=2).drop_attrs(), peaks.fit_peaks(ds.spectra, n_peaks=2).drop_attrs()
    )


def test_bounds_hold_and_are_told() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(6, 6), seed=10)
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, bounds={"sigma": (0.55, None)})
    assert float(fit.sigma.min()) >= 0.55
    hit = (fit.sigma == 0.55).any("peak")
    assert bool(hit.any())
    assert set(np.unique(fit.status.where(hit, drop=True))) == {1.0}
    centers = float(ds.true_center.min()), float(ds.true_center.max())
    each = peaks.fit_peaks(
        ds.spectra, n_peaks=2, bounds={"center": [(centers[1] - 1.5, None), (None, centers[0] + 1.5)]}
    )
    assert (each.center[..., 0] > each.center[..., 1]).all(), "bounds for each peak keep the user's order"


def test_starts_are_honoured() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(5, 5), seed=11)
    centers = ds.true_center.mean(("y", "x")).values
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2, start={"center": centers[::-1]})
    assert (fit.center[..., 0] > fit.center[..., 1]).all()
    auto = peaks.fit_peaks(ds.spectra, n_peaks=2)
    again = peaks.fit_peaks(ds.spectra, n_peaks=2, start=auto)
    np.testing.assert_allclose(again.center, auto.center, atol=1e-4)
    assert float(again.n_iter.mean()) < 3 < float(auto.n_iter.mean())
    arrays = peaks.fit_peaks(ds.spectra, n_peaks=2, start={"center": auto.center, "sigma": 0.4})
    np.testing.assert_allclose(arrays.center, auto.center, atol=1e-3)


def test_noise_given_and_found() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(8, 8), seed=12, noise=False)
    rng = np.random.default_rng(0)
    data = (ds.expected + rng.normal(0, 7.0, ds.expected.shape)).assign_attrs(ds.expected.attrs)
    found = peaks.fit_peaks(data, "energy", n_peaks=2, likelihood="gaussian")
    given = peaks.fit_peaks(data, "energy", n_peaks=2, likelihood="gaussian", noise=7.0)
    array = peaks.fit_peaks(data, "energy", n_peaks=2, likelihood="gaussian", noise=xr.full_like(data, 7.0))
    np.testing.assert_allclose(array.center_stderr, given.center_stderr, rtol=1e-6)
    assert float((found.center_stderr / given.center_stderr).mean()) == pytest.approx(1, abs=0.02)
    assert float(given.reduced_deviance.mean()) == pytest.approx(1, abs=0.02)
    assert float(np.sqrt(found.reduced_deviance).mean()) == pytest.approx(7, abs=0.1)
    assert found.deviance.attrs["long_name"] == "residual sum of squares"
    z = np.abs(found.center - ds.true_center) / found.center_stderr
    assert 0.58 < float((z < 1).mean()) < 0.78


def test_parts_grow_to_the_whole(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    seen, last = np.zeros(24 * 24, dtype=bool), 0
    for part in peaks.iter_fit_peaks(overlap.spectra, "energy", n_peaks=2):
        seen[part.index] = True
        assert part.total == seen.size
        assert part.done >= last
        last = part.done
        not_run = part.result.status.values.ravel() == 4
        assert not_run.sum() == part.total - part.done
        assert np.isnan(part.result.center.values.reshape(-1, 2)[not_run]).all()
    assert seen.all()
    xr.testing.assert_identical(part.result, overlap_fit)


def test_a_stopped_run_keeps_its_finished_part() -> None:
    ds = datasets.make_spectral_map(preset="overlap", shape=(40, 40), seed=13)
    parts = peaks.iter_fit_peaks(ds.spectra, "energy", n_peaks=2)
    first = next(parts)
    assert 0 < first.done < first.total
    kept = first.result.center.copy(deep=True)
    next(parts)
    xr.testing.assert_identical(first.result.center, kept)  # a part is no window on work in progress


def test_progress_is_called() -> None:
    ds = datasets.make_spectral_map(shape=(4, 4), seed=1)
    seen: list[tuple[int, int]] = []
    peaks.fit_peaks(ds.spectra, n_peaks=2, progress=lambda part: seen.append((part.done, part.total)))
    assert seen[-1] == (16, 16)


def test_result_survives_a_file(overlap_fit: xr.Dataset, tmp_path: Path) -> None:
    overlap_fit.to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "fit.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), overlap_fit)


def test_result_is_labelled(overlap: xr.Dataset, overlap_fit: xr.Dataset) -> None:
    pint = pytest.importorskip("pint")
    registry = pint.UnitRegistry()
    registry.define("count = []")
    for name, variable in overlap_fit.variables.items():
        registry.parse_units(variable.attrs["units"])
        assert variable.attrs["long_name"], name
    assert overlap_fit.amplitude.attrs["units"] == "count * eV"
    for name in ("amplitude", "center", "sigma", "fwhm", "height", "fraction", "background_left", "background_right"):
        assert overlap_fit[f"{name}_stderr"].dims == overlap_fit[name].dims
        assert overlap_fit[f"{name}_stderr"].attrs["units"] == overlap_fit[name].attrs["units"]
    parameters = json.loads(overlap_fit.attrs["history"])["parameters"]
    again = peaks.fit_peaks(overlap.spectra, **parameters | {"bounds": None})
    xr.testing.assert_identical(again, overlap_fit)


def test_input_is_not_modified() -> None:
    ds = datasets.make_spectral_map(shape=(4, 4), seed=1)
    before = ds.spectra.copy(deep=True)
    peaks.fit_peaks(ds.spectra, n_peaks=2)
    xr.testing.assert_identical(ds.spectra, before)


def test_relabelled_numpy_arrays_will_do() -> None:
    ds = datasets.make_spectral_map(shape=(3, 3), seed=1)
    fit = peaks.fit_peaks(label_spectra(ds.spectra.values, ds.energy.values), n_peaks=2)
    np.testing.assert_array_equal(fit.center, peaks.fit_peaks(ds.spectra, n_peaks=2).center)


def test_an_empty_map_with_one_line_is_told_apart() -> None:
    """As in a real Raman map: nearly all spectra empty, a spike in some; the line is found where it is."""
    rng = np.random.default_rng(14)
    x = np.linspace(900.0, 1100.0, 200)
    y = 400 + rng.normal(0, 8, (20, 20, x.size))
    y[5:8, 3:9] += 300 * np.exp(-0.5 * ((x - 1001) / 4) ** 2)
    y[10:14, 10:14, 57] += 4000  # a cosmic ray: one channel wide
    da = label_spectra(y, x, dim="raman_shift", units="1/cm")
    fit = peaks.fit_peaks(da, n_peaks=1, likelihood="gaussian", background="constant")
    clear = (fit.amplitude > 10 * fit.amplitude_stderr)[..., 0]
    line = np.zeros((20, 20), dtype=bool)
    line[5:8, 3:9] = True
    assert clear.values[line].all()
    np.testing.assert_allclose(fit.center.values[line], 1001, atol=1.0)
    spikes = fit.isel(y=slice(10, 14), x=slice(10, 14))
    assert (spikes.status == 1).all(), "a spike is narrower than any line may be: the width stands at its bound"
    others = clear.values & ~line
    others[10:14, 10:14] = False
    assert not others.any()


def test_rates_are_fitted_as_counts_are() -> None:
    """Counts per second are no counts: the positions are the same, the standard errors wrong, and that is said."""
    ds = datasets.make_spectral_map(preset="overlap", shape=(6, 6), counts=1000, seed=15)
    counts = peaks.fit_peaks(ds.spectra, n_peaks=2)
    for scale in (1e-3, 1e-9):
        rate = (ds.spectra * scale).assign_attrs(ds.spectra.attrs)
        with pytest.warns(MIWidgetsWarning, match="standard errors are far too large"):
            fit = peaks.fit_peaks(rate, n_peaks=2)
        off = np.abs(fit.center - counts.center) / counts.center_stderr
        assert float(off.max()) < 0.02
        np.testing.assert_allclose(fit.amplitude / scale, counts.amplitude, rtol=2e-3)


def test_equal_bounds_hold_a_parameter() -> None:
    ds = datasets.make_spectral_map(preset="separated", n_peaks=1, shape=(3, 3), seed=16)
    bound = peaks.fit_peaks(ds.spectra, n_peaks=1, bounds={"fraction": (0.3, 0.3)})
    tied = peaks.fit_peaks(ds.spectra, n_peaks=1, ties={"p0_fraction": 0.3})
    assert (bound.fraction == 0.3).all()
    assert (bound.fraction_stderr == 0).all()
    np.testing.assert_array_equal(bound.dof, tied.dof)
    np.testing.assert_allclose(bound.amplitude, tied.amplitude, rtol=1e-4)
    np.testing.assert_allclose(bound.amplitude_stderr, tied.amplitude_stderr, rtol=1e-3)


def test_dips_are_found_where_bounds_ask_for_them() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(3, 3), counts=500, seed=17)
    absorbed = (5000 - ds.spectra).assign_attrs(ds.spectra.attrs)
    fit = peaks.fit_peaks(absorbed, n_peaks=2, likelihood="gaussian", bounds={"amplitude": (-1e9, 0)})
    np.testing.assert_allclose(fit.center, ds.true_center, atol=0.1)
    np.testing.assert_allclose(-fit.amplitude, ds.true_amplitude, rtol=0.15)


def test_starts_go_by_label() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(3, 4), seed=18)
    with pytest.raises(LabelError, match="other labels along 'y'"):
        peaks.fit_peaks(ds.spectra, n_peaks=2, start={"center": ds.true_center[::-1]})


def test_attributes_that_no_file_takes_are_left_behind(tmp_path: Path) -> None:
    da = datasets.make_spectral_map(shape=(3, 3), seed=1).spectra
    da.y.attrs["q"] = None
    peaks.fit_peaks(da, n_peaks=2).to_netcdf(tmp_path / "fit.nc", engine="h5netcdf")


def test_an_earlier_result_with_failed_pixels_is_a_start() -> None:
    ds = datasets.make_spectral_map(preset="overlap", shape=(5, 6), counts=1000, seed=15)
    dead = ds.spectra.copy(deep=True)
    dead[2, 3] = 0
    first = peaks.fit_peaks(dead, n_peaks=2)
    assert np.isnan(first.center[2, 3]).all()
    again, fresh = peaks.fit_peaks(ds.spectra, n_peaks=2, start=first), peaks.fit_peaks(ds.spectra, n_peaks=2)
    assert float(abs(again.deviance - fresh.deviance).max()) < 0.05
