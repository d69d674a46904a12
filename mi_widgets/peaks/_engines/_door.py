"""One door to the two engines: which one, and spectra with missing channels."""

import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np

from mi_widgets.errors import MissingDependencyError, ParameterError
from mi_widgets.peaks._engines import _numpy
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._problem import Problem

__all__ = ["Fitted", "fit_block", "resolve_engine"]

MAX_ITER, DAMPING = 200, 0.1
COMPILE_SECONDS, HEAD_START = 600.0, 1.5
TOLERANCE = 1e-5  # expected gain in cost; the step that promises less is still taken, so the error is far smaller


@dataclass
class Fitted:
    """Result of one block: arrays with the spectra first.

    Attributes
    ----------
    parameters : (n_spectra, n_parameters)
    cost : (n_spectra,)
        Half the deviance up to a constant of the data (poisson), or half of chi squared (gaussian).
    n_iter, converged : (n_spectra,)
    covariance : (n_spectra, n_parameters, n_parameters)
        Inverse Fisher information; NaN where a parameter has none.
    """

    parameters: np.ndarray
    cost: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray
    covariance: np.ndarray

    def take_better(self, other: "Fitted", rows: np.ndarray, margin: float) -> np.ndarray:
        """Replace `rows` by `other` where it lowers the cost by more than `margin`; return which were replaced."""
        old = self.cost[rows]
        better = np.isnan(old) | (other.cost < old - margin)
        for name in ("parameters", "cost", "n_iter", "converged", "covariance"):
            getattr(self, name)[rows[better]] = getattr(other, name)[better]
        return better


@cache
def _numba_engine() -> ModuleType | None:
    try:
        from mi_widgets.peaks._engines import _numba
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None
    return _numba


class _WarmUp:
    """Compiles (or loads from cache) the numba engine once, in the background."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._done, self._hurry = threading.Event(), threading.Event()

    def ready(self, wait: float) -> bool:
        """Whether the engine is compiled, after waiting for it at most `wait` seconds.

        Where nothing is compiled a short wait is of no use; compilation then begins a little later, so that it does not
        take the interpreter from the first fit.
        """
        if wait > HEAD_START or _compiled_before():
            self._hurry.set()
        else:
            wait = 0.0
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mi_widgets-compile", daemon=True)
                self._thread.start()
        done = self._done.wait(wait)
        if self._error is not None:
            raise RuntimeError("numba could not compile the engine; write engine='numpy'.") from self._error
        return done

    def _run(self) -> None:
        self._hurry.wait(HEAD_START)
        if _numba_engine() is None:
            return
        try:
            if not _compiled_before():
                _compile_elsewhere()
            _compile()
        except Exception as error:  # noqa: BLE001 - kept, and raised in the thread that asks
            self._error = error
        self._done.set()


_warm_up = _WarmUp()


def _compile() -> None:
    """Run the engine once for each likelihood, which compiles it or loads it from numba's cache."""
    x = np.linspace(0.0, 1.0, 12)
    model = Model(("pseudo-voigt",), "linear")
    start = np.array([[1.0, 0.5, 0.2, 0.5, 1.0, 1.0]])
    for poisson in (True, False):
        problem = Problem(x, model, np.zeros(6), np.full(6, 10.0), poisson)
        _run_numba(problem, np.ones((1, 12)), np.ones((1, 1)), start, 1)


def _compile_elsewhere() -> None:
    """Fill numba's cache from a process of its own.

    numba's compiler takes the interpreter for seconds, and catches the warnings of every thread meanwhile. Where this
    does not work the thread compiles.
    """
    command = f"from {__name__} import _compile; _compile()"
    nothing = subprocess.DEVNULL
    with suppress(OSError):
        subprocess.run([sys.executable, "-c", command], stdin=nothing, stdout=nothing, stderr=nothing, check=False)


@cache
def _compiled_before() -> bool:
    """Whether numba's cache has the engine, in one of the places where numba looks for it."""
    here = Path(__file__).parent / "__pycache__"
    given = os.environ.get("NUMBA_CACHE_DIR")
    places = [Path(given)] if given else [here, Path.home() / ".cache" / "numba"]
    return any(next(place.rglob("_numba.fit_rows-*.nbi"), None) is not None for place in places if place.is_dir())


def resolve_engine(engine: str, *, wait: float = 1.0) -> str:
    """Name of the engine to use: ``"numba"`` or ``"numpy"``.

    ``"auto"`` is numba as soon as it is compiled: loading it from its cache takes part of a second and is waited
    for, compiling it for the first time takes ten seconds or more, during which NumPy already works.
    """
    if engine not in ("auto", "numba", "numpy"):
        raise ParameterError(f"unknown engine {engine!r}; write 'auto', 'numba' or 'numpy'.")
    if engine == "numpy":
        return "numpy"
    # where nothing is compiled not even numba is imported here, which takes time as well
    cold = engine == "auto" and wait <= HEAD_START and not _compiled_before() and find_spec("numba") is not None
    if not cold and _numba_engine() is None:
        if engine == "numba":
            raise MissingDependencyError("engine='numba' needs numba: pip install \"mi-widgets[fast]\".")
        return "numpy"
    if engine == "numba":
        _warm_up.ready(COMPILE_SECONDS)
        return "numba"
    try:
        return "numba" if _warm_up.ready(wait) else "numpy"
    except RuntimeError:
        return "numpy"


def _empty(p: np.ndarray) -> Fitted:
    count, n = p.shape
    return Fitted(
        parameters=np.array(p, dtype=float, order="C"),
        cost=np.empty(count),
        n_iter=np.empty(count, dtype=np.int64),
        converged=np.empty(count, dtype=bool),
        covariance=np.empty((count, n, n)),
    )


def _run_numba(problem: Problem, y: np.ndarray, w: np.ndarray, q: np.ndarray, max_iter: int) -> Fitted:
    out, (low, high) = _empty(q), problem.box
    _numba_engine().fit_rows(  # type: ignore[union-attr]
        problem.axis, y, w, out.parameters, low, high, problem.slot, problem.factor, problem.offset, problem.shapes,
        problem.background, problem.rising, problem.poisson, max_iter, TOLERANCE, DAMPING,
        out.cost, out.n_iter, out.covariance, out.converged,
    )  # fmt: skip
    return out


def _run_numpy(problem: Problem, y: np.ndarray, w: np.ndarray, q: np.ndarray, max_iter: int) -> Fitted:
    out, finite = _empty(q), np.isfinite(y)
    whole = finite.all(axis=1)
    rows_whole = np.flatnonzero(whole)
    batches = [rows_whole[i : i + _numpy.BATCH] for i in range(0, rows_whole.size, _numpy.BATCH)]
    for rows in [*batches, *np.flatnonzero(~whole)[:, None]]:  # spectra with gaps one by one
        channels = slice(None) if whole[rows[0]] else np.flatnonzero(finite[rows[0]])
        weights = np.broadcast_to(w if len(w) == 1 else w[rows], (len(rows), y.shape[1]))
        out.parameters[rows], out.cost[rows], out.n_iter[rows], out.covariance[rows], out.converged[rows] = (
            _numpy.fit_batch(
                problem, channels, y[rows][:, channels], weights[:, channels], q[rows],
                max_iter=max_iter, tol=TOLERANCE, damping=DAMPING,
            )
        )  # fmt: skip
    return out


def fit_block(
    problem: Problem, y: np.ndarray, w: np.ndarray, p: np.ndarray, *, engine: str, max_iter: int = MAX_ITER
) -> Fitted:
    """Fit every spectrum of a block.

    Parameters
    ----------
    problem : Problem
        Axis, model, bounds, ties and likelihood.
    y : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra, float64; channels that are not finite are left out.
    w : numpy.ndarray, shape (n_spectra or 1, n_channels or 1)
        Weights 1/variance; read only for the gaussian likelihood.
    p : numpy.ndarray, shape (n_spectra, n_parameters)
        Starting values; not modified.
    engine : {"numba", "numpy"}
        Both give the same numbers to rounding.
    max_iter : int
        Iterations at most.
    """
    out = (_run_numba if engine == "numba" else _run_numpy)(problem, y, w, p[:, problem.free], max_iter)
    out.parameters, out.covariance = problem.expand(out.parameters), problem.expand_covariance(out.covariance)
    return out
