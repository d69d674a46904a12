"""VAMAS, ISO 14976: spectra, series and maps of surface analysis (XPS, AES, UPS, ELS, SIMS)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io._finish import finish_spectra, monotonic
from mi_widgets.io._units import Quantity, compound_unit, plain_unit, spectral_quantity
from mi_widgets.io._vamas_blocks import Block, Experiment, read_blocks
from mi_widgets.labels import SPECTRAL_DIMS

__all__ = ["SUFFIXES", "read"]

SUFFIXES = frozenset({".vms", ".npl"})
# The abbreviations of the standard; "d" is dimensionless, "n" not defined here.
_UNITS = {"c/s": "count / s", "d": "1", "n": "1", "u": "1", "micro C": "uC", "micro m": "um"}
_KEPT = {"source_energy": "excitation_energy", "pass_energy": "pass_energy", "work_function": "work_function"}


def read(
    path: Path, *, variable: str | int | None, dim: str | None, units: str | None, lazy: bool | None = None
) -> xr.DataArray:
    """Read the blocks of a VAMAS file; see `mi_widgets.io.read_spectra`.

    The abscissa stays as it is stored; its ``long_name`` tells kinetic from binding energy, and the attributes
    ``excitation_energy`` and ``work_function`` (eV) convert one into the other. Blocks with one abscissa
    become a map (experiment mode MAP) or a dimension ``block``. `variable` chooses blocks by number, by name or by
    species and transition (``"C 1s"``), or another corresponding variable by its label, or both:
    ``"C 1s/transmission"``.
    """
    del lazy
    experiment = read_blocks(path)
    blocks, label = _choose(experiment, variable, path)
    column = _column(blocks[0], experiment, label)
    axis = _axis(blocks[0], experiment)
    same = all(
        b.columns == blocks[0].columns
        and _axis_name(b, experiment) == _axis_name(blocks[0], experiment)
        and np.array_equal(_axis(b, experiment), axis)
        for b in blocks[1:]
    )
    if not same:
        raise ParameterError(
            f"{path.name} holds blocks with different axes or columns. Write read_spectra(path, variable=0) or another "
            f"of: {_listing(experiment)}."
        )
    quantity, unit = _quantity(blocks[0], experiment, path, dim, units)
    coords: dict[str, Any] = {
        quantity.dim: (quantity.dim, axis, {"units": unit, "long_name": quantity.long_name}),
    }
    values = np.array([b.data[column] for b in blocks])
    text, stated = blocks[0].columns[column]
    attrs: dict[str, Any] = {"units": _value_unit(text, stated), "long_name": text or "intensity"}
    title = blocks[0].name or _region(blocks[0]) if len(blocks) == 1 else str(experiment.header["experiment"])
    if title and title.lower() != "not specified":
        attrs["title"] = title
    for key, name in _KEPT.items():
        if len({b.values.get(key) for b in blocks}) == 1 and (number := blocks[0].number(key)) is not None:
            attrs[name] = number
    if len(blocks) == 1:
        da = xr.DataArray(values[0], coords, (quantity.dim,), attrs=attrs)
    else:
        da = _arrange(values, blocks, experiment, coords, quantity.dim).assign_attrs(attrs)
    return finish_spectra(da, quantity.dim, path=path, reader="vamas", metadata=_metadata(experiment, blocks))


def _name(block: Block) -> str:
    return block.name or _region(block) or block.sample or "unnamed"


def _region(block: Block) -> str:
    return f"{block.values.get('species', '')} {block.values.get('transition', '')}".strip()


def _listing(experiment: Experiment) -> str:
    texts = []
    for i, block in enumerate(experiment.blocks[:20]):
        axis = _axis(block, experiment)
        span = f"{axis[0]:g} to {axis[-1]:g}" if axis.size else "no values"
        labels = "/".join(label for label, _ in _value_columns(block, experiment))
        texts.append(f"{i}: {_name(block)[:40]} ({axis.size} points, {span}, {labels[:60]})")
    more = len(experiment.blocks) - 20
    return "; ".join(texts)[:1200] + (f"; and {more} more" if more > 0 else "")


def _value_columns(block: Block, experiment: Experiment) -> list[tuple[str, str]]:
    return block.columns[1:] if experiment.scan == "IRREGULAR" else block.columns


def _choose(experiment: Experiment, variable: str | int | None, path: Path) -> tuple[list[Block], str | None]:
    """Blocks meant by `variable`, and the label of the corresponding variable if it names one."""
    blocks = experiment.blocks
    if variable is None:
        return blocks, None
    if isinstance(variable, int) and not isinstance(variable, bool) and 0 <= variable < len(blocks):
        return [blocks[variable]], None
    wanted = str(variable)
    found = [b for b in blocks if wanted in (b.name, _region(b), _name(b))]
    if found and not isinstance(variable, int):
        return found, None
    head, _, tail = wanted.rpartition("/")
    kept = [b for b in blocks if not head or head in (b.name, _region(b), _name(b))]
    if kept and all(tail in [label for label, _ in _value_columns(b, experiment)] for b in kept):
        return kept, tail
    raise ParameterError(f"{path.name} has no block {variable!r}. It has: {_listing(experiment)}.")


def _column(block: Block, experiment: Experiment, label: str | None) -> int:
    first = 1 if experiment.scan == "IRREGULAR" else 0
    if len(block.columns) <= first:
        raise DataError(f"block {_name(block)!r} has an axis and no intensity.")
    if label is None:
        return first
    return first + [name for name, _ in block.columns[first:]].index(label)


def _axis_name(block: Block, experiment: Experiment) -> tuple[str, str]:
    """Label and unit of the abscissa; in irregular scans it is the first of the corresponding variables."""
    if experiment.scan == "IRREGULAR":
        return block.columns[0]
    return block.values.get("abscissa_label", ""), block.values.get("abscissa_units", "")


def _axis(block: Block, experiment: Experiment) -> np.ndarray:
    if experiment.scan == "IRREGULAR":
        return block.data[0]
    start, step = block.number("abscissa_start"), block.number("abscissa_increment")
    if start is None or step is None:
        raise DataError(f"block {_name(block)!r} states no start and increment of its axis.")
    # as many digits as the file: 1506.7 - 3 * 0.1 is 1506.4, not 1506.3999999999999
    texts = [block.values[key] for key in ("abscissa_start", "abscissa_increment")]
    axis = start + step * np.arange(block.data.shape[1])
    plain = all(re.fullmatch(r"[+-]?\d*\.?\d*", text) for text in texts)
    digits = max(len(text.partition(".")[2]) for text in texts)
    return np.round(axis, digits) if plain and digits <= 15 else axis


def _quantity(
    block: Block, experiment: Experiment, path: Path, dim: str | None, units: str | None
) -> tuple[Quantity, str]:
    label, stated = _axis_name(block, experiment)
    unit = _UNITS.get(stated) or plain_unit(stated) or "1"
    quantity = spectral_quantity(label, unit)
    if dim is not None and (quantity is None or quantity.dim != dim):
        quantity = Quantity(dim, SPECTRAL_DIMS.get(dim, "1"), label or dim.replace("_", " "))
    if quantity is None:
        raise LabelError(
            f"{path.name}: the axis is called {label!r}, unit {stated!r}, which is not known. Write "
            f'read_spectra(path, dim="energy", units="eV") or another dim of {", ".join(SPECTRAL_DIMS)}.'
        )
    return quantity, units or (quantity.units if unit == "1" else unit)


def _value_unit(label: str, stated: str) -> str:
    unit = _UNITS.get(stated) or compound_unit(stated) or "1"
    if unit == "1" and re.search(r"count.?rate|counts? ?(per|/) ?s|^cps$", label, re.IGNORECASE):
        return "count / s"
    return "count" if unit == "1" and re.fullmatch(r"counts?", label, re.IGNORECASE) else unit


def _arrange(
    values: np.ndarray, blocks: Sequence[Block], experiment: Experiment, coords: dict[str, Any], spectral: str
) -> xr.DataArray:
    """Put the blocks on a map where their positions are one, else along ``block``."""
    xs, ys = [b.number("x") for b in blocks], [b.number("y") for b in blocks]
    if experiment.discrete is not None and None not in xs and None not in ys:
        x, ix = np.unique(np.array(xs, dtype=float), return_inverse=True)
        y, iy = np.unique(np.array(ys, dtype=float), return_inverse=True)
        flat = iy * x.size + ix
        # a full map, or one with some pixels missing; scattered points stay a list
        if np.unique(flat).size == flat.size and x.size * y.size <= 4 * flat.size:
            cube = np.full((y.size * x.size, values.shape[1]), np.nan)
            cube[flat] = values
            places = {"y": _position(y, "y", blocks, experiment), "x": _position(x, "x", blocks, experiment)}
            return xr.DataArray(cube.reshape(y.size, x.size, -1), {**coords, **places}, ("y", "x", spectral))
    names = np.array([_name(b) for b in blocks], dtype=str)
    da = xr.DataArray(values, coords, ("block", spectral))
    da = da.assign_coords(block_name=("block", names, {"units": "1", "long_name": "block identifier"}))
    for i, (label, unit) in enumerate(experiment.variables):
        given = np.array([b.variables[i] for b in blocks])
        if monotonic(given):
            attrs = {
                "units": _UNITS.get(unit) or plain_unit(unit) or "1",
                "long_name": label or "experimental variable",
            }
            return da.assign_coords(block=("block", given, attrs))
    return da.assign_coords(block=("block", np.arange(len(blocks)), {"units": "1", "long_name": "block"}))


def _position(
    values: np.ndarray, dim: str, blocks: Sequence[Block], experiment: Experiment
) -> tuple[str, np.ndarray, dict[str, str]]:
    """Micrometres where the file tells the field of view and the number of positions in it, else as stored."""
    views = {b.number(f"field_of_view_{dim}") for b in blocks}
    n = (experiment.discrete or (0, 0))[0 if dim == "x" else 1]
    (view,) = views if len(views) == 1 else (None,)
    whole = bool((values == np.round(values)).all()) and values.min() >= 0 and values.max() <= n
    if view is not None and view > 0 and n > 1 and whole:
        return dim, values * view / n, {"units": "um", "long_name": dim}
    return dim, values, {"units": "1", "long_name": f"{dim} (position number)"}


def _metadata(experiment: Experiment, blocks: Sequence[Block]) -> dict[str, Any]:
    def of(block: Block) -> dict[str, Any]:
        extra = {label: f"{value} {unit}".strip() for label, unit, value in block.extra}
        columns = [f"{label} ({unit})" for label, unit in block.columns]
        known = {k: v for k, v in block.values.items() if v and not v.upper().startswith("1E+037") and v != "1E37"}
        comment = {"comment": block.comment} if block.comment else {}
        return {"name": block.name, "sample": block.sample, **known, "columns": columns, **extra, **comment}

    shown = {str(i): of(block) for i, block in enumerate(blocks[:50])}
    return {"mode": experiment.mode, "scan": experiment.scan, "header": experiment.header, "blocks": shown}
