"""What computations on moving atoms share: times, masses, paths without jumps, mean squares by Fourier transforms."""

import numpy as np
import xarray as xr
from scipy import fft

from mi_widgets.errors import DataError, LabelError
from mi_widgets.structure._cells import check_cells
from mi_widgets.structure._check import check_structure
from mi_widgets.structure._elements import masses

__all__ = ["PICOSECONDS", "mass_of", "mean_squares", "paths_of", "spacing_of", "unwrapped_position"]

#: Units of time.
PICOSECONDS = {"fs": 1e-3, "ps": 1.0, "ns": 1e3, "s": 1e12, "us": 1e6}


def paths_of(
    trajectory: xr.Dataset, *, unwrapped: bool, remove_drift: bool, who: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Positions without jumps and, where asked for, without drift; and the lags."""
    position = trajectory["position"] if unwrapped else unwrapped_position(trajectory, who=who)
    if "frame" not in position.dims:
        raise LabelError(f"{who} needs a trajectory with the dimension 'frame'; this is one structure.")
    position = position.reset_coords(drop=True)
    if remove_drift and position.sizes["atom"]:
        weight = xr.DataArray(mass_of(trajectory), dims="atom")
        centre = (position * weight).sum("atom") / weight.sum()
        position = position - centre
    if hasattr(position.data, "dask"):
        position = position.chunk({"frame": -1, "axis": -1, "atom": "auto"})
    spacing, units = spacing_of(trajectory, who)
    lag = np.arange(position.sizes["frame"]) * spacing
    return position, xr.DataArray(lag, dims="lag", attrs={"units": units, "long_name": "lag"})


def unwrapped_position(trajectory: xr.Dataset, *, who: str) -> xr.DataArray:
    """Positions (frame, atom, axis) that follow each atom across the faces of the cell."""
    frames = check_structure(trajectory, who=who)
    if "frame" not in trajectory["position"].dims:
        raise LabelError(f"{who} needs a trajectory with the dimension 'frame'; this is one structure.")
    position = trajectory["position"].transpose("frame", "atom", "axis")
    whole = trajectory["cell"].transpose(..., "cell_vector", "axis")
    cell = whole if "frame" in whole.dims else whole.expand_dims(frame=1)
    cell = cell.rename(frame="cell_frame") if cell.sizes["frame"] == 1 else cell
    lead = "cell_frame" if "cell_frame" in cell.dims else "frame"
    if frames.lazy:
        position = position.chunk({"frame": -1, "axis": -1, "atom": "auto"})
        cell = cell.chunk(dict.fromkeys(cell.dims, -1))
    out = xr.apply_ufunc(
        _unwrap, position, cell, input_core_dims=[["frame", "axis"], [lead, "cell_vector", "axis"]],
        output_core_dims=[["frame", "axis"]], kwargs={"pbc": frames.pbc, "who": who}, dask="parallelized",
        output_dtypes=[float],
    )  # fmt: skip
    out.attrs = dict(trajectory["position"].attrs)
    return out.transpose("frame", "atom", "axis")


def _unwrap(position: np.ndarray, cell: np.ndarray, *, pbc: np.ndarray, who: str) -> np.ndarray:
    """Unwrapped positions (..., n_frames, 3)."""
    out = np.array(position, dtype=float)
    if not pbc.any() or out.shape[-2] < 2 or not out.size:
        return out
    cells = check_cells(np.asarray(cell, dtype=float), pbc, who=who)
    after = cells[1:] if len(cells) > 1 else cells
    step = np.diff(out, axis=-2)
    fraction = np.einsum("...fi,fij->...fj", step, np.broadcast_to(np.linalg.inv(after), (step.shape[-2], 3, 3)))
    turns = np.where(pbc, np.round(fraction), 0.0)
    step -= np.einsum("...fi,fij->...fj", turns, np.broadcast_to(after, (step.shape[-2], 3, 3)))
    out[..., 1:, :] = out[..., :1, :] + np.cumsum(step, axis=-2)
    return out


def mass_of(structure: xr.Dataset) -> np.ndarray:
    """Masses of the structure, or standard ones; equal where a species has none."""
    if "mass" in structure and structure["mass"].dims == ("atom",):
        return np.asarray(structure["mass"].values, dtype=float)
    try:
        return masses(structure["element"].values)
    except DataError:
        return np.ones(structure.sizes["atom"])


def spacing_of(trajectory: xr.Dataset, who: str) -> tuple[float, str]:
    """Time between frames and its unit; (1, "1") where frames have no time."""
    if "time" not in trajectory.coords or trajectory["time"].dims != ("frame",):
        return 1.0, "1"
    time = np.asarray(trajectory["time"].values, dtype=float)
    step = np.diff(time)
    if step.size and (
        not np.isfinite(step).all() or step[0] <= 0 or np.abs(step - step.mean()).max() > 1e-3 * step.mean()
    ):
        raise DataError(f"{who} needs frames at equal times that rise; select them with isel(frame=slice(0, None, n)).")
    return (float(step.mean()) if step.size else 1.0), str(trajectory["time"].attrs.get("units", "fs"))


def mean_squares(x: np.ndarray) -> np.ndarray:
    """Mean squared displacement of paths (..., n_frames, 3) at every lag."""
    if not np.isfinite(x).all():  # else the mean over atoms would leave them out and not say so
        raise DataError(
            "positions are not finite in some frames. Leave those atoms out: "
            "run.isel(atom=np.isfinite(run.position).all(('frame', 'axis')).values)."
        )
    x = x - x.mean(axis=-2, keepdims=True)  # small numbers: the difference of two sums is taken
    n = x.shape[-2]
    spectrum = fft.fft(x, n=2 * n, axis=-2)
    product = fft.ifft((spectrum * spectrum.conj()).real.sum(axis=-1), axis=-1).real[..., :n]
    square = np.square(x).sum(axis=-1)
    ahead = np.cumsum(square, axis=-1)
    total = ahead[..., -1:]
    lag = np.arange(n)
    # both sums of squares of the pairs (t, t + m), from cumulative sums
    early = ahead[..., ::-1]
    late = total - np.concatenate([np.zeros_like(total), ahead[..., :-1]], axis=-1)
    out = (early + late - 2 * product) / (n - lag)
    out[..., 0] = 0.0
    return np.asarray(np.maximum(out, 0.0))
