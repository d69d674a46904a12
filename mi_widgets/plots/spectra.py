"""Spectra with their fits: data, best fit, one area per peak, background, and the residual below."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import BACKGROUND_COLOR, DATA_COLOR, FIT_COLOR, PEAK_COLORS, figure_style, plain, text_of

__all__ = ["fit_columns", "plot_fit", "plot_spectrum"]


def fit_columns(
    data: xr.DataArray | None, evaluated: xr.Dataset | None = None, *, dim: str, n_slots: int | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the Bokeh figure of one spectrum and its fit, by the name of the element they belong to.

    Parameters
    ----------
    data : xarray.DataArray or None
        One spectrum, dims ``(dim,)``.
    evaluated : xarray.Dataset, optional
        What `mi_widgets.peaks.evaluate` gives for this spectrum; the columns of the fit are empty without it.
    dim : str
        The spectral dimension.
    n_slots : int, optional
        Number of peaks to make room for; those that are not there are empty.

    Returns
    -------
    dict of str to dict of str to numpy.ndarray
        ``data``, ``counts`` (the same as a line), ``peak 1`` …, ``background``, ``best fit``, ``residual``; a peak is
        the outline of the area between the background and the background with this peak.

    Examples
    --------
    >>> from mi_widgets.datasets import make_spectral_map
    >>> pixel = make_spectral_map(shape=(2, 2)).spectra.isel(y=0, x=0)
    >>> sorted(fit_columns(pixel, dim="energy", n_slots=1))
    ['background', 'best fit', 'counts', 'data', 'peak 1', 'residual']
    """
    x, y = _columns(data, dim)
    fx, best = _columns(evaluated["best_fit"] if evaluated is not None else None, dim)
    _, background = _columns(evaluated["background"] if evaluated is not None else None, dim)
    out = {
        "data": {"axis": x, "value": y},
        "counts": {"axis": x, "value": y},
        "background": {"axis": fx, "value": background},
        "best fit": {"axis": fx, "value": best},
        "residual": {"axis": fx[:0], "residual": fx[:0]},
    }
    if evaluated is not None and "residual_normalized" in evaluated:
        out["residual"]["axis"], out["residual"]["residual"] = _columns(evaluated["residual_normalized"], dim)
    curves = np.empty((0, 0))
    if evaluated is not None:
        curves = np.asarray(evaluated["components"].transpose("peak", dim).values, dtype=float)
        curves = curves[:, ::-1] if evaluated[dim].values[0] > evaluated[dim].values[-1] else curves
    for i in range(max(len(curves), n_slots or 0)):
        there = i < len(curves)
        outline = np.concatenate([fx, fx[::-1]]) if there else fx[:0]
        level = np.concatenate([background, (background + curves[i])[::-1]]) if there else fx[:0]
        out[f"peak {i + 1}"] = {"x": outline, "y": level}
    return out


def _fit_elements(
    data: xr.DataArray | None, evaluated: xr.Dataset | None, *, dim: str, n_slots: int | None
) -> dict[str, hv.Element]:
    """HoloViews elements with these columns, in the order in which they are drawn."""
    columns = fit_columns(data, evaluated, dim=dim, n_slots=n_slots)
    axis = hv.Dimension("axis", label=_axis_text(data, evaluated, dim))
    value = hv.Dimension("value", label=_value_text(data, evaluated))
    out: dict[str, hv.Element] = {}
    for name in columns:
        if name.startswith("peak "):
            x, y = columns[name].values()
            n = x.size // 2
            out[name] = hv.Area((x[:n], y[n:][::-1], y[:n]), axis, ["value", "base"], label=name)
    for name in ("background", "counts", "data", "best fit"):
        kind = hv.Scatter if name == "data" else hv.Curve
        out[name] = kind(tuple(columns[name].values()), axis, value, label=name)
    below = hv.Dimension("residual", label="residual / σ")
    out["residual"] = hv.Curve(tuple(columns["residual"].values()), axis, below, label="residual")
    return out


def plot_spectrum(da: xr.DataArray, *, dim: str | None = None, title: str = "") -> hv.Overlay:
    """Draw one spectrum.

    Parameters
    ----------
    da : xarray.DataArray
        One spectrum; units from its attributes and those of its coordinate.
    dim : str, optional
        The spectral dimension; by default the only one.
    title : str, optional
        Text above.

    Returns
    -------
    holoviews.Overlay
        Points and a thin line.

    Raises
    ------
    LabelError
        The array has more than one dimension.

    Examples
    --------
    >>> plot_spectrum(xr.DataArray([1.0, 2.0], dims="energy")).keys()[0][0]
    'Curve'
    """
    dim = _only_dim(da, dim)
    elements = _fit_elements(da, None, dim=dim, n_slots=None)
    shown = [_styled(elements[name]) for name in ("counts", "data")]
    return hv.Overlay(shown).opts(show_legend=False, **_frame(elements["data"], title, 320))


def plot_fit(
    evaluated: xr.Dataset | None,
    data: xr.DataArray | None = None,
    *,
    dim: str | None = None,
    title: str = "",
    n_slots: int | None = None,
    extras: tuple[hv.Element, ...] = (),
) -> hv.Layout:
    """Draw one spectrum with its best fit, a filled curve for each peak, the background, and the residual below.

    Parameters
    ----------
    evaluated : xarray.Dataset or None
        What `mi_widgets.peaks.evaluate` gives for one spectrum: ``best_fit``, ``background``, ``components``
        (dims ``peak`` and the spectral one) and ``residual_normalized``; None draws the data alone.
    data : xarray.DataArray, optional
        The spectrum itself; by default ``best_fit + residual``.
    dim : str, optional
        The spectral dimension; by default the only one besides ``peak``.
    title : str, optional
        Text above.
    n_slots : int, optional
        Number of peaks to make room for (used by views that change the picture in place).
    extras : tuple of holoviews.Element, optional
        More elements laid over the spectrum.

    Returns
    -------
    holoviews.Layout
        Two figures in one column that share the spectral axis.

    Raises
    ------
    LabelError
        More than one spectrum is given, or nothing at all.

    Examples
    --------
    >>> len(plot_fit(None, xr.DataArray([1.0, 2.0], dims="energy")))
    2
    """
    if data is None and evaluated is not None and "residual" in evaluated:
        attrs = evaluated["best_fit"].attrs | {"long_name": "intensity"}
        data = (evaluated["best_fit"] + evaluated["residual"]).assign_attrs(attrs)
    source = data if data is not None else (evaluated["best_fit"] if evaluated is not None else None)
    if source is None:
        raise LabelError("plot_fit needs a spectrum or an evaluated fit; got neither. Write plot_fit(None, spectrum).")
    dim = _only_dim(source, dim)
    elements = _fit_elements(data, evaluated, dim=dim, n_slots=n_slots)
    residual = _styled(elements.pop("residual"))
    frame = _frame(elements["data"], title, 262)
    frame["hooks"] = [*frame["hooks"], _without_axis]  # the axis stands once, below the residual
    top = hv.Overlay([*extras, *(_styled(e) for e in elements.values())]).opts(**frame)
    zero = hv.HLine(0, label="zero").opts(color="#9aa3ab", line_width=1, backend="bokeh")
    below = hv.Overlay([zero, residual]).opts(**(_frame(residual, "", 124) | {"show_legend": False, "toolbar": None}))
    return (
        hv.Layout([top, below])
        .opts(merge_tools=False, toolbar=None, sizing_mode="stretch_width", backend="bokeh")
        .cols(1)
    )


def _frame(element: hv.Element, title: str, height: int) -> dict[str, Any]:
    x, y = element.dimensions()[:2]
    return {
        "xlabel": x.label, "ylabel": y.label, "title": plain(title), "height": height, "responsive": True,
        "min_width": 300, "legend_position": "top", "show_grid": True, "backend": "bokeh", "framewise": True,
        "hooks": [figure_style, _aligned],
    }  # fmt: skip


def _aligned(plot: Any, _element: Any) -> None:
    """HoloViews hook: both figures leave the same room beside the frame, so that their axes stand in line."""
    plot.state.min_border_left, plot.state.min_border_right = 72, 44
    for legend in plot.state.legend:
        order = ("data", "best fit", "background")
        legend.items = sorted(legend.items, key=lambda item: order.index(item.label.value))


def _without_axis(plot: Any, _element: Any) -> None:
    """HoloViews hook: the figure below shows the same axis."""
    plot.state.xaxis.visible = False
    plot.state.min_border_bottom = 2


def _styled(element: hv.Element) -> hv.Element:
    name = element.label
    if name.startswith("peak "):
        color = PEAK_COLORS[(int(name.split()[1]) - 1) % len(PEAK_COLORS)]
        style: dict[str, Any] = {
            "color": color,
            "fill_alpha": 0.28,
            "line_color": color,
            "line_width": 1.2,
            "show_legend": False,
        }
    else:
        plain_styles: dict[str, dict[str, Any]] = {
            "data": {"color": DATA_COLOR, "line_color": None, "size": 3.8, "alpha": 0.9},
            "counts": {"color": DATA_COLOR, "line_width": 0.8, "alpha": 0.35, "show_legend": False},
            "background": {"color": BACKGROUND_COLOR, "line_width": 1.4, "line_dash": "dashed"},
            "best fit": {"color": FIT_COLOR, "line_width": 2},
            "residual": {"color": DATA_COLOR, "line_width": 1},
        }
        style = plain_styles[name]
    return element.opts(**style, backend="bokeh")


def _columns(da: xr.DataArray | None, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Axis and values of one spectrum as plain ascending columns; empty for None."""
    if da is None:
        return np.empty(0), np.empty(0)
    x = np.asarray(da[dim].values, dtype=float) if dim in da.coords else np.arange(da.sizes[dim], dtype=float)
    y = np.asarray(da.values, dtype=np.float32)  # what the screen shows; half the bytes
    return (x[::-1], y[::-1]) if x.size > 1 and x[0] > x[-1] else (x, y)


def _only_dim(da: xr.DataArray, dim: str | None) -> str:
    dim = dim or (str(da.dims[-1]) if da.ndim else "")
    if da.ndim != 1 or dim not in da.dims:
        raise LabelError(
            f"one spectrum has one dimension; this array has {tuple(da.dims)}. Choose one, such as da.isel(y=0, x=0)."
        )
    return dim


def _axis_text(data: xr.DataArray | None, evaluated: xr.Dataset | None, dim: str) -> str:
    source = data if data is not None else evaluated
    return text_of(source[dim]) if source is not None and dim in source.coords else plain(dim)


def _value_text(data: xr.DataArray | None, evaluated: xr.Dataset | None) -> str:
    source = data if data is not None else evaluated["best_fit"] if evaluated is not None else None
    return (text_of(source) if source is not None else "") or "intensity"
