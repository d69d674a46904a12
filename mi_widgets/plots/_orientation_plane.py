"""Grains in the plane of a section, and axes on a net."""

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.plots._orientation_rose import (
    LINES,
    REST_COLOR,
    RING_COLOR,
    TEXT_COLOR,
    component_colors,
    degree_labels,
    place,
    round_frame,
)
from mi_widgets.plots._style import figure_style, plain

__all__ = ["grain_frame", "grain_segments", "plot_grains", "plot_stereonet"]


def grain_segments(angles: xr.DataArray, degrees: np.ndarray, north: bool) -> np.ndarray:
    """Ends (grain, 4) of the grains in the plane of the section, in the unit of their places; NaN without an angle."""
    x, y = angles["x"].values.astype(float), angles["y"].values.astype(float)
    span = max(float(np.ptp(x)), float(np.ptp(y)), 1e-12)
    length = np.full(x.size, 0.8 * span / max(np.sqrt(x.size), 1.0))
    if "length" in angles.coords:
        given = angles["length"].values.astype(float)
        units = str(angles["length"].attrs.get("units", ""))
        same = str(angles["x"].attrs.get("units", ""))
        factor = {("um", "mm"): 1e-3, ("mm", "um"): 1e3}.get((units, same), 1.0)
        length = given * factor
    dx, dy = place(degrees, length / 2, north)
    return np.stack([x - dx, y - dy, x + dx, y + dy], axis=1)


def plot_grains(
    angles: xr.DataArray, member: xr.DataArray | None = None, *, north: bool = True, height: int = 380, title: str = ""
) -> hv.Overlay:
    """Draw the grains as lines in the plane of the section, in the colours of their components.

    Parameters
    ----------
    angles : xarray.DataArray
        (grain), degree or radian, with coordinates ``x`` and ``y`` and, if known, ``length``.
    member : xarray.DataArray, optional
        (grain): likeliest component, of `mi_widgets.orientation.fit_orientation`; 0 and -1 are grey.
    north : bool
        As in `plot_rose`.
    height : int
        Pixels.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``frame`` and ``grains``.

    Raises
    ------
    LabelError
        The grains have no places.
    DataError
        `member` is of other grains.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> len(plot_grains(make_orientations(100).angle))
    2
    """
    if not isinstance(angles, xr.DataArray) or not {"x", "y"} <= set(angles.coords):
        raise LabelError("plot_grains needs the places of the grains: coordinates x and y. Write angles.assign_coords.")
    if member is not None and member.shape != angles.shape:
        raise DataError(f"plot_grains: {angles.size} angles and {member.size} members; both are one for each grain.")
    degrees = np.degrees(angles.values) if str(angles.attrs.get("units")).startswith("rad") else angles.values
    ends = grain_segments(angles, degrees, north)
    number = np.zeros(angles.size, dtype=int) if member is None else np.asarray(member.values, dtype=int)
    table = np.array([REST_COLOR, *component_colors(max(int(number.max(initial=0)), 1))])
    colors = table[np.maximum(number, 0)]
    use = np.isfinite(ends).all(axis=1)
    lines = hv.Segments((*ends[use].T, colors[use]), ["x", "y", "x1", "y1"], "color", label="grains")
    return hv.Overlay([
        grain_frame(angles, height=height, title=title),
        lines.opts(color="color", line_width=1.5, **LINES),
    ]).opts(show_legend=False, backend="bokeh")  # fmt: skip


def grain_frame(angles: xr.DataArray, *, height: int, title: str = "") -> hv.Points:
    """Axes of the plane of the section, both on one scale."""
    ends = []
    for name in ("x", "y"):
        v = angles[name].values.astype(float)
        v = v[np.isfinite(v)]
        low, high = (float(v.min()), float(v.max())) if v.size else (0.0, 1.0)
        pad = 0.03 * (high - low or 1.0)
        ends.append((low - pad, high + pad))
    (x0, x1), (y0, y1) = ends
    units = [str(angles[n].attrs.get("units", "1")) for n in ("x", "y")]
    texts = [plain(f"{n} ({u})" if u not in ("", "1") else n) for n, u in zip(("x", "y"), units, strict=True)]
    wide = int(np.clip(height * (x1 - x0) / (y1 - y0), 200, 620))
    return hv.Points([], ["x", "y"], label="frame").opts(
        xlim=(x0, x1), ylim=(y0, y1), frame_height=height, frame_width=wide, xlabel=texts[0], ylabel=texts[1],
        show_grid=False, show_legend=False, title=plain(title), hooks=[figure_style], **LINES,
    )  # fmt: skip


def plot_stereonet(
    directions: xr.DataArray, fit: xr.Dataset | None = None, *, size: int = 380, title: str = ""
) -> hv.Overlay:
    """Draw axes on an equal-area net of the lower half of the sphere, in the colours of their components.

    Parameters
    ----------
    directions : xarray.DataArray
        (grain, axis): x east, y north, z up.
    fit : xarray.Dataset, optional
        Of `mi_widgets.orientation.select_axes`, for one candidate: members and mean axes.
    size : int
        Pixels.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``frame``, ``rings``, ``axes``, ``means`` and ``degrees``.

    Raises
    ------
    LabelError
        The directions have other dims, or the fit is of several candidates.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientation_axes
    >>> len(plot_stereonet(make_orientation_axes(100).direction))
    5
    """
    if not isinstance(directions, xr.DataArray) or set(directions.dims) != {"grain", "axis"}:
        raise LabelError("plot_stereonet needs a DataArray with dims ('grain', 'axis').")
    if fit is not None and fit["member"].ndim != 1:
        raise LabelError("plot_stereonet: the fit must be of one candidate. Write result.sel(candidate='2').")
    x, y = _projected(directions.transpose("grain", "axis").values)
    number = np.zeros(x.size, dtype=int) if fit is None else np.maximum(fit["member"].values.astype(int), 0)
    colors = np.array([REST_COLOR, *component_colors(max(int(number.max(initial=0)), 1))])[number]
    means = np.empty((0, 3)) if fit is None else fit["mean_direction"].transpose("component", "axis").values
    means = means[np.isfinite(means).all(axis=1)]
    mx, my = _projected(means)
    dips = [np.sqrt(2) * np.sin(np.radians((90 - dip) / 2)) for dip in (0, 30, 60)]
    circles = [dict(zip("xy", place(np.arange(0, 361, 3), r, True), strict=True)) for r in dips]
    lx, ly, names = degree_labels(True)
    return hv.Overlay([
        round_frame(size, title),
        hv.Path(circles, label="rings").opts(color=RING_COLOR, **LINES),
        hv.Points((x, y, colors), ["x", "y"], "color", label="axes").opts(color="color", size=3, alpha=0.6, **LINES),
        hv.Points((mx, my, component_colors(len(mx))), ["x", "y"], "color", label="means").opts(
            color="color", size=14, line_color="black", marker="star", **LINES),
        hv.Labels((lx, ly, names), ["x", "y"], "text", label="degrees").opts(
            text_font_size="9pt", text_color=TEXT_COLOR, **LINES),
    ]).opts(show_legend=False, backend="bokeh")  # fmt: skip


def _projected(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal-area places of the lower ends of axes in a circle of radius 1."""
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = directions / length
    down = np.where(unit[:, 2:] > 0, -unit, unit)
    factor = np.sqrt(1 / (1 - down[:, 2]))
    return down[:, 0] * factor, down[:, 1] * factor
