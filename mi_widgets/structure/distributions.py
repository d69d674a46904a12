"""Distributions of distances and angles."""

import importlib
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.structure._cells import volumes
from mi_widgets.structure._check import check_structure, finish, positive, whole
from mi_widgets.structure._frames import sum_over_frames
from mi_widgets.structure._neighbors import count_pairs, resolve_engine
from mi_widgets.structure.neighbors import Cutoff, Engine, _Limits

__all__ = ["adf", "rdf"]


def rdf(
    structure: xr.Dataset,
    r_max: float = 10.0,
    *,
    n_bins: int = 500,
    pairs: Sequence[tuple[str, str]] | None = None,
    by: str = "element",
    engine: Engine = "auto",
) -> xr.Dataset:
    r"""Find the radial distribution functions of a structure or trajectory, in all and for each pair of species.

    .. math:: g_{ab}(r) = \frac{1}{N_a N_b} \left\langle V\, \frac{n_{ab}(r)}{v(r)} \right\rangle, \qquad
        v(r) = \tfrac{4}{3} \pi \left[(r + \tfrac{\delta}{2})^3 - (r - \tfrac{\delta}{2})^3\right]

    with n the number of ordered pairs (a, b) in the shell, images included, and V the volume of the cell in each
    frame. There is no correction for a finite number of atoms, so that g of an ideal gas is (N - 1) / N for like
    species. Cells may be triclinic, change from frame to frame, and be smaller than `r_max`.

    Parameters
    ----------
    structure : xarray.Dataset
        Structure or trajectory that repeats in all three directions; dask arrays over frames are gone through chunk by
        chunk, and the result stays lazy.
    r_max : float
        Largest distance (angstrom).
    n_bins : int
        Number of shells; shell k holds distances from k r_max / n_bins up to but without the next.
    pairs : sequence of (str, str), optional
        Pairs of species; by default all there are.
    by : str
        Per-atom array that species are values of.
    engine : {"auto", "numba", "numpy"}
        Both count the same pairs; ``"auto"`` is numba where it is installed.

    Returns
    -------
    xarray.Dataset
        Coordinates ``r`` (angstrom, the middle of each shell) and ``pair`` (``"all"``, ``"Si-O"`` …), and

        - ``rdf`` (pair, r), 1
        - ``running_coordination`` (pair, r), 1: atoms of the second species nearer than the outer edge of the shell to
          an atom of the first
        - ``count`` (pair, r), count: ordered pairs in all frames

    Raises
    ------
    DataError
        The structure does not repeat in three directions (its density is not defined then), is empty, or holds
        positions that are not finite.
    LabelError
        An array is missing.
    ParameterError
        There is no such species, or a number is not above zero.

    Notes
    -----
    M. P. Allen and D. J. Tildesley (2017), Computer Simulation of Liquids, doi:10.1093/oso/9780198803195.001.0001.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> copper = label_structure([[0, 0, 0]], ["Cu"], cell=1.8 * (1 - np.eye(3)))
    >>> found = rdf(copper, 4.0)
    >>> round(float(found.running_coordination.sel(pair="all").sel(r=3.0, method="nearest")))
    12
    """
    who = "rdf"
    frames = check_structure(structure, who=who)
    r_max, n_bins = positive("r_max", r_max, who=who), whole("n_bins", n_bins, who=who)
    if not frames.pbc.all():
        raise DataError(
            f"rdf: the structure repeats along {int(frames.pbc.sum())} of 3 directions, so it has no density to "
            "compare with. Use neighbor_list(structure, r_max).distance, or put it into a box: structure['pbc'] = "
            "('cell_vector', [True] * 3) with a cell of the wanted volume."
        )
    limits = _Limits(structure, r_max, by, who)
    n_groups, n_frames = len(limits.names), len(frames.position)
    if not limits.kind.size or not n_frames:
        raise DataError("rdf: the structure has no atoms or no frames.")
    every = list(itertools.combinations_with_replacement(limits.names, 2))
    wanted = every if pairs is None else [_pair(p) for p in pairs]
    chosen = [(limits.number(a), limits.number(b)) for a, b in wanted]
    found = sum_over_frames(
        frames, _count, (2, n_groups, n_groups, n_bins), np.dtype(float), who=who, group=limits.kind, n_groups=n_groups,
        r_max=r_max, n_r=n_bins, engine=resolve_engine(engine),
    )  # fmt: skip
    edges = np.linspace(0.0, r_max, n_bins + 1)
    number = np.bincount(limits.kind, minlength=n_groups)
    names = ["all", *(f"{limits.names[a]}-{limits.names[b]}" for a, b in chosen)]
    shell = 4 / 3 * np.pi * np.diff(edges**3)
    rows, of = [found.sum(axis=(1, 2))], [(number.sum(), number.sum())]
    for a, b in chosen:
        rows.append(found[:, a, b])
        of.append((number[a], number[b]))
    table = _stack(rows)
    sizes = np.array(of, dtype=float)[:, :, None]
    g = table[:, 1] / (n_frames * sizes[:, 0] * sizes[:, 1] * shell)
    around = table[:, 0].cumsum(axis=1) / (n_frames * sizes[:, 0])
    middle = ("r", (edges[1:] + edges[:-1]) / 2, {"units": "angstrom", "long_name": "distance"})
    ds = xr.Dataset(
        {
            "rdf": (("pair", "r"), g, {"units": "1", "long_name": "radial distribution function"}),
            "running_coordination": (("pair", "r"), around, {"units": "1", "long_name": "neighbours up to a distance"}),
            "count": (("pair", "r"), table[:, 0], {"units": "count", "long_name": "ordered pairs in all frames"}),
        },
        coords={"pair": ("pair", names, {"long_name": "pair of species"}), "r": middle},
    )
    parameters = {"r_max": r_max, "n_bins": n_bins, "pairs": None if pairs is None else wanted, "by": by}
    return finish(ds, who, "Radial distribution function", parameters, of=structure)


def _pair(given: Any) -> tuple[Any, Any]:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != 2:
        raise ParameterError(f"rdf: pairs are two species each, pairs=[('Si', 'O')]; got {given!r}.")
    return given[0], given[1]


def adf(
    structure: xr.Dataset,
    cutoff: Cutoff = None,
    *,
    triplet: tuple[str, str, str] | None = None,
    n_bins: int = 180,
    by: str = "element",
    engine: Engine = "auto",
) -> xr.Dataset:
    """Find the distribution of the angles between the neighbours of each atom.

    Parameters
    ----------
    structure : xarray.Dataset
        Structure or trajectory; dask arrays over frames stay lazy.
    cutoff : float, mapping or None
        Who is a neighbour, as in `neighbor_list`.
    triplet : (str, str, str), optional
        Species in the order of the bonds, the atom at the vertex in the middle: ``("O", "Si", "O")``. By default all.
    n_bins : int
        Number of bins from 0 to 180 degrees.
    by : str
        Per-atom array that species are values of.
    engine : {"auto", "numba", "numpy"}
        As in `neighbor_list`.

    Returns
    -------
    xarray.Dataset
        Coordinate ``angle`` (degree), and

        - ``adf`` (angle), 1/degree: density whose integral is 1, not divided by the sine; NaN where there is no angle
        - ``count`` (angle), count

    Raises
    ------
    LabelError, DataError
        As in `neighbor_list`.
    ParameterError
        There is no such species, or a number is not above zero.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> copper = label_structure([[0, 0, 0]], ["Cu"], cell=1.8 * (1 - np.eye(3)))
    >>> found = adf(copper, 2.6, n_bins=18)
    >>> found["count"].values.sum()  # 12 neighbours make 66 angles
    np.float64(66.0)
    """
    who = "adf"
    frames = check_structure(structure, who=who)
    n_bins = whole("n_bins", n_bins, who=who)
    limits = _Limits(structure, cutoff, by, who)
    if triplet is not None and (isinstance(triplet, str) or len(triplet) != 3):
        raise ParameterError(f"adf: a triplet has three species, ('O', 'Si', 'O'); got {triplet!r}.")
    kinds = None if triplet is None else tuple(limits.number(s) for s in triplet)
    found = sum_over_frames(
        frames, _angles, (n_bins,), np.dtype(float), who=who, limits=limits, kinds=kinds, n_bins=n_bins,
        engine=resolve_engine(engine),
    )  # fmt: skip
    edges = np.linspace(0.0, 180.0, n_bins + 1)
    count = xr.DataArray(found, dims="angle", attrs={"units": "count", "long_name": "angles in all frames"})
    count = count.assign_coords(
        angle=("angle", (edges[1:] + edges[:-1]) / 2, {"units": "degree", "long_name": "angle"})
    )
    total = count.sum("angle")
    density = (count / total.where(total > 0) / (180.0 / n_bins)).assign_attrs(
        units="1/degree", long_name="distribution of angles"
    )
    parameters = {"cutoff": limits.text, "triplet": triplet, "n_bins": n_bins, "by": by}
    ds = xr.Dataset({"adf": density, "count": count})
    return finish(ds, who, "Distribution of angles", parameters, of=structure)


def _stack(rows: list[Any]) -> Any:
    if hasattr(rows[0], "dask"):
        array: Any = importlib.import_module("dask.array")  # untyped
        return array.stack(rows)
    return np.stack(rows)


def _count(
    position: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    *,
    group: np.ndarray,
    n_groups: int,
    r_max: float,
    n_r: int,
    engine: str,
) -> np.ndarray:
    """Pairs in each shell, and the same times the volume of the frame."""
    total = np.zeros((2, n_groups, n_groups, n_r))
    for places, vectors, volume in zip(position, cell, volumes(cell), strict=True):
        counts = count_pairs(places, vectors, pbc, group, n_groups, r_max, n_r, engine=engine)
        total[0] += counts
        total[1] += counts * volume
    return total


def _angles(
    position: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    *,
    limits: _Limits,
    kinds: tuple[int, ...] | None,
    n_bins: int,
    engine: str,
) -> np.ndarray:
    total = np.zeros(n_bins)
    for places, vectors in zip(position, cell, strict=True):
        pairs = limits.find(places, vectors, pbc, engine)
        if kinds is not None:
            ends = np.isin(limits.kind[pairs.second], (kinds[0], kinds[2]))
            pairs = pairs.take((limits.kind[pairs.first] == kinds[1]) & ends)
        i, j = _combinations(pairs.first)
        if kinds is not None and kinds[0] != kinds[2]:
            mixed = limits.kind[pairs.second[i]] != limits.kind[pairs.second[j]]
            i, j = i[mixed], j[mixed]
        unit = pairs.vector / np.maximum(pairs.distance, 1e-300)[:, None]
        # half the chord, not the cosine: it is exact near 0 and 180 degrees
        u, v = unit[i], unit[j]
        angle = 2 * np.degrees(np.arctan2(np.linalg.norm(u - v, axis=1), np.linalg.norm(u + v, axis=1)))
        total += np.bincount(np.minimum((angle * (n_bins / 180.0)).astype(int), n_bins - 1), minlength=n_bins)
    return total


def _combinations(first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All two of the pairs that share their first atom; `first` is sorted."""
    _, start, count = np.unique(first, return_index=True, return_counts=True)
    left, right = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for size in np.unique(count[count > 1]):
        a, b = np.triu_indices(size, 1)
        base = start[count == size][:, None]
        left.append((base + a).ravel())
        right.append((base + b).ravel())
    return np.concatenate(left), np.concatenate(right)
