"""Words and rows of a YieldExplorer."""

import html
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.plots.yields import MODEL_COLORS
from mi_widgets.widgets._table import plus_minus

__all__ = [
    "MODEL_COLUMNS",
    "SUBSET_COLUMNS",
    "about_models",
    "about_search",
    "about_volcano",
    "model_rows",
    "subset_rows",
]

SUBSET_COLUMNS: list[dict[str, Any]] = [
    {"title": "variables", "left": True, "tip": "Click: predict with this subset"},
    {"title": "error", "tip": "Leave-one-out error with its standard error"},
    {"title": "r²", "tip": "One less its square over the variance"},
    {"title": "", "left": True, "tip": "≈: within a standard error of the best subset of all"},
]
MODEL_COLUMNS: list[dict[str, Any]] = [
    {"title": "model", "left": True, "tip": "Click: its predictions"},
    {"title": "nested error", "tip": "For candidates that took no part, in the choice of variables either"},
    {"title": "r²", "tip": "One less its square over the variance"},
    {
        "title": "within 2 σ",
        "tip": "Share of candidates within two standard errors of the model; 95 % is right",
    },
    {"title": "variables in all folds", "left": True, "tip": "Chosen in every fold"},
    {"title": "", "left": True, "tip": "≈: these candidates cannot tell it from the best"},
]
_WORDS = {"mean": "mean of the others", "lasso": "LASSO, lines", "quadratic": "subset, squares and products",
          "kernel": "subset, kernel", "gaussian_process": "Gaussian process, all variables",
          "volcano": "subset, volcano"}  # fmt: skip


def subset_rows(result: xr.Dataset, places: np.ndarray) -> list[dict[str, Any]]:
    """Rows of these subsets."""
    names = result["feature"].values.astype(str)
    rows = []
    for i, place in enumerate(places):
        one = result.isel(subset=int(place))
        inside = names[one["member"].values == 1]
        cells = [", ".join(n.replace("_", " ") for n in inside),
                 plus_minus(float(one["error"]), float(one["error_stderr"])), f"{float(one['r_squared']):.3f}",
                 "best" if place == 0 else "≈ best" if int(one["undecided"]) else ""]  # fmt: skip
        rows.append({"id": i, "cells": cells})
    return rows


def model_rows(found: xr.Dataset) -> list[dict[str, Any]]:
    """Rows of the models, in their order."""
    names = found["feature"].values.astype(str)
    best = int(np.nanargmin(found["error"].values)) if np.isfinite(found["error"].values).any() else -1
    rows = []
    for i, model in enumerate(found["model"].values.astype(str)):
        one = found.isel(model=i)
        always = names[one["chosen_share"].values > 0.999]
        told = ", ".join(n.replace("_", " ") for n in always[:4]) + (
            f" and {len(always) - 4} more" if len(always) > 4 else ""
        )
        near = "best" if i == best else "≈ best" if int(one["undecided"]) else ""
        cells = [_WORDS.get(model, model), plus_minus(float(one["error"]), float(one["error_stderr"])),
                 _style(one["r_squared"], ".3f"), _style(one["coverage"], ".0%"), told, near]  # fmt: skip
        rows.append({"id": i, "cells": cells, "color": MODEL_COLORS.get(model, "#3d4852")})
    return rows


def _style(value: Any, style: str) -> str:
    return format(float(value), style) if np.isfinite(float(value)) else "–"


def about_search(result: xr.Dataset | None) -> str:
    """HTML below the density of scores."""
    if result is None:
        return '<div class="mi-hint">Not searched yet.</div>'
    near = int(result["undecided"].sum())
    names = result["feature"].values.astype(str)
    members = result["member"].values[result["undecided"].values == 1]
    always = names[members.all(axis=0)] if near else []
    told = (
        f"; all of them hold {', '.join(str(n).replace('_', ' ') for n in always)}" if len(always) and near > 1 else ""
    )
    same = [f"{names[i]} = {names[j]}" for i, j in enumerate(result["same_as"].values) if j >= 0]
    twin = f" Collinear, so that nothing can choose: {', '.join(same)}." if same else ""
    count = "1 subset is" if near == 1 else f"{near:,} subsets are"
    return (
        f'<div class="mi-hint">{count} within a standard error of the best of {result.sizes["subset"]:,}'
        f"{html.escape(told)}. The error of the best was chosen among so many: compare models for an honest one."
        f"{html.escape(twin)}</div>"
    )


def about_models(found: xr.Dataset | None, stale: bool) -> str:
    """HTML below the models."""
    if found is None:
        return '<div class="mi-hint">Not compared yet: start it above.</div>'
    old = "With other parameters: " if stale else ""
    return f'<div class="mi-hint">{html.escape(old + str(found.attrs.get("conclusion", "")))}</div>'


def about_volcano(fit: xr.Dataset | None, found: xr.Dataset | None, problem: str = "") -> str:
    """HTML beside the volcano: weights, what is not in the data, and who cannot be told from the best."""
    if fit is None or found is None:
        return f'<div class="mi-hint">{html.escape(problem or "No subset is chosen.")}</div>'
    weights = "".join(
        f"<tr><th>{html.escape(str(n).replace('_', ' '))}</th><td>{plus_minus(float(w), float(e))} eV</td></tr>"
        for n, w, e in zip(fit["feature"].values, fit["weight"].values, fit["weight_stderr"].values, strict=True)
    )
    status = str(fit["status"].attrs["flag_meanings"]).split()[int(fit["status"])]
    warn = {"one_side": "Hardly any candidate lies beyond the top: its place is a guess. ",
            "not_converged": "The fit has not converged: do not use it. "}.get(status, "")  # fmt: skip
    dim = str(found["undecided"].dims[0])
    near = [str(v) for v in found[dim].values[found["undecided"].values == 1]]
    told = ", ".join(near[:12]) + (f" and {len(near) - 12} more" if len(near) > 12 else "")
    head = "<thead><tr><th>variable</th><th>energy per spread</th></tr></thead>"
    return (
        f'<div class="mi-hint">{warn}<table class="mi-table">{head}<tbody>{weights}</tbody></table>'
        f"Spread about the curve {float(fit['sigma']):.2g}. The sign of the "
        "energies is not in the data: a volcano is the same from both sides. "
        f"Cannot be told from the best: {html.escape(told)}.</div>"
    )


def about_candidates(
    data: xr.Dataset, target: xr.DataArray, prediction: xr.Dataset | None, labels: list[Any], variables: list[str]
) -> str:
    """HTML below the predictions: the candidates that are pointed at."""
    told = "" if labels else "Click on a point: the same candidate is marked in every picture."
    for label in labels[:3]:
        one = data.sel(candidate=label)
        told += f"Candidate {label}: measured {_percent(target.sel(candidate=label))}"
        if prediction is not None:
            mine = prediction.sel(candidate=label)
            low, high = (float(mine["prediction"] + s * mine["prediction_stderr"]) for s in (-1, 1))
            told += f", predicted {_percent(mine['prediction'])} ({_percent(low)} to {_percent(high)})"
        values = [f"{v} {float(one['features'].sel(feature=v)):.3g}" for v in variables]
        told += f"; {', '.join(values).replace('_', ' ')}. "
    return f'<div class="mi-hint">{html.escape(told)}</div>'


def heading(words: str) -> str:
    """HTML of a small heading."""
    return f'<span class="mi-heading">{html.escape(words)}</span>'


def _percent(odds: Any) -> str:
    return f"{100 / (1 + np.exp(-float(odds))):.1f} %"
