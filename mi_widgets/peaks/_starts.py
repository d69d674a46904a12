"""Starting values nobody has to give: matching pursuit in every spectrum, tuned on a few of them, and repair.

Nothing is handed on from pixel to pixel in a row, so one bad pixel cannot spoil those after it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mi_widgets.peaks._engine import Fitted, Problem
from mi_widgets.peaks._model import FWHM_PER_SIGMA, HEIGHT, Model

N_PILOTS, PILOT_ITERATIONS = 24, 60


@dataclass(frozen=True)
class Recipe:
    """How to look for peaks: their half width at half maximum, and the baseline that is taken off first."""

    half_width: float
    tilted: bool


def recipes(model: Model, problem: Problem) -> list[Recipe]:
    """Half widths from two channels to a sixth of the window, with a flat baseline and, if it fits, a tilted one."""
    x = problem.axis
    per_sigma = FWHM_PER_SIGMA[model.lineshape] / 2
    least = max(2 * float(np.median(np.diff(x))), per_sigma * float(problem.low[model.columns("sigma")].min()))
    most = min((x[-1] - x[0]) / 6, per_sigma * float(problem.high[model.columns("sigma")].max()))
    most = max(most, least)
    widths = np.geomspace(least, most, max(1, round(np.log(most / least) / np.log(1.7)) + 1))
    tilts = (False, True) if model.background == "linear" else (False,)
    return [Recipe(float(w), tilted) for w in np.unique(widths) for tilted in tilts]


def pursue(model: Model, problem: Problem, y: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Starting values by matching pursuit: the best place for a peak, take it off, the next.

    Parameters
    ----------
    model, problem : Model, Problem
        What is fitted.
    y : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra; missing channels are taken as baseline.
    recipe : Recipe
        Width of the template and kind of baseline.

    Returns
    -------
    numpy.ndarray, shape (n_spectra, n_parameters)
    """
    width = recipe.half_width
    left, right = _baseline(y, recipe.tilted)
    x, rest = _coarse(problem.axis, np.where(np.isfinite(y), y, left[:, None]) if np.isnan(y.sum()) else y, width)
    if model.background != "none":
        ramp = (x - problem.axis[0]) / (problem.axis[-1] - problem.axis[0])
        rest -= left[:, None] + (right - left)[:, None] * ramp
    out = np.zeros((len(y), model.n_parameters))
    centers, templates, peak = _templates(x, width)
    low, high = problem.low[model.columns("center")], problem.high[model.columns("center")]
    gaussian, lorentzian = HEIGHT[model.lineshape]
    share = 0.3 if gaussian and lorentzian else float(lorentzian > 0)
    sigma = 2 * width / FWHM_PER_SIGMA[model.lineshape]
    least = 1e-3 * np.abs(rest).max(axis=1)
    for k in range(model.n_peaks):
        inside = (centers >= low[k]) & (centers <= high[k])
        use = np.flatnonzero(inside) if inside.any() else np.array([np.abs(centers - (low[k] + high[k]) / 2).argmin()])
        score = rest @ templates[:, use]
        best = use[np.argmax(score, axis=1)]
        height = np.maximum(score.max(axis=1) * peak[best], least)
        at = k * len(model.peak_names)
        out[:, at] = height * sigma / ((1 - share) * gaussian + share * lorentzian)
        out[:, at + 1], out[:, at + 2] = centers[best], sigma
        if "fraction" in model.peak_names:
            out[:, at + 3] = share
        t2 = ((x - centers[best][:, None]) / width) ** 2
        rest -= height[:, None] * ((1 - share) * np.exp(-np.log(2) * t2) + share / (1 + t2))
    if model.background == "constant":
        out[:, -1] = np.minimum(left, right)
    elif model.background == "linear":
        out[:, -2], out[:, -1] = left, right
    return np.clip(out, problem.low, problem.high)


def areas_at(model: Model, problem: Problem, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Areas of peaks whose centers are given: from the height of the spectrum there above its baseline."""
    gaussian, lorentzian = HEIGHT[model.lineshape]
    unit = max(gaussian, lorentzian)
    center, sigma = p[:, model.columns("center")], p[:, model.columns("sigma")]
    channel = np.abs(problem.axis - center[..., None]).argmin(axis=-1)
    left, _right = _baseline(y, tilted=False)
    height = np.take_along_axis(np.where(np.isfinite(y), y, left[:, None]), channel, axis=1) - left[:, None]
    return np.asarray(np.maximum(height, 1e-3 * np.abs(height).max(axis=1, keepdims=True)) * sigma / unit)


def _coarse(x: np.ndarray, y: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Axis and spectra binned so that half a width still has three channels: the search need not be finer."""
    n = min(max(1, int(width / 3 / np.median(np.diff(x)))), max(1, x.size // 16))
    if n == 1:
        return x, y.copy()
    stop = x.size // n * n
    return x[:stop].reshape(-1, n).mean(axis=1), sum(y[:, i:stop:n] for i in range(1, n)) / n + y[:, :stop:n] / n


def _baseline(y: np.ndarray, tilted: bool) -> tuple[np.ndarray, np.ndarray]:
    edge = max(min(8, y.shape[1]), y.shape[1] // 20)
    left, right = (np.where(np.isnan(b), 0.0, b) for b in (_median(y[:, :edge]), _median(y[:, -edge:])))
    if not tilted:
        left = right = np.minimum(left, right)
    return left, right


def _median(y: np.ndarray) -> np.ndarray:
    if np.isfinite(y).all():
        return np.asarray(np.median(y, axis=1))
    y = np.where(np.isfinite(y), y, np.nan)
    out = np.full(len(y), np.nan)
    some = ~np.isnan(y).all(axis=1)
    out[some] = np.nanmedian(y[some], axis=1)
    return out


def _templates(x: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places three to the half width, Gaussian templates of unit norm there, and the height of each."""
    margin = 0.03 * (x[-1] - x[0])
    n = int(np.clip((x[-1] - x[0] - 2 * margin) / (width / 3), 8, x.size)) if x.size > 8 else x.size
    centers = np.linspace(x[0] + margin, x[-1] - margin, n)
    t = np.exp(-np.log(2) * ((x[:, None] - centers) / width) ** 2)
    norm = np.sqrt((t * t).sum(axis=0)) + 1e-300
    return centers, t / norm, 1 / norm


def pilot_rows(strength: np.ndarray) -> np.ndarray:
    """A few spectra that stand for all: spread over the order of total intensity, the brighter half more densely."""
    order = np.argsort(np.where(np.isfinite(strength), strength, -np.inf), kind="stable")
    order = order[np.isfinite(strength[order])]
    if order.size <= N_PILOTS:
        return np.sort(order)
    quantile = 1 - np.linspace(0, 1, N_PILOTS) ** 1.5
    return np.unique(order[np.round(quantile * (order.size - 1)).astype(int)])


def try_recipes(
    known: list[Recipe], fit: Callable[[np.ndarray, int], Fitted], start: Callable[[Recipe], np.ndarray]
) -> tuple[list[Recipe], Fitted]:
    """Fit pilots from every recipe; recipes ordered by how many pilots each brings to their best fit, and how soon.

    Parameters
    ----------
    known : list of Recipe
        What to try.
    fit : callable
        ``fit(starting values, max_iter)``.
    start : callable
        Starting values of the pilots by a recipe.

    Returns
    -------
    recipes : list of Recipe
        The first alone serves most spectra; the next serve those it does not.
    best : Fitted
        The best fit of every pilot.
    """
    tried = [fit(start(recipe), PILOT_ITERATIONS) for recipe in known]
    cost = np.array([t.cost for t in tried])
    best = tried[0]
    rows = np.arange(cost.shape[1])
    for other in tried[1:]:
        best.take_better(other, rows, 0.0)
    reached = cost <= best.cost + 0.5
    effort = np.array([t.n_iter.mean() for t in tried])
    order: list[int] = []
    missing = np.ones(len(rows), dtype=bool)
    while len(order) < len(known):
        gain = (reached & missing).sum(axis=1).astype(float)
        gain[order] = -np.inf
        near = gain >= gain.max() - 0.05 * len(rows)  # what a recipe misses can be repaired: take the quickest of these
        order.append(int(np.argmin(np.where(near, effort, np.inf))))
        missing &= ~reached[order[-1]]
    return [known[i] for i in order], best


def neighbours(rows: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Flat numbers of the neighbours of `rows` on either side along every axis of the map, clipped at its edges."""
    index = np.unravel_index(rows, shape)
    for axis, size in enumerate(shape):
        if size > 1:
            for step in (1, -1):
                moved = list(index)
                moved[axis] = np.clip(index[axis] + step, 0, size - 1)
                yield np.ravel_multi_index(moved, shape)


def suspicious(
    center: np.ndarray, width: np.ndarray, stderr: np.ndarray, excess: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Rows whose fit may be a wrong one, the worst first: too large a deviance, or a jump against the neighbours.

    Parameters
    ----------
    center, width, stderr : numpy.ndarray, shape (n_spectra, n_peaks)
        Positions, full widths and standard errors of the positions; NaN where there is no fit.
    excess : numpy.ndarray, shape (n_spectra,)
        Deviance less its degrees of freedom, in standard deviations expected of it.
    shape : tuple of int
        Shape of the map.
    """
    n, k = center.shape
    fitted = np.isfinite(excess)
    if not fitted.any():
        return np.empty(0, dtype=int)
    # a model that is wrong everywhere is no reason to repair everything: compare with the map's own spread
    middle = np.median(excess[fitted])
    spread = 1.4826 * np.median(np.abs(excess[fitted] - middle))
    score = np.where(fitted, (excess - np.maximum(middle, 0)) / (4 * max(spread, 1.0)), 0.0)
    if max(shape, default=1) > 2:
        cube = np.where(np.isfinite(center), center, np.nanmedian(center)).reshape(*shape, k)
        size = tuple(3 if s > 2 else 1 for s in shape)
        usual = ndimage.median_filter(cube, size=(*size, 1), mode="nearest").reshape(n, k)
        error = np.where(np.isfinite(stderr), stderr, 0.0)
        jump = np.abs(center - usual) / np.maximum(width / 6, 4 * error)
        score = np.maximum(score, np.nan_to_num(jump).max(axis=1))
    worst = np.argsort(-score, kind="stable")
    return np.asarray(worst[: int((score > 1).sum())])
