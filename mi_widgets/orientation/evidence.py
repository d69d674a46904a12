"""Free energies of candidate models by replica exchange."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.orientation._candidates import Candidate, named
from mi_widgets.orientation._check import Angles, generator, prepare, whole
from mi_widgets.orientation._dataset import attributes, judge, too_few
from mi_widgets.orientation._em import Mixture, fit_mixture
from mi_widgets.orientation._evidence_dataset import Sampled, evidence_dataset
from mi_widgets.orientation._likelihood import engine_of
from mi_widgets.orientation._tempering import Chain, Prior
from mi_widgets.runs import Part, Progress, collect

__all__ = ["Sampling", "free_energy"]

#: Between two parts.
SECONDS = 0.3


@dataclass(frozen=True)
class Sampling:
    """How free energies are computed.

    Attributes
    ----------
    n_sweeps : int
        Sweeps of each run; the first 30 % adapt the steps and do not count.
    n_replicas : int
        Replicas, at inverse temperatures 0 and geometrically from 0.16 over the number of grains to 1.
    n_runs : int
        Independent runs, whose difference is the standard error.
    concentration, spread : float
        Prior of the concentrations: ln(kappa) is normal about ln(`concentration`) with this standard deviation.
    weight : float
        Prior of the weights: the parameter of a symmetric Dirichlet distribution.
    engine : {"auto", "numba", "numpy"}
        Both make the same chain; ``"auto"`` is numba where it is installed and the different angles are 400 or
        more, where it is quicker.

    Examples
    --------
    >>> Sampling(n_sweeps=1000).n_replicas
    24
    """

    n_sweeps: int = 2500
    n_replicas: int = 24
    n_runs: int = 2
    concentration: float = 3.0
    spread: float = 1.2
    weight: float = 1.0
    engine: str = "auto"

    def check(self, who: str) -> None:
        """Raise `ParameterError` where a number is out of range."""
        whole("n_sweeps", self.n_sweeps, 20, 10**6, who=who)
        whole("n_replicas", self.n_replicas, 3, 200, who=who)
        whole("n_runs", self.n_runs, 1, 50, who=who)
        limits = {"concentration": (1e-3, 1e4), "spread": (1e-2, 10.0), "weight": (1e-2, 1e3)}
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool | str) or not least <= value <= most:
                raise ParameterError(
                    f"{who}: {name} of the sampling must be from {least:g} to {most:g}; got {value!r}."
                )


def free_energy(
    angles: xr.DataArray,
    *,
    candidates: Sequence[str] | None = None,
    max_components: int = 3,
    sampling: Sampling | None = None,
    weights: Any = None,
    period: float = 180.0,
    rounding: float | str = "auto",
    seed: int | np.random.Generator | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    r"""Compute the free energies of mixtures of orientations by replica exchange Monte Carlo.

    .. math:: F = -\ln\int p(\theta)\prod_n p(\varphi_n|\theta)\,d\theta
        = -\sum_l\ln\langle e^{(\beta_{l+1}-\beta_l)\ln L}\rangle_{\beta_l}

    with replicas at inverse temperatures from 0, where every state is a fresh draw from the prior, to 1. Priors: means
    uniform, logarithms of concentrations normal, weights Dirichlet. A lower F is better; a difference of 1 is a factor
    of e in the odds. A component that the data do not need costs next to nothing under Dirichlet(1), since its weight
    may be small: take the simplest model within 1 of the least, which is what `chosen_free_energy` names.

    Parameters
    ----------
    angles, weights, period, rounding
        As in `fit_orientation`.
    candidates : sequence of str, optional
        ``"uniform"``, ``"1"``, ``"1+u"``, ``"2"`` …; by default those up to `max_components`.
    max_components : int
        Most components of the default candidates.
    sampling : Sampling, optional
        Sweeps, replicas, runs, priors; by default ``Sampling()``.
    seed : int, numpy.random.Generator or None
        Of everything that is drawn; each candidate and run has its own stream, whatever else is computed.
    progress : callable, optional
        Called with each `runs.Part`.

    Returns
    -------
    xarray.Dataset
        - ``free_energy`` (candidate), 1 (natural units, of phi in rad), ``free_energy_stderr`` from the runs, and
          ``free_energy_of_run`` (candidate, run)
        - ``exchange_rate`` (candidate, run, replica): with the next replica; ``round_trips`` (candidate, run): states
          that came from the prior to the data's temperature; ``inverse_temperature`` (replica)
        - draws from the posterior, matched to the components of the fit: ``posterior_mean_axis``, degree,
          ``posterior_concentration``, ``posterior_weight`` (candidate, draw, component) and
          ``posterior_uniform_weight`` (candidate, draw)
        - ``sampling_status`` (candidate): ok, exact (nothing to sample), low_exchange (below 0.2 somewhere),
          runs_differ (by more than 1), too_few, not_run
        - attribute ``chosen_free_energy``: the simplest candidate within 1 of the least

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `fit_orientation`; a number of the sampling is out of range.
    MissingDependencyError
        ``engine="numba"`` without numba.

    References
    ----------
    Hukushima and Nemoto 1996, doi:10.1143/JPSJ.65.1604; Nagata and Watanabe 2008, doi:10.1016/j.neunet.2007.11.002.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> grains = make_orientations(400, components=((1.0, 60.0, 3.0),), seed=0)
    >>> found = free_energy(grains.angle, candidates=["uniform", "1"], sampling=Sampling(n_sweeps=300, n_runs=1))
    >>> found.attrs["chosen_free_energy"]
    '1'
    """
    who = "free_energy"
    chosen = named(candidates, whole("max_components", max_components, 1, 8, who=who), who=who)
    sampling = Sampling() if sampling is None else sampling
    if not isinstance(sampling, Sampling):
        raise ParameterError(f"{who}: sampling must be orientation.Sampling(...); got {type(sampling).__name__}.")
    sampling.check(who)
    ready = prepare(angles, who=who, weights=weights, period=period, rounding=rounding)
    key = seed_of(seed, who=who)
    fits = [None if too_few(c, ready.total) else fit(c, ready, key) for c in chosen]

    def parts() -> Iterator[Part]:
        done = 0
        for samples, now, text in sample(chosen, fits, ready, sampling, key):
            done = now
            yield Part(done, len(chosen) * sampling.n_runs * sampling.n_sweeps, samples, None, text)

    samples = collect(parts(), progress)
    ds = evidence_dataset(chosen, fits, samples, ready, sampling.n_runs, sampling.n_replicas)
    parameters = {
        "candidates": [c.name for c in chosen], "period": period, "rounding": rounding, "seed": key, **vars(sampling),
    }  # fmt: skip
    attrs = attributes(who, "Free energies of mixtures of orientations", parameters, angles)
    return ds.assign_attrs(attrs | ds.attrs)


def seed_of(seed: Any, *, who: str) -> int:
    """A whole number for the streams of all candidates."""
    rng = generator(seed, who=who)
    return int(seed) if isinstance(seed, int | np.integer) else int(rng.integers(2**31))


def fit(candidate: Candidate, angles: Angles, key: int) -> Mixture:
    """The maximum of the likelihood, whose components the draws are matched to."""
    rng = np.random.default_rng([key, candidate.n_components, int(candidate.uniform)])
    mixture = fit_mixture(
        angles.phi, angles.counts, candidate.n_components, candidate.uniform, rng, largest=angles.largest
    )
    return judge(candidate, mixture, angles).mixture or mixture


def sample(
    candidates: Sequence[Candidate],
    fits: Sequence[Mixture | None],
    angles: Angles,
    sampling: Sampling,
    key: int,
) -> Iterator[tuple[dict[tuple[int, int], Sampled], int, str]]:
    """What is finished so far by candidate and run, sweeps done, and what is being done, every `SECONDS`."""
    finished: dict[tuple[int, int], Sampled] = {}
    prior = Prior(sampling.concentration, sampling.spread, sampling.weight)
    engine = engine_of(sampling.engine, angles.phi.size)
    sweeps = 0
    for c, candidate in enumerate(candidates):
        for run in range(sampling.n_runs):
            if fits[c] is None or candidate.n_components == 0:
                sweeps += sampling.n_sweeps
                continue
            rng = np.random.default_rng([key, candidate.n_components, int(candidate.uniform), run + 1])
            chain = Chain(
                angles.phi, angles.counts, candidate.n_components, candidate.uniform, angles.largest,
                sampling.n_sweeps, sampling.n_replicas, prior, rng, engine,
            )  # fmt: skip
            name = f"{candidate.name}, run {run + 1} of {sampling.n_runs}"
            shown = time.monotonic()
            for done in chain.run():
                if done < sampling.n_sweeps and time.monotonic() - shown > SECONDS:
                    shown = time.monotonic()
                    yield finished, sweeps + done, f"{name}: {done} sweeps"
            finished[c, run] = Sampled(chain.free_energy, chain.exchange_rate, chain.trips, chain.draws)
            sweeps += sampling.n_sweeps
            yield finished, sweeps, name
    yield finished, sweeps, ""
