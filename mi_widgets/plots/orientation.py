"""Orientations of grains: rose diagrams, evidence of models, exchange rates, sections, axes on a net."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._orientation_plane import plot_grains, plot_stereonet
from mi_widgets.plots._orientation_rose import (
    LINES,
    REST_COLOR,
    RING_COLOR,
    SECTOR_COLOR,
    TEXT_COLOR,
    component_colors,
    curve,
    degree_labels,
    place,
    radius,
    rings,
    round_frame,
    wedges,
)
from mi_widgets.plots._style import FIT_COLOR, figure_style, plain

__all__ = [
    "plot_components",
    "plot_evidence",
    "plot_exchange",
    "plot_grains",
    "plot_rose",
    "plot_stereonet",
]

CRITERIA = {"delta_bic": ("BIC", "#0072b2"), "delta_aic": ("AIC", "#e69f00"), "delta_free_energy": ("2 F", "#009e73")}


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
    >>> from mi_widgets.datasets import make_orientations
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
        drawn.append(hv.Path([(x, y)], label=name).opts(color=color, line_width=2, line_dash=dash, **LINES))
    circles = [dict(zip("xy", place(np.arange(0, 361, 3), radius(v, top, scale), north), strict=True))
               for v in [*rings(top), top]]  # fmt: skip
    at = float(rose["angle"].values[np.argmin(count)])  # where they hide least
    texts = [(*map(float, place(at, radius(v, top, scale), north)), f"{v:g}") for v in rings(top)]
    x, y, names = degree_labels(north)
    written = {"text_font_size": "9pt", "text_color": TEXT_COLOR, **LINES}
    return hv.Overlay([
        round_frame(size, title),
        hv.Path(circles, label="rings").opts(color=RING_COLOR, **LINES),
        hv.Polygons([{"x": a, "y": b} for a, b in zip(xs, ys, strict=True)], label="sectors").opts(
            fill_color=SECTOR_COLOR, line_color="white", **LINES),
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
    >>> from mi_widgets.datasets import make_orientations
    >>> angles = make_orientations(300, components=((1.0, 60.0, 3.0),), seed=0).angle
    >>> found = orientation.select_orientation(angles, candidates=["1", "1+u"])
    >>> [e.label for e in plot_evidence(found) if e.label]
    ['BIC', 'AIC']
    """
    if not isinstance(result, xr.Dataset) or "delta_bic" not in result or result["delta_bic"].dims != ("candidate",):
        raise LabelError("plot_evidence needs the Dataset of orientation.select_orientation or select_axes.")
    names = [str(v) for v in result["candidate"].values]
    lines: list[Any] = []
    top = 1.0
    for text, color, values in evidence_lines(result):
        table = (np.arange(len(names)), np.sqrt(np.maximum(values, 0)))
        top = max(top, float(np.nanmax(values, initial=0.0)))
        lines.append(hv.Curve(table, "candidate", "above", label=text).opts(color=color, line_width=2, **LINES))
        lines.append(hv.Scatter(table, "candidate", "above").opts(color=color, size=8, **LINES))
    return hv.Overlay(lines).opts(
        hv.opts.Overlay(
            height=height, responsive=True, min_width=300, xticks=list(enumerate(names)), xlabel="model",
            ylabel="above the best (root scale)", yticks=root_ticks(top), ylim=(-0.06 * top**0.5, 1.1 * top**0.5),
            xlim=(-0.5, len(names) - 0.5), legend_position="top_right", title=plain(title), show_grid=True,
            backend="bokeh", hooks=[figure_style],
        )
    )  # fmt: skip


def evidence_lines(result: xr.Dataset) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and values of each criterion; free energies count twice."""
    out = []
    for key, (text, color) in CRITERIA.items():
        if key in result:
            out.append((text, color, result[key].values * (2 if key == "delta_free_energy" else 1)))
    return out


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
    >>> from mi_widgets.datasets import make_orientations
    >>> few = orientation.Sampling(n_sweeps=100)
    >>> found = orientation.free_energy(make_orientations(100).angle, candidates=["1"], sampling=few)
    >>> len(plot_exchange(found, "1"))
    3
    """
    rate = _sampled(result, candidate, "plot_exchange")["exchange_rate"]
    beta = result["inverse_temperature"].values[1:]
    lines: list[Any] = [
        hv.Curve((beta, rate.sel(run=run).values[:-1]), "beta", "rate", label=f"run {int(run)}").opts(
            color=color, line_width=2, **LINES
        )
        for run, color in zip(rate["run"].values, component_colors(rate.sizes["run"]), strict=True)
    ]
    lines.append(hv.HLine(0.2, label="limit").opts(color=FIT_COLOR, line_dash="dashed", line_width=1, backend="bokeh"))
    return hv.Overlay(lines).opts(
        height=height, responsive=True, min_width=300, logx=True, ylim=(0, 1.05), xlim=(beta[0] / 2, 1.5),
        xlabel="inverse temperature", ylabel="exchange rate", title=plain(title), show_grid=True, backend="bokeh",
        legend_position="bottom_right", hooks=[figure_style],
    )  # fmt: skip


def _sampled(result: xr.Dataset, candidate: str, who: str) -> xr.Dataset:
    """What was sampled of one candidate."""
    if not isinstance(result, xr.Dataset) or "exchange_rate" not in result:
        raise LabelError(f"{who} needs the sampling of orientation.free_energy, or of select_orientation.")
    if candidate not in result["candidate"].values:
        there = ", ".join(map(str, result["candidate"].values))
        raise LabelError(f"{who}: there is no candidate {candidate!r}; there are {there}.")
    return result.sel(candidate=candidate)


def plot_components(result: xr.Dataset, candidate: str, *, height: int = 260, title: str = "") -> hv.Overlay:
    """Draw mean axis and concentration of every component as drawn from the posterior distribution.

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
        Points of each component, labelled with its number.

    Raises
    ------
    LabelError
        There are no draws, or no such candidate.

    Examples
    --------
    >>> from mi_widgets import orientation
    >>> from mi_widgets.datasets import make_orientations
    >>> few = orientation.Sampling(n_sweeps=100)
    >>> found = orientation.free_energy(make_orientations(100).angle, candidates=["2"], sampling=few)
    >>> [e.label for e in plot_components(found, "2")]
    ['component 1', 'component 2']
    """
    one = _sampled(result, candidate, "plot_components")
    points: list[Any] = []
    xlim, ylim = posterior_limits(one)
    every = {n: one[f"posterior_{n}"].values for n in ("mean_axis", "concentration")}
    for k, color in enumerate(component_colors(one.sizes["component"])):
        mean, kappa = (every[n][:, k] for n in ("mean_axis", "concentration"))
        use = np.isfinite(mean)
        if use.any():
            points.append(
                hv.Scatter((mean[use], kappa[use]), "mean axis", "concentration", label=f"component {k + 1}").opts(
                    color=color, size=4, alpha=0.5, **LINES
                )
            )
    empty = hv.Scatter(([], []), "mean axis", "concentration", label="nothing").opts(**LINES)
    return hv.Overlay(points or [empty]).opts(
        height=height, responsive=True, min_width=300, xlabel="mean axis (°)", ylabel="concentration", show_grid=True,
        xlim=xlim, ylim=ylim, title=plain(title), backend="bokeh",
        legend_position="top_right", hooks=[figure_style],
    )  # fmt: skip


def posterior_limits(one: xr.Dataset) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of both axes of the draws of one candidate."""
    out = []
    for name, usual in (("mean_axis", (0.0, 180.0)), ("concentration", (0.0, 1.0))):
        values = one[f"posterior_{name}"].values
        if np.isfinite(values).any():
            low, high = float(np.nanmin(values)), float(np.nanmax(values))
            pad = 0.05 * (high - low or 1.0)
            out.append((low - pad, high + pad))
        else:
            out.append(usual)
    return out[0], out[1]
