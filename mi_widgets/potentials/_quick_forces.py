"""Forces of one structure at a time, as molecular dynamics wants them: no derivative is stored."""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._acsf import _prepare
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._neighbors import compiled, resolve_engine
from mi_widgets.potentials.descriptors import SymmetryFunctions

__all__ = ["make_quick"]

Quick = Callable[[Geometry], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


@cache
def _forces() -> ModuleType | None:
    try:
        from mi_widgets.potentials import _numba_forces
    except (ImportError, RuntimeError):  # not installed, or nowhere to keep its cache
        return None
    return _numba_forces


def make_quick(descriptor: Any, model: Any, domain: Any) -> Quick | None:
    """From a structure to energy, energies of atoms, outside, forces and virial; None without compiled code."""
    if not isinstance(descriptor, SymmetryFunctions) or resolve_engine(descriptor.engine) != "numba":
        return None
    kernels: Any = _forces()
    acsf: Any = compiled()
    if kernels is None:
        return None
    numbers, tables = descriptor._numbers, descriptor._tables  # noqa: SLF001

    @one_thread
    def quick(geometry: Geometry) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        f = _prepare(geometry, numbers, tables, "numba")
        kinds = np.asarray(geometry.numbers)
        values = np.zeros((len(kinds), descriptor.n_features))
        acsf.values(f.start, f.n_near, f.other, f.vector, f.distance, f.species, len(numbers), *tables, values)
        atomic, slope, _ = model.predict(values, kinds)
        force, virial = np.zeros((len(kinds), 3)), np.zeros((1, 3, 3))
        kernels.forces(
            f.start, f.n_near, f.other, f.vector, f.distance, f.species, *tables, slope.astype(float), force, virial[0]
        )
        return np.array([atomic.sum()]), atomic, domain.outside(values, kinds), force, virial

    return quick
