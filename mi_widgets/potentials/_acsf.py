"""Values and derivatives of symmetry functions of many structures, with derivatives stored where they are not zero."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials import _numpy_acsf
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._neighbors import Neighbors, compiled, find_neighbors
from mi_widgets.potentials._rows import Dense, Rows, ValuesOnly

__all__ = ["StoredFeatures", "Tables", "make_features", "refuse_overlap", "species_of"]


_OVERLAP = 1e-6  # angstrom


class Tables(NamedTuple):
    """Parameters of the functions as the kernels want them; functions with a third cutoff (G4) come first."""

    cutoff: float
    inner: float
    radial: np.ndarray
    etas: np.ndarray
    zeta: np.ndarray
    sign: np.ndarray
    eta_of: np.ndarray
    zeta_of: np.ndarray
    n_narrow: int
    block: np.ndarray


@dataclass(frozen=True)
class _Frame:
    """One structure prepared: species and neighbours, those within the inner cutoff first."""

    species: np.ndarray
    start: np.ndarray
    n_near: np.ndarray
    other: np.ndarray
    vector: np.ndarray
    distance: np.ndarray


def _prepare(geometry: Geometry, numbers: np.ndarray, tables: Tables, engine: str) -> _Frame:
    species = species_of(geometry.numbers, numbers)
    neighbors = find_neighbors(geometry.positions, geometry.cell, geometry.pbc, tables.cutoff, engine=engine)
    refuse_overlap(neighbors)
    return _Frame(species, neighbors.start, *_near_first(neighbors, tables.inner, engine))


def species_of(found: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Position of each atomic number among those that a descriptor knows."""
    found = np.asarray(found, dtype=np.int64)
    order = np.argsort(numbers, kind="stable")
    species = order[np.clip(np.searchsorted(numbers[order], found), 0, len(numbers) - 1)]
    if (numbers[species] != found).any():
        unknown = sorted(set(found[numbers[species] != found].tolist()))
        raise DataError(
            f"the structure holds {_symbols(unknown)}, which the descriptor does not know: it was made for "
            f"{_symbols(numbers.tolist())}. Make one with elements=(...) that names all of them, and fit again."
        )
    return species


def _symbols(numbers: Sequence[int]) -> str:
    return ", ".join(SYMBOLS[z] if 0 <= z < len(SYMBOLS) else f"atomic number {z}" for z in numbers)


def refuse_overlap(neighbors: Neighbors) -> None:
    """Raise if two atoms are in one place, where no direction from one to the other exists."""
    if neighbors.distance.size and neighbors.distance.min() < _OVERLAP:
        k = int(neighbors.distance.argmin())
        first = int(np.searchsorted(neighbors.start, k, side="right")) - 1
        raise DataError(
            f"atoms {first} and {int(neighbors.other[k])} are in one place ({neighbors.distance[k]:.2g} "
            "angstrom apart): derivatives do not exist there. Leave the structure out, or move one of them."
        )


def _near_first(n: Neighbors, inner: float, engine: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    found = _kernels(engine).near_first(n.start, n.other, n.vector, n.distance, inner)
    other, vector, distance, n_near = found
    return n_near, other, vector, distance


def _kernels(engine: str) -> Any:
    return compiled() if engine == "numba" else _numpy_acsf


class StoredFeatures(Rows):
    """Features whose derivatives are stored in single precision, where they are not zero."""

    def __init__(self, rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], store: dict[str, Any]) -> None:
        super().__init__(*rows)
        self._store = store

    @property
    def nbytes(self) -> int:
        """Memory of what is stored."""
        return sum(a.nbytes for a in self._store.values() if isinstance(a, np.ndarray))

    def pull(
        self, weights: np.ndarray, frames: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forces and virials; see `Features`."""
        chosen, to = self._chosen(frames)
        w = np.ascontiguousarray(weights, dtype=np.float32)
        forces, virial = np.zeros((to[-1], 3)), np.zeros((len(chosen), 3, 3))
        s = self._store
        _kernels(s["engine"]).pull(
            self._frames[chosen], s["offsets"], s["start"], s["near_start"], s["other"], s["species"], s["vector"],
            s["by_pair"], s["by_angle"], s["block"], w, to, forces, virial,
        )  # fmt: skip
        return forces, virial

    def push(self, vectors: np.ndarray, frames: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Change of the features; see `Features`."""
        chosen, to = self._chosen(frames)
        moves = np.ascontiguousarray(vectors, dtype=np.float32)
        out = np.zeros((to[-1], self.values.shape[1]))
        s = self._store
        _kernels(s["engine"]).push(
            self._frames[chosen], s["offsets"], s["start"], s["near_start"], s["other"], s["species"], s["by_pair"],
            s["by_angle"], s["block"], s["vector"], moves, to, out,
        )  # fmt: skip
        return out

    def dense(self, frame: int) -> Dense:
        """Derivatives of one frame with all features of each pair, for kernels."""
        from scipy.sparse import coo_array

        s, stored = self._store, int(self._frames[frame])
        base, end = s["offsets"][stored], s["offsets"][stored + 1]
        first, last = s["start"][base], s["start"][end]
        n, n_rows, n2 = int(end - base), int(last - first), s["by_pair"].shape[1]
        centre = np.repeat(np.arange(n), np.diff(s["start"][base : end + 1]))
        other, vector = s["other"][first:last], s["vector"][first:last]
        kind = s["species"][base:end][other]
        by_move = np.zeros((n_rows, self.values.shape[1], 3), np.float32)
        rows = np.arange(n_rows)[:, None]
        by_move[rows, kind[:, None] * n2 + np.arange(n2)] = s["by_pair"][first:last, :, None] * vector[:, None, :]
        near = (rows[:, 0] - (s["start"][base:end] - first)[centre]) < np.diff(s["near_start"][base : end + 1])[centre]
        angle = s["by_angle"][s["near_start"][base] : s["near_start"][end]]
        for b in range(angle.shape[1]):
            at = s["block"][kind[near], b][:, None] + np.arange(angle.shape[3])
            by_move[rows[near], at] += angle[:, b].transpose(0, 2, 1)
        by_move = np.ascontiguousarray(by_move.transpose(0, 2, 1))
        by_strain = np.zeros((n, 3, 3, by_move.shape[2]), np.float32)
        starts = (s["start"][base:end] - first)[np.diff(s["start"][base : end + 1]) > 0]
        if n_rows:
            for a in range(3):
                by_strain[np.unique(centre), a] = np.add.reduceat(vector[:, a, None, None] * by_move, starts, axis=0)
        index = np.arange(n_rows)
        signs = np.concatenate([np.ones(n_rows, np.float32), -np.ones(n_rows, np.float32)])
        places = np.concatenate([centre, other]), np.concatenate([index, index])
        return Dense(centre, coo_array((signs, places), shape=(n, n_rows)).tocsr(), by_move, by_strain)

    def select(self, frames: Sequence[int] | np.ndarray) -> "StoredFeatures":
        """Some of the frames; derivatives are shared."""
        return StoredFeatures(self._cut(frames), self._store)


def make_features(
    structures: Sequence[Geometry],
    numbers: np.ndarray,
    tables: Tables,
    n_features: int,
    *,
    derivatives: bool,
    engine: str,
) -> ValuesOnly | StoredFeatures:
    """Features of some structures."""
    frames = _each(lambda g: _prepare(g, numbers, tables, engine), structures)
    offsets = np.concatenate([[0], np.cumsum([len(f.species) for f in frames])]).astype(np.int64)
    values = np.zeros((offsets[-1], n_features))
    elements = np.concatenate([np.asarray(g.numbers, dtype=np.int64) for g in structures] or [np.empty(0, np.int64)])
    rows = values, offsets, elements, np.arange(len(frames))
    kernels = _kernels(engine)
    n_species = len(numbers)
    if not derivatives:

        def fill(k: int) -> None:
            f = frames[k]
            out = values[offsets[k] : offsets[k + 1]]
            kernels.values(f.start, f.n_near, f.other, f.vector, f.distance, f.species, n_species, *tables, out)

        _each(fill, range(len(frames)))
        return ValuesOnly(*rows)
    n_pairs = np.concatenate([[0], np.cumsum([len(f.other) for f in frames])]).astype(np.int64)
    n_near = np.concatenate([[0], np.cumsum([f.n_near.sum() for f in frames])]).astype(np.int64)
    by_pair = np.empty((n_pairs[-1], len(tables.radial)), np.float32)
    by_angle = np.empty((n_near[-1], n_species, 3, len(tables.eta_of)), np.float32)

    def fill_all(k: int) -> None:
        f = frames[k]
        out = values[offsets[k] : offsets[k + 1]]
        near_start = np.concatenate([[0], np.cumsum(f.n_near)]).astype(np.int64)
        kernels.derivatives(
            f.start, f.n_near, f.other, f.vector, f.distance, f.species, n_species, *tables, out, near_start,
            by_pair[n_pairs[k] : n_pairs[k + 1]], by_angle[n_near[k] : n_near[k + 1]],
        )  # fmt: skip

    _each(fill_all, range(len(frames)))
    counts = np.concatenate([np.diff(f.start) for f in frames])
    store = {
        "offsets": offsets,
        "start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "near_start": np.concatenate([[0], np.cumsum(np.concatenate([f.n_near for f in frames]))]).astype(np.int64),
        "other": np.concatenate([f.other for f in frames]),
        "species": np.concatenate([f.species for f in frames]),
        "vector": np.concatenate([f.vector.astype(np.float32) for f in frames]),
        "by_pair": by_pair,
        "by_angle": by_angle,
        "block": tables.block,
        "engine": engine,
    }
    return StoredFeatures(rows, store)


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Results in order, by a few threads of our own: the kernels let other threads run."""
    workers = min(cpu_count() or 1, 4, len(items))
    if workers < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
