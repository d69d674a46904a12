"""Sparse regression: its path is that of scikit-learn, its formula leave-one-out where it says so, truths are found."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from mi_widgets.errors import DataError, LabelError, MIWidgetsWarning, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.methods import _sparse_numba, _sparse_numpy
from mi_widgets.methods._sparse_choose import choose
from mi_widgets.methods._sparse_validation import make_folds
from mi_widgets.methods.sparse import compare_validations, fit_lasso, iter_lasso

ENGINES = [_sparse_numba, _sparse_numpy]


def design(
    m: int, n: int, *, n_true: int = 8, noise: float = 0.5, alike: float = 0.6, seed: int = 0
) -> tuple[Any, Any]:
    """Correlated variables and a target that some of them make, as arrays with labels; coefficients in attrs."""
    rng = np.random.default_rng(seed)
    x, common = rng.normal(size=(m, n)), rng.normal(size=(m, max(3, n // 12)))
    mix = rng.normal(size=(common.shape[1], n)) / common.shape[1] ** 0.5
    x = np.sqrt(1 - alike) * x + np.sqrt(alike) * common @ mix
    n_true = min(n, n_true)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    beta = np.zeros(n)
    beta[rng.choice(n, n_true, replace=False)] = rng.normal(size=n_true)
    y = x @ beta + noise * n_true**0.5 * rng.normal(size=m)
    names = {"variable": [f"v{k}" for k in range(n)], "sample": np.arange(m)}
    features = xr.DataArray(x, dims=("sample", "variable"), coords=names)
    return features, xr.DataArray(y, dims="sample", coords={"sample": np.arange(m)}, attrs={"units": "eV"})


def literal(x: np.ndarray, y: np.ndarray, alpha: float, folds: list[np.ndarray]) -> np.ndarray:
    """Squared residuals of samples left out, by scikit-learn, the sum of squares keeping its penalty."""
    out = np.empty(y.size)
    for fold in folds:
        rest = np.setdiff1d(np.arange(y.size), fold)
        model = Lasso(alpha * y.size / rest.size, tol=1e-12, max_iter=100_000).fit(x[rest], y[rest])
        out[fold] = (y[fold] - model.predict(x[fold])) ** 2
    return out


# ---- the path


@pytest.mark.parametrize("run", ENGINES)
@pytest.mark.parametrize("shape", [(80, 20), (40, 60)])
def test_path_is_that_of_scikit_learn(run: ModuleType, shape: tuple[int, int]) -> None:
    x, y = (a.values for a in design(*shape, seed=1))
    y = y - y.mean()
    limit = np.abs(x.T @ y).max()
    penalties = limit * np.geomspace(1, 0.02, 8)
    found, good = run.follow_path(x.T @ x, (y @ x)[None], np.array([np.linalg.norm(y)]), penalties[None], 1e-9, 500)
    assert good.all()
    for penalty, beta in zip(penalties[1:], found[0, 1:], strict=True):
        expected = Lasso(penalty / y.size, tol=1e-14, max_iter=200_000).fit(x, y).coef_
        np.testing.assert_allclose(beta, expected, atol=1e-6)
    assert not found[0, 0].any()


def test_engines_agree_on_samples_left_out() -> None:
    x, y = (a.values for a in design(60, 30, seed=2))
    y = y - y.mean()
    penalties = np.abs(x.T @ y).max() * np.geomspace(1, 0.01, 12)
    path, _ = _sparse_numba.follow_path(x.T @ x, (y @ x)[None], np.array([9.0]), penalties[None], 1e-9, 500)
    columns = np.ascontiguousarray(x.T)
    ours, other = (run.left_out(columns, y, path[0], 10) for run in ENGINES)
    for a, b in zip(ours[:2], other[:2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    assert np.isnan(ours[0][-1]).all()  # more than 10 variables


def test_without_numba_the_result_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = design(50, 12, seed=3)
    fast = fit_lasso(x, y, "sample")
    monkeypatch.setattr("mi_widgets.methods._sparse_validation.engine", lambda: _sparse_numpy)
    xr.testing.assert_allclose(fit_lasso(x, y, "sample"), fast, rtol=1e-5, atol=1e-6)


# ---- the errors


def test_formula_is_exact_where_nothing_is_held_back() -> None:
    """With a vanishing penalty all variables take part: the formula is that of least squares, which is exact."""
    x, y = design(60, 6, n_true=6, seed=4)
    fit = fit_lasso(x, y, "sample", n_penalties=8, least_penalty=1e-6)
    expected = (y - cross_val_predict(LinearRegression(), x.values, y.values, cv=LeaveOneOut())) ** 2
    assert fit.density[-1] == 1
    np.testing.assert_allclose(fit.error[-1], expected.mean(), rtol=1e-4)


def test_without_variables_it_is_the_mean() -> None:
    x, y = design(40, 10, seed=5)
    fit = fit_lasso(x, y, "sample")
    alone = [(y.values[k] - np.delete(y.values, k).mean()) ** 2 for k in range(40)]
    np.testing.assert_allclose(fit.error[0], np.mean(alone), rtol=1e-12)


@pytest.mark.parametrize("validation", ["k_fold", "leave_one_out"])
def test_literal_errors_are_those_of_scikit_learn(validation: str) -> None:
    x, y = design(40, 25, seed=6)
    fit = fit_lasso(x, y, "sample", validation=validation, n_penalties=5, least_penalty=0.05, n_folds=4, seed=7)
    folds = make_folds(40, 4 if validation == "k_fold" else 40, 7)
    for k in range(5):
        square = literal(x.values, y.values, float(fit.penalty_limit * fit.penalty[k]), folds)
        assert float(fit.error[k]) == pytest.approx(square.mean(), rel=1e-5)
        assert float(fit.error_stderr[k]) == pytest.approx(square.std() / 40**0.5, rel=1e-4)


# the seeds are those of the reference figures, which were 2.1, 1.0 and 0.1 %
@pytest.mark.parametrize(("m", "n_true", "seed"), [(200, 15, 3), (400, 20, 5)])
def test_formula_is_near_leave_one_out(m: int, n_true: int, seed: int, summary: list[str]) -> None:
    x, y = design(m, 180, n_true=n_true, seed=seed)
    found = compare_validations(x, y, "sample", n_penalties=12)
    place = int(found.error.sel(validation="leave_one_out").argmin("penalty"))
    ratio = float(found.error[0, place] / found.error[2, place] - 1)
    summary.append(f"LASSO, M={m}, N=180: formula over leave-one-out at its minimum {ratio:+.1%}")
    assert abs(ratio) <= 0.03
    chosen = found.chosen_penalty
    step = np.log(found.penalty[0] / found.penalty[1])
    assert abs(np.log(chosen[0] / chosen[1])) < 1.5 * step


# ---- when not to trust


def test_too_many_active_variables_are_flagged() -> None:
    x, y = design(30, 60, seed=8)
    fit = fit_lasso(x, y, "sample", least_penalty=1e-3)
    dense = fit.density * 60 > 0.7 * 30
    assert dense.any()
    assert ((fit.trust == 1) == dense).all()
    assert (fit.error.isnull() == (fit.trust != 0)).all()
    assert not (fit_lasso(x, y, "sample", least_penalty=1e-3, validation="k_fold").error).isnull().any()


def test_a_sample_that_alone_sets_a_coefficient_is_flagged() -> None:
    x, y = design(40, 6, n_true=3, seed=9)
    x[:, 5] = np.where(np.arange(40) == 3, 1.0, 0.0)
    y[3] += 50
    fit = fit_lasso(x, y, "sample")
    assert (fit.trust == 2).any()
    assert fit.error.where(fit.trust == 2).isnull().all()


def test_kinds_of_variables() -> None:
    x, y = design(50, 6, n_true=3, seed=10)
    x[:, 1] = 4.0
    x[:, 3] = -2 * x[:, 0] + 7
    x[:, 5] = x[:, 2] + x[:, 4]
    fit = fit_lasso(x, y, "sample")
    assert fit.variable_status.attrs["flag_meanings"] == "ok constant duplicate dependent"
    assert list(fit.variable_status.values) == [0, 1, 0, 2, 0, 3]
    assert list(fit.same_as.values) == [-1, -1, -1, 0, -1, -1]
    assert list(fit.coefficient.isnull().values) == [False, True, False, True, False, False]


def test_targets_that_cannot_be_explained() -> None:
    x, y = design(50, 6, n_true=2, noise=2.0, seed=11)
    target = xr.concat([y, 0 * y + 2, y.where(y.sample != 7), y], xr.Variable("energy", [0.0, 1.0, 2.0, 3.0]))
    fit = fit_lasso(x, target, "sample")
    names = fit.status.attrs["flag_meanings"].split()
    assert [names[k] for k in fit.status.values] == ["ok", "constant", "no_data", "ok"]
    assert fit.coefficient[1:3].isnull().all()
    xr.testing.assert_allclose(fit.isel(energy=0, drop=True).coefficient, fit.isel(energy=3, drop=True).coefficient)


# ---- what is chosen


def test_planted_variables_are_found() -> None:
    x, _ = design(150, 100, seed=12)
    rng = np.random.default_rng(0)
    one, two, three = (x.isel(variable=k, drop=True) for k in (5, 50, 77))
    y = 3 * one - 2 * two + three + 0.2 * xr.DataArray(rng.normal(size=150), dims="sample")
    fit = fit_lasso(x, y, "sample", least_penalty=0.005)
    largest = np.argsort(-np.abs(fit.coefficient.values))[:3]
    assert list(largest) == [5, 50, 77]
    np.testing.assert_allclose(fit.coefficient.values[largest], [3, -2, 1], atol=0.15)
    assert fit.r2 > 0.97


def test_rules() -> None:
    error = np.array([9.0, 5.0, 2.2, 2.6, 2.0, 2.4, 1.9, 3.0])
    stderr, density, whole = np.full(8, 0.4), np.linspace(0, 0.7, 8), np.ones(8, bool)
    assert choose(error, stderr, density, whole, "lowest") == 6
    assert choose(error, stderr, density, whole, "sparsest_minimum") == 2
    assert choose(error, stderr / 3, density, whole, "sparsest_minimum") == 4
    assert choose(error, 2 * stderr, density, whole, "one_stderr") == 2
    assert choose(error, stderr, density, np.arange(8) < 4, "lowest") == 2
    assert choose(error, stderr, density, ~whole, "lowest") == -1


def test_errors_that_fall_to_the_end_are_at_the_edge() -> None:
    x, y = design(100, 10, noise=0.01, seed=13)
    assert fit_lasso(x, y, "sample", least_penalty=0.2).status == 1


# ---- labels, parts, files


def test_result_goes_through_a_file_and_input_stays(tmp_path: Any) -> None:
    x, y = design(30, 8, seed=14)
    before = x.copy(deep=True), y.copy(deep=True)
    fit = fit_lasso(x, y, "sample")
    write_netcdf(fit, tmp_path / "fit.nc")
    xr.testing.assert_identical(read_netcdf(tmp_path / "fit.nc"), fit)
    xr.testing.assert_identical(x, before[0])
    xr.testing.assert_identical(y, before[1])
    assert fit.error.attrs["units"] == "eV * eV"
    assert fit.coefficient.attrs["units"] == "eV"


def test_parts_grow_to_the_whole() -> None:
    x, y = design(40, 8, seed=15)
    target = y * xr.DataArray(np.arange(1.0, 9.0), dims="energy")
    parts = list(iter_lasso(x, target, "sample"))
    assert (parts[0].result.status == 6).sum() == 7
    assert parts[0].result.coefficient[1:].isnull().all()
    assert parts[-1].done == 8
    xr.testing.assert_identical(parts[-1].result, fit_lasso(x, target, "sample"))


# ---- bad input


def test_gaps_are_left_out_and_told() -> None:
    x, y = design(40, 8, seed=16)
    holed = x.where((x.sample != 4) | (x["variable"] != "v2"))
    with pytest.warns(MIWidgetsWarning, match="1 of 40 samples have gaps"):
        fit = fit_lasso(holed, y, "sample")
    rest = x.sample != 4
    expected = fit_lasso(x[rest], y[rest], "sample")
    np.testing.assert_allclose(fit.coefficient, expected.coefficient, atol=1e-10)


def bad(case: str) -> tuple[Any, Any, dict[str, Any]]:
    x, y = design(12, 4, seed=17)
    options: dict[str, Any] = {}
    if case == "all gaps":
        x = x.where(x["variable"] != "v1")
    elif case == "folds":
        options = {"validation": "k_fold", "n_folds": 20}
    elif case == "other samples":
        y = y.assign_coords(sample=np.arange(12) + 1)
    elif case == "fewer samples":
        y = y[:5]
    elif case == "dims":
        x = x.expand_dims("more")
    elif case == "no dim":
        y = y.rename(sample="other")
    elif case == "text":
        x = x.astype(str)
    elif case == "no array":
        x = x.values
    else:
        name, value = case.split("=")
        options = {name: eval(value)}
    return x, y, options


@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        ("all gaps", DataError, "variable 'v1' has the most gaps"),
        ("folds", ParameterError, "2 to 12, the number of samples; got 20"),
        ("other samples", DataError, "'sample' of features and target differ"),
        ("fewer samples", DataError, "got 12 and 5"),
        ("dims", LabelError, "must have dims"),
        ("no dim", LabelError, "needs dimension 'sample'"),
        ("text", DataError, "real numbers"),
        ("no array", LabelError, "must be a DataArray"),
        ("rule='best'", ParameterError, "one_stderr, sparsest_minimum, lowest"),
        ("validation='loo'", ParameterError, "approximate, k_fold, leave_one_out"),
        ("n_penalties=1", ParameterError, "2 to 1000"),
        ("n_penalties=True", ParameterError, "2 to 1000"),
        ("least_penalty=1.0", ParameterError, "between 0.000001 and 1"),
        ("least_penalty='a'", ParameterError, "between 0.000001 and 1"),
    ],
)
def test_bad_input(case: str, error: type[Exception], message: str) -> None:
    x, y, options = bad(case)
    with pytest.raises(error, match=message):
        fit_lasso(x, y, "sample", **options)
