"""The pair terms of Tsuneyuki, Tsukada, Aoki and Matsui: parameters, the guard at short range, and their tables."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = [
    "COULOMB",
    "ELEMENTS",
    "KCAL",
    "PARAMETERS",
    "PairTerm",
    "Parameters",
    "check_parameters",
    "make_table",
    "pair_terms",
    "switch",
]

#: e**2 / (4 pi epsilon_0) in eV angstrom, and kcal/mol in eV.
COULOMB = 14.3996454784
KCAL = 0.0433641153
ELEMENTS = ("Si", "O")
Parameters = Mapping[str, Mapping[str, float]]
#: Table I: charge (e), a and b (angstrom), c (kcal**0.5 angstrom**3 mol**-0.5).
PARAMETERS: Parameters = {
    "Si": {"charge": 2.4, "a": 0.8688, "b": 0.03285, "c": 23.18},
    "O": {"charge": -1.2, "a": 2.0474, "b": 0.17566, "c": 70.37},
}
#: The guard: beyond this force (eV/angstrom), or where the force is greatest, a cubic wall (eV/angstrom**3) takes over.
_STRONGEST, _WALL = 100.0, 200.0
_INNERMOST, _OUTERMOST = 0.3, 3.0


class PairTerm(NamedTuple):
    """U(r) = charges / r + height exp(-r / width) - dispersion / r**6, and where the guard begins."""

    charges: float
    height: float
    width: float
    dispersion: float
    guard: float

    def bare(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """U, U' and U'' without guard (eV and angstrom)."""
        wall = self.height * np.exp(-r / self.width)
        tail = self.dispersion / r**6
        u = self.charges / r + wall - tail
        du = -self.charges / r**2 - wall / self.width + 6 * tail / r
        ddu = 2 * self.charges / r**3 + wall / self.width**2 - 42 * tail / r**2
        return u, du, ddu

    def guarded(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """U and U' with the guard, which goes on with value, slope and curvature, and rises with the cube."""
        u, du, _ = self.bare(np.maximum(r, self.guard))
        u0, du0, ddu0 = (float(x) for x in self.bare(np.asarray(self.guard)))
        s = np.maximum(self.guard - r, 0.0)
        inside = r < self.guard
        wall = u0 - du0 * s + 0.5 * ddu0 * s**2 + _WALL * s**3
        slope = du0 - ddu0 * s - 3 * _WALL * s**2
        return np.where(inside, wall, u), np.where(inside, slope, du)


def check_parameters(parameters: Parameters | None, *, who: str) -> Parameters:
    """Parameters of both elements as floats, or an error that says what is missing."""
    given = PARAMETERS if parameters is None else parameters
    need = ("charge", "a", "b", "c")
    try:
        out = {element: {name: float(given[element][name]) for name in need} for element in ELEMENTS}
    except (KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"{who}: parameters must hold charge, a, b and c of Si and of O; got {parameters!r}. Write "
            '{"Si": {"charge": 2.4, "a": 0.8688, "b": 0.03285, "c": 23.18}, "O": {...}}.'
        ) from error
    bad = [f"{name} of {element}" for element in ELEMENTS for name in need if not math.isfinite(out[element][name])]
    bad += [f"{name} of {element}" for element in ELEMENTS for name in ("a", "b") if not out[element][name] > 0]
    if bad:
        raise ParameterError(f"{who}: parameters must be finite, a and b above 0; not so: {', '.join(bad)}.")
    return out


def pair_terms(parameters: Parameters) -> tuple[PairTerm, PairTerm, PairTerm]:
    """The terms of Si-Si, Si-O and O-O."""
    terms = []
    for first, second in (("Si", "Si"), ("Si", "O"), ("O", "O")):
        p, q = parameters[first], parameters[second]
        width = p["b"] + q["b"]
        term = PairTerm(
            p["charge"] * q["charge"] * COULOMB,
            KCAL * width * math.exp((p["a"] + q["a"]) / width),
            width,
            p["c"] * q["c"] * KCAL,
            0.0,
        )
        terms.append(term._replace(guard=_guard_radius(term)))
    return terms[0], terms[1], terms[2]


def _guard_radius(term: PairTerm) -> float:
    """The outermost radius where the repulsive force is greatest, or stronger than any that occurs."""
    from scipy.optimize import brentq

    r = np.linspace(_OUTERMOST, _INNERMOST, 2701)
    _, du, ddu = term.bare(r)
    strong = np.flatnonzero(-du > _STRONGEST)
    turns = np.flatnonzero((ddu[:-1] > 0) & (ddu[1:] <= 0) & (du[1:] < 0))  # going inwards the force stops rising
    first = min(strong[0] if strong.size else r.size, turns[0] if turns.size else r.size)
    if first == r.size:
        return _INNERMOST
    at: Callable[[float], float] = lambda x: float(term.bare(np.asarray(x))[2])  # noqa: E731
    if turns.size and first == turns[0]:
        return float(brentq(at, r[first + 1], r[first], xtol=1e-12))
    return float(r[first])


def switch(r: np.ndarray, on: float, off: float) -> tuple[np.ndarray, np.ndarray]:
    """A factor that falls from 1 to 0 with continuous first and second derivatives, and its derivative."""
    x = np.clip((r - on) / (off - on), 0.0, 1.0)
    return 1 - x**3 * (10 - 15 * x + 6 * x**2), -30 * x**2 * (1 - x) ** 2 / (off - on)


def make_table(term: PairTerm, alpha: float, cutoff: float, n: int, shell: float, *, cut: bool) -> np.ndarray:
    """U and U' of what is summed over pairs, at n distances from 0 to the cutoff.

    That is the guarded term less what the reciprocal sums hold: charges times erf(alpha r) / r and, unless dispersion
    is `cut`, dispersion times P(3, (alpha r)**2) / r**6 with the incomplete gamma function P. It is switched off in a
    shell below the cutoff.
    """
    from scipy.special import erf, gammainc

    r = np.linspace(0.0, cutoff, n)
    safe = np.maximum(r, 1e-6)
    x = (alpha * safe) ** 2
    u, du = term.guarded(safe)
    cloud, part = erf(alpha * safe) / safe, gammainc(3, x) / safe**6
    dispersion = 0.0 if cut else term.dispersion
    u = u - term.charges * cloud + dispersion * part
    du = du - term.charges * (2 * alpha / math.sqrt(math.pi) * np.exp(-x) - cloud) / safe
    du = du + dispersion * (alpha**6 * np.exp(-x) - 6 * part) / safe
    du[0] = term.guarded(r[:1])[1][0]  # the clouds are flat there
    s, ds = switch(r, cutoff - shell, cutoff)
    return np.stack([u * s, du * s + u * ds], axis=-1)
