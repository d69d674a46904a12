"""The field of a guest, and one point of it, as Datasets with names and units."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure
from mi_widgets.potentials._guest_system import GuestSystem

if TYPE_CHECKING:
    from mi_widgets.potentials.field import _Work

__all__ = ["field_dataset", "flags", "point_dataset"]

_AXES = ("x", "y", "z")
_FIELD = {
    "energy": "energy with the guest, matrix relaxed",
    "energy_stderr": "standard error of the energy",
    "guest_energy": "energy of the guest in the rigid matrix",
    "relaxation_energy": "energy gained by the matrix giving way",
    "elastic_energy": "energy gained by an elastic matrix",
}


def flags(*names: str, of: str) -> dict[str, Any]:
    """Attributes of a status."""
    return {
        "flag_values": np.arange(len(names), dtype=np.int8), "flag_meanings": " ".join(names), "long_name": of,
    }  # fmt: skip


def field_dataset(work: "_Work", gained: np.ndarray, error: np.ndarray) -> xr.Dataset:
    """What `guest_field` returns."""
    system, shape, size = work.system, [len(a) for a in work.axes], work.frozen.size

    def spread(values: np.ndarray) -> np.ndarray:
        out = np.full(size, np.nan)
        out[work.open] = values
        return out.reshape(shape)

    relaxation = spread(gained)
    frozen = work.frozen.reshape(shape)
    values = {
        "energy": system.energy + frozen + relaxation, "energy_stderr": spread(error), "guest_energy": frozen,
        "relaxation_energy": relaxation, "elastic_energy": spread(work.elastic),
    }  # fmt: skip
    ds = label_structure(system.position, system.atoms.element, cell=system.atoms.cell)
    for name, axis in zip(_AXES, work.axes, strict=True):
        ds = ds.assign_coords({name: (name, axis, {"units": "angstrom", "long_name": name})})
    for name, grid in values.items():
        ds[name] = (_AXES, grid, {"units": "eV", "long_name": _FIELD[name]})
    blocked = np.isnan(relaxation).astype(np.int8)
    ds["status"] = (_AXES, blocked, flags("ok", "blocked", of="status of the point"))
    fitted = work.fitted
    scalars = {
        "matrix_energy": (system.energy, "energy of the matrix alone"),
        "relaxation_rmse": (np.nan if fitted is None else fitted.rmse, "error on blocks left out"),
        "frozen_std": (float(np.std([r[1] for r in work.rows])) if work.rows else np.nan, "spread at the references"),
    }
    for name, (value, text) in scalars.items():
        ds[name] = ((), float(value), {"units": "eV", "long_name": text})
    _references(ds, work)
    ds.attrs = origin(
        "potentials.guest_field", f"{system.guest.element} in an amorphous matrix",
        work.settings.history | {"guest": system.guest.to_dict(), "forces": system.name}, of=work.structure,
    )  # fmt: skip
    return ds


def _references(ds: xr.Dataset, work: "_Work") -> None:
    """The relaxed points; what was learnt about each from the others."""
    k = np.array([r[0] for r in work.rows], dtype=int)
    n, at = len(k), work.open[k] if len(k) else np.zeros(0, dtype=int)
    held, error = np.full(n, np.nan), np.full(n, np.nan)
    if work.fitted is not None:
        m = len(work.fitted.held_out)
        held[:m] = work.fitted.held_out + work.elastic[k[:m]]
        error[:m] = work.fitted.rmse if work.fitted.plain else work.fitted.held_out_error
    ds.coords["reference"] = ("reference", np.arange(n), {"units": "1", "long_name": "reference point"})
    place = work.point[at]
    length = {"units": "angstrom", "long_name": "place of a reference"}
    ds["reference_position"] = (("reference", "axis"), place, length)
    for name, value, text in (
        ("reference_guest_energy", work.frozen[at], _FIELD["guest_energy"]),
        ("reference_relaxation_energy", np.array([r[1] for r in work.rows]), _FIELD["relaxation_energy"]),
        ("reference_held_out", held, "prediction without the block of the point"),
        ("reference_held_out_stderr", error, "standard error of that prediction"),
    ):
        ds[name] = ("reference", np.asarray(value, dtype=float), {"units": "eV", "long_name": text})
    turn = np.array([r[3] for r in work.rows], dtype=int)
    ds["reference_round"] = ("reference", turn, {"units": "1", "long_name": "round in which it was chosen"})
    bad = np.array([not r[2] for r in work.rows], dtype=np.int8)
    ds["reference_status"] = ("reference", bad, flags("ok", "not_converged", of="status of the relaxation"))


def point_dataset(system: GuestSystem, at: np.ndarray, field: xr.Dataset, largest_force: float) -> xr.Dataset:
    """What `guest_at` returns."""
    frozen, near = system.frozen(at[None])
    if not near[0] > 0.3:
        raise DataError(
            f"{system.who}: the guest at {at.round(3).tolist()} lies on top of an atom. Choose a point of "
            "field.where(field.status == 0)."
        )
    found = system.relaxed(at, largest_force=largest_force)
    gained = found.energy - system.energy - float(frozen[0])
    ds = label_structure(
        np.vstack([found.position, at]), [*system.atoms.element.tolist(), system.guest.element], cell=system.atoms.cell
    )
    between = found.position - at
    between -= system.box * np.round(between / system.box)
    for name, value, text in (
        ("guest_energy", float(frozen[0]), _FIELD["guest_energy"]),
        ("relaxation_energy", gained, _FIELD["relaxation_energy"]),
        ("energy", found.energy, _FIELD["energy"]),
        ("matrix_energy", system.energy, "energy of the matrix alone"),
    ):
        ds[name] = ((), float(value), {"units": "eV", "long_name": text})
    distance = float(np.linalg.norm(between, axis=1).min())
    ds["nearest"] = ((), distance, {"units": "angstrom", "long_name": "distance to the nearest atom"})
    ds["status"] = ((), np.int8(not found.converged), flags("ok", "not_converged", of="status of the relaxation"))
    ds.attrs = origin(
        "potentials.guest_at", "A guest in a relaxed matrix",
        {"point": at.tolist(), "guest": system.guest.to_dict(), "forces": system.name, "largest_force": largest_force},
        of=field,
    )  # fmt: skip
    return ds
