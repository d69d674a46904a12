"""Projected densities of states as a Dataset, from a structure and plain arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["STEP", "WIDTH", "broadened", "label_pdos"]

#: Standard deviation of the Gaussians of computed data sets (eV), and the step of their energy axis (eV).
WIDTH, STEP = 0.2 / np.sqrt(2), 0.1
_DENSITY: dict[str, Any] = {"units": "1/eV"}


def label_pdos(
    structure: xr.Dataset,
    values: np.ndarray,
    energy: np.ndarray,
    orbitals: Sequence[str],
    *,
    dos: np.ndarray,
    fermi_energy: float,
    projected: np.ndarray,
    spilling: float = 0.0,
) -> xr.Dataset:
    """Add to a structure ``pdos`` (atom, orbital, energy) and what belongs to it."""
    ds = structure.assign_coords(
        orbital=("orbital", list(orbitals), {"long_name": "orbital"}),
        energy=("energy", energy, {"units": "eV", "long_name": "energy"}),
    )
    ds["pdos"] = (("atom", "orbital", "energy"), values, _DENSITY | {"long_name": "projected density of states"})
    ds["dos"] = ("energy", dos, _DENSITY | {"long_name": "density of states"})
    ds["fermi_energy"] = ((), float(fermi_energy), {"units": "eV", "long_name": "Fermi energy"})
    ds["spilling"] = ((), float(spilling), {"units": "1", "long_name": "share of states that no orbital holds"})
    flags = {"flag_values": [0, 1, 2], "flag_meanings": "ok no_projection damaged", "long_name": "status"}
    ds["status"] = ("atom", np.zeros(ds.sizes["atom"], dtype=np.int8), flags)
    ds["projected"] = (("atom", "orbital"), projected, {"long_name": "whether the site has this orbital"})
    return ds


def broadened(
    structure: xr.Dataset, levels: np.ndarray, weight: np.ndarray, fermi: float, window: tuple[float, float]
) -> xr.Dataset:
    """Make Gaussians of levels (eV) that hold two electrons each; weight (level, atom, l) adds up to one per level."""
    energy = fermi + np.arange(np.ceil(window[0] / STEP), np.floor(window[1] / STEP) + 1) * STEP
    curve = np.exp(-0.5 * ((energy - levels[:, None]) / WIDTH) ** 2) * 2 / (WIDTH * np.sqrt(2 * np.pi))
    has = np.asarray(weight.any(axis=0))
    shells = np.flatnonzero(has.any(axis=0))
    flat = weight[:, :, shells].reshape(len(levels), -1)
    values = (flat.T @ curve).reshape(weight.shape[1], shells.size, energy.size)
    return label_pdos(
        structure, values, energy, ["spdf"[l] for l in shells],
        dos=curve.sum(axis=0), fermi_energy=fermi, projected=has[:, shells],
    )  # fmt: skip
