"""A learnt potential as a calculator of ASE."""

from typing import Any

import numpy as np

from mi_widgets.potentials._features import Geometry
from mi_widgets.potentials._snapshot_ase import need_ase

__all__ = ["make_calculator"]


def make_calculator(potential: Any) -> Any:
    """Calculator of a `Potential`; its class is made here because ASE is imported only when it is needed."""
    base = need_ase("calculator", "ase.calculators.calculator")
    calculator: Any = base.Calculator

    class LearntCalculator(calculator):
        """Energy, energies of atoms, forces and stress; ``results["outside"]`` flags what is outside the domain."""

        implemented_properties = ["energy", "energies", "forces", "stress", "free_energy"]  # noqa: RUF012 - as ASE wants it

        def __init__(self) -> None:
            super().__init__()
            self.potential = potential

        def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = base.all_changes) -> None:
            """Fill ``results`` for a structure."""
            super().calculate(atoms, properties, system_changes)
            a: Any = self.atoms
            cell = np.asarray(a.cell)
            geometry = Geometry(a.numbers, a.positions, cell, a.pbc)
            found = self.potential._evaluate_one(geometry)  # noqa: SLF001
            energy = float(found.energy[0])
            self.results = {
                "energy": energy,
                "free_energy": energy,
                "energies": found.atomic_energy,
                "forces": found.force,
                "outside": found.outside.astype(np.int8),
            }
            frames = self.potential._outside_frames([geometry])  # noqa: SLF001
            if frames is not None:
                self.results["outside_frame"] = int(frames[0])
            volume = abs(np.linalg.det(cell))
            if a.pbc.all() and volume > 0:
                s = -found.virial[0] / volume
                s = (s + s.T) / 2
                self.results["stress"] = np.array([s[0, 0], s[1, 1], s[2, 2], s[1, 2], s[0, 2], s[0, 1]])

    return LearntCalculator()
