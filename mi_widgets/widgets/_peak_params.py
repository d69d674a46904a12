"""Parameters of PeakMapper: their defaults, what they may be, and the errors that say so."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._shapes import BACKGROUNDS, SHAPES
from mi_widgets.widgets._spectrum import N_SLOTS

__all__ = ["DEFAULTS", "NOISES", "OPTIONS", "check_params", "is_number", "is_pair", "may_be_counts"]

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "lineshape": tuple(SHAPES),
    "background": tuple(BACKGROUNDS),
    "likelihood": ("poisson", "gaussian"),
}
#: What can be said of the noise in one word, for each likelihood; gaussian takes a number as well.
NOISES: Mapping[str, tuple[str | None, ...]] = {"poisson": (None, "auto"), "gaussian": (None, "auto", "poisson")}
DEFAULTS: dict[str, Any] = {
    "n_peaks": 1,
    "lineshape": "pseudo-voigt",
    "background": "linear",
    "likelihood": "poisson",
    "noise": None,
    "robust": False,
    "mask": None,
    "window": None,
    "bounds": None,
    "ties": None,
    "start": None,
}


#: Units under which instruments write counts, or what is proportional to them; all others are gaussian at the start.
_COUNTS = {"", "1", "count", "counts", "cps", "count/s", "counts/s", "1/s", "photon", "photons"}


def may_be_counts(da: xr.DataArray) -> bool:
    """Whether the unit of the spectra is one of counts, or none that is known."""
    units = str(da.attrs.get("units", "")).strip().lower()
    return units in _COUNTS or units.startswith("arb") or units in ("a.u.", "au")


def check_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return checked parameters of the fit, or raise `ParameterError` with what to write instead."""
    n = params["n_peaks"]
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= N_SLOTS:
        raise ParameterError(f"n_peaks must be a whole number from 1 to {N_SLOTS}; got {n!r}. Write n_peaks=2.")
    for name, known in OPTIONS.items():
        given = params[name]
        several = name == "lineshape" and isinstance(given, list) and len(given) == n
        if not all(one in known for one in (given if several else [given])):
            each = f", or a list of {n} of them" if name == "lineshape" else ""
            raise ParameterError(f"{name} must be one of {', '.join(known)}{each}; got {given!r}.")
    window = params["window"]
    if window is not None and not _is_window(window):
        raise ParameterError(f"window (the fit range) must be two numbers, low < high, or None; got {window!r}.")
    bounds = params["bounds"]
    if bounds is not None and not isinstance(bounds, dict):
        raise ParameterError(f'bounds must be a dict such as {{"center": [284, 287]}} or None; got {bounds!r}.')
    for name, pair in (bounds or {}).items():
        if is_pair(pair) and None not in pair and not pair[0] < pair[1]:
            raise ParameterError(f"bounds of {name}: low must be below high; got {pair!r}.")
    _check_noise(params)
    _check_start(params["start"], n)
    return params


def _check_noise(params: Mapping[str, Any]) -> None:
    noise, likelihood, mask = params["noise"], params["likelihood"], params["mask"]
    number = is_number(noise) and noise > 0 and likelihood == "gaussian"
    if noise not in NOISES[likelihood] and not number:
        words = ", ".join(map(repr, NOISES[likelihood])) + (" or a number above 0" if likelihood == "gaussian" else "")
        raise ParameterError(f"noise of the {likelihood} likelihood must be {words}; got {noise!r}.")
    if not isinstance(params["robust"], bool):
        raise ParameterError(f"robust must be True or False; got {params['robust']!r}.")
    if mask is not None and not (isinstance(mask, list) and mask and all(map(_is_window, mask))):
        raise ParameterError(f"mask must be a list of windows such as [[284.0, 284.4]], or None; got {mask!r}.")


def _check_start(start: Any, n: int) -> None:
    if start is None:
        return
    if not isinstance(start, dict) or not start:
        raise ParameterError(f'start must be a dict such as {{"center": [284.5, 286.1]}} or None; got {start!r}.')
    for name, values in start.items():
        several = isinstance(values, list) and len(values) == n and all(map(is_number, values))
        if not (several or is_number(values)):
            raise ParameterError(f"start of {name} must be a number, or one for each of {n} peaks; got {values!r}.")


def is_number(value: Any) -> bool:
    """A finite number, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def is_pair(value: Any) -> bool:
    """Two numbers, either of which may be None."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(v is None or is_number(v) for v in value)


def _is_window(value: Any) -> bool:
    return is_pair(value) and None not in value and value[0] < value[1]
