"""Maps of the intensity in a window: at once for small cubes, in two steps for big ones."""

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.runs import Part
from mi_widgets.widgets._lock import AppLock
from mi_widgets.widgets._run import Worker

__all__ = ["IntensityPainter"]

_AT_ONCE = 6_000_000  # values; about 10 ms


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
        self._da, self._dim, self._map_dims, self._paint, self._on_error = da, dim, map_dims, paint, on_error
        self._worker = Worker(lock, lambda _: None, self._ended, threaded=threaded)
        self.extra: dict[str, int] = {}

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

        def work() -> Iterator[Part]:
            from mi_widgets.peaks.maps import integrate_window

            yield Part(1, 1, (integrate_window(plane, self._dim, window=window).compute(), window))

        self._worker.start(work)

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

    def _ended(self, state: str, part: Part | None, error: Exception | None) -> None:
        if state == "done" and part is not None:
            self._paint(part.result[0].transpose(*self._map_dims), part.result[1])
        elif error is not None:
            self._on_error(error)
