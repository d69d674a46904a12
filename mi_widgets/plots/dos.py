"""Clusters of densities of states: their tree of merges, their map, their curves."""

import json
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.plots._dos_frames import (
    BOX_DEPTH,
    DENSITY,
    box_texts,
    branch_colors,
    curve_frame,
    map_frame,
    stack_offsets,
    to_scale,
    tree_axis,
    tree_frame,
)
from mi_widgets.plots._dos_groups import CLUSTER_COLORS, Group, assign_slots, groups_of, names_of, slot_color
from mi_widgets.plots._dos_tree import grow, trim

__all__ = ["CLUSTER_COLORS", "plot_cluster_map", "plot_clusters", "plot_dendrogram"]

_LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}


def plot_dendrogram(result: xr.Dataset, *, n_branches: int = 60, title: str = "") -> hv.Overlay:
    """Draw the tree of merges, its branches in the colours of the clusters.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.dos.cluster` with ``method="cut"``.
    n_branches : int, default 60
        Branches that stand side by side; what merges below them is one box with the number of its sites.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``branches``, ``boxes``, ``names`` and ``cut``; heights on a scale of roots, in the unit of
        the distance, shares in per cent. Branches that hold several clusters are grey.

    Raises
    ------
    LabelError
        It is no result of `mi_widgets.dos.cluster`, or has no tree.

    Examples
    --------
    >>> from mi_widgets import dos
    >>> from mi_widgets.datasets import make_pdos
    >>> [e.label for e in plot_dendrogram(dos.cluster(make_pdos(64, defects=())))]
    ['frame', 'branches', 'boxes', 'names', 'cut']
    """
    groups, elements = _checked(result, "plot_dendrogram")
    if "merge_height" not in result or not result.sizes["merge"]:
        raise LabelError("plot_dendrogram needs a tree of merges; write dos.cluster(ds) with method='cut'.")
    slots = assign_slots(groups)
    distinct = np.full(result.sizes["atom"], -1)
    for g in groups:
        distinct[g.atoms] = slots[g.label] if slots[g.label] >= 0 else -2 - g.label
    leaf = result["leaf_atom"].values
    heights = result["merge_height"]
    tree = grow(result["merge_left"].values, result["merge_right"].values, heights.values)
    twigs = trim(tree, n_branches, 1e-3 * float(heights.max()))
    axis, percent = tree_axis(_metric(result), str(heights.attrs.get("units", "1")))
    frame = tree_frame(twigs, axis, percent=percent, height=320)
    ends, _ = twigs.segments()
    lines, boxes = branch_colors(twigs, distinct[leaf])
    ends[:, [1, 3]] = to_scale(ends[:, [1, 3]])
    top = float(to_scale(heights.values.max()))
    x = np.arange(len(twigs.leaves), dtype=float)
    texts = box_texts(twigs, elements[leaf] if elements is not None else None)
    depth = BOX_DEPTH * top
    drawn = hv.Segments((*ends.T, lines), ["x", "y", "x1", "y1"], "color", label="branches")
    quads = hv.Rectangles((x - 0.45, -0.85 * depth, x + 0.45, 0 * x, boxes), vdims="color", label="boxes")
    names = hv.Labels((x, 0 * x - depth, texts), ["x", "y"], "text", label="names")
    cut = hv.HLine(float(to_scale(float(result["cut"]))) if "cut" in result else 0.0, label="cut")
    return hv.Overlay([
        frame,
        drawn.opts(color="color", line_width=1.8, **_LINES),
        quads.opts(color="color", line_color="white", **_LINES),
        names.opts(text_font_size="8pt", angle=90, text_align="right", text_color="#2b3138", **_LINES),
        cut.opts(color="#c2272d", line_width=2, backend="bokeh"),
    ]).opts(show_legend=False, xaxis=None, ylim=(-6 * depth, 1.04 * top), title=title, backend="bokeh")  # fmt: skip


def plot_cluster_map(embedding: xr.Dataset, result: xr.Dataset, *, title: str = "") -> hv.Overlay:
    """Draw the sites as points on a map, in the colours of their clusters.

    Parameters
    ----------
    embedding : xarray.Dataset
        Of `mi_widgets.dos.embed`, with at least two components.
    result : xarray.Dataset
        Of `mi_widgets.dos.cluster` for the same sites.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        One element for each cluster, labelled with its name and number of sites, and a legend.

    Raises
    ------
    DataError
        The two are not over the same sites.
    LabelError
        They are no such results.

    Examples
    --------
    >>> from mi_widgets import dos
    >>> from mi_widgets.datasets import make_pdos
    >>> ds = make_pdos(64, defects=())
    >>> len(plot_cluster_map(dos.embed(ds), dos.cluster(ds, cut=2)))
    2
    """
    groups, _ = _checked(result, "plot_cluster_map")
    if not isinstance(embedding, xr.Dataset) or "embedding" not in embedding or embedding.sizes["component"] < 2:
        raise LabelError("plot_cluster_map needs the result of dos.embed(ds) with two components.")
    if embedding.sizes["atom"] != result.sizes["atom"]:
        raise DataError(
            f"plot_cluster_map: the map has {embedding.sizes['atom']} sites and the clusters {result.sizes['atom']}."
        )
    places = embedding["embedding"].transpose("atom", "component").values[:, :2]
    slots = assign_slots(groups)
    parts: list[Any] = [map_frame(places, ("component 1", "component 2"), height=380)]
    for g in groups:
        points = hv.Points(places[g.atoms], label=g.text)
        parts.append(points.opts(color=slot_color(slots[g.label]), size=7, line_color="#30363c", **_LINES))
    return hv.Overlay(parts).opts(show_legend=True, legend_position="right", title=title, backend="bokeh")


def plot_clusters(means: xr.Dataset, *, stacked: bool = True, title: str = "") -> hv.Overlay:
    """Draw the mean density of states of each cluster and the band between quantiles of its sites.

    Parameters
    ----------
    means : xarray.Dataset
        Of `mi_widgets.dos.cluster_mean`; several orbitals are added.
    stacked : bool, default True
        Draw the curves above one another, the first on top.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        ``band`` areas and curves, labelled with the name of the cluster and the number of its sites; the energy with
        its unit, the density in 1/eV and site.

    Raises
    ------
    LabelError
        It is no result of `mi_widgets.dos.cluster_mean`.

    Notes
    -----
    Bands of several orbitals cannot be added, and are left out.

    Examples
    --------
    >>> from mi_widgets import dos
    >>> from mi_widgets.datasets import make_pdos
    >>> ds = make_pdos(64, defects=())
    >>> len(plot_clusters(dos.cluster_mean(ds, dos.cluster(ds, cut=2))))
    3
    """
    if not isinstance(means, xr.Dataset) or "mean" not in means or "cluster_label" not in means["mean"].dims:
        raise LabelError("plot_clusters needs the result of dos.cluster_mean(ds, clusters).")
    mean = means["mean"].sum("orbital").transpose("cluster_label", "energy").values
    band = None
    if "band" in means and means.sizes["orbital"] == 1 and means.sizes["quantile"] >= 2:
        band = means["band"].isel(orbital=0, quantile=[0, -1]).transpose("quantile", "cluster_label", "energy").values
    names, sizes = names_of(means), means["size"].values
    groups = [Group(k, names[k], np.arange(sizes[k]), "") for k in range(len(mean))]
    slots, up = assign_slots(groups), stack_offsets(mean, stacked)
    x = means["energy"].values
    frame = curve_frame(means["energy"], DENSITY, (float(x.min()), float(x.max())), title=title)
    parts: list[Any] = [frame]
    for g, curve, offset in zip(groups, mean, up, strict=True):
        color = slot_color(slots[g.label])
        if band is not None:
            low, high = band[:, g.label] + offset
            area = hv.Area((x, low, high), "energy", ["low", "high"], label=f"band {g.label}")
            parts.append(area.opts(color=color, alpha=0.22, line_alpha=0, show_legend=False, **_LINES))
        line = hv.Curve((x, curve + offset), "energy", "density", label=g.text)
        parts.append(line.opts(color=color, line_width=2, **_LINES))
    top = float(np.nanmax(band[1] if band is not None else mean, initial=0.0) + up.max(initial=0.0))
    low = min(0.0, float(np.nanmin(mean, initial=0.0)))
    return hv.Overlay(parts).opts(
        show_legend=True, legend_position="right", ylim=(low - 0.02 * top, 1.04 * top or 1.0), backend="bokeh"
    )


def _checked(result: Any, who: str) -> tuple[list[Group], np.ndarray | None]:
    if not isinstance(result, xr.Dataset) or "cluster" not in result or "cluster_name" not in result.coords:
        raise LabelError(f"{who} needs the result of dos.cluster(ds); got {type(result).__name__}.")
    elements = np.asarray(result["element"].values).astype(str) if "element" in result.variables else None
    return groups_of(result["cluster"], elements, names_of(result)), elements


def _metric(result: xr.Dataset) -> str:
    """Metric that a result remembers, or nothing."""
    try:
        return str(json.loads(str(result.attrs.get("history", "")))["parameters"]["metric"])
    except (ValueError, KeyError, TypeError):
        return ""
