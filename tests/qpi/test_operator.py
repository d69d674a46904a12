"""The operator against sums written out, and its transpose."""

import numpy as np
import pytest

from mi_widgets.qpi._operator import PlaneWaves, full_plane, q_axis


def _some(rng: np.random.Generator, dtype: type = np.float64) -> tuple[PlaneWaves, np.ndarray, np.ndarray, np.ndarray]:
    y, x = np.sort(rng.uniform(0, 9, 11)), 0.3 * np.arange(17)  # rows need not be even, pixels not square
    mask = rng.random((11, 17)) < 0.4
    mask[3], mask[:, 5] = False, False  # a row and a column without any sample
    return PlaneWaves(y, x, q_axis(4.0, 12), mask, dtype), y, x, mask


def test_forward_is_the_sum_over_half_the_plane(rng: np.random.Generator) -> None:
    waves, y, x, mask = _some(rng)
    a, b = c = rng.normal(size=waves.shape)
    q = q_axis(4.0, 12)
    expected = []
    for i, j in zip(*np.nonzero(mask), strict=True):
        phase = q[6:, None] * y[i] + q * x[j]
        expected.append((a * np.cos(phase) + b * np.sin(phase)).sum())
    np.testing.assert_allclose(waves.forward(c), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "near"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_transpose_is_the_adjoint(rng: np.random.Generator, dtype: type, near: float) -> None:
    waves, *_ = _some(rng, dtype)
    c = rng.normal(size=waves.shape).astype(dtype)
    values = rng.normal(size=waves.n_pixels).astype(dtype)
    left, right = float(waves.forward(c) @ values), float(np.vdot(c, waves.transpose(values)))
    assert abs(left / right - 1) < near


def test_norm_is_the_largest_eigenvalue(rng: np.random.Generator) -> None:
    waves, *_ = _some(rng)
    n = int(np.prod(waves.shape))
    matrix = np.stack([waves.forward(e.reshape(waves.shape)) for e in np.eye(n)], axis=1)
    largest = np.linalg.eigvalsh(matrix.T @ matrix)[-1]
    assert largest <= waves.norm(200) <= 1.05 * largest


def test_q_grid_is_symmetric_without_zero() -> None:
    q = q_axis(5.0, 8)
    np.testing.assert_allclose(q, -q[::-1])
    assert (q != 0).all()
    assert q[-1] + (q[1] - q[0]) / 2 == 5.0


def test_full_plane_is_even_and_odd(rng: np.random.Generator) -> None:
    cosine, sine = full_plane(rng.normal(size=(2, 4, 8)))
    np.testing.assert_array_equal(cosine, cosine[::-1, ::-1])
    np.testing.assert_array_equal(sine, -sine[::-1, ::-1])
