"""Impedance spectra with the curves of circuits (Nyquist, Bode), and circuits as pictures."""

from collections.abc import Mapping
from typing import Any

import holoviews as hv
import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.impedance.circuit import Circuit, parse_circuit
from mi_widgets.plots._circuit_picture import circuit_picture
from mi_widgets.plots._style import DATA_COLOR, PEAK_COLORS, figure_style, nice_unit, plain, text_of

__all__ = ["bode_columns", "circuit_columns", "nyquist_columns", "nyquist_limits", "plot_bode", "plot_circuit",
           "plot_nyquist", "residual_columns"]  # fmt: skip

#: Width and height (pixels) of the frame of a Nyquist picture, whose axes have the same scale.
NYQUIST_FRAME = (440, 330)


def nyquist_columns(data: xr.Dataset | xr.DataArray | None) -> dict[str, np.ndarray]:
    """Columns of one spectrum in a Nyquist picture.

    Parameters
    ----------
    data : xarray.Dataset, xarray.DataArray or None
        One spectrum: ``impedance_real`` and ``impedance_imag``, or ``fitted_real`` and ``fitted_imag``, over
        ``frequency``; or a complex array. None gives empty columns.

    Returns
    -------
    dict of str to numpy.ndarray
        ``re`` and ``minus_im``, in the order of the frequencies.

    Raises
    ------
    LabelError
        It is no single spectrum.

    Examples
    --------
    >>> z = xr.DataArray([1 - 2j], {"frequency": [1.0]}, ("frequency",))
    >>> nyquist_columns(z)["minus_im"]
    array([2.])
    """
    if data is None:
        return {"re": np.empty(0), "minus_im": np.empty(0)}
    z = _complex(data).values
    return {"re": z.real.copy(), "minus_im": -z.imag}


def bode_columns(data: xr.Dataset | xr.DataArray | None) -> dict[str, dict[str, np.ndarray]]:
    """Columns of one spectrum in the two figures of a Bode picture.

    Parameters
    ----------
    data : xarray.Dataset, xarray.DataArray or None
        As in `nyquist_columns`.

    Returns
    -------
    dict of str to dict of str to numpy.ndarray
        ``modulus`` with ``frequency`` (Hz) and ``modulus``; ``phase`` with ``frequency`` and ``phase`` (degree).

    Raises
    ------
    LabelError
        It is no single spectrum.

    Examples
    --------
    >>> z = xr.DataArray([1 - 1j], {"frequency": [1.0]}, ("frequency",))
    >>> bode_columns(z)["phase"]["phase"]
    array([-45.])
    """
    if data is None:
        nothing = np.empty(0)
        return {name: {"frequency": nothing, name: nothing} for name in ("modulus", "phase")}
    z = _complex(data)
    f = np.asarray(z["frequency"].values, dtype=float)
    return {
        "modulus": {"frequency": f, "modulus": np.abs(z.values)},
        "phase": {"frequency": f, "phase": np.degrees(np.angle(z.values))},
    }


def nyquist_limits(
    data: xr.Dataset | xr.DataArray, frame: tuple[int, int] = NYQUIST_FRAME
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of the axes of a Nyquist picture with the same scale on both.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        As in `nyquist_columns`.
    frame : (int, int)
        Width and height of the frame (pixels).

    Returns
    -------
    ((float, float), (float, float))
        Ends of the real and of the negative imaginary axis.

    Examples
    --------
    >>> z = xr.DataArray([1 - 2j, 2 - 1j], {"frequency": [1.0, 2.0]}, ("frequency",))
    >>> (x0, x1), (y0, y1) = nyquist_limits(z, (200, 100))
    >>> round((x1 - x0) / (y1 - y0), 6)
    2.0
    """
    columns = nyquist_columns(data)
    ends = []
    for name in ("re", "minus_im"):
        values = columns[name][np.isfinite(columns[name])]
        values = values if values.size else np.array([0.0, 1.0])
        ends.append((min(float(values.min()), 0.0), max(float(values.max()), 0.0)))
    # one unit is as many pixels along both axes; 7 % of the frame stay free on every side
    scale = max((high - low) / (0.86 * size) for (low, high), size in zip(ends, frame, strict=True)) or 1.0
    pads = [size * scale - (high - low) for (low, high), size in zip(ends, frame, strict=True)]
    (x0, x1), (y0, y1) = ends
    low = min(pads[1] * 0.3, 0.07 * frame[1] * scale)
    return (x0 - pads[0] / 2, x1 + pads[0] / 2), (y0 - low, y1 + pads[1] - low)


def plot_nyquist(
    data: xr.Dataset | xr.DataArray, curves: Mapping[str, xr.Dataset | xr.DataArray] | None = None, *, title: str = ""
) -> hv.Overlay:
    """Draw one spectrum in the complex plane, with curves of circuits.

    Parameters
    ----------
    data : xarray.Dataset or xarray.DataArray
        One spectrum, as in `nyquist_columns`.
    curves : mapping of str to xarray.Dataset, optional
        Names and curves: results of `impedance.evaluate`, or of `impedance.fit_circuit` (its fitted impedance).
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Points and curves, real part to the right and negative imaginary part up, on the same scale.

    Raises
    ------
    LabelError
        It is no single spectrum.

    Examples
    --------
    >>> from mi_widgets import impedance
    >>> z = impedance.evaluate("R-p(R,C)", {"R0": 1.0, "R1": 2.0, "C1": 1e-3}, np.geomspace(1, 1e4, 21))
    >>> len(plot_nyquist(z, {"R-p(R,C)": z}))
    2
    """
    unit = nice_unit(_unit(data)).replace("ohm", "Ω")
    re, im = hv.Dimension("re", label=f"Z′ ({unit})"), hv.Dimension("minus_im", label=f"−Z″ ({unit})")
    xlim, ylim = nyquist_limits(data)
    elements = [hv.Scatter(tuple(nyquist_columns(data).values()), re, im, label="data").opts(**_points())]
    for k, (name, curve) in enumerate((curves or {}).items()):
        columns = nyquist_columns(curve)
        elements.insert(0, hv.Curve(tuple(columns.values()), re, im, label=plain(name)).opts(**_line(k)))
    return hv.Overlay(elements).opts(
        xlim=xlim, ylim=ylim, frame_width=NYQUIST_FRAME[0], frame_height=NYQUIST_FRAME[1], title=plain(title),
        show_grid=True, legend_position="top", backend="bokeh", hooks=[figure_style], xlabel=re.label, ylabel=im.label,
    )  # fmt: skip


def residual_columns(fit: xr.Dataset | None) -> dict[str, dict[str, np.ndarray]]:
    """Columns of the residuals of one fit.

    Parameters
    ----------
    fit : xarray.Dataset or None
        ``residual_real`` and ``residual_imag`` (frequency), as `impedance.fit_circuit` or `impedance.kramers_kronig`
        give them. None gives empty columns.

    Returns
    -------
    dict of str to dict of str to numpy.ndarray
        ``real`` and ``imaginary``, each with ``frequency`` (Hz) and ``residual`` (percent of the modulus).

    Examples
    --------
    >>> sorted(residual_columns(None))
    ['imaginary', 'real']
    """
    if fit is None:
        return {name: {"frequency": np.empty(0), "residual": np.empty(0)} for name in ("real", "imaginary")}
    f = np.asarray(fit["frequency"].values, dtype=float)
    parts = {"real": "residual_real", "imaginary": "residual_imag"}
    return {name: {"frequency": f, "residual": 100 * fit[part].values} for name, part in parts.items()}


def plot_bode(
    data: xr.Dataset | xr.DataArray,
    curves: Mapping[str, xr.Dataset | xr.DataArray] | None = None,
    *,
    residuals: xr.Dataset | None = None,
    title: str = "",
) -> hv.Layout:
    """Draw modulus and phase of one spectrum over the frequency, with curves of circuits, and residuals below.

    Parameters
    ----------
    data, curves, title
        As in `plot_nyquist`.
    residuals : xarray.Dataset, optional
        A fit, whose residuals are drawn in a third figure, as in `residual_columns`.

    Returns
    -------
    holoviews.Layout
        Figures in one column that share the axis of frequencies: modulus on a logarithmic scale, phase in degree,
        residuals in percent of the modulus.

    Raises
    ------
    LabelError
        It is no single spectrum.

    Examples
    --------
    >>> from mi_widgets import impedance
    >>> z = impedance.evaluate("R-p(R,C)", {"R0": 1.0, "R1": 2.0, "C1": 1e-3}, np.geomspace(1, 1e4, 21))
    >>> len(plot_bode(z)), len(plot_bode(z, residuals=impedance.fit_circuit(z, "R-p(R,C)")))
    (2, 3)
    """
    unit = nice_unit(_unit(data)).replace("ohm", "Ω")
    f = hv.Dimension("frequency", label=text_of(_complex(data)["frequency"]))
    figures = []
    for name, text in (("modulus", f"|Z| ({unit})"), ("phase", "phase (degree)")):
        value = hv.Dimension(name, label=text)
        points = hv.Scatter(tuple(bode_columns(data)[name].values()), f, value, label=name)
        layers = [points.opts(show_legend=False, **_points())]
        for k, (label, curve) in enumerate((curves or {}).items()):
            columns = tuple(bode_columns(curve)[name].values())
            layers.insert(0, hv.Curve(columns, f, value, label=plain(label)).opts(**_line(k)))
        figures.append(_over_frequency(layers, text, 162, logy=name == "modulus", legend=name == "modulus"))
    if residuals is not None:
        figures.append(_residual_figure(residuals, f))
    figures[0] = figures[0].opts(title=plain(title), backend="bokeh")
    figures[-1] = figures[-1].opts(xlabel=f.label, height=190, hooks=[figure_style, aligned], backend="bokeh")
    return hv.Layout(figures).opts(
        toolbar=None, merge_tools=False, sizing_mode="stretch_width", backend="bokeh"
    ).cols(1)  # fmt: skip


def _residual_figure(residuals: xr.Dataset, f: hv.Dimension) -> hv.Overlay:
    value = hv.Dimension("residual", label="residual / |Z| (%)")
    layers: list[hv.Element] = [hv.HLine(0, label="zero").opts(color="#9aa3ab", line_width=1, backend="bokeh")]
    looks = {"real": {"color": PEAK_COLORS[0]}, "imaginary": {"color": PEAK_COLORS[1], "marker": "square"}}
    for name, columns in residual_columns(residuals).items():
        points = hv.Scatter(tuple(columns.values()), f, value, label=name)
        layers.append(points.opts(size=4.5, line_color=None, backend="bokeh", **looks[name]))
    return _over_frequency(layers, value.label, 162, logy=False, legend=True)


def _over_frequency(layers: list[Any], text: str, height: int, *, logy: bool, legend: bool) -> hv.Overlay:
    """One figure of the column; the axis of frequencies stands below the last one alone."""
    return hv.Overlay(layers).opts(
        logx=True, logy=logy, responsive=True, min_width=300, height=height, show_grid=True, show_legend=legend,
        legend_position="top", backend="bokeh", hooks=[figure_style, aligned, _without_axis], xlabel="",
        ylabel=text, title="",
    )  # fmt: skip


def _without_axis(plot: Any, _element: Any) -> None:
    """HoloViews hook: the figure below shows the same axis."""
    plot.state.xaxis.visible = False
    plot.state.min_border_bottom = 2


def circuit_columns(circuit: str | Circuit) -> dict[str, dict[str, Any]]:
    """Columns of a picture of a circuit.

    Parameters
    ----------
    circuit : str or Circuit
        As in `impedance.parse_circuit`.

    Returns
    -------
    dict of str to dict
        ``lines`` with ``xs`` and ``ys``, lists of arrays; ``names`` with ``x``, ``y`` and ``text``; ``limits`` with
        ``x`` and ``y``, two numbers each.

    Examples
    --------
    >>> circuit_columns("R-p(R,C)")["names"]["text"]
    ['R0', 'R1', 'C1']
    """
    made = circuit if isinstance(circuit, Circuit) else parse_circuit(circuit)
    picture = circuit_picture(made)
    x, y, text = (list(column) for column in zip(*picture.names, strict=True))
    return {
        "lines": {
            "xs": [np.array([p[0] for p in line]) for line in picture.lines],
            "ys": [np.array([p[1] for p in line]) for line in picture.lines],
        },
        "names": {"x": x, "y": y, "text": text},
        "limits": {"x": (0.0, picture.width), "y": (picture.low, picture.high)},
    }


def plot_circuit(circuit: str | Circuit, *, title: str = "") -> hv.Overlay:
    """Draw a circuit with the names of its elements.

    Parameters
    ----------
    circuit : str or Circuit
        As in `impedance.parse_circuit`.
    title : str
        Text above.

    Returns
    -------
    holoviews.Overlay
        Lines and names; boxes are resistors, with a wave diffusion, with a slanting line Gerischer's element; bent
        plates are constant phase elements.

    Examples
    --------
    >>> len(plot_circuit("R-p(R,C)"))
    2
    """
    columns = circuit_columns(circuit)
    lines = [np.stack([x, y], axis=1) for x, y in zip(columns["lines"]["xs"], columns["lines"]["ys"], strict=True)]
    (x0, x1), (y0, y1) = columns["limits"]["x"], columns["limits"]["y"]
    scale = min(44.0, 900 / (x1 - x0))
    return hv.Overlay([
        hv.Path(lines, ["x", "y"], label="lines").opts(color="#2b3138", line_width=1.6, backend="bokeh"),
        hv.Labels(tuple(columns["names"].values()), ["x", "y"], "text", label="names").opts(
            text_color="#0b4f85", text_font_size="12px", text_baseline="bottom", backend="bokeh"),
    ]).opts(
        xlim=(x0, x1), ylim=(y0, y1 + 0.1), frame_width=int(scale * (x1 - x0)), frame_height=int(scale * (y1 - y0)),
        xaxis=None, yaxis=None, toolbar=None, show_legend=False, title=plain(title), backend="bokeh",
        hooks=[figure_style, _bare],
    )  # fmt: skip


def aligned(plot: Any, _element: Any) -> None:
    """HoloViews hook: figures in a column leave the same room beside the frame."""
    plot.state.min_border_left, plot.state.min_border_right = 72, 12


def _bare(plot: Any, _element: Any) -> None:
    """HoloViews hook: no frame, no grid."""
    plot.state.outline_line_color = None
    plot.state.grid.visible = False


def _points() -> dict[str, Any]:
    return {"color": DATA_COLOR, "line_color": None, "size": 5, "backend": "bokeh"}


def _line(k: int) -> dict[str, Any]:
    return {"color": PEAK_COLORS[k % len(PEAK_COLORS)], "line_width": 2, "backend": "bokeh"}


def _complex(data: Any) -> xr.DataArray:
    """One spectrum as a complex array."""
    z = data
    if isinstance(data, xr.Dataset):
        kind = next((k for k in ("impedance", "fitted") if f"{k}_real" in data), None)
        z = None if kind is None else data[f"{kind}_real"] + 1j * data[f"{kind}_imag"]
    if not isinstance(z, xr.DataArray) or z.dims != ("frequency",) or "frequency" not in z.coords:
        came = z.dims if isinstance(z, xr.DataArray) else type(data).__name__
        raise LabelError(
            f"a picture shows one spectrum over 'frequency'; got {came}. Select one, as data.isel(spectrum=0)."
        )
    return z


def _unit(data: Any) -> str:
    """Unit of the impedance of what is one spectrum."""
    _complex(data)
    if isinstance(data, xr.Dataset):
        part = data["impedance_real"] if "impedance_real" in data else data["fitted_real"]
        return str(part.attrs.get("units", "ohm"))
    return str(data.attrs.get("units", "ohm"))
