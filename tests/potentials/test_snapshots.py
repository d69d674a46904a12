"""Snapshots: what goes in comes out again, and what cannot be learnt from is named."""

import warnings
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
import xarray as xr
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsWarning
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import (
    label_snapshots,
    one_structure,
    read_snapshots,
    snapshots_from_ase,
    snapshots_from_trajectory,
    snapshots_to_ase,
)


def images(n: int = 4) -> list[ase.Atoms]:
    rng, out = np.random.default_rng(0), []
    for k in range(n):
        position = rng.uniform(0, 1, (3 + k % 2, 3)) + 3.0 * np.arange(3 + k % 2)[:, None]
        atoms = ase.Atoms(["Ar", "Ne", "Ar", "Ne"][: 3 + k % 2], position, cell=np.diag([14.0, 15, 16]), pbc=True)
        atoms.calc = LennardJones(sigma=3.0, rc=6.0)
        found = {name: atoms.calc.get_property(name, atoms) for name in ("energy", "forces", "stress")}
        atoms.calc = SinglePointCalculator(atoms, **found)
        atoms.info |= {"temperature": 100.0 * k, "run": "a"}
        out.append(atoms)
    return out


def test_ase_and_back_and_netcdf(tmp_path: Path) -> None:
    given = images()
    ds = snapshots_from_ase(given)
    assert ds.n_atoms.values.tolist() == [3, 4, 3, 4]
    assert ds.temperature.values.tolist() == [0.0, 100.0, 200.0, 300.0]
    for a, b in zip(given, snapshots_to_ase(ds), strict=True):
        assert a.get_chemical_symbols() == b.get_chemical_symbols()
        np.testing.assert_array_equal(a.get_forces(), b.get_forces())
        np.testing.assert_array_equal(a.get_stress(), b.get_stress())
        assert a.get_potential_energy() == b.get_potential_energy()
    write_netcdf(ds, tmp_path / "s.nc")
    assert read_netcdf(tmp_path / "s.nc").identical(ds)


def test_extended_xyz_of_any_code(tmp_path: Path) -> None:
    given, plain = images(), images()
    ase.io.write(tmp_path / "a.xyz", given, format="extxyz")
    for atoms in plain:  # as other collections name them
        results, atoms.calc = atoms.calc.results, None
        atoms.info |= {"REF_energy": results["energy"]}
        s = results["stress"]
        full = np.array([[s[0], s[5], s[4]], [s[5], s[1], s[3]], [s[4], s[3], s[2]]])
        atoms.info["REF_virial"] = -full * atoms.get_volume()
        atoms.arrays["REF_forces"] = results["forces"]
    ase.io.write(tmp_path / "b.xyz", plain, format="extxyz")
    a, b = read_snapshots(tmp_path / "a.xyz"), read_snapshots(tmp_path / "b.xyz")
    for name in ("energy", "force", "stress", "position"):
        np.testing.assert_allclose(a[name], snapshots_from_ase(given)[name], atol=1e-7)
        np.testing.assert_allclose(b[name], a[name], atol=1e-7)


def test_frames_that_cannot_be_learnt_from_are_counted() -> None:
    position = np.arange(18.0).reshape(6, 1, 3).repeat(2, axis=1) + np.array([[0, 0, 0], [0, 0, 1.0]])
    position[2, 1] = position[2, 0] + [10.0, 0, 0.1]  # in one place with an image
    energy = np.array([1.0, np.nan, 1.0, 1.0, np.inf, 1.0])
    force = np.zeros((6, 2, 3))
    force[3, 0, 0] = np.nan
    with pytest.warns(MIWidgetsWarning, match="4 of 6 frames are left out") as caught:
        ds = label_snapshots(position, ["H", "H"], energy, cell=np.eye(3) * 10, force=force)
    assert ds.frame.values.tolist() == [0, 5]
    text = str(caught[0].message)
    assert "nearer than 0.4 angstrom: 1" in text
    assert "energy is not a number: 2" in text
    assert "forces are missing or not numbers: 1" in text
    with pytest.raises(DataError, match="none of 6 frames"):
        label_snapshots(position, ["H", "H"], energy * np.nan, cell=np.eye(3) * 10)


def test_atoms_outside_the_cell_are_no_fault() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = label_snapshots([[[0, 0, 0], [31.0, -20, 45]]], ["H", "He"], [0.0], cell=np.eye(3) * 10)
    assert ds.position.values[1].tolist() == [31.0, -20.0, 45.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"element": ["H", "Xx"]}, "'Xx' is no chemical element"),
        ({"element": ["H"]}, "frame 0 has positions"),
        ({"energy": [1.0, 2.0]}, "as many energies"),
        ({"cell": np.eye(2)}, "cell must have shape"),
        ({"force": np.zeros((1, 3, 3))}, "forces of shape"),
        ({"info": {"melt": [1, 2]}}, "'melt' must have one value for each"),
    ],
)
def test_wrong_arrays(change: dict, message: str) -> None:
    given = {"position": np.array([[[0, 0, 0], [0, 0, 1.0]]]), "element": ["H", "H"], "energy": [0.0]}
    with pytest.raises(DataError, match=message):
        label_snapshots(**{**given, "cell": np.eye(3) * 9, **change})


def test_structures_and_trajectories() -> None:
    ds = snapshots_from_ase(images())
    one = one_structure(ds, 1)
    assert one.sizes["atom"] == 4
    again = snapshots_from_trajectory(one)
    np.testing.assert_array_equal(again.force, ds.force[ds.frame_of == 1])
    assert again.energy.item() == ds.energy.values[1]
    with pytest.raises(LabelError, match="no frame 9"):
        one_structure(ds, 9)
    with pytest.raises(LabelError, match="no 'energy'"):
        snapshots_from_trajectory(label_structure([[0.0, 0, 0]], ["H"]))
    with pytest.raises(LabelError, match="needs snapshots"):
        snapshots_to_ase(xr.Dataset())


@pytest.mark.parametrize("text", ["", "3\nno lattice\nH 0 0 0\n", "not a number\n\n", "1\nenergy=1\nH 0 zero 0\n"])
def test_damaged_files(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.xyz"
    file.write_text(text)
    with pytest.raises(FileFormatError, match=r"bad\.xyz"):
        read_snapshots(file)
    with pytest.raises(FileFormatError, match="no file"):
        read_snapshots(tmp_path / "missing.xyz")


def test_no_energy_at_all(tmp_path: Path) -> None:
    file = tmp_path / "plain.xyz"
    file.write_text('1\nProperties=species:S:1:pos:R:3 note="x"\nH 0 0 0\n')
    with pytest.raises(DataError, match="no frame has an energy; the first have note"):
        read_snapshots(file)


def test_a_count_of_atoms_that_the_file_cannot_hold(tmp_path: Path) -> None:
    good = '2\nProperties=species:S:1:pos:R:3 energy=-1 pbc="F F F"\nH 0 0 0\nH 0 0 1\n'
    (tmp_path / "a.xyz").write_text(good + good.replace("2\n", "99999999999\n", 1))
    with pytest.raises(FileFormatError, match="99999999999 atoms"):
        read_snapshots(tmp_path / "a.xyz")
