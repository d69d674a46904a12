"""The page that every topic without a widget of its own shares, with a small study."""

from collections.abc import Iterator
from typing import Any

import holoviews as hv
import numpy as np
import pytest
import xarray as xr

from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.runs import Part
from mi_widgets.widgets._study import Field, Study, beside, stack, tabs


class Powers(Study):
    """Powers of the data, one after the other."""

    title, run_label, unit, data_name, points_at = "Powers", "Raise", "powers", "da", ("x",)
    fields = (
        Field("power", 2, "power", "The greatest power", kind="integer", low=1, high=9),
        Field("scale", 1.0, "scale", "Factor", low=0.0, unit="eV"),
        Field("limit", None, "limit", "The most that is kept", optional=True),
        Field("kind", "plain", "kind", "How", kind="choice", options=[("as it is", "plain"), ("negative", "minus")]),
        Field("grid", True, "grid", "Draw a grid", kind="flag", compute=False),
    )

    def _make_page(self) -> Any:
        self.drawn: list[Any] = []
        self.curve = self.view("curve", hv.Curve(([0.0], [0.0]), label="curve"))
        return beside(stack("<curve>", self.curve), tabs(first_one=stack(""), second=stack("")))

    def _parts(self, params: dict[str, Any]) -> Iterator[Part]:
        for i in range(1, params["power"] + 1):
            yield Part(i, params["power"], xr.Dataset({"y": params["scale"] * self.data**i}))

    def _make_code(self) -> str:
        return f"result = {self.params['scale']} * da ** {self.params['power']}"

    def _draw_result(self) -> None:
        if self.result is not None:
            self.drawn.append(float(self.result["y"].max()))
            self.curve.put(hv.Curve((self.data["x"], self.result["y"]), label="curve"))

    def _draw_selection(self) -> None:
        self.drawn.append(dict(self.selection))


@pytest.fixture
def study() -> Iterator[Powers]:
    data = xr.DataArray(np.arange(4.0), dims="x", coords={"x": [0.0, 1.0, 2.0, 3.0]}, attrs={"title": "Four <b>"})
    widget = Powers(data, threaded=False)
    yield widget
    widget.close()


def test_fields_are_the_parameters_and_their_checks(study: Powers) -> None:
    assert study.params == {"power": 2, "scale": 1.0, "limit": None, "kind": "plain", "grid": True}
    for bad, text in (
        ({"power": 2.5}, "power must be a whole number from 1 up to 9; got 2.5"),
        ({"power": 10}, "from 1 up to 9"),
        ({"power": True}, "whole number"),
        ({"scale": None}, "scale must be a number from 0 eV; got None"),
        ({"kind": "as it is"}, "one of 'plain', 'minus'"),
        ({"grid": 1}, "True or False"),
        ({"colour": 1}, "unknown parameter 'colour'"),
    ):
        with pytest.raises(ParameterError, match=text):
            study.set_params(**bad)
    assert study.params["power"] == 2


def test_what_is_typed_is_a_parameter_or_is_put_back(study: Powers) -> None:
    fields = study.controls.widgets
    fields["scale"].value = "2,5"
    assert study.params["scale"] == 2.5
    fields["scale"].value = "two"
    assert (study.params["scale"], fields["scale"].value) == (2.5, "2.5")
    assert "&#x27;two&#x27; is not a number" in study.message.value
    fields["power"].value = "3"
    assert study.params["power"] == 3
    assert study.message.value == ""
    fields["power"].value = ""
    assert "power is empty; write a number such as 2" in study.message.value
    fields["limit"].value = "4"
    assert study.params["limit"] == 4.0
    fields["limit"].value = " "
    assert study.params["limit"] is None
    study.set_params(scale=7.0, kind="minus")
    assert (fields["scale"].value, fields["kind"].value) == ("7", "minus")


def test_a_run_draws_and_says_what_is_old(study: Powers) -> None:
    assert "not run yet" in study.header.value
    assert "Four &lt;b&gt;" in study.header.value
    study.run(wait=True)
    assert study.state == "done"
    assert study.drawn[-1] == 9.0
    space: dict[str, Any] = {"da": study.data}
    exec(study.code, space)
    np.testing.assert_array_equal(space["result"], study.result["y"])
    study.set_params(grid=False)
    assert not study.is_stale
    study.set_params(power=3)
    assert study.is_stale
    assert "result of other parameters" in study.header.value
    study.run(wait=True)
    assert not study.is_stale
    assert study.drawn[-1] == 27.0


def test_undo_and_redo_bring_result_and_parameters(study: Powers) -> None:
    study.run(wait=True)
    first = study.result
    study.controls.widgets["power"].value = "3"
    study.run(wait=True)
    study.undo()
    while study.result is not first:
        assert not study.history_buttons.undo.disabled
        study.undo()
    assert study.drawn[-1] == {"x": []} or 9.0 in study.drawn
    study.redo()
    while study.params["power"] != 3 or study.result is first:
        assert not study.history_buttons.redo.disabled
        study.redo()
    assert float(study.result["y"].max()) == 27.0


def test_undo_of_a_run_leaves_a_result_of_other_parameters(study: Powers) -> None:
    study.run(wait=True)
    study.controls.widgets["power"].value = "3"
    study.run(wait=True)
    assert not study.is_stale
    study.undo()
    assert (study.params["power"], float(study.result["y"].max())) == (3, 9.0)
    assert study.is_stale
    assert "result of other parameters" in study.header.value
    study.undo()
    assert study.params["power"] == 2
    assert not study.is_stale


class PowersAtOnce(Powers):
    at_once = True


def test_undo_of_what_runs_at_once_brings_both() -> None:
    study = PowersAtOnce(xr.DataArray(np.arange(4.0), dims="x", coords={"x": np.arange(4.0)}), threaded=False)
    first = study.result
    study.controls.widgets["power"].value = "3"
    assert float(study.result["y"].max()) == 27.0
    study.undo()
    assert study.result is first
    assert study.params["power"] == 2
    study.redo()
    assert (study.params["power"], float(study.result["y"].max())) == (3, 27.0)
    study.close()


def test_selection_is_by_label(study: Powers) -> None:
    study.point("x", [1.0])
    study.point("x", [2.0], add=True)
    assert study.selection == {"x": [1.0, 2.0]}
    assert study.drawn[-1] == {"x": [1.0, 2.0]}
    study.point("x", [1.0], add=True)
    assert study.selection == {"x": [2.0]}
    study.selection = {"x": 3.1}
    assert study.selection == {"x": [3.0]}
    with pytest.raises(LabelError, match="'y' cannot be pointed at"):
        study.selection = {"y": [1]}
    with pytest.raises(LabelError, match="outside the data"):
        study.selection = {"x": [40.0]}


def test_a_choice_takes_other_options(study: Powers) -> None:
    study.controls.choose_from("kind", ["plain", "cubed"])
    assert study.controls.widgets["kind"].options == (("plain", "plain"), ("cubed", "cubed"))
    assert study.params["kind"] == "plain"
    study.controls.widgets["kind"].value = "cubed"
    assert study.params["kind"] == "plain"  # the parameter's own list decides
