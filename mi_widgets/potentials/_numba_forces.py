"""Compiled: forces of an energy whose derivatives by symmetry functions are known, nothing stored."""

import math

import numpy as np
from numba import njit

from mi_widgets.potentials._numba_acsf import OPTIONS, _angle, _cut, _near_tables


@njit(**OPTIONS)
def forces(start, n_near, other, vector, distance, species, cutoff, inner, radial, etas, zeta, sign, eta_of, zeta_of,
           n_narrow, block, weights, force, virial):  # fmt: skip
    """Add -J^T weights to `force` and -dE/dstrain to `virial`, for one structure."""
    n2, n4 = radial.shape[0], eta_of.size
    most = max(n_near.max(), 1)
    cut, slope, gauss = np.empty(most), np.empty(most), np.empty((most, etas.size))
    power, change, far = np.empty(zeta.size), np.empty(zeta.size), np.empty(etas.size)
    pull = np.empty((64, 3))
    for i in range(start.size - 1):
        first, last = start[i], start[i + 1]
        if last - first > pull.shape[0]:
            pull = np.empty((2 * (last - first), 3))
        w = weights[i]
        for k in range(first, last):
            r = distance[k]
            f, df = _cut(r, cutoff)
            o = species[other[k]] * n2
            c = 0.0
            for m in range(n2):
                u = r - radial[m, 1]
                c += w[o + m] * math.exp(-radial[m, 0] * u * u) * (df - 2.0 * radial[m, 0] * u * f)
            for x in range(3):
                pull[k - first, x] = c / r * vector[k, x]
        if n4 > 0:
            _near_tables(first, n_near[i], distance, inner, etas, cut, slope, gauss)
        for p in range(n_near[i] if n4 > 0 else 0):
            a = first + p
            ra, ta = distance[a], species[other[a]]
            for q in range(p + 1, n_near[i]):
                b = first + q
                dx, dy, dz = vector[b, 0] - vector[a, 0], vector[b, 1] - vector[a, 1], vector[b, 2] - vector[a, 2]
                square = dx * dx + dy * dy + dz * dz
                narrow = square < inner * inner
                if n_narrow == n4 and not narrow:
                    continue
                rb = distance[b]
                dot = vector[a, 0] * vector[b, 0] + vector[a, 1] * vector[b, 1] + vector[a, 2] * vector[b, 2]
                cosine = dot / (ra * rb)
                _angle(cosine, zeta, sign, power, change)
                both = cut[p] * cut[q]
                o = block[ta, species[other[b]]]
                s = d = v = sw = vw = dw = 0.0  # sums of those with three cutoffs, and of those with two
                fc = dfc = 0.0
                if narrow:
                    rc = math.sqrt(square)
                    fc, dfc = _cut(rc, inner)
                    dfc = both * dfc / rc if rc > 0.0 else 0.0
                    for e in range(etas.size):
                        far[e] = math.exp(-etas[e] * square) * gauss[p, e] * gauss[q, e]
                    for m in range(n_narrow):
                        g = w[o + m] * far[eta_of[m]]
                        s += power[zeta_of[m]] * g
                        d += change[zeta_of[m]] * g
                        v += 2.0 * etas[eta_of[m]] * power[zeta_of[m]] * g
                    d *= both * fc
                    v *= both * fc
                for m in range(n_narrow, n4):
                    g = w[o + m] * gauss[p, eta_of[m]] * gauss[q, eta_of[m]]
                    sw += power[zeta_of[m]] * g
                    dw += change[zeta_of[m]] * g * both
                    vw += 2.0 * etas[eta_of[m]] * power[zeta_of[m]] * g * both
                whole = s * fc + sw
                ca = (d + dw) * (1.0 / rb - cosine / ra) / ra - v - vw + whole * slope[p] * cut[q] / ra
                cb = (d + dw) * (1.0 / ra - cosine / rb) / rb - v - vw + whole * cut[p] * slope[q] / rb
                cc = -(d + dw) / (ra * rb) - v + s * dfc
                pull[p, 0] += ca * vector[a, 0] - cc * dx
                pull[p, 1] += ca * vector[a, 1] - cc * dy
                pull[p, 2] += ca * vector[a, 2] - cc * dz
                pull[q, 0] += cb * vector[b, 0] + cc * dx
                pull[q, 1] += cb * vector[b, 1] + cc * dy
                pull[q, 2] += cb * vector[b, 2] + cc * dz
        for k in range(first, last):
            j = other[k]
            for x in range(3):
                here = pull[k - first, x]
                force[j, x] -= here
                force[i, x] += here
                for y in range(3):
                    virial[y, x] -= vector[k, y] * here


@njit(**OPTIONS)
def renew(start, other, shift, position, cutoff, inner):
    """Neighbours within the cutoff out of a longer list, those within the inner cutoff first."""
    n = start.size - 1
    begin, n_near = np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    others, vectors, distances = np.empty_like(other), np.empty_like(shift), np.empty(other.size)
    far = np.empty(other.size, np.int64)
    at = 0
    for i in range(n):
        n_far = 0
        for k in range(start[i], start[i + 1]):
            j = other[k]
            dx = position[j, 0] - position[i, 0] + shift[k, 0]
            dy = position[j, 1] - position[i, 1] + shift[k, 1]
            dz = position[j, 2] - position[i, 2] + shift[k, 2]
            square = dx * dx + dy * dy + dz * dz
            if square >= cutoff * cutoff:
                continue
            if square >= inner * inner:
                far[n_far] = k
                n_far += 1
                continue
            others[at], distances[at] = j, math.sqrt(square)
            vectors[at, 0], vectors[at, 1], vectors[at, 2] = dx, dy, dz
            at += 1
        n_near[i] = at - begin[i]
        for f in range(n_far):
            k = far[f]
            j = other[k]
            dx = position[j, 0] - position[i, 0] + shift[k, 0]
            dy = position[j, 1] - position[i, 1] + shift[k, 1]
            dz = position[j, 2] - position[i, 2] + shift[k, 2]
            others[at], distances[at] = j, math.sqrt(dx * dx + dy * dy + dz * dz)
            vectors[at, 0], vectors[at, 1], vectors[at, 2] = dx, dy, dz
            at += 1
        begin[i + 1] = at
    return begin, n_near, others[:at], vectors[:at], distances[:at]
