"""Snapshots by frame: choosing some, and making some of structures whose energies are not known."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials._snapshot_checks import ordered, require_snapshots, require_units
from mi_widgets.potentials.snapshots import label_snapshots

__all__ = ["take_frames", "unlabelled"]


def take_frames(snapshots: xr.Dataset, frames: Sequence[int] | np.ndarray) -> xr.Dataset:
    """Choose frames, by their positions, with their atoms; in the order of the snapshots.

    Parameters
    ----------
    snapshots : xarray.Dataset
        As `label_snapshots` makes it.
    frames : sequence of int, or mask
        Positions along ``frame``, 0 for the first; each is taken once. Or True for each frame that is taken.

    Returns
    -------
    xarray.Dataset
        Snapshots; ``frame`` keeps its labels.

    Raises
    ------
    LabelError
        These are no snapshots.
    ParameterError
        There is no such frame.

    Examples
    --------
    >>> position = np.random.default_rng(0).uniform(0, 9, size=(3, 2, 3))
    >>> snapshots = label_snapshots(position, ["Si", "O"], [-1.0, -2.0, -3.0], cell=9 * np.eye(3))
    >>> take_frames(snapshots, [0, 2]).energy.values
    array([-1., -3.])
    """
    require_snapshots(snapshots, "take_frames")
    n, given = snapshots.sizes["frame"], np.asarray(frames)
    if given.dtype.kind == "b" and given.shape == (n,):
        given = np.flatnonzero(given)
    whole = given.dtype.kind in "iu" or not given.size
    places = np.unique(given.astype(int)) if whole else np.array([-1])
    if places.size and not (places[0] >= 0 and places[-1] < n):
        raise ParameterError(
            f"take_frames: frames are whole numbers 0 to {n - 1}, counted by position, or a mask of {n}; got "
            f"{given.ravel()[:5].tolist()}."
        )
    labels = snapshots["frame"].values[places]
    return snapshots.isel(frame=places, environment=np.flatnonzero(np.isin(snapshots["frame_of"].values, labels)))


def unlabelled(structure: xr.Dataset) -> xr.Dataset:
    """Snapshots of a structure or trajectory; energies are zero where there are none."""
    missing = [name for name in ("position", "cell", "pbc", "element") if name not in structure.variables]
    if missing:
        raise LabelError(f"a structure needs {missing[0]!r}: make one with mi_widgets.labels.label_structure.")
    require_units(structure, "predict")
    ds = (
        structure
        if "frame" in structure["position"].dims
        else structure[["position", "cell", "pbc"]].expand_dims("frame")
    )
    position = ds["position"].transpose("frame", "atom", "axis").values
    cell = ordered(ds[["cell"]])["cell"].values
    cell = np.broadcast_to(cell, (len(position), 3, 3))
    out = label_snapshots(
        position, [str(e) for e in ds["element"].values], np.zeros(len(position)), cell=cell, pbc=ds["pbc"].values
    )
    if "frame" in ds.coords:
        labels = ds["frame"].values[out["frame"].values]  # frames with atoms on each other are left out
        out = out.assign_coords(
            frame=("frame", labels, dict(out["frame"].attrs)),
            frame_of=("environment", np.repeat(labels, ds.sizes["atom"]), dict(out["frame_of"].attrs)),
        )
    out.attrs = origin("potentials.snapshots", "structures", {}, of=structure)
    return out
