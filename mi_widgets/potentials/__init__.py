"""Interatomic potentials, given and learnt, and what atoms do in them: melts, glasses, guests."""

from mi_widgets.potentials._snapshot_frames import take_frames
from mi_widgets.potentials.active import choose_snapshots, iter_learning_curve, learning_curve
from mi_widgets.potentials.descriptors import SmoothOverlap, SymmetryFunctions, describe, descriptor_from_dict
from mi_widgets.potentials.domain import Domain
from mi_widgets.potentials.environments import (
    iter_map_environments,
    map_environments,
    neighbors_of,
    split_snapshots,
)
from mi_widgets.potentials.field import guest_at, guest_field, iter_guest_field
from mi_widgets.potentials.gaussian_process import GaussianProcessPotential, SparseGaussianProcess
from mi_widgets.potentials.guest import CalculatorGuest, LennardJonesGuest
from mi_widgets.potentials.harmonic import iter_normal_modes, mode_density, normal_modes
from mi_widgets.potentials.hops import constrained_scan, iter_constrained_scan, nudged_band
from mi_widgets.potentials.linear import LinearPotential, PolynomialPotential
from mi_widgets.potentials.md import iter_run_md, run_md
from mi_widgets.potentials.network import Network, NetworkPotential
from mi_widgets.potentials.pair_fit import (
    fit_pair_potential,
    fitted_pair_potential,
    iter_fit_pair_potential,
    make_cluster_energies,
)
from mi_widgets.potentials.percolation import percolation_barriers
from mi_widgets.potentials.potential import Potential, load_potential
from mi_widgets.potentials.quench import iter_melt_quench, melt_quench
from mi_widgets.potentials.relax import relax_structure
from mi_widgets.potentials.snapshots import (
    label_snapshots,
    one_structure,
    read_snapshots,
    snapshots_from_ase,
    snapshots_from_trajectory,
    snapshots_to_ase,
)
from mi_widgets.potentials.ttam import TTAM
from mi_widgets.potentials.vacancies import iter_vacancy_energies, vacancy_energies

__all__ = [
    "TTAM",
    "CalculatorGuest",
    "Domain",
    "GaussianProcessPotential",
    "LennardJonesGuest",
    "LinearPotential",
    "Network",
    "NetworkPotential",
    "PolynomialPotential",
    "Potential",
    "SmoothOverlap",
    "SparseGaussianProcess",
    "SymmetryFunctions",
    "choose_snapshots",
    "constrained_scan",
    "describe",
    "descriptor_from_dict",
    "fit_pair_potential",
    "fitted_pair_potential",
    "guest_at",
    "guest_field",
    "iter_constrained_scan",
    "iter_fit_pair_potential",
    "iter_guest_field",
    "iter_learning_curve",
    "iter_map_environments",
    "iter_melt_quench",
    "iter_normal_modes",
    "iter_run_md",
    "iter_vacancy_energies",
    "label_snapshots",
    "learning_curve",
    "load_potential",
    "make_cluster_energies",
    "map_environments",
    "melt_quench",
    "mode_density",
    "neighbors_of",
    "normal_modes",
    "nudged_band",
    "one_structure",
    "percolation_barriers",
    "read_snapshots",
    "relax_structure",
    "run_md",
    "snapshots_from_ase",
    "snapshots_from_trajectory",
    "snapshots_to_ase",
    "split_snapshots",
    "take_frames",
    "vacancy_energies",
]
