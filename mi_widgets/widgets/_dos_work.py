"""The long work of DOSClusterer, stage by stage in the worker's thread: clusters, and the map where it is in sight."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.runs import Part
from mi_widgets.widgets._dos_call import cluster_options, map_options, prepare, window_of
from mi_widgets.widgets._dos_data import SiteCurves

__all__ = ["MAPS", "Found", "add_map", "fermi_energy", "iter_found"]

MAPS = {"map (PCA)": "pca", "map (MDS)": "mds"}


@dataclass(frozen=True)
class Found:
    """What a run has found.

    Attributes
    ----------
    params : dict
        With these parameters.
    aligned : xarray.Dataset
        The data with energies from their reference.
    base : xarray.Dataset
        Clusters before changes by hand, at the cut of `params`.
    curves : SiteCurves
        Of the orbitals that were shown then.
    center : (n_atoms,)
        Mean energy of the states of each site in the window, eV.
    coordination : (n_atoms,) int or None
        Neighbours of each site, where the structure is known.
    maps : dict of str to (n_atoms, 2)
        Places on a map by its method.
    """

    params: dict[str, Any]
    aligned: xr.Dataset
    base: xr.Dataset
    curves: SiteCurves
    center: np.ndarray
    coordination: np.ndarray | None
    maps: dict[str, np.ndarray]


def iter_found(
    ds: xr.Dataset, params: dict[str, Any], orbitals: list[int] | None, method: str | None
) -> Iterator[Part]:
    """Align, compare, cluster; then the map, for one that is shown."""
    from mi_widgets import dos

    n = ds.sizes["atom"]
    yield Part(0, n, None, message="comparing sites")
    aligned = prepare(ds, params)
    base = dos.cluster(aligned, **cluster_options(params))
    curves = SiteCurves(aligned, orbitals, params["broadening"])
    axis = aligned["energy"].values
    window: Any = window_of(params, fermi_energy(aligned), (float(axis.min()), float(axis.max())))
    center = dos.band_center(aligned, window=window)["band_center"].values[:, 0]
    found = Found(params, aligned, base, curves, center, coordination_of(ds), {})
    if method is not None:
        yield Part(n, n + 1, found, message="drawing the map")
        for part in add_map(found, method):
            found.maps.update(part.result)
    yield Part(n, n, found)


def fermi_energy(ds: xr.Dataset) -> float:
    """Fermi energy on the axis of the data, NaN where it is not known."""
    known = "fermi_energy" in ds and ds["fermi_energy"].ndim == 0
    return float(ds["fermi_energy"]) if known else float("nan")


def coordination_of(ds: xr.Dataset) -> np.ndarray | None:
    """Neighbours of each site: those the data bring, else counted; None where the structure does not tell."""
    from mi_widgets.errors import MIWidgetsError
    from mi_widgets.structure import coordination

    if (
        "coordination" in ds.variables
        and ds["coordination"].dims == ("atom",)
        and ds["coordination"].dtype.kind in "iu"
    ):
        return np.asarray(ds["coordination"].values)
    if "position" not in ds:
        return None
    try:  # compiling would take longer than counting
        engine: Any = "numpy" if ds.sizes["atom"] < 3000 else "auto"
        return np.asarray(coordination(ds[["position", "cell", "pbc"]], engine=engine).values)
    except (MIWidgetsError, KeyError):
        return None


def add_map(found: Found, method: str) -> Iterator[Part]:
    """The places of the sites on a map, by its method."""
    from mi_widgets import dos

    n = found.aligned.sizes["atom"]
    yield Part(0, n, {}, message="drawing the map")
    if found.base.sizes.get("leaf", 0) > 1:
        places = dos.embed(found.aligned, method, **map_options(found.params, method))["embedding"].values
    else:  # nothing to compare
        places = np.full((n, 2), np.nan)
    yield Part(n, n, {method: np.asarray(places, dtype=float)})
