"""Files that are missing, empty, cut off, or not what their name says: an error that tells what to do."""

import re

import numpy as np
import pytest

from mi_widgets import datasets
from mi_widgets.errors import FileFormatError, ParameterError
from mi_widgets.io import _read, list_formats, read_netcdf, read_spectra, write_netcdf
from mi_widgets.io._finish import bounded_json, plain_attrs
from mi_widgets.io._units import compound_unit, parse_label, plain_unit

PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


def test_missing_file_names_where_it_was_looked_for(tmp_path):
    with pytest.raises(FileFormatError, match=r"there is no file .*absent\.nc"):
        read_spectra(tmp_path / "absent.nc")
    with pytest.raises(FileFormatError, match="there is no file"):
        read_spectra("a\0b.nc")
    with pytest.raises(FileFormatError, match=r"address on the web\. Download"):
        read_spectra("https://example.org/a.nc")
    with pytest.raises(ParameterError, match="path must be text"):
        read_spectra(b"a.nc")


def test_folder_and_empty_file(tmp_path):
    with pytest.raises(FileFormatError, match=r"is a folder\. Give the path of one file"):
        read_spectra(tmp_path)
    for name in ("a.nc", "a.csv", "a.wdf", "a.hspy", "a"):
        (tmp_path / name).touch()
        with pytest.raises(FileFormatError, match=r"is empty \(0 bytes\)"):
            read_spectra(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.nc", PNG, "could not be read as netcdf, which begins as a PNG image"),
        ("a.csv", PNG, "a.csv is not text"),
        ("a.wdf", PNG, "could not be read as rosettasciio, which begins as a PNG image"),
        ("a.wdf", b"this is a text file\n" * 30, "a.wdf could not be read as rosettasciio"),
        ("a.nc", b"this is a text file\n" * 30, "truncated, damaged or not what its name says"),
        ("a.nc", b"<!DOCTYPE html><html>log in</html>", "begins as a web page"),
        ("a.csv", b"<!DOCTYPE html><html>log in</html>", "no row of two or more numbers.*DOCTYPE"),
        ("a.hspy", PNG, "begins as a PNG image"),
        ("a.png", PNG, "no reader for '.png' .*begins as a PNG image"),
        ("a.xlsx", b"PK\x03\x04" + bytes(50), "begins as a zip archive or an Excel workbook"),
        ("a", b"1 2\n3 4\n", 'a file without suffix.*write read_spectra\\(path, format="text"\\)'),
        ("a.nc", b"\x89HDF\r\n\x1a\n" + bytes(100), "a.nc could not be read as netcdf"),
        ("a.nc", b"CDF\x01" + bytes(3), "a.nc could not be read as netcdf"),
    ],
)
def test_files_that_are_not_what_their_name_says(tmp_path, name, content, text):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=text) as caught:
        read_spectra(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_truncated_netcdf(tmp_path, share):
    raw = write_netcdf(datasets.make_spectral_map(shape=(4, 4)), tmp_path / "a.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(raw[: int(share * len(raw))])
    for read in (read_spectra, read_netcdf):
        with pytest.raises(FileFormatError, match=r"cut\.nc could not be read as netcdf.*truncated"):
            read(tmp_path / "cut.nc")


def test_format_overrides_the_suffix(tmp_path):
    path = tmp_path / "spectrum.dat2"
    path.write_text("energy (eV) counts\n".replace(") ", ")\t") + "1\t2\n2\t3\n")
    assert read_spectra(path, format="text").size == 2
    with pytest.raises(ParameterError, match=r"format must be one of 'netcdf', .*'rosettasciio'; got 'excel'"):
        read_spectra(path, format="excel")
    upper = tmp_path / "A.CSV"
    upper.write_text("energy (eV),counts\n1,2\n2,3\n")
    assert read_spectra(str(upper)).size == 2


def test_a_new_family_of_formats_is_one_line(tmp_path, monkeypatch):
    import xarray as xr

    def read(path, *, variable, dim, units, lazy):
        return xr.DataArray(np.frombuffer(path.read_bytes(), "u1"), dims="energy")

    monkeypatch.setitem(_read.READERS, "mine", _read.Reader(read, lambda: frozenset({".mine"}), "my own"))
    (tmp_path / "a.mine").write_bytes(b"abc")
    assert read_spectra(tmp_path / "a.mine").values.tolist() == [97, 98, 99]
    assert "my own" in set(list_formats()["reads"])
    (tmp_path / "a.mine").chmod(0o600)
    monkeypatch.setitem(_read.READERS, "mine", _read.Reader(lambda *a, **k: 1 / 0, lambda: frozenset({".mine"}), ""))
    with pytest.raises(FileFormatError, match=r"ZeroDivisionError"):
        read_spectra(tmp_path / "a.mine")


@pytest.mark.parametrize(
    ("text", "unit"),
    [("µm", "um"), ("μm", "um"), ("micrometers", "um"), ("cm-1", "1/cm"), ("cm⁻¹", "1/cm"), ("Counts", "count"),
     ("cps", "count / s"), ("Å", "angstrom"), ("°", "degree"), ("", "1"), (None, "1"), ("<undefined>", "1"),
     ("$nm$", "nm"), ("arb. units", "1"), ("a.u.", "1"), ("meV", "meV"), ("keV", "keV"), ("nA", "nA"),
     ("nonsense!", None), ("os.system", None)],
)  # fmt: skip
def test_units_as_pint_reads_them(text, unit, pint_registry):
    assert plain_unit(text) == unit
    if unit is not None:
        pint_registry.Unit(unit)


def test_compound_units():
    assert compound_unit("count * eV") == "count * eV"
    assert compound_unit("1/(count * eV)") == "1/(count * eV)"
    assert compound_unit("furlongs / s") is None


@pytest.mark.parametrize(
    ("text", "name", "unit"),
    [("BE/eV", "BE", "eV"), ("m/z", "m/z", None), ("I/I0", "I/I0", None), ("Energy [keV]", "Energy", "keV"),
     ("time_s", "time_s", None), ("wavelength_nm", "wavelength", "nm"), ("counts/s", "counts/s", "count / s"),
     ("", "", None)],
)  # fmt: skip
def test_column_titles(text, name, unit):
    assert parse_label(text) == (name, unit)


def test_attributes_that_netcdf_can_hold():
    given = {
        "a": np.float32(1.5),
        "b": True,
        "c": None,
        "d": {"x": 1},
        "e": [1, 2],
        "f": ["x", 1],
        "g": b"ab",
        "h": "a\x00b",
    }
    assert plain_attrs(given) == {"a": 1.5, "b": 1, "e": [1, 2], "g": "ab", "h": "ab"}


def test_bounded_json_keeps_small_entries():
    deep: dict = {}
    inner = deep
    for _ in range(100):
        inner["d"] = {}
        inner = inner["d"]
    text = bounded_json(
        {"big": "x" * 10_000, "small": 1, "deep": deep, "wide": {f"k{i}": "y" * 30 for i in range(400)}}, 2000
    )
    assert len(text) <= 2000
    assert '"small": 1' in text
    assert re.search(r"left out: 10002 characters", text)
