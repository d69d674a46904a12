"""A StructureViewer that shows one structure after another in its place."""

from typing import Any

import traitlets
import xarray as xr

from mi_widgets.plots._scene_colors import colorable
from mi_widgets.widgets._structure_colors import RunColors
from mi_widgets.widgets._structure_data import Frames, as_structure
from mi_widgets.widgets.structure import StructureViewer

__all__ = ["StackViewer"]


class StackViewer(StructureViewer):
    """A `StructureViewer` whose structure can be replaced, also by a worker thread: no widget is made anew."""

    @traitlets.validate("data")
    def _data_valid(self, proposal: Any) -> Any:
        return proposal["value"]

    def replace(self, structure: xr.Dataset) -> None:
        """Show another structure; the look stays, atoms that were chosen are let go.

        Parameters
        ----------
        structure : xarray.Dataset
            One structure without frames.
        """
        ds = as_structure(structure)
        with self.lock:
            self.frames = Frames(ds)
            self.run_colors = RunColors(self.frames)
            self.data = ds
            self._extra, self._more, self._orientation, self._i = {}, {}, None, 0
            self.selection = {"atom": []}
            if self.params["color_by"] not in colorable(ds):
                self.set_params(color_by="element", limits=None)
            self.head.value = self._title()
            self._draw_scene()
            self._tell_chosen()
