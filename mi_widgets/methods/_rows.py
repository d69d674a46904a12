"""Labelled arrays as the matrix scikit-learn wants, and back."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.labels import require_dims, require_numeric


@dataclass(frozen=True)
class Rows:
    """Samples by features, without the samples that have gaps.

    Attributes
    ----------
    matrix : numpy.ndarray, shape (n_whole, n_features)
    whole : numpy.ndarray of bool, shape (n_samples,)
        Which samples have no gap.
    dims, shape, coords
        What the samples are spread over.
    """

    matrix: np.ndarray
    whole: np.ndarray
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, xr.DataArray]

    def spread(self, values: np.ndarray, missing: float) -> np.ndarray:
        """Values of the whole samples back in the shape of the array, `missing` for the others."""
        out = np.full((self.whole.size, *values.shape[1:]), missing, dtype=values.dtype)
        out[self.whole] = values
        return out.reshape(*self.shape, *values.shape[1:])


def to_rows(da: xr.DataArray, dims: Sequence[str], *, who: str, least: int) -> Rows:
    """Make samples of all dims but `dims`, which together are the features."""
    require_dims(da, dims, who=who)
    require_numeric(da, who=who)
    da = da.transpose(..., *dims)
    n = da.ndim - len(dims)
    values = np.asarray(da.values, dtype=float).reshape(int(np.prod(da.shape[:n], dtype=int)), -1)
    whole = np.isfinite(values).all(axis=1)
    if whole.sum() < least:
        raise DataError(f"{who} needs at least {least} samples without gaps; got {int(whole.sum())} of {whole.size}.")
    coords = {str(k): v for k, v in da.coords.items() if not set(v.dims) & set(dims)}
    return Rows(values[whole], whole, tuple(str(d) for d in da.dims[:n]), da.shape[:n], coords)
