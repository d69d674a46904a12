"""Every subset of variables: errors against literal leave-one-out, and the planted variables of the volcano."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from sklearn.linear_model import LassoCV, LinearRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.preprocessing import PolynomialFeatures

from mi_widgets.datasets import make_catalyst_yields
from mi_widgets.errors import DataError, ParameterError
from mi_widgets.io import read_netcdf, write_netcdf
from mi_widgets.screening import exhaustive_search, iter_exhaustive_search, nested_error

PLANTED = ["d_band_center", "work_function", "metal_charge"]


@pytest.fixture(scope="module")
def catalysts() -> xr.Dataset:
    return make_catalyst_yields(seed=3)


def _names(found: xr.Dataset, subset: int = 0) -> list[str]:
    one = found.isel(subset=subset)
    return list(one.feature.values[one.member.values == 1])


@pytest.mark.parametrize("degree", [1, 2])
def test_errors_are_those_of_literal_leave_one_out(catalysts: xr.Dataset, degree: int) -> None:
    found = exhaustive_search(catalysts.features, catalysts.logit_yield, degree=degree, max_features=2)
    for subset in (0, 7, -1):
        x = catalysts.features.sel(feature=_names(found, subset)).values
        x = PolynomialFeatures(degree, include_bias=False).fit_transform((x - x.mean(axis=0)) / x.std(axis=0))
        y = catalysts.logit_yield.values
        literal = cross_val_predict(LinearRegression(), x, y, cv=LeaveOneOut())
        expected = np.sqrt(np.mean((literal - y) ** 2))
        assert float(found.error[subset]) == pytest.approx(expected, rel=1e-5)


def test_every_subset_is_there_once(catalysts: xr.Dataset) -> None:
    found = exhaustive_search(catalysts.features[:, :6], catalysts.logit_yield)
    assert found.sizes["subset"] == 2**6 - 1
    assert len(np.unique(found.member.values, axis=0)) == 63
    assert (np.diff(found.error.values) >= 0).all()
    for i in range(6):
        without = found.error.values[found.member.values[:, i] == 0].min()
        assert float(found.error_without[i]) == without


def test_planted_variables_are_found_over_the_volcano_and_not_by_a_line() -> None:
    """Goal: 80 % of 30 seeds; a benchmark runs them all."""
    hits = {1: 0, 2: 0}
    for seed in range(100, 110):
        ds = make_catalyst_yields(seed=seed)
        for degree in hits:
            found = exhaustive_search(ds.features, ds.logit_yield, degree=degree, max_features=3)
            hits[degree] += _names(found) == PLANTED
    assert hits[2] >= 8
    assert hits[1] <= 4


def test_lasso_misses_the_volcano_without_its_feature() -> None:
    ds = make_catalyst_yields(seed=1)
    x = (ds.features.values - ds.features.values.mean(axis=0)) / ds.features.values.std(axis=0)
    plain = LassoCV(cv=5).fit(x, ds.logit_yield.values).score(x, ds.logit_yield.values)
    distance = np.abs(ds.true_adsorption_energy.values + 0.55)[:, None]
    with_distance = np.hstack([x, distance])
    fitted = LassoCV(cv=5).fit(with_distance, ds.logit_yield.values).score(with_distance, ds.logit_yield.values)
    assert plain < 0.5
    assert fitted > 0.9


def test_nothing_is_found_where_nothing_is(catalysts: xr.Dataset) -> None:
    noise = catalysts.logit_yield.copy(data=np.random.default_rng(5).standard_normal(60))
    best = exhaustive_search(catalysts.features, noise, degree=2)
    nested = nested_error(catalysts.features, noise, degree=2)
    assert float(best.r_squared[0]) > float(nested.r_squared)
    assert float(nested.r_squared) < 0.1


def test_nested_error_is_honest_where_something_is(catalysts: xr.Dataset) -> None:
    nested = nested_error(catalysts.features, catalysts.logit_yield, degree=2, n_folds=6)
    assert 0.7 < float(nested.r_squared) < float(
        exhaustive_search(catalysts.features, catalysts.logit_yield, degree=2).r_squared[0]
    ) + 0.05  # fmt: skip
    assert dict(nested.member.sizes) == {"fold_number": 6, "feature": 13}


def test_parts_grow_to_the_whole(catalysts: xr.Dataset, tmp_path: Path) -> None:
    parts = list(iter_exhaustive_search(catalysts.features, catalysts.logit_yield))
    assert [p.done for p in parts][-1] == parts[-1].total == 2**13 - 1
    assert len(parts) > 3
    assert parts[-1].result.identical(exhaustive_search(catalysts.features, catalysts.logit_yield))
    write_netcdf(parts[-1].result, tmp_path / "found.nc")
    assert read_netcdf(tmp_path / "found.nc").identical(parts[-1].result)


def test_order_and_units_of_variables_do_not_matter(catalysts: xr.Dataset) -> None:
    plain = exhaustive_search(catalysts.features, catalysts.logit_yield, max_features=2)
    other = catalysts.features[::-1, ::-1] * 1000.0 + 7.0
    turned = exhaustive_search(other, catalysts.logit_yield[::-1], max_features=2)
    np.testing.assert_allclose(plain.error, turned.error, rtol=1e-6)
    assert sorted(_names(plain)) == sorted(_names(turned))


def test_wrong_input_is_refused(catalysts: xr.Dataset) -> None:
    x, y = catalysts.features, catalysts.logit_yield
    constant, missing = x.copy(deep=True), y.copy(deep=True)
    constant[:, 4] = 2.0
    missing[3] = np.nan
    for call, error, text in (
        (lambda: exhaustive_search(constant, y), DataError, "'metal_charge' is constant"),
        (lambda: exhaustive_search(x, missing), DataError, "1 values are missing or infinite"),
        (lambda: exhaustive_search(x, y[:50]), DataError, "60 candidates with features and 50"),
        (lambda: exhaustive_search(y, y), DataError, "needs features"),
        (lambda: exhaustive_search(x, y, degree=3), ParameterError, "degree must be 1 or 2"),
        (lambda: exhaustive_search(x, y, max_features=0), ParameterError, "from 1 to 13; got 0"),
        (lambda: exhaustive_search(x[:11], y[:11], degree=2), DataError, "too few for 10 coefficients"),
        (lambda: nested_error(x, y, n_folds=1), ParameterError, "n_folds must be a whole number from 2 to 30"),
    ):
        with pytest.raises(error, match=text):
            call()
    many = xr.DataArray(np.random.default_rng(0).standard_normal((60, 30)), dims=("candidate", "feature"),
                        coords={"feature": [f"v{i}" for i in range(30)]})  # fmt: skip
    with pytest.raises(ParameterError, match="subsets of up to 30 of 30 variables"):
        exhaustive_search(many, y.drop_vars("candidate"))
