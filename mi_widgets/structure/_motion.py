"""What computations on moving atoms share: times, masses, paths without jumps, mean squares by Fourier transforms."""

import numpy as np
import xarray as xr
from scipy import fft

from mi_widgets.errors import DataError, LabelError
from mi_widgets.methods._elements import masses
from mi_widgets.structure._cells import check_cells
from mi_widgets.structure._check import check_structure
from mi_widgets.structure._lattice import reduce_vectors, shortest_images

__all__ = ["PICOSECONDS", "counts_images", "mass_of", "mean_squares", "paths_of", "spacing_of", "unwrapped_position"]

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
        weight = xr.DataArray(mass_of(trajectory, who=who), dims="atom")
        centre = (position * weight).sum("atom") / weight.sum()
        position = position - centre
    if hasattr(position.data, "dask"):
        position = position.chunk({"frame": -1, "axis": -1, "atom": "auto"})
    spacing, units = spacing_of(trajectory, who)
    lag = np.arange(position.sizes["frame"]) * spacing
    return position, xr.DataArray(lag, dims="lag", attrs={"units": units, "long_name": "lag"})


def counts_images(structure: xr.Dataset) -> bool:
    """Whether `image` says for each frame in which cell an atom is that `position` shows in the first."""
    return (
        "image" in structure
        and set(structure["image"].dims) == {"frame", "atom", "cell_vector"}
        and structure["image"].dtype.kind in "iu"
    )


def unwrapped_position(trajectory: xr.Dataset, *, who: str) -> xr.DataArray:
    """Positions (frame, atom, axis) that follow each atom across the faces of the cell."""
    frames = check_structure(trajectory, who=who)
    if "frame" not in trajectory["position"].dims:
        raise LabelError(f"{who} needs a trajectory with the dimension 'frame'; this is one structure.")
    position = trajectory["position"].transpose("frame", "atom", "axis")
    attrs = {**position.attrs, "unwrapped": 1}
    if position.attrs.get("unwrapped") == 1:
        return position.assign_attrs(attrs)
    whole = trajectory["cell"].transpose(..., "cell_vector", "axis")
    if counts_images(trajectory):
        image = trajectory["image"].drop_vars("cell_vector", errors="ignore")
        moved = position + xr.dot(image, whole.drop_vars("cell_vector", errors="ignore"), dim="cell_vector")
        return moved.transpose("frame", "atom", "axis").assign_attrs(attrs)
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
    return out.transpose("frame", "atom", "axis").assign_attrs(attrs)


def _unwrap(position: np.ndarray, cell: np.ndarray, *, pbc: np.ndarray, who: str) -> np.ndarray:
    """Unwrapped positions (..., n_frames, 3)."""
    out = np.array(position, dtype=float)
    if not pbc.any() or out.shape[-2] < 2 or not out.size:
        return out
    cells = check_cells(np.asarray(cell, dtype=float), pbc, who=who)[:, pbc]
    step = np.diff(out, axis=-2)
    if len(cells) == 1:
        step = shortest_images(step.reshape(-1, 3), cells[0]).reshape(step.shape)
    else:
        vectors = reduce_vectors(cells[0])
        into = vectors @ np.linalg.pinv(cells[0])  # whole numbers: what reduces one cell nearly reduces the next
        for k, after in enumerate(cells[1:]):
            part = step[..., k, :]
            step[..., k, :] = shortest_images(part.reshape(-1, 3), np.round(into) @ after).reshape(part.shape)
    out[..., 1:, :] = out[..., :1, :] + np.cumsum(step, axis=-2)
    return out


def mass_of(structure: xr.Dataset, *, who: str) -> np.ndarray:
    """Masses of the structure, or standard ones."""
    if "mass" not in structure or set(structure["mass"].dims) - {"frame"} != {"atom"}:
        try:
            return masses(structure["element"].values)
        except DataError as error:
            raise DataError(f"{who}: {error}") from error
    given = np.asarray(structure["mass"].transpose(..., "atom").values, dtype=float).reshape(
        -1, structure.sizes["atom"]
    )
    if not (np.isfinite(given) & (given > 0)).all() or (given != given[:1]).any():
        raise DataError(f"{who}: masses must be above zero and the same in all frames.")
    return np.asarray(given[0] if len(given) else np.ones(structure.sizes["atom"]))


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
    units = trajectory["time"].attrs.get("units")
    if units not in PICOSECONDS:
        came = "has no unit" if units in (None, "") else f"is in {units!r}"
        raise LabelError(
            f"{who}: time {came}; write trajectory.time.attrs['units'] = 'fs' (or {', '.join(list(PICOSECONDS)[1:])})."
        )
    return (float(step.mean()) if step.size else 1.0), str(units)


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
