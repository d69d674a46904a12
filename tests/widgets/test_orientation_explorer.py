"""OrientationExplorer without a page: same numbers as without a widget, picking in any view, cancel, bad input."""

import time
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import xarray as xr

from mi_widgets import OrientationExplorer, orientation
from mi_widgets.datasets import make_orientations
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.plots._orientation_rose import place
from mi_widgets.widgets import link


@pytest.fixture(scope="module")
def grains() -> xr.Dataset:
    return make_orientations(600, components=((0.5, 60.0, 8.0), (0.3, 125.0, 6.0)), layered=0.8, seed=0)


@pytest.fixture
def make(grains: xr.Dataset) -> Callable[..., OrientationExplorer]:
    def make(data: Any = None, **params: Any) -> OrientationExplorer:
        return OrientationExplorer(grains if data is None else data, params=params, threaded=False)

    return make


def tap(x: float, y: float, shift: bool = False) -> Any:
    return SimpleNamespace(x=x, y=y, modifiers={"shift": shift})


def column(view: Any, label: str, name: str) -> Any:
    return view.part(label).handles["source"].data[name]


def same_as_code(app: OrientationExplorer) -> None:
    names = {"angles": app.data}
    with warnings.catch_warnings():  # of the largest model, which the page shows
        warnings.simplefilter("ignore", MIWidgetsWarning)
        exec(app.code, names)
    xr.testing.assert_identical(names["result"], app.result)


def test_a_rose_stands_before_the_first_run(make: Callable[..., OrientationExplorer], grains: xr.Dataset) -> None:
    app = make()
    assert app.state == "idle"
    assert len(column(app.rose.view, "sectors", "xs")) == 36
    assert len(column(app.section.view, "grains", "x0")) == grains.sizes["grain"]
    assert column(app.rose.view, "parts", "xs") == []
    assert app.models.rows == []


@pytest.mark.parametrize("params", [{}, {"max_components": 1, "criterion": "aic", "rounding": 2.0, "width": 20.0},
                                    {"free_energy": True, "n_sweeps": 40, "max_components": 2}])  # fmt: skip
def test_result_is_that_of_the_headless_call(make: Callable[..., OrientationExplorer], params: dict[str, Any]) -> None:
    app = make(**params)
    app.run(wait=True)
    assert app.state == "done"
    same_as_code(app)


def test_rows_curves_and_colours_are_of_the_model_that_is_shown(make: Callable[..., OrientationExplorer]) -> None:
    app = make()
    app.run(wait=True)
    assert app.shown == "2+u"
    assert [r["cells"][0] for r in app.models.rows] == ["uniform", "1", "1+u", "2", "2+u ★", "3"]
    assert app.models.chosen == [4]
    assert len(app.components.rows) == 3
    assert len(column(app.rose.view, "parts", "xs")) == 3
    app._model_picked(1, False)
    assert (app.shown, app.models.chosen) == ("1", [1])
    assert len(column(app.rose.view, "parts", "xs")) == 1
    assert len(app.components.rows) == 1
    assert len(set(column(app.section.view, "grains", "color"))) == 1
    app.selection = {"grain": [], "candidate": []}
    assert app.shown == "2+u"
    top = app.rose._top
    x, y = (np.asarray(v[0]) for v in (column(app.rose.view, "sum", "xs"), column(app.rose.view, "sum", "ys")))
    one = orientation.evaluate(app.result.sel(candidate="2+u"))
    expected = one.density.values * 600 * 10 / top
    assert np.square(np.hypot(x, y))[:180] == pytest.approx(expected)


def test_picking_anywhere_is_seen_everywhere(make: Callable[..., OrientationExplorer]) -> None:
    app = make()
    app.run(wait=True)
    app.rose._tapped(tap(*map(float, place(244.0, 0.5, True))))  # the other end of the axis 64
    inside = orientation.rose(app.data)["sector"].values == 6
    assert app.selection["grain"] == np.flatnonzero(inside).tolist()
    assert len(column(app.section.view, "chosen", "x0")) == inside.sum()
    assert len(column(app.rose.view, "chosen", "xs")) == 2
    app.rose._tapped(tap(*map(float, place(74.0, 0.5, True)), shift=True))
    assert len(app.selection["grain"]) > inside.sum()
    app._component_picked(2, False)
    member = app.result["member"].sel(candidate="2+u").values
    assert app.selection["grain"] == np.flatnonzero(member == 2).tolist()
    assert app.components.chosen == [2]
    app.rose._tapped(tap(1.2, 0.0))
    assert app.selection["grain"] == []
    assert "Click a sector" in app.chosen_text.value
    x, y = float(app.data.x[17]), float(app.data.y[17])
    app.section._tapped(tap(x, y))
    assert app.selection["grain"] == [17]
    app.section._tapped(tap(-9.0, -9.0))
    assert app.selection["grain"] == []
    app.section._dragged(SimpleNamespace(final=True, geometry={"type": "rect", "x0": 4, "x1": 2, "y0": 0, "y1": 1}))
    box = (app.data.x >= 2) & (app.data.y <= 1)
    assert app.selection["grain"] == np.flatnonzero(box.values).tolist()


def test_two_are_linked_by_grain(make: Callable[..., OrientationExplorer]) -> None:
    left, right = make(), make()
    link(left, right, on="grain")
    left.selection = {"grain": [3, 5]}
    assert right.selection["grain"] == [3, 5]
    with pytest.raises(LabelError, match="outside"):
        left.selection = {"grain": [10**6]}


def test_free_energies_are_drawn(make: Callable[..., OrientationExplorer]) -> None:
    app = make(free_energy=True, n_sweeps=60, max_components=2)
    assert "Tick free energies" in app.exchange.view.figure("frame").title.text
    app.run(wait=True)
    assert "±" in app.models.rows[1]["cells"][5]
    assert len(column(app.exchange.view, "lines", "xs")) == 3  # two runs and the limit
    assert len(column(app.posterior.view, "dots", "x")) > 0
    app._model_picked(0, False)
    assert "exact" in app.exchange.view.figure("frame").title.text


def test_a_run_is_cancelled_and_keeps_what_is_there(grains: xr.Dataset) -> None:
    long = {"free_energy": True, "n_sweeps": 100000, "max_components": 1}
    app = OrientationExplorer(grains, params=long, threaded=True)
    app.run()
    limit = time.monotonic() + 60
    while app.result is None and time.monotonic() < limit:
        time.sleep(0.02)
    app.cancel()
    app.worker.wait()
    assert app.state == "cancelled"
    assert app.result is not None
    assert np.isnan(app.result.free_energy.sel(candidate="1"))
    assert "not run" in app.models.rows[-1]["cells"][-1] or app.models.rows[-1]["cells"][5] == "–"
    app.close()


def test_undo_and_pictures_without_a_run(make: Callable[..., OrientationExplorer]) -> None:
    app = make()
    app.run(wait=True)
    first = app.result
    app.set_params(north=False, scale="length", width=30.0)
    assert not app.is_stale
    assert len(column(app.rose.view, "sectors", "xs")) == 12
    app.set_params(period=360.0)
    assert app.is_stale
    assert column(app.rose.view, "parts", "xs") == []  # curves of axes are no curves of directions
    app.run(wait=True)
    app.undo()
    while app.result is not first:
        app.undo()
    assert app.params["period"] == 180.0 or app.result is first


def test_without_places_there_is_no_section(make: Callable[..., OrientationExplorer], grains: xr.Dataset) -> None:
    app = make(grains.angle.drop_vars(["x", "y"]))
    app.run(wait=True)
    assert app.section is None
    assert app.state == "done"


def test_radians_and_coarse_rounding(make: Callable[..., OrientationExplorer], grains: xr.Dataset) -> None:
    radian = grains.angle.copy(data=np.radians(grains.angle.values)).assign_attrs(units="radian", rounding=1.0)
    app = make(radian, max_components=1)
    app.run(wait=True)
    assert app.state == "done"
    coarse = grains.angle.copy(data=np.round(grains.angle.values / 15) * 15 % 180).assign_attrs(rounding=15.0)
    assert make(coarse).params["width"] == 15.0


def test_bad_input(make: Callable[..., OrientationExplorer], grains: xr.Dataset) -> None:
    with pytest.raises(LabelError, match="degree or radian"):
        make(grains.angle.assign_attrs(units="m"))
    with pytest.raises(DataError, match="out of range"):
        make(grains.angle * 3)
    with pytest.raises(LabelError, match="dimension 'grain'"):
        make([1, 2, 3])
    for bad, text in (
        ({"max_components": 9}, "whole number from 1 up to 8"),
        ({"width": 7.0}, "one of"),
        ({"rounding": 3.0}, "multiple"),
        ({"criterion": "dic"}, "one of"),
        ({"colour": 1}, "unknown parameter"),
    ):
        with pytest.raises(ParameterError, match=text):
            make(**bad)
    app = make()
    before = app.params
    with pytest.raises(ParameterError):
        app.set_params(width=11.0)
    assert app.params == before
    with pytest.raises(LabelError, match="cannot be pointed at"):
        app.selection = {"atom": [1]}
    missing = make(grains.angle.where(grains.grain > 3))
    assert "4 of 600 grains have no angle" in missing.message.value
    equal = make(grains.angle * 0 + 40)
    equal.run()
    assert equal.state == "failed"
    assert "same angle" in equal.message.value


def test_text_of_data_is_escaped(make: Callable[..., OrientationExplorer], grains: xr.Dataset) -> None:
    app = make(grains.assign_attrs(title="<img src=x onerror=hacked=1>"))
    assert "<img" not in app.header.value
