"""netCDF: whole or not at all, identical when read back, and others' files too."""

import json

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import DataError, FileFormatError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.io import _netcdf, read_netcdf, read_spectra, write_csv, write_netcdf


@pytest.fixture(scope="module")
def made():
    return datasets.make_spectral_map(shape=(6, 7), n_channels=30)


def test_dataset_comes_back_identical(made, tmp_path):
    ds = made.assign(
        status=(
            "x",
            np.arange(7, dtype="int8"),
            {"flag_values": np.arange(3, dtype="int8"), "flag_meanings": "ok a b"},
        ),
        missing=("x", np.where(np.arange(7) > 2, np.nan, 1.5).astype("float32")),
        text=("x", np.array(list("abcdefg"))),
        big=("x", np.full(7, 2**40)),
        yes=("x", np.arange(7) > 3),
        nothing=("y", np.full(6, np.nan)),
        time=("t", np.arange(3.0), {"units": "s"}),
        date=("t", np.arange(3.0), {"units": "days since 2000-01-01"}),
    )
    path = write_netcdf(ds, tmp_path / "a.nc")
    back = read_netcdf(path)
    xr.testing.assert_identical(ds, back)
    assert all(back[name].dtype == ds[name].dtype for name in ds if name != "text")
    path.unlink()  # the file is closed, so it can go
    assert float(back.spectra.sum()) > 0


def test_spectra_come_back_identical(made, tmp_path):
    first = read_spectra(write_netcdf(made, tmp_path / "a.nc"))
    np.testing.assert_array_equal(first, made.spectra)
    assert first.attrs["title"] == made.attrs["title"]
    assert first.attrs["history"] == made.attrs["history"]
    again = read_spectra(write_netcdf(first, tmp_path / "b.nc"))
    xr.testing.assert_identical(first, again)
    array = made.spectra.rename(None)
    assert "spectra" in read_netcdf(write_netcdf(array, tmp_path / "c.nc"))


def test_input_is_not_modified(made, tmp_path):
    before = made.copy(deep=True)
    write_netcdf(made, tmp_path / "a.nc")
    write_csv(made.spectra, tmp_path / "a.csv")
    xr.testing.assert_identical(made, before)
    assert made.spectra.encoding == {}


def test_an_existing_file_is_never_lost(made, tmp_path, monkeypatch):
    path = write_netcdf(made, tmp_path / "a.nc")
    good = path.read_bytes()
    with pytest.raises(ParameterError, match=r"exists\. Write overwrite=True to replace it"):
        write_netcdf(made, path)

    def half(self, file, **kwargs):
        file.write_bytes(good[:1000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", half)
    with pytest.raises(OSError, match="No space left"):
        write_netcdf(made, path, overwrite=True)
    assert path.read_bytes() == good
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]
    monkeypatch.undo()
    write_netcdf(made.isel(y=slice(2)), path, overwrite=True)
    assert read_netcdf(path).sizes["y"] == 2
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


def test_an_open_file_can_be_replaced(made, tmp_path):
    path = write_netcdf(made, tmp_path / "a.nc")
    lazy = read_spectra(path, lazy=True)
    write_netcdf(lazy + 1, path, overwrite=True)
    np.testing.assert_array_equal(read_spectra(path), made.spectra + 1)


@pytest.mark.parametrize(
    ("ds", "text"),
    [
        (xr.Dataset(attrs={"a": None}), "attribute 'a' is a NoneType"),
        (xr.Dataset(attrs={"a": True}), "attribute 'a' is a bool"),
        (xr.Dataset({"v": ("x", [1.0], {"fit": {"n": 2}})}), "attribute 'fit' of 'v' is a dict"),
        (xr.Dataset({"z": ("x", [1 + 2j])}), "no complex numbers: 'z'. Write z_real and z_imag"),
        (xr.Dataset({"o": ("x", np.array([{}], dtype=object))}), "'o' holds Python objects"),
        ([1, 2], "needs an xarray Dataset or DataArray; got list"),
    ],
)
def test_what_netcdf_cannot_hold_is_named_before_anything_is_written(ds, text, tmp_path):
    with pytest.raises(DataError, match=text):
        write_netcdf(ds, tmp_path / "a.nc")
    assert not list(tmp_path.iterdir())


def test_bad_places_are_named(made, tmp_path):
    with pytest.raises(ParameterError, match="there is no folder"):
        write_netcdf(made, tmp_path / "no" / "a.nc")
    with pytest.raises(ParameterError, match="is a folder"):
        write_netcdf(made, tmp_path)
    with pytest.raises(ParameterError, match="exists"):
        write_csv(made.spectra, write_csv(made.spectra, tmp_path / "a.csv"))


def test_result_of_a_fit_becomes_one_row_per_pixel(made, tmp_path):
    truth = made[["true_center", "true_background_left"]]
    lines = write_csv(truth, tmp_path / "a.csv").read_text().splitlines()
    assert lines[0] == "y (um),x (um),true_center_0 (eV),true_center_1 (eV),true_background_left (count)"
    assert len(lines) == 1 + 42
    row = [float(v) for v in lines[1 + 7 + 2].split(",")]
    p = truth.isel(y=1, x=2)
    assert row == [0.1, 0.2, *p.true_center.values, float(p.true_background_left)]
    with pytest.raises(DataError, match=r"'spectra' has dims .* where others have .'y', 'x'.* files of their own"):
        write_csv(made, tmp_path / "b.csv")
    with pytest.raises(DataError, match="no variables"):
        write_csv(xr.Dataset(), tmp_path / "b.csv")


def test_csv_titles_cannot_be_formulas(tmp_path):
    da = xr.DataArray([1.0, 2.0], dims="x", name="=cmd|' /C calc'!A0")
    assert write_csv(da, tmp_path / "a.csv").read_text().startswith("x,'=cmd")


# --- others' files


def _save(da, tmp_path, **options):
    da.to_netcdf(tmp_path / "a.nc", engine="h5netcdf", **options)
    return tmp_path / "a.nc"


@pytest.mark.parametrize(
    ("name", "attrs", "dim", "units"),
    [
        ("Kinetic Energy", {}, "energy", "eV"),
        ("E", {"units": "keV"}, "energy", "keV"),
        ("channel", {"units": "cm^-1"}, "wavenumber", "1/cm"),
        ("w", {"long_name": "Wavelength", "units": "nm"}, "wavelength", "nm"),
        ("raman_shift", {}, "raman_shift", "1/cm"),
    ],
)
def test_spectral_dimension_of_foreign_files_is_found_and_renamed(tmp_path, name, attrs, dim, units):
    values = np.arange(24, dtype="uint8").reshape(4, 2, 3)
    da = xr.DataArray(values, {name: (name, [1.0, 2, 3, 4], attrs)}, (name, "Y", "X"), name="data")
    da = da.assign_coords(X=("X", [0.0, 1, 2], {"units": "µm"}), extra=("X", [1, 2, 3]))
    da.attrs["comment"] = "as it was"
    got = read_spectra(_save(da, tmp_path))
    assert got.dims == ("y", "x", dim)
    assert got[dim].attrs["units"] == units
    assert got.x.attrs["units"] == "um"
    assert got.y.attrs == {"units": "1", "long_name": "y (pixel)"}
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got.values, values.transpose(1, 2, 0))


def test_global_attributes_are_kept_as_text(tmp_path):
    ds = xr.Dataset({"s": ("energy", [1.0, 2.0])}, {"energy": [1.0, 2.0]}, {"operator": "me", "title": "t"})
    got = read_spectra(_save(ds, tmp_path))
    assert json.loads(got.attrs["original_metadata"]) == {"operator": "me"}
    assert got.attrs["title"] == "t"


def test_netcdf3_and_packed_numbers(tmp_path):
    da = xr.DataArray([1.5, 2.5, np.nan], {"energy": [1.0, 2, 3]}, ("energy",), name="s")
    encoding = {"s": {"dtype": "int16", "scale_factor": 0.5, "_FillValue": -1}}
    da.to_netcdf(tmp_path / "a.nc", engine="scipy", encoding=encoding)
    np.testing.assert_array_equal(read_spectra(tmp_path / "a.nc"), [1.5, 2.5, np.nan])


def test_a_time_axis_stays_in_seconds(tmp_path):
    da = xr.DataArray([1.0, 2, 3], {"time": ("time", [0.0, 1, 2], {"units": "s"})}, ("time",), name="s")
    got = read_spectra(_save(da, tmp_path))
    assert got.time.dtype == float
    series = xr.DataArray(np.ones((3, 2)), {"time": da.time, "energy": [1.0, 2]}, ("time", "energy"), name="s")
    assert read_spectra(_save(series, tmp_path)).dims == ("time", "energy")


def test_several_variables_ask_for_a_choice(tmp_path):
    ds = xr.Dataset({k: ("energy", [1.0, 2.0 + i]) for i, k in enumerate(["first", "second"])}, {"energy": [1.0, 2.0]})
    path = _save(ds, tmp_path)
    with pytest.raises(ParameterError, match=r"several variables.*variable='first'"):
        read_spectra(path)
    np.testing.assert_array_equal(read_spectra(path, variable="second"), [1, 3])
    with pytest.raises(ParameterError, match=r"no variable 'third'. It has: first \('energy',\), second"):
        read_spectra(path, variable="third")


def test_the_spectral_dimension_can_be_named(tmp_path):
    da = xr.DataArray(np.ones((2, 3)), {"c": [1.0, 2, 3]}, ("r", "c"), name="s")
    path = _save(da, tmp_path)
    text = r"known spectral dimension. It has: s \('r', 'c'\); coordinates: c\. .*\(path, dim='c', units=\"eV\"\)"
    with pytest.raises(LabelError, match=text):
        read_spectra(path)
    got = read_spectra(path, dim="c", units="eV")
    assert got.dims == ("r", "c")
    assert got.c.attrs["units"] == "eV"
    with pytest.raises(LabelError, match=r"dimension 'energy'\. It has: s .*coordinates: c"):
        read_spectra(path, dim="energy")


def test_a_dimension_without_coordinate_asks_for_its_values(tmp_path):
    path = _save(xr.DataArray(np.ones((2, 3)), dims=("r", "energy"), name="s"), tmp_path)
    text = r"'energy' of 's' \(2, 3\) has no coordinate.*\(path, dim='energy', axis=\[\.\.\.\], units=\"eV\"\)"
    with pytest.raises(LabelError, match=text):
        read_spectra(path)
    got = read_spectra(path, dim="energy", axis=[283.0, 284.0, 286.0], units="eV")
    assert got.energy.values.tolist() == [283, 284, 286]
    assert got.energy.attrs == {"units": "eV", "long_name": "energy"}
    channels = read_spectra(path, dim="energy")
    assert channels.energy.attrs == {"units": "1", "long_name": "energy (channel)"}


def test_results_without_spectra_name_the_function_that_reads_them(tmp_path):
    path = _save(xr.DataArray(np.ones((2, 3)), dims=("y", "x"), name="area"), tmp_path)
    with pytest.raises(LabelError, match=r"It has: area \('y', 'x'\).*read_netcdf\(path\)"):
        read_spectra(path)


def test_time_since_a_date_keeps_its_unit_and_says_since_when(tmp_path):
    for dims, dim in ((("time", "energy"), "time"), (("time",), "time")):
        da = xr.DataArray(np.ones((3, 2)[: len(dims)]), dims=dims, name="s")
        da = da.assign_coords(time=("time", [0.0, 1, 2], {"units": "days since 2000-01-01", "long_name": "date"}))
        da = da.assign_coords(energy=[1.0, 2]) if "energy" in dims else da
        got = read_spectra(_save(da, tmp_path))
        assert got[dim].attrs == {"units": "day", "long_name": "date since 2000-01-01"}


def test_lazy_spectra_stay_on_disk(made, tmp_path, monkeypatch):
    path = write_netcdf(made, tmp_path / "a.nc")
    da = read_spectra(path, lazy=True)
    assert da.chunks is not None
    assert da.chunks[-1] == (30,)
    np.testing.assert_array_equal(da.compute(), made.spectra)
    monkeypatch.setattr(_netcdf, "LAZY_BYTES", 100)
    assert read_spectra(path).chunks is not None
    assert read_spectra(path, lazy=False).chunks is None
    monkeypatch.setattr(_netcdf.importlib.util, "find_spec", lambda name: None)
    assert read_spectra(path).chunks is None
    with pytest.raises(MissingDependencyError, match="pip install dask"):
        read_spectra(path, lazy=True)


@pytest.mark.parametrize(
    ("values", "axis", "text"),
    [
        ([[1.0]], [1.0], "one channel along 'energy'"),
        ([[1.0, 2.0]], [1.0, 1.0], r"energy 1 appears 2 times \(points 1 and 2\)"),
        ([[1.0, 2.0, 3.0]], [1.0, 3.0, 2.0], "goes up and down. Sort"),
        ([[1.0, 2.0]], [1.0, np.nan], "no finite numbers"),
        ([[np.nan, np.nan]], [1.0, 2.0], "no value is a finite number"),
        ([[np.inf, 1.0]], [1.0, 2.0], "1 values are infinite"),
        (np.empty((0, 2)), [1.0, 2.0], "holds no values"),
    ],
)
def test_values_that_cannot_be_used_are_named(tmp_path, values, axis, text):
    da = xr.DataArray(np.asarray(values), {"energy": axis}, ("x", "energy"), name="s")
    with pytest.raises(DataError, match=text):
        read_spectra(_save(da, tmp_path))


def test_positions_that_are_no_coordinate_become_pixels(tmp_path):
    da = xr.DataArray(np.ones((3, 2)), {"x": ("x", [5.0, 5.0, 5.0], {"units": "um"}), "energy": [1.0, 2]}, name="s")
    got = read_spectra(_save(da, tmp_path))
    np.testing.assert_array_equal(got.x, [0, 1, 2])
    assert got.x.attrs == {"units": "1", "long_name": "x (pixel)"}


def test_a_header_that_claims_too_much_is_refused_before_memory_is_taken(tmp_path):
    import h5py

    da = xr.DataArray(np.ones((3, 2)), {"energy": [1.0, 2]}, ("x", "energy"), name="s")
    path = _save(da, tmp_path)
    with h5py.File(path, "a") as f:
        f.create_dataset("huge", shape=(2**30, 2**8), dtype="f8", chunks=(1024, 256))
    with pytest.raises(FileFormatError, match=r"says it holds 2.2e\+12 bytes.*header is damaged"):
        read_spectra(path)


def test_text_in_attributes_is_not_evaluated(tmp_path):
    marker = tmp_path / "evaluated"
    evil = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    ds = xr.Dataset({"s": ("energy", [1.0, 2.0], {"history": evil})}, {"energy": [1.0, 2.0]}, {"history": evil})
    assert read_spectra(_save(ds, tmp_path)).attrs["history"] == evil
    assert not marker.exists()


def test_a_heap_entry_without_length_does_not_hang(made, tmp_path):
    raw = bytearray(write_netcdf(made, tmp_path / "a.nc").read_bytes())
    heap = raw.index(b"GCOL\x01\0\0\0")
    for length in (0, 2**64 - 16):  # of a free entry, and of a used one; HDF5 2.0.0 loops on both
        damaged = raw.copy()
        damaged[heap + 16 : heap + 32] = (0 if length == 0 else 1).to_bytes(8, "little") + length.to_bytes(8, "little")
        (tmp_path / "b.nc").write_bytes(damaged)
        with pytest.raises(FileFormatError, match=f"global heap at byte {heap} has an entry of impossible length"):
            read_spectra(tmp_path / "b.nc")
