"""Numbers at the ends of double precision: no overflow on the way into a file or out of it."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.io import read_netcdf, read_spectra, write_csv, write_netcdf, write_nexus, write_zarr
from mi_widgets.io._hyperspy import _axis

WRITERS = {"nc": write_netcdf, "csv": write_csv, "nxs": write_nexus, "zarr": write_zarr}
AXES = [[-1.5e308, 1e-300, 1.5e308], [1e-300, 2e-300, 3e-300], [3e300, 2e300, 1e300], [1.5e308, 0, -1.5e308]]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("suffix", list(WRITERS))
def test_what_was_written_is_read_without_a_warning(tmp_path, suffix, axis):
    if suffix == "zarr":
        pytest.importorskip("zarr")
    values = np.array([1e300, -1e300, 1e-300]) * np.array([[[1], [0.5]], [[0.25], [0.125]]])
    place = {"y": [-1.5e308, 1.5e308], "x": [1e-300, 2e-300]}
    da = xr.DataArray(values, {**place, "energy": ("energy", axis, {"units": "eV"})}, ("y", "x", "energy"))
    got = read_spectra(WRITERS[suffix](da.rename("spectra"), tmp_path / f"a.{suffix}"))
    np.testing.assert_array_equal(got, da)
    for dim in da.dims:
        np.testing.assert_array_equal(got[dim], da[dim])
    if suffix == "nc":
        xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc").spectra, da.rename("spectra"))


def test_given_axes(tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    for axis in AXES:
        np.testing.assert_array_equal(read_spectra(tmp_path / "a.npy", axis=axis).channel, axis)


def test_instruments_headers(make, tmp_path):
    path = tmp_path / "a.vms"
    tiny = "0." + "0" * 310 + "1"
    path.write_text(make.vamas([{"values": [1e300, -1e300, 1e-300], "axis": ("energy", "eV", tiny, tiny)}]))
    np.testing.assert_allclose(read_spectra(path).energy, [1e-311, 2e-311, 3e-311], rtol=1e-10)
    path = tmp_path / "a.ibw"
    path.write_bytes(make.wave(np.array([1e300, -1e300, 1e-300]), start=[1e308], step=[1e308], units=["eV"]))
    with pytest.raises(DataError, match="no finite numbers"):
        read_spectra(path)
    path = tmp_path / "a.sxm"
    path.write_bytes(make.scan(np.full((2, 3, 4), 1e38)).replace(b"3.0E-9           4.0E-9", b"1.7E308      1.7E308"))
    assert read_spectra(path).x.values.tolist() == [0, 1, 2, 3]  # no position: pixel numbers


def test_axes_for_hyperspy():
    even = _axis(xr.DataArray([1.0] * 3, {"energy": AXES[3]}, ("energy",)), "energy", False)
    assert (even["offset"], even["scale"]) == (1.5e308, -1.5e308)
    assert "axis" in _axis(xr.DataArray([1.0] * 3, {"energy": [-1.5e308, 0, 1e308]}, ("energy",)), "energy", False)
    plain = _axis(xr.DataArray([1.0] * 4, {"energy": [280, 280.1, 280.2, 280.3]}, ("energy",)), "energy", False)
    np.testing.assert_allclose(plain["scale"], 0.1, rtol=1e-12)
