"""Samples, variables and targets of a sparse regression as matrices: checked, centred, scaled."""

import warnings
from dataclasses import dataclass

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning
from mi_widgets.labels import require_dims, require_numeric

__all__ = ["VARIABLE_STATUS", "Problem", "prepare"]

#: ``variable_status``: constant and duplicate ones are left out, dependent ones are not.
VARIABLE_STATUS = ("ok", "constant", "duplicate", "dependent")
_FEWEST = 5


@dataclass(frozen=True)
class Problem:
    """A sparse regression.

    Attributes
    ----------
    columns : (variable, sample)
        Variables in use, centred, with standard deviation 1.
    targets : (target, sample)
        Centred; NaN where a target has gaps.
    used : (variable,) bool
        Variables in use.
    variable_status : (variable,) int8
    same_as : (variable,) int
        Number of the earlier variable that a duplicate repeats, else -1.
    center, scale : (variable,)
        What was subtracted, and divided by.
    mean : (target,)
        Mean of each target.
    kept : (sample,) bool
        Samples in use.
    dim, over : str
        Dimension of the samples and of the variables.
    target_dims, target_shape
        What the targets are spread over.
    """

    columns: np.ndarray
    targets: np.ndarray
    used: np.ndarray
    variable_status: np.ndarray
    same_as: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    mean: np.ndarray
    kept: np.ndarray
    dim: str
    over: str
    target_dims: tuple[str, ...]
    target_shape: tuple[int, ...]

    @property
    def n_samples(self) -> int:
        """Samples in use."""
        return self.columns.shape[1]


def prepare(features: xr.DataArray, target: xr.DataArray, dim: str, *, who: str) -> Problem:
    """Check labels and values, leave out what cannot be used, centre and scale."""
    over = _check(features, target, dim, who)
    x = np.asarray(features.transpose(dim, over).values, dtype=float)
    spread = target.transpose(dim, ...)
    y = np.asarray(spread.values, dtype=float).reshape(x.shape[0], -1)
    kept = np.isfinite(x).all(axis=1) & np.isfinite(y).any(axis=1)
    if kept.sum() < _FEWEST:
        worst = int(np.argmax(~np.isfinite(x).any(axis=0) * 2 + (~np.isfinite(x)).mean(axis=0)))
        name = features[over].values[worst] if over in features.coords else worst
        gaps = f"; variable {str(name)!r} has the most gaps" if not np.isfinite(x).all() else ""
        raise DataError(
            f"{who} needs at least {_FEWEST} samples without gaps; got {int(kept.sum())} of {kept.size}{gaps}. "
            f"Leave out the variables with gaps, features.dropna({over!r})."
        )
    if not kept.all():
        warnings.warn(
            f"{who}: {int((~kept).sum())} of {kept.size} samples have gaps and are left out.",
            MIWidgetsWarning,
            stacklevel=4,
        )
    x, y = x[kept], y[kept]
    center, scale = x.mean(axis=0), x.std(axis=0)
    constant = scale <= 1e-12 * np.maximum(np.abs(center), 1e-300)
    scale = np.where(constant, 1.0, scale)
    z = (x - center) / scale
    z -= z.mean(axis=0)
    status, same_as = _alike(z, constant)
    used = (status != 1) & (status != 2)
    mean = y.mean(axis=0)
    return Problem(
        columns=np.ascontiguousarray(z[:, used].T),
        targets=np.ascontiguousarray((y - mean).T),
        used=used,
        variable_status=status,
        same_as=same_as,
        center=center,
        scale=np.where(constant, np.nan, scale),
        mean=mean,
        kept=kept,
        dim=dim,
        over=over,
        target_dims=tuple(str(d) for d in spread.dims[1:]),
        target_shape=spread.shape[1:],
    )


def _check(features: xr.DataArray, target: xr.DataArray, dim: str, who: str) -> str:
    """Name of the dimension of the variables."""
    for name, da in (("features", features), ("target", target)):
        if not isinstance(da, xr.DataArray):
            raise LabelError(f"{who}: {name} must be a DataArray over {dim!r}; got {type(da).__name__}.")
        require_dims(da, [dim], who=f"{who} ({name})")
        require_numeric(da, who=f"{who} ({name})")
    if features.ndim != 2:
        raise LabelError(f"{who}: features must have dims ({dim!r}, 'variable'); got {features.dims}. Stack or select.")
    over = str(next(d for d in features.dims if d != dim))
    if over in target.dims or "penalty" in target.dims:
        raise LabelError(f"{who}: target must not have dimension {over!r} or 'penalty'; got {target.dims}. Rename it.")
    if features.sizes[dim] != target.sizes[dim]:
        raise DataError(
            f"{who}: features and target must be over the same samples; got {features.sizes[dim]} and "
            f"{target.sizes[dim]}. Write target.sel({dim}=features[{dim!r}])."
        )
    both = dim in features.coords and dim in target.coords
    if both and not np.array_equal(features[dim].values, target[dim].values):
        raise DataError(
            f"{who}: coordinate {dim!r} of features and target differ. Write target.sel({dim}=features[{dim!r}])."
        )
    if not features.sizes[over]:
        raise DataError(f"{who} needs at least one variable; got none.")
    return over


def _alike(z: np.ndarray, constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Status of each variable, and which earlier one a duplicate repeats (-1 for none)."""
    m, n = z.shape
    status, same_as = np.where(constant, 1, 0).astype(np.int8), np.full(n, -1)
    near = np.abs(z.T @ z) / m > 1 - 1e-8
    for j in range(1, n):
        if status[j] == 0:
            earlier = np.flatnonzero(near[j, :j] & (status[:j] == 0))
            if earlier.size:
                status[j], same_as[j] = 2, earlier[0]
    free = np.flatnonzero(status == 0)
    if 0 < free.size < m - 1:  # with fewer samples every variable is a sum of others
        upper = np.linalg.qr(z[:, free], mode="r")
        status[free[np.abs(np.diag(upper)) < 1e-7 * m**0.5]] = 3
    return status, same_as
