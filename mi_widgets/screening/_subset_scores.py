"""Leave-one-out predictions of one model on many subsets of variables; arrays in, arrays out."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

__all__ = [
    "KERNELS",
    "LeftOut",
    "blocks",
    "design",
    "kernel_matrix",
    "left_out_kernel",
    "left_out_polynomial",
    "predict_kernel",
]

_ENTRIES = 4_000_000  # numbers in one block
_RIDGE = 1e-9
_MEAN = 100.0  # variance of the constant beside the kernel, whose own is 1
#: Lengths (standard deviations of the variables) and noise variances that are tried.
KERNELS = tuple((length, noise) for length in (1.0, 2.0) for noise in (0.01, 0.1))


@dataclass(frozen=True)
class LeftOut:
    """Predictions of candidates that were left out.

    Attributes
    ----------
    residual : numpy.ndarray, shape (subset, candidate)
        Target less prediction.
    stderr : numpy.ndarray, shape (subset, candidate)
        Standard error of the prediction of a new measurement.
    kernel : numpy.ndarray of int, shape (subset,)
        Which of `KERNELS` was taken; zeros for polynomials.
    """

    residual: np.ndarray
    stderr: np.ndarray
    kernel: np.ndarray


def blocks(n: int, n_features: int, most: int, model: str, degree: int) -> Iterator[np.ndarray]:
    """All subsets of up to `most` variables, small ones first, in blocks (subset, k) that fit into memory."""
    for k in range(1, most + 1):
        columns = n if model == "kernel" else 1 + k if degree == 1 else 1 + k + k * (k + 1) // 2
        size = max(1, (_ENTRIES // (8 if model == "kernel" else 1)) // (n * columns))
        every = np.array(list(combinations(range(n_features), k)), dtype=np.int64)
        yield from np.array_split(every, -(-len(every) // size))


def design(x: np.ndarray, subsets: np.ndarray, degree: int) -> np.ndarray:
    """Columns of the model of each subset (subset, candidate, column), the constant first."""
    chosen = np.moveaxis(x[:, subsets], 0, 1)  # (subset, candidate, k)
    columns = [np.ones((*chosen.shape[:2], 1)), chosen]
    if degree == 2:
        first, second = np.triu_indices(subsets.shape[1])
        columns.append(chosen[..., first] * chosen[..., second])
    return np.concatenate(columns, axis=-1)


def left_out_polynomial(x: np.ndarray, y: np.ndarray, subsets: np.ndarray, degree: int) -> LeftOut:
    """Exact, from one fit of each subset."""
    matrix = design(x, subsets, degree)
    gram = matrix.transpose(0, 2, 1) @ matrix
    gram += _RIDGE * len(y) * np.eye(gram.shape[-1])
    solved = np.linalg.solve(gram, matrix.transpose(0, 2, 1))  # (subset, column, candidate)
    residual = y - np.einsum("snc,sc->sn", matrix, solved @ y)
    keep = np.maximum(1 - np.einsum("snc,scn->sn", matrix, solved), 1e-9)
    spread = np.sqrt((residual**2).sum(axis=1) / max(len(y) - matrix.shape[-1], 1))
    return LeftOut(residual / keep, spread[:, None] / np.sqrt(keep), np.zeros(len(subsets), dtype=np.int64))


def kernel_matrix(one: np.ndarray, other: np.ndarray, length: float) -> np.ndarray:
    """Gaussian kernel and a constant; distances are per variable, so that subsets of all sizes are alike."""
    gap = ((one[..., :, None, :] - other[..., None, :, :]) ** 2).mean(axis=-1)
    return np.asarray(_MEAN + np.exp(-gap / (2 * length**2)))


def left_out_kernel(x: np.ndarray, y: np.ndarray, subsets: np.ndarray) -> LeftOut:
    """Kernel ridge regression, which is the mean of a Gaussian process: the best of a few kernels for each subset."""
    gap = (x[:, None] - x[None]) ** 2
    member = np.zeros((len(subsets), x.shape[1]))
    np.put_along_axis(member, subsets, 1.0 / subsets.shape[1], axis=1)
    distance = np.tensordot(member, gap, (1, 2))
    out: LeftOut | None = None
    best = np.full(len(subsets), np.inf)
    for number, (length, noise) in enumerate(KERNELS):
        matrix = _MEAN + np.exp(-distance / (2 * length**2))
        matrix[:, np.arange(len(y)), np.arange(len(y))] += noise
        inverse = np.linalg.inv(matrix)
        diagonal = np.einsum("snn->sn", inverse)
        weights = inverse @ y
        residual = weights / diagonal
        scale = np.sqrt(np.maximum(np.einsum("sn,n->s", weights, y), 0.0) / len(y))
        stderr = scale[:, None] / np.sqrt(diagonal)
        error = (residual**2).mean(axis=1)
        if out is None:
            out = LeftOut(residual, stderr, np.zeros(len(subsets), dtype=np.int64))
        better = error < best
        out.residual[better], out.stderr[better], out.kernel[better] = residual[better], stderr[better], number
        best = np.minimum(best, error)
    if out is None:
        raise ValueError("no kernels")
    return out


def predict_kernel(x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and standard errors outside, by the kernel that leaves the least error inside."""
    middle = y[inside].mean()
    best = left_out_kernel(x[inside], y[inside] - middle, np.arange(x.shape[1])[None])
    length, noise = KERNELS[int(best.kernel[0])]
    matrix = kernel_matrix(x[inside], x[inside], length) + noise * np.eye(int(inside.sum()))
    cross = kernel_matrix(x[~inside], x[inside], length)
    weights = np.linalg.solve(matrix, y[inside] - middle)
    scale = max(float((y[inside] - middle) @ weights), 0.0) / int(inside.sum())
    own = _MEAN + 1 + noise - np.einsum("nm,mn->n", cross, np.linalg.solve(matrix, cross.T))
    return middle + cross @ weights, np.sqrt(scale * np.maximum(own, 0.0))
