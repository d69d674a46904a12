"""What comes in: angles of grains with their unit, folded into one period, equal ones counted once."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import require_numeric

__all__ = ["Angles", "generator", "grouped", "prepare", "same_grains", "to_degrees", "whole"]

DEGREES = ("degree", "degrees", "deg", "°", "degrees_north", "arcdegree")
RADIANS = ("radian", "radians", "rad")
#: Periods (degree): of an axis, and of a direction.
PERIODS = (180.0, 360.0)
#: Steps (degree) to which angles are commonly rounded.
STEPS = (15.0, 10.0, 5.0, 2.5, 2.0, 1.0, 0.5, 0.25, 0.2, 0.1)
#: Least width (degree) that a component may have where no rounding is seen.
FINEST = 0.1
#: Fewest grains for any model.
FEWEST = 5


@dataclass(frozen=True)
class Angles:
    """Angles (degree) within one period, and the different ones with the number of grains of each.

    Attributes
    ----------
    degrees : (n,)
        Of every grain, NaN where there is none.
    phi, counts : (m,)
        Different values, as an angle of a full circle (rad), and how many grains have each.
    place : (n,)
        Which of them a grain has; -1 for none.
    total : float
        Number of grains that count.
    period, rounding : float
        Degree; 0 where no rounding is seen.
    """

    degrees: np.ndarray
    phi: np.ndarray
    counts: np.ndarray
    place: np.ndarray
    total: float
    period: float
    rounding: float

    @property
    def turns(self) -> float:
        """How often the period fits into a circle: 2 for axes."""
        return 360.0 / self.period

    @property
    def largest(self) -> float:
        """Highest concentration: no component puts more density anywhere than all grains in one rounding cell."""
        cell = np.radians(max(self.rounding, FINEST) * self.turns)
        return float(2 * np.pi / cell**2)


def prepare(
    angles: Any,
    *,
    who: str,
    weights: Any = None,
    period: float = 180.0,
    rounding: float | str = "auto",
    fewest: int = FEWEST,
) -> Angles:
    """Angles, checked and folded.

    Raises
    ------
    LabelError
        They are no one-dimensional DataArray over ``grain``, or have no unit of angle.
    DataError
        Too few, all equal, out of range, or in another unit than they say; weights below zero.
    ParameterError
        `period` or `rounding` is out of range.
    """
    if period not in PERIODS:
        raise ParameterError(f"{who}: period must be 180 (axes) or 360 (directions), in degree; got {period!r}.")
    values = to_degrees(angles, who=who, period=float(period))
    counted = _weights(weights, values.shape, who)
    same_grains(angles, weights, who=who)
    use = np.isfinite(values) & (counted > 0)
    missing = int((~np.isfinite(values)).sum())
    if missing:
        text = f"{who}: {missing} of {values.size} grains have no angle (NaN); they are left out."
        warnings.warn(text, MIWidgetsWarning, stacklevel=4)
    if use.sum() < fewest:
        raise DataError(
            f"{who} needs at least {fewest} grains with an angle; got {int(use.sum())}. Measure more, or put samples "
            "together."
        )
    folded = np.where(use, np.mod(np.round(values, 9), period), np.nan)
    folded[folded >= period] = 0.0  # what rounding has put on the end
    different, place = np.unique(folded[use], return_inverse=True)
    if different.size == 1 and fewest > 1:
        raise DataError(
            f"{who}: all {int(use.sum())} grains have the same angle, {different[0]:g} degree; there is no "
            "distribution to find. Look at how the angles were made."
        )
    where = np.full(values.size, -1)
    where[use] = place
    counts = np.bincount(place, weights=counted[use])
    step = find_rounding(different, int(use.sum()), who, rounding, getattr(angles, "attrs", {}))
    phi = np.radians(different * (360.0 / period))
    return Angles(folded, phi, counts, where, float(counts.sum()), float(period), step)


def to_degrees(angles: Any, *, who: str, period: float = 180.0) -> np.ndarray:
    """Values of a DataArray over ``grain`` in degree, their unit and range checked."""
    if not isinstance(angles, xr.DataArray) or angles.dims != ("grain",):
        came = f"dims {angles.dims}" if isinstance(angles, xr.DataArray) else type(angles).__name__
        raise LabelError(
            f"{who} needs a DataArray of angles with the dimension 'grain'; got {came}. Write "
            "xr.DataArray(values, dims='grain', attrs={'units': 'degree'})."
        )
    require_numeric(angles, who=who)
    if angles.dtype.kind == "b":
        raise DataError(f"{who} needs angles as numbers; this array holds {angles.dtype}.")
    units = str(angles.attrs.get("units", "")).strip()
    values = np.asarray(angles.values, dtype=float)
    finite = values[np.isfinite(values)]
    most = float(np.abs(finite).max(initial=0.0))
    if np.isinf(values).any():
        raise DataError(f"{who}: angles must be finite; some are infinite. Put NaN where there is none.")
    if units in RADIANS:
        if most > 2 * np.pi + 1e-6:
            raise DataError(
                f"{who}: angles up to {most:g} cannot be radian, which they say they are; they look like degrees. "
                "Write angles.attrs['units'] = 'degree'."
            )
        return np.degrees(values)
    if units not in DEGREES:
        raise LabelError(
            f"{who}: angles must be in degree or radian; got units {units or None!r}. Write "
            "angles.attrs['units'] = 'degree' (or 'radian')."
        )
    if most > 360:
        raise DataError(f"{who}: an angle of {most:g} degree is out of range; angles lie between -360 and 360.")
    _doubts(finite, most, who, period)
    return values


def _doubts(finite: np.ndarray, most: float, who: str, period: float) -> None:
    """Warn where values fit their unit, and another reading of them better."""
    text = ""
    if finite.size >= 20 and most <= 2 * np.pi + 1e-6 and np.unique(finite).size > 10:
        text = (
            f"all angles lie within {most:.3g} degree; they look like radians. Write angles.attrs['units'] = 'radian'."
        )
    elif period == 180.0 and finite.size and (finite.max() > 180 or finite.min() < -90):
        text = (
            f"angles run from {finite.min():g} to {finite.max():g} degree and are folded to axes (190 is the axis 10). "
            "Where both ends of a grain differ, write period=360."
        )
    if text:
        warnings.warn(f"{who}: {text}", MIWidgetsWarning, stacklevel=5)


def _weights(weights: Any, shape: tuple[int, ...], who: str) -> np.ndarray:
    if weights is None:
        return np.ones(shape)
    if isinstance(weights, xr.DataArray):
        require_numeric(weights, who=who)
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{who}: weights must be numbers; got {type(weights).__name__}.") from None
    if values.shape != shape:
        raise DataError(f"{who}: weights must be one number for each of {shape[0]} angles; got shape {values.shape}.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError(
            f"{who}: weights say how many grains have each angle, so they must be finite and not negative; the least "
            f"is {np.nanmin(values):g}, {int((~np.isfinite(values)).sum())} are not finite."
        )
    return values


def same_grains(angles: xr.DataArray, weights: Any, *, who: str) -> None:
    """Raise `LabelError` where labelled weights are those of other grains, or of the same in another order."""
    if not isinstance(weights, xr.DataArray) or "grain" not in weights.coords or "grain" not in angles.coords:
        return
    if not np.array_equal(weights["grain"].values, angles["grain"].values):
        raise LabelError(
            f"{who}: the grains of the weights are not those of the angles, or in another order. Write "
            "weights.sel(grain=angles.grain)."
        )


def find_rounding(different: np.ndarray, n: int, who: str, rounding: float | str, attrs: Mapping[Any, Any]) -> float:
    """Step (degree) to which angles are rounded: as said, as the data say, else the largest that fits them all.

    A few values are multiples of a coarse step by chance; then nothing above 1 degree is believed.
    """
    if rounding != "auto":
        if isinstance(rounding, bool | str) or not np.isfinite(rounding) or not 0 <= rounding <= 45:
            raise ParameterError(f"{who}: rounding must be 'auto' or a step of 0 to 45 degree; got {rounding!r}.")
        return float(rounding)
    said = attrs.get("rounding")
    if isinstance(said, int | float | np.number) and 0 <= float(said) <= 45:
        return float(said)
    for step in STEPS if different.size >= 6 or n >= 30 else [s for s in STEPS if s <= 1]:
        if np.abs(different / step - np.round(different / step)).max() < 1e-6:
            return step
    return 0.0


def whole(name: str, value: Any, least: int, most: int, *, who: str) -> int:
    """A whole number within its range."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ParameterError(f"{who}: {name} must be a whole number from {least} to {most}; got {value!r}.")
    return int(value)


def generator(seed: Any, *, who: str) -> np.random.Generator:
    """Generator of a seed, or `ParameterError`."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{who}: seed must be a whole number from 0, a numpy Generator or None; got {seed!r}."
        ) from None


def grouped(angles: xr.DataArray, by: str, *, who: str) -> list[tuple[Any, np.ndarray]]:
    """Values of the coordinate `by` in order, and which grains have each."""
    if not isinstance(angles, xr.DataArray) or by not in angles.coords or angles[by].dims != ("grain",):
        there = sorted(str(c) for c in angles.coords if angles[c].dims == ("grain",) and c != "grain") if isinstance(
            angles, xr.DataArray) else []  # fmt: skip
        raise LabelError(
            f"{who}: by={by!r} is no coordinate of the grains; there are {there}. Write "
            f"angles.assign_coords({by}=('grain', names))."
        )
    values = angles[by].values
    return [(value, np.flatnonzero(values == value)) for value in np.unique(values)]
