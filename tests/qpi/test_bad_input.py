"""Wrong input is refused by an error that says what to write instead."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import qpi
from mi_widgets.datasets._qpi import make_interference_map
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError


@pytest.fixture
def da(small: xr.Dataset) -> xr.DataArray:
    return small.conductance


def test_positions_without_a_length(da: xr.DataArray) -> None:
    pixels = da.assign_coords(x=("x", np.arange(180.0), {"units": "1"}))
    with pytest.raises(LabelError, match=r"'x' is in '1'.*assign_coords\(x=0.28"):
        qpi.fourier_transform(pixels)


def test_other_dimensions(da: xr.DataArray) -> None:
    with pytest.raises(LabelError, match=r"da.isel\(direction=0\)"):
        qpi.fourier_transform(da.expand_dims(direction=2))
    with pytest.raises(LabelError, match="rename"):
        qpi.fourier_transform(da.rename(y="row"))
    with pytest.raises(LabelError, match="Choose one of its variables"):
        qpi.fourier_transform(da.to_dataset())  # type: ignore[arg-type]


def test_too_few_pixels(da: xr.DataArray) -> None:
    with pytest.raises(DataError, match="at least 100 sampled pixels"):
        qpi.fit_lasso(da, qpi.sample_pixels(da, n_pixels=99))
    with pytest.raises(DataError, match="are not finite"):
        qpi.fourier_transform(da.where(False))


def test_constant_map(da: xr.DataArray) -> None:
    with pytest.raises(DataError, match="a constant map has no waves"):
        qpi.analyze(xr.full_like(da, 3.0))


def test_q_beyond_what_pixels_resolve(da: xr.DataArray) -> None:
    with pytest.raises(ParameterError, match=r"Write q_max=11.3"):
        qpi.fourier_transform(da, q_max=20)


def test_grid_finer_than_the_area_resolves(da: xr.DataArray) -> None:
    with pytest.warns(MIWidgetsWarning, match=r"Write n_q=\d+"):
        qpi.fourier_transform(da, qpi.sample_pixels(da, "centre"))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_q": 33}, "n_q must be even"),
        ({"n_q": 2}, "n_q must be a whole number"),
        ({"q_max": -1}, "q_max must be a number above 0"),
        ({"penalty": 0.0}, "penalty must be"),
        ({"penalty": [0.1, 0.1]}, "differ"),
        ({"penalty": "0.1 nS"}, "penalty must be"),
        ({"n_penalties": 1}, "n_penalties"),
        ({"smallest": 1.0}, "smallest"),
        ({"solver": "ista"}, "'fista' or 'amp'"),
        ({"max_iter": 0}, "max_iter"),
        ({"tolerance": np.nan}, "tolerance"),
    ],
)
def test_options_of_the_lasso(da: xr.DataArray, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        qpi.fit_lasso(da, **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_folds": 1}, "n_folds"),
        ({"n_folds": 5000}, "n_folds"),
        ({"rule": "least"}, "'one_se' or 'best'"),
        ({"alpha": 0}, "alpha"),
        ({"solver": "ista"}, "'fista' or 'amp'"),
    ],
)
def test_options_of_the_validation(da: xr.DataArray, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        qpi.cross_validate(da, **options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kind": "spiral"}, "no kind 'spiral'"),
        ({"n_pixels": 10**6}, "are wanted of 16200"),
        ({"n_pixels": 0}, "n_pixels"),
        ({"kind": "grid", "step": 0}, "step"),
        ({"region": {"z": (0, 1)}}, "region must be such as"),
        ({"region": {"x": 3}}, "two numbers"),
    ],
)
def test_options_of_the_sampling(da: xr.DataArray, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        qpi.sample_pixels(da, **options)


def test_empty_region(da: xr.DataArray) -> None:
    with pytest.raises(DataError, match="holds no pixel"):
        qpi.sample_pixels(da, region={"x": (500, 600)})


def test_sampled_of_another_map(da: xr.DataArray, few: xr.DataArray) -> None:
    with pytest.raises(LabelError, match="other positions"):
        qpi.fourier_transform(da[:50], few)
    with pytest.raises(LabelError, match="must be a DataArray of bool"):
        qpi.fourier_transform(da, few.values)
    with pytest.raises(LabelError, match="must be a DataArray of bool"):
        qpi.fourier_transform(da, few * 0.5)


def test_amp_that_runs_away_is_told(da: xr.DataArray) -> None:
    """A rectangle in the middle is nothing like a random choice."""
    with pytest.warns(MIWidgetsWarning):
        found = qpi.fit_lasso(
            da, qpi.sample_pixels(da, "centre", n_pixels=400), penalty=0.01, solver="amp", max_iter=60
        )
    assert int(found.status[0]) == 1
    assert found.amplitude.isnull().all()


def test_rings(da: xr.DataArray) -> None:
    profile = qpi.radial_profile(qpi.fourier_transform(da, n_q=64).amplitude)
    with pytest.raises(LabelError, match="one profile over q"):
        qpi.fit_rings(profile)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="start must hold 2 radii"):
        qpi.fit_rings(profile["mean"], start=(1.2,))
    with pytest.raises(DataError, match="too few for 6 rings"):
        qpi.fit_rings(profile["mean"][:20], 6)
    with pytest.raises(LabelError, match="amplitude over qy and qx"):
        qpi.radial_profile(da)
    with pytest.raises(LabelError, match="needs a result"):
        qpi.reconstruct_map(da, da)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"shape": (4, 4)}, "shape"),
        ({"width": 0}, "width"),
        ({"noise": -1}, "noise"),
        ({"rings": (1.2,)}, "one amplitude for each ring"),
        ({"rings": (1.2, 30.0)}, "which the pixels resolve"),
    ],
)
def test_options_of_the_generator(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        make_interference_map(**options)


def test_profiles_in_other_units_and_rings_without_width_are_refused() -> None:
    q = np.arange(0.05, 5, 0.08)
    profile = xr.DataArray(np.exp(-((q - 3.2) ** 2) / 0.02) + 0.1, {"q": ("q", q, {"units": "1/angstrom"})}, ("q",))
    with pytest.raises(LabelError, match=r"1/nm; got '1/angstrom'"):
        qpi.fit_rings(profile, 1)
    at = {"units": "1/nm"}
    image = xr.DataArray(np.ones((8, 8)), {d: (d, np.arange(8) - 3.5, at) for d in ("qy", "qx")}, ("qy", "qx"))
    with pytest.raises(ParameterError, match="width must be above zero"):
        qpi.radial_profile(image, width=0.0)
