"""Limits of parameters, and random first guesses that lie where the data are."""

from dataclasses import dataclass

import numpy as np

from mi_widgets.impedance._grammar import Circuit, Node

__all__ = ["Scale", "default_limits", "draw_starts", "scale_of"]

#: Exponents of constant phase elements; below 0.4 they are hardly told from resistors.
EXPONENTS = (0.4, 1.0)
#: How far parameters may lie from what the data can show.
FAR, NEAR = 1e3, 1e-4


@dataclass(frozen=True)
class Scale:
    """Least and largest modulus (ohm) and angular frequency (rad/s) of the data."""

    least: float
    most: float
    slow: float
    fast: float


def scale_of(z: np.ndarray, omega: np.ndarray) -> Scale:
    """Scale of spectra (rows, frequency); NaN and zero are left out."""
    modulus = np.abs(z)
    usable = modulus[np.isfinite(modulus) & (modulus > 0)]
    least, most = (float(usable.min()), float(usable.max())) if usable.size else (1.0, 1.0)
    return Scale(least, most, float(omega.min()), float(omega.max()))


def default_limits(circuit: Circuit, scale: Scale) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits of the parameters (not of their logarithms)."""
    low, high = scale.least * NEAR, scale.most * FAR
    n = np.array(EXPONENTS)
    limits = {
        "resistance": (low, high),
        "capacitance": (1 / (scale.fast * high), 1 / (scale.slow * low)),
        "inductance": (low / scale.fast, high / scale.slow),
        "cpe": (float((scale.fast**-n).min()) / high, float((scale.slow**-n).max()) / low),
        "exponent": EXPONENTS,
        "warburg": (low * scale.slow**0.5, high * scale.fast**0.5),
        "time": (1e-2 / scale.fast, 1e3 / scale.slow),
    }
    pairs = np.array([limits[q.kind] for q in circuit.quantities])
    return pairs[:, 0], pairs[:, 1]


def draw_starts(circuit: Circuit, scale: Scale, n: int, rng: np.random.Generator) -> np.ndarray:
    """First guesses (n, parameter): time constants anywhere in the measured range, resistances as large as the data."""
    out = np.empty((n, circuit.n_parameters))

    def resistance() -> np.ndarray:
        wide = np.log(max(scale.most / scale.least, 10.0)) + 1.0
        return scale.most * np.exp(rng.uniform(-wide, 0.4, n))

    def time() -> np.ndarray:
        return 1 / np.exp(rng.uniform(np.log(scale.slow), np.log(scale.fast), n))

    for k, (quantity, partner) in enumerate(zip(circuit.quantities, _partners(circuit), strict=True)):
        kind = quantity.kind
        beside = out[:, partner] if partner is not None else resistance()
        if kind == "resistance":
            out[:, k] = resistance()
        elif kind == "capacitance":
            out[:, k] = time() / beside
        elif kind == "inductance":
            out[:, k] = time() * scale.least
        elif kind == "cpe":
            out[:, k + 1] = rng.uniform(0.55, 1.0, n)
            out[:, k] = time() ** out[:, k + 1] / beside
        elif kind == "warburg":
            out[:, k] = resistance() / np.sqrt(time())
        elif kind == "time":
            out[:, k] = 10 ** rng.uniform(0, 1, n) * time()
    return out


def _partners(circuit: Circuit) -> list[int | None]:
    """For each capacitor or constant phase element the resistor that it is in parallel with, if one is filled before.

    Only resistors whose number is lower are given: first guesses are drawn in the order of the text.
    """
    out: list[int | None] = [None] * circuit.n_parameters

    def walk(node: Node, at: int, outside: int | None) -> None:
        starts = at + np.cumsum([0, *(part.n_parameters for part in node.parts)])
        if not node.parts:
            out[at] = outside
            return
        resistors = [int(s) for part, s in zip(node.parts, starts, strict=False) if _leads_with_resistor(part)]
        inside = resistors[0] if node.kind == "parallel" and resistors else outside
        for part, start in zip(node.parts, starts, strict=False):
            walk(part, int(start), inside)

    walk(circuit.root, 0, None)
    return [p if p is not None and p < k else None for k, p in enumerate(out)]


def _leads_with_resistor(node: Node) -> bool:
    return node.kind == "R" or (node.kind == "series" and node.parts[0].kind == "R")
