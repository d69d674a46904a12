"""Open impedance spectra, whatever instrument wrote them."""

import os
import warnings
from pathlib import Path

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, FileFormatError, MIWidgetsWarning, ParameterError
from mi_widgets.history import origin
from mi_widgets.io._doors import as_path, guarded, seems
from mi_widgets.io._finish import bounded_json
from mi_widgets.io._impedance._columns import Columns, columns_of
from mi_widgets.io._impedance._formats import FORMATS, text_lines

__all__ = ["read_impedance"]

_TOGETHER = 1e-4  # frequencies that differ by this share are one


def read_impedance(
    path: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002 - the word that readers of other packages use
    *,
    cycle: int | None = None,
    negative_imaginary: bool | None = None,
) -> xr.Dataset:
    r"""Read impedance spectra that an instrument has written.

    Titles of the columns say what they are: frequency (Hz, kHz, rad/s), real and imaginary part or its negative, or
    modulus and phase. Columns without titles are taken as frequency (Hz), real and imaginary part (ohm). Nothing in a
    file is executed.

    Parameters
    ----------
    path : path-like
        A file: Gamry (.DTA), BioLogic EC-Lab text (.mpt), ZPlot and ZView (.z), Autolab (text), or columns of text.
    format : {"gamry", "biologic", "zview", "text"}, optional
        By default the first lines decide.
    cycle : int, optional
        Read this sweep alone where the file holds several, counted from 0.
    negative_imaginary : bool, optional
        Whether the imaginary column holds the negative imaginary part; by default its title says so. Where there is no
        title and nearly all values are positive they are taken as negative imaginary parts, with a warning.

    Returns
    -------
    xarray.Dataset
        - ``impedance_real``, ``impedance_imag`` ((cycle,) frequency), ohm (ohm*cm**2 if the file says so)
        - ``time`` ((cycle,) frequency), s, where there is one

        Frequencies fall or rise as in the file; where they go up and down they are sorted, falling. Several sweeps at
        the same frequencies have the dimension ``cycle``.

    Raises
    ------
    FileFormatError
        No such file; empty, truncated, damaged, or not what its name says.
    LabelError
        A column that is needed has no title that is known, or an unknown unit.
    DataError
        Frequencies are not above zero; one is there twice; sweeps have different frequencies; nothing is finite.
    ParameterError
        An option is unknown, or there is no such sweep.

    Warns
    -----
    MIWidgetsWarning
        The sign of the imaginary part was guessed, or points were left out because they are not finite.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> file = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = file.write_text("frequency (Hz),Z' (ohm),-Z'' (ohm)\n1000,10,1\n100,12,3\n10,15,2\n")
    >>> read_impedance(file).impedance_imag.values.tolist()
    [-1.0, -3.0, -2.0]
    """
    file = as_path(path, "read_impedance")
    if format is not None and format not in FORMATS:
        raise ParameterError(f"format must be one of {', '.join(map(repr, FORMATS))}; got {format!r}.")
    if cycle is not None and (isinstance(cycle, bool) or not isinstance(cycle, int | np.integer) or cycle < 0):
        raise ParameterError(f"cycle must be the number of a sweep, from 0 on; got {cycle!r}.")
    if negative_imaginary not in (None, True, False):
        raise ParameterError(f"negative_imaginary must be True, False or None; got {negative_imaginary!r}.")
    if not file.is_file():
        what = "is a folder" if file.is_dir() else f"there is none (looked in {Path.cwd()})"
        raise FileFormatError(f"{str(file)!r} is no file: {what}.")
    if not file.stat().st_size:
        raise FileFormatError(f"{file.name} is empty (0 bytes). Copy it again.")

    def read() -> tuple[str, Columns, list[str]]:
        if seems(file):
            raise FileFormatError(f"{file.name} is no text{seems(file)}. Export the spectrum as text.")
        lines = text_lines(file)
        name = format or next(n for n, f in FORMATS.items() if f.takes(lines))
        rows = FORMATS[name].read(lines, file)
        return name, columns_of(rows, file.name), rows.header

    name, columns, header = guarded(file, format or "impedance", read)
    columns.z = _signed(columns, negative_imaginary, file.name)
    ds = _sweeps(columns, cycle, file.name)
    told = {"path": file.name, "format": name, "cycle": cycle}
    ds.attrs = {
        **origin("io.read_impedance", file.stem, told, source=file.name),
        "original_metadata": bounded_json({"header": header}),
    }
    return ds


def _signed(columns: Columns, negative: bool | None, name: str) -> np.ndarray:
    """Impedance with the sign of its imaginary part as it should be."""
    if negative is not None:
        return np.conj(columns.z) if negative != columns.minus else columns.z
    if columns.guessed:
        clear = np.abs(columns.z.imag) > 0.02 * np.abs(columns.z)
        if clear.any() and (columns.z.imag[clear] > 0).mean() > 0.9:
            warnings.warn(
                f"{name}: the columns have no titles and the third is positive: it is taken as -Im Z. Write "
                "negative_imaginary=True or False, or put titles above the columns.",
                MIWidgetsWarning,
                stacklevel=3,
            )
            return np.conj(columns.z)
    return columns.z


def _sweeps(columns: Columns, cycle: int | None, name: str) -> xr.Dataset:
    """One Dataset of all sweeps of a file."""
    good = np.isfinite(columns.frequency) & np.isfinite(columns.z.real) & np.isfinite(columns.z.imag)
    if not good.any():
        raise DataError(f"{name}: no point has finite numbers in all its columns. Is the right file exported?")
    if not good.all():
        text = f"{name}: {int((~good).sum())} of {good.size} points are not finite and left out."
        warnings.warn(text, MIWidgetsWarning, stacklevel=4)
    if (columns.frequency[good] <= 0).any():
        low = columns.frequency[good].min()
        raise DataError(f"{name}: frequencies must be above zero; the least is {low:g} Hz. Remove such lines.")
    number = _numbers(columns)[good]
    f, z = columns.frequency[good], columns.z[good]
    time = columns.time[good] if columns.time is not None else None
    parts = [np.flatnonzero(number == k) for k in np.unique(number)]
    if cycle is not None:
        if cycle >= len(parts):
            raise ParameterError(f"{name} holds {len(parts)} sweeps, 0 to {len(parts) - 1}; got cycle={cycle}.")
        parts = [parts[cycle]]
    parts = [_ordered(part, f, name) for part in parts]
    first = f[parts[0]]
    if any(part.size != first.size or not np.allclose(f[part], first, rtol=_TOGETHER) for part in parts):
        raise DataError(
            f"{name} holds {len(parts)} sweeps at different frequencies. Read one of them, read_impedance(path, "
            f"cycle=0) to cycle={len(parts) - 1}."
        )
    several = len(parts) > 1
    dims = ("cycle", "frequency") if several else ("frequency",)
    index = np.stack(parts) if several else parts[0]
    out = {
        "impedance_real": (dims, z.real[index], {"units": columns.units, "long_name": "impedance, real part"}),
        "impedance_imag": (dims, z.imag[index], {"units": columns.units, "long_name": "impedance, imaginary part"}),
    }
    if time is not None and np.isfinite(time).all():
        out["time"] = (dims, time[index], {"units": "s", "long_name": "time"})
    coords = {"frequency": ("frequency", first, {"units": "Hz", "long_name": "frequency"})}
    if several:
        coords["cycle"] = ("cycle", np.arange(len(parts)), {"units": "1", "long_name": "number of the sweep"})
    return xr.Dataset(out, coords)


def _numbers(columns: Columns) -> np.ndarray:
    """Number of the sweep of each point: from its column, else a new one where the first frequency comes again."""
    if columns.cycle is not None and np.isfinite(columns.cycle).all():
        return columns.cycle
    f = columns.frequency
    again = np.abs(f - f[0]) <= _TOGETHER * abs(f[0])
    return np.cumsum(again) if f.size > 2 and again[1:].any() and not again[1] else np.zeros(f.size)


def _ordered(part: np.ndarray, f: np.ndarray, name: str) -> np.ndarray:
    """Points of one sweep in an order in which frequencies fall or rise."""
    step = np.diff(f[part])
    if (step > 0).all() or (step < 0).all():
        return part
    part = part[np.argsort(-f[part], kind="stable")]
    twice = np.flatnonzero(np.diff(f[part]) == 0)
    if twice.size:
        raise DataError(
            f"{name}: frequency {f[part][twice[0]]:g} Hz is there twice. Keep one value of each, or mark sweeps with a "
            "column 'cycle'."
        )
    return part
