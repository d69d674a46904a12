"""What an lmfit model and its parameters say, in the words of `fit_peaks`; or why that cannot be said."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._shapes import SHAPES
from mi_widgets.peaks._ties import parse_ties

PEAKS = {
    "gaussian": "gaussian",
    "lorentzian": "lorentzian",
    "pvoigt": "pseudo-voigt",
    "voigt": "voigt",
}
BACKGROUNDS = {"constant": "constant", "linear": "linear", "parabolic": "quadratic", "exponential": "exponential"}


class NotBatchableError(Exception):
    """The reason why a model must be left to lmfit."""


def translate(model: Any, params: Any, low: float, high: float) -> dict[str, Any]:
    """Keywords of `fit_peaks` for the same fit on an axis from `low` to `high`.

    Raises
    ------
    NotBatchableError
        With the reason.
    """
    parts = _components(model)
    peaks = [(PEAKS[name], part) for name, part in parts if name in PEAKS]
    grounds = [(BACKGROUNDS[name], part) for name, part in parts if name in BACKGROUNDS]
    if not peaks:
        raise NotBatchableError("the model has no peak")
    if len(grounds) > 1:
        raise NotBatchableError("the model has more than one background")
    names: dict[str, str] = {}  # lmfit's name -> ours
    for k, (shape, part) in enumerate(peaks):
        names |= {f"{part.prefix}{root}": f"p{k}_{root}" for root in SHAPES[shape].parameters}
    if grounds and grounds[0][0] == "constant":
        names[f"{grounds[0][1].prefix}c"] = "background_level"
    ours = Model(tuple(shape for shape, _ in peaks), grounds[0][0] if grounds else "none")
    ties: dict[str, Any] = {}
    bounds: dict[str, tuple[float, float]] = {}
    for theirs, name in names.items():
        parameter = params[theirs]
        bounds[name] = (float(parameter.min), float(parameter.max))
        if parameter.expr:
            ties[name] = _rule(theirs, params, names)
        elif not parameter.vary:
            ties[name] = float(parameter.value)
            bounds.pop(name)
        if name.endswith("_center") and name in bounds and bounds[name] == (-np.inf, np.inf):
            inside = low <= parameter.value <= high
            bounds.update({name: (low, high)} if inside and not parameter.expr else {})
    start: dict[str, Any] = {
        root: [float(params[f"{p.prefix}{root}"].value) if root in SHAPES[s].parameters else np.nan for s, p in peaks]
        for root in ours.peak_names
    }
    if grounds:
        kind, part = grounds[0]
        values, more = _GROUNDS[kind](params, part.prefix, low, high)
        start |= values
        ties |= more
    try:
        parse_ties(ties, ours)
    except ParameterError as error:
        raise NotBatchableError(str(error)) from None
    return {
        "lineshape": list(ours.lineshapes),
        "background": ours.background,
        "bounds": bounds,
        "ties": ties,
        "start": start,
    }


def _components(model: Any) -> list[tuple[str, Any]]:
    """Names of lmfit's functions that are added up, with their models."""
    import lmfit

    if isinstance(model, lmfit.model.CompositeModel):
        if model.op is not operator.add:
            raise NotBatchableError(f"its parts are joined by {getattr(model.op, '__name__', model.op)}, not added")
        return [*_components(model.left), *_components(model.right)]
    constant = isinstance(model, lmfit.models.ConstantModel)  # its function is made anew for each
    for name in (*PEAKS, *BACKGROUNDS):
        if model.func is getattr(lmfit.lineshapes, name, None) or (constant and name == "constant"):
            plain = type(model).eval is lmfit.Model.eval and list(model.independent_vars) == ["x"] and not model.opts
            if not plain:
                raise NotBatchableError(f"{model.name} has options or an evaluation of its own")
            return [(name, model)]
    raise NotBatchableError(f"{model.name} has no counterpart here")


class _Names(ast.NodeTransformer):
    """Puts our names, numbers for what does not vary, and the expressions of helpers into an expression."""

    def __init__(self, params: Any, names: Mapping[str, str], seen: tuple[str, ...]) -> None:
        self.params, self.names, self.seen = params, names, seen

    def visit_Name(self, node: ast.Name) -> ast.expr:
        parameter = self.params.get(node.id)
        if parameter is None or node.id in self.seen:
            return node
        if not parameter.vary and not parameter.expr:
            return ast.Constant(float(parameter.value))
        if node.id in self.names:
            return ast.Name(self.names[node.id], ast.Load())
        if parameter.expr:
            inner = ast.parse(parameter.expr, mode="eval").body
            visited = _Names(self.params, self.names, (*self.seen, node.id)).visit(inner)
            return visited if isinstance(visited, ast.expr) else node
        return node


def _rule(name: str, params: Any, names: Mapping[str, str]) -> str:
    """The expression of a parameter in our names; nothing in it is executed."""
    text = params[name].expr
    try:
        tree = _Names(params, names, (name,)).visit(ast.parse(text, mode="eval"))
        return ast.unparse(ast.fix_missing_locations(tree))
    except (SyntaxError, ValueError, RecursionError) as error:
        raise NotBatchableError(f"the expression {text!r} of {name!r} cannot be read ({error})") from None


def _free(params: Any, names: list[str], what: str) -> list[bool]:
    """Which parameters of a background vary; they may have neither bounds nor expressions."""
    for name in names:
        parameter = params[name]
        if parameter.expr:
            raise NotBatchableError(f"{name!r} of a {what} background follows an expression")
        if parameter.vary and (np.isfinite(parameter.min) or np.isfinite(parameter.max)):
            raise NotBatchableError(f"{name!r} of a {what} background has bounds; here its ends have them")
    return [bool(params[name].vary) for name in names]


Ground = tuple[dict[str, float], dict[str, Any]]


def _constant(params: Any, prefix: str, _low: float, _high: float) -> Ground:
    return {"background_level": float(params[f"{prefix}c"].value)}, {}


def _linear(params: Any, prefix: str, low: float, high: float) -> Ground:
    names = [f"{prefix}slope", f"{prefix}intercept"]
    slope, intercept = (float(params[name].value) for name in names)
    free = _free(params, names, "linear")
    values = {"background_left": slope * low + intercept, "background_right": slope * high + intercept}
    if free == [True, True]:
        return values, {}
    if free == [False, False]:
        return values, dict(values)
    if free[1]:  # slope held
        return values, {"background_right": f"background_left + {slope * (high - low)!r}"}
    if low == 0:  # intercept held
        return values, {"background_left": intercept}
    ratio = high / low
    return values, {"background_right": f"{ratio!r} * background_left + {intercept * (1 - ratio)!r}"}


def _quadratic(params: Any, prefix: str, low: float, high: float) -> Ground:
    names = [f"{prefix}{letter}" for letter in "abc"]
    a, b, c = (float(params[name].value) for name in names)
    free = _free(params, names, "quadratic")
    at = {"background_left": low, "background_middle": (low + high) / 2, "background_right": high}
    values = {name: (a * x + b) * x + c for name, x in at.items()}
    if any(free) and not all(free):
        raise NotBatchableError("only some of the parameters of a quadratic background are held")
    return values, {} if all(free) else dict(values)


def _exponential(params: Any, prefix: str, low: float, high: float) -> Ground:
    names = [f"{prefix}amplitude", f"{prefix}decay"]
    amplitude, decay = (float(params[name].value) for name in names)
    first = params[names[0]]
    positive = first.min == 0 and first.max == np.inf  # as it always is here
    free = _free(params, names[1:] if positive else names, "exponential")
    if (positive and not bool(first.vary) == free[-1]) or any(free) != all(free):
        raise NotBatchableError("only one of the parameters of an exponential background is held")
    if amplitude <= 0 or decay == 0:
        raise NotBatchableError("an exponential background must start above zero")
    with np.errstate(over="ignore", under="ignore"):
        values = {name: float(amplitude * np.exp(-x / decay)) for name, x in
                  (("background_left", low), ("background_right", high))}  # fmt: skip
    if not all(0 < v < 1e100 for v in values.values()):
        raise NotBatchableError("the exponential background starts beyond all numbers at an end of the axis")
    return values, {} if all(free) else dict(values)


_GROUNDS: dict[str, Callable[[Any, str, float, float], Ground]] = {
    "constant": _constant,
    "linear": _linear,
    "quadratic": _quadratic,
    "exponential": _exponential,
}
