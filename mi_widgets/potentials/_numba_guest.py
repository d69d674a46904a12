"""What a guest feels of the atoms around it, compiled: energies, forces on the atoms, symmetry functions."""

import math

import numba
import numpy as np

from mi_widgets.potentials import _guest_elastic

__all__ = ["elastic", "pair_sums", "pairs_of", "radial_sums"]

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@numba.njit(**OPTIONS)
def _pair(r: float, sigma: float, epsilon: float, cutoff: float) -> tuple[float, float]:
    """Energy and slope of a pair: Lennard-Jones with its force shifted to zero at the cutoff, straight inside."""
    guard = 0.5 * sigma
    x = max(r, guard)
    s = (sigma / x) ** 6
    c = (sigma / cutoff) ** 6
    end = -24.0 * epsilon * (2.0 * c * c - c) / cutoff
    energy = 4.0 * epsilon * (s * s - s) - 4.0 * epsilon * (c * c - c) - end * (x - cutoff)
    slope = -24.0 * epsilon * (2.0 * s * s - s) / x - end
    return energy + slope * (r - x), slope


@numba.njit(**OPTIONS)
def pair_sums(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, sigma: np.ndarray,
    epsilon: np.ndarray, cutoff: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Energy and sum of squared forces on the atoms, for each kind of atom; the nearest distance in units of sigma."""
    n_kinds = sigma.size
    energy, square = np.zeros((len(point), n_kinds)), np.zeros((len(point), n_kinds))
    near = np.full(len(point), np.inf)
    for p in range(len(point)):
        for i in range(len(position)):
            r2 = 0.0
            for a in range(3):
                d = position[i, a] - point[p, a]
                d -= box[a] * np.round(d / box[a])
                r2 += d * d
            if r2 < cutoff * cutoff:
                k = kind[i]
                r = math.sqrt(r2)
                u, slope = _pair(r, sigma[k], epsilon[k], cutoff)
                energy[p, k] += u
                square[p, k] += slope * slope
                near[p] = min(near[p], r / sigma[k])
    return energy, square, near


@numba.njit(**OPTIONS)
def pairs_of(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, sigma: np.ndarray,
    epsilon: np.ndarray, cutoff: float, forces: np.ndarray,
) -> tuple[float, np.ndarray]:  # fmt: skip
    """Energy of a guest at one point and the force on it; those on the atoms are added to `forces`."""
    total, own = 0.0, np.zeros(3)
    d = np.empty(3)
    for i in range(len(position)):
        r2 = 0.0
        for a in range(3):
            d[a] = position[i, a] - point[a]
            d[a] -= box[a] * np.round(d[a] / box[a])
            r2 += d[a] * d[a]
        if 0.0 < r2 < cutoff * cutoff:
            k = kind[i]
            r = math.sqrt(r2)
            u, slope = _pair(r, sigma[k], epsilon[k], cutoff)
            total += u
            for a in range(3):
                f = slope * d[a] / r
                forces[i, a] -= f
                own[a] += f
    return total, own


@numba.njit(**OPTIONS)
def radial_sums(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, n_kinds: int, shell: np.ndarray,
    eta: float, cutoff: float,
) -> np.ndarray:  # fmt: skip
    """Radial symmetry functions (point, kind, shell): sums of exp(-eta (r - shell)^2), faded out at the cutoff."""
    radial = np.zeros((len(point), n_kinds, shell.size))
    for p in range(len(point)):
        for i in range(len(position)):
            r2 = 0.0
            for a in range(3):
                d = position[i, a] - point[p, a]
                d -= box[a] * np.round(d / box[a])
                r2 += d * d
            if r2 < cutoff * cutoff:
                r = math.sqrt(r2)
                fade = 0.5 * (math.cos(math.pi * r / cutoff) + 1.0)
                for s in range(shell.size):
                    radial[p, kind[i], s] += fade * math.exp(-eta * (r - shell[s]) ** 2)
    return radial


elastic = numba.njit(**OPTIONS)(_guest_elastic.elastic)
