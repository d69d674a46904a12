"""Yields over a volcano: log odds, and the adsorption energy that the yields themselves let one estimate."""

import warnings

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.screening._subset_data import aligned, checked, labels_of
from mi_widgets.screening._volcano_fit import VolcanoFit, difference_stderr, fit_arrays, predict_arrays

__all__ = ["evaluate_volcano", "fit_volcano", "log_odds"]

BOLTZMANN = 8.617333262e-5  # eV/K
_SOURCE = "computed by mi_widgets.screening"
STATUS = ("ok", "one_side", "not_converged")
_NAMES = {
    "energy": ("eV", "adsorption energy above that of the top"),
    "energy_stderr": ("eV", "standard error of the energy"),
    "prediction": ("1", "log odds of the yield by the volcano"),
    "prediction_stderr": ("1", "standard error of a new measurement"),
    "mean_stderr": ("1", "standard error of the curve"),
}


def log_odds(yields: xr.DataArray, *, limit: float = 0.1) -> xr.DataArray:
    """Turn yields into log odds, ln(y / (1 - y)), over which errors are even and nothing lies beyond 0 or 100 percent.

    Parameters
    ----------
    yields : xarray.DataArray
        With ``units``: ``"percent"``, or ``"1"`` for fractions.
    limit : float
        Least distance from 0 and 100 percent that is believed (percent); yields nearer are set there.

    Returns
    -------
    xarray.DataArray
        Log odds, unit 1; ``n_at_limit`` in its attributes says how many were set to the limit.

    Raises
    ------
    LabelError
        The unit is missing or another one.
    DataError
        A yield is below 0 or above 100 percent, or missing.
    ParameterError
        `limit` is out of range.

    Warns
    -----
    MIWidgetsWarning
        Yields were set to the limit.

    Examples
    --------
    >>> float(log_odds(xr.DataArray([50.0], dims="candidate", attrs={"units": "percent"}))[0])
    0.0
    """
    if not np.isfinite(limit) or not 0 < limit < 50:
        raise ParameterError(f"limit must be a number above 0 and below 50 percent; got {limit!r}.")
    units = str(yields.attrs.get("units", "")) if isinstance(yields, xr.DataArray) else ""
    if units not in ("percent", "%", "1"):
        raise LabelError(
            f"yields need a unit, 'percent' or '1' (fraction); got {units or 'none'!r}. Write "
            "yields.attrs['units'] = 'percent'."
        )
    percent = np.asarray(yields.values, dtype=float) * (100.0 if units == "1" else 1.0)
    if not np.isfinite(percent).all():
        n = int((~np.isfinite(percent)).sum())
        raise DataError(
            f"{n} yields are missing or infinite; leave these candidates out: ds.dropna({yields.dims[0]!r})."
        )
    if percent.min() < 0 or percent.max() > 100:
        worst = percent[np.argmax(np.abs(percent - 50))]
        hint = " Are they in percent already? Write yields.attrs['units'] = 'percent'." if units == "1" else ""
        raise DataError(f"yields must lie within 0 and 100 percent; got {worst:g} percent.{hint}")
    kept = np.clip(percent, limit, 100 - limit)
    n = int((kept != percent).sum())
    if n:
        warnings.warn(f"{n} yields nearer than {limit:g} percent to 0 or 100 were set there.", MIWidgetsWarning,
                      stacklevel=2)  # fmt: skip
    attrs = {"units": "1", "long_name": "log odds of the yield", "n_at_limit": n}
    return yields.copy(data=np.log(kept / (100 - kept))).assign_attrs(attrs).rename("log_odds")


def steepness(slope: float, temperature: float) -> float:
    """Slope over kT (1/eV), checked."""
    if not np.isfinite(slope) or not 0.01 <= slope <= 5:
        raise ParameterError(f"slope must be a number from 0.01 to 5 (eV of barrier for each eV); got {slope!r}.")
    if not np.isfinite(temperature) or not 50 <= temperature <= 3000:
        raise ParameterError(f"temperature must be 50 to 3000 K; got {temperature!r}. Is it in kelvin?")
    return slope / (BOLTZMANN * temperature)


def fit_volcano(
    features: xr.DataArray, target: xr.DataArray, *, slope: float = 0.3, temperature: float = 700.0
) -> xr.Dataset:
    r"""Fit yields by a volcano over an adsorption energy that is a weighted sum of variables.

    The energy needs not be known: the shape of the volcano tells how far each candidate is from its top.

    Parameters
    ----------
    features : xarray.DataArray
        (candidate, feature): the few variables that decide, as `exhaustive_search` finds them; any units.
    target : xarray.DataArray
        (candidate): log odds of the yield, see `log_odds`.
    slope : float
        Rise of the barrier of one step, and fall of that of the other, with the adsorption energy (eV/eV).
    temperature : float
        K.

    Returns
    -------
    xarray.Dataset
        - ``energy`` (candidate), ``energy_stderr``, eV: adsorption energy above that of the top
        - ``prediction`` (candidate), ``prediction_stderr`` (of a new measurement), ``mean_stderr`` (of the curve):
          log odds
        - ``weight`` (feature), ``weight_stderr``, eV: change of the energy per standard deviation
        - ``height``, ``height_stderr``: log odds at the top; ``offset``, eV: energy of a mean candidate; ``sigma``:
          spread about the curve; ``center``, ``scale`` (feature): of the variables
        - ``covariance`` (parameter, parameter_2)
        - ``status``: CF flags ok, one_side (hardly any candidate beyond the top, which is guessed), not_converged

    Raises
    ------
    DataError
        Values are missing, a variable is constant, or there are too few candidates.
    ParameterError
        `slope` or `temperature` is out of range.

    Notes
    -----
    With :math:`u = \mathrm{slope}\,E/kT` the log odds are :math:`h - \ln(e^u + e^{-u})`: adsorption slows down as the
    energy rises, reaction as it falls, and the slower one decides (Sabatier). **The sign of E is not in the data**: a
    volcano is the same from both sides. It is chosen such that the largest weight is above zero; one energy that is
    calculated, or an expert, decides.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields()
    >>> fit = fit_volcano(ds.features.isel(feature=[0, 2, 4]), ds.logit_yield)
    >>> abs(float(xr.corr(fit.energy, ds.true_adsorption_energy))) > 0.97
    True
    """
    sharp = steepness(slope, temperature)
    given = checked(features, target, "polynomial", 1, None)
    n, k = given.x.shape
    if n < k + 4:
        raise DataError(f"{n} candidates are too few for a volcano over {k} variables; give {k + 4} or more.")
    fit = fit_arrays(given.x, given.y, sharp)
    raw = np.asarray(aligned(features, target).transpose(given.dim, "feature").values, dtype=float)
    names = ["height", "offset", *(f"weight of {v}" for v in features["feature"].values)]
    stderr = np.sqrt(np.maximum(np.diag(fit.covariance), 0.0))
    ds = _predicted(fit, given.x, given.dim, labels_of(target, given.dim))
    share = float((ds["energy"] > 0).mean())
    status = 2 if not fit.converged else 1 if min(share, 1 - share) < 0.05 else 0
    flags = {"flag_values": np.arange(3, dtype=np.int8), "flag_meanings": " ".join(STATUS)}
    ds = ds.assign_coords(feature=features["feature"].values.astype(str), parameter=names, parameter_2=names)
    ds = ds.assign(
        {
            "true": (given.dim, given.y, {"units": "1", "long_name": "log odds of the measured yield"}),
            "weight": ("feature", fit.parameters[2:], {"units": "eV", "long_name": "energy per standard deviation"}),
            "weight_stderr": ("feature", stderr[2:], {"units": "eV", "long_name": "standard error of the weight"}),
            "height": ((), fit.parameters[0], {"units": "1", "long_name": "height of the volcano"}),
            "height_stderr": ((), stderr[0], {"units": "1", "long_name": "standard error of the height"}),
            "offset": ((), fit.parameters[1], {"units": "eV", "long_name": "energy of a mean candidate"}),
            "sigma": ((), fit.sigma, {"units": "1", "long_name": "spread about the curve"}),
            "center": ("feature", raw.mean(axis=0), {"units": "1", "long_name": "mean, in the unit of each"}),
            "scale": ("feature", raw.std(axis=0), {"units": "1", "long_name": "spread, in the unit of each"}),
            "covariance": (("parameter", "parameter_2"), fit.covariance, {"units": "1", "long_name": "covariance"}),
            "status": ((), np.int8(status), {"long_name": "status", **flags}),
        }
    )
    told = {"slope": slope, "temperature": temperature}
    attrs = origin("screening.fit_volcano", "Volcano over an estimated adsorption energy", told, source=_SOURCE)
    return ds.assign_attrs({**attrs, "slope": float(slope), "temperature": float(temperature)})


def _predicted(fit: VolcanoFit, x: np.ndarray, dim: str, labels: xr.DataArray | np.ndarray) -> xr.Dataset:
    found = predict_arrays(fit, x)
    values = {n: (dim, found[n], {"units": u, "long_name": text}) for n, (u, text) in _NAMES.items()}
    return xr.Dataset(values, coords={dim: labels})


def evaluate_volcano(fit: xr.Dataset, features: xr.DataArray) -> xr.Dataset:
    """Predict other candidates by a volcano, and say which of them it cannot tell from the best.

    Parameters
    ----------
    fit : xarray.Dataset
        Of `fit_volcano`.
    features : xarray.DataArray
        (candidate, feature), with the variables of the fit and any others, in the same units.

    Returns
    -------
    xarray.Dataset
        ``energy``, ``prediction`` and their standard errors as in `fit_volcano`; ``undecided`` (candidate): 1 where the
        prediction is less than two standard errors of the difference below the best; ``outside``: 1 where a variable
        is more than three spreads from the mean of what the fit has seen.

    Raises
    ------
    DataError
        A variable of the fit is not there, or values are missing.

    Examples
    --------
    >>> from mi_widgets.datasets import make_catalyst_yields
    >>> ds = make_catalyst_yields()
    >>> fit = fit_volcano(ds.features.isel(feature=[0, 2, 4]), ds.logit_yield)
    >>> near = evaluate_volcano(fit, ds.features).undecided.values == 1
    >>> bool(near[ds.true_yield.values.argmax()])
    True
    """
    names = [str(n) for n in fit["feature"].values]
    known = [str(n) for n in features["feature"].values] if "feature" in getattr(features, "coords", {}) else []
    missing = [n for n in names if n not in known]
    if missing or features.ndim != 2:
        raise DataError(f"evaluate_volcano needs the variables {', '.join(names)} (candidate, feature); got {known}.")
    dim = next(str(d) for d in features.dims if d != "feature")
    x = np.asarray(features.sel(feature=names).transpose(dim, "feature").values, dtype=float)
    if not np.isfinite(x).all():
        raise DataError(f"{int((~np.isfinite(x)).sum())} values of the features are missing or infinite.")
    x = (x - fit["center"].values) / fit["scale"].values
    parameters = np.concatenate([[float(fit["height"]), float(fit["offset"])], fit["weight"].values])
    sharp = steepness(float(fit.attrs["slope"]), float(fit.attrs["temperature"]))
    known_fit = VolcanoFit(parameters, fit["covariance"].values, float(fit["sigma"]), True, sharp)
    ds = _predicted(known_fit, x, dim, features[dim] if dim in features.coords else np.arange(len(x)))
    best = int(np.argmax(ds["prediction"].values))
    gap = float(ds["prediction"][best]) - ds["prediction"].values
    near = (gap <= 2 * difference_stderr(known_fit, x, best)).astype(np.int8)
    far = (np.abs(x) > 3).any(axis=1).astype(np.int8)
    ds["undecided"] = (dim, near, {"units": "1", "long_name": "not to be told from the best"})
    ds["outside"] = (dim, far, {"units": "1", "long_name": "far from what the fit has seen"})
    attrs = origin("screening.evaluate_volcano", "Candidates by a volcano", {"features": names}, source=_SOURCE)
    return ds.assign_attrs(attrs)
