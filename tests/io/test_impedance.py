"""Impedance spectra of every kind of file, and what is wrong with some."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import io
from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.io._impedance import read_impedance

SPEC = importlib.util.spec_from_file_location("impedance_files", Path(__file__).with_name("impedance_files.py"))
assert SPEC is not None
assert SPEC.loader is not None
files = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(files)
WRITERS, spectrum, write = files.WRITERS, files.spectrum, files.write


@pytest.mark.parametrize("kind", WRITERS)
def test_same_numbers_from_every_format(kind: str, tmp_path: Path) -> None:
    truth, path = spectrum(), write(kind, tmp_path)
    ds = read_impedance(path)
    np.testing.assert_allclose(ds.frequency, truth.frequency, rtol=1e-6)
    for name in ("impedance_real", "impedance_imag"):
        np.testing.assert_allclose(ds[name], truth[name], rtol=1e-6, atol=1e-6)
        assert ds[name].units == "ohm"
    assert (ds.frequency.units, ds.source, ds.title) == ("Hz", path.name, path.stem)
    xr.testing.assert_identical(ds, read_impedance(path, WRITERS[kind][2]).assign_attrs(history=ds.history))
    xr.testing.assert_identical(io.read_netcdf(io.write_netcdf(ds, tmp_path / "z.nc")), ds)
    if kind == "gamry":
        assert ds.time.values[:2].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("kind", WRITERS)
def test_damage_is_told_and_nothing_else_happens(kind: str, tmp_path: Path) -> None:
    """Cut off anywhere, bytes changed, the end of another file: an error of ours, or the rest of the numbers."""
    whole = write(kind, tmp_path).read_bytes()
    path = tmp_path / ("damaged" + WRITERS[kind][0])
    rng = np.random.default_rng(0)
    damaged = [whole[: int(cut)] for cut in rng.integers(1, len(whole), 25)]
    for _ in range(25):
        changed = bytearray(whole)
        for at in rng.integers(0, len(whole), 4):
            changed[at] = int(rng.integers(0, 256))
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        try:
            ds = read_impedance(path)
        except (MIWidgetsError, MIWidgetsWarning):
            pass
        else:
            assert np.isfinite(ds.impedance_real).all()
            assert (ds.frequency > 0).all()


def test_signs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1000,10,1\n100,12,3\n10,15,2\n")
    with pytest.warns(MIWidgetsWarning, match="taken as -Im Z"):
        assert (read_impedance(path).impedance_imag < 0).all()
    assert (read_impedance(path, negative_imaginary=False).impedance_imag > 0).all()
    assert (read_impedance(path, negative_imaginary=True).impedance_imag < 0).all()
    path.write_text("f,Z',-Z''\n1000,10,1\n100,12,3\n10,15,2\n")
    assert (read_impedance(path).impedance_imag < 0).all()
    assert (read_impedance(path, negative_imaginary=False).impedance_imag > 0).all()


def test_several_sweeps(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "freq/Hz,Re(Z)/Ohm,-Im(Z)/Ohm,cycle number\n" + "1000,10,1,1\n100,12,3,1\n1000,11,1,2\n100,13,3,2\n"
    )
    ds = read_impedance(path)
    assert dict(ds.sizes) == {"cycle": 2, "frequency": 2}
    assert ds.impedance_real.values.tolist() == [[10, 12], [11, 13]]
    assert read_impedance(path, cycle=1).impedance_real.values.tolist() == [11, 13]
    with pytest.raises(ParameterError, match="2 sweeps"):
        read_impedance(path, cycle=2)
    path.write_text("1000,10,-1\n100,12,-3\n1000,11,-1\n100,13,-3\n")  # no column of cycles: they begin anew
    assert read_impedance(path).sizes["cycle"] == 2
    path.write_text("1000,10,-1\n100,12,-3\n1000,11,-1\n90,13,-3\n")
    with pytest.raises(DataError, match="different frequencies"):
        read_impedance(path)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", FileFormatError, "empty"),
        ("hello\nworld\n", FileFormatError, "no row of two or more numbers"),
        ("f,Z',Z''\n", FileFormatError, "no row of two"),
        ("f,Z',Z''\n10,1\n", LabelError, "2 columns"),
        ("f (Hz),voltage,current\n1,2,3\n2,3,4\n", LabelError, "no real and imaginary part"),
        ("f (furlong),Z',Z''\n1,2,-3\n", LabelError, "furlong"),
        ("f (Hz),Z' (V),Z'' (V)\n1,2,-3\n", DataError, "no ohm"),
        ("0,1,-1\n10,2,-2\n", DataError, "above zero"),
        ("-5,1,-1\n10,2,-2\n", DataError, "above zero"),
        ("5,1,-1\n5,2,-2\n3,3,-3\n", DataError, "there twice"),
        ("EXPLAIN\nTAG\tCV\n", FileFormatError, "no table ZCURVE"),
        ("EC-Lab ASCII FILE\nNb header lines : 3\ntime/s\tI/mA\n1\t2\n", FileFormatError, "no column freq/Hz"),
        ("%PDF-1.4\n", FileFormatError, "PDF"),
    ],
)
def test_what_cannot_be_read(text: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    with pytest.raises(error, match=message):
        read_impedance(path)


def test_points_left_out_and_sorted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("f,Z',Z''\n10,1,-1\n1000,2,-2\n100,nan,-2\n1,3,-1\n")
    with pytest.warns(MIWidgetsWarning, match="1 of 4 points"):
        ds = read_impedance(path)
    assert ds.frequency.values.tolist() == [1000, 10, 1]
    path.write_text("f,Z',Z''\n10,nan,-1\n1000,nan,-2\n")
    with pytest.raises(DataError, match="no point"):
        read_impedance(path)


@pytest.mark.parametrize(
    "options", [{"format": "zahner"}, {"cycle": -1}, {"cycle": True}, {"negative_imaginary": "yes"}, {"path": 3}]
)
def test_options(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ParameterError):
        read_impedance(**{"path": write("csv", tmp_path), **options})  # type: ignore[arg-type]
    with pytest.raises(FileFormatError, match="no file"):
        read_impedance(tmp_path / "nothing.z")
    with pytest.raises(FileFormatError, match="folder"):
        read_impedance(tmp_path)


@pytest.mark.parametrize(
    ("titles", "rows"),
    [
        ("freq (Hz),|Z| (ohm),phase (deg)", [(1000.0, 2.0, -30.0), (10.0, 4.0, -60.0)]),
        ("freq (Hz),Z (ohm),phase (rad)", [(1000.0, 2.0, -np.pi / 6), (10.0, 4.0, -np.pi / 3)]),
        ("freq (1/s),|Z| (ohm),-Phase(Z) (deg)", [(1000.0, 2.0, 30.0), (10.0, 4.0, 60.0)]),
    ],
)
def test_modulus_and_phase(titles: str, rows: list[tuple[float, ...]], tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("\n".join([titles, *(",".join(map(repr, row)) for row in rows)]))
    ds = io.read_impedance(file)
    np.testing.assert_allclose(ds.frequency, [1000.0, 10.0])
    np.testing.assert_allclose(ds.impedance_real, [np.sqrt(3.0), 2.0])
    np.testing.assert_allclose(ds.impedance_imag, [-1.0, -2 * np.sqrt(3.0)])


def test_parts_in_different_units(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("freq (Hz),Z' (ohm),Z'' (ohm cm2)\n1000,10,-0.5\n100,12,-0.6\n")
    with pytest.raises(DataError, match="real part is in ohm, the imaginary part in"):
        io.read_impedance(file)
