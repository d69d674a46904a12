"""Clusters of labelled samples."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.methods._rows import to_rows

__all__ = ["cluster"]


def cluster(
    da: xr.DataArray,
    dim: str,
    *,
    n_clusters: int = 4,
    estimator: Any = None,
    seed: int | None = 0,
) -> xr.Dataset:
    """Find clusters of samples that are alike along `dim`.

    Parameters
    ----------
    da : xarray.DataArray
        Samples over any dims, their features along `dim`; a sample with NaN belongs to no cluster.
    dim : str
        The dimension of the features.
    n_clusters : int
        Number of clusters, where `estimator` is not given.
    estimator : scikit-learn estimator, optional
        With ``fit_predict``; by default ``KMeans(n_clusters, n_init=10)``. It is cloned, not changed.
    seed : int or None
        Seed of the default estimator.

    Returns
    -------
    xarray.Dataset
        ``label`` (all dims but `dim`): number of the cluster, the largest first, -1 for none; ``mean`` (cluster, dim)
        in the unit of `da`; ``size_of_cluster`` (cluster).

    Raises
    ------
    DataError
        Fewer samples without gaps than clusters.
    ParameterError
        `n_clusters` is no positive whole number, or the estimator has no ``fit_predict``.

    Examples
    --------
    >>> import numpy as np
    >>> da = xr.DataArray(np.repeat([[0.0, 1.0], [5.0, 6.0]], 3, axis=0), dims=("sample", "energy"))
    >>> cluster(da, "energy", n_clusters=2).size_of_cluster.values
    array([3, 3])
    """
    from sklearn.base import clone
    from sklearn.cluster import KMeans

    if isinstance(n_clusters, bool) or not isinstance(n_clusters, int | np.integer) or n_clusters < 1:
        raise ParameterError(f"n_clusters must be a whole number of at least 1; got {n_clusters!r}.")
    if estimator is not None and not hasattr(estimator, "fit_predict"):
        raise ParameterError(f"estimator needs a method fit_predict, as KMeans has; got {type(estimator).__name__}.")
    rows = to_rows(da, [dim], who="cluster", least=n_clusters if estimator is None else 2)
    model = KMeans(n_clusters, n_init=10, random_state=seed) if estimator is None else clone(estimator)
    found = np.asarray(model.fit_predict(rows.matrix))
    numbers, size = np.unique(found[found >= 0], return_counts=True)
    order = numbers[np.argsort(-size, kind="stable")]
    rank = np.full(int(found.max(initial=0)) + 2, -1)
    rank[order] = np.arange(order.size)
    label = rank[found]  # -1, which some estimators give to noise, stays -1
    mean = np.array([rows.matrix[label == k].mean(axis=0) for k in range(order.size)])
    mean = mean.reshape(order.size, rows.matrix.shape[1])
    units = str(da.attrs.get("units", "1"))
    coords: dict[str, Any] = dict(rows.coords)
    if dim in da.coords:
        coords[dim] = da[dim]
    coords["cluster"] = ("cluster", np.arange(order.size), {"units": "1", "long_name": "cluster"})
    return xr.Dataset(
        {
            "label": (rows.dims, rows.spread(label, -1), {"units": "1", "long_name": "cluster"}),
            "mean": (("cluster", dim), mean, {"units": units, "long_name": "mean of the cluster"}),
            "size_of_cluster": ("cluster", np.sort(size)[::-1].copy(), {"units": "1", "long_name": "samples"}),
        },
        coords=coords,
        attrs={"title": "clusters", "source": str(da.name or ""), "history": f"mi_widgets.methods.cluster, {model}"},
    )
