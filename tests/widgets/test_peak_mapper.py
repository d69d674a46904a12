"""PeakMapper through its traits and through a page played by the test; no browser."""

import gc
import json
import threading
import time
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import peaks
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets import Explorer, PeakMapper, link
from mi_widgets.widgets._warned import warned

NASTY = "<img src=x onerror=alert(1)>"
FIT = {"n_peaks": 1, "lineshape": "gaussian", "background": "constant"}


@pytest.fixture
def mapper(cube: xr.DataArray) -> PeakMapper:
    return PeakMapper(cube, params=FIT, threaded=False)


def drawn(w: PeakMapper, label: str) -> dict[str, Any]:
    view = w.map.view if label in ("map", "pointer", "region") and w.map is not None else w.spectrum.view
    return dict(view.part(label).handles["source"].data)


def test_it_is_an_explorer_that_nests(mapper: PeakMapper) -> None:
    import ipywidgets as ipw

    assert isinstance(mapper, Explorer)
    ipw.VBox([mapper])
    assert (mapper.state, mapper.result) == ("idle", None)
    assert "Fit map" in mapper.table.value
    json.dumps(mapper.params)
    json.dumps(mapper.selection)


def test_result_is_the_headless_result_and_code_gives_it(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.run()
    assert mapper.state == "done", mapper.message.value
    xr.testing.assert_identical(mapper.result, peaks.fit_peaks(cube, "energy", **FIT, likelihood="poisson"))
    names = {"da": cube}
    exec(mapper.code, names)
    xr.testing.assert_identical(mapper.result, names["result"])


def test_code_still_gives_the_result_after_a_run_that_failed(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.run()
    before = mapper.result
    mapper.set_params(bounds={"nonsense": [1, 2]})
    mapper.run()
    assert mapper.state == "failed"
    assert "nonsense" in mapper.message.value
    assert mapper.result is before
    names = {"da": cube}
    exec(mapper.code, names)
    xr.testing.assert_identical(mapper.result, names["result"])


@pytest.mark.parametrize("step", [1, -1])
def test_code_with_a_window_and_bounds(cube: xr.DataArray, step: int) -> None:
    da = cube.isel(energy=slice(None, None, step))
    params = FIT | {"window": [282.0, 288.0], "bounds": {"center": [283.0, 287.0], "sigma": [None, 2.0]}}
    w = PeakMapper(da, params=params, threaded=False)
    w.run(wait=True)
    names = {"da": da}
    exec(w.code, names)
    xr.testing.assert_identical(w.result, names["result"])
    low, high = w.result.attrs["axis_range"]
    assert 282.0 <= low < high <= 288.0


def test_threaded_run_gives_the_same(cube: xr.DataArray) -> None:
    w = PeakMapper(cube, params=FIT)
    w.run(wait=True)
    assert w.state == "done"
    xr.testing.assert_identical(w.result, peaks.fit_peaks(cube, **FIT))


def test_cancel_keeps_the_finished_part(cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, whole = threading.Event(), peaks.fit_peaks(cube, **FIT)
    half = whole.where(whole.y < 1.0).assign(status=whole.status.where(whole.y < 1.0, 4).astype("int8"))
    half["status"].attrs = whole["status"].attrs

    def parts(*args: Any, **kwargs: Any) -> Any:
        yield Part(12, 30, half)
        gate.wait(10)
        yield Part(30, 30, whole)

    monkeypatch.setattr(peaks, "iter_fit_peaks", parts)
    w = PeakMapper(cube, params=FIT)
    w.run()
    limit = time.monotonic() + 5
    while w.result is None and time.monotonic() < limit:
        time.sleep(0.01)
    w.run()  # a second click does no harm
    began = time.perf_counter()
    w.cancel()
    assert time.perf_counter() - began < 0.2
    assert (w.state, w.result is half) == ("cancelled", True)
    assert "kept 12 of 30" in w.run_bar.text.value
    gate.set()
    w.worker.wait()
    assert w.result is half
    w.selection = {"y": 2.0}
    assert "not fitted" in w.table.value
    image = drawn(w, "map")["image"][0]
    assert np.isfinite(image[:2]).all()
    assert np.isnan(image[2:]).all()


def test_failure_is_shown(cube: xr.DataArray) -> None:
    w = PeakMapper(cube, params=FIT | {"bounds": {"nonsense": [0, 1]}}, threaded=False)
    w.run()
    assert w.state == "failed"
    assert "nonsense" in w.message.value
    w.set_params(bounds=None)
    w.run()
    assert w.state == "done"


def test_pointing_draws_the_pixel_and_its_fit(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.selection = {"y": 1.1, "x": 0.4}
    assert mapper.selection == {"y": 1.0, "x": 0.5}
    np.testing.assert_allclose(drawn(mapper, "data")["value"], cube.sel(y=1.0, x=0.5))
    assert (drawn(mapper, "pointer")["x"], drawn(mapper, "pointer")["y"]) == ([0.5], [1.0])
    assert np.size(drawn(mapper, "best fit")["value"]) == 0
    mapper.run()
    curves = peaks.evaluate(mapper.result.sel(y=1.0, x=0.5), cube.sel(y=1.0, x=0.5))
    np.testing.assert_allclose(drawn(mapper, "best fit")["value"], curves.best_fit, rtol=1e-6)
    np.testing.assert_allclose(drawn(mapper, "residual")["residual"], curves.residual_normalized, atol=1e-4)
    assert drawn(mapper, "peak 1")["y"].size == 2 * cube.sizes["energy"]
    assert np.size(drawn(mapper, "peak 2")["y"]) == 0
    assert "±" in mapper.table.value


def test_fit_pixel_is_for_this_pixel_alone(mapper: PeakMapper) -> None:
    mapper.fit_pixel_button.click()
    assert mapper.result is None
    assert "this pixel alone" in mapper.table.value
    assert drawn(mapper, "best fit")["value"].size
    mapper.selection = {"x": 0.0, "y": 0.0}
    assert mapper.pixel_result is None
    assert drawn(mapper, "best fit")["value"].size == 0


def test_region_gives_its_mean(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.selection = {"y": [0.0, 0.5], "x": [1.0, 1.5, 2.0]}
    mean = cube.sel(y=[0.0, 0.5], x=[1.0, 1.5, 2.0]).mean(["y", "x"])
    np.testing.assert_allclose(drawn(mapper, "data")["value"], mean, rtol=1e-6)
    assert drawn(mapper, "region")["left"] == [0.75]
    assert mapper.fit_pixel_button.description == "Fit mean"
    mapper.selection = {"y": 0.0, "x": 1.0}
    assert drawn(mapper, "region")["left"] == []


def test_click_drag_and_keys_of_the_page(mapper: PeakMapper, page_of: Any) -> None:
    page = page_of(mapper.map.view)
    page.open()
    figure = mapper.map.view.figure("map")
    page.event("tap", figure, x=1.6, y=0.9, sx=1, sy=1, modifiers=None)
    assert mapper.selection == {"y": 1.0, "x": 1.5}
    page.event("tap", figure, x=99.0, y=0.9, sx=1, sy=1, modifiers=None)
    assert mapper.selection == {"y": 1.0, "x": 1.5}, "beside the map"
    page.say("key", key="ArrowUp")
    page.say("key", key="ArrowLeft")
    assert mapper.selection == {"y": 1.5, "x": 1.0}
    page.say("key", key="ArrowRight", shift=True)
    assert mapper.selection["x"] == 2.5
    box = {"type": "map", "entries": [["type", "rect"], ["x0", 0.3], ["x1", 1.2], ["y0", 2.1], ["y1", 0.8]]}
    page.event("selectiongeometry", figure, geometry=box, final=True)
    assert mapper.selection == {"y": [1.0, 1.5, 2.0], "x": [0.5, 1.0]}
    assert not page.of("error")


def test_window_from_the_page_numbers_and_python(cube: xr.DataArray, mapper: PeakMapper, page_of: Any) -> None:
    page = page_of(mapper.spectrum.view)
    page.open()
    box = {"type": "map", "entries": [["type", "rect"], ["x0", 283.0], ["x1", 285.0], ["y0", 0], ["y1", 9]]}
    figure = mapper.spectrum.view.figure("data")
    page.event("selectiongeometry", figure, geometry=box, final=True)
    assert mapper.window == (283.0, 285.0)

    def expect(window: tuple[float, float]) -> None:
        image = peaks.maps.integrate_window(cube, window=window)
        np.testing.assert_allclose(drawn(mapper, "map")["image"][0], image, rtol=1e-6)

    expect((283.0, 285.0))
    span = mapper.spectrum.view.part("window").handles["glyph"]
    page.set(span, left=284.0, right=286.0)  # the page moves the window itself
    assert mapper.window == (284.0, 286.0)
    expect((284.0, 286.0))
    mapper.window_fields.ends[0].value = "282.5"
    assert mapper.window == (282.5, 286.0)
    assert (span.left, span.right) == (282.5, 286.0)
    mapper.window_fields.use.click()
    assert mapper.params["window"] == [282.5, 286.0]
    mapper.window_fields.whole.click()
    assert mapper.window is None
    with pytest.raises(ParameterError, match="holds no channel"):
        mapper.window = (1.0, 2.0)
    mapper.window_fields.ends[0].value = "abc"
    assert "not a number" in mapper.message.value


def test_map_of_any_variable_its_error_and_status(mapper: PeakMapper) -> None:
    mapper.run()
    choice = mapper.map_choice
    assert choice.variable.value == "center"
    np.testing.assert_allclose(drawn(mapper, "map")["image"][0], mapper.result.center.isel(peak=0).values, rtol=1e-6)
    choice.kind.value = "_stderr"
    np.testing.assert_allclose(
        drawn(mapper, "map")["image"][0], mapper.result.center_stderr.isel(peak=0).values, rtol=1e-6
    )
    assert "std. error" in mapper.map.view.figure("map").title.text
    choice.variable.value = "status"
    assert (drawn(mapper, "map")["image"][0] == mapper.result.status.values).all()
    bar = mapper.map.view.part("map").handles["colorbar"]
    assert bar.major_label_overrides[0] == "ok"
    choice.variable.value = "background_level"
    assert not bar.major_label_overrides
    assert choice.peak.disabled
    for _, name in choice.variable.options:
        choice.variable.value = name
    assert mapper.message.value == ""


def test_pixels_that_are_not_ok_or_not_certain_are_hidden(mapper: PeakMapper) -> None:
    mapper.run()
    result = mapper.result.copy(deep=True)
    result.status[0, 0], result.status[0, 1] = 2, 1
    mapper.result = result
    mapper._draw_map()
    hidden = np.isnan(drawn(mapper, "map")["image"][0])
    assert hidden.sum() == 1
    assert hidden[0, 0]
    mapper.map_choice.pixels.value = 0
    assert np.isnan(drawn(mapper, "map")["image"][0]).sum() == 2
    mapper.map_choice.pixels.value = 99
    assert not np.isnan(drawn(mapper, "map")["image"][0]).any()
    limit = float(result.center_stderr.median())
    mapper.map_choice.max_error.value = str(limit)
    assert np.isnan(drawn(mapper, "map")["image"][0]).sum() == int((result.center_stderr > limit).sum())


def test_colour_limits_follow_the_percentiles(mapper: PeakMapper) -> None:
    mapper.limits.percentile.value = (0, 100)
    image, mapper_ = drawn(mapper, "map")["image"][0], mapper.map.view.part("map").handles["color_mapper"]
    assert (mapper_.low, mapper_.high) == pytest.approx((image.min(), image.max()))
    mapper.limits.percentile.value = (10, 90)
    assert mapper_.low == pytest.approx(np.percentile(image, 10), rel=1e-6)


def test_controls_and_params_follow_each_other(mapper: PeakMapper) -> None:
    controls = mapper.controls
    controls.n_peaks.value = 2
    controls.choices["lineshape"].value = "lorentzian"
    controls.window[0].value = "283"
    assert mapper.params["window"] is None, "one end is not a window yet"
    controls.window[1].value = "287,5"
    controls.limits["sigma"][1].value = "2"
    assert mapper.params | {"likelihood": "poisson"} == {
        "n_peaks": 2, "lineshape": "lorentzian", "background": "constant", "likelihood": "poisson",
        "window": [283.0, 287.5], "bounds": {"sigma": [None, 2.0]}, "ties": None, "noise": None, "robust": False,
        "mask": None, "start": None,
    }  # fmt: skip
    mapper.set_params(n_peaks=3, window=None, bounds={"center": [284, 286], "fraction": [0, 0.5]})
    assert (controls.n_peaks.value, controls.window[0].value) == (3, "")
    assert controls.limits["center"][0].value == "284"
    controls.limits["center"][0].value = "285"
    assert mapper.params["bounds"] == {"center": [285.0, 286.0], "fraction": [0, 0.5]}
    controls.limits["center"][0].value = "x"
    assert "not a number" in mapper.message.value
    controls.limits["center"][0].value = "287"
    assert "low must be below high" in mapper.message.value


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        (lambda w: w.controls.window, ("290", "285"), "fit range: low must be below high"),
        (lambda w: w.controls.window, ("1", "2"), "the fit range 1 to 2 holds no channel"),
        (lambda w: w.controls.window, ("x", "285"), "fit range: &#x27;x&#x27; is not a number"),
        (lambda w: w.controls.limits["sigma"], ("3", "0.5"), "limits of sigma: low must be below high"),
        (lambda w: w.window_fields.ends, ("500", "600"), "the window 500 to 600 holds no channel"),
        (lambda w: w.window_fields.ends, ("x", "285"), "window: &#x27;x&#x27; is not a number"),
    ],
)
def test_what_is_refused_leaves_the_field_as_it_is_used(
    mapper: PeakMapper, field: Any, typed: tuple[str, str], said: str
) -> None:
    mapper.set_params(window=[282.0, 288.0], bounds={"sigma": [0.1, 2.0]})
    mapper.window = (282.0, 288.0)
    ends, params = field(mapper), mapper.params
    before = [end.value for end in ends]
    for end, text in zip(ends, typed, strict=True):
        with mapper.controls._quiet, mapper.window_fields._quiet:  # both are typed, then one is told
            end.value = text
    ends[1].value += " "
    assert said in mapper.message.value
    assert [end.value for end in ends] == before
    assert (mapper.params, mapper.window) == (params, (282.0, 288.0))
    ends[0].value = before[0] + " "  # what is right, once more
    assert mapper.message.value == ""


def test_a_line_shape_for_each_peak(cube: xr.DataArray) -> None:
    w = PeakMapper(cube, params=FIT | {"n_peaks": 2, "lineshape": ["gaussian", "lorentzian"]}, threaded=False)
    assert w.controls.choices["lineshape"].value == "one for each"
    w.controls.choices["background"].value = "linear"
    assert w.params["lineshape"] == ["gaussian", "lorentzian"]
    w.run(wait=True)
    names = {"da": cube}
    exec(w.code, names)
    xr.testing.assert_identical(w.result, names["result"])
    w.fit_pixel()
    assert w.message.value == ""
    w.set_params(lineshape="gaussian")
    assert "one for each" not in w.controls.choices["lineshape"].options


@pytest.mark.parametrize(
    "bad",
    [{"n_peaks": 0}, {"n_peaks": 99}, {"n_peaks": 1.5}, {"lineshape": "box"}, {"window": [3, 1]}, {"window": "all"},
     {"bounds": [1, 2]}, {"peaks": 2}],
)  # fmt: skip
def test_bad_params_are_named(cube: xr.DataArray, bad: dict[str, Any]) -> None:
    with pytest.raises(ParameterError, match=next(iter(bad))):
        PeakMapper(cube, params=bad)


@pytest.mark.parametrize("shape", [(), (7,), (3, 4, 5), (1, 1), (1, 6)])
def test_any_number_of_dimensions(shape: tuple[int, ...], make_cube: Any) -> None:
    cube = make_cube(shape)
    w = PeakMapper(cube, params=FIT, threaded=False)
    w.run(wait=True)
    assert w.result.center.shape == (*shape, 1)
    assert w.message.value == ""
    names = {"da": cube}
    exec(w.code, names)
    xr.testing.assert_identical(w.result, names["result"])
    if len(shape) == 3:
        w.pixel.fields["step"].value = 0.5
        assert w.selection["step"] == 0.5
        np.testing.assert_allclose(
            drawn(w, "map")["image"][0], w.result.center.sel(step=0.5).isel(peak=0).values, rtol=1e-6
        )
        w.map_choice.variable.value = "intensity"
        image = peaks.maps.integrate_window(cube.sel(step=0.5))
        np.testing.assert_allclose(drawn(w, "map")["image"][0], image, rtol=1e-6)
    if len(shape) == 1:
        w.selection = {"x": [0.5, 1.0, 1.5]}
        np.testing.assert_allclose(drawn(w, "data")["value"], cube.sel(x=[0.5, 1.0, 1.5]).mean("x"), rtol=1e-6)


def test_dims_without_coordinates_and_uneven_ones(cube: xr.DataArray) -> None:
    w = PeakMapper(cube.drop_vars(["y", "x"]), threaded=False)
    w.selection = {"y": 2, "x": 3}
    np.testing.assert_allclose(drawn(w, "data")["value"], cube[2, 3])
    uneven = cube.assign_coords(x=("x", [0.0, 1.0, 3.0, 3.5, 7.0, 8.0], {"units": "um"}))
    w = PeakMapper(uneven, params=FIT, threaded=False)
    w.window = (283.0, 285.0)
    w.run(wait=True)
    assert w.message.value == ""


def test_empty_pixels_nan_and_eight_bit_counts(cube: xr.DataArray) -> None:
    data = cube.clip(max=255).astype("uint8")
    data[0] = 0
    w = PeakMapper(data, params=FIT, threaded=False)
    w.run(wait=True)
    for y in (0.0, 2.0):
        w.selection = {"y": y, "x": 0.5}
    assert w.message.value == ""
    nan = cube.astype(float)
    nan[1, 1] = np.nan
    w = PeakMapper(nan, params=FIT, threaded=False)
    w.run(wait=True)
    w.selection = {"y": 0.5, "x": 0.5}
    assert w.message.value == ""


def test_big_cube_opens_without_copies_and_refines_in_the_worker(
    monkeypatch: pytest.MonkeyPatch, make_cube: Any
) -> None:
    monkeypatch.setattr("mi_widgets.widgets._intensity._AT_ONCE", 300)
    cube = make_cube((20, 24))
    w = PeakMapper(cube)
    w._painter.wait()
    np.testing.assert_allclose(drawn(w, "map")["image"][0], peaks.maps.integrate_window(cube), rtol=1e-6)
    w.window = (283.0, 285.0)
    w._painter.wait()
    np.testing.assert_allclose(
        drawn(w, "map")["image"][0], peaks.maps.integrate_window(cube, window=(283.0, 285.0)), rtol=1e-6
    )
    assert w.message.value == ""


def test_chunked_cube_is_read_in_the_worker(make_cube: Any) -> None:
    pytest.importorskip("dask")
    cube = make_cube((6, 8)).chunk({"y": 2})
    w = PeakMapper(cube, params=FIT)
    w._painter.wait()
    np.testing.assert_allclose(drawn(w, "map")["image"][0], peaks.maps.integrate_window(cube.compute()), rtol=1e-6)
    w.selection = {"y": 1.0, "x": 1.0}
    assert w.message.value == ""


def test_bad_data_say_what_to_write(cube: xr.DataArray) -> None:
    with pytest.raises(DataError, match=r"PeakMapper\(ds.spectra\)"):
        PeakMapper(cube.to_dataset(name="spectra"))
    with pytest.raises(DataError, match="label_spectra"):
        PeakMapper(np.zeros((3, 4)))
    with pytest.raises(LabelError, match="rename"):
        PeakMapper(cube.rename(energy="q").assign_coords(q=np.arange(cube.sizes["energy"])))
    with pytest.raises(LabelError, match="units"):
        PeakMapper(cube.assign_coords(energy=cube.energy.values), dim="energy")
    with pytest.raises(DataError, match="empty"):
        PeakMapper(cube.isel(x=slice(0, 0)))
    with pytest.raises(DataError, match="real numbers"):
        PeakMapper(cube.astype(complex))
    with pytest.raises(LabelError, match="not unique"):
        PeakMapper(cube.assign_coords(x=[0.0, 0.0, 1.0, 2.0, 3.0, 4.0]))


def test_data_cannot_be_replaced(cube: xr.DataArray, mapper: PeakMapper) -> None:
    with pytest.raises(ParameterError, match=r"Make a new one: PeakMapper\(other_data\)"):
        mapper.data = cube + 1
    with pytest.raises(ParameterError, match="cannot be replaced"):
        mapper.data = None
    mapper.data = cube
    assert mapper.data is cube


@pytest.mark.parametrize("threaded", [True, False])
def test_warnings_of_the_fit_are_shown(cube: xr.DataArray, threaded: bool) -> None:
    shown = warnings.showwarning
    w = PeakMapper(cube - 100.0, params=FIT, threaded=threaded)
    w.run(wait=True)
    assert w.state == "done"
    assert "below zero" in w.message.value
    assert 'mi-warning" role="status"' in w.message.value
    w.clear_message()
    w.fit_pixel()
    assert "below zero" in w.message.value
    w.set_params(likelihood="gaussian")
    w.run(wait=True)
    assert (w.state, w.message.value) == ("done", "")
    w._parts = lambda params: (warnings.warn(NASTY, MIWidgetsWarning, stacklevel=1), iter(()))[1]  # type: ignore[method-assign]
    w.run(wait=True)
    assert "&lt;img src=x" in w.message.value
    assert "<img" not in w.message.value
    assert warnings.showwarning is shown


@pytest.mark.parametrize("threaded", [True, False])
def test_warnings_at_the_end_of_a_run_are_shown(cube: xr.DataArray, threaded: bool) -> None:
    def parts(params: Any) -> Any:
        whole = peaks.fit_peaks(cube, **FIT)
        warnings.warn("at first", MIWidgetsWarning, stacklevel=1)
        yield Part(30, 30, whole)
        warnings.warn("at last", MIWidgetsWarning, stacklevel=1)

    w = PeakMapper(cube, params=FIT, threaded=threaded)
    w._parts = parts  # type: ignore[method-assign]
    w.run(wait=True)
    assert w.state == "done"
    assert "at first\nat last" in w.message.value


def test_progress_is_full_when_done_and_gone_after_undo(mapper: PeakMapper) -> None:
    bar = mapper.run_bar.bar
    mapper.run()
    assert (bar.value, bar.bar_style, bar.layout.visibility) == (1.0, "success", "visible")
    mapper.undo()
    assert (bar.value, bar.bar_style, bar.layout.visibility) == (0.0, "", "hidden")
    mapper._parts = lambda params: iter(())  # type: ignore[method-assign]
    mapper.run()
    assert bar.value == 1.0


@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_no_data_at_all_is_said(cube: xr.DataArray, value: float) -> None:
    w = PeakMapper(xr.full_like(cube, value, dtype=float), params=FIT, threaded=False)
    w.run(wait=True)
    assert "No spectrum has data: all values are missing or zero" in w.message.value
    assert "nan" not in w.table.value


def test_header_says_that_parameters_changed_after_the_fit(mapper: PeakMapper) -> None:
    said = "fit with other parameters"
    mapper.set_params(n_peaks=2)
    assert said not in mapper.header.value, "there is no fit yet"
    mapper.run()
    assert said not in mapper.header.value
    mapper.set_params(window=[282.0, 288.0])
    assert said in mapper.header.value
    mapper.set_params(window=None)
    assert said not in mapper.header.value
    mapper.set_params(n_peaks=1)
    mapper.run()
    assert said not in mapper.header.value
    mapper.undo()
    assert said not in mapper.header.value


def test_windows_in_the_code_are_short_and_keep_their_channels(cube: xr.DataArray) -> None:
    step = float(cube.energy[1] - cube.energy[0])
    low, high = float(cube.energy[20]) - 0.3 * step, float(cube.energy[60]) + 1e-9
    params = {"window": [low, high], "mask": [[284.0123456789, 284.4123456789]]}
    w = PeakMapper(cube, params=FIT | params, threaded=False)
    w.run(wait=True)
    assert f"{low:.2f}" in w.code
    assert repr(low) not in w.code
    assert "0123456789" not in w.code
    names: dict[str, Any] = {"da": cube}
    exec(w.code, names)
    xr.testing.assert_identical(w.result, names["result"])
    assert "# da = spectra   <- put the name of your array here" in w.code.splitlines()


def test_values_on_a_bound_are_marked(cube: xr.DataArray) -> None:
    w = PeakMapper(cube, params=FIT | {"bounds": {"sigma": [1.0, 2.0]}}, threaded=False)
    w.run(wait=True)
    assert (w.result.status == 1).all()
    assert w.table.value.count("sigma stands on its bound") == 1
    assert "center stands" not in w.table.value
    w.set_params(bounds={"center": [[287.0, 288.0]]})
    w.run(wait=True)
    assert "center stands on its bound" in w.table.value
    w.set_params(bounds=None)
    w.run(wait=True)
    assert "stands on its bound" not in w.table.value


def test_sigma_of_one_channel_is_marked(cube: xr.DataArray) -> None:
    spike = xr.full_like(cube, 20)
    spike[..., 40] = 2000
    w = PeakMapper(spike, params=FIT, threaded=False)
    w.run(wait=True)
    assert "sigma stands on its bound" in w.table.value


def test_value_between_two_gaps_of_a_line_is_seen(make_cube: Any) -> None:
    w = PeakMapper(make_cube((7,)), params=FIT, threaded=False)
    w.run()
    result = w.result.copy(deep=True)
    result.center[[0, 2]] = np.nan
    w.result = result
    w._draw_map()
    dots = [r for r in w.map.view.figure("map").renderers if type(r.glyph).__name__ == "Scatter"]
    assert len(dots) == 1
    np.testing.assert_allclose(dots[0].data_source.data["value"], result.center.values[:, 0], rtol=1e-6)


def test_warnings_of_another_thread_are_handed_on() -> None:
    def elsewhere() -> list[str]:
        with warned() as texts:
            thread = threading.Thread(target=lambda: warnings.warn("there", MIWidgetsWarning, stacklevel=1))
            thread.start()
            thread.join()
        return texts

    with pytest.warns(MIWidgetsWarning, match="there"):
        assert elsewhere() == []


def _line_of_pixels(cube: xr.DataArray) -> xr.DataArray:
    return cube.stack(pixel=["y", "x"]).transpose("pixel", "energy")


DAYS = np.arange("2020-01-01", "2020-01-06", dtype="datetime64[D]").astype("datetime64[ns]")


@pytest.mark.parametrize(
    ("make", "match", "better"),
    [
        (
            lambda da: da.assign_coords(y=DAYS),
            r"labels of 'y' are times \(datetime64.*- da\['y'\]\[0\]\) / np.timedelta64\(1, 's'\)",
            lambda da: da.assign_coords({"y": (da["y"] - da["y"][0]) / np.timedelta64(1, "s")}),
        ),
        (
            lambda da: da.assign_coords(y=DAYS - DAYS[0]),
            r"labels of 'y' are times \(timedelta64.*\(da\['y'\]\) / np.timedelta64\(1, 's'\)",
            lambda da: da.assign_coords({"y": (da["y"]) / np.timedelta64(1, "s")}),
        ),
        (_line_of_pixels, r"'pixel' has several labels at once \(y, x\).*da.unstack\('pixel'\)",
         lambda da: da.unstack("pixel")),
        (_line_of_pixels, r"drop_vars\(\['pixel', 'y', 'x'\]\)", lambda da: da.drop_vars(["pixel", "y", "x"])),
        (
            lambda da: da.assign_coords(y=[0.0, 1.0, np.nan, 3.0, np.inf]),
            r"2 of 5 labels of 'y' are not finite.*da.isel\({'y': np.isfinite\(da\['y'\].values\)}\)",
            lambda da: da.isel({"y": np.isfinite(da["y"].values)}),
        ),
        (
            lambda da: da.assign_coords(y=np.array(["a", 1, 2, 3, 4], dtype=object)),
            r"labels of 'y' are object, neither numbers nor text.*da.drop_vars\('y'\)",
            lambda da: da.drop_vars("y"),
        ),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_pointed_at(cube: xr.DataArray, make: Any, match: str, better: Any) -> None:
    da = make(cube)
    with pytest.raises(LabelError, match=match):
        PeakMapper(da)
    w = PeakMapper(better(da), params=FIT, threaded=False)  # what the message says
    w.run(wait=True)
    assert (w.state, w.message.value) == ("done", "")


def test_labels_that_are_text(cube: xr.DataArray) -> None:
    text = cube.assign_coords(y=np.array(list("abcde"), dtype=object))
    with pytest.raises(LabelError, match=r"da\['y'\].astype\(str\)"):
        PeakMapper(text)
    w = PeakMapper(text.assign_coords({"y": text["y"].astype(str)}), params=FIT, threaded=False)
    w.run(wait=True)
    w.selection = {"y": "c"}
    assert (w.state, w.message.value) == ("done", "")


def test_text_from_the_data_is_escaped(cube: xr.DataArray, page_of: Any) -> None:
    da = cube.rename(y=NASTY).assign_attrs(long_name=f"{NASTY} $$x$$", units=NASTY, title=NASTY)
    da["energy"].attrs |= {"units": "eV", "long_name": NASTY}
    da[NASTY].attrs |= {"units": NASTY, "long_name": NASTY}
    w = PeakMapper(da, params=FIT, threaded=False)
    w.run(wait=True)
    w.fit_pixel()

    def texts(widget: Any) -> Any:
        for child in getattr(widget, "children", ()):
            yield from texts(child)
        if type(widget).__name__ == "HTML":
            yield widget.value

    found = [t for t in texts(w) if "onerror" in t]
    assert found, "the text is shown"
    assert not any("<img" in t for t in found)
    assert all("$$" not in json.dumps(page_of(v).open()) for v in (w.map.view, w.spectrum.view))


def test_linked_mappers_point_at_the_same_pixel(cube: xr.DataArray) -> None:
    a, b = PeakMapper(cube, threaded=False), PeakMapper(cube.isel(x=slice(None, None, -1)), threaded=False)
    link(a, b)
    a.selection = {"y": 1.0, "x": 2.0}
    np.testing.assert_allclose(drawn(b, "data")["value"], cube.sel(y=1.0, x=2.0))
    b.selection = {"x": 0.5}
    assert a.selection == {"y": 1.0, "x": 0.5}


def test_export_writes_beside_and_never_over(
    mapper: PeakMapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_of: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    bar = mapper.export
    bar.name.value = "../my map"
    bar.save.click()
    assert "no result yet" in mapper.message.value
    mapper.run()
    bar.save.click()
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "my_map.nc"), mapper.result)
    (tmp_path / "my_map.nc").write_bytes(b"mine")
    bar.save.click()
    assert (tmp_path / "my_map.nc").read_bytes() == b"mine"
    assert "my_map-2.nc" in mapper.message.value
    assert "Written: my_map-2.nc" in bar.said.value, "beside the button"
    assert "is kept" in mapper.message.value
    xr.testing.assert_identical(xr.load_dataset(tmp_path / "my_map-2.nc"), mapper.result)
    for kind in ("csv", "py", "html:spectrum", "html:map"):
        bar.kind.value = kind
        bar.save.click()
    assert "center_0 (eV)" in (tmp_path / "my_map.csv").read_text().splitlines()[0]
    assert "fit_peaks" in (tmp_path / "my_map.py").read_text()
    assert "cdn" not in (tmp_path / "my_map_map.html").read_text()[:2000]
    assert (tmp_path / "my_map_spectrum.html").exists()
    bar.kind.value = "png:map"
    bar.save.click()
    assert "no page shows" in mapper.message.value
    page = page_of(mapper.map.view)
    page.open()
    bar.save.click()
    page.say("figure", [b"PNG"], rid=page.of("figure")[0]["rid"])
    assert (tmp_path / "my_map_map.png").read_bytes() == b"PNG"
    bar.kind.value = "csv"
    bar.fetch.click()
    assert page.of("download")[0]["name"] == "my_map.csv"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


@pytest.mark.parametrize("error", [RuntimeError(NASTY), OSError(28, NASTY), ValueError(NASTY)])
def test_export_that_fails_says_why_and_leaves_no_file(
    mapper: PeakMapper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page_of: Any, error: Exception
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.chdir(tmp_path)
    mapper.run()
    page = page_of(mapper.map.view)
    page.open()
    with monkeypatch.context() as patch:
        patch.setattr("mi_widgets.io.write_netcdf", broken)
        mapper.export.save.click()
    assert "Nothing was written: " in mapper.message.value
    assert "&lt;img src=x" in mapper.message.value
    for kind in ("nc", "png:map"):
        mapper.clear_message()
        mapper.export.kind.value = kind
        with monkeypatch.context() as patch:
            patch.setattr("os.link", broken)
            patch.setattr(Path, "rename", broken)
            mapper.export.save.click()
            if kind == "png:map":
                page.say("figure", [b"PNG"], rid=page.of("figure")[-1]["rid"])
        assert "Nothing was written: " in mapper.message.value
        assert "<img" not in mapper.message.value
        assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patch:
        patch.setattr("os.link", broken)
        if isinstance(error, OSError):  # no hard links: the file is renamed
            mapper.export.kind.value = "py"
            mapper.export.save.click()
            assert [p.name for p in tmp_path.iterdir()] == ["spectra_peaks.py"]


def test_input_is_not_modified(cube: xr.DataArray) -> None:
    before = cube.copy(deep=True)
    w = PeakMapper(cube, params=FIT, threaded=False)
    w.run()
    w.window = (283.0, 284.0)
    xr.testing.assert_identical(cube, before)


def test_close_leaves_no_widget_and_no_thread(cube: xr.DataArray) -> None:
    from ipywidgets.widgets.widget import _instances

    before, threads = len(_instances), threading.active_count()
    for _ in range(3):
        PeakMapper(cube).close()
    assert threading.active_count() <= threads
    assert len(_instances) - before < 30


def test_a_closed_widget_and_its_pictures_are_freed(cube: xr.DataArray) -> None:
    mapper = PeakMapper(cube, params=FIT, threaded=False)
    mapper.run(wait=True)
    parts = [weakref.ref(mapper), weakref.ref(mapper.map.view), weakref.ref(mapper.spectrum.view)]
    mapper.close()
    del mapper
    gc.collect()
    assert [part() for part in parts] == [None, None, None]
