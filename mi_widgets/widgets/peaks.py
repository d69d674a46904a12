"""PeakMapper: a spectral image, its fit, and every pixel's spectrum, in one place."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from mi_widgets.runs import Part
from mi_widgets.widgets._peak_base import PeakBase
from mi_widgets.widgets._peak_params import DEFAULTS, check_params, may_be_counts
from mi_widgets.widgets._pointing import is_region
from mi_widgets.widgets._region import fit_region
from mi_widgets.widgets._slice_player import nearest_label
from mi_widgets.widgets._snap import snap
from mi_widgets.widgets._warned import warned

__all__ = ["PeakMapper"]


class PeakMapper(PeakBase):
    """Map the peaks of a spectral image: point at a pixel, see its spectrum, fit all of them.

    Click on the map, or move with the arrow keys, to see a pixel's spectrum; drag a rectangle on the map for the
    mean of a region; drag over the spectrum for the intensity in a window, and move or resize that window. The key
    ``p`` pins the present spectrum beside the next ones.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra, dims ``(..., y, x, dim)`` under any names; a line of spectra or a single one will do.
    dim : str, optional
        The spectral dimension; by default `mi_widgets.labels.find_spectral_dim`.
    params : mapping, optional
        Parameters that differ from the defaults: ``n_peaks``, ``lineshape``, ``background``, ``likelihood``,
        ``noise``, ``robust``, ``bounds``, ``ties``, ``start`` as in `mi_widgets.peaks.fit_peaks`; ``window``, the two
        ends of the range that is fitted; ``mask``, a list of windows that are left out. The likelihood is at first
        ``poisson`` where the unit may be one of counts, ``gaussian`` where it is not, such as nS or percent.
    threaded : bool, default True
        Fit in a thread beside the page; False fits in the caller, for tests.

    Attributes
    ----------
    result : xarray.Dataset or None
        What `mi_widgets.peaks.fit_peaks` gives for the map; while it runs, what is finished of it.
    pixel_result : xarray.Dataset or None
        Fit of the pointed spectrum alone, from *Fit pixel*. For a region it is the fit of the sum of its spectra with
        the values of one of them, and has the attribute ``n_spectra_summed``.
    n_peaks_result : xarray.Dataset or None
        What `mi_widgets.peaks.select_n_peaks` gives, from *Count peaks*; `n_peaks_code` are the lines that give it.
    window : tuple of float or None
        Ends of the window whose intensity the map shows, in the unit of the axis; None is the whole axis.
    color_limits : tuple of float or None
        Values at which the colours of the shown map end; None follows the percentiles. Every map keeps its own.
    selection, pinned : dict
        Labels of the pointed pixel, ``{"y": 1.2, "x": 0.4}``, or lists of labels for a region; of the pinned one,
        empty for none.
    preview, auto_run : bool
        Fit the pointed spectrum, or the whole map, again at once when a control changes.
    slice_at : float or None
        Energy at which the map shows the data themselves; None is the intensity of the window.
    show_starts : bool
        Show the starting positions as lines that can be dragged.

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

    def _default_params(self) -> dict[str, Any]:
        return DEFAULTS | {"likelihood": "poisson" if may_be_counts(self.data) else "gaussian"}

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        params = check_params(params)
        self.call.window(params["window"], "fit range")
        self.call.check_start(params["start"])
        return params

    # ---- the fit -------------------------------------------------------------------------------------------

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        from mi_widgets.peaks import iter_fit_peaks

        spectra, arguments = self.call.arguments(self.data, params)
        return iter_fit_peaks(spectra, **arguments)

    def _make_code(self) -> str:
        return self.call.code(self.params)

    def run(self, wait: bool = False) -> None:
        """Fit every spectrum; see `Explorer.run`."""
        with self.lock:
            if not self.worker.running:
                self._pixel_first = self._live = False
        super().run(wait)

    def fit_pixel(self) -> None:
        """Fit the pointed spectrum alone with the present parameters, into `pixel_result`.

        For a region the sum of its spectra is fitted, because a sum of counts is a count and a mean is not.
        """
        from mi_widgets.peaks import fit_peaks

        spectrum, arguments = self.call.arguments(self.at.spectrum(self.selection), self.params)
        if arguments["noise"] == "auto":  # one spectrum alone can hardly show it
            arguments["noise"] = self.call.noise(self.data)
        self.clear_message()
        self._pixel_first = True
        with warned() as texts:
            if is_region(self.selection):
                self.pixel_result = fit_region(spectrum, self.at.number(self.selection), arguments)
            else:
                self.pixel_result = fit_peaks(spectrum, **arguments)
        self.show_warnings(texts)
        self._draw_spectrum()

    def count_peaks(self, wait: bool = False) -> None:
        """Find how many peaks every spectrum wants, into `n_peaks_result`; while a run goes on, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        with self.lock:
            if not self.worker.running:
                self._next_count_code = self.call.count_code(self.params)
        self._launch(lambda params: self.call.count(self.data, params), self._take_count, wait)

    def undo(self) -> None:
        """Go back to the parameters and results of the fit before; while a run goes on, do nothing."""
        self._restore(None if self.worker.running else self.history.back(self._snapshot()))

    def redo(self) -> None:
        """Go forth again to what was undone; while a run goes on, do nothing."""
        self._restore(None if self.worker.running else self.history.forth(self._snapshot()))

    # ---- traits --------------------------------------------------------------------------------------------

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        wanted = snap(proposal["value"], self.data, self.at.dims)
        return {d: wanted.get(d, self.selection.get(d, self.at.labels[d][0].item())) for d in self.at.dims}

    @traitlets.validate("pinned")
    def _pinned_valid(self, proposal: Any) -> dict[str, Any]:
        if not proposal["value"]:
            return {}
        return self.selection | snap(proposal["value"], self.data, self.at.dims)

    @traitlets.validate("window")
    def _window_valid(self, proposal: Any) -> Any:
        return self.call.window(proposal["value"])

    @traitlets.validate("slice_at")
    def _slice_valid(self, proposal: Any) -> float | None:
        return nearest_label(self.data[self.dim], proposal["value"]) if self.at.dims else None

    def pin(self) -> None:
        """Keep the present spectrum in the picture beside the next ones."""
        self.pinned = dict(self.selection)

    def unpin(self) -> None:
        """Let the pinned spectrum go."""
        self.pinned = {}

    # ---- positions from which the peaks start ----------------------------------------------------------------

    def _start_positions(self) -> list[float]:
        """Positions that are given, else those of the present fit, else evenly spaced ones."""
        n, given = self.params["n_peaks"], (self.params["start"] or {}).get("center")
        if given is not None:
            return list(given) if isinstance(given, list) else [given] * n
        fit = self._fit_here()
        if fit is not None and fit.sizes["peak"] == n and np.isfinite(fit["center"].values).all():
            return [float(c) for c in fit["center"].values]
        axis = self.data[self.dim].values
        low, high = self.params["window"] or (float(axis.min()), float(axis.max()))
        return [float(low + (high - low) * (k + 1) / (n + 1)) for k in range(n)]

    def _fit_here(self) -> xr.Dataset | None:
        """The fit of what is pointed at: of this spectrum alone, or of the map, whichever is newer."""
        from mi_widgets.widgets._peak_draw import fit_at

        if self.pixel_result is not None and self._pixel_first:
            return self.pixel_result
        fit = fit_at(self, self.selection)
        return self.pixel_result if fit is None else fit
