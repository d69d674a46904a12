"""Sliders for the parameters of one circuit: each of them is dragged, and the curve follows."""

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as ipw
import numpy as np

from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._fields import Quiet

__all__ = ["Sliders"]

_DECADES = 1.5
_STEPS = 300


class Sliders(ipw.VBox):
    """Sliders around the fitted values.

    Parameters
    ----------
    on_change : callable
        Called with the values of all parameters when one of them is moved.
    on_fit, on_reset : callable
        Called by the buttons: fit from here, back to the fit.
    """

    def __init__(
        self,
        on_change: Callable[[dict[str, float]], None],
        on_fit: Callable[[], None],
        on_reset: Callable[[], None],
    ) -> None:
        self._quiet, self._on_change = Quiet(), on_change
        self._sliders: dict[str, Any] = {}
        self._values: dict[str, float] = {}
        self._fitted: dict[str, tuple[float, float, str]] = {}
        self._texts: dict[str, Any] = {}
        self._rows = ipw.VBox()
        self._rows.add_class("mi-sliders")
        wide = {"width": "auto"}
        self.fit = ipw.Button(description="Fit from here", tooltip="Go down from these values", layout=wide)
        self.reset = ipw.Button(description="Back to the fit", tooltip="Values of the comparison", layout=wide)
        self.fit.on_click(lambda _: on_fit())
        self.reset.on_click(lambda _: on_reset())
        self.said = ipw.HTML()
        buttons = ipw.HBox([self.fit, self.reset, self.said])
        buttons.add_class("mi-row")
        super().__init__([self._rows, buttons])

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters that have a slider."""
        return tuple(self._sliders)

    def show(self, fitted: Mapping[str, tuple[float, float, str]]) -> None:
        """Other parameters: value, standard error and unit by name."""
        with self._quiet:
            self._values = {name: value for name, (value, _, _) in fitted.items()}
            self._sliders = {name: _slider(name, value) for name, value in self._values.items()}
            for name, slider in self._sliders.items():
                slider.observe(lambda change, name=name: self._moved(name, change["new"]), "value")
            old = self._rows.children
            self._fitted = dict(fitted)
            self._texts = {name: ipw.HTML(_text(*three), layout={"width": "250px"}) for name, three in fitted.items()}
            self._rows.children = [
                ipw.HBox([ipw.HTML(f"<b>{html.escape(n)}</b>", layout={"width": "58px"}), self._sliders[n], text])
                for n, text in self._texts.items()
            ]
        for row in old:
            for part in (*row.children, row):
                part.close()
        self.fit.disabled = self.reset.disabled = not fitted

    def set(self, values: Mapping[str, float]) -> None:
        """Move the sliders without telling."""
        with self._quiet:
            for name, value in values.items():
                slider = self._sliders[name]
                self._values[name] = float(value)
                place = _place(name, float(value))
                if abs(slider.value - place) > 1e-12:
                    slider.min, slider.max = min(slider.min, place), max(slider.max, place)
                    slider.value = place
                self._say(name)

    def values(self) -> dict[str, float]:
        """Values of all parameters."""
        return dict(self._values)

    def _moved(self, name: str, place: float) -> None:
        # the page rounds to whole steps and tells it as if somebody had moved the slider
        moved = abs(place - _place(name, self._values[name])) > 0.6 * self._sliders[name].step
        if moved and not self._quiet:
            self._values[name] = float(place) if name.endswith("_n") else float(10**place)
            self._say(name)
            self._on_change(self.values())

    def _say(self, name: str) -> None:
        value, error, unit = self._fitted[name]
        now = self._values[name]
        text = _text(value, error, unit)
        if abs(now - value) > 1e-6 * abs(value):
            text += f" <b>→ {now:.4g}</b>"
        self._texts[name].value = text


def _place(name: str, value: float) -> float:
    """Where a value stands on its slider: exponents as they are, others by their logarithm."""
    return value if name.endswith("_n") else float(np.log10(value))


def _slider(name: str, value: float) -> ipw.FloatSlider:
    place = _place(name, value)
    ends = (min(0.3, value), 1.0) if name.endswith("_n") else (place - _DECADES, place + _DECADES)
    return ipw.FloatSlider(
        value=place, min=ends[0], max=ends[1], step=(ends[1] - ends[0]) / _STEPS, readout=False,
        tooltip=f"Drag {name}: the dashed curve follows", layout={"width": "150px"},
    )  # fmt: skip


def _text(value: float, error: float, unit: str) -> str:
    shown = nice_unit(unit).replace("ohm", "Ω").replace("s**n", "sⁿ").replace("s**0.5", "√s") if unit != "1" else ""
    spread = f" ± {error:.2g}" if np.isfinite(error) else ""
    return f'<span class="mi-sizes" style="margin-left:0">{value:.4g}{spread} {html.escape(shown)}</span>'
