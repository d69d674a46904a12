"""The tree of merges: from distances to merges, from merges to clusters."""

import numpy as np

__all__ = ["cut_tree", "forest_labels", "grow", "rank_by_size", "widest_gap"]


def grow(distances: np.ndarray, linkage: str) -> np.ndarray:
    """Merges (n - 1, 4) of scipy's hierarchical clustering."""
    from scipy.cluster.hierarchy import linkage as merge

    if distances.size == 0:
        return np.zeros((0, 4))
    return np.asarray(merge(np.asarray(distances, dtype=float), method=linkage))


def cut_tree(merges: np.ndarray, cut: float, n: int) -> np.ndarray:
    """Number of the cluster of each leaf, the largest first, for clusters that merge at or below `cut`."""
    from scipy.cluster.hierarchy import fcluster

    if n == 0:
        return np.zeros(0, dtype=int)
    if n == 1:
        return np.zeros(1, dtype=int)
    return rank_by_size(np.asarray(fcluster(merges, cut, criterion="distance")))


def rank_by_size(found: np.ndarray) -> np.ndarray:
    """Numbers 0, 1, … by size, equal sizes by their first member; negative ones become -1."""
    found = np.asarray(found)
    out = np.full(found.size, -1)
    good = found >= 0
    numbers, first, index, size = np.unique(found[good], return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(numbers.size, dtype=int)
    rank[np.lexsort((first, -size))] = np.arange(numbers.size)
    out[good] = rank[index]
    return out


def forest_labels(left: np.ndarray, right: np.ndarray, n: int, kept: np.ndarray) -> np.ndarray:
    """Number of the tree of each leaf, where the merges named by `kept` (bool) alone are made."""
    parent = np.arange(n + left.size)
    for k in np.flatnonzero(kept):
        parent[left[k]] = parent[right[k]] = n + k
    for node in range(parent.size - 1, -1, -1):  # parents have higher numbers
        parent[node] = parent[parent[node]]
    return np.asarray(np.unique(parent[:n], return_inverse=True)[1])


def widest_gap(merges: np.ndarray, low: float, high: float) -> float:
    """Geometric middle of the widest gap, as a ratio, between heights of merges from low to high."""
    heights = np.sort(merges[:, 2])
    edges = np.concatenate([[low], heights[(heights > low) & (heights < high)], [high]])
    k = int(np.argmax(edges[1:] / edges[:-1]))
    return float(np.sqrt(edges[k] * edges[k + 1]))
