"""Ewald's sum: reciprocal vectors of a cell, constant terms, and the reciprocal part in NumPy."""

import math
from typing import NamedTuple

import numpy as np

from mi_widgets.potentials._ttam_pairs import COULOMB

__all__ = ["Waves", "constant_energy", "madelung_energy", "make_waves", "sum_waves"]


class Waves(NamedTuple):
    """Half of the reciprocal vectors up to a length; -k counts with k.

    Attributes
    ----------
    index : (n_waves, 3) int
    vector : (n_waves, 3)
        1/angstrom, with the factor 2 pi.
    weight : (n_waves,)
        Energy over the square of the structure factor (eV).
    curve : float
        1 / (4 alpha**2)
    most : (3,) int
        Largest integers.
    """

    index: np.ndarray
    vector: np.ndarray
    weight: np.ndarray
    curve: float
    most: np.ndarray


def make_waves(cell: np.ndarray, alpha: float, longest: float) -> Waves:
    """Reciprocal vectors not longer than `longest`, sorted so that the last integer runs fastest."""
    inverse = np.linalg.inv(cell)
    most = np.floor(longest * np.linalg.norm(cell, axis=1) / (2 * math.pi)).astype(np.int64)
    axes = [np.arange(0, most[0] + 1), np.arange(-most[1], most[1] + 1), np.arange(-most[2], most[2] + 1)]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    x, y, z = index.T
    index = index[(x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))]
    vector = 2 * math.pi * index @ inverse.T
    square = np.einsum("ij,ij->i", vector, vector)
    index, vector, square = (a[square <= longest**2] for a in (index, vector, square))
    volume = abs(float(np.linalg.det(cell)))
    weight = 4 * math.pi * COULOMB / volume * np.exp(-square / (4 * alpha**2)) / square
    return Waves(np.ascontiguousarray(index), np.ascontiguousarray(vector), weight, 1 / (4 * alpha**2), most)


def constant_energy(charge: np.ndarray, alpha: float, volume: float) -> tuple[np.ndarray, float]:
    """Energy of each charge with its own cloud, and of the uniform background of a charged cell (eV)."""
    own = -COULOMB * charge**2 * alpha / math.sqrt(math.pi)
    background = -COULOMB * math.pi * float(charge.sum()) ** 2 / (2 * volume * alpha**2)
    return own, background


def sum_waves(
    position: np.ndarray, charge: np.ndarray, waves: Waves, energy: np.ndarray, force: np.ndarray, virial: np.ndarray
) -> None:
    """Add the reciprocal part, in blocks that keep memory small."""
    block = max(1, 2_000_000 // max(1, len(position)))
    for low in range(0, len(waves.weight), block):
        k, weight = waves.vector[low : low + block], waves.weight[low : low + block]
        phase = position @ k.T
        real, imaginary = charge[:, None] * np.cos(phase), charge[:, None] * np.sin(phase)
        c, s = weight * real.sum(axis=0), weight * imaginary.sum(axis=0)
        energy += real @ c + imaginary @ s
        force += 2 * (imaginary * c - real * s) @ k
        total = c * real.sum(axis=0) + s * imaginary.sum(axis=0)
        slope = 2 * total * (1 / np.einsum("ij,ij->i", k, k) + waves.curve)
        virial[:3] += slope @ k**2 - total.sum()
        virial[3:] += [slope @ (k[:, a] * k[:, b]) for a, b in ((1, 2), (0, 2), (0, 1))]


def madelung_energy(position: np.ndarray, charge: np.ndarray, cell: np.ndarray, *, tolerance: float = 1e-12) -> float:
    """Energy of point charges (eV), every sum carried to a tolerance: slow, and no table, list or cutoff of the engine."""
    from scipy.special import erfc

    volume = abs(float(np.linalg.det(cell)))
    alpha = math.sqrt(math.pi) / volume ** (1 / 3)
    decay = math.sqrt(-math.log(tolerance))
    reach = decay / alpha
    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    vector = position[None, :, :] - position[:, None, :]
    spread = np.abs(vector @ np.linalg.inv(cell)).max(initial=0.0)
    images = np.ceil(reach / heights + spread).astype(int)
    total = 0.0
    for x in range(-images[0], images[0] + 1):
        for y in range(-images[1], images[1] + 1):
            for z in range(-images[2], images[2] + 1):
                r = np.linalg.norm(vector + np.array([x, y, z]) @ cell, axis=-1)
                far = r > 1e-9
                safe = np.where(far, r, 1.0)
                total += 0.5 * COULOMB * float((np.outer(charge, charge) * np.where(far, erfc(alpha * safe) / safe, 0.0)).sum())
    energy, force, virial = np.zeros(len(charge)), np.zeros((len(charge), 3)), np.zeros(6)
    sum_waves(position, charge, make_waves(cell, alpha, 2 * alpha * decay), energy, force, virial)
    own, background = constant_energy(charge, alpha, volume)
    return total + float(energy.sum()) + float(own.sum()) + background
