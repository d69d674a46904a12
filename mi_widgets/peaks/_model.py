"""What is fitted: which peaks on which background, and where each parameter stands in the vector."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._shapes import BACKGROUNDS, DONIACH, SHAPES, Background, Shape

GAMMA_DONIACH = (-0.49, 0.49)  # from one half on the tail would be higher than a line


@dataclass(frozen=True)
class Model:
    """Peaks, each of its own line shape, on a background.

    Attributes
    ----------
    lineshapes : tuple of str
        A key of `SHAPES` for every peak; may be empty, for a background alone.
    background : str
        A key of `BACKGROUNDS`.
    """

    lineshapes: tuple[str, ...]
    background: str

    @classmethod
    def of(cls, lineshape: str | Sequence[str], n_peaks: int | None, background: str) -> "Model":
        """Check what a user gave: one line shape for all peaks, or a list with one for each."""
        if isinstance(n_peaks, bool) or not (
            n_peaks is None or (isinstance(n_peaks, int | np.integer) and n_peaks > 0)
        ):
            raise ParameterError(f"n_peaks must be a whole number of at least 1; got {n_peaks!r}.")
        _one_of("background", background, BACKGROUNDS)
        if isinstance(lineshape, str) or not isinstance(lineshape, Sequence):
            _one_of("lineshape", lineshape, SHAPES)
            return cls((str(lineshape),) * int(n_peaks or 1), background)
        for name in lineshape:
            _one_of("lineshape", name, SHAPES)
        if not lineshape or n_peaks not in (None, len(lineshape)):
            raise ParameterError(f"lineshape lists {len(lineshape)} peaks, n_peaks is {n_peaks}; leave n_peaks out.")
        return cls(tuple(lineshape), background)

    @property
    def n_peaks(self) -> int:
        """Number of peaks."""
        return len(self.lineshapes)

    @property
    def uniform(self) -> bool:
        """All peaks have one line shape, so that they can change places."""
        return len(set(self.lineshapes)) <= 1

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Line shape of every peak."""
        return tuple(SHAPES[name] for name in self.lineshapes)

    @cached_property
    def codes(self) -> np.ndarray:
        """Line shape of every peak as the engines know it, shape ``(n_peaks,)``."""
        return np.array([shape.code for shape in self.shapes], dtype=np.int64)

    @property
    def ground(self) -> Background:
        """The background."""
        return BACKGROUNDS[self.background]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Parameters by lmfit's names, in order: ``p0_amplitude, p0_center, …, background_left, …``."""
        peaks = [f"p{k}_{name}" for k, shape in enumerate(self.shapes) for name in shape.parameters]
        return (*peaks, *self.ground.parameters)

    @property
    def peak_names(self) -> tuple[str, ...]:
        """Names of peak parameters that at least one peak has, in their usual order."""
        return tuple(dict.fromkeys(name for shape in self.shapes for name in shape.parameters))

    @property
    def background_names(self) -> tuple[str, ...]:
        """Names of the background's parameters."""
        return self.ground.parameters

    @property
    def n_parameters(self) -> int:
        """Length of the parameter vector: peak by peak, then the background."""
        return len(self.names)

    @cached_property
    def offsets(self) -> np.ndarray:
        """Column at which each peak begins, and at last that of the background, shape ``(n_peaks + 1,)``."""
        return np.cumsum([0, *(len(shape.parameters) for shape in self.shapes)])

    def columns(self, name: str) -> np.ndarray:
        """Columns of a peak parameter, one for each peak that has it, or the one of the background."""
        if name in self.background_names:
            return np.array([self.names.index(name)])
        return np.array([self.names.index(f"p{k}_{name}") for k in self.having(name)], dtype=int)

    def having(self, name: str) -> list[int]:
        """Numbers of the peaks that have a parameter."""
        return [k for k, shape in enumerate(self.shapes) if name in shape.parameters]

    def peak(self, k: int) -> slice:
        """Columns of one peak."""
        return slice(int(self.offsets[k]), int(self.offsets[k + 1]))

    def sort(self, parameters: np.ndarray) -> np.ndarray:
        """Order of the peaks of every row by center, shape ``(..., n_peaks)``; only for a uniform model."""
        return np.argsort(parameters[..., self.columns("center")], axis=-1, kind="stable")

    def reorder(self, order: np.ndarray) -> np.ndarray:
        """Columns that put the peaks into `order`, shape ``(..., n_parameters)``."""
        n, k = len(self.shapes[0].parameters) if self.shapes else 0, self.n_peaks
        peaks = (order[..., None] * n + np.arange(n)).reshape(*order.shape[:-1], k * n)
        rest = np.broadcast_to(np.arange(k * n, self.n_parameters), (*order.shape[:-1], self.n_parameters - k * n))
        return np.concatenate([peaks, rest], axis=-1)

    def bounds(
        self, axis: np.ndarray, *, positive_background: bool, user: Mapping[str, Any] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper bounds of every parameter: the user's, else physical ones.

        Parameters
        ----------
        axis : numpy.ndarray, shape (n_channels,)
            Spectral axis, ascending.
        positive_background : bool
            Keep background and areas from falling below zero, whatever the user says (they must not for counts).
        user : mapping, optional
            ``{name: (low, high)}`` for all peaks or ``{name: [(low, high), ...]}`` for each; None leaves a side free.
        """
        width, step = float(axis[-1] - axis[0]), float(np.median(np.diff(axis)))
        default = {
            "amplitude": (0.0, np.inf),
            "center": (float(axis[0]), float(axis[-1])),
            "sigma": (step, width / 2),
            "gamma": (0.0, width / 2),
            "fraction": (0.0, 1.0),
            "asymmetry": (-0.9, 0.9),
            "gaussian_sigma": (0.2 * step, width / 2),
        }
        ground = self.ground.bounds(positive_background)
        limits = [
            GAMMA_DONIACH if (shape.code, name) == (DONIACH, "gamma") else default[name]
            for shape in self.shapes
            for name in shape.parameters
        ]
        limits += ground
        low, high = np.array(limits, dtype=float).reshape(-1, 2).T.copy()
        if not isinstance(user or {}, Mapping):
            raise ParameterError(f"bounds must be a dict such as {{'center': (284, 287)}}; got {user!r}.")
        for name, given in (user or {}).items():
            columns = self._known("bounds", name)
            for at, (lo, hi) in zip(columns, _pairs(name, given, columns.size), strict=True):
                floor, ceiling = self.hard_limits(self.names[at], step, positive_background)
                low[at] = max(floor, low[at] if lo is None else float(lo))
                high[at] = min(ceiling, high[at] if hi is None else float(hi))
                if not low[at] <= high[at]:
                    raise ParameterError(
                        f"bounds of {name!r} leave nothing: low {low[at]:.6g}, high {high[at]:.6g}, and it cannot be "
                        f"outside {floor:.6g} … {ceiling:.6g} (the axis runs {axis[0]:.6g} … {axis[-1]:.6g}). "
                        f"Write bounds={{{name!r}: (low, high)}} with low < high."
                    )
        return low, high

    def hard_limits(self, name: str, step: float, counts: bool) -> tuple[float, float]:
        """What a parameter cannot leave: a width is above zero, a fraction a fraction, counts are not negative."""
        peak, _, kind = name.partition("_")
        if name.startswith("background"):
            least = step**2 if kind in ("c", "d") else 0.0  # squares of energies
            return (least if counts or kind in ("step", "b", "c", "d") else -np.inf), np.inf
        if kind == "gamma":
            return GAMMA_DONIACH if self.lineshapes[int(peak[1:])] == "doniach" else (0.0, np.inf)
        fixed = {
            "fraction": (0.0, 1.0),
            "asymmetry": (-0.9, 0.9),
            "sigma": (1e-3 * step, np.inf),
            "gaussian_sigma": (0.05 * step, np.inf),
            "amplitude": (0.0 if counts else -np.inf, np.inf),
        }
        return fixed.get(kind, (-np.inf, np.inf))

    def require_units(self, axis_units: str, given: Collection[str]) -> None:
        """Raise where a background has constants in powers of eV, the axis another unit, and they are not `given`."""
        names = [n for n, at in zip(self.ground.parameters, self.ground.held, strict=False) if at is not None]
        missing = [name for name in names if name not in given]
        if missing and axis_units != "eV":
            raise ParameterError(
                f"background={self.background!r} knows {missing[0]!r} in eV² only, and the axis is in {axis_units!r}. "
                f"Write bounds={{{missing[0]!r}: (low, high)}}; two equal numbers hold it."
            )

    def _known(self, what: str, name: str) -> np.ndarray:
        known = (*self.peak_names, *self.background_names)
        if name in known:
            return self.columns(name)
        if name in self.names:
            return np.array([self.names.index(name)])
        raise ParameterError(f"{what}: unknown parameter {name!r}; this model has {', '.join(known)}.")


def _pairs(name: str, given: Any, n: int) -> Sequence[tuple[Any, Any]]:
    """One (low, high) for each peak, from one pair for all or one for each."""
    try:
        rows = list(given)
        if len(rows) == 2 and all(_is_bound(v) for v in rows):
            return [(rows[0], rows[1])] * n
        pairs = [(lo, hi) for lo, hi in rows]
    except (TypeError, ValueError):
        pairs = []
    if len(pairs) != n or not all(_is_bound(v) for pair in pairs for v in pair):
        raise ParameterError(
            f"bounds of {name!r} must be (low, high), or one such pair for each of {n} peaks; got {given!r}."
        )
    return pairs


def _is_bound(value: Any) -> bool:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    return value is None or (number and not np.isnan(value))


def _one_of(what: str, value: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(value, str) or value not in known:
        raise ParameterError(f"unknown {what} {value!r}; write one of {', '.join(map(repr, known))}.")
