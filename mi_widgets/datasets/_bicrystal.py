"""The copper bicrystal Sigma 5 [001](210): atoms for a translation of one grain, its symmetry, and its energy."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from mi_widgets.datasets._second_moment import COPPER, Energy

__all__ = ["LATTICE", "PERIOD", "SPACING", "Relaxed", "bicrystal", "fold", "relax", "unfold"]

#: Lattice constant of the potential's fcc copper (angstrom): where its energy is lowest.
LATTICE = 3.61467966
#: Repeat of the boundary along x, [-1 2 0], and along y, [0 0 1], and distance of (210) planes (angstrom).
PERIOD = (5**0.5 * LATTICE, LATTICE)
SPACING = LATTICE / 20**0.5
#: Atoms so near to the free surfaces are held (angstrom).
HELD = 4.2
#: 1 eV/angstrom**2 in J/m**2.
JOULE = 16.02176634
#: Displacements that take a start off its symmetry (angstrom).
RATTLE = 0.02
_SAME = 1e-5


@dataclass(frozen=True)
class Relaxed:
    """A relaxed bicrystal: positions (angstrom), which atoms were held, energy of the boundary (J/m2)."""

    position: np.ndarray
    held: np.ndarray
    energy: float


@cache
def _grain(n_cells: int) -> np.ndarray:
    """Atoms of the lower grain, below z = 0, a spacing above its last layer; x, y, z are [-1 2 0], [0 0 1], [2 1 0]."""
    axes = np.array([[-1, 2, 0], [0, 0, 5**0.5], [2, 1, 0]]) / 5**0.5
    reach = np.arange(-3 * n_cells - 3, 3 * n_cells + 4)
    cells = np.stack(np.meshgrid(reach, reach, [-1, 0, 1], indexing="ij"), axis=-1).reshape(-1, 1, 3)
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    place = (cells + base).reshape(-1, 3) @ axes.T * LATTICE
    size = np.array([*PERIOD, n_cells * PERIOD[0]])
    inside = ((place > -_SAME) & (place < size - _SAME)).all(axis=1)
    found = place[inside] - [0, 0, size[2]]
    return np.asarray(found[np.lexsort(found.round(6).T)])


def bicrystal(translation: tuple[float, float, float], n_cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Atoms before relaxation (angstrom), the lower grain first, and the height of each in its own grain.

    The upper grain is the mirror image of the lower one, moved by the first two of `translation`; the third is the
    distance between the grains beyond that of the planes of a perfect crystal.
    """
    lower = _grain(n_cells)
    mirrored = lower * [1, 1, -1]
    upper = mirrored + np.subtract(translation, (0, 0, SPACING))
    _wrap(upper)
    return np.concatenate([lower, upper]), np.abs(np.concatenate([lower[:, 2], mirrored[:, 2]]))


def fold(x: float, y: float) -> tuple[float, float, tuple[bool, bool, bool]]:
    """The equivalent translation in an eighth of the cell, and which of three symmetries lead to it."""
    width, depth = PERIOD
    x, y = x % width, y % depth
    steps = [False, False, False]
    if x > width / 2 + _SAME:
        x, steps[0] = width - x, True
    if y > depth / 2 + _SAME:
        y, steps[1] = depth - y, True
    # the grains are centred: a translation by half of both periods changes nothing
    if x > width / 4 + _SAME or (x > width / 4 - _SAME and y > depth / 4 + _SAME):
        x, y, steps[2] = width / 2 - x, depth / 2 - y, True
    return x, y, (steps[0], steps[1], steps[2])


def unfold(position: np.ndarray, x: float, y: float, z: float, steps: tuple[bool, bool, bool]) -> np.ndarray:
    """Atoms for the translation that `fold` led away from, of those for the folded one (x, y)."""
    out = position.copy()
    along = np.array([x, y, z - SPACING])

    def turn() -> None:
        """Mirror at the boundary, which exchanges the grains, and put the lower one to its place."""
        nonlocal along
        out[:] = out * [1, 1, -1] - along * [1, 1, -1]
        along = along * [-1, -1, 1]

    def mirror() -> None:
        out[:, 1] *= -1
        along[1] *= -1

    if steps[2]:
        turn()
    if steps[1]:
        mirror()
    if steps[0]:
        turn()
        mirror()
    _wrap(out)
    return out


def _wrap(position: np.ndarray) -> None:
    """Put atoms into the cell; those that relaxed a little out of it stay where they are."""
    position[:, :2] -= np.floor(position[:, :2] / PERIOD + 0.05) * PERIOD


def _rattle(position: np.ndarray) -> np.ndarray:
    """Small displacements, the same in every run: a start on a symmetry plane would never leave it."""
    steps = np.arange(1, len(position) + 1)[:, None] * np.sqrt([2.0, 3.0, 5.0])
    return position + RATTLE * (2 * (steps % 1) - 1)


def _minimum(position: np.ndarray, held: np.ndarray, tolerance: float) -> tuple[np.ndarray, float]:
    from scipy.optimize import minimize

    # the slab does not repeat along z: its height says nothing
    energy = Energy(COPPER, np.diag([*PERIOD, 1000.0]), (True, True, False))
    place, free = position.copy(), ~held

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        place[free] = flat.reshape(-1, 3)
        total, force = energy(place)
        return total, -force[free].ravel()

    found = minimize(
        value,
        position[free].ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 3000, "maxfun": 5000, "gtol": tolerance, "ftol": 0.0, "maxcor": 20},
    )
    place[free] = found.x.reshape(-1, 3)
    return place, float(found.fun)


@cache
def _perfect(n_cells: int, hold: bool) -> float:
    """Energy of a slab of the perfect crystal with as many atoms and the same free surfaces (eV)."""
    position = _grain(2 * n_cells)
    middle = -n_cells * PERIOD[0]
    edge = np.abs(position[:, 2] - middle) > n_cells * PERIOD[0] - HELD
    return _minimum(position, edge & hold, 1e-4)[1]


def relax(x: float, y: float, z: float, *, n_cells: int = 2, hold: bool = True) -> Relaxed:
    """Lowest energy near a translation; with `hold`, the outer layers keep the grains at it.

    Equivalent translations give the same energy exactly: one of them is relaxed for all.
    """
    near_x, near_y, steps = fold(x, y)
    position, height = bicrystal((near_x, near_y, z), n_cells)
    edge = height > n_cells * PERIOD[0] - HELD
    start = np.where((edge & hold)[:, None], position, _rattle(position))
    place, total = _minimum(start, edge & hold, 3e-4 if hold else 1e-4)
    area = PERIOD[0] * PERIOD[1]
    energy = (total - _perfect(n_cells, hold)) / area * JOULE
    return Relaxed(unfold(place, near_x, near_y, z, steps), edge & hold, energy)
