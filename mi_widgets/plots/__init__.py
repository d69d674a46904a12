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
from mi_widgets.plots.lessons import plot_boundary, plot_curves, plot_groups, plot_scores
from mi_widgets.plots.maps import map_element, plot_histogram, plot_map
from mi_widgets.plots.orientation import (
    plot_components,
    plot_evidence,
    plot_exchange,
    plot_grains,
    plot_rose,
    plot_stereonet,
)
from mi_widgets.plots.perovskites import (
    plot_calibration,
    plot_descriptor_histogram,
    plot_descriptor_map,
    plot_expression_ranking,
)
from mi_widgets.plots.potentials import plot_descriptor, plot_environments, plot_predictions, plot_training
from mi_widgets.plots.potentials_field import plot_arrhenius, plot_guest_field, plot_path_profile
from mi_widgets.plots.qpi import plot_cross_validation, plot_q_images, plot_radial_profile, plot_sampling
from mi_widgets.plots.spectra import fit_columns, plot_fit, plot_spectrum
from mi_widgets.plots.structures import plot_structure, structure_scene
from mi_widgets.plots.sts import plot_gap_map, plot_tunnelling, plot_vortex
from mi_widgets.plots.substrates import plot_coincidences, plot_ranking
from mi_widgets.plots.transmission import plot_coefficients, plot_transmission, plot_validation, plot_variable
from mi_widgets.plots.yields import (
    plot_chosen_variables,
    plot_nested_predictions,
    plot_score_density,
    plot_subset,
    plot_volcano,
)

__all__ = [
    "color_limits",
    "fit_columns",
    "map_element",
    "plot_arrhenius",
    "plot_belief",
    "plot_bode",
    "plot_boundary",
    "plot_calibration",
    "plot_chosen_variables",
    "plot_circuit",
    "plot_cluster_map",
    "plot_clusters",
    "plot_coefficients",
    "plot_coincidences",
    "plot_components",
    "plot_convergence",
    "plot_cross_validation",
    "plot_curves",
    "plot_dendrogram",
    "plot_descriptor",
    "plot_descriptor_histogram",
    "plot_descriptor_map",
    "plot_environments",
    "plot_evidence",
    "plot_exchange",
    "plot_expression_ranking",
    "plot_fit",
    "plot_forms",
    "plot_gap_map",
    "plot_grains",
    "plot_groups",
    "plot_guest_field",
    "plot_histogram",
    "plot_importance",
    "plot_isotherms",
    "plot_map",
    "plot_nested_predictions",
    "plot_nyquist",
    "plot_pareto",
    "plot_parity",
    "plot_path_profile",
    "plot_pool",
    "plot_posterior",
    "plot_predictions",
    "plot_profile",
    "plot_q_images",
    "plot_radial_profile",
    "plot_ranking",
    "plot_rose",
    "plot_sampling",
    "plot_score_density",
    "plot_scores",
    "plot_spectrum",
    "plot_stereonet",
    "plot_strategies",
    "plot_structure",
    "plot_subset",
    "plot_training",
    "plot_transmission",
    "plot_tunnelling",
    "plot_validation",
    "plot_variable",
    "plot_volcano",
    "plot_vortex",
    "structure_scene",
]
