"""Compiled search for King's rings: a place of a periodic network is a node and a cell, the cell one number.

Cells are written a B**2 + b B + c with B larger than twice what can be reached, so that they add as vectors do.
"""
# mypy: ignore-errors

import numpy as np
from numba import njit

OPTIONS = {"cache": True, "nogil": True, "error_model": "numpy"}


@njit(**OPTIONS)
def _slot(node, cell, table, places, cells, base):
    """Where a place stands in the table, or the free slot where it would: what is below base is of an older search."""
    mask = table.size - 1
    at = (node * 0x9E3779B1 + cell * 0x85EBCA77) & mask
    while table[at] >= base and (places[table[at] - base] != node or cells[table[at] - base] != cell):
        at = (at + 1) & mask
    return at


@njit(**OPTIONS)
def _search(start, node, shift, centre, first, last, deepest, table, places, cells, depth, base):
    """Breadth first from neighbour `first` of the centre until those behind it, up to `last`, are reached.

    Returns the number of places seen, or -1 if there is no room for them.
    """
    places[0], cells[0], depth[0] = node[first], shift[first], 0
    table[_slot(places[0], cells[0], table, places, cells, base)] = base
    seen, done, level, left = 1, 0, 0, last - first - 1
    while done < seen and left > 0 and level < deepest:
        level, stop = level + 1, seen
        while done < stop:
            here, cell = places[done], cells[done]
            done += 1
            for e in range(start[here], start[here + 1]):
                there, moved = node[e], cell + shift[e]
                if there == centre and moved == 0:
                    continue
                at = _slot(there, moved, table, places, cells, base)
                if table[at] >= base:
                    continue
                if 2 * seen >= table.size:
                    return -1
                places[seen], cells[seen], depth[seen], table[at] = there, moved, level, base + seen
                seen += 1
        for q in range(stop, seen):
            for e in range(first + 1, last):
                left -= node[e] == places[q] and shift[e] == cells[q]
    return seen


@njit(**OPTIONS)
def _canonical(ring_node, ring_cell, size, n_nodes, flat, used):
    """Write a ring with the start, direction and cell that give the lowest sequence: the same however it was found."""
    low = ring_node[0]
    for k in range(1, size):
        low = min(low, ring_node[k])
    filled = False
    for k in range(size):
        if ring_node[k] != low:
            continue
        for step in (1, -1):
            better = not filled
            for q in range(size):
                at = (k + step * q) % size
                value = (ring_cell[at] - ring_cell[k]) * n_nodes + ring_node[at]
                if not better:
                    if value > flat[used + q]:
                        break
                    better = value < flat[used + q]
                if better:
                    flat[used + q] = value
            filled = True


@njit(**OPTIONS)
def _room(values, needed):
    """The same values with room for more."""
    if needed <= values.size:
        return values
    more = np.empty(2 * needed, np.int64)
    for k in range(values.size):
        more[k] = values[k]
    return more


@njit(**OPTIONS)
def _write_ways(
    start, node, shift, centre, goal, size, table, places, cells, depth, base, ring_node, ring_cell, edge, sizes, flat,
    n_rings, used,
):  # fmt: skip
    """Write the rings of all ways from the goal back to the start, each step one nearer to it."""
    n_nodes = start.size - 1
    ring_node[0], ring_cell[0], ring_node[1], ring_cell[1] = centre, 0, node[goal], shift[goal]
    at, edge[1] = 1, start[node[goal]]
    while at > 0:
        if at == size - 1:
            flat, sizes = _room(flat, used + size), _room(sizes, n_rings + 1)
            _canonical(ring_node, ring_cell, size, n_nodes, flat, used)
            sizes[n_rings] = size
            n_rings, used, at = n_rings + 1, used + size, at - 1
            continue
        e = edge[at]
        if e == start[ring_node[at] + 1]:
            at -= 1
            continue
        edge[at] = e + 1
        there, moved = node[e], ring_cell[at] + shift[e]
        if there == centre and moved == 0:
            continue
        q = table[_slot(there, moved, table, places, cells, base)] - base
        if q >= 0 and depth[q] == size - 2 - at:
            at += 1
            ring_node[at], ring_cell[at], edge[at] = there, moved, start[there]
    return sizes, flat, n_rings, used


@njit(**OPTIONS)
def king_rings(start, node, shift, max_size):
    """Rings of a network: neighbours of node i are node[start[i]:start[i + 1]], in the cells shift[...] away.

    Returns, for each size, the pairs of neighbours whose shortest ring has it; the number of pairs without a ring; and
    the rings in the order found, most of them several times: their sizes, and their places one after the other.
    """
    n_nodes, room, base = start.size - 1, 4096, 1
    pairs, opened = np.zeros(max_size + 1, np.int64), 0
    table, places = np.zeros(room, np.int64), np.empty(room, np.int64)
    cells, depth = np.empty(room, np.int64), np.empty(room, np.int64)
    ring_node, ring_cell = np.empty(max_size, np.int64), np.empty(max_size, np.int64)
    edge = np.empty(max_size, np.int64)
    sizes, flat, n_rings, used = np.empty(1024, np.int64), np.empty(8192, np.int64), 0, 0
    for centre in range(n_nodes):
        last = start[centre + 1]
        for first in range(start[centre], last - 1):
            seen = -1
            while seen < 0:
                seen = _search(start, node, shift, centre, first, last, max_size - 2, table, places, cells, depth, base)
                if seen < 0:
                    room, base = 2 * room, 1
                    table, places = np.zeros(room, np.int64), np.empty(room, np.int64)
                    cells, depth = np.empty(room, np.int64), np.empty(room, np.int64)
            for goal in range(first + 1, last):
                q = table[_slot(node[goal], shift[goal], table, places, cells, base)] - base
                if q < 0:
                    opened += 1
                    continue
                size = depth[q] + 2
                pairs[size] += 1
                sizes, flat, n_rings, used = _write_ways(
                    start, node, shift, centre, goal, size, table, places, cells, depth, base, ring_node, ring_cell,
                    edge, sizes, flat, n_rings, used,
                )  # fmt: skip
            base += seen
    return pairs, opened, sizes[:n_rings], flat[:used]
