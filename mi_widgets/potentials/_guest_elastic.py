"""A guest in an elastic matrix: the nearest atoms give way as springs do, the pair energies stay as they are."""

import numpy as np

__all__ = ["elastic"]


def elastic(
    point: np.ndarray, position: np.ndarray, kind: np.ndarray, box: np.ndarray, sigma: np.ndarray,
    epsilon: np.ndarray, cutoff: float, compliance: np.ndarray, reach: float, n_steps: int,
) -> np.ndarray:  # fmt: skip
    """Energy (eV) that is gained at each point when the atoms within `reach` give way; zero or less.

    The rest of the matrix follows them: `compliance` is the inverse of all its second derivatives. Newton's steps solve
    K u = -g(u), K being the inverse of the block of the compliance; K itself is not needed, as K u is kept beside u.
    """
    gained = np.zeros(len(point))
    for p in range(len(point)):
        between = position - point[p]
        between = between - box * np.round(between / box)
        near = np.flatnonzero((between**2).sum(axis=1) < reach * reach)
        n = len(near)
        if n == 0:
            continue
        place = np.empty(3 * n, dtype=np.int64)
        for j in range(n):
            for a in range(3):
                place[3 * j + a] = 3 * near[j] + a
        soft = np.ascontiguousarray(compliance[place][:, place])
        u, pull = np.zeros(3 * n), np.zeros(3 * n)
        new, new_pull = u, pull
        gradient, bend = np.zeros(3 * n), np.zeros((3 * n, 3))
        first, best = 0.0, 0.0
        step, step_pull = np.zeros(3 * n), np.zeros(3 * n)
        for turn in range(n_steps + 1):
            scale, total = 1.0, 0.0
            if turn:
                scale = min(1.0, 0.3 / max(np.abs(step).max(), 1e-12))
            for attempt in range(6):
                new, new_pull = u + scale * step, pull + scale * step_pull
                total = 0.5 * (new * new_pull).sum()
                for j in range(n):
                    k = kind[near[j]]
                    x = between[near[j], 0] + new[3 * j]
                    y = between[near[j], 1] + new[3 * j + 1]
                    z = between[near[j], 2] + new[3 * j + 2]
                    r = max(np.sqrt(x * x + y * y + z * z), 1e-9)
                    inner = max(r, 0.5 * sigma[k])
                    q, c = (sigma[k] / inner) ** 6, (sigma[k] / cutoff) ** 6
                    end = -24.0 * epsilon[k] * (2.0 * c * c - c) / cutoff
                    energy = 4.0 * epsilon[k] * (q * q - q - c * c + c) - end * (inner - cutoff)
                    slope = -24.0 * epsilon[k] * (2.0 * q * q - q) / inner - end
                    energy += slope * (r - inner)
                    curve = max(24.0 * epsilon[k] * (26.0 * q * q - 7.0 * q) / inner**2, 0.0)
                    if r >= cutoff:
                        energy, slope, curve = 0.0, 0.0, 0.0
                    total += energy
                    e = (x / r, y / r, z / r)
                    for a in range(3):
                        gradient[3 * j + a] = slope * e[a]
                        for b in range(3):
                            bend[3 * j + a, b] = curve * e[a] * e[b]
                if turn == 0 or total < best + 1e-9 or attempt == 5:
                    break
                scale *= 0.4
            if turn == 0:
                first = best = total
            else:
                drop = best - total
                if drop < 0.0:
                    break
                u, pull, best = new, new_pull, total
                if drop < 1e-4:
                    break
            matrix = np.eye(3 * n)
            for j in range(3 * n):
                row = 3 * (j // 3)
                for b in range(3):
                    matrix[:, row + b] += soft[:, j] * bend[j, b]
            step[:] = np.linalg.solve(matrix, -(u + soft @ gradient))
            step_pull[:] = -(pull + gradient)
            for j in range(3 * n):
                row = 3 * (j // 3)
                step_pull[j] -= (bend[j] * step[row : row + 3]).sum()
        gained[p] = best - first
    return gained
