"""One junction as a structure, for viewers."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.labels import label_structure

__all__ = ["junction_structure"]


def junction_structure(ds: xr.Dataset, junction: Any) -> xr.Dataset:
    """Take the atoms of one junction.

    Parameters
    ----------
    ds : xarray.Dataset
        ``position`` (junction, atom, axis), angstrom, and ``element`` (atom), as `make_molecular_junctions` gives them.
    junction : int or str
        Label of the junction.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, that does not repeat.

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
    """
    who = "junction_structure"
    if "position" not in ds or "element" not in ds or "junction" not in ds["position"].dims:
        raise LabelError(f"{who} needs 'position' (junction, atom, axis) and 'element' (atom); they are not there.")
    names = ds["junction"].values
    place = np.flatnonzero(names == junction)
    if place.size != 1:
        raise ParameterError(f"{who}: there is no junction {junction!r}; there are {names[0]!s} to {names[-1]!s}.")
    position = ds["position"].isel(junction=int(place[0])).transpose("atom", "axis")
    out = label_structure(position.values, ds["element"].values)
    out = out.assign_coords(atom=ds["atom"].variable) if "atom" in ds.coords else out
    out.attrs = {"title": f"Junction {junction}", "source": str(ds.attrs.get("source", "")), "history": who}
    return out
