"""From relaxed reference points to the whole grid: a regression, and its error far from all that it was fitted to."""

from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["Fitted", "blocks_of", "fit_references", "make_regressor"]

_BLOCK = 3.0


class Fitted:
    """A regression of what the elastic estimate leaves over.

    Attributes
    ----------
    model : estimator
        Fitted to all references.
    held_out : (n_references,)
        Prediction for each reference by a fit without its block of the cell and those of its fold.
    scale : float
        Factor that makes the standard errors those of the held-out points.
    rmse : float
        eV, of the held-out predictions.
    """

    def __init__(self, model: Any, held_out: np.ndarray, error: np.ndarray, target: np.ndarray) -> None:
        self.model, self.held_out = model, held_out
        off = held_out - target
        self.rmse = float(np.sqrt(np.mean(np.square(off))))
        self.scale = float(np.sqrt(np.mean(np.square(off / error))))
        self.held_out_error = error * self.scale
        self.plain = not _knows_error(model)

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and standard errors (eV), some thousand points at a time."""
        parts = [_with_error(self.model, f) for f in np.array_split(features, len(features) // 5000 + 1)]
        value, error = (np.concatenate(p) for p in zip(*parts, strict=True))
        return value, np.full(len(value), self.rmse) if self.plain else error * self.scale


def make_regressor(regressor: Any, who: str) -> Any:
    """An estimator of scikit-learn, by its name or as it is."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if regressor == "gp":
        kernel = ConstantKernel(1.0, (1e-2, 1e3)) * RBF(10.0, (1.0, 1e3)) + WhiteKernel(0.1, (1e-4, 10.0))
        return make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, normalize_y=True))
    if regressor == "ridge":
        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))
    if hasattr(regressor, "fit") and hasattr(regressor, "predict"):
        return regressor
    raise ParameterError(f"{who}: regressor must be 'gp', 'ridge' or an estimator of scikit-learn; got {regressor!r}.")


def blocks_of(point: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Number of the block of about 3 angstrom in which each point lies."""
    n = np.maximum((box / _BLOCK).astype(int), 2)
    cell = np.minimum((np.mod(point, box) / box * n).astype(int), n - 1)
    return np.asarray(np.ravel_multi_index(tuple(cell.T), tuple(n)))


def fit_references(
    regressor: Any, features: np.ndarray, target: np.ndarray, block: np.ndarray, *, n_folds: int, seed: int
) -> Fitted:
    """Fit to all, and predict each fold of blocks from the others."""
    import warnings

    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound is no fault here
        model = clone(regressor).fit(features, target)
        known = np.unique(block)
        fold_of = dict(zip(known, np.random.default_rng(seed).permutation(len(known)) % n_folds, strict=True))
        fold = np.array([fold_of[b] for b in block])
        value, error = np.zeros(len(target)), np.ones(len(target))
        for k in range(n_folds):
            out = fold == k
            if out.any() and not out.all():
                other = _without(model, regressor, features[~out], target[~out])
                value[out], error[out] = _with_error(other, features[out])
    return Fitted(model, value, np.maximum(error, 1e-6), target)


def _without(model: Any, regressor: Any, features: np.ndarray, target: np.ndarray) -> Any:
    """A fit to fewer points; a Gaussian process keeps the kernel that all points gave it."""
    from sklearn.base import clone

    new = clone(regressor)
    last = getattr(new, "steps", [("", None)])[-1][1]
    if hasattr(last, "optimizer"):
        last.set_params(kernel=model.steps[-1][1].kernel_, optimizer=None)
    return new.fit(features, target)


def _knows_error(model: Any) -> bool:
    import inspect

    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return "return_std" in inspect.signature(last.predict).parameters


def _with_error(model: Any, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if _knows_error(model):
        value, error = model.predict(features, return_std=True)
        return np.asarray(value), np.asarray(error)
    value = np.asarray(model.predict(features))
    return value, np.ones(len(value))
