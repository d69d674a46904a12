"""Maps that several tests fit."""

import pytest
import xarray as xr

from mi_widgets import datasets, peaks
from mi_widgets.peaks._engines._door import resolve_engine


@pytest.fixture(scope="session")
def overlap() -> xr.Dataset:
    """Two overlapping pseudo-Voigts on a linear background, 1,000 counts."""
    return datasets.make_spectral_map(preset="overlap", shape=(24, 24), counts=1000, seed=3)


@pytest.fixture(scope="session")
def overlap_fit(overlap: xr.Dataset) -> xr.Dataset:
    """Its fit, without starting values."""
    return peaks.fit_peaks(overlap.spectra, "energy", n_peaks=2)


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Wait for the compiler, so that the engine does not change between two fits that are compared."""
    resolve_engine("auto", wait=300.0)
