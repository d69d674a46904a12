"""A model of MgO(001): sites by coordination, and the bands that go with them. NumPy only."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["DEFECTS", "ORBITALS", "Sites", "curves", "grow"]

DEFECTS = ("vacancy", "adsorbate", "step")
ORBITALS: dict[str, tuple[str, ...]] = {
    "l": ("s", "p", "d"),
    "lm": ("s", "p_y", "p_z", "p_x", "d_xy", "d_yz", "d_z2", "d_xz", "d_x2-y2"),
}
SPACING = 4.212 / 2  # angstrom
_FINE = 0.005  # eV: curves of a kind are tabulated once and read at each site's own shift

Level = tuple[str, float, float, float]  # orbital, centre (eV above the valence-band edge), width (eV), states


def _levels(text: str) -> list[Level]:
    return [(l, float(c), float(w), float(n)) for l, c, w, n in (level.split() for level in text.split(","))]


# Free choice, near to what density-functional theory gives for MgO: O 2s, two parts of O 2p, empty Mg 3s and 3p; CO.
_LEVELS = {
    "O": _levels("s -17.5 0.5 1.85, p -3.9 0.75 2.6, p -1.6 0.6 2.4, s 8.5 1.5 0.1, p 9.5 1.8 0.5"),
    "Mg": _levels(
        "s -17.5 0.5 0.06, p -17.5 0.5 0.09, s -4.1 0.7 0.16, p -2.2 0.9 0.24, s 7.2 1.2 1.1, p 9.3 1.6 1.7,"
        "d 11 1.5 0.8"
    ),
    "C*": _levels("s -21.5 0.15 0.5, s -7.1 0.15 0.9, p -7.1 0.15 0.8, p -9.6 0.15 1, p 3.2 0.2 2.4"),
    "O*": _levels("s -21.5 0.15 1.3, s -11.6 0.15 0.5, p -11.6 0.15 1.2, p -9.6 0.15 2.6, p 3.2 0.2 1.1"),
}
# what a site gets beside its bands: electrons left by a missing O in the gap, a bond to the adsorbate
_EXTRA = {
    "vacancy": _levels("s 2.4 0.25 0.14, p 2.4 0.25 0.16"),
    "adsorbate": _levels("s -7.1 0.15 0.12, p -7.1 0.15 0.08, p 3.2 0.2 0.15"),
}
# A lost neighbour moves O 2p up and Mg 3s down (a smaller Madelung potential), by so much (eV).
_MOVE = {"O": 0.35, "Mg": -0.55}


@dataclass
class Sites:
    """Atoms of the model and the truth about them."""

    position: np.ndarray
    cell: np.ndarray
    element: np.ndarray
    coordination: np.ndarray
    label: np.ndarray
    unusual: np.ndarray
    layer: np.ndarray


def grow(size: tuple[int, int], n_layers: int, defects: Iterable[str], rng: np.random.Generator) -> Sites:
    """Grow a slab, with defects at random places of its upper side."""
    nx, ny = size
    filled = np.zeros((nx, ny, n_layers + 1), dtype=bool)
    filled[:, :, :n_layers] = True
    defects = set(defects)
    if "step" in defects:
        start = int(rng.integers(nx))
        filled[np.arange(start, start + nx // 2) % nx, :, n_layers] = True
    oxygen = np.indices(filled.shape).sum(axis=0) % 2 == 1
    flat = filled & (_count(filled) == 5)
    flat[:, :, 0] = False
    flat &= ~_beside_wall(filled)
    lost = np.zeros_like(filled)
    if "vacancy" in defects:
        lost[_pick(flat & oxygen, rng)] = True
        filled &= ~lost
    around = _count(filled)
    by_vacancy = filled & (_count(lost) > 0)
    bound = np.zeros_like(filled)
    if "adsorbate" in defects:
        bound[_pick(flat & filled & ~oxygen & ~by_vacancy, rng)] = True
    place = np.argwhere(filled)
    place = place[np.lexsort((place[:, 0], place[:, 1], place[:, 2]))]
    at = tuple(place.T)
    element = np.where(oxygen[at], "O", "Mg")
    number = around[at]
    other = np.where(oxygen[at], "Mg", "O")
    label = np.array([f"{e}{n} ({o}{n})" for e, n, o in zip(element, number, other, strict=True)], dtype="U32")
    label[bound[at]] = "Mg6 (C*1 O5)"
    label = np.where(by_vacancy[at], np.char.add(label, " by vacancy"), label)
    unusual = np.where(by_vacancy[at], "vacancy", np.where(bound[at], "adsorbate", "")).astype("U16")
    if "step" in defects:  # sites of the edge have lost a second neighbour
        unusual[(unusual == "") & (number <= 4)] = "step"
    sites = Sites(
        place * SPACING, np.diag([nx, ny, n_layers + 8]) * SPACING, element, number + bound[at], label, unusual,
        place[:, 2],
    )  # fmt: skip
    return _adsorb(sites, np.argwhere(bound)) if bound.any() else sites


def _adsorb(sites: Sites, place: np.ndarray) -> Sites:
    """Put CO upright, C down, on each of these lattice points."""
    n = len(place)
    foot = place * SPACING
    return Sites(
        np.vstack([sites.position, np.add(foot, (0, 0, 2.45)), np.add(foot, (0, 0, 3.59))]),
        sites.cell,
        np.concatenate([sites.element, ["C"] * n, ["O"] * n]),
        np.concatenate([sites.coordination, [2] * n, [1] * n]),
        np.concatenate([sites.label, ["C*2 (Mg1 O*1)"] * n, ["O*1 (C*1)"] * n]),
        np.concatenate([sites.unusual, ["adsorbate"] * 2 * n]),
        np.concatenate([sites.layer, np.tile(place[:, 2] + 1, 2)]),
    )


def _count(filled: np.ndarray) -> np.ndarray:
    """Neighbours of each point of the lattice, which repeats along x and y."""
    around = np.zeros(filled.shape, dtype=int)
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        around += np.roll(filled, shift, axis=axis)
    around[:, :, 1:] += filled[:, :, :-1]
    around[:, :, :-1] += filled[:, :, 1:]
    return around


def _beside_wall(filled: np.ndarray) -> np.ndarray:
    """Points with an atom one layer higher in one of the eight columns around: the foot of a step."""
    wide = filled.copy()
    for axis in (0, 1):
        wide |= np.roll(wide, 1, axis=axis) | np.roll(wide, -1, axis=axis)
    out = np.zeros_like(filled)
    out[:, :, :-1] = wide[:, :, 1:]
    return out


def _pick(allowed: np.ndarray, rng: np.random.Generator) -> tuple[int, int, int]:
    places = np.argwhere(allowed)
    x, y, z = places[rng.integers(len(places))].tolist()
    return x, y, z


def curves(sites: Sites, energy: np.ndarray, shift: np.ndarray, orbitals: Sequence[str]) -> np.ndarray:
    """Densities of states (atom, orbital, energy) in 1/eV, each site's moved by its shift (eV)."""
    out = np.zeros((len(sites.element), len(orbitals), energy.size), dtype=np.float32)
    margin = float(np.abs(shift).max(initial=0.0)) + 2 * _FINE
    low = energy.min() - margin
    fine = np.arange(low, energy.max() + margin, _FINE)
    kinds = np.char.add(np.char.add(sites.label, "|"), sites.unusual)
    for kind in np.unique(kinds):
        mine = np.flatnonzero(kinds == kind)
        table = _table(sites.label[mine[0]], sites.unusual[mine[0]], sites.coordination[mine[0]], fine, orbitals)
        at = np.rint((energy[None, :] - shift[mine, None] - low) / _FINE).astype(np.intp)
        for k in np.flatnonzero(table.any(axis=1)):
            out[mine, k] = table[k][at]
    return out


def _table(label: str, unusual: str, coordination: int, fine: np.ndarray, orbitals: Sequence[str]) -> np.ndarray:
    species = label.split(maxsplit=1)[0].rstrip("0123456789")
    table = np.zeros((len(orbitals), fine.size))
    missing = 6 - coordination if species in _MOVE else 0
    narrow = np.sqrt(coordination / 6) if species in _MOVE else 1.0  # a band's second moment counts neighbours
    extra = [] if "*" in species else _EXTRA.get(unusual, [])
    levels = [(o, c + _MOVE.get(species, 0.0) * missing, w * narrow, n) for o, c, w, n in _LEVELS[species]]
    for l, center, width, states in levels + extra:
        parts = [k for k, name in enumerate(orbitals) if name.split("_")[0] == l]
        curve = np.exp(-0.5 * ((fine - center) / width) ** 2) / (width * np.sqrt(2 * np.pi))
        for k in parts:
            table[k] += states / len(parts) * curve
    return table
