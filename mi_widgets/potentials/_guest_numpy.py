"""What `_numba_guest` computes, with NumPy, some points at a time."""

import numpy as np

from mi_widgets.potentials._guest_elastic import elastic

__all__ = ["elastic", "pair_sums", "pairs_of", "radial_sums"]

_AT_ONCE = 2_000_000


def _between(point: np.ndarray, position: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Shortest ways from points to atoms (n_points, n_atoms, 3)."""
    d = position[None] - point[:, None]
    return np.asarray(d - box * np.round(d / box))


def _pair(r: np.ndarray, sigma: np.ndarray, epsilon: np.ndarray, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Energy and slope: Lennard-Jones with its force shifted to zero at the cutoff, straight inside."""
    x = np.maximum(r, 0.5 * sigma)
    s, c = (sigma / x) ** 6, (sigma / cutoff) ** 6
    end = -24.0 * epsilon * (2.0 * c * c - c) / cutoff
    energy = 4.0 * epsilon * (s * s - s - c * c + c) - end * (x - cutoff)
    slope = -24.0 * epsilon * (2.0 * s * s - s) / x - end
    inside = r < cutoff
    return np.where(inside, energy + slope * (r - x), 0.0), np.where(inside, slope, 0.0)


def pair_sums(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, sigma: np.ndarray,
    epsilon: np.ndarray, cutoff: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Energy and sum of squared forces on the atoms, for each kind of atom; the nearest distance in units of sigma."""
    one = np.eye(len(sigma))[kind]
    parts = []
    for some in np.array_split(point, len(point) * len(position) // _AT_ONCE + 1):
        r = np.sqrt(np.square(_between(some, position, box)).sum(axis=-1))
        u, slope = _pair(r, sigma[kind], epsilon[kind], cutoff)
        near = np.where(r < cutoff, r / sigma[kind], np.inf).min(axis=1)
        parts.append((u @ one, np.square(slope) @ one, near))
    return tuple(np.concatenate(p) for p in zip(*parts, strict=True))  # type: ignore[return-value]


def pairs_of(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, sigma: np.ndarray,
    epsilon: np.ndarray, cutoff: float, forces: np.ndarray,
) -> tuple[float, np.ndarray]:  # fmt: skip
    """Energy of a guest at one point and the force on it; those on the atoms are added to `forces`."""
    d = _between(point[None], position, box)[0]
    r = np.maximum(np.sqrt(np.square(d).sum(axis=-1)), 1e-9)
    u, slope = _pair(r, sigma[kind], epsilon[kind], cutoff)
    pull = (slope / r)[:, None] * d
    forces -= pull
    return float(u.sum()), pull.sum(axis=0)


def radial_sums(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, n_kinds: int, shell: np.ndarray,
    eta: float, cutoff: float,
) -> np.ndarray:  # fmt: skip
    """Radial symmetry functions (point, kind, shell): sums of exp(-eta (r - shell)^2), faded out at the cutoff."""
    one = np.eye(n_kinds)[kind]
    parts = []
    for some in np.array_split(point, len(point) * len(position) // _AT_ONCE + 1):
        r = np.sqrt(np.square(_between(some, position, box)).sum(axis=-1))
        fade = np.where(r < cutoff, 0.5 * (np.cos(np.pi * r / cutoff) + 1.0), 0.0)
        parts.append(np.stack([(fade * np.exp(-eta * (r - s) ** 2)) @ one for s in shell], axis=-1))
    return np.concatenate(parts)
