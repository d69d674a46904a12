"""The text trajectories that are read here."""

from mi_widgets.structure._formats import Format
from mi_widgets.structure._text_lammps import LAMMPS_DUMP
from mi_widgets.structure._text_xdatcar import XDATCAR
from mi_widgets.structure._text_xyz import EXTXYZ

__all__ = ["FORMATS"]

FORMATS: dict[str, Format] = {f.name: f for f in (EXTXYZ, LAMMPS_DUMP, XDATCAR)}
