"""NeXus files as h5py sees them: groups, signals, axes, errors and attributes."""

import h5py
import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io import read_spectra, write_nexus


@pytest.fixture(scope="module")
def made():
    return datasets.make_spectral_map(shape=(3, 4), n_channels=40, counts=200, seed=2)


@pytest.fixture(scope="module")
def fit(made):
    return peaks.fit_peaks(made.spectra, n_peaks=2, engine="numpy")


def test_spectra_come_back(made, tmp_path):
    da = read_spectra(write_nexus(made.spectra, tmp_path / "a.nxs"))
    np.testing.assert_array_equal(da, made.spectra)
    for dim in ("y", "x", "energy"):
        np.testing.assert_array_equal(da[dim], made[dim])
        assert da[dim].attrs == made[dim].attrs
    assert da.attrs["units"] == made.spectra.attrs["units"]


def test_a_fit_is_a_process_with_one_group_for_each_quantity(made, fit, tmp_path):
    with h5py.File(write_nexus(fit, tmp_path / "a.nxs", spectra=made.spectra)) as f:
        assert f.attrs["NX_class"] == "NXroot"
        entry = f[f.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        plot = entry[entry.attrs["default"]]
        assert plot.attrs["NX_class"] == "NXdata"
        np.testing.assert_array_equal(plot[plot.attrs["signal"]], made.spectra)
        process = entry["fit"]
        assert process.attrs["NX_class"] == "NXprocess"
        assert process["program"].asstr()[()] == "mi_widgets"
        assert process.attrs["history"] == fit.attrs["history"]
        center = process["center"]
        assert center.attrs["NX_class"] == "NXdata"
        assert list(center.attrs["axes"]) == list(fit.center.dims)
        assert center.attrs["signal"] == "center"
        np.testing.assert_array_equal(center["center"], fit.center)
        np.testing.assert_array_equal(center["center_errors"], fit.center_stderr)
        assert center["center"].attrs["units"] == fit.center.attrs["units"]
        assert center["center_errors"].attrs["units"] == fit.center_stderr.attrs["units"]
        for i, dim in enumerate(fit.center.dims):
            np.testing.assert_array_equal(center[dim], fit[dim])
            assert center.attrs[f"{dim}_indices"] == i
            assert center[dim].attrs.get("units") == fit[dim].attrs.get("units")
            assert center["center"].dims[i][0] == center[dim]
        status = process["status"]["status"]
        assert list(status.attrs["flag_values"]) == list(fit.status.attrs["flag_values"])
        assert status.attrs["flag_meanings"] == fit.status.attrs["flag_meanings"]
        assert not any(name.endswith("_stderr") for name in process)
        stored = {name.removesuffix("_stderr") for name in fit.data_vars}
        assert stored <= set(process)


def test_the_default_plot_is_what_is_read(made, fit, tmp_path):
    path = write_nexus(made, tmp_path / "a.nxs")
    np.testing.assert_array_equal(read_spectra(path), made.spectra)
    path = write_nexus(fit, tmp_path / "b.nxs", spectra=made.spectra)
    np.testing.assert_array_equal(read_spectra(path), made.spectra)


def test_chunked_data_texts_and_long_attributes(made, tmp_path):
    ds = made.spectra.chunk({"y": 2}).to_dataset().assign_attrs(title="a title", history="ä" * 40_000, numbers=[1, 2])
    ds = ds.assign(total=ds.spectra.sum("energy").assign_attrs(units="count"), texts=("y", ["a", "b", "c"]))
    ds["total"].attrs["names"] = ["p", "q"]
    with h5py.File(write_nexus(ds, tmp_path / "a.nxs")) as f:
        np.testing.assert_array_equal(f["entry/spectra/spectra"], made.spectra)
        assert f["entry/title"].asstr()[()] == "a title"
        assert f["entry/fit"].attrs["history"].endswith("ä (shortened)")
        assert list(f["entry/fit/total/total"].attrs["names"]) == ["p", "q"]
        assert list(f["entry/fit/texts/texts"].asstr()) == ["a", "b", "c"]


def test_files_are_replaced_whole_and_bad_input_is_named(made, fit, tmp_path, monkeypatch):
    path = write_nexus(made.spectra, tmp_path / "a.nxs")
    with pytest.raises(ParameterError, match=r"exists\. Write overwrite=True"):
        write_nexus(fit, path)
    before = path.read_bytes()
    monkeypatch.setattr(h5py.Group, "create_dataset", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_nexus(fit, path, overwrite=True)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nxs"]
    for bad, text in [
        (fit.assign_attrs(a=None), "NeXus holds text, numbers"),
        (fit.assign(z=("peak", [1j, 2j])), "NeXus holds no complex numbers"),
        (made.spectra.rename("a/b"), "cannot be called 'a/b'"),
        (xr.Dataset(), "no variables"),
        ([1, 2], "needs an xarray Dataset"),
    ]:
        with pytest.raises(DataError, match=text):
            write_nexus(bad, tmp_path / "b.nxs")
    with pytest.raises(DataError, match="spectra must be a DataArray"):
        write_nexus(fit, tmp_path / "b.nxs", spectra=made)
    with pytest.raises(ParameterError, match="already hold a variable 'spectra'"):
        write_nexus(made, tmp_path / "b.nxs", spectra=made.spectra)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nxs"]
