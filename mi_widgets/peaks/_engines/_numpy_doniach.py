"""The Doniach-Sunjic profile convolved with a Gaussian, as polynomials between anchors along the axis.

With ``z = (sigma - i (x - mu)) / b``, b the Gaussian's standard deviation, and s = 1 - gamma, the profile is the real
part of ``amplitude b^-s exp(i pi gamma / 2) F_s(z)``. ``F_s(z) = 1/Gamma(s) int t^(s-1) exp(-t^2/2 - z t) dt``, from 0
to infinity, is a parabolic cylinder function: it solves ``F'' = z F' + s F``. Taylor polynomials solve that equation
outward from z = sigma / b, where errors die away as exp(z^2/2) does; from ``|z| = 8`` on they come from the asymptotic
series. Both engines do this; it is right to 1e-10.

S. Doniach, M. Sunjic (1970), doi:10.1088/0022-3719/3/2/010.
"""

from functools import cache

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import digamma, factorial, gamma

FAR = 8.0  # |z| from which the asymptotic series is right to 1e-12
N_TERMS, N_STEP, N_ORIGIN, N_BACK, N_SERIES = 16, 28, 64, 110, 16
N_NEAR, GROWTH = 9, 1.5  # anchors at 0, 1, ... 8, and then of segments that grow by half
N_NEWTON, N_TABLE = 40, (32, 16)


def values(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Profiles at x, shape ``(n_channels,)`` or ``(n, n_channels)``, of parameters ``(n, 5)``."""
    out = np.full((len(p), x.shape[-1]), np.nan)
    good = np.isfinite(p).all(axis=1)
    if good.any():
        out[good] = _Profile(p[good], x if x.ndim == 1 else x[good]).values()
    return out


def derivatives(x: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    """Derivatives of `values` by amplitude, center, sigma, gamma and gaussian_sigma."""
    return _Profile(p, x).derivatives()


def height(p: np.ndarray) -> np.ndarray:
    """Value at the center."""
    a, b, gamma = p[..., 0], p[..., 4], _size(p[..., 3])
    return np.asarray(a * (p[..., 2] + b) ** (gamma - 1) * _from_table(1, p[..., 2] / (p[..., 2] + b), gamma))


def fwhm(p: np.ndarray) -> np.ndarray:
    """Full width at half of the maximum, which stands beside the center."""
    whole = p[..., 2] + p[..., 4]
    return np.asarray(whole * _from_table(0, p[..., 2] / whole, _size(p[..., 3])))


def _size(gamma: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(gamma.real < 0, -gamma, gamma))  # as abs, but with complex steps


def _from_table(which: int, u: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """Chebyshev series in both: width and height cost nothing, and take the complex steps of `propagate`."""
    return np.asarray(chebyshev.chebval2d(2 * u - 1, 4 * gamma - 1, _table()[which]))


@cache
def _table() -> np.ndarray:
    """Width and height in units of sigma + gaussian_sigma, over the share of sigma in it and over gamma up to 1/2."""
    nodes = [0.5 + 0.5 * np.cos(np.pi * (np.arange(n) + 0.5) / n) for n in N_TABLE]
    u, gamma = (grid.ravel() for grid in np.meshgrid(nodes[0], 0.5 * nodes[1], indexing="ij"))
    p = np.stack([np.ones(u.size), np.zeros(u.size), u, gamma, 1 - u], axis=1)
    profile = _Profile(p, np.zeros((u.size, 1)))
    at_center = profile.values()[:, 0]
    reach = 1 + profile.r[:, 0]
    profile.place(60 * reach[:, None])
    top = profile.solve(-0.2 * reach, -reach, 0.5 * reach, falling=True)
    profile.place(top[:, None])
    half = 0.5 * profile.shape()[0][:, 0]
    left = profile.solve(top - reach, -60 * reach, top, falling=False, level=half)
    right = profile.solve(top + reach, top, 10 * reach, falling=True, level=half)
    out = np.stack([p[:, 4] * (right - left), at_center]).reshape(2, *N_TABLE)
    for axis, n in enumerate(N_TABLE, start=1):
        to_series = chebyshev.chebvander(2 * nodes[axis - 1] - 1, n - 1) * 2 / n
        to_series[:, 0] /= 2
        out = np.moveaxis(np.tensordot(out, to_series, axes=(axis, 0)), -1, axis)
    return np.asarray(out)


class _Profile:
    """Polynomials for parameters ``(n, 5)``, and where they are evaluated.

    ``v`` is the distance from the center in standard deviations of the Gaussian, such that the tail is at low v.
    """

    def __init__(self, p: np.ndarray, x: np.ndarray) -> None:
        self.a, self.mu, self.sigma, self.gamma, self.b = (p[:, i, None] for i in range(5))
        self.mirror = np.where(self.gamma < 0, -1.0, 1.0)  # gamma below zero: the tail on the other side
        self.s, self.r = 1 - np.abs(self.gamma), self.sigma / self.b
        self.phase = np.exp(0.5j * np.pi * np.abs(self.gamma))
        self.scale = self.b**-self.s
        self.reach = -1.0
        self.place(self.mirror * (x - self.mu) / self.b)

    def place(self, v: np.ndarray) -> None:
        """Evaluate there from now on."""
        self.v, most = v, float(np.abs(v).max())
        if most > self.reach:
            self.reach = most
            self.anchors, self.edges = segments(self.reach)
            self.f, self.d = coefficients(self.s[:, 0], self.r[:, 0], self.anchors)
        self.segment = np.searchsorted(self.edges, np.abs(v), side="right") - 1
        self.delta = np.abs(v) - self.anchors[self.segment]

    def _terms(self, table: np.ndarray) -> list[np.ndarray]:
        return [np.take_along_axis(c, self.segment, axis=1) for c in table[::-1]]

    def _turned(self, value: np.ndarray) -> np.ndarray:
        """F on the side of the axis where the channel stands, times the phase."""
        return np.asarray(self.phase * np.where(self.v < 0, value.conj(), value))

    def values(self) -> np.ndarray:
        """Shape ``(n, n_channels)``."""
        f = np.zeros(self.v.shape, dtype=complex)
        for c in self._terms(self.f):
            f = f * self.delta + c
        return np.asarray(self.a * self.scale * self._turned(f).real)

    def _slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """F and dF/dz, turned."""
        f, df = np.zeros((2, *self.v.shape), dtype=complex)
        for c in self._terms(self.f):
            df = df * self.delta + f
            f = f * self.delta + c
        return self._turned(f), self._turned(1j * df)

    def shape(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Re F with its first and second derivative by v."""
        f, df = self._slopes()
        return f.real, df.imag, -((self.r - 1j * self.v) * df + self.s * f).real

    def derivatives(self) -> list[np.ndarray]:
        """By amplitude, center, sigma, gamma, gaussian_sigma."""
        f, df = self._slopes()
        ds = np.zeros(self.v.shape, dtype=complex)
        for c in self._terms(self.d):
            ds = ds * self.delta + c
        ds = self._turned(ds)
        unit, each = self.scale * f.real, self.a * self.scale
        return [
            unit,
            -each / self.b * self.mirror * df.imag,
            each / self.b * df.real,
            self.mirror * (self.a * unit * np.log(self.b) - each * (0.5 * np.pi * f.imag + ds.real)),
            -(self.a * unit * self.s + each * (self.r * df.real + self.v * df.imag)) / self.b,
        ]

    def solve(
        self, at: np.ndarray, low: np.ndarray, high: np.ndarray, *, falling: bool, level: np.ndarray | None = None
    ) -> np.ndarray:
        """Where the profile has a level, else its maximum, by Newton steps in a bracket; `falling` towards high v."""
        for _ in range(N_NEWTON):
            self.place(at[:, None])
            f, df, d2f = (part[:, 0] for part in self.shape())
            value, slope = (df, d2f) if level is None else (f - level, df)
            below = (value > 0) == falling
            low, high = np.where(below, at, low), np.where(below, high, at)
            with np.errstate(divide="ignore", invalid="ignore"):
                ahead = at - value / slope
            at = np.where((ahead > low) & (ahead < high), ahead, 0.5 * (low + high))
        return at


def segments(reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Anchors and inner ends of their segments, in standard deviations of the Gaussian, up to `reach`."""
    n_far = max(1, int(np.ceil(np.log(max(reach, 1.0) / (N_NEAR - 0.5)) / np.log(GROWTH))) + 1)
    edge = (N_NEAR - 0.5) * GROWTH ** np.arange(n_far)
    near = np.arange(N_NEAR, dtype=float)
    return np.concatenate([near, 0.5 * (1 + GROWTH) * edge]), np.concatenate([[0.0], near[1:] - 0.5, edge])


def coefficients(s: np.ndarray, r: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Taylor coefficients in ``v - anchor`` of F and of its derivative by s at ``z = r - i v``.

    Parameters
    ----------
    s, r : numpy.ndarray, shape (n,)
        Order of F, real part of z.
    anchors : numpy.ndarray, shape (n_anchors,)

    Returns
    -------
    tuple of numpy.ndarray, shape (N_TERMS, n, n_anchors)
    """
    f, d = _far(s, r, anchors)
    turn = (-1j) ** np.arange(N_TERMS)[:, None]
    near = np.flatnonzero(r < FAR)
    if near.size:
        s, r = s[near], r[near]
        state = _start(s, r)
        for k in range(min(N_NEAR, anchors.size)):
            c, e = _taylor(s, r - 1j * anchors[k], state, N_STEP)
            f[:, near, k], d[:, near, k] = turn * c[:N_TERMS], turn * e[:N_TERMS]
            state = _sum(c, e, np.array(-1j))
    return f, d


def _far(s: np.ndarray, r: np.ndarray, anchors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From ``z^-s sum_m (-1)^m (s)_2m / (m! 2^m) z^-2m``, expanded about each anchor."""
    k = np.arange(2 * N_SERIES + N_TERMS)
    rising = np.cumprod(np.concatenate([np.ones((1, s.size)), s + k[:-1, None]]), axis=0)
    slope = np.cumsum(np.concatenate([np.zeros((1, s.size)), 1 / (s + k[:-1, None])]), axis=0)
    m, n = np.arange(N_SERIES)[:, None], np.arange(N_TERMS)
    table = ((-1.0) ** (m + n) / (factorial(m) * 2.0**m * factorial(n)))[..., None] * rising[2 * m + n]
    by_s = table * slope[2 * m + n]
    z = r[:, None] - 1j * anchors
    z = np.where(np.abs(z) < FAR, FAR, z)  # not used there
    powers = z ** -(2.0 * m[..., None])  # (m, n_spectra, n_anchors)
    whole = np.exp(-s[:, None] * np.log(z)) * (-1j / z) ** n[:, None, None]
    f = np.einsum("mns,msk->nsk", table, powers)
    d = np.einsum("mns,msk->nsk", by_s, powers) - np.log(z) * f
    return whole * f, whole * d


def _start(s: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, ...]:
    """F, dF/dz, dF/ds, d2F/dzds at z = r on the real axis."""
    out = np.empty((4, s.size), dtype=complex)
    small = r < 3.0
    if small.any():
        one = s[small]
        at_zero = [*_origin(one), *_origin(one + 1)]
        state = (at_zero[0], -one * at_zero[2], at_zero[1], -at_zero[2] - one * at_zero[3])
        c, e = _taylor(one, np.zeros(one.size), state, N_ORIGIN)
        out[:, small] = _sum(c, e, r[small])
    if not small.all():
        out[:, ~small] = _backward(s[~small], r[~small])
    return tuple(out)


def _origin(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    f = np.sqrt(np.pi) * 2 ** (-s / 2) / gamma((s + 1) / 2)
    return f, -0.5 * f * (np.log(2) + digamma((s + 1) / 2))


def _backward(s: np.ndarray, r: np.ndarray) -> np.ndarray:
    """By Miller's backward recurrence of the Taylor coefficients; they sum up to F_s(0), all of one sign."""
    u0, u1, d0, d1 = np.full(s.size, 1e-150), np.zeros(s.size), np.zeros(s.size), np.zeros(s.size)
    total, by_s = np.zeros(s.size), np.zeros(s.size)
    for n in range(N_BACK - 1, -1, -1):
        u2, d2 = u1, d1
        u1, d1 = u0, d0
        u0 = (n + 1) * ((n + 2) * u2 + r * u1) / (n + s)
        d0 = ((n + 1) * ((n + 2) * d2 + r * d1) - u0) / (n + s)
        total, by_s = total * r + u0, by_s * r + d0
    f, slope = _origin(s)
    scale = f / total
    by_scale = slope / total - f * by_s / total**2
    return np.array([scale * u0, -scale * u1, by_scale * u0 + scale * d0, -by_scale * u1 - scale * d1])


def _taylor(s: np.ndarray, z: np.ndarray, state: tuple[np.ndarray, ...], n_terms: int) -> tuple[np.ndarray, np.ndarray]:
    """Taylor coefficients of F and dF/ds about z from values and slopes there, by ``F'' = z F' + s F``."""
    c, e = np.empty((2, n_terms, s.size), dtype=complex)
    c[0], c[1], e[0], e[1] = state
    for n in range(n_terms - 2):
        c[n + 2] = (z * (n + 1) * c[n + 1] + (n + s) * c[n]) / ((n + 1) * (n + 2))
        e[n + 2] = (z * (n + 1) * e[n + 1] + (n + s) * e[n] + c[n]) / ((n + 1) * (n + 2))
    return c, e


def _sum(c: np.ndarray, e: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Values and slopes of both polynomials at a distance w."""
    f, df, d, dd = (np.zeros(c.shape[1], dtype=complex) for _ in range(4))
    for n in range(len(c) - 1, -1, -1):
        df, f = df * w + f, f * w + c[n]
        dd, d = dd * w + d, d * w + e[n]
    return f, df, d, dd
