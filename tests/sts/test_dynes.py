"""Dynes's form against a numerical integral, against limits known in closed form, and its derivatives."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad

from mi_widgets import sts
from mi_widgets.sts._dynes import BOLTZMANN, dynes_values, n_terms


def _integral(energy: float, gap: float, broadening: float, thermal: float) -> float:
    def inside(e: float) -> float:
        z = e + 1j * broadening
        weight = 1 / (4 * thermal) / np.cosh(np.clip((e - energy) / (2 * thermal), -300, 300)) ** 2
        return abs((z / np.sqrt(z**2 - gap**2)).real) * weight

    ends = (energy - 40 * thermal, energy + 40 * thermal)
    at = sorted(p for p in (-gap, gap, energy) if ends[0] < p < ends[1])
    return quad(inside, *ends, points=at, limit=500, epsabs=1e-10)[0]


@pytest.mark.parametrize("kelvin", [0.4, 1.5, 4.2, 12.0])
@pytest.mark.parametrize("broadening", [0.02, 0.2])
def test_integral(kelvin: float, broadening: float) -> None:
    thermal, energy = BOLTZMANN * kelvin, np.array([0.0, 0.4, 1.1, 1.2, 1.4, 4.0])
    ours = dynes_values(energy, np.array([[1.2]]), np.array([[broadening]]), thermal, n_terms(thermal, 1.2))[0][0]
    np.testing.assert_allclose(ours, [_integral(e, 1.2, broadening, thermal) for e in energy], atol=2e-6)


def test_limits_in_closed_form() -> None:
    energy = xr.DataArray(np.linspace(-3, 3, 61), dims="energy", attrs={"units": "meV"})
    without = sts.dynes(energy, gap=0.0, broadening=0.1, temperature=4.2)
    np.testing.assert_allclose(without, 1.0, atol=1e-9)
    cold = sts.dynes(energy, gap=1.0, broadening=1e-6)
    e = np.abs(energy.values)
    with np.errstate(invalid="ignore", divide="ignore"):
        bcs = np.where(e > 1, e / np.sqrt(e**2 - 1), 0.0)
    away = np.abs(e - 1) > 0.05
    np.testing.assert_allclose(cold.values[away], bcs[away], atol=1e-4)
    # at zero energy without temperature: Gamma / sqrt(Gamma^2 + Delta^2)
    middle = float(sts.dynes(energy, gap=1.0, broadening=0.3).sel(energy=0, method="nearest"))
    assert middle == pytest.approx(0.3 / np.hypot(0.3, 1.0), abs=1e-6)


def test_area_is_that_of_the_normal_state() -> None:
    """States pushed out of the gap are found beside it."""
    energy = xr.DataArray(np.linspace(-400, 400, 80001), dims="energy", attrs={"units": "meV"})
    lack = float((1 - sts.dynes(energy, gap=1.2, broadening=0.05, temperature=2.0)).integrate("energy"))
    assert abs(lack) < 1e-2


@pytest.mark.parametrize("kelvin", [0.0, 1.5])
def test_derivatives(kelvin: float) -> None:
    energy, thermal, h = np.linspace(-3, 3, 31), BOLTZMANN * kelvin, 1e-5
    gap, broadening = np.array([[0.3], [1.2]]), np.array([[0.1], [0.2]])
    n = n_terms(thermal, 1.2)
    _, by_gap, by_broadening = dynes_values(energy, gap, broadening, thermal, n)

    def value(dg: float, db: float) -> np.ndarray:
        return dynes_values(energy, gap + dg, broadening + db, thermal, n, derivatives=False)[0]

    np.testing.assert_allclose(by_gap, (value(h, 0) - value(-h, 0)) / (2 * h), atol=1e-3)
    np.testing.assert_allclose(by_broadening, (value(0, h) - value(0, -h)) / (2 * h), atol=1e-3)


def test_volts_are_milli_electronvolts() -> None:
    energy = xr.DataArray(np.linspace(-3, 3, 61), dims="energy", attrs={"units": "meV"})
    bias = xr.DataArray(np.linspace(-3e-3, 3e-3, 61), dims="bias", attrs={"units": "V"})
    options = {"gap": 1.2, "broadening": 0.1, "temperature": 1.0}
    np.testing.assert_allclose(sts.dynes(energy, **options), sts.dynes(bias, **options), atol=1e-9)
