"""Structures and trajectories from files."""

import contextlib
import importlib.util
import warnings
from collections.abc import Collection
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.structure._ase_source import INDEXED, REFUSED, AseFrames, ase_format, read_all, read_one
from mi_widgets.structure._frame_dataset import Elements, chunk_length, frames_dataset, with_stamps
from mi_widgets.structure._index import Index, build_index
from mi_widgets.structure._optional import need
from mi_widgets.structure._packed import PACKED, first_bytes, frames_of
from mi_widgets.structure._source import FrameSource, TextFrames
from mi_widgets.structure._text import FORMATS
from mi_widgets.structure.convert import from_ase

__all__ = ["read_structure", "read_trajectory"]


_AMBER = "For a trajectory of AMBER write format='netcdftrajectory'."


def read_structure(
    path: str | Path,
    *,
    frame: int = -1,
    format: str | None = None,  # noqa: A002 - as ASE calls it
    elements: Elements = None,
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
        Chemical symbols of LAMMPS's types, ``{1: "Si", 2: "O"}`` or ``["Si", "O"]``; refused where there are no types.

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

    Warns
    -----
    MIWidgetsWarning
        A negative `frame` counts from the end of a text that ends in the middle of a frame.

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
        source = frames_of(path, lambda text: _text_frames(text, str(kind), frame))
        number = _number(path, frame, len(source))
        if source.index.rest and frame < 0:
            _say_cut_off(path, len(source), f"frame {frame} is counted from the last whole one")
        ds = frames_dataset(source, elements, slice(number, number + 1), like=number).isel(frame=0, drop=True)
        return _attrs(ds, path, "read_structure", kind)
    _refuse_elements(path, elements)
    if kind == "netcdf":
        ds = _read_netcdf(path)
        number = _number(path, frame, ds.sizes.get("frame", 1))
        return ds.isel(frame=number, drop=True) if "frame" in ds.dims else ds
    found = ase_format(path, format)
    return _attrs(from_ase(read_one(path, found, frame)), path, "read_structure", found)


def read_trajectory(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - as ASE calls it
    elements: Elements = None,
    timestep: float | None = None,
    lazy: bool | None = None,
    changing: Collection[str] = (),
) -> xr.Dataset:
    r"""Open a trajectory; extended XYZ, LAMMPS dumps, XDATCAR and ASE's .traj are read when frames are asked for.

    The place of each frame of a text is found without reading it: by arithmetic where frames have one length, which is
    checked in some seventy places, else from the start of one frame to the next. Files of ASE (.traj) and AMBER
    (``format="netcdftrajectory"``) have the places of their frames in them. All other formats are read by ASE at once;
    ``io.write_netcdf`` makes a file of such a trajectory that is opened lazily from then on.

    Parameters
    ----------
    path : str or Path
        Extended XYZ, LAMMPS dump, XDATCAR (also packed: .gz, .bz2, .xz; a copy is unpacked), netCDF that this package
        wrote, or any format that ASE reads.
    format : str, optional
        Name of the format as ASE has it, where neither name nor content says it.
    elements : mapping or sequence, optional
        Chemical symbols of LAMMPS's types, ``{1: "Si", 2: "O"}`` or ``["Si", "O"]``; without them, and without a
        column ``element``, atoms are ``"X"``.
    timestep : float, optional
        Time between the frames of the file (fs): gives the coordinate ``time``, whatever times the file has.
    lazy : bool, optional
        Keep values in the file as dask arrays; by default where dask is installed, but netCDF only above 1 GB.
    changing : collection of str
        Columns of a text or .traj that are kept for each frame though they are of those that are kept once for all:
        ``type``, ``mol``, ``mass``, ``tag`` and texts. Without this, a frame where one is another is refused.

    Returns
    -------
    xarray.Dataset
        ``position`` (frame, atom, axis) and ``cell`` (frame, cell_vector, axis) in angstrom, ``pbc`` (cell_vector),
        and every array that frame 0 has, NaN in frames that lack it. Positions of a LAMMPS dump count from the corner
        of its box; ``xu yu zu`` are taken before ``x y z`` (``position.attrs["unwrapped"]`` is then 1), ``ix iy iz``
        are ``image`` (frame, atom, cell_vector), ``q`` is ``charge``, and units are those of ``units metal`` unless it
        says ``real``, of which forces become eV/angstrom. Momenta in extended XYZ, as ASE writes them, become
        ``velocity``. Where every frame has them there are the coordinates over ``frame``

        - ``time``: of extended XYZ (``Time=``, taken as fs) and LAMMPS (``ITEM: TIME``, ps or fs)
        - ``step``, 1: of LAMMPS (``ITEM: TIMESTEP``), extended XYZ (``step=``), and XDATCAR, which has no time

        Those that rise evenly in some seventy places are taken to do so in all.

    Raises
    ------
    FileFormatError
        The file is empty, damaged, not what its name says, or of a format that would run code.
    DataError
        Frames differ in their atoms, in the directions in which they repeat, or in a column that is kept once for all.
    MissingDependencyError
        ASE, or a package that it needs for a format, is not installed, or ``lazy=True`` without dask.

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
    if kind not in FORMATS:
        _refuse_elements(path, elements)
    if kind == "netcdf":
        return _with_time(_read_netcdf(path, lazy), timestep)
    source: FrameSource | None = None
    if kind in FORMATS:
        layout = FORMATS[kind]
        source = frames_of(path, lambda text: TextFrames(text, layout, build_index(text, layout)))
        if source.index.rest:
            _say_cut_off(path, len(source), f"{len(source)} whole frames are given")
    else:
        kind = ase_format(path, format)
        if kind in INDEXED:
            source = AseFrames(path, kind)
    if source is None:
        ds = from_ase(read_all(path, kind))
    else:
        ds = with_stamps(
            frames_dataset(source, elements, None if _use_dask(lazy) else slice(None), changing=changing), source
        )
    return _attrs(_with_time(ds, timestep), path, "read_trajectory", kind)


def _with_time(ds: xr.Dataset, timestep: float | None) -> xr.Dataset:
    if timestep is None or "frame" not in ds.dims:
        return ds
    values = np.arange(ds.sizes["frame"]) * float(timestep)
    return ds.assign_coords(time=("frame", values, {"units": "fs", "long_name": "time"}))


def _refuse_elements(path: Path, elements: Elements) -> None:
    if elements is not None:
        raise ParameterError(
            f"elements= names the types of a LAMMPS dump; {path.name} is read as another format: leave it out."
        )


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
    head, packed = first_bytes(path, 4096), path.suffix.lower() in PACKED
    if not head.strip():
        raise FileFormatError(f"{path.name} is empty.")
    path = Path(path.stem) if packed else path
    if head.startswith((b"\x89HDF", b"CDF")) and not packed and path.suffix.lower() in (".nc", ".nc4"):
        return "netcdf"
    if head.startswith(b"ITEM: "):
        return "lammps-dump"
    lines = head.split(b"\n", 9)
    if path.name.upper().startswith("XDATCAR") or (len(lines) > 8 and lines[7].startswith(b"Direct configuration=")):
        return "xdatcar"
    if path.suffix.lower() in (".xyz", ".extxyz"):
        return "extxyz"
    return None


def _number(path: Path, frame: int, n: int) -> int:
    """Number of a frame, from 0."""
    number = frame + n if frame < 0 else frame
    if not 0 <= number < n:
        raise DataError(f"{path.name} has {n} frames; there is no frame {frame}.")
    return number


def _say_cut_off(path: Path, n: int, what: str) -> None:
    warnings.warn(f"{path.name} ends in the middle of frame {n}: {what}.", MIWidgetsWarning, stacklevel=3)


def _text_frames(path: Path, kind: str, frame: int) -> TextFrames:
    """Frames of a text; of an XYZ file whose frames differ in their number of atoms only the asked-for one is kept."""
    layout = FORMATS[kind]
    with contextlib.suppress(DataError):
        return TextFrames(path, layout, build_index(path, layout))
    with path.open("rb") as stream:
        spans, size = [], path.stat().st_size
        while (line := stream.readline()).strip():
            start = stream.tell() - len(line)
            if not line.strip().isdigit() or 2 * int(line) > size:
                break
            for _ in range(int(line) + 1):
                stream.readline()
            spans.append((start, stream.tell(), int(line)))
    return _Chosen(path, kind, spans, _number(path, frame, len(spans)))


class _Chosen(TextFrames):
    """Frames of unlike numbers of atoms, of which one is read."""

    def __init__(self, path: Path, kind: str, spans: list[tuple[int, int, int]], number: int) -> None:
        offsets = np.array([*(s[0] for s in spans), spans[-1][1]])
        super().__init__(path, FORMATS[kind], Index(len(spans), spans[number][2], 0, 0, offsets, b"", 0))


def _read_netcdf(path: Path, lazy: bool | None = None) -> xr.Dataset:
    from mi_widgets.io._netcdf import open_dataset, stays_on_disk

    try:
        ds = open_dataset(path, lazy=lazy)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{path.name} cannot be read as netCDF: {error}. {_AMBER}") from error
    if not {"position", "cell", "pbc"} <= set(ds):
        names = ", ".join(map(str, ds.data_vars))[:200]
        raise LabelError(f"{path.name} holds no structure of mi_widgets: it has {names}. {_AMBER}")
    if "frame" in ds.dims and stays_on_disk(ds.nbytes, lazy):
        ds = ds.chunk({"frame": chunk_length(ds.sizes["atom"]), **dict.fromkeys(ds["position"].dims[-2:], -1)})
    return ds


def _attrs(ds: xr.Dataset, path: Path, function: str, kind: str) -> xr.Dataset:
    title, told = ds.attrs.get("title", path.stem), {"path": path.name, "format": kind}
    ds.attrs = dict(origin(f"structure.{function}", title, told, source=path.name))
    return ds
