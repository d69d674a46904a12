"""Landauer's formula against what can be written down, and the generator against it."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import _junction
from mi_widgets.datasets._transmission import make_molecular_junctions
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.transmission import landauer

EV = {"units": "eV"}


def matrix(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("site", "other_site"), attrs=EV)


def width(n: int, place: int | list[int], value: float) -> xr.DataArray:
    out = np.zeros(n)
    out[place] = value
    return xr.DataArray(out, dims="site", attrs=EV)


def test_one_level_is_breit_wigner() -> None:
    energy = np.linspace(-2, 2, 101)
    level, left, right = 0.3, 0.2, 0.07
    found = landauer(matrix(np.array([[level]])), width(1, 0, left), width(1, 0, right), energy)
    expected = left * right / ((energy - level) ** 2 + (left + right) ** 2 / 4)
    np.testing.assert_allclose(found.transmission, expected, rtol=1e-13)


@pytest.mark.parametrize(("left", "right"), [(0.3, 0.2), (4.4, 0.4)])
def test_two_levels_also_where_they_fall_together(left: float, right: float) -> None:
    """4.4 and 0.4 eV: both modes are one, and eigenvectors do not span the space."""
    energy, hop = np.linspace(-3, 3, 61), 1.0
    found = landauer(matrix(np.array([[0, hop], [hop, 0]])), width(2, 0, left), width(2, 1, right), energy)
    green = hop / ((energy + 0.5j * left) * (energy + 0.5j * right) - hop**2)
    np.testing.assert_allclose(found.transmission, left * right * np.abs(green) ** 2, rtol=1e-10)


@pytest.mark.parametrize(("place", "inside"), [(1, 1 / 5.4), (2, 0.0), (3, 1 / 5.4)])
def test_benzene_by_place(place: int, inside: float) -> None:
    """At the middle of the gap paths cancel in meta position; G of the free ring is 1 / 2t in ortho and para."""
    ring = -2.7 * (np.eye(6, k=1) + np.eye(6, k=-1) + np.eye(6, k=5) + np.eye(6, k=-5))
    found = landauer(matrix(ring), width(6, 0, 0.5), width(6, place, 0.5), [0.0]).transmission.item()
    expected = (0.5 * inside) ** 2 / (1 + (0.5 * inside) ** 2 / 4) ** 2
    assert found == pytest.approx(expected, abs=1e-15)
    assert round(found, 4) == (0.0085 if inside else 0)


def test_both_directions_are_alike_and_channels_are_the_limit() -> None:
    rng = np.random.default_rng(0)
    h = rng.normal(size=(3, 7, 7))
    ham = xr.DataArray(h + h.transpose(0, 2, 1), dims=("junction", "site", "other_site"), attrs=EV)
    left, right = width(7, [0, 1], 0.8), width(7, [5, 6], 0.6)
    energy = np.linspace(-4, 4, 81)
    there, back = landauer(ham, left, right, energy), landauer(ham, right, left, energy)
    assert there.transmission.dims == ("junction", "energy")
    np.testing.assert_allclose(there.transmission, back.transmission, atol=1e-12)
    assert 0 < there.transmission.max() <= 2


def test_generator_is_landauers_formula() -> None:
    """The generator folds each electrode into one number; here all 80 orbitals are one matrix."""
    ds = make_molecular_junctions(n_junctions=3, n_energies=41)
    full = _junction.hamiltonian(ds.position.values)
    ham = xr.DataArray(full, dims=("junction", "site", "other_site"), attrs=EV)
    ends = [width(80, list(first + _junction.CONTACT), _junction.BROADENING) for first in (8, 44)]
    found = landauer(ham, *ends, ds.energy)
    np.testing.assert_allclose(ds.transmission, found.transmission, rtol=1e-8, atol=1e-13)


def test_generator_is_labelled_and_repeats(tmp_path) -> None:
    ds = make_molecular_junctions(n_junctions=7, n_energies=5)
    xr.testing.assert_identical(ds, make_molecular_junctions(n_junctions=7, n_energies=5))
    assert not ds.equals(make_molecular_junctions(n_junctions=7, n_energies=5, seed=1))
    write_netcdf(ds, tmp_path / "ds.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "ds.nc"), ds)
    assert np.unique(ds["variable"]).size == 180
    assert sorted(np.unique(ds.group, return_counts=True)[1].tolist()) == [2, 3, 4, 5, 8, 40, 46, 72]
    bonds = ds.features.sel(variable=["C1-C2", "C1-S1"])
    place = ds.position.values
    np.testing.assert_allclose(bonds[:, 0], np.linalg.norm(place[:, 0] - place[:, 1], axis=1))
    np.testing.assert_allclose(bonds.mean("junction"), [1.40, 1.78], atol=0.05)
    charge = ds.features.where(ds.kind == "charge", drop=True)
    np.testing.assert_allclose(charge.sum("variable"), 0, atol=1e-10)
    shares = ds.features.where(ds.kind == "orbital", drop=True).values.reshape(7, 5, 8)
    np.testing.assert_allclose(shares.sum(axis=-1), 1)
    assert (ds.transmission > 0).all()
    assert (ds.transmission <= 1).all()


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("meV", LabelError, "hamiltonian must be in eV; got 'meV'"),
        ("no unit", LabelError, "has no units"),
        ("not Hermitian", DataError, "must be Hermitian"),
        ("NaN", DataError, "finite numbers"),
        ("negative width", DataError, "not below zero; got -0.1"),
        ("long width", LabelError, "'site' with 2 widths"),
        ("energies", DataError, "energy must be finite"),
        ("dims", LabelError, "other_site"),
    ],
)
def test_bad_input(case: str, error: type[Exception], message: str) -> None:
    ham, left, energy = matrix(np.array([[0.0, 1.0], [1.0, 0.0]])), width(2, 0, 0.1), [0.0]
    if case == "meV":
        ham.attrs["units"] = "meV"
    elif case == "no unit":
        ham.attrs.clear()
    elif case == "not Hermitian":
        ham[0, 1] = 2
    elif case == "NaN":
        ham[0, 0] = np.nan
    elif case == "negative width":
        left = width(2, 0, -0.1)
    elif case == "long width":
        left = width(3, 0, 0.1)
    elif case == "energies":
        energy = [np.inf]
    else:
        ham = ham.rename(other_site="b")
    with pytest.raises(error, match=message):
        landauer(ham, left, width(2, 1, 0.1), energy)


@pytest.mark.parametrize("options", [{"n_junctions": 2}, {"n_energies": 1.5}, {"window": (2, -2)}, {"window": (0,)}])
def test_generator_refuses(options: dict) -> None:
    with pytest.raises(ParameterError, match="make_molecular_junctions"):
        make_molecular_junctions(**options)
