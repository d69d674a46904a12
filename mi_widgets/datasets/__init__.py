"""Data to learn and test with: bundled (``load_*``), synthetic with the truth (``make_*``), public (``fetch_*``)."""

from mi_widgets.datasets._bounds import cramer_rao_bound
from mi_widgets.datasets._bundled import load_spectral_map
from mi_widgets.datasets._catalysts import make_catalyst_yields
from mi_widgets.datasets._composition_spread import make_composition_spread
from mi_widgets.datasets._conductivity import make_thermal_conductivity, make_thermal_conductivity_library
from mi_widgets.datasets._eos import load_mgo, make_eos
from mi_widgets.datasets._fetch import fetch_raman_depth_series, fetch_raman_streamline
from mi_widgets.datasets._fetch_perovskites import fetch_perovskites
from mi_widgets.datasets._fetch_pools import fetch_grain_boundary, fetch_thermal_conductivity
from mi_widgets.datasets._grain_boundary import load_grain_boundary, make_grain_boundary_structure
from mi_widgets.datasets._impedance import make_impedance
from mi_widgets.datasets._layers import make_layer
from mi_widgets.datasets._orientation import make_orientation_axes, make_orientations
from mi_widgets.datasets._pdos import list_pdos, load_pdos, make_pdos
from mi_widgets.datasets._perovskites import make_perovskites
from mi_widgets.datasets._prem import load_prem
from mi_widgets.datasets._qpi import make_interference_map
from mi_widgets.datasets._registry import list_datasets
from mi_widgets.datasets._search_pools import make_search_pool
from mi_widgets.datasets._silica import make_silica
from mi_widgets.datasets._silica_crystals import make_silica_crystal
from mi_widgets.datasets._silica_melt import load_silica_glass, load_silica_snapshots
from mi_widgets.datasets._silica_network import load_silica_network
from mi_widgets.datasets._spectral_map import make_spectral_map
from mi_widgets.datasets._structures import make_slab
from mi_widgets.datasets._sts import make_gap_cube
from mi_widgets.datasets._substrates import load_films, load_substrates
from mi_widgets.datasets._tblite import compute_pdos
from mi_widgets.datasets._trajectories import make_diffusing_atoms, make_harmonic_crystal
from mi_widgets.datasets._transmission import make_molecular_junctions
from mi_widgets.datasets._two_laboratories import conductivity_law, make_two_laboratories

__all__ = [
    "compute_pdos",
    "conductivity_law",
    "cramer_rao_bound",
    "fetch_grain_boundary",
    "fetch_perovskites",
    "fetch_raman_depth_series",
    "fetch_raman_streamline",
    "fetch_thermal_conductivity",
    "list_datasets",
    "list_pdos",
    "load_films",
    "load_grain_boundary",
    "load_mgo",
    "load_pdos",
    "load_prem",
    "load_silica_glass",
    "load_silica_network",
    "load_silica_snapshots",
    "load_spectral_map",
    "load_substrates",
    "make_catalyst_yields",
    "make_composition_spread",
    "make_diffusing_atoms",
    "make_eos",
    "make_gap_cube",
    "make_grain_boundary_structure",
    "make_harmonic_crystal",
    "make_impedance",
    "make_interference_map",
    "make_layer",
    "make_molecular_junctions",
    "make_orientation_axes",
    "make_orientations",
    "make_pdos",
    "make_perovskites",
    "make_search_pool",
    "make_silica",
    "make_silica_crystal",
    "make_slab",
    "make_spectral_map",
    "make_thermal_conductivity",
    "make_thermal_conductivity_library",
    "make_two_laboratories",
]
