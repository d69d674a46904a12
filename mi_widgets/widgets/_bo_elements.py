"""Which elements candidates are made of, and where elements stand in the periodic table."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.methods._elements import SYMBOLS

__all__ = ["Composition", "composition_of", "elements_in", "table_cells"]

_NUMBER = {symbol: z for z, symbol in enumerate(SYMBOLS) if z}
_PART = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)")
_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d*\.?\d*|[()\[\]]\d*\.?\d*)+")
#: Names of features that may as well be something else: a volume, a temperature.
_FEWEST = 3


class Composition(NamedTuple):
    """Elements by rising number, and which candidates hold them."""

    labels: list[Any]
    elements: list[str]
    holds: np.ndarray


def composition_of(pool: Any) -> Composition | None:
    """What the candidates are made of, from features named as elements or from labels that are formulae.

    Parameters
    ----------
    pool : xarray.Dataset, pandas.DataFrame, xarray.DataArray or mapping
        Features over candidates; or the elements of each candidate by its label.

    Returns
    -------
    Composition or None
        None where elements are not told.
    """
    if isinstance(pool, Mapping) and not isinstance(pool, xr.Dataset):
        return _gathered(list(pool), [set(map(str, v)) for v in pool.values()])
    frame = _frame(pool)
    if frame is None:
        return None
    labels = list(frame.index)
    columns = [str(c) for c in frame.columns if str(c) in _NUMBER and frame[c].dtype.kind in "biuf"]
    if len(columns) >= _FEWEST:
        holds = np.nan_to_num(frame[columns].to_numpy(dtype=float)) > 0
        columns_in = [c for c, some in zip(columns, holds.any(axis=0), strict=True) if some]
        order = sorted(columns_in, key=_NUMBER.__getitem__)
        return Composition(labels, order, holds[:, [columns.index(c) for c in order]]) if order else None
    texts = [labels, *(frame[c].tolist() for c in frame.columns if frame[c].dtype.kind not in "biuf")]
    for words in texts:
        sets = [elements_in(word) for word in words]
        known = [s for s in sets if s]
        # B1, C2, F3 are places on a plate, not compounds
        if len(known) == len(sets) and len(set().union(*known)) > 1 and sum(map(len, known)) >= 1.5 * len(known):
            return _gathered(labels, [s or set() for s in sets])
    return None


def elements_in(text: Any) -> set[str] | None:
    """Elements of the formula a text begins with, such as ``"Ca3Co4O9 film"``; None where it is none."""
    if not isinstance(text, str) or not text.strip():
        return None
    word = re.split(r"[\s_,;:|/-]", text.strip())[0]
    if not _FORMULA.fullmatch(word):
        return None
    found = {m[1] for m in _PART.finditer(word)}
    return found if found and all(e in _NUMBER for e in found) else None


def table_cells(active: Sequence[str]) -> list[dict[str, Any]]:
    """Row and column of every element that is drawn; the rare earths only where there are some."""
    rare = any(57 <= _NUMBER[e] <= 71 or 89 <= _NUMBER[e] <= 103 for e in active)
    last = max([_NUMBER[e] for e in active], default=0)
    out = []
    for symbol, z in _NUMBER.items():
        row, column = _place(z)
        if (row > 7 and not rare) or (row in (7, 10) and last < 87):
            continue
        out.append({"symbol": symbol, "row": row, "column": column, "active": symbol in active})
    return out


def _place(z: int) -> tuple[int, int]:
    """Row and column, from 1; rare earths stand in rows 9 and 10."""
    for first, row in ((57, 9), (89, 10)):
        if first <= z <= first + 14:
            return row, z - first + 3
    ends = (2, 10, 18, 36, 54, 86, 118)
    row = next(k for k, end in enumerate(ends, 1) if z <= end)
    before = ends[row - 2] if row > 1 else 0
    if z == 2:
        return 1, 18
    column = z - before
    if row in (2, 3) and column > 2:
        column += 10
    elif row >= 6 and column > 2:
        column -= 14
    return row, column


def _gathered(labels: list[Any], sets: Sequence[set[str]]) -> Composition | None:
    elements = sorted((e for e in set().union(*sets) if e in _NUMBER), key=_NUMBER.__getitem__) if sets else []
    if not elements:
        return None
    return Composition(labels, elements, np.array([[e in s for e in elements] for s in sets], dtype=bool))


def _frame(pool: Any) -> pd.DataFrame | None:
    if isinstance(pool, pd.DataFrame):
        return pool
    if isinstance(pool, xr.Dataset) and "candidate" in pool.dims:
        data = {str(n): pool[n].values for n in pool.data_vars if pool[n].dims == ("candidate",)}
        return pd.DataFrame(data, index=pool.indexes.get("candidate", pd.RangeIndex(pool.sizes["candidate"])))
    if isinstance(pool, xr.DataArray) and set(pool.dims) == {"candidate", "feature"}:
        frame = pool.transpose("candidate", "feature").to_pandas()
        return frame if isinstance(frame, pd.DataFrame) else None
    return None
