"""Interatomic potentials, given and learnt, and what atoms do in them: melts, glasses, guests."""

from mi_widgets.potentials.environments import (
    iter_map_environments,
    map_environments,
    neighbors_of,
    split_snapshots,
)

__all__ = [
    "iter_map_environments",
    "map_environments",
    "neighbors_of",
    "split_snapshots",
]
