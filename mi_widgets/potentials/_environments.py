"""Environments of atoms as points: where their frames begin, principal components, quantiles, nearest images."""

from itertools import pairwise, product

import numpy as np

__all__ = ["frame_starts", "group_quantiles", "nearest_images", "principal"]


def frame_starts(frame_of: np.ndarray, frames: np.ndarray) -> np.ndarray | None:
    """Where the environments of each frame begin, and the number of all; None where they are not one after another."""
    counts = np.zeros(frames.size, dtype=int)
    if frame_of.size:
        change = np.flatnonzero(np.r_[True, frame_of[1:] != frame_of[:-1]])
        place = {label: i for i, label in enumerate(frames.tolist())}
        if len(place) < frames.size:  # which atoms are whose cannot be told
            return None
        order = [place.get(label, -1) for label in frame_of[change].tolist()]
        if min(order) < 0 or any(b <= a for a, b in pairwise(order)):
            return None
        counts[order] = np.diff(np.r_[change, frame_of.size])
    return np.concatenate([[0], np.cumsum(counts)])


def principal(values: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores (rows, n) of standardised columns and the share of the variance of each; the largest loading is positive.

    Rows with NaN get NaN; what has no spread takes no part.
    """
    score, share = np.full((len(values), n), np.nan), np.zeros(n)
    there = np.isfinite(values).all(axis=1)
    if there.sum() < 2 or not values.shape[1]:
        score[there] = 0.0
        return score, share
    x = values[there] - values[there].mean(axis=0)
    scale = x.std(axis=0)
    live = scale > 1e-9 * max(float(scale.max()), 1e-300)
    x = x[:, live] / scale[live]
    size, vectors = np.linalg.eigh(x.T @ x / len(x))
    m = min(n, size.size)
    vectors = vectors[:, ::-1][:, :m]
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(m)])
    out = np.zeros((len(x), n))
    out[:, :m] = x @ vectors
    score[there] = out
    share[:m] = np.maximum(size[::-1][:m], 0.0) / max(float(size.sum()), 1e-300)
    return score, share


def group_quantiles(values: np.ndarray, codes: np.ndarray, n_groups: int, levels: np.ndarray) -> np.ndarray:
    """Quantiles of the finite rows of each group: (n_groups, n_columns, n_levels), NaN where a group has none."""
    out = np.full((n_groups, values.shape[1], levels.size), np.nan)
    finite = np.isfinite(values).all(axis=1)
    for g in range(n_groups):
        rows = values[finite & (codes == g)]
        if len(rows):
            out[g] = np.quantile(rows, levels, axis=0).T
    return out


def _filled(cell: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """The cell with vectors upright on the others where it does not repeat."""
    out = np.array(cell, dtype=float)
    n = int(periodic.sum())
    if n < 3:
        out[~periodic] = np.linalg.svd(out[periodic])[2][n:] if n else np.eye(3)
    return out


def nearest_images(
    position: np.ndarray, atom: int, cell: np.ndarray, pbc: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """All atoms and images within `reach` of an atom: numbers of the atoms and vectors to them, near ones first."""
    periodic = np.asarray(pbc, dtype=bool) & (np.linalg.norm(cell, axis=1) > 0)
    cell = _filled(cell, periodic)
    d = position - position[atom]
    spans = [range(1)] * 3
    if periodic.any():
        inverse = np.linalg.inv(cell)
        d = d - (np.round(d @ inverse) * periodic) @ cell
        heights = 1.0 / np.linalg.norm(inverse, axis=0)
        spans = [range(-k, k + 1) for k in (np.ceil(reach / heights + 0.5) * periodic).astype(int).tolist()]
    shifts = np.array(list(product(*spans)), dtype=float) @ cell
    vectors = d[:, None, :] + shifts[None]
    length = np.linalg.norm(vectors, axis=-1)
    near = length <= reach
    near[atom] &= length[atom] > 1e-8
    who, image = np.nonzero(near)
    order = np.argsort(length[who, image], kind="stable")
    return who[order], vectors[who, image][order]
