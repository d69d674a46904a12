"""Every subset of variables tried, and how many subsets are nearly as good as the best."""

import warnings
from collections.abc import Iterator, Sequence
from math import comb

import numpy as np
import xarray as xr

from mi_widgets.errors import MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.runs import Part, Progress, collect
from mi_widgets.screening._subset_data import Given, checked, labels_of, left_out
from mi_widgets.screening._subset_scores import blocks

__all__ = ["exhaustive_search", "iter_exhaustive_search", "predict_subset"]

_MOST = 200_000  # subsets
_R_SQUARED = "leave-one-out r squared"
_TITLE, _SOURCE = "Exhaustive search of variables", "computed by mi_widgets.screening"
_ALIKE = 0.9999  # correlation above which two variables are one


def exhaustive_search(
    features: xr.DataArray,
    target: xr.DataArray,
    *,
    model: str = "polynomial",
    degree: int = 1,
    max_features: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Leave-one-out errors of one kind of model on every subset of the variables.

    The best subset alone says little: look at the density of all the errors, and at how many subsets without a variable
    come near to the best.

    Parameters
    ----------
    features : xarray.DataArray
        (candidate, feature), any units.
    target : xarray.DataArray
        (candidate), what is predicted.
    model : {"polynomial", "kernel"}
        Kernel: Gaussian kernel ridge regression, which bends as the data do; some hundred times slower.
    degree : {1, 2}
        Of polynomials; 1: linear; 2: with squares and products, as a volcano needs it.
    max_features : int, optional
        Variables in a subset at most; default 3 for `degree` 2, else all of them.
    progress : callable, optional
        Called with each finished `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``subset``, the least error first: ``error`` (root mean square of the leave-one-out residuals, unit of the
        target) and its ``error_stderr``, ``r_squared`` (1 minus its square over the variance, 1), ``n_features``,
        ``undecided`` (1 where the error is within one standard error of the least), ``member`` (subset, feature; 1
        where it is in, else 0). Over ``feature``: ``error_without`` (least error of the subsets without it),
        ``weight`` (share of the hundred best subsets that hold it) and ``same_as`` (number of an earlier variable that
        says the same, or -1).

    Raises
    ------
    DataError
        Values are missing, a variable is constant, or there are too few candidates for the largest model.
    ParameterError
        An option is unknown, or there would be more than 200,000 subsets.

    Warns
    -----
    MIWidgetsWarning
        Variables are collinear, or sums of several others: nothing can choose between them.

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
        iter_exhaustive_search(features, target, model=model, degree=degree, max_features=max_features), progress
    )
    return found


def iter_exhaustive_search(
    features: xr.DataArray,
    target: xr.DataArray,
    *,
    model: str = "polynomial",
    degree: int = 1,
    max_features: int | None = None,
) -> Iterator[Part]:
    """Do the same as `exhaustive_search`, part by part.

    Parameters
    ----------
    features, target, model, degree, max_features
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
    given = checked(features, target, model, degree, max_features)
    total = sum(comb(given.x.shape[1], k) for k in range(1, given.most + 1))
    if total > _MOST:
        raise ParameterError(
            f"{total:,} subsets of up to {given.most} of {given.x.shape[1]} variables are more than {_MOST:,}; write a "
            "smaller max_features, or leave variables out."
        )
    same = _same(given.x)
    if (same >= 0).any():
        names = features["feature"].values.astype(str)
        told = ", ".join(f"{names[i]} and {names[j]}" for i, j in enumerate(same) if j >= 0)
        warnings.warn(f"collinear variables: {told}; nothing can choose between them.", MIWidgetsWarning, stacklevel=2)
    told = ", ".join(features["feature"].values.astype(str)[_spanned(given.x, same)])
    if told:
        warnings.warn(
            f"{told} can be calculated from other variables: subsets that hold other ones of them say the same, and "
            "nothing can choose between them.",
            MIWidgetsWarning,
            stacklevel=2,
        )

    def parts() -> Iterator[Part]:
        members, errors, stderrs, done = [], [], [], 0
        for subsets in blocks(len(given.y), given.x.shape[1], given.most, model, degree):
            block = np.zeros((len(subsets), given.x.shape[1]), dtype=np.int8)
            np.put_along_axis(block, subsets, 1, axis=1)
            squared = left_out(given, subsets).residual ** 2
            error = np.sqrt(squared.mean(axis=1))
            members.append(block)
            errors.append(error)
            stderrs.append(squared.std(axis=1) / np.sqrt(len(given.y)) / (2 * np.maximum(error, 1e-300)))
            done += len(subsets)
            scores = np.concatenate(members), np.concatenate(errors), np.concatenate(stderrs)
            yield Part(done, total, _dataset(*scores, features, target, given, same), message="subsets")

    return parts()


def _same(x: np.ndarray) -> np.ndarray:
    """Number of an earlier variable that says the same, or -1."""
    alike = np.triu(np.abs(x.T @ x) / len(x) > _ALIKE, 1)
    return np.where(alike.any(axis=0), alike.argmax(axis=0), -1)


def _spanned(x: np.ndarray, same: np.ndarray) -> np.ndarray:
    """Numbers of variables that are sums of several earlier ones; none where candidates are too few to say so."""
    kept: list[int] = []
    out: list[int] = []
    for j in np.flatnonzero(same < 0):
        if kept and len(x) > 2 * len(kept) + 2:
            rest = x[:, j] - x[:, kept] @ np.linalg.lstsq(x[:, kept], x[:, j], rcond=None)[0]
            if (rest**2).mean() < 2 * (1 - _ALIKE):
                out.append(int(j))
                continue
        kept.append(int(j))
    return np.array(out, dtype=np.int64)


def predict_subset(
    features: xr.DataArray,
    target: xr.DataArray,
    variables: Sequence[str],
    *,
    model: str = "polynomial",
    degree: int = 1,
) -> xr.Dataset:
    """Predict each candidate from all the others, with one subset of the variables.

    Parameters
    ----------
    features, target, model, degree
        As in `exhaustive_search`.
    variables : sequence of str
        Names of the variables of the subset.

    Returns
    -------
    xarray.Dataset
        Over the candidates: ``true`` (the target), ``prediction`` without the candidate and ``prediction_stderr``, of
        a new measurement, in the unit of the target; ``error`` and ``r_squared`` as in `exhaustive_search`; the
        coordinate ``variable``: names of the subset.

    Raises
    ------
    DataError, ParameterError
        As in `exhaustive_search`, or there is no such variable.

    Notes
    -----
    The variables were chosen by these candidates, as a rule: the error is too small for new ones, see `nested_error`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields()
    >>> one = predict_subset(ds.features, ds.logit_yield, ["d_band_center"], degree=2)
    >>> float(one.r_squared) < 0.6
    True
    """
    known = [str(n) for n in features["feature"].values] if "feature" in getattr(features, "coords", {}) else []
    wrong = [n for n in variables if n not in known]
    if wrong or not len(variables) or len(set(variables)) < len(variables):
        raise ParameterError(f"variables must be some of {', '.join(known)}, each once; got {list(variables)!r}.")
    given = checked(features.sel(feature=list(variables)), target, model, degree, len(variables))
    found = left_out(given, np.arange(len(variables))[None])
    attrs = {"units": str(target.attrs.get("units", "1"))}
    error = float(np.sqrt((found.residual[0] ** 2).mean()))
    name = str(target.attrs.get("long_name") or target.name or "target")
    ds = xr.Dataset(
        {
            "true": (given.dim, given.y, {**attrs, "long_name": name}),
            "prediction": (given.dim, given.y - found.residual[0], {**attrs, "long_name": f"predicted {name}"}),
            "prediction_stderr": (given.dim, found.stderr[0], {**attrs, "long_name": "standard error"}),
            "error": ((), error, {**attrs, "long_name": "leave-one-out error"}),
            "r_squared": ((), 1 - error**2 / given.y.var(), {"units": "1", "long_name": "leave-one-out r squared"}),
        },
        coords={given.dim: labels_of(target, given.dim), "variable": ("variable", [str(v) for v in variables])},
    )
    told = {"variables": list(variables), "model": model, "degree": degree}
    return ds.assign_attrs(origin("screening.predict_subset", "Predictions of one subset", told, source=_SOURCE))


def _dataset(
    member: np.ndarray,
    error: np.ndarray,
    stderr: np.ndarray,
    features: xr.DataArray,
    target: xr.DataArray,
    given: Given,
    same: np.ndarray,
) -> xr.Dataset:
    order = np.argsort(error, kind="stable")
    member, error, stderr = member[order], error[order], stderr[order]
    units = str(target.attrs.get("units", "1"))
    best = member[:100]
    without = [error[member[:, i] == 0].min(initial=np.inf) for i in range(member.shape[1])]
    without = [v if np.isfinite(v) else np.nan for v in without]
    undecided = (error <= error[0] + stderr[0]).astype(np.int8)
    ds = xr.Dataset(
        {
            "error": ("subset", error, {"units": units, "long_name": "leave-one-out error"}),
            "error_stderr": ("subset", stderr, {"units": units, "long_name": "standard error of the error"}),
            "r_squared": (
                "subset",
                1 - error**2 / given.y.var(),
                {"units": "1", "long_name": "leave-one-out r squared"},
            ),
            "n_features": ("subset", member.sum(axis=1), {"units": "1", "long_name": "number of variables"}),
            "undecided": ("subset", undecided, {"units": "1", "long_name": "within a standard error of the best"}),
            "member": (("subset", "feature"), member, {"units": "1", "long_name": "variable is in the subset"}),
            "error_without": ("feature", without, {"units": units, "long_name": "least error without the variable"}),
            "weight": ("feature", best.mean(axis=0), {"units": "1", "long_name": "share of the hundred best subsets"}),
            "same_as": ("feature", same, {"units": "1", "long_name": "number of a collinear variable, or -1"}),
        },
        coords={"subset": np.arange(len(error)), "feature": features["feature"]},
    )
    told = {"model": given.model, "degree": given.degree, "max_features": given.most, "dim": given.dim}
    return ds.assign_attrs(origin("screening.exhaustive_search", _TITLE, told, source=_SOURCE))
