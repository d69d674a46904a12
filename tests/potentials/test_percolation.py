"""Lowest ways through periodic fields, beside brute force."""

import heapq

import numpy as np
import pytest
import xarray as xr

from mi_widgets import io
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.potentials import _numba_winding, _winding, percolation_barriers


def field_of(energy, step=0.5, **more):
    coords = {n: (n, np.arange(k) * step, {"units": "angstrom"}) for n, k in zip("xyz", energy.shape, strict=True)}
    grids = {n: (("x", "y", "z"), v, {"units": "eV"}) for n, v in ({"energy": energy} | more).items()}
    return xr.Dataset(grids, coords)


def rough(seed, shape=(6, 7, 5)):
    return np.random.default_rng(seed).standard_normal(shape)


def brute_force(energy, axis):
    """Lowest possible highest point of a loop around an axis: from every point, by the cheapest highest point."""
    n, best = energy.shape, np.inf
    for start in np.ndindex(n):
        heap, seen = [(energy[start], (*start, 0, 0, 0))], set()
        while heap:
            top, node = heapq.heappop(heap)
            if top >= best:
                break
            if node in seen:
                continue
            seen.add(node)
            if node[:3] == start and node[3 + axis]:
                best = top
                break
            for a in range(3):
                for sign in (-1, 1):
                    to, image = list(node[:3]), list(node[3:])
                    to[a] += sign
                    image[a] += to[a] // n[a]
                    to[a] %= n[a]
                    if max(map(abs, image)) <= 2:
                        heapq.heappush(heap, (max(top, energy[tuple(to)]), (*to, *image)))
    return best


@pytest.mark.parametrize("seed", range(2))
def test_threshold_is_that_of_brute_force(seed):
    energy = rough(seed, (4, 5, 4))
    found = percolation_barriers(field_of(energy), n_draws=0)
    for a in range(3):
        assert float(found.threshold[a]) == pytest.approx(brute_force(energy, a))


@pytest.mark.parametrize("seed", range(8))
def test_path_winds_once_and_stays_below_its_threshold(seed):
    energy = rough(seed, (8, 7, 9))
    found = percolation_barriers(field_of(energy), n_draws=0)
    for a in range(3):
        one = found.isel(direction=a)
        n = int(one.n_points)
        grid = np.round(one.path_position.values[:n] / 0.5).astype(int)
        assert (np.abs(np.diff(grid, axis=0)).sum(axis=1) == 1).all()
        turn = (grid[-1] - grid[0]) / energy.shape
        assert (turn == np.round(turn)).all()
        assert turn[a] != 0
        along = energy[tuple((grid % energy.shape).T)]
        np.testing.assert_allclose(along, one.path_energy[:n])
        assert along.max() == pytest.approx(float(one.threshold))
        assert along[0] == along.min() == pytest.approx(float(one.threshold - one.barrier))
        assert float(one.barrier_from_lowest) >= float(one.barrier) - 1e-12


def test_waves_have_the_barriers_they_were_given():
    x = np.arange(12) / 12
    wave = [h / 2 * (1 - np.cos(2 * np.pi * x)) for h in (0.3, 0.6, 0.9)]
    energy = wave[0][:, None, None] + wave[1][None, :, None] + wave[2][None, None, :]
    found = percolation_barriers(field_of(energy, guest_energy=2 * energy, energy_stderr=np.full_like(energy, 0.02)))
    np.testing.assert_allclose(found.barrier, [0.3, 0.6, 0.9])
    np.testing.assert_allclose(found.frozen_barrier, [0.6, 1.2, 1.8])
    assert (found.barrier_stderr > 0.005).all()
    assert (found.barrier_stderr < 0.06).all()


def test_compiled_and_plain_agree():
    energy = rough(5, (9, 9, 9)).ravel()
    energy[::7] = np.inf
    shape = np.array([9, 9, 9])
    ours, plain = (m.find_thresholds(energy, shape) for m in (_numba_winding, _winding))
    for a, b in zip(ours, plain, strict=True):
        np.testing.assert_array_equal(a, b)
    args = (energy, shape, np.ones(3), int(ours[3][0]), ours[0][0], 0, 1)
    np.testing.assert_array_equal(_numba_winding.find_path(*args), _winding.find_path(*args))


def test_a_wall_blocks_one_direction(tmp_path):
    energy = np.zeros((6, 6, 6))
    energy[:, :, 2] = np.nan
    found = percolation_barriers(field_of(energy), n_draws=0)
    assert found.status.values.tolist() == [0, 0, 1]
    assert np.isnan(found.barrier[2])
    assert int(found.n_points[2]) == 0
    io.write_netcdf(found, tmp_path / "a.nc")
    xr.testing.assert_identical(io.read_netcdf(tmp_path / "a.nc"), found)


def test_what_percolation_refuses():
    good = field_of(rough(0))
    for bad, error, words in (
        (good.energy, LabelError, "guest_field"),
        (good.isel(x=0), LabelError, "guest_field"),
        (good * np.nan, DataError, "finite"),
        (good.isel(x=slice(3)), DataError, "four"),
        (good.assign_coords(x=[0.0, 1.0, 2.0, 3.0, 4.0, 9.0]), DataError, "equal steps"),
    ):
        with pytest.raises(error, match=words):
            percolation_barriers(bad)
    with pytest.raises(ParameterError, match="n_draws"):
        percolation_barriers(good, n_draws=-1)
    with pytest.raises(LabelError, match="eV"):
        percolation_barriers(good.assign(energy=good.energy.assign_attrs(units="meV")))
