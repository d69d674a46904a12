"""Energy, forces and virial of TTAM for arrays: tables, Ewald's sum, and a list of pairs that is kept while it holds."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mi_widgets.potentials._cell_list import Grid, PairList, make_grid, make_list, numba_module
from mi_widgets.potentials._ewald import Waves, constant_energy, make_waves, sum_waves
from mi_widgets.potentials._ttam_pairs import ELEMENTS, Parameters, make_table, pair_terms

__all__ = ["Cell", "Engine", "Forces", "Settings"]


@dataclass(frozen=True)
class Settings:
    """What sums are carried out with; lengths in angstrom.

    Attributes
    ----------
    cutoff, alpha, longest : float
        Of pairs, of the screening (1/angstrom), of reciprocal vectors (1/angstrom).
    skin : float
        How much farther than the cutoff the list of pairs reaches.
    short_shell, charge_shell : float
        Shells below the cutoff where short-range terms and screened charges are switched off.
    """

    cutoff: float = 8.0
    alpha: float = 0.38
    longest: float = 2 * 0.38 * math.sqrt(11.0)
    skin: float = 1.0
    short_shell: float = 1.5
    charge_shell: float = 0.5
    n_table: int = 8001


class Cell(NamedTuple):
    """What depends on the cell alone."""

    vectors: np.ndarray
    inverse: np.ndarray
    volume: float
    grid: Grid
    waves: Waves
    constant: np.ndarray  # energy of each atom that does not depend on positions
    pressure: float  # virial of the tail and of a charged cell's background


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
        widths = (s.short_shell, s.charge_shell)
        self.table = np.stack([make_table(term, s.alpha, s.cutoff, s.n_table, widths) for term in self.terms])
        self.guard = np.array([term.guard for term in self.terms])
        self.inverse_step = (s.n_table - 1) / s.cutoff
        self.charges = np.array([parameters[e]["charge"] for e in ELEMENTS])
        self._cell: Cell | None = None
        self._kind = np.empty(0, np.int64)
        self._list: PairList | None = None
        self._listed = np.empty((0, 3))

    def cell(self, vectors: np.ndarray, kind: np.ndarray) -> Cell:
        """What depends on the cell, made anew when cell or elements have changed."""
        known = self._cell
        if known is not None and np.array_equal(known.vectors, vectors) and np.array_equal(self._kind, kind):
            return known
        s, volume = self.settings, abs(float(np.linalg.det(vectors)))
        charge = self.charges[kind]
        own, background = constant_energy(charge, s.alpha, volume)
        tail = self._tail(kind) / volume
        n = max(1, len(kind))
        vectors = np.array(vectors, dtype=float)
        self._cell = Cell(
            vectors,
            np.linalg.inv(vectors),
            volume,
            make_grid(vectors, s.cutoff + s.skin, n),
            make_waves(vectors, s.alpha, s.longest),
            own + (background + tail) / n,
            -(background + tail),
        )
        self._kind, self._list = kind.copy(), None
        return self._cell

    def _tail(self, kind: np.ndarray) -> float:
        """Energy times volume of the dispersion that is cut off, other atoms taken as spread evenly."""
        from scipy.integrate import quad

        s = self.settings
        on = s.cutoff - s.short_shell
        lost, _ = quad(lambda r: _missing(r, on, s.cutoff) / r**4, on, s.cutoff)
        lost += 1 / (3 * s.cutoff**3)
        n_si, n_o = float((kind == 0).sum()), float((kind == 1).sum())
        pairs = (n_si**2, 2 * n_si * n_o, n_o**2)
        return -2 * math.pi * lost * sum(n * t.dispersion for n, t in zip(pairs, self.terms, strict=True))

    def evaluate(self, position: np.ndarray, vectors: np.ndarray, kind: np.ndarray) -> Forces:
        """Find energy, forces and virial; atoms may lie anywhere."""
        cell = self.cell(vectors, kind)
        n = len(position)
        # the first call wraps; later ones keep the same cells, so that the list holds
        if self._list is None or self._listed.shape != position.shape or self._moved(position):
            self._turn = np.floor(position @ cell.inverse)
            wrapped = position - self._turn @ cell.vectors
            reach = self.settings.cutoff + self.settings.skin
            self._list = make_list(wrapped, cell.vectors, cell.grid, reach, self.name)
            self._listed = position.copy()
        wrapped = position - self._turn @ cell.vectors
        out = Forces(cell.constant.copy(), np.zeros((n, 3)), np.zeros(6), np.zeros(n, np.int8))
        out.virial[:3] += cell.pressure
        (self._compiled if self.name == "numba" else self._plain)(wrapped, kind, cell, self._list, out)
        return out

    def _moved(self, position: np.ndarray) -> bool:
        moved = np.square(position - self._listed).sum(axis=1).max(initial=0.0)
        return bool(moved > (0.5 * self.settings.skin) ** 2)

    def _compiled(self, position: np.ndarray, kind: np.ndarray, cell: Cell, pairs: PairList, out: Forces) -> None:
        sums, waves = numba_module("_numba_ttam"), cell.waves
        sums.sum_pairs(  # type: ignore[union-attr]
            position, kind, *pairs, cell.grid.shifts, self.table, self.inverse_step, self.settings.cutoff, self.guard,
            *out,
        )  # fmt: skip
        sums.sum_waves(position, self.charges[kind], cell.inverse, *waves, *out[:3])  # type: ignore[union-attr]

    def _plain(self, position: np.ndarray, kind: np.ndarray, cell: Cell, pairs: PairList, out: Forces) -> None:
        i = np.repeat(np.arange(len(position)), np.diff(pairs.start))
        d = position[pairs.other] - position[i] + cell.grid.shifts[pairs.image]
        r = np.sqrt(np.einsum("ij,ij->i", d, d))
        keep = r < self.settings.cutoff
        i, j, d, r = i[keep], pairs.other[keep].astype(np.int64), d[keep], r[keep]
        k = kind[i] + kind[j]
        u, du = self._look_up(k, r)
        for ends in (i, j):
            out.energy[:] += np.bincount(ends, 0.5 * u, len(position))
        close = r < self.guard[k]
        mark = np.where(r[close] < 1e-6, 2, 1).astype(np.int8)
        np.maximum.at(out.near, i[close], mark)
        np.maximum.at(out.near, j[close], mark)
        pull = (du / np.maximum(r, 1e-6))[:, None] * d
        for a in range(3):
            out.force[:, a] += np.bincount(i, pull[:, a], len(position)) - np.bincount(j, pull[:, a], len(position))
        for c, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))):
            out.virial[c] += pull[:, a] @ d[:, b]
        sum_waves(position, self.charges[kind], cell.waves, *out[:3])

    def _look_up(self, k: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        step = 1 / self.inverse_step
        m = np.minimum((r * self.inverse_step).astype(np.int64), self.table.shape[1] - 2)
        t = r * self.inverse_step - m
        (y0, g0), (y1, g1) = self.table[k, m].T, self.table[k, m + 1].T
        g0, g1 = g0 * step, g1 * step
        a, b = 2 * (y0 - y1) + g0 + g1, -3 * (y0 - y1) - 2 * g0 - g1
        return y0 + t * (g0 + t * (b + t * a)), (g0 + t * (2 * b + 3 * t * a)) * self.inverse_step


def _missing(r: float, on: float, off: float) -> float:
    """What the switch takes away."""
    x = (r - on) / (off - on)
    return x**3 * (10 - 15 * x + 6 * x**2)
