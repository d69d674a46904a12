"""Shortest images of vectors in lattices of one to three directions, however skewed their cells."""

import itertools

import numpy as np

__all__ = ["reduce_vectors", "shortest_images"]


def reduce_vectors(vectors: np.ndarray) -> np.ndarray:
    """Minkowski-reduced vectors (n, 3) of the same lattice, shortest first.

    P. Q. Nguyen and D. Stehle (2009), doi:10.1145/1597036.1597050: as long as a vector can be shortened by whole
    numbers of the shorter ones, it is.
    """
    out = np.array(vectors, dtype=float)
    for _ in range(1000):  # far more than any cell needs
        out = out[np.argsort(np.linalg.norm(out, axis=1), kind="stable")]
        for k in range(1, len(out)):
            shorter = _nearest(out[k : k + 1], out[:k])[0]
            if shorter @ shorter < out[k] @ out[k] * (1 - 1e-12):
                out[k] = shorter
                break
        else:
            return out
    return out


def shortest_images(step: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Shortest vectors (n, 3) that differ from `step` by whole numbers of lattice vectors (m, 3).

    Where two are equally short, either may be given; what is not finite is NaN.
    """
    if not len(vectors) or not len(step):
        return step
    reduced, finite = reduce_vectors(vectors), np.isfinite(step).all(axis=-1)
    out = np.full_like(step, np.nan)
    left = step[finite]
    left = left - np.round(left @ np.linalg.pinv(reduced)) @ reduced
    # nearer to 0 than half the shortest lattice vector: nothing else can be as near
    far = np.einsum("ij,ij->i", left, left) > 0.2499 * (reduced[0] @ reduced[0])
    if far.any():
        left[far] = _nearest(left[far], reduced)
    out[finite] = left
    return out


def _nearest(step: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The shortest of what is left after rounding and its neighbours."""
    left = step - np.round(step @ np.linalg.pinv(vectors)) @ vectors
    around = np.array(sorted(itertools.product((-1, 0, 1), repeat=len(vectors)), key=lambda turn: np.abs(turn).sum()))
    images = left[:, None] + around @ vectors
    square = np.einsum("ijk,ijk->ij", images, images)
    square[:, 0] *= 1 - 1e-12  # a tie stays where rounding put it
    return np.asarray(images[np.arange(len(step)), square.argmin(axis=1)])
