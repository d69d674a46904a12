"""Models of a yield side by side: each chooses its variables anew without the candidates that it is judged by."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin
from mi_widgets.runs import Part, Progress, collect
from mi_widgets.screening._subset_data import Given, checked, labels_of, make_folds
from mi_widgets.screening._yield_models import NAMES, predict_outside
from mi_widgets.screening.volcano import steepness

__all__ = ["YIELD_MODELS", "compare_yield_models", "iter_compare_yield_models"]

#: Models that can be compared.
YIELD_MODELS = tuple(NAMES)
_LEAST = 12  # candidates


def compare_yield_models(
    features: xr.DataArray,
    target: xr.DataArray,
    models: Sequence[str] = YIELD_MODELS,
    *,
    max_features: int = 3,
    n_folds: int = 10,
    slope: float = 0.3,
    temperature: float = 700.0,
    seed: int | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Errors of models for candidates that took no part, neither in the fit nor in the choice of variables.

    Parameters
    ----------
    features : xarray.DataArray
        (candidate, feature), any units.
    target : xarray.DataArray
        (candidate): log odds of the yield, see `log_odds`, or anything else that is to be predicted.
    models : sequence of str
        ``"mean"``: of those measured, to compare with; ``"lasso"``: `mi_widgets.methods.sparse.fit_lasso`;
        ``"quadratic"`` and ``"kernel"``: the best subset by `exhaustive_search`; ``"gaussian_process"``: of
        scikit-learn, a length for each variable; ``"volcano"``: `fit_volcano` on the best subset by kernels.
    max_features : int
        Variables in a subset at most.
    n_folds : int
        Parts that are left out in turn.
    slope, temperature : float
        As in `fit_volcano`.
    seed : int or None
        Of the folds.
    progress : callable, optional
        Called with each finished `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        - ``prediction`` (model, candidate), ``prediction_stderr`` (of a new measurement), unit of the target; ``true``
          and ``fold`` (candidate)
        - ``error`` (model), ``error_stderr``: root mean square; ``r_squared`` (model); ``coverage`` (model): share of
          candidates within two standard errors
        - ``undecided`` (model): 1 where its squared errors are, candidate by candidate, no more than a standard error
          above those of the best
        - ``chosen`` (model, fold_number, feature): 1 where the variable was used; -1 in folds not run; ``chosen_share``
          (model, feature)

        The attribute ``conclusion`` says which models the candidates cannot separate.

    Raises
    ------
    DataError
        Values are missing, a variable is constant, or there are fewer than 12 candidates or too few for a fold.
    ParameterError
        A model or an option is unknown or out of range.

    References
    ----------
    Igarashi et al. 2018, arXiv:1707.02050. Varma and Simon 2006, doi:10.1186/1471-2105-7-91.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields(n_catalysts=40)
    >>> found = compare_yield_models(ds.features, ds.logit_yield, ["mean", "lasso", "quadratic"], n_folds=4)
    >>> found.model.values[np.argmin(found.error.values)].item()
    'quadratic'
    """
    return collect(
        iter_compare_yield_models(
            features,
            target,
            models,
            max_features=max_features,
            n_folds=n_folds,
            slope=slope,
            temperature=temperature,
            seed=seed,
        ),
        progress,
    )


def iter_compare_yield_models(
    features: xr.DataArray,
    target: xr.DataArray,
    models: Sequence[str] = YIELD_MODELS,
    *,
    max_features: int = 3,
    n_folds: int = 10,
    slope: float = 0.3,
    temperature: float = 700.0,
    seed: int | None = 0,
) -> Iterator[Part]:
    """Do the same as `compare_yield_models`, fold by fold.

    Parameters
    ----------
    features, target, models, max_features, n_folds, slope, temperature, seed
        As in `compare_yield_models`.

    Yields
    ------
    Part
        ``result``: the Dataset, NaN for candidates of folds to come.

    Raises
    ------
    DataError, ParameterError
        As in `compare_yield_models`, before the first part.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields(n_catalysts=20)
    >>> [p.done for p in iter_compare_yield_models(ds.features, ds.logit_yield, ["mean", "lasso"], n_folds=2)]
    [1, 2, 3, 4]
    """
    names = list(models)
    if not names or any(n not in YIELD_MODELS for n in names) or len(set(names)) < len(names):
        raise ParameterError(f"models must be some of {', '.join(YIELD_MODELS)}, each once; got {names!r}.")
    sharp = steepness(slope, temperature)
    given = checked(features, target, "polynomial", 1, 1)
    if len(given.y) < _LEAST:
        raise DataError(f"{len(given.y)} candidates are too few to compare models; give {_LEAST} or more.")
    fold = make_folds(len(given.y), n_folds, seed)
    k = given.x.shape[1]
    if isinstance(max_features, bool) or not isinstance(max_features, int) or not 1 <= max_features <= min(k, 5):
        raise ParameterError(f"max_features must be a whole number from 1 to {min(k, 5)}; got {max_features!r}.")
    least = int(np.min([(fold != f).sum() for f in range(n_folds)]))
    columns = 1 + max_features + max_features * (max_features + 1) // 2 if "quadratic" in names else 6
    if least < columns + 2:
        raise DataError(
            f"{least} candidates inside a fold are too few for {columns} coefficients; write "
            f"max_features={max(max_features - 1, 1)} or more folds."
        )
    told = {"models": names, "max_features": max_features, "n_folds": n_folds, "slope": slope,
            "temperature": temperature, "seed": seed}  # fmt: skip

    def parts() -> Iterator[Part]:
        shape = len(names), len(given.y)
        prediction, stderr = np.full(shape, np.nan), np.full(shape, np.nan)
        chosen = np.full((len(names), n_folds, k), -1, dtype=np.int8)
        done = 0
        for number in range(n_folds):  # fold by fold, so that what is there so far compares the same candidates
            for i, name in enumerate(names):
                inside = fold != number
                found = predict_outside(name, given, inside, max_features, sharp)
                prediction[i, ~inside], stderr[i, ~inside] = found.prediction, found.stderr
                chosen[i, number] = found.chosen
                done += 1
                arrays = prediction.copy(), stderr.copy(), chosen.copy(), fold
                result = _dataset(names, arrays, given, features, target)
                attrs = origin("screening.compare_yield_models", "Models of a yield side by side", told, of=target,
                               source=_source(target))  # fmt: skip
                yield Part(done, len(names) * n_folds, result.assign_attrs({**attrs, **result.attrs}), message=name)

    return parts()


def _source(target: xr.DataArray) -> str:
    return str(target.attrs.get("source", "computed by mi_widgets.screening"))


def _dataset(
    names: list[str], arrays: tuple[np.ndarray, ...], given: Given, features: xr.DataArray, target: xr.DataArray
) -> xr.Dataset:
    prediction, stderr, chosen, fold = arrays
    rest = (prediction - given.y) ** 2
    n = np.isfinite(rest).sum(axis=1)
    mean = np.array([r[np.isfinite(r)].mean() if c else np.nan for r, c in zip(rest, n, strict=True)])
    error = np.sqrt(mean)
    spread = np.array([r[np.isfinite(r)].std() if c else np.nan for r, c in zip(rest, n, strict=True)])
    with np.errstate(divide="ignore", invalid="ignore"):
        error_stderr = spread / np.sqrt(n) / (2 * error)
        within = np.where(np.isfinite(rest), np.sqrt(rest) <= 2 * stderr, False).sum(axis=1) / n
        share = np.array([np.where(c < 0, 0, c).sum(axis=0) / max(int((c[:, 0] >= 0).sum()), 1) for c in chosen])
    near = _undecided(rest, mean)
    units = {"units": str(target.attrs.get("units", "1"))}
    one = {"units": "1"}
    dim = given.dim
    variables: dict[str, tuple[Any, Any, dict[str, Any]]] = {
        "true": (dim, given.y, {**units, "long_name": str(target.attrs.get("long_name", "measured"))}),
        "prediction": (("model", dim), prediction, {**units, "long_name": "prediction without this candidate"}),
        "prediction_stderr": (("model", dim), stderr, {**units, "long_name": "standard error of the prediction"}),
        "fold": (dim, fold, {**one, "long_name": "fold"}),
        "error": ("model", error, {**units, "long_name": "nested error"}),
        "error_stderr": ("model", error_stderr, {**units, "long_name": "standard error of the error"}),
        "r_squared": ("model", 1 - mean / given.y.var(), {**one, "long_name": "nested r squared"}),
        "coverage": ("model", within, {**one, "long_name": "share within two standard errors"}),
        "undecided": ("model", near, {**one, "long_name": "not to be told from the best"}),
        "chosen": (("model", "fold_number", "feature"), chosen, {**one, "long_name": "variable was used"}),
        "chosen_share": (("model", "feature"), share, {**one, "long_name": "share of folds that used it"}),
    }
    coords = {"model": np.array(names, dtype=np.str_), dim: labels_of(target, dim),
              "feature": features["feature"].values.astype(str), "fold_number": np.arange(chosen.shape[1])}  # fmt: skip
    ds = xr.Dataset(variables, coords=coords)
    return ds.assign_attrs(conclusion=_conclusion(names, near, error))


def _undecided(rest: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Models whose squared errors are within a standard error of those of the best, candidate by candidate."""
    if not np.isfinite(mean).any():
        return np.zeros(len(mean), dtype=np.int8)
    gap = rest - rest[int(np.nanargmin(mean))]
    out = []
    for line in gap:
        both = line[np.isfinite(line)]
        out.append(bool(both.size and both.mean() <= both.std() / np.sqrt(both.size)))
    return np.array(out, dtype=np.int8)


def _conclusion(names: list[str], near: np.ndarray, error: np.ndarray) -> str:
    if not near.any():
        return ""
    best = names[int(np.nanargmin(error))]
    others = [n for n, flag in zip(names, near, strict=True) if flag and n != best]
    if not others:
        return f"{best} predicts best, by more than a standard error."
    return f"{best} has the least error; these candidates cannot separate it from {', '.join(others)}."
