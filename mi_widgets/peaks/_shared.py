"""Parameters that have one value for the whole map: Newton steps on the likelihood of all spectra together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mi_widgets.peaks._engines import _numpy
from mi_widgets.peaks._engines._door import MAX_ITER, Fitted, fit_block
from mi_widgets.peaks._engines._threads import side_by_side
from mi_widgets.peaks._problem import Problem, Ties

if TYPE_CHECKING:
    from mi_widgets.peaks._map_fit import MapFit

MAX_ROUNDS, SHARE, ENOUGH = 12, 128, 1e-3  # ENOUGH: expected gain in the log likelihood of the whole map


def hold(problem: Problem, columns: np.ndarray, values: np.ndarray) -> Problem:
    """The same problem with parameters, and what follows them, held at values."""
    old = problem.ties or Ties.none(problem.low.size)
    new = Ties(old.owner.copy(), old.factor.copy(), old.offset.copy())
    for column, value in zip(columns, values, strict=True):
        for a in np.flatnonzero(old.owner == column):
            new.owner[a], new.factor[a] = -1, 0.0
            new.offset[a] = old.factor[a] * value + old.offset[a]
    return replace(problem, ties=new)


def gradient_and_information(
    problem: Problem, y: np.ndarray, w: np.ndarray, p: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and Fisher information of the cost by the free parameters, at parameters `p`; gaps are left out."""
    f, jac = _numpy.jacobian(problem, problem.axis, p)
    jac = problem.pull_back(jac)
    seen = np.isfinite(y)
    if problem.poisson:
        u = seen / np.maximum(f, 1e-4 * np.nanmean(np.abs(y), axis=1, keepdims=True) + 1e-300)
        r = seen - np.where(seen, y, 0.0) * u
    else:
        u = np.where(seen, w, 0.0)
        r = np.where(seen, f - y, 0.0) * u
    return np.einsum("nai,ni->na", jac, r), (jac * u[:, None]) @ jac.transpose(0, 2, 1)


def share(fit: "MapFit") -> Iterator[tuple[np.ndarray, str]]:
    """Bring the shared parameters of a fitted map to their common values; gives the rows that changed, and what for.

    For given shared values every spectrum is fitted by itself; the gradient and the Schur complement of the Fisher
    information of all of them then give the next values.
    """
    rows = np.flatnonzero(np.isfinite(fit.parameters).all(axis=1))
    if fit.shared is None or not rows.size:
        return
    fit.follow_peaks()
    state = _State.of(fit, rows, fit.shared)
    for _round in range(MAX_ROUNDS):
        state.fit_rest()
        yield rows[:0], "shared"
        if not state.step():
            break
    state.finish()
    yield rows, "shared"


def _inverse(hess: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Inverse over the parameters that are not left out, zero for those; NaN where these cannot be told apart."""
    index = np.arange(hess.shape[1])
    scale = 1 / np.sqrt(np.where(without, 1.0, np.maximum(hess[:, index, index], 1e-300)))
    both = scale[:, :, None] * scale[:, None, :]
    scaled = np.where(without[:, :, None] | without[:, None, :], 0.0, hess * both)
    scaled[:, index, index] = 1.0
    singular = np.linalg.eigvalsh(scaled)[:, 0] < 1e-11
    scaled[singular] = np.eye(hess.shape[1])
    out = np.linalg.inv(scaled) * both
    out[np.broadcast_to((without[:, :, None] | without[:, None, :]), out.shape)] = 0.0
    out[singular] = np.nan
    return np.asarray(out)


@dataclass
class _State:
    """Shared values, and the spectra fitted with these held.

    Attributes
    ----------
    fit : MapFit
        The map.
    rows : numpy.ndarray, shape (n_rows,)
        Spectra that have a fit.
    columns, values : numpy.ndarray, shape (n_shared,)
        Shared parameters and their present values.
    parameters, cost, converged, n_iter
        Of `rows` at these values.
    inverse, slope
        ``H_ll^-1`` and ``H_ll^-1 H_ls`` of every row, by free parameters; zero rows where a parameter is shared.
    """

    fit: "MapFit"
    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    parameters: np.ndarray

    @classmethod
    def of(cls, fit: "MapFit", rows: np.ndarray, columns: np.ndarray) -> "_State":
        """Begin at the mean of the single fits, each weighted by its standard error."""
        values, error = fit.parameters[rows][:, columns], fit.stderr[rows][:, columns]
        weight = np.where(np.isfinite(error) & (error > 0), 1 / np.maximum(error, 1e-300) ** 2, 0.0)
        limit = np.median(weight, axis=0) * 100  # an error that came out far too small must not decide
        weight = np.minimum(weight, np.where(limit > 0, limit, np.inf))
        total = weight.sum(axis=0)
        mean = np.where(total > 0, (weight * values).sum(axis=0) / np.maximum(total, 1e-300), np.median(values, axis=0))
        low, high = (side[fit.problem.slot[columns]] for side in fit.problem.box)
        return cls(fit, rows, columns, np.clip(mean, low, high), fit.parameters[rows].copy())

    def __post_init__(self) -> None:
        problem, n = self.fit.problem, self.rows.size
        self.slots = problem.slot[self.columns]
        free = problem.free.size
        self.cost, self.n_iter = np.zeros(n), np.zeros(n, dtype=np.int64)
        self.converged = np.zeros(n, dtype=bool)
        self.inverse, self.slope = np.zeros((n, free, free)), np.zeros((n, free, self.slots.size))
        self.gradient, self.information = np.zeros(self.slots.size), np.eye(self.slots.size)
        self.best, self.tried = np.inf, self.values.copy()

    def _shares(self) -> list[np.ndarray]:
        return [np.arange(i, min(i + SHARE, self.rows.size)) for i in range(0, self.rows.size, SHARE)]

    def fit_rest(self) -> None:
        """Fit all other parameters of every spectrum with the shared ones held."""
        problem, before = hold(self.fit.problem, self.columns, self.tried), self.parameters.copy()

        def work(at: np.ndarray) -> None:
            y = self.fit.read(self.rows[at])
            weights = self.fit.noise.weights(self.rows[at], y)
            done = fit_block(problem, y, weights, before[at], engine=self.fit.engine_now, max_iter=MAX_ITER)
            self.parameters[at], self.cost[at] = done.parameters, done.cost
            self.converged[at], self.n_iter[at] = done.converged, done.n_iter

        side_by_side(work, self._shares())
        if self.cost.sum() > self.best:  # a step too long: half of it
            self.parameters = before
        else:
            self.best, self.values = float(self.cost.sum()), self.tried.copy()
            self._linearise()

    def _linearise(self) -> None:
        """Gradient and information of the shared parameters, all others at their best for each value of these."""
        parts = self._shares()
        gradient, information = np.zeros((len(parts), self.slots.size)), np.zeros((len(parts), *self.information.shape))

        def work(number: int) -> None:
            at = parts[number]
            y = self.fit.read(self.rows[at])
            weights = self.fit.noise.weights(self.rows[at], y)
            grad, hess = gradient_and_information(self.fit.problem, y, weights, self.parameters[at])
            gradient[number], information[number] = self._reduce(at, grad, hess)

        side_by_side(work, list(range(len(parts))))
        self.gradient, self.information = gradient.sum(axis=0), information.sum(axis=0)

    def _reduce(self, at: np.ndarray, grad: np.ndarray, hess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        problem = self.fit.problem
        low, high = problem.box
        p = self.parameters[at][:, problem.free]
        stuck = ((p <= low) & (grad > 0)) | ((p >= high) & (grad < 0))  # at a bound: does not move with the others
        stuck |= np.einsum("nii->ni", hess) <= 1e-30
        shared = np.zeros_like(stuck)
        shared[:, self.slots] = True
        inverse = np.nan_to_num(_inverse(hess, stuck | shared))
        mixed = hess[:, :, self.slots]
        slope = inverse @ mixed
        # what stands on a bound does not move, but is not known for certain either
        whole = _inverse(hess, shared | (np.einsum("nii->ni", hess) <= 1e-30))
        sure = np.isfinite(whole).all(axis=(1, 2))
        self.inverse[at] = np.where(sure[:, None, None], whole, inverse)
        self.slope[at] = self.inverse[at] @ mixed
        both = hess[:, self.slots][:, :, self.slots]
        left = grad[:, self.slots] - np.einsum("nas,na->ns", slope, grad)
        return left.sum(axis=0), (both - np.einsum("nas,nat->nst", mixed, slope)).sum(axis=0)

    def step(self) -> bool:
        """Move the shared values; False once nothing is to be gained."""
        if not np.array_equal(self.tried, self.values):  # the last step was too long
            self.tried = (self.tried + self.values) / 2
            return True
        step = -np.linalg.lstsq(self.information, self.gradient, rcond=1e-12)[0]
        low, high = (side[self.slots] for side in self.fit.problem.box)
        self.tried = np.clip(self.values + step, low, high)
        gain = -float((self.tried - self.values) @ self.gradient) / 2
        if gain > ENOUGH:
            return True
        self.tried = self.values.copy()
        return False

    def _common_scale(self) -> np.ndarray:
        if not self.fit.scaled:
            return np.ones(self.rows.size)
        dof = np.maximum(self.fit.dof[self.rows] + self.slots.size * (self.fit.dof[self.rows] > 0), 1)
        own = 2 * self.cost / dof
        return np.asarray(2 * self.cost.sum() / dof.sum() / np.maximum(own, 1e-300))

    def finish(self) -> None:
        """Hand the fit and its covariance, that of the shared values included, to the map."""
        # `store` scales by the residuals of each spectrum where the noise is unknown; shared values go by those of all
        times = self._common_scale()[:, None, None] * np.linalg.pinv(self.information, hermitian=True)
        covariance = self.inverse + self.slope @ times @ self.slope.transpose(0, 2, 1)
        covariance[:, :, self.slots] = -self.slope @ times
        covariance[:, self.slots] = covariance[:, :, self.slots].transpose(0, 2, 1)
        covariance[:, self.slots[:, None], self.slots] = times
        full = self.fit.problem.expand_covariance(covariance)
        self.parameters[:, self.columns] = self.values
        for at in self._shares():
            y = self.fit.read(self.rows[at])
            self.fit.store(
                self.rows[at], y,
                Fitted(self.parameters[at], self.cost[at], self.n_iter[at], self.converged[at], full[at]),
            )  # fmt: skip
