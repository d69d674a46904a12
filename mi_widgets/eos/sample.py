"""The posterior distribution of an equation of state, by an ensemble of walkers (emcee)."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._build import build_problem
from mi_widgets.eos._data import Checked, as_points
from mi_widgets.eos._problem import Problem
from mi_widgets.eos._result import finish, parameter_attrs
from mi_widgets.eos._scoring import maximise, start
from mi_widgets.eos.fit import call_options
from mi_widgets.errors import MissingDependencyError, ParameterError
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_sample", "sample_eos"]

QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
#: Steps between two parts.
BLOCK = 20


def sample_eos(
    ds: xr.Dataset,
    *,
    n_steps: int = 600,
    n_chains: int = 4,
    n_walkers: int | None = None,
    seed: int | np.random.Generator | None = 0,
    progress: Progress | None = None,
    **options: Any,
) -> xr.Dataset:
    r"""Draw parameters of an equation of state from their posterior distribution.

    Parameters
    ----------
    ds : xarray.Dataset
        Points as `fit_eos` takes them.
    n_steps : int
        Steps of each walker (20 or more); the first half is left out.
    n_chains : int
        Ensembles that know nothing of each other (2 or more): whether they agree tells whether they have arrived.
    n_walkers : int, optional
        Walkers of an ensemble; by default 4 for each free parameter, and at least 16.
    seed : int, numpy.random.Generator or None
        Of starts and steps.
    progress : callable, optional
        Called with each `runs.Part`.
    **options
        Options of `fit_eos`: ``form``, ``thermal``, ``hold``, ``bounds``, ``priors`` … Without a prior a parameter is
        uniform within its bounds.

    Returns
    -------
    xarray.Dataset
        - of each free parameter ``<name>`` (chain, draw), in its unit, and ``<name>_quantile`` (quantile): at 2.5, 16,
          50, 84 and 97.5 %
        - ``log_posterior`` (chain, draw)
        - ``r_hat`` (parameter): how much wider all chains together are than one, 1 at best; ``autocorrelation_time``
          (parameter): steps until a walker forgets; ``effective_draws`` (parameter)
        - ``acceptance`` (chain): share of accepted moves
        - ``correlation`` (parameter, parameter_2)
        - ``status``: ok, or not_converged where ``r_hat`` is above 1.05 or the run is shorter than 20 times the
          autocorrelation time; coordinates ``form``, ``thermal``, ``remarks``

    Raises
    ------
    MissingDependencyError
        emcee is not installed.
    ParameterError
        A number is out of range, or an option is unknown.
    LabelError, DataError
        As in `fit_eos`.

    Notes
    -----
    True volumes and temperatures are integrated out to first order, under the prior that is even along the curve in
    units of the errors: what remains is the likelihood of `fit_eos`. Where no errors are given, the noise is integrated
    out too, with the prior :math:`1/\sigma`.

    References
    ----------
    Foreman-Mackey et al. 2013, doi:10.1086/670067; Goodman and Weare 2010, doi:10.2140/camcos.2010.5.65; Gelman and
    Rubin 1992, doi:10.1214/ss/1177011136.

    Examples
    --------
    >>> from mi_widgets.datasets import make_eos
    >>> cold = make_eos(seed=0).isel(point=slice(0, 20))
    >>> draws = sample_eos(cold, form="bm2", n_steps=100)
    >>> draws.k0.dims
    ('chain', 'draw')
    """
    return collect(
        iter_sample(ds, n_steps=n_steps, n_chains=n_chains, n_walkers=n_walkers, seed=seed, **options), progress
    )


def iter_sample(
    ds: xr.Dataset,
    *,
    n_steps: int = 600,
    n_chains: int = 4,
    n_walkers: int | None = None,
    seed: int | np.random.Generator | None = 0,
    form: str = "bm3",
    thermal: str = "none",
    hold: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    pressure_scale: float = 0.0,
    n_atoms: float | None = None,
    reference_temperature: float | None = None,
) -> Iterator[Part]:
    """Draw from the posterior distribution, some steps at a time; see `sample_eos`.

    Parameters
    ----------
    ds : xarray.Dataset
        Points as `fit_eos` takes them.
    n_steps, n_chains, n_walkers, seed
        As in `sample_eos`.
    form, thermal, hold, bounds, priors, pressure_scale, n_atoms, reference_temperature
        As in `fit_eos`.

    Yields
    ------
    Part
        ``done`` counts steps; ``result`` is what the steps so far give, the first half of them left out.

    Raises
    ------
    MissingDependencyError, ParameterError, LabelError, DataError
        As in `sample_eos`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_eos
    >>> cold = make_eos(seed=0).isel(point=slice(0, 20))
    >>> [part.done for part in iter_sample(cold, form="bm2", n_steps=40)]
    [20, 40]
    """
    who = "sample_eos"
    emcee = _emcee()
    data = as_points(ds, who=who)
    options: dict[str, Any] = {
        "form": form, "thermal": thermal, "hold": hold, "bounds": bounds, "priors": priors,
        "pressure_scale": pressure_scale, "n_atoms": n_atoms, "reference_temperature": reference_temperature,
    }  # fmt: skip
    problem = build_problem(data, who=who, **options)
    k = len(problem.free)
    n_steps, n_chains = _whole("n_steps", n_steps, BLOCK), _whole("n_chains", n_chains, 2)
    walkers = max(4 * k, 16) if n_walkers is None else _whole("n_walkers", n_walkers, 2 * k)
    walkers += walkers % 2
    rng = np.random.default_rng(seed)
    found = maximise(problem, start(problem))
    density = _density(problem)
    # Moves along the differences of walkers: parameters that go together are left behind sooner than by stretching.
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    ensembles, states = [], []
    for _ in range(n_chains):
        sampler = emcee.EnsembleSampler(walkers, k, density, moves=moves, vectorize=True)
        sampler.random_state = np.random.RandomState(int(rng.integers(2**31))).get_state()
        ensembles.append(sampler)
        states.append(_starts(problem, found.theta, found.covariance, walkers, rng))
    history = call_options(**options) | {
        "n_steps": n_steps, "n_chains": n_chains, "n_walkers": walkers,
        "seed": seed if isinstance(seed, int) else "not an integer",
    }  # fmt: skip
    done, out, shown = 0, None, 0
    while done < n_steps:
        block = min(BLOCK, n_steps - done)
        states = [s.run_mcmc(x, block) for s, x in zip(ensembles, states, strict=True)]
        done += block
        if out is None or done == n_steps or done - shown >= n_steps // 8:  # a look costs as much as some steps
            out = finish(_dataset(data, problem, ensembles), who, f"Draws of an equation of state, {form}", history,
                         of=ds.attrs)  # fmt: skip
            shown = done
        yield Part(done, n_steps, out)


def _emcee() -> Any:
    try:
        return importlib.import_module("emcee")
    except ImportError:
        raise MissingDependencyError(
            'sample_eos needs emcee. Write: pip install "mi-widgets[bayes]", or pip install emcee.'
        ) from None


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= 1_000_000:
        raise ParameterError(f"sample_eos: {name} must be a whole number of at least {least}; got {value!r}.")
    return int(value)


def _density(problem: Problem) -> Any:
    """Logarithm of the posterior of several rows of parameters at once."""
    n, d = problem.points.volume.size, problem.points

    def density(theta: np.ndarray) -> np.ndarray:
        inside = ((theta >= problem.low) & (theta <= problem.high)).all(axis=1)
        out = np.full(len(theta), -np.inf)
        if not inside.any():
            return out
        rows = theta[inside]
        with np.errstate(all="ignore"):
            if d.known:
                values = -0.5 * problem.deviance(rows)
            else:
                squares = ((d.value - problem.predict(rows)[0]) ** 2).sum(axis=1)
                values = -0.5 * (n * np.log(squares) + problem.prior_deviance(rows))
        out[inside] = np.where(np.isfinite(values), values, -np.inf)
        return out

    return density


def _starts(
    problem: Problem, theta: np.ndarray, covariance: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Places about the best fit, twice as wide as its errors, within the bounds."""
    width = problem.high - problem.low
    spread = np.sqrt(np.diag(covariance))
    for i, name in enumerate(problem.free):
        wide = np.isfinite(width[i]) and not spread[i] < 0.2 * width[i]
        if wide or not np.isfinite(spread[i]):
            spread[i] = problem.priors[name][1] if name in problem.priors else 0.1 * min(width[i], 1e3)
    out = theta + 2 * spread * rng.standard_normal((n, theta.size))
    outside = (out <= problem.low) | (out >= problem.high)
    low, high = np.maximum(problem.low, theta - 2 * spread), np.minimum(problem.high, theta + 2 * spread)
    return np.where(outside, rng.uniform(low, high, out.shape), out)


def _dataset(data: Checked, problem: Problem, ensembles: list[Any]) -> xr.Dataset:
    """Draws and diagnostics of what has been done so far."""
    chains = np.stack([s.get_chain() for s in ensembles])  # (chain, step, walker, parameter)
    density = np.stack([s.get_log_prob() for s in ensembles])
    acceptance = np.array([s.acceptance_fraction.mean() for s in ensembles])
    n_chains, n_steps, n_walkers, k = chains.shape
    scale = np.array([1 / data.volume_factor if name == "v0" else 1.0 for name in problem.free])
    kept = chains[:, n_steps // 2 :] * scale
    thin = max(1, kept.shape[1] * n_walkers // 2000)  # draws of one chain
    draws = kept[:, ::thin].reshape(n_chains, -1, k)
    flat = kept.reshape(-1, k)
    out: dict[str, Any] = {}
    for i, name in enumerate(problem.free):
        attrs = parameter_attrs(name, data.volume_units)
        out[name] = (("chain", "draw"), draws[..., i], attrs)
        text = {**attrs, "long_name": f"quantile of {attrs['long_name']}"}
        out[f"{name}_quantile"] = ("quantile", np.quantile(flat[:, i], QUANTILES), text)
    one = {"units": "1"}
    log = density[:, n_steps // 2 :][:, ::thin].reshape(n_chains, -1)
    out["log_posterior"] = (("chain", "draw"), log, {**one, "long_name": "logarithm of the posterior"})
    r_hat, time = _r_hat(kept), _times(kept)
    out["r_hat"] = ("parameter", r_hat, {**one, "long_name": "width of all chains over that of one"})
    out["autocorrelation_time"] = ("parameter", time, {**one, "long_name": "autocorrelation time in steps"})
    effective = kept.shape[0] * kept.shape[1] * n_walkers / time
    out["effective_draws"] = ("parameter", effective, {**one, "long_name": "number of independent draws"})
    out["acceptance"] = ("chain", acceptance, {**one, "long_name": "share of accepted moves"})
    correlation = np.atleast_2d(np.corrcoef(flat, rowvar=False))
    out["correlation"] = (("parameter", "parameter_2"), correlation, {**one, "long_name": "correlation"})
    worst = int(np.argmax(r_hat))
    short = bool((kept.shape[1] * 2 < 20 * time).any())
    doubtful = bool(r_hat[worst] > 1.05 or short)
    remarks = ""
    if doubtful:
        enough = 100 * int(np.ceil(0.24 * float(time.max())))  # 24 autocorrelation times
        wanted = max(enough, 2 * n_steps) if r_hat[worst] > 1.05 else enough
        remarks = (
            f"The chains have not arrived: R-hat of {problem.free[worst]} is {r_hat[worst]:.2f}, the longest "
            f"autocorrelation time {time.max():.0f} steps. Take n_steps={wanted}."
        )
    flags = {"flag_values": [0, 1], "flag_meanings": "ok not_converged"}
    out["status"] = ((), np.int8(doubtful), {**one, "long_name": "status of the chains", **flags})
    coords = {
        "chain": ("chain", np.arange(n_chains), {**one, "long_name": "chain"}),
        "draw": ("draw", np.arange(draws.shape[1]), {**one, "long_name": "draw"}),
        "quantile": ("quantile", list(QUANTILES), {**one, "long_name": "quantile"}),
        "parameter": list(problem.free),
        "parameter_2": list(problem.free),
        "form": ((), problem.model.form, {"long_name": "form"}),
        "thermal": ((), problem.model.thermal, {"long_name": "thermal part"}),
        "remarks": ((), remarks, {"long_name": "what to know about the draws"}),
    }
    return xr.Dataset(out, coords=coords)


def _r_hat(kept: np.ndarray) -> np.ndarray:
    """Gelman and Rubin's ratio over the halves of each ensemble, (parameter,)."""
    half = kept.shape[1] // 2
    if half < 2:
        return np.full(kept.shape[-1], np.inf)
    parts = np.concatenate([kept[:, :half], kept[:, half : 2 * half]])
    parts = parts.reshape(parts.shape[0], -1, parts.shape[-1])
    within = parts.var(axis=1, ddof=1).mean(axis=0)
    between = parts.mean(axis=1).var(axis=0, ddof=1)
    n = half  # steps: walkers of one step are not told apart from their ensemble
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(within > 0, np.sqrt((n - 1) / n + between / within), np.inf)


def _times(kept: np.ndarray) -> np.ndarray:
    """Integrated autocorrelation time in steps (parameter,): autocovariances averaged over walkers, Sokal's window."""
    n = kept.shape[1]
    centred = kept - kept.mean(axis=(0, 1, 2))
    spectrum = np.abs(np.fft.rfft(centred, n=2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(spectrum.mean(axis=(0, 2)), axis=0)[:n]
    with np.errstate(divide="ignore", invalid="ignore"):
        times = 2 * np.cumsum(covariance / covariance[0], axis=0) - 1
    out = np.empty(kept.shape[-1])
    for i, column in enumerate(times.T):
        enough = np.arange(n) >= 5 * column
        out[i] = column[int(np.argmax(enough))] if enough.any() else n
    return np.maximum(np.where(np.isfinite(out), out, n), 1.0)
