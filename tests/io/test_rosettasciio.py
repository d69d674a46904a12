"""What rosettasciio gives becomes labelled spectra, by rules that real files force."""

import importlib.util
import json
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import (
    DataError,
    FileFormatError,
    LabelError,
    MissingDependencyError,
    MIWidgetsWarning,
    ParameterError,
)
from mi_widgets.io import _netcdf, _rosettasciio, list_formats, read_netcdf, read_spectra, write_netcdf
from mi_widgets.io._rosettasciio import from_signals

pytest.importorskip("rsciio")
FILE = Path("map.wdf")


def axis(name, size, units="µm", **more):
    return {"name": name, "units": units, "size": size, "offset": 0.0, "scale": 1.0, "navigate": True, **more}


def signal(data, axes, title="a title", quantity="Intensity (Counts)", **original):
    metadata = {"General": {"title": title}, "Signal": {"signal_type": "", "quantity": quantity}}
    return {"data": data, "axes": axes, "metadata": metadata, "original_metadata": original}


@pytest.fixture
def cube():
    return np.arange(24, dtype="float32").reshape(2, 3, 4)


def test_dims_coordinates_units_and_attributes(cube, pint_registry):
    axes = [axis("Y", 2, scale=np.float32(2.5)), axis("X", 3, "μm", offset=Fraction(1, 2)), axis("Energy", 4, "eV")]
    da = from_signals([signal(cube, axes, original_key=np.arange(3))], path=FILE)
    assert da.dims == ("y", "x", "energy")
    assert (da.name, da.attrs["units"], da.attrs["title"], da.attrs["source"]) == (
        "spectra",
        "count",
        "a title",
        "map.wdf",
    )
    np.testing.assert_array_equal(da.y, [0, 2.5])
    np.testing.assert_array_equal(da.x, [0.5, 1.5, 2.5])
    assert all(da[d].dtype == float for d in da.dims)
    unit = pint_registry.Unit
    assert unit(da.x.attrs["units"]) == unit(da.y.attrs["units"]) == unit("micrometer")
    assert json.loads(da.attrs["original_metadata"])["original_metadata"] == {"original_key": [0, 1, 2]}


def test_list_order_counts_and_not_index_in_array(cube):
    axes = [
        axis("Y", 2, index_in_array=1),
        axis("X", 3, index_in_array=0),
        axis("Energy", 4, "eV", index_in_array=None),
    ]
    da = from_signals([signal(cube, axes)], path=FILE)
    assert dict(da.sizes) == {"y": 2, "x": 3, "energy": 4}


def test_navigate_is_not_trusted():
    data = np.arange(24.0).reshape(4, 2, 3)  # as Gatan writes it: wavelength first, and called a navigation axis
    axes = [axis("Wavelength", 4, "nm"), axis("y", 2, navigate=False), axis("x", 3, navigate=False)]
    da = from_signals([signal(data, axes)], path=FILE)
    assert da.dims == ("y", "x", "wavelength")
    np.testing.assert_array_equal(da.values, data.transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("name", "units", "dim", "unit"),
    [
        ("Raman Shift", "1/cm", "raman_shift", "1/cm"),
        ("Wavenumber", "cm-1", "wavenumber", "1/cm"),
        ("Wavelength", "$nm$", "wavelength", "nm"),
        ("Energy loss", "eV", "energy", "eV"),
        ("", "keV", "energy", "keV"),
        ("<undefined>", "1/cm", "wavenumber", "1/cm"),
        (None, "GHz", "frequency", "GHz"),
        ("Energy", None, "energy", "eV"),
        ("Energy", "<undefined>", "energy", "eV"),
    ],
)
def test_spectral_axis_by_name_then_by_unit(cube, name, units, dim, unit):
    da = from_signals([signal(cube, [axis("y", 2), axis("x", 3), axis(name, 4, units)])], path=FILE)
    assert da.dims == ("y", "x", dim)
    assert da[dim].attrs["units"] == unit


@pytest.mark.parametrize(("units", "factor"), [("mm", 1e6), ("m", 1e9), ("nm", 1), ("um", None)])
def test_wavelengths_in_millimetres_are_converted(cube, units, factor):
    axes = [
        axis("y", 2),
        axis("x", 3),
        axis("Wavelength", 4, units, offset=500.0 / (factor or 1), scale=1 / (factor or 1)),
    ]
    da = from_signals([signal(cube, axes)], path=FILE)
    assert da.wavelength.attrs["units"] == ("um" if factor is None else "nm")
    np.testing.assert_allclose(da.wavelength, [500, 501, 502, 503])


def test_axis_array_wins_over_offset_and_scale(cube):
    values = np.array([1, 2, 4, 8], dtype="int16")
    da = from_signals([signal(cube, [axis("y", 2), axis("x", 3), axis("Energy", 4, "eV", axis=values)])], path=FILE)
    np.testing.assert_array_equal(da.energy, values)
    with pytest.raises(DataError, match="axis 'energy' has 3 points for 4 channels"):
        from_signals([signal(cube, [axis("y", 2), axis("x", 3), axis("Energy", 4, "eV", axis=values[:3])])], path=FILE)


def test_positions_without_names_and_lines_and_depths():
    cube = np.ones((2, 3, 4))
    da = from_signals([signal(cube, [axis("", 2), axis("", 3), axis("Energy", 4, "eV")])], path=FILE)
    assert dict(da.sizes) == {"y": 2, "x": 3, "energy": 4}
    line = from_signals([signal(cube[0], [axis("Abs. Distance", 3), axis("Energy", 4, "eV")])], path=FILE)
    assert line.dims == ("x", "energy")
    assert line.x.attrs["long_name"] == "Abs. Distance"
    depth = from_signals([signal(cube[0], [axis("Z", 3), axis("Energy", 4, "eV")])], path=FILE)
    assert depth.dims == ("z", "energy")
    series = from_signals([signal(cube[0], [axis("Time", 3, "s"), axis("Energy", 4, "eV")])], path=FILE)
    assert series.dims == ("time", "energy")
    frames = np.ones((5, 2, 3, 4))
    four = from_signals([signal(frames, [axis("", 5), axis("", 2), axis("", 3), axis("Energy", 4, "eV")])], path=FILE)
    assert four.dims == ("z", "y", "x", "energy")


def test_the_spectra_are_chosen_among_images_and_pictures(cube):
    rgb = np.zeros((5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    picture = signal(rgb, [axis("y", 5), axis("x", 6)], title="white light")
    image = signal(np.ones((2, 3)), [axis("y", 2), axis("x", 3)], title="survey")
    total = signal(np.ones(4), [axis("Energy", 4, "eV")], title="sum")
    spectra = signal(cube, [axis("y", 2), axis("x", 3), axis("Energy", 4, "eV")], title="map")
    everything = [picture, image, total, spectra]
    assert from_signals(everything, path=FILE).attrs["title"] == "map"
    assert from_signals(everything, path=FILE, variable="sum").dims == ("energy",)
    assert from_signals(everything, path=FILE, variable=2).dims == ("energy",)
    with pytest.raises(
        LabelError, match=r"no array with a known spectral axis, only 0: white light \(5, 6\); 1: survey"
    ):
        from_signals([picture, image], path=FILE)
    with pytest.raises(ParameterError, match=r"several sets of spectra\. Write read_spectra\(path, variable=0\)"):
        from_signals([spectra, spectra], path=FILE)
    with pytest.raises(ParameterError, match="no signal 'other'"):
        from_signals(everything, path=FILE, variable="other")


def test_an_unknown_axis_can_be_named(cube):
    axes = [axis("y", 2), axis("x", 3), axis("channel", 4, "", navigate=False)]
    with pytest.raises(LabelError, match='variable=0, dim="energy"'):
        from_signals([signal(cube, axes)], path=FILE)
    da = from_signals([signal(cube, axes)], path=FILE, dim="energy", units="keV")
    assert da.dims == ("y", "x", "energy")
    assert da.energy.attrs["units"] == "keV"


@pytest.mark.parametrize(
    ("given", "got"),
    [("uint8", "float32"), ("float16", "float32"), (">f4", "float32"), ("uint16", "float32"), ("uint32", "float64"),
     ("int64", "float64"), ("float32", "float32"), ("float64", "float64"), ("bool", "float32")],
)  # fmt: skip
def test_types_are_widened(given, got):
    data = np.full((100, 50), 200).astype(given)
    da = from_signals([signal(data, [axis("x", 100), axis("Energy", 50, "eV")])], path=FILE)
    assert da.dtype == got
    assert da.dtype.isnative
    expected = 5000.0 if given == "bool" else 200.0 * 5000
    assert float(da.sum()) == expected
    assert float((da - 255).min()) < 0
    with pytest.raises(DataError, match="must be real numbers"):
        from_signals([signal(data.astype(complex), [axis("x", 100), axis("Energy", 50, "eV")])], path=FILE)


def test_metadata_is_bounded_text_and_survives_netcdf(cube, tmp_path):
    original = {
        "script": "x" * 300_000,
        "bytes": b"\x00\xff",
        "nan": float("nan"),
        "nested": {str(i): list(range(i)) for i in range(300)},
        "array": np.zeros((1000, 1000)),
        "control": "a\x00b",
        "laser": {"wavelength": np.float64(785.0)},
    }
    axes = [axis("y", 2), axis("x", 3), axis("Energy", 4, "eV")]
    da = from_signals([signal(cube, axes, title="a\x00\x1b[31mtitle", **original)], path=FILE)
    text = da.attrs["original_metadata"]
    assert len(text) <= 30_000
    kept = json.loads(text)["original_metadata"]
    assert kept["laser"] == {"wavelength": 785.0}
    assert kept["script"] == "(left out: 300002 characters)"
    assert kept["array"] == "(left out: array of shape (1000, 1000))"
    assert "\x00" not in da.attrs["title"]
    back = read_netcdf(write_netcdf(da, tmp_path / "a.nc")).spectra
    xr.testing.assert_identical(da, back)


def test_lazy_signals_stay_lazy_only_above_the_limit(cube, monkeypatch):
    dask = pytest.importorskip("dask.array")
    axes = [axis("y", 2), axis("x", 3), axis("Energy", 4, "eV")]
    lazy = signal(dask.from_array(cube.astype("uint16")), axes)
    assert from_signals([lazy], path=FILE).chunks is None
    kept = from_signals([lazy], path=FILE, lazy=True)
    assert kept.chunks is not None
    assert kept.dtype == np.float32
    monkeypatch.setattr(_netcdf, "LAZY_BYTES", 10)
    assert from_signals([lazy], path=FILE).chunks is not None


def test_files_written_by_rosettasciio_itself(tmp_path, cube):
    from rsciio.hspy import file_writer as write_hspy
    from rsciio.msa import file_writer as write_msa

    axes = [axis("y", 2), axis("x", 3), axis("Energy", 4, "eV", navigate=False)]
    for i, one in enumerate(axes):
        one.update(index_in_array=i, _type="UniformDataAxis", is_binned=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_hspy(str(tmp_path / "a.hspy"), _complete(signal(cube.astype("uint16"), axes)))
        write_msa(str(tmp_path / "a.msa"), _complete(signal(cube[0, 0], axes[2:])))
    da = read_spectra(tmp_path / "a.hspy")
    assert da.dims == ("y", "x", "energy")
    np.testing.assert_array_equal(da, cube)
    assert read_spectra(tmp_path / "a.hspy", lazy=True).chunks is not None
    single = read_spectra(tmp_path / "a.msa")
    assert single.dims == ("energy",)
    np.testing.assert_array_equal(single, cube[0, 0])


def _complete(one):
    return {
        **one,
        "package": "",
        "package_version": "",
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "tmp_parameters": {},
        "package_info": {},
        "models": None,
    }


# --- Renishaw


def _spectrum_of(x, y, n=5):
    return 1000 * y + 10 * x + np.arange(n)


ORDERS = {
    "row by row": [(x, y) for y in range(3) for x in range(4)],
    "column by column": [(x, y) for x in range(4) for y in range(3)],
    "snake": [(x if y % 2 == 0 else 3 - x, y) for y in range(3) for x in range(4)],
    "from below": [(x, y) for y in reversed(range(3)) for x in range(4)],
    "at random": [
        tuple(map(int, p)) for p in np.random.default_rng(0).permutation([(x, y) for y in range(3) for x in range(4)])
    ],
}


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("order", list(ORDERS))
def test_renishaw_map_is_filled_where_each_spectrum_was_taken(make_wdf, tmp_path, order, falling):
    taken = ORDERS[order]
    positions = [(-5.0 + 2.5 * x, 100.0 + 0.5 * y) for x, y in taken]
    shift = np.linspace(100, 140, 5)
    spectra = np.array([_spectrum_of(x, y) for x, y in taken])
    if falling:
        shift, spectra = shift[::-1], spectra[:, ::-1]
    path = tmp_path / "map.wdf"
    path.write_bytes(make_wdf(spectra, shift, positions=positions, grid=(-5, 100, 2.5, 0.5, 4, 3), flag=2))
    da = read_spectra(path)
    assert dict(da.sizes) == {"y": 3, "x": 4, "raman_shift": 5}
    assert da.attrs["title"] == "a synthetic map"
    assert da.attrs["units"] == "count"
    assert (da.y.attrs["units"], da.x.attrs["units"], da.raman_shift.attrs["units"]) == ("um", "um", "1/cm")
    np.testing.assert_allclose(da.x, [-5, -2.5, 0, 2.5])
    np.testing.assert_allclose(da.y, [100, 100.5, 101])
    for y in range(3):
        for x in range(4):
            np.testing.assert_array_equal(da[y, x], _spectrum_of(x, y))
    assert (np.diff(da.raman_shift) > 0).all()


def test_unfinished_renishaw_map_has_nan_where_nothing_was_measured(make_wdf, tmp_path):
    taken = ORDERS["column by column"][:7]
    positions = [(float(x), float(y)) for x, y in taken]
    spectra = [_spectrum_of(x, y) for x, y in taken]
    path = tmp_path / "map.wdf"
    path.write_bytes(make_wdf(spectra, range(5), positions=positions, grid=(0, 0, 1, 1, 4, 3), flag=2, capacity=12))
    with pytest.warns(MIWidgetsWarning, match=r"map\.wdf: Unfinished measurement"):
        da = read_spectra(path)
    assert da.shape == (3, 4, 5)
    measured = da.notnull().all("raman_shift").values
    assert measured.sum() == 7
    for x, y in taken:
        np.testing.assert_array_equal(da[y, x], _spectrum_of(x, y))


def test_renishaw_positions_off_the_grid_are_said(make_wdf, tmp_path):
    positions = [(x + 0.4, float(y)) for x, y in ORDERS["row by row"]]
    path = tmp_path / "map.wdf"
    path.write_bytes(make_wdf(np.ones((12, 5)), range(5), positions=positions, grid=(0, 0, 1, 1, 4, 3)))
    with pytest.warns(MIWidgetsWarning, match="do not lie on its grid of 3 x 4 pixels"):
        assert read_spectra(path).shape == (3, 4, 5)


def test_single_renishaw_spectrum_is_read_without_a_word(make_wdf, tmp_path, capfd, caplog):
    path = tmp_path / "one.wdf"
    path.write_bytes(make_wdf(np.arange(6.0), np.linspace(100, 200, 6)))
    da = read_spectra(path)
    assert da.dims == ("raman_shift",)
    np.testing.assert_array_equal(da, np.arange(6))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.parametrize("keep", [3, 20, 400, 520, -40, -1])
def test_truncated_renishaw_file_is_refused(make_wdf, tmp_path, keep):
    raw = make_wdf(
        np.ones((12, 5)), range(5), positions=[(x, y) for y in range(3) for x in range(4)], grid=(0, 0, 1, 1, 4, 3)
    )
    path = tmp_path / "cut.wdf"
    path.write_bytes(raw[:keep])
    with pytest.raises(FileFormatError, match=r"cut\.wdf .*(cut off|damaged)"):
        read_spectra(path)


def test_block_sizes_that_lead_nowhere_do_not_hang(make_wdf, tmp_path):
    raw = bytearray(make_wdf(np.ones(5), range(5)))
    raw[512 + 8 : 512 + 16] = bytes(8)  # the second block claims to be 0 bytes long
    path = tmp_path / "loop.wdf"
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="block 'DATA' at byte 512 claims 0 bytes"):
        read_spectra(path)


# --- the optional package


def test_without_rosettasciio_the_command_is_named(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "rsciio" else find(name, *a))
    _rosettasciio._plugins.cache_clear()
    try:
        path = tmp_path / "map.wdf"
        path.write_bytes(b"WDF1 and so on")
        with pytest.raises(MissingDependencyError, match=r'pip install "mi-widgets\[files\]"'):
            read_spectra(path)
        with pytest.raises(MissingDependencyError, match=r"map\.wdf"):
            read_spectra(path, format="rosettasciio")
        assert {"netcdf", "vamas", "text", "rosettasciio"} <= set(list_formats()["format"])
        assert ".wdf" not in " ".join(list_formats()["suffixes"])
    finally:
        _rosettasciio._plugins.cache_clear()


def test_plugins_that_run_text_of_the_file_are_left_out():
    names = {plugin["name"] for plugin in _rosettasciio._plugins()}
    assert "Renishaw" in names
    assert not names & {"netCDF", "ZSPY", "MRCZ", "Image"}
