"""What is refused, and with which words."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from sklearn.gaussian_process import GaussianProcessRegressor

from mi_widgets.bo import Search
from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError

FEATURES = ["a", "b", "c"]


@pytest.fixture(name="X")
def features(table: pd.DataFrame) -> pd.DataFrame:
    return table[FEATURES]


def test_candidates_that_are_not_finite(X: pd.DataFrame) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        broken = X.copy()
        broken.loc["m017", "b"] = bad
        with pytest.raises(DataError, match=r"feature 'b' is not finite for 1 candidates, the first 'm017'"):
            Search(broken)
    text = X.assign(metal=["Cu"] * 199 + [None])
    with pytest.raises(DataError, match=r"'metal' is not finite for 1 candidates, the first 'm199'"):
        Search(text)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(X: pd.DataFrame, value: float) -> None:
    search = Search(X, seed=0)
    with pytest.raises(DataError, match=r"value of candidate 'm002' is .*search.exclude"):
        search.tell(["m001", "m002"], [1.0, value])
    assert search.n_told == 0  # none of them
    search.tell("m001", 1.0)
    with pytest.raises(DataError, match="finite"):
        search.correct("m001", value)
    with pytest.raises(DataError, match="finite"):
        search.what_if("m002", value)


def test_constant_features_are_left_out(X: pd.DataFrame) -> None:
    with pytest.warns(MIWidgetsWarning, match="left out: p, q"):
        search = Search(X.assign(p=3.0, q="Cu"), seed=0)
    search.tell(X.index[:30].tolist(), X.a[:30].to_numpy())
    assert search.importance().feature.values.tolist() == FEATURES
    assert any("p, q" in sentence for sentence in search.diagnose().attrs["warnings"])
    with pytest.raises(DataError, match="every feature is constant"):
        Search(pd.DataFrame({"a": [1.0, 1.0], "b": [2.0, 2.0]}))


def test_labels_that_are_there_twice(X: pd.DataFrame) -> None:
    with pytest.raises(LabelError, match=r"candidate 'm003' is there 2 times.*duplicated"):
        Search(pd.concat([X, X.iloc[[3]]]))
    with pytest.raises(LabelError, match="feature 'a' is there twice"):
        Search(pd.concat([X, X[["a"]]], axis=1))


def test_candidates_with_the_same_features(X: pd.DataFrame) -> None:
    twins = pd.concat([X, X.iloc[:40].rename(index="copy {}".format)])
    search = Search(twins, seed=0)
    search.tell(X.index[:20].tolist(), X.a[:20].to_numpy())
    search.tell("copy m000", X.a["m000"] + 0.5)
    after = search.posterior()
    assert np.isfinite(after["mean"]).all()
    assert float(after["mean"].sel(candidate="m005")) == pytest.approx(float(after["mean"].sel(candidate="copy m005")))
    assert any("40 candidates have the same features" in s for s in search.diagnose().attrs["warnings"])
    assert len(set(search.ask(10))) == 10


@pytest.mark.parametrize("value", [0.0, 1e-300, -7.5, 1e12])
def test_values_that_are_all_the_same(X: pd.DataFrame, value: float) -> None:
    search = Search(X, seed=0).tell(X.index[:8].tolist(), [value] * 8)
    after = search.posterior()
    np.testing.assert_allclose(after["mean"], value, rtol=1e-6, atol=1e-9)
    assert (after.stderr > 0).all()
    assert search.ask()[0] not in X.index[:8]
    assert any("All told values are the same" in s for s in search.diagnose().attrs["warnings"])


def test_one_observation(X: pd.DataFrame) -> None:
    for acquisition in ("ei", "z_score", "ucb", "thompson"):
        search = Search(X, seed=0, n_initial=1, acquisition=acquisition).tell("m001", 5.0)
        assert search.ask()[0] != "m001"
        assert float(search.posterior()["mean"].sel(candidate="m001")) == pytest.approx(5)
        assert search.what_if("m002", 4.0)["mean"].notnull().all()
        with pytest.raises(DataError, match="three told values; there are 1"):
            search.diagnose()


def test_unknown_labels(X: pd.DataFrame) -> None:
    search = Search(X, seed=0).tell("m001", 1.0)
    for call in (
        lambda: search.tell("m999", 1.0),
        lambda: search.tell_pending(["m002", "m999"]),
        lambda: search.what_if("m999", 1.0),
        lambda: search.exclude("m999"),
        lambda: search.retract("m999"),
    ):
        with pytest.raises(LabelError, match=r"no candidate 'm999' in the pool of 200 \(labels such as 'm000'"):
            call()
    assert (search.n_events, search.pending) == (1, [])
    with pytest.raises(LabelError, match="no candidate 1 in the pool"):
        search.tell(1, 1.0)


def test_told_twice(X: pd.DataFrame) -> None:
    search = Search(X, seed=0).tell("m001", 1.5)
    with pytest.raises(DataError, match=r"'m001' was told before \(1.5\).*search.correct.*repeat=True"):
        search.tell("m001", 1.7)
    with pytest.raises(DataError, match="told before"):
        search.tell(["m002", "m002"], [1.0, 2.0])
    assert search.n_told == 1
    search.tell("m001", 1.7, repeat=True)
    assert search.n_told == 2


def test_never_told(X: pd.DataFrame) -> None:
    search = Search(X, seed=0).tell("m001", 1.5)
    for call in (lambda: search.retract("m002"), lambda: search.correct("m002", 1.0)):
        with pytest.raises(DataError, match=r"'m002' was not told. Told are 'm001'"):
            call()


def test_before_anything_was_told(X: pd.DataFrame) -> None:
    search = Search(X, seed=0)
    for call in (
        search.best,
        search.importance,
        search.diagnose,
        search.pareto_front,
        search.trials,
        search.probability_of_better,
        lambda: search.what_if("m001", 1.0),
    ):
        with pytest.raises(DataError, match="nothing was told"):
            call()


def test_as_many_values_as_candidates(X: pd.DataFrame) -> None:
    search = Search(X, seed=0)
    with pytest.raises(DataError, match=r"2 candidates need one value; got an array of shape \(3,\)"):
        search.tell(["m001", "m002"], [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match="a value must be a number; got 'high'"):
        search.tell("m001", "high")
    two = Search(X, goal=["min", "max"], seed=0)
    with pytest.raises(DataError, match=r"need 2 values for each candidate \(value_0, value_1\)"):
        two.tell("m001", 1.0)
    with pytest.raises(ParameterError, match="noise must be one number"):
        search.tell(["m001", "m002"], [1.0, 2.0], noise=[1, 2, 3])
    with pytest.raises(ParameterError, match="standard deviation"):
        search.tell("m001", 1.0, noise=-1)
    with pytest.raises(ParameterError, match="learn_feasibility=True"):
        search.tell("m001", None, feasible=False)
    with pytest.raises(DataError, match="transform='log' needs values above zero; got -1"):
        Search(X, transform="log", seed=0).tell("m001", -1.0)


def test_pools_that_are_none() -> None:
    with pytest.raises(LabelError, match=r"got ndarray. Write pd.DataFrame"):
        Search(np.zeros((3, 2)))
    with pytest.raises(LabelError, match=r"needs an array over \('candidate', 'feature'\)"):
        Search(xr.DataArray(np.zeros((3, 2)), dims=("x", "y")))
    with pytest.raises(DataError, match="real numbers"):
        Search(xr.DataArray(np.zeros((3, 2), complex), dims=("candidate", "feature")))
    with pytest.raises(DataError, match="at least two candidates"):
        Search(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(DataError, match="at least one value on each axis"):
        Search({"x": [], "y": [1.0]})
    with pytest.raises(DataError, match=r"looks like a label. Write X = X.set_index\('name'\)"):
        Search(pd.DataFrame({"name": [f"m{k}" for k in range(50)], "a": np.arange(50.0)}))
    with pytest.raises(DataError, match="too wide"):
        Search(pd.DataFrame({"a": [-1.7e308, 1.7e308, 0.0]}))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"goal": "maximum"}, "goal must be 'min' or 'max'"),
        ({"goal": []}, "goal must be"),
        ({"acquisition": "best"}, "acquisition must be one of ei, log_ei"),
        ({"acquisition": "target"}, r"Search\(X, target="),
        ({"goal": ["min", "min"], "acquisition": "ei"}, "one of ehvi, scalarised for 2 objective"),
        ({"kernel": "cubic"}, "kernel must be one of matern52"),
        ({"noise": -1.0}, "noise is a standard deviation"),
        ({"noise": np.nan}, "noise is a standard deviation"),
        ({"transform": "sqrt"}, "transform must be one of"),
        ({"beta": np.inf}, "beta"),
        ({"refit": 0}, "refit must be"),
        ({"n_initial": 0}, "n_initial"),
        ({"seed": -1}, "seed"),
        ({"ard": "maybe"}, "ard must be"),
        ({"periodic": {"a": 0.0}}, "period of 'a'"),
        ({"regressor": object()}, "regressor needs fit"),
        ({"regressor": GaussianProcessRegressor}, r"GaussianProcessRegressor\(\) has; got <class"),
    ],
)
def test_options_that_are_unknown(X: pd.DataFrame, options: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        Search(X, **options)


def test_features_costs_and_masks_that_do_not_fit(X: pd.DataFrame) -> None:
    with pytest.raises(LabelError, match="no feature 'angle'; there are a, b, c"):
        Search(X, periodic={"angle": 360})
    with pytest.raises(DataError, match=r"cost needs one value for each of 200 candidates; got \(3,\)"):
        Search(X, cost=[1, 2, 3])
    with pytest.raises(DataError, match="above zero for every candidate"):
        Search(X, cost=np.zeros(200))
    with pytest.raises(DataError, match=r"cost has no value for 190 of 200 candidates, the first 'm010'"):
        Search(X, cost=pd.Series(1.0, index=X.index[:10]))
    with pytest.raises(DataError, match="mask has no value for 190"):
        Search(X, mask=pd.Series(True, index=X.index[:10]))
    with pytest.raises(DataError, match="more than one value for candidate 'm000'"):
        Search(X, cost=pd.Series(1.0, index=[*X.index, "m000"]))
    with pytest.raises(DataError, match="mask must be True or False for every candidate"):
        Search(X, mask=np.r_[np.nan, np.ones(199)])
    with pytest.raises(DataError, match="can still be suggested, not 1"):
        Search(X, mask=np.zeros(200, bool), seed=0).ask()


def test_what_can_be_asked(X: pd.DataFrame) -> None:
    search = Search(X, seed=0)
    for n in (0, -1, 1.5, True, "3"):
        with pytest.raises(ParameterError, match="n must be a whole number"):
            search.ask(n)
    with pytest.raises(ParameterError, match="batch must be one of"):
        search.ask(2, batch="random")
    with pytest.raises(DataError, match="200 of 200 candidates can still be suggested, not 201"):
        search.ask(201)
    with pytest.raises(ParameterError, match="n_events must be 0 to 0"):
        search.branch(3)
    with pytest.raises(ParameterError, match="delta of zero or more"):
        search.probability_of_better(-1.0)


def test_extreme_scales_of_values(X: pd.DataFrame) -> None:
    y = X.a**2 + X.b
    for scale, shift in ((1e-200, 0), (1e140, 0), (1.0, 1e9), (1e-9, 1.0)):
        search = Search(X, seed=0).tell(X.index[:20].tolist(), (scale * y[:20] + shift).to_numpy())
        after = search.posterior()
        assert np.isfinite(after["mean"]).all()
        assert np.isfinite(after.stderr).all()
        assert search.ask()[0] in X.index[20:]
    with pytest.raises(DataError, match=r"is 1e\+200: use another unit"):
        Search(X).tell("m001", 1e200)
