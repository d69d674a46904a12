"""Tables of angles."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import orientation
from mi_widgets.datasets import make_orientations
from mi_widgets.errors import FileFormatError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_angles, read_netcdf, write_netcdf


@pytest.fixture
def file(tmp_path: Path):
    def make(text: str | bytes) -> Path:
        path = tmp_path / "grains.csv"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


@pytest.mark.parametrize(
    "text",
    ["12\n171\n90.5\n", "# measured\n12\n\n171\n90.5", "angle\n12\n171\n90.5", "\ufeffangle (°);n\n12;1\n171;2\n90.5;3",
     "12 1\n171 2\n90.5 3", "12\t1\n171\t2\n90.5\t3\n", "angle (deg)  length (um)\n12 1\n171 2\n90.5 3"],
)  # fmt: skip
def test_every_way_to_write_a_column(file, text):
    angles = read_angles(file(text))
    assert angles.values.tolist() == [12.0, 171.0, 90.5]
    assert angles.attrs["units"] == "degree"


def test_names_units_places_and_samples(file, tmp_path):
    text = "grain, x (mm), y [mm], Long axis (rad), length, sample\n1, 0.1, 2, 0.5, 60, a\n2, 0.3, 1, nan, 70, b\n"
    angles = read_angles(file(text), column="long axis")
    assert angles.attrs["units"] == "radian"
    assert angles.values[0] == 0.5
    assert np.isnan(angles.values[1])
    assert (angles.x.attrs["units"], angles.length.attrs["units"]) == ("mm", "um")
    assert angles["sample"].values.tolist() == ["a", "b"]
    write_netcdf(angles.to_dataset(), tmp_path / "a.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "a.nc").load()["angle"], angles)
    assert read_angles(file("3,4\n5,6\n"), column=1, units="radian").attrs["units"] == "radian"


def test_what_is_written_is_read_and_fitted(tmp_path):
    grains = make_orientations(300, seed=0)
    table = np.stack([grains.angle, grains.x, grains.y], axis=1)
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="angle (deg),x (mm),y (mm)", comments="", fmt="%.6f")
    read = read_angles(tmp_path / "a.csv")
    fit = orientation.fit_orientation(read, n_components=2)
    other = orientation.fit_orientation(grains.angle, n_components=2)
    assert fit.mean_axis.values == pytest.approx(other.mean_axis.values)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "no rows"), ("angle\n", "below its heading"), ("1,2\n3\n", "cells in row 2"), ("a,b\n1,2\n3,x4\n", "angle"),
     (b"\xff\xfe\x00\x01", "no text"), ("1\ntwelve\n", "'twelve' in row 2 is no number")],
)  # fmt: skip
def test_damaged_tables(file, text, words):
    if words == "angle":
        with pytest.raises(FileFormatError, match="'x4' in row 2"):
            read_angles(file(text), column="b")
        with pytest.raises(FileFormatError, match="no column 'angle'; there are a, b"):
            read_angles(file(text), column="angle")
        with pytest.raises(FileFormatError, match="no column 2"):
            read_angles(file(text), column=2)
        return
    with pytest.raises(FileFormatError, match=words):
        read_angles(file(text))


def test_unknown_unit(file, tmp_path):
    for unit in ("grad", "mrad", "gon"):  # none of these is a degree
        path = file(f"angle ({unit})\n12\n171\n")
        with pytest.raises(FileFormatError, match=f"is in '{unit}'"):
            read_angles(path)
        assert read_angles(path, units="degree").attrs["units"] == "degree"
    assert read_angles(file("theta_rad\n1\n2\n")).attrs["units"] == "radian"
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(FileFormatError, match="is no file"):
            read_angles(path)
    with pytest.warns(MIWidgetsWarning, match="12,5 is read as two columns"):
        read_angles(file("12,5\n171,3\n"))
    with pytest.raises(ParameterError, match="'degree' or 'radian'"):
        read_angles(file("1\n2\n"), units="gon")
