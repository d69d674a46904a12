"""Compiled list of pairs by bins: O(N), any cell, images of images where the cell is small."""

import math

import numpy as np
from numba import njit

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**OPTIONS)
def list_pairs(position, fraction, shifts, n_bins, reach, n_images, cutoff, start, other, image):
    """Write each pair nearer than the cutoff once; returns their number, which may be more than there is room for.

    Pairs of atom i stand at start[i] … start[i + 1]; `image` numbers the rows of `shifts`.
    """
    n = position.shape[0]
    n0, n1, n2 = n_bins[0], n_bins[1], n_bins[2]
    m0, m1, m2 = n_images[0], n_images[1], n_images[2]
    own = (m0 * (2 * m1 + 1) + m1) * (2 * m2 + 1) + m2
    bins, order = np.empty((n, 3), np.int64), np.empty(n, np.int64)
    first = np.zeros(n0 * n1 * n2 + 1, np.int64)
    for i in range(n):
        for k in range(3):
            bins[i, k] = min(int(fraction[i, k] * n_bins[k]), n_bins[k] - 1)
        first[(bins[i, 0] * n1 + bins[i, 1]) * n2 + bins[i, 2] + 1] += 1
    for b in range(first.size - 1):
        first[b + 1] += first[b]
    fill = first.copy()
    for i in range(n):
        b = (bins[i, 0] * n1 + bins[i, 1]) * n2 + bins[i, 2]
        order[fill[b]] = i
        fill[b] += 1
    square, found, room = cutoff * cutoff, 0, other.size
    for i in range(n):
        start[i] = found
        x, y, z = position[i, 0], position[i, 1], position[i, 2]
        for c0 in range(bins[i, 0] - reach[0], bins[i, 0] + reach[0] + 1):
            s0 = math.floor(c0 / n0)
            for c1 in range(bins[i, 1] - reach[1], bins[i, 1] + reach[1] + 1):
                s1 = math.floor(c1 / n1)
                for c2 in range(bins[i, 2] - reach[2], bins[i, 2] + reach[2] + 1):
                    s2 = math.floor(c2 / n2)
                    b = ((c0 - s0 * n0) * n1 + c1 - s1 * n1) * n2 + c2 - s2 * n2
                    code = ((s0 + m0) * (2 * m1 + 1) + s1 + m1) * (2 * m2 + 1) + s2 + m2
                    tx, ty, tz = shifts[code, 0] - x, shifts[code, 1] - y, shifts[code, 2] - z
                    for q in range(first[b], first[b + 1]):
                        j = order[q]
                        if j < i or (j == i and code <= own):
                            continue
                        dx, dy, dz = position[j, 0] + tx, position[j, 1] + ty, position[j, 2] + tz
                        if dx * dx + dy * dy + dz * dz < square:
                            if found < room:
                                other[found], image[found] = j, code
                            found += 1
    start[n] = found
    return found
