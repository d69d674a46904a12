"""Igor waves made here byte by byte; igor2, where it is installed, reads the same numbers from them."""

import json
import warnings

import numpy as np
import pytest

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsError, ParameterError
from mi_widgets.io import read_spectra

KINETIC = "Kinetic Energy [eV]"


@pytest.fixture
def save(tmp_path):
    def write(raw, name="a.ibw"):
        (tmp_path / name).write_bytes(raw)
        return tmp_path / name

    return write


@pytest.mark.parametrize("version", [2, 5])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i4", "u1", "u2"])
def test_one_dimension(make, save, version, order, dtype):
    values = np.array([3, 1, 2], dtype=dtype)
    raw = make.wave(values, start=[84.5], step=[-0.5], units=["eV"], data_units="V", note="hv=180", order=order,
                    version=version, name="au4f")  # fmt: skip
    da = read_spectra(save(raw))
    assert da.dims == ("energy",)
    assert da.energy.values.tolist() == [84.5, 84.0, 83.5]
    assert da.values.tolist() == [3, 1, 2]
    assert da.attrs["units"] == "V"
    assert da.attrs["title"] == "au4f"
    assert json.loads(da.attrs["original_metadata"]) == {"note": "hv=180"}


def test_igor2_agrees(make, save):
    binarywave = pytest.importorskip("igor2.binarywave")
    cube = np.arange(24, dtype="f4").reshape(4, 3, 2)
    path = save(make.wave(cube, start=[1, 2, 3], step=[0.5, -1, 2], units=[KINETIC, "deg", "s"], note="a note"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wave = binarywave.load(str(path))["wave"]
    np.testing.assert_array_equal(wave["wData"], cube)
    head = wave["wave_header"]
    da = read_spectra(path)
    for i, dim in enumerate(["energy", "angle", "time"]):
        n = da.sizes[dim]
        np.testing.assert_array_equal(da[dim], head["sfB"][i] + head["sfA"][i] * np.arange(n))
    np.testing.assert_array_equal(da.transpose("energy", "angle", "time"), cube)


@pytest.mark.parametrize(
    ("units", "dims", "spectral"),
    [
        ([KINETIC, "Y-Scale [deg]"], ("angle", "energy"), 0),
        (["deg", "eV"], ("angle", "energy"), 1),
        (["um", "cm-1"], ("x", "wavenumber"), 1),
        (["Raman shift (1/cm)", "s"], ("time", "raman_shift"), 0),
        (["s", "eV"], ("time", "energy"), 1),
        (["X [mm]", "Binding Energy [eV]"], ("x", "energy"), 1),
    ],
)
def test_the_spectral_dimension_by_name_or_unit_comes_last(make, save, units, dims, spectral):
    values = np.arange(12.0).reshape(3, 4)
    da = read_spectra(save(make.wave(values, units=units, start=[5, 6], step=[1, 2])))
    assert da.dims == dims
    np.testing.assert_array_equal(da, values.T if spectral == 0 else values)


def test_three_dimensions_are_a_map(make, save):
    values = np.arange(24.0).reshape(4, 3, 2)
    da = read_spectra(save(make.wave(values, units=["eV", "X [um]", "Y [um]"])))
    assert da.sizes == {"y": 2, "x": 3, "energy": 4}
    np.testing.assert_array_equal(da, values.transpose(2, 1, 0))
    assert da.x.attrs["units"] == "um"


def test_without_units_the_dimension_is_asked_for(make, save):
    path = save(make.wave(np.arange(6.0).reshape(3, 2), start=[280], step=[0.1]))
    with pytest.raises(LabelError, match=r"0: wave0 \(3, 2\)\. .*variable='wave0', dim=\"energy\", units=\"eV\""):
        read_spectra(path)
    da = read_spectra(path, dim="energy")
    assert da.sizes == {"x": 2, "energy": 3}
    assert da.energy.attrs["units"] == "eV"


@pytest.mark.parametrize("order", ["<", ">"])
def test_packed_experiments(make, save, order):
    wave = [make.wave(np.arange(4.0) + i, units=["eV"], name=f"w{i}", order=order) for i in range(2)]
    da = read_spectra(save(make.packed(wave[0], order=order), "a.pxt"))
    assert da.values.tolist() == [0, 1, 2, 3]
    both = save(make.packed(*wave, order=order), "b.pxt")
    with pytest.raises(ParameterError, match=r"several waves.*variable='w0'.*1: w1 \(4,\)"):
        read_spectra(both)
    for choice in (1, "w1"):
        assert read_spectra(both, variable=choice).values.tolist() == [1, 2, 3, 4]
    with pytest.raises(ParameterError, match="no wave 'w2'"):
        read_spectra(both, variable="w2")
    with pytest.raises(FileFormatError, match=r"record at byte .* claims"):
        read_spectra(save(make.packed(*wave, order=order)[:-3], "c.pxt"))
    with pytest.raises(FileFormatError, match="holds no wave of real numbers"):
        read_spectra(save(make.packed(order=order), "d.pxt"))


def test_waves_that_hold_no_spectra_are_passed_over_in_an_experiment(make, save):
    good = make.wave(np.arange(4.0), units=["eV"], name="good")
    four = make.wave(np.ones((2, 2, 2, 2)), units=["eV"], name="four")
    empty = bytearray(make.wave(np.arange(4.0), units=["eV"]))
    empty[64 + 68 : 64 + 72] = bytes(4)
    text = bytearray(make.wave(np.arange(4.0), units=["eV"]))
    text[64 + 16 : 64 + 18] = bytes(2)
    path = save(make.packed(four, bytes(empty), good, bytes(text)), "a.pxt")
    assert read_spectra(path).attrs["title"] == "good"
    with pytest.raises(DataError, match="four dimensions"):
        read_spectra(save(make.packed(four), "b.pxt"))


def test_damage_and_what_cannot_be_read(make, save):
    raw = bytearray(make.wave(np.arange(4.0), units=["eV"]))
    for size in (10**9, -5):
        raw[64 + 68 : 64 + 72] = size.to_bytes(4, "little", signed=True)
        with pytest.raises(MIWidgetsError, match=r"is truncated|holds no values"):
            read_spectra(save(bytes(raw)))
    for sizes in ((2**20,) * 4, (2**30,) * 3 + (0,), (0,) * 4):
        raw[64 + 68 : 64 + 84] = np.array(sizes, "<i4").tobytes()
        with pytest.raises(MIWidgetsError):
            read_spectra(save(bytes(raw)))
    for kind, text in ((0, "holds text"), (5, "complex numbers"), (7, "complex")):
        bad = bytearray(make.wave(np.arange(4.0), units=["eV"]))
        bad[64 + 16 : 64 + 18] = kind.to_bytes(2, "little")
        with pytest.raises(DataError, match=text):
            read_spectra(save(bytes(bad)))
    whole = make.wave(np.arange(40.0), units=["eV"])
    for n in (1, 50, 200, 380, 400, len(whole) - 1):
        with pytest.raises(FileFormatError):
            read_spectra(save(whole[:n]))
    with pytest.raises(FileFormatError, match="could not be read as igor"):
        read_spectra(save(b"plain text, and nothing else" * 20))
