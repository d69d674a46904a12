"""Expectation and maximisation for many spectra at once; arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfc

from mi_widgets.peaks._engines import _numpy
from mi_widgets.peaks._engines._door import Fitted
from mi_widgets.peaks._model import Model
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._shapes import CONSTANT, GAUSSIAN, LINEAR, LORENTZIAN, PSEUDO_VOIGT
from mi_widgets.peaks._shared import gradient_and_information

SQRT_2LN2 = np.sqrt(2 * np.log(2))
SHAPES, GROUNDS = ("gaussian", "lorentzian", "pseudo-voigt"), ("none", "constant", "linear")
LEAST = 1e-12  # share of the counts below which a component is at rest
TOLERANCE, MAX_STEPS = 1e-4, 3000  # gain in log likelihood of three steps at which a fit ends; it converges linearly


@dataclass
class EM:
    """State of a batch.

    Every spectrum is read as points of a Poisson process, each at the middle of its channel. What a component holds
    outside the window, and in channels that were not measured, is missing data: its expectation is put in its place.

    Attributes
    ----------
    model : Model
        Peaks of the shapes in `SHAPES`, a background of those in `GROUNDS`.
    x : numpy.ndarray, shape (n_channels,)
        Spectral axis, ascending.
    y : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra, not negative; NaN where there is no measurement.
    p : numpy.ndarray, shape (n_spectra, n_parameters)
        Parameters; changed by every step.
    low, high : numpy.ndarray, shape (n_parameters,)
        Bounds.
    """

    model: Model
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __post_init__(self) -> None:
        self.step_width = float(np.mean(np.diff(self.x)))
        self.width = np.abs(np.gradient(self.x)) / self.step_width  # a channel counts as much as it is wide
        self.seen = np.isfinite(self.y)
        self.weight = np.where(self.seen, self.y, 0.0) * self.width
        self.total = np.maximum(self.weight.sum(axis=1), 1e-300)
        self.span = float(self.x[-1] - self.x[0]) + self.step_width
        self.p = np.clip(self.p, self.low, self.high)

    def rows(self, which: np.ndarray) -> "EM":
        """Some of the spectra by themselves."""
        return EM(self.model, self.x, self.y[which], self.p[which], self.low, self.high)

    def densities(self) -> np.ndarray:
        """Weighted densities of all components, ``(n_spectra, n_components, n_channels)``: peaks, then background.

        A pseudo-Voigt has two components, its Gaussian and its Lorentzian; a linear background has two triangles.
        """
        out, p = [], self.p
        for k, shape in enumerate(self.model.shapes):
            a, mu, g = p[:, self.model.peak(k)].T[:3, :, None]
            t = self.x - mu
            if shape.code == GAUSSIAN:
                out.append(a * _gaussian(t, g))
            elif shape.code == LORENTZIAN:
                out.append(a * _lorentzian(t, g))
            else:
                share = p[:, self.model.peak(k).start + 3, None]
                out += [a * (1 - share) * _gaussian(t, g / SQRT_2LN2), a * share * _lorentzian(t, g)]
        ground = p[:, self.model.offsets[-1] :]
        if self.model.ground.code == CONSTANT:
            out.append(np.repeat(ground[:, :1], self.x.size, axis=1))
        elif self.model.ground.code == LINEAR:
            u = (self.x - self.x[0]) / (self.x[-1] - self.x[0])
            out += [ground[:, :1] * (1 - u), ground[:, 1:] * u]
        return np.stack(out, axis=1)

    def iterate(self) -> np.ndarray:
        """One step for all spectra; returns the log likelihood of each before it, up to a constant of the data."""
        parts = self.densities()
        mixture = np.maximum(parts.sum(axis=1), 1e-300)
        log_likelihood = (self.weight * np.log(mixture)).sum(axis=1)
        filled = self.weight
        if not self.seen.all():
            expected = np.where(self.seen, 0.0, mixture * self.width)
            log_likelihood += expected.sum(axis=1)
            filled = filled + expected
        inside = self._maximise(parts * (filled / mixture)[:, None])
        return np.asarray(log_likelihood - inside / self.step_width)

    def _maximise(self, shared: np.ndarray) -> np.ndarray:
        """Move all components to their shares; returns the area that the curve had in the window."""
        model, p, at = self.model, self.p, 0
        area = np.zeros(len(p))
        for k, shape in enumerate(model.shapes):
            here = model.peak(k).start
            a, mu, g = (p[:, here + i].copy() for i in range(3))
            if shape.code == GAUSSIAN:
                kinds = [(shared[:, at], a, True, 1.0)]
            elif shape.code == LORENTZIAN:
                kinds = [(shared[:, at], a, False, 1.0)]
            else:
                eta = p[:, here + 3].copy()
                kinds = [(shared[:, at], a * (1 - eta), True, SQRT_2LN2), (shared[:, at + 1], a * eta, False, 1.0)]
            at += len(kinds)
            sums = np.zeros((4, len(p)))  # counts, and precisions times 1, t, t**2
            counts = []
            for share, amount, gaussian, scale in kinds:
                inner, outer = self._inside(share, mu, g, gaussian, scale), self._outside(mu, g, gaussian, scale)
                sums += inner + amount / self.step_width * outer
                counts.append(inner[0] + amount / self.step_width * outer[0])
                area += amount * (1 - outer[0])
            self._move(here, sums, mu, g)
            if len(counts) == 2:
                p[:, here + 3] = np.where(sums[0] > 0, counts[1] / np.maximum(sums[0], 1e-300), p[:, here + 3])
        ground = shared[:, at:].sum(axis=2) * self.step_width / self.span
        if ground.shape[1]:
            area += p[:, model.offsets[-1] :].mean(axis=1) * self.span
            p[:, model.offsets[-1] :] = ground * ground.shape[1]
        np.clip(p, self.low, self.high, out=p)
        return area

    def _move(self, here: int, sums: np.ndarray, mu: np.ndarray, g: np.ndarray) -> None:
        """Area, center and width of one peak from the sums over its share."""
        count, one, first, second = sums
        alive = count > LEAST * self.total
        shift = np.where(alive, first / np.maximum(one, 1e-300), 0.0)
        center = np.clip(mu + shift, self.low[here + 1], self.high[here + 1])
        moved = center - mu
        spread = np.maximum(second - 2 * moved * first + moved**2 * one, 0.0) / np.maximum(count, 1e-300)
        self.p[:, here] = count * self.step_width
        self.p[:, here + 1] = center
        self.p[:, here + 2] = np.where(alive, np.sqrt(spread), g)

    def _inside(self, share: np.ndarray, mu: np.ndarray, g: np.ndarray, gaussian: bool, scale: float) -> np.ndarray:
        t = self.x - mu[:, None]
        # Cauchy = normal with a random scale; its expected precision falls with the distance
        heavy = share * (scale**2 if gaussian else 2 * g[:, None] ** 2 / (t**2 + g[:, None] ** 2))
        return np.stack([share.sum(axis=1), heavy.sum(axis=1), (heavy * t).sum(axis=1), (heavy * t * t).sum(axis=1)])

    def _outside(self, mu: np.ndarray, g: np.ndarray, gaussian: bool, scale: float) -> np.ndarray:
        """The same sums for a unit area, over what lies outside the window."""
        low, high = self.x[0] - self.step_width / 2 - mu, self.x[-1] + self.step_width / 2 - mu
        if gaussian:
            s = g / scale
            mass = 0.5 * (erfc(high / (s * np.sqrt(2))) + erfc(-low / (s * np.sqrt(2))))
            at_low, at_high = _gaussian(low, s), _gaussian(high, s)
            first = s**2 * (at_high - at_low)
            second = s**2 * (mass + high * at_high - low * at_low)
            return np.stack([mass, scale**2 * mass, scale**2 * first, scale**2 * second])
        # exact integrals of the Cauchy density and of its expected precision times 1, t, t**2
        angle = 1 - (np.arctan(high / g) - np.arctan(low / g)) / np.pi
        edge = (high / (high**2 + g**2) - low / (low**2 + g**2)) * g / np.pi
        first = g**3 / np.pi * (1 / (high**2 + g**2) - 1 / (low**2 + g**2))
        return np.stack([angle, angle - edge, first, g**2 * (angle + edge)])


def _gaussian(t: np.ndarray, s: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * (t / s) ** 2) / (s * np.sqrt(2 * np.pi)))


def _lorentzian(t: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.asarray(g / np.pi / (t * t + g * g))


def supported(model: Model) -> bool:
    """Whether every part of the model has a closed maximisation step."""
    kinds = {GAUSSIAN, LORENTZIAN, PSEUDO_VOIGT}
    return all(s.code in kinds for s in model.shapes) and model.background in GROUNDS


def fit_by_em(problem: Problem, y: np.ndarray, start: np.ndarray, *, max_steps: int = MAX_STEPS) -> Fitted:
    """Fit spectra as `_engines._door.fit_block` does, by expectation maximisation with extrapolated steps.

    Of every three steps the third is extrapolated from the two before it and kept where the likelihood has grown, so
    that it never falls: R. Varadhan, C. Roland (2008), doi:10.1111/j.1467-9469.2007.00585.x.
    """
    p, n_steps = start.copy(), np.zeros(len(y), dtype=np.int64)
    converged, live, before = np.zeros(len(y), dtype=bool), np.arange(len(y)), np.full(len(y), -np.inf)
    em = EM(problem.model, problem.axis, y, _alive(problem, y, start), problem.low, problem.high)
    while live.size:
        first = em.p.copy()
        em.iterate()
        second = em.p.copy()
        middle = em.iterate()
        third = em.p.copy()
        ahead = _extrapolate(problem.model, first, second, third)
        # a component of nothing never comes back: go half the way to a bound, not onto it
        ahead = np.where(ahead <= problem.low, (third + problem.low) / 2, ahead)
        em.p = np.where(ahead >= problem.high, (third + problem.high) / 2, ahead)
        after = em.iterate()
        worse = ~(after >= middle)
        em.p[worse] = third[worse]
        p[live], n_steps[live] = em.p, n_steps[live] + 3
        best = np.where(worse, middle, after)
        done = best - before[live] < TOLERANCE
        before[live], converged[live] = best, done
        keep = ~done & (n_steps[live] < max_steps)
        live = live[keep]
        if not keep.all():
            em = em.rows(keep)
    return _finish(problem, y, p, n_steps, converged)


def _alive(problem: Problem, y: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Starting values with something of every component, which expectation maximisation could not make of nothing."""
    p, model = start.copy(), problem.model
    mean = np.nanmean(y, axis=1, keepdims=True)
    span = problem.axis[-1] - problem.axis[0]
    ground = slice(int(model.offsets[-1]), None)
    p[:, ground] = np.maximum(p[:, ground], 0.01 * mean)
    area = model.columns("amplitude")
    p[:, area] = np.maximum(p[:, area], 0.01 * mean * span)
    if "fraction" in model.peak_names:
        p[:, model.columns("fraction")] = np.clip(p[:, model.columns("fraction")], 0.02, 0.98)
    return np.clip(p, problem.low, problem.high)


def _extrapolate(model: Model, first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    step, bend = second - first, (third - second) - (second - first)
    scale = np.maximum(np.abs(first), 1e-12 * np.abs(first).max(axis=1, keepdims=True) + 1e-300)
    scale[:, model.columns("center")] = first[:, model.columns("sigma")]
    length = np.linalg.norm(step / scale, axis=1) / np.maximum(np.linalg.norm(bend / scale, axis=1), 1e-300)
    times = np.clip(length, 1.0, 64.0)[:, None]
    return np.asarray(first + 2 * times * step + times**2 * bend)


def _finish(problem: Problem, y: np.ndarray, p: np.ndarray, n_steps: np.ndarray, converged: np.ndarray) -> Fitted:
    """Cost and inverse Fisher information there, as the other engines give them."""
    f = _numpy.model(problem, problem.axis, p)
    floor = 1e-4 * np.nanmean(np.abs(y), axis=1, keepdims=True) + 1e-300
    v = np.maximum(f, floor)
    cost = np.nansum(v - y * np.log(v), axis=1)
    _gradient, hess = gradient_and_information(problem, y, np.ones((1, 1)), p)
    free = p[:, problem.free]
    low, high = problem.box
    empty = np.einsum("nii->ni", hess) <= 1e-30
    covariance, ok = _numpy._covariance(hess, empty)  # noqa: SLF001 - the engines are one
    if not ok.all():
        at_bound = (free <= low) | (free >= high)
        covariance[~ok] = _numpy._covariance(hess[~ok], (empty | at_bound)[~ok])[0]  # noqa: SLF001
    return Fitted(p, cost, n_steps, converged, problem.expand_covariance(covariance))
