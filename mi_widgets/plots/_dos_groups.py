"""What a picture says of clusters: their sites, names, elements and colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

__all__ = [
    "CLUSTER_COLORS",
    "OTHER_COLOR",
    "Group",
    "assign_slots",
    "elements_text",
    "groups_of",
    "names_of",
    "slot_color",
]

# Twenty that are told apart on white; the first eight, Okabe and Ito's, with every common colour vision.
CLUSTER_COLORS = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#6a51a3", "#882255", "#7cae00",
    "#332288", "#44aa99", "#e7298a", "#117733", "#661100", "#c9b600", "#4f6d8f", "#f4777f", "#aa4499", "#1a1a1a",
)  # fmt: skip
OTHER_COLOR = "#aab1b8"  # of clusters beyond these
_MOST_ELEMENTS = 3


@dataclass(frozen=True)
class Group:
    """One cluster.

    Attributes
    ----------
    label : int
        Its number in the result.
    name : str
        Such as ``"O 1"``, or what a user called it.
    atoms : (n,) int
        Positions of its atoms.
    elements : str
        Such as ``"O"`` or ``"Mg, O"``.
    """

    label: int
    name: str
    atoms: np.ndarray
    elements: str

    @property
    def size(self) -> int:
        """Number of atoms."""
        return len(self.atoms)

    @property
    def text(self) -> str:
        """Text for a legend: name, elements where it does not say them, number of sites."""
        said = all(e in self.name for e in self.elements.split(", "))
        return f"{self.name}{'' if said else f' ({self.elements})'} ×{self.size}"


def elements_text(elements: np.ndarray) -> str:
    """Elements of some atoms, the most frequent first."""
    kinds, counts = np.unique(elements.astype(str), return_counts=True)
    order = np.argsort(-counts, kind="stable")
    names = kinds[order].tolist()
    return ", ".join(names) if len(names) <= _MOST_ELEMENTS else f"{len(names)} elements"


def groups_of(clusters: xr.DataArray, elements: np.ndarray | None, names: Mapping[int, str]) -> list[Group]:
    """Clusters in the order of their numbers; what belongs to none (-1) is left out."""
    values = np.asarray(clusters.values)
    order = np.argsort(values, kind="stable")
    labels, start = np.unique(values[order], return_index=True)
    out = []
    for label, atoms in zip(labels.tolist(), np.split(order, start[1:]), strict=True):
        if label >= 0:
            made_of = "" if elements is None else elements_text(elements[atoms])
            out.append(Group(int(label), names.get(int(label), str(label)), atoms, made_of))
    return out


def assign_slots(
    groups: Sequence[Group],
    before: np.ndarray | None = None,
    most: int = len(CLUSTER_COLORS),
    known: Mapping[int, int] | None = None,
) -> dict[int, int]:
    """Which colour each cluster has: the largest ones get one of `most`, others -1.

    Parameters
    ----------
    groups : sequence of Group
    before : (n_atoms,) int, optional
        Colour of every atom in the picture before: a cluster keeps the colour that most of its atoms had, so that
        nothing changes its colour but what changes its cluster.
    most : int
    known : mapping of int to int, optional
        Colours that some clusters had whenever the same sites were together; they come first.

    Returns
    -------
    dict of int to int
        By the number of the cluster.
    """
    ranked = sorted(groups, key=lambda g: (-g.size, g.label))
    out = {g.label: -1 for g in groups}
    taken: set[int] = set()
    shown = ranked[:most]
    for g in shown:
        slot = (known or {}).get(g.label, -1)
        if 0 <= slot < most and slot not in taken:
            out[g.label] = slot
            taken.add(slot)
    if before is not None:
        wishes = []
        for g in shown:
            slots, counts = np.unique(before[g.atoms], return_counts=True)
            wishes += [(-int(c), g.label, int(s)) for s, c in zip(slots, counts, strict=True) if 0 <= s < most]
        for _, label, slot in sorted(wishes):
            if out[label] < 0 and slot not in taken:
                out[label] = slot
                taken.add(slot)
    free = iter(s for s in range(most) if s not in taken)
    for g in sorted(shown, key=lambda g: g.label):
        if out[g.label] < 0:
            out[g.label] = next(free)
    return out


def slot_color(slot: int) -> str:
    """Colour of a slot, grey for -1."""
    return CLUSTER_COLORS[slot] if 0 <= slot < len(CLUSTER_COLORS) else OTHER_COLOR


def names_of(result: xr.Dataset) -> Mapping[int, str]:
    """Names of the clusters of a result by their numbers."""
    labels = result["cluster_label"].values.tolist()
    names = result["cluster_name"].values.tolist() if "cluster_name" in result.coords else map(str, labels)
    return dict(zip(labels, names, strict=True))
