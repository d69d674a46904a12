"""Damage that makes the HDF5 library run for ever: found before it opens the file."""

import mmap
import struct
from pathlib import Path

__all__ = ["check_heaps"]

_HEAP = b"GCOL\x01\0\0\0"
_OBJECT = 16


def check_heaps(path: Path) -> None:
    """Raise ValueError if a global heap has an entry of impossible length, from which HDF5 (2.0.0) never moves on.

    Takes about a second per gigabyte; the layout is that of the HDF5 file format, section III.E.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        start = raw.find(_HEAP)
        while start >= 0:
            _walk(raw, start)
            start = raw.find(_HEAP, start + len(_HEAP))


def _walk(raw: mmap.mmap, start: int) -> None:
    if start + _OBJECT > len(raw):
        return
    (size,) = struct.unpack_from("<Q", raw, start + 8)
    end = min(start + size, len(raw))
    position = start + _OBJECT
    while position + _OBJECT <= end:
        number, _, _, length = struct.unpack_from("<HHIQ", raw, position)
        step = length if number == 0 else _OBJECT + (length + 7) // 8 * 8
        if step == 0 or length > end - position:
            raise ValueError(f"the global heap at byte {start} has an entry of impossible length")
        position += step
