"""Which sites of a slab are of one kind: one rule for all of them, from geometry alone, before any density of states.

Two sites are of one kind if they are the same element with the same first shell: as many neighbours of each element. A
neighbour is nearer than 1.2 times the sum of the covalent radii; in an oxide, metal atoms are not neighbours of each
other. Atoms of an adsorbate are species of their own, marked ``*``, as neighbours too. A site from whose first shell an
atom was taken to make a vacancy is a kind of its own, ``by vacancy``. So step edges, corners, terraces and what lies
under them differ where their coordination does; what is equal in the first shell (third layer or fourth, upper side or
lower, in the middle of a terrace or at its end) is one kind.
"""

from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.labels import label_structure
from mi_widgets.structure import neighbor_list


def label_sites(slab: dict[str, Any]) -> xr.Dataset:
    """Give the structure with ``site_label`` and ``coordination`` (atom), and ``adsorbate`` (atom)."""
    element, n = slab["element"], len(slab["element"])
    ds = label_structure(slab["position"], element, cell=slab["cell"])
    first, second = _pairs(slab["position"], element, slab["cell"])
    beside = _beside_vacancy(slab)
    name = [e + "*" if on else e for e, on in zip(element, slab["adsorbate"], strict=True)]
    labels, counts = [], []
    for i in range(n):
        shell = Counter(name[j] for j in second[first == i])
        text = " ".join(f"{species}{count}" for species, count in sorted(shell.items()))
        labels.append(f"{name[i]}{shell.total()} ({text}){' by vacancy' if beside[i] else ''}")
        counts.append(shell.total())
    return ds.assign_coords(
        site_label=("atom", np.array(labels, dtype=np.str_), {"long_name": "kind of site"}),
        coordination=("atom", np.array(counts), {"units": "1", "long_name": "coordination number"}),
        adsorbate=("atom", slab["adsorbate"], {"long_name": "atom of the adsorbate"}),
    )


def _pairs(position: np.ndarray, element: list[str], cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = neighbor_list(label_structure(position, element, cell=cell))
    return found["first"].values, found["second"].values


def _beside_vacancy(slab: dict[str, Any]) -> np.ndarray:
    """Whether a site was a neighbour of an atom that was taken away: put it back and look."""
    n, out = len(slab["element"]), np.zeros(len(slab["element"]), dtype=bool)
    for kind, place in zip(slab["removed"], slab["vacancy"], strict=True):
        first, second = _pairs(np.vstack([slab["position"], place]), [*slab["element"], kind], slab["cell"])
        out[second[first == n]] = True
    return out
