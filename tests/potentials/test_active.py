"""Choosing snapshots and learning curves."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import load_silica_network, load_silica_snapshots
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.potentials import Network, choose_snapshots, iter_learning_curve, learning_curve, load_potential
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials.descriptors import SymmetryFunctions


@pytest.fixture(scope="module")
def pool() -> xr.Dataset:
    return take_frames(load_silica_snapshots(), np.arange(320, 400, 4))


def test_the_most_uncertain_are_chosen(pool: xr.Dataset) -> None:
    potential = load_potential(load_silica_network())
    known = potential.predict(pool).force_stderr.values.reshape(20, -1)
    size = np.sqrt((known**2).mean(axis=1))
    chosen = choose_snapshots(potential, pool, 5, diverse=0.0)
    assert set(chosen.frame.values) == set(pool.frame.values[np.argsort(-size)[:5]])
    np.testing.assert_allclose(chosen.score, np.sort(size)[-5:][np.argsort(np.argsort(chosen.score))], rtol=1e-9)
    spread = choose_snapshots(potential, pool, 5, diverse=1.0)
    assert set(spread.frame.values) != set(chosen.frame.values)
    assert spread.sizes["environment"] == 5 * 72
    strange = pool.copy(deep=True)
    strange["position"] = strange.position.where(strange.frame_of != 340, strange.position * 0.8)
    strange["cell"] = strange.cell.where(strange.frame != 340, strange.cell * 0.8)
    assert choose_snapshots(potential, strange, 1, criterion="outside").frame.item() == 340
    assert choose_snapshots(potential, strange, 1, criterion="energy").frame.item() == 340
    for bad in ({"n": 0}, {"n": 21}, {"n": 2, "criterion": "luck"}, {"n": 2, "diverse": -1.0}):
        with pytest.raises(ParameterError):
            choose_snapshots(potential, pool, **bad)


def test_a_potential_without_standard_errors_is_refused(pool: xr.Dataset) -> None:
    potential = load_potential(load_silica_network())
    potential._laplace = None
    with pytest.raises(DataError, match="criterion='outside'"):
        choose_snapshots(potential, pool, 2)


def test_errors_fall_with_the_number_of_snapshots(pool: xr.Dataset) -> None:
    descriptor = SymmetryFunctions(("Si", "O"), cutoff=4.5, radial=((2.0, 1.6), (2.0, 2.6), (2.0, 3.4)), angular=())
    settings = Network(descriptor, hidden=(5,), epochs=15, batch=2)
    first = next(iter_learning_curve(settings, pool, [4, 18], test=pool))
    assert first.result.status.values.tolist() == [1, 0]
    found = learning_curve(settings, pool, [4, 18], test=pool)
    assert float(found.force_rmse[1]) < float(found.force_rmse[0])
    for sizes in ([18, 4], [4, 100], [], [2.5]):
        with pytest.raises(ParameterError):
            learning_curve(settings, pool, sizes, test=pool)
