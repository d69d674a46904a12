"""Supercells of plane lattices and the strains between them; arrays in, arrays out."""

from functools import cache

import numpy as np

__all__ = ["area", "plane_lattice", "reduced", "smallest_strain", "supercells"]


def plane_lattice(a: float, b: float, gamma: float) -> np.ndarray:
    """Two lattice vectors as rows, the first along x; lengths and an angle in degrees."""
    angle = np.deg2rad(gamma)
    return np.array([[a, 0.0], [b * np.cos(angle), b * np.sin(angle)]])


def area(vectors: np.ndarray) -> np.ndarray:
    """Area of cells (..., 2, 2), signed: positive where the vectors are right-handed."""
    return np.asarray(vectors[..., 0, 0] * vectors[..., 1, 1] - vectors[..., 0, 1] * vectors[..., 1, 0])


@cache
def supercells(most: int) -> np.ndarray:
    """All different sublattices with up to `most` cells: integers (n, 2, 2) in Hermite's form, small ones first."""
    found = [
        ((d, b), (0, n // d)) for n in range(1, most + 1) for d in range(1, n + 1) if n % d == 0 for b in range(n // d)
    ]
    # rows are vectors: (d, b) and (0, n/d), with 0 <= b < n/d
    return np.array(found, dtype=np.int64).reshape(-1, 2, 2)


def reduced(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shortest right-handed basis of each lattice (Lagrange and Gauss), and the integer matrix that gives it.

    Parameters
    ----------
    vectors : numpy.ndarray, shape (n, 2, 2)
        Right-handed bases as rows.

    Returns
    -------
    basis : numpy.ndarray, shape (n, 2, 2)
        |u| <= |v| and |u.v| <= u.u/2.
    transform : numpy.ndarray of int, shape (n, 2, 2)
        ``basis = transform @ vectors``, of determinant 1.
    """
    basis = np.array(vectors, dtype=float)
    transform = np.tile(np.eye(2, dtype=np.int64), (len(basis), 1, 1))
    for _ in range(200):  # each step shortens a vector; few are enough
        swap = _square(basis[:, 1]) < _square(basis[:, 0]) * (1 - 1e-12)
        for array in (basis, transform):
            first = array[swap, 0].copy()
            array[swap, 0], array[swap, 1] = array[swap, 1], -first
        ratio = np.einsum("ni,ni->n", basis[:, 0], basis[:, 1]) / _square(basis[:, 0])
        shift = np.rint(ratio * (1 - 1e-12)).astype(np.int64)
        if not swap.any() and not shift.any():
            break
        basis[:, 1] -= shift[:, None] * basis[:, 0]
        transform[:, 1] -= shift[:, None] * transform[:, 0]
    return basis, transform


def _square(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ni,ni->n", vectors, vectors))


@cache
def _changes() -> np.ndarray:
    """Right-handed changes of a reduced basis into another one that may be as short."""
    entries = range(-1, 2)
    every = [((a, b), (c, d)) for a in entries for b in entries for c in entries for d in entries if a * d - b * c == 1]
    return np.array(every, dtype=np.int64)


def smallest_strain(film: np.ndarray, substrate: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least strain that brings one lattice onto another, turned as it likes.

    Parameters
    ----------
    film, substrate : numpy.ndarray, shape (n, 2, 2)
        Reduced right-handed bases as rows.

    Returns
    -------
    strain : numpy.ndarray, shape (n, 2)
        Principal strains of the film, the greater first.
    angle : numpy.ndarray, shape (n,)
        Angle by which the film is turned (rad), counter-clockwise.
    change : numpy.ndarray of int, shape (n, 2, 2)
        ``change @ film`` is the basis that comes to lie on `substrate`.
    """
    changes = _changes()
    candidates = changes[None] @ film[:, None]  # (n, m, 2, 2)
    # rows are vectors: candidates @ gradient = substrate; the inverse of a right-handed pair of rows in closed form
    (a, b), (c, d) = np.moveaxis(candidates, (-2, -1), (0, 1))
    (p, q), (r, t) = np.moveaxis(substrate[:, None], (-2, -1), (0, 1))
    size = 2.0 * (a * d - b * c)
    xx, xy, yx, yy = d * p - b * r, d * q - b * t, a * r - c * p, a * t - c * q
    turning = ((xx + yy) + 1j * (xy - yx)) / size  # rotation and mean stretch
    shearing = np.abs((xx - yy) + 1j * (xy + yx)) / size
    most = np.maximum(np.abs(np.abs(turning) + shearing - 1.0), np.abs(np.abs(turning) - shearing - 1.0))
    angle = np.angle(turning)
    best = np.argmin(most + 1e-9 * np.abs(angle - 1e-3), axis=1)  # of equal ones the one that is turned least
    at = (np.arange(len(film)), best)
    stretch = np.stack([np.abs(turning[at]) + shearing[at], np.abs(turning[at]) - shearing[at]], axis=-1)
    return stretch - 1.0, angle[at], changes[best]
