"""Orientations of grains: mixtures of components, and which of them the data support."""

from mi_widgets.orientation.axes import select_axes
from mi_widgets.orientation.evidence import Sampling, free_energy
from mi_widgets.orientation.fit import evaluate, fit_orientation
from mi_widgets.orientation.select import iter_select_orientation, select_orientation
from mi_widgets.orientation.statistics import axial_statistics, rose

__all__ = [
    "Sampling",
    "axial_statistics",
    "evaluate",
    "fit_orientation",
    "free_energy",
    "iter_select_orientation",
    "rose",
    "select_axes",
    "select_orientation",
]
