"""Below the map: whether the model is to be believed, and whether to go on."""

import html
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import holoviews as hv
import ipywidgets as ipw
import numpy as np

from mi_widgets.errors import MIWidgetsError, ParameterError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._bo_pictures import SteadyView
from mi_widgets.widgets._bo_tabs import MoreTabs
from mi_widgets.widgets._fields import Quiet, field, read_number
from mi_widgets.widgets._study import row

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["ModelPanel"]

_PAUSE = 1.5  # seconds between two pictures while a run goes on


class ModelPanel(ipw.VBox):
    """Tabs, each made when it is first seen and renewed while it is."""

    def __init__(self, app: "SearchBase") -> None:
        self._app, self._quiet = app, Quiet()
        self.views: dict[str, SteadyView] = {}
        self._parts: dict[str, ipw.Widget] = {}
        self._stale: set[str] = set()
        self._next = 0.0
        self.more = MoreTabs(app)
        self.tabs = ipw.ToggleButtons(options=["progress", "model", *self.more.names], value="progress", tooltips=[
            "Best value so far, and whether something better is left",
            "Whether the model is to be believed: parity, importance, warnings",
            *self.more.names.values()])  # fmt: skip
        self.tabs.add_class("mi-tabs")
        self.tabs.observe(app.guard(lambda _: self._shown()), "value")
        self.note = ipw.HTML("")
        self.delta = ipw.Text("0", continuous_update=False, layout={"width": "80px"}, tooltip=(
            "By how much better, in the unit of the values"))  # fmt: skip
        self.delta.observe(app.guard(self._delta_typed), "value")
        self.chance = ipw.HTML("")
        self.branch_name = ipw.Text("", placeholder="name", layout={"width": "110px"}, tooltip="Name of the branch")
        self.branch_at = ipw.BoundedIntText(value=0, min=0, max=0, layout={"width": "70px"}, tooltip=(
            "How many events the branch takes over"))  # fmt: skip
        self.branch = ipw.Button(description="Branch", layout={"width": "auto"}, tooltip=(
            "Go on from here in a copy in memory; the campaign stays as it is"))  # fmt: skip
        self.branch.on_click(lambda _: app.guard(self._branch_clicked)())
        self.which = ipw.Dropdown(options=["campaign"], layout={"width": "140px"}, tooltip="Campaign or branch in use")
        self.which.observe(app.guard(self._switched), "value")
        unit = "" if app.units == "1" else f" ({html.escape(nice_unit(app.units))})"
        self.stop_row = row(field(f"better by{unit}", self.delta), self.chance)
        self.branch_row = row(field("events kept", self.branch_at), field("branch", self.branch_name), self.branch,
                              field("in use", self.which))  # fmt: skip
        self.box = ipw.VBox([])
        super().__init__([self.tabs, self.box])
        self.add_class("mi-bo-model")

    # ---- what is in sight ------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Something was told: draw again what is in sight."""
        self._stale = set(self.tabs.options)
        self._shown()

    def _shown(self) -> None:
        app, tab = self._app, self.tabs.value
        with self._quiet:
            n = app.search.n_events
            at_end = self.branch_at.value == self.branch_at.max
            self.branch_at.max = n
            self.branch_at.value = n if at_end else min(self.branch_at.value, n)
            self.which.options = list(app.branches)
            self.which.value = next((k for k, s in app.branches.items() if s is app.search), None)
        if app.worker.running and self.box.children and (tab != "progress" or monotonic() < self._next):
            return
        self._next = monotonic() + _PAUSE
        make = {"progress": self._progress, "model": self._model}.get(tab)
        shown = make() if make is not None else self.more.get(tab, tab in self._stale)
        if self.box.children != (shown,):
            self.box.children = [shown]
        self._stale.discard(tab)

    def _progress(self) -> ipw.Widget:
        app = self._app
        if app.now.trials is None or not np.isfinite(app.now.values).any():
            hint = '<div class="mi-hint">Nothing told yet: measure a suggested candidate and tell its value.</div>'
            return self._box("nothing", lambda: ipw.VBox([ipw.HTML(hint), self.branch_row]))
        self._say_chance()
        view = self._view("progress", self._pareto() if len(app.goals) > 1 else self._convergence())
        right = self._box("beside", lambda: ipw.VBox([self.stop_row, self.branch_row]))
        right.add_class("mi-bo-beside")
        return self._box("progress", lambda: _beside(view, right))

    def _box(self, name: str, make: Callable[[], ipw.Widget]) -> ipw.Widget:
        """A box that is made once: views in a new box would draw themselves anew."""
        if name not in self._parts:
            self._parts[name] = make()
        return self._parts[name]

    def _convergence(self) -> Any:
        from mi_widgets.plots.bo import plot_convergence

        app = self._app
        trials: Any = app.now.trials
        table = None if app.truth is None else app.truth.to_numpy()
        return plot_convergence(trials, goal=app.goal, table=table, height=250)

    def _pareto(self) -> Any:
        from mi_widgets.plots.bo import plot_convergence, plot_pareto

        app = self._app
        trials: Any = app.now.trials
        if len(app.goals) != 2:
            return plot_convergence(trials, goal=app.goal, height=250)
        return plot_pareto(trials, app.search.pareto_front(), belief=app.now.belief, height=280)

    def _model(self) -> ipw.Widget:
        from mi_widgets.plots.bo import plot_importance, plot_parity

        app = self._app
        try:
            judged = app.search.diagnose()
        except MIWidgetsError as error:
            return ipw.HTML(f'<div class="mi-hint">{html.escape(str(error))}</div>')
        said = judged.attrs["warnings"]
        if said:
            lines = "".join(f"<li>{html.escape(text)}</li>" for text in said)
            self.note.value = f'<div class="mi-message mi-warning"><ul class="mi-bo-list">{lines}</ul></div>'
        else:
            self.note.value = '<div class="mi-hint">Nothing speaks against the model.</div>'
        parity = self._view("parity", plot_parity(judged, size=225))
        parity.add_class("mi-bo-parity")
        importance = self._view("importance", plot_importance(app.search.importance()))
        return self._box("model", lambda: ipw.VBox([self.note, _beside(parity, importance)]))

    def _view(self, name: str, element: hv.Element) -> SteadyView:
        if name in self.views:
            self.views[name].draw(element)
        else:
            self.views[name] = SteadyView(element, lock=self._app.lock, on_error=self._app.show_error)
        return self.views[name]

    # ---- going on, and branches -------------------------------------------------------------------------------------

    def _say_chance(self) -> None:
        app = self._app
        self.stop_row.layout.display = "none" if len(app.goals) > 1 else None
        if len(app.goals) > 1:
            return
        if app.worker.running:
            self.chance.value = '<span class="mi-sizes">while a run goes on, this is not computed</span>'
            return
        chance = app.search.probability_of_better(app.delta, n_samples=1000)
        text = "less than 0.1 %" if chance < 0.001 else f"{100 * chance:.1f} %"
        self.chance.value = f"<b>{text}</b> chance that a candidate not told yet is better than the best by that much"

    def _delta_typed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            delta = read_number(self.delta.value, "better by")
            if delta is None or not (np.isfinite(delta) and delta >= 0):
                raise ParameterError(f"better by: write a number of zero or more; got {self.delta.value!r}.")
        except ParameterError:
            with self._quiet:
                self.delta.value = f"{self._app.delta:g}"
            raise
        self._app.clear_error()
        self._app.delta = delta

    def _branch_clicked(self) -> None:
        self._app.branch_at(self.branch_at.value, self.branch_name.value.strip() or None)
        self.branch_name.value = ""

    def _switched(self, change: Any) -> None:
        if not self._quiet and change["new"] is not None:
            self._app.use_branch(change["new"])

    def end(self) -> None:
        """Close what is not in sight."""
        for view in self.views.values():
            view.close()
        self.more.end()


def _beside(*widgets: ipw.Widget) -> ipw.HBox:
    box = ipw.HBox(widgets)
    box.add_class("mi-main")
    return box
