"""Many candidates on two coordinates, as cells of a raster that is sorted once."""

from typing import Any, Literal

import numpy as np

__all__ = ["PoolGrid", "levels_of"]

#: An axis of so few different values has a cell for each of them.
MOST_LEVELS = 256
Reduce = Literal["min", "max", "mean", "any", "count"]


def levels_of(values: np.ndarray, most: int = MOST_LEVELS) -> np.ndarray | None:
    """The different values of an axis, rising; None where there are more than `most`."""
    some = np.unique(values[: 8 * most])  # enough to see that an axis has no levels
    if some.size > most:
        return None
    levels = np.unique(values)
    return levels if levels.size <= most else None


class PoolGrid:
    """Places of candidates on a raster, so that any value of theirs is drawn in some milliseconds.

    An axis of few levels has a cell for each level, others have even bins.

    Parameters
    ----------
    x, y : array_like, shape (n_candidates,)
        Finite coordinates.
    bins : int
        Cells along an axis without levels, at most; fewer where candidates are few.
    levels : int
        An axis of so few different values has a cell for each.

    Attributes
    ----------
    x, y : numpy.ndarray
        Centres of the cells, rising.
    cell : numpy.ndarray of int, shape (n_candidates,)
        Number of the cell, ``row * n_x + column``.
    """

    def __init__(self, x: Any, y: Any, *, bins: int = 160, levels: int = MOST_LEVELS) -> None:
        x, y = (np.asarray(v, dtype=float) for v in (x, y))
        bins = int(min(bins, max(8, np.sqrt(len(x)) / 1.5)))
        self.x, column = _axis(x, bins, levels)
        self.y, row = _axis(y, bins, levels)
        self.cell = row * self.x.size + column
        self._order = np.argsort(self.cell, kind="stable")
        ordered = self.cell[self._order]
        self._start = np.flatnonzero(np.diff(ordered, prepend=-1))
        self._filled = ordered[self._start]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.y.size, self.x.size

    @property
    def share_filled(self) -> float:
        """Share of the cells with a candidate in them."""
        return self._filled.size / (self.x.size * self.y.size)

    def reduce(self, values: Any, how: Reduce = "max", inside: np.ndarray | None = None) -> np.ndarray:
        """One number for each cell.

        Parameters
        ----------
        values : array_like, shape (n_candidates,)
            What is drawn; NaN is left out.
        how : {"min", "max", "mean", "any", "count"}
            What stands for several candidates in a cell.
        inside : array_like of bool, shape (n_candidates,), optional
            Candidates that count.

        Returns
        -------
        numpy.ndarray, shape (n_rows, n_columns)
            NaN where there is no candidate with a value.
        """
        v = _only(values, inside)[self._order]
        out = np.full(self.y.size * self.x.size, np.nan)
        if how == "count":
            found = np.add.reduceat(np.isfinite(v).astype(float), self._start)
        elif how == "mean":
            known = np.isfinite(v)
            total = np.add.reduceat(np.where(known, v, 0.0), self._start)
            number = np.add.reduceat(known.astype(float), self._start)
            found = np.divide(total, number, out=np.full_like(total, np.nan), where=number > 0)
        else:
            found = (np.fmin if how == "min" else np.fmax).reduceat(v, self._start)
        out[self._filled] = found
        return out.reshape(self.shape)

    def candidate(
        self, values: Any, how: Literal["min", "max"] = "max", inside: np.ndarray | None = None
    ) -> np.ndarray:
        """Place in the pool of the candidate that stands for each cell; -1 where there is none with a value."""
        v = _only(values, inside)
        hit = np.flatnonzero(v == self.reduce(v, how).ravel()[self.cell])[::-1]
        out = np.full(self.y.size * self.x.size, -1, dtype=np.int64)
        out[self.cell[hit]] = hit
        return out.reshape(self.shape)


def _only(values: Any, inside: np.ndarray | None) -> np.ndarray:
    v = np.asarray(values, dtype=float)
    return v if inside is None else np.where(inside, v, np.nan)


def _axis(values: np.ndarray, bins: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the cells of one axis, and the cell of each value."""
    levels = levels_of(values, most)
    if levels is not None:
        return levels, np.searchsorted(levels, values)
    low, high = float(values.min()), float(values.max())
    step = (high - low) / bins or 1.0
    place = np.minimum(((values - low) / step).astype(np.int64), bins - 1)
    return low + step * (np.arange(bins) + 0.5), place
