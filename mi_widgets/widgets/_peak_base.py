"""What stands between PeakMapper's computations and its page: traits, callbacks of the page, drawing, history."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from mi_widgets.runs import Part
from mi_widgets.widgets._checked import checked_dim
from mi_widgets.widgets._explorer import ByIdentity, Explorer
from mi_widgets.widgets._fields import Quiet
from mi_widgets.widgets._history import History, Snapshot
from mi_widgets.widgets._intensity import IntensityPainter
from mi_widgets.widgets._peak_call import FitCall
from mi_widgets.widgets._peak_draw import draw_intensity, draw_map, draw_spectrum
from mi_widgets.widgets._peak_map import INTENSITY
from mi_widgets.widgets._peak_page import build_page
from mi_widgets.widgets._pointing import Pointing
from mi_widgets.widgets._slice_player import draw_slice

__all__ = ["PeakBase"]


class PeakBase(Explorer):
    """The page of `PeakMapper`; the computations are in the subclass."""

    window: Any = traitlets.Tuple(default_value=None, allow_none=True)
    color_limits: Any = traitlets.Tuple(default_value=None, allow_none=True)
    pinned: Any = traitlets.Dict()
    pixel_result = ByIdentity(None, allow_none=True)
    n_peaks_result = ByIdentity(None, allow_none=True)
    n_peaks_code = traitlets.Unicode("")
    all_code = traitlets.Unicode("")
    preview = traitlets.Bool(True)
    auto_run = traitlets.Bool(False)
    show_starts = traitlets.Bool(False)
    slice_at: Any = traitlets.Float(None, allow_none=True)

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
        self._pixel_first = self._live = False  # the newest fit is of this spectrum alone; it follows the pointer
        self._pinned_fit: xr.Dataset | None = None
        self._pinned_drawn: Any = None
        self._next_count_code, self._quiet = "", Quiet()
        super().__init__(da, params=params, threaded=threaded)
        self._painter = IntensityPainter(
            da, self.dim, self.at.map_dims, self._intensity_painted, self.show_error, self.lock, threaded
        )
        start = self._painter.rough(None, self.at.plane(None))
        self.selection = self.at.brightest(start)
        self.history = History(self._snapshot())
        build_page(self, start.isel(dict.fromkeys(self.at.extra_dims, 0)))
        for names, shown in (
            ("selection", self._selection_shown), ("window", self._window_shown), ("params", self._params_shown),
            ("pinned", self._pinned_shown), ("color_limits", self._color_limits_set),
            ("show_starts", self._starts_shown), ("slice_at", self._slice_shown),
            (["state", "params"], self._history_shown), (["code", "n_peaks_code"], self._code_shown),
        ):  # fmt: skip
            self.observe(self.guard(lambda _, shown=shown: shown()), names)
        self._code_shown()
        self._params_drawn()
        self._selection_shown()
        self._painter.start(None, self.at.plane(self.selection))

    # ---- drawing -------------------------------------------------------------------------------------------

    def _draw_spectrum(self) -> None:
        draw_spectrum(self)

    def _draw_map(self) -> None:
        draw_map(self)
        self._limits_drawn()

    def _intensity_painted(self, da: xr.DataArray, window: Any) -> None:
        other = self.slice_at is not None and window != (self.slice_at, self.slice_at)
        if self.map_choice.variable.value == INTENSITY and not other:
            draw_intensity(self, da, window)
            self._limits_drawn()

    def _draw_result(self) -> None:
        self.map_choice.offer(self.result, self.at.dims, self.n_peaks_result)
        if self.map is not None and self.map_choice.variable.value == INTENSITY and self.result is not None:
            self.map_choice.choose("center")
        self._draw_map()
        self._draw_spectrum()

    @property
    def is_stale(self) -> bool:
        """There is a result, and the present parameters would give another one."""
        return self.result is not None and self.state != "running" and self.code != self._make_code()

    # ---- runs and what was before ----------------------------------------------------------------------------

    def _run_ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        super()._run_ended(state, part, error)
        said = bool(self.message.value)  # what the fit warned of says more
        if state == "done" and not said and self._taking == self._take and _nothing_fitted(self.result):
            why = "all values are missing or zero, or fewer than the parameters of the fit"
            self.show_message(f"No spectrum has data: {why}.", "warning")
        if not self.history.unchanged(self._snapshot()):
            self.history.keep(self._snapshot())
        self._history_shown()

    def _take_count(self, part: Part) -> None:
        if part.result is not None:
            self.n_peaks_code, self.n_peaks_result = self._next_count_code, part.result
            self.map_choice.offer(self.result, self.at.dims, self.n_peaks_result)
            self.map_choice.choose("n_peaks")

    def _snapshot(self) -> Snapshot:
        codes, text = (self.code, self.n_peaks_code), self.run_bar.text.value
        return Snapshot(dict(self.params), self.result, self.n_peaks_result, *codes, self.state, text)

    def _restore(self, wanted: Snapshot | None) -> None:
        if wanted is None:
            return
        with self._quiet:
            self.params = wanted.params
            self.result, self.code, self.state = wanted.result, wanted.code, wanted.state
            self.n_peaks_result, self.n_peaks_code = wanted.counted, wanted.counted_code
            self.run_bar.restore(wanted.text)
            self.pixel_result, self._live = None, False
        self.clear_message()
        self._draw_result()
        self._history_shown()

    def _history_shown(self) -> None:
        self.history_buttons.show(self.history, self._snapshot(), running=self.worker.running)

    def _code_shown(self) -> None:
        self.all_code = "\n\n\n".join(c for c in (self.code, self.n_peaks_code) if c)

    # ---- parameters ----------------------------------------------------------------------------------------

    def _controls_changed(self, changes: dict[str, Any]) -> None:
        """The user changed something: the pointed spectrum, and perhaps the map, follows at once."""
        before = self.params
        self.set_params(**changes)
        self.clear_error()
        if self.params == before:
            return
        self._live = self.preview
        if self._live:
            self.fit_pixel()
        if self.auto_run and self.at.dims:
            self.cancel()
            self.run()

    def _params_shown(self) -> None:
        self._params_drawn()
        if self.result is not None and self.state != "running" and not self._quiet:
            self.show_message("Parameters changed: Fit map renews the result, Fit pixel tries them here.")

    def _params_drawn(self) -> None:
        self.controls.set(self.params)
        self.window_fields.show_mask(self.params["mask"])
        self.spectrum.leave_out(self.params["mask"] or [])
        self._starts_shown()

    def _starts_shown(self) -> None:
        self.spectrum.show_starts(self._start_positions() if self.show_starts else [])

    def _starts_dragged(self, positions: list[float]) -> None:
        axis = self.data[self.dim].values
        digits = max(0, 2 - int(np.floor(np.log10(abs(axis[-1] - axis[0]) / max(axis.size - 1, 1) or 1.0))))
        center = [round(float(np.clip(x, axis.min(), axis.max())), digits) for x in positions]
        self._controls_changed({"start": (self.params["start"] or {}) | {"center": center}})

    # ---- windows on the axis -------------------------------------------------------------------------------

    def _window_dragged(self, low: float, high: float, final: bool) -> None:
        axis = self.data[self.dim].values
        low, high = max(low, float(axis.min())), min(high, float(axis.max()))
        if not np.any((axis >= low) & (axis <= high)):
            return
        self._leave_slice()
        if final:
            self.window = (low, high)
        self.spectrum.mark((low, high))
        self.map_choice.choose(INTENSITY)
        self._painter.start((low, high), self.at.plane(self.selection), rough=not final)

    def _slice_shown(self) -> None:
        if self._quiet or self.slice_at is None:
            draw_slice(self)  # nothing but the marks
        if not self._quiet:
            self.map_choice.choose(INTENSITY)
            self._draw_map()

    def _leave_slice(self) -> None:
        """Something else than one energy is to be seen."""
        with self._quiet:
            self.slice_at = None

    def _window_shown(self) -> None:
        self._leave_slice()
        self.spectrum.mark(self.window)
        self.window_fields.show(self.window)
        self.map_choice.choose(INTENSITY)
        self._draw_map()

    def _window_typed(self, window: tuple[float, float] | None) -> None:
        self.window = window
        self.clear_error()

    def _fit_window(self) -> None:
        """Take the window as fit range."""
        self._controls_changed({"window": list(self.window) if self.window else None})

    def _leave_out(self, more: bool) -> None:
        """Leave the window out of the fit as well, or nothing any more."""
        mask = [*(self.params["mask"] or []), list(self.window)] if more and self.window else None
        self._controls_changed({"mask": mask})

    # ---- pointing ------------------------------------------------------------------------------------------

    def _point(self, labels: Mapping[str, Any]) -> None:
        try:
            self.selection = dict(self.selection) | dict(labels)
        finally:
            self.pixel.show(self.selection)  # also where what was typed is no pixel

    def _point_typed(self, labels: Mapping[str, Any]) -> None:
        self._point(labels)
        self.clear_error()

    def _selection_shown(self) -> None:
        self.pixel_result = None
        if self._live and self.preview:
            self.fit_pixel()
        else:
            self._draw_spectrum()
        self.pixel.show(self.selection)
        extra = self.at.plane(self.selection)
        if extra and extra != self._painter.extra:
            self._painter.extra = extra
            self._draw_map()

    def _key(self, key: str, shift: bool) -> None:
        if key == "p":
            self.pinned = {} if self.pinned and not shift else dict(self.selection)

    def _pin_clicked(self, change: Any) -> None:
        if not self._quiet:
            self.pinned = dict(self.selection) if change["new"] else {}

    def _pinned_shown(self) -> None:
        here = self.pinned == self.selection
        self._pinned_fit, self._pinned_drawn = (self._fit_here() if here else None), None
        with self._quiet:
            self.pin_button.value = bool(self.pinned)
            self.pin_button.description = "Unpin" if self.pinned else "Pin"
        if not self.pinned:
            self.pinned_table.value = ""
        if self.map is not None:
            self.map.pin(self.pinned)
        self._draw_spectrum()

    # ---- colours -------------------------------------------------------------------------------------------

    def _limits_changed(self) -> None:
        self.clear_error()
        if self.map_choice.variable.value != INTENSITY or self._painter.last is None or self.slice_at is not None:
            self._draw_map()
        else:
            self._intensity_painted(*self._painter.last)

    def _limits_drawn(self) -> None:
        with self._quiet:
            self.color_limits = self.limits.given.get(self.limits.key)

    def _color_limits_set(self) -> None:
        if not self._quiet:
            self.limits.set(self.color_limits)

    def close(self) -> None:
        """Stop what runs and remove the widget from every page."""
        painter = getattr(self, "_painter", None)
        if painter is not None:
            painter.cancel()
        super().close()


def _nothing_fitted(result: xr.Dataset | None) -> bool:
    """Every spectrum has the status ``no_data``."""
    if result is None or "status" not in result:
        return False
    names = str(result["status"].attrs.get("flag_meanings", "")).split()
    return "no_data" in names and bool((result["status"] == names.index("no_data")).all())
