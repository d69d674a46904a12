"""A synthetic glass whose bonds are known."""

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.datasets._structures import finish_structure
from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_structure

__all__ = ["make_silica"]


def make_silica(*, n_cells: int = 2, disorder: float = 0.15, seed: int | np.random.Generator | None = 0) -> xr.Dataset:
    """Make a network of silica whose bonds are known: each Si has four O, each O two Si.

    Bonds of cristobalite's network are switched at random (F. Wooten, K. Winer and D. Weaire [1]_), and springs between
    bonded atoms and along the edges of the tetrahedra are relaxed after each round, other atoms being kept apart.

    Parameters
    ----------
    n_cells : int
        Cubic cells of eight Si along each edge (2 or 3).
    disorder : float
        Switches for each Si, 0 to 0.2; 0 is the crystal. Bonds stay below 2.2 angstrom, other Si-O distances above.
    seed : int, numpy.random.Generator or None
        The same integer gives the same network.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, and

        - ``true_bond`` (bond, end), 1: Si and O of each bond
        - ``true_coordination`` (atom), 1

    Raises
    ------
    ParameterError
        A number is out of range.

    References
    ----------
    .. [1] Phys. Rev. Lett. 54, 1392 (1985), doi:10.1103/PhysRevLett.54.1392

    Examples
    --------
    >>> make_silica().sizes["atom"]
    192
    """
    if n_cells not in (2, 3) or not 0 <= disorder <= 0.2:
        raise ParameterError("make_silica: n_cells must be 2 or 3 and disorder 0 to 0.2.")
    rng = generator(seed, who="make_silica")
    edge = 7.16 * n_cells
    silicon, links = _diamond(n_cells, 7.16)
    n = len(silicon)
    for _ in range(4 if disorder else 0):
        _switch(links, rng, round(disorder * n / 4))
        silicon = _relax(silicon, np.array(links), 3.1, edge, _seconds(links, n), 5.06, 4.3)
    ends = np.array(links)
    between = silicon[ends[:, 1]] - silicon[ends[:, 0]]
    between -= edge * np.round(between / edge)
    position = np.concatenate([silicon, silicon[ends[:, 0]] + between / 2])
    oxygen = n + np.arange(len(links))
    bonds = np.concatenate([np.stack([ends[:, k], oxygen], axis=1) for k in (0, 1)])
    edges = _seconds([tuple(b) for b in bonds.tolist()], n + len(links), n)
    if disorder:
        position = _relax(position, bonds, 1.61, edge, edges, 2.63, 2.9)
    names = np.where(np.arange(len(position)) < n, "Si", "O")
    ds = label_structure(np.mod(position, edge), names, cell=np.eye(3) * edge)
    order = np.lexsort((bonds[:, 1], bonds[:, 0]))
    ds["true_bond"] = (("bond", "end"), bonds[order], {"units": "1", "long_name": "atoms of a bond"})
    degree = np.bincount(bonds.ravel(), minlength=len(position))
    ds["true_coordination"] = ("atom", degree, {"units": "1", "long_name": "true coordination number"})
    return finish_structure(ds, "make_silica", "Network of silica", {"n_cells": n_cells, "disorder": disorder})


def _diamond(n_cells: int, edge: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    base = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]])
    cells = 4 * np.stack(np.meshgrid(*[np.arange(n_cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    first = (cells + base).reshape(-1, 3)
    place = np.concatenate([first, first + 1])
    number = {tuple(p): k for k, p in enumerate(place.tolist())}
    side = 4 * n_cells
    tetrahedron = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    links = [(k, number[tuple(((p + t) % side).tolist())]) for k, p in enumerate(first) for t in tetrahedron]
    return place * (edge / 4), links


def _switch(links: list[tuple[int, int]], rng: np.random.Generator, n: int) -> None:
    """Switch bonds A-C, B-D around a bond A-B to B-C, A-D."""
    done = 0
    for _ in range(200 * n):
        if done >= n:
            return
        a, b = links[int(rng.integers(len(links)))]
        near = [
            [k for k, link in enumerate(links) if me in link and other not in link] for me, other in ((a, b), (b, a))
        ]
        if not near[0] or not near[1]:
            continue
        i, j = int(rng.choice(near[0])), int(rng.choice(near[1]))
        c, d = sum(links[i]) - a, sum(links[j]) - b
        present = {frozenset(link) for link in links}
        if len({a, b, c, d}) < 4 or {frozenset((a, d)), frozenset((b, c))} & present:
            continue
        links[i], links[j] = (b, c), (a, d)
        done += 1


def _seconds(links: list[tuple[int, int]], n: int, centres: int | None = None) -> np.ndarray:
    """Pairs of atoms bonded to the same one."""
    around: list[list[int]] = [[] for _ in range(n)]
    for i, j in links:
        around[i].append(j)
        around[j].append(i)
    found = {
        (min(i, j), max(i, j)) for near in around[:centres] for k, i in enumerate(near) for j in near[k + 1 :] if i != j
    }
    return np.array(sorted(found)).reshape(-1, 2)


def _relax(
    position: np.ndarray, bonds: np.ndarray, rest: float, edge: float, others: np.ndarray, far: float, apart: float
) -> np.ndarray:
    """Lowest energy of springs along bonds, weaker ones between second neighbours, and all others kept apart."""
    from scipy.optimize import minimize
    from scipy.spatial import cKDTree
    from threadpoolctl import threadpool_limits

    known = {(min(p), max(p)) for p in [*map(tuple, bonds.tolist()), *map(tuple, others.tolist())]}
    for _ in range(8):
        near = cKDTree(np.mod(position, edge), boxsize=edge).query_pairs(1.3 * apart)
        crowd = np.array(sorted(near - known), dtype=int).reshape(-1, 2)
        ends = np.concatenate([bonds, others, crowd])
        count = (len(bonds), len(others), len(crowd))
        length, stiff = np.repeat([rest, far, apart], count), np.repeat([1.0, 0.15, 0.3], count)
        highest = np.repeat([np.inf, np.inf, 0.0], count)  # a crowd only pushes
        with threadpool_limits(1):  # its products are too small for threads
            found = minimize(
                _springs, position.ravel(), (ends, length, stiff, highest, edge), jac=True, method="L-BFGS-B",
                options={"maxiter": 100},
            )  # fmt: skip
        position = np.asarray(found.x).reshape(-1, 3)
    return position


def _springs(
    flat: np.ndarray, ends: np.ndarray, length: np.ndarray, stiff: np.ndarray, highest: np.ndarray, edge: float
) -> tuple[float, np.ndarray]:
    x = flat.reshape(-1, 3)
    d = x[ends[:, 1]] - x[ends[:, 0]]
    d -= edge * np.round(d / edge)
    r = np.sqrt(np.square(d).sum(axis=1)) + 1e-12
    stretch = np.minimum(r - length, highest)
    pull = (stiff * stretch / r)[:, None] * d
    gradient = np.zeros_like(x)
    np.add.at(gradient, ends[:, 1], pull)
    np.add.at(gradient, ends[:, 0], -pull)
    return 0.5 * float((stiff * np.square(stretch)).sum()), gradient.ravel()
