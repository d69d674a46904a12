"""What every reader and writer checks first: paths and options, and what it makes of a damaged file."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mi_widgets.errors import FileFormatError, MIWidgetsError, MIWidgetsWarning, ParameterError
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["as_path", "check_options", "guarded", "seems"]

# First bytes of files that people rename, or save a web page or a picture as.
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"\x89HDF", "an HDF5 or netCDF file"),
    (b"CDF\x01", "a netCDF file"),
    (b"CDF\x02", "a netCDF file"),
    (b"WDF1", "a Renishaw .wdf file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"VAMAS Surface", "a VAMAS file"),
    (b":NANONIS_VERSION:", "a Nanonis scan"),
)


def as_path(path: Any, who: str) -> Path:
    """Give the path, the home folder filled in; raise `ParameterError` for what is none."""
    try:
        text = os.fspath(path)
    except TypeError:
        text = None
    if not isinstance(text, str) or not text:
        came = "empty text" if text == "" else type(path).__name__
        raise ParameterError(
            f'{who}: path must be text or a pathlib.Path; got {came}. Give the name of a file, "folder/name.nc".'
        )
    return Path(text).expanduser()


def check_options(*, variable: Any, dim: Any, units: Any, lazy: Any) -> None:
    """Raise `ParameterError` for options that no file could make right: it is not the file that is wrong."""
    known = ", ".join(SPECTRAL_DIMS)
    for name, value, example in (("dim", dim, "energy"), ("units", units, "eV")):
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise ParameterError(
                f'{name} must be text such as {name}="{example}"; got {value!r}. Leave it out where the file tells.'
            )
    if dim in ("x", "y"):
        raise ParameterError(
            f"dim={dim!r} names a position; dim is the spectral dimension: {known}. Leave it out where the file tells. "
            f"If the file calls its spectral axis {dim!r}, give it another name there, as by "
            f'xarray.open_dataset(path).rename({dim}="energy").'
        )
    if isinstance(variable, bool) or not isinstance(variable, str | int | np.integer | None):
        raise ParameterError(f'variable must be a name or a number, "spectra" or 0; got {variable!r}.')
    if lazy is not None and not isinstance(lazy, bool | np.bool_):
        raise ParameterError(f"lazy must be True, False or None; got {lazy!r}.")


def guarded(file: Path, reader: str, read: Callable[[], Any]) -> Any:
    """Run a reader; whatever a damaged file makes it raise becomes a `FileFormatError`."""
    try:
        with np.errstate(all="ignore"):  # any number can stand in a file; what is not finite is found afterwards
            return read()
    except (MIWidgetsError, MIWidgetsWarning):  # a warning where warnings are errors
        raise
    except Exception as error:  # readers of foreign formats fail in any way on damaged bytes
        raise FileFormatError(
            f"{file.name} could not be read as {reader}{seems(file)}: it is truncated, damaged or not what its name "
            f"says. Copy or export it again. ({type(error).__name__}: {str(error)[:300]})"
        ) from error


def seems(file: Path) -> str:
    """Say what the first bytes of a file tell, as ``", which begins as a PNG image"``; empty if they tell nothing."""
    if file.is_dir():
        return ""
    with file.open("rb") as stream:
        start = stream.read(64).lstrip(b"\xef\xbb\xbf \r\n\t")
    for magic, text in _MAGIC:
        if start.lower().startswith(magic.lower()):
            return f", which begins as {text}"
    return ""
