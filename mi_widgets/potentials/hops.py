"""Beside the field: the path walked with the matrix relaxed at each step, and a nudged elastic band of one hop."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.history import origin
from mi_widgets.methods.threads import one_thread
from mi_widgets.potentials._field_dataset import flags
from mi_widgets.potentials._guest_system import GuestSystem
from mi_widgets.runs import Part, Progress, collect

__all__ = ["constrained_scan", "iter_constrained_scan", "nudged_band"]


def constrained_scan(
    field: xr.Dataset,
    paths: xr.Dataset,
    direction: str = "x",
    forces: Any = None,
    guest: Any = None,
    *,
    largest_force: float = 0.02,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Relax the matrix around a guest that is held at each point of a path: the true energies along it.

    Each relaxation starts from the matrix at rest, as the references of the field do, so that no history is carried on.

    Parameters
    ----------
    field : xarray.Dataset
        Of `guest_field`.
    paths : xarray.Dataset
        Of `percolation_barriers`.
    direction : {"x", "y", "z"}
        Which path.
    forces, guest
        As in `guest_field`.
    largest_force : float
        Where relaxations end (eV/angstrom).
    progress : callable, optional
        Called with each `mi_widgets.runs.Part`.

    Returns
    -------
    xarray.Dataset
        Over ``point``: ``energy`` (eV above the matrix alone), ``distance`` (angstrom), ``position`` (point, axis),
        ``status`` (ok, not_converged, not_run); ``barrier`` (eV): highest less lowest; ``field_barrier`` (eV) of the
        same path in the field, and ``field_rmse`` (eV).

    Raises
    ------
    LabelError
        `paths` holds no path in this direction.
    ParameterError
        The direction is unknown.

    Examples
    --------
    >>> scan = constrained_scan(field, paths, "y")  # doctest: +SKIP
    >>> float(scan.barrier - scan.field_barrier)  # doctest: +SKIP
    0.004
    """
    return collect(iter_constrained_scan(field, paths, direction, forces, guest, largest_force=largest_force), progress)


def iter_constrained_scan(
    field: xr.Dataset, paths: xr.Dataset, direction: str = "x", forces: Any = None, guest: Any = None, *,
    largest_force: float = 0.02,
) -> Iterator[Part]:  # fmt: skip
    """Walk along a path point by point.

    Parameters
    ----------
    field, paths, direction, forces, guest, largest_force
        As in `constrained_scan`.

    Yields
    ------
    mi_widgets.runs.Part
        ``result`` is the scan so far, NaN where it has not been.

    Examples
    --------
    >>> first = next(iter_constrained_scan(field, paths))  # doctest: +SKIP
    """
    place, one = _path(paths, direction, "constrained_scan")
    system = GuestSystem(field, forces, guest, who="constrained_scan")
    system.prepare(settle=False, largest_force=largest_force)
    n = len(place)
    energy, status = np.full(n, np.nan), np.full(n, 2, dtype=np.int8)
    relaxed = one_thread(system.relaxed)
    parameters = {"direction": direction, "largest_force": largest_force, "guest": system.guest.to_dict()}
    for k in range(n):
        if k and np.allclose(np.mod(place[k] - place[0] + 1e-6, system.box), 0.0, atol=1e-4):
            energy[k], status[k] = energy[0], status[0]  # the first point's image
        else:
            found = relaxed(place[k], largest_force=largest_force)
            energy[k], status[k] = found.energy - system.energy, not found.converged
        if k % 5 == 4 or k == n - 1:
            yield Part(k + 1, n, _scan_dataset(field, one, place, energy, status, parameters), k, "along the path")


def _path(paths: xr.Dataset, direction: str, who: str) -> tuple[np.ndarray, xr.Dataset]:
    if not isinstance(paths, xr.Dataset) or "path_position" not in paths:
        raise LabelError(f"{who} needs paths of percolation_barriers(field); got {type(paths).__name__}.")
    if direction not in paths["direction"].values:
        raise ParameterError(f"{who}: direction must be 'x', 'y' or 'z'; got {direction!r}.")
    one = paths.sel(direction=direction)
    n = int(one["n_points"])
    if not n:
        raise LabelError(f"{who}: nothing winds around the cell along {direction}: there is no path.")
    one = one.isel(point=slice(0, n))
    return np.asarray(one["path_position"].transpose("point", "axis").values, dtype=float), one


def _scan_dataset(
    field: xr.Dataset, one: xr.Dataset, place: np.ndarray, energy: np.ndarray, status: np.ndarray, parameters: Any
) -> xr.Dataset:
    given = np.asarray(one["path_energy"].values, dtype=float)
    known = np.isfinite(energy)
    ev = {"units": "eV"}
    ds = xr.Dataset(
        {
            "energy": ("point", energy.copy(), {**ev, "long_name": "energy of the guest, matrix relaxed"}),
            "distance": ("point", one["path_distance"].values, {"units": "angstrom", "long_name": "distance"}),
            "position": (("point", "axis"), place, {"units": "angstrom", "long_name": "place of the guest"}),
            "status": ("point", status.copy(), flags("ok", "not_converged", "not_run", of="status of the relaxation")),
            "barrier": ((), float(np.ptp(energy[known])), {**ev, "long_name": "barrier of the scan"}),
            "field_barrier": ((), float(np.ptp(given)), {**ev, "long_name": "barrier of the field"}),
            "field_rmse": (
                (), float(np.sqrt(np.mean(np.square(energy - given)[known]))),
                {**ev, "long_name": "error of the field along the path"},
            ),
        },
        {
            "point": ("point", np.arange(len(place)), {"units": "1", "long_name": "point of the path"}),
            "axis": ("axis", ["x", "y", "z"], {"long_name": "Cartesian axis"}),
        },
    )  # fmt: skip
    ds.attrs = origin("potentials.constrained_scan", "A guest moved along a path", parameters, of=field)
    return ds


def nudged_band(
    field: xr.Dataset,
    start: Any,
    stop: Any,
    forces: Any = None,
    guest: Any = None,
    *,
    n_images: int = 7,
    largest_force: float = 0.05,
    most_steps: int = 150,
    via: Any = None,
) -> xr.Dataset:
    """Find the barrier of one hop by a climbing nudged elastic band of ASE, guest and matrix both free to move.

    Both ends are relaxed first, the guest too, and settle in their own minima.

    Parameters
    ----------
    field : xarray.Dataset
        Of `guest_field`: its matrix is used.
    start, stop : (float, float, float)
        Where the guest is put (angstrom); `stop` may lie in the next cell.
    forces, guest
        As in `guest_field`.
    n_images : int
        Images between the ends, 1 to 31.
    largest_force : float
        Where the band ends (eV/angstrom).
    most_steps : int
        Most steps of the optimiser; the climbing image is let go after half of them at the latest.
    via : array_like (n, 3), optional
        Points that the guest passes, such as those of a path: the first band follows them, else a straight line.

    Returns
    -------
    xarray.Dataset
        Over ``image`` (the ends included): ``energy`` (eV above the matrix alone), ``distance`` (angstrom, of the
        guest along the band), ``position`` (image, axis); ``barrier`` and ``reverse_barrier`` (eV), from each end up;
        ``largest_force`` (eV/angstrom); ``status``: ok, not_converged (1).

    Raises
    ------
    DataError
        The guest lies on top of an atom, or both ends fall into the same minimum: there is no hop.
    ParameterError
        A point or a number is out of range.

    References
    ----------
    G. Henkelman, B. P. Uberuaga and H. Jonsson, J. Chem. Phys. 113, 9901 (2000), doi:10.1063/1.1329672

    Examples
    --------
    >>> band = nudged_band(field, (1.0, 2.0, 3.0), (3.0, 2.0, 3.0))  # doctest: +SKIP
    """
    from mi_widgets.potentials._hop_band import run_band

    who = "nudged_band"
    ends = [np.asarray(p, dtype=float) for p in (start, stop)]
    if any(p.shape != (3,) or not np.isfinite(p).all() for p in ends):
        raise ParameterError(f"{who}: start and stop are three finite numbers each; got {start!r} and {stop!r}.")
    if not 1 <= int(n_images) <= 31 or not largest_force > 0 or int(most_steps) < 1:
        raise ParameterError(f"{who}: n_images must be 1 to 31, largest_force and most_steps above zero.")
    system = GuestSystem(field, forces, guest, who=who)
    system.prepare(settle=False, largest_force=largest_force, elastic=False)
    near = system.frozen(np.array(ends))[1]
    if not (near > 0.3).all():
        raise DataError(f"{who}: an end lies on top of an atom of the matrix; choose points where the field is low.")
    found = run_band(system, ends, None if via is None else np.asarray(via, dtype=float), int(n_images),
                     largest_force, int(most_steps))  # fmt: skip
    n, ev = len(found.energy), {"units": "eV"}
    top = float(found.energy.max())
    ds = xr.Dataset(
        {
            "energy": ("image", found.energy, {**ev, "long_name": "energy above the matrix alone"}),
            "distance": ("image", found.distance, {"units": "angstrom", "long_name": "distance of the guest"}),
            "position": (("image", "axis"), found.place, {"units": "angstrom", "long_name": "place of the guest"}),
            "barrier": ((), top - float(found.energy[0]), {**ev, "long_name": "barrier"}),
            "reverse_barrier": ((), top - float(found.energy[-1]), {**ev, "long_name": "barrier back"}),
            "largest_force": ((), found.force, {"units": "eV/angstrom", "long_name": "largest force that is left"}),
            "status": ((), np.int8(found.force > largest_force), flags("ok", "not_converged", of="status of the band")),
        },
        {
            "image": ("image", np.arange(n), {"units": "1", "long_name": "image"}),
            "axis": ("axis", ["x", "y", "z"], {"long_name": "Cartesian axis"}),
        },
    )
    parameters = {"start": ends[0].tolist(), "stop": ends[1].tolist(), "n_images": n_images, "most_steps": most_steps,
                  "largest_force": largest_force, "guest": system.guest.to_dict()}  # fmt: skip
    ds.attrs = origin("potentials.nudged_band", "Nudged elastic band of one hop", parameters, of=field,
                      references=("10.1063/1.1329672",))  # fmt: skip
    return ds
