"""Dataset to HoloViews element, no state. Needs HoloViews and Bokeh; nothing here computes."""

from mi_widgets.plots._style import color_limits
from mi_widgets.plots.bo import (
    plot_belief,
    plot_convergence,
    plot_importance,
    plot_pareto,
    plot_parity,
    plot_pool,
    plot_strategies,
)
from mi_widgets.plots.dos import plot_cluster_map, plot_clusters, plot_dendrogram
from mi_widgets.plots.eos import plot_forms, plot_isotherms, plot_posterior, plot_profile
from mi_widgets.plots.impedance import plot_bode, plot_circuit, plot_nyquist
from mi_widgets.plots.maps import map_element, plot_histogram, plot_map
from mi_widgets.plots.orientation import (
    plot_components,
    plot_evidence,
    plot_exchange,
    plot_grains,
    plot_rose,
    plot_stereonet,
)
from mi_widgets.plots.qpi import plot_cross_validation, plot_q_images, plot_radial_profile, plot_sampling
from mi_widgets.plots.spectra import fit_columns, plot_fit, plot_spectrum
from mi_widgets.plots.structures import plot_structure, structure_scene
from mi_widgets.plots.sts import plot_gap_map, plot_tunnelling, plot_vortex
from mi_widgets.plots.transmission import plot_coefficients, plot_transmission, plot_validation, plot_variable

__all__ = [
    "color_limits",
    "fit_columns",
    "map_element",
    "plot_belief",
    "plot_bode",
    "plot_circuit",
    "plot_cluster_map",
    "plot_clusters",
    "plot_coefficients",
    "plot_components",
    "plot_convergence",
    "plot_cross_validation",
    "plot_dendrogram",
    "plot_evidence",
    "plot_exchange",
    "plot_fit",
    "plot_forms",
    "plot_gap_map",
    "plot_grains",
    "plot_histogram",
    "plot_importance",
    "plot_isotherms",
    "plot_map",
    "plot_nyquist",
    "plot_pareto",
    "plot_parity",
    "plot_pool",
    "plot_posterior",
    "plot_profile",
    "plot_q_images",
    "plot_radial_profile",
    "plot_rose",
    "plot_sampling",
    "plot_spectrum",
    "plot_stereonet",
    "plot_strategies",
    "plot_structure",
    "plot_transmission",
    "plot_tunnelling",
    "plot_validation",
    "plot_variable",
    "plot_vortex",
    "structure_scene",
]
