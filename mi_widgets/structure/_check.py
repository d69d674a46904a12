"""Checks of structures on the way in, and what every result gets on the way out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.structure._cells import check_cells

__all__ = [
    "Frames", "check_structure", "check_values", "finish", "finish_array", "group_atoms", "one_frame", "positive",
    "whole",
]  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """Arrays of a structure, frames first: a single structure is one frame.

    Attributes
    ----------
    position : (n_frames, n_atoms, 3)
        NumPy or dask.
    cell : (n_frames or 1, 3, 3)
    pbc : (3,) bool
    """

    position: Any
    cell: Any
    pbc: np.ndarray

    @property
    def lazy(self) -> bool:
        """Whether anything is a dask array."""
        return hasattr(self.position, "dask") or hasattr(self.cell, "dask")


def check_structure(structure: xr.Dataset, *, who: str) -> Frames:
    """Arrays of a structure whose labels are right; values are checked where they are computed."""
    if not isinstance(structure, xr.Dataset):
        raise LabelError(
            f"{who} needs a Dataset with 'position' and 'cell'; got {type(structure).__name__}. Write "
            "structure.from_ase(atoms) or structure.read_structure(path)."
        )
    missing = [name for name in ("position", "cell", "pbc") if name not in structure]
    if missing:
        raise LabelError(f"{who}: the structure has no {missing[0]!r}; write structure.from_ase(atoms).")
    position, cell = structure["position"], structure["cell"]
    over = [d for d in position.dims if d not in ("atom", "axis")]
    wrong = {"atom", "axis"} - set(position.dims) or set(over) - {"frame"}
    if wrong or set(cell.dims) - {"frame"} != {"cell_vector", "axis"} or position.sizes["axis"] != 3:
        raise LabelError(
            f"{who}: position needs dims ((frame,) atom, axis) and cell ((frame,) cell_vector, axis); got "
            f"{position.dims} and {cell.dims}. Name them with labels.label_structure(positions, elements, cell=cell)."
        )
    for name in ("position", "cell"):
        if structure[name].dtype.kind not in "iuf":
            raise DataError(f"{who}: {name} holds {structure[name].dtype}, not numbers.")
    data = position.transpose(*over, "atom", "axis").data
    vectors = cell.transpose(*[d for d in cell.dims if d == "frame"], "cell_vector", "axis").data
    return Frames(
        data if over else data[None],
        vectors if vectors.ndim == 3 else vectors[None],
        np.asarray(structure["pbc"].values, dtype=bool),
    )


def check_values(
    position: np.ndarray, cell: np.ndarray, pbc: np.ndarray, *, who: str, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Positions and cells of some frames as float64, one cell for each frame; raises where they are not usable."""
    position = np.asarray(position, dtype=float)
    finite = np.isfinite(position).all(axis=-1)
    if not finite.all():
        frame, atom = (int(k) for k in np.argwhere(~finite)[0])
        raise DataError(
            f"{who}: {int((~finite).sum())} positions are not finite, the first in frame {first + frame}, atom {atom}. "
            "Leave such atoms out: structure.isel(atom=np.isfinite(structure.position).all('axis'))."
        )
    cells = check_cells(np.asarray(cell, dtype=float), pbc, who=who, first=first)
    return position, np.broadcast_to(cells, (len(position), 3, 3))


def one_frame(structure: xr.Dataset, *, who: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Position (n_atoms, 3), cell (3, 3) and pbc of a single structure."""
    frames = check_structure(structure, who=who)
    if len(frames.position) != 1:
        raise LabelError(f"{who} takes one structure, not {len(frames.position)} frames: trajectory.isel(frame=0).")
    position, cell = check_values(np.asarray(frames.position), np.asarray(frames.cell), frames.pbc, who=who)
    return position[0], np.array(cell[0]), frames.pbc


def group_atoms(structure: xr.Dataset, by: str, *, who: str) -> tuple[list[Any], np.ndarray]:
    """Values of a per-atom label in order of appearance, and the number of its value for each atom."""
    if by not in structure or structure[by].dims != ("atom",):
        known = [str(n) for n in structure.variables if structure[n].dims == ("atom",) and n != "atom"]
        raise LabelError(f"{who}: by={by!r} is no array over atom; there are {', '.join(known)}.")
    values = structure[by].values
    names, first, index = np.unique(
        values.astype(str) if values.dtype == object else values, return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return names[order].tolist(), rank[index].astype(np.int64)


def positive(name: str, value: Any, *, who: str) -> float:
    """A number above zero."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not (np.isfinite(number) and number > 0):
        raise ParameterError(f"{who}: {name} must be a number above zero; got {value!r}.")
    return number


def whole(name: str, value: Any, *, who: str, least: int = 1, most: int | None = None) -> int:
    """A whole number in a range."""
    try:
        number = None if isinstance(value, bool | str) or int(value) != value else int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number < least or (most is not None and number > most):
        reach = f"{least} or more" if most is None else f"from {least} to {most}"
        raise ParameterError(f"{who}: {name} must be a whole number, {reach}; got {value!r}.")
    return number


def finish(
    ds: xr.Dataset,
    function: str,
    title: str,
    parameters: Mapping[str, Any],
    references: Sequence[str] = (),
    *,
    of: xr.Dataset | xr.DataArray | None = None,
) -> xr.Dataset:
    """Global attributes of a result; `of` is what it was made of, whose source is kept."""
    ds.attrs = dict(origin(f"structure.{function}", title, parameters, of=of))
    if references:
        ds.attrs["references"] = "; ".join(references)
    return ds


def finish_array(
    array: xr.DataArray, function: str, title: str, parameters: Mapping[str, Any], *, of: xr.Dataset
) -> xr.DataArray:
    """Attributes of a result that is one array, beside its unit and name."""
    return array.assign_attrs(origin(f"structure.{function}", title, parameters, of=of))
