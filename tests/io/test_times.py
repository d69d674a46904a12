"""Dates and durations come back as they were, or an error says why not."""

import json

import h5py
import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.io import read_netcdf, read_spectra, write_csv, write_netcdf, write_nexus, write_zarr

DATES = ["2024-01-31T12:00:00", "1969-07-20T20:17:40", "NaT"]


def _dataset(kind, unit):
    values = np.array(DATES if kind == "M" else [5, -3, "NaT"], f"{kind}8[{unit}]")
    ds = xr.Dataset({"counts": ("time", [1.0, 2.0, 3.0]), "taken": ("run", values)}, {"time": ("time", values)})
    ds["time"].attrs = {"long_name": "start of the run"}
    return ds.assign_coords(when=values[0])


@pytest.mark.parametrize("kind", ["M", "m"])
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_netcdf_gives_dates_and_durations_back_identical(tmp_path, kind, unit):
    ds = _dataset(kind, unit)
    before = ds.copy(deep=True)
    path = write_netcdf(ds, tmp_path / "a.nc")
    back = read_netcdf(path)
    xr.testing.assert_identical(back, ds)
    xr.testing.assert_identical(ds, before)
    assert {name: v.dtype for name, v in back.variables.items()} == {name: v.dtype for name, v in ds.variables.items()}
    with xr.open_dataset(path, engine="h5netcdf", decode_timedelta=True) as seen:  # as others see it
        np.testing.assert_array_equal(seen.taken, ds.taken)


def test_the_last_nanosecond_and_years_far_away_are_kept(tmp_path):
    odd = np.array(["2024-01-01T00:00:00.000000001", "2261-12-31"], "M8[ns]")
    far = np.array(["0044-03-15", "9999-12-31"], "M8[s]")
    ds = xr.Dataset(coords={"odd": ("i", odd), "far": ("i", far)})
    xr.testing.assert_identical(read_netcdf(write_netcdf(ds, tmp_path / "a.nc")), ds)
    with pytest.raises(DataError, match=r"'far' has dates from 44 to 9999; xarray.open_zarr reads 1678 to 2261"):
        write_zarr(ds, tmp_path / "a.zarr")


def test_chunked_dates_stay_chunked_until_they_are_written(tmp_path):
    ds = _dataset("M", "ns").chunk({"time": 2, "run": 2})
    xr.testing.assert_identical(read_netcdf(write_netcdf(ds, tmp_path / "a.nc")), ds.compute())


@pytest.mark.parametrize("kind", ["M", "m"])
def test_zarr_gives_them_back_identical(tmp_path, kind):
    pytest.importorskip("zarr")
    ds = _dataset(kind, "ns")
    store = write_zarr(ds, tmp_path / "a.zarr")
    xr.testing.assert_identical(xr.open_zarr(store, chunks=None, decode_timedelta=True).load(), ds)


@pytest.mark.parametrize("write", [write_netcdf, write_zarr, write_nexus])
def test_an_attribute_in_the_way_is_named(tmp_path, write):
    ds = _dataset("M", "s")
    ds["time"].attrs["units"] = "1"
    with pytest.raises(DataError, match=r"attribute 'units' is in the way. Write del ds\['time'\].attrs\['units'\]"):
        write(ds, tmp_path / "a")


def test_numbers_that_look_like_times_stay_numbers(tmp_path):
    ds = xr.Dataset(
        {
            "a": ("x", [1.0, 2.0], {"units": "days since 2000-01-01"}),
            "b": ("x", [1, 2], {"units": "seconds", "dtype": "a text"}),
            "c": ("x", [1, 2], {"units": "days", "dtype": "timedelta64[ns]"}),
        }
    )
    xr.testing.assert_identical(read_netcdf(write_netcdf(ds, tmp_path / "a.nc")), ds)


def test_tables_and_nexus_hold_dates_as_text_and_durations_in_seconds(tmp_path):
    ds = _dataset("M", "s")[["counts"]].drop_vars("when")
    lines = write_csv(ds, tmp_path / "a.csv").read_text().splitlines()
    assert lines == ["time,counts", f"{DATES[0]},1.0", f"{DATES[1]},2.0", ",3.0"]
    with h5py.File(write_nexus(ds, tmp_path / "a.nxs")) as f:
        assert list(f["entry/fit/counts/time"].asstr()) == [*DATES[:2], ""]
    delay = xr.Dataset({"counts": ("delay", [1.0, 2.0])}, {"delay": np.array([1500, 2500], "m8[ms]")})
    assert write_csv(delay, tmp_path / "b.csv").read_text().splitlines() == ["delay (s),counts", "1.5,1.0", "2.5,2.0"]
    with h5py.File(write_nexus(delay, tmp_path / "b.nxs")) as f:
        assert f["entry/fit/counts/delay"][:].tolist() == [1.5, 2.5]
        assert f["entry/fit/counts/delay"].attrs["units"] == "s"


def test_a_series_of_spectra_in_time_is_read_with_its_unit(tmp_path):
    start = np.datetime64("2024-01-31T12:00:00", "s")
    coords = {"time": start + np.arange(3) * np.timedelta64(60, "s"), "energy": ("energy", [1.0, 2.0], {"units": "eV"})}
    da = xr.DataArray(np.ones((3, 2)), coords, ("time", "energy"), name="spectra")
    got = read_spectra(write_netcdf(da, tmp_path / "a.nc"))
    assert got.time.attrs == {"units": "s", "long_name": "time since 1970-01-01 00:00:00"}
    np.testing.assert_array_equal(np.diff(got.time), 60)
    json.dumps(got.attrs)
