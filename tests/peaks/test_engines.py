"""The two engines against each other, against lmfit's functions and against numerical derivatives."""

import os
import subprocess
import sys
import textwrap
import warnings
from itertools import pairwise
from pathlib import Path

import lmfit
import numpy as np
import pytest
from scipy.integrate import quad

from mi_widgets import datasets, peaks
from mi_widgets.peaks._engines import _door, _numpy, _numpy_doniach
from mi_widgets.peaks._engines._door import fit_block
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._ties import parse_ties

X = np.linspace(-3.0, 4.0, 141)


def split_pseudo_voigt(x: np.ndarray, *p: float) -> np.ndarray:
    """Asymmetric pseudo-Voigt from lmfit's functions, each side with its own width."""
    amplitude, center, sigma, fraction, asymmetry = p
    out = np.empty_like(x)
    for side, k in ((x < center, 1 - asymmetry), (x >= center, 1 + asymmetry)):
        out[side] = lmfit.lineshapes.pvoigt(x[side], amplitude * k, center, sigma * k, fraction)
    return out


def convolved_doniach(x: np.ndarray, *p: float) -> np.ndarray:
    """Lmfit's Doniach profile, summed up over a Gaussian; turned round for a gamma below zero."""
    amplitude, center, sigma, gamma, width = p
    shift = np.linspace(-9.0, 9.0, 2001) * width
    t = (x - center) * (-1 if gamma < 0 else 1)
    curves = lmfit.lineshapes.doniach(t - shift[:, None], amplitude, 0.0, sigma, abs(gamma))
    return np.exp(-0.5 * (shift / width) ** 2) @ curves * (shift[1] - shift[0]) / (width * np.sqrt(2 * np.pi))


LMFIT = {
    "gaussian": lmfit.lineshapes.gaussian,
    "lorentzian": lmfit.lineshapes.lorentzian,
    "pseudo-voigt": lmfit.lineshapes.pvoigt,
    "voigt": lmfit.lineshapes.voigt,
    "asymmetric-pseudo-voigt": split_pseudo_voigt,
    "doniach": convolved_doniach,
}
MODELS = [Model((shape, shape), ground) for shape in LMFIT for ground in ("none", "constant", "linear")]
MODELS += [Model(("pseudo-voigt", "voigt"), ground) for ground in ("quadratic", "exponential", "shirley")]
MODELS += [Model(("pseudo-voigt", "doniach"), ground) for ground in ("shirley", "tougaard", "tougaard-u3")]


def name_of(model: Model) -> str:
    return f"{'+'.join(model.lineshapes)}+{model.background}"


def some_parameters(model: Model, n: int = 3) -> np.ndarray:
    rng = np.random.default_rng(5)
    p = np.empty((n, model.n_parameters))
    ranges = {"amplitude": (50, 300), "center": (-1, 2), "sigma": (0.3, 0.8), "fraction": (0.1, 0.9)}
    ranges |= {"gamma": (0.1, 0.4), "background_step": (0.02, 0.1), "asymmetry": (-0.4, 0.4)}
    ranges |= {"gaussian_sigma": (0.2, 0.4), "background_b": (0.5, 1.5), "background_c": (2, 4), "background_d": (2, 4)}
    for name in (*model.peak_names, *model.background_names):
        columns = model.columns(name)
        p[:, columns] = rng.uniform(*ranges.get(name, (5, 20)), (n, columns.size))
    return p


LOSS = {"background_b": (0, 50), "background_c": (0.5, 50), "background_d": (0.5, 50)}


def problem_of(model: Model, *, poisson: bool = True, rising: bool = True, ties: object = None) -> Problem:
    bounds = {name: pair for name, pair in LOSS.items() if name in model.background_names}
    low, high = model.bounds(X, positive_background=poisson, user=bounds)
    return Problem(X, model, low, high, poisson, rising, parse_ties(ties, model))  # type: ignore[arg-type]


@pytest.mark.parametrize("lineshape", LMFIT)
def test_line_shapes_are_those_of_lmfit(lineshape: str) -> None:
    model = Model((lineshape, lineshape), "linear")
    p = some_parameters(model)
    expected = np.zeros((len(p), X.size))
    for row, values in enumerate(p):
        for k in range(2):
            expected[row] += LMFIT[lineshape](X, *values[model.peak(k)])
        expected[row] += np.interp(X, X[[0, -1]], values[-2:])
    np.testing.assert_allclose(_numpy.model(problem_of(model), X, p), expected, rtol=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.15, -0.3, 0.49])
@pytest.mark.parametrize("ratio", [0.02, 0.4, 2.0, 2.99, 3.01, 6.0, 7.9, 8.1, 40.0, 1000.0])
def test_doniach_from_gaussian_to_lorentzian(ratio: float, gamma: float) -> None:
    """The curve itself in both engines, against SciPy's quadrature; series meet at ratios of 3 and 8."""
    width = 0.1
    p = np.array([[100.0, 0.3, ratio * width, gamma, width]])
    x = np.concatenate([np.array([-30.0, -8.0, -1.2, -0.55, 0.0]), np.linspace(0.25, 1.4, 9), np.array([5.0, 200.0])])

    def integrand(u: float, at: float) -> float:
        d = (at - u * width - 0.3) * (-1 if gamma < 0 else 1)
        return float(lmfit.lineshapes.doniach(d, 100.0, 0.0, ratio * width, abs(gamma)) * np.exp(-0.5 * u * u))

    lows = [sorted({-9.0, *np.clip([(v - 0.3) / width + i * ratio for i in (-3, 0, 3)], -9, 9), 9.0}) for v in x]
    exact = [
        sum(quad(integrand, lo, hi, args=(v,), epsrel=1e-11, limit=200)[0] for lo, hi in pairwise(ends))
        for v, ends in zip(x, lows, strict=True)
    ]
    expected = np.array(exact) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(_numpy_doniach.values(x, p)[0], expected, rtol=2e-8)
    pytest.importorskip("numba")
    from mi_widgets.peaks._engines._numba_doniach import add_doniach, doniach_rows

    out, rows = np.zeros(x.size), np.empty((5, x.size))
    add_doniach(x, *p[0], out, x.size)
    doniach_rows(x, *p[0], rows, x.size)
    np.testing.assert_allclose(out, expected, rtol=2e-8)
    np.testing.assert_allclose(rows, np.stack(_numpy_doniach.derivatives(x, p))[:, 0], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("lineshape", LMFIT)
def test_widths_and_heights_are_those_of_the_curve(lineshape: str) -> None:
    model = Model((lineshape,), "none")
    shape, p = model.shapes[0], some_parameters(model)
    fine = np.linspace(-20.0, 20.0, 400001)
    for row in p:
        row[1] = 0.0
        curve = _numpy.model(problem_of(model), fine, row[None])[0]
        assert shape.height(row) == pytest.approx(curve[200000], rel=1e-9)  # at the center
        width = np.ptp(fine[curve >= curve.max() / 2])
        assert shape.fwhm(row) == pytest.approx(width, rel=5e-4)  # Voigt's is an approximation


@pytest.mark.parametrize(
    ("model", "rising"), [*((m, True) for m in MODELS), *((m, False) for m in MODELS if m.ground.active)]
)
def test_jacobian_is_the_derivative(model: Model, rising: bool) -> None:
    p, problem = some_parameters(model), problem_of(model, rising=rising)
    f, jac = _numpy.jacobian(problem, X, p)
    np.testing.assert_allclose(f, _numpy.model(problem, X, p), rtol=1e-13)
    for a in range(model.n_parameters):
        h = np.zeros(model.n_parameters)
        h[a] = 1e-5 * max(1.0, abs(p[0, a]))
        numeric = (_numpy.model(problem, X, p + h) - _numpy.model(problem, X, p - h)) / (2 * h[a])
        np.testing.assert_allclose(jac[:, a], numeric, rtol=1e-6, atol=1e-6 * np.abs(numeric).max())


TIED = {"p1_center": "p0_center + 2.5", "sigma": "equal"}


@pytest.mark.parametrize(
    ("poisson", "ties", "rising"), [(True, None, True), (False, None, True), (True, TIED, False)],
    ids=["poisson", "gaussian", "tied"],
)  # fmt: skip
@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_engines_agree(model: Model, poisson: bool, ties: dict[str, str] | None, rising: bool) -> None:
    """From starts that are off, with channels missing, to 1e-6 of every value, standard error and cost."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(8)
    problem = problem_of(model, poisson=poisson, rising=rising, ties=ties)
    truth = np.repeat(some_parameters(model, 1), 40, axis=0)
    truth[:, model.columns("center")] = [-1.0, 1.5]
    truth = problem.expand(truth[:, problem.free])
    y = rng.poisson(np.maximum(_numpy.model(problem, X, truth), 0.5)).astype(float)
    y[7, 30:34], y[9, 100] = np.nan, np.nan
    start = np.clip(truth * rng.uniform(0.8, 1.2, truth.shape), problem.low, problem.high)
    w = np.ones((1, 1)) if poisson else 1 / np.maximum(np.nan_to_num(y, nan=1.0), 1.0)
    one, other = (fit_block(problem, y, w, start, engine=e) for e in ("numba", "numpy"))
    np.testing.assert_array_equal(one.converged, other.converged)
    assert one.converged.mean() > 0.95
    spread = np.sqrt(np.einsum("nii->ni", other.covariance))
    scale = np.fmax(np.abs(other.parameters), np.nan_to_num(spread))
    np.testing.assert_array_less(np.abs(one.parameters - other.parameters), 1e-6 * scale + 1e-12)
    np.testing.assert_allclose(one.cost, other.cost, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.einsum("nii->ni", one.covariance)), spread, rtol=1e-6)
    if ties:
        np.testing.assert_allclose(np.ptp(one.parameters[:, model.columns("sigma")], axis=1), 0, atol=1e-12)


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


def test_the_first_fit_does_not_wait_for_the_compiler(tmp_path: Path) -> None:
    """With nothing compiled the NumPy engine works before numba is so much as imported."""
    code = """
        import sys
        sys.modules["sparse"] = None  # xarray imports it where it is installed, and it imports numba
        from mi_widgets import datasets, peaks
        spectra = datasets.make_spectral_map(shape=(2, 2), seed=1).spectra
        first = next(part for part in peaks.iter_fit_peaks(spectra, n_peaks=1, lineshape="gaussian") if part.done)
        print("numba" in sys.modules, first.done)
    """
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["False", "4"]


def test_a_process_of_its_own_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process the compiler would catch the warnings of every thread."""
    calls: list[str] = []
    monkeypatch.setattr(_door, "_compiled_before", lambda: False)
    monkeypatch.setattr(_door, "_compile_elsewhere", lambda: calls.append("process"))
    monkeypatch.setattr(_door, "_compile", lambda: calls.append("thread"))
    assert _door._WarmUp().ready(60.0)
    assert calls == ["process", "thread"]
