"""PeakMapper: a spectral image, its fit, and every pixel's spectrum, in one place."""

from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import nice_unit, text_of
from mi_widgets.runs import Part
from mi_widgets.widgets._explorer import Explorer, snap
from mi_widgets.widgets._export import ExportBar
from mi_widgets.widgets._intensity import IntensityPainter
from mi_widgets.widgets._map import MapPanel
from mi_widgets.widgets._peak_call import FitCall, checked_dim
from mi_widgets.widgets._peak_controls import DEFAULTS, PeakControls, WindowFields, check_params
from mi_widgets.widgets._peak_map import INTENSITY, MapChoice
from mi_widgets.widgets._pixel import PixelFields
from mi_widgets.widgets._pointing import Pointing, is_region
from mi_widgets.widgets._spectrum import SpectrumPanel
from mi_widgets.widgets._table import fit_table, header_text, no_fit
from mi_widgets.widgets._warned import warned

__all__ = ["PeakMapper"]

_NOT_RUN = 4  # last flag of `status`


class PeakMapper(Explorer):
    """Map the peaks of a spectral image: point at a pixel, see its spectrum, fit all of them.

    Click on the map, or move with the arrow keys, to see a pixel's spectrum; drag a rectangle on the map for the
    mean of a region; drag over the spectrum for the intensity in a window, and move or resize that window.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra, dims ``(..., y, x, dim)`` under any names; a line of spectra or a single one will do.
    dim : str, optional
        The spectral dimension; by default `mi_widgets.labels.find_spectral_dim`.
    params : mapping, optional
        Parameters that differ from the defaults: ``n_peaks``, ``lineshape``, ``background``, ``likelihood``,
        ``bounds`` as in `mi_widgets.peaks.fit_peaks`, and ``window``, the two ends of the range that is fitted.
    threaded : bool, default True
        Fit in a thread beside the page; False fits in the caller, for tests.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.peaks.fit_peaks` gives for the map; while it runs, what is finished of it.
    pixel_result : xarray.Dataset or None
        Fit of the pointed pixel alone, from *Fit pixel*.
    window : tuple of float or None
        Ends of the window whose intensity the map shows, in the unit of the axis; None is the whole axis.
    selection : dict
        Labels of the pointed pixel, ``{"y": 1.2, "x": 0.4}``, or lists of labels for a region.

    Raises
    ------
    LabelError
        No spectral dimension, or its coordinate or unit is missing.
    DataError
        The values are not real numbers, or there is nothing in them.
    ParameterError
        A parameter is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets import PeakMapper, datasets
    >>> PeakMapper(datasets.load_spectral_map().spectra, params={"n_peaks": 2})  # doctest: +SKIP
    """

    window: Any = traitlets.Tuple(default_value=None, allow_none=True)
    pixel_result = traitlets.Any(None, allow_none=True)

    unit, run_label, run_tooltip = "spectra", "Fit map", "Fit every spectrum; the page stays usable"

    def __init__(
        self,
        da: xr.DataArray,
        *,
        dim: str | None = None,
        params: Mapping[str, Any] | None = None,
        threaded: bool = True,
    ) -> None:
        self.dim = checked_dim(da, dim, "PeakMapper")
        self.call, self.at = FitCall(da, self.dim), Pointing(da, self.dim)
        self._pixel_first = False
        super().__init__(da, params=params, threaded=threaded)
        self._painter = IntensityPainter(
            da, self.dim, self.at.map_dims, self._intensity_painted, self.show_error, self.lock, threaded
        )
        start = self._painter.rough(None, self.at.plane(None))
        self.selection = self.at.brightest(start)
        self._build(start.isel(dict.fromkeys(self.at.extra_dims, 0)))
        self.observe(self.guard(lambda _: self._selection_shown()), "selection")
        self.observe(self.guard(lambda _: self._window_shown()), "window")
        self.observe(self.guard(lambda _: self._params_shown()), "params")
        self._selection_shown()
        self._painter.start(None, self.at.plane(self.selection))

    # ---- the parts of the page ---------------------------------------------------------------------------

    def _build(self, start: xr.DataArray) -> None:
        common: dict[str, Any] = {"lock": self.lock, "on_error": self.show_error}
        spectrum = self.at.spectrum(self.selection)
        self.spectrum = SpectrumPanel(spectrum, dim=self.dim, on_window=self._window_dragged, **common)
        self.map: MapPanel | None = None
        left: list[ipw.Widget] = []
        self.map_choice = MapChoice(self.guard(self._draw_map))
        self.pixel = PixelFields(
            {d: self.data[d] if d in self.data.coords else None for d in self.at.dims}, self.at.labels,
            self.at.map_dims,
            self.guard(self._point), self.show_error,
        )  # fmt: skip
        if self.at.dims:
            self.map = MapPanel(start, on_point=self.guard(self._point), on_region=self.guard(self._point), **common)
            self.map.grid([self.at.labels[d] for d in self.at.map_dims])
        units = str(self.data[self.dim].attrs.get("units", ""))
        self.window_fields = WindowFields(
            units, on_window=self.guard(lambda w: setattr(self, "window", w)), on_use=self.guard(self._fit_here_only),
            on_error=self.show_error,
        )  # fmt: skip
        self.window_fields.show(None)
        if self.map is not None:
            self.pixel.children = (*self.pixel.children, self.window_fields)
            left = [self.map_choice, self.map.view, self.pixel]
        self.table = ipw.HTML("")
        self.fit_pixel_button = ipw.Button(
            description="Fit pixel", tooltip="Fit the pointed spectrum alone, to try the parameters"
        )
        self.fit_pixel_button.on_click(self.guard(lambda _: self.fit_pixel()))
        if self.at.dims:
            self.run_bar.children = (self.fit_pixel_button, *self.run_bar.children)
        else:
            self.run_bar.unit, self.run_bar.run_button.description = "spectrum", "Fit"
        self.controls = PeakControls(
            self.params, units=units, on_change=self.guard(lambda c: self.set_params(**c)), on_error=self.show_error
        )
        views = [("map", self.map.view)] if self.map is not None else []
        self.export = ExportBar(
            f"{self.data.name or 'spectra'}_peaks", result=lambda: self.result,
            views=[*views, ("spectrum", self.spectrum.view)], code=lambda: self.code, tell=self.show_message,
        )  # fmt: skip
        traitlets.dlink((self, "code"), (self.export.box, "code"))
        fold = ipw.Accordion([self.export], titles=("Export and code",), selected_index=None)
        self.header = ipw.HTML()
        self.observe(lambda _: self._show_header(), ["state", "result"])
        self._show_header()
        main = ipw.HBox([ipw.VBox(left), ipw.VBox([self.spectrum.view, self.table])])
        main.add_class("mi-main")
        main.children[0].add_class("mi-left")
        main.children[1].add_class("mi-right")
        if not left:
            main.children = main.children[1:]
        # what starts a fit stands above the pictures, so that it is in sight on the first screen
        self.children = [self.header, self.controls, self.run_bar, self.message, main, fold]

    def _show_header(self) -> None:
        self.header.value = header_text(self.data, self.dim, self.state)

    # ---- the fit -------------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return dict(DEFAULTS)

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        return check_params(params)

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        from mi_widgets.peaks import iter_fit_peaks

        return iter_fit_peaks(self.call.part(self.data, params["window"]), **self.call.options(params))

    def _make_code(self) -> str:
        return self.call.code(self.params)

    def fit_pixel(self) -> None:
        """Fit the pointed spectrum alone with the present parameters, into `pixel_result`.

        Raises
        ------
        ParameterError
            A region is pointed at.
        """
        from mi_widgets.peaks import fit_peaks

        if is_region(self.selection):
            raise ParameterError("Fit pixel needs one pixel; a region is selected. Click on the map first.")
        spectrum = self.call.part(self.at.spectrum(self.selection), self.params["window"])
        self.clear_message()
        self._pixel_first = True
        with warned() as texts:
            self.pixel_result = fit_peaks(spectrum, **self.call.options(self.params))
        self.show_warnings(texts)
        self._draw_spectrum()

    def run(self, wait: bool = False) -> None:
        """Fit every spectrum; see `Explorer.run`."""
        with self.lock:
            if not self.worker.running:
                self._pixel_first = False
        super().run(wait)

    def _draw_result(self) -> None:
        self.map_choice.offer(self.result, self.at.dims)
        if self.result is not None and self.map_choice.variable.value == INTENSITY and self.map is not None:
            self.map_choice.choose("center")
        self._draw_map()
        self._draw_spectrum()

    # ---- pointing ------------------------------------------------------------------------------------------

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        wanted = snap(proposal["value"], self.data, self.at.dims)
        return {d: wanted.get(d, self.selection.get(d, self.at.labels[d][0].item())) for d in self.at.dims}

    def _point(self, labels: Mapping[str, Any]) -> None:
        self.selection = dict(self.selection) | dict(labels)

    def _fit_here(self) -> xr.Dataset | None:
        if is_region(self.selection):
            return None
        if self.pixel_result is not None and self._pixel_first:
            return self.pixel_result
        fit = self.result.isel(self.at.where(self.selection)) if self.result is not None else None
        if fit is not None and fit["status"].item() != _NOT_RUN:
            return fit
        return self.pixel_result

    # ---- drawing -------------------------------------------------------------------------------------------

    def _selection_shown(self) -> None:
        self.pixel_result = None
        self._draw_spectrum()
        self.pixel.show(self.selection)
        extra = self.at.plane(self.selection)
        if extra and extra != self._painter.extra:
            self._painter.extra = extra
            self._draw_map()

    def _draw_spectrum(self) -> None:
        from mi_widgets.peaks import evaluate

        spectrum, fit = self.at.spectrum(self.selection), self._fit_here()
        self.fit_pixel_button.disabled = is_region(self.selection)
        drawn = None
        if fit is not None and np.isfinite(fit["center"].values).all():
            low, high = (float(v) for v in fit.attrs["axis_range"])
            drawn = evaluate(fit, self.call.part(spectrum, (low, high)))
        self.spectrum.show(spectrum, drawn, self.at.title(self.selection))
        self.lock.flush()  # the spectrum first: it is what the user waits for
        if self.map is not None:
            self.map.mark(self.selection)
            self.lock.flush()
        alone = fit is not None and fit is self.pixel_result
        self.table.value = (
            fit_table(fit, alone=alone) if fit is not None else no_fit(self.result, self.selection, self.state)
        )

    def _draw_map(self) -> None:
        if self.map is None:
            return
        self.map_choice._enable(self.result)
        if self.result is None or self.map_choice.variable.value == INTENSITY:
            self._painter.start(self.window, self.at.plane(self.selection))
            return
        da, title, flags = self.map_choice.pick(self.result)
        da = da.isel(self.at.plane(self.selection)).transpose(*self.at.map_dims)
        self.map.show(da, title=title, percentile=self.map_choice.percentile.value, flags=flags)

    def _intensity_painted(self, da: xr.DataArray, window: Any) -> None:
        """A map of intensity is ready."""
        if self.map is None or self.map_choice.variable.value != INTENSITY:
            return
        units = str(self.data[self.dim].attrs.get("units", ""))
        where = f"{window[0]:.5g} to {window[1]:.5g} {nice_unit(units)}" if window else "whole axis"
        title = f"{text_of(da)} · {where}"
        self.map.show(da, title=title, percentile=self.map_choice.percentile.value)

    def _window_dragged(self, low: float, high: float, final: bool) -> None:
        axis = self.data[self.dim].values
        low, high = max(low, float(axis.min())), min(high, float(axis.max()))
        if not np.any((axis >= low) & (axis <= high)):
            return
        if final:
            self.window = (low, high)
        self.spectrum.mark((low, high))
        self.map_choice.choose(INTENSITY)
        self._painter.start((low, high), self.at.plane(self.selection), rough=not final)

    @traitlets.validate("window")
    def _window_valid(self, proposal: Any) -> Any:
        return self.call.window(proposal["value"])

    def _fit_here_only(self) -> None:
        """Take the window as fit range."""
        self.set_params(window=list(self.window) if self.window else None)

    def _window_shown(self) -> None:
        self.spectrum.mark(self.window)
        self.window_fields.show(self.window)
        self.map_choice.choose(INTENSITY)
        self._draw_map()

    def _params_shown(self) -> None:
        self.controls.set(self.params)
        if self.result is not None and self.state != "running":
            self.show_message("Parameters changed: Fit map renews the result, Fit pixel tries them here.")

    def close(self) -> None:
        """Stop what runs and remove the widget from every page."""
        painter = getattr(self, "_painter", None)
        if painter is not None:
            painter.cancel()
        super().close()
