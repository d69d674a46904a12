"""From the options of a call to a problem: which parameters are free, and whether they can be found."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mi_widgets.eos._data import Checked, number
from mi_widgets.eos._problem import BOUNDS, Problem
from mi_widgets.eos._thermal import THERMAL
from mi_widgets.eos.equation import make_model
from mi_widgets.errors import DataError, ParameterError

__all__ = ["build_problem"]

#: Temperatures that differ by less, beside their errors, are one isotherm (K).
ONE_TEMPERATURE = 30.0


def build_problem(
    data: Checked,
    *,
    form: str,
    thermal: str,
    hold: Mapping[str, float] | None,
    bounds: Mapping[str, tuple[float, float]] | None,
    priors: Mapping[str, tuple[float, float]] | None,
    pressure_scale: float,
    n_atoms: float | None,
    reference_temperature: float | None,
    who: str,
) -> Problem:
    """Check every option against the data and put them together."""
    points = data.points
    t0 = reference_temperature
    if t0 is None:
        t0 = 300.0 if thermal != "none" else float(points.temperature.mean())
    for argument, given in (("hold", hold), ("bounds", bounds), ("priors", priors)):
        if given is not None and not isinstance(given, Mapping):
            raise ParameterError(f"{who}: {argument} is a mapping of names, such as {{'k0_prime': …}}; got {given!r}.")
    model = make_model(form, thermal, data.n_atoms if n_atoms is None else n_atoms, t0, who=who)
    if points.is_energy and thermal != "none":
        raise ParameterError(f'{who}: energies of a static lattice have no temperature. Write thermal="none".')
    names = (("e0",) if points.is_energy else ()) + model.names
    held = _held(hold, names, thermal, data.volume_factor, who)
    low, high = _limits(data, names, bounds, who)
    spreads = {k: _pair(k, v, who, "priors", "(mean, standard deviation)") for k, v in dict(priors or {}).items()}
    if pressure_scale:
        if points.is_energy:
            raise ParameterError(f"{who}: pressure_scale is an error of measured pressures; these are energies.")
        spreads["pressure_scale"] = (0.0, number("pressure_scale", pressure_scale, who=who))
        names = (*names, "pressure_scale")
        low["pressure_scale"], high["pressure_scale"] = BOUNDS["pressure_scale"]
    free = tuple(name for name in names if name not in held)
    _known(spreads, free, who, "priors")
    if "v0" in spreads:
        spreads["v0"] = (spreads["v0"][0] * data.volume_factor, spreads["v0"][1] * data.volume_factor)
    if any(not (spread > 0 and np.isfinite([mean, spread]).all()) for mean, spread in spreads.values()):
        raise ParameterError(
            f"{who}: the standard deviation of a prior must be above zero, and both its numbers finite; got "
            f"{dict(priors or {})}. A parameter without a prior is free within its bounds."
        )
    for name, value in held.items():
        if not low[name] <= value <= high[name]:
            raise ParameterError(f"{who}: hold[{name!r}] = {value:g} is not within {low[name]:g} to {high[name]:g}.")
    problem = Problem(
        points, model, free, held, np.array([low[n] for n in free]), np.array([high[n] for n in free]), spreads
    )
    _check_enough(problem, data, who)
    return problem


def _held(
    hold: Mapping[str, float] | None, names: tuple[str, ...], thermal: str, factor: float, who: str
) -> dict[str, float]:
    if hold is None and thermal != "none":
        rest = '"q": 1.0' if thermal == "debye" else '"a": 0.14, "b": 5.4'
        raise ParameterError(
            f"{who}: say which parameters are held, as pressures tell little of them: "
            f'hold={{"theta0": 760.0, {rest}}}, with the numbers of your substance. hold={{}} leaves all free.'
        )
    out = dict(hold or {})
    _known(out, names, who, "hold")
    held = {name: number(f"hold[{name!r}]", value, who=who, above=-np.inf) for name, value in out.items()}
    if "v0" in held:
        held["v0"] *= factor
    return held


def _limits(
    data: Checked, names: tuple[str, ...], bounds: Mapping[str, tuple[float, float]] | None, who: str
) -> tuple[dict[str, float], dict[str, float]]:
    volume = data.points.volume
    usual = {**BOUNDS, "v0": (0.3 * volume.min(), 3 * volume.max()), "e0": (-np.inf, np.inf)}
    given = dict(bounds or {})
    _known(given, names, who, "bounds")
    low, high = ({name: float(usual[name][i]) for name in names} for i in range(2))
    for name, value in given.items():
        first, last = _pair(name, value, who, "bounds", "(low, high)")
        if not first < last:
            raise ParameterError(f"{who}: bounds[{name!r}] must be (low, high), low below high; got {value!r}.")
        factor = data.volume_factor if name == "v0" else 1.0
        low[name], high[name] = first * factor, last * factor
    for name in ("v0", "k0", "theta0"):
        if name in low and not low[name] > 0:
            raise ParameterError(f"{who}: the lower bound of {name} must be above zero; got {given[name]!r}.")
    return low, high


def _known(given: Mapping[str, Any], names: tuple[str, ...], who: str, argument: str) -> None:
    for name in given:
        if name not in names:
            raise ParameterError(
                f"{who}: {argument} names {name!r}; the parameters here are {', '.join(names) or 'all held'}."
            )


def _pair(name: str, value: Any, who: str, argument: str, what: str) -> tuple[float, float]:
    try:
        first, second = (float(v) for v in value)
    except (TypeError, ValueError):
        first = second = np.nan
    if np.isnan([first, second]).any():
        raise ParameterError(f"{who}: {argument}[{name!r}] must be {what}; got {value!r}.")
    return first, second


def _check_errors(problem: Problem, who: str) -> None:
    """Raise where errors of volume and temperature say nothing of the values: such points would weigh everything."""
    points = problem.points
    if points.is_energy:
        lost, name = points.value_error <= 0, "energy"  # at the minimum an error of the volume changes nothing
    elif problem.model.thermal == "none":
        lost, name = (points.value_error <= 0) & (points.volume_error <= 0), "pressure"
    else:
        return
    if points.known and lost.any():
        raise DataError(
            f"{who}: {int(lost.sum())} of {lost.size} points have no error of the {name}, and those they have do not "
            f"act on it. Give them {name}_stderr, or leave the errors of all points out."
        )


def _check_enough(problem: Problem, data: Checked, who: str) -> None:
    """Enough points, more than one volume, temperatures that the model can take."""
    points, free = problem.points, [n for n in problem.free if n not in problem.priors]
    n, needed = points.volume.size, len(free) + (0 if points.known else 1)
    if not problem.free:
        raise ParameterError(f"{who}: every parameter is held, nothing is left to fit. Leave one out of hold.")
    if n < needed:
        lost = int(data.used.size - n)
        raise DataError(
            f"{who}: {n} points{f' (and {lost} with NaN)' if lost else ''} cannot give {len(free)} parameters "
            f"({', '.join(free)}){'' if points.known else ' and the noise'}. Hold some: hold={{'k0_prime': 4.0}}, "
            'take form="bm2", or measure more.'
        )
    if np.ptp(points.volume) < 1e-6 * points.volume.max():
        raise DataError(f"{who}: all volumes are {points.volume[0]:g} angstrom**3; a curve needs several.")
    _check_errors(problem, who)
    if points.is_energy:
        return
    low, high = points.temperature.min(), points.temperature.max()
    slack = ONE_TEMPERATURE + 6 * float(np.median(points.temperature_error))
    if problem.model.thermal == "none":
        if high - low > slack:
            raise DataError(
                f"{who}: temperatures run from {low:g} to {high:g} K, an isothermal form needs one. Take one isotherm, "
                'ds.isel(point=abs(ds.temperature - 300) < 30), or write thermal="debye".'
            )
        return
    thermal = [name for name in free if name in THERMAL[problem.model.thermal]]
    if thermal and np.abs(points.temperature - problem.model.t0).max() < min(slack, 200.0):
        raise DataError(
            f"{who}: all points are at {points.temperature.mean():g} K, that of the isothermal form: they say nothing "
            f'of {", ".join(thermal)}. Write thermal="none", or hold these parameters.'
        )
