"""LASSO paths on a Gram matrix, and leverages along them, compiled. All columns are centred."""

import numba
import numpy as np

__all__ = ["follow_path", "left_out"]

_SWEEPS = 5


@numba.njit(cache=True, nogil=True)
def _sweep(
    gram: np.ndarray, gradient: np.ndarray, beta: np.ndarray, penalty: float, active_only: bool, scale: float
) -> float:
    """One round of coordinate descent; the largest step, as a share of `scale`, the length of the target."""
    largest = 0.0
    for j in range(beta.size):
        own = gram[j, j]
        if own <= 0.0 or (active_only and beta[j] == 0.0):
            continue
        pull = gradient[j] + own * beta[j]
        size = abs(pull) - penalty
        new = 0.0
        if size > 0.0:
            new = np.sign(pull) * size / own
        step = new - beta[j]
        if step != 0.0:
            beta[j] = new
            row = gram[j]
            for k in range(beta.size):
                gradient[k] -= step * row[k]
            largest = max(largest, abs(step) * np.sqrt(own) / scale)
    return largest


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _solve(gram: np.ndarray, right: np.ndarray, index: np.ndarray, n: int) -> tuple[np.ndarray, bool]:
    """Solve the block of `index` by Cholesky's factors; False where the block is singular."""
    low = np.zeros((n, n))
    out = np.zeros(n)
    for i in range(n):
        row = gram[index[i]]
        for j in range(i + 1):
            total = row[index[j]]
            for k in range(j):
                total -= low[i, k] * low[j, k]
            if i > j:
                low[i, j] = total / low[j, j]
            elif total <= 1e-12 * row[index[i]]:
                return out, False
            else:
                low[i, i] = np.sqrt(total)
    for i in range(n):
        total = right[i]
        for k in range(i):
            total -= low[i, k] * out[k]
        out[i] = total / low[i, i]
    for i in range(n - 1, -1, -1):
        total = out[i]
        for k in range(i + 1, n):
            total -= low[k, i] * out[k]
        out[i] = total / low[i, i]
    return out, True


@numba.njit(cache=True, nogil=True)
def _polish(gram: np.ndarray, right: np.ndarray, gradient: np.ndarray, beta: np.ndarray, penalty: float) -> bool:
    """Go to the minimum with these signs, or to where the first one turns; True if that is the minimum of all."""
    index = np.flatnonzero(beta)
    n = index.size
    wanted = np.empty(n)
    for i in range(n):
        wanted[i] = right[index[i]] - penalty * np.sign(beta[index[i]])
    goal, good = _solve(gram, wanted, index, n)
    if not good:
        return False
    part, turned = 1.0, -1
    for i in range(n):
        here = beta[index[i]]
        if goal[i] * here <= 0.0:
            way = here / (here - goal[i])
            if way < part:
                part, turned = way, i
    for i in range(n):
        beta[index[i]] += part * (goal[i] - beta[index[i]])
    if turned >= 0:
        beta[index[turned]] = 0.0
    for j in range(beta.size):
        gradient[j] = right[j]
    for i in range(n):
        value, row = beta[index[i]], gram[index[i]]
        if value != 0.0:
            for j in range(beta.size):
                gradient[j] -= value * row[j]
    if turned >= 0:
        return False
    for j in range(beta.size):
        if beta[j] == 0.0 and abs(gradient[j]) > penalty * (1.0 + 1e-7) and gram[j, j] > 0.0:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def follow_path(
    gram: np.ndarray, right: np.ndarray, length: np.ndarray, penalties: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (target, penalty, variable) for falling penalties (target, penalty), and whether each converged.

    `gram` (variable, variable) is X'X, `right` (target, variable) y'X, `length` (target) the norm of y.
    """
    n_targets, n = right.shape
    n_steps = penalties.shape[1]
    out = np.zeros((n_targets, n_steps, n))
    good = np.zeros((n_targets, n_steps), dtype=np.bool_)
    for t in range(n_targets):
        beta, gradient = np.zeros(n), right[t].copy()
        for s in range(n_steps):
            penalty = penalties[t, s]
            for _ in range(max_iter):
                change = _sweep(gram, gradient, beta, penalty, False, length[t])
                if change <= tol:
                    good[t, s] = True
                    break
                for _ in range(_SWEEPS):
                    if _sweep(gram, gradient, beta, penalty, True, length[t]) <= tol:
                        break
                if _polish(gram, right[t], gradient, beta, penalty):
                    good[t, s] = True
                    break
            out[t, s] = beta
    return out, good


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _subtract(base: np.ndarray, count: int, column: np.ndarray) -> None:
    """Take what lies along the first rows of `base` out of a column."""
    m = column.size
    for k in range(count):
        row, along = base[k], 0.0
        for i in range(m):
            along += row[i] * column[i]
        for i in range(m):
            column[i] -= along * row[i]


@numba.njit(cache=True, nogil=True)
def left_out(
    columns: np.ndarray, target: np.ndarray, path: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals of samples as if each were left out (penalty, sample), highest leverage and condition (penalty).

    `columns` (variable, sample) centred, `path` (penalty, variable). Where more than `most` variables take part, NaN.
    A base of the columns in use is kept and grows; it is made anew only from a column on that is used no more.
    """
    n_steps = path.shape[0]
    n, m = columns.shape
    base, order, size = np.zeros((most, m)), np.full(most, -1), np.zeros(most)
    lever = np.full(m, 1.0 / m)
    residual = np.full((n_steps, m), np.nan)
    highest, condition = np.full(n_steps, np.nan), np.full(n_steps, np.nan)
    count = 0
    for s in range(n_steps):
        beta = path[s]
        if np.count_nonzero(beta) > most:
            continue
        keep = 0
        while keep < count and beta[order[keep]] != 0.0:
            keep += 1
        if keep < count:
            count = keep
            lever[:] = 1.0 / m
            for k in range(count):
                lever += base[k] ** 2
        rest = target.copy()
        for j in range(n):
            if beta[j] == 0.0:
                continue
            column = columns[j]
            rest -= beta[j] * column
            known = False
            for k in range(count):
                if order[k] == j:
                    known = True
                    break
            if known:
                continue
            new = column.copy()
            whole = norm = np.sqrt(np.dot(column, column))
            for _ in range(2):
                _subtract(base, count, new)
                before, norm = norm, np.sqrt(np.dot(new, new))
                if norm > 0.1 * before:  # else a column that is nearly a sum of others: once is not enough
                    break
            order[count], size[count] = j, norm / whole
            base[count] = new / norm if norm > 1e-12 * whole else 0.0 * new
            lever += base[count] ** 2
            count += 1
        highest[s] = lever.max()
        condition[s] = 1.0
        for k in range(count):
            condition[s] = max(condition[s], 1.0 / max(size[k], 1e-300))
        for i in range(m):
            residual[s, i] = rest[i] / max(1.0 - lever[i], 1e-12)
    return residual, highest, condition
