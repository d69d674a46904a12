"""Structures and trajectories from files."""

import contextlib
import importlib
import importlib.util
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets import __version__
from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import label_structure
from mi_widgets.structure._index import build_index
from mi_widgets.structure._optional import need
from mi_widgets.structure._source import FrameArray, TextFrames
from mi_widgets.structure._text import FORMATS
from mi_widgets.structure.convert import add_array, from_ase, usable_pbc

__all__ = ["read_structure", "read_trajectory"]

#: Formats of ASE that run or unpickle what a file holds, or talk to a server.
REFUSED = frozenset({"trj", "bundletrajectory", "py", "db", "mysql", "mariadb", "postgresql"})
_CHUNK_BYTES = 8_000_000


def read_structure(
    path: str | Path,
    *,
    frame: int = -1,
    format: str | None = None,  # noqa: A002 - as ASE calls it
    elements: Mapping[int, str] | Sequence[str] | None = None,
) -> xr.Dataset:
    r"""Read one structure of a file.

    Parameters
    ----------
    path : str or Path
        Extended XYZ, LAMMPS dump, XDATCAR, netCDF that this package wrote, or any format that ASE reads.
    frame : int
        Which one, where there are several; negative counts from the end.
    format : str, optional
        Name of the format as ASE has it, where neither name nor content says it.
    elements : mapping or sequence, optional
        Chemical symbols of LAMMPS's types, ``{1: "Si", 2: "O"}`` or ``["Si", "O"]``.

    Returns
    -------
    xarray.Dataset
        As `mi_widgets.labels.label_structure` makes it, with every per-atom array of the file.

    Raises
    ------
    FileFormatError
        The file is empty, damaged, not what its name says, or of a format that would run code.
    DataError
        There is no such frame.
    MissingDependencyError
        ASE is needed and not installed.

    Examples
    --------
    >>> text = "2\nLattice=\"4 0 0 0 4 0 0 0 4\" Properties=species:S:1:pos:R:3\nNa 0 0 0\nCl 2 2 2\n"
    >>> _ = Path("salt.xyz").write_text(text)
    >>> read_structure("salt.xyz").element.values.tolist()
    ['Na', 'Cl']
    """
    path = Path(path)
    kind = _kind(path, format)
    if kind in FORMATS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MIWidgetsWarning)  # a later frame that is cut off does not matter here
            source = _one_of_many(path, kind, frame) or TextFrames(
                path, FORMATS[kind], build_index(path, FORMATS[kind])
            )
        number = frame + len(source) if frame < 0 else frame
        if not 0 <= number < len(source):
            raise DataError(f"{path.name} has {len(source)} frames; there is no frame {frame}.")
        ds = _dataset(source, elements, slice(number, number + 1)).isel(frame=0, drop=True)
        return _attrs(ds, path, "read_structure", kind)
    if kind == "netcdf":
        ds = _read_netcdf(path)
        return ds.isel(frame=frame, drop=True) if "frame" in ds.dims else ds
    atoms = _read_ase(path, format, frame)
    return _attrs(from_ase(atoms), path, "read_structure", format or "ase")


def read_trajectory(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - as ASE calls it
    elements: Mapping[int, str] | Sequence[str] | None = None,
    timestep: float | None = None,
    lazy: bool | None = None,
) -> xr.Dataset:
    r"""Open a trajectory; extended XYZ, LAMMPS dumps and XDATCAR are not read until their frames are asked for.

    The place of each frame is found without reading it: by arithmetic where frames have one length, which is checked
    in some seventy places, else from the start of one frame to the next. Other formats are read by ASE at once.

    Parameters
    ----------
    path : str or Path
        Extended XYZ, LAMMPS dump, XDATCAR, netCDF that this package wrote, or any format that ASE reads.
    format : str, optional
        Name of the format as ASE has it, where neither name nor content says it.
    elements : mapping or sequence, optional
        Chemical symbols of LAMMPS's types, ``{1: "Si", 2: "O"}`` or ``["Si", "O"]``; without them, and without a
        column ``element``, atoms are ``"X"``.
    timestep : float, optional
        Time between the frames of the file (fs): gives the coordinate ``time``.
    lazy : bool, optional
        Keep values in the file as dask arrays; by default where dask is installed.

    Returns
    -------
    xarray.Dataset
        ``position`` (frame, atom, axis) and ``cell`` (frame, cell_vector, axis) in angstrom, ``pbc`` (cell_vector),
        and every array that frame 0 has. Positions of a LAMMPS dump count from the corner of its box; ``xu yu zu`` are
        taken before ``x y z``, and units are those of ``units metal``.

    Raises
    ------
    FileFormatError
        The file is empty, damaged, not what its name says, or of a format that would run code.
    DataError
        Frames differ in their number of atoms.
    MissingDependencyError
        ASE is needed and not installed, or ``lazy=True`` without dask.

    Warns
    -----
    MIWidgetsWarning
        The file ends in the middle of a frame; the frames before it are given.

    Examples
    --------
    >>> frame = "1\nLattice=\"4 0 0 0 4 0 0 0 4\" Properties=species:S:1:pos:R:3\nAr 0.5 0.5 0.5\n"
    >>> _ = Path("argon.xyz").write_text(frame * 20)
    >>> read_trajectory("argon.xyz", timestep=2.0).sizes["frame"]
    20
    """
    path = Path(path)
    kind = _kind(path, format)
    if timestep is not None and not timestep > 0:
        raise ParameterError(f"read_trajectory: timestep must be above zero (fs); got {timestep}.")
    if kind == "netcdf":
        return _read_netcdf(path)
    if kind in FORMATS:
        index = build_index(path, FORMATS[kind])
        source = TextFrames(path, FORMATS[kind], index)
        if index.rest:
            warnings.warn(
                f"{path.name} ends in the middle of frame {len(source)}: {len(source)} whole frames are given.",
                MIWidgetsWarning,
                stacklevel=2,
            )
        ds = _dataset(source, elements, None if _use_dask(lazy) else slice(None))
    else:
        ds = from_ase(_as_list(_read_ase(path, format, slice(None))))
    if timestep is not None:
        values = np.arange(ds.sizes["frame"]) * float(timestep)
        ds = ds.assign_coords(time=("frame", values, {"units": "fs", "long_name": "time"}))
    return _attrs(ds, path, "read_trajectory", kind or format or "ase")


def _as_list(atoms: Any) -> list[Any]:
    return list(atoms) if isinstance(atoms, list | tuple) else [atoms]


def _use_dask(lazy: bool | None) -> bool:
    if lazy is False or (lazy is None and importlib.util.find_spec("dask") is None):
        return False
    need("dask.array", "read_trajectory(lazy=True)")
    return True


def _kind(path: Path, given: str | None) -> str | None:
    """Which of our readers takes a file; None leaves it to ASE."""
    if not path.is_file():
        raise FileFormatError(f"{path} is no file.")
    names = {"extxyz": "extxyz", "xyz": "extxyz", "lammps-dump-text": "lammps-dump", "vasp-xdatcar": "xdatcar"}
    if given is not None:
        if given in REFUSED:
            raise FileFormatError(f"{path.name}: files of format {given!r} can run code when they are read; refused.")
        return names.get(given)
    with path.open("rb") as stream:
        head = stream.read(4096)
    if not head.strip():
        raise FileFormatError(f"{path.name} is empty.")
    if head.startswith((b"\x89HDF", b"CDF")) and path.suffix.lower() in (".nc", ".nc4"):
        return "netcdf"
    if head.startswith(b"ITEM: "):
        return "lammps-dump"
    lines = head.split(b"\n", 9)
    if path.name.upper().startswith("XDATCAR") or (len(lines) > 8 and lines[7].startswith(b"Direct configuration=")):
        return "xdatcar"
    if path.suffix.lower() in (".xyz", ".extxyz"):
        return "extxyz"
    return None


def _one_of_many(path: Path, kind: str, frame: int) -> TextFrames | None:
    """Frames of an XYZ file whose frames differ in their number of atoms: only the asked-for one is kept."""
    layout = FORMATS[kind]
    with contextlib.suppress(DataError):
        build_index(path, layout)
        return None
    with path.open("rb") as stream:
        spans, size = [], path.stat().st_size
        while (line := stream.readline()).strip():
            start = stream.tell() - len(line)
            if not line.strip().isdigit() or 2 * int(line) > size:
                break
            for _ in range(int(line) + 1):
                stream.readline()
            spans.append((start, stream.tell(), int(line)))
    number = frame + len(spans) if frame < 0 else frame
    if not 0 <= number < len(spans):
        raise DataError(f"{path.name} has {len(spans)} frames; there is no frame {frame}.")
    return _Chosen(path, kind, spans, number)


class _Chosen(TextFrames):
    """Frames of unlike numbers of atoms, of which one is read."""

    def __init__(self, path: Path, kind: str, spans: list[tuple[int, int, int]], number: int) -> None:
        from mi_widgets.structure._index import Index

        offsets = np.array([*(s[0] for s in spans), spans[-1][1]])
        super().__init__(path, FORMATS[kind], Index(len(spans), spans[number][2], 0, 0, offsets, b"", 0))
        self.number = number


def _dataset(source: TextFrames, elements: Any, frames: slice | None) -> xr.Dataset:
    """Dataset of some frames in memory, or of all as dask arrays."""
    first = source.frame(getattr(source, "number", 0))
    symbols = _symbols(first.elements, first.arrays.get("type"), elements)

    def values(name: str, like: Any) -> Any:
        array = FrameArray(source, name, np.shape(like), np.asarray(like).dtype)
        if frames is not None:
            return array[frames]
        dask: Any = importlib.import_module("dask.array")
        per_chunk = min(max(int(_CHUNK_BYTES / (24 * max(len(symbols), 1))), 1), 256)
        return dask.from_array(array, chunks=(per_chunk, *np.shape(like)), asarray=True, name=False)

    pbc = usable_pbc(first.pbc, first.cell, source.path.name)
    ds = label_structure(values("position", first.position), symbols, cell=values("cell", first.cell), pbc=pbc)
    for name, like in first.arrays.items():
        fixed = name in ("id", "type", "mol", "mass") or np.asarray(like).dtype.kind in "US"
        if fixed:  # what does not change is not kept for each frame
            attrs = {"units": "u" if name == "mass" else "1", "long_name": name}
            ds[name] = (("atom", *(f"{name}_{k}" for k in range(np.ndim(like) - 1))), like, attrs)
        elif name == "energy" or np.ndim(like) >= 1:
            add_array(ds, name, values(name, like), _unit(source, name))
    if frames is not None and first.time is not None:
        times = [source.frame(int(k)).time for k in np.arange(len(source))[frames]]
        if all(t is not None for t in times):
            ds = ds.assign_coords(time=("frame", np.array(times, dtype=float), {"units": "fs", "long_name": "time"}))
    return ds


def _unit(source: TextFrames, name: str) -> str | None:
    return "angstrom/ps" if name == "velocity" and source.layout.name == "lammps-dump" else None


def _symbols(names: list[str], types: np.ndarray | None, elements: Any) -> list[str]:
    if elements is None:
        return names
    if types is None:
        raise ParameterError("elements= names the types of a LAMMPS dump; this file has no column 'type'.")
    table = dict(elements) if isinstance(elements, Mapping) else {k + 1: e for k, e in enumerate(elements)}
    missing = sorted(set(types.tolist()) - set(table))
    if missing:
        raise ParameterError(
            f"elements= names no element for type {missing[0]}; write elements={{{missing[0]}: 'Si'}}."
        )
    return [str(table[t]) for t in types.tolist()]


def _read_ase(path: Path, given: str | None, index: Any) -> Any:
    io = need("ase.io", "read_structure")
    formats = need("ase.io.formats", "read_structure")
    try:
        kind = given or formats.filetype(str(path))
        if kind in REFUSED:
            raise FileFormatError(f"{path.name}: files of format {kind!r} can run code when they are read; refused.")
        return io.read(str(path), index=index, format=kind, do_not_split_by_at_sign=True)
    except MIWidgetsError:
        raise
    except Exception as error:
        raise FileFormatError(
            f"{path.name} cannot be read{f' as {given}' if given else ''}: {type(error).__name__}: {error}. If its "
            "format is known, write format=, such as 'vasp', 'cif', 'espresso-out'."
        ) from error


def _read_netcdf(path: Path) -> xr.Dataset:
    from mi_widgets.io._netcdf import open_dataset

    try:
        ds = open_dataset(path, lazy=None)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path.name} cannot be read as netCDF: {error}") from error
    if not {"position", "cell", "pbc"} <= set(ds):
        raise LabelError(f"{path.name} holds no structure: it has {', '.join(map(str, ds.data_vars))[:200]}.")
    return ds


def _attrs(ds: xr.Dataset, path: Path, function: str, kind: str) -> xr.Dataset:
    history = {"function": f"mi_widgets.structure.{function}", "version": __version__}
    ds.attrs = {
        "title": ds.attrs.get("title", path.stem),
        "source": path.name,
        "history": json.dumps({**history, "parameters": {"path": path.name, "format": kind}}),
    }
    return ds
