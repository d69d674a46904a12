"""Labels as the data have them, from labels as a user or another widget gives them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError

__all__ = ["snap"]


def snap(selection: Mapping[str, Any], data: xr.DataArray | xr.Dataset, dims: tuple[str, ...]) -> dict[str, Any]:
    """The same selection with the nearest labels that the data have.

    Parameters
    ----------
    selection : mapping
        Label, or list of labels, by dimension.
    data : xarray.DataArray or xarray.Dataset
        Where the labels are looked up; a dimension without a coordinate has the labels 0, 1, 2 …
    dims : tuple of str
        The dimensions that can be pointed at.

    Returns
    -------
    dict
        Labels as plain numbers or text.

    Raises
    ------
    LabelError
        A dimension is unknown, or a label is further than one step outside.
    """
    out: dict[str, Any] = {}
    for dim, wanted in selection.items():
        if dim not in dims:
            raise LabelError(f"{dim!r} cannot be pointed at; write labels of {', '.join(dims) or '(nothing)'}.")
        index = data.indexes[dim] if dim in data.indexes else np.arange(data.sizes[dim])
        labels = np.asarray(index)
        one = np.ndim(wanted) == 0
        found = [_nearest(labels, value, dim) for value in ([wanted] if one else list(wanted))]
        out[dim] = found[0] if one else found
    return out


def _nearest(labels: np.ndarray, wanted: Any, dim: str) -> Any:
    if labels.dtype.kind not in "uif":
        match = labels[labels == wanted]
        if match.size == 0:
            raise LabelError(f"{wanted!r} is no label of {dim!r}; the first ones are {labels[:5].tolist()}.")
        return match.tolist()[0]
    try:
        value = float(wanted)
    except (TypeError, ValueError):
        raise LabelError(f"{dim!r} has numbers as labels; got {wanted!r}.") from None
    nearest = labels[int(np.argmin(np.abs(labels - value)))]
    step = float(np.max(np.abs(np.diff(labels)))) if labels.size > 1 else 1.0
    if not abs(float(nearest) - value) <= step:
        raise LabelError(f"{dim} = {value:g} is outside the data, which run from {labels.min():g} to {labels.max():g}.")
    return nearest.item()
