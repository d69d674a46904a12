"""Columns of numbers as codes print them: quickly where all is well, number by number where it is not."""

import io
import re
from collections import Counter

import numpy as np
import pandas as pd

from mi_widgets.errors import FileFormatError

__all__ = ["number", "parse_rows", "parse_table"]

_SHORT_EXPONENT = re.compile(rb"([+-]?\d*\.\d*)([+-]\d{3})")  # Fortran leaves the E out: 0.123-100
_SHORT = 20_000  # bytes that are read sooner than pandas has begun
_LONGEST = 1 << 16  # bytes of a line
_NUMBER = re.compile(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d{1,4})?")


def number(word: bytes | str) -> float:
    """Value of one printed number; NaN for ``****`` and what is none."""
    raw = word.encode("latin-1", "replace") if isinstance(word, str) else word
    raw = raw.strip()
    if _NUMBER.fullmatch(raw):
        return float(raw.replace(b"D", b"E").replace(b"d", b"e"))
    short = _SHORT_EXPONENT.fullmatch(raw)
    if short and re.search(rb"\d", short[1]):
        return float(short[1] + b"E" + short[2])
    return float("nan")


def parse_table(raw: bytes) -> np.ndarray:
    """Rows and columns of white-space separated numbers, shape (n_rows, n_columns).

    What is no number is NaN, and so is the whole of a row that has more or fewer numbers than most have.
    """
    raw = raw.lstrip()
    if len(raw) > _LONGEST and raw.find(b"\n", 0, _LONGEST) < 0:
        raise FileFormatError(f"a line of more than {_LONGEST >> 10} kB: this is no table of numbers.")
    if len(raw) < _SHORT and b"_" not in raw:
        rows = [line.split() for line in raw.splitlines()]
        try:
            values = np.array([[float(word) for word in row] for row in rows if row])
        except ValueError:  # ragged rows, stars, an exponent without E
            return parse_rows(raw)
        if values.ndim == 2 and np.isfinite(values).all():
            return values
    elif b"_" not in raw and b'"' not in raw:
        try:
            table = pd.read_csv(
                io.BytesIO(raw), sep=r"\s+", header=None, dtype=np.float64, engine="c", quoting=3, na_filter=False
            )
        except (ValueError, OverflowError, UnicodeDecodeError):  # ragged rows, stars, an exponent without E
            pass
        else:
            values = table.to_numpy()
            if np.isfinite(values).all():
                return values
    return parse_rows(raw)


def parse_rows(raw: bytes) -> np.ndarray:
    """As `parse_table`, one number after the other."""
    rows = [line.split() for line in raw.splitlines()]
    rows = [row for row in rows if row]
    if not rows:
        return np.empty((0, 0))
    width = Counter(map(len, rows)).most_common(1)[0][0]
    out = np.full((len(rows), width), np.nan)
    for target, row in zip(out, rows, strict=True):
        if len(row) == width:
            target[:] = [number(word) for word in row]
    return out
