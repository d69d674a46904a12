"""Files: ours beside ASE's readers, lazily, cut off, and damaged."""

import pickle
import warnings
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.build import bulk, fcc111
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, FileFormatError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.structure._index import build_index
from mi_widgets.structure._source import FrameArray, TextFrames
from mi_widgets.structure._text import FORMATS

FORMAT = {"extxyz": "run.xyz", "vasp-xdatcar": "XDATCAR", "traj": "run.traj"}


def _frames(n: int = 7, *, cell_changes: bool = True) -> list[Atoms]:
    out = []
    rng = np.random.default_rng(0)
    for k in range(n):
        atoms = bulk("MgO", "rocksalt", a=4.2).repeat((2, 2, 1))
        atoms = atoms[np.argsort(atoms.numbers, kind="stable")]
        if cell_changes:
            atoms.set_cell(atoms.cell * (1 + 0.01 * k), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.1 * (1 + 100 * (k % 2)), size=atoms.positions.shape)
        atoms.calc = SinglePointCalculator(atoms, energy=-10.0 - k * 100, forces=rng.normal(size=(8, 3)))
        out.append(atoms)
    return out


def _dump(frames: list[Atoms], *, columns: str = "id type x y z vx vy vz", seed: int = 0) -> str:
    """A LAMMPS dump of triclinic cells, atoms in any order."""
    rng, text = np.random.default_rng(seed), []
    for k, atoms in enumerate(frames):
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = np.asarray(atoms.cell)
        low = np.array([1.0, -2.0, 0.5])
        bound = [
            (low[0] + min(0, xy, xz, xy + xz), low[0] + lx + max(0, xy, xz, xy + xz), xy),
            (low[1] + min(0, yz), low[1] + ly + max(0, yz), xz),
            (low[2], low[2] + lz, yz),
        ]
        text += [
            "ITEM: TIMESTEP",
            str(k * 100),
            "ITEM: NUMBER OF ATOMS",
            str(len(atoms)),
            "ITEM: BOX BOUNDS xy xz yz pp pp ff",
        ]
        text += [" ".join(repr(float(v)) for v in row) for row in bound] + [f"ITEM: ATOMS {columns}"]
        place = atoms.get_scaled_positions(wrap=False) if "xs" in columns else atoms.positions + low
        for i in rng.permutation(len(atoms)):
            row = [str(i + 1), "1" if atoms.symbols[i] == "O" else "2", *(repr(float(v)) for v in place[i])]
            text.append(" ".join(row + ["0.5", "0", "-0.25"] * ("vx" in columns)))
    return "\n".join(text) + "\n"


def _standard(frames: list[Atoms]) -> list[Atoms]:
    for atoms in frames:
        atoms.set_cell(atoms.cell.standard_form()[0], scale_atoms=True)
    return frames


@pytest.mark.parametrize("kind", sorted(FORMAT))
@pytest.mark.parametrize("cell_changes", [True, False])
def test_trajectory_is_what_ase_reads(tmp_path: Path, kind: str, cell_changes: bool) -> None:
    path = tmp_path / FORMAT[kind]
    write(path, _frames(cell_changes=cell_changes), format=kind)
    expected = read(path, index=":", format=kind)
    ds = structure.read_trajectory(path)
    assert ds.sizes["frame"] == 7
    assert ds.element.values.tolist() == list(expected[0].symbols)
    assert ds.pbc.values.tolist() == expected[0].pbc.tolist()
    cell = ds.cell.broadcast_like(ds.position.isel(atom=0, axis=0)).transpose("frame", "cell_vector", "axis")
    for k, atoms in enumerate(expected):
        np.testing.assert_allclose(ds.position[k], atoms.positions, atol=1e-9)
        np.testing.assert_allclose(cell[k], atoms.cell, atol=1e-9)
        if kind != "vasp-xdatcar":
            np.testing.assert_allclose(ds.force[k], atoms.get_forces(), atol=1e-9)
            assert float(ds.energy[k]) == pytest.approx(atoms.get_potential_energy())


@pytest.mark.parametrize("columns", ["id type x y z vx vy vz", "id type xs ys zs"])
def test_lammps_dump(tmp_path: Path, columns: str) -> None:
    frames = _standard(_frames())
    path = tmp_path / "run.lammpstrj"
    path.write_text(_dump(frames, columns=columns))
    ds = structure.read_trajectory(path, elements=["O", "Mg"], timestep=50.0)
    assert ds.element.values.tolist() == list(frames[0].symbols)
    assert ds.pbc.values.tolist() == [True, True, False]
    assert ds.time.values.tolist() == [50.0 * k for k in range(7)]
    for k, atoms in enumerate(frames):
        np.testing.assert_allclose(ds.position[k], atoms.positions, atol=1e-9)
        np.testing.assert_allclose(ds.cell[k], atoms.cell, atol=1e-9)
    if "vx" in columns:
        np.testing.assert_allclose(ds.velocity[3], np.tile([0.5, 0, -0.25], (8, 1)))
        assert ds.velocity.attrs["units"] == "angstrom/ps"
    assert set(structure.read_trajectory(path).element.values) == {"X"}
    with pytest.raises(ParameterError, match="type 2"):
        structure.read_trajectory(path, elements=["O"])


def test_opening_reads_one_frame_and_each_frame_is_read_once(tmp_path: Path) -> None:
    for name, rattle in (("equal.xyz", 0.0), ("unlike.xyz", 1.0)):
        path = tmp_path / name
        rng = np.random.default_rng(0)
        with path.open("w") as stream:
            for k in range(1500):
                stream.write('3\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\n')
                stream.writelines(f"Ar {a} 2.0 {0.25 * (k % 4):.2f}\n" for a in 3 + rattle * rng.random(3).round(3))
        index = build_index(path, FORMATS["extxyz"])
        assert (index.n_frames, index.rest) == (1500, 0)
        assert (index.offsets is None) == (rattle == 0)
        source = TextFrames(path, FORMATS["extxyz"], index)
        array = FrameArray(source, "position", (3, 3), float)
        assert source.reads == 0
        np.testing.assert_allclose(array[[5, 1499]][:, :, 2], [[0.25] * 3, [0.75] * 3])
        np.testing.assert_array_equal(array[5], array[4:6][1])
        assert source.reads == 3
        again = pickle.loads(pickle.dumps(source))
        np.testing.assert_array_equal(again.frame(7).position, source.frame(7).position)


@pytest.mark.parametrize("order", ["long first", "short first", "in turns"])
def test_frames_of_very_unlike_length_are_all_found(tmp_path: Path, order: str) -> None:
    head = '40\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\n'
    long, short = (head + f"Ar {v} {v} {v}\n" * 40 for v in ("1.000000000000", "1.00000"))
    parts = {"long first": [long] * 9 + [short] * 10, "short first": [short] * 10 + [long] * 9}
    path = tmp_path / "run.xyz"
    path.write_text("".join(parts.get(order, [long, short, short] * 6 + [long])))
    run = structure.read_trajectory(path, lazy=False)
    assert run.sizes["frame"] == 19
    assert (run.position == 1).all()


def test_one_frame_of_a_lazy_trajectory_reads_one_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.xyz"
    write(path, _frames(60), format="extxyz")
    seen = []
    original = TextFrames._read
    monkeypatch.setattr(TextFrames, "_read", lambda self, k: seen.append(k) or original(self, k))
    ds = structure.read_trajectory(path)
    assert seen == [0]
    assert dask.is_dask_collection(ds.position)
    seen.clear()
    ds.position.isel(frame=41).load()
    assert seen == [41]
    ds[["position", "cell"]].isel(frame=slice(10, 13)).load()
    assert sorted(seen) == [10, 11, 12, 41]


def test_computation_over_a_lazy_trajectory(tmp_path: Path) -> None:
    run = make_diffusing_atoms(n_atoms=20, n_frames=40, length=8.0)
    path = tmp_path / "run.xyz"
    write(path, structure.to_ase(run), format="extxyz", columns=["symbols", "positions"])
    lazy = structure.read_trajectory(path, timestep=10.0)
    a, b = structure.rdf(lazy, 4.0, n_bins=20), structure.rdf(run, 4.0, n_bins=20)
    np.testing.assert_allclose(a["count"], b["count"], atol=2)  # eight decimals in the file
    np.testing.assert_allclose(structure.msd(lazy).msd, structure.msd(run).msd, rtol=1e-5, atol=1e-5)
    eager = structure.read_trajectory(path, lazy=False)
    assert not dask.is_dask_collection(eager.position)
    np.testing.assert_array_equal(eager.position, lazy.position)


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("kind", ["extxyz", "lammps-dump", "xdatcar"])
def test_truncated_trajectory_keeps_its_whole_frames(tmp_path: Path, kind: str, equal: bool) -> None:
    frames = _standard(_frames(cell_changes=not equal))
    path = tmp_path / {"extxyz": "run.xyz", "lammps-dump": "run.dump", "xdatcar": "XDATCAR"}[kind]
    if kind == "lammps-dump":
        path.write_text(_dump(frames))
    else:
        write(path, frames, format={"extxyz": "extxyz", "xdatcar": "vasp-xdatcar"}[kind])
    whole = path.read_bytes()
    last = build_index(path, FORMATS[kind]).span(6)
    for cut in (last[0] + 5 * (last[1] - last[0]) // 6, last[0] + 60):
        path.write_bytes(whole[:cut])
        with pytest.warns(MIWidgetsWarning, match="6 whole frames"):
            ds = structure.read_trajectory(path, lazy=False)
        assert ds.sizes["frame"] == 6
        assert np.isfinite(ds.position).all()
    path.write_bytes(whole[:-1])  # only the last line's end is missing
    assert structure.read_trajectory(path).sizes["frame"] == 7
    first = build_index(path, FORMATS[kind]).span(0)
    path.write_bytes(whole[: (first[0] + first[1]) // 2])
    with pytest.raises(FileFormatError):
        structure.read_trajectory(path)


def test_changing_number_of_atoms(tmp_path: Path) -> None:
    path = tmp_path / "run.xyz"
    write(path, [bulk("Cu"), bulk("Cu", cubic=True), bulk("Cu")], format="extxyz")
    with pytest.raises(DataError, match="frame 1 has 4 atoms, frame 0 has 1"):
        structure.read_trajectory(path)
    assert structure.read_structure(path, frame=1).sizes["atom"] == 4
    assert structure.read_structure(path).sizes["atom"] == 1
    with pytest.raises(DataError, match="no frame 5"):
        structure.read_structure(path, frame=5)
    frames = _standard(_frames(3))
    dump = tmp_path / "run.dump"
    dump.write_text(_dump(frames[:2]) + _dump([frames[2][:5]]))
    with pytest.raises(DataError, match="frame 2 has 5 atoms"):
        structure.read_trajectory(dump).position.compute()


def test_one_structure_of_many_formats(tmp_path: Path) -> None:
    atoms = fcc111("Pt", (2, 2, 3), vacuum=5.0)
    atoms.info.clear()
    kinds = {"POSCAR": "vasp", "pt.cif": "cif", "pt.xsf": "xsf", "pt.xyz": "extxyz", "pt.json": "json"}
    for name, kind in kinds.items():
        write(tmp_path / name, atoms, format=kind)
        ds = structure.read_structure(tmp_path / name)
        assert ds.position.dims == ("atom", "axis")
        np.testing.assert_allclose(ds.cell, atoms.cell.standard_form()[0] if kind == "cif" else atoms.cell, atol=1e-5)


def test_own_netcdf(tmp_path: Path) -> None:
    run = make_diffusing_atoms(n_atoms=4, n_frames=6)
    run.to_netcdf(tmp_path / "run.nc")
    xr.testing.assert_identical(structure.read_trajectory(tmp_path / "run.nc"), run)
    assert structure.read_structure(tmp_path / "run.nc").sizes["atom"] == 4


NO_POSITIONS = (
    b"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 1\n0 1\n0 1\nITEM: ATOMS id q\n1 2\n"
)


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("bomb.traj", "bomb.trj", "bomb.pckl", "bomb.py", "bomb.xyz", "bomb.bundle"):
        Path(name).write_bytes(b"PickleTrajectory" * (name == "bomb.traj") + pickle.dumps(_Bomb()))
        for format_ in (None, "trj", "bundletrajectory", "py", "db"):
            with pytest.raises(FileFormatError):
                structure.read_structure(name, format=format_)
    assert not Path("exploded").exists()


@pytest.mark.parametrize(
    "text",
    [
        b"", b"\n\n", b"99999999999\ncomment\nH 0 0 0\n", b'2\nLattice="1 2"\nH 0 0 0\nH 0 0\n',
        b"2\nProperties=species:S:1:pos:R:x\nH 0 0 0\nH 1 1 1\n", b"2\nProperties=pos:R:3\n0 0 0\n1 1 1\n",
        b"1\n\nH a b c\n", b"-3\n\n", b"1\nProperties=species:S:1:pos:R:3:a:R:99999999\nH 0 0 0\n", b"\x00" * 100,
        b"ITEM: TIMESTEP\n0\n", NO_POSITIONS,
    ],
)  # fmt: skip
def test_damaged_files_have_named_errors(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "bad.xyz"
    path.write_bytes(text)
    for door in (structure.read_structure, structure.read_trajectory):
        with pytest.raises(MIWidgetsError):
            door(path)


def _of_lammps(n: int, rows: str, *, box: str = "0 4\n0 4\n0 4") -> str:
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{n}\nITEM: BOX BOUNDS pp pp pp\n{box}\n"
    return f"{head}ITEM: ATOMS id type x y z\n{rows}"


def _of_vasp(*, cell: str = "4 0 0\n0 4 0\n0 0 4", names: str = "Si O", counts: str = "1 1", rows: str = "0 0 0\n0 0 0",
             scale: str = "1.0", word: str = "Direct configuration=     1") -> str:  # fmt: skip
    return f"t\n{scale}\n{cell}\n{names}\n{counts}\n{word}\n{rows}\n"


_LATTICE = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3'


@pytest.mark.parametrize("door", ["read_structure", "read_trajectory"])
@pytest.mark.parametrize(
    ("name", "text", "n_atoms", "pbc", "finite"),
    [
        ("empty.xyz", f"0\n{_LATTICE}\n", 0, "TTT", True),
        ("empty.xyz", f"0\n{_LATTICE}\n0\n{_LATTICE}\n", 0, "TTT", True),
        ("empty.dump", _of_lammps(0, ""), 0, "TTT", True),
        ("XDATCAR", _of_vasp(counts="0 0", rows=""), 0, "TTT", True),
        ("POSCAR", _of_vasp(counts="0 0", rows="", word="Direct"), 0, "TTT", True),
        ("one.xyz", "1\n\nSi 1 0 0\n", 1, "FFF", True),
        ("nan.xyz", f"1\n{_LATTICE}\nSi nan 0 0\n", 1, "TTT", False),
        ("nan.dump", _of_lammps(1, "1 1 nan 0 0\n"), 1, "TTT", False),
        ("XDATCAR", _of_vasp(rows="NaN 0 0\n0 0 0"), 2, "TTT", False),
        ("POSCAR", _of_vasp(rows="NaN 0 0\n0 0 0", word="Direct"), 2, "TTT", False),
        ("overlap.dump", _of_lammps(2, "1 1 0 0 0\n2 1 0 0 0\n"), 2, "TTT", True),
        ("zero.dump", _of_lammps(1, "1 1 0 0 0\n", box="0 0\n0 0\n0 0"), 1, "FFF", True),
        ("sheet.dump", _of_lammps(1, "1 1 0 0 0\n", box="0 4\n0 4\n0 0"), 1, "TTF", True),
        ("XDATCAR", _of_vasp(cell="0 0 0\n0 0 0\n0 0 0"), 2, "FFF", True),
        ("POSCAR", _of_vasp(cell="4 0 0\n0 4 0\n0 0 0", word="Direct"), 2, "TTF", True),
        ("left.xyz", f"1\n{_LATTICE.replace('4 0 0 0 4 0', '0 4 0 4 0 0')}\nSi 1 0 0\n", 1, "TTT", True),
        ("XDATCAR", _of_vasp(cell="0 4 0\n4 0 0\n0 0 4"), 2, "TTT", True),
        ("XDATCAR", _of_vasp(scale="-64"), 2, "TTT", True),
        ("unknown.xyz", f"1\n{_LATTICE}\n<script>Qq 0 0 0\n", 1, "TTT", True),
        ("XDATCAR", _of_vasp(names="Qq <b>"), 2, "TTT", True),
    ],
)  # fmt: skip
def test_odd_structures_are_read(
    tmp_path: Path, door: str, name: str, text: str, n_atoms: int, pbc: str, finite: bool
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ds = getattr(structure, door)(path).compute()
    assert ds.sizes["atom"] == n_atoms
    assert "".join("FT"[int(p)] for p in ds.pbc) == pbc
    assert bool(np.isfinite(ds.position).all()) == finite
    zero_vector = "F" in pbc and name != "one.xyz"
    assert ["said to repeat" in str(w.message) for w in said] == [True] * zero_vector


@pytest.mark.parametrize("door", ["read_structure", "read_trajectory"])
@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("wide.xyz", f"1\n{_LATTICE}\nSi 0 0 0 9\n", "1 lines of 4 values expected; got 1 with 5"),
        ("short.xyz", f"3\n{_LATTICE}\nSi 0 0 0\nSi 1 1 1\n", "5 lines expected, 4 found"),
        ("eight.xyz", f"1\n{_LATTICE.replace('4 0 0 0 4 0', '4 0 0 0 4')}\nSi 1 0 0\n", "Lattice= needs nine numbers"),
        ("two.xyz", f'1\n{_LATTICE} pbc="T T"\nSi 1 0 0\n', "pbc= needs three of T and F; got 'T T'"),
        ("short.dump", _of_lammps(3, "1 1 0 0 0\n2 1 0 0 0\n"), "12 lines expected, 11 found"),
        ("narrow.dump", _of_lammps(1, "1 1 0 0\n"), "1 lines of 5 values expected"),
        ("XDATCAR", _of_vasp(rows="**** 0 0\n0 0 0"), "could not convert"),
        ("XDATCAR", _of_vasp(counts="1 1 1"), "2 species but 3 numbers of atoms"),
        ("XDATCAR", _of_vasp(scale="-64", cell="4 0 0\n0 4 0\n0 0 0"), "lie in a plane"),
        ("POSCAR", _of_vasp(names="Qq Zz", word="Direct"), "cannot be read as vasp: KeyError: 'Qq'"),
        ("POSCAR", _of_vasp(rows="0 0 0", word="Direct"), "cannot be read as vasp"),
        ("cut.cif", "data_", "cut off, or holds no structure|holds no structure"),
        ("what.qqq", "hello", "neither its name nor its beginning"),
    ],
)  # fmt: skip
def test_wrong_files_say_what_is_wrong(tmp_path: Path, door: str, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(FileFormatError, match=words):
        getattr(structure, door)(path)


def test_atoms_of_a_dump_that_leave_are_missed(tmp_path: Path) -> None:
    """As many atoms as before, but others: a dump of a group that changes."""
    path = tmp_path / "run.dump"
    path.write_text(_of_lammps(2, "1 1 0 0 0\n2 1 1 1 1\n") + _of_lammps(2, "3 1 0 0 0\n2 1 1 1 1\n"))
    with pytest.raises(DataError, match=r"frame 1 has other atoms.*read_structure\(path, frame=1\)"):
        structure.read_trajectory(path).position.compute()
    assert structure.read_structure(path, frame=1)["id"].values.tolist() == [2, 3]


@pytest.mark.parametrize("kind", ["extxyz", "lammps-dump", "xdatcar"])
def test_random_damage_is_survived(tmp_path: Path, kind: str) -> None:
    """Bytes changed and cut at random: a result or one of our errors."""
    frames = _standard(_frames(4, cell_changes=False))
    path = tmp_path / {"extxyz": "run.xyz", "lammps-dump": "run.dump", "xdatcar": "XDATCAR"}[kind]
    if kind == "lammps-dump":
        path.write_text(_dump(frames))
    else:
        write(path, frames, format={"extxyz": "extxyz", "xdatcar": "vasp-xdatcar"}[kind])
    whole, rng = bytearray(path.read_bytes()), np.random.default_rng(1)
    for _ in range(60):
        bad = bytearray(whole)
        for place in rng.integers(len(bad), size=rng.integers(1, 4)):
            bad[place] = rng.integers(256)
        path.write_bytes(bad[: len(bad) if rng.random() < 0.6 else rng.integers(1, len(bad))])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MIWidgetsWarning)
            try:
                structure.read_trajectory(path, lazy=False)
            except MIWidgetsError:
                continue


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no file"):
        structure.read_structure(tmp_path / "nothing.xyz")
    path = tmp_path / "a.xyz"
    path.write_text("1\n\nH 0 0 0\n")
    with pytest.raises(ParameterError, match="timestep"):
        structure.read_trajectory(path, timestep=-1)


def test_repeats_along_a_zero_vector(tmp_path: Path) -> None:
    path = tmp_path / "flat.xyz"
    path.write_text('1\nLattice="3 0 0 0 3 0 0 0 0" pbc="T T T" Properties=species:S:1:pos:R:3\nC 0 0 0\n')
    with pytest.warns(MIWidgetsWarning, match="repeat along c"):
        ds = structure.read_trajectory(path)
    assert ds.pbc.values.tolist() == [True, True, False]
