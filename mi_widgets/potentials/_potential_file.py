"""Potentials in netCDF files: settings as JSON, numbers as variables, nothing that is executed."""

import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import FileFormatError, MIWidgetsError
from mi_widgets.history import origin
from mi_widgets.io import read_netcdf, write_netcdf

__all__ = ["VERSION", "read_potential", "write_potential"]

VERSION = 1
_FORMAT = "mi_widgets potential"
_KINDS = {
    "network": ("mi_widgets.potentials.network", "NetworkPotential"),
    "sparse_gaussian_process": ("mi_widgets.potentials.gaussian_process", "GaussianProcessPotential"),
    "linear": ("mi_widgets.potentials.linear", "PolynomialPotential"),
}


def write_potential(
    path: str | os.PathLike[str],
    kind: str,
    settings: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    training: xr.Dataset,
    overwrite: bool,
) -> Path:
    """Write everything that `read_potential` needs."""
    ds = xr.Dataset({name: _variable(name, np.asarray(a)) for name, a in arrays.items()})
    course = training.reset_coords()
    for name, variable in course.variables.items():
        dims = tuple(f"training_{d}" for d in variable.dims)
        ds[f"training_{name}"] = (dims, variable.values, dict(variable.attrs))
    ds.attrs = {
        **origin("potentials.Potential.save", f"potential: {kind}", {"kind": kind}, of=training),
        "format": _FORMAT,
        "format_version": VERSION,
        "kind": kind,
        "settings": json.dumps(dict(settings)),
        "training": json.dumps({"dims": [str(d) for d in training.dims], "coords": list(map(str, training.coords))}),
        "training_attrs": json.dumps({k: v for k, v in training.attrs.items() if isinstance(v, str | int | float)}),
        "sha256": _digest(arrays),
        "settings_sha256": _of_text(json.dumps(dict(settings))),
    }
    return write_netcdf(ds, path, overwrite=overwrite)


def read_potential(path: str | os.PathLike[str]) -> Any:
    """The potential in a file."""
    ds = read_netcdf(path)
    name = Path(path).name
    if ds.attrs.get("format") != _FORMAT:
        raise FileFormatError(
            f"{name} holds no potential of mi_widgets. Give a file that potential.save(path) wrote; snapshots are read "
            "by potentials.read_snapshots or io.read_netcdf."
        )
    version = ds.attrs.get("format_version")
    if version != VERSION:
        raise FileFormatError(
            f"{name} was written in format {version}; this version of mi_widgets reads format {VERSION}. Fit it again "
            "from its snapshots, or install the version of mi_widgets that its attribute 'history' names."
        )
    kind = str(ds.attrs.get("kind"))
    if kind not in _KINDS:
        raise FileFormatError(f"{name} holds a potential of kind {kind!r}; known are {', '.join(_KINDS)}.")
    arrays = {str(k): np.asarray(v.values) for k, v in ds.data_vars.items() if not str(k).startswith("training_")}
    if _digest(arrays) != ds.attrs.get("sha256"):
        raise FileFormatError(f"{name} is damaged: its numbers are not those that were written. Copy it again.")
    text = str(ds.attrs.get("settings"))
    if ds.attrs.get("settings_sha256", _of_text(text)) != _of_text(text):
        raise FileFormatError(f"{name} is damaged: its settings are not those that were written. Copy it again.")
    module, cls = _KINDS[kind]
    try:
        settings = json.loads(text)
        return getattr(importlib.import_module(module), cls)._restore(settings, arrays, _training(ds))  # noqa: SLF001
    except (  # what may come of a header that was made by hand
        KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RecursionError, MemoryError,
        MIWidgetsError,
    ) as error:  # fmt: skip
        raise FileFormatError(
            f"{name} is damaged or from another version: {type(error).__name__}: {str(error)[:200]}. Copy it again, or "
            "fit again from its snapshots."
        ) from error


def _variable(name: str, values: np.ndarray) -> xr.Variable:
    return xr.Variable([f"{name}_{i}" for i in range(values.ndim)], values)


def _training(ds: xr.Dataset) -> xr.Dataset:
    shape = json.loads(str(ds.attrs["training"]))
    found = {}
    for key, variable in ds.variables.items():
        if str(key).startswith("training_"):
            dims = [str(d).removeprefix("training_") for d in variable.dims]
            found[str(key).removeprefix("training_")] = (dims, variable.values, dict(variable.attrs))
    out = xr.Dataset(found).set_coords([c for c in shape["coords"] if c in found])
    out.attrs = json.loads(str(ds.attrs["training_attrs"]))
    return out


def _of_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    found = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        found.update(f"{name} {values.dtype.str} {values.shape}".encode())
        found.update(values.tobytes())
    return found.hexdigest()
