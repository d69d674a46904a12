"""Tables of substrates: what is wrong with one is said by name, and changes are kept apart from it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mi_widgets.errors import DataError, ParameterError

__all__ = ["check_substrates", "edit_substrates"]

_LENGTHS = ("a", "b")
_LIMITS = {"a": (0.5, 100.0, "angstrom"), "b": (0.5, 100.0, "angstrom"), "gamma": (20.0, 160.0, "degrees"),
           "band_gap": (0.0, 30.0, "eV"), "work_function": (0.5, 10.0, "eV")}  # fmt: skip
_KNOWN = (*_LIMITS, "van_der_waals", "prototype", "elements", "source", "gap_source", "note")


def check_substrates(table: pd.DataFrame) -> pd.DataFrame:
    """Check a table of substrates: numbers are numbers, in their units, and names are there once.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per substrate, named by the index: ``a`` and, where they are not hexagonal, ``b`` (angstrom) and
        ``gamma`` (degree); ``band_gap`` and ``work_function`` (eV), if there. NaN where not known.

    Returns
    -------
    pandas.DataFrame
        A copy with these columns as floats.

    Raises
    ------
    DataError
        It is no such table, has no row, a name twice, or a value that is no number or cannot be; the row is named.

    Examples
    --------
    >>> check_substrates(pd.DataFrame({"a": ["4.09"]}, index=["GaTe"])).loc["GaTe", "a"].item()
    4.09
    """
    if not isinstance(table, pd.DataFrame) or "a" not in table.columns or not len(table):
        got = type(table).__name__ + (f" with columns {list(table.columns)}" if isinstance(table, pd.DataFrame) else "")
        raise DataError(
            "a table of substrates is a pandas.DataFrame with a row per substrate and a column 'a', its lattice "
            f"constant in angstrom; got {got}."
        )
    names = [str(n) for n in table.index]
    twice = {n for n in names if names.count(n) > 1}
    if twice or not all(n.strip() for n in names):
        wrong = f"{min(twice)!r} stands in the table twice" if twice else "a substrate has no name"
        raise DataError(f"{wrong}; give each row a name of its own.")
    out = table.copy()
    out.index = pd.Index(names, name=table.index.name)
    for column in _LIMITS:
        if column in out.columns:
            out[column] = [_checked(value, column, name) for name, value in zip(names, table[column], strict=True)]
    return out


def _checked(value: Any, column: str, name: str) -> float:
    """A number of a table, NaN where there is none."""
    if value is None or (isinstance(value, str) and not value.strip()) or pd.isna(value):
        return float("nan")
    low, high, unit = _LIMITS[column]
    try:
        number = float("nan") if isinstance(value, (bool, np.bool_)) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:
        hint = f" Is it in {unit}?" if column in _LENGTHS else ""
        raise DataError(f"{column} of {name!r} must be a number from {low:g} to {high:g} {unit}; got {value!r}.{hint}")
    return number


def edit_substrates(table: pd.DataFrame, changes: Mapping[str, Mapping[str, Any] | None]) -> pd.DataFrame:
    """Change, add and remove rows of a table of substrates; the table itself stays as it is.

    Parameters
    ----------
    table : pandas.DataFrame
        As in `check_substrates`.
    changes : mapping
        Name of a substrate: its new values, such as ``{"a": 4.13}``, or None to take it out. A name that is not in the
        table is a new row, which needs ``a``.

    Returns
    -------
    pandas.DataFrame
        The changed table; ``source`` of changed lattice constants is ``"changed by hand"``.

    Raises
    ------
    DataError
        A value cannot be, as in `check_substrates`.
    ParameterError
        A new row has no lattice constant, a row to be taken out is not there, a column is unknown, or nothing would be
        left.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [4.09]}, index=["GaTe"])
    >>> edit_substrates(table, {"mine": {"a": 4.2}}).index.tolist()
    ['GaTe', 'mine']
    """
    out = check_substrates(table)
    for name, values in changes.items():
        if values is None:
            if name not in out.index:
                raise ParameterError(f"there is no substrate {name!r} to take out; there are {', '.join(out.index)}.")
            out = out.drop(index=name)
            continue
        wrong = [c for c in values if c not in out.columns and c not in _KNOWN]
        if wrong:
            raise ParameterError(
                f"substrates have no column {wrong[0]!r}; there are {', '.join(map(str, out.columns))}. Add it to the "
                "table itself if it should be there."
            )
        if name not in out.index and pd.isna(values.get("a", np.nan)):
            raise ParameterError(f"a new substrate needs a lattice constant: write {{{name!r}: {{'a': 4.2}}}}.")
        line = out.loc[name].to_dict() if name in out.index else _blank(out)
        by_hand = {"source": "changed by hand"} if "source" in out.columns and set(values) & {"a", "b", "gamma"} else {}
        line = line | by_hand | dict(values)
        row = pd.DataFrame([line], index=pd.Index([name], name=out.index.name))
        rest = out.drop(index=name) if name in out.index else out
        where = out.index.get_loc(name) if name in out.index else len(out)
        parts = [part.astype(object) for part in (rest.iloc[:where], row, rest.iloc[where:])]
        out = pd.concat(parts).infer_objects()
    if not len(out):
        raise ParameterError("no substrate is left; keep at least one row.")
    return check_substrates(out)


def _blank(table: pd.DataFrame) -> dict[str, Any]:
    """Values of a new row: not known."""
    kinds = {c: table[c].dtype.kind for c in table.columns}
    return {c: False if k == "b" else np.nan if k in "iuf" else "" for c, k in kinds.items()}
