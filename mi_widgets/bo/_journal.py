"""An append-only journal: one line of JSON for each event, on the disk before it counts.

Each line ends with the checksum of what stands before it. A line that has no end was never acknowledged and is dropped;
any other damage is reported. One process at a time holds a journal.
"""

import contextlib
import errno
import json
import os
import warnings
import zlib
from pathlib import Path
from typing import Any

from mi_widgets.errors import FileFormatError, MIWidgetsError, MIWidgetsWarning

__all__ = ["FORMAT", "Journal", "JournalError"]

FORMAT = "mi_widgets.bo journal 1"


class JournalError(MIWidgetsError, OSError):
    """A journal cannot be opened or written: locked, read-only, disk full. Nothing that was told before is lost."""


class Journal:
    """The file of a campaign, held by this process until `close`.

    Attributes
    ----------
    events : list of dict
        What stood in it when it was opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, repair: bool = False) -> None:
        self.path = Path(path)
        self._fd = _open(self.path)
        try:
            _lock(self._fd, self.path)
            self.events = self._load(repair)
        except BaseException:
            os.close(self._fd)
            self._fd = -1
            raise

    def _load(self, repair: bool) -> list[dict[str, Any]]:
        data = _read(self._fd)
        whole, _, rest = data.rpartition(b"\n")
        if rest:
            warnings.warn(
                f"{self.path}: the last line is only half written ({len(rest)} bytes): it was never acknowledged and "
                "is dropped.",
                MIWidgetsWarning,
                stacklevel=5,
            )
        lines = whole.split(b"\n") if whole else []
        events: list[dict[str, Any]] = []
        damaged = []
        for number, line in enumerate(lines, 1):
            event = _decode(line)
            if event is None:
                damaged.append(number)
            else:
                events.append(event)
        if lines and (not events or events[0].get("format") != FORMAT or (damaged and damaged[0] == 1)):
            raise FileFormatError(
                f"{self.path} does not begin as a journal of a search ({FORMAT!r}): it is another file, or its first "
                "line is damaged. Write another path, or move this file away."
            )
        if damaged and not repair:
            raise FileFormatError(
                f"{self.path}: line {damaged[0]} of {len(lines)} is damaged ({len(damaged)} in all). Put a copy of the "
                "file back, or write Search.open(path, X, repair=True), which leaves such lines out and keeps the file "
                "as it is under the name *.damaged."
            )
        if damaged:
            self._repair(data, b"".join(_encode(event) for event in events))
        elif rest:
            os.ftruncate(self._fd, len(data) - len(rest))
            os.fsync(self._fd)
        return events

    def _repair(self, data: bytes, repaired: bytes) -> None:
        """Keep the file as it is under another name, and only then write the lines that are whole."""
        number = next(k for k in range(1, 1000) if not self._kept(k).exists())
        copy = self._kept(number)
        try:
            with copy.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                copy.unlink()
            raise JournalError(
                f"{self.path}: a copy of the damaged file could not be kept as {copy.name} "
                f"({error.strerror or error}), so nothing was changed. Make room or mend the disk, then try again."
            ) from error
        try:
            os.ftruncate(self._fd, 0)
            _write(self._fd, repaired)
        except OSError as error:
            raise JournalError(
                f"{self.path}: the repaired lines could not be written ({error.strerror or error}). The file as it was "
                f"is {copy}: make room or mend the disk, copy it back and try again."
            ) from error

    def _kept(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.damaged{number if number > 1 else ''}")

    def append(self, event: dict[str, Any]) -> None:
        """Write an event and wait until it is on the disk; if that fails, the file is as it was before."""
        if self._fd < 0:
            raise JournalError(
                f"{self.path}: the journal is closed. Write search = Search.open({str(self.path)!r}, X)."
            )
        if os.fstat(self._fd).st_nlink == 0:
            raise JournalError(
                f"{self.path}: the journal was deleted while it was open; this was not told. Write search.to_csv(path) "
                "to save what was told before, and begin another journal."
            )
        end = os.lseek(self._fd, 0, os.SEEK_END)
        line = _encode(event)
        try:
            _write(self._fd, line)
        except OSError as error:
            with contextlib.suppress(OSError):  # a line without an end is dropped when it is opened again
                os.ftruncate(self._fd, end)
            raise JournalError(
                f"{self.path}: could not be written ({error.strerror or error}); this was not told, everything before "
                "it is safe. Make room or mend the disk, then tell it again."
            ) from error
        self.events.append(event)

    def close(self) -> None:
        """Let the file go; closing twice does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _open(path: Path) -> int:
    new = not path.exists()
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        raise JournalError(
            f"{path}: the journal cannot be opened for writing ({error.strerror}). Choose a path in a folder that "
            "exists and that you may write to; Search.read(path, X) opens it without writing."
        ) from error
    if new and hasattr(os, "O_DIRECTORY"):  # the name of the file too must survive
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return fd


def _lock(fd: int, path: Path) -> None:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise JournalError(
                f"{path}: this file system cannot lock files ({error.strerror or error}), so two processes could write "
                "one journal. Choose a path on a local disk."
            ) from error
        raise JournalError(
            f"{path}: another process or another Search holds this journal. Close it there (search.close(), or shut "
            "that kernel down), or write Search.read(path, X) to look on without telling."
        ) from error


def _read(fd: int) -> bytes:
    os.lseek(fd, 0, os.SEEK_SET)
    parts = []
    while part := os.read(fd, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def read_events(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Events of a journal that is not held, up to the last whole line."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be read ({error.strerror}).") from error
    events = [_decode(line) for line in data.split(b"\n")[:-1]]
    if not events or events[0] is None or events[0].get("format") != FORMAT:
        raise FileFormatError(f"{path} is no journal of a search: it does not begin with {FORMAT!r}.")
    if None in events:
        raise FileFormatError(f"{path}: line {events.index(None) + 1} of {len(events)} is damaged.")
    return [event for event in events if event is not None]


def _write(fd: int, data: bytes) -> None:
    """Write all of it, and wait until it is on the disk."""
    written = 0
    while written < len(data):
        written += os.write(fd, data[written:])
    os.fsync(fd)


def _encode(event: dict[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f'{text[:-1]},"crc":"{zlib.crc32(text.encode()):08x}"}}\n'.encode()


def _decode(line: bytes) -> dict[str, Any] | None:
    """The event of a line, or None where it is damaged."""
    try:
        text, mark, rest = line.decode().rpartition(',"crc":"')
        if not mark or rest[8:] != '"}' or int(rest[:8], 16) != zlib.crc32((text + "}").encode()):
            return None
        event = json.loads(text + "}")
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
