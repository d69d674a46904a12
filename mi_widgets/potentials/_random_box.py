"""Where a melt begins: atoms at random places, none too near to another."""

import numpy as np

from mi_widgets.errors import ParameterError

__all__ = ["random_silica"]

_GRAMS = 28.085 + 2 * 15.999
_APART = np.array([2.16, 1.4, 1.8])  # Si-Si, Si-O, O-O (angstrom)


def random_silica(n_formula: int, density: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Positions (angstrom) in a cube, kinds (0 Si, 1 O) and its edge, for a density in g/cm3."""
    edge = (n_formula * _GRAMS / 0.602214076 / density) ** (1 / 3)
    kind = np.repeat([0, 1], [n_formula, 2 * n_formula])
    position = np.empty((3 * n_formula, 3))
    for i in range(len(kind)):
        apart = _APART[kind[:i] + kind[i]] ** 2
        for attempt in range(20_000):
            place = rng.random(3) * edge
            d = position[:i] - place
            d -= edge * np.round(d / edge)
            nearer = 1.0 if attempt < 1_000 else 0.7
            if (np.square(d).sum(axis=1) >= nearer * apart).all():
                break
        else:
            raise ParameterError(f"melt_quench: {3 * n_formula} atoms find no place at {density:g} g/cm3; write less.")
        position[i] = place
    return position, kind, edge
