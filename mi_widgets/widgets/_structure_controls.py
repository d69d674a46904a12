"""Rows of controls of the viewer; every one of them writes `params`, or asks the viewer."""

import html
from collections.abc import Callable
from typing import Any

import ipywidgets as ipw

from mi_widgets.plots.structures import PLANES, STYLES
from mi_widgets.widgets._fields import Quiet, field, fill, pair, read
from mi_widgets.widgets._structure_params import PROJECTIONS, VIEWS

__all__ = ["Controls", "chosen_text"]

_VIEW_TIPS = {
    "oblique": "From the front, a little from above",
    "top": "From above: x to the right, y up",
    "bottom": "From below",
    "front": "Along y: x to the right, z up",
    "side": "Along x: y to the right, z up",
}


class Controls:
    """All fields of the viewer.

    Parameters
    ----------
    params : dict
        Present parameters.
    color_names : list of str
        Arrays by which atoms can be coloured.
    change : callable
        Called with the parameters that change.
    turn, choose, picture : callable
        Called with the name of a view, an expression, and without arguments for a screenshot.
    guard : callable
        Wraps callbacks so that their errors are shown.
    """

    def __init__(
        self,
        params: dict[str, Any],
        color_names: list[str],
        *,
        change: Callable[..., None],
        turn: Callable[[str], None],
        choose: Callable[[str], None],
        picture: Callable[[], None],
        add: Callable[[bool], None],
        guard: Callable[[Callable[..., Any]], Callable[..., None]],
    ) -> None:
        self.quiet, self._change = Quiet(), change
        wide = {"width": "auto"}
        self.style = _choice(STYLES, "How atoms are drawn")
        tip = "Factor for the size of atoms and bonds"
        self.size = ipw.FloatSlider(min=0.3, max=2.5, step=0.05, continuous_update=False, tooltip=tip)
        self.size.layout.width = "150px"
        self.color = _choice(color_names, "What colours the atoms", "160px")
        tips = "Value at the ends of the colours; empty: from the values"
        self.limits = pair(tips, "64px")
        labels = [("none", ""), ("index", "index"), ("element", "element"), ("element + index", "name")]
        self.labels = _choice(
            [*labels, *((n, n) for n in color_names if n != "element")], "Text beside each atom", "130px"
        )
        self.cell, self.bonds = _box("cell", "Draw the unit cell"), _box("bonds", "Draw bonds")
        self.images = _box("across the cell edge", "Draw the neighbours outside to which atoms inside are bonded")
        self.repeat = tuple(
            ipw.BoundedIntText(min=1, max=50, tooltip=f"Copies along {v}", layout={"width": "52px"}) for v in "abc"
        )
        self.projection = _choice(PROJECTIONS, "Perspective or orthographic camera", "120px")
        self.flat = _box("2-D view", "Show the projection onto a plane, with box and lasso")
        self.plane = _choice(list(PLANES), "Plane of the projection", "72px")
        self.add = _box("box and lasso add", "Add what is drawn around to what is chosen, as Shift does")
        self.measures = _box("measures", "Draw distance, angle and dihedral of the atoms that were chosen last")
        self.expression = ipw.Text(placeholder="element == 'O' and z > 8", continuous_update=False,
                                   tooltip="Choose atoms by index, element, x, y, z (Å) or any array; press Enter",
                                   layout={"width": "240px"})  # fmt: skip
        self.clear = ipw.Button(description="Clear", tooltip="Choose no atom", layout=wide)
        self.picture = ipw.Button(description="Screenshot", tooltip="Download the 3-D view as PNG", layout=wide)
        views = [ipw.Button(description=v.capitalize(), tooltip=_VIEW_TIPS[v], layout=wide) for v in VIEWS]
        for button, name in zip(views, VIEWS, strict=True):
            button.on_click(guard(lambda _, name=name: turn(name)))
        self.picture.on_click(guard(lambda _: picture()))
        self.clear.on_click(guard(lambda _: choose("")))
        self.expression.observe(guard(lambda c: choose(c["new"]) if not self.quiet else None), "value")
        self.add.observe(guard(lambda c: add(c["new"])), "value")
        self.labels.observe(guard(lambda c: self._set(labels=c["new"] or None)), "value")
        names = ("style", "size", "cell", "bonds", "images", "projection", "flat", "plane", "measures")
        for name in names:
            getattr(self, name).observe(guard(lambda c, name=name: self._set(**{name: c["new"]})), "value")
        self.color.observe(guard(lambda c: self._set(color_by=c["new"], limits=None)), "value")
        for one in self.limits:
            one.observe(guard(lambda _: self._set_limits()), "value")
        for n in self.repeat:
            n.observe(guard(lambda _: self._set(repeat=[r.value for r in self.repeat])), "value")
        self.show(params)
        self.above = self._row(
            field("atoms", self.style), field("size", self.size), field("colour", self.color),
            field("colour limits", *self.limits), field("labels", self.labels), field("copies a, b, c", *self.repeat),
        )  # fmt: skip
        self.middle = self._row(
            *views, self.projection, self.cell, self.bonds, self.images, self.flat, self.plane, self.picture
        )
        self.below = self._row(field("choose atoms", self.expression), self.clear, self.add, self.measures)

    def _row(self, *widgets: ipw.Widget) -> ipw.HBox:
        row = ipw.HBox(widgets)
        row.add_class("mi-row")
        row.add_class("mi-structure-controls")
        return row

    def show(self, params: dict[str, Any]) -> None:
        """Show parameters that a script has set."""
        with self.quiet:
            self.labels.value = params["labels"] or ""
            for name in ("style", "cell", "bonds", "images", "projection", "flat", "plane", "measures"):
                getattr(self, name).value = params[name]
            self.size.max = max(self.size.max, params["size"])
            self.size.min = min(self.size.min, params["size"])
            self.size.value = params["size"]
            self.color.value = params["color_by"]
            for n, value in zip(self.repeat, params["repeat"], strict=True):
                n.value = value
            fill(self.limits, params["limits"], 5)

    def _set(self, **changes: Any) -> None:
        if not self.quiet:
            self._change(**changes)

    def _set_limits(self) -> None:
        if self.quiet:
            return
        low, high = read(self.limits, "colour limits")
        if (low is None) == (high is None):
            self._change(limits=None if low is None else [low, high])


def _choice(options: Any, tip: str, width: str = "130px") -> ipw.Dropdown:
    return ipw.Dropdown(options=options, tooltip=tip, layout={"width": width})


def _box(text: str, tip: str) -> ipw.Checkbox:
    return ipw.Checkbox(description=text, tooltip=tip, indent=False, layout={"width": "auto"})


def chosen_text(n: int, names: str, measured: dict[str, float], total: int) -> str:
    """What is chosen and measured, as HTML."""
    units = {"distance": "Å", "angle": "°", "dihedral": "°"}
    parts = [f"<b>{k}</b> {v:.{4 if k == 'distance' else 2}f} {units[k]}" for k, v in measured.items()]
    head = f"{n:,} of {total:,} atoms chosen" if n else "No atom chosen: click one, shift-click adds"
    head += f": {html.escape(names)}" if names else ""
    return f'<span class="mi-measures">{" · ".join([head, *parts])}</span>'
