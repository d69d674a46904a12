"""The compiled engine: one spectrum at a time by Levenberg-Marquardt, everything it touches held in L1 cache.

The steps are those of `_numpy`, so that both give the same numbers.
"""

import math

import numpy as np
from numba import njit

from mi_widgets.peaks._engines._numba_curves import jacobian, model
from mi_widgets.peaks._engines._numba_functions import OPTIONS, as_bits, log
from mi_widgets.peaks._engines._numba_tougaard import room


@njit(**OPTIONS)
def _cost(y, f, w, n, poisson, floor):
    """Half the deviance, up to a constant of the data."""
    total = 0.0
    if poisson:
        for i in range(n):
            v = max(f[i], floor)
            total += v - y[i] * log(v)
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
    """Fit spectra one by one, in place; see `mi_widgets.peaks._engines._door` for the arguments."""
    n_all, n, n_full = x.size, low.size, slot.size
    tied = n < n_full
    full, p_full, dx = np.empty((n_full, n_all)), np.empty(n_full), np.empty(n_all)
    f, f_new, u, r = np.empty(n_all), np.empty(n_all), np.empty(n_all), np.empty(n_all)
    xs, y, w, ends = np.empty(n_all), np.empty(n_all), np.empty(n_all), np.array([x[0], x[-1]])
    jac, hess, chol = np.empty((n, n_all)) if tied else full, np.empty((n, n)), np.empty((n, n))
    grad, rhs, step, shift, trial = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    skip, fixed, work = np.zeros(n, np.bool_), np.zeros(n, np.bool_), room(kind, n_all)
    for row in range(qs.shape[0]):
        m, total, p = 0, 0.0, qs[row]
        for i in range(n_all):
            # compared as bits: fastmath may assume that NaN does not exist
            if (as_bits(ys[row, i]) & 0x7FF0000000000000) != 0x7FF0000000000000:
                xs[m], y[m], w[m] = x[i], ys[row, i], ws[row % ws.shape[0], i % ws.shape[1]]
                total += abs(ys[row, i])
                m += 1
        for a in range(n):
            p[a] = min(max(p[a], low[a]), high[a])
        floor, lam, nu, small, need, ok = 1e-4 * total / m + 1e-300, damping0, 2.0, 0, True, False
        # what is no counts but, say, counts per second has a likelihood of another scale
        enough = tol * min(1.0, 1e-3 * total) if poisson else tol
        _step_widths(xs, dx, m)
        work[0, 0, 0] = -1.0  # other channels, other kernels
        _expand(p, slot, factor, offset, p_full)
        jacobian(xs, dx, ends, p_full, shapes, kind, rising, f, full, m, work)
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
            if gain < enough:
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
            model(xs, dx, ends, p_full, shapes, kind, rising, f_new, m, work)
            new = _cost(y, f_new, w, m, poisson, floor)
            ratio = (best - new) / gain
            if ratio > 1e-4:
                best = new
                for a in range(n):
                    p[a] = trial[a]
                q = 2 * ratio - 1
                lam, nu, need = max(lam * max(0.1, 1 - q * q * q), 1e-9), 2.0, True
                jacobian(xs, dx, ends, p_full, shapes, kind, rising, f, full, m, work)
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
