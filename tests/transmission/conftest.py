"""Junctions that several tests share."""

import pytest
import xarray as xr

from mi_widgets.datasets._transmission import make_molecular_junctions


@pytest.fixture(scope="session")
def junctions() -> xr.Dataset:
    """600 junctions at few energies."""
    return make_molecular_junctions(n_energies=61)


@pytest.fixture(scope="session")
def few() -> xr.Dataset:
    """60 junctions at five energies."""
    return make_molecular_junctions(n_junctions=60, n_energies=5)
