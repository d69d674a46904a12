"""Compiled sums over pairs and over reciprocal vectors: energy of each atom, forces, virial."""

import math

import numpy as np
from numba import njit

FAST = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": True}


@njit(**FAST)
def sum_pairs(
    position, kind, start, other, image, shifts, table, inverse_step, cutoff, guard, energy, force, virial, near
):
    """Add the pair terms; `near` is set for atoms with a neighbour within the guard, 2 where two coincide."""
    square, n_table, step = cutoff * cutoff, table.shape[1], 1.0 / inverse_step
    xx = yy = zz = yz = xz = xy = 0.0
    for i in range(position.shape[0]):
        x, y, z, ki = position[i, 0], position[i, 1], position[i, 2], kind[i]
        fx = fy = fz = ei = 0.0
        for p in range(start[i], start[i + 1]):
            j, s = other[p], image[p]
            dx = position[j, 0] - x + shifts[s, 0]
            dy = position[j, 1] - y + shifts[s, 1]
            dz = position[j, 2] - z + shifts[s, 2]
            d2 = dx * dx + dy * dy + dz * dz
            if d2 >= square:
                continue
            r, k = math.sqrt(d2), ki + kind[j]
            at = r * inverse_step
            m = min(int(at), n_table - 2)
            t = at - m
            y0, y1 = table[k, m, 0], table[k, m + 1, 0]
            g0, g1 = table[k, m, 1] * step, table[k, m + 1, 1] * step
            a, b = 2.0 * (y0 - y1) + g0 + g1, -3.0 * (y0 - y1) - 2.0 * g0 - g1
            u = 0.5 * (y0 + t * (g0 + t * (b + t * a)))
            ei += u
            energy[j] += u
            if r < guard[k]:
                mark = 2 if r < 1e-6 else 1
                near[i], near[j] = max(near[i], mark), max(near[j], mark)
                r = max(r, 1e-6)
            f = (g0 + t * (2.0 * b + 3.0 * t * a)) * inverse_step / r
            gx, gy, gz = f * dx, f * dy, f * dz
            fx, fy, fz = fx + gx, fy + gy, fz + gz
            force[j, 0] -= gx
            force[j, 1] -= gy
            force[j, 2] -= gz
            xx, yy, zz = xx + gx * dx, yy + gy * dy, zz + gz * dz
            yz, xz, xy = yz + gy * dz, xz + gx * dz, xy + gx * dy
        energy[i] += ei
        force[i, 0] += fx
        force[i, 1] += fy
        force[i, 2] += fz
    virial[0] += xx
    virial[1] += yy
    virial[2] += zz
    virial[3] += yz
    virial[4] += xz
    virial[5] += xy


@njit(**FAST)
def _phases(position, inverse, axis, cosine, sine):
    """Cosines and sines of all multiples of 2 pi times a fractional coordinate."""
    n = position.shape[0]
    for i in range(n):
        f = position[i, 0] * inverse[0, axis] + position[i, 1] * inverse[1, axis] + position[i, 2] * inverse[2, axis]
        cosine[0, i], sine[0, i] = 1.0, 0.0
        if cosine.shape[0] > 1:
            cosine[1, i], sine[1, i] = math.cos(2 * math.pi * f), math.sin(2 * math.pi * f)
    for k in range(2, cosine.shape[0]):
        for i in range(n):
            cosine[k, i] = cosine[k - 1, i] * cosine[1, i] - sine[k - 1, i] * sine[1, i]
            sine[k, i] = sine[k - 1, i] * cosine[1, i] + cosine[k - 1, i] * sine[1, i]


@njit(**FAST)
def sum_waves(position, strengths, inverse, index, vector, weight, slope, most, energy, force, virial):
    """Add the reciprocal part of Ewald's sums of charges and dispersion (see `_ewald.Waves`)."""
    n = position.shape[0]
    c0, s0 = np.empty((most[0] + 1, n)), np.empty((most[0] + 1, n))
    c1, s1 = np.empty((most[1] + 1, n)), np.empty((most[1] + 1, n))
    c2, s2 = np.empty((most[2] + 1, n)), np.empty((most[2] + 1, n))
    _phases(position, inverse, 0, c0, s0)
    _phases(position, inverse, 1, c1, s1)
    _phases(position, inverse, 2, c2, s2)
    q, d = strengths[:, 0].copy(), strengths[:, 1].copy()
    pr, pi, wr, wi = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    fx, fy, fz, e = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    last0, last1 = -1, 0
    for k in range(index.shape[0]):
        i0, i1, i2 = index[k, 0], index[k, 1], index[k, 2]
        if i0 != last0 or i1 != last1:
            last0, last1 = i0, i1
            ac, a_s, bc, bs = c0[i0], s0[i0], c1[abs(i1)], s1[abs(i1)]
            sign = 1.0 if i1 >= 0 else -1.0
            for i in range(n):
                pr[i] = ac[i] * bc[i] - sign * a_s[i] * bs[i]
                pi[i] = a_s[i] * bc[i] + sign * ac[i] * bs[i]
        cc, cs = c2[abs(i2)], s2[abs(i2)]
        sign = 1.0 if i2 >= 0 else -1.0
        qr = qi = dr = di = 0.0
        for i in range(n):
            a = pr[i] * cc[i] - sign * pi[i] * cs[i]
            b = pi[i] * cc[i] + sign * pr[i] * cs[i]
            wr[i], wi[i] = a, b
            qr += q[i] * a
            qi += q[i] * b
            dr += d[i] * a
            di += d[i] * b
        q2, d2 = qr * qr + qi * qi, dr * dr + di * di
        qr, qi, dr, di = qr * weight[k, 0], qi * weight[k, 0], dr * weight[k, 1], di * weight[k, 1]
        kx, ky, kz = vector[k, 0], vector[k, 1], vector[k, 2]
        for i in range(n):
            a, b = q[i] * qr + d[i] * dr, q[i] * qi + d[i] * di
            f = 2.0 * (wi[i] * a - wr[i] * b)
            fx[i] += f * kx
            fy[i] += f * ky
            fz[i] += f * kz
            e[i] += wr[i] * a + wi[i] * b
        total, fall = weight[k, 0] * q2 + weight[k, 1] * d2, slope[k, 0] * q2 + slope[k, 1] * d2
        virial[0] += fall * kx * kx - total
        virial[1] += fall * ky * ky - total
        virial[2] += fall * kz * kz - total
        virial[3] += fall * ky * kz
        virial[4] += fall * kx * kz
        virial[5] += fall * kx * ky
    for i in range(n):
        energy[i] += e[i]
        force[i, 0] += fx[i]
        force[i, 1] += fy[i]
        force[i, 2] += fz[i]
