"""Orientations of grains: rose diagrams, evidence of models, exchange rates, sections, axes on a net."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots._orientation_rose import LIMITS, curve, degree_labels, place, radius, rings, wedges
from mi_widgets.plots._style import FIT_COLOR, PEAK_COLORS, figure_style, plain

__all__ = ["component_colors", "plot_evidence", "plot_exchange", "plot_grains", "plot_rose", "plot_stereonet"]

SECTOR_COLOR, RING_COLOR, TEXT_COLOR, REST_COLOR = "#b9cfe0", "#d5dade", "#4a535c", "#8a939c"
CRITERIA = {"delta_bic": ("BIC", "#0072b2"), "delta_aic": ("AIC", "#e69f00"), "delta_free_energy": ("2 F", "#009e73")}
_LINES: dict[str, Any] = {"backend": "bokeh", "apply_ranges": False}


def component_colors(n: int) -> list[str]:
    """Colours of components, which every picture of orientations uses.

    Parameters
    ----------
    n : int
        Number of components.

    Returns
    -------
    list of str
        One for each.

    Examples
    --------
    >>> len(component_colors(3))
    3
    """
    return [PEAK_COLORS[k % len(PEAK_COLORS)] for k in range(n)]


def round_frame(size: int, title: str = "", label: str = "frame") -> hv.Points:
    """Square without axes, for what is drawn on a circle."""
    return hv.Points([], ["x", "y"], label=label).opts(
        xlim=LIMITS, ylim=LIMITS, frame_width=size, frame_height=size, xaxis=None, yaxis=None, show_grid=False,
        show_legend=False, title=plain(title), hooks=[figure_style], **_LINES,
    )  # fmt: skip


def rose_top(counts: np.ndarray, expected: np.ndarray | None = None) -> float:
    """Number of grains at the edge of the circle."""
    highest = [float(np.nanmax(counts, initial=0.0))]
    if expected is not None and np.isfinite(expected).any():
        highest.append(float(np.nanmax(expected)))
    return max([*highest, 1.0])


def plot_rose(
    rose: xr.Dataset,
    density: xr.Dataset | None = None,
    *,
    north: bool = True,
    scale: str = "area",
    size: int = 380,
    title: str = "",
) -> hv.Overlay:
    """Draw how many grains lie in each sector, and what a mixture expects there.

    Parameters
    ----------
    rose : xarray.Dataset
        Of `mi_widgets.orientation.rose`. Sectors of axes are drawn on both sides.
    density : xarray.Dataset, optional
        Of `mi_widgets.orientation.evaluate`, for one candidate: its components and their sum, as expected numbers.
    north : bool
        0 degree is up and angles run clockwise; else 0 is on the right and they run anticlockwise.
    scale : {"area", "length"}
        What is as the number of grains: the area of a sector, or its length, which makes large ones look larger.
    size : int
        Pixels.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Elements labelled ``frame``, ``rings``, ``sectors``, ``component 1`` and so on, ``uniform``, ``sum``,
        ``degrees`` and ``counts``.

    Raises
    ------
    LabelError
        It is no such Dataset, or the density is of several candidates.
    ParameterError
        The scale is unknown.

    Examples
    --------
    >>> from mi_widgets import orientation
    >>> from mi_widgets.datasets._orientation import make_orientations
    >>> angles = make_orientations(300, seed=0).angle
    >>> drawn = plot_rose(orientation.rose(angles), orientation.evaluate(orientation.fit_orientation(angles)))
    >>> [e.label for e in drawn]
    ['frame', 'rings', 'sectors', 'component 1', 'sum', 'degrees', 'counts']
    """
    if not isinstance(rose, xr.Dataset) or "angle_low" not in rose.coords:
        raise LabelError(f"plot_rose needs the Dataset of orientation.rose; got {type(rose).__name__}.")
    if scale not in ("area", "length"):
        raise ParameterError(f"plot_rose: scale must be 'area' or 'length'; got {scale!r}.")
    if density is not None and (
        not isinstance(density, xr.Dataset) or "density" not in density or density["density"].ndim != 1
    ):
        raise LabelError("plot_rose: the density must be of one candidate. Write evaluate(result.sel(candidate='2')).")
    low, high, period = rose["angle_low"].values, rose["angle_high"].values, float(rose["period"])
    count, wide = rose["number"].values, float(high[0] - low[0])
    lines = [] if density is None else expected_lines(density, float(rose["n_grains"]) * wide)
    top = rose_top(count, lines[-1][2] if lines else None)
    xs, ys = wedges(low, high, radius(count, top, scale), north, period)
    drawn = []
    for name, color, values in lines:
        x, y = curve(density["angle"].values, radius(values, top, scale), north, period)  # type: ignore[index]
        dash = "dashed" if name == "sum" else "solid"
        drawn.append(hv.Path([(x, y)], label=name).opts(color=color, line_width=2, line_dash=dash, **_LINES))
    circles = [dict(zip("xy", place(np.arange(0, 361, 3), radius(v, top, scale), north), strict=True))
               for v in [*rings(top), top]]  # fmt: skip
    texts = [(*map(float, place(75.0, radius(v, top, scale), north)), f"{v:g}") for v in rings(top)]
    x, y, names = degree_labels(north)
    written = {"text_font_size": "9pt", "text_color": TEXT_COLOR, **_LINES}
    return hv.Overlay([
        round_frame(size, title),
        hv.Path(circles, label="rings").opts(color=RING_COLOR, **_LINES),
        hv.Polygons([{"x": a, "y": b} for a, b in zip(xs, ys, strict=True)], label="sectors").opts(
            fill_color=SECTOR_COLOR, line_color="white", **_LINES),
        *drawn,
        hv.Labels((x, y, names), ["x", "y"], "text", label="degrees").opts(**written),
        hv.Labels(texts, ["x", "y"], "text", label="counts").opts(**written),
    ]).opts(show_legend=False, backend="bokeh")  # fmt: skip


def expected_lines(density: xr.Dataset, factor: float) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and values of each component, the uniform part where there is one, and the sum, times a factor."""
    parts = density["component_density"].transpose("component", "angle").values * factor
    rest = float(density["uniform_density"]) * factor
    numbered = zip(density["component"].values, component_colors(len(parts)), parts, strict=True)
    out = [(f"component {int(k)}", c, p) for k, c, p in numbered if np.isfinite(p).all()]
    if rest > 0:
        out.append(("uniform", REST_COLOR, np.full(density.sizes["angle"], rest)))
    return [*out, ("sum", FIT_COLOR, density["density"].values * factor)]


def plot_evidence(result: xr.Dataset, *, height: int = 260, title: str = "") -> hv.Overlay:
    """Draw how far each candidate is above the best by every criterion, on a scale of roots.

    Free energies are drawn twice, the scale on which they compare with BIC and AIC.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.orientation.select_orientation` or `select_axes`.
    height : int
        Pixels.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        One line of points for each criterion.

    Raises
    ------
    LabelError
        It is no such result.

    Examples
    --------
    >>> from mi_widgets import orientation
    >>> from mi_widgets.datasets._orientation import make_orientations
    >>> angles = make_orientations(300, components=((1.0, 60.0, 3.0),), seed=0).angle
    >>> found = orientation.select_orientation(angles, candidates=["1", "1+u"])
    >>> [e.label for e in plot_evidence(found) if e.label]
    ['BIC', 'AIC']
    """
    if not isinstance(result, xr.Dataset) or "delta_bic" not in result or result["delta_bic"].dims != ("candidate",):
        raise LabelError("plot_evidence needs the Dataset of orientation.select_orientation or select_axes.")
    names = [str(v) for v in result["candidate"].values]
    top = max(float(np.nanmax(result["delta_bic"].values, initial=1.0)), 1.0)
    lines: list[Any] = []
    for key, (text, color) in CRITERIA.items():
        if key in result:
            values = result[key].values * (2 if key == "delta_free_energy" else 1)
            table = ([*range(len(names))], np.sqrt(np.maximum(values, 0)))
            lines.append(hv.Curve(table, "candidate", "above", label=text).opts(color=color, line_width=2, **_LINES))
            lines.append(hv.Scatter(table, "candidate", "above").opts(color=color, size=8, **_LINES))
    return hv.Overlay(lines).opts(
        hv.opts.Overlay(
            height=height, responsive=True, min_width=300, xticks=list(enumerate(names)), xlabel="model",
            ylabel="above the best (root scale)", yticks=root_ticks(top), ylim=(-0.06 * top**0.5, 1.1 * top**0.5),
            xlim=(-0.5, len(names) - 0.5), legend_position="top_right", title=plain(title), show_grid=True,
            backend="bokeh", hooks=[figure_style],
        )
    )  # fmt: skip


def root_ticks(top: float) -> list[tuple[float, str]]:
    """Places of round differences on a scale of roots."""
    values = [0.0] + [s * 10.0**k for k in range(6) for s in (1, 2, 5)]
    kept: list[float] = []
    for v in values:
        if v <= 1.2 * top and (not kept or v**0.5 - kept[-1] ** 0.5 > 0.09 * top**0.5):
            kept.append(v)
    return [(v**0.5, f"{v:g}") for v in kept]


def plot_exchange(result: xr.Dataset, candidate: str, *, height: int = 260, title: str = "") -> hv.Overlay:
    """Draw how often neighbouring replicas were exchanged, for each run of one candidate.

    Parameters
    ----------
    result : xarray.Dataset
        Of `mi_widgets.orientation.free_energy`, or of `select_orientation` with a sampling.
    candidate : str
        Which model.
    height : int
        Pixels.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        A line for each run over the inverse temperature, and the limit below which rates are too low.

    Raises
    ------
    LabelError
        There are no exchange rates, or no such candidate.

    Examples
    --------
    >>> from mi_widgets import orientation
    >>> from mi_widgets.datasets._orientation import make_orientations
    >>> few = orientation.Sampling(n_sweeps=100)
    >>> found = orientation.free_energy(make_orientations(100).angle, candidates=["1"], sampling=few)
    >>> len(plot_exchange(found, "1"))
    3
    """
    if not isinstance(result, xr.Dataset) or "exchange_rate" not in result:
        raise LabelError("plot_exchange needs exchange rates: those of orientation.free_energy, or of a sampling.")
    if candidate not in result["candidate"].values:
        there = ", ".join(map(str, result["candidate"].values))
        raise LabelError(f"plot_exchange: there is no candidate {candidate!r}; there are {there}.")
    rate = result["exchange_rate"].sel(candidate=candidate)
    beta = result["inverse_temperature"].values[1:]
    lines: list[Any] = [
        hv.Curve((beta, rate.sel(run=run).values[:-1]), "beta", "rate", label=f"run {int(run)}").opts(
            color=color, line_width=2, **_LINES
        )
        for run, color in zip(rate["run"].values, component_colors(rate.sizes["run"]), strict=True)
    ]
    lines.append(hv.HLine(0.2, label="limit").opts(color=FIT_COLOR, line_dash="dashed", line_width=1, backend="bokeh"))
    return hv.Overlay(lines).opts(
        height=height, responsive=True, min_width=300, logx=True, ylim=(0, 1.05), xlim=(beta[0] / 2, 1.5),
        xlabel="inverse temperature", ylabel="exchange rate", title=plain(title), show_grid=True, backend="bokeh",
        legend_position="bottom_right", hooks=[figure_style],
    )  # fmt: skip


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
    >>> from mi_widgets.datasets._orientation import make_orientations
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
        lines.opts(color="color", line_width=1.5, **_LINES),
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
        show_grid=False, show_legend=False, title=plain(title), hooks=[figure_style], **_LINES,
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
    >>> from mi_widgets.datasets._orientation import make_orientation_axes
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
        hv.Path(circles, label="rings").opts(color=RING_COLOR, **_LINES),
        hv.Points((x, y, colors), ["x", "y"], "color", label="axes").opts(color="color", size=3, alpha=0.6, **_LINES),
        hv.Points((mx, my, component_colors(len(mx))), ["x", "y"], "color", label="means").opts(
            color="color", size=14, line_color="black", marker="star", **_LINES),
        hv.Labels((lx, ly, names), ["x", "y"], "text", label="degrees").opts(
            text_font_size="9pt", text_color=TEXT_COLOR, **_LINES),
    ]).opts(show_legend=False, backend="bokeh")  # fmt: skip


def _projected(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Equal-area places of the lower ends of axes in a circle of radius 1."""
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = directions / length
    down = np.where(unit[:, 2:] > 0, -unit, unit)
    factor = np.sqrt(1 / (1 - down[:, 2]))
    return down[:, 0] * factor, down[:, 1] * factor
