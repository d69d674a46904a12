"""Quasi-particle interference: sampled pixels, the q plane in two ways, radial profiles with rings, validation."""

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import (
    BACKGROUND_COLOR,
    DATA_COLOR,
    FIT_COLOR,
    PEAK_COLORS,
    figure_style,
    palette,
    plain,
    text_of,
)
from mi_widgets.plots.maps import map_element, plot_map

__all__ = ["plot_cross_validation", "plot_q_images", "plot_radial_profile", "plot_sampling"]

_BOKEH: dict[str, Any] = {"backend": "bokeh"}
COLORS = {"transform": BACKGROUND_COLOR, "lasso": PEAK_COLORS[0]}
NAMES = {"transform": "transform", "lasso": "LASSO"}
RING_COLOR = "#e69f00"


def plot_sampling(
    da: xr.DataArray, sampled: xr.DataArray | None = None, *, size: int = 420, title: str | None = None
) -> hv.Element:
    """Draw a map of which only the sampled pixels are shown.

    Parameters
    ----------
    da : xarray.DataArray
        Map over y and x.
    sampled : xarray.DataArray, optional
        Of `mi_widgets.qpi.sample_pixels`; by default the whole map.
    size : int
        Longest side of the frame in pixels.
    title : str, optional
        Text above; by default how many pixels are sampled.

    Returns
    -------
    holoviews.Element
        Image labelled ``map``; pixels that are not sampled are grey.

    Raises
    ------
    LabelError
        The array has no two dimensions.

    Examples
    --------
    >>> from mi_widgets import qpi
    >>> from mi_widgets.datasets import make_interference_map
    >>> da = make_interference_map((60, 120), width=33.0).conductance
    >>> plot_sampling(da, qpi.sample_pixels(da)).label
    'map'
    """
    shown = da if sampled is None else da.where(sampled)
    n = int(np.isfinite(shown.values).sum())
    return plot_map(shown, size=size, title=title if title is not None else f"{n:,} of {da.size:,} pixels")


def plot_q_images(found: xr.Dataset, *, penalty: float | None = None, size: int = 250) -> hv.Layout:
    """Draw the q plane by the conventional transform and by the LASSO beside each other, with one zoom.

    Parameters
    ----------
    found : xarray.Dataset
        Of `mi_widgets.qpi.analyze`.
    penalty : float, optional
        Penalty of the LASSO whose picture is shown; by default the chosen one.
    size : int
        Side of each frame in pixels.

    Returns
    -------
    holoviews.Layout
        Two images labelled ``transform`` and ``lasso``, each with its own colours, from zero.

    Raises
    ------
    LabelError
        `found` is no such result.

    Examples
    --------
    >>> from mi_widgets import qpi
    >>> from mi_widgets.datasets import make_interference_map
    >>> found = qpi.analyze(make_interference_map((90, 180), width=50.0).conductance, n_q=48, n_folds=2, n_penalties=3)
    >>> len(plot_q_images(found))
    2
    """
    _check(found, "plot_q_images", "transform", "amplitude")
    at = float(found["chosen_penalty"]) if penalty is None else penalty
    lasso = found["amplitude"].sel(penalty=at, method="nearest")
    units = f" · λ = {float(lasso['penalty']):.3g} {found['penalty'].attrs['units']}"
    return q_layout({"transform": found["transform"], "lasso": lasso}, {"lasso": units}, size)


def q_layout(images: dict[str, xr.DataArray], notes: dict[str, str], size: int = 250) -> hv.Layout:
    """Images of the q plane that share their axes."""
    figures = [
        q_image(da, name).opts(
            title=plain(NAMES[name] + notes.get(name, "")), cmap=palette(), clim=q_limits(da), colorbar=True,
            colorbar_opts={"width": 10, "padding": 4, "bar_line_color": None, "major_tick_line_color": None},
            frame_width=size, frame_height=size, hooks=[figure_style, _roomy], show_grid=False, **_BOKEH,
        )
        for name, da in images.items()
    ]  # fmt: skip
    return hv.Layout(figures).opts(merge_tools=False, toolbar=None, backend="bokeh").cols(2)


def q_image(da: xr.DataArray, label: str) -> hv.Element:
    """Bare image of a q plane."""
    return map_element(da.transpose("qy", "qx").astype(np.float32), label=label)


def q_limits(da: xr.DataArray) -> tuple[float, float]:
    """Colours from zero to where all but the strongest waves lie; of a sparse picture only what is there counts."""
    values = np.asarray(da.values, dtype=float)
    values = values[np.isfinite(values) & (values > 0)]
    return 0.0, float(np.percentile(values, 99.0)) if values.size else 1.0


def plot_radial_profile(found: xr.Dataset, *, title: str = "", height: int = 300) -> hv.Overlay:
    """Draw the mean amplitude against the distance from q = 0, with the rings that were fitted.

    Parameters
    ----------
    found : xarray.Dataset
        Of `mi_widgets.qpi.analyze`.
    title : str
        Text above.
    height : int
        Of the figure in pixels.

    Returns
    -------
    holoviews.Overlay
        Points of the transform (grey) and of the LASSO (blue) at the chosen penalty, their fits as lines.

    Raises
    ------
    LabelError
        `found` is no such result.

    Examples
    --------
    >>> from mi_widgets import qpi
    >>> from mi_widgets.datasets import make_interference_map
    >>> found = qpi.analyze(make_interference_map((90, 180), width=50.0).conductance, n_q=48, n_folds=2, n_penalties=3)
    >>> plot_radial_profile(found).keys()[0][0]
    'Curve'
    """
    from mi_widgets.qpi import evaluate_rings

    _check(found, "plot_radial_profile", "profile", "ring_position")
    curves = {}
    for name in ("transform", "lasso"):
        one = found.sel(image=name)
        fit = xr.Dataset({n: one[f"ring_{n}"] for n in ("height", "position", "sigma")})
        fit["background"] = one["ring_fit_background"]
        curves[name] = (one["profile"], evaluate_rings(fit, found["q"]))
    return profile_overlay(curves, title, height)


def profile_overlay(
    curves: Mapping[str, tuple[xr.DataArray, xr.DataArray | None]], title: str = "", height: int = 300
) -> hv.Overlay:
    """Points and fits, each labelled by what it is of."""
    first = next(iter(curves.values()))[0]
    parts = []
    for name, (profile, fit) in curves.items():
        line, points = profile_elements(name, profile, fit)
        parts += [
            line.opts(color=FIT_COLOR if name == "lasso" else DATA_COLOR, line_width=1.6, show_legend=False, **_BOKEH),
            points.opts(color=COLORS[name], size=5, **_BOKEH),
        ]
    return hv.Overlay(parts).opts(
        title=plain(title), height=height, responsive=True, min_width=300, show_grid=True, hooks=[figure_style],
        xlabel=text_of(first["q"]), ylabel="mean amplitude" + _unit(first), legend_position="top", **_BOKEH,
    )  # fmt: skip


def profile_elements(name: str, profile: xr.DataArray, fit: xr.DataArray | None) -> tuple[hv.Element, hv.Element]:
    """Line of the fit and points of the profile."""
    q = np.asarray(profile["q"].values, dtype=float)
    axis, value = hv.Dimension("radius", label="|q|"), hv.Dimension("mean_amplitude", label="mean amplitude")
    curve = np.asarray(fit.values, dtype=float) if fit is not None else np.full(q.size, np.nan)
    points = hv.Scatter((q, np.asarray(profile.values, dtype=float)), axis, value, label=NAMES[name])
    return hv.Curve((q, curve), axis, value, label=f"rings of {NAMES[name]}"), points


def plot_cross_validation(found: xr.Dataset, *, title: str = "", height: int = 260) -> hv.Overlay:
    """Draw the error of prediction against the penalty, beside that of the mean.

    Parameters
    ----------
    found : xarray.Dataset
        Of `mi_widgets.qpi.analyze` or `mi_widgets.qpi.cross_validate`.
    title : str
        Text above.
    height : int
        Of the figure in pixels.

    Returns
    -------
    holoviews.Overlay
        Mean over the folds with its standard error, the error of the naive prediction (dashed), the penalty of the
        least error and the largest within one standard error of it (lines).

    Raises
    ------
    LabelError
        `found` is no such result.

    Examples
    --------
    >>> from mi_widgets import qpi
    >>> from mi_widgets.datasets import make_interference_map
    >>> found = qpi.cross_validate(make_interference_map((60, 120), width=33.0).conductance, n_q=32, n_folds=2)
    >>> "naive" in [e.label for e in plot_cross_validation(found)]
    True
    """
    _check(found, "plot_cross_validation", "cv_mean", "naive_error")
    marks = [
        hv.VLine(float(found[name]), label=text).opts(color=color, line_dash=dash, line_width=1.4, **_BOKEH)
        for name, text, color, dash in (
            ("best_penalty", "least error", FIT_COLOR, "solid"),
            ("one_se_penalty", "one standard error", BACKGROUND_COLOR, "dotted"),
        )
        if np.isfinite(float(found[name]))
    ]
    return validation_overlay(found, title, height, marks)


def validation_overlay(found: xr.Dataset | None, title: str = "", height: int = 260, marks: Any = ()) -> hv.Overlay:
    """Curve, its standard errors and the naive error; an empty frame for None."""
    bars, line, naive = validation_elements(found)
    units = str(found["cv_mean"].attrs.get("units", "1")) if found is not None else "1"
    wave = str(found["penalty"].attrs.get("units", "1")) if found is not None else "1"
    parts = [
        *marks,
        bars.opts(line_color=BACKGROUND_COLOR, upper_head=None, lower_head=None, **_BOKEH),
        naive.opts(color=DATA_COLOR, line_dash="dashed", line_width=1.4, **_BOKEH),
        line.opts(color=PEAK_COLORS[0], size=7, **_BOKEH),
    ]
    x = text_of(xr.DataArray(0, attrs={"units": wave, "long_name": "penalty λ"}))
    y = text_of(xr.DataArray(0, attrs={"units": units, "long_name": "error"}))
    return hv.Overlay(parts).opts(
        title=plain(title), height=height, responsive=True, min_width=300, show_grid=True, logx=True,
        hooks=[figure_style], xlabel=x, ylabel=y, legend_position="top",
        **({} if found is not None else {"ylim": (0.5, 1.5)}), **_BOKEH,
    )  # fmt: skip


def validation_elements(found: xr.Dataset | None) -> tuple[hv.Element, hv.Element, hv.Element]:
    """Error bars, points of the mean error, and the line of the naive one."""
    x = hv.Dimension("penalty", label="penalty λ")
    y = hv.Dimension("cv_error", label="error")
    if found is None:
        # out of sight: HoloViews wants a finite value to find a range
        place, mean, error, naive = np.array([0.01, 1.0]), np.zeros(2), np.zeros(2), 0.0
    else:
        place, mean, error = (np.asarray(found[n].values, float) for n in ("penalty", "cv_mean", "cv_stderr"))
        naive = float(found["naive_error"].mean())
    ends = np.array([place.min(), place.max()])
    return (
        hv.ErrorBars((place, mean, np.nan_to_num(error)), x, [y, "stderr"], label="standard error"),
        hv.Scatter((place, mean), x, y, label="LASSO"),
        hv.Curve((ends, np.full(2, naive)), x, y, label="naive"),
    )


def _roomy(plot: Any, _element: Any) -> None:
    """HoloViews hook: the same room for any tick label."""
    plot.state.min_border_left, plot.state.min_border_right = 46, 48
    plot.state.toolbar_location = None
    if "colorbar" in plot.handles:
        plot.handles["colorbar"].update(title=None, major_label_text_font_size="10px", major_label_text_color="#4a535c")


def _unit(da: xr.DataArray) -> str:
    units = str(da.attrs.get("units", "1"))
    return "" if units == "1" else f" ({plain(units)})"


def _check(found: Any, who: str, *names: str) -> None:
    if not isinstance(found, xr.Dataset) or any(n not in found for n in names):
        raise LabelError(f"{who} needs the result of qpi.analyze(da, sampled); got {type(found).__name__}.")
