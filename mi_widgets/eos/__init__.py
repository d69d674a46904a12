"""Equations of state: fits with errors in pressure, volume and temperature, compared, sampled, drawn against depth."""

from mi_widgets.eos.compare import compare_curves, compare_eos, iter_compare
from mi_widgets.eos.equation import Equation, list_forms, reference_equation
from mi_widgets.eos.evaluate import evaluate, pressure
from mi_widgets.eos.fit import fit_eos
from mi_widgets.eos.points import label_points
from mi_widgets.eos.profile import depth_profile
from mi_widgets.eos.residuals import residuals
from mi_widgets.eos.sample import iter_sample, sample_eos

__all__ = [
    "Equation",
    "compare_curves",
    "compare_eos",
    "depth_profile",
    "evaluate",
    "fit_eos",
    "iter_compare",
    "iter_sample",
    "label_points",
    "list_forms",
    "pressure",
    "reference_equation",
    "residuals",
    "sample_eos",
]
