"""Integration over a window, checked by hand and against plain sums."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_spectra
from mi_widgets.peaks.maps import integrate_window

AXIS = np.linspace(280.0, 290.0, 101)


@pytest.fixture
def cube() -> xr.DataArray:
    values = np.random.default_rng(0).poisson(50.0, (4, 5, AXIS.size))
    return label_spectra(values.astype("uint8"), AXIS)


def test_even_axis_is_sum_times_step(cube: xr.DataArray) -> None:
    found = integrate_window(cube, window=(283.0, 284.0))
    expected = cube.sel(energy=slice(282.99, 284.01)).astype(float).sum("energy") * 0.1
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-12)
    assert found.dims == ("y", "x")
    assert found.attrs == {"units": "count * eV", "long_name": "intensity"}
    assert "energy" not in found.coords


def test_eight_bit_counts_do_not_overflow() -> None:
    cube = label_spectra(np.full((2, 101), 255, "uint8"), AXIS)
    np.testing.assert_allclose(integrate_window(cube).values, 255 * 101 * 0.1)


def test_order_of_axis_and_window_does_not_matter(cube: xr.DataArray) -> None:
    found = integrate_window(cube.isel(energy=slice(None, None, -1)), window=(284.0, 283.0))
    np.testing.assert_allclose(found.values, integrate_window(cube, window=(283.0, 284.0)).values)


def test_not_finite_channels_are_left_out(cube: xr.DataArray) -> None:
    data = cube.astype(float)
    data[0, 0, 10] = np.nan
    data[0, 1, 10] = np.inf
    data[1, 1] = np.nan
    found = integrate_window(data)
    assert found[0, 0] == pytest.approx(float(cube[0, 0].astype(float).drop_isel(energy=10).sum()) * 0.1)
    assert np.isfinite(found[0, 1])
    assert np.isnan(found[1, 1])
    assert np.isfinite(found.values).sum() == found.size - 1


def test_spectral_dim_first_and_single_spectrum(cube: xr.DataArray) -> None:
    np.testing.assert_allclose(integrate_window(cube.transpose("energy", "y", "x")).values, integrate_window(cube))
    assert float(integrate_window(cube[1, 2])) == pytest.approx(float(integrate_window(cube)[1, 2]))


def test_one_channel(cube: xr.DataArray) -> None:
    np.testing.assert_allclose(integrate_window(cube, window=(283.0, 283.0)).values, cube[..., 30] * 0.1)
    np.testing.assert_allclose(integrate_window(cube[..., :1]).values, cube[..., 0])


def test_blocks_give_the_same(cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = integrate_window(cube)
    monkeypatch.setattr("mi_widgets.peaks.maps._BLOCK", 300)
    xr.testing.assert_allclose(integrate_window(cube), whole)


def test_chunked_input_stays_lazy(cube: xr.DataArray) -> None:
    pytest.importorskip("dask")
    lazy = integrate_window(cube.chunk({"y": 2}))
    assert lazy.chunks is not None
    np.testing.assert_allclose(lazy.compute().values, integrate_window(cube).values)


def test_input_is_not_modified(cube: xr.DataArray) -> None:
    before = cube.copy(deep=True)
    integrate_window(cube, window=(281, 282))
    xr.testing.assert_identical(cube, before)


def test_bad_input_says_what_to_write(cube: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match=r"holds no channel.*window=\(280, 290\)"):
        integrate_window(cube, window=(10, 20))
    for window in ("ab", (281, 282, 283), (281, None), 281):
        with pytest.raises(ParameterError, match="two numbers"):
            integrate_window(cube, window=window)
    with pytest.raises(LabelError, match='dim="energy"'):
        integrate_window(cube, "wavelength")
    with pytest.raises(DataError, match="real numbers"):
        integrate_window(cube.astype(str))
    bare = cube.copy()
    bare["energy"] = bare["energy"].drop_attrs()
    with pytest.raises(LabelError, match="units"):
        integrate_window(bare, "energy")
