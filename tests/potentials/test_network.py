"""Networks: derivatives against finite differences, training that goes on where it stopped, files, bad input."""

import dataclasses
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import load_silica_glass, load_silica_network, load_silica_snapshots
from mi_widgets.errors import DataError, FileFormatError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import Network, NetworkPotential, load_potential, one_structure, run_md, snapshots_to_ase
from mi_widgets.potentials._network_layers import Adam, backward, forward, initial_weights
from mi_widgets.potentials._network_model import Model
from mi_widgets.potentials._network_training import LearningData, Schedule, Trainer
from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials.descriptors import SymmetryFunctions

SMALL = SymmetryFunctions(
    ("Si", "O"),
    cutoff=4.5,
    angular_cutoff=3.0,
    radial=((2.0, 1.6), (2.0, 2.6), (2.0, 3.4)),
    angular=((0.05, 2.0, -1.0),),
)


@pytest.fixture(scope="module")
def snapshots() -> xr.Dataset:
    return load_silica_snapshots()


@pytest.fixture(scope="module")
def few(snapshots: xr.Dataset) -> xr.Dataset:
    return take_frames(snapshots, np.arange(0, 240, 12))


@pytest.fixture(scope="module")
def bundled() -> NetworkPotential:
    return load_potential(load_silica_network())


@pytest.fixture(scope="module")
def trained(few: xr.Dataset) -> NetworkPotential:
    return Network(SMALL, hidden=(6, 5), epochs=12, batch=2).fit(few, seed=1)


# ---- derivatives


def test_network_derivatives_are_those_of_finite_differences() -> None:
    rng = np.random.default_rng(0)
    weights = [w.astype(float) for w in initial_weights((4, 5, 3), rng)]
    x, c, v = rng.normal(size=(6, 4)), rng.normal(size=6), rng.normal(size=(6, 4))

    def loss() -> float:
        value, slope, _ = forward(weights, x)
        return float(c @ value + (v * slope).sum())

    value, slope, cache = forward(weights, x)
    step = 1e-6
    for k in range(4):
        moved = x.copy()
        moved[:, k] += step
        np.testing.assert_allclose((forward(weights, moved)[0] - value) / step, slope[:, k], atol=1e-5)
    for w, g in zip(weights, backward(weights, cache, c, v), strict=True):
        for i in np.ndindex(w.shape):
            old = w[i]
            w[i] = old + step
            above = loss()
            w[i] = old - step
            below = loss()
            w[i] = old
            assert abs((above - below) / (2 * step) - g[i]) < 1e-7


class Linear:
    """Features that change linearly with positions, in double precision."""

    def __init__(self, n_frames: int, n_atoms: int, n_features: int) -> None:
        rng = np.random.default_rng(1)
        self.offsets = np.arange(n_frames + 1) * n_atoms
        self.numbers = np.tile([8, 14, 8, 8][:n_atoms], n_frames)
        self.values = rng.normal(size=(n_frames * n_atoms, n_features))
        self.jacobian = rng.normal(size=(n_frames, n_atoms, n_features, n_atoms, 3))

    def pull(self, weights: np.ndarray, frames: list[int]) -> tuple[np.ndarray, None]:
        shape = self.jacobian.shape
        w = weights.reshape(len(frames), *shape[1:3])
        return -np.einsum("fig,figjx->fjx", w, self.jacobian[frames]).reshape(-1, 3), None

    def push(self, vectors: np.ndarray, frames: list[int]) -> np.ndarray:
        shape = self.jacobian.shape
        v = vectors.reshape(len(frames), shape[1], 3)
        return np.einsum("figjx,fjx->fig", self.jacobian[frames], v).reshape(-1, shape[2])


def test_gradient_of_the_loss_over_energies_and_forces() -> None:
    features = Linear(3, 4, 6)
    model = Model.start(features.values, features.numbers, {8: 0.0, 14: 0.0}, (4, 3), 0).double()
    force = np.random.default_rng(2).normal(size=(12, 3))
    data = LearningData(features, np.array([1.0, -2.0, 0.5]), force)
    trainer = Trainer(data, Schedule(1, 2, 1e-3, 3.0, 2.0, 0), model, Adam.of(model.flat))

    def loss() -> float:
        energy, force, _ = trainer.gradient([2, 0])
        return 3.0 * energy + 2.0 * force

    gradient, step = trainer.gradient([2, 0])[2], 1e-6
    for w, g in zip(model.flat, gradient, strict=True):
        for i in np.ndindex(w.shape):
            old = w[i]
            w[i] = old + step
            above = loss()
            w[i] = old - step
            below = loss()
            w[i] = old
            assert abs((above - below) / (2 * step) - g[i]) < 1e-6 * max(1.0, abs(g[i]))


def test_forces_and_stress_are_derivatives_of_the_energy(bundled: NetworkPotential, few: xr.Dataset) -> None:
    atoms = snapshots_to_ase(take_frames(few, [7]))[0]
    atoms.calc = bundled.calculator()
    force, stress, step = atoms.get_forces(), atoms.get_stress(voigt=False), 1e-4
    plain = bundled.predict(take_frames(few, [7]))  # another code: derivatives stored
    np.testing.assert_allclose(force, plain.force, atol=2e-5)
    np.testing.assert_allclose(stress, plain.stress[0], atol=1e-6)
    for atom, axis in ((0, 0), (40, 2)):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[atom, axis] += sign * step
            energies.append(moved.get_potential_energy())
        assert abs(-(energies[0] - energies[1]) / (2 * step) - force[atom, axis]) < 1e-4
    energies = []
    for sign in (1, -1):
        strain = np.eye(3)
        strain[0, 1] += sign * step / 2
        strain[1, 0] += sign * step / 2
        strain[2, 2] += sign * step
        moved = atoms.copy()
        moved.calc = atoms.calc
        moved.set_cell(np.asarray(atoms.cell) @ strain, scale_atoms=True)
        energies.append(moved.get_potential_energy())
    slope = (energies[0] - energies[1]) / (2 * step) / atoms.get_volume()
    assert abs(slope - (stress[0, 1] + stress[2, 2])) < 1e-5


# ---- what it has learnt


def test_the_bundled_network_on_a_melt_it_has_never_seen(bundled: NetworkPotential, snapshots: xr.Dataset) -> None:
    test = take_frames(snapshots, np.flatnonzero(snapshots.melt.values == 4)[::2])
    found = bundled.errors(test)
    assert float(found.energy_rmse) < 0.002
    assert float(found.force_rmse) < 0.12
    assert 0.85 <= float(found.force_coverage) <= 0.95
    assert float(found.energy_coverage) >= 0.8  # of 40
    assert int(found.n_outside.sum()) <= 5


def test_training_lowers_the_errors(trained: NetworkPotential, few: xr.Dataset) -> None:
    course = trained.training
    assert course.sizes["epoch"] == 12
    assert float(course.force_rmse.min()) < 0.75 * float(few.force.std())
    np.testing.assert_allclose(
        trained.errors(few).energy_rmse, np.sqrt((trained.errors(few).energy_error ** 2).mean()), rtol=1e-12
    )


def test_parts_can_be_cancelled_resumed_and_end_the_same(few: xr.Dataset, trained: NetworkPotential) -> None:
    settings = Network(SMALL, hidden=(6, 5), epochs=12, batch=2)
    half: NetworkPotential | None = None
    import mi_widgets.potentials.network as module

    old, module._PART = module._PART, 0.0
    try:
        for part in islice(settings.iter_fit(few, seed=1), 5):
            half = part.result
    finally:
        module._PART = old
    assert half is not None
    assert half.training.sizes["epoch"] == 5
    assert "force_stderr" in half.predict(take_frames(few, [0]))  # asked for, it is found then
    whole = settings.fit(few, seed=1, resume=half)
    assert whole.training.identical(trained.training)
    assert whole.predict(few).identical(trained.predict(few))
    with pytest.raises(ParameterError, match="has had 12 epochs already"):
        settings.fit(few, resume=whole)
    with pytest.raises(ParameterError, match="must agree"):
        Network(SMALL, hidden=(7,)).fit(few, resume=whole)


def test_it_stops_early_and_keeps_the_best(few: xr.Dataset) -> None:
    found = Network(SMALL, hidden=(4,), epochs=50, patience=2, learning_rate=0.5).fit(few)
    assert found.training.sizes["epoch"] < 50
    assert found.training.attrs["best_epoch"] == int(found.training.epoch[-1]) - 2


def test_energies_alone(few: xr.Dataset) -> None:
    found = Network(SMALL, hidden=(4,), epochs=3, force_weight=0.0).fit(few.drop_vars("force"))
    assert "force" in found.predict(few)
    with pytest.raises(DataError, match="no forces"):
        Network(SMALL, epochs=3).fit(few.drop_vars("force"))


# ---- domain


def test_steps_outside_the_domain_are_flagged(bundled: NetworkPotential, few: xr.Dataset) -> None:
    one = take_frames(few, [9])
    assert int(bundled.predict(one, forces=False).outside.sum()) == 0
    near = one.copy(deep=True)
    silicon = int(np.flatnonzero(near.element.values == "Si")[0])
    step = near.position.values - near.position.values[silicon]
    edge = np.diag(near.cell.values[0])
    step -= edge * np.round(step / edge)
    other = int(np.argsort(np.linalg.norm(step, axis=1))[1])
    near.position[other] = near.position.values[silicon] + 0.5 * step[other]  # half a bond
    flags = bundled.predict(near, forces=False).outside.values
    assert flags[silicon] == 1
    assert flags[other] == 1
    dense = one.copy(deep=True)
    dense["cell"] = dense.cell * 0.8
    dense["position"] = dense.position * 0.8
    assert bundled.predict(dense, forces=False).outside.values.mean() > 0.9
    atoms = snapshots_to_ase(dense)[0]
    atoms.calc = bundled.calculator()
    atoms.get_potential_energy()
    assert atoms.calc.results["outside"].sum() > 60
    assert bundled.errors(dense).n_outside.item() > 60


def test_a_structure_is_predicted_too(bundled: NetworkPotential, few: xr.Dataset) -> None:
    one = one_structure(few, int(few.frame[3]))
    np.testing.assert_array_equal(
        bundled.predict(one).force.values, bundled.predict(take_frames(few, [3])).force.values
    )
    assert float(bundled.atomic_energies(one).sum()) == pytest.approx(float(bundled.predict(one).energy[0]))
    names = {"energy_stderr", "atomic_energy_stderr", "force_stderr", "outside", "outside_frame"}
    assert set(bundled.uncertainty(one)) == names


def test_predictions_can_be_written(trained: NetworkPotential, few: xr.Dataset, tmp_path: Path) -> None:
    for name, ds in (("p", trained.predict(few)), ("e", trained.errors(few)), ("t", trained.training)):
        write_netcdf(ds, tmp_path / f"{name}.nc")
        assert read_netcdf(tmp_path / f"{name}.nc").identical(ds)


# ---- bad input


def test_unknown_elements(bundled: NetworkPotential, few: xr.Dataset) -> None:
    strange = label_structure([[0.0, 0, 0], [2.0, 0, 0]], ["Si", "Cu"])
    with pytest.raises(DataError, match="Cu"):
        bundled.predict(strange)
    changed = few.assign_coords(element=few.element.where(few.element == "Si", "Q1"))
    with pytest.raises(DataError, match="no chemical symbols"):
        bundled.predict(changed)
    with pytest.raises(DataError, match="descriptor knows O, the snapshots hold Si"):
        Network(SymmetryFunctions(("O",))).fit(few)


def test_wrong_snapshots(bundled: NetworkPotential, few: xr.Dataset) -> None:
    settings = Network(SMALL, hidden=(4,), epochs=2)
    with pytest.raises(DataError, match="an energy is no number"):
        settings.fit(few.assign(energy=few.energy * np.nan))
    with pytest.raises(DataError, match="at least 4 frames"):
        settings.fit(take_frames(few, [0, 1]))
    with pytest.raises(DataError, match="follow their frames"):
        bundled.predict(few.isel(frame=slice(0, 5)))
    with pytest.raises(ParameterError, match="resume must be"):
        settings.fit(few, resume="net.nc")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [{"hidden": ()}, {"hidden": (0,)}, {"epochs": 0}, {"learning_rate": -1.0}, {"energy_weight": np.nan},
     {"energy_weight": 0.0, "force_weight": 0.0}, {"validation_fraction": 1.0}, {"batch": 2.5}],
)  # fmt: skip
def test_wrong_settings(change: dict) -> None:
    with pytest.raises(ParameterError):
        dataclasses.replace(Network(SMALL), **change)


def test_files(trained: NetworkPotential, few: xr.Dataset, tmp_path: Path) -> None:
    file = trained.save(tmp_path / "net.nc")
    again = load_potential(file)
    assert again.predict(few).identical(trained.predict(few))
    assert again.training.identical(trained.training)
    assert again.settings == trained.settings
    more = dataclasses.replace(again.settings, epochs=14)
    assert more.fit(few, seed=1, resume=again).training.sizes["epoch"] == 14
    with pytest.raises(ParameterError, match="exists"):
        trained.save(file)


def test_damaged_and_foreign_files(trained: NetworkPotential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = trained.save(tmp_path / "net.nc")
    ds = read_netcdf(file)

    def changed(name: str, **attrs: object) -> Path:
        write_netcdf(ds.assign_attrs(**attrs), tmp_path / name, overwrite=True)
        return tmp_path / name

    with pytest.raises(FileFormatError, match="format 99; this version of mi_widgets reads format 1"):
        load_potential(changed("a.nc", format_version=99))
    with pytest.raises(FileFormatError, match="holds no potential"):
        load_potential(changed("a.nc", format="something"))
    with pytest.raises(FileFormatError, match="kind 'oracle'"):
        load_potential(changed("a.nc", kind="oracle"))
    with pytest.raises(FileFormatError, match="is damaged"):
        load_potential(changed("a.nc", settings="{}"))
    write_netcdf(ds.assign(weights=ds.weights + 1), tmp_path / "b.nc")
    with pytest.raises(FileFormatError, match="not those that were written"):
        load_potential(tmp_path / "b.nc")
    raw = file.read_bytes()
    (tmp_path / "c.nc").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(FileFormatError, match=r"c\.nc"):
        load_potential(tmp_path / "c.nc")
    (tmp_path / "d.nc").write_text("a potential")
    with pytest.raises(FileFormatError, match=r"d\.nc"):
        load_potential(tmp_path / "d.nc")
    # a file that is only half written never takes the place of a good one

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left")

    kept = shutil.copy(file, tmp_path / "kept.nc")
    monkeypatch.setattr(xr.Dataset, "to_netcdf", full_disk)
    with pytest.raises(OSError, match="no space"):
        trained.save(file, overwrite=True)
    assert file.read_bytes() == Path(kept).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


# ---- molecular dynamics


def test_it_moves_atoms_and_keeps_the_energy(bundled: NetworkPotential, snapshots: xr.Dataset) -> None:
    hot = take_frames(snapshots, [335])
    given = {"temperature": 2000.0, "n_steps": 120, "time_step": 0.25, "ensemble": "nve", "every": 5}
    run = run_md(one_structure(hot, int(hot.frame[0])), bundled, **given)
    total = (run.energy + run.kinetic_energy).values / 72
    assert np.abs(total - total[0]).max() < 1e-4
    assert np.ptp(run.kinetic_energy.values) / 72 > 1e-2
    assert int(run.outside.sum()) <= 3
    assert str(run.status.values) != "exploded"


def test_a_larger_glass_than_it_has_learnt_from(bundled: NetworkPotential) -> None:
    glass = load_silica_glass()
    found = bundled.predict(glass)
    assert abs(float(found.energy[0]) - float(glass.energy)) / 216 < 0.002
    assert float(np.sqrt(((found.force.values - glass.force.values) ** 2).mean())) < 0.08
    # data of one density say nothing of the pressure; the rest of the stress is learnt with the forces
    known, wanted = (s - np.eye(3) * np.trace(s) / 3 for s in (found.stress.values[0], glass.stress.values))
    np.testing.assert_allclose(known, wanted, atol=1e-3)


def test_parts_of_the_results_without_numba(bundled: NetworkPotential, few: xr.Dataset) -> None:
    slow = dataclasses.replace(bundled.settings, descriptor=dataclasses.replace(bundled.descriptor, engine="numpy"))
    plain = NetworkPotential(slow, bundled.training, bundled._model, bundled._domain)
    one = snapshots_to_ase(take_frames(few, [4]))[0]
    forces = []
    for potential in (bundled, plain):
        one.calc = potential.calculator()
        forces.append(one.get_forces())
    np.testing.assert_allclose(*forces, atol=2e-5)
