"""Frames of a file as arrays that are read when they are indexed."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from mi_widgets.errors import DataError, FileFormatError, MIWidgetsError
from mi_widgets.structure._index import Index
from mi_widgets.structure._text import Format, Frame

__all__ = ["FrameArray", "TextFrames"]

_CACHE_BYTES = 64_000_000


class TextFrames:
    """Frames of a text trajectory, the last ones read kept.

    Attributes
    ----------
    reads : int
        Number of frames read from the file so far.
    """

    def __init__(self, path: Path, layout: Format, index: Index) -> None:
        self.path, self.layout, self.index = path, layout, index
        self.reads = 0
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, Frame] = OrderedDict()
        self._elements: list[str] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "layout": self.layout.name, "index": self.index, "elements": self._elements}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from mi_widgets.structure._text import FORMATS

        self.__init__(state["path"], FORMATS[state["layout"]], state["index"])  # type: ignore[misc]
        self._elements = state["elements"]

    def __len__(self) -> int:
        return self.index.n_frames

    def frame(self, number: int) -> Frame:
        """Read a frame, or take it from those kept."""
        with self._lock:  # held while reading: another variable of the same frame waits and finds it
            if number in self._cache:
                self._cache.move_to_end(number)
                return self._cache[number]
            found = self._read(number)
            self.reads += 1
            if self._elements is None:
                self._elements = found.elements
            if found.elements != self._elements:
                raise DataError(
                    f"{self.path.name}: frame {number} has other atoms, or another order, than frame 0. Read it alone: "
                    f"read_structure(path, frame={number})."
                )
            arrays = [found.position, *map(np.asarray, found.arrays.values())]
            size = sum(a.nbytes for a in arrays) + 100 * len(found.elements)
            self._cache[number] = found
            while len(self._cache) > max(int(_CACHE_BYTES / max(size, 1)), 1):
                self._cache.popitem(last=False)
            return found

    def _read(self, number: int) -> Frame:
        start, stop = self.index.span(number)
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(stop - start)
        try:
            found = self.layout.parse(self.index.header, data)
        except MIWidgetsError as error:
            raise FileFormatError(f"{self.path.name}, frame {number}: {error}") from error
        except (ValueError, IndexError, KeyError, ZeroDivisionError, np.linalg.LinAlgError) as error:
            raise FileFormatError(f"{self.path.name}, frame {number} cannot be read: {error}") from error
        if len(found.elements) != self.index.n_atoms:
            raise DataError(
                f"{self.path.name}: frame {number} has {len(found.elements)} atoms, frame 0 has {self.index.n_atoms}. "
                f"A trajectory keeps its atoms; read such frames one by one, read_structure(path, frame={number})."
            )
        return found


class FrameArray:
    """One array of all frames, (n_frames, ...): indexing the first axis reads those frames."""

    def __init__(self, source: TextFrames, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        self.source, self.name = source, name
        self.shape, self.dtype, self.ndim = (len(source), *shape), np.dtype(dtype), 1 + len(shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        parts = key if isinstance(key, tuple) else (key,)
        numbers = np.arange(self.shape[0])[parts[0]]
        rest = parts[1:]
        if numbers.ndim == 0:
            return self._one(int(numbers))[rest]
        out = np.empty((numbers.size, *self.shape[1:]), dtype=self.dtype)
        for k, number in enumerate(numbers):
            out[k] = self._one(int(number))
        return out[(slice(None), *rest)]

    def _one(self, number: int) -> np.ndarray:
        frame = self.source.frame(number)
        found = {"position": frame.position, "cell": frame.cell}.get(self.name, frame.arrays.get(self.name))
        if found is None or np.shape(found) != self.shape[1:]:
            raise DataError(f"{self.source.path.name}: frame {number} has no {self.name!r} as frame 0 has.")
        return np.asarray(found, dtype=self.dtype)
