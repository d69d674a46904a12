"""Compiled curves and their derivatives, as `_numpy` has them: line shapes and backgrounds.

numba does not notice that a cached caller is older than what it calls: after a change here or in the other
`_numba_*.py`, touch this file and `_numba.py`.
"""

import math

from numba import njit

from mi_widgets.peaks._engines._numba_doniach import add_doniach, doniach_rows
from mi_widgets.peaks._engines._numba_functions import OPTIONS, exp, faddeeva
from mi_widgets.peaks._engines._numba_tougaard import kernels, scatter, tougaard_rows
from mi_widgets.peaks._shapes import (
    ASYMMETRIC_PSEUDO_VOIGT,
    CONSTANT,
    DONIACH,
    EXPONENTIAL,
    GAUSSIAN,
    LINEAR,
    LORENTZIAN,
    PSEUDO_VOIGT,
    QUADRATIC,
    SHIRLEY,
    TOUGAARD,
)

SQRT_2, SQRT_2LN2 = math.sqrt(2), math.sqrt(2 * math.log(2))
INV_SQRT_PI, TINY = 1 / math.sqrt(math.pi), 1e-100
INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
INV_PI = 1 / math.pi


@njit(**OPTIONS)
def _running_integral(dx, rising, values, out, n):
    s = 0.0
    if rising:
        for i in range(n):
            s += values[i] * dx[i]
            out[i] = s
    else:
        for i in range(n - 1, -1, -1):
            s += values[i] * dx[i]
            out[i] = s


@njit(**OPTIONS)
def _add_background(p, kind, rising, x, dx, ends, f, n, work):
    """Add the background to the sum of peaks in f."""
    scale = 1 / (ends[1] - ends[0])
    if kind == CONSTANT:
        for i in range(n):
            f[i] += p[0]
    elif kind == LINEAR:
        for i in range(n):
            f[i] += p[0] + (p[1] - p[0]) * ((x[i] - ends[0]) * scale)
    elif kind == QUADRATIC:
        for i in range(n):
            t = (x[i] - ends[0]) * scale
            f[i] += p[0] * (1 - t) * (1 - 2 * t) + p[1] * 4 * t * (1 - t) + p[2] * t * (2 * t - 1)
    elif kind == EXPONENTIAL:
        low, high = math.log(max(p[0], TINY)), math.log(max(p[1], TINY))
        for i in range(n):
            f[i] += exp(low + (high - low) * ((x[i] - ends[0]) * scale))
    elif kind == SHIRLEY:
        s = 0.0
        for j in range(n):
            i = j if rising else n - 1 - j
            s += f[i] * dx[i]
            f[i] += p[0] + p[1] * s
    elif kind >= TOUGAARD:
        scatter(work, kernels(x, dx, p, kind, rising, n, work), p[1], rising, f, n)
        for i in range(n):
            f[i] += p[0]


@njit(**OPTIONS)
def model(x, dx, ends, p, shapes, kind, rising, f, n, work):
    """Expected values f(x); `work` is room for the kernels of a Tougaard background."""
    for i in range(n):
        f[i] = 0.0
    at = 0
    for k in range(shapes.size):
        a, mu, g = p[at], p[at + 1], p[at + 2]
        if shapes[k] == GAUSSIAN:
            c, i2 = a * INV_SQRT_2PI / g, -0.5 / (g * g)
            for i in range(n):
                t = x[i] - mu
                f[i] += c * exp(t * t * i2)
            at += 3
        elif shapes[k] == LORENTZIAN:
            c, g2 = a * g * INV_PI, g * g
            for i in range(n):
                t = x[i] - mu
                f[i] += c / (t * t + g2)
            at += 3
        elif shapes[k] == PSEUDO_VOIGT:
            e, s, g2 = p[at + 3], g / SQRT_2LN2, g * g
            cg, cl, i2 = a * (1 - e) * INV_SQRT_2PI / s, a * e * g * INV_PI, -0.5 / (s * s)
            for i in range(n):
                t = x[i] - mu
                t2 = t * t
                f[i] += cg * exp(t2 * i2) + cl / (t2 + g2)
            at += 4
        elif shapes[k] == ASYMMETRIC_PSEUDO_VOIGT:
            e, s, g2 = p[at + 3], g / SQRT_2LN2, g * g
            cg, cl, i2 = a * (1 - e) * INV_SQRT_2PI / s, a * e * g * INV_PI, -0.5 / (s * s)
            low, high = 1 / (1 - p[at + 4]), 1 / (1 + p[at + 4])
            for i in range(n):
                t = x[i] - mu
                t *= low if t < 0 else high
                t2 = t * t
                f[i] += cg * exp(t2 * i2) + cl / (t2 + g2)
            at += 5
        elif shapes[k] == DONIACH:
            add_doniach(x, a, mu, g, p[at + 3], p[at + 4], f, n)
            at += 5
        else:
            c, scale, im = a * INV_SQRT_2PI / g, 1 / (SQRT_2 * g), p[at + 3] / (SQRT_2 * g)
            for i in range(n):
                f[i] += c * faddeeva((x[i] - mu) * scale, im)[0]
            at += 4
    _add_background(p[at:], kind, rising, x, dx, ends, f, n, work)


@njit(**OPTIONS)
def _gaussian_rows(x, a, mu, g, jac, n):
    d_a, d_mu, d_g = jac[0], jac[1], jac[2]
    c, is2 = INV_SQRT_2PI / g, 1 / (g * g)
    for i in range(n):
        t = x[i] - mu
        d_a[i] = c * exp(-0.5 * is2 * t * t)
    for i in range(n):
        t = x[i] - mu
        d_mu[i] = a * is2 * t * d_a[i]
        d_g[i] = a / g * (is2 * t * t - 1) * d_a[i]


@njit(**OPTIONS)
def _lorentzian_rows(x, a, mu, g, jac, n):
    d_a, d_mu, d_g = jac[0], jac[1], jac[2]
    c, g2 = g * INV_PI, g * g
    for i in range(n):
        t = x[i] - mu
        d_a[i] = c / (t * t + g2)
    for i in range(n):
        d_mu[i] = 2 * a / c * (x[i] - mu) * d_a[i] * d_a[i]
        d_g[i] = a * d_a[i] * (1 / g - 2 * math.pi * d_a[i])


@njit(**OPTIONS)
def _pseudo_voigt_rows(x, a, mu, g, e, jac, n):
    d_a, d_mu, d_g, d_e = jac[0], jac[1], jac[2], jac[3]
    s, g2 = g / SQRT_2LN2, g * g
    cg, cl, is2 = INV_SQRT_2PI / s, g * INV_PI, 1 / (s * s)
    for i in range(n):
        t = x[i] - mu
        d_a[i] = cg * exp(-0.5 * is2 * t * t)
    for i in range(n):
        t = x[i] - mu
        d_e[i] = cl / (t * t + g2)
    c1, c2 = (1 - e) * a * is2, 2 * e * a / cl
    for i in range(n):
        lor = d_e[i]
        d_mu[i] = (x[i] - mu) * (c1 * d_a[i] + c2 * lor * lor)
    c1, c2, c3 = (1 - e) * a / g, e * a / g, -2 * math.pi * e * a
    for i in range(n):
        t, lor = x[i] - mu, d_e[i]
        d_g[i] = c1 * d_a[i] * (t * t * is2 - 1) + lor * (c2 + c3 * lor)
    for i in range(n):
        gau, lor = d_a[i], d_e[i]
        d_a[i] = gau + e * (lor - gau)
        d_e[i] = a * (lor - gau)


@njit(**OPTIONS)
def _asymmetric_rows(x, a, mu, g, e, asymmetry, jac, n):
    d_mu, t = jac[1], jac[4]
    low, high = 1 / (1 - asymmetry), 1 / (1 + asymmetry)
    for i in range(n):
        t[i] = (x[i] - mu) * (low if x[i] < mu else high)
    _pseudo_voigt_rows(t, a, 0.0, g, e, jac, n)
    for i in range(n):
        d_mu[i] *= low if x[i] < mu else high
        t[i] = abs(t[i]) * d_mu[i]


@njit(**OPTIONS)
def _voigt_rows(x, a, mu, g, gamma, jac, n):
    d_a, d_mu, d_g, d_gamma = jac[0], jac[1], jac[2], jac[3]
    c, scale, im = INV_SQRT_2PI / g, 1 / (SQRT_2 * g), gamma / (SQRT_2 * g)
    for i in range(n):
        d_a[i], d_gamma[i] = faddeeva((x[i] - mu) * scale, im)
    for i in range(n):
        re, wr, wi = (x[i] - mu) * scale, d_a[i], d_gamma[i]
        # w' = -2 z w + 2i / sqrt(pi)
        sr, si = -2 * (re * wr - im * wi), -2 * (re * wi + im * wr) + 2 * INV_SQRT_PI
        d_a[i] = c * wr
        d_mu[i] = -a * c * scale * sr
        d_g[i] = -a * c / g * (wr + re * sr - im * si)
        d_gamma[i] = -a * c * scale * si


@njit(**OPTIONS)
def _background_rows(p, kind, rising, x, dx, ends, f, jac, at, n, work):
    """Derivatives by the background's parameters, and what the peaks do to a background made from them."""
    scale = 1 / (ends[1] - ends[0])
    if kind in (CONSTANT, SHIRLEY) or kind >= TOUGAARD:
        for i in range(n):
            jac[at, i] = 1.0
    if kind == LINEAR:
        for i in range(n):
            t = (x[i] - ends[0]) * scale
            jac[at, i] = 1 - t
            jac[at + 1, i] = t
    elif kind == QUADRATIC:
        for i in range(n):
            t = (x[i] - ends[0]) * scale
            jac[at, i] = (1 - t) * (1 - 2 * t)
            jac[at + 1, i] = 4 * t * (1 - t)
            jac[at + 2, i] = t * (2 * t - 1)
    elif kind == EXPONENTIAL:
        low, high = max(p[0], TINY), max(p[1], TINY)
        for i in range(n):
            t = (x[i] - ends[0]) * scale
            v = exp((1 - t) * math.log(low) + t * math.log(high))
            jac[at, i] = v * (1 - t) / low
            jac[at + 1, i] = v * t / high
    elif kind == SHIRLEY:
        _running_integral(dx, rising, f, jac[at + 1], n)
        for a in range(at):
            s, row = 0.0, jac[a]
            for j in range(n):
                i = j if rising else n - 1 - j
                s += row[i] * dx[i]
                row[i] += p[1] * s
    elif kind >= TOUGAARD:
        uniform = kernels(x, dx, p, kind, rising, n, work)
        tougaard_rows(work, uniform, p, rising, f, jac, at, n)


@njit(**OPTIONS)
def jacobian(x, dx, ends, p, shapes, kind, rising, f, jac, n, work):
    """Expected values and their derivatives jac[parameter, channel]. Loops are split so that each one vectorises."""
    for i in range(n):
        f[i] = 0.0
    at = 0
    for k in range(shapes.size):
        a, mu, g = p[at], p[at + 1], p[at + 2]
        here, d_a = jac[at:], jac[at]
        if shapes[k] == GAUSSIAN:
            _gaussian_rows(x, a, mu, g, here, n)
            at += 3
        elif shapes[k] == LORENTZIAN:
            _lorentzian_rows(x, a, mu, g, here, n)
            at += 3
        elif shapes[k] == PSEUDO_VOIGT:
            _pseudo_voigt_rows(x, a, mu, g, p[at + 3], here, n)
            at += 4
        elif shapes[k] == ASYMMETRIC_PSEUDO_VOIGT:
            _asymmetric_rows(x, a, mu, g, p[at + 3], p[at + 4], here, n)
            at += 5
        elif shapes[k] == DONIACH:
            doniach_rows(x, a, mu, g, p[at + 3], p[at + 4], here, n)
            at += 5
        else:
            _voigt_rows(x, a, mu, g, p[at + 3], here, n)
            at += 4
        for i in range(n):
            f[i] += a * d_a[i]
    _background_rows(p[at:], kind, rising, x, dx, ends, f, jac, at, n, work)
    if kind < TOUGAARD:  # else f is whole already: the kernels are applied once
        _add_background(p[at:], kind, rising, x, dx, ends, f, n, work)
