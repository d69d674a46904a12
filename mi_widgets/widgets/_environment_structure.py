"""The frame that is shown: one viewer for all frames of the same atoms, coloured by what is known of each atom."""

from collections.abc import Callable
from typing import Any

import ipywidgets as ipw
import numpy as np
import xarray as xr

from mi_widgets.plots._potentials_frames import OUTSIDE_COLOR, map_palette, map_values
from mi_widgets.plots._style import color_limits
from mi_widgets.widgets._environment_index import EnvironmentIndex
from mi_widgets.widgets.structure import StructureViewer

__all__ = ["StructurePanel"]


class StructurePanel:
    """Viewers, of which the one with the shown frame is in the page.

    Parameters
    ----------
    index : EnvironmentIndex
    lock : AppLock
        Of the application.
    on_select : callable
        Called with the label of a frame and a list of atoms that a viewer points at.
    height : int
        In pixels.

    Attributes
    ----------
    box : ipywidgets.VBox
    viewer : StructureViewer
        The one that is shown.
    """

    def __init__(
        self, index: EnvironmentIndex, lock: Any, on_select: Callable[[Any, list[int]], None], *, height: int,
        flat: bool,
    ) -> None:  # fmt: skip
        self._index, self._lock, self._on_select = index, lock, on_select
        self._look = {"height": height, "flat": flat, "measures": True}
        self._made: dict[int, StructureViewer] = {}
        self._following = False
        self._drawn: Any = None
        self.box = ipw.VBox([])
        self.viewer = self._viewer(0)

    def _viewer(self, group: int) -> StructureViewer:
        if group not in self._made:
            made = StructureViewer(self._index.trajectory(group), params=self._look, threaded=False)
            self._lock.share(made.lock)
            made.message.layout.min_height = "0"
            made.observe(lambda change, made=made: self._heard(made, change["new"]), "selection")
            self._made[group] = made
        self.viewer = self._made[group]
        self._drawn = None
        self.box.children = [self.viewer.message, self.viewer.panel, self.viewer.text]
        return self.viewer

    def _heard(self, viewer: StructureViewer, selection: dict[str, Any]) -> None:
        if not self._following and viewer is self.viewer:
            self._on_select(selection["frame"], [int(a) for a in selection["atom"]])

    def show(self, frame: Any, atoms: list[int]) -> None:
        """Show a frame and mark atoms."""
        group = int(self._index.group[self._index.place(frame)])
        if self._made.get(group) is not self.viewer:
            self._viewer(group)
        self._following = True
        try:
            self.viewer.selection = {"frame": frame, "atom": atoms}
        finally:
            self._following = False

    def flatten(self, flat: bool) -> None:
        """Show the projection, which needs no WebGL, in place of the 3-D view."""
        self._look["flat"] = flat
        for viewer in self._made.values():
            viewer.set_params(flat=flat)
            viewer.stage.layout.display = "none" if flat else None

    def color(self, by: str, frame: Any, result: xr.Dataset | None, near: np.ndarray | None) -> None:
        """Colour the atoms of a frame.

        Parameters
        ----------
        by : {"neighbors", "atomic_energy", "uncertainty", "element"}
        frame : label
        result : xarray.Dataset or None
        near : (n_atoms,) bool or None
            Atoms that keep the colours of their elements; None: all.
        """
        inside = self._index.inside(self._index.place(frame))
        outside = np.zeros(inside.stop - inside.start, dtype=bool)
        if result is not None and "outside" in result:
            outside = result["outside"].values[inside] != 0
        if by in ("atomic_energy", "uncertainty") and result is not None and self._has(result, by):
            self._by_value(by, inside, result)
        else:
            self._by_kind(inside, outside, near if by == "neighbors" else None)

    @staticmethod
    def _has(result: xr.Dataset, by: str) -> bool:
        return ("atomic_energy" if by == "atomic_energy" else "atomic_energy_stderr") in result

    def _by_value(self, by: str, inside: slice, result: xr.Dataset) -> None:
        key = (by, id(result))
        if self._scale_key != key:
            values, text, _ = map_values(result, by)
            self._values, self._text = values, text.removesuffix(" (eV)")
            self._limits, self._scale_key = color_limits(xr.DataArray(values)), key
        if not self._is_new(by, inside.start, id(result)):
            return
        self.viewer.color_by(self._values[inside], self._text, units="eV")
        cmap = "coolwarm" if by == "atomic_energy" else None
        if self.viewer.params["limits"] != list(self._limits) or self.viewer.params["cmap"] != cmap:
            self.viewer.set_params(limits=list(self._limits), cmap=cmap)

    _scale_key: Any = None
    _values: np.ndarray
    _text = ""
    _limits = (0.0, 1.0)

    def _by_kind(self, inside: slice, outside: np.ndarray, near: np.ndarray | None) -> None:
        elements = self._index.elements[inside]
        kinds, codes = np.unique(elements, return_inverse=True)
        if near is not None:
            codes = np.where(near, codes, -1)
        codes = np.where(outside, kinds.size, codes)
        if not self._is_new("kind", codes.tobytes()):
            return
        if near is None and not outside.any():
            if self.viewer.params["color_by"] != "element":
                self.viewer.set_params(color_by="element", limits=None, cmap=None)
            return
        names = [*kinds.tolist(), *(["outside the training domain"] if outside.any() else [])]
        colors = [*map_palette("element", kinds.tolist()), *([OUTSIDE_COLOR] if outside.any() else [])]
        if self.viewer.params["limits"] is not None or self.viewer.params["cmap"] is not None:
            self.viewer.set_params(color_by="element", limits=None, cmap=None)
        self.viewer.color_by(codes, "atoms", labels=names, colors=colors)

    def _is_new(self, *state: Any) -> bool:
        old, self._drawn = self._drawn, state
        return bool(old != state)

    def close(self) -> None:
        """Remove all viewers."""
        for viewer in self._made.values():
            viewer.close()
