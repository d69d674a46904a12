"""Arrays of densities of states, energy last: integrals, broadening, conserving resampling, shifts."""

from typing import Any

import numpy as np

__all__ = ["broaden", "cumulative", "kernel_values", "rebin", "resample", "trapezoid_weights"]

_FAR = 8.0  # widths of a Gaussian beyond which nothing is left


def trapezoid_weights(axis: np.ndarray) -> np.ndarray:
    """Weights whose sum of products with values is the integral by the trapezoid rule."""
    edges = np.concatenate([axis[:1], 0.5 * (axis[1:] + axis[:-1]), axis[-1:]])
    return np.asarray(np.diff(edges))


def kernel_values(distance: np.ndarray, width: float, shape: str) -> np.ndarray:
    """Gaussian of standard deviation `width`, or Lorentzian of half width `width`, up to a factor."""
    x = distance / width
    return np.asarray(np.exp(-0.5 * x * x) if shape == "gaussian" else 1 / (1 + x * x))


def broaden(values: np.ndarray, axis: np.ndarray, width: float, shape: str = "gaussian") -> np.ndarray:
    """Broaden along the last axis so that the integral of every row stays what it was.

    What a kernel would carry over an end of the axis is given back inside, for each source energy by itself.
    """
    weights = trapezoid_weights(axis)
    steps = np.diff(axis)
    step = steps.mean()
    n = axis.size
    if np.allclose(steps, step, rtol=1e-4, atol=0):
        return _broaden_uniform(values, weights, step, width, shape)
    kernel = kernel_values(axis[:, None] - axis[None, :], width, shape)
    kernel *= (weights / (weights @ kernel))[None, :]
    return (values.reshape(-1, n) @ kernel.T).reshape(values.shape)


def _broaden_uniform(values: np.ndarray, weights: np.ndarray, step: float, width: float, shape: str) -> np.ndarray:
    from scipy.fft import irfft, next_fast_len, rfft

    n = weights.size
    reach = n - 1 if shape == "lorentzian" else min(n - 1, int(_FAR * width / step) + 1)
    kernel = kernel_values(step * np.arange(-reach, reach + 1), width, shape)
    # norm_j = sum_i w_i g(i - j), the same for all rows
    norm = np.convolve(weights, kernel)[reach : reach + n]
    size = next_fast_len(n + 2 * reach, real=True)
    factor = rfft(kernel, size)
    scale = weights / norm
    out = np.empty(values.shape, dtype=np.result_type(values.dtype, np.float32))
    flat_in, flat_out = values.reshape(-1, n), out.reshape(-1, n)
    block = max(1, 2_000_000 // size)
    for start in range(0, len(flat_in), block):
        rows = slice(start, start + block)
        flat_out[rows] = irfft(rfft(flat_in[rows] * scale, size) * factor, size)[:, reach : reach + n]
    if values.size and kernel.min() >= 0:  # round-off of the transform, where nothing was below zero
        low = flat_in.min(axis=1, keepdims=True) >= 0
        np.copyto(out, 0, where=((flat_out < 0) & low).reshape(out.shape))
    return out


def cumulative(values: np.ndarray, axis: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Integral, from the first energy to each of `at`, of the lines that join the values."""
    steps = np.diff(axis)
    areas = 0.5 * (values[..., 1:] + values[..., :-1]) * steps
    total = np.zeros(values.shape)
    np.cumsum(areas, axis=-1, out=total[..., 1:])
    at = np.clip(at, axis[0], axis[-1])
    k = np.clip(np.searchsorted(axis, at, side="right") - 1, 0, axis.size - 2)
    t = at - axis[k]
    left, slope = values[..., k], (values[..., k + 1] - values[..., k]) / steps[k]
    return np.asarray(total[..., k] + left * t + 0.5 * slope * t * t)


def resample(values: np.ndarray, axis: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Means over the cells around the new energies: the trapezoid integral between their ends is kept."""
    edges = np.concatenate([new[:1], 0.5 * (new[1:] + new[:-1]), new[-1:]])
    return np.asarray(np.diff(cumulative(values, axis, edges), axis=-1) / np.diff(edges))


def rebin(values: np.ndarray, axis: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """States in each bin; the sum over bins is the integral between the first and the last edge."""
    return np.asarray(np.diff(cumulative(values, axis, edges), axis=-1))


def group_sums(values: np.ndarray, groups: list[list[int]], over: int = 1) -> Any:
    """Sums over groups of positions along one dimension."""
    parts = [values.take(g, axis=over).sum(axis=over) if len(g) > 1 else values.take(g[0], axis=over) for g in groups]
    return np.stack(parts, axis=over)
