"""Colours of atoms: by element, by a value, by a category; what is missing is grey."""

import colorsys
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots._style import color_limits, is_signed, palette, plain, text_of

__all__ = [
    "MISSING", "Colors", "categories_of", "category_colors", "color_atoms", "colorable", "element_numbers", "flags_of",
    "is_category", "per_atom", "rgb",
]  # fmt: skip

MISSING = "#b4b9be"
# Jmol's colours, which most programs share, by atomic number; 0 is an atom of unknown kind.
_TABLE = """
    b4b9be ffffff d9ffff cc80ff c2ff00 ffb5b5 909090 3050f8 ff0d0d 90e050 b3e3f5 ab5cf2 8aff00 bfa6a6 f0c8a0 ff8000
    ffff30 1ff01f 80d1e3 8f40d4 3dff00 e6e6e6 bfc2c7 a6a6ab 8a99c7 9c7ac7 e06633 f090a0 50d050 c88033 7d80b0 c28f8f
    668f8f bd80e3 ffa100 a62929 5cb8d1 702eb0 00ff00 94ffff 94e0e0 73c2c9 54b5b5 3b9e9e 248f8f 0a7d8c 006985 c0c0c0
    ffd98f a67573 668080 9e63b5 d47a00 940094 429eb0 57178f 00c900 70d4ff ffffc7 d9ffc7 c7ffc7 a3ffc7 8fffc7 61ffc7
    45ffc7 30ffc7 1fffc7 00ff9c 00e675 00d452 00bf38 00ab24 4dc2ff 4da6ff 2194d6 267dab 266696 175487 d0d0e0 ffd123
    b8b8d0 a6544d 575961 9e4fb5 ab5c00 754f45 428296 420066 007d00 70abfa 00baff 00a1ff 008fff 0080ff 006bff 545cf2
    785ce3 8a4fe3 a136d4 b31fd4 b31fba b30da6 bd0d87 c70066 cc0059 d1004f d90045 e00038 e6002e eb0026
    """
_ELEMENTS = tuple(_TABLE.split())
# Each one far from those before it, whatever the light, and with red-green colour blindness too.
_CATEGORIES = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#332288", "#d55e00", "#88ccee", "#556b2f", "#882255", "#ddcc77",
    "#f0e442", "#c51b7d", "#2f4f4f", "#fb9a99", "#999933", "#aa4499", "#40e0d0", "#a6d854",
)  # fmt: skip
_MOST_CATEGORIES = 12
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Colors:
    """Colours of atoms with what a legend needs.

    Attributes
    ----------
    rgb : (n_atoms, 3) uint8
    kind : {"element", "categorical", "continuous"}
    title : str
    values : (n_atoms,)
        float32, or for categories the index into `labels`; NaN and -1 are missing.
    labels, label_colors : list of str
    limits : (float, float) or None
    palette : list of str
    categories : list
        Values that the labels stand for, where they are taken from the array itself.
    """

    rgb: np.ndarray
    kind: str
    title: str
    values: np.ndarray
    labels: list[str] = field(default_factory=list)
    label_colors: list[str] = field(default_factory=list)
    limits: tuple[float, float] | None = None
    palette: list[str] = field(default_factory=list)
    categories: list[Any] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Number of atoms without a value."""
        return int((~np.isfinite(self.values) if self.kind == "continuous" else self.values < 0).sum())


def rgb(colors: Sequence[str]) -> np.ndarray:
    """Hexadecimal colours as bytes, ``(n, 3)``."""
    text = "".join(str(c).lstrip("#")[:6] for c in colors)
    return np.frombuffer(bytes.fromhex(text), dtype=np.uint8).reshape(-1, 3)


def element_numbers(elements: np.ndarray) -> np.ndarray:
    """Atomic numbers, 0 where the species is unknown."""
    from mi_widgets.methods._elements import SYMBOLS

    table = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    kinds, inverse = np.unique(np.asarray(elements).astype(str), return_inverse=True)
    return np.array([table.get(k, 0) for k in kinds], dtype=np.int16)[inverse].reshape(len(inverse))


def color_atoms(
    ds: xr.Dataset,
    by: str = "element",
    *,
    limits: Sequence[float] | None = None,
    cmap: str | None = None,
    categories: Sequence[Any] | bool | None = None,
) -> Colors:
    """Colours of the atoms of one frame.

    Parameters
    ----------
    ds : xarray.Dataset
        One frame, dim ``atom``.
    by : str
        ``"element"``, or the name of a variable or coordinate over ``atom``. Whole numbers with CF's ``flag_values``
        and ``flag_meanings`` are categories with these names, and with the colours of ``flag_colors``.
    limits : (float, float), optional
        Values at the ends of the colours; by default the 2nd and 98th percentile.
    cmap : str, optional
        Name of a colour map.
    categories : sequence or bool, optional
        Values in the order of their colours; others come after them. True or False: names or a scale, whatever the
        array looks like.
    """
    if by == "element":
        return _by_element(ds)
    if by not in ds.variables:
        raise LabelError(f"no variable {by!r} to colour by; there are {', '.join(per_atom(ds))}.")
    da = ds[by]
    if da.dims != ("atom",):
        raise DataError(
            f"colours need one value for each of the {ds.sizes['atom']} atoms; {by!r} has {dict(da.sizes)}. "
            f"Give it as structure[{by!r}] = ('atom', values)."
        )
    flags = flags_of(da)
    if flags is not None:
        return _by_flags(da, *flags)
    if isinstance(categories, str) or not (categories is None or isinstance(categories, (bool, Sequence))):
        raise ParameterError(f"categories must be a list of values, True, False or None; got {categories!r}.")
    named = categories if isinstance(categories, bool) else categories is not None or is_category(da)
    if not named:
        return _by_value(da, limits, cmap)
    return _by_category(da, () if categories is None or isinstance(categories, bool) else categories)


def per_atom(ds: xr.Dataset) -> list[str]:
    """Names by which atoms can be coloured."""
    names = [str(n) for n, v in ds.variables.items() if set(v.dims) in ({"atom"}, {"atom", "frame"})]
    return ["element", *(n for n in names if n != "element")]


def colorable(ds: xr.Dataset) -> list[str]:
    """Those of `per_atom` that hold numbers or names."""
    return [n for n in per_atom(ds) if n == "element" or ds[n].dtype.kind in "iufbUSO"]


def is_category(da: xr.DataArray) -> bool:
    """Whether an array over atoms holds names or a few whole numbers."""
    if da.dtype.kind in "OUSb":
        return True
    return da.dtype.kind in "iu" and np.unique(da.values).size <= _MOST_CATEGORIES and str(da.name) != "atom"


def _by_element(ds: xr.Dataset) -> Colors:
    symbols = np.asarray(ds["element"].values).astype(str)
    kinds, codes = np.unique(symbols, return_inverse=True)
    table = [f"#{_ELEMENTS[n]}" for n in element_numbers(kinds)]
    table = ["#ececec" if c == "#ffffff" else c for c in table]  # hydrogen on white paper
    out = rgb(table)[codes] if table else np.zeros((0, 3), np.uint8)
    return Colors(out, "element", "element", codes.astype(np.int16), kinds.tolist(), table)


def category_colors(n: int) -> list[str]:
    """Colours of `n` categories, none of them twice."""
    more = (colorsys.hls_to_rgb(0.618034 * k % 1, (0.35, 0.55, 0.7)[k % 3], 0.75) for k in range(n - len(_CATEGORIES)))
    return [*_CATEGORIES[:n], *("#" + "".join(f"{round(255 * v):02x}" for v in one) for one in more)]


def flags_of(da: xr.DataArray) -> tuple[np.ndarray, list[str], list[str]] | None:
    """Values, names and colours that the attributes of whole numbers give them; None where there are none that fit."""
    values = np.atleast_1d(np.asarray(da.attrs.get("flag_values", [])))
    given = da.attrs.get("flag_meanings", [])
    one = isinstance(given, str)
    names = [given] if one and values.size == 1 else given.split() if one else [str(v) for v in np.atleast_1d(given)]
    colors = [str(c) for c in np.atleast_1d(da.attrs.get("flag_colors", []))]
    if da.dtype.kind not in "iu" or values.dtype.kind not in "iu" or not 0 < values.size == len(names):
        return None
    fits = len(colors) == len(names) and all(_HEX.fullmatch(c) for c in colors)
    return values, [plain(name) for name in names], colors if fits else category_colors(len(names))


def _by_flags(da: xr.DataArray, flags: np.ndarray, names: list[str], colors: list[str]) -> Colors:
    order = np.argsort(flags, kind="stable")
    values = np.asarray(da.values)
    at = np.minimum(np.searchsorted(flags, values, sorter=order), len(flags) - 1)
    codes = np.where(flags[order][at] == values, order[at], -1).astype(np.int16)
    return Colors(rgb([*colors, MISSING])[codes], "categorical", text_of(da), codes, names, colors)


def _by_category(da: xr.DataArray, first: Sequence[Any] = ()) -> Colors:
    values = np.asarray(da.values)
    absent = np.array([_absent(v) for v in values.tolist()], dtype=bool)
    known = set(first)
    kinds = [*first, *(kind for kind in categories_of(da) if kind not in known)]
    table = category_colors(len(kinds))
    place = {kind: i for i, kind in enumerate(kinds)}
    codes = np.array([-1 if none else place[v] for v, none in zip(values.tolist(), absent, strict=True)], np.int16)
    out = rgb([*table, MISSING])[codes] if len(codes) else np.zeros((0, 3), np.uint8)
    return Colors(out, "categorical", text_of(da), codes, [str(k) for k in kinds], table, categories=kinds)


def categories_of(da: xr.DataArray) -> list[Any]:
    """Names and numbers that an array holds, in order, without what is missing."""
    flat = np.asarray(da.values).ravel()
    kinds = set(flat.tolist() if flat.dtype.kind == "O" else np.unique(flat).tolist())
    return sorted((v for v in kinds if not _absent(v)), key=_order)


def _absent(value: Any) -> bool:
    return bool(value is None or value == "" or value != value)


def _order(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, (bool, int, float)) else (1, str(value))


def _by_value(da: xr.DataArray, limits: Sequence[float] | None, cmap: str | None) -> Colors:
    if da.dtype.kind not in "iuf":
        raise DataError(f"cannot colour by {da.name!r}: its values are {da.dtype}, and numbers or names are needed.")
    values = np.asarray(da.values, dtype=float)
    if limits is None:
        low, high = color_limits(da)
    else:
        low, high = (float(v) for v in limits)
        if not (np.isfinite([low, high]).all() and low < high):
            raise ParameterError(f"limits must be two numbers, the lower one first; got {list(limits)}.")
    colors = list(palette(is_signed(values) and limits is None, cmap))
    table = rgb([*colors, MISSING])
    with np.errstate(invalid="ignore"):
        where = np.clip((values - low) / (high - low) * (len(colors) - 1), 0, len(colors) - 1)
    at = np.where(np.isfinite(values), np.nan_to_num(where), len(colors)).round().astype(int)
    return Colors(table[at], "continuous", text_of(da), values.astype(np.float32), limits=(low, high), palette=colors)
