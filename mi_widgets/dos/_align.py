"""References of energy that are read off densities of states."""

import numpy as np
import xarray as xr

from mi_widgets.dos._channels import orbital_groups
from mi_widgets.dos._kernels import cumulative, trapezoid_weights
from mi_widgets.errors import DataError

__all__ = ["core_level", "valence_top"]

_LEAST_GAP = 0.3  # eV; narrower ones are the noise between levels
_NEAR = 1.0  # eV that the Fermi energy may lie outside its gap: at an edge, in the tail of a broadening


def total(pdos: xr.DataArray) -> np.ndarray:
    """Sum over sites, orbitals and spins (energy,); damaged sites are left out."""
    values = np.asarray(pdos.values, dtype=float).reshape(-1, pdos.sizes["energy"])
    good = np.isfinite(values.sum(axis=1))
    return np.asarray(values[good].sum(axis=0))


def core_level(
    pdos: xr.DataArray, axis: np.ndarray, sites: np.ndarray, orbital: str, window: tuple[float, float], *, who: str
) -> float:
    """Mean energy of the states of an orbital of some sites in a window."""
    if not sites.any():
        raise DataError(f"{who}: there is no site of that element.")
    part = pdos.isel(atom=np.flatnonzero(sites))
    if "orbital" in part.dims:
        groups = orbital_groups([str(v) for v in part["orbital"].values], [orbital], who=who)
        part = part.isel(orbital=groups[orbital])
    states = total(part)
    inside = (axis >= window[0]) & (axis <= window[1])
    weights = trapezoid_weights(axis) * states * inside
    if not weights.sum() > 0:
        raise DataError(f"{who}: the sites have no {orbital} states between {window[0]:.6g} and {window[1]:.6g} eV.")
    return float((weights @ axis) / weights.sum())


def valence_top(
    pdos: xr.DataArray, axis: np.ndarray, fermi: float, window: tuple[float, float], threshold: float, *, who: str
) -> float:
    """Lower edge of the gap nearest to the Fermi energy: where the states fall below the threshold."""
    if not np.isfinite(fermi):
        raise DataError(f"{who}: to find the valence band's top the Fermi energy must be known, if only roughly.")
    states = total(pdos)
    below = (axis <= fermi) & (states > 0)
    if not below.any():
        raise DataError(f"{who}: there are no states below the Fermi energy, {fermi:.6g} eV.")
    first, last = axis[below][[0, -1]]
    filled = cumulative(states, axis, np.array([first, max(last, first + 1e-9)]))
    level = threshold * max(float(np.diff(filled)[0] / max(last - first, 1e-9)), 1e-300)
    low = states < level
    best: tuple[float, float] | None = None
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(int)))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):  # low from start to stop - 1
        if start == 0 or stop == axis.size:  # the ends of the axis are no gap
            continue
        bottom, top = axis[start], axis[stop - 1]
        away = max(bottom - fermi, fermi - top, 0.0)
        if top - bottom < _LEAST_GAP or away > _NEAR or not window[0] <= bottom <= window[1]:
            continue
        if best is None or away < best[0]:
            # between the last energy with states and the first without, where the line crosses the level
            before, after = states[start - 1], states[start]
            t = (before - level) / (before - after)
            best = (away, float(axis[start - 1] + t * (axis[start] - axis[start - 1])))
    if best is None:
        raise DataError(
            f"{who}: there is no gap of {_LEAST_GAP} eV within {_NEAR:g} eV of the Fermi energy {fermi:.6g} eV. Write "
            "reference='fermi', or a higher threshold where states in the gap or broadening fill it."
        )
    return best[1]
