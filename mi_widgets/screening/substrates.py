"""Which substrates carry a film without straining it: coincidence of two plane lattices."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure
from mi_widgets.screening._lattices import area, plane_lattice, reduced, smallest_strain, supercells
from mi_widgets.screening._table_columns import names_of, table_columns
from mi_widgets.screening.table import check_substrates

__all__ = ["build_stack", "match_lattices", "rank_substrates"]

#: Weight of the area in the score: 1 % of strain counts as much as 50 square angstrom.
AREA_WEIGHT = 0.02
#: Largest area of a supercell (angstrom^2).
MAX_AREA = 220.0
_BLOCK = 20_000
_SOURCE = "computed by mi_widgets.screening"


def match_lattices(
    film: Any,
    substrate: Any,
    *,
    max_area: float = MAX_AREA,
    max_strain: float = 0.05,
    area_weight: float = AREA_WEIGHT,
    n_matches: int | None = 20,
) -> xr.Dataset:
    """Supercells in which a film and a substrate coincide, by the strain of the film and the size of the cell.

    Every sublattice of the film is compared with every one of the substrate of about its area (Zur and McGill); the
    film may be turned by any angle. The strain is the least that brings one onto the other.

    Parameters
    ----------
    film, substrate : float, sequence of float, or mapping
        Plane lattice: ``a`` of a hexagonal one (angstrom), ``(a, b, gamma)``, or a mapping or row of a table with ``a``
        and, where they differ from the hexagonal ones, ``b`` (angstrom) and ``gamma`` (degree).
    max_area : float
        Largest area of the supercell of the substrate (angstrom^2).
    max_strain : float
        Largest principal strain of the film that is kept, as a fraction.
    area_weight : float
        Score per square angstrom, beside 1 for each per cent of strain.
    n_matches : int, optional
        How many are kept; None for all.

    Returns
    -------
    xarray.Dataset
        Over ``match``, the lowest score first: ``strain`` (mean of the two principal ones, 1), ``strain_most`` (the
        one of greater size, 1), ``angle`` (of the film, degree), ``area`` (angstrom^2), ``n_film``, ``n_substrate``
        (cells),
        ``film_cell``, ``substrate_cell`` (match, cell_vector, lattice_vector; integers that make the supercells),
        ``score`` (1). Of cells with the same strain the smallest; empty where nothing fits.

    Raises
    ------
    ParameterError
        A lattice or a limit cannot be used.

    Notes
    -----
    The score is ``100 |strain_most| + area_weight * area``. Geometry only: nothing is said of bonding, charge transfer
    or whether the film keeps its bands. Principal strains are those of the film relative to its own lattice, the
    substrate stays as it is.

    References
    ----------
    Zur and McGill 1984, doi:10.1063/1.333084.

    Examples
    --------
    >>> best = match_lattices(4.06, 4.09)  # germanene on GaTe
    >>> round(100 * float(best.strain[0]), 2), int(best.n_film[0])
    (0.74, 1)
    """
    own, other = lattice_of(film, "film"), lattice_of(substrate, "substrate")
    limits = {"max_area": max_area, "max_strain": max_strain, "area_weight": area_weight}
    check_limits(limits, n_matches)
    areas = float(area(own)), float(area(other))
    squeezed = max_area / (1 - max_strain) ** 2  # the largest cell of the film that strain brings to max_area
    most = [int(squeezed / areas[0] + 1e-9), int(max_area / areas[1] + 1e-9)]
    if not most[1]:
        raise ParameterError(
            f"max_area={max_area:g} holds no cell of the substrate, whose cell is {areas[1]:.3g} angstrom^2."
        )
    found = _matches(own, other, most, max_strain)
    score = 100 * np.abs(found["strain_most"]) + area_weight * found["area"]
    order = np.lexsort((np.abs(np.round(found["angle"], 6)), found["area"].round(6), score.round(9)))
    order = _different(order, found)[:n_matches]
    return _dataset({**found, "score": score}, order, {"film": own.tolist(), "substrate": other.tolist(), **limits})


def _matches(own: np.ndarray, other: np.ndarray, most: list[int], max_strain: float) -> dict[str, np.ndarray]:
    """All pairs of sublattices within the limit of strain, each pair of lattices once."""
    ours, theirs = supercells(max(most[0], 1)), supercells(most[1])
    cells, transforms = reduced(ours @ own)
    targets, changes = reduced(theirs @ other)
    ours, theirs = transforms @ ours, changes @ theirs
    ratio = area(targets)[None] / area(cells)[:, None]
    first, second = np.nonzero(np.abs(np.sqrt(ratio) - 1) <= max_strain)
    kept = []
    for start in range(0, first.size, _BLOCK):
        i, j = first[start : start + _BLOCK], second[start : start + _BLOCK]
        strain, angle, change = smallest_strain(cells[i], targets[j])
        good = np.abs(strain).max(axis=1) <= max_strain
        kept.append((i[good], j[good], strain[good], angle[good], change[good]))
    i, j, strain, angle, change = (np.concatenate(c) for c in zip(*kept, strict=True)) if kept else _none()
    greater = np.abs(strain).argmax(axis=1) if i.size else np.empty(0, dtype=int)
    return {
        "strain": strain.mean(axis=1),
        "strain_most": strain[np.arange(i.size), greater],
        "angle": np.rad2deg(angle),
        "area": area(targets[j]),
        "n_film": np.rint(area(cells[i]) / area(own)).astype(np.int64),
        "n_substrate": np.rint(area(targets[j]) / area(other)).astype(np.int64),
        "film_cell": change @ ours[i],
        "substrate_cell": theirs[j],
    }


def _different(order: np.ndarray, found: Mapping[str, np.ndarray]) -> np.ndarray:
    """Without larger cells that strain the film as a smaller one does: multiples of it, as a rule."""
    strains = np.stack([found["strain"], found["strain_most"]], axis=-1)[order].round(8)
    _, first = np.unique(strains, axis=0, return_index=True)
    return order[np.sort(first)]


def _none() -> tuple[np.ndarray, ...]:
    empty = np.empty(0, dtype=np.int64)
    return empty, empty, np.empty((0, 2)), np.empty(0), np.empty((0, 2, 2), dtype=np.int64)


MATCH_UNITS = {
    "strain": ("1", "mean strain of the film"),
    "strain_most": ("1", "greatest principal strain of the film"),
    "angle": ("degree", "angle by which the film is turned"),
    "area": ("angstrom^2", "area of the supercell"),
    "n_film": ("1", "cells of the film"),
    "n_substrate": ("1", "cells of the substrate"),
    "film_cell": ("1", "supercell of the film"),
    "substrate_cell": ("1", "supercell of the substrate"),
    "score": ("1", "score: per cent of strain and area"),
}


def _dataset(found: Mapping[str, np.ndarray], order: np.ndarray, parameters: Mapping[str, Any]) -> xr.Dataset:
    ds = xr.Dataset(coords={"match": np.arange(order.size), "cell_vector": ["a", "b"], "lattice_vector": ["a", "b"]})
    ds["match"].attrs = {"units": "1", "long_name": "rank of the coincidence"}
    for name, (units, long_name) in MATCH_UNITS.items():
        values = found[name][order]
        dims = ("match", "cell_vector", "lattice_vector")[: values.ndim]
        ds[name] = (dims, values, {"units": units, "long_name": long_name})
    title = "Coincidence of two plane lattices"
    return ds.assign_attrs(origin("screening.match_lattices", title, parameters, source=_SOURCE))


def rank_substrates(film: Any, table: pd.DataFrame, **options: Any) -> xr.Dataset:
    """The best coincidence of a film with each substrate of a table, the lowest score first.

    Parameters
    ----------
    film : float, sequence of float, or mapping
        As in `match_lattices`.
    table : pandas.DataFrame
        One row per substrate, named by its index; columns ``a`` and, where they are not hexagonal, ``b`` (angstrom) and
        ``gamma`` (degree). Other columns of numbers or text are kept; ``a``, ``b`` and ``gamma`` as ``lattice_a``,
        ``lattice_b`` and ``lattice_gamma``.
    **options
        Passed to `match_lattices`.

    Returns
    -------
    xarray.Dataset
        Over ``substrate``: the variables of the best match, and the columns of the table. A substrate that nothing
        fits, whose lattice is missing, or whose cell is larger than ``max_area``, is NaN (cells 0) at the end, with
        ``status`` ``no_match``, ``no_data`` or ``too_large``.

    Raises
    ------
    DataError
        The table has no column ``a``, no row, a name twice, a value that cannot be (the row is named), or a column with
        the name of a result.
    ParameterError
        The film or an option cannot be used.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [4.09, 3.16]}, index=["GaTe", "MoS2"])
    >>> rank_substrates(4.06, table).substrate.values.tolist()
    ['GaTe', 'MoS2']
    """
    table = check_substrates(table)
    lattice_of(film, "film")
    rows, status = [], []
    for name, line in table.iterrows():
        best = None
        if pd.isna(line["a"]):
            status.append(2)
        elif float(area(lattice_of(line, str(name)))) > options.get("max_area", MAX_AREA):
            status.append(3)
        else:
            best = match_lattices(film, line, **{**options, "n_matches": 1})
            status.append(0 if best.sizes["match"] else 1)
        rows.append(best.isel(match=0, drop=True) if best is not None and best.sizes["match"] else None)
    ds = _rows(rows)
    flags = {"flag_values": np.arange(4, dtype=np.int8), "flag_meanings": "ok no_match no_data too_large"}
    ds["status"] = ("substrate", np.array(status, dtype=np.int8), {"long_name": "status", **flags})
    ds = table_columns(ds.assign_coords(substrate=("substrate", names_of(table), {"long_name": "substrate"})), table)
    order = np.lexsort((np.asarray(ds["score"].fillna(np.inf)), ds["status"].values))
    given = {"film": str(film), **options}
    attrs = origin("screening.rank_substrates", "Substrates by coincidence", given, source=_SOURCE)
    return ds.isel(substrate=order).assign_attrs(attrs)


def _rows(rows: list[xr.Dataset | None]) -> xr.Dataset:
    ds = xr.Dataset()
    for name, (units, long_name) in MATCH_UNITS.items():
        empty: Any = np.zeros((2, 2), dtype=np.int64) if name.endswith("_cell") else 0 if name[:2] == "n_" else np.nan
        values = np.array([empty if row is None else row[name].values for row in rows])
        dims = ("substrate", "cell_vector", "lattice_vector")[: values.ndim]
        ds[name] = (dims, values, {"units": units, "long_name": long_name})
    return ds.assign_coords(cell_vector=["a", "b"], lattice_vector=["a", "b"])


def build_stack(
    film: xr.Dataset, substrate: xr.Dataset, match: xr.Dataset, *, gap: float = 3.0, vacuum: float = 15.0
) -> xr.Dataset:
    """The supercell of a coincidence with its atoms: the film, strained and turned, above the substrate.

    Parameters
    ----------
    film, substrate : xarray.Dataset
        Structures of one cell each (`mi_widgets.labels.label_structure`), the plane along a and b, c along z.
    match : xarray.Dataset
        One match, ``match_lattices(...).isel(match=0)`` or a row of `rank_substrates`, of these two lattices.
    gap : float
        Between the highest atom of the substrate and the lowest of the film (angstrom).
    vacuum : float
        Height of the empty space above (angstrom).

    Returns
    -------
    xarray.Dataset
        Structure over ``atom`` with ``layer`` (atom): ``"substrate"`` or ``"film"``.

    Raises
    ------
    DataError
        The lattices are not those of the match, or there is no match.
    ParameterError
        `gap` or `vacuum` is negative.

    Examples
    --------
    >>> plane = [[4.0, 0, 0], [-2.0, 3.4641, 0], [0, 0, 20.0]]
    >>> film = label_structure([[0.0, 0, 0]], ["Ge"], cell=plane)
    >>> build_stack(film, film, match_lattices(4.0, 4.0).isel(match=0)).layer.values.tolist()
    ['substrate', 'film']
    """
    for name, value in (("gap", gap), ("vacuum", vacuum)):
        if not np.isfinite(value) or value < 0:
            raise ParameterError(f"{name} must be a length of 0 or more (angstrom); got {value!r}.")
    for who, one in (("film", film), ("substrate", substrate)):
        if "cell" not in one or "position" not in one:
            raise DataError(f"the {who} needs 'position' and 'cell'; make it by mi_widgets.labels.label_structure.")
    if "n_film" not in match or match["n_film"].ndim or not int(match["n_film"]):
        raise DataError("build_stack needs one match: write match_lattices(film, substrate).isel(match=0).")
    base, base_cell = _repeat(substrate, match["substrate_cell"].values)
    layer, layer_cell = _repeat(film, match["film_cell"].values)
    gradient = np.linalg.solve(layer_cell, base_cell)
    strain = np.sort(np.linalg.svd(gradient, compute_uv=False) - 1)
    most, mean = float(match["strain_most"]), float(match["strain"])
    if np.abs(strain - np.sort([most, 2 * mean - most])).max() > 2e-3:
        raise DataError(
            f"the structures have not the lattices of this match: the film would be strained by {100 * strain[0]:+.1f} "
            f"and {100 * strain[1]:+.1f} %, not by {100 * most:+.1f} %. Match the cells that are given here."
        )
    layer[:, :2] = layer[:, :2] @ gradient
    base[:, 2] -= base[:, 2].min()
    layer[:, 2] += base[:, 2].max() + gap - layer[:, 2].min()
    position = np.concatenate([base, layer])
    cell = np.zeros((3, 3))
    cell[:2, :2], cell[2, 2] = base_cell, position[:, 2].max() + vacuum
    n_base, n_layer = (int(match[n]) for n in ("n_substrate", "n_film"))
    elements = [*np.tile(substrate["element"].values, n_base), *np.tile(film["element"].values, n_layer)]
    ds = label_structure(position, elements, cell=cell, pbc=(True, True, False))
    names = ["substrate"] * len(base) + ["film"] * len(layer)
    ds = ds.assign_coords(layer=("atom", names, {"long_name": "layer"}))
    given = {"gap": gap, "vacuum": vacuum}
    return ds.assign_attrs(origin("screening.build_stack", "Film on a substrate", given, source=_SOURCE))


def _repeat(structure: xr.Dataset, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the supercell, cell by cell, and its two vectors."""
    vectors = np.asarray(structure["cell"].values, dtype=float)[:2, :2]
    position = np.asarray(structure["position"].values, dtype=float)
    most = int(np.abs(matrix).sum(axis=0).max())
    steps = np.stack(np.meshgrid(*2 * [np.arange(-most, most + 1)], indexing="ij"), axis=-1).reshape(-1, 2)
    inside = steps @ np.linalg.inv(matrix)
    steps = steps[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]
    shift = np.zeros((len(steps), 1, 3))
    shift[:, 0, :2] = steps @ vectors
    return (position[None] + shift).reshape(-1, 3), matrix @ vectors


def lattice_of(given: Any, who: str) -> np.ndarray:
    """Vectors of a lattice that is given in one of the ways of `match_lattices`."""
    values: list[Any]
    if isinstance(given, (Mapping, pd.Series)):
        a = given.get("a")
        b, gamma = given.get("b"), given.get("gamma")
        values = [a, a if b is None or pd.isna(b) else b, 120.0 if gamma is None or pd.isna(gamma) else gamma]
    elif np.ndim(given) == 0:
        values = [given, given, 120.0]
    else:
        values = list(given)
    try:
        a, b, gamma = (float(v) for v in values)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{who}: write a lattice constant such as 4.06 (hexagonal, angstrom), or (a, b, gamma); got {given!r}."
        ) from None
    if not (np.isfinite([a, b, gamma]).all() and 0.5 <= a <= 100 and 0.5 <= b <= 100):
        raise ParameterError(
            f"{who}: lattice constants must be 0.5 to 100 angstrom; got a={a:g}, b={b:g}. Are they in angstrom?"
        )
    if not 20.0 <= gamma <= 160.0:
        raise ParameterError(f"{who}: gamma must be 20 to 160 degrees; got {gamma:g}.")
    return plane_lattice(a, b, gamma)


def check_limits(limits: Mapping[str, float], n_matches: int | None) -> None:
    """Refuse limits that no search can use."""
    for name, high, unit in (("max_area", 2000.0, " angstrom^2"), ("max_strain", 0.3, ""), ("area_weight", 1e3, "")):
        value = limits[name]
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
        if not number or not 0 <= value <= high:
            raise ParameterError(f"{name} must be a number from 0 to {high:g}{unit}; got {value!r}.")
    if n_matches is not None and (isinstance(n_matches, bool) or not isinstance(n_matches, int) or n_matches < 1):
        raise ParameterError(f"n_matches must be a whole number of 1 or more, or None; got {n_matches!r}.")
