"""Regions of like peaks."""

import pytest

from mi_widgets import datasets, peaks
from mi_widgets.errors import LabelError


def test_regions_of_a_transistor() -> None:
    ds = datasets.make_spectral_map(shape=(16, 40), counts=1000, seed=3)
    fit = peaks.fit_peaks(ds.spectra, n_peaks=2)
    found = peaks.character_map(fit, variables=["center"], n_clusters=2)
    assert found.label.dims == ("y", "x")
    assert int(found.size_of_cluster.sum()) == 16 * 40
    position = ds.true_center.isel(peak=0)
    inside = [position.where(found.label == k) for k in range(2)]
    gap = abs(float(inside[0].mean() - inside[1].mean()))
    assert gap > 2 * max(float(i.std()) for i in inside), "the regions differ by more than their own spread"
    assert found.center.dims == ("cluster", "peak")
    assert found.center.attrs["units"] == "eV"
    with pytest.raises(LabelError, match="status"):
        peaks.character_map(fit, variables=["status"])
