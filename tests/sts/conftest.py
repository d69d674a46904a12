import pytest
import xarray as xr

from mi_widgets.datasets._sts import make_gap_cube
from mi_widgets.sts import gap_map


@pytest.fixture(scope="session")
def cube() -> xr.Dataset:
    """The shipped cube."""
    return make_gap_cube()


@pytest.fixture(scope="session")
def gaps(cube: xr.Dataset) -> xr.Dataset:
    return gap_map(cube.conductance, temperature=cube.attrs["temperature"])


@pytest.fixture
def small() -> xr.Dataset:
    return make_gap_cube((5, 6), noise=0.02)
