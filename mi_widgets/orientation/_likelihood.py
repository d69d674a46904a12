"""The likelihood of all replicas with NumPy, and which of the two engines computes it."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from mi_widgets.errors import MissingDependencyError, ParameterError

__all__ = ["engine_of", "log_likelihood"]

FLOOR = 1e-300
#: So many different angles make numba quicker.
MANY = 400
Likelihood = Callable[..., np.ndarray]


def log_likelihood(
    cosine: np.ndarray,
    sine: np.ndarray,
    counts: np.ndarray,
    single: bool,  # noqa: ARG001
    base: np.ndarray,
    weight: np.ndarray,
    density: np.ndarray,
    changed: int,
    along: np.ndarray,
    aside: np.ndarray,
    level: np.ndarray,
    new: np.ndarray,
) -> np.ndarray:
    """Log-likelihoods (R,); where component `changed` is not negative its density is made anew into `new` (R, m)."""
    p = np.repeat(base[:, None], cosine.size, axis=1)
    if changed >= 0:
        np.exp(along[:, None] * cosine + aside[:, None] * sine + level[:, None], out=new)
    for k in range(density.shape[1]):
        p += weight[:, k, None] * (new if k == changed else density[:, k])
    return np.asarray(np.log(np.maximum(p, FLOOR, out=p), out=p) @ counts)


def engine_of(engine: str, n_angles: int) -> Likelihood:
    """The function that computes likelihoods; ``"auto"`` is numba where it is installed and angles are many.

    NumPy's exponentials are vectorised: for rounded angles it is as quick, and there is nothing to compile.
    """
    if engine not in ("auto", "numba", "numpy"):
        raise ParameterError(f"unknown engine {engine!r}; write 'auto', 'numba' or 'numpy'.")
    if engine == "numba" and find_spec("numba") is None:
        raise MissingDependencyError("engine='numba' needs numba: pip install \"mi-widgets[fast]\".")
    few = engine == "auto" and n_angles < MANY
    compiled = None if engine == "numpy" or few else _numba()
    return log_likelihood if compiled is None else compiled


@cache
def _numba() -> Any:
    try:
        from mi_widgets.orientation import _numba_likelihood
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None
    return _numba_likelihood.log_likelihood
