"""Words and rows of a SubstrateExplorer."""

import html
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

__all__ = [
    "COINCIDENCE_COLUMNS",
    "SUBSTRATE_COLUMNS",
    "about_coincidence",
    "coincidence_rows",
    "number",
    "substrate_rows",
]

SUBSTRATE_COLUMNS: list[dict[str, Any]] = [
    {"title": "substrate", "left": True, "tip": "Click: its best coincidence"},
    {
        "title": "a (Å)",
        "name": True,
        "edit": "Double-click to change the lattice constant",
        "tip": "Lattice constant; double-click to change it",
    },
    {"title": "layered", "left": True, "tip": "Layers are held together by van der Waals forces alone"},
    {"title": "gap (eV)", "tip": "Of the bulk; empty: not known here"},
    {"title": "strain (%)", "tip": "Greatest principal strain of the film in the best coincidence"},
    {"title": "cells", "tip": "Cells of the film on cells of the substrate"},
    {"title": "area (Å²)", "tip": "Of the supercell"},
    {"title": "score", "tip": "Per cent of strain, and the area times its weight; lower is better"},
    {"title": "may become", "tip": "Score if the film is larger or smaller by the tolerance"},
    {"title": "status", "left": True, "tip": "≈: geometry cannot tell it from the first"},
]
COINCIDENCE_COLUMNS: list[dict[str, Any]] = [
    {"title": "coincidence", "left": True, "tip": "Click: see its supercell"},
    {"title": "strain (%)", "tip": "Greatest principal strain of the film"},
    {"title": "turned by (°)", "tip": "Angle by which the film is turned"},
    {"title": "cells", "tip": "Cells of the film on cells of the substrate"},
    {"title": "area (Å²)", "tip": "Of the supercell"},
    {"title": "score", "tip": "Per cent of strain, and the area times its weight; lower is better"},
]


def number(value: Any, style: str) -> str:
    """A number in this style, or nothing."""
    return format(float(value), style) if value is not None and np.isfinite(float(value)) else ""


def substrate_rows(table: pd.DataFrame, result: xr.Dataset | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the table, in the order of the ranks where there are any, and the names in this order."""
    names = [str(n) for n in table.index]
    ranked: dict[str, int] = {}
    if result is not None:
        ranked = {str(n): i for i, n in enumerate(result["substrate"].values) if str(n) in names}
        names = sorted(names, key=lambda n: ranked.get(n, len(ranked)))
    rows = []
    for i, name in enumerate(names):
        line = table.loc[name]
        layered = line.get("van_der_waals")
        known = "" if layered is None or pd.isna(layered) else "yes" if layered else "no"
        cells = [name, number(line["a"], ".5g"), known,
                 number(line.get("band_gap"), ".3g")]  # fmt: skip
        cells += _found(result, ranked.get(name))
        rows.append({"id": i, "cells": cells, "name": number(line["a"], ".6g")})
    return rows, names


def _found(result: xr.Dataset | None, place: int | None) -> list[str]:
    if result is None or place is None:
        return [""] * 5 + ["not screened"]
    one = result.isel(substrate=place)
    status = str(result["status"].attrs["flag_meanings"]).split()[int(one["status"])].replace("_", " ")
    if not str(one["best"].item()):
        return [""] * 5 + [status]
    best = result.sel(coincidence=one["best"].item())
    low, high = number(one["score_low"], ".2f"), number(one["score_high"], ".2f")
    near = "≈ first" if int(one["undecided"]) and place else status
    cells = f"{int(best['n_film'])} on {int(best['n_substrate'])}"
    return [number(100 * best["strain_most"], "+.2f"), cells, number(best["area"], ".1f"),
            number(one["best_score"], ".2f"), f"{low} to {high or 'no match'}", near]  # fmt: skip


def coincidence_rows(result: xr.Dataset | None, name: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the coincidences of one substrate, and their labels."""
    if result is None or name is None:
        return [], []
    some = result.isel(coincidence=np.flatnonzero(result["substrate_name"].values == name))
    rows = []
    for i in range(some.sizes["coincidence"]):
        one = some.isel(coincidence=i)
        cells = [str(one["coincidence"].item()), number(100 * one["strain_most"], "+.2f"), number(one["angle"], ".1f"),
                 f"{int(one['n_film'])} on {int(one['n_substrate'])}", number(one["area"], ".1f"),
                 number(one["score"], ".2f")]  # fmt: skip
        rows.append({"id": i, "cells": cells})
    return rows, [str(v) for v in some["coincidence"].values]


def _there(value: Any) -> bool:
    """Whether a field of a table holds something."""
    return value is not None and not pd.isna(value) and str(value) != ""


def about_coincidence(film: str, match: xr.Dataset | None, n_atoms: int, line: pd.Series | None) -> str:
    """HTML above the supercell."""
    if match is None:
        return '<div class="mi-hint">No coincidence is chosen: click on a point or a row.</div>'
    name = html.escape(str(match["substrate_name"].item()))
    both = 100 * float(match["strain_most"]), 100 * float(2 * match["strain"] - match["strain_most"])
    same = abs(both[0] - both[1]) < 0.005
    strain = f"{both[0]:+.2f} %" if same else f"{both[0]:+.2f} % and {both[1]:+.2f} %"
    source = ""
    told = [] if line is None else [str(line.get(k)) for k in ("source", "note") if _there(line.get(k))]
    if line is not None and told:
        said = "; ".join(told)
        source = f"<br>a = {number(line['a'], '.5g')} Å of {name}: {html.escape(said)}"
    return (
        f'<div class="mi-hint"><b>{html.escape(film)} on {name}</b>: strain {strain}, turned by '
        f"{float(match['angle']):.1f}°, {int(match['n_film'])} cells on {int(match['n_substrate'])}, "
        f"{float(match['area']):.1f} Å², {n_atoms} atoms. Unrelaxed: a picture of how the cells coincide, nothing "
        f"is said of the electrons.{source}</div>"
    )
