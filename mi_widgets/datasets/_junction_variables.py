"""Variables of a molecular junction in the groups of the lecture's table: names, units, atoms and values."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mi_widgets.datasets._junction import LEFT, RIGHT, SULPHUR, Electrons

__all__ = ["GROUPS", "VARIABLES", "Variable", "values"]

#: Groups in their order, and the kind of quantity that each holds.
GROUPS = {
    "electrodes and molecule": "distance",
    "distances": "distance",
    "distances to the second layer": "distance",
    "angles": "angle",
    "energies": "energy",
    "charges of the molecule": "charge",
    "charges of the electrodes": "charge",
    "molecular orbitals": "orbital",
}
_UNITS = {"distance": "angstrom", "angle": "degree", "energy": "eV", "charge": "e", "orbital": "1"}
#: Orbitals of the free molecule whose weights are variables: their place among its eight.
_MOLECULAR = {"HOMO-1": 2, "HOMO": 3, "LUMO": 4, "LUMO+1": 5, "LUMO+2": 6}
_SECOND = (9 + 4, 9 + 1)  # of an electrode's atoms, two of its second layer near the middle


@dataclass(frozen=True)
class Variable:
    """Name, group and atoms (up to three, an angle about the second) of a variable."""

    name: str
    group: str
    atoms: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """Kind of quantity."""
        return GROUPS[self.group]

    @property
    def units(self) -> str:
        """Its unit."""
        return _UNITS[self.kind]


def _names() -> list[str]:
    return [f"C{k + 1}" for k in range(6)] + ["S1", "S2"] + [f"H{k + 1}" for k in range(4)] + [
        f"Au{side}{k + 1}" for side in "LR" for k in range(36)
    ]  # fmt: skip


def _pairs() -> list[tuple[int, int]]:
    inside = list(combinations(range(8), 2))
    bonds = [(int(s), int(a)) for s, part in zip(SULPHUR, (LEFT, RIGHT), strict=True) for a in part[:9]]
    return inside + bonds


def _second() -> list[tuple[int, int]]:
    return [(int(s), int(part[k])) for s, part in zip(SULPHUR, (LEFT, RIGHT), strict=True) for k in _SECOND]


def _angles() -> list[tuple[int, int, int]]:
    one, other = (int(s) for s in SULPHUR)
    return [(int(LEFT[4]), one, other), (int(RIGHT[4]), other, one)]


def _variables() -> list[Variable]:
    name, group = _names(), list(GROUPS)
    left, right = int(LEFT[4]), int(RIGHT[4])
    out = [
        Variable("electrode separation", group[0], (left, right)),
        Variable("height of S1", group[0], (int(SULPHUR[0]), left)),
        Variable("height of S2", group[0], (int(SULPHUR[1]), right)),
    ]
    out += [Variable(f"{name[a]}-{name[b]}", group[1], (a, b)) for a, b in _pairs()]
    out += [Variable(f"{name[a]}-{name[b]}", group[2], (a, b)) for a, b in _second()]
    out += [Variable("-".join(name[a] for a in atoms), group[3], atoms) for atoms in _angles()]
    levels = ("HOMO", "LUMO", "total energy", "HOMO of the molecule", "LUMO of the molecule")
    out += [Variable(k, group[4]) for k in levels]
    out += [Variable(f"charge of {name[a]}", group[5], (a,)) for a in range(8)]
    out += [Variable(f"charge of {name[a]}", group[6], (int(a),)) for a in (*LEFT, *RIGHT)]
    out += [Variable(f"{k} on {name[a]}", group[7], (a,)) for k in _MOLECULAR for a in range(8)]
    return out


VARIABLES = _variables()


def _distances(position: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    one, other = np.array(pairs).T
    return np.asarray(np.linalg.norm(position[:, one] - position[:, other], axis=-1))


def _angle(corners: np.ndarray) -> np.ndarray:
    """Angle (degree) at the middle one of three atoms (n, 3, 3)."""
    one, other = corners[:, 0] - corners[:, 1], corners[:, 2] - corners[:, 1]
    across = np.linalg.norm(np.cross(one, other), axis=-1)
    return np.asarray(np.degrees(np.arctan2(across, (one * other).sum(axis=-1))))


def values(position: np.ndarray, electrons: Electrons) -> np.ndarray:
    """Values (n, variable) for positions (n, 84, 3) and their electrons."""
    n = len(position)
    low, high = position[:, LEFT[:9], 2].mean(axis=1), position[:, RIGHT[:9], 2].mean(axis=1)
    ends = position[:, SULPHUR, 2]
    half = electrons.levels.shape[1] // 2
    own = electrons.molecule_levels
    filled = 2 * electrons.levels[:, :half].sum(axis=1)
    out = [
        np.stack([high - low, ends[:, 0] - low, high - ends[:, 1]], axis=1),
        _distances(position, _pairs()),
        _distances(position, _second()),
        np.stack([_angle(position[:, list(atoms)]) for atoms in _angles()], axis=1),
        np.stack([electrons.levels[:, half - 1], electrons.levels[:, half], filled, own[:, 3], own[:, 4]], axis=1),
        electrons.charge,
        electrons.weight[..., list(_MOLECULAR.values())].transpose(0, 2, 1).reshape(n, -1),
    ]
    return np.concatenate(out, axis=1)
