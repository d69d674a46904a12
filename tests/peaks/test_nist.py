"""Gauss1 to Gauss3 of NIST's Statistical Reference Datasets: certified values and standard errors.

The data stand in ``nist/gauss.csv`` with their source. The model is ``b1 exp(-b2 x) + b3 exp(-((x - b4) / b5)**2) +
b6 exp(-((x - b7) / b8)**2)``: two Gaussians by their heights on an exponential.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from lmfit import models

from mi_widgets import peaks
from mi_widgets.labels import label_spectra
from mi_widgets.peaks.lmfit_models import from_lmfit

TABLE = Path(__file__).parent / "nist" / "gauss.csv"
X = np.arange(1.0, 251.0)
ROOT = np.sqrt(2.0)

# start 1, start 2, certified value, certified standard deviation of b1 to b8; residual sum of squares
CERTIFIED: dict[str, tuple[list[tuple[float, float, float, float]], float]] = {
    "gauss1": (
        [
            (97.0, 94.0, 9.8778210871e01, 5.7527312730e-01),
            (0.009, 0.0105, 1.0497276517e-02, 1.1406289017e-04),
            (100.0, 99.0, 1.0048990633e02, 5.8831775752e-01),
            (65.0, 63.0, 6.7481111276e01, 1.0460593412e-01),
            (20.0, 25.0, 2.3129773360e01, 1.7439951146e-01),
            (70.0, 71.0, 7.1994503004e01, 6.2622793913e-01),
            (178.0, 180.0, 1.7899805021e02, 1.2436988217e-01),
            (16.5, 20.0, 1.8389389025e01, 2.0134312832e-01),
        ],
        1.3158222432e03,
    ),
    "gauss2": (
        [
            (96.0, 98.0, 9.9018328406e01, 5.3748766879e-01),
            (0.009, 0.0105, 1.0994945399e-02, 1.3335306766e-04),
            (103.0, 103.0, 1.0188022528e02, 5.9217315772e-01),
            (106.0, 105.0, 1.0703095519e02, 1.5006798316e-01),
            (18.0, 20.0, 2.3578584029e01, 2.2695595067e-01),
            (72.0, 73.0, 7.2045589471e01, 6.1721965884e-01),
            (151.0, 150.0, 1.5327010194e02, 1.9466674341e-01),
            (18.0, 20.0, 1.9525972636e01, 2.6416549393e-01),
        ],
        1.2475282092e03,
    ),
    "gauss3": (
        [
            (94.9, 96.0, 9.8940368970e01, 5.3005192833e-01),
            (0.009, 0.0096, 1.0945879335e-02, 1.2554058911e-04),
            (90.1, 80.0, 1.0069553078e02, 8.1256587317e-01),
            (113.0, 110.0, 1.1163619459e02, 3.5317859757e-01),
            (20.0, 25.0, 2.3300500029e01, 3.6584783023e-01),
            (73.8, 74.0, 7.3705031418e01, 1.2091239082e00),
            (140.0, 139.0, 1.4776164251e02, 4.0488183351e-01),
            (20.0, 25.0, 1.9668221230e01, 3.7806634336e-01),
        ],
        1.2444846360e03,
    ),
}


def data_of(name: str) -> xr.DataArray:
    names = TABLE.read_text(encoding="utf-8").splitlines()[3].split(",")
    values = np.loadtxt(TABLE, delimiter=",", skiprows=4)
    return label_spectra(values[:, names.index(name)], X, dim="channel", units="1")


def amplitude(height: float, width: float) -> float:
    """Area of a Gaussian from NIST's height and width."""
    return height * width * np.sqrt(np.pi)


def direct(b: list[float]) -> dict[str, Any]:
    """Options of fit_peaks that start from b1 to b8."""
    return {
        "lineshape": ["gaussian", "gaussian"],
        "background": "exponential",
        "start": {
            "amplitude": [amplitude(b[2], b[4]), amplitude(b[5], b[7])],
            "center": [b[3], b[6]],
            "sigma": [b[4] / ROOT, b[7] / ROOT],
            "background_left": b[0] * np.exp(-b[1] * X[0]),
            "background_right": b[0] * np.exp(-b[1] * X[-1]),
        },
    }


def through_lmfit(b: list[float]) -> dict[str, Any]:
    """The same by a model of lmfit."""
    model = models.ExponentialModel(prefix="e_") + models.GaussianModel(prefix="g_") + models.GaussianModel(prefix="h_")
    params = model.make_params(e_amplitude=b[0], e_decay=1 / b[1])
    for prefix, height, center, width in (("g_", *b[2:5]), ("h_", *b[5:8])):
        params[f"{prefix}amplitude"].set(value=amplitude(height, width), min=0)
        params[f"{prefix}center"].set(value=center)
        params[f"{prefix}sigma"].set(value=width / ROOT)
    return from_lmfit(model, params, X)


def certified_form(fit: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """b1 to b8 and their standard errors from ours."""
    left, right = float(fit.background_left), float(fit.background_right)
    span = X[-1] - X[0]
    b2 = np.log(left / right) / span
    b1 = left * np.exp(b2 * X[0])
    # derivatives of ln b1 and b2 by the two ends
    by_left, by_right = 1 / (left * span), -1 / (right * span)
    jacobian = np.array([[b1 * (1 / left + X[0] * by_left), b1 * X[0] * by_right], [by_left, by_right]])
    error = np.array([float(fit.background_left_stderr), float(fit.background_right_stderr)])
    names = {
        "parameter": ["background_left", "background_right"],
        "parameter_2": ["background_left", "background_right"],
    }
    covariance = fit.correlation.sel(names).values * error * error[:, None]
    b = [b1, b2]
    deviation = list(np.sqrt(np.diag(jacobian @ covariance @ jacobian.T)))
    for k in range(2):
        one = fit.isel(peak=k)
        b += [float(one.height), float(one.center), float(one.sigma) * ROOT]
        deviation += [float(one.height_stderr), float(one.center_stderr), float(one.sigma_stderr) * ROOT]
    return np.array(b), np.array(deviation)


def digits(found: np.ndarray, certified: np.ndarray) -> float:
    """Number of right digits, NIST's log relative error; the least of all."""
    return float(-np.log10(np.maximum(np.abs(found - certified) / np.abs(certified), 1e-16)).max())


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("door", [direct, through_lmfit])
@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", ["gauss1", "gauss2", "gauss3"])
def test_certified_values(name: str, start: int, door: Any, engine: str) -> None:
    rows, squares = CERTIFIED[name]
    table = np.array(rows)
    fit = peaks.fit_peaks(
        data_of(name), likelihood="gaussian", engine=engine, correlations=True, **door(list(table[:, start]))
    )
    b, deviation = certified_form(fit)
    assert int(fit.status) == 0
    assert digits(b, table[:, 2]) >= 6
    assert digits(deviation, table[:, 3]) >= 4
    assert digits(np.array([float(fit.deviance)]), np.array([squares])) >= 9
    assert int(fit.dof) == 242


@pytest.mark.parametrize("name", CERTIFIED)
def test_certified_values_without_any_start(name: str) -> None:
    rows, _ = CERTIFIED[name]
    fit = peaks.fit_peaks(
        data_of(name),
        n_peaks=2,
        lineshape="gaussian",
        background="exponential",
        likelihood="gaussian",
        engine="numpy",
        correlations=True,
    )
    b, deviation = certified_form(fit)
    assert digits(b, np.array(rows)[:, 2]) >= 6
    assert digits(deviation, np.array(rows)[:, 3]) >= 4
