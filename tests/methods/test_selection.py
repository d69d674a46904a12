"""Information criteria against their definitions, weights against what they must obey."""

import numpy as np
import pytest

from mi_widgets.errors import DataError, ParameterError
from mi_widgets.methods.selection import criterion_weights, information_criteria


def test_criteria_by_hand() -> None:
    found = information_criteria(-12.5, 3, 30)
    assert float(found.aic) == pytest.approx(31.0)
    assert float(found.aicc) == pytest.approx(31.0 + 24 / 26)
    assert float(found.bic) == pytest.approx(3 * np.log(30) + 25.0)


def test_criteria_of_least_squares_are_those_of_lmfit() -> None:
    """lmfit leaves out the constants of the likelihood, so differences between models are compared."""
    from lmfit.models import PolynomialModel

    rng = np.random.default_rng(0)
    x = np.linspace(0.0, 1.0, 40)
    y = 1 + 2 * x + 0.1 * rng.standard_normal(40)
    fits = [PolynomialModel(degree=d).fit(y, x=x, **{f"c{i}": 0.0 for i in range(d + 1)}) for d in (1, 2, 3)]
    log_likelihood = [-20 * (np.log(2 * np.pi * f.chisqr / 40) + 1) for f in fits]
    found = information_criteria(log_likelihood, [f.nvarys for f in fits], 40)
    np.testing.assert_allclose(np.diff(found.aic), np.diff([f.aic for f in fits]), atol=1e-9)
    np.testing.assert_allclose(np.diff(found.bic), np.diff([f.bic for f in fits]), atol=1e-9)


def test_shapes_broadcast_and_no_fit_stays_no_fit() -> None:
    found = information_criteria(np.array([[-1.0, -2.0], [np.nan, -4.0]]), [2, 3], 10)
    assert found.aic.shape == (2, 2)
    assert np.isnan([c[1, 0] for c in found]).all()
    assert np.isfinite([c[1, 1] for c in found]).all()


def test_too_few_data_for_the_correction_are_never_chosen() -> None:
    found = information_criteria([-1.0, -1.0, -1.0], [8, 9, 2], 10)
    assert np.isinf(found.aicc[1])
    assert found.aicc[0] == pytest.approx(18 + 144)
    np.testing.assert_array_equal(criterion_weights(found.aicc) > 0, [True, False, True])


def test_weights_of_known_differences() -> None:
    np.testing.assert_allclose(criterion_weights([0.0, 2 * np.log(3)]), [0.75, 0.25])
    np.testing.assert_allclose(criterion_weights([1e9, 1e9 + 2 * np.log(3)]), [0.75, 0.25], rtol=1e-6)
    np.testing.assert_array_equal(criterion_weights([np.nan, 5.0, np.inf]), [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(criterion_weights([np.nan, np.inf]), [0.0, 0.0])
    np.testing.assert_allclose(criterion_weights([[0.0, 7.0], [0.0, np.nan]], axis=0), [[0.5, 1.0], [0.5, 0.0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0, -1, 10), "n_parameters must be 0 or more"),
        ((-1.0, np.nan, 10), "n_parameters must be 0 or more"),
        ((-1.0, 2, 0), "n_data must be 1 or more"),
        (([-1.0, -2.0], [1, 2, 3], 10), "shapes that fit together"),
        (("good", 2, 10), "needs three numbers"),
    ],
)
def test_bad_input_of_the_criteria_is_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        information_criteria(*arguments)


@pytest.mark.parametrize(
    ("criterion", "message"), [([], "one value per model"), (3.0, "one value per model"), ([0, -np.inf], "unbounded")]
)
def test_bad_input_of_the_weights_is_named(criterion: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        criterion_weights(criterion)
