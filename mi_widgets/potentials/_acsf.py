"""Values and derivatives of symmetry functions of many structures, with derivatives stored where they are not zero."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from os import cpu_count
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._neighbors import Neighbors, compiled, find_neighbors

__all__ = ["LazyFeatures", "StoredFeatures", "Tables", "ValuesOnly", "make_features"]

Store = tuple[np.ndarray, np.ndarray, np.ndarray]


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
    found = np.asarray(geometry.numbers, dtype=np.int64)
    species = np.searchsorted(numbers, found)
    order = np.argsort(numbers, kind="stable")
    species = order[np.clip(np.searchsorted(numbers[order], found), 0, len(numbers) - 1)]
    if (numbers[species] != found).any():
        unknown = sorted(set(found[numbers[species] != found].tolist()))
        raise DataError(
            f"the structure holds atomic numbers {unknown}, which the descriptor does not know; it knows "
            f"{sorted(numbers.tolist())}. Make one with all elements: SymmetryFunctions(elements=(...))."
        )
    neighbors = find_neighbors(geometry.positions, geometry.cell, geometry.pbc, tables.cutoff, engine=engine)
    return _Frame(species, neighbors.start, *_near_first(neighbors, tables.inner, engine))


def _near_first(n: Neighbors, inner: float, engine: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    kernels: Any = compiled()
    other, vector, distance, n_near = kernels.near_first(n.start, n.other, n.vector, n.distance, inner)
    return n_near, other, vector, distance


class _Rows:
    """Bookkeeping of frames that all kinds of features share."""

    def __init__(self, values: np.ndarray, offsets: np.ndarray, numbers: np.ndarray, frames: np.ndarray) -> None:
        self.values, self.offsets, self.numbers = values, offsets, numbers
        self._frames = frames  # in what is stored

    def _chosen(self, frames: Sequence[int] | None) -> tuple[np.ndarray, np.ndarray]:
        """Positions of frames among ours, and where their rows begin in the answer."""
        chosen = np.arange(len(self._frames)) if frames is None else np.asarray(frames, dtype=np.int64).reshape(-1)
        sizes = np.diff(self.offsets)[chosen]
        return chosen, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)

    def _cut(self, frames: Sequence[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        chosen, to = self._chosen(frames)
        rows = [np.arange(self.offsets[c], self.offsets[c + 1]) for c in chosen]
        at = np.concatenate(rows) if rows else np.empty(0, np.int64)
        return self.values[at], to, self.numbers[at], self._frames[chosen]


class ValuesOnly(_Rows):
    """Features without derivatives."""

    def pull(self, weights: np.ndarray, frames: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Refuse: there are no derivatives."""
        raise DataError("these features have no derivatives; ask for them: descriptor.features(..., derivatives=True).")

    def push(self, vectors: np.ndarray, frames: Sequence[int] | None = None) -> np.ndarray:
        """Refuse: there are no derivatives."""
        raise DataError("these features have no derivatives; ask for them: descriptor.features(..., derivatives=True).")

    def select(self, frames: Sequence[int]) -> "ValuesOnly":
        """Some of the frames."""
        return ValuesOnly(*self._cut(frames))


class StoredFeatures(_Rows):
    """Features whose derivatives are stored in single precision, where they are not zero."""

    def __init__(self, rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], store: dict[str, Any]) -> None:
        super().__init__(*rows)
        self._store = store

    @property
    def nbytes(self) -> int:
        """Memory of what is stored."""
        return sum(a.nbytes for a in self._store.values() if isinstance(a, np.ndarray))

    def pull(self, weights: np.ndarray, frames: Sequence[int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Forces and virials; see `Features`."""
        chosen, to = self._chosen(frames)
        w = np.ascontiguousarray(weights, dtype=np.float32)
        forces, virial = np.zeros((to[-1], 3)), np.zeros((len(chosen), 3, 3))
        s, kernels = self._store, compiled()
        kernels.pull(  # type: ignore[union-attr]
            self._frames[chosen], s["offsets"], s["start"], s["near_start"], s["other"], s["species"], s["vector"],
            s["by_pair"], s["by_angle"], s["block"], w, to, forces, virial,
        )  # fmt: skip
        return forces, virial

    def push(self, vectors: np.ndarray, frames: Sequence[int] | None = None) -> np.ndarray:
        """Change of the features; see `Features`."""
        chosen, to = self._chosen(frames)
        moves = np.ascontiguousarray(vectors, dtype=np.float32)
        out = np.zeros((to[-1], self.values.shape[1]))
        s, kernels = self._store, compiled()
        kernels.push(  # type: ignore[union-attr]
            self._frames[chosen], s["offsets"], s["start"], s["near_start"], s["other"], s["species"], s["by_pair"],
            s["by_angle"], s["block"], s["vector"], moves, to, out,
        )  # fmt: skip
        return out

    def select(self, frames: Sequence[int]) -> "StoredFeatures":
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
    kernels: Any = compiled()
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
    }
    return StoredFeatures(rows, store)


def _each(function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Results in order, by a few threads of our own: the kernels let other threads run."""
    workers = min(cpu_count() or 1, 4, len(items))
    if workers < 2:
        return [function(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, items))
