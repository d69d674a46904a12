"""Landauer's formula on arrays."""

import numpy as np

__all__ = ["transmission"]

_BLOCK_BYTES = 64_000_000


def transmission(matrix: np.ndarray, left: np.ndarray, right: np.ndarray, energy: np.ndarray) -> np.ndarray:
    """T(E) = sum_ij left_i |G_ij|^2 right_j for one Hermitian matrix (n, n) and broadenings (n) of its sites."""
    open_ends = matrix.astype(complex)
    both = np.arange(len(matrix))
    open_ends[both, both] -= 0.5j * (left + right)
    ends = np.flatnonzero(left), np.flatnonzero(right)
    if not ends[0].size or not ends[1].size:
        return np.zeros(energy.size)
    out = np.empty(energy.size)
    step = max(1, _BLOCK_BYTES // (16 * matrix.size))
    modes = _modes(open_ends)
    for start in range(0, energy.size, step):
        some = energy[start : start + step]
        if modes is not None:
            level, vector, inverse = modes
            rows = vector[ends[0]] / (some[:, None, None] - level)
            green = rows @ inverse[:, ends[1]]
        else:
            green = _solved(open_ends, some, ends)
        out[start : start + step] = ((np.abs(green) ** 2) @ right[ends[1]]) @ left[ends[0]]
    return out


def _modes(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Eigenvalues, eigenvectors and their inverse: one decomposition for all energies; None if it is not sound."""
    level, vector = np.linalg.eig(matrix)
    try:
        inverse = np.linalg.inv(vector)
    except np.linalg.LinAlgError:
        return None
    # eigenvectors that fall together (an exceptional point) cannot be inverted with any accuracy
    wrong = np.abs((vector * level) @ inverse - matrix).max()
    size = np.abs(matrix).max()
    sound = wrong <= 1e-11 * max(size, 1e-300) and np.linalg.norm(vector, 2) * np.linalg.norm(inverse, 2) < 1e6
    return (level, vector, inverse) if sound and (level.imag < 0).all() else None


def _solved(matrix: np.ndarray, energy: np.ndarray, ends: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    n = len(matrix)
    inverse = energy[:, None, None] * np.eye(n) - matrix
    source = np.eye(n)[:, ends[1]]
    # a state that touches no electrode has no width: off its energy by rounding, G is finite where it matters
    inverse[:, np.arange(n), np.arange(n)] += 1e-13j * max(float(np.abs(matrix).max()), 1e-300)
    return np.asarray(np.linalg.solve(inverse, source)[:, ends[0]])
