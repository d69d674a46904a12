"""What is on the axes of the map, what colours it, and where the hidden axes are."""

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from mi_widgets.widgets._bo_state import color_names
from mi_widgets.widgets._fields import Quiet, field

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["MapControls"]

_MOST_SLIDERS = 3  # of more hidden features one is chosen


class MapControls(ipw.VBox):
    """The fields above and below the map."""

    def __init__(self, app: "SearchBase") -> None:
        self._app, self._quiet = app, Quiet()
        self._shown: list[str] = []
        names = app.axes.names
        self.x, self.y = (
            ipw.Dropdown(options=names, value=v, layout={"width": "150px"}, tooltip=f"Coordinate along {n}")
            for n, v in (("x", app.x), ("y", app.y))
        )
        words = color_names(app.objectives)
        self.color = ipw.Dropdown(options=[(t, n) for n, t in words.items()], value=app.color,
            layout={"width": "170px"}, tooltip="What colours the candidates")  # fmt: skip
        for widget, name in ((self.x, "x"), (self.y, "y"), (self.color, "color")):
            widget.observe(app.guard(lambda change, name=name: self._changed(name, change["new"])), "value")
        self.feature = ipw.Dropdown(layout={"width": "120px"}, tooltip="Hidden feature whose range is set")
        self.feature.observe(app.guard(lambda _: self._sliders()), "value")
        self.all = ipw.Button(
            description="All", layout={"width": "auto"}, tooltip="Let go of all ranges: show everything"
        )
        self.all.on_click(lambda _: app.guard(self._free)())
        self.hidden = ipw.HBox([])
        self.hidden.add_class("mi-row")
        self.hidden.add_class("mi-bo-hidden")
        row = ipw.HBox([field("across", self.x), field("up", self.y), field("colour", self.color)])
        row.add_class("mi-row")
        super().__init__([row, self.hidden])
        self.show()

    def _changed(self, name: str, value: str) -> None:
        if not self._quiet and value is not None:
            setattr(self._app, name, value)

    def _free(self) -> None:
        self._app.ranges = {}
        self._sliders()

    def show(self) -> None:
        """Show what is in use."""
        app = self._app
        with self._quiet:
            self.x.value, self.y.value, self.color.value = app.x, app.y, app.color
        names = app.axes.hidden(app.x, app.y)
        if names != self._shown:
            self._shown = names
            with self._quiet:
                self.feature.options = names
                self.feature.value = names[0] if names else None
            self._sliders()
        self.all.disabled = not app.ranges

    def _sliders(self) -> None:
        if self._quiet:
            return
        many = len(self._shown) > _MOST_SLIDERS
        names = ([self.feature.value] if self.feature.value else []) if many else self._shown
        fields: list[ipw.Widget] = [field("hidden feature", self.feature)] if many else []
        fields += [field(f"{_html(n)} within", self._slider(n)) for n in names]
        self.hidden.children = [*fields, self.all] if names else []

    def _slider(self, name: str) -> ipw.SelectionRangeSlider:
        app = self._app
        options = app.axes.options(name)
        values = [v for _, v in options]
        low, high = app.ranges.get(name, (values[0], values[-1]))
        at = tuple(int(np.argmin(np.abs(np.array(values) - v))) for v in (low, high))
        slider = ipw.SelectionRangeSlider(options=options, index=at, layout={"width": "250px"}, tooltip=(
            f"Candidates within this range of {name}; both ends together make a slice"))  # fmt: skip

        def moved(change: Any) -> None:
            ranges = {k: v for k, v in app.ranges.items() if k != name}
            ends = [float(v) for v in change["new"]]
            if ends != [values[0], values[-1]]:
                ranges[name] = ends
            app.ranges = ranges

        slider.observe(app.guard(moved), "value")
        return slider


def _html(text: str) -> str:
    import html

    return html.escape(text)
