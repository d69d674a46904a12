"""Energies of the cluster SiO4 whose fit gave TTAM: charges of a cluster, screened where the clouds overlap."""

from typing import NamedTuple

import numpy as np

from mi_widgets.potentials._ttam_pairs import COULOMB, KCAL

__all__ = ["Cluster", "charges", "make_geometries", "model_energies", "to_parameters"]

#: Inverse range of the clouds (1/angstrom).
_ZETA = 1 / 1.4
_CORNERS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3.0)


class Cluster(NamedTuple):
    """Distances of each geometry.

    Attributes
    ----------
    silicon : (n, 4)
        Si to each O (angstrom).
    oxygen : (n, 6)
        Between the O (angstrom).
    """

    silicon: np.ndarray
    oxygen: np.ndarray


def make_geometries(n: int) -> tuple[Cluster, list[str], np.ndarray]:
    """Distances, names of the three distortions, and their lengths (angstrom) or angles (degree), n of each."""
    radii, single, angles = np.linspace(1.35, 2.3, n), np.linspace(1.3, 2.6, n), np.linspace(75.0, 145.0, n)
    places = [r * _CORNERS for r in radii]
    places += [np.concatenate([r * _CORNERS[:1], 1.62 * _CORNERS[1:]]) for r in single]
    places += [1.62 * _bent(np.radians(angle)) for angle in angles]
    every = np.array(places)
    first, second = np.triu_indices(4, 1)
    oxygen = np.linalg.norm(every[:, first] - every[:, second], axis=-1)
    kinds = np.repeat(["all bonds", "one bond", "one angle"], n)
    return Cluster(np.linalg.norm(every, axis=-1), oxygen), kinds.tolist(), np.concatenate([radii, single, angles])


def _bent(angle: float) -> np.ndarray:
    """Corners with another angle between the first two."""
    middle = _CORNERS[0] + _CORNERS[1]
    across = _CORNERS[0] - _CORNERS[1]
    middle, across = middle / np.linalg.norm(middle), across / np.linalg.norm(across)
    pair = [np.cos(angle / 2) * middle + sign * np.sin(angle / 2) * across for sign in (1, -1)]
    return np.concatenate([np.array(pair), _CORNERS[2:]])


def charges(transfer: float) -> tuple[dict[str, float], dict[str, float]]:
    """Charges (e) of the cluster and of the bulk, for what each bond takes from Si."""
    return {"Si": 4 * transfer, "O": -1 - transfer}, {"Si": 4 * transfer, "O": -2 * transfer}


def _electrostatic(r: np.ndarray, first: str, second: str, transfer: float) -> np.ndarray:
    """Charges of the cluster far away, of the bulk where the clouds overlap."""
    z = _ZETA * r
    shape = 1 + z if first != second else 1 + 11 * z / 8 + 3 * z**2 / 4 + z**3 / 6
    g = shape * np.exp(-2 * z)
    cluster, bulk = charges(transfer)
    return np.asarray(COULOMB * (cluster[first] * cluster[second] * (1 - g) + bulk[first] * bulk[second] * g) / r)


def model_energies(cluster: Cluster, values: np.ndarray, transfer: float) -> np.ndarray:
    """Energies (eV) for a, b, c of Si and then of O."""
    a_si, b_si, c_si, a_o, b_o, c_o = values
    total = np.zeros(len(cluster.silicon))
    for r, a, b, c, pair in (
        (cluster.silicon, a_si + a_o, b_si + b_o, c_si * c_o, ("Si", "O")),
        (cluster.oxygen, 2 * a_o, 2 * b_o, c_o * c_o, ("O", "O")),
    ):
        # an exponent that overflows is worse than any other all the same
        wall = KCAL * b * np.exp(np.minimum((a - r) / b, 50.0))
        total += (_electrostatic(r, *pair, transfer) + wall - KCAL * c / r**6).sum(axis=1)
    return total


def to_parameters(values: np.ndarray, transfer: float) -> dict[str, dict[str, float]]:
    """Parameters of TTAM, with the charges of the bulk."""
    out: dict[str, dict[str, float]] = {}
    for k, element in enumerate(("Si", "O")):
        a, b, c = (float(v) for v in values[3 * k : 3 * k + 3])
        out[element] = {"charge": charges(transfer)[1][element], "a": a, "b": b, "c": c}
    return out
