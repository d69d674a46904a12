"""Regions of like peaks, and peaks that keep their number."""

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


def test_regions_of_a_transistor() -> None:
    ds = datasets.make_spectral_map(shape=(16, 40), counts=1000, seed=3)
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2)
    found = peaks.character_map(fit, variables=["center"], n_clusters=2)
    assert found.label.dims == ("y", "x")
    assert int(found.size_of_cluster.sum()) == 16 * 40
    position = ds.true_center.isel(peak=0)
    inside = [position.where(found.label == k) for k in range(2)]
    gap = abs(float(inside[0].mean() - inside[1].mean()))
    assert gap > 2 * max(float(i.std()) for i in inside), "the regions differ by more than their own spread"
    assert found.center.dims == ("cluster", "peak")
    assert found.center.attrs["units"] == "eV"
    with pytest.raises(LabelError, match="status"):
        peaks.character_map(fit, variables=["status"])
