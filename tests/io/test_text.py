"""CSV and text columns: what instruments and people write, and what is wrong with it."""

import json

import numpy as np
import pytest
import xarray as xr

from mi_widgets import datasets
from mi_widgets.errors import DataError, FileFormatError, LabelError, ParameterError
from mi_widgets.io import read_spectra, write_csv


@pytest.fixture
def save(tmp_path):
    def write(content, name="a.csv"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("content", "dim", "unit", "long_name"),
    [
        ("BE/eV,sample\n285,10\n284,20\n283,15\n", "energy", "eV", "binding energy"),
        (
            "#E_kin, intensity measured at BL11, DELTA, 180 eV\n84.0,10\n84.5,20\n85,3\n",
            "energy",
            "eV",
            "kinetic energy",
        ),
        ("Binding energy (eV);Intensity (counts)\n284,5;10\n284,6;20\n284,7;3\n", "energy", "eV", "binding energy"),
        ("#Wave\t\t#Intensity\n1800.0\t\t1.5\n1799.0\t\t2.5\n1798.0\t\t2\n", "wavenumber", "1/cm", "wavenumber"),
        (
            "Raman shift [cm-1] counts\n".replace(" counts", "\tcounts") + "100\t1\n101\t2\n102\t3\n",
            "raman_shift",
            "1/cm",
            "Raman shift",
        ),
        ("% made by hand\nwavelength_nm,signal\n500,1\n501,2\n", "wavelength", "nm", "wavelength"),
        ("energy counts\n1 2\n2 3\n3 4\n", "energy", "eV", "energy"),
        ("Title of the file\n\neV,counts\n1,2\n2,3\n3,4\n", "energy", "eV", "energy"),
        ("\ufeffWavenumber / cm-1,Absorbance\r\n4000,0.1\r\n3999,0.2\r\n", "wavenumber", "1/cm", "wavenumber"),
        ("Energy,I\nkeV,counts\n1.0,2\n2.0,3\n", "energy", "keV", "energy"),
        ("m/z,intensity\n17.5,2\n18.0,3\n", "mass_to_charge", "1", "mass to charge ratio"),
        ("2theta (deg),counts\n10,2\n11,3\n", "two_theta", "degree", "2 theta"),
        ('"energy (eV)","counts"\n"1.0","2"\n"2.0","3"\n', "energy", "eV", "energy"),
        ("energy (eV),counts\n\u22121.0,2\n0,3\n", "energy", "eV", "energy"),
    ],
)
def test_axis_and_unit_are_found(save, content, dim, unit, long_name, pint_registry):
    da = read_spectra(save(content))
    assert da.dims == (dim,)
    assert da[dim].attrs == {"units": unit, "long_name": long_name}
    assert da.size >= 2
    pint_registry.Unit(da.attrs["units"])


def test_numbers_are_exact_and_whole_numbers_without_unit_are_counts(save):
    da = read_spectra(save("BE/eV,sample\n285.5,10\n284.25,20\n283,15\n"))
    np.testing.assert_array_equal(da, [10, 20, 15])
    np.testing.assert_array_equal(da.energy, [285.5, 284.25, 283])  # descending, as it was written
    assert da.dtype == float
    assert da.attrs["units"] == "count"
    assert da.name == "spectra"
    assert json.loads(da.attrs["original_metadata"]) == {"header": ["BE/eV,sample"]}
    assert json.loads(da.attrs["history"])["parameters"]["format"] == "text"
    assert read_spectra(save("BE/eV,sample\n285.5,10.5\n284.25,20\n")).attrs["units"] == "1"
    assert read_spectra(save("BE/eV,rate (cps)\n285.5,10.5\n284.25,20\n")).attrs["units"] == "count / s"
    assert read_spectra(save("BE/eV,counts/s\n285.5,10.5\n284.25,20\n")).attrs["units"] == "count / s"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_encodings(save, encoding):
    da = read_spectra(save("wavelength (nm),Intensität\n500,1\n501,2\n".encode(encoding)))
    assert da.attrs["long_name"] == "Intensität"


def test_several_columns_become_a_line_and_one_can_be_chosen(save):
    path = save("energy (eV),first,second,third\n1,1,4,7\n2,2,5,8\n")
    da = read_spectra(path)
    assert da.dims == ("x", "energy")
    np.testing.assert_array_equal(da.sel(x=1), [4, 5])
    assert list(da.column.values) == ["first", "second", "third"]
    np.testing.assert_array_equal(read_spectra(path, variable="third"), [7, 8])
    np.testing.assert_array_equal(read_spectra(path, variable=0), [1, 2])
    with pytest.raises(ParameterError, match=r"no intensity column 'fourth'\. It has 0 to 2: first, second, third"):
        read_spectra(path, variable="fourth")


@pytest.mark.parametrize("falling", [False, True])
def test_rows_of_position_axis_and_value_become_a_map(save, falling):
    energy = [3.0, 2.0, 1.0] if falling else [1.0, 2.0, 3.0]
    lines = [f"{y},{x},{e},{100 * y + 10 * x + e}" for y in (0, 1) for x in (0.5, 1.5) for e in energy]
    da = read_spectra(save("y (um),x (um),energy (eV),counts\n" + "\n".join(lines)))
    assert da.dims == ("y", "x", "energy")
    assert da.x.attrs["units"] == "um"
    np.testing.assert_array_equal(da.energy, energy)
    np.testing.assert_array_equal(da, 100 * da.y + 10 * da.x + da.energy)


def test_rows_as_wire_exports_them(save):
    lines = [f"{x}\t{y}\t{w}\t{w * 2}" for y in (5, 6) for x in (1, 2, 3) for w in (1800, 1799)]
    da = read_spectra(save("#X\t\t#Y\t\t#Wave\t\t#Intensity\n" + "\n".join(lines).replace("\t", "\t\t"), "map.txt"))
    assert da.dims == ("y", "x", "wavenumber")
    assert da.shape == (2, 3, 2)


def test_what_write_csv_wrote_is_read_back_identical_in_value(tmp_path):
    ds = datasets.make_spectral_map(shape=(3, 4), n_channels=9)
    for da in (ds.expected, ds.expected.isel(y=0, drop=True), ds.expected.isel(y=0, x=0, drop=True)):
        path = write_csv(da, tmp_path / "a.csv", overwrite=True)
        back = read_spectra(path)
        assert back.dims == da.dims
        np.testing.assert_array_equal(back.values, da.values)
        for dim in da.dims:
            np.testing.assert_array_equal(back[dim].values, da[dim].values)
            assert back[dim].attrs["units"] == da[dim].attrs["units"]
        assert back.attrs["units"] == "count"


def test_a_unit_in_brackets_belongs_to_the_title_before_it(save):
    da = read_spectra(save("#  E (eV)  dos(E)    pdos(E)\n -17.2  0.3E-04  0.1E-04\n -17.1  0.2E-03  0.2E-03\n"))
    assert da.energy.attrs["units"] == "eV"
    assert da.column.values.tolist() == ["dos(E)", "pdos(E)"]
    assert da.energy.values.tolist() == [-17.2, -17.1]


def test_dim_and_units_can_be_given(save):
    path = save("a,b\n1,2\n2,3\n")
    text = r"first column is called 'a', .* Found: 'a', 'b'\. Write read_spectra\(path, dim=\"energy\", units=\"eV\"\)"
    with pytest.raises(LabelError, match=text):
        read_spectra(path)
    da = read_spectra(path, dim="wavelength", units="um")
    assert da.wavelength.attrs == {"units": "um", "long_name": "wavelength"}
    with pytest.raises(LabelError, match=r"has no title.* Found: 2 columns without titles"):
        read_spectra(save("1,2\n2,3\n"))
    assert read_spectra(save("1,2\n2,3\n"), dim="energy").energy.attrs["units"] == "eV"


def test_missing_values_stay_missing(save):
    da = read_spectra(save("energy (eV),counts\n1,5\n2,\n3,nan\n4,6\n"))
    np.testing.assert_array_equal(da, [5, np.nan, np.nan, 6])


def test_unsorted_axis_is_sorted(save):
    da = read_spectra(save("energy (eV),counts\n2,20\n1,10\n3,30\n"))
    np.testing.assert_array_equal(da, [10, 20, 30])


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        ("energy (eV),counts\n1,5\n2,x7\n3,6\n", FileFormatError, r"a\.csv line 3: 'x7' is no number"),
        ("energy (eV),counts\n1,abc\n2,7\n3,6\n", FileFormatError, "begins with a number but holds text"),
        ("energy (eV),counts\n1,5\n2,1_000\n3,6\n", FileFormatError, "line 3: '1_000' is no number"),
        ("energy (eV),counts\n1,5\n2,__import__('os')\n", FileFormatError, "is no number"),
        ("energy (eV),counts\n1,5\n2,7,9\n3,6\n", FileFormatError, "line 3 has 3 columns where line 2 has 2"),
        ("energy (eV),counts\n1,5\n2,7\n3", FileFormatError, "line 4 has 1 columns where line 2 has 2.*cut off"),
        ("energy (eV),counts\n1,5\n2,7\n1,6\n", DataError, r"energy 1 appears 2 times \(points 1 and 3\)"),
        ("energy\n1\n2\n3\n", DataError, "one column of numbers"),
        ("energy (eV),counts\n1,5\n", DataError, "one channel along 'energy'"),
        ("energy (eV),counts\n1,5\nnan,7\n3,6\n", DataError, "line 3: energy is missing or not finite"),
        ("energy (eV),a,b\n1,5,5\n,7,7\n3,6,6\n", DataError, "line 3: energy is missing"),
        ("energy (eV),counts\n1,nan\n2,nan\n3,nan\n", (DataError, FileFormatError), "a.csv"),
        ("energy (eV),counts\n1,5\n2,inf\n3,6\n", DataError, "1 values are infinite"),
        ("energy (eV),counts\n1,5\n2,1e999\n3,6\n", DataError, "1 values are infinite"),
        ("just words\nand more words\n", FileFormatError, "no row of two or more numbers.*begins 'just words'"),
        ("\n \n\n", FileFormatError, "no row of two or more numbers"),
        ("x" * 3_000_000, FileFormatError, "no row of two or more numbers"),
        ("# comment\n" * 50_000, FileFormatError, "first 10000 lines"),
        (b"\x00\x01\x02\x03" * 10, FileFormatError, "is not text: byte 0 is zero"),
        (b"\xff\xfea", FileFormatError, "could not be read as text"),
        ("y,x,energy,counts\n0,0,1,5\n0,0,2,5\n0,1,1,5\n", DataError, "3 rows for a grid of 1 x 2 x 2.*missing"),
        (
            "y,x,energy,counts\n0,0,1,5\n0,0,2,5\n0,0,2,5\n",
            DataError,
            "line 4: y 0, x 0, energy 2 appears more than once",
        ),
        ("y,x,energy,counts\n0,0,1,5\n0,,2,5\n", DataError, "line 3: x is missing"),
        ("y,x,energy,counts\n0,0,1,5\n0,1,1,5\n", DataError, "one channel"),
    ],
)
def test_bad_text_is_named(save, content, error, text):
    with pytest.raises(error, match=text) as caught:
        read_spectra(save(content))
    assert len(str(caught.value)) < 1000


def test_many_rows_with_their_own_positions_do_not_fill_the_memory(save):
    lines = "\n".join(f"{i},{i},{i},1" for i in range(5000))  # a grid of 5000^3 would need 1 TB
    with pytest.raises(DataError, match="5000 rows for a grid of 5000 x 5000 x 5000"):
        read_spectra(save("y,x,energy,counts\n" + lines))


def test_a_long_header_is_kept_in_part(save):
    content = "".join(f"# line {i} {'abc' * 400}\n" for i in range(500)) + "energy (eV),counts\n1,5\n2,6\n"
    da = read_spectra(save(content))
    assert 100 < len(da.attrs["original_metadata"]) <= 30_000
    xr.testing.assert_equal(da.energy, da.energy)


def test_text_of_the_file_is_cleaned_of_control_characters(save):
    da = read_spectra(save("energy (eV),co\x07un\x1bts\n1,5\n2,6\n"))
    assert da.attrs["long_name"] == "counts"
