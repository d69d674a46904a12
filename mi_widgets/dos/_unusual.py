"""How far the clusters of a tree are from anything larger."""

import numpy as np

__all__ = ["isolation"]


def isolation(merges: np.ndarray, site: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height at which the cluster of each atom merges with a larger one, and the size of the cluster; (n_atoms,)."""
    n = site.size
    height, size = np.zeros(labels.size), np.zeros(labels.size)
    own = labels[site]
    counts = np.bincount(own[own >= 0], minlength=int(own.max(initial=-1)) + 1)
    if n == 0:
        return height, size
    left, right = merges[:, 0].astype(int), merges[:, 1].astype(int)
    parent, at = np.full(2 * n - 1, -1), np.zeros(2 * n - 1)
    parent[left] = parent[right] = n + np.arange(n - 1)
    at[n:] = merges[:, 2]
    leaves = np.concatenate([np.ones(n), merges[:, 3]])
    out = np.full(counts.size, merges[-1, 2] if n > 1 else 0.0)
    for k in range(counts.size):
        node = int(np.flatnonzero(own == k)[0])
        # Up to the first merge that at least doubles the cluster: what joined was larger, or as large.
        while parent[node] >= 0 and leaves[node] < 2 * counts[k]:
            node = int(parent[node])
        out[k] = at[node]
    size[site] = counts[own]
    height[site] = out[own]
    return height, size
