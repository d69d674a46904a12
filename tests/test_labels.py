"""The spectral dimension is found; what is missing is named."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.labels import find_spectral_dim, label_spectra, require_axis, require_numeric, require_units


@pytest.mark.parametrize("dims", [("time", "energy"), ("energy", "time"), ("y", "energy", "x"), ("energy",)])
def test_energy_is_found_in_any_place(dims: tuple[str, ...]) -> None:
    assert find_spectral_dim(xr.DataArray(np.ones((2,) * len(dims)), dims=dims)) == "energy"


def test_time_alone_is_an_axis() -> None:
    assert find_spectral_dim(xr.DataArray(np.ones((2, 3)), dims=("x", "time"))) == "time"


def test_a_unit_that_is_no_length_tells() -> None:
    coords = {"x": ("x", [0.0, 1.0], {"units": "um"}), "loss": ("loss", [1.0, 2.0], {"units": "meV"})}
    assert find_spectral_dim(xr.DataArray(np.ones((2, 2)), coords, ("loss", "x"))) == "loss"
    with pytest.raises(LabelError, match="Known names: energy"):
        find_spectral_dim(xr.DataArray(np.ones(2), dims="x"))
    assert find_spectral_dim(xr.DataArray(np.ones(2), dims="x"), default=None) is None


def test_label_spectra_names_positions_and_units() -> None:
    da = label_spectra(np.ones((2, 3, 4)), np.arange(4.0), units="keV")
    assert da.dims == ("y", "x", "energy")
    assert [da[d].attrs["units"] for d in da.dims] == ["1", "1", "keV"]
    assert label_spectra(np.ones((3, 4)), np.arange(4.0)).dims == ("x", "energy")
    for values, axis in ((np.ones((2, 4)), np.arange(3)), (np.ones((1, 1, 1, 4)), np.arange(4)), (1.0, [1.0])):
        with pytest.raises(DataError, match="spectral axis last"):
            label_spectra(values, axis)


def test_what_is_missing_is_named() -> None:
    da = label_spectra(np.ones((2, 4)), np.arange(4.0))
    with pytest.raises(LabelError, match="f needs dimension 'enregy'"):
        require_axis(da, "enregy", who="f")
    with pytest.raises(LabelError, match=r"da\['energy'\].attrs\['units'\]"):
        require_units(da["energy"].drop_attrs(), who="f")
    with pytest.raises(DataError, match="astype"):
        require_numeric(da.astype(str), who="f")
    with pytest.raises(DataError, match="sortby"):
        require_axis(da.isel(energy=[0, 2, 1]), "energy", who="f")
    np.testing.assert_array_equal(require_axis(da[:, ::-1], "energy", who="f"), [3.0, 2.0, 1.0, 0.0])
