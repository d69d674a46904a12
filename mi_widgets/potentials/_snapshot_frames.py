"""Snapshots by frame: choosing some, and making some of structures whose energies are not known."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError
from mi_widgets.history import origin
from mi_widgets.potentials.snapshots import label_snapshots

__all__ = ["take_frames", "unlabelled"]


def take_frames(snapshots: xr.Dataset, frames: Sequence[int] | np.ndarray) -> xr.Dataset:
    """Choose frames, by their positions, with their atoms; in the order of the snapshots."""
    places = np.unique(np.asarray(frames, dtype=int))
    labels = snapshots["frame"].values[places]
    return snapshots.isel(frame=places, environment=np.flatnonzero(np.isin(snapshots["frame_of"].values, labels)))


def unlabelled(structure: xr.Dataset) -> xr.Dataset:
    """Snapshots of a structure or trajectory; energies are zero where there are none."""
    missing = [name for name in ("position", "cell", "pbc", "element") if name not in structure.variables]
    if missing:
        raise LabelError(f"a structure needs {missing[0]!r}: make one with mi_widgets.labels.label_structure.")
    ds = (
        structure
        if "frame" in structure["position"].dims
        else structure[["position", "cell", "pbc"]].expand_dims("frame")
    )
    position = ds["position"].transpose("frame", "atom", "axis").values
    cell = np.broadcast_to(ds["cell"].values, (len(position), 3, 3))
    out = label_snapshots(
        position, [str(e) for e in ds["element"].values], np.zeros(len(position)), cell=cell, pbc=ds["pbc"].values
    )
    if "frame" in ds.coords and out.sizes["frame"] == ds.sizes["frame"]:
        labels = ds["frame"].values
        out = out.assign_coords(
            frame=("frame", labels, dict(out["frame"].attrs)),
            frame_of=("environment", np.repeat(labels, ds.sizes["atom"]), dict(out["frame_of"].attrs)),
        )
    out.attrs = origin("potentials.snapshots", "structures", {}, of=structure)
    return out
