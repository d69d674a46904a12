"""Spectra of velocities, beside exact normal modes."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import structure
from mi_widgets.datasets import make_harmonic_crystal
from mi_widgets.datasets._trajectories import _spring_matrix
from mi_widgets.errors import DataError, LabelError, ParameterError


@pytest.fixture(scope="module")
def crystal() -> xr.Dataset:
    return make_harmonic_crystal(n_frames=4096, n_cells=2, seed=2)


def _as_seen(lines: np.ndarray, weight: np.ndarray, frequency: np.ndarray, length: float) -> np.ndarray:
    """Share of each channel when lines are seen through a Hann window of a length; nothing in it is adjusted."""
    x = (frequency[:, None] - lines) * length
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.where(np.abs(np.abs(x) - 1) < 1e-7, 0.5, np.sinc(x) / (1 - x**2)) ** 2
    return power / power.sum(axis=0) @ (weight / weight.sum())


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    """What two spectra have in common, each with the area 1: the integral of the lower one."""
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())


@pytest.mark.parametrize("n_frames", [1024, 4096])
@pytest.mark.parametrize("n_cells", [2, 3])
def test_overlap_with_the_exact_spectrum(n_cells: int, n_frames: int, summary: list[str]) -> None:
    """Channel by channel, unsmoothed; the exact lines are as wide as a run of this length shows any line."""
    crystal = make_harmonic_crystal(n_frames=n_frames, n_cells=n_cells, seed=2)
    found = structure.vdos(crystal).vdos
    length, lines = n_frames * 0.01, crystal.true_frequency.values  # ps
    for name in ("all", "Na", "Cl"):
        share = np.ones(lines.size) if name == "all" else crystal.true_share.sel(species=name).values
        exact = _as_seen(lines, share, found.frequency.values, length)
        overlap = _overlap(found.sel(species=name).values, exact)
        summary.append(
            f"VDOS of a harmonic crystal of {8 * n_cells**3} atoms, {name}, resolution "
            f"{found.attrs['resolution']:.3f} THz: overlap {overlap:.5f}"
        )
        assert overlap >= 0.999
    assert found.attrs["resolution"] == pytest.approx(1.44 / length, rel=1e-3)
    assert float(found.sel(species="all").integrate("frequency")) == pytest.approx(1.0, abs=1e-3)
    parts = found.sel(species=["Na", "Cl"]).sum("species")
    np.testing.assert_allclose(parts, found.sel(species="all"), atol=1e-12)


def test_the_attribute_is_the_width_of_a_line() -> None:
    crystal = make_harmonic_crystal(n_cells=2, n_frames=2000)
    phase = 2 * np.pi * 5e-3 * crystal.time  # 5 THz
    run = crystal.assign(velocity=crystal.velocity * 0 + np.cos(phase) * xr.where(crystal.atom == 0, 1.0, 0.0))
    line = structure.vdos(run, resolution=0.5).vdos.sel(species="all")
    fine = np.linspace(4, 6, 20_001)
    seen = _as_seen(np.array([5.0]), np.ones(1), fine, 1.4406 / line.attrs["resolution"])
    above = fine[seen > seen.max() / 2]
    assert np.ptp(above) == pytest.approx(line.attrs["resolution"], rel=1e-3)
    assert line.attrs["resolution"] == pytest.approx(0.5, rel=0.01)
    exact = _as_seen(np.array([5.0]), np.ones(1), line.frequency.values, 1.4406 / line.attrs["resolution"])
    assert _overlap(line.values, exact) > 0.999


def test_positions_alone_give_the_same_spectrum(crystal: xr.Dataset) -> None:
    found = structure.vdos(crystal.drop_vars("velocity")).vdos.sel(species="all")
    lines = crystal.true_frequency.values
    exact = _as_seen(lines, np.ones(lines.size), found.frequency.values, 4094 * 0.01)  # a difference needs both sides
    assert _overlap(found.values, exact) >= 0.999


def _by_verlet(crystal: xr.Dataset, timestep: float, n_steps: int, every: int) -> xr.Dataset:
    """Newton's equations by velocity Verlet, from velocities that give each mode the same energy."""
    mass = np.repeat(np.where(crystal.element == "Cl", 35.45, 22.98977), 3)
    place = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    force = _spring_matrix(place, 4)
    modes = np.linalg.eigh(force / np.sqrt(mass[:, None] * mass))[1][:, 3:]
    v = modes @ np.random.default_rng(0).choice([-1.0, 1.0], modes.shape[1]) / np.sqrt(mass)
    u, push, frames = np.zeros_like(v), -force / mass[:, None] * 9.648533212e-3, []
    a = push @ u
    for k in range(n_steps):
        v = v + 0.5 * timestep * a
        u = u + timestep * v
        a = push @ u
        v = v + 0.5 * timestep * a
        if k % every == every - 1:
            frames.append(v.reshape(-1, 3))
    time = ("frame", np.arange(len(frames)) * timestep * every, {"units": "fs"})
    run = crystal.isel(frame=[0] * len(frames)).assign_coords(frame=np.arange(len(frames)), time=time)
    return run.assign(velocity=(("frame", "atom", "axis"), np.array(frames)))


def test_overlap_of_an_integrated_run(summary: list[str]) -> None:
    """A run that no sum of modes went into; Verlet's own frequencies are known: sin(pi nu' dt) = pi nu dt."""
    crystal = make_harmonic_crystal(n_cells=2, n_frames=8)
    found = structure.vdos(_by_verlet(crystal, 2.0, 8192, 4)).vdos
    lines = np.arcsin(np.pi * crystal.true_frequency.values * 2e-3) / (np.pi * 2e-3)
    for name in ("all", "Na", "Cl"):
        share = np.ones(lines.size) if name == "all" else crystal.true_share.sel(species=name).values
        exact = _as_seen(lines, share, found.frequency.values, 2048 * 0.008)
        overlap = _overlap(found.sel(species=name).values, exact)
        summary.append(f"VDOS of a run by velocity Verlet, {name}: overlap {overlap:.4f}")
        assert overlap >= 0.99


def test_random_energies_of_modes_average_out(summary: list[str]) -> None:
    """What a run at a temperature misses is the scatter of its modes' energies: the mean of n runs misses 1/sqrt(n)."""
    runs = [make_harmonic_crystal(n_cells=2, n_frames=1024, thermal=True, seed=k) for k in range(25)]
    found = xr.concat([structure.vdos(run).vdos.sel(species="all") for run in runs], dim="run")
    lines = runs[0].true_frequency.values
    exact = _as_seen(lines, np.ones(lines.size), found.frequency.values, 1024 * 0.01)
    one = np.mean([_overlap(row, exact) for row in found.values])
    mean = _overlap(found.mean("run").values, exact)
    summary.append(f"VDOS of runs with random energies: overlap {one:.3f} of one, {mean:.3f} of the mean of 25")
    assert 0.85 < one < 0.95
    assert (1 - one) / (1 - mean) == pytest.approx(5, rel=0.3)  # noise, and nothing else


def test_units_and_resolution(crystal: xr.Dataset) -> None:
    thz = structure.vdos(crystal, resolution=0.5).vdos
    wave = structure.vdos(crystal, units="1/cm", resolution=0.5 * 33.35640951981521).vdos
    np.testing.assert_allclose(wave.frequency, thz.frequency * 33.35640951981521, rtol=1e-9)
    np.testing.assert_allclose(wave, thz / 33.35640951981521, rtol=1e-9)
    xr.testing.assert_identical(wave, structure.vdos(crystal, units="cm-1", resolution=0.5 * 33.35640951981521).vdos)
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
