"""Which environment is which atom of which frame; frames of the same atoms as trajectories."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.labels import label_structure
from mi_widgets.potentials._environments import frame_starts

__all__ = ["EnvironmentIndex"]


class EnvironmentIndex:
    """Frames and atoms of snapshots.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `mi_widgets.potentials.label_snapshots` makes them.

    Attributes
    ----------
    frames : (n_frames,)
        Labels.
    starts : (n_frames + 1,)
        First environment of each frame.
    elements : (n_environments,) str
    """

    def __init__(self, snapshots: Any, who: str) -> None:
        needed = ("position", "element", "cell", "pbc", "frame_of", "atom_of")
        missing = [n for n in needed if not isinstance(snapshots, xr.Dataset) or n not in snapshots.variables]
        if missing:
            raise LabelError(
                f"{who} needs snapshots; {missing[0]!r} is missing. Make them by potentials.label_snapshots, "
                "read_snapshots or snapshots_from_ase."
            )
        if not snapshots.sizes["frame"] or not snapshots.sizes["environment"]:
            raise DataError(f"{who}: there is no frame, or no atom in any; there is nothing to show.")
        self.data = snapshots
        self.frames = np.asarray(snapshots["frame"].values)
        starts = frame_starts(snapshots["frame_of"].values, self.frames)
        if starts is None:
            raise DataError(
                f"{who}: the environments must stand frame after frame; write snapshots.sortby('frame_of')."
            )
        self.starts = starts
        self.elements = snapshots["element"].values.astype(str)
        self._at = {label: i for i, label in enumerate(self.frames.tolist())}
        self._position = snapshots["position"].transpose("environment", "axis").values.astype(float)
        self._cell = snapshots["cell"].transpose("frame", "cell_vector", "axis").values.astype(float)
        self._pbc = np.broadcast_to(snapshots["pbc"].values.astype(bool), (self.frames.size, 3))
        self.group = self._groups()

    def _groups(self) -> np.ndarray:
        """Number of the trajectory that each frame belongs to: frames of the same atoms in the same order."""
        known: dict[Any, int] = {}
        out = np.zeros(self.frames.size, dtype=int)
        for i in range(self.frames.size):
            key = (self.elements[self.inside(i)].tobytes(), self._pbc[i].tobytes())
            out[i] = known.setdefault(key, len(known))
        return out

    def inside(self, i: int) -> slice:
        """Environments of the frame at a position."""
        return slice(int(self.starts[i]), int(self.starts[i + 1]))

    def n_atoms(self, frame: Any) -> int:
        """Number of atoms of a frame."""
        i = self.place(frame)
        return int(self.starts[i + 1] - self.starts[i])

    def place(self, frame: Any) -> int:
        """Position of a frame, by its label."""
        return self._at[frame]

    def environment(self, frame: Any, atom: int) -> int:
        """Environment of an atom of a frame."""
        return int(self.starts[self.place(frame)] + atom)

    def label(self, environment: int) -> tuple[Any, int]:
        """Frame and atom of an environment."""
        i = int(np.searchsorted(self.starts, environment, side="right")) - 1
        return self.frames[i].item(), environment - int(self.starts[i])

    def trajectory(self, group: int) -> xr.Dataset:
        """Frames of one group as a structure with labels of frames."""
        at = np.flatnonzero(self.group == group)
        position = np.stack([self._position[self.inside(i)] for i in at.tolist()])
        names = self.elements[self.inside(int(at[0]))].tolist()
        ds = label_structure(position, names, cell=self._cell[at], pbc=self._pbc[at[0]])
        return ds.assign_coords(frame=("frame", self.frames[at], {"units": "1", "long_name": "frame"}))

    def structure(self, frame: Any) -> xr.Dataset:
        """One frame as a structure."""
        i = self.place(frame)
        inside = self.inside(i)
        return label_structure(
            self._position[inside], self.elements[inside].tolist(), cell=self._cell[i], pbc=self._pbc[i]
        )
