"""Circuits of generated spectra; independent of `mi_widgets.impedance` on purpose, which is tested against it."""

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["Part", "draw_parameters", "parse", "spectrum"]

#: Suffixes and kinds of the parameters of each element.
PARAMETERS: dict[str, tuple[tuple[str, str], ...]] = {
    "R": (("", "ohm"),), "C": (("", "F"),), "L": (("", "H"),), "Q": (("", "s**n/ohm"), ("_n", "1")),
    "W": (("", "ohm/s**0.5"),), "Ws": (("_R", "ohm"), ("_tau", "s")), "Wo": (("_R", "ohm"), ("_tau", "s")),
    "G": (("_R", "ohm"), ("_tau", "s")),
}  # fmt: skip

_FORMULAS: dict[str, Callable[..., np.ndarray]] = {
    "R": lambda jw, r: r + 0 * jw,
    "C": lambda jw, c: 1 / (jw * c),
    "L": lambda jw, x: jw * x,
    "Q": lambda jw, q, n: 1 / (q * jw**n),
    "W": lambda jw, s: s * np.sqrt(2 / jw),
    "Ws": lambda jw, r, tau: r * np.tanh(np.sqrt(jw * tau)) / np.sqrt(jw * tau),
    "Wo": lambda jw, r, tau: r / (np.tanh(np.sqrt(jw * tau)) * np.sqrt(jw * tau)),
    "G": lambda jw, r, tau: r / np.sqrt(1 + jw * tau),
}


class Part(NamedTuple):
    """``-`` or ``,`` with its parts, or an element with its name."""

    kind: str
    parts: tuple["Part", ...] = ()
    name: str = ""

    def elements(self) -> list["Part"]:
        """Elements in the order of the text."""
        return [e for part in self.parts for e in part.elements()] if self.parts else [self]


def parse(text: str) -> Part:
    """Tree of a circuit, its elements named."""
    tokens = re.findall(r"p\(|[(),-]|[A-Z]+[a-z]?\d*|\S", str(text))
    root, rest = _branch(tokens, "-", str(text))
    if rest:
        raise _wrong(str(text), rest[0])
    return _named(root)


def _branch(tokens: list[str], sign: str, text: str) -> tuple[Part, list[str]]:
    """Parts joined by `sign`, and the tokens after them."""
    parts: list[Part] = []
    while True:
        if sign == ",":
            part, tokens = _branch(tokens, "-", text)
        elif tokens and tokens[0] in ("p(", "("):
            part, tokens = _branch(tokens[1:], "," if tokens[0] == "p(" else "-", text)
            if not tokens or tokens[0] != ")":
                raise _wrong(text, tokens[0] if tokens else "the end")
            tokens = tokens[1:]
        else:
            kind = re.sub(r"\d+$", "", tokens[0]).replace("CPE", "Q") if tokens else "the end"
            if kind not in PARAMETERS:
                raise _wrong(text, tokens[0] if tokens else kind)
            part, tokens = Part(kind, name=re.sub(r"\D", "", tokens[0])), tokens[1:]
        parts.append(part)
        if not tokens or tokens[0] != sign:
            return (parts[0] if len(parts) == 1 else Part(sign, tuple(parts))), tokens
        tokens = tokens[1:]


def _named(root: Part) -> Part:
    """Name the elements: as they are numbered, else R0 for the resistor in series with all, the others from 1."""
    first = next((p for p in (root.parts if root.kind == "-" else (root,)) if p.kind == "R"), None)
    counts: dict[str, int] = {}

    def name(part: Part) -> Part:
        if part.parts:
            return Part(part.kind, tuple(name(p) for p in part.parts))
        if part.name:
            return Part(part.kind, name=part.kind + part.name)
        if part is first:
            return Part("R", name="R0")
        counts[part.kind] = counts.get(part.kind, 0) + 1
        return Part(part.kind, name=f"{part.kind}{counts[part.kind]}")

    return name(root)


def _wrong(text: str, token: str) -> ParameterError:
    return ParameterError(
        f"make_impedance: in the circuit {text!r}, {token!r} is not expected. Write it as 'R-p(R,C)-p(R-W,Q)' with the "
        f"elements {', '.join(PARAMETERS)}."
    )


def spectrum(part: Part, values: dict[str, np.ndarray], omega: np.ndarray) -> np.ndarray:
    """Impedance; values may differ from frequency to frequency."""
    if not part.parts:
        return _FORMULAS[part.kind](1j * omega, *(values[part.name + suffix] for suffix, _ in PARAMETERS[part.kind]))
    each = [spectrum(p, values, omega) for p in part.parts]
    total = sum(each[1:], start=each[0]) if part.kind == "-" else 1 / sum((1 / z for z in each[1:]), start=1 / each[0])
    return np.asarray(total)


def draw_parameters(root: Part, omega: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Parameters that the frequencies can show: arcs apart from each other, tails that are reached."""
    elements = root.elements()
    slow, fast = float(omega.min()), float(omega.max())
    n_arcs = sum(e.kind in ("C", "Q") for e in elements)
    span = np.log(fast / slow)
    # arcs divide the middle of the frequencies; each lies somewhere in its own part
    places = (0.12 + 0.62 * (np.arange(n_arcs) + rng.uniform(0.3, 0.7, n_arcs)) / max(n_arcs, 1)) * span
    times = iter(np.exp(places) / fast)
    out: dict[str, float] = {}
    for e in elements:
        resistance = float(np.exp(rng.uniform(np.log(30.0), np.log(150.0))))
        if e.kind == "R":
            out[e.name] = float(rng.uniform(10.0, 40.0)) if e.name == "R0" else resistance
        elif e.kind == "C":
            out[e.name] = float(next(times)) / resistance
        elif e.kind == "L":
            out[e.name] = float(rng.uniform(10.0, 40.0)) / fast
        elif e.kind == "Q":
            n = float(rng.uniform(0.75, 0.92))
            out |= {e.name: float(next(times)) ** n / resistance, f"{e.name}_n": n}
        elif e.kind == "W":
            out[e.name] = resistance * np.sqrt(10 * slow)
        else:
            out |= {f"{e.name}_R": resistance, f"{e.name}_tau": float(rng.uniform(0.1, 0.5)) / slow}
    return out
