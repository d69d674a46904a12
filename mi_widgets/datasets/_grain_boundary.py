"""A grain boundary of copper: its energy over all translations of one grain, and its atoms."""

import math

import numpy as np
import xarray as xr

from mi_widgets._share import share_path
from mi_widgets.datasets._bicrystal import LATTICE, PERIOD, bicrystal, relax
from mi_widgets.datasets._pools import label_pool
from mi_widgets.datasets._registry import entry
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.io import read_netcdf
from mi_widgets.labels import label_structure

__all__ = ["STEPS", "landscape", "load_grain_boundary", "make_grain_boundary_structure"]

#: Number of translations along x, y and z.
STEPS = (80, 36, 6)
_TITLE = "Energy of the grain boundary Sigma 5 [001](210) of copper"
_SOURCE = "computed by mi_widgets with the potential of Cleri and Rosato, doi:10.1103/PhysRevB.48.22"
_REFERENCES = (
    "F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993), doi:10.1103/PhysRevB.48.22; S. Kiyohara, H. Oda, K. Tsuda and "
    "T. Mizoguchi, Jpn. J. Appl. Phys. 55, 045502 (2016), doi:10.7567/JJAP.55.045502"
)


def load_grain_boundary() -> xr.Dataset:
    """Load the energy of a grain boundary of copper for 17,280 translations of one grain: a pool to search.

    The symmetric tilt boundary Sigma 5 [001](210), as S. Kiyohara et al. [1]_ searched it by kriging. Each candidate is
    a translation (x, y) of the upper grain in the plane and an expansion z across it; its energy is that after
    relaxation of all atoms but the outer layers, which keep the translation. The lowest, 0.958 J/m2 (published: 0.96),
    belongs to ten candidates that differ by less than 0.03 mJ/m2: one boundary, at planes and places of its own.

    Returns
    -------
    xarray.Dataset
        - ``features`` (candidate, feature): ``x`` along [-1 2 0] in 80 steps of 0.101 angstrom, ``y`` along [0 0 1] in
          36 of 0.100, ``z`` along [2 1 0] in 6 of 0.181, in angstrom, with ``units`` and ``period`` of each (x and y
          repeat)
        - ``energy`` (candidate), J/m2

        Attributes ``target`` and ``goal`` say what is searched for, the lowest ``energy``; differences below
        ``tolerance`` (J/m2) mean nothing.

    Raises
    ------
    MIWidgetsError
        The bundled data are missing: the installation is incomplete.
    FileFormatError
        The bundled file is damaged.

    Notes
    -----
    Computed with the second-moment potential of F. Cleri and V. Rosato [2]_ in slabs of 80 atoms; the energy is that of
    the slab less that of a perfect one with the same surfaces, by area.

    References
    ----------
    .. [1] Jpn. J. Appl. Phys. 55, 045502 (2016), doi:10.7567/JJAP.55.045502
    .. [2] Phys. Rev. B 48, 22 (1993), doi:10.1103/PhysRevB.48.22

    Examples
    --------
    >>> pool = load_grain_boundary()
    >>> round(float(pool.energy.min()), 3)
    0.958
    """
    ds = read_netcdf(share_path("data") / entry("copper_grain_boundary")["file"])
    return ds.assign(features=ds["features"].astype(float), energy=ds["energy"].astype(float))


def landscape(energy: np.ndarray) -> xr.Dataset:
    """Energies (x, y, z) of all translations as the pool that is stored: 32-bit floats."""
    axes = [PERIOD[0] / STEPS[0], PERIOD[1] / STEPS[1], LATTICE / 20]
    number = np.indices(STEPS).reshape(3, -1).T
    ds = label_pool(
        (number * axes).astype(np.float32),
        ["x", "y", "z"],
        ["angstrom"] * 3,
        periods={"x": PERIOD[0], "y": PERIOD[1]},
        attrs={"title": _TITLE, "source": _SOURCE, "references": _REFERENCES, "target": "energy", "goal": "min"}
        | {"tolerance": 1e-4},
        call="load_grain_boundary",
        parameters={},
    )
    attrs = {"units": "J/m**2", "long_name": "grain-boundary energy"}
    ds["energy"] = ("candidate", energy.reshape(-1).astype(np.float32), attrs)
    return ds


def make_grain_boundary_structure(
    x: float, y: float, z: float, *, relaxed: bool = True, hold: bool = True, n_cells: int = 2
) -> xr.Dataset:
    """Make the atoms of a grain boundary of copper, Sigma 5 [001](210), for a translation of the upper grain.

    Parameters
    ----------
    x, y : float
        Translation in the plane along [-1 2 0] and [0 0 1] (angstrom); 8.083 and 3.615 are the periods.
    z : float
        Expansion (angstrom): distance between the outermost planes of the grains beyond that in the crystal.
    relaxed : bool
        Relax the atoms (about 0.05 s), as for `load_grain_boundary`; else rigid grains.
    hold : bool
        Keep the outer layers, and so the translation; else grains slide to the minimum that is near.
    n_cells : int
        Thickness of each grain in periods of 8.083 angstrom, each of 20 atoms (1 to 6).

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, that repeats along a and b and has free surfaces along c,
        and

        - ``grain`` (atom), 1: 0 the lower one, 1 the upper one
        - ``held`` (atom): atoms that were not relaxed
        - ``energy``, J/m**2: of the boundary; only where relaxed

    Raises
    ------
    ParameterError
        A translation is not finite, or `n_cells` is out of range.

    Notes
    -----
    Potential: F. Cleri and V. Rosato, Phys. Rev. B 48, 22 (1993), doi:10.1103/PhysRevB.48.22.

    Examples
    --------
    >>> ds = make_grain_boundary_structure(1.6165, 1.8073, 0.3615)
    >>> round(float(ds.energy), 3)
    0.958
    """
    shift = (float(x), float(y), float(z))
    if not all(map(math.isfinite, shift)) or not -2 < shift[2] < 20:
        raise ParameterError(
            f"make_grain_boundary_structure: x, y and z are lengths in angstrom, z between -2 and 20; got {shift}."
        )
    if not isinstance(n_cells, int | np.integer) or not 1 <= n_cells <= 6:
        raise ParameterError(f"make_grain_boundary_structure: n_cells is a whole number of 1 to 6; got {n_cells!r}.")
    energy, held = None, None
    if relaxed:
        found = relax(*shift, n_cells=int(n_cells), hold=bool(hold))
        position, held, energy = found.position, found.held, found.energy
    else:
        position, _ = bicrystal(shift, int(n_cells))
    low = position[:, 2].min() - 5
    cell = np.diag([*PERIOD, position[:, 2].max() + 5 - low])
    ds = label_structure(position - [0, 0, low], ["Cu"] * len(position), cell=cell, pbc=(True, True, False))
    upper = np.repeat([0, 1], len(position) // 2)
    ds["grain"] = ("atom", upper, {"units": "1", "long_name": "grain"})
    if held is not None and energy is not None:
        ds["held"] = ("atom", held, {"long_name": "held at its place"})
        ds["energy"] = ((), energy, {"units": "J/m**2", "long_name": "grain-boundary energy"})
    called = {**dict(zip("xyz", shift, strict=True)), "relaxed": int(relaxed), "hold": int(hold)}
    ds.attrs = dict(
        origin(
            "datasets.make_grain_boundary_structure",
            "Grain boundary Sigma 5 [001](210) of copper",
            {**called, "n_cells": int(n_cells)},
            source=_SOURCE,
            references=[_REFERENCES],
        )
    )
    return ds
