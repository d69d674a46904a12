"""The part of an energy that is a sum over pairs of atoms, as smooth functions of their distance."""

from typing import Any

import numpy as np

from mi_widgets.potentials._terms import PolynomialTerms
from mi_widgets.potentials.descriptors import SymmetryFunctions

__all__ = ["pair_descriptor", "pair_terms"]

_WIDTH, _STEP, _FIRST = 0.35, 0.2, 0.8


def pair_descriptor(elements: tuple[str, ...], cutoff: float) -> SymmetryFunctions:
    """Gaussians of the distance, every 0.2 angstrom up to the cutoff."""
    centers = np.arange(_FIRST, cutoff, _STEP)
    radial = tuple((1 / (2 * _WIDTH**2), round(float(r), 6)) for r in centers)
    return SymmetryFunctions(elements, cutoff, cutoff, radial=radial, angular=())


def pair_terms(descriptor: Any, numbers: np.ndarray, own: np.ndarray, size: float) -> PolynomialTerms:
    """Terms that both atoms of a pair share.

    Parameters
    ----------
    descriptor : SymmetryFunctions
        From `pair_descriptor`.
    numbers : (n_elements,)
        Atomic numbers of its elements, in their order.
    own : (n_species,)
        Atomic numbers that occur.
    size : float
        Standard deviation of a coefficient before anything is known (eV).
    """
    n, m = len(numbers), len(descriptor.radial)
    column = np.zeros((n, n), dtype=np.int64)
    pairs = [(a, b) for a in range(n) for b in range(a, n)]
    for k, (a, b) in enumerate(pairs):
        column[a, b] = column[b, a] = k
    at = [int(np.flatnonzero(numbers == z)[0]) for z in own]
    term_of = np.array([(column[a][:, None] * m + np.arange(m)).reshape(-1) for a in at])
    axes, center = np.repeat(np.eye(n * m)[None], len(own), axis=0), np.zeros((len(own), n * m))
    return PolynomialTerms(own, axes, center, 1, term_of, np.full(len(pairs) * m, size))
