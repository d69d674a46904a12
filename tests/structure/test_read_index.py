"""Where frames begin: the last one shorter, lengths that differ, markers that stand elsewhere too."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mi_widgets import structure
from mi_widgets.errors import DataError, MIWidgetsWarning
from mi_widgets.structure._index import build_index
from mi_widgets.structure._text import FORMATS


def _xyz(x: str) -> str:
    return f'2\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nAr 1 2 3\nAr 0 0 {x}\n'


def _dump(x: str) -> str:
    head = "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n1\nITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
    return f"{head}ITEM: ATOMS id type y z x\n1 1 0 0 {x}\n"


def _vasp(x: str) -> str:
    return f"Direct configuration=     1\n 0 0 {x}\n"


KINDS = {
    "run.xyz": ("", _xyz, lambda ds: ds.position[..., 1, 2]),
    "run.dump": ("", _dump, lambda ds: ds.position[..., 0, 0]),
    "XDATCAR": ("t\n1.0\n1 0 0\n0 1 0\n0 0 1\nAr\n1\n", _vasp, lambda ds: ds.position[..., 0, 2]),
}


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize(
    "values", [("0.25", "0.5"), ("0.25", "0.75", "0.5"), ("0.5", "0.25"), ("0.5", "0.75", "0.125"), ("0.5", "0.5")]
)
def test_a_last_frame_of_another_length_is_read(tmp_path: Path, name: str, values: tuple[str, ...], end: bool) -> None:
    if not end and len(values[-1]) < len(values[0]):
        return  # without its end, a shorter last line may be cut
    head, make, pick = KINDS[name]
    path = tmp_path / name
    text = head + "".join(make(x) for x in values)
    path.write_text(text if end else text[:-1])
    run = structure.read_trajectory(path).compute()
    assert pick(run).values.tolist() == pytest.approx([float(x) for x in values])
    assert float(pick(structure.read_structure(path))) == pytest.approx(float(values[-1]))


def test_energies_of_ase_of_unlike_length(tmp_path: Path) -> None:
    frames = []
    for energy in (-10.5, -10.5, -9.5):
        atoms = Atoms("Ar", cell=[4.0] * 3, pbc=True)
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        frames.append(atoms)
    write(tmp_path / "run.xyz", frames)
    assert structure.read_trajectory(tmp_path / "run.xyz").energy.values.tolist() == [-10.5, -10.5, -9.5]
    assert float(structure.read_structure(tmp_path / "run.xyz").energy) == -9.5


def test_a_tail_that_looks_like_a_marker_cuts_no_number(tmp_path: Path) -> None:
    path = tmp_path / "run.xyz"
    path.write_text("2\nc\nNa 0 0 0\nCl 0 0 1\n" * 2 + "2\nc\nNa 0 0 0\nCl 0 0 1.2\n")
    assert structure.read_trajectory(path).position.values[:, 1, 2].tolist() == [1.0, 1.0, 1.2]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_file_cut_off_says_so_where_frames_count_from_its_end(tmp_path: Path, name: str) -> None:
    head, make, pick = KINDS[name]
    path = tmp_path / name
    path.write_text(head + make("0.25") + make("0.75") + make("0.50")[:-3])
    with pytest.warns(MIWidgetsWarning, match="ends in the middle of frame 2"):
        last = structure.read_structure(path)
    assert float(pick(last)) == pytest.approx(0.75)
    assert float(pick(structure.read_structure(path, frame=0))) == pytest.approx(0.25)  # and no warning
    with pytest.warns(MIWidgetsWarning, match="2 whole frames"):
        assert structure.read_trajectory(path).sizes["frame"] == 2


def test_a_last_line_of_too_few_words_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "run.xyz"
    path.write_text((_xyz("1") + _xyz("1.25") + _xyz("1"))[:-3])
    with pytest.warns(MIWidgetsWarning, match="2 whole frames"):
        assert structure.read_trajectory(path).position.values[:, 1, 2].tolist() == [1.0, 1.25]


@pytest.mark.parametrize("name", sorted(KINDS))
def test_two_frames_of_other_lengths_between_the_places_looked_at(tmp_path: Path, name: str) -> None:
    head, make, pick = KINDS[name]
    values = np.full(1000, 0.25)
    values[503], values[504] = 0.125, 0.5
    path = tmp_path / name
    path.write_text(head + "".join(make(str(x)) for x in values))
    assert build_index(path, FORMATS[{"run.xyz": "extxyz", "run.dump": "lammps-dump"}.get(name, "xdatcar")]).length
    for lazy in (True, False):
        np.testing.assert_allclose(pick(structure.read_trajectory(path, lazy=lazy).compute()), values)
    assert float(pick(structure.read_structure(path, frame=503))) == pytest.approx(0.125)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_comments_that_are_the_number_of_atoms(tmp_path: Path, line_end: str) -> None:
    x = np.arange(12.0) ** 3
    text = "".join(f"2\n{k}\nH {v} 0 0\nH 0 0 {v**2}\n" for k, v in enumerate(x))
    path = tmp_path / "run.xyz"
    path.write_bytes(text.replace("\n", line_end).encode())
    run = structure.read_trajectory(path).compute()
    assert run.position.values[:, 0, 0].tolist() == x.tolist()
    assert run.position.values[:, 1, 2].tolist() == (x**2).tolist()
    assert structure.read_structure(path, frame=2).position.values[0, 0] == 8.0


@pytest.mark.parametrize("title", ["", "Direct sys", "cart of horses", "a = b", "Si"])
@pytest.mark.parametrize("cells", [(4.0, 4.04, 4.5), (4.0, 10.25, 3.0)])
def test_xdatcar_with_a_header_in_each_frame(tmp_path: Path, title: str, cells: tuple[float, ...]) -> None:
    text = "".join(
        f"{title}\n 1.0\n {a} 0 0\n 0 {a} 0\n 0 0 {a}\n Na Cl\n 1 1\nDirect configuration=  {k}\n 0 0 0\n 0.5 0.5 0.5\n"
        for k, a in enumerate(cells, 1)
    )
    path = tmp_path / "XDATCAR"
    path.write_text(text)
    run = structure.read_trajectory(path).compute()
    np.testing.assert_allclose(run.cell[:, 0, 0], cells)
    np.testing.assert_allclose(run.position[:, 1, 0], np.array(cells) / 2)
    assert run.step.values.tolist() == [1, 2, 3]


def test_a_frame_that_is_not_there(tmp_path: Path) -> None:
    run = structure.from_ase([Atoms("H"), Atoms("H")])
    run.to_netcdf(tmp_path / "run.nc")
    run.isel(frame=0, drop=True).to_netcdf(tmp_path / "one.nc")
    with pytest.raises(DataError, match=r"run\.nc has 2 frames; there is no frame 99"):
        structure.read_structure(tmp_path / "run.nc", frame=99)
    with pytest.raises(DataError, match=r"one\.nc has 1 frames; there is no frame 2"):
        structure.read_structure(tmp_path / "one.nc", frame=2)
    assert structure.read_structure(tmp_path / "run.nc", frame=-2).sizes["atom"] == 1
    assert structure.read_structure(tmp_path / "one.nc").sizes["atom"] == 1
