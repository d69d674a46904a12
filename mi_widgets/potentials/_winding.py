"""Ways through a periodic grid: at which energy the points below it wind around the cell, and the path itself.

Plain loops, which `_numba_winding` compiles.
"""

import heapq

import numpy as np

__all__ = ["find_path", "find_thresholds"]


def find_thresholds(energy: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each direction threshold, lowest energy and a point of the cluster; and when the lowest point's own winds.

    Points are added from the lowest on; clusters are joined with the shift between their roots (union and find), so
    that an edge inside a cluster tells around which faces of the cell it has come. NaN and -1 where nothing winds.
    """
    n = energy.size
    ny, nz = shape[1], shape[2]
    order = np.argsort(energy)
    parent = np.full(n, -1)
    shift = np.zeros((n, 3), dtype=np.int64)
    winds = np.zeros((n, 3), dtype=np.bool_)
    threshold, of_lowest = np.full(3, np.nan), np.full(3, np.nan)
    bottom, low_of = np.full(n, np.inf), np.full(3, np.nan)
    member = np.full(3, -1)
    lowest = order[0]
    here, there = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    at, step = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    for i in order:
        if not np.isfinite(energy[i]):
            break
        parent[i] = i
        bottom[i] = energy[i]
        for face in range(6):
            axis, sign = face // 2, 2 * (face % 2) - 1
            at[0], at[1], at[2] = i // (ny * nz), (i // nz) % ny, i % nz
            step[:] = 0
            step[axis] = sign
            at[axis] = (at[axis] + sign) % shape[axis]
            j = (at[0] * ny + at[1]) * nz + at[2]
            if parent[j] < 0:
                continue
            a, b = i, j
            here[:] = 0
            while parent[a] != a:
                here += shift[a]
                a = parent[a]
            there[:] = 0
            while parent[b] != b:
                there += shift[b]
                b = parent[b]
            if a == b:
                for k in range(3):
                    if step[k] + there[k] - here[k] != 0:
                        winds[a, k] = True
            else:
                parent[b] = a
                bottom[a] = min(bottom[a], bottom[b])
                for k in range(3):
                    shift[b, k] = here[k] - step[k] - there[k]
                    winds[a, k] = winds[a, k] or winds[b, k]
            for node in (i, j):  # point both straight at the root
                root = node
                here[:] = 0
                while parent[root] != root:
                    here += shift[root]
                    root = parent[root]
                if node != root:
                    parent[node] = root
                    shift[node] = here
        root = i
        while parent[root] != root:
            root = parent[root]
        low = lowest
        while parent[low] != low:
            low = parent[low]
        for k in range(3):
            if winds[root, k] and np.isnan(threshold[k]):
                threshold[k], low_of[k], member[k] = energy[i], bottom[root], i
            if winds[low, k] and np.isnan(of_lowest[k]):
                of_lowest[k] = energy[i]
        if not np.isnan(of_lowest).any():
            break
    return threshold, low_of, of_lowest, member


def find_path(
    energy: np.ndarray, shape: np.ndarray, spacing: np.ndarray, member: int, limit: float, axis: int, n_images: int
) -> np.ndarray:
    """Points (n, 3), counted on across the faces, from the lowest point of a cluster to its image along an axis.

    No point is above `limit`; among those paths the one that is short and stays low.
    """
    n, wide = energy.size, 2 * n_images + 1
    ny, nz = shape[1], shape[2]
    inside = np.zeros(n, dtype=np.bool_)
    inside[member] = True
    stack = [member]
    at = np.zeros(3, dtype=np.int64)
    image = np.zeros(3, dtype=np.int64)
    start = member
    while len(stack) > 0:
        i = stack.pop()
        if energy[i] < energy[start]:
            start = i
        for face in range(6):
            a = face // 2
            at[0], at[1], at[2] = i // (ny * nz), (i // nz) % ny, i % nz
            at[a] = (at[a] + 2 * (face % 2) - 1) % shape[a]
            j = (at[0] * ny + at[1]) * nz + at[2]
            if not inside[j] and energy[j] <= limit:
                inside[j] = True
                stack.append(j)
    low = energy[start]
    rest = 0.05 * (limit - low) + 1e-6
    cost = np.full(n * wide**3, np.inf)
    came = np.full(n * wide**3, -1)
    centre = (n_images * wide + n_images) * wide + n_images
    first = start + n * centre
    cost[first] = 0.0
    heap = [(0.0, first)]
    last = -1
    while len(heap) > 0:
        paid, node = heapq.heappop(heap)
        if paid > cost[node]:
            continue
        i, cell = node % n, node // n
        image[0], image[1], image[2] = cell // (wide * wide), (cell // wide) % wide, cell % wide
        if i == start and image[axis] != n_images:
            last = node
            break
        for face in range(6):
            a, sign = face // 2, 2 * (face % 2) - 1
            at[0], at[1], at[2] = i // (ny * nz), (i // nz) % ny, i % nz
            to = at[a] + sign
            over = 0
            if to < 0:
                over = -1
            if to >= shape[a]:
                over = 1
            at[a] = to - over * shape[a]
            j = (at[0] * ny + at[1]) * nz + at[2]
            moved = image[a] + over
            if not inside[j] or moved < 0 or moved >= wide:
                continue
            old = image[a]
            image[a] = moved
            other = j + n * ((image[0] * wide + image[1]) * wide + image[2])
            image[a] = old
            new = paid + spacing[a] * (0.5 * (energy[i] + energy[j]) - low + rest)
            if new < cost[other]:
                cost[other] = new
                came[other] = node
                heapq.heappush(heap, (new, other))
    count, node = 0, last
    while node >= 0:
        count, node = count + 1, came[node]
    path = np.zeros((count, 3), dtype=np.int64)
    node = last
    for k in range(count - 1, -1, -1):
        i, cell = node % n, node // n
        path[k, 0] = i // (ny * nz) + shape[0] * (cell // (wide * wide) - n_images)
        path[k, 1] = (i // nz) % ny + shape[1] * ((cell // wide) % wide - n_images)
        path[k, 2] = i % nz + shape[2] * (cell % wide - n_images)
        node = came[node]
    return path
