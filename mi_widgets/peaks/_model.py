"""What is fitted: which peaks on which background, and where each parameter stands in the vector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError

GAUSSIAN, LORENTZIAN, PSEUDO_VOIGT = 0, 1, 2
CODES = {"gaussian": GAUSSIAN, "lorentzian": LORENTZIAN, "pseudo-voigt": PSEUDO_VOIGT}
#: Parameters of a peak, in lmfit's meaning: amplitude = area; sigma = standard deviation (gaussian) or half width.
PEAK_PARAMETERS = {
    "gaussian": ("amplitude", "center", "sigma"),
    "lorentzian": ("amplitude", "center", "sigma"),
    "pseudo-voigt": ("amplitude", "center", "sigma", "fraction"),
}
BACKGROUND_PARAMETERS = {
    "none": (),
    "constant": ("background_level",),
    "linear": ("background_left", "background_right"),
}
FWHM_PER_SIGMA = {"gaussian": 2 * sqrt(2 * log(2)), "lorentzian": 2.0, "pseudo-voigt": 2.0}
#: Height of a peak of unit area and unit sigma: gaussian share, lorentzian share.
HEIGHT = {
    "gaussian": (1 / sqrt(2 * pi), 0.0),
    "lorentzian": (0.0, 1 / pi),
    "pseudo-voigt": (sqrt(log(2) / pi), 1 / pi),
}


@dataclass(frozen=True)
class Model:
    """Peaks of one line shape on a background.

    Attributes
    ----------
    lineshape : str
        A key of `CODES`.
    n_peaks : int
        Number of peaks, at least 1.
    background : str
        A key of `BACKGROUND_PARAMETERS`.
    """

    lineshape: str
    n_peaks: int
    background: str

    def __post_init__(self) -> None:
        _one_of("lineshape", self.lineshape, CODES)
        _one_of("background", self.background, BACKGROUND_PARAMETERS)
        if isinstance(self.n_peaks, bool) or not isinstance(self.n_peaks, int | np.integer) or self.n_peaks < 1:
            raise ParameterError(f"n_peaks must be a whole number of at least 1; got {self.n_peaks!r}.")

    @property
    def peak_names(self) -> tuple[str, ...]:
        """Names of one peak's parameters."""
        return PEAK_PARAMETERS[self.lineshape]

    @property
    def background_names(self) -> tuple[str, ...]:
        """Names of the background's parameters."""
        return BACKGROUND_PARAMETERS[self.background]

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector: peak by peak, then the background."""
        return self.n_peaks * len(self.peak_names) + len(self.background_names)

    @property
    def codes(self) -> np.ndarray:
        """Line shape of every peak as the engines know it, shape ``(n_peaks,)``."""
        return np.full(self.n_peaks, CODES[self.lineshape], dtype=np.int64)

    def columns(self, name: str) -> slice | int:
        """Where a parameter stands: a slice over the peaks, or one column of the background."""
        if name in self.peak_names:
            n = len(self.peak_names)
            return slice(self.peak_names.index(name), self.n_peaks * n, n)
        return self.n_peaks * len(self.peak_names) + self.background_names.index(name)

    def sort(self, parameters: np.ndarray) -> np.ndarray:
        """Order of columns that puts the peaks of every row by center, shape ``(..., n_parameters)``."""
        n, k = len(self.peak_names), self.n_peaks
        order = np.argsort(parameters[..., self.columns("center")], axis=-1, kind="stable")
        peaks = (order[..., None] * n + np.arange(n)).reshape(*order.shape[:-1], k * n)
        rest = np.broadcast_to(np.arange(k * n, self.n_parameters), (*order.shape[:-1], len(self.background_names)))
        return np.concatenate([peaks, rest], axis=-1)

    def bounds(
        self, axis: np.ndarray, *, positive_background: bool, user: Mapping[str, Any] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of every parameter: physical ones, narrowed by the user's.

        Parameters
        ----------
        axis : numpy.ndarray, shape (n_channels,)
            Spectral axis, ascending.
        positive_background : bool
            Keep the background from falling below zero (it must not for counts).
        user : mapping, optional
            ``{name: (low, high)}`` for all peaks or ``{name: [(low, high), ...]}`` for each; None leaves a side free.
        """
        low, high = np.full(self.n_parameters, -np.inf), np.full(self.n_parameters, np.inf)
        width, step = float(axis[-1] - axis[0]), float(np.median(np.diff(axis)))
        default = {
            "amplitude": (0.0, np.inf),
            "center": (float(axis[0]), float(axis[-1])),
            "sigma": (step, width / 2),
            "fraction": (0.0, 1.0),
        }
        for name in self.peak_names:
            low[self.columns(name)], high[self.columns(name)] = default[name]
        if positive_background:
            low[self.n_peaks * len(self.peak_names) :] = 0.0
        for name, given in (user or {}).items():
            self._check_name("bounds", name)
            columns = self.columns(name)
            for row, (lo, hi) in enumerate(_pairs(name, given, self.n_peaks if isinstance(columns, slice) else 1)):
                at = range(self.n_parameters)[columns][row] if isinstance(columns, slice) else columns
                low[at] = max(low[at], -np.inf if lo is None else float(lo))
                high[at] = min(high[at], np.inf if hi is None else float(hi))
                if not low[at] <= high[at]:
                    raise ParameterError(
                        f"bounds of {name!r} leave nothing: low {low[at]:.6g}, high {high[at]:.6g} "
                        f"(the axis runs {axis[0]:.6g} … {axis[-1]:.6g}). Write bounds={{{name!r}: (low, high)}} "
                        "with low < high inside the axis."
                    )
        return low, high

    def _check_name(self, what: str, name: str) -> None:
        known = (*self.peak_names, *self.background_names)
        if name not in known:
            raise ParameterError(f"{what}: unknown parameter {name!r}; this model has {', '.join(known)}.")


def _pairs(name: str, given: Any, n: int) -> Sequence[tuple[Any, Any]]:
    """One (low, high) for each peak, from one pair for all or one for each."""
    try:
        rows = list(given)
        if len(rows) == 2 and all(v is None or np.isscalar(v) for v in rows):
            return [(rows[0], rows[1])] * n
        pairs = [(lo, hi) for lo, hi in rows]
    except (TypeError, ValueError):
        pairs = []
    if len(pairs) != n:
        raise ParameterError(
            f"bounds of {name!r} must be (low, high), or one such pair for each of {n} peaks; got {given!r}."
        )
    return pairs


def _one_of(what: str, value: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ParameterError(f"unknown {what} {value!r}; write one of {', '.join(map(repr, known))}.")
