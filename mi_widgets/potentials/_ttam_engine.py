"""Energy, forces and virial of TTAM for arrays: tables, Ewald's sum, and a list of pairs, kept while it holds."""

import copy
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.potentials._cell_list import Grid, PairList, make_grid, make_list, numba_module
from mi_widgets.potentials._ewald import Waves, constant_energy, make_waves, sum_waves
from mi_widgets.potentials._neighbors import find_neighbors
from mi_widgets.potentials._ttam_pairs import ELEMENTS, KCAL, Parameters, make_table, pair_terms

__all__ = ["VOIGT", "Cell", "Engine", "Forces", "Settings"]

#: Where the elements of a symmetric matrix stand in xx yy zz yz xz xy.
VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])


@dataclass(frozen=True)
class Settings:
    """What sums are carried out with; lengths in angstrom.

    Attributes
    ----------
    cutoff, alpha, longest : float
        Of pairs, of the screening (1/angstrom), of reciprocal vectors (1/angstrom).
    skin : float
        How much farther than the cutoff the list of pairs reaches.
    shell : float
        Shell below the cutoff where the pair terms, screened by then, are switched off.
    n_table : int
        Points of the tables of the pair terms.
    cut : bool
        Dispersion ends at the cutoff.
    """

    cutoff: float = 8.0
    alpha: float = 0.42
    longest: float = 2 * 0.42 * math.sqrt(14.0)
    skin: float = 1.0
    shell: float = 0.4
    n_table: int = 8001
    cut: bool = False


class Cell(NamedTuple):
    """What depends on the cell alone."""

    vectors: np.ndarray
    inverse: np.ndarray
    volume: float
    grid: Grid
    waves: Waves
    constant: np.ndarray  # energy of each atom that does not depend on positions
    pressure: float  # virial of waves of length 0


class Forces(NamedTuple):
    """What is found: energy of each atom (eV), forces (eV/angstrom), virial xx yy zz yz xz xy (eV), crowded atoms."""

    energy: np.ndarray
    force: np.ndarray
    virial: np.ndarray
    near: np.ndarray


class Engine:
    """TTAM for one set of parameters and settings; keeps tables, and cell and list of the last call."""

    def __init__(self, parameters: Parameters, settings: Settings, engine: str) -> None:
        self.settings, self.name = settings, engine
        s = settings
        self.terms = pair_terms(parameters)
        shape = (s.alpha, s.cutoff, s.n_table, s.shell)
        self.table = np.stack([make_table(term, *shape, cut=s.cut) for term in self.terms])
        self.guard = np.array([term.guard for term in self.terms])
        self.inverse_step = (s.n_table - 1) / s.cutoff
        roots = [0.0 if s.cut else math.sqrt(KCAL) * parameters[e]["c"] for e in ELEMENTS]
        self.strengths = np.stack([[parameters[e]["charge"] for e in ELEMENTS], roots], axis=-1)
        self._cell: Cell | None = None
        self._kind = np.empty(0, np.int64)
        self._list: PairList | None = None
        self._listed = self._moved_by = np.empty((0, 3))

    def cell(self, vectors: np.ndarray, kind: np.ndarray) -> Cell:
        """What depends on the cell, made anew when cell or elements have changed."""
        known = self._cell
        if known is not None and np.array_equal(known.vectors, vectors) and np.array_equal(self._kind, kind):
            return known
        s, volume = self.settings, abs(float(np.linalg.det(vectors)))
        own, mean = constant_energy(self.strengths[kind, 0], self.strengths[kind, 1], s.alpha, volume)
        n = max(1, len(kind))
        vectors = np.array(vectors, dtype=float)
        self._cell = Cell(
            vectors,
            np.linalg.inv(vectors),
            volume,
            make_grid(vectors, s.cutoff + s.skin, n),
            make_waves(vectors, s.alpha, s.longest),
            own + mean / n,
            -mean,
        )
        self._kind, self._list = kind.copy(), None
        return self._cell

    def fresh(self) -> "Engine":
        """The same tables without cell and list, for another thread or structure."""
        other = copy.copy(self)
        other._cell = other._list = None  # noqa: SLF001
        return other

    def evaluate(self, position: np.ndarray, vectors: np.ndarray, kind: np.ndarray, *, who: str = "TTAM") -> Forces:
        """Find energy, forces and virial; atoms may lie anywhere, but no two in one place."""
        cell, n = self.cell(vectors, kind), len(position)
        out = Forces(cell.constant.copy(), np.zeros((n, 3)), np.zeros(6), np.zeros(n, np.int8))
        out.virial[:3] += cell.pressure
        (self._compiled if self.name == "numba" else self._plain)(position, kind, cell, out)
        if (out.near == 2).any():
            where = np.flatnonzero(out.near == 2)
            raise DataError(
                f"{who}: atoms {', '.join(map(str, where[:6].tolist()))} lie in one place, where no force is defined. "
                "Take the copies out."
            )
        return out

    def _pairs(self, position: np.ndarray, cell: Cell) -> tuple[np.ndarray, PairList]:
        """Positions in the cells where they were listed, and the list, made anew when an atom has moved too far."""
        pairs, listed = self._list, self._listed
        if pairs is None or np.square(position - listed).sum(axis=1).max(initial=0.0) > (0.5 * self.settings.skin) ** 2:
            self._moved_by = np.floor(position @ cell.inverse) @ cell.vectors
            reach = self.settings.cutoff + self.settings.skin
            pairs = make_list(position - self._moved_by, cell.vectors, cell.grid, reach)
            self._list, self._listed = pairs, position.copy()
        return position - self._moved_by, pairs

    def _compiled(self, position: np.ndarray, kind: np.ndarray, cell: Cell, out: Forces) -> None:
        sums, waves = numba_module("_numba_ttam"), cell.waves
        inside, pairs = self._pairs(position, cell)
        sums.sum_pairs(  # type: ignore[union-attr]
            inside, kind, *pairs, cell.grid.shifts, self.table, self.inverse_step, self.settings.cutoff, self.guard,
            *out,
        )  # fmt: skip
        sums.sum_waves(inside, self.strengths[kind], cell.inverse, *waves, *out[:3])  # type: ignore[union-attr]

    def _plain(self, position: np.ndarray, kind: np.ndarray, cell: Cell, out: Forces) -> None:
        n, every = len(position), np.ones(3, dtype=bool)
        found = find_neighbors(position, cell.vectors, every, self.settings.cutoff, engine="numpy")
        i, j, d, r = np.repeat(np.arange(n), np.diff(found.start)), found.other, found.vector, found.distance
        k = kind[i] + kind[j]
        u, du = self._look_up(k, r)
        out.energy[:] += np.bincount(i, 0.5 * u, n)
        np.maximum.at(out.near, i, np.where(r < 1e-6, 2, (r < self.guard[k]).astype(int)).astype(np.int8))
        pull = (du / np.maximum(r, 1e-6))[:, None] * d  # every pair is met from both its ends
        for a in range(3):
            out.force[:, a] += np.bincount(i, pull[:, a], n)
        for c, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
            out.virial[c] += 0.5 * pull[:, a] @ d[:, b]
        sum_waves(position, self.strengths[kind], cell.waves, *out[:3])

    def _look_up(self, k: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step = 1 / self.inverse_step
        m = np.minimum((r * self.inverse_step).astype(np.int64), self.table.shape[1] - 2)
        t = r * self.inverse_step - m
        (y0, g0), (y1, g1) = self.table[k, m].T, self.table[k, m + 1].T
        g0, g1 = g0 * step, g1 * step
        a, b = 2 * (y0 - y1) + g0 + g1, -3 * (y0 - y1) - 2 * g0 - g1
        return y0 + t * (g0 + t * (b + t * a)), (g0 + t * (2 * b + 3 * t * a)) * self.inverse_step
