"""Kernels over the frames of a structure: in memory at once, or chunk by chunk where the frames are a dask array."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from mi_widgets.structure._check import Frames, check_values

__all__ = ["each_frame", "sum_over_frames"]

#: Kernel of some frames: position (n_frames, n_atoms, 3), cell (n_frames, 3, 3), pbc (3,) -> array.
Kernel = Callable[..., np.ndarray]


def sum_over_frames(
    frames: Frames, kernel: Kernel, shape: tuple[int, ...], dtype: Any, *, who: str, **options: Any
) -> Any:
    """Sum of what a kernel gives for each chunk of frames: an array of `shape`, lazy where the frames are."""
    if not frames.lazy:
        return _checked(frames.position, frames.cell, kernel=kernel, pbc=frames.pbc, who=who, options=options)
    blocks = _map(frames, kernel, (1, *shape), dtype, who=who, options=options, expand=True)
    return blocks.sum(axis=0)


def each_frame(frames: Frames, kernel: Kernel, shape: tuple[int, ...], dtype: Any, *, who: str, **options: Any) -> Any:
    """What a kernel gives for each frame, (n_frames, *shape), lazy where the frames are."""
    if not frames.lazy:
        return _checked(frames.position, frames.cell, kernel=kernel, pbc=frames.pbc, who=who, options=options)
    return _map(frames, kernel, shape, dtype, who=who, options=options, expand=False)


def _map(
    frames: Frames,
    kernel: Kernel,
    shape: tuple[int, ...],
    dtype: Any,
    *,
    who: str,
    options: dict[str, Any],
    expand: bool,
) -> Any:
    array: Any = importlib.import_module("dask.array")  # untyped
    n = frames.position.shape[0]
    position = array.asarray(frames.position)
    position = position.rechunk({1: -1, 2: -1})
    sizes = position.chunks[0]
    cell = frames.cell
    if cell.shape[0] != n:
        cell = array.broadcast_to(array.asarray(cell), (n, 3, 3))
    cell = array.asarray(cell).rechunk({0: sizes, 1: -1, 2: -1})
    lead = ((1,) * len(sizes),) if expand else (sizes,)
    rest = shape[1:] if expand else shape
    out = (*lead, *((size,) for size in rest))
    index = tuple(range(3, 3 + len(rest)))
    return array.blockwise(
        _chunk, (0, *index), position, (0, 1, 2), cell, (0, 4_001, 4_002), array.arange(n, chunks=(sizes,)), (0,),
        new_axes=dict(zip(index, rest, strict=True)), adjust_chunks={0: lead[0]}, concatenate=True, dtype=dtype,
        meta=np.empty((0,) * len(out), dtype=dtype), kernel=kernel, pbc=frames.pbc, who=who, options=options,
        expand=expand,
    )  # fmt: skip


def _chunk(
    position: np.ndarray,
    cell: np.ndarray,
    number: np.ndarray,
    *,
    kernel: Kernel,
    pbc: np.ndarray,
    who: str,
    options: dict[str, Any],
    expand: bool,
) -> np.ndarray:
    first = int(number[0]) if len(number) else 0
    found = _checked(position, cell, kernel=kernel, pbc=pbc, who=who, options=options, first=first)
    return found[None] if expand else found


def _checked(
    position: Any, cell: Any, *, kernel: Kernel, pbc: np.ndarray, who: str, options: dict[str, Any], first: int = 0
) -> np.ndarray:
    position, cells = check_values(np.asarray(position), np.asarray(cell), pbc, who=who, first=first)
    return kernel(position, cells, pbc, **options)
