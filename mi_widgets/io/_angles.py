"""Tables of angles as plain text: one grain in each row."""

import re
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import FileFormatError, MIWidgetsWarning, ParameterError
from mi_widgets.io._doors import as_path

__all__ = ["read_angles"]

_SPLIT = re.compile(r"[,;\t ]+")
#: What may stand in brackets behind a name.
_UNITS = {
    **dict.fromkeys(("deg", "degree", "degrees", "°", "º"), "degree"),
    **dict.fromkeys(("rad", "radian", "radians"), "radian"),
}
#: Names of columns that are known, in lower case, and their unit where the heading gives none.
_KNOWN = {"x": "um", "y": "um", "length": "um", "width": "um", "sample": "", "weight": "1"}


def read_angles(path: str | Path, *, column: str | int = 0, units: str | None = None) -> xr.DataArray:
    r"""Read angles of grains from plain text or CSV, one grain in each row.

    Columns are parted by commas, semicolons, tabs or spaces; ``#`` begins a comment. Where the first row holds names,
    a unit may stand in brackets behind each: ``angle (deg), x (mm), y (mm), sample``.

    Parameters
    ----------
    path : str or Path
        The file.
    column : str or int
        Name or number, from 0, of the column of angles; a name is found without regard to its unit.
    units : {"degree", "radian"}, optional
        Unit of the angles; by default as the heading says, else degree.

    Returns
    -------
    xarray.DataArray
        ``angle`` (grain) in `units`; NaN where a cell is empty or says ``nan``. Coordinates ``x``, ``y``, ``length``,
        ``width`` (as the heading says, else um) and ``sample`` where columns of these names are there.

    Raises
    ------
    FileFormatError
        There is no such file or column, a cell is no number, rows differ in length, or the heading names another unit.
    ParameterError
        `units` is unknown.

    Warns
    -----
    MIWidgetsWarning
        A file without names may have decimal commas, which are read as two columns.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "grains.csv"
    >>> _ = file.write_text("angle (deg), sample\n12, a\n171, b\n")
    >>> angles = read_angles(file)
    >>> angles.values, angles.units, angles["sample"].values.tolist()
    (array([ 12., 171.]), 'degree', ['a', 'b'])
    """
    if units not in (None, "degree", "radian"):
        raise ParameterError(f"read_angles: units must be 'degree' or 'radian'; got {units!r}.")
    path = as_path(path, "read_angles")
    names, rows = _table(path)
    where = _place(names, column, len(rows[0]), path)
    values = _numbers([row[where] for row in rows], path)
    if not names and not where:
        _doubt_commas(path, rows)
    found = _unit(names[where] if names else "", units, path)
    out = xr.DataArray(
        values, dims="grain", name="angle",
        coords={"grain": ("grain", np.arange(values.size), {"units": "1", "long_name": "grain"})},
        attrs={"units": units or found, "long_name": "angle", "source": path.name},
    )  # fmt: skip
    for k, text in enumerate(names):
        name, unit = _name_and_unit(text)
        if k == where or name not in _KNOWN:
            continue
        cells = [row[k] for row in rows]
        values = np.array(cells, dtype=np.str_) if name == "sample" else _numbers(cells, path)
        attrs = {"long_name": name} | ({} if name == "sample" else {"units": unit or _KNOWN[name]})
        out = out.assign_coords({name: ("grain", values, attrs)})
    return out


def _table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Names of the columns, if there are any, and the cells."""
    if not path.is_file():
        what = "is a folder" if path.is_dir() else f"there is none (looked in {Path.cwd()})"
        raise FileFormatError(f"{str(path)!r} is no file: {what}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FileFormatError(f"{path.name} is no text in UTF-8; save it as plain text or CSV.") from None
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    if not lines:
        raise FileFormatError(f"{path.name} holds no rows; it needs one angle in each.")
    mark = next((m for m in (";", "\t", ",") if m in lines[0]), None)
    rows = [[c.strip() for c in (line.split(mark) if mark else _SPLIT.split(line))] for line in lines]
    names: list[str] = []
    if not any(_is_number(cell) for cell in rows[0]):
        names = [c.strip() for c in lines[0].split(mark)] if mark else re.findall(r"\S+(?: ?\([^)]*\))?", lines[0])
        rows = rows[1:]
    width = len(names) or len(rows[0]) if rows else 0
    bad = next((k for k, row in enumerate(rows) if len(row) != width), None)
    if not rows or bad is not None:
        what = (
            "has no rows below its heading" if not rows else f"has {len(rows[bad or 0])} cells in row {(bad or 0) + 1}"
        )
        raise FileFormatError(f"{path.name} {what}; every row needs {width or 'the same number of'} cells.")
    return names, rows


def _unit(heading: str, units: str | None, path: Path) -> str:
    """Unit of the angles: as asked for, else as the heading says, else degree."""
    name, said = _name_and_unit(heading)
    if not said:
        said = "rad" if re.search(r"(\b|_)rad(ians?)?$", name) else "deg"
    if units is None and said.lower() not in _UNITS:
        raise FileFormatError(
            f"{path.name}: {heading!r} is in {said!r}; angles are read in degree or radian. Convert them, or write "
            "units='degree' where the heading is wrong."
        )
    return units or _UNITS[said.lower()]


def _doubt_commas(path: Path, rows: list[list[str]]) -> None:
    """Warn where 12,5 may be one number and has been read as two."""
    if len(rows[0]) == 2 and all(re.fullmatch(r"\d+", cell) for row in rows for cell in row):
        text = path.read_text(encoding="utf-8-sig")
        if not re.search(r"[;\t ]|\d,\s", text):
            warnings.warn(
                f"{path.name}: {rows[0][0]},{rows[0][1]} is read as two columns. Where the comma is decimal, write a "
                "point; where not, put names above the columns.",
                MIWidgetsWarning,
                stacklevel=3,
            )


def _place(names: list[str], column: str | int, width: int, path: Path) -> int:
    if isinstance(column, str):
        plain = [_name_and_unit(n)[0] for n in names]
        for wanted, there in ((column, names), (column.lower(), plain)):
            if wanted in there:
                return there.index(wanted)
        raise FileFormatError(f"{path.name} has no column {column!r}; there are {', '.join(names) or 'no names'}.")
    if isinstance(column, bool) or not 0 <= column < width:
        raise FileFormatError(f"{path.name} has {width} columns; there is no column {column!r}, counted from 0.")
    return column


def _name_and_unit(heading: str) -> tuple[str, str]:
    match = re.fullmatch(r"\s*([^(\[]*?)\s*[(\[]([^)\]]*)[)\]]\s*", heading)
    name, unit = (match[1], match[2].strip()) if match else (heading.strip(), "")
    return name.lower(), {"µm": "um", "micron": "um"}.get(unit, unit)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(cells: list[str], path: Path) -> np.ndarray:
    out = np.full(len(cells), np.nan)
    for k, cell in enumerate(cells):
        if not cell or cell.lower() in ("nan", "na"):
            continue
        try:
            out[k] = float(cell)
        except ValueError:
            raise FileFormatError(f"{path.name}: {cell!r} in row {k + 1} is no number.") from None
    return out
