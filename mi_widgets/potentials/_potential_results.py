"""Predictions and errors of potentials as Datasets."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.potentials._snapshot_checks import ordered

__all__ = ["error_dataset", "frame_sizes", "prediction_dataset"]

_AXIS = ["x", "y", "z"]


def prediction_dataset(snapshots: xr.Dataset, found: Any, outside_frames: np.ndarray | None) -> xr.Dataset:
    """Name what a potential found; `found` is an Evaluation."""
    env, vector = ("environment",), ("environment", "axis")
    columns: dict[str, tuple[tuple[str, ...], Any, str, str]] = {
        "energy": (("frame",), found.energy, "eV", "predicted energy"),
        "energy_stderr": (("frame",), found.energy_stderr, "eV", "standard error of the energy"),
        "atomic_energy": (env, found.atomic_energy, "eV", "predicted energy of the atom"),
        "atomic_energy_stderr": (env, found.atomic_energy_stderr, "eV", "standard error of the energy of the atom"),
        "force": (vector, found.force, "eV/angstrom", "predicted force"),
        "force_stderr": (vector, found.force_stderr, "eV/angstrom", "standard error of the force"),
    }
    ds = xr.Dataset(
        {
            name: (dims, values, {"units": units, "long_name": text})
            for name, (dims, values, units, text) in columns.items()
            if values is not None
        }
    )
    if found.virial is not None:
        snapshots = ordered(snapshots)
        volume = np.abs(np.linalg.det(snapshots["cell"].values))
        volume = np.where(snapshots["pbc"].values.all(axis=1) & (volume > 0), volume, np.nan)
        ds["stress"] = (
            ("frame", "axis", "axis_2"),
            -found.virial / volume[:, None, None],
            {"units": "eV/angstrom^3", "long_name": "predicted stress, positive under tension"},
        )
        ds = ds.assign_coords(axis_2=("axis_2", _AXIS, {"long_name": "second Cartesian axis"}))
    flags = {"flag_values": np.array([0, 1], dtype=np.int8), "flag_meanings": "inside outside"}
    ds["outside"] = (env, found.outside.astype(np.int8), {"long_name": "outside the training domain", **flags})
    if outside_frames is not None:
        text = "density outside that of the training frames"
        ds["outside_frame"] = ("frame", outside_frames.astype(np.int8), {"long_name": text, **flags})
    if "axis" in ds.dims:
        ds = ds.assign_coords(axis=("axis", _AXIS, {"long_name": "Cartesian axis"}))
    along = (("frame",), ("environment",))  # what the snapshots call as we call a result is not put in its place
    found = {str(k): c.variable for k, c in snapshots.coords.items() if c.dims in along and k not in ds}
    return ds.assign_coords(found)


def error_dataset(snapshots: xr.Dataset, predicted: xr.Dataset, level: float) -> xr.Dataset:
    """Errors of a prediction, and how often given values lie in predicted intervals."""
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1; got {level!r}.")
    from scipy.stats import norm

    wide = float(norm.ppf(0.5 + level / 2))
    per_atom = {"units": "eV", "long_name": "error of the energy per atom"}
    snapshots = ordered(snapshots)
    n = frame_sizes(snapshots)
    error = (predicted["energy"].values - snapshots["energy"].values) / n
    count = {"units": "1", "long_name": "atoms outside the training domain"}
    frame = np.searchsorted(np.cumsum(n), np.arange(n.sum()), side="right")
    outside = np.bincount(frame, weights=predicted["outside"].values, minlength=len(n)).astype(int)
    ds = xr.Dataset(
        {
            "energy_rmse": ((), _rms(error), {**per_atom, "long_name": "RMSE of the energy per atom"}),
            "energy_mae": ((), _mean(np.abs(error)), {**per_atom, "long_name": "MAE of the energy per atom"}),
            "energy_error": ("frame", error, per_atom),
            "n_outside": ("frame", outside, count),
        }
    )
    share = {"units": "1", "level": level}
    if "energy_stderr" in predicted:
        inside = np.abs(error) * n <= wide * predicted["energy_stderr"].values
        ds["energy_coverage"] = (
            (),
            _mean(np.where(np.isfinite(error), inside, np.nan)),
            {**share, "long_name": "coverage of energies"},
        )
    if "force" in snapshots and "force" in predicted:
        units = {"units": "eV/angstrom"}
        force = predicted["force"].values - snapshots["force"].values
        square = np.bincount(frame, weights=(force**2).mean(axis=1), minlength=len(n)) / n
        ds["force_rmse"] = ((), _rms(force), {**units, "long_name": "RMSE of force components"})
        ds["force_mae"] = ((), _mean(np.abs(force)), {**units, "long_name": "MAE of force components"})
        ds["force_error"] = ("frame", np.sqrt(square), {**units, "long_name": "RMSE of force components"})
        if "force_stderr" in predicted:
            within = np.abs(force) <= wide * predicted["force_stderr"].values
            ds["force_coverage"] = (
                (),
                _mean(np.where(np.isfinite(force), within, np.nan)),
                {**share, "long_name": "coverage of force components"},
            )
    of_frames = {str(k): c.variable for k, c in snapshots.coords.items() if c.dims == ("frame",) and k not in ds}
    return ds.assign_coords(of_frames)


def frame_sizes(snapshots: xr.Dataset) -> np.ndarray:
    """Atoms of each frame, in the order of the frames, whatever their labels."""
    place = {label: i for i, label in enumerate(snapshots["frame"].values.tolist())}
    return np.bincount([place[f] for f in snapshots["frame_of"].values.tolist()], minlength=len(place))


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(_mean(values**2)))


def _mean(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return float(there.mean()) if there.size else float("nan")
