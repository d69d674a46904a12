"""The engine without a compiler: the same Levenberg-Marquardt steps as `_numba`, for many spectra at once."""

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import wofz

from mi_widgets.peaks._engines import _numpy_doniach, _numpy_tougaard
from mi_widgets.peaks._shapes import (
    ASYMMETRIC_PSEUDO_VOIGT,
    CONSTANT,
    DONIACH,
    EXPONENTIAL,
    GAUSSIAN,
    LINEAR,
    LORENTZIAN,
    NONE,
    PSEUDO_VOIGT,
    QUADRATIC,
    SHIRLEY,
    TOUGAARD,
    TOUGAARD_U3,
)

if TYPE_CHECKING:
    from mi_widgets.peaks._problem import Problem

SQRT_2, SQRT_2LN2 = np.sqrt(2), np.sqrt(2 * np.log(2))
INV_SQRT_2PI = 1 / np.sqrt(2 * np.pi)
BATCH = 64  # spectra held at once: the Jacobian of 64 spectra still fits in L2 cache


def model(problem: "Problem", x: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Expected values, shape ``(n_spectra, n_channels)``, of parameters ``(n_spectra, n_parameters)``."""
    peaks = sum(peak_values(problem, x, p), np.zeros((len(p), x.size)))
    return peaks + background_values(problem, x, p, peaks)


def peak_values(problem: "Problem", x: np.ndarray, p: np.ndarray) -> list[np.ndarray]:
    """Every peak by itself, each of shape ``(n_spectra, n_channels)``."""
    out = []
    for shape, at in zip(problem.shapes, problem.offsets[:-1], strict=True):
        a, mu, g = p[:, at : at + 3].T[:, :, None]
        t = x - mu
        if shape == ASYMMETRIC_PSEUDO_VOIGT:
            t = t / _stretch(t, p[:, at + 4, None])
        t2 = t**2
        if shape == GAUSSIAN:
            out.append(a * INV_SQRT_2PI / g * np.exp(-0.5 * t2 / g**2))
        elif shape == LORENTZIAN:
            out.append(a * g / np.pi / (t2 + g**2))
        elif shape in (PSEUDO_VOIGT, ASYMMETRIC_PSEUDO_VOIGT):
            e, s = p[:, at + 3, None], g / SQRT_2LN2
            out.append(a * (1 - e) * INV_SQRT_2PI / s * np.exp(-0.5 * t2 / s**2) + a * e * g / np.pi / (t2 + g**2))
        elif shape == DONIACH:
            out.append(_numpy_doniach.values(x, p[:, at : at + 5]))
        else:
            z = (t + 1j * p[:, at + 3, None]) / (SQRT_2 * g)
            out.append(a * INV_SQRT_2PI / g * wofz(z).real)
    return out


def _stretch(t: np.ndarray, asymmetry: np.ndarray) -> np.ndarray:
    """Half width of either side over their mean."""
    return np.where(t < 0, 1 - asymmetry, 1 + asymmetry)


def background_values(problem: "Problem", x: np.ndarray, p: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Background under peaks that sum up to `peaks`, shape ``(n_spectra, n_channels)``."""
    b = p[:, problem.offsets[-1] :].T[:, :, None]
    t = (x - problem.axis[0]) / (problem.axis[-1] - problem.axis[0])
    if problem.background == NONE:
        out = np.zeros((len(p), 1))
    elif problem.background == CONSTANT:
        out = b[0]
    elif problem.background == LINEAR:
        out = b[0] + (b[1] - b[0]) * t
    elif problem.background == QUADRATIC:
        out = b[0] * (1 - t) * (1 - 2 * t) + b[1] * 4 * t * (1 - t) + b[2] * t * (2 * t - 1)
    elif problem.background == EXPONENTIAL:
        out = np.exp((1 - t) * np.log(np.maximum(b[0], TINY)) + t * np.log(np.maximum(b[1], TINY)))
    elif problem.background == SHIRLEY:
        out = b[0] + b[1] * running_integral(x, peaks, rising=problem.rising)
    else:
        out = b[0] + _numpy_tougaard.scattered(x, b[1:, :, 0].T, peaks, rising=problem.rising) - peaks
    return np.broadcast_to(out, (len(p), x.size))


TINY = 1e-100


def running_integral(x: np.ndarray, values: np.ndarray, *, rising: bool) -> np.ndarray:
    """Integral up to each channel, from the low end of the axis if `rising`, else from the high end."""
    area = values * np.gradient(x)
    if rising:
        return np.cumsum(area, axis=-1)
    return np.cumsum(area[..., ::-1], axis=-1)[..., ::-1]


def jacobian(problem: "Problem", x: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected values and their derivatives, shape ``(n_spectra, n_parameters, n_channels)``."""
    jac = np.empty((*p.shape, x.size))
    f = np.zeros((len(p), x.size))
    for shape, at in zip(problem.shapes, problem.offsets[:-1], strict=True):
        a, mu, g = p[:, at : at + 3].T[:, :, None]
        t = x - mu
        if shape == GAUSSIAN:
            unit = INV_SQRT_2PI / g * np.exp(-0.5 * (t / g) ** 2)
            jac[:, at + 1] = a / g**2 * t * unit
            jac[:, at + 2] = a / g * ((t / g) ** 2 - 1) * unit
        elif shape == LORENTZIAN:
            unit = g / np.pi / (t * t + g * g)
            jac[:, at + 1] = 2 * np.pi * a / g * t * unit**2
            jac[:, at + 2] = a * unit * (1 / g - 2 * np.pi * unit)
        elif shape in (PSEUDO_VOIGT, ASYMMETRIC_PSEUDO_VOIGT):
            e, s = p[:, at + 3, None], g / SQRT_2LN2
            if shape == ASYMMETRIC_PSEUDO_VOIGT:
                stretch = _stretch(t, p[:, at + 4, None])
                t = t / stretch
            gau, lor = INV_SQRT_2PI / s * np.exp(-0.5 * (t / s) ** 2), g / np.pi / (t * t + g * g)
            jac[:, at + 1] = t * ((1 - e) * a / s**2 * gau + 2 * np.pi * e * a / g * lor**2)
            jac[:, at + 2] = (1 - e) * a / g * gau * ((t / s) ** 2 - 1) + e * a * lor * (1 / g - 2 * np.pi * lor)
            jac[:, at + 3] = a * (lor - gau)
            unit = gau + e * (lor - gau)
            if shape == ASYMMETRIC_PSEUDO_VOIGT:
                jac[:, at + 1] /= stretch
                jac[:, at + 4] = jac[:, at + 1] * np.abs(t)
        elif shape == DONIACH:
            unit, *rows = _numpy_doniach.derivatives(x, p[:, at : at + 5])
            jac[:, at + 1 : at + 5] = np.stack(rows, axis=1)
        else:
            z = (t + 1j * p[:, at + 3, None]) / (SQRT_2 * g)
            w = wofz(z)
            slope, scale = -2 * z * w + 2j / np.sqrt(np.pi), INV_SQRT_2PI / g
            unit = scale * w.real
            jac[:, at + 1] = -a * scale / (SQRT_2 * g) * slope.real
            jac[:, at + 2] = -a / g * (unit + scale * (z * slope).real)
            jac[:, at + 3] = -a * scale / (SQRT_2 * g) * slope.imag
        jac[:, at] = unit
        f += a * unit
    return f + _background_jacobian(problem, x, p, f, jac), jac


def _background_jacobian(
    problem: "Problem", x: np.ndarray, p: np.ndarray, peaks: np.ndarray, jac: np.ndarray
) -> np.ndarray:
    """Background values; fills the background's rows of `jac`, and adds to the peaks' what they do to it."""
    at, kind = int(problem.offsets[-1]), problem.background
    t = (x - problem.axis[0]) / (problem.axis[-1] - problem.axis[0])
    values = background_values(problem, x, p, peaks)
    if kind in (CONSTANT, SHIRLEY, TOUGAARD, TOUGAARD_U3):
        jac[:, at] = 1.0
    if kind == LINEAR:
        jac[:, at], jac[:, at + 1] = 1 - t, t
    elif kind == QUADRATIC:
        jac[:, at], jac[:, at + 1], jac[:, at + 2] = (1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)
    elif kind == EXPONENTIAL:
        jac[:, at] = values * (1 - t) / np.maximum(p[:, at, None], TINY)
        jac[:, at + 1] = values * t / np.maximum(p[:, at + 1, None], TINY)
    elif kind == SHIRLEY:
        jac[:, at + 1] = running_integral(x, peaks, rising=problem.rising)
        jac[:, :at] += p[:, at + 1, None, None] * running_integral(x, jac[:, :at], rising=problem.rising)
    elif kind in (TOUGAARD, TOUGAARD_U3):
        g = values + peaks - p[:, at, None]
        jac[:, at + 1 :] = _numpy_tougaard.derivatives(x, p[:, at + 1 :], g, jac[:, :at], rising=problem.rising)
    return values


def _cost(y: np.ndarray, f: np.ndarray, w: np.ndarray, poisson: bool, floor: np.ndarray) -> np.ndarray:
    if poisson:
        v = np.maximum(f, floor)
        return np.asarray((v - y * np.log(v)).sum(axis=1))
    return np.asarray(0.5 * (w * (y - f) ** 2).sum(axis=1))


def _normal(
    y: np.ndarray, f: np.ndarray, w: np.ndarray, jac: np.ndarray, poisson: bool, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    u = 1 / np.maximum(f, floor) if poisson else w
    r = 1 - y * u if poisson else (f - y) * w
    return (jac @ r[:, :, None])[:, :, 0], (jac * u[:, None]) @ jac.transpose(0, 2, 1)


def _cholesky(matrix: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Cholesky factors of a batch, and which of them exist: NumPy's raises if a single one does not."""
    n, low = matrix.shape[-1], np.zeros_like(matrix)
    ok = np.ones(len(matrix), dtype=bool)
    for j in range(n):
        column = matrix[:, j:, j] - np.einsum("nij,nj->ni", low[:, j:, :j], low[:, j, :j])
        ok &= column[:, 0] > least
        low[:, j:, j] = column / np.sqrt(np.where(ok, column[:, 0], 1.0))[:, None]
    return low, ok


def _backsolve(low: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    n, z = rhs.shape[1], np.empty_like(rhs)
    for a in range(n):
        z[:, a] = (rhs[:, a] - np.einsum("nc,nc->n", low[:, a, :a], z[:, :a])) / low[:, a, a]
    for a in range(n - 1, -1, -1):
        z[:, a] = (z[:, a] - np.einsum("nc,nc->n", low[:, a + 1 :, a], z[:, a + 1 :])) / low[:, a, a]
    return z


def _bounded_step(
    hess: np.ndarray, grad: np.ndarray, lam: np.ndarray, p: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Damped step inside the box, as in `_numba`, and whether it could be found."""
    diagonal = np.arange(p.shape[1])
    size = hess[:, diagonal, diagonal]
    skip = ((p <= low) & (grad > 0)) | ((p >= high) & (grad < 0)) | (size <= 1e-30)
    shift, fixed, step = np.zeros_like(p), np.zeros(p.shape, dtype=bool), np.zeros_like(p)
    ok, todo = np.ones(len(p), dtype=bool), np.arange(len(p))
    for _inner in range(4):
        h, off = hess[todo], skip[todo]
        rhs = grad[todo] + np.einsum("nab,nb->na", h, shift[todo])
        damped = np.where(off[:, :, None] | off[:, None, :], 0.0, h)
        damped[:, diagonal, diagonal] = np.where(off, 1.0, size[todo] * (1 + lam[todo, None]) + 1e-300)
        chol, good = _cholesky(damped, 0.0)
        ok[todo] = good
        step[todo] = _backsolve(chol, np.where(off, 0.0, -rhs))
        ahead = p[todo] + step[todo]
        out = ~off & ((ahead < low) | (ahead > high)) & good[:, None]
        shift[todo] = np.where(out, np.where(ahead < low, low, high) - p[todo], shift[todo])
        fixed[todo] |= out
        skip[todo] |= out
        todo = todo[out.any(axis=1)]
        if not todo.size:
            break
    step = np.where(fixed, shift, np.where(skip, 0.0, step))
    return np.clip(p + step, low, high) - p, ok


def _covariance(hess: np.ndarray, skip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    diagonal = np.arange(hess.shape[1])
    scale = 1 / np.sqrt(np.where(skip, 1.0, hess[:, diagonal, diagonal]))
    scaled = np.where(skip[:, :, None] | skip[:, None, :], 0.0, hess * scale[:, :, None] * scale[:, None, :])
    scaled[:, diagonal, diagonal] = 1.0
    _low, ok = _cholesky(scaled, 1e-11)
    scaled[~ok] = np.eye(hess.shape[1])
    cov = np.linalg.inv(scaled) * scale[:, :, None] * scale[:, None, :]
    cov[skip[:, :, None] | skip[:, None, :] | ~ok[:, None, None]] = np.nan
    return cov, ok


class _Batch:
    """State of a batch of spectra that are fitted together."""

    def __init__(
        self,
        problem: "Problem",
        channels: slice | np.ndarray,
        y: np.ndarray,
        w: np.ndarray,
        p: np.ndarray,
        damping: float,
    ) -> None:
        self.x, self.y, self.problem = problem.axis[channels], y, problem
        self.w = np.broadcast_to(w, y.shape)
        self.low, self.high = problem.box
        self.p = np.clip(p, self.low, self.high)
        total = np.abs(y).sum(axis=1, keepdims=True)
        self.floor = 1e-4 * total / y.shape[1] + 1e-300
        # what is no counts but, say, counts per second has a likelihood of another scale
        self.enough = np.minimum(1.0, 1e-3 * total[:, 0]) if problem.poisson else np.ones(len(y))
        count = len(y)
        self.damping, self.nu, self.small = np.full(count, damping), np.full(count, 2.0), np.zeros(count, dtype=int)
        self.n_iter, self.converged = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
        self.grad, self.hess = np.empty(p.shape), np.empty((*p.shape, p.shape[1]))
        everything = np.arange(count)
        self.cost = self._linearise(everything)

    def _linearise(self, rows: np.ndarray) -> np.ndarray:
        """Gradient and Hessian at the present parameters; returns the cost there."""
        f, jac = jacobian(self.problem, self.x, self.problem.expand(self.p[rows]))
        jac = self.problem.pull_back(jac)
        y, w, floor = self.y[rows], self.w[rows], self.floor[rows]
        self.grad[rows], self.hess[rows] = _normal(y, f, w, jac, self.problem.poisson, floor)
        return _cost(y, f, w, self.problem.poisson, floor)

    def iterate(self, live: np.ndarray, tol: float, max_iter: int) -> np.ndarray:
        """One step of the spectra in `live`; returns those that go on."""
        self.n_iter[live] += 1
        step, ok = _bounded_step(
            self.hess[live], self.grad[live], self.damping[live], self.p[live], self.low, self.high
        )
        bad = live[~ok]
        self.damping[bad] = np.maximum(self.damping[bad], 1e-6) * 10
        gain = -(step * (self.grad[live] + 0.5 * np.einsum("nab,nb->na", self.hess[live], step))).sum(axis=1)
        tiny, lam = ok & (gain < tol * self.enough[live]), self.damping[live]
        end = tiny & ((lam <= 1e-2) | (lam > 1e7) | (self.small[live] > 6))
        # the last step is taken unseen: to second order it lowers the cost by `gain`
        self.p[live[end]] += step[end]
        self.cost[live[end]] -= gain[end]
        self.converged[live[end]] = True
        again = live[tiny & ~end]
        self.damping[again] *= 0.05
        self.small[again] += 1
        move = ok & ~tiny
        self._try(live[move], step[move], gain[move])
        lost = (~ok & (self.damping[live] > 1e8)) | (self.damping[live] > 1e9)
        return np.asarray(live[~end & ~lost & (self.n_iter[live] < max_iter)])

    def _try(self, rows: np.ndarray, step: np.ndarray, gain: np.ndarray) -> None:
        """Keep the steps that lower the cost, and set the damping by how well they were foreseen."""
        if not rows.size:
            return
        trial = np.clip(self.p[rows] + step, self.low, self.high)
        f = model(self.problem, self.x, self.problem.expand(trial))
        new = _cost(self.y[rows], f, self.w[rows], self.problem.poisson, self.floor[rows])
        ratio = (self.cost[rows] - new) / gain
        good = ratio > 1e-4
        up, down = rows[good], rows[~good]
        self.cost[up], self.p[up], self.nu[up] = new[good], trial[good], 2.0
        self.damping[up] = np.maximum(self.damping[up] * np.maximum(0.1, 1 - (2 * ratio[good] - 1) ** 3), 1e-9)
        self.damping[down] = np.maximum(self.damping[down], 1e-6) * self.nu[down]
        self.nu[down] *= 2
        if up.size:
            self._linearise(up)

    def covariance(self) -> np.ndarray:
        """Inverse Fisher information, without what stands on a bound where the whole is singular."""
        empty = np.einsum("nii->ni", self.hess) <= 1e-30
        cov, ok = _covariance(self.hess, empty)
        if not ok.all():
            bound = (self.p <= self.low) | (self.p >= self.high)
            cov[~ok] = _covariance(self.hess[~ok], (empty | bound)[~ok])[0]
        return cov


def fit_batch(
    problem: "Problem",
    channels: slice | np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    p: np.ndarray,
    *,
    max_iter: int,
    tol: float,
    damping: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fit a batch of spectra that have the same channels; returns parameters, cost, iterations, covariance, converged.

    Parameters
    ----------
    problem : Problem
        Axis, bounds, line shapes and likelihood.
    channels : slice or numpy.ndarray
        Which channels of the axis the spectra have.
    y, w : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra and weights; the weights may have one row or column for all.
    p : numpy.ndarray, shape (n_spectra, n_parameters)
        Starting values of the free parameters.
    max_iter, tol, damping : int, float, float
        Iterations at most, gain in cost at which to stop, damping at the start.
    """
    batch = _Batch(problem, channels, y, w, p, damping)
    live = np.arange(len(y))
    while live.size:
        live = batch.iterate(live, tol, max_iter)
    return batch.p, batch.cost, batch.n_iter, batch.covariance(), batch.converged
