"""Clusters of sites by their densities of states, and the same clusters at another cut."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._check import STATUS, check_pdos, finish, number, one_of, warn
from mi_widgets.dos._metrics import UNITS, to_square
from mi_widgets.dos._result import check_result, relabelled, tree_of, tree_variables, with_labels
from mi_widgets.dos._shares import Window, make_shares
from mi_widgets.dos._tree import cut_tree, grow, rank_by_size, widest_gap
from mi_widgets.dos.distance import pair_distances
from mi_widgets.errors import DataError, ParameterError

__all__ = ["cluster", "recut"]

#: Metric of trees that are cut where they have a gap.
GAP_METRIC = "relative_wasserstein"
LINKAGES = ("average", "complete", "single", "weighted")


def cluster(
    ds: xr.Dataset | xr.DataArray,
    *,
    method: Any = "cut",
    cut: float | None = None,
    linkage: str = "average",
    distances: xr.DataArray | None = None,
    metric: str | None = None,
    window: Window = None,
    broadening: float = 0.2,
    shift: float = 1.2,
    orbitals: str | Sequence[str] = "l",
    spin: str = "sum",
    elements: str = "apart",
) -> xr.Dataset:
    """Find clusters of sites whose states lie at the same energies and in the same orbitals.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV; the structure, where there is one, is carried along.
    method : "cut" or scikit-learn clusterer
        ``"cut"`` merges sites hierarchically up to the distance `cut`. An instance with ``fit_predict`` is cloned and
        given the distances where its ``metric`` or ``affinity`` is ``"precomputed"``, else the features (`features`,
        or roots of the shares of states, between which the Euclidean distance is Hellinger's).
    cut : float, optional
        Distance up to which clusters merge: ``cut=0.20`` is the share of states that lie elsewhere, unless `metric`
        says else. By default the middle of the widest gap (of logarithms) between merges from 0.04 to 0.15, twice that
        for other metrics than the one it was chosen for.
    linkage : str
        ``"average"``, ``"complete"``, ``"single"`` or ``"weighted"``.
    distances : xarray.DataArray, optional
        Result of `distance` (atom, other_atom), in place of the options below.
    metric : str, optional
        As in `distance`. By default ``"total_variation"`` where a cut is given, which is then a share of states; else
        ``"relative_wasserstein"``, by how much of the band width states are displaced: of all metrics the one by
        which the gap in the tree is found best.
    window, broadening, shift, orbitals, spin, elements
        As in `distance`.

    Returns
    -------
    xarray.Dataset
        - ``cluster`` (atom): number of the cluster, the largest first, -1 for a site that cannot be compared
        - ``status`` (atom): CF flags ok, no_projection, damaged, no_states
        - ``size`` (cluster_label), with the coordinate ``cluster_name``
        - of ``"cut"``: ``merge_left``, ``merge_right``, ``merge_height``, ``merge_size`` (merge) and ``leaf_atom``
          (leaf), the tree as scipy has it
        - ``position``, ``cell``, ``pbc`` and the coordinates over ``atom`` of `ds`

    Raises
    ------
    ParameterError
        An option is unknown or out of range, or `method` has no ``fit_predict``.
    LabelError, DataError
        `ds` or `distances` is not as above.

    Warns
    -----
    MIWidgetsWarning
        Some sites cannot be compared.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> cluster(pdos).cluster.values
    array([0, 0, 1])
    """
    who = "cluster"
    metric = metric or (GAP_METRIC if cut is None else "total_variation")
    options = {"metric": metric, "window": window, "broadening": broadening, "shift": shift, "orbitals": orbitals}
    options |= {"spin": spin, "elements": elements}
    if not (isinstance(method, str) and method == "cut") and not hasattr(method, "fit_predict"):
        raise ParameterError(
            f"{who}: method must be 'cut' or an instance of a scikit-learn clusterer, such as "
            f"KMeans(8); got {method!r}."
        )
    if cut is not None:
        number("cut", cut, who=who)
    one_of("linkage", linkage, LINKAGES, who=who)
    unit = UNITS.get(metric, "1")
    if distances is not None:
        condensed, site, status = _given(distances, ds, who)
        options = {k: distances.attrs[k] for k in ("metric", "broadening", "shift") if k in distances.attrs}
        unit, values = str(distances.attrs.get("units", "1")), None
    else:
        shares = make_shares(ds, window=window, broadening=broadening, orbitals=orbitals, spin=spin, who=who)
        site, status, values = shares.site, shares.status, shares.values
        condensed = None
        if method == "cut" or _wants_distances(method):
            condensed = pair_distances(shares, metric, shift, elements, who=who)
    labels = np.full(status.size, -1)
    extra: dict[str, Any] = {}
    if isinstance(method, str) and condensed is not None:
        merges = grow(condensed, linkage)
        height = float(cut) if cut is not None else widest_gap(merges, *_gap_range(options.get("metric")))
        labels[site] = cut_tree(merges, height, site.size)
        extra = tree_variables(merges, site, unit)
        extra["cut"] = ((), height, {"units": unit, "long_name": "distance up to which clusters merge"})
        options |= {"cut": height, "linkage": linkage}
    elif site.size:
        labels[site] = _fit(method, condensed, values, site.size, who)
        options["method"] = str(method)
    labels = rank_by_size(labels)
    title = "Clusters of sites by their densities of states"
    return finish(with_labels(ds, labels, status, extra=extra), who, title, options, ds.attrs.get("source", ""))


def _wants_distances(method: Any) -> bool:
    return "precomputed" in (getattr(method, "metric", None), getattr(method, "affinity", None))


def _fit(method: Any, condensed: np.ndarray | None, values: np.ndarray | None, n: int, who: str) -> np.ndarray:
    from sklearn.base import clone

    model = clone(method)
    if _wants_distances(method):
        data = to_square(np.asarray(condensed, dtype=float), n)
        if getattr(method, "affinity", None) == "precomputed":  # an affinity is the contrary of a distance
            data = 1 - data / max(float(data.max()), 1e-300)
    elif values is not None:
        data = np.sqrt(values.reshape(n, -1).astype(float))
    else:
        raise ParameterError(
            f"{who}: {type(method).__name__} takes features, and distances were given. Leave distances out, or "
            "give it metric='precomputed'."
        )
    try:
        return np.asarray(model.fit_predict(data))
    except ValueError as error:
        raise DataError(f"{who}: {type(method).__name__} cannot be fitted to {n} sites: {error}") from error


def _given(
    distances: xr.DataArray, ds: xr.Dataset | xr.DataArray, who: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Condensed distances, usable sites and status out of a square array."""
    n = check_pdos(ds, who=who).sizes["atom"]
    if not isinstance(distances, xr.DataArray) or distances.shape != (n, n):
        raise DataError(
            f"{who}: distances must be the DataArray (atom, other_atom) that dos.distance gives for these {n} atoms; "
            f"got {getattr(distances, 'shape', type(distances).__name__)}."
        )
    square = np.asarray(distances.values)
    status = np.where(np.isfinite(np.diag(square)), 0, STATUS.index("damaged")).astype(np.int8)
    if status.any():
        warn(f"{who}: {int((status > 0).sum())} of {n} sites have no distances; they are in no cluster.")
    site = np.flatnonzero(status == 0)
    whole = square[np.ix_(site, site)]
    if not np.isfinite(whole).all() or not np.allclose(whole, whole.T, atol=1e-6):
        raise DataError(f"{who}: distances must be symmetric, and NaN for whole sites only. Write dos.distance(ds).")
    return np.clip(whole[np.triu_indices(site.size, 1)], 0, None), site, status


def recut(result: xr.Dataset, cut: float | None) -> xr.Dataset:
    """Find the clusters at another cut, without computing distances again.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `cluster` with ``method="cut"``. Clusters that were merged, split or renamed by hand are made anew.
    cut : float or None
        Distance up to which clusters merge; None as in `cluster`.

    Returns
    -------
    xarray.Dataset
        As `cluster`.

    Raises
    ------
    ParameterError
        `cut` is below zero, or the result has no tree of merges.
    LabelError
        It is no result of `cluster`.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> recut(cluster(pdos), 10.0).cluster.values
    array([0, 0, 0])
    """
    who = "recut"
    check_result(result, who=who, tree=True)
    merges, site = tree_of(result)
    if cut is None:
        metric = _history(result).get("parameters", {}).get("metric")
        height = widest_gap(merges, *_gap_range(metric))
    else:
        height = number("cut", cut, who=who)
    labels = np.full(result.sizes["atom"], -1)
    labels[site] = cut_tree(merges, height, site.size)
    out = relabelled(result, rank_by_size(labels))
    out["cut"] = ((), height, dict(result["cut"].attrs))
    history = _history(result)
    if "parameters" in history:
        history["parameters"]["cut"] = height
        out.attrs["history"] = json.dumps(history)
    return out


def _history(result: xr.Dataset) -> dict[str, Any]:
    try:
        history = json.loads(str(result.attrs.get("history", "")))
    except ValueError:  # somebody has written a history of their own
        return {}
    return history if isinstance(history, dict) and isinstance(history.get("parameters"), dict) else {}


def _gap_range(metric: Any) -> tuple[float, float]:
    """Heights between which the widest gap is looked for."""
    factor = 1.0 if metric == GAP_METRIC else 2.0
    return 0.04 * factor, 0.15 * factor
