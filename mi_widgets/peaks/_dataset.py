"""A finished or half finished fit as a Dataset: names, units, standard errors, status."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.history import origin
from mi_widgets.labels import product_unit
from mi_widgets.peaks._map_fit import STATUS, MapFit

LONG_NAMES = {
    "amplitude": "area",
    "center": "position",
    "sigma": "sigma",
    "fwhm": "full width at half maximum",
    "height": "height",
    "fraction": "Lorentzian fraction",
    "asymmetry": "asymmetry",
    "gamma": "Lorentzian half width",
    "gaussian_sigma": "standard deviation of the Gaussian",
    "background_level": "background",
    "background_left": "background at the low end",
    "background_middle": "background in the middle",
    "background_right": "background at the high end",
    "background_step": "Shirley step",
    "background_b": "Tougaard's B",
    "background_c": "Tougaard's C",
    "background_d": "Tougaard's D",
}


def to_dataset(
    fit: MapFit,
    coords: Mapping[str, xr.DataArray],
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    *,
    axis_units: str,
    value_units: str,
    attrs: Mapping[str, Any],
) -> xr.Dataset:
    """Copy the arrays of `fit` into a Dataset over the map's dims and ``peak``.

    Parameters
    ----------
    fit : MapFit
        The fit; it may still go on.
    coords : mapping
        Coordinates of the map that do not depend on the spectral axis.
    dims, shape : tuple
        Dims of the map and their sizes.
    axis_units, value_units : str
        Units of the spectral axis and of the data.
    attrs : mapping
        Global attributes.
    """
    model, peaks = fit.model, (*dims, "peak")
    area = product_unit(value_units, axis_units)
    units = {
        "amplitude": area,
        "center": axis_units,
        "sigma": axis_units,
        "fwhm": axis_units,
        "fraction": "1",
        "asymmetry": "1",
        "gamma": axis_units if "voigt" in model.lineshapes else "1",
        "gaussian_sigma": axis_units,
        **dict.fromkeys(("background_b", "background_c", "background_d"), product_unit(axis_units, axis_units)),
    }
    units["background_step"] = f"1/{axis_units}" if "/" not in axis_units else f"1/({axis_units})"
    out: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]] = {}

    def add(name: str, over: tuple[str, ...], value: np.ndarray, error: np.ndarray) -> None:
        unit, long_name = units.get(name, value_units), LONG_NAMES[name]
        if name == "gamma" and "doniach" in model.lineshapes:
            long_name = "Doniach-Sunjic asymmetry" if unit == "1" else f"{long_name}, or Doniach-Sunjic asymmetry"
        at = (*shape, model.n_peaks) if over == peaks else shape
        out[name] = (over, np.array(value).reshape(at), {"units": unit, "long_name": long_name})
        attributes = {"units": unit, "long_name": f"standard error of {long_name}"}
        out[f"{name}_stderr"] = (over, np.array(error).reshape(at), attributes)

    for name in model.peak_names:
        values, errors = (np.full((len(fit.status), model.n_peaks), np.nan) for _ in range(2))
        having = model.having(name)
        values[:, having] = fit.parameters[:, model.columns(name)]
        errors[:, having] = fit.stderr[:, model.columns(name)]
        add(name, peaks, values, errors)
        if name == "sigma":
            add("fwhm", peaks, fit.fwhm, fit.fwhm_stderr)
    add("height", peaks, fit.height, fit.height_stderr)
    for name in model.background_names:
        column = model.columns(name)[0]
        add(name, dims, fit.parameters[:, column], fit.stderr[:, column])
    for name, value, unit, long_name in _statistics(fit, value_units):
        out[name] = (dims, value.reshape(shape), {"units": unit, "long_name": long_name})
    coordinates: dict[str, Any] = {}
    if fit.correlation is not None:
        both = (*dims, "parameter", "parameter_2")
        size = (*shape, model.n_parameters, model.n_parameters)
        out["correlation"] = (both, fit.correlation.reshape(size).copy(), {"units": "1", "long_name": "correlation"})
        coordinates = {name: list(model.names) for name in both[-2:]}
    flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
    out["status"] = (dims, fit.status.copy().reshape(shape), {"units": "1", "long_name": "status of the fit", **flags})
    number = xr.DataArray(np.arange(model.n_peaks), dims="peak", attrs={"units": "1", "long_name": "peak number"})
    return xr.Dataset(out, coords={**coords, **coordinates, "peak": number}, attrs=dict(attrs))


def _statistics(fit: MapFit, value_units: str) -> list[tuple[str, np.ndarray, str, str]]:
    deviance = fit.deviance.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        reduced = np.where(np.isfinite(deviance) & (fit.dof > 0), deviance / fit.dof, np.nan)
    unit = product_unit(value_units, value_units) if fit.scaled else "1"
    name = "residual sum of squares" if fit.scaled else "deviance"
    return [
        ("deviance", deviance, unit, name),
        ("reduced_deviance", reduced, unit, f"{name} per degree of freedom"),
        ("dof", fit.dof.copy(), "1", "degrees of freedom"),
        ("bic", fit.criterion("bic"), "1", "Bayesian information criterion"),
        ("n_iter", fit.n_iter.copy(), "1", "iterations"),
    ]


def attributes(
    function: str, title: str, parameters: Mapping[str, Any], *, references: str, source: str | None = None
) -> dict[str, Any]:
    """Global attributes of a result; what JSON cannot say of a parameter is left out of its history."""
    called = _as_json(parameters)
    return dict(origin(f"peaks.{function}", title, called, source=source, references=[references]))


def _as_json(value: Any) -> Any:
    """What JSON can say of a value; it has no infinity."""
    if isinstance(value, Mapping):
        return {str(k): _as_json(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _as_json(value.tolist())
    if isinstance(value, list | tuple | set | range):
        return [_as_json(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else "given"
