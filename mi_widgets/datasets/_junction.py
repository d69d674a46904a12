"""Benzenedithiolate between two gold electrodes: atoms, orbitals, and what Landauer's formula gives for them."""

from dataclasses import dataclass

import numpy as np

__all__ = [
    "BROADENING",
    "CARBON",
    "CONTACT",
    "ELEMENTS",
    "LEFT",
    "RIGHT",
    "SITES",
    "SULPHUR",
    "Electrons",
    "build",
    "hamiltonian",
    "solve",
    "transmission",
]

#: Nearest neighbours in gold, its (111) layers, and from one hollow to an atom of the layer (angstrom).
NEAREST = 4.08 / 2**0.5
LAYER = 4.08 / 3**0.5
HOLLOW = NEAREST / 3**0.5
#: Where on the surface sulphur sits: place in the layer and height above it (angstrom).
SITES = {
    "hollow": (NEAREST / 2, -HOLLOW / 2, 1.9),
    "bridge": (NEAREST / 2, 0.0, 2.1),
    "top": (0.0, 0.0, 2.4),
}
ELEMENTS = ["C"] * 6 + ["S"] * 2 + ["H"] * 4 + ["Au"] * 72
#: Atoms by kind; orbitals are those of `ELEMENTS` without hydrogen.
CARBON, SULPHUR = np.arange(6), np.array([6, 7])
LEFT, RIGHT = np.arange(12, 48), np.arange(48, 84)
ORBITALS = np.r_[0:8, 12:84]
#: Width that the leads behind give to the outermost nine atoms of each electrode (eV).
BROADENING = 1.2
CONTACT = np.arange(27, 36)
_LEVELS = {"C": 0.0, "S": -0.6, "Au": 0.3}
# hopping t0 exp(-decay (d - d0)) below a cut: t0 (eV), d0 (angstrom), decay (1/angstrom), cut (angstrom)
_HOPPING = {
    ("C", "C"): (-2.7, 1.40, 2.0, 1.8),
    ("C", "S"): (-1.6, 1.78, 2.0, 2.2),
    ("S", "Au"): (-0.9, 2.45, 1.6, 3.6),
    ("Au", "Au"): (-0.9, 2.885, 1.5, 3.6),
}


@dataclass(frozen=True)
class Electrons:
    """Electrons of many junctions.

    Attributes
    ----------
    levels : (n, 80)
        Energies of the junction's orbitals (eV), rising.
    charge : (n, 80)
        Mulliken's charge of each site (e).
    molecule_levels : (n, 8)
        Energies of the free molecule's orbitals (eV).
    weight : (n, 8, 8)
        Share of each site (second axis) in each orbital (last axis) of the free molecule.
    """

    levels: np.ndarray
    charge: np.ndarray
    molecule_levels: np.ndarray
    weight: np.ndarray


def _slab(side: int) -> np.ndarray:
    """3 x 3 x 4 atoms of Au(111), the first layer at z = 0 about its middle atom, further layers towards `side`."""
    i, j = np.divmod(np.arange(9), 3)
    layer = np.stack([(i + j / 2) * NEAREST, j * NEAREST * 3**0.5 / 2], axis=1)
    layer -= layer[4]
    out = []
    for k in range(4):
        shift = k % 3 * np.array([NEAREST / 2, HOLLOW / 2])
        out.append(np.column_stack([layer + shift, np.full(9, side * k * LAYER)]))
    return np.concatenate(out)


def _molecule() -> np.ndarray:
    """Six C, two S and four H of a flat ring in the xz plane, sulphur at its lower and upper end."""
    turn = np.pi + np.arange(6) * np.pi / 3
    ring = np.stack([np.sin(turn), np.zeros(6), np.cos(turn)], axis=1)
    ends = np.array([[0, 0, -1.40 - 1.78], [0, 0, 1.40 + 1.78]])
    return np.concatenate([1.40 * ring, ends, (1.40 + 1.09) * ring[[1, 2, 4, 5]]])


def _rotation(axis: int, angle: np.ndarray) -> np.ndarray:
    """Rotation matrices (n, 3, 3) about a Cartesian axis."""
    a, b = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.zeros((angle.size, 3, 3))
    out[:, axis, axis] = 1
    out[:, a, a] = out[:, b, b] = np.cos(angle)
    out[:, b, a] = np.sin(angle)
    out[:, a, b] = -out[:, b, a]
    return out


def build(site: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Positions (n, 84, 3) in angstrom for numbers of binding sites (n): heat, tilt, twist and gaps at random."""
    n = site.size
    place = np.array(list(SITES.values()))[site]
    tilt, twist = np.abs(rng.normal(0, 0.12, n)), rng.normal(0, 0.3, n)
    turn = _rotation(2, rng.uniform(0, 2 * np.pi, n))
    pose = turn @ _rotation(1, tilt) @ turn.transpose(0, 2, 1) @ _rotation(2, twist)
    gap = np.abs(rng.normal(0, 0.08, (n, 2)))
    slide = rng.normal(0, 0.1, (n, 2, 2))
    out = np.empty((n, 84, 3))
    out[:, :12] = _molecule() @ pose.transpose(0, 2, 1)
    for side, (sulphur, atoms) in enumerate(zip(SULPHUR, (LEFT, RIGHT), strict=True)):
        sign = 2 * side - 1
        origin = out[:, sulphur].copy()
        origin[:, :2] += slide[:, side] - place[:, :2]
        origin[:, 2] += sign * (place[:, 2] + gap[:, side])
        out[:, atoms] = _slab(sign) + origin[:, None]
    out[:, :12] += rng.normal(0, 0.02, (n, 12, 3))
    out[:, 12:] += rng.normal(0, 0.05, (n, 72, 3))
    return out


def hamiltonian(position: np.ndarray) -> np.ndarray:
    """Tight-binding matrix (n, 80, 80) in eV of positions (n, 84, 3): one orbital for each atom but hydrogen."""
    place = position[:, ORBITALS]
    kind = np.array(ELEMENTS)[ORBITALS]
    squares = (place**2).sum(axis=-1)
    distance = np.sqrt(np.maximum(squares[:, :, None] + squares[:, None] - 2 * place @ place.transpose(0, 2, 1), 1e-12))
    out = np.zeros_like(distance)
    for (one, other), (strength, normal, decay, cut) in _HOPPING.items():
        a, b = np.flatnonzero(kind == one), np.flatnonzero(kind == other)
        block = distance[:, a[:, None], b]
        value = np.where(block < cut, strength * np.exp(-decay * (block - normal)), 0.0)
        out[:, a[:, None], b] = value
        out[:, b[:, None], a] = value.transpose(0, 2, 1)
    both = np.arange(kind.size)
    out[:, both, both] = [_LEVELS[k] for k in kind]
    return out


def _self_energy(electrode: np.ndarray, bond: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """What an electrode (n, 36, 36) adds to the level it is bound to by `bond` (n, 36): (n, energy), complex."""
    open_end = electrode.astype(complex)
    open_end[:, CONTACT, CONTACT] -= 0.5j * BROADENING
    level, vector = np.linalg.eig(open_end)
    left = (bond[:, None] @ vector)[:, 0]
    right = np.linalg.solve(vector, bond[..., None].astype(complex))[..., 0]
    return np.asarray(((left * right)[:, None] / (energy[:, None] - level[:, None])).sum(axis=-1))


def transmission(matrix: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """Transmission (n, energy) of matrices (n, 80, 80).

    Each electrode is bound to the molecule by one sulphur atom alone, so that it is one number for each energy:
    T = Gamma_1 Gamma_2 |G_12|^2 with Gamma = -2 Im Sigma.
    """
    own = matrix[:, :8, :8]
    sides = [
        _self_energy(matrix[:, part, part], matrix[:, end, part], energy)
        for end, part in ((6, slice(8, 44)), (7, slice(44, 80)))
    ]
    inverse = np.zeros((len(matrix), energy.size, 8, 8), dtype=complex)
    both = np.arange(8)
    inverse[..., both, both] = energy[:, None]
    inverse -= own[:, None]
    inverse[..., 6, 6] -= sides[0]
    inverse[..., 7, 7] -= sides[1]
    source = np.zeros((8, 1))
    source[7] = 1
    green = np.linalg.solve(inverse, source)[..., 6, 0]
    return np.asarray(4 * sides[0].imag * sides[1].imag * np.abs(green) ** 2)


def solve(matrix: np.ndarray) -> Electrons:
    """Orbitals and charges, one electron for each site."""
    levels, vector = np.linalg.eigh(matrix)
    charge = 1 - 2 * (vector[..., : levels.shape[-1] // 2] ** 2).sum(axis=-1)
    own, shape = np.linalg.eigh(matrix[:, :8, :8])
    return Electrons(levels, charge, own, shape**2)
