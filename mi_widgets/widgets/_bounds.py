"""Which parameters of a fit stand on a bound, as far as the result tells."""

import json
from math import isclose
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["on_bound"]

_NATURAL = {"amplitude": (0.0, None), "fraction": (0.0, 1.0), "gamma": (0.0, None), "asymmetry": (-0.9, 0.9)}


def on_bound(fit: xr.Dataset, step: float | None = None) -> set[tuple[str, int]]:
    """Names and peaks of the parameters that stand on a bound, in a fit that says so.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of a fit for a single spectrum: its only dimension is ``peak``.
    step : float, optional
        Between two channels, in the unit of the axis: the least that a fit lets sigma be.

    Returns
    -------
    set of (str, int)
        Such as ``("fraction", 1)``; peak 0 for the background. Empty unless the status is ``at_bound``.
    """
    status = fit.get("status")
    names = str(status.attrs.get("flag_meanings", "")).split() if status is not None else []
    if status is None or "at_bound" not in names or int(status) != names.index("at_bound"):
        return set()
    user = _given(fit)
    found = set()
    for name, da in fit.data_vars.items():
        ends = _ends(str(name), fit, step)
        for peak, value in enumerate(np.atleast_1d(da.values).tolist()) if ends or name in user else ():
            known = [*ends, *_of_peak(user.get(str(name)), peak)]
            if any(v is not None and isclose(value, v, rel_tol=1e-9, abs_tol=1e-12) for v in known):
                found.add((str(name), peak))
    return found


def _ends(name: str, fit: xr.Dataset, step: float | None) -> tuple[float | None, ...]:
    """Bounds that hold without being given."""
    axis = [float(v) for v in fit.attrs.get("axis_range", ())]
    if name == "center":
        return tuple(axis)
    if name == "sigma" and axis:
        return step, abs(axis[1] - axis[0]) / 2
    if name.startswith("background_") and not name.endswith("_stderr"):
        return (0.0,) if fit.attrs.get("likelihood") == "poisson" else ()
    return _NATURAL.get(name, ())


def _given(fit: xr.Dataset) -> dict[str, Any]:
    """The bounds that `fit_peaks` was given."""
    try:
        bounds = json.loads(str(fit.attrs["history"]))["parameters"].get("bounds")
    except (KeyError, TypeError, ValueError):  # a file of another program
        return {}
    return bounds if isinstance(bounds, dict) else {}


def _of_peak(given: Any, peak: int) -> list[Any]:
    if not isinstance(given, list | tuple):
        return []
    pair = given[peak] if given and isinstance(given[0], list | tuple) and peak < len(given) else given
    return [v for v in pair if isinstance(v, int | float)] if isinstance(pair, list | tuple) else []
