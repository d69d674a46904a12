"""Clusters as a Dataset: labels of atoms, table of clusters, tree of merges."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._check import STATUS, element_names, kept_structure
from mi_widgets.errors import LabelError, ParameterError

__all__ = ["check_result", "cluster_names", "known_cluster", "table", "tree_of", "with_labels"]


def check_result(result: Any, *, who: str, tree: bool = False) -> xr.Dataset:
    """A result of `cluster`, with its tree where that is needed."""
    if not isinstance(result, xr.Dataset) or "cluster" not in result or result["cluster"].dims != ("atom",):
        raise LabelError(f"{who} needs a result of dos.cluster; got {type(result).__name__} without 'cluster' (atom).")
    if tree and "merge_height" not in result:
        raise ParameterError(f"{who} needs a tree of merges; these clusters have none. Write dos.cluster(ds).")
    return result


def known_cluster(result: xr.Dataset, cluster: Any, *, who: str) -> int:
    """Number of a cluster given by number or name."""
    numbers = [int(v) for v in result["cluster_label"].values]
    names = [str(v) for v in result["cluster_name"].values] if "cluster_name" in result.coords else []
    if isinstance(cluster, str) and cluster in names:
        return numbers[names.index(cluster)]
    if not isinstance(cluster, str | bool) and isinstance(cluster, int | np.integer) and int(cluster) in numbers:
        return int(cluster)
    some = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
    raise ParameterError(f"{who}: there is no cluster {cluster!r}; there are 0 to {len(numbers) - 1}, named {some}.")


def cluster_names(labels: np.ndarray, element: np.ndarray, n: int) -> list[str]:
    """Names such as ``O 1``: elements of the cluster, and its rank among those with the same."""
    seen: dict[str, int] = {}
    out = []
    for k in range(n):
        kind = "".join(dict.fromkeys(sorted(element[labels == k].tolist())))
        seen[kind] = seen.get(kind, 0) + 1
        out.append(f"{kind} {seen[kind]}")
    return out


def table(labels: np.ndarray, element: np.ndarray, names: list[str] | None = None) -> dict[str, Any]:
    """Size and name of each cluster."""
    n = int(labels.max(initial=-1)) + 1
    size = np.bincount(labels[labels >= 0], minlength=n)
    given = names if names is not None else cluster_names(labels, element, n)
    return {
        "size": ("cluster_label", size.astype(np.int64), {"units": "1", "long_name": "number of atoms"}),
        "cluster_label": ("cluster_label", np.arange(n), {"units": "1", "long_name": "cluster"}),
        "cluster_name": ("cluster_label", np.asarray(given, dtype=np.str_), {"long_name": "name of the cluster"}),
    }


def with_labels(
    ds: xr.Dataset | xr.DataArray,
    labels: np.ndarray,
    status: np.ndarray | None,
    *,
    names: list[str] | None = None,
    extra: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Put labels, table and structure of `ds` into one Dataset."""
    parts = table(labels, element_names(ds), names)
    kept = kept_structure(ds)
    coords = {k: v for k, v in kept.items() if k in ds.coords}
    data: dict[str, Any] = {
        "cluster": ("atom", labels.astype(np.int64), {"units": "1", "long_name": "cluster, -1 for none"}),
        "size": parts["size"],
    }
    if status is not None:
        flags = {"flag_values": list(range(len(STATUS))), "flag_meanings": " ".join(STATUS)}
        data["status"] = ("atom", status.astype(np.int8), {"units": "1", "long_name": "status of the site", **flags})
    data |= {k: v for k, v in kept.items() if k not in coords}
    data |= extra or {}
    out = xr.Dataset(data, coords=coords)
    out = out.assign_coords(cluster_label=parts["cluster_label"], cluster_name=parts["cluster_name"])
    if "atom" not in out.coords:
        out = out.assign_coords(atom=("atom", np.arange(labels.size), {"units": "1", "long_name": "atom"}))
    return out


def relabelled(result: xr.Dataset, labels: np.ndarray, names: list[str] | None = None) -> xr.Dataset:
    """The same result with other labels; tree and structure are kept."""
    parts = table(labels, element_names(result), names)
    out = result.drop_dims("cluster_label")
    out["cluster"] = ("atom", labels.astype(np.int64), dict(result["cluster"].attrs))
    out["size"] = parts["size"]
    return out.assign_coords(cluster_label=parts["cluster_label"], cluster_name=parts["cluster_name"])


def tree_of(result: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Merges (n - 1, 4) as scipy has them, and the position of the atom of each leaf."""
    columns = [result[f"merge_{k}"].values.astype(float) for k in ("left", "right", "height", "size")]
    return np.stack(columns, axis=1), np.asarray(result["leaf_atom"].values)


def tree_variables(merges: np.ndarray, site: np.ndarray, unit: str) -> dict[str, Any]:
    """Merges as variables; node ``k`` is leaf k below the number of leaves, else a merge."""
    one = {"units": "1"}
    return {
        "merge_left": ("merge", merges[:, 0].astype(np.int64), {**one, "long_name": "first node of the merge"}),
        "merge_right": ("merge", merges[:, 1].astype(np.int64), {**one, "long_name": "second node of the merge"}),
        "merge_height": ("merge", merges[:, 2], {"units": unit, "long_name": "distance at which they merge"}),
        "merge_size": ("merge", merges[:, 3].astype(np.int64), {**one, "long_name": "atoms after the merge"}),
        "leaf_atom": ("leaf", site.astype(np.int64), {**one, "long_name": "place of the atom of the leaf"}),
    }
