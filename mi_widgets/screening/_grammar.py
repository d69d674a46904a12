"""Small expressions of three radii and a charge that have no unit: what is searched, built without reading any text."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Grammar", "make_grammar"]

_OPERATORS = ("+", "-", "*", "/")
#: How the charge of A enters the second term: text, and the number of symbols that it adds.
_COUPLINGS = (
    ("{}", 0),
    ("n_a*{}", 2),
    ("{}/n_a", 2),
    ("(n_a + {})", 2),
    ("(n_a - {})", 2),
    ("n_a*(n_a - {})", 4),
    ("n_a**2*{}", 4),
)


@dataclass(frozen=True)
class Grammar:
    """Expressions ``first operator second``, and each second term alone.

    Attributes
    ----------
    first, second : list of str
        Texts of the terms.
    first_values, second_values : (terms, compounds)
    first_size, second_size : (terms,) int
        Numbers of symbols.
    pairs : (expressions, 3) int
        First term (-1: none), operator, second term; the simplest first.
    """

    first: list[str]
    second: list[str]
    first_values: np.ndarray
    second_values: np.ndarray
    first_size: np.ndarray
    second_size: np.ndarray
    pairs: np.ndarray

    def __len__(self) -> int:
        return len(self.pairs)

    def text(self, number: int) -> str:
        """How an expression is written."""
        first, operator, second = self.pairs[number]
        if first < 0:
            return self.second[second]
        right = self.second[second]
        if operator == 3 and not right.startswith("(n_a"):  # whole in brackets already
            right = f"({right})"
        return f"{self.first[first]} {_OPERATORS[operator]} {right}"

    def sizes(self) -> np.ndarray:
        """Number of symbols of each expression."""
        first, _, second = self.pairs.T
        return np.where(first < 0, 0, self.first_size[first] + 1) + self.second_size[second]

    def values(self, numbers: slice) -> np.ndarray:
        """(expressions, compounds); NaN where one is undefined."""
        first, operator, second = self.pairs[numbers].T
        out = self.second_values[second].copy()
        with np.errstate(all="ignore"):
            for code in range(4):
                rows = (operator == code) & (first >= 0)
                one, other = self.first_values[first[rows]], out[rows]
                out[rows] = (one + other, one - other, one * other, one / other)[code]
        out[~np.isfinite(out)] = np.nan
        return out


def make_grammar(r_a: np.ndarray, r_b: np.ndarray, r_x: np.ndarray, n_a: np.ndarray, *, large: bool) -> Grammar:
    """All expressions for these compounds: some ten thousand, or some thirty-five thousand.

    Parameters
    ----------
    r_a, r_b, r_x : (n,)
        Radii, one unit.
    n_a : (n,)
        Charges.
    large : bool
        Also squares, roots and other functions as first terms.
    """
    ratios = list(_ratios(r_a, r_b, r_x))
    plain = [(text, values, 3 + 2 * text.count("+")) for text, values in ratios]
    logs = [_log(*term) for term in plain[::2]]  # the logarithm of an inverse only has another sign
    first = plain + logs
    with np.errstate(all="ignore"):
        powers = [(f"({t})**2", v**2, n + 2) for t, v, n in plain] + [
            (f"sqrt({t})", np.sqrt(v), n + 1) for t, v, n in plain
        ]
        poles = [(f"({t})/log({t})", v / np.where(_is_one(v), np.nan, np.log(v)), 2 * n + 2) for t, v, n in plain]
        functions = plain + logs + powers + poles
        second = [
            (shape.format(text), _couple(k, n_a, v), n + extra)  # products all: they need no brackets
            for k, (shape, extra) in enumerate(_COUPLINGS)
            for text, v, n in functions
        ]
    firsts = functions if large else first
    every = [(-1, 0, j) for j in range(len(second))]
    every += [(i, o, j) for o in range(4) for i in range(len(firsts)) for j in range(len(second))]
    pairs = np.array(every, dtype=np.int64)
    made = Grammar(
        [t for t, _, _ in firsts],
        [t for t, _, _ in second],
        np.array([v for _, v, _ in firsts]),
        np.array([v for _, v, _ in second]),
        np.array([n for _, _, n in firsts]),
        np.array([n for _, _, n in second]),
        pairs,
    )
    order = np.argsort(made.sizes(), kind="stable")
    return Grammar(**{**made.__dict__, "pairs": pairs[order]})


def _ratios(r_a: np.ndarray, r_b: np.ndarray, r_x: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Ratios of lengths, each followed by its inverse."""
    named = {"r_a": r_a, "r_b": r_b, "r_x": r_x, "(r_a + r_x)": r_a + r_x, "(r_b + r_x)": r_b + r_x}
    for over, under in (("r_a", "r_b"), ("r_a", "r_x"), ("r_b", "r_x"), ("(r_a + r_x)", "(r_b + r_x)")):
        yield f"{over}/{under}", named[over] / named[under]
        yield f"{under}/{over}", named[under] / named[over]


def _log(text: str, values: np.ndarray, size: int) -> tuple[str, np.ndarray, int]:
    return f"log({text})", np.log(values), size + 1


def _is_one(ratio: np.ndarray) -> np.ndarray:
    return np.abs(ratio - 1) < 1e-9


def _couple(kind: int, n: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.asarray((lambda: u, lambda: n * u, lambda: u / n, lambda: n + u, lambda: n - u,
                       lambda: n * (n - u), lambda: n**2 * u)[kind]())  # fmt: skip
