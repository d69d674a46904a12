"""A film on every substrate of a table: all coincidences, and which ranks a lattice constant can turn round."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.runs import Part, Progress, collect
from mi_widgets.screening._lattices import area
from mi_widgets.screening._table_columns import table_columns
from mi_widgets.screening.substrates import AREA_WEIGHT, MATCH_UNITS, check_limits, lattice_of, match_lattices
from mi_widgets.screening.table import check_substrates

__all__ = ["STATUS", "iter_screen_substrates", "screen_substrates"]

#: ``status`` of a substrate.
STATUS = ("ok", "no_match", "no_data", "too_large", "not_run")
_TITLE = "Lattice-matching pre-screen"


def screen_substrates(
    film: Any,
    table: pd.DataFrame,
    *,
    max_area: float = 220.0,
    max_strain: float = 0.05,
    area_weight: float = AREA_WEIGHT,
    tolerance: float = 0.01,
    n_matches: int = 20,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Find the coincidences of a film with every substrate of a table, and which ranks are not to be relied on.

    It is a pre-screen by geometry alone: nothing is said of charge transfer, bonding or bands.

    Parameters
    ----------
    film : float, sequence of float, or mapping
        Plane lattice, as in `match_lattices`.
    table : pandas.DataFrame
        As in `check_substrates`; `mi_widgets.datasets.load_substrates` gives one.
    max_area, max_strain, area_weight
        As in `match_lattices`.
    tolerance : float
        How far the lattice constant of the film may be off, as a fraction: scores are also given for a film larger and
        smaller by this much (0 to 0.05).
    n_matches : int
        Coincidences that are kept of each substrate.
    progress : callable, optional
        Called with each finished `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``coincidence`` (labels such as ``"GaTe 1"``, the best of each substrate first): ``substrate_name`` and the
        variables of `match_lattices`. Over ``substrate``, the lowest score first: ``score`` (1), ``score_low``,
        ``score_high`` (within the tolerance), ``best`` (label of the coincidence, or an empty text), ``undecided`` (1
        where the score may be as low as that of the first can be high), ``n_coincidences``, ``status`` (CF flags ok,
        no_match, no_data, too_large, not_run), and the columns of the table. The attribute ``conclusion`` says which
        cannot be told apart.

    Raises
    ------
    DataError
        The table is not as it should be.
    ParameterError
        The film or an option cannot be used.

    Examples
    --------
    >>> from mi_widgets.datasets import load_substrates
    >>> found = screen_substrates(4.06, load_substrates().loc[["GaTe", "InSe", "MoS2"]], max_area=100)
    >>> found.substrate.values[:2].tolist(), (100 * found.strain.values[:2]).round(1).tolist()
    (['GaTe', 'InSe'], [0.7, -1.4])
    """
    options = {"max_area": max_area, "max_strain": max_strain, "area_weight": area_weight, "tolerance": tolerance}
    return collect(iter_screen_substrates(film, table, n_matches=n_matches, **options), progress)


def iter_screen_substrates(
    film: Any,
    table: pd.DataFrame,
    *,
    max_area: float = 220.0,
    max_strain: float = 0.05,
    area_weight: float = AREA_WEIGHT,
    tolerance: float = 0.01,
    n_matches: int = 20,
) -> Iterator[Part]:
    """Do the same as `screen_substrates`, substrate by substrate.

    Parameters
    ----------
    film, table, max_area, max_strain, area_weight, tolerance, n_matches
        As in `screen_substrates`.

    Yields
    ------
    Part
        ``result``: the Dataset, in which the substrates to come have the status ``not_run``.

    Raises
    ------
    DataError, ParameterError
        As in `screen_substrates`, before the first part.

    Examples
    --------
    >>> from mi_widgets.datasets import load_substrates
    >>> [part.done for part in iter_screen_substrates(4.06, load_substrates()[-2:], max_area=60)]
    [1, 2]
    """
    table = check_substrates(table)
    own = lattice_of(film, "film")
    limits = {"max_area": max_area, "max_strain": max_strain, "area_weight": area_weight}
    check_limits(limits, n_matches)
    if not np.isfinite(tolerance) or not 0 <= tolerance <= 0.05:
        raise ParameterError(f"tolerance must be a number from 0 to 0.05, such as 0.01 for 1 %; got {tolerance!r}.")
    given = {"film": own.tolist(), **limits, "tolerance": tolerance, "n_matches": n_matches}

    def parts() -> Iterator[Part]:
        found: list[_Found] = []
        for name, line in table.iterrows():
            found.append(_one(film, str(name), line, limits, tolerance, n_matches))
            yield Part(len(found), len(table), _dataset(found, table, given), message="substrates")

    return parts()


class _Found:
    """What was found of one substrate."""

    def __init__(self, name: str, status: str, matches: xr.Dataset | None = None, ends: Sequence[float] = ()) -> None:
        self.name, self.status, self.matches = name, STATUS.index(status), matches
        self.low, self.high = ends or (np.nan, np.nan)


def _one(film: Any, name: str, line: pd.Series, limits: dict[str, float], tolerance: float, n_matches: int) -> _Found:
    if pd.isna(line["a"]):
        return _Found(name, "no_data")
    if float(area(lattice_of(line, name))) > limits["max_area"]:
        return _Found(name, "too_large")
    wide = min(0.3, (1 + limits["max_strain"]) * (1 + tolerance) - 1)  # what a larger film may still be squeezed by
    every = match_lattices(film, line, **{**limits, "max_strain": wide}, n_matches=None)
    kept = every.isel(match=np.abs(every["strain_most"].values) <= limits["max_strain"])
    ends = _score_ends(every, limits, tolerance)
    if not kept.sizes["match"]:
        return _Found(name, "no_match", None, ends)
    return _Found(name, "ok", kept.isel(match=slice(n_matches)), ends)


def _score_ends(every: xr.Dataset, limits: dict[str, float], tolerance: float) -> tuple[float, float]:
    """Least and greatest score of the best coincidence while the film is scaled within the tolerance."""
    first = every["strain_most"].values
    both = np.stack([first, 2 * every["strain"].values - first], axis=-1)  # the two principal strains
    scale = 1 + np.linspace(-tolerance, tolerance, 41)
    strain = np.abs((1 + both[None]) / scale[:, None, None] - 1).max(axis=-1)
    score = 100 * strain + limits["area_weight"] * every["area"].values
    score = np.where(strain <= limits["max_strain"], score, np.inf)
    best = score.min(axis=1, initial=np.inf)
    low, high = float(best.min()), float(best.max())
    return (low if np.isfinite(low) else np.nan), high


def _dataset(found: Sequence[_Found], table: pd.DataFrame, given: dict[str, Any]) -> xr.Dataset:
    there = [f for f in found if f.matches is not None]
    labels = [f"{f.name} {k + 1}" for f in there for k in range(_size(f))]
    ds = xr.Dataset(coords={"coincidence": ("coincidence", np.array(labels, dtype=np.str_), {"long_name": "match"}),
                            "cell_vector": ["a", "b"], "lattice_vector": ["a", "b"]})  # fmt: skip
    owner = [f.name for f in there for _ in range(_size(f))]
    ds["substrate_name"] = ("coincidence", np.array(owner, dtype=np.str_), {"long_name": "substrate"})
    for name, (units, long_name) in MATCH_UNITS.items():
        blocks = [f.matches[name].values for f in there if f.matches is not None]
        dims = ("coincidence", "cell_vector", "lattice_vector")[: 3 if name.endswith("_cell") else 1]
        whole = name.startswith("n_") or name.endswith("_cell")
        empty = np.zeros((0, 2, 2)[: len(dims)], dtype=np.int64 if whole else float)
        ds[name] = (dims, np.concatenate(blocks) if blocks else empty, {"units": units, "long_name": long_name})
    return _substrates(ds, found, table, given)


def _size(found: _Found) -> int:
    return 0 if found.matches is None else int(found.matches.sizes["match"])


def _substrates(ds: xr.Dataset, found: Sequence[_Found], table: pd.DataFrame, given: dict[str, Any]) -> xr.Dataset:
    """Variables over ``substrate``, the lowest score first."""
    rest = [_Found(str(name), "not_run") for name in table.index[len(found) :]]
    every = [*found, *rest]
    first = np.array([f.matches["score"].values[0] if f.matches is not None else np.inf for f in every])
    order = np.lexsort((first, np.array([f.status for f in every])))
    ranked = [every[i] for i in order]
    score = np.where(np.isfinite(first[order]), first[order], np.nan)
    low, high = np.array([f.low for f in ranked]), np.array([f.high for f in ranked])
    reach = high[0] if ranked and ranked[0].matches is not None else -np.inf
    undecided = (low <= reach).astype(np.int8)
    names = np.array([f.name for f in ranked], dtype=np.str_)
    best = np.array([f"{f.name} 1" if f.matches is not None else "" for f in ranked], dtype=np.str_)
    flags = {"flag_values": np.arange(len(STATUS), dtype=np.int8), "flag_meanings": " ".join(STATUS)}
    ds = ds.assign_coords(substrate=("substrate", names, {"long_name": "substrate"}))
    columns: dict[str, tuple[Any, dict[str, Any]]] = {
        "best_score": (score, {"units": "1", "long_name": "score of the best coincidence"}),
        "score_low": (low, {"units": "1", "long_name": "least score within the tolerance"}),
        "score_high": (high, {"units": "1", "long_name": "greatest score within the tolerance"}),
        "best": (best, {"long_name": "best coincidence"}),
        "undecided": (undecided, {"units": "1", "long_name": "may be as good as the first"}),
        "n_coincidences": ([_size(f) for f in ranked], {"units": "1", "long_name": "coincidences kept"}),
        "status": (np.array([f.status for f in ranked], dtype=np.int8), {"long_name": "status", **flags}),
    }
    for name, (values, attrs) in columns.items():
        ds[name] = ("substrate", values, attrs)
    ds = table_columns(ds, table.iloc[order])
    attrs = origin("screening.screen_substrates", _TITLE, given, source="the table of substrates that was given")
    return ds.assign_attrs({**attrs, "conclusion": _conclusion(names[undecided == 1].tolist(), given["tolerance"])})


def _conclusion(names: list[str], tolerance: float) -> str:
    if not names:
        return "No substrate has a coincidence within the limits."
    if len(names) == 1:
        return f"{names[0]} has the lowest score also if the film is {100 * tolerance:g} % larger or smaller."
    told = ", ".join(names[:-1]) + f" and {names[-1]}"
    return (
        f"A film {100 * tolerance:g} % larger or smaller could turn round the ranks of {told}: geometry cannot choose."
    )
