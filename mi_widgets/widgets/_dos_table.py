"""Rows of the two tables of DOSClusterer: its clusters, and its sites by how unusual they are."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mi_widgets.plots._dos_groups import slot_color
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._dos_cut import CUT_WORDS

if TYPE_CHECKING:
    from mi_widgets.widgets._dos_base import DosBase

__all__ = ["CLUSTER_COLUMNS", "UNUSUAL_COLUMNS", "cluster_rows", "unusual_rows"]

_MOST_ROWS, _MOST_UNUSUAL = 100, 30
CLUSTER_COLUMNS = (
    {"title": "cluster", "left": True, "name": True, "tip": "Name; double-click or F2 to change it"},
    {"title": "element"},
    {"title": "sites"},
    {"title": "neighbours", "tip": "Coordination number of its sites: the range"},
    {
        "title": "band centre (eV)",
        "tip": "Mean energy of the states that are compared, semicore ones too where the window holds them "
        "(drag another over the curves): mean of the sites ± their scatter",
    },
)
UNUSUAL_COLUMNS = (
    {"title": "site", "left": True},
    {"title": "in cluster", "left": True, "tip": "Cluster of the site at the cut"},
    {"title": "sites alike", "tip": "Sites of its branch of the tree, which does not depend on the cut"},
    {
        "title": "distance to the next",
        "tip": "At which that branch merges with one at least as large, in the unit below the table",
    },
    {"title": "score", "tip": "Distance to the next divided by the root of the number of sites alike"},
)


def cluster_rows(app: "DosBase") -> tuple[list[dict[str, Any]], str]:
    """Rows of the table of clusters, and the line below."""
    rows = [
        {
            "id": g.label,
            "cells": [g.name, g.elements, f"{g.size:,}", _range(app.found, g.atoms), _center(app.found, g.atoms)],
            "color": slot_color(app.slots[g.label]),
            "name": g.name,
        }
        for g in app.listed[:_MOST_ROWS]
    ]
    none = app.n_atoms - sum(g.size for g in app.groups)
    notes = [f"{len(app.groups):,} clusters of {app.n_atoms - none:,} sites"]
    if none:
        notes.append(f"{none:,} sites cannot be compared")
    if len(app.groups) > _MOST_ROWS:
        notes.append(f"{_MOST_ROWS} are listed")
    return rows, " · ".join(notes)


def unusual_rows(app: "DosBase") -> tuple[list[dict[str, Any]], str]:
    """Rows of the most unusual sites, and the line below."""
    from mi_widgets import dos

    if app.result is None or not app.result.sizes.get("merge", 0):
        return [], "fewer than two sites can be compared"
    ranked = dos.rank_unusual(app.result).isel(rank=slice(0, _MOST_UNUSUAL))
    unit = str(ranked["score"].attrs.get("units", "1"))
    share = app.found is not None and app.found.params["metric"] in CUT_WORDS
    suffix = "" if unit == "1" else f" {nice_unit(unit)}"

    def text(value: float) -> str:
        return f"{100 * value:.1f} %" if share else f"{value:.3g}{suffix}"

    rows = []
    for at, label, size, height, score in zip(
        *(ranked[n].values.tolist() for n in ("atom_index", "cluster", "size", "isolation", "score")), strict=True
    ):
        cells = [app.site_name(at), app.group_of(label).name, f"{size:,}", text(height), text(score)]
        rows.append({"id": int(at), "cells": cells, "color": slot_color(app.slots[label])})
    return rows, f"the smallest, most distant branches of the tree first · distance: {_meaning(app, unit)}"


def _meaning(app: "DosBase", unit: str) -> str:
    """What the distance in use is, in words, with its unit."""
    metric = app.found.params["metric"] if app.found is not None else ""
    name = metric.replace("_", " ")
    return CUT_WORDS.get(metric) or (f"{name}, without a unit" if unit == "1" else f"{name} ({nice_unit(unit)})")


def _range(found: Any, atoms: np.ndarray) -> str:
    if found is None or found.coordination is None:
        return "–"
    low, high = int(found.coordination[atoms].min()), int(found.coordination[atoms].max())
    return f"{low}" if low == high else f"{low}–{high}"


def _center(found: Any, atoms: np.ndarray) -> str:
    values = found.center[atoms]
    values = values[np.isfinite(values)]
    if not values.size:
        return "–"
    return f"{values.mean():.2f}" + (f" ± {values.std():.2f}" if values.size > 1 else "")
