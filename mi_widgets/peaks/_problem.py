"""What all spectra of a run share: axis, model, bounds, ties and likelihood, as the engines read them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.peaks._model import Model


@dataclass(frozen=True)
class Ties:
    """Every parameter as a multiple of a free one plus a constant: ``p[a] = factor[a] * p[owner[a]] + offset[a]``.

    Attributes
    ----------
    owner : numpy.ndarray, shape (n_parameters,)
        The parameter that is followed; itself where it is free, -1 where it is a constant.
    factor, offset : numpy.ndarray, shape (n_parameters,)
        1 and 0 where the parameter is free.
    """

    owner: np.ndarray
    factor: np.ndarray
    offset: np.ndarray

    @classmethod
    def none(cls, n: int) -> "Ties":
        """All `n` parameters are free."""
        return cls(np.arange(n), np.ones(n), np.zeros(n))


@dataclass(frozen=True)
class Problem:
    """One model on one axis.

    Attributes
    ----------
    axis : numpy.ndarray, shape (n_channels,)
        Ascending.
    model : Model
        Peaks and background.
    low, high : numpy.ndarray, shape (n_parameters,)
        Bounds.
    poisson : bool
        Poisson likelihood; else gaussian.
    rising : bool
        A Shirley background grows towards the high end of the axis.
    ties : Ties, optional
        Which parameters follow others; by default none.
    """

    axis: np.ndarray
    model: Model
    low: np.ndarray
    high: np.ndarray
    poisson: bool
    rising: bool = True
    ties: Ties | None = None

    @property
    def shapes(self) -> np.ndarray:
        """Codes of the line shapes."""
        return self.model.codes

    @property
    def offsets(self) -> np.ndarray:
        """Columns at which peaks and background begin."""
        return self.model.offsets

    @property
    def background(self) -> int:
        """Code of the background."""
        return self.model.ground.code

    @cached_property
    def free(self) -> np.ndarray:
        """Columns of the free parameters, shape ``(n_free,)``."""
        owner = self._ties.owner
        return np.flatnonzero(owner == np.arange(owner.size))

    @cached_property
    def slot(self) -> np.ndarray:
        """For every parameter the number of the free one it follows, -1 for a constant."""
        slots = np.full(self.low.size, -1)
        slots[self.free] = np.arange(self.free.size)
        return np.where(self._ties.owner < 0, -1, slots[self._ties.owner])

    @property
    def tied(self) -> bool:
        """Any parameter is not free."""
        return bool(self.free.size < self.low.size)

    @property
    def peaks_tied(self) -> bool:
        """Any parameter of a peak is not free."""
        return not np.isin(np.arange(self.offsets[-1]), self.free).all()

    @property
    def factor(self) -> np.ndarray:
        """Factor of every parameter."""
        return self._ties.factor

    @property
    def offset(self) -> np.ndarray:
        """Constant of every parameter."""
        return self._ties.offset

    @cached_property
    def _ties(self) -> Ties:
        return self.ties or Ties.none(self.low.size)

    @cached_property
    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the free parameters, narrowed by those of the parameters that follow them."""
        low, high = self.low[self.free].copy(), self.high[self.free].copy()
        for a, (k, factor, offset) in enumerate(zip(self.slot, self.factor, self.offset, strict=True)):
            if k < 0 or factor == 0:
                continue
            ends = sorted(((self.low[a] - offset) / factor, (self.high[a] - offset) / factor))
            low[k], high[k] = max(low[k], ends[0]), min(high[k], ends[1])
        if (low > high).any():
            name = self.model.names[self.free[int(np.argmax(low > high))]]
            raise ParameterError(
                f"ties and bounds together leave no value for {name!r}. Widen the bounds of what follows it."
            )
        return low, high

    def expand(self, q: np.ndarray) -> np.ndarray:
        """All parameters ``(..., n_parameters)`` from the free ones."""
        if not self.tied:
            return q
        constant = self.slot < 0
        return np.where(constant, self.offset, self.factor * q[..., np.where(constant, 0, self.slot)] + self.offset)

    def expand_covariance(self, covariance: np.ndarray) -> np.ndarray:
        """Covariance of all parameters from that of the free ones; zero for constants."""
        if not self.tied:
            return covariance
        constant = self.slot < 0
        k = np.where(constant, 0, self.slot)
        full = covariance[:, k][:, :, k] * self.factor[:, None] * self.factor
        full[:, constant] = 0.0
        full[:, :, constant] = 0.0
        return full

    def pull_back(self, jac: np.ndarray) -> np.ndarray:
        """Derivatives by the free parameters, from those by all, shape ``(n_spectra, ·, n_channels)``."""
        if not self.tied:
            return jac
        out = np.zeros((jac.shape[0], self.free.size, jac.shape[2]))
        for a, k in enumerate(self.slot):
            if k >= 0:
                out[:, k] += self.factor[a] * jac[:, a]
        return out
