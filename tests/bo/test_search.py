"""Search: suggestions, what is told, what is believed."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from mi_widgets.bo import Search
from mi_widgets.bo._acquisition import ACQUISITIONS
from mi_widgets.io import read_netcdf, write_netcdf

FEATURES = ["a", "b", "c"]


def run(X: pd.DataFrame, y: pd.Series, n: int, **options: object) -> Search:
    search = Search(X, **options)
    for _ in range(n):
        [label] = search.ask()
        search.tell(label, y[label])
    return search


def told(search: Search) -> list[str]:
    return search.trials().candidate.values.tolist()


# ---- what a search finds


@pytest.mark.parametrize("acquisition", sorted(set(ACQUISITIONS) - {"max_variance", "target"}))
@pytest.mark.parametrize("goal", ["min", "max"])
def test_the_best_of_200_is_found_in_40(table: pd.DataFrame, acquisition: str, goal: str) -> None:
    y = table.y if goal == "min" else -table.y
    search = run(table[FEATURES], y, 40, goal=goal, acquisition=acquisition, seed=1)
    # Those that ask for an improvement alone may stay in the second valley.
    n = 1 if acquisition in ("ucb", "thompson") else 4
    assert search.best() in table.y.nsmallest(n).index


def test_a_target_is_met(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 35, acquisition="target", target=0.7, seed=0)
    values = search.trials().value
    assert float(np.abs(values - 0.7).min()) == pytest.approx(np.abs(table.y - 0.7).min())


def test_largest_variance_lowers_the_largest_error(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 30, acquisition="max_variance", seed=0)
    assert float(search.posterior().stderr.max()) < 0.5 * float(search.branch(6).posterior().stderr.max())


def test_a_function_as_acquisition(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 30, acquisition=lambda mean, std, best: (best - mean) / std, seed=4)
    same = run(table[FEATURES], table.y, 30, acquisition="z_score", seed=4)
    assert told(search) == told(same)


# ---- order and luck


@pytest.mark.parametrize("acquisition", ["ei", "thompson", "z_score"])
def test_results_do_not_depend_on_the_order_of_candidates(table: pd.DataFrame, acquisition: str) -> None:
    """Sorted by the answer, shuffled, as an array: the same trials and the same beliefs."""
    first = run(table[FEATURES], table.y, 15, acquisition=acquisition, seed=3)
    by_answer = table.sort_values("y")
    shuffled = table.sample(frac=1, random_state=1)
    array = xr.DataArray(
        shuffled[FEATURES].to_numpy(),
        dims=("candidate", "feature"),
        coords={"candidate": shuffled.index.to_numpy(dtype=str), "feature": FEATURES},
    ).transpose()
    for X in (by_answer[FEATURES], shuffled[FEATURES], array):
        again = run(X, table.y, 15, acquisition=acquisition, seed=3)
        assert told(again) == told(first)
        one, other = first.posterior(), again.posterior().sel(candidate=first.posterior().candidate)
        np.testing.assert_array_equal(one["mean"], other["mean"])
        np.testing.assert_array_equal(one["rank"], other["rank"])


def test_a_broken_acquisition_gains_nothing_from_a_sorted_file(table: pd.DataFrame) -> None:
    """All candidates tie: the answer at the top of the file is not found sooner than by chance."""
    y = table.y.sort_values().reset_index(drop=True)
    X = table.sort_values("y")[FEATURES].reset_index(drop=True)
    first = [
        Search(X, acquisition=lambda m, s, b: np.zeros_like(m), seed=k).tell([100, 150], [1.0, 2.0]) for k in range(60)
    ]
    for search in first:
        search._settings = search._settings.__class__(**{**search._settings.__dict__, "n_initial": 1})
    picked = np.array([search.ask()[0] for search in first])
    assert 70 < picked.mean() < 130
    assert len(set(picked)) > 40
    assert y.is_monotonic_increasing


def test_asked_twice_the_same_is_suggested_and_seeds_differ(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 8, seed=0)
    assert search.ask() == search.ask()
    assert search.ask(5) == search.ask(5)
    firsts = {run(table[FEATURES], table.y, 1, seed=k).ask()[0] for k in range(10)}
    assert len(firsts) > 5


def test_when_the_posterior_is_looked_at_changes_nothing(table: pd.DataFrame) -> None:
    quiet, curious = Search(table[FEATURES], seed=2), Search(table[FEATURES], seed=2)
    labels = table.index[:30].tolist()
    for label in labels:
        quiet.tell(label, table.y[label])
        curious.tell(label, table.y[label])
        curious.posterior()
        curious.ask(3)
        curious.what_if("m100", 0.3)
    xr.testing.assert_identical(quiet.posterior(), curious.posterior())
    assert quiet.ask(4) == curious.ask(4)


# ---- what is told


def test_retract_is_never_having_told(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 12, seed=5, acquisition="ei")
    other = next(label for label in table.index if label not in told(search))
    before = search.posterior()
    search.tell(other, 99.0)
    assert float(np.abs(search.posterior()["mean"] - before["mean"]).max()) > 0.1
    search.retract(other)
    after = search.posterior()
    # hyperparameters are fitted from where they were, so to the accuracy of the fit
    np.testing.assert_allclose(after["mean"], before["mean"], atol=0.05)
    assert not bool(after.told.sel(candidate=other))
    assert other not in told(search)


def test_a_corrected_value_counts(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 12, seed=5)
    label = told(search)[3]
    search.correct(label, -5.0)
    assert search.best() == label
    assert search.n_told == 12
    assert told(search)[3] == label


def test_what_was_told_is_not_suggested_again(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 200, seed=0, refit=50)
    assert len(set(told(search))) == 200
    from mi_widgets.errors import DataError

    with pytest.raises(DataError, match="0 of 200 candidates"):
        search.ask()
    assert search.probability_of_better() == 0.0


def test_repeats_are_measured_again_and_averaged(table: pd.DataFrame) -> None:
    search = Search(table[FEATURES], seed=0, noise=0.3, repeats=True)
    search.tell(["m000", "m001", "m000", "m000"], [1.0, 5.0, 1.2, 0.8])
    once = Search(table[FEATURES], seed=0, noise=0.3).tell(["m000", "m001"], [1.0, 5.0])
    assert float(search.posterior().stderr.sel(candidate="m000")) < float(once.posterior().stderr.sel(candidate="m000"))
    assert bool(search.posterior()["rank"].sel(candidate="m000") > 0)


def test_known_noise_of_each_value(table: pd.DataFrame) -> None:
    search = Search(table[FEATURES], seed=0)
    search.tell(table.index[:20].tolist(), table.y[:20].to_numpy(), noise=[1e-4] * 10 + [0.5] * 10)
    after = search.posterior().stderr
    assert float(after[:10].max()) < 0.01 < float(after[10:20].min())


def test_pending_candidates_are_left_out_and_shrink_the_spread(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 10, seed=0, acquisition="max_variance")
    first, second = search.ask(2)
    search.tell_pending(first)
    assert search.pending == [first]
    assert first not in search.ask(20)
    assert search.ask()[0] == second
    search.tell(first, table.y[first])
    assert search.pending == []
    search.tell_pending(second).retract(second)
    assert search.pending == []


def test_excluded_and_masked_candidates(table: pd.DataFrame) -> None:
    mask = table.a > 0
    search = run(table[FEATURES], table.y, 10, seed=0, mask=mask)
    assert (table.a[told(search)] > 0).all()
    bad = table.index[table.b > 0].tolist()
    search.exclude(bad)
    assert (table.loc[search.ask(20), "b"] <= 0).all()
    search.include(bad)
    assert (table.loc[search.ask(60), "b"] > 0).any()


def test_cost_turns_the_search_to_what_is_cheap(table: pd.DataFrame) -> None:
    cost = pd.Series(np.where(table.c > 0, 50.0, 1.0), index=table.index)
    for acquisition in ("ei", "thompson", "pi"):
        search = run(table[FEATURES], table.y, 25, seed=0, cost=cost, acquisition=acquisition)
        free = run(table[FEATURES], table.y, 25, seed=0, acquisition=acquisition)
        assert cost[told(search)][5:].sum() < cost[told(free)][5:].sum()


def test_feasibility_is_learnt(table: pd.DataFrame) -> None:
    search = Search(table[FEATURES], seed=0, learn_feasibility=True)
    good = table.b < 0
    for _ in range(40):
        [label] = search.ask()
        if good[label]:
            search.tell(label, table.y[label])
        else:
            search.tell(label, None, feasible=False)
    chance = search.posterior().feasible
    assert float(chance[good.to_numpy()].mean()) > float(chance[~good.to_numpy()].mean()) + 0.4
    assert good[told(search)[20:]].mean() > 0.8
    assert search.best() in table.y[good].nsmallest(3).index


# ---- batches


@pytest.mark.parametrize("batch", ["believer", "local_penalty", "thompson"])
@pytest.mark.parametrize("acquisition", ["ei", "ucb", "thompson"])
def test_batches_are_of_different_candidates_that_lie_apart(table: pd.DataFrame, batch: str, acquisition: str) -> None:
    """On the mean of four searches farther from their neighbours than the eight that rank first one by one."""
    X, apart = table[FEATURES], []

    def nearest(labels: list[str]) -> float:
        points = X.loc[labels].to_numpy()
        distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
        return float((distance + 9 * np.eye(8)).min(axis=1).mean())

    for seed in range(4):
        search = run(X, table.y, 10, seed=seed, acquisition=acquisition)
        picked = search.ask(8, batch=batch)
        assert len(set(picked)) == 8
        assert not set(picked) & set(told(search))
        ranks = search.posterior()["rank"]
        greedy = ranks[ranks > 0].sortby(ranks[ranks > 0]).candidate.values[:8].tolist()
        apart.append(nearest(picked) / nearest(greedy))
    assert np.mean(apart) > 1.0


def test_a_batch_search_finds_the_best(table: pd.DataFrame) -> None:
    search = Search(table[FEATURES], seed=0)
    for _ in range(8):
        labels = search.ask(6)
        search.tell(labels, table.y[labels])
    assert search.best() == table.y.idxmin()


# ---- what is believed


def test_what_if_is_told_and_seen(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 20, seed=1, acquisition="ei", refit=1000)
    before = search.posterior()
    seen = search.what_if("m007", 0.1)
    xr.testing.assert_identical(search.posterior(), before)
    search.tell("m007", 0.1)
    after = search.posterior()
    np.testing.assert_allclose(seen["mean"], after["mean"], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(seen.stderr, after.stderr, rtol=1e-8)
    np.testing.assert_allclose(seen.acquisition, after.acquisition, rtol=1e-5, atol=1e-12)


def test_a_regressor_of_scikit_learn_in_the_place_of_the_model(table: pd.DataFrame) -> None:
    peer = GaussianProcessRegressor(Matern(nu=2.5, length_scale_bounds=(0.2, 5)), alpha=1e-4, normalize_y=True)
    search = run(table[FEATURES], table.y, 25, seed=1, acquisition="ei", regressor=peer)
    assert search.n_told == 25
    assert not hasattr(peer, "kernel_")
    X = table[FEATURES]
    scaled = (X - X.min()) / (X.max() - X.min()) - 0.5
    y = -0.0 + table.y[told(search)]
    expected = GaussianProcessRegressor(Matern(nu=2.5, length_scale_bounds=(0.2, 5)), alpha=1e-4, normalize_y=True)
    expected.fit(scaled.loc[told(search)].to_numpy(), y.to_numpy())
    np.testing.assert_allclose(search.posterior()["mean"], expected.predict(scaled.to_numpy()), rtol=1e-6)
    assert search.what_if("m007", 0.1)["mean"].notnull().all()
    assert 0 <= search.probability_of_better() <= 1
    assert search.importance().importance.sum() == pytest.approx(1)
    assert search.diagnose().sizes["trial"] == 25


def test_importance_names_what_matters() -> None:
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.uniform(0, 10, (150, 4)), columns=list("abcd"))
    y = np.sin(X.a) + 0.2 * X.b
    search = Search(X, seed=0).tell(X.index[:70].tolist(), y[:70].to_numpy())
    found = search.importance()
    assert found.importance.values[2:].max() < 0.05
    truth = np.array([np.var(np.sin(X.a)), np.var(0.2 * X.b)])
    np.testing.assert_allclose(found.importance.values[:2], truth / truth.sum(), atol=0.1)
    assert found.length_scale.sel(feature="a") < found.length_scale.sel(feature="c")


def test_diagnose_believes_a_good_model_and_not_a_bad_one(table: pd.DataFrame) -> None:
    good = Search(table[FEATURES], seed=0).tell(table.index[:60].tolist(), table.y[:60].to_numpy())
    found = good.diagnose()
    assert float(found.q2) > 0.9
    assert 0.8 < float(found.coverage_95) <= 1
    assert found.attrs["warnings"] == []
    luck = np.random.default_rng(0).standard_normal(60)
    bad = Search(table[FEATURES], seed=0).tell(table.index[:60].tolist(), luck).diagnose()
    assert any("not predicted" in sentence for sentence in bad.attrs["warnings"])
    wrong = table.y[:60].to_numpy().copy()
    wrong[10] += 30
    odd = Search(table[FEATURES], seed=0, noise=0.01).tell(table.index[:60].tolist(), wrong).diagnose()
    assert any("'m010'" in sentence for sentence in odd.attrs["warnings"])


def test_error_bars_hold_what_they_promise() -> None:
    """Functions drawn from the model's own prior: 95 % of the truth within 1.96 standard errors."""
    inside, rng = [], np.random.default_rng(0)
    for _ in range(20):
        X = rng.uniform(0, 1, (300, 2))
        K = Matern(0.3, nu=2.5)(X)
        f = np.linalg.cholesky(K + 1e-9 * np.eye(300)) @ rng.standard_normal(300)
        frame = pd.DataFrame(X, columns=["a", "b"])
        after = Search(frame, seed=0).tell(list(range(60)), f[:60] + 0.05 * rng.standard_normal(60)).posterior()
        inside.append(np.abs(after["mean"].values - f)[60:] < 1.96 * after.stderr.values[60:])
    assert 0.92 < np.mean(inside) < 0.98  # with 30 values 0.91: hyperparameters count as known


def test_probability_of_better_is_that_of_counting() -> None:
    """Over many functions of the prior, something better is left as often as is said."""
    said, found, rng = [], [], np.random.default_rng(2)
    for _ in range(60):
        X = rng.uniform(0, 1, (80, 2))
        f = np.linalg.cholesky(Matern(0.4, nu=2.5)(X) + 1e-9 * np.eye(80)) @ rng.standard_normal(80)
        search = Search(pd.DataFrame(X, columns=["a", "b"]), seed=0).tell(list(range(25)), f[:25])
        said.append(search.probability_of_better(0.2))
        found.append(f[25:].min() < f[:25].min() - 0.2)
    assert np.mean(said) == pytest.approx(np.mean(found), abs=0.15)
    assert np.corrcoef(said, found)[0, 1] > 0.3


def test_before_anything_is_told(table: pd.DataFrame) -> None:
    ds = Search(table[FEATURES], seed=0).posterior()
    assert ds["mean"].isnull().all()
    assert not ds.told.any()
    assert (ds["rank"] == 0).all()


# ---- features


def test_periodic_features_close() -> None:
    angle = np.arange(0, 360, 10)
    X = pd.DataFrame({"angle": angle.astype(float)}, index=angle)
    y = np.cos(np.radians(angle))
    there = [0, 30, 60, 90, 120]
    search = Search(X, periodic={"angle": 360}, seed=0).tell(there, y[np.array(there) // 10])
    spread = search.posterior().stderr
    assert float(spread.sel(candidate=350)) < 0.5 * float(spread.sel(candidate=240))
    np.testing.assert_allclose(spread.sel(candidate=240 - 10), spread.sel(candidate=260 - 10), rtol=0.5)
    turned = X + 170  # a shift of the origin changes nothing
    again = Search(turned, periodic={"angle": 360}, seed=0).tell(there, y[np.array(there) // 10])
    np.testing.assert_allclose(again.posterior()["mean"], search.posterior()["mean"], rtol=1e-5, atol=1e-6)


def test_text_is_taken_as_categories() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"metal": rng.choice(["Cu", "Ni", "Zn"], 90), "x": rng.uniform(0, 1, 90)})
    y = X.metal.map({"Cu": 0.0, "Ni": 2.0, "Zn": 5.0}) + 0.3 * np.sin(5 * X.x)
    search = Search(X, seed=0).tell(list(range(40)), y[:40].to_numpy())
    rest = search.posterior()["mean"].values[40:]
    np.testing.assert_allclose(rest, y[40:], atol=0.15)
    numbers = X.assign(metal=X.metal.map({"Cu": 3, "Ni": 1, "Zn": 2}))
    as_number = Search(numbers, categorical=["metal"], seed=0).tell(list(range(40)), y[:40].to_numpy())
    np.testing.assert_allclose(as_number.posterior()["mean"], search.posterior()["mean"], atol=1e-6)


def test_a_grid_and_its_unit() -> None:
    T = xr.DataArray([300.0, 400.0], dims="T", attrs={"units": "K"})
    pool = Search({"T": T, "x": [0.1, 0.2, 0.3]}, seed=0).pool
    assert pool.sizes["candidate"] == 6
    assert pool["T"].attrs["units"] == "K"
    np.testing.assert_array_equal(pool.x.values, [0.1, 0.2, 0.3] * 2)


def test_units_of_a_feature_do_not_matter(table: pd.DataFrame) -> None:
    X = table[FEATURES] * [1e9, 1e-9, 1.0] + [1e9, 0, 5]
    assert told(run(X, table.y, 12, seed=1)) == told(run(table[FEATURES], table.y, 12, seed=1))
    again = run(table[FEATURES], 1e12 * table.y - 1e12, 12, seed=1)
    assert told(again) == told(run(table[FEATURES], table.y, 12, seed=1))


def test_blocks_share_a_length_scale(table: pd.DataFrame) -> None:
    found = Search(table[FEATURES], blocks=[["a", "b"]], seed=0).tell(["m001", "m002"], [1.0, 2.0]).importance()
    assert found.group.values.tolist() == [0, 0, 1]


@pytest.mark.parametrize("transform", ["log", "power"])
def test_transforms_give_values_in_their_own_unit(table: pd.DataFrame, transform: str) -> None:
    y = np.exp(3 * table.y)
    search = Search(table[FEATURES], transform=transform, seed=0)
    search.tell(table.index[:60].tolist(), y[:60].to_numpy())
    after = search.posterior()
    error = np.log(after["mean"].clip(1e-3)) - np.log(y.to_numpy())
    if transform == "log":  # nine tenths of the variance of the logarithm
        assert float((error[60:] ** 2).mean()) < 0.12 * np.var(np.log(y[60:]))
    plain = Search(table[FEATURES], seed=0).tell(table.index[:60].tolist(), y[:60].to_numpy()).posterior()
    off, without = (float(np.sqrt(((ds["mean"] - y.to_numpy()) ** 2).mean())) for ds in (after, plain))
    assert off < without
    assert run(table[FEATURES], y, 35, transform=transform, seed=0).best() == y.idxmin()


# ---- several objectives


def test_the_pareto_front_is_found(table: pd.DataFrame) -> None:
    values = np.stack([table.y, (table.a + 0.5) ** 2 + table.c**2], axis=1)
    truth = {
        table.index[k]
        for k, row in enumerate(values)
        if not ((values <= row).all(axis=1) & (values < row).any(axis=1)).any()
    }
    for acquisition in ("ehvi", "scalarised"):
        search = Search(table[FEATURES], goal={"energy": "min", "price": "min"}, acquisition=acquisition, seed=0)
        for _ in range(45):
            [label] = search.ask()
            search.tell(label, values[table.index.get_loc(label)])
        front = search.pareto_front()
        assert len(truth & set(front.candidate.values)) >= 0.6 * len(truth)
        assert search.posterior().sizes["objective"] == 2
        assert front.objective.values.tolist() == ["energy", "price"]


def test_three_objectives(table: pd.DataFrame) -> None:
    search = Search(table[FEATURES], goal=["min", "max", "min"], seed=0)
    for _ in range(8):
        labels = search.ask(2)
        search.tell(labels, np.stack([table.y[labels], table.a[labels], table.b[labels]], axis=1))
    assert search.what_if("m000", [0.0, 1.0, 2.0]).sizes["objective"] == 3
    assert search.trials().value.shape == (16, 3)


# ---- results


def test_results_round_trip(table: pd.DataFrame, tmp_path) -> None:
    search = run(table[FEATURES], table.y, 12, seed=0)
    search.tell_pending(search.ask(2))
    found = {
        "posterior": search.posterior(),
        "what_if": search.what_if("m001", 0.0),
        "importance": search.importance(),
        "trials": search.trials(),
        "pool": search.pool,
        "front": search.pareto_front(),
        "diagnose": search.diagnose(),
    }
    for name, ds in found.items():
        assert {"title", "source", "history"} <= set(ds.attrs), name
        write_netcdf(ds, tmp_path / f"{name}.nc")
        xr.testing.assert_identical(read_netcdf(tmp_path / f"{name}.nc"), ds)


def test_inputs_are_not_changed(table: pd.DataFrame) -> None:
    X = table[FEATURES].copy()
    run(X, table.y, 8, seed=0)
    pd.testing.assert_frame_equal(X, table[FEATURES])


def test_csv_has_every_trial(table: pd.DataFrame, tmp_path) -> None:
    search = run(table[FEATURES], table.y, 9, seed=0)
    search.to_csv(tmp_path / "trials.csv")
    back = pd.read_csv(tmp_path / "trials.csv")
    assert back.candidate.tolist() == told(search)
    np.testing.assert_allclose(back.value, table.y[told(search)])
    np.testing.assert_allclose(back.a, table.a[told(search)])


def test_branch_is_the_past(table: pd.DataFrame) -> None:
    search = run(table[FEATURES], table.y, 20, seed=6)
    then = search.branch(11)
    assert then.ask() == [told(search)[11]]
    then.tell(then.ask(), -9.0)
    assert search.n_told == 20
    xr.testing.assert_identical(search.branch().posterior(), search.posterior())
