"""What PeakMapper draws: the pointed spectrum with its fit, the pinned one, the map."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mi_widgets.plots._style import nice_unit, text_of
from mi_widgets.widgets._pointing import is_region
from mi_widgets.widgets._slice_player import draw_slice
from mi_widgets.widgets._table import fit_table, no_fit

if TYPE_CHECKING:
    from mi_widgets.widgets.peaks import PeakMapper

__all__ = ["draw_intensity", "draw_map", "draw_spectrum", "fit_at"]

_NOT_RUN = 4  # last flag of `status`


def fit_at(app: "PeakMapper", selection: dict[str, Any]) -> xr.Dataset | None:
    """The fit of one pixel in the result of the map; None for a region, or where it was not fitted."""
    if app.result is None or is_region(selection):
        return None
    fit = app.result.isel(app.at.where(selection))
    return fit if int(fit["status"].values) != _NOT_RUN else None


def draw_spectrum(app: "PeakMapper") -> None:
    """Draw the pointed spectrum, its fit and what is pinned; then the mark on the map, then the tables."""
    spectrum, fit = app.at.spectrum(app.selection), app._fit_here()
    app.fit_pixel_button.description = "Fit mean" if is_region(app.selection) else "Fit pixel"
    app.spectrum.show(spectrum, _curves(app, spectrum, fit), app.at.title(app.selection), _pinned(app))
    app.lock.flush()  # the spectrum first: it is what the user waits for
    if app.map is not None:
        app.map.mark(app.selection)
        app.lock.flush()
    alone = fit is not None and fit is app.pixel_result
    app.table.value = (
        fit_table(fit, alone=alone, step=app.call.step)
        if fit is not None
        else no_fit(app.result, app.selection, app.state)
    )
    counted = app.n_peaks_result
    here = None if counted is None or is_region(app.selection) else counted.isel(app.at.where(app.selection))
    app.count_panel.show(counted, here)
    if app.show_starts:
        app.spectrum.show_starts(app._start_positions())


def _curves(app: "PeakMapper", spectrum: xr.DataArray, fit: xr.Dataset | None) -> xr.Dataset | None:
    from mi_widgets.peaks import evaluate

    if fit is None or not np.isfinite(fit["center"].values).all():
        return None
    low, high = (float(v) for v in fit.attrs["axis_range"])
    return evaluate(fit, app.call.part(spectrum, (low, high)))


def _pinned(app: "PeakMapper") -> tuple[xr.DataArray, xr.Dataset | None] | None:
    """The pinned spectrum and its curves; computed once for each result."""
    if not app.pinned:
        return None
    if app._pinned_drawn is None or app._pinned_drawn[0] is not app.result:
        fit = fit_at(app, app.pinned)
        fit = app._pinned_fit if fit is None else fit
        spectrum = app.at.spectrum(app.pinned)
        app._pinned_drawn = (app.result, (spectrum, _curves(app, spectrum, fit)))
        title = f"pinned: {app.at.title(app.pinned)}"
        app.pinned_table.value = fit_table(fit, title=title, step=app.call.step) if fit is not None else ""
    drawn: tuple[xr.DataArray, xr.Dataset | None] = app._pinned_drawn[1]
    return drawn


def draw_map(app: "PeakMapper") -> None:
    """Draw the chosen map with its histogram; an intensity map is left to its painter."""
    if app.map is None:
        return
    picked = app.map_choice.pick(app.result, app.n_peaks_result)
    if picked is None and app.slice_at is not None:
        draw_slice(app)
        return
    app._leave_slice()
    if picked is None:
        app._painter.start(app.window, app.at.plane(app.selection))
        return
    plane = app.at.plane(app.selection)
    da, trusted = (a.isel(plane).transpose(*app.at.map_dims) for a in (picked.da, picked.trusted))
    limits = None
    if picked.flags:
        app.limits.hide()
    else:
        limits = app.limits.show(da, trusted, picked.key, picked.text)
    app.map.show(da, title=picked.title, limits=limits, flags=picked.flags)


def draw_intensity(app: "PeakMapper", da: xr.DataArray, window: Any) -> None:
    """Draw a map of intensity that is ready."""
    if app.map is None:
        return
    where = f"{window[0]:.5g} to {window[1]:.5g} {nice_unit(app.units)}" if window else "whole axis"
    limits = app.limits.show(da, da, f"intensity {where}", text_of(da))
    app.map.show(da, title=f"{text_of(da)} · {where}", limits=limits)
