"""Compiled background of scattered electrons: see `_numpy_tougaard`."""

import numpy as np
from numba import njit

from mi_widgets.peaks._engines._numba_functions import OPTIONS
from mi_widgets.peaks._shapes import TOUGAARD

EVEN = 1e-7  # of a step: how far channels may stand from an even grid to be taken for one


@njit(**OPTIONS)
def room(kind, n):
    """Room for the cross section over B and its derivatives by C (and D), behind a note of the C and D they are for.

    On an even grid each is one line of 2 n numbers and takes only the first row; memory that is not used costs nothing.
    """
    return np.empty((4, n, 2 * n) if kind >= TOUGAARD else (1, 1, 1))


@njit(**OPTIONS)
def kernels(x, dx, p, kind, rising, n, work):
    """Fill `work` for B, C (and D) behind the level in p; returns whether the channels are on an even grid."""
    along = 4.0 if kind == TOUGAARD else 0.0  # (C + T^2)^2 = (C - T^2)^2 + 4 C T^2: D goes along with C
    c, d = p[2], along * p[2] if kind == TOUGAARD else p[3]
    step, even = (x[n - 1] - x[0]) / (n - 1), True
    for i in range(n):
        even = even and abs(x[i] - x[0] - i * step) < EVEN * step
    note, unit, by_c, by_d = work[0, 0], work[1], work[2], work[3]
    if note[0] == c and note[1] == d:
        return even
    note[0], note[1] = c, d
    for i in range(1 if even else n):
        first, last = (-n, n) if even else ((0, i) if rising else (i + 1, n))
        shift = n if even else 0
        u, by_first, by_second = unit[i], by_c[i], by_d[i]
        for j in range(first, last):
            t, width = (abs(j) * step, step) if even else (abs(x[i] - x[j]), dx[j])
            t2 = t * t
            off = c - t2
            inverse = 1 / (off * off + d * t2)
            value = t * inverse * width
            u[j + shift] = value
            by_first[j + shift] = -(2 * off + along * t2) * inverse * value
            by_second[j + shift] = -t2 * inverse * value
    return even


@njit(inline="always", **OPTIONS)
def _behind(i, rising, n):
    return (0, i) if rising else (i + 1, n)


@njit(**OPTIONS)
def scatter(work, even, b, rising, f, n):
    """Add the scattered electrons to the peaks in f: solves f - B K f = peaks."""
    unit = work[1]
    for j in range(n):
        i = j if rising else n - 1 - j
        first, last = _behind(i, rising, n)
        row, part = (unit[0, n - i + first : n - i + last] if even else unit[i, first:last]), f[first:last]
        s = 0.0
        for k in range(last - first):
            s += row[k] * part[k]
        f[i] += b * s


@njit(**OPTIONS)
def _scatter_four(work, even, b, rising, f0, f1, f2, f3, n):
    # four at a time: each row of the kernel is read once
    unit = work[1]
    for j in range(n):
        i = j if rising else n - 1 - j
        first, last = _behind(i, rising, n)
        row = unit[0, n - i + first : n - i + last] if even else unit[i, first:last]
        g0, g1, g2, g3 = f0[first:last], f1[first:last], f2[first:last], f3[first:last]
        s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
        for k in range(last - first):
            q = row[k]
            s0 += q * g0[k]
            s1 += q * g1[k]
            s2 += q * g2[k]
            s3 += q * g3[k]
        f0[i] += b * s0
        f1[i] += b * s1
        f2[i] += b * s2
        f3[i] += b * s3


@njit(**OPTIONS)
def _apply(kernel, even, rising, factor, f, out, n):
    for i in range(n):
        first, last = _behind(i, rising, n)
        row, part = (kernel[0, n - i + first : n - i + last] if even else kernel[i, first:last]), f[first:last]
        s = 0.0
        for k in range(last - first):
            s += row[k] * part[k]
        out[i] = factor * s


@njit(**OPTIONS)
def tougaard_rows(work, even, p, rising, f, jac, at, n):
    """Turn the peaks in f and their derivatives into what is measured, and fill the rows of B, C (and D)."""
    b, rows = p[1], at + p.size
    scatter(work, even, b, rising, f, n)
    _apply(work[1], even, rising, 1.0, f, jac[at + 1], n)
    _apply(work[2], even, rising, b, f, jac[at + 2], n)
    if p.size > 3:
        _apply(work[3], even, rising, b, f, jac[at + 3], n)
    for i in range(n):
        f[i] += p[0]
        jac[at, i] = 0.0  # the level is not scattered
    a = 0
    while a + 3 < rows:
        _scatter_four(work, even, b, rising, jac[a], jac[a + 1], jac[a + 2], jac[a + 3], n)
        a += 4
    while a < rows:
        scatter(work, even, b, rising, jac[a], n)
        a += 1
    for i in range(n):
        jac[at, i] = 1.0
