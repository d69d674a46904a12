"""A few components that together make up many curves."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.methods._rows import to_rows

__all__ = ["decompose"]


def decompose(
    da: xr.DataArray,
    dim: str,
    *,
    n_components: int = 4,
    estimator: Any = None,
    seed: int | None = 0,
) -> xr.Dataset:
    r"""Write every curve as a sum of a few components times scores: :math:`y_i \approx \bar y + \sum_k s_{ik} c_k`.

    Parameters
    ----------
    da : xarray.DataArray
        Curves along `dim`, over any other dims; a curve with NaN gets NaN scores.
    dim : str
        The dimension along which the curves run.
    n_components : int
        Number of components, where `estimator` is not given.
    estimator : scikit-learn estimator, optional
        With ``fit_transform`` and ``components_``; by default NMF for values that are not negative (its components
        look like spectra, and the mean is zero), else PCA. It is cloned, not changed.
    seed : int or None
        Seed of the default estimator.

    Returns
    -------
    xarray.Dataset
        ``score`` (all dims but `dim`, component), 1; ``component_curve`` (component, dim) and ``mean`` (dim) in the
        unit of `da`; ``explained`` (component): share of the variance about the mean that each component removes.

    Raises
    ------
    DataError
        Fewer curves without gaps than components.
    ParameterError
        `n_components` is no positive whole number, or the estimator has no ``fit_transform``.

    Notes
    -----
    Components of NMF are not unique: others may describe the data as well.

    Examples
    --------
    >>> import numpy as np
    >>> da = xr.DataArray(np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 2.0]), dims=("x", "energy"))
    >>> decompose(da, "energy", n_components=1).score.dims
    ('x', 'component')
    """
    from sklearn.base import clone

    if isinstance(n_components, bool) or not isinstance(n_components, int | np.integer) or n_components < 1:
        raise ParameterError(f"n_components must be a whole number of at least 1; got {n_components!r}.")
    if estimator is not None and not hasattr(estimator, "fit_transform"):
        raise ParameterError(f"estimator needs a method fit_transform, as PCA has; got {type(estimator).__name__}.")
    rows = to_rows(da, [dim], who="decompose", least=n_components if estimator is None else 2)
    model = _default(rows.matrix, int(n_components), seed) if estimator is None else clone(estimator)
    score = np.asarray(model.fit_transform(rows.matrix))
    curves = np.asarray(model.components_, dtype=float)
    mean = np.asarray(getattr(model, "mean_", np.zeros(curves.shape[1])), dtype=float)
    units = str(da.attrs.get("units", "1"))
    coords: dict[str, Any] = dict(rows.coords)
    if dim in da.coords:
        coords[dim] = da[dim]
    coords["component"] = ("component", np.arange(len(curves)), {"units": "1", "long_name": "component"})
    return xr.Dataset(
        {
            "score": ((*rows.dims, "component"), rows.spread(score, np.nan), {"units": "1", "long_name": "score"}),
            "component_curve": (("component", dim), curves, {"units": units, "long_name": "component"}),
            "mean": (dim, mean, {"units": units, "long_name": "mean"}),
            "explained": (
                "component",
                _explained(rows.matrix, score, curves, mean),
                {"units": "1", "long_name": "share of the variance"},
            ),
        },
        coords=coords,
        attrs={
            "title": "decomposition",
            "source": str(da.name or ""),
            "history": f"mi_widgets.methods.decompose, {model}",
        },
    )


def _default(matrix: np.ndarray, n: int, seed: int | None) -> Any:
    from sklearn.decomposition import NMF, PCA

    if (matrix >= 0).all() and matrix.any():
        return NMF(min(n, *matrix.shape), init="nndsvda", max_iter=1000, tol=1e-4, random_state=seed)
    return PCA(min(n, *matrix.shape), random_state=seed)


def _explained(matrix: np.ndarray, score: np.ndarray, curves: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Fall of the residual sum of squares, relative to the variance, when the component is added to the others."""
    total = max(float(((matrix - matrix.mean(axis=0)) ** 2).sum()), 1e-300)
    residual = matrix - mean - score @ curves
    size = (residual**2).sum()
    return np.array(
        [(((residual + np.outer(score[:, k], curves[k])) ** 2).sum() - size) / total for k in range(len(curves))]
    )
