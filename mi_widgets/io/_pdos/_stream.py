"""A file, compressed or not, searched from its beginning to its end with bounded memory."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from mi_widgets.errors import FileFormatError

__all__ = ["Stream", "lines"]

_CHUNK = 1 << 20
_UNPACKED = 200  # times the size of an archive; numbers come to 20


class Stream:
    """Bytes of a file in order; the end is an EOFError that says what was looked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._raw = path.open("rb")
        packed = self._raw.read(2) == b"\x1f\x8b"
        self._raw.seek(0)
        self._unpack = zlib.decompressobj(wbits=31) if packed else None
        self._left = path.stat().st_size * (_UNPACKED if packed else 1) + (1 << 26)
        self._buffer, self._at, self._before = b"", 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    @property
    def place(self) -> int:
        """Bytes behind."""
        return self._before + self._at

    def head(self, size: int) -> bytes:
        """The next bytes, which stay to be read."""
        while len(self._buffer) - self._at < size and self._fill(self._at):
            pass
        return self._buffer[self._at : self._at + size]

    def find(self, tokens: Sequence[bytes]) -> bytes:
        """Move behind the first of some texts and give it; the most frequent one stands first."""
        longest = max(map(len, tokens))
        while True:
            end, hit = len(self._buffer), b""
            for token in tokens:  # a rare one is looked for no further than to the next frequent one
                at = self._buffer.find(token, self._at, end)
                if at >= 0:
                    end, hit = at, token
            if hit:
                self._at = end + len(hit)
                return hit
            self._at = max(self._at, len(self._buffer) - longest)
            if not self._fill(self._at):
                raise EOFError(f"no {tokens[-1].decode()} follows")

    def take(self, end: bytes, limit: int) -> bytes:
        """Give all up to a text and move behind it; no more than about `limit` bytes."""
        pieces, size = [], 0
        while (at := self._buffer.find(end, self._at)) < 0:
            cut = max(self._at, len(self._buffer) - len(end) + 1)
            pieces.append(self._buffer[self._at : cut])
            size += len(pieces[-1])
            self._at = cut
            if size > limit:
                raise FileFormatError(f"{self._path.name}: no {end.decode()} within {limit >> 20} MB.")
            if not self._fill(cut):
                raise EOFError(f"no {end.decode()} follows")
        pieces.append(self._buffer[self._at : at])
        self._at = at + len(end)
        return b"".join(pieces)

    def _fill(self, keep: int) -> bool:
        """Read on, dropping what lies before `keep`."""
        chunk = self.chunk()
        self._buffer = self._buffer[keep:] + chunk
        self._before += keep
        self._at -= keep
        return bool(chunk)

    def chunk(self) -> bytes:
        """The next piece of the file; empty at its end, or where an archive is damaged."""
        chunk = self._raw.read(_CHUNK) if self._unpack is None else self._unpacked()
        self._left -= len(chunk)
        if self._left < 0:
            raise FileFormatError(f"{self._path.name} unpacks to more than {_UNPACKED} times its size. It is not read.")
        return chunk

    def _unpacked(self) -> bytes:
        """As much as there is before an archive breaks off, which GzipFile does not give."""
        out = b""
        while not out and self._unpack is not None:
            if self._unpack.eof:  # archives can be put one behind the other
                rest = self._unpack.unused_data or self._raw.read(_CHUNK)
                if not rest.startswith(b"\x1f"):
                    break
                self._unpack = zlib.decompressobj(wbits=31)
            else:
                rest = self._unpack.unconsumed_tail or self._raw.read(_CHUNK)
            if not rest:
                break
            try:
                out = self._unpack.decompress(rest, _CHUNK)
            except zlib.error:
                break
        return out


def lines(path: Path) -> Iterator[bytes]:
    """Lines of a file, compressed or not, without their ends; FileFormatError where it has none."""
    with Stream(path) as stream:
        rest = b""
        while chunk := stream.chunk():
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > _CHUNK:
                raise FileFormatError(
                    f"{path.name} has a line of more than {_CHUNK >> 20} MB: it is no table of numbers."
                )
        if rest:
            yield rest
