"""Distances between sites: shares of states in, condensed matrix out (the pairs of ``scipy``'s ``pdist``)."""

from collections.abc import Callable, Iterator

import numpy as np

from mi_widgets.dos._shares import Shares

__all__ = ["METRICS", "UNITS", "condensed", "pair_rows", "to_square"]

#: Metrics and their units; those that are differences of energies are in eV.
UNITS = {
    "total_variation": "1",
    "l1": "1",
    "l2": "1/eV**0.5",
    "cosine": "1",
    "tanimoto": "1",
    "jensen_shannon": "1",
    "hellinger": "1",
    "wasserstein": "eV",
    "relative_wasserstein": "1",
}
METRICS = tuple(UNITS)
_ROWS = 256
_HOP = 1.0  # eV for a state that is in another orbital, whatever its energy


def condensed(shares: Shares, metric: str, max_shift: float, apart: bool) -> np.ndarray:
    """Distances of all pairs; where elements are kept apart, those of different ones are at the greatest distance."""
    n, dtype = shares.site.size, shares.values.dtype
    element = shares.element[shares.site]
    out = np.zeros(n * (n - 1) // 2, dtype=dtype)
    groups = [np.flatnonzero(element == e) for e in np.unique(element)] if apart else [np.arange(n)]
    n_shift = min(int(np.floor(max_shift / shares.step + 1e-9)), shares.values.shape[-1] - 1)
    inside = np.zeros(out.size, dtype=bool) if len(groups) > 1 else None
    for members in groups:
        for row, others, d in _blocks(shares.values[members], shares.step, metric, n_shift):
            first, second = members[row], members[others]
            at = pair_rows(first, second, n)
            out[at] = d
            if inside is not None:
                inside[at] = True
    np.clip(out, 0, None, out=out)
    if inside is not None:
        far = 1.0 if metric not in ("l1", "l2", "wasserstein") else 2.0 if metric == "l1" else 0.0
        out[~inside] = max(far, float(out.max(initial=0.0)))
    return out


def pair_rows(first: int, second: np.ndarray, n: int) -> np.ndarray:
    """Places of pairs (first < second) in the condensed matrix."""
    return np.asarray(n * first - first * (first + 1) // 2 + second - first - 1)


def to_square(distances: np.ndarray, n: int) -> np.ndarray:
    """Square matrix of a condensed one."""
    out = np.zeros((n, n), dtype=distances.dtype)
    start = 0
    for i in range(n - 1):
        row = distances[start : start + n - 1 - i]
        out[i, i + 1 :] = row
        out[i + 1 :, i] = row
        start += row.size
    return out


def _blocks(values: np.ndarray, step: float, metric: str, n_shift: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Row, the later sites, their distances."""
    n = len(values)
    if metric in ("total_variation", "l1") and _numba_is_there():
        from mi_widgets.dos._numba_distance import total_variation

        factor = 1.0 if metric == "total_variation" else 2.0
        for start, block in total_variation(values, n_shift):
            for k, row in enumerate(block):
                i = start + k
                yield i, np.arange(i + 1, n), factor * row[i + 1 :]
        return
    if metric in ("wasserstein", "relative_wasserstein") and _numba_is_there():
        from mi_widgets.dos._numba_distance import transport

        rise, mass = rises(values)
        relative = metric == "relative_wasserstein"
        width = band_width(values, step) if relative else np.ones(n)
        for start, block in transport(rise, mass, width / step, 1.0 if relative else _HOP, n_shift):
            for k, row in enumerate(block):
                i = start + k
                yield i, np.arange(i + 1, n), row[i + 1 :]
        return
    pad = [(0, 0), (0, 0), (n_shift, n_shift)]
    padded = np.pad(values, pad)
    measure = _MEASURES[metric](step)
    for start in range(0, n, _ROWS):
        stop = min(start + _ROWS, n)
        best: np.ndarray | None = None
        for s in range(-n_shift, n_shift + 1):
            moved = padded if s == 0 else np.roll(padded, s, axis=-1)[start:]
            later = moved if s else padded[start:]
            found = measure(padded[start:stop], later)
            best = found if best is None else np.minimum(best, found, out=best)
        for i in range(start, stop):
            if best is not None and i + 1 < n:
                yield i, np.arange(i + 1, n), best[i - start, i + 1 - start :]


def _numba_is_there() -> bool:
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _flat(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _cityblock(factor: float) -> Measure:
    def measure(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        from scipy.spatial.distance import cdist

        return np.asarray(factor * cdist(_flat(a), _flat(b), "cityblock"))

    return measure


def _l2(step: float) -> Measure:
    def measure(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        from scipy.spatial.distance import cdist

        return np.asarray(cdist(_flat(a), _flat(b)) / np.sqrt(step))

    return measure


def _products(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = _flat(a).astype(float), _flat(b).astype(float)
    return a @ b.T, (a * a).sum(1)[:, None], (b * b).sum(1)[None, :]


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ab, aa, bb = _products(a, b)
    return np.clip(1 - ab / np.sqrt(aa * bb), 0, None)


def _tanimoto(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ab, aa, bb = _products(a, b)
    return np.clip(1 - ab / (aa + bb - ab), 0, None)


def _hellinger(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    overlap = np.sqrt(_flat(a).astype(float)) @ np.sqrt(_flat(b).astype(float)).T
    return np.sqrt(np.clip(1 - overlap, 0, None))


def _jensen_shannon(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    from scipy.special import xlogy

    a, b = _flat(a).astype(float), _flat(b).astype(float)
    own_a, own_b = xlogy(a, a).sum(1), xlogy(b, b).sum(1)
    out = np.empty((len(a), len(b)))
    for i, row in enumerate(a):
        mean = 0.5 * (row + b)
        out[i] = 0.5 * (own_a[i] + own_b) - xlogy(mean, mean).sum(1)
    return np.sqrt(np.clip(out / np.log(2), 0, 1))


def _wasserstein(step: float) -> Measure:
    """Mean way in energy of the states that stay in their orbital, and `_HOP` for each that does not."""

    def measure(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        way, other = _moves(a, b, step)
        return way + _HOP * other

    return measure


def _relative(step: float) -> Measure:
    """The same, the way over the mean width of the two sites' bands; a state that does not stay counts 1."""

    def measure(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        way, other = _moves(a, b, step)
        return way / (0.5 * (band_width(a, step)[:, None] + band_width(b, step)[None, :])) + other

    return measure


def _moves(a: np.ndarray, b: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Way of the states that stay in their orbital (eV, over all states), and the share of those that do not."""
    from scipy.spatial.distance import cdist

    (rise_a, mass_a), (rise_b, mass_b) = rises(a), rises(b)
    way, stay = np.zeros((len(a), len(b))), np.zeros((len(a), len(b)))
    for c in range(a.shape[1]):
        both = np.minimum(mass_a[:, c, None], mass_b[None, :, c])
        stay += both
        way += both * step * cdist(rise_a[:, c], rise_b[:, c], "cityblock")
    return way, np.clip(1 - stay, 0, None)


def rises(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative shares of each orbital, from 0 to 1, and the share of the orbital."""
    mass = values.sum(axis=-1)
    return np.cumsum(values, axis=-1) / np.maximum(mass, 1e-30)[..., None], mass


def band_width(values: np.ndarray, step: float) -> np.ndarray:
    """Mean over orbitals, by their shares, of the standard deviation of their states (eV)."""
    values = values.astype(float)
    at = step * np.arange(values.shape[-1])
    mass = values.sum(axis=-1)
    safe = np.maximum(mass, 1e-30)
    centre = values @ at / safe
    variance = np.clip(values @ (at * at) / safe - centre**2, 0, None)
    return np.asarray(np.maximum((mass * np.sqrt(variance)).sum(axis=-1), 0.1 * step))


_MEASURES: dict[str, Callable[[float], Measure]] = {
    "total_variation": lambda step: _cityblock(0.5),  # noqa: ARG005
    "l1": lambda step: _cityblock(1.0),  # noqa: ARG005
    "l2": _l2,
    "cosine": lambda step: _cosine,  # noqa: ARG005
    "tanimoto": lambda step: _tanimoto,  # noqa: ARG005
    "jensen_shannon": lambda step: _jensen_shannon,  # noqa: ARG005
    "hellinger": lambda step: _hellinger,  # noqa: ARG005
    "wasserstein": _wasserstein,
    "relative_wasserstein": _relative,
}
