"""PeakMapper: colours, noise, mask, starts, number of peaks, pin, undo, region, preview; no browser."""

import json
import threading
import time
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import peaks
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets import PeakMapper
from mi_widgets.widgets._counting import evidence_table, most_wanted
from mi_widgets.widgets._history import LONGEST, History, Snapshot
from mi_widgets.widgets._region import fit_region

FIT = {"n_peaks": 1, "lineshape": "gaussian", "background": "constant"}


@pytest.fixture
def mapper(cube: xr.DataArray) -> PeakMapper:
    return PeakMapper(cube, params=FIT, threaded=False)


def drawn(w: PeakMapper, label: str) -> dict[str, Any]:
    view = w.map.view if label in ("map", "pin", "pin frame") else w.spectrum.view
    return dict(view.part(label).handles["source"].data)


def color_ends(w: PeakMapper) -> tuple[float, float]:
    mapper = w.map.view.part("map").handles["color_mapper"]
    return mapper.low, mapper.high


def executed(w: PeakMapper, da: xr.DataArray) -> dict[str, Any]:
    names: dict[str, Any] = {"da": da}
    exec(w.code, names)
    return names


# ---- colours -------------------------------------------------------------------------------------------------


def test_colour_limits_belong_to_their_map(mapper: PeakMapper, page_of: Any) -> None:
    mapper.run()
    page = page_of(mapper.limits.view)
    page.open()
    automatic = color_ends(mapper)
    page.set(mapper.limits._window, left=284.2, right=285.5)  # dragged in the histogram
    assert mapper.color_limits == color_ends(mapper) == (284.2, 285.5)
    mapper.map_choice.variable.value = "amplitude"
    assert mapper.color_limits is None
    mapper.limits.ends[0].value = "100"
    assert mapper.color_limits == color_ends(mapper)
    assert mapper.color_limits[0] == 100
    mapper.map_choice.variable.value = "center"
    assert color_ends(mapper) == (284.2, 285.5)
    mapper.color_limits = (284.0, 286.0)
    assert color_ends(mapper) == (284.0, 286.0)
    mapper.limits.auto.click()
    assert (mapper.color_limits, color_ends(mapper)) == (None, automatic)
    mapper.limits.ends[0].value = "x"
    assert "not a number" in mapper.message.value
    mapper.color_limits = (3.0, 1.0)
    assert "low &lt; high" in mapper.message.value


def test_histogram_is_of_the_shown_map(cube: xr.DataArray, mapper: PeakMapper) -> None:
    source = mapper.limits.view.part("histogram").handles["source"]
    assert source.data["top"].sum() == 30
    mapper.color_limits = (0.0, 1e6)
    mapper.run()
    mapper.map_choice.variable.value = "status"
    assert mapper.limits.view.layout.visibility == "hidden"
    mapper.map_choice.variable.value = "fwhm"
    assert mapper.limits.view.layout.visibility == "visible"
    mapper.map_choice.variable.value = "intensity"
    assert color_ends(mapper) == (0.0, 1e6)
    mapper.window = (283.0, 284.0)
    assert color_ends(mapper)[1] < 1e6, "another window is another map"


def test_wild_pixels_do_not_spoil_the_colours(mapper: PeakMapper) -> None:
    mapper.run()
    low, high = color_ends(mapper)
    wild = mapper.result.copy(deep=True)
    wild.center[0, :3] = 280.0  # at a bound
    wild.status[0, :3] = 1
    wild.center[1, :3] = 290.0  # ok, and not known at all
    wild.center_stderr[1, :3] = 50.0
    mapper.result = wild
    mapper._draw_map()
    new = color_ends(mapper)
    assert low - 0.2 < new[0] < new[1] < high + 0.2
    mapper.map_choice.pixels.value = 99
    assert color_ends(mapper) == pytest.approx(new)


def test_a_region_that_is_not_certain_keeps_its_colours(mapper: PeakMapper) -> None:
    mapper.run()
    half = mapper.result.copy(deep=True)
    half.center[:3] = np.linspace(288.0, 289.0, 18).reshape(3, 6, 1)
    half.status[:3], half.center_stderr[:2] = 1, 50.0
    mapper.result = half
    mapper._draw_map()
    low, high = color_ends(mapper)
    values = half.center.values
    assert ((values >= low) & (values <= high)).mean() >= 0.9
    assert (low, high) == pytest.approx(tuple(np.percentile(values, (2, 98))))


# ---- noise, mask, starts ---------------------------------------------------------------------------------------

CASES: list[dict[str, Any]] = [
    {"noise": "auto"},
    {"likelihood": "gaussian"},
    {"likelihood": "gaussian", "noise": "auto"},
    {"likelihood": "gaussian", "noise": "poisson"},
    {"likelihood": "gaussian", "noise": 6.5},
    {"robust": True},
    {"mask": [[281.0, 282.0]]},
    {"mask": [[281.0, 282.0], [288.5, 289.0]], "window": [280.5, 289.5]},
    {"start": {"center": [285.0]}, "mask": [[281.0, 282.0]], "robust": True, "noise": "auto"},
    {"n_peaks": 2, "start": {"center": [286.0, 284.0], "sigma": 0.6}, "bounds": {"sigma": [0.2, 2.0]}},
]


@pytest.mark.parametrize("more", CASES, ids=", ".join)
@pytest.mark.parametrize("step", [1, -1])
def test_code_gives_the_result_with_every_parameter(cube: xr.DataArray, more: dict[str, Any], step: int) -> None:
    da = cube.isel(energy=slice(None, None, step))
    w = PeakMapper(da, params=FIT | more, threaded=False)
    w.run(wait=True)
    assert w.message.value == ""
    xr.testing.assert_identical(w.result, executed(w, da)["result"])
    w.fit_pixel()
    assert w.message.value == ""
    assert json.loads(json.dumps(w.params)) == w.params


def test_masked_channels_do_not_matter(cube: xr.DataArray) -> None:
    spoilt = cube.copy(deep=True)
    spoilt.loc[{"energy": slice(281.0, 282.0)}] = 5000
    clean = peaks.fit_peaks(cube.where(~((cube.energy >= 281.0) & (cube.energy <= 282.0))), "energy", **FIT)
    w = PeakMapper(spoilt, params=FIT, threaded=False)
    w.window = (281.0, 282.0)
    w.window_fields.leave.click()
    assert w.params["mask"] == [[281.0, 282.0]]
    np.testing.assert_array_equal(drawn(w, "left out")["x0"], [281.0])
    w.run(wait=True)
    np.testing.assert_allclose(w.result.center, clean.center, rtol=1e-6)
    w.window = (288.0, 289.0)
    w.window_fields.leave.click()
    assert len(w.params["mask"]) == 2
    assert w.window_fields.all.description == "clear 2"
    w.window_fields.all.click()
    assert w.params["mask"] is None
    assert drawn(w, "left out")["x0"].size == 0


def test_noise_found_in_the_data_is_shown(cube: xr.DataArray) -> None:
    gained = (cube * 4).assign_attrs(cube.attrs)
    w = PeakMapper(gained, params=FIT | {"noise": "auto"}, threaded=False)
    w.run(wait=True)
    assert w.result.attrs["noise_gain"] == pytest.approx(4.0, rel=0.15)
    assert f"noise gain {w.result.attrs['noise_gain']:.3g}" in w.table.value
    w.set_params(noise=None)
    w.run(wait=True)
    assert "noise gain" not in w.table.value


def test_one_spectrum_is_fitted_with_the_noise_of_the_whole_map(cube: xr.DataArray) -> None:
    gained = (cube * 4).assign_attrs(cube.attrs)
    w = PeakMapper(gained, params=FIT | {"noise": "auto"}, threaded=False)
    w.fit_pixel()
    assert w.pixel_result.attrs["noise_gain"] == peaks.estimate_noise(gained)["gain"]
    alone = float(w.pixel_result.amplitude_stderr[0])
    w.selection = {"y": cube.y.values[:2].tolist(), "x": cube.x.values[:2].tolist()}
    w.fit_pixel()
    assert float(w.pixel_result.amplitude_stderr[0]) == pytest.approx(alone / 2, rel=0.3)


def test_noise_controls(mapper: PeakMapper) -> None:
    c = mapper.controls
    assert [text for text, _ in c.noise.options] == ["counts", "auto (gain)"]
    c.noise.value = "auto"
    assert mapper.params["noise"] == "auto"
    c.choices["likelihood"].value = "gaussian"
    assert (mapper.params["likelihood"], mapper.params["noise"]) == ("gaussian", "auto")
    c.noise.value = "number"
    assert mapper.params["noise"] == "auto", "the number is still to be typed"
    assert c.sigma.layout.display is None
    c.sigma.value = "6,5"
    assert mapper.params["noise"] == 6.5
    c.choices["likelihood"].value = "poisson"
    assert mapper.params["noise"] is None
    assert c.sigma.layout.display == "none"
    c.robust.value = True
    assert mapper.params["robust"] is True
    assert mapper.message.value == ""


@pytest.mark.parametrize(
    ("bad", "match"),
    [
        ({"noise": "loud"}, "noise of the poisson likelihood must be None, 'auto'"),
        ({"noise": 3.0}, "noise of the poisson"),
        ({"likelihood": "gaussian", "noise": -1}, "a number above 0"),
        ({"robust": 1}, "robust must be True or False"),
        ({"mask": [284, 285]}, r"mask must be a list of windows such as \[\[284.0"),
        ({"mask": [[285, 284]]}, "mask must be"),
        ({"start": [284.0]}, "start must be a dict"),
        ({"start": {"center": [284.0, 285.0]}}, "one for each of 1 peaks"),
        ({"start": {"center": [999.0]}}, "position 999 is not on the axis, from 280 to 290"),
        ({"window": [1.0, 2.0]}, "holds no channel; the axis runs from 280 to 290"),
    ],
)
def test_bad_parameters_say_what_to_write(cube: xr.DataArray, bad: dict[str, Any], match: str) -> None:
    with pytest.raises(ParameterError, match=match):
        PeakMapper(cube, params=bad)


@pytest.mark.parametrize(
    ("typed", "center"),
    [
        ("284.5, 286.1", [284.5, 286.1]),
        ("284.5,286.1", [284.5, 286.1]),
        ("284.5 286.1", [284.5, 286.1]),
        ("284,5; 286,1", [284.5, 286.1]),
        ("284, 286, 287", [284.0, 286.0, 287.0]),
        ("285", [285.0]),
    ],
)
def test_typed_start_positions(mapper: PeakMapper, typed: str, center: list[float]) -> None:
    mapper.controls.start.value = typed
    assert mapper.params["start"] == {"center": center}
    assert mapper.params["n_peaks"] == len(center)
    assert mapper.pixel_result is not None, "previewed"
    mapper.controls.n_peaks.value = 5
    assert mapper.params["start"] is None
    mapper.controls.start.value = "x"
    assert "not a number" in mapper.message.value


def test_dragged_start_positions(cube: xr.DataArray, mapper: PeakMapper, page_of: Any) -> None:
    mapper.run()
    page = page_of(mapper.spectrum.view)
    page.open()
    spans = mapper.spectrum._spans
    assert not any(s.visible for s in spans)
    mapper.show_starts = True
    assert [s.visible for s in spans[:2]] == [True, False]
    here = float(mapper.result.center.isel(mapper.at.where(mapper.selection)).values[0])
    assert spans[0].location == pytest.approx(here)
    page.set(spans[0], location=284.98765)
    assert mapper.params["start"] == {"center": [284.988]}
    alone = peaks.fit_peaks(cube.sel(mapper.selection), "energy", **FIT, start={"center": [284.988]})
    xr.testing.assert_identical(mapper.pixel_result, alone)
    page.set(spans[0], location=999.0)
    assert mapper.params["start"] == {"center": [290.0]}, "the line stays on the axis"
    mapper.show_starts = False
    assert not any(s.visible for s in spans)


# ---- preview and automatic runs ----------------------------------------------------------------------------------


def test_a_control_that_changes_is_previewed_and_follows_the_pointer(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.run()
    mapper.controls.choices["lineshape"].value = "lorentzian"
    params = FIT | {"lineshape": "lorentzian"}
    xr.testing.assert_identical(mapper.pixel_result, peaks.fit_peaks(cube.sel(mapper.selection), "energy", **params))
    assert "this pixel alone" in mapper.table.value
    mapper.selection = {"y": 1.0, "x": 1.0}
    xr.testing.assert_identical(mapper.pixel_result, peaks.fit_peaks(cube.sel(y=1.0, x=1.0), "energy", **params))
    mapper.run()
    mapper.selection = {"y": 0.0, "x": 1.0}
    assert mapper.pixel_result is None
    mapper.preview = False
    mapper.controls.choices["lineshape"].value = "gaussian"
    assert mapper.pixel_result is None


def test_refit_the_map_on_change(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.auto_run = True
    assert mapper.result is None
    mapper.controls.choices["background"].value = "linear"
    xr.testing.assert_identical(mapper.result, peaks.fit_peaks(cube, "energy", **(FIT | {"background": "linear"})))


# ---- regions -------------------------------------------------------------------------------------------------


def test_fit_of_a_region_has_the_errors_of_a_mean(make_cube: Any) -> None:
    """Many regions of the same peak: the spread of their areas is what the standard errors say."""
    cube = make_cube((40, 24), seed=3)
    w = PeakMapper(cube, params=FIT, threaded=False)
    areas, errors = [], []
    for i in range(0, 40, 2):
        w.selection = {"y": cube.y.values[i : i + 2].tolist(), "x": cube.x.values[10:12].tolist()}
        w.fit_pixel()
        areas.append(float(w.pixel_result.amplitude[0]))
        errors.append(float(w.pixel_result.amplitude_stderr[0]))
        assert w.pixel_result.attrs["n_spectra_summed"] == 4
    truth = 300 * 0.6 * np.sqrt(2 * np.pi)
    assert np.mean(areas) == pytest.approx(truth, abs=4 * np.mean(errors) / np.sqrt(len(areas)) + 0.002 * truth)
    assert 0.6 < np.std(areas) / np.mean(errors) < 1.5
    single = peaks.fit_peaks(cube.isel(y=0, x=10), "energy", **FIT)
    assert np.mean(errors) == pytest.approx(float(single.amplitude_stderr[0]) / 2, rel=0.1)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"likelihood": "gaussian"},
        {"likelihood": "gaussian", "noise": 8.0},
        {"noise": {"gain": 2.0}},
        {"likelihood": "gaussian", "noise": {"gain": 1.0, "read": 3.0}},
    ],
)
def test_region_of_equal_spectra_is_fitted_like_one(cube: xr.DataArray, more: dict[str, Any]) -> None:
    spectrum = cube.isel(y=2, x=3)
    params = FIT | more | {"dim": "energy", "bounds": {"amplitude": [0, 1000]}, "ties": None, "start": None}
    one, many = peaks.fit_peaks(spectrum, **params), fit_region(spectrum, 9, params)
    for name in ("amplitude", "center", "fwhm", "height", "background_level"):
        np.testing.assert_allclose(many[name], one[name], rtol=1e-4, err_msg=name)
        assert many[name].attrs["units"] == one[name].attrs["units"], name
    if more != {"likelihood": "gaussian"}:  # there the noise is read off the residuals, which are those of one
        np.testing.assert_allclose(many.amplitude_stderr, one.amplitude_stderr / 3, rtol=2e-2)


def test_fit_mean_is_drawn_with_its_table(cube: xr.DataArray, mapper: PeakMapper) -> None:
    mapper.selection = {"y": [0.0, 0.5, 1.0], "x": [1.0, 1.5]}
    mapper.fit_pixel_button.click()
    mean = cube.sel(mapper.selection).mean(["y", "x"])
    best = drawn(mapper, "best fit")["value"]
    assert np.abs(best - mean).mean() < 8
    residual = drawn(mapper, "residual")["residual"]
    assert 0.7 < np.std(residual) < 1.4, "in standard deviations of the mean"
    assert "sum of 6 spectra fitted, values per spectrum" in mapper.table.value
    mapper.selection = {"y": 0.0, "x": 0.0}
    assert "sum of" not in mapper.table.value


# ---- two pixels -----------------------------------------------------------------------------------------------


def test_pinned_pixel_stays(cube: xr.DataArray, mapper: PeakMapper, page_of: Any) -> None:
    mapper.run()
    mapper.selection = {"y": 1.0, "x": 0.5}
    mapper.pin()
    mapper.selection = {"y": 2.0, "x": 2.5}
    np.testing.assert_allclose(drawn(mapper, "pinned")["value"], cube.sel(y=1.0, x=0.5))
    curves = peaks.evaluate(mapper.result.sel(y=1.0, x=0.5), cube.sel(y=1.0, x=0.5))
    np.testing.assert_allclose(drawn(mapper, "pinned fit")["value"], curves.best_fit, rtol=1e-6)
    assert (drawn(mapper, "pin")["x"], drawn(mapper, "pin")["y"]) == ([0.5], [1.0])
    assert "pinned: spectrum at y = 1 µm" in mapper.pinned_table.value
    mapper.window = (283.0, 284.0)
    assert drawn(mapper, "pin")["x"] == [0.5]
    mapper.pin_button.value = False
    assert mapper.pinned == {}
    assert drawn(mapper, "pinned")["value"].size == len(drawn(mapper, "pin")["x"]) == 0
    assert mapper.pinned_table.value == ""
    page = page_of(mapper.map.view)
    page.open()
    page.say("key", key="p")
    assert mapper.pinned == mapper.selection
    page.say("key", key="p")
    assert mapper.pinned == {}
    mapper.pinned = {"y": [0.0, 0.5], "x": 1.1}
    assert mapper.pinned == {"y": [0.0, 0.5], "x": 1.0}
    np.testing.assert_allclose(drawn(mapper, "pinned")["value"], cube.sel(y=[0.0, 0.5], x=1.0).mean("y"), rtol=1e-6)
    with pytest.raises(LabelError, match="outside"):
        mapper.pinned = {"y": 99.0}


def test_pin_on_a_line_of_spectra(make_cube: Any) -> None:
    w = PeakMapper(make_cube((7,)), params=FIT, threaded=False)
    w.fit_pixel()
    w.pin()
    w.selection = {"x": 0.5}
    assert drawn(w, "pinned fit")["value"].size
    assert len(drawn(w, "pin")["x"]) == 1
    assert w.message.value == ""


# ---- undo -----------------------------------------------------------------------------------------------------


def test_undo_and_redo(cube: xr.DataArray, mapper: PeakMapper) -> None:
    assert mapper.history_buttons.undo.disabled
    mapper.run()
    first = mapper.result
    mapper.set_params(lineshape="lorentzian", bounds={"sigma": [0.1, 3.0]})
    mapper.run()
    second = mapper.result
    mapper.history_buttons.undo.click()
    assert mapper.result is first
    assert (mapper.params["lineshape"], mapper.params["bounds"]) == ("gaussian", None)
    assert mapper.controls.choices["lineshape"].value == "gaussian"
    xr.testing.assert_identical(mapper.result, executed(mapper, cube)["result"])
    mapper.redo()
    assert mapper.result is second
    xr.testing.assert_identical(mapper.result, executed(mapper, cube)["result"])
    mapper.undo()
    mapper.undo()
    assert (mapper.result, mapper.state) == (None, "idle")
    assert "No fit yet" in mapper.table.value
    assert mapper.history_buttons.undo.disabled
    mapper.undo()
    mapper.redo()
    assert mapper.result is first
    mapper.set_params(n_peaks=2)  # not fitted yet: undo takes it back, redo brings it again
    mapper.undo()
    assert mapper.params["n_peaks"] == 1
    mapper.redo()
    assert mapper.params["n_peaks"] == 2
    assert mapper.result is first


def test_a_cancelled_or_failed_run_loses_nothing(cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    w = PeakMapper(cube, params=FIT)
    w.run(wait=True)
    whole, gate = w.result, threading.Event()
    half = whole.assign(status=whole.status.where(whole.y < 1.0, 4).astype("int8").assign_attrs(whole.status.attrs))

    def parts(*args: Any, **kwargs: Any) -> Any:
        yield Part(12, 30, half)
        gate.wait(10)

    with monkeypatch.context() as patch:
        patch.setattr(peaks, "iter_fit_peaks", parts)
        w.run()
        limit = time.monotonic() + 5
        while w.result is whole and time.monotonic() < limit:
            time.sleep(0.01)
        w.undo()
        assert w.state == "running", "no undo meanwhile"
        w.cancel()
        gate.set()
        w.worker.wait()
    assert w.result is half
    w.undo()
    assert (w.result is whole, w.state) == (True, "done")
    w.set_params(bounds={"nonsense": [0, 1]})
    with pytest.raises(ParameterError):
        w.run(wait=True)
    assert w.result is whole
    w.undo()
    assert w.params["bounds"] is None


def test_history_is_bounded() -> None:
    def snapshot(i: int, n: int = 1) -> Snapshot:
        return Snapshot({"i": i}, xr.Dataset({"a": ("x", np.zeros(n))}), None, "", "", "done", "")

    history = History(snapshot(0))
    for i in range(1, 30):
        history.keep(snapshot(i))
    steps, now = 0, history._line[-1]
    while history.can_undo:
        now = history.back(now) or now
        steps += 1
    assert (steps, now.params["i"]) == (LONGEST, 29 - LONGEST)
    big = History(snapshot(0))
    for i in range(1, 6):
        big.keep(snapshot(i, 30_000_000))
    assert len(big._line) == 2


# ---- number of peaks ---------------------------------------------------------------------------------------------


def test_count_peaks(cube: xr.DataArray) -> None:
    w = PeakMapper(cube, params=FIT | {"window": [281.0, 289.0], "mask": [[281.5, 282.0]]}, threaded=False)
    w.count_button.click()
    assert w.state == "done", w.message.value
    assert w.result is None
    counted = w.n_peaks_result
    assert most_wanted(counted) == 1
    assert w.map_choice.variable.value == "n_peaks"
    np.testing.assert_array_equal(drawn(w, "map")["image"][0], counted.n_peaks.values)
    names: dict[str, Any] = {"da": cube}
    exec(w.n_peaks_code, names)
    xr.testing.assert_identical(names["n_peaks_result"], counted)
    assert w.n_peaks_code in w.export.box.code
    assert "BIC above the best" in w.count_panel.table.value
    assert w.count_panel.use.description.startswith("use 1 peak, gaussian, constant background")
    w.set_params(n_peaks=3, background="linear")
    w.count_panel.use.click()
    assert (w.params["n_peaks"], w.params["background"]) == (1, "constant")
    w.run()
    for name in ("n_peaks", "margin", "family_suspect", "center"):
        w.map_choice.variable.value = name
        w._draw_map()
    assert w.n_peaks_result is counted
    assert w.message.value == ""
    w.undo()
    w.undo()
    assert w.n_peaks_result is None
    assert "n_peaks" not in [v for _, v in w.map_choice.variable.options]
    assert w.count_panel.table.value == ""


def test_evidence_table_marks_the_choice(cube: xr.DataArray) -> None:
    counted = peaks.select_n_peaks(cube, n_peaks=range(3), lineshapes=["gaussian"], backgrounds=["constant"])
    text = evidence_table(counted.isel(y=0, x=0))
    assert text.count("mi-chosen") == 2
    empty = counted.isel(y=0, x=0).copy(deep=True)
    empty["evidence"][:] = np.nan
    assert "No data" in evidence_table(empty)
    none = counted.copy(deep=True)
    none["n_peaks"][:] = 0
    assert most_wanted(none) == 0


def test_count_can_be_cancelled_and_fails_with_a_message(cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch) -> None:
    w = PeakMapper(cube, params=FIT)
    gate = threading.Event()

    def count(*_: Any) -> Any:
        yield Part(1, 6, None)
        gate.wait(10)
        yield Part(2, 6, None)

    monkeypatch.setattr(w.call, "count", count)
    w.count_peaks()
    assert w.state == "running"
    w.run()  # one run at a time
    w.cancel()
    gate.set()
    w.worker.wait()
    assert (w.state, w.n_peaks_result, w.result) == ("cancelled", None, None)

    def broken(*_: Any) -> Any:
        raise ParameterError("<b>no</b> number")

    monkeypatch.setattr(w.call, "count", broken)
    w.count_peaks()
    w.worker.wait()
    assert w.state == "failed"
    assert "&lt;b&gt;no" in w.message.value
