"""Colours of an array that changes with the frame: its categories and limits are found once, and kept for the run."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.plots._scene_colors import Colors, categories_of, color_atoms, flags_of, is_category
from mi_widgets.plots._style import color_limits, is_signed
from mi_widgets.widgets._structure_data import Frames

__all__ = ["RunColors"]

_MOST_VALUES = 500_000  # of an array in memory that are looked at


class RunColors:
    """What one colour means, the same in all frames.

    Parameters
    ----------
    frames : Frames
        Of an array that changes with the frame and is not in memory, the first, middle and last frame are read.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._kept: dict[str, dict[str, Any]] = {}

    def moves(self, by: str | None) -> bool:
        """Whether an array changes with the frame."""
        return by in self._frames.ds.variables and "frame" in self._frames.ds[by].dims

    def find(self, now: xr.Dataset, params: dict[str, Any]) -> tuple[Colors, dict[str, Any]]:
        """Colours of one frame, and the keywords of `structure_scene` beyond the parameters that give them."""
        by, more = params["color_by"], self._more(params)
        given = {"limits": params["limits"], "cmap": params["cmap"]} | more
        colors = color_atoms(now, by, **given)
        if by in self._kept and colors.kind == "categorical":
            self._kept[by]["categories"] = list(colors.categories)
        return colors, more

    def _more(self, params: dict[str, Any]) -> dict[str, Any]:
        by = params["color_by"]
        if not self.moves(by) or flags_of(self._frames.ds[by]) is not None:
            return {}
        if by not in self._kept:
            self._kept[by] = _scale(self._sample(by))
        kept = self._kept[by]
        if "categories" in kept:
            return {"categories": kept["categories"]}
        more: dict[str, Any] = {"categories": False} if self._frames.ds[by].dtype.kind in "iu" else {}
        if params["limits"] is None:
            more["limits"] = kept["limits"]
            if params["cmap"] is None and kept["signed"]:
                more["cmap"] = "coolwarm"
        return more

    def _sample(self, by: str) -> xr.DataArray:
        da, n = self._frames.ds[by], self._frames.n_frames
        if da.variable._in_memory:
            many = min(n, max(3, _MOST_VALUES // max(self._frames.n_atoms, 1)))
            return da.isel(frame=np.unique(np.linspace(0, n - 1, many).round().astype(int)))
        read = []
        for i in sorted({0, n // 2, n - 1}):
            try:
                read.append(self._frames.one(i, by)[by])
            except Exception:  # noqa: BLE001, S112 - a frame that cannot be read says so when it is shown
                continue
        return xr.concat(read, "frame", coords="minimal", compat="override") if read else da.isel(frame=[]).load()


def _scale(sample: xr.DataArray) -> dict[str, Any]:
    if is_category(sample):
        return {"categories": categories_of(sample)}
    if sample.dtype.kind not in "iuf":
        return {"limits": None, "signed": False}  # what cannot be drawn is refused with the frame
    return {"limits": list(color_limits(sample)), "signed": is_signed(np.asarray(sample.values, dtype=float))}
