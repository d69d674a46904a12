"""Fits against the truth, an independent optimiser, and published numbers of the methods."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import least_squares

from mi_widgets import impedance, io
from mi_widgets.datasets import make_impedance

TRUTH = {"R0": 20.0, "R1": 100.0, "Q1": 1e-5, "Q1_n": 0.9, "R2": 60.0, "Q2": 2e-3, "Q2_n": 0.8}
CIRCUIT = "R-p(R,Q)-p(R,Q)"


def test_noiseless_data_give_the_truth() -> None:
    for circuit in (CIRCUIT, "L-R-p(R,C)-p(R-W,Q)", "R-p(R-Ws,Q)", "R-p(R,Q)-Wo", "R-p(G,C)"):
        ds = make_impedance(circuit, noise=0.0, seed=2)
        fit = impedance.fit_circuit(ds, circuit)
        for name in impedance.parse_circuit(circuit).names:
            assert float(fit[name]) == pytest.approx(float(ds[f"true_{name}"]), rel=1e-6), (circuit, name)
        assert float(fit.relative_rms) < 1e-9


def test_errors_and_minimum_are_those_of_scipy() -> None:
    """scipy's trust region from the truth, derivatives by differences: the same minimum, the same covariance."""
    ds = make_impedance(CIRCUIT, TRUTH, seed=5)
    z = (ds.impedance_real + 1j * ds.impedance_imag).values
    omega = 2j * np.pi * ds.frequency.values

    def residual(x: np.ndarray) -> np.ndarray:
        r0, r1, q1, r2, q2 = np.exp(x[[0, 1, 2, 4, 5]])
        model = r0 + 1 / (1 / r1 + q1 * omega ** x[3]) + 1 / (1 / r2 + q2 * omega ** x[6])
        d = (model - z) / abs(z)
        return np.concatenate([d.real, d.imag])

    names = list(TRUTH)
    start = [v if n.endswith("_n") else np.log(v) for n, v in TRUTH.items()]
    peer = least_squares(residual, start, xtol=1e-14, ftol=1e-14, gtol=1e-14, x_scale=0.01)
    variance = 2 * peer.cost / (100 - 7)
    error = np.sqrt(np.diag(np.linalg.inv(peer.jac.T @ peer.jac)) * variance)
    fit = impedance.fit_circuit(ds, CIRCUIT)
    assert float(fit.reduced_chi_squared) == pytest.approx(variance, rel=1e-9)
    for k, name in enumerate(names):
        value = peer.x[k] if name.endswith("_n") else np.exp(peer.x[k])
        assert float(fit[name]) == pytest.approx(value, rel=1e-4)
        scale = 1.0 if name.endswith("_n") else value
        assert float(fit[f"{name}_stderr"]) == pytest.approx(error[k] * scale, rel=1e-2)
    covariance = np.linalg.inv(peer.jac.T @ peer.jac)
    size = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(fit.correlation, covariance / np.outer(size, size), atol=5e-3)


def test_likelihood_and_criteria_by_hand() -> None:
    ds = make_impedance("R-p(R,C)", seed=1)
    fit = impedance.fit_circuit(ds, "R-p(R,C)")
    z = ds.impedance_real + 1j * ds.impedance_imag
    d = abs(z - fit.fitted_real - 1j * fit.fitted_imag) / abs(z)
    n, k = 100, 4
    likelihood = -0.5 * n * (np.log(2 * np.pi * float((d**2).sum()) / n) + 1) - 2 * float(np.log(abs(z)).sum())
    assert float(fit.log_likelihood) == pytest.approx(likelihood)
    assert float(fit.bic) == pytest.approx(k * np.log(n) - 2 * likelihood)
    assert float(fit.relative_rms) == pytest.approx(float(np.sqrt((d**2).sum() / n)))
    sigma = (0.005 * abs(z)).assign_attrs(units="ohm")
    known = impedance.fit_circuit(ds, "R-p(R,C)", weights=sigma)
    assert float(known.reduced_chi_squared) == pytest.approx(float((d**2).sum()) / 0.005**2 / (n - 3), rel=1e-6)
    assert float(known.R1) == pytest.approx(float(fit.R1), rel=1e-8)


def test_parts_are_in_the_order_of_their_time_constants() -> None:
    slow_first = {"R0": 20.0, "R1": 60.0, "C1": 1e-3, "R2": 100.0, "C2": 1e-5}
    fit = impedance.fit_circuit(make_impedance("R-p(R,C)-p(R,C)", slow_first), "R-p(R,C)-p(R,C)")
    assert float(fit.R1 * fit.C1) < float(fit.R2 * fit.C2)
    assert float(fit.R1) == pytest.approx(100.0, rel=0.02)
    assert float(fit.correlation.sel(parameter="R1", parameter_2="R1")) == pytest.approx(1.0)


def test_limits_and_held_values() -> None:
    ds = make_impedance("R-p(R,C)", seed=4)
    free = impedance.fit_circuit(ds, "R-p(R,Q)")
    assert free.status.attrs["flag_meanings"].split()[int(free.status)] in ("ok", "at_bound")
    bounded = impedance.fit_circuit(ds, "R-p(R,Q)", bounds={"Q1_n": (None, 0.9)})
    assert float(bounded.Q1_n) == pytest.approx(0.9)
    assert int(bounded.at_bound.sel(parameter="Q1_n")) == 1
    assert np.isnan(float(bounded.Q1_n_stderr))  # where the limit stands says nothing of the data
    assert np.isfinite(float(bounded.R1_stderr))
    assert bounded.correlation.sel(parameter="Q1_n").isnull().all()
    assert int(bounded.status) == 2
    held = impedance.fit_circuit(ds, "R-p(R,Q)", fixed={"Q1_n": 1.0})
    as_capacitor = impedance.fit_circuit(ds, "R-p(R,C)")
    assert float(held.Q1) == pytest.approx(float(as_capacitor.C1), rel=1e-6)
    assert float(held.bic) == pytest.approx(float(as_capacitor.bic))
    assert float(held.Q1_n_stderr) == 0.0
    given = impedance.fit_circuit(ds, "R-p(R,C)", start={"R1": 100.0}, n_starts=1)
    assert float(given.bic) == pytest.approx(float(as_capacitor.bic))


def test_many_spectra_and_one_that_fails(tmp_path: Path) -> None:
    r1 = [100.0, 110.0, 130.0, 160.0]
    ds = make_impedance("R-p(R,C)", {"R0": 20.0, "R1": r1, "C1": 1e-5}, seed=6)
    ds["impedance_real"] = ds.impedance_real.where(ds.spectrum != 2)
    ds["impedance_imag"][0, 5] = np.nan
    before = ds.copy(deep=True)
    fit = impedance.fit_circuit(ds, "R-p(R,C)")
    xr.testing.assert_identical(ds, before)
    assert fit.status.values.tolist() == [0, 0, 3, 0]
    assert np.isnan(fit.R1[2])
    good = fit.R1.isel(spectrum=[0, 1, 3])
    assert (abs(good - np.array(r1)[[0, 1, 3]]) < 4 * fit.R1_stderr.isel(spectrum=[0, 1, 3])).all()
    alone = impedance.fit_circuit(ds.isel(spectrum=3), "R-p(R,C)")
    assert float(alone.R1) == pytest.approx(float(fit.R1[3]), rel=1e-6)
    back = io.read_netcdf(io.write_netcdf(fit, tmp_path / "fit.nc"))
    xr.testing.assert_identical(back, fit)


def test_complex_array_area_and_order_of_frequencies() -> None:
    ds = make_impedance("R-p(R,C)", seed=7)
    z = (
        (ds.impedance_real + 1j * ds.impedance_imag)
        .assign_attrs(units="Ohm*cm**2")
        .isel(frequency=slice(None, None, -1))
    )
    fit = impedance.fit_circuit(z, "R-p(R,C)")
    assert (fit.R1.units, fit.C1.units) == ("ohm*cm**2", "s/(ohm*cm**2)")
    assert float(fit.C1) == pytest.approx(float(impedance.fit_circuit(ds, "R-p(R,C)").C1), rel=1e-8)


def test_two_sets_of_values_that_fit_are_flagged() -> None:
    """The Warburg element may sit in either arc: the data do not tell, and the standard errors do not say so."""
    circuit = "R-p(R,Q)-p(R-W,Q)"
    fit = impedance.fit_circuit(make_impedance(circuit, seed=107), circuit)
    assert int(fit.ambiguous) == 1
    assert int(impedance.fit_circuit(make_impedance(CIRCUIT, TRUTH, seed=5), CIRCUIT).ambiguous) == 0


@pytest.mark.parametrize(
    ("circuit", "name", "bounds"),
    [("R-p(R,C)", "R0", (None, 1e-6)), ("R-p(R,C)", "R0", (1e9, None)), ("R-p(R,Q)", "Q1_n", (None, 0.3))],
)
def test_one_limit_beyond_what_the_data_show_holds_nothing(
    circuit: str, name: str, bounds: tuple[float | None, float | None]
) -> None:
    """The other limit goes along: else the parameter would be held without a word, with the error 0."""
    fit = impedance.fit_circuit(make_impedance("R-p(R,C)", seed=1), circuit, bounds={name: bounds}, n_starts=4)
    low, high = bounds
    assert float(fit[name]) == pytest.approx(high if low is None else low)
    assert int(fit.at_bound.sel(parameter=name)) == (1 if low is None else -1)
    assert int(fit.status) == 2
