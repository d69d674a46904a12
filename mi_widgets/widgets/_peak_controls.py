"""Controls of the peak fit: every parameter as a field with a tooltip, tied to one dict both ways."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._shapes import BACKGROUNDS, SHAPES
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._spectrum import N_SLOTS

__all__ = ["DEFAULTS", "LIMITED", "OPTIONS", "PeakControls", "WindowFields", "check_params"]

OPTIONS: Mapping[str, tuple[str, ...]] = {
    "lineshape": tuple(SHAPES),
    "background": tuple(BACKGROUNDS),
    "likelihood": ("poisson", "gaussian"),
}
_MIXED = "one for each"
#: Quantities whose limits have fields; others can be given in ``params["bounds"]``.
LIMITED = ("center", "sigma")
DEFAULTS: Mapping[str, Any] = {
    "n_peaks": 1,
    "lineshape": "pseudo-voigt",
    "background": "linear",
    "likelihood": "poisson",
    "window": None,
    "bounds": None,
    "ties": None,
    "noise": None,
}
_TIPS = {
    "lineshape": "Shape of every peak. Pseudo-Voigt mixes Gaussian and Lorentzian; the share is fitted. "
    "Different shapes: set_params(lineshape=[...]).",
    "background": "Background, fitted together with the peaks",
    "likelihood": "poisson for counts, also few of them; gaussian for anything else.",
}


def check_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return checked parameters of the fit, or raise `ParameterError` with what to write instead."""
    n = params["n_peaks"]
    if not isinstance(n, int) or isinstance(n, bool) or not 1 <= n <= N_SLOTS:
        raise ParameterError(f"n_peaks must be a whole number from 1 to {N_SLOTS}; got {n!r}. Write n_peaks=2.")
    for name, known in OPTIONS.items():
        given = params[name]
        several = name == "lineshape" and isinstance(given, list) and len(given) == n
        if not all(one in known for one in (given if several else [given])):
            each = f", or a list of {n} of them" if name == "lineshape" else ""
            raise ParameterError(f"{name} must be one of {', '.join(known)}{each}; got {given!r}.")
    window = params["window"]
    if window is not None and (not _is_pair(window) or None in window or not window[0] < window[1]):
        raise ParameterError(f"window must be two numbers, low < high, or None; got {window!r}.")
    bounds = params["bounds"]
    if bounds is not None and not isinstance(bounds, dict):
        raise ParameterError(f'bounds must be a dict such as {{"center": [284, 287]}} or None; got {bounds!r}.')
    for name, pair in (bounds or {}).items():
        if _is_pair(pair) and None not in pair and not pair[0] < pair[1]:
            raise ParameterError(f"bounds of {name}: low must be below high; got {pair!r}.")
    return params


def _is_pair(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in value)
    )


class WindowFields(ipw.HBox):
    """Two fields and two buttons for the window whose intensity the map shows.

    Parameters
    ----------
    units : str
        Unit of the spectral axis.
    on_window : callable
        Called with ``(low, high)`` or None for the whole axis.
    on_use : callable
        Called without arguments to take the window as fit range.
    on_error : callable
        Called with a `ParameterError` when a field holds no number.
    """

    def __init__(
        self,
        units: str,
        *,
        on_window: Callable[[tuple[float, float] | None], None],
        on_use: Callable[[], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_window, self._on_error, self._quiet = on_window, on_error, False
        self.ends = _pair(f"Window whose intensity the map shows ({units}); drag it on the spectrum or type it")
        self.whole = ipw.Button(
            description="whole axis", tooltip="Intensity of the whole axis", layout={"width": "auto"}
        )
        self.use = ipw.Button(
            description="fit here", tooltip="Take this window as the range that is fitted", layout={"width": "auto"}
        )
        self.whole.on_click(lambda _: on_window(None))
        self.use.on_click(lambda _: on_use())
        for end in self.ends:
            end.observe(self._changed, "value")
        super().__init__(
            [_field(f"intensity window ({html.escape(nice_unit(units))})", *self.ends, self.whole, self.use)]
        )

    def show(self, window: tuple[float, float] | None) -> None:
        """Show a window, or the whole axis."""
        self._quiet = True
        try:
            _fill(self.ends, window)
            self.use.disabled = self.whole.disabled = window is None
        finally:
            self._quiet = False

    def _changed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            low, high = _read(self.ends, "window")
            if low is not None and high is not None:
                self._on_window((min(low, high), max(low, high)))
        except ParameterError as error:
            self._on_error(error)


class PeakControls(ipw.HBox):
    """The fields.

    Parameters
    ----------
    params : dict
        First values, keys as in `DEFAULTS`.
    units : str
        Unit of the spectral axis, for tooltips.
    on_change : callable
        Called with a dict of the parameters that the user changed.
    on_error : callable
        Called with a `ParameterError` when a field holds no number.
    """

    def __init__(
        self,
        params: dict[str, Any],
        *,
        units: str,
        on_change: Callable[[dict[str, Any]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._on_change, self._on_error, self._quiet = on_change, on_error, False
        self.n_peaks = ipw.BoundedIntText(
            value=1, min=1, max=N_SLOTS, layout={"width": "58px"}, tooltip="Number of peaks in every spectrum"
        )
        self.choices = {
            name: ipw.Dropdown(options=known, tooltip=_TIPS[name], layout={"width": "118px"})
            for name, known in OPTIONS.items()
        }
        self.window = _pair(f"Range that is fitted ({units}); empty: the whole axis")
        self.limits = {name: _pair(f"Limits of {name} ({units}); empty: automatic") for name in LIMITED}
        unit = html.escape(nice_unit(units))
        fields = [_field("peaks", self.n_peaks)]
        fields += [_field(name.replace("lineshape", "line shape"), w) for name, w in self.choices.items()]
        fields.append(_field(f"fit range ({unit})", *self.window))
        fields += [_field(f"{name} limits ({unit})", *pair) for name, pair in self.limits.items()]
        self.set(params)
        self.n_peaks.observe(self._changed, "value")
        for widget in (*self.choices.values(), *self.window, *(w for pair in self.limits.values() for w in pair)):
            widget.observe(self._changed, "value")
        super().__init__(fields)
        self.add_class("mi-row")
        self.add_class("mi-controls")

    def set(self, params: Mapping[str, Any]) -> None:
        """Show parameters that came from somewhere else."""
        self._quiet = True
        try:
            self.n_peaks.value = params["n_peaks"]
            for name, widget in self.choices.items():
                mixed = isinstance(params[name], list)
                options = (*OPTIONS[name], _MIXED) if mixed else OPTIONS[name]
                if tuple(widget.options) != options:
                    widget.options = options
                widget.value = _MIXED if mixed else params[name]
            _fill(self.window, params["window"])
            for name, pair in self.limits.items():
                bound = (params["bounds"] or {}).get(name)
                _fill(pair, bound if _is_pair(bound) else None)
            self._bounds = dict(params["bounds"] or {})
        finally:
            self._quiet = False

    def _changed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            bounds = dict(self._bounds)
            for name, fields in self.limits.items():
                pair = _read(fields, f"{name} limits")
                if pair != [None, None]:
                    bounds[name] = pair
                elif _is_pair(bounds.get(name)):
                    bounds.pop(name)
            window = _read(self.window, "fit range")
            if None in window and window != [None, None]:
                return  # the other end is still to be typed
            self._on_change(
                {"n_peaks": self.n_peaks.value, "bounds": bounds or None}
                | {"window": None if None in window else window}
                | {name: widget.value for name, widget in self.choices.items() if widget.value != _MIXED}
            )
        except ParameterError as error:
            self._on_error(error)


def _pair(tip: str) -> tuple[ipw.Text, ipw.Text]:
    low, high = (
        ipw.Text("", placeholder=p, continuous_update=False, tooltip=tip, layout={"width": "72px"})
        for p in ("low", "high")
    )
    return low, high


def _field(text: str, *widgets: ipw.Widget) -> ipw.VBox:
    caption = ipw.HTML(f'<span class="mi-caption">{text}</span>')
    box = ipw.VBox([caption, ipw.HBox(widgets)])
    box.add_class("mi-field")
    return box


def _fill(fields: tuple[ipw.Text, ipw.Text], pair: Any) -> None:
    for field, value in zip(fields, pair or (None, None), strict=True):
        field.value = "" if value is None else f"{value:.7g}"


def _read(fields: tuple[ipw.Text, ipw.Text], what: str) -> list[float | None]:
    out: list[float | None] = []
    for field in fields:
        text = field.value.strip().replace(",", ".")
        try:
            out.append(float(text) if text else None)
        except ValueError:
            raise ParameterError(f"{what}: {field.value!r} is not a number; write one such as 284.5.") from None
    return out
