"""SOAP power spectra by featomic: features in a fixed order, products with their derivatives."""

import importlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.errors import MissingDependencyError
from mi_widgets.potentials._acsf import refuse_overlap, species_of
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._neighbors import complete_cell, find_neighbors
from mi_widgets.potentials._rows import Dense, Rows, ValuesOnly

__all__ = ["SoapFeatures", "SoapKind", "make_soap"]

_STORE = 1.0e9  # bytes of derivatives that are kept; beyond that they are computed again


class SoapKind(NamedTuple):
    """What is computed."""

    numbers: np.ndarray
    cutoff: float
    smoothing: float
    width: float
    n_radial: int
    n_angular: int

    @property
    def order(self) -> list[tuple[int, int, int, int, int]]:
        """Both species (as positions among the elements, first not after second), l, n_1, n_2 of each feature."""
        n = range(self.n_radial)
        return [
            (a, b, l, n1, n2)
            for a in range(len(self.numbers))
            for b in range(a, len(self.numbers))
            for l in range(self.n_angular + 1)
            for n1 in n
            for n2 in n
            if a != b or n1 <= n2
        ]


class _Derivatives(NamedTuple):
    """Derivatives of one frame: rows are (environment, atom that moves), dense in the features."""

    centre: np.ndarray
    mover: np.ndarray
    by_move: np.ndarray
    by_strain: np.ndarray

    @property
    def nbytes(self) -> int:
        """Memory."""
        return self.by_move.nbytes + self.by_strain.nbytes


def _featomic() -> Any:
    try:
        return importlib.import_module("featomic")
    except ImportError as error:
        raise MissingDependencyError(
            'SmoothOverlap needs the package featomic: pip install "mi-widgets[soap]"'
        ) from error


class _Engine:
    def __init__(self, kind: SoapKind) -> None:
        self.kind = kind
        self.order = kind.order
        self.calculator = _featomic().SoapPowerSpectrum(
            cutoff={
                "radius": kind.cutoff,
                "smoothing": {"type": "ShiftedCosine", "width": kind.smoothing},
            },
            density={"type": "Gaussian", "width": kind.width},
            basis={
                "type": "TensorProduct",
                "max_angular": kind.n_angular,
                "radial": {"type": "Gto", "max_radial": kind.n_radial - 1},
            },
        )
        self.column = {key: k for k, key in enumerate(self.order)}

    def values(self, geometry: Geometry) -> np.ndarray:
        """(n_atoms, n_features)."""
        atoms, _ = _atoms(geometry, self.kind)
        values = np.zeros((len(atoms), len(self.order)))
        for atom, columns, keep, scale, block in self._blocks(atoms, []):
            values[np.ix_(atom, columns)] = np.asarray(block.values)[:, keep] * scale
        return values

    def derivatives(self, geometry: Geometry) -> _Derivatives:
        """Derivatives by positions and strain."""
        atoms, periodic = _atoms(geometry, self.kind)
        n, size = len(atoms), len(self.order)
        strain, pieces = np.zeros((n, 3, 3, size), np.float32), []
        for atom, columns, keep, scale, block in self._blocks(atoms, ["positions", *["strain"] * periodic]):
            moved = block.gradient("positions")
            centre = atom[np.asarray(moved.samples.column("sample"))].astype(np.int64)
            code = centre * n + np.asarray(moved.samples.column("atom"))
            pieces.append((code, columns, (np.asarray(moved.values)[:, :, keep] * scale).astype(np.float32)))
            if periodic:
                change = block.gradient("strain")
                rows = atom[np.asarray(change.samples.column("sample"))]
                taken = (np.asarray(change.values)[:, :, :, keep] * scale).transpose(0, 3, 1, 2)
                strain[rows[:, None], :, :, columns] = taken
        codes = np.unique(np.concatenate([code for code, _, _ in pieces] or [np.empty(0, np.int64)]))
        by_move = np.zeros((len(codes), 3, size), np.float32)
        for code, columns, moves in pieces:
            by_move[np.searchsorted(codes, code)[:, None], :, columns] = moves.transpose(0, 2, 1)
        centre, mover = codes // max(n, 1), codes % max(n, 1)
        if not periodic:  # no images: a strain moves each atom by what it does to its position
            places = np.asarray(geometry.positions, dtype=np.float32)[mover]
            np.add.at(strain, centre, places[:, :, None, None] * by_move[:, None])
        return _Derivatives(centre, mover, by_move, strain)

    def _blocks(self, atoms: Any, gradients: list[str]) -> Iterator[tuple[Any, ...]]:
        place = {int(z): k for k, z in enumerate(self.kind.numbers)}
        for key, block in self.calculator.compute(atoms, gradients=gradients).items():
            atom = np.asarray(block.samples.column("atom"))
            if atom.size:
                yield atom, *self._columns(key, block, place), block

    def _columns(self, key: Any, block: Any, place: dict[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the properties of a block stand among the features, which are taken, and their weights."""
        a, b = place[int(key["neighbor_1_type"])], place[int(key["neighbor_2_type"])]
        l, n1, n2 = (np.asarray(block.properties.column(name)) for name in ("l", "n_1", "n_2"))
        turned = a > b
        keys = [
            (b, a, int(x), int(z), int(y)) if turned else (a, b, int(x), int(y), int(z))
            for x, y, z in zip(l, n1, n2, strict=True)
        ]
        keep = np.array([k for k, key in enumerate(keys) if key in self.column], dtype=np.int64)
        # a symmetric pair stands for both of its orders: lengths and products stay what they are
        scale = np.array([np.sqrt(2.0) if a == b and keys[k][3] != keys[k][4] else 1.0 for k in keep])
        return np.array([self.column[keys[k]] for k in keep], dtype=np.int64), keep, scale


def _atoms(geometry: Geometry, kind: SoapKind) -> tuple[Any, bool]:
    """ASE's Atoms; vectors that do not repeat are made so long that images do not meet."""
    from ase import Atoms

    numbers, pbc = np.asarray(geometry.numbers), np.broadcast_to(np.asarray(geometry.pbc, dtype=bool), 3)
    species_of(numbers, kind.numbers)
    positions = np.asarray(geometry.positions, dtype=float)
    refuse_overlap(find_neighbors(positions, np.asarray(geometry.cell, dtype=float), pbc, 0.1, engine="numpy"))
    if not pbc.any():
        return Atoms(numbers, positions), False
    cell, _ = complete_cell(np.asarray(geometry.cell, dtype=float), pbc)
    extent = positions @ np.linalg.inv(cell)
    span = np.ptp(extent, axis=0) + 2 * kind.cutoff + 2.0
    cell = np.where(pbc[:, None], cell, cell * span[:, None])
    return Atoms(numbers, positions, cell=cell, pbc=True), True


class SoapFeatures(Rows):
    """Power spectra; derivatives are kept as far as there is room, and computed again beyond that."""

    def __init__(
        self, rows: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], structures: Sequence[Geometry],
        engine: _Engine, kept: dict[int, _Derivatives],
    ) -> None:  # fmt: skip
        super().__init__(*rows)
        self._structures, self._engine, self._kept = structures, engine, kept

    def _derivatives(self, frame: int) -> _Derivatives:
        known = self._kept.get(frame)
        if known is None:
            known = self._engine.derivatives(self._structures[frame])
            if sum(d.nbytes for d in self._kept.values()) + known.nbytes < _STORE:
                self._kept[frame] = known
        return known

    def pull(
        self, weights: np.ndarray, frames: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Forces and virials; see `Features`."""
        chosen, to = self._chosen(frames)
        w = np.asarray(weights, dtype=np.float32)
        forces, virial = np.zeros((to[-1], 3)), np.zeros((len(chosen), 3, 3))
        for k, frame in enumerate(self._frames[chosen]):
            d, mine = self._derivatives(int(frame)), w[to[k] : to[k + 1]]
            np.subtract.at(forces, to[k] + d.mover, np.einsum("pam,pm->pa", d.by_move, mine[d.centre]))
            virial[k] = -np.einsum("iabm,im->ab", d.by_strain, mine)
        return forces, virial

    def push(self, vectors: np.ndarray, frames: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """Change of the features; see `Features`."""
        chosen, to = self._chosen(frames)
        moves = np.asarray(vectors, dtype=np.float32)
        out = np.zeros((to[-1], self.values.shape[1]))
        for k, frame in enumerate(self._frames[chosen]):
            d = self._derivatives(int(frame))
            np.add.at(out, to[k] + d.centre, np.einsum("pam,pa->pm", d.by_move, moves[to[k] + d.mover]))
        return out

    def select(self, frames: Sequence[int] | np.ndarray) -> "SoapFeatures":
        """Some of the frames; derivatives are shared."""
        return SoapFeatures(self._cut(frames), self._structures, self._engine, self._kept)

    def dense(self, frame: int) -> Dense:
        """Derivatives of one frame, for kernels."""
        from scipy.sparse import coo_array

        d = self._derivatives(int(self._frames[frame]))
        n, n_rows = len(d.by_strain), len(d.centre)
        places = d.mover, np.arange(n_rows)
        incidence = coo_array((-np.ones(n_rows, np.float32), places), shape=(n, n_rows)).tocsr()
        return Dense(d.centre, incidence, d.by_move, d.by_strain)


def make_soap(structures: Sequence[Geometry], kind: SoapKind, *, derivatives: bool) -> SoapFeatures | ValuesOnly:
    """Features of some structures."""
    engine = _Engine(kind)
    parts = [engine.values(g) for g in structures]
    offsets = np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int64)
    values = np.concatenate(parts) if parts else np.empty((0, len(engine.order)))
    numbers = np.concatenate([np.asarray(g.numbers, dtype=np.int64) for g in structures] or [np.empty(0, np.int64)])
    rows = values, offsets, numbers, np.arange(len(parts))
    return SoapFeatures(rows, list(structures), engine, {}) if derivatives else ValuesOnly(*rows)
