"""Neighbours of atoms: pairs within a cutoff, coordination numbers, labels of coordination."""

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.methods._elements import SYMBOLS, covalent_radii, not_bonded
from mi_widgets.structure._check import check_structure, finish, finish_array, group_atoms, one_frame, positive
from mi_widgets.structure._frames import each_frame
from mi_widgets.structure._neighbors import Pairs, find_pairs, resolve_engine

__all__ = ["coordination", "coordination_labels", "neighbor_list"]

#: One distance for all pairs, one for each pair of species, or None for bonds.
Cutoff = float | Mapping[tuple[str, str], float] | None
Engine = Literal["auto", "numba", "numpy"]
_BOND_FACTOR = 1.2


def neighbor_list(
    structure: xr.Dataset, cutoff: Cutoff = None, *, by: str = "element", engine: Engine = "auto"
) -> xr.Dataset:
    """Find all pairs of atoms nearer than a cutoff, images across the cell's faces included.

    Atoms are sorted into bins, so that time and memory (60 bytes a pair) grow with the number of atoms; the cell may be
    triclinic, left-handed or smaller than the cutoff, and repeat along some directions only.

    Parameters
    ----------
    structure : xarray.Dataset
        One structure: ``position`` (atom, axis), ``cell`` (cell_vector, axis), ``pbc``.
    cutoff : float, mapping or None
        Distance (angstrom) below which two atoms are neighbours; or one for each pair of species,
        ``{("Si", "O"): 2.0}``, pairs that are not named having none; or None for bonds: 1.2 times the sum of the
        covalent radii [1]_, but none between two metals that are each surrounded by three or more anions, as they
        are in an oxide.
    by : str
        Per-atom array that the species of a mapping are values of.
    engine : {"auto", "numba", "numpy"}
        Both find the same pairs; ``"auto"`` is numba where it is installed.

    Returns
    -------
    xarray.Dataset
        Sorted by ``first``, ``second`` and ``shift``, each pair in both directions:

        - ``first``, ``second`` (pair): values of the coordinate ``atom``
        - ``shift`` (pair, cell_vector), 1: cells between them
        - ``vector`` (pair, axis), angstrom: position of second + shift @ cell - position of first
        - ``distance`` (pair), angstrom

    Raises
    ------
    LabelError
        `structure` has several frames, or lacks an array.
    DataError
        Positions are not finite, or the cell is flat or zero where the structure repeats.
    ParameterError
        The cutoff is no number above zero.

    References
    ----------
    .. [1] B. Cordero et al., Dalton Trans. 2832 (2008), doi:10.1039/b801115j

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> chain = label_structure([[0.0, 0.0, 0.0]], ["Au"], cell=[[2.5, 0, 0], [0, 0, 0], [0, 0, 0]])
    >>> neighbor_list(chain, 2.6).distance.values
    array([2.5, 2.5])
    """
    who = "neighbor_list"
    position, cell, pbc = one_frame(structure, who=who)
    limits = _Limits(structure, cutoff, by, who)
    pairs = limits.find(position, cell, pbc, resolve_engine(engine))
    first, second = pairs.first, pairs.second
    if "atom" in structure.coords and (structure["atom"].values != np.arange(len(position))).any():
        first, second = (structure["atom"].values[k] for k in (first, second))
    length = {"units": "angstrom"}
    ds = xr.Dataset(
        {
            "first": ("pair", first, {"units": "1", "long_name": "first atom"}),
            "second": ("pair", second, {"units": "1", "long_name": "second atom"}),
            "shift": (("pair", "cell_vector"), pairs.shift, {"units": "1", "long_name": "cells between the atoms"}),
            "vector": (("pair", "axis"), pairs.vector, {**length, "long_name": "vector from first to second atom"}),
            "distance": ("pair", pairs.distance, {**length, "long_name": "distance"}),
        },
        coords={name: structure[name] for name in ("axis", "cell_vector") if name in structure.coords},
    )
    return finish(ds, who, "Pairs of neighbours", {"cutoff": limits.text, "by": by}, of=structure)


def coordination(
    structure: xr.Dataset,
    cutoff: Cutoff = None,
    *,
    of: str | None = None,
    to: str | None = None,
    by: str = "element",
    engine: Engine = "auto",
) -> xr.DataArray:
    """Count the neighbours of each atom.

    Parameters
    ----------
    structure : xarray.Dataset
        Structure or trajectory; a trajectory in dask arrays stays lazy.
    cutoff : float, mapping or None
        As in `neighbor_list`.
    of, to : str, optional
        Species whose neighbours are counted (others get 0), and species that count as neighbours.
    by : str
        Per-atom array that species are values of.
    engine : {"auto", "numba", "numpy"}
        As in `neighbor_list`.

    Returns
    -------
    xarray.DataArray
        ``coordination`` ((frame,) atom), 1: number of neighbours.

    Raises
    ------
    LabelError, DataError
        As in `neighbor_list`.
    ParameterError
        There is no such species, or the cutoff is no number above zero.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> water = label_structure([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    >>> coordination(water).values
    array([2, 1, 1])
    """
    who = "coordination"
    frames = check_structure(structure, who=who)
    limits = _Limits(structure, cutoff, by, who)
    use = tuple(np.ones(limits.kind.size, bool) if s is None else limits.kind == limits.number(s) for s in (of, to))
    n = limits.kind.size
    found = each_frame(
        frames, _count, (n,), np.dtype(np.int64), who=who, limits=limits, use=use, engine=resolve_engine(engine)
    )
    over = "frame" in structure["position"].dims
    dims = ("frame", "atom") if over else ("atom",)
    names = {k: v for k, v in structure.coords.items() if set(v.dims) <= set(dims)}
    counted = f" {to}" if to else ""
    attrs = {"units": "1", "long_name": f"number of{counted} neighbours", "cutoff": limits.text}
    out = xr.DataArray(found if over else found[0], dims=dims, coords=names, name="coordination", attrs=attrs)
    parameters = {"cutoff": limits.text, "of": of, "to": to, "by": by}
    return finish_array(out, who, "Coordination numbers", parameters, of=structure)


def coordination_labels(
    structure: xr.Dataset, cutoff: Cutoff = None, *, by: str = "element", engine: Engine = "auto"
) -> xr.DataArray:
    """Label each atom by its element, its coordination number and its neighbours, such as ``"Mg5 (O5)"``.

    Parameters
    ----------
    structure : xarray.Dataset
        One structure.
    cutoff : float, mapping or None
        As in `neighbor_list`.
    by : str
        Per-atom array that labels begin with.
    engine : {"auto", "numba", "numpy"}
        As in `neighbor_list`.

    Returns
    -------
    xarray.DataArray
        ``coordination_label`` (atom): species, number of neighbours, and in brackets how many of each species, by
        name; ``"H0"`` where there are none.

    Raises
    ------
    LabelError, DataError, ParameterError
        As in `neighbor_list`.

    Examples
    --------
    >>> from mi_widgets.labels import label_structure
    >>> water = label_structure([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], ["O", "H", "H"])
    >>> coordination_labels(water).values.tolist()
    ['O2 (H2)', 'H1 (O1)', 'H1 (O1)']
    """
    who = "coordination_labels"
    position, cell, pbc = one_frame(structure, who=who)
    limits = _Limits(structure, cutoff, by, who)
    pairs = limits.find(position, cell, pbc, resolve_engine(engine))
    edges = np.searchsorted(pairs.first, np.arange(len(position) + 1))
    labels = []
    for kind, (start, stop) in zip(limits.kind, pairwise(edges), strict=True):
        around = Counter(str(limits.names[k]) for k in limits.kind[pairs.second[start:stop]])
        text = " ".join(f"{name}{count}" for name, count in sorted(around.items()))
        labels.append(f"{limits.names[kind]}{stop - start}" + (f" ({text})" if text else ""))
    names = {k: v for k, v in structure.coords.items() if set(v.dims) <= {"atom"}}
    attrs = {"units": "1", "long_name": "element, coordination number, neighbours", "cutoff": limits.text}
    values = np.array(labels, dtype=np.str_)
    out = xr.DataArray(values, dims="atom", coords=names, name="coordination_label", attrs=attrs)
    return finish_array(out, who, "Labels of coordination", {"cutoff": limits.text, "by": by}, of=structure)


class _Limits:
    """Cutoffs of every pair of species."""

    def __init__(self, structure: xr.Dataset, cutoff: Cutoff, by: str, who: str) -> None:
        self.who, self.by = who, by
        self.names, self.kind = group_atoms(structure, by, who=who)
        self.atomic: np.ndarray | None = None  # of each atom, where bonds are looked for
        n = len(self.names)
        if cutoff is None:
            radii = covalent_radii(map(str, self.names))
            self.table = _BOND_FACTOR * (radii[:, None] + radii[None, :])
            numbers = {symbol: number for number, symbol in enumerate(SYMBOLS)}
            self.atomic = np.array([numbers[str(name)] for name in self.names], dtype=int)[self.kind]
            self.text = "1.2 times the sum of covalent radii, none between metals among anions"
        elif isinstance(cutoff, Mapping):
            self.table = np.zeros((n, n))
            for pair, value in cutoff.items():
                if not (isinstance(pair, tuple) and len(pair) == 2):
                    raise ParameterError(f"{who}: write a cutoff for each pair, {{('Si', 'O'): 2.0}}; got {pair!r}.")
                i, j = self.number(pair[0]), self.number(pair[1])
                self.table[i, j] = self.table[j, i] = positive("cutoff", value, who=who)
            self.text = ", ".join(f"{'-'.join(map(str, p))} {v} angstrom" for p, v in cutoff.items())
        else:
            self.table = np.full((n, n), positive("cutoff", cutoff, who=who))
            self.text = f"{float(cutoff)} angstrom"

    def number(self, species: Any) -> int:
        """Number of a species among those of the structure."""
        known = [str(name) for name in self.names]
        if str(species) not in known:
            raise ParameterError(f"{self.who}: no atom has {self.by} {species!r}; there are {', '.join(known)}.")
        return known.index(str(species))

    def find(self, position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, engine: str) -> Pairs:
        """Pairs of one frame within their cutoffs."""
        largest = float(self.table.max(initial=0.0))
        pairs = find_pairs(position, cell, pbc, largest, engine=engine)
        if not (self.table == largest).all():
            pairs = pairs.take(pairs.distance < self.table[self.kind[pairs.first], self.kind[pairs.second]])
        if self.atomic is None:
            return pairs
        none = not_bonded(pairs.first, pairs.second, self.atomic)
        return pairs.take(~none) if none.any() else pairs


def _count(
    position: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    *,
    limits: _Limits,
    use: tuple[np.ndarray, np.ndarray],
    engine: str,
) -> np.ndarray:
    out = np.zeros(position.shape[:2], dtype=np.int64)
    for k, (places, vectors) in enumerate(zip(position, cell, strict=True)):
        pairs = limits.find(places, vectors, pbc, engine)
        counted = use[0][pairs.first] & use[1][pairs.second]
        out[k] = np.bincount(pairs.first[counted], minlength=position.shape[1])
    return out
