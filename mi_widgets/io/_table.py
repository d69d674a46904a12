"""A table of numbers in a text file: its delimiter, decimal sign, titles and units are found, not asked for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.io._units import parse_label, plain_unit, spectral_quantity

__all__ = ["Table", "parse_table", "read_lines", "read_table"]

_COMMENT = ("#", "%", "//", "!")
_HEADER_LINES = 10_000


@dataclass
class Table:
    """Columns of numbers and what stood above them."""

    values: np.ndarray
    lines: list[int]
    names: list[str]
    units: list[str | None]
    header: list[str] = field(default_factory=list)


def read_table(path: Path) -> Table:
    """Read the numbers of a text file, with line numbers for messages."""
    return parse_table(read_lines(path), path)


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, whatever its encoding and line ends."""
    raw = path.read_bytes()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16")
    elif b"\0" in raw:
        raise FileFormatError(f"{path.name} is not text: byte {raw.index(0)} is zero. Export it as CSV.")
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return re.split(r"\r\n|\n|\r", text)


def _split(line: str, delimiter: str | None) -> list[str]:
    return [f.strip().strip('"').strip() for f in line.split(delimiter)]


def _number(text: str, decimal_comma: bool) -> float:
    """Give a number, NaN for an empty cell; ValueError for anything else, such as Python's own ``1_000``."""
    if not text:
        return np.nan
    if "_" in text:
        raise ValueError(text)
    text = text.replace("\u2212", "-")
    return float(text.replace(",", ".") if decimal_comma else text)


def _dialect(line: str) -> tuple[str | None, bool] | None:
    """Delimiter and decimal comma of a row of two or more numbers; None if the line is no such row."""
    for delimiter in ("\t", ";", ",", None):
        comma = delimiter != "," and "," in line
        fields = _split(line, delimiter)
        filled = [f for f in fields if f]
        if len(filled) < 2 or not fields[0]:
            continue
        try:
            if np.isfinite([_number(f, comma) for f in filled]).any():
                return delimiter, comma
        except ValueError:
            continue
    return None


def _content(lines: list[str], first_line: int) -> Iterator[tuple[int, str, bool]]:
    """Give number, text and whether it is a comment, of every line that is not blank."""
    for number, line in enumerate(lines, start=first_line):
        text = line.strip(" \r\n\ufeff")
        if text.strip():
            yield number, text, text.startswith(_COMMENT)


def parse_table(lines: list[str], path: Path, *, first_line: int = 1) -> Table:
    """Read the numbers of the lines of a file, of which the first has the number `first_line`."""
    header: list[str] = []
    content = _content(lines, first_line)
    number, text, dialect = 0, "", None
    for number, text, comment in content:  # noqa: B007 - both are used below
        dialect = None if comment else _dialect(text)
        if dialect is not None:
            break
        header.append(text)
        if len(header) >= _HEADER_LINES:
            break
    else:
        dialect = None
    if dialect is None:
        raise _no_numbers(header, path)
    delimiter, comma = dialect
    first = _split(text, delimiter)
    _check_header(header, first, delimiter, path)
    rows, numbers = [_row(first, comma, number, path)], [number]
    for number, text, comment in content:
        if comment:
            continue
        fields = _split(text, delimiter)
        if len(fields) != len(first):
            raise FileFormatError(
                f"{path.name} line {number} has {len(fields)} columns where line {numbers[0]} has {len(first)}: "
                f"{text[:80]!r}. Was the file cut off, or do two tables stand below each other?"
            )
        rows.append(_row(fields, comma, number, path))
        numbers.append(number)
    values = np.array(rows)
    filled = ~np.isnan(values).all(axis=0)
    filled[0] = True
    names, units = _titles(header, delimiter, filled)
    return Table(values[:, filled], numbers, names, units, [h[:500] for h in header[:50]])


def _row(fields: list[str], comma: bool, number: int, path: Path) -> list[float]:
    try:
        return [_number(f, comma) for f in fields]
    except ValueError:
        for text in fields:
            try:
                _number(text, comma)
            except ValueError:
                raise FileFormatError(
                    f"{path.name} line {number}: {text[:60]!r} is no number. Correct the line, or mark it as a comment "
                    "with # in front; leave a missing value empty."
                ) from None
        raise


def _no_numbers(header: list[str], path: Path) -> Exception:
    def is_number(text: str) -> bool:
        try:
            return np.isfinite(_number(text, "," in text)).item()
        except ValueError:
            return False

    if sum(map(is_number, header)) >= 2:
        return DataError(f"{path.name} has one column of numbers; write the axis and the intensity side by side.")
    start = next((line for line in header if not line.startswith(_COMMENT)), header[0] if header else "")[:60]
    return FileFormatError(
        f"{path.name} has no row of two or more numbers in its first {len(header)} lines; it begins {start!r}. "
        "Columns are separated by comma, semicolon, tab or blanks, and rows hold nothing but numbers."
    )


def _check_header(header: list[str], first: list[str], delimiter: str | None, path: Path) -> None:
    """Refuse a line above the first row that is a row of numbers but for one cell: it would be lost unseen."""
    if not header or header[-1].startswith(_COMMENT):
        return
    fields = _split(header[-1], delimiter)
    if len(fields) != len(first):
        return
    try:
        if np.isnan(_number(fields[0], delimiter != ",")):
            return
    except ValueError:
        return
    raise FileFormatError(
        f"{path.name}: the line {header[-1][:80]!r} begins with a number but holds text. Correct it, or mark it as a "
        "comment with # in front."
    )


def _titles(header: list[str], delimiter: str | None, filled: np.ndarray) -> tuple[list[str], list[str | None]]:
    """Column names and units from the lines above; a comment with more fields than columns gives the first ones."""
    n = int(filled.sum())
    names: list[str] = [""] * n
    units: list[str | None] = [None] * n
    for line in header:
        comment = line.startswith(_COMMENT)
        title = line.lstrip("#%!/ \t")
        # between blanks, "E (eV)" is one title
        fields = re.split(r"\s+(?![(\[])", title.strip()) if delimiter is None else _split(title, delimiter)
        if len(fields) == filled.size:
            fields = [f for f, keep in zip(fields, filled, strict=True) if keep]
        elif not (comment and len(fields) > n and spectral_quantity(fields[0])):
            filled_fields = [f for f in fields if f]
            if len(filled_fields) != n:
                continue
            fields = filled_fields
        found = [plain_unit(f.strip("()[]")) for f in fields[:n]]
        if all(u is not None and u != "1" for u in found[:1]) and any(names):
            units = found  # a line of units below the line of names
            continue
        parsed = [parse_label(f) for f in fields[:n]]
        names, units = [p[0] for p in parsed], [p[1] for p in parsed]
    return names, units
