"""Structures and trajectories: reading, converting, and what is computed from the positions of atoms."""

from mi_widgets.structure.arrhenius import fit_arrhenius
from mi_widgets.structure.convert import from_ase, from_pymatgen, to_ase, to_pymatgen
from mi_widgets.structure.diffusion import diffusion_coefficient
from mi_widgets.structure.distributions import adf, rdf
from mi_widgets.structure.dynamics import msd, unwrap
from mi_widgets.structure.green_kubo import green_kubo_diffusion
from mi_widgets.structure.neighbors import coordination, coordination_labels, neighbor_list
from mi_widgets.structure.read import read_structure, read_trajectory
from mi_widgets.structure.rings import king_rings
from mi_widgets.structure.sites import equivalent_sites, replicate, slab_layers
from mi_widgets.structure.vibrations import vdos

__all__ = [
    "adf",
    "coordination",
    "coordination_labels",
    "diffusion_coefficient",
    "equivalent_sites",
    "fit_arrhenius",
    "from_ase",
    "from_pymatgen",
    "green_kubo_diffusion",
    "king_rings",
    "msd",
    "neighbor_list",
    "rdf",
    "read_structure",
    "read_trajectory",
    "replicate",
    "slab_layers",
    "to_ase",
    "to_pymatgen",
    "unwrap",
    "vdos",
]
