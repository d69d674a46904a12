"""Sites that stand out, and sites chosen by an expression."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._check import element_names, finish
from mi_widgets.dos._result import check_result, tree_of, with_labels
from mi_widgets.dos._unusual import oddness
from mi_widgets.errors import ParameterError
from mi_widgets.methods import match

__all__ = ["group", "rank_unusual"]

_FAR = 1.0  # beyond that all are as far: another element, or nothing in common


def rank_unusual(result: xr.Dataset) -> xr.Dataset:
    """Rank the sites by how unusual their states are: the smallest, most distant groups first.

    The groups are those of the whole tree, so that the ranking does not depend on the cut.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `cluster` with ``method="cut"``.

    Returns
    -------
    xarray.Dataset
        Over ``rank``, the most unusual first:

        - ``atom_index`` (rank): place of the atom
        - ``score`` (rank): as below
        - ``isolation`` (rank), as the distance: at which its group merges with one at least as large
        - ``size`` (rank): number of sites of the group
        - ``cluster`` (rank): the cluster it belongs to at the cut
        - ``element`` (rank)

    Raises
    ------
    ParameterError
        The result has no tree of merges.
    LabelError
        It is no result of `cluster`.

    Notes
    -----
    A group of m sites that merges at the distance d with one at least as large has the score ``d / sqrt(m)``, and
    ``1 / m`` where d is 1 or more, which only says that the element is another. A site has the best score of the groups
    it is in. More than a quarter of all sites are no unusual group.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.dos import cluster
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> rank_unusual(cluster(pdos, shift=0)).atom_index.values
    array([2, 0, 1])
    """
    who = "rank_unusual"
    check_result(result, who=who, tree=True)
    merges, site = tree_of(result)
    labels = result["cluster"].values
    rank, isolation, size = oddness(merges, site.size, _FAR)
    order = np.lexsort((site, size, -rank))
    at = site[order]
    unit = str(result["merge_height"].attrs.get("units", "1"))
    one = {"units": "1"}
    data: dict[str, Any] = {
        "atom_index": ("rank", at, {**one, "long_name": "place of the atom"}),
        "score": ("rank", rank[order], {"units": unit, "long_name": "how unusual"}),
        "isolation": ("rank", isolation[order], {"units": unit, "long_name": "distance to a larger group"}),
        "cluster": ("rank", labels[at], {**one, "long_name": "cluster"}),
        "size": ("rank", size[order].astype(np.int64), {**one, "long_name": "sites of the group"}),
    }
    coords = {
        "rank": ("rank", np.arange(order.size), {**one, "long_name": "rank"}),
        "element": ("rank", element_names(result)[at], {"long_name": "chemical element"}),
    }
    return finish(
        xr.Dataset(data, coords=coords), who, "Sites by how unusual they are", {}, result.attrs.get("source", "")
    )


def group(ds: xr.Dataset | xr.DataArray, expressions: str | Mapping[str, str], **names: Any) -> xr.Dataset:
    """Group sites by expressions, such as ``element == 'O' and n_neighbours < 6``.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        Its arrays over ``atom`` can be named in the expressions, as can ``index``, and ``x``, ``y``, ``z`` (angstrom)
        where there are positions.
    expressions : str or mapping of str to str
        One condition (others are in no group), or conditions by the name of their group; a site belongs to the first
        that holds. They are read, not executed: see `methods.match`.
    **names
        More arrays over ``atom`` by name: ``n_neighbours=structure.coordination(ds)``.

    Returns
    -------
    xarray.Dataset
        As `cluster` gives it, without a tree: ``cluster`` (atom), in the order of the expressions, -1 for none,
        ``size`` (cluster_label), ``cluster_name``.

    Raises
    ------
    ParameterError
        An expression cannot be read, or names something unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from mi_widgets.labels import label_structure
    >>> ds = label_structure(np.zeros((3, 3)), ["Mg", "O", "O"])
    >>> group(ds, "element == 'O' and n_neighbours < 6", n_neighbours=[6, 5, 6]).cluster.values
    array([-1,  0, -1])
    """
    who = "group"
    n = ds.sizes["atom"]
    given = {"group": expressions} if isinstance(expressions, str) else dict(expressions)
    if not given:
        raise ParameterError(f"{who} needs an expression; write group(ds, \"element == 'O'\").")
    known = _names(ds, n, names, who)
    labels = np.full(n, -1)
    for k, text in enumerate(given.values()):
        labels[match(text, known, n) & (labels < 0)] = k
    used = [k for k in range(len(given)) if (labels == k).any()]
    titles = [name if not isinstance(expressions, str) else str(expressions) for name in given]
    renumber = np.full(len(given) + 1, -1)
    renumber[used] = np.arange(len(used))
    out = with_labels(ds, renumber[labels], None, names=[titles[k] for k in used])
    return finish(out, who, "Sites grouped by expressions", {"expressions": given}, ds.attrs.get("source", ""))


def _names(ds: xr.Dataset | xr.DataArray, n: int, more: Mapping[str, Any], who: str) -> dict[str, np.ndarray]:
    known: dict[str, np.ndarray] = {"index": np.arange(n)}
    if isinstance(ds, xr.Dataset) and "position" in ds and ds["position"].ndim == 2:
        xyz = ds["position"].transpose("atom", "axis").values
        known |= {axis: xyz[:, k] for k, axis in enumerate("xyz")}
    variables = ds.variables if isinstance(ds, xr.Dataset) else ds.coords
    known |= {str(k): np.asarray(ds[k].values) for k in variables if ds[k].dims == ("atom",)}
    known.setdefault("element", element_names(ds))
    for name, value in more.items():
        array = np.asarray(value)
        if array.shape != (n,):
            raise ParameterError(
                f"{who}: {name} must have one value for each of the {n} atoms; got shape {array.shape}."
            )
        known[name] = array
    return known
