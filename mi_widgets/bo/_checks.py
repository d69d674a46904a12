"""What a search is told, checked before it is believed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._settings import Settings
from mi_widgets.bo._transform import Transform
from mi_widgets.errors import DataError, ParameterError

__all__ = ["as_list", "check_noise", "check_values"]

#: Beyond this, squares have no place in a double.
LARGEST = 1e150


def as_list(candidate: Any) -> tuple[list[Any], bool]:
    """Labels, and whether there were several."""
    if isinstance(candidate, list | tuple | np.ndarray | pd.Index | pd.Series | range):
        return list(candidate), True
    if isinstance(candidate, xr.DataArray):
        candidate = candidate.values
        return (candidate.tolist(), True) if candidate.ndim else ([candidate.item()], False)
    return [candidate], False


def check_values(
    value: Any, labels: Sequence[Any], many: bool, feasible: bool, settings: Settings, transform: Transform
) -> list[tuple[float, ...] | None]:
    """Told values of each candidate, for each objective; None where a candidate was not feasible."""
    if not feasible:
        if not settings.learn_feasibility:
            raise ParameterError(
                "tell: feasible=False needs a search that learns where that happens: Search(X, "
                "learn_feasibility=True). Or write search.exclude(candidate)."
            )
        return [None] * len(labels)
    k = len(settings.goals)
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"tell: a value must be a number; got {value!r}.") from None
    shape = (len(labels), k) if k > 1 else (len(labels),)
    if not many or (len(labels) == 1 and found.ndim < len(shape)):
        found = found.reshape(1, *found.shape)
    if found.shape != shape and found.shape != (len(labels), k):
        wanted = f"{k} values for each candidate ({', '.join(settings.objectives)})" if k > 1 else "one value"
        raise DataError(
            f"tell: {len(labels)} candidates need {wanted}; got an array of shape {np.shape(value)}. Write "
            "search.tell([label, ...], [value, ...])."
        )
    found = found.reshape(len(labels), k)
    for label, row in zip(labels, found.tolist(), strict=True):
        for number in row:
            if not np.isfinite(number):
                raise DataError(
                    f"tell: the value of candidate {label!r} is {number}. Tell finite values; if the measurement "
                    "failed, leave it out, write search.exclude(candidate), or tell(candidate, None, "
                    "feasible=False)."
                )
            if abs(number) > LARGEST:
                raise DataError(f"tell: the value of candidate {label!r} is {number:g}: use another unit.")
            transform.check(number, "tell")
    return [tuple(row) for row in found.tolist()]


def check_noise(noise: Any, n: int) -> list[float | None]:
    """Known standard deviation of each of n values; None where it is learnt."""
    if noise is None:
        return [None] * n
    try:
        found = np.broadcast_to(np.asarray(noise, dtype=float), n).tolist()
    except (TypeError, ValueError):
        raise ParameterError(f"tell: noise must be one number, or one for each candidate; got {noise!r}.") from None
    for number in found:
        if not (np.isfinite(number) and number >= 0):
            raise ParameterError(f"tell: noise is a standard deviation, zero or more; got {number}.")
    return found
