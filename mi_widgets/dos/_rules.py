"""Scores of numbers of clusters; more is better."""

import numpy as np

from mi_widgets.dos._embed import principal

__all__ = ["RULES", "score"]

RULES = ("height_ratio", "bic", "silhouette", "stability")
_COMPONENTS = 12
_SHARE = 0.8


def score(
    rule: str,
    numbers: np.ndarray,
    merges: np.ndarray,
    square: np.ndarray,
    rows: np.ndarray,
    linkage: str,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Score of each number by one rule."""
    if rule == "height_ratio":
        return _height_ratio(numbers, merges)
    if rule == "bic":
        return _bic(numbers, rows, rng)
    if rule == "silhouette":
        return _silhouette(numbers, merges, square)
    return _stability(numbers, merges, square, linkage, n_bootstrap, rng)


def _height_ratio(numbers: np.ndarray, merges: np.ndarray) -> np.ndarray:
    n = len(merges) + 1
    heights = np.concatenate([[0.0], merges[:, 2]])
    floor = 1e-3 * max(float(heights[-1]), 1e-300)  # below that merges are of copies
    return np.asarray([heights[n - k + 1] / max(heights[n - k], floor) if k > 1 else np.nan for k in numbers])


def _cut(merges: np.ndarray, n_clusters: int) -> np.ndarray:
    from scipy.cluster.hierarchy import fcluster

    return np.asarray(fcluster(merges, n_clusters, criterion="maxclust"))


def _bic(numbers: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    points = principal(rows, min(_COMPONENTS, len(rows) - 1))[0]
    least = 1e-4 * max(float(points.var(axis=0).sum()), 1e-12)
    state = int(rng.integers(2**31))
    out = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # too many clusters for the sites: its score says so
        for k in numbers:
            model = GaussianMixture(int(k), covariance_type="diag", n_init=2, random_state=state, reg_covar=least)
            out.append(-float(model.fit(points).bic(points)))
    return np.asarray(out)


def _silhouette(numbers: np.ndarray, merges: np.ndarray, square: np.ndarray) -> np.ndarray:
    from sklearn.metrics import silhouette_score

    out = []
    for k in numbers:
        labels = _cut(merges, int(k))
        found = np.unique(labels).size
        fits = 1 < found < labels.size
        out.append(float(silhouette_score(square, labels, metric="precomputed")) if fits else np.nan)
    return np.asarray(out)


def _stability(
    numbers: np.ndarray,
    merges: np.ndarray,
    square: np.ndarray,
    linkage: str,
    n_bootstrap: int,
    rng: np.random.Generator,
) -> np.ndarray:
    from scipy.cluster.hierarchy import linkage as merge
    from scipy.spatial.distance import squareform
    from sklearn.metrics import adjusted_rand_score

    n = len(square)
    whole = [_cut(merges, int(k)) for k in numbers]
    total = np.zeros(numbers.size)
    for _ in range(n_bootstrap):
        some = np.sort(rng.choice(n, max(3, round(_SHARE * n)), replace=False))
        tree = merge(squareform(square[np.ix_(some, some)], checks=False), method=linkage)
        total += [
            adjusted_rand_score(all_of[some], _cut(tree, int(k))) for k, all_of in zip(numbers, whole, strict=True)
        ]
    return np.asarray(total / max(n_bootstrap, 1))
