"""The cut as a slider, in the unit of the distance."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from mi_widgets.widgets._fields import Quiet

__all__ = ["CutField"]

_TIP = ("Sites and clusters that differ by less than this merge. Or click beside the branches of the dendrogram, or "
        "drag its red line")  # fmt: skip


class CutField(ipw.HBox):
    """Slider with a caption.

    Parameters
    ----------
    on_change : callable
        Called with the cut while it is moved.
    """

    def __init__(self, on_change: Callable[[float], None]) -> None:
        self._on_change, self._quiet = on_change, Quiet()
        self.caption = ipw.HTML("")
        self.slider = ipw.FloatSlider(value=0.2, min=0.0, max=1.0, step=0.005, readout_format=".1%", tooltip=_TIP,
                                      layout={"width": "300px"})  # fmt: skip
        self.slider.observe(self._changed, "value")
        super().__init__([self.caption, self.slider])
        self.add_class("mi-cut")
        self.scale(1.0, True, "")

    def scale(self, top: float, percent: bool, unit: str) -> None:
        """Take the range and unit of another distance."""
        top = 1.0 if percent else float(f"{1.05 * top or 1.0:.2g}")
        with self._quiet:
            self.slider.max = max(top, self.slider.value)
            self.slider.step = 0.005 if percent else top / 200
            self.slider.readout_format = ".1%" if percent else ".3g"
        text = "share of states that lie elsewhere" if percent else f"distance{f', {unit}' if unit else ''}"
        self.caption.value = f'<b>cut</b> <span class="mi-caption">({text})</span>'

    def show(self, cut: float) -> None:
        """Show a cut that came from somewhere else."""
        with self._quiet:
            self.slider.max = max(self.slider.max, cut)
            if abs(self.slider.value - cut) > 1e-9:
                self.slider.value = cut

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self._on_change(change["new"])
