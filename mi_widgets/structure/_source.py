"""Frames of a file as arrays that are read when they are indexed."""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from mi_widgets.errors import DataError, FileFormatError, MIWidgetsError
from mi_widgets.structure._formats import Format, Frame
from mi_widgets.structure._index import Index, build_index
from mi_widgets.structure.convert import free_name

__all__ = ["FrameArray", "FrameSource", "TextFrames"]

_CACHE_BYTES = 64_000_000
_SAMPLES = 64
_STAMP_BYTES = 4096


#: What an atom is: as a rule the same in all frames.
_SAME = frozenset({"id", "type", "mol", "mass", "tag"})


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())


def _name(name: str, values: Any) -> str:
    """Name of an array in a structure: energies of atoms are not that of the frame."""
    return "energies" if name == "energy" and np.ndim(values) else free_name(name)


class FrameSource(ABC):
    """Frames of a trajectory that are read one by one, the last ones read kept.

    Attributes
    ----------
    path : Path
    n_frames, n_atoms : int
    reads : int
        Number of frames read from the file so far.
    changing : frozenset of str
        Arrays that may change from frame to frame though they are of those that as a rule do not.
    """

    def __init__(self, path: Path, n_frames: int, n_atoms: int) -> None:
        self.path, self.n_frames, self.n_atoms = path, n_frames, n_atoms
        self.reads = 0
        self._lock = threading.Lock()
        self._cache: OrderedDict[int, Frame] = OrderedDict()
        self._first: tuple[list[str], tuple[bool, ...], dict[str, np.ndarray]] | None = None
        self.changing: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return self.n_frames

    @abstractmethod
    def _read(self, number: int) -> Frame:
        """Read a frame from the file."""

    def stamps(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Times and steps of all frames, as far as the file has them."""
        return None, None

    def frame(self, number: int) -> Frame:
        """Read a frame, or take it from those kept."""
        with self._lock:  # held while reading: another variable of the same frame waits and finds it
            if number in self._cache:
                self._cache.move_to_end(number)
                return self._cache[number]
            found = self._read(number)
            found.arrays = {_name(name, values): values for name, values in found.arrays.items()}
            self.reads += 1
            self._check(number, found)
            arrays = [found.position, *map(np.asarray, found.arrays.values())]
            size = sum(a.nbytes for a in arrays) + 100 * len(found.elements)
            self._cache[number] = found
            while len(self._cache) > max(int(_CACHE_BYTES / max(size, 1)), 1):
                self._cache.popitem(last=False)
            return found

    def _check(self, number: int, found: Frame) -> None:
        """Raise unless a frame has the atoms and the repetition of those before it."""
        alone = f"read such frames one by one, read_structure(path, frame={number})."
        if len(found.elements) != self.n_atoms:
            raise DataError(
                f"{self.path.name}: frame {number} has {len(found.elements)} atoms, frame 0 has {self.n_atoms}. A "
                f"trajectory keeps its atoms; {alone}"
            )
        if self._first is None:
            same = {name: np.asarray(found.arrays[name]) for name in self.same(found)}
            self._first = found.elements, tuple(found.pbc), same
        same = self._first[2]
        other = not np.array_equal(np.asarray(found.arrays.get("id", ())), same.get("id", ()))
        if other or found.elements != self._first[0]:
            raise DataError(
                f"{self.path.name}: frame {number} has other atoms, or another order, than frame 0. A trajectory keeps "
                f"its atoms; {alone}"
            )
        if tuple(found.pbc) != self._first[1]:
            raise DataError(
                f"{self.path.name}: frame {number} repeats along {list(found.pbc)}, frame 0 along "
                f"{list(self._first[1])}; {alone}"
            )
        for name, values in same.items():
            if name in found.arrays and not _equal(np.asarray(found.arrays[name]), values):
                raise DataError(
                    f"{self.path.name}: frame {number} has another {name!r} than frame 0, which is kept once for all "
                    f"frames. Keep it for each, read_trajectory(path, changing=[{name!r}]), or {alone}"
                )

    def _kept(self) -> dict[str, Any]:
        """What goes to a worker with every source."""
        return {"first": self._first, "changing": self.changing}

    def _restore(self, state: dict[str, Any]) -> None:
        self._first, self.changing = state["first"], state["changing"]

    def same(self, frame: Frame) -> frozenset[str]:
        """Names of the arrays that are the same in all frames: what an atom is, and texts."""
        text = {name for name, v in frame.arrays.items() if np.asarray(v).dtype.kind in "US"}
        return (frozenset(_SAME & set(frame.arrays)) | text) - self.changing


class TextFrames(FrameSource):
    """Frames of a text trajectory."""

    def __init__(self, path: Path, layout: Format, index: Index) -> None:
        super().__init__(path, index.n_frames, index.n_atoms)
        self.layout, self.index = layout, index

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "layout": self.layout.name, "index": self.index, **self._kept()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        from mi_widgets.structure._text import FORMATS

        self.__init__(state["path"], FORMATS[state["layout"]], state["index"])  # type: ignore[misc]
        self._restore(state)

    def _parse(self, number: int) -> Frame:
        guessed = self.index.offsets is None
        start, stop = self.index.span(number)
        with self.path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(stop - start)
        if not guessed or data[-1:] == b"\n" or len(data) < stop - start or number == len(self) - 1:
            try:
                return self.layout.parse(self.index.header, data)
            except (ValueError, IndexError, KeyError, ZeroDivisionError, np.linalg.LinAlgError):
                if not guessed:
                    raise
        exact = build_index(self.path, self.layout, exact=True)  # it lies where it was not looked for other lengths
        if exact.n_frames != len(self):
            raise FileFormatError("its lines are not those of a frame, or the file has changed")
        self.index = exact
        return self._parse(number)

    def _read(self, number: int) -> Frame:
        try:
            return self._parse(number)
        except MIWidgetsError as error:
            raise FileFormatError(f"{self.path.name}, frame {number}: {error}") from error
        except (ValueError, IndexError, KeyError, ZeroDivisionError, np.linalg.LinAlgError) as error:
            raise FileFormatError(f"{self.path.name}, frame {number} cannot be read: {error}") from error

    def stamps(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Times and steps: by arithmetic where they rise evenly in some seventy places, else from each frame's head."""
        n = len(self)
        some = np.unique(np.concatenate([np.linspace(0, n - 1, _SAMPLES).astype(int), np.arange(min(n, 8))]))
        with self.path.open("rb") as stream:

            def stamp(number: int) -> tuple[float | None, int | None]:
                start, stop = self.index.span(number)
                stream.seek(start)
                try:
                    return self.layout.stamp(self.index.header, stream.read(min(stop - start, _STAMP_BYTES)))
                except ValueError:
                    return None, None

            out: list[np.ndarray | None] = []
            found = [stamp(int(k)) for k in some]
            for which, kind in ((0, float), (1, np.int64)):
                seen = [pair[which] for pair in found]
                if any(v is None for v in seen):
                    out.append(None)
                    continue
                values = np.array(seen, dtype=float)
                step = (values[-1] - values[0]) / max(n - 1, 1)
                even = values[0] + step * np.arange(n)
                if not np.allclose(even[some], values, rtol=1e-12, atol=1e-6 * abs(step)):
                    all_of_them = [stamp(k)[which] for k in range(n)]
                    out.append(None if None in all_of_them else np.array(all_of_them, dtype=kind))
                else:
                    out.append(even if kind is float else np.rint(even).astype(np.int64))
        return out[0], out[1]


class FrameArray:
    """One array of all frames, (n_frames, ...): indexing the first axis reads those frames."""

    def __init__(self, source: FrameSource, name: str, shape: tuple[int, ...], dtype: Any) -> None:
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
        if found is None and self.dtype.kind == "f":  # not computed in this frame
            return np.full(self.shape[1:], np.nan)
        if found is None or np.shape(found) != self.shape[1:]:
            raise DataError(f"{self.source.path.name}: frame {number} has no {self.name!r} as frame 0 has.")
        found = np.asarray(found)
        values = found.astype(self.dtype)
        if not np.can_cast(found.dtype, self.dtype, "same_kind") and not np.array_equal(values, found):
            raise DataError(
                f"{self.source.path.name}: {self.name!r} of frame {number} is {found.dtype}, that of frame 0 "
                f"{self.dtype}: its values would be cut. Write it as real numbers in all frames."
            )
        return values
