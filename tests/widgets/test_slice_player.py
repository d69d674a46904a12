"""The map of a cube at one energy: same numbers as the data, in its place, and out of the way of the rest."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import ParameterError
from mi_widgets.widgets._peak_map import INTENSITY
from mi_widgets.widgets.peaks import PeakMapper


def _drawn(app: PeakMapper) -> np.ndarray:
    return np.asarray(app.map.view.part("map").handles["source"].data["image"][0])


@pytest.fixture
def app(cube: xr.DataArray) -> PeakMapper:
    return PeakMapper(cube, threaded=False)


def test_slice_is_the_data_at_this_energy(app: PeakMapper) -> None:
    before = _drawn(app)
    app.slice_at = 285.02
    label = float(app.data.energy.sel(energy=285.02, method="nearest"))
    assert app.slice_at == label
    np.testing.assert_allclose(_drawn(app), app.data.sel(energy=label))
    assert f"at {label:.5g} eV" in app.map.view.figure("map").title.text
    assert app._slice_mark.location == label
    assert app._slice_mark.visible
    app.slices.off.click()
    assert app.slice_at is None
    assert not app._slice_mark.visible
    np.testing.assert_allclose(_drawn(app), before)


def test_slider_steps_and_field(app: PeakMapper) -> None:
    labels = app.data.energy.values
    app.slices.slider.value = 10
    assert app.slice_at == labels[10]
    app.slices.forth.click()
    assert app.slice_at == labels[11]
    app.slices.back.click()
    app.slices.back.click()
    assert app.slice_at == labels[9]
    assert app.slices.slider.value == 9
    app.slices.text.value = "284,5"
    assert app.slice_at == pytest.approx(284.5, abs=0.07)
    app.slices.text.value = "here"
    assert "is not a number" in app.message.value
    app.slices.text.value = "999"
    assert "no channel at 999" in app.message.value
    assert float(app.slices.text.value) == pytest.approx(app.slice_at, abs=0.01)  # what is shown is what is drawn
    app.slices.text.value = "284.2"
    assert app.message.value == ""
    with pytest.raises(ParameterError, match="no channel at 1"):
        app.slice_at = 1.0


def test_off_stops_what_is_played(app: PeakMapper) -> None:
    app.slices.slider.value = 10
    app.slices.play.playing = True
    app.slices.off.click()
    assert not app.slices.play.playing
    app.slices.slider.value = 11  # a step that was on its way
    assert app.slice_at is None
    app.slices._stopped = float("-inf")  # later
    app.slices.slider.value = 12
    assert app.slice_at == app.data.energy.values[12]


def test_colours_mean_the_same_for_all_slices(app: PeakMapper) -> None:
    limits = []
    for energy in (281.0, 285.0):
        app.slice_at = energy
        mapper = app.map.view.part("map").handles["color_mapper"]
        limits.append((mapper.low, mapper.high))
    assert limits[0] == limits[1]
    app.color_limits = (0.0, 100.0)
    assert app.map.view.part("map").handles["color_mapper"].high == 100.0
    app.slice_at = 284.0
    assert app.color_limits == (0.0, 100.0)


def test_windows_and_fits_take_the_map_back(app: PeakMapper) -> None:
    app.slice_at = 285.0
    app.window = (284.0, 286.0)
    assert app.slice_at is None
    assert "284 to 286" in app.map.view.figure("map").title.text
    app.slice_at = 285.0
    app.run()
    assert app.slice_at is None
    assert app.map_choice.variable.value == "center"
    app.slice_at = 283.0
    assert app.map_choice.variable.value == INTENSITY
    app.map_choice.variable.value = "amplitude"
    assert app.slice_at is None
    assert not app._slice_mark.visible


def test_pointing_keeps_the_slice(app: PeakMapper) -> None:
    app.slice_at = 285.0
    app.selection = {"y": 1.0, "x": 1.5}
    assert app.slice_at is not None
    np.testing.assert_allclose(_drawn(app), app.data.sel(energy=app.slice_at))


def test_falling_axis_more_dims_and_a_single_spectrum(make_cube: Callable[..., xr.DataArray]) -> None:
    falling = PeakMapper(make_cube()[..., ::-1], threaded=False)
    falling.slices.slider.value = 0
    assert falling.slice_at == 280.0, "to the right is higher"
    many = PeakMapper(make_cube((2, 5, 6)), threaded=False)
    many.slice_at = 285.0
    many.selection = dict(many.selection) | {"step": 0.5}
    np.testing.assert_allclose(_drawn(many), many.data.sel(step=0.5, energy=many.slice_at))
    assert PeakMapper(make_cube(()), threaded=False).slices is None


def test_lazy_cube(cube: xr.DataArray) -> None:
    app = PeakMapper(cube.chunk(y=2), threaded=False)
    app.slice_at = 285.0
    app._painter.wait()
    step = float(cube.energy[1] - cube.energy[0])
    np.testing.assert_allclose(_drawn(app), cube.sel(energy=app.slice_at) * step, rtol=1e-5)
