"""Choosing rows by an expression such as ``element == 'O' and z > 8``; it is read, never executed."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["evaluate", "match"]

_LONGEST = 2000
_NUMBER_HELP = "Write such as x / y - 2 * log(z)."
_HELP = "Write such as element == 'O' and z > 8, or index in (1, 2, 3) or not x < 2.5."
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: lambda a, b: _as_text(a, b)[0] == _as_text(a, b)[1],
    ast.NotEq: lambda a, b: _as_text(a, b)[0] != _as_text(a, b)[1],
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Mod: np.mod,
    ast.Pow: np.power,
}
_CALLS: dict[str, Callable[[Any], Any]] = {"abs": np.abs, "isnan": np.isnan, "log": np.log, "sqrt": np.sqrt}


def match(expression: str, names: Mapping[str, np.ndarray], n_rows: int) -> np.ndarray:
    """Which rows an expression is true for.

    Parameters
    ----------
    expression : str
        Comparisons of names, numbers and text, joined by ``and``, ``or``, ``not``, with ``+ - * / % **``,
        ``in (…)``, ``abs``, ``sqrt``, ``log``, ``isnan``.
    names : mapping of str to (n_rows,)
        What can be named.
    n_rows : int

    Returns
    -------
    (n_rows,) bool

    Raises
    ------
    ParameterError
        The expression cannot be read, names something unknown, or is not a condition.

    Examples
    --------
    >>> match("element == 'O' and z > 8", {"element": np.array(["O", "H"]), "z": np.array([9.0, 9.0])}, 2)
    array([ True, False])
    """
    out = _read(expression, names, _HELP)
    if out.dtype != bool:
        raise ParameterError(f"{expression[:80]!r} gives no yes or no for each row. {_HELP}")
    return np.asarray(np.broadcast_to(out, n_rows).copy())


def evaluate(expression: str, names: Mapping[str, np.ndarray], n_rows: int) -> np.ndarray:
    """Value of an expression for each row.

    Parameters
    ----------
    expression : str
        Names and numbers joined by ``+ - * / % **``, with ``abs``, ``sqrt``, ``log`` (natural).
    names : mapping of str to (n_rows,)
        What can be named.
    n_rows : int

    Returns
    -------
    (n_rows,) float
        NaN or infinite where it is undefined.

    Raises
    ------
    ParameterError
        The expression cannot be read, names something unknown, or is no number.

    Examples
    --------
    >>> evaluate("x / 2 - log(y)", {"x": np.array([2.0, 4.0]), "y": np.array([1.0, 1.0])}, 2)
    array([1., 2.])
    """
    out = _read(expression, names, _NUMBER_HELP)
    if out.dtype.kind not in "iuf":
        raise ParameterError(f"{expression[:80]!r} gives no number for each row. {_NUMBER_HELP}")
    return np.asarray(np.broadcast_to(out, n_rows), dtype=float).copy()


def _read(expression: str, names: Mapping[str, np.ndarray], remedy: str) -> np.ndarray:
    if len(expression) > _LONGEST:
        raise ParameterError(f"the expression has {len(expression)} characters; write at most {_LONGEST}.")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        with np.errstate(all="ignore"):
            return np.asarray(_Reader(names).read(tree.body))
    except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError, OverflowError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"cannot read {expression[:80]!r}: {error}. {remedy}") from None


class _Reader:
    def __init__(self, names: Mapping[str, np.ndarray]) -> None:
        self.names = names

    def read(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BoolOp):
            parts = [self.condition(v) for v in node.values]
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce(np.broadcast_arrays(*parts))
        if isinstance(node, ast.Compare):
            return self.compare(node)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                return np.logical_not(self.condition(node.operand))
            if isinstance(node.op, (ast.USub, ast.UAdd)):
                return (-1 if isinstance(node.op, ast.USub) else 1) * self.number(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
            return _BINARY[type(node.op)](self.number(node.left), self.number(node.right))
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str)):
            return node.value if isinstance(node.value, (bool, str)) else float(node.value)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
            if node.func.id not in _CALLS:
                raise ParameterError(f"there is no function {node.func.id!r}; there are {', '.join(_CALLS)}.")
            return _CALLS[node.func.id](self.number(node.args[0]))
        raise ParameterError(f"{ast.unparse(node)[:60]!r} is not allowed in an expression. {_HELP}")

    def name(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise ParameterError(f"there is nothing called {name!r}; there are {', '.join(sorted(self.names))}.")
        return self.names[name]

    def number(self, node: ast.expr) -> np.ndarray:
        value = np.asarray(self.read(node))
        if value.dtype.kind not in "iufb":
            raise ParameterError(f"{ast.unparse(node)[:60]!r} is text, and a number is needed there. {_HELP}")
        return value.astype(float)

    def condition(self, node: ast.expr) -> np.ndarray:
        value = np.asarray(self.read(node))
        if value.dtype != bool:
            raise ParameterError(f"{ast.unparse(node)[:60]!r} is no condition. {_HELP}")
        return value

    def compare(self, node: ast.Compare) -> np.ndarray:
        left, out = self.read(node.left), np.array(True)
        for op, right in zip(node.ops, node.comparators, strict=True):
            if type(op) not in _COMPARE and not isinstance(op, (ast.Is, ast.IsNot)):  # in, and its contrary
                if not isinstance(right, (ast.Tuple, ast.List, ast.Set)):
                    raise ParameterError(f"'in' needs a list of values in brackets. {_HELP}")
                hits = [_COMPARE[ast.Eq](left, self.read(v)) for v in right.elts]
                found = np.logical_or.reduce(np.broadcast_arrays(np.zeros(np.shape(left), bool), *hits))
                out = out & (found if isinstance(op, ast.In) else ~found)
                continue
            if type(op) not in _COMPARE:
                raise ParameterError(f"'is' cannot compare here; write ==. {_HELP}")
            value = self.read(right)
            if type(op) not in (ast.Eq, ast.NotEq) and "U" in {np.asarray(v).dtype.kind for v in (left, value)}:
                raise ParameterError(f"text can be compared by == and != only. {_HELP}")
            out = out & _COMPARE[type(op)](left, value)
            left = value
        return np.asarray(out)


def _as_text(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.asarray(a), np.asarray(b)
    if {one.dtype.kind, other.dtype.kind} & set("OUS"):
        return one.astype(str), other.astype(str)
    return one, other
