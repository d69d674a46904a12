"""TTAM as a calculator of ASE."""

from typing import Any, ClassVar

from ase.calculators.calculator import Calculator, all_changes

from mi_widgets.potentials._ttam_engine import Engine
from mi_widgets.potentials._ttam_input import check_geometry, kinds_of

__all__ = ["TTAMCalculator"]


class TTAMCalculator(Calculator):  # type: ignore[misc, unused-ignore]
    """Energy, forces, stress and energies of the atoms; `results` also tell which atoms are ``crowded``."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "energies", "stress"]  # type: ignore[misc, unused-ignore]

    def __init__(self, engine: Engine) -> None:
        super().__init__()  # type: ignore[no-untyped-call, unused-ignore]
        self._engine = engine

    def calculate(
        self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = tuple(all_changes)
    ) -> None:
        """Compute everything for the atoms."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call, unused-ignore]
        who = "the TTAM calculator"
        now: Any = self.atoms
        position, cell = now.positions, now.cell.array
        kind = kinds_of(now.symbols, who=who)
        check_geometry(position, cell, now.pbc, who=who)
        found = self._engine.evaluate(position, cell, kind, who=who)
        energy = float(found.energy.sum())
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": found.force,
            "energies": found.energy,
            "stress": found.virial / now.get_volume(),
            "crowded": found.near,
        }
