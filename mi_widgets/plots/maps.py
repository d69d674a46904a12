"""Maps, profiles along a line, and histograms of any result variable."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.labels import require_numeric
from mi_widgets.plots._style import (
    MISSING_COLOR,
    PEAK_COLORS,
    color_limits,
    figure_style,
    is_signed,
    palette,
    plain,
    text_of,
)

__all__ = ["map_element", "map_frame", "plot_histogram", "plot_map"]

MOST_DOTS = 300  # of a profile that are drawn full size
MOST_STEPS = 12  # whole numbers that are told apart by colour


def map_element(da: xr.DataArray, *, label: str = "map") -> hv.Element:
    """One bare HoloViews element for an array over one or two dimensions.

    Parameters
    ----------
    da : xarray.DataArray
        Dims ``(y, x)`` under any name, drawn with the first upwards, or one dimension.
    label : str
        Name by which a view finds the element again.

    Returns
    -------
    holoviews.Image, holoviews.QuadMesh or holoviews.Curve
        Image on an even grid, QuadMesh on an uneven one, Curve for one dimension. Without options.

    Raises
    ------
    LabelError
        The array has no dimension or more than two.
    DataError
        The values are not real numbers.

    Examples
    --------
    >>> map_element(xr.DataArray(np.eye(3), dims=("y", "x"))).label
    'map'
    """
    require_numeric(da, who="plot_map")
    if da.ndim not in (1, 2):
        raise LabelError(
            f"plot_map draws one or two dimensions; this array has {tuple(da.dims)}. "
            "Choose a part of it first, such as da.isel(step=0) or da.mean('step')."
        )
    dims = [hv.Dimension(_safe(str(d)), label=text_of(da[d]) or str(d)) for d in da.dims]
    values = hv.Dimension("value", label=text_of(da) or "value")
    if not np.isfinite(da.values).any():  # HoloViews would look for the smallest of no values
        values = values.clone(range=(0.0, 1.0))
    axes = [_positions(da, str(d)) for d in da.dims]
    grid = np.asarray(da.values, dtype=float)
    if da.ndim == 1:
        order = np.argsort(axes[0])
        return hv.Curve((axes[0][order], grid[order]), dims, values, label=label)
    for i, axis in enumerate(axes):
        if axis.size > 1 and axis[0] > axis[-1]:
            axes[i], grid = axis[::-1], np.flip(grid, i)
    if all(_is_even(a) for a in axes):
        (ylo, yhi), (xlo, xhi) = (_edges(a) for a in axes)
        return hv.Image(np.flipud(grid), dims[::-1], values, bounds=(xlo, ylo, xhi, yhi), label=label)
    return hv.QuadMesh((axes[1], axes[0], grid), dims[::-1], values, label=label)


def map_frame(da: xr.DataArray, size: int = 380) -> tuple[int, int]:
    """Width and height in pixels of the frame of a map, so that equal lengths are drawn equal.

    Parameters
    ----------
    da : xarray.DataArray
        Dims ``(y, x)`` under any name.
    size : int
        Longest side in pixels.

    Returns
    -------
    (int, int)
        Width and height; a square when the two axes have different units or differ more than four times.

    Examples
    --------
    >>> from mi_widgets.datasets import make_spectral_map
    >>> map_frame(make_spectral_map(shape=(8, 16)).spectra.isel(energy=0), size=400)
    (400, 200)
    """
    if da.ndim != 2:
        return size, size
    spans = [float(np.ptp(_edges(_positions(da, str(d))))) for d in da.dims]
    units = [da[d].attrs.get("units") if d in da.coords else None for d in da.dims]
    ratio = spans[0] / spans[1] if spans[1] else 1.0
    if units[0] != units[1] or not 0.25 <= ratio <= 4:
        return size, size
    return (size, round(size * ratio)) if ratio <= 1 else (round(size / ratio), size)


def _whole_numbers(da: xr.DataArray) -> tuple[int, int] | None:
    """Least and most of an array of a few whole numbers, such as numbers of peaks; None for anything else."""
    if da.dtype.kind not in "iu" or not da.size:
        return None
    low, high = int(da.min()), int(da.max())
    return (low, high) if high - low < MOST_STEPS else None


def _in_steps(ends: tuple[int, int]) -> dict[str, Any]:
    """Options of a map of whole numbers: one colour for each, its number beside it."""
    from bokeh.models import FixedTicker

    low, high = ends
    numbers = list(range(low, high + 1))
    return {
        "cmap": hv.plotting.util.process_cmap("viridis", ncolors=len(numbers), categorical=True),
        "clim": (low - 0.5, high + 0.5),
        "colorbar": True,
        "colorbar_opts": {"width": 12, "padding": 4, "bar_line_color": None, "major_tick_line_color": None,
                          "ticker": FixedTicker(ticks=numbers)},
    }  # fmt: skip


def plot_map(
    da: xr.DataArray,
    *,
    limits: tuple[float, float] | None = None,
    cmap: str | None = None,
    title: str | None = None,
    size: int = 380,
    label: str = "map",
) -> hv.Element:
    """Draw an array over two dimensions as a map, over one dimension as a profile.

    Parameters
    ----------
    da : xarray.DataArray
        Dims ``(y, x)`` under any name, first one upwards, or one dimension; unit from its attributes.
    limits : (float, float), optional
        Limits of the colour scale in the unit of `da`; by default the percentiles 2 and 98 (see `color_limits`).
    cmap : str, optional
        Name of a colour map; by default viridis, and blue to red for signed values.
    title : str, optional
        Text above; by default name and unit of `da`.
    size : int, default 380
        Longest side of the frame in pixels.
    label : str, default "map"
        Name by which a view finds the element again.

    Returns
    -------
    holoviews.Element
        Image, QuadMesh or Curve with axes, units, colour bar.

    Raises
    ------
    LabelError
        The array has no dimension or more than two.
    DataError
        The values are not real numbers.

    Examples
    --------
    >>> plot_map(xr.DataArray(np.eye(3), dims=("y", "x"), name="intensity")).label
    'map'
    """
    element = map_element(da, label=label)
    title = plain(title if title is not None else text_of(da))
    common: dict[str, Any] = {"title": title, "hooks": [figure_style], "backend": "bokeh", "show_grid": False}
    if da.ndim == 1:
        common |= {"height": 380, "responsive": True, "min_width": 260, "show_grid": True, "framewise": True}
        common["hooks"] = [figure_style, _points]
        return element.opts(color=PEAK_COLORS[0], line_width=2, **common)
    width, height = map_frame(da, size)
    whole = _whole_numbers(da) if limits is None and cmap is None else None
    if whole is not None:
        return element.opts(**_in_steps(whole), frame_width=width, frame_height=height,
                            **(common | {"hooks": [figure_style, _roomy]}))  # fmt: skip
    return element.opts(
        cmap=palette(is_signed(np.asarray(da.values, dtype=float)), cmap),
        clim=tuple(limits or color_limits(da)),
        clipping_colors={"NaN": MISSING_COLOR},
        colorbar=True,
        colorbar_opts={"width": 12, "padding": 4, "bar_line_color": None, "major_tick_line_color": None},
        frame_width=width,
        frame_height=height,
        **(common | {"hooks": [figure_style, _roomy]}),
    )


def plot_histogram(
    da: xr.DataArray,
    *,
    bins: int = 40,
    percentile: tuple[float, float] = (0.5, 99.5),
    limits: tuple[float, float] | None = None,
) -> hv.Histogram:
    """Draw how often each value occurs.

    Parameters
    ----------
    da : xarray.DataArray
        Any shape; what is not finite is left out.
    bins : int, default 40
        Number of bins between the two percentiles.
    percentile : (float, float), default (0.5, 99.5)
        Range that is drawn, so that single outliers do not hide the rest.
    limits : (float, float), optional
        The range itself, in the unit of `da`.

    Returns
    -------
    holoviews.Histogram
        Counts over the values, with the unit of `da`.

    Raises
    ------
    DataError
        The values are not real numbers.

    Examples
    --------
    >>> plot_histogram(xr.DataArray([1.0, 2.0, 2.0], name="width"), bins=2).label
    'histogram'
    """
    require_numeric(da, who="plot_histogram")
    values = np.asarray(da.values, dtype=float)
    values = values[np.isfinite(values)]
    span = limits or color_limits(xr.DataArray(values), percentile)
    counts, edges = np.histogram(values, bins=bins, range=span)
    element = hv.Histogram(
        (edges, counts),
        kdims=[hv.Dimension("value", label=text_of(da) or "value")],
        vdims=[hv.Dimension("n", label="number")],
        label="histogram",
    )
    return element.opts(
        color=PEAK_COLORS[4], line_color="white", height=220, responsive=True, hooks=[figure_style],
        title=plain(text_of(da)), backend="bokeh",
    )  # fmt: skip


def _points(plot: Any, _element: Any) -> None:
    """HoloViews hook: a dot on every value of a profile, or one between two gaps would not be seen."""
    handles = plot.handles
    if "points" in handles:
        return
    glyph, source = handles["glyph"], handles["source"]
    handles["points"] = plot.state.scatter(
        glyph.x, glyph.y, source=source, size=5 if len(source.data[glyph.x]) <= MOST_DOTS else 3,
        fill_color=PEAK_COLORS[0], line_color=None,
    )  # fmt: skip


def _roomy(plot: Any, _element: Any) -> None:
    """HoloViews hook: room for any tick label, so that nothing moves when the numbers change."""
    plot.state.min_border_left, plot.state.min_border_right = 66, 128
    if "colorbar" in plot.handles:
        plot.handles["colorbar"].update(title=None, major_label_text_font_size="11px", major_label_text_color="#4a535c")


def _safe(name: str) -> str:
    """Dimension name that HoloViews and Bokeh columns accept."""
    return "".join(c if c.isalnum() or c == "_" else "_" for c in name) or "dim"


def _positions(da: xr.DataArray, dim: str) -> np.ndarray:
    if dim in da.coords and da[dim].dtype.kind in "uif" and np.isfinite(da[dim].values).all():
        return np.asarray(da[dim].values, dtype=float)
    return np.arange(da.sizes[dim], dtype=float)


def _is_even(axis: np.ndarray) -> bool:
    if axis.size < 3:
        return True
    step = np.diff(axis)
    return bool(np.allclose(step, step.mean(), rtol=1e-2, atol=0))


def _edges(axis: np.ndarray) -> tuple[float, float]:
    half = abs(axis[-1] - axis[0]) / (axis.size - 1) / 2 if axis.size > 1 else 0.5
    return float(axis.min() - half), float(axis.max() + half)
