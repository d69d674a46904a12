"""Compiled kernels of symmetry functions: neighbours, values, stored derivatives and the products with them."""

import math

import numpy as np
from numba import njit

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"nsz", "arcp", "contract", "reassoc"}}


@njit(cache=True, nogil=True, error_model="numpy")
def near(base, parent, shift, cutoff):
    """Neighbours of each atom among copies; the first n copies are the atoms themselves."""
    n, m = base.shape[0], parent.size
    x, y, z = np.empty(m), np.empty(m), np.empty(m)
    for q in range(m):
        p = parent[q]
        x[q], y[q], z[q] = base[p, 0] + shift[q, 0], base[p, 1] + shift[q, 1], base[p, 2] + shift[q, 2]
    square = np.empty(m)
    start = np.zeros(n + 1, np.int64)
    size = 64 * n + 64
    copy = np.empty(size, np.int32)
    found, limit = 0, cutoff * cutoff
    for i in range(n):
        xi, yi, zi = base[i, 0], base[i, 1], base[i, 2]
        for q in range(m):
            dx, dy, dz = x[q] - xi, y[q] - yi, z[q] - zi
            square[q] = dx * dx + dy * dy + dz * dz
        if found + m > size:
            size = 2 * size + m
            more = np.empty(size, np.int32)
            more[:found] = copy[:found]
            copy = more
        for q in range(m):
            copy[found] = q
            found += (square[q] < limit) & (q != i)
        start[i + 1] = found
    other, vector, distance = np.empty(found, np.int32), np.empty((found, 3)), np.empty(found)
    for i in range(n):
        for k in range(start[i], start[i + 1]):
            q = copy[k]
            j = parent[q]
            dx = (base[j, 0] - base[i, 0]) + shift[q, 0]
            dy = (base[j, 1] - base[i, 1]) + shift[q, 1]
            dz = (base[j, 2] - base[i, 2]) + shift[q, 2]
            other[k] = j
            vector[k, 0], vector[k, 1], vector[k, 2] = dx, dy, dz
            distance[k] = math.sqrt(dx * dx + dy * dy + dz * dz)
    return start, other, vector, distance


@njit(cache=True, nogil=True, error_model="numpy")
def near_first(start, other, vector, distance, inner):
    """Sort the neighbours of each atom so that those within the inner cutoff come first; how many these are."""
    n = start.size - 1
    n_near = np.zeros(n, np.int64)
    others, vectors, distances = np.empty_like(other), np.empty_like(vector), np.empty_like(distance)
    for i in range(n):
        at = start[i]
        for turn in range(2):
            for k in range(start[i], start[i + 1]):
                if (distance[k] < inner) == (turn == 0):
                    others[at], distances[at] = other[k], distance[k]
                    vectors[at, 0], vectors[at, 1], vectors[at, 2] = vector[k, 0], vector[k, 1], vector[k, 2]
                    at += 1
            if turn == 0:
                n_near[i] = at - start[i]
    return others, vectors, distances, n_near


@njit(**OPTIONS)
def _power(x, zeta):
    """x**zeta for zeta >= 1; whole numbers by squaring."""
    whole = int(zeta)
    if whole != zeta or whole > 256:
        return x**zeta
    result, base = 1.0, x
    while whole > 0:
        if whole & 1:
            result *= base
        base *= base
        whole >>= 1
    return result


@njit(**OPTIONS)
def _cut(r, cutoff):
    x = math.pi * r / cutoff
    return 0.5 * (math.cos(x) + 1.0), -0.5 * math.pi / cutoff * math.sin(x)


@njit(**OPTIONS)
def _near_tables(first, n_near, distance, inner, etas, cut, slope, gauss):
    """Cutoff function, its slope and Gaussians of the neighbours inside the inner cutoff."""
    for p in range(n_near):
        r = distance[first + p]
        cut[p], slope[p] = _cut(r, inner)
        for e in range(etas.size):
            gauss[p, e] = math.exp(-etas[e] * r * r)


@njit(**OPTIONS)
def _angle(cosine, zeta, sign, power, change):
    """2 ((1 + lambda cos) / 2)^zeta and its derivative by the cosine."""
    for z in range(zeta.size):
        x = max(0.5 * (1.0 + sign[z] * cosine), 0.0)
        below = _power(x, zeta[z] - 1.0)
        power[z] = 2.0 * below * x
        change[z] = zeta[z] * sign[z] * below


@njit(**OPTIONS)
def values(start, n_near, other, vector, distance, species, _n_species, cutoff, inner, radial, etas, zeta, sign, eta_of,
           zeta_of, n_narrow, block, out):  # fmt: skip
    """Values of all functions of the atoms of one structure."""
    n2, n4 = radial.shape[0], eta_of.size
    most = max(n_near.max(), 1)
    cut, slope, gauss = np.empty(most), np.empty(most), np.empty((most, etas.size))
    power, change, far = np.empty(zeta.size), np.empty(zeta.size), np.empty(etas.size)
    for i in range(start.size - 1):
        first = start[i]
        for k in range(first, start[i + 1]):
            r = distance[k]
            f, _ = _cut(r, cutoff)
            o = species[other[k]] * n2
            for m in range(n2):
                u = r - radial[m, 1]
                out[i, o + m] += math.exp(-radial[m, 0] * u * u) * f
        if n4 == 0:
            continue
        _near_tables(first, n_near[i], distance, inner, etas, cut, slope, gauss)
        for p in range(n_near[i]):
            a = first + p
            for q in range(p + 1, n_near[i]):
                b = first + q
                dx, dy, dz = vector[b, 0] - vector[a, 0], vector[b, 1] - vector[a, 1], vector[b, 2] - vector[a, 2]
                square = dx * dx + dy * dy + dz * dz
                narrow = square < inner * inner
                if n_narrow == n4 and not narrow:
                    continue
                dot = vector[a, 0] * vector[b, 0] + vector[a, 1] * vector[b, 1] + vector[a, 2] * vector[b, 2]
                _angle(dot / (distance[a] * distance[b]), zeta, sign, power, change)
                o = block[species[other[a]], species[other[b]]]
                both = cut[p] * cut[q]
                if narrow:
                    third = both * _cut(math.sqrt(square), inner)[0]
                    for e in range(etas.size):
                        far[e] = math.exp(-etas[e] * square) * gauss[p, e] * gauss[q, e] * third
                    for m in range(n_narrow):
                        out[i, o + m] += power[zeta_of[m]] * far[eta_of[m]]
                for m in range(n_narrow, n4):
                    out[i, o + m] += power[zeta_of[m]] * gauss[p, eta_of[m]] * gauss[q, eta_of[m]] * both


@njit(**OPTIONS)
def derivatives(start, n_near, other, vector, distance, species, n_species, cutoff, inner, radial, etas, zeta, sign,
                eta_of, zeta_of, n_narrow, block, out, near_start, by_pair, by_angle):  # fmt: skip
    """Values, and their derivatives by the vectors to the neighbours, stored where they are not zero.

    by_pair (n_pairs, n_radial) holds dG/dr / r; by_angle (n_near, n_species, 3, n_angular) the vectors of the functions
    that hold the species of the neighbour and one other.
    """
    n2, n4 = radial.shape[0], eta_of.size
    most = max(n_near.max(), 1)
    cut, slope, gauss = np.empty(most), np.empty(most), np.empty((most, etas.size))
    power, change, far = np.empty(zeta.size), np.empty(zeta.size), np.empty(etas.size)
    for i in range(start.size - 1):
        first = start[i]
        for k in range(first, start[i + 1]):
            r = distance[k]
            f, df = _cut(r, cutoff)
            o = species[other[k]] * n2
            for m in range(n2):
                u = r - radial[m, 1]
                e = math.exp(-radial[m, 0] * u * u)
                out[i, o + m] += e * f
                by_pair[k, m] = e * (df - 2.0 * radial[m, 0] * u * f) / r
        if n4 == 0:
            continue
        mine = np.zeros((n_near[i], n_species, 3, n4))
        _near_tables(first, n_near[i], distance, inner, etas, cut, slope, gauss)
        for p in range(n_near[i]):
            a = first + p
            ra, ta = distance[a], species[other[a]]
            for q in range(p + 1, n_near[i]):
                b = first + q
                rb, tb = distance[b], species[other[b]]
                dx, dy, dz = vector[b, 0] - vector[a, 0], vector[b, 1] - vector[a, 1], vector[b, 2] - vector[a, 2]
                square = dx * dx + dy * dy + dz * dz
                narrow = square < inner * inner
                if n_narrow == n4 and not narrow:
                    continue
                dot = vector[a, 0] * vector[b, 0] + vector[a, 1] * vector[b, 1] + vector[a, 2] * vector[b, 2]
                cosine = dot / (ra * rb)
                _angle(cosine, zeta, sign, power, change)
                turn_a, turn_b = (1.0 / rb - cosine / ra) / ra, (1.0 / ra - cosine / rb) / rb
                turn_c = -1.0 / (ra * rb)
                both = cut[p] * cut[q]
                slope_a, slope_b = slope[p] * cut[q] / ra, cut[p] * slope[q] / rb
                o = block[ta, tb]
                at_p, at_q = mine[p, tb], mine[q, ta]
                if narrow:
                    rc = math.sqrt(square)
                    fc, dfc = _cut(rc, inner)
                    dfc = both * dfc / rc if rc > 0.0 else 0.0
                    for e in range(etas.size):
                        far[e] = math.exp(-etas[e] * square) * gauss[p, e] * gauss[q, e]
                    for m in range(n_narrow):
                        eta2 = 2.0 * etas[eta_of[m]]
                        g = far[eta_of[m]]
                        s = power[zeta_of[m]] * g
                        v, d = s * both * fc, change[zeta_of[m]] * g * both * fc
                        out[i, o + m] += v
                        ca = d * turn_a - eta2 * v + s * slope_a * fc
                        cb = d * turn_b - eta2 * v + s * slope_b * fc
                        cc = d * turn_c - eta2 * v + s * dfc
                        at_p[0, m] += ca * vector[a, 0] - cc * dx
                        at_p[1, m] += ca * vector[a, 1] - cc * dy
                        at_p[2, m] += ca * vector[a, 2] - cc * dz
                        at_q[0, m] += cb * vector[b, 0] + cc * dx
                        at_q[1, m] += cb * vector[b, 1] + cc * dy
                        at_q[2, m] += cb * vector[b, 2] + cc * dz
                for m in range(n_narrow, n4):
                    eta2 = 2.0 * etas[eta_of[m]]
                    g = gauss[p, eta_of[m]] * gauss[q, eta_of[m]]
                    s = power[zeta_of[m]] * g
                    v, d = s * both, change[zeta_of[m]] * g * both
                    out[i, o + m] += v
                    ca = d * turn_a - eta2 * v + s * slope_a
                    cb = d * turn_b - eta2 * v + s * slope_b
                    cc = d * turn_c
                    at_p[0, m] += ca * vector[a, 0] - cc * dx
                    at_p[1, m] += ca * vector[a, 1] - cc * dy
                    at_p[2, m] += ca * vector[a, 2] - cc * dz
                    at_q[0, m] += cb * vector[b, 0] + cc * dx
                    at_q[1, m] += cb * vector[b, 1] + cc * dy
                    at_q[2, m] += cb * vector[b, 2] + cc * dz
        for p in range(n_near[i]):
            by_angle[near_start[i] + p] = mine[p]


@njit(**OPTIONS)
def pull(frames, offsets, start, near_start, other, species, vector, by_pair, by_angle, block, weights, to, forces,
         virial):  # fmt: skip
    """Forces and virials: -J^T weights."""
    n2, n_species, n4 = by_pair.shape[1], by_angle.shape[1], by_angle.shape[3]
    for s in range(frames.size):
        base, home = offsets[frames[s]], to[s]
        for i in range(base, offsets[frames[s] + 1]):
            w, near, centre = weights[home + i - base], near_start[i], forces[home + i - base]
            for k in range(start[i], start[i + 1]):
                j = other[k]
                t = species[base + j]
                c = np.float32(0.0)
                for m in range(n2):
                    c += w[t * n2 + m] * by_pair[k, m]
                vx, vy, vz = c * vector[k, 0], c * vector[k, 1], c * vector[k, 2]
                if near < near_start[i + 1]:
                    for b in range(n_species):
                        o = block[t, b]
                        for m in range(n4):
                            vx += w[o + m] * by_angle[near, b, 0, m]
                            vy += w[o + m] * by_angle[near, b, 1, m]
                            vz += w[o + m] * by_angle[near, b, 2, m]
                    near += 1
                forces[home + j, 0] -= vx
                forces[home + j, 1] -= vy
                forces[home + j, 2] -= vz
                centre[0] += vx
                centre[1] += vy
                centre[2] += vz
                for a in range(3):
                    virial[s, a, 0] -= vector[k, a] * vx
                    virial[s, a, 1] -= vector[k, a] * vy
                    virial[s, a, 2] -= vector[k, a] * vz


@njit(**OPTIONS)
def push(frames, offsets, start, near_start, other, species, by_pair, by_angle, block, vector, moves, to, out):
    """Directional derivatives of the features: J moves."""
    n2, n_species, n4 = by_pair.shape[1], by_angle.shape[1], by_angle.shape[3]
    for s in range(frames.size):
        base, home = offsets[frames[s]], to[s]
        for i in range(base, offsets[frames[s] + 1]):
            mine, near, row = moves[home + i - base], near_start[i], out[home + i - base]
            for k in range(start[i], start[i + 1]):
                j = other[k]
                t = species[base + j]
                ux, uy, uz = moves[home + j, 0] - mine[0], moves[home + j, 1] - mine[1], moves[home + j, 2] - mine[2]
                c = ux * vector[k, 0] + uy * vector[k, 1] + uz * vector[k, 2]
                for m in range(n2):
                    row[t * n2 + m] += c * by_pair[k, m]
                if near < near_start[i + 1]:
                    for b in range(n_species):
                        o = block[t, b]
                        for m in range(n4):
                            row[o + m] += ux * by_angle[near, b, 0, m] + uy * by_angle[near, b, 1, m]
                            row[o + m] += uz * by_angle[near, b, 2, m]
                    near += 1
