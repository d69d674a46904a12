"""Numbers with their uncertainties as a small table."""

import html
from collections.abc import Mapping
from math import floor, isfinite, log10
from typing import Any

import xarray as xr

from mi_widgets.plots._style import PEAK_COLORS, nice_unit
from mi_widgets.widgets._bounds import on_bound
from mi_widgets.widgets._names import WORDS
from mi_widgets.widgets._region import is_sum

__all__ = ["fit_table", "header_text", "no_fit", "plus_minus"]

_EMPTY = (
    "No fit yet. Choose the number of peaks, then <b>Fit pixel</b> to try it here or <b>Fit map</b> for all pixels."
)

_COLUMNS = ("center", "amplitude", "height", "fwhm", "fraction")


def plus_minus(value: float, stderr: float | None = None) -> str:
    """Value and standard error to two digits of the error.

    Examples
    --------
    >>> plus_minus(284.51234, 0.0123)
    '284.512 ± 0.012'
    >>> plus_minus(15234.0, 118.0)
    '15230 ± 120'
    """
    if not isfinite(value):
        return "–"
    if stderr is None or not isfinite(stderr) or stderr <= 0:
        return f"{value:.5g}"
    digits = 1 - floor(log10(stderr))
    if digits > 8 or abs(value) >= 1e7:
        return f"{value:.6g} ± {stderr:.2g}"
    if digits > 0:
        return f"{value:.{digits}f} ± {stderr:.{digits}f}"
    return f"{round(value, digits):.0f} ± {round(stderr, digits):.0f}"


def fit_table(fit: xr.Dataset, *, alone: bool = False, title: str = "", step: float | None = None) -> str:
    """HTML of the fitted numbers of one spectrum, one row for each peak.

    Parameters
    ----------
    fit : xarray.Dataset
        Result of a fit for a single spectrum: its only dimension is ``peak``.
    alone : bool
        The fit is of this pixel alone, not taken from the map.
    title : str
        Text above the table of a second, pinned spectrum.
    step : float, optional
        Between two channels, to know where sigma stands on its bound.

    Returns
    -------
    str
        A table and a line with background, deviance and status; text from the data is escaped.
    """
    others = [str(n) for n in fit.data_vars if fit[n].dims == ("peak",) and not str(n).endswith("_stderr")]
    names = [n for n in _COLUMNS if n in fit] + [n for n in others if n not in (*_COLUMNS, "sigma")]
    head = "".join(f"<th>{_heading(n)}{_unit(fit[n])}</th>" for n in names)
    rows, bound = [], on_bound(fit, step)
    for i in range(fit.sizes.get("peak", 0)):
        one = fit.isel(peak=i)
        color = PEAK_COLORS[i % len(PEAK_COLORS)]
        cells = "".join(f"<td>{_cell(one, n)}{_bound(bound, n, i)}</td>" for n in names)
        rows.append(f'<tr><th scope="row"><i class="mi-swatch" style="background:{color}"></i>{i + 1}</th>{cells}</tr>')
    line = " · ".join(_notes(fit, alone, bound))
    above = f'<div class="mi-pinned">{html.escape(title)}</div>' if title else ""
    return (
        f'{above}<div class="mi-scroll"><table class="mi-table">'
        f"<thead><tr><th>peak</th>{head}</tr></thead><tbody>{''.join(rows)}</tbody>"
        f'</table></div><div class="mi-table-note">{_status(fit)}{line}</div>'
    )


def _notes(fit: xr.Dataset, alone: bool, bound: set[tuple[str, int]]) -> list[str]:
    """What stands below the table: background, quality, noise, and what was fitted."""
    out = [
        f"{html.escape(str(n).replace('_', ' '))} {_cell(fit, str(n))}{_unit(fit[n])}{_bound(bound, str(n), 0)}"
        for n in fit.data_vars
        if str(n).startswith("background_") and not str(n).endswith("_stderr") and fit[n].ndim == 0
    ]
    if "deviance" in fit and "dof" in fit and isfinite(float(fit["deviance"])):
        out.append(f"deviance {float(fit['deviance']):.4g} for {float(fit['dof']):.0f} degrees of freedom")
    n = is_sum(fit)
    if "noise_read" in fit.attrs:
        gain, read = float(fit.attrs["noise_gain"]) * max(n, 1), float(fit.attrs["noise_read"])
        out.append(f"noise gain {gain:.3g}, read noise {read:.3g}{_unit(fit['height'])}")
    if n:
        out.append(f"sum of {n:,} spectra fitted, values per spectrum")
    elif alone:
        out.append("this pixel alone, not the map")
    return out


def _heading(name: str) -> str:
    word = WORDS.get(name, "")
    small = f'<div class="mi-word">{html.escape(word)}</div>' if word else '<div class="mi-word">&nbsp;</div>'
    return f"{small}{html.escape(name.replace('_', ' '))}"


def header_text(da: xr.DataArray, dim: str, state: str, *, stale: bool = False) -> str:
    """HTML above a widget: name and size of the data, escaped, the state of the fit, and whether it is `stale`."""
    sizes = " × ".join(f"{da.sizes[d]}" for d in da.dims if d != dim)
    name = str(da.attrs.get("title") or da.attrs.get("long_name") or da.name or "spectra")
    text = f"{sizes} spectra × " if sizes else "one spectrum, "
    chip = {"idle": "not fitted"}.get(state, state)
    old = '<span class="mi-chip mi-chip-stale" role="status">fit with other parameters</span>' if stale else ""
    return (
        f'<span class="mi-title">{html.escape(name)}</span><span class="mi-sizes">{text}{da.sizes[dim]:,} channels'
        f'</span><span class="mi-chip mi-chip-{state}" role="status">{chip}</span>{old}'
    )


def no_fit(result: xr.Dataset | None, selection: Mapping[str, Any], state: str) -> str:
    """HTML that stands in place of the table: what to do, or why there is nothing."""
    if any(isinstance(value, list) for value in selection.values()):
        hint = "Mean of the region. <b>Fit mean</b> fits it; click on the map for a single pixel and its fit."
    elif result is not None:
        hint = "This pixel is not fitted yet." if state == "running" else "This pixel was not fitted."
    else:
        hint = _EMPTY
    return f'<div class="mi-hint">{hint}</div>'


def _cell(ds: xr.Dataset, name: str) -> str:
    error = f"{name}_stderr"
    return plus_minus(float(ds[name]), float(ds[error]) if error in ds else None)


def _bound(bound: set[tuple[str, int]], name: str, peak: int) -> str:
    """A small mark at a value that stands on a bound; sigma has no column, its width has."""
    at = next((n for n in (name, "sigma" if name == "fwhm" else name) if (n, peak) in bound), None)
    return "" if at is None else f' <span class="mi-bound" title="{html.escape(at)} stands on its bound">bound</span>'


def _unit(da: xr.DataArray) -> str:
    units = str(da.attrs.get("units", "1"))
    return "" if units in ("", "1") else f' <span class="mi-unit">{html.escape(nice_unit(units))}</span>'


def _status(fit: xr.Dataset) -> str:
    if "status" not in fit:
        return ""
    names = str(fit["status"].attrs.get("flag_meanings", "")).split()
    at = int(fit["status"])
    name = names[at] if 0 <= at < len(names) else str(at)
    kind = "ok" if at == 0 else "off"
    return f'<span class="mi-flag mi-flag-{kind}">{html.escape(name.replace("_", " "))}</span> '
