"""Compiled Doniach-Sunjic profile convolved with a Gaussian, by the polynomials that `_numpy_doniach` explains."""

import math

import numpy as np
from numba import njit
from scipy.special import factorial

from mi_widgets.peaks._engines._numba_functions import OPTIONS
from mi_widgets.peaks._engines._numpy_doniach import FAR, GROWTH, N_BACK, N_NEAR, N_ORIGIN, N_SERIES, N_STEP, N_TERMS

MOST = N_NEAR + 40  # segments: enough for 1e7 standard deviations
_M, _N = np.arange(N_SERIES)[:, None], np.arange(N_TERMS)
SERIES = np.ascontiguousarray((-1.0) ** (_M + _N) / (factorial(_M) * 2.0**_M * factorial(_N)))


@njit(**OPTIONS)
def _digamma(x):
    total = 0.0
    while x < 10:
        total -= 1 / x
        x += 1
    y = 1 / (x * x)
    return total + math.log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))


@njit(**OPTIONS)
def _origin(s):
    f = math.sqrt(math.pi) * 2 ** (-s / 2) / math.gamma((s + 1) / 2)
    return f, -0.5 * f * (math.log(2) + _digamma((s + 1) / 2))


@njit(**OPTIONS)
def _taylor(s, z, state, c, e, n_terms):
    c[0], c[1], e[0], e[1] = state[0], state[1], state[2], state[3]
    for n in range(n_terms - 2):
        inverse = 1.0 / ((n + 1) * (n + 2))
        c[n + 2] = (z * (n + 1) * c[n + 1] + (n + s) * c[n]) * inverse
        e[n + 2] = (z * (n + 1) * e[n + 1] + (n + s) * e[n] + c[n]) * inverse


@njit(**OPTIONS)
def _sum(c, e, w, state, n_terms):
    f, df, d, dd = 0j, 0j, 0j, 0j
    for n in range(n_terms - 1, -1, -1):
        df = df * w + f
        f = f * w + c[n]
        dd = dd * w + d
        d = d * w + e[n]
    state[0], state[1], state[2], state[3] = f, df, d, dd


@njit(**OPTIONS)
def _start(s, r, c, e, state):
    if r < 3:
        f, f_s = _origin(s)
        g, g_s = _origin(s + 1)
        state[0], state[1], state[2], state[3] = f, -s * g, f_s, -g - s * g_s
        _taylor(s, 0j, state, c, e, N_ORIGIN)
        _sum(c, e, complex(r, 0.0), state, N_ORIGIN)
        return
    u0, u1, d0, d1, total, by_s = 1e-150, 0.0, 0.0, 0.0, 0.0, 0.0
    for n in range(N_BACK - 1, -1, -1):
        u2, d2 = u1, d1
        u1, d1 = u0, d0
        u0 = (n + 1) * ((n + 2) * u2 + r * u1) / (n + s)
        d0 = ((n + 1) * ((n + 2) * d2 + r * d1) - u0) / (n + s)
        total, by_s = total * r + u0, by_s * r + d0
    f, slope = _origin(s)
    scale = f / total
    by_scale = (slope - scale * by_s) / total
    state[0], state[1] = scale * u0, -scale * u1
    state[2], state[3] = by_scale * u0 + scale * d0, -by_scale * u1 - scale * d1


@njit(**OPTIONS)
def _far(s, z, rising, slope, f, d):
    whole, log_z, turn = np.exp(-s * np.log(z)), np.log(z), -1j / z
    inverse = 1 / (z * z)
    for n in range(N_TERMS):
        total, by_s, power = 0j, 0j, 1 + 0j
        for m in range(N_SERIES):
            q = SERIES[m, n] * rising[2 * m + n]
            total += q * power
            by_s += q * slope[2 * m + n] * power
            power *= inverse
        f[n], d[n] = whole * total, whole * (by_s - log_z * total)
        whole *= turn


@njit(**OPTIONS)
def _segments(s, r, reach, anchors, edges, f, d):
    """Anchors, ends and coefficients of the segments up to `reach`; returns how many."""
    size = 2 * N_SERIES + N_TERMS
    rising, slope = np.empty(size), np.empty(size)
    rising[0], slope[0] = 1.0, 0.0
    for k in range(size - 1):
        rising[k + 1], slope[k + 1] = rising[k] * (s + k), slope[k] + 1 / (s + k)
    c, e, state = np.empty(N_ORIGIN, np.complex128), np.empty(N_ORIGIN, np.complex128), np.empty(4, np.complex128)
    if r < FAR:
        _start(s, r, c, e, state)
    count, end = 0, 0.0
    while count < MOST and (count == 0 or end <= reach):
        k = count
        edges[k] = end
        if k < N_NEAR:
            anchors[k], end = float(k), k + 0.5
        else:
            anchors[k], end = 0.5 * (1 + GROWTH) * end, GROWTH * end
        z = complex(r, -anchors[k])
        if k < N_NEAR and r < FAR:
            _taylor(s, z, state, c, e, N_STEP)
            turn = 1 + 0j
            for n in range(N_TERMS):
                f[k, n], d[k, n] = turn * c[n], turn * e[n]
                turn *= -1j
            _sum(c, e, -1j, state, N_STEP)
        else:
            _far(s, z, rising, slope, f[k], d[k])
        count += 1
    edges[count] = math.inf if count == MOST else end
    return count


@njit(**OPTIONS)
def _prepare(x, mu, sigma, gamma, b, n, anchors, edges, f, d):
    return _segments(1 - abs(gamma), sigma / b, max(abs(x[0] - mu), abs(x[n - 1] - mu)) / b, anchors, edges, f, d)


@njit(**OPTIONS)
def add_doniach(x, a, mu, sigma, gamma, b, out, n):
    """Add the profile to `out`."""
    anchors, edges = np.empty(MOST), np.empty(MOST + 1)
    f, d = np.empty((MOST, N_TERMS), np.complex128), np.empty((MOST, N_TERMS), np.complex128)
    count = _prepare(x, mu, sigma, gamma, b, n, anchors, edges, f, d)
    scale, phase, ib = a * b ** (abs(gamma) - 1), 0.5 * math.pi * abs(gamma), 1 / b
    cosine, sine, re = scale * math.cos(phase), scale * math.sin(phase), np.empty(N_TERMS)
    middle = np.searchsorted(x[:n], mu)
    for up in (True, False):
        side = 1.0 if up != (gamma < 0) else -1.0
        at = middle if up else n - middle
        for k in range(count):
            for m in range(N_TERMS):
                re[m] = cosine * f[k, m].real - side * sine * f[k, m].imag
            end = at
            while end < n:
                i = end if up else n - 1 - end
                v = abs(x[i] - mu) * ib
                if v >= edges[k + 1]:
                    break
                v -= anchors[k]
                s = re[N_TERMS - 1]
                for m in range(N_TERMS - 2, -1, -1):
                    s = s * v + re[m]
                out[i] += s
                end += 1
            at = end


@njit(**OPTIONS)
def doniach_rows(x, a, mu, sigma, gamma, b, jac, n):
    """Derivatives by amplitude, center, sigma, gamma and gaussian_sigma."""
    anchors, edges = np.empty(MOST), np.empty(MOST + 1)
    f, d = np.empty((MOST, N_TERMS), np.complex128), np.empty((MOST, N_TERMS), np.complex128)
    count = _prepare(x, mu, sigma, gamma, b, n, anchors, edges, f, d)
    mirror, r, s = -1.0 if gamma < 0 else 1.0, sigma / b, 1 - abs(gamma)
    scale, phase, ib = b**-s, 0.5 * math.pi * abs(gamma), 1 / b
    cosine, sine, each, log_b = scale * math.cos(phase), scale * math.sin(phase), a * ib, math.log(b)
    re, im, by_s = np.empty(N_TERMS), np.empty(N_TERMS), np.empty(N_TERMS)
    d_a, d_mu, d_sigma, d_gamma, d_b = jac[0], jac[1], jac[2], jac[3], jac[4]
    middle = np.searchsorted(x[:n], mu)
    for up in (True, False):
        side = mirror if up else -mirror
        at = middle if up else n - middle
        for k in range(count):
            for m in range(N_TERMS):
                u, v = f[k, m], d[k, m]
                re[m] = cosine * u.real - side * sine * u.imag
                im[m] = sine * u.real + side * cosine * u.imag
                by_s[m] = cosine * v.real - side * sine * v.imag
            end = at
            while end < n:
                i = end if up else n - 1 - end
                distance = abs(x[i] - mu) * ib
                if distance >= edges[k + 1]:
                    break
                v = distance - anchors[k]
                p, q, w, dp, dq = re[N_TERMS - 1], im[N_TERMS - 1], by_s[N_TERMS - 1], 0.0, 0.0
                for m in range(N_TERMS - 2, -1, -1):
                    dp = dp * v + p
                    p = p * v + re[m]
                    dq = dq * v + q
                    q = q * v + im[m]
                    w = w * v + by_s[m]
                # along the axis F' = +-i dF/dv
                d_a[i] = p
                d_mu[i] = -each * mirror * side * dp
                d_sigma[i] = -each * side * dq
                d_gamma[i] = mirror * a * (p * log_b - 0.5 * math.pi * q - w)
                d_b[i] = -each * (s * p - r * side * dq + distance * dp)
                end += 1
            at = end
