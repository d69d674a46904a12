"""Maps of tunnelling spectra: the gap of a superconductor at every pixel, and vortices in it."""

from mi_widgets.sts.gap import dynes, evaluate_gap, find_temperature, gap_map, iter_gap_map
from mi_widgets.sts.maps import gap_ratio, normalize, zero_bias_map
from mi_widgets.sts.vortex import fit_vortex

__all__ = [
    "dynes",
    "evaluate_gap",
    "find_temperature",
    "fit_vortex",
    "gap_map",
    "gap_ratio",
    "iter_gap_map",
    "normalize",
    "zero_bias_map",
]
