"""Cells of every kind, with random atoms."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr

from mi_widgets.labels import label_structure

TRICLINIC = np.array([[7.0, 0.0, 0.0], [2.1, 6.5, 0.0], [-1.3, 1.7, 8.0]])
ROTATED = TRICLINIC @ np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
#: cell, pbc, number of atoms, cutoff
CELLS = {
    "cubic": (np.eye(3) * 9.0, (True, True, True), 60, 3.0),
    "triclinic": (TRICLINIC, (True, True, True), 50, 3.3),
    "rotated": (ROTATED, (True, True, True), 50, 3.3),
    "left-handed": (TRICLINIC[[1, 0, 2]], (True, True, True), 50, 2.9),
    "cutoff larger than the cell": (TRICLINIC / 2, (True, True, True), 7, 7.5),
    "slab": (TRICLINIC, (True, True, False), 50, 3.5),
    "wire": (TRICLINIC, (False, False, True), 40, 4.0),
    "molecule": (np.zeros((3, 3)), (False, False, False), 30, 3.0),
    "c = 0": (np.diag([6.0, 7.0, 0.0]), (True, True, False), 30, 3.0),
    "one atom": (np.eye(3) * 2.5, (True, True, True), 1, 6.0),
}


@pytest.fixture(params=sorted(CELLS))
def case(request: pytest.FixtureRequest) -> tuple[xr.Dataset, float]:
    """A structure with atoms in and out of its cell, and a cutoff."""
    cell, pbc, n, cutoff = CELLS[request.param]
    rng = np.random.default_rng(len(request.param))
    elements = np.where(rng.random(n) < 0.4, "Si", "O")
    return label_structure(rng.normal(scale=6.0, size=(n, 3)), elements, cell=cell, pbc=pbc), cutoff


class Computes:
    """Counts how often dask computes."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, dsk: Any, keys: Any, **options: Any) -> Any:
        self.n += 1
        return dask.get(dsk, keys, **options)


@pytest.fixture
def counting() -> Callable[[], AbstractContextManager[Computes]]:
    """A context that counts computes."""

    @contextmanager
    def context() -> Iterator[Computes]:
        count = Computes()
        with dask.config.set(scheduler=count):
            yield count

    return context


@pytest.fixture
def liquid() -> xr.Dataset:
    """Twelve frames of random atoms in a triclinic cell that changes."""
    rng = np.random.default_rng(0)
    cells = TRICLINIC * np.linspace(1.0, 1.1, 12)[:, None, None]
    position = rng.random((12, 60, 3)) @ cells
    return label_structure(position, ["Si"] * 20 + ["O"] * 40, cell=cells, time=np.arange(12.0))


@pytest.fixture
def chunked() -> Callable[[xr.Dataset], xr.Dataset]:
    """Puts what changes with the frames into dask arrays, as `read_trajectory` does."""

    def chunk(ds: xr.Dataset) -> xr.Dataset:
        return ds.assign({name: v.chunk(frame=5) for name, v in ds.data_vars.items() if "frame" in v.dims})

    return chunk
