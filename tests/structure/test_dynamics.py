"""Displacements, beside sums by hand and the truth."""

import numpy as np
import pytest
import xarray as xr

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
