"""Data to learn and test with: bundled (``load_*``), synthetic with the truth (``make_*``), public (``fetch_*``)."""

from mi_widgets.datasets._bounds import cramer_rao_bound
from mi_widgets.datasets._bundled import load_spectral_map
from mi_widgets.datasets._fetch import fetch_raman_depth_series, fetch_raman_streamline
from mi_widgets.datasets._pdos import make_pdos
from mi_widgets.datasets._registry import list_datasets
from mi_widgets.datasets._silica import make_silica
from mi_widgets.datasets._spectral_map import make_spectral_map
from mi_widgets.datasets._structures import make_slab
from mi_widgets.datasets._trajectories import make_diffusing_atoms, make_harmonic_crystal

__all__ = [
    "cramer_rao_bound",
    "fetch_raman_depth_series",
    "fetch_raman_streamline",
    "list_datasets",
    "load_spectral_map",
    "make_diffusing_atoms",
    "make_harmonic_crystal",
    "make_pdos",
    "make_silica",
    "make_slab",
    "make_spectral_map",
]
