"""Labels of what is pointed at, and the spectrum, position and name that belong to them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.plots._style import nice_unit

__all__ = ["Pointing", "is_region", "short"]


class Pointing:
    """Everything about labels that needs the data but no page.

    Parameters
    ----------
    da : xarray.DataArray
        Spectra.
    dim : str
        The spectral dimension; the others can be pointed at. The last two of them are the map.
    """

    def __init__(self, da: xr.DataArray, dim: str) -> None:
        self._da = da
        self._kept: dict[str, xr.DataArray] = {}
        self.dims = tuple(str(d) for d in da.dims if d != dim)
        self.map_dims = self.dims[-2:]
        self.extra_dims = self.dims[: len(self.dims) - len(self.map_dims)]
        self.labels = {d: np.asarray(da[d].values) if d in da.coords else np.arange(da.sizes[d]) for d in self.dims}

    def where(self, selection: Mapping[str, Any], dims: tuple[str, ...] | None = None) -> dict[str, Any]:
        """Positions of the selected labels, to be given to ``isel``."""
        out: dict[str, Any] = {}
        for dim in self.dims if dims is None else dims:
            found = np.flatnonzero(np.isin(self.labels[dim], np.atleast_1d(selection[dim])))
            out[dim] = found if isinstance(selection[dim], list) else int(found[0])
        return out

    def plane(self, selection: Mapping[str, Any] | None) -> dict[str, int]:
        """Positions along the dimensions that the map does not show; the first ones for None."""
        if selection is None:
            return dict.fromkeys(self.extra_dims, 0)
        where = self.where(selection, self.extra_dims)
        return {d: int(np.atleast_1d(at)[0]) for d, at in where.items()}

    def brightest(self, image: xr.DataArray) -> dict[str, Any]:
        """Labels of the largest value of a map; the middle where nothing is finite."""
        if not self.dims:
            return {}
        if not np.isfinite(image.values).any():
            return {d: self.labels[d][self.labels[d].size // 2].item() for d in self.dims}
        at = np.unravel_index(int(np.nanargmax(image.values)), image.shape)
        found = {str(d): image[d].values[i].item() for d, i in zip(image.dims, at, strict=True)}
        return {d: found.get(d, self.labels[d][0].item()) for d in self.dims}

    def spectrum(self, selection: Mapping[str, Any]) -> xr.DataArray:
        """The pointed spectrum, or the mean of a region, in memory; a chunked one is read once."""
        key = repr(sorted(selection.items()))
        if self._da.chunks is None:
            return self._read(selection)
        if key not in self._kept:
            self._kept = dict(list(self._kept.items())[-3:]) | {key: self._read(selection)}
        return self._kept[key]

    def _read(self, selection: Mapping[str, Any]) -> xr.DataArray:
        part = self._da.isel({d: _slice(at) for d, at in self.where(selection).items()})
        mean = [d for d in self.dims if d in part.dims]
        part = part.transpose(*mean, ...)
        if mean and part.chunks is None:
            return _mean(part, len(mean))
        part = part.mean(mean, keep_attrs=True) if mean else part
        return part.compute() if part.chunks is not None else part

    def number(self, selection: Mapping[str, Any]) -> int:
        """How many spectra are pointed at."""
        return int(np.prod([len(v) if isinstance(v, list) else 1 for v in selection.values()], dtype=int))

    def title(self, selection: Mapping[str, Any]) -> str:
        """What is pointed at, in words."""
        words = []
        for dim, value in selection.items():
            units = str(self._da[dim].attrs.get("units", "1")) if dim in self._da.coords else "1"
            tail = f" {nice_unit(units)}" if units not in ("", "1") else ""
            if isinstance(value, list):
                words.append(f"{dim} {short(value[0])} to {short(value[-1])}{tail}")
            else:
                words.append(f"{dim} = {short(value)}{tail}")
        if is_region(selection):
            return f"mean of {self.number(selection):,} spectra · " + ", ".join(words)
        return "spectrum at " + ", ".join(words) if words else "spectrum"


def _slice(at: Any) -> Any:
    """Neighbouring positions as a slice, which takes no copy."""
    if isinstance(at, int) or len(at) == 0 or not (np.diff(at) == 1).all():
        return at
    return slice(int(at[0]), int(at[-1]) + 1)


def _mean(part: xr.DataArray, n: int) -> xr.DataArray:
    """Mean over the first `n` dims, block by block, without a copy as floats; NaN are left out."""
    values = part.values
    total = values.sum(axis=tuple(range(n)), dtype=np.float64)
    first = part.isel(dict.fromkeys(part.dims[:n], 0), drop=True)
    if np.isfinite(total).all():
        return first.copy(data=total / np.prod(values.shape[:n]))
    return part.mean(part.dims[:n], keep_attrs=True)


def is_region(selection: Mapping[str, Any]) -> bool:
    """True where more than one pixel is pointed at."""
    return any(isinstance(v, list) for v in selection.values())


def short(value: Any) -> str:
    """A label in few digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
