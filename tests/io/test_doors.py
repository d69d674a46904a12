"""Arguments that are wrong whatever the file: the message names the argument, and never blames the file."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import ParameterError
from mi_widgets.io import read_netcdf, read_spectra, write_csv, write_netcdf, write_nexus, write_zarr

WRITERS = {"nc": write_netcdf, "csv": write_csv, "nxs": write_nexus, "zarr": write_zarr}


@pytest.fixture(scope="module")
def spectra():
    return datasets.make_spectral_map(shape=(2, 3), n_channels=12, counts=100).spectra


@pytest.fixture(scope="module", params=["nc", "csv", "nxs", "zarr", "npy", "vms", "ibw", "3ds"])
def path(request, spectra, make, tmp_path_factory):
    file = tmp_path_factory.mktemp("doors") / f"a.{request.param}"
    if request.param in WRITERS:
        if request.param == "zarr":
            pytest.importorskip("zarr")
        return WRITERS[request.param](spectra, file)
    if request.param == "npy":
        np.save(file, spectra.values)
        return file
    made = {
        "vms": lambda: make.vamas([{"values": np.arange(4.0)}]).encode(),
        "ibw": lambda: make.wave(np.arange(6.0).reshape(3, 2), units=["eV", "um"]),
        "3ds": lambda: make.grid(np.ones((1, 2, 3, 4)), channels=("Current (A)",)),
    }
    file.write_bytes(made[request.param]())
    return file


@pytest.mark.parametrize("dim", ["x", "y"])
def test_a_position_is_no_spectral_dimension(path, dim):
    with pytest.raises(ParameterError, match=rf"^dim='{dim}' names a position.*energy, raman_shift.*Leave it out"):
        read_spectra(path, dim=dim)
    assert read_spectra(path).dims[-1] not in ("x", "y")


@pytest.mark.parametrize("dim", [3, 2.5, True, "", " ", ["energy"], b"energy"])
def test_dim_and_units_are_text(path, dim):
    with pytest.raises(ParameterError, match=r'^dim must be text such as dim="energy"; got '):
        read_spectra(path, dim=dim)
    with pytest.raises(ParameterError, match=r'^units must be text such as units="eV"; got '):
        read_spectra(path, units=dim)


def test_other_options_are_of_their_kind(path):
    for wrong in (3.5, True, ["spectra"], b"a"):
        with pytest.raises(ParameterError, match=r"^variable must be a name or a number"):
            read_spectra(path, variable=wrong)
    for wrong in ("yes", 1.0, 2):
        with pytest.raises(ParameterError, match=r"^lazy must be True, False or None; got "):
            read_spectra(path, lazy=wrong)


@pytest.mark.parametrize("wrong", [None, 3, 2.5, True, b"a.nc", "", [], {}, object(), xr.DataArray([1.0])])
def test_what_is_no_path_is_named(spectra, wrong):
    for read in (read_spectra, read_netcdf):
        with pytest.raises(ParameterError, match=rf"^{read.__name__}: path must be text or a pathlib.Path; got "):
            read(wrong)
    for write in (write_netcdf, write_csv, write_nexus):
        with pytest.raises(ParameterError, match=rf"^{write.__name__}: path must be text .*Give the name of a file"):
            write(spectra, wrong)
