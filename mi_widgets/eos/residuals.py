"""How far measured points are from any equation of state, fitted or not."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.eos._data import as_points
from mi_widgets.eos._problem import Problem
from mi_widgets.eos._propagate import source_of
from mi_widgets.eos._result import finish
from mi_widgets.eos.equation import Equation
from mi_widgets.errors import LabelError

__all__ = ["residuals"]


def residuals(eos: Equation | xr.Dataset, ds: xr.Dataset) -> xr.Dataset:
    """Find how far points are from an equation of state, with the errors of volume and temperature.

    Parameters
    ----------
    eos : Equation or xarray.Dataset
        An equation of state, or a result of `fit_eos`.
    ds : xarray.Dataset
        Points with pressures, as `fit_eos` takes them; other points than those of the fit tell whether it predicts.

    Returns
    -------
    xarray.Dataset
        ``residual`` (point), GPa: pressure less that of the equation; ``sigma`` (point), GPa; ``residual_normalized``
        (point), 1; NaN where a point has NaN, and ``sigma`` where no errors were given. ``chi2``: sum of the squares.

    Raises
    ------
    LabelError
        `eos` or `ds` is not what it must be, the points are energies, or their volumes have another unit.
    DataError
        As in `fit_eos`.

    Examples
    --------
    >>> from mi_widgets.datasets import load_mgo
    >>> from mi_widgets.eos import reference_equation
    >>> round(float(residuals(reference_equation("mgo_tange_2009"), load_mgo()).chi2 / 61), 1)
    1.3
    """
    who = "residuals"
    equation = source_of(eos, who=who).equation
    data = as_points(ds, who=who)
    if data.points.is_energy:
        raise LabelError(f"{who} compares pressures; these points are energies. Give points with pressure.")
    if data.volume_factor != equation.volume_factor:
        raise LabelError(
            f"{who}: volumes are in {data.volume_units}, those of the equation in {equation.volume_units}. "
            "Convert one of them, its number of atoms as well."
        )
    held = {n: v * (equation.volume_factor if n == "v0" else 1.0) for n, v in equation.parameters.items()}
    problem = Problem(data.points, equation.model, (), held, np.empty(0), np.empty(0))
    mean, variance = problem.predict(np.empty(0))
    residual = data.points.value - mean
    sigma = np.sqrt(variance) if data.points.known else np.full(mean.shape, np.nan)
    out: dict[str, Any] = {}
    for name, values, units, text in (
        ("residual", residual, "GPa", "pressure less that of the equation"),
        ("sigma", sigma, "GPa", "standard deviation of the pressure, errors of volume and temperature included"),
        ("residual_normalized", residual / sigma, "1", "residual over its standard deviation"),
    ):
        column = np.full(data.used.size, np.nan)
        column[data.used] = values
        out[name] = ("point", column, {"units": units, "long_name": text})
    chi2 = float(np.sum((residual / sigma) ** 2))
    out["chi2"] = ((), chi2, {"units": "1", "long_name": "sum of the squared residuals over their errors"})
    coords = {"point": ds["point"].variable} if "point" in ds.coords else {}
    return finish(xr.Dataset(out, coords=coords), who, "Residuals of an equation of state", {}, of=ds.attrs)
