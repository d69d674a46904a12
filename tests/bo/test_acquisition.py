"""Acquisitions against integration, Monte Carlo and extremes."""

import numpy as np
import pytest
from scipy import integrate, stats

from mi_widgets.bo._acquisition import Belief, expected_hypervolume, log_expected_improvement, score
from mi_widgets.bo._choose import pareto_mask, pick
from mi_widgets.bo._transform import Transform


@pytest.mark.parametrize("z", [-6.0, -2.0, -1.0, -0.999, 0.0, 1.5, 8.0])
@pytest.mark.parametrize("std", [0.01, 3.0])
def test_expected_improvement_is_the_integral(z: float, std: float) -> None:
    mean = np.array([1.0])
    best = 1.0 + z * std
    lower = min(best, 1.0 - 12 * std) if z < 0 else 1.0 - 12 * std
    points = best - std * np.array([0.0, 0.2, 1.0])
    direct, _ = integrate.quad(
        lambda f: (best - f) * stats.norm.pdf(f, 1.0, std), lower - 3 * std, best, points=points, epsabs=0, limit=200
    )
    assert np.exp(log_expected_improvement(mean, np.array([std]), best)[0]) == pytest.approx(direct, rel=1e-7)


def test_its_logarithm_has_no_underflow() -> None:
    """Far away log EI tends to -z^2/2 - 2 log|z| + log(std) - log(2 pi)/2, and rises all the way."""
    z = np.array([-1e3, -1e5, -1e7])
    found = log_expected_improvement(-z, np.ones(3), 0.0)
    np.testing.assert_allclose(found, -0.5 * z**2 - 2 * np.log(-z) - 0.5 * np.log(2 * np.pi), rtol=1e-9)
    many = log_expected_improvement(np.linspace(50, -5, 4001), np.ones(4001), 0.0)
    assert (np.diff(many) > 0).all()
    assert np.isfinite(many).all()


def test_target_is_the_integral() -> None:
    mean, std = np.array([0.0, 1.0, 4.0]), np.array([1.0, 0.3, 2.0])
    _, shown, is_log = score("target", Belief(mean, std, 0.0, target=1.2, closest=0.5))
    for k in range(3):
        direct, _ = integrate.quad(lambda f, k=k: (0.5 - abs(f - 1.2)) * stats.norm.pdf(f, mean[k], std[k]), 0.7, 1.7)
        assert shown[k] == pytest.approx(direct, rel=1e-6)
    assert is_log
    far = score("target", Belief(np.array([1e3, 1e4]), np.ones(2), 0.0, target=0.0, closest=0.1))[0]
    assert np.isfinite(far).all()
    assert far[0] > far[1]


def test_the_simple_ones_are_what_they_say() -> None:
    mean, std = np.array([1.0, 2.0]), np.array([0.5, 2.0])
    belief = Belief(mean, std, 1.5, beta=3.0)
    np.testing.assert_allclose(score("z_score", belief)[1], (1.5 - mean) / std)
    np.testing.assert_allclose(score("pi", belief)[1], stats.norm.cdf(1.5, mean, std))
    np.testing.assert_allclose(score("ucb", belief)[1], mean - 3 * std)
    np.testing.assert_array_equal(score("max_variance", belief)[1], std)


def test_expected_hypervolume_is_that_of_sampling() -> None:
    rng = np.random.default_rng(0)
    front = np.array([[0.1, 0.9], [0.3, 0.5], [0.7, 0.2]])
    reference = np.array([1.1, 1.1])
    mean, std = rng.uniform(0, 1, (6, 2)), rng.uniform(0.05, 0.4, (6, 2))

    def volume(points: np.ndarray) -> float:
        points = points[(points < reference).all(axis=1)]
        points = points[pareto_mask(points)]
        points = points[np.argsort(points[:, 0])]
        right = np.append(points[1:, 0], reference[0])
        return float(np.sum((right - points[:, 0]) * (reference[1] - points[:, 1])))

    found = np.exp(expected_hypervolume(mean, std, front, reference))
    for k in range(6):
        draws = mean[k] + std[k] * rng.standard_normal((4000, 2))
        gain = np.array([volume(np.vstack([front, d])) - volume(front) for d in draws])
        assert found[k] == pytest.approx(gain.mean(), abs=4 * gain.std() / np.sqrt(4000) + 1e-6)


def test_equal_ones_are_drawn_by_lot() -> None:
    values = np.array([1.0, 3.0, 3.0, 3.0, np.nan, 9.0])
    allowed = np.array([True] * 5 + [False])
    picked = [pick(values, allowed, np.random.default_rng(k)) for k in range(300)]
    assert {1, 2, 3} == set(picked)
    assert max(np.bincount(picked)) < 130
    nothing = [pick(np.full(4, -np.inf), np.ones(4, bool), np.random.default_rng(k)) for k in range(100)]
    assert set(nothing) == {0, 1, 2, 3}


@pytest.mark.parametrize("name", ["none", "log", "power"])
def test_transforms_come_back(name: str) -> None:
    y = np.random.default_rng(0).gamma(2.0, 3.0, 50) + 0.1
    transform = Transform(name)
    transform.fit(y)
    turned = transform.forward(y)
    np.testing.assert_allclose(transform.back(turned), y, rtol=1e-10)
    step = 1e-6
    slope = (transform.forward(y + step) - transform.forward(y - step)) / (2 * step)
    np.testing.assert_allclose(transform.slope(y), slope, rtol=1e-5)
    if name == "power":
        assert abs(stats.skew(turned)) < 0.3 < stats.skew(y)
    draws = transform.back(0.3 + 0.2 * np.random.default_rng(1).standard_normal(200_000))
    mean, std = transform.moments(np.array([0.3]), np.array([0.2]))
    assert mean[0] == pytest.approx(draws.mean(), rel=5e-3)
    assert std[0] == pytest.approx(draws.std(), rel=1e-2)
