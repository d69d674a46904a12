"""A potential that is a sum of terms with coefficients known with an uncertainty: evaluation and calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mi_widgets.errors import DataError
from mi_widgets.methods._elements import SYMBOLS
from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._regression import Posterior
from mi_widgets.potentials._terms import Rows3, Terms
from mi_widgets.potentials.domain import Domain
from mi_widgets.potentials.potential import Evaluation

__all__ = ["Calibration", "SumModel"]


@dataclass(frozen=True)
class Calibration:
    """How far predicted variances are from the errors met on data that were not learnt from.

    variance = stretch * variance of the coefficients + ground, for forces of each element; likewise for energies per
    atom.

    Attributes
    ----------
    force_stretch, force_ground : (n_species,)
    energy_stretch, energy_ground : float
    """

    force_stretch: np.ndarray
    force_ground: np.ndarray
    energy_stretch: float
    energy_ground: float


@dataclass(frozen=True)
class SumModel:
    """Descriptors with their terms, one group after another, and the energies of free atoms.

    Attributes
    ----------
    parts : sequence of (descriptor, Terms)
    numbers : (n_species,)
    base : (n_species,)
        Energy of an atom before its surroundings count (eV).
    """

    parts: tuple[tuple[Any, Terms], ...]
    numbers: np.ndarray
    base: np.ndarray

    @property
    def n_terms(self) -> int:
        """Number of coefficients."""
        return sum(terms.n_terms for _, terms in self.parts)

    @property
    def groups(self) -> np.ndarray:
        """Part that each coefficient belongs to."""
        return np.repeat(np.arange(len(self.parts)), [terms.n_terms for _, terms in self.parts])

    def _own(self, coefficients: np.ndarray, k: int) -> np.ndarray:
        return coefficients[self.groups == k]

    def species(self, numbers: np.ndarray) -> np.ndarray:
        """Position of each atom's element among ours."""
        place = np.searchsorted(self.numbers, numbers)
        strange = self.numbers[np.minimum(place, len(self.numbers) - 1)] != numbers
        if strange.any():
            names = sorted({SYMBOLS[int(z)] for z in np.asarray(numbers)[strange]})
            known = ", ".join(SYMBOLS[int(z)] for z in self.numbers)
            raise DataError(
                f"the potential has learnt nothing about {', '.join(names)}: its snapshots held {known}. Fit it to "
                "snapshots that hold all elements."
            )
        return place

    def rows(self, geometry: Geometry) -> Rows3:
        """Design of one frame, all parts side by side."""
        found = []
        for descriptor, terms in self.parts:
            features = descriptor.features([geometry])
            found.append(terms.design(features.values, features.numbers, features.dense(0)))
        return Rows3(*(np.concatenate(column, axis=-1) for column in zip(*found, strict=True)))

    def evaluate(
        self,
        geometries: Sequence[Geometry],
        posterior: Posterior,
        calibration: Calibration,
        domain: Domain,
        *,
        derivatives: bool,
        uncertainty: bool,
    ) -> Evaluation:
        """Energies, forces, virials and standard errors of some structures."""
        numbers = np.concatenate([np.asarray(g.numbers) for g in geometries] or [np.empty(0, int)])
        sizes = np.array([len(g.numbers) for g in geometries], dtype=int)
        of = np.repeat(np.arange(len(sizes)), sizes)
        atomic = self.base[self.species(numbers)]
        force, virial = np.zeros((len(numbers), 3)), np.zeros((len(sizes), 3, 3))
        columns, hidden, outside = [], np.zeros(len(numbers)), np.zeros(len(numbers), bool)
        for k, (descriptor, terms) in enumerate(self.parts):
            features = descriptor.features(geometries, derivatives=derivatives)
            phi, mean = terms.values(features.values, numbers), self._own(posterior.mean, k)
            atomic = atomic + phi @ mean
            if derivatives:
                pulled = features.pull(terms.slopes(features.values, numbers, mean))
                force, virial = force + pulled[0], virial + pulled[1]
            if uncertainty:
                columns.append(phi)
                hidden = hidden + terms.novelty(features.values, numbers)
            if k == len(self.parts) - 1:
                outside = domain.outside(features.values, numbers)
        energy = np.bincount(of, weights=atomic, minlength=len(sizes))
        found = Evaluation(energy, atomic, outside, force if derivatives else None, virial if derivatives else None)
        if not uncertainty:
            return found
        phi = np.concatenate(columns, axis=1)
        starts = np.concatenate([[0], np.cumsum(sizes)])[:-1]
        total = np.add.reduceat(phi, starts, axis=0) if len(phi) else np.zeros((len(sizes), self.n_terms))
        c = calibration
        atom_variance = c.energy_stretch * (posterior.variance(phi) + hidden) + c.energy_ground
        variance = c.energy_stretch * posterior.variance(total) + c.energy_ground * sizes**2
        return found._replace(
            energy_stderr=np.sqrt(variance),
            atomic_energy_stderr=np.sqrt(atom_variance),
            force_stderr=self._force_stderr(geometries, posterior, c) if derivatives else None,
        )

    def _force_stderr(self, geometries: Sequence[Geometry], posterior: Posterior, c: Calibration) -> np.ndarray:
        parts = [np.empty((0, 3))]
        for g in geometries:
            kind = self.species(np.asarray(g.numbers))
            variance = posterior.variance(self.rows(g).force)
            parts.append(np.sqrt(c.force_stretch[kind][:, None] * variance + c.force_ground[kind][:, None]))
        return np.concatenate(parts)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but descriptors, by name."""
        out = {"base": self.base, "numbers": self.numbers}
        for k, (_, terms) in enumerate(self.parts):
            out |= {f"part{k}_{name}": np.asarray(value) for name, value in terms.state().items()}
        return out

    @classmethod
    def restore(cls, descriptors: Sequence[Any], kinds: Sequence[Any], arrays: Mapping[str, np.ndarray]) -> "SumModel":
        """The model from its descriptors, the classes of their terms and `arrays`."""
        parts = []
        for k, (descriptor, kind) in enumerate(zip(descriptors, kinds, strict=True)):
            names = [name for name in arrays if name.startswith(f"part{k}_")]
            parts.append((descriptor, kind.restore({n.removeprefix(f"part{k}_"): arrays[n] for n in names})))
        return cls(tuple(parts), np.asarray(arrays["numbers"]), np.asarray(arrays["base"]))
