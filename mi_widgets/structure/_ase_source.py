"""Frames that ASE reads: one by one where its format has an index, else all at once, as far as the file is whole."""

import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np

from mi_widgets.errors import FileFormatError, MissingDependencyError, MIWidgetsError, MIWidgetsWarning
from mi_widgets.structure._formats import Frame
from mi_widgets.structure._optional import need
from mi_widgets.structure._source import FrameSource
from mi_widgets.structure.convert import arrays_of

__all__ = ["INDEXED", "REFUSED", "AseFrames", "ase_format", "read_all", "read_one"]

#: Formats of ASE that run or unpickle what a file holds, or talk to a server.
REFUSED = frozenset({"trj", "bundletrajectory", "py", "db", "mysql", "mariadb", "postgresql"})
#: Formats of ASE with the place of each frame in the file: module and class.
INDEXED = {
    "traj": ("ase.io.trajectory", "TrajectoryReader"),
    "netcdftrajectory": ("ase.io.netcdftrajectory", "NetCDFTrajectory"),
}


def ase_format(path: Path, given: str | None) -> str:
    """Name of a file's format as ASE has it."""
    formats = need("ase.io.formats", "read_structure")
    kind = given
    if kind is None:
        try:
            kind = str(formats.filetype(str(path)))
        except Exception as error:
            raise _unreadable(path, given, error) from error
    if kind in REFUSED:
        raise FileFormatError(f"{path.name}: files of format {kind!r} can run code when they are read; refused.")
    return kind


def read_one(path: Path, kind: str, frame: int) -> Any:
    """One structure."""
    io = need("ase.io", "read_structure")
    try:
        return io.read(str(path), index=frame, format=kind, do_not_split_by_at_sign=True)
    except Exception as error:
        raise _unreadable(path, kind, error) from error


def read_all(path: Path, kind: str) -> list[Any]:
    """All structures up to the first that cannot be read, which is said."""
    io = need("ase.io", "read_trajectory")
    found: list[Any] = []
    try:
        for atoms in io.iread(str(path), index=slice(None), format=kind, do_not_split_by_at_sign=True):
            found.append(atoms)  # noqa: PERF402 - what came before an error is kept
    except Exception as error:
        if not found:
            raise _unreadable(path, kind, error) from error
        _say_cut_off(path, len(found), stacklevel=4)
    if not found:
        raise FileFormatError(f"{path.name} holds no structure.")
    return found


class AseFrames(FrameSource):
    """Frames of a file in which ASE finds each by its number."""

    def __init__(self, path: Path, kind: str) -> None:
        self.kind = kind
        self._file = self._open(path)
        n = self._whole(path)
        super().__init__(path, n, len(self._file[0]))

    def __getstate__(self) -> dict[str, Any]:
        state = {"path": self.path, "kind": self.kind, "n_frames": self.n_frames, "n_atoms": self.n_atoms}
        return {**state, **self._kept()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        FrameSource.__init__(self, state["path"], state["n_frames"], state["n_atoms"])
        self.kind = state["kind"]
        self._file = self._open(self.path)
        self._restore(state)

    def _open(self, path: Path) -> Any:
        module, name = INDEXED[self.kind]
        try:
            file = getattr(need(module, "read_trajectory"), name)(str(path))
        except Exception as error:
            raise _unreadable(path, self.kind, error) from error
        weakref.finalize(self, file.close)  # it stays open as long as a frame may be asked for
        return file

    def _whole(self, path: Path) -> int:
        """Number of frames that can be read: all, or those before the place where the file was cut off."""
        try:
            n = len(self._file)
        except Exception as error:
            raise _unreadable(path, self.kind, error) from error
        good, bad = -1, n  # the last frame is looked at first: mostly it is whole
        while bad - good > 1:
            middle = n - 1 if bad == n else (good + bad) // 2
            try:
                self._file[middle]
                good = middle
            except Exception:  # noqa: BLE001 - whatever a half frame raises
                bad = middle
        if good < 0:
            raise FileFormatError(f"{path.name} holds no whole frame.")
        if good < n - 1:
            _say_cut_off(path, good + 1, stacklevel=6)
        return good + 1

    def _read(self, number: int) -> Frame:
        try:
            atoms = self._file[number]
        except Exception as error:
            raise FileFormatError(f"{self.path.name}, frame {number} cannot be read: {error}") from error
        arrays = {name: values[0] for name, values in arrays_of([atoms]).items()}
        pbc = tuple(bool(p) for p in atoms.pbc)
        return Frame(atoms.get_chemical_symbols(), np.array(atoms.positions), np.array(atoms.cell), pbc, arrays)  # type: ignore[arg-type]


def _say_cut_off(path: Path, n: int, *, stacklevel: int) -> None:
    warnings.warn(
        f"{path.name} ends in the middle of frame {n}: {n} whole frames are given.", MIWidgetsWarning, stacklevel
    )


def _unreadable(path: Path, kind: str | None, error: Exception) -> Exception:
    if isinstance(error, MIWidgetsError):
        return error
    if isinstance(error, ImportError):
        return MissingDependencyError(
            f"{path.name}: to read {kind!r}, ASE needs the package {error.name}: pip install {error.name}"
        )
    advice = "If its format is known, write format=, such as 'vasp', 'cif', 'espresso-out'."
    if type(error).__name__ == "UnknownFileTypeError":
        return FileFormatError(f"{path.name}: neither its name nor its beginning is that of a format of ASE. {advice}")
    reason = str(error) or "it is cut off, or holds no structure"
    return FileFormatError(f"{path.name} cannot be read as {kind}: {type(error).__name__}: {reason}. {advice}")
