"""Dynes's form fitted to many spectra at once: Gauss and Newton with a trust in each pixel of its own."""

from dataclasses import dataclass

import numpy as np

from mi_widgets.sts._dynes import dynes_values, n_terms

__all__ = ["NAMES", "STATUS", "Fit", "Problem", "fit_spectra"]

#: Columns of the parameters: meV, meV, unit of the data, unit of the data / meV.
NAMES = ("gap", "broadening", "normal", "slope")
STATUS = ("ok", "not_converged", "at_bound", "no_data", "not_run")
LEAST_CHANNELS = 8


@dataclass(frozen=True)
class Problem:
    """What all spectra share.

    Attributes
    ----------
    energy : numpy.ndarray
        Axis (meV).
    thermal : float
        k T (meV).
    broadening : float or None
        Where it is known and not fitted (meV).
    sloped : bool
        Whether the normal state has a slope.
    """

    energy: np.ndarray
    thermal: float
    broadening: float | None = None
    sloped: bool = True
    max_iter: int = 60

    @property
    def largest(self) -> float:
        """Largest gap that the axis can show."""
        return 0.9 * float(np.abs(self.energy).max())

    @property
    def free(self) -> np.ndarray:
        """Which parameters are fitted."""
        return np.array([True, self.broadening is None, True, self.sloped])

    def halves(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct distances from zero and where each channel finds its own: the density of states is even."""
        distance, place = np.unique(np.abs(self.energy).round(9), return_inverse=True)
        return distance, place


@dataclass(frozen=True)
class Fit:
    """Parameters and standard errors (n_pixels, 4), residual, status and iterations (n_pixels,)."""

    values: np.ndarray
    stderr: np.ndarray
    rms: np.ndarray
    status: np.ndarray
    n_iter: np.ndarray


def fit_spectra(spectra: np.ndarray, problem: Problem) -> Fit:
    """Fit every row of `spectra` (n_pixels, n_channels); channels that are not finite are left out."""
    n = len(spectra)
    good = np.isfinite(spectra)
    use = good.sum(axis=1) >= max(LEAST_CHANNELS, int(problem.free.sum()) + 2)
    out = Fit(np.full((n, 4), np.nan), np.full((n, 4), np.nan), np.full(n, np.nan), np.full(n, 3, np.int8),
              np.zeros(n, dtype=np.int64))  # fmt: skip
    if not use.any():
        return out
    data, weight = np.where(good, spectra, 0.0)[use], good[use].astype(float)
    scale = np.abs(data).sum(axis=1) / weight.sum(axis=1)
    scale[scale == 0] = 1.0
    values, stderr, rms, status, n_iter = _solve(data / scale[:, None], weight, problem)
    size = np.stack([np.ones_like(scale), np.ones_like(scale), scale, scale], axis=1)
    out.values[use], out.stderr[use], out.rms[use] = values * size, stderr * size, rms * scale
    out.status[use], out.n_iter[use] = status, n_iter
    return out


def _model(problem: Problem, p: np.ndarray, halves: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Curves (n, n_channels) and their derivatives (n, n_channels, 4)."""
    distance, place = halves
    terms = n_terms(problem.thermal, float(p[:, 0].max()))
    g, by_gap, by_broadening = (
        v[:, place] for v in dynes_values(distance, p[:, :1], p[:, 1:2], problem.thermal, terms)
    )
    line = p[:, 2:3] + p[:, 3:4] * problem.energy
    return line * g, np.stack([line * by_gap, line * by_broadening, g, g * problem.energy], axis=-1)


def _start(data: np.ndarray, weight: np.ndarray, problem: Problem, halves: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The best of a table of gaps and broadenings, normal state by linear least squares."""
    distance, place = halves
    reach = problem.largest
    gaps = np.append(np.linspace(0.02, 0.6, 20), [0.7, 0.8]) * reach
    widths = np.array([0.02, 0.08, 0.3]) * reach if problem.broadening is None else np.array([problem.broadening])
    table = np.array([(g, w) for g in gaps for w in widths])
    terms = n_terms(problem.thermal, float(gaps.max()))
    curves = dynes_values(distance, table[:, :1], table[:, 1:], problem.thermal, terms, derivatives=False)[0][:, place]
    tilted = curves * problem.energy
    aa, bb, ab = (weight @ (u * v).T for u, v in ((curves, curves), (tilted, tilted), (curves, tilted)))
    ya, yb = data @ curves.T, data @ tilted.T
    if problem.sloped:
        determinant = np.maximum(aa * bb - ab**2, 1e-300)
        level, slope = (bb * ya - ab * yb) / determinant, (aa * yb - ab * ya) / determinant
    else:
        level, slope = ya / aa, np.zeros_like(ya)
    gain = level * ya + slope * yb
    gain[level <= 0] = -np.inf
    best = gain.argmax(axis=1)
    rows = np.arange(len(data))
    return np.stack([*table[best].T, level[rows, best], slope[rows, best]], axis=1)


def _solve(
    data: np.ndarray, weight: np.ndarray, problem: Problem
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    halves, n = problem.halves(), len(data)
    low = np.array([0.0, 0.0, -np.inf, -np.inf])
    high = np.array([problem.largest, problem.largest, np.inf, np.inf])
    p = np.clip(_start(data, weight, problem, halves), low, high)
    curve, jacobian = _model(problem, p, halves)
    residual = (curve - data) * weight
    jacobian *= weight[..., None]
    cost = np.square(residual).sum(axis=1)
    damping, n_iter = np.full(n, 1e-3), np.zeros(n, dtype=np.int64)
    left = np.arange(n)
    for _ in range(problem.max_iter):
        hessian, gradient, held = _normal(jacobian[left], residual[left], p[left], low, high, problem.free)
        step = _step(hessian, gradient, held, damping[left])
        new = np.clip(p[left] + step, low, high)
        curve, slopes = _model(problem, new, halves)
        apart = (curve - data[left]) * weight[left]
        new_cost = np.square(apart).sum(axis=1)
        better = new_cost <= cost[left]
        gain = cost[left] - new_cost
        moved = left[better]
        p[moved], residual[moved], cost[moved] = new[better], apart[better], new_cost[better]
        jacobian[moved] = slopes[better] * weight[moved][..., None]
        damping[left] = np.clip(np.where(better, damping[left] / 5, damping[left] * 6), 1e-9, 1e9)
        n_iter[left] += 1
        small = (np.abs(step) <= 1e-5 * (np.abs(p[left]) + 1e-3)).all(axis=1)
        done = (better & (gain <= 1e-9 * cost[left])) | small | (damping[left] >= 1e8)
        left = left[~done]
        if not left.size:
            break
    status = np.zeros(n, dtype=np.int8)
    status[left] = 1
    return p, *_errors(jacobian, residual, weight, p, low, high, problem.free, status), n_iter


def _normal(
    jacobian: np.ndarray, residual: np.ndarray, p: np.ndarray, low: np.ndarray, high: np.ndarray, free: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Normal equations, and which parameters are held: not fitted, or at a bound and pushed against it."""
    turned = jacobian.transpose(0, 2, 1)
    hessian, gradient = turned @ jacobian, (turned @ residual[..., None])[..., 0]
    held = ((p <= low) & (gradient > 0)) | ((p >= high) & (gradient < 0)) | ~free
    return hessian, gradient, held


def _step(hessian: np.ndarray, gradient: np.ndarray, held: np.ndarray, damping: np.ndarray) -> np.ndarray:
    matrix = hessian.copy()
    index = np.arange(matrix.shape[1])
    diagonal = matrix[:, index, index]
    matrix[:, index, index] += damping[:, None] * diagonal + 1e-12 * (1 + diagonal.max(axis=1, keepdims=True))
    matrix[held] = 0.0
    matrix.transpose(0, 2, 1)[held] = 0.0
    matrix[:, index, index] += held
    return -np.linalg.solve(matrix, np.where(held, 0.0, gradient)[..., None])[..., 0]


def _errors(
    jacobian: np.ndarray, residual: np.ndarray, weight: np.ndarray, p: np.ndarray, low: np.ndarray, high: np.ndarray,
    free: np.ndarray, status: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Standard errors from the scatter about the curve, rms, status."""
    near = 1e-6 * (1 + np.where(np.isfinite(high), high, 0.0))
    bound = (p <= low + near) | (p >= high - near)
    fitted = free & ~bound
    turned = jacobian.transpose(0, 2, 1)
    matrix = turned @ jacobian
    index = np.arange(matrix.shape[1])
    matrix[~fitted] = 0.0
    matrix.transpose(0, 2, 1)[~fitted] = 0.0
    matrix[:, index, index] += ~fitted
    size = np.sqrt(np.maximum(matrix[:, index, index], 1e-300))  # scaled, or small numbers look singular
    inverse = np.linalg.pinv(matrix / (size[:, :, None] * size[:, None, :]), rcond=1e-12, hermitian=True)
    channels = weight.sum(axis=1)
    dof = np.maximum(channels - fitted.sum(axis=1), 1)
    square = np.square(residual).sum(axis=1)
    stderr = np.sqrt(np.maximum(inverse[:, index, index], 0.0) * (square / dof)[:, None]) / size
    stderr[~fitted] = np.nan
    status = np.where((status == 0) & (bound & free).any(axis=1), 2, status).astype(np.int8)
    return stderr, np.sqrt(square / channels), status
