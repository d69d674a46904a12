"""Perovskites: published numbers, cuts against every cut by hand, folds that see nothing, data that cannot be used."""

import numpy as np
import pytest
import xarray as xr

from mi_widgets.datasets import make_perovskites
from mi_widgets.errors import DataError, LabelError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.methods.expression import evaluate
from mi_widgets.screening import (
    compare_descriptors,
    fit_descriptor,
    iter_search_expressions,
    label_compounds,
    predict_perovskites,
    search_expressions,
    tolerance_factors,
)
from mi_widgets.screening._cuts import fit_platt, mc_nemar, order_keys, score
from mi_widgets.screening._grammar import make_grammar

TAU = "r_x/r_b - n_a*(n_a - (r_a/r_b)/log(r_a/r_b))"


@pytest.fixture(scope="module")
def compounds() -> xr.Dataset:
    return make_perovskites()


@pytest.fixture(scope="module")
def found(compounds: xr.Dataset) -> xr.Dataset:
    return search_expressions(compounds)


def one(r_a: float, r_b: float, r_x: float = 1.40, n_a: float = 2, units: str = "angstrom") -> xr.Dataset:
    return label_compounds(["new"], [r_a], [r_b], [r_x], [n_a], ["O"], units=units)


# --- t and tau


def test_published_numbers() -> None:
    """Of Bartel's table, where the two decimals of the radii do not matter."""
    rows = {"LaAlO3": (1.36, 0.54, 1.40, 3, 1.01, 1.79), "SrTiO3": (1.44, 0.60, 1.40, 2, 1.00, 3.80),
            "BaZrO3": (1.61, 0.72, 1.40, 2, 1.00, 3.50), "CsPbI3": (1.88, 1.19, 2.20, 1, 0.85, 4.30)}  # fmt: skip
    ds = label_compounds(list(rows), *np.array(list(rows.values())).T[:4], ["O", "O", "O", "I"])
    out = tolerance_factors(ds)
    np.testing.assert_allclose(out.t, [v[4] for v in rows.values()], atol=0.006)
    np.testing.assert_allclose(out.tau, [v[5] for v in rows.values()], atol=0.02)
    assert (out.status == 0).all()


def test_tau_is_flagged_where_it_means_nothing() -> None:
    r_a, r_b, r_x = (
        [1.0, 0.9, 1.0, -1.0, 134.0, np.nan, 1.3, 1.001],
        [1.0, 1.1, 0.7, 0.6, 60.5, 0.6, 0.6, 1.0],
        8 * [1.4],
    )
    n_a = [2, 2, 0, 2, 2, 2, 2.5, 2]
    out = tolerance_factors(label_compounds(list("abcdefgh"), r_a, r_b, r_x, n_a, 8 * ["O"]))
    meanings = out.status.attrs["flag_meanings"].split()
    assert [meanings[i] for i in out.status.values] == [
        "undefined", "a_not_larger", "bad_charge", "bad_radius", "bad_radius", "missing", "bad_charge", "ok",
    ]  # fmt: skip
    assert np.isnan(out.tau[0])
    assert np.isfinite(out.t[0])
    assert np.isnan(out.t[3])
    assert np.isnan(out.t[4])
    assert float(out.tau_stderr[7]) > 100, "a radius with two decimals says nothing there"


def test_errors_of_tau_are_those_of_many_draws() -> None:
    rng = np.random.default_rng(0)
    out = tolerance_factors(one(1.34, 0.605), radius_stderr=0.003)
    radii = np.array([1.34, 0.605, 1.40])[:, None] + 0.003 * rng.standard_normal((3, 100_000))
    a, b, x = radii
    assert out.tau_stderr.item() == pytest.approx(np.std(x / b - 2 * (2 - a / b / np.log(a / b))), rel=0.02)
    assert out.t_stderr.item() == pytest.approx(np.std((a + x) / np.sqrt(2) / (b + x)), rel=0.02)


def test_units_are_taken_from_the_table() -> None:
    expected = tolerance_factors(one(1.34, 0.605)).tau
    np.testing.assert_allclose(tolerance_factors(one(134, 60.5, 140, units="pm")).tau, expected)
    np.testing.assert_allclose(tolerance_factors(one(0.134, 0.0605, 0.14, units="nm")).tau, expected)
    with pytest.raises(LabelError, match="'angstrom'"):
        tolerance_factors(one(1.34, 0.605, units="bohr"))


# --- cuts


def every_cut(v: np.ndarray, y: np.ndarray, window: bool) -> int:
    u = np.unique(v[np.isfinite(v)])
    cuts = np.r_[-np.inf, (u[1:] + u[:-1]) / 2, np.inf]
    pairs = (
        [(a, b) for a in cuts for b in cuts] if window else [(-np.inf, c) for c in cuts] + [(c, np.inf) for c in cuts]
    )
    return min(int(((((v > a) & (v < b)) != y) | np.isnan(v)).sum()) for a, b in pairs)


@pytest.mark.parametrize("window", [False, True])
def test_the_cut_has_the_fewest_errors_of_all_cuts(window: bool) -> None:
    rng = np.random.default_rng(1)
    for _ in range(6):
        v, y = np.round(rng.normal(size=40), 1), rng.random(40) < 0.4
        v[rng.random(40) < 0.1] = np.nan
        group = rng.integers(0, 3, 40)
        out = score(v[None], y, group, window=window)
        inside = (v > out.low[0]) & (v < out.high[0])
        assert int(((inside != y) | np.isnan(v)).sum()) == out.wrong[0] == every_cut(v, y, window)
        for k in range(3):
            rest = group != k
            assert out.train_wrong[0, k] == every_cut(v[rest], y[rest], window)
            assert out.test_wrong[0, k] == (~out.right[0])[~rest].sum()


def test_a_fold_sees_nothing_of_the_group_left_out(compounds: xr.Dataset) -> None:
    """Other classes of iodides change no prediction that is made without iodides."""
    iodide = (compounds.anion == "I").values
    turned = compounds.assign(perovskite=compounds.perovskite.where(~iodide, 1 - compounds.perovskite).astype("int8"))
    right, other = (compare_descriptors(ds, ["tau"]).correct.values[0] for ds in (compounds, turned))
    np.testing.assert_array_equal(right[iodide], 1 - other[iodide])


def test_monotonic_expressions_are_one() -> None:
    x = np.random.default_rng(2).uniform(0.5, 2, (1, 60))
    same = np.concatenate([x, np.log(x), x**2, -x, 1 / x, 3 * x / 3 + 1e-14, x + np.sin(9 * x)])
    keys = order_keys(same)
    assert len(set(keys[:6].tolist())) == 1
    assert keys[6] != keys[0]


def test_expressions_are_what_they_are_written_as(compounds: xr.Dataset) -> None:
    names = {n: compounds[n].values for n in ("r_a", "r_b", "r_x", "n_a")}
    grammar = make_grammar(**names, large=True)
    for i in np.random.default_rng(3).integers(0, len(grammar), 150):
        read = evaluate(grammar.text(i), names, 400)
        np.testing.assert_allclose(
            grammar.values(slice(i, i + 1))[0], np.where(np.isfinite(read), read, np.nan), rtol=1e-9
        )


def test_platt_and_mc_nemar_against_other_programs() -> None:
    from scipy.stats import binomtest
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(4)
    m = rng.normal(size=3000)
    y = rng.random(3000) < 1 / (1 + np.exp(-(2 * m + 0.5)))
    slope, offset, covariance = fit_platt(m, y)
    oracle = LogisticRegression(C=1e9).fit(m[:, None], y)
    assert slope == pytest.approx(oracle.coef_[0, 0], rel=0.01)
    assert offset == pytest.approx(oracle.intercept_[0], rel=0.01)
    assert np.sqrt(covariance[0, 0]) == pytest.approx(0.08, rel=0.2)
    one_, two = rng.random(80) < 0.9, rng.random(80) < 0.8
    b, c = int((one_ & ~two).sum()), int((~one_ & two).sum())
    assert mc_nemar(one_[None], two)[0] == pytest.approx(binomtest(b, b + c).pvalue)


# --- the search


def test_the_rule_is_found_also_without_each_anion(found: xr.Dataset) -> None:
    assert found.attrs["n_tried"] == 12_348
    assert 5_000 < found.attrs["n_distinct"] < 12_000
    assert (found.nested_expression == TAU).sum() >= 4
    assert TAU in found.expression.values[:5]
    assert float(found.nested_error) >= float(found.cv_error[0]) - 1e-12
    best = found.sel(expression=TAU)
    assert 4.0 < float(best.high) < 4.3
    assert np.isinf(best.low)
    assert int(best.separable) == 0
    assert found.n_not_separable >= 2, "other expressions divide these compounds as well"


def test_scores_are_those_of_the_expression_alone(compounds: xr.Dataset, found: xr.Dataset) -> None:
    texts = [str(t) for t in found.expression.values[:8]]
    alone = compare_descriptors(compounds, texts)
    for name in ("cv_error", "error", "group_error", "low", "high"):
        np.testing.assert_allclose(alone[name], found[name].isel(expression=slice(0, 8)), rtol=1e-9)


def test_chance_is_not_taken_for_a_law(compounds: xr.Dataset) -> None:
    """Classes drawn by lot: the best of ten thousand looks good, the nested error does not."""
    lot = np.random.default_rng(5).permutation(compounds.perovskite.values)
    few = compounds.assign(perovskite=("candidate", lot)).isel(candidate=slice(0, None, 4))
    out = search_expressions(few)
    assert float(out.error.min()) < 0.36
    assert float(out.nested_error) > 0.4


def test_parts_can_be_left_and_results_are_kept(compounds: xr.Dataset, found: xr.Dataset, tmp_path) -> None:
    part = next(iter_search_expressions(compounds))
    assert part.done < part.total
    assert part.result.attrs["n_tried"] == part.done
    fit = fit_descriptor(compounds)
    results = (
        found,
        fit,
        predict_perovskites(fit, compounds),
        tolerance_factors(compounds),
        compare_descriptors(compounds),
    )
    for k, ds in enumerate((*results, compounds)):
        write_netcdf(ds, tmp_path / f"{k}.nc")
        xr.testing.assert_identical(read_netcdf(tmp_path / f"{k}.nc"), ds)


# --- probability


def test_probability_is_that_of_the_rule(compounds: xr.Dataset) -> None:
    fit = fit_descriptor(compounds)
    assert float(abs(fit.probability - compounds.true_probability).mean()) < 0.05
    assert float(fit.log_loss_cv) < 0.5 * float(fit.log_loss_base)
    by_t = fit_descriptor(compounds, "t", form="window")
    assert float(by_t.cv_error) > 0.4 > float(by_t.error), "a window of t does not carry over to another anion"
    assert float(by_t.log_loss_cv) > float(fit.log_loss_cv)


def test_a_verdict_says_when_it_should_not_be_trusted(compounds: xr.Dataset) -> None:
    fit = fit_descriptor(compounds.isel(candidate=(compounds.anion != "I").values))
    new = label_compounds(
        ["yes", "no", "between", "far", "iodide", "alike"],
        [1.36, 1.39, 1.34, 1.05, 1.88, 1.0], [0.535, 0.38, 0.48, 1.04, 1.0, 1.0], [1.4, 1.4, 1.4, 1.4, 2.2, 1.4],
        [3, 1, 2, 2, 1, 2], ["O", "O", "O", "O", "I", "O"],
    )  # fmt: skip
    out = predict_perovskites(fit, new, uncertain=(0.02, 0.98))
    meanings = out.verdict.attrs["flag_meanings"].split()
    verdicts = [meanings[i] for i in out.verdict.values]
    assert verdicts[:2] == ["perovskite", "not_perovskite"]
    assert verdicts[3:] == [
        "outside",
        "unknown_anion",
        "undefined",
    ]
    assert (out.probability_low[:2] <= out.probability[:2]).all()
    value = float(fit.high)
    at = predict_perovskites(
        fit.assign_attrs(expression="3*r_x"), new.assign(r_x=new.r_x * 0 + value / 3).isel(candidate=[0])
    )
    assert meanings[int(at.verdict[0])] == "uncertain"


# --- data that cannot be used


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda ds: ds.drop_vars("anion"), LabelError, "name of the anion"),
        (lambda ds: ds.drop_vars("perovskite"), LabelError, "'perovskite'"),
        (lambda ds: ds.drop_vars("r_a"), LabelError, "'r_a'"),
        (lambda ds: ds.assign(perovskite=ds.perovskite * 0 + 1), DataError, "one class"),
        (lambda ds: ds.isel(candidate=(ds.anion == "O").values), DataError, "one anion only"),
        (lambda ds: ds.isel(candidate=slice(0, 6)), DataError, "too few"),
        (lambda ds: ds.assign(r_a=ds.r_a * np.nan), DataError, "too few"),
        (lambda ds: ds.assign(r_a=ds.r_a.astype(str)), DataError, "not numbers"),
        (lambda ds: ds.to_dataframe(), DataError, "Dataset"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_said(compounds: xr.Dataset, change, error, words) -> None:
    ds = change(compounds)
    if isinstance(ds, xr.Dataset) and "r_a" in ds and not ds.r_a.attrs:
        ds.r_a.attrs["units"] = "angstrom"
    with pytest.raises(error, match=words):
        search_expressions(ds)


def test_a_group_that_holds_all_of_one_class(compounds: xr.Dataset) -> None:
    only = compounds.assign(perovskite=(compounds.anion == "F").astype("int8"))
    with pytest.raises(DataError, match="without F all compounds are of one class"):
        compare_descriptors(only)


def test_constant_and_collinear_columns_are_told(compounds: xr.Dataset) -> None:
    ds = compounds.isel(candidate=slice(0, 200))
    same = ds.assign(n_a=ds.n_a * 0 + 2, r_a=ds.r_b * 2)
    same.n_a.attrs, same.r_a.attrs = ds.n_a.attrs, ds.r_a.attrs
    remarks = search_expressions(same).attrs["remarks"]
    assert "n_a is the same" in remarks
    assert "r_a and r_b go together" in remarks
    with pytest.raises(DataError, match="constant"):
        fit_descriptor(same, "r_a/r_b")


def test_bad_rows_are_left_out_and_counted(compounds: xr.Dataset) -> None:
    ds = compounds.copy(deep=True)
    ds.r_a[:3] = np.nan
    ds.r_b[3:5] = -1
    ds.perovskite[5:9] = -1
    assert compare_descriptors(ds).attrs["n_left_out"] == 9


def test_options_are_checked(compounds: xr.Dataset) -> None:
    for wrong in ({"size": "huge"}, {"form": "line"}, {"n_kept": 1}):
        with pytest.raises(ParameterError):
            search_expressions(compounds, **wrong)
    for text in ("__import__('os')", "r_a/r_q", "r_a >", "open"):
        with pytest.raises(ParameterError):
            fit_descriptor(compounds, text)
    with pytest.raises(DataError, match="twice"):
        label_compounds(["a", "a"], [1, 1], [1, 1], [1, 1], [1, 1], ["O", "O"])
    with pytest.raises(DataError, match="other lengths"):
        label_compounds(["a"], [1, 1], [1], [1], [1], ["O"])
    with pytest.raises(ParameterError, match="n_compounds"):
        make_perovskites(n_compounds=5)


def test_columns_that_are_no_numbers_and_other_units_are_refused() -> None:
    with pytest.raises(DataError, match="r_a must hold numbers"):
        label_compounds(["x"], ["big"], [0.6], [1.4], [2], ["O"])
    with pytest.raises(LabelError, match="'angstrom', 'pm' or 'nm'; got 'furlong'"):
        label_compounds(["x"], [1.4], [0.6], [1.4], [2], ["O"], units="furlong")
