"""Pictures of searches: what stands for many candidates, what chance would find, what is marked, units on the axes."""

from itertools import combinations
from math import comb

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from mi_widgets import bo
from mi_widgets.errors import LabelError, ParameterError
from mi_widgets.plots._bo_columns import (
    best_bands,
    calibration,
    expected_best,
    expected_trials,
    histogram_rows,
    staircase,
)
from mi_widgets.plots._bo_grid import PoolGrid
from mi_widgets.plots._bo_marks import kept_at
from mi_widgets.plots.bo import (
    plot_belief,
    plot_convergence,
    plot_importance,
    plot_pareto,
    plot_parity,
    plot_pool,
    plot_strategies,
)


def render(element: hv.core.ViewableElement | hv.Overlay | hv.Layout) -> hv.plotting.bokeh.plot.BokehPlot:
    return hv.renderer("bokeh").get_plot(element)


def part(overlay: hv.Overlay, label: str) -> hv.Element:
    return next(e for e in overlay if e.label == label)


@pytest.fixture(scope="module")
def lattice() -> bo.Search:
    """6 x 5 x 4 candidates of known values, twelve of them told."""
    search = bo.Search({"a": range(6), "b": [0.0, 0.1, 0.2, 0.3, 0.4], "c": range(4)}, units="J/m**2", seed=0)
    for label in (0, 7, 20, 33, 46, 59, 72, 85, 98, 111, 119, 50):
        search.tell(label, float(np.sin(label)))
    return search


@pytest.fixture(scope="module")
def replayed() -> xr.Dataset:
    x = np.linspace(-1, 1, 50)
    table = pd.DataFrame({"x": x, "y": (x - 0.4) ** 2})
    return bo.replay(table, target="y", strategies=["random", "ei"], n_repeats=4, n_steps=15, seed=0, stop=True)


# ---- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["min", "max", "mean", "count"])
@pytest.mark.parametrize("even", [True, False])
def test_a_cell_holds_what_stands_for_its_candidates(how: str, even: bool) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.integers(0, 7, 400) * 1.0, rng.integers(0, 5, 400) * 0.5) if even else rng.random((2, 400))
    v = np.where(rng.random(400) < 0.1, np.nan, rng.normal(size=400))
    inside = rng.random(400) < 0.7
    grid = PoolGrid(x, y, levels=20)
    found = grid.reduce(v, how, inside)  # type: ignore[arg-type]
    column, row = (np.abs(axis[:, None] - values).argmin(0) for axis, values in ((grid.x, x), (grid.y, y)))
    np.testing.assert_array_equal(grid.cell, row * grid.x.size + column)
    do = {"min": np.nanmin, "max": np.nanmax, "mean": np.nanmean, "count": lambda u: np.isfinite(u).sum()}[how]
    for i in range(grid.shape[0]):
        for j in range(grid.shape[1]):
            here = v[inside & (row == i) & (column == j)]
            if np.isfinite(here).any():
                assert found[i, j] == pytest.approx(do(here))
            else:
                assert not np.isfinite(found[i, j]) or found[i, j] == 0
    if how in ("min", "max"):
        place = grid.candidate(v, how, inside)  # type: ignore[arg-type]
        assert inside[place[place >= 0]].all()
        np.testing.assert_array_equal(np.where(place >= 0, v[place], np.nan), found)


def test_what_chance_finds_is_the_mean_over_all_draws() -> None:
    table = np.array([3.0, -1.0, 0.5, 2.0, 0.5, 7.0])
    for n in range(1, 7):
        draws = [min(c) for c in combinations(table, n)]
        assert len(draws) == comb(6, n)
        assert expected_best(table, 6, "min")[n - 1] == pytest.approx(np.mean(draws))
        assert expected_best(table, 6, "max")[n - 1] == pytest.approx(np.mean([max(c) for c in combinations(table, n)]))
    assert expected_trials(table, 0.5, "min") == pytest.approx(7 / 4)
    rng = np.random.default_rng(0)
    first = [int(np.argmax(rng.permutation(table) <= 0.5)) + 1 for _ in range(20_000)]
    assert np.mean(first) == pytest.approx(7 / 4, rel=0.02)


def test_right_error_bars_lie_on_the_diagonal_and_small_ones_below() -> None:
    z = np.random.default_rng(0).normal(size=20_000)
    expected, found = calibration(z)
    np.testing.assert_allclose(found, expected, atol=0.015)
    assert (calibration(2 * z)[1][1:] < expected[1:]).all()


@pytest.mark.parametrize("goals", [("min", "min"), ("min", "max"), ("max", "min"), ("max", "max")])
def test_the_staircase_parts_what_is_beaten_from_what_is_not(goals: tuple[str, str]) -> None:
    signs = np.array([1.0 if g == "min" else -1.0 for g in goals])
    t = np.linspace(0.1, 1.0, 6)
    front = np.stack([t, 1 / t], axis=1) * signs
    x, y = staircase(front, goals)
    corners = np.stack([x, y], axis=1) * signs
    for corner in corners:  # on the border: beaten by one of the front, none of which it beats
        assert ((front * signs <= corner + 1e-12).all(axis=1)).any()
        assert not ((front * signs > corner + 1e-12).all(axis=1)).any()
    steps = np.diff(corners, axis=0)
    assert (np.isclose(steps[:, 0], 0) | np.isclose(steps[:, 1], 0)).all()


def test_rows_of_a_histogram_count_every_search_once(replayed: xr.Dataset) -> None:
    _, rows = histogram_rows(replayed)
    assert [row.name for row in rows] == ["random", "ei"]
    assert all(row.counts.sum() + row.missed == 4 for row in rows)
    assert rows[0].missed > 0
    part_of = replayed.copy(deep=True)
    part_of["status"][1] = 1
    assert [np.isfinite(row.mean) for row in histogram_rows(part_of)[1]] == [True, False]
    assert "ei: not run yet" in part(plot_strategies(part_of), "text ei")["text"]
    for low, middle, high in best_bands(replayed, float(replayed.value.min())).values():
        assert (low <= middle).all()
        assert (middle <= high).all()
        assert (np.diff(middle) <= 0).all(), "a search that has ended keeps its best"


# ---- pictures ------------------------------------------------------------------------------------------------------


def test_the_pool_shows_the_best_over_what_is_hidden_and_marks_what_was_told(lattice: bo.Search) -> None:
    belief, trials = lattice.posterior(), lattice.trials()
    overlay = plot_pool(lattice.pool, belief, trials=trials, suggested=lattice.ask(2))
    mean = belief["mean"].values.reshape(6, 5, 4)
    image = part(overlay, "pool")
    assert isinstance(image, hv.Image)
    np.testing.assert_allclose(np.flipud(image.dimension_values(2, flat=False)).T[:, ::-1], mean.min(axis=2))
    flipped = plot_pool(lattice.pool, belief, goal="max", at={"c": 2.2})
    np.testing.assert_allclose(part(flipped, "pool").dimension_values(2, flat=False).T, mean[:, :, 2])
    assert len(part(overlay, "told")) == 12
    assert len(part(overlay, "next")) == 2
    best = int(trials.candidate[int(trials.value.argmin("trial"))])
    star = part(overlay, "best so far")
    assert [float(star["d0"][0]), float(star["d1"][0])] == [lattice.pool.a[best], lattice.pool.b[best]]
    figure = render(overlay).state
    assert figure.xaxis[0].axis_label == "a"
    assert figure.title.text == "expected value (J/m²)"


def test_points_text_and_many_candidates() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(60), "kind": rng.choice(["<b>one</b>", "two"], 60), "z": rng.random(60)})
    search = bo.Search(frame, seed=0).tell([1, 2, 3], [0.1, 0.2, 0.3])
    overlay = plot_pool(search.pool, search.posterior(), x="x", y="kind", trials=search.trials(), color="value")
    assert isinstance(part(overlay, "pool"), hv.Points)
    assert np.isfinite(part(overlay, "pool")["value"]).sum() == 3
    figure = render(overlay).state
    assert figure.yaxis[0].ticker.ticks == [0, 1]
    assert kept_at(search.pool, {"kind": "two"}).sum() == (frame.kind == "two").sum()
    units = ("feature", ["K", "1"])
    array = xr.DataArray(rng.random((9, 2)), {"feature": ["t", "q"], "units": units}, ("candidate", "feature"))
    figure = render(plot_pool(array, color=array[:, 0].reset_coords(drop=True))).state
    assert figure.xaxis[0].axis_label == "t (K)"
    many = xr.Dataset({n: ("candidate", rng.random(30_000)) for n in "xy"}, {"candidate": np.arange(30_000)})
    raster = plot_pool(many, color=many.x.assign_attrs(units="K"))
    assert isinstance(part(raster, "pool"), hv.Image)
    render(raster)


def test_one_feature_is_curves_with_the_acquisition_below() -> None:
    x = np.linspace(300.0, 700.0, 41)
    X = xr.DataArray(x[:, None], {"feature": ["temperature"], "units": ("feature", ["K"])}, ("candidate", "feature"))
    search = bo.Search(X, goal="max", units="eV", seed=0, n_initial=2).tell([3, 30], [0.2, 0.9])
    belief = search.posterior()
    layout = plot_belief(search.pool, belief, trials=search.trials(), suggested=search.ask(), goal="max", table=x / 700)
    above, below = layout
    np.testing.assert_allclose(part(above, "expected value")["value"], belief["mean"].values)
    low = belief["mean"].values - 2 * belief.stderr.values
    np.testing.assert_allclose(part(above, "± 2 standard deviations")["value"], low)
    assert part(below, "next trial")["d0"][0] == search.pool.temperature.sel(candidate=search.ask()[0])
    figures = [p.state for p in render(layout).traverse(lambda p: p, [hv.plotting.bokeh.OverlayPlot])]
    assert "temperature (K)" in [f.xaxis[0].axis_label for f in figures]
    assert "expected value (eV)" in [f.yaxis[0].axis_label for f in figures]


def test_curves_over_one_of_several_features_show_the_best_of_the_others(lattice: bo.Search) -> None:
    belief = lattice.posterior()
    above, below = plot_belief(lattice.pool, belief, x="a")
    np.testing.assert_allclose(part(above, "expected value")["value"], belief["mean"].values.reshape(6, 20).min(axis=1))
    promise = belief.acquisition.values.reshape(6, 20).max(axis=1)
    np.testing.assert_allclose(part(below, "promise")["promise"], promise)
    assert isinstance(plot_belief(lattice.pool, belief, x="a", y="b", field="stderr"), hv.Overlay)


def test_convergence_parity_and_importance(lattice: bo.Search) -> None:
    trials, table = lattice.trials(), np.sin(np.arange(120))
    overlay = plot_convergence(trials, table=table)
    np.testing.assert_array_equal(part(overlay, "told")["trial"], np.arange(1, 13))
    np.testing.assert_array_equal(part(overlay, "best so far")["value"], np.minimum.accumulate(trials.value.values))
    assert part(overlay, "best of all")["value"][0] == table.min()
    figure = render(overlay).state
    assert figure.yaxis[0].axis_label == "value (J/m²)"
    judged = lattice.diagnose()
    left, right = plot_parity(judged)
    np.testing.assert_array_equal(part(left, "error bars")["error"], judged.predicted_stderr)
    assert len(part(right, "calibration")) > 20
    render(plot_parity(judged))
    bars = plot_importance(lattice.importance(), n=2)
    assert len(bars) == 2
    assert (np.diff(bars["share"]) >= 0).all(), "the largest on top"
    render(bars)


def test_strategies_in_every_kind_and_when_nothing_was_run(replayed: xr.Dataset) -> None:
    table = (np.linspace(-1, 1, 50) - 0.4) ** 2
    nothing = replayed.copy(deep=True)
    nothing["status"][:] = 1
    for kind in ("trials", "mean", "best"):
        figure = render(plot_strategies(replayed, kind=kind, table=table)).state  # type: ignore[arg-type]
        assert "trial" in figure.xaxis[0].axis_label
        render(plot_strategies(nothing, kind=kind))  # type: ignore[arg-type]
    overlay = plot_strategies(replayed, kind="mean", table=table)
    assert part(overlay, "ei")["trials"][0] == float(replayed.mean_trials.sel(strategy="ei"))
    assert part(plot_strategies(replayed), "random: not found")["x1"][0] > 15


def test_two_objectives() -> None:
    search = bo.Search({"x": range(30)}, goal={"cost": "min", "life": "max"}, seed=0, units="V")
    search.tell([3, 20, 8], [[1.0, 2.0], [0.2, 0.5], [2.0, 1.0]])
    trials, front = search.trials(), search.pareto_front()
    overlay = plot_pareto(trials, front, belief=search.posterior(), goal=("min", "max"))
    assert len(part(overlay, "not dominated")) == 2
    figure = render(overlay).state
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("cost (V)", "life (V)")
    one = plot_pool(search.pool.assign(y=search.pool.x * 2), search.posterior().sel(objective="cost"))
    render(one)
    with pytest.raises(LabelError, match="one objective"):
        plot_belief(search.pool, search.posterior())


def test_what_cannot_be_drawn_is_said(lattice: bo.Search, replayed: xr.Dataset) -> None:
    belief, trials = lattice.posterior(), lattice.trials()
    with pytest.raises(LabelError, match=r"search\.pool"):
        plot_pool(trials)
    with pytest.raises(LabelError, match="no feature 'q'"):
        plot_pool(lattice.pool, belief, x="q")
    with pytest.raises(LabelError, match="nothing called"):
        plot_pool(lattice.pool, belief, color="q")
    with pytest.raises(LabelError, match="no candidate"):
        plot_pool(lattice.pool, belief, suggested=[999])
    with pytest.raises(ParameterError, match="'min' or 'max'"):
        plot_pool(lattice.pool, belief, goal="low")
    with pytest.raises(LabelError, match="two features"):
        plot_pool(lattice.pool[["a"]], belief)
    with pytest.raises(LabelError, match=r"search\.trials"):
        plot_convergence(belief)
    with pytest.raises(LabelError, match=r"search\.diagnose"):
        plot_parity(trials)
    with pytest.raises(LabelError, match=r"search\.importance"):
        plot_importance(trials)
    with pytest.raises(LabelError, match=r"bo\.replay"):
        plot_strategies(trials)
    with pytest.raises(ParameterError, match="kind"):
        plot_strategies(replayed, kind="bars")  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="two objectives"):
        plot_pareto(trials, lattice.pareto_front())
