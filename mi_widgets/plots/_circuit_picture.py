"""Lines of a circuit drawn as electricians draw it: wires, boxes, plates, names."""

from typing import NamedTuple

import numpy as np

from mi_widgets.impedance.circuit import Circuit, Node

__all__ = ["CircuitPicture", "circuit_picture"]

Line = list[tuple[float, float]]
_WIDTH, _WIRE, _BODY = 2.1, 0.35, 1.1  # of an element with its wires, of a wire between parts, of a body
_UP, _DOWN, _GAP = 0.95, 0.5, 0.1  # room above (for the name) and below an element, between branches


class CircuitPicture(NamedTuple):
    """What is drawn, in units of about an element's height.

    Attributes
    ----------
    lines : list of list of (x, y)
        Wires and symbols.
    names : list of (x, y, text)
        Names of the elements.
    width, low, high : float
        It runs from 0 to `width` and from `low` to `high`.
    """

    lines: list[Line]
    names: list[tuple[float, float, str]]
    width: float
    low: float
    high: float


def circuit_picture(circuit: Circuit) -> CircuitPicture:
    """Lines and names of a circuit."""
    width, up, down = _size(circuit.root)
    lines: list[Line] = [[(0.0, 0.0), (_WIRE, 0.0)], [(_WIRE + width, 0.0), (2 * _WIRE + width, 0.0)]]
    places: list[tuple[float, float]] = []
    _draw(circuit.root, _WIRE, 0.0, lines, places)
    names = [(x, y, name) for (x, y), name in zip(places, circuit.element_names, strict=True)]
    return CircuitPicture(lines, names, width + 2 * _WIRE, -down, up)


def _size(node: Node) -> tuple[float, float, float]:
    """Width, and room above and below the line through its ends."""
    if not node.parts:
        return _WIDTH, _UP, _DOWN
    sizes = [_size(part) for part in node.parts]
    if node.kind == "series":
        return sum(s[0] for s in sizes), max(s[1] for s in sizes), max(s[2] for s in sizes)
    height = sum(s[1] + s[2] for s in sizes) + _GAP * (len(sizes) - 1)
    # the outermost branches lie as far above as below the line
    first, last = sizes[0][1], sizes[-1][2]
    middle = (height - first - last) / 2
    return max(s[0] for s in sizes) + 2 * _WIRE, first + middle, last + middle


def _draw(node: Node, x: float, y: float, lines: list[Line], places: list[tuple[float, float]]) -> float:
    """Draw from the left end at (x, y); the right end."""
    if not node.parts:
        lines += _symbol(node.kind, x, y)
        places.append((x + _WIDTH / 2, y + 0.42))
        return x + _WIDTH
    if node.kind == "series":
        for part in node.parts:
            x = _draw(part, x, y, lines, places)
        return x
    width, up, _ = _size(node)
    right, branches = x + width, []
    top = y + up
    for part in node.parts:
        own, above, below = _size(part)
        middle = top - above
        start = x + (width - own) / 2
        stop = _draw(part, start, middle, lines, places)
        lines += [[(x + _WIRE / 2, middle), (start, middle)], [(stop, middle), (right - _WIRE / 2, middle)]]
        branches.append(middle)
        top = middle - below - _GAP
    for rail, end in ((x + _WIRE / 2, x), (right - _WIRE / 2, right)):
        lines += [[(rail, branches[0]), (rail, branches[-1])], [(end, y), (rail, y)]]
    return right


def _symbol(kind: str, x: float, y: float) -> list[Line]:
    """Symbol of an element with its two wires."""
    left, right, middle = x + (_WIDTH - _BODY) / 2, x + (_WIDTH + _BODY) / 2, x + _WIDTH / 2
    h = 0.27
    if kind in ("C", "Q"):
        left, right = middle - 0.12, middle + 0.12
        # a capacitor's plates; a constant phase element's are bent
        bend = 0.2 if kind == "Q" else 0.0
        plates = [[(a - bend, y - 0.36), (a, y), (a - bend, y + 0.36)] for a in (left, right)]
        return [[(x, y), (left, y)], [(right, y), (x + _WIDTH, y)], *plates]
    wires: list[Line] = [[(x, y), (left, y)], [(right, y), (x + _WIDTH, y)]]
    if kind == "L":
        angle = np.linspace(np.pi, 0, 12)
        step = _BODY / 4
        for k in range(4):
            mid = left + (k + 0.5) * step
            wires.append([(mid + step / 2 * float(np.cos(a)), y + step / 2 * float(np.sin(a)) * 1.5) for a in angle])
        return wires
    box = [(left, y - h), (left, y + h), (right, y + h), (right, y - h), (left, y - h)]
    inside: dict[str, list[Line]] = {
        "W": [[(left + 0.2, y + 0.15), (middle - 0.15, y - 0.15), (middle, y + 0.15), (middle + 0.15, y - 0.15),
               (right - 0.2, y + 0.15)]],
        "G": [[(left, y - h), (right, y + h)]],
    }  # fmt: skip
    marks = inside.get("W" if kind.startswith("W") else kind, [])
    # the end of the layer: a sink lets through, a wall is a double line
    end = {"Ws": [[(right - 0.12, y - h), (right, y)], [(right, y), (right - 0.12, y + h)]],
           "Wo": [[(right - 0.08, y - h), (right - 0.08, y + h)]]}.get(kind, [])  # fmt: skip
    return [*wires, box, *marks, *end]
