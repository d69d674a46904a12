"""The cut as a slider, in the unit of the distance."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from mi_widgets.widgets._fields import Quiet

__all__ = ["CutField"]

#: What the distances mean that are shares.
CUT_WORDS = {
    "total_variation": "states elsewhere",
    "relative_wasserstein": "displacement / band width",
}

_TIP = ("Sites and clusters that differ by less than this merge; in per cent of the band width by which states are "
        "displaced, or of the states that lie elsewhere. Or drag the red line in the dendrogram")  # fmt: skip


class CutField(ipw.HBox):
    """Slider with a caption.

    Parameters
    ----------
    on_change : callable
        Called with the cut while it is moved; with None for the one that is found in the tree.
    """

    def __init__(self, on_change: Callable[[float | None], None]) -> None:
        self._on_change, self._quiet, self._shown = on_change, Quiet(), 0.2
        self.caption = ipw.HTML("")
        self.slider = ipw.FloatSlider(value=0.2, min=0.0, max=1.0, step=0.001, readout_format=".1%", tooltip=_TIP,
                                      layout={"width": "260px"})  # fmt: skip
        self.slider.observe(self._changed, "value")
        self.auto = ipw.Button(description="auto", layout={"width": "auto"}, tooltip=(
            "Cut where the tree has its widest gap between merges"))  # fmt: skip
        self.auto.on_click(lambda _: self._on_change(None))
        super().__init__([self.caption, self.slider, self.auto])
        self.add_class("mi-cut")
        self.scale(1.0, "total_variation", "")

    def scale(self, top: float, metric: str, unit: str) -> None:
        """Take the range and unit of another distance, whose highest merge is at `top`."""
        percent = metric in CUT_WORDS
        end = 1.0 if metric == "total_variation" else float(f"{min(1.05 * top or 1.0, 0.6 if percent else 1e9):.2g}")
        with self._quiet:
            self.slider.max = max(end, self.slider.value)
            self.slider.step = 0.001 if percent else end / 200
            self.slider.readout_format = ".1%" if percent else ".3g"
        text = CUT_WORDS.get(metric) or f"distance{f', {unit}' if unit else ''}"
        self.caption.value = f'<b>cut</b> <span class="mi-caption">({text})</span>'

    def show(self, cut: float, automatic: bool = False) -> None:
        """Show a cut that came from somewhere else; `automatic` where it was found in the tree."""
        self.auto.disabled = automatic
        with self._quiet:
            step = self.slider.step
            self.slider.max = max(self.slider.max, cut)
            self._shown = round(round(cut / step) * step, 9)  # the page would round it, and tell so
            self.slider.value = min(self._shown, self.slider.max)

    def _changed(self, change: Any) -> None:
        if not self._quiet and abs(change["new"] - self._shown) > 0.5 * self.slider.step:
            self._shown = change["new"]
            self._on_change(change["new"])
