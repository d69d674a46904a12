"""The compiled engine: one spectrum at a time by Levenberg-Marquardt, everything it touches held in L1 cache.

The steps are those of `_numpy`, so that both give the same numbers.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from mi_widgets.peaks._model import GAUSSIAN, LORENTZIAN

# error_model="numpy": the check for division by zero would keep LLVM from vectorising the loops over channels.
OPTIONS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "cache": True, "nogil": True}
SQRT_2LN2 = math.sqrt(2 * math.log(2))
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


@njit(**OPTIONS)
def _add_background(p, x, ends, f, n):
    n_background = p.size
    if n_background == 1:
        for i in range(n):
            f[i] += p[0]
    elif n_background == 2:
        scale = (p[1] - p[0]) / (ends[1] - ends[0])
        for i in range(n):
            f[i] += p[0] + scale * (x[i] - ends[0])


@njit(**OPTIONS)
def _model(x, ends, p, shapes, f, n):
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
        else:
            e, s, g2 = p[at + 3], g / SQRT_2LN2, g * g
            cg, cl, i2 = a * (1 - e) * INV_SQRT_2PI / s, a * e * g * INV_PI, -0.5 / (s * s)
            for i in range(n):
                t = x[i] - mu
                t2 = t * t
                f[i] += cg * _exp(t2 * i2) + cl / (t2 + g2)
            at += 4
    _add_background(p[at:], x, ends, f, n)


@njit(**OPTIONS)
def _jacobian(x, ends, p, shapes, f, jac, n):
    """Expected values and their derivatives jac[parameter, channel]. Loops are split so that each one vectorises."""
    for i in range(n):
        f[i] = 0.0
    at = 0
    for k in range(shapes.size):
        a, mu, g = p[at], p[at + 1], p[at + 2]
        d_a, d_mu, d_g = jac[at], jac[at + 1], jac[at + 2]
        if shapes[k] == GAUSSIAN:
            c, is2 = INV_SQRT_2PI / g, 1 / (g * g)
            for i in range(n):
                t = x[i] - mu
                d_a[i] = c * _exp(-0.5 * is2 * t * t)
            for i in range(n):
                t = x[i] - mu
                d_mu[i] = a * is2 * t * d_a[i]
                d_g[i] = a / g * (is2 * t * t - 1) * d_a[i]
            at += 3
        elif shapes[k] == LORENTZIAN:
            c, g2 = g * INV_PI, g * g
            for i in range(n):
                t = x[i] - mu
                d_a[i] = c / (t * t + g2)
            for i in range(n):
                d_mu[i] = 2 * a / c * (x[i] - mu) * d_a[i] * d_a[i]
                d_g[i] = a * d_a[i] * (1 / g - 2 * math.pi * d_a[i])
            at += 3
        else:
            e, s, g2 = p[at + 3], g / SQRT_2LN2, g * g
            d_e, cg, cl, is2 = jac[at + 3], INV_SQRT_2PI / s, g * INV_PI, 1 / (s * s)
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
            at += 4
        for i in range(n):
            f[i] += a * d_a[i]
    n_background = p.size - at
    if n_background == 1:
        for i in range(n):
            jac[at, i] = 1.0
    elif n_background == 2:
        left, right, scale = jac[at], jac[at + 1], 1 / (ends[1] - ends[0])
        for i in range(n):
            u = (x[i] - ends[0]) * scale
            left[i] = 1 - u
            right[i] = u
    _add_background(p[at:], x, ends, f, n)


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
def fit_rows(x, ys, ws, ps, low, high, shapes, poisson, max_iter, tol, damping0, cost, n_iter, cov, converged):
    """Fit spectra one by one, in place; see `mi_widgets.peaks._engine` for the arguments."""
    n_all, n = x.size, low.size
    f, f_new, u, r = np.empty(n_all), np.empty(n_all), np.empty(n_all), np.empty(n_all)
    xs, y, w, ends = np.empty(n_all), np.empty(n_all), np.empty(n_all), np.array([x[0], x[-1]])
    jac, hess, chol = np.empty((n, n_all)), np.empty((n, n)), np.empty((n, n))
    grad, rhs, step, shift, trial = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    skip, fixed = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    for row in range(ps.shape[0]):
        m, total, p = 0, 0.0, ps[row]
        for i in range(n_all):
            # compared as bits: fastmath may assume that NaN does not exist
            if (_as_bits(ys[row, i]) & 0x7FF0000000000000) != 0x7FF0000000000000:
                xs[m], y[m], w[m] = x[i], ys[row, i], ws[row % ws.shape[0], i % ws.shape[1]]
                total += abs(ys[row, i])
                m += 1
        for a in range(n):
            p[a] = min(max(p[a], low[a]), high[a])
        floor, lam, nu, small, need, ok = 1e-4 * total / m + 1e-12, damping0, 2.0, 0, True, False
        _jacobian(xs, ends, p, shapes, f, jac, m)
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
            _model(xs, ends, trial, shapes, f_new, m)
            new = _cost(y, f_new, w, m, poisson, floor)
            ratio = (best - new) / gain
            if ratio > 1e-4:
                best = new
                for a in range(n):
                    p[a] = trial[a]
                q = 2 * ratio - 1
                lam, nu, need = max(lam * max(0.1, 1 - q * q * q), 1e-9), 2.0, True
                _jacobian(xs, ends, p, shapes, f, jac, m)
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
