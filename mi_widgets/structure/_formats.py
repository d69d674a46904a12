"""What every text trajectory has: frames, and how a file is cut into them."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mi_widgets.errors import FileFormatError

__all__ = ["Format", "Frame", "atom_count", "floats", "numbers", "split_table"]


@dataclass
class Frame:
    """One frame: what `label_structure` needs and what else there is; `unwrapped` positions do not jump at faces."""

    elements: list[str]
    position: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    unwrapped: bool = False


@dataclass(frozen=True)
class Format:
    """How a text format is cut into frames and read.

    Attributes
    ----------
    lines : callable
        From the first bytes of a file, the number of lines of a header that all frames share, the number of lines of a
        frame, and the number of atoms.
    marker : callable
        From the first bytes of a frame, the bytes that begin every frame.
    parse : callable
        From the bytes of the shared header and of one frame, the frame.
    stamp : callable
        From the bytes of the shared header and the first of a frame, its time and step, each None where there is none.
    """

    name: str
    lines: Callable[[bytes], tuple[int, int, int]]
    marker: Callable[[bytes], bytes]
    parse: Callable[[bytes, bytes], Frame]
    stamp: Callable[[bytes, bytes], tuple[float | None, int | None]]


def split_table(lines: list[bytes], n: int, columns: int, what: str) -> np.ndarray:
    """Words of n lines, (n, columns); raises where their number is another."""
    words = b" ".join(lines).split()
    if len(lines) != n or len(words) != n * columns:
        raise FileFormatError(
            f"{what}: {n} lines of {columns} values expected; got {len(lines)} with {len(words)} in all."
        )
    return np.array(words, dtype=None if words else "S1").reshape(n, columns)


def atom_count(word: bytes, what: str) -> int:
    """A number of atoms."""
    if not re.fullmatch(rb"\s*\d{1,12}\s*", word):
        raise FileFormatError(f"{what}: a number of atoms expected; got {word[:40]!r}.")
    return int(word)


def floats(words: np.ndarray) -> np.ndarray:
    """Numbers of words, with D for the exponent too, as Fortran writes it."""
    try:
        return words.astype(float)
    except ValueError:
        with contextlib.suppress(ValueError):
            return np.char.replace(np.char.upper(words), b"D", b"E").astype(float)
        raise


def numbers(text: str, n: int) -> np.ndarray | None:
    """So many numbers, or None where the text holds anything else."""
    words = text.replace(",", " ").split()
    try:
        values = floats(np.array(words, dtype=bytes)) if words else np.zeros(0)
    except ValueError:
        return None
    return values if values.size == n else None
