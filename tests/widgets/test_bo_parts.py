"""Parts of the explorer of searches: elements that are clicked, the past step by step, strategies beside each other."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mi_widgets import bo
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.plots.bo import plot_strategies
from mi_widgets.widgets._bo_elements import composition_of, elements_in, table_cells
from mi_widgets.widgets._bo_past import Past
from mi_widgets.widgets._bo_periodic import PeriodicTable
from mi_widgets.widgets._bo_pictures import SteadyView
from mi_widgets.widgets._bo_replay import ReplayPlayer
from mi_widgets.widgets._bo_strategies import StrategyComparer


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.005)


COMPOUNDS = {"LiI rocksalt": 0, "NaI": 1, "LiF": 2, "CaTiO3 film": 3, "Na2O": 4}


@pytest.fixture
def named() -> pd.DataFrame:
    return pd.DataFrame({"x": list(COMPOUNDS.values())}, index=list(COMPOUNDS))


@pytest.fixture
def search() -> bo.Search:
    """Two features, told one by one and two at once, one retracted."""
    search = bo.Search({"a": range(8), "b": range(6)}, seed=2, n_initial=2, units="eV")
    for label in (3, 17, 44):
        search.tell(label, float(np.sin(label)))
    search.tell([8, 30], [0.3, -0.5]).tell_pending(20).retract(17).tell(20, 0.9).exclude([5, 6])
    return search


# ---- elements ------------------------------------------------------------------------------------------------------


def test_elements_are_read_from_formulae_and_from_features(named: pd.DataFrame) -> None:
    found = composition_of(named)
    assert found is not None
    assert found.elements == ["Li", "O", "F", "Na", "Ca", "Ti", "I"], "by number"
    assert found.holds[3].tolist() == [False, True, False, False, True, True, False]
    assert elements_in("Ba(Ti0.5Zr0.5)O3 annealed") == {"Ba", "Ti", "Zr", "O"}
    assert [elements_in(t) for t in ("m001", "A1", "", 3, "Xx2O")] == [None] * 5
    shares = pd.DataFrame({"Li": [1, 0], "O": [0.5, 0.2], "V": [0, 0.1], "T": [300, 400]})
    by_feature = composition_of(shares)
    assert by_feature is not None
    assert by_feature.elements == ["Li", "O", "V"]
    assert by_feature.holds.tolist() == [[True, True, False], [False, True, True]]
    text = composition_of(pd.DataFrame({"formula": list(COMPOUNDS), "t": range(5)}))
    assert text is not None
    assert text.elements == found.elements


@pytest.mark.parametrize(
    "pool",
    [
        pd.DataFrame({"x": [1, 2]}, index=["B1", "C2"]),  # places on a plate
        pd.DataFrame({"V": [1, 2], "T": [3, 4]}),  # a volume and a temperature
        xr.Dataset({"x": ("candidate", [1.0])}, {"candidate": [0]}),
        3,
    ],
)
def test_what_tells_no_elements_gives_none(pool: Any) -> None:
    assert composition_of(pool) is None
    assert not PeriodicTable.knows(pool)
    with pytest.raises(LabelError, match="does not tell"):
        PeriodicTable(pool)


def test_every_element_has_a_place_of_its_own() -> None:
    cells = table_cells(["La", "U", "Og"])
    assert len(cells) == 118
    assert len({(c["row"], c["column"]) for c in cells}) == 118
    at = {c["symbol"]: (c["row"], c["column"]) for c in cells}
    assert (at["H"], at["He"], at["C"], at["Fe"], at["I"], at["Hf"]) == (
        (1, 1),
        (1, 18),
        (2, 14),
        (4, 8),
        (5, 17),
        (6, 4),
    )
    assert all(c["row"] < 7 for c in table_cells(["Li", "O"]))


def test_clicks_choose_candidates(named: pd.DataFrame) -> None:
    seen: list[list[bool]] = []
    table = PeriodicTable(named, on_change=lambda mask: seen.append(mask.tolist()))

    def press(symbol: str, to: str) -> None:
        table.grid._receive(None, {"k": "press", "symbol": symbol, "to": to}, [])

    press("Li", "include")
    assert table.candidates == ["LiI rocksalt", "LiF"]
    assert seen[-1] == [True, False, True, False, False]
    assert table.grid.counts["F"] == 1
    press("F", "exclude")
    assert table.candidates == ["LiI rocksalt"]
    assert table.description == "with Li, without F"
    press("F", "any")
    press("Li", "exclude")
    assert (table.include, table.exclude) == ([], ["Li"])
    assert table.candidates == ["NaI", "CaTiO3 film", "Na2O"]
    n = len(seen)
    press("Xe", "include")
    press("Na", "boil")
    assert len(seen) == n, "the page may show what is gone by now"
    table.clear()
    assert table.mask.all()


def test_all_any_and_nothing_else(named: pd.DataFrame) -> None:
    table = PeriodicTable(named)
    table.include = ["O", "Na"]
    assert table.candidates == ["Na2O"]
    table.mode = "any of them"
    assert table.candidates == ["NaI", "CaTiO3 film", "Na2O"]
    table.mode = "nothing else"
    assert table.candidates == ["Na2O"]
    table.exclude = ["O"]
    assert table.include == ["Na"], "an element cannot be both: the last word counts"
    with pytest.raises(ParameterError, match="no candidate holds 'Xe'"):
        table.include = ["Xe"]


# ---- the past ------------------------------------------------------------------------------------------------------


def test_each_step_is_what_a_branch_believes(search: bo.Search) -> None:
    past = Past(search)
    assert past.stops == [0, 1, 2, 3, 4, 6, 7]
    for step in (3, 6, 1, 0, 5):
        moment, branch = past.at(step), search.branch(past.stops[step])
        xr.testing.assert_identical(moment.belief, branch.posterior())
        assert [moment.suggested] == branch.ask()
        assert moment.n_told == branch.n_told
    assert past.at(0).next == [(3, np.sin(3.0))]
    assert past.at(3).next == [(8, 0.3), (30, -0.5)]
    assert past.at(6).next == []
    assert past.at(5).best == (30, -0.5)
    with pytest.raises(DataError, match="0 to 6"):
        past.at(7)


def test_what_is_still_true_is_kept_and_what_is_not_is_forgotten(search: bo.Search) -> None:
    past = Past(search)
    first = [past.at(k) for k in range(7)]
    search.tell(40, 0.1)
    past.renew(search)
    assert past.known(5) is first[5]
    assert past.at(6).next == [(40, 0.1)]
    other = search.branch(3).tell(12, 2.0)
    past.renew(other)
    assert past.known(2) is first[2]
    xr.testing.assert_identical(past.at(4).belief, other.posterior())
    few = Past(search, most_bytes=3 * first[0].belief.nbytes)
    for k in (0, 1, 2, 3, 4, 5):
        few.at(k)
    assert [k for k in range(7) if few.known(k)] == [3, 4, 5]
    xr.testing.assert_identical(few.at(1).belief, first[1].belief)


def test_the_player_steps_plays_and_branches(search: bo.Search) -> None:
    taken: list[bo.Search] = []
    player = ReplayPlayer(search, threaded=False, on_branch=taken.append)
    assert player.step == player.slider.max == 6
    player.slider.value = 3
    assert player.moment.n_told == 3
    assert "told then: 8 = 0.3 eV, 30 = -0.5 eV" in player.text.value
    for field in ("stderr", "acquisition", "mean"):
        player.field = field
    image = np.asarray(player.view.part("pool").handles["source"].data["image"][0])
    np.testing.assert_allclose(image.T, search.branch(3).posterior()["mean"].values.reshape(8, 6))
    assert len(player.view.part("told").handles["source"].data["d0"]) == 3
    player.go(-9)
    assert player.step == 0
    assert "at random" in player.text.value
    player.play()
    assert player.step == 6
    assert player.moment.n_told == 5
    player.step = 2
    player.branch_button.click()
    assert taken[0].n_events == 2
    search.exclude(41)
    player.renew()
    player.step = 6
    player.branch_button.click()
    assert taken[1].events == search.events  # with what was excluded after the last value
    with pytest.raises(ParameterError, match="steps 0 to 6"):
        player.step = 7


def test_the_player_follows_the_search(search: bo.Search) -> None:
    player = ReplayPlayer(search, threaded=False)
    search.tell(40, 0.1)
    player.renew()
    assert player.step == 7, "who looks at the last step goes on looking at the last"
    player.step = 2
    search.tell(41, 0.2)
    player.renew()
    assert (player.step, player.slider.max) == (2, 8)
    player.set_search(search.branch(3))
    assert player.slider.max == 3
    one = bo.Search({"t": np.linspace(0, 1, 30)}, goal="max", seed=0, n_initial=2).tell([3, 20], [0.1, 0.9])
    player.set_search(one)
    assert player.step == 1
    assert player.view.part("expected value").handles["source"].data["d0"].size == 30
    player.step = 0
    player.close()


def test_nothing_told_several_objectives_and_text() -> None:
    nothing = ReplayPlayer(bo.Search({"a": range(4), "b": range(3)}, seed=0), threaded=False)
    assert nothing.step == 0
    two = bo.Search({"a": range(9), "b": range(3)}, goal=["min", "max"], seed=0).tell([1, 9], [[1.0, 2.0], [3.0, 0.0]])
    player = ReplayPlayer(two, threaded=False)
    assert player.moment.best == (1, 1.0)
    rng = np.random.default_rng(0)
    scattered = bo.Search(pd.DataFrame(rng.random((50, 3)), columns=list("abc")), seed=0)
    points = ReplayPlayer(scattered.tell([1, 2, 3], [0.1, 0.2, 0.7]), threaded=False).view.part("pool").handles
    np.testing.assert_allclose(np.sort(points["source"].data["color"]), np.sort(scattered.posterior()["mean"]))
    assert (points["color_color_mapper"].low, points["color_color_mapper"].high) == (0.1, 0.7)
    labels = ["<b>one</b>", "two", "three"]
    odd = bo.Search(pd.DataFrame({"kind": ["<i>", "b", "c"], "y": [1, 2, 3]}, index=labels), seed=0)
    odd.tell("<b>one</b>", 1.0)
    assert "<b>one" not in ReplayPlayer(odd, threaded=False).text.value


def test_the_player_plays_in_its_thread_and_pauses_at_once(search: bo.Search) -> None:
    player = ReplayPlayer(search)
    wait_for(lambda: player.moment is not None and player.moment.n_told == 5 and not player.worker.running)
    player.speed.value = 1.2
    player.play()
    wait_for(lambda: player.step == 1)
    began = time.monotonic()
    player.play_button.click()
    assert time.monotonic() - began < 1.0
    assert not player.worker.running
    step = player.step
    player.step = 4
    wait_for(lambda: player.moment is not None and player.moment.n_events == player.past.stops[4])
    assert step < 4
    player.close()


# ---- strategies ----------------------------------------------------------------------------------------------------


@pytest.fixture
def table() -> pd.DataFrame:
    x = np.linspace(-1, 1, 60)
    return pd.DataFrame({"x": x, "y": (x - 0.4) ** 2}, index=[f"c{k}" for k in range(60)])


def comparer_of(table: pd.DataFrame, *, threaded: bool = False, **params: Any) -> StrategyComparer:
    small = {"strategies": ["random", "ei"], "n_repeats": 3, "n_steps": 20, **params}
    return StrategyComparer(table[["x"]], table.y, params=small, threaded=threaded)


def test_a_run_is_the_headless_call_and_its_code_gives_it_again(table: pd.DataFrame) -> None:
    app = StrategyComparer(
        table[["x"]], table.y.sample(frac=1, random_state=0), threaded=False, options={"kernel": "rbf"},
        params={"strategies": ["ei", "random", "default"], "n_repeats": 2, "n_steps": 12, "threshold": 0.01},
    )  # fmt: skip
    app.run()
    assert app.state == "done"
    scope: dict[str, Any] = {"features": table[["x"]], "target": table.y}
    exec(app.code, scope)
    xr.testing.assert_identical(scope["result"], app.result)
    for kind in ("mean", "best", "trials"):
        app.kind = kind
        plot_strategies(app.result, kind=kind)
    assert app.params["strategies"] == ["random", "default", "ei"]


def test_cancelled_it_keeps_what_is_finished_and_goes_on(table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Semaphore(0)
    inner = bo.Search.ask

    def slow(self: bo.Search, *args: Any, **kwargs: Any) -> Any:
        gate.acquire()
        return inner(self, *args, **kwargs)

    monkeypatch.setattr(bo.Search, "ask", slow)
    app = comparer_of(table, threaded=True, stop=False)
    try:
        app.run()
        gate.release(4)
        wait_for(lambda: app.result is not None and int((app.result.status == 0).sum()) >= 1)
        app.cancel()
        assert app.state == "cancelled"
        first = app.result.copy(deep=True)
        assert int((first.status == 0).sum()) < 6
    finally:
        gate.release(10_000)  # threads that wait would outlive the tests
    app.run(wait=True)
    assert app.state == "done"
    kept = first.status.values == 0
    np.testing.assert_array_equal(app.result.candidate.values[kept], first.candidate.values[kept])
    monkeypatch.undo()
    xr.testing.assert_identical(app.result, bo.replay(table[["x"]], target=table.y, **app._call(app.params)))


def test_other_parameters_begin_anew(table: pd.DataFrame) -> None:
    app = comparer_of(table)
    app.run()
    first = app.result
    app.fields["seed"].value = "7"
    app.run()
    assert app.params["seed"] == 7
    assert not first.candidate.equals(app.result.candidate)
    app.boxes["random"].value = False
    assert app.params["strategies"] == ["ei"]


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [("n_repeats", "many", "not a number"), ("n_steps", "61", "from 5 to 60"), ("n_initial", "", "whole number"),
     ("n_repeats", "2.5", "whole number"), ("seed", "-1", "from 0")],
)  # fmt: skip
def test_wrong_input_is_said_and_put_back(table: pd.DataFrame, name: str, typed: str, said: str) -> None:
    app = comparer_of(table)
    before = dict(app.params)
    app.fields[name].value = typed
    assert said in app.message.value
    assert app.params == before
    assert app.fields[name].value == str(before[name])
    app.fields["n_repeats"].value = "4"
    assert not app.message.value


def test_what_cannot_be_compared_is_said(table: pd.DataFrame) -> None:
    with pytest.raises(LabelError, match="one finite value"):
        StrategyComparer(table[["x"]], table.y[:10])
    with pytest.raises(ParameterError, match="strategies must be"):
        comparer_of(table, strategies=["magic"])
    app = comparer_of(table)
    for name in ("random", "ei"):
        app.boxes[name].value = False
    assert "strategies must be" in app.message.value
    assert app.params["strategies"] == ["ei"]


# ---- pictures that change ------------------------------------------------------------------------------------------


def test_the_same_picture_gets_other_data_and_keeps_a_zoom(search: bo.Search, page_of: Any) -> None:
    from mi_widgets.plots.bo import plot_convergence

    view = SteadyView(plot_convergence(search.trials()))
    page = page_of(view)
    page.open()
    figure = view.figure("told")
    page.set(figure.y_range, start=-9.0, end=9.0)
    search.tell(41, 0.2)
    page.clear()
    view.draw(plot_convergence(search.trials()))
    assert page.of("reset") == []
    assert figure.y_range.start == -9.0, "values are within what was drawn: a zoom stays"
    assert figure.x_range.end == 7.0
    view.draw(plot_convergence(search.trials(), table=np.zeros(48)))
    assert len(page.of("reset")) == 1, "another picture is drawn anew"
    page.set(figure.y_range, start=0.0)  # of the figure that was replaced: the page did not know yet
    assert page.of("error") == []
