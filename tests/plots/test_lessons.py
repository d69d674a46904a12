"""Pictures of first lessons: what is drawn is what the estimator says."""

import numpy as np
import pytest

from mi_widgets.errors import DataError
from mi_widgets.plots import plot_boundary, plot_curves, plot_groups, plot_scores


def test_curves_and_bands_are_the_estimators() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import LinearRegression

    x = np.linspace(0, 1, 9)
    y = 2 * x + 1
    models = {
        "line": LinearRegression().fit(x[:, None], y),
        "process": GaussianProcessRegressor(optimizer=None).fit(x[:, None], y),
    }
    drawn = {
        e.label or type(e).__name__: e
        for e in plot_curves(x, y, models, truth=lambda v: 2 * v + 1, groups=list("aaaabbbbb"))
    }
    assert set(drawn) == {"truth", "line", "process", "Area", "a", "b"}
    at, line = drawn["line"].dimension_values(0), drawn["line"].dimension_values(1)
    np.testing.assert_allclose(line, 2 * at + 1)
    assert at.min() < 0
    assert at.max() > 1


def test_the_field_is_where_the_classifier_says_yes() -> None:
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    points = rng.uniform(size=(60, 2))
    yes = points[:, 0] > 0.5
    model = SVC().fit(points, yes)
    field = next(iter(plot_boundary(*points.T, yes, model)))
    x, y = np.meshgrid(field.dimension_values(0, expanded=False), field.dimension_values(1, expanded=False))
    said = field.dimension_values(2, flat=False)
    np.testing.assert_array_equal(said, model.predict(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape))


def test_ellipses_hold_their_share() -> None:
    from sklearn.mixture import GaussianMixture

    points = np.random.default_rng(1).multivariate_normal([1, 2], [[1, 0.6], [0.6, 1]], 4000)
    one = GaussianMixture(1, random_state=0).fit(points)
    ring = next(e for e in plot_groups(*points.T, np.zeros(4000), one) if type(e).__name__ == "Curve")
    inverse = np.linalg.inv(np.cov(points.T))
    away = [np.sqrt(np.einsum("ni,ij,nj->n", v - points.mean(axis=0), inverse, v - points.mean(axis=0)))
            for v in (ring.array(), points)]  # fmt: skip
    np.testing.assert_allclose(away[0], 2, rtol=0.01)
    assert (away[1] < 2).mean() == pytest.approx(0.865, abs=0.02)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(DataError, match="as many"):
        plot_curves([1, 2], [1], {})
    with pytest.raises(DataError, match="NaN"):
        plot_groups([1, np.nan], [1, 2], ["a", "b"])
    with pytest.raises(DataError, match="repetitions"):
        plot_scores([1, 2], {"one": [1, 2]})
