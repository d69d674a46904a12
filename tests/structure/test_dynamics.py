"""Displacements, diffusion and Arrhenius' law, beside sums by hand and the truth."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, LabelError, ParameterError
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


def test_interval_of_the_diffusion_coefficient_holds_the_truth() -> None:
    """95 % intervals of 60 runs, two species each: 114 of 120 are expected, 107 is five in a thousand."""
    inside, ratio = [], []
    for seed in range(60):
        run = make_diffusing_atoms(n_atoms=8, n_frames=800, seed=100 + seed)
        found = structure.diffusion_coefficient(run)
        low, high = found.diffusion_coefficient_low, found.diffusion_coefficient_high
        inside.extend(((low < run.true_diffusion) & (run.true_diffusion < high)).values)
        ratio.extend((found.diffusion_coefficient / run.true_diffusion).values)
    assert 107 <= sum(inside) <= 120
    assert np.mean(ratio) == pytest.approx(1.0, abs=4 * np.std(ratio) / np.sqrt(len(ratio)))


def test_error_holds_where_atoms_move_together() -> None:
    """Ten atoms on one path know no more than one: the scatter over atoms would say a third of the error."""
    inside = 0
    for seed in range(40):
        run = make_diffusing_atoms(n_atoms=1, n_frames=800, seed=seed)
        many = run.isel(atom=[0] * 10).assign_coords(atom=np.arange(10))
        found = structure.diffusion_coefficient(many)
        low, high = (float(found[f"diffusion_coefficient_{k}"][0]) for k in ("low", "high"))
        inside += low < 0.5 < high
    assert inside >= 34  # of 38 expected


def test_caged_atoms_show_in_the_exponent() -> None:
    rng = np.random.default_rng(0)
    cage = label_structure(
        5 + 0.1 * rng.standard_normal((500, 10, 3)), ["Ar"] * 10, cell=np.eye(3) * 10, time=np.arange(500.0)
    )
    found = structure.diffusion_coefficient(cage)
    assert abs(float(found.exponent[0])) < 0.1


def test_units_do_not_matter() -> None:
    run = make_diffusing_atoms(n_atoms=6, n_frames=400)
    in_ps = run.assign_coords(time=("frame", run.time.values / 1000, {"units": "ps"}))
    a, b = structure.diffusion_coefficient(run), structure.diffusion_coefficient(in_ps)
    np.testing.assert_allclose(a.diffusion_coefficient, b.diffusion_coefficient)


def test_what_diffusion_refuses() -> None:
    run = make_diffusing_atoms(n_atoms=4, n_frames=200)
    with pytest.raises(LabelError, match="no time"):
        structure.diffusion_coefficient(run.drop_vars("time"))
    with pytest.raises(DataError, match="10 frames"):
        structure.diffusion_coefficient(run.isel(frame=slice(50)))
    with pytest.raises(ParameterError, match="inside a block"):
        structure.diffusion_coefficient(run, fit=(100.0, 1900.0))
    with pytest.raises(ParameterError, match="n_blocks"):
        structure.diffusion_coefficient(run, n_blocks=2)
    with pytest.raises(DataError, match="equal times"):
        structure.msd(run.isel(frame=[0, 1, 5, 6]))
    with pytest.raises(LabelError, match="frame"):
        structure.msd(run.isel(frame=0))


def test_arrhenius_finds_energy_and_covers_it() -> None:
    temperature = np.array([800.0, 1000.0, 1300.0, 1700.0, 2200.0])
    truth = 30.0 * np.exp(-0.9 / (8.617333262e-5 * temperature))
    rng = np.random.default_rng(3)
    noisy = xr.DataArray(
        truth * (1 + 0.05 * rng.standard_normal((400, 5))),
        dims=("sample", "temperature"), coords={"temperature": temperature}, attrs={"units": "angstrom**2/ps"},
    )  # fmt: skip
    found = structure.fit_arrhenius(noisy, noisy * 0.05)
    z = (found.activation_energy - 0.9) / found.activation_energy_stderr
    assert 0.62 < float((np.abs(z) < 1).mean()) < 0.80  # 68 %, and more where errors are widened
    assert float(found.activation_energy.mean()) == pytest.approx(0.9, abs=0.01)
    assert float(found.prefactor.median()) == pytest.approx(30.0, rel=0.05)
    assert float(found.reduced_chi_squared.mean()) == pytest.approx(1.0, abs=0.15)
    inside = (found.activation_energy_low < 0.9) & (found.activation_energy_high > 0.9)
    assert 0.93 <= float(inside.mean()) <= 1.0
    bare = structure.fit_arrhenius(noisy)
    inside = (bare.activation_energy_low < 0.9) & (bare.activation_energy_high > 0.9)
    assert 0.92 <= float(inside.mean()) <= 0.98


def test_arrhenius_matches_numpy() -> None:
    temperature = np.array([500.0, 700.0, 900.0, 1100.0])
    rate = np.array([0.01, 0.2, 1.1, 3.0])
    da = xr.DataArray(rate, dims="temperature", coords={"temperature": temperature})
    p, cov = np.polyfit(1 / (8.617333262e-5 * temperature), np.log(rate), 1, cov=True)
    found = structure.fit_arrhenius(da)
    assert float(found.activation_energy) == pytest.approx(-p[0])
    assert float(found.activation_energy_stderr) == pytest.approx(np.sqrt(cov[0, 0]))


def test_what_arrhenius_refuses() -> None:
    da = xr.DataArray([1.0, -1.0, 2.0], dims="temperature", coords={"temperature": [300.0, 400.0, 500.0]})
    with pytest.raises(DataError, match="three"):
        structure.fit_arrhenius(da)
    with pytest.raises(DataError, match="kelvin"):
        structure.fit_arrhenius(da.assign_coords(temperature=[-1.0, 1.0, 2.0]))
    with pytest.raises(LabelError, match="temperature"):
        structure.fit_arrhenius(da.rename(temperature="t"))
