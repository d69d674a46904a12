"""King's rings of a periodic network: shortest ways between two neighbours of a node that avoid the node."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mi_widgets.structure._neighbors import Pairs

__all__ = ["Network", "king_rings", "make_network"]

#: A node in a cell: (node, a, b, c).
Place = tuple[int, int, int, int]
Lists = list[list[Place]]


@dataclass(frozen=True)
class Network:
    """Nodes and their neighbours.

    Attributes
    ----------
    start : (n_nodes + 1,)
        Neighbours of node i are start[i] to start[i + 1]; none is there twice.
    node : (n_neighbors,)
    shift : (n_neighbors, 3)
        Cells from a node to its neighbour.
    """

    start: np.ndarray
    node: np.ndarray
    shift: np.ndarray

    def __len__(self) -> int:
        return len(self.start) - 1


def make_network(pairs: Pairs, is_node: np.ndarray, is_bridge: np.ndarray | None) -> Network:
    """Neighbours of each node; where there are bridges, nodes that share one."""
    number = np.cumsum(is_node) - 1
    if is_bridge is None:
        used = is_node[pairs.first] & is_node[pairs.second]
        first, second, shift = number[pairs.first[used]], number[pairs.second[used]], pairs.shift[used]
    else:
        used = is_bridge[pairs.first] & is_node[pairs.second]
        bridge, end, cell = pairs.first[used], number[pairs.second[used]], pairs.shift[used].astype(np.int64)
        i, j = _both_ways(bridge)
        first, second, shift = end[i], end[j], cell[j] - cell[i]
    rows = np.unique(np.column_stack([first, second, shift]).astype(np.int64), axis=0)
    start = np.searchsorted(rows[:, 0], np.arange(int(is_node.sum()) + 1))
    return Network(start, np.ascontiguousarray(rows[:, 1]), np.ascontiguousarray(rows[:, 2:]))


def _both_ways(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All ordered two of the entries of each group; `group` is sorted."""
    _, start, count = np.unique(group, return_index=True, return_counts=True)
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(count[count > 1]):
        a, b = np.nonzero(~np.eye(int(size), dtype=bool))
        base = start[count == size][:, None]
        left.append((base + a).ravel())
        right.append((base + b).ravel())
    return np.concatenate(left), np.concatenate(right)


def king_rings(network: Network, max_size: int, *, engine: str = "numba") -> tuple[np.ndarray, np.ndarray, int]:
    """Rings of each size.

    Parameters
    ----------
    network : Network
    max_size : int
    engine : {"numba", "numpy"}
        The second is plain Python.

    Returns
    -------
    pairs : (max_size + 1,)
        For each size, in how many pairs of neighbours (over all nodes) the shortest ring has this size.
    rings : (max_size + 1,)
        Different rings of each size.
    open_pairs : int
        Pairs of neighbours without a ring up to `max_size`.
    """
    reach = max_size * int(np.abs(network.shift).max(initial=0)) + 1
    base = 2 * reach + 1
    if engine != "numba" or len(network) * float(base) ** 3 > 2**62:  # a place is one whole number in the kernel
        return _in_python(network, max_size)
    from mi_widgets.structure import _numba_rings

    cell = (network.shift[:, 0] * base + network.shift[:, 1]) * base + network.shift[:, 2]
    pairs, open_pairs, sizes, flat = _numba_rings.king_rings(network.start, network.node, cell, max_size)
    rings, ends = np.zeros(max_size + 1, dtype=np.int64), np.cumsum(sizes)
    for size in np.unique(sizes):
        at = (ends - sizes)[sizes == size]
        rings[size] = len(_different(flat[at[:, None] + np.arange(size)]))
    return pairs, rings, int(open_pairs)


def _different(rows: np.ndarray) -> np.ndarray:
    """Rows without those that are there already."""
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return np.asarray(rows[new])


def _in_python(network: Network, max_size: int) -> tuple[np.ndarray, np.ndarray, int]:
    places = list(zip(network.node.tolist(), *network.shift.T.tolist(), strict=True))
    lists: Lists = [places[a:b] for a, b in zip(network.start[:-1], network.start[1:], strict=True)]
    pairs, open_pairs = np.zeros(max_size + 1, dtype=np.int64), 0
    rings: dict[int, set[tuple[Place, ...]]] = {}
    for node, around in enumerate(lists):
        centre = (node, 0, 0, 0)
        for k, start in enumerate(around):
            wanted = set(around[k + 1 :])
            if not wanted:
                continue
            depth, before = _search(lists, centre, start, wanted, max_size - 2)
            for goal in around[k + 1 :]:
                if goal not in depth:
                    open_pairs += 1
                    continue
                size = depth[goal] + 2
                pairs[size] += 1
                for way in _ways(goal, start, before):
                    rings.setdefault(size, set()).add(_canonical([centre, *way]))
    return pairs, np.array([len(rings.get(s, ())) for s in range(max_size + 1)]), open_pairs


def _search(
    network: Lists, centre: Place, start: Place, wanted: set[Place], deepest: int
) -> tuple[dict[Place, int], dict[Place, list[Place]]]:
    """Breadth first from one neighbour until the others are found: depths, and the places one step before."""
    depth: dict[Place, int] = {start: 0}
    before: dict[Place, list[Place]] = {}
    front, left, level = [start], set(wanted), 0
    while front and left and level < deepest:
        level += 1
        new: list[Place] = []
        for place in front:
            node, a, b, c = place
            for other, da, db, dc in network[node]:
                there = (other, a + da, b + db, c + dc)
                if there == centre:
                    continue
                known = depth.get(there)
                if known is None:
                    depth[there] = level
                    before[there] = [place]
                    new.append(there)
                elif known == level:
                    before[there].append(place)
        left.difference_update(new)
        front = new
    return depth, before


def _ways(goal: Place, start: Place, before: dict[Place, list[Place]]) -> Iterator[list[Place]]:
    if goal == start:
        yield [start]
        return
    for place in before[goal]:
        for way in _ways(place, start, before):
            yield [*way, goal]


def _canonical(ring: list[Place]) -> tuple[Place, ...]:
    """The same for every start, direction and cell: the smallest of all ways to write it."""
    n, low = len(ring), min(place[0] for place in ring)
    best: tuple[Place, ...] | None = None
    for k in range(n):
        if ring[k][0] != low:
            continue
        _, a, b, c = ring[k]
        for step in (1, -1):
            turned = (ring[(k + step * q) % n] for q in range(n))
            moved = tuple((node, x - a, y - b, z - c) for node, x, y, z in turned)
            if best is None or moved < best:
                best = moved
    return best or ()
