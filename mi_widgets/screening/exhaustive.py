"""Every subset of variables tried, and how many subsets are nearly as good as the best."""

import json
from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.runs import Part, Progress, collect

__all__ = ["exhaustive_search", "iter_exhaustive_search", "nested_error"]

_MOST, _ENTRIES = 200_000, 4_000_000  # subsets; numbers in one block
_RIDGE = 1e-9


def exhaustive_search(
    features: xr.DataArray,
    target: xr.DataArray,
    *,
    degree: int = 1,
    max_features: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Leave-one-out errors of polynomial models on every subset of the variables.

    The best subset alone says little: look at the density of all the errors, and at how many subsets without a variable
    come near to the best.

    Parameters
    ----------
    features : xarray.DataArray
        (candidate, feature), any units.
    target : xarray.DataArray
        (candidate), what is predicted.
    degree : {1, 2}
        1: linear; 2: with squares and products, as a volcano needs it.
    max_features : int, optional
        Variables in a subset at most; default all of them for `degree` 1 and 3 for 2.
    progress : callable, optional
        Called with each finished `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``subset``, the least error first: ``error`` (root mean square of the leave-one-out residuals, unit of the
        target), ``r_squared`` (1 minus its square over the variance, 1), ``n_features``, ``member`` (subset, feature;
        1 where it is in, else 0). Over ``feature``: ``error_without`` (least error of the subsets without it) and
        ``weight`` (share of the hundred best subsets that hold it).

    Raises
    ------
    DataError
        Values are missing, a variable is constant, or there are too few candidates for the largest model.
    ParameterError
        An option is unknown, or there would be more than 200,000 subsets.

    Notes
    -----
    Leave-one-out residuals are exact, from one factorization: :math:`e_i/(1 - h_{ii})`. The error of the best of many
    subsets is too small, for it was chosen by that error: `nested_error` gives an honest one.

    References
    ----------
    Igarashi et al. 2018, arXiv:1707.02050.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields()
    >>> best = exhaustive_search(ds.features, ds.logit_yield, degree=2).isel(subset=0)
    >>> best.feature.values[best.member == 1].tolist()
    ['d_band_center', 'work_function', 'metal_charge']
    """
    found: xr.Dataset = collect(
        iter_exhaustive_search(features, target, degree=degree, max_features=max_features), progress
    )
    return found


def iter_exhaustive_search(
    features: xr.DataArray, target: xr.DataArray, *, degree: int = 1, max_features: int | None = None
) -> Iterator[Part]:
    """Do the same as `exhaustive_search`, part by part.

    Parameters
    ----------
    features, target, degree, max_features
        As in `exhaustive_search`.

    Yields
    ------
    Part
        ``result``: the Dataset of all subsets tried so far.

    Raises
    ------
    DataError, ParameterError
        As in `exhaustive_search`, before the first part.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields()
    >>> [part.done for part in iter_exhaustive_search(ds.features, ds.logit_yield, max_features=2)]
    [13, 91]
    """
    x, y, dim, most = _checked(features, target, degree, max_features)
    total = sum(comb(x.shape[1], k) for k in range(1, most + 1))
    if total > _MOST:
        raise ParameterError(
            f"{total:,} subsets of up to {most} of {x.shape[1]} variables are more than {_MOST:,}; write a smaller "
            "max_features, or leave variables out."
        )

    def parts() -> Iterator[Part]:
        members, errors, done = [], [], 0
        for subsets in _blocks(x, degree, most):
            block = np.zeros((len(subsets), x.shape[1]), dtype=np.int8)
            np.put_along_axis(block, subsets, 1, axis=1)
            members.append(block)
            errors.append(_loo_errors(x, y, subsets, degree))
            done += len(subsets)
            found = _dataset(np.concatenate(members), np.concatenate(errors), features, target, dim, degree, most)
            yield Part(done, total, found, message="subsets")

    return parts()


def _blocks(x: np.ndarray, degree: int, most: int) -> Iterator[np.ndarray]:
    for k in range(1, most + 1):
        columns = 1 + k if degree == 1 else 1 + k + k * (k + 1) // 2
        size = max(1, _ENTRIES // (len(x) * columns))
        every = np.array(list(combinations(range(x.shape[1]), k)), dtype=np.int64)
        yield from np.array_split(every, -(-len(every) // size))


def _design(x: np.ndarray, subsets: np.ndarray, degree: int) -> np.ndarray:
    """Columns of the model of each subset (subset, candidate, column), the constant first."""
    chosen = np.moveaxis(x[:, subsets], 0, 1)  # (subset, candidate, k)
    columns = [np.ones((*chosen.shape[:2], 1)), chosen]
    if degree == 2:
        first, second = np.triu_indices(subsets.shape[1])
        columns.append(chosen[..., first] * chosen[..., second])
    return np.concatenate(columns, axis=-1)


def _loo_errors(x: np.ndarray, y: np.ndarray, subsets: np.ndarray, degree: int) -> np.ndarray:
    design = _design(x, subsets, degree)
    gram = design.transpose(0, 2, 1) @ design
    gram += _RIDGE * len(y) * np.eye(gram.shape[-1])
    solved = np.linalg.solve(gram, design.transpose(0, 2, 1))  # (subset, column, candidate)
    residual = y - np.einsum("snc,sc->sn", design, solved @ y)
    leverage = np.einsum("snc,scn->sn", design, solved)
    return np.asarray(np.sqrt(np.mean((residual / np.maximum(1 - leverage, 1e-9)) ** 2, axis=1)))


def nested_error(
    features: xr.DataArray,
    target: xr.DataArray,
    *,
    degree: int = 1,
    max_features: int | None = None,
    n_folds: int = 5,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Error of the whole procedure: the best subset is chosen anew without the candidates that it is judged by.

    Parameters
    ----------
    features, target, degree, max_features
        As in `exhaustive_search`.
    n_folds : int
        Parts that are left out in turn.
    seed : int, numpy.random.Generator or None
        Of the parts.

    Returns
    -------
    xarray.Dataset
        ``prediction`` (candidate) by the model that had not seen it, ``fold`` (candidate), ``member`` (fold_number,
        feature) chosen in each, ``error`` and ``r_squared``.

    Raises
    ------
    DataError, ParameterError
        As in `exhaustive_search`, or `n_folds` is out of range.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields()
    >>> float(nested_error(ds.features, ds.logit_yield, degree=2).r_squared) > 0.8
    True
    """
    x, y, dim, _ = _checked(features, target, degree, max_features)
    if isinstance(n_folds, bool) or not isinstance(n_folds, int) or not 2 <= n_folds <= len(y) // 2:
        raise ParameterError(f"n_folds must be a whole number from 2 to {len(y) // 2}; got {n_folds!r}.")
    fold = np.random.default_rng(seed).permutation(len(y)) % n_folds
    prediction, members = np.empty(len(y)), []
    for number in range(n_folds):
        inside = fold != number
        found = exhaustive_search(
            features.isel({dim: inside}), target.isel({dim: inside}), degree=degree, max_features=max_features
        )
        chosen = np.flatnonzero(found["member"].values[0])[None]
        fitted = _design(x[inside], chosen, degree)[0]
        coefficients = np.linalg.lstsq(fitted, y[inside], rcond=None)[0]
        prediction[~inside] = _design(x[~inside], chosen, degree)[0] @ coefficients
        members.append(found["member"].values[0])
    units = str(target.attrs.get("units", "1"))
    error = float(np.sqrt(np.mean((prediction - y) ** 2)))
    ds = xr.Dataset(
        {
            "prediction": (dim, prediction, {"units": units, "long_name": "prediction without this candidate"}),
            "fold": (dim, fold, {"units": "1", "long_name": "fold"}),
            "member": (("fold_number", "feature"), np.array(members), {"units": "1", "long_name": "chosen"}),
            "error": ((), error, {"units": units, "long_name": "nested error"}),
            "r_squared": ((), 1 - error**2 / y.var(), {"units": "1", "long_name": "nested r squared"}),
        },
        coords={dim: target[dim], "feature": features["feature"], "fold_number": np.arange(n_folds)},
    )
    return _stamp(ds, "nested_error", {"degree": degree, "max_features": max_features, "n_folds": n_folds})


def _checked(
    features: xr.DataArray, target: xr.DataArray, degree: int, max_features: int | None
) -> tuple[np.ndarray, np.ndarray, str, int]:
    """Standardized columns, target, name of the dimension over candidates, and the size of the largest subset."""
    if features.ndim != 2 or "feature" not in features.dims or target.ndim != 1 or target.dims[0] not in features.dims:
        raise DataError(
            f"exhaustive_search needs features (candidate, feature) and a target (candidate); got {features.dims} and "
            f"{target.dims}."
        )
    dim = str(target.dims[0])
    x = np.asarray(features.transpose(dim, "feature").values, dtype=float)
    y = np.asarray(target.values, dtype=float)
    if len(x) != len(y):
        raise DataError(f"there are {len(x)} candidates with features and {len(y)} with a target; give the same.")
    bad = int((~np.isfinite(x)).any(axis=1).sum() + (~np.isfinite(y)).sum())
    if bad:
        raise DataError(f"{bad} values are missing or infinite; leave these candidates out: ds.dropna({dim!r}).")
    names = features["feature"].values.tolist()
    spread = x.std(axis=0)
    constant = [n for n, s, m in zip(names, spread, np.abs(x).max(axis=0), strict=True) if s <= 1e-12 * max(m, 1e-300)]
    if constant:
        raise DataError(f"variable {constant[0]!r} is constant and can explain nothing; leave it out.")
    if degree not in (1, 2):
        raise ParameterError(f"degree must be 1 or 2; got {degree!r}.")
    most = min(len(names), len(names) if degree == 1 else 3) if max_features is None else max_features
    if isinstance(most, bool) or not isinstance(most, int) or not 1 <= most <= len(names):
        raise ParameterError(f"max_features must be a whole number from 1 to {len(names)}; got {max_features!r}.")
    columns = 1 + most if degree == 1 else 1 + most + most * (most + 1) // 2
    if len(y) < columns + 2:
        raise DataError(
            f"{len(y)} candidates are too few for {columns} coefficients; write max_features={max(most - 1, 1)} or "
            "degree=1."
        )
    return (x - x.mean(axis=0)) / spread, y, dim, most


def _dataset(
    member: np.ndarray,
    error: np.ndarray,
    features: xr.DataArray,
    target: xr.DataArray,
    dim: str,
    degree: int,
    most: int,
) -> xr.Dataset:
    order = np.argsort(error, kind="stable")
    member, error = member[order], error[order]
    units = str(target.attrs.get("units", "1"))
    best = member[:100]
    without = [error[member[:, i] == 0].min(initial=np.inf) for i in range(member.shape[1])]
    without = [v if np.isfinite(v) else np.nan for v in without]
    variance = float(np.asarray(target.values, dtype=float).var())
    ds = xr.Dataset(
        {
            "error": ("subset", error, {"units": units, "long_name": "leave-one-out error"}),
            "r_squared": ("subset", 1 - error**2 / variance, {"units": "1", "long_name": "leave-one-out r squared"}),
            "n_features": ("subset", member.sum(axis=1), {"units": "1", "long_name": "number of variables"}),
            "member": (("subset", "feature"), member, {"units": "1", "long_name": "variable is in the subset"}),
            "error_without": ("feature", without, {"units": units, "long_name": "least error without the variable"}),
            "weight": ("feature", best.mean(axis=0), {"units": "1", "long_name": "share of the hundred best subsets"}),
        },
        coords={"subset": np.arange(len(error)), "feature": features["feature"]},
    )
    return _stamp(ds, "exhaustive_search", {"degree": degree, "max_features": most, "dim": dim})


def _stamp(ds: xr.Dataset, function: str, parameters: dict[str, Any]) -> xr.Dataset:
    history = {"function": f"mi_widgets.screening.{function}", "version": __version__, "parameters": parameters}
    attrs = {"title": "Exhaustive search of variables", "source": "computed by mi_widgets.screening"}
    return ds.assign_attrs({**attrs, "history": json.dumps(history)})
