"""What every reader and writer checks first: paths and options."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from mi_widgets.errors import ParameterError
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["as_path", "check_options"]


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
