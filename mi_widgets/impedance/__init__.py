"""Impedance spectra: equivalent circuits fitted and compared, those that data cannot separate, and a test for drift."""

from mi_widgets.impedance.circuit import Circuit, evaluate, parse_circuit
from mi_widgets.impedance.classes import equivalence_classes
from mi_widgets.impedance.compare import CIRCUITS, compare_circuits, iter_compare_circuits
from mi_widgets.impedance.fit import fit_circuit
from mi_widgets.impedance.kramers_kronig import kramers_kronig

__all__ = [
    "CIRCUITS",
    "Circuit",
    "compare_circuits",
    "equivalence_classes",
    "evaluate",
    "fit_circuit",
    "iter_compare_circuits",
    "kramers_kronig",
    "parse_circuit",
]
