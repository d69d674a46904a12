"""Peaks that keep their number over the map."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.labels import label_spectra


@pytest.fixture(scope="module")
def crossing() -> tuple[xr.DataArray, np.ndarray]:
    """A strong narrow line and a weak broad one that cross along x."""
    rng = np.random.default_rng(0)
    x = np.linspace(280.0, 290.0, 300)
    shift = np.linspace(-2.0, 2.0, 24)
    strong, weak = 285.0 + shift, 285.0 - shift
    curves = 800 * np.exp(-0.5 * ((x - strong[:, None]) / 0.3) ** 2) + 300 * np.exp(
        -0.5 * ((x - weak[:, None]) / 0.6) ** 2
    )
    return label_spectra(rng.poisson(np.tile(curves + 30, (8, 1, 1))), x), strong


def test_crossing_lines_keep_their_numbers(crossing: tuple[xr.DataArray, np.ndarray]) -> None:
    da, strong = crossing
    fit = peaks.fit_peaks(da, n_peaks=2, lineshape="gaussian")
    assert (fit.height[:, 0, 0] > fit.height[:, 0, 1]).all()
    assert (fit.height[:, -1, 0] < fit.height[:, -1, 1]).all(), "by position the numbers swap where the lines cross"
    tracked = peaks.track_peaks(fit)
    apart = np.abs(strong - 285.0) > 0.4
    np.testing.assert_allclose(tracked.center.values[:, apart, 0], np.tile(strong[apart], (8, 1)), atol=0.1)
    assert (tracked.sigma.values[:, apart, 0] < tracked.sigma.values[:, apart, 1]).all()
    np.testing.assert_allclose(np.sort(tracked.center, axis=-1), np.sort(fit.center, axis=-1))
    assert tracked.center.attrs == fit.center.attrs
    assert tracked.attrs == fit.attrs
    xr.testing.assert_allclose(peaks.evaluate(tracked, da).best_fit, peaks.evaluate(fit, da).best_fit)


def test_tracking_leaves_gaps_and_single_peaks_alone() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(5, 6), seed=1)
    data = ds.spectra.copy(deep=True)
    data[2, 3] = np.nan
    fit = peaks.fit_peaks(data, n_peaks=2)
    xr.testing.assert_identical(peaks.track_peaks(fit), fit)
    one = peaks.fit_peaks(data, n_peaks=1)
    xr.testing.assert_identical(peaks.track_peaks(one), one)
    with pytest.raises(ParameterError, match="one or two dims"):
        peaks.track_peaks(fit.expand_dims(time=[0, 1]).transpose("time", ...))
    with pytest.raises(LabelError, match="no result of fit_peaks"):
        peaks.track_peaks(fit.drop_vars("fwhm"))


def test_correlations_go_with_their_peaks(crossing: tuple[xr.DataArray, np.ndarray]) -> None:
    da, _strong = crossing
    fit = peaks.fit_peaks(da[:, ::6], n_peaks=2, lineshape="gaussian", correlations=True)
    tracked = peaks.track_peaks(fit)
    assert (tracked.center[0, -1] == fit.center[0, -1, ::-1].values).all(), "swapped here"
    old, new = (f.correlation[0, -1] for f in (fit, tracked))
    for a, b in (
        ("p0_center", "p1_sigma"),
        ("p0_amplitude", "background_left"),
        ("background_left", "background_right"),
    ):
        swapped = [n.replace("p0", "q").replace("p1", "p0").replace("q", "p1") for n in (a, b)]
        assert float(new.sel(parameter=a, parameter_2=b)) == float(
            old.sel(parameter=swapped[0], parameter_2=swapped[1])
        )


def test_unlike_peaks_never_change_places(crossing: tuple[xr.DataArray, np.ndarray]) -> None:
    fit = peaks.fit_peaks(crossing[0], lineshape=["gaussian", "lorentzian"])
    xr.testing.assert_identical(peaks.track_peaks(fit), fit)


@pytest.mark.parametrize("k", [3, 7])
def test_many_lines_through_each_other(k: int) -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:30, :30] / 30
    center = np.stack([0.8 * j + 2 * np.sin(6 * x + j) + np.cos(5 * y - j) for j in range(k)], axis=-1)
    area = np.arange(1.0, k + 1) ** 2 * rng.normal(1, 0.02, center.shape)
    by_position = np.argsort(center, axis=-1)
    dims = ("y", "x", "peak")
    fit = xr.Dataset(
        {
            "center": (dims, np.take_along_axis(center, by_position, -1)),
            "amplitude": (dims, np.take_along_axis(area, by_position, -1)),
            "fwhm": (dims, np.full(center.shape, 0.9)),
            "status": (dims[:2], np.zeros(y.shape, dtype=np.int8)),
        },
        attrs={"lineshape": "gaussian"},
    )
    tracked = peaks.track_peaks(fit.assign_coords(peak=np.arange(k)))
    found = np.sort(np.median(tracked.amplitude, axis=(0, 1)))
    np.testing.assert_allclose(found, np.arange(1.0, k + 1) ** 2, rtol=0.02)
    assert float((tracked.amplitude.std(("y", "x")) / tracked.amplitude.mean(("y", "x"))).max()) < 0.03
