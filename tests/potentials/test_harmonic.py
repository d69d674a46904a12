"""Relaxation, normal modes and vacancies: springs whose answers are known, and the glass beside its trajectory."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import load_silica_glass, load_silica_snapshots
from mi_widgets.datasets._silica_crystals import make_silica_crystal
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import (
    TTAM,
    iter_normal_modes,
    iter_vacancy_energies,
    mode_density,
    normal_modes,
    one_structure,
    relax_structure,
    run_md,
    vacancy_energies,
)
from mi_widgets.potentials._md_loop import MASS_UNIT


@pytest.fixture(scope="module")
def quartz() -> xr.Dataset:
    return relax_structure(make_silica_crystal("quartz"), TTAM(), cell=True)


def chain(position: np.ndarray) -> tuple[float, np.ndarray]:
    """Two atoms on a spring of 30 eV/angstrom**2, 1.2 angstrom long."""
    d = position[1] - position[0]
    r = np.linalg.norm(d)
    pull = 30.0 * (r - 1.2) * d / r
    return 15.0 * (r - 1.2) ** 2, np.array([pull, -pull])


def test_two_atoms_on_a_spring() -> None:
    ds = label_structure([[0.0, 0.0, 0.0], [1.2, 0.0, 0.0]], ["C", "O"])
    modes = normal_modes(ds, chain, displacement=0.001)
    reduced = 12.011 * 15.999 / 28.01 * MASS_UNIT
    assert modes.frequency[-1].item() == pytest.approx(1e3 / (2 * np.pi) * np.sqrt(30 / reduced), rel=1e-4)
    assert np.allclose(modes.frequency[:-1], 0, atol=0.5)
    assert np.abs(modes.eigenvector[-1, :, 0]).values == pytest.approx(
        np.sqrt([15.999 / 28.01, 12.011 / 28.01]), rel=1e-4
    )


def test_modes_of_quartz(quartz, tmp_path) -> None:
    """No imaginary modes, three that move the whole, and a trace that is that of the force constants."""
    modes = normal_modes(quartz, TTAM())
    assert np.allclose(modes.frequency[:3], 0, atol=1e-3)
    assert modes.frequency[3] > 1.0
    assert 30 < modes.frequency[-1] < 40  # stretching of Si-O: 32 to 36 THz in silica
    assert np.allclose(modes.force_constant.sum("other_atom"), 0, atol=1e-4)
    block = modes.force_constant.values.reshape(27, 27)
    trace = (np.diag(block) / np.repeat(modes.mass.values * MASS_UNIT, 3)).sum()
    omega = modes.frequency.values * 2e-3 * np.pi
    assert trace == pytest.approx((np.sign(omega) * omega**2).sum(), rel=1e-9)
    vectors = modes.eigenvector.values.reshape(27, 27)
    assert np.allclose(vectors @ vectors.T, np.eye(27), atol=1e-10)
    density = mode_density(modes, width=0.5)
    assert float(density.vdos.sel(species="all").integrate("frequency")) == pytest.approx(1, abs=0.02)
    assert np.allclose(
        density.vdos.sel(species=["Si", "O"]).sum("species"), density.vdos.sel(species="all"), atol=1e-12
    )
    assert density.n_imaginary.item() == 0
    for name, ds in (("modes", modes), ("density", density), ("quartz", quartz)):
        xr.testing.assert_identical(read_netcdf(write_netcdf(ds, tmp_path / f"{name}.nc")), ds)


def test_modes_come_in_parts(quartz) -> None:
    parts = list(iter_normal_modes(quartz, TTAM()))
    assert [p.done for p in parts] == list(range(1, 10))
    assert parts[0].result is None
    assert parts[-1].result.sizes["mode"] == 27


def overlap_of_densities(glass: xr.Dataset, n_steps: int) -> float:
    """Common part of the shares in bins of 1 THz: normal modes beside the velocities of a run."""
    from mi_widgets.structure import vdos

    modes = normal_modes(relax_structure(glass, TTAM(), max_force=1e-3), TTAM())
    run = run_md(glass, TTAM(), ensemble="nve", n_steps=n_steps, every=4, temperature=300)
    found = vdos(run).vdos.sel(species="all")
    edges = np.arange(0.0, 46.0)
    moving = np.histogram(found.frequency, edges, weights=found.values)[0]
    still = np.histogram(modes.frequency[3:], edges)[0]
    return float(np.minimum(moving / moving.sum(), still / still.sum()).sum())


def test_harmonic_density_is_that_of_the_trajectory() -> None:
    """A glass of 72 atoms over 6 ps; few modes, so that each has its own energy by chance."""
    glass = one_structure(load_silica_snapshots(), 399)
    assert overlap_of_densities(glass, 6000) >= 0.85


@pytest.mark.nightly
def test_harmonic_density_of_the_larger_glass() -> None:
    """216 atoms over 16 ps (found: 0.93)."""
    assert overlap_of_densities(load_silica_glass(), 16_000) >= 0.9


def test_relaxation_of_springs_and_of_calculators(quartz) -> None:
    pytest.importorskip("ase")
    rough = make_silica_crystal("quartz")
    other = relax_structure(rough, TTAM().calculator(), cell=True)
    assert float(other.energy) == pytest.approx(float(quartz.energy), abs=1e-6)
    assert np.allclose(other.cell, quartz.cell, atol=1e-3)
    fixed = relax_structure(rough, TTAM())
    assert np.array_equal(fixed.cell, rough.cell)
    assert float(fixed.energy) > float(quartz.energy)
    assert np.isnan(fixed.stress).all()
    assert int(relax_structure(rough, TTAM(), cell=True, max_calls=2).status) == 1


def test_vacancies(quartz, tmp_path) -> None:
    """All Si of quartz are alike; the unit is a Si with its two nearest O; a reference moves the energies."""
    crystal = make_silica_crystal("quartz", repeat=(2, 2, 2))
    cells = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    places = (quartz.position.values + cells @ quartz.cell.values).reshape(-1, 3)
    crystal["position"] = crystal.position.copy(data=places)
    crystal["cell"] = crystal.cell.copy(data=2 * quartz.cell.values)
    unit = float(quartz.energy) / 3
    found = vacancy_energies(crystal, TTAM(), unit=("Si", "O", "O"), reference=unit, sites=[0, 1, 9])
    assert (found.status == 0).all()
    assert np.ptp(found.formation_energy.values) < 0.01
    assert ((found.formation_energy > 1) & (found.formation_energy < found.unrelaxed_energy)).all()
    assert crystal.element.values[found.removed.values].tolist() == [["Si", "O", "O"]] * 3
    assert found.site.values.tolist() == [0, 1, 9]
    parts = list(iter_vacancy_energies(
        crystal, TTAM(), unit=("Si", "O", "O"), reference={"Si": unit - 2.0, "O": 0.0}, sites=[0, 1]
    ))  # fmt: skip
    assert parts[0].result.status.values.tolist() == [0, 3]
    assert parts[1].result.formation_energy[0].item() == pytest.approx(found.formation_energy[0].item() - 2.0, abs=1e-3)
    xr.testing.assert_identical(read_netcdf(write_netcdf(found, tmp_path / "v.nc")), found)


def test_bad_input(quartz) -> None:
    crystal = make_silica_crystal("quartz", repeat=(2, 1, 1))
    with pytest.raises(ParameterError, match="has no energy of its own"):
        vacancy_energies(crystal, TTAM(), unit=("O",), reference=0.0)
    with pytest.raises(ParameterError, match="too few Ge"):
        vacancy_energies(crystal, TTAM(), unit=("Ge",), reference=0.0)
    with pytest.raises(ParameterError, match="no energy of O"):
        vacancy_energies(crystal, TTAM(), unit=("Si", "O", "O"), reference={"Si": 1.0})
    with pytest.raises(LabelError, match="no atom 99"):
        vacancy_energies(crystal, TTAM(), unit=("Si", "O", "O"), reference=0.0, sites=[99])
    with pytest.raises(DataError, match="must be atoms of Si"):
        vacancy_energies(crystal, TTAM(), unit=("Si", "O", "O"), reference=0.0, sites=[4])
    with pytest.raises(ParameterError, match="displacement"):
        normal_modes(quartz, TTAM(), displacement=0.0)
    with pytest.raises(LabelError, match="what normal_modes gives"):
        mode_density(quartz)
    with pytest.raises(ParameterError, match="width"):
        mode_density(normal_modes(quartz, TTAM()), width=0.0)
    with pytest.raises(ParameterError, match="forces must be"):
        relax_structure(quartz, None)
    with pytest.raises(ParameterError, match="above 0"):
        relax_structure(quartz, TTAM(), max_force=0.0)
