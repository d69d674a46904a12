"""Averages over rings, against sums written out."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.methods.radial import radial_average


@pytest.fixture
def da() -> xr.DataArray:
    rng = np.random.default_rng(2)
    at = {d: (d, np.arange(n) * s, {"units": "nm"}) for d, n, s in (("y", 21, 0.5), ("x", 31, 0.4))}
    values = rng.normal(size=(2, 21, 31))
    values[0, 3, 4] = np.nan
    return xr.DataArray(values, at, ("energy", "y", "x"), attrs={"units": "nS", "long_name": "conductance"})


def test_rings_written_out(da: xr.DataArray) -> None:
    found = radial_average(da, center=(5.0, 6.0), width=1.0)
    r = np.hypot(*np.meshgrid(da.y - 5.0, da.x - 6.0, indexing="ij"))
    assert found.sizes["radius"] == 5, "the nearest edge is 5 away"
    for k in range(5):
        ring = (r >= k) & (r < k + 1) if k < 4 else (r >= k) & (r <= k + 1)
        for e in range(2):
            values = da.values[e][ring]
            values = values[np.isfinite(values)]
            assert float(found["mean"][e, k]) == pytest.approx(values.mean())
            assert float(found["stderr"][e, k]) == pytest.approx(values.std(ddof=1) / np.sqrt(values.size))
            assert int(found["n_points"][e, k]) == values.size
        assert float(found.radius[k]) == pytest.approx(r[ring].mean())
    assert found["mean"].attrs == {"units": "nS", "long_name": "mean conductance"}


def test_corner_reaches_every_point(da: xr.DataArray) -> None:
    assert int(radial_average(da[1]).n_points.sum()) == 21 * 31


def test_wrong_input(da: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match="width must be above zero"):
        radial_average(da, width=0)
    with pytest.raises(DataError, match="no point of the map"):
        radial_average(da, center=(100.0, 100.0), largest=1)
    da["x"].attrs["units"] = "um"
    with pytest.raises(LabelError, match="convert one of them"):
        radial_average(da)
