"""Parameters as fields: one line of a table each gives the default, the check and the control."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import ipywidgets as ipw

from mi_widgets.errors import ParameterError
from mi_widgets.widgets._fields import Quiet, field, read_number

__all__ = ["Field", "StudyControls", "check_fields"]

KINDS = ("number", "integer", "choice", "flag", "text", "slider")


@dataclass(frozen=True)
class Field:
    """One parameter.

    Attributes
    ----------
    name : str
        Key in ``params``.
    default : object
        JSON-able.
    label : str
        Caption, without the unit.
    tip : str
        What it does, in one sentence.
    kind : {"number", "integer", "choice", "flag", "text", "slider"}
        A slider changes while it is moved.
    unit : str
        Shown in the caption and in errors.
    low, high : float, optional
        Least and greatest value; a slider needs both.
    step : float, optional
        Of a slider; default a two hundredth of its range.
    options : sequence
        What can be chosen: values, or pairs of a text and a value; where it is empty, `StudyControls.choose_from`
        gives them and the study checks them.
    optional : bool
        None is allowed; an empty field stands for it.
    compute : bool
        A change makes the result stale; else it changes only what is drawn.
    width : str
        Of the field, as CSS.
    """

    name: str
    default: Any
    label: str
    tip: str
    kind: str = "number"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    options: Sequence[Any] = ()
    optional: bool = False
    compute: bool = True
    width: str = ""

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """Pairs of a text and a value."""
        return [o if isinstance(o, tuple) and len(o) == 2 else (str(o), o) for o in self.options]

    def check(self, value: Any) -> Any:
        """Return the value as it is kept, or raise `ParameterError` with what to write instead."""
        if value is None and self.optional:
            return None
        if self.kind == "choice":
            known = [v for _, v in self.choices]
            if known and value not in known:
                raise ParameterError(f"{self.name} must be one of {', '.join(map(repr, known))}; got {value!r}.")
        elif self.kind == "flag":
            if not isinstance(value, bool):
                raise ParameterError(f"{self.name} must be True or False; got {value!r}.")
        elif self.kind == "text":
            if not isinstance(value, str):
                raise ParameterError(f"{self.name} must be text; got {value!r}.")
        else:
            return self._number(value)
        return value

    def _number(self, value: Any) -> float | int:
        whole = self.kind == "integer"
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        low, high = (
            (-float("inf") if self.low is None else self.low),
            (float("inf") if self.high is None else self.high),
        )
        if not right or not isfinite(value) or not low <= value <= high:
            ends = f" from {low:g}" * (self.low is not None) + f" up to {high:g}" * (self.high is not None)
            kind = "a whole number" if whole else "a number"
            unit = f" {self.unit}" if self.unit else ""
            raise ParameterError(f"{self.name} must be {kind}{ends}{unit}; got {value!r}.")
        return value if whole else float(value)


def check_fields(fields: Sequence[Field], params: Mapping[str, Any]) -> dict[str, Any]:
    """Checked parameters of all fields; others stay as they are."""
    return {**params, **{f.name: f.check(params[f.name]) for f in fields}}


class StudyControls(ipw.HBox):
    """The fields in a row that wraps.

    Parameters
    ----------
    fields : sequence of Field
    params : mapping
        First values.
    on_change : callable
        Called with a dict of the parameters that the user changed.
    on_error : callable
        Called with a `ParameterError` where what is typed cannot be used; the field shows the old value again.

    Attributes
    ----------
    widgets : dict
        The control of each parameter, by its name.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        params: Mapping[str, Any],
        *,
        on_change: Callable[[dict[str, Any]], None],
        on_error: Callable[[Exception], None],
    ) -> None:
        self._fields = {f.name: f for f in fields}
        self._params, self._quiet = dict(params), Quiet()
        self._on_change, self._on_error = on_change, on_error
        self.widgets: dict[str, Any] = {f.name: _control(f) for f in fields}
        self.set(params)
        for name, widget in self.widgets.items():
            widget.observe(lambda change, name=name: self._changed(name, change["new"]), "value")
        super().__init__([_captioned(f, self.widgets[f.name]) for f in fields])
        self.add_class("mi-row")
        self.add_class("mi-controls")

    def set(self, params: Mapping[str, Any]) -> None:
        """Show parameters that came from somewhere else."""
        with self._quiet:
            self._params = dict(params)
            for name, one in self._fields.items():
                widget, value = self.widgets[name], params[name]
                if one.kind in ("number", "integer") or (one.kind == "text" and value is None):
                    value = "" if value is None else value if isinstance(value, str) else f"{value:.7g}"
                if widget.value != value:
                    widget.value = value

    def choose_from(self, name: str, options: Sequence[Any]) -> None:
        """Give a choice other options, such as labels that a result brought; the value stays if it is one of them."""
        with self._quiet:
            one = self._fields[name] = replace(self._fields[name], options=options)
            self.widgets[name].options = one.choices
            if self._params[name] in [v for _, v in one.choices]:
                self.widgets[name].value = self._params[name]

    def _changed(self, name: str, typed: Any) -> None:
        if self._quiet:
            return
        one = self._fields[name]
        try:
            value = replace(one, name=one.label or name).check(_parsed(one, typed))  # by the name on the page
            self._on_change({name: value})
        except ParameterError as error:
            self.set(self._params)
            self._on_error(error)


def _parsed(one: Field, typed: Any) -> Any:
    if one.kind == "text":
        return None if one.optional and not typed.strip() else typed
    if one.kind not in ("number", "integer"):
        return typed
    example = next((v for v in (one.default, one.low, 1.5) if isinstance(v, (int, float))), 1.5)
    value = read_number(typed, one.label, f"{example:g}")
    if value is None and not one.optional:
        raise ParameterError(f"{one.label} is empty; write a number such as {one.default:g}.")
    return int(value) if value is not None and one.kind == "integer" and value == int(value) else value


def _control(one: Field) -> ipw.Widget:
    def width(usual: str) -> dict[str, str]:
        return {"width": one.width or usual}

    if one.kind == "choice":
        value = one.default if one.default in [v for _, v in one.choices] else None
        return ipw.Dropdown(options=one.choices, value=value, tooltip=one.tip, layout=width("130px"))
    if one.kind == "flag":
        return ipw.Checkbox(
            value=one.default, description=one.label, indent=False, tooltip=one.tip, layout=width("auto")
        )
    if one.kind == "slider":
        low, high = float(one.low or 0.0), float(1.0 if one.high is None else one.high)
        return ipw.FloatSlider(
            value=one.default, min=low, max=high, step=one.step or (high - low) / 200, tooltip=one.tip,
            readout_format=".3g", layout=width("200px"),
        )  # fmt: skip
    hint = "auto" if one.optional else ""
    return ipw.Text(
        "", placeholder=hint, continuous_update=False, tooltip=one.tip,
        layout=width("72px" if one.kind != "text" else "200px"),
    )  # fmt: skip


def _captioned(one: Field, widget: ipw.Widget) -> ipw.Widget:
    unit = f" ({html.escape(one.unit)})" if one.unit and one.unit != "1" else ""
    return field("&nbsp;" if one.kind == "flag" else html.escape(one.label) + unit, widget)
