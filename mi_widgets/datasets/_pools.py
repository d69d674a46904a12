"""How a pool of candidates is labelled: features, what is searched for, and where it came from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.history import origin

__all__ = ["label_pool"]


def label_pool(
    features: Any,
    names: Sequence[str],
    units: Sequence[str],
    *,
    candidates: Any = None,
    periods: Mapping[str, float] | None = None,
    attrs: Mapping[str, Any],
    call: str,
    parameters: Mapping[str, Any],
) -> xr.Dataset:
    """Give a Dataset with ``features`` (candidate, feature); what is searched for is added by the caller.

    Parameters
    ----------
    features : (N, d)
        Values of the features.
    names, units : sequence of str
        Of the features.
    candidates : (N,), optional
        Labels; by default numbers from 0.
    periods : mapping, optional
        Of features that repeat.
    attrs : mapping
        Global attributes.
    call, parameters
        For ``history``.
    """
    values = np.asarray(features)
    labels = np.arange(len(values)) if candidates is None else np.asarray(candidates)
    period = [float((periods or {}).get(name, np.nan)) for name in names]
    ds = xr.Dataset(
        {"features": (("candidate", "feature"), values, {"units": "1", "long_name": "feature, in the unit of each"})},
        coords={
            "candidate": ("candidate", labels, {"units": "1", "long_name": "candidate"}),
            "feature": ("feature", np.array(names, dtype=np.str_), {"long_name": "feature"}),
            "units": ("feature", np.array(units, dtype=np.str_), {"long_name": "unit of the feature"}),
            "period": ("feature", period, {"units": "1", "long_name": "repeat of the feature, in its unit"}),
        },
    )
    if labels.dtype.kind not in "iu":
        ds["candidate"].attrs = {"long_name": "candidate"}
    ds.attrs = {**origin(f"datasets.{call}", attrs["title"], parameters), **attrs}
    return ds
