"""Which mixture the angles of the grains support."""

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import MIWidgetsWarning, ParameterError
from mi_widgets.methods.selection import criterion_weights
from mi_widgets.orientation._candidates import Candidate, named
from mi_widgets.orientation._check import Angles, grouped, prepare, whole
from mi_widgets.orientation._dataset import STATUS, Found, attributes, judge, mixture_dataset, too_few
from mi_widgets.orientation._em import Mixture, fit_mixture
from mi_widgets.orientation._evidence_dataset import SAMPLING_STATUS, evidence_dataset
from mi_widgets.orientation._groups import over_groups
from mi_widgets.orientation.evidence import Sampling, sample, seed_of
from mi_widgets.runs import Part, Progress, collect

__all__ = ["iter_select_orientation", "select_orientation"]

CRITERIA = ("bic", "aic", "aicc", "free_energy")


def select_orientation(
    angles: xr.DataArray,
    *,
    candidates: Sequence[str] | None = None,
    max_components: int = 3,
    criterion: str = "bic",
    sampling: Sampling | None = None,
    weights: Any = None,
    by: str | None = None,
    period: float = 180.0,
    rounding: float | str = "auto",
    n_starts: int = 24,
    seed: int | np.random.Generator | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Fit candidate mixtures to the angles of grains and say which of them the data support.

    Parameters
    ----------
    angles, weights, period, rounding, n_starts, seed
        As in `fit_orientation`.
    candidates : sequence of str, optional
        ``"uniform"``; a number of components, ``"2"``; or one beside a uniform part, ``"2+u"``. By default uniform, 1,
        1+u, 2, 2+u … up to `max_components`, the last without a uniform part.
    max_components : int
        Most components of the default candidates, 1 to 8.
    criterion : {"bic", "aic", "aicc", "free_energy"}
        What chooses; all of them are in the result.
    sampling : Sampling, optional
        Also compute free energies by replica exchange in this way; needed for ``criterion="free_energy"``.
    by : str, optional
        A coordinate of the grains, such as their sample: the choice is made for each of its values apart.
    progress : callable, optional
        Called with each `runs.Part`; with `by`, those of one group after the other.

    Returns
    -------
    xarray.Dataset
        The variables of `fit_orientation` over ``candidate``, NaN where a candidate has none, with

        - ``delta_bic``, ``delta_aic`` (candidate), 1: above the least; ``bic_weight``, ``aic_weight``, 1
        - with `sampling`, those of `free_energy`, and ``delta_free_energy``, 1
        - attribute ``chosen``: the candidate that `criterion` takes, empty if there is none; ``criterion``. With `by`
          a variable ``chosen`` over the groups instead

        A candidate with fewer than two grains for each parameter is not fitted (status too_few).

    Raises
    ------
    LabelError, DataError
        As in `fit_orientation`.
    ParameterError
        An option is unknown or out of range.

    Warns
    -----
    MIWidgetsWarning
        As in `fit_orientation`; the chosen candidate does not describe the data, is the largest that was tried, has not
        converged, or has a concentration at its cap.

    References
    ----------
    Schwarz 1978, doi:10.1214/aos/1176344136; Akaike 1974, doi:10.1109/TAC.1974.1100705.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> found = select_orientation(make_orientations(1577, components=((0.6, 57.0, 4.0),), seed=0).angle)
    >>> found.attrs["chosen"]
    '1+u'
    """

    def one(some: xr.DataArray, counts: Any) -> xr.Dataset:
        parts = iter_select_orientation(
            some, candidates=candidates, max_components=max_components, criterion=criterion, sampling=sampling,
            weights=counts, period=period, rounding=rounding, n_starts=n_starts, seed=seed,
        )  # fmt: skip
        result: xr.Dataset = collect(parts, progress)
        return result

    if by is None:
        return one(angles, weights)
    chosen: list[str] = []

    def noted(some: xr.DataArray, counts: Any) -> xr.Dataset:
        result = one(some, counts)
        chosen.append(str(result.attrs["chosen"]))
        return result

    ds = over_groups(angles, weights, by, grouped(angles, by, who="select_orientation"), noted)
    ds["chosen"] = (by, chosen, {"long_name": "chosen candidate"})
    return _without_choice(ds)


def iter_select_orientation(
    angles: xr.DataArray,
    *,
    candidates: Sequence[str] | None = None,
    max_components: int = 3,
    criterion: str = "bic",
    sampling: Sampling | None = None,
    weights: Any = None,
    period: float = 180.0,
    rounding: float | str = "auto",
    n_starts: int = 24,
    seed: int | np.random.Generator | None = 0,
) -> Iterator[Part]:
    """`select_orientation` part by part: first every fit, then the free energies.

    Parameters
    ----------
    angles, candidates, max_components, criterion, sampling, weights, period, rounding, n_starts, seed
        As in `select_orientation`.

    Yields
    ------
    runs.Part
        ``result``: the Dataset so far, unfinished candidates with status ``not_run``; ``index``: name of the candidate
        that is new, or None. `done` and `total` count candidates fitted and, 10 for each run, sampled.

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `select_orientation`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> parts = list(iter_select_orientation(make_orientations(300).angle, candidates=["uniform", "1", "2"]))
    >>> [part.index for part in parts]
    ['uniform', '1', '2']
    """
    who = "select_orientation"
    chosen = named(candidates, whole("max_components", max_components, 1, 8, who=who), who=who)
    if criterion not in CRITERIA:
        raise ParameterError(f"{who}: criterion must be one of {', '.join(CRITERIA)}; got {criterion!r}.")
    if criterion == "free_energy" and sampling is None:
        raise ParameterError(f"{who}: criterion='free_energy' needs sampling. Write sampling=Sampling().")
    if sampling is not None:
        if not isinstance(sampling, Sampling):
            raise ParameterError(f"{who}: sampling must be orientation.Sampling(...); got {type(sampling).__name__}.")
        sampling.check(who)
    n_starts = whole("n_starts", n_starts, 1, 1000, who=who)
    key = seed_of(seed, who=who)
    ready = prepare(angles, who=who, weights=weights, period=period, rounding=rounding)
    parameters = {
        "candidates": [c.name for c in chosen], "criterion": criterion, "period": period, "rounding": rounding,
        "n_starts": n_starts, "seed": key, **({} if sampling is None else vars(sampling)),
    }  # fmt: skip
    attrs = attributes(who, "Mixtures of orientations compared", parameters, angles)
    most = max_components if candidates is None else 0
    return _iterate(angles, ready, chosen, criterion, sampling, n_starts, key, attrs, most)


def _without_choice(ds: xr.Dataset) -> xr.Dataset:
    """The attributes of the first group say what it alone has chosen."""
    out = ds.copy(deep=False)
    out.attrs = {k: v for k, v in ds.attrs.items() if k not in ("chosen", "chosen_free_energy")}
    return out


def _iterate(
    source: xr.DataArray,
    angles: Angles,
    candidates: list[Candidate],
    criterion: str,
    sampling: Sampling | None,
    n_starts: int,
    key: int,
    attrs: dict[str, str],
    most: int,
) -> Iterator[Part]:
    n = len(candidates)
    per_run = 10
    total = n + (0 if sampling is None else n * sampling.n_runs * per_run)
    found = [Found(c, None, "not_run") for c in candidates]
    fits: list[Mixture | None] = [None] * n
    result = xr.Dataset()

    def whole_result(samples: Any) -> xr.Dataset:
        out = mixture_dataset(found, angles, source)
        if sampling is not None:
            more = evidence_dataset(candidates, fits, samples, angles, sampling.n_runs, sampling.n_replicas)
            waiting = np.array([f.status == "not_run" for f in found])
            more["sampling_status"][waiting] = SAMPLING_STATUS.index("not_run")
            out = out.merge(more, compat="no_conflicts", join="exact", combine_attrs="override").assign_attrs(
                more.attrs
            )
        return _compared(out, criterion).pipe(lambda ds: ds.assign_attrs(attrs | ds.attrs))

    for c, candidate in enumerate(candidates):
        if too_few(candidate, angles.total):
            found[c] = Found(candidate, None, "too_few")
        else:
            fits[c] = mixture = _fit(candidate, candidates, fits, angles, n_starts, key)
            found[c] = judge(candidate, mixture, angles)
        result = whole_result({})
        if sampling is None and c == n - 1:
            _doubt(result, most)
        yield Part(c + 1, total, result, candidate.name, f"fitted {candidate.name}")
    if sampling is None:
        return
    known = 0
    for samples, sweeps, text in sample(candidates, fits, angles, sampling, key):
        last = not text
        if len(samples) != known or last:
            known, result = len(samples), whole_result(samples)
        if last:
            _doubt(result, most)
        done = n + int(per_run * sweeps / sampling.n_sweeps)
        yield Part(done, total, result, None, f"free energy of {text}" if text else "")


def _fit(
    candidate: Candidate,
    candidates: list[Candidate],
    fits: list[Mixture | None],
    angles: Angles,
    n_starts: int,
    key: int,
) -> Mixture:
    """Best fit, never below that of a model that is contained in it and was fitted before."""
    inside = [f for c, f in zip(candidates, fits, strict=True) if f is not None and candidate.contains(c)]
    rng = np.random.default_rng([key, candidate.n_components, int(candidate.uniform)])
    return fit_mixture(
        angles.phi, angles.counts, candidate.n_components, candidate.uniform, rng, largest=angles.largest,
        n_starts=n_starts, nested=inside,
    )  # fmt: skip


def _compared(ds: xr.Dataset, criterion: str) -> xr.Dataset:
    """Differences, weights, and the candidate that the criterion takes."""
    for name in ("bic", "aic"):
        values = ds[name]
        attrs = {"units": "1", "long_name": f"{name.upper()} above the least"}
        ds[f"delta_{name}"] = (values - values.min()).assign_attrs(attrs)
        share = criterion_weights(values.values)
        ds[f"{name}_weight"] = (
            "candidate",
            share,
            {"units": "1", "long_name": f"weight of the candidate by {name.upper()}"},
        )
    if "free_energy" in ds:
        values = ds["free_energy"]
        attrs = {"units": "1", "long_name": "free energy above the least"}
        ds["delta_free_energy"] = (values - values.min()).assign_attrs(attrs)
    if criterion == "free_energy":
        best = str(ds.attrs.get("chosen_free_energy", ""))
    else:
        values = ds[criterion]
        best = str(values["candidate"].values[np.nanargmin(values)]) if np.isfinite(values).any() else ""
    return ds.assign_attrs(chosen=best, criterion=criterion)


def _doubt(result: xr.Dataset, most: int) -> None:
    """Warn where even the chosen candidate must not be trusted; `most` components were tried by default."""
    name = result.attrs["chosen"]
    if not name:
        return
    p = float(result["kuiper_p"].sel(candidate=name))
    texts = []
    status = STATUS[int(result["status"].sel(candidate=name))]
    if status == "at_bound":
        texts.append(f"the chosen candidate {name!r} has a concentration at its cap: many grains have the same angle")
    if status == "not_converged":
        texts.append(f"the fit of the chosen candidate {name!r} has not converged; take more n_starts")
    if p < 1e-3:
        texts.append(f"the chosen candidate {name!r} does not describe the angles (Kuiper p {p:.1g})")
    if most and name.split("+")[0] == str(most):
        texts.append(f"the chosen candidate {name!r} has as many components as were allowed; allow more")
    if texts:
        warnings.warn(f"select_orientation: {'; '.join(texts)}.", MIWidgetsWarning, stacklevel=2)
