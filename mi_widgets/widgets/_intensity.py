"""Maps of the intensity in a window: at once for small cubes, roughly and then whole for big ones, chunk by chunk."""

from collections.abc import Callable, Iterator
from itertools import pairwise, product
from math import ceil
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.runs import Part
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._run import Worker

__all__ = ["IntensityPainter"]

_AT_ONCE = 6_000_000  # values; about 10 ms
_BLOCK = 24_000_000  # values that are added up before looking whether a newer window is wanted


class IntensityPainter:
    """Computes intensity maps with the newest window, never holding up the page.

    Parameters
    ----------
    da : xarray.DataArray
        The cube.
    dim : str
        The spectral dimension.
    map_dims : tuple of str
        Dimensions of the map.
    paint : callable
        Called with a map and its window, with the lock held.
    lock : AppLock
        Lock of the application.
    on_error : callable
        Called with what went wrong.
    threaded : bool
        Compute what takes long in a thread.
    """

    def __init__(
        self,
        da: xr.DataArray,
        dim: str,
        map_dims: tuple[str, ...],
        paint: Callable[[xr.DataArray, Any], None],
        on_error: Callable[[Exception], None],
        lock: AppLock,
        threaded: bool,
    ) -> None:
        self._da, self._dim, self._map_dims, self._painted, self._on_error = da, dim, map_dims, paint, on_error
        self._worker = Worker(lock, self._part, self._ended, threaded=threaded)
        self.extra: dict[str, int] = {}
        self.last: tuple[xr.DataArray, Any] | None = None  # what was painted, to paint it again in other colours

    def rough(self, window: Any, extra: dict[str, int]) -> xr.DataArray:
        """The map from every n-th pixel, so that it takes no time; all NaN for data that are not in memory."""
        from mi_widgets.peaks.maps import integrate_window

        self.extra = dict(extra)
        plane = self._da.isel(extra)
        if plane.chunks is not None:
            empty = xr.full_like(plane.isel({self._dim: 0}, drop=True), np.nan, dtype=float).compute()
            return empty.transpose(*self._map_dims).assign_attrs(long_name="intensity, being computed", units="1")
        step = self._step(plane, window)
        thin = plane.isel({d: slice(None, None, step) for d in self._map_dims})
        return self._keep(integrate_window(thin, self._dim, window=window), extra)

    def start(self, window: Any, extra: dict[str, int], rough: bool = False) -> None:
        """Paint the map of a window; a big one first roughly, then, unless `rough`, whole."""
        self._worker.cancel()
        first = self.rough(window, extra)
        self._paint(first.isel({d: 0 for d in extra if d in first.dims}), window)
        plane = self._da.isel(extra)
        if rough or (plane.chunks is None and self._step(plane, window) == 1):
            return

        self._worker.start(lambda: self._blocks(plane, window))

    def _blocks(self, plane: xr.DataArray, window: Any) -> Iterator[Part]:
        """The map block by block; the cube is never held, and a newer window does not wait for long."""
        from mi_widgets.peaks.maps import integrate_window

        thin = plane.isel({d: slice(0, 1) for d in self._map_dims})
        attrs = integrate_window(thin, self._dim, window=window).attrs
        out = xr.full_like(plane.isel({self._dim: 0}, drop=True), np.nan, dtype=float).compute().rename("intensity")
        out = out.transpose(*self._map_dims).assign_attrs(attrs)
        blocks = list(product(*(self._slices(plane, d) for d in self._map_dims)))
        if plane.chunks is not None:  # all over the map first: what is there early shows the whole
            blocks = [blocks[i] for i in np.random.default_rng(0).permutation(len(blocks))]
        for i, block in enumerate(blocks):
            found = integrate_window(
                plane.isel(dict(zip(self._map_dims, block, strict=True))), self._dim, window=window
            )
            out.values[block] = found.transpose(*self._map_dims).compute().values
            shown = out.copy() if plane.chunks is not None and i + 1 < len(blocks) else out
            yield Part(i + 1, len(blocks), (shown, window, plane.chunks is not None))

    def _slices(self, plane: xr.DataArray, dim: str) -> list[slice]:
        """Pieces of one dimension of the map: chunks, or as many rows as are added up quickly."""
        n, first = plane.sizes[dim], dim == self._map_dims[0]
        step = max(1, _BLOCK * n // plane.size) if first else n
        if plane.chunks is not None:  # chunks, cut where one is too much to be held
            edges = np.cumsum((0, *plane.chunksizes[dim])).tolist()
            pieces = [range(a, b, 4 * step) for a, b in pairwise(edges)]
            ends = [*(at for piece in pieces for at in piece), n]
        else:
            ends = [*range(0, n, step), n]
        return [slice(a, b) for a, b in pairwise(ends)]

    def _paint(self, da: xr.DataArray, window: Any) -> None:
        self.last = da, window
        self._painted(da, window)

    def wait(self) -> None:
        """Wait for the map that is being computed."""
        self._worker.wait()

    def cancel(self) -> None:
        """Drop what is being computed."""
        self._worker.cancel()

    def _step(self, plane: xr.DataArray, window: Any) -> int:
        share = 1.0
        if window is not None:
            axis = plane[self._dim].values
            share = max(1, int(np.sum((axis >= window[0]) & (axis <= window[1])))) / axis.size
        return ceil(max(1.0, plane.size * share / _AT_ONCE) ** (1 / max(1, len(self._map_dims))))

    def _keep(self, found: xr.DataArray, extra: dict[str, int]) -> xr.DataArray:
        """Keep the dimensions that are not shown, one label long, so that a pixel can be named."""
        for dim, at in extra.items():
            if dim not in found.dims:
                found = found.expand_dims(dim) if dim in found.coords else found.expand_dims({dim: [at]})
        return found.transpose(*extra, *self._map_dims)

    def _part(self, part: Part) -> None:
        found, window, progressive = part.result
        if progressive and part.done < part.total:
            self._paint(found, window)

    def _ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        if state == "done" and part is not None:
            self._paint(part.result[0], part.result[1])
        elif error is not None:
            self._on_error(error)
