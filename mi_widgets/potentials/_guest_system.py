"""A matrix with a guest in it: energies and forces for a guest that is held, and what a relaxation starts from."""

from types import ModuleType
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.potentials import _guest_numpy
from mi_widgets.potentials._atoms import Atoms, atoms_of
from mi_widgets.potentials._cell_list import numba_module
from mi_widgets.potentials._md_forces import CalculatorForces, forces_of
from mi_widgets.potentials._relax import Engine, Relaxed, relax
from mi_widgets.potentials.guest import CalculatorGuest, LennardJonesGuest

__all__ = ["GuestSystem", "compliance_of"]

#: Modes softer than this (eV/angstrom**2) are taken as this stiff: far out they are not harmonic
_SOFTEST = 0.5
#: Nearer to an atom than this share of sigma a guest is on top of it
_ON_TOP = 0.3


class GuestSystem:
    """One matrix, its forces and one guest; a calculator's guest is one more atom at the end."""

    def __init__(self, structure: xr.Dataset, forces: Any, guest: Any, *, who: str) -> None:
        from mi_widgets.potentials.ttam import TTAM

        self.who, self.atoms = who, atoms_of(structure, who=who)
        self.box = _box(self.atoms, who)
        guest = LennardJonesGuest() if guest is None else guest
        if not isinstance(guest, (LennardJonesGuest, CalculatorGuest)):
            raise ParameterError(
                f"{who}: guest must be LennardJonesGuest() or CalculatorGuest(calculator, element); got "
                f"{type(guest).__name__}."
            )
        self.guest = guest
        if forces is None:
            forces = guest.calculator if isinstance(guest, CalculatorGuest) else TTAM()
        self.name = type(forces).__name__
        self.matrix: Engine = forces_of(forces, self.atoms, who=who)
        self.position = self.atoms.position
        self.energy = np.nan
        self.compliance: np.ndarray | None = None
        self.whole: CalculatorForces | None = None
        self.kernels: ModuleType = numba_module("_numba_guest") or _guest_numpy
        if isinstance(guest, LennardJonesGuest):
            self._pairs(guest)
        else:
            both = self.atoms._replace(
                position=np.vstack([self.position, self.position[:1] + 0.5]),
                element=np.append(self.atoms.element, guest.element), mass=np.append(self.atoms.mass, 1.0),
                velocity=None,
            )  # fmt: skip
            self.whole = CalculatorForces(guest.calculator, both, who=who)
            names = list(dict.fromkeys(self.atoms.element.tolist()))
            self.kind = np.array([names.index(e) for e in self.atoms.element])
            self.sigma, self.reach = np.full(len(names), 2.0), 6.0

    def _pairs(self, guest: LennardJonesGuest) -> None:
        names = list(guest.sigma)
        unknown = sorted(set(self.atoms.element.tolist()) - set(names))
        if unknown:
            raise ParameterError(
                f"{self.who}: the guest does not know {', '.join(unknown)}; write LennardJonesGuest(sigma="
                f"{{'{unknown[0]}': …}}, epsilon={{'{unknown[0]}': …}})."
            )
        if self.box.min() < 2 * guest.cutoff:
            raise DataError(
                f"{self.who}: the cell is {self.box.min():.4g} angstrom wide, the guest reaches {guest.cutoff:g}: it "
                f"would feel atoms twice. Take a larger cell, or LennardJonesGuest(cutoff={self.box.min() / 2:.3g})."
            )
        self.kind = np.array([names.index(e) for e in self.atoms.element])
        self.sigma = np.array([float(guest.sigma[n]) for n in names])
        self.epsilon, self.reach = np.array([float(guest.epsilon[n]) for n in names]), float(guest.cutoff)

    def prepare(self, *, settle: bool, largest_force: float, elastic: bool = True) -> None:
        """Relax the matrix alone where asked for, and find its compliance."""
        if settle:
            found = relax(self.matrix, self.position, largest_force=min(0.01, largest_force), most_calls=3000)
            self.position, self.energy = found.position, found.energy
        else:
            self.energy = float(self.matrix(self.position)[0])
        if not np.isfinite(self.energy):
            raise DataError(f"{self.who}: the energy of the matrix is not finite; are two atoms in one place?")
        if elastic:
            self.compliance = compliance_of(self.matrix, self.position)

    def frozen(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energy of the guest at each point of the rigid matrix; by how many sigma the nearest atom is away."""
        if self.whole is None:
            terms, _, near = self.kernels.pair_sums(
                point, self.position, self.kind, self.box, self.sigma, self.epsilon, self.reach
            )
            return terms.sum(axis=1), near
        near = _guest_numpy.pair_sums(
            point, self.position, self.kind, self.box, self.sigma, np.ones(len(self.sigma)), self.reach
        )[2]
        energy = np.full(len(point), np.inf)
        for k in np.flatnonzero(near > _ON_TOP):  # on top of an atom few calculators give a number
            energy[k] = self.whole(np.vstack([self.position, point[k]]))[0] - self.energy
        return energy, near

    def features(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a regression sees of each point, and the estimate of an elastic matrix (0 where there is none)."""
        if self.whole is not None or self.compliance is None:
            return self._radial(point), np.zeros(len(point))
        arrays = (point, self.position, self.kind, self.box, self.sigma, self.epsilon, self.reach)
        terms, square, _ = self.kernels.pair_sums(*arrays)
        first = self.kernels.elastic(*arrays, self.compliance, 1.6 * self.sigma.max(), 12)
        return np.column_stack([first, terms, np.sqrt(square), self._radial(point)]), first

    def _radial(self, point: np.ndarray) -> np.ndarray:
        shells = np.arange(0.6, 2.8, 0.2) * float(self.sigma.mean())
        cutoff = min(3.0 * float(self.sigma.mean()), 0.5 * float(self.box.min()))
        found = self.kernels.radial_sums(
            point, self.position, self.kind, self.box, len(self.sigma), shells, 4.0, cutoff
        )
        return np.asarray(found).reshape(len(point), -1)

    def held(self, point: np.ndarray) -> Engine:
        """Energy, and forces on the matrix, with the guest at a point."""
        if self.whole is not None:
            whole = self.whole

            def both(position: np.ndarray) -> tuple[float, np.ndarray]:
                energy, force = whole(np.vstack([position, point]))
                return energy, force[:-1]

            return both

        def pairs(position: np.ndarray) -> tuple[float, np.ndarray]:
            energy, force = self.matrix(position)
            force = np.array(force)
            more, _ = self.kernels.pairs_of(
                point, position, self.kind, self.box, self.sigma, self.epsilon, self.reach, force
            )
            return energy + more, force

        return pairs

    def pull(self, point: np.ndarray, position: np.ndarray) -> np.ndarray:
        """Force on the guest (eV/angstrom)."""
        if self.whole is not None:
            return np.asarray(self.whole(np.vstack([position, point]))[1][-1])
        return np.asarray(
            self.kernels.pairs_of(
                point, position, self.kind, self.box, self.sigma, self.epsilon, self.reach, np.zeros_like(position)
            )[1]
        )

    def relaxed(self, point: np.ndarray, *, largest_force: float, start: np.ndarray | None = None) -> Relaxed:
        """The matrix around a guest that is held at a point."""
        return relax(
            self.held(point), self.position if start is None else start, compliance=self.compliance,
            largest_force=largest_force,
        )  # fmt: skip


def _box(atoms: Atoms, who: str) -> np.ndarray:
    """Edges of a cell with right angles."""
    edges = np.diag(atoms.cell)
    if not atoms.pbc.all() or np.abs(atoms.cell - np.diag(edges)).max() > 1e-6 or edges.min() <= 0:
        raise DataError(
            f"{who} needs a cell with right angles along x, y and z that repeats along all three; got "
            f"{atoms.cell.round(3).tolist()} and pbc {atoms.pbc.tolist()}. A glass is best made in a cube."
        )
    return np.array(edges)


def compliance_of(engine: Engine, position: np.ndarray, step: float = 0.01) -> np.ndarray:
    """Inverse of the second derivatives (angstrom**2/eV), by central differences; soft modes count as stiffer."""
    n = position.size
    hessian = np.empty((n, n))
    for k in range(n):
        moved = np.zeros(n)
        moved[k] = step
        ahead, behind = (engine(position + s * moved.reshape(position.shape))[1] for s in (1, -1))
        hessian[k] = (behind - ahead).ravel() / (2 * step)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    inverse = 1 / np.maximum(np.abs(values), _SOFTEST)
    found = (vectors * inverse) @ vectors.T
    for a in range(3):  # all atoms together do not move
        along = np.zeros(n)
        along[a::3] = 1 / np.sqrt(n / 3)
        found -= np.outer(found @ along, along)
        found -= np.outer(along, along @ found)
    return np.asarray((found + found.T) / 2)
