"""Densities of states of every site: aligned, compared, clustered."""

from mi_widgets.dos.choose import choose_n_clusters, consensus
from mi_widgets.dos.clusters import cluster, recut
from mi_widgets.dos.compare import difference
from mi_widgets.dos.descriptors import band_center, layer_dos
from mi_widgets.dos.distance import distance
from mi_widgets.dos.edit import merge_clusters, rename, split_cluster
from mi_widgets.dos.features import embed, features
from mi_widgets.dos.means import cluster_mean
from mi_widgets.dos.prepare import align, broaden, normalise, resample
from mi_widgets.dos.unusual import group, rank_unusual
from mi_widgets.io._pdos import from_ase, from_gpaw, from_pymatgen

__all__ = [
    "align",
    "band_center",
    "broaden",
    "choose_n_clusters",
    "cluster",
    "cluster_mean",
    "consensus",
    "difference",
    "distance",
    "embed",
    "features",
    "from_ase",
    "from_gpaw",
    "from_pymatgen",
    "group",
    "layer_dos",
    "merge_clusters",
    "normalise",
    "rank_unusual",
    "recut",
    "rename",
    "resample",
    "split_cluster",
]
