"""Expectation and maximisation for many spectra at once; arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np

from mi_widgets.peaks._model import Model
from mi_widgets.peaks._shapes import CONSTANT, GAUSSIAN, LINEAR, LORENTZIAN, PSEUDO_VOIGT

SQRT_2LN2 = np.sqrt(2 * np.log(2))
SHAPES, GROUNDS = ("gaussian", "lorentzian", "pseudo-voigt"), ("none", "constant", "linear")
LEAST = 1e-12  # share of the counts below which a component is at rest


@dataclass
class EM:
    """State of a batch.

    Attributes
    ----------
    model : Model
        Peaks of the shapes in `SHAPES`, a background of those in `GROUNDS`.
    x : numpy.ndarray, shape (n_channels,)
        Spectral axis, ascending.
    y : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra, not negative, without gaps.
    p : numpy.ndarray, shape (n_spectra, n_parameters)
        Parameters; changed by every step.
    low, high : numpy.ndarray, shape (n_parameters,)
        Bounds of centers and sigmas.
    """

    model: Model
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __post_init__(self) -> None:
        self.step_width = float(np.mean(np.diff(self.x)))
        width = np.abs(np.gradient(self.x)) / self.step_width
        self.weight = np.maximum(self.y, 0.0) * width  # a channel counts as much as it is wide
        self.total = np.maximum(self.weight.sum(axis=1), 1e-300)
        self.span = float(self.x[-1] - self.x[0]) + self.step_width
        self.p = self.p.copy()

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
        """One step for all spectra; returns the log likelihood of each before it, ``sum y log p``."""
        parts = self.densities()
        mixture = parts.sum(axis=1)
        area = self._areas()
        # the density of the mixture has unit area over the whole axis, so that its likelihood can only grow
        log_likelihood = (self.weight * np.log(np.maximum(mixture, 1e-300) / area[:, None])).sum(axis=1)
        shared = parts * (self.weight / np.maximum(mixture, 1e-300))[:, None]
        self._maximise(shared)
        return np.asarray(log_likelihood)

    def _areas(self) -> np.ndarray:
        area = self.p[:, self.model.columns("amplitude")].sum(axis=1) if self.model.n_peaks else 0.0
        ground = self.p[:, self.model.offsets[-1] :]
        if ground.shape[1]:
            area = area + ground.mean(axis=1) * self.span
        return np.maximum(area, 1e-300)

    def _maximise(self, shared: np.ndarray) -> None:
        model, p, at = self.model, self.p, 0
        for k, shape in enumerate(model.shapes):
            here = model.peak(k).start
            a, mu, g = p[:, here, None], p[:, here + 1, None], p[:, here + 2, None]
            t2 = (self.x - mu) ** 2
            count = shared[:, at].sum(axis=1)
            if shape.code == GAUSSIAN:
                precision = shared[:, at]
                at += 1
            elif shape.code == LORENTZIAN:
                # Cauchy = normal with a random scale; its expected precision falls with the distance
                precision = shared[:, at] * 2 * g**2 / (t2 + g**2)
                at += 1
            else:
                gaussian, lorentzian = shared[:, at], shared[:, at + 1]
                precision = gaussian * SQRT_2LN2**2 + lorentzian * 2 * g**2 / (t2 + g**2)
                count = count + lorentzian.sum(axis=1)
                p[:, here + 3] = np.where(count > 0, lorentzian.sum(axis=1) / np.maximum(count, 1e-300), p[:, here + 3])
                at += 2
            alive = count > LEAST * self.total
            weight = np.maximum(precision.sum(axis=1), 1e-300)
            center = np.where(alive, (precision * self.x).sum(axis=1) / weight, mu[:, 0])
            p[:, here + 1] = np.clip(center, self.low[here + 1], self.high[here + 1])
            spread = (precision * (self.x - p[:, here + 1, None]) ** 2).sum(axis=1) / np.maximum(count, 1e-300)
            sigma = np.where(alive, np.sqrt(spread), g[:, 0])
            p[:, here + 2] = np.clip(sigma, self.low[here + 2], self.high[here + 2])
            p[:, here] = np.where(alive, count * self.step_width, a[:, 0] * 0)
        ground = shared[:, at:].sum(axis=2) * self.step_width / self.span
        if ground.shape[1]:
            p[:, model.offsets[-1] :] = ground * ground.shape[1]


def _gaussian(t: np.ndarray, s: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * (t / s) ** 2) / (s * np.sqrt(2 * np.pi)))


def _lorentzian(t: np.ndarray, g: np.ndarray) -> np.ndarray:
    return np.asarray(g / np.pi / (t * t + g * g))


def supported(model: Model) -> bool:
    """Whether every part of the model has a closed maximisation step."""
    kinds = {GAUSSIAN, LORENTZIAN, PSEUDO_VOIGT}
    return all(s.code in kinds for s in model.shapes) and model.background in GROUNDS
