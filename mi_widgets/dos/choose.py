"""How many clusters, and which of them do not depend on the setting."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.dos._check import finish, number, one_of
from mi_widgets.dos._metrics import METRICS, to_square
from mi_widgets.dos._result import check_result, tree_of, tree_variables, with_labels
from mi_widgets.dos._rules import RULES, score
from mi_widgets.dos._shares import Window, make_shares
from mi_widgets.dos._tree import cut_tree, grow, rank_by_size
from mi_widgets.dos.clusters import LINKAGES, cluster
from mi_widgets.dos.distance import pair_distances
from mi_widgets.errors import DataError, ParameterError

__all__ = ["choose_n_clusters", "consensus"]


def choose_n_clusters(
    ds: xr.Dataset | xr.DataArray,
    *,
    rules: Sequence[str] = ("height_ratio", "bic", "silhouette", "stability"),
    n_max: int = 20,
    n_bootstrap: int = 20,
    seed: int | np.random.Generator | None = 0,
    linkage: str = "average",
    metric: str = "total_variation",
    window: Window = None,
    broadening: float = 0.2,
    shift: float = 1.2,
    orbitals: str | Sequence[str] = "l",
    spin: str = "sum",
    elements: str = "apart",
) -> xr.Dataset:
    """Score numbers of clusters by rules that know nothing of a cut.

    None of them is better than a cut whose meaning one knows; where they disagree, the data have no one number.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV.
    rules : sequence of str
        - ``"height_ratio"``: how much higher the next merge is than the last one made. Finds a clear gap in the tree;
          fails where clusters are of different widths, or follow each other without a gap, as layers do.
        - ``"bic"``: minus the Bayesian information criterion of a mixture of Gaussians (diagonal) on up to 12 principal
          components. Weighs fit against the number of parameters; needs some ten sites for each cluster, and takes a
          drift over depth for several clusters.
        - ``"silhouette"``: how much nearer sites are to their own cluster than to the next. Elements and adsorbates are
          far further apart than surface and bulk, so it only finds the elements: shown as a warning example.
        - ``"stability"``: mean adjusted Rand index between the clusters of all sites and those of random 80 %. What is
          an accident of single sites changes; but few, far clusters are always stable, and copies by symmetry make
          everything stable.
    n_max : int
        Largest number.
    n_bootstrap : int
        Number of samples for ``"stability"``.
    seed : int, numpy.random.Generator or None
        For ``"bic"`` and ``"stability"``.
    linkage, metric, window, broadening, shift, orbitals, spin, elements
        As in `cluster`.

    Returns
    -------
    xarray.Dataset
        - ``score`` (rule, n_clusters), more is better
        - ``best`` (rule), 1: number with the best score
        - ``cut`` (rule), as the distance: a cut that gives this number, half way between two merges; with the same
          options, ``cluster(ds, cut=…)`` gives it

    Raises
    ------
    ParameterError
        A rule or an option is unknown or out of range.
    DataError
        Fewer than three sites can be compared.
    LabelError
        There is no ``pdos``.

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> at = xr.DataArray([-3.0, -2.99, 0.0, 0.02, 3.0, 3.01], dims="atom")
    >>> found = choose_n_clusters(np.exp(-((e - at) ** 2)).assign_coords(energy=e), rules=["height_ratio"], shift=0)
    >>> found.best.values
    array([3])
    """
    who = "choose_n_clusters"
    for rule in rules:
        one_of("rule", rule, RULES, who=who)
    one_of("linkage", linkage, LINKAGES, who=who)
    shares = make_shares(ds, window=window, broadening=broadening, orbitals=orbitals, spin=spin, who=who)
    condensed = np.asarray(pair_distances(shares, metric, shift, elements, who=who), dtype=float)
    n = shares.site.size
    if n < 3:
        raise DataError(f"{who} needs at least three sites that can be compared; got {n}.")
    least = max(2, np.unique(shares.element[shares.site]).size if elements == "apart" else 2)
    most = min(int(number("n_max", n_max, who=who, least=2)), n - 1)
    numbers = np.arange(min(least, most), most + 1)
    merges = grow(condensed, linkage)
    rng = np.random.default_rng(seed)
    rows = np.sqrt(shares.values.reshape(n, -1).astype(float))
    square = to_square(condensed, n)
    scores = np.array([score(r, numbers, merges, square, rows, linkage, int(n_bootstrap), rng) for r in rules])
    best = [int(numbers[np.nanargmax(s)]) if np.isfinite(s).any() else 0 for s in scores]
    heights = np.concatenate([[0.0], merges[:, 2]])
    cuts = [0.5 * (heights[n - k] + heights[min(n - k + 1, n - 1)]) if k else np.nan for k in best]
    one = {"units": "1"}
    out = xr.Dataset(
        {
            "score": (("rule", "n_clusters"), scores, {**one, "long_name": "score, more is better"}),
            "best": ("rule", best, {**one, "long_name": "number of clusters"}),
            "cut": ("rule", cuts, {**one, "long_name": "cut that gives them"}),
        },
        coords={
            "rule": ("rule", list(rules), {"long_name": "rule"}),
            "n_clusters": ("n_clusters", numbers, {**one, "long_name": "number of clusters"}),
        },
    )
    return finish(out, who, "Scores of numbers of clusters", {"rules": list(rules)}, ds.attrs.get("source", ""))


def consensus(
    ds: xr.Dataset | xr.DataArray,
    settings: Sequence[Mapping[str, Any]] | None = None,
    *,
    n_clusters: int | None = None,
    share: float = 0.5,
) -> xr.Dataset:
    """Find the clusters that several metrics or settings agree on.

    Parameters
    ----------
    ds : xarray.Dataset or xarray.DataArray
        ``pdos`` (atom, orbital[, spin], energy), 1/eV.
    settings : sequence of mapping, optional
        Keywords of `cluster`, one mapping for each; by default every metric in turn.
    n_clusters : int, optional
        Number of clusters that each tree is cut into, as cuts of different metrics cannot be compared; by default the
        number that `cluster` finds by its own defaults. A setting with ``cut`` keeps its cut.
    share : float
        Share of the settings in which the sites of a cluster, on the mean, are together.

    Returns
    -------
    xarray.Dataset
        As `cluster`, merges being made by ``1 - together``; and

        - ``together`` (atom, other_atom), 1: share of the settings that put both into one cluster
        - ``agreement`` (atom), 1: mean of that over the other sites of its cluster, 1 where it is alone

    Raises
    ------
    ParameterError
        An option is unknown or out of range.
    LabelError, DataError
        As in `cluster`.

    References
    ----------
    .. [1] A. L. N. Fred, A. K. Jain, IEEE Trans. Pattern Anal. 27, 835 (2005), doi:10.1109/TPAMI.2005.113

    Examples
    --------
    >>> import numpy as np
    >>> e = xr.DataArray(np.linspace(-5, 5, 101), dims="energy", attrs={"units": "eV"})
    >>> pdos = np.exp(-((e - xr.DataArray([-2.0, -2.0, 2.0], dims="atom")) ** 2)).assign_coords(energy=e)
    >>> consensus(pdos, [{"metric": "hellinger"}, {"metric": "cosine"}], n_clusters=2).agreement.values
    array([1., 1., 1.])
    """
    who = "consensus"
    level = number("share", share, who=who)
    given = [{"metric": m} for m in METRICS] if settings is None else [dict(s) for s in settings]
    if not given:
        raise ParameterError(f"{who} needs at least one setting; write [{{'metric': 'hellinger'}}, ...].")
    first = cluster(ds)
    wanted = (
        int(number("n_clusters", n_clusters, who=who, least=1))
        if n_clusters is not None
        else first.sizes["cluster_label"]
    )
    n = first.sizes["atom"]
    together = np.zeros((n, n))
    for options in given:
        labels = _labels(ds, options, wanted)
        together += (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None]
    together /= len(given)
    status = first["status"].values
    site = np.flatnonzero(status == 0)
    apart = 1 - together[np.ix_(site, site)][np.triu_indices(site.size, 1)]
    merges = grow(apart, "average")
    labels = np.full(n, -1)
    labels[site] = cut_tree(merges, 1 - level, site.size)
    labels = rank_by_size(labels)
    same = (labels[:, None] == labels[None, :]) & (labels >= 0)[:, None] & ~np.eye(n, dtype=bool)
    others = same.sum(axis=1)
    agreement = np.where(others > 0, (together * same).sum(axis=1) / np.maximum(others, 1), 1.0)
    one = {"units": "1"}
    extra: dict[str, Any] = {
        "together": (("atom", "other_atom"), together, {**one, "long_name": "share of settings that join both"}),
        "agreement": (
            "atom",
            np.where(labels >= 0, agreement, np.nan),
            {**one, "long_name": "agreement of the settings"},
        ),
        "cut": ((), 1 - level, {**one, "long_name": "distance up to which clusters merge"}),
        **tree_variables(merges, site, "1"),
    }
    out = with_labels(ds, labels, status, extra=extra)
    parameters = {"settings": given, "n_clusters": wanted, "share": level}
    return finish(out, who, "Clusters that settings agree on", parameters, ds.attrs.get("source", ""))


def _labels(ds: xr.Dataset | xr.DataArray, options: Mapping[str, Any], wanted: int) -> np.ndarray:
    found = cluster(ds, **options)
    if "cut" in options or "merge_height" not in found:
        return np.asarray(found["cluster"].values)
    merges, site = tree_of(check_result(found, who="consensus", tree=True))
    from scipy.cluster.hierarchy import fcluster

    labels = np.full(found.sizes["atom"], -1)
    labels[site] = fcluster(merges, wanted, criterion="maxclust") if site.size > 1 else 0
    return labels
