"""Interchangeable parts in the order of their time constants: else their names would be drawn by lot."""

from collections.abc import Iterator

import numpy as np

from mi_widgets.impedance._elements import ELEMENTS
from mi_widgets.impedance._grammar import Circuit, Node

__all__ = ["ordering"]

Group = tuple[Node, list[int]]


def ordering(circuit: Circuit, values: np.ndarray) -> np.ndarray:
    """Columns (rows, parameter) in which interchangeable parts follow each other from fast to slow."""
    rows = np.arange(len(values))[:, None]
    order = np.broadcast_to(np.arange(circuit.n_parameters), values.shape).copy()
    for part, starts in _groups(circuit.root, 0):
        size = part.n_parameters
        now = values[rows, order]
        times = np.stack([_time_constant(part, now[:, s : s + size]) for s in starts], axis=1)
        rank = np.argsort(np.nan_to_num(times, nan=np.inf), axis=1, kind="stable")
        block = np.stack([order[:, s : s + size] for s in starts], axis=1)
        block = np.take_along_axis(block, rank[:, :, None], axis=1)
        for k, s in enumerate(starts):
            order[:, s : s + size] = block[:, k]
    return order


def _groups(node: Node, at: int) -> Iterator[Group]:
    """Sets of alike parts side by side, the innermost first: the part and where the parameters of each begin."""
    starts = at
    alike: dict[str, Group] = {}
    for part in node.parts:
        yield from _groups(part, starts)
        alike.setdefault(str(part), (part, []))[1].append(starts)
        starts += part.n_parameters
    yield from (group for group in alike.values() if len(group[1]) > 1)


def _time_constant(part: Node, values: np.ndarray) -> np.ndarray:
    """Time constant of each row: of its first resistance and its first element that stores charge."""
    at, resistance, store = 0, None, None
    for element in part.elements():
        columns = values[:, at : at + len(ELEMENTS[element.kind].quantities)]
        at += columns.shape[1]
        if element.kind == "R" and resistance is None:
            resistance = columns[:, 0]
        elif element.kind in ("Ws", "Wo", "G"):
            return columns[:, 1]
        elif element.kind in ("C", "Q") and store is None:
            store = columns
    if resistance is None or store is None:
        return values[:, 0]
    with np.errstate(all="ignore"):
        return (resistance * store[:, 0]) ** (1 / store[:, -1] if store.shape[1] > 1 else 1.0)
