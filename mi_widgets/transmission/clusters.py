"""Clusters of transmission spectra, and how many there are."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.methods import cluster, decompose
from mi_widgets.methods.threads import one_thread
from mi_widgets.transmission._check import (
    check_spectra,
    finish,
    label_array,
    one_of,
    response_of,
    whole_number,
)

__all__ = ["choose_n_clusters", "cluster_curves", "cluster_spectra"]

STATUS = ("ok", "damaged")
RULES = ("prediction_strength", "silhouette", "bic")
#: Share of pairs that must stay together for clusters to be there, after Tibshirani and Walther.
STRONG = 0.9


@one_thread
def cluster_spectra(
    ds: xr.Dataset | xr.DataArray,
    *,
    n_clusters: int = 3,
    n_components: int = 10,
    response: str = "log10",
    quantiles: Sequence[float] = (0.1, 0.9),
    estimator: Any = None,
    seed: int | None = 0,
) -> xr.Dataset:
    """Find clusters of junctions whose transmission spectra are alike.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``transmission`` (junction, energy), 1; energies in eV. A spectrum with NaN belongs to no cluster.
    n_clusters : int
        Number of clusters, where `estimator` is not given; see `choose_n_clusters`.
    n_components : int
        Principal components that spectra are compared by.
    response : str
        ``"log10"``: of the transmission, so that resonances and gaps count alike; ``"transmission"``.
    quantiles : sequence of float
        Between 0 and 1: bands of the spectra of a cluster.
    estimator : scikit-learn estimator, optional
        With ``fit_predict``; by default k-means. It is cloned, not changed.
    seed : int or None
        Of the default estimator.

    Returns
    -------
    xarray.Dataset
        - ``cluster`` (junction): number of the cluster, the largest first, -1 for none
        - ``status`` (junction): CF flags ok, damaged
        - ``size`` (cluster_label), with the coordinate ``cluster_name``
        - ``mean`` (cluster_label, energy), ``band`` (quantile, cluster_label, energy): of the transmission; the mean of
          logarithms for ``"log10"``
        - ``score`` (junction, component), ``explained`` (component): principal components, and their shares of the
          variance

    Raises
    ------
    LabelError
        A dimension or unit is wrong.
    DataError
        Transmissions are negative, or fewer spectra have no gaps than clusters or components need.
    ParameterError
        An option is unknown or out of range.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=30, n_energies=31)
    >>> cluster_spectra(ds)["size"].values
    array([10, 10, 10])
    """
    from threadpoolctl import threadpool_limits

    who = "cluster_spectra"
    spectra = check_spectra(ds, who=who)
    values = response_of(spectra, response, who=who)
    if any(not 0 <= q <= 1 for q in quantiles):
        raise ParameterError(f"{who}: quantiles lie between 0 and 1; got {quantiles!r}. Write (0.1, 0.9).")
    found = decompose(values, "energy", estimator=_components(values, n_components, who, seed))
    if estimator is not None and not hasattr(estimator, "fit_predict"):
        raise ParameterError(f"{who}: estimator needs fit_predict, as KMeans has; got {type(estimator).__name__}.")
    most = int(np.isfinite(values.values).all(axis=1).sum())
    whole_number("n_clusters", n_clusters, 1, most, who=who)
    with threadpool_limits(1):
        made = cluster(found["score"], "component", n_clusters=n_clusters, estimator=estimator, seed=seed)
    labels = made["label"].values
    parts = _table(labels, values, spectra, quantiles, response)
    coords = {k: v.variable for k, v in spectra.coords.items()} | parts.pop("coords")
    whole = np.isfinite(values.values).all(axis=1)
    flags = {"flag_values": [0, 1], "flag_meanings": " ".join(STATUS)}
    parts["status"] = ("junction", (~whole).astype(np.int8), {"units": "1", "long_name": "status", **flags})
    parts["score"], parts["explained"] = found["score"].variable, found["explained"].variable
    coords["component"] = found["component"].variable
    options = {"n_clusters": n_clusters, "n_components": n_components, "response": response, "seed": seed}
    options["estimator"] = "KMeans" if estimator is None else str(estimator)
    out = xr.Dataset(parts, coords=coords)
    return finish(out, who, "Clusters of junctions by their transmission", options, ds.attrs.get("source", ""))


def _components(values: xr.DataArray, n_components: int, who: str, seed: int | None) -> Any:
    from sklearn.decomposition import PCA

    whole = np.isfinite(values.values).all(axis=1)
    if whole.sum() < 2:
        raise DataError(f"{who} needs at least 2 spectra without gaps; got {int(whole.sum())} of {whole.size}.")
    most = min(int(whole.sum()), values.sizes["energy"])
    n = whole_number("n_components", n_components, 1, 10_000, who=who)
    return PCA(min(n, most), random_state=seed)


def cluster_curves(
    ds: xr.Dataset | xr.DataArray,
    clusters: xr.Dataset | xr.DataArray,
    *,
    response: str = "log10",
    quantiles: Sequence[float] = (0.1, 0.9),
) -> xr.Dataset:
    """Compute the mean spectrum of each cluster and the band between quantiles of its junctions.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``transmission`` (junction, energy), 1.
    clusters : xarray.Dataset or xarray.DataArray
        With ``cluster`` (junction), or numbers (junction), below 0 for none.
    response : str
        ``"log10"``: the mean is that of logarithms; ``"transmission"``.
    quantiles : sequence of float
        Between 0 and 1.

    Returns
    -------
    xarray.Dataset
        ``size`` (cluster_label), ``mean`` (cluster_label, energy), ``band`` (quantile, cluster_label, energy), 1;
        ``cluster`` (junction). NaN where no junction of a cluster has a value; others are left out.

    Raises
    ------
    LabelError, DataError, ParameterError
        As `cluster_spectra`.

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=6, n_energies=4)
    >>> dict(cluster_curves(ds, ds.true_site)["mean"].sizes)
    {'cluster_label': 3, 'energy': 4}
    """
    who = "cluster_curves"
    spectra = check_spectra(ds, who=who)
    values = response_of(spectra, response, who=who)
    if any(not 0 <= q <= 1 for q in quantiles):
        raise ParameterError(f"{who}: quantiles lie between 0 and 1; got {quantiles!r}. Write (0.1, 0.9).")
    labels = label_array(clusters, spectra, who=who)
    parts = _table(labels, values, spectra, quantiles, response)
    coords = {k: v.variable for k, v in spectra.coords.items()} | parts.pop("coords")
    options = {"response": response, "quantiles": list(quantiles)}
    out = xr.Dataset(parts, coords=coords)
    return finish(out, who, "Spectra of clusters", options, ds.attrs.get("source", ""))


def _table(
    labels: np.ndarray, values: xr.DataArray, spectra: xr.DataArray, quantiles: Sequence[float], response: str
) -> dict[str, Any]:
    """Labels, sizes, means and bands of clusters."""
    n = int(labels.max(initial=-1)) + 1
    rows, raw = values.values, spectra.values
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of clusters without any value
        mean = np.array([np.nanmean(rows[labels == k], axis=0) for k in range(n)]).reshape(n, -1)
        band = np.array([[np.nanquantile(raw[labels == k], q, axis=0) for k in range(n)] for q in quantiles])
    if response == "log10":
        mean = 10**mean
    one = {"units": "1"}
    size = np.bincount(labels[labels >= 0], minlength=n).astype(np.int64)
    over = ("cluster_label", "energy")
    return {
        "cluster": ("junction", labels.astype(np.int64), {**one, "long_name": "cluster, -1 for none"}),
        "size": ("cluster_label", size, {**one, "long_name": "number of junctions"}),
        "mean": (over, mean, {**one, "long_name": "mean transmission of the cluster"}),
        "band": (
            ("quantile", *over),
            band.reshape(len(quantiles), n, -1),
            {**one, "long_name": "quantile of the transmission"},
        ),
        "coords": {
            "cluster_label": ("cluster_label", np.arange(n), {**one, "long_name": "cluster"}),
            "cluster_name": (
                "cluster_label",
                np.array([f"cluster {k}" for k in range(n)], np.str_),
                {"long_name": "name"},
            ),
            "quantile": ("quantile", [float(q) for q in quantiles], {**one, "long_name": "quantile"}),
        },
    }


@one_thread
def choose_n_clusters(
    ds: xr.Dataset | xr.DataArray,
    *,
    n_max: int = 8,
    n_components: int = 10,
    n_splits: int = 10,
    response: str = "log10",
    rules: Sequence[str] = RULES,
    seed: int | None = 0,
) -> xr.Dataset:
    """Score numbers of clusters by rules of different kinds; where they disagree, look at the spectra.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``transmission`` (junction, energy), 1.
    n_max : int
        Largest number (2 to 50).
    n_components, response, seed
        As in `cluster_spectra`.
    n_splits : int
        Random halves for ``"prediction_strength"`` (1 to 200).
    rules : sequence of str
        - ``"prediction_strength"``: clusters of one half, do they put pairs of the other half together that its own
          clusters have together? The share, in the worst cluster, mean over halves [1]_. Best is the largest number
          with 0.9 and more: what is cut through a heap does not come again.
        - ``"silhouette"``: how much nearer spectra are to their own cluster than to the next. One far cluster is enough
          for it to see only two; shown as a warning example.
        - ``"bic"``: minus the Bayesian information criterion of a mixture of Gaussians; needs many junctions for each
          cluster.

    Returns
    -------
    xarray.Dataset
        ``score`` (rule, n_clusters), more is better, n_clusters from 1 (NaN where there is none); ``best`` (rule).

    Raises
    ------
    LabelError, DataError
        As `cluster_spectra`; fewer than four spectra for each of `n_max` clusters.
    ParameterError
        A rule is unknown, or a number out of range.

    References
    ----------
    .. [1] R. Tibshirani and G. Walther, J. Comput. Graph. Stat. 14, 511 (2005), doi:10.1198/106186005X59243

    Examples
    --------
    >>> from mi_widgets.datasets import make_molecular_junctions
    >>> ds = make_molecular_junctions(n_junctions=60, n_energies=31)
    >>> choose_n_clusters(ds, n_max=5, n_splits=3, rules=["prediction_strength"]).best.item()
    3
    """
    from threadpoolctl import threadpool_limits

    who = "choose_n_clusters"
    values = response_of(check_spectra(ds, who=who), response, who=who)
    for rule in rules:
        one_of("rule", rule, RULES, who=who)
    whole_number("n_max", n_max, 2, 50, who=who)
    whole_number("n_splits", n_splits, 1, 200, who=who)
    found = decompose(values, "energy", estimator=_components(values, n_components, who, seed))["score"].values
    rows = found[np.isfinite(found).all(axis=1)]
    if len(rows) < 4 * n_max:
        raise DataError(f"{who} needs 4 spectra for each cluster; got {len(rows)}. Write n_max={len(rows) // 4}.")
    numbers = np.arange(1, n_max + 1)
    with threadpool_limits(1):  # k-means on so few points only waits for its threads
        score = np.array([_score(rule, rows, numbers, n_splits, seed) for rule in rules])
    best = [_best(rule, line, numbers) for rule, line in zip(rules, score, strict=True)]
    out = xr.Dataset(
        {
            "score": (("rule", "n_clusters"), score, {"units": "1", "long_name": "score, more is better"}),
            "best": ("rule", best, {"units": "1", "long_name": "best number of clusters"}),
        },
        coords={
            "rule": ("rule", list(rules), {"long_name": "rule"}),
            "n_clusters": ("n_clusters", numbers, {"units": "1", "long_name": "number of clusters"}),
        },
    )
    options = {"n_max": n_max, "n_components": n_components, "n_splits": n_splits, "response": response, "seed": seed}
    return finish(out, who, "Scores of numbers of clusters", options, ds.attrs.get("source", ""))


def _best(rule: str, score: np.ndarray, numbers: np.ndarray) -> int:
    if rule == "prediction_strength":
        return int(numbers[score >= STRONG].max(initial=1))
    return int(numbers[np.nanargmax(score)])


def _score(rule: str, rows: np.ndarray, numbers: np.ndarray, n_splits: int, seed: int | None) -> np.ndarray:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from sklearn.mixture import GaussianMixture

    out = np.full(numbers.size, np.nan)
    for i, n in enumerate(numbers):
        if rule == "prediction_strength":
            rng = np.random.default_rng(seed)
            out[i] = np.mean([_strength(rows, int(n), rng) for _ in range(n_splits)]) if n > 1 else 1.0
        elif rule == "silhouette" and n > 1:
            out[i] = silhouette_score(rows, KMeans(n, n_init=10, random_state=seed).fit_predict(rows))
        elif rule == "bic":
            model = GaussianMixture(n, n_init=3, random_state=seed, reg_covar=1e-6 * float(rows.var()))
            with warnings.catch_warnings():  # a mixture that does not settle scores low
                warnings.simplefilter("ignore")
                out[i] = -model.fit(rows).bic(rows)
    return out


def _strength(rows: np.ndarray, n: int, rng: np.random.Generator) -> float:
    """Share of pairs of one half's worst cluster that clusters of the other half put together as well."""
    from sklearn.cluster import KMeans

    order = rng.permutation(len(rows))
    one, other = rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]
    seed = int(rng.integers(2**31))
    own = KMeans(n, n_init=5, random_state=seed).fit_predict(other)
    foreign = KMeans(n, n_init=5, random_state=seed).fit(one).predict(other)
    shares = []
    for k in range(n):
        size = int((own == k).sum())
        together = np.bincount(foreign[own == k], minlength=n)
        shares.append(float((together * (together - 1)).sum() / (size * (size - 1))) if size > 1 else 0.0)
    return min(shares)
