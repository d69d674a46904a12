"""What an expression over the atoms may name."""

import numpy as np
import xarray as xr

from mi_widgets.plots._scene_colors import per_atom

__all__ = ["atom_names"]


def atom_names(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """What an expression may name: ``index``, ``element``, ``x y z`` and every array over the atoms of one frame."""
    xyz = np.asarray(ds["position"].transpose("atom", "axis").values, dtype=float)
    names = {name: np.asarray(ds[name].values) for name in per_atom(ds) if name in ds and ds[name].dims == ("atom",)}
    names |= {"index": np.arange(ds.sizes["atom"]), "x": xyz[:, 0], "y": xyz[:, 1], "z": xyz[:, 2]}
    return names
