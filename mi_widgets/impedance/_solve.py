"""Bounded least squares (Levenberg-Marquardt with projection) of many spectra from many starts at the same time."""

from dataclasses import dataclass

import numpy as np

from mi_widgets.impedance._grammar import Circuit
from mi_widgets.impedance._kernels import impedance_and_jacobian

__all__ = ["Problem", "Solution", "solve"]

_GROW, _SHRINK, _LEAST_DAMPING = 4.0, 5.0, 1e-14


@dataclass(frozen=True)
class Problem:
    """Spectra and limits, a row for each start.

    Attributes
    ----------
    circuit : Circuit
        The circuit.
    omega : (frequency,)
        Angular frequencies (rad/s).
    z, weight : (rows, frequency)
        Impedance, and what its residual is multiplied with; 0 leaves a point out, whose impedance then is any number.
    low, high : (parameter,)
        Limits of the internal parameters; equal ones hold a parameter.
    """

    circuit: Circuit
    omega: np.ndarray
    z: np.ndarray
    weight: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def take(self, rows: np.ndarray) -> "Problem":
        """The same problem for some rows."""
        return Problem(self.circuit, self.omega, self.z[rows], self.weight[rows], self.low, self.high)

    def linearised(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted residuals (rows, 2 frequency) and Jacobian (rows, parameter, 2 frequency), as real numbers."""
        with np.errstate(all="ignore"):
            z, jacobian = impedance_and_jacobian(self.circuit, x, self.omega)
            residual = (z - self.z) * self.weight
            jacobian *= self.weight[:, None]
        return residual.view(float), jacobian.view(float)


@dataclass
class Solution:
    """Where each row arrived.

    Attributes
    ----------
    x : (rows, parameter)
        Internal parameters.
    cost : (rows,)
        Sum of squared weighted residuals; infinite where nothing could be computed.
    converged : (rows,) bool
        Whether a minimum was reached.
    other : (rows, parameter) or None
        Where another start arrived that is nearly as good, the farthest of them; NaN for none.
    """

    x: np.ndarray
    cost: np.ndarray
    converged: np.ndarray
    other: np.ndarray | None = None


def solve(problem: Problem, x: np.ndarray, *, n_steps: int, tolerance: float = 1e-10) -> Solution:
    """Go down from each row of `x`; rows that have arrived cost nothing any more."""
    x = np.clip(x, problem.low, problem.high)
    cost, damping = np.full(len(x), np.inf), np.full(len(x), 1e-2)
    converged = np.zeros(len(x), dtype=bool)
    rows, here = np.arange(len(x)), problem
    residual, jacobian = problem.linearised(x)
    cost = _cost(residual)
    ok = np.isfinite(cost)
    cost[~ok] = np.inf
    rows, residual, jacobian, here = rows[ok], residual[ok], jacobian[ok], problem.take(ok)
    for _ in range(n_steps):
        if not rows.size:
            break
        step = _step(x[rows], residual, jacobian, damping[rows], problem)
        trial = np.clip(x[rows] + step, problem.low, problem.high)
        new_residual, new_jacobian = here.linearised(trial)
        new_cost = _cost(new_residual)
        better = new_cost < cost[rows]
        gain = np.where(better, cost[rows] - new_cost, 0.0)
        moved = np.abs(trial - x[rows]).max(axis=1)
        done = (
            (better & (gain <= tolerance * cost[rows]) & (damping[rows] < 1)) | (moved < 1e-12) | (damping[rows] > 1e9)
        )
        x[rows[better]], cost[rows[better]] = trial[better], new_cost[better]
        residual[better], jacobian[better] = new_residual[better], new_jacobian[better]
        damping[rows] = np.where(better, np.maximum(damping[rows] / _SHRINK, _LEAST_DAMPING), damping[rows] * _GROW)
        converged[rows[done]] = True
        if done.any():
            rows, residual, jacobian, here = rows[~done], residual[~done], jacobian[~done], here.take(~done)
    return Solution(x, cost, converged)


def _cost(residual: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        cost = np.einsum("ij,ij->i", residual, residual)
    return np.where(np.isfinite(cost), cost, np.inf)


def _step(
    x: np.ndarray, residual: np.ndarray, jacobian: np.ndarray, damping: np.ndarray, problem: Problem
) -> np.ndarray:
    """Damped Gauss-Newton step; parameters at a limit that the gradient pushes against stay."""
    gradient = (jacobian @ residual[:, :, None])[:, :, 0]
    matrix = jacobian @ jacobian.transpose(0, 2, 1)
    held = ((x <= problem.low) & (gradient > 0)) | ((x >= problem.high) & (gradient < 0))
    held |= problem.low >= problem.high
    size = np.einsum("ijj->ij", matrix)
    scale = 1 / np.sqrt(np.maximum(size, 1e-300))
    scale[held] = 0.0
    matrix = matrix * scale[:, :, None] * scale[:, None, :]
    k = x.shape[1]
    matrix[:, range(k), range(k)] += damping[:, None] + held
    try:
        step = np.linalg.solve(matrix, -(gradient * scale)[:, :, None])[:, :, 0] * scale
    except np.linalg.LinAlgError:
        step = -gradient * scale**2 / (1 + damping[:, None])
    return np.where(np.isfinite(step), np.clip(step, -3.0, 3.0), 0.0)
