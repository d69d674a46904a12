"""Words and numbers of a PerovskiteExplorer: the ranking, compounds that are pointed at, what was found."""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["COMPOUND_COLUMNS", "EXPRESSION_COLUMNS", "about_expression", "compound_rows", "expression_rows", "note"]

EXPRESSION_COLUMNS: list[dict[str, Any]] = [
    {"title": "descriptor", "tip": "Click: draw this one", "left": True},
    {"title": "error", "tip": "Share of wrong compounds, each by a cut that had not seen its anion"},
    {"title": "± anions", "tip": "Standard deviation of that error over the anions"},
    {"title": "fitted", "tip": "Share of wrong compounds where the cut was found: too small"},
    {"title": "same", "tip": "Expressions that rank the compounds alike: they are this descriptor, written otherwise"},
    {"title": "told apart", "tip": "Whether the compounds tell it from the first (p below 0.05, by discordant pairs)",
     "left": True},
]  # fmt: skip
COMPOUND_COLUMNS: list[dict[str, Any]] = [
    {"title": "compound", "tip": "Click: mark it in the map", "left": True},
    {"title": "class", "tip": "As in the data", "left": True},
    {"title": "r A (Å)", "tip": "Radius of A"},
    {"title": "r B (Å)", "tip": "Radius of B"},
    {"title": "r X (Å)", "tip": "Radius of the anion"},
    {"title": "charge A", "tip": "Charge of A"},
    {"title": "t", "tip": "Goldschmidt's tolerance factor"},
    {"title": "τ", "tip": "Bartel's tolerance factor ± the error that radii with two decimals make"},
    {"title": "P", "tip": "Probability of a perovskite by the descriptor that is drawn, fitted without this anion"},
]
_CLASS = {1: "perovskite", 0: "other", -1: "not known"}


def expression_rows(found: xr.Dataset, n: int) -> list[dict[str, Any]]:
    """One row for each expression of a result or a comparison."""
    rows = []
    for i in range(min(n, found.sizes["expression"])):
        one = found.isel(expression=i)
        told = "" if "separable" not in found else ("yes" if int(one["separable"]) else "no")
        same = "" if "n_equivalent" not in found else f"{int(one['n_equivalent'])}"
        cells = [str(one["expression"].item())]
        cells += [f"{100 * float(one[v]):.1f} %" for v in ("cv_error", "cv_error_spread", "error")]
        rows.append({"id": i, "cells": [*cells, same, "first" if told and i == 0 else told]})
    return rows


def compound_rows(ds: xr.Dataset, factors: xr.Dataset, fit: xr.Dataset, chosen: Sequence[int]) -> list[dict[str, Any]]:
    """One row for each compound that is pointed at."""
    rows = []
    for i in chosen:
        one, tau = ds.isel(candidate=i), float(factors["tau"][i])
        error = float(factors["tau_stderr"][i])
        scale = _to_angstrom(ds)
        cells = [str(one["candidate"].item()), _CLASS[int(fit["perovskite"][i])]]
        cells += [f"{float(one[n]) * scale[n]:.3g}" for n in ("r_a", "r_b", "r_x")]
        cells += [f"{float(one['n_a']):g}", _number(float(factors["t"][i])), f"{_number(tau)} ± {error:.2g}"]
        cells += [_number(float(fit["probability_cv"][i]))]
        rows.append({"id": i, "cells": cells if np.isfinite(tau) else [*cells[:-2], "undefined", cells[-1]]})
    return rows


def _to_angstrom(ds: xr.Dataset) -> dict[str, float]:
    return {n: {"pm": 0.01, "nm": 10.0}.get(str(ds[n].attrs.get("units")), 1.0) for n in ("r_a", "r_b", "r_x")}


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def note(found: xr.Dataset | None) -> str:
    """HTML below the ranking: what the search found and what it does not say."""
    if found is None:
        return (
            '<div class="mi-hint">Known factors only. <b>Search</b> tries some ten thousand expressions of radii and '
            "charge.</div>"
        )
    if "nested_error" not in found:
        return ""
    n, spread = int(found["n_not_separable"]), 100 * float(found["nested_error_spread"])
    best = 100 * float(found["cv_error"][0])
    honest = f"<b>{100 * float(found['nested_error']):.1f} %</b> (± {spread:.1f} % over anions)"
    tried = f"{found.attrs['n_tried']:,} expressions, {found.attrs['n_distinct']:,} different ones."
    lines = [
        f"{tried} Best error {best:.1f} %; of the whole search, with the choice made without each anion, {honest}.",
        f"These compounds cannot tell {n:,} expression{'s' * (n != 1)} from the first, itself counted.",
    ]
    lines += [html.escape(str(found.attrs["remarks"]))] if found.attrs.get("remarks") else []
    if found.attrs.get("n_left_out"):
        lines.append(f"{found.attrs['n_left_out']} compounds were left out: no class, or radii that cannot be.")
    return "".join(f'<div class="mi-hint">{line}</div>' for line in lines)


def about_expression(fit: xr.Dataset) -> str:
    """HTML above the histogram: the descriptor that is drawn, its cut and how sure it is."""
    low, high = float(fit["low"]), float(fit["high"])
    if np.isinf(low) and np.isinf(high):
        where = "cannot be divided by one cut better than by calling all the same"
    else:
        one_side = f"are above {low:.3g}" if np.isinf(high) else f"are below {high:.3g}"
        where = one_side if np.isinf(low) or np.isinf(high) else f"are from {low:.3g} to {high:.3g}"
    worse = float(fit["log_loss_cv"]) > float(fit["log_loss_base"])
    warn = " For an anion not seen these probabilities are worse than the plain share of perovskites." if worse else ""
    return (
        f'<div class="mi-hint"><b>{html.escape(str(fit.attrs["expression"]))}</b>: perovskites {where}; wrong '
        f"{100 * float(fit['error']):.1f} %, for anions not seen {100 * float(fit['cv_error']):.1f} %.{warn}</div>"
    )
