"""TTAM against finite differences, plain sums in another form, published crystals; and what it refuses."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import erfc

from mi_widgets.datasets import load_silica_glass, load_silica_snapshots, make_silica
from mi_widgets.datasets._silica_crystals import make_silica_crystal
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.labels import label_structure
from mi_widgets.potentials import TTAM, one_structure, relax_structure
from mi_widgets.potentials._ewald import madelung_energy
from mi_widgets.potentials._ttam_engine import Engine, Settings
from mi_widgets.potentials._ttam_pairs import COULOMB, KCAL, PARAMETERS, pair_terms


def shaken(seed: int = 0, size: float = 0.1, repeat: tuple[int, int, int] = (1, 1, 1)) -> xr.Dataset:
    """Quartz with its atoms and its cell displaced: triclinic, smaller than the cutoff."""
    rng = np.random.default_rng(seed)
    ds = make_silica_crystal("quartz", repeat=repeat)
    strain = np.eye(3) + 0.02 * rng.standard_normal((3, 3))
    ds["position"] = (ds.position + size * rng.standard_normal(ds.position.shape)).copy(
        data=(ds.position.values + size * rng.standard_normal(ds.position.shape)) @ strain
    )
    ds["cell"] = ds.cell.copy(data=ds.cell.values @ strain)
    return ds


def with_positions(ds: xr.Dataset, position: np.ndarray, cell: np.ndarray | None = None) -> xr.Dataset:
    out = ds.assign(position=ds.position.copy(data=position))
    return out if cell is None else out.assign(cell=ds.cell.copy(data=cell))


def plain_energy(position: np.ndarray, kind: np.ndarray, cell: np.ndarray) -> float:
    """The sum as the paper writes it, by other means: dispersion and repulsion over many images, and its own tail."""
    charge = np.where(kind == 0, 2.4, -1.2)
    total = madelung_energy(position, charge, cell)
    steps = np.arange(-9, 10)
    images = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    a = np.array([0.8688, 2.0474])[kind]
    b = np.array([0.03285, 0.17566])[kind]
    c = np.array([23.18, 70.37])[kind]
    reach = 36.0
    for i in range(len(position)):
        for j in range(len(position)):
            r = np.linalg.norm(position[j] - position[i] + images, axis=1)
            r = r[(r > 1e-6) & (r < reach)]
            wall = KCAL * (b[i] + b[j]) * np.exp((a[i] + a[j] - r) / (b[i] + b[j]))
            total += 0.5 * float((wall - KCAL * c[i] * c[j] / r**6).sum())
    volume = abs(np.linalg.det(cell))
    return total - 2 * np.pi / volume * KCAL * float(c.sum()) ** 2 / (3 * reach**3)


def test_charges_alone_give_madelungs_constant() -> None:
    """NaCl 1.7475645946, CsCl 1.7626747731 (of the nearest distance)."""
    salt = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], float)
    energy = madelung_energy(salt, np.repeat([1.0, -1.0], 4), 2 * np.eye(3))
    assert -energy / 4 / COULOMB == pytest.approx(1.7475645946331822, abs=1e-9)
    energy = madelung_energy(np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]]), np.array([1.0, -1.0]), np.eye(3))
    assert -energy / COULOMB * np.sqrt(3) / 2 == pytest.approx(1.76267477307099, abs=1e-9)


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_engine_gives_madelungs_constant(engine: str) -> None:
    """The engine's own sums, with the pair terms taken off: to 1e-6 with a long cutoff."""
    bare = {"a": 1e-3, "b": 1e-3, "c": 0.0}
    parameters = {"Si": {"charge": 1.0, **bare}, "O": {"charge": -1.0, **bare}}
    salt = 2.8 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    settings = Settings(cutoff=14.0, alpha=0.4, longest=5.0)
    found = Engine(parameters, settings, engine).evaluate(salt, 5.6 * np.eye(3), np.repeat([0, 1], 4))
    assert -found.energy.sum() / 4 / COULOMB * 2.8 == pytest.approx(1.7475645946331822, abs=1e-6)


def test_energy_is_the_sum_that_the_paper_writes() -> None:
    for ds, n in ((make_silica_crystal("quartz"), 9), (shaken(3), 9)):
        kind = (ds.element.values == "O").astype(int)
        expected = plain_energy(ds.position.values, kind, ds.cell.values)
        tight = Engine(PARAMETERS, Settings(cutoff=14.0, alpha=0.4, longest=5.0), "numba")
        energy = tight.evaluate(ds.position.values, ds.cell.values, kind.astype(np.int64)).energy.sum()
        assert energy / n == pytest.approx(expected / n, abs=3e-6)
        assert float(TTAM().evaluate(ds).energy) / n == pytest.approx(expected / n, abs=1e-4)


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_forces_and_stress_are_derivatives(engine: str) -> None:
    """Forces to 1e-6 eV/angstrom, stress to 1e-6 of the energy of a strain."""
    ds, potential, h = shaken(), TTAM(engine=engine), 1e-4
    found = potential.evaluate(ds)
    x, cell = ds.position.values, ds.cell.values
    for i, a in ((0, 0), (2, 1), (4, 2), (8, 0)):
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved[i, a] += sign * h
            ends.append(float(potential.evaluate(with_positions(ds, moved)).energy))
        assert (ends[1] - ends[0]) / (2 * h) == pytest.approx(float(found.force[i, a]), abs=1e-6)
    volume = abs(np.linalg.det(cell))
    for a, b in ((0, 0), (2, 2), (0, 1), (1, 2)):
        ends = []
        for sign in (1, -1):
            f = np.eye(3)
            f[a, b] += sign * h
            ends.append(float(potential.evaluate(with_positions(ds, x @ f, cell @ f)).energy))
        assert (ends[0] - ends[1]) / (2 * h) / volume == pytest.approx(float(found.stress[a, b]), abs=1e-7)


def test_engines_agree_and_atoms_may_lie_anywhere() -> None:
    ds = shaken(1, repeat=(2, 1, 1))
    rng = np.random.default_rng(0)
    cells = rng.integers(-3, 4, size=ds.position.shape) @ ds.cell.values
    moved = with_positions(ds, ds.position.values + cells)
    first, second, third = TTAM().evaluate(ds), TTAM(engine="numpy").evaluate(moved), TTAM().evaluate(moved)
    for name in ("energy", "force", "stress", "atomic_energy"):
        assert np.allclose(first[name], second[name], atol=1e-10)
        assert np.allclose(first[name], third[name], atol=1e-10)
    assert float(first.atomic_energy.sum()) == pytest.approx(float(first.energy), abs=1e-9)


def test_a_larger_cell_is_so_many_times_the_small_one() -> None:
    small, large = make_silica_crystal("quartz"), make_silica_crystal("quartz", repeat=(3, 3, 2))
    potential = TTAM()
    one, many = potential.evaluate(small), potential.evaluate(large)
    assert float(many.energy) == pytest.approx(18 * float(one.energy), abs=1e-7)
    assert np.allclose(many.force.values.reshape(18, 9, 3), one.force.values, atol=1e-8)


def test_list_of_pairs_is_kept_and_renewed() -> None:
    """One engine over a path of atoms that move farther than its skin, beside fresh ones."""
    ds = load_silica_glass()
    kind = (ds.element.values == "O").astype(np.int64)
    engine, rng, x = Engine(PARAMETERS, Settings(), "numba"), np.random.default_rng(0), ds.position.values.copy()
    for _ in range(6):
        x += 0.15 * rng.standard_normal(x.shape)
        kept = engine.evaluate(x, ds.cell.values, kind)
        fresh = engine.fresh().evaluate(x, ds.cell.values, kind)
        assert np.allclose(kept.force, fresh.force, atol=1e-9, rtol=1e-11)


def test_default_sums_are_near_to_tight_ones() -> None:
    """Forces to 0.002 eV/angstrom (found: 0.0002), energies to 0.1 meV/atom of spread."""
    snapshots = load_silica_snapshots()
    offsets, squares = [], []
    for frame in (5, 170, 399):
        ds = one_structure(snapshots, frame)
        fast, tight = TTAM().evaluate(ds), TTAM(cutoff=15.0).evaluate(ds)
        offsets.append(float(fast.energy - tight.energy) / 72)
        squares.append(float(((fast.force - tight.force) ** 2).mean()))
    assert np.sqrt(np.mean(squares)) < 5e-4
    assert np.std(offsets) < 2e-5
    assert np.abs(offsets).max() < 2e-4


def test_crystals_have_the_known_minima() -> None:
    """Quartz 5.000 / 5.535 with the dispersion cut as usual, smaller by 0.2 % in sums without end; and the order."""
    cut = relax_structure(make_silica_crystal("quartz"), TTAM(cutoff=11.0, dispersion="cut"), cell=True)
    a, b, c = np.linalg.norm(cut.cell.values, axis=1)
    assert int(cut.status) == 0
    assert (a, b, c) == pytest.approx((5.000, 5.000, 5.535), abs=0.01)
    energies = {}
    for phase, n in (("quartz", 3), ("stishovite", 2), ("cristobalite", 4)):
        found = relax_structure(make_silica_crystal(phase), TTAM(), cell=True)
        assert int(found.status) == 0
        assert np.abs(found.stress).max() < 1e-5
        energies[phase] = float(found.energy) / n
        if phase == "quartz":
            assert np.linalg.norm(found.cell.values, axis=1) == pytest.approx((4.990, 4.990, 5.527), abs=0.003)
    assert energies["quartz"] < energies["stishovite"] < energies["cristobalite"]


def test_bundled_energies_are_those_of_the_potential() -> None:
    glass = load_silica_glass()
    found = TTAM().evaluate(glass)
    assert float(found.energy - glass.energy) / 216 == pytest.approx(0, abs=1e-5)
    assert np.allclose(found.force, glass.force, atol=1e-3)
    snapshots = load_silica_snapshots()
    assert snapshots.melt.values.tolist() == np.repeat(range(5), 80).tolist()
    assert set(snapshots.frame_of.values.tolist()) == set(range(400))
    for frame in (0, 250, 399):
        one = one_structure(snapshots, frame)
        found = TTAM().evaluate(one)
        assert float(found.energy - one.energy) / 72 == pytest.approx(0, abs=1e-5)
        assert np.allclose(found.force, one.force, atol=1e-3)
        assert np.allclose(found.stress, one.stress, atol=1e-5)


def test_guard_keeps_atoms_apart() -> None:
    """Where the bare potential falls without end, energies rise and forces are continuous; the atoms are named."""
    potential = TTAM()
    terms = potential.pair_terms(np.linspace(0.05, 4.0, 4000))
    energy, r = terms.energy.values, terms.distance.values
    inside = r < terms.guard.values[:, None]
    assert (terms.guard.values < [1.3, 1.2, 1.8]).all()
    assert (terms.force.values[inside] > 0).all()
    assert terms.energy_without_guard.sel(pair="Si-O").min() < -1e5
    slope = -np.gradient(energy, r, axis=1)[:, 5:-5]
    assert np.allclose(slope, terms.force.values[:, 5:-5], rtol=2e-3, atol=2e-2)
    ds = make_silica_crystal("quartz", repeat=(2, 2, 2))
    x = ds.position.values.copy()
    x[1] = x[0] + [0.5, 0.0, 0.0]
    with pytest.warns(MIWidgetsWarning, match="2 atoms have a neighbour inside the guard"):
        found = potential.evaluate(with_positions(ds, x))
    assert found.crowded.values.nonzero()[0].tolist() == [0, 1]
    assert np.isfinite(found.force).all()


def test_bare_terms_have_the_published_form() -> None:
    silicon, mixed, oxygen = pair_terms(PARAMETERS)
    assert (mixed.height, mixed.width, mixed.dispersion) == pytest.approx((10721.5, 0.20851, 70.73), rel=1e-4)
    assert (oxygen.height, oxygen.width, oxygen.dispersion) == pytest.approx((1756.87, 0.35132, 214.74), rel=1e-4)
    assert (silicon.height, silicon.width, silicon.dispersion) == pytest.approx((8.7236e8, 0.06570, 23.30), rel=1e-3)
    assert erfc(0.42 * 8.0) < 3e-6  # why pairs may end at the cutoff


def test_calculator_gives_the_same() -> None:
    ase = pytest.importorskip("ase")
    ds = shaken(2)
    atoms = ase.Atoms(list(ds.element.values), positions=ds.position.values, cell=ds.cell.values, pbc=True)
    atoms.calc = TTAM().calculator()
    found = TTAM().evaluate(ds)
    assert atoms.get_potential_energy() == pytest.approx(float(found.energy), abs=1e-9)
    assert np.allclose(atoms.get_forces(), found.force, atol=1e-9)
    assert np.allclose(atoms.get_stress(voigt=False), found.stress, atol=1e-9)
    assert np.allclose(atoms.get_potential_energies(), found.atomic_energy, atol=1e-9)
    atoms.symbols[0] = "Ge"
    with pytest.raises(DataError, match="the structure has Ge as well"):
        atoms.get_forces()


def test_trajectories_and_files(tmp_path) -> None:
    ds = xr.concat([make_silica_crystal("quartz"), shaken()], dim="frame", data_vars=["position", "cell"])
    found = TTAM().evaluate(ds)
    assert found.force.dims == ("frame", "atom", "axis")
    assert float(found.energy[1]) == pytest.approx(float(TTAM().evaluate(shaken()).energy), abs=1e-9)
    xr.testing.assert_identical(read_netcdf(write_netcdf(found, tmp_path / "a.nc")), found)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            lambda ds: with_positions(ds, np.where(np.arange(27).reshape(9, 3) == 4, np.nan, ds.position)),
            DataError,
            "NaN",
        ),
        (lambda ds: ds.assign_coords(element=("atom", ["Na", *ds.element.values[1:]])), DataError, "has Na as well"),
        (lambda ds: with_positions(ds, ds.position.values * 0.1, ds.cell.values * 0.1), DataError, "in angstrom"),
        (lambda ds: with_positions(ds, np.zeros((9, 3))), DataError, "in one place"),
        (lambda ds: ds.assign(pbc=ds.pbc.copy(data=[True, True, False])), DataError, "all three cell vectors"),
        (lambda ds: ds.assign(cell=ds.cell * 0), DataError, "no volume"),
        (lambda ds: ds.assign(position=ds.position.assign_attrs(units="nm")), LabelError, "it is in 'nm'"),
        (lambda ds: ds.isel(atom=slice(0, 0)), DataError, "no atoms"),
        (lambda ds: ds.drop_vars("cell"), LabelError, "needs a structure"),
        (lambda ds: with_positions(ds, ds.position.values * 1e3, ds.cell.values * 1e3), DataError, "in angstrom"),
    ],
)
def test_bad_structures(change, error, text) -> None:
    with pytest.raises(error, match=text):
        TTAM().evaluate(change(make_silica_crystal("quartz")))


def test_bad_options() -> None:
    with pytest.raises(ParameterError, match="cutoff must be"):
        TTAM(cutoff=2.0)
    with pytest.raises(ParameterError, match="charge, a, b and c"):
        TTAM({"Si": {"charge": 2.4}})
    with pytest.raises(ParameterError, match="above 0; not so: b of O"):
        TTAM({"Si": PARAMETERS["Si"], "O": {**PARAMETERS["O"], "b": 0.0}})
    with pytest.raises(ParameterError, match="dispersion"):
        TTAM(dispersion="none")
    with pytest.raises(ParameterError, match="unknown engine"):
        TTAM(engine="fortran")
    with pytest.raises(ParameterError, match="unknown phase"):
        make_silica_crystal("coesite")


def test_charged_cells_are_told() -> None:
    with pytest.warns(MIWidgetsWarning, match=r"charge \+1.2 e"):
        TTAM().evaluate(make_silica_crystal("quartz", repeat=(2, 2, 2)).isel(atom=slice(0, -1)))


def test_large_and_flat_cells() -> None:
    """Images where the cell is thin; bins where it is large."""
    thin = make_silica_crystal("stishovite")
    thick = make_silica_crystal("stishovite", repeat=(3, 3, 5))
    assert float(TTAM().evaluate(thick).energy) == pytest.approx(45 * float(TTAM().evaluate(thin).energy), abs=1e-6)
    big = make_silica(n_cells=3, disorder=0)
    small = make_silica(n_cells=2, disorder=0)
    per_atom = [float(TTAM().evaluate(ds).energy) / ds.sizes["atom"] for ds in (big, small)]
    assert per_atom[0] == pytest.approx(per_atom[1], abs=1e-8)
    label_structure(big.position, big.element.values, cell=big.cell)  # the input is as it was
