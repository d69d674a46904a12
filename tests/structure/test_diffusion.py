"""Diffusion coefficients, beside the truth."""

import json

import numpy as np
import pytest
import xarray as xr
from scipy.special import erfc

from mi_widgets import structure
from mi_widgets.datasets import make_diffusing_atoms
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import label_structure


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


def test_correction_for_a_finite_size() -> None:
    """Water at 298.15 K in a cube of 20 angstrom: by hand in SI units, with Wigner's constant from an Ewald sum."""
    run = make_diffusing_atoms(n_atoms=6, n_frames=400, length=20.0)
    plain = structure.diffusion_coefficient(run)
    found = structure.diffusion_coefficient(run, viscosity=0.896e-3, temperature=298.15)
    cells = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3), axis=-1).reshape(-1, 3)
    square = np.square(cells).sum(axis=1)[np.any(cells, axis=1)]
    a, r = 2.0, np.sqrt(square)
    wave = 4 * np.pi**2 * square
    ewald = (erfc(a * r) / r).sum() + (4 * np.pi / wave * np.exp(-wave / (4 * a * a))).sum()
    wigner = -(ewald - np.pi / a**2 - 2 * a / np.sqrt(np.pi))
    by_hand = wigner * 1.380649e-23 * 298.15 / (6 * np.pi * 0.896e-3 * 20e-10)  # m**2/s
    assert by_hand == pytest.approx(3.46e-10, rel=1e-3)
    assert float(found.finite_size_correction) == pytest.approx(by_hand * 1e8, rel=1e-6)
    for name in ("", "_low", "_high"):
        added = found[f"diffusion_coefficient{name}"] - plain[f"diffusion_coefficient{name}"]
        np.testing.assert_allclose(added, by_hand * 1e8, rtol=1e-6)
    xr.testing.assert_equal(found.diffusion_coefficient_stderr, plain.diffusion_coefficient_stderr)
    assert "finite_size_correction" not in plain
    assert json.loads(found.attrs["history"])["parameters"]["viscosity"] == 0.896e-3


def test_what_the_correction_refuses() -> None:
    run = make_diffusing_atoms(n_atoms=4, n_frames=200)
    with pytest.raises(ParameterError, match="together"):
        structure.diffusion_coefficient(run, viscosity=1e-3)
    with pytest.raises(ParameterError, match="temperature must be a number above zero"):
        structure.diffusion_coefficient(run, viscosity=1e-3, temperature=-1)
    flat = run.assign(pbc=("cell_vector", [True, True, False]))
    long = run.assign(cell=run.cell * np.array([1.0, 1.0, 1.5]))
    for bad, options in ((flat, {}), (long, {}), (run, {"n_dims": 2})):
        with pytest.raises(DataError, match="cubic"):
            structure.diffusion_coefficient(bad, viscosity=1e-3, temperature=300.0, **options)
    turned = run.assign(
        cell=(("cell_vector", "axis"), run.cell.values @ np.linalg.qr(np.arange(9.0).reshape(3, 3) ** 2)[0])
    )
    assert (
        float(
            structure.diffusion_coefficient(
                turned, unwrapped=True, viscosity=1e-3, temperature=300.0
            ).finite_size_correction
        )
        > 0
    )
