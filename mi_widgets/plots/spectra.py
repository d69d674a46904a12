"""Spectra with their fits: data, best fit, one area per peak, background, and the residual below."""

from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.plots._style import BACKGROUND_COLOR, DATA_COLOR, FIT_COLOR, PEAK_COLORS, figure_style, plain, text_of

__all__ = ["fit_elements", "plot_fit", "plot_spectrum"]


def fit_elements(
    data: xr.DataArray | None, evaluated: xr.Dataset | None = None, *, dim: str, n_slots: int | None = None
) -> dict[str, hv.Element]:
    """Bare HoloViews elements of one spectrum and its fit, by name.

    Parameters
    ----------
    data : xarray.DataArray or None
        One spectrum, dims ``(dim,)``.
    evaluated : xarray.Dataset, optional
        What `mi_widgets.peaks.evaluate` gives for this spectrum; nothing is drawn of the fit without it.
    dim : str
        The spectral dimension.
    n_slots : int, optional
        Number of peaks to make room for; those that are not there are empty.

    Returns
    -------
    dict of str to holoviews.Element
        ``data``, ``counts`` (the same as a line), ``peak 1`` …, ``background``, ``best fit``, ``residual``.
    """
    fitted = evaluated is not None and "best_fit" in evaluated
    n_peaks = int(evaluated.sizes.get("peak", 0)) if fitted else 0
    slots = max(n_peaks, n_slots or 0)
    x, y = _columns(data, dim)
    names = [hv.Dimension("axis", label=_axis_text(data, evaluated, dim)), hv.Dimension("value", label=_value_text(data))]
    fx, best = _columns(evaluated["best_fit"] if fitted else None, dim)
    background = _columns(evaluated["background"] if fitted else None, dim)[1]
    out: dict[str, hv.Element] = {}
    for i in range(slots):
        curve = _columns(evaluated["components"].isel(peak=i) if i < n_peaks else None, dim)[1]
        base = background if curve.size else curve
        px = fx if curve.size else curve
        out[f"peak {i + 1}"] = hv.Area((px, base + curve, base), names[0], ["value", "base"], label=f"peak {i + 1}")
    out["background"] = hv.Curve((fx, background), *names, label="background")
    out["counts"] = hv.Curve((x, y), *names, label="counts")
    out["data"] = hv.Scatter((x, y), *names, label="data")
    out["best fit"] = hv.Curve((fx, best), *names, label="best fit")
    rest = evaluated["residual_normalized"] if fitted and "residual_normalized" in evaluated else None
    below = hv.Dimension("residual", label="residual / σ")
    out["residual"] = hv.Curve(_columns(rest, dim), names[0], below, label="residual")
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
    elements = fit_elements(da, dim=dim)
    return hv.Overlay([_styled(elements[name]) for name in ("counts", "data")]).opts(**_frame(title, 320))


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
        data = (evaluated["best_fit"] + evaluated["residual"]).assign_attrs(evaluated["best_fit"].attrs)
    source = data if data is not None else (evaluated["best_fit"] if evaluated is not None else None)
    if source is None:
        raise LabelError("plot_fit needs a spectrum or an evaluated fit; got neither. Write plot_fit(None, spectrum).")
    dim = _only_dim(source, dim)
    elements = fit_elements(data, evaluated, dim=dim, n_slots=n_slots)
    residual = _styled(elements.pop("residual"))
    top = hv.Overlay([*extras, *(_styled(e) for e in elements.values())]).opts(xaxis="bare", **_frame(title, 300))
    zero = hv.HLine(0, label="zero").opts(color="#9aa3ab", line_width=1, backend="bokeh")
    below = hv.Overlay([zero, residual]).opts(**(_frame("", 130) | {"show_legend": False, "toolbar": None}))
    return hv.Layout([top, below]).opts(toolbar="right", backend="bokeh").cols(1)


def _frame(title: str, height: int) -> dict[str, Any]:
    return {
        "title": plain(title), "height": height, "responsive": True, "min_width": 300, "hooks": [figure_style],
        "legend_position": "top", "show_grid": True, "backend": "bokeh", "framewise": True, "legend_cols": 8,
    }  # fmt: skip


def _styled(element: hv.Element) -> hv.Element:
    name = element.label
    if name.startswith("peak "):
        color = PEAK_COLORS[(int(name.split()[1]) - 1) % len(PEAK_COLORS)]
        style = {"color": color, "fill_alpha": 0.28, "line_width": 1.2, "show_legend": False}
    else:
        style = {
            "data": {"color": DATA_COLOR, "size": 3.2, "alpha": 0.85},
            "counts": {"color": DATA_COLOR, "line_width": 0.8, "alpha": 0.35, "show_legend": False},
            "background": {"color": BACKGROUND_COLOR, "line_width": 1.4, "line_dash": "dashed"},
            "best fit": {"color": FIT_COLOR, "line_width": 2},
            "residual": {"color": DATA_COLOR, "line_width": 1, "interpolation": "steps-mid"},
        }[name]
    return element.opts(**style, backend="bokeh")


def _columns(da: xr.DataArray | None, dim: str) -> tuple[np.ndarray, np.ndarray]:
    """Axis and values of one spectrum as plain ascending columns; empty for None."""
    if da is None:
        return np.empty(0), np.empty(0)
    x = np.asarray(da[dim].values, dtype=float) if dim in da.coords else np.arange(da.sizes[dim], dtype=float)
    y = np.asarray(da.values, dtype=float)
    return (x[::-1], y[::-1]) if x.size > 1 and x[0] > x[-1] else (x, y)


def _only_dim(da: xr.DataArray, dim: str | None) -> str:
    dim = dim or (str(da.dims[-1]) if da.ndim else None)
    if da.ndim != 1 or dim not in da.dims:
        raise LabelError(
            f"one spectrum has one dimension; this array has {tuple(da.dims)}. Choose one, such as da.isel(y=0, x=0)."
        )
    return dim


def _axis_text(data: xr.DataArray | None, evaluated: xr.Dataset | None, dim: str) -> str:
    source = data if data is not None else evaluated
    return text_of(source[dim]) if source is not None and dim in source.coords else plain(dim)


def _value_text(data: xr.DataArray | None) -> str:
    return text_of(data) if data is not None else "intensity"
