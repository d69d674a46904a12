"""Molten and vitreous silica, computed with the pair potential of Tsuneyuki et al.: what potentials are learnt from."""

import numpy as np
import xarray as xr

from mi_widgets._share import share_path
from mi_widgets.datasets._registry import entry
from mi_widgets.io import read_netcdf

__all__ = ["load_silica_glass", "load_silica_snapshots"]


def load_silica_snapshots() -> xr.Dataset:
    """Load 400 snapshots of silica, 72 atoms, from five melts that are cooled to glasses, with energies and forces.

    Each melt began at random places of its own and was cooled from 4500 to 300 K in 20 ps at 2.2 g/cm3; a snapshot was
    taken every 0.25 ps. Learn from ``melt`` 0 to 3 and test with 4.

    Returns
    -------
    xarray.Dataset
        Over ``frame``: ``energy`` (eV), ``cell`` (frame, cell_vector, axis; angstrom), ``stress`` (frame, axis, axis_2;
        eV/angstrom^3, positive under tension), ``n_atoms``, ``pbc`` (frame, cell_vector), coordinates ``melt`` (0 to 4)
        and ``temperature`` (K, that of the thermostat). Over ``environment``, the atoms of all frames in a row:
        ``position`` (environment, axis; angstrom), ``force`` (environment, axis; eV/angstrom), coordinates
        ``element``, ``frame_of``, ``atom_of``.

    Raises
    ------
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.
    FileFormatError
        The bundled file is damaged.

    Notes
    -----
    The potential is one of pairs and charges: easier to learn than energies of density functional theory, and errors
    found with it are no promise for those. A cell of 72 atoms holds no large rings.

    References
    ----------
    S. Tsuneyuki, M. Tsukada, H. Aoki, Y. Matsui, Phys. Rev. Lett. 61, 869 (1988), doi:10.1103/PhysRevLett.61.869.

    Examples
    --------
    >>> snapshots = load_silica_snapshots()
    >>> snapshots.sizes["frame"], snapshots.sizes["environment"]
    (400, 28800)
    """
    ds = read_netcdf(share_path("data") / entry("silica_snapshots")["file"])
    element = np.where(ds["number"].values == 14, "Si", "O")
    ds = ds.drop_vars("number").assign_coords(element=("environment", element, {"long_name": "chemical element"}))
    for name in ("position", "force"):
        ds[name] = ds[name].astype(float).assign_attrs(ds[name].attrs)
    return ds


def load_silica_glass() -> xr.Dataset:
    """Load a glass of silica: 216 atoms at 300 K, cooled at 100 K/ps from 4500 K at 2.2 g/cm3.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, with ``velocity`` (atom, axis; angstrom/fs), ``energy``
        (eV), ``force`` (atom, axis; eV/angstrom) and ``stress`` (axis, axis_2; eV/angstrom^3), as TTAM gives them.

    Raises
    ------
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.
    FileFormatError
        The bundled file is damaged.

    References
    ----------
    S. Tsuneyuki, M. Tsukada, H. Aoki, Y. Matsui, Phys. Rev. Lett. 61, 869 (1988), doi:10.1103/PhysRevLett.61.869.

    Examples
    --------
    >>> load_silica_glass().sizes["atom"]
    216
    """
    return read_netcdf(share_path("data") / entry("silica_glass")["file"])
