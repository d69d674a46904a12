"""Rows of the two tables: candidate models by their evidence, and the components of one of them."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.plots._orientation_rose import REST_COLOR, component_colors
from mi_widgets.widgets._table import plus_minus

__all__ = ["COMPONENT_COLUMNS", "MODEL_COLUMNS", "component_rows", "model_rows"]

MODEL_COLUMNS: tuple[dict[str, Any], ...] = (
    {"title": "model", "tip": "Number of components; +u: and a uniform part", "left": True},
    {"title": "free", "tip": "Number of free parameters"},
    {"title": "ΔBIC", "tip": "Bayesian criterion above the least; beyond 10 is strong evidence against"},
    {"title": "weight", "tip": "Share of the candidate by BIC"},
    {"title": "ΔAIC", "tip": "Akaike's criterion above the least; it prefers larger models"},
    {
        "title": "ΔF",
        "tip": "Free energy above the least, half of what compares with ΔBIC; it chooses the simplest within 1",
    },
    {"title": "fits", "tip": "Kuiper's p: below 0.001 the model does not describe the angles"},
    {"title": "status", "tip": "Of the fit and of the sampling", "left": True},
)
COMPONENT_COLUMNS: tuple[dict[str, Any], ...] = (
    {"title": "component", "tip": "Heaviest first; a click chooses its grains", "left": True},
    {"title": "mean axis (°)", "tip": "With its standard error"},
    {"title": "spread (°)", "tip": "Circular standard deviation of the angle"},
    {"title": "concentration", "tip": "kappa of the doubled angle"},
    {"title": "weight", "tip": "Share of the grains"},
    {"title": "grains", "tip": "Grains for which it is the likeliest"},
)


def model_rows(result: xr.Dataset) -> list[dict[str, Any]]:
    """One row for each candidate, in the order of the result; the chosen one is marked by a star."""
    best = result.attrs.get("chosen", "")
    fit_words = str(result["status"].attrs["flag_meanings"]).split()
    rows = []
    for k, name in enumerate(map(str, result["candidate"].values)):
        one = result.isel(candidate=k)
        text = fit_words[int(one["status"])]
        energy = "–"
        if "free_energy" in one:
            words = str(one["sampling_status"].attrs["flag_meanings"]).split()
            sampled = words[int(one["sampling_status"])]
            energy = plus_minus(float(one["delta_free_energy"]), float(one["free_energy_stderr"]))
            text = text if sampled in ("ok", "exact", "not_run") else f"{text}, {sampled}"
        cells = [
            f"{name} ★" if name == best else name, f"{int(one['n_parameters'])}", _number(one["delta_bic"], 1),
            _number(one["bic_weight"], 2) if np.isfinite(one["bic"]) else "–", _number(one["delta_aic"], 1), energy,
            _p(float(one["kuiper_p"])), text.replace("_", " "),
        ]  # fmt: skip
        rows.append({"id": k, "cells": cells})
    return rows


def component_rows(one: xr.Dataset) -> list[dict[str, Any]]:
    """One row for each component of a candidate, and one for its uniform part."""
    member = one["member"].values
    rows = []
    colors = component_colors(one.sizes["component"])
    for k, (number, color) in enumerate(zip(one["component"].values, colors, strict=True)):
        if not np.isfinite(one["weight"].values[k]):
            continue
        names = ("mean_axis", "spread", "concentration", "weight")
        values = [plus_minus(float(one[n][k]), float(one[f"{n}_stderr"][k])) for n in names]
        cells = [f"{int(number)}", *values, f"{int((member == number).sum())}"]
        rows.append({"id": int(number), "cells": cells, "color": color})
    rest = float(one["uniform_weight"])
    if rest > 0:
        share = plus_minus(rest, float(one["uniform_weight_stderr"]))
        rows.append(
            {"id": 0, "cells": ["uniform", "", "", "", share, f"{int((member == 0).sum())}"], "color": REST_COLOR}
        )
    return rows


def _number(value: Any, digits: int) -> str:
    return f"{float(value):.{digits}f}" if np.isfinite(float(value)) else "–"


def _p(value: float) -> str:
    return "–" if not np.isfinite(value) else "< 0.001" if value < 1e-3 else f"{value:.3f}"
