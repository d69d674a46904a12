"""Where the frames of a text trajectory begin, found without reading them."""

import contextlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import numpy as np

from mi_widgets.errors import DataError, FileFormatError
from mi_widgets.structure._formats import Format

__all__ = ["Index", "build_index"]

_HEAD, _SAMPLES = 65_536, 64


@dataclass(frozen=True)
class Index:
    """Offsets of frames.

    Attributes
    ----------
    n_frames, n_atoms : int
    first, length : int
        Where frame 0 begins, and the length of each, where all are of one length.
    offsets : (n_frames + 1,) or None
        Otherwise, where each begins, and the end of the last.
    header : bytes
        What all frames share.
    rest : int
        Bytes behind the last whole frame: the file was cut off while it was written.
    """

    n_frames: int
    n_atoms: int
    first: int
    length: int
    offsets: np.ndarray | None
    header: bytes
    rest: int

    def span(self, frame: int) -> tuple[int, int]:
        """Where a frame begins and ends."""
        if self.offsets is None:
            return self.first + frame * self.length, self.first + (frame + 1) * self.length
        return int(self.offsets[frame]), int(self.offsets[frame + 1])


def build_index(path: Path, layout: Format, *, exact: bool = False) -> Index:
    """Find the frames of a file: frames of one length by arithmetic and samples, others from one to the next.

    Only the first frame is read, and where frames differ in length the first bytes of each. `exact` counts all lines.
    """
    size = path.stat().st_size
    if size == 0:
        raise FileFormatError(f"{path.name} is empty.")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        shared, n_lines, n_atoms = layout.lines(view[:_HEAD])
        if 2 * n_atoms > size:
            raise FileFormatError(
                f"{path.name} says it holds {n_atoms} atoms but has {size} bytes: it is damaged or cut off."
            )
        first = _after(view, 0, shared)
        stop = _after(view, first, n_lines)
        if shared or layout.name == "xdatcar":
            shared, n_lines, n_atoms = layout.lines(view[: stop + _HEAD])
            first = _after(view, 0, shared)
            stop = _after(view, first, n_lines)
        found = view[first:stop].count(b"\n") + (stop == size and view[size - 1 : size] != b"\n")
        if found < n_lines:
            raise FileFormatError(
                f"{path.name} ends in its first frame: {n_lines} lines expected, {found} found. Copy it again."
            )
        marker, header = layout.marker(view[first : first + 4096]), view[:first]
        length = stop - first
        known = (n_lines, n_atoms)
        if not exact:
            index = _by_arithmetic(view, first, length, marker, known, header)
            if index is not None:
                return index
            offsets = _walk(stream, view, path, first, length, marker, known)
        if exact or not _whole(view, offsets, n_lines):  # a jump has missed frames, or the marker is not only there
            offsets = _count(view, first, n_lines, marker)
        return _finish(view, path, layout, offsets, n_lines, n_atoms, header)


def _by_arithmetic(
    view: mmap.mmap, first: int, length: int, marker: bytes, known: tuple[int, int], header: bytes
) -> Index | None:
    """Frames of one length, as far as samples and the end of the file say so."""
    size, (n_lines, n_atoms) = len(view), known
    n = (size + (view[size - 1 : size] != b"\n") - first) // length
    if not _equal(view, first, length, n, marker):
        return None
    end = first + n * length
    if _lines(view[end - length : end]) != n_lines or (end < size and view[end - 1 : end] != b"\n"):
        return None
    tail = view[end:size]
    if not tail.strip():
        return Index(n, n_atoms, first, length, None, header, 0)
    if not tail.startswith(marker[: len(tail)]):
        return None
    lines = _lines(tail)
    if lines < n_lines or (lines == n_lines and _last_is_short(tail, view[end - length : end])):
        return Index(n, n_atoms, first, length, None, header, size - end)
    return None


def _lines(text: bytes) -> int:
    """Number of lines, the last one with or without its end."""
    return text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))


def _last_is_short(text: bytes, before: bytes) -> bool:
    """Whether the last line has no end and is shorter than that of the frame before: a number may be cut."""
    return not text.endswith(b"\n") and len(text.split(b"\n")[-1]) < len(before.rstrip().split(b"\n")[-1])


def _after(view: mmap.mmap, start: int, n_lines: int) -> int:
    """Position behind a number of lines, or the end."""
    for _ in range(n_lines):
        start = view.find(b"\n", start) + 1
        if start == 0:
            return len(view)
    return start


def _equal(view: mmap.mmap, first: int, length: int, n: int, marker: bytes) -> bool:
    """Whether frames begin where they would if all had one length: looked at in places all over the file."""
    samples = np.unique(np.concatenate([np.linspace(0, n - 1, _SAMPLES).astype(int), np.arange(min(n, 8))]))
    for k in samples:
        start = first + int(k) * length
        if view[start : start + len(marker)] != marker or (start and view[start - 1 : start] != b"\n"):
            return False
    return True


def _walk(
    stream: BinaryIO,
    view: mmap.mmap,
    path: Path,
    first: int,
    length: int,
    marker: bytes,
    known: tuple[int, int],
) -> list[int]:
    """Starts of frames, each looked for near where the last one's length puts it."""
    offsets, at, text, file = [first], first, b"\n" + marker, stream.fileno()
    least = most = length
    while True:
        low = max(at + least - 65, at)
        high = min(at + most + 65, low + 4096) + len(text)
        # a short read touches fewer pages than the map does
        room = os.pread(file, high - low, low) if hasattr(os, "pread") else view[low:high]
        found = room.find(text)
        found = found + low if found >= 0 else -1
        if found < 0:
            found = view.find(text, at + int(0.97 * length) - 1, at + int(1.03 * length) + len(text) + 64)
        if found < 0:  # of quite another length
            found = view.find(text, at + 1)
            if found >= 0 and view[at : found + 1].count(b"\n") > known[0]:
                _refuse_other(view, path, _after(view, at, known[0]), len(offsets), known[1])
        if found < 0:
            return offsets
        length, at = found + 1 - at, found + 1
        least, most = min(least, length), max(most, length)
        offsets.append(at)


def _count(view: mmap.mmap, first: int, n_lines: int, marker: bytes) -> list[int]:
    """Starts of frames by counting lines, up to the first that does not begin as a frame does."""
    offsets, line, block = [first], 0, 1 << 24
    for start in range(first, len(view), block):
        ends = np.flatnonzero(np.frombuffer(view[start : start + block], dtype=np.uint8) == ord("\n"))
        for end in ends[(n_lines - 1 - line) % n_lines :: n_lines].tolist():
            at = start + end + 1
            if view[at : at + len(marker)] != marker:
                return offsets
            offsets.append(at)
        line = (line + ends.size) % n_lines
    return offsets


def _whole(view: mmap.mmap, offsets: list[int], n_lines: int) -> bool:
    """Whether frames, here and there and where their length changes most, have the lines of one frame."""
    sizes = np.diff(offsets)
    if not sizes.size:
        return True
    looked = {*np.linspace(0, sizes.size - 1, _SAMPLES // 4).astype(int), int(sizes.argmax()), int(sizes.argmin())}
    return all(view[offsets[k] : offsets[k + 1]].count(b"\n") == n_lines for k in looked)


def _finish(
    view: mmap.mmap, path: Path, layout: Format, offsets: list[int], n_lines: int, n_atoms: int, header: bytes
) -> Index:
    size = len(view)
    last = view[offsets[-1] : size]
    stop, rest = size, 0
    text = last.rstrip()
    lines = text.count(b"\n") + 1
    if lines < n_lines:
        with contextlib.suppress(FileFormatError):
            other = layout.lines(last[:_HEAD])[2]
            if layout.name == "lammps-dump" and other != n_atoms:
                _refuse(path, len(offsets) - 1, other, n_atoms)
        rest = len(last)
        stop = offsets.pop()
    elif lines == n_lines and len(offsets) > 1 and last[-1:] != b"\n":
        before = view[offsets[-2] : offsets[-1]].rstrip().split(b"\n")[-1]
        if len(text.split(b"\n")[-1].split()) < len(before.split()):  # the last line is cut
            rest, stop = len(last), offsets.pop()
    elif lines > n_lines:
        stop = _after(view, offsets[-1], n_lines)
        _refuse_other(view, path, stop, len(offsets), n_atoms)
        rest = size - stop
    if not offsets:
        raise FileFormatError(f"{path.name} holds no whole frame.")
    return Index(len(offsets), n_atoms, offsets[0], 0, np.array([*offsets, stop]), header, rest)


def _refuse_other(view: mmap.mmap, path: Path, start: int, number: int, n_atoms: int) -> None:
    """Raise where a frame begins that has another number of atoms."""
    line, end, _ = view[start : start + 64].partition(b"\n")
    words = line.strip()
    if end and words.isdigit() and int(words) != n_atoms:
        _refuse(path, number, int(words), n_atoms)


def _refuse(path: Path, number: int, found: int, n_atoms: int) -> NoReturn:
    raise DataError(
        f"{path.name}: frame {number} has {found} atoms, frame 0 has {n_atoms}. A trajectory keeps its atoms; read "
        f"such frames one by one, read_structure(path, frame={number})."
    )
