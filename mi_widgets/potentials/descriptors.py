"""Descriptors: numbers that say how the surroundings of an atom look, the same however they are turned or named."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.potentials._acsf import Tables, make_features
from mi_widgets.potentials._features import Features, Geometry
from mi_widgets.potentials._neighbors import resolve_engine

__all__ = ["SymmetryFunctions", "descriptor_from_dict"]

_RADIAL = (*((4.0, 1.0 + 0.5 * k) for k in range(8)), (1.0, 5.0), (1.0, 5.5))
_ANGULAR = tuple((e, z, s) for e in (0.005, 0.06) for z in (1.0, 4.0, 16.0) for s in (1.0, -1.0))


@dataclass(frozen=True)
class SymmetryFunctions:
    """Atom-centred symmetry functions G2, G4 and G5 with analytic derivatives.

    Parameters
    ----------
    elements : tuple of str
        Chemical symbols that can occur.
    cutoff, angular_cutoff : float
        Reach of the radial and of the angular functions (angstrom).
    radial : tuple of (eta, R_s)
        G2 = sum_j exp(-eta (r_ij - R_s)^2) f_c(r_ij), for each element of j.
    angular : tuple of (eta, zeta, lambda)
        G4 = 2^(1-zeta) sum_jk (1 + lambda cos theta)^zeta exp(-eta (r_ij^2 + r_ik^2 + r_jk^2)) f_c f_c f_c, each pair of
        neighbours once, for each pair of elements.
    wide : tuple of (eta, zeta, lambda)
        G5: the same without r_jk, so that neighbours on opposite sides count.

    References
    ----------
    J. Behler, J. Chem. Phys. 134, 074106 (2011), doi:10.1063/1.3553717.

    Examples
    --------
    >>> SymmetryFunctions(("Si", "O")).n_features
    56
    """

    elements: tuple[str, ...] = ("Si", "O")
    cutoff: float = 6.0
    angular_cutoff: float = 4.5
    radial: tuple[tuple[float, float], ...] = _RADIAL
    angular: tuple[tuple[float, float, float], ...] = _ANGULAR
    wide: tuple[tuple[float, float, float], ...] = ()
    engine: str = "auto"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Readable name of each feature."""
        names = [f"G2 {e} eta={eta:g} R={r:g}" for e in self.elements for eta, r in self.radial]
        for k, a in enumerate(self.elements):
            for b in self.elements[k:]:
                for kind, functions in (("G4", self.angular), ("G5", self.wide)):
                    names += [f"{kind} {a}-{b} eta={e:g} zeta={z:g} lambda={s:+g}" for e, z, s in functions]
        return tuple(names)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.names)

    def features(self, structures: Sequence[Geometry], derivatives: bool = True) -> Features:
        """Features of the environments of some structures."""
        return make_features(
            structures, self._numbers, self._tables, self.n_features, derivatives=derivatives,
            engine=resolve_engine(self.engine),
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Settings as JSON can write them."""
        return {
            "kind": "SymmetryFunctions",
            "elements": list(self.elements),
            "cutoff": self.cutoff,
            "angular_cutoff": self.angular_cutoff,
            "radial": [list(f) for f in self.radial],
            "angular": [list(f) for f in self.angular],
            "wide": [list(f) for f in self.wide],
        }

    @cached_property
    def _numbers(self) -> np.ndarray:
        from ase.data import atomic_numbers

        return np.array([atomic_numbers[e] for e in self.elements], dtype=np.int64)

    @cached_property
    def _tables(self) -> Tables:
        functions = np.array([*self.angular, *self.wide], dtype=float).reshape(-1, 3)
        etas, eta_of = np.unique(functions[:, 0], return_inverse=True)
        kinds, zeta_of = np.unique(functions[:, 1:], axis=0, return_inverse=True)
        n, n4 = len(self.elements), len(functions)
        block, at = np.zeros((n, n), dtype=np.int64), n * len(self.radial)
        for a in range(n):
            for b in range(a, n):
                block[a, b] = block[b, a] = at
                at += n4
        radial = np.array(self.radial, dtype=float).reshape(-1, 2)
        return Tables(
            float(self.cutoff), float(self.angular_cutoff), radial, etas, kinds[:, 0].copy(), kinds[:, 1].copy(),
            eta_of.reshape(-1), zeta_of.reshape(-1), len(self.angular), block,
        )  # fmt: skip


def descriptor_from_dict(settings: dict[str, Any]) -> SymmetryFunctions:
    """A descriptor from what its `to_dict` wrote.

    Parameters
    ----------
    settings : dict
        With ``kind`` and the parameters.

    Returns
    -------
    SymmetryFunctions
        The same descriptor.

    Raises
    ------
    ParameterError
        The kind is not known.

    Examples
    --------
    >>> descriptor_from_dict(SymmetryFunctions(("Cu",)).to_dict()).elements
    ('Cu',)
    """
    given = {key: _tuples(value) for key, value in settings.items() if key != "kind"}
    if settings.get("kind") != "SymmetryFunctions":
        raise ParameterError(f"unknown kind of descriptor {settings.get('kind')!r}; write 'SymmetryFunctions'.")
    return SymmetryFunctions(**given)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
