"""The engine without a compiler: the same Levenberg-Marquardt steps as `_numba`, for many spectra at once."""

from typing import TYPE_CHECKING

import numpy as np

from mi_widgets.peaks._model import GAUSSIAN, LORENTZIAN

if TYPE_CHECKING:
    from mi_widgets.peaks._engine import Problem

SQRT_2LN2 = np.sqrt(2 * np.log(2))
INV_SQRT_2PI = 1 / np.sqrt(2 * np.pi)
BATCH = 64  # spectra held at once: the Jacobian of 64 spectra still fits in L2 cache


def model(x: np.ndarray, ends: np.ndarray, p: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Expected values, shape ``(n_spectra, n_channels)``, of parameters ``(n_spectra, n_parameters)``."""
    peaks, at = peak_values(x, p, shapes)
    return sum(peaks, np.zeros((len(p), x.size))) + background_values(x, ends, p[:, at:])


def peak_values(x: np.ndarray, p: np.ndarray, shapes: np.ndarray) -> tuple[list[np.ndarray], int]:
    """Every peak by itself, and the column at which the background begins."""
    out, at = [], 0
    for shape in shapes:
        a, mu, g = p[:, at : at + 3].T[:, :, None]
        t2 = (x - mu) ** 2
        if shape == GAUSSIAN:
            out.append(a * INV_SQRT_2PI / g * np.exp(-0.5 * t2 / g**2))
            at += 3
        elif shape == LORENTZIAN:
            out.append(a * g / np.pi / (t2 + g**2))
            at += 3
        else:
            e, s = p[:, at + 3, None], g / SQRT_2LN2
            out.append(a * (1 - e) * INV_SQRT_2PI / s * np.exp(-0.5 * t2 / s**2) + a * e * g / np.pi / (t2 + g**2))
            at += 4
    return out, at


def background_values(x: np.ndarray, ends: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Background of parameters ``(n_spectra, 0 … 2)``: none, a level, or the values at the two ends of the axis."""
    if p.shape[1] < 2:
        return np.broadcast_to(p.sum(axis=1)[:, None], (len(p), x.size))
    return p[:, :1] + (p[:, 1:] - p[:, :1]) / (ends[1] - ends[0]) * (x - ends[0])


def jacobian(x: np.ndarray, ends: np.ndarray, p: np.ndarray, shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Expected values and their derivatives, shape ``(n_spectra, n_parameters, n_channels)``."""
    jac, at = np.empty((*p.shape, x.size)), 0
    f = np.zeros((len(p), x.size))
    for shape in shapes:
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
        else:
            e, s = p[:, at + 3, None], g / SQRT_2LN2
            gau, lor = INV_SQRT_2PI / s * np.exp(-0.5 * (t / s) ** 2), g / np.pi / (t * t + g * g)
            jac[:, at + 1] = t * ((1 - e) * a / s**2 * gau + 2 * np.pi * e * a / g * lor**2)
            jac[:, at + 2] = (1 - e) * a / g * gau * ((t / s) ** 2 - 1) + e * a * lor * (1 / g - 2 * np.pi * lor)
            jac[:, at + 3] = a * (lor - gau)
            unit = gau + e * (lor - gau)
        jac[:, at] = unit
        f += a * unit
        at += 3 if shape in (GAUSSIAN, LORENTZIAN) else 4
    n_background = p.shape[1] - at
    if n_background == 1:
        jac[:, at] = 1.0
    elif n_background == 2:
        jac[:, at + 1] = (x - ends[0]) / (ends[1] - ends[0])
        jac[:, at] = 1 - jac[:, at + 1]
    return f + background_values(x, ends, p[:, at:]), jac


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
        self.x, self.ends, self.y, self.problem = problem.axis[channels], problem.axis[[0, -1]], y, problem
        self.w = np.broadcast_to(w, y.shape)
        self.p = np.clip(p, problem.low, problem.high)
        self.floor = 1e-4 * np.abs(y).sum(axis=1, keepdims=True) / y.shape[1] + 1e-12
        count = len(y)
        self.damping, self.nu, self.small = np.full(count, damping), np.full(count, 2.0), np.zeros(count, dtype=int)
        self.n_iter, self.converged = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
        self.grad, self.hess = np.empty(p.shape), np.empty((*p.shape, p.shape[1]))
        everything = np.arange(count)
        self.cost = self._linearise(everything)

    def _linearise(self, rows: np.ndarray) -> np.ndarray:
        """Gradient and Hessian at the present parameters; returns the cost there."""
        f, jac = jacobian(self.x, self.ends, self.p[rows], self.problem.shapes)
        y, w, floor = self.y[rows], self.w[rows], self.floor[rows]
        self.grad[rows], self.hess[rows] = _normal(y, f, w, jac, self.problem.poisson, floor)
        return _cost(y, f, w, self.problem.poisson, floor)

    def iterate(self, live: np.ndarray, tol: float, max_iter: int) -> np.ndarray:
        """One step of the spectra in `live`; returns those that go on."""
        self.n_iter[live] += 1
        low, high = self.problem.low, self.problem.high
        step, ok = _bounded_step(self.hess[live], self.grad[live], self.damping[live], self.p[live], low, high)
        bad = live[~ok]
        self.damping[bad] = np.maximum(self.damping[bad], 1e-6) * 10
        gain = -(step * (self.grad[live] + 0.5 * np.einsum("nab,nb->na", self.hess[live], step))).sum(axis=1)
        tiny, lam = ok & (gain < tol), self.damping[live]
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
        trial = np.clip(self.p[rows] + step, self.problem.low, self.problem.high)
        f = model(self.x, self.ends, trial, self.problem.shapes)
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
            bound = (self.p <= self.problem.low) | (self.p >= self.problem.high)
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
        Starting values.
    max_iter, tol, damping : int, float, float
        Iterations at most, gain in cost at which to stop, damping at the start.
    """
    batch = _Batch(problem, channels, y, w, p, damping)
    live = np.arange(len(y))
    while live.size:
        live = batch.iterate(live, tol, max_iter)
    return batch.p, batch.cost, batch.n_iter, batch.covariance(), batch.converged
