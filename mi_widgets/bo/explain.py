"""Why a candidate is believed to be what it is: the told values that its expectation is made of."""

from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from mi_widgets.bo._gp import PoolGP
from mi_widgets.bo._kernels import cross, cross_exact
from mi_widgets.bo._look import finish
from mi_widgets.bo._sparse import SparseGP
from mi_widgets.bo._threads import one_thread
from mi_widgets.bo.search import Search
from mi_widgets.errors import DataError

__all__ = ["explain"]

#: Beyond so many told values only the nearest ones are looked at.
MOST = 2000


@one_thread
def explain(search: Search, candidate: Any, *, objective: int = 0) -> xr.Dataset:
    """Say which told values the expectation of a candidate is made of.

    Parameters
    ----------
    search : Search
        With at least one told value.
    candidate : label
        As in the pool of the search.
    objective : int
        Which objective, from 0.

    Returns
    -------
    xarray.Dataset
        Over ``trial``, the most weighty first:

        - ``weight``, 1: by how much the expectation moves if the told value moves by one and the hyperparameters stay;
          1 in the sum. Of an approximate model the correlation alone; of a regressor that was given, one over the
          distance
        - ``value``: what was told, in the unit of the search
        - ``distance``, 1: between the two, each feature in units of its range

        ``candidate`` (trial) is a coordinate.

    Raises
    ------
    DataError
        Nothing was told so far.
    LabelError
        There is no such candidate.

    Notes
    -----
    The expectation of a Gaussian process is ``m + k K^-1 (y - m)`` with the covariance k of the candidate with the told
    ones, K of these among each other, noise included, and their mean m: the weights are ``w = k K^-1`` and, as each has
    a part in the mean, ``(1 - sum(w)) / n`` more. Far from all trials they are all the same. With a transform of the
    target they hold for the transformed values.

    Examples
    --------
    >>> search = Search({"x": np.linspace(0, 1, 11)}, seed=1).tell([0, 8], [1.0, 0.0])
    >>> explain(search, 7).candidate.values.tolist()
    [8, 0]
    """
    pool, model = search._pool, search._model  # noqa: SLF001
    i = pool.find(candidate, who="explain")
    model.ready()
    if not model.n:
        raise DataError("explain: nothing was told so far. Write search.tell(search.ask()[0], value) first.")
    places = model.places()
    distance = np.sqrt(((pool.points[places] - pool.points[i]) ** 2).sum(axis=1))
    weight = _weights(model.gps[objective], i, distance)
    order = np.argsort(-np.abs(weight), kind="stable")
    labels = pool.coordinate().values[pool.order[places]]
    ds = xr.Dataset(
        {
            "weight": ("trial", weight[order], {"units": "1", "long_name": "weight in the expectation"}),
            "value": (
                "trial",
                model.values(objective)[order],
                {"units": search._settings.units, "long_name": "told value"},  # noqa: SLF001
            ),
            "distance": ("trial", distance[order], {"units": "1", "long_name": "distance in features"}),
        },
        coords={
            "trial": ("trial", order, {"units": "1", "long_name": "trial"}),
            "candidate": ("trial", labels[order], {"long_name": "candidate"}),
        },
    )
    parameters = {"candidate": pool.labels[i], "objective": objective}
    return finish(ds, "explain", "what an expectation is made of", parameters)


def _weights(gp: Any, i: int, distance: np.ndarray) -> np.ndarray:
    if not isinstance(gp, PoolGP):
        near = 1 / np.maximum(distance, 1e-9)
        return np.asarray(near / near.sum())
    scaled = gp.points / gp.lengths[gp.group]
    told = scaled[gp.index]
    k = cross(gp.kernel, scaled[[i]], told)[0]
    if isinstance(gp, SparseGP) or gp.n > MOST:
        return np.asarray(k / max(float(k.sum()), 1e-300))
    K = cross_exact(gp.kernel, told)
    given = np.asarray(gp.given)
    K.flat[:: gp.n + 1] += np.where(np.isnan(given), gp.noise, given) / gp.signal + 1e-10
    try:
        weight = np.asarray(cho_solve(cho_factor(K), k))
        return weight + (1 - weight.sum()) / gp.n  # what moves a value moves the mean of all as well
    except LinAlgError:
        return np.asarray(k / max(float(k.sum()), 1e-300))
