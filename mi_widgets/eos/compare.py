"""Several forms fitted to the same points, weighed against each other, and what the data cannot tell apart."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._forms import FORMS
from mi_widgets.eos._result import LONG_NAMES, finish
from mi_widgets.eos.evaluate import evaluate
from mi_widgets.eos.fit import call_options, fit_eos
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.methods.selection import criterion_weights
from mi_widgets.runs import Part, Progress, collect

__all__ = ["compare_curves", "compare_eos", "iter_compare"]

FORMS_BY_DEFAULT = ("bm2", "bm3", "vinet", "murnaghan")
STATUS = ("ok", "not_converged", "at_bound", "not_identified", "failed", "not_run")
#: AIC that differs by less does not decide (Burnham and Anderson 2004); nor do curves that are nearer to each other.
UNDECIDED, SAME_CURVE = 2.0, 1.0
_OPTIONS = {
    "form", "thermal", "hold", "bounds", "priors", "pressure_scale", "n_atoms", "reference_temperature",
}  # fmt: skip


def compare_eos(
    ds: xr.Dataset,
    candidates: Sequence[str] | Mapping[str, Mapping[str, Any]] = FORMS_BY_DEFAULT,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> xr.Dataset:
    """Fit several equations of state to the same points, weigh them, and say which the data cannot separate.

    Parameters
    ----------
    ds : xarray.Dataset
        Points as `fit_eos` takes them.
    candidates : sequence of str, or mapping of str to mapping
        Names of forms, by default ``("bm2", "bm3", "vinet", "murnaghan")``; or names of your own, with the options of
        `fit_eos` that differ: ``{"q free": {"form": "vinet", "hold": {"theta0": 773.0}}}``.
    progress : callable, optional
        Called with each `runs.Part`.
    **options
        Options of `fit_eos` for all candidates.

    Returns
    -------
    xarray.Dataset
        Dim ``candidate``: everything that `fit_eos` gives, NaN where a candidate has no such parameter, so that
        ``compared.sel(candidate="vinet")`` stands for its fit; and

        - ``delta_aic``, ``delta_bic``, ``weight_aic``, ``weight_bic`` (candidate), 1
        - ``distance`` (candidate, candidate_2): how far the fitted curves are apart at the points, in standard
          deviations, all points taken together; what is nearer than about 2 no such data can separate
        - ``undecided`` (candidate): 1 where AIC is within 2 of the best, or the curve is within 1 of it: AIC then
          counts parameters and nothing else
        - ``status``: as in `fit_eos`, or failed, with the reason in ``remarks``

        The attribute ``conclusion`` says the same in words.

    Raises
    ------
    ParameterError
        A form or option is unknown.
    DataError
        None of the candidates can be fitted.

    References
    ----------
    Burnham and Anderson 2004, doi:10.1177/0049124104268644.

    Examples
    --------
    >>> from mi_widgets.datasets import load_mgo
    >>> found = compare_eos(load_mgo(), thermal="debye", hold={"theta0": 773.0, "q": 1.0})
    >>> found.sel(candidate=["bm3", "vinet"]).undecided.values.tolist()
    [1, 1]
    """
    return collect(iter_compare(ds, candidates, **options), progress)


def iter_compare(
    ds: xr.Dataset,
    candidates: Sequence[str] | Mapping[str, Mapping[str, Any]] = FORMS_BY_DEFAULT,
    **options: Any,
) -> Iterator[Part]:
    """Fit candidates one after the other; see `compare_eos`.

    Parameters
    ----------
    ds : xarray.Dataset
        Points as `fit_eos` takes them.
    candidates : sequence of str, or mapping of str to mapping
        As in `compare_eos`.
    **options
        Options of `fit_eos` for all candidates.

    Yields
    ------
    Part
        After each candidate; ``result`` is the comparison so far, None while all have failed, ``index`` the name of
        the candidate.

    Raises
    ------
    ParameterError
        A form or option is unknown.
    DataError
        None of the candidates can be fitted.

    Examples
    --------
    >>> from mi_widgets.datasets import make_eos
    >>> cold = make_eos(seed=0).isel(point=slice(0, 20))
    >>> [part.index for part in iter_compare(cold, ["bm2", "bm3"])]
    ['bm2', 'bm3']
    """
    calls = _calls(candidates, options)
    fits: dict[str, xr.Dataset | DataError] = {}
    history = {"candidates": {k: call_options(**v) for k, v in calls.items()}}
    for name, call in calls.items():
        try:
            fits[name] = fit_eos(ds, **call)
        except LabelError:
            raise
        except DataError as error:  # one form may ask for more than the data have; the others go on
            fits[name] = error
            if len(fits) == len(calls) and all(isinstance(f, DataError) for f in fits.values()):
                raise
        whole = None
        if any(isinstance(f, xr.Dataset) for f in fits.values()):
            title = "Equations of state compared"
            whole = finish(_together(fits, list(calls)), "compare_eos", title, history, of=ds.attrs)
        yield Part(len(fits), len(calls), whole, name)


def compare_curves(
    compared: xr.Dataset,
    *,
    candidate: str | None = None,
    temperature: float | None = None,
    reach: float = 0.15,
    n_volumes: int = 120,
) -> xr.Dataset:
    """How far the fitted curves of several candidates part, within the data and beyond.

    Parameters
    ----------
    compared : xarray.Dataset
        Result of `compare_eos` for pressures.
    candidate : str, optional
        The one from which the others are measured; by default the one with the lowest AIC.
    temperature : float, optional
        Temperature (K); by default that of the isothermal form.
    reach : float
        How far beyond the fitted volumes, as a share of the smallest one (0 to 0.5).
    n_volumes : int
        Number of volumes.

    Returns
    -------
    xarray.Dataset
        ``difference`` (candidate, volume), GPa: pressure less that of the chosen candidate; ``stderr`` (volume), GPa:
        standard error of its curve; ``extrapolated`` (volume): 1 beyond the fitted volumes. Attribute ``candidate``.

    Raises
    ------
    LabelError
        It is no comparison of pressures, or there is no such candidate.
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> from mi_widgets.datasets import make_eos
    >>> cold = make_eos(seed=0).isel(point=slice(0, 20))
    >>> compare_curves(compare_eos(cold, ["bm3", "vinet"])).difference.dims
    ('candidate', 'volume')
    """
    who = "compare_curves"
    if not isinstance(compared, xr.Dataset) or "distance" not in compared or "pressure" not in compared:
        raise LabelError(f"{who} needs a result of eos.compare_eos for pressures. Write eos.compare_eos(ds).")
    fitted = [str(c) for c, a in zip(compared["candidate"].values, compared["aic"].values, strict=True) if a == a]
    base = (
        str(compared["candidate"].values[int(np.nanargmin(compared["aic"].values))]) if candidate is None else candidate
    )
    if base not in fitted:
        raise LabelError(f"{who}: there is no fitted candidate {candidate!r}; there are {', '.join(fitted)}.")
    if not 0 <= reach <= 0.5 or not 2 <= n_volumes <= 100_000:
        raise ParameterError(f"{who}: reach is 0 to 0.5 and n_volumes 2 or more; got {reach!r} and {n_volumes!r}.")
    low, high = (float(v) for v in compared.attrs["volume_range"])
    volume = np.linspace((1 - reach) * low, high, int(n_volumes))
    t = float(compared.attrs["reference_temperature"]) if temperature is None else temperature
    curves = {c: evaluate(compared.sel(candidate=c), volume=volume, temperature=t).isel(temperature=0) for c in fitted}
    main = curves[base]
    rows = np.stack([curves[c]["pressure"].values - main["pressure"].values for c in fitted])
    gpa = {"units": "GPa"}
    out = xr.Dataset(
        {
            "difference": (("candidate", "volume"), rows, {**gpa, "long_name": f"pressure less that of {base}"}),
            "stderr": (
                "volume",
                main["pressure_stderr"].values,
                {**gpa, "long_name": "standard error of the pressure"},
            ),
            "extrapolated": ("volume", (volume < low).astype("int8"), dict(main["extrapolated"].attrs)),
        },
        coords={"candidate": ("candidate", fitted, {"long_name": "candidate"}), "volume": main["volume"].variable},
        attrs={"candidate": base, "temperature": t},
    )
    return finish(out, who, "Curves of several forms", {"candidate": base, "temperature": t}, of=compared.attrs)


def _calls(
    candidates: Sequence[str] | Mapping[str, Mapping[str, Any]], options: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    if isinstance(candidates, str) or not len(candidates):
        raise ParameterError(f"compare_eos needs a list of forms, such as ['bm3', 'vinet']; got {candidates!r}.")
    given: dict[str, Mapping[str, Any]] = (
        {str(k): v for k, v in candidates.items()}
        if isinstance(candidates, Mapping)
        else {str(name): {"form": name} for name in candidates}
    )
    out = {}
    for name, own in given.items():
        unknown = (set(own) | set(options)) - _OPTIONS
        if unknown:
            raise ParameterError(
                f"compare_eos: {min(unknown)!r} is no option of fit_eos; there are {', '.join(sorted(_OPTIONS))}."
            )
        out[name] = {**options, **own}
        form = out[name].get("form", "bm3")
        if form not in FORMS:
            raise ParameterError(f"compare_eos: there is no form {form!r}; there are {', '.join(FORMS)}.")
    return out


def _together(fits: Mapping[str, xr.Dataset | DataError], names: list[str]) -> xr.Dataset:
    """One Dataset over ``candidate`` from fits that have different parameters; those to come are not_run."""
    done = {name: f for name, f in fits.items() if isinstance(f, xr.Dataset)}
    first = next(iter(done.values()))
    columns: dict[str, Any] = {}
    coords: dict[str, Any] = {"candidate": ("candidate", names, {"long_name": "candidate"})}
    for key, text in (("form", "form"), ("thermal", "thermal part"), ("remarks", "what to know about the fit")):
        other = {n: str(f) if key == "remarks" else "" for n, f in fits.items() if n not in done}
        values = [str(done[n][key].item()) if n in done else other.get(n, "") for n in names]
        coords[key] = ("candidate", np.array(values, dtype=np.str_), {"long_name": text})
    codes = [int(done[n]["status"]) if n in done else STATUS.index("failed" if n in fits else "not_run") for n in names]
    flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
    columns["status"] = (
        "candidate", np.array(codes, dtype="int8"), {"units": "1", "long_name": "status of the fit", **flags}
    )  # fmt: skip
    free = {str(p) for f in done.values() for p in f["parameter"].values}
    parameters = [name for name in LONG_NAMES if name in free]
    template: dict[str, xr.DataArray] = {}
    for f in done.values():
        for variable in f.data_vars:
            template.setdefault(str(variable), f[variable])
    for key, array in template.items():
        attrs = {k: v for k, v in array.attrs.items() if k != "held"}
        if key.removesuffix("_stderr") in ("volume", "temperature", "pressure", "energy"):  # the same for all
            columns[key] = (array.dims, array.values, attrs)
        elif key not in ("status", "correlation"):
            none = np.full(array.shape, np.nan)
            rows = [done[n][key].values if n in done and key in done[n] else none for n in names]
            columns[key] = (("candidate", *array.dims), np.stack(rows).astype(float), attrs)
    correlation = np.full((len(names), len(parameters), len(parameters)), np.nan)
    for i, name in enumerate(names):
        if name in done:
            at = [parameters.index(str(p)) for p in done[name]["parameter"].values]
            correlation[np.ix_([i], at, at)] = done[name]["correlation"].values
    both = ("candidate", "parameter", "parameter_2")
    columns["correlation"] = (both, correlation, dict(template["correlation"].attrs))
    coords |= {"parameter": parameters, "parameter_2": parameters}
    if "point" in first.coords:
        coords["point"] = first["point"].variable
    attrs = {k: v for k, v in first.attrs.items() if k not in ("title", "history")}
    out = _weighed(xr.Dataset(columns, coords=coords, attrs=attrs))
    out.attrs["conclusion"] = _conclusion(out)
    return out


def _weighed(out: xr.Dataset) -> xr.Dataset:
    for name, text in (("aic", "Akaike's criterion"), ("bic", "Bayesian criterion")):
        values = np.where(np.isfinite(out[name].values), out[name].values, np.nan)
        least = np.nanmin(values)
        one = {"units": "1"}
        out[f"delta_{name}"] = ("candidate", values - least, {**one, "long_name": f"{text} over the least"})
        weight = criterion_weights(values)
        out[f"weight_{name}"] = ("candidate", weight, {**one, "long_name": f"weight by the {text}"})
    best = int(np.nanargmin(out["aic"].values))
    curves, sigma = out["expected"].transpose("candidate", "point").values, out["sigma"].values[best]
    apart = np.sqrt(np.nansum(((curves[:, None] - curves[None]) / sigma) ** 2, axis=-1))
    lost = ~np.isfinite(out["aic"].values)
    apart[lost], apart[:, lost] = np.nan, np.nan
    flag = ((out["delta_aic"].values < UNDECIDED) | (apart[best] < SAME_CURVE)).astype("int8")
    attrs = {"units": "1", "long_name": "not separated from the best", "flag_values": [0, 1], "flag_meanings": "no yes"}
    out["undecided"] = ("candidate", flag, attrs)
    names = out["candidate"].values
    out = out.assign_coords(candidate_2=("candidate_2", names, {"long_name": "other candidate"}))
    text = "distance of the curves at the points, in standard deviations"
    out["distance"] = (("candidate", "candidate_2"), apart, {"units": "1", "long_name": text})
    return out


def _conclusion(out: xr.Dataset) -> str:
    order = [int(i) for i in np.argsort(out["aic"].values) if np.isfinite(out["aic"].values[i])]
    names = [str(n) for n in out["candidate"].values]
    tied = [i for i in order if out["undecided"].values[i]]
    worse = [names[i] for i in order if i not in tied]
    if len(tied) == 1:
        lead = f", by {float(out['delta_aic'].values[order[1]]):.1f}" if len(order) > 1 else ""
        text = f"{names[order[0]]} has the lowest AIC{lead}."
    else:
        apart = float(np.nanmax(out["distance"].values[np.ix_(tied, tied)]))
        k0 = out["k0"].values[tied]
        text = (
            f"These data cannot separate {_listed([names[i] for i in tied])}: the fitted curves are at most "
            f"{apart:.2g} standard deviations apart, all points taken together, and AIC differs by "
            f"{float(out['delta_aic'].values[tied].max()):.1f}. K0 is {k0.min():.1f} to {k0.max():.1f} GPa among them."
        )
    if worse:
        text += f" Less likely: {_listed(worse)}."
    doubtful = [str(n) for n, s in zip(out["candidate"].values, out["status"].values, strict=True) if 0 < s < 5]
    if doubtful:
        text += f" Look at the remarks on {_listed(doubtful)}."
    return text


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
