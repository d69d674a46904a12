"""Axes and columns of the pictures of clusters; views and pictures share them."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.plots._dos_groups import CLUSTER_COLORS, OTHER_COLOR, elements_text
from mi_widgets.plots._dos_tree import Twigs
from mi_widgets.plots._style import figure_style, nice_unit, plain, text_of

__all__ = [
    "BOX_DEPTH",
    "box_texts",
    "branch_colors",
    "curve_frame",
    "from_scale",
    "map_frame",
    "map_limits",
    "root_ticks",
    "stack_offsets",
    "to_scale",
    "tree_axis",
    "tree_frame",
    "tree_label",
    "tree_limits",
]

MIXED_COLOR = "#8a939c"
BOX_DEPTH = 0.08  # of the height of the tree
DENSITY = "density of states per site (1/eV)"


# ---- the tree of merges --------------------------------------------------------------------------------------------


def branch_colors(twigs: Twigs, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour of every line and of every box: that of the cluster all its sites are in, else grey.

    Parameters
    ----------
    twigs : Twigs
    slots : (n_sites,) int
        Colour of the cluster of every site of the tree; different clusters without a colour have different numbers
        below zero.
    """
    tree = twigs.tree
    inside = slots[tree.order]
    table = np.array([*CLUSTER_COLORS, MIXED_COLOR, OTHER_COLOR])
    n = len(CLUSTER_COLORS)

    def color(node: int) -> int:
        own = inside[tree.start[node] : tree.stop[node]]
        if own.min() != own.max():
            return n
        return int(own[0]) if own[0] >= 0 else n + 1

    codes = {k: color(k) for k in twigs.x}
    _, nodes = twigs.segments()
    return table[[codes[k] for k in nodes.tolist()]], table[[codes[k] for k in twigs.leaves.tolist()]]


def box_texts(twigs: Twigs, elements: np.ndarray | None) -> list[str]:
    """Elements and number of sites of every box."""
    out = []
    for node in twigs.leaves.tolist():
        sites = twigs.tree.members(node)
        name = elements_text(elements[sites]).replace(", ", "+") if elements is not None else "site"
        out.append(f"{name} ×{len(sites)}" if len(sites) > 1 else name)
    return out


def tree_axis(metric: str, units: str) -> tuple[str, bool]:
    """Text of the axis of heights, and whether they are per cent."""
    if metric == "total_variation":
        return "states elsewhere", True
    if metric == "relative_wasserstein":
        return "displacement / band width", True
    text = f"{metric.replace('_', ' ')} distance" if metric else "distance"
    return text + ("" if units in ("", "1") else f" ({nice_unit(units)})"), False


def tree_limits(twigs: Twigs | None) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the axes of a tree: boxes from left to right, heights on their scale from below the boxes to the top."""
    top = float(to_scale(max(twigs.y.values(), default=0.0))) * 1.04 if twigs is not None else 0.0
    top = top or 1.0
    return (-0.7, (len(twigs.leaves) if twigs is not None else 1) - 0.3), (-BOX_DEPTH * top, top)


def tree_frame(twigs: Twigs | None, axis: str, *, percent: bool, height: int = 262) -> hv.Points:
    """Axes of a picture of a tree, heights on a scale of roots; its lines and boxes are laid over it."""
    xlim, ylim = tree_limits(twigs)
    dims = [hv.Dimension("x", label="sites"), hv.Dimension("y", label=axis)]
    ticks = [(place, text) for place, text in root_ticks(ylim[1], percent).items()]
    return hv.Points([], dims, label="frame").opts(
        xlim=xlim, ylim=ylim, height=height, responsive=True, min_width=300, xlabel="", ylabel=tree_label(axis),
        yticks=ticks, show_grid=True, show_legend=False, backend="bokeh", apply_ranges=False, title="",
        hooks=[figure_style, _no_columns],
    )  # fmt: skip


def tree_label(axis: str) -> str:
    """Text beside the axis of heights."""
    return plain(f"{axis} (root scale)")


def to_scale(height: Any) -> Any:
    """Place on the axis of a tree: the root, so that low merges are told apart beside the high ones."""
    return np.sqrt(np.maximum(height, 0.0))


def from_scale(place: float) -> float:
    """Height at a place on the axis of a tree."""
    return max(float(place), 0.0) ** 2


def root_ticks(top: float, percent: bool) -> dict[float, str]:
    """Places of round heights on the axis of a tree that ends at the place `top`, and their texts."""
    high = from_scale(top)
    unit = 10.0 ** np.floor(np.log10(high)) if high > 0 else 1.0
    kept: list[float] = []
    for h in (s * unit for s in (5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.01, 0.0)):
        near = kept and to_scale(kept[-1]) - to_scale(h) < 0.075 * top
        if h == 0 and near:
            kept.pop()
        if h <= high and (h == 0 or not near):  # texts must not lie on one another
            kept.append(h)
    return {float(to_scale(h)): f"{100 * h:g} %" if percent else f"{h:g}" for h in kept[::-1]}


def _no_columns(plot: Any, _element: Any) -> None:
    """HoloViews hook: boxes need no lines of a grid."""
    plot.state.xgrid.visible = False


# ---- curves ----------------------------------------------------------------------------------------------------------


def stack_offsets(mean: np.ndarray, stacked: bool) -> np.ndarray:
    """How far every curve of `mean` (cluster, energy) is moved up: none, or by steps, the first on top."""
    k = len(mean)
    if not stacked or k < 2:
        return np.zeros(k)
    with np.errstate(all="ignore"):
        peaks = np.nanmax(np.where(np.isfinite(mean), mean, 0.0), axis=1, initial=0.0)
    step = 0.55 * float(np.percentile(peaks, 85)) if peaks.size else 1.0
    return (step or 1.0) * np.arange(k - 1, -1, -1)


def curve_frame(
    energy: xr.DataArray, text: str, xlim: tuple[float, float], *, title: str = "", height: int = 330
) -> hv.Points:
    """Axes of a picture of densities of states; its curves are laid over it."""
    dims = [hv.Dimension("energy", label=text_of(energy)), hv.Dimension("density", label=plain(text))]
    return hv.Points([], dims, label="frame").opts(
        xlim=xlim, ylim=(0.0, 1.0), height=height, responsive=True, min_width=300, show_legend=False, show_grid=True,
        backend="bokeh", apply_ranges=False, title=plain(title), hooks=[figure_style],
    )  # fmt: skip


# ---- the map of sites ------------------------------------------------------------------------------------------------


def map_limits(places: np.ndarray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the axes of a map of sites."""
    there = places[np.isfinite(places).all(axis=1)] if len(places) else np.zeros((0, 2))
    low, high = (there.min(axis=0), there.max(axis=0)) if len(there) else (np.zeros(2), np.ones(2))
    pad = np.maximum(0.07 * (high - low), 1e-6 + 0.02 * float((high - low).max()))
    low, high = low - pad, high + pad
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))


def map_frame(places: np.ndarray, axes: tuple[str, str], *, height: int = 262) -> hv.Points:
    """Axes of a map of sites; its points are laid over it."""
    xlim, ylim = map_limits(places)
    dims = [hv.Dimension(name, label=plain(text)) for name, text in zip("xy", axes, strict=True)]
    return hv.Points([], dims, label="frame").opts(
        title="", xlim=xlim, ylim=ylim, height=height, responsive=True, min_width=300, show_legend=False,
        show_grid=True, backend="bokeh", apply_ranges=False, hooks=[figure_style],
    )  # fmt: skip
