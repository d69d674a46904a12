"""What stands between a search and the page of SearchExplorer: traits, callbacks of the page, drawing, runs."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import Any

import numpy as np
import traitlets
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets._bo_axes import PoolAxes, hidden_text
from mi_widgets.widgets._bo_candidate import read_values
from mi_widgets.widgets._bo_page import build_page, show_candidate, show_header
from mi_widgets.widgets._bo_params import LIVE, OPTIONS, check_params, options_of
from mi_widgets.widgets._bo_runs import iter_trials, known_values, open_campaign
from mi_widgets.widgets._bo_state import Now, color_names, known_labels, look, neighbour, paint_of, previewed
from mi_widgets.widgets._bo_steps import Step, Steps
from mi_widgets.widgets._explorer import Explorer
from mi_widgets.widgets._fields import Quiet

__all__ = ["SearchBase"]

_TWICE = 1.5  # seconds; the same thing told again within them was a second click


class SearchBase(Explorer):
    """The page of `SearchExplorer`; its public face is the subclass."""

    x, y = traitlets.Unicode(""), traitlets.Unicode("")
    color = traitlets.Unicode("mean")
    ranges: Any = traitlets.Dict()
    delta = traitlets.Float(0.0)

    #: What the subclass gives.
    tell: Callable[..., None]
    correct: Callable[..., None]
    pending: Callable[..., None]
    bar: Callable[..., None]

    data_name, unit, run_label = "X", "trials", "Run"
    run_tooltip = "Ask and tell by itself from the known values; the page stays usable"

    def __init__(
        self,
        data: Any,
        *,
        values: Any = None,
        path: str | os.PathLike[str] | None = None,
        params: Mapping[str, Any] | None = None,
        threaded: bool = True,
    ) -> None:
        from mi_widgets import bo

        self._quiet, self.steps = Quiet(), Steps()
        self.now: Now
        self.preview: xr.Dataset | None = None
        self.kept: np.ndarray | None = None  # by the filter of elements
        self.chosen = np.empty(0, dtype=int)
        self._told_at, self._draw_next, self._told_last = 0.0, 0.0, object()
        self._limits: tuple[float, float] | None = None
        self._stop = threading.Event()
        self.search: Any = None
        options = options_of(params or {})
        if isinstance(data, bo.Search):
            if path is not None or set(options) - {"acquisition"}:
                wrong = "path" if path is not None else next(n for n in options if n != "acquisition")
                raise ParameterError(
                    f"SearchExplorer: {wrong}= is for a pool; this Search is made already. Write {wrong}= where the "
                    "search is made, bo.Search(X, ...) or bo.Search.open(path, X, ...)."
                )
            search = data
        elif path is not None:
            search = open_campaign(self, path, data, options)
        else:
            search = bo.Search(data, **options)
        self._made = options
        self._use(search)
        self.branches: dict[str, Any] = {"campaign": search}
        self.truth, self.measure = known_values(values, self.labels)
        self.search = search
        try:
            super().__init__(data, params=params, threaded=threaded)
        except BaseException:
            if path is not None:
                search.close()
            raise
        self.selection = {"candidate": []}
        self.axes = PoolAxes(search, self.objectives)
        with self._quiet:
            self.x, self.y = self.axes.first()
            self.color = next(iter(color_names(self.objectives)))
        self._look()
        build_page(self)
        for names, shown in (
            ("params", self._params_shown), ("selection", self._selection_shown), (["x", "y"], self._axes_shown),
            ("ranges", self._axes_shown), ("color", self._color_shown), ("delta", self._delta_shown),
            (["state", "result"], self._header_shown),
        ):  # fmt: skip
            self.observe(self.guard(shown), names)
        with self.lock:
            self._redraw()

    # ---- the search --------------------------------------------------------------------------------------------

    def _use(self, search: Any) -> None:
        settings = search._settings
        self.search = search
        self.objectives, self.goals, self.units = settings.objectives, settings.goals, settings.units
        self.goal = self.goals[0]
        self.pool = search.pool
        self.labels = self.pool["candidate"].values.tolist()
        self.place = {label: i for i, label in enumerate(self.labels)}
        self.n = len(self.labels)

    def _default_params(self) -> dict[str, Any]:
        given = self.search._given | {"seed": self.search.seed}
        return {**LIVE, **{name: given.get(name, default) for name, default in OPTIONS.items()}}

    def _check_params(self, params: dict[str, Any]) -> dict[str, Any]:
        params = check_params(params, self.search)
        old = self._trait_values.get("params") or {}
        changed = [n for n in OPTIONS if old and params[n] != old[n]]
        if changed:
            raise ParameterError(
                f"{changed[0]} belongs to the search and cannot be changed once it is made. Make another one: "
                f"SearchExplorer(X, params={{{changed[0]!r}: {params[changed[0]]!r}}})."
            )
        return params

    def _make_code(self) -> str:
        from mi_widgets.bo import search_script

        rule = self.params["acquisition"]
        how = "" if rule is None or rule == self.search._settings.acquisition else f"acquisition={rule!r}"
        return f"{search_script(self.search, self.data_name)}\nresult = search.posterior({how})"

    # ---- drawing -----------------------------------------------------------------------------------------------

    def renew(self) -> None:
        """Ask the search again and draw everything; called after whatever it was told."""
        self._look()
        self._redraw()

    def _look(self) -> None:
        self.steps.follow(self.search)
        rule = self.params["acquisition"]
        rule = None if rule == self.search._settings.acquisition else rule
        n = 1 if self.worker.running else self.params["n_suggestions"]
        self.preview, self._limits = None, None
        self.now = look(self.search, self.place, acquisition=rule, n=n, batch=self.params["batch"])
        self.code = self._make_code()
        self.result = self.now.belief

    def _redraw(self) -> None:
        self._draw_map()
        self.table.show()
        show_candidate(self)
        self.model.renew()
        self._history_shown()
        self._header_shown()

    def _place(self, now: Now | None = None) -> None:
        """Put the candidates where they belong; the ends of the axes stay while something is tried."""
        belief = (now or self.now).belief
        x, y = (self.axes.get(name, belief) for name in (self.x, self.y))
        self.map.place(x, y, keep=self.preview is not None)
        j = self.axes.expected.index(self.y) if self.y in self.axes.expected else None
        bars = None
        if j is not None and self.x in self.axes.features:
            bars = 2 * belief["stderr"].values.reshape(self.n, -1)[:, j]
        self.map.spread(bars, keep=self.preview is not None)

    @property
    def inside(self) -> np.ndarray | None:
        """Candidates that are drawn: within the ranges of the hidden axes, and kept by the filter."""
        return self.axes.inside(self.ranges, self.kept)

    def _draw_map(self) -> None:
        """The hot path: colours and marks of what is believed, or of what would be."""
        now: Now = self.now if self.preview is None else previewed(self.now, self.preview)
        inside = self.inside
        if self.x in self.axes.expected or self.y in self.axes.expected:
            self._place(now)
        paint = paint_of(now, self.color, self.goals, inside, self._limits if self.preview is not None else None)
        if self.preview is None:
            self._limits = paint.limits
        veil = np.zeros(self.n, dtype=bool)
        veil[now.excluded] = True
        self.map.show(paint, veil, self._title(paint))
        at = {name: now.values[:, j] for j, name in enumerate(self.axes.expected)}  # told ones stand at their values
        self.map.tell(now.told, now.values[:, self._objective], inside, at.get(self.x), at.get(self.y))
        self.map.mark("next", now.next, inside)
        self.map.mark("best", now.best, inside)
        self.map.mark("pending", now.pending, inside)
        self.map.mark("excluded", now.excluded[:3000], inside)

    @property
    def _objective(self) -> int:
        return int(self.color.partition(":")[2] or 0)

    def _title(self, paint: Any) -> str:
        hidden = [n for n in self.axes.hidden(self.x, self.y) if self.map.is_raster or n in self.ranges]
        low = "lowest" if paint.how == "min" else "highest"
        word = {"mean": "best", "told": "best", "stderr": "largest"}.get(self.color.partition(":")[0], low)
        over = hidden_text(self.axes, hidden, self.ranges, word)
        what = paint.label + (f", {over}" if over else "")
        if self.preview is not None:
            label = self.labels[int(self.chosen[0])]
            return f"if {label} = {', '.join(self.candidate.typed)}: {what}"
        return what if self.now.told.size else f"{what}: nothing told yet"

    def _axes_shown(self, change: Any) -> None:
        if self._quiet:
            return
        if change["name"] != "ranges":
            hidden = self.axes.hidden(self.x, self.y)
            with self._quiet:
                self.ranges = {n: r for n, r in self.ranges.items() if n in hidden}
            self._place()
        self.controls.show()
        self._limits = None if self.preview is None else self._limits
        self._draw_map()
        self._mark_chosen()

    def _color_shown(self, _change: Any = None) -> None:
        if self._quiet:
            return
        keep, self.preview = self.preview, None
        self._draw_map()  # limits are those of what is believed
        if keep is not None:
            self.preview = keep
            self._draw_map()
        self.controls.show()

    def _params_shown(self, change: Any) -> None:
        self.table.set(self.params)
        self.run_number.value = self.params["n_trials"]
        old, new = change["old"], change["new"]
        if any(old[n] != new[n] for n in ("acquisition", "batch", "n_suggestions")):
            self.clear_error()
            self.renew()

    def _delta_shown(self, _change: Any) -> None:
        self.model.renew()

    def _header_shown(self, _change: Any = None) -> None:
        show_header(self)

    def _history_shown(self) -> None:
        running = self.worker.running
        buttons, steps = self.history_buttons, self.steps
        buttons.undo.disabled, buttons.redo.disabled = running or not steps.can_undo, running or not steps.can_redo
        buttons.undo.tooltip = f"Undo: {steps.undo_text}" if steps.can_undo else "Nothing to undo"
        buttons.redo.tooltip = f"Redo: {steps.redo_text}" if steps.can_redo else "Nothing to redo"

    # ---- pointing ----------------------------------------------------------------------------------------------

    @traitlets.validate("selection")
    def _selection_valid(self, proposal: Any) -> dict[str, Any]:
        return {"candidate": known_labels(proposal["value"], self.place, self.labels)}

    def _pick(self, places: Any, add: bool) -> None:
        """Choose candidates by their places; with `add` to those chosen before, or out of them if all were."""
        at = np.asarray(places, dtype=int)
        if add:
            out = np.setdiff1d(self.chosen, at)
            at = out if np.isin(at, self.chosen).all() else np.concatenate([self.chosen, np.setdiff1d(at, self.chosen)])
        if not np.array_equal(at, self.chosen):
            self.selection = {"candidate": [self.labels[i] for i in at.tolist()]}

    def _pick_one(self, place: int, add: bool) -> None:
        self._pick([place], add)

    def _selection_shown(self, _change: Any = None) -> None:
        self.chosen = np.array([self.place[v] for v in self.selection["candidate"]], dtype=int)
        self.clear_error()
        was, self.preview = self.preview, None
        if was is not None:
            self._draw_map()
        self.candidate.fill([""] * len(self.objectives))
        show_candidate(self)
        self.table.rows.chosen = [int(i) for i in self.chosen[:500]]

    def _mark_chosen(self) -> None:
        self.map.mark("chosen", self.chosen)

    def _key(self, key: str) -> None:
        """An arrow key goes to the next candidate in that direction."""
        if self.chosen.size != 1 or self.map.paint is None:
            return
        found = neighbour(self.map.xy, int(self.chosen[0]), key, self.inside, self.map.paint)
        if found is not None:
            self._pick([found], False)

    def the_one(self) -> Any:
        """Label of the one candidate that is chosen, or `ParameterError`."""
        if self.chosen.size != 1:
            raise ParameterError(
                f"choose one candidate first, on the map or in a table; {self.chosen.size} are chosen."
            )
        return self.labels[int(self.chosen[0])]

    # ---- what if -----------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        """A value is being typed, or the slider moves."""
        if self.chosen.size != 1 or not self.now.told.size:
            return
        try:
            values, _ = read_values(self.candidate.typed, self.objectives)
        except ParameterError:
            self._end_preview()
            return
        self.clear_error()
        rule = self.params["acquisition"]
        options = {} if rule is None else {"acquisition": rule}
        self.preview = self.search.what_if(self.the_one(), values if len(values) > 1 else values[0], **options)
        self._draw_map()
        show_candidate(self, fields=False)

    def _end_preview(self) -> None:
        if self.preview is not None:
            self.preview = None
            self._draw_map()
            show_candidate(self, fields=False)

    def _clear(self) -> None:
        self.candidate.fill([""] * len(self.objectives))
        self.clear_error()
        self._end_preview()
        show_candidate(self)

    # ---- telling -----------------------------------------------------------------------------------------------

    def _idle(self) -> None:
        if self.worker.running:
            raise ParameterError("a run is going on: Cancel it first.")

    def _do(self, text: str, forth: list[Any], back: list[Any]) -> None:
        """Do something with the search; if it fails nothing is remembered."""
        self._idle()
        self.steps.do(self.search, Step(text, tuple(forth), tuple(back)))
        self.clear_message()
        self.candidate.fill([""] * len(self.objectives))
        self.renew()

    def _tell_clicked(self) -> None:
        label = self.the_one()
        told = self.now.told_value(int(self.chosen[0]))
        if told is not None:
            if monotonic() - self._told_at < _TWICE and self._told_last == label:
                return  # the second click of two
            raise ParameterError(
                f"{label} was told already ({', '.join(f'{v:g}' for v in told)}). Press Correct to put another value "
                "in its place, or Retract to take it back."
            )
        self.tell(*read_values(self.candidate.typed, self.objectives))
        self._told_at, self._told_last = monotonic(), label

    def _measure_clicked(self) -> None:
        """Take the value of the chosen candidate from where values come from, in the worker: it may be slow."""
        label = self.the_one()
        if self.worker.running or self.now.told_value(int(self.chosen[0])) is not None:
            return
        self._start(lambda params: iter_trials(self, params, self._stop, [label]), False)

    def _correct_clicked(self) -> None:
        values, error = read_values(self.candidate.typed, self.objectives)
        self.correct(values, error)

    def _skip_clicked(self) -> None:
        label = self.the_one()
        excluded = bool(self.now.belief["excluded"].values[int(self.chosen[0])])
        self.bar([label], exclude=not excluded)
        if not excluded and self.now.next.size:
            self._pick(self.now.next[:1], False)

    def _bar_clicked(self, kind: str) -> None:
        if not self.chosen.size:
            raise ParameterError("choose candidates first: drag a rectangle on the map.")
        if kind == "only":
            others = np.setdiff1d(np.arange(self.n), self.chosen)
            self.bar([self.labels[i] for i in others.tolist()])
        else:
            self.bar([self.labels[i] for i in self.chosen.tolist()], exclude=kind == "exclude")
        self._pick([], False)  # what became of them is seen without their marks

    def _batch_pending(self) -> None:
        self.pending([self.labels[i] for i in self.now.next.tolist()])

    # ---- runs --------------------------------------------------------------------------------------------------

    def run(self, wait: bool = False) -> None:
        """Ask and tell by itself, ``params["n_trials"]`` times; needs ``values=``.

        Parameters
        ----------
        wait : bool, default False
            Return when it has ended, and raise what made it fail.
        """
        if self.measure is None:
            self.renew()
            return
        self._start(self._parts, wait)

    def _start(self, work: Callable[[dict[str, Any]], Iterator[Part]], wait: bool) -> None:
        if not self.worker.running:
            self._stop = threading.Event()
            self._clear()
        self._launch(work, self._take, wait)
        self._history_shown()

    def cancel(self) -> None:
        """Stop the running trials now and keep what was told."""
        self._stop.set()
        super().cancel()

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        return iter_trials(self, params, self._stop, None)

    def _take(self, part: Part) -> None:
        """Draw what is told so far, for a quarter of the time at most."""
        began = monotonic()
        if self.worker.running and began >= self._draw_next:
            self.renew()
            self._draw_next = monotonic() + 3 * (monotonic() - began)

    def _run_ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        super()._run_ended(state, part, error)
        self.guard(self.renew)()

    def close(self) -> None:
        """Stop what runs, let the journal go, and remove the widget from every page."""
        stop = getattr(self, "_stop", None)
        if stop is not None:
            stop.set()
        for part in (getattr(self, "model", None),):
            if part is not None:
                part.end()
        super().close()
        if self.search is not None:
            for search in {id(s): s for s in getattr(self, "branches", {}).values()}.values():
                search.close()
