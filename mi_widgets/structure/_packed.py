"""Texts that are packed (.gz, .bz2, .xz): their beginning, and a copy that is unpacked as long as frames are read."""

import bz2
import gzip
import lzma
import shutil
import tempfile
import weakref
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from mi_widgets.errors import FileFormatError
from mi_widgets.structure._source import TextFrames

__all__ = ["PACKED", "first_bytes", "frames_of"]

#: What opens a packed file, by the end of its name.
PACKED: Mapping[str, Callable[..., IO[bytes] | Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError)


def first_bytes(path: Path, n: int) -> bytes:
    """First bytes of a file, unpacked."""
    if path.suffix.lower() not in PACKED:
        with path.open("rb") as stream:
            return stream.read(n)
    try:
        with PACKED[path.suffix.lower()](path, "rb") as stream:
            return bytes(stream.read(n))
    except _ERRORS as error:
        raise _damaged(path, error) from error


def frames_of(path: Path, make: Callable[[Path], TextFrames]) -> TextFrames:
    """What `make` gives of a file, or of a copy that is unpacked and removed once nobody has its frames."""
    if path.suffix.lower() not in PACKED:
        return make(path)
    folder = Path(tempfile.mkdtemp(prefix="mi_widgets_"))
    try:
        text = folder / path.stem
        try:
            with PACKED[path.suffix.lower()](path, "rb") as stream, text.open("wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)
        except _ERRORS as error:
            raise _damaged(path, error) from error
        source = make(text)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(source, shutil.rmtree, folder, ignore_errors=True)
    return source


def _damaged(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(f"{path.name} cannot be unpacked: {error}. Copy it again, or unpack it.")
