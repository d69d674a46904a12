"""The slabs of the density-of-states data sets: ideal, unrelaxed cuts with defects put in on purpose.

A slab is a plain dictionary: ``element`` (list of str), ``position`` (n, 3) and ``cell`` (3, 3) in angstrom,
``adsorbate`` (n) bool, ``vacancy`` (n_vacancies, 3) and ``removed`` (list of str), the places that atoms were taken
from and what they were. All repeat along three axes.
"""

from typing import Any

import numpy as np

Slab = dict[str, Any]


def _slab(element: list[str], position: Any, lengths: Any) -> Slab:
    position = np.asarray(position, dtype=float)
    return {
        "element": list(element),
        "position": position,
        "cell": np.diag(np.asarray(lengths, dtype=float)),
        "adsorbate": np.zeros(len(element), dtype=bool),
        "vacancy": np.zeros((0, 3)),
        "removed": [],
    }


def _remove(slab: Slab, index: int) -> None:
    slab["vacancy"] = np.vstack([slab["vacancy"], slab["position"][index]])
    slab["removed"].append(slab["element"].pop(index))
    slab["position"] = np.delete(slab["position"], index, axis=0)
    slab["adsorbate"] = np.delete(slab["adsorbate"], index)


def _add(slab: Slab, element: list[str], position: Any) -> None:
    slab["element"] += element
    slab["position"] = np.vstack([slab["position"], np.asarray(position, dtype=float)])
    slab["adsorbate"] = np.append(slab["adsorbate"], np.ones(len(element), dtype=bool))


def _find(slab: Slab, element: str, near: Any) -> int:
    """Index of the atom of an element that is nearest to a point, images counted."""
    lengths = np.diag(slab["cell"])
    delta = slab["position"] - np.asarray(near, dtype=float)
    distance = np.linalg.norm(delta - lengths * np.round(delta / lengths), axis=1)
    distance[np.asarray(slab["element"]) != element] = np.inf
    return int(np.argmin(distance))


def mgo_step() -> Slab:
    """MgO(001), three and a half layers: steps, an O vacancy in the lower terrace, CO upright on a step-edge Mg."""
    nx, ny, nz, d = 8, 4, 3, 2.105
    sites = [(i, j, k) for k in range(nz + 1) for i in range(nx) for j in range(ny) if k < nz or i < nx // 2]
    slab = _slab(["Mg" if sum(s) % 2 == 0 else "O" for s in sites], np.array(sites) * d, [nx * d, ny * d, nz * d + 10])
    slab["position"][:, 2] += 5.0
    _remove(slab, _find(slab, "O", (5 * d, 2 * d, 5 + 2 * d)))
    foot = slab["position"][_find(slab, "Mg", (3 * d, 2 * d, 5 + 3 * d))]
    _add(slab, ["C", "O"], np.add(foot, [(0, 0, 2.45), (0, 0, 2.45 + 1.14)]))
    return slab


def tio2_rutile() -> Slab:
    """Rutile TiO2(110), three trilayers 4 x 1: a bridging O taken from the top, one water on a five-fold Ti."""
    a, c, u, nx, n_layers = 4.594, 2.959, 0.305, 4, 3
    h, bond = a / np.sqrt(2), u * a * np.sqrt(2)
    unit = [("Ti", (c / 2, 0, 0)), ("Ti", (0, h, 0)), ("O", (c / 2, bond, 0)), ("O", (c / 2, -bond, 0))]
    unit += [("O", (0, 0, h - bond)), ("O", (0, 0, bond - h))]
    rows = [(e, np.add(p, (i * c, n % 2 * h, n * h))) for n in range(n_layers) for i in range(nx) for e, p in unit]
    lengths = np.array([nx * c, 2 * h, (n_layers - 1) * h + 2 * (h - bond) + 9.0])
    slab = _slab([e for e, _ in rows], [p for _, p in rows], lengths)
    slab["position"][:, 2] += 4.0
    slab["position"][:, :2] %= lengths[:2]
    top, top_row = 4.0 + (n_layers - 1) * h, (n_layers - 1) % 2 * h
    _remove(slab, _find(slab, "O", (0, top_row, top + h - bond)))
    titanium = slab["position"][_find(slab, "Ti", (2 * c, h - top_row, top))]
    _add(slab, ["O", "H", "H"], np.add(titanium, [(0, 0, 2.15), (0.766, 0, 2.737), (-0.766, 0, 2.737)]))
    return slab


def graphene_ribbon() -> Slab:
    """Zigzag graphene ribbon, six periods, ten C across, H at the edges: one C replaced by N, O bridging a bond."""
    bond, n, rows = 1.42, 6, 5
    a = np.sqrt(3) * bond
    element: list[str] = []
    position: list[tuple[float, float, float]] = []
    for row in range(rows):  # a zigzag chain: two C for each period
        for i in range(n):
            shift = row % 2 / 2
            element += ["C", "C"]
            position += [
                (a * (i + shift), 1.5 * bond * row, 0),
                (a * (i + shift + 0.5), 1.5 * bond * row + bond / 2, 0),
            ]
    width = 1.5 * bond * (rows - 1) + bond / 2
    for i in range(n):
        element += ["H", "H"]
        position += [(a * i, -1.09, 0), (a * (i + (rows - 1) % 2 / 2 + 0.5), width + 1.09, 0)]
    slab = _slab(element, position, [n * a, width + 2.18 + 6.0, 9.0])
    slab["position"] += [0, 4.6, 4.0]
    slab["element"][_find(slab, "C", (a, 4.6 + 3 * bond, 4.0))] = "N"
    pair = [_find(slab, "C", (4 * a, 4.6 + 3 * bond, 4.0))]
    pair += [_find(slab, "C", slab["position"][pair[0]] - [0, bond, 0])]
    middle = slab["position"][pair].mean(axis=0)
    slab["position"][pair, 2] += 0.35
    _add(slab, ["O"], [np.add(middle, (0, 0, 0.35 + np.sqrt(1.44**2 - (bond / 2) ** 2)))])
    return slab


def cu_adatom() -> Slab:
    """Cu(100), four layers 3 x 3: one Cu adatom in a hollow."""
    slab, hollow = _fcc("Cu", 3.615, bottom=4.0, space=9.0)
    _add(slab, ["Cu"], [np.add(hollow, (0, 0, 3.615 / 2))])
    slab["adsorbate"][:] = False  # of the same element: a site of low coordination
    return slab


def mgo_island() -> Slab:
    """MgO(001), two layers: an island of six atoms with its corners, and a Mg vacancy in the terrace."""
    n, d = 6, 2.105
    sites = [(i, j, k) for k in range(3) for i in range(n) for j in range(n) if k < 2 or (i < 3 and j < 2)]
    slab = _slab(["Mg" if sum(s) % 2 == 0 else "O" for s in sites], np.array(sites) * d, [n * d, n * d, 2 * d + 9.0])
    slab["position"][:, 2] += 4.0
    _remove(slab, _find(slab, "Mg", (4 * d, 3 * d, 4.0 + d)))
    return slab


def si_dimers() -> Slab:
    """Si(100)-2x1, five layers, symmetric dimers, H below: one dimer holds two H more."""
    a, nx, ny, n_layers = 5.431, 4, 3, 5
    d = a / np.sqrt(2)
    shift = [(0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)]
    grid = [(i, j, k) for k in range(n_layers) for i in range(nx) for j in range(ny)]
    silicon = np.array([((i + shift[k % 4][0]) * d, (j + shift[k % 4][1]) * d, 6 + k * a / 4) for i, j, k in grid])
    for row, (i, _, k) in enumerate(grid):
        if k == n_layers - 1:  # two atoms of the top layer lean to each other
            silicon[row] += ((d - 2.30) / 2 * (1 if i % 2 == 0 else -1), 0, -0.241)
    bottom = silicon[: nx * ny]
    hydrogen = np.vstack([np.add(bottom, (0, y, -0.854)) for y in (1.208, -1.208)])
    element = ["Si"] * len(silicon) + ["H"] * len(hydrogen)
    slab = _slab(element, np.vstack([silicon, hydrogen]), [nx * d, ny * d, (n_layers - 1) * a / 4 + 10.0])
    top = [row for row, (i, j, k) in enumerate(grid) if k == n_layers - 1 and j == 1 and i < 2]
    _add(slab, ["H", "H"], silicon[top] + [(-0.51, 0, 1.39), (0.51, 0, 1.39)])
    return slab


def al_oxygen() -> Slab:
    """Al(100), four layers 3 x 3: one O in a hollow."""
    slab, hollow = _fcc("Al", 4.05, bottom=3.0, space=8.0)
    _add(slab, ["O"], [np.add(hollow, (0, 0, 0.7))])
    return slab


def _fcc(element: str, a: float, *, bottom: float, space: float) -> tuple[Slab, np.ndarray]:
    """Give an fcc (100) slab of four layers of 3 x 3 atoms, and a place level with the top layer, amid four atoms."""
    n, n_layers, d = 3, 4, a / np.sqrt(2)
    grid = np.array([(i, j, k) for k in range(n_layers) for i in range(n) for j in range(n)], dtype=float)
    grid[:, :2] += grid[:, 2:] % 2 / 2
    slab = _slab([element] * len(grid), grid * [d, d, a / 2] + [0, 0, bottom], [n * d, n * d, n_layers * a / 2 + space])
    return slab, np.array([d, d, bottom + (n_layers - 1) * a / 2])
