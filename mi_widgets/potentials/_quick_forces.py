"""Forces of one structure at a time, as molecular dynamics wants them: no derivative is stored, neighbours are kept."""

from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._acsf import refuse_overlap, species_of
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._neighbors import Neighbors, compiled, find_neighbors, resolve_engine
from mi_widgets.potentials.descriptors import SymmetryFunctions

__all__ = ["Quick", "make_quick"]

_SKIN = 0.6  # angstrom by which the kept list is longer than the cutoff

Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@cache
def _forces() -> ModuleType | None:
    try:
        from mi_widgets.potentials import _numba_forces
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None
    return _numba_forces


def make_quick(descriptor: Any, model: Any, domain: Any) -> "Quick | None":
    """From a structure to energy, energies of atoms, outside, forces and virial; None without compiled code."""
    if not isinstance(descriptor, SymmetryFunctions) or resolve_engine(descriptor.engine) != "numba":
        return None
    return None if _forces() is None else Quick(descriptor, model, domain)


class _List(NamedTuple):
    """Neighbours a little beyond the cutoff, and where the atoms were."""

    at: Geometry
    species: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray]


class Quick:
    """Evaluates structures of which each is near the one before; threads replace the kept list as a whole."""

    def __init__(self, descriptor: SymmetryFunctions, model: Any, domain: Any) -> None:
        self._descriptor, self._model, self._domain = descriptor, model, domain
        self._numbers, self._tables = descriptor._numbers, descriptor._tables  # noqa: SLF001
        self._kept: _List | None = None

    @one_thread
    def __call__(self, geometry: Geometry) -> Found:
        """Energy (1,), energies of atoms, outside, forces, virial (1, 3, 3)."""
        kernels: Any = _forces()
        acsf: Any = compiled()
        t, kinds = self._tables, np.asarray(geometry.numbers)
        position = np.ascontiguousarray(geometry.positions, dtype=float)
        kept = self._kept
        if kept is None or not _holds(kept.at, geometry, position):
            self._kept = kept = self._renew(geometry, position)
        start, n_near, other, vector, distance = kernels.renew(*kept.pairs, position, t.cutoff, t.inner)
        refuse_overlap(Neighbors(start, other, vector, distance))
        values = np.zeros((len(kinds), self._descriptor.n_features))
        given = start, n_near, other, vector, distance, kept.species
        acsf.values(*given, len(self._numbers), *t, values)
        atomic, slope, _ = self._model.predict(values, kinds)
        force, virial = np.zeros((len(kinds), 3)), np.zeros((1, 3, 3))
        kernels.forces(*given, *t, slope, force, virial[0])
        return np.array([atomic.sum()]), atomic, self._domain.outside(values, kinds), force, virial

    def _renew(self, geometry: Geometry, position: np.ndarray) -> _List:
        species = species_of(geometry.numbers, self._numbers)
        found = find_neighbors(position, geometry.cell, geometry.pbc, self._tables.cutoff + _SKIN)
        first = np.repeat(np.arange(len(position)), np.diff(found.start))
        shift = found.vector - (position[found.other] - position[first])
        return _List(Geometry(*(np.array(a) for a in geometry)), species, (found.start, found.other, shift))


def _holds(old: Geometry, new: Geometry, position: np.ndarray) -> bool:
    """Tell whether every atom is still near where it was when the list was made."""
    same = (np.array_equal(a, b) for a, b in ((old.numbers, new.numbers), (old.cell, new.cell), (old.pbc, new.pbc)))
    if not all(same):
        return False
    moved = position - old.positions
    return bool(np.einsum("ij,ij->i", moved, moved).max(initial=0.0) < (_SKIN / 2) ** 2)
