"""Colours, type and limits that every picture shares."""

import re
from collections.abc import Sequence
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError

__all__ = [
    "BACKGROUND_COLOR",
    "DATA_COLOR",
    "FIT_COLOR",
    "MISSING_COLOR",
    "PEAK_COLORS",
    "PIN_COLOR",
    "STATUS_COLORS",
    "color_limits",
    "figure_style",
    "is_signed",
    "nice_unit",
    "palette",
    "plain",
    "text_of",
]

# Selects Bokeh without emitting JavaScript; hv.extension would load from a network in some set-ups.
hv.renderer("bokeh")

DATA_COLOR = "#3d4852"
FIT_COLOR = "#c2272d"
BACKGROUND_COLOR = "#8a939c"
MISSING_COLOR = "#dfe3e7"
# Okabe and Ito's colours: told apart with every common colour vision.
PEAK_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#6a51a3")
PIN_COLOR = "#8e44ad"
STATUS_COLORS = ("#3b8f6b", "#e3a72f", "#c2272d", "#b9c0c7", "#eceff1", "#7b4ea3")

_FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
_INK, _GRID = "#2b3138", "#e6e9ec"
# Bokeh typesets text between these; the typesetter comes from a network and the text from a file.
_MATH = ("$$", r"\(", r"\[", r"\)", r"\]")


def plain(text: object) -> str:
    """Text for a title or an axis that is drawn as it stands: no mathematics, no markup, one line.

    Parameters
    ----------
    text : object
        Anything; names and units from files above all.

    Returns
    -------
    str
        The same characters, kept apart where Bokeh would read them as mathematics.

    Examples
    --------
    >>> plain("cost ($)")
    'cost ($)'
    """
    out = " ".join(str(text).split())
    for mark in _MATH:
        out = out.replace(mark, "\u2060".join(mark))
    return out


def text_of(da: xr.DataArray) -> str:
    """Name and unit of an array for an axis, such as ``"binding energy (eV)"``, safe to draw."""
    units = str(da.attrs.get("units") or "1")
    name = str(da.attrs.get("long_name") or da.name or "")
    return plain(f"{name} ({nice_unit(units)})" if units != "1" else name)


def nice_unit(units: str) -> str:
    """Unit as it is printed: ``"um"`` as ``"µm"``, ``"1/cm"`` as ``"cm⁻¹"``, ``"m**2"`` as ``"m²"``; others stay.

    Examples
    --------
    >>> nice_unit("count * um"), nice_unit("count * (1/cm)"), nice_unit("eV * eV"), nice_unit("J/m**2")
    ('count · µm', 'count · cm⁻¹', 'eV²', 'J/m²')
    """
    out = re.sub(r"\(?\b1/(\w+)\b\)?", r"\1⁻¹", units)
    out = re.sub(r"\bum\b|\bmicrometer\b", "µm", out)
    out = re.sub(r"\b(\w+) \* \1\b", r"\1²", out)
    out = re.sub(r"\bangstrom\b", "Å", out)
    out = re.sub(r"\*\*([234])\b", lambda m: "²³⁴"[int(m[1]) - 2], out)
    return out.replace(" * ", " · ")


def is_signed(values: np.ndarray) -> bool:
    """True where values on both sides of zero matter, so that a diverging colour map is right."""
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return False
    low, high = np.percentile(finite, (2, 98))
    return bool(low < 0 < high and min(-low, high) > 0.1 * max(-low, high))


def color_limits(da: xr.DataArray, percentile: tuple[float, float] = (2.0, 98.0)) -> tuple[float, float]:
    """Limits of a colour scale from percentiles of the finite values.

    Parameters
    ----------
    da : xarray.DataArray
        Any shape; the unit of the limits is the unit of the array.
    percentile : (float, float), default (2, 98)
        Lower and upper percentile, 0 to 100.

    Returns
    -------
    (float, float)
        Limits, the upper one above the lower one even where all values are equal; symmetric for signed values;
        ``(0, 1)`` when nothing is finite.

    Raises
    ------
    ParameterError
        The percentiles are not in order or not within 0 to 100.

    Examples
    --------
    >>> color_limits(xr.DataArray([0.0, 50.0, 100.0]), (0, 100))
    (0.0, 100.0)
    """
    first, last = percentile
    if not 0 <= first < last <= 100:
        raise ParameterError(f"percentile must be two numbers 0 <= low < high <= 100; got {percentile}. Write (2, 98).")
    values = np.asarray(da.values, dtype=float)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, (first, last)))
    if is_signed(values):
        high = max(-low, high)
        low = -high
    if not high > low:
        pad = abs(low) * 1e-3 or 0.5
        low, high = low - pad, high + pad
    return low, high


def palette(signed: bool = False, name: str | None = None) -> Sequence[str]:
    """Perceptually uniform colours: viridis, or blue to red through white for signed values."""
    return list(hv.plotting.util.process_cmap(name or ("coolwarm" if signed else "viridis"), 256))


def figure_style(plot: Any, _element: Any) -> None:
    """HoloViews hook: type, grid and toolbar of one Bokeh figure."""
    fig = plot.state
    fig.toolbar.logo = None
    fig.toolbar.autohide = False
    fig.toolbar.active_scroll = None  # the wheel scrolls the page until its tool is chosen
    fig.outline_line_color = "#c3cad0"
    fig.background_fill_color = "white"
    fig.min_border = 4
    fig.title.text_font, fig.title.text_font_size, fig.title.text_font_style = _FONT, "13px", "bold"
    fig.title.text_color, fig.title.standoff = _INK, 6
    for axis in fig.axis:
        axis.axis_label_text_font, axis.major_label_text_font = _FONT, _FONT
        axis.axis_label_text_font_size, axis.major_label_text_font_size = "13px", "11px"
        axis.axis_label_text_font_style, axis.axis_label_text_color = "normal", _INK
        axis.major_label_text_color, axis.axis_line_color = "#4a535c", "#c3cad0"
        axis.major_tick_line_color, axis.minor_tick_line_color = "#9aa3ab", None
        axis.major_tick_in, axis.axis_label_standoff = 0, 7
    for grid in fig.grid:
        grid.grid_line_color, grid.level = _GRID, "underlay"
    for legend in fig.legend:
        legend.label_text_font, legend.label_text_font_size = _FONT, "11px"
        legend.border_line_color, legend.background_fill_alpha = None, 0.0
        legend.padding, legend.margin, legend.spacing, legend.glyph_width = 0, 2, 14, 18
        legend.label_text_color, legend.label_standoff = _INK, 5
