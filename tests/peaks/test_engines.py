"""The two engines against each other, against lmfit's functions and against numerical derivatives."""

import subprocess
import sys
import warnings

import lmfit
import numpy as np
import pytest

from mi_widgets import datasets, peaks
from mi_widgets.peaks import _numpy
from mi_widgets.peaks._engine import Problem, fit_block
from mi_widgets.peaks._model import Model

X = np.linspace(-3.0, 4.0, 141)
LMFIT = {
    "gaussian": lmfit.lineshapes.gaussian,
    "lorentzian": lmfit.lineshapes.lorentzian,
    "pseudo-voigt": lmfit.lineshapes.pvoigt,
}


def some_parameters(model: Model, n: int = 3) -> np.ndarray:
    rng = np.random.default_rng(5)
    p = np.empty((n, model.n_parameters))
    ranges = {"amplitude": (50, 300), "center": (-1, 2), "sigma": (0.3, 0.8), "fraction": (0.1, 0.9)}
    for name in model.peak_names:
        p[:, model.columns(name)] = rng.uniform(*ranges[name], (n, model.n_peaks))
    for name in model.background_names:
        p[:, model.columns(name)] = rng.uniform(5, 20, n)
    return p


@pytest.mark.parametrize("lineshape", LMFIT)
def test_line_shapes_are_those_of_lmfit(lineshape: str) -> None:
    model = Model(lineshape, 2, "linear")
    p = some_parameters(model)
    expected = np.zeros((len(p), X.size))
    for row, values in enumerate(p):
        for k in range(2):
            n = len(model.peak_names)
            expected[row] += LMFIT[lineshape](X, *values[k * n : (k + 1) * n])
        expected[row] += np.interp(X, X[[0, -1]], values[-2:])
    np.testing.assert_allclose(_numpy.model(X, X[[0, -1]], p, model.codes), expected, rtol=1e-12)


@pytest.mark.parametrize("background", ["none", "constant", "linear"])
@pytest.mark.parametrize("lineshape", LMFIT)
def test_jacobian_is_the_derivative(lineshape: str, background: str) -> None:
    model = Model(lineshape, 2, background)
    p, ends = some_parameters(model), X[[0, -1]]
    f, jac = _numpy.jacobian(X, ends, p, model.codes)
    np.testing.assert_allclose(f, _numpy.model(X, ends, p, model.codes), rtol=1e-13)
    for a in range(model.n_parameters):
        h = np.zeros(model.n_parameters)
        h[a] = 1e-5 * max(1.0, abs(p[0, a]))
        numeric = (_numpy.model(X, ends, p + h, model.codes) - _numpy.model(X, ends, p - h, model.codes)) / (2 * h[a])
        np.testing.assert_allclose(jac[:, a], numeric, rtol=1e-6, atol=1e-6 * np.abs(numeric).max())


@pytest.mark.parametrize("poisson", [True, False])
@pytest.mark.parametrize("background", ["none", "constant", "linear"])
@pytest.mark.parametrize("lineshape", LMFIT)
def test_engines_agree(lineshape: str, background: str, poisson: bool) -> None:
    """From starts that are off, with channels missing, to 1e-6 of every value, standard error and cost."""
    pytest.importorskip("numba")
    model = Model(lineshape, 2, background)
    rng = np.random.default_rng(8)
    truth = np.repeat(some_parameters(model, 1), 40, axis=0)
    truth[:, model.columns("center")] = [-1.0, 1.5]
    y = rng.poisson(np.maximum(_numpy.model(X, X[[0, -1]], truth, model.codes), 0.5)).astype(float)
    y[7, 30:34], y[9, 100] = np.nan, np.nan
    low, high = model.bounds(X, positive_background=poisson)
    start = np.clip(truth * rng.uniform(0.8, 1.2, truth.shape), low, high)
    problem = Problem(X, low, high, model.codes, poisson)
    w = np.ones((1, 1)) if poisson else 1 / np.maximum(np.nan_to_num(y, nan=1.0), 1.0)
    one, other = (fit_block(problem, y, w, start, engine=e) for e in ("numba", "numpy"))
    assert one.converged.all()
    np.testing.assert_array_equal(one.converged, other.converged)
    spread = np.sqrt(np.einsum("nii->ni", other.covariance))
    scale = np.fmax(np.abs(other.parameters), np.nan_to_num(spread))
    np.testing.assert_array_less(np.abs(one.parameters - other.parameters), 1e-6 * scale + 1e-12)
    np.testing.assert_allclose(one.cost, other.cost, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.einsum("nii->ni", one.covariance)), spread, rtol=1e-6)


def test_whole_results_agree() -> None:
    pytest.importorskip("numba")
    ds = datasets.make_spectral_map(preset="overlap", shape=(12, 12), counts=300, seed=2)
    one, other = (peaks.fit_peaks(ds.spectra, "energy", n_peaks=2, engine=e) for e in ("numba", "numpy"))
    for name in one.data_vars:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-6, atol=1e-9, err_msg=str(name))


def test_numpy_serves_where_numba_is_not() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\n"
        "from mi_widgets import datasets, peaks, errors\n"
        "s = datasets.make_spectral_map(shape=(3, 3)).spectra\n"
        "assert int(peaks.fit_peaks(s, n_peaks=2).status.max()) <= 1\n"
        "try: peaks.fit_peaks(s, n_peaks=2, engine='numba')\n"
        "except errors.MissingDependencyError as e: print(e)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install" in out.stdout


def test_a_small_fit_from_many_threads_at_once() -> None:
    """The page fits a pixel while a worker fits the map."""
    from concurrent.futures import ThreadPoolExecutor

    ds = datasets.make_spectral_map(shape=(6, 6), seed=1)
    alone = peaks.fit_peaks(ds.spectra, n_peaks=2)
    with ThreadPoolExecutor(4) as pool, warnings.catch_warnings():
        together = list(pool.map(lambda _: peaks.fit_peaks(ds.spectra, n_peaks=2), range(8)))
    for result in together:
        np.testing.assert_array_equal(result.center, alone.center)
