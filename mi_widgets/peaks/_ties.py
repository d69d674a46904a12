"""Ties between parameters, from the way they are written to the way they are fitted."""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._problem import Problem, Ties

EQUAL = "equal"


def parse_ties(ties: Mapping[str, Any] | None, model: Model, held: Mapping[str, float] | None = None) -> Ties | None:
    """Read ties; nothing in them is executed.

    Parameters
    ----------
    ties : mapping or None
        ``{"p1_center": "p0_center + 1.2", "p1_amplitude": "0.5 * p0_amplitude"}`` lets a parameter follow another,
        ``{"p0_fraction": 0.3}`` holds it, ``{"sigma": "equal"}`` makes it equal for all peaks that have it.
    model : Model
        The model whose parameters are tied.
    held : mapping, optional
        Parameters that bounds hold at one value, where no tie says otherwise.

    Raises
    ------
    ParameterError
        An unknown name, something else than ``number * parameter + number``, or parameters that follow each other.
    """
    if not ties and not held:
        return None
    ties = ties or {}
    if not isinstance(ties, Mapping):
        raise ParameterError(f"ties must be a dict such as {{'p1_center': 'p0_center + 1.2'}}; got {ties!r}.")
    rules: dict[int, tuple[int, float, float]] = {}
    for name, rule in ties.items():
        if rule == EQUAL and name in model.peak_names:
            first, *others = (int(c) for c in model.columns(name))
            rules |= dict.fromkeys(others, (first, 1.0, 0.0))
        elif name in model.names:
            rules[model.names.index(name)] = _rule(name, rule, model)
        else:
            raise ParameterError(
                f"ties: unknown parameter {name!r}; write one of {', '.join(model.names)}, or one of "
                f"{', '.join(model.peak_names)} with 'equal'."
            )
    for name, value in (held or {}).items():
        rules.setdefault(model.names.index(name), (-1, 0.0, value))
    out = Ties.none(model.n_parameters)
    for a in rules:
        out.owner[a], out.factor[a], out.offset[a] = _follow(a, rules, model)
    if (out.owner < 0).all():
        raise ParameterError("ties hold every parameter: nothing is left to fit.")
    return out


def parse_shared(shared: Sequence[str] | None, problem: Problem) -> np.ndarray | None:
    """Columns of the parameters that have one value for the whole map.

    Parameters
    ----------
    shared : sequence of str or None
        ``["fraction", "p0_sigma"]``: the same for all spectra, each peak with its own value; of parameters that are
        tied to each other, name the one that the others follow.
    problem : Problem
        What is fitted, with its ties.

    Raises
    ------
    ParameterError
        An unknown name, a parameter that is held or follows another, or nothing left for each spectrum.
    """
    if not shared:
        return None
    model = problem.model
    known = (*model.peak_names, *model.background_names, *model.names)
    if isinstance(shared, str) or not all(isinstance(name, str) and name in known for name in shared):
        raise ParameterError(f"shared must list parameters such as ['fraction', 'p0_sigma']; got {shared!r}. "
                             f"This model has {', '.join(dict.fromkeys(known))}.")  # fmt: skip
    columns: set[int] = set()
    for name in shared:
        whole = [int(c) for c in model.columns(name)] if name not in model.names else [model.names.index(name)]
        free = [c for c in whole if c in problem.free]
        if not free:
            raise ParameterError(f"shared: {name!r} is held or follows another parameter; name that one.")
        columns.update(free)
    if len(columns) == problem.free.size:
        raise ParameterError("shared lists every free parameter: nothing is left for the single spectra.")
    return np.array(sorted(columns))


def _follow(a: int, rules: Mapping[int, tuple[int, float, float]], model: Model) -> tuple[int, float, float]:
    """Follow a chain of rules to the free parameter, or constant, at its end."""
    seen, factor, offset = [a], 1.0, 0.0
    while a in rules:
        target, times, plus = rules[a]
        factor, offset, a = factor * times, offset + factor * plus, target
        if a in seen:
            chain = ", ".join(model.names[i] for i in seen)
            raise ParameterError(f"ties: {chain} follow each other in a circle; leave one of them free.")
        seen.append(a)
        if a < 0:
            return -1, 0.0, offset
    return a, factor, offset


def _rule(name: str, rule: Any, model: Model) -> tuple[int, float, float]:
    """(parameter followed or -1, factor, constant)."""
    if isinstance(rule, int | float | np.integer | np.floating) and not isinstance(rule, bool) and np.isfinite(rule):
        return -1, 0.0, float(rule)
    try:
        followed, factor, constant = _linear(ast.parse(str(rule), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise ParameterError(
            f"ties[{name!r}] must be a number, 'number * parameter + number', or 'equal'; got {rule!r} ({error})."
        ) from None
    if followed is None:
        return -1, 0.0, constant
    if followed not in model.names:
        raise ParameterError(f"ties[{name!r}]: unknown parameter {followed!r}; write one of {', '.join(model.names)}.")
    return model.names.index(followed), factor, constant


def _linear(node: ast.expr) -> tuple[str | None, float, float]:
    """(name, factor, constant) of an expression that is linear in at most one name."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return None, 0.0, float(node.value)
    if isinstance(node, ast.Name):
        return node.id, 1.0, 0.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
        name, factor, constant = _linear(node.operand)
        return name, sign * factor, sign * constant
    if isinstance(node, ast.BinOp):
        (name, factor, constant), (other, times, plus) = _linear(node.left), _linear(node.right)
        if isinstance(node.op, ast.Add | ast.Sub) and (name is None or other is None):
            sign = 1.0 if isinstance(node.op, ast.Add) else -1.0
            return name or other, factor + sign * times, constant + sign * plus
        if isinstance(node.op, ast.Mult) and (name is None or other is None):
            scale, (kept, by, add) = (
                (constant, (other, times, plus)) if name is None else (plus, (name, factor, constant))
            )
            return kept, scale * by, scale * add
        if isinstance(node.op, ast.Div) and other is None and plus != 0:
            return name, factor / plus, constant / plus
    raise ValueError("only + - * / of numbers and one parameter")
