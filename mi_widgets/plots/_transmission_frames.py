"""Columns and axes of the pictures of transmission; views and pictures share them."""

from dataclasses import dataclass
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.plots._dos_groups import slot_color
from mi_widgets.plots._style import figure_style, palette, plain, text_of

__all__ = [
    "HeatRows",
    "coefficient_label",
    "curve_axes",
    "group_lines",
    "heat_image",
    "heat_limits",
    "heat_rows",
    "log_limits",
    "trust_ends",
    "validation_axes",
]

_LEAST = 8  # of the rows of a group, so that its name has room
_MOST_NAMES = 36
LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}


@dataclass(frozen=True)
class HeatRows:
    """Rows of a heat map, from the top.

    Attributes
    ----------
    variable : (n_rows,) int
        Position of the variable that each row shows; small groups have several rows for each.
    edges : list of int
        First row of each group, and the number of rows.
    names : list of str
        Of the groups, or of the variables where there are few.
    """

    variable: np.ndarray
    edges: list[int]
    names: list[str]

    def at(self, y: float) -> int | None:
        """Position of the variable at a height of the picture; None beside it."""
        row = int(np.floor(y))
        return int(self.variable[row]) if 0 <= row < self.variable.size else None

    def middle(self, position: int) -> float:
        """Height at which a variable is drawn."""
        return float(np.flatnonzero(self.variable == position).mean() + 0.5)


def heat_rows(variables: xr.DataArray) -> HeatRows:
    """Rows for a coordinate of variables, those of a group together where ``group`` is known."""
    names = variables.values.astype(str)
    if names.size <= _MOST_NAMES or "group" not in variables.coords:
        few = names.size <= _MOST_NAMES
        edges = list(range(names.size + 1)) if few else [0, names.size]
        return HeatRows(np.arange(names.size), edges, list(names) if few else ["variables"])
    groups = variables["group"].values.astype(str)
    rows: list[int] = []
    edges, order = [0], list(dict.fromkeys(groups))
    for group in order:
        inside = np.flatnonzero(groups == group)
        rows += np.repeat(inside, -(-_LEAST // inside.size)).tolist()
        edges.append(len(rows))
    return HeatRows(np.array(rows), edges, order)


def heat_limits(beta: np.ndarray) -> tuple[float, float]:
    """Symmetric ends of the colours: the 99th percentile of what takes part."""
    there = np.abs(beta[np.isfinite(beta) & (beta != 0)])
    top = float(np.percentile(there, 99)) if there.size else 1.0
    return -top, top


def heat_image(beta: xr.DataArray, rows: HeatRows) -> hv.Element:
    """Coefficients (variable, energy) as an element labelled ``heat``; NaN where there is none."""
    beta = beta.transpose("variable", "energy").sortby("energy")
    x, values = beta["energy"].values.astype(float), beta.values[rows.variable].astype(np.float32)
    dims = [hv.Dimension("energy", label=text_of(beta["energy"])), hv.Dimension("row", label="variable")]
    value = hv.Dimension("beta", label=coefficient_label(beta), range=(-1.0, 1.0))
    half = np.diff(x).mean() / 2 if x.size > 1 else 0.5
    step = np.diff(x)
    if x.size < 3 or np.allclose(step, step.mean(), rtol=1e-6):
        bounds = (x[0] - half, 0.0, x[-1] + half, float(rows.variable.size))
        return hv.Image(values[::-1], dims, value, bounds=bounds, label="heat")
    return hv.QuadMesh((x, np.arange(rows.variable.size) + 0.5, values), dims, value, label="heat")


def group_lines(rows: HeatRows, ends: tuple[float, float]) -> hv.Segments:
    """Lines between groups, labelled ``groups``."""
    y = np.array(rows.edges[1:-1], dtype=float) if len(rows.edges) < _MOST_NAMES else np.zeros(0)
    low, high = np.full(y.size, ends[0]), np.full(y.size, ends[1])
    return hv.Segments((low, y, high, y), ["x", "y", "x1", "y1"], label="groups").opts(
        color="#7d868e", line_width=0.8, **LINES
    )


def heat_options(rows: HeatRows, limits: tuple[float, float], title: str, height: int) -> dict[str, Any]:
    """Options of a heat map."""
    centres = [(a + b) / 2 for a, b in zip(rows.edges, rows.edges[1:], strict=False)]
    ticks = [(c, plain(n)) for c, n in zip(centres, rows.names, strict=True)]
    return {
        "cmap": list(palette(True)), "clim": limits, "colorbar": True, "yticks": ticks, "invert_yaxis": True,
        "height": height, "responsive": True, "min_width": 320, "title": plain(title), "ylabel": "",
        "hooks": [figure_style, _no_grid], "clipping_colors": {"NaN": "#dfe3e7"}, "backend": "bokeh",
    }  # fmt: skip


def _no_grid(plot: Any, _element: Any) -> None:
    """HoloViews hook: an image needs no grid; tick marks between groups mean nothing."""
    for grid in plot.state.grid:
        grid.visible = False
    plot.state.yaxis.major_tick_line_color = None
    bar = plot.handles.get("colorbar")
    if bar is not None:
        bar.update(bar_line_color=None, title_text_font_style="normal", title_text_font_size="12px", width=12)


def coefficient_label(beta: xr.DataArray) -> str:
    """Text of an axis of coefficients."""
    units = str(beta.attrs.get("units", "1"))
    return "coefficient per standard deviation" + ("" if units == "1" else f" ({plain(units)})")


def log_limits(curves: np.ndarray) -> tuple[float, float]:
    """Ends of a logarithmic axis, whole decades."""
    there = curves[np.isfinite(curves) & (curves > 0)]
    if not there.size:
        return 1e-3, 1.0
    low, high = np.floor(np.log10(there.min())), np.ceil(np.log10(there.max()))
    return float(10.0 ** max(low, high - 12)), float(10.0 ** max(high, low + 1))


def curve_axes(energy: xr.DataArray, text: str, ylim: tuple[float, float], *, logy: bool, height: int) -> hv.Points:
    """Axes over energies, labelled ``frame``; curves are laid over them."""
    x = energy.values.astype(float)
    dims = [hv.Dimension("energy", label=text_of(energy)), hv.Dimension("value", label=plain(text))]
    return hv.Points([], dims, label="frame").opts(
        xlim=(float(x.min()), float(x.max())), ylim=ylim, logy=logy, height=height, responsive=True, min_width=300,
        show_legend=False, show_grid=True, backend="bokeh", apply_ranges=False, title="", hooks=[figure_style],
    )  # fmt: skip


def validation_axes(penalty: np.ndarray, ylim: tuple[float, float], text: str, *, height: int) -> hv.Points:
    """Axes over penalties, the largest at the left, labelled ``frame``."""
    dims = [
        hv.Dimension("penalty", label="penalty, relative to the least that leaves no variable"),
        hv.Dimension("error", label=plain(text)),
    ]
    return hv.Points([], dims, label="frame").opts(
        xlim=(float(penalty.max()) * 1.12, float(penalty.min()) / 1.12), ylim=ylim, logx=True, height=height,
        responsive=True, min_width=300, show_legend=False, show_grid=True, backend="bokeh", apply_ranges=False,
        title="", hooks=[figure_style],
    )  # fmt: skip


def trust_ends(penalty: np.ndarray, trust: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of penalties, as (high, low), whose errors must not be trusted; half a step beyond their ends."""
    order = np.argsort(-penalty)
    p, bad = penalty[order], trust[order] != 0
    step = float((p[0] / p[-1]) ** (0.5 / max(p.size - 1, 1)))
    out, start = [], None
    for k, b in enumerate([*bad, False]):
        if b and start is None:
            start = k
        elif not b and start is not None:
            out.append((float(p[start]) * step, float(p[k - 1]) / step))
            start = None
    return out


def cluster_color(k: int) -> str:
    """Colour of a cluster."""
    return slot_color(k)
