"""Transmission of electrons through molecular junctions: Landauer's formula, clusters of spectra, what drives them."""

from mi_widgets.transmission.clusters import choose_n_clusters, cluster_curves, cluster_spectra
from mi_widgets.transmission.landauer import landauer
from mi_widgets.transmission.regress import (
    compare_validations,
    decay_features,
    iter_sparse_regression,
    rank_variables,
    sparse_regression,
)
from mi_widgets.transmission.structures import junction_structure

__all__ = [
    "choose_n_clusters",
    "cluster_curves",
    "cluster_spectra",
    "compare_validations",
    "decay_features",
    "iter_sparse_regression",
    "junction_structure",
    "landauer",
    "rank_variables",
    "sparse_regression",
]
