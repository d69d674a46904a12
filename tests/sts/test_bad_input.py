"""Wrong input is refused by an error that says what to write instead."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import sts
from mi_widgets.datasets._sts import make_gap_cube
from mi_widgets.errors import DataError, LabelError, ParameterError


@pytest.fixture
def da(small: xr.Dataset) -> xr.DataArray:
    return small.conductance


def test_axis_without_an_energy(da: xr.DataArray) -> None:
    wave = da.assign_coords(energy=da.energy.assign_attrs(units="nm"))
    with pytest.raises(LabelError, match="'energy' is in 'nm'"):
        sts.gap_map(wave)
    with pytest.raises(LabelError, match="needs dimension 'bias'"):
        sts.gap_map(da, "bias")
    with pytest.raises(LabelError, match="Choose one of its variables"):
        sts.gap_map(da.to_dataset())  # type: ignore[arg-type]


def test_axis_from_elsewhere_than_the_fermi_level(da: xr.DataArray) -> None:
    with pytest.raises(DataError, match="measured from the Fermi level"):
        sts.gap_map(da.assign_coords(energy=da.energy + 10))
    with pytest.raises(DataError, match="does not reach zero"):
        sts.zero_bias_map(da.assign_coords(energy=da.energy + 10))


def test_too_little(da: xr.DataArray) -> None:
    with pytest.raises(DataError, match="11 are needed"):
        sts.gap_map(da[..., ::20])
    with pytest.raises(DataError, match="no spectrum has 8 finite values"):
        sts.gap_map(da.where(False), temperature=1.5)


def test_constant_columns_are_no_gap(da: xr.DataArray) -> None:
    gaps = sts.gap_map(xr.ones_like(da) * 3, temperature=1.5)
    assert (gaps.gap < 0.1).all()
    zero = sts.gap_map(xr.zeros_like(da), temperature=1.5)
    assert np.isfinite(zero.rms).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"temperature": -1}, "temperature must be at least 0"),
        ({"temperature": "4 K"}, "temperature must be"),
        ({"temperature": 1.5, "broadening": -0.1}, "broadening must be at least 0"),
        ({"temperature": 1.5, "max_iter": 0}, "max_iter"),
    ],
)
def test_options(da: xr.DataArray, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        sts.gap_map(da, **options)


def test_normalize(da: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match=r"channels lie beyond 3\.99"):
        sts.normalize(da, beyond=3.99)
    with pytest.raises(DataError, match="must be above zero"):
        sts.normalize(-da)
    with pytest.raises(LabelError, match="normal must be a DataArray"):
        sts.normalize(da, normal=xr.DataArray(np.ones(3), dims="time"))
    with pytest.raises(ParameterError, match="no channel lies within"):
        sts.zero_bias_map(da.assign_coords(energy=da.energy + 0.03), width=0.01)


def test_vortex(da: xr.DataArray, small: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="needs a Dataset with 'gap'"):
        sts.fit_vortex(small)
    gaps = small.rename(true_gap="gap")
    with pytest.raises(DataError, match="20 are needed"):
        sts.fit_vortex(gaps.isel(y=slice(3), x=slice(5)))
    with pytest.raises(LabelError, match="map over y and x"):
        sts.fit_vortex(gaps[["gap"]].isel(y=0))
    with pytest.raises(LabelError, match=r"write gap\.attrs"):
        sts.gap_ratio(xr.DataArray(1.2), 7.2)
    with pytest.raises(ParameterError, match="critical_temperature"):
        sts.gap_ratio(small.true_gap, 0)


@pytest.mark.parametrize(
    "options", [{"gap": -1}, {"shape": (1, 5)}, {"energy_range": 1.0}, {"slope": 0.5}, {"noise": -1}, {"n_energies": 5}]
)
def test_options_of_the_generator(options: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match="make_gap_cube"):
        make_gap_cube(**options)
