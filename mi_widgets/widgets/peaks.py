"""PeakMapper: a spectral image, its fit, and every pixel's spectrum, in one place."""

import html
from collections.abc import Iterator, Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np
import traitlets
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.labels import axis_label, find_spectral_dim, require_axis, require_numeric
from mi_widgets.runs import Part
from mi_widgets.widgets._explorer import Explorer, snap
from mi_widgets.widgets._export import ExportBar
from mi_widgets.widgets._intensity import IntensityPainter
from mi_widgets.widgets._map import MapPanel
from mi_widgets.widgets._peak_controls import DEFAULTS, PeakControls, check_params
from mi_widgets.widgets._peak_map import INTENSITY, MapChoice
from mi_widgets.widgets._pixel import PixelFields
from mi_widgets.widgets._spectrum import SpectrumPanel
from mi_widgets.widgets._table import fit_table

__all__ = ["PeakMapper"]

_EMPTY = "No fit yet. Choose the number of peaks, then <b>Fit pixel</b> to try it here or <b>Fit map</b> for all pixels."


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
        self.dim = _checked(da, dim)
        self.dims = tuple(str(d) for d in da.dims if d != self.dim)
        self.map_dims = self.dims[-2:]
        self._labels = {d: np.asarray(da[d].values) if d in da.coords else np.arange(da.sizes[d]) for d in self.dims}
        super().__init__(da, params=params, threaded=threaded)
        self._painter = IntensityPainter(
            da, self.dim, self.map_dims, self._intensity_painted, self.show_error, self.lock, threaded
        )
        start = self._painter.rough(None, self._extra(None))
        self.selection = self._brightest(start)
        self._build(start)
        self.observe(self.guard(lambda _: self._selection_shown()), "selection")
        self.observe(self.guard(lambda _: self._window_shown(True)), "window")
        self.observe(self.guard(lambda _: self._params_shown()), "params")
        self._selection_shown()
        self._painter.start(None, self._extra(self.selection))

    # ---- the parts of the page ---------------------------------------------------------------------------

    def _build(self, start: xr.DataArray) -> None:
        common = {"lock": self.lock, "on_error": self.show_error}
        spectrum = self._spectrum()
        self.spectrum = SpectrumPanel(spectrum, dim=self.dim, on_window=self._window_dragged, **common)
        self.map: MapPanel | None = None
        left: list[ipw.Widget] = []
        self.map_choice = MapChoice(self.guard(self._draw_map))
        self.pixel = PixelFields(
            {d: self.data[d] if d in self.data.coords else None for d in self.dims}, self._labels, self.map_dims,
            self.guard(self._point), self.show_error,
        )  # fmt: skip
        if self.dims:
            self.map = MapPanel(start, on_point=self.guard(self._point), on_region=self.guard(self._point), **common)
            self.map.grid([self._labels[d] for d in self.map_dims])
            left = [self.map_choice, self.map.view, self.pixel]
        self.table = ipw.HTML("")
        self.fit_pixel_button = ipw.Button(
            description="Fit pixel", tooltip="Fit the pointed spectrum alone, to try the parameters"
        )
        self.fit_pixel_button.on_click(self.guard(lambda _: self.fit_pixel()))
        self.run_bar.children = (self.fit_pixel_button, *self.run_bar.children)
        units = str(self.data[self.dim].attrs.get("units", ""))
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
        self.children = [self.header, main, self.controls, self.run_bar, self.message, fold]

    def _show_header(self) -> None:
        da = self.data
        sizes = " × ".join(f"{da.sizes[d]}" for d in self.dims)
        name = str(da.attrs.get("title") or da.attrs.get("long_name") or da.name or "spectra")
        text = f"{sizes} spectra × " if sizes else "one spectrum, "
        chip = {"idle": "not fitted"}.get(self.state, self.state)
        self.header.value = (
            f'<span class="mi-title">{html.escape(name)}</span><span class="mi-sizes">{text}'
            f"{da.sizes[self.dim]:,} channels</span>"
            f'<span class="mi-chip mi-chip-{self.state}" role="status">{chip}</span>'
        )

    # ---- the fit -------------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return dict(DEFAULTS)

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        return check_params(params)

    def _options(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {"dim": self.dim} | {k: v for k, v in params.items() if k != "window" and v is not None}

    def _range(self, window: Any) -> dict[str, slice]:
        axis = self.data[self.dim].values
        return {self.dim: slice(*(window if axis[0] <= axis[-1] else window[::-1]))} if window else {}

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        from mi_widgets.peaks import iter_fit_peaks

        return iter_fit_peaks(self._in_range(self.data, params), **self._options(params))

    def _in_range(self, da: xr.DataArray, params: Mapping[str, Any]) -> xr.DataArray:
        return da.sel(self._range(params["window"])) if params["window"] else da

    def _make_code(self) -> str:
        options = "".join(f"\n    {name}={value!r}," for name, value in self._options(self.params).items())
        where = f".sel({self._range(self.params['window'])!r})" if self.params["window"] else ""
        return f"from mi_widgets import peaks\n\nresult = peaks.fit_peaks(\n    da{where},{options}\n)"

    def fit_pixel(self) -> None:
        """Fit the pointed spectrum alone with the present parameters, into `pixel_result`.

        Raises
        ------
        ParameterError
            A region is pointed at.
        """
        from mi_widgets.peaks import fit_peaks

        if self._is_region():
            raise ParameterError("Fit pixel needs one pixel; a region is selected. Click on the map first.")
        spectrum = self._in_range(self._spectrum(), self.params)
        self.clear_message()
        self.pixel_result = fit_peaks(spectrum, **self._options(self.params))
        self._draw_spectrum()

    def run(self, wait: bool = False) -> None:
        """Fit every spectrum; see `Explorer.run`."""
        with self.lock:
            if not self.worker.running:
                self.pixel_result = None
        super().run(wait)

    def _result_changed(self) -> None:
        self.map_choice.offer(self.result, self.map_dims)
        if self.result is not None and self.map_choice.variable.value == INTENSITY and self.map is not None:
            self.map_choice.choose("center")
        self._draw_map()
        self._draw_spectrum()

    # ---- pointing ------------------------------------------------------------------------------------------

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        wanted = snap(proposal["value"], self.data, self.dims)
        return {d: wanted.get(d, self.selection.get(d, self._labels[d][0].item())) for d in self.dims}

    def _point(self, labels: Mapping[str, Any]) -> None:
        self.selection = dict(self.selection) | dict(labels)

    def _is_region(self) -> bool:
        return any(isinstance(v, list) for v in self.selection.values())

    def _where(self, dims: tuple[str, ...] | None = None) -> dict[str, Any]:
        """Positions of the selected labels."""
        out: dict[str, Any] = {}
        for dim in self.dims if dims is None else dims:
            found = np.flatnonzero(np.isin(self._labels[dim], np.atleast_1d(self.selection[dim])))
            out[dim] = found if isinstance(self.selection[dim], list) else int(found[0])
        return out

    def _extra(self, selection: Any) -> dict[str, int]:
        """Positions along the dimensions that the map does not show."""
        extra = self.dims[: len(self.dims) - len(self.map_dims)]
        return self._where(extra) if selection else dict.fromkeys(extra, 0)

    def _brightest(self, rough: xr.DataArray) -> dict[str, Any]:
        if not self.dims:
            return {}
        if not np.isfinite(rough.values).any():
            return {d: self._labels[d][self._labels[d].size // 2].item() for d in self.dims}
        at = np.unravel_index(int(np.nanargmax(rough.values)), rough.shape)
        return {d: rough[d].values[i].item() for d, i in zip(rough.dims, at, strict=True)}

    def _spectrum(self) -> xr.DataArray:
        part = self.data.isel(self._where())
        mean = [d for d in self.dims if d in part.dims]
        part = part.mean(mean, keep_attrs=True) if mean else part
        return part.compute() if part.chunks is not None else part

    def _fit_here(self) -> xr.Dataset | None:
        if self._is_region():
            return None
        if self.pixel_result is not None:
            return self.pixel_result
        if self.result is None:
            return None
        return self.result.isel(self._where())

    # ---- drawing -------------------------------------------------------------------------------------------

    def _selection_shown(self) -> None:
        self.pixel_result = None
        self._draw_spectrum()
        self.pixel.show(self.selection)
        extra = self._extra(self.selection)
        if extra and extra != self._painter.extra:
            self._painter.extra = extra
            self._draw_map()

    def _draw_spectrum(self) -> None:
        from mi_widgets.peaks import evaluate

        spectrum, fit = self._spectrum(), self._fit_here()
        self.fit_pixel_button.disabled = self._is_region()
        drawn = None
        if fit is not None and np.isfinite(fit["center"].values).all():
            low, high = (float(v) for v in fit.attrs["axis_range"])
            drawn = evaluate(fit, spectrum.sel(self._range((low, high))))
        self.spectrum.show(spectrum, drawn, self._pixel_title())
        self.lock.flush()  # the spectrum first: it is what the user waits for
        if self.map is not None:
            self.map.mark(self.selection)
            self.lock.flush()
        if fit is None:
            text = f'<div class="mi-hint">{_EMPTY}</div>' if self.result is None else '<div class="mi-hint">mean of the region</div>'
            self.table.value = text
        else:
            note = '<div class="mi-table-note">this pixel alone, not yet the map</div>' if self.pixel_result is not None else ""
            self.table.value = fit_table(fit) + note

    def _pixel_title(self) -> str:
        words = []
        for dim, value in self.selection.items():
            units = str(self.data[dim].attrs.get("units", "1")) if dim in self.data.coords else "1"
            tail = f" {units}" if units not in ("", "1") else ""
            if isinstance(value, list):
                words.append(f"{dim} {_short(value[0])} to {_short(value[-1])}{tail}")
            else:
                words.append(f"{dim} = {_short(value)}{tail}")
        if self._is_region():
            n = int(np.prod([len(v) if isinstance(v, list) else 1 for v in self.selection.values()]))
            return f"mean of {n:,} spectra · " + ", ".join(words)
        return "spectrum at " + ", ".join(words) if words else "spectrum"

    def _draw_map(self) -> None:
        if self.map is None:
            return
        self.map_choice._enable(self.result)
        if self.result is None or self.map_choice.variable.value == INTENSITY:
            self._painter.start(self.window, self._extra(self.selection))
            return
        da, title, flags = self.map_choice.pick(self.result)
        da = da.isel(self._extra(self.selection)).transpose(*self.map_dims)
        self.map.show(da, title=title, percentile=self.map_choice.percentile.value, flags=flags)

    def _intensity_painted(self, da: xr.DataArray, window: Any) -> None:
        """A map of intensity is ready."""
        if self.map is None or self.map_choice.variable.value != INTENSITY:
            return
        units = str(self.data[self.dim].attrs.get("units", ""))
        where = f"{_short(window[0])} to {_short(window[1])} {units}" if window else "the whole axis"
        title = f"{axis_label(da)} · {where}"
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
        self._painter.start((low, high), self._extra(self.selection), rough=not final)

    @traitlets.validate("window")
    def _window_valid(self, proposal: Any) -> Any:
        value = proposal["value"]
        if value is None:
            return None
        low, high = sorted(float(v) for v in value)
        axis = self.data[self.dim].values
        if not np.any((axis >= low) & (axis <= high)):
            raise ParameterError(
                f"the window {low:g} to {high:g} holds no channel; the axis runs from {axis.min():g} to {axis.max():g}."
            )
        return low, high

    def _window_shown(self, draw: bool) -> None:
        self.spectrum.mark(self.window)
        self.map_choice.choose(INTENSITY)
        self._draw_map()

    def _params_shown(self) -> None:
        self.controls.set(self.params)
        if self.result is not None and self.state != "running":
            self.show_message("Parameters changed: Fit map renews the result, Fit pixel tries them here.")

    def close(self) -> None:
        """Stop what runs and remove the widget from every page."""
        self._painter.cancel()
        super().close()


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _checked(da: Any, dim: str | None) -> str:
    if isinstance(da, xr.Dataset):
        raise DataError(
            f"PeakMapper takes one array; got a Dataset with {', '.join(map(str, da.data_vars)) or 'nothing'}. "
            "Write PeakMapper(ds.spectra)."
        )
    if not isinstance(da, xr.DataArray):
        raise DataError(
            f"PeakMapper takes an xarray.DataArray; got {type(da).__name__}. "
            "Write labels.label_spectra(values, axis) to label NumPy arrays."
        )
    require_numeric(da, who="PeakMapper")
    if da.size == 0:
        raise DataError(f"PeakMapper: the array is empty, its sizes are {dict(da.sizes)}.")
    dim = str(dim or find_spectral_dim(da))
    require_axis(da, dim, who="PeakMapper")
    for d in da.dims:
        if d != dim and d in da.coords and da[d].size != np.unique(da[d].values).size:
            raise LabelError(f"PeakMapper: labels of {d!r} are not unique. Write da.drop_duplicates({str(d)!r}).")
    return dim
