"""Second-moment tight-binding energy and forces of a metal, with NumPy alone."""

from dataclasses import dataclass

import numpy as np

__all__ = ["COPPER", "Energy", "SecondMoment"]


@dataclass(frozen=True)
class SecondMoment:
    r"""Parameters of the potential of F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993), doi:10.1103/PhysRevB.48.22.

    .. math:: E = \sum_i \Big[\sum_j A e^{-p (r_{ij}/r_0 - 1)} - \sqrt{\sum_j \xi^2 e^{-2 q (r_{ij}/r_0 - 1)}}\Big]

    The paper sums to the fifth neighbours. Here both exponentials are led to zero between `inner` and `outer` by a
    polynomial with two continuous derivatives, so that forces have no jumps.

    Attributes
    ----------
    repulsion, hopping : float
        A and xi (eV).
    p, q : float
        Decay of the two (1).
    r0 : float
        Distance of nearest neighbours (angstrom).
    inner, outer : float
        Where the switch begins and ends (angstrom).
    """

    repulsion: float
    hopping: float
    p: float
    q: float
    r0: float
    inner: float = 5.8
    outer: float = 6.2

    def pair(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Repulsion and squared hopping at distances `r` below `outer`, and their derivatives."""
        x = r / self.r0 - 1
        push = self.repulsion * np.exp(-self.p * x)
        hop = self.hopping**2 * np.exp(-2 * self.q * x)
        push_slope, hop_slope = -self.p / self.r0 * push, -2 * self.q / self.r0 * hop
        far = np.nonzero(r > self.inner)[0]
        if far.size:
            width = self.outer - self.inner
            t = (r[far] - self.inner) / width
            switch = 1 - t**3 * (10 - 15 * t + 6 * t**2)
            slope = -30 * t**2 * (1 - t) ** 2 / width
            push_slope[far] = push_slope[far] * switch + push[far] * slope
            hop_slope[far] = hop_slope[far] * switch + hop[far] * slope
            push[far] *= switch
            hop[far] *= switch
        return push, hop, push_slope, hop_slope


#: Table II of the paper.
COPPER = SecondMoment(repulsion=0.0855, hopping=1.224, p=10.960, q=2.278, r0=2.556)


class Energy:
    """Energy and forces of atoms in a cell that repeats along its vectors, pairs being found again as atoms move.

    Parameters
    ----------
    potential : SecondMoment
        The potential.
    cell : (3, 3)
        Cell vectors as rows (angstrom); any number of images is summed.
    pbc : (3,) of bool
        Whether the structure repeats along each of them.
    skin : float
        Pairs are listed up to so much beyond the cutoff (angstrom).
    """

    def __init__(
        self, potential: SecondMoment, cell: np.ndarray, pbc: tuple[bool, bool, bool], *, skin: float = 0.6
    ) -> None:
        self.potential, self.skin = potential, skin
        self.images = _images(np.asarray(cell, dtype=float), pbc, potential.outer + skin)
        self.listed: np.ndarray | None = None

    def __call__(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (eV) and forces (eV/angstrom) of atoms at `position` (n, 3)."""
        moved = np.inf if self.listed is None else np.square(position - self.listed).sum(axis=1).max()
        if moved > (self.skin / 2) ** 2:
            self._list_pairs(position)
        potential, n = self.potential, len(position)
        way = position[self.second] - position[self.first] + self.shift
        square = np.einsum("ij,ij->i", way, way)
        near = np.nonzero(square < potential.outer**2)[0]
        first, second, way = self.first[near], self.second[near], way[near]
        r = np.sqrt(square[near])
        push, hop, push_slope, hop_slope = potential.pair(r)
        second_moment = np.bincount(first, hop, n) + np.bincount(second, hop, n)
        band = np.sqrt(second_moment)
        # each pair is listed once, and stands in the sums of both its atoms
        bond = np.divide(0.5, band, out=np.zeros(n), where=band > 0)
        along = (2 * push_slope - (bond[first] + bond[second]) * hop_slope) / r
        pull = along[:, None] * way
        force = np.empty((n, 3))
        for k in range(3):
            force[:, k] = np.bincount(first, pull[:, k], n) - np.bincount(second, pull[:, k], n)
        return float(2 * push.sum() - band.sum()), force

    def _list_pairs(self, position: np.ndarray) -> None:
        """Pairs within cutoff and skin, each once: of two images of one atom those along half of the directions."""
        self.listed = position.copy()
        reach = (self.potential.outer + self.skin) ** 2
        lists = []
        for number, image in enumerate(self.images):
            way = position[None, :, :] + image - position[:, None, :]
            close = np.einsum("ijk,ijk->ij", way, way) < reach
            # images come in pairs of opposite ones after the cell itself: one of each pair, with all (i, j), is enough
            first, second = np.nonzero(np.triu(close, 1) if number == 0 else close)
            lists.append((first, second, np.broadcast_to(image, (first.size, 3))))
        self.first, self.second, self.shift = (np.concatenate(part) for part in zip(*lists, strict=True))


def _images(cell: np.ndarray, pbc: tuple[bool, bool, bool], reach: float) -> np.ndarray:
    """Shifts of the images that may hold neighbours: the cell itself, then one of each two opposite ones."""
    volume = abs(np.linalg.det(cell))
    count = []
    for k in range(3):
        area = np.linalg.norm(np.cross(cell[k - 2], cell[k - 1]))
        # one more, as atoms may have left the cell
        count.append(int(np.ceil(reach * area / volume)) + 1 if pbc[k] else 0)
    steps = np.stack(np.meshgrid(*[np.arange(-m, m + 1) for m in count], indexing="ij"), axis=-1).reshape(-1, 3)
    half = len(steps) // 2  # the middle one is the cell itself; the order is symmetric about it
    return np.asarray(steps[half:] @ cell, dtype=float)
