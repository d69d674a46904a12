"""Words and numbers of an EOSExplorer: the table of forms, what they mean together, a point, the draws."""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.plots._style import PEAK_COLORS, nice_unit
from mi_widgets.widgets._table import plus_minus

__all__ = ["COLUMNS", "about_draws", "about_point", "about_profile", "about_yours", "columns_for", "note", "rows"]

_SHOWN = ("k0", "k0_prime", "v0", "gamma0")
SIGNS = {"v0": "V₀", "k0": "K₀", "k0_prime": "K₀′", "k0_double_prime": "K₀″", "gamma0": "γ₀", "theta0": "θ₀",
         "e0": "E₀", "pressure_scale": "scale error"}  # fmt: skip
_TITLES = {"v0": "V₀", "k0": "K₀ (GPa)", "k0_prime": "K₀′", "gamma0": "γ₀"}
COLUMNS: list[dict[str, Any]] = [
    {"title": "form", "tip": "Click: draw this form", "left": True},
    {"title": "weight", "tip": "Akaike weight of the form among these"},
    {"title": "ΔAIC", "tip": "Akaike's criterion over the least: what differs by less than 2 is not separated"},
    *({"title": _TITLES[n], "tip": f"{n} ± standard error"} for n in _SHOWN),
    {"title": "χ²/ν", "tip": "Squared residuals over their errors, per degree of freedom: about 1 if errors are right"},
    {"title": "status", "tip": "What became of the fit", "left": True},
]


def columns_for(units: str) -> list[dict[str, Any]]:
    """Columns with the unit of the volume."""
    title = f"V₀ ({nice_unit(units)})"
    return [{**c, "title": title} if c["title"] == "V₀" else dict(c) for c in COLUMNS]


def rows(result: xr.Dataset, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row for each candidate, the best first."""
    meanings = str(result["status"].attrs["flag_meanings"]).split()
    weight = result["weight_aic"].values if "weight_aic" in result else np.zeros(result.sizes["candidate"])
    out = []
    for i in sorted(range(result.sizes["candidate"]), key=lambda i: -weight[i]):
        one = result.isel(candidate=i)
        status = meanings[int(one["status"])]
        cells = [names.get(str(one["candidate"].item()), str(one["candidate"].item()))]
        cells += [_number(one, "weight_aic", "{:.2f}") if status not in ("failed", "not_run") else "–"]
        cells += [_number(one, "delta_aic", "{:.1f}"), *(_value(one, n) for n in _SHOWN)]
        cells += [_number(one, "reduced_chi2", "{:.2f}"), status.replace("_", " ")]
        out.append({"id": i, "cells": cells, "color": PEAK_COLORS[i % len(PEAK_COLORS)]})
    return out


def note(result: xr.Dataset, chosen: str) -> str:
    """HTML below the table: the conclusion, and the remarks on what is drawn."""
    parts = [html.escape(str(result.attrs.get("conclusion", "")))]
    if chosen in result["candidate"].values:
        remarks = str(result["remarks"].sel(candidate=chosen).item())
        parts += [f"<b>{html.escape(chosen)}</b>: {html.escape(remarks)}"] if remarks else []
    return "".join(f'<div class="mi-hint">{p}</div>' for p in parts if p)


def about_point(fit: xr.Dataset, points: list[int]) -> str:
    """HTML of what is pointed at."""
    if not points:
        return '<div class="mi-hint">Click on a point to see its numbers.</div>'
    lines = []
    for i in points[:4]:
        one = fit.isel(point=i)
        kind = "energy" if "energy" in fit else "pressure"
        words = [
            f"{plus_minus(float(one[n]), float(one[f'{n}_stderr']) if f'{n}_stderr' in one else None)} "
            f"{html.escape(nice_unit(str(one[n].attrs['units'])))}"
            for n in (kind, "volume", "temperature")
            if n in one
        ]
        label = html.escape(str(fit["point"].values[i]) if "point" in fit.coords else str(i))
        lines.append(f"point {label}: {', '.join(words)}; residual {float(one['residual_normalized']):+.2f} σ")
    more = f" … and {len(points) - 4} more" if len(points) > 4 else ""
    return f'<div class="mi-hint">{"<br>".join(lines)}{more}</div>'


def about_yours(chi2: float | None, best: float) -> str:
    """HTML beside the sliders."""
    if chi2 is None:
        return '<span class="mi-hint">Move a slider: dashed curves follow.</span>'
    if not np.isfinite(chi2):
        return '<span class="mi-hint">Dashed curves: without errors of the data there is no χ².</span>'
    return f'<span class="mi-hint">Dashed curves: χ² = {chi2:,.1f}; the fit has {best:,.1f}.</span>'


def about_draws(draws: xr.Dataset | None, form: str, stale: bool) -> str:
    """HTML above the pairs."""
    if draws is None:
        return (
            '<div class="mi-hint">No draws yet. <b>Sample</b> draws parameters of the form that is chosen from their '
            "posterior distribution.</div>"
        )
    worst, time = float(draws["r_hat"].max()), float(draws["autocorrelation_time"].max())
    few = float(draws["effective_draws"].min())
    flag = "ok" if int(draws["status"]) == 0 else "off"
    word = "chains agree" if flag == "ok" else "not arrived yet"
    old = " · of other parameters than those above" if stale else ""
    chip = f'<span class="mi-flag mi-flag-{flag}">{word}</span> {html.escape(form)}: '
    lines = [f"{chip}R-hat {worst:.3f}, autocorrelation time {time:.0f} steps, {few:,.0f} independent draws{old}"]
    for name in draws["parameter"].values:
        low, _, middle, _, high = (float(v) for v in draws[f"{name}_quantile"].values)
        units = str(draws[str(name)].attrs["units"])
        unit = "" if units == "1" else f" {html.escape(nice_unit(units))}"
        both = plus_minus(middle, (high - low) / 3.92)
        lines.append(f"{html.escape(SIGNS.get(str(name), str(name)))} = {both}{unit}, 95 %: {low:.5g} to {high:.5g}")
    remarks = html.escape(str(draws["remarks"].item()))
    return f'<div class="mi-hint">{"<br>".join([*lines, *([remarks] if remarks else [])])}</div>'


def about_profile(profile: xr.Dataset) -> str:
    """HTML above the profile: how much lighter and faster, at both ends."""
    ends = profile.isel(depth=[0, -1])
    words = []
    for name, more, less in (("density", "denser", "lighter"), ("sound_velocity", "faster", "slower")):
        top, bottom = (100 * float(v) for v in ends[f"{name}_excess"].values)
        words += [
            f"{abs(x):.1f} % {more if x > 0 else less} at the {end}" for x, end in ((top, "top"), (bottom, "bottom"))
        ]
    hot = ""
    if "temperature" in profile:
        t = ends["temperature"].values
        hot = f" It has {t[0]:,.0f} K at the top and {t[1]:,.0f} K at the bottom."
    return f'<div class="mi-hint">Beside the reference Earth this substance is {", ".join(words)}.{hot}</div>'


def _value(one: xr.Dataset, name: str) -> str:
    if name not in one or not np.isfinite(float(one[name])):
        return "4" if name == "k0_prime" and str(one["form"].item()) == "bm2" else "–"
    return plus_minus(float(one[name]), float(one[f"{name}_stderr"]))


def _number(one: xr.Dataset, name: str, style: str) -> str:
    if name not in one or not np.isfinite(float(one[name])):
        return "–"
    return style.format(float(one[name]))
