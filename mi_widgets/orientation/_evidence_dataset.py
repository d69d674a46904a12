"""Free energies, exchange rates and draws as a Dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import linear_sum_assignment

from mi_widgets.orientation._candidates import Candidate, simplest
from mi_widgets.orientation._check import Angles
from mi_widgets.orientation._dataset import status_attrs
from mi_widgets.orientation._em import Mixture, n_parameters
from mi_widgets.orientation._tempering import inverse_temperatures

__all__ = ["SAMPLING_STATUS", "WITHIN", "Sampled", "evidence_dataset"]

SAMPLING_STATUS = ("ok", "exact", "low_exchange", "runs_differ", "too_few", "not_run")
#: Free energies that differ by less do not separate models.
WITHIN = 1.0
LEAST_EXCHANGE = 0.2
N_DRAWS = 250


@dataclass(frozen=True)
class Sampled:
    """What one run gives."""

    free_energy: float
    exchange_rate: np.ndarray
    trips: int
    draws: np.ndarray


def matched(draws: np.ndarray, mixture: Mixture) -> np.ndarray:
    """Draws (n, 2K + parts) with the components in the order of the fit: labels switch freely in a chain."""
    k = mixture.mean.size
    out = draws.copy()
    if k < 2:
        return out
    log_kappa = np.log(np.maximum(mixture.concentration, 1e-3))
    for row in out:
        mean, kappa, weight = row[:k], row[k : 2 * k], row[2 * k : 3 * k]
        far = 1 - np.cos(mean[:, None] - mixture.mean)
        cost = far * np.minimum(mixture.concentration, 50.0) + 0.5 * np.square(np.log(kappa)[:, None] - log_kappa)
        cost = cost + 4 * np.abs(weight[:, None] - mixture.weight[:k])
        here, there = linear_sum_assignment(cost)
        for part in (mean, kappa, weight):
            part[there] = part[here].copy()
    return out


def evidence_dataset(
    candidates: Sequence[Candidate],
    fits: Sequence[Mixture | None],
    samples: Mapping[tuple[int, int], Sampled],
    angles: Angles,
    n_runs: int,
    n_replicas: int,
) -> xr.Dataset:
    """Everything that is finished; the rest is NaN."""
    most = max([c.n_components for c in candidates] + [1])
    of_run, rate, trips = _runs(candidates, fits, samples, angles, (n_runs, n_replicas))
    posterior, rest = _draws(fits, samples, angles, (n_runs * N_DRAWS, most))
    every = np.isfinite(of_run).all(axis=1)
    energy = np.where(every, of_run.mean(axis=1), np.nan)
    error = of_run.std(axis=1, ddof=1) / np.sqrt(n_runs) if n_runs > 1 else np.where(every, np.nan, np.nan)
    error[[k for k, c in enumerate(candidates) if c.n_components == 0]] = 0.0
    status = np.array([
        SAMPLING_STATUS.index(_status(c, fits[k], of_run[k], rate[k])) for k, c in enumerate(candidates)
    ], dtype=np.int8)  # fmt: skip
    one: dict[str, Any] = {"units": "1"}
    over = ("candidate", "run")
    ds = xr.Dataset(
        {
            "free_energy": ("candidate", energy, one | {"long_name": "free energy"}),
            "free_energy_stderr": ("candidate", error, one | {"long_name": "standard error of the free energy"}),
            "free_energy_of_run": (over, of_run, one | {"long_name": "free energy of the run"}),
            "exchange_rate": ((*over, "replica"), rate, one | {"long_name": "exchange rate with the next replica"}),
            "round_trips": (over, trips, one | {"long_name": "states that came from the prior to the data"}),
            "posterior_mean_axis": (
                ("candidate", "draw", "component"), posterior["mean_axis"],
                {"units": "degree", "long_name": "drawn mean axis"},
            ),
            "posterior_concentration": (
                ("candidate", "draw", "component"), posterior["concentration"],
                one | {"long_name": "drawn concentration"},
            ),
            "posterior_weight": (
                ("candidate", "draw", "component"), posterior["weight"], one | {"long_name": "drawn weight"}
            ),
            "posterior_uniform_weight": (
                ("candidate", "draw"), rest, one | {"long_name": "drawn weight of the uniform part"}
            ),
            "sampling_status": (
                "candidate", status, status_attrs(SAMPLING_STATUS, "status of the sampling")
            ),
            "inverse_temperature": (
                "replica", inverse_temperatures(angles.total, n_replicas), one | {"long_name": "inverse temperature"}
            ),
        },
        {
            "candidate": ("candidate", [c.name for c in candidates], {"long_name": "candidate"}),
            "component": ("component", np.arange(1, most + 1), one | {"long_name": "component"}),
            "run": ("run", np.arange(1, n_runs + 1), one | {"long_name": "run"}),
            "replica": ("replica", np.arange(n_replicas), one | {"long_name": "replica"}),
            "draw": ("draw", np.arange(n_runs * N_DRAWS), one | {"long_name": "draw"}),
        },
    )  # fmt: skip
    free = [n_parameters(c.n_components, c.uniform) for c in candidates]
    best = simplest(energy, free, within=WITHIN)
    return ds.assign_attrs(chosen_free_energy=candidates[best].name if best >= 0 else "")


def _runs(
    candidates: Sequence[Candidate],
    fits: Sequence[Mixture | None],
    samples: Mapping[tuple[int, int], Sampled],
    angles: Angles,
    shape: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Free energy, exchange rates and round trips of each candidate and run."""
    n, (n_runs, n_replicas) = len(candidates), shape
    of_run, trips = np.full((2, n, n_runs), np.nan)
    rate = np.full((n, n_runs, n_replicas), np.nan)
    for c, candidate in enumerate(candidates):
        if candidate.n_components == 0 and fits[c] is not None:
            of_run[c] = angles.total * np.log(2 * np.pi)
    for (c, run), found in samples.items():
        of_run[c, run], trips[c, run] = found.free_energy, found.trips
        rate[c, run, :-1] = found.exchange_rate
    return of_run, rate, trips


def _draws(
    fits: Sequence[Mixture | None],
    samples: Mapping[tuple[int, int], Sampled],
    angles: Angles,
    shape: tuple[int, int],
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Drawn parameters of each candidate, and the weight of its uniform part."""
    posterior = {p: np.full((len(fits), *shape), np.nan) for p in ("mean_axis", "concentration", "weight")}
    rest = np.full((len(fits), shape[0]), np.nan)
    for (c, run), found in samples.items():
        mixture = fits[c]
        if mixture is None:
            continue
        k, draws = mixture.mean.size, matched(found.draws, mixture)
        at = slice(run * N_DRAWS, run * N_DRAWS + len(draws))
        posterior["mean_axis"][c, at, :k] = np.degrees(draws[:, :k]) / angles.turns
        posterior["concentration"][c, at, :k] = draws[:, k : 2 * k]
        posterior["weight"][c, at, :k] = draws[:, 2 * k : 3 * k]
        rest[c, at] = draws[:, 3 * k :].sum(axis=1)
    return posterior, rest


def _status(candidate: Candidate, fit: Mixture | None, of_run: np.ndarray, rate: np.ndarray) -> str:
    if fit is None:
        return "too_few"
    if candidate.n_components == 0:
        return "exact"
    if not np.isfinite(of_run).all():
        return "not_run"
    if np.ptp(of_run) > WITHIN:
        return "runs_differ"
    return "low_exchange" if np.nanmin(rate) < LEAST_EXCHANGE else "ok"
