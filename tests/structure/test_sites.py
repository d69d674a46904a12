"""Layers, equivalent sites and repeated cells, beside ASE and known crystals."""

import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from ase.geometry import get_layers
from pymatgen.core import Molecule
from pymatgen.symmetry.analyzer import PointGroupAnalyzer

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms, make_slab
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_structure


@pytest.mark.parametrize("step", [True, False])
def test_layers_of_a_slab(step: bool) -> None:
    slab = make_slab(step=step, rattle=0.05)
    np.testing.assert_array_equal(structure.slab_layers(slab), slab.true_layer)


def test_layers_are_ase_s() -> None:
    atoms = fcc111("Pt", (3, 3, 5), vacuum=6.0, orthogonal=False)
    expected, _ = get_layers(atoms, (0, 0, 1), tolerance=0.5)
    np.testing.assert_array_equal(structure.slab_layers(structure.from_ase(atoms)), expected)


@pytest.mark.parametrize("shift", [0.0, 5.0, 13.0])
def test_a_slab_cut_by_the_cell_is_opened_at_its_gap(shift: float) -> None:
    slab = make_slab(step=False)
    height = float(slab.cell[2, 2])
    moved = slab.assign(position=slab.position + np.array([0, 0, shift]), pbc=("cell_vector", [True] * 3))
    moved["position"] = moved.position % [1e9, 1e9, height]
    np.testing.assert_array_equal(structure.slab_layers(moved), slab.true_layer)


def test_left_handed_cell_keeps_bottom_and_top() -> None:
    slab = make_slab(step=False)
    swapped = slab.assign(cell=slab.cell[[1, 0, 2]].assign_coords(cell_vector=["a", "b", "c"]))
    np.testing.assert_array_equal(structure.slab_layers(swapped), slab.true_layer)


def test_layers_refuse_nonsense() -> None:
    with pytest.raises(ParameterError, match="normal"):
        structure.slab_layers(make_slab(), normal="z")
    assert structure.slab_layers(make_slab().isel(atom=[])).size == 0


@pytest.mark.parametrize(
    ("atoms", "number", "n_sites"),
    [
        (bulk("NaCl", "rocksalt", a=5.64, cubic=True), 225, 2),
        (bulk("Si", "diamond", a=5.43), 227, 1),
        (bulk("ZnO", "wurtzite", a=3.25, c=5.2), 186, 2),
    ],
)
def test_sites_of_crystals(atoms, number: int, n_sites: int) -> None:
    found = structure.equivalent_sites(structure.from_ase(atoms))
    assert found.attrs["space_group_number"] == number
    assert len(set(found.values)) == n_sites


def test_sites_of_a_left_handed_cell() -> None:
    ds = structure.from_ase(bulk("NaCl", "rocksalt", a=5.64))
    swapped = ds.assign(cell=ds.cell[[1, 0, 2]].assign_coords(cell_vector=["a", "b", "c"]))
    assert structure.equivalent_sites(swapped).attrs["space_group_number"] == 225


def _turned(atoms: Atoms, seed: int) -> xr.Dataset:
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]  # a reflection as well, for some seeds
    return structure.from_ase(Atoms(atoms.numbers, atoms.positions @ turn + 5.0))


MOLECULES = {  # sites and point groups of textbooks
    "H2O": (2, "C2v"), "NH3": (2, "C3v"), "CH4": (2, "Td"), "C6H6": (2, "D6h"), "C2H6": (2, "D3d"), "C2H4": (2, "D2h"),
    "CO2": (2, "D*h"), "HCN": (3, "C*v"), "SiH2_s1A1d": (2, "C2v"), "H2O2": (2, "C2"), "CH3OH": (5, "Cs"),
    "C3H4_D2d": (3, "D2d"), "bicyclobutane": (5, "C2v"), "C4H4NH": (6, "C2v"), "CH3CHO": (6, "Cs"),
    "trans-butane": (5, "C2h"),
}  # fmt: skip


@pytest.mark.parametrize("name", MOLECULES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sites_of_a_molecule_however_it_is_turned(name: str, seed: int) -> None:
    n_sites, group = MOLECULES[name]
    found = structure.equivalent_sites(_turned(molecule(name), seed), tolerance=0.02)
    assert (len(set(found.values)), found.attrs["point_group"]) == (n_sites, group)


@pytest.mark.parametrize("name", ["C60", "C6H6", "CH4", "NH3", "C2H6", "C5H8", "cyclobutane", "SF6", "P2"])
def test_sites_and_group_of_a_molecule_are_pymatgen_s(name: str) -> None:
    octahedron = Atoms("SF6", [[0, 0, 0], *(1.56 * np.vstack([np.eye(3), -np.eye(3)]))])
    atoms = octahedron if name == "SF6" else molecule(name)
    tolerance = 0.02
    analyser = PointGroupAnalyzer(Molecule(atoms.symbols, atoms.positions), tolerance=tolerance)
    sets = analyser.get_equivalent_atoms()["eq_sets"].values()
    found = structure.equivalent_sites(_turned(atoms, 5), tolerance=tolerance)
    assert sorted(map(sorted, sets)) == sorted(np.flatnonzero(found == k).tolist() for k in set(found.values))
    assert found.attrs["point_group"] == analyser.sch_symbol


def test_atoms_of_a_molecule_without_symmetry_are_all_different() -> None:
    rng = np.random.default_rng(0)
    found = structure.equivalent_sites(label_structure(rng.normal(size=(200, 3)) * 5, ["Ar"] * 200))
    assert found.values.tolist() == list(range(200))
    assert found.attrs["point_group"] == "C1"
    twice = rng.normal(size=(20, 3)) * 5
    mirrored = structure.equivalent_sites(label_structure(np.vstack([twice, -twice]), ["Ar"] * 40))
    assert mirrored.values.tolist() == list(range(20)) * 2
    assert mirrored.attrs["point_group"] == "Ci"


def test_atoms_that_differ_in_an_array_are_not_equivalent() -> None:
    iron = structure.from_ase(bulk("Fe", "bcc", a=2.87, cubic=True))
    iron["magmom"] = ("atom", [2.2, -2.2], {"units": "bohr_magneton"})
    assert structure.equivalent_sites(iron).values.tolist() == [0, 0]
    assert structure.equivalent_sites(iron, by="magmom").values.tolist() == [0, 1]
    near = iron.assign(magmom=("atom", [2.2, 2.201]))
    assert structure.equivalent_sites(near, by=["magmom"]).values.tolist() == [0, 0]
    water = structure.from_ase(molecule("H2O")).assign(isotope=("atom", [16, 1, 2]))
    assert structure.equivalent_sites(water, by="isotope").attrs["point_group"] == "Cs"
    for bad in ("spin", "position"):
        with pytest.raises(LabelError, match=bad):
            structure.equivalent_sites(iron, by=bad)
    with pytest.raises(DataError, match="magmom has values that are not finite"):
        structure.equivalent_sites(iron.assign(magmom=iron.magmom * np.nan), by="magmom")


@pytest.mark.parametrize("swap", [False, True])
def test_layers_without_a_normal_begin_at_the_bottom(swap: bool) -> None:
    cell = np.diag([4.0, 4.0, 0.0])[[1, 0, 2] if swap else [0, 1, 2]]
    sheet = label_structure([[0, 0, 0], [0, 0, 3]], ["Mg", "O"], cell=cell, pbc=[True, True, False])
    assert structure.slab_layers(sheet).values.tolist() == [0, 1]


def test_replicas_have_the_energy_of_all_and_keep_the_cells_passed() -> None:
    salt = structure.from_ase(bulk("NaCl", "rocksalt", a=5.64)).assign(energy=((), -5.0, {"units": "eV"}))
    found = structure.replicate(salt, (2, 3, 1))
    assert (float(found.energy), found.energy.attrs["units"], float(salt.energy)) == (-30.0, "eV", -5.0)
    path, image = np.array([[[8.0 * k, 0, 0]] for k in range(6)]), np.zeros((6, 1, 3), dtype=int)
    image[..., 0] = path[..., 0] // 10
    run = label_structure(path - image * 10.0, ["Li"], cell=np.eye(3) * 10.0)
    run["image"] = (("frame", "atom", "cell_vector"), image)
    twice = structure.replicate(run, (2, 1, 1))
    np.testing.assert_allclose(structure.msd(twice).msd[0], np.square(8.0 * np.arange(6)))
    np.testing.assert_allclose(twice.position, np.concatenate([path, path + np.array([10.0, 0, 0])], axis=1))


def test_both_sides_of_a_symmetric_slab_are_equivalent() -> None:
    slab = make_slab(step=False, n_layers=5)
    site = structure.equivalent_sites(slab)
    for layer in range(3):
        low, high = (site[(slab.true_layer == k) & (slab.element == "Mg")] for k in (layer, 4 - layer))
        assert set(low.values) == set(high.values)
        assert len(set(low.values)) == 1
    assert len(set(site.values)) == 6


def test_overlapping_atoms_have_no_symmetry() -> None:
    with pytest.raises(DataError, match="overlap"):
        structure.equivalent_sites(label_structure([[0, 0, 0], [0, 0, 0]], ["H", "H"], cell=np.eye(3) * 3))


def test_replicate_is_ase_s_repeat() -> None:
    atoms = fcc111("Pt", (2, 1, 3), vacuum=6.0)
    atoms.set_array("label", np.arange(6) * 1.5)
    ds = structure.from_ase(atoms)
    found = structure.replicate(ds, (3, 2, 1))
    expected = atoms.repeat((3, 2, 1))
    np.testing.assert_allclose(found.position, expected.positions, atol=1e-12)
    np.testing.assert_allclose(found.cell, expected.cell, atol=1e-12)
    np.testing.assert_array_equal(found.label, expected.arrays["label"])
    np.testing.assert_array_equal(found.parent, np.arange(36) % 6)
    back = found.position - found.image.astype(float).values @ ds.cell.values
    np.testing.assert_allclose(back, ds.position.values[found.parent.values], atol=1e-12)
    assert structure.replicate(found.drop_vars(["parent", "image"]), 1).sizes["atom"] == 36


def test_replicate_of_a_lazy_trajectory(chunked, counting) -> None:
    run = make_diffusing_atoms(n_atoms=5, n_frames=20)
    with counting() as count:
        lazy = structure.replicate(chunked(run), (2, 1, 1))
        assert count.n == 0
    xr.testing.assert_allclose(lazy.compute(), structure.replicate(run, (2, 1, 1)))
    assert lazy.position.dims == ("frame", "atom", "axis")
    assert lazy.velocity.sizes["atom"] == 10


def test_replicate_refuses_a_zero_vector() -> None:
    flat = label_structure([[0.0, 0, 0]], ["C"], cell=np.diag([2.0, 2.0, 0.0]))
    with pytest.raises(ParameterError, match="cell vector c is zero"):
        structure.replicate(flat, 2)
    for n in (0, (1, 2), 1.5, (1, -1, 1)):
        with pytest.raises(ParameterError, match="whole numbers"):
            structure.replicate(flat, n)
