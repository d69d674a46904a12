"""A pool of many features on a plane."""

from importlib import import_module
from typing import Literal

import numpy as np
import xarray as xr

from mi_widgets.bo._look import finish
from mi_widgets.bo._threads import one_thread
from mi_widgets.bo.search import Search
from mi_widgets.errors import MissingDependencyError, ParameterError

__all__ = ["place_candidates"]


@one_thread
def place_candidates(search: Search, method: Literal["pca", "umap"] = "pca", *, seed: int = 0) -> xr.Dataset:
    """Place the candidates of a search on a plane: near ones have similar features.

    Parameters
    ----------
    search : Search
        Its pool is taken as the model sees it: features in units of their range, categories as columns.
    method : {"pca", "umap"}
        Principal components; or UMAP [1]_, which keeps neighbours together and needs the package umap-learn.
    seed : int
        Of UMAP.

    Returns
    -------
    xarray.Dataset
        ``place`` (candidate, axis), 1, axes numbered from 1; of principal components also ``explained`` (axis), 1:
        share of the variance.

    Raises
    ------
    MissingDependencyError
        umap-learn is not installed.
    ParameterError
        There is no such method.

    References
    ----------
    .. [1] L. McInnes, J. Healy, J. Melville (2018), arXiv:1802.03426

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> search = Search(xr.DataArray(rng.random((50, 4)), dims=("candidate", "feature")), seed=0)
    >>> place_candidates(search).place.shape
    (50, 2)
    """
    pool = search._pool  # noqa: SLF001
    share = None
    if method == "pca":
        centred = pool.points - pool.points.mean(axis=0)
        values, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
        two = vectors[:, ::-1][:, :2]
        two = two * np.where(
            two[np.abs(two).argmax(axis=0), np.arange(two.shape[1])] < 0, -1.0, 1.0
        )  # one sign for all
        xy, share = centred @ two, values[::-1][:2] / values.sum()
    elif method == "umap":
        try:
            umap = import_module("umap")
        except ImportError as error:
            raise MissingDependencyError(
                "UMAP needs the package umap-learn. Write pip install umap-learn, or method='pca'."
            ) from error
        xy = umap.UMAP(random_state=seed, n_jobs=1).fit_transform(pool.points)
    else:
        raise ParameterError(f"place_candidates: method must be 'pca' or 'umap'; got {method!r}.")
    if xy.shape[1] < 2:
        xy = np.column_stack([xy[:, 0], np.zeros(len(xy))])
        share = None if share is None else np.r_[share, 0.0]
    places = pool.spread(np.ascontiguousarray(xy, dtype=float))
    axis = ("axis", np.array([1, 2]), {"units": "1", "long_name": "axis"})
    ds = xr.Dataset(
        {"place": (("candidate", "axis"), places, {"units": "1", "long_name": f"{method} coordinate"})},
        coords={"candidate": pool.coordinate(), "axis": axis},
    )
    if share is not None:
        ds["explained"] = ("axis", share, {"units": "1", "long_name": "share of the variance"})
    return finish(ds, "place_candidates", "candidates on a plane", {"method": method})
