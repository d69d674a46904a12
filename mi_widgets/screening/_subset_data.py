"""Data of subset searches: checked, divided into folds, fitted inside and predicted outside."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.screening._subset_scores import (
    LeftOut,
    design,
    left_out_kernel,
    left_out_polynomial,
    predict_kernel,
)

__all__ = ["MODELS", "Given", "aligned", "checked", "fit_predict", "labels_of", "left_out", "make_folds"]

#: Models whose errors can be searched.
MODELS = ("polynomial", "kernel")


@dataclass(frozen=True)
class Given:
    """Checked data: standardized columns, target, its dimension, and what is fitted."""

    x: np.ndarray
    y: np.ndarray
    dim: str
    most: int
    model: str
    degree: int


def left_out(given: Given, subsets: np.ndarray) -> LeftOut:
    """Predictions of left-out candidates by the model on each subset."""
    if given.model == "kernel":
        return left_out_kernel(given.x, given.y - given.y.mean(), subsets)
    return left_out_polynomial(given.x, given.y, subsets, given.degree)


def aligned(features: xr.DataArray, target: xr.DataArray) -> xr.DataArray:
    """Features in the order of the candidates of the target, by their labels where both have some."""
    if not isinstance(features, xr.DataArray) or not isinstance(target, xr.DataArray):
        raise DataError(
            "features (candidate, feature) and a target (candidate) must be labelled arrays (xarray.DataArray); got "
            f"{type(features).__name__} and {type(target).__name__}."
        )
    if features.ndim != 2 or "feature" not in features.dims or target.ndim != 1 or target.dims[0] not in features.dims:
        raise DataError(
            f"exhaustive_search needs features (candidate, feature) and a target (candidate); got {features.dims} and "
            f"{target.dims}."
        )
    dim = str(target.dims[0])
    if features.sizes[dim] != target.sizes[dim]:
        raise DataError(
            f"there are {features.sizes[dim]} candidates with features and {target.sizes[dim]} with a target; give the "
            "same."
        )
    for name, one in ((dim, features), (dim, target), ("feature", features)):
        labels = one.indexes.get(name)
        if labels is not None and not labels.is_unique:
            raise DataError(
                f"{name} {labels[labels.duplicated()][0]!r} is there twice; give each a label of its own: "
                f"assign_coords({name}=...)."
            )
    if dim not in features.indexes or dim not in target.indexes or features.indexes[dim].equals(target.indexes[dim]):
        return features
    other = features.indexes[dim].symmetric_difference(target.indexes[dim])
    if len(other):
        raise DataError(
            f"features and target are not of the same candidates: {other[0]!r} is in one of them only. Write "
            "features, target = xr.align(features, target)."
        )
    return features.sel({dim: target[dim]})


def labels_of(target: xr.DataArray, dim: str) -> xr.DataArray | np.ndarray:
    """Labels of the candidates; numbers where they have none."""
    return target[dim] if dim in target.coords else np.arange(target.sizes[dim])


def make_folds(n: int, n_folds: int, seed: int | np.random.Generator | None) -> np.ndarray:
    """Fold of each candidate."""
    if isinstance(n_folds, bool) or not isinstance(n_folds, int) or not 2 <= n_folds <= n // 2:
        raise ParameterError(f"n_folds must be a whole number from 2 to {n // 2}; got {n_folds!r}.")
    try:
        rng = np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ParameterError(f"seed must be a whole number of 0 or more, or None; got {seed!r}.") from None
    return np.asarray(rng.permutation(n) % n_folds)


def fit_predict(given: Given, chosen: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and standard errors outside, by the model on the `chosen` variables fitted inside."""
    x = given.x[:, chosen]
    spread = x[inside].std(axis=0)
    x = (x - x[inside].mean(axis=0)) / np.where(spread > 0, spread, 1.0)  # nothing from outside, not even a scale
    if given.model == "kernel":
        return predict_kernel(x, given.y, inside)
    columns = design(x, np.arange(x.shape[1])[None], given.degree)[0]
    coefficients = np.linalg.lstsq(columns[inside], given.y[inside], rcond=None)[0]
    rest = given.y[inside] - columns[inside] @ coefficients
    variance = (rest**2).sum() / max(int(inside.sum()) - columns.shape[1], 1)
    inverse = np.linalg.pinv(columns[inside].T @ columns[inside])
    leverage = np.einsum("nc,cd,nd->n", columns[~inside], inverse, columns[~inside])
    return columns[~inside] @ coefficients, np.sqrt(variance * (1 + leverage))


def checked(features: xr.DataArray, target: xr.DataArray, model: str, degree: int, max_features: int | None) -> Given:
    """Checked data and options."""
    features = aligned(features, target)
    dim = str(target.dims[0])
    x = np.asarray(features.transpose(dim, "feature").values, dtype=float)
    y = np.asarray(target.values, dtype=float)
    bad = int((~np.isfinite(x)).any(axis=1).sum() + (~np.isfinite(y)).sum())
    if bad:
        raise DataError(f"{bad} values are missing or infinite; leave these candidates out: ds.dropna({dim!r}).")
    names = features["feature"].values.tolist()
    spread = x.std(axis=0)
    constant = [n for n, s, m in zip(names, spread, np.abs(x).max(axis=0), strict=True) if s <= 1e-12 * max(m, 1e-300)]
    if constant:
        raise DataError(f"variable {constant[0]!r} is constant and can explain nothing; leave it out.")
    if y.std() <= 1e-12 * max(np.abs(y).max(), 1e-300):
        raise DataError("the target is the same for all candidates; there is nothing to explain.")
    if model not in MODELS:
        raise ParameterError(f"model must be one of {', '.join(MODELS)}; got {model!r}.")
    if degree not in (1, 2):
        raise ParameterError(f"degree must be 1 or 2; got {degree!r}.")
    bent = model == "polynomial" and degree == 2
    most = (min(len(names), 3) if bent else len(names)) if max_features is None else max_features
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= len(names):
        raise ParameterError(f"max_features must be a whole number from 1 to {len(names)}; got {max_features!r}.")
    columns = 6 if model == "kernel" else 1 + most + most * (most + 1) // 2 if bent else 1 + most
    if len(y) < columns + 2:
        raise DataError(
            f"{len(y)} candidates are too few for {columns} coefficients; write max_features={max(most - 1, 1)} or "
            "degree=1."
        )
    return Given((x - x.mean(axis=0)) / spread, y, dim, most, model, degree)
