"""Compiled search for pairs: atoms sorted into bins along fractional axes, rows of bins scanned without branches.

A row of bins is contiguous in memory, so distances are computed many at a time; images need no special case, as a row
that leaves the cell goes on in the next one with its shift.
"""

import math

import numpy as np
from numba import njit

_HALF = 1 << 20  # images are counted from -_HALF
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
def _near(a, i, x, y, z, start, fraction, cell, pbc, low, inverse_span, n_bins, reach, square, place, image, found):
    """Write where the neighbours of one atom stand in the sorted arrays, and their images, behind those found before.

    Rows are gone through in rising order, so that images of one atom come in the order of their shifts. Returns the
    number found so far, which may be more than there is room for.
    """
    n0, n1, n2 = n_bins
    limit, xi, yi, zi = place.size, x[a], y[a], z[a]
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
                j0, j1 = start[line + c2], start[line + stop + 1]
                c2 = stop + 1
                if found + j1 - j0 > limit:
                    return limit + 1
                # differences first: the way back is then the same number with the other sign
                tx = s0 * cell[0, 0] + s1 * cell[1, 0] + s2 * cell[2, 0]
                ty = s0 * cell[0, 1] + s1 * cell[1, 1] + s2 * cell[2, 1]
                tz = s0 * cell[0, 2] + s1 * cell[1, 2] + s2 * cell[2, 2]
                own = s0 == 0 and s1 == 0 and s2 == 0
                code = ((s0 + _HALF) * 2 * _HALF + s1 + _HALF) * 2 * _HALF + s2 + _HALF
                for q in range(j0, j1):
                    dx, dy, dz = (x[q] - xi) + tx, (y[q] - yi) + ty, (z[q] - zi) + tz
                    place[found] = q
                    image[found] = code
                    found += (dx * dx + dy * dy + dz * dz < square) & ~(own & (q == a))
    return found


@njit(**OPTIONS)
def search(position, fraction, cell, pbc, low, inverse_span, n_bins, reach, cutoff, size):
    """Search for all directed pairs nearer than the cutoff.

    Returns atoms in the order of bins, where the neighbours of each of them stand in that order, their images, and for
    each atom (as numbered outside) where its pairs begin.
    """
    n, square = position.shape[0], cutoff * cutoff
    bins, order = np.empty((n, 3), np.int64), np.empty(n, np.int64)
    start = np.empty(n_bins[0] * n_bins[1] * n_bins[2] + 1, np.int64)
    _sort_into_bins(fraction, low, inverse_span, n_bins, bins, order, start)
    x, y, z = np.empty(n), np.empty(n), np.empty(n)
    for a in range(n):
        x[a], y[a], z[a] = position[order[a], 0], position[order[a], 1], position[order[a], 2]
    place, image = np.empty(size, np.int32), np.empty(size, np.int64)
    ends, number, found = np.empty(n + 1, np.int64), np.zeros(n + 1, np.int64), 0
    ends[0] = 0
    for a in range(n):
        i = order[a]
        while True:
            after = _near(
                a, i, x, y, z, start, fraction, cell, pbc, low, inverse_span, n_bins, reach, square, place,
                image, found,
            )  # fmt: skip
            if after <= place.size:
                break
            more_place, more_image = np.empty(2 * place.size, np.int32), np.empty(2 * place.size, np.int64)
            for k in range(found):
                more_place[k], more_image[k] = place[k], image[k]
            place, image = more_place, more_image
        number[i + 1] = after - found
        found = after
        ends[a + 1] = found
    for i in range(n):
        number[i + 1] += number[i]
    return order, x, y, z, place, image, ends, number


@njit(**OPTIONS)
def write_pairs(order, x, y, z, place, image, ends, number, cell, turns, first, second, shift, vector, distance):
    """Write the pairs that `search` has found, sorted by first atom, second atom and shift."""
    n = order.size
    most = 0
    for a in range(n):
        most = max(most, ends[a + 1] - ends[a])
    keys = np.empty(most, np.int64)
    for a in range(n):
        i, base, m = order[a], ends[a], ends[a + 1] - ends[a]
        for k in range(m):
            keys[k] = (order[place[base + k]] << 32) | k
        _sort(keys, m)
        for k in range(m):
            at, to = base + (keys[k] & 0xFFFFFFFF), number[i] + k
            q, code = place[at], image[at]
            j = keys[k] >> 32
            s2 = code % (2 * _HALF) - _HALF
            s1 = code // (2 * _HALF) % (2 * _HALF) - _HALF
            s0 = code // (4 * _HALF * _HALF) - _HALF
            dx = (x[q] - x[a]) + (s0 * cell[0, 0] + s1 * cell[1, 0] + s2 * cell[2, 0])
            dy = (y[q] - y[a]) + (s0 * cell[0, 1] + s1 * cell[1, 1] + s2 * cell[2, 1])
            dz = (z[q] - z[a]) + (s0 * cell[0, 2] + s1 * cell[1, 2] + s2 * cell[2, 2])
            first[to], second[to] = i, j
            shift[to, 0] = s0 + turns[j, 0] - turns[i, 0]
            shift[to, 1] = s1 + turns[j, 1] - turns[i, 1]
            shift[to, 2] = s2 + turns[j, 2] - turns[i, 2]
            vector[to, 0], vector[to, 1], vector[to, 2] = dx, dy, dz
            distance[to] = math.sqrt(dx * dx + dy * dy + dz * dz)


@njit(**OPTIONS)
def _sort(keys, n):
    """Sort the first n keys, some dozens mostly, by Shell's method; np.sort takes seconds to compile."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(gap, n):
            key, at = keys[k], k
            while at >= gap and keys[at - gap] > key:
                keys[at] = keys[at - gap]
                at -= gap
            keys[at] = key
        gap //= 3
