"""Frames of a file as a Dataset: in memory, or as dask arrays."""

import importlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.labels import label_structure
from mi_widgets.structure._source import FrameArray, FrameSource
from mi_widgets.structure.convert import add_array, usable_pbc

__all__ = ["Elements", "chunk_length", "frames_dataset", "with_stamps"]

#: Chemical symbols of LAMMPS's types.
Elements = Mapping[int, str] | Sequence[str] | None
_CHUNK_BYTES = 8_000_000


def chunk_length(n_atoms: int) -> int:
    """Number of frames that are read together."""
    return min(max(int(_CHUNK_BYTES / (24 * max(n_atoms, 1))), 1), 256)


def frames_dataset(
    source: FrameSource, elements: Elements, frames: slice | None, *, like: int = 0, changing: Collection[str] = ()
) -> xr.Dataset:
    """Dataset of some frames in memory, or of all as dask arrays; arrays are those that the frame `like` has."""
    source.changing = frozenset([changing] if isinstance(changing, str) else changing)
    first = source.frame(like)
    if elements is not None and "type" in source.changing:
        raise ParameterError(
            "elements= names atoms by their types, which then must stay: leave 'type' out of changing=."
        )
    symbols = _symbols(first.elements, first.arrays.get("type"), elements)

    def values(name: str, sample: Any) -> Any:
        text = np.asarray(sample).dtype.kind in "US"
        array = FrameArray(source, name, np.shape(sample), object if text else np.asarray(sample).dtype)
        if frames is not None:
            return array[frames].astype(str) if text else array[frames]
        dask: Any = importlib.import_module("dask.array")  # untyped
        return dask.from_array(array, chunks=(chunk_length(len(symbols)), *np.shape(sample)), asarray=True, name=False)

    pbc = usable_pbc(first.pbc, first.cell, source.path.name)
    ds = label_structure(values("position", first.position), symbols, cell=values("cell", first.cell), pbc=pbc)
    if first.unwrapped:
        ds["position"].attrs["unwrapped"] = 1
    for name, sample in first.arrays.items():
        if name in source.same(first):  # what does not change is not kept for each frame
            attrs = {"units": "u" if name == "mass" else "1", "long_name": name}
            ds[name] = (("atom", *(f"{name}_{k}" for k in range(np.ndim(sample) - 1))), sample, attrs)
        elif name == "image" and np.shape(sample)[1:] == (3,):
            attrs = {"units": "1", "long_name": "image of the cell"}
            ds[name] = (("frame", "atom", "cell_vector"), values(name, sample), attrs)
        elif name == "energy" or np.ndim(sample) >= 1:
            add_array(ds, name, values(name, sample), first.units.get(name))
    return ds


def with_stamps(ds: xr.Dataset, source: FrameSource) -> xr.Dataset:
    """Coordinates ``time`` and ``step`` of all frames, as far as the file has them."""
    times, steps = source.stamps()
    if times is not None:
        attrs = {"units": source.frame(0).units.get("time", "fs"), "long_name": "time"}
        ds = ds.assign_coords(time=("frame", times, attrs))
    if steps is not None:
        ds = ds.assign_coords(step=("frame", steps, {"units": "1", "long_name": "step of the run"}))
    return ds


def _symbols(names: list[str], types: np.ndarray | None, elements: Elements) -> list[str]:
    if elements is None:
        return names
    if types is None:
        raise ParameterError("elements= names the types of a LAMMPS dump; this file has no column 'type'.")
    table = dict(elements) if isinstance(elements, Mapping) else {k + 1: e for k, e in enumerate(elements)}
    missing = sorted(set(types.tolist()) - set(table))
    if missing:
        raise ParameterError(
            f"elements= names no element for type {missing[0]}; write elements={{{missing[0]}: 'Si'}}."
        )
    return [str(table[t]) for t in types.tolist()]
