"""King's rings of a periodic network: shortest ways between two neighbours of a node that avoid the node."""

from collections.abc import Iterator

__all__ = ["king_rings"]

#: A node in a cell: (node, a, b, c).
Place = tuple[int, int, int, int]
#: Neighbours of each node in cell 0, as (node, shift along a, b, c).
Network = list[list[Place]]


def king_rings(network: Network, max_size: int) -> tuple[list[int], dict[int, set[tuple[Place, ...]]], int]:
    """Rings of each size.

    Returns
    -------
    pairs : list of int
        For each size 0 ... max_size, in how many pairs of neighbours (over all nodes) the shortest ring has this size.
    rings : dict
        The different rings of each size, each as its places in a form that does not depend on the start or the cell.
    open_pairs : int
        Pairs of neighbours without a ring up to `max_size`.
    """
    pairs, open_pairs = [0] * (max_size + 1), 0
    rings: dict[int, set[tuple[Place, ...]]] = {}
    for node, around in enumerate(network):
        centre = (node, 0, 0, 0)
        for k, start in enumerate(around):
            wanted = set(around[k + 1 :])
            if not wanted:
                continue
            depth, before = _search(network, centre, start, wanted, max_size - 2)
            for goal in around[k + 1 :]:
                if goal not in depth:
                    open_pairs += 1
                    continue
                size = depth[goal] + 2
                pairs[size] += 1
                for way in _ways(goal, start, before):
                    rings.setdefault(size, set()).add(_canonical([centre, *way]))
    return pairs, rings, open_pairs


def _search(
    network: Network, centre: Place, start: Place, wanted: set[Place], deepest: int
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
