"""Circuits written as text, read by recursive descent: ``R-p(R,C)-p(R-W,Q)``."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.impedance._elements import ELEMENTS, Quantity

__all__ = ["Circuit", "Node", "read_circuit"]

_TOKEN = re.compile(r"(CPE|Ws|Wo|[RCLQWG])_?(\d{0,3})")
#: Of these, two side by side are one: no measurement tells them apart.
_ONE_OF_TWO = {"R": "resistors", "C": "capacitors", "L": "inductors", "W": "Warburg elements"}
_MAX_TEXT, _MAX_ELEMENTS, _MAX_DEPTH = 400, 30, 12


@dataclass(frozen=True)
class Node:
    """A part of a circuit.

    Attributes
    ----------
    kind : str
        ``"series"``, ``"parallel"``, or the letters of an element.
    parts : tuple of Node
        What is in series or parallel; empty for an element.
    number : str
        Number that an element was given in the text, else empty.
    """

    kind: str
    parts: tuple["Node", ...] = ()
    number: str = ""

    def elements(self) -> Iterator["Node"]:
        """Elements in the order of the text."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.elements()

    def __str__(self) -> str:
        if self.kind == "parallel":
            return f"p({','.join(map(str, self.parts))})"
        return "-".join(map(str, self.parts)) if self.parts else self.kind

    def canonical(self) -> str:
        """Text that is the same for circuits that differ only in the order of their parts."""
        texts = sorted((part.canonical() for part in self.parts), key=lambda t: (t.startswith("p("), t))
        if self.kind == "parallel":
            return f"p({','.join(texts)})"
        return "-".join(texts) if texts else self.kind

    @property
    def n_parameters(self) -> int:
        """Number of parameters of its elements."""
        return sum(len(ELEMENTS[e.kind].quantities) for e in self.elements())


@dataclass(frozen=True)
class Circuit:
    """An equivalent circuit.

    Attributes
    ----------
    text : str
        The circuit, without blanks and numbers.
    canonical : str
        The same for circuits that differ only in the order in series or parallel.
    names : tuple of str
        Parameters in the order of the text: ``R0``, ``R1``, ``C1``, ``Q1``, ``Q1_n``, ``Ws1_R``, ``Ws1_tau`` …
    element_names : tuple of str
        Elements in the order of the text.
    """

    text: str
    canonical: str
    names: tuple[str, ...]
    element_names: tuple[str, ...]
    root: Node = field(repr=False)
    quantities: tuple[Quantity, ...] = field(repr=False)

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return len(self.names)

    @property
    def logarithmic(self) -> np.ndarray:
        """Which parameters the fit knows by their logarithm."""
        return np.array([q.logarithmic for q in self.quantities])

    def __str__(self) -> str:
        return self.text


def read_circuit(text: object, *, who: str) -> Circuit:
    """Circuit from its text; one that is a `Circuit` already is given back."""
    if isinstance(text, Circuit):
        return text
    if not isinstance(text, str) or not text.strip():
        raise ParameterError(f"{who}: a circuit is text such as 'R-p(R,C)'; got {text!r}.")
    plain = re.sub(r"\s+", "", text)
    if len(plain) > _MAX_TEXT:
        raise ParameterError(f"{who}: a circuit of {len(plain)} characters; at most {_MAX_TEXT} are read.")
    root = _Reader(plain, who).read()
    elements = list(root.elements())
    if len(elements) > _MAX_ELEMENTS:
        raise ParameterError(f"{who}: {plain!r} has {len(elements)} elements; at most {_MAX_ELEMENTS} are read.")
    numbers = _numbers(root, elements, plain, who)
    names = tuple(e.kind + n for e, n in zip(elements, numbers, strict=True))
    pairs = [(n + q.suffix, q) for n, e in zip(names, elements, strict=True) for q in ELEMENTS[e.kind].quantities]
    return Circuit(
        str(root), root.canonical(), tuple(n for n, _ in pairs), names, root, tuple(q for _, q in pairs)
    )  # fmt: skip


def _numbers(root: Node, elements: list[Node], text: str, who: str) -> list[str]:
    """Number of each element: as written, else counted; the resistor in series with all is R0, the rest begin at 1."""
    written = [e.number for e in elements]
    if any(written):
        if not all(written):
            raise ParameterError(f"{who}: number all elements of {text!r}, or none: 'R0-p(R1,C1)' or 'R-p(R,C)'.")
        names = [e.kind + e.number for e in elements]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice:
            raise ParameterError(f"{who}: {twice} stands twice in {text!r}. Give each element a number of its own.")
        return written
    series = root.parts if root.kind == "series" else (root,)
    first = next((part for part in series if part.kind == "R"), None)
    counts: dict[str, int] = {}
    out = []
    for element in elements:
        if element is first:
            out.append("0")
            continue
        counts[element.kind] = counts.get(element.kind, 0) + 1
        out.append(str(counts[element.kind]))
    return out


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, who: str) -> None:
        self.text, self.who, self.at = text, who, 0

    def read(self) -> Node:
        node = self._series(0)
        if self.at < len(self.text):
            hint = "parts in parallel are written p(R,C)" if self.text[self.at] == "," else "a bracket too many?"
            raise self._error(f"{self.text[self.at]!r} is not expected", hint)
        return node

    def _series(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while self.at < len(self.text) and self.text[self.at] == "-":
            self.at += 1
            parts.append(self._part(depth))
        return self._joined("series", parts)

    def _part(self, depth: int) -> Node:
        if depth > _MAX_DEPTH:
            raise self._error(f"brackets are nested more than {_MAX_DEPTH} deep", "write a simpler circuit")
        rest = self.text[self.at :]
        if rest.startswith("p("):
            self.at += 2
            parts = [self._series(depth + 1)]
            while self.text[self.at : self.at + 1] == ",":
                self.at += 1
                parts.append(self._series(depth + 1))
            self._close()
            if len(parts) < 2:
                raise self._error("p(…) holds one part", "parallel needs two or more, as in p(R,C)")
            return self._joined("parallel", parts)
        if rest.startswith("("):
            self.at += 1
            node = self._series(depth + 1)
            self._close()
            return node
        found = _TOKEN.match(rest)
        if not found:
            came = f"{rest[:8]!r} is no element" if rest else "an element is missing at the end"
            raise self._error(came, f"elements are {', '.join(ELEMENTS)}; '-' is series, p(…,…) parallel")
        self.at += found.end()
        return Node("Q" if found[1] == "CPE" else found[1], number=found[2])

    def _close(self) -> None:
        if self.text[self.at : self.at + 1] != ")":
            came = f"{self.text[self.at]!r} stands" if self.at < len(self.text) else "the text ends"
            raise self._error(f"{came} where ',' or ')' belongs", "close every bracket")
        self.at += 1

    def _joined(self, kind: str, parts: list[Node]) -> Node:
        if len(parts) == 1:
            return parts[0]
        flat = [inner for part in parts for inner in (part.parts if part.kind == kind else (part,))]
        for letters, title in _ONE_OF_TWO.items():
            if sum(part.kind == letters for part in flat) > 1:
                raise self._error(f"two {title} in {kind} act as one", f"leave one {letters} out")
        return Node(kind, tuple(flat))

    def _error(self, what: str, hint: str) -> ParameterError:
        return ParameterError(f"{self.who}: circuit {self.text!r}, character {self.at + 1}: {what}; {hint}.")
