"""Projected densities of states: one small module per code."""

from mi_widgets.io._pdos._objects import from_ase, from_gpaw, from_pymatgen
from mi_widgets.io._pdos._read import read_pdos

__all__ = ["from_ase", "from_gpaw", "from_pymatgen", "read_pdos"]
