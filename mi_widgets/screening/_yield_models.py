"""Models of a yield that are fitted inside a fold, choice of variables and all, and predict outside; arrays."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mi_widgets.methods.sparse import fit_lasso
from mi_widgets.screening._subset_data import Given, fit_predict, left_out
from mi_widgets.screening._subset_scores import blocks
from mi_widgets.screening._volcano_fit import fit_arrays, predict_arrays

__all__ = ["NAMES", "Outside", "predict_outside"]


@dataclass(frozen=True)
class Outside:
    """Predictions outside a fold: values, standard errors of new measurements, and which variables were used."""

    prediction: np.ndarray
    stderr: np.ndarray
    chosen: np.ndarray


def _mean(given: Given, inside: np.ndarray, _most: int, _sharp: float) -> Outside:
    n = int((~inside).sum())
    y = given.y[inside]
    return Outside(np.full(n, y.mean()), np.full(n, y.std(ddof=1)), np.zeros(given.x.shape[1], dtype=bool))


def _scaled(given: Given, inside: np.ndarray) -> np.ndarray:
    """All candidates, scaled by those inside alone."""
    spread = given.x[inside].std(axis=0)
    return np.asarray((given.x - given.x[inside].mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _lasso(given: Given, inside: np.ndarray, _most: int, _sharp: float) -> Outside:
    x = _scaled(given, inside)
    fit = fit_lasso(xr.DataArray(x[inside], dims=("sample", "variable")), xr.DataArray(given.y[inside], dims="sample"),
                    "sample", n_penalties=20, least_penalty=0.005)  # fmt: skip
    beta = np.nan_to_num(fit["coefficient"].values)
    prediction = float(fit["intercept"]) + (x[~inside] - fit["center"].values) / fit["scale"].values @ beta
    error = fit["error"].sel(penalty=float(fit["chosen_penalty"]), method="nearest")
    spread = float(np.sqrt(error)) if np.isfinite(error) else float(given.y[inside].std())
    return Outside(prediction, np.full(len(prediction), spread), beta != 0)


def best_subset(given: Given, inside: np.ndarray, most: int) -> np.ndarray:
    """The subset with the least leave-one-out error inside, as flags."""
    part = Given(_scaled(given, inside)[inside], given.y[inside], given.dim, most, given.model, given.degree)
    best, members = np.inf, np.zeros(0, dtype=np.int64)
    for subsets in blocks(len(part.y), part.x.shape[1], most, part.model, part.degree):
        error = (left_out(part, subsets).residual ** 2).mean(axis=1)
        if error.min() < best:
            best, members = float(error.min()), subsets[int(error.argmin())]
    return np.isin(np.arange(part.x.shape[1]), members)


def _subset(model: str) -> Callable[[Given, np.ndarray, int, float], Outside]:
    def predict(given: Given, inside: np.ndarray, most: int, _sharp: float) -> Outside:
        own = Given(given.x, given.y, given.dim, most, model, 2)
        chosen = best_subset(own, inside, most)
        return Outside(*fit_predict(own, chosen, inside), chosen)

    return predict


def _volcano(given: Given, inside: np.ndarray, most: int, sharp: float) -> Outside:
    chosen = best_subset(Given(given.x, given.y, given.dim, most, "kernel", 2), inside, most)
    x = _scaled(given, inside)[:, chosen]
    found = predict_arrays(fit_arrays(x[inside], given.y[inside], sharp), x[~inside])
    return Outside(found["prediction"], found["prediction_stderr"], chosen)


def _process(given: Given, inside: np.ndarray, _most: int, _sharp: float) -> Outside:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, WhiteKernel

    x = _scaled(given, inside)
    kernel = 1.0 * RBF(np.full(x.shape[1], 3.0), (0.3, 100.0)) + WhiteKernel(0.1, (1e-4, 2.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound: the variable does nothing
        process.fit(x[inside], given.y[inside])
    prediction, stderr = process.predict(x[~inside], return_std=True)
    lengths = process.kernel_.get_params()["k1__k2__length_scale"]
    return Outside(prediction, stderr, np.asarray(lengths) < 10.0)


#: Models by name.
NAMES: dict[str, Callable[[Given, np.ndarray, int, float], Outside]] = {
    "mean": _mean,
    "lasso": _lasso,
    "quadratic": _subset("polynomial"),
    "kernel": _subset("kernel"),
    "gaussian_process": _process,
    "volcano": _volcano,
}


def predict_outside(name: str, given: Given, inside: np.ndarray, most: int, sharp: float) -> Outside:
    """Fit one model inside a fold and predict outside of it."""
    return NAMES[name](given, inside, most, sharp)
