import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets._qpi import make_interference_map
from mi_widgets.qpi import sample_pixels


@pytest.fixture(scope="session")
def full() -> xr.Dataset:
    """The map of the published size."""
    return make_interference_map()


@pytest.fixture(scope="session")
def small() -> xr.Dataset:
    return make_interference_map((90, 180), width=50.0, noise=1.0)


@pytest.fixture
def few(small: xr.Dataset) -> xr.DataArray:
    return sample_pixels(small.conductance, n_pixels=3000)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)
