"""Binary compounds of 34 elements: sizes, masses, and how stiff and anharmonic a simple model makes them."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ELEMENTS", "Compounds", "known_compounds", "other_compounds"]

#: Relative atomic mass, radius in sixfold coordination (an ion's, R. D. Shannon, Acta Cryst. A 32, 751 (1976),
#: doi:10.1107/S0567739476001551; carbon's group, hydrogen and large anions by sums of bond lengths) and in tetrahedra
#: (L. Pauling's covalent radii), in angstrom, charge of the ion.
ELEMENTS: dict[str, tuple[float, float, float, int]] = {
    "H": (1.008, 1.30, 0.32, -1),
    "Li": (6.94, 0.76, 1.33, 1),
    "Be": (9.0122, 0.45, 1.06, 2),
    "B": (10.81, 0.27, 0.88, 3),
    "C": (12.011, 2.60, 0.77, -4),
    "N": (14.007, 1.46, 0.70, -3),
    "O": (15.999, 1.40, 0.66, -2),
    "F": (18.998, 1.33, 0.64, -1),
    "Na": (22.990, 1.02, 1.66, 1),
    "Mg": (24.305, 0.72, 1.40, 2),
    "Al": (26.982, 0.535, 1.26, 3),
    "Si": (28.085, 0.40, 1.17, 4),
    "P": (30.974, 2.12, 1.10, -3),
    "S": (32.06, 1.84, 1.04, -2),
    "Cl": (35.45, 1.81, 0.99, -1),
    "K": (39.098, 1.38, 2.03, 1),
    "Ca": (40.078, 1.00, 1.74, 2),
    "Cu": (63.546, 0.77, 1.35, 1),
    "Zn": (65.38, 0.74, 1.31, 2),
    "Ga": (69.723, 0.62, 1.26, 3),
    "As": (74.922, 2.22, 1.18, -3),
    "Se": (78.971, 1.98, 1.14, -2),
    "Br": (79.904, 1.96, 1.11, -1),
    "Rb": (85.468, 1.52, 2.16, 1),
    "Sr": (87.62, 1.18, 1.91, 2),
    "Ag": (107.868, 1.15, 1.52, 1),
    "Cd": (112.414, 0.95, 1.48, 2),
    "In": (114.818, 0.80, 1.44, 3),
    "Sb": (121.760, 2.45, 1.36, -3),
    "Te": (127.60, 2.21, 1.32, -2),
    "I": (126.904, 2.20, 1.28, -1),
    "Cs": (132.905, 1.67, 2.35, 1),
    "Ba": (137.327, 1.35, 1.98, 2),
    "Pb": (207.2, 1.19, 1.54, 2),
}
STRUCTURES = ("rocksalt", "zincblende", "wurtzite")
#: Families known in rocksalt and, in zincblende and wurtzite both, as cations and anions.
_ROCKSALT = (
    ("Li Na K Rb", "H F Cl Br I"), ("Cs", "F"), ("Ca Ba", "O S Se Te"), ("Sr Mg Cd", "O"), ("Pb", "S Se Te"),
)  # fmt: skip
_TETRAHEDRAL = (
    ("Be Zn", "O S Se Te"), ("Cd", "S Se Te"), ("Mg", "Te"), ("Al Ga In", "N P As Sb"), ("B", "N P As"),
    ("Cu", "H Cl Br I"), ("Ag", "I"), ("Si", "C"),
)  # fmt: skip


@dataclass(frozen=True)
class Compounds:
    """Compounds, one in each place of all lists and arrays.

    Attributes
    ----------
    cation, anion, structure : list of str
    volume : (n,)
        For each atom (angstrom**3).
    density : (n,)
        g/cm**3.
    debye : (n,)
        Acoustic Debye temperature (K).
    mass : (n,)
        Mean atomic mass (u).
    """

    cation: list[str]
    anion: list[str]
    structure: list[str]
    volume: np.ndarray
    density: np.ndarray
    debye: np.ndarray
    mass: np.ndarray

    def __len__(self) -> int:
        return len(self.cation)

    def labels(self) -> list[str]:
        """Such as ``"LiI rocksalt"``."""
        return [f"{a}{b} {s}" for a, b, s in zip(self.cation, self.anion, self.structure, strict=True)]

    def has(self) -> np.ndarray:
        """Whether each compound (row) has each element (column): 1 or 0."""
        pairs = zip(self.cation, self.anion, strict=True)
        return np.array([[float(e in pair) for e in ELEMENTS] for pair in pairs])


def _expand(families: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(a, b) for cations, anions in families for a in cations.split() for b in anions.split()]


def known_compounds() -> Compounds:
    """The 101 of the table: 35 in rocksalt, 33 in zincblende and in wurtzite."""
    rows = [(a, b, "rocksalt") for a, b in _expand(_ROCKSALT)]
    rows += [(a, b, s) for s in STRUCTURES[1:] for a, b in _expand(_TETRAHEDRAL)]
    return _build(rows)


def other_compounds() -> Compounds:
    """All other pairs whose charges add up to zero, in each of the three structures."""
    known = known_compounds()
    there = set(zip(known.cation, known.anion, known.structure, strict=True))
    pairs = [(a, b) for a, x in ELEMENTS.items() for b, y in ELEMENTS.items() if x[3] > 0 > y[3] and x[3] + y[3] == 0]
    return _build([(a, b, s) for s in STRUCTURES for a, b in pairs if (a, b, s) not in there])


def _build(rows: list[tuple[str, str, str]]) -> Compounds:
    cation, anion, structure = (list(column) for column in zip(*rows, strict=True))
    first, second = np.array([ELEMENTS[e] for e in cation]), np.array([ELEMENTS[e] for e in anion])
    salt = np.array([s == "rocksalt" for s in structure])
    charge = first[:, 3]
    bond = np.where(salt, first[:, 1] + second[:, 1], first[:, 2] + second[:, 2])
    volume = np.where(salt, bond**3, 8 / 3**1.5 * bond**3)
    volume *= np.where([s == "wurtzite" for s in structure], 1.0005, 1.0)  # so that no two have the same features
    mass = (first[:, 0] + second[:, 0]) / 2
    density = mass / volume * 1.66053907
    # bulk modulus (GPa): M. L. Cohen's rule in tetrahedra, point charges in rocksalt
    modulus = np.where(salt, 480 * charge**1.3 / bond**3, (1972 - 220 * (4 - charge)) / bond**3.5)
    speed = 0.85 * np.sqrt(modulus / density) * 1e3  # m/s: an average over the branches
    # hbar / k_B in K s; two atoms in the cell share out its acoustic branches
    debye = 7.638235e-12 * speed * (6 * np.pi**2 / (2 * volume)) ** (1 / 3) * 1e10
    return Compounds(cation, anion, structure, volume, density, debye, mass)
