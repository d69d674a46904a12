"""Parameters of the viewer and their checks."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.plots.structures import PLANES, STYLES, check_repeat

__all__ = ["DEFAULTS", "SCENE", "VIEWS", "as_colors", "check_flags", "check_params"]

VIEWS = ("oblique", "top", "bottom", "front", "side")
PROJECTIONS = ("perspective", "orthographic")
DEFAULTS: dict[str, Any] = {
    "color_by": "element",
    "limits": None,
    "cmap": None,
    "repeat": [1, 1, 1],
    "bonds": True,
    "bond_factor": 1.2,
    "images": True,
    "style": "ball+stick",
    "size": 1.0,
    "labels": None,
    "measures": True,
    "cell": True,
    "legend": True,
    "view": "oblique",
    "projection": "perspective",
    "background": "#ffffff",
    "height": 460,
    "plane": "x-y",
    "flat": False,
}
#: What `structure_scene` takes; the rest is how it is looked at.
SCENE = ("color_by", "limits", "cmap", "repeat", "bonds", "bond_factor", "images")
_CHOICES = {"style": STYLES, "view": VIEWS, "projection": PROJECTIONS, "plane": tuple(PLANES)}
_NUMBERS = {"bond_factor": (0.1, 5.0), "size": (0.05, 10.0), "height": (120, 4000)}


def check_params(params: dict[str, Any]) -> dict[str, Any]:
    """Checked parameters, or `ParameterError`."""
    out = dict(params)
    for name, choices in _CHOICES.items():
        if out[name] not in choices:
            raise ParameterError(f"unknown {name} {out[name]!r}; write one of {', '.join(choices)}.")
    for name, (low, high) in _NUMBERS.items():
        value = out[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ParameterError(f"{name} must be a number from {low} to {high}; got {value!r}.")
    for name in ("bonds", "images", "cell", "legend", "flat", "measures"):
        if not isinstance(out[name], bool):
            raise ParameterError(f"{name} must be True or False; got {out[name]!r}.")
    out["repeat"] = list(check_repeat(out["repeat"]))
    out["limits"] = _limits(out["limits"])
    text = str(out["background"])
    if not (len(text) == 7 and text[0] == "#" and all(c in "0123456789abcdefABCDEF" for c in text[1:])):
        raise ParameterError(f"background must be a colour such as '#ffffff'; got {out['background']!r}.")
    if out["cmap"] is not None:
        _check_cmap(out["cmap"])
    return out


def as_colors(values: Any) -> np.ndarray:
    """Numbers or names by which atoms can be coloured, or `DataError`."""
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):
        raise DataError("values for colours must be one row of numbers or names.") from None
    if array.dtype.kind == "O":
        plain = [v.item() if isinstance(v, np.generic) else v for v in array.ravel().tolist()]
        array = np.array([*plain, None], dtype=object)[:-1].reshape(array.shape)
        odd = [v for v in plain if not (v is None or isinstance(v, (str, bool, int, float)))]
    else:
        odd = [] if array.dtype.kind in "iufbU" else array.ravel()[:1].tolist()
    if odd or array.dtype.kind in "cMmSV":
        given = f"such as {odd[0]!r}" if odd else f"of type {array.dtype}"
        raise DataError(f"values for colours must be numbers or names; got values {given}. Write them as text: str(v).")
    return array


def check_flags(values: np.ndarray, labels: Sequence[str] | None, colors: Sequence[str] | None) -> dict[str, Any]:
    """Attributes of categories that are given as whole numbers with names and colours."""
    if labels is None or isinstance(labels, str) or len(labels) == 0:
        raise ParameterError(f"labels must be the names of the categories, such as ['bulk', 'step']; got {labels!r}.")
    n = len(labels)
    if values.dtype.kind not in "iu":
        raise DataError(f"values with labels are whole numbers from -1 to {n - 1}; got an array of {values.dtype}.")
    if values.size and not (values.min() >= -1 and values.max() < n):
        raise DataError(f"values with {n} labels go from -1 (none) to {n - 1}; got {values.min()} to {values.max()}.")
    flags = {"flag_values": list(range(n)), "flag_meanings": [str(v) for v in labels]}
    if colors is None:
        return flags
    if isinstance(colors, str) or len(colors) != n or not all(re.fullmatch("#[0-9a-fA-F]{6}", str(c)) for c in colors):
        raise ParameterError(f"colors must be one for each of the {n} labels, such as '#0072b2'; got {colors!r}.")
    return flags | {"flag_colors": [str(c) for c in colors]}


def _limits(value: Any) -> list[float] | None:
    if value is None:
        return None
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError):
        raise ParameterError(f"limits must be two numbers or None; got {value!r}. Write [0, 6].") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise ParameterError(f"limits must be two numbers, the lower one first; got {value!r}.")
    return [low, high]


def _check_cmap(name: Any) -> None:
    from mi_widgets.plots._style import palette

    try:
        palette(name=str(name))
    except Exception:  # noqa: BLE001 - HoloViews raises different ones for different names
        raise ParameterError(f"unknown colour map {name!r}; write such as 'viridis', 'coolwarm' or 'fire'.") from None
