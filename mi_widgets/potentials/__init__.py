"""Interatomic potentials, given and learnt, and what atoms do in them: melts, glasses, guests."""

from mi_widgets.potentials.environments import (
    iter_map_environments,
    map_environments,
    neighbors_of,
    split_snapshots,
)
from mi_widgets.potentials.md import iter_run_md, run_md
from mi_widgets.potentials.quench import iter_melt_quench, melt_quench
from mi_widgets.potentials.ttam import TTAM

__all__ = [
    "TTAM",
    "iter_map_environments",
    "iter_melt_quench",
    "iter_run_md",
    "map_environments",
    "melt_quench",
    "neighbors_of",
    "run_md",
    "split_snapshots",
]
