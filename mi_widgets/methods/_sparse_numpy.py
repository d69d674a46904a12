"""What `_sparse_numba` computes, with NumPy and scikit-learn: the path by least angles, leverages by QR."""

import warnings

import numpy as np

__all__ = ["follow_path", "left_out"]


def follow_path(
    gram: np.ndarray, right: np.ndarray, length: np.ndarray, penalties: np.ndarray, tol: float, max_iter: int
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (target, penalty, variable) for falling penalties (target, penalty), and whether each converged.

    The path is a chain of straight pieces in the penalty; between its corners it is interpolated.
    """
    from sklearn.linear_model import lars_path_gram

    out = np.zeros((*penalties.shape, len(gram)))
    good = np.ones(penalties.shape, dtype=bool)
    used = np.flatnonzero(np.diag(gram) > 0)
    block = gram[np.ix_(used, used)]
    for t in range(len(right)):
        with warnings.catch_warnings():  # early stops show in the check below
            warnings.simplefilter("ignore")
            corners, _, values = lars_path_gram(
                right[t, used],
                block,
                n_samples=1,
                alpha_min=float(penalties[t].min()),
                max_iter=10 * max_iter,
                method="lasso",
            )
        corners, values = corners[::-1], values[:, ::-1]
        for k, j in enumerate(used):
            out[t, :, j] = np.interp(penalties[t], corners, values[k])
        gradient = right[t] - out[t] @ gram
        slack = penalties[t][:, None] * (1 + 1e-6) + tol * length[t] * np.sqrt(np.diag(gram))
        good[t] = (np.abs(gradient)[:, used] <= slack[:, used]).all(axis=1)
    return out, good


def left_out(
    columns: np.ndarray, target: np.ndarray, path: np.ndarray, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals of samples as if each were left out (penalty, sample), highest leverage and condition (penalty)."""
    n_steps, m = len(path), columns.shape[1]
    residual = np.full((n_steps, m), np.nan)
    highest, condition = np.full(n_steps, np.nan), np.full(n_steps, np.nan)
    for s, beta in enumerate(path):
        used = beta != 0
        if used.sum() > most:
            continue
        lever, condition[s] = np.full(m, 1 / m), 1.0
        if used.any():
            base, upper = np.linalg.qr(columns[used].T)
            lever += (base**2).sum(axis=1)
            sizes = np.abs(np.diag(upper)) / np.linalg.norm(columns[used], axis=1)
            condition[s] = 1 / max(float(sizes.min()), 1e-300)
        highest[s] = lever.max()
        residual[s] = (target - beta @ columns) / np.maximum(1 - lever, 1e-12)
    return residual, highest, condition
