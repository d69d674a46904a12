"""Points on a plane from distances or from rows of numbers."""

import numpy as np

__all__ = ["classical_mds", "principal"]

_LANDMARKS = 2000


def classical_mds(square: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n_sites, n) and the share of squared distances of each; the others are placed from landmarks."""
    from scipy.linalg import eigh

    total = len(square)
    marks = np.arange(total) if total <= _LANDMARKS else np.linspace(0, total - 1, _LANDMARKS).astype(int)
    d2 = square[np.ix_(marks, marks)] ** 2
    mean = d2.mean(axis=1)
    b = -0.5 * (d2 - mean[:, None] - mean[None, :] + d2.mean())
    keep = min(n, len(marks))
    value, vector = eigh(b, subset_by_index=(len(marks) - keep, len(marks) - 1))
    value, vector = value[::-1], _signed(vector[:, ::-1])
    positive = np.clip(value, 0, None)
    scale = np.where(
        positive > 1e-12 * max(positive.max(initial=0.0), 1e-300), 1 / np.sqrt(np.maximum(positive, 1e-300)), 0
    )
    out = np.zeros((total, n))
    # Gower: a further point is at -1/2 (d^2 - mean) v / sqrt(value); for landmarks that is v sqrt(value).
    out[:, :keep] = -0.5 * (square[:, marks] ** 2 - mean[None, :]) @ (vector * scale)
    share = np.zeros(n)
    share[:keep] = positive / max(float(np.trace(b)), 1e-300)
    return out, np.minimum(share, 1.0)


def principal(rows: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components (n_sites, n) and their shares of the variance."""
    from scipy.linalg import eigh

    centred = rows - rows.mean(axis=0)
    product = centred.T @ centred if centred.shape[1] < centred.shape[0] else centred @ centred.T
    keep = min(n, len(product))
    value, vector = eigh(product, subset_by_index=(len(product) - keep, len(product) - 1))
    value, vector = np.clip(value[::-1], 0, None), vector[:, ::-1]
    found = centred @ vector if len(vector) == centred.shape[1] else vector * np.sqrt(value)
    out, share = np.zeros((len(rows), n)), np.zeros(n)
    out[:, :keep] = _signed(found)
    share[:keep] = value / max(float((centred**2).sum()), 1e-300)
    return out, share


def _signed(vectors: np.ndarray) -> np.ndarray:
    """Signs such that the entry of greatest size is above zero."""
    top = np.abs(vectors).argmax(axis=0)
    sign = np.sign(vectors[top, np.arange(vectors.shape[1])])
    return np.asarray(vectors * np.where(sign == 0, 1, sign))
