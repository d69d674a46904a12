"""Spectra of velocities, beside exact normal modes."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import structure
from mi_widgets.datasets import make_harmonic_crystal
from mi_widgets.datasets._structures import _spring_matrix
from mi_widgets.errors import DataError, LabelError, ParameterError

WIDTH = 0.5  # THz


def _in_bins(spectrum: xr.DataArray, edges: np.ndarray) -> np.ndarray:
    step = float(spectrum.frequency[1] - spectrum.frequency[0])
    return np.histogram(spectrum.frequency, edges, weights=spectrum.values * step)[0]


@pytest.fixture(scope="module")
def crystal() -> xr.Dataset:
    return make_harmonic_crystal(n_frames=4096, n_cells=2, seed=2)


@pytest.mark.parametrize("n_cells", [2, 3])
def test_overlap_with_the_exact_spectrum(n_cells: int, summary: list[str]) -> None:
    """Both broadened by 0.1 THz: the edge of a bin would cut lines that many modes share."""
    crystal = make_harmonic_crystal(n_frames=4096, n_cells=n_cells, seed=2)
    found = structure.vdos(crystal).vdos
    grid, n = np.arange(0, 14, 0.02), crystal.sizes["mode"]

    def broad(frequency: xr.DataArray, weight: np.ndarray) -> np.ndarray:
        return np.exp(-0.5 * ((grid[:, None] - frequency.values) / 0.1) ** 2) @ weight

    for name in ("all", "Na", "Cl"):
        share = np.ones(n) if name == "all" else crystal.true_share.sel(species=name).values
        exact = broad(crystal.true_frequency, share / n)
        step = float(found.frequency[1])
        ours = broad(found.frequency, found.sel(species=name).values * step)
        overlap = np.minimum(ours, exact).sum() / max(exact.sum(), ours.sum())
        summary.append(f"VDOS of a harmonic crystal of {8 * n_cells**3} atoms, {name}: overlap {overlap:.4f}")
        assert overlap >= 0.99
    assert float(found.sel(species="all").integrate("frequency")) == pytest.approx(1.0, abs=1e-3)
    parts = found.sel(species=["Na", "Cl"]).sum("species")
    np.testing.assert_allclose(parts, found.sel(species="all"), atol=1e-12)


def test_positions_alone_give_the_same_spectrum(crystal: xr.Dataset) -> None:
    a = structure.vdos(crystal).vdos.sel(species="all")
    b = structure.vdos(crystal.drop_vars("velocity")).vdos.sel(species="all")
    edges = np.arange(0, 12, WIDTH) - WIDTH / 4
    assert np.minimum(_in_bins(a, edges), _in_bins(b, edges)).sum() >= 0.99


def test_overlap_of_a_run_by_velocity_verlet() -> None:
    """An independent integration with random velocities, no normal modes; 24 runs make up for few modes."""
    crystal = make_harmonic_crystal(n_cells=2, n_frames=8)
    side, mass = 4, np.where(crystal.element == "Cl", 35.45, 22.98977)
    place = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    force, dt, rng = _spring_matrix(place, side), 2.0, np.random.default_rng(0)
    n, runs = 192, 24
    u = np.zeros((n, runs))
    m = np.repeat(mass, 3)[:, None]
    v = rng.standard_normal((n, runs)) / np.sqrt(m)
    v = v.reshape(-1, 3, runs)
    v = (v - (mass[:, None, None] * v).sum(0) / mass.sum()).reshape(n, runs)
    a = -(force @ u) / m * 9.648533212e-3
    frames = []
    for k in range(8192):
        v += 0.5 * dt * a
        u += dt * v
        a = -(force @ u) / m * 9.648533212e-3
        v += 0.5 * dt * a
        if k % 4 == 3:
            frames.append(v.copy())
    velocity = np.array(frames).reshape(-1, 64, 3, runs)
    template = crystal.isel(frame=[0] * len(frames)).assign_coords(
        frame=np.arange(len(frames)), time=("frame", np.arange(len(frames)) * 8.0, {"units": "fs"})
    )
    edges = np.arange(0, 12, 1.0) - 0.25
    total = np.zeros(edges.size - 1)
    for k in range(runs):
        run = template.assign(velocity=(("frame", "atom", "axis"), velocity[..., k]))
        total += _in_bins(structure.vdos(run).vdos.sel(species="all"), edges) / runs
    exact = np.histogram(crystal.true_frequency, edges)[0] / crystal.sizes["mode"]
    assert np.minimum(total, exact).sum() >= 0.97  # energies of modes are random: 24 draws for each


def test_units_and_resolution(crystal: xr.Dataset) -> None:
    thz = structure.vdos(crystal, resolution=0.5).vdos
    wave = structure.vdos(crystal, units="1/cm", resolution=0.5 * 33.35640951981521).vdos
    np.testing.assert_allclose(wave.frequency, thz.frequency * 33.35640951981521, rtol=1e-9)
    np.testing.assert_allclose(wave, thz / 33.35640951981521, rtol=1e-9)
    assert thz.sizes["frequency"] < structure.vdos(crystal).vdos.sizes["frequency"] / 8
    assert (wave.attrs["units"], thz.attrs["units"]) == ("cm", "1/THz")


def test_one_oscillation_is_one_line() -> None:
    crystal = make_harmonic_crystal(n_cells=2, n_frames=1000)
    phase = 2 * np.pi * 5e-3 * crystal.time  # 5 THz
    amplitude = xr.where(crystal.element == "Cl", 1.0, -35.45 / 22.98977)
    run = crystal.assign(
        velocity=(np.cos(phase) * amplitude).expand_dims({"axis": 3}).transpose("frame", "atom", "axis")
    )
    found = structure.vdos(run).vdos.sel(species="all")
    assert float(found.frequency[found.argmax("frequency")]) == pytest.approx(5.0, abs=0.06)


def test_lazy_spectrum(crystal: xr.Dataset, chunked, counting) -> None:
    few = crystal.isel(frame=slice(256))
    with counting() as count:
        lazy = structure.vdos(chunked(few))
        assert count.n == 0
        xr.testing.assert_allclose(lazy.compute(), structure.vdos(few))
        assert count.n == 1


def test_what_it_refuses(crystal: xr.Dataset) -> None:
    few = crystal.isel(frame=slice(64))
    with pytest.raises(LabelError, match="timestep"):
        structure.vdos(few.drop_vars("time"))
    with pytest.raises(ParameterError, match="THz"):
        structure.vdos(few, units="eV")
    with pytest.raises(ParameterError, match="finer"):
        structure.vdos(few, resolution=0.01)
    with pytest.raises(DataError, match="nothing moves"):
        structure.vdos(few.assign(velocity=few.velocity * 0))
    with pytest.raises(DataError, match="eight frames"):
        structure.vdos(few.isel(frame=slice(3)))
