"""Numbers in columns of fixed width, many rows at once, to the last bit as they would be read one by one."""

import numpy as np

__all__ = ["parse_fixed"]

_ZERO, _SPACE, _MINUS, _POINT = b"0 -."
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
    out = np.empty((len(rows), len(fields)))
    for k, (start, point, stop) in enumerate(fields):
        if not _parse_field(text, start, point, stop, out[:, k]):
            return None
    return out


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


def _parse_field(text: np.ndarray, start: int, point: int, stop: int, out: np.ndarray) -> bool:
    """Write the numbers of one field; False if it is not the same format in all rows."""
    if (text[point] != _POINT).any():
        return False
    value = np.zeros(text.shape[1], dtype=np.int64)
    negative = np.zeros(text.shape[1], dtype=bool)
    begun = np.zeros(text.shape[1], dtype=bool)
    for k in range(start, point):
        digit = text[k] - _ZERO  # unsigned: what stands before "0" becomes large
        is_digit = digit <= 9
        if is_digit.all():
            value *= 10
            value += digit
            begun[:] = True
            continue
        minus = text[k] == _MINUS
        blank = text[k] == _SPACE
        if not (is_digit | minus | blank).all() or (begun & ~is_digit).any():
            return False
        negative |= minus
        begun |= ~blank
        if is_digit.any():
            value *= 10
            value += np.where(is_digit, digit, 0)
    for k in range(point + 1, stop):
        digit = text[k] - _ZERO
        if (digit > 9).any():
            return False
        value *= 10
        value += digit
    np.divide(value, 10.0 ** (stop - point - 1), out=out)
    np.negative(out, out=out, where=negative)
    return True
