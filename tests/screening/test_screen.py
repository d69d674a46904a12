"""The table of substrates, all coincidences of a film, and layers that lie on each other as the cells say."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mi_widgets.datasets._layers import PROTOTYPES, make_layer
from mi_widgets.datasets._substrates import load_films, load_substrates
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.screening import build_stack, check_substrates, edit_substrates, iter_screen_substrates, match_lattices
from mi_widgets.screening.screen import screen_substrates

GERMANENE = 4.06


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return screen_substrates(GERMANENE, load_substrates(), max_area=100.0)


def test_table_says_what_is_known_and_where_it_is_from() -> None:
    table = load_substrates()
    assert (table["a"] > 2).all()
    assert (table["prototype"].isin(PROTOTYPES)).all()
    assert not table.loc["Al2O3(0001)", "van_der_waals"]
    unsure = table["note"].str.extract(r"([a-z ,]*) from memory, not verified", expand=False).fillna("")
    unsure = unsure.str.strip().str.split(", ")
    for value, source, word in (("a", "source", "a"), ("band_gap", "gap_source", "gap")):
        said = np.array([word in words for words in unsure])
        known = (table[value] > 0).to_numpy()
        assert (said == (known & (table[source] == "").to_numpy())).all(), value
    assert "work function" in unsure["graphene"]
    assert table.equals(check_substrates(table))


@pytest.mark.parametrize(("name", "percent"), [("GaTe", 0.7), ("InSe", -1.4), ("Bi2Se3", 1.9)])
def test_one_cell_on_one_cell_strains_germanene_as_published(found: xr.Dataset, name: str, percent: float) -> None:
    """doi:10.1039/C5CP02428E: GaTe and InSe keep its bands."""
    best = found.sel(coincidence=f"{name} 1")
    assert (int(best.n_film), int(best.n_substrate)) == (1, 1)
    assert round(100 * float(best.strain), 1) == percent


def test_ranking_and_what_a_per_cent_of_the_film_can_turn_round(found: xr.Dataset) -> None:
    assert set(found.substrate.values[:3]) == {"MoTe2", "GaTe", "InSe"}
    ok = found.status == 0
    assert 10 < int(ok.sum()) < 21
    assert (found.score_low <= found.best_score + 1e-9)[ok].all()
    assert (found.best_score <= found.score_high + 1e-9)[ok].all()
    for end, column in ((0.99, "low"), (1.01, "high")):  # the ends are among what was tried
        other = screen_substrates(GERMANENE * end, load_substrates(), max_area=100.0).set_index(substrate="substrate")
        same = other.best_score.sel(substrate=found.substrate)
        inside = (found.score_low - 1e-6 <= same) & (same <= found.score_high + 1e-6)
        assert inside[ok & same.notnull()].all(), column
    assert {"GaTe", "InSe"} <= set(found.substrate.values[found.undecided == 1])
    assert "GaTe" in found.attrs["conclusion"]
    sure = screen_substrates(GERMANENE, load_substrates(), max_area=100.0, tolerance=0.0)
    assert int(sure.undecided.sum()) == 1
    np.testing.assert_allclose(sure.score_low, sure.best_score)  # NaN in the same places


def test_coincidences_are_those_of_each_pair(found: xr.Dataset) -> None:
    alone = match_lattices(GERMANENE, load_substrates().loc["MoTe2"], max_area=100.0)
    mine = found.isel(coincidence=found.substrate_name.values == "MoTe2")
    for name in ("strain", "angle", "area", "score"):
        np.testing.assert_allclose(mine[name], alone[name])


def test_parts_hold_what_is_to_come_and_the_whole_round_trips(found: xr.Dataset, tmp_path: Path) -> None:
    parts = list(iter_screen_substrates(GERMANENE, load_substrates(), max_area=100.0))
    assert [p.done for p in parts] == list(range(1, 22))
    assert int((parts[2].result.status == 4).sum()) == 18
    assert parts[-1].result.identical(found)
    write_netcdf(found, tmp_path / "found.nc")
    assert read_netcdf(tmp_path / "found.nc").identical(found)
    none = screen_substrates(GERMANENE, load_substrates()[:2], max_area=8.0, max_strain=0.0)
    assert none.sizes["coincidence"] == 0
    assert "No substrate" in none.attrs["conclusion"]
    write_netcdf(none, tmp_path / "none.nc")
    assert read_netcdf(tmp_path / "none.nc").identical(none)


def test_a_row_that_cannot_be_screened_stops_nothing() -> None:
    table = pd.DataFrame({"a": [np.nan, 4.09, 40.0]}, index=["unknown", "GaTe", "huge"])
    flags = screen_substrates(GERMANENE, table).set_index(substrate="substrate").status
    assert flags.sel(substrate=["GaTe", "unknown", "huge"]).values.tolist() == [0, 2, 3]


@pytest.mark.parametrize("film", load_films().index)
def test_every_layer_can_be_stacked(found: xr.Dataset, film: str) -> None:
    one = screen_substrates(float(load_films().loc[film, "a"]), load_substrates(), max_area=100.0, max_strain=0.1)
    for name in one.substrate.values[one.status == 0]:
        match = one.sel(coincidence=f"{name} 1")
        film_layer, layer = make_layer(film), make_layer(str(name))
        stack = build_stack(film_layer, layer, match)
        assert stack.sizes["atom"] == int(match.n_film) * 2 + int(match.n_substrate) * layer.sizes["atom"]
        shift = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ stack.cell.values[:2]
        gap = stack.position.values[:, None, None] + shift - stack.position.values[None, :, None]
        distance = np.linalg.norm(gap, axis=-1)
        assert distance[distance > 1e-6].min() > 1.3, name  # no two atoms in one place


def test_layers_have_their_bonds() -> None:
    for name, bond in (("MoS2", 2.41), ("GaTe", 2.68), ("graphene", 1.42), ("Bi2Se3", 2.9)):
        layer = make_layer(name)
        cell = layer.cell.values[:2]
        shift = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) @ cell
        first, other = layer.position.values[:1], layer.position.values[1:]
        nearest = np.linalg.norm(first[None] + shift[:, None] - other[None], axis=-1).min()
        assert abs(nearest - bond) < 0.2, name
    film = make_layer("stanene", a=4.7)
    assert np.ptp(film.position.values[:, 2]) == 0.85
    assert make_layer({"a": 5.0}).element.values.tolist() == ["X"]
    square = {"a": 4.1, "gamma": 90.0, "prototype": "MX", "elements": "Ga Te"}
    assert make_layer(square).element.values.tolist() == ["X"]  # a hexagonal layer would have wrong bonds there


def test_a_table_is_edited_beside_itself() -> None:
    table = load_substrates()
    changed = edit_substrates(table, {"GaTe": {"a": 4.13}, "mine": {"a": 4.2, "b": 4.4, "gamma": 90.0}, "PbI2": None})
    assert table.loc["GaTe", "a"] == 4.09
    assert changed.loc["GaTe", ["a", "source"]].tolist() == [4.13, "changed by hand"]
    assert changed.index.get_loc("GaTe") == table.index.get_loc("GaTe")
    assert changed.index[-1] == "mine"
    assert "PbI2" not in changed.index
    assert changed.dtypes[["a", "van_der_waals", "band_gap"]].astype(str).tolist() == ["float64", "bool", "float64"]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"GaTe": {"a": -4.1}}, DataError, "a of 'GaTe' must be a number from 0.5 to 100 angstrom; got -4.1"),
        ({"GaTe": {"a": 409}}, DataError, "Is it in angstrom"),
        ({"GaTe": {"a": "four"}}, DataError, "got 'four'"),
        ({"GaTe": {"gamma": 200}}, DataError, "gamma of 'GaTe' must be a number from 20 to 160 degrees; got 200"),
        ({"GaTe": {"band_gap": -1}}, DataError, "band_gap of 'GaTe'"),
        ({"new": {"van_der_waals": True}}, ParameterError, "a new substrate needs a lattice constant"),
        ({"nothing": None}, ParameterError, "there is no substrate 'nothing'"),
        ({"GaTe": {"A": 4.13}}, ParameterError, "substrates have no column 'A'; there are a, "),
        (dict.fromkeys(load_substrates().index), ParameterError, "no substrate is left"),
    ],
)
def test_changes_that_cannot_be_are_refused(changes: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        edit_substrates(load_substrates(), changes)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: screen_substrates(GERMANENE, load_substrates(), tolerance=1.0), ParameterError, "0.01 for 1 %"),
        (lambda: screen_substrates(GERMANENE, load_substrates(), max_strain=3), ParameterError, "max_strain must be"),
        (lambda: screen_substrates(0.0, load_substrates()), ParameterError, "Are they in angstrom"),
        (lambda: screen_substrates(4.06, pd.DataFrame({"a": [4.0], "best": [1]})), DataError, "call it otherwise"),
        (lambda: check_substrates(pd.DataFrame({"b": [4.0]})), DataError, "a column 'a'"),
        (lambda: check_substrates(pd.DataFrame({"a": [4.0, 4.0]}, index=["x", "x"])), DataError, "stands in the table"),
        (lambda: make_layer("unobtainium"), ParameterError, "there is no layer 'unobtainium'"),
        (lambda: make_layer("GaTe", a=-1.0), ParameterError, "must be above 0 angstrom"),
        (lambda: make_layer({"b": 3.0}), DataError, "has no lattice constant"),
    ],
)
def test_bad_input_is_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
