"""Clusters changed by hand: merged, split, renamed."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from mi_widgets.dos._check import element_names
from mi_widgets.dos._result import check_result, cluster_names, known_cluster, relabelled, tree_of
from mi_widgets.dos._tree import forest_labels, rank_by_size
from mi_widgets.errors import ParameterError

__all__ = ["merge_clusters", "rename", "split_cluster"]


def merge_clusters(result: xr.Dataset, clusters: Sequence[int | str], *, name: str | None = None) -> xr.Dataset:
    """Make one cluster of several.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `cluster`.
    clusters : sequence of int or str
        Numbers or names, at least two.
    name : str, optional
        Name of the new cluster; by default that of the largest of them.

    Returns
    -------
    xarray.Dataset
        As `cluster`; clusters are numbered anew by size, their names go with them.

    Raises
    ------
    ParameterError
        There is no such cluster, or fewer than two are named.
    LabelError
        It is no result of `cluster`.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.dos import cluster
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> merge_clusters(cluster(pdos), [0, 1]).cluster.values
    array([0, 0, 0])
    """
    who = "merge_clusters"
    check_result(result, who=who)
    numbers = sorted({known_cluster(result, c, who=who) for c in clusters})
    if len(numbers) < 2:
        raise ParameterError(f"{who} needs at least two clusters; got {clusters!r}. Write [0, 1].")
    labels = result["cluster"].values.copy()
    labels[np.isin(labels, numbers)] = numbers[0]
    names = {int(k): str(v) for k, v in zip(result.cluster_label.values, result.cluster_name.values, strict=True)}
    if name is not None:
        names[numbers[0]] = str(name)
    return _renumbered(result, labels, names)


def split_cluster(result: xr.Dataset, cluster: int | str, *, n: int = 2) -> xr.Dataset:
    """Split one cluster where its sites merged last.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `cluster` with ``method="cut"``.
    cluster : int or str
        Number or name of the cluster.
    n : int
        Number of parts.

    Returns
    -------
    xarray.Dataset
        As `cluster`; the largest part keeps the name, the others are named after it.

    Raises
    ------
    ParameterError
        There is no such cluster, it has fewer than `n` sites, or the result has no tree.
    LabelError
        It is no result of `cluster`.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.dos import cluster
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> split_cluster(cluster(pdos, cut=10), 0).cluster.values
    array([0, 0, 1])
    """
    who = "split_cluster"
    check_result(result, who=who, tree=True)
    number = known_cluster(result, cluster, who=who)
    labels = result["cluster"].values.copy()
    members = int((labels == number).sum())
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 2 <= n <= members:
        raise ParameterError(
            f"{who}: n must be a whole number from 2 to the {members} sites of the cluster; got {n!r}."
        )
    merges, site = tree_of(result)
    left, right = merges[:, 0].astype(int), merges[:, 1].astype(int)
    inside = _inside(left, right, labels[site] == number)
    # Every merge inside takes one off the number of parts.
    undo = int(n) - (members - int(inside.sum()))
    if undo > 0:
        inside[np.flatnonzero(inside)[-undo:]] = False
    part = forest_labels(left, right, site.size, inside)
    own = labels[site] == number
    ranked = rank_by_size(part[own])
    names = {int(k): str(v) for k, v in zip(result.cluster_label.values, result.cluster_name.values, strict=True)}
    first_new = len(names)
    new = labels[site]
    new[own] = np.where(ranked == 0, number, first_new + ranked - 1)
    labels[site] = new
    names |= {first_new + k - 1: f"{names[number]}.{k + 1}" for k in range(1, int(ranked.max()) + 1)}
    return _renumbered(result, labels, names)


def _inside(left: np.ndarray, right: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Merges whose leaves are all members."""
    whole = np.concatenate([member, np.zeros(left.size, dtype=bool)])
    for k in range(left.size):
        whole[member.size + k] = whole[left[k]] and whole[right[k]]
    return np.asarray(whole[member.size :])


def rename(result: xr.Dataset, names: Mapping[int | str, str]) -> xr.Dataset:
    """Give clusters other names.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `cluster`.
    names : mapping of int or str to str
        New names by number or present name.

    Returns
    -------
    xarray.Dataset
        As `cluster`.

    Raises
    ------
    ParameterError
        There is no such cluster, or a name would be used twice.
    LabelError
        It is no result of `cluster`.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.dos import cluster
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> rename(cluster(pdos), {1: "adsorbate"}).cluster_name.values.tolist()
    ['X 1', 'adsorbate']
    """
    who = "rename"
    check_result(result, who=who)
    new = [str(v) for v in result["cluster_name"].values]
    for key, name in names.items():
        new[known_cluster(result, key, who=who)] = str(name)
    twice = sorted({v for v in new if new.count(v) > 1})
    if twice:
        raise ParameterError(f"{who}: the name {twice[0]!r} would be used twice. Write another, or merge_clusters.")
    return relabelled(result, result["cluster"].values, new)


def _renumbered(result: xr.Dataset, labels: np.ndarray, names: Mapping[int, str]) -> xr.Dataset:
    ranked = rank_by_size(labels)
    default = cluster_names(ranked, element_names(result), int(ranked.max(initial=-1)) + 1)
    new = [names.get(int(labels[ranked == k][0]), default[k]) for k in range(len(default))]
    return relabelled(result, ranked, new)
