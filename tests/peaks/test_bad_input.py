"""Bad input: a named error with the remedy, or NaN and a status for that pixel alone."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import label_spectra


@pytest.fixture
def spectra() -> xr.DataArray:
    return datasets.make_spectral_map(shape=(4, 5), seed=1).spectra


def names(status: xr.DataArray) -> list[str]:
    return status.attrs["flag_meanings"].split()


def fails(da: object, error: type[Exception], *words: str, **options: object) -> None:
    with pytest.raises(error) as raised:
        peaks.fit_peaks(da, **{"n_peaks": 2, **options})  # type: ignore[arg-type]
    for word in words:
        assert word in str(raised.value)


def test_wrong_dim_name(spectra: xr.DataArray) -> None:
    fails(spectra, LabelError, "'enrgy'", "('y', 'x', 'energy')", 'dim="energy"', dim="enrgy")


def test_no_spectral_dim_known(spectra: xr.DataArray) -> None:
    plain = xr.DataArray(spectra.values, dims=("a", "b", "c"))
    fails(plain, LabelError, "('a', 'b', 'c')", "rename")


def test_missing_units(spectra: xr.DataArray) -> None:
    spectra = spectra.assign_coords(energy=spectra.energy.values)
    fails(spectra, LabelError, "'energy' has no units", ".attrs['units'] = 'eV'")


def test_missing_coordinate(spectra: xr.DataArray) -> None:
    fails(spectra.drop_vars("energy"), LabelError, "no coordinate", "assign_coords")


@pytest.mark.parametrize("values", [[0, 1, 1, 2], [0, 2, 1, 3], [0, 1, np.nan, 3]])
def test_axis_not_monotonic(values: list[float]) -> None:
    axis = np.concatenate([np.asarray(values), np.arange(10, 40)])
    da = xr.DataArray(np.ones((2, axis.size)), dims=("x", "energy"), coords={"energy": axis})
    da.energy.attrs["units"] = "eV"
    fails(da, DataError, "strictly monotonic", "sortby", "drop_duplicates")


def test_not_a_dataarray(spectra: xr.DataArray) -> None:
    fails(spectra.values, DataError, "ndarray", "label_spectra", dim="energy")
    fails(spectra.to_dataset(name="spectra"), DataError, "Dataset", "ds['spectra']", dim="energy")


def test_text_and_complex(spectra: xr.DataArray) -> None:
    fails(spectra.astype(str), DataError, "real numbers", "astype(float)")
    fails(spectra.astype(complex), DataError, "complex128")


@pytest.mark.parametrize("n", [1, 4, 10])
def test_too_few_channels(spectra: xr.DataArray, n: int) -> None:
    fails(spectra[..., :n], DataError, "10 parameters", "at least 11 channels", f"has {n}")


def test_empty_map(spectra: xr.DataArray) -> None:
    fails(spectra[:0], DataError, "the map is empty")


def test_dim_named_peak(spectra: xr.DataArray) -> None:
    fails(spectra.rename(x="peak"), LabelError, "'peak'", "rename")


@pytest.mark.parametrize("name", ["center", "background_left", "fwhm_stderr", "status", "bic"])
def test_what_is_named_like_a_result(spectra: xr.DataArray, name: str) -> None:
    fails(spectra.rename(x=name), LabelError, repr(name), "rename")
    fails(spectra.assign_coords({name: 3.0}), LabelError, repr(name), "rename")
    whole = peaks.fit_peaks(spectra.rename(energy="center"), "center", n_peaks=2)  # its own axis is no part of a result
    assert np.isfinite(whole.center).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_peaks": 0}, ("n_peaks", "0")),
        ({"n_peaks": 1.5}, ("n_peaks", "1.5")),
        ({"n_peaks": True}, ("n_peaks", "True")),
        ({"lineshape": "voight"}, ("'voight'", "'pseudo-voigt'")),
        ({"background": "shirly"}, ("'shirly'", "'linear'")),
        ({"likelihood": "chi2"}, ("'chi2'", "'poisson'")),
        ({"engine": "cuda"}, ("'cuda'", "'numpy'")),
        ({"noise": 3.0}, ("likelihood='gaussian'",)),
        ({"likelihood": "gaussian", "noise": -1.0}, ("above zero", "-1.0")),
        ({"likelihood": "gaussian", "noise": "shot"}, ("'shot'", "'poisson'")),
        ({"bounds": {"centre": (1, 2)}}, ("'centre'", "center")),
        ({"bounds": {"center": (286, 284)}}, ("'center'", "leave nothing")),
        ({"bounds": {"center": 3}}, ("(low, high)",)),
        ({"bounds": {"center": [(1, 2)] * 3}}, ("each of 2 peaks",)),
        ({"bounds": [(1, 2)]}, ("bounds must be a dict",)),
        ({"bounds": {"center": ("284", "286")}}, ("(low, high)",)),
        ({"bounds": {"center": (np.nan, 286)}}, ("(low, high)",)),
        ({"ties": ["p1_center"]}, ("ties must be a dict",)),
        ({"start": [284.5, 286.1]}, ("start must be",)),
        ({"start": {"center": "left"}}, ("must be a number", "'left'")),
        ({"start": {"centre": 3}}, ("'centre'", "center")),
        ({"start": {"center": [1.0, 2.0, 3.0]}}, ("each of 2 peaks",)),
        ({"start": {"center": xr.DataArray(np.ones(3), dims="z")}}, ("'z'", "must fit")),
        ({"start": xr.Dataset()}, ("lacks 'amplitude'",)),
    ],
)
def test_options(spectra: xr.DataArray, options: dict[str, object], words: tuple[str, ...]) -> None:
    fails(spectra, ParameterError, *words, **options)


def test_errors_come_before_the_first_part(spectra: xr.DataArray) -> None:
    with pytest.raises(ParameterError):
        peaks.iter_fit_peaks(spectra, n_peaks=2, lineshape="triangle")


@pytest.mark.parametrize("bad", ["nan", "zero", "few"])
def test_a_pixel_without_data_stands_alone(spectra: xr.DataArray, bad: str) -> None:
    whole = peaks.fit_peaks(spectra, n_peaks=2)
    data = spectra.copy(deep=True)
    data[1, 2] = 0.0 if bad == "zero" else np.nan
    if bad == "few":
        data[1, 2, :10] = 5.0
    fit = peaks.fit_peaks(data, n_peaks=2)
    assert names(fit.status)[int(fit.status[1, 2])] == "no_data"
    assert np.isnan(fit.center[1, 2]).all()
    assert np.isnan(fit.center_stderr[1, 2]).all()
    others = np.ones((4, 5), dtype=bool)
    others[1, 2] = False
    np.testing.assert_allclose(fit.center.values[others], whole.center.values[others], atol=1e-3)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_dead_channel_is_left_out(spectra: xr.DataArray, hole: float) -> None:
    data = spectra.copy(deep=True)
    data[1, 2, 60:63] = hole
    likelihood = "gaussian" if hole == -np.inf else "poisson"
    fit = peaks.fit_peaks(data, n_peaks=2, likelihood=likelihood)
    whole = peaks.fit_peaks(spectra, n_peaks=2, likelihood=likelihood)
    assert names(fit.status)[int(fit.status[1, 2])] in ("ok", "at_bound")
    assert int(fit.dof[1, 2]) == int(whole.dof[1, 2]) - 3
    assert (np.abs(fit.center[1, 2] - whole.center[1, 2]) < 3 * whole.center_stderr[1, 2]).all()


def test_a_whole_map_without_data(spectra: xr.DataArray) -> None:
    fit = peaks.fit_peaks(xr.zeros_like(spectra), n_peaks=2)
    assert set(np.unique(fit.status)) == {3}
    assert np.isnan(fit.amplitude).all()


def test_negative_counts_fall_back_with_a_warning(spectra: xr.DataArray) -> None:
    data = spectra.copy(deep=True)
    data[0, 0, 5] = -3
    with pytest.warns(MIWidgetsWarning, match=r"1 of 20 spectra .* likelihood='gaussian'"):
        fit = peaks.fit_peaks(data, n_peaks=2)
    assert fit.attrs["likelihood"] == "gaussian"


@pytest.mark.parametrize("likelihood", ["poisson", "gaussian"])
@pytest.mark.parametrize("level", [7.0, 1e-12, 1e12])
def test_flat_spectra_do_not_stop_a_map(spectra: xr.DataArray, level: float, likelihood: str) -> None:
    data = spectra.copy(deep=True)
    data[2] = level
    fit = peaks.fit_peaks(data, n_peaks=2, likelihood=likelihood)
    assert np.isfinite(fit.center.values[:2]).all()
    assert (fit.status.values[:2] <= 1).all()


def test_one_pixel(spectra: xr.DataArray) -> None:
    fit = peaks.fit_peaks(spectra[:1, :1], n_peaks=2)
    assert fit.center.shape == (1, 1, 2)
    assert np.isfinite(fit.center).all()


@pytest.fixture(scope="module")
def bright() -> xr.Dataset:
    """A line that is well above 800 counts in some spectra."""
    return datasets.make_spectral_map(preset="separated", n_peaks=1, shape=(6, 6), counts=1200, seed=3)


@pytest.mark.parametrize("kind", ["integers", "clipped", "clipped, normalised", "clipped, one cosmic ray"])
@pytest.mark.parametrize("chunked", [False, True])
def test_saturated_channels_are_left_out_and_told(bright: xr.Dataset, kind: str, chunked: bool) -> None:
    options: dict[str, Any] = {"n_peaks": 1}
    spectra, scale = np.minimum(bright.spectra, 800).assign_attrs(bright.spectra.attrs), 1.0
    if kind == "integers":
        spectra, scale = (np.minimum(bright.spectra // 4, 255)).astype("uint8").assign_attrs(spectra.attrs), 4.0
    elif kind == "clipped, normalised":
        spectra, scale = (spectra / 800).assign_attrs(spectra.attrs), 800.0
        options["likelihood"] = "gaussian"
    elif kind == "clipped, one cosmic ray":
        spectra[0, 0, 3] = 5000
    wanted = (spectra >= spectra.max() if kind != "clipped, one cosmic ray" else spectra >= 800).any("energy")
    given = spectra.chunk({"y": 3}) if chunked else spectra
    fit = peaks.fit_peaks(given, **options).compute()
    code = fit.status.attrs["flag_meanings"].split().index("saturated")
    np.testing.assert_array_equal(fit.status == code, wanted)
    assert wanted.any()
    off = fit.amplitude * scale / bright.true_amplitude - 1
    assert abs(float(off.mean())) < 0.01, "the flanks are not clipped: the area is still right"


def test_what_only_looks_saturated(bright: xr.Dataset) -> None:
    rng = np.random.default_rng(0)
    energy = bright.energy.values
    smooth = np.round(240 * np.exp(-((energy - 285) ** 2)) + 10 + rng.normal(0, 0.3, (8, energy.size)))
    resampled = np.repeat(rng.poisson(200, (8, energy.size // 3 + 1)), 3, axis=1)[:, : energy.size]
    cases = {"rounded": smooth, "resampled": resampled, "even": np.full((3, energy.size), 500.0)}
    for name, values in cases.items():
        fit = peaks.fit_peaks(label_spectra(values, energy), n_peaks=1, likelihood="gaussian")
        assert not (fit.status == 5).any(), name
    hot = bright.spectra.astype("uint16")
    hot[:, :, 10] = 65535
    mask = xr.zeros_like(hot, dtype=bool)
    mask[:, :, 10] = True
    assert not (peaks.fit_peaks(hot, n_peaks=1, mask=mask).status == 5).any()


def test_a_flat_top_of_few_counts_is_no_ceiling() -> None:
    ds = datasets.make_spectral_map(preset="separated", shape=(8, 8), counts=3, seed=3)
    assert int((peaks.fit_peaks(ds.spectra, n_peaks=1).status == 5).sum()) == 0
