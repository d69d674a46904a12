"""Forms, Debye functions, thermal pressure and adiabats against derivatives, quadrature and other programs."""

import numpy as np
import pytest
from ase.eos import birchmurnaghan, murnaghan, vinet
from ase.units import GPa
from scipy.integrate import quad

from mi_widgets.datasets._eos import TANGE, _pressures
from mi_widgets.eos._forms import FORMS, energy, pressure_and_modulus
from mi_widgets.eos._state import Model
from mi_widgets.eos._thermal import debye, gamma_theta

P = {
    "v0": 74.7, "k0": 160.0, "k0_prime": 4.4, "k0_double_prime": -0.03, "gamma0": 1.44, "q": 1.3, "a": 0.138, "b": 5.4,
    "theta0": 761.0,
}  # fmt: skip
V = np.linspace(50.0, 80.0, 13)
T = np.linspace(200.0, 3000.0, 13)


def slope(function, x, h):
    return (function(x + h) - function(x - h)) / (2 * h)


@pytest.mark.parametrize("form", FORMS)
def test_pressure_and_modulus_are_derivatives_of_the_energy(form):
    pressure, modulus = pressure_and_modulus(form, P, V)
    np.testing.assert_allclose(-slope(lambda v: energy(form, P, v), V, 1e-4), pressure, atol=1e-6)
    np.testing.assert_allclose(-V * slope(lambda v: pressure_and_modulus(form, P, v)[0], V, 1e-4), modulus, rtol=1e-8)


@pytest.mark.parametrize("form", FORMS)
def test_parameters_mean_what_they_say(form):
    """K0 and its derivatives along the curve, at V0."""
    v0 = P["v0"]
    p, k = pressure_and_modulus(form, P, np.array([v0 * (1 + x) for x in (-1e-4, 0.0, 1e-4)]))
    assert p[1] == 0
    assert k[1] == pytest.approx(P["k0"])
    expected = 4.0 if form == "bm2" else P["k0_prime"]
    assert (k[0] - k[2]) / (p[0] - p[2]) == pytest.approx(expected, rel=1e-6)
    if form == "bm4":
        second = ((k[0] - k[1]) / (p[0] - p[1]) - (k[1] - k[2]) / (p[1] - p[2])) / (0.5 * (p[0] - p[2]))
        assert second == pytest.approx(P["k0_double_prime"], rel=1e-3)


@pytest.mark.parametrize(("form", "other"), [("bm3", birchmurnaghan), ("vinet", vinet), ("murnaghan", murnaghan)])
def test_energies_are_those_of_ase(form, other):
    expected = other(V, 0.0, P["k0"] * GPa, P["k0_prime"], P["v0"])
    np.testing.assert_allclose(energy(form, P, V) * GPa, expected, atol=1e-10)


@pytest.mark.parametrize("x", [1e-3, 0.1, 1.0, 2.6, 5.99, 6.01, 14.9, 15.1, 60.0, 500.0])
def test_debye_functions_are_their_integrals(x):
    mean, heat = debye(np.array([x]))
    integral = quad(lambda t: t**3 / np.expm1(t), 0, min(x, 60), epsabs=0, epsrel=1e-13)[0]
    assert float(mean[0]) == pytest.approx(3 / x**3 * integral, rel=1e-12)
    weight = quad(lambda t: t**4 * np.exp(-t) / np.expm1(-t) ** 2, 0, min(x, 80), epsabs=0, epsrel=1e-12)[0]
    assert float(heat[0]) == pytest.approx(3 / x**3 * weight, rel=1e-8)  # heat capacity has an integral of its own


@pytest.mark.parametrize("thermal", ["debye", "tange"])
def test_thermal_derivatives(thermal):
    model = Model("vinet", thermal, 8.0, 300.0)
    state = model.state(P, V, T)
    np.testing.assert_allclose(-V * slope(lambda v: model.state(P, v, T).pressure, V, 1e-4), state.modulus, rtol=1e-8)
    np.testing.assert_allclose(slope(lambda t: model.state(P, V, t).pressure, T, 1e-2), state.slope, atol=1e-9)
    gamma, theta, rise = gamma_theta(thermal, P, V)
    np.testing.assert_allclose(-V * slope(lambda v: np.log(gamma_theta(thermal, P, v)[1]), V, 1e-4), gamma, rtol=1e-7)
    np.testing.assert_allclose(V * slope(lambda v: gamma_theta(thermal, P, v)[0], V, 1e-4), rise, rtol=1e-7)
    np.testing.assert_allclose(theta[P["v0"] == V], P["theta0"])


def test_a_gamma_that_does_not_change_is_a_limit():
    near, at = (gamma_theta("debye", P | {"q": q}, V) for q in (1e-7, 0.0))
    np.testing.assert_allclose(near[1], at[1], rtol=1e-6)
    np.testing.assert_allclose(at[1], P["theta0"] * (V / P["v0"]) ** -P["gamma0"])


def test_the_generator_has_another_program_of_the_same_equation():
    state = Model("vinet", "tange", 8.0, 300.0).state(TANGE, V, T)
    np.testing.assert_allclose(state.pressure, _pressures(V, T), atol=1e-8)


def test_volumes_and_adiabats():
    model = Model("bm3", "tange", 8.0, 300.0)
    state = model.state(P, V, T)
    np.testing.assert_allclose(model.volume(P, state.pressure, T), V, rtol=1e-10)
    assert np.isnan(model.volume(P, np.array([-200.0]), np.array([300.0]))).all()
    pressure = np.linspace(0.0, 100.0, 2001)
    v, t = model.adiabat(P, pressure, 1600.0)
    along = model.state(P, v, t)
    np.testing.assert_allclose(along.pressure, pressure, atol=1e-6)
    adiabatic = along.modulus + along.gamma * t * along.slope
    np.testing.assert_allclose(np.gradient(t, pressure)[1:-1], (along.gamma * t / adiabatic)[1:-1], rtol=1e-5)


def test_murnaghan_with_a_derivative_of_one_is_a_limit():
    """Minus the integral of K0 (V0/V - 1); the usual formula divides by K0' - 1."""
    v, p = np.array([60.0, 74.0, 80.0]), {"v0": np.array(74.0), "k0": np.array(160.0)}
    exact = 160.0 * (74.0 * np.log(74.0 / v) + v - 74.0)
    for k1 in (1.0, 1.0 + 1e-7):
        np.testing.assert_allclose(energy("murnaghan", p | {"k0_prime": np.array(k1)}, v), exact, rtol=1e-5, atol=1e-9)
