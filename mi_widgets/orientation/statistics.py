"""Plain statistics of angles: mean axis, tests of uniformity, numbers of grains in sectors."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.orientation._check import Angles, grouped, prepare
from mi_widgets.orientation._dataset import attributes
from mi_widgets.orientation._groups import over_groups
from mi_widgets.orientation._uniformity import kuiper, kuiper_p, rayleigh_p

__all__ = ["axial_statistics", "rose"]


def axial_statistics(
    angles: xr.DataArray,
    *,
    weights: Any = None,
    by: str | None = None,
    period: float = 180.0,
    rounding: float | str = "auto",
) -> xr.Dataset:
    r"""Compute mean axis, resultant length and tests of uniformity of the angles of grains.

    With :math:`\varphi = 2\theta` for axes, :math:`R e^{i\bar\varphi} = \frac1n\sum e^{i\varphi}`. Rayleigh's test asks
    for one preferred axis, Kuiper's for any departure from uniformity: two axes at right angles are seen by the second
    alone. Rounded angles are compared at the ends of their cells.

    Parameters
    ----------
    angles, weights, by, period, rounding
        As in `fit_orientation`.

    Returns
    -------
    xarray.Dataset
        - ``mean_axis``, degree, and ``mean_axis_stderr`` (Fisher and Lewis, for one mode)
        - ``resultant_length``, 1: 0 to 1; ``spread``, degree: circular standard deviation of the angle
        - ``rayleigh_statistic`` n R**2 and ``rayleigh_p``; ``kuiper_statistic`` and ``kuiper_p``
        - ``n_grains``, 1; everything over `by` if that is given

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `fit_orientation`.

    References
    ----------
    Mardia and Jupp 2000, doi:10.1002/9780470316979; Fisher and Lewis 1983, doi:10.1093/biomet/70.2.333; Wilkie 1983,
    doi:10.2307/2347954.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> found = axial_statistics(make_orientations(500, components=((1.0, 60.0, 4.0),), seed=0).angle)
    >>> round(float(found.mean_axis)), bool(found.rayleigh_p < 1e-6)
    (60, True)
    """
    who = "axial_statistics"

    def one(some: xr.DataArray, counts: Any) -> xr.Dataset:
        return _statistics(prepare(some, who=who, weights=counts, period=period, rounding=rounding))

    ds = one(angles, weights) if by is None else over_groups(angles, weights, by, grouped(angles, by, who=who), one)
    parameters = {"by": by, "period": period, "rounding": rounding}
    attrs = attributes(who, "Statistics of orientations", parameters, angles)
    return ds.assign_attrs(attrs | {"references": "Mardia and Jupp 2000, doi:10.1002/9780470316979"})


def _statistics(angles: Angles) -> xr.Dataset:
    n, to_degree = angles.total, 180 / (np.pi * angles.turns)
    mean = (angles.counts @ np.exp(1j * angles.phi)) / n
    length, direction = float(abs(mean)), float(np.angle(mean))
    second = float(angles.counts @ np.cos(2 * (angles.phi - direction))) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(max(1 - second, 0.0) / (2 * n)) / np.float64(length)
        spread = np.sqrt(-2 * np.log(np.float64(length)))
    statistic = kuiper(angles, lambda phi: phi / (2 * np.pi))
    values = {
        "mean_axis": (direction % (2 * np.pi) * to_degree, "degree", "mean axis"),
        "mean_axis_stderr": (error * to_degree, "degree", "standard error of mean axis"),
        "resultant_length": (length, "1", "resultant length"),
        "spread": (spread * to_degree, "degree", "circular standard deviation"),
        "rayleigh_statistic": (n * length**2, "1", "Rayleigh's statistic"),
        "rayleigh_p": (rayleigh_p(length, n), "1", "Rayleigh's p against uniformity"),
        "kuiper_statistic": (statistic, "1", "Kuiper's statistic"),
        "kuiper_p": (kuiper_p(statistic, n), "1", "Kuiper's p against uniformity"),
        "n_grains": (n, "1", "number of grains"),
    }
    return xr.Dataset(
        {name: ((), float(value), {"units": u, "long_name": text}) for name, (value, u, text) in values.items()}
    )


def rose(
    angles: xr.DataArray,
    *,
    width: float = 10.0,
    weights: Any = None,
    period: float = 180.0,
    rounding: float | str = "auto",
) -> xr.Dataset:
    """Count grains in sectors of equal width.

    Sectors end halfway between the values that rounding allows, so that each holds as many of them: with angles
    rounded to 1 degree, the sector 0 to 10 runs from -0.5 to 9.5.

    Parameters
    ----------
    angles, weights, period, rounding
        As in `fit_orientation`; one grain is enough.
    width : float
        Width of a sector (degree): it divides the period, and is a multiple of the rounding.

    Returns
    -------
    xarray.Dataset
        - ``number`` (angle), 1: grains; ``density`` (angle), 1/degree: share of the grains per degree
        - ``sector`` (grain): place of the sector along ``angle``, -1 for grains without an angle
        - ``n_grains``, ``period`` and ``rounding`` (degree)
        - coordinates ``angle``, degree: middle of the sector, ``angle_low`` and ``angle_high``

    Raises
    ------
    LabelError, DataError
        As in `fit_orientation`.
    ParameterError
        The width does not divide the period, or is no multiple of the rounding.

    Examples
    --------
    >>> from mi_widgets.datasets import make_orientations
    >>> rose(make_orientations(300, seed=0).angle, width=30).number.sizes["angle"]
    6
    """
    who = "rose"
    ready = prepare(angles, who=who, weights=weights, period=period, rounding=rounding, fewest=1)
    if isinstance(width, bool | str) or not 0.1 <= width <= ready.period:
        raise ParameterError(f"{who}: width must be from 0.1 to {ready.period:g} degree; got {width!r}.")
    n = round(ready.period / width)
    step = ready.rounding
    if abs(n * width - ready.period) > 1e-6:
        raise ParameterError(f"{who}: width must divide {ready.period:g} degree; got {width!r}. Write width=10.")
    if step and n > 1 and abs(width / step - round(width / step)) > 1e-6:
        raise ParameterError(
            f"{who}: the angles are rounded to {step:g} degree, so width must be a multiple of that, else some sectors "
            f"hold more values than others; got {width!r}."
        )
    start = -step / 2
    different = np.degrees(ready.phi) / ready.turns
    place = np.floor((different - start + 1e-9) / width).astype(int) % n
    count = np.bincount(place, weights=ready.counts, minlength=n)
    sector = np.where(ready.place >= 0, place[ready.place], -1)
    low = start + width * np.arange(n)
    degree = {"units": "degree"}
    grain = angles["grain"].values if "grain" in angles.coords else np.arange(angles.size)
    ds = xr.Dataset(
        {
            "number": ("angle", count, {"units": "1", "long_name": "grains"}),
            "density": ("angle", count / ready.total / width, {"units": "1/degree", "long_name": "share of grains"}),
            "sector": ("grain", sector, {"units": "1", "long_name": "sector of the grain"}),
            "period": ((), ready.period, degree | {"long_name": "period"}),
            "n_grains": ((), ready.total, {"units": "1", "long_name": "number of grains"}),
            "rounding": ((), step, degree | {"long_name": "step of rounding, 0 for none"}),
        },
        {
            "angle": ("angle", low + width / 2, degree | {"long_name": "angle"}),
            "angle_low": ("angle", low, degree | {"long_name": "lower end of the sector"}),
            "angle_high": ("angle", low + width, degree | {"long_name": "upper end of the sector"}),
            "grain": ("grain", grain, {"long_name": "grain"}),
        },
    )
    parameters = {"width": width, "period": period, "rounding": rounding}
    return ds.assign_attrs(attributes(who, "Numbers of grains in sectors", parameters, angles))
