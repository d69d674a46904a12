"""Layers, equivalent sites and repeated cells, beside ASE and known crystals."""

import numpy as np
import pytest
import xarray as xr
from ase.build import bulk, fcc111, molecule
from ase.geometry import get_layers

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms, make_slab
from mi_widgets.errors import DataError, ParameterError
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


def test_sites_of_a_left_handed_cell_and_a_molecule() -> None:
    ds = structure.from_ase(bulk("NaCl", "rocksalt", a=5.64))
    swapped = ds.assign(cell=ds.cell[[1, 0, 2]].assign_coords(cell_vector=["a", "b", "c"]))
    assert structure.equivalent_sites(swapped).attrs["space_group_number"] == 225
    benzene = structure.equivalent_sites(structure.from_ase(molecule("C6H6")))
    assert benzene.values.tolist()[:1] == [0]
    assert len(set(structure.equivalent_sites(structure.from_ase(molecule("H2O"))).values)) == 2


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
