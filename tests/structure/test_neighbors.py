"""Pairs of atoms, beside ASE and matscipy."""

import numpy as np
import pytest
import xarray as xr
from ase.neighborlist import primitive_neighbor_list
from matscipy.neighbours import neighbour_list

from mi_widgets import structure
from mi_widgets.datasets import make_silica, make_slab
from mi_widgets.errors import DataError, LabelError, MissingDependencyError, ParameterError
from mi_widgets.labels import label_structure
from mi_widgets.structure import _neighbors
from mi_widgets.structure._cells import complete_cell

ENGINES = ("numba", "numpy")


@pytest.mark.parametrize("engine", ENGINES)
def test_pairs_are_ase_s(case: tuple[xr.Dataset, float], engine: str) -> None:
    atoms, cutoff = case
    found = structure.neighbor_list(atoms, cutoff, engine=engine)
    cell = complete_cell(atoms.cell.values)
    i, j, shift, vector = primitive_neighbor_list(
        "ijSD", atoms.pbc.values, cell, atoms.position.values, cutoff, self_interaction=False
    )
    order = np.lexsort((*shift.T[::-1], j, i))
    np.testing.assert_array_equal(found["first"], i[order])
    np.testing.assert_array_equal(found["second"], j[order])
    np.testing.assert_array_equal(found["shift"], shift[order])
    np.testing.assert_allclose(found["vector"], vector[order], atol=1e-10)
    np.testing.assert_allclose(found["distance"], np.linalg.norm(vector[order], axis=1), atol=1e-10)


def test_pairs_are_matscipy_s_in_a_large_cell() -> None:
    rng = np.random.default_rng(1)
    cell = np.array([[40.0, 0, 0], [5, 38, 0], [-4, 3, 41]])
    atoms = label_structure(rng.random((4000, 3)) @ cell, ["Ar"] * 4000, cell=cell)
    found = structure.neighbor_list(atoms, 4.0)
    i, j, d = neighbour_list("ijd", structure.to_ase(atoms), 4.0)
    assert sorted(zip(found["first"].values, found["second"].values, strict=True)) == sorted(zip(i, j, strict=True))
    np.testing.assert_allclose(np.sort(found["distance"]), np.sort(d), atol=1e-10)


@pytest.mark.parametrize("engine", ENGINES)
def test_each_pair_is_there_both_ways_also_where_a_distance_is_the_cutoff(engine: str) -> None:
    """On a rotated lattice rounding decides which of the atoms at the cutoff are nearer: alike for both directions."""
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    place = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    lattice = label_structure((place + 0.3) * 1.1 @ turn, ["Po"] * 64, cell=4.4 * turn)
    found = structure.neighbor_list(lattice, 1.1 * 2**0.5, engine=engine)
    i, j, shift, vector = (found[name].values for name in ("first", "second", "shift", "vector"))
    back = {(a, b, *s): tuple(v) for a, b, s, v in zip(i, j, shift.tolist(), vector, strict=True)}
    for (a, b, *s), v in back.items():
        np.testing.assert_allclose(back[(b, a, *(-k for k in s))], np.negative(v), rtol=0, atol=1e-12)


def test_atoms_in_clumps_need_more_room_than_an_even_density() -> None:
    rng = np.random.default_rng(0)
    clumps = rng.normal(size=(8, 1, 3)) * 30 + rng.normal(size=(8, 150, 3)) * 0.5
    atoms = label_structure(clumps.reshape(-1, 3), ["Ar"] * 1200, cell=np.eye(3) * 300)
    a, b = (structure.neighbor_list(atoms, 3.0, engine=e) for e in ENGINES)
    assert a.sizes["pair"] > 100 * 1200
    xr.testing.assert_allclose(a, b)


def test_vector_is_position_difference_and_shift() -> None:
    silica = make_silica()
    found = structure.neighbor_list(silica)
    p, cell = silica.position.values, silica.cell.values
    expected = p[found["second"]] - p[found["first"]] + found["shift"].values @ cell
    np.testing.assert_allclose(found["vector"], expected, atol=1e-10)


def test_cutoffs_of_pairs_leave_the_bonds_of_the_network() -> None:
    silica = make_silica(seed=3)
    found = structure.neighbor_list(silica, {("Si", "O"): 2.2})
    bonds = {(a, b) for a, b in zip(found["first"].values, found["second"].values, strict=True) if a < b}
    assert bonds == set(map(tuple, silica.true_bond.values.tolist()))
    np.testing.assert_array_equal(structure.coordination(silica, {("Si", "O"): 2.2}), silica.true_coordination)
    by_radii = structure.coordination(make_silica(disorder=0.0))
    np.testing.assert_array_equal(by_radii, silica.true_coordination)


def test_atom_labels_are_kept() -> None:
    part = make_slab().isel(atom=slice(10, 30))
    found = structure.neighbor_list(part, 2.2)
    assert set(found["first"].values) <= set(range(10, 30))


@pytest.mark.parametrize("engine", ENGINES)
def test_coordination_of_a_trajectory_is_lazy(liquid: xr.Dataset, chunked, counting, engine: str) -> None:
    eager = structure.coordination(liquid, 3.0, of="Si", to="O", engine=engine)
    with counting() as count:
        lazy = structure.coordination(chunked(liquid), 3.0, of="Si", to="O", engine=engine)
        assert count.n == 0
        xr.testing.assert_equal(lazy.compute(), eager)
        assert count.n == 1
    for k in (0, 11):
        pairs = structure.neighbor_list(liquid.isel(frame=k), {("Si", "O"): 3.0})
        expected = np.bincount(pairs["first"], minlength=60) * (liquid.element.values == "Si")
        np.testing.assert_array_equal(eager.isel(frame=k), expected)


def test_labels_of_a_slab_with_a_step() -> None:
    slab = make_slab()
    labels = structure.coordination_labels(slab, 2.3)
    for text, element, n in zip(labels.values, slab.element.values, slab.true_coordination.values, strict=True):
        other = "O" if element == "Mg" else "Mg"
        assert text == f"{element}{n} ({other}{n})"


def test_by_another_label() -> None:
    slab = make_slab(step=False).rename(true_layer="layer")
    between = structure.coordination(slab, 2.3, of="0", to="1", by="layer")
    np.testing.assert_array_equal(between, (slab.layer == 0).astype(int))


def test_overlapping_atoms_are_neighbours_at_no_distance() -> None:
    twins = label_structure([[1, 1, 1], [1, 1, 1]], ["H", "H"])
    assert structure.neighbor_list(twins, 0.5).distance.values.tolist() == [0.0, 0.0]


def test_without_numba_it_is_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_neighbors, "_numba_engine", lambda: None)
    assert _neighbors.resolve_engine("auto") == "numpy"
    with pytest.raises(MissingDependencyError, match="fast"):
        _neighbors.resolve_engine("numba")
    with pytest.raises(ParameterError, match="auto"):
        _neighbors.resolve_engine("fortran")


def test_bad_cutoffs() -> None:
    slab = make_slab()
    for cutoff in (0, -1.0, np.nan, "two"):
        with pytest.raises(ParameterError, match="above zero"):
            structure.neighbor_list(slab, cutoff)
    with pytest.raises(ParameterError, match="no atom has element 'Fe'"):
        structure.coordination(slab, 2.0, to="Fe")
    with pytest.raises(ParameterError, match="for each pair"):
        structure.neighbor_list(slab, {"Mg": 2.0})
    with pytest.raises(LabelError, match="by='charge'"):
        structure.neighbor_list(slab, 2.0, by="charge")


def test_a_thin_cell_does_not_fill_the_memory() -> None:
    thin = label_structure(np.zeros((100, 3)), ["H"] * 100, cell=np.eye(3) * 1e-3)
    with pytest.raises(DataError, match="very thin"):
        structure.neighbor_list(thin, 5.0)


def rocksalt() -> xr.Dataset:
    unit = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.106
    both = np.vstack([unit, unit + np.array([2.106, 0, 0])])
    return label_structure(both, ["Mg"] * 4 + ["O"] * 4, cell=np.eye(3) * 4.212)


def test_by_default_metals_among_anions_are_not_bonded() -> None:
    oxide = rocksalt()
    assert set(structure.coordination_labels(oxide).values) == {"Mg6 (O6)", "O6 (Mg6)"}
    within = structure.coordination(oxide, 3.1)  # a cutoff that is given is obeyed
    assert (within.values == 6 + 12).all()
    metal = label_structure([[0.0, 0, 0]], ["Mg"], cell=np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 2.106)
    assert structure.coordination(metal).item() == 12
    oxygen = label_structure([[0.0, 0, 0], [0, 0, 1.75], [0, 0, 3.1]], ["Mg", "O", "Mg"])  # two of one anion only
    assert structure.coordination(oxygen).values.tolist() == [2, 2, 2]
