"""Data of the tests of orientations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import make_orientations


@pytest.fixture(scope="session")
def two() -> xr.Dataset:
    """Two components, 1577 grains rounded to 1 degree."""
    return make_orientations(1577, components=((0.65, 60.0, 5.0), (0.35, 120.0, 3.0)), seed=0)


@pytest.fixture(scope="session")
def angles() -> Callable[..., xr.DataArray]:
    """Labels plain numbers."""

    def make(values: Any, units: str = "degree") -> xr.DataArray:
        return xr.DataArray(np.asarray(values, dtype=float), dims="grain", name="angle", attrs={"units": units})

    return make
