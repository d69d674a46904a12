"""Trajectories that are opened, not read: ASE's own files, time and step of frames, what is cut off."""

import pickle
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, FileFormatError, LabelError, MissingDependencyError, MIWidgetsWarning
from mi_widgets.structure import _ase_source
from mi_widgets.structure._ase_source import AseFrames
from mi_widgets.structure._source import TextFrames


def _traj(path: Path, n: int = 40) -> list[Atoms]:
    rng, frames = np.random.default_rng(0), []
    for k in range(n):
        atoms = bulk("MgO", "rocksalt", a=4.2 + 0.01 * k, cubic=True)
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        atoms.set_velocities(rng.normal(size=atoms.positions.shape))
        atoms.calc = SinglePointCalculator(atoms, energy=-1.0 - k, forces=rng.normal(size=atoms.positions.shape))
        frames.append(atoms)
    write(path, frames)
    return frames


def test_traj_is_opened_and_each_frame_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = _traj(tmp_path / "run.traj")
    seen: list[int] = []
    original = AseFrames._read
    monkeypatch.setattr(AseFrames, "_read", lambda self, k: seen.append(k) or original(self, k))
    ds = structure.read_trajectory(tmp_path / "run.traj", timestep=2.0)
    assert seen == [0]
    assert dask.is_dask_collection(ds.position)
    assert ds.sizes["frame"] == 40
    one = ds.isel(frame=17).load()
    assert seen == [0, 17]
    np.testing.assert_allclose(one.position, frames[17].positions)
    np.testing.assert_allclose(one.cell, frames[17].cell)
    np.testing.assert_allclose(one.force, frames[17].get_forces())
    assert float(one.energy) == -18.0
    assert float(one.time) == 34.0
    eager = structure.read_trajectory(tmp_path / "run.traj", lazy=False)
    assert not dask.is_dask_collection(eager.position)
    xr.testing.assert_allclose(structure.from_ase(frames).velocity, eager.velocity)
    np.testing.assert_allclose(structure.vdos(ds).vdos, structure.vdos(ds.compute()).vdos)


def test_an_open_traj_can_be_sent_to_a_worker(tmp_path: Path) -> None:
    frames = _traj(tmp_path / "run.traj", 5)
    source = AseFrames(tmp_path / "run.traj", "traj")
    again = pickle.loads(pickle.dumps(source))
    np.testing.assert_allclose(again.frame(3).position, frames[3].positions)


def test_traj_that_is_cut_off_keeps_its_whole_frames(tmp_path: Path) -> None:
    path = tmp_path / "run.traj"
    _traj(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(0.7 * len(whole))])
    with pytest.warns(MIWidgetsWarning, match=r"run.traj ends in the middle of frame (\d+): \1 whole frames are given"):
        ds = structure.read_trajectory(path)
    assert 20 < ds.sizes["frame"] < 30
    assert np.isfinite(ds.position).all()
    for size in (0, 10, 60):
        path.write_bytes(whole[:size])
        with pytest.raises(FileFormatError):
            structure.read_trajectory(path, format="traj")


def test_frame_without_what_frame_0_has_is_nan(tmp_path: Path) -> None:
    frames = _traj(tmp_path / "run.traj", 4)
    frames[2].calc = None
    write(tmp_path / "run.traj", frames)
    ds = structure.read_trajectory(tmp_path / "run.traj")
    assert np.isfinite(ds.energy).values.tolist() == [True, True, False, True]
    assert np.isnan(ds.force[2]).all()


def test_frames_of_traj_that_differ_are_named(tmp_path: Path) -> None:
    path = tmp_path / "run.traj"
    for other, what in (
        (bulk("Cu", cubic=True), "frame 1 has 4 atoms, frame 0 has 1"),
        (bulk("Ag"), "frame 1 has other atoms"),
        (Atoms("Cu", cell=bulk("Cu").cell, pbc=(True, True, False)), r"frame 1 repeats along \[True, True, False\]"),
    ):
        write(path, [bulk("Cu"), other])
        with pytest.raises(DataError, match=what + r"[\s\S]*read_structure\(path, frame=1\)"):
            structure.read_trajectory(path).position.compute()
        assert structure.read_structure(path, frame=1).sizes["atom"] == len(other)


def test_other_formats_keep_what_came_before_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.xsf"
    write(path, [bulk("Cu")] * 4)

    class Broken:
        @staticmethod
        def iread(*args, **options):
            yield from read(path, index=":")[:3]
            raise ValueError("half a line")

    monkeypatch.setattr(
        _ase_source, "need", lambda *args: Broken if args[0] == "ase.io" else __import__("ase.io.formats").io.formats
    )
    with pytest.warns(MIWidgetsWarning, match="frame 3: 3 whole frames"):
        assert structure.read_trajectory(path).sizes["frame"] == 3


def test_own_netcdf_lazily(tmp_path: Path) -> None:
    run = make_diffusing_atoms(n_atoms=10, n_frames=600)
    run.to_netcdf(tmp_path / "run.nc")
    lazy = structure.read_trajectory(tmp_path / "run.nc", lazy=True)
    assert dask.is_dask_collection(lazy.position)
    assert len(lazy.position.chunks[0]) == 3
    np.testing.assert_allclose(structure.rdf(lazy, 5.0).rdf, structure.rdf(run, 5.0).rdf)
    lazy.close()
    assert structure.read_trajectory(tmp_path / "run.nc", timestep=7.0).time.values[1] == 7.0
    run[["velocity"]].to_netcdf(tmp_path / "other.nc")
    with pytest.raises(LabelError, match="netcdftrajectory"):
        structure.read_trajectory(tmp_path / "other.nc")


def test_missing_package_of_a_format(tmp_path: Path) -> None:
    pytest.importorskip("ase")
    try:
        import netCDF4  # noqa: F401
    except ImportError:
        path = tmp_path / "run.nc"
        path.write_bytes(b"CDF\x01" + b"\0" * 100)
        with pytest.raises(MissingDependencyError, match="netCDF4"):
            structure.read_trajectory(path, format="netcdftrajectory")


def _xyz(stamps: list[str]) -> str:
    head = '1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3 {}\nAr 1.0 2.0 3.0\n'
    return "".join(head.format(s) for s in stamps)


@pytest.mark.parametrize("lazy", [True, False])
@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        ([f"Time={0.5 * k}" for k in range(300)], 0.5 * np.arange(300)),
        ([f'energy=1 time="{k**2}" pbc="T T T"' for k in range(300)], np.arange(300.0) ** 2),
        ([f"Time={k + (k == 151) * 0.5}" for k in range(300)], None),
        (["md_time=3"] * 9, False),
        (["Time=soon"] * 9, False),
        ([f"Time={k}" if k != 4 else "" for k in range(9)], False),
    ],
)
def test_time_of_extended_xyz(tmp_path: Path, stamps: list[str], expected: object, lazy: bool) -> None:
    path = tmp_path / "run.xyz"
    path.write_text(_xyz(stamps))
    ds = structure.read_trajectory(path, lazy=lazy)
    if expected is False:
        assert "time" not in ds.coords
        return
    if expected is None:  # one that is off between the places looked at: the others are right
        assert float(ds.time[150]) == 150.0
        return
    np.testing.assert_allclose(ds.time, expected)
    assert ds.time.attrs["units"] == "fs"
    assert structure.read_trajectory(path, timestep=3.0).time.values[:3].tolist() == [0.0, 3.0, 6.0]
    assert "time" not in structure.read_structure(path).coords


def test_stamps_are_found_without_reading_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.xyz"
    path.write_text(_xyz([f"Time={k}" for k in range(5000)]))
    seen: list[int] = []
    original = TextFrames._read
    monkeypatch.setattr(TextFrames, "_read", lambda self, k: seen.append(k) or original(self, k))
    assert structure.read_trajectory(path).time.values.tolist() == list(range(5000))
    assert seen == [0]


def _dump(steps: list[int], *, units: str = "", times: bool = False) -> str:
    text = f"ITEM: UNITS\n{units}\n" if units else ""
    for k in steps:
        text += f"ITEM: TIME\n{k * 0.001}\n" if times else ""
        text += f"ITEM: TIMESTEP\n{k}\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
        text += "ITEM: ATOMS id type x y z vx vy vz\n1 1 1.0 2.0 3.0 0.5 0 0\n"
    return text


def test_steps_and_times_of_a_lammps_dump(tmp_path: Path) -> None:
    path = tmp_path / "run.dump"
    path.write_text(_dump([0, 100, 200, 350]))
    ds = structure.read_trajectory(path)
    assert ds.step.values.tolist() == [0, 100, 200, 350]
    assert ds.step.dtype.kind == "i"
    assert "time" not in ds.coords
    for units, time, speed in (("metal", "ps", "angstrom/ps"), ("real", "fs", "angstrom/fs")):
        path.write_text(_dump([0, 100, 200, 300], units=units, times=True))
        ds = structure.read_trajectory(path)
        assert ds.sizes["frame"] == 4
        np.testing.assert_allclose(ds.time, [0, 0.1, 0.2, 0.3])
        assert (ds.time.attrs["units"], ds.velocity.attrs["units"]) == (time, speed)
        np.testing.assert_allclose(ds.position[3, 0], [1, 2, 3])
    path.write_text(_dump([0, 1], units="si"))
    with pytest.raises(FileFormatError, match="'si' are not angstrom"):
        structure.read_trajectory(path)


def test_steps_of_xdatcar(tmp_path: Path) -> None:
    for same in (True, False):
        frames = [bulk("Cu", a=3.6 if same else 3.6 + 0.01 * k) for k in range(12)]
        write(tmp_path / "XDATCAR", frames, format="vasp-xdatcar")
        ds = structure.read_trajectory(tmp_path / "XDATCAR")
        assert ds.step.values.tolist() == list(range(1, 13))
        assert "time" not in ds.coords


def test_opening_a_long_file_with_stamps_is_quick(tmp_path: Path, summary: list[str]) -> None:
    import time

    path = tmp_path / "run.xyz"
    path.write_text(_xyz([f"Time={k:08d}" for k in range(100_000)]))
    structure.read_trajectory(path)
    began = time.perf_counter()
    ds = structure.read_trajectory(path)
    took = time.perf_counter() - began
    summary.append(f"100,000 frames with times opened in {1e3 * took:.0f} ms")
    assert ds.sizes["frame"] == 100_000
    assert took < 5
