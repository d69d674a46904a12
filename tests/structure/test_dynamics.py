"""Displacements, beside sums by hand and the truth."""

import numpy as np
import pytest
import xarray as xr
from ase.geometry import find_mic

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, LabelError
from mi_widgets.labels import label_structure


@pytest.fixture(scope="module")
def run() -> xr.Dataset:
    return make_diffusing_atoms(n_atoms=24, n_frames=1500, length=8.0, seed=4)


def test_unwrapped_positions_are_the_true_ones(run: xr.Dataset) -> None:
    found = structure.unwrap(run)
    start = run.position.isel(frame=0) - run.true_position.isel(frame=0)
    np.testing.assert_allclose(found.position - start, run.true_position, atol=1e-9)
    assert float(np.abs(found.position).max()) > 8.0
    assert float(run.position.max()) <= 8.0  # the input is not changed


def test_unwrap_in_a_triclinic_cell_that_changes() -> None:
    rng = np.random.default_rng(0)
    cells = np.array([[6.0, 0, 0], [2, 7, 0], [1, -2, 8]]) * np.linspace(1, 1.05, 200)[:, None, None]
    path = np.cumsum(rng.normal(scale=0.4, size=(200, 5, 3)), axis=0)
    inside = np.array([p - np.floor(p @ np.linalg.inv(c)) @ c for p, c in zip(path, cells, strict=True)])
    found = structure.unwrap(label_structure(inside, ["Ar"] * 5, cell=cells))
    inverse = np.linalg.inv(cells)
    step = np.diff(inside, axis=0)
    turns = np.round(np.einsum("fni,fij->fnj", step, inverse[1:]))
    expected = inside[0] + np.cumsum(step - np.einsum("fni,fij->fnj", turns, cells[1:]), axis=0)
    np.testing.assert_allclose(found.position[1:], expected, atol=1e-9)
    assert np.linalg.norm(np.diff(found.position, axis=0), axis=-1).max() < 3.5


def test_msd_is_the_sum_by_hand(run: xr.Dataset) -> None:
    found = structure.msd(run).msd
    x = run.true_position.values
    for name, use in (("Li", slice(12)), ("Na", slice(12, 24))):
        for m in (1, 7, 400, 1499):
            by_hand = np.square(x[m:, use] - x[:-m, use]).sum(-1).mean()
            assert float(found.sel(species=name).isel(lag=m)) == pytest.approx(by_hand, rel=1e-9)
    assert found.isel(lag=0).values.tolist() == [0.0, 0.0]
    assert found.lag.attrs["units"] == "fs"
    assert float(found.lag[3]) == 30.0


def test_msd_follows_the_process_it_was_made_with() -> None:
    run = make_diffusing_atoms(n_atoms=200, n_frames=600, memory=100.0, timestep=10.0, seed=1)
    found = structure.msd(run, unwrapped=False).msd.sel(species="Li").isel(lag=slice(1, 40))
    t = found.lag.values
    expected = 6 * 0.5e-3 * (t - 100 * (1 - np.exp(-t / 100)))
    np.testing.assert_allclose(found, expected, rtol=0.1)


def test_drift_is_removed_where_asked() -> None:
    run = make_diffusing_atoms(n_atoms=10, n_frames=300, seed=2)
    moving = run.assign(position=run.true_position + 0.5 * run.frame)
    kept = structure.msd(moving, unwrapped=True)
    gone = structure.msd(moving, unwrapped=True, remove_drift=True)
    still = structure.msd(run.assign(position=run.true_position), unwrapped=True, remove_drift=True)
    xr.testing.assert_allclose(gone.msd, still.msd)
    assert float(kept.msd[0, 200]) > 50 * float(gone.msd[0, 200])


def test_lazy_msd_computes_nothing(run: xr.Dataset, chunked, counting) -> None:
    with counting() as count:
        lazy = structure.msd(chunked(run))
        assert count.n == 0
        xr.testing.assert_allclose(lazy.compute(), structure.msd(run))
        assert count.n == 1


def test_what_msd_and_unwrap_refuse(run: xr.Dataset, chunked) -> None:
    with pytest.raises(DataError, match="equal times"):
        structure.msd(run.isel(frame=[0, 1, 5, 6]))
    for work in (structure.msd, structure.unwrap):
        with pytest.raises(LabelError, match="frame"):
            work(run.isel(frame=0))
        with pytest.raises(LabelError, match="no 'cell'"):
            work(run.drop_vars("cell"))
        for bad, what in ((np.zeros((3, 3)), "cell vector there is zero"), (np.ones((3, 3)), "lie in a plane")):
            flat = run.assign(cell=(("cell_vector", "axis"), bad))
            with pytest.raises(DataError, match=what):
                work(flat)
            with pytest.raises(DataError, match=what):
                work(chunked(flat)).compute()
    gap = run.assign(position=run.position.where(run.frame != 7))
    for ds in (gap, chunked(gap)):
        with pytest.raises(DataError, match="not finite"):
            structure.msd(ds).compute()


SKEWED = {
    "pulled along x": (np.array([[4.0, 0, 0], [14, 4, 0], [0, 0, 10]]), (True, True, True)),
    "leaning in all directions": (np.array([[5.0, 0, 0], [12, 4, 0], [-9, 11, 6]]), (True, True, True)),
    "slab whose c leans": (np.array([[3.0, 0, 0], [8, 4, 0], [6, 5, 20]]), (True, True, False)),
    "wire": (np.array([[6.0, 0, 0], [9, 5, 0], [4, 4, 4]]), (False, True, False)),
}


@pytest.mark.parametrize("name", SKEWED)
def test_the_shortest_way_in_skewed_cells_is_the_shortest_of_all(name: str) -> None:
    cell, pbc = SKEWED[name]
    ends = np.random.default_rng(3).normal(scale=2.0, size=(2, 40, 3))
    found = structure.unwrap(label_structure(ends, ["Ar"] * 40, cell=cell, pbc=pbc)).position
    step = (found[1] - found[0]).values
    reach = [np.arange(-15, 16) if p else [0] for p in pbc]
    images = np.stack(np.meshgrid(*reach, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    every = [np.linalg.norm(way + images, axis=1).min() for way in ends[1] - ends[0]]
    np.testing.assert_allclose(np.linalg.norm(step, axis=1), every, atol=1e-9)
    passed = (step - (ends[1] - ends[0])) @ np.linalg.inv(cell)
    np.testing.assert_allclose(passed, np.round(passed) * pbc, atol=1e-9)
    if all(pbc):
        np.testing.assert_allclose(step, find_mic(ends[1] - ends[0], cell, pbc)[0], atol=1e-9)


@pytest.mark.parametrize("grows", [False, True])
def test_small_steps_in_a_skewed_cell_add_up(grows: bool, chunked) -> None:
    """Steps of 0.9 angstrom along y, 0.81 angstrom**2, in a cell that is four angstrom high and leans by fourteen."""
    cell = np.array([[4.0, 0, 0], [14, 4, 0], [0, 0, 10]])
    cells = cell * (1 + 1e-9 * np.arange(9))[:, None, None] if grows else cell
    path = np.array([[[0, 0.9 * k, 0]] for k in range(9)])
    fraction = path @ np.linalg.inv(cell)
    run = label_structure(path - np.floor(fraction + 1e-12) @ cell, ["Li"], cell=cells)
    for given in (run, chunked(run)):
        np.testing.assert_allclose(structure.msd(given).msd[0], np.square(0.9 * np.arange(9)), atol=1e-5)


def _long_steps() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps of 8 angstrom in a box of 10: path, cell, place in the box, cells passed."""
    path, cell = np.array([[[8.0 * k, 0, 0]] for k in range(6)]), np.eye(3) * 10.0
    image = np.floor(path / 10.0).astype(int)
    return path, cell, path - image * 10.0, image


def test_positions_that_do_not_jump_are_left_alone(chunked) -> None:
    path, cell, _, _ = _long_steps()
    run = label_structure(path, ["Li"], cell=cell, time=np.arange(6.0))
    run["position"].attrs["unwrapped"] = 1
    for given in (run, chunked(run)):
        assert float(structure.msd(given).msd[0, 1]) == pytest.approx(64.0)
        np.testing.assert_allclose(structure.unwrap(given).position, path)


@pytest.mark.parametrize("grows", [False, True])
def test_counted_cells_are_added_before_anything_else(grows: bool, chunked) -> None:
    path, cell, inside, image = _long_steps()
    scale = 1 + 0.1 * np.arange(6)[:, None, None] * grows
    run = label_structure(inside * scale, ["Li"], cell=cell * scale if grows else cell, time=np.arange(6.0))
    run["image"] = (("frame", "atom", "cell_vector"), image)
    for given in (run, chunked(run)):
        found = structure.unwrap(given)
        np.testing.assert_allclose(found.position, path * scale)
        assert "image" not in found
        np.testing.assert_allclose(structure.unwrap(found).position, path * scale)  # a second time changes nothing
        if not grows:
            assert float(structure.msd(given).msd[0, 1]) == pytest.approx(64.0)
    assert "image" in run


def test_counted_cells_reach_the_diffusion_coefficient() -> None:
    run = make_diffusing_atoms(n_atoms=6, n_frames=400, length=8.0, seed=4)
    far = run.isel(frame=slice(None, None, 4)).assign(position=run.true_position[::4])
    few = far.assign(position=far.position * 20)  # most steps are longer than half the cell
    image = np.floor(few.position.values / 8.0).astype(int)
    wrapped = few.assign(position=few.position - image * 8.0, image=(("frame", "atom", "cell_vector"), image))
    known = structure.diffusion_coefficient(few, unwrapped=True, n_blocks=4)
    found = structure.diffusion_coefficient(wrapped, n_blocks=4)
    xr.testing.assert_allclose(found, known)
    guessed = structure.diffusion_coefficient(wrapped.drop_vars("image"), n_blocks=4)
    assert float(guessed.diffusion_coefficient[0]) < 0.5 * float(known.diffusion_coefficient[0])


def test_a_replica_is_no_jump() -> None:
    """`image` of replicate does not change with the frame: it is in the positions already."""
    run = make_diffusing_atoms(n_atoms=4, n_frames=50, seed=1)
    np.testing.assert_allclose(structure.msd(structure.replicate(run, (2, 1, 1))).msd, structure.msd(run).msd)


def test_time_without_a_unit_is_not_guessed(run: xr.Dataset) -> None:
    few = run.isel(frame=slice(60))
    for attrs, words in (({}, "time has no unit"), ({"units": "fortnight"}, "time is in 'fortnight'")):
        bad = few.assign_coords(time=("frame", few.time.values, attrs))
        for work in (structure.msd, structure.vdos, structure.diffusion_coefficient):
            with pytest.raises(LabelError, match=words):
                work(bad)


def test_masses_are_not_guessed() -> None:
    run = make_diffusing_atoms(n_atoms=4, n_frames=60)
    odd = run.assign_coords(element=("atom", ["Qq", "Qq", "H", "H"]))
    for work in (structure.vdos, lambda r: structure.msd(r, remove_drift=True)):
        with pytest.raises(DataError, match=r"no mass is known for the species 'Qq'.*structure\['mass'\]"):
            work(odd)
        work(odd.assign(mass=("atom", [5.0, 5.0, 1.0, 1.0], {"units": "u"})))
    heavy = odd.assign(mass=(("frame", "atom"), np.tile([5.0, 5.0, 1.0, 1.0], (60, 1))))
    xr.testing.assert_allclose(structure.vdos(heavy), structure.vdos(odd.assign(mass=("atom", [5.0, 5.0, 1.0, 1.0]))))
    with pytest.raises(DataError, match="above zero"):
        structure.vdos(odd.assign(mass=("atom", [0.0, 5.0, 1.0, 1.0])))
