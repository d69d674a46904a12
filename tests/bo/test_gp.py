"""The pool's Gaussian process against scikit-learn and against differences."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from mi_widgets.bo._gp import PoolGP
from mi_widgets.bo._hyper import JITTER, Prior, best_theta, objective

SKLEARN = {"matern52": {"nu": 2.5}, "matern32": {"nu": 1.5}}


def oracle(gp: PoolGP, index: list[int], values: list[float], given: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the pool by scikit-learn, with the hyperparameters that `gp` uses."""
    lengths = gp.lengths[gp.group]
    shape = RBF(lengths) if gp.kernel == "rbf" else Matern(lengths, **SKLEARN[gp.kernel])
    known = np.asarray(given)
    alpha = gp.signal * JITTER + np.where(np.isnan(known), gp.noise, known)
    mean = np.mean(values)
    peer = GaussianProcessRegressor(ConstantKernel(gp.signal) * shape, alpha=alpha, optimizer=None)
    peer.fit(gp.points[index], np.asarray(values) - mean)
    expected, std = peer.predict(gp.points, return_std=True)
    return expected + mean, std


def pool(seed: int, size: int = 400, columns: int = 3) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    X = rng.uniform(-0.5, 0.5, (size, columns))
    truth = np.sin(4 * X[:, 0]) + X[:, 1] ** 2 + X[:, 0] * X[:, 2]
    return X, 10 + 3 * truth, rng


def assert_same(ours: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-8)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-8)


@pytest.mark.parametrize("kernel", ["matern52", "matern32", "rbf"])
@pytest.mark.parametrize("seed", [0, 1])
def test_300_mixed_operations_are_those_of_scikit_learn(kernel: str, seed: int) -> None:
    """Tell (with repeats and known noise), retract, correct, what-if, in a shuffled pool: 1e-8."""
    X, y, rng = pool(seed)
    order = rng.permutation(len(X))
    gp = PoolGP(X[order], np.arange(3), kernel=kernel)
    y = y[order] + 0.02 * rng.standard_normal(len(y))
    checked = 0
    for step in range(300):
        kind = rng.choice(["tell", "tell", "tell", "retract", "correct", "what_if"]) if gp.n > 3 else "tell"
        i = int(rng.integers(len(X)))
        if kind == "tell":
            gp.add(i, y[i], 0.01 if step % 7 == 0 else np.nan)
        elif kind == "retract":
            gp.remove(int(rng.integers(gp.n)))
        elif kind == "correct":
            gp.replace(int(rng.integers(gp.n)), y[i])
        else:
            before = gp.posterior()
            found = gp.what_if(i, y[i])
            lists = [*gp.index, i], [*gp.values, y[i]], [*gp.given, np.nan]
            assert_same(found, oracle(gp, *lists))
            assert_same(gp.posterior(), before)
            checked += 1
        gp.update(refit=step % 3 == 0)
        if step % 10 == 9:
            assert_same(gp.posterior(), oracle(gp, gp.index, gp.values, gp.given))
    assert_same(gp.posterior(), oracle(gp, gp.index, gp.values, gp.given))
    assert checked > 20


def test_what_if_is_what_comes_when_it_is_told() -> None:
    X, y, rng = pool(3)
    gp = PoolGP(X, np.arange(3))
    for i in rng.choice(len(X), 20, replace=False):
        gp.add(i, y[i])
    gp.update()
    found = gp.what_if(17, -4.0)
    gp.add(17, -4.0)
    gp.update(refit=False)
    assert_same(gp.posterior(), found)


def test_few_updates_make_the_pool_anew_and_none_is_far_from_its_optimum() -> None:
    X, y, rng = pool(4)
    gp = PoolGP(X, np.arange(3))
    for i in rng.choice(len(X), 80, replace=False):
        gp.add(i, y[i])
        gp.update()
        gp.posterior()
        std = gp.standard()[1]
        used = gp.used - np.r_[np.zeros(3), np.full(2, 2 * np.log(std))]
        lowest = objective(gp.theta, gp.data(), gp.kernel, gp.prior)[0]
        assert objective(used, gp.data(), gp.kernel, gp.prior)[0] - lowest < 0.1
    assert gp.n_rebuilds < 40


@pytest.mark.parametrize("kernel", ["matern52", "matern32", "rbf"])
def test_gradient_is_that_of_differences(kernel: str) -> None:
    X, y, rng = pool(5, columns=5)
    gp = PoolGP(X, np.array([0, 1, 1, 2, 3]), kernel=kernel)
    for i in rng.choice(len(X), 25, replace=False):
        gp.add(i, y[i], 0.3 if i % 4 == 0 else np.nan)
    data = gp.data()
    for _ in range(5):
        theta = gp.prior.start + 0.5 * rng.standard_normal(6)
        value, gradient = objective(theta, data, kernel, gp.prior)
        assert np.isfinite(value)
        steps = 1e-5 * np.eye(6)
        numeric = [
            (
                8 * (objective(theta + h, data, kernel, gp.prior)[0] - objective(theta - h, data, kernel, gp.prior)[0])
                - (objective(theta + 2 * h, data, kernel, gp.prior)[0])
                + objective(theta - 2 * h, data, kernel, gp.prior)[0]
            )
            / 12e-5
            for h in steps
        ]
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-6)


def test_likelihood_is_that_of_scikit_learn() -> None:
    X, y, rng = pool(6)
    gp = PoolGP(X, np.arange(3))
    for i in rng.choice(len(X), 30, replace=False):
        gp.add(i, y[i])
    data, theta = gp.data(), gp.prior.start
    kernel = ConstantKernel(np.exp(theta[3])) * Matern(np.exp(theta[:3]), nu=2.5)
    peer = GaussianProcessRegressor(kernel, alpha=np.exp(theta[4]) + JITTER * np.exp(theta[3]), optimizer=None)
    peer.fit(X[gp.index], data.y)
    ours = objective(theta, data, "matern52", gp.prior)[0] - gp.prior.penalty(theta)[0]
    assert -ours == pytest.approx(peer.log_marginal_likelihood(), rel=1e-10)


def test_length_scales_of_a_known_function_are_found() -> None:
    rng = np.random.default_rng(7)
    X = rng.uniform(-0.5, 0.5, (300, 3))
    gp = PoolGP(X, np.arange(3))
    for i in range(60):
        gp.add(i, float(np.sin(8 * X[i, 0]) + 0.3 * np.sin(3 * X[i, 1])))
    gp.update()
    assert gp.lengths[0] < gp.lengths[1] < gp.lengths[2]


def test_leave_one_out_is_leaving_one_out() -> None:
    X, y, rng = pool(8)
    gp = PoolGP(X, np.arange(3))
    for i in rng.choice(len(X), 12, replace=False):
        gp.add(i, y[i] + 0.1 * rng.standard_normal())
    gp.update()
    mean, std = gp.leave_one_out()
    centre = np.mean(gp.values)
    for k in range(gp.n):
        rest = [j for j in range(gp.n) if j != k]
        peer = GaussianProcessRegressor(
            ConstantKernel(gp.signal) * Matern(gp.lengths, nu=2.5),
            alpha=gp.noise + JITTER * gp.signal,
            optimizer=None,
        ).fit(X[np.asarray(gp.index)[rest]], np.asarray(gp.values)[rest] - centre)
        m, s = peer.predict(X[[gp.index[k]]], return_std=True)
        assert mean[k] == pytest.approx(m[0] + centre, rel=1e-8)
        assert std[k] == pytest.approx(np.sqrt(s[0] ** 2 + gp.noise + JITTER * gp.signal), rel=1e-8)


def test_believed_candidates_shrink_the_spread_as_told_ones_do() -> None:
    X, y, rng = pool(9)
    gp = PoolGP(X, np.arange(3))
    for i in rng.choice(len(X), 15, replace=False):
        gp.add(i, y[i])
    gp.update()
    fantasy = gp.fantasy([3, 7])
    fantasy.add(11)
    mean = gp.posterior()[0]
    for i in (3, 7, 11):
        gp.add(i, mean[i])
    gp.update(refit=False)
    np.testing.assert_allclose(fantasy.std, gp.posterior()[1], rtol=1e-7)


def test_covariance_is_that_of_scikit_learn() -> None:
    X, y, rng = pool(10)
    gp = PoolGP(X, np.arange(3))
    for i in rng.choice(len(X), 15, replace=False):
        gp.add(i, y[i])
    gp.update()
    some = np.arange(40)
    kernel = ConstantKernel(gp.signal) * Matern(gp.lengths, nu=2.5)
    peer = GaussianProcessRegressor(kernel, alpha=gp.noise + JITTER * gp.signal, optimizer=None)
    peer.fit(X[gp.index], np.asarray(gp.values) - np.mean(gp.values))
    np.testing.assert_allclose(gp.covariance(some), peer.predict(X[some], return_cov=True)[1], atol=1e-10)


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0, 5.0], [0.0, 0.0]])
def test_one_value_or_all_the_same(values: list[float]) -> None:
    X, _, _ = pool(11)
    gp = PoolGP(X, np.arange(3))
    for i, value in enumerate(values):
        gp.add(i, value)
    gp.update()
    mean, std = gp.posterior()
    np.testing.assert_allclose(mean, values[0], atol=1e-9)
    assert (std > 0).all()
    assert std[0] < std[-1]


def test_copies_of_a_candidate_that_disagree() -> None:
    X, _, _ = pool(12)
    X[1] = X[0]
    gp = PoolGP(X, np.arange(3))
    for i, value in [(0, 1.0), (1, 3.0), (0, 1.2), (5, 2.0)]:
        gp.add(i, value)
    gp.update()
    mean, std = gp.posterior()
    assert np.isfinite(mean).all()
    assert (std > 0).all()
    assert mean[0] == pytest.approx(mean[1])


def test_fit_of_scikit_learn_is_not_better() -> None:
    """Without priors the same maximum is found."""
    X, y, rng = pool(13)
    gp = PoolGP(X, np.arange(3), prior=Prior(3, 3, length_std=1e6, signal_std=1e6, noise_std=1e6))
    for i in rng.choice(len(X), 30, replace=False):
        gp.add(i, y[i] + 0.3 * rng.standard_normal())
    data = gp.data()
    theta, lowest = best_theta([gp.prior.start], data, "matern52", gp.prior)
    from sklearn.gaussian_process.kernels import WhiteKernel

    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern([1.0] * 3, (1e-2, 173.0), nu=2.5)
    peer = GaussianProcessRegressor(kernel + WhiteKernel(1e-2, (1e-6, 1.0)), alpha=0.0, n_restarts_optimizer=3)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer.fit(X[gp.index], data.y)
    assert -lowest > peer.log_marginal_likelihood_value_ - 0.01
    assert np.isfinite(theta).all()
