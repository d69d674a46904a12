"""The lowest way of a guest through a periodic cell, and its barrier."""

import numpy as np
import xarray as xr
from scipy import ndimage

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.potentials import _winding
from mi_widgets.potentials._cell_list import numba_module
from mi_widgets.potentials._field_dataset import flags

__all__ = ["percolation_barriers"]

_AXES = ("x", "y", "z")


def percolation_barriers(
    field: xr.Dataset,
    *,
    n_draws: int = 50,
    correlation_length: float = 1.5,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    r"""Find the lowest barrier through the periodic cell along x, y and z, with and without the matrix relaxed.

    Points are added from the lowest on until those present wind around the cell: they join a point and its own image
    in the next cell. The energy at which that happens is the threshold; no path through has a lower highest point.

    .. math:: E_\mathrm{barrier} = E_\mathrm{threshold} - \min_\mathrm{cluster} E

    The cluster is what can be reached without passing the threshold. Neighbours are those through the faces of grid
    boxes: a pass between them is missed, and so may be a wall. That is not in the standard error: in the bundled glass
    barriers move by 0.05 to 0.1 eV from a step of 0.5 to one of 0.3 angstrom; compare two steps.

    Parameters
    ----------
    field : xarray.Dataset
        Of `guest_field`: ``energy`` (x, y, z), eV; ``guest_energy`` and ``energy_stderr`` are used if there.
    n_draws : int
        The standard error is the scatter of barriers over so many fields drawn from the field's standard error; 0: NaN.
    correlation_length : float
        Distance (angstrom) over which errors of the field are alike in these draws.
    seed : int, numpy.random.Generator or None
        Of the draws.

    Returns
    -------
    xarray.Dataset
        Over ``direction`` (x, y, z):

        - ``threshold``, ``barrier``, ``barrier_stderr``, eV
        - ``barrier_from_lowest``, eV: from the lowest point of all, which may lie in a cage of its own
        - ``frozen_barrier``, eV: the same as ``barrier`` for ``guest_energy`` alone, the matrix being rigid
        - ``n_points``; ``status``: ok, or blocked (1) where nothing winds around

        and along the path, over ``point`` (NaN after its end): ``path_position`` (direction, point, axis), angstrom,
        from the lowest point of the cluster to its image, not wrapped back; ``path_distance``, angstrom, along it;
        ``path_energy``, ``path_guest_energy`` and ``path_energy_stderr``, eV. Energies are above the matrix alone.

    Raises
    ------
    LabelError
        `field` has no energy (x, y, z).
    DataError
        Nothing is finite, or there are fewer than four points along an axis.
    ParameterError
        Numbers are out of range.

    Examples
    --------
    >>> x = np.arange(8) * 0.5
    >>> wave = 0.2 * (1 - np.cos(np.pi * x / 2))
    >>> energy = wave[:, None, None] + wave[None, :, None] + wave[None, None, :]
    >>> coords = {n: (n, x, {"units": "angstrom"}) for n in "xyz"}
    >>> field = xr.Dataset({"energy": (("x", "y", "z"), energy, {"units": "eV"})}, coords)
    >>> percolation_barriers(field).barrier.values.round(3).tolist()
    [0.4, 0.4, 0.4]
    """
    who = "percolation_barriers"
    energy, spacing = _checked(field, who)
    if not 0 <= int(n_draws) <= 10000 or not correlation_length >= 0:
        raise ParameterError(f"{who}: n_draws must be 0 to 10,000 and correlation_length 0 or more angstrom.")
    base = float(field["matrix_energy"]) if "matrix_energy" in field else 0.0
    energy = energy - base
    frozen = _values(field, "guest_energy")
    error = _values(field, "energy_stderr")
    shape = np.array(energy.shape)
    threshold, low, of_lowest, member = _barriers(energy)
    found: dict[str, np.ndarray] = {
        "threshold": threshold,
        "barrier": threshold - low,
        "barrier_from_lowest": of_lowest - float(energy[np.isfinite(energy)].min()),
        "frozen_barrier": np.full(3, np.nan),
        "barrier_stderr": _scatter(energy, error, spacing, correlation_length, int(n_draws), seed),
    }
    if frozen is not None:
        above, bottom, _, _ = _barriers(frozen)
        found["frozen_barrier"] = above - bottom
    ways = [
        _path(energy, shape, spacing, int(member[a]), threshold[a], a) if member[a] >= 0 else np.zeros((0, 3), int)
        for a in range(3)
    ]
    return _dataset(field, found, ways, [energy, frozen, error], spacing, {
        "n_draws": int(n_draws), "correlation_length": float(correlation_length), "seed": seed,
    })  # fmt: skip


def _checked(field: xr.Dataset, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Energies, infinite where there are none, and the steps of the grid."""
    if not isinstance(field, xr.Dataset) or "energy" not in field or set(field["energy"].dims) != set(_AXES):
        raise LabelError(
            f"{who} needs a field with energy (x, y, z); got {type(field).__name__}. Write guest_field(glass)."
        )
    units = field["energy"].attrs.get("units", "eV")
    if units != "eV":
        raise LabelError(f"{who}: energy must be in eV; it is in {units!r}.")
    energy = np.asarray(field["energy"].transpose(*_AXES).values, dtype=float)
    if min(energy.shape) < 4:
        raise DataError(f"{who}: the grid has {energy.shape} points; four along each axis are the least.")
    if not np.isfinite(energy).any():
        raise DataError(f"{who}: no energy is finite.")
    steps = [np.diff(np.asarray(field[a].values, dtype=float)) for a in _AXES]
    if any(s.min() <= 0 or np.ptp(s) > 1e-6 * abs(s.mean()) + 1e-9 for s in steps):
        raise DataError(f"{who}: x, y and z must rise in equal steps, without the point that is the first one's image.")
    return np.where(np.isfinite(energy), energy, np.inf), np.array([s.mean() for s in steps])


def _values(field: xr.Dataset, name: str) -> np.ndarray | None:
    return np.asarray(field[name].transpose(*_AXES).values, dtype=float) if name in field else None


def _barriers(energy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Threshold, lowest energy of its cluster, threshold of the lowest point, a point of the cluster."""
    engine = numba_module("_numba_winding") or _winding
    found = engine.find_thresholds(energy.ravel(), np.array(energy.shape))
    return tuple(found)


def _path(
    energy: np.ndarray, shape: np.ndarray, spacing: np.ndarray, member: int, limit: float, axis: int
) -> np.ndarray:
    engine = numba_module("_numba_winding") or _winding
    for n_images in (1, 2, 4):  # a path may wind around other faces as well before it closes
        found = engine.find_path(energy.ravel(), shape, spacing, member, limit, axis, n_images)
        if len(found):
            break
    return np.asarray(found)


def _scatter(
    energy: np.ndarray, error: np.ndarray | None, spacing: np.ndarray, length: float, n_draws: int, seed: object
) -> np.ndarray:
    """Standard deviation of the barriers of fields drawn from their errors."""
    if error is None or n_draws < 2:
        return np.full(3, np.nan)
    rng = np.random.default_rng(seed)  # type: ignore[arg-type]
    width, drawn = length / spacing, []
    error = np.where(np.isfinite(error), error, 0.0)
    for _ in range(n_draws):
        noise = rng.standard_normal(energy.shape)
        if length > 0:
            noise = ndimage.gaussian_filter(noise, width / np.sqrt(2), mode="wrap")
            noise /= noise.std()
        threshold, low, _, _ = _barriers(energy + error * noise)
        drawn.append(threshold - low)
    return np.std(drawn, axis=0, ddof=1)


def _dataset(
    field: xr.Dataset, found: dict[str, np.ndarray], ways: list[np.ndarray], grids: list[np.ndarray | None],
    spacing: np.ndarray, parameters: dict[str, object],
) -> xr.Dataset:  # fmt: skip
    n = max(len(w) for w in ways)
    place = np.full((3, n, 3), np.nan)
    along = np.full((3, n), np.nan)
    names = ("path_energy", "path_guest_energy", "path_energy_stderr")
    values = {name: np.full((3, n), np.nan) for name in names}
    start = np.array([float(field[a].values[0]) for a in _AXES])
    for d, way in enumerate(ways):
        if not len(way):
            continue
        place[d, : len(way)] = start + way * spacing
        steps = np.linalg.norm(np.diff(way, axis=0) * spacing, axis=1)
        along[d, : len(way)] = np.concatenate([[0.0], np.cumsum(steps)])
        at = tuple((way % grids[0].shape).T)  # type: ignore[union-attr]
        for name, grid in zip(names, grids, strict=True):
            if grid is not None:
                values[name][d, : len(way)] = grid[at]
    texts = {
        "threshold": "energy at which points wind around the cell, above the matrix alone",
        "barrier": "lowest barrier through the cell", "barrier_stderr": "standard error of the barrier",
        "barrier_from_lowest": "barrier from the lowest point of all",
        "frozen_barrier": "lowest barrier through the rigid matrix",
        "path_energy": "energy of the guest along the path", "path_guest_energy": "energy in the rigid matrix",
        "path_energy_stderr": "standard error of the energy",
    }  # fmt: skip
    ds = xr.Dataset(
        {k: ("direction", v, {"units": "eV", "long_name": texts[k]}) for k, v in found.items()},
        coords={
            "direction": ("direction", list(_AXES), {"long_name": "direction"}),
            "axis": ("axis", list(_AXES), {"long_name": "Cartesian axis"}),
            "point": ("point", np.arange(n), {"units": "1", "long_name": "point of the path"}),
        },
    )
    ds["n_points"] = ("direction", [len(w) for w in ways], {"units": "1", "long_name": "points of the path"})
    blocked = np.isnan(found["threshold"]).astype(np.int8)
    ds["status"] = ("direction", blocked, flags("ok", "blocked", of="status of the path"))
    length = {"units": "angstrom", "long_name": "place on the path"}
    ds["path_position"] = (("direction", "point", "axis"), place, length)
    ds["path_distance"] = (("direction", "point"), along, {"units": "angstrom", "long_name": "distance along the path"})
    for name, value in values.items():
        ds[name] = (("direction", "point"), value, {"units": "eV", "long_name": texts[name]})
    ds.attrs = origin(
        "potentials.percolation_barriers", "Lowest barriers of a guest through a cell", parameters, of=field
    )
    return ds
