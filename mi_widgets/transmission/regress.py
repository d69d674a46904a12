"""Which variables drive the transmission of each cluster, at each energy."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.methods import sparse
from mi_widgets.runs import Part, Progress, collect
from mi_widgets.transmission._check import (
    check_features,
    check_spectra,
    finish,
    label_array,
    one_of,
    response_of,
    warn,
)

__all__ = ["compare_validations", "decay_features", "iter_sparse_regression", "rank_variables", "sparse_regression"]

#: How distances enter.
DISTANCES = ("linear", "exponential")
_FEWEST = 8


def decay_features(ds: xr.Dataset, *, decay: float = 1.6) -> xr.Dataset:
    r"""Replace distances d by :math:`e^{-\kappa (d - \bar d)}`, in which couplings are linear.

    Parameters
    ----------
    ds : xarray.Dataset
        ``features`` (junction, variable), with the coordinates ``units`` and ``kind`` over ``variable``.
    decay : float
        :math:`\kappa` (1/angstrom).

    Returns
    -------
    xarray.Dataset
        As `ds`, where variables of kind ``distance`` have new values, of unit 1; the bar is the mean over junctions.

    Raises
    ------
    LabelError
        There are no ``features`` or no ``kind``, or a distance is not in angstrom.
    ParameterError
        `decay` is not above 0.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = decay_features(make_molecular_junctions(n_junctions=3, n_energies=2))
    >>> str(ds.units.sel(variable="S1-AuL5").values)
    '1'
    """
    who = "decay_features"
    features = check_features(ds, who=who)
    if "kind" not in features.coords or "units" not in features.coords:
        raise LabelError(f"{who} needs the coordinates 'kind' and 'units' over variable; they are not there.")
    if not isinstance(decay, int | float | np.number) or not 0 < decay < np.inf:
        raise ParameterError(f"{who}: decay must be above 0 (1/angstrom); got {decay!r}.")
    far = features["kind"].values == "distance"
    wrong = far & (features["units"].values != "angstrom")
    if wrong.any():
        name, unit = features["variable"].values[wrong][0], features["units"].values[wrong][0]
        raise LabelError(f"{who}: distance {str(name)!r} must be in angstrom; got {str(unit)!r}. Convert it.")
    values = np.array(features.values, dtype=float)
    with np.errstate(invalid="ignore"):
        values[:, far] = np.exp(-float(decay) * (values[:, far] - np.nanmean(values[:, far], axis=0)))
    out = ds.copy()
    out["features"] = (("junction", "variable"), values, dict(ds["features"].attrs))
    units = np.where(far, "1", features["units"].values.astype(str))
    return out.assign_coords(units=("variable", units, dict(ds["units"].attrs)))


def sparse_regression(
    ds: xr.Dataset,
    clusters: xr.Dataset | xr.DataArray | None = None,
    *,
    response: str = "log10",
    distances: str = "linear",
    validation: str = "approximate",
    rule: str = "one_stderr",
    n_penalties: int = 10,
    least_penalty: float = 0.01,
    n_folds: int = 10,
    seed: int | None = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Find, for each cluster and energy, the few variables that the transmission depends on.

    Parameters
    ----------
    ds : xarray.Dataset
        ``transmission`` (junction, energy) and ``features`` (junction, variable), each variable in its own unit.
    clusters : xarray.Dataset or xarray.DataArray, optional
        Result of `cluster_spectra`, or numbers (junction), below 0 for none; by default all junctions are one cluster.
    response : str
        ``"log10"`` of the transmission, or ``"transmission"``.
    distances : str
        ``"linear"``, or ``"exponential"`` as by `decay_features`.
    validation, rule, n_penalties, least_penalty, n_folds, seed
        As in `mi_widgets.methods.sparse.fit_lasso`.
    progress : callable, optional
        Called with each part of the work.

    Returns
    -------
    xarray.Dataset
        What `mi_widgets.methods.sparse.fit_lasso` gives, over ``cluster_label`` as well: ``coefficient``
        (cluster_label, energy, variable), for a rise of the variable by its standard deviation in the cluster;
        ``error``, ``error_stderr``, ``density``, ``trust`` (cluster_label, energy, penalty); ``intercept``, ``r2``,
        ``chosen_penalty``, ``penalty_limit``, ``status`` (cluster_label, energy); ``center``, ``scale``,
        ``variable_status``, ``same_as`` (cluster_label, variable); ``size`` (cluster_label): junctions in use;
        ``cluster`` (junction): as given.

    Raises
    ------
    LabelError
        A dimension, name or unit is missing or wrong.
    DataError
        Transmissions are negative, clusters do not fit, or no cluster has eight junctions without gaps.
    ParameterError
        An option is unknown or out of range, such as more folds than junctions.

    Warns
    -----
    MIWidgetsWarning
        Junctions have gaps, or a cluster is too small and gets no coefficients.

    Notes
    -----
    A coefficient tells what goes with the transmission among these junctions, not what causes it: of variables that
    move together one is taken, and which one may change with the next junction.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=60, n_energies=3)
    >>> dict(sparse_regression(ds, ds.true_site).coefficient.sizes)
    {'cluster_label': 3, 'energy': 3, 'variable': 180}
    """
    parts = iter_sparse_regression(
        ds,
        clusters,
        response=response,
        distances=distances,
        validation=validation,
        rule=rule,
        n_penalties=n_penalties,
        least_penalty=least_penalty,
        n_folds=n_folds,
        seed=seed,
    )
    return collect(parts, progress)


def iter_sparse_regression(
    ds: xr.Dataset,
    clusters: xr.Dataset | xr.DataArray | None = None,
    *,
    response: str = "log10",
    distances: str = "linear",
    validation: str = "approximate",
    rule: str = "one_stderr",
    n_penalties: int = 10,
    least_penalty: float = 0.01,
    n_folds: int = 10,
    seed: int | None = 0,
) -> Iterator[Part]:
    """Yield the result of `sparse_regression` as it grows, some energies of one cluster at a time.

    Parameters
    ----------
    ds, clusters, response, distances, validation, rule, n_penalties, least_penalty, n_folds, seed
        As in `sparse_regression`.

    Yields
    ------
    Part
        Its ``result`` is the Dataset of `sparse_regression`; what is still to come is NaN with status not_run.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `sparse_regression`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> parts = list(iter_sparse_regression(make_molecular_junctions(n_junctions=30, n_energies=2)))
    >>> parts[-1].done
    2
    """
    who = "sparse_regression"
    options: dict[str, Any] = {"validation": validation, "rule": rule, "n_penalties": n_penalties}
    options |= {"least_penalty": least_penalty, "n_folds": n_folds, "seed": seed}
    features, target, labels = _inputs(ds, clusters, response, distances, who)
    n = int(labels.max(initial=-1)) + 1
    each = target.sizes["energy"]
    found: dict[int, xr.Dataset] = {}
    for k in _usable(labels, n, features, validation, n_folds, who):
        rows = np.flatnonzero(labels == k)
        parts = sparse.iter_lasso(features[rows], target[rows], "junction", **options)
        for part in parts:
            found[k] = part.result
            done = k * each + min(each, part.done + each - part.total)
            whole = _join(found, n)
            whole["cluster"] = ("junction", labels, {"units": "1", "long_name": "cluster, -1 for none"})
            if "junction" in features.coords:
                whole = whole.assign_coords(junction=features["junction"].variable)
            settings = {"response": response, "distances": distances, **options}
            finish(whole, who, "Sparse regression of transmission", settings, ds.attrs.get("source", ""))
            yield Part(done, n * each, whole, index=(k, part.index), message=f"cluster {k}")


def _inputs(
    ds: xr.Dataset, clusters: Any, response: str, distances: str, who: str
) -> tuple[xr.DataArray, xr.DataArray, np.ndarray]:
    """Variables, response and labels, checked."""
    one_of("distances", distances, DISTANCES, who=who)
    features = check_features(decay_features(ds) if distances == "exponential" else ds, who=who)
    spectra = check_spectra(ds, who=who)
    labels = label_array(clusters, spectra, who=who)
    if (labels < 0).all():
        raise DataError(f"{who}: no junction belongs to a cluster. Write cluster_spectra(ds).")
    return features, response_of(spectra, response, who=who), labels


def _usable(labels: np.ndarray, n: int, features: xr.DataArray, validation: str, n_folds: int, who: str) -> list[int]:
    """Clusters that have enough junctions without gaps; the others are told of."""
    whole = np.isfinite(features.values).all(axis=1)
    counts = np.array([int((whole & (labels == k)).sum()) for k in range(n)])
    if validation == "k_fold" and 0 < counts.max() < n_folds:
        raise ParameterError(
            f"{who}: n_folds must not be more than the junctions of a cluster; got {n_folds} for at most "
            f"{int(counts.max())} junctions. Write n_folds={max(2, int(counts.max()) // 2)}."
        )
    least = max(_FEWEST, n_folds if validation == "k_fold" else 0)
    small = np.flatnonzero(counts < least)
    if small.size == n:
        raise DataError(
            f"{who} needs {least} junctions without gaps in a cluster; got {', '.join(map(str, counts))}. "
            "Leave out variables with gaps, ds.dropna('variable'), or write fewer clusters."
        )
    if small.size:
        told = ", ".join(f"{k} ({counts[k]})" for k in small)
        warn(f"{who}: clusters {told} have fewer than {least} junctions and get no coefficients.")
    return [int(k) for k in range(n) if counts[k] >= least]


def _join(found: dict[int, xr.Dataset], n: int) -> xr.Dataset:
    """Results of clusters side by side; NaN and not_run for those that are not there."""
    like = next(iter(found.values()))
    blank = like.copy(deep=True)
    for name, da in blank.data_vars.items():
        if da.dtype.kind == "f":
            da.values[...] = np.nan
        elif name == "status":
            da.values[...] = sparse.STATUS.index("not_run")
        elif name in ("trust", "variable_status"):
            da.values[...] = 0
        elif name == "same_as":
            da.values[...] = -1
    rows = [found.get(k, blank) for k in range(n)]
    out = xr.concat(rows, "cluster_label", join="exact", combine_attrs="drop")
    for name in out.data_vars:
        out[name].attrs = dict(like[name].attrs)
    sizes = [int(found[k].attrs["n_samples"]) if k in found else 0 for k in range(n)]
    out["size"] = ("cluster_label", sizes, {"units": "1", "long_name": "junctions in use"})
    labels = ("cluster_label", np.arange(n), {"units": "1", "long_name": "cluster"})
    return out.assign_coords(cluster_label=labels)


def compare_validations(
    ds: xr.Dataset,
    clusters: xr.Dataset | xr.DataArray | None = None,
    *,
    cluster: int = 0,
    energy: float = 0.0,
    response: str = "log10",
    distances: str = "linear",
    n_penalties: int = 20,
    least_penalty: float = 0.01,
    n_folds: int = 10,
    leave_one_out: bool = True,
    seed: int | None = 0,
) -> xr.Dataset:
    """Find the error of junctions left out at one energy by the formula, in folds and one by one.

    Parameters
    ----------
    ds, clusters, response, distances, n_penalties, least_penalty, n_folds, seed
        As in `sparse_regression`.
    cluster : int
        Number of the cluster.
    energy : float
        Energy (eV); the nearest one is taken.
    leave_one_out : bool
        Fit as many times as there are junctions, too.

    Returns
    -------
    xarray.Dataset
        As of `mi_widgets.methods.sparse.compare_validations`: ``error``, ``error_stderr``, ``trust`` (validation,
        penalty), ``density`` (penalty).

    Raises
    ------
    LabelError, DataError, ParameterError
        As `sparse_regression`; there is no such cluster.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=60, n_energies=3)
    >>> list(compare_validations(ds, leave_one_out=False).validation.values)
    [np.str_('approximate'), np.str_('k_fold')]
    """
    who = "compare_validations"
    features, target, labels = _inputs(ds, clusters, response, distances, who)
    rows = np.flatnonzero(labels == cluster)
    if not rows.size:
        raise ParameterError(f"{who}: there is no cluster {cluster!r}; there are 0 to {labels.max()}.")
    if not isinstance(energy, int | float | np.number) or not np.isfinite(energy):
        raise ParameterError(f"{who}: energy must be a number (eV); got {energy!r}.")
    options: dict[str, Any] = {"n_penalties": n_penalties, "least_penalty": least_penalty, "n_folds": n_folds}
    return sparse.compare_validations(
        features[rows],
        target[rows].sel(energy=float(energy), method="nearest"),
        "junction",
        leave_one_out=leave_one_out,
        seed=seed,
        **options,
    )


def rank_variables(result: xr.Dataset, *, cluster: int = 0, n_most: int = 20) -> pd.DataFrame:
    """List the variables that drive a cluster most.

    Parameters
    ----------
    result : xarray.Dataset
        Result of `sparse_regression`.
    cluster : int
        Number of the cluster.
    n_most : int
        Rows at most.

    Returns
    -------
    pandas.DataFrame
        ``variable``; ``group``, where it is known; ``strength``: root mean square of the coefficient over energies,
        unit of the response; ``largest``: the coefficient that is farthest from 0; ``energy`` (eV) where that is;
        ``share``: of energies, at which it takes part. The strongest first, those that never take part left out.

    Raises
    ------
    LabelError
        It is no result of `sparse_regression`.
    ParameterError
        There is no such cluster.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=60, n_energies=11)
    >>> list(rank_variables(sparse_regression(ds), n_most=3).columns)
    ['variable', 'group', 'strength', 'largest', 'energy', 'share']
    """
    who = "rank_variables"
    if not isinstance(result, xr.Dataset) or "coefficient" not in result or "cluster_label" not in result.dims:
        raise LabelError(f"{who} needs the result of sparse_regression, with 'coefficient' (cluster_label, …).")
    if cluster not in result["cluster_label"].values:
        raise ParameterError(
            f"{who}: there is no cluster {cluster!r}; there are 0 to {result.sizes['cluster_label'] - 1}."
        )
    beta = result["coefficient"].sel(cluster_label=cluster).transpose("energy", "variable")
    values = np.nan_to_num(beta.values)
    place = np.abs(values).argmax(axis=0)
    table = pd.DataFrame(
        {
            "variable": beta["variable"].values,
            "group": beta["group"].values if "group" in beta.coords else "",
            "strength": np.sqrt((values**2).mean(axis=0)),
            "largest": values[place, np.arange(values.shape[1])],
            "energy": beta["energy"].values[place],
            "share": (values != 0).mean(axis=0),
        }
    )
    table = table[table["share"] > 0].sort_values("strength", ascending=False, kind="stable")
    return table.head(n_most).reset_index(drop=True)
