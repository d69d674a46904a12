"""A synthetic slab that comes with the truth."""

from typing import Any

import numpy as np
import xarray as xr

from mi_widgets.datasets._seed import generator
from mi_widgets.errors import ParameterError
from mi_widgets.history import origin
from mi_widgets.labels import label_structure

__all__ = ["finish_structure", "make_slab"]


def make_slab(
    *,
    size: tuple[int, int] = (4, 4),
    n_layers: int = 4,
    step: bool = True,
    vacuum: float = 12.0,
    rattle: float = 0.0,
    seed: int | np.random.Generator | None = 0,
) -> xr.Dataset:
    """Make a slab of MgO(001), with a step across it, whose layers and coordination numbers are known.

    Parameters
    ----------
    size : (int, int)
        Atoms along x and y, even and at least 4.
    n_layers : int
        Layers of the lower terrace; the upper one has one more.
    step : bool
        Put one more layer on the half with small x.
    vacuum : float
        Empty space above the slab (angstrom).
    rattle : float
        Standard deviation of random displacements (angstrom).
    seed : int, numpy.random.Generator or None
        Of the displacements.

    Returns
    -------
    xarray.Dataset
        A structure, see `mi_widgets.labels.label_structure`, that repeats along a and b, and

        - ``true_layer`` (atom), 1: layer from the bottom
        - ``true_coordination`` (atom), 1: number of nearest neighbours, counted on the lattice

    Raises
    ------
    ParameterError
        A number is out of range.

    Examples
    --------
    >>> sorted(set(make_slab().true_coordination.values.tolist()))
    [4, 5, 6]
    """
    nx, ny = size
    if nx % 2 or ny % 2 or min(nx, ny) < 4 or n_layers < 1 or vacuum < 0 or rattle < 0:
        raise ParameterError("make_slab: size must be even and 4 or more, n_layers 1 or more, others not negative.")
    spacing = 4.212 / 2
    filled = np.zeros((nx, ny, n_layers + 1), dtype=bool)
    filled[:, :, :n_layers] = True
    filled[: nx // 2, :, n_layers] = step
    place = np.argwhere(filled)
    place = place[np.lexsort((place[:, 0], place[:, 1], place[:, 2]))]
    around = np.zeros(filled.shape, dtype=int)
    for axis, shift in ((0, 1), (0, -1), (1, 1), (1, -1)):
        around += np.roll(filled, shift, axis=axis)
    around[:, :, 1:] += filled[:, :, :-1]
    around[:, :, :-1] += filled[:, :, 1:]
    position = place * spacing + rattle * generator(seed, who="make_slab").standard_normal(place.shape)
    cell = np.diag([nx * spacing, ny * spacing, (n_layers + step) * spacing + vacuum])
    ds = label_structure(
        position, np.where(place.sum(axis=1) % 2, "O", "Mg"), cell=cell, pbc=(True, True, False)
    )  # fmt: skip
    ds["true_layer"] = ("atom", place[:, 2], {"units": "1", "long_name": "true layer"})
    ds["true_coordination"] = ("atom", around[tuple(place.T)], {"units": "1", "long_name": "true coordination number"})
    return finish_structure(
        ds, "make_slab", "MgO(001) with a step" if step else "MgO(001)", {"size": list(size), "step": step}
    )


def finish_structure(ds: xr.Dataset, function: str, title: str, parameters: dict[str, Any]) -> xr.Dataset:
    """Global attributes of a structure that was made."""
    ds.attrs = dict(origin(f"datasets.{function}", title, parameters, source="synthetic"))
    return ds
