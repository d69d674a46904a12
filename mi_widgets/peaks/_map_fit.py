"""A whole map as arrays: pilots, blocks, repair, one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import numpy as np

from mi_widgets.peaks import _starts
from mi_widgets.peaks._em import MAX_STEPS, fit_by_em
from mi_widgets.peaks._engines._door import MAX_ITER, Fitted, fit_block, resolve_engine
from mi_widgets.peaks._engines._threads import serial_blas, side_by_side
from mi_widgets.peaks._follow import follow
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._noise import Noise
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._shared import share
from mi_widgets.runs import block_size

STATUS = ("ok", "at_bound", "not_converged", "no_data", "not_run", "saturated")
OK, AT_BOUND, NOT_CONVERGED, NO_DATA, NOT_RUN, SATURATED = range(6)
FIRST_BLOCK, SHARE, FEW = 512, 128, 4
REPAIR_SHARE, REPAIR_BLOCK, REPAIR_MARGIN = 0.3, 2048, 1e-2


def _shares(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[i : i + SHARE] for i in range(0, rows.size, SHARE)]


@dataclass
class MapFit:
    """State of a fit of many spectra.

    Attributes
    ----------
    problem : Problem
        What is fitted.
    read : callable
        ``read(rows)`` gives spectra as float64, shape ``(n_rows, n_channels)``, axis ascending.
    noise : Noise
        Weights, and what they say of standard errors.
    shape : tuple of int
        Shape of the map; its product is the number of spectra.
    given : numpy.ndarray or None
        Starting values given by the user, NaN where none, shape ``(n_spectra or 1, n_parameters)``.
    engine : str
        ``auto``, ``numba`` or ``numpy``.
    sort : bool
        Peaks are interchangeable and are ordered by their center.
    ordered : bool
        The user told the peaks apart, by starts or bounds of their own.
    shared : numpy.ndarray or None
        Columns of the parameters that have one value for the whole map.
    saturated : numpy.ndarray of bool or None
        Spectra with channels at the detector's ceiling, which are left out.
    method : str
        ``lm``, or ``em`` for expectation maximisation.
    correlations : bool
        Keep the correlation matrix of the parameters of every spectrum.
    """

    problem: Problem
    read: Callable[[np.ndarray], np.ndarray]
    noise: Noise
    shape: tuple[int, ...]
    given: np.ndarray | None = None
    engine: str = "auto"
    sort: bool = True
    ordered: bool = False
    shared: np.ndarray | None = None
    saturated: np.ndarray | None = None
    method: str = "lm"
    correlations: bool = False
    recipes: list[_starts.Recipe] = field(default_factory=list, init=False)
    _engine: str = field(default="", init=False)

    def __post_init__(self) -> None:
        n, p, k = self.n_spectra, self.model.n_parameters, self.model.n_peaks
        self.parameters, self.stderr = np.full((n, p), np.nan), np.full((n, p), np.nan)
        self.fwhm, self.fwhm_stderr = np.full((n, k), np.nan), np.full((n, k), np.nan)
        self.height, self.height_stderr = np.full((n, k), np.nan), np.full((n, k), np.nan)
        self.cost, self.deviance = np.full(n, np.nan), np.full(n, np.nan)
        self.dof, self.n_iter = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
        self.status = np.full(n, NOT_RUN, dtype=np.int8)
        self.correlation = np.full((n, p, p), np.nan) if self.correlations else None
        self.n_negative = 0

    @property
    def n_local(self) -> int:
        """Number of parameters that every spectrum has for itself."""
        return self.problem.free.size - (0 if self.shared is None else self.shared.size)

    @property
    def model(self) -> Model:
        """Peaks and background."""
        return self.problem.model

    @property
    def scaled(self) -> bool:
        """The noise is unknown: standard errors are scaled by the residuals."""
        return self.noise.unknown

    @property
    def n_spectra(self) -> int:
        """Number of spectra in the map."""
        return int(np.prod(self.shape, dtype=np.int64))

    def run(self) -> Iterator[tuple[np.ndarray, str]]:
        """Fit in parts; gives the rows that are new and what was done."""
        if not self._fully_given:
            yield from self._pilots()
        start, size = 0, FIRST_BLOCK
        rows = np.flatnonzero(self.status == NOT_RUN)
        while start < rows.size:
            block, began = rows[start : start + size], perf_counter()
            self._block(block)
            start += block.size
            size = min(4 * size, block_size((perf_counter() - began) / block.size, rows.size, least=SHARE))
            size -= size % SHARE  # shares, and so the last digits, do not depend on how fast the machine is
            yield block, "fit"
        yield from self._repair()
        if self.shared is not None:
            yield from share(self)

    @property
    def _fully_given(self) -> bool:
        return self.given is not None and bool(np.isfinite(self.given).all())

    def _usable(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spectra of `rows` that can be fitted; the others get their status."""
        y = self.read(rows)
        count = np.isfinite(y).sum(axis=1)
        usable = (count > self.n_local) & (np.where(np.isfinite(y), y, 0.0) != 0).any(axis=1)
        if self.problem.poisson:  # a map that is read in pieces may have some below zero that nobody has seen
            negative = (y < 0).any(axis=1)
            self.n_negative += int((usable & negative).sum())
            usable &= ~negative
        self.status[rows[~usable]] = NO_DATA
        return rows[usable], y[usable]

    def _engine_now(self) -> None:
        """Settle which engine the next fits use: the compiled one is waited for once."""
        self._engine = resolve_engine(self.engine, wait=0.0 if self._engine else 1.0)

    @property
    def engine_now(self) -> str:
        """The engine in use."""
        return self._engine or resolve_engine(self.engine)

    def _fit(self, rows: np.ndarray, y: np.ndarray, start: np.ndarray, max_iter: int = MAX_ITER) -> Fitted:
        if self.method == "em":
            return fit_by_em(self.problem, y, start, max_steps=max_iter if max_iter < MAX_ITER else MAX_STEPS)
        return fit_block(self.problem, y, self.noise.weights(rows, y), start, engine=self._engine, max_iter=max_iter)

    def starts(self, y: np.ndarray) -> np.ndarray:
        """Starting values of all spectra by the middle recipe, for methods that do not try several."""
        known = _starts.recipes(self.problem, ordered=self.ordered)
        return self._start(np.arange(len(y)), y, known[len(known) // 2])

    def _start(self, rows: np.ndarray, y: np.ndarray, recipe: _starts.Recipe | None) -> np.ndarray:
        if recipe is None:
            start = np.zeros((len(rows), self.model.n_parameters))
        else:
            start = _starts.pursue(self.problem, y, recipe)
        if self.given is not None:
            given = self.given[rows] if len(self.given) > 1 else np.broadcast_to(self.given, start.shape)
            start = np.where(np.isfinite(given), given, start)
            area, center = self.model.columns("amplitude"), self.model.columns("center")
            placed = ~np.isfinite(given[:, area]).any(axis=1) & np.isfinite(given[:, center]).any(axis=1)
            if placed.any():  # positions without areas
                start[np.ix_(placed, area)] = _starts.areas_at(self.problem, y[placed], start[placed])
        return np.clip(start, self.problem.low, self.problem.high)

    def _pilots(self) -> Iterator[tuple[np.ndarray, str]]:
        self._engine_now()
        with serial_blas:
            done = self._try_recipes()
        if done.size:
            yield done, "fit"

    def _try_recipes(self) -> np.ndarray:
        """Find the recipes by some pilots; returns rows that are thereby fitted (all, where there are few)."""
        sample = np.unique(np.linspace(0, self.n_spectra - 1, min(self.n_spectra, 2048)).astype(int))
        usable, y = self._usable(sample)
        self.recipes = _starts.recipes(self.problem, ordered=self.ordered)
        if not usable.size:
            return usable
        pick = _starts.spread_rows(np.where(np.isfinite(y), y, 0.0).sum(axis=1))
        rows, y = usable[pick], y[pick]
        self.recipes, best = _starts.try_recipes(
            self.recipes,
            lambda start, n: self._fit(rows, y, start, n),
            lambda r: self._start(rows, y, r),
            few=rows.size < FEW,
        )
        if rows.size < np.sum(self.status == NOT_RUN):
            return rows[:0]
        # few spectra: what was tried on the pilots is the fit; it goes on from there to its end
        fitted = self._fit(rows, y, best.parameters)
        fitted.n_iter += best.n_iter
        self.store(rows, y, fitted)
        return rows

    def _block(self, rows: np.ndarray) -> None:
        """Fit rows in shares, each small enough to stay in cache and each by one thread."""
        self._engine_now()
        side_by_side(self._share, _shares(rows))

    def follow_peaks(self) -> None:
        """Number peaks as they go over the map and not by position, so that lines may cross."""
        k = self.model.n_peaks
        if not self.sort or k < 2 or len(self.shape) > 2:
            return
        order = follow(self.parameters[:, self.model.columns("center")], self.fwhm,
                       self.parameters[:, self.model.columns("amplitude")], self.shape)  # fmt: skip
        self.sort = False
        columns = self.model.reorder(order)
        for values in (self.parameters, self.stderr):
            values[:] = np.take_along_axis(values, columns, axis=1)
        for values in (self.fwhm, self.fwhm_stderr, self.height, self.height_stderr):
            values[:] = np.take_along_axis(values, order, axis=1)

    def _share(self, rows: np.ndarray) -> None:
        rows, y = self._usable(rows)
        if rows.size:
            first = self._start(rows, y, self.recipes[0] if self.recipes else None)
            self.store(rows, y, self._fit(rows, y, first))

    def _repair(self) -> Iterator[tuple[np.ndarray, str]]:
        """Fit suspicious spectra again, from other recipes and from their neighbours; the better likelihood wins."""
        if self._fully_given:
            return
        center = self.model.columns("center")
        near_change = np.ones(self.n_spectra, dtype=bool)  # after the first round only what has a new neighbour
        for round_ in range(3):
            bad = _starts.suspicious(
                self.parameters[:, center], self.fwhm, self.stderr[:, center], self._excess(), self.shape
            )
            bad = bad[: max(64, int(REPAIR_SHARE * self.n_spectra))]
            bad = bad[near_change[bad]]
            near_change = np.zeros(self.n_spectra, dtype=bool)
            for at in range(0, bad.size, REPAIR_BLOCK):
                rows = bad[at : at + REPAIR_BLOCK]
                old = self.cost[rows]
                self._engine_now()
                before = self.parameters.copy()  # neighbours as they were, whichever thread is first
                side_by_side(partial(self._repair_rows, before=before, first=round_ == 0), _shares(rows))
                better = rows[self.cost[rows] < old]
                for near in _starts.neighbours(better, self.shape):
                    near_change[near] = True
                yield better, "repair"
            if not near_change.any():
                return

    def _repair_rows(self, rows: np.ndarray, before: np.ndarray, *, first: bool) -> None:
        y = self.read(rows)
        for recipe in self.recipes[1:4] if first else []:
            self.store(rows, y, self._fit(rows, y, self._start(rows, y, recipe)), only_better=True)
        for near in _starts.neighbours(rows, self.shape):
            start = np.where(np.isfinite(before[near]), before[near], before[rows])
            self.store(rows, y, self._fit(rows, y, start), only_better=True)

    def _excess(self) -> np.ndarray:
        dof = np.maximum(self.dof, 1)
        deviance = 2 * self.cost if self.scaled else self.deviance
        return np.asarray((deviance - dof) / np.sqrt(2 * dof))

    def store(self, rows: np.ndarray, y: np.ndarray, fitted: Fitted, *, only_better: bool = False) -> None:
        if only_better:
            better = fitted.cost < self.cost[rows] - REPAIR_MARGIN
            rows, y = rows[better], y[better]
            fitted = Fitted(*(getattr(fitted, f)[better] for f in Fitted.__dataclass_fields__))
        if not rows.size:
            return
        p, covariance = fitted.parameters, fitted.covariance
        self.status[rows] = np.where(
            ~fitted.converged, NOT_CONVERGED, np.where(self._at_bound(p).any(axis=1), AT_BOUND, OK)
        )
        if self.saturated is not None:
            self.status[rows[self.saturated[rows] & (self.status[rows] <= AT_BOUND)]] = SATURATED
        self.dof[rows] = np.isfinite(y).sum(axis=1) - self.n_local
        self.cost[rows], self.n_iter[rows] = fitted.cost, fitted.n_iter
        self.deviance[rows] = self._deviance(rows, y, fitted.cost)
        if self.noise.gain != 1:
            covariance = covariance * self.noise.gain
        if self.scaled:
            covariance = covariance * (2 * fitted.cost / np.maximum(self.dof[rows], 1))[:, None, None]
        with np.errstate(invalid="ignore"):  # a negative variance is no variance: NaN
            stderr = np.sqrt(np.einsum("nii->ni", covariance))
        derived = self._derived(p, covariance)
        if self.correlation is not None:
            with np.errstate(divide="ignore", invalid="ignore"):  # what is held correlates with nothing
                self.correlation[rows] = covariance / (stderr[:, :, None] * stderr[:, None, :])
        if self.sort:
            order = self.model.sort(p)
            columns = self.model.reorder(order)
            p, stderr = np.take_along_axis(p, columns, axis=1), np.take_along_axis(stderr, columns, axis=1)
            derived = [np.take_along_axis(values, order, axis=1) for values in derived]
            if self.correlation is not None:
                both = np.take_along_axis(self.correlation[rows], columns[:, :, None], axis=1)
                self.correlation[rows] = np.take_along_axis(both, columns[:, None, :], axis=2)
        self.parameters[rows], self.stderr[rows] = p, stderr
        self.fwhm[rows], self.fwhm_stderr[rows], self.height[rows], self.height_stderr[rows] = derived

    def _at_bound(self, p: np.ndarray) -> np.ndarray:
        low, high = self.problem.low, self.problem.high
        room = 1e-12 * np.abs(p)  # a parameter that follows another reaches its bound to rounding
        reached = ((p - room <= low) & np.isfinite(low)) | ((p + room >= high) & np.isfinite(high))
        return np.asarray(reached & (low < high) & (self.problem.slot >= 0))

    def _derived(self, p: np.ndarray, covariance: np.ndarray) -> list[np.ndarray]:
        """Full widths and heights with their standard errors, each of shape ``(n_rows, n_peaks)``."""
        out = [np.empty((len(p), self.model.n_peaks)) for _ in range(4)]
        for k, shape in enumerate(self.model.shapes):
            at = self.model.peak(k)
            for i, function in enumerate((shape.fwhm, shape.height)):
                out[2 * i][:, k], out[2 * i + 1][:, k] = propagate(function, p[:, at], covariance[:, at, at])
        return out

    def criterion(self, name: str) -> np.ndarray:
        """Information criterion of every spectrum: ``bic``, ``aic`` or ``aicc``; NaN where there is no fit."""
        k = self.n_local + int(self.scaled)
        n = (self.dof + self.n_local).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            misfit = n * np.log(self.deviance / n) if self.scaled else self.deviance
            penalty = {
                "bic": k * np.log(n),
                "aic": 2.0 * k,
                "aicc": 2.0 * k + np.where(n > k + 1, 2.0 * k * (k + 1) / (n - k - 1), np.inf),
            }[name]
            return np.where(np.isfinite(self.deviance), misfit + penalty, np.nan)

    def _deviance(self, rows: np.ndarray, y: np.ndarray, cost: np.ndarray) -> np.ndarray:
        if self.problem.poisson:
            safe = np.where(y > 0, y, 1.0)
            y = np.where(np.isfinite(y), y, 0.0)
            return np.asarray(2 / self.noise.gain * (cost - (y - y * np.log(safe)).sum(axis=1)))
        if self.scaled:  # unknown variance: the sum of squares itself
            return 2 * cost / np.broadcast_to(self.noise.weights(rows, y), (len(rows), 1))[:, 0]
        return 2 * cost


def propagate(
    function: Callable[[np.ndarray], np.ndarray], p: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A function of some parameters ``(n_rows, n)`` and its standard error to first order."""
    slope = np.empty_like(p)
    for a in range(p.shape[1]):
        step = np.zeros(p.shape[1], dtype=complex)
        step[a] = 1e-30j  # the imaginary part of an analytic function is its derivative, without cancellation
        slope[:, a] = function(p + step).imag / 1e-30
    # where the slope is zero the covariance is not needed, and may be NaN
    useless = (slope[:, :, None] == 0) | (slope[:, None, :] == 0)
    variance = np.einsum("na,nab,nb->n", slope, np.where(useless, 0.0, covariance), slope)
    with np.errstate(invalid="ignore"):
        return function(p), np.sqrt(variance)
