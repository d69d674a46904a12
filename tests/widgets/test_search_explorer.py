"""SearchExplorer without a page: same numbers as without a widget, what if, telling, undo, branches, bad input."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mi_widgets import bo
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.widgets import link
from mi_widgets.widgets.bo import SearchExplorer

BAD = "<img src=x onerror=hacked=1>"


def truth_of(x: Any, y: Any) -> Any:
    return (x - 3) ** 2 + 2 * (y - 1) ** 2


@pytest.fixture(scope="module")
def grid() -> pd.DataFrame:
    """Three axes of which the third plays no part in the value."""
    axes = np.meshgrid(np.arange(7.0), np.arange(5.0), [0.0, 0.5, 1.0], indexing="ij")
    return pd.DataFrame(dict(zip("xyz", (a.ravel() for a in axes), strict=True)))


@pytest.fixture(scope="module")
def values(grid: pd.DataFrame) -> pd.Series:
    return truth_of(grid.x, grid.y) + grid.z


@pytest.fixture
def make(grid: pd.DataFrame) -> Callable[..., SearchExplorer]:
    def make(data: Any = None, *, params: dict[str, Any] | None = None, **more: Any) -> SearchExplorer:
        options = {"seed": 3, "n_initial": 4} | (params or {})
        return SearchExplorer(grid if data is None else data, params=options, threaded=False, **more)

    return make


@pytest.fixture
def app(make: Callable[..., SearchExplorer], values: pd.Series) -> SearchExplorer:
    app = make(values=values, params={"n_trials": 8})
    app.run(wait=True)
    return app


def same_as_code(app: SearchExplorer, X: Any) -> None:
    names = {"X": X}
    exec(app.code, names)
    xr.testing.assert_identical(names["result"], app.result)


def column(app: SearchExplorer, part: str, name: str) -> Any:
    return app.map.view.part(part).handles["source"].data[name]


# ---- the same numbers as without a widget ------------------------------------------------------------------------


def test_result_is_that_of_the_search_and_the_code_gives_it(app: SearchExplorer, grid: pd.DataFrame) -> None:
    assert app.state == "done"
    assert app.search.n_told == 8
    xr.testing.assert_identical(app.result, app.search.posterior())
    same_as_code(app, grid)
    app.set_params(acquisition="ei")
    xr.testing.assert_identical(app.result, app.search.posterior(acquisition="ei"))
    same_as_code(app, grid)


def test_runs_are_those_of_a_script(app: SearchExplorer, grid: pd.DataFrame, values: pd.Series) -> None:
    search = bo.Search(grid, seed=3, n_initial=4)
    for _ in range(8):
        [label] = search.ask()
        search.tell(label, float(values[label]))
    xr.testing.assert_identical(app.result, search.posterior())
    assert app.suggested == search.ask(5)


def test_code_after_everything_that_can_be_done(app: SearchExplorer, grid: pd.DataFrame) -> None:
    first, second, third = app.suggested[:3]
    app.tell(7.0, candidate=first)
    app.correct(8.0, 0.25, candidate=first)
    app.pending([second, third])
    app.retract(second)
    app.bar([0, 1, 2])
    app.bar([1], exclude=False)
    app.tell(3.0, 0.5, candidate=second)
    same_as_code(app, grid)
    assert app.result.excluded.values.nonzero()[0].tolist() == [0, 2]


@pytest.mark.parametrize(
    "options",
    [
        {"goal": "max", "acquisition": "ei", "kernel": "rbf", "noise": 0.1, "ard": False},
        {"goal": "min", "periodic": {"x": 7.0}, "transform": "power", "units": "eV", "beta": 2.0},
        {"blocks": [["x", "y"]], "categorical": ["z"], "repeats": True, "acquisition": "target", "target": 4.0},
    ],
)
def test_options_reach_the_search_and_the_code(
    make: Callable[..., SearchExplorer], grid: pd.DataFrame, values: pd.Series, options: dict[str, Any]
) -> None:
    app = make(values=values, params={**options, "n_trials": 6})
    app.run(wait=True)
    assert app.message.value == ""
    search = bo.Search(grid, seed=3, n_initial=4, **options)
    assert app.search._settings == search._settings
    same_as_code(app, grid)


def test_a_search_that_is_given_is_the_one_that_is_told(grid: pd.DataFrame) -> None:
    search = bo.Search(grid, seed=0).tell([3, 50], [1.0, 2.0])
    app = SearchExplorer(search, threaded=False)
    app.tell(0.5, candidate=17)
    assert search.n_told == 3
    same_as_code(app, grid)
    with pytest.raises(ParameterError, match="goal= is for a pool"):
        SearchExplorer(search, params={"goal": "max"})
    with pytest.raises(ParameterError, match="path= is for a pool"):
        SearchExplorer(search, path="somewhere.jsonl")


# ---- the map -----------------------------------------------------------------------------------------------------


def test_the_map_shows_the_best_over_what_is_hidden(app: SearchExplorer, grid: pd.DataFrame) -> None:
    assert (app.x, app.y) == ("x", "y")
    mean = app.result["mean"].values.reshape(7, 5, 3)
    np.testing.assert_allclose(column(app, "image", "image")[0], mean.min(axis=2).T, rtol=1e-6)
    title = app.map.view.figure("frame").title
    assert title.text == "expected value, best over z"
    app.color = "stderr"
    spread = app.result["stderr"].values.reshape(7, 5, 3)
    np.testing.assert_allclose(column(app, "image", "image")[0], spread.max(axis=2).T, rtol=1e-6)
    assert title.text == "standard deviation, largest over z"
    app.color = "mean"
    app.ranges = {"z": [0.5, 0.5]}
    np.testing.assert_allclose(column(app, "image", "image")[0], mean[:, :, 1].T, rtol=1e-6)
    assert title.text == "expected value, at z = 0.5"
    app.x = "z"
    assert app.ranges == {}
    np.testing.assert_allclose(column(app, "image", "image")[0], mean.min(axis=0), rtol=1e-6)


def test_acquisition_shows_the_most_promising(app: SearchExplorer) -> None:
    app.color = "acquisition"
    best = app.result.acquisition.values[app.result["rank"].values == 1][0]
    assert np.nanmin(column(app, "image", "image")[0]) == pytest.approx(best, rel=1e-6)
    app.set_params(acquisition="ei")
    best = app.result.acquisition.values[app.result["rank"].values == 1][0]
    assert np.nanmax(column(app, "image", "image")[0]) == pytest.approx(best, rel=1e-6)


def test_marks_are_where_the_search_has_them(app: SearchExplorer, grid: pd.DataFrame) -> None:
    trials = app.search.trials()
    told = grid.loc[trials.candidate.values]
    assert sorted(zip(column(app, "told", "x"), column(app, "told", "y"), strict=True)) == sorted(
        zip(told.x, told.y, strict=True)
    )
    np.testing.assert_allclose(column(app, "told", "v"), trials.value.values)
    best = grid.loc[app.search.best()]
    assert (column(app, "best", "x")[0], column(app, "best", "y")[0]) == (best.x, best.y)
    assert len(column(app, "next", "x")) == 5


def test_a_click_means_the_candidate_that_is_drawn_there(app: SearchExplorer, grid: pd.DataFrame, page_of: Any) -> None:
    page = page_of(app.map.view)
    page.open()
    free = grid[(grid.x == 6) & (grid.y == 0)]
    untold = [i for i in free.index if not app.result.told.values[i]]
    assert len(untold) == 3
    page.event("tap", app.map.view.figure("frame"), x=6.1, y=-0.1, sx=1, sy=1, modifiers={"shift": False})
    expected = min(untold, key=lambda i: app.result["mean"].values[i])
    assert app.selection == {"candidate": [expected]}
    page.event("tap", app.map.view.figure("frame"), x=80.0, y=40.0, sx=1, sy=1, modifiers={"shift": False})
    assert app.selection == {"candidate": []}


def test_a_box_chooses_a_region_and_excludes_it(app: SearchExplorer, grid: pd.DataFrame, page_of: Any) -> None:
    page = page_of(app.map.view)
    page.open()
    app.ranges = {"z": [0.0, 0.5]}
    box = {"type": "map", "entries": [["type", "rect"], ["x0", -0.5], ["x1", 2.5], ["y0", -0.5], ["y1", 1.5]]}
    page.event("selectiongeometry", app.map.view.figure("frame"), geometry=box, final=True)
    inside = grid.index[(grid.x < 2.5) & (grid.y < 1.5) & (grid.z < 0.75)].tolist()
    assert app.selection["candidate"] == inside
    app.candidate.buttons["exclude"].click()
    assert app.result.excluded.values.nonzero()[0].tolist() == inside
    assert not set(app.search.ask(40)) & set(inside)
    app.undo()
    assert not app.result.excluded.values.any()
    app.candidate.buttons["only"].click()
    assert "choose candidates first" in app.message.value
    app.select(inside)
    app.candidate.buttons["only"].click()
    assert (~app.result.excluded).values.nonzero()[0].tolist() == inside


def test_few_candidates_are_dots_and_many_a_raster_of_few_bytes(page_of: Any) -> None:
    rng = np.random.default_rng(0)
    for size, raster in ((400, False), (18_000, True)):
        frame = pd.DataFrame(rng.random((size, 3)), columns=list("abc"))
        app = SearchExplorer(frame, params={"seed": 0, "n_initial": 4}, threaded=False)
        for k in range(6):
            app.tell(float(frame.a[k]), candidate=k)
        assert app.map.is_raster is raster
        page = page_of(app.map.view)
        page.open()
        page.clear()
        app.select(11)
        app.candidate.texts[0].value = "0.25"
        sent = sum(len(b) for _, buffers in page.messages for b in buffers)
        text = sum(len(json.dumps(m)) for m, _ in page.messages)
        assert 0 < sent <= 12 * size
        assert raster is False or sent + text <= 12 * size
        app.close()


def test_text_features_one_feature_and_components_can_be_axes(make: Callable[..., SearchExplorer]) -> None:
    frame = pd.DataFrame({"kind": [BAD, "b", "b", BAD], "t": [1.0, 2, 3, 4], "u": [1.0, 3, 2, 4], "w": [0.0, 1, 1, 1]})
    app = make(frame)
    app.tell(1.0, candidate=2)
    for name in app.axes.names:
        app.x = name
        assert "error" not in app.message.value
    assert [n for n in app.axes.names if n.startswith("PCA")] == ["PCA 1", "PCA 2"]
    one = make(pd.DataFrame({"t": np.arange(9.0)}))
    assert (one.x, one.y) == ("t", "expected value")
    one.tell(2.0, candidate=4)
    np.testing.assert_allclose(column(one, "dots", "y"), one.result["mean"].values, rtol=1e-6)


# ---- what if, and telling ----------------------------------------------------------------------------------------


def test_what_if_is_that_of_the_search_and_tells_nothing(app: SearchExplorer) -> None:
    label = app.suggested[0]
    app.select(label)
    before = app.result
    app.candidate.texts[0].value = "-3,5"
    xr.testing.assert_identical(app.preview, app.search.what_if(label, -3.5))
    shown = column(app, "image", "image")[0]
    after = app.preview["mean"].values.reshape(7, 5, 3).min(axis=2).T
    np.testing.assert_allclose(shown, after, rtol=1e-5)
    assert app.result is before
    assert app.search.n_told == 8
    assert "-3,5" in app.map.view.figure("frame").title.text
    assert "mi-bo-preview" in app.map_box._dom_classes
    assert "preview" in app.header.value
    app.candidate.texts[0].value = "-"  # half typed
    assert app.preview is None
    assert app.message.value == ""
    app.candidate.slider.value = app.candidate.slider.min
    assert app.preview is not None
    app.candidate.buttons["clear"].click()
    assert app.preview is None
    assert "mi-bo-preview" not in app.map_box._dom_classes


def test_weights_are_those_of_the_model(app: SearchExplorer) -> None:
    label = app.suggested[0]
    found = bo.explain(app.search, label)
    mean, told = app.result["mean"].values, app.search.trials()
    k = int(found.trial[0])
    one = told.candidate.values[k]
    copy = app.search.branch()
    gp = copy._model.gps[0]
    copy._model.ready()
    before = gp.posterior()[0][copy._pool.place[label]]
    gp.values[k] += 1e-3
    moved = gp.posterior()[0][copy._pool.place[label]]
    assert moved - before == pytest.approx(1e-3 * float(found.weight[0]), rel=0.01, abs=1e-6)
    assert float(found.weight.sum()) == pytest.approx(1.0)
    assert float((found.weight * found.value).sum()) == pytest.approx(mean[copy._pool.place[label]], rel=1e-5)
    assert found.candidate.values[0] == one
    assert mean.shape == (105,)
    app.select(label)
    assert [r["cells"][0] for r in app.candidate.why.rows] == [str(v) for v in found.candidate.values[:5]]


def test_enter_tells_once_however_often_it_is_pressed(app: SearchExplorer) -> None:
    label = app.suggested[0]
    app.select(label)
    app.candidate.texts[0].value = "2,5"
    for _ in range(2):
        app.candidate._entered(None, {"event": "submit"}, [])
        app.candidate.buttons["tell"].click()
    assert app.search.n_told == 9
    assert "error" not in app.message.value
    trials = app.search.trials()
    assert trials.candidate.values[-1] == label
    assert float(trials.value[-1]) == 2.5
    app._told_at -= 10  # later, it is no second click
    app.candidate.texts[0].value = "3"
    app.candidate.buttons["tell"].click()
    assert "was told already" in app.message.value
    assert app.search.n_told == 9
    app.candidate.buttons["correct"].click()
    assert float(app.search.trials().value[-1]) == 3.0


def test_an_error_after_the_value_is_its_noise(app: SearchExplorer) -> None:
    app.select(app.suggested[0])
    app.candidate.texts[0].value = "2.5 ± 0,1"
    app.candidate.buttons["tell"].click()
    assert float(app.search.trials().noise[-1]) == 0.1


def test_wrong_numbers_tell_nothing_and_say_why(app: SearchExplorer) -> None:
    app.select(app.suggested[0])
    for text in ("", "abc", "1e999", "nan", "1 ± x", "1 ± -2", "1 ± 2 ± 3", "2 eV"):
        app.candidate.texts[0].value = text
        app.candidate.buttons["tell"].click()
        assert "mi-error" in app.message.value, text
        assert app.search.n_told == 8
        app.candidate.texts[0].value = "1.5"
        assert app.message.value == ""


def test_buttons_without_a_candidate_say_so(app: SearchExplorer) -> None:
    app.candidate.buttons["tell"].click()
    assert "choose one candidate first" in app.message.value


def test_pending_skip_and_retract(app: SearchExplorer) -> None:
    first, second = app.suggested[:2]
    app.select(first)
    app.candidate.buttons["pending"].click()
    assert app.search.pending == [first]
    assert first not in app.suggested
    app.select(second)
    app.candidate.buttons["skip"].click()
    assert second not in app.suggested
    assert app.selection["candidate"] == app.suggested[:1]
    app.select(first)
    app.candidate.buttons["retract"].click()
    assert app.search.pending == []
    told = app.search.trials().candidate.values[-1].item()
    app.select(told)
    app.candidate.buttons["retract"].click()
    assert app.search.n_told == 7
    app.undo()
    assert app.search.trials().candidate.values[-1] == told


def test_undo_and_redo_of_all_steps(app: SearchExplorer) -> None:
    """What is told comes back; hyperparameters are fitted anew, from where the last fit ended."""

    def state() -> Any:
        trials = app.search.trials()
        told = dict(
            zip(
                trials.candidate.values.tolist(),
                zip(trials.value.values, trials.noise.values, strict=True),
                strict=True,
            )
        )
        excluded = app.result.excluded.values.nonzero()[0].tolist()
        return repr((sorted(told.items()), sorted(app.search.pending), excluded))

    first, second = app.suggested[:2]
    seen = [state()]
    for step in (
        lambda: app.tell(1.0, candidate=first),
        lambda: app.correct(2.0, 0.1, candidate=first),
        lambda: app.pending(second),
        lambda: app.tell(3.0, candidate=second),
        lambda: app.retract(first),
        lambda: app.bar([100, 101]),
    ):
        step()
        seen.append(state())
    for before in seen[-2::-1]:
        app.undo()
        assert state() == before
    assert not app.steps.can_undo or app.steps.undo_text.startswith(str(app.search.trials().candidate.values[-1]))
    for after in seen[1:]:
        app.redo()
        assert state() == after
    assert not app.steps.can_redo
    xr.testing.assert_identical(app.result, app.search.posterior())


def test_tables_list_what_is_next_pending_and_told(app: SearchExplorer) -> None:
    assert [r["cells"][0] for r in app.table.rows.rows] == [str(v) for v in app.suggested]
    app.table.mark.click()
    assert len(app.search.pending) == 5
    app.table.kind.value = "pending"
    assert [r["cells"][0] for r in app.table.rows.rows] == [str(v) for v in app.search.pending]
    app.table.rows._receive(None, {"k": "pick", "id": app.table.rows.rows[1]["id"]}, [])
    assert app.selection["candidate"] == app.search.pending[1:2]
    app.table.kind.value = "told"
    assert [r["cells"][0] for r in app.table.rows.rows] == [str(v) for v in app.search.trials().candidate.values[::-1]]
    app.table.kind.value = "next"
    app.table.number.value = 3
    assert len(app.suggested) == 3
    app.table.acquisition.value = "z_score"
    assert app.params["acquisition"] == "z_score"


def test_a_branch_leaves_the_campaign_as_it_is(app: SearchExplorer) -> None:
    before = app.search
    app.branch_at(5, "earlier")
    assert app.search.n_told == 5
    assert app.branches["earlier"] is app.search
    app.tell(9.0, candidate=app.suggested[0])
    assert (before.n_told, app.search.n_told) == (8, 6)
    app.model.which.value = "campaign"
    assert app.search is before
    with pytest.raises(ParameterError, match="already"):
        app.branch_at(2, "earlier")
    with pytest.raises(ParameterError, match="n_events must be 0 to 8"):
        app.branch_at(99)
    with pytest.raises(ParameterError, match="there is no branch 'x'"):
        app.use_branch("x")


# ---- nothing told, several objectives, elements ------------------------------------------------------------------


def test_nothing_told_offers_a_random_batch(make: Callable[..., SearchExplorer], grid: pd.DataFrame) -> None:
    app = make()
    assert app.suggested == app.search.ask(5)
    assert "drawn at random until 4 values" in app.table.rows.note
    app.next_button.click()
    assert app.selection["candidate"] == app.suggested[:1]
    app.candidate.texts[0].value = "1"  # no model yet: no preview, and no error
    assert app.preview is None
    assert app.message.value == ""
    for tab in app.model.tabs.options:
        app.model.tabs.value = tab
    assert app.message.value == ""
    same_as_code(app, grid)


def test_all_told_is_said(make: Callable[..., SearchExplorer]) -> None:
    frame = pd.DataFrame({"a": [0.0, 1, 2], "b": [1.0, 0, 1]})
    app = make(frame, values=np.array([1.0, 2, 3]))
    app.run(wait=True)
    assert app.search.n_told == 3
    assert app.suggested == []
    assert app.next_button.disabled
    assert "Nothing is left" in app.table.rows.note


def test_two_objectives_have_a_field_each_and_a_front(make: Callable[..., SearchExplorer], grid: pd.DataFrame) -> None:
    app = make(params={"goal": {"strength": "max", "price": "min"}})
    for k in (0, 30, 60, 90, 104):
        app.tell([float(grid.x[k]), float(grid.y[k])], candidate=k)
    assert [t.value for t in app.candidate.texts] == ["", ""]
    assert (app.x, app.y) == ("expected strength", "expected price")
    app.select(50)
    for text, value in zip(app.candidate.texts, ("3", "0,5"), strict=True):
        text.value = value
    xr.testing.assert_identical(app.preview, app.search.what_if(50, [3.0, 0.5]))
    app.candidate.buttons["tell"].click()
    assert app.search.trials().value.values[-1].tolist() == [3.0, 0.5]
    front = app.search.pareto_front().candidate.values
    assert len(column(app, "best", "x")) == len(front)
    for name in ("mean:1", "stderr:0", "told:1", "acquisition"):
        app.color = name
    app.x, app.y = "x", "y"
    assert app.message.value == "" or "error" not in app.message.value
    same_as_code(app, grid)


def test_elements_show_and_exclude(make: Callable[..., SearchExplorer]) -> None:
    frame = pd.DataFrame({"v": [1.0, 2, 3, 4]}, index=["LiI", "NaI", "LiF", "KCl"])
    app = make(frame)
    app.model.tabs.value = "elements"
    box = app.model.box.children[0]
    table = box.children[0]
    table.include = ["Li"]
    assert app.kept.tolist() == [True, False, True, False]
    box.children[1].children[0].click()
    assert set(app.search.ask(2)) == {"LiI", "LiF"}
    table.clear()
    assert app.kept is None


# ---- runs --------------------------------------------------------------------------------------------------------


def test_a_run_that_is_cancelled_keeps_what_was_told(grid: pd.DataFrame) -> None:
    gate, reached = threading.Event(), threading.Event()
    asked: list[Any] = []

    def measure(label: Any) -> float:
        asked.append(label)
        if len(asked) == 4:
            reached.set()
            gate.wait(20)
        return float(label)

    app = SearchExplorer(grid, values=measure, params={"seed": 1, "n_initial": 3, "n_trials": 50})
    app.run()
    assert reached.wait(20)
    app.run()  # a second click does nothing
    assert app.state == "running"
    with pytest.raises(ParameterError, match="Cancel it first"):
        app.tell(1.0, candidate=100)
    app.cancel()
    assert app.state == "cancelled"
    gate.set()
    app.worker.wait(20)
    assert app.search.n_told == 3
    assert len(asked) == 4
    xr.testing.assert_identical(app.result, app.search.posterior())
    app.close()


def test_a_measurement_that_fails_stops_the_run_and_is_shown(make: Callable[..., SearchExplorer]) -> None:
    def measure(label: Any) -> float:
        if measure.n == 2:
            raise RuntimeError(BAD)
        measure.n += 1
        return 1.0

    measure.n = 0
    app = make(values=measure)
    with pytest.raises(RuntimeError):
        app.run(wait=True)
    assert app.state == "failed"
    assert app.search.n_told == 2
    assert BAD not in app.message.value
    assert "onerror" in app.message.value


def test_one_chosen_candidate_is_measured(app: SearchExplorer, values: pd.Series) -> None:
    label = app.suggested[2]
    app.select(label)
    app.candidate.buttons["measure"].click()
    trials = app.search.trials()
    assert trials.candidate.values[-1] == label
    assert float(trials.value[-1]) == values[label]
    app.candidate.buttons["measure"].click()  # twice changes nothing
    assert app.search.n_told == 9
    app.undo()
    assert app.search.n_told == 8


def test_candidates_without_a_value_are_passed_over(make: Callable[..., SearchExplorer], values: pd.Series) -> None:
    holes = values.copy()
    holes[::2] = np.nan
    app = make(values=holes, params={"n_trials": 10})
    app.run(wait=True)
    assert app.state == "done"
    assert all(label % 2 for label in app.search.trials().candidate.values)


@pytest.mark.parametrize(
    ("known", "error"), [(np.arange(3.0), "one number for each"), (pd.Series([1.0], index=["x"]), "none of the values")]
)
def test_values_that_do_not_belong_are_refused(make: Callable[..., SearchExplorer], known: Any, error: str) -> None:
    with pytest.raises(DataError, match=error):
        make(values=known)


# ---- campaigns ---------------------------------------------------------------------------------------------------


def test_a_journal_survives_and_its_code_reads_it(
    make: Callable[..., SearchExplorer], grid: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "campaign.jsonl"
    app = make(path=path)
    assert str(path) in app.header.value
    for label in app.suggested:
        app.tell(float(label), candidate=label)
    app.undo()
    same_as_code(app, grid)
    result, suggested = app.result, app.suggested
    again = SearchExplorer(grid, path=path, threaded=False)  # the cell is run again
    assert "opened again" in app.message.value
    xr.testing.assert_allclose(again.result, result, rtol=1e-9)
    assert again.suggested == suggested
    app.candidate.texts[0].value = "1"
    app.select(suggested[0])
    app.candidate.texts[0].value = "1"
    app.candidate.buttons["tell"].click()
    assert "journal is closed" in app.message.value
    assert again.search.n_told == app.search.n_told == 4
    again.close()
    with bo.Search.open(path) as search:
        assert search.n_told == 4


def test_a_journal_held_elsewhere_is_refused(make: Callable[..., SearchExplorer], tmp_path: Path) -> None:
    with bo.Search.open(tmp_path / "c.jsonl", {"a": [0, 1, 2]}), pytest.raises(bo.JournalError, match="holds this"):
        make({"a": [0, 1, 2]}, path=tmp_path / "c.jsonl")


def test_memory_alone_is_said(make: Callable[..., SearchExplorer]) -> None:
    assert "not saved: in memory only" in make().header.value


# ---- links, bad input, the rest ----------------------------------------------------------------------------------


def test_links_by_label(make: Callable[..., SearchExplorer]) -> None:
    one, two = make(), make()
    link(one, two, on="candidate")
    one.select([7, 9])
    assert two.selection == {"candidate": [7, 9]}
    two.select(11)
    assert one.selection == {"candidate": [11]}


def test_a_spectrum_of_the_candidate_stands_beside_it(make: Callable[..., SearchExplorer]) -> None:
    from mi_widgets.labels import label_spectra
    from mi_widgets.widgets import PeakMapper

    energy = np.linspace(0.0, 1.0, 40)
    da = label_spectra(np.ones(40), energy)
    cube = xr.DataArray(
        np.random.default_rng(0).poisson(20, (105, 40)),
        dims=("candidate", "energy"),
        coords={"candidate": np.arange(105), "energy": da["energy"]},
        attrs=da.attrs,
    )
    mapper = PeakMapper(cube, threaded=False)
    app = make()
    link(app, mapper, on="candidate")
    app.select(42)
    assert mapper.selection["candidate"] == 42  # a spectrum, not the mean of one
    app.selection = {"candidate": []}
    assert mapper.selection["candidate"] == 42
    mapper.selection = {"candidate": 17}
    assert app.selection == {"candidate": [17]}


def test_a_structure_of_the_candidate_stands_beside_it(make: Callable[..., SearchExplorer]) -> None:
    from mi_widgets import datasets
    from mi_widgets.widgets import StructureViewer

    viewer = StructureViewer(datasets.make_diffusing_atoms(n_frames=12, n_atoms=8))
    app = make(pd.DataFrame({"a": np.arange(12.0), "b": np.arange(12.0) % 3}))
    link(app, viewer, on={"candidate": "frame"})
    app.select(7)
    assert viewer.selection["frame"] == 7
    viewer.selection = {"frame": 3}
    assert app.selection == {"candidate": [3]}


def test_labels_from_data_are_never_markup(make: Callable[..., SearchExplorer]) -> None:
    frame = pd.DataFrame({BAD: [0.0, 1, 2, 3], "b": [1.0, 0, 2, 1]}, index=[BAD, "b", "c", "d"])
    app = make(frame)
    app.tell(1.0, candidate=BAD)
    app.select(BAD)
    texts = [app.header.value, app.candidate.title.value, app.candidate.features.value, app.message.value]
    assert not any(BAD in t for t in texts)
    assert any("&lt;img" in t for t in texts)


def test_wrong_selections_and_parameters(app: SearchExplorer) -> None:
    before = app.result
    for selection, error in (({"candidate": [9999]}, "no candidate 9999"), ({"atom": [1]}, "cannot point along")):
        with pytest.raises(LabelError, match=error):
            app.selection = selection
    for params, error in (
        ({"acquisition": "no"}, "acquisition must be one of"),
        ({"batch": "no"}, "batch must be one of"),
        ({"n_suggestions": 0}, "n_suggestions must be a whole number"),
        ({"kernel": "rbf"}, "kernel belongs to the search"),
        ({"colour": 1}, "unknown parameter 'colour'"),
    ):
        with pytest.raises(ParameterError, match=error):
            app.set_params(**params)
    assert app.result is before


def test_the_chance_of_something_better(app: SearchExplorer) -> None:
    app.model.delta.value = "0,5"
    assert app.delta == 0.5
    chance = app.search.probability_of_better(0.5, n_samples=1000)
    assert f"{100 * chance:.1f} %" in app.model.chance.value or "less than" in app.model.chance.value
    app.model.delta.value = "much"
    assert "not a number" in app.message.value
    assert app.model.delta.value == "0.5"


def test_files_that_are_taken_away(app: SearchExplorer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("nc", "csv", "nc:trials", "py", "html:map"):
        app.export.kind.value = kind
        app.export.save.click()
        assert "Written" in app.export.said.value, app.export.said.value
    table = pd.read_csv(next(tmp_path.glob("*.csv")))
    assert len(table) == 8
    names = sorted(p.suffix for p in tmp_path.iterdir())
    assert names == [".csv", ".html", ".nc", ".nc", ".py"]


def test_arrows_go_to_the_next_candidate(app: SearchExplorer, grid: pd.DataFrame) -> None:
    start = int(grid.index[(grid.x == 2) & (grid.y == 2) & (grid.z == 0)][0])
    app.select(start)
    app._key("ArrowRight")
    [label] = app.selection["candidate"]
    assert (grid.x[label], grid.y[label]) == (3, 2)
    app._key("ArrowUp")
    [label] = app.selection["candidate"]
    assert (grid.x[label], grid.y[label]) == (3, 3)


def test_a_click_is_answered_while_a_run_goes_on(grid: pd.DataFrame) -> None:
    app = SearchExplorer(grid, values=lambda label: time.sleep(0.02) or float(label),
                         params={"seed": 1, "n_initial": 3, "n_trials": 12})  # fmt: skip
    app.run()
    app.select(50)
    app.color = "stderr"
    app.worker.wait(30)
    assert app.state == "done"
    assert app.search.n_told == 12
    assert app.message.value == ""
    app.close()


def test_undo_does_not_take_back_what_a_script_told(make: Callable[..., SearchExplorer]) -> None:
    """The widget told 1, a script put 9 in its place: one step back must not lose the 9."""
    app = make()
    label = app.suggested[0]
    app.tell(1.0, candidate=label)
    app.search.retract(label).tell(label, 9.0)
    app.undo()
    assert app.search.trials().value.values[-1] == 9.0
    app.renew()
    assert app.history_buttons.undo.disabled


def test_correction_of_what_was_not_feasible_is_undone(grid: pd.DataFrame) -> None:
    search = bo.Search(grid, seed=0, learn_feasibility=True).tell(3, None, feasible=False).tell(5, 1.0)
    app = SearchExplorer(search, threaded=False)
    app.correct(2.0, candidate=3)
    app.undo()
    trials = search.trials()
    assert sorted(trials.candidate.values.tolist()) == [3, 5]
    assert np.isnan(trials.value.sel(trial=trials.candidate == 3)).all()
    app.redo()
    assert search.trials().value.sel(trial=search.trials().candidate == 3).item() == 2.0
    app.close()


def test_code_knows_what_is_left_after_a_retraction(grid: pd.DataFrame) -> None:
    search = bo.Search(grid, seed=0).tell(1, 1.0).tell(1, 2.0, repeat=True).retract(1)
    search.tell(1, 3.0, repeat=True).tell_pending(1).retract(1).tell(1, 4.0, repeat=True)
    space: dict[str, Any] = {"X": grid}
    exec(bo.search_script(search), space)
    assert space["search"].trials().value.values.tolist() == [1.0, 3.0, 4.0]
    assert space["search"].ask(3) == search.ask(3)
