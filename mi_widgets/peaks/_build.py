"""From checked data and options to a fit that is ready to run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.peaks._checks import Prepared, likelihood_of, rises, starting_values
from mi_widgets.peaks._engine import resolve_engine
from mi_widgets.peaks._map_fit import MapFit
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._noise import lay_out_noise
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._ties import parse_ties


def build_fit(
    prepared: Prepared,
    model: Model,
    *,
    likelihood: str,
    noise: float | str | xr.DataArray | None = None,
    ties: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    start: xr.Dataset | Mapping[str, Any] | None = None,
    engine: str = "auto",
) -> MapFit:
    """Check the options of `fit_peaks` against the data and lay them out for the engines."""
    poisson = likelihood_of(likelihood, noise, prepared)
    low, high = model.bounds(prepared.axis, positive_background=poisson, user=bounds)
    rising = model.background != "shirley" or rises(prepared)
    held = {name: float(lo) for name, lo, hi in zip(model.names, low, high, strict=True) if lo == hi}
    problem = Problem(prepared.axis, model, low, high, poisson, rising, parse_ties(ties, model, held))
    given, started = starting_values(start, model, prepared)
    known = lay_out_noise(noise, prepared, poisson=poisson)
    resolve_engine(engine, wait=0.0)  # an unknown engine is refused at once, numba begins to compile
    ordered = started or _each_its_own(problem)
    return MapFit(
        problem,
        read=prepared.read,
        noise=known,
        shape=prepared.shape or (1,),
        given=given,
        engine=engine,
        sort=model.uniform and not ordered and not problem.tied,
        ordered=ordered,
    )


def _each_its_own(problem: Problem) -> bool:
    """Whether bounds tell the peaks apart, so that their order is the user's."""
    columns = [problem.model.columns(name) for name in problem.model.peak_names]
    return any(np.unique(side[c]).size > 1 for c in columns for side in (problem.low, problem.high))
