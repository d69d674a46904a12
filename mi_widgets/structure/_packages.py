"""What ASE and pymatgen keep in their own ways: atoms held in place, computed moments, oxidation states."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from mi_widgets.errors import MIWidgetsWarning
from mi_widgets.structure._optional import need

__all__ = ["COMPUTED", "computed_arrays", "held_by_ase", "held_by_pymatgen", "hold", "site_properties", "species_of"]

#: What a calculator computes for each atom, by our names and ASE's
COMPUTED: Mapping[str, str] = {"force": "forces", "charge": "charges", "magmom": "magmoms"}


def computed_arrays(atoms: Any) -> dict[str, np.ndarray]:
    """What the calculator of ASE's Atoms has computed for each atom."""
    results = getattr(atoms.calc, "results", {}) or {}
    return {
        key: np.asarray(results[name])
        for key, name in COMPUTED.items()
        if results.get(name) is not None and len(results[name]) == len(atoms)
    }


def held_by_ase(atoms: Any) -> dict[str, np.ndarray]:
    """What constraints hold in place: ``fixed`` (atom) or (atom, axis), ``fixed_scaled`` (atom, cell_vector)."""
    constraints = need("ase.constraints", "from_ase")
    found: dict[str, np.ndarray] = {}
    other = []
    for item in atoms.constraints:
        if isinstance(item, constraints.FixAtoms | constraints.FixCartesian | constraints.FixScaled):
            mask = np.broadcast_to(getattr(item, "mask", True), 3)
            name = "fixed_scaled" if isinstance(item, constraints.FixScaled) and not mask.all() else "fixed"
            held = found.setdefault(name, np.zeros((len(atoms), 3), dtype=bool))
            held[item.index] |= mask
        else:
            other.append(type(item).__name__)
    if other:
        warnings.warn(f"constraints that are not kept: {', '.join(other)}.", MIWidgetsWarning, stacklevel=4)
    if "fixed" in found and (found["fixed"] == found["fixed"][:, :1]).all():
        found["fixed"] = found["fixed"][:, 0]
    return found


def hold(atoms: Any, name: str, held: np.ndarray) -> None:
    """Give ASE's Atoms the constraints of an array ``fixed`` or ``fixed_scaled``."""
    constraints = need("ase.constraints", "to_ase")
    masks = _three(held)
    kind = constraints.FixScaled if name == "fixed_scaled" else constraints.FixCartesian
    new = []
    for mask in np.unique(masks[masks.any(axis=1)], axis=0):
        which = np.flatnonzero((masks == mask).all(axis=1))
        new.append(constraints.FixAtoms(which) if mask.all() else kind(which, mask))
    atoms.set_constraint([*atoms.constraints, *new])


def held_by_pymatgen(free: np.ndarray) -> tuple[str, np.ndarray]:
    """Name and values of what ``selective_dynamics`` holds in place."""
    if (free == free[..., :1]).all():
        return "fixed", ~free[..., 0]
    return "fixed_scaled", ~free


def site_properties(arrays: Mapping[str, np.ndarray]) -> dict[str, list[Any]]:
    """Site properties by pymatgen's names."""
    out: dict[str, list[Any]] = {}
    free: np.ndarray | None = None
    for name, values in arrays.items():
        if name in ("fixed", "fixed_scaled"):
            free = ~_three(values) if free is None else free & ~_three(values)
        elif name not in ("oxidation_state", "spin"):
            out[{"velocity": "velocities", "force": "forces"}.get(name, name)] = values.tolist()
    return out if free is None else {**out, "selective_dynamics": free.tolist()}


def species_of(core: Any, symbols: list[Any], arrays: Mapping[str, np.ndarray]) -> list[Any]:
    """Species of pymatgen with their oxidation state and spin, where known."""
    nothing = np.full(len(symbols), np.nan)
    states, spins = (
        [None if np.isnan(v) else float(v) for v in arrays.get(name, nothing)] for name in ("oxidation_state", "spin")
    )
    return [
        core.Species(symbol, state, spin=spin) if isinstance(symbol, str) and (state, spin) != (None, None) else symbol
        for symbol, state, spin in zip(symbols, states, spins, strict=True)
    ]


def _three(held: np.ndarray) -> np.ndarray:
    wide = held[:, None] if held.ndim == 1 else held
    return np.broadcast_to(wide, (len(held), 3)).astype(bool)
