"""Densities of states as DOSClusterer draws them: one curve for each site, and the same for clusters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.plots._dos_groups import Group

__all__ = ["QUANTILES", "SiteCurves", "atom_labels", "checked_pdos", "orbital_choices"]

QUANTILES = (0.1, 0.9)
_MOST_ENERGIES = 640  # a screen has no more


def checked_pdos(ds: Any, who: str) -> xr.Dataset:
    """A Dataset with densities of states of sites, or the error that says what to write instead."""
    if isinstance(ds, xr.DataArray):
        ds = ds.to_dataset(name="pdos")
    if not isinstance(ds, xr.Dataset) or "pdos" not in ds:
        got = ", ".join(map(str, ds.data_vars)) if isinstance(ds, xr.Dataset) else type(ds).__name__
        raise DataError(
            f"{who} takes a Dataset with 'pdos' (atom, orbital, energy); got {got or 'nothing'}. "
            f"Write {who}(io.read_pdos(path))."
        )
    from mi_widgets.dos._check import check_pdos

    pdos = check_pdos(ds, who=who)
    if pdos.size == 0:
        raise DataError(f"{who}: there is nothing to show, the sizes are {dict(pdos.sizes)}.")
    if pdos.sizes["atom"] < 2:
        raise DataError(f"{who} needs at least two sites; got {pdos.sizes['atom']}.")
    return ds


def atom_labels(ds: xr.Dataset) -> np.ndarray:
    """Labels of the atoms, which must differ.

    Raises
    ------
    LabelError
        They do not.
    """
    atoms = np.asarray(ds["atom"].values) if "atom" in ds.coords else np.arange(ds.sizes["atom"])
    if len(np.unique(atoms)) != len(atoms):
        raise LabelError("the labels along 'atom' are not unique; drop them: ds.drop_vars('atom').")
    return atoms


def orbital_choices(ds: xr.Dataset) -> dict[str, list[int] | None]:
    """What the curves may show: everything, or the orbitals of one letter."""
    out: dict[str, list[int] | None] = {"total": None}
    if "orbital" in ds["pdos"].dims and "orbital" in ds.coords:
        from mi_widgets.dos._channels import quantum_letter

        letters = [quantum_letter(str(name)) for name in ds["orbital"].values]
        for letter in dict.fromkeys(letters):
            out[letter] = [i for i, other in enumerate(letters) if other == letter]
    return out


class SiteCurves:
    """The curve of every site for the chosen orbitals, broadened as for the comparison.

    Parameters
    ----------
    ds : xarray.Dataset
        With energies from their reference.
    orbitals : list of int or None
        Positions of the orbitals that are added; None for all.
    broadening : float
        eV.
    """

    def __init__(self, ds: xr.Dataset, orbitals: Sequence[int] | None, broadening: float) -> None:
        from mi_widgets import dos

        pdos = ds["pdos"]
        if "orbital" in pdos.dims:
            pdos = (pdos if orbitals is None else pdos.isel(orbital=list(orbitals))).sum("orbital", skipna=False)
        if "spin" in pdos.dims:
            pdos = pdos.sum("spin", skipna=False)
        pdos = pdos.transpose("atom", "energy").astype(np.float32)
        axis = pdos["energy"].values
        pdos = pdos if axis[0] <= axis[-1] else pdos.isel(energy=slice(None, None, -1))
        pdos = pdos.drop_vars([c for c in pdos.coords if c not in ("energy", "atom")])
        pdos = dos.broaden(pdos.assign_attrs(ds["pdos"].attrs), broadening) if broadening > 0 else pdos
        step = -(-pdos.sizes["energy"] // _MOST_ENERGIES)
        self.values = pdos.isel(energy=slice(None, None, step)).compute()
        self.energy = self.values["energy"]
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def of(self, groups: Sequence[Group]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Mean and quantiles of each cluster; only those whose sites are new are computed."""
        from mi_widgets import dos

        keys = [g.atoms.tobytes() for g in groups]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            labels = np.full(self.values.sizes["atom"], -1)
            for k, i in enumerate(new):
                labels[groups[i].atoms] = k
            there = np.flatnonzero(labels >= 0)
            part = self.values.isel(atom=there)
            found = dos.cluster_mean(part, xr.DataArray(labels[there], dims="atom"), quantiles=QUANTILES)
            for k, i in enumerate(new):
                self._known[keys[i]] = _three(found, k)
        if len(self._known) > 4 * max(len(keys), 50):
            self._known = {key: self._known[key] for key in keys}
        return [self._known[key] for key in keys]


def _three(found: xr.Dataset, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean = found["mean"].values[k, 0]
    low, high = found["band"].values[:, k, 0]
    return mean, low, high
