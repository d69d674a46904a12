"""A small network with one number out: its value, the gradient by its input, and gradients of a loss over both."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = ["Adam", "Cache", "Weights", "backward", "forward", "hidden_gradients", "initial_weights"]

#: Weights and biases of each layer in turn; the last two are those of the sum that makes the one number.
Weights = list[np.ndarray]
#: What `forward` keeps: input and outputs of the layers, and slopes of their activations.
Cache = tuple[list[np.ndarray], list[np.ndarray]]


def initial_weights(sizes: Sequence[int], rng: np.random.Generator) -> Weights:
    """Weights of unit gain, the last ones small so that the first energies are near the mean."""
    out: Weights = []
    for a, b in pairwise(sizes):
        out += [rng.normal(size=(a, b)) / np.sqrt(a), np.zeros(b)]
    out += [0.1 * rng.normal(size=sizes[-1]) / np.sqrt(sizes[-1]), np.zeros(1)]
    return [w.astype(np.float32) for w in out]


def forward(weights: Weights, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, Cache]:
    """Value (rows,), its gradient by x (rows, n_in), and what `backward` needs."""
    outputs, slopes = [x], []
    for k in range(0, len(weights) - 2, 2):
        a = np.tanh(outputs[-1] @ weights[k] + weights[k + 1])
        outputs.append(a)
        slopes.append(1.0 - a * a)
    value = outputs[-1] @ weights[-2] + weights[-1]
    return value, _down(weights, slopes, slopes[-1] * weights[-2]), (outputs, slopes)


def _down(weights: Weights, slopes: list[np.ndarray], g: np.ndarray) -> np.ndarray:
    """From a gradient by the sums of the last layer to that by the input."""
    for layer in range(len(slopes) - 1, -1, -1):
        g = g @ weights[2 * layer].T
        if layer:
            g = g * slopes[layer - 1]
    return g


def hidden_gradients(weights: Weights, cache: Cache, unit: int) -> np.ndarray:
    """Gradient of one output of the last layer by the input (rows, n_in)."""
    slopes = cache[1]
    start = np.zeros_like(slopes[-1])
    start[:, unit] = slopes[-1][:, unit]
    return _down(weights, slopes, start)


def backward(weights: Weights, cache: Cache, by_value: np.ndarray, along: np.ndarray) -> Weights:
    """Gradient by the weights of sum_i (by_value_i value_i + along_i . gradient_i).

    `by_value` (rows,) is dL/dvalue and `along` (rows, n_in) is dL/dgradient: second derivatives of the network are
    taken by following the direction `along` forwards, and both together backwards.
    """
    outputs, slopes = cache
    n = len(slopes)
    moved, steps = [along], []
    for layer in range(n):
        step = moved[-1] @ weights[2 * layer]
        steps.append(step)
        moved.append(slopes[layer] * step)
    last = weights[-2]
    out: Weights = [np.empty(0)] * len(weights)
    out[-2] = by_value @ outputs[-1] + moved[-1].sum(axis=0)
    out[-1] = np.array([by_value.sum()], dtype=by_value.dtype)
    to_output, to_moved = by_value[:, None] * last, np.broadcast_to(last, outputs[-1].shape)
    for layer in range(n - 1, -1, -1):
        bent = -2.0 * outputs[layer + 1] * steps[layer] * to_moved  # second derivative of tanh is -2 tanh tanh'
        to_sum, to_step = slopes[layer] * (to_output + bent), slopes[layer] * to_moved
        out[2 * layer] = outputs[layer].T @ to_sum + moved[layer].T @ to_step
        out[2 * layer + 1] = to_sum.sum(axis=0)
        if layer:
            to_output, to_moved = to_sum @ weights[2 * layer].T, to_step @ weights[2 * layer].T
    return out


class Adam:
    """Steps along averaged gradients over averaged sizes; D. P. Kingma and J. Ba, arXiv:1412.6980."""

    def __init__(self, first: Weights, second: Weights, n_steps: int) -> None:
        self.first, self.second, self.n_steps = first, second, n_steps

    @classmethod
    def of(cls, weights: Weights) -> "Adam":
        """At the start."""
        return cls([np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights], 0)

    def step(self, weights: Weights, gradient: Weights, rate: float) -> None:
        """Change the weights in place."""
        self.n_steps += 1
        rate *= np.sqrt(1 - 0.999**self.n_steps) / (1 - 0.9**self.n_steps)
        for w, g, m, v in zip(weights, gradient, self.first, self.second, strict=True):
            m[...] += 0.1 * (g - m)
            v[...] += 0.001 * (g * g - v)
            w[...] -= (rate * m / (np.sqrt(v) + 1e-8)).astype(w.dtype)
