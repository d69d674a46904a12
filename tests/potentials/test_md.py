"""Molecular dynamics: energies kept, temperatures met, loops that agree, runs that stop, glasses."""

from itertools import islice

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import load_silica_glass, make_harmonic_crystal
from mi_widgets.datasets._silica_crystals import make_silica_crystal
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import TTAM, iter_melt_quench, iter_run_md, melt_quench, run_md
from mi_widgets.potentials._md_loop import BOLTZMANN, MASS_UNIT


def springs(position: np.ndarray) -> tuple[float, np.ndarray]:
    """Each atom on a spring of 2 eV/angstrom**2 of its own."""
    return float(np.square(position).sum()), -2.0 * position


def oscillators(n: int = 60) -> xr.Dataset:
    return label_structure(np.zeros((n, 3)) + 0.01, ["O"] * n)


@pytest.fixture(scope="module")
def glass() -> xr.Dataset:
    return load_silica_glass()


def test_energy_is_kept(glass) -> None:
    run = run_md(glass, TTAM(), ensemble="nve", n_steps=1000, every=10)
    total = (run.energy + run.kinetic_energy).values / 216
    assert np.abs(total[-20:].mean() - total[:20].mean()) < 5e-5
    assert total.std() < 5e-5
    assert 250 < float(run.temperature.mean()) < 350
    momentum = np.einsum("fai,a->fi", run.velocity.values, np.where(run.element == "Si", 28.085, 15.999))
    assert np.allclose(momentum, momentum[0], atol=1e-6)


def test_loops_agree_and_parts_do_not_matter(glass) -> None:
    """Compiled, in NumPy around a calculator, and with NumPy's forces: one path."""
    pytest.importorskip("ase")
    quartz = make_silica_crystal("quartz", repeat=(2, 2, 2))
    for ensemble in ("nve", "nvt", "langevin"):
        runs = [
            run_md(quartz, forces, ensemble=ensemble, temperature=(300, 900), n_steps=30, every=5, seed=2)
            for forces in (TTAM(), TTAM().calculator(), TTAM(engine="numpy"))
        ]
        for other in runs[1:]:
            for name in ("position", "velocity", "energy", "kinetic_energy"):
                assert np.allclose(runs[0][name], other[name], atol=1e-8)
    whole = run_md(quartz, TTAM(), n_steps=40, every=1, seed=5)
    coarse = run_md(quartz, TTAM(), n_steps=40, every=20, seed=5)
    assert np.allclose(whole.position[::20], coarse.position, atol=1e-10)


@pytest.mark.parametrize(("ensemble", "free"), [("nvt", 177), ("langevin", 180)])
def test_thermostats_give_the_canonical_ensemble(ensemble: str, free: int) -> None:
    """Springs: mean and variance of the kinetic energy, and as much potential energy, as theory says."""
    run = run_md(
        oscillators(), springs, temperature=500, ensemble=ensemble, n_steps=12_000, every=20, relaxation_time=50.0,
        time_step=2.0,
    ).isel(frame=slice(100, None))  # fmt: skip
    thermal = BOLTZMANN * 500
    assert float(run.kinetic_energy.mean()) == pytest.approx(free * thermal / 2, rel=0.03)
    assert (run.temperature * free * BOLTZMANN / 2).values == pytest.approx(run.kinetic_energy.values)
    if ensemble == "langevin":
        assert float(run.energy.mean()) == pytest.approx(free * thermal / 2, rel=0.05)
    assert float(run.kinetic_energy.std()) == pytest.approx(np.sqrt(free / 2) * thermal, rel=0.2)


def test_an_oscillator_keeps_its_time() -> None:
    ds = label_structure([[0.1, 0.0, 0.0]], ["O"])
    ds["velocity"] = ds.position * 0
    ds["velocity"].attrs["units"] = "angstrom/fs"
    run = run_md(ds, springs, ensemble="nve", n_steps=400, time_step=0.5, every=1, keep=("force",))
    omega = np.sqrt(2.0 / (15.999 * MASS_UNIT))
    assert np.allclose(run.position[:, 0, 0], 0.1 * np.cos(omega * run.time), atol=2e-5)
    assert np.allclose(run.force, -2 * run.position, atol=1e-12)
    assert "velocity" not in run


def test_frames_and_files(glass, tmp_path) -> None:
    run = run_md(glass, TTAM(), n_steps=55, every=20, temperature=(300, 850), time_step=0.5)
    assert run.time.values.tolist() == [0.0, 10.0, 20.0]
    assert run.target_temperature.values.tolist() == [300.0, 500.0, 700.0]
    assert np.array_equal(run.position[0], glass.position)
    assert np.array_equal(run.velocity[0], glass.velocity)
    assert run.status.item() == 0
    assert run.position.attrs["unwrapped"] == 1
    xr.testing.assert_identical(read_netcdf(write_netcdf(run, tmp_path / "run.nc")), run)


def test_cancelling_keeps_what_is_done() -> None:
    """A slow potential gives parts; whoever stops has the frames so far, the same as in the whole run."""
    calls = []

    def slow(position: np.ndarray) -> tuple[float, np.ndarray]:
        calls.append(1)
        return springs(np.linalg.solve(np.eye(400), np.eye(400))[:1, :1] * position)

    parts = list(islice(iter_run_md(oscillators(3), slow, n_steps=4000, every=5, seed=1), 2))
    kept = parts[-1].result
    assert kept.status.item() == 1
    assert 0 < kept.sizes["frame"] < 801
    assert parts[-1].done < parts[-1].total == 4000
    quick = run_md(oscillators(3), springs, n_steps=4000, every=5, seed=1)
    assert np.allclose(quick.position[: kept.sizes["frame"]], kept.position, atol=1e-9)
    assert len(calls) < 4000


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_a_run_that_explodes_stops(engine: str) -> None:
    """Steps of 19 fs take quartz apart: the frames up to then are kept, and none of them is NaN."""
    quartz = make_silica_crystal("quartz", repeat=(2, 2, 2))
    run = run_md(
        quartz, TTAM(engine=engine), temperature=3000, time_step=19.0, ensemble="nve", n_steps=300, every=1,
        max_temperature=20_000,
    )  # fmt: skip
    assert run.status.item() == 2
    assert run.attrs["title"] == "molecular dynamics"
    assert 1 <= run.sizes["frame"] < 300
    assert np.isfinite(run.position).all()
    assert np.isfinite(run.energy).all()


def test_forces_that_are_no_numbers_stop_a_run() -> None:
    run = run_md(oscillators(4), lambda x: (np.nan, x * np.nan), n_steps=10, every=1)
    assert run.status.item() == 2
    assert run.sizes["frame"] == 1


def test_flags_of_a_potential_are_recorded() -> None:
    pytest.importorskip("ase")
    from ase.calculators.calculator import Calculator

    class Flagging(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms=None, properties=None, system_changes=()):
            super().calculate(atoms, properties, system_changes)
            energy, force = springs(atoms.positions)
            outside = (np.abs(atoms.positions).max(axis=1) > 0.03).astype(np.int8)
            self.results = {"energy": energy, "forces": force, "outside": outside}

    run = run_md(oscillators(5), Flagging(), n_steps=100, temperature=20, every=10)
    assert run.outside.dims == ("frame", "atom")
    assert run.outside[0].values.tolist() == [0] * 5
    assert run.outside.max() == 1


def test_melt_and_quench() -> None:
    """Stages, temperatures and seeds; parts are those of the whole."""
    options = {"n_atoms": 24, "rate": 10_000.0, "melt_time": 0.3, "hold_time": 0.1, "every": 20, "seed": 3}
    run = melt_quench(**options)
    assert run.status.item() == 0
    assert list(dict.fromkeys(run.stage.values.tolist())) == ["melt", "quench", "hold"]
    assert run.target_temperature.values[[0, -1]].tolist() == [4500.0, 300.0]
    assert float(run.time[-1]) == 820.0
    mass = 8 * (28.085 + 2 * 15.999) / 0.602214076
    assert mass / float(run.cell[0, 0]) ** 3 == pytest.approx(2.2, rel=1e-6)
    again = list(iter_melt_quench(**options))[-1].result
    xr.testing.assert_identical(run, again)
    other = melt_quench(**{**options, "seed": 4})
    assert not np.allclose(other.position, run.position, atol=0.1)
    hot = melt_quench(make_silica_crystal("quartz", repeat=(2, 2, 1)), melt_temperature=3000.0, rate=20_000.0,
                      melt_time=0.1, hold_time=0.0, every=50)  # fmt: skip
    assert hot.sizes["atom"] == 36


def test_the_bundled_glass_is_one(glass) -> None:
    """Coordination 4.00 ± 0.05, O-Si-O 109.4 ± 0.5 degrees, first peak at 1.63 to 1.67 angstrom, at 300 K."""
    from mi_widgets.structure import adf, coordination, rdf

    run = run_md(glass, TTAM(), temperature=300, n_steps=600, every=40, seed=1)
    silicon = run.element == "Si"
    number = coordination(run, 2.2).values[:, silicon]
    assert number.mean() == pytest.approx(4.0, abs=0.05)
    angles = adf(run, 2.2, triplet=("O", "Si", "O"))
    share = angles.adf / angles.adf.sum("angle")
    assert float((share * angles.angle).sum()) == pytest.approx(109.4, abs=0.5)
    peak = rdf(run).rdf.sel(pair="Si-O")
    assert 1.63 <= float(peak.r[int(np.argmax(peak.values))]) <= 1.67


@pytest.mark.nightly
def test_a_glass_from_nothing() -> None:
    """216 atoms at 100 K/ps: as the bundled one, with another seed; energy kept over 8 ps."""
    from mi_widgets.structure import coordination

    run = melt_quench(n_atoms=216, rate=100.0, seed=0)
    last = run.isel(frame=-1)
    number = coordination(last, 2.2).values[last.element == "Si"]
    assert number.mean() == pytest.approx(4.0, abs=0.05)
    on = run_md(last, TTAM(), ensemble="nve", n_steps=8000, every=40)
    total = (on.energy + on.kinetic_energy).values / 216
    assert np.abs(total[-20:].mean() - total[:20].mean()) < 5e-5


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"ensemble": "npt"}, ParameterError, "unknown ensemble"),
        ({"temperature": -1}, ParameterError, "temperature must be"),
        ({"temperature": (1, 2, 3)}, ParameterError, "first, last"),
        ({"n_steps": 0}, ParameterError, "n_steps"),
        ({"n_steps": 2.5}, ParameterError, "n_steps"),
        ({"every": 0}, ParameterError, "every"),
        ({"time_step": 0}, ParameterError, "time_step"),
        ({"time_step": 1e-15}, None, ""),
        ({"keep": "velocity"}, ParameterError, "keep must name"),
        ({"relaxation_time": 0}, ParameterError, "relaxation_time"),
        ({"forces": TTAM}, ParameterError, r"write TTAM\(\)"),
        ({"forces": "ttam"}, ParameterError, "forces must be"),
        ({"structure": make_harmonic_crystal(n_frames=3)}, LabelError, "this is a trajectory"),
        ({"structure": oscillators(3)}, DataError, "all three cell vectors"),
    ],
)
def test_bad_input(glass, options, error, text) -> None:
    given = {"structure": glass, "forces": TTAM(), "n_steps": 2, **options}
    structure, forces = given.pop("structure"), given.pop("forces")
    if error is None:
        assert run_md(structure, forces, **given).status.item() == 0
        return
    with pytest.raises(error, match=text):
        run_md(structure, forces, **given)


def test_bad_quenches() -> None:
    for options, text in (
        ({"n_atoms": 70}, "multiple of 3"),
        ({"rate": 0.0}, "rate above 0"),
        ({"end_temperature": 5000.0}, "and fall"),
        ({"density": 50.0}, "density"),
        ({"every": 0}, "every"),
        ({"rate": 1e-9}, "steps; write a higher rate"),
    ):
        with pytest.raises(ParameterError, match=text):
            melt_quench(**options)


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_langevin_at_zero_takes_energy_out(engine: str) -> None:
    start = make_silica_crystal("stishovite")
    start["position"] = start["position"] + 0.1 * np.random.default_rng(0).normal(size=(6, 3))
    options = {"temperature": 0.0, "ensemble": "langevin", "relaxation_time": 5.0, "n_steps": 30, "time_step": 0.5}
    md = run_md(start, TTAM(engine=engine), every=30, **options)
    kept = run_md(start, TTAM(engine=engine), every=30, **{**options, "ensemble": "nve"})
    total = [float((ds.energy + ds.kinetic_energy)[-1]) for ds in (md, kept)]
    assert total[0] < total[1] - 0.01


def test_atoms_keep_their_labels_and_masses_are_checked() -> None:
    start = make_silica_crystal("stishovite").assign_coords(atom=np.arange(100, 106))
    assert run_md(start, TTAM(), n_steps=2, every=1).atom.values.tolist() == list(range(100, 106))
    start["mass"] = ("atom", np.full(6, 4.7e-26), {"units": "kg"})
    with pytest.raises(LabelError, match="mass must be in u"):
        run_md(start, TTAM(), n_steps=2)
    start["mass"] = ("atom", np.array([0.0, 1, 1, 1, 1, 1]), {"units": "u"})
    with pytest.raises(DataError, match="masses must be above 0"):
        run_md(start, TTAM(), n_steps=2)
