"""Transmission out of a Hamiltonian: Landauer's formula with non-equilibrium Green functions, wide-band leads."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.errors import DataError, LabelError
from mi_widgets.labels import label, require_dims, require_numeric
from mi_widgets.methods.threads import one_thread
from mi_widgets.transmission._check import ELECTRONVOLT, finish, in_electronvolt
from mi_widgets.transmission._kernels import transmission

__all__ = ["landauer"]


@one_thread
def landauer(hamiltonian: xr.DataArray, left: xr.DataArray, right: xr.DataArray, energy: Any) -> xr.Dataset:
    r"""Compute the transmission of a few orbitals between two leads, :math:`T = \mathrm{Tr}[\Gamma_L G \Gamma_R G^+]`.

    Parameters
    ----------
    hamiltonian : xarray.DataArray
        ``site`` and ``other_site`` (eV), over any other dims (``junction``); Hermitian.
    left, right : xarray.DataArray
        Over ``site`` (eV): the width that each lead gives to a site, :math:`\Gamma_L` and :math:`\Gamma_R`, not below
        zero; zero where a site does not touch it.
    energy : xarray.DataArray or array_like
        Energies (eV).

    Returns
    -------
    xarray.Dataset
        ``transmission`` (…, energy), 1.

    Raises
    ------
    LabelError
        A dimension or unit is wrong.
    DataError
        The matrix is not Hermitian or not finite, a width is negative, or energies are not finite.

    Notes
    -----
    :math:`G(E) = [E - H + \tfrac{i}{2}(\Gamma_L + \Gamma_R)]^{-1}`; leads are wide bands: their widths do not depend on
    the energy, and they do not shift levels. One spin, no interaction, no vibration [1]_. One decomposition into modes
    serves all energies; where modes fall together, equations are solved for each.

    References
    ----------
    .. [1] S. Datta, Electronic Transport in Mesoscopic Systems, Cambridge (1995), doi:10.1017/CBO9780511805776

    Examples
    --------
    >>> level = xr.DataArray([[0.0]], dims=("site", "other_site"), attrs={"units": "eV"})
    >>> width = xr.DataArray([0.1], dims="site", attrs={"units": "eV"})
    >>> landauer(level, width, width, [0.0]).transmission.values
    array([1.])
    """
    who = "landauer"
    require_dims(hamiltonian, ("site", "other_site"), who=who)
    in_electronvolt(hamiltonian, "hamiltonian", who)
    matrix = hamiltonian.transpose(..., "site", "other_site")
    h = np.asarray(matrix.values)
    if h.dtype.kind not in "fiuc" or h.shape[-1] != h.shape[-2] or not np.isfinite(h).all():
        raise DataError(f"{who}: hamiltonian must be square, of finite numbers; got {h.dtype} of shape {h.shape}.")
    if not np.allclose(h, np.swapaxes(h.conj(), -1, -2), atol=1e-10 * max(1.0, float(np.abs(h).max(initial=0)))):
        raise DataError(
            f"{who}: hamiltonian must be Hermitian. Write (h + h.conj().transpose(...)) / 2 if it should be."
        )
    widths = [_width(da, name, h.shape[-1], who) for name, da in (("left", left), ("right", right))]
    axis = _energies(energy, who)
    rows = h.reshape(-1, *h.shape[-2:])
    values = np.array([transmission(row, widths[0], widths[1], axis.values) for row in rows]).reshape(
        *h.shape[:-2], axis.size
    )
    over = tuple(str(d) for d in matrix.dims[:-2])
    coords = {str(k): v for k, v in hamiltonian.coords.items() if set(v.dims) <= set(over)}
    out = xr.Dataset(
        {"transmission": ((*over, "energy"), values, {"units": "1", "long_name": "transmission"})},
        coords={**coords, "energy": axis},
    )
    return finish(out, who, "Transmission", {}, hamiltonian.attrs.get("source", ""))


def _width(da: xr.DataArray, name: str, n: int, who: str) -> np.ndarray:
    if not isinstance(da, xr.DataArray) or da.dims != ("site",) or da.size != n:
        shape = dict(da.sizes) if isinstance(da, xr.DataArray) else type(da).__name__
        raise LabelError(f"{who}: {name} must be a DataArray over 'site' with {n} widths (eV); got {shape}.")
    require_numeric(da, who=who)
    in_electronvolt(da, name, who)
    values = np.asarray(da.values, dtype=float)
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError(f"{who}: {name} holds widths: finite, not below zero; got {float(values.min())}.")
    return values


def _energies(energy: Any, who: str) -> xr.DataArray:
    if isinstance(energy, xr.DataArray):
        in_electronvolt(energy, "energy", who)
        energy = energy.values
    values = np.atleast_1d(np.asarray(energy, dtype=float))
    if values.ndim != 1 or not np.isfinite(values).all():
        raise DataError(f"{who}: energy must be finite numbers (eV) in one dimension; got shape {values.shape}.")
    return label(xr.DataArray(values, dims="energy"), ELECTRONVOLT, "energy")
