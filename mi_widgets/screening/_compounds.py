"""Checked columns of compounds ABX3."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.methods.expression import evaluate

__all__ = ["NAMES", "STATUS", "Columns", "columns_of", "descriptor_of", "named", "status_of"]

RADII = ("r_a", "r_b", "r_x")
STATUS = ("ok", "undefined", "a_not_larger", "bad_radius", "missing", "bad_charge")
_ANGSTROM = {"angstrom": 1.0, "Å": 1.0, "Ang": 1.0, "pm": 0.01, "nm": 10.0}
_LARGEST = 4.0  # angstrom: no ion is as large
#: Known descriptors: what is written for each.
NAMES: Mapping[str, str] = {
    "t": "(r_a + r_x)/(sqrt(2)*(r_b + r_x))",
    "tau": "r_x/r_b - n_a*(n_a - (r_a/r_b)/log(r_a/r_b))",
    "octahedral_factor": "r_b/r_x",
}


class Columns(NamedTuple):
    """Radii in angstrom, the charge of A, the anion, and which compounds can be used."""

    r_a: np.ndarray
    r_b: np.ndarray
    r_x: np.ndarray
    n_a: np.ndarray
    anion: np.ndarray
    status: np.ndarray
    dim: str


def columns_of(ds: Any, who: str) -> Columns:
    """Columns of compounds; what is impossible in one of them is a status, what is wrong in all of them an error."""
    if not isinstance(ds, xr.Dataset):
        raise DataError(f"{who} needs a Dataset of compounds; got {type(ds).__name__}. Make one by "
                        "screening.label_compounds(...).")  # fmt: skip
    missing = [n for n in (*RADII, "n_a") if n not in ds.variables]
    if missing:
        raise LabelError(
            f"{who} needs {missing[0]!r}, and this Dataset has {', '.join(map(str, ds.variables))}. Write "
            f"screening.label_compounds(...) or ds.rename({{'old': {missing[0]!r}}})."
        )
    if "anion" not in ds.variables:
        raise LabelError(
            f"{who} needs the name of the anion of each compound: "
            "ds = ds.assign_coords(anion=('candidate', ['O', 'F', ...]))."
        )
    dims = ds["r_a"].dims
    if len(dims) != 1 or any(ds[n].dims != dims for n in (*RADII, "n_a", "anion")):
        raise LabelError(f"{who}: radii, charge and anion must be along one dimension; r_a has {dims}.")
    radii = [_angstrom(ds[n], who) for n in RADII]
    n_a = _numbers(ds["n_a"], who)
    if not radii[0].size:
        raise DataError(f"{who} got no compound; give some.")
    anion = ds["anion"].values.astype(str)
    r_a, r_b, r_x = radii
    return Columns(r_a, r_b, r_x, n_a, anion, status_of(r_a, r_b, r_x, n_a), str(dims[0]))


def status_of(r_a: np.ndarray, r_b: np.ndarray, r_x: np.ndarray, n_a: np.ndarray) -> np.ndarray:
    """int8 flags, see `STATUS`."""
    out = np.zeros(r_a.shape, dtype=np.int8)
    stack = np.array([r_a, r_b, r_x])
    with np.errstate(invalid="ignore", divide="ignore"):
        out[r_a < r_b] = STATUS.index("a_not_larger")
        out[np.abs(r_a / r_b - 1) < 1e-6] = STATUS.index("undefined")
        out[(n_a < 1) | (n_a > 5) | (n_a != np.round(n_a))] = STATUS.index("bad_charge")
        out[((stack <= 0) | (stack > _LARGEST)).any(axis=0)] = STATUS.index("bad_radius")
    out[~np.isfinite(stack).all(axis=0) | ~np.isfinite(n_a)] = STATUS.index("missing")
    return out


def named(columns: Columns) -> dict[str, np.ndarray]:
    """What an expression can name; NaN where a compound cannot be used at all."""
    bad = columns.status >= STATUS.index("bad_radius")
    plain = {n: np.where(bad, np.nan, getattr(columns, n)) for n in (*RADII, "n_a")}
    n = len(bad)
    known = {name: evaluate(text, plain, n) for name, text in NAMES.items()}
    known["tau"][columns.status == STATUS.index("undefined")] = np.nan
    return plain | {name: np.where(np.isfinite(v), v, np.nan) for name, v in known.items()}


def descriptor_of(columns: Columns, expression: str) -> np.ndarray:
    """Value of an expression for each compound; NaN where it is undefined."""
    values = evaluate(expression, named(columns), columns.status.size)
    return np.where(np.isfinite(values), values, np.nan)


def _numbers(da: xr.DataArray, who: str) -> np.ndarray:
    if da.dtype.kind not in "iuf":
        raise DataError(f"{who}: {da.name!r} holds {da.dtype}, not numbers. Give it numeric values.")
    return np.asarray(da.values, dtype=float)


def _angstrom(da: xr.DataArray, who: str) -> np.ndarray:
    units = str(da.attrs.get("units", ""))
    if units not in _ANGSTROM:
        raise LabelError(
            f"{who}: {da.name!r} is in {units or 'no unit'}; write "
            f"ds[{da.name!r}].attrs['units'] = 'angstrom' (or 'pm', 'nm'), the unit that it has."
        )
    return _numbers(da, who) * _ANGSTROM[units]
