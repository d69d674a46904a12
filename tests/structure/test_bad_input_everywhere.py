"""Each odd or wrong structure goes through every computation: a finite result, or an error of ours that says why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import structure
from mi_widgets.errors import MIWidgetsError
from mi_widgets.labels import label_structure

CUBE, FLAT, SHEET = np.eye(3) * 5.0, np.ones((3, 3)), np.diag([5.0, 5.0, 0.0])
Work = Callable[[xr.Dataset], Any]

SINGLE: dict[str, Work] = {
    "neighbor_list": lambda s: structure.neighbor_list(s, 2.0),
    "coordination": lambda s: structure.coordination(s, 2.0),
    "coordination_labels": lambda s: structure.coordination_labels(s, 2.0),
    "rdf": lambda s: structure.rdf(s, 3.0),
    "adf": lambda s: structure.adf(s, 2.0),
    "king_rings": lambda s: structure.king_rings(s, 2.0),
    "slab_layers": structure.slab_layers,
    "equivalent_sites": structure.equivalent_sites,
    "replicate": lambda s: structure.replicate(s, (2, 1, 1)),
    "to_ase": structure.to_ase,
    "to_pymatgen": structure.to_pymatgen,
}
RUN: dict[str, Work] = {
    "unwrap": structure.unwrap,
    "msd": structure.msd,
    "diffusion_coefficient": lambda r: structure.diffusion_coefficient(r, n_blocks=4),
    "vdos": structure.vdos,
    "vdos of positions": lambda r: structure.vdos(r.drop_vars("velocity")),
    "rdf": lambda r: structure.rdf(r, 3.0),
    "adf": lambda r: structure.adf(r, 2.0),
    "coordination": lambda r: structure.coordination(r, 2.0),
    "replicate": lambda r: structure.replicate(r, (2, 1, 1)),
    "to_ase": structure.to_ase,
}
#: Cell, pbc, elements; what is put wrong afterwards; what is refused and with which words. "*" is all others.
CASES: dict[str, tuple[np.ndarray, Any, list[str], dict[str, str]]] = {
    "empty": (CUBE, True, [], {"rdf": "no atoms", "vdos": "two atoms", "vdos of positions": "two atoms"}),
    "one atom": (CUBE, True, ["Si"], {"vdos": "two atoms", "vdos of positions": "two atoms"}),
    "left-handed": (CUBE[[1, 0, 2]], True, ["Si", "O"] * 3, {}),
    "molecule": (CUBE * 0, False, ["Si", "O"] * 3, {"rdf": "0 of 3", "replicate": "vector a is zero"}),
    "sheet, c = 0": (SHEET, [True, True, False], ["Si", "O"] * 3, {"rdf": "2 of 3"}),
    "sheet that repeats along c = 0": (
        SHEET,
        True,
        ["Si", "O"] * 3,
        {"*": "along c, but the cell vector there is zero"},
    ),
    "zero cell": (CUBE * 0, True, ["Si", "O"] * 3, {"replicate": "vector a is zero", "*": "cell vector there is zero"}),
    "flat cell": (FLAT, True, ["Si", "O"] * 3, {"*": "lie in a plane or on a line"}),
    "cell that is not finite": (CUBE * np.nan, True, ["Si", "O"] * 3, {"*": "not finite"}),
    "unknown species": (
        CUBE,
        True,
        ["Qq", "<b>x</b>"],
        {"to_ase": "no chemical symbol", "to_pymatgen": "no chemical", "vdos": "mass", "vdos of positions": "mass"},
    ),
}
#: What does not look at cells, or hands them on as they are.
BLIND = {"replicate", "to_ase", "vdos"}


def _structure(name: str) -> xr.Dataset:
    cell, pbc, elements, _ = CASES[name]
    place = np.random.default_rng(0).random((len(elements), 3)) * 5
    return label_structure(place, elements, cell=cell, pbc=pbc)


def _run(name: str) -> xr.Dataset:
    cell, pbc, elements, _ = CASES[name]
    rng, shape = np.random.default_rng(1), (60, len(elements), 3)
    path = rng.random(shape[1:]) * 5 + np.cumsum(rng.normal(size=shape) * 0.1, axis=0)
    run = label_structure(path, elements, cell=cell, pbc=pbc, time=np.arange(60.0))
    return run.assign(velocity=(("frame", "atom", "axis"), rng.normal(size=shape), {"units": "angstrom/fs"}))


def _refused(case: str, work: str) -> str | None:
    words = CASES[case][3]
    return words.get(work, None if work in BLIND else words.get("*"))


def _finite(found: Any) -> bool:
    arrays = found.data_vars.values() if isinstance(found, xr.Dataset) else [found] if hasattr(found, "dtype") else []
    without_angles = "adf" in getattr(found, "data_vars", ()) and not found["count"].any()
    return without_angles or all(np.isfinite(a).all() for a in arrays if a.dtype.kind == "f" and a.name != "cell")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", SINGLE)
def test_a_structure(name: str, case: str) -> None:
    words, given = _refused(case, name), _structure(case)
    if words is None:
        found = SINGLE[name](given)
        assert case.startswith("cell") or _finite(found)
        return
    with pytest.raises(MIWidgetsError, match=words):
        SINGLE[name](given)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", RUN)
def test_a_trajectory(name: str, case: str, lazy: bool) -> None:
    words, given = _refused(case, name), _run(case)
    given = given.chunk(frame=20) if lazy else given

    def work() -> Any:
        found = RUN[name](given)
        return found.compute() if hasattr(found, "compute") else found

    if words is None:
        found = work()
        assert case.startswith("cell") or _finite(found)
        return
    with pytest.raises(MIWidgetsError, match=words):
        work()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("name", sorted(set(RUN) - {"unwrap", "replicate", "to_ase"}))
def test_one_position_that_is_not_finite(name: str, lazy: bool) -> None:
    run = _run("left-handed")
    hole = (run.frame == 7) & (run.atom == 2)
    bad = run.assign({k: run[k].where(~hole) for k in ("position", "velocity")})
    for infinite in (bad, bad.fillna(np.inf)):
        given = infinite.chunk(frame=20) if lazy else infinite
        with pytest.raises(MIWidgetsError, match="not finite"):
            getattr(RUN[name](given), "compute", lambda: None)()


@pytest.mark.parametrize("name", sorted(set(SINGLE) - {"replicate", "to_ase", "to_pymatgen"}))
def test_one_atom_that_is_nowhere(name: str) -> None:
    given = _structure("left-handed")
    with pytest.raises(MIWidgetsError, match=r"1 positions are not finite, the first in frame 0, atom 4.*isel\(atom="):
        SINGLE[name](given.assign(position=given.position.where(given.atom != 4)))


@pytest.mark.parametrize("name", SINGLE)
def test_atoms_on_one_spot(name: str) -> None:
    twins = label_structure(np.ones((4, 3)), ["H"] * 4, cell=CUBE)
    if name == "equivalent_sites":
        with pytest.raises(MIWidgetsError, match="overlap"):
            SINGLE[name](twins)
    else:
        assert _finite(SINGLE[name](twins))


def test_nothing_moves() -> None:
    run = _run("left-handed")
    still = run.assign(position=run.position * 0, velocity=run.velocity * 0)
    drift = run.assign(velocity=run.velocity * 0 + run.velocity.isel(atom=0))
    for given in (still, still.drop_vars("velocity"), drift):
        with pytest.raises(MIWidgetsError, match="nothing moves"):
            structure.vdos(given)
    assert (structure.msd(still).msd == 0).all()
    assert (structure.diffusion_coefficient(still, n_blocks=4).diffusion_coefficient == 0).all()


HTML = "<img src=x onerror=alert(1)>"


def test_names_with_html_stay_text(tmp_path) -> None:
    """They pass unchanged through results and files; whoever shows them escapes them, as xarray does."""
    given = label_structure([[0.0, 0, 0], [1.0, 0, 0]], ["Si", HTML], cell=CUBE)
    labels = structure.coordination_labels(given, 1.5)
    assert labels.values.tolist() == [f"Si1 ({HTML}1)", f"{HTML}1 (Si1)"]
    found = structure.rdf(given, 2.0)
    assert f"Si-{HTML}" in found.pair.values
    found.to_netcdf(tmp_path / "rdf.nc")
    with xr.open_dataset(tmp_path / "rdf.nc") as again:
        xr.testing.assert_identical(found, again.load())
    path = tmp_path / "<b>x.xyz"
    path.write_text(
        f'1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3:name:S:1\n{HTML.replace(" ", "_")} 0 0 0 <i>\n'
    )
    read = structure.read_structure(path)
    assert (read.attrs["source"], read["name"].item()) == ("<b>x.xyz", "<i>")
    for shown in (given, found, read, labels):
        assert HTML not in shown._repr_html_()
        assert "<i>" not in shown._repr_html_()
