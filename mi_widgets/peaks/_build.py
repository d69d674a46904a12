"""From checked data and options to a fit that is ready to run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._checks import Prepared, likelihood_of, rises, starting_values
from mi_widgets.peaks._em import GROUNDS, SHAPES, supported
from mi_widgets.peaks._engines._door import resolve_engine
from mi_widgets.peaks._map_fit import MapFit
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._noise import estimate_noise, lay_out_noise
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._ties import parse_shared, parse_ties

UNEVEN = 1.1  # ratio of the largest to the smallest step that expectation maximisation puts up with


@dataclass(frozen=True)
class Known:
    """What the data themselves decide, for a whole map.

    Attributes
    ----------
    poisson : bool
        There are no values below zero where counts were promised.
    rising : bool
        A background made from the peaks grows towards the high end of the axis.
    noise : tuple of float or None
        Gain and read noise, where they were to be found.
    """

    poisson: bool
    rising: bool = True
    noise: tuple[float, float] | None = None


def look_at(prepared: Prepared, model: Model, *, likelihood: str, noise: Any) -> Known:
    """Look at the spectra for what the options leave to them."""
    return Known(
        poisson=likelihood_of(likelihood, noise, prepared),
        rising=not model.ground.active or rises(prepared),
        noise=estimate_noise(prepared) if isinstance(noise, str) and noise == "auto" else None,
    )


def build_fit(
    prepared: Prepared,
    model: Model,
    *,
    likelihood: str,
    noise: float | str | Mapping[str, float] | xr.DataArray | None = None,
    ties: Mapping[str, Any] | None = None,
    bounds: Mapping[str, Any] | None = None,
    start: xr.Dataset | Mapping[str, Any] | None = None,
    shared: Sequence[str] | None = None,
    method: str = "lm",
    correlations: bool = False,
    engine: str = "auto",
    known: Known | None = None,
) -> MapFit:
    """Check the options of `fit_peaks` against the data and lay them out for the engines."""
    known = known or look_at(prepared, model, likelihood=likelihood, noise=noise)
    poisson, rising = known.poisson, known.rising
    low, high = model.bounds(prepared.axis, positive_background=poisson, user=bounds)
    model.require_units(prepared.axis_units, {*(bounds or {}), *(ties or {})})
    held = {name: float(lo) for name, lo, hi in zip(model.names, low, high, strict=True) if lo == hi}
    problem = Problem(prepared.axis, model, low, high, poisson, rising, parse_ties(ties, model, held))
    given, started = starting_values(start, model, prepared)
    laid_out = lay_out_noise(noise, prepared, poisson=poisson, found=known.noise)
    common = parse_shared(shared, problem)
    _check_method(method, problem, common)
    resolve_engine(engine, wait=0.0)  # an unknown engine is refused at once, numba begins to compile
    ordered = started or _each_its_own(problem)
    return MapFit(
        problem,
        read=prepared.read,
        noise=laid_out,
        shape=prepared.shape or (1,),
        given=given,
        engine=engine,
        sort=model.uniform and not ordered and not problem.peaks_tied,
        ordered=ordered,
        shared=common,
        saturated=prepared.saturated,
        method=method,
        correlations=bool(correlations),
    )


def _check_method(method: str, problem: Problem, shared: np.ndarray | None) -> None:
    if method not in ("lm", "em"):
        raise ParameterError(f"unknown method {method!r}; write 'lm' or 'em'.")
    if method == "lm":
        return
    if not supported(problem.model):
        raise ParameterError(
            f"method='em' has closed steps for {', '.join(SHAPES)} on backgrounds {', '.join(GROUNDS)}; got "
            f"{', '.join(dict.fromkeys(problem.model.lineshapes))} on {problem.model.background!r}. Write method='lm'."
        )
    if not problem.poisson:
        raise ParameterError("method='em' is for counts. Write method='lm' with the gaussian likelihood.")
    step = np.diff(problem.axis)
    if step.max() > UNEVEN * step.min():
        raise ParameterError(
            f"method='em' needs an even axis, this one has steps of {step.min():.4g} to {step.max():.4g}. "
            "Write method='lm'."
        )
    if problem.ties is not None or shared is not None:
        raise ParameterError("method='em' knows no ties, held or shared parameters. Write method='lm'.")


def _each_its_own(problem: Problem) -> bool:
    """Whether bounds tell the peaks apart, so that their order is the user's."""
    alike: dict[tuple[str, str], list[int]] = {}
    for k, (name, shape) in enumerate(zip(problem.model.lineshapes, problem.model.shapes, strict=True)):
        for i, parameter in enumerate(shape.parameters):
            alike.setdefault((name, parameter), []).append(problem.model.peak(k).start + i)
    return any(np.unique(side[c]).size > 1 for c in alike.values() for side in (problem.low, problem.high))
