"""Starting values nobody has to give: matching pursuit in every spectrum, tuned on a few of them, and repair.

Nothing is handed on from pixel to pixel in a row, so one bad pixel cannot spoil those after it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np
from scipy import ndimage

from mi_widgets.peaks._engines._door import Fitted
from mi_widgets.peaks._engines._threads import side_by_side
from mi_widgets.peaks._problem import Problem
from mi_widgets.peaks._shapes import GAUSSIAN, LORENTZIAN

N_PILOTS, PILOT_ITERATIONS = 24, 60
MAX_ORDERS = 6  # ways to hand what was found to peaks that are not alike
ORDER_MARGIN = 3.0  # in log likelihood: peaks change places only for a reason, or noise would shuffle them


@dataclass(frozen=True)
class Recipe:
    """How to look for peaks.

    Attributes
    ----------
    half_width : float
        Half width at half maximum of the template.
    tilted : bool
        Take off a baseline that slopes; else a flat one.
    order : tuple of int, optional
        Which peak gets the first, second, … found from the low end; by default in that order.
    """

    half_width: float
    tilted: bool
    order: tuple[int, ...] | None = None


def recipes(problem: Problem, *, ordered: bool) -> list[Recipe]:
    """Half widths from two channels to a sixth of the window, flat and tilted baselines, orders of unlike peaks."""
    x, model = problem.axis, problem.model
    if not model.n_peaks:
        return [Recipe(float(x[-1] - x[0]) / 6, tilted=True)]
    of_sigma = np.array([1 / shape.guess(1.0)[0] for shape in model.shapes])
    columns = model.columns("sigma")
    least = max(2 * float(np.median(np.diff(x))), float((of_sigma * problem.low[columns]).min()))
    most = max(least, min((x[-1] - x[0]) / 6, float((of_sigma * problem.high[columns]).max())))
    widths = np.geomspace(least, most, max(1, round(np.log(most / least) / np.log(1.7)) + 1))
    tilts = (False,) if len(model.background_names) < 2 else (False, True)
    orders: list[tuple[int, ...] | None] = [None]
    if not ordered and (problem.peaks_tied or not model.uniform) and model.n_peaks > 1:
        orders += list(permutations(range(model.n_peaks)))[1:MAX_ORDERS]
    return [Recipe(float(w), tilted, order) for w in np.unique(widths) for tilted in tilts for order in orders]


def pursue(problem: Problem, y: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Starting values by matching pursuit: the best place for a peak, take it off, the next.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    y : numpy.ndarray, shape (n_spectra, n_channels)
        Spectra; missing channels are taken as baseline.
    recipe : Recipe
        Width of the template, kind of baseline, order of the peaks.

    Returns
    -------
    numpy.ndarray, shape (n_spectra, n_parameters)
    """
    model, width = problem.model, recipe.half_width
    left, right = _baseline(y, recipe.tilted)
    x, rest = _coarse(problem.axis, np.where(np.isfinite(y), y, left[:, None]) if np.isnan(y.sum()) else y, width)
    if model.background != "none":
        ramp = (x - problem.axis[0]) / (problem.axis[-1] - problem.axis[0])
        rest -= left[:, None] + (right - left)[:, None] * ramp
    centers, templates, peak = _templates(x.tobytes(), width)
    low, high = problem.low[model.columns("center")], problem.high[model.columns("center")]
    least = 1e-3 * np.abs(rest).max(axis=1)
    sign = np.where(problem.high[model.columns("amplitude")] <= 0, -1.0, 1.0)  # bounds may ask for dips
    place, height = np.empty((len(y), model.n_peaks)), np.empty((len(y), model.n_peaks))
    for k, shape in enumerate(model.shapes):
        inside = (centers >= low[k]) & (centers <= high[k])
        use = np.flatnonzero(inside) if inside.any() else np.array([np.abs(centers - (low[k] + high[k]) / 2).argmin()])
        score = sign[k] * (rest @ templates[:, use])
        best = use[np.argmax(score, axis=1)]
        place[:, k], height[:, k] = centers[best], np.maximum(score.max(axis=1) * peak[best], least)
        share = {GAUSSIAN: 0.0, LORENTZIAN: 1.0}.get(shape.code, 0.3)
        t2 = ((x - place[:, k, None]) / width) ** 2
        height[:, k] *= sign[k]
        rest -= height[:, k, None] * ((1 - share) * np.exp(-np.log(2) * t2) + share / (1 + t2))
    if np.unique(low).size == np.unique(high).size == 1:  # any peak may stand anywhere: hand them out from the low end
        found = np.argsort(place, axis=1, kind="stable")
        if recipe.order is not None:
            found = found[:, np.argsort(recipe.order)]
        place, height = np.take_along_axis(place, found, axis=1), np.take_along_axis(height, found, axis=1)
    out = np.zeros((len(y), model.n_parameters))
    for k, shape in enumerate(model.shapes):
        out[:, model.peak(k)] = np.array([1.0, 0.0, *shape.guess(width)])
        out[:, model.peak(k).start + 1] = place[:, k]
        out[:, model.peak(k).start] = height[:, k] / shape.height(out[:, model.peak(k)])
    out[:, model.offsets[-1] :] = _ground(problem, left, right, out)
    return np.clip(out, problem.low, problem.high)


def _ground(problem: Problem, left: np.ndarray, right: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Starting values of the background from the levels at both ends."""
    name = problem.model.background
    if name == "none":
        return np.empty((len(p), 0))
    if name == "constant":
        return np.minimum(left, right)[:, None]
    if name == "quadratic":
        return np.stack([left, (left + right) / 2, right], axis=1)
    if problem.model.ground.active:
        return _active_ground(problem, left, right, p)
    if name == "exponential":
        floor = 1e-3 * np.maximum(np.maximum(left, right), 1e-30)
        return np.stack([np.maximum(left, floor), np.maximum(right, floor)], axis=1)
    return np.stack([left, right], axis=1)


def _active_ground(problem: Problem, left: np.ndarray, right: np.ndarray, p: np.ndarray) -> np.ndarray:
    """A level, and the factor that makes of the areas of the peaks the step between both ends."""
    model = problem.model
    near, far, end = (left, right, -1) if problem.rising else (right, left, 0)
    area = p[:, model.columns("amplitude")] * np.array([shape.area for shape in model.shapes])
    held = (problem.low[model.offsets[-1] + 2 :], problem.high[model.offsets[-1] + 2 :])
    constants = np.clip([v for v in model.ground.held if v is not None], *held)
    if constants.size:
        loss = np.abs(problem.axis[end] - p[:, model.columns("center")])
        one_d = constants[1] * loss**2 if constants.size == 2 else 4 * constants[0] * loss**2
        area = area * loss / ((constants[0] - loss**2) ** 2 + one_d)  # U2 is U3 with D = 4 C
    total = area.sum(axis=1)
    factor = np.where(total > 0, np.maximum(far - near, 0) / np.maximum(total, 1e-300), 0.0)
    return np.column_stack([near, factor, np.broadcast_to(constants, (len(p), constants.size))])


def areas_at(problem: Problem, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Areas of peaks whose centers are given: from the height of the spectrum there above its baseline."""
    model = problem.model
    channel = np.abs(problem.axis - p[:, model.columns("center"), None]).argmin(axis=-1)
    left, _right = _baseline(y, tilted=False)
    height = np.take_along_axis(np.where(np.isfinite(y), y, left[:, None]), channel, axis=1) - left[:, None]
    height = np.maximum(height, 1e-3 * np.abs(height).max(axis=1, keepdims=True))
    unit = np.empty_like(height)
    for k, shape in enumerate(model.shapes):
        one = p[:, model.peak(k)].copy()
        one[:, 0] = 1.0
        unit[:, k] = shape.height(one)
    return height / unit


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


@lru_cache(maxsize=32)  # the same for every share of a map, and for every fit after a change
def _templates(axis: bytes, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places three to the half width, Gaussian templates of unit norm there, and the height of each."""
    x = np.frombuffer(axis)
    margin = 0.03 * (x[-1] - x[0])
    n = int(np.clip((x[-1] - x[0] - 2 * margin) / (width / 3), 8, x.size)) if x.size > 8 else x.size
    centers = np.linspace(x[0] + margin, x[-1] - margin, n)
    t = np.exp(-np.log(2) * ((x[:, None] - centers) / width) ** 2)
    norm = np.sqrt((t * t).sum(axis=0)) + 1e-300
    return centers, t / norm, 1 / norm


def spread_rows(strength: np.ndarray, n: int = N_PILOTS) -> np.ndarray:
    """A few spectra that stand for all: spread over the order of total intensity, the brighter half more densely."""
    order = np.argsort(np.where(np.isfinite(strength), strength, -np.inf), kind="stable")
    order = order[np.isfinite(strength[order])]
    if order.size <= n:
        return np.sort(order)
    quantile = 1 - np.linspace(0, 1, n) ** 1.5
    return np.unique(order[np.round(quantile * (order.size - 1)).astype(int)])


def try_recipes(
    known: list[Recipe],
    fit: Callable[[np.ndarray, int], Fitted],
    start: Callable[[Recipe], np.ndarray],
    *,
    few: bool = False,
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
    few : bool
        The pilots are so few that one thread does for all.

    Returns
    -------
    recipes : list of Recipe
        The first alone serves most spectra; the next serve those it does not.
    best : Fitted
        The best fit of every pilot.
    """
    by_number: dict[int, Fitted] = {}

    def work(i: int) -> None:
        by_number[i] = fit(start(known[i]), PILOT_ITERATIONS)

    if few:  # handing them out would take longer than the work
        for i in range(len(known)):
            work(i)
    else:
        side_by_side(work, range(len(known)))
    tried = [by_number[i] for i in range(len(known))]
    cost = np.array([t.cost for t in tried])
    best = tried[0]
    rows = np.arange(cost.shape[1])
    for recipe, other in zip(known[1:], tried[1:], strict=True):
        best.take_better(other, rows, 0.0 if recipe.order is None else ORDER_MARGIN)
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
    if k and max(shape, default=1) > 2:
        cube = np.where(np.isfinite(center), center, np.nanmedian(center)).reshape(*shape, k)
        size = tuple(3 if s > 2 else 1 for s in shape)
        usual = ndimage.median_filter(cube, size=(*size, 1), mode="nearest").reshape(n, k)
        error = np.where(np.isfinite(stderr), stderr, 0.0)
        jump = np.abs(center - usual) / np.maximum(width / 6, 4 * error)
        score = np.maximum(score, np.nan_to_num(jump).max(axis=1))
    worst = np.argsort(-score, kind="stable")
    return np.asarray(worst[: int((score > 1).sum())])
