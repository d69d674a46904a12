"""A study: fields, a run, pictures that point at the same things; the page of every topic that has no other."""

import html
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any, ClassVar

import ipywidgets as ipw
import traitlets

from mi_widgets.errors import LabelError
from mi_widgets.runs import Part
from mi_widgets.widgets._explorer import Explorer, snap
from mi_widgets.widgets._export import ExportBar
from mi_widgets.widgets._fields import Quiet
from mi_widgets.widgets._history import History, HistoryButtons, Snapshot
from mi_widgets.widgets._study_fields import Field, StudyControls, check_fields
from mi_widgets.widgets._view import View

__all__ = ["Field", "Study", "beside", "row", "stack", "tabs"]

_COUNTED = ("candidate", "feature")  # dimensions that are things, not axes


def row(*widgets: ipw.Widget) -> ipw.HBox:
    """Widgets in a row that wraps, such as buttons."""
    box = ipw.HBox(widgets)
    box.add_class("mi-row")
    return box


def beside(*widgets: ipw.Widget, shares: Sequence[float] = ()) -> ipw.HBox:
    """Columns beside each other that share the width, and stand below each other on a narrow page."""
    for widget, share in zip(widgets, shares or [1.0] * len(widgets), strict=True):
        widget.layout.flex, widget.layout.min_width = f"{share:g} 1 {int(380 * min(share, 1.2))}px", "min(320px, 100%)"
        widget.layout.max_width = "100%"
    box = ipw.HBox(widgets)
    box.add_class("mi-main")
    return box


def stack(title: str, *widgets: ipw.Widget) -> ipw.VBox:
    """Widgets below each other under a small heading; `title` is text."""
    head = [ipw.HTML(f'<span class="mi-heading">{html.escape(title)}</span>')] if title else []
    return ipw.VBox([*head, *widgets])


def tabs(**widgets: ipw.Widget) -> ipw.VBox:
    """One of several widgets at a time, chosen by buttons; underscores of the names are shown as spaces.

    The box has ``buttons``; set ``box.buttons.value`` to show another one.
    """
    names = {name.replace("_", " "): widget for name, widget in widgets.items()}
    buttons = ipw.ToggleButtons(options=list(names))
    buttons.add_class("mi-tabs")
    place = ipw.VBox([next(iter(names.values()))])
    buttons.observe(lambda change: setattr(place, "children", [names[change["new"]]]), "value")
    box = ipw.VBox([buttons, place])
    box.buttons = buttons
    return box


class Study(Explorer):
    """An `Explorer` with the page ready: header, fields, run bar, message, pictures, export and code.

    A subclass gives

    - ``fields``: a tuple of `Field`, one for each parameter; these make ``params`` with defaults and checks;
    - ``title``, ``run_label``, ``unit``, ``run_tooltip``, ``data_name``, ``points_at`` (dimensions of ``selection``);
    - ``_make_page()``: the main widget, made of `view` (pictures), `beside`, `stack`, `row`, `tabs` and
      ``_rows.RowTable``;
    - ``_parts(params)`` and ``_make_code()`` as in `Explorer`: one public ``iter_*`` call, and the same in words;
    - ``_draw_result()``: draw ``self.result`` (what is finished of it while a run goes on);
    - ``_draw_params(changed)``: draw what depends on parameters alone, such as a curve of the sliders;
    - ``_draw_selection()``: mark ``self.selection`` in every picture;
    - ``_count()``: what the green chip says of the result, such as ``"13 circuits"``.

    Where the work is quick set ``at_once = True``: it runs when the widget is made and when a parameter changes.
    ``self.quiet`` is true while the page follows a script: wrap own changes of controls in ``with self.quiet``.
    """

    fields: ClassVar[tuple[Field, ...]] = ()
    points_at: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = ""
    at_once: ClassVar[bool] = False

    def __init__(self, data: Any, *, params: Mapping[str, Any] | None = None, threaded: bool = True) -> None:
        self.quiet = Quiet()
        self._views: list[tuple[str, View]] = []
        self._computed: dict[str, Any] | None = None  # parameters of the result
        self._running: dict[str, Any] = {}
        super().__init__(data, params=params, threaded=threaded)
        self.selection = {dim: [] for dim in self.points_at}
        self.controls = StudyControls(
            self.fields, self.params, on_change=self.guard(self._controls_changed), on_error=self.show_error
        )
        self.header = ipw.HTML()
        self.history = History(self._snapshot())
        self.history_buttons = HistoryButtons(self.guard(self.undo), self.guard(self.redo))
        self.history_buttons.undo.tooltip = "Back to the result and the parameters before"
        main = self._make_page()
        self.export = ExportBar(
            f"{self._data_title()}_{type(self).__name__.lower()}", result=lambda: self.result, views=self._views,
            code=lambda: self.code, tell=self.show_message,
        )  # fmt: skip
        traitlets.dlink((self, "code"), (self.export.box, "code"))
        self.fold = ipw.Accordion([self.export], titles=("Export and code",), selected_index=None)
        bar = self.run_bar
        bar.children = (bar.run_button, bar.cancel_button, self.history_buttons, bar.bar, bar.text)
        self.children = [self.header, *([self.controls] if self.fields else []), bar, self.message, main, self.fold]
        self.add_class("mi-study")
        self.observe(lambda _: self._header_shown(), ["state", "result", "params", "code"])
        self.observe(self.guard(self._params_shown), "params")
        self.observe(self.guard(lambda _: self._draw_selection()), "selection")
        self._header_shown()
        self.guard(self._draw_params)(tuple(self.params))
        if self.at_once:
            self.run()

    # ---- what a subclass gives -------------------------------------------------------------------------

    def _make_page(self) -> ipw.Widget:
        raise NotImplementedError

    def _draw_params(self, changed: tuple[str, ...]) -> None:
        """Draw what depends on these parameters and needs no run."""

    def _draw_selection(self) -> None:
        """Mark what is pointed at."""

    def _count(self) -> str:
        return "done"

    def _more_checks(self, params: dict[str, Any]) -> dict[str, Any]:
        """Checks that need more than one parameter, or the data."""
        return params

    # ---- parts for the subclass ------------------------------------------------------------------------

    def view(self, name: str, element: Any, wire: Callable[[View], None] | None = None, **more: Any) -> View:
        """A picture with this name in the list of exports; see `View` for `wire` and for how it is changed."""
        made = View(element, lock=self.lock, on_error=self.show_error, wire=wire, **more)
        self._views.append((name, made))
        return made

    def point(self, dim: str, labels: Sequence[Any], add: bool = False) -> None:
        """Point at labels; with `add` also at those before, or no longer where all of them were."""
        old = list(self.selection.get(dim, []))
        new = list(labels)
        if add:
            both = all(label in old for label in new)
            new = [v for v in old if v not in new] if both else [*old, *(v for v in new if v not in old)]
        self.selection = dict(self.selection) | {dim: new}

    @property
    def is_stale(self) -> bool:
        """There is a result, and the present parameters would give another."""
        if self.result is None or self._computed is None:
            return False
        return any(self.params[n] != self._computed.get(n) for n in self._compute_names())

    def undo(self) -> None:
        """Back to the result and the parameters before."""
        if not self.worker.running:
            self._restore(self.history.back(self._snapshot()))

    def redo(self) -> None:
        """Forth again to what was undone."""
        if not self.worker.running:
            self._restore(self.history.forth(self._snapshot()))

    # ---- inside ----------------------------------------------------------------------------------------

    def _default_params(self) -> dict[str, Any]:
        return {f.name: f.default for f in self.fields}

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._more_checks(check_fields(self.fields, params))

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        chosen: dict[str, Any] = {dim: [] for dim in self.points_at} | dict(proposal["value"])
        unknown = [dim for dim in chosen if dim not in self.points_at]
        if unknown:
            known = ", ".join(self.points_at) or "(nothing)"
            raise LabelError(f"{unknown[0]!r} cannot be pointed at; write labels of {known}.")
        return self._snapped({d: list(v) if isinstance(v, (list, tuple)) else [v] for d, v in chosen.items()})

    def _snapped(self, selection: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Labels as the data have them; dimensions that are not of the data are for a subclass to check."""
        sizes = getattr(self.data, "sizes", {})
        known = {d: v for d, v in selection.items() if d in sizes}
        return selection | snap(known, self.data, tuple(known))

    def _compute_names(self) -> list[str]:
        shown = {f.name for f in self.fields if not f.compute}
        return [n for n in self.params if n not in shown]

    def _controls_changed(self, changes: dict[str, Any]) -> None:
        self.history.keep(self._snapshot())
        self.clear_error()
        try:
            self.params = self.params | changes
        finally:
            self.controls.set(self.params)  # what is shown is what is used, also where something was refused

    def _params_shown(self, change: Any) -> None:
        self.controls.set(self.params)
        old, new = change["old"], change["new"]
        changed = tuple(n for n in new if old.get(n) != new[n])
        self._draw_params(changed)
        if self.at_once and not self.quiet and set(changed) & set(self._compute_names()):
            self.cancel()
            self.run()
        self._history_shown()

    def run(self, wait: bool = False) -> None:
        """Start the computation with the present parameters; while one runs, do nothing.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        if not self.worker.running:
            if not self.at_once:  # else the parameters are new and the result is old
                self.history.keep(self._snapshot())
            self._running = dict(self.params)
        super().run(wait)

    def _take(self, part: Part) -> None:
        if part.result is not None:
            self._computed = self._running
            super()._take(part)

    def _run_ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        super()._run_ended(state, part, error)
        self.history.keep(self._snapshot())
        self._history_shown()

    def _snapshot(self) -> Snapshot:
        text = self.run_bar.text.value
        return Snapshot(dict(self.params), self.result, None, self.code, "", self.state, text, self._computed)

    def _restore(self, wanted: Snapshot | None) -> None:
        if wanted is None:
            return
        with self.quiet:
            self._computed = wanted.computed
            self.params = wanted.params
            self.result, self.code, self.state = wanted.result, wanted.code, wanted.state
            self.run_bar.restore(wanted.text)
        self.clear_message()
        self._draw_result()
        self._draw_selection()
        self._history_shown()

    def _history_shown(self) -> None:
        self.history_buttons.show(self.history, self._snapshot(), running=self.worker.running)

    def _data_title(self) -> str:
        return str(getattr(self.data, "attrs", {}).get("title") or self.title or type(self).__name__)

    def _sizes_text(self) -> str:
        """How much data there is, for the header."""
        sizes = getattr(self.data, "sizes", {})
        return " × ".join(f"{n:,} {dim}{'s' * (dim in _COUNTED and n != 1)}" for dim, n in sizes.items())

    def _header_shown(self) -> None:
        name = html.escape(shorten(self._data_title(), 140, placeholder=" …"))
        sizes = self._sizes_text()
        chip = {"idle": "not run yet", "done": self._count() if self.result is not None else "done"}
        text = html.escape(chip.get(self.state, self.state))
        old = '<span class="mi-chip mi-chip-stale" role="status">result of other parameters</span>'
        self.header.value = (
            f'<span class="mi-title">{name}</span><span class="mi-sizes">{html.escape(sizes)}</span>'
            f'<span class="mi-chip mi-chip-{self.state}" role="status">{text}</span>'
            f"{old if self.is_stale and self.state != 'running' else ''}"
        )
