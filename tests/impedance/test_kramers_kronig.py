"""The test for drift: what it must find, what it must let pass, and what noise alone gives."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from mi_widgets import impedance, io
from mi_widgets.datasets import make_impedance

TRUTHS = ("R-p(R,C)", "R-p(R-W,C)", "R-p(R-W,Q)", "R-p(R,C)-p(R,C)", "R-p(R,Q)-p(R,Q)", "R-p(R,Q)-p(R-W,Q)")


@pytest.mark.parametrize("drift", [0.0, 0.3, -0.3])
def test_drift_is_found_and_clean_spectra_pass(drift: float) -> None:
    found = [
        int(impedance.kramers_kronig(make_impedance(truth, drift=drift, seed=seed)).status)
        for truth in TRUTHS
        for seed in range(7)
    ]
    assert np.mean(found) >= 0.95 if drift else np.mean(found) <= 0.05


@pytest.mark.parametrize("circuit", ["R-C", "L-R-p(R,Q)", "R-p(R,Q)-Wo", "R-p(G,C)"])
def test_coils_and_blocking_electrodes_pass(circuit: str) -> None:
    ds = make_impedance(circuit, noise=1e-3, seed=2)
    found = impedance.kramers_kronig(ds)
    assert int(found.status) == 0
    assert float(found.relative_rms) == pytest.approx(1e-3, rel=0.3)


def test_score_is_standard_for_noise() -> None:
    """Mean 0 and standard deviation 1 over many draws of noise, so that the limit means what it says."""
    scores = [float(impedance.kramers_kronig(make_impedance("R-p(R,C)", seed=s)).score) for s in range(200)]
    assert np.mean(scores) == pytest.approx(0.0, abs=0.25)
    assert np.std(scores) == pytest.approx(1.0, abs=0.2)


def test_chain_itself_is_fitted_exactly() -> None:
    """Three RC elements at time constants of the chain: mu is 1, nothing is left."""
    f = np.geomspace(1e4, 1e0, 21)
    omega = 2 * np.pi * f
    tau = np.geomspace(1 / omega.max(), 1 / omega.min(), 5)[[1, 2, 4]]
    z = 7.0 + sum(r / (1 + 1j * omega * t) for r, t in zip((1.0, 2.0, 3.0), tau, strict=True))
    da = xr.DataArray(z, {"frequency": ("frequency", f, {"units": "Hz"})}, ("frequency",), attrs={"units": "ohm"})
    found = impedance.kramers_kronig(da, n_elements=5)
    assert float(found.mu) == pytest.approx(1.0, abs=1e-9)
    assert float(found.relative_rms) < 1e-12
    assert int(found.status) == 0


def test_small_systematic_errors_pass_and_can_be_asked_for() -> None:
    ds = make_impedance(TRUTHS[4], drift=0.01, noise=1e-5)
    assert int(impedance.kramers_kronig(ds).status) == 0
    assert int(impedance.kramers_kronig(ds, tolerance=0.0).status) == 1


def test_series_mu_and_file(tmp_path: Path) -> None:
    ds = make_impedance("R-p(R,C)", {"R1": [100.0, 120.0, 140.0]}, seed=6)
    ds["impedance_real"][1] = np.nan
    found = impedance.kramers_kronig(ds)
    assert found.status.values.tolist() == [0, 2, 0]
    assert np.isnan(found.score[1])
    by_mu = impedance.kramers_kronig(ds, n_elements="mu")
    assert (by_mu.n_elements < found.n_elements).isel(spectrum=[0, 2]).all()
    xr.testing.assert_identical(io.read_netcdf(io.write_netcdf(found, tmp_path / "k.nc")), found)
