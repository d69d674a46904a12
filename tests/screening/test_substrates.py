"""Coincidence of lattices against what can be worked out by hand, and a brute force search."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from mi_widgets.datasets import make_layer
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.screening import build_stack, match_lattices, rank_substrates
from mi_widgets.screening._lattices import area, plane_lattice, reduced, supercells

#: Lattice constants of layers (angstrom).
LAYERS = {"GaS": 3.587, "GaSe": 3.755, "InSe": 4.005, "GaTe": 4.09, "MoS2": 3.160, "graphene": 2.461}


def test_number_of_sublattices_is_the_sum_of_divisors() -> None:
    cells = supercells(12)
    sizes = np.rint(np.linalg.det(cells)).astype(int)
    assert [(sizes == n).sum() for n in (1, 2, 6, 12)] == [1, 3, 12, 28]


def test_reduction_keeps_the_lattice_and_gives_its_shortest_vectors() -> None:
    rng = np.random.default_rng(0)
    vectors = plane_lattice(3.0, 3.7, 75.0)
    changes = np.array([[[1, k], [m, 1 + k * m]] for k, m in rng.integers(-9, 10, (40, 2))])
    basis, transform = reduced(changes @ vectors)
    np.testing.assert_allclose(transform @ (changes @ vectors), basis, atol=1e-9)
    np.testing.assert_allclose(area(basis), area(vectors))
    np.testing.assert_allclose(np.linalg.norm(basis[:, 0], axis=1), 3.0)
    np.testing.assert_allclose(np.linalg.norm(basis[:, 1], axis=1), 3.7)


@pytest.mark.parametrize(("film", "substrate"), [(4.06, 4.09), (4.06, 3.52), (4.67, 4.005)])
def test_hexagonal_lattices_as_by_hand(film: float, substrate: float) -> None:
    """Of hexagonal lattices the supercells of n^2 + nm + m^2 cells are hexagonal again: the strain is isotropic."""
    sizes = sorted({n * n + n * m + m * m for n, m in product(range(7), repeat=2)} - {0})
    best = np.inf
    for n, m in product(sizes, repeat=2):
        strain = substrate * np.sqrt(m) / (film * np.sqrt(n)) - 1
        size = m * substrate**2 * np.sqrt(0.75)
        if size <= 200 and abs(strain) <= 0.05:
            best = min(best, 100 * abs(strain) + 0.02 * size)
    found = match_lattices(film, substrate, max_area=200.0)
    assert float(found.score[0]) == pytest.approx(best, abs=1e-9)


def test_germanene_lies_best_on_gallium_telluride_and_indium_selenide() -> None:
    """As in doi:10.1039/C5CP02428E, where both keep its bands."""
    ranked = rank_substrates(4.06, pd.DataFrame({"a": LAYERS}))
    assert ranked.substrate.values.tolist()[:2] == ["GaTe", "InSe"]
    np.testing.assert_allclose(ranked.strain[:2], [4.09 / 4.06 - 1, 4.005 / 4.06 - 1])
    assert ranked.n_film[:2].values.tolist() == [1, 1]


def test_graphite_turned_by_thirty_degrees() -> None:
    """A film of lattice constant sqrt(3) a fits at 30 degrees without strain."""
    best = match_lattices(np.sqrt(3) * 2.461, 2.461).isel(match=0)
    assert float(best.strain_most) == pytest.approx(0, abs=1e-12)
    assert int(best.n_substrate) == 3
    assert abs(float(best.angle)) % 60 == pytest.approx(30)


def test_a_rectangle_is_strained_along_its_sides() -> None:
    best = match_lattices((3.0, 5.0, 90.0), (3.03, 4.95, 90.0), max_area=20.0).isel(match=0)
    assert sorted([float(best.strain_most), float(2 * best.strain - best.strain_most)]) == pytest.approx([-0.01, 0.01])
    assert float(best.angle) == pytest.approx(0, abs=1e-9)


def test_result_does_not_depend_on_how_a_lattice_is_written() -> None:
    plain = match_lattices((3.0, 4.0, 90.0), 3.6, max_area=60.0)
    other = match_lattices((3.0, 5.0, float(np.rad2deg(np.arccos(3 / 5)))), 3.6, max_area=60.0)
    for name in ("score", "strain", "area", "n_film"):
        np.testing.assert_allclose(plain[name], other[name], rtol=1e-9)


def test_result_round_trips(tmp_path) -> None:  # type: ignore[no-untyped-def]
    found = match_lattices(4.06, 3.52)
    write_netcdf(found, tmp_path / "matches.nc")
    assert read_netcdf(tmp_path / "matches.nc").identical(found)


def _layer(a: float, elements: list[str], heights: list[float]) -> object:
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = plane_lattice(a, a, 120.0), 20.0
    fractions = np.array([[1 / 3, 2 / 3], [2 / 3, 1 / 3]])
    position = np.concatenate([fractions[: len(elements)] @ cell[:2, :2], np.array(heights)[:, None]], axis=1)
    return label_structure(position, elements, cell=cell, pbc=(True, True, False))


@pytest.mark.parametrize("a", [3.52, 4.09])
def test_stack_has_the_bonds_of_both_layers(a: float) -> None:
    film, base = _layer(4.06, ["Ge", "Ge"], [0.0, 0.69]), _layer(a, ["Ga", "Te"], [0.0, 1.6])
    match = match_lattices(4.06, a).isel(match=0)
    stack = build_stack(film, base, match, gap=3.2)
    assert stack.sizes["atom"] == 2 * int(match.n_film) + 2 * int(match.n_substrate)
    cell = stack.cell.values
    assert abs(np.linalg.det(cell[:2, :2])) == pytest.approx(float(match.area))
    for layer, lattice in (("film", 4.06), ("substrate", a)):
        part = stack.position.values[stack.layer.values == layer]
        shifts = np.array(list(product((-1, 0, 1), repeat=2))) @ cell[:2]
        distance = np.linalg.norm(part[:, None, None] + shifts - part[None, :, None], axis=-1)
        nearest = np.where(distance > 1e-6, distance, np.inf).min(axis=(1, 2))
        flat = np.hypot(lattice / np.sqrt(3), 0.69 if layer == "film" else 1.6)
        np.testing.assert_allclose(nearest, flat, rtol=abs(float(match.strain_most)) + 1e-9)
    low = stack.position.values[stack.layer.values == "film", 2].min()
    high = stack.position.values[stack.layer.values == "substrate", 2].max()
    assert low - high == pytest.approx(3.2)


def test_what_does_not_fit_or_is_missing_stands_at_the_end() -> None:
    table = pd.DataFrame({"a": [np.nan, 4.09, 5.2], "layered": [True, True, False]}, index=["none", "GaTe", "far"])
    ranked = rank_substrates(4.06, table, max_area=40.0, max_strain=0.02)
    assert ranked.substrate.values.tolist() == ["GaTe", "far", "none"]
    assert ranked.status.values.tolist() == [0, 1, 2]
    assert np.isnan(ranked.score[1:]).all()
    assert ranked.layered.values.tolist() == [1, 0, 1]


def test_columns_of_the_table_keep_their_units_and_results_their_names() -> None:
    table = pd.DataFrame(
        {"a": [4.09, 20.0], "band_gap": [1.7, 2.0], "work_function": [5.0, np.nan], "note": ["", np.nan]},
        index=["GaTe", "large"],
    )
    ranked = rank_substrates(4.06, table, max_area=100.0)
    assert [ranked[n].attrs["units"] for n in ("lattice_a", "band_gap", "work_function")] == ["angstrom", "eV", "eV"]
    assert ranked.status.values.tolist() == [0, 3]
    assert ranked.note.values.tolist() == ["", ""]
    with pytest.raises(DataError, match="column 'score' of the table"):
        rank_substrates(4.06, table.assign(score=1.0))
    with pytest.raises(DataError, match="a of 'GaTe' must be a number"):
        rank_substrates(4.06, table.assign(a=-4.0))


@pytest.mark.parametrize("limit", [0.05, 0.3])
def test_no_coincidence_is_lost_where_the_film_is_squeezed(limit: float) -> None:
    """The largest supercell of the film is larger than that of the substrate by the square of the strain."""
    found = match_lattices(4.0, 4.0 * np.sqrt(7 / 9) * (1 + 1e-6), max_area=110.0, max_strain=limit, n_matches=None)
    loose = match_lattices(4.0, 4.0 * np.sqrt(7 / 9) * (1 + 1e-6), max_area=300.0, max_strain=limit, n_matches=None)
    most = [int((one.n_film / one.n_substrate).where(one.area <= 110.0).max() * 1000) for one in (found, loose)]
    assert int((loose.area <= 110.0).sum()) == found.sizes["match"], most


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: match_lattices("germanene", 4.0), ParameterError, "film: write a lattice constant"),
        (lambda: match_lattices(-4.06, 4.0), ParameterError, "must be 0.5 to 100 angstrom; got a=-4.06"),
        (lambda: match_lattices(4.06, (4.0, 4.0, 180.0)), ParameterError, "gamma must be 20 to 160 degrees; got 180"),
        (lambda: match_lattices(406.0, 4.0), ParameterError, "Are they in angstrom"),
        (lambda: match_lattices(4.06, 4.0, max_strain=3), ParameterError, "max_strain must be a number from 0 to 0.3"),
        (lambda: match_lattices(4.06, 4.0, max_area=5.0), ParameterError, "holds no cell of the substrate"),
        (lambda: match_lattices(4.06, 4.0, n_matches=0), ParameterError, "n_matches must be a whole number"),
        (lambda: rank_substrates(4.06, pd.DataFrame({"b": [1.0]})), DataError, "a table of substrates"),
        (lambda: rank_substrates(4.06, pd.DataFrame({"a": [4.0, 5.0]}, index=["x", "x"])), DataError, "twice"),
    ],
)
def test_wrong_input_is_refused(call, error, text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=text):
        call()


def test_a_match_of_other_lattices_is_refused() -> None:
    """MoS2 by a match with GaTe would strain the film by 22 %."""
    match = match_lattices(4.06, 4.09).isel(match=0)
    film, wrong = make_layer("germanene"), make_layer("MoS2")
    with pytest.raises(DataError, match=r"strained by -22\.2 and -22\.2 %, not by \+0\.7 %"):
        build_stack(film, wrong, match)
    with pytest.raises(DataError, match="the film needs 'position' and 'cell'"):
        build_stack(film.drop_vars("cell"), wrong, match)
    with pytest.raises(ParameterError, match="max_area must be a number"):
        match_lattices(4.06, 4.09, max_area="big")  # type: ignore[arg-type]
