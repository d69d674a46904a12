"""Mixtures as a Dataset: names, units, standard errors, status."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.history import origin
from mi_widgets.methods.selection import information_criteria
from mi_widgets.orientation._candidates import Candidate
from mi_widgets.orientation._check import Angles
from mi_widgets.orientation._em import Mixture, log_parts, n_parameters
from mi_widgets.orientation._fisher import covariance
from mi_widgets.orientation._uniformity import cumulative, kuiper, kuiper_p
from mi_widgets.orientation._von_mises import mean_resultant, spread_of

__all__ = ["STATUS", "Found", "attributes", "judge", "mixture_dataset", "status_attrs"]

STATUS = ("ok", "not_converged", "at_bound", "redundant", "too_few", "not_run")
#: Of a component, at least so many grains; else it is called redundant.
LEAST_GRAINS = 1.0
#: Grains needed for each free parameter.
GRAINS_PER_PARAMETER = 2


@dataclass
class Found:
    """A candidate, and its mixture where it was fitted."""

    candidate: Candidate
    mixture: Mixture | None
    status: str


def too_few(candidate: Candidate, total: float) -> bool:
    """Whether there are too few grains for a candidate."""
    return total < GRAINS_PER_PARAMETER * n_parameters(candidate.n_components, candidate.uniform)


def judge(candidate: Candidate, mixture: Mixture, angles: Angles) -> Found:
    """What is to be said of a fit."""
    status = "ok"
    if not mixture.converged:
        status = "not_converged"
    elif (mixture.concentration >= angles.largest * (1 - 1e-9)).any():
        status = "at_bound"
    elif mixture.weight.min() * angles.total < LEAST_GRAINS:
        status = "redundant"
    return Found(candidate, mixture, status)


def status_attrs(names: Sequence[str] = STATUS, long_name: str = "status of the fit") -> dict[str, Any]:
    """Attributes of a status with CF flags."""
    flags = np.arange(len(names), dtype=np.int8)
    return {"units": "1", "long_name": long_name, "flag_values": flags, "flag_meanings": " ".join(names)}


def attributes(function: str, title: str, parameters: Mapping[str, Any], source: Any) -> dict[str, str]:
    """Global attributes of a result."""
    plain = {k: v if isinstance(v, str | int | float | list | None) else str(v) for k, v in parameters.items()}
    of = str(getattr(source, "attrs", {}).get("source") or "angles of grains")
    references = ["Banerjee et al. 2005, J. Mach. Learn. Res. 6, 1345 (expectation maximisation)"]
    return origin(f"orientation.{function}", title, plain, source=of, references=references)


#: Unit and readable name of what each component has.
OF_COMPONENT = {
    "mean_axis": ("degree", "mean axis"),
    "concentration": ("1", "concentration"),
    "spread": ("degree", "circular standard deviation"),
    "weight": ("1", "weight"),
}
OF_CANDIDATE = {
    "uniform_weight": ("1", "weight of the uniform part"),
    "uniform_weight_stderr": ("1", "standard error of weight of the uniform part"),
    "log_likelihood": ("1", "logarithm of the likelihood"),
    "aic": ("1", "Akaike information criterion"),
    "aicc": ("1", "Akaike information criterion for few data"),
    "bic": ("1", "Bayesian information criterion"),
    "kuiper_statistic": ("1", "Kuiper's statistic against the fit"),
    "kuiper_p": ("1", "Kuiper's p against the fit"),
}


def mixture_dataset(found: Sequence[Found], angles: Angles, source: xr.DataArray) -> xr.Dataset:
    """Mixtures over ``candidate``, ``component`` and ``grain``; what a candidate has not is NaN."""
    most = max([f.candidate.n_components for f in found] + [1])
    table = {f"{name}{end}": np.full((len(found), most), np.nan) for name in OF_COMPONENT for end in ("", "_stderr")}
    numbers = {name: np.full(len(found), np.nan) for name in OF_CANDIDATE}
    member = np.full((len(found), angles.place.size), -1, dtype=np.int8)
    chance = np.full(member.shape, np.nan)
    for row, item in enumerate(found):
        if item.mixture is None:
            continue
        mixture = item.mixture
        errors = covariance(mixture.mean, mixture.concentration, mixture.weight, angles.total)
        with np.errstate(invalid="ignore"):  # NaN where the information is singular
            error = np.sqrt(np.diag(errors))
        for name, values in _components(mixture, error, angles).items():
            table[name][row, : len(values)] = values
        for name, value in _numbers(mixture, error, angles).items():
            numbers[name][row] = value
        member[row], chance[row] = _members(mixture, angles)
    over = ("candidate", "component")
    ds = xr.Dataset()
    for name, (units, long_name) in OF_COMPONENT.items():
        ds[name] = (over, table[name], {"units": units, "long_name": long_name})
        text = f"standard error of {long_name}"
        ds[f"{name}_stderr"] = (over, table[f"{name}_stderr"], {"units": units, "long_name": text})
    for name, (units, long_name) in OF_CANDIDATE.items():
        ds[name] = ("candidate", numbers[name], {"units": units, "long_name": long_name})
    counts = [n_parameters(f.candidate.n_components, f.candidate.uniform) for f in found]
    steps = [0 if f.mixture is None else f.mixture.n_iter for f in found]
    ds["n_parameters"] = ("candidate", np.array(counts), {"units": "1", "long_name": "number of parameters"})
    ds["n_iter"] = ("candidate", np.array(steps), {"units": "1", "long_name": "iterations"})
    flags = np.array([STATUS.index(f.status) for f in found], dtype=np.int8)
    ds["status"] = ("candidate", flags, status_attrs())
    text = "likeliest component, 0 for the uniform part, -1 for none"
    ds["member"] = (("candidate", "grain"), member, {"units": "1", "long_name": text})
    ds["member_probability"] = (("candidate", "grain"), chance, {"units": "1", "long_name": "probability of it"})
    ds["angle"] = ("grain", angles.degrees, {"units": "degree", "long_name": "angle of the grain"})
    ds["n_grains"] = ((), angles.total, {"units": "1", "long_name": "number of grains"})
    ds["period"] = ((), angles.period, {"units": "degree", "long_name": "period"})
    ds["rounding"] = ((), angles.rounding, {"units": "degree", "long_name": "step of rounding, 0 for none"})
    grain = source["grain"].values if "grain" in source.coords else np.arange(angles.place.size)
    return ds.assign_coords(
        candidate=("candidate", [f.candidate.name for f in found], {"long_name": "candidate"}),
        component=("component", np.arange(1, most + 1), {"units": "1", "long_name": "component"}),
        grain=("grain", grain, {"units": "1", "long_name": "grain"} if grain.dtype.kind in "iu" else {}),
    )


def _components(mixture: Mixture, error: np.ndarray, angles: Angles) -> dict[str, np.ndarray]:
    """What each component has, with its standard error."""
    k = mixture.mean.size
    to_degree = 180 / (np.pi * angles.turns)
    kappa = mixture.concentration
    spread = spread_of(kappa)
    a = mean_resultant(kappa)
    of_kappa = np.where(kappa < angles.largest * (1 - 1e-9), error[k : 2 * k], np.nan)  # none at the cap
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (1 - a * a - a / np.maximum(kappa, 1e-12)) / (a * spread)
    return {
        "mean_axis": mixture.mean * to_degree,
        "mean_axis_stderr": error[:k] * to_degree,
        "concentration": kappa,
        "concentration_stderr": of_kappa,
        "spread": spread * to_degree,
        "spread_stderr": slope * of_kappa * to_degree,
        "weight": mixture.weight[:k],
        "weight_stderr": error[2 * k : 3 * k],
    }


def _numbers(mixture: Mixture, error: np.ndarray, angles: Angles) -> dict[str, float]:
    k = mixture.mean.size
    criteria = information_criteria(mixture.log_likelihood, n_parameters(k, mixture.uniform), angles.total)
    statistic = kuiper(angles, cumulative(mixture.mean, mixture.concentration, mixture.weight))
    return {
        "uniform_weight": float(mixture.weight[k:].sum()),
        "uniform_weight_stderr": float(error[3 * k]) if k and mixture.uniform else 0.0,
        "log_likelihood": mixture.log_likelihood,
        "aic": float(criteria.aic),
        "aicc": float(criteria.aicc),
        "bic": float(criteria.bic),
        "kuiper_statistic": statistic,
        "kuiper_p": kuiper_p(statistic, angles.total),
    }


def _members(mixture: Mixture, angles: Angles) -> tuple[np.ndarray, np.ndarray]:
    """Likeliest part of each grain, and its probability."""
    parts = log_parts(np.cos(angles.phi), np.sin(angles.phi), mixture.mean, mixture.concentration, mixture.weight)
    share = np.exp(parts - parts.max(axis=0))
    share /= share.sum(axis=0)
    likeliest = np.argmax(share, axis=0)
    number = np.where(likeliest < mixture.mean.size, likeliest + 1, 0).astype(np.int8)
    use = angles.place >= 0
    member = np.full(angles.place.size, -1, dtype=np.int8)
    chance = np.full(angles.place.size, np.nan)
    member[use], chance[use] = number[angles.place[use]], share.max(axis=0)[angles.place[use]]
    return member, chance
