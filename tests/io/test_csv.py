"""Tables: what a spreadsheet makes of them."""

import csv

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import DataError
from mi_widgets.io import read_spectra, write_csv

BAD = ["=1+1", "+1", "-1", "@SUM(A1)", "\tcmd", "\rcmd", "\n=1", " =1"]
GOOD = ["plain", "a=b", "two\r=lines"]
SAFE = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tcmd", "' cmd", "' =1", "' =1", "plain", "a=b", "two =lines"]


def _rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


@pytest.mark.parametrize("dtype", [str, object, "S"])
def test_texts_cannot_be_formulas(tmp_path, dtype):
    labels = np.array([*BAD, *GOOD], dtype=dtype)
    ds = xr.Dataset({"value": ("label", np.arange(11.0)), "note": ("label", labels[::-1])}, {"label": labels})
    rows = _rows(write_csv(ds, tmp_path / "a.csv"))
    assert [row[0] for row in rows[1:]] == SAFE
    assert [row[2] for row in rows[1:]] == SAFE[::-1]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for row in rows for cell in row)


def test_titles_cannot_be_formulas(tmp_path):
    for text, safe in zip([*BAD, *GOOD], SAFE, strict=True):
        da = xr.DataArray([1.0, 2.0], {text: [3.0, 4.0]}, (text,), name=text + "b")
        assert _rows(write_csv(da, tmp_path / "a.csv", overwrite=True))[0] == [safe, safe + "b"]


def test_numbers_stay_numbers(tmp_path):
    da = xr.DataArray([-1.5, 2.0], {"energy": ("energy", [-3.0, -2.0], {"units": "eV"})}, ("energy",), name="s")
    path = write_csv(da, tmp_path / "a.csv")
    assert path.read_text() == "energy (eV),s\n-3.0,-1.5\n-2.0,2.0\n"
    np.testing.assert_array_equal(read_spectra(path), da)


def test_the_odd_one_out_is_named(tmp_path):
    ds = datasets.make_spectral_map(shape=(2, 3), n_channels=12)[["true_center", "true_amplitude", "spectra"]]
    with pytest.raises(DataError, match=r"^write_csv: 'spectra' has dims .* where others have \('y', 'x'\)") as caught:
        write_csv(ds, tmp_path / "a.csv")
    assert "write_csv(ds.drop_vars(['spectra']), path)" in str(caught.value)
    write_csv(ds.drop_vars(["spectra"]), tmp_path / "a.csv")
    write_csv(ds[["spectra"]], tmp_path / "b.csv")
