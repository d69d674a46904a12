"""Quasi-particle interference from few pixels: waves in a map of the density of states, found by their sparsity."""

from mi_widgets.qpi.analyze import analyze, iter_analyze
from mi_widgets.qpi.rings import evaluate_rings, fit_rings, radial_profile
from mi_widgets.qpi.sampling import sample_pixels
from mi_widgets.qpi.transform import fit_lasso, fourier_transform, reconstruct_map
from mi_widgets.qpi.validate import cross_validate, iter_cross_validate

__all__ = [
    "analyze",
    "cross_validate",
    "evaluate_rings",
    "fit_lasso",
    "fit_rings",
    "fourier_transform",
    "iter_analyze",
    "iter_cross_validate",
    "radial_profile",
    "reconstruct_map",
    "sample_pixels",
]
