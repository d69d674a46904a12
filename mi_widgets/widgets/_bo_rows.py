"""Tables of candidates: the next batch, those being measured, those told."""

from typing import TYPE_CHECKING, Any

import ipywidgets as ipw
import numpy as np

from mi_widgets.plots._bo_marks import BEST_COLOR, NEXT_COLOR
from mi_widgets.plots._style import PIN_COLOR, nice_unit
from mi_widgets.widgets._bo_candidate import feature_rows
from mi_widgets.widgets._bo_params import BATCHES, MOST_SUGGESTIONS, acquisitions
from mi_widgets.widgets._fields import Quiet, field
from mi_widgets.widgets._pointing import short
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._table import plus_minus

if TYPE_CHECKING:
    from mi_widgets.widgets._bo_base import SearchBase

__all__ = ["CandidateTable"]

KINDS = ("next", "pending", "told")
_MOST_FEATURES, _MOST_ROWS = 4, 500
_EMPTY = {
    "next": "Nothing is left to be suggested.",
    "pending": "Nothing is being measured.",
    "told": "Nothing told yet.",
}


class CandidateTable(ipw.VBox):
    """The table with its tabs and the choice of how suggestions are made."""

    def __init__(self, app: "SearchBase") -> None:
        self._app, self._quiet, self._features = app, Quiet(), app.axes.ordered
        self.kind = ipw.ToggleButtons(options=[(k, k) for k in KINDS], tooltips=[
            "What to measure next", "What is being measured", "What was told, the newest first"])  # fmt: skip
        self.kind.add_class("mi-tabs")
        self.kind.observe(app.guard(lambda _: self.show()), "value")
        self.number = ipw.BoundedIntText(value=app.params["n_suggestions"], min=1, max=MOST_SUGGESTIONS,
            layout={"width": "62px"}, tooltip="How many are suggested at once")  # fmt: skip
        self.batch = ipw.Dropdown(options=[(t, n) for n, t in BATCHES.items()], value=app.params["batch"],
            layout={"width": "136px"}, tooltip="How several suggestions are kept apart")  # fmt: skip
        rules = acquisitions(app.search._settings)
        self.acquisition = ipw.Dropdown(options=rules, value="", layout={"width": "216px"},
            tooltip="How suggestions are ranked; another one needs no new trial")  # fmt: skip
        for widget in (self.number, self.batch, self.acquisition):
            widget.observe(app.guard(self._changed), "value")
        self.mark = ipw.Button(description="All pending", layout={"width": "auto"}, tooltip=(
            "Mark the whole batch as being measured"))  # fmt: skip
        self.mark.on_click(lambda _: app.guard(app._batch_pending)())
        self.rows = RowTable([], app.guard(app._pick_one))
        options = ipw.HBox([field("how many", self.number), field("ranked by", self.acquisition),
                            field("batch", self.batch), self.mark])  # fmt: skip
        options.add_class("mi-row")
        self.options = options
        super().__init__([self.kind, options, self.rows])
        self.set(app.params)
        self.add_class("mi-bo-table")

    def set(self, params: dict[str, Any]) -> None:
        """Show parameters that came from somewhere else."""
        with self._quiet:
            self.number.value, self.batch.value = params["n_suggestions"], params["batch"]
            rule = params["acquisition"] or ""
            rule = "" if rule == self._app.search._settings.acquisition else rule
            if rule not in [v for _, v in self.acquisition.options]:
                self.acquisition.options = [*self.acquisition.options, (rule, rule)]
            self.acquisition.value = rule

    def _changed(self, _change: Any) -> None:
        if not self._quiet:
            self._app.set_params(
                n_suggestions=self.number.value, batch=self.batch.value, acquisition=self.acquisition.value or None
            )

    def show(self) -> None:
        """Fill the table that is in sight, and the numbers on the tabs."""
        app, now = self._app, self._app.now
        counts = {"next": "", "pending": f" ({now.pending.size})" if now.pending.size else "",
                  "told": f" ({now.told.size:,})" if now.told.size else ""}  # fmt: skip
        names = {"next": "suggested next", "pending": "pending", "told": "told"}
        kind = self.kind.value
        options = [(names[k] + counts[k], k) for k in KINDS]
        if tuple(self.kind.options) != tuple(options):
            with self.kind.hold_trait_notifications():
                self.kind.options, self.kind.value = options, kind
        self.options.layout.display = None if kind == "next" else "none"
        places = {"next": now.next, "pending": now.pending, "told": now.told[::-1]}[kind][:_MOST_ROWS]
        pool = app.pool
        shown = [n for n in (app.x, app.y) if n in app.axes.features]
        features = [*shown, *(n for n in self._features if n not in shown)][:_MOST_FEATURES]
        columns = [{"title": "candidate", "left": True}, *({"title": _head(pool, n)} for n in features)]
        columns += [{"title": "told"}] if kind == "told" else []
        columns += [{"title": "expected"}, {"title": "acquisition", "tip": "What suggestions are ranked by"}]
        best = set(now.best.tolist())
        color = {"next": NEXT_COLOR, "pending": PIN_COLOR, "told": "#2b3138"}[kind]
        rows = [{"id": int(i), "cells": self._cells(int(i), features, kind),
                 "color": BEST_COLOR if int(i) in best else color} for i in places]  # fmt: skip
        self.rows.columns = columns
        self.rows.rows = rows
        self.rows.note = _note(app, kind) if rows else _EMPTY[kind]
        self.mark.disabled = not len(now.next)
        self.rows.chosen = [int(i) for i in app.chosen[:500]]

    def _cells(self, i: int, features: list[str], kind: str) -> list[str]:
        app, now = self._app, self._app.now
        belief = now.belief
        known = dict(feature_rows(app.pool[features], i))
        cells = [str(app.labels[i]), *(known.get(n, "0").split(" ")[0] for n in features)]
        if kind == "told":
            values = now.values[np.flatnonzero(now.told == i)[0]]
            cells.append(", ".join(short(float(f"{v:.5g}")) if np.isfinite(v) else "not feasible" for v in values))
        mean, stderr = (np.atleast_1d(belief[n].values[i]) for n in ("mean", "stderr"))
        cells.append(", ".join(plus_minus(float(m), float(s)) for m, s in zip(mean, stderr, strict=True)))
        value = float(belief["acquisition"].values[i])
        return [*cells, f"{value:.4g}" if np.isfinite(value) else "–"]


def _head(pool: Any, name: str) -> str:
    units = str(pool[name].attrs.get("units", "1"))
    return name if units in ("", "1") else f"{name} ({nice_unit(units)})"


def _note(app: "SearchBase", kind: str) -> str:
    now = app.now
    more = len(app.pool.data_vars) - _MOST_FEATURES
    tail = f" · {more} more feature{'' if more == 1 else 's'}, click a row" if more > 0 else ""
    if kind == "next" and now.is_random:
        n = app.search._settings.n_initial
        return f"drawn at random until {n} values are told ({app.search.n_told} so far); the model is asked then{tail}"
    if kind == "next":
        return f"the most promising first, of {now.n_left:,} that can be suggested{tail}"
    if kind == "told" and now.told.size > _MOST_ROWS:
        return f"the newest {_MOST_ROWS} of {now.told.size:,}{tail}"
    return tail[3:]
