"""Parameters of DOSClusterer: their defaults, what they may be, and the errors that say so."""

from collections.abc import Mapping
from inspect import signature
from typing import Any

from mi_widgets.dos._metrics import METRICS
from mi_widgets.dos.clusters import GAP_METRIC, LINKAGES, cluster
from mi_widgets.errors import ParameterError
from mi_widgets.widgets._peak_params import is_number, is_pair

__all__ = ["COMPUTE", "DEFAULTS", "EDITS", "MOST_EV", "OPTIONS", "check_params"]

OPTIONS: Mapping[str, tuple[Any, ...]] = {
    "metric": METRICS,
    "linkage": LINKAGES,
    "orbitals": ("l", "resolved", "sum"),
    "spin": ("sum", "resolved"),
    "elements": ("apart", "together"),
    "reference": (None, "fermi", "vbm"),
}
_KEYWORDS = ("window", "broadening", "metric", "shift", "orbitals", "spin", "elements", "linkage", "cut")
#: Those of the call, so that a page that nobody touches shows what the call gives.
DEFAULTS: Mapping[str, Any] = {
    "reference": None,
    **{name: signature(cluster).parameters[name].default for name in _KEYWORDS},
    "metric": GAP_METRIC,
    "edits": [],
}
#: What needs the distances anew; cut and edits do not.
COMPUTE = tuple(name for name in DEFAULTS if name not in ("cut", "edits"))
#: Names of the changes by hand.
EDITS = ("merge", "split", "rename")
#: eV, of a broadening or a shift
MOST_EV = 20.0
_NUMBERS = {"broadening": (0.0, MOST_EV, " eV"), "shift": (0.0, MOST_EV, " eV"), "cut": (0.0, 1e6, "")}


def check_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return checked parameters, or raise `ParameterError` with what to write instead."""
    for name, known in OPTIONS.items():
        if params[name] not in known:
            raise ParameterError(f"{name} must be one of {', '.join(map(repr, known))}; got {params[name]!r}.")
    for name, (low, high, unit) in _NUMBERS.items():
        if name == "cut" and params[name] is None:
            continue
        if not is_number(params[name]) or not low <= params[name] <= high:
            raise ParameterError(f"{name} must be a number from {low:g} to {high:g}{unit}; got {params[name]!r}.")
    window = params["window"]
    if window is not None and window != "all":
        if not is_pair(window):
            raise ParameterError(
                f"window must be two energies (eV) such as [-10, 2], 'all', or None for the filled states; got "
                f"{window!r}."
            )
        low_end, high_end = window
        if None not in window and not low_end < high_end:
            raise ParameterError(f"window: low must be below high; got {low_end:g} and {high_end:g} eV.")
        params["window"] = "all" if window == [None, None] else list(window)
    params["edits"] = [_edit(one) for one in _list(params["edits"])]
    return params


def _list(edits: Any) -> list[Any]:
    if not isinstance(edits, list):
        raise ParameterError(f'edits must be a list such as [["merge", [0, 1]], ["rename", 0, "step"]]; got {edits!r}.')
    return edits


def _edit(edit: Any) -> list[Any]:
    kind = edit[0] if isinstance(edit, list) and edit else None
    if kind == "rename" and len(edit) == 3 and isinstance(edit[-1], str) and not edit[-1].strip():
        raise ParameterError("a cluster needs a name; got an empty one. Write another, or leave the one it has.")
    whole = [isinstance(v, int) and not isinstance(v, bool) for v in _numbers(edit)] if kind in EDITS else []
    good = {
        "merge": kind == "merge" and len(edit) == 2 and isinstance(edit[1], list) and len(edit[1]) > 1,
        "split": kind == "split" and len(edit) == 2,
        "rename": kind == "rename" and len(edit) == 3 and isinstance(edit[-1], str) and bool(edit[-1].strip()),
    }
    if kind not in EDITS or not good[kind] or not whole or not all(whole):
        raise ParameterError(
            'an edit is ["merge", [0, 1]], ["split", 0] or ["rename", 0, "a name"], with the numbers of clusters; '
            f"got {edit!r}."
        )
    return list(edit)


def _numbers(edit: list[Any]) -> list[Any]:
    given = edit[1] if len(edit) > 1 else None
    return given if isinstance(given, list) else [given]
