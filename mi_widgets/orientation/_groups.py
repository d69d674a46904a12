"""The same work for each of several samples."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.orientation._check import same_grains

__all__ = ["over_groups"]


def over_groups(
    angles: xr.DataArray,
    weights: Any,
    by: str,
    groups: Sequence[tuple[Any, np.ndarray]],
    work: Callable[[xr.DataArray, Any], xr.Dataset],
) -> xr.Dataset:
    """Results of each group along the new dimension `by`; what there is of each grain stays in its place."""
    same_grains(angles, weights, who="weights")
    counts = None if weights is None else np.asarray(weights, dtype=float)
    if counts is not None and counts.shape != angles.shape:
        raise DataError(f"weights must be one number for each of {angles.size} angles; got shape {counts.shape}.")
    bare = angles.drop_vars(by)
    grain = angles["grain"] if "grain" in angles.coords else xr.DataArray(np.arange(angles.size), dims="grain")
    bare = bare.assign_coords(grain=("grain", np.arange(angles.size)))
    done = []
    for name, where in groups:
        try:
            done.append(work(bare.isel(grain=where), None if counts is None else counts[where]))
        except DataError as error:
            raise DataError(f"{by} {str(name)!r}: {error}") from error
    per_grain = [n for n in done[0].data_vars if "grain" in done[0][n].dims]
    out = xr.concat(
        [ds.drop_vars(per_grain).drop_dims("grain", errors="ignore") for ds in done],
        dim=by, coords="minimal", compat="override", join="outer", combine_attrs="override",
    )  # fmt: skip
    if per_grain:
        places = xr.concat(
            [ds[per_grain] for ds in done], dim="grain", coords="minimal", compat="override", join="outer",
            combine_attrs="override",
        )  # fmt: skip
        out = out.merge(places.sortby("grain"), compat="override", join="outer", combine_attrs="override")
        out = out.assign_coords(grain=("grain", grain.values, dict(grain.attrs)))
        out = out.assign_coords({f"{by}_of_grain": ("grain", angles[by].values, {"long_name": f"{by} of the grain"})})
    return out.assign_coords({by: (by, [name for name, _ in groups], {"long_name": by})})
