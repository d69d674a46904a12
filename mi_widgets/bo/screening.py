"""Virtual screening: a library without values, ranked by what a few known values say of it."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.bo._look import Acquisition, finish
from mi_widgets.bo.search import Search
from mi_widgets.errors import DataError, LabelError

__all__ = ["virtual_screening"]


def virtual_screening(
    known: pd.DataFrame,
    library: pd.DataFrame,
    *,
    target: str,
    goal: str = "min",
    acquisition: Acquisition = "z_score",
    **options: Any,
) -> xr.Dataset:
    """Rank candidates whose value nobody knows, by default by the Z score (best - mean) / standard deviation [1]_.

    Parameters
    ----------
    known : pandas.DataFrame
        Features and the value of candidates that were measured or computed; the index is their labels.
    library : pandas.DataFrame
        The same features of candidates to be ranked. Those whose label is in `known` are left out.
    target : str
        The column of `known` that is the value.
    goal : {"min", "max"}
        What is looked for.
    acquisition : str or callable
        What is ranked by, as in `Search`.
    **options
        Others of `Search`, such as ``transform="log"``, ``blocks=[...]``, ``units="W/(m*K)"``, ``seed=0``.

    Returns
    -------
    xarray.Dataset
        Over ``candidate``, the best first:

        - ``mean``, ``stderr``: expected value and its standard deviation, in the unit of the value
        - ``acquisition``: what is ranked by; ``rank``: from 1

    Raises
    ------
    LabelError
        There is no such column, or features are missing.
    DataError
        Nothing is left to rank, or values are not finite.

    References
    ----------
    .. [1] A. Seko et al., Phys. Rev. Lett. 115, 205901 (2015), doi:10.1103/PhysRevLett.115.205901

    Examples
    --------
    >>> known = pd.DataFrame({"x": [0.0, 0.3, 0.6, 1.0], "y": [1.0, 0.5, 0.2, 0.6]}, index=list("abcd"))
    >>> library = pd.DataFrame({"x": [0.1, 0.7, 0.95]}, index=["p", "q", "r"])
    >>> virtual_screening(known, library, target="y", seed=0).candidate.values[0].item()
    'q'
    """
    who = "virtual_screening"
    for name, frame in (("known", known), ("library", library)):
        if not isinstance(frame, pd.DataFrame):
            raise LabelError(f"{who}: {name} must be a DataFrame; got {type(frame).__name__}.")
    if target not in known.columns:
        raise LabelError(f"{who}: known has no column {target!r}; it has {', '.join(map(str, known.columns[:20]))}.")
    features = [c for c in known.columns if c != target]
    missing = [c for c in features if c not in library.columns]
    if missing:
        raise LabelError(f"{who}: the library lacks the features {', '.join(map(str, missing[:10]))} of known.")
    new = library.loc[~library.index.isin(known.index), features]
    if new.empty:
        raise DataError(f"{who}: every candidate of the library is in known already; there is nothing to rank.")
    y = np.asarray(known[target], dtype=float)
    search = Search(pd.concat([known[features], new]), goal=goal, acquisition=acquisition, **options)
    search.tell(known.index.tolist(), y)
    found = search.posterior()
    ranked = found.isel(candidate=np.flatnonzero(found["rank"].values > 0)).sortby("rank")
    ranked = ranked[["mean", "stderr", "acquisition", "rank"]]
    name = acquisition if isinstance(acquisition, str) else "function"
    parameters = {"target": target, "goal": goal, "acquisition": name, "n_known": len(known)}
    return finish(ranked, who, "library ranked by what is known", parameters)
