"""A solved problem as a Dataset: parameters with errors, their correlation, residuals, criteria, status, remarks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._data import Checked, factor_of
from mi_widgets.eos._problem import Problem
from mi_widgets.eos._scoring import Found
from mi_widgets.history import origin
from mi_widgets.methods.selection import information_criteria

__all__ = ["LONG_NAMES", "STATUS", "finish", "parameter_attrs", "to_dataset"]

STATUS = ("ok", "not_converged", "at_bound", "not_identified")
LONG_NAMES = {
    "e0": "energy at V0",
    "v0": "volume at no pressure",
    "k0": "bulk modulus K0",
    "k0_prime": "pressure derivative K0'",
    "k0_double_prime": "second derivative K0''",
    "gamma0": "Grueneisen parameter at V0",
    "q": "exponent q of the Grueneisen parameter",
    "a": "share a of the Grueneisen parameter that depends on volume",
    "b": "exponent b of the Grueneisen parameter",
    "theta0": "Debye temperature at V0",
    "pressure_scale": "relative error of the pressure scale",
}
#: A standard error above this says that the data do not know the parameter; of the others, above their own value.
_LOOSE = {"k0_prime": 4.0, "k0_double_prime": 0.5, "q": 3.0, "a": 1.0, "b": 10.0}


def parameter_attrs(name: str, volume_units: str) -> dict[str, Any]:
    """Unit and readable name of a parameter."""
    units = {"e0": "eV", "v0": volume_units, "k0": "GPa", "k0_double_prime": "1/GPa", "theta0": "K"}
    return {"units": units.get(name, "1"), "long_name": LONG_NAMES[name]}


def finish(
    ds: xr.Dataset, function: str, title: str, parameters: Mapping[str, Any], *, of: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """Global attributes of a result, beside those it has; the source of the data is kept."""
    return ds.assign_attrs(origin(f"eos.{function}", title, parameters, source=(of or {}).get("source")))


def to_dataset(ds: xr.Dataset, data: Checked, problem: Problem, found: Found) -> xr.Dataset:
    """Put a solved problem into a Dataset, without its title and history."""
    theta, covariance, deviance, n_free = _scaled(problem, found)
    factor, units = data.volume_factor, data.volume_units
    out: dict[str, Any] = {}
    scale = np.array([1 / factor if name == "v0" else 1.0 for name in problem.free])
    covariance = covariance.copy()  # where a bound stands says nothing of the data
    covariance[found.at_bound], covariance[:, found.at_bound] = np.nan, np.nan
    values, stderr = theta * scale, np.sqrt(np.diag(covariance)) * scale
    order = (("e0",) if problem.points.is_energy else ()) + problem.model.names
    for name in (*order, *(["pressure_scale"] if "pressure_scale" in problem.free else [])):
        attrs = parameter_attrs(name, units)
        free = name in problem.free
        i = problem.free.index(name) if free else 0
        value = values[i] if free else problem.held[name] / (factor if name == "v0" else 1.0)
        out[name] = ((), float(value), attrs | {"held": int(not free)})
        long_name = f"standard error of {attrs['long_name']}" + ("" if free else " (held)")
        out[f"{name}_stderr"] = ((), float(stderr[i]) if free else np.nan, {**attrs, "long_name": long_name})
    out |= _curves(ds, data, problem, theta)
    residual = out["residual_normalized"][1]
    dof = problem.points.volume.size - len(_counted(problem))
    criteria = information_criteria(-0.5 * deviance, n_free, problem.points.volume.size)
    chi2 = float(np.nansum(residual**2))
    numbers = {
        "chi2": (chi2 if problem.points.known else np.nan, "sum of the squared residuals over their errors"),
        "dof": (dof, "degrees of freedom"),
        "reduced_chi2": (chi2 / dof if problem.points.known and dof > 0 else np.nan, "chi2 per degree of freedom"),
        "log_likelihood": (-0.5 * deviance, "logarithm of the likelihood"),
        "n_parameters": (n_free, "number of free parameters"),
        "aic": (float(criteria.aic), "Akaike's criterion"),
        "aicc": (float(criteria.aicc), "Akaike's criterion for few data"),
        "bic": (float(criteria.bic), "Bayesian information criterion"),
    }
    out |= {name: ((), value, {"units": "1", "long_name": text}) for name, (value, text) in numbers.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance * np.outer(scale, scale) / np.outer(stderr, stderr)
    both = ("parameter", "parameter_2")
    out["correlation"] = (both, correlation, {"units": "1", "long_name": "correlation"})
    status, remarks = _judge(problem, found, values, stderr, correlation)
    flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
    out["status"] = ((), np.int8(status), {"units": "1", "long_name": "status of the fit", **flags})
    coords: dict[str, Any] = {name: list(problem.free) for name in both}
    coords |= {"form": ((), problem.model.form, {"long_name": "form"})}
    coords |= {"thermal": ((), problem.model.thermal, {"long_name": "thermal part"})}
    coords |= {"remarks": ((), remarks, {"long_name": "what to know about the fit"})}
    if "point" in ds.coords:
        coords["point"] = ds["point"]
    result = xr.Dataset(out, coords=coords)
    p = problem.points
    result.attrs = {
        "reference_temperature": float(problem.model.t0),
        "volume_range": [float(p.volume.min() / factor), float(p.volume.max() / factor)],
        "temperature_range": [float(p.temperature.min()), float(p.temperature.max())],
    }
    atoms = problem.model.n_atoms or data.n_atoms
    result.attrs |= {k: v for k, v in (("n_atoms", atoms), ("molar_mass", data.molar_mass)) if v}
    return result


def _counted(problem: Problem) -> list[str]:
    """Free parameters that the criteria count: an error of the scale has its datum, which is its prior."""
    return [name for name in problem.free if name != "pressure_scale"]


def _scaled(problem: Problem, found: Found) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Parameters, covariance, deviance and number of parameters; unknown noise is found from the residuals here."""
    k, n = len(_counted(problem)), problem.points.volume.size
    if problem.points.known:
        return found.theta, found.covariance, found.deviance, k
    squares = float(((problem.points.value - problem.predict(found.theta)[0]) ** 2).sum())
    assumed = float(problem.points.value_error[0])
    covariance = found.covariance * squares / max(n - k, 1) / assumed**2
    deviance = n * (np.log(2 * np.pi * max(squares, 1e-300) / n) + 1) + float(problem.prior_deviance(found.theta))
    return found.theta, covariance, deviance, k + 1


def _curves(ds: xr.Dataset, data: Checked, problem: Problem, theta: np.ndarray) -> dict[str, Any]:
    """The data, and beside them what the fit expects; pressures in GPa and energies in eV whatever came."""
    points = problem.points
    mean, variance = problem.predict(theta)
    sigma = np.sqrt(variance)
    residual = points.value - mean
    if not points.known:
        sigma = np.full_like(mean, np.sqrt((residual**2).sum() / max(mean.size - len(_counted(problem)), 1)))
    kind, unit = ("energy", "eV") if points.is_energy else ("pressure", "GPa")
    out: dict[str, Any] = {}
    for name in ("volume", "temperature", kind):
        for part in (name, f"{name}_stderr"):
            if part in ds:
                values, attrs = ds[part].values.astype(float), dict(ds[part].attrs)
                if name == kind:  # else they would be drawn against curves in another unit
                    values, attrs = (
                        values * factor_of(ds[kind].attrs["units"], kind, who="fit_eos"),
                        attrs | {"units": unit},
                    )
                out[part] = ("point", values, attrs)

    def add(name: str, values: np.ndarray, units: str, long_name: str) -> None:
        column = np.full(data.used.size, np.nan)
        column[data.used] = values
        out[name] = ("point", column, {"units": units, "long_name": long_name})

    add("expected", mean, unit, f"{kind} of the fit")
    add("residual", residual, unit, f"{kind} less that of the fit")
    add("sigma", sigma, unit, f"standard deviation of the {kind}, errors of volume and temperature included")
    with np.errstate(divide="ignore", invalid="ignore"):
        add("residual_normalized", residual / sigma, "1", "residual over its standard deviation")
    return out


def _judge(
    problem: Problem, found: Found, values: np.ndarray, stderr: np.ndarray, correlation: np.ndarray
) -> tuple[int, str]:
    """Status, and in words what must not be trusted."""
    remarks, status = [], 0
    if not found.converged:
        status = 1
        remarks.append("The fit has not converged; start nearer, or hold a parameter.")
    for i, name in enumerate(problem.free):
        if found.at_bound[i]:
            status = max(status, 2)
            remarks.append(f"{name} stands on its bound, {values[i]:.4g}; so that it has no error.")
        loose = _LOOSE.get(name, abs(values[i]))
        if name in ("e0", "pressure_scale"):
            loose = np.inf
        if found.unknown[i]:
            status = 3
            remarks.append(f"The data say nothing of {name}, or only of a combination with others: hold it.")
        elif stderr[i] > loose and not found.at_bound[i]:
            status = 3
            remarks.append(f"The data hardly tell {name}: {values[i]:.4g} ± {stderr[i]:.2g}; hold it at a known value.")
    high = np.triu(np.abs(correlation) > 0.95, 1)
    together = [name for name, row, column in zip(problem.free, high, high.T, strict=True) if row.any() or column.any()]
    if together:
        listed = f"{', '.join(together[:-1])} and {together[-1]}"
        if len(together) == 2:
            how = f"correlation {correlation[high][0]:.2f}): neither means much without the other"
        else:
            how = f"correlations up to {np.abs(correlation[high]).max():.2f}): none means much without the others"
        remarks.append(f"{listed} go together ({how}.")
    return status, " ".join(remarks)
