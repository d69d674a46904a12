"""Rows of the table of circuits: by class, in each by rank."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.plots._style import PEAK_COLORS

__all__ = ["COLUMNS", "circuit_rows", "class_color", "class_letter"]

_OTHER = "#aeb6bd"

COLUMNS: list[dict[str, Any]] = [
    {"title": "circuit", "left": True, "tip": "Click: its curve; shift adds another"},
    {"title": "class", "tip": "Circuits of one class cannot be separated by these data"},
    {"title": "class weight", "tip": "Weight of the class: one circuit of each class in the race"},
    {"title": "Δ", "tip": "Criterion above that of the best circuit"},
    {"title": "weight", "tip": "Weight of the circuit among all"},
    {"title": "k", "tip": "Number of parameters, without the noise"},
    {"title": "rms (%)", "tip": "Root mean square of residual over modulus"},
    {"title": "remark", "left": True, "tip": "What to know of it"},
]


def class_letter(number: int) -> str:
    """A, B … Z, AA …; empty for none."""
    if number < 0:
        return ""
    return class_letter(number // 26 - 1) + ascii_uppercase[number % 26]


def class_color(number: int) -> str:
    """Colour of a class; those after the eighth share one."""
    return PEAK_COLORS[number] if 0 <= number < len(PEAK_COLORS) else _OTHER


def circuit_rows(circuits: Sequence[str], result: xr.Dataset | None) -> tuple[list[dict[str, Any]], str]:
    """Rows of all circuits, and the line below; `result` is of one spectrum, numbers are places in `circuits`."""
    known = [] if result is None else [str(c) for c in result["candidate"].values]
    rows = []
    for number, text in enumerate(circuits):
        one = result.isel(candidate=known.index(text)) if result is not None and text in known else None
        rows.append((_order(one), number, _row(number, text, one, result)))
    rows.sort(key=lambda r: r[:2])
    return [row for _, _, row in rows], _note(result)


def _order(one: xr.Dataset | None) -> tuple[float, float]:
    if one is None or int(one["rank"]) < 1:
        return (np.inf, np.inf)
    number = int(one["equivalence_class"])
    return (number if number >= 0 else 1000.0, float(one["rank"]))


def _row(number: int, text: str, one: xr.Dataset | None, result: xr.Dataset | None) -> dict[str, Any]:
    if one is None or result is None or not np.isfinite(float(one[result.attrs["criterion"]])):
        return {"id": number, "cells": [text, "", "", "", "", "", "", _waiting(one)], "color": _OTHER, "name": ""}
    group = int(one["equivalence_class"])
    criterion = result[result.attrs["criterion"]]
    cells = [
        text, class_letter(group), _share(one["class_weight"]) if group >= 0 else "",
        f"{float(one[criterion.name] - criterion.min()):.1f}", _share(one["weight"]), str(int(one["n_parameters"])),
        f"{100 * float(one['relative_rms']):.3g}", _remark(one, result),
    ]  # fmt: skip
    return {"id": number, "cells": cells, "color": class_color(group), "name": ""}


def _share(weight: xr.DataArray) -> str:
    value = float(weight)
    return f"{value:.3f}" if value >= 0.0005 else "0"


def _status(one: xr.Dataset) -> str:
    meanings = str(one["status"].attrs["flag_meanings"]).split()
    return meanings[int(one["status"])].replace("_", " ")


def _waiting(one: xr.Dataset | None) -> str:
    if one is None or _status(one) == "not run":
        return "not run"
    return "too many parameters for these points"


def _remark(one: xr.Dataset, result: xr.Dataset) -> str:
    texts = []
    simpler = int(one["simpler"])
    if simpler >= 0:
        texts.append(f"curve of {result['candidate'].values[simpler]}")
    group = result["equivalence_class"].values == int(one["equivalence_class"])
    exact = bool((result["exactly_equivalent"].values[group] == 1).all())
    if int(one["equivalence_class"]) >= 0 and group.sum() > 1 and exact:
        texts.append("exact twins")
    if int(one["ambiguous"]):
        texts.append("other values fit as well")
    bound = [str(n) for n, b in zip(one["parameter"].values, one["at_bound"].values, strict=True) if b]
    if bound:
        texts.append(f"{', '.join(bound)} at limit")
    elif _status(one) not in ("ok", "at bound"):
        texts.append(_status(one))
    return "; ".join(texts)


def _note(result: xr.Dataset | None) -> str:
    if result is None:
        return "Nothing compared yet."
    name = str(result.attrs["criterion"]).upper()
    if (result["equivalence_class"] < 0).all():
        return f"By {name} so far; classes are found when all circuits are fitted."
    noise = 100 * float(result["noise"])
    tail = f" ({noise:.3g} %)" if np.isfinite(noise) else ""
    return f"By {name}. Circuits of a class differ by less than a fifth of the noise{tail}; exact twins never differ."
