"""A guest in a matrix: kernels by finite differences, springs whose answer is known, the bundled glass, bad input."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

from mi_widgets import io, potentials
from mi_widgets.datasets import load_silica_glass
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_structure
from mi_widgets.potentials import LennardJonesGuest, _guest_numpy, _numba_guest
from mi_widgets.potentials._guest_system import GuestSystem

BOX = 12.0
SOFT = LennardJonesGuest("He", {"Ar": 2.5}, {"Ar": 0.05}, cutoff=5.5)
STIFF = 3.0


def springs():
    """Atoms bound to places of their own: what each gives way is known."""
    place = 4.0 * np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    place = place + 0.3 * np.random.default_rng(0).standard_normal(place.shape)
    structure = label_structure(place, ["Ar"] * 27, cell=BOX * np.eye(3))

    def forces(position):
        away = position - place
        return 0.5 * STIFF * float(np.square(away).sum()), -STIFF * away

    return structure, forces


@pytest.fixture(scope="module")
def small_field():
    structure, forces = springs()
    return potentials.guest_field(structure, forces, SOFT, spacing=0.9, n_references=60, n_refine=10, n_rounds=1)


@pytest.fixture(scope="module")
def glass_field():
    return potentials.guest_field(load_silica_glass(), spacing=0.5, n_references=60, n_refine=30, n_rounds=2)


def downhill(energy, force):
    return energy, -force.ravel()


def arrays(system):
    return system.position, system.kind, system.box, system.sigma, system.epsilon, system.reach


def test_compiled_and_numpy_agree_and_forces_are_slopes():
    system = GuestSystem(load_silica_glass(), None, None, who="test")
    point = np.random.default_rng(0).random((40, 3)) * system.box
    for a, b in zip(*(m.pair_sums(point, *arrays(system)) for m in (_numba_guest, _guest_numpy)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    radial = (point, *arrays(system)[:3], 2, np.array([2.0, 3.0]), 4.0, 6.0)
    np.testing.assert_allclose(_numba_guest.radial_sums(*radial), _guest_numpy.radial_sums(*radial), atol=1e-12)
    best = point[np.argmin(system.frozen(point)[0])]
    force = [np.zeros_like(system.position) for _ in range(2)]
    found = [m.pairs_of(best, *arrays(system), f) for m, f in zip((_numba_guest, _guest_numpy), force, strict=True)]
    np.testing.assert_allclose(force[0], force[1], atol=1e-12)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-12)
    np.testing.assert_allclose(force[0].sum(axis=0), -found[0][1], atol=1e-10)
    for a in range(3):
        step = 1e-5 * np.eye(3)[a]
        ahead, behind = (system.frozen((best + s * step)[None])[0][0] for s in (1, -1))
        assert (behind - ahead) / 2e-5 == pytest.approx(found[0][1][a], abs=1e-6)


def test_elastic_estimate_is_exact_for_springs():
    structure, forces = springs()
    system = GuestSystem(structure, forces, SOFT, who="test")
    system.prepare(settle=False, largest_force=0.01)
    assert system.compliance is not None
    # the test's compliance lets all atoms move together, as independent springs do
    system.compliance = np.eye(81) / STIFF
    point = np.random.default_rng(1).random((200, 3)) * BOX
    point = point[system.frozen(point)[0] < 1.0][:8]
    args = (point, *arrays(system), system.compliance, 5.4, 30)
    found = _numba_guest.elastic(*args)
    np.testing.assert_allclose(found, _guest_numpy.elastic(*args), atol=1e-9)
    for p, gained in zip(point, found, strict=True):
        engine = system.held(p)
        best = minimize(
            lambda x, e=engine: downhill(*e(x.reshape(-1, 3))), structure.position.values.ravel(),
            jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-13},
        )  # fmt: skip
        assert gained == pytest.approx(best.fun - float(system.frozen(p[None])[0][0]), abs=2e-3)


def test_field_holds_what_it_says(small_field, tmp_path):
    f = small_field
    total = f.matrix_energy + f.guest_energy + f.relaxation_energy
    xr.testing.assert_allclose(total.where(f.status == 0), f.energy.where(f.status == 0))
    assert bool((f.relaxation_energy <= 0).where(f.status == 0, True).all())
    assert bool(f.energy.isnull().where(f.status == 1, True).all())
    assert f.sizes["reference"] >= 60
    assert float(f.relaxation_rmse) < 0.2 * float(f.frozen_std)
    io.write_netcdf(f, tmp_path / "a.nc")
    xr.testing.assert_identical(io.read_netcdf(tmp_path / "a.nc"), f)


def test_fresh_points_lie_within_their_errors(small_field):
    _, forces = springs()
    f = small_field
    known = {tuple(p) for p in f.reference_position.values.round(6)}
    off = []
    for at in np.argwhere(f.status.values == 0)[::37][:25]:
        point = [float(f[a][k]) for a, k in zip("xyz", at, strict=True)]
        if tuple(np.round(point, 6)) in known:
            continue
        one = potentials.guest_at(f, point, forces, SOFT)
        place = dict(zip("xyz", at, strict=True))
        off.append(float((one.energy - f.energy[place]) / f.energy_stderr[place]))
    assert len(off) > 10
    assert np.mean(np.abs(off) < 2.5) > 0.8


def test_glass_barrier_is_that_of_the_scan(glass_field):
    paths = potentials.percolation_barriers(glass_field, n_draws=10)
    scan = potentials.constrained_scan(glass_field, paths, "x")
    assert float(scan.barrier) == pytest.approx(float(paths.barrier.sel(direction="x")), abs=0.05)
    assert float(scan.field_rmse) < 0.05
    assert bool((paths.frozen_barrier > 1.2 * paths.barrier).all())  # without the third term barriers are too high
    assert set(np.unique(scan.status)) == {0}


def test_band_finds_no_higher_pass_than_the_path(glass_field):
    paths = potentials.percolation_barriers(glass_field, n_draws=0).sel(direction="x")
    energy = paths.path_energy.dropna("point").values
    top = int(energy.argmax())
    left = max(top - 10, 0) + int(energy[max(top - 10, 0) : top].argmin())
    right = top + 1 + int(energy[top + 1 : top + 11].argmin())
    place = paths.path_position.values
    band = potentials.nudged_band(glass_field, place[left], place[right], n_images=5, via=place[left + 1 : right])
    assert float(band.energy.max()) < energy.max() + 0.05
    assert float(band.barrier) > 0
    with pytest.raises(DataError, match="same minimum"):
        potentials.nudged_band(glass_field, place[left], place[left] + 0.01)


def test_parts_tell_and_can_be_left():
    structure, forces = springs()
    parts = potentials.iter_guest_field(structure, forces, SOFT, spacing=1.0, n_references=45, n_rounds=0)
    first = next(parts)
    assert first.done == 0
    assert first.result.sizes["reference"] == 0
    assert bool(np.isfinite(first.result.energy).any())
    second = next(parts)
    assert 0 < second.done < second.total
    parts.close()


def test_a_calculator_may_hold_guest_and_matrix():
    from ase.calculators.calculator import Calculator, all_changes

    structure, forces = springs()

    class Both(Calculator):
        """Springs, and the pairs of a guest where there is one: the other door to the same system."""

        implemented_properties = ("energy", "forces")

        def calculate(self, atoms=None, properties=None, system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            place = self.atoms.positions
            energy, force = forces(place[:27])
            if len(place) > 27:
                pairs = (np.zeros(27, dtype=int), np.full(3, BOX), np.array([2.5]), np.array([0.05]), 5.5)
                force = np.array(force)
                more, own = _numba_guest.pairs_of(place[27], place[:27], *pairs, force)
                energy, force = energy + more, np.vstack([force, own])
            self.results = {"energy": energy, "forces": force}

    both = potentials.CalculatorGuest(Both(), "He")
    options = {"spacing": 1.0, "n_references": 40, "n_rounds": 0}
    found = potentials.guest_field(structure, guest=both, regressor="ridge", **options)
    assert float(found.relaxation_rmse) < float(found.frozen_std)
    ours = potentials.guest_field(structure, forces, SOFT, **options)
    both_open = (found.status == 0) & (ours.status == 0)
    np.testing.assert_allclose(found.guest_energy.where(both_open), ours.guest_energy.where(both_open), atol=1e-9)


def test_bad_input():
    structure, forces = springs()
    field = potentials.guest_field
    cell = structure.cell
    cases = (
        ((structure.position, forces, SOFT), {}, LabelError, "structure"),
        ((structure.assign(position=structure.position * np.nan), forces, SOFT), {}, DataError, "NaN"),
        ((structure, forces, None), {}, ParameterError, "Ar"),
        ((structure.assign(cell=cell * 0.7), forces, SOFT), {}, DataError, "larger cell"),
        ((structure.assign(cell=cell + 0.5), forces, SOFT), {}, DataError, "right angles"),
        ((structure, forces, "Cu"), {}, ParameterError, "LennardJonesGuest"),
        ((structure, forces, SOFT), {"spacing": 1.5}, ParameterError, "steps over"),
        ((structure, forces, SOFT), {"n_references": 3}, ParameterError, "n_references"),
        ((structure, forces, SOFT), {"regressor": "forest"}, ParameterError, "regressor"),
        ((structure, forces, LennardJonesGuest("X", {"Ar": 5.0}, {"Ar": 1.0}, 5.9)), {}, DataError, "fits nowhere"),
    )
    for args, options, error, words in cases:
        with pytest.raises(error, match=words):
            field(*args, **options)
    with pytest.raises(DataError, match="on top"):
        potentials.guest_at(structure, structure.position.values[3], forces, SOFT)
    with pytest.raises(ParameterError, match="three finite"):
        potentials.guest_at(structure, (1.0, np.nan, 2.0), forces, SOFT)
    for sigma, epsilon in (({"Ar": -1.0}, {"Ar": 1.0}), ({"Ar": 1.0}, {"Si": 1.0}), ({"Ar": 9.0}, {"Ar": 1.0})):
        with pytest.raises(ParameterError):
            LennardJonesGuest("He", sigma, epsilon)
