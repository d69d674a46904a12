"""One layer of a film or substrate, with its atoms about where they are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mi_widgets.datasets._substrates import load_films, load_substrates
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure

__all__ = ["PROTOTYPES", "make_layer"]

#: Kinds of layers that can be drawn.
PROTOTYPES = ("honeycomb", "MX", "2H", "1T", "quintuple", "corundum", "lattice")
#: Typical lengths of bonds between metal and other (angstrom), from which heights follow.
_BONDS = {"Mo S": 2.41, "W S": 2.41, "Mo Se": 2.53, "W Se": 2.53, "Mo Te": 2.72, "Ga S": 2.33, "Ga Se": 2.47,
          "Ga Te": 2.68, "In Se": 2.63, "Sn S": 2.56, "Sn Se": 2.69, "Hf Se": 2.66, "Zr Se": 2.66, "Cd I": 2.99,
          "Pb I": 3.22}  # fmt: skip
_PAIRS = {"Ga": 2.45, "In": 2.78}  # bonds between metals in MX
_A, _B, _C = (0.0, 0.0), (1 / 3, 2 / 3), (2 / 3, 1 / 3)


def make_layer(layer: str | Mapping[str, Any] | pd.Series, *, a: float | None = None) -> xr.Dataset:
    """Make one layer of a film or of a substrate as a structure, to be stacked and looked at.

    Parameters
    ----------
    layer : str, mapping or pandas.Series
        Name in `load_substrates` or `load_films`, or a row of such a table: ``a`` and, where not hexagonal, ``b``
        (angstrom) and ``gamma`` (degree), ``prototype``, ``elements``, ``buckling`` (angstrom).
    a : float, optional
        Another lattice constant (angstrom).

    Returns
    -------
    xarray.Dataset
        Structure of one cell, see `mi_widgets.labels.label_structure`; it repeats along a and b. Of a row without a
        known ``prototype``, or whose lattice is not about hexagonal, a single atom ``X`` for each cell.

    Raises
    ------
    ParameterError
        There is no such layer, or a length is not above zero.
    DataError
        A row has no lattice constant.

    Notes
    -----
    Heights follow from typical bond lengths; nothing is relaxed. It is a picture of how cells coincide and no model to
    calculate from.

    Examples
    --------
    >>> make_layer("germanene").element.values.tolist()
    ['Ge', 'Ge']
    """
    name, line = _row(layer)
    length = line.get("a") if a is None else a
    if length is None or not np.isfinite(float(length)):
        raise DataError(f"layer {name!r} has no lattice constant; give it a value 'a' in angstrom.")
    b, gamma = (float(line.get(k, np.nan)) if line.get(k) is not None else np.nan for k in ("b", "gamma"))
    b, gamma = float(length) if np.isnan(b) else b, 120.0 if np.isnan(gamma) else gamma
    if float(length) <= 0 or b <= 0 or not 20 <= gamma <= 160:
        raise ParameterError(
            f"layer {name!r}: a and b must be above 0 angstrom and gamma 20 to 160 degrees; got a={float(length):g}, "
            f"b={b:g}, gamma={gamma:g}."
        )
    hexagonal = abs(b / float(length) - 1) < 0.05 and abs(gamma - 120.0) < 3.0  # as all prototypes are
    elements, fractions, heights = _atoms(line if hexagonal else {}, float(length))
    turn = np.deg2rad(gamma)
    cell = np.array([[float(length), 0, 0], [b * np.cos(turn), b * np.sin(turn), 0], [0, 0, np.ptp(heights) + 15.0]])
    position = np.concatenate([fractions @ cell[:2, :2], heights[:, None] - heights.min()], axis=1)
    ds = label_structure(position, elements, cell=cell, pbc=(True, True, False))
    given = {"layer": name, "a": float(length), "prototype": str(line.get("prototype", ""))}
    return ds.assign_attrs(origin("datasets.make_layer", f"One layer of {name}", given, source="typical bond lengths"))


def _row(layer: str | Mapping[str, Any] | pd.Series) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(layer, str):
        return str(getattr(layer, "name", None) or "layer"), dict(layer)
    for table in (load_films(), load_substrates()):
        if layer in table.index:
            return layer, table.loc[layer].to_dict()
    known = ", ".join([*load_films().index, *load_substrates().index])
    raise ParameterError(f"there is no layer {layer!r}; there are {known}. Or give a row of a table.")


def _atoms(line: Mapping[str, Any], a: float) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Elements, places in the cell and heights (angstrom)."""
    kind, names = str(line.get("prototype", "")), str(line.get("elements", "")).split()
    if kind not in PROTOTYPES[:-1] or len(names) != 2:
        return ["X"], np.array([_A]), np.zeros(1)
    one, two = names
    high = _height(_BONDS.get(f"{one} {two}", 0.0), a)
    if kind == "honeycomb":
        buckling = line.get("buckling", 0.0)
        atoms = [(one, _B, 0.0), (two, _C, 0.0 if pd.isna(buckling) else float(buckling))]
    elif kind == "MX":
        half = _PAIRS.get(one, 2.5) / 2
        atoms = [(two, _C, -half - high), (one, _B, -half), (one, _B, half), (two, _C, half + high)]
    elif kind == "2H":
        atoms = [(two, _C, -high), (one, _B, 0.0), (two, _C, high)]
    elif kind == "1T":
        atoms = [(two, _B, -high), (one, _A, 0.0), (two, _C, high)]
    elif kind == "quintuple":
        inner, outer = 1.95, 3.6
        atoms = [(two, _B, -outer), (one, _C, -inner), (two, _A, 0.0), (one, _B, inner), (two, _C, outer)]
    else:
        x = 0.306
        atoms = [(one, _C, -0.84), (two, (x, 0.0), 0.0), (two, (0.0, x), 0.0), (two, (1 - x, 1 - x), 0.0),
                 (one, _B, 0.84)]  # fmt: skip
    elements, fractions, heights = zip(*atoms, strict=True)
    return list(elements), np.array(fractions), np.array(heights)


def _height(bond: float, a: float) -> float:
    """Height above the metal of an atom over the middle of a triangle of the lattice."""
    return float(np.sqrt(bond**2 - a**2 / 3)) if bond > a / 3**0.5 + 0.05 else 1.55
