"""Everything that a fit may carry comes back from every format: correlations, smoothed maps, status."""

import h5py
import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.io import read_netcdf, read_spectra, write_csv, write_netcdf, write_nexus, write_zarr
from mi_widgets.peaks.smooth import smooth_maps


@pytest.fixture(scope="module")
def made():
    return datasets.make_spectral_map(shape=(3, 4), n_channels=60, counts=2000, seed=2)


@pytest.fixture(scope="module")
def fit(made):
    return smooth_maps(peaks.fit_peaks(made.spectra, n_peaks=2, correlations=True, engine="numpy"))


def test_netcdf_and_zarr_give_a_fit_back_identical(fit, tmp_path):
    assert {"correlation", "center_smooth", "center_smooth_stderr", "status"} <= set(fit.data_vars)
    assert fit.parameter.dtype.kind == "U"
    backs = [read_netcdf(write_netcdf(fit, tmp_path / "a.nc"))]
    pytest.importorskip("zarr")
    backs.append(xr.open_zarr(write_zarr(fit, tmp_path / "a.zarr"), chunks=None).load())
    for back in backs:
        xr.testing.assert_identical(back, fit)
        assert back.status.dtype == fit.status.dtype
        assert back.parameter_2.values.tolist() == fit.parameter_2.values.tolist()


def test_nexus_holds_every_variable_with_its_axes(made, fit, tmp_path):
    path = write_nexus(fit, tmp_path / "a.nxs", spectra=made.spectra)
    with h5py.File(path) as f:
        process = f["entry/fit"]
        for name, da in fit.data_vars.items():
            base = name.removesuffix("_stderr")
            stored = process[base][f"{base}_errors" if base != name else name]
            np.testing.assert_array_equal(stored, da)
            assert stored.dtype == da.dtype
            assert stored.attrs["units"] == da.attrs["units"]
            assert list(process[base].attrs["axes"]) == list(da.dims)
        correlation = process["correlation"]
        for i, dim in enumerate(fit.correlation.dims):
            axis = correlation[dim]
            values = axis.asstr()[:] if fit[dim].dtype.kind == "U" else axis[:]
            assert values.tolist() == fit[dim].values.tolist()
            assert correlation["correlation"].dims[i][0] == axis
        smooth = process["center_smooth"]
        assert set(smooth) == {"center_smooth", "center_smooth_errors", "y", "x", "peak"}
    np.testing.assert_array_equal(read_spectra(path), made.spectra)


def test_a_table_says_what_does_not_fit_into_it(fit, tmp_path):
    with pytest.raises(ValueError, match=r"'correlation' has dims .*\(ds.drop_vars\(\['correlation'\]\), path\)"):
        write_csv(fit, tmp_path / "a.csv")
    lines = write_csv(fit.drop_vars("correlation"), tmp_path / "a.csv").read_text().splitlines()
    assert len(lines) == 1 + 12
    assert "center_smooth_stderr_1 (eV)" in lines[0]
    assert write_csv(fit[["correlation"]], tmp_path / "b.csv").read_text().count("\n") == 1 + fit.correlation.size
