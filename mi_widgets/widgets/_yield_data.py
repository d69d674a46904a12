"""What a YieldExplorer is given: checked before anything is drawn."""

from typing import Any

import xarray as xr

from mi_widgets import screening
from mi_widgets.errors import DataError, LabelError

__all__ = ["yield_target"]


def yield_target(data: Any) -> xr.DataArray:
    """Log odds of the yields, after a check of the data."""
    if not isinstance(data, xr.Dataset) or "features" not in data or "yield" not in data:
        raise LabelError(
            "YieldExplorer needs a Dataset with 'features' (candidate, feature) and 'yield' (candidate); "
            "datasets.make_catalyst_yields() is one."
        )
    if set(data["features"].dims) != {"candidate", "feature"} or data["yield"].dims != ("candidate",):
        raise LabelError(
            f"features must have the dims (candidate, feature) and yield (candidate); got {data['features'].dims} and "
            f"{data['yield'].dims}. Write ds.rename(...)."
        )
    if "candidate" not in data.coords or "feature" not in data.coords:
        raise LabelError("candidates and features need labels: ds.assign_coords(candidate=..., feature=...).")
    n = data.sizes["candidate"]
    if n < 12:
        raise DataError(f"{n} candidates are too few to choose variables by; give 12 or more.")
    target = screening.log_odds(data["yield"])
    screening.predict_subset(data["features"], target, [str(data["feature"].values[0])])  # checks, before the page
    next(iter(screening.iter_exhaustive_search(data["features"], target, max_features=1)))
    return target
