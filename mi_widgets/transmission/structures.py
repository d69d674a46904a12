"""Junctions as structures, for viewers."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.labels import label_structure
from mi_widgets.transmission._check import finish

__all__ = ["junction_structure"]


def junction_structure(ds: xr.Dataset, junction: Any = None) -> xr.Dataset:
    """Take the atoms of one junction, or of all as frames, with their charges where these are among the variables.

    Parameters
    ----------
    ds : xarray.Dataset
        ``position`` (junction, atom, axis), angstrom, and ``element`` (atom), as
        `mi_widgets.datasets.make_molecular_junctions` gives them.
    junction : int or str, optional
        Label of the junction; by default all, each a frame that has its label.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, that does not repeat; ``charge`` ((frame,) atom), e, NaN
        for atoms without one.

    Raises
    ------
    LabelError
        There are no positions.
    ParameterError
        There is no such junction.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=3, n_energies=2)
    >>> junction_structure(ds, 2).sizes["atom"]
    84
    >>> junction_structure(ds).sizes["frame"]
    3
    """
    who = "junction_structure"
    if "position" not in ds or "element" not in ds.variables or "junction" not in ds["position"].dims:
        raise LabelError(f"{who} needs 'position' (junction, atom, axis) and 'element' (atom); they are not there.")
    names = ds["junction"].values
    position = ds["position"].transpose("junction", "atom", "axis").values
    charge = _charges(ds)
    out = label_structure(position, ds["element"].values)
    if charge is not None:
        out["charge"] = (("frame", "atom"), charge, {"units": "e", "long_name": "charge"})
    out = out.assign_coords(frame=("frame", names, {"units": "1", "long_name": "junction"}))
    if "atom" in ds.coords:
        out = out.assign_coords(atom=ds["atom"].variable)
    title = "Molecular junctions"
    if junction is not None:
        place = np.flatnonzero(names == junction)
        if place.size != 1:
            raise ParameterError(f"{who}: there is no junction {junction!r}; there are {names[0]!s} to {names[-1]!s}.")
        out = out.isel(frame=int(place[0])).drop_vars("frame")
        title = f"Junction {junction}"
    return finish(out, who, title, {"junction": junction}, ds.attrs.get("source", ""))


def _charges(ds: xr.Dataset) -> np.ndarray | None:
    """Charge (junction, atom) out of the variables; None where there is none."""
    if "features" not in ds or not {"kind", "first_atom"} <= set(ds.coords):
        return None
    atoms = ds["first_atom"].values
    there = np.flatnonzero((ds["kind"].values == "charge") & (atoms >= 0) & (atoms < ds.sizes["atom"]))
    if not there.size:
        return None
    out = np.full((ds.sizes["junction"], ds.sizes["atom"]), np.nan)
    out[:, atoms[there]] = ds["features"].transpose("junction", "variable").values[:, there]
    return out
