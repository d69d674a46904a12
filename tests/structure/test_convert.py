"""ASE and pymatgen, there and back, and netCDF."""

import numpy as np
import pytest
import xarray as xr
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixBondLength, FixCartesian, FixScaled
from pymatgen.core import Lattice, Molecule, Species, Structure

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms, make_slab
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning
from mi_widgets.labels import label_structure


def _decorated() -> Atoms:
    atoms = fcc111("Pt", (2, 2, 3), vacuum=5.0)
    rng = np.random.default_rng(0)
    atoms.set_velocities(rng.normal(size=(12, 3)))
    atoms.set_initial_charges(rng.normal(size=12))
    atoms.set_array("quadrupole", rng.normal(size=(12, 6)))
    atoms.set_array("name", np.array([f"site {k}" for k in range(12)]))
    atoms.calc = SinglePointCalculator(atoms, energy=-3.5, forces=rng.normal(size=(12, 3)))
    return atoms


def test_ase_there_and_back() -> None:
    atoms = _decorated()
    ds = structure.from_ase(atoms)
    assert float(ds.energy) == -3.5
    assert ds.force.attrs["units"] == "eV/angstrom"
    assert ds.pbc.values.tolist() == [True, True, False]
    back = structure.to_ase(ds)
    assert (back.symbols == atoms.symbols).all()
    for name in ("positions", "cell", "pbc"):
        np.testing.assert_allclose(getattr(back, name), getattr(atoms, name))
    np.testing.assert_allclose(back.get_velocities(), atoms.get_velocities())
    np.testing.assert_allclose(back.get_forces(), atoms.get_forces())
    np.testing.assert_allclose(back.get_initial_charges(), atoms.get_initial_charges())
    np.testing.assert_allclose(back.arrays["quadrupole"], atoms.arrays["quadrupole"])
    assert back.arrays["name"].tolist() == atoms.arrays["name"].tolist()
    assert back.get_potential_energy() == -3.5


def test_trajectory_there_and_back_with_a_cell_that_changes() -> None:
    frames = []
    for k in range(4):
        atoms = bulk("MgO", "rocksalt", a=4.2 + 0.01 * k)
        atoms.rattle(0.1, seed=k)
        frames.append(atoms)
    ds = structure.from_ase(frames)
    assert ds.position.dims == ("frame", "atom", "axis")
    assert ds.cell.dims == ("frame", "cell_vector", "axis")
    assert structure.from_ase(frames[:1] * 3).cell.dims == ("cell_vector", "axis")
    for a, b in zip(frames, structure.to_ase(ds), strict=True):
        np.testing.assert_allclose(a.positions, b.positions)
        np.testing.assert_allclose(a.cell, b.cell)


def test_pymatgen_there_and_back() -> None:
    lattice = Lattice.from_parameters(4, 5, 6, 80, 95, 110)
    crystal = Structure(lattice, ["Mg", "O", "O"], [[0, 0, 0], [0.5, 0.4, 0.3], [0.1, 0.8, 0.7]])
    crystal.add_site_property("charge", [2.0, -1.0, -1.0])
    ds = structure.from_pymatgen(crystal)
    assert ds.charge.values.tolist() == [2.0, -1.0, -1.0]
    assert structure.to_pymatgen(ds) == crystal
    water = Molecule(["O", "H", "H"], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    assert structure.to_pymatgen(structure.from_pymatgen(water)) == water
    assert len(structure.to_pymatgen(structure.from_pymatgen([crystal] * 3))) == 3


def test_pymatgen_mixed_site_is_refused() -> None:
    mixed = Structure(Lattice.cubic(4), [{"Mg": 0.5, "Ca": 0.5}], [[0, 0, 0]])
    with pytest.raises(DataError, match="several species"):
        structure.from_pymatgen(mixed)


@pytest.mark.parametrize("make", [make_slab, lambda: make_diffusing_atoms(n_atoms=4, n_frames=5),
                                  lambda: structure.from_ase(_decorated()),
                                  lambda: structure.replicate(make_slab(), (2, 1, 1)),
                                  lambda: structure.from_ase(Atoms())])  # fmt: skip
def test_netcdf_round_trip_is_identical(make, tmp_path) -> None:
    ds = make()
    ds.to_netcdf(tmp_path / "s.nc")
    with xr.open_dataset(tmp_path / "s.nc") as again:
        xr.testing.assert_identical(ds, again.load())


def test_frames_with_other_atoms_are_named() -> None:
    with pytest.raises(DataError, match="frame 1 has 2 atoms, not 3"):
        structure.from_ase([molecule("H2O"), molecule("H2")])
    with pytest.raises(DataError, match="frame 1 has other elements"):
        structure.from_ase([molecule("CO"), molecule("N2")])
    with pytest.raises(LabelError, match="Atoms"):
        structure.from_ase("salt.cif")
    with pytest.raises(LabelError, match="one at least"):
        structure.from_ase([])


def test_repeated_zero_vector_is_said() -> None:
    flat = Atoms("C", cell=[2.4, 2.4, 0], pbc=True)
    with pytest.warns(MIWidgetsWarning, match="repeat along c"):
        ds = structure.from_ase(flat)
    assert ds.pbc.values.tolist() == [True, True, False]


def test_unknown_species_are_named() -> None:
    ds = label_structure([[0, 0, 0], [1, 0, 0]], ["Qq", "H"])
    for convert in (structure.to_ase, structure.to_pymatgen):
        with pytest.raises(DataError, match="no chemical symbol: 'Qq'"):
            convert(ds)
    unknown = label_structure([[0.0, 0, 0]], ["X"])
    assert structure.to_ase(unknown).numbers.tolist() == [0]


@pytest.mark.parametrize("turn", [1, -1])
def test_velocities_survive_masses_in_any_order(turn: int) -> None:
    ds = label_structure([[0.0, 0, 0]], ["X"], cell=np.eye(3) * 4)
    arrays = {
        "velocity": (("atom", "axis"), [[1.0, 0, 0]], {"units": "angstrom/fs"}),
        "mass": ("atom", [28.0], {"units": "u"}),
    }
    atoms = structure.to_ase(ds.assign(dict(list(arrays.items())[::turn])))
    np.testing.assert_allclose(atoms.get_velocities() * units.fs, [[1.0, 0, 0]])
    np.testing.assert_allclose(atoms.get_momenta(), [[28.0 / units.fs, 0, 0]])


def test_computed_moments_come_before_those_at_the_start() -> None:
    atoms = bulk("Fe")
    atoms.set_initial_magnetic_moments([5.0])
    atoms.set_initial_charges([0.5])
    atoms.calc = SinglePointCalculator(atoms, magmoms=np.array([2.2]), energy=0.0)
    ds = structure.from_ase(atoms)
    assert (ds.magmom.item(), ds.initial_magmom.item(), ds.charge.item()) == (2.2, 5.0, 0.5)
    back = structure.to_ase(ds)
    assert back.get_magnetic_moments().tolist() == [2.2]
    assert back.get_initial_magnetic_moments().tolist() == [5.0]
    assert back.get_initial_charges().tolist() == [0.5]
    xr.testing.assert_identical(structure.from_ase(back), ds)


def test_constraints_there_and_back() -> None:
    atoms = fcc111("Pt", (1, 1, 4), vacuum=5.0)
    atoms.set_velocities(np.ones((4, 3)))
    atoms.set_constraint(FixAtoms([0, 1]))
    ds = structure.from_ase(atoms)
    assert ds.fixed.dims == ("atom",)
    assert ds.fixed.values.tolist() == [True, True, False, False]
    back = structure.to_ase(ds)
    assert back.constraints[0].index.tolist() == [0, 1]
    np.testing.assert_allclose(back.get_velocities(), 1.0)
    atoms.set_constraint([FixAtoms([0]), FixCartesian([1], (True, False, False)), FixScaled([2], (False, False, True))])
    ds = structure.from_ase(atoms)
    assert ds.fixed.values.tolist() == [[True] * 3, [True, False, False], [False] * 3, [False] * 3]
    assert ds.fixed_scaled.dims == ("atom", "cell_vector")
    xr.testing.assert_identical(structure.from_ase(structure.to_ase(ds)), ds)
    atoms.set_constraint(FixBondLength(0, 1))
    with pytest.warns(MIWidgetsWarning, match="FixBondLength"):
        structure.from_ase(atoms)


def test_one_energy_of_a_run() -> None:
    run = make_diffusing_atoms(n_atoms=2, n_frames=3).assign(energy=((), -2.0))
    assert [a.get_potential_energy() for a in structure.to_ase(run)] == [-2.0] * 3


def test_what_is_no_structure_of_another_package() -> None:
    for bad in (5, None, [5], 2.5):
        for convert in (structure.from_ase, structure.from_pymatgen):
            with pytest.raises(LabelError, match=convert.__name__):
                convert(bad)


def test_species_of_pymatgen_keep_state_and_spin() -> None:
    iron = [Species("Fe", 2, spin=4), Species("O", -2)]
    crystal = Structure(Lattice.cubic(4.3), iron, [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystal.add_site_property("velocities", [[0.1, 0.0, 0.0], [0.0, 0.0, 0.0]])
    crystal.add_site_property("selective_dynamics", [[True] * 3, [True, False, True]])
    ds = structure.from_pymatgen(crystal)
    assert ds.element.values.tolist() == ["Fe", "O"]
    assert ds.oxidation_state.values.tolist() == [2.0, -2.0]
    np.testing.assert_array_equal(ds.spin, [4.0, np.nan])
    assert ds.velocity.attrs["units"] == "angstrom/fs"
    assert ds.fixed_scaled.values.tolist() == [[False] * 3, [False, True, False]]
    back = structure.to_pymatgen(ds)
    assert back[0].specie == iron[0]
    assert back[1].specie == iron[1]
    assert back.site_properties["selective_dynamics"] == [[True] * 3, [True, False, True]]
    np.testing.assert_allclose(structure.to_ase(ds).get_velocities() * units.fs, [[0.1, 0, 0], [0, 0, 0]])
