"""The chosen candidate: its features, what is expected of it and why, and the value that comes out."""

import html
import re
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.plots._style import nice_unit
from mi_widgets.widgets._fields import Quiet, field, read_number
from mi_widgets.widgets._pointing import short
from mi_widgets.widgets._rows import RowTable
from mi_widgets.widgets._study import row
from mi_widgets.widgets._table import plus_minus

__all__ = ["CandidatePanel", "read_values"]

_NARROW = {"width": "auto"}
_WHY: list[dict[str, Any]] = [
    {"title": "told", "left": True, "tip": "Candidate that was told"},
    {"title": "value", "tip": "What was told of it"},
    {"title": "weight", "tip": "By how much the expectation moves if this value moves by one"},
]
_N_WHY = 5
_WORDS = {"ehvi": "hypervolume improvement"}
_STEPS = 240
_HINT = (
    "<b>Click a candidate</b> on the map or in the table below, or press <b>Next suggestion</b>.<br>"
    "Then: its features, what is expected of it, and which told values that is made of.<br>"
    "<b>What if</b> it came out as …: type a value or move the slider, and the map shows what would be believed.<br>"
    "<b>Tell</b>, or Enter: it came out so. The search learns, and suggests again."
)


class CandidatePanel(ipw.VBox):
    """Everything about one candidate, or what can be done with several.

    Parameters
    ----------
    objectives : sequence of str
        Names of the values that are told.
    units : str
        Their unit.
    guard : callable
        Makes a safe callback of a function.
    on_typed : callable
        Called while a value is typed or the slider moves.
    on_pick : callable
        Called with the place of a told candidate that was clicked on.
    actions : mapping
        What is called by the buttons ``tell``, ``correct``, ``pending``, ``skip``, ``retract``, ``exclude``,
        ``include``, ``only``, ``clear``.
    """

    def __init__(
        self,
        objectives: Sequence[str],
        units: str,
        *,
        guard: Callable[..., Any],
        on_typed: Callable[[], None],
        on_pick: Callable[[int, bool], None],
        actions: dict[str, Callable[[], None]],
    ) -> None:
        self._quiet, self._on_typed, self._tell, self._shown = Quiet(), guard(on_typed), guard(actions["tell"]), 0
        self.title = ipw.HTML("")
        self.title.add_class("mi-bo-title")
        self.features = ipw.HTML("")
        self.why = RowTable(_WHY, guard(on_pick))
        self.why.add_class("mi-bo-why")
        unit = "" if units == "1" else f" ({html.escape(nice_unit(units))})"
        self.texts = [ipw.Text("", placeholder="value ± error", layout={"width": "136px"}, tooltip=(
            "What came out; Enter tells it. While it is typed, the map shows what would be believed"))
            for _ in objectives]  # fmt: skip
        self.slider = ipw.IntSlider(value=_STEPS // 2, min=0, max=_STEPS, readout=False, tooltip=(
            "What if it came out as …: move, and the map shows what would be believed then. Nothing is told"),
            layout={"width": "190px"})  # fmt: skip
        self._ends = (-1.0, 1.0)  # the page's own slider has whole steps: it rounds and clips what it gets
        for text in self.texts:
            text.observe(self._typed, "value")
            text.on_msg(self._entered)
        self.slider.observe(self._slid, "value")
        self.buttons = {name: self._button(name, guard, actions) for name in actions}
        names = ["it came out as"] if len(objectives) == 1 else [f"{html.escape(n)} came out as" for n in objectives]
        fields = [field(f"<b>{n}</b>{unit}", t) for n, t in zip(names, self.texts, strict=True)]
        more = [field("what if", self.slider)] if len(objectives) == 1 else []
        tell = [self.buttons[n] for n in ("tell", "correct")]
        self.value_row = row(*fields, *more, *tell)
        self.action_row = row(*(self.buttons[n] for n in ("measure", "pending", "skip", "retract", "clear")))
        self.group_row = row(*(self.buttons[n] for n in ("exclude", "include", "only")))
        self.body = ipw.HBox([self.features, self.why])
        self.body.add_class("mi-bo-body")
        super().__init__([self.title, self.body, self.value_row, self.action_row, self.group_row])
        self.add_class("mi-bo-candidate")

    def _button(self, name: str, guard: Callable[..., Any], actions: dict[str, Callable[[], None]]) -> ipw.Button:
        text, tip = _BUTTONS[name]
        out = ipw.Button(description=text, tooltip=tip, layout=_NARROW)
        if name == "tell":
            out.button_style = "primary"
        act = guard(actions[name])
        out.on_click(lambda _: act())
        return out

    # ---- what is typed ---------------------------------------------------------------------------------------------

    @property
    def typed(self) -> list[str]:
        """The texts as they stand."""
        return [t.value for t in self.texts]

    def fill(self, values: Sequence[str]) -> None:
        """Put other texts into the fields, without telling."""
        with self._quiet:
            for text, value in zip(self.texts, values, strict=True):
                text.value = value

    def _typed(self, _change: Any) -> None:
        if self._quiet:
            return
        try:
            value = read_number(re.split("±|\\+/?-", self.texts[0].value)[0], "value")
        except ParameterError:
            value = None
        if value is not None and np.isfinite(value):
            self._put(value)
        self._on_typed()

    def _slid(self, change: Any) -> None:
        if self._quiet or change["new"] == self._shown:
            return
        self._shown = change["new"]
        low, high = self._ends
        digits = max(0, 1 - int(np.floor(np.log10((high - low) / _STEPS))))
        self.fill([f"{low + (high - low) * self._shown / _STEPS:.{min(digits, 12)}f}"])
        self._on_typed()

    def _put(self, value: float) -> None:
        """Put the slider to the stop that is nearest to a value."""
        low, high = self._ends
        with self._quiet:
            self._shown = self.slider.value = round(float(np.clip(_STEPS * (value - low) / (high - low), 0, _STEPS)))

    def _entered(self, _widget: Any, content: dict[str, Any], _buffers: Any) -> None:
        if content.get("event") == "submit":
            self._tell()

    # ---- what is shown ---------------------------------------------------------------------------------------------

    def show_none(self) -> None:
        """Nothing is chosen."""
        self.title.value = f'<div class="mi-hint">{_HINT}</div>'
        self._display(body=False, value=False, actions=False, group=False)

    def show_many(self, n: int, n_excluded: int) -> None:
        """Several are chosen."""
        more = f", {n_excluded:,} of them excluded" if n_excluded else ""
        self.title.value = f"<b>{n:,} candidates chosen</b>{more}"
        self.buttons["exclude"].disabled = n_excluded == n
        self.buttons["include"].disabled = n_excluded == 0
        self._display(body=False, value=False, actions=False, group=True)

    def show_one(self, title: str, rows: str, *, told: bool, pending: bool, excluded: bool) -> None:
        """One is chosen; `title` and `rows` are HTML."""
        self.title.value, self.features.value = title, rows
        disabled = {"tell": told, "measure": told, "correct": not told, "pending": told or pending, "skip": told,
                    "retract": not (told or pending)}  # fmt: skip
        for name, off in disabled.items():
            self.buttons[name].disabled = off
        self.buttons["skip"].description = "Include again" if excluded else "Skip"
        self._display(body=True, value=True, actions=True, group=False)

    def show_why(self, found: xr.Dataset | None, place: dict[Any, int]) -> None:
        """The told candidates that count most."""
        rows, note = [], ""
        if found is not None:
            for k in range(min(_N_WHY, found.sizes["trial"])):
                one = found.isel(trial=k)
                label = one["candidate"].item()
                cells = [str(label), short(float(f"{one['value'].item():.5g}")), f"{one['weight'].item():+.2f}"]
                rows.append({"id": place[label], "cells": cells})
            note = "told values that its expectation is made of; orange on the map"
        self.why.rows, self.why.note = rows, note
        self.why.layout.display = None if rows else "none"

    def scale(self, low: float, high: float, value: float) -> None:
        """Range of the slider."""
        if not (np.isfinite([low, high, value]).all() and high > low):
            self.slider.disabled = True
            return
        self._ends = (low, high)
        self.slider.disabled = False
        self._put(value)

    def _display(self, **shown: bool) -> None:
        rows = {"body": self.body, "value": self.value_row, "actions": self.action_row, "group": self.group_row}
        for name, on in shown.items():
            rows[name].layout.display = None if on else "none"


_BUTTONS = {
    "tell": ("Tell", "Tell the search what came out (Enter in the field does the same)"),
    "measure": ("Measure", "Take its known value, or call the function that gives it, and tell that"),
    "correct": ("Correct", "Put the typed value in the place of the one that was told"),
    "pending": ("Pending", "It is being measured: it is not suggested meanwhile"),
    "skip": ("Skip", "Never suggest it: exclude it"),
    "retract": ("Retract", "Take back what was told of it, or that it is pending"),
    "exclude": ("Exclude", "Never suggest the chosen candidates"),
    "include": ("Include", "Let the chosen candidates be suggested again"),
    "only": ("Only these", "Exclude all others"),
    "clear": ("End preview", "Back from what-if to what is believed"),
}


def read_values(texts: Sequence[str], objectives: Sequence[str]) -> tuple[list[float], float | None]:
    """Numbers that were typed, one for each objective, and the standard error of the first if it was given.

    Raises
    ------
    ParameterError
        A field is empty or holds no number.
    """
    values, error = [], None
    for text, name in zip(texts, objectives, strict=True):
        what = "value" if len(objectives) == 1 else name
        parts = re.split("±|\\+/?-", text)
        number = read_number(parts[0], what)
        if number is None or not np.isfinite(number) or len(parts) > 2:
            got = repr(text.strip()) if text.strip() else "nothing"
            raise ParameterError(f"{what}: write a number such as 0.958, or 0.958 ± 0.002; got {got}.")
        values.append(number)
        if len(parts) == 2:
            error = read_number(parts[1], f"error of {what}")
            if error is None or error < 0:
                raise ParameterError(
                    f"{what}: after ± a standard error is needed, such as 0.958 ± 0.002; got {text!r}."
                )
    return values, error


def feature_rows(pool: xr.Dataset, place: int, most: int = 40) -> list[tuple[str, str]]:
    """Names and values of a candidate, as text; features of zero are left out where there are many."""
    names = [str(n) for n in pool.data_vars]
    if len(names) > 12:
        names = [n for n in names if pool[n].values[place] != 0]
    out = []
    for name in names[:most]:
        value = pool[name].values[place]
        units = str(pool[name].attrs.get("units", "1"))
        text = str(value) if pool[name].dtype.kind not in "iuf" else short(float(f"{float(value):.6g}"))
        out.append((name, text + ("" if units in ("", "1") else f" {nice_unit(units)}")))
    return out


def candidate_html(pool: xr.Dataset, place: int, lines: Sequence[tuple[str, str]]) -> str:
    """Table of the features of a candidate, and of what is believed of it; all text is escaped."""
    rows = [*feature_rows(pool, place), *lines]
    cells = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in rows
    )
    return f'<div class="mi-scroll mi-bo-features"><table class="mi-table"><tbody>{cells}</tbody></table></div>'


def belief_lines(
    belief: xr.Dataset, place: int, told: np.ndarray | None, objectives: Sequence[str]
) -> list[tuple[str, str]]:
    """What is believed and was told of a candidate."""
    one = belief.isel(candidate=place)
    units = str(belief["mean"].attrs.get("units", "1"))
    tail = "" if units == "1" else f" {nice_unit(units)}"
    lines = []
    mean, stderr = (np.atleast_1d(one[n].values) for n in ("mean", "stderr"))
    for j, name in enumerate(objectives):
        of = "" if len(objectives) == 1 else f" {name}"
        if told is not None:
            lines.append((f"told{of}", f"{short(float(told[j]))}{tail}" if np.isfinite(told[j]) else "not feasible"))
        lines.append(
            (f"expected{of}", plus_minus(float(mean[j]), float(stderr[j])) + (tail if np.isfinite(mean[j]) else ""))
        )
    promise = belief["acquisition"]
    value, rank, units = float(one["acquisition"]), int(one["rank"]), str(promise.attrs.get("units", "1"))
    name = str(promise.attrs.get("long_name", "acquisition"))
    unit = "" if units == "1" else f" {nice_unit(units)}"
    lines.append((_WORDS.get(name, name), f"{value:.4g}{unit}" if np.isfinite(value) else "–"))
    n = int((belief["rank"].values > 0).sum())
    lines.append(("rank", f"{rank:,} of {n:,}" if rank else "–"))
    return lines
