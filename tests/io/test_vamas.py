"""VAMAS files made here: the layout of ISO 14976, by which two real files were read as well."""

import json

import numpy as np
import pytest

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsError, ParameterError
from mi_widgets.io import read_netcdf, read_spectra, write_netcdf

COUNTS = np.array([3.0, 5.0, 9.0, 4.0])


@pytest.fixture
def save(make, tmp_path):
    def write(*blocks, name="a.vms", before="", **options):
        path = tmp_path / name
        path.write_text(before + make.vamas(blocks, **options))
        return path

    return write


def test_one_block_keeps_its_axis_and_says_which_energy_it_is(save):
    da = read_spectra(save({"values": COUNTS, "axis": ("binding energy", "eV", 290.0, -0.1)}))
    assert da.dims == ("energy",)
    assert da.energy.values.tolist() == [290.0, 289.9, 289.8, 289.7]
    assert da.energy.attrs == {"units": "eV", "long_name": "binding energy"}
    assert da.values.tolist() == COUNTS.tolist()
    assert (da.attrs["excitation_energy"], da.attrs["pass_energy"], da.attrs["work_function"]) == (1486.6, 20.0, 4.5)
    known = json.loads(da.attrs["original_metadata"])["blocks"]["0"]
    assert known["extra"] == "7 d"
    assert known["analyser_mode"] == "FAT"


@pytest.mark.parametrize(
    ("label", "unit", "dim", "units", "text"),
    [
        ("Kinetic Energy", "eV", "energy", "eV", "kinetic energy"),
        ("energy loss", "eV", "energy", "eV", "energy loss"),
        ("mass/charge", "u", "mass_to_charge", "1", "mass to charge ratio"),
        ("sputter time", "s", "time", "s", "time"),
    ],
)
def test_axes_of_other_techniques(save, label, unit, dim, units, text):
    block = {"values": COUNTS, "axis": (label, unit, 10, 1), "technique": "SIMS" if unit == "u" else "ELS"}
    da = read_spectra(save(block))
    assert da.dims == (dim,)
    assert da[dim].attrs == {"units": units, "long_name": text}


def test_unknown_axis_asks_for_its_name(save):
    path = save({"values": COUNTS, "axis": ("x", "d", 0, 1)})
    with pytest.raises(LabelError, match=r"axis is called 'x'.*dim=\"energy\""):
        read_spectra(path)
    assert read_spectra(path, dim="energy", units="keV").energy.attrs["units"] == "keV"


@pytest.mark.parametrize(
    ("column", "unit"),
    [(("count rate", "c/s"), "count / s"), (("Counts", "d"), "count"), (("Intensity", "d"), "1"),
     (("counts per second", "d"), "count / s"), (("current", "nA"), "nA"), (("signal", "furlong"), "1")],
)  # fmt: skip
def test_units_of_the_standard(save, column, unit, pint_registry):
    da = read_spectra(save({"values": COUNTS, "columns": [column]}))
    assert da.attrs["units"] == unit
    pint_registry.Unit(unit)


def test_blank_lines_in_front_and_other_line_ends(save):
    path = save({"values": COUNTS}, before="\n \n\n", name="a.npl")
    assert read_spectra(path).size == 4
    for end in (b"\r\n", b"\r"):
        path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", end))
        assert read_spectra(path).size == 4
        path.write_bytes(path.read_bytes().replace(end, b"\n"))


def test_irregular_scans_and_corresponding_variables(save):
    columns = [("Binding Energy", "eV"), ("Counts", "d"), ("transmission", "d")]
    values = [[1.0, 2.0, 4.0], [30.0, 20.0, 10.0], [0.5, 0.6, 0.7]]
    path = save({"values": values, "columns": columns, "name": "C 1s"}, scan="IRREGULAR")
    da = read_spectra(path)
    assert da.energy.values.tolist() == [1.0, 2.0, 4.0]
    assert da.energy.attrs["long_name"] == "binding energy"
    assert (da.values.tolist(), da.attrs["units"]) == ([30.0, 20.0, 10.0], "count")
    for choice in ("transmission", "C 1s/transmission"):
        assert read_spectra(path, variable=choice).values.tolist() == [0.5, 0.6, 0.7]
    regular = save({"values": values[1:], "columns": columns[1:]})
    assert read_spectra(regular, variable="transmission").values.tolist() == [0.5, 0.6, 0.7]
    with pytest.raises(DataError, match="has an axis and no intensity"):
        read_spectra(save({"values": values[:1], "columns": columns[:1]}, scan="IRREGULAR"))


def test_blocks_with_one_axis_become_a_dimension(save, tmp_path):
    blocks = [{"values": COUNTS + i, "name": f"level {i}", "variables": [30.0 * i]} for i in range(3)]
    da = read_spectra(save(*blocks, mode="SDP", variables=[("etch time", "s")]))
    assert da.dims == ("block", "energy")
    assert da.block.values.tolist() == [0, 30, 60]
    assert da.block.attrs == {"units": "s", "long_name": "etch time"}
    assert da.block_name.values.tolist() == ["level 0", "level 1", "level 2"]
    np.testing.assert_array_equal(da, [COUNTS, COUNTS + 1, COUNTS + 2])
    assert read_netcdf(write_netcdf(da, tmp_path / "a.nc")).spectra.identical(da)
    plain = read_spectra(save(*blocks))
    assert plain.block.values.tolist() == [0, 1, 2]
    assert read_spectra(save(*blocks), variable=2).values.tolist() == (COUNTS + 2).tolist()
    assert read_spectra(save(*blocks), variable="level 1").dims == ("energy",)


def test_blocks_that_differ_are_listed(save):
    carbon = [{"values": COUNTS, "name": "as loaded"}, {"values": COUNTS + 1, "name": "annealed"}]
    oxygen = {"values": COUNTS[:3], "name": "as loaded", "species": "O", "axis": ("kinetic energy", "eV", 900, 1)}
    path = save(*carbon, oxygen)
    text = r"different axes.*variable=0.*0: as loaded \(4 points, 100 to 101.5, Intensity\); 1: annealed.*2: as loaded"
    with pytest.raises(ParameterError, match=text):
        read_spectra(path)
    assert read_spectra(path, variable="C 1s").sizes == {"block": 2, "energy": 4}
    assert read_spectra(path, variable="O 1s").energy.values.tolist() == [900, 901, 902]
    for wrong in ("N 1s", 3, -1, "C 1s/nothing"):
        with pytest.raises(ParameterError, match=r"has no block .*It has: 0: as loaded"):
            read_spectra(path, variable=wrong)


@pytest.mark.parametrize("listed", [(-1, -9, -14, -31, -32, -40), (11, 29, 30)])
def test_parameters_left_out_are_those_of_the_first_block(save, listed):
    blocks = [{"values": COUNTS * (i + 1), "variables": [i]} for i in range(3)]
    da = read_spectra(save(*blocks, listed=listed, variables=[("temperature", "K")], future=(1, 2)))
    np.testing.assert_array_equal(da, [COUNTS, COUNTS * 2, COUNTS * 3])
    assert da.block.values.tolist() == [0, 1, 2]


def test_maps(save):
    places = [(x, y) for y in (1, 2) for x in (3, 1, 2)]
    blocks = [{"values": COUNTS + 10 * x + 100 * y, "place": (x, y)} for x, y in places]
    da = read_spectra(save(*blocks, mode="MAP", discrete=(3, 2)))
    assert da.sizes == {"y": 2, "x": 3, "energy": 4}
    assert float(da.sel(x=2, y=1)[0]) == 3 + 20 + 100
    assert da.x.attrs["units"] == "1"
    viewed = [{**b, "view": (30, 40)} for b in blocks]
    seen = read_spectra(save(*viewed, mode="MAP", discrete=(3, 2)))
    assert seen.x.values.tolist() == [10, 20, 30]
    assert seen.y.attrs["units"] == "um"
    part = read_spectra(save(*blocks[:5], mode="MAP", discrete=(3, 2)))
    assert part.sizes == {"y": 2, "x": 3, "energy": 4}
    assert np.isnan(part.sel(x=2, y=2)).all()
    depth = read_spectra(save(*blocks, mode="MAPDP", discrete=(3, 2)))
    assert depth.sizes == {"y": 2, "x": 3, "energy": 4}
    scattered = [{**b, "place": (10 * i, 7 * i)} for i, b in enumerate(blocks)]
    assert read_spectra(save(*scattered, mode="MAP", discrete=(99, 99))).dims == ("block", "energy")


def test_maps_of_several_regions_and_corresponding_variables(save):
    columns = [("Counts", "d"), ("transmission", "d")]
    blocks = []
    for place in [(x, y) for y in (1, 2) for x in (1, 2, 3)]:
        n = place[0] + 10 * place[1]
        blocks += [
            {"values": [COUNTS + n, COUNTS / n], "columns": columns, "place": place, "species": "C"},
            {"values": [COUNTS[:3] * n, COUNTS[:3]], "columns": columns, "place": place, "species": "O",
             "axis": ("kinetic energy", "eV", 900, 1)},
        ]  # fmt: skip
    path = save(*blocks, mode="MAP", discrete=(3, 2))
    with pytest.raises(ParameterError, match=r"different axes or columns.*Counts/transmission"):
        read_spectra(path)
    carbon, oxygen = read_spectra(path, variable="C 1s"), read_spectra(path, variable="O 1s/transmission")
    assert carbon.sizes == {"y": 2, "x": 3, "energy": 4}
    assert oxygen.sizes == {"y": 2, "x": 3, "energy": 3}
    np.testing.assert_array_equal(carbon.sel(x=3, y=2), COUNTS + 23)
    np.testing.assert_array_equal(oxygen[0, 0], COUNTS[:3])
    np.testing.assert_array_equal(read_spectra(path, variable="C 1s/transmission").sel(x=2, y=1), COUNTS / 12)


def test_irregular_scans_of_several_blocks(save):
    columns = [("Binding Energy", "eV"), ("Counts", "d")]
    blocks = [{"values": [[1.0, 2.0, 4.0], [3.0, 2.0 + i, 1.0]], "columns": columns} for i in range(2)]
    np.testing.assert_array_equal(read_spectra(save(*blocks, scan="IRREGULAR"))[:, 1], [2, 3])
    blocks[1]["values"][0] = [1.0, 2.0, 5.0]
    with pytest.raises(ParameterError, match=r"different axes.*1: a block \(3 points, 1 to 5, Counts\)"):
        read_spectra(save(*blocks, scan="IRREGULAR"))


def test_values_that_the_standard_calls_unknown_are_missing(save):
    da = read_spectra(save({"values": [3.0, 1e37, 4.0, 1e36]}))
    np.testing.assert_array_equal(da, [3, np.nan, 4, 1e36])


@pytest.mark.parametrize("technique", ["AES diff", "AES dir", "SIMS", "ISS", "XRF", "UPS"])
@pytest.mark.parametrize("mode", ["NORM", "SDP", "SDPSV", "NOEXP", "MAPDP"])
def test_every_technique_in_every_mode(save, technique, mode):
    block = {"values": COUNTS, "technique": technique}
    assert read_spectra(save(block, mode=mode)).values.ravel().tolist() == COUNTS.tolist()


@pytest.mark.parametrize(
    ("mode", "scan"), [("MAPSV", "REGULAR"), ("MAPSVDP", "REGULAR"), ("SEM", "MAPPING"), ("MAP", "MAPPING")]
)
def test_images_are_named(save, mode, scan):
    with pytest.raises(
        DataError, match=rf"holds images \(experiment mode {mode}, scan mode {scan}\).*Export the spectra"
    ):
        read_spectra(save({"values": COUNTS}, mode=mode, scan=scan))


def _line(path, old, new, tmp_path):
    text = path.read_text()
    assert text.count(old) == 1
    (tmp_path / "b.vms").write_text(text.replace(old, new))
    return tmp_path / "b.vms"


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("\n4\n3.0\n9.0\n", "\n1000000000000\n3.0\n9.0\n", "number of ordinate values is 1000000000000, but only"),
        ("\n4\n3.0\n9.0\n", "\n5\n3.0\n9.0\n", "is truncated, or one of its counts is wrong"),
        ("\n4\n3.0\n9.0\n", "\n4e0\n3.0\n9.0\n", "the number of ordinate values expected, found '4e0'"),
        ("\n5.0\n", "\nfive\n", r"line \d+: a number expected, found 'five'"),
        ("\n5.0\n", "\n5_0\n", "a number expected, found '5_0'"),
        ("\n5.0\n", "\ninf\n", "1 values are infinite"),
        ("NORM", "NORMAL", "an experiment mode .* expected, found 'NORMAL'"),
        ("REGULAR", "REGULAAR", "REGULAR, IRREGULAR or MAPPING expected"),
        ("\n2\nfirst comment", "\n-2\nfirst comment", "number of comment lines, 0 or more, expected"),
        ("kinetic energy\neV\n100.0\n0.5", "kinetic energy\neV\n100.0\n0", r"energy 100 appears 4 times"),
        ("kinetic energy\neV\n100.0\n0.5", "kinetic energy\neV\n1e37\n0.5", "states no start and increment"),
    ],
)
def test_damage_is_named_with_its_line(save, tmp_path, old, new, text):
    with pytest.raises(MIWidgetsError, match=text):
        read_spectra(_line(save({"values": COUNTS}), old, new, tmp_path))


def test_not_vamas_and_cut_off(save, tmp_path):
    with pytest.raises(FileFormatError, match="could not be read as vamas"):
        read_spectra(_line(save({"values": COUNTS}), "VAMAS Surface", "Surface", tmp_path))
    raw = save({"values": COUNTS}, {"values": COUNTS}).read_bytes()
    for share in np.linspace(0.01, 0.97, 25):
        (tmp_path / "b.vms").write_bytes(raw[: int(share * len(raw))])
        with pytest.raises(MIWidgetsError):
            read_spectra(tmp_path / "b.vms")
    with pytest.raises(DataError, match="has no blocks"):
        read_spectra(save())
