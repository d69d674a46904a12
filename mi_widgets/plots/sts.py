"""Maps of tunnelling spectra: the gap with its vortex, the profile about it, one spectrum with its fit."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import DATA_COLOR, FIT_COLOR, PEAK_COLORS, figure_style, plain, text_of
from mi_widgets.plots.maps import plot_map

__all__ = ["plot_gap_map", "plot_tunnelling", "plot_vortex"]

_BOKEH: dict[str, Any] = {"backend": "bokeh"}


def plot_gap_map(
    gaps: xr.Dataset, variable: str = "gap", *, vortex: xr.Dataset | None = None, size: int = 360
) -> hv.Element:
    """Draw a map of a fit of gaps, and the vortex in it.

    Parameters
    ----------
    gaps : xarray.Dataset
        Of `mi_widgets.sts.gap_map` over y and x.
    variable : str
        Which variable.
    vortex : xarray.Dataset, optional
        Of `mi_widgets.sts.fit_vortex`: its centre is marked by a cross, and the coherence length by a circle.
    size : int
        Longest side of the frame in pixels.

    Returns
    -------
    holoviews.Element
        The map; with a vortex an Overlay.

    Raises
    ------
    LabelError
        There is no such variable.

    Examples
    --------
    >>> from mi_widgets import sts
    >>> from mi_widgets.datasets import make_gap_cube
    >>> plot_gap_map(sts.gap_map(make_gap_cube((6, 6)).conductance, temperature=1.5)).label
    'map'
    """
    if not isinstance(gaps, xr.Dataset) or variable not in gaps:
        known = ", ".join(map(str, gaps.data_vars)) if isinstance(gaps, xr.Dataset) else type(gaps).__name__
        raise LabelError(f"plot_gap_map needs a result of sts.gap_map with {variable!r}; got {known}.")
    picture = plot_map(gaps[variable], size=size)
    if vortex is None:
        return picture
    y, x, xi = (float(vortex[n]) for n in ("center_y", "center_x", "coherence_length"))
    turn = np.linspace(0, 2 * np.pi, 121)
    dims = [d.clone() for d in picture.kdims]
    circle = hv.Path([(x + xi * np.cos(turn), y + xi * np.sin(turn))], dims, label="coherence length")
    cross = hv.Points(([x], [y]), dims, label="vortex")
    return hv.Overlay(
        [
            picture,
            circle.opts(color="white", line_width=1.6, line_dash="dashed", **_BOKEH),
            cross.opts(color="white", marker="cross", size=13, line_width=2, **_BOKEH),
        ]
    ).opts(show_legend=False, title=picture.opts.get("plot").kwargs.get("title", ""), **_BOKEH)


def plot_vortex(vortex: xr.Dataset, *, title: str = "", height: int = 300) -> hv.Overlay:
    """Draw the gap against the distance from a vortex, with the fitted curve.

    Parameters
    ----------
    vortex : xarray.Dataset
        Of `mi_widgets.sts.fit_vortex`.
    title : str
        Text above.
    height : int
        Of the figure in pixels.

    Returns
    -------
    holoviews.Overlay
        Means over rings with their standard errors, the curve, and a line at the coherence length.

    Raises
    ------
    LabelError
        `vortex` is no such result.

    Examples
    --------
    >>> from mi_widgets import sts
    >>> from mi_widgets.datasets import make_gap_cube
    >>> gaps = sts.gap_map(make_gap_cube((12, 12)).conductance, temperature=1.5)
    >>> len(plot_vortex(sts.fit_vortex(gaps)))
    4
    """
    if not isinstance(vortex, xr.Dataset) or not {"profile", "curve", "coherence_length"} <= set(vortex.variables):
        raise LabelError(f"plot_vortex needs a result of sts.fit_vortex; got {type(vortex).__name__}.")
    r = np.asarray(vortex["radius"].values, dtype=float)
    x, y = hv.Dimension("radius", label=text_of(vortex["radius"])), hv.Dimension("gap", label="gap")
    mean, error, curve = (np.asarray(vortex[n].values, float) for n in ("profile", "profile_stderr", "curve"))
    mark = hv.VLine(float(vortex["coherence_length"]), label="coherence length ξ")
    bars = hv.ErrorBars((r, mean, np.nan_to_num(error)), x, [y, "stderr"], label="standard error")
    parts = [
        mark.opts(color=PEAK_COLORS[2], line_dash="dashed", line_width=1.4, **_BOKEH),
        bars.opts(line_color=DATA_COLOR, upper_head=None, lower_head=None, **_BOKEH),
        hv.Scatter((r, mean), x, y, label="mean over rings").opts(color=DATA_COLOR, size=5, **_BOKEH),
        hv.Curve((r, curve), x, y, label="fit to all pixels").opts(color=FIT_COLOR, line_width=2, **_BOKEH),
    ]
    return hv.Overlay(parts).opts(
        title=plain(title), height=height, responsive=True, min_width=300, show_grid=True, hooks=[figure_style],
        xlabel=x.label, ylabel=text_of(vortex["profile"]), legend_position="bottom_right", **_BOKEH,
    )  # fmt: skip


def plot_tunnelling(
    spectrum: xr.DataArray, fit: xr.Dataset | None = None, *, title: str = "", height: int = 300
) -> hv.Overlay:
    """Draw one tunnelling spectrum with its fit and the gap on both sides.

    Parameters
    ----------
    spectrum : xarray.DataArray
        One dI/dV spectrum over energy or bias.
    fit : xarray.Dataset, optional
        Of `mi_widgets.sts.gap_map` for this pixel.
    title : str
        Text above.
    height : int
        Of the figure in pixels.

    Returns
    -------
    holoviews.Overlay
        Points, the curve, and lines at plus and minus the gap.

    Raises
    ------
    LabelError
        The array has more than one dimension.

    Examples
    --------
    >>> from mi_widgets import sts
    >>> from mi_widgets.datasets import make_gap_cube
    >>> pixel = make_gap_cube((2, 2)).conductance.isel(y=0, x=0)
    >>> len(plot_tunnelling(pixel, sts.gap_map(pixel, temperature=1.5)))
    4
    """
    from mi_widgets.sts import evaluate_gap

    if spectrum.ndim != 1:
        raise LabelError(f"plot_tunnelling draws one spectrum; this has {spectrum.dims}. Write da.isel(y=0, x=0).")
    name = str(spectrum.dims[0])
    axis = np.asarray(spectrum[name].values, dtype=float)
    x, y = hv.Dimension("energy", label=text_of(spectrum[name])), hv.Dimension("conductance", label="conductance")
    parts: list[Any] = []
    if fit is not None and np.isfinite(float(fit["gap"])):
        factor = {"eV": 1e-3, "V": 1e-3, "ueV": 1e3, "uV": 1e3}.get(str(spectrum[name].attrs.get("units")), 1.0)
        for sign in (-1, 1):
            mark = hv.VLine(sign * factor * float(fit["gap"]), label="gap")
            parts.append(mark.opts(color=PEAK_COLORS[2], line_dash="dashed", line_width=1.2, **_BOKEH))
    points = hv.Scatter((axis, np.asarray(spectrum.values, float)), x, y, label="measured")
    parts.append(points.opts(color=DATA_COLOR, size=4, **_BOKEH))
    if fit is not None:
        curve = np.asarray(evaluate_gap(fit, spectrum[name]).values, dtype=float)
        parts.append(hv.Curve((axis, curve), x, y, label="fit").opts(color=FIT_COLOR, line_width=2, **_BOKEH))
    return hv.Overlay(parts).opts(
        title=plain(title), height=height, responsive=True, min_width=300, show_grid=True, hooks=[figure_style],
        xlabel=x.label, ylabel=text_of(spectrum), legend_position="bottom_right", **_BOKEH,
    )  # fmt: skip
