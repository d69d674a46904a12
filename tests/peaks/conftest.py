"""Maps that several tests fit."""

import pytest
import xarray as xr

from mi_widgets import datasets, peaks


@pytest.fixture(scope="session")
def overlap() -> xr.Dataset:
    """Two overlapping pseudo-Voigts on a linear background, 1,000 counts."""
    return datasets.make_spectral_map(preset="overlap", shape=(24, 24), counts=1000, seed=3)


@pytest.fixture(scope="session")
def overlap_fit(overlap: xr.Dataset) -> xr.Dataset:
    """Its fit, without starting values."""
    return peaks.fit_peaks(overlap.spectra, "energy", n_peaks=2)
