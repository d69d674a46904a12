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
from mi_widgets.plots.maps import map_element, plot_histogram, plot_map
from mi_widgets.plots.spectra import fit_columns, plot_fit, plot_spectrum
from mi_widgets.plots.structures import plot_structure, structure_scene

__all__ = [
    "color_limits",
    "fit_columns",
    "map_element",
    "plot_belief",
    "plot_cluster_map",
    "plot_clusters",
    "plot_convergence",
    "plot_dendrogram",
    "plot_fit",
    "plot_histogram",
    "plot_importance",
    "plot_map",
    "plot_pareto",
    "plot_parity",
    "plot_pool",
    "plot_spectrum",
    "plot_strategies",
    "plot_structure",
    "structure_scene",
]
