"""From what gives forces (TTAM, a calculator of ASE, a fitted potential, a function) to a loop that moves atoms."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.potentials._atoms import Atoms, to_ase
from mi_widgets.potentials._md_loop import Loop, PlainLoop, TTAMLoop
from mi_widgets.potentials._ttam_engine import VOIGT
from mi_widgets.potentials.ttam import TTAM

__all__ = ["CalculatorForces", "forces_of", "make_loop", "stresses_of"]

Forces = Callable[[np.ndarray], tuple[float, np.ndarray]]


class CalculatorForces:
    """Energy and forces of positions by a calculator; which atoms were told to be ``outside`` since last asked."""

    def __init__(self, calculator: Any, atoms: Atoms, *, who: str) -> None:
        self._atoms = to_ase(atoms, who=who)
        self._atoms.calc = self._calculator = calculator
        self._outside: np.ndarray | None = None

    def __call__(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        self._atoms.positions = position
        force = np.asarray(self._atoms.get_forces(), dtype=float)
        energy = float(self._atoms.get_potential_energy())
        flags = getattr(self._calculator, "results", {}).get("outside")
        if flags is not None and np.shape(flags) == (len(position),):
            now = np.asarray(flags, dtype=np.int8)
            self._outside = now if self._outside is None else np.maximum(now, self._outside)
        return energy, force

    def take_outside(self) -> np.ndarray | None:
        """Atoms outside the training domain since this was called last; None where the calculator does not tell."""
        flags = self._outside
        self._outside = None if flags is None else np.zeros_like(flags)
        return flags


def forces_of(forces: Any, atoms: Atoms, *, who: str) -> Forces:
    """A function from positions to energy and forces."""
    if isinstance(forces, type):
        raise ParameterError(f"{who}: forces is the class {forces.__name__}; write {forces.__name__}().")
    if isinstance(forces, TTAM):
        engine, kind = forces._loop_engine(atoms, who=who)  # noqa: SLF001

        def of_ttam(position: np.ndarray) -> tuple[float, np.ndarray]:
            if not np.abs(position).max() < 1e6:  # a run that explodes ends in words, not in an overflow
                return math.nan, np.zeros_like(position)
            found = engine.evaluate(position, atoms.cell, kind, who=who)
            return float(found.energy.sum()), found.force

        return of_ttam
    if hasattr(forces, "calculator"):
        return CalculatorForces(forces.calculator(), atoms, who=who)
    if hasattr(forces, "get_forces"):
        return CalculatorForces(forces, atoms, who=who)
    if callable(forces):
        return forces
    raise ParameterError(
        f"{who}: forces must be TTAM(), a fitted potential, a calculator of ASE, or a function from positions (n, 3) "
        f"to energy and forces; got {type(forces).__name__}."
    )


def make_loop(forces: Any, atoms: Atoms, velocity: np.ndarray, mass: np.ndarray, rng: Any, *, who: str) -> Loop:
    """The compiled loop where there is one, else that in NumPy; `mass` in eV fs**2 / angstrom**2."""
    if isinstance(forces, TTAM) and forces.engine == "numba":
        engine, kind = forces._loop_engine(atoms, who=who)  # noqa: SLF001
        engine.evaluate(atoms.position, atoms.cell, kind, who=who)  # refuses atoms in one place
        return TTAMLoop(engine, atoms.position, velocity, mass, atoms.cell, kind, rng)
    return PlainLoop(forces_of(forces, atoms, who=who), atoms.position, velocity, mass, rng)


def stresses_of(
    forces: Any, atoms: Atoms, *, cell: bool, who: str
) -> Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]]:
    """A function from positions and cell to energy, forces and virial (3, 3; eV; 0 unless `cell` is asked for)."""
    if isinstance(forces, TTAM):
        engine, kind = forces._loop_engine(atoms, who=who)  # noqa: SLF001

        def of_ttam(position: np.ndarray, vectors: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            found = engine.evaluate(position, vectors, kind, who=who)
            return float(found.energy.sum()), found.force, found.virial[VOIGT]

        return of_ttam
    calculator = forces.calculator() if hasattr(forces, "calculator") else forces
    if not hasattr(calculator, "get_forces") or isinstance(forces, type):
        raise ParameterError(
            f"{who}: forces must be TTAM(), a fitted potential or a calculator of ASE; got {type(forces).__name__}."
        )
    images = to_ase(atoms, who=who)
    images.calc = calculator

    def of_calculator(position: np.ndarray, vectors: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        images.set_cell(vectors)
        images.positions = position
        virial = images.get_stress(voigt=False) * images.get_volume() if cell else np.zeros((3, 3))
        return float(images.get_potential_energy()), np.asarray(images.get_forces()), np.asarray(virial)

    return of_calculator
