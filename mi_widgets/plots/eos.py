"""Equations of state: points with isotherms and bands, how forms part, posterior pairs, profiles against depth."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import BACKGROUND_COLOR, DATA_COLOR, PEAK_COLORS, figure_style, plain, text_of

__all__ = ["isotherm_columns", "plot_forms", "plot_isotherms", "plot_posterior", "plot_profile"]

_BOKEH: dict[str, Any] = {"backend": "bokeh"}
_FRAME: dict[str, Any] = {
    "responsive": True, "min_width": 300, "show_grid": True, "hooks": [figure_style], "backend": "bokeh",
}  # fmt: skip
#: From cold to hot; the brightest colours of plasma are lost on white.
_HOT = list(hv.plotting.util.process_cmap("plasma", 256))[:216]
YOURS_COLOR = "#009e73"
SIGMAS = 1.96


def isotherm_columns(fit: xr.Dataset, curves: xr.Dataset) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the figures of `plot_isotherms`, by the label of the element they belong to.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of `mi_widgets.eos.fit_eos`, or one candidate.
    curves : xarray.Dataset
        What `mi_widgets.eos.evaluate` gives for it over (temperature, volume).

    Returns
    -------
    dict of str to dict of str to numpy.ndarray
        ``points``, ``errors``, ``residuals``, and for each temperature ``300 K`` and ``band 300 K``; a band
        reaches over 95 %.

    Examples
    --------
    >>> from mi_widgets import eos
    >>> from mi_widgets.datasets import make_eos
    >>> fit = eos.fit_eos(make_eos(seed=0).isel(point=slice(0, 20)), form="bm2")
    >>> sorted(isotherm_columns(fit, eos.evaluate(fit, temperature=300)))
    ['300 K', 'band 300 K', 'errors', 'points', 'residuals']
    """
    kind = _kind(fit)
    volume, value = fit["volume"].values, fit[kind].values
    t = fit["temperature"].values if "temperature" in fit else np.full(volume.size, float(curves["temperature"][0]))
    error = fit[f"{kind}_stderr"].values if f"{kind}_stderr" in fit else np.zeros(volume.size)
    axis = curves["volume"].values
    shift = float(fit["e0"]) if kind == "energy" else 0.0
    out = {
        "points": {"volume": volume, "value": value, "temperature": t},
        "errors": {"volume": volume, "value": value, "error": error},
        "residuals": {"volume": volume, "residual": fit["residual_normalized"].values, "temperature": t},
    }
    for row in range(curves.sizes["temperature"]):
        one = curves.isel(temperature=row)
        name, y = f"{float(one['temperature']):.0f} K", one[kind].values + shift
        half = SIGMAS * one[f"{kind}_stderr"].values if f"{kind}_stderr" in one else np.zeros(axis.size)
        out[name] = {"volume": axis, "value": y}
        out[f"band {name}"] = {
            "x": np.concatenate([axis, axis[::-1]]),
            "y": np.concatenate([y - half, (y + half)[::-1]]),
        }
    return out


def plot_isotherms(
    fit: xr.Dataset, curves: xr.Dataset | None = None, *, yours: bool = False, title: str = ""
) -> hv.Layout:
    """Draw measured points with the fitted isotherms and their bands, and below them the residuals.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of `mi_widgets.eos.fit_eos`, or one candidate of `mi_widgets.eos.compare_eos`.
    curves : xarray.Dataset, optional
        What `mi_widgets.eos.evaluate` gives for the temperatures that are to be drawn; by default none.
    yours : bool
        Make room for one more curve for each temperature, labelled ``yours 300 K``, which a view fills.
    title : str
        Text above.

    Returns
    -------
    holoviews.Layout
        Two figures in one column that share the volume; colours are temperatures (K), bands reach over 95 %.

    Raises
    ------
    LabelError
        `fit` is no fit.

    Examples
    --------
    >>> from mi_widgets import eos
    >>> from mi_widgets.datasets import make_eos
    >>> fit = eos.fit_eos(make_eos(seed=0).isel(point=slice(0, 20)), form="bm2")
    >>> len(plot_isotherms(fit, eos.evaluate(fit)))
    2
    """
    kind = _kind(fit)
    blank = curves if curves is not None else xr.Dataset(coords={"temperature": [], "volume": []})
    if curves is None:
        columns = isotherm_columns(fit, blank.assign_coords(temperature=[300.0]).isel(temperature=slice(0, 1)).assign(
            {kind: (("temperature", "volume"), np.empty((1, 0)))}))  # fmt: skip
        columns = {k: v for k, v in columns.items() if k in ("points", "errors", "residuals")}
    else:
        columns = isotherm_columns(fit, curves)
    volume = hv.Dimension("volume", label=text_of(fit["volume"]))
    value = hv.Dimension("value", label=text_of(fit[kind]))
    heat = hv.Dimension("temperature", label="temperature (K)")
    temperatures = columns["points"]["temperature"]
    limits = _heat_limits(temperatures, blank["temperature"].values)
    parts: list[Any] = []
    for name, c in columns.items():
        color = _heat(name, limits)
        if name.startswith("band"):
            n = c["x"].size // 2
            area = hv.Area((c["x"][:n], c["y"][:n], c["y"][n:][::-1]), volume, ["value", "top"], label=name)
            parts.append(area.opts(color=color, alpha=0.18, line_alpha=0, show_legend=False, **_BOKEH))
        elif name.endswith(" K"):
            line = hv.Curve((c["volume"], c["value"]), volume, value, label=name)
            parts.append(line.opts(color=color, line_width=2, **_BOKEH))
            if yours:
                mine = hv.Curve((c["volume"][:0], c["value"][:0]), volume, value, label=f"yours {name}")
                parts.append(
                    mine.opts(color=YOURS_COLOR, line_width=2, line_dash="dashed", show_legend=False, **_BOKEH)
                )
    c = columns["errors"]
    bars = hv.ErrorBars((c["volume"], c["value"], c["error"]), volume, [value, "error"], label="errors")
    parts.append(bars.opts(line_color=BACKGROUND_COLOR, upper_head=None, lower_head=None, **_BOKEH))
    spread = float(np.ptp(temperatures)) > 1
    dots: dict[str, Any] = {"size": 6, "line_color": "white", "line_width": 0.6, **_BOKEH}
    dots |= {"color": heat, "cmap": _HOT, "clim": limits} if spread else {"color": DATA_COLOR}
    c = columns["points"]
    points = hv.Points((c["volume"], c["value"], c["temperature"]), [volume, value], heat, label="points")
    parts.append(points.opts(show_legend=False, **dots))
    top = hv.Overlay(parts).opts(
        title=plain(title), height=300, show_legend=curves is not None, legend_position="top",
        xlabel="", ylabel=value.label, **_FRAME,
    )  # fmt: skip
    c = columns["residuals"]
    scaled = hv.Dimension("residual", label="residual / σ")
    below = hv.Points((c["volume"], c["residual"], c["temperature"]), [volume, scaled], heat, label="residuals")
    lines = [hv.HLine(y).opts(color="#9aa3ab", line_width=1, line_dash=d, **_BOKEH)
             for y, d in ((0, "solid"), (-2, "dotted"), (2, "dotted"))]  # fmt: skip
    below = below.opts(show_legend=False, **dots)
    lower = hv.Overlay([*lines, below]).opts(
        title="", height=140, xlabel=volume.label, ylabel=scaled.label, show_legend=False, toolbar=None, **_FRAME
    )
    return hv.Layout([top, lower]).opts(
        merge_tools=False, toolbar=None, sizing_mode="stretch_width", backend="bokeh"
    ).cols(1)  # fmt: skip


def plot_forms(curves: xr.Dataset, *, title: str = "") -> hv.Overlay:
    """Draw how far the pressures of several forms part, within the data and beyond.

    Parameters
    ----------
    curves : xarray.Dataset
        What `mi_widgets.eos.compare_curves` gives.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        One curve for each candidate, the 95 % band of the one from which they are measured, and a grey field where
        nothing was measured.

    Raises
    ------
    LabelError
        `curves` is no such result.

    Examples
    --------
    >>> from mi_widgets import eos
    >>> from mi_widgets.datasets import make_eos
    >>> found = eos.compare_eos(make_eos(seed=0).isel(point=slice(0, 20)), ["bm3", "vinet"])
    >>> "vinet" in [e.label for e in plot_forms(eos.compare_curves(found))]
    True
    """
    if not isinstance(curves, xr.Dataset) or "difference" not in curves:
        raise LabelError("plot_forms needs the result of eos.compare_curves(compared).")
    v, half = curves["volume"].values, SIGMAS * curves["stderr"].values
    volume = hv.Dimension("volume", label=text_of(curves["volume"]))
    value = hv.Dimension("value", label=text_of(curves["difference"]))
    parts: list[Any] = []
    beyond = v[curves["extrapolated"].values == 1]
    if beyond.size:
        field = hv.VSpan(float(v[0]), float(beyond[-1]), label="nothing measured")
        parts.append(field.opts(color="#8a939c", alpha=0.16, **_BOKEH))
    band = hv.Area((v, -half, half), volume, ["value", "top"], label=f"95 % of {curves.attrs['candidate']}")
    parts.append(band.opts(color=BACKGROUND_COLOR, alpha=0.3, line_alpha=0, **_BOKEH))
    for k, name in enumerate(curves["candidate"].values):
        line = hv.Curve((v, curves["difference"].values[k]), volume, value, label=plain(name))
        parts.append(line.opts(color=PEAK_COLORS[k % len(PEAK_COLORS)], line_width=2.2, **_BOKEH))
    return hv.Overlay(parts).opts(
        title=plain(title), height=320, show_legend=True, legend_position="top", ylabel=value.label,
        xlabel=volume.label, **_FRAME,
    )  # fmt: skip


def plot_posterior(draws: xr.Dataset, *, most: int = 1200, size: int = 118, title: str = "") -> hv.Layout:
    """Draw the posterior distribution: a histogram of each parameter, and a cloud for each pair.

    Parameters
    ----------
    draws : xarray.Dataset
        What `mi_widgets.eos.sample_eos` gives.
    most : int
        Number of draws in a cloud.
    size : int
        Side of each figure in pixels.
    title : str
        Text above the first figure.

    Returns
    -------
    holoviews.Layout
        As many rows and columns as there are free parameters; above the diagonal it is empty. Lines mark the median
        and the 95 % interval.

    Raises
    ------
    LabelError
        `draws` is no such result.

    Examples
    --------
    >>> from mi_widgets import eos
    >>> from mi_widgets.datasets import make_eos
    >>> cold = make_eos(seed=0).isel(point=slice(0, 20))
    >>> len(plot_posterior(eos.sample_eos(cold, form="bm2", n_steps=40)))
    4
    """
    if not isinstance(draws, xr.Dataset) or "r_hat" not in draws:
        raise LabelError("plot_posterior needs the result of eos.sample_eos(ds).")
    names = [str(n) for n in draws["parameter"].values]
    values = {n: draws[n].values.ravel() for n in names}
    step = max(1, values[names[0]].size // max(int(most), 1))
    ends = {n: tuple(np.quantile(values[n], (0.001, 0.999))) for n in names}
    # Names of their own for each axis: HoloViews would otherwise tie pressures and counts of different figures.
    axes = {n: hv.Dimension(n, label=_short_text(draws[n], n)) for n in names}
    figures: list[Any] = []
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            last = i == len(names) - 1
            if j > i:
                figures.append(hv.Empty())
                continue
            if i == j:
                made: Any = _histogram(draws, row, values[row], axes[row], ends[row])
            else:
                cloud = hv.Points((values[column][::step], values[row][::step]), [axes[column], axes[row]])
                made = cloud.opts(color=PEAK_COLORS[0], size=2, alpha=0.35, ylim=ends[row], **_BOKEH)
            figures.append(made.opts(
                frame_width=size, frame_height=size, xlim=ends[column], show_grid=False, toolbar=None,
                hooks=[figure_style, _few_ticks, *([_room_left] if j == 0 else [])],
                xaxis="bottom" if last else None, yaxis="left" if j == 0 and i else None,
                xlabel=axes[column].label, ylabel=axes[row].label, title=plain(title) if i == j == 0 else "", **_BOKEH,
            ))  # fmt: skip
    return hv.Layout(figures).opts(shared_axes=False, toolbar=None, merge_tools=False, backend="bokeh").cols(len(names))


def plot_profile(profile: xr.Dataset, *, title: str = "") -> hv.Layout:
    """Draw density, bulk modulus and bulk sound velocity against depth, beside the reference model.

    Parameters
    ----------
    profile : xarray.Dataset
        What `mi_widgets.eos.depth_profile` gives.
    title : str
        Text above the first figure.

    Returns
    -------
    holoviews.Layout
        Three figures in a row: the reference dashed, the substance with its 95 % band, dotted where its equation of
        state is extrapolated.

    Raises
    ------
    LabelError
        `profile` is no such result.

    Examples
    --------
    >>> from mi_widgets import eos
    >>> from mi_widgets.datasets import load_prem
    >>> iron = eos.reference_equation("liquid_iron_1994")
    >>> len(plot_profile(eos.depth_profile(iron, load_prem(region="outer_core"))))
    3
    """
    names = ("density", "adiabatic_bulk_modulus", "sound_velocity")
    if not isinstance(profile, xr.Dataset) or any(n not in profile for n in names):
        raise LabelError("plot_profile needs the result of eos.depth_profile(eos, reference).")
    depth = hv.Dimension("depth", label=text_of(profile["depth"]))
    x = profile["depth"].values
    out = profile["extrapolated"].values == 1 if "extrapolated" in profile else np.zeros(x.size, dtype=bool)
    figures = []
    for k, name in enumerate(names):
        y = profile[name].values
        axis = hv.Dimension(name, label=text_of(profile[name]))
        parts: list[Any] = []
        if f"{name}_stderr" in profile:
            half = SIGMAS * profile[f"{name}_stderr"].values
            band = hv.Area((x, y - half, y + half), depth, [name, "top"])
            parts.append(band.opts(color=PEAK_COLORS[0], alpha=0.2, line_alpha=0, **_BOKEH))
        if f"reference_{name}" in profile:
            line = hv.Curve((x, profile[f"reference_{name}"].values), depth, axis, label="reference")
            parts.append(line.opts(color=DATA_COLOR, line_width=2, line_dash="dashed", **_BOKEH))
        for label, where, dash in (("this substance", ~out, "solid"), ("extrapolated", out, "dotted")):
            if where.any():
                near = where | np.append(where[1:], False) if dash == "dotted" else where
                line = hv.Curve((x[near], y[near]), depth, axis, label=label)
                parts.append(line.opts(color=PEAK_COLORS[0], line_width=2.4, line_dash=dash, **_BOKEH))
        figures.append(hv.Overlay(parts).opts(
            title=plain(title) if k == 0 else "", height=300, responsive=True, min_width=220, show_grid=True,
            hooks=[figure_style], show_legend=k == 0, legend_position="bottom_right", xlabel=depth.label,
            ylabel=axis.label, toolbar=None, backend="bokeh",
        ))  # fmt: skip
    return hv.Layout(figures).opts(
        shared_axes=False, toolbar=None, sizing_mode="stretch_width", merge_tools=False, backend="bokeh"
    ).cols(3)  # fmt: skip


def _kind(fit: Any) -> str:
    if not isinstance(fit, xr.Dataset) or "residual_normalized" not in fit or fit["residual_normalized"].ndim != 1:
        raise LabelError(
            'this needs a result of eos.fit_eos, or one candidate of a comparison: compared.sel(candidate="vinet").'
        )
    return "energy" if "energy" in fit else "pressure"


def _heat_limits(temperatures: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    values = np.concatenate([temperatures[np.isfinite(temperatures)], drawn])
    low, high = (float(values.min()), float(values.max())) if values.size else (300.0, 301.0)
    return low, max(high, low + 1.0)


def _heat(name: str, limits: tuple[float, float]) -> str:
    """Colour of the isotherm with this label."""
    if not name.endswith(" K"):
        return DATA_COLOR
    share = (float(name.split()[-2]) - limits[0]) / (limits[1] - limits[0])
    return str(_HOT[int(np.clip(share, 0, 1) * (len(_HOT) - 1))])


def _short_text(da: xr.DataArray, name: str) -> str:
    """Name of a parameter as formulas have it, and its unit."""
    signs = {"v0": "V₀", "k0": "K₀", "k0_prime": "K₀′", "k0_double_prime": "K₀″", "gamma0": "γ₀", "theta0": "θ₀",
             "pressure_scale": "scale", "e0": "E₀"}  # fmt: skip
    return text_of(da.assign_attrs(long_name=signs.get(name, name)))


def _histogram(
    draws: xr.Dataset, name: str, values: np.ndarray, axis: hv.Dimension, ends: tuple[float, float]
) -> hv.Overlay:
    heights, edges = np.histogram(values, bins=30, range=ends)
    bars = hv.Histogram((edges, heights), kdims=[axis], vdims=[f"draws of {name}"])
    bars = bars.opts(fill_color=PEAK_COLORS[0], fill_alpha=0.35, line_color=None, **_BOKEH)
    marks = [
        hv.VLine(float(v)).opts(color=DATA_COLOR, line_width=1.2, line_dash="solid" if k == 1 else "dashed", **_BOKEH)
        for k, v in enumerate(draws[f"{name}_quantile"].values[[0, 2, 4]])
    ]
    return hv.Overlay([bars, *marks])


def _few_ticks(plot: Any, _element: Any) -> None:
    """HoloViews hook: labels of small figures do not run into one another."""
    for axis in plot.state.axis:
        axis.ticker.desired_num_ticks = 3
        axis.major_label_text_font_size = "10px"
        axis.axis_label_text_font_size = "12px"


def _room_left(plot: Any, _element: Any) -> None:
    """HoloViews hook: the same room beside every figure of the first column, so that their frames are as wide."""
    plot.state.min_border_left = 70
