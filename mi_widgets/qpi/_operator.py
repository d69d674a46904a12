"""Plane waves on the sampled pixels of a map: the matrix of the regression, never written out."""

from typing import Any

import numpy as np

__all__ = ["PlaneWaves", "full_plane", "q_axis"]


def q_axis(q_max: float, n_q: int) -> np.ndarray:
    """Centres of `n_q` cells between -`q_max` and `q_max`: symmetric, and zero is not among them."""
    return (np.arange(n_q) - n_q / 2 + 0.5) * (2 * q_max / n_q)


class PlaneWaves:
    r"""Sums of cosines and sines of half the q plane at some pixels of a map, and the transpose.

    .. math:: y_r = \sum_{q_y > 0} a_q \cos(q \cdot r) + b_q \sin(q \cdot r)

    Pixels lie on a lattice, of which any part is sampled, so cosine and sine of the sum separate into products of
    functions of y and of x: two dense products of real matrices, whatever the q grid, and nothing is interpolated.

    Parameters
    ----------
    y, x : numpy.ndarray
        Positions of rows and columns, from the origin of the phases.
    q : numpy.ndarray, shape (n_q,)
        Of `q_axis`, in the reciprocal unit; the same along both axes.
    mask : numpy.ndarray of bool, shape (ny, nx)
        Which pixels are sampled.
    dtype : type
        float32 halves the time; predictions do not need more.
    """

    def __init__(self, y: np.ndarray, x: np.ndarray, q: np.ndarray, mask: np.ndarray, dtype: Any = np.float64) -> None:
        rows, columns = mask.any(axis=1), mask.any(axis=0)  # lines without a sample cost nothing
        self.half = q.size // 2
        self.shape = (2, self.half, q.size)  # cosine and sine, qy above zero, all qx
        self.n_pixels, self.dtype = int(mask.sum()), np.dtype(dtype)
        self._places = np.flatnonzero(mask[np.ix_(rows, columns)])
        self._map = np.zeros((int(rows.sum()), int(columns.sum())), dtype)
        positive = q[self.half :]
        self._y = np.concatenate([f(np.outer(y[rows], positive)) for f in (np.cos, np.sin)], axis=1).astype(dtype)
        self._x = np.concatenate([f(np.outer(positive, x[columns])) for f in (np.cos, np.sin)], axis=0).astype(dtype)
        self._yt, self._xt = np.ascontiguousarray(self._y.T), np.ascontiguousarray(self._x.T)
        self._products = np.empty((q.size, q.size), dtype)

    def forward(self, c: np.ndarray) -> np.ndarray:
        """Map of the coefficients at the sampled pixels, in row order."""
        return ((self._y @ self._split(c)) @ self._x).ravel()[self._places]

    def transpose(self, values: np.ndarray) -> np.ndarray:
        """Sums over the sampled pixels of value times cosine and sine, in the shape of the coefficients."""
        self._map.ravel()[self._places] = values
        h, product = self.half, self._yt @ (self._map @ self._xt)
        out = np.empty(self.shape, self.dtype)
        cc, cs, sc, ss = product[:h, :h], product[:h, h:], product[h:, :h], product[h:, h:]
        np.subtract(cc, ss, out=out[0, :, h:])
        np.add(cc, ss, out=out[0, :, h - 1 :: -1])
        np.add(sc, cs, out=out[1, :, h:])
        np.subtract(sc, cs, out=out[1, :, h - 1 :: -1])
        return out

    def _split(self, c: np.ndarray) -> np.ndarray:
        """Coefficients of products of cosine and sine: rows of y, columns of x."""
        h, out = self.half, self._products
        (a, b), (a_back, b_back) = c[:, :, h:], c[:, :, h - 1 :: -1]
        np.add(a, a_back, out=out[:h, :h])
        np.subtract(b, b_back, out=out[:h, h:])
        np.add(b, b_back, out=out[h:, :h])
        np.subtract(a_back, a, out=out[h:, h:])
        return out

    def norm(self, n_iter: int = 30) -> float:
        """Largest eigenvalue of transpose times matrix, by power iteration from above 0.98 of it."""
        v = np.random.default_rng(0).standard_normal(self.shape)
        size = 0.0
        for _ in range(n_iter):
            v = self.transpose(self.forward(v))
            before, size = size, float(np.linalg.norm(v))
            v /= size
            if abs(size - before) < 1e-3 * size:
                break
        return 1.02 * size


def full_plane(c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine (even) and sine (odd) coefficients over the whole q plane; half of their sum is the map again."""
    a, b = c
    return np.concatenate([a[::-1, ::-1], a]), np.concatenate([-b[::-1, ::-1], b])
