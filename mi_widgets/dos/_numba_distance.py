"""Total variation and transport between sites, the least over rigid shifts of one against the other, compiled."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

__all__ = ["total_variation", "transport"]

_ROWS = 128
_COARSE = 4


def total_variation(values: np.ndarray, n_shift: int) -> Iterator[tuple[int, np.ndarray]]:
    """First row of each block and its distances to all sites; pairs before the diagonal are left at 0."""
    n, n_channels, n_bins = values.shape
    padded = np.zeros((n, n_channels, n_bins + 2 * n_shift), dtype=values.dtype)
    padded[..., n_shift : n_shift + n_bins] = values
    padded = np.ascontiguousarray(padded)
    own = _own(padded, n_shift)
    return _in_threads(n, lambda start, stop: _rows(padded, own, n_shift, start, stop))


def transport(
    rise: np.ndarray, mass: np.ndarray, width: np.ndarray, other: float, n_shift: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks, as in `total_variation`, of the mean way of states over the mean width of two sites (bins).

    `rise` (n_sites, n_channels, n_bins): cumulative shares of each orbital, `mass` (n_sites, n_channels): its share
    of all states, `other` what a state in another orbital counts.
    """
    rise, mass = np.ascontiguousarray(rise), mass.astype(float)
    centre = rise.shape[-1] - rise.sum(axis=-1, dtype=float)  # mean bin of each orbital
    rest = (width, other, n_shift)
    return _in_threads(len(rise), lambda start, stop: _transport_rows(rise, mass, centre, *rest, start, stop))


def _in_threads(n: int, rows: Callable[[int, int], np.ndarray]) -> Iterator[tuple[int, np.ndarray]]:
    starts = range(0, n, _ROWS)
    workers = max(1, min(4, os.cpu_count() or 1))

    def work(start: int) -> tuple[int, np.ndarray]:
        return start, rows(start, min(start + _ROWS, n))

    if len(starts) == 1:
        yield work(0)
        return
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(starts), workers):  # no more blocks waiting than threads
            yield from pool.map(work, starts[first : first + workers])


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _apart(a, b, shift):
    """Half the sum of differences of a[e] and b[e + shift]; both are zero at their ends."""
    n_channels, n = a.shape
    total = a.dtype.type(0)
    lo, hi = max(0, -shift), min(n, n - shift)
    for c in range(n_channels):
        x, y = a[c, lo:hi], b[c, lo + shift : hi + shift]
        part = a.dtype.type(0)
        for e in range(hi - lo):
            part += abs(x[e] - y[e])
        total += part
    return 0.5 * total


@numba.njit(cache=True, nogil=True)
def _own(values, n_shift):
    """Distance of every site to itself, moved by 0 … `_COARSE` bins."""
    n = values.shape[0]
    out = np.zeros((n, _COARSE + 1))
    if n_shift == 0:
        return out
    for i in range(n):
        for s in range(1, _COARSE + 1):
            # the zeros at the ends may be fewer than the shift; what leaves the array differs by all it has
            k = min(s, n_shift)
            out[i, s] = _apart(values[i], values[i], k)
            if k < s:
                out[i, s] = 1.0
    return out


@numba.njit(cache=True, nogil=True)
def _rows(values, own, n_shift, start, stop):
    n = values.shape[0]
    out = np.zeros((stop - start, n), dtype=values.dtype)
    found = np.zeros(2 * n_shift + 1)
    for i in range(start, stop):
        for j in range(i + 1, n):
            best = _apart(values[i], values[j], 0)
            if n_shift > 0 and best > 0:
                best = _least(values[i], values[j], own[i], own[j], n_shift, best, found)
            out[i - start, j] = best
    return out


@numba.njit(cache=True, nogil=True)
def _least(a, b, own_a, own_b, n_shift, best, found):
    """Least distance over all shifts; a shift is left out where the triangle inequality forbids anything less.

    Moving one site by k bins changes the distance by at most the distance of that site to itself moved by k.
    """
    found[n_shift] = best
    first = n_shift % _COARSE
    for p in range(first, 2 * n_shift + 1, _COARSE):
        if p != n_shift:
            found[p] = _apart(a, b, p - n_shift)
            best = min(best, found[p])
    for p in range(2 * n_shift + 1):
        k = (p - first) % _COARSE
        if k == 0:
            continue
        low = 0.0
        if p - k >= 0:
            low = found[p - k] - min(own_a[k], own_b[k])
        up = p - k + _COARSE
        if up <= 2 * n_shift:
            low = max(low, found[up] - min(own_a[_COARSE - k], own_b[_COARSE - k]))
        if low < best:
            best = min(best, _apart(a, b, p - n_shift))
    return best


@numba.njit(cache=True, nogil=True)
def _transport_rows(rise, mass, centre, width, other, n_shift, start, stop):
    n, n_channels = mass.shape
    out = np.zeros((stop - start, n), dtype=rise.dtype)
    both = np.zeros(n_channels)
    for i in range(start, stop):
        for j in range(i + 1, n):
            stay = 0.0
            for c in range(n_channels):
                both[c] = min(mass[i, c], mass[j, c])
                stay += both[c]
            start_at = 0.0
            if n_shift > 0 and stay > 0:
                for c in range(n_channels):
                    start_at += both[c] * (centre[i, c] - centre[j, c])
                start_at /= stay
            way = _least_way(rise[i], rise[j], both, int(np.rint(start_at)), n_shift)
            out[i - start, j] = 2 * way / (width[i] + width[j]) + other * max(1 - stay, 0.0)
    return out


@numba.njit(cache=True, nogil=True)
def _least_way(a, b, both, start, n_shift):
    """Least way over all shifts: it is a convex function of the shift, so that going down from `start` ends there."""
    shift = min(max(start, -n_shift), n_shift)
    best = _way(a, b, both, shift)
    for step in (1, -1):
        moved = False
        while -n_shift <= shift + step <= n_shift:
            found = _way(a, b, both, shift + step)
            if found >= best:
                break
            best, shift, moved = found, shift + step, True
        if moved:
            break
    return best


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "contract"})
def _way(a, b, both, shift):
    """Sum of differences of a[e] and b[e - shift], which are 0 before and 1 after their ends, weighted by channel."""
    n_channels, n = a.shape
    total = 0.0
    for c in range(n_channels):
        if both[c] <= 0:
            continue
        part = a.dtype.type(0)
        if shift >= 0:
            x, y = a[c, shift:], b[c, : n - shift]
            for e in range(n - shift):
                part += abs(x[e] - y[e])
            for e in range(shift):
                part += a[c, e] + (1 - b[c, n - 1 - e])
        else:
            x, y = a[c, : n + shift], b[c, -shift:]
            for e in range(n + shift):
                part += abs(x[e] - y[e])
            for e in range(-shift):
                part += b[c, e] + (1 - a[c, n - 1 - e])
        total += both[c] * part
    return total
