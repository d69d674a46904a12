"""The compiled engine: one spectrum at a time by Levenberg-Marquardt, everything it touches held in L1 cache.

The steps are those of `_numpy`, so that both give the same numbers.
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
def _as_bits(_context: Any, _value: Any) -> Any:  # pragma: no cover - compiled
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
def _log(x):
    bits = _as_bits(x)
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
def _model(x, dx, ends, p, shapes, kind, rising, f, n):
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
def _jacobian(x, dx, ends, p, shapes, kind, rising, f, jac, n):
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


@njit(**OPTIONS)
def _cost(y, f, w, n, poisson, floor):
    """Half the deviance, up to a constant of the data."""
    total = 0.0
    if poisson:
        for i in range(n):
            v = max(f[i], floor)
            total += v - y[i] * _log(v)
    else:
        for i in range(n):
            r = y[i] - f[i]
            total += 0.5 * w[i] * r * r
    return total


@njit(**OPTIONS)
def _normal(y, f, w, jac, hess, grad, u, r, n, poisson, floor):
    """Gradient, and the lower triangle of the expected Hessian (Fisher information) of the cost."""
    if poisson:
        for i in range(n):
            u[i] = 1 / max(f[i], floor)
        for i in range(n):
            r[i] = 1 - y[i] * u[i]
    else:
        for i in range(n):
            u[i] = w[i]
        for i in range(n):
            r[i] = (f[i] - y[i]) * w[i]
    for a in range(grad.size):
        row, s = jac[a], 0.0
        for i in range(n):
            s += row[i] * r[i]
        grad[a] = s
    for a in range(grad.size):
        row = jac[a]
        for i in range(n):
            r[i] = row[i] * u[i]
        b = 0
        while b + 3 <= a:  # four at a time: each weighted row is read once
            r0, r1, r2, r3 = jac[b], jac[b + 1], jac[b + 2], jac[b + 3]
            s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
            for i in range(n):
                q = r[i]
                s0 += q * r0[i]
                s1 += q * r1[i]
                s2 += q * r2[i]
                s3 += q * r3[i]
            hess[a, b], hess[a, b + 1], hess[a, b + 2], hess[a, b + 3] = s0, s1, s2, s3
            b += 4
        while b <= a:
            row, s = jac[b], 0.0
            for i in range(n):
                s += r[i] * row[i]
            hess[a, b] = s
            b += 1


@njit(**OPTIONS)
def _factor(hess, damping, skip, chol):
    """Cholesky factor of H + damping diag H over the parameters not skipped; False if it is not positive definite."""
    for a in range(skip.size):
        for b in range(a + 1):
            s = hess[a, b]
            if a == b:
                s = 1.0 if skip[a] else s * (1 + damping) + 1e-300
            elif skip[a] or skip[b]:
                s = 0.0
            for c in range(b):
                s -= chol[a, c] * chol[b, c]
            if a == b:
                if s <= 0.0:
                    return False
                chol[a, a] = math.sqrt(s)
            else:
                chol[a, b] = s / chol[b, b]
    return True


@njit(**OPTIONS)
def _substitute(chol, rhs, skip, step):
    """Solve (chol chol^T) step = -rhs."""
    n = rhs.size
    for a in range(n):
        s = 0.0 if skip[a] else -rhs[a]
        for c in range(a):
            s -= chol[a, c] * step[c]
        step[a] = s / chol[a, a]
    for a in range(n - 1, -1, -1):
        s = step[a]
        for c in range(a + 1, n):
            s -= chol[c, a] * step[c]
        step[a] = s / chol[a, a]


@njit(**OPTIONS)
def _bounded_step(hess, grad, damping, p, low, high, skip, fixed, shift, rhs, chol, step):
    """Damped step inside the box: what would leave it is put on its bound and the rest is solved again."""
    n = p.size
    for a in range(n):
        skip[a] = (p[a] <= low[a] and grad[a] > 0) or (p[a] >= high[a] and grad[a] < 0) or hess[a, a] <= 1e-30
        rhs[a], step[a], shift[a], fixed[a] = grad[a], 0.0, 0.0, False
    for inner in range(4):
        if inner > 0:
            for a in range(n):
                if not skip[a]:
                    s = grad[a]
                    for b in range(n):
                        if fixed[b]:
                            s += (hess[a, b] if a >= b else hess[b, a]) * shift[b]
                    rhs[a] = s
        if not _factor(hess, damping, skip, chol):
            return False
        _substitute(chol, rhs, skip, step)
        again = False
        for a in range(n):
            if not skip[a]:
                v = p[a] + step[a]
                if v < low[a] or v > high[a]:
                    shift[a] = (low[a] if v < low[a] else high[a]) - p[a]
                    fixed[a], skip[a], again = True, True, True
        if not again:
            break
    for a in range(n):
        d = shift[a] if fixed[a] else (0.0 if skip[a] else step[a])
        step[a] = min(max(p[a] + d, low[a]), high[a]) - p[a]
    return True


@njit(**OPTIONS)
def _covariance(hess, skip, chol, step, rhs, cov):
    """Inverse of the Fisher information over the parameters not skipped; NaN rows for the others."""
    n = rhs.size
    if not _told_apart(hess, skip, chol):
        return False
    _factor(hess, 0.0, skip, chol)
    for a in range(n):
        for b in range(n):
            rhs[b] = 0.0
        rhs[a] = -1.0
        _substitute(chol, rhs, skip, step)
        for b in range(n):
            cov[b, a] = math.nan if skip[a] or skip[b] else step[b]
    return True


@njit(**OPTIONS)
def _told_apart(hess, skip, chol):
    # Cholesky of the correlation form: a pivot near zero means that parameters cannot be told apart.
    n = skip.size
    for a in range(n):
        for b in range(a + 1):
            s = 1.0 if a == b else 0.0
            if a != b and not (skip[a] or skip[b]):
                s = hess[a, b] / math.sqrt(hess[a, a] * hess[b, b])
            for c in range(b):
                s -= chol[a, c] * chol[b, c]
            if a == b:
                if s <= 1e-11:
                    return False
                chol[a, a] = math.sqrt(s)
            else:
                chol[a, b] = s / chol[b, b]
    return True


@njit(**OPTIONS)
def _expand(q, slot, factor, offset, p):
    for a in range(p.size):
        p[a] = offset[a] if slot[a] < 0 else factor[a] * q[slot[a]] + offset[a]


@njit(**OPTIONS)
def _pull_back(full, slot, factor, jac, n):
    """Derivatives by the free parameters from those by all."""
    for a in range(jac.shape[0]):
        for i in range(n):
            jac[a, i] = 0.0
    for a in range(slot.size):
        if slot[a] >= 0:
            row, source, c = jac[slot[a]], full[a], factor[a]
            for i in range(n):
                row[i] += c * source[i]


@njit(**OPTIONS)
def _step_widths(x, dx, n):
    for i in range(n):
        dx[i] = 0.5 * (x[min(i + 1, n - 1)] - x[max(i - 1, 0)])
    dx[0], dx[n - 1] = x[1] - x[0], x[n - 1] - x[n - 2]


@njit(**OPTIONS)
def fit_rows(
    x, ys, ws, qs, low, high, slot, factor, offset, shapes, kind, rising, poisson, max_iter, tol, damping0,
    cost, n_iter, cov, converged,
):  # fmt: skip
    """Fit spectra one by one, in place; see `mi_widgets.peaks._engine` for the arguments."""
    n_all, n, n_full = x.size, low.size, slot.size
    tied = n < n_full
    full, p_full, dx = np.empty((n_full, n_all)), np.empty(n_full), np.empty(n_all)
    f, f_new, u, r = np.empty(n_all), np.empty(n_all), np.empty(n_all), np.empty(n_all)
    xs, y, w, ends = np.empty(n_all), np.empty(n_all), np.empty(n_all), np.array([x[0], x[-1]])
    jac, hess, chol = np.empty((n, n_all)) if tied else full, np.empty((n, n)), np.empty((n, n))
    grad, rhs, step, shift, trial = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    skip, fixed = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for row in range(qs.shape[0]):
        m, total, p = 0, 0.0, qs[row]
        for i in range(n_all):
            # compared as bits: fastmath may assume that NaN does not exist
            if (_as_bits(ys[row, i]) & 0x7FF0000000000000) != 0x7FF0000000000000:
                xs[m], y[m], w[m] = x[i], ys[row, i], ws[row % ws.shape[0], i % ws.shape[1]]
                total += abs(ys[row, i])
                m += 1
        for a in range(n):
            p[a] = min(max(p[a], low[a]), high[a])
        floor, lam, nu, small, need, ok = 1e-4 * total / m + 1e-12, damping0, 2.0, 0, True, False
        _step_widths(xs, dx, m)
        _expand(p, slot, factor, offset, p_full)
        _jacobian(xs, dx, ends, p_full, shapes, kind, rising, f, full, m)
        if tied:
            _pull_back(full, slot, factor, jac, m)
        best, it = _cost(y, f, w, m, poisson, floor), 0
        while it < max_iter:
            it += 1
            if need:
                _normal(y, f, w, jac, hess, grad, u, r, m, poisson, floor)
                need = False
            if not _bounded_step(hess, grad, lam, p, low, high, skip, fixed, shift, rhs, chol, step):
                lam = max(lam, 1e-6) * 10
                if lam > 1e8:
                    break
                continue
            gain = 0.0
            for a in range(n):
                s = 0.0
                for b in range(n):
                    s += (hess[a, b] if a >= b else hess[b, a]) * step[b]
                gain -= step[a] * (grad[a] + 0.5 * s)
            if gain < tol:
                if lam <= 1e-2 or lam > 1e7 or small > 6:
                    # the last step is taken unseen: to second order it lowers the cost by `gain`
                    for a in range(n):
                        p[a] += step[a]
                    best -= gain
                    ok = True
                    break
                lam *= 0.05
                small += 1
                continue
            for a in range(n):
                trial[a] = min(max(p[a] + step[a], low[a]), high[a])
            _expand(trial, slot, factor, offset, p_full)
            _model(xs, dx, ends, p_full, shapes, kind, rising, f_new, m)
            new = _cost(y, f_new, w, m, poisson, floor)
            ratio = (best - new) / gain
            if ratio > 1e-4:
                best = new
                for a in range(n):
                    p[a] = trial[a]
                q = 2 * ratio - 1
                lam, nu, need = max(lam * max(0.1, 1 - q * q * q), 1e-9), 2.0, True
                _jacobian(xs, dx, ends, p_full, shapes, kind, rising, f, full, m)
                if tied:
                    _pull_back(full, slot, factor, jac, m)
            else:
                lam = max(lam, 1e-6) * nu
                nu *= 2
                if lam > 1e9:
                    break
        cost[row], n_iter[row], converged[row] = best, it, ok
        for a in range(n):
            skip[a] = hess[a, a] <= 1e-30
        if not _covariance(hess, skip, chol, step, rhs, cov[row]):
            for a in range(n):
                skip[a] = skip[a] or p[a] <= low[a] or p[a] >= high[a]
            if not _covariance(hess, skip, chol, step, rhs, cov[row]):
                cov[row] = math.nan
