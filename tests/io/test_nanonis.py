"""Nanonis point spectra, grids and scans made here."""

import json

import numpy as np
import pytest

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, read_spectra, write_netcdf

CUBE = np.arange(2 * 3 * 4 * 5, dtype="f4").reshape(2, 3, 4, 5)  # channel, y, x, point
POINTS = """Experiment\tbias spectroscopy\t
Date\t01.02.2024 10:11:12\t
X (m)\t1E-8\t

[DATA]
Bias calc (V)\tCurrent (A)\tLI Demod 1 X (A)
-1.0\t1E-10\t1E-12
0.0\t2E-10\t2E-12
1.0\t3E-10\t3E-12
"""


@pytest.fixture
def save(tmp_path):
    def write(raw, name="a.3ds"):
        (tmp_path / name).write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return tmp_path / name

    return write


def test_grid(make, save, pint_registry):
    path = save(make.grid(CUBE))
    with pytest.raises(ParameterError, match=r"2 channels.*variable='Current \(A\)'.*1: LI Demod 1 X \(A\)"):
        read_spectra(path)
    for choice in (1, "LI Demod 1 X (A)", "LI Demod 1 X"):
        da = read_spectra(path, variable=choice)
        np.testing.assert_array_equal(da, CUBE[1])
    assert da.sizes == {"y": 3, "x": 4, "bias": 5}
    np.testing.assert_allclose(da.bias, [-1, -0.5, 0, 0.5, 1])
    assert da.bias.attrs == {"units": "V", "long_name": "Bias"}
    np.testing.assert_allclose(da.x, np.linspace(8.5e-9, 11.5e-9, 4))
    np.testing.assert_allclose(da.y, np.linspace(18e-9, 22e-9, 3))
    assert (da.x.attrs["units"], da.attrs["units"], da.attrs["long_name"]) == ("m", "A", "LI Demod 1 X")
    pint_registry.Unit(da.bias.attrs["units"])
    assert json.loads(da.attrs["original_metadata"])["Filetype"] == "Linear"


def test_grid_of_one_channel_and_other_sweeps(make, save, tmp_path):
    da = read_spectra(save(make.grid(CUBE[:1], channels=("Current (A)",), sweep=(1.0, -1.0))))
    assert da.bias.values[0] == 1
    assert read_netcdf(write_netcdf(da, tmp_path / "a.nc")).spectra.identical(da)
    height = save(make.grid(CUBE[:1], channels=("Current (A)",), sweep=(0, 1e-9), signal="Z (m)"))
    assert read_spectra(height).dims == ("y", "x", "z")
    assert read_spectra(height, dim="distance", units="nm").distance.attrs["units"] == "nm"


def test_grid_that_was_stopped(make, save):
    raw = make.grid(CUBE)
    with pytest.warns(MIWidgetsWarning, match="ends after 11 of 12 spectra"):
        da = read_spectra(save(raw[:-1]), variable=0)
    assert np.isnan(da[2, 3]).all()
    np.testing.assert_array_equal(da[:2], CUBE[0, :2])
    header = raw.index(b":HEADER_END:")
    with pytest.raises(FileFormatError, match="not one of its 3 x 4 spectra is whole"):
        read_spectra(save(raw[: header + 20]), variable=0)
    with pytest.raises(FileFormatError):
        read_spectra(save(raw[:header]), variable=0)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_grid_cut_anywhere_keeps_its_whole_spectra(make, save, share):
    raw = make.grid(CUBE)
    start = raw.index(b":HEADER_END:") + len(b":HEADER_END:\r\n")
    size = (len(raw) - start) // 12  # bytes of one pixel
    cut = start + int(share * 12 * size)
    whole = (cut - start) // size
    with pytest.warns(MIWidgetsWarning, match=f"ends after {whole} of 12 spectra.*the others are NaN"):
        da = read_spectra(save(raw[:cut]), variable=1)
    flat = da.values.reshape(12, 5)
    np.testing.assert_array_equal(flat[:whole], CUBE[1].reshape(12, 5)[:whole])
    assert np.isnan(flat[whole:]).all()
    assert da.sizes == {"y": 3, "x": 4, "bias": 5}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("Grid dim", '"4"', "not such as '10 x 10'"),
        ("Grid dim", '"a x b"', "a size of the grid is 'a'"),
        ("Grid dim", '"1000000 x 1000000"', "header is damaged"),
        ("Grid dim", '"0 x 4"', "holds no values"),
        ("Points", "999999999", "header is damaged"),
        ("Points", "-5", "the number of points is '-5'"),
        ("Points", None, "its header has no 'Points'"),
        ("Channels", '""', "holds no values"),
        ("# Parameters (4 byte)", "1", "1 parameters for 5 names"),
        ("Fixed parameters", '"nothing"', "not given by one start and one end"),
        ("Filetype", "MLS", "the segments of its sweep .'not given'. do not give its 5 points"),
        ("Segment Start (V), Segment End (V), Steps (xn)", "0,1,3;1,2,2", "do not give its 5 points"),
        ("Segment Start (V), Segment End (V), Steps (xn)", "0,1,1e12", "do not give its 5 points"),
        ("Segment Start (V), Segment End (V)", "0,1", "do not give its 5 points"),
    ],
)
def test_grid_headers_that_are_wrong(make, save, key, value, text):
    with pytest.raises(MIWidgetsError, match=text):
        read_spectra(save(make.grid(CUBE, **{key: value})), variable=0)


def test_grid_of_several_segments(make, save):
    key = "Segment Start (V), Segment End (V), Settling (s), Steps (xn), Lock-in"
    header = {"Filetype": "MLS", key: "1,0,1E-3,3,0;0,-4,1E-3,3,0"}
    da = read_spectra(save(make.grid(CUBE, **header)), variable=0)
    assert da.bias.values.tolist() == [1, 0.5, 0, -2, -4]
    turned = {**header, key: "0,1,1E-3,3,0;1,0.5,1E-3,3,0"}
    with pytest.raises(DataError, match=r"bias 0\.5 appears 2 times"):
        read_spectra(save(make.grid(CUBE, **turned)), variable=0)


def test_grid_without_positions_and_with_unequal_sweeps(make, save):
    da = read_spectra(save(make.grid(CUBE, **{"Grid settings": None})), variable=0)
    assert da.x.values.tolist() == [0, 1, 2, 3]
    assert read_spectra(save(make.grid(CUBE, **{"Grid settings": "0;0;1;1;30"})), variable=0).attrs["angle"] == 30
    ends = np.ones((3, 4, 2)) * [-1, 1]
    ends[1, 1] = [-2, 2]
    with pytest.raises(DataError, match="swept over different ranges"):
        read_spectra(save(make.grid(CUBE, sweep=ends)), variable=0)


def test_point_spectra(save):
    da = read_spectra(save(POINTS, "a.dat"))
    assert da.sizes == {"x": 2, "bias": 3}
    assert da.column.values.tolist() == ["Current", "LI Demod 1 X"]
    assert da.attrs["units"] == "A"
    one = read_spectra(save(POINTS, "a.dat"), variable="Current (A)")
    assert one.values.tolist() == [1e-10, 2e-10, 3e-10]
    assert one.bias.attrs == {"units": "V", "long_name": "Bias calc"}
    assert json.loads(one.attrs["original_metadata"])["Date"] == "01.02.2024 10:11:12"
    mixed = save(POINTS.replace("LI Demod 1 X (A)", "Phase (deg)"), "b.dat")
    with pytest.raises(ParameterError, match=r"2 channels.*1: Phase \(deg\)"):
        read_spectra(mixed)
    assert read_spectra(mixed, variable=1).attrs["units"] == "degree"
    with pytest.raises(ParameterError, match="no channel 'Z'"):
        read_spectra(mixed, variable="Z")


def test_other_dat_files_stay_text(save):
    path = save("energy (eV)\tcounts\n1\t2\n2\t3\n", "a.dat")
    assert "text" in read_spectra(path).attrs["history"]
    with pytest.raises(FileFormatError, match=r"line \[DATA\]"):
        read_spectra(path, format="nanonis")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("0.0\t2E-10", "0.0\tabc", r"a.dat line 8: 'abc' is no number"),
        ("Bias calc (V)\tCurrent (A)\t", "Bias calc (V)\t", "3 columns below 2 titles"),
        (POINTS[POINTS.index("Bias calc") :], "", r"ends below \[DATA\]"),
        (POINTS[POINTS.index("-1.0") :], "", "no row of two or more numbers"),
    ],
)
def test_point_spectra_that_are_wrong(save, old, new, text):
    with pytest.raises(MIWidgetsError, match=text):
        read_spectra(save(POINTS.replace(old, new), "a.dat"))


@pytest.mark.parametrize("direction", ["up", "down"])
def test_scan(make, save, direction):
    image = np.arange(12, dtype="f4").reshape(3, 4)  # y rises, x rises
    rows = image if direction == "up" else image[::-1]
    recorded = [rows, rows[:, ::-1] + 100, rows + 200]
    channels = (("Z", "m", "both"), ("Current", "A", "forward"))
    path = save(make.scan(recorded, channels=channels, direction=direction), "a.sxm")
    da = read_spectra(path, variable="Z")
    assert (da.name, da.dims, da.attrs["units"]) == ("image", ("direction", "y", "x"), "m")
    np.testing.assert_array_equal(da, [image, image + 100])
    assert da.direction_name.values.tolist() == ["forward", "backward"]
    assert (np.diff(da.y) > 0).all()
    np.testing.assert_allclose(da.x.mean(), 1e-8)
    current = read_spectra(path, variable=1)
    np.testing.assert_array_equal(current, image + 200)
    assert current.dims == ("y", "x")
    with pytest.raises(ParameterError, match=r"2 channels.*0: Z, 1: Current"):
        read_spectra(path)


def test_scans_that_are_wrong(make, save):
    raw = make.scan(np.ones((2, 3, 4)))
    with pytest.raises(FileFormatError, match="channel 'Z' needs 24 values, 23 are left"):
        read_spectra(save(raw[:-1], "a.sxm"))
    for old, new, text in [
        (b"       4       3\n", b"       x\n", "no numbers for 'SCAN_PIXELS'"),
        (b"       4       3\n", b" 900000 900000\n", "header is damaged"),
        (b"       4       3\n", b" 0 3\n", "holds no values"),
        (b"       4       3\n", b" -4 3\n", "number of pixels is '-4'"),
        (b"DATA_INFO", b"OTHER", "lists no channels"),
        (b"FLOAT", b"DOUBLE", "type 'DOUBLE MSBFIRST'"),
        (b"\x1a\x04", b"\0\0", "no mark"),
        (b"SCAN_RANGE", b"OTHER", "no numbers for 'SCAN_RANGE'"),
    ]:
        with pytest.raises(MIWidgetsError, match=text):
            read_spectra(save(raw.replace(old, new), "a.sxm"))
    with pytest.raises((FileFormatError, LabelError)):
        read_spectra(save(b"\x89PNG" + bytes(300), "a.sxm"))
