"""Means and quantiles of rows, group by group."""

from collections.abc import Sequence

import numpy as np

__all__ = ["group_means", "group_quantiles"]


def _whole(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Labels with -1 where a row is not finite."""
    with np.errstate(all="ignore"):
        bad = ~np.isfinite(rows @ np.ones(rows.shape[1], dtype=rows.dtype))
    return np.where(bad, -1, labels) if bad.any() else labels


def group_means(rows: np.ndarray, labels: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n, n_columns) and number of whole rows of each group."""
    labels = _whole(rows, labels)
    size = np.bincount(labels[labels >= 0], minlength=n)
    out = np.full((n, rows.shape[1]), np.nan, dtype=np.result_type(rows.dtype, np.float32))
    order = np.argsort(labels, kind="stable")
    start = int((labels < 0).sum())
    for k in range(n):
        own = order[start : start + size[k]]
        start += size[k]
        if own.size:
            # Neighbouring rows need no copy.
            block = rows[own[0] : own[-1] + 1] if own[-1] - own[0] + 1 == own.size else rows[own]
            out[k] = block.sum(axis=0) / own.size
    return out, size.astype(np.int64)


def group_quantiles(rows: np.ndarray, labels: np.ndarray, n: int, quantiles: Sequence[float]) -> np.ndarray:
    """Quantiles (n_quantiles, n, n_columns) of each group, linear between neighbours."""
    labels = _whole(rows, labels)
    out = np.full((len(quantiles), n, rows.shape[1]), np.nan, dtype=np.result_type(rows.dtype, np.float32))
    for k in range(n):
        own = np.flatnonzero(labels == k)
        if own.size == 0:
            continue
        place = np.asarray(quantiles) * (own.size - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, own.size - 1)
        # Columns first: partition works along contiguous memory.
        columns = np.ascontiguousarray(rows[own].T)
        columns.partition(np.unique([low, high]), axis=1)
        for q in range(len(quantiles)):
            a, b = columns[:, low[q]], columns[:, high[q]]
            out[q, k] = a + (place[q] - low[q]) * (b - a)
    return out
