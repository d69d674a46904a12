"""Elements of circuits: their parameters, their impedance and its derivatives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["ELEMENTS", "Element", "Quantity"]

Columns = tuple[np.ndarray, ...]
Formula = Callable[[Columns, np.ndarray, bool], tuple[np.ndarray, Columns]]


@dataclass(frozen=True)
class Quantity:
    """One parameter of an element.

    Attributes
    ----------
    suffix : str
        What follows the name of the element, empty for its only or main parameter.
    kind : str
        ``resistance capacitance inductance cpe exponent warburg time``: decides unit, limits and first guesses.
    """

    suffix: str
    kind: str

    @property
    def logarithmic(self) -> bool:
        """Whether the fit works with its logarithm."""
        return self.kind != "exponent"


@dataclass(frozen=True)
class Element:
    """A kind of element.

    Attributes
    ----------
    title : str
        What it is, for people.
    quantities : tuple of Quantity
        Its parameters.
    formula : callable
        ``formula(values, omega, derivatives)`` gives the impedance ``(rows, frequency)`` and, if asked for, its
        derivatives by the logarithm of each parameter (by the exponent itself); values are columns ``(rows, 1)``.
    """

    title: str
    quantities: tuple[Quantity, ...]
    formula: Formula


def _resistor(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    z = np.broadcast_to(p[0].astype(complex), (len(p[0]), omega.size))
    return z, (z,) if derivatives else ()


def _capacitor(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    z = -1j / (omega * p[0])
    return z, (-z,) if derivatives else ()


def _inductor(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    z = 1j * omega * p[0]
    return z, (z,) if derivatives else ()


def _constant_phase(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    log = np.log(omega) + 0.5j * np.pi
    z = np.exp(-p[1] * log) / p[0]
    return z, (-z, -z * log) if derivatives else ()


def _warburg(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    z = p[0] * ((1 - 1j) / np.sqrt(omega))
    return z, (z,) if derivatives else ()


def _warburg_short(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    s = np.sqrt(1j * omega * p[1])
    t = np.tanh(s)
    z = p[0] * t / s
    return z, (z, 0.5 * (p[0] * (1 - t * t) - z)) if derivatives else ()


def _warburg_open(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    s = np.sqrt(1j * omega * p[1])
    t = 1 / np.tanh(s)
    z = p[0] * t / s
    return z, (z, 0.5 * (p[0] * (1 - t * t) - z)) if derivatives else ()


def _gerischer(p: Columns, omega: np.ndarray, derivatives: bool) -> tuple[np.ndarray, Columns]:
    u = 1j * omega * p[1]
    z = p[0] / np.sqrt(1 + u)
    return z, (z, -0.5 * z * u / (1 + u)) if derivatives else ()


_DIFFUSION = (Quantity("_R", "resistance"), Quantity("_tau", "time"))

#: Letters of the grammar -> element.
ELEMENTS: Mapping[str, Element] = {
    "R": Element("resistor", (Quantity("", "resistance"),), _resistor),
    "C": Element("capacitor", (Quantity("", "capacitance"),), _capacitor),
    "L": Element("inductor", (Quantity("", "inductance"),), _inductor),
    "Q": Element("constant phase element", (Quantity("", "cpe"), Quantity("_n", "exponent")), _constant_phase),
    "W": Element("semi-infinite diffusion (Warburg)", (Quantity("", "warburg"),), _warburg),
    "Ws": Element("diffusion through a layer to a sink (finite, transmissive)", _DIFFUSION, _warburg_short),
    "Wo": Element("diffusion in a layer with a closed end (finite, reflecting)", _DIFFUSION, _warburg_open),
    "G": Element("diffusion with a reaction (Gerischer)", _DIFFUSION, _gerischer),
}
