"""Compiled curves and their derivatives, as `_numpy` has them: line shapes, backgrounds, and the functions they need.

numba does not notice that a cached caller is older than what it calls: after a change here, touch `_numba.py`.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from mi_widgets.peaks._shapes import (
    CONSTANT,
    EXPONENTIAL,
    GAUSSIAN,
    LINEAR,
    LORENTZIAN,
    PSEUDO_VOIGT,
    QUADRATIC,
    SHIRLEY,
)

# error_model="numpy": the check for division by zero would keep LLVM from vectorising the loops over channels.
OPTIONS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "cache": True, "nogil": True}
SQRT_2, SQRT_2LN2 = math.sqrt(2), math.sqrt(2 * math.log(2))
INV_SQRT_PI, TINY = 1 / math.sqrt(math.pi), 1e-100
INV_SQRT_2PI = 1 / math.sqrt(2 * math.pi)
INV_PI = 1 / math.pi
LOG2_E, LN2_HIGH, LN2_LOW = 1 / math.log(2), 6.93147180369123816490e-01, 1.90821492927058770002e-10


@intrinsic
def _as_float(_context: Any, _bits: Any) -> Any:  # pragma: no cover - compiled
    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@intrinsic
def as_bits(_context: Any, _value: Any) -> Any:  # pragma: no cover - compiled
    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@njit(inline="always", **OPTIONS)
def _exp(x):
    # PyPI's llvmlite has no vector maths library: a polynomial on |r| < ln2/2 vectorises, libm's exp does not.
    x = max(x, -300.0)
    n = math.floor(x * LOG2_E + 0.5)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    p = 1.0 / 39916800
    p = p * r + 1.0 / 3628800
    p = p * r + 1.0 / 362880
    p = p * r + 1.0 / 40320
    p = p * r + 1.0 / 5040
    p = p * r + 1.0 / 720
    p = p * r + 1.0 / 120
    p = p * r + 1.0 / 24
    p = p * r + 1.0 / 6
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    return p * _as_float((np.int64(n) + 1023) << 52)


@njit(inline="always", **OPTIONS)
def log(x):
    bits = as_bits(x)
    k = (bits - 0x3FE6A09E667F3BCD) >> 52
    m = _as_float(bits - (k << 52))
    z = (m - 1.0) / (m + 1.0)
    w = z * z
    p = 2.0 / 17
    p = p * w + 2.0 / 15
    p = p * w + 2.0 / 13
    p = p * w + 2.0 / 11
    p = p * w + 2.0 / 9
    p = p * w + 2.0 / 7
    p = p * w + 2.0 / 5
    p = p * w + 2.0 / 3
    p = p * w + 2.0
    return z * p + k * 0.6931471805599453


# D. Weideman (1994), doi:10.1137/0731077: the Faddeeva function as a polynomial, right to 1e-12 with 40 terms
N_FADDEEVA = 40
L_FADDEEVA = math.sqrt(N_FADDEEVA / math.sqrt(2))


def _faddeeva_coefficients() -> np.ndarray:
    m = 2 * N_FADDEEVA
    theta = np.arange(-m + 1, m) * np.pi / m
    t = L_FADDEEVA * np.tan(theta / 2)
    values = np.concatenate([[0.0], np.exp(-(t**2)) * (L_FADDEEVA**2 + t**2)])
    return np.ascontiguousarray(np.fft.fft(np.fft.fftshift(values)).real[1 : N_FADDEEVA + 1][::-1] / (2 * m))


FADDEEVA = _faddeeva_coefficients()


@njit(inline="always", **OPTIONS)
def _faddeeva(re, im):
    """Real and imaginary part of w(re + i im), im >= 0."""
    # (L + iz) / (L - iz), iz = -im + i re
    den = (L_FADDEEVA + im) * (L_FADDEEVA + im) + re * re
    zr = ((L_FADDEEVA - im) * (L_FADDEEVA + im) - re * re) / den
    zi = 2 * L_FADDEEVA * re / den
    pr, pi = FADDEEVA[0], 0.0
    for k in range(1, N_FADDEEVA):
        pr, pi = pr * zr - pi * zi + FADDEEVA[k], pr * zi + pi * zr
    # 1 / (L - iz) = (L + im + i re) / den
    ir, ii = (L_FADDEEVA + im) / den, re / den
    qr, qi = ir * ir - ii * ii, 2 * ir * ii
    return 2 * (pr * qr - pi * qi) + INV_SQRT_PI * ir, 2 * (pr * qi + pi * qr) + INV_SQRT_PI * ii


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
def _add_background(p, kind, rising, x, dx, ends, f, n):
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
            f[i] += _exp(low + (high - low) * ((x[i] - ends[0]) * scale))
    elif kind == SHIRLEY:
        s = 0.0
        for j in range(n):
            i = j if rising else n - 1 - j
            s += f[i] * dx[i]
            f[i] += p[0] + p[1] * s


@njit(**OPTIONS)
def model(x, dx, ends, p, shapes, kind, rising, f, n):
    """Expected values f(x)."""
    for i in range(n):
        f[i] = 0.0
    at = 0
    for k in range(shapes.size):
        a, mu, g = p[at], p[at + 1], p[at + 2]
        if shapes[k] == GAUSSIAN:
            c, i2 = a * INV_SQRT_2PI / g, -0.5 / (g * g)
            for i in range(n):
                t = x[i] - mu
                f[i] += c * _exp(t * t * i2)
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
                f[i] += cg * _exp(t2 * i2) + cl / (t2 + g2)
            at += 4
        else:
            c, scale, im = a * INV_SQRT_2PI / g, 1 / (SQRT_2 * g), p[at + 3] / (SQRT_2 * g)
            for i in range(n):
                f[i] += c * _faddeeva((x[i] - mu) * scale, im)[0]
            at += 4
    _add_background(p[at:], kind, rising, x, dx, ends, f, n)


@njit(**OPTIONS)
def _gaussian_rows(x, a, mu, g, jac, n):
    d_a, d_mu, d_g = jac[0], jac[1], jac[2]
    c, is2 = INV_SQRT_2PI / g, 1 / (g * g)
    for i in range(n):
        t = x[i] - mu
        d_a[i] = c * _exp(-0.5 * is2 * t * t)
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
        d_a[i] = cg * _exp(-0.5 * is2 * t * t)
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
def _voigt_rows(x, a, mu, g, gamma, jac, n):
    d_a, d_mu, d_g, d_gamma = jac[0], jac[1], jac[2], jac[3]
    c, scale, im = INV_SQRT_2PI / g, 1 / (SQRT_2 * g), gamma / (SQRT_2 * g)
    for i in range(n):
        d_a[i], d_gamma[i] = _faddeeva((x[i] - mu) * scale, im)
    for i in range(n):
        re, wr, wi = (x[i] - mu) * scale, d_a[i], d_gamma[i]
        # w' = -2 z w + 2i / sqrt(pi)
        sr, si = -2 * (re * wr - im * wi), -2 * (re * wi + im * wr) + 2 * INV_SQRT_PI
        d_a[i] = c * wr
        d_mu[i] = -a * c * scale * sr
        d_g[i] = -a * c / g * (wr + re * sr - im * si)
        d_gamma[i] = -a * c * scale * si


@njit(**OPTIONS)
def _background_rows(p, kind, rising, x, dx, ends, f, jac, at, n):
    """Derivatives by the background's parameters, and what the peaks do to a background made from them."""
    scale = 1 / (ends[1] - ends[0])
    if kind in (CONSTANT, SHIRLEY):
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
            v = _exp((1 - t) * math.log(low) + t * math.log(high))
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


@njit(**OPTIONS)
def jacobian(x, dx, ends, p, shapes, kind, rising, f, jac, n):
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
        else:
            _voigt_rows(x, a, mu, g, p[at + 3], here, n)
            at += 4
        for i in range(n):
            f[i] += a * d_a[i]
    _background_rows(p[at:], kind, rising, x, dx, ends, f, jac, at, n)
    _add_background(p[at:], kind, rising, x, dx, ends, f, n)
