"""Compiled search for pairs: atoms sorted into bins along fractional axes, rows of bins scanned without branches.

A row of bins is contiguous in memory, so distances are computed many at a time; images need no special case, as a row
that leaves the cell goes on in the next one with its shift.
"""

import math

import numpy as np
from numba import njit

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**OPTIONS)
def _sort_into_bins(fraction, low, inverse_span, n_bins, bins, order, start):
    """Bin of each atom along each axis, atoms sorted by bin, and where each bin starts."""
    n = fraction.shape[0]
    start[:] = 0
    for i in range(n):
        for k in range(3):
            b = int((fraction[i, k] - low[k]) * inverse_span[k] * n_bins[k])
            bins[i, k] = min(max(b, 0), n_bins[k] - 1)
        flat = (bins[i, 0] * n_bins[1] + bins[i, 1]) * n_bins[2] + bins[i, 2]
        start[flat + 1] += 1
    for b in range(start.size - 1):
        start[b + 1] += start[b]
    fill = start.copy()
    for i in range(n):
        flat = (bins[i, 0] * n_bins[1] + bins[i, 1]) * n_bins[2] + bins[i, 2]
        order[fill[flat]] = i
        fill[flat] += 1


@njit(**OPTIONS)
def _span(fraction, low, inverse_span, n_bins, reach, periodic):
    """First and last bin, counted on into the images, that can hold a neighbour along one axis."""
    first = math.floor((fraction - reach - low) * inverse_span * n_bins - 1e-9)
    last = math.floor((fraction + reach - low) * inverse_span * n_bins + 1e-9)
    if not periodic:
        first, last = max(first, 0), min(last, n_bins - 1)
    return int(first), int(last)


@njit(**OPTIONS)
def count_pairs(position, fraction, cell, pbc, low, inverse_span, n_bins, reach, group, n_groups, scale, counts):
    """Add the distances of all pairs of one frame to histograms, each pair once.

    counts has shape (n_groups * n_groups, n_r + 1): a row for (group of i, group of j), and a last bin that collects
    what is farther than r_max.
    """
    n = position.shape[0]
    bins, order = np.empty((n, 3), np.int64), np.empty(n, np.int64)
    start = np.empty(n_bins[0] * n_bins[1] * n_bins[2] + 1, np.int64)
    _sort_into_bins(fraction, low, inverse_span, n_bins, bins, order, start)
    x, y, z, kind = np.empty(n), np.empty(n), np.empty(n), np.empty(n, np.int32)
    width, most = counts.shape[1], float(counts.shape[1] - 1)
    flat = counts.reshape(-1)
    for a in range(n):
        i = order[a]
        x[a], y[a], z[a], kind[a] = position[i, 0], position[i, 1], position[i, 2], group[i] * width
    place = np.empty(n, np.int32)  # 32 bits: 64 would not vectorise
    n0, n1, n2 = n_bins
    for a in range(n):
        i = order[a]
        row = group[i] * n_groups * width
        b0, b1, b2 = bins[i]
        first1, last1 = _span(fraction[i, 1], low[1], inverse_span[1], n1, reach[1], pbc[1])
        first2, last2 = _span(fraction[i, 2], low[2], inverse_span[2], n2, reach[2], pbc[2])
        last0 = _span(fraction[i, 0], low[0], inverse_span[0], n0, reach[0], pbc[0])[1]
        for c0 in range(b0, last0 + 1):
            s0 = math.floor(c0 / n0)
            for c1 in range(b1 if c0 == b0 else first1, last1 + 1):
                s1 = math.floor(c1 / n1)
                own = c0 == b0 and c1 == b1
                c2 = b2 if own else first2
                while c2 <= last2:
                    s2 = math.floor(c2 / n2)
                    stop = min(last2, s2 * n2 + n2 - 1)
                    line = ((c0 - s0 * n0) * n1 + (c1 - s1 * n1)) * n2 - s2 * n2
                    j0, j1 = start[line + c2], start[line + stop + 1]
                    if own and c2 == b2:
                        j0 = a + 1  # the rest of the own bin; bins before it find this atom themselves
                    c2 = stop + 1
                    m = j1 - j0
                    if m <= 0:
                        continue
                    px = x[a] - s0 * cell[0, 0] - s1 * cell[1, 0] - s2 * cell[2, 0]
                    py = y[a] - s0 * cell[0, 1] - s1 * cell[1, 1] - s2 * cell[2, 1]
                    pz = z[a] - s0 * cell[0, 2] - s1 * cell[1, 2] - s2 * cell[2, 2]
                    xs, ys, zs, ks = x[j0:j1], y[j0:j1], z[j0:j1], kind[j0:j1]
                    for q in range(m):
                        dx, dy, dz = xs[q] - px, ys[q] - py, zs[q] - pz
                        r = math.sqrt(dx * dx + dy * dy + dz * dz)
                        place[q] = ks[q] + np.int32(min(r * scale, most))
                    for q in range(m):
                        flat[row + place[q]] += 1
    return 0


@njit(**OPTIONS)
def find_pairs(position, fraction, cell, pbc, low, inverse_span, n_bins, reach, cutoff, first, second, shift, vector):
    """All directed pairs nearer than the cutoff; returns their number, and fills the arrays as far as they reach."""
    n, limit = position.shape[0], first.size
    bins, order = np.empty((n, 3), np.int64), np.empty(n, np.int64)
    start = np.empty(n_bins[0] * n_bins[1] * n_bins[2] + 1, np.int64)
    _sort_into_bins(fraction, low, inverse_span, n_bins, bins, order, start)
    n0, n1, n2 = n_bins
    square, found = cutoff * cutoff, 0
    for i in range(n):
        first0, last0 = _span(fraction[i, 0], low[0], inverse_span[0], n0, reach[0], pbc[0])
        first1, last1 = _span(fraction[i, 1], low[1], inverse_span[1], n1, reach[1], pbc[1])
        first2, last2 = _span(fraction[i, 2], low[2], inverse_span[2], n2, reach[2], pbc[2])
        for c0 in range(first0, last0 + 1):
            s0 = math.floor(c0 / n0)
            for c1 in range(first1, last1 + 1):
                s1 = math.floor(c1 / n1)
                c2 = first2
                while c2 <= last2:
                    s2 = math.floor(c2 / n2)
                    stop = min(last2, s2 * n2 + n2 - 1)
                    line = ((c0 - s0 * n0) * n1 + (c1 - s1 * n1)) * n2 - s2 * n2
                    for a in range(start[line + c2], start[line + stop + 1]):
                        j = order[a]
                        dx = position[j, 0] - position[i, 0] + s0 * cell[0, 0] + s1 * cell[1, 0] + s2 * cell[2, 0]
                        dy = position[j, 1] - position[i, 1] + s0 * cell[0, 1] + s1 * cell[1, 1] + s2 * cell[2, 1]
                        dz = position[j, 2] - position[i, 2] + s0 * cell[0, 2] + s1 * cell[1, 2] + s2 * cell[2, 2]
                        if dx * dx + dy * dy + dz * dz < square and not (i == j and s0 == 0 and s1 == 0 and s2 == 0):
                            if found < limit:
                                first[found], second[found] = i, j
                                shift[found, 0], shift[found, 1], shift[found, 2] = s0, s1, s2
                                vector[found, 0], vector[found, 1], vector[found, 2] = dx, dy, dz
                            found += 1
                    c2 = stop + 1
    return found
