"""Which sites of a tree of merges are few and far from the others."""

import numpy as np

__all__ = ["oddness"]

_RARE = 0.25  # share of all sites above which a group is nothing unusual


def oddness(merges: np.ndarray, n: int, far: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best score of the groups that each leaf is in, the height at which that group merges, and its size; (n,).

    A group of m leaves that merges at the height d with one at least as large scores ``d / sqrt(m)``; where that is as
    far as can be, all of an element, it scores ``far / m``: a dozen atoms of another element are nothing unusual.
    """
    size = np.concatenate([np.ones(n), merges[:, 3]])
    left, right = merges[:, 0].astype(int), merges[:, 1].astype(int)
    score, height, members = (np.zeros(size.size) for _ in range(3))
    members[-1:] = size[-1:]
    for k in range(len(merges) - 1, -1, -1):
        node = n + k
        for child, other in ((left[k], right[k]), (right[k], left[k])):
            m = size[child]
            own = far / m if merges[k, 2] >= far else merges[k, 2] / np.sqrt(m)
            if size[other] < m or m > max(_RARE * n, 1):
                own = 0.0
            if own > score[node]:
                score[child], height[child], members[child] = own, merges[k, 2], size[child]
            else:
                score[child], height[child], members[child] = score[node], height[node], members[node]
    return score[:n], height[:n], members[:n]
