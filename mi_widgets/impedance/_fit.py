"""One circuit fitted to rows of spectra: many starts, the best of them, its errors."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np

from mi_widgets.impedance._grammar import Circuit
from mi_widgets.impedance._kernels import from_internal, impedance, to_internal
from mi_widgets.impedance._order import ordering
from mi_widgets.impedance._solve import Problem, Solution, solve
from mi_widgets.impedance._starts import FAR, NEAR, default_limits, draw_starts, scale_of

__all__ = ["AT_BOUND", "NOT_CONVERGED", "NOT_RUN", "NO_DATA", "STATUS", "Fits", "Settings", "fit_rows", "fit_steps"]

STATUS = ("ok", "not_converged", "at_bound", "no_data", "not_run")
NOT_CONVERGED, AT_BOUND, NO_DATA, NOT_RUN = 1, 2, 3, 4
#: Of so many random guesses the best goes down; rows of starts that are worked at together.
POOL, ROWS = 20, 192
#: Costs that are alike to this share belong to the same minimum.
SAME = 1e-3
#: Minima whose -2 ln L differ by less are both to be reckoned with, if they lie so many standard errors apart.
RIVAL, APART = 6.0, 8.0


@dataclass(frozen=True)
class Settings:
    """Options of a fit; limits, held values and starts are by the names of parameters."""

    n_starts: int = 16
    seed: int = 0
    n_steps: int = 100
    known_noise: bool = False
    bounds: Mapping[str, tuple[float | None, float | None]] | None = None
    fixed: Mapping[str, float] | None = None
    start: Mapping[str, float] | None = None


@dataclass
class Fits:
    """Fits of rows of spectra.

    Attributes
    ----------
    values, stderr : (rows, parameter)
        Parameters and standard errors, NaN where there is no fit, errors also at a limit; of a held parameter 0.
    correlation : (rows, parameter, parameter)
        Correlations of the errors, of logarithms where parameters are logarithmic.
    log_stderr : (rows, parameter)
        Standard errors of the internal parameters.
    at_bound : (rows, parameter)
        -1 and 1 where a parameter stands at its lower or upper limit.
    chi_squared : (rows,)
        Sum of squared weighted residuals.
    n_data, n_free
        Number of real data (rows,), and of parameters that were searched.
    share : (rows,)
        Share of the starts that reached the same minimum.
    ambiguous : (rows,) bool
        Whether other values, far from these, fit nearly as well.
    status : (rows,) int8
        As in `STATUS`.
    fitted : (rows, frequency) complex
        Impedance of the circuit.
    """

    values: np.ndarray
    stderr: np.ndarray
    log_stderr: np.ndarray
    correlation: np.ndarray
    at_bound: np.ndarray
    chi_squared: np.ndarray
    n_data: np.ndarray
    n_free: int
    share: np.ndarray
    ambiguous: np.ndarray
    status: np.ndarray
    fitted: np.ndarray


def limits(circuit: Circuit, z: np.ndarray, omega: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the internal parameters."""
    low, high = default_limits(circuit, scale_of(z, omega))
    for name, (least, most) in (settings.bounds or {}).items():
        k = circuit.names.index(name)
        # one that is given beyond what the data can show takes the other along
        if least is not None:
            high[k] = high[k] if least < high[k] else least * FAR / NEAR if circuit.logarithmic[k] else 1.0
            low[k] = least
        if most is not None:
            low[k] = low[k] if low[k] < most or least is not None else (
                most * NEAR / FAR if circuit.logarithmic[k] else 0.0
            )  # fmt: skip
            high[k] = most
    for name, value in (settings.fixed or {}).items():
        low[circuit.names.index(name)] = high[circuit.names.index(name)] = value
    return to_internal(circuit, low), to_internal(circuit, high)


def fit_rows(
    circuit: Circuit,
    omega: np.ndarray,
    z: np.ndarray,
    weight: np.ndarray,
    settings: Settings,
    *,
    first: np.ndarray | None = None,
) -> Fits:
    """Fit a circuit to each row of `z`; `first` has a further start (rows, parameter) for each, NaN for none."""
    steps = fit_steps(circuit, omega, z, weight, settings, first=first)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Fits = end.value
            return found


def fit_steps(
    circuit: Circuit,
    omega: np.ndarray,
    z: np.ndarray,
    weight: np.ndarray,
    settings: Settings,
    *,
    first: np.ndarray | None = None,
) -> Generator[None, None, Fits]:
    """Fit as `fit_rows` does, with a pause after each block of rows."""
    usable = weight > 0
    n_data = 2 * usable.sum(axis=1)
    rows = np.flatnonzero(n_data >= circuit.n_parameters + 3)
    low, high = limits(circuit, np.where(usable, z, np.nan)[rows], omega, settings)
    nowhere = np.full((len(z), len(low)), np.nan)
    best = Solution(nowhere, np.full(len(z), np.inf), np.zeros(len(z), dtype=bool), nowhere.copy())
    share = np.full(len(z), np.nan)
    pool, pool_z = _pool(circuit, np.where(usable, z, np.nan)[rows], omega, (low, high), settings)
    for some in np.array_split(rows, max(1, rows.size * settings.n_starts // ROWS)):
        if some.size:
            starts = _starts(circuit, pool, pool_z, z[some], weight[some], settings, first, some)
            _descend(Problem(circuit, omega, z[some], weight[some], low, high), starts, settings, best, share, some)
            yield
    if rows.size > 1:
        _from_neighbours(Problem(circuit, omega, z, weight, low, high), rows, settings, best)
        yield
    return _finished(Problem(circuit, omega, z, weight, low, high), best, share, n_data, settings)


def _pool(
    circuit: Circuit, z: np.ndarray, omega: np.ndarray, limit: tuple[np.ndarray, np.ndarray], settings: Settings
) -> tuple[np.ndarray, np.ndarray]:
    """Random guesses, the same for all rows, and their impedance."""
    rng = np.random.default_rng(settings.seed)
    guesses = draw_starts(circuit, scale_of(z, omega), POOL * settings.n_starts, rng)
    x = np.clip(to_internal(circuit, guesses), *limit)
    with np.errstate(all="ignore"):
        return x, impedance(circuit, from_internal(circuit, x), omega)


def _starts(
    circuit: Circuit, pool: np.ndarray, pool_z: np.ndarray, z: np.ndarray, weight: np.ndarray, settings: Settings,
    first: np.ndarray | None, rows: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """For each row the best guess of each group of the pool, ``(rows, starts, parameter)``, and what is given."""
    out = []
    for k in range(len(z)):
        with np.errstate(all="ignore"):
            cost = (np.abs((pool_z - z[k]) * weight[k]) ** 2).sum(axis=1)
        cost = np.where(np.isfinite(cost), cost, np.inf).reshape(settings.n_starts, POOL)
        out.append(pool.reshape(settings.n_starts, POOL, -1)[np.arange(settings.n_starts), cost.argmin(axis=1)])
    starts = np.stack(out)
    if settings.start:
        given = from_internal(circuit, starts[:, :1])
        for name, value in settings.start.items():
            given[..., circuit.names.index(name)] = value
        starts = np.concatenate([to_internal(circuit, given), starts], axis=1)
    if first is not None:
        own = to_internal(circuit, first[rows])[:, None]
        starts = np.concatenate([np.where(np.isfinite(own), own, starts[:, :1]), starts], axis=1)
    return starts


def _descend(
    problem: Problem, starts: np.ndarray, settings: Settings, best: Solution, share: np.ndarray, rows: np.ndarray
) -> None:
    """Go down from all starts of some rows, and on from the best of each."""
    n = starts.shape[1]
    every = problem.take(np.repeat(np.arange(len(rows)), n))
    found = solve(every, starts.reshape(-1, starts.shape[-1]), n_steps=settings.n_steps, tolerance=1e-6)
    cost = found.cost.reshape(-1, n)
    at = cost.argmin(axis=1) + n * np.arange(len(rows))
    last = solve(problem, found.x[at], n_steps=3 * settings.n_steps, tolerance=1e-13)
    with np.errstate(invalid="ignore"):
        share[rows] = (cost <= (1 + SAME) * last.cost[:, None] + 1e-20).mean(axis=1)
    best.x[rows], best.cost[rows], best.converged[rows] = last.x, last.cost, last.converged | found.converged[at]
    if best.other is not None:
        n_data = 2 * (problem.weight > 0).sum(axis=1)
        limit = last.cost + RIVAL if settings.known_noise else last.cost * np.exp(RIVAL / n_data)
        best.other[rows] = _farthest(problem.circuit, found.x, cost, limit, last.x, settings)


def _farthest(
    circuit: Circuit, x: np.ndarray, cost: np.ndarray, limit: np.ndarray, best: np.ndarray, settings: Settings
) -> np.ndarray:
    """Of the places (rows, start, parameter) whose cost is below the limit, that farthest from the best, in order."""
    rows, n = cost.shape

    def ordered(x: np.ndarray) -> np.ndarray:
        return np.take_along_axis(x, _order(circuit, from_internal(circuit, x), settings), axis=1)

    every = ordered(x).reshape(rows, n, -1)
    away = np.abs(every - ordered(best)[:, None]).max(axis=2)
    away = np.where(cost <= limit[:, None], away, -1.0)
    at = away.argmax(axis=1)
    return np.where(away.max(axis=1)[:, None] >= 0, every[np.arange(rows), at], np.nan)


def _from_neighbours(problem: Problem, rows: np.ndarray, settings: Settings, best: Solution) -> None:
    """Try where the spectra before and after arrived: in a series the same minimum is often theirs."""
    for shift in (1, -1):
        other = np.roll(rows, shift)
        good = np.isfinite(best.cost[other])
        here, there = rows[good], other[good]
        if not here.size:
            continue
        found = solve(problem.take(here), best.x[there], n_steps=settings.n_steps)
        better = found.cost < best.cost[here] * (1 - 1e-9)
        best.x[here[better]], best.cost[here[better]] = found.x[better], found.cost[better]
        best.converged[here[better]] = found.converged[better]


def _finished(
    problem: Problem, best: Solution, share: np.ndarray, n_data: np.ndarray, settings: Settings
) -> Fits:  # fmt: skip
    """Values in order, their errors and status."""
    circuit = problem.circuit
    failed = ~np.isfinite(best.cost)
    x = np.where(failed[:, None], 0.5 * (problem.low + problem.high), best.x)
    free = problem.low < problem.high
    _, jacobian = problem.linearised(x)
    dof = np.maximum(n_data - int(free.sum()), 1)
    variance = np.ones(len(x)) if settings.known_noise else np.where(failed, np.nan, best.cost) / dof
    error, correlation = _errors(jacobian, free, variance)
    reach = 1e-6 * np.where(free, problem.high - problem.low, 1.0)
    at_bound = np.where(free, (x >= problem.high - reach).astype(np.int8) - (x <= problem.low + reach), 0)
    stands = at_bound != 0  # a parameter at its limit has no error that means anything
    error[stands] = np.nan
    correlation[stands[:, :, None] | stands[:, None, :]] = np.nan
    values = from_internal(circuit, x)
    order = _order(circuit, values, settings)
    rows = np.arange(len(x))[:, None]
    status = np.where(at_bound.any(axis=1), AT_BOUND, np.where(best.converged, 0, NOT_CONVERGED))
    status[failed] = NO_DATA
    values, error, at_bound = values[rows, order], error[rows, order], at_bound[rows, order]
    correlation = correlation[rows[:, :, None], order[:, :, None], order[:, None, :]]
    fitted = impedance(circuit, values, problem.omega)
    for array in (values, error, correlation, fitted):
        array[failed] = np.nan
    at_bound[failed] = 0
    with np.errstate(all="ignore"):
        away = np.abs(best.other - to_internal(circuit, values)) if best.other is not None else np.zeros_like(x)
        ambiguous = ((away > APART * error) & (away > 0.05)).any(axis=1)
    return Fits(
        values, error * np.where(circuit.logarithmic, values, 1.0), error, correlation, at_bound.astype(np.int8),
        np.where(failed, np.nan, best.cost), n_data, int(free.sum()), share, ambiguous,
        status.astype(np.int8), fitted,
    )  # fmt: skip


def _order(circuit: Circuit, values: np.ndarray, settings: Settings) -> np.ndarray:
    """Columns by time constant; as they are where somebody has named parameters."""
    if settings.bounds or settings.fixed:
        return np.broadcast_to(np.arange(circuit.n_parameters), values.shape)
    return ordering(circuit, values)


def _errors(jacobian: np.ndarray, free: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors and correlations from the whole information matrix; NaN where it cannot be inverted."""
    k = jacobian.shape[1]
    error, correlation = np.zeros(jacobian.shape[:2]), np.zeros((len(jacobian), k, k))
    for row, matrix in enumerate(jacobian[:, free] if free.any() else ()):
        size = np.linalg.norm(matrix, axis=1)
        try:
            if not np.isfinite(size).all() or not (size > 0).all():
                raise np.linalg.LinAlgError
            _, s, vt = np.linalg.svd(matrix.T / size, full_matrices=False)
            if s[-1] < 1e-10 * s[0]:
                raise np.linalg.LinAlgError
            inverse = (vt.T / s**2) @ vt
            sigma = np.sqrt(np.diag(inverse))
            error[row, free] = sigma / size * np.sqrt(variance[row])
            correlation[row][np.ix_(free, free)] = inverse / np.outer(sigma, sigma)
        except np.linalg.LinAlgError:
            error[row, free] = np.nan
            correlation[row][np.ix_(free, free)] = np.nan
    correlation[:, range(k), range(k)] = np.where(np.isnan(error), np.nan, 1.0)
    return error, correlation
