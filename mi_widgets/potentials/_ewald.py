"""Ewald's sum: reciprocal vectors of a cell, constant terms, and the reciprocal part in NumPy."""

import math
from typing import NamedTuple

import numpy as np

from mi_widgets.potentials._ttam_pairs import COULOMB, switch

__all__ = ["Waves", "constant_energy", "madelung_energy", "make_waves", "sum_waves"]


_FADE = 0.9


class Waves(NamedTuple):
    """Half of the reciprocal vectors up to a length; -k counts with k.

    Attributes
    ----------
    integers : (n_waves, 3) int
    vector : (n_waves, 3)
        1/angstrom, with the factor 2 pi.
    weight, slope : (n_waves, 2)
        Energy over the square of the structure factors of charges and of dispersion, g(k) / V, and -g'(k) / (k V).
    most : (3,) int
        Largest integers.
    """

    integers: np.ndarray
    vector: np.ndarray
    weight: np.ndarray
    slope: np.ndarray
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
    coulomb = 4 * math.pi * COULOMB / volume * np.exp(-square / (4 * alpha**2)) / square
    dispersion, fall = _dispersion(np.sqrt(square), alpha)
    weight = np.stack([coulomb, dispersion / volume], axis=-1)
    slope = np.stack([2 * coulomb * (1 / square + 1 / (4 * alpha**2)), fall / volume], axis=-1)
    # faded out, not cut off: else the energy would jump where a cell that is strained gains a wave
    s, ds = switch(np.sqrt(square)[:, None], _FADE * longest, longest)
    weight, slope = weight * s, slope * s - weight * ds / np.sqrt(square)[:, None]
    return Waves(np.ascontiguousarray(index), np.ascontiguousarray(vector), weight, slope, most)


def _dispersion(k: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """g(k) of -1 / r**6, for half of the vectors, and -g'(k) / k (N. Karasawa, W. A. Goddard 1989)."""
    from scipy.special import erfc

    b = k / (2 * alpha)
    gauss, tail = np.exp(-(b**2)), math.sqrt(math.pi) * erfc(b)
    front = -(math.pi**1.5) / 12
    g = front * (k**3 * tail + 8 * alpha**3 * (0.5 - b**2) * gauss)
    return g, -front * (3 * k * tail - 6 * alpha * gauss)


def constant_energy(
    charge: np.ndarray, dispersion: np.ndarray, alpha: float, volume: float
) -> tuple[np.ndarray, float]:
    """Energy of each atom with its own clouds, and what the waves of length 0 give (eV).

    That is the uniform background of a charged cell, and the mean of the dispersion.
    """
    own = -COULOMB * charge**2 * alpha / math.sqrt(math.pi) + dispersion**2 * alpha**6 / 12
    background = -COULOMB * math.pi * float(charge.sum()) ** 2 / (2 * volume * alpha**2)
    mean = -(math.pi**1.5) * alpha**3 * float(dispersion.sum()) ** 2 / (6 * volume)
    return own, background + mean


def sum_waves(
    position: np.ndarray,
    strengths: np.ndarray,
    waves: Waves,
    energy: np.ndarray,
    force: np.ndarray,
    virial: np.ndarray,
) -> None:
    """Add the reciprocal part, in blocks that keep memory small; `strengths` (n, 2) are charges and dispersion."""
    block = max(1, 1_000_000 // max(1, len(position)))
    for low in range(0, len(waves.weight), block):
        k, weight = waves.vector[low : low + block], waves.weight[low : low + block]
        phase = position @ k.T
        real, imaginary = np.cos(phase), np.sin(phase)
        c, s = strengths.T @ real, strengths.T @ imaginary  # (2, n_waves)
        a, b = strengths @ (weight.T * c), strengths @ (weight.T * s)
        energy += (real * a + imaginary * b).sum(axis=1)
        force += 2 * (imaginary * a - real * b) @ k
        square = c**2 + s**2
        fall = (waves.slope[low : low + block].T * square).sum(axis=0)
        virial[:3] += fall @ k**2 - (weight.T * square).sum()
        virial[3:] += [fall @ (k[:, p] * k[:, q]) for p, q in ((1, 2), (0, 2), (0, 1))]


def madelung_energy(position: np.ndarray, charge: np.ndarray, cell: np.ndarray, *, tolerance: float = 1e-12) -> float:
    """Energy of point charges (eV), sums carried to a tolerance: slow, without table, list or cutoff of the engine."""
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
                total += (
                    0.5
                    * COULOMB
                    * float((np.outer(charge, charge) * np.where(far, erfc(alpha * safe) / safe, 0.0)).sum())
                )
    energy, force, virial = np.zeros(len(charge)), np.zeros((len(charge), 3)), np.zeros(6)
    strengths = np.stack([charge, np.zeros(len(charge))], axis=-1)
    sum_waves(position, strengths, make_waves(cell, alpha, 2 * alpha * decay), energy, force, virial)
    own, background = constant_energy(charge, strengths[:, 1], alpha, volume)
    return total + float(energy.sum()) + float(own.sum()) + background
