"""Columns of texts: which change, what they are called, their units, and legal comments that look odd."""

import bz2
import gzip
import lzma
import pickle
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mi_widgets import structure
from mi_widgets.errors import DataError, FileFormatError, ParameterError
from mi_widgets.structure._ase_source import AseFrames

LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4"'


def _dump(frames: list[str], columns: str, *, style: str = "") -> str:
    text = f"ITEM: UNITS\n{style}\n" if style else ""
    for k, rows in enumerate(frames):
        n = rows.count("\n") + 1
        text += f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n{n}\nITEM: BOX BOUNDS pp pp pp\n0 10\n0 10\n0 10\n"
        text += f"ITEM: ATOMS {columns}\n{rows}\n"
    return text


def _read(path: Path, text: str, **options: object) -> xr.Dataset:
    path.write_text(text)
    return structure.read_trajectory(path, **options)


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize(
    ("column", "values"), [("type", (1, 2)), ("mol", (1, 2)), ("mass", (1.0, 2.0)), ("kind", "ab")]
)
def test_what_is_kept_once_must_not_change(tmp_path: Path, column: str, values: tuple[object, ...], lazy: bool) -> None:
    first, second = values
    text = _dump([f"1 0 0 0 {first}\n2 5 5 5 {second}", f"1 0 0 0 {second}\n2 5 5 5 {first}"], f"id x y z {column}")
    path = tmp_path / "run.dump"
    with pytest.raises(DataError, match=rf"frame 1 has another '{column}' than frame 0.*changing=\['{column}'\]"):
        _read(path, text, lazy=lazy).position.compute()
    run = structure.read_trajectory(path, lazy=lazy, changing=[column])
    assert run[column].dims == ("frame", "atom")
    assert run[column].values.tolist() == [[first, second], [second, first]]
    assert structure.read_structure(path)[column].values.tolist() == [second, first]


def test_types_that_change_are_not_taken_for_elements(tmp_path: Path) -> None:
    path = tmp_path / "run.dump"
    run = _read(path, _dump(["1 1 0 0 0\n2 2 5 5 5", "1 2 0 0 0\n2 1 5 5 5"], "id type x y z"), elements=["Si", "O"])
    assert run.position[0].compute().sizes["atom"] == 2
    with pytest.raises(DataError, match="another 'type'"):
        run.position.compute()
    with pytest.raises(ParameterError, match="leave 'type' out"):
        structure.read_trajectory(path, elements=["Si", "O"], changing=["type"])


def test_a_worker_misses_a_change_too(tmp_path: Path) -> None:
    path, frames = tmp_path / "run.traj", []
    for tags in ([3, 4], [3, 4], [1, 2]):
        atoms = bulk("MgO", "rocksalt", a=4.2)
        atoms.set_tags(tags)
        frames.append(atoms)
    write(path, frames)
    source = AseFrames(path, "traj")
    source.frame(0)
    worker = pickle.loads(pickle.dumps(source))
    with pytest.raises(DataError, match="another 'tag'"):
        worker.frame(2)
    assert structure.read_trajectory(path, changing="tag").tag.values.tolist() == [[3, 4], [3, 4], [1, 2]]


def test_whole_numbers_that_become_real_are_not_cut(tmp_path: Path) -> None:
    head = "1\nProperties=species:S:1:pos:R:3:c:{}:1\nAr 0 0 0 {}\n"
    with pytest.raises(DataError, match="'c' of frame 1 is float64, that of frame 0 int64"):
        _read(tmp_path / "run.xyz", head.format("I", 3) + head.format("R", 3.7)).c.compute()
    run = _read(tmp_path / "run.xyz", head.format("R", 3.7) + head.format("I", 3))
    assert run.c.values.tolist() == [[3.7], [3.0]]


@pytest.mark.parametrize("letter", ["S", "R"])
@pytest.mark.parametrize(
    "name", ["element", "axis", "cell", "pbc", "frame", "atom", "step", "time", "position", "parent", "energy"]
)
def test_columns_with_names_of_the_house(tmp_path: Path, name: str, letter: str) -> None:
    value = {"S": "q", "R": 1.5}[letter]
    text = f"2\n{LATTICE} Time=3 step=4 Properties=species:S:1:pos:R:3:{name}:{letter}:1\nAr 0 0 {{0}} {value}\n"
    text += f"Ar 1 1 1 {value}\n"
    for energy in ("", "energy=-7.5 "):
        run = _read(tmp_path / "run.xyz", "".join(text.replace("Time", energy + "Time").format(k) for k in range(2)))
        assert run.position.values[:, :, 2].tolist() == [[0, 1], [1, 1]]
        assert run.element.values.tolist() == ["Ar", "Ar"]
        assert (run.time.values.tolist(), run.step.values.tolist()) == ([3.0, 3.0], [4, 4])
        assert run.pbc.values.all()
        column = run["energies" if name == "energy" else f"{name}_array"]
        assert column.values.ravel()[:2].tolist() == [value] * 2
        assert ("energy" in run) == bool(energy)
        assert not energy or run.energy.values.tolist() == [-7.5, -7.5]


def test_units_of_lammps(tmp_path: Path) -> None:
    path = tmp_path / "run.dump"
    text = _dump(["1 1 0 0 0 1 2 3 0.5"], "id type x y z fx fy fz q", style="real")
    run = _read(path, text)
    kcal = 4184 / 96485.33212  # J/kcal by C/mol: eV
    np.testing.assert_allclose(run.force.values[0, 0], [kcal, 2 * kcal, 3 * kcal], rtol=1e-9)
    np.testing.assert_allclose(kcal, units.kcal / units.mol, rtol=1e-8)
    assert run.force.attrs["units"] == "eV/angstrom"
    assert (run.charge.values.tolist(), run.charge.attrs["units"]) == ([[0.5]], "elementary_charge")
    assert _read(path, text.replace("real", "metal")).force.values.tolist() == [[[1, 2, 3]]]
    for style in ("lj", "si"):
        with pytest.raises(FileFormatError, match=f"'{style}' are not angstrom"):
            _read(path, text.replace("real", style))


@pytest.mark.parametrize("lazy", [True, False])
def test_paths_across_the_box_of_lammps(tmp_path: Path, lazy: bool) -> None:
    """A step of 8 in a box of 10: what the file says of it is kept."""
    x = 8 * np.arange(6)
    path = tmp_path / "run.dump"
    for columns, scale in (("id xu yu zu", 1), ("id xsu ysu zsu", 10), ("id x y z xu yu zu", 1)):
        rows = [f"1 {'0 0 0 ' if ' x ' in columns else ''}{v / scale} 0 0" for v in x]
        run = _read(path, _dump(rows, columns), lazy=lazy)
        np.testing.assert_allclose(run.position[:, 0, 0], x)
        assert run.position.attrs["unwrapped"] == 1
        assert "image" not in run
    run = _read(path, _dump([f"1 {v % 10} 0 0 {v // 10} 0 -1" for v in x], "id x y z ix iy iz"), lazy=lazy)
    assert "unwrapped" not in run.position.attrs
    assert run.image.dims == ("frame", "atom", "cell_vector")
    assert run.image.dtype.kind == "i"
    whole = run.position + xr.dot(run.image, run.cell, dim="cell_vector")
    np.testing.assert_allclose(whole.transpose("frame", "atom", "axis")[:, 0], [[v, 0, -10] for v in x])
    one = structure.read_structure(path, frame=3)
    assert (one.image.dims, one.image.values.tolist()) == (("atom", "cell_vector"), [[2, 0, -1]])
    run.compute().to_netcdf(tmp_path / "run.nc")
    xr.testing.assert_identical(structure.read_trajectory(tmp_path / "run.nc").compute(), run.compute())


def test_momenta_become_velocities(tmp_path: Path) -> None:
    speed = np.random.default_rng(0).normal(scale=0.01, size=(8, 3))  # angstrom/fs
    atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
    for masses in (None, np.arange(1.0, 9.0)):
        atoms.set_masses(masses)
        atoms.set_velocities(speed / units.fs)
        write(tmp_path / "run.xyz", [atoms, atoms])
        text = (tmp_path / "run.xyz").read_text()
        assert ("momenta" in text, "masses" in text) == (True, masses is not None)
        run = structure.read_trajectory(tmp_path / "run.xyz")
        np.testing.assert_allclose(run.velocity[1], speed, rtol=1e-4, atol=1e-7)
        assert run.velocity.attrs["units"] == "angstrom/fs"
        assert "momenta" not in run
    unknown = (tmp_path / "run.xyz").read_text().replace(":masses:R:1", ":other:R:1").replace("Na", "Qq")
    assert "momenta" in _read(tmp_path / "run.xyz", unknown)


def test_what_was_computed_goes_before_what_it_began_with(tmp_path: Path) -> None:
    atoms = bulk("Fe")
    atoms.set_initial_magnetic_moments([5.0])
    atoms.calc = SinglePointCalculator(atoms, magmoms=np.array([2.25]), energy=0.0)
    write(tmp_path / "run.xyz", atoms)
    assert structure.read_structure(tmp_path / "run.xyz").magmom.values.tolist() == [2.25]


@pytest.mark.parametrize(("end", "module"), [(".gz", gzip), (".bz2", bz2), (".xz", lzma)])
@pytest.mark.parametrize("lazy", [True, False])
def test_packed_texts(tmp_path: Path, end: str, module: object, lazy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "room"))
    atoms = Atoms("SiO", [[0, 0, 0], [0.5, 0.5, 0.5]], cell=[4] * 3, pbc=True)
    write(tmp_path / "XDATCAR", [atoms] * 3, format="vasp-xdatcar")
    write(tmp_path / "run.xyz", [atoms] * 3)
    text = _dump(["1 1 0 0 0\n2 2 5 5 5"] * 3, "id type x y z")
    for name in ("run.lammpstrj", "run.dump"):
        (tmp_path / name).write_text(text)
    for name in ("run.lammpstrj", "run.dump", "XDATCAR", "run.xyz"):
        packed = tmp_path / (name + end)
        packed.write_bytes(module.compress((tmp_path / name).read_bytes()))
        options = {"elements": ["Si", "O"]} if name in ("run.lammpstrj", "run.dump") else {}
        run = structure.read_trajectory(packed, lazy=lazy, **options)
        assert run.element.values.tolist() == ["Si", "O"]
        whole = structure.read_trajectory(tmp_path / name, lazy=False, **options)
        xr.testing.assert_equal(run.compute(), whole)
        assert run.attrs["source"] == packed.name
        assert structure.read_structure(packed, **options).element.values.tolist() == ["Si", "O"]
        if options:
            given = structure.read_trajectory(packed, format="lammps-dump-text", **options)
            assert given.element.values.tolist() == ["Si", "O"]
            del given
        assert len(list((tmp_path / "room").iterdir())) == int(lazy)
        del run
        packed.write_bytes(packed.read_bytes()[:-20])
        for door in (structure.read_structure, structure.read_trajectory):
            with pytest.raises(FileFormatError, match="cannot be unpacked"):
                door(packed, **options)
        assert not list((tmp_path / "room").iterdir())


def test_elements_without_types_are_refused(tmp_path: Path) -> None:
    atoms = bulk("Cu")
    structure.from_ase(atoms).to_netcdf(tmp_path / "one.nc")
    for name, format_ in (("POSCAR", "vasp"), ("run.traj", "traj"), ("run.xyz", "extxyz"), ("XDATCAR", "vasp-xdatcar")):
        write(tmp_path / name, [atoms] if format_ == "vasp-xdatcar" else atoms, format=format_)
    for name in ("POSCAR", "run.traj", "one.nc", "run.xyz", "XDATCAR"):
        for door in (structure.read_structure, structure.read_trajectory):
            with pytest.raises(ParameterError, match="elements= names the types of a LAMMPS dump"):
                door(tmp_path / name, elements=["Si"])


@pytest.mark.parametrize(
    ("comment", "pbc", "energy"),
    [
        (f"{LATTICE} pbc=[T,T,F] energy=-1.5", "TTF", -1.5),
        (f"{LATTICE} pbc=[T, T, F] energy=-1.5", "TTF", -1.5),
        (f"{LATTICE} pbc={{T T F}} energy=-1.5", "TTF", -1.5),
        ('Lattice=[4, 0, 0, 0, 4, 0, 0, 0, 4] pbc="F F T" energy=-1.5D0', "FFT", -1.5),
        (f'{LATTICE} pbc="T T F" energy=1 note="he said \\"pbc=F x energy=3 \\" ok"', "TTF", 1.0),
        (f'note="\\"pbc=F" "energy=5 pbc=F" {LATTICE} pbc="T F T" energy=2', "TFT", 2.0),
        (f'{LATTICE} pbc="T F T" energy=2 "Lattice=3 time=9"', "TFT", 2.0),
        (f"{LATTICE} pbc='T F F' energy=2 note='it is \\'so\\' energy=9'", "TFF", 2.0),
    ],
)
def test_comments_of_extended_xyz(tmp_path: Path, comment: str, pbc: str, energy: float) -> None:
    run = _read(tmp_path / "run.xyz", f"1\n{comment} Properties=species:S:1:pos:R:3\nAr 0 0 0\n" * 2)
    assert "".join("FT"[int(p)] for p in run.pbc) == pbc
    assert run.energy.values.tolist() == [energy] * 2
    np.testing.assert_array_equal(run.cell[0], 4 * np.eye(3))
    assert "time" not in run.coords


def test_quotes_as_ase_escapes_them(tmp_path: Path) -> None:
    atoms = Atoms("Ar", cell=[4] * 3, pbc=[True, True, False])
    atoms.info["note"] = 'he said "energy=3 Lattice=7 time=4" ok'
    write(tmp_path / "run.xyz", [atoms, atoms])
    run = structure.read_trajectory(tmp_path / "run.xyz")
    assert run.pbc.values.tolist() == [True, True, False]
    assert "time" not in run.coords
    np.testing.assert_array_equal(run.cell[0], 4 * np.eye(3))


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (f"1\n{LATTICE} Properties=Z:I:1:pos:R:3\n18 1 2 3\n", ["Ar"]),
        (f"1\n{LATTICE} Properties=species:S:1:pos:R:3:Z:I:1\nAr 1 2 3 7\n", ["Ar"]),
        ("1\nc\n8 1 2 3\n", ["O"]),
        ("2\nc\n8 1 2 3\nSi 1.0D0 0.2d1 3\n", ["O", "Si"]),
        ("1\nc\n999 1 2 3\n", ["999"]),
        ("1\nAtoms. Timestep: 0\n2 1 2 3\n", ["X"]),
        ("1\nc\nCd 1.0D+00 2.0D+00 3.0D+00\n", ["Cd"]),
    ],
)
def test_atoms_by_their_numbers(tmp_path: Path, text: str, elements: list[str]) -> None:
    run = _read(tmp_path / "run.xyz", text)
    assert run.element.values.tolist() == elements
    np.testing.assert_array_equal(run.position[0, -1], [1, 2, 3])


def test_types_of_an_xyz_of_lammps_can_be_named(tmp_path: Path) -> None:
    text = "2\nAtoms. Timestep: 0\n1 0 0 0\n2 1 2 3\n"
    assert _read(tmp_path / "run.xyz", text, elements={1: "Si", 2: "O"}).element.values.tolist() == ["Si", "O"]


def test_numbers_of_fortran_in_other_texts(tmp_path: Path) -> None:
    run = _read(tmp_path / "run.dump", _dump(["1 1.0D0 2.0d0 3 0.5D-1"], "id x y z c_pe"))
    assert run.position.values.tolist() == [[[1, 2, 3]]]
    assert run.c_pe.values.tolist() == [[0.05]]


def test_a_long_odd_comment_is_quick(tmp_path: Path) -> None:
    for comment in ("a" * 60_000, '"' * 60_001, "a=" * 30_000, "a =[" * 5_000):
        assert _read(tmp_path / "run.xyz", f"1\n{comment}\nAr 0 0 0\n").sizes["atom"] == 1
