"""Mean densities of states of clusters, and how far their sites scatter."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._channels import channels
from mi_widgets.dos._check import check_pdos, finish
from mi_widgets.dos._quantiles import group_means, group_quantiles
from mi_widgets.errors import DataError, LabelError, ParameterError

__all__ = ["cluster_mean"]


def cluster_mean(
    ds: xr.Dataset | xr.DataArray,
    clusters: xr.Dataset | xr.DataArray,
    *,
    quantiles: Sequence[float] | None = (0.1, 0.9),
    orbitals: str | Sequence[str] = "sum",
    spin: str = "sum",
) -> xr.Dataset:
    """Compute the mean density of states of each cluster and the band between quantiles of its sites.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV.
    clusters : xarray.Dataset or xarray.DataArray
        Result of `cluster`, or numbers (atom), below 0 for none.
    quantiles : sequence of float or None
        Between 0 and 1, by linear interpolation; None leaves them out.
    orbitals, spin
        What is added before: as in `distance`.

    Returns
    -------
    xarray.Dataset
        - ``mean`` (cluster_label, orbital, energy), 1/eV and site; a cluster without whole sites is NaN
        - ``band`` (quantile, cluster_label, orbital, energy), 1/eV
        - ``size`` (cluster_label): sites that went in

    Raises
    ------
    DataError
        `clusters` is not over the same atoms.
    ParameterError
        A quantile is not between 0 and 1, or an orbital unknown.
    LabelError
        There is no ``pdos``.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-1, 1, 3), dims="energy", attrs={"units": "eV"})
    >>> pdos = xr.DataArray([1.0, 3.0, 7.0], dims="atom") * (0 * e + 1).assign_coords(energy=e)
    >>> cluster_mean(pdos, xr.DataArray([0, 0, 1], dims="atom")).mean("energy")["mean"].values.ravel()
    array([2., 7.])
    """
    who = "cluster_mean"
    pdos = check_pdos(ds, who=who)
    labels = label_array(clusters, pdos.sizes["atom"], who=who)
    wanted = [] if quantiles is None else [float(q) for q in quantiles]
    if any(not 0 <= q <= 1 for q in wanted):
        raise ParameterError(f"{who}: quantiles lie between 0 and 1; got {quantiles!r}. Write (0.1, 0.9).")
    values, names = channels(pdos, orbitals, spin, who=who)
    n, n_energies = int(labels.max(initial=-1)) + 1, pdos.sizes["energy"]
    rows = values.reshape(len(values), -1)
    mean, size = group_means(rows, labels, n)
    shape = (n, len(names), n_energies)
    unit = {"units": str(pdos.attrs.get("units", "1/eV"))}
    data: dict[str, Any] = {
        "mean": (
            ("cluster_label", "orbital", "energy"),
            mean.reshape(shape),
            {**unit, "long_name": "mean of the sites"},
        ),
        "size": ("cluster_label", size, {"units": "1", "long_name": "sites in the mean"}),
    }
    if wanted:
        band = group_quantiles(rows, labels, n, wanted).reshape(len(wanted), *shape)
        dims = ("quantile", "cluster_label", "orbital", "energy")
        data["band"] = (dims, band, {**unit, "long_name": "quantile of the sites"})
    coords: dict[str, Any] = {
        "cluster_label": ("cluster_label", np.arange(n), {"units": "1", "long_name": "cluster"}),
        "orbital": ("orbital", names, {"long_name": "orbital"}),
        "energy": pdos["energy"].variable,
    }
    if wanted:
        coords["quantile"] = ("quantile", wanted, {"units": "1", "long_name": "quantile"})
    if isinstance(clusters, xr.Dataset) and "cluster_name" in clusters.coords and clusters.sizes["cluster_label"] == n:
        coords["cluster_name"] = clusters["cluster_name"].variable
    out = xr.Dataset(data, coords=coords)
    parameters = {"quantiles": wanted, "orbitals": orbitals, "spin": spin}
    return finish(out, who, "Mean densities of states of clusters", parameters, ds.attrs.get("source", ""))


def label_array(clusters: Any, n: int, *, who: str) -> np.ndarray:
    """Number of the cluster of each of n atoms."""
    if isinstance(clusters, xr.Dataset):
        if "cluster" not in clusters:
            raise LabelError(f"{who}: clusters needs a variable 'cluster' (atom), as dos.cluster gives it.")
        clusters = clusters["cluster"]
    labels = np.asarray(clusters)
    if labels.shape != (n,):
        raise DataError(f"{who}: clusters must hold one number for each of the {n} atoms; got shape {labels.shape}.")
    if labels.dtype.kind == "f" and (not np.isfinite(labels).all() or (labels != np.round(labels)).any()):
        raise DataError(f"{who}: clusters must be whole numbers, below 0 for none.")
    return np.asarray(labels.astype(np.int64))
