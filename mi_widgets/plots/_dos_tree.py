"""The top of a tree of merges as something that can be drawn: branches, where they stand, and who is in them."""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

__all__ = ["Tree", "Twigs", "grow", "trim"]


@dataclass(frozen=True)
class Tree:
    """A whole tree; nodes 0 … n-1 are sites, node n+i is merge i.

    Attributes
    ----------
    left, right : (n-1,) int
        Nodes that a merge joins.
    height : (n-1,) float
    order : (n,) int
        Sites from left to right, so that no branches cross.
    start, stop : (2n-1,) int
        Sites of node k are ``order[start[k]:stop[k]]``.
    """

    left: np.ndarray
    right: np.ndarray
    height: np.ndarray
    order: np.ndarray
    start: np.ndarray
    stop: np.ndarray

    @property
    def n(self) -> int:
        """Number of sites."""
        return len(self.order)

    def members(self, node: int) -> np.ndarray:
        """Sites of a node."""
        return self.order[self.start[node] : self.stop[node]]


def grow(left: np.ndarray, right: np.ndarray, height: np.ndarray) -> Tree:
    """Order the sites of a tree and find the span of every node; the larger branch stands to the left."""
    left, right = np.asarray(left, dtype=np.int64), np.asarray(right, dtype=np.int64)
    n = len(left) + 1
    size = [1] * n
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        size.append(size[a] + size[b])
    start = np.zeros(2 * n - 1, dtype=np.int64)
    for i in range(len(left) - 1, -1, -1):  # a merge comes after what it joins, so this goes from the root down
        a, b = int(left[i]), int(right[i])
        if size[b] > size[a]:
            a, b = b, a
        start[a] = start[n + i]
        start[b] = start[n + i] + size[a]
    order = np.empty(n, dtype=np.int64)
    order[start[:n]] = np.arange(n)
    return Tree(left, right, np.asarray(height, dtype=float), order, start, start + np.array(size))


@dataclass(frozen=True)
class Twigs:
    """The branches that are drawn.

    Attributes
    ----------
    tree : Tree
    leaves : (k,) int
        Nodes that are drawn as boxes, from left to right.
    inner : (k-1,) int
        Nodes that are drawn as brackets, the root last.
    x, y : dict of int to float
        Where a drawn node stands, and its height.
    """

    tree: Tree
    leaves: np.ndarray
    inner: np.ndarray
    x: dict[int, float]
    y: dict[int, float]

    def segments(self) -> tuple[np.ndarray, np.ndarray]:
        """Ends ``x0 y0 x1 y1`` of the lines, (m, 4), and the node that each belongs to: its stem, or its bar."""
        ends, nodes = [], []
        n = self.tree.n
        for node in self.inner.tolist():
            a, b = int(self.tree.left[node - n]), int(self.tree.right[node - n])
            top = self.y[node]
            ends += [(self.x[c], self.y[c], self.x[c], top) for c in (a, b)]
            ends.append((self.x[a], top, self.x[b], top))
            nodes += [a, b, node]
        return np.array(ends, dtype=np.float32).reshape(-1, 4), np.array(nodes, dtype=np.int64)

    def nearest(
        self, x: float, y: float, per_x: float, per_y: float, reach: float, scale: Callable[[Any], Any]
    ) -> int | None:
        """The drawn node whose lines pass within `reach` pixels of a place; below zero the box there.

        Heights are drawn at `scale` of themselves, and `y` is such a place.
        """
        if y < 0:
            at = round(x)
            return int(self.leaves[at]) if 0 <= at < len(self.leaves) and abs(x - at) <= 0.5 else None
        ends, nodes = self.segments()
        if not len(ends):
            return None
        ends[:, [1, 3]] = scale(ends[:, [1, 3]])
        x0, x1 = np.minimum(ends[:, 0], ends[:, 2]), np.maximum(ends[:, 0], ends[:, 2])
        away_x = np.maximum(np.maximum(x0 - x, x - x1), 0) * per_x
        away_y = np.maximum(np.maximum(ends[:, 1] - y, y - ends[:, 3]), 0) * per_y
        far = np.hypot(away_x, away_y)
        at = int(np.argmin(far))
        return int(nodes[at]) if far[at] <= reach else None


def trim(tree: Tree, most: int = 60, least_height: float = 0.0) -> Twigs:
    """Open the highest merges until `most` branches stand side by side, or no merge is higher than `least_height`."""
    n = tree.n
    root = 2 * n - 2
    open_: list[int] = []
    closed = [root] if n == 1 else []
    waiting = [] if n == 1 else [(-tree.height[root - n], root)]
    heapify(waiting)
    while waiting:
        negative, node = heappop(waiting)
        if len(waiting) + len(closed) + 2 > most or -negative <= least_height:
            closed.append(node)
            continue
        open_.append(node)
        for child in (int(tree.left[node - n]), int(tree.right[node - n])):
            if child < n:
                closed.append(child)
            else:
                heappush(waiting, (-tree.height[child - n], child))
    leaves = np.array(sorted(closed, key=lambda k: tree.start[k]), dtype=np.int64)
    x = {int(k): float(i) for i, k in enumerate(leaves)}
    y = dict.fromkeys(x, 0.0)
    inner = np.array(sorted(open_), dtype=np.int64)
    for node in inner.tolist():
        a, b = int(tree.left[node - n]), int(tree.right[node - n])
        x[node] = (x[a] + x[b]) / 2
        y[node] = max(float(tree.height[node - n]), 0.0)
    return Twigs(tree, leaves, inner, x, y)
