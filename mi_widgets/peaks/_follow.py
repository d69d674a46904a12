"""Which peak of a spectrum is which of its neighbours': arrays in, arrays out."""

from itertools import permutations, product

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

MAX_PEAKS = 6  # of one line shape, whose orders are all compared; more are assigned pixel by pixel
SWEEPS = 10


def features_of(center: np.ndarray, fwhm: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """What tells peaks apart, ``(..., n_peaks, 3)``: position in units of the width, logarithms of area and width."""
    if not np.isfinite(fwhm).any():
        return np.full((*center.shape, 3), np.nan)
    width = float(np.nanmedian(fwhm))
    return np.stack([center / width, np.log(np.maximum(amplitude, 1e-300)), np.log(np.maximum(fwhm, 1e-300))], axis=-1)


def follow(center: np.ndarray, fwhm: np.ndarray, amplitude: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Order of the peaks of every spectrum of a map, shape ``(n_spectra, n_peaks)``, all of one line shape."""
    k = center.shape[1]
    features = features_of(center, fwhm, amplitude).reshape(*(1,) * (2 - len(shape)), *shape, k, 3)
    every = np.array(list(permutations(range(k)))) if k <= MAX_PEAKS else np.empty((0, k), dtype=int)
    return consistent_order(features, every, SWEEPS).reshape(-1, k)


def consistent_order(features: np.ndarray, allowed: np.ndarray, n_sweeps: int) -> np.ndarray:
    """Order of the peaks of every pixel, shape (ny, nx, k), from features (ny, nx, k, n)."""
    ny, nx, k, _ = features.shape
    rim = [(1, 1), (1, 1), (0, 0), (0, 0)]  # so that every pixel has eight neighbours
    given = np.pad(features, rim, constant_values=np.nan).reshape((ny + 2) * (nx + 2), k, -1)
    known = np.isfinite(given).all(axis=(1, 2))
    current, done = np.where(known[:, None, None], given, 0.0), np.zeros(len(given), dtype=bool)
    order = np.broadcast_to(np.arange(k), (len(given), k)).copy()
    steps = np.array([dy * (nx + 2) + dx for dy, dx in product((-1, 0, 1), repeat=2) if (dy, dx) != (0, 0)])

    def around(at: np.ndarray) -> np.ndarray:
        near = np.unique(at[:, None] + steps)
        return np.asarray(near[known[near]])

    def settle(at: np.ndarray) -> np.ndarray:
        """Give pixels the order that is nearest to their settled neighbours'; returns those where that is new."""
        near = at[:, None] + steps
        weight = done[near]
        at, near, weight = (v[weight.any(axis=1)] for v in (at, near, weight))
        mean = np.einsum("ps,pskn->pkn", weight / weight.sum(axis=1, keepdims=True), current[near])
        best = _assign(given[at], mean, allowed)
        new = (best != order[at]).any(axis=1)
        order[at] = best
        current[at] = np.take_along_axis(given[at], best[:, :, None], axis=1)
        return np.asarray(at[new])

    # grow from one pixel over the map first: sweeps alone would leave walls between two consistent halves
    parts, n_parts = ndimage.label(known.reshape(ny + 2, nx + 2), structure=np.ones((3, 3)))
    front = np.unique(parts.ravel(), return_index=True)[1][1:] if n_parts else np.empty(0, dtype=int)
    done[front] = True
    while front.size:
        front = around(front)
        front = front[~done[front]]
        settle(front)
        done[front] = True
    color = np.add.outer(2 * (np.arange(ny + 2) % 2), np.arange(nx + 2) % 2).ravel()
    todo = np.flatnonzero(known)
    for _ in range(n_sweeps):
        # of one colour no two are neighbours
        changed = np.concatenate([settle(todo[color[todo] == c]) for c in range(4)])
        if not changed.size:
            break
        todo = around(changed)
    return order.reshape(ny + 2, nx + 2, k)[1:-1, 1:-1]


def _assign(features: np.ndarray, reference: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The order of each pixel's peaks that is nearest to its reference, shape ``(n_pixels, n_peaks)``."""
    cost = ((reference[:, :, None] - features[:, None]) ** 2).sum(axis=-1)
    if not len(allowed):
        return np.array([linear_sum_assignment(one)[1] for one in cost], dtype=int).reshape(cost.shape[:2])
    places = np.arange(cost.shape[1])
    total = np.stack([cost[:, places, order].sum(axis=1) for order in allowed], axis=1)
    return np.asarray(allowed[np.argmin(total, axis=1)])
