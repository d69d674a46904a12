"""Data that a widget can show, or the error that says what to write instead."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.labels import find_spectral_dim, require_axis, require_numeric

__all__ = ["checked_dim"]


def checked_dim(da: Any, dim: str | None, who: str) -> str:
    """Name of the spectral dimension of an array that can be shown, or the error that says what is missing."""
    if isinstance(da, xr.Dataset):
        raise DataError(
            f"{who} takes one array; got a Dataset with {', '.join(map(str, da.data_vars)) or 'nothing'}. "
            f"Write {who}(ds.spectra)."
        )
    if not isinstance(da, xr.DataArray):
        raise DataError(
            f"{who} takes an xarray.DataArray; got {type(da).__name__}. "
            "Write labels.label_spectra(values, axis) to label NumPy arrays."
        )
    require_numeric(da, who=who)
    if da.size == 0:
        raise DataError(f"{who}: the array is empty, its sizes are {dict(da.sizes)}.")
    dim = str(dim or find_spectral_dim(da))
    require_axis(da, dim, who=who)
    for d in da.dims:
        if d != dim and d in da.coords:
            _check_labels(da, str(d), who)
    return dim


def _check_labels(da: xr.DataArray, d: str, who: str) -> None:
    """Raise unless the labels of a dimension are different numbers or texts, which is what can be pointed at."""
    labels = da[d].values
    kind, found = labels.dtype.kind, str(labels.dtype)
    levels = [str(name) for name in da.indexes[d].names] if d in da.indexes else []
    if len(levels) > 1:
        raise LabelError(
            f"{who}: {d!r} has several labels at once ({', '.join(levels)}). Write da.unstack({d!r}) for one dimension "
            f"each, or da.drop_vars({[d, *levels]!r}) to count from 0."
        )
    if kind in "mM":
        since = f" - da[{d!r}][0]" if kind == "M" else ""
        raise LabelError(
            f"{who}: labels of {d!r} are times ({found}), not numbers. Write da.assign_coords({{{d!r}: "
            f"(da[{d!r}]{since}) / np.timedelta64(1, 's')}}) for seconds."
        )
    if kind not in "buifU":
        raise LabelError(
            f"{who}: labels of {d!r} are {found}, neither numbers nor text. Write da.assign_coords({{{d!r}: "
            f"da[{d!r}].astype(str)}}) for text, or da.drop_vars({d!r}) to count from 0."
        )
    if kind == "f" and not np.isfinite(labels).all():
        raise LabelError(
            f"{who}: {np.count_nonzero(~np.isfinite(labels))} of {labels.size} labels of {d!r} are not finite. "
            f"Write da.isel({{{d!r}: np.isfinite(da[{d!r}].values)}}) to leave them out, or da.drop_vars({d!r}) "
            "to count from 0."
        )
    if labels.size != np.unique(labels).size:
        raise LabelError(f"{who}: labels of {d!r} are not unique. Write da.drop_duplicates({d!r}).")
