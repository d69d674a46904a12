"""Which environments become the sparse points of a kernel."""

import numpy as np

__all__ = ["choose_points"]


def choose_points(x: np.ndarray, n: int, how: str, rng: np.random.Generator) -> np.ndarray:
    """Positions of up to n rows that stand for all.

    Parameters
    ----------
    x : (n_rows, n_features)
        Scaled features.
    n : int
    how : {"farthest", "cur"}
        Each the farthest from those before; or drawn by their leverage, CUR as M. W. Mahoney and P. Drineas,
        doi:10.1073/pnas.0803205106.
    rng : numpy.random.Generator
    """
    if len(x) <= n:
        return np.arange(len(x))
    return _farthest(x.astype(np.float32), n) if how == "farthest" else _leverage(x, n, rng)


def _farthest(x: np.ndarray, n: int) -> np.ndarray:
    squares = np.einsum("ij,ij->i", x, x)
    chosen = [int(np.argmax(((x - x.mean(axis=0)) ** 2).sum(axis=1)))]
    distance = squares + squares[chosen[0]] - 2 * x @ x[chosen[0]]
    for _ in range(n - 1):
        k = int(distance.argmax())
        chosen.append(k)
        distance = np.minimum(distance, squares + squares[k] - 2 * x @ x[k])
    return np.unique(chosen)


def _leverage(x: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    rank = max(int((s > 1e-3 * s[0]).sum()), 1)
    weight = (u[:, :rank] ** 2).sum(axis=1) + 1e-12
    return np.sort(rng.choice(len(x), n, replace=False, p=weight / weight.sum()))
