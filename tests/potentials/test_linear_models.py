"""Sparse Gaussian process and linear potential: oracles, derivatives, uncertainty, files, bad input."""

from itertools import islice

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import load_silica_snapshots
from mi_widgets.errors import DataError, MIWidgetsWarning, ParameterError
from mi_widgets.potentials import (
    LinearPotential,
    SmoothOverlap,
    SparseGaussianProcess,
    SymmetryFunctions,
    label_snapshots,
    load_potential,
    one_structure,
)
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._pair_part import pair_descriptor, pair_terms
from mi_widgets.potentials._regression import Sums, solve
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials._sparse_points import choose_points
from mi_widgets.potentials._sum_model import SumModel
from mi_widgets.potentials._terms import KernelTerms, PolynomialTerms
from mi_widgets.potentials.potential import to_geometries

SMALL = SymmetryFunctions(
    ("Si", "O"), 4.5, 3.0, radial=((2.0, 1.6), (2.0, 2.6), (2.0, 3.4)), angular=((0.05, 2.0, -1.0),)
)
QUICK = SparseGaussianProcess(SMALL, n_points=40)


@pytest.fixture(scope="module")
def snapshots() -> xr.Dataset:
    return load_silica_snapshots()


@pytest.fixture(scope="module")
def few(snapshots: xr.Dataset) -> xr.Dataset:
    return take_frames(snapshots, np.arange(0, 240, 20))


@pytest.fixture(scope="module")
def last_melt(snapshots: xr.Dataset) -> xr.Dataset:
    return take_frames(snapshots, np.flatnonzero(snapshots.melt.values == 4)[::8])


def _crystal(n: int = 9, seed: int = 0) -> Geometry:
    """A few atoms in a triclinic cell smaller than the cutoff."""
    rng = np.random.default_rng(seed)
    cell = np.array([[4.1, 0.3, 0.0], [0.8, 4.0, -0.4], [0.5, 0.2, 4.4]])
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)[:: 27 // n][:n] / 3
    places = (grid + rng.uniform(-0.05, 0.05, size=(n, 3))) @ cell
    return Geometry(np.where(np.arange(n) % 3 == 0, 14, 8), places, cell, np.array([True] * 3))


# ---- the mathematics, against others


def test_all_points_sparse_is_the_whole_gaussian_process() -> None:
    """With every datum a sparse point, mean and variance are those of scikit-learn's exact process."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    rng = np.random.default_rng(0)
    x, new = rng.normal(size=(25, 3)), rng.normal(size=(10, 3))
    y, numbers = np.sin(x).sum(axis=1), np.full(25, 14)
    terms = KernelTerms(np.array([14]), (x,), np.zeros((1, 3)), np.ones((1, 3)), 1.5, 2.0, True)
    sums = Sums(terms.n_terms)
    sums.add(terms.values(x, numbers), y)
    found = solve({"energy": sums}, np.zeros(25, int), {"energy": 0.1, "force": 1.0}, tied={}, rounds=0)
    exact = GaussianProcessRegressor(ConstantKernel(4.0) * RBF(1.5), alpha=0.01, optimizer=None).fit(x, y)
    mean, spread = exact.predict(new, return_std=True)
    phi = terms.values(new, numbers[:10])
    np.testing.assert_allclose(phi @ found.mean, mean, atol=2e-5)
    variance = found.variance(phi) + terms.novelty(new, numbers[:10])
    np.testing.assert_allclose(variance, spread**2, atol=2e-5)


def test_the_noise_is_found() -> None:
    rng = np.random.default_rng(1)
    rows, sums = rng.normal(size=(4000, 20)), Sums(20)
    sums.add(rows, rows @ rng.normal(size=20) * 3.0 + rng.normal(size=4000) * 0.25)
    ties = {"energy": 0.02, "force": 1.0}
    found = solve({"force": sums}, np.zeros(20, int), {"energy": 0.1, "force": 1.0}, tied=ties, rounds=20)
    assert found.noise["force"] == pytest.approx(0.25, rel=0.05)
    assert found.noise["energy"] == pytest.approx(0.005, rel=0.05)


@pytest.mark.parametrize("how", ["farthest", "cur"])
def test_sparse_points_are_different_rows(how: str) -> None:
    x = np.random.default_rng(0).normal(size=(200, 5))
    x[0] = 30.0
    chosen = choose_points(x, 20, how, np.random.default_rng(0))
    assert len(np.unique(chosen)) == len(chosen) == 20
    assert 0 in chosen
    assert choose_points(x[:5], 20, how, np.random.default_rng(0)).tolist() == [0, 1, 2, 3, 4]


def _models() -> dict[str, SumModel]:
    own, rng = np.array([8, 14]), np.random.default_rng(0)
    d = pair_descriptor(SMALL.elements, 4.5)
    pairs = d, pair_terms(d, np.array([14, 8]), own, 1.0)
    f = SMALL.n_features
    values = SMALL.features([_crystal(seed=3), _crystal(seed=4)], derivatives=False)
    rows = [values.values[values.numbers == z] for z in own]
    out = {}
    for name, gaussian in (("gaussian", True), ("cosine", False)):
        center, scale = (np.array([r.mean(axis=0) for r in rows]), np.full((2, f), 2.0)) if gaussian else (
            np.zeros((2, f)), np.ones((2, f)))  # fmt: skip
        kernel = KernelTerms(own, (), center, scale, 1.3 if gaussian else 3.0, 1.0, gaussian)
        points = tuple(kernel.scaled(k, r[:4]) for k, r in enumerate(rows))
        kernel = KernelTerms(own, points, center, scale, kernel.shape, 1.0, gaussian)
        out[name] = SumModel((pairs, (SMALL, kernel)), own, np.array([-1.0, -2.0]))
    axes, n_raw = rng.normal(size=(2, 4, f)), 4 + 10
    columns, center = np.arange(2 * n_raw).reshape(2, -1), np.full((2, f), 0.5)
    square = PolynomialTerms(own, axes, center, 2, columns, np.ones(2 * n_raw))
    out["polynomial"] = SumModel(((SMALL, square),), own, np.zeros(2))
    return out


@pytest.mark.parametrize("name", ["gaussian", "cosine", "polynomial"])
def test_rows_are_derivatives_of_the_energy(name: str) -> None:
    """The design, the quick way to forces, and finite differences say the same."""
    model, g, step = _models()[name], _crystal(seed=5), 1e-4
    w = np.random.default_rng(2).normal(size=model.n_terms)

    def energy(g: Geometry) -> float:
        found = [t.values(d.features([g], derivatives=False).values, g.numbers) for d, t in model.parts]
        return float((np.concatenate(found, axis=1) @ w).sum())

    rows = model.rows(g)
    force, virial = rows.force @ w, rows.virial @ w
    assert rows.energy.sum(axis=0) @ w == pytest.approx(energy(g), rel=1e-9)
    size = np.abs(force).max()
    for atom, axis in ((0, 0), (4, 1), (8, 2)):
        move = np.zeros((9, 3))
        move[atom, axis] = step
        up, down = (energy(g._replace(positions=g.positions + s * move)) for s in (1, -1))
        assert force[atom, axis] == pytest.approx(-(up - down) / (2 * step), abs=3e-6 * size)
    strain = np.random.default_rng(3).normal(size=(3, 3))
    ends = [
        energy(g._replace(positions=g.positions @ (np.eye(3) + s * strain), cell=g.cell @ (np.eye(3) + s * strain)))
        for s in (step, -step)
    ]
    slope = (ends[0] - ends[1]) / (2 * step)
    assert -(virial * strain).sum() == pytest.approx(slope, abs=1e-5 * np.abs(virial).max())
    pulled = np.zeros((9, 3))
    for k, (d, t) in enumerate(model.parts):
        features = d.features([g])
        pulled += features.pull(t.slopes(features.values, g.numbers, w[model.groups == k]))[0]
    np.testing.assert_allclose(pulled, force, atol=3e-6 * size)


def _labelled(model: SumModel, w: np.ndarray, n: int) -> xr.Dataset:
    """Snapshots whose energies are those of a model."""
    structures = [_crystal(seed=s) for s in range(n)]
    rows = [model.rows(g) for g in structures]
    base = [model.base[model.species(g.numbers)].sum() for g in structures]
    return label_snapshots(
        [g.positions for g in structures],
        ["Si" if z == 14 else "O" for z in structures[0].numbers],
        [r.energy.sum(axis=0) @ w + b for r, b in zip(rows, base, strict=True)],
        cell=structures[0].cell,
        force=[r.force @ w for r in rows],
    )


def test_a_pair_potential_is_found_again() -> None:
    """Data that the model can express are met on frames never seen, in a cell smaller than the cutoff."""
    own = np.array([8, 14])
    d = pair_descriptor(("Si", "O"), 4.5)
    truth = SumModel(((d, pair_terms(d, np.array([14, 8]), own, 1.0)),), own, np.array([-3.0, -5.0]))
    data = _labelled(truth, np.random.default_rng(0).normal(size=truth.n_terms), 40)
    before = data.copy(deep=True)
    fit = LinearPotential(SMALL, energy_noise=1e-4, force_noise=1e-3).fit(take_frames(data, np.arange(30)))
    errors = fit.errors(take_frames(data, np.arange(30, 40)))
    assert errors.force_rmse < 1e-2 * float(data.force.std())
    assert errors.energy_rmse < 1e-3
    xr.testing.assert_identical(data, before)


# ---- what people see


@pytest.mark.parametrize("settings", [QUICK, LinearPotential(SMALL), LinearPotential(SMALL, degree=2, n_components=6)])
def test_learns_and_is_saved(settings, few: xr.Dataset, last_melt: xr.Dataset, tmp_path) -> None:
    fit = settings.fit(few)
    errors = fit.errors(last_melt)
    assert errors.force_rmse < 0.5  # the forces themselves are 2.4 eV/angstrom
    assert errors.energy_rmse < 0.03
    assert 0.75 < errors.force_coverage <= 1.0
    found = fit.predict(take_frames(last_melt, [0, 5]))
    assert {"energy_stderr", "force_stderr", "atomic_energy_stderr", "stress", "outside"} <= set(found)
    sums = [part.sum() for part in np.split(found.atomic_energy.values, 2)]
    np.testing.assert_allclose(found.energy, sums, rtol=1e-12)
    fit.save(tmp_path / "potential.nc")
    again = load_potential(tmp_path / "potential.nc")
    assert type(again) is type(fit)
    assert again.settings == settings
    xr.testing.assert_allclose(again.predict(take_frames(last_melt, [0, 5])), found, rtol=1e-5)
    xr.testing.assert_identical(
        again.predict(last_melt, uncertainty=False).energy, fit.predict(last_melt, uncertainty=False).energy
    )
    assert fit.training.epoch.values[-1] <= few.sizes["frame"]
    xr.testing.assert_identical(settings.fit(few).predict(last_melt).force, fit.predict(last_melt).force)


def test_forces_of_the_calculator_are_derivatives(few: xr.Dataset) -> None:
    pytest.importorskip("ase")
    from mi_widgets.potentials import snapshots_to_ase

    atoms = snapshots_to_ase(take_frames(few, [3]))[0]
    atoms.calc = QUICK.fit(few).calculator()
    forces, stress = atoms.get_forces().copy(), atoms.get_stress(voigt=False)
    for atom, axis in ((2, 0), (40, 2)):
        ends = []
        for s in (1e-3, -1e-3):
            moved = atoms.copy()
            moved.positions[atom, axis] += s
            moved.calc = atoms.calc
            ends.append(moved.get_potential_energy())
        assert forces[atom, axis] == pytest.approx(-(ends[0] - ends[1]) / 2e-3, abs=2e-4)
    ends = []
    for s in (1e-4, -1e-4):
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ np.diag([1 + s, 1, 1]), scale_atoms=True)
        moved.calc = atoms.calc
        ends.append(moved.get_potential_energy())
    assert stress[0, 0] == pytest.approx((ends[0] - ends[1]) / 2e-4 / atoms.get_volume(), rel=1e-3, abs=1e-5)


def test_ten_snapshots_do_not_break_it(snapshots: xr.Dataset, last_melt: xr.Dataset) -> None:
    """Fewer data than coefficients: the prior holds."""
    fit = SparseGaussianProcess(n_points=450).fit(take_frames(snapshots, np.arange(0, 320, 32)))
    assert fit.errors(last_melt).force_rmse < 0.25


def test_uncertainty_grows_outside(few: xr.Dataset) -> None:
    fit = QUICK.fit(few)
    usual = take_frames(few, [11])
    squeezed = usual.copy(deep=True)
    squeezed["position"] = usual.position * 0.75
    squeezed["cell"] = usual.cell * 0.75
    a, b = fit.uncertainty(usual), fit.uncertainty(squeezed)
    assert a.outside.mean() < 0.05
    assert b.outside.mean() > 0.9
    assert float(b.force_stderr.mean()) > 3 * float(a.force_stderr.mean())
    assert float(b.atomic_energy_stderr.mean()) > 3 * float(a.atomic_energy_stderr.mean())


def test_parts_hold_what_is_learnt_so_far(few: xr.Dataset) -> None:
    first = next(iter(QUICK.iter_fit(few)))
    assert 0 < first.done < first.total == 12
    assert np.isfinite(first.result.predict(take_frames(few, [0])).energy).all()
    every = list(QUICK.iter_fit(few, validation=take_frames(few, [1, 4])))
    assert [p.done for p in every] == sorted(p.done for p in every)
    assert every[-1].done == every[-1].total
    assert {"energy_rmse", "force_rmse", "validation_force_rmse"} <= set(every[-1].result.training)
    seen = []
    QUICK.fit(few, progress=seen.append)
    assert len(seen) >= 2


def test_smooth_overlap_serves_as_well(few: xr.Dataset, last_melt: xr.Dataset) -> None:
    pytest.importorskip("featomic")
    soap = SmoothOverlap(("Si", "O"), cutoff=3.5, n_radial=3, n_angular=2)
    for kernel in ("cosine", "gaussian"):
        fit = SparseGaussianProcess(soap, n_points=40, kernel=kernel, pair_cutoff=5.0).fit(few)
        assert fit.errors(take_frames(last_melt, [0, 5])).force_rmse < 0.6


# ---- bad input


def test_without_forces_it_says_so(few: xr.Dataset) -> None:
    with pytest.warns(MIWidgetsWarning, match="no forces"):
        fit = QUICK.fit(few.drop_vars("force"))
    assert np.isfinite(fit.predict(few).force).all()
    half = few.copy(deep=True)
    half["force"][: few.sizes["environment"] // 2] = np.nan
    with pytest.warns(MIWidgetsWarning, match="forces of 50%"):
        fit = QUICK.fit(half)
    assert fit.errors(few).force_rmse < 0.6


def test_without_stress_it_learns(few: xr.Dataset) -> None:
    fit = QUICK.fit(few.drop_vars("stress"))
    assert np.isfinite(fit.predict(few).stress).all()


def test_energies_that_are_no_numbers(few: xr.Dataset) -> None:
    wrong = few.copy(deep=True)
    wrong["energy"][3] = np.nan
    with pytest.warns(MIWidgetsWarning, match="1 of 12 frames have no finite energy"):
        fit = QUICK.fit(wrong)
    assert fit.errors(few).energy_rmse < 0.05
    wrong["energy"][:] = np.nan
    with pytest.raises(DataError, match="no snapshot has an energy"):
        QUICK.fit(wrong)


def test_wrong_structures_are_refused(few: xr.Dataset) -> None:
    fit = QUICK.fit(few)
    other = few.assign_coords(element=few.element.where(few.element == "O", "Ge"))
    with pytest.raises(DataError, match="Ge, which the descriptor does not know"):
        QUICK.fit(other)
    with pytest.raises(DataError, match="Ge"):
        fit.predict(other)
    oxygen = one_structure(few, int(few.frame[0]))
    oxygen = oxygen.isel(atom=np.flatnonzero(oxygen.element.values == "O"))
    n = oxygen.sizes["atom"]
    alone = label_snapshots(
        oxygen.position.values[None], ["O"] * n, [1.0], cell=oxygen.cell.values, force=np.zeros((1, n, 3))
    )
    only = LinearPotential(SMALL).fit(alone)
    with pytest.raises(DataError, match="learnt nothing about Si"):
        only.predict(few)
    same = take_frames(few, [0]).copy(deep=True)
    same["position"][5] = same.position[1] + same.cell[0, 0]
    with pytest.raises(DataError, match="atoms 1 and 5 are in one place"):
        fit.predict(same)


def test_wrong_settings_are_refused(few: xr.Dataset) -> None:
    for wrong in (
        {"n_points": 0}, {"kernel": "other"}, {"points": "best"}, {"length_scale": -1.0}, {"zeta": 0.5},
        {"force_noise": 0.0}, {"pair_cutoff": np.nan},
    ):  # fmt: skip
        with pytest.raises(ParameterError):
            SparseGaussianProcess(SMALL, **wrong)
    for wrong in ({"degree": 3}, {"n_components": 0}, {"energy_noise": -1.0}):
        with pytest.raises(ParameterError):
            LinearPotential(SMALL, **wrong)
    for settings in (QUICK, LinearPotential(SMALL)):
        with pytest.raises(ParameterError, match="nothing to continue"):
            next(islice(settings.iter_fit(few, resume=object()), 1))


@pytest.mark.nightly
def test_errors_and_coverage_on_a_melt_of_its_own(snapshots: xr.Dataset) -> None:
    """100 snapshots of three melts, the size of errors from a fourth, judged on the fifth."""
    melt = snapshots.melt.values
    frames = np.random.default_rng(0).permutation(np.flatnonzero(melt < 3))[:100]
    held, last = (take_frames(snapshots, np.flatnonzero(melt == m)[::2]) for m in (3, 4))
    errors = SparseGaussianProcess().fit(take_frames(snapshots, frames), validation=held).errors(last)
    assert errors.force_rmse < 0.12
    assert errors.energy_rmse < 0.0035
    assert 0.85 < errors.force_coverage < 0.95
    assert 0.85 < errors.energy_coverage <= 1.0
    assert len(to_geometries(last)) == 40
