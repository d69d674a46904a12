"""Error of a whole procedure, choice of variables and all."""

import numpy as np
import xarray as xr

from mi_widgets.history import origin
from mi_widgets.screening._subset_data import aligned, checked, fit_predict, labels_of, make_folds
from mi_widgets.screening.exhaustive import exhaustive_search

__all__ = ["nested_error"]

_SOURCE = "computed by mi_widgets.screening"


def nested_error(
    features: xr.DataArray,
    target: xr.DataArray,
    *,
    model: str = "polynomial",
    degree: int = 1,
    max_features: int | None = None,
    n_folds: int = 5,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Error of the whole procedure: the best subset is chosen anew without the candidates that it is judged by.

    Parameters
    ----------
    features, target, model, degree, max_features
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
    features = aligned(features, target)
    given = checked(features, target, model, degree, max_features)
    y, dim = given.y, given.dim
    fold = make_folds(len(y), n_folds, seed)
    prediction, members = np.empty(len(y)), []
    for number in range(n_folds):
        inside = fold != number
        one = {dim: np.flatnonzero(inside)}
        found = exhaustive_search(
            features.isel(one), target.isel(one), model=model, degree=degree, max_features=max_features
        )
        chosen = found["member"].values[0] == 1
        prediction[~inside], _ = fit_predict(given, chosen, inside)
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
        coords={dim: labels_of(target, dim), "feature": features["feature"], "fold_number": np.arange(n_folds)},
    )
    told = {"model": model, "degree": degree, "max_features": max_features, "n_folds": n_folds}
    return ds.assign_attrs(
        origin("screening.nested_error", "Nested error of a search of variables", told, source=_SOURCE)
    )
