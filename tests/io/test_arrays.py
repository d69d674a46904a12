"""NumPy, HDF5 and Zarr: arrays with few labels or none."""

import json
import zipfile

import h5py
import numcodecs
import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import DataError, FileFormatError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.io import _netcdf, _zarr, read_spectra, write_zarr

CUBE = np.arange(24.0).reshape(2, 3, 4)
ENERGY = np.array([280.0, 281.0, 283.0, 286.0])


@pytest.fixture(scope="module")
def made():
    return datasets.make_spectral_map(shape=(6, 5), n_channels=30, counts=100, seed=1)


class Evil:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return (open, (str(self.marker), "w"))


# --- NumPy


def test_npy_has_channel_numbers_or_a_given_axis(tmp_path):
    np.save(tmp_path / "a.npy", CUBE.astype("u2"))
    da = read_spectra(tmp_path / "a.npy")
    assert da.dims == ("y", "x", "channel")
    assert da.channel.values.tolist() == [0, 1, 2, 3]
    assert da.channel.attrs == {"units": "1", "long_name": "channel"}
    np.testing.assert_array_equal(da, CUBE)
    named = read_spectra(tmp_path / "a.npy", axis=ENERGY, dim="energy")
    assert named.energy.values.tolist() == ENERGY.tolist()
    assert named.energy.attrs == {"units": "eV", "long_name": "energy"}
    axis = xr.DataArray(ENERGY, attrs={"units": "keV", "long_name": "photon energy"})
    assert read_spectra(tmp_path / "a.npy", axis=axis, dim="energy").energy.attrs["units"] == "keV"
    assert read_spectra(tmp_path / "a.npy", axis=ENERGY[::-1], dim="wavelength", units="um").wavelength.units == "um"
    for wrong in (ENERGY[:3], ["a"] * 4, CUBE):
        with pytest.raises(ParameterError, match="axis must hold 4 numbers"):
            read_spectra(tmp_path / "a.npy", axis=wrong)
    with pytest.raises(DataError, match="appears 2 times"):
        read_spectra(tmp_path / "a.npy", axis=[1, 2, 2, 3])


def test_npz_takes_a_vector_of_fitting_name_for_the_axis(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", spectra=CUBE, energy=ENERGY, x=[0.0, 0.5, 1.0], note=np.array("text"))
    da = read_spectra(tmp_path / "a.npz")
    assert da.dims == ("y", "x", "energy")
    assert da.energy.values.tolist() == ENERGY.tolist()
    assert da.x.values.tolist() == [0, 0.5, 1]
    np.savez(tmp_path / "b.npz", first=CUBE, second=CUBE + 1)
    with pytest.raises(ParameterError, match=r"several arrays.*variable='first'.*1: second \(2, 3, 4\)"):
        read_spectra(tmp_path / "b.npz")
    for choice in (1, "second"):
        np.testing.assert_array_equal(read_spectra(tmp_path / "b.npz", variable=choice), CUBE + 1)
    with pytest.raises(ParameterError, match="no array 'third'"):
        read_spectra(tmp_path / "b.npz", variable="third")


def test_pickled_objects_are_refused_and_nothing_runs(tmp_path):
    marker = tmp_path / "ran"
    evil = np.array([Evil(marker)], dtype=object)
    np.save(tmp_path / "a.npy", evil, allow_pickle=True)
    np.savez(tmp_path / "a.npz", evil=evil)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match="pickled Python objects"):
            read_spectra(tmp_path / name)
    np.savez(tmp_path / "b.npz", evil=evil, spectra=CUBE)
    np.testing.assert_array_equal(read_spectra(tmp_path / "b.npz"), CUBE)
    with pytest.raises((DataError, LabelError)):
        read_spectra(tmp_path / "b.npz", variable="evil")
    assert not marker.exists()


def test_numpy_headers_that_claim_too_much(tmp_path):
    np.save(tmp_path / "a.npy", CUBE)
    raw = (tmp_path / "a.npy").read_bytes()
    for shape in (b"(2, 3, 900000000000), }", b"(-2, 3, 4), }", b"(2, 3, 5), }"):
        at = raw.index(b"(2, 3, 4), }")
        bad = raw[:at] + shape + raw[at + len(shape) :]
        (tmp_path / "b.npy").write_bytes(bad)
        with pytest.raises((FileFormatError, DataError)):
            read_spectra(tmp_path / "b.npy")
        with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("spectra.npy", bad)
        with pytest.raises((FileFormatError, DataError)):
            read_spectra(tmp_path / "b.npz")
    for n in (1, 5, 60, len(raw) - 1):
        (tmp_path / "c.npy").write_bytes(raw[:n])
        with pytest.raises(FileFormatError):
            read_spectra(tmp_path / "c.npy")


def test_arrays_without_a_spectrum(tmp_path):
    for values, text in ((np.float64(1), "no array"), (np.ones((2, 1)), "one channel"), (np.ones(0), "no array")):
        np.save(tmp_path / "a.npy", values)
        with pytest.raises((DataError, LabelError), match=text):
            read_spectra(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.array([1j, 2]))
    with pytest.raises((DataError, LabelError)):
        read_spectra(tmp_path / "a.npy")


# --- HDF5


@pytest.fixture
def h5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["scan/counts"] = CUBE.astype("u1")
        f["scan/energy"] = ENERGY
        f["scan/energy"].attrs["units"] = "eV"
        f["scan/temperature"] = np.arange(7.0)
        f["other/image"] = np.ones((5, 6))
        f["other/text"] = "a text"
        f.attrs["operator"] = "me"
    return tmp_path / "a.h5"


def test_hdf5_finds_the_axis_beside_the_data(h5):
    da = read_spectra(h5)
    assert da.dims == ("y", "x", "energy")
    assert da.energy.attrs == {"units": "eV", "long_name": "energy"}
    assert (da.attrs["long_name"], da.dtype) == ("counts", np.float32)
    assert json.loads(da.attrs["original_metadata"]) == {"operator": "me"}
    assert read_spectra(h5, variable="scan/counts").identical(da)
    assert read_spectra(h5, variable="/scan/counts").identical(da)
    with pytest.raises(ParameterError, match=r"no array 'counts'.*scan/counts \(2, 3, 4\)"):
        read_spectra(h5, variable="counts")
    with pytest.raises(LabelError, match="no array with a known spectral axis"):
        read_spectra(h5, variable="other/image")
    image = read_spectra(h5, variable="other/image", dim="energy")
    assert image.energy.attrs["long_name"] == "energy (channel)"


def test_hdf5_dimension_scales_and_labels(tmp_path):
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as f:
        data = f.create_dataset("data", data=CUBE.transpose(2, 0, 1))
        f["e"] = ENERGY
        f["e"].attrs.update({"units": "keV", "long_name": "photon energy"})
        f["e"].make_scale("Energy")
        data.dims[0].label, data.dims[1].label = "Energy", "Y"
        data.dims[0].attach_scale(f["e"])
    da = read_spectra(path)
    assert da.dims == ("y", "x", "energy")
    assert da.energy.attrs == {"units": "keV", "long_name": "photon energy"}
    np.testing.assert_array_equal(da, CUBE)


def test_hdf5_of_netcdf_and_lazily(made, tmp_path, monkeypatch):
    made.to_netcdf(tmp_path / "a.h5", engine="h5netcdf")
    da = read_spectra(tmp_path / "a.h5", variable="spectra")
    np.testing.assert_array_equal(da, made.spectra)
    np.testing.assert_array_equal(da.energy, made.energy)
    np.testing.assert_array_equal(da.x, made.x)
    lazy = read_spectra(tmp_path / "a.h5", variable="spectra", lazy=True)
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.compute(), made.spectra)


def test_hdf5_links_loops_and_other_files(tmp_path):
    with h5py.File(tmp_path / "elsewhere.h5", "w") as f:
        f["secret"] = CUBE
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["energy"] = ENERGY
        f["loop/again"] = h5py.SoftLink("/loop")
        f["loop/hard"] = f["loop"]
        f["out"] = h5py.ExternalLink("elsewhere.h5", "/secret")
        f["soft"] = h5py.SoftLink("/nowhere")
        f.create_dataset("raw", (4,), "f8", external=[(str(tmp_path / "elsewhere.h5"), 0, 32)])
        layout = h5py.VirtualLayout((2, 3, 4), "f8")
        layout[:] = h5py.VirtualSource("absent.h5", "secret", (2, 3, 4))
        f.create_virtual_dataset("virtual", layout)
    with pytest.raises(ParameterError, match="no array 'out'"):
        read_spectra(tmp_path / "a.h5", variable="out")
    with pytest.raises(FileFormatError, match="in another file"):
        read_spectra(tmp_path / "a.h5", variable="raw", dim="energy")
    with pytest.raises(FileFormatError, match=r"needs 'absent\.h5' beside it"):
        read_spectra(tmp_path / "a.h5", variable="virtual", dim="energy")


def test_hdf5_that_claims_too_much_or_is_cut_off(h5, tmp_path):
    with h5py.File(tmp_path / "b.h5", "w") as f:
        f.create_dataset("huge", (2**20, 2**20), "f8", chunks=(1024, 1024))
        f.create_dataset("energy", (2**20,), "f8", chunks=(1024,))
    with pytest.raises(FileFormatError, match="header is damaged"):
        read_spectra(tmp_path / "b.h5")
    raw = h5.read_bytes()
    for n in (4, 100, 1000, len(raw) // 2, len(raw) - 1):
        (tmp_path / "c.h5").write_bytes(raw[:n])
        with pytest.raises(FileFormatError, match=r"c\.h5 could not be read as hdf5"):
            read_spectra(tmp_path / "c.h5")
    with h5py.File(tmp_path / "d.h5", "w"):
        pass
    with pytest.raises(LabelError, match="It has: nothing"):
        read_spectra(tmp_path / "d.h5")


# --- Zarr


def test_zarr_comes_back_identical(made, tmp_path, monkeypatch):
    store = write_zarr(made, tmp_path / "a.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr"]
    with xr.open_zarr(store, chunks=None) as ds:
        assert ds.load().identical(made)
    da = read_spectra(store, variable="spectra")
    assert da.chunks is None
    np.testing.assert_array_equal(da, made.spectra)
    assert {k: v for k, v in da.attrs.items() if k in made.spectra.attrs} == made.spectra.attrs
    lazy = read_spectra(store, variable="spectra", lazy=True)
    assert lazy.chunks[-1] == (30,)
    np.testing.assert_array_equal(lazy.compute(), made.spectra)
    monkeypatch.setattr(_netcdf, "LAZY_BYTES", 100)
    assert read_spectra(store).chunks is not None


def test_zarr_of_chunked_data_is_written_by_blocks(made, tmp_path):
    da = made.spectra.chunk({"y": 2, "x": 5, "energy": -1})
    store = write_zarr(da, tmp_path / "a.zarr", chunks={"y": 3})
    ds = xr.open_zarr(store)
    assert ds.spectra.chunks[0] == (3, 3)
    np.testing.assert_array_equal(ds.spectra, made.spectra)
    ds = xr.open_zarr(write_zarr(made.spectra, tmp_path / "b.zarr", chunks={"y": 2, "x": 2}))
    assert ds.spectra.chunks == ((2, 2, 2), (2, 2, 1), (30,))
    uneven = made.spectra.chunk({"y": (1, 3, 2)})
    ds = xr.open_zarr(write_zarr(uneven, tmp_path / "c.zarr"))
    np.testing.assert_array_equal(ds.spectra, made.spectra)


def test_zarr_stores_are_replaced_whole(made, tmp_path):
    store = write_zarr(made, tmp_path / "a.zarr")
    with pytest.raises(ParameterError, match=r"exists\. Write overwrite=True"):
        write_zarr(made, store)
    write_zarr(made.spectra + 1, store, overwrite=True)
    np.testing.assert_array_equal(read_spectra(store), made.spectra + 1)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ParameterError, match="is a folder"):
        write_zarr(made, tmp_path / "folder", overwrite=True)
    with pytest.raises(ParameterError, match=r"chunks name \['z'\]"):
        write_zarr(made, tmp_path / "b.zarr", chunks={"z": 1})
    with pytest.raises(DataError, match="Zarr holds text, numbers"):
        write_zarr(made.assign_attrs(a=None), tmp_path / "b.zarr")
    with pytest.raises(ParameterError, match="there is no folder"):
        write_zarr(made, tmp_path / "no" / "b.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr", "folder"]


def test_zarr_format_3_is_read(made, tmp_path):
    made.spectra.to_dataset().to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    np.testing.assert_array_equal(read_spectra(tmp_path / "a.zarr"), made.spectra)


def _edit(store, name, **changes):
    file = store / name
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_zarr_codecs_that_could_run_something_are_refused(made, tmp_path):
    store = write_zarr(made.spectra, tmp_path / "a.zarr")
    before = (store / "spectra" / ".zarray").read_text()
    for codec in ({"id": "pickle"}, {"id": "numcodecs.pickle"}, {"id": "msgpack2"}, {"name": "mine"}):
        _edit(store, "spectra/.zarray", filters=[codec])
        with pytest.raises(FileFormatError, match=r"packed with .* is not opened"):
            read_spectra(store)
        (store / "spectra" / ".zarray").write_text(before)
    assert read_spectra(store).size > 1


def test_zarr_chunks_that_are_cut_off_do_not_end_the_process(made, tmp_path):
    """numcodecs 0.16 reads behind the end of a Blosc chunk that is shorter than it says."""
    store = tmp_path / "a.zarr"
    encoding = {"spectra": {"compressors": numcodecs.Blosc(), "chunks": (3, 5, 30)}}
    made.spectra.to_dataset().to_zarr(store, zarr_format=2, consolidated=False, encoding=encoding)
    chunk = store / "spectra" / "1.0.0"
    whole = chunk.read_bytes()
    for bad in (whole[:-1], whole[:30], whole[:5], whole[:4] + b"\xff" * 12 + whole[16:]):
        chunk.write_bytes(bad)
        for lazy in (False, True):
            with pytest.raises(FileFormatError, match=r"chunk spectra/1\.0\.0 of \d+ bytes is cut off or damaged"):
                read_spectra(store, lazy=lazy)
    chunk.write_bytes(whole)
    np.testing.assert_array_equal(read_spectra(store), made.spectra)
    _edit(store, "spectra/.zarray", filters=[{"id": "blosc"}])
    with pytest.raises(FileFormatError, match="packed twice, by blosc and blosc"):
        read_spectra(store)


def test_zarr_that_is_damaged_or_claims_too_much(made, tmp_path):
    store = write_zarr(made.spectra, tmp_path / "a.zarr")
    meta = json.loads((store / "spectra" / ".zarray").read_text())
    for changes in (
        {"shape": [10**6, 10**6, 30]},
        {"chunks": [10**6, 10**6, 30]},
        {"shape": [6, 5, -1]},
        {"dtype": "|O"},
        {"dtype": "x"},
        {"order": 5},
        {"shape": [10**5, 5, 30], "chunks": [1, 1, 1]},
    ):
        _edit(store, "spectra/.zarray", **{**meta, **changes})
        with pytest.raises((FileFormatError, DataError, LabelError, ParameterError)):
            read_spectra(store)
    (store / "spectra" / ".zarray").write_text("{")
    with pytest.raises(FileFormatError, match="could not be read as zarr"):
        read_spectra(store)
    empty = tmp_path / "b.zarr"
    empty.mkdir()
    with pytest.raises(FileFormatError, match="holds no Zarr arrays"):
        read_spectra(empty)
    (tmp_path / "c.zarr").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(FileFormatError, match="Zarr store is a folder"):
        read_spectra(tmp_path / "c.zarr")


def test_without_zarr_the_command_is_named(made, tmp_path, monkeypatch):
    store = write_zarr(made.spectra, tmp_path / "a.zarr")
    monkeypatch.setattr(_zarr.importlib.util, "find_spec", lambda name: None)
    for use in (lambda: read_spectra(store), lambda: write_zarr(made, tmp_path / "b.zarr")):
        with pytest.raises(MissingDependencyError, match=r'pip install "mi-widgets\[files\]"'):
            use()


# --- what the messages tell


def test_hdf5_without_a_spectral_axis_lists_what_it_holds_and_the_line_to_write(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["scan/detector"] = CUBE
        f["scan/monitor"] = CUBE[0, 0]
        f["scan/theta"] = ENERGY
        f["scan/theta"].attrs["units"] = "furlong"
        f["scan/title"] = "a text"
    with pytest.raises(LabelError) as caught:
        read_spectra(tmp_path / "a.h5")
    text = str(caught.value)
    assert "0: scan/detector (2, 3, 4)" in text
    assert "scan/theta (4,) furlong" in text
    assert "title" not in text
    assert 'read_spectra(path, variable=\'scan/detector\', dim="energy", units="eV")' in text
    da = read_spectra(tmp_path / "a.h5", variable="scan/detector", dim="energy", units="eV", axis=ENERGY)
    assert da.energy.attrs["units"] == "eV"
    np.testing.assert_array_equal(da, CUBE)
    with h5py.File(tmp_path / "b.h5", "w") as f:
        f["title"] = "a text"
    with pytest.raises(LabelError, match=r"It has: 0: title .*None of it is an array of numbers"):
        read_spectra(tmp_path / "b.h5")


def test_numbers_of_numpy_choose_as_well(tmp_path):
    np.savez(tmp_path / "a.npz", first=CUBE, second=CUBE + 1)
    np.testing.assert_array_equal(read_spectra(tmp_path / "a.npz", variable=np.int64(1)), CUBE + 1)
