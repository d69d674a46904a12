"""Impedance of a circuit for many sets of parameters at once, with its exact derivatives."""

import numpy as np

from mi_widgets.impedance._elements import ELEMENTS
from mi_widgets.impedance._grammar import Circuit, Node

__all__ = ["from_internal", "impedance", "impedance_and_jacobian", "to_internal"]


def to_internal(circuit: Circuit, values: np.ndarray) -> np.ndarray:
    """Logarithms of the parameters that are searched on a logarithmic scale."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(circuit.logarithmic, np.log(values), values)


def from_internal(circuit: Circuit, x: np.ndarray) -> np.ndarray:
    """Parameters themselves."""
    return np.where(circuit.logarithmic, np.exp(np.where(circuit.logarithmic, x, 0.0)), x)


def impedance(circuit: Circuit, values: np.ndarray, omega: np.ndarray) -> np.ndarray:
    """Complex impedance (rows, frequency) of parameters (rows, parameter) at angular frequencies (rad/s)."""
    return _walk(circuit.root, values[:, :, None], omega, 0, None)[0]


def impedance_and_jacobian(circuit: Circuit, x: np.ndarray, omega: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Impedance (rows, frequency) and its derivatives (rows, parameter, frequency) by the internal parameters `x`."""
    out = np.empty((*x.shape, omega.size), dtype=complex)
    z, _ = _walk(circuit.root, from_internal(circuit, x)[:, :, None], omega, 0, out)
    return z, out


def _walk(
    node: Node, values: np.ndarray, omega: np.ndarray, at: int, jacobian: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """Impedance of a part whose first parameter is number `at`, and the number of the parameter after its last."""
    if not node.parts:
        element = ELEMENTS[node.kind]
        stop = at + len(element.quantities)
        z, derivatives = element.formula(
            tuple(values[:, k] for k in range(at, stop)), omega, jacobian is not None
        )  # fmt: skip
        if jacobian is not None:
            for k, derivative in enumerate(derivatives):
                jacobian[:, at + k] = derivative
        return z, stop
    found, stops = [], [at]
    for part in node.parts:
        z, stop = _walk(part, values, omega, stops[-1], jacobian)
        found.append(z)
        stops.append(stop)
    if node.kind == "series":
        return sum(found[1:], start=found[0]), stops[-1]
    total = 1 / sum((1 / z for z in found[1:]), start=1 / found[0])
    if jacobian is not None:
        for k, z in enumerate(found):
            jacobian[:, stops[k] : stops[k + 1]] *= ((total / z) ** 2)[:, None]
    return total, stops[-1]
