"""Orthogonal maps that take a molecule to itself: which atoms they exchange, and the name of their group."""

from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

__all__ = ["Symmetry", "symmetry_of_molecule"]


class Symmetry(NamedTuple):
    """Symmetry that was found.

    Attributes
    ----------
    orbit : (n_atoms,) int
        Smallest number of an atom that each can be taken to.
    maps : (n_maps, 3, 3)
        The orthogonal maps (rows times matrix), the identity among them.
    name : str
        Point group by Schoenflies; ``*`` stands for infinity, ``Kh`` for a single atom.
    """

    orbit: np.ndarray
    maps: np.ndarray
    name: str


def symmetry_of_molecule(position: np.ndarray, kind: np.ndarray, tolerance: float) -> Symmetry:
    """Symmetry of atoms (n_atoms, 3) of given kinds; of a linear one, the maps along its axis.

    Two atoms that are not on one line with the centre fix a map but for a reflection: each pair that they could be
    taken to is tried, and a map is kept where every atom finds one of its kind within the tolerance.
    """
    n = len(position)
    x = position - position.mean(axis=0)
    size = float(np.linalg.norm(x, axis=1).max(initial=0.0))
    orbit = np.arange(n)
    if size <= tolerance:
        return Symmetry(orbit, np.eye(3)[None], "Kh")
    shell = _shells(x, kind, tolerance)
    first = _pivot(x, shell, np.linalg.norm(x, axis=1) > max(tolerance, 0.05 * size))
    axis = x[first] / np.linalg.norm(x[first])
    away = np.linalg.norm(np.cross(x, axis), axis=1)
    if away.max() <= 2 * tolerance:
        return _linear(x, kind, axis, tolerance)
    second = _pivot(x, shell, away > max(tolerance, 0.05 * away.max()))
    own = _frame(x[first], x[second])
    loose = 4 * tolerance * (1 + size / min(float(np.linalg.norm(x[first])), float(away[second])))
    length = np.linalg.norm(x[first] - x[second])
    maps = []
    for i in np.flatnonzero(shell == shell[first]):
        near = np.abs(np.linalg.norm(x - x[i], axis=1) - length) <= 4 * tolerance
        for j in np.flatnonzero((shell == shell[second]) & near):
            other = _frame(x[i], x[j])
            if other is None or own is None:
                continue
            for side in (1.0, -1.0):
                found = _refine(x, kind, own.T @ (other * np.array([1.0, 1.0, side])[:, None]), tolerance, loose)
                if found is not None:
                    maps.append(found[0])
                    orbit = _join(orbit, found[1])
    table = np.array(maps)
    return Symmetry(orbit, table, _schoenflies(table))


def _linear(x: np.ndarray, kind: np.ndarray, axis: np.ndarray, tolerance: float) -> Symmetry:
    found = [_refine(x, kind, sign * np.eye(3), tolerance, 4 * tolerance) for sign in (1.0, -1.0)]
    both = found[1] is not None
    orbit = _join(np.arange(len(x)), found[1][1]) if found[1] is not None else np.arange(len(x))
    flip = np.eye(3) - 2 * np.outer(axis, axis)
    return Symmetry(orbit, np.array([np.eye(3), flip] if both else [np.eye(3)]), "D*h" if both else "C*v")


def _shells(x: np.ndarray, kind: np.ndarray, tolerance: float) -> np.ndarray:
    """Number of the kind and distance from the centre: only atoms of one number can be exchanged."""
    radius = np.linalg.norm(x, axis=1)
    order = np.lexsort((radius, kind))
    new = (np.diff(kind[order]) != 0) | (np.diff(radius[order]) > 2 * tolerance)
    shell = np.empty(len(x), dtype=np.int64)
    shell[order] = np.concatenate([[0], np.cumsum(new)])
    return shell


def _pivot(x: np.ndarray, shell: np.ndarray, usable: np.ndarray) -> int:
    """An atom of the smallest shell, far from the centre."""
    size = np.bincount(shell)[shell]
    candidates = np.flatnonzero(usable)
    return int(candidates[np.lexsort((-np.linalg.norm(x[candidates], axis=1), size[candidates]))[0]])


def _frame(a: np.ndarray, b: np.ndarray) -> np.ndarray | None:
    """Three unit vectors (rows) of the plane of two vectors; None where they are on one line."""
    u = a / max(float(np.linalg.norm(a)), 1e-300)
    v = b - (b @ u) * u
    length = float(np.linalg.norm(v))
    if length < 1e-12:
        return None
    v = v / length
    return np.array([u, v, np.cross(u, v)])


def _refine(
    x: np.ndarray, kind: np.ndarray, turn: np.ndarray, tolerance: float, loose: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """The map nearest to `turn` that takes each atom to one of its kind, and where it takes them."""
    away, to = KDTree(x).query(x @ turn)
    if away.max() > loose or (kind[to] != kind).any() or np.unique(to).size != to.size:
        return None
    left, _, right = np.linalg.svd(x.T @ x[to])
    side = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right)) * np.sign(np.linalg.det(turn))])
    best = left @ side @ right
    if np.linalg.norm(x @ best - x[to], axis=1).max() > tolerance:
        return None
    return best, to


def _join(orbit: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Orbits joined where a map takes one atom to another."""
    while True:
        low = np.minimum(orbit, orbit[to])
        np.minimum.at(low, to, orbit)
        low = low[low]
        if (low == orbit).all():
            return orbit
        orbit = low


def _schoenflies(maps: np.ndarray) -> str:
    """Name of a finite point group."""
    proper = np.linalg.det(maps) > 0
    turns, order = maps[proper], len(maps)
    fold = np.array([_fold(turn) for turn in turns])
    most, n = int(fold.max()), int(proper.sum())
    inversion = bool(np.isclose(np.trace(maps, axis1=1, axis2=2), -3.0, atol=0.05).any())
    doubled = order > n
    if n == 60 and most == 5:
        return "Ih" if doubled else "I"
    if n == 24 and most == 4:
        return "Oh" if doubled else "O"
    if n == 12 and most == 3:
        return ("Th" if inversion else "Td") if doubled else "T"
    mirrors = [_axis(-m) for m in maps[~proper] if abs(np.trace(m) - 1.0) < 0.05]
    mains = [_axis(t) for t, f in zip(turns, fold, strict=True) if f == most] if most > 1 else []
    flat = any(abs(normal @ main) > 0.99 for normal in mirrors for main in mains)
    if n == most:
        if most == 1:
            return "C1" if not doubled else "Ci" if inversion else "Cs"
        return f"C{most}" if not doubled else f"C{most}h" if flat else f"C{most}v" if mirrors else f"S{2 * most}"
    return f"D{most}" + ("" if not doubled else "h" if flat else "d")


def _fold(turn: np.ndarray) -> int:
    """Order of a rotation of a group: 3 of a third or two thirds of a turn."""
    power = turn
    for k in range(1, 400):
        if np.trace(power) > 2.999:
            return k
        power = power @ turn
    return 1


def _axis(turn: np.ndarray) -> np.ndarray:
    """Axis of a rotation."""
    values, vectors = np.linalg.eig(turn)
    axis = np.real(vectors[:, np.argmin(np.abs(values - 1))])
    return np.asarray(axis / np.linalg.norm(axis))
