"""Numbers in columns of fixed width, many rows at once, to the last bit as they would be read one by one."""

import numpy as np

__all__ = ["parse_fixed"]

_ZERO, _SPACE, _MINUS, _POINT = b"0 -."
_VALUES = 1 << 15  # numbers read together
_DIGITS = 15  # more would not be exact


def parse_fixed(rows: np.ndarray) -> np.ndarray | None:
    """Values (n_rows, n_columns) of texts (n_rows, width) of bytes, all printed with one format as ``%10.4f``.

    None where they are not: another format, stars, an exponent, a column that moves.
    """
    fields = _fields(rows[0])
    if not fields:
        return None
    text = np.ascontiguousarray(rows.T)  # a column at a time
    end = fields[-1][2]
    if (text[end:] != _SPACE).any():
        return None
    out = np.empty((len(fields), len(rows)))
    at_once = max(1, _VALUES // len(rows))
    first = 0
    while first < len(fields):  # neighbours of one width are read together, as far as they fit into the cache
        start, point, stop = fields[first]
        shape = (point - start, stop - point)
        last = first + 1
        while last < min(len(fields), first + at_once) and (
            (fields[last][1] - fields[last][0], fields[last][2] - fields[last][1]) == shape
        ):
            last += 1
        starts = np.array([field[0] for field in fields[first:last]])
        if not _parse_fields(text, starts, *shape, out[first:last]):
            return None
        first = last
    return out.T


def _fields(row: np.ndarray) -> list[tuple[int, int, int]]:
    """Start, decimal point and end of each number of a row."""
    points = np.flatnonzero(row == _POINT)
    digit = (row >= _ZERO) & (row <= _ZERO + 9)
    fields, start = [], 0
    for point in points.tolist():
        stop = point + 1
        while stop < row.size and digit[stop]:
            stop += 1
        if point == start or stop - start > _DIGITS + 2 + np.count_nonzero(row[start:point] == _SPACE):
            return []
        fields.append((start, point, stop))
        start = stop
    return fields


def _parse_fields(text: np.ndarray, starts: np.ndarray, before: int, behind: int, out: np.ndarray) -> bool:
    """Write the numbers of some fields, (n_fields, n_rows); False if they are not of one format in all rows."""
    if (text[starts + before] != _POINT).any():
        return False
    value = np.zeros(out.shape, dtype=np.int64)
    negative = np.zeros(out.shape, dtype=bool)
    begun = np.zeros(out.shape, dtype=bool)
    for k in range(before):
        letter = text[starts + k]
        digit = letter - _ZERO  # unsigned: what stands before "0" becomes large
        is_digit = digit <= 9
        if is_digit.all():
            value *= 10
            value += digit
            begun[:] = True
            continue
        blank = letter == _SPACE
        if not begun.any() and blank.all():
            continue
        minus = letter == _MINUS
        if not (is_digit | minus | blank).all() or (begun & ~is_digit).any():
            return False
        negative |= minus
        begun |= ~blank
        if is_digit.any():
            value *= 10
            value += np.where(is_digit, digit, 0)
    for k in range(before + 1, before + behind):
        digit = text[starts + k] - _ZERO
        if (digit > 9).any():
            return False
        value *= 10
        value += digit
    np.divide(value, 10.0 ** (behind - 1), out=out)
    np.negative(out, out=out, where=negative)
    return True
