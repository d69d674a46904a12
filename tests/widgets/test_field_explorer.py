"""FieldExplorer without a page: the result and its code, pointing, heights, refusals."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets import potentials
from mi_widgets.datasets import load_silica_glass
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets.potentials_field import FieldExplorer

FEW = {"spacing": 0.9, "n_references": 40, "n_rounds": 0}


@pytest.fixture(scope="module")
def explorer():
    made = FieldExplorer(load_silica_glass(), params=FEW, threaded=False)
    made.run(wait=True)
    return made


def test_result_is_that_of_its_code(explorer):
    names = {"glass": load_silica_glass()}
    exec(explorer.code, names)
    xr.testing.assert_identical(names["result"], explorer.result)
    xr.testing.assert_identical(names["paths"], explorer.paths)
    assert explorer.state == "done"
    assert "meV" in explorer.header.value


def test_a_click_tells_the_terms(explorer):
    field = explorer.result
    at = np.unravel_index(np.nanargmin(field.energy.values), field.energy.shape)
    place = [float(field[d][k]) for d, k in zip("xyz", at, strict=True)]
    explorer.params = explorer.params | {"height": place[2]}
    explorer._slice_tapped(place[0] + 0.1, place[1])
    assert explorer.selection == {d: [v] for d, v in zip("xyz", place, strict=True)}
    total = float(field.energy.min() - field.matrix_energy)
    assert f"{total:.2f}" in explorer.place.value
    assert len(explorer.slice.view.part("pointed").handles["source"].data["x"]) == 1
    explorer._profile_tapped(0.0)
    start = explorer.paths.path_position.sel(direction="x").values[0]
    assert explorer.selection["x"][0] == pytest.approx(start[0] % explorer._box[0], abs=1e-6)


def test_direction_and_colours_are_drawn(explorer):
    mapper = explorer.slice.view.part("field").handles["color_mapper"]
    before = mapper.high
    explorer.params = explorer.params | {"shown": "guest_energy", "direction": "z"}
    assert mapper.high != before
    assert not explorer.is_stale
    assert "along z" in explorer.profile.view.figure("field").title.text
    explorer.player.value = 10
    assert explorer.params["height"] == pytest.approx(explorer._box[2] / 6)
    explorer.params = explorer.params | {"spacing": 0.8}
    assert explorer.is_stale
    explorer.params = explorer.params | {"spacing": 0.9}


def test_refusals(explorer):
    with pytest.raises(LabelError, match="angstrom"):
        explorer.selection = {"x": ["a"], "y": [1.0], "z": [1.0]}
    with pytest.raises(ParameterError, match="spacing"):
        explorer.params = explorer.params | {"spacing": 3.0}
    glass = load_silica_glass()
    with pytest.raises(DataError, match="larger cell"):
        FieldExplorer(glass.assign(cell=glass.cell * 0.79))
    with pytest.raises(ParameterError, match="does not know"):
        FieldExplorer(glass, guest=potentials.LennardJonesGuest("He", {"Ar": 2.0}, {"Ar": 0.1}))
