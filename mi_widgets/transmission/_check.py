"""Checks of transmission spectra and variables on the way in, and what every result gets on the way out."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import require_axis, require_dims, require_numeric, require_units

__all__ = [
    "ELECTRONVOLT",
    "RESPONSES",
    "check_features",
    "check_spectra",
    "finish",
    "in_electronvolt",
    "label_array",
    "one_of",
    "response_of",
    "warn",
    "whole_number",
]

ELECTRONVOLT = "eV"
#: What is clustered and explained: the transmission, or its common logarithm.
RESPONSES = ("log10", "transmission")
#: Transmissions below count as this: codes write zero for what they cannot tell from it.
FLOOR = 1e-12


def check_spectra(ds: Any, *, who: str) -> xr.DataArray:
    """``transmission`` (junction, energy) of a Dataset or DataArray: labels, unit and values checked."""
    if isinstance(ds, xr.Dataset):
        if "transmission" not in ds:
            raise LabelError(
                f"{who}: the Dataset has no 'transmission'; it has {', '.join(map(str, ds.data_vars)) or 'nothing'}. "
                "Rename with ds.rename({'old': 'transmission'})."
            )
        ds = ds["transmission"]
    if not isinstance(ds, xr.DataArray):
        raise LabelError(f"{who} needs a Dataset with 'transmission' or a DataArray; got {type(ds).__name__}.")
    require_dims(ds, ("junction", "energy"), who=who)
    require_numeric(ds, who=who)
    if ds.ndim != 2:
        raise LabelError(
            f"{who}: transmission must have dims ('junction', 'energy'); got {ds.dims}. Select the others."
        )
    require_axis(ds, "energy", who=who)
    in_electronvolt(ds["energy"], "energy", who)
    if ds.attrs.get("units", "1") != "1":
        raise LabelError(
            f"{who}: transmission is a pure number, in units of 1; got {ds.attrs['units']!r}. Divide a conductance by "
            "7.748091729e-5 S, the quantum of conductance, and set attrs['units'] = '1'."
        )
    values = np.asarray(ds.values, dtype=float)
    with np.errstate(invalid="ignore"):
        bad = np.flatnonzero((values < -1e-9).any(axis=ds.dims.index("energy")))
    if bad.size:
        name = ds["junction"].values[bad[0]] if "junction" in ds.coords else bad[0]
        raise DataError(
            f"{who}: a transmission is not below zero; that of junction {name!s} falls to {np.nanmin(values):.3g}. "
            "Is it already a logarithm? Write 10**ds."
        )
    return ds.transpose("junction", "energy")


def in_electronvolt(da: xr.DataArray, name: str, who: str) -> None:
    """Raise unless the unit is eV."""
    units = require_units(da.rename(name), who=who)
    if units != ELECTRONVOLT:
        raise LabelError(f"{who}: {name} must be in eV; got {units!r}. Convert it and set attrs['units'] = 'eV'.")


def check_features(ds: Any, *, who: str) -> xr.DataArray:
    """``features`` (junction, variable) of a Dataset."""
    if not isinstance(ds, xr.Dataset) or "features" not in ds:
        kind = type(ds).__name__
        raise LabelError(f"{who} needs a Dataset with 'features' (junction, variable); got {kind} without them.")
    features = ds["features"]
    require_numeric(features, who=who)
    if set(features.dims) != {"junction", "variable"}:
        raise LabelError(f"{who}: features must have dims ('junction', 'variable'); got {features.dims}.")
    if "variable" not in features.coords:
        raise LabelError(f"{who}: variables need names. Write ds.assign_coords(variable=names).")
    names, counts = np.unique(features["variable"].values, return_counts=True)
    if (counts > 1).any():
        raise LabelError(f"{who}: variable {str(names[counts > 1][0])!r} is there more than once. Rename one.")
    return features.transpose("junction", "variable")


def response_of(spectra: xr.DataArray, response: str, *, who: str) -> xr.DataArray:
    """What is clustered or explained, as floats."""
    one_of("response", response, RESPONSES, who=who)
    out = spectra.astype(float)
    if response == "log10":
        out = out.copy(data=np.log10(np.maximum(out.values, FLOOR)))
    out.attrs = {"units": "1", "long_name": "log10 of the transmission" if response == "log10" else "transmission"}
    return out


def label_array(clusters: Any, spectra: xr.DataArray, *, who: str) -> np.ndarray:
    """Number of the cluster of each junction; all in one where `clusters` is None."""
    n = spectra.sizes["junction"]
    if clusters is None:
        return np.zeros(n, dtype=int)
    if isinstance(clusters, xr.Dataset):
        if "cluster" not in clusters:
            raise LabelError(f"{who}: clusters needs a variable 'cluster' (junction), as cluster_spectra gives it.")
        clusters = clusters["cluster"]
    labels = np.asarray(_by_label(clusters, spectra, who))
    if labels.shape != (n,):
        raise DataError(f"{who}: clusters must hold one number for each of {n} junctions; got shape {labels.shape}.")
    if labels.dtype.kind not in "iu" and not (labels.dtype.kind == "f" and (labels == np.round(labels)).all()):
        raise DataError(f"{who}: clusters must be whole numbers, below 0 for none; got {labels.dtype}.")
    return np.asarray(labels.astype(int))


def _by_label(clusters: Any, spectra: xr.DataArray, who: str) -> Any:
    """Clusters in the order of the junctions of the spectra, where both have labels."""
    if not isinstance(clusters, xr.DataArray) or clusters.dims != ("junction",):
        return clusters
    if "junction" not in clusters.coords or "junction" not in spectra.coords:
        return clusters
    here, there = spectra["junction"].to_index(), clusters["junction"].to_index()
    if here.equals(there) or len(there) < len(here):
        return clusters
    missing = here.difference(there)
    if here.has_duplicates or there.has_duplicates or len(missing):
        some = f"; junction {missing[0]!s} has none" if len(missing) else ""
        raise DataError(
            f"{who}: clusters are those of other junctions than the spectra{some}. Find them from these spectra: "
            "clusters = cluster_spectra(ds)."
        )
    return clusters.sel(junction=here)


def one_of(name: str, value: Any, known: tuple[str, ...], *, who: str) -> None:
    """Raise unless a name is out of a list."""
    if value not in known:
        raise ParameterError(f"{who}: there is no {name} {value!r}; write one of {', '.join(known)}.")


def whole_number(name: str, value: Any, least: int, most: int, *, who: str) -> int:
    """A whole number within limits."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise ParameterError(f"{who}: {name} is a whole number of {least} to {most}; got {value!r}.")
    return int(value)


def finish(ds: xr.Dataset, function: str, title: str, parameters: Mapping[str, Any], source: Any = "") -> xr.Dataset:
    """Global attributes of a result."""
    ds.attrs = dict(origin(f"transmission.{function}", title, parameters, source=str(source)))
    return ds


def warn(message: str) -> None:
    """Say something that leaves the result usable."""
    warnings.warn(message, MIWidgetsWarning, stacklevel=3)
